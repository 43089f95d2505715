/*
 * pairing_plan.c
 *		sipp.pairing_plan: who should partner whom.
 *
 * Reads options and schools, takes locked pairs out, has the rest solved.
 */
#include "sipp.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "plan/pairing.h"

#define FUNC "sipp.pairing_plan"
#define MAX_SUPPORTS PLAN_MAX_PLACES
#define COST_BITS 39

StaticAssertDecl(ASSIGN_MAX_COST == (int64_t) 2 << COST_BITS, "costs must fit the solver's range");

/* Arguments of sipp.pairing_plan. */
enum
{
	ARG_SCHOOLS,
	ARG_WEIGHTS,
	ARG_CONTEXT_WEIGHTS,
	ARG_AUTHORITY,
	ARG_SAME_AUTHORITY_COST,
	ARG_SECTOR,
	ARG_MAX_KM,
	ARG_MIN_P_BETTER,
	ARG_MIN_SIMILARITY,
	ARG_MIN_SCORE,
	ARG_UNPAIRED_COST,
	ARG_TARGET_GAP,
	ARG_MODE,
	ARG_LOCKED,
	ARG_SUPPORTS,
	ARG_HALF_KM,
	ARG_SPREAD_KM
};

PG_FUNCTION_INFO_V1(sipp_pairing_plan);

/* The options that no other function has. */
static void
read_options(FunctionCallInfo fcinfo, PlanWork *w)
{
	char	   *mode;

	score_options(fcinfo, FUNC, ARG_WEIGHTS, ARG_AUTHORITY, ARG_SAME_AUTHORITY_COST, ARG_SECTOR,
				  ARG_MAX_KM, ARG_MIN_P_BETTER, ARG_MIN_SIMILARITY, ARG_MIN_SCORE,
				  ARG_TARGET_GAP, ARG_HALF_KM, ARG_SPREAD_KM, &w->options);

	w->unpaired_cost = NAN;
	if (!PG_ARGISNULL(ARG_UNPAIRED_COST))
	{
		w->unpaired_cost = PG_GETARG_FLOAT8(ARG_UNPAIRED_COST);
		if (!isfinite(w->unpaired_cost) || w->unpaired_cost < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"unpaired_cost\" of %s must be finite and not negative",
							FUNC),
					 errdetail("It is %s.", float8out_internal(w->unpaired_cost)),
					 errhint("NULL pairs as many schools as possible.")));
	}

	if (PG_ARGISNULL(ARG_MODE))
		null_argument(FUNC, "mode", "'optimal'");
	mode = text_to_cstring(PG_GETARG_TEXT_PP(ARG_MODE));
	if (!plan_mode_find(mode, &w->mode))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"mode\" of %s must be 'optimal', 'stable' or 'greedy'", FUNC),
				 errdetail("It is \"%s\".", mode)));

	if (PG_ARGISNULL(ARG_SUPPORTS))
		null_argument(FUNC, "supports_per_partner", "1");
	w->supports = PG_GETARG_INT32(ARG_SUPPORTS);
	if (w->supports < 1 || w->supports > MAX_SUPPORTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"supports_per_partner\" of %s must be from 1 to %d", FUNC,
						MAX_SUPPORTS),
				 errdetail("It is %d.", w->supports)));
}

/* All that keeps a school out, of its own data and of what an option needs. */
static uint32
find_lacks(const PlanWork *w, int school)
{
	const Schools *s = w->schools;
	const School *x = &s->school[school];
	uint32		lacks = school_lacks(s, school);

	if (!w->options.pooled && x->sector == NULL)
		lacks |= 1 << LACK_SECTOR;
	if (w->options.authority == AUTHORITY_DIFFERENT && x->authority == NULL)
		lacks |= 1 << LACK_AUTHORITY;
	if (!isnan(w->options.max_km) && isnan(x->lat))
		lacks |= 1 << LACK_COORDINATES;
	if (x->role == ROLE_LEAD && x->capacity == 0)
		lacks |= 1 << LACK_CAPACITY;
	return lacks;
}

/* A locked pair, by numbers of schools. */
typedef struct Lock
{
	int			partner;
	int			lead;
} Lock;

/* qsort's comparison of locked pairs. */
static int
compare_locks(const void *a, const void *b)
{
	const Lock *x = a;
	const Lock *y = b;

	if (x->partner != y->partner)
		return x->partner < y->partner ? -1 : 1;
	return x->lead < y->lead ? -1 : x->lead > y->lead;
}

/* The error of a locked pair. */
pg_noreturn static void
lock_fail(const char *partner, const char *lead, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"locked\" of %s: the pair (%s, %s) cannot be kept", FUNC,
					partner, lead),
			 errdetail("%s.", detail)));
}

