/*
 * assign_costs.c
 *		The plan of least cost of the analyst's own costs: setting up the problem.
 *
 * Costs become integers in units of a quantum, a power of two: 1 if all are
 * whole numbers of at most ASSIGN_MAX_COST, which are then exact, as others
 * may be; where they are not, assign_solve.c goes on to what rounding has
 * left.  Partners and leads are numbered by the UTF-8 bytes of their ids, so
 * that the order of rows does not matter.
 */
#include "sipp.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "plan/assign_costs.h"

#define FUNC "sipp.assign"

/*
 * Bits of the largest cost that is not whole: one less than the solver takes,
 * so that a price beyond all savings has room for half a unit more a cost.
 */
#define COST_BITS 39
#define COST_MIN_EXPONENT (-1074)	/* of the least positive number */

StaticAssertDecl(ASSIGN_MAX_COST == (int64_t) 2 << COST_BITS, "costs must fit the solver's range");

/* An id while ids are sorted. */
typedef struct SortItem
{
	const char *key;			/* in UTF-8 */
	int			number;
} SortItem;

/* qsort_interruptible's comparison of ids. */
static int
compare_items(const void *a, const void *b, void *arg)
{
	return strcmp(((const SortItem *) a)->key, ((const SortItem *) b)->key);
}

/* Put ids into their order; returns the place of each in it. */
static int *
sort_ids(const CostIds *ids, char ***sorted)
{
	size_t		n = Max(ids->n, 1);
	SortItem   *item = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SortItem) * n);
	int		   *rank = palloc(sizeof(int) * n);

	*sorted = palloc(sizeof(char *) * n);
	for (int i = 0; i < ids->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		item[i].key = school_key(ids->id[i].bytes);
		item[i].number = i;
	}
	qsort_interruptible(item, ids->n, sizeof(SortItem), compare_items, NULL);
	for (int i = 0; i < ids->n; i++)
	{
		rank[item[i].number] = i;
		(*sorted)[i] = ids->id[item[i].number].bytes;
	}
	pfree(item);
	return rank;
}

/*
 * The pairs by partner, and within by lead: sorted by lead first, then without
 * changing that order by partner, each time by counting.  Their rows among the
 * costs are in rows.
 */
static void
list_pairs(CostWork *w, const int *partner_rank, const int *lead_rank, int **rows)
{
	const Costs *c = w->costs;
	size_t		n = (size_t) Max(c->n, 1);
	int		   *by_lead = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * n);
	int		   *row = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * n);
	int		   *row_lead = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * n);
	int64_t    *at = palloc0(sizeof(int64_t) * ((size_t) c->lead.n + 2));
	int64_t    *start = palloc0(sizeof(int64_t) * ((size_t) c->partner.n + 2));

	/* counted two places up, so that filling leaves the starts behind */
	for (int64 k = 0; k < c->n; k++)
	{
		CHECK_FOR_INTERRUPTS();
		at[lead_rank[cost_pair_lead(&c->pair[k])] + 2]++;
		start[partner_rank[c->pair[k].partner] + 2]++;
	}
	for (int j = 0; j < c->lead.n; j++)
		at[j + 2] += at[j + 1];
	for (int i = 0; i < c->partner.n; i++)
		start[i + 2] += start[i + 1];

	for (int64 k = 0; k < c->n; k++)
	{
		CHECK_FOR_INTERRUPTS();
		by_lead[at[lead_rank[cost_pair_lead(&c->pair[k])] + 1]++] = (int) k;
	}
	for (int64 k = 0; k < c->n; k++)
	{
		const CostPair *pair = &c->pair[by_lead[k]];
		int64_t		to = start[partner_rank[pair->partner] + 1]++;

		CHECK_FOR_INTERRUPTS();
		row[to] = by_lead[k];
		row_lead[to] = lead_rank[cost_pair_lead(pair)];
	}
	pfree(by_lead);
	pfree(at);
	*rows = row;
	w->prob.row_start = start;
	w->prob.row_lead = row_lead;
}

