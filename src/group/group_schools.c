/*
 * group_schools.c
 *		sipp.group_schools: partnerships of three and more.
 *
 * Reads options and schools, has groups made and writes them down; see group.h.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/row.h"
#include "group/group.h"

#define FUNC "sipp.group_schools"

#define MEMBER_COLUMNS	10
#define PRICE_ROUNDS	4		/* at most so many searches from suggested groups */

/* Arguments of sipp.group_schools. */
enum
{
	ARG_SCHOOLS,
	ARG_SIZE,
	ARG_MIN_AUTHORITIES,
	ARG_COMPOSITION,
	ARG_WEIGHTS,
	ARG_CONTEXT_WEIGHTS,
	ARG_MAX_KM,
	ARG_MIN_P_BETTER,
	ARG_MIN_SIMILARITY,
	ARG_TARGET_GAP,
	ARG_HALF_KM,
	ARG_SPREAD_KM,
	ARG_SECTOR
};

PG_FUNCTION_INFO_V1(sipp_group_schools);

/* A whole number within its range. */
static int
whole_arg(FunctionCallInfo fcinfo, int arg, const char *name, const char *standard, int low,
		  int high, const char *range)
{
	int			v;

	if (PG_ARGISNULL(arg))
		null_argument(FUNC, name, standard);
	v = PG_GETARG_INT32(arg);
	if (v < low || v > high)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" of %s must be %s", name, FUNC, range),
				 errdetail("It is %d.", v)));
	return v;
}

/* How many schools of a sector a composition has. */
static int
composition_count(const char *sector, const JsonbValue *v, int size)
{
	double		x;

	if (v->type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"composition\" of %s: \"%s\" must be a number", FUNC, sector)));
	x = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(v->val.numeric)));
	if (!(x >= 1 && x <= size && x == floor(x)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"composition\" of %s: \"%s\" must be a whole number from 1 to size",
						FUNC, sector),
				 errdetail("It is %s, size is %d.", float8out_internal(x), size)));
	return (int) x;
}

/* Argument "composition": what sectors a group is made of. */
static void
read_composition(FunctionCallInfo fcinfo, GroupWork *w)
{
	Jsonb	   *jb = PG_GETARG_JSONB_P(ARG_COMPOSITION);
	JsonbIterator *it;
	JsonbIteratorToken tok;
	JsonbValue	v;
	int64		sum = 0;
	int			room;

	if (!JB_ROOT_IS_OBJECT(jb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"composition\" of %s must be an object", FUNC),
				 errhint("As in {\"secondary\": 1, \"primary\": 2}.")));
	w->mixed = true;
	w->nclass = 0;
	room = Max((int) JB_ROOT_COUNT(jb), 1);
	w->class_name = palloc(sizeof(char *) * room);
	w->class_need = palloc(sizeof(int) * room);
	it = JsonbIteratorInit(&jb->root);
	while ((tok = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *sector;

		if (tok != WJB_KEY)
			continue;
		sector = pnstrdup(v.val.string.val, v.val.string.len);
		(void) JsonbIteratorNext(&it, &v, true);
		w->class_name[w->nclass] = sector;
		w->class_need[w->nclass] = composition_count(sector, &v, w->size);
		sum += w->class_need[w->nclass++];
	}
	if (sum != w->size)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"composition\" of %s must add to size", FUNC),
				 errdetail("It adds to " INT64_FORMAT ", size is %d.", sum, w->size)));
}

/* Argument "sector": are they pooled? */
static bool
read_sector(FunctionCallInfo fcinfo, const GroupWork *w)
{
	bool		pooled;

	if (PG_ARGISNULL(ARG_SECTOR))
		return w->mixed;
	pooled = scale_pooled_arg(fcinfo, ARG_SECTOR, FUNC);
	if (!pooled && w->nclass > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"sector\" of %s must be 'any' with a composition of several sectors",
						FUNC),
				 errdetail("It is \"same\"."),
				 errhint("NULL is 'any' with a composition, and 'same' without.")));
	return pooled;
}

