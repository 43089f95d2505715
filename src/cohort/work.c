/*
 * work.c
 *		Accumulate pupils' rows in place.
 *
 * A row costs one addition per sum and cell that it touches: nnum(nnum+3)/2
 * for the numbers, per factor one count and nnum sums, one cell per pair of
 * factors, whatever the number of levels.
 */
#include "sipp.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "cohort/algebra.h"
#include "cohort/term_io.h"
#include "cohort/work.h"

#define WORK_FIRST_CAP	4		/* levels a factor has room for at first */
#define WORK_FIRST_STR	16		/* bytes of labels per factor at first */

#define WORK_AT(w, off, type)	((type *) ((char *) (w) + (off)))
#define WORK_NUM(w)				WORK_AT(w, (w)->num_off, double)
#define WORK_FACTORS(w)			WORK_AT(w, (w)->factor_off, WorkFactor)

/* Lay out a state of no rows with the given room; the offsets follow from the sizes. */
static Work *
work_layout(int nnum, int nfactor, const char *shape, int shape_len,
			const int *cap, int str_cap)
{
	Size		size = MAXALIGN(sizeof(Work));
	Size		shape_off,
				num_off,
				factor_off,
				cell_off,
				str_off;
	WorkFactor *wf = palloc0_array(WorkFactor, nfactor);
	Work	   *w;

	shape_off = size;
	size += MAXALIGN(shape_len);
	num_off = size;
	size += sizeof(double) * (2 * nnum + SIPP_NTRI(nnum));
	factor_off = size;
	size += MAXALIGN(sizeof(WorkFactor) * nfactor);
	for (int f = 0; f < nfactor; f++)
	{
		wf[f].cap = cap[f];
		wf[f].nhash = 8;
		while (wf[f].nhash < 2 * cap[f])
			wf[f].nhash *= 2;
		wf[f].level_off = (int32) size;
		size += sizeof(WorkLevel) * cap[f];
		wf[f].sum_off = (int32) size;
		size += sizeof(double) * cap[f] * nnum;
		wf[f].hash_off = (int32) size;
		size += MAXALIGN(sizeof(uint16) * wf[f].nhash);
	}
	cell_off = size;
	for (int f = 1; f < nfactor; f++)
		for (int g = 0; g < f; g++)
			size += sizeof(double) * cap[f] * cap[g];
	str_off = size;
	size += str_cap;

	/*
	 * Capacities are at most twice what SIPP_MAX_COLUMNS lets in, so this stays
	 * below 100 MB; the check is for whoever raises the limit.
	 */
	if (!AllocSizeIsValid(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the state of sipp.cohort is too large")));

	w = palloc0(size);
	SET_VARSIZE(w, size);
	w->form = WORK_FORM;
	w->nnum = nnum;
	w->nfactor = nfactor;
	w->shape_off = (int32) shape_off;
	w->shape_len = shape_len;
	w->num_off = (int32) num_off;
	w->factor_off = (int32) factor_off;
	w->cell_off = (int32) cell_off;
	w->str_off = (int32) str_off;
	w->str_cap = str_cap;
	memcpy(WORK_AT(w, shape_off, char), shape, shape_len);
	memcpy(WORK_FACTORS(w), wf, sizeof(WorkFactor) * nfactor);
	pfree(wf);
	return w;
}

/* Make a state of no rows for these terms (numbers and factors only). */
Work *
work_make(int nterm, const SippTerm *terms, bool weighted)
{
	StringInfoData shape;
	Codec		x;
	SippTerm   *bare = palloc_array(SippTerm, nterm);
	int		   *cap = palloc_array(int, nterm);
	int			nnum = 1;
	int			nfactor = 0;
	Work	   *w;

	for (int i = 0; i < nterm; i++)
	{
		bare[i] = terms[i];
		bare[i].nlevel = 0;
		if (SIPP_IS_FACTOR(terms[i].kind))
			cap[nfactor++] = WORK_FIRST_CAP;
		else
			nnum++;
	}
	initStringInfo(&shape);
	codec_write_begin(&x, CODEC_PACK, "sipp.cohort", &shape);
	codec_terms(&x, &nterm, &bare);
	w = work_layout(nnum, nfactor, shape.data, shape.len, cap, WORK_FIRST_STR * nfactor);
	w->weighted = weighted;
	return w;
}

/* Get the terms of a state, without dictionaries. */
SippTerm *
work_terms(const Work *w, int *nterm)
{
	Codec		x;
	SippTerm   *terms;

	codec_read_begin(&x, CODEC_UNPACK, "sipp.cohort",
					 WORK_AT(w, w->shape_off, const char), w->shape_len);
	codec_terms(&x, nterm, &terms);
	return terms;
}

/* Enter a level into a factor's hash table. */
static void
hash_insert(Work *w, const WorkFactor *wf, int level)
{
	uint16	   *table = WORK_AT(w, wf->hash_off, uint16);
	uint32		at = WORK_AT(w, wf->level_off, WorkLevel)[level].hash;

	while (table[at &= wf->nhash - 1] != 0)
		at++;
	table[at] = (uint16) (level + 1);
}

/*
 * The same state with room for one more level of factor f and for its label.
 * The old datum is not freed: it belongs to whoever called.
 */
static Work *
work_grow(const Work *old, int f, int label_len)
{
	const WorkFactor *of = WORK_FACTORS(old);
	int		   *cap = palloc_array(int, old->nfactor);
	int			str_cap = old->str_cap;
	Work	   *w;
	WorkFactor *nf;
	double	   *from;
	double	   *to;

	for (int g = 0; g < old->nfactor; g++)
		cap[g] = of[g].cap;
	if (of[f].nlevel == of[f].cap)
		cap[f] *= 2;
	if (old->str_used + label_len > str_cap)
		str_cap = 2 * (old->str_used + label_len);

	w = work_layout(old->nnum, old->nfactor, WORK_AT(old, old->shape_off, const char),
					old->shape_len, cap, str_cap);
	w->weighted = old->weighted;
	w->fractional = old->fractional;
	w->rows = old->rows;
	w->dropped = old->dropped;
	w->weight = old->weight;
	w->sum_log_w = old->sum_log_w;
	w->str_used = old->str_used;
	memcpy(WORK_NUM(w), WORK_NUM(old), sizeof(double) * (2 * old->nnum + SIPP_NTRI(old->nnum)));
	memcpy(WORK_AT(w, w->str_off, char), WORK_AT(old, old->str_off, char), old->str_used);

	nf = WORK_FACTORS(w);
	for (int g = 0; g < old->nfactor; g++)
	{
		nf[g].nlevel = of[g].nlevel;
		memcpy(WORK_AT(w, nf[g].level_off, char), WORK_AT(old, of[g].level_off, char),
			   sizeof(WorkLevel) * of[g].nlevel);
		memcpy(WORK_AT(w, nf[g].sum_off, char), WORK_AT(old, of[g].sum_off, char),
			   sizeof(double) * of[g].nlevel * old->nnum);
		for (int l = 0; l < of[g].nlevel; l++)
			hash_insert(w, &nf[g], l);
	}
	from = WORK_AT(old, old->cell_off, double);
	to = WORK_AT(w, w->cell_off, double);
	for (int a = 1; a < old->nfactor; a++)
		for (int b = 0; b < a; b++)
		{
			for (int l = 0; l < of[a].nlevel; l++)
				memcpy(to + (size_t) l * nf[b].cap, from + (size_t) l * of[b].cap,
					   sizeof(double) * of[b].nlevel);
			from += (size_t) of[a].cap * of[b].cap;
			to += (size_t) nf[a].cap * nf[b].cap;
		}
	pfree(cap);
	return w;
}

/* Find the name of factor f, for messages. */
static const char *
factor_name(const Work *w, int f)
{
	int			nterm;
	SippTerm   *terms = work_terms(w, &nterm);

	for (int i = 0; i < nterm; i++)
		if (SIPP_IS_FACTOR(terms[i].kind) && f-- == 0)
			return terms[i].name;
	return "?";
}

/* Check the limits before a new level enters factor f. */
static void
check_new_level(const Work *w, int f, const WorkLabel *label)
{
	const WorkFactor *wf = WORK_FACTORS(w);
	int			total = w->nnum;

	for (int g = 0; g < w->nfactor; g++)
		total += wf[g].nlevel;
	if (wf[f].nlevel >= SIPP_MAX_LEVELS || total >= SIPP_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 wf[f].nlevel >= SIPP_MAX_LEVELS
				 ? errmsg("factor \"%s\" has more than %d levels", factor_name(w, f), SIPP_MAX_LEVELS)
				 : errmsg("a cohort cannot have more than %d numbers and factor levels together",
						  SIPP_MAX_COLUMNS),
				 errdetail("The level \"%s\" is one too many.",
						   pnstrdup(label->str, pg_mbcliplen(label->str, label->len, 60))),
				 errhint("Group rare levels, or enter the values as a number.")));
	if (pg_mbstrlen_with_len(label->str, label->len) > SIPP_MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a level of factor \"%s\" is longer than %d characters",
						factor_name(w, f), SIPP_MAX_NAME),
				 errdetail("It starts with \"%s\".",
						   pnstrdup(label->str, pg_mbcliplen(label->str, label->len, 60))),
				 errhint("Shorten it before it enters the cohort, as in left(x, %d).",
						 SIPP_MAX_NAME)));
}

