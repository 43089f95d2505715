/*
 * algebra.c
 *		What can be done with cohorts without seeing a pupil again: merge, take
 *		apart, keep some covariates.
 *
 * Formulas: Welford (1962); Chan, Golub, LeVeque (1983).
 */
#include "sipp.h"

#include <math.h>

#include "cohort/algebra.h"

/*
 * Is there room for the columns of these terms?  False: there is not, and the
 * error went to escontext.
 */
bool
terms_fit(int nterm, const SippTerm *terms, Node *escontext)
{
	int			n = 1;

	for (int i = 0; i < nterm; i++)
		n += terms[i].kind == SIPP_NUMBER ? 1 : terms[i].nlevel;
	if (n > SIPP_MAX_COLUMNS)
		SIPP_BAD_INPUT(escontext,
					   (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a cohort cannot have more than %d numbers and factor levels together",
							   SIPP_MAX_COLUMNS),
						errdetail("This one would have %d.", n),
						errhint("Group rare levels of the factors, or leave a covariate out.")));
	return n <= SIPP_MAX_COLUMNS;
}

/*
 * The share of a weight below which a rest of it has lost too many digits: rounding
 * of 1e-16 is 1e-6 of it, which is the slack that cohort_flaw grants weights.
 */
#define LOST	1e-10

/*
 * A cohort of no rows with these terms and dictionaries (which are shared, not
 * copied: strings are never modified), and its arrays.
 */
Cohort *
cohort_make(int nterm, const SippTerm *terms, bool weighted)
{
	Cohort	   *c = palloc0(sizeof(Cohort));
	size_t		need;

	(void) terms_fit(nterm, terms, NULL);
	c->weighted = weighted;
	c->nterm = nterm;
	c->term = palloc(sizeof(SippTerm) * Max(nterm, 1));
	c->nnum = 1;
	for (int i = 0; i < nterm; i++)
	{
		SippTerm   *t = &c->term[i];

		*t = terms[i];
		t->factor = -1;
		if (SIPP_IS_FACTOR(t->kind))
		{
			t->factor = c->nfactor++;
			t->first = c->nlevel;
			c->nlevel += t->nlevel;
		}
		else
		{
			t->first = c->nnum;
			c->nnum += t->kind == SIPP_SHARES ? t->nlevel : 1;
		}
	}
	c->maxlevel = c->nlevel;

	need = c->nnum + SIPP_NTRI(c->nnum) + c->nlevel + (size_t) c->nlevel * c->nnum;
	c->mean = palloc0(sizeof(double) * need);
	c->cross = c->mean + c->nnum;
	c->level_weight = c->cross + SIPP_NTRI(c->nnum);
	c->level_sum = c->level_weight + c->nlevel;
	c->level_rows = palloc0(sizeof(int64) * Max(c->nlevel, 1));

	if (c->nfactor > 1)
	{
		int		   *size = palloc(sizeof(int) * c->nfactor);
		size_t		ncell = 0;
		double	   *cell;

		for (int i = 0; i < nterm; i++)
			if (c->term[i].factor >= 0)
				size[c->term[i].factor] = c->term[i].nlevel;
		for (int f = 1; f < c->nfactor; f++)
			for (int g = 0; g < f; g++)
				ncell += (size_t) size[f] * size[g];
		cell = palloc0(sizeof(double) * Max(ncell, 1));
		c->cell = palloc(sizeof(double *) * SIPP_NPAIR(c->nfactor));
		for (int f = 1; f < c->nfactor; f++)
			for (int g = 0; g < f; g++)
			{
				c->cell[SIPP_PAIR(f, g)] = cell;
				cell += (size_t) size[f] * size[g];
			}
		pfree(size);
	}
	return c;
}

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

