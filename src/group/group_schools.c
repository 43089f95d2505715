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

#include "base/option.h"
#include "base/row.h"
#include "group/group.h"

#define FUNC "sipp.group_schools"

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

/* Columns of sipp.group_member. */
enum
{
	G_GROUP_NO,
	G_SCHOOL,
	G_MEMBER_ROLE,
	G_SECTOR,
	G_AUTHORITY,
	G_LEAD,
	G_COST,
	G_GROUP_COST,
	G_GAP_PCT,
	G_REASON,
	MEMBER_COLUMNS
};

PG_FUNCTION_INFO_V1(sipp_group_schools);

static const OptionSpec size_spec = {
	.arg = ARG_SIZE, .name = "size", .default_text = "3",
	.low = GROUP_MIN_SIZE, .high = GROUP_MAX_SIZE,
	.must = "be from " CppAsString2(GROUP_MIN_SIZE) " to " CppAsString2(GROUP_MAX_SIZE)
};

/* Its range ends at the size. */
static const OptionSpec authorities_spec = {
	.arg = ARG_MIN_AUTHORITIES, .name = "min_authorities", .default_text = "2", .low = 1
};

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
read_composition(FunctionCallInfo fcinfo, GroupProblem *p)
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
	p->mixed = true;
	p->nclass = 0;
	room = Max((int) JB_ROOT_COUNT(jb), 1);
	p->class_name = palloc(sizeof(char *) * room);
	p->class_need = palloc(sizeof(int) * room);
	it = JsonbIteratorInit(&jb->root);
	while ((tok = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *sector;

		if (tok != WJB_KEY)
			continue;
		sector = pnstrdup(v.val.string.val, v.val.string.len);
		(void) JsonbIteratorNext(&it, &v, true);
		p->class_name[p->nclass] = sector;
		p->class_need[p->nclass] = composition_count(sector, &v, p->size);
		sum += p->class_need[p->nclass++];
	}
	if (sum != p->size)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"composition\" of %s must add to size", FUNC),
				 errdetail("It adds to " INT64_FORMAT ", size is %d.", sum, p->size)));
}

