/*
 * similar_schools.c
 *		Each school's most similar schools.
 */
#include "sipp.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "base/codec.h"
#include "base/row.h"
#include "similar/scale.h"

#define FUNC "sipp.similar_schools"

/* Arguments of sipp.similar_schools. */
enum
{
	ARG_SCHOOLS,
	ARG_K,
	ARG_WEIGHTS,
	ARG_AUTHORITY,
	ARG_SECTOR,
	ARG_METRIC
};

/* Columns of sipp.neighbour. */
enum
{
	N_SCHOOL,
	N_RANK,
	N_NEIGHBOUR,
	N_DISTANCE,
	N_SIMILARITY,
	N_CONTRIBUTIONS,
	N_MUTUAL,
	N_REASON,
	NEIGHBOUR_COLUMNS
};

/* Neighbours of all schools together that are kept from one pass to the next: 16 MB. */
#define MOST_KEPT ((Size) 1 << 20)

typedef enum Metric
{
	METRIC_WEIGHTED,
	METRIC_MAHALANOBIS,
	METRIC_RANK_MAHALANOBIS
} Metric;

typedef struct Similar
{
	const Schools *schools;
	Points	   *points;
	char	  **name;			/* of the points' variables, escaped; then the profile's */
	bool		pooled;
	const int  *authority;		/* NULL: any */
	int			k;
	PointTree **tree;			/* those of unit u from tree_start[u] on, one for all that lack the same */
	int		   *tree_start;
	int		   *size;			/* schools of each unit */
	Neighbour  *last;			/* [n] the last neighbour of each school */
	int		   *count;			/* [n] how many it has */
} Similar;

PG_FUNCTION_INFO_V1(sipp_similar_schools);

static const char *const authority_word[] = {"any", "different"};
static const OptionWords authority_words = {"authority", lengthof(authority_word), authority_word};

/* In the order of Metric. */
static const char *const metric_word[] = {"weighted", "mahalanobis", "rank_mahalanobis"};
static const OptionWords metric_words = {"metric", lengthof(metric_word), metric_word};

static const OptionSpec k_spec = {
	.arg = ARG_K, .name = "k", .default_text = "10",
	.low = 1, .high = PG_INT32_MAX, .must = "be at least 1"
};

/* Report sectors whose likeness rests on few schools, because no scale does so. */
static void
report_few(const Similar *x)
{
	StringInfoData text;
	int			few = 0;
	int		   *start;
	char	   *notice;

	initStringInfo(&text);
	(void) points_by_unit(x->points, &start);
	for (int u = 0; u < x->points->nunit && x->schools->n > 0; u++)
		scale_add_few(&text, &few, x->pooled ? NULL : x->schools->sector_name[u],
					  start[u + 1] - start[u]);
	notice = scale_few_notice(&text, few);
	if (notice)
		ereport(NOTICE, (errmsg("%s: %s", FUNC, notice)));
}

/* Place the schools as points under the metric, and their variables' names. */
static void
place_schools(Similar *x, Metric metric, Jsonb *weights)
{
	const Schools *s = x->schools;
	char	  **name;
	int			nname;

	if (metric == METRIC_WEIGHTED)
	{
		Scale	   *scale = scale_make(s, weights, x->pooled, FUNC);

		scale_report(scale, FUNC);
		x->points = points_make(s, scale);
		nname = scale->nvar + (scale->has_profile ? 1 : 0);
		name = palloc(sizeof(char *) * Max(nname, 1));
		for (int v = 0; v < scale->nvar; v++)
			name[v] = scale->name[v];
		if (scale->has_profile)
			name[scale->nvar] = SCALE_PROFILE_NAME;
	}
	else
	{
		char	   *aliased;

		if (weights)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"context_weights\" of %s must be null under a Mahalanobis metric",
							FUNC),
					 errhint("A Mahalanobis metric weighs by covariances; weights go with metric => 'weighted'.")));
		x->points = metric_points(s, x->pooled, metric == METRIC_RANK_MAHALANOBIS, &name,
								  &aliased);
		nname = x->points->nvar;
		report_few(x);
		if (aliased)
			ereport(NOTICE,
					(errmsg("%s: variables that are constant or follow from those before them do not count: %s",
							FUNC, aliased)));
	}

	/* as keys of JSON, once for all rows */
	x->name = palloc(sizeof(char *) * Max(nname, 1));
	for (int v = 0; v < nname; v++)
	{
		StringInfoData key;

		initStringInfo(&key);
		escape_json(&key, name[v]);
		x->name[v] = key.data;
	}
}

/* Which of two schools comes first by what they lack; 0: they lack the same. */
static int
compare_lacking(const Points *p, int i, int j)
{
	return p->lacks == NULL ? 0 : memcmp(p->lacks[i], p->lacks[j], sizeof(*p->lacks));
}

/* qsort_arg's comparison: by what schools lack, then by index. */
static int
compare_by_lacking(const void *a, const void *b, void *arg)
{
	int			i = *(const int *) a;
	int			j = *(const int *) b;
	int			c = compare_lacking(arg, i, j);

	return c != 0 ? c : i < j ? -1 : i > j;
}