/* Index of a label in factor f, or -1. */
static inline int
find_level(const Work *w, const WorkFactor *wf, const WorkLabel *label)
{
	const uint16 *table = WORK_AT(w, wf->hash_off, const uint16);
	const WorkLevel *level = WORK_AT(w, wf->level_off, const WorkLevel);
	const char *strings = WORK_AT(w, w->str_off, const char);
	uint32		at = label->hash;

	for (;;)
	{
		int			l = table[at &= wf->nhash - 1];

		if (l == 0)
			return -1;
		l--;
		if (level[l].hash == label->hash && level[l].len == label->len &&
			memcmp(strings + level[l].off, label->str, label->len) == 0)
			return l;
		at++;
	}
}

/* Enter a new level; the state may move. */
static Work *
add_level(Work *w, int f, const WorkLabel *label)
{
	WorkFactor *wf = &WORK_FACTORS(w)[f];
	WorkLevel  *level;

	check_new_level(w, f, label);
	if (wf->nlevel == wf->cap || w->str_used + label->len > w->str_cap)
	{
		w = work_grow(w, f, label->len);
		wf = &WORK_FACTORS(w)[f];
	}
	level = WORK_AT(w, wf->level_off, WorkLevel) + wf->nlevel;
	level->hash = label->hash;
	level->off = w->str_used;
	level->len = label->len;
	level->rank = label->rank;
	memcpy(WORK_AT(w, w->str_off + w->str_used, char), label->str, label->len);
	w->str_used += label->len;
	hash_insert(w, wf, wf->nlevel);
	wf->nlevel++;
	return w;
}

