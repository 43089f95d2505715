/*
 * solve.c
 *		Solving a pairing problem, proving the plan, and what else its pairs say:
 *		runners-up and blocking pairs.
 *
 * The solver's costs are whole numbers of a quantum.  One pass over all pairs then
 * lists those that cost at most `reach` units more than their prices.  No others
 * matter for the costs as they are (see num/assign_refine.c), so that the plan
 * is refined, and its proof checked, on these alone.
 *
 * Where many schools have the same numbers, too many pairs cost their prices to
 * list them.  Then what rounding took from each partner's pair may do: let d_ij be
 * the cost of a pair less that of its units, at most half a unit, and d_i the most
 * of partner i's pairs at their prices.  If no other pair at its prices has
 * d_ij < d_i, then the partners' prices, raised by d_i, prove the plan for the costs
 * as they are: where a pair costs a unit more than its prices, d_i - d_ij <= 1 unit
 * takes nothing from that.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "plan/pairing.h"

/*
 * Pairs that may be listed, which bounds memory: so many of each school, and so
 * many more.  Normally there are two or three; there can be more only where very
 * many pairs cost the same to 1e-5 or so of their cost.
 */
#define NEAR_OF_SCHOOL 32
#define NEAR_MORE (1 << 16)

#define MAX_REST_BITS 60		/* of what rounding leaves, as a price */

/* The pairs near their prices, by partner. */
typedef struct Near
{
	int64		reach;			/* in units */
	bool		full;			/* there were too many */
	int64		n;
	int64		room;
	int64		most;
	int64_t    *start;			/* [npartner + 1] */
	int		   *lead;
	int64_t    *units;
	double	   *cost;

	double	   *rest;			/* [npartner] d_i */
	bool		even;			/* no other pair has d_ij < d_i */
} Near;

/* What a pass over the pairs needs. */
typedef struct Scan
{
	PlanWork   *w;
	PlanSolution *s;
	Near	   *near;			/* NULL: they are not asked for */
	double	   *partner_worst;	/* [npartner] given up for a better one: see find_worst() */
	bool	   *has_empty;		/* [npartner] */
	double	   *lead_worst;		/* [nlead] */
	int		   *holder;			/* [nlead] the last partner seen to have it */
} Scan;

/* What rounding to so many units leaves of a cost, exactly. */
static double
rest_of(const PlanWork *w, double cost, int64_t units)
{
	return cost - (double) units * w->quantum;
}

/* A large array in the current context. */
static void *
take(int64 n, size_t size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, (Size) Max(n, 1) * size);
}

/* Costs of the pairs of a plan, NaN where a place is empty. */
static double *
plan_costs(PlanWork *w, const AssignResult *plan)
{
	double	   *cost = take(plan->nplace, sizeof(double));

	for (int i = 0; i < w->npartner; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
			cost[p] = plan->lead[p] < 0 ? NAN : plan_pair_cost(w, i, plan->lead[p], INFINITY);
	}
	return cost;
}

/*
 * What each side would give up for somebody better: the cost of a partner's
 * dearest pair, that of an empty place if it has one; that of a lead's, anything
 * with room left.  Who has no place at all wants nobody.
 */
static void
find_worst(Scan *scan)
{
	PlanWork   *w = scan->w;
	PlanSolution *s = scan->s;
	const AssignResult *plan = s->plan;

	for (int j = 0; j < w->nlead; j++)
	{
		s->room[j] = w->capacity[j];
		scan->lead_worst[j] = -INFINITY;
		scan->holder[j] = -1;
	}
	for (int i = 0; i < w->npartner; i++)
	{
		scan->partner_worst[i] = -INFINITY;
		scan->has_empty[i] = false;
		for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
		{
			int			j = plan->lead[p];

			if (j < 0)
			{
				scan->has_empty[i] = true;
				scan->partner_worst[i] = w->empty;
				continue;
			}
			scan->partner_worst[i] = Max(scan->partner_worst[i], s->plan_cost[p]);
			scan->lead_worst[j] = Max(scan->lead_worst[j], s->plan_cost[p]);
			s->room[j]--;
		}
	}
	for (int j = 0; j < w->nlead; j++)
		if (s->room[j] > 0)
			scan->lead_worst[j] = INFINITY;
}

