/*
 * bound.c
 *		Groups relaxed to pairs, and what that says about the cost of any groups.
 *
 * Any N groups are N t pairs of partners and leads in which no lead has more
 * partners of a class than a group has places for them.  The peers' term of a
 * group is, t > 1,
 *
 *		1/2 mean over pairs of peers = sum over its partners i of
 *			1/(2t) (mean over its t - 1 peers of the loss of i with them),
 *
 * and the mean is at least that of the t - 1 smallest losses that i could have.
 * With this share added to each pair's cost, the cheapest N t pairs cost no
 * more than the cheapest N groups.  In the units of group.h the share is the sum
 * of the t - 1 smallest losses, a whole number.
 *
 * Exactly N t pairs are had by Lagrangian duality: with P partners, and a price
 * M for each that stays unpaired, for all M
 *
 *		LB(M) = min over all plans of (cost + M empty) - M (P - N t)
 *
 * is at most the cost of the cheapest plan of N t pairs.  It is concave in M, and
 * every plan that a solve finds gives a line that it lies below; so M goes to where the
 * two best lines meet, until nothing is gained.  Bipartite b-matching has no
 * duality gap: what is lost is the relaxation's, not the multiplier's.
 */
#include "sipp.h"

#include "miscadmin.h"

#include "group/group.h"
#include "plan/plan.h"

#define MAX_SOLVES	12

/* How many of a class remain to be peers of partner a under a lead of a class. */
static int
peers_needed(const GroupWork *w, int a, int lead_class, int class)
{
	return w->class_need[class] - (class == lead_class) - (class == w->class_of[a]);
}

/* Insert among the k smallest, ascending; returns how many there are. */
static int
insert_smallest(int32 *smallest, int n, int k, int32 u)
{
	int			at = n < k ? n : k - 1;

	if (n == k && u >= smallest[k - 1])
		return n;
	for (; at > 0 && smallest[at - 1] > u; at--)
		smallest[at] = smallest[at - 1];
	smallest[at] = u;
	return Min(n + 1, k);
}

/* Sums of the smallest losses of partner i with those who could be its peers. */
static void
find_shares(GroupWork *w, int i, int32 (*smallest)[GROUP_MAX_SIZE])
{
	int			a = w->partner[i];
	int			found[GROUP_MAX_SIZE] = {0};

	for (int j = 0; j < w->npartner && w->places > 1; j++)
	{
		int			b = w->partner[j];
		int			class = w->class_of[b];
		int32		u;

		if (b == a)
			continue;
		u = group_peer(w, a, b);
		if (u != GROUP_NONE)
			found[class] = insert_smallest(smallest[class], found[class],
										   w->class_need[class], u);
	}
	for (int s = 0; s < w->nclass; s++)
	{
		int64		share = 0;

		for (int class = 0; class < w->nclass && share != GROUP_NO_COST; class++)
		{
			int			need = peers_needed(w, a, s, class);

			if (need < 0 || need > found[class])
			{
				share = GROUP_NO_COST;
				break;
			}
			for (int k = 0; k < need; k++)
				share += smallest[class][k];
		}
		w->relax.share[(int64) i * w->nclass + s] = share;
	}
}

void
group_relax(GroupWork *w)
{
	GroupRelax *r = &w->relax;
	int32		(*smallest)[GROUP_MAX_SIZE] = palloc(sizeof(*smallest) * w->nclass);
	Size		most = (Size) w->nlead * w->nclass;

	r->node_lead = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * Max(most, 1));
	r->node_class = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * Max(most, 1));
	r->capacity = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * Max(most, 1));
	for (int j = 0; j < w->nlead; j++)
		for (int class = 0; class < w->nclass; class++)
		{
			int			need = w->class_need[class] - (class == w->class_of[w->lead[j]]);

			if (need <= 0)
				continue;
			r->node_lead[r->nnode] = j;
			r->node_class[r->nnode] = class;
			r->capacity[r->nnode++] = need;
		}

	r->share = MemoryContextAllocHuge(CurrentMemoryContext,
									  sizeof(int64) * Max((Size) w->npartner * w->nclass, 1));
	for (int i = 0; i < w->npartner; i++)
	{
		CHECK_FOR_INTERRUPTS();
		find_shares(w, i, smallest);
	}
	pfree(smallest);
}

