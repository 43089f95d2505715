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
group_pair_find(const GroupWork *w, int a, int lead, int64 limit)
{
	double		cost;
	int64		units;

	/* one school for the lead and one for the partner must be in the composition */
	if (w->class_need[w->class_of[a]] < (w->class_of[a] == w->class_of[lead] ? 2 : 1))
		return GROUP_NONE;
	cost = scorer_cost(w->scorer, w->school[a], w->school[lead], limit / GROUP_UNITS);
	if (isinf(cost))
		return GROUP_NONE;
	units = llround(GROUP_UNITS * cost);
	return units < limit ? (int32) units : GROUP_NONE;
}

int32
group_peer_find(const GroupWork *w, int a, int b)
{
	const Schools *s = w->schools;
	/* always from the same side, so that rounding is the same */
	int			i = w->school[Min(a, b)];
	int			j = w->school[Max(a, b)];
	double		loss;
	double		km;

	if (i == j || (s->cluster[i] >= 0 && s->cluster[i] == s->cluster[j]) ||
		(!w->options.pooled && s->sector[i] != s->sector[j]) || schools_excluded(s, i, j) ||
		w->class_need[w->class_of[a]] < (w->class_of[a] == w->class_of[b] ? 2 : 1))
		return GROUP_NONE;
	loss = scorer_peers(w->scorer, i, j, &km);
	if (isnan(loss) || (!isnan(w->options.max_km) && !(km <= w->options.max_km)))
		return GROUP_NONE;
	return (int32) llround(GROUP_UNITS * loss);
}

void
group_keep_costs(GroupWork *w)
{
	int64		pairs = (int64) w->npartner * w->nlead;
	int64		peers = (int64) w->npartner * (w->npartner - 1) / 2;

	/* until it is full the tables must not be seen */
	if (pairs <= GROUP_KEEP)
	{
		int32	   *pair = MemoryContextAllocHuge(CurrentMemoryContext,
												  sizeof(int32) * Max(pairs, 1));

		for (int i = 0; i < w->npartner; i++)
		{
			CHECK_FOR_INTERRUPTS();
			for (int j = 0; j < w->nlead; j++)
				pair[(int64) i * w->nlead + j] = group_pair_find(w, w->partner[i], w->lead[j],
																 GROUP_NONE);
		}
		w->pair = pair;
	}
	if (w->places > 1 && peers <= GROUP_KEEP)
	{
		int32	   *peer = MemoryContextAllocHuge(CurrentMemoryContext,
												  sizeof(int32) * Max(peers, 1));
		int64		k = 0;

		for (int i = 1; i < w->npartner; i++)
		{
			CHECK_FOR_INTERRUPTS();
			for (int j = 0; j < i; j++)
				peer[k++] = group_peer_find(w, w->partner[i], w->partner[j]);
		}
		w->peer = peer;
	}
}

int
group_authorities(const GroupWork *w, const int *member, int n)
{
	int			different = 0;

	for (int i = 0; i < n; i++)
	{
		int			j = 0;

		while (j < i && w->authority[member[j]] != w->authority[member[i]])
			j++;
		different += j == i;
	}
	return different;
}

/* Are the members' sectors those of the composition? */
static bool
is_composition(const GroupWork *w, const int *member)
{
	int			count[GROUP_MAX_SIZE] = {0};

	if (w->nclass == 1)
		return true;
	for (int i = 0; i < w->size; i++)
		if (++count[w->class_of[member[i]]] > w->class_need[w->class_of[member[i]]])
			return false;
	return true;
}

/* Write down a group, its partners in ascending order. */
static void
set_group(const GroupWork *w, const int *member, int lead, int64 cost, SchoolGroup *out)
{
	int			n = 1;

	out->member[0] = member[lead];
	for (int i = 0; i < w->size; i++)
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
group_make(GroupWork *w, const int *member, int lead, SchoolGroup *out)
{
	int			size = w->size;
	int64		peers[GROUP_MAX_SIZE] = {0};	/* of each member with all others */
	int			bars[GROUP_MAX_SIZE] = {0}; /* with how many it may not be */
	int64		all_peers = 0;
	int			all_bars = 0;
	int			best = -1;
	int64		best_cost = GROUP_NO_COST;

	if (!is_composition(w, member) ||
		(w->min_authorities > 1 && group_authorities(w, member, size) < w->min_authorities))
		return false;
	if (w->places > 1)
	{
		w->work += size * (size - 1) / 2;
		for (int i = 1; i < size; i++)
			for (int j = 0; j < i; j++)
			{
				int32		u = group_peer(w, member[i], member[j]);

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

		if ((lead >= 0 && member[l] != lead) || w->lead_at[member[l]] < 0 || all_bars > bars[l])
			continue;
		for (; i < size; i++)
		{
			int32		u;

			if (i == l)
				continue;
			w->work++;
			u = group_pair(w, member[i], member[l], GROUP_NONE);
			if (u == GROUP_NONE)
				break;
			cost += w->pair_weight * u;
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
	set_group(w, member, best, best_cost, out);
	return true;
}

void
group_put(GroupWork *w, int g, const SchoolGroup *group)
{
	Assert(g <= w->ngroup && w->ngroup <= w->nlead);
	w->group[g] = *group;
	if (g == w->ngroup)
		w->ngroup++;
	for (int i = 0; i < w->size; i++)
		w->group_of[group->member[i]] = g;
}
