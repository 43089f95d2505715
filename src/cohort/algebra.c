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

/* Report two cohorts whose terms are not the same, in the same order. */
static void
match_terms(const Cohort *a, const Cohort *b)
{
	bool		same = a->nterm == b->nterm && a->weighted == b->weighted;

	for (int i = 0; i < a->nterm && same; i++)
		same = term_matches(&a->term[i], &b->term[i]);
	if (!same)
		cohort_mismatch(a->nterm, a->term, a->weighted, b->nterm, b->term, b->weighted);
}

/* Take the level sums of c about the mean 'to' instead of 'from'. */
static void
move_levels(Cohort *c, const double *from, const double *to)
{
	for (int l = 0; l < c->nlevel; l++)
		for (int i = 0; i < c->nnum; i++)
			c->level_sum[(size_t) l * c->nnum + i] += c->level_weight[l] * (from[i] - to[i]);
}

/*
 * Add to c the sums of b, or take them out: the one kernel of both directions.
 *
 *		cross    +- b's cross +- f apart apart'
 *		levels   +- b's, taken about the mean of the whole
 *		cells    +- b's
 *
 * The whole is the result of a merge and the first argument of a subtraction; c's
 * level sums are about its mean.  apart: difference of the means of its two parts, whose
 * weights are n1 and n2; f = n1 n2 / (n1 + n2).  Source: Chan, Golub, LeVeque
 * (1983), eq. 1.5.
 */
static void
add_sums(Cohort *c, const Cohort *b, const Mapping *m, double sign, const double *mb,
		 const double *whole, const double *apart, double f)
{
	add_cross(c, b, m, sign);
	for (int i = 0; i < c->nnum; i++)
		for (int j = 0; j <= i; j++)
			c->cross[SIPP_TRI(i, j)] += sign * (apart[i] * apart[j] * f);
	add_levels(c, b, m, sign, mb, whole);
	add_cells(c, b, m, sign);
}

/* Merge cohorts of which at least one never saw its shape, and so only counts. */
static Cohort *
merge_shapeless(const Cohort *a, const Cohort *b)
{
	const Cohort *shaped = a->shapeless ? b : a;
	Cohort	   *c;

	if (a->weighted != b->weighted)
		cohort_mismatch(a->nterm, a->term, a->weighted, b->nterm, b->term, b->weighted);
	c = cohort_make(shaped->nterm, shaped->term, shaped->weighted);
	c->shapeless = a->shapeless && b->shapeless;
	copy_into(c, shaped, own_terms(shaped->nterm));
	c->dropped = a->dropped + b->dropped;
	return c;
}

/* Copy a into a cohort whose dictionaries have the levels of both. */
static Cohort *
copy_with_levels(const Cohort *a, const Cohort *b)
{
	SippTerm   *terms = palloc_array(SippTerm, a->nterm);
	Cohort	   *c;

	for (int i = 0; i < a->nterm; i++)
	{
		terms[i] = a->term[i];
		if (terms[i].kind != SIPP_NUMBER)
			term_union(&terms[i], &b->term[i], false);
	}
	c = cohort_make(a->nterm, terms, a->weighted);
	copy_into(c, a, own_terms(a->nterm));
	return c;
}

/*
 * Merge two cohorts of disjoint pupils.  O(columns squared).
 */