/* All options. */
static void
read_options(FunctionCallInfo fcinfo, GroupWork *w)
{
	int			t;

	w->size = whole_arg(fcinfo, ARG_SIZE, "size", "3", GROUP_MIN_SIZE, GROUP_MAX_SIZE,
						psprintf("from %d to %d", GROUP_MIN_SIZE, GROUP_MAX_SIZE));
	w->min_authorities = whole_arg(fcinfo, ARG_MIN_AUTHORITIES, "min_authorities", "2", 1, w->size,
								   psprintf("from 1 to size, which is %d", w->size));
	t = w->places = w->size - 1;
	w->pair_weight = t > 1 ? 2 * t * (t - 1) : 1;
	if (PG_ARGISNULL(ARG_COMPOSITION))
	{
		w->nclass = 1;
		w->class_need = palloc(sizeof(int));
		w->class_need[0] = w->size;
	}
	else
		read_composition(fcinfo, w);
	score_options(fcinfo, FUNC, ARG_WEIGHTS, -1, -1, -1, ARG_MAX_KM, ARG_MIN_P_BETTER,
				  ARG_MIN_SIMILARITY, -1, ARG_TARGET_GAP, ARG_HALF_KM, ARG_SPREAD_KM, &w->options);
	/* authorities are a matter of the group, not of the pair, unless all must differ */
	w->options.authority = w->min_authorities == w->size ? AUTHORITY_DIFFERENT : AUTHORITY_ANY;
	w->options.pooled = read_sector(fcinfo, w);
}

/* The composition's sector that a school is of; -1: none of them. */
static int
find_class(const GroupWork *w, const School *x)
{
	if (!w->mixed)
		return 0;
	if (x->sector != NULL)
		for (int k = 0; k < w->nclass; k++)
			if (strcmp(x->sector, w->class_name[k]) == 0)
				return k;
	return -1;
}

/* All that keeps a school out, of its own data and of what an option needs. */
static uint32
find_lacks(const GroupWork *w, int school)
{
	const Schools *s = w->schools;
	const School *x = &s->school[school];
	uint32		lacks = school_lacks(s, school);

	if ((w->mixed || !w->options.pooled) && x->sector == NULL)
		lacks |= 1 << LACK_SECTOR;
	else if (find_class(w, x) < 0)
		lacks |= 1 << LACK_CLASS;
	if (w->min_authorities > 1 && x->authority == NULL)
		lacks |= 1 << LACK_AUTHORITY;
	if (!isnan(w->options.max_km) && isnan(x->lat))
		lacks |= 1 << LACK_COORDINATES;
	if (x->role == ROLE_LEAD && x->capacity == 0)
		lacks |= 1 << LACK_CAPACITY;
	return lacks;
}

/* Tell the client what the rows alone do not: of the yardsticks, and if one of the two sides has nobody. */
static void
report_notices(const GroupWork *w)
{
	int64		count[SCHOOL_LACKS] = {0};

	scale_report(w->scale, FUNC);
	if (w->n > 0)
	{
		if (w->npartner == 0)
			ereport(NOTICE,
					(errmsg("%s: of the schools that take part none is to be helped", FUNC)));
		if (w->nlead == 0)
			ereport(NOTICE,
					(errmsg("%s: of the schools that take part none can lead", FUNC)));
		return;
	}
	for (int i = 0; i < w->schools->n; i++)
		for (int k = 0; k < SCHOOL_LACKS; k++)
			count[k] += (w->lacks[i] >> k) & 1;
	ereport(NOTICE,
			(errmsg("%s: %s", FUNC, schools_out_text(count, w->schools->n, w->schools->n))));
}

