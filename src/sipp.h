/*
 * sipp.h
 *		What every room of sipp shares: limits and conventions.
 */
#ifndef SIPP_H
#define SIPP_H

#include "compat.h"
#include "fmgr.h"

#define SIPP_VERSION "0.1.0"

/*
 * Named limits.  Each is stated in the README, and passing it raises
 * ERRCODE_PROGRAM_LIMIT_EXCEEDED with a hint that says how to go on.
 */
#define SIPP_MAX_TERMS		200		/* covariates of one cohort */
#define SIPP_MAX_LEVELS		2000	/* levels of one factor */
#define SIPP_MAX_COLUMNS	2500	/* numbers and levels of one cohort together */
#define SIPP_MAX_NAME		255		/* characters in a term's name or a level */
#define SIPP_MAX_ROWS		(INT64CONST(1) << 53)	/* counts are exact as float8 */

#endif							/* SIPP_H */