/* Move the shift to the mean: exact algebra on the sums. */
static void
recentre(Work *w)
{
	int			k = w->nnum;
	double	   *shift = WORK_NUM(w);
	double	   *sum = shift + k;
	double	   *cross = sum + k;
	WorkFactor *wf = WORK_FACTORS(w);

	for (int i = 0; i < k; i++)
	{
		double		d = sum[i] / w->weight;

		for (int j = 0; j <= i; j++)
			cross[SIPP_TRI(i, j)] -= d * sum[j];
	}
	for (int f = 0; f < w->nfactor; f++)
	{
		const WorkLevel *level = WORK_AT(w, wf[f].level_off, WorkLevel);
		double	   *lsum = WORK_AT(w, wf[f].sum_off, double);

		for (int l = 0; l < wf[f].nlevel; l++)
			for (int i = 0; i < k; i++)
				lsum[l * k + i] -= level[l].weight * (sum[i] / w->weight);
	}
	for (int i = 0; i < k; i++)
	{
		shift[i] += sum[i] / w->weight;
		sum[i] = 0;
	}
}

/* Move the shift to x, a row that outweighs all so far; first of all, to the first. */
static void
move_shift(Work *w, const double *x)
{
	int			k = w->nnum;
	double	   *shift = WORK_NUM(w);
	double	   *sum = shift + k;
	double	   *cross = sum + k;
	double		d[SIPP_MAX_TERMS + 1];
	WorkFactor *wf = WORK_FACTORS(w);

	if (w->rows > 0)
	{
		recentre(w);
		for (int i = 0; i < k; i++)
			d[i] = x[i] - shift[i];
		for (int i = 0; i < k; i++)
		{
			sum[i] = -w->weight * d[i];
			for (int j = 0; j <= i; j++)
				cross[SIPP_TRI(i, j)] += w->weight * d[i] * d[j];
		}
		for (int f = 0; f < w->nfactor; f++)
		{
			const WorkLevel *level = WORK_AT(w, wf[f].level_off, WorkLevel);
			double	   *lsum = WORK_AT(w, wf[f].sum_off, double);

			for (int l = 0; l < wf[f].nlevel; l++)
				for (int i = 0; i < k; i++)
					lsum[l * k + i] -= level[l].weight * d[i];
		}
	}
	memcpy(shift, x, sizeof(double) * k);
}

