/*
 * algebra.c
 *		What can be done with two cohorts without seeing a pupil again: merge
 *		them, or take one out of the other.
 *
 * Formulas: Welford (1962); Chan, Golub, LeVeque (1983).
 */
#include "sipp.h"

#include <math.h>

#include "cohort/algebra.h"

/*
 * The share of a weight below which a rest of it has lost too many digits: rounding
 * of 1e-16 is 1e-6 of it, which is the slack that cohort_flaw grants weights.
 */
#define LOST	1e-10

/* The error of two cohorts unless their terms are the same, in the same order. */
static void
match_terms(const Cohort *a, const Cohort *b)
{
	bool		same = a->nterm == b->nterm && a->weighted == b->weighted;

	for (int i = 0; i < a->nterm && same; i++)
		same = term_matches(&a->term[i], &b->term[i]);
	if (!same)
		cohort_mismatch(a->nterm, a->term, a->weighted, b->nterm, b->term, b->weighted);
}

/*
 * Two cohorts of disjoint pupils as one.  O(columns squared).  Source: Chan,
 * Golub, LeVeque (1983), eq. 1.5, with level sums moved to the common mean.
 */
Cohort *
cohort_merge(const Cohort *a, const Cohort *b)
{
	Cohort	   *c;
	int		   *own;
	SippTerm   *terms;
	Mapping		m;
	double	   *mb;
	double	   *d;
	double	   *old;

	if (a->rows + b->rows > SIPP_MAX_ROWS || a->dropped + b->dropped > SIPP_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a cohort cannot have more than 2^53 rows")));

	/* a cohort that never saw its shape only counts */
	if (a->shapeless || b->shapeless)
	{
		const Cohort *shaped = a->shapeless ? b : a;

		if (a->weighted != b->weighted)
			cohort_mismatch(a->nterm, a->term, a->weighted, b->nterm, b->term, b->weighted);
		c = cohort_make(shaped->nterm, shaped->term, shaped->weighted);
		c->shapeless = a->shapeless && b->shapeless;
		copy_into(c, shaped, own_terms(shaped->nterm));
		c->dropped = a->dropped + b->dropped;
		return c;
	}

	match_terms(a, b);
	own = own_terms(a->nterm);
	terms = palloc(sizeof(SippTerm) * Max(a->nterm, 1));
	for (int i = 0; i < a->nterm; i++)
	{
		terms[i] = a->term[i];
		if (terms[i].kind != SIPP_NUMBER)
			term_union(&terms[i], &b->term[i], false);
	}
	c = cohort_make(a->nterm, terms, a->weighted);
	copy_into(c, a, own);
	c->dropped += b->dropped;
	if (b->rows == 0)
		return c;
	m = map_cohort(c, b, own);
	mb = map_means(c, b, &m);
	old = palloc(sizeof(double) * c->nnum);
	d = palloc(sizeof(double) * c->nnum);
	c->rows += b->rows;
	c->sum_log_w += b->sum_log_w;
	c->fractional |= b->fractional;
	if (a->rows == 0)
	{
		memcpy(old, mb, sizeof(double) * c->nnum);
		memset(d, 0, sizeof(double) * c->nnum);
		memcpy(c->mean, mb, sizeof(double) * c->nnum);
		c->weight = b->weight;
	}
	else
	{
		c->weight = a->weight + b->weight;
		for (int i = 0; i < c->nnum; i++)
		{
			old[i] = c->mean[i];
			d[i] = mb[i] - c->mean[i];
			c->mean[i] += d[i] * (b->weight / c->weight);
		}
		/* a's level sums about the common mean */
		for (int l = 0; l < c->nlevel; l++)
			for (int i = 0; i < c->nnum; i++)
				c->level_sum[(size_t) l * c->nnum + i] +=
					c->level_weight[l] * (old[i] - c->mean[i]);
	}
	add_cross(c, b, &m, 1);
	if (a->rows > 0)
	{
		double		f = a->weight * (b->weight / c->weight);

		for (int i = 0; i < c->nnum; i++)
			for (int j = 0; j <= i; j++)
				c->cross[SIPP_TRI(i, j)] += d[i] * d[j] * f;
	}
	add_levels(c, b, &m, 1, mb, c->mean);
	add_cells(c, b, &m, 1);
	return c;
}

/* The error of taking out what is not in there. */
pg_noreturn static void
not_part(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("the second argument of sipp.subtract is not part of the first"),
			 errdetail("%s", what),
			 errhint("Only a cohort that was merged in can be taken out again.")));
}

/*
 * The error of a rest that weighs less than the rounding of what it is taken from:
 * its figures would be that rounding.
 */