/* A pair may be given only once. */
static void
check_duplicates(const CostWork *w)
{
	for (int i = 0; i < w->prob.npartner; i++)
		for (int64_t k = w->prob.row_start[i] + 1; k < w->prob.row_start[i + 1]; k++)
		{
			CHECK_FOR_INTERRUPTS();
			if (w->prob.row_lead[k] == w->prob.row_lead[k - 1])
				ereport(ERROR,
						(errcode(ERRCODE_CARDINALITY_VIOLATION),
						 errmsg("%s: a pair is given more than once", FUNC),
						 errdetail("There is more than one row of partner \"%s\" and lead \"%s\".",
								   w->partner[i], w->lead[w->prob.row_lead[k]]),
						 errhint("Keep one row of each pair, with its cost.")));
		}
}

/* The error of a locked pair. */
pg_noreturn static void
lock_fail(const CostWork *w, int i, int j, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"locked\" of %s: the pair (%s, %s) cannot be kept", FUNC,
					w->partner[i], w->lead[j]),
			 errdetail("%s.", detail)));
}

/* Note a locked pair, which takes a place of its partner and of its lead's capacity. */
static void
take_lock(CostWork *w, int i, int j, double cost, int n, int places)
{
	if (w->places[i]-- == 0)
		lock_fail(w, i, j, psprintf("More pairs are to be kept than the partner has places, %d", places));
	if (w->capacity[j]-- == 0)
	{
		int			capacity = 0;

		for (int k = 0; k < n; k++)
			capacity += w->lock_lead[k] == j;
		lock_fail(w, i, j, psprintf("More pairs are to be kept than the lead's capacity, %d", capacity));
	}
	w->lock_lead[n] = j;
	w->lock_cost[n] = cost;
	if (isnan(cost))
		w->unknown++;
}

/* Take the locked pairs out of the list. */
static void
take_locks(CostWork *w, int *row)
{
	int64_t    *start = unconstify(int64_t *, w->prob.row_start);
	int		   *row_lead = unconstify(int *, w->prob.row_lead);
	int			nlock = 0;
	int64_t		to = 0;
	int64_t		from = 0;

	for (int64 k = 0; k < w->costs->n; k++)
		nlock += cost_pair_locked(&w->costs->pair[k]);
	w->lock_start = palloc0(sizeof(int) * ((size_t) w->prob.npartner + 1));
	w->lock_lead = palloc(sizeof(int) * ((size_t) nlock + 1));
	w->lock_cost = palloc(sizeof(double) * ((size_t) nlock + 1));
	if (nlock == 0)
		return;
	nlock = 0;
	for (int i = 0; i < w->prob.npartner; i++)
	{
		int			places = w->places[i];

		w->lock_start[i] = nlock;
		start[i] = to;
		for (; from < start[i + 1]; from++)
		{
			const CostPair *pair = &w->costs->pair[row[from]];

			CHECK_FOR_INTERRUPTS();
			if (cost_pair_locked(pair))
			{
				take_lock(w, i, row_lead[from], pair->cost, nlock, places);
				nlock++;
				continue;
			}
			row_lead[to] = row_lead[from];
			row[to++] = row[from];
		}
	}
	w->lock_start[w->prob.npartner] = nlock;
	start[w->prob.npartner] = to;
}

/* The exponent of the quantum. */
static int
find_exponent(const Costs *c)
{
	double		most = 0;
	bool		whole = isnan(c->unpaired) || c->unpaired == rint(c->unpaired);
	int			exponent;

	for (int64 k = 0; k < c->n; k++)
	{
		double		cost = c->pair[k].cost;

		CHECK_FOR_INTERRUPTS();
		if (cost_pair_locked(&c->pair[k]))
			continue;
		most = Max(most, fabs(cost));
		whole = whole && cost == rint(cost);
	}
	if (whole && most <= (double) ASSIGN_MAX_COST)
		return 0;
	(void) frexp(most, &exponent);	/* most < 2^exponent */
	return Max(exponent - COST_BITS, COST_MIN_EXPONENT);
}

/* Keep the costs themselves, of which the first n are exact in units. */
static void
keep_costs(CostWork *w, int64 n)
{
	double	   *cost = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) *
											  (size_t) w->prob.row_start[w->prob.npartner]);

	for (int64 k = 0; k < n; k++)
		cost[k] = (double) w->prob.row_cost[k] * w->quantum;
	w->cost = cost;
}