/* List a pair. */
static void
list_pair(Near *near, int j, int64_t units, double cost)
{
	if (near->n == near->room)
	{
		if (near->n >= near->most)
		{
			near->full = true;
			return;
		}
		near->room = Min(near->most, 2 * near->room);
		near->lead = repalloc_huge(near->lead, near->room * sizeof(int));
		near->units = repalloc_huge(near->units, near->room * sizeof(int64_t));
		near->cost = repalloc_huge(near->cost, near->room * sizeof(double));
	}
	near->lead[near->n] = j;
	near->units[near->n] = units;
	near->cost[near->n++] = cost;
}

/*
 * Look at one partner's pairs, each asked for only as far as its cost could
 * matter.
 */
static void
scan_partner(Scan *scan, int i)
{
	PlanWork   *w = scan->w;
	PlanSolution *s = scan->s;
	Near	   *near = scan->near;
	double		best = INFINITY;

	s->runner_up[i] = -1;
	for (int p = s->plan->place_start[i]; p < s->plan->place_start[i + 1]; p++)
		if (s->plan->lead[p] >= 0)
			scan->holder[s->plan->lead[p]] = i;
	for (int j = 0; j < w->nlead; j++)
	{
		double		both = Min(scan->partner_worst[i], scan->lead_worst[j]);
		double		limit = Max(both, best);
		int64		price = 0;
		double		cost;

		if (near)
		{
			/* units are rounded, so that the next one's cost is a safe limit */
			price = s->best.u[i] + s->best.v[j] + near->reach;
			limit = Max(limit, (double) (price + 1) * w->quantum);
		}
		if (scan->holder[j] == i)
		{
			if (!near)
				continue;
			limit = INFINITY;
		}
		cost = plan_pair_cost(w, i, j, limit);
		if (isinf(cost))
			continue;
		if (near)
		{
			int64_t		units = assign_units(cost, w->exponent);

			if (!near->full && (units <= price || scan->holder[j] == i))
				list_pair(near, j, units, cost);
			if (units == price - near->reach && scan->holder[j] != i &&
				rest_of(w, cost, units) < near->rest[i])
				near->even = false;
		}
		if (scan->holder[j] == i)
			continue;
		if (cost < best)
		{
			best = cost;
			s->runner_up[i] = j;
		}
		if (cost < both)
			plan_note_blocking(&s->blocking, i, j, cost, scan->partner_worst[i],
							   scan->has_empty[i], scan->lead_worst[j]);
	}
	s->runner_up_cost[i] = best;
}

/*
 * Each partner's cheapest lead of those that it has not, the pairs of which both
 * sides would be better off together, and those near their prices.
 */
static void
scan_pairs(PlanWork *w, PlanSolution *s, Near *near)
{
	Scan		scan;

	scan.w = w;
	scan.s = s;
	scan.near = near;
	scan.partner_worst = take(w->npartner, sizeof(double));
	scan.has_empty = take(w->npartner, sizeof(bool));
	scan.lead_worst = take(w->nlead, sizeof(double));
	scan.holder = take(w->nlead, sizeof(int));
	s->blocking.n = 0;
	find_worst(&scan);
	for (int i = 0; i < w->npartner; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (near)
			near->start[i] = near->n;
		scan_partner(&scan, i);
	}
	if (near)
		near->start[w->npartner] = near->n;
	pfree(scan.partner_worst);
	pfree(scan.has_empty);
	pfree(scan.lead_worst);
	pfree(scan.holder);
}