/* Argument "sector": are they pooled? */
static bool
read_sector(FunctionCallInfo fcinfo, const GroupProblem *p)
{
	bool		pooled;

	if (PG_ARGISNULL(ARG_SECTOR))
		return p->mixed;
	pooled = scale_pooled_arg(fcinfo, ARG_SECTOR, FUNC);
	if (!pooled && p->nclass > 1)
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
read_options(FunctionCallInfo fcinfo, GroupProblem *p)
{
	OptionSpec	authorities = authorities_spec;
	int			t;

	p->size = option_int(fcinfo, FUNC, &size_spec);
	authorities.high = p->size;
	authorities.must = psprintf("be from 1 to size, which is %d", p->size);
	p->min_authorities = option_int(fcinfo, FUNC, &authorities);
	t = p->places = p->size - 1;
	p->pair_weight = t > 1 ? 2 * t * (t - 1) : 1;
	if (PG_ARGISNULL(ARG_COMPOSITION))
	{
		p->nclass = 1;
		p->class_need = palloc(sizeof(int));
		p->class_need[0] = p->size;
	}
	else
		read_composition(fcinfo, p);
	score_options(fcinfo, FUNC, ARG_WEIGHTS, -1, -1, -1, ARG_MAX_KM, ARG_MIN_P_BETTER,
				  ARG_MIN_SIMILARITY, -1, ARG_TARGET_GAP, ARG_HALF_KM, ARG_SPREAD_KM, &p->options);
	/* authorities are a matter of the group, not of the pair, unless all must differ */
	p->options.authority = p->min_authorities == p->size ? AUTHORITY_DIFFERENT : AUTHORITY_ANY;
	p->options.pooled = read_sector(fcinfo, p);
}

/* The composition's sector that a school is of; -1: none of them. */
static int
find_class(const GroupProblem *p, const School *x)
{
	if (!p->mixed)
		return 0;
	if (x->sector != NULL)
		for (int k = 0; k < p->nclass; k++)
			if (strcmp(x->sector, p->class_name[k]) == 0)
				return k;
	return -1;
}

/* All that keeps a school out, of its own data and of what an option needs. */
static uint32
find_lacks(const GroupProblem *p, int school)
{
	const Schools *s = p->schools;
	const School *x = &s->school[school];
	uint32		lacks = school_lacks(s, school);

	if ((p->mixed || !p->options.pooled) && x->sector == NULL)
		lacks |= 1 << LACK_SECTOR;
	else if (find_class(p, x) < 0)
		lacks |= 1 << LACK_CLASS;
	if (p->min_authorities > 1 && x->authority == NULL)
		lacks |= 1 << LACK_AUTHORITY;
	if (!isnan(p->options.max_km) && isnan(x->lat))
		lacks |= 1 << LACK_COORDINATES;
	if (x->role == ROLE_LEAD && x->capacity == 0)
		lacks |= 1 << LACK_CAPACITY;
	return lacks;
}

/*
 * Report what the rows alone do not tell: of the scale, and whether one of the
 * two sides, or both, have nobody.
 */
static void
report_notices(const GroupProblem *p)
{
	int64		count[SCHOOL_LACKS] = {0};

	scale_report(p->scale, FUNC);
	if (p->n > 0)
	{
		if (p->npartner == 0)
			ereport(NOTICE,
					(errmsg("%s: of the schools that take part none is to be helped", FUNC)));
		if (p->nlead == 0)
			ereport(NOTICE,
					(errmsg("%s: of the schools that take part none can lead", FUNC)));
		return;
	}
	for (int i = 0; i < p->schools->n; i++)
		for (int k = 0; k < SCHOOL_LACKS; k++)
			count[k] += (p->lacks[i] >> k) & 1;
	ereport(NOTICE,
			(errmsg("%s: %s", FUNC, schools_out_text(count, p->schools->n, p->schools->n))));
}

/* Number the schools that take part, and the sides on which they do. */
static void
number_schools(GroupProblem *p)
{
	const Schools *s = p->schools;
	Size		most = s->n;

	p->lacks = palloc(sizeof(uint32) * most);
	p->school = palloc(sizeof(int) * most);
	p->class_of = palloc(sizeof(int) * most);
	p->authority = palloc(sizeof(int) * most);
	p->partner = palloc(sizeof(int) * most);
	p->lead = palloc(sizeof(int) * most);
	p->partner_at = palloc(sizeof(int) * most);
	p->lead_at = palloc(sizeof(int) * most);
	for (int i = 0; i < s->n; i++)
	{
		const School *x = &s->school[i];
		int			a = p->n;

		p->lacks[i] = find_lacks(p, i);
		if (p->lacks[i] != 0)
			continue;
		p->school[a] = i;
		p->class_of[a] = find_class(p, x);
		p->authority[a] = s->authority[i];
		p->partner_at[a] = p->lead_at[a] = -1;
		if (ROLE_IS_PARTNER(x->role))
		{
			p->partner_at[a] = p->npartner;
			p->partner[p->npartner++] = a;
		}
		if (ROLE_IS_LEAD(x->role) && x->capacity > 0)
		{
			p->lead_at[a] = p->nlead;
			p->lead[p->nlead++] = a;
		}
		p->n++;
	}
}

/* qsort's comparison of groups: the cheapest first, then by lead. */
static int
compare_groups(const void *a, const void *b)
{
	const SchoolGroup *x = a;
	const SchoolGroup *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return x->member[0] < y->member[0] ? -1 : x->member[0] > y->member[0];
}

/*
 * Search once more, from the groups that multipliers suggest; keep what is better.
 */
static bool
search_suggested(const GroupCosts *c, GroupBudget *budget, const GroupPrices *prices,
				 Groups *groups)
{
	const GroupProblem *p = c->problem;
	Groups		other;

	groups_init(p, &other);
	for (int k = 0; k < prices->nsuggested; k++)
		groups_put(p, &other, k, &prices->suggested[k]);
	while (other.n < groups->n && group_complete(c, budget, &other))
		;
	group_search(c, budget, &other);
	if (other.n > groups->n ||
		(other.n == groups->n && groups_cost(&other) < groups_cost(groups)))
	{
		*groups = other;
		return true;
	}
	return false;
}

/*
 * Bound the groups' cost, and let the multipliers that do so suggest better groups,
 * for as long as that helps; returns the bound.
 */
static int64
improve_groups(const GroupCosts *c, GroupBudget *budget, Groups *groups, int64 all_cost,
			   int64 all_pairs)
{
	const GroupProblem *p = c->problem;
	GroupPrices prices = {0};
	int64		bound = 0;
	int			of = 0;			/* how many groups it is of */

	prices.price = MemoryContextAllocExtended(CurrentMemoryContext, sizeof(double) * p->n,
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	prices.suggested = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(SchoolGroup) * p->nlead);
	for (int round = 0;; round++)
	{
		if (groups->n != of)
			bound = group_bound(c, groups->n, all_cost, all_pairs);
		of = groups->n;
		bound = Max(bound, group_price_bound(c, budget, groups->n, groups_cost(groups), &prices));
		if (round == PRICE_ROUNDS || prices.nsuggested == 0 ||
			!search_suggested(c, budget, &prices, groups))
			return bound;
	}
}

/* Solve the problem: the groups, the cheapest first, and a bound on what as many cost. */
static int64
find_groups(const GroupCosts *c, Groups *groups)
{
	GroupBudget budget = {0};
	int64		all_cost;
	int64		all_pairs;
	int64		bound = 0;

	groups_init(c->problem, groups);
	group_build(c, &budget, groups, &all_cost, &all_pairs);
	group_search(c, &budget, groups);
	if (groups->n > 0)
		bound = improve_groups(c, &budget, groups, all_cost, all_pairs);
	qsort(groups->group, groups->n, sizeof(SchoolGroup), compare_groups);
	for (int g = 0; g < groups->n; g++)
		groups_put(c->problem, groups, g, &groups->group[g]);
	return bound;
}

/*
 * The optimality gap, in per cent of the bound and rounded up to hundredths; NaN
 * where the bound says nothing.  Like the plan's, the proof is on costs in units.
 */
static double
gap_pct(const Groups *groups, int64 bound)
{
	int64		total = groups_cost(groups);
	int64		excess;

	if (groups->n == 0 || bound <= 0)
		return NAN;
	if (total < bound)
		elog(ERROR, "%s: groups cost less than their bound", FUNC);
	excess = total - bound;
	/* both are whole numbers below 2^49: twice rounded up is never too little */
	return ceil((double) excess * 1e4 / (double) bound) / 100;
}

/* The rows of one group. */
static void
put_group(const GroupCosts *c, const Groups *groups, ReturnSetInfo *rsinfo, int g, double gap)
{
	const GroupProblem *p = c->problem;
	const SchoolGroup *group = &groups->group[g];
	const Schools *s = p->schools;
	int			lead = p->school[group->member[0]];
	double		cost[GROUP_MAX_SIZE];
	double		group_cost = 0;
	double		peers = 0;

	cost[0] = NAN;
	for (int i = 1; i < p->size; i++)
	{
		PairScore	score;

		scorer_pair(c->scorer, p->school[group->member[i]], lead, &score);
		cost[i] = score.cost;
		group_cost += score.cost;
		for (int j = 1; j < i; j++)
		{
			double		km;

			peers += scorer_peers(c->scorer, p->school[group->member[j]],
								  p->school[group->member[i]], &km);
		}
	}
	if (p->places > 1)
		group_cost += peers / (p->places * (p->places - 1));

	for (int i = 0; i < p->size; i++)
	{
		const School *x = &s->school[p->school[group->member[i]]];
		Datum		values[MEMBER_COLUMNS] = {0};
		bool		nulls[MEMBER_COLUMNS] = {0};

		values[G_GROUP_NO] = Int32GetDatum(g + 1);
		put_text(values, nulls, G_SCHOOL, x->id);
		put_text(values, nulls, G_MEMBER_ROLE, i == 0 ? "lead" : "partner");
		put_text(values, nulls, G_SECTOR, x->sector);
		put_text(values, nulls, G_AUTHORITY, x->authority);
		put_text(values, nulls, G_LEAD, i == 0 ? NULL : s->school[lead].id);
		put_float(values, nulls, G_COST, cost[i]);
		put_float(values, nulls, G_GROUP_COST, group_cost);
		put_float(values, nulls, G_GAP_PCT, gap);
		nulls[G_REASON] = true;
		put_row(rsinfo, MEMBER_COLUMNS, values, nulls);
	}
}

/* The row of a school that is in no group. */
static void
put_alone(const GroupProblem *p, ReturnSetInfo *rsinfo, int school, const char *reason)
{
	const School *x = &p->schools->school[school];
	Datum		values[MEMBER_COLUMNS] = {0};
	bool		nulls[MEMBER_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	put_text(values, nulls, G_SCHOOL, x->id);
	put_text(values, nulls, G_SECTOR, x->sector);
	put_text(values, nulls, G_AUTHORITY, x->authority);
	put_text(values, nulls, G_REASON, reason);
	put_row(rsinfo, MEMBER_COLUMNS, values, nulls);
}

/* All rows: the groups, then the schools in none, by id. */
static void
put_rows(const GroupCosts *c, const Groups *groups, ReturnSetInfo *rsinfo, double gap)
{
	const GroupProblem *p = c->problem;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp group row",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int			a = 0;

	for (int g = 0; g < groups->n; g++)
	{
		put_group(c, groups, rsinfo, g, gap);
		MemoryContextReset(cxt);
	}
	for (int i = 0; i < p->schools->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (p->lacks[i] != 0)
			put_alone(p, rsinfo, i, school_lacks_text(p->schools, i, p->lacks[i]));
		else if (groups->of[a++] < 0)
			put_alone(p, rsinfo, i, group_reason(c, groups, a - 1));
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
	GroupProblem problem = {0};
	GroupCosts	costs = {0};
	Groups		groups;
	MemoryContext cxt;
	MemoryContext old;
	int64		bound;

	if (PG_ARGISNULL(ARG_SCHOOLS))
		null_argument(FUNC, "schools", NULL);
	InitMaterializedSRF(fcinfo, 0);
	cxt = AllocSetContextCreate(CurrentMemoryContext, FUNC, ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);

	read_options(fcinfo, &problem);
	problem.schools = schools_read(PG_GETARG_ARRAYTYPE_P(ARG_SCHOOLS), FUNC);
	problem.scale = scale_make(problem.schools, PG_ARGISNULL(ARG_CONTEXT_WEIGHTS) ? NULL :
							   PG_GETARG_JSONB_P(ARG_CONTEXT_WEIGHTS), problem.options.pooled,
							   FUNC);
	number_schools(&problem);
	report_notices(&problem);

	costs.problem = &problem;
	costs.scorer = scorer_make(problem.schools, problem.scale, &problem.options);
	group_keep_costs(&costs);
	group_relax(&costs);

	bound = find_groups(&costs, &groups);
	put_rows(&costs, &groups, rsinfo, gap_pct(&groups, bound));

	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return (Datum) 0;
}