/* Who takes part, on which sides. */
static void
number_schools(GroupWork *w)
{
	const Schools *s = w->schools;
	Size		most = Max(s->n, 1);

	w->lacks = palloc(sizeof(uint32) * most);
	w->school = palloc(sizeof(int) * most);
	w->class_of = palloc(sizeof(int) * most);
	w->authority = palloc(sizeof(int) * most);
	w->partner = palloc(sizeof(int) * most);
	w->lead = palloc(sizeof(int) * most);
	w->partner_at = palloc(sizeof(int) * most);
	w->lead_at = palloc(sizeof(int) * most);
	w->group_of = palloc(sizeof(int) * most);
	for (int i = 0; i < s->n; i++)
	{
		const School *x = &s->school[i];
		int			a = w->n;

		w->lacks[i] = find_lacks(w, i);
		if (w->lacks[i] != 0)
			continue;
		w->school[a] = i;
		w->class_of[a] = find_class(w, x);
		w->authority[a] = s->authority[i];
		w->group_of[a] = w->partner_at[a] = w->lead_at[a] = -1;
		if (ROLE_IS_PARTNER(x->role))
		{
			w->partner_at[a] = w->npartner;
			w->partner[w->npartner++] = a;
		}
		if (ROLE_IS_LEAD(x->role) && x->capacity > 0)
		{
			w->lead_at[a] = w->nlead;
			w->lead[w->nlead++] = a;
		}
		w->n++;
	}
	w->group = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SchoolGroup) * Max(w->nlead, 1));
	w->top_price = MemoryContextAllocExtended(CurrentMemoryContext, sizeof(double) * most,
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	w->suggested = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SchoolGroup) * Max(w->nlead, 1));
}

/* qsort_arg's comparison of groups: the cheapest first, then by lead. */
static int
compare_groups(const void *a, const void *b, void *arg)
{
	const SchoolGroup *x = a;
	const SchoolGroup *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return x->member[0] < y->member[0] ? -1 : x->member[0] > y->member[0];
}

/* What all groups cost. */
static int64
groups_cost(const GroupWork *w)
{
	int64		total = 0;

	for (int g = 0; g < w->ngroup; g++)
		total += w->group[g].cost;
	return total;
}

/* Search once more, from the groups that prices suggest; keep what is better. */
static bool
search_suggested(GroupWork *w)
{
	int			ngroup = w->ngroup;
	int64		cost = groups_cost(w);
	SchoolGroup *group = w->group;

	w->group = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SchoolGroup) * Max(w->nlead, 1));
	w->ngroup = 0;
	for (int a = 0; a < w->n; a++)
		w->group_of[a] = -1;
	for (int k = 0; k < w->nsuggested; k++)
		group_put(w, k, &w->suggested[k]);
	while (w->ngroup < ngroup && group_complete(w))
		;
	group_search(w);
	if (w->ngroup > ngroup || (w->ngroup == ngroup && groups_cost(w) < cost))
	{
		pfree(group);
		return true;
	}
	pfree(w->group);
	w->group = group;
	w->ngroup = ngroup;
	for (int a = 0; a < w->n; a++)
		w->group_of[a] = -1;
	for (int g = 0; g < ngroup; g++)
		group_put(w, g, &group[g]);
	return false;
}

/*
 * Bound the groups' cost, and let the prices that do so suggest better groups, for
 * as long as that helps; returns the bound.
 */
static int64
improve_groups(GroupWork *w, int64 all_cost, int64 all_pairs)
{
	int64		bound = 0;
	int			of = 0;			/* how many groups it is of */

	for (int round = 0;; round++)
	{
		if (w->ngroup != of)
			bound = group_bound(w, all_cost, all_pairs);
		of = w->ngroup;
		bound = Max(bound, group_price_bound(w, groups_cost(w)));
		if (round == PRICE_ROUNDS || w->nsuggested == 0 || !search_suggested(w))
			return bound;
	}
}

/*
 * By how many per cent the groups can be too dear, rounded up to hundredths; NaN
 * where the bound says nothing.  Like the plan's, the proof is on costs in units.
 */
static double
within_pct(const GroupWork *w, int64 bound)
{
	int64		total = groups_cost(w);
	int64		excess;

	if (w->ngroup == 0 || bound <= 0)
		return NAN;
	if (total < bound)
		elog(ERROR, "%s: groups cost less than their bound", FUNC);
	excess = total - bound;
	/* both are whole numbers below 2^49: twice rounded up is never too little */
	return ceil((double) excess * 1e4 / (double) bound) / 100;
}

