/*
 * unseen.c
 *		A cohort without the pupils whose level of a factor a model has not seen.
 *
 * A cohort holds, of each level, its rows, its weight, its sums of every numeric
 * column and its weight in each level of the other factors.  So the pupils of
 * some levels of one factor can be taken out: the number and weight of the rest,
 * the rest's means and its shares of all levels are exact.  With W' the weight
 * of the rest, m the means of all and s_l the sums of level l about m,
 *
 *		m' = m - sum over the levels taken out of s_l / W'.
 *
 * Sums of squares and products within a level are not kept, so that the rest's
 * are unknown (NaN here), but for
 *	- those with the levels that stay of the same factor, which are sums again;
 *	- levels of one pupil, whose sums are that pupil's record: with d = s_l / w_l,
 *	  S' = S - sum w_l d d' - W' (m' - m)(m' - m)'.
 *
 * Of pupils with unseen levels of two factors, those who have both are not known
 * apart from those who have one: there the cohort does not fit.
 *
 * Context terms (sipp.with_context) are those of the school without these pupils,
 * if their own terms are in the cohort and give their values; else they stay.  So
 * that a school is placed as if the rows had never been in it.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"

#include "adjust/unseen.h"
#include "cohort/algebra.h"

#define MAX_LISTED 10			/* levels in one reason */
#define CONTEXT_SUFFIX "_mean"	/* of a term that sipp.with_context made */

/* What is taken out. */
typedef struct Removal
{
	int			term;			/* the cohort's factor, -1: none yet */
	bool	   *level;			/* [nlevel of it] taken out */
	int			nlevel;			/* how many are */
	int64		rows;
	bool		singles;		/* each of them is one pupil */
} Removal;

/* Cell of level a of term s and level b of term t, two factors of c. */
static double *
cell_of(const Cohort *c, const SippTerm *s, int a, const SippTerm *t, int b)
{
	if (s->factor > t->factor)
		return c->cell[SIPP_PAIR(s->factor, t->factor)] + (size_t) a * t->nlevel + b;
	return c->cell[SIPP_PAIR(t->factor, s->factor)] + (size_t) b * s->nlevel + a;
}

/* Names of the levels taken out: "X" or "X", "Y" and 3 more. */
static char *
level_list(const SippTerm *t, const Removal *out)
{
	StringInfoData s;
	int			listed = 0;

	initStringInfo(&s);
	for (int l = 0; l < t->nlevel && listed < MAX_LISTED; l++)
		if (out->level[l])
			appendStringInfo(&s, "%s\"%s\"", listed++ > 0 ? ", " : "", t->label[l]);
	if (out->nlevel > listed)
		appendStringInfo(&s, " and %d more", out->nlevel - listed);
	return s.data;
}

/*
 * The levels that the frame does not have.  False where the cohort does not fit
 * for another reason, or for unseen levels of two factors (then *reason says so).
 */
static bool
find_unseen(const SippFrame *f, const Cohort *c, Removal *out, char **reason)
{
	out->term = -1;
	out->singles = true;
	if (c->weighted != f->weighted)
		return false;
	for (int i = 0; i < f->nterm; i++)
	{
		const SippTerm *t = &f->term[i];
		int			k = cohort_find_term(c, t->name);
		const SippTerm *s;
		int			next = 0;

		CHECK_FOR_INTERRUPTS();
		if (k < 0)
			return false;
		s = &c->term[k];
		if (s->kind != t->kind || s->context != t->context)
			return false;
		for (int l = 0; SIPP_IS_FACTOR(s->kind) && l < s->nlevel; l++)
		{
			/* dictionaries are sorted alike: nearly always the next one */
			if (next < t->nlevel && strcmp(t->label[next], s->label[l]) == 0)
				next++;
			else if ((next = term_find_level(t, s->label[l])) >= 0)
				next++;
			else
			{
				if (out->term >= 0 && out->term != k)
				{
					const SippTerm *other = &c->term[out->term];

					*reason = psprintf("level%s %s of term \"%s\" %s unknown to the model, and so is level \"%s\" of term \"%s\": only pupils with unknown levels of one term can be left out; fit a model with these levels, or one without \"%s\" or \"%s\"",
									   out->nlevel == 1 ? "" : "s", level_list(other, out),
									   other->name, out->nlevel == 1 ? "is" : "are",
									   s->label[l], s->name, other->name, s->name);
					return false;
				}
				if (out->term < 0)
					out->level = palloc0_array(bool, s->nlevel);
				out->term = k;
				out->level[l] = true;
				out->nlevel++;
				out->rows += c->level_rows[s->first + l];
				out->singles &= c->level_rows[s->first + l] == 1;
				next = 0;
			}
		}
	}
	return out->term >= 0;
}

