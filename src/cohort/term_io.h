/*
 * term_io.h
 *		Terms with their dictionaries as bytes and as JSON.
 */
#ifndef SIPP_TERM_IO_H
#define SIPP_TERM_IO_H

#include "base/fields.h"
#include "cohort/cohort.h"

extern void codec_terms(Codec *x, int *nterm, SippTerm **term); /* allocates when reading */
extern void field_terms(Fields *x, const char *name, int *nterm, SippTerm **term);	/* the same */

#endif							/* SIPP_TERM_IO_H */
