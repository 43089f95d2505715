/*
 * frame.c
 *		The columns of a design matrix over many cohorts, and a cohort's means and
 *		cross-products in them.
 *
 * A cohort knows only the levels of its own pupils; the frame is their union.
 */
#include "sipp.h"

#include <math.h>

#include "cohort/algebra.h"

/* A frame with the terms of the first cohort, copied into the current context. */
SippFrame *
frame_begin(const Cohort *first)
{
	SippFrame  *f = palloc0(sizeof(SippFrame));

	f->weighted = first->weighted;
	f->nterm = first->nterm;
	f->term = palloc0(sizeof(SippTerm) * Max(f->nterm, 1));
	for (int i = 0; i < f->nterm; i++)
	{
		SippTerm   *t = &f->term[i];

		*t = first->term[i];
		t->name = pstrdup(t->name);
		if (t->reference)
			t->reference = pstrdup(t->reference);
		if (t->kind == SIPP_NUMBER)
			continue;
		t->label = palloc(sizeof(char *) * Max(t->nlevel, 1));
		t->rank = palloc(sizeof(double) * Max(t->nlevel, 1));
		for (int l = 0; l < t->nlevel; l++)
		{
			t->label[l] = pstrdup(first->term[i].label[l]);
			t->rank[l] = first->term[i].rank[l];
		}
	}
	return f;
}

/* The cohort's term for the frame's term i, NULL if it has none of that name. */
static const SippTerm *
same_term(const SippFrame *f, const Cohort *c, int i)
{
	int			k = i;

	if (k >= c->nterm || strcmp(c->term[k].name, f->term[i].name) != 0)
		k = cohort_find_term(c, f->term[i].name);
	return k < 0 ? NULL : &c->term[k];
}

/* Enter a cohort's levels; its terms must be the frame's. */
void
frame_add(SippFrame *f, const Cohort *c)
{
	if (c->shapeless)
		return;
	if (c->nterm != f->nterm || c->weighted != f->weighted)
		cohort_mismatch(f->nterm, f->term, f->weighted, c->nterm, c->term, c->weighted);
	for (int i = 0; i < f->nterm; i++)
	{
		SippTerm   *t = &f->term[i];
		const SippTerm *s = same_term(f, c, i);
		char	  **label = t->label;
		double	   *rank = t->rank;
		int			n = t->nlevel;
		int			k = 0;

		if (s == NULL || !term_matches(t, s))
			cohort_mismatch(f->nterm, f->term, f->weighted, c->nterm, c->term, c->weighted);
		if (t->kind == SIPP_NUMBER)
			continue;
		term_union(t, s);
		if (t->label == label)
			continue;

		/* the new labels are still the cohort's */
		for (int l = 0; l < t->nlevel; l++)
		{
			if (k < n && t->label[l] == label[k])
				k++;
			else
				t->label[l] = pstrdup(t->label[l]);
		}
		pfree(label);
		pfree(rank);
	}
}

/* Choose the reference levels and number the columns. */
void
frame_finish(SippFrame *f)
{
	int			p = 1;

	f->refidx = palloc(sizeof(int) * Max(f->nterm, 1));
	for (int i = 0; i < f->nterm; i++)
	{
		SippTerm   *t = &f->term[i];

		term_sort(t, NULL);
		t->first = p;
		f->refidx[i] = term_reference(t);
		p += t->kind == SIPP_NUMBER ? 1 : Max(t->nlevel - 1, 0);
	}
	if (p > SIPP_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a model cannot have more than %d columns", SIPP_MAX_COLUMNS),
				 errdetail("The levels of all cohorts together make %d.", p),
				 errhint("Group rare levels of the factors, or leave a covariate out with sipp.subset.")));
	f->p = p;
	f->col_term = palloc(sizeof(int) * p);
	f->col_level = palloc(sizeof(int) * p);
	f->col_term[0] = f->col_level[0] = -1;
	for (int i = 0; i < f->nterm; i++)
	{
		int			at = f->term[i].first;

		if (f->term[i].kind == SIPP_NUMBER)
		{
			f->col_term[at] = i;
			f->col_level[at] = -1;
			continue;
		}
		for (int l = 0; l < f->term[i].nlevel; l++)
			if (l != f->refidx[i])
			{
				f->col_term[at] = i;
				f->col_level[at++] = l;
			}
	}
}

