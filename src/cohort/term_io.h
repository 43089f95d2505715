/*
 * term_io.h
 *		Terms with their dictionaries as bytes and as JSON.
 */
#ifndef SIPP_TERM_IO_H
#define SIPP_TERM_IO_H

#include "base/codec.h"
#include "cohort/cohort.h"

extern void codec_terms(Codec *x, int *nterm, SippTerm **term); /* allocates when reading */
extern void json_terms(StringInfo s, int nterm, const SippTerm *term);
extern SippTerm *json_get_terms(const JsonIn *in, const char *field, int *nterm);

#endif							/* SIPP_TERM_IO_H */
