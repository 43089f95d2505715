/*
 * costs.c
 *		The plan of least cost of the analyst's own costs.
 *
 * Costs become integers in units of a quantum, a power of two, so that the
 * largest is at most ASSIGN_MAX_COST: 1 if all are integers of that size, which
 * are then exact.  Partners and leads are numbered by the UTF-8 bytes of their
 * ids, so that the order of rows does not matter.
 */
#include "sipp.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "pair/costs.h"
#include "pair/plan.h"

#define FUNC "sipp.assign"
#define COST_BITS 40
#define COST_MIN_EXPONENT (-1074)	/* of the least positive number */

StaticAssertDecl(ASSIGN_MAX_COST == (int64_t) 1 << COST_BITS, "costs must fill the solver's range");

/* A cost problem while it is solved. */
typedef struct CostWork
{
	const Costs *costs;
	AssignProblem prob;
	char	  **partner;		/* ids in their order */
	char	  **lead;
	int		   *row;			/* of each listed pair, its row among the costs */
	int			exponent;		/* of the quantum */
} CostWork;

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
 * changing that order by partner, each time by counting.
 */
static void
list_pairs(CostWork *w, const int *partner_rank, const int *lead_rank)
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
		at[lead_rank[c->pair[k].lead] + 2]++;
		start[partner_rank[c->pair[k].partner] + 2]++;
	}
	for (int j = 0; j < c->lead.n; j++)
		at[j + 2] += at[j + 1];
	for (int i = 0; i < c->partner.n; i++)
		start[i + 2] += start[i + 1];

	for (int64 k = 0; k < c->n; k++)
	{
		CHECK_FOR_INTERRUPTS();
		by_lead[at[lead_rank[c->pair[k].lead] + 1]++] = (int) k;
	}
	for (int64 k = 0; k < c->n; k++)
	{
		const CostPair *pair = &c->pair[by_lead[k]];
		int64_t		to = start[partner_rank[pair->partner] + 1]++;

		CHECK_FOR_INTERRUPTS();
		row[to] = by_lead[k];
		row_lead[to] = lead_rank[pair->lead];
	}
	pfree(by_lead);
	pfree(at);
	w->row = row;
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
		most = Max(most, fabs(cost));
		whole = whole && cost == rint(cost);
	}
	if (whole && most <= (double) ASSIGN_MAX_COST)
		return 0;
	(void) frexp(most, &exponent);	/* most < 2^exponent */
	return Max(exponent - COST_BITS, COST_MIN_EXPONENT);
}

/* A cost in units. */
static double
to_units(const CostWork *w, double cost)
{
	return rint(ldexp(cost, -w->exponent));
}

/*
 * Costs in units, and the price of an empty place: one by which no saving could
 * make up for it, unless a lower one is given.
 */
static void
set_units(CostWork *w)
{
	const Costs *c = w->costs;
	int64_t    *units = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(int64_t) * (size_t) Max(c->n, 1));
	int64_t		least = 0;
	int64_t		most = 0;

	w->exponent = find_exponent(c);
	for (int64 k = 0; k < c->n; k++)
	{
		CHECK_FOR_INTERRUPTS();
		units[k] = (int64_t) to_units(w, c->pair[w->row[k]].cost);
		least = Min(least, units[k]);
		most = Max(most, units[k]);
	}
	w->prob.row_cost = units;
	w->prob.unpaired = 1 + (int64_t) w->prob.npartner * (most - least);
	if (!isnan(c->unpaired))
	{
		double		given = to_units(w, c->unpaired);

		/* compared as floating point: it may be far out of range */
		if (given <= -(double) w->prob.unpaired)
			w->prob.unpaired = -w->prob.unpaired;
		else if (given < (double) w->prob.unpaired)
			w->prob.unpaired = (int64_t) given;
	}
}

/* The analyst's own cost of a pair of a plan. */
static double
own_cost(const CostWork *w, int i, int j)
{
	return w->costs->pair[w->row[plan_row_find(&w->prob, i, j)]].cost;
}