/*
 * Search trees of each unit: one for all schools that lack the same, so that one set of
 * factors serves a whole search.  In the worst case, where no two lack the same, each school
 * looks at every other.
 */
static void
plant_trees(Similar *x)
{
	Points	   *p = x->points;
	int		   *start;
	int		   *list = points_by_unit(p, &start);
	int			ntree = 0;

	x->tree = palloc(sizeof(PointTree *) * Max(p->n, 1));
	x->tree_start = palloc(sizeof(int) * (p->nunit + 1));
	x->size = palloc(sizeof(int) * Max(p->nunit, 1));
	for (int u = 0; u < p->nunit; u++)
	{
		int		   *own = list + start[u];
		int			n = x->size[u] = start[u + 1] - start[u];

		x->tree_start[u] = ntree;
		qsort_arg(own, n, sizeof(int), compare_by_lacking, p);
		for (int first = 0, end; n > 1 && first < n; first = end)
		{
			CHECK_FOR_INTERRUPTS();
			for (end = first + 1; end < n && compare_lacking(p, own[first], own[end]) == 0; end++)
				;
			x->tree[ntree++] = points_tree(p, own + first, end - first, x->authority);
		}
	}
	x->tree_start[p->nunit] = ntree;
}

/* Can a school have neighbours, and be one, by its own data? */
static bool
is_candidate(const Similar *x, int i)
{
	return x->points->unit[i] >= 0 && !(x->authority && x->authority[i] < 0);
}

/* A school's neighbours, the nearest first. */
static int
find_neighbours(const Similar *x, int i, Neighbour *out)
{
	int			u = x->points->unit[i];

	if (!is_candidate(x, i) || x->size[u] < 2)
		return 0;
	return points_nearest(x->tree + x->tree_start[u], x->tree_start[u + 1] - x->tree_start[u], i,
						  Min(x->k, x->size[u] - 1), out);
}

/* The circumstances that one of two schools, or the one, lacks, by name. */
static char *
lacking_names(const Similar *x, int i, int j)
{
	const School *a = &x->schools->school[i];
	const School *b = &x->schools->school[j];
	StringInfoData out;

	initStringInfo(&out);
	for (int v = 0; v < Min(a->ncontext, b->ncontext); v++)
		if (isnan(a->context[v]) || isnan(b->context[v]))
			appendStringInfo(&out, "%s%s", out.len > 0 ? ", " : "", x->schools->context_name[v]);
	return out.data;
}

/* Why a school has no neighbours. */
static const char *
lonely_reason(const Similar *x, int i)
{
	const Schools *s = x->schools;
	uint32		lacks = school_lacks_context(s, i);
	const char *rest = x->authority ? " in another authority" : "";

	if (!x->pooled && s->sector[i] < 0)
		lacks |= 1 << LACK_SECTOR;
	if (x->authority && x->authority[i] < 0)
		lacks |= 1 << LACK_AUTHORITY;
	if (lacks != 0)
		return school_lacks_text(s, i, lacks);
	if (x->points->unit[i] < 0)
	{
		char	   *names = lacking_names(x, i, i);

		return psprintf("context: %s %s NULL; %s", names, strchr(names, ',') ? "are" : "is", x->points->whitening ?
						"metric => 'weighted' compares what both schools have" :
						"nothing that it has can be measured by schools with complete context");
	}
	return psprintf(x->points->lacks ? "no other school%s that it can be compared with%s" :
					"no other school%s with complete context%s", x->pooled ? "" : " of its sector", rest);
}

