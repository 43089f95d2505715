/*
 * algebra.h
 *		Operations on unpacked cohorts, shared by the files of this room.
 */
#ifndef SIPP_ALGEBRA_H
#define SIPP_ALGEBRA_H

#include "cohort/cohort.h"

/* algebra.c */
extern Cohort *cohort_merge(const Cohort *a, const Cohort *b);
extern Cohort *cohort_subtract(const Cohort *a, const Cohort *b);
extern void cohort_tidy(Cohort *c);
extern size_t cohort_ncell(const Cohort *c);

/* check.c */
extern bool terms_check(int nterm, const SippTerm *terms, Node *escontext);
extern void cohort_settle(Cohort *c);
extern char *cohort_settle_rest(Cohort *c, const Cohort *a);
extern char *cohort_flaw(const Cohort *c);
extern void cohort_invalid(const char *detail, Node *escontext);

/* terms.c */
extern int	level_compare(const SippTerm *a, int i, const SippTerm *b, int j);
extern const char *term_repeats(const SippTerm *t);
extern void term_union(SippTerm *a, const SippTerm *b);
extern void term_sort(SippTerm *t, const int64 *rows);
extern bool term_matches(const SippTerm *a, const SippTerm *b);
pg_noreturn extern void cohort_mismatch(int na, const SippTerm *a, bool wa,
							int nb, const SippTerm *b, bool wb);
pg_noreturn extern void rank_clash(const SippTerm *t, const char *label);

#endif							/* SIPP_ALGEBRA_H */