/* Column of a level of term i; -1 for the reference. */
static inline int
level_column(const SippFrame *f, int i, int level)
{
	int			ref = f->refidx[i];

	return level == ref ? -1 : f->term[i].first + level - (level > ref ? 1 : 0);
}

/*
 * Index of a label in the frame's term, looking first at *k, where the last one
 * was found: dictionaries are sorted alike.
 */
static int
find_next(const SippTerm *t, const char *label, int *k)
{
	for (int tries = 0; tries < t->nlevel; tries++)
	{
		if (*k >= t->nlevel)
			*k = 0;
		if (strcmp(t->label[*k], label) == 0)
			return (*k)++;
		(*k)++;
	}
	return -1;
}

/* Where one of a cohort's columns stands in the frame. */
typedef struct Place
{
	int			col;			/* in the frame; p is the outcome */
	int			num;			/* numeric column of the cohort, or -1 */
	int			level;			/* else its level, in the level arrays */
	int			factor;			/* of that level */
	int			local;			/* index of that level in its factor */
	int			nlocal;			/* levels of that factor */
} Place;

/*
 * The places of a cohort's columns; returns a reason instead if it does not fit.
 * A level that the frame's own reference stands for has no place.
 */
static char *
find_places(const SippFrame *f, const Cohort *c, Place *place, int *nplace)
{
	int			n = 0;

	if (c->shapeless || c->rows == 0)
		return pstrdup("no pupil has all covariates");
	if (c->weighted != f->weighted)
		return pstrdup(c->weighted ? "the cohort is weighted, the model is not"
					   : "the model is weighted, the cohort is not");
	for (int i = 0; i < f->nterm; i++)
	{
		const SippTerm *t = &f->term[i];
		const SippTerm *s = same_term(f, c, i);
		int			k = 0;

		if (s == NULL)
			return psprintf("the cohort lacks term \"%s\"", t->name);
		if (s->kind != t->kind || s->context != t->context)
			return psprintf("term \"%s\" is %s in the cohort and %s in the model", t->name,
							kind_name(s->kind), kind_name(t->kind));
		if (t->kind == SIPP_NUMBER)
		{
			place[n].col = t->first;
			place[n].num = s->first;
			n++;
			continue;
		}
		for (int l = 0; l < s->nlevel; l++)
		{
			int			at = find_next(t, s->label[l], &k);

			if (at < 0)
			{
				if (t->kind == SIPP_SHARES && c->mean[s->first + l] == 0)
					continue;
				return psprintf("level \"%s\" of term \"%s\" is unknown to the model",
								s->label[l], t->name);
			}
			place[n].col = level_column(f, i, at);
			if (place[n].col < 0)
				continue;
			if (t->kind == SIPP_SHARES)
				place[n].num = s->first + l;
			else
			{
				place[n].num = -1;
				place[n].level = s->first + l;
				place[n].factor = s->factor;
				place[n].local = l;
				place[n].nlocal = s->nlevel;
			}
			n++;
		}
	}
	place[n].col = f->p;
	place[n].num = 0;
	n++;
	*nplace = n;
	return NULL;
}

/* Room for the places of any cohort that fits. */
static Place *
make_places(const Cohort *c)
{
	return palloc(sizeof(Place) * (c->nnum + c->nlevel + 1));
}

/* Means of a cohort in the frame's columns: see cohort.h. */
char *
frame_project(const SippFrame *f, const Cohort *c, double *mean)
{
	Place	   *place = make_places(c);
	int			n;
	char	   *reason = find_places(f, c, place, &n);

	if (reason == NULL)
	{
		memset(mean, 0, sizeof(double) * (f->p + 1));
		mean[0] = 1;
		for (int i = 0; i < n; i++)
			mean[place[i].col] = place[i].num >= 0 ? c->mean[place[i].num]
				: c->level_weight[place[i].level] / c->weight;
	}
	pfree(place);
	return reason;
}

