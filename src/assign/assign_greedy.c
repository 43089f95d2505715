/*
 * assign_greedy.c
 *		Plans that need no prices, and a partner's runner-up under given ones.
 */
#include "assign_internal.h"

#include <string.h>

/* A pair that a plan in the making may take. */
typedef struct Pair
{
	int64_t		cost;
	int			partner;
	int			lead;
} Pair;

/* Where a list of pairs has those of one lead. */
typedef struct Listed
{
	int			partner;
	int			offset;			/* from the start of the partner's row */
} Listed;

typedef struct Greedy
{
	const AssignProblem *prob;
	AssignMemory memory;
	AssignResult *result;
	AssignStatus status;
	int		   *filled;			/* [npartner] places filled */
	int		   *room;			/* [nlead] capacity left */
	bool	   *done;			/* [npartner] no lead left for the partner */

	/* listed pairs by lead; NULL with a cost function */
	int64_t    *start;			/* [nlead + 1] */
	Listed	   *listed;			/* by lead, partners ascending */
} Greedy;

static bool
pair_less(const Pair *a, const Pair *b)
{
	if (a->cost != b->cost)
		return a->cost < b->cost;
	if (a->partner != b->partner)
		return a->partner < b->partner;
	return a->lead < b->lead;
}

static bool
has_lead(const AssignResult *result, int i, int filled, int j)
{
	const int  *lead = result->lead + result->place_start[i];

	for (int k = 0; k < filled; k++)
		if (lead[k] == j)
			return true;
	return false;
}

/* Add a pair to the plan. */
static void
take_pair(Greedy *g, const Pair *pair)
{
	int			i = pair->partner;

	g->result->lead[g->result->place_start[i] + g->filled[i]] = pair->lead;
	g->filled[i]++;
	g->room[pair->lead]--;
	if (!g->prob->ordinal)
		g->result->cost += pair->cost;
	g->result->empty--;
}

/* Take the pair as the best if it comes before the best so far and may be taken. */
static void
consider(Greedy *g, int64_t c, int i, int j, Pair *best)
{
	Pair		pair = {c, i, j};

	if (!pair_less(&pair, best) || has_lead(g->result, i, g->filled[i], j))
		return;
	if (!g->prob->ordinal && !assign_cost_valid(c))
		g->status = ASSIGN_BAD_COST;
	*best = pair;
}

/* A cost like the best one can still win by its numbers. */
static int64_t
limit_to_beat(const Greedy *g, const Pair *best)
{
	return best->cost < g->prob->unpaired ? best->cost + 1 : g->prob->unpaired;
}

/* Does a partner have a pair that comes before *best? */
static void
best_of_partner(Greedy *g, int i, Pair *best)
{
	AssignRow	row = assign_row(g->prob, i);

	for (int k = 0; k < row.n; k++)
	{
		int			j = assign_row_lead(&row, k);
		int64_t		limit = limit_to_beat(g, best);
		int64_t		c;

		assign_tick(&g->memory, 1);
		if (g->room[j] == 0)
			continue;
		c = assign_row_cost(g->prob, &row, i, k, j, limit);
		if (c < limit)
			consider(g, c, i, j, best);
	}
	g->result->stats.priced += row.n;
}

/* Does a lead? */
static void
best_of_lead(Greedy *g, int j, Pair *best)
{
	const AssignProblem *prob = g->prob;
	int64_t		first = g->start ? g->start[j] : 0;
	int64_t		end = g->start ? g->start[j + 1] : prob->npartner;

	for (int64_t k = first; k < end; k++)
	{
		int			i = g->start ? g->listed[k].partner : (int) k;
		int64_t		limit = limit_to_beat(g, best);
		int64_t		c;

		assign_tick(&g->memory, 1);
		if (g->filled[i] == assign_places(prob, i))
			continue;
		if (g->start)
			c = prob->row_cost[prob->row_start[i] + g->listed[k].offset];
		else
			c = prob->cost(prob->cost_ctx, i, j, limit);
		if (c < limit)
			consider(g, c, i, j, best);
	}
	g->result->stats.priced += end - first;
}

