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

/*
 * The error of a malformed value that an input function was given, in ereport's
 * words.  Where escontext, the function's fcinfo->context, collects errors, the
 * first one is noted there and control comes back: the caller goes on with
 * something harmless, or returns.  Otherwise, as with NULL, it is raised.
 */
#define SIPP_BAD_INPUT(escontext, ...) \
	do { \
		if (!SOFT_ERROR_OCCURRED(escontext)) \
			errsave(escontext, __VA_ARGS__); \
	} while (0)

#endif							/* SIPP_H */
