/*
 * cohort.c
 *		The unpacked cohort: make one, copy one into another, keep some covariates,
 *		bring it into canonical order.
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
	c->term = palloc_array(SippTerm, nterm);
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
	c->mean = palloc0_array(double, need);
	c->cross = c->mean + c->nnum;
	c->level_weight = c->cross + SIPP_NTRI(c->nnum);
	c->level_sum = c->level_weight + c->nlevel;
	c->level_rows = palloc0_array(int64, c->nlevel);

	if (c->nfactor > 1)
	{
		int		   *size = palloc_array(int, c->nfactor);
		size_t		ncell = 0;
		double	   *cell;

		for (int i = 0; i < nterm; i++)
			if (c->term[i].factor >= 0)
				size[c->term[i].factor] = c->term[i].nlevel;
		for (int f = 1; f < c->nfactor; f++)
			for (int g = 0; g < f; g++)
				ncell += (size_t) size[f] * size[g];
		cell = palloc0_array(double, ncell);
		c->cell = palloc_array(double *, SIPP_NPAIR(c->nfactor));
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

/* Map src to dst; termmap[i]: src's term for dst's term i. */
Mapping
map_cohort(const Cohort *dst, const Cohort *src, const int *termmap)
{
	Mapping		m;
	int			nf = src->nfactor;

	m.num = palloc_array(int, src->nnum);
	m.level = palloc_array(int, src->nlevel);
	m.factor = palloc_array(int, (size_t) nf * 5);
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
void
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
void
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
double *
map_means(const Cohort *dst, const Cohort *src, const Mapping *m)
{
	double	   *mean = palloc0_array(double, dst->nnum);

	for (int i = 0; i < src->nnum; i++)
		if (m->num[i] >= 0)
			mean[m->num[i]] = src->mean[i];
	return mean;
}

/*
 * dst's level sums += sign * (src's, taken about mean 'about' instead of
 * src's own mean 'own').
 */
void
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

/* Number the terms of a cohort from 0 on, in their own order. */
int *
own_terms(int nterm)
{
	int		   *map = palloc_array(int, nterm);

	for (int i = 0; i < nterm; i++)
		map[i] = i;
	return map;
}

/* Copy rows and cells of src into the empty dst, whose columns are a superset. */
void
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

	terms = palloc_array(SippTerm, c->nterm);
	map = palloc_array(int, c->nterm);
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
	SippTerm   *t = palloc_array(SippTerm, n);
	Cohort	   *out;

	for (int i = 0; i < n; i++)
		t[i] = c->term[terms[i]];
	out = cohort_make(n, t, c->weighted);
	out->shapeless = c->shapeless;
	copy_into(out, c, terms);
	return out;
}

/* Number of cells of all pairs of factors. */
size_t
cohort_ncell(const Cohort *c)
{
	size_t		n = 0;

	for (int i = 0; i < c->nterm; i++)
		for (int j = 0; j < i; j++)
			if (c->term[i].factor >= 0 && c->term[j].factor >= 0)
				n += (size_t) c->term[i].nlevel * c->term[j].nlevel;
	return n;
}
