/*
 * given.c
 *		Refinement: plans and prices on costs as given, of sizes out of proportion.
 *
 *	given [SCALE]
 *
 * A cost is a few times 2^500 or 2^250, or a small whole number: the cheapest
 * plan is also that of these times 2^30, 2^15 and 1, which the solver takes as
 * they are.  SCALE (default 100) is the number of instances in percent.  The
 * last line has the numbers of cases passed and failed; a case is one
 * instance.
 */
#include "common.h"

#include <math.h>

static const int large[] = {500, 250, 0};
static const int shift[] = {30, 15, 0};

/* An instance twice: in whole numbers that stand for it, and as given. */
typedef struct Given
{
	Instance	whole;
	Instance	rounded;		/* costs in units of 2^exponent */
	double	   *cost;
	AssignCosts costs;
} Given;

/* A cost both ways. */
static double
draw_cost(uint64_t *s, bool ties, int64_t *whole)
{
	int64_t		n;

	int			size = (int) random_below(s, 4) % 3;

	/* no sum of a size comes near the next one */
	n = random_below(s, size < 2 ? 7 : ties ? 3 : 101) - (size < 2 ? 3 : ties ? 1 : 50);
	*whole = n * (INT64_C(1) << shift[size]);
	return ldexp((double) n, large[size]);
}

static Given
make_given(uint64_t seed, int max)
{
	Given		g;
	uint64_t	s = seed * 3 + 1;
	int64_t		pairs;
	int64_t		total = 0;
	int64_t		least = 0;
	int64_t		most = 0;
	bool		ties = random_below(&s, 3) == 0;
	double		unpaired;
	int64_t		whole_unpaired;

	g.whole = odd_instance(seed, max);
	g.rounded = odd_instance(seed, max);
	pairs = g.whole.start[g.whole.np];
	g.cost = malloc(((size_t) pairs + 1) * sizeof(double));
	g.costs.row_cost = g.cost;
	g.costs.exponent = large[0] + 2 - 39;
	for (int64_t k = 0; k < pairs; k++)
	{
		g.cost[k] = draw_cost(&s, ties, &g.whole.cost[k]);
		g.rounded.cost[k] = assign_units(g.cost[k], g.costs.exponent);
		least = g.rounded.cost[k] < least ? g.rounded.cost[k] : least;
		most = g.rounded.cost[k] > most ? g.rounded.cost[k] : most;
	}
	for (int i = 0; i < g.whole.np; i++)
		total += g.whole.places[i];
	unpaired = draw_cost(&s, ties, &whole_unpaired);
	g.costs.priced = random_below(&s, 2) == 0;
	g.costs.unpaired = unpaired;
	g.whole.unpaired = g.costs.priced ? whole_unpaired : 1 + total * (INT64_C(8) << shift[0]);
	g.rounded.unpaired = g.costs.priced ? assign_units(unpaired, g.costs.exponent) :
		1 + total * (most - least + 1);
	return g;
}

static void
free_given(Given *g)
{
	free(g->cost);
	free_instance(&g->whole);
	free_instance(&g->rounded);
}

/* Solve and refine; true if it was left by longjmp. */
static bool
refine(const AssignProblem *prob, const Given *g, AssignResult *r, AssignLevels *levels,
	   AssignStatus *status)
{
	if (setjmp(account.out) != 0)
		return true;
	*status = assign_solve(prob, r);
	if (*status == ASSIGN_OK)
		*status = assign_refine(prob, &g->costs, r, levels);
	return false;
}

/* What the plan costs in whole numbers, empty places and all. */
static Wide
whole_value(const Given *g, const AssignResult *r)
{
	Wide		value = (Wide) g->whole.unpaired * r->empty;

	for (int i = 0; i < g->whole.np; i++)
		for (int p = r->place_start[i]; p < r->place_start[i + 1]; p++)
			if (r->lead[p] >= 0)
				value += cost_of(&g->whole, i, r->lead[p]);
	return value;
}