/* Does a sum of weights reach another power of two?  Their exponents tell. */
static inline bool
passes_power(double before, double after)
{
	uint64		a;
	uint64		b;

	memcpy(&a, &before, sizeof(a));
	memcpy(&b, &after, sizeof(b));
	return (a ^ b) >> 52 != 0;
}

/*
 * Add one complete row: x[nnum], the outcome first; labels[nfactor].  It stands
 * for that many rows, whose weights add up to weight (without weights: the same
 * number).  In place unless a level is new and there is no room.  Returns the state.
 */
Work *
work_add_row(Work *w, const double *x, const WorkLabel *labels, double weight, int64 rows)
{
	int			k = w->nnum;
	int			nf = w->nfactor;
	int			at[SIPP_MAX_TERMS];
	double		d[SIPP_MAX_TERMS + 1];
	double	   *restrict sum;
	double	   *restrict cross;
	double	   *shift;
	WorkFactor *wf;
	double	   *cell;
	double		before;

	wf = WORK_FACTORS(w);
	for (int f = 0; f < nf; f++)
	{
		at[f] = find_level(w, &wf[f], &labels[f]);
		if (unlikely(at[f] < 0))
		{
			w = add_level(w, f, &labels[f]);
			wf = WORK_FACTORS(w);
			at[f] = wf[f].nlevel - 1;
		}
	}

	shift = WORK_NUM(w);
	sum = shift + k;
	cross = sum + k;
	before = w->weight;
	if (unlikely(weight > before))
		move_shift(w, x);
	w->rows += rows;
	w->weight += weight;
	if (w->weighted)
	{
		w->sum_log_w += log(weight);
		w->fractional |= weight != floor(weight);
	}

	for (int i = 0; i < k; i++)
		d[i] = x[i] - shift[i];
	for (int i = 0; i < k; i++)
	{
		double		wd = weight * d[i];

		sum[i] += wd;
		for (int j = 0; j <= i; j++)
			cross[j] += wd * d[j];
		cross += i + 1;
	}

	cell = WORK_AT(w, w->cell_off, double);
	for (int f = 0; f < nf; f++)
	{
		WorkLevel  *level = WORK_AT(w, wf[f].level_off, WorkLevel) + at[f];
		double	   *restrict lsum = WORK_AT(w, wf[f].sum_off, double) + (size_t) at[f] * k;

		level->rows += rows;
		level->weight += weight;
		for (int i = 0; i < k; i++)
			lsum[i] += weight * d[i];
		for (int g = 0; g < f; g++)
		{
			cell[(size_t) at[f] * wf[g].cap + at[g]] += weight;
			cell += (size_t) wf[f].cap * wf[g].cap;
		}
	}

	if (unlikely(passes_power(before, w->weight)))
		recentre(w);
	return w;
}