/* Find d_i of each partner; an empty place is like a pair with a lead of price 0. */
static void
find_rests(const PlanWork *w, const PlanSolution *s, Near *near)
{
	double		out = isinf(w->empty) ? 0 : rest_of(w, w->empty, w->prob.unpaired);

	near->rest = take(w->npartner, sizeof(double));
	near->even = true;
	for (int i = 0; i < w->npartner; i++)
	{
		bool		at_out = s->best.u[i] == w->prob.unpaired;
		bool		has_empty = false;

		near->rest[i] = -w->quantum / 2;
		for (int p = s->best.place_start[i]; p < s->best.place_start[i + 1]; p++)
		{
			int			j = s->best.lead[p];
			int64_t		units = j < 0 ? w->prob.unpaired : assign_units(s->best_cost[p], w->exponent);
			double		rest = j < 0 ? out : rest_of(w, s->best_cost[p], units);

			has_empty |= j < 0;
			if (units == s->best.u[i] + (j < 0 ? 0 : s->best.v[j]))
				near->rest[i] = Max(near->rest[i], rest);
		}
		/* no price of a partner may be above that of an empty place */
		if (at_out && near->rest[i] > out && (has_empty || w->places[i] > 0))
			near->even = false;
		if (at_out)
			near->rest[i] = Min(near->rest[i], out);
	}
}

/* Room for the pairs near their prices. */
static void
near_begin(const PlanWork *w, const PlanSolution *s, Near *near)
{
	const AssignResult *best = &s->best;

	memset(near, 0, sizeof(*near));
	near->reach = assign_reach(best->nplace);
	near->most = NEAR_MORE + (int64) NEAR_OF_SCHOOL * (w->npartner + w->nlead);
	near->room = Min(near->most, 64 + 2 * (int64) (w->npartner + w->nlead));
	near->start = take(w->npartner + 1, sizeof(int64_t));
	near->lead = take(near->room, sizeof(int));
	near->units = take(near->room, sizeof(int64_t));
	near->cost = take(near->room, sizeof(double));
	find_rests(w, s, near);
}

/* The smallest exponent of the last bits of costs. */
static int
last_bit_of(const double *cost, int n, int exponent)
{
	for (int k = 0; k < n; k++)
		if (!isnan(cost[k]))
			exponent = Min(exponent, exact_last_bit(cost[k]));
	return exponent;
}

/*
 * The proof where too many pairs cost their prices: that of the rounded costs, and
 * if the rests are even a second level of prices with them.
 */
static void
prove_rounded(PlanWork *w, PlanSolution *s, const Near *near)
{
	AssignLevels *levels = &s->levels;
	int			exponent = last_bit_of(near->rest, w->npartner, w->exponent);

	s->fault = assign_verify(&w->prob, &s->best, NULL, NULL);
	levels->n = 1;
	levels->exponent[0] = w->exponent;
	levels->u[0] = s->best.u;
	levels->v[0] = s->best.v;
	s->refined = near->even && exponent > w->exponent - MAX_REST_BITS;
	if (!s->refined || exponent == w->exponent)
		return;
	levels->n = 2;
	levels->exponent[1] = exponent;
	levels->u[1] = take(w->npartner, sizeof(int64_t));
	levels->v[1] = take(w->nlead, sizeof(int64_t));
	for (int i = 0; i < w->npartner; i++)
		levels->u[1][i] = assign_units(near->rest[i], exponent);
	for (int j = 0; j < w->nlead; j++)
		levels->v[1][j] = 0;
}

/*
 * Refine the plan on the listed pairs and check the proof: every pair that is not
 * listed costs more than its prices, whatever later levels add to them.  Where
 * too many pairs would have had to be listed the plan stays that of the rounded
 * costs, with a proof of its own.  Returns whether the plan has changed.
 */