/* The solver's question: what does partner i cost at a node? */
static int64_t
relaxed_cost(void *ctx, int i, int node, int64_t limit)
{
	const GroupWork *w = ctx;
	int			a = w->partner[i];
	int			lead = w->lead[w->relax.node_lead[node]];
	int64		share;
	int64		cost;
	int32		u;

	if (w->class_of[a] != w->relax.node_class[node])
		return ASSIGN_NONE;
	share = w->relax.share[(int64) i * w->nclass + w->class_of[lead]];
	if (share >= limit)
		return ASSIGN_NONE;
	u = group_pair(w, a, lead, Min((limit - share - 1) / w->pair_weight + 1, GROUP_NONE));
	if (u == GROUP_NONE)
		return ASSIGN_NONE;
	cost = w->pair_weight * u + share;
	return cost < limit ? cost : ASSIGN_NONE;
}

int64
group_unpaired(const GroupWork *w)
{
	/* no loss is above the cap; one unit more for rounding */
	int64		dearest = (int64) (SCORE_LOSS_CAP * GROUP_UNITS) + 1;

	return 1 + w->npartner * dearest * (w->pair_weight + w->places);
}

void
group_relax_solve(GroupWork *w, const int *places, const int *capacity, int64 unpaired,
				  AssignProblem *prob, AssignResult *result)
{
	AssignStatus status;

	memset(prob, 0, sizeof(*prob));
	prob->npartner = w->npartner;
	prob->nlead = w->relax.nnode;
	prob->places = places;
	prob->capacity = capacity ? capacity : w->relax.capacity;
	prob->unpaired = unpaired;
	prob->cost = relaxed_cost;
	prob->cost_ctx = w;
	plan_hooks(&prob->hooks);
	status = assign_solve(prob, result);
	if (status == ASSIGN_NO_MEMORY || status == ASSIGN_TOO_MANY_PLACES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sipp.group_schools: the problem is too large"),
				 errdetail("The solver says: %s.", assign_status_text(status)),
				 errhint("Group each sector or region of its own.")));
	if (status != ASSIGN_OK)
		elog(ERROR, "sipp.group_schools: %s", assign_status_text(status));
}

int64
group_bound(GroupWork *w, int64 all_cost, int64 all_pairs)
{
	int64		want = (int64) w->ngroup * w->places;
	int64		low_cost = 0;	/* the plan of no pairs */
	int64		low_pairs = 0;
	int64		high_cost = all_cost;
	int64		high_pairs = all_pairs;
	int64		best = 0;

	Assert(want <= all_pairs);
	if (all_pairs == want)
		return all_cost;
	for (int solve = 0; solve < MAX_SOLVES; solve++)
	{
		AssignProblem prob;
		AssignResult r;
		int64		price = (high_cost - low_cost) / (high_pairs - low_pairs);
		int64		pairs;
		int64		value;

		group_relax_solve(w, NULL, NULL, price, &prob, &r);
		pairs = r.nplace - r.empty;
		/* cost + M (P - pairs) - M (P - want), P gone so that nothing large is summed */
		value = r.cost - price * (pairs - want);
		best = Max(best, value);
		if (pairs == want)
			return best;
		/* the plan lies on one of the lines already: they meet at the top */
		if (r.cost - price * pairs >= Min(low_cost - price * low_pairs,
										  high_cost - price * high_pairs))
		{
			assign_release(&prob, &r);
			break;
		}
		if (pairs < want)
		{
			low_cost = r.cost;
			low_pairs = pairs;
		}
		else
		{
			high_cost = r.cost;
			high_pairs = pairs;
		}
		assign_release(&prob, &r);
	}
	return best;
}
