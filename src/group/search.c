/*
 * search.c
 *		Local search over groups: more of them, then cheaper ones.
 *
 * Moves, the first that improves being made, in a fixed order: a member is
 * replaced by a school in no group; two members of two groups change places
 * (leads too, and whoever is best then leads); one, two or three groups near
 * each other are dissolved and their schools, with some that are in no group,
 * put together anew as well as can be.  Each move makes the number of groups larger or,
 * with that the same, the cost smaller, in whole numbers: so it ends; and it ends
 * after SEARCH_WORK look-ups in any case.  Only schools that are near each other are
 * tried, GROUP_NEAR of each kind to a member.
 */
#include "sipp.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "group/group.h"

#define SEARCH_WORK		INT64CONST(1000000000)	/* look-ups */
#define REFILL_SCHOOLS	32		/* put together anew at a time */
#define REFILL_OPTIONS	1500	/* sets of schools looked at for it */
#define REFILL_CHECKS	50000	/* steps of choosing among them */
#define REFILL_GROUPS	3		/* dissolved at a time */
#define REFILL_TWO		10		/* groups near one, with each of which it is dissolved */
#define REFILL_THREE	4		/* the same, by twos */
#define WHOLE_SIZE		4		/* up to this size a member's replacement may change the lead */

/* Schools that could make a group together. */
typedef struct Option
{
	int64		cost;
	uint32		mask;
} Option;

typedef struct Search
{
	GroupWork  *w;
	int64		stop;
	bool	   *dirty;			/* [nlead] something near changed */
	int			nother;
	int		   *other;			/* members of other groups near the one at hand */
	int			nspare;
	int		   *spare;			/* the same, in no group */
	int			nbeside;
	int		   *beside;			/* groups of the others, the nearest first */
	int		   *seen;			/* [n] stamps */
	int		   *seen_group;		/* [nlead] */
	int			stamp;

	/* putting schools together anew */
	int			nschool;
	int			school[REFILL_SCHOOLS];
	int			noption;
	Option		option[REFILL_OPTIONS];
	int			checks;
	int			chosen[REFILL_SCHOOLS];
	int			best[REFILL_SCHOOLS];
	int64		best_cost;
} Search;

/* Keep one of the nearest. */
static void
add_near(Near *near, int32 key, int who)
{
	int			at;

	if (near->n == GROUP_NEAR)
	{
		if (key >= near->key[GROUP_NEAR - 1])
			return;
		near->n--;
	}
	for (at = near->n++; at > 0 && near->key[at - 1] > key; at--)
	{
		near->key[at] = near->key[at - 1];
		near->who[at] = near->who[at - 1];
	}
	near->key[at] = key;
	near->who[at] = who;
}

/* What a pair must cost less than to be among a member's nearest. */
static int32
near_limit(const Near *near)
{
	return near->n < GROUP_NEAR ? GROUP_NONE : near->key[GROUP_NEAR - 1];
}

/* Whom to try for whom. */
static void
find_near(GroupWork *w)
{
	Size		size = sizeof(Near) * NEAR_KINDS * Max(w->n, 1);

	w->near = MemoryContextAllocHuge(CurrentMemoryContext, size);
	for (int k = 0; k < NEAR_KINDS * w->n; k++)
		w->near[k].n = 0;
	for (int i = 0; i < w->npartner; i++)
	{
		int			a = w->partner[i];
		Near	   *mine = &w->near[(Size) NEAR_KINDS * a];

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < w->nlead; j++)
		{
			Near	   *its = &w->near[(Size) NEAR_KINDS * w->lead[j] + NEAR_PARTNERS];
			int32		limit = Max(near_limit(&mine[NEAR_LEADS]), near_limit(its));
			int32		u = group_pair(w, a, w->lead[j], limit);

			if (u >= limit)
				continue;
			add_near(&mine[NEAR_LEADS], u, w->lead[j]);
			add_near(its, u, a);
		}
		for (int j = 0; j < i && w->places > 1; j++)
		{
			int32		u = group_peer(w, a, w->partner[j]);

			if (u == GROUP_NONE)
				continue;
			add_near(&mine[NEAR_PEERS], u, w->partner[j]);
			add_near(&w->near[(Size) NEAR_KINDS * w->partner[j] + NEAR_PEERS], u, a);
		}
	}
}