/* Listed pairs in order of their leads. */
static void
list_by_lead(Greedy *g)
{
	const AssignProblem *prob = g->prob;
	int64_t		total = prob->row_start[prob->npartner];

	g->start = assign_take(&g->memory, (size_t) prob->nlead + 1, sizeof(int64_t));
	g->listed = assign_take(&g->memory, (size_t) total, sizeof(Listed));
	if (g->memory.failed)
		return;
	memset(g->start, 0, ((size_t) prob->nlead + 1) * sizeof(int64_t));
	for (int64_t k = 0; k < total; k++)
	{
		g->start[prob->row_lead[k] + 1]++;
		assign_tick(&g->memory, 1);
	}
	for (int j = 0; j < prob->nlead; j++)
		g->start[j + 1] += g->start[j];

	/* from the back, each lead's end moves down to its start */
	for (int i = prob->npartner - 1; i >= 0; i--)
		for (int64_t k = prob->row_start[i + 1] - 1; k >= prob->row_start[i]; k--)
		{
			g->listed[--g->start[prob->row_lead[k] + 1]] =
				(Listed) {i, (int) (k - prob->row_start[i])};
			assign_tick(&g->memory, 1);
		}
	for (int j = 0; j < prob->nlead; j++)
		g->start[j] = g->start[j + 1];
	g->start[prob->nlead] = total;
}

/* Check the problem and start from an empty plan. */
static bool
begin(Greedy *g, const AssignProblem *prob, AssignResult *result)
{
	memset(result, 0, sizeof(*result));
	memset(g, 0, sizeof(*g));
	g->prob = prob;
	g->result = result;
	assign_memory_init(&g->memory, prob);
	g->status = assign_check(prob, &g->memory);
	if (g->status != ASSIGN_OK || !assign_result_init(prob, &g->memory, result))
		return false;
	g->filled = assign_take(&g->memory, (size_t) prob->npartner, sizeof(int));
	g->room = assign_take(&g->memory, (size_t) prob->nlead, sizeof(int));
	if (g->memory.failed)
		return false;
	for (int i = 0; i < prob->npartner; i++)
		g->filled[i] = 0;
	for (int j = 0; j < prob->nlead; j++)
		g->room[j] = assign_capacity(prob, j);
	return true;
}

/*
 * A pair that is the best left of both its sides will be made, whatever else is
 * made before it.  So follow from a partner to its best lead, to that lead's best
 * partner and so on: pairs come earlier and earlier in the order until one is the
 * best of both, and what led there need not be looked for again.  This takes a
 * number of searches in proportion to places and partners, and no lists of pairs.
 *
 * Source: Benzecri (1982), Cahiers de l'analyse des donnees 7(2), 209-218
 * (chains of nearest neighbours).
 */
AssignStatus
assign_stable(const AssignProblem *prob, AssignResult *result)
{
	Greedy		g;
	Pair	   *chain;			/* [k] leads to node k + 1: partner, lead, partner ... */
	size_t		most;

	if (!begin(&g, prob, result))
		return assign_finish(&g.memory, g.status, result);
	most = 2 * (size_t) (prob->npartner < prob->nlead ? prob->npartner : prob->nlead) + 2;
	chain = assign_take(&g.memory, most, sizeof(Pair));
	if (!prob->cost)
		list_by_lead(&g);
	if (g.memory.failed)
		return assign_finish(&g.memory, g.status, result);

	for (int i = 0; i < prob->npartner; i++)
	{
		int			length = 0;

		while (g.status == ASSIGN_OK && (length > 0 || g.filled[i] < assign_places(prob, i)))
		{
			Pair		best = {prob->unpaired, -1, -1};

			if (length > 0)
				best = chain[length - 1];
			if (length % 2 == 1)
				best_of_lead(&g, best.lead, &best);
			else
				best_of_partner(&g, length > 0 ? best.partner : i, &best);
			if (best.lead < 0 || g.status != ASSIGN_OK)
				break;
			if (length > 0 && !pair_less(&best, &chain[length - 1]))
			{
				/* both come off the chain: this node and the one that led here */
				take_pair(&g, &best);
				length = length > 1 ? length - 2 : 0;
			}
			else
				chain[length++] = best;
		}
	}
	return assign_finish(&g.memory, g.status, result);
}