/* The rows of one group. */
static void
put_group(const GroupWork *w, ReturnSetInfo *rsinfo, int g, double within)
{
	const SchoolGroup *group = &w->group[g];
	const Schools *s = w->schools;
	int			lead = w->school[group->member[0]];
	double		cost[GROUP_MAX_SIZE];
	double		group_cost = 0;
	double		peers = 0;

	cost[0] = NAN;
	for (int i = 1; i < w->size; i++)
	{
		PairScore	p;

		scorer_pair(w->scorer, w->school[group->member[i]], lead, &p);
		cost[i] = p.cost;
		group_cost += p.cost;
		for (int j = 1; j < i; j++)
		{
			double		km;

			peers += scorer_peers(w->scorer, w->school[group->member[j]],
								  w->school[group->member[i]], &km);
		}
	}
	if (w->places > 1)
		group_cost += peers / (w->places * (w->places - 1));

	for (int i = 0; i < w->size; i++)
	{
		const School *x = &s->school[w->school[group->member[i]]];
		Datum		values[MEMBER_COLUMNS] = {0};
		bool		nulls[MEMBER_COLUMNS] = {0};

		values[0] = Int32GetDatum(g + 1);
		put_text(values, nulls, 1, x->id);
		put_text(values, nulls, 2, i == 0 ? "lead" : "partner");
		put_text(values, nulls, 3, x->sector);
		put_text(values, nulls, 4, x->authority);
		put_text(values, nulls, 5, i == 0 ? NULL : s->school[lead].id);
		put_float(values, nulls, 6, cost[i]);
		put_float(values, nulls, 7, group_cost);
		put_float(values, nulls, 8, within);
		nulls[9] = true;
		put_row(rsinfo, MEMBER_COLUMNS, values, nulls);
	}
}

/* The row of a school that is in no group. */
static void
put_alone(const GroupWork *w, ReturnSetInfo *rsinfo, int school, const char *reason)
{
	const School *x = &w->schools->school[school];
	Datum		values[MEMBER_COLUMNS] = {0};
	bool		nulls[MEMBER_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	put_text(values, nulls, 1, x->id);
	put_text(values, nulls, 3, x->sector);
	put_text(values, nulls, 4, x->authority);
	put_text(values, nulls, 9, reason);
	nulls[1] = nulls[9] = false;
	put_row(rsinfo, MEMBER_COLUMNS, values, nulls);
}

/* All rows: the groups, then the schools in none, by id. */
static void
put_rows(GroupWork *w, ReturnSetInfo *rsinfo, double within)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp group row",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int			a = 0;

	for (int g = 0; g < w->ngroup; g++)
	{
		put_group(w, rsinfo, g, within);
		MemoryContextReset(cxt);
	}
	for (int i = 0; i < w->schools->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (w->lacks[i] != 0)
			put_alone(w, rsinfo, i, school_lacks_text(w->schools, i, w->lacks[i]));
		else if (w->group_of[a++] < 0)
			put_alone(w, rsinfo, i, group_reason(w, a - 1));
		MemoryContextReset(cxt);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/*
 * sipp_group_schools(schools, ...): rows of sipp.group_member.
 */
Datum
sipp_group_schools(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	GroupWork	w = {0};
	MemoryContext cxt;
	MemoryContext old;
	int64		all_cost;
	int64		all_pairs;
	int64		bound = 0;
	double		within;

	if (PG_ARGISNULL(ARG_SCHOOLS))
		null_argument(FUNC, "schools", NULL);
	InitMaterializedSRF(fcinfo, 0);
	cxt = AllocSetContextCreate(CurrentMemoryContext, FUNC, ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);

	read_options(fcinfo, &w);
	w.schools = schools_read(PG_GETARG_ARRAYTYPE_P(ARG_SCHOOLS), FUNC);
	w.scale = scale_make(w.schools, PG_ARGISNULL(ARG_CONTEXT_WEIGHTS) ? NULL :
						 PG_GETARG_JSONB_P(ARG_CONTEXT_WEIGHTS), w.options.pooled, FUNC);
	number_schools(&w);
	report_notices(&w);
	w.scorer = scorer_make(w.schools, w.scale, &w.options);
	group_keep_costs(&w);
	group_relax(&w);
	group_build(&w, &all_cost, &all_pairs);
	group_search(&w);
	if (w.ngroup > 0)
		bound = improve_groups(&w, all_cost, all_pairs);

	qsort_arg(w.group, w.ngroup, sizeof(SchoolGroup), compare_groups, NULL);
	for (int g = 0; g < w.ngroup; g++)
		for (int i = 0; i < w.size; i++)
			w.group_of[w.group[g].member[i]] = g;
	within = within_pct(&w, bound);
	put_rows(&w, rsinfo, within);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return (Datum) 0;
}