/* One side of a locked pair: a school that has consented to that side. */
static int
lock_school(const PlanWork *w, const char *partner, const char *lead, bool as_lead)
{
	const char *id = as_lead ? lead : partner;
	int			school = schools_find(w->schools, id);
	SchoolRole	role;

	if (school < 0)
		lock_fail(partner, lead, psprintf("There is no school \"%s\"", id));
	role = w->schools->school[school].role;
	if (!(as_lead ? ROLE_IS_LEAD(role) : ROLE_IS_PARTNER(role)))
		lock_fail(partner, lead, psprintf("The role of school \"%s\" is %s", id,
										  role == ROLE_UNKNOWN ? "not known" : school_role_name(role)));
	if (!w->schools->school[school].consent)
		lock_fail(partner, lead, psprintf("School \"%s\" has not consented", id));
	return school;
}

/* The locked pairs, sorted; each may be there once. */
static Lock *
read_locked(FunctionCallInfo fcinfo, PlanWork *w)
{
	ArrayType  *a;
	Datum	   *elem;
	bool	   *isnull;
	int			n;
	Lock	   *lock;

	w->nlock = 0;
	if (PG_ARGISNULL(ARG_LOCKED))
		return NULL;
	a = PG_GETARG_ARRAYTYPE_P(ARG_LOCKED);
	if (ARR_NDIM(a) == 0)
		return NULL;
	if (ARR_NDIM(a) != 2 || ARR_DIMS(a)[1] != 2)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("argument \"locked\" of %s must be an array of pairs", FUNC),
				 errhint("Write ARRAY[['partner', 'lead'], ...].")));
	deconstruct_array(a, TEXTOID, -1, false, TYPALIGN_INT, &elem, &isnull, &n);
	lock = palloc(sizeof(Lock) * (n / 2));
	for (int k = 0; k < n / 2; k++)
	{
		char	   *partner;
		char	   *lead;

		if (isnull[2 * k] || isnull[2 * k + 1])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"locked\" of %s must not contain nulls", FUNC)));
		partner = TextDatumGetCString(elem[2 * k]);
		lead = TextDatumGetCString(elem[2 * k + 1]);
		lock[k].partner = lock_school(w, partner, lead, false);
		lock[k].lead = lock_school(w, partner, lead, true);
		if (lock[k].partner == lock[k].lead)
			lock_fail(partner, lead, "They are one and the same school");
	}
	w->nlock = n / 2;
	qsort(lock, w->nlock, sizeof(Lock), compare_locks);
	for (int k = 1; k < w->nlock; k++)
		if (compare_locks(&lock[k - 1], &lock[k]) == 0)
			lock_fail(w->schools->school[lock[k].partner].id, w->schools->school[lock[k].lead].id,
					  "It is there twice");
	return lock;
}

/* Number the schools that take part on one side. */
static int
number_side(PlanWork *w, bool leads, const bool *locked, int **school, char ***id, int *at)
{
	const Schools *s = w->schools;
	int			n = 0;

	*school = palloc(sizeof(int) * Max(s->n, 1));
	*id = palloc(sizeof(char *) * Max(s->n, 1));
	for (int k = 0; k < s->n; k++)
	{
		const School *x = &s->school[k];
		bool		in = w->lacks[k] == 0 &&
			(leads ? ROLE_IS_LEAD(x->role) && x->capacity > 0 : ROLE_IS_PARTNER(x->role));

		at[k] = -1;
		if (!in && !locked[k])
			continue;
		(*school)[n] = k;
		(*id)[n] = x->id;
		at[k] = n++;
	}
	return n;
}

/*
 * Who takes part, with how many places, after the locked pairs have taken
 * theirs.  A school that could not take part has those of its locked pairs.
 */
static void
number_schools(PlanWork *w, const Lock *lock)
{
	const Schools *s = w->schools;
	bool	   *locked = palloc0(Max(s->n, 1));
	bool	   *locked_lead = palloc0(Max(s->n, 1));
	int			k = 0;

	w->partner_at = palloc(sizeof(int) * Max(s->n, 1));
	w->lead_at = palloc(sizeof(int) * Max(s->n, 1));
	w->lacks = palloc(sizeof(uint32) * Max(s->n, 1));
	for (int i = 0; i < s->n; i++)
		w->lacks[i] = find_lacks(w, i);
	for (int l = 0; l < w->nlock; l++)
		locked[lock[l].partner] = locked_lead[lock[l].lead] = true;
	w->npartner = number_side(w, false, locked, &w->partner, &w->partner_id, w->partner_at);
	w->nlead = number_side(w, true, locked_lead, &w->lead, &w->lead_id, w->lead_at);

	w->places = palloc(sizeof(int) * Max(w->npartner, 1));
	w->capacity = palloc(sizeof(int) * Max(w->nlead, 1));
	w->lock_start = palloc(sizeof(int) * (w->npartner + 1));
	w->lock_lead = palloc(sizeof(int) * Max(w->nlock, 1));
	for (int j = 0; j < w->nlead; j++)
		w->capacity[j] = s->school[w->lead[j]].capacity;
	for (int i = 0; i < w->npartner; i++)
	{
		w->places[i] = w->supports;
		w->lock_start[i] = k;
		for (; k < w->nlock && lock[k].partner == w->partner[i]; k++)
		{
			int			j = w->lead_at[lock[k].lead];

			if (w->places[i]-- == 0)
				lock_fail(w->partner_id[i], w->lead_id[j],
						  psprintf("More pairs are to be kept than supports_per_partner, %d", w->supports));
			if (w->capacity[j]-- == 0)
				lock_fail(w->partner_id[i], w->lead_id[j],
						  psprintf("More pairs are to be kept than the lead's capacity, %d",
								   s->school[lock[k].lead].capacity));
			w->lock_lead[k] = j;
		}
		if (w->lacks[w->partner[i]] != 0)
			w->places[i] = 0;
	}
	w->lock_start[w->npartner] = k;
	for (int j = 0; j < w->nlead; j++)
		if (w->lacks[w->lead[j]] != 0)
			w->capacity[j] = 0;
}