/* Sum of the pairs' costs. */
static double
total_cost(const CostWork *w, const AssignResult *plan)
{
	double		sum = 0;

	for (int i = 0; i < w->prob.npartner; i++)
		for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
			if (plan->lead[p] >= 0)
				sum += own_cost(w, i, plan->lead[p]);
	return sum;
}

/* A partner and its only place. */
static void
write_partner(PlanWriter *out, const CostWork *w, const PlanSolution *s, int i)
{
	PlanPlace	place = {0};
	PlanPartner partner = {0};
	int			j = s->plan->lead[s->plan->place_start[i]];
	int			other = s->runner_up[i];

	place.cost = place.margin = NAN;
	if (j >= 0)
	{
		place.lead = w->lead[j];
		place.cost = own_cost(w, i, j);
	}
	if (other >= 0)
	{
		place.runner_up = w->lead[other];
		place.margin = j >= 0 ? own_cost(w, i, other) - place.cost : NAN;
		/* costs of opposite sign may be as far apart as no number is */
		if (isinf(place.margin))
			place.margin = NAN;
	}
	if (j < 0 && !plan_reason_allowed(&w->prob, s, i, w->lead, ldexp(1, w->exponent), "allowed",
									  !isnan(w->costs->unpaired), &place.reason,
									  &place.relaxation))
		place.reason = "no allowed pair";
	partner.id = w->partner[i];
	partner.places = 1;
	partner.price = s->best.u[i];
	partner.nplace = 1;
	partner.place = &place;
	plan_write_partner(out, &partner);
}

/* The plan as a document. */
static Datum
write_plan(const CostWork *w, const PlanSolution *s)
{
	PlanHead	head = {0};
	PlanWriter	out;

	head.quantum = ldexp(1, w->exponent);
	head.bound = NAN;
	head.target_gap = NAN;
	plan_head_solution(&head, &w->prob, s, w->partner, w->lead);
	if (head.certified)
		head.bound = total_cost(w, &s->best);
	if (isinf(head.bound))
		float_overflow_error();

	plan_write_begin(&out);
	for (int i = 0; i < w->prob.npartner; i++)
	{
		CHECK_FOR_INTERRUPTS();
		write_partner(&out, w, s, i);
	}
	for (int j = 0; j < w->prob.nlead; j++)
	{
		PlanLead	lead = {w->lead[j], w->prob.capacity[j], s->best.v[j]};

		CHECK_FOR_INTERRUPTS();
		plan_write_lead(&out, &lead);
	}
	return plan_write_end(&out, &head);
}

Datum
costs_plan(const Costs *c)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext cxt = AllocSetContextCreate(old, FUNC, ALLOCSET_DEFAULT_SIZES);
	CostWork	w = {0};
	PlanSolution s;
	int		   *partner_rank;
	int		   *lead_rank;
	int		   *capacity;
	Datum		doc;
	Datum		result;

	MemoryContextSwitchTo(cxt);
	w.costs = c;
	partner_rank = sort_ids(&c->partner, &w.partner);
	lead_rank = sort_ids(&c->lead, &w.lead);
	capacity = palloc(sizeof(int) * Max(c->lead.n, 1));
	for (int j = 0; j < c->lead.n; j++)
		capacity[lead_rank[j]] = c->capacity[j];
	w.prob.npartner = c->partner.n;
	w.prob.nlead = c->lead.n;
	w.prob.capacity = capacity;
	plan_hooks(&w.prob.hooks);
	list_pairs(&w, partner_rank, lead_rank);
	check_duplicates(&w);
	set_units(&w);
	plan_solve(&w.prob, PLAN_OPTIMAL, NULL, FUNC, &s);
	doc = write_plan(&w, &s);

	MemoryContextSwitchTo(old);
	result = datumCopy(doc, false, -1);
	MemoryContextDelete(cxt);
	return result;
}