/*
 * The price of an empty place in units: one by which no saving could make up
 * for it, or a lower one that was given.  Savings lie between least and most a
 * place, and half a unit more where costs are rounded.
 */
static void
set_unpaired(CostWork *w, int64_t least, int64_t most)
{
	int64_t		beyond = most - least + (w->cost != NULL);
	double		given = ldexp(w->costs->unpaired, -w->exponent);
	int64		places = 0;

	for (int i = 0; i < w->prob.npartner; i++)
		places += w->places[i];
	if (places > ASSIGN_MAX_PLACES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: more than %d places of partners", FUNC, ASSIGN_MAX_PLACES),
				 errdetail("There are " INT64_FORMAT ".", places),
				 errhint("Make a plan for each sector or region of its own, with GROUP BY.")));
	w->prob.unpaired = 1 + places * beyond;
	if (isnan(given) || given >= (double) w->prob.unpaired)
		return;
	/* compared as floating point: it may be far out of range */
	if (given <= -(double) w->prob.unpaired)
	{
		w->prob.unpaired = -w->prob.unpaired;
		return;
	}
	w->priced = true;
	w->prob.unpaired = assign_units(w->costs->unpaired, w->exponent);
	if (!w->cost && (double) w->prob.unpaired * w->quantum != w->costs->unpaired)
		keep_costs(w, w->prob.row_start[w->prob.npartner]);
}

/* Costs in units. */
static void
set_units(CostWork *w, const int *row)
{
	int64		n = w->prob.row_start[w->prob.npartner];
	int64_t    *units = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(int64_t) * (size_t) Max(n, 1));
	int64_t		least = 0;
	int64_t		most = 0;
	double		inverse;

	w->exponent = find_exponent(w->costs);
	w->quantum = ldexp(1, w->exponent);
	inverse = ldexp(1, -w->exponent);	/* infinite where costs are tiny */
	w->prob.row_cost = units;
	for (int64 k = 0; k < n; k++)
	{
		double		cost = w->costs->pair[row[k]].cost;

		CHECK_FOR_INTERRUPTS();
		units[k] = isinf(inverse) ? assign_units(cost, w->exponent) : (int64_t) rint(cost * inverse);
		least = Min(least, units[k]);
		most = Max(most, units[k]);
		if (w->exponent != 0 && !w->cost && (double) units[k] * w->quantum != cost)
			keep_costs(w, k);
		if (w->cost)
			w->cost[k] = cost;
	}
	set_unpaired(w, least, most);
}

Datum
costs_plan(const Costs *c)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext cxt = AllocSetContextCreate(old, FUNC, ALLOCSET_DEFAULT_SIZES);
	CostWork	w = {0};
	int		   *partner_rank;
	int		   *lead_rank;
	int		   *row;
	Datum		doc;
	Datum		result;

	MemoryContextSwitchTo(cxt);
	w.costs = c;
	partner_rank = sort_ids(&c->partner, &w.partner);
	lead_rank = sort_ids(&c->lead, &w.lead);
	w.places = palloc(sizeof(int) * (size_t) Max(c->partner.n, 1));
	w.capacity = palloc(sizeof(int) * (size_t) Max(c->lead.n, 1));
	for (int i = 0; i < c->partner.n; i++)
		w.places[partner_rank[i]] = c->places[i];
	for (int j = 0; j < c->lead.n; j++)
		w.capacity[lead_rank[j]] = c->capacity[j];
	w.prob.npartner = c->partner.n;
	w.prob.nlead = c->lead.n;
	w.prob.places = w.places;
	w.prob.capacity = w.capacity;
	plan_hooks(&w.prob.hooks);
	list_pairs(&w, partner_rank, lead_rank, &row);
	check_duplicates(&w);
	take_locks(&w, row);
	set_units(&w, row);
	pfree(row);
	costs_solve(&w);
	doc = costs_document(&w);

	MemoryContextSwitchTo(old);
	result = datumCopy(doc, false, -1);
	MemoryContextDelete(cxt);
	return result;
}
