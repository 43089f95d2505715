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

/* cohort.c */
extern void cohort_tidy(Cohort *c);
extern size_t cohort_ncell(const Cohort *c);

/*
 * Where the parts of a source cohort stand in a target: every numeric column and
 * level of the source has a place there, -1 where it is to be left out.
 */
typedef struct Mapping
{
	int		   *num;			/* [src->nnum] */
	int		   *level;			/* [src->nlevel] */
	int		   *factor;			/* [src->nfactor] target's ordinal, or -1 */
	int		   *src_first;		/* [src->nfactor] first level, and their number */
	int		   *src_size;
	int		   *dst_first;
	int		   *dst_size;
} Mapping;

extern Mapping map_cohort(const Cohort *dst, const Cohort *src, const int *termmap);
extern double *map_means(const Cohort *dst, const Cohort *src, const Mapping *m);
extern int *own_terms(int nterm);
extern void copy_into(Cohort *dst, const Cohort *src, const int *termmap);
extern void add_cells(Cohort *dst, const Cohort *src, const Mapping *m, double sign);
extern void add_cross(Cohort *dst, const Cohort *src, const Mapping *m, double sign);
extern void add_levels(Cohort *dst, const Cohort *src, const Mapping *m, double sign,
					   const double *own, const double *about);

/* Relative slack of sums of weights: those of a million or more roundings. */
#define WEIGHT_SLACK	1e-6

/* check.c */
extern bool terms_check(int nterm, const SippTerm *terms, Node *escontext);
extern void derive_first_levels(Cohort *c);
extern void cohort_settle(Cohort *c);
extern const char *cohort_settle_rest(Cohort *c, const Cohort *a);
extern const char *cohort_flaw(const Cohort *c);
extern void cohort_invalid(const char *detail, Node *escontext);

/* order.c */
/* at[nlevel of b]: index of each of b's levels in a, -1 for what a lacks; returns how many */
extern int	order_locate(const SippTerm *a, const SippTerm *b, int *at);
extern bool order_before(const SippTerm *t, int i, int j);
extern void order_open(SippTerm *t);
extern void order_set(SippTerm *t, int i, int j);
extern void order_close(SippTerm *t);
extern void order_cover(const SippTerm *t, int i, uint64 *row);
extern uint64 *order_row(const SippTerm *t);
extern bool order_row_has(const uint64 *row, int j);
extern void order_sort(SippTerm *t, const int64 *rows);
extern bool order_sorted(const SippTerm *t, const int64 *rows);
extern void order_union(SippTerm *a, const SippTerm *b, bool copy);

/* terms.c */
extern const char *term_repeats(const SippTerm *t);
extern void term_union(SippTerm *a, const SippTerm *b, bool copy);
extern void term_sort(SippTerm *t, const int64 *rows);
extern bool term_sorted(const SippTerm *t, const int64 *rows);
extern const char *term_kind(const SippTerm *t);
extern char *levels_to_string(const SippTerm *t);
extern bool term_matches(const SippTerm *a, const SippTerm *b);
pg_noreturn extern void cohort_mismatch(int na, const SippTerm *a, bool wa,
							int nb, const SippTerm *b, bool wb);

#endif							/* SIPP_ALGEBRA_H */