/*
 * A cohort without rows, with the terms of c but for the levels taken out.  The
 * levels that stay keep their places and what is known of their order.
 */
static Cohort *
make_rest(const Cohort *c, const Removal *out)
{
	const SippTerm *whole = &c->term[out->term];
	SippTerm   *term = palloc_array(SippTerm, c->nterm);
	SippTerm   *t = &term[out->term];
	int		   *kept = palloc_array(int, whole->nlevel);
	int			n = 0;

	memcpy(term, c->term, sizeof(SippTerm) * c->nterm);
	t->label = palloc_array(char *, whole->nlevel);
	for (int l = 0; l < whole->nlevel; l++)
		if (!out->level[l])
		{
			t->label[n] = whole->label[l];
			kept[n++] = l;
		}
	t->nlevel = n;
	if (whole->before != NULL)
	{
		order_open(t);
		for (int i = 0; i < n; i++)
			for (int j = i + 1; j < n; j++)
				if (order_before(whole, kept[i], kept[j]))
					order_set(t, i, j);
	}
	return cohort_make(c->nterm, term, c->weighted);
}

/* Counts, weights and means of the rest; d: [nnum] m' - m. */
static void
rest_means(Cohort *r, const Cohort *c, const Removal *out, double *d)
{
	const SippTerm *s = &c->term[out->term];
	const SippTerm *t = &r->term[out->term];
	int			n = 0;

	r->rows = c->rows - out->rows;
	r->dropped = c->dropped;
	for (int l = 0; l < s->nlevel; l++)
		if (!out->level[l])
		{
			r->level_rows[t->first + n] = c->level_rows[s->first + l];
			r->level_weight[t->first + n++] = c->level_weight[s->first + l];
			r->weight += c->level_weight[s->first + l];
		}

	/* the stored form derives the first level's sums from the others': take the other side */
	memset(d, 0, sizeof(double) * c->nnum);
	for (int l = 0; l < s->nlevel; l++)
		if (out->level[l] != out->level[0])
			for (int i = 0; i < c->nnum; i++)
				d[i] += c->level_sum[(size_t) (s->first + l) * c->nnum + i];
	for (int i = 0; i < c->nnum; i++)
	{
		d[i] *= (out->level[0] ? 1 : -1) / r->weight;
		r->mean[i] = c->mean[i] + d[i];
	}

	/* the other factors' levels, in the cells with those that stay */
	for (int k = 0; k < c->nterm; k++)
	{
		const SippTerm *g = &c->term[k];

		for (int m = 0; k != out->term && g->factor >= 0 && m < g->nlevel; m++)
			for (int l = 0; l < s->nlevel; l++)
				if (!out->level[l])
					r->level_weight[r->term[k].first + m] += *cell_of(c, g, m, s, l);
	}
}

/* Sums of the levels that stay, about the new means, and their cells. */
static void
rest_levels(Cohort *r, const Cohort *c, const Removal *out, const double *d)
{
	const SippTerm *s = &c->term[out->term];
	const SippTerm *t = &r->term[out->term];
	int			n = 0;

	for (int l = 0; l < s->nlevel; l++)
	{
		double	   *sum = r->level_sum + (size_t) (t->first + n) * r->nnum;

		if (out->level[l])
			continue;
		for (int i = 0; i < c->nnum; i++)
			sum[i] = c->level_sum[(size_t) (s->first + l) * c->nnum + i] -
				d[i] * c->level_weight[s->first + l];
		for (int k = 0; k < c->nterm; k++)
		{
			const SippTerm *g = &r->term[k];

			for (int m = 0; k != out->term && g->factor >= 0 && m < g->nlevel; m++)
				*cell_of(r, g, m, t, n) = *cell_of(c, &c->term[k], m, s, l);
		}
		n++;
	}
}

