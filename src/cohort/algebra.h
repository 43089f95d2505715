/*
 * algebra.h
 *		Operations on unpacked cohorts, shared by the files of this room.
 */
#ifndef SIPP_ALGEBRA_H
#define SIPP_ALGEBRA_H

#include "cohort/cohort.h"

extern Cohort *cohort_merge(const Cohort *a, const Cohort *b);
extern Cohort *cohort_subtract(const Cohort *a, const Cohort *b);
extern void cohort_tidy(Cohort *c);
extern size_t cohort_ncell(const Cohort *c);
extern void terms_check(int nterm, const SippTerm *terms);

extern int	level_compare(const SippTerm *a, int i, const SippTerm *b, int j);
extern void term_union(SippTerm *a, const SippTerm *b);
extern void term_sort(SippTerm *t, const int64 *rows);
extern bool term_matches(const SippTerm *a, const SippTerm *b);
extern void cohort_mismatch(int na, const SippTerm *a, bool wa,
							int nb, const SippTerm *b, bool wb) pg_attribute_noreturn();
extern void rank_clash(const SippTerm *t, const char *label) pg_attribute_noreturn();

#endif							/* SIPP_ALGEBRA_H */