/*
 * Centred cross-product of two of a cohort's columns.  An indicator's is
 * sum of w (1 - share)(a - mean) = the level's sum of w (a - mean); two of one
 * factor never meet.
 */
static inline double
cross_product(const Cohort *c, const Place *a, const Place *b)
{
	double		both;

	if (a->num >= 0 && b->num >= 0)
		return c->cross[a->num >= b->num ? SIPP_TRI(a->num, b->num) : SIPP_TRI(b->num, a->num)];
	if (a->num >= 0)
		return c->level_sum[(size_t) b->level * c->nnum + a->num];
	if (b->num >= 0)
		return c->level_sum[(size_t) a->level * c->nnum + b->num];
	if (a->factor == b->factor)
	{
		if (a->level == b->level)
			return c->level_weight[a->level] *
				((c->weight - c->level_weight[a->level]) / c->weight);
		both = 0;
	}
	else if (a->factor > b->factor)
		both = c->cell[SIPP_PAIR(a->factor, b->factor)][(size_t) a->local * b->nlocal + b->local];
	else
		both = c->cell[SIPP_PAIR(b->factor, a->factor)][(size_t) b->local * a->nlocal + a->local];
	return both - c->level_weight[a->level] * (c->level_weight[b->level] / c->weight);
}

/* within += centred cross-products of a cohort that fits: see cohort.h. */
void
frame_accumulate(const SippFrame *f, const Cohort *c, double *within)
{
	Place	   *place = make_places(c);
	size_t		stride = f->p + 1;
	int			n;

	if (find_places(f, c, place, &n) != NULL)
		elog(ERROR, "cohort does not fit its frame");
	for (int i = 0; i < n; i++)
		for (int j = 0; j <= i; j++)
		{
			double		v = cross_product(c, &place[i], &place[j]);

			within[place[i].col * stride + place[j].col] += v;
			if (i != j)
				within[place[j].col * stride + place[i].col] += v;
		}
	pfree(place);
}

/* v' S v without the p x p matrix: see cohort.h. */
double
frame_quadratic(const SippFrame *f, const Cohort *c, const double *v)
{
	Place	   *place = make_places(c);
	double		sum = 0;
	int			n;

	if (find_places(f, c, place, &n) != NULL)
		elog(ERROR, "cohort does not fit its frame");
	for (int i = 0; i < n; i++)
	{
		double		row = 0;

		if (v[place[i].col] == 0)
			continue;
		for (int j = 0; j < i; j++)
			row += v[place[j].col] * cross_product(c, &place[i], &place[j]);
		sum += v[place[i].col] * (2 * row + v[place[i].col] * cross_product(c, &place[i], &place[i]));
	}
	pfree(place);
	return sum;
}

/* Some rows of the cross-products: see cohort.h. */
void
frame_rows(const SippFrame *f, const Cohort *c, int n, const int *cols, double *out)
{
	Place	   *place = make_places(c);
	size_t		stride = f->p + 1;
	int			np;

	if (find_places(f, c, place, &np) != NULL)
		elog(ERROR, "cohort does not fit its frame");
	memset(out, 0, sizeof(double) * n * stride);
	for (int k = 0; k < n; k++)
		for (int i = 0; i < np; i++)
			if (place[i].col == cols[k])
				for (int j = 0; j < np; j++)
					out[k * stride + place[j].col] = cross_product(c, &place[i], &place[j]);
	pfree(place);
}

/* Column of a term and level, or -1: see cohort.h. */
int
frame_column(const SippFrame *f, const char *term, const char *level)
{
	for (int i = 0; i < f->nterm; i++)
	{
		const SippTerm *t = &f->term[i];
		int			l;

		if (strcmp(t->name, term) != 0)
			continue;
		if (t->kind == SIPP_NUMBER)
			return level == NULL ? t->first : -1;
		if (level == NULL)
			return t->nlevel == 2 ? t->first : -1;
		l = term_find_level(t, level);
		return l < 0 ? -1 : level_column(f, i, l);
	}
	return -1;
}