/*
 * Products of numbers, the other factors' sums and their cells, where all stays
 * known: each level taken out is one pupil.
 */
static void
rest_of_singles(Cohort *r, const Cohort *c, const Removal *out, const double *d)
{
	const SippTerm *s = &c->term[out->term];
	int		   *at = palloc_array(int, c->nterm);

	for (int i = 0; i < c->nnum; i++)
		for (int j = 0; j <= i; j++)
			r->cross[SIPP_TRI(i, j)] = c->cross[SIPP_TRI(i, j)] - r->weight * d[i] * d[j];
	for (int k = 0; k < c->nterm; k++)
		for (int m = 0; k != out->term && c->term[k].factor >= 0 && m < c->term[k].nlevel; m++)
		{
			size_t		from = (size_t) (c->term[k].first + m) * c->nnum;
			int			to = r->term[k].first + m;

			CHECK_FOR_INTERRUPTS();
			for (int i = 0; i < c->nnum; i++)
				r->level_sum[(size_t) to * r->nnum + i] = c->level_sum[from + i] - d[i] * r->level_weight[to];
			for (int n = 0; n < k; n++)
				for (int b = 0; n != out->term && c->term[n].factor >= 0 && b < c->term[n].nlevel; b++)
					*cell_of(r, &r->term[k], m, &r->term[n], b) = *cell_of(c, &c->term[k], m, &c->term[n], b);
		}

	/* a pupil's record: its numbers are the level's sums, its levels those of its cells */
	for (int l = 0; l < s->nlevel; l++)
	{
		const double *sum = c->level_sum + (size_t) (s->first + l) * c->nnum;
		double		w = c->level_weight[s->first + l];

		if (!out->level[l])
			continue;
		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < c->nnum; i++)
			for (int j = 0; j <= i; j++)
				r->cross[SIPP_TRI(i, j)] -= sum[i] * (sum[j] / w);
		for (int k = 0; k < c->nterm; k++)
		{
			if (k == out->term || c->term[k].factor < 0)
				continue;
			at[k] = 0;
			while (at[k] < c->term[k].nlevel - 1 && !(*cell_of(c, &c->term[k], at[k], s, l) > 0))
				at[k]++;
			for (int i = 0; i < c->nnum; i++)
				r->level_sum[(size_t) (r->term[k].first + at[k]) * r->nnum + i] -= sum[i];
			for (int n = 0; n < k; n++)
				if (n != out->term && c->term[n].factor >= 0)
					*cell_of(r, &r->term[k], at[k], &r->term[n], at[n]) -= w;
		}
	}
	pfree(at);
}

/* The same where they are not known, but for a single pupil, about whom all are zero. */
static void
rest_unknown(Cohort *r, const Removal *out)
{
	double		v = r->rows == 1 ? 0 : NAN;

	for (size_t i = 0; i < SIPP_NTRI(r->nnum); i++)
		r->cross[i] = v;
	for (int k = 0; k < r->nterm; k++)
		for (int m = 0; k != out->term && r->term[k].factor >= 0 && m < r->term[k].nlevel; m++)
		{
			int			to = r->term[k].first + m;

			CHECK_FOR_INTERRUPTS();
			for (int i = 0; i < r->nnum; i++)
				r->level_sum[(size_t) to * r->nnum + i] = v;
			for (int n = 0; n < k; n++)
				for (int b = 0; n != out->term && r->term[n].factor >= 0 && b < r->term[n].nlevel; b++)
					*cell_of(r, &r->term[k], m, &r->term[n], b) =
						v + r->level_weight[to] * (r->level_weight[r->term[n].first + b] / r->weight);
		}
}

/* Is column i constant within the cohort, with this mean? */
static bool
is_constant(const Cohort *c, int i, double mean)
{
	double		slack = 1e-9 * (fabs(mean) + fabs(c->mean[i]));

	return fabs(c->mean[i] - mean) <= slack &&
		sqrt(c->cross[SIPP_TRI(i, i)] / c->weight) <= slack;
}