/* The mapping from src to dst; termmap[i]: src's term for dst's term i. */
static Mapping
map_cohort(const Cohort *dst, const Cohort *src, const int *termmap)
{
	Mapping		m;
	int			nf = Max(src->nfactor, 1);

	m.num = palloc(sizeof(int) * src->nnum);
	m.level = palloc(sizeof(int) * Max(src->nlevel, 1));
	m.factor = palloc(sizeof(int) * nf * 5);
	m.src_first = m.factor + nf;
	m.src_size = m.src_first + nf;
	m.dst_first = m.src_size + nf;
	m.dst_size = m.dst_first + nf;

	for (int i = 0; i < src->nnum; i++)
		m.num[i] = -1;
	for (int i = 0; i < src->nlevel; i++)
		m.level[i] = -1;
	for (int i = 0; i < src->nfactor; i++)
		m.factor[i] = -1;
	m.num[0] = 0;

	for (int i = 0; i < dst->nterm; i++)
	{
		const SippTerm *d = &dst->term[i];
		const SippTerm *s = &src->term[termmap[i]];
		int			k = 0;

		if (d->kind == SIPP_NUMBER)
		{
			m.num[s->first] = d->first;
			continue;
		}

		/*
		 * d's dictionary has all of s's levels but those without pupils.  Both
		 * are sorted alike but for values from another encoding, so the next
		 * level is nearly always the next to look at.
		 */
		for (int l = 0; l < s->nlevel; l++)
		{
			int			tries = 0;

			while (tries < d->nlevel && strcmp(d->label[k], s->label[l]) != 0)
			{
				tries++;
				k = k + 1 < d->nlevel ? k + 1 : 0;
			}
			if (tries == d->nlevel)
			{
				if (d->kind == SIPP_SHARES || src->level_rows[s->first + l] != 0)
					elog(ERROR, "level \"%s\" is missing from its union", s->label[l]);
				continue;
			}
			if (d->kind == SIPP_SHARES)
				m.num[s->first + l] = d->first + k;
			else
				m.level[s->first + l] = d->first + k;
		}
		if (d->factor >= 0)
		{
			m.factor[s->factor] = d->factor;
			m.src_first[s->factor] = s->first;
			m.src_size[s->factor] = s->nlevel;
			m.dst_first[s->factor] = d->first;
			m.dst_size[s->factor] = d->nlevel;
		}
	}
	return m;
}

/* dst's cells += sign * src's. */
static void
add_cells(Cohort *dst, const Cohort *src, const Mapping *m, double sign)
{
	for (int f = 1; f < src->nfactor; f++)
		for (int g = 0; g < f; g++)
		{
			const double *from = src->cell[SIPP_PAIR(f, g)];
			int			df = m->factor[f];
			int			dg = m->factor[g];
			bool		swap = dg > df;
			double	   *to;

			if (df < 0 || dg < 0)
				continue;
			to = dst->cell[swap ? SIPP_PAIR(dg, df) : SIPP_PAIR(df, dg)];
			for (int a = 0; a < m->src_size[f]; a++)
			{
				int			ta = m->level[m->src_first[f] + a] - m->dst_first[f];

				if (ta < 0)
					continue;
				for (int b = 0; b < m->src_size[g]; b++)
				{
					int			tb = m->level[m->src_first[g] + b] - m->dst_first[g];
					size_t		at = swap ? (size_t) tb * m->dst_size[f] + ta
						: (size_t) ta * m->dst_size[g] + tb;

					if (tb < 0)
						continue;
					to[at] += sign * from[(size_t) a * m->src_size[g] + b];
				}
			}
		}
}

/* dst's cross-products += sign * src's (about their own means). */
static void
add_cross(Cohort *dst, const Cohort *src, const Mapping *m, double sign)
{
	for (int i = 0; i < src->nnum; i++)
	{
		int			a = m->num[i];

		if (a < 0)
			continue;
		for (int j = 0; j <= i; j++)
		{
			int			b = m->num[j];

			if (b >= 0)
				dst->cross[a >= b ? SIPP_TRI(a, b) : SIPP_TRI(b, a)] +=
					sign * src->cross[SIPP_TRI(i, j)];
		}
	}
}