/* Who is near the members of group g, the nearest first. */
static void
look_around(Search *s, int g)
{
	GroupWork  *w = s->w;
	const int  *member = w->group[g].member;

	s->stamp++;
	s->nother = s->nspare = s->nbeside = 0;
	s->seen_group[g] = s->stamp;
	w->work += w->size * NEAR_KINDS * GROUP_NEAR;
	for (int rank = 0; rank < GROUP_NEAR; rank++)
		for (int i = 0; i < w->size; i++)
			for (int kind = 0; kind < NEAR_KINDS; kind++)
			{
				const Near *near = &w->near[(Size) NEAR_KINDS * member[i] + kind];
				int			a;
				int			h;

				if (rank >= near->n)
					continue;
				a = near->who[rank];
				h = w->group_of[a];
				if (h == g || s->seen[a] == s->stamp)
					continue;
				s->seen[a] = s->stamp;
				if (h < 0)
				{
					s->spare[s->nspare++] = a;
					continue;
				}
				s->other[s->nother++] = a;
				if (s->seen_group[h] != s->stamp)
				{
					s->seen_group[h] = s->stamp;
					s->beside[s->nbeside++] = h;
				}
			}
}

/* Put groups in the place of others; what is near them is to be tried again. */
static void
exchange(Search *s, int nold, const int *old, int nnew, const SchoolGroup *group)
{
	GroupWork  *w = s->w;

	for (int k = 0; k < nold; k++)
		for (int i = 0; i < w->size; i++)
		{
			int			a = w->group[old[k]].member[i];

			w->group_of[a] = -1;
			for (int kind = 0; kind < NEAR_KINDS; kind++)
			{
				const Near *near = &w->near[(Size) NEAR_KINDS * a + kind];

				for (int r = 0; r < near->n; r++)
					if (w->group_of[near->who[r]] >= 0)
						s->dirty[w->group_of[near->who[r]]] = true;
			}
		}
	for (int k = 0; k < nnew; k++)
	{
		int			g = k < nold ? old[k] : w->ngroup;

		group_put(w, g, &group[k]);
		s->dirty[g] = true;
	}
}

/*
 * Cost of a group with partner number `at` replaced by member a, the lead
 * remaining; GROUP_NO_COST if it is none.
 */
static int64
replaced_cost(GroupWork *w, const SchoolGroup *group, int at, int a)
{
	const int  *member = group->member;
	int			out = member[at];
	int32		in = group_pair(w, a, member[0], GROUP_NONE);
	int64		cost;

	w->work += w->size;
	if (in == GROUP_NONE)
		return GROUP_NO_COST;
	cost = group->cost + w->pair_weight * (in - group_pair(w, out, member[0], GROUP_NONE));
	for (int i = 1; i < w->size; i++)
	{
		int32		u;

		if (i == at)
			continue;
		u = group_peer(w, a, member[i]);
		if (u == GROUP_NONE)
			return GROUP_NO_COST;
		cost += 2 * ((int64) u - group_peer(w, out, member[i]));
	}
	return cost;
}

/* A group with one member replaced, if it is still one and costs less than limit. */
static bool
replace_member(GroupWork *w, const SchoolGroup *group, int at, int a, int64 limit, SchoolGroup *made)
{
	int			member[GROUP_MAX_SIZE];
	int			lead = -1;

	if (w->class_of[a] != w->class_of[group->member[at]])
		return false;
	if (w->size > WHOLE_SIZE && at > 0)
	{
		if (replaced_cost(w, group, at, a) >= limit)
			return false;
		lead = group->member[0];
	}
	memcpy(member, group->member, sizeof(int) * w->size);
	member[at] = a;
	return group_make(w, member, lead, made) && made->cost < limit;
}