Cohort *
cohort_merge(const Cohort *a, const Cohort *b)
{
	Cohort	   *c;
	Mapping		m;
	double	   *mb;
	double	   *old;
	double	   *apart;

	if (a->rows + b->rows > SIPP_MAX_ROWS || a->dropped + b->dropped > SIPP_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a cohort cannot have more than 2^53 rows")));
	if (a->shapeless || b->shapeless)
		return merge_shapeless(a, b);

	match_terms(a, b);
	c = copy_with_levels(a, b);
	c->dropped += b->dropped;
	if (b->rows == 0)
		return c;
	m = map_cohort(c, b, own_terms(c->nterm));
	mb = map_means(c, b, &m);
	c->rows += b->rows;
	c->sum_log_w += b->sum_log_w;
	c->fractional |= b->fractional;
	c->weight = a->weight + b->weight;

	/* without rows a has no mean: b's, so that the parts are not apart */
	if (a->rows == 0)
		memcpy(c->mean, mb, sizeof(double) * c->nnum);
	old = palloc_array(double, c->nnum);
	apart = palloc_array(double, c->nnum);
	for (int i = 0; i < c->nnum; i++)
	{
		old[i] = c->mean[i];
		apart[i] = mb[i] - c->mean[i];
		c->mean[i] += apart[i] * (b->weight / c->weight);
	}
	move_levels(c, old, c->mean);
	add_sums(c, b, &m, 1, mb, c->mean, apart, a->weight * (b->weight / c->weight));
	return c;
}

/* Report that what is to be taken out is not in there. */
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
 * Report a rest that weighs less than the rounding of what it is taken from,
 * because its figures would be that rounding.
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

/* Report what shows that b's pupils are not among those of a. */
static void
check_part(const Cohort *a, const Cohort *b)
{
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
	if (b->rows > a->rows)
		not_part(psprintf("It has %lld rows, the first only %lld.",
						  (long long) b->rows, (long long) a->rows));
}

/* Make the rest where b has all rows of a. */
static Cohort *
empty_rest(const Cohort *a, const Cohort *b)
{
	Cohort	   *empty = cohort_make(a->nterm, a->term, a->weighted);

	if (fabs(a->weight - b->weight) > 1e-9 * a->weight)
		not_part("It has the same rows, but not the same weight.");
	empty->dropped = a->dropped - b->dropped;
	cohort_tidy(empty);
	return empty;
}

/* Compute the weight of the rest, and report one that is lost or negative. */
static double
rest_weight(const Cohort *a, const Cohort *b)
{
	double		w = a->weighted ? a->weight - b->weight : (double) (a->rows - b->rows);

	if (a->weighted && fabs(w) <= LOST * a->weight)
		rest_lost("The weight that is left", w, a->weight);
	if (!(w > 0))
		not_part("Its weight is more than that of the first.");
	return w;
}

/* Report a level of which more was taken out of c than there was in a. */
static void
check_rest_levels(const Cohort *c, const Cohort *a)
{
	for (int l = 0; l < c->nlevel; l++)
	{
		double		w = c->level_weight[l];

		if (c->level_rows[l] < 0)
			not_part("A level has more rows in it than in the first.");
		if (c->level_rows[l] > 0 && a->weighted && w <= LOST * a->level_weight[l] &&
			w >= -WEIGHT_SLACK * c->weight)
			rest_lost("The weight that is left of a level", w, a->level_weight[l]);
		if (c->level_rows[l] > 0 && !(w > 0))
			not_part("A level has more weight in it than in the first.");
	}
}

/*
 * Bring the rest c of a into a form that can be stored.  What cancels to less than
 * rounding leaves is set to zero, so that no variance is negative and a level
 * without pupils is gone.
 */
static void
settle_rest(Cohort *c, const Cohort *a)
{
	double		w = c->weight;
	const char *flaw = cohort_settle_rest(c, a);

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
}

/*
 * Take b out of a, the inverse of cohort_merge.
 */
Cohort *
cohort_subtract(const Cohort *a, const Cohort *b)
{
	Cohort	   *c;
	Mapping		m;
	double	   *mb;
	double	   *rest;
	double	   *apart;

	if (b->dropped > a->dropped)
		not_part(psprintf("It has %lld dropped rows, the first only %lld.",
						  (long long) b->dropped, (long long) a->dropped));
	if (!b->shapeless)
		check_part(a, b);
	if (!b->shapeless && b->rows > 0 && b->rows == a->rows)
		return empty_rest(a, b);
	c = cohort_make(a->nterm, a->term, a->weighted);
	copy_into(c, a, own_terms(a->nterm));
	c->shapeless = a->shapeless;
	c->dropped -= b->dropped;
	if (b->shapeless || b->rows == 0)
		return c;

	m = map_cohort(c, b, own_terms(c->nterm));
	mb = map_means(c, b, &m);
	c->rows -= b->rows;
	c->weight = rest_weight(a, b);
	c->sum_log_w -= b->sum_log_w;

	/* mean of the rest, from the side that loses no digits */
	rest = palloc_array(double, c->nnum);
	apart = palloc_array(double, c->nnum);
	for (int i = 0; i < c->nnum; i++)
	{
		rest[i] = a->mean[i] + (a->mean[i] - mb[i]) * (b->weight / c->weight);
		apart[i] = rest[i] - mb[i];
	}
	add_sums(c, b, &m, -1, mb, a->mean, apart, c->weight * (b->weight / a->weight));
	check_rest_levels(c, a);
	move_levels(c, a->mean, rest);
	memcpy(c->mean, rest, sizeof(double) * c->nnum);
	settle_rest(c, a);
	return c;
}