static bool
prove(PlanWork *w, PlanSolution *s, Near *near, const char *func)
{
	AssignProblem prob = w->prob;
	AssignCosts costs = {near->cost, w->exponent, !isinf(w->empty), w->empty};
	Size		size = sizeof(int) * (Size) s->best.nplace;
	int		   *before;
	bool		changed;

	if (near->full)
	{
		prove_rounded(w, s, near);
		return false;
	}
	prob.cost = NULL;
	prob.row_start = near->start;
	prob.row_lead = near->lead;
	prob.row_cost = near->units;
	before = take(s->best.nplace, sizeof(int));
	memcpy(before, s->best.lead, size);
	plan_check_status(assign_refine(&prob, &costs, &s->best, &s->levels), func);
	s->fault = assign_verify_levels(&prob, &costs, &s->best, &s->levels, NULL, NULL);
	s->refined = true;
	changed = memcmp(before, s->best.lead, size) != 0;
	pfree(before);
	return changed;
}

/* Costs as numbers of the same order: those that are not negative are, read as integers. */
static int64_t
order_of(double cost)
{
	int64_t		order;

	memcpy(&order, &cost, sizeof(order));
	return order;
}

static int64_t
pair_order(void *ctx, int i, int j, int64_t limit)
{
	double		below;
	double		cost;

	memcpy(&below, &limit, sizeof(below));
	cost = plan_pair_cost(ctx, i, j, below);
	return isinf(cost) ? ASSIGN_NONE : order_of(cost);
}

/* The plan of a mode that only compares costs. */
static void
make_plan(PlanWork *w, const int *order, const char *func, PlanSolution *s)
{
	AssignProblem prob = w->prob;

	prob.ordinal = true;
	prob.cost = pair_order;
	prob.unpaired = order_of(w->empty);
	plan_check_status(w->mode == PLAN_STABLE ? assign_stable(&prob, &s->made) :
					  assign_in_order(&prob, order, &s->made), func);
	s->plan = &s->made;
}

/*
 * A unit of which all prices are whole numbers, and if the plan is refined all
 * costs in it.
 */
static void
find_units(const PlanWork *w, PlanSolution *s)
{
	int			exponent = s->levels.exponent[s->levels.n - 1];

	s->last_bit = last_bit_of(s->best_cost, s->best.nplace, exponent);
	s->last_bit = last_bit_of(s->plan_cost, s->plan->nplace, s->last_bit);
	s->last_bit = last_bit_of(s->lock_cost, w->nlock, s->last_bit);
	if (!isinf(w->empty))
		s->last_bit = Min(s->last_bit, exact_last_bit(w->empty));
	exact_units_make(&s->units, &s->levels, s->refined ? s->last_bit : exponent);
}

/* Costs of the locked pairs, which may break rules. */
static double *
lock_costs(const PlanWork *w)
{
	double	   *cost = take(w->nlock, sizeof(double));
	PairScore	x;

	for (int i = 0; i < w->npartner; i++)
		for (int k = w->lock_start[i]; k < w->lock_start[i + 1]; k++)
		{
			scorer_pair(w->scorer, w->partner[i], w->lead[w->lock_lead[k]], &x);
			cost[k] = x.cost;
		}
	return cost;
}

void
plan_solve(PlanWork *w, const int *order, const char *func, PlanSolution *s)
{
	Near		near;
	bool		changed;

	memset(s, 0, sizeof(PlanSolution));
	s->room = take(w->nlead, sizeof(int));
	s->runner_up = take(w->npartner, sizeof(int));
	s->runner_up_cost = take(w->npartner, sizeof(double));
	plan_check_status(assign_solve(&w->prob, &s->best), func);
	s->plan = &s->best;
	s->best_cost = s->plan_cost = plan_costs(w, &s->best);
	near_begin(w, s, &near);
	scan_pairs(w, s, &near);
	changed = prove(w, s, &near, func);
	if (changed)
		s->best_cost = s->plan_cost = plan_costs(w, &s->best);
	if (w->mode != PLAN_OPTIMAL)
	{
		make_plan(w, order, func, s);
		s->plan_cost = plan_costs(w, &s->made);
	}
	if (changed || s->plan != &s->best)
		scan_pairs(w, s, NULL);
	s->lock_cost = lock_costs(w);
	find_units(w, s);
	pfree(near.start);
	pfree(near.lead);
	pfree(near.units);
	pfree(near.cost);
	pfree(near.rest);
}