/* Replace a member of group g by a school in no group. */
static bool
try_spares(Search *s, int g)
{
	GroupWork  *w = s->w;
	const SchoolGroup *group = &w->group[g];
	SchoolGroup		made;

	for (int k = 0; k < s->nspare; k++)
		for (int at = 0; at < w->size; at++)
			if (replace_member(w, group, at, s->spare[k], group->cost, &made))
			{
				exchange(s, 1, &g, 1, &made);
				return true;
			}
	return false;
}

/* Members of group g and of another change places. */
static bool
try_swaps(Search *s, int g)
{
	GroupWork  *w = s->w;
	const SchoolGroup *group = &w->group[g];

	for (int k = 0; k < s->nother; k++)
	{
		int			a = s->other[k];
		int			h = w->group_of[a];
		const SchoolGroup *other = &w->group[h];
		int64		cost = group->cost + other->cost;
		int			where = 0;

		while (other->member[where] != a)
			where++;
		for (int at = 0; at < w->size; at++)
		{
			SchoolGroup		made[2];
			int			old[2];

			if (!replace_member(w, group, at, a, cost, &made[0]) ||
				!replace_member(w, other, where, group->member[at], cost - made[0].cost, &made[1]))
				continue;
			old[0] = g;
			old[1] = h;
			exchange(s, 2, old, 2, made);
			return true;
		}
	}
	return false;
}

/* Number of sets of k among n, or something above limit. */
static int64
choose(int n, int k, int64 limit)
{
	int64		c = 1;

	for (int i = 1; i <= k && c <= limit; i++)
		c = c * (n - k + i) / i;
	return c;
}

/* Schools of a set. */
static void
set_members(const Search *s, uint32 mask, int *member)
{
	for (int n = 0; mask != 0; mask &= mask - 1)
		member[n++] = s->school[pg_rightmost_one_pos32(mask)];
}

/* qsort's comparison of options: the cheapest first. */
static int
compare_options(const void *a, const void *b)
{
	const Option *x = a;
	const Option *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return x->mask < y->mask ? -1 : x->mask > y->mask;
}

/* All groups that the schools at hand can make. */
static void
find_options(Search *s)
{
	GroupWork  *w = s->w;
	uint32		mask = ((uint32) 1 << w->size) - 1;
	uint64		end = (uint64) 1 << s->nschool;

	s->noption = 0;
	while (mask < end)
	{
		int			member[GROUP_MAX_SIZE];
		uint32		low = mask & -mask;
		uint64		next = (uint64) mask + low;
		SchoolGroup		made;

		set_members(s, mask, member);
		if (group_make(w, member, -1, &made))
		{
			s->option[s->noption].cost = made.cost;
			s->option[s->noption++].mask = mask;
		}
		/* the next set of as many, in the order of the masks as numbers */
		next |= (((uint64) mask ^ next) / low) >> 2;
		if (next >= end)
			break;
		mask = (uint32) next;
	}
	qsort(s->option, s->noption, sizeof(Option), compare_options);
}

/* The cheapest options, so many, that have no school in common: branch and bound. */
static void
pack(Search *s, int from, uint32 used, int done, int want, int64 cost)
{
	for (int k = from; k < s->noption; k++)
	{
		const Option *o = &s->option[k];

		if (s->best_cost != GROUP_NO_COST && cost + (want - done) * o->cost >= s->best_cost)
			return;
		if (--s->checks < 0)
			return;
		if (o->mask & used)
			continue;
		s->chosen[done] = k;
		if (done + 1 == want)
		{
			s->best_cost = cost + o->cost;
			memcpy(s->best, s->chosen, sizeof(int) * want);
			return;
		}
		pack(s, k + 1, used | o->mask, done + 1, want, cost + o->cost);
	}
}

