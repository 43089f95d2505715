/*
 * costs.c
 *		What pairs, peers and groups cost, and which of them the rules allow.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "group/group.h"

int32
group_pair_find(const GroupCosts *c, int a, int lead, int64 limit)
{
	const GroupProblem *p = c->problem;
	double		cost;
	int64		units;

	/* one school for the lead and one for the partner must be in the composition */
	if (p->class_need[p->class_of[a]] < (p->class_of[a] == p->class_of[lead] ? 2 : 1))
		return GROUP_NONE;
	cost = scorer_cost(c->scorer, p->school[a], p->school[lead], limit / GROUP_UNITS);
	if (isinf(cost))
		return GROUP_NONE;
	units = llround(GROUP_UNITS * cost);
	return units < limit ? (int32) units : GROUP_NONE;
}

int32
group_peer_find(const GroupCosts *c, int a, int b)
{
	const GroupProblem *p = c->problem;
	const Schools *s = p->schools;
	/* always from the same side, so that rounding is the same */
	int			i = p->school[Min(a, b)];
	int			j = p->school[Max(a, b)];
	double		loss;
	double		km;

	if (i == j || (s->cluster[i] >= 0 && s->cluster[i] == s->cluster[j]) ||
		(!p->options.pooled && s->sector[i] != s->sector[j]) || schools_excluded(s, i, j) ||
		p->class_need[p->class_of[a]] < (p->class_of[a] == p->class_of[b] ? 2 : 1))
		return GROUP_NONE;
	loss = scorer_peers(c->scorer, i, j, &km);
	if (isnan(loss) || (!isnan(p->options.max_km) && !(km <= p->options.max_km)))
		return GROUP_NONE;
	return (int32) llround(GROUP_UNITS * loss);
}

void
group_keep_costs(GroupCosts *c)
{
	const GroupProblem *p = c->problem;
	int64		pairs = (int64) p->npartner * p->nlead;
	int64		peers = (int64) p->npartner * (p->npartner - 1) / 2;

	/* until it is full the tables must not be seen */
	if (pairs <= GROUP_KEEP)
	{
		int32	   *pair = MemoryContextAllocHuge(CurrentMemoryContext,
												  sizeof(int32) * Max(pairs, 1));

		for (int i = 0; i < p->npartner; i++)
		{
			CHECK_FOR_INTERRUPTS();
			for (int j = 0; j < p->nlead; j++)
				pair[(int64) i * p->nlead + j] = group_pair_find(c, p->partner[i], p->lead[j],
																 GROUP_NONE);
		}
		c->pair = pair;
	}
	if (p->places > 1 && peers <= GROUP_KEEP)
	{
		int32	   *peer = MemoryContextAllocHuge(CurrentMemoryContext,
												  sizeof(int32) * Max(peers, 1));
		int64		k = 0;

		for (int i = 1; i < p->npartner; i++)
		{
			CHECK_FOR_INTERRUPTS();
			for (int j = 0; j < i; j++)
				peer[k++] = group_peer_find(c, p->partner[i], p->partner[j]);
		}
		c->peer = peer;
	}
}

int
group_authorities(const GroupProblem *p, const int *member, int n)
{
	int			different = 0;

	for (int i = 0; i < n; i++)
	{
		int			j = 0;

		while (j < i && p->authority[member[j]] != p->authority[member[i]])
			j++;
		different += j == i;
	}
	return different;
}

/* Are the members' sectors those of the composition? */
static bool
is_composition(const GroupProblem *p, const int *member)
{
	int			count[GROUP_MAX_SIZE] = {0};

	if (p->nclass == 1)
		return true;
	for (int i = 0; i < p->size; i++)
		if (++count[p->class_of[member[i]]] > p->class_need[p->class_of[member[i]]])
			return false;
	return true;
}

/* Write down a group, its partners in ascending order. */
static void
set_group(const GroupProblem *p, const int *member, int lead, int64 cost, SchoolGroup *out)
{
	int			n = 1;

	out->member[0] = member[lead];
	for (int i = 0; i < p->size; i++)
	{
		int			at = n;

		if (i == lead)
			continue;
		for (; at > 1 && out->member[at - 1] > member[i]; at--)
			out->member[at] = out->member[at - 1];
		out->member[at] = member[i];
		n++;
	}
	out->cost = cost;
}

bool
group_make(const GroupCosts *c, GroupBudget *budget, const int *member, int lead,
		   SchoolGroup *out)
{
	const GroupProblem *p = c->problem;
	int			size = p->size;
	int64		peers[GROUP_MAX_SIZE] = {0};	/* of each member with all others */
	int			bars[GROUP_MAX_SIZE] = {0}; /* with how many it may not be */
	int64		all_peers = 0;
	int			all_bars = 0;
	int			best = -1;
	int64		best_cost = GROUP_NO_COST;

	if (!is_composition(p, member) ||
		(p->min_authorities > 1 && group_authorities(p, member, size) < p->min_authorities))
		return false;
	if (p->places > 1)
	{
		budget->used += size * (size - 1) / 2;
		for (int i = 1; i < size; i++)
			for (int j = 0; j < i; j++)
			{
				int32		u = group_peer(c, member[i], member[j]);

				if (u == GROUP_NONE)
				{
					bars[i]++;
					bars[j]++;
					all_bars++;
					continue;
				}
				peers[i] += u;
				peers[j] += u;
				all_peers += u;
			}
	}
	for (int l = 0; l < size; l++)
	{
		int64		cost = 2 * (all_peers - peers[l]);
		int			i = 0;

		if ((lead >= 0 && member[l] != lead) || p->lead_at[member[l]] < 0 || all_bars > bars[l])
			continue;
		for (; i < size; i++)
		{
			int32		u;

			if (i == l)
				continue;
			budget->used++;
			u = group_pair(c, member[i], member[l], GROUP_NONE);
			if (u == GROUP_NONE)
				break;
			cost += p->pair_weight * u;
		}
		/* of leads equally good the first by id, however the members came */
		if (i == size && (cost < best_cost || (cost == best_cost && member[l] < member[best])))
		{
			best = l;
			best_cost = cost;
		}
	}
	if (best < 0)
		return false;
	set_group(p, member, best, best_cost, out);
	return true;
}

void
groups_init(const GroupProblem *p, Groups *groups)
{
	groups->n = 0;
	groups->group = MemoryContextAllocHuge(CurrentMemoryContext,
										   sizeof(SchoolGroup) * Max(p->nlead, 1));
	groups->of = palloc(sizeof(int) * Max(p->n, 1));
	for (int a = 0; a < p->n; a++)
		groups->of[a] = -1;
}

void
groups_put(const GroupProblem *p, Groups *groups, int g, const SchoolGroup *group)
{
	Assert(g <= groups->n && groups->n <= p->nlead);
	groups->group[g] = *group;
	if (g == groups->n)
		groups->n++;
	for (int i = 0; i < p->size; i++)
		groups->of[group->member[i]] = g;
}

int64
groups_cost(const Groups *groups)
{
	int64		total = 0;

	for (int g = 0; g < groups->n; g++)
		total += groups->group[g].cost;
	return total;
}