pg_noreturn static void
rest_lost(const char *what, double rest, double whole)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("what sipp.subtract would leave is lost in rounding"),
			 errdetail("%s is %g of %g.", what, Max(rest, 0), whole),
			 errhint("Merge the cohorts that are to stay instead.")));
}

/*
 * a without b, the inverse of cohort_merge.  What cancels to less than rounding
 * leaves is set to zero, so that no variance is negative and a level without
 * pupils is gone.
 */
Cohort *
cohort_subtract(const Cohort *a, const Cohort *b)
{
	Cohort	   *c;
	int		   *own = own_terms(a->nterm);
	Mapping		m;
	double	   *mb;
	double	   *mnew;
	double		w;
	double		f;
	const char *flaw;

	c = cohort_make(a->nterm, a->term, a->weighted);
	copy_into(c, a, own);
	c->shapeless = a->shapeless;
	if (b->dropped > a->dropped)
		not_part(psprintf("It has %lld dropped rows, the first only %lld.",
							 (long long) b->dropped, (long long) a->dropped));
	c->dropped -= b->dropped;
	if (b->shapeless)
		return c;

	match_terms(a, b);
	for (int i = 0; i < a->nterm; i++)
	{
		SippTerm	t = a->term[i];

		for (int l = 0; l < b->term[i].nlevel; l++)
			if (term_find_level(&t, b->term[i].label[l]) < 0)
				not_part(psprintf("Level \"%s\" of term \"%s\" is not in the first.",
									 b->term[i].label[l], t.name));

		/* the rest keeps the first's order, which the second must not contradict */
		if (term_ordered(&t))
			term_union(&t, &b->term[i], false);
	}
	if (b->rows == 0)
		return c;
	if (b->rows > a->rows)
		not_part(psprintf("It has %lld rows, the first only %lld.",
						  (long long) b->rows, (long long) a->rows));

	m = map_cohort(c, b, own);
	mb = map_means(c, b, &m);
	c->rows -= b->rows;
	if (c->rows == 0)
	{
		Cohort	   *empty = cohort_make(a->nterm, a->term, a->weighted);

		if (fabs(a->weight - b->weight) > 1e-9 * a->weight)
			not_part("It has the same rows, but not the same weight.");
		empty->dropped = c->dropped;
		cohort_tidy(empty);
		return empty;
	}
	w = a->weighted ? a->weight - b->weight : (double) c->rows;
	if (a->weighted && fabs(w) <= LOST * a->weight)
		rest_lost("The weight that is left", w, a->weight);
	if (!(w > 0))
		not_part("Its weight is more than that of the first.");
	c->weight = w;
	c->sum_log_w -= b->sum_log_w;

	/* mean of the rest, from the side that loses no digits */
	mnew = palloc(sizeof(double) * c->nnum);
	for (int i = 0; i < c->nnum; i++)
		mnew[i] = a->mean[i] + (a->mean[i] - mb[i]) * (b->weight / w);

	add_levels(c, b, &m, -1, mb, a->mean);
	for (int l = 0; l < c->nlevel; l++)
	{
		if (c->level_rows[l] < 0)
			not_part("A level has more rows in it than in the first.");
		for (int i = 0; i < c->nnum; i++)
			c->level_sum[(size_t) l * c->nnum + i] += c->level_weight[l] * (a->mean[i] - mnew[i]);
		if (c->level_rows[l] > 0 && a->weighted && c->level_weight[l] <= LOST * a->level_weight[l] &&
			c->level_weight[l] >= -WEIGHT_SLACK * w)
			rest_lost("The weight that is left of a level", c->level_weight[l], a->level_weight[l]);
		if (c->level_rows[l] > 0 && !(c->level_weight[l] > 0))
			not_part("A level has more weight in it than in the first.");
	}
	add_cells(c, b, &m, -1);

	add_cross(c, b, &m, -1);
	f = w * (b->weight / a->weight);
	for (int i = 0; i < c->nnum; i++)
		for (int j = 0; j <= i; j++)
			c->cross[SIPP_TRI(i, j)] -= (mnew[i] - mb[i]) * (mnew[j] - mb[j]) * f;
	memcpy(c->mean, mnew, sizeof(double) * c->nnum);

	flaw = cohort_settle_rest(c, a);
	if (flaw == NULL)
	{
		cohort_tidy(c);
		derive_first_levels(c);
		cohort_settle(c);
		flaw = cohort_flaw(c);
	}
	if (flaw != NULL && a->weighted && w <= WEIGHT_SLACK * a->weight)
		rest_lost("The weight that is left", w, a->weight);
	if (flaw != NULL)
		not_part(flaw);
	return c;
}