/* So many groups of the schools at hand, of less than that cost, in the place of others. */
static bool
try_pack(Search *s, int nold, const int *old, int want, int64 limit)
{
	GroupWork  *w = s->w;
	SchoolGroup		made[REFILL_GROUPS + 1];

	s->best_cost = limit;
	s->checks = REFILL_CHECKS;
	s->best[0] = -1;
	pack(s, 0, 0, 0, want, 0);
	w->work += REFILL_CHECKS - s->checks;
	if (s->best[0] < 0)
		return false;
	for (int k = 0; k < want; k++)
	{
		int			member[GROUP_MAX_SIZE];

		set_members(s, s->option[s->best[k]].mask, member);
		if (!group_make(w, member, -1, &made[k]))
			elog(ERROR, "sipp.group_schools: an option breaks a rule");
	}
	exchange(s, nold, old, want, made);
	return true;
}

/* Dissolve groups and put their schools together anew, with some that are in none. */
static bool
refill(Search *s, int n, const int *g)
{
	GroupWork  *w = s->w;
	int64		cost = 0;
	int			spares = 0;

	if (n * w->size > REFILL_SCHOOLS || choose(n * w->size, w->size, REFILL_OPTIONS) > REFILL_OPTIONS)
		return false;
	s->nschool = 0;
	for (int k = 0; k < n; k++)
	{
		for (int i = 0; i < w->size; i++)
			s->school[s->nschool++] = w->group[g[k]].member[i];
		cost += w->group[g[k]].cost;
	}
	while (spares < s->nspare && s->nschool < REFILL_SCHOOLS - 1 &&
		   choose(s->nschool + 1, w->size, REFILL_OPTIONS) <= REFILL_OPTIONS)
		s->school[s->nschool++] = s->spare[spares++];
	find_options(s);
	return (spares >= w->size && try_pack(s, n, g, n + 1, GROUP_NO_COST)) ||
		try_pack(s, n, g, n, cost);
}

/* Dissolve group g alone, with one and with two groups beside it. */
static bool
try_refills(Search *s, int g)
{
	int			old[REFILL_GROUPS];

	old[0] = g;
	if (refill(s, 1, old))
		return true;
	for (int i = 0; i < Min(s->nbeside, REFILL_TWO); i++)
	{
		old[1] = s->beside[i];
		if (refill(s, 2, old))
			return true;
	}
	for (int i = 0; i < Min(s->nbeside, REFILL_THREE); i++)
		for (int j = 0; j < i; j++)
		{
			old[1] = s->beside[i];
			old[2] = s->beside[j];
			if (refill(s, 3, old))
				return true;
		}
	return false;
}

/* Make moves until no group has one; dear moves only if wanted. */
static bool
sweep(Search *s, bool refills)
{
	GroupWork  *w = s->w;
	bool		any;
	bool		improved = false;

	/* once round all groups at the end: flags say what is near, not all that matters */
	do
	{
		bool		again;

		any = false;
		memset(s->dirty, true, w->ngroup);
		do
		{
			again = false;
			for (int g = 0; g < w->ngroup && w->work < s->stop; g++)
			{
				if (!s->dirty[g])
					continue;
				s->dirty[g] = false;
				do
				{
					CHECK_FOR_INTERRUPTS();
					look_around(s, g);
					if (!try_spares(s, g) && !try_swaps(s, g) && !(refills && try_refills(s, g)))
						break;
					again = any = improved = true;
				} while (w->work < s->stop);
			}
		} while (again);
	} while (any && w->work < s->stop);
	return improved;
}

void
group_search(GroupWork *w)
{
	Search	   *s = palloc0(sizeof(Search));
	Size		most = Min((Size) w->size * NEAR_KINDS * GROUP_NEAR, (Size) w->n) + 1;

	find_near(w);
	s->w = w;
	s->stop = w->work + SEARCH_WORK;
	s->dirty = palloc0(Max(w->nlead, 1));
	s->other = palloc(sizeof(int) * most);
	s->spare = palloc(sizeof(int) * most);
	s->beside = palloc(sizeof(int) * most);
	s->seen = palloc0(sizeof(int) * Max(w->n, 1));
	s->seen_group = palloc0(sizeof(int) * Max(w->nlead, 1));
	(void) sweep(s, false);
	(void) sweep(s, true);
	while (w->work < s->stop && group_complete(w))
		(void) sweep(s, true);
	pfree(s);
}