/* Each variable's share of a squared distance; no shares where it is zero. */
static void
put_shares(const Similar *x, int i, int j, Datum *values, bool *nulls)
{
	const Points *p = x->points;
	int			n = p->nvar + (p->nband > 0 ? 1 : 0);
	double		part[SCHOOL_MAX_CONTEXT + 1];
	double		d2 = points_parts(p, i, j, part);
	StringInfoData text;

	nulls[N_CONTRIBUTIONS] = d2 == 0;
	if (nulls[N_CONTRIBUTIONS])
		return;
	initStringInfo(&text);
	for (int v = 0; v < n; v++)
	{
		/* what one of the two lacks was not compared */
		if (v < p->nvar && p->whitening == NULL &&
			(isnan(x->schools->school[i].context[v]) || isnan(x->schools->school[j].context[v])))
			continue;
		appendStringInfo(&text, "%s%s:", text.len > 0 ? "," : "{", x->name[v]);
		json_float(&text, part[v] / d2);
	}
	appendStringInfoChar(&text, '}');
	values[N_CONTRIBUTIONS] = DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

/* The row of a school's neighbour of that rank, from 0. */
static void
put_neighbour(const Similar *x, ReturnSetInfo *rsinfo, int i, int rank, const Neighbour *at)
{
	const Schools *s = x->schools;
	int			j = at->school;
	const Neighbour *last = &x->last[j];
	Datum		values[NEIGHBOUR_COLUMNS] = {0};
	bool		nulls[NEIGHBOUR_COLUMNS] = {0};

	put_text(values, nulls, N_SCHOOL, s->school[i].id);
	values[N_RANK] = Int32GetDatum(rank + 1);
	put_text(values, nulls, N_NEIGHBOUR, s->school[j].id);
	put_float(values, nulls, N_DISTANCE, at->distance);
	put_float(values, nulls, N_SIMILARITY, scale_similarity(at->distance, x->points->tenth[i]));
	put_shares(x, i, j, values, nulls);

	/* is it among the other's k?  That one has fewer, or its last is no better */
	values[N_MUTUAL] = BoolGetDatum(x->count[j] < x->k || at->distance < last->distance ||
							 (at->distance == last->distance && i <= last->school));
	nulls[N_REASON] = true;
	if (points_are_partial(x->points, i, j))
		put_text(values, nulls, N_REASON, psprintf("compared without %s", lacking_names(x, i, j)));
	put_row(rsinfo, NEIGHBOUR_COLUMNS, values, nulls);
}

/* The row of a school without neighbours. */
static void
put_lonely(const Similar *x, ReturnSetInfo *rsinfo, int i)
{
	Datum		values[NEIGHBOUR_COLUMNS] = {0};
	bool		nulls[NEIGHBOUR_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	put_text(values, nulls, N_SCHOOL, x->schools->school[i].id);
	put_text(values, nulls, N_REASON, lonely_reason(x, i));
	put_row(rsinfo, NEIGHBOUR_COLUMNS, values, nulls);
}

/*
 * sipp_similar_schools(schools, k, context_weights, authority, sector, metric): rows
 * of sipp.neighbour.  Roles, consent, exclusions and effects play no part.
 *
 * Neighbours are searched for first to know how far those of each school reach
 * (whether likeness is mutual), then to write them; kept in between if they are not
 * very many, otherwise found a second time, so that memory stays O(n + k).
 */
Datum
sipp_similar_schools(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Similar		x = {0};
	Schools    *s;
	bool		different;
	Metric		metric;
	Neighbour  *nearest;
	Size		most;
	Size		step;			/* from one school's neighbours to the next's; 0: not kept */
	MemoryContext row_cxt;
	MemoryContext old;
	bool		any = false;	/* has a school a neighbour? */

	if (PG_ARGISNULL(ARG_SCHOOLS))
		null_argument(FUNC, "schools", NULL);
	x.k = option_int(fcinfo, FUNC, &k_spec);
	different = option_word(fcinfo, FUNC, ARG_AUTHORITY, &authority_words) == 1;
	x.pooled = scale_pooled_arg(fcinfo, ARG_SECTOR, FUNC);
	metric = (Metric) option_word(fcinfo, FUNC, ARG_METRIC, &metric_words);
	InitMaterializedSRF(fcinfo, 0);

	s = schools_read(PG_GETARG_ARRAYTYPE_P(ARG_SCHOOLS), FUNC);
	x.schools = s;
	x.authority = different ? s->authority : NULL;
	place_schools(&x, metric, PG_ARGISNULL(ARG_WEIGHTS) ? NULL : PG_GETARG_JSONB_P(ARG_WEIGHTS));
	plant_trees(&x);

	most = Min((Size) x.k, (Size) s->n + 1);
	step = most * s->n <= MOST_KEPT ? most : 0;
	nearest = MemoryContextAllocHuge(CurrentMemoryContext,
									 sizeof(Neighbour) * Max(step * s->n, most));
	x.last = palloc0(sizeof(Neighbour) * Max(s->n, 1));
	x.count = palloc0(sizeof(int) * Max(s->n, 1));
	for (int i = 0; i < s->n; i++)
	{
		Neighbour  *own = nearest + step * i;

		x.count[i] = find_neighbours(&x, i, own);
		any |= x.count[i] > 0;
		if (x.count[i] > 0)
			x.last[i] = own[x.count[i] - 1];
	}

	if (!any)
		ereport(NOTICE,
				(errmsg("%s: no school has a neighbour%s", FUNC, s->n == 0 ? ": there are none" : ""),
				 s->n == 0 ? 0 : errhint("Column reason says why, for each school.")));

	row_cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp similar_schools row",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(row_cxt);
	for (int i = 0; i < s->n; i++)
	{
		Neighbour  *own = nearest + step * i;
		int			found = step > 0 ? x.count[i] : find_neighbours(&x, i, own);

		for (int r = 0; r < found; r++)
		{
			CHECK_FOR_INTERRUPTS();
			put_neighbour(&x, rsinfo, i, r, &own[r]);
			MemoryContextReset(row_cxt);
		}
		if (found == 0)
		{
			CHECK_FOR_INTERRUPTS();
			put_lonely(&x, rsinfo, i);
			MemoryContextReset(row_cxt);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row_cxt);
	return (Datum) 0;
}