/* The solver's question: what does the pair cost, in units? */
static int64_t
pair_units(void *ctx, int i, int j, int64_t limit)
{
	PlanWork   *w = ctx;
	double		cost = plan_pair_cost(w, i, j, (double) limit * w->quantum);
	int64_t		units;

	if (isinf(cost))
		return ASSIGN_NONE;
	units = assign_units(cost, w->exponent);
	return units < limit ? units : ASSIGN_NONE;
}

/*
 * The problem, in units as fine as the solver takes: the dearest pair costs less
 * than 2^COST_BITS of them, a bit less than ASSIGN_MAX_COST, so that rounding has
 * room.  An empty place has a price by which no saving could make up for it,
 * unless a lower one is given.
 */
static void
make_problem(PlanWork *w)
{
	int64		places = 0;
	double		dearest = SCORE_LOSS_CAP;

	for (int i = 0; i < w->npartner; i++)
		places += w->places[i];
	if (places > ASSIGN_MAX_PLACES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: more than %d places of partners", FUNC, ASSIGN_MAX_PLACES),
				 errdetail("There are " INT64_FORMAT ", with supports_per_partner %d.", places,
						   w->supports),
				 errhint("Make a plan for each sector of its own.")));
	if (w->options.authority == AUTHORITY_PREFER)
		dearest += w->options.same_authority_cost;
	(void) frexp(dearest, &w->exponent);	/* dearest < 2^exponent */
	w->exponent -= COST_BITS;
	w->quantum = ldexp(1, w->exponent);

	w->prob.npartner = w->npartner;
	w->prob.nlead = w->nlead;
	w->prob.places = w->places;
	w->prob.capacity = w->capacity;
	/* no cost is below 0; half a unit more for rounding each */
	w->prob.unpaired = 1 + places * ((int64) ceil(dearest / w->quantum) + 1);
	w->empty = INFINITY;
	if (!isnan(w->unpaired_cost) &&
		w->unpaired_cost / w->quantum < (double) w->prob.unpaired)
	{
		w->empty = w->unpaired_cost + 0.0;	/* not -0 */
		w->prob.unpaired = assign_units(w->empty, w->exponent);
	}
	w->prob.cost = pair_units;
	w->prob.cost_ctx = w;
	plan_hooks(&w->prob.hooks);
}

/* qsort_arg's comparison of partners: the neediest first, then by id. */
static int
compare_need(const void *a, const void *b, void *arg)
{
	const PlanWork *w = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;
	double		x = w->schools->school[w->partner[i]].effect;
	double		y = w->schools->school[w->partner[j]].effect;

	/* the effect of one that is here for a locked pair only may be unknown */
	if (isnan(x) != isnan(y))
		return isnan(y) ? -1 : 1;
	if (x != y && !isnan(x))
		return x < y ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* The order in which partners choose by hand. */
static int *
order_by_need(PlanWork *w)
{
	int		   *order = palloc(sizeof(int) * Max(w->npartner, 1));

	for (int i = 0; i < w->npartner; i++)
		order[i] = i;
	qsort_arg(order, w->npartner, sizeof(int), compare_need, w);
	return order;
}

/*
 * sipp_pairing_plan(schools, ...): the plan.
 */
Datum
sipp_pairing_plan(PG_FUNCTION_ARGS)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext cxt;
	PlanWork	w = {0};
	PlanSolution s;
	Datum		doc;
	Datum		result;

	if (PG_ARGISNULL(ARG_SCHOOLS))
		null_argument(FUNC, "schools", NULL);
	cxt = AllocSetContextCreate(old, FUNC, ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(cxt);
	read_options(fcinfo, &w);
	w.schools = schools_read(PG_GETARG_ARRAYTYPE_P(ARG_SCHOOLS), FUNC);
	w.scale = scale_make(w.schools, PG_ARGISNULL(ARG_CONTEXT_WEIGHTS) ? NULL :
						 PG_GETARG_JSONB_P(ARG_CONTEXT_WEIGHTS), w.options.pooled, FUNC);
	number_schools(&w, read_locked(fcinfo, &w));
	w.scorer = scorer_make(w.schools, w.scale, &w.options);
	make_problem(&w);
	plan_solve(&w, w.mode == PLAN_GREEDY ? order_by_need(&w) : NULL, FUNC, &s);
	doc = plan_document(&w, &s);

	MemoryContextSwitchTo(old);
	result = datumCopy(doc, false, -1);
	MemoryContextDelete(cxt);
	PG_RETURN_DATUM(result);
}