/*
 * A context term that holds the means of a term of this very cohort gets the
 * rest's means.  Its products, those of a constant, are zero.
 */
static void
rest_context(Cohort *r, const Cohort *c, int k)
{
	const SippTerm *t = &c->term[k];
	size_t		len = strlen(t->name);
	size_t		suffix = strlen(CONTEXT_SUFFIX);
	int			own = -1;
	const SippTerm *s;
	int			n = t->kind == SIPP_SHARES ? t->nlevel : 1;
	double	   *mean;

	if (len > suffix && strcmp(t->name + len - suffix, CONTEXT_SUFFIX) == 0)
		own = cohort_find_term(c, pnstrdup(t->name, len - suffix));
	if (own < 0)
		return;
	s = &c->term[own];
	if (s->context || SIPP_IS_FACTOR(s->kind) != (t->kind == SIPP_SHARES))
		return;
	mean = palloc0_array(double, n);
	for (int l = 0; l < n; l++)
	{
		int			at = t->kind == SIPP_SHARES ? term_find_level(s, t->label[l]) : 0;
		double		was = t->kind != SIPP_SHARES ? c->mean[s->first]
			: at < 0 ? 0 : c->level_weight[s->first + at] / c->weight;

		if (!is_constant(c, t->first + l, was))
			return;
		at = t->kind == SIPP_SHARES ? term_find_level(&r->term[own], t->label[l]) : 0;
		mean[l] = t->kind != SIPP_SHARES ? r->mean[r->term[own].first]
			: at < 0 ? 0 : r->level_weight[r->term[own].first + at] / r->weight;
	}
	for (int l = 0; l < n; l++)
	{
		int			col = r->term[k].first + l;

		r->mean[col] = mean[l];
		for (int i = 0; i < r->nnum; i++)
			r->cross[i >= col ? SIPP_TRI(i, col) : SIPP_TRI(col, i)] = 0;
		for (int m = 0; m < r->nlevel; m++)
			r->level_sum[(size_t) m * r->nnum + col] = 0;
	}
}

/*
 * The part of a cohort that the frame has columns for: see unseen.h.
 */
Cohort *
cohort_seen(const SippFrame *f, const Cohort *c, Unseen *unseen)
{
	Removal		out;
	Cohort	   *r;
	double	   *d;
	const SippTerm *t;
	char	   *levels;

	memset(unseen, 0, sizeof(Unseen));
	memset(&out, 0, sizeof(out));
	if (!find_unseen(f, c, &out, &unseen->reason))
	{
		if (unseen->reason != NULL)
			unseen->rows = c->rows;
		return NULL;
	}
	t = &c->term[out.term];
	levels = level_list(t, &out);
	unseen->rows = out.rows;
	if (out.rows == c->rows)
	{
		unseen->reason = out.nlevel == 1
			? psprintf("level %s of term \"%s\" is unknown to the model and all pupils have it: fit a model with this level, or one without \"%s\"",
					   levels, t->name, t->name)
			: psprintf("levels %s of term \"%s\" are unknown to the model and all pupils have one of them: fit a model with these levels, or one without \"%s\"",
					   levels, t->name, t->name);
		return NULL;
	}
	unseen->reason = psprintf("%lld of %lld pupils left out: level%s %s of term \"%s\" %s unknown to the model",
							  (long long) out.rows, (long long) c->rows,
							  out.nlevel == 1 ? "" : "s", levels, t->name,
							  out.nlevel == 1 ? "is" : "are");
	unseen->products = out.singles || c->rows - out.rows == 1;

	r = make_rest(c, &out);
	d = palloc_array(double, c->nnum);
	rest_means(r, c, &out, d);
	rest_levels(r, c, &out, d);
	if (out.singles && r->rows > 1)
		rest_of_singles(r, c, &out, d);
	else
		rest_unknown(r, &out);
	for (int k = 0; k < c->nterm; k++)
		if (c->term[k].context)
			rest_context(r, c, k);
	return r;
}