/* src's means in dst's columns; a level that src lacks has share zero. */
static double *
map_means(const Cohort *dst, const Cohort *src, const Mapping *m)
{
	double	   *mean = palloc0(sizeof(double) * dst->nnum);

	for (int i = 0; i < src->nnum; i++)
		if (m->num[i] >= 0)
			mean[m->num[i]] = src->mean[i];
	return mean;
}

/*
 * dst's level sums += sign * (src's, taken about mean 'about' instead of
 * src's own mean 'own').
 */
static void
add_levels(Cohort *dst, const Cohort *src, const Mapping *m, double sign,
		   const double *own, const double *about)
{
	for (int l = 0; l < src->nlevel; l++)
	{
		int			to = m->level[l];
		double	   *sum;
		double		w = src->level_weight[l];

		if (to < 0)
			continue;
		dst->level_rows[to] += sign > 0 ? src->level_rows[l] : -src->level_rows[l];
		dst->level_weight[to] += sign * w;
		sum = dst->level_sum + (size_t) to * dst->nnum;
		for (int i = 0; i < src->nnum; i++)
			if (m->num[i] >= 0)
				sum[m->num[i]] += sign * src->level_sum[(size_t) l * src->nnum + i];
		for (int i = 0; i < dst->nnum; i++)
			sum[i] += sign * w * (own[i] - about[i]);
	}
}

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

/* The numbers from 0 on: the terms of a cohort in their own order. */
static int *
own_terms(int nterm)
{
	int		   *map = palloc(sizeof(int) * Max(nterm, 1));

	for (int i = 0; i < nterm; i++)
		map[i] = i;
	return map;
}

/* Copy rows and cells of src into the empty dst, whose columns are a superset. */
static void
copy_into(Cohort *dst, const Cohort *src, const int *termmap)
{
	Mapping		m = map_cohort(dst, src, termmap);
	double	   *mean = map_means(dst, src, &m);

	dst->rows = src->rows;
	dst->dropped = src->dropped;
	dst->weight = src->weight;
	dst->sum_log_w = src->sum_log_w;
	dst->fractional = src->fractional;
	memcpy(dst->mean, mean, sizeof(double) * dst->nnum);
	add_cross(dst, src, &m, 1);
	add_levels(dst, src, &m, 1, mean, mean);
	add_cells(dst, src, &m, 1);
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

/*
 * Bring dictionaries into canonical order and drop levels without pupils (of an
 * empty cohort, all).
 */
void
cohort_tidy(Cohort *c)
{
	bool		tidy = true;
	SippTerm   *terms;
	int		   *map;
	Cohort	   *fresh;

	for (int i = 0; i < c->nterm && tidy; i++)
	{
		const SippTerm *t = &c->term[i];

		tidy = t->kind == SIPP_NUMBER ||
			term_sorted(t, SIPP_IS_FACTOR(t->kind) ? c->level_rows + t->first : NULL);
	}
	if (tidy)
	{
		for (int i = 0; i < c->nterm; i++)
			c->term[i].rank = NULL;
		return;
	}

	terms = palloc(sizeof(SippTerm) * c->nterm);
	map = palloc(sizeof(int) * c->nterm);
	for (int i = 0; i < c->nterm; i++)
	{
		SippTerm   *t = &terms[i];

		*t = c->term[i];
		map[i] = i;
		if (t->kind != SIPP_NUMBER)
			term_sort(t, SIPP_IS_FACTOR(t->kind) ? c->level_rows + t->first : NULL);
	}
	fresh = cohort_make(c->nterm, terms, c->weighted);
	fresh->shapeless = c->shapeless;
	copy_into(fresh, c, map);
	*c = *fresh;
}

/* Some of the covariates, in the order given. */
Cohort *
cohort_select(const Cohort *c, int n, const int *terms)
{
	SippTerm   *t = palloc(sizeof(SippTerm) * Max(n, 1));
	Cohort	   *out;

	for (int i = 0; i < n; i++)
		t[i] = c->term[terms[i]];
	out = cohort_make(n, t, c->weighted);
	out->shapeless = c->shapeless;
	copy_into(out, c, terms);
	return out;
}
