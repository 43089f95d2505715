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

/* Begin a frame with the terms of the first cohort, copied into the current context. */
SippFrame *
frame_begin(const Cohort *first)
{
	SippFrame  *f = palloc0(sizeof(SippFrame));

	f->weighted = first->weighted;
	f->nterm = first->nterm;
	f->term = palloc0_array(SippTerm, f->nterm);
	for (int i = 0; i < f->nterm; i++)
	{
		SippTerm   *t = &f->term[i];

		*t = first->term[i];
		t->name = pstrdup(t->name);
		if (t->reference)
			t->reference = pstrdup(t->reference);
		if (t->kind == SIPP_NUMBER)
			continue;
		t->nlevel = 0;
		t->label = NULL;
		t->before = NULL;
		term_union(t, &first->term[i], true);
	}
	return f;
}

/* Find the cohort's term for the frame's term i, NULL if it has none of that name. */
static const SippTerm *
same_term(const SippFrame *f, const Cohort *c, int i)
{
	int			k = i;

	if (k >= c->nterm || strcmp(c->term[k].name, f->term[i].name) != 0)
		k = cohort_find_term(c, f->term[i].name);
	return k < 0 ? NULL : &c->term[k];
}

/* Enter a cohort's levels; its terms must be the frame's, in the same order. */
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
		const SippTerm *s = &c->term[i];
		SippTerm	was = *t;

		if (!term_matches(t, s))
			cohort_mismatch(f->nterm, f->term, f->weighted, c->nterm, c->term, c->weighted);
		if (t->kind == SIPP_NUMBER)
			continue;
		term_union(t, s, true);
		if (was.label != NULL && was.label != t->label)
			pfree(was.label);
		if (was.before != NULL && was.before != t->before)
			pfree(was.before);
	}
}

/* Choose the reference levels and number the columns. */
void
frame_finish(SippFrame *f)
{
	int			p = 1;

	f->refidx = palloc_array(int, f->nterm);
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
	f->col_term = palloc_array(int, p);
	f->col_level = palloc_array(int, p);
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

struct FrameMap
{
	const SippFrame *frame;
	char	   *reason;			/* why the cohort does not fit, or NULL */
	bool		lasts;			/* follows from the terms and levels alone */
	int			n;
	Place		place[FLEXIBLE_ARRAY_MEMBER];
};

/* Say that a cohort lacks the frame's term t. */
static char *
lacks_term(const SippFrame *f, const Cohort *c, const SippTerm *t)
{
	if (t->context)
		return psprintf("the cohort lacks term \"%s\": apply sipp.with_context", t->name);
	for (int i = 0; i < c->nterm; i++)
	{
		bool		known = false;

		for (int k = 0; k < f->nterm; k++)
			known |= strcmp(f->term[k].name, c->term[i].name) == 0;
		if (!known && term_is_unnamed(&c->term[i]))
			return psprintf("the cohort lacks term \"%s\"; its term \"%s\" is an expression or constant and has no name of its own: "
							"use sipp.rename, or OFFSET 0 in the subquery that names it",
							t->name, c->term[i].name);
	}
	return psprintf("the cohort lacks term \"%s\"", t->name);
}

/* Note the reason that a cohort does not fit. */
static FrameMap *
misfit(FrameMap *m, char *reason)
{
	m->reason = reason;
	return m;
}

/*
 * Match a cohort's columns with the frame's: see cohort.h.  A level that the
 * frame's own reference stands for has no place.
 */
FrameMap *
frame_map(const SippFrame *f, const Cohort *c)
{
	FrameMap   *m = palloc(offsetof(FrameMap, place) + sizeof(Place) * (c->nnum + c->nlevel + 1));
	Place	   *place = m->place;
	int			n = 0;

	m->frame = f;
	m->reason = NULL;
	m->lasts = true;
	if (c->weighted != f->weighted)
		return misfit(m, pstrdup(c->weighted ? "the cohort is weighted, the model is not"
								 : "the model is weighted, the cohort is not"));
	for (int i = 0; i < f->nterm; i++)
	{
		const SippTerm *t = &f->term[i];
		const SippTerm *s = same_term(f, c, i);
		int			k = 0;

		if (s == NULL)
			return misfit(m, lacks_term(f, c, t));
		if (s->kind != t->kind || s->context != t->context)
			return misfit(m, psprintf("term \"%s\" is of kind %s in the cohort and %s in the model",
									  t->name, kind_name(s->kind), kind_name(t->kind)));
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
				/* a share of zero is no pupil, but the next cohort's may be one */
				m->lasts = t->kind != SIPP_SHARES;
				if (t->kind == SIPP_SHARES && c->mean[s->first + l] == 0)
					continue;
				return misfit(m, psprintf("level \"%s\" of term \"%s\" is unknown to the model",
										  s->label[l], t->name));
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
	m->n = n + 1;
	return m;
}

/* Why the cohort does not fit, or NULL. */
const char *
frame_map_reason(const FrameMap *m)
{
	return m->reason;
}

/* Does it hold for every cohort of the same terms and levels? */
bool
frame_map_lasts(const FrameMap *m)
{
	return m->lasts;
}

/* Means of a cohort in the frame's columns: see cohort.h. */
void
frame_project(const FrameMap *m, const Cohort *c, double *mean)
{
	memset(mean, 0, sizeof(double) * (m->frame->p + 1));
	mean[0] = 1;
	for (int i = 0; i < m->n; i++)
	{
		const Place *at = &m->place[i];

		mean[at->col] = at->num >= 0 ? c->mean[at->num] : c->level_weight[at->level] / c->weight;
	}
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

/* within += centred cross-products of a cohort: see cohort.h. */
void
frame_accumulate(const FrameMap *m, const Cohort *c, double *within)
{
	const Place *place = m->place;
	size_t		stride = m->frame->p + 1;

	for (int i = 0; i < m->n; i++)
		for (int j = 0; j <= i; j++)
		{
			double		v = cross_product(c, &place[i], &place[j]);

			within[place[i].col * stride + place[j].col] += v;
			if (i != j)
				within[place[j].col * stride + place[i].col] += v;
		}
}

/* v' S v without the p x p matrix: see cohort.h. */
double
frame_quadratic(const FrameMap *m, const Cohort *c, const double *v)
{
	const Place *place = m->place;
	double		sum = 0;

	for (int i = 0; i < m->n; i++)
	{
		double		vi = v[place[i].col];
		double		row = 0;

		if (vi == 0)
			continue;
		for (int j = 0; j < i; j++)
			row += v[place[j].col] * cross_product(c, &place[i], &place[j]);
		sum += vi * (2 * row + vi * cross_product(c, &place[i], &place[i]));
	}
	return sum;
}

/* Some rows of the cross-products: see cohort.h. */
void
frame_rows(const FrameMap *m, const Cohort *c, int n, const int *cols, double *out)
{
	const Place *place = m->place;
	size_t		stride = m->frame->p + 1;

	memset(out, 0, sizeof(double) * n * stride);
	for (int k = 0; k < n; k++)
		for (int i = 0; i < m->n; i++)
			if (place[i].col == cols[k])
				for (int j = 0; j < m->n; j++)
					out[k * stride + place[j].col] = cross_product(c, &place[i], &place[j]);
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
