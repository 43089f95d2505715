/*
 * assign_solve.c
 *		Solving a problem of the analyst's own costs, by any mode.
 *
 * The cheapest plan is proven on the costs as given: where the solver's units
 * are not exact, it is refined level by level.  The modes stable and greedy
 * only compare costs: where units are not exact, they see ranks in their
 * place.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "plan/assign_costs.h"

#define FUNC "sipp.assign"

/* The cheapest plan, its prices, and whether they prove it. */
static void
solve_best(CostWork *w)
{
	plan_check_status(assign_solve(&w->prob, &w->best), FUNC);
	if (w->cost)
	{
		AssignCosts costs = {w->cost, w->exponent, w->priced, w->costs->unpaired};

		plan_check_status(assign_refine(&w->prob, &costs, &w->best, &w->levels), FUNC);
		w->fault = assign_verify_levels(&w->prob, &costs, &w->best, &w->levels, NULL, NULL);
	}
	else
	{
		w->fault = assign_verify(&w->prob, &w->best, NULL, NULL);
		w->levels.n = 1;
		w->levels.exponent[0] = w->exponent;
		w->levels.u[0] = w->best.u;
		w->levels.v[0] = w->best.v;
	}
}

/* qsort_interruptible's comparison of costs. */
static int
compare_costs(const void *a, const void *b, void *arg)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* How many of the different costs are lower. */
static int64_t
rank_of(double cost, const double *sorted, int64 n)
{
	int64		low = 0;
	int64		high = n;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (sorted[middle] < cost)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The same problem with ranks for costs: the same pairs come first. */
static AssignProblem
ranked_problem(const CostWork *w)
{
	AssignProblem prob = w->prob;
	int64		n = prob.row_start[prob.npartner];
	double	   *sorted = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(double) * (size_t) Max(n, 1));
	int64_t    *rank = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(int64_t) * (size_t) Max(n, 1));
	int64		different = 0;

	memcpy(sorted, w->cost, sizeof(double) * (size_t) n);
	qsort_interruptible(sorted, (size_t) n, sizeof(double), compare_costs, NULL);
	for (int64 k = 0; k < n; k++)
		if (k == 0 || sorted[k] != sorted[k - 1])
			sorted[different++] = sorted[k];
	for (int64 k = 0; k < n; k++)
	{
		CHECK_FOR_INTERRUPTS();
		rank[k] = rank_of(w->cost[k], sorted, different);
	}
	if (w->priced)
		prob.unpaired = rank_of(w->costs->unpaired, sorted, different);
	else
		prob.unpaired = prob.unpaired > 0 ? different : 0;
	pfree(sorted);
	prob.row_cost = rank;
	return prob;
}

void
costs_solve(CostWork *w)
{
	solve_best(w);
	w->plan = &w->best;
	if (w->costs->mode != PLAN_OPTIMAL)
	{
		AssignProblem prob = w->cost ? ranked_problem(w) : w->prob;

		plan_check_status(w->costs->mode == PLAN_STABLE ? assign_stable(&prob, &w->made) :
						  assign_in_order(&prob, NULL, &w->made), FUNC);
		w->plan = &w->made;
	}
}