static void
test_refined(long n)
{
	long		deep = 0;

	for (long seed = 1; seed <= n; seed++)
	{
		Given		g = make_given((uint64_t) seed + 9000000, seed % 5 == 0 ? 60 : 8);
		AssignProblem prob = instance_problem(&g.rounded);
		int64_t		calls = 1;
		int			allocs = 1;
		AssignResult best;

		if (!solve(&g.whole, &best, "given", seed))
			continue;
		/* run 0 is counted, run 1 left, run 2 without memory */
		for (int run = 0; run < 3; run++)
		{
			AssignResult r;
			AssignLevels levels;
			AssignStatus status = ASSIGN_OK;
			AssignFault fault;
			uint64_t	s = (uint64_t) seed;
			bool		left;

			prob.hooks = account_hooks();
			if (run == 1)
				account.jump_at = 1 + random_below(&s, calls);
			if (run == 2)
				account.fail_at = 1 + (int) random_below(&s, allocs);
			left = refine(&prob, &g, &r, &levels, &status);
			check(left == (run == 1), "given %ld, run %d: left or not", seed, run);
			check(!account.wrong, "given %ld, run %d: released what was not given", seed, run);
			if (run == 2)
				check(status == ASSIGN_NO_MEMORY, "given %ld: refined without memory", seed);
			if (run != 0)
			{
				check(run == 1 || account.n == 0, "given %ld: %d blocks kept", seed, account.n);
				account_clear(&account);
				continue;
			}
			calls = account.calls;
			allocs = account.allocs;
			if (!check(status == ASSIGN_OK, "given %ld: %s", seed, assign_status_text(status)))
				continue;
			fault = assign_verify_levels(&prob, &g.costs, &r, &levels, NULL, NULL);
			check(fault == ASSIGN_PROVEN, "given %ld: %s", seed, assign_fault_text(fault));
			check(plan_holds(&g.rounded, &r), "given %ld: plan", seed);
			check(whole_value(&g, &r) == value_of(&g.whole, &best), "given %ld: another value", seed);
			deep += levels.n > 2;
			assign_release(&prob, &r);
			assign_release_levels(&prob, &levels);
			check(account.n == 0, "given %ld: %d blocks kept", seed, account.n);
			account_clear(&account);
		}
		done_with(&best);
		free_given(&g);
		end_case();
	}
	check(deep > n / 10, "only %ld of %ld had more than two levels", deep, n);
	end_case();
}

/* A price or a pair changed: refused, unless the plan is still proven. */
static void
test_corrupted(long n)
{
	long		caught[6] = {0};

	for (long seed = 1; seed <= n; seed++)
	{
		Given		g = make_given((uint64_t) seed + 9500000, 6);
		AssignProblem prob = instance_problem(&g.rounded);
		AssignResult r;
		AssignLevels levels;
		uint64_t	s = (uint64_t) seed;
		int			kind = (int) (seed % 6);
		int			l;
		int64_t    *price;
		AssignFault fault;

		if (g.whole.np == 0 || g.whole.nl == 0 || assign_solve(&prob, &r) != ASSIGN_OK ||
			assign_refine(&prob, &g.costs, &r, &levels) != ASSIGN_OK)
		{
			free_given(&g);
			continue;
		}
		l = (int) random_below(&s, levels.n);
		price = kind % 2 ? &levels.u[l][random_below(&s, g.whole.np)] : &levels.v[l][random_below(&s, g.whole.nl)];
		if (kind < 4)
			*price += kind < 2 ? 1 : -1;
		else if (kind == 4)
			levels.exponent[levels.n - 1]++;
		else
			levels.reach = 0;
		fault = assign_verify_levels(&prob, &g.costs, &r, &levels, NULL, NULL);
		caught[kind] += fault != ASSIGN_PROVEN;

		/* a plan that costs more is proven by no prices */
		for (int i = 0; i < g.whole.np; i++)
			for (int p = r.place_start[i]; p < r.place_start[i + 1]; p++)
				if (r.lead[p] >= 0 && kind < 2)
				{
					Wide		before = whole_value(&g, &r);

					for (int64_t k = g.whole.start[i]; k < g.whole.start[i + 1]; k++)
					{
						int			was = r.lead[p];
						int64_t		cost = r.cost;

						r.lead[p] = g.whole.lead[k];
						r.cost += g.rounded.cost[k] - cost_of(&g.rounded, i, was);
						if (whole_value(&g, &r) > before)
							check(assign_verify_levels(&prob, &g.costs, &r, &levels, NULL, NULL) != ASSIGN_PROVEN,
								  "corrupted %ld: a dearer plan is proven", seed);
						r.lead[p] = was;
						r.cost = cost;
					}
				}
		assign_release(&prob, &r);
		assign_release_levels(&prob, &levels);
		free_given(&g);
		end_case();
	}
	for (int kind = 0; kind < 6; kind++)
		check(caught[kind] > 0, "corruption of kind %d was never caught", kind);
	end_case();
}

int
main(int argc, char **argv)
{
	long		scale = argc > 1 ? atol(argv[1]) : 100;

	test_refined(30 * scale);
	report("refined, against whole numbers that stand for the costs");
	test_corrupted(30 * scale);
	report("corrupted prices and plans");
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