/* Copy the levels of factor f, in the order they were seen, into its term. */
static void
copy_dictionary(const Work *w, const WorkFactor *wf, SippTerm *t)
{
	const WorkLevel *level = WORK_AT(w, wf->level_off, const WorkLevel);

	t->nlevel = wf->nlevel;
	t->label = palloc_array(char *, wf->nlevel);
	t->rank = palloc_array(double, wf->nlevel);
	for (int l = 0; l < wf->nlevel; l++)
	{
		t->label[l] = pnstrdup(WORK_AT(w, w->str_off + level[l].off, char), level[l].len);
		t->rank[l] = level[l].rank;
	}
}

/* Copy counts, weights and sums of each factor's levels. */
static void
copy_levels(const Work *w, Cohort *c)
{
	for (int i = 0; i < c->nterm; i++)
	{
		const SippTerm *t = &c->term[i];
		const WorkFactor *wf;
		const WorkLevel *level;

		if (t->factor < 0)
			continue;
		wf = &WORK_FACTORS(w)[t->factor];
		level = WORK_AT(w, wf->level_off, const WorkLevel);
		for (int l = 0; l < t->nlevel; l++)
		{
			c->level_rows[t->first + l] = level[l].rows;
			c->level_weight[t->first + l] = level[l].weight;
		}
		memcpy(c->level_sum + (size_t) t->first * c->nnum,
			   WORK_AT(w, wf->sum_off, double),
			   sizeof(double) * t->nlevel * c->nnum);
	}
}

/* Copy the cells of each pair of factors, without the room for more levels. */
static void
copy_cells(const Work *w, Cohort *c)
{
	const WorkFactor *wf = WORK_FACTORS(w);
	const double *from = WORK_AT(w, w->cell_off, double);

	for (int a = 1; a < c->nfactor; a++)
		for (int b = 0; b < a; b++)
		{
			double	   *to = c->cell[SIPP_PAIR(a, b)];

			for (int l = 0; l < wf[a].nlevel; l++)
				memcpy(to + (size_t) l * wf[b].nlevel, from + (size_t) l * wf[b].cap,
					   sizeof(double) * wf[b].nlevel);
			from += (size_t) wf[a].cap * wf[b].cap;
		}
}

/* Unpack the cohort of a state; the state is not changed. */
Cohort *
work_unpack(struct varlena *datum)
{
	const Work *src = (const Work *) datum;
	Work	   *w;
	int			nterm;
	SippTerm   *terms = work_terms(src, &nterm);
	Cohort	   *c;
	int			f = 0;

	/* centre a copy, because an aggregate may go on with the state */
	w = palloc(VARSIZE(src));
	memcpy(w, src, VARSIZE(src));
	if (w->rows > 0)
		recentre(w);
	for (int i = 0; i < nterm; i++)
		if (SIPP_IS_FACTOR(terms[i].kind))
			copy_dictionary(w, &WORK_FACTORS(w)[f++], &terms[i]);

	c = cohort_make(nterm, terms, w->weighted);
	c->rows = w->rows;
	c->dropped = w->dropped;
	c->weight = w->weight;
	c->sum_log_w = w->sum_log_w;
	c->shapeless = w->shapeless;
	c->fractional = w->fractional;
	memcpy(c->mean, WORK_NUM(w), sizeof(double) * w->nnum);
	memcpy(c->cross, WORK_NUM(w) + 2 * w->nnum, sizeof(double) * SIPP_NTRI(w->nnum));
	copy_levels(w, c);
	copy_cells(w, c);
	pfree(w);

	cohort_tidy(c);
	derive_first_levels(c);
	cohort_settle(c);
	return c;
}