/* Is order a permutation? */
static bool
check_order(Greedy *g, const int *order)
{
	int			n = g->prob->npartner;
	bool	   *seen = assign_take(&g->memory, (size_t) n, sizeof(bool));

	if (!seen)
		return false;
	memset(seen, 0, (size_t) n * sizeof(bool));
	for (int k = 0; k < n; k++)
	{
		if (order[k] < 0 || order[k] >= n || seen[order[k]])
		{
			g->status = ASSIGN_BAD_ORDER;
			return false;
		}
		seen[order[k]] = true;
	}
	return true;
}

AssignStatus
assign_in_order(const AssignProblem *prob, const int *order, AssignResult *result)
{
	Greedy		g;
	AssignPicks picks = {NULL, 0, 0};

	if (!begin(&g, prob, result) || (order && !check_order(&g, order)))
		return assign_finish(&g.memory, g.status, result);
	for (int i = 0; i < prob->npartner; i++)
		if (assign_places(prob, i) > picks.max)
			picks.max = assign_places(prob, i);
	if (picks.max > prob->nlead)
		picks.max = prob->nlead;
	picks.pick = assign_take(&g.memory, (size_t) picks.max, sizeof(AssignPick));
	if (g.memory.failed)
		return assign_finish(&g.memory, g.status, result);

	for (int turn = 0; turn < prob->npartner; turn++)
	{
		int			i = order ? order[turn] : turn;
		AssignRow	row = assign_row(prob, i);

		picks.n = 0;
		picks.max = assign_places(prob, i) < prob->nlead ? assign_places(prob, i) : prob->nlead;
		if (picks.max == 0)
			continue;
		for (int k = 0; k < row.n; k++)
		{
			int			j = assign_row_lead(&row, k);
			int64_t		limit = picks.n < picks.max ? prob->unpaired : picks.pick[0].key;
			int64_t		c;
			AssignPick	pick;

			assign_tick(&g.memory, 1);
			if (g.room[j] == 0)
				continue;
			c = assign_row_cost(prob, &row, i, k, j, limit);
			if (c >= limit)
				continue;
			if (!prob->ordinal && !assign_cost_valid(c))
			{
				g.status = ASSIGN_BAD_COST;
				return assign_finish(&g.memory, g.status, result);
			}
			pick = (AssignPick) {c, c, j, 0};
			assign_offer(&picks, &pick);
		}
		result->stats.priced += row.n;
		assign_sort_picks(&g.memory, &picks);
		for (int k = 0; k < picks.n; k++)
		{
			Pair		pair = {picks.pick[k].cost, i, picks.pick[k].lead};

			take_pair(&g, &pair);
		}
	}
	return assign_finish(&g.memory, g.status, result);
}

int64_t
assign_runner_up(const AssignProblem *prob, const AssignResult *result, int i, int *lead,
				 int64_t *cost)
{
	AssignMemory memory;
	AssignRow	row = assign_row(prob, i);
	int			places = result->place_start[i + 1] - result->place_start[i];
	int64_t		least = ASSIGN_NONE;

	assign_memory_init(&memory, prob);
	*lead = -1;
	*cost = ASSIGN_NONE;
	for (int k = 0; k < row.n; k++)
	{
		int			j = assign_row_lead(&row, k);
		int64_t		limit = least == ASSIGN_NONE ? ASSIGN_NONE : least + result->v[j];
		int64_t		c;

		assign_tick(&memory, 1);
		if (assign_capacity(prob, j) == 0)
			continue;
		c = assign_row_cost(prob, &row, i, k, j, limit);
		if (c >= limit || has_lead(result, i, places, j))
			continue;
		least = c - result->v[j];
		*lead = j;
		*cost = c;
	}
	return least == ASSIGN_NONE ? ASSIGN_NONE : least - result->u[i];
}
