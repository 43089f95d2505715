/*
 * search.c
 *		Local search over groups: more of them, then cheaper ones.
 *
 * The first move that improves is made, in a fixed order: a member is replaced by a
 * school in no group; two members of two groups change places (leads too, and
 * whoever is best then leads); destroy and repair: one, two or three groups near each
 * other are dissolved, and the cheapest groups of their schools, and some that are in
 * no group, are put in their place.
 *
 * Each move makes the number of groups larger or, with that the same, the cost
 * smaller, in whole numbers, so that the search ends; and it ends after SEARCH_WORK
 * look-ups in any case.  Two means keep it short: only schools on a member's
 * candidate lists are tried, and a group whose don't-look bit is set, because nothing
 * near it has changed since it was last tried, is passed over.
 */
#include "sipp.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "base/bucket.h"
#include "group/group.h"

#define SEARCH_WORK		INT64CONST(1000000000)	/* look-ups */
#define REPAIR_SCHOOLS	32		/* repaired at a time */
#define REPAIR_OPTIONS	1500	/* sets of schools looked at for it */
#define REPAIR_CHECKS	50000	/* steps of choosing among them */
#define REPAIR_GROUPS	3		/* dissolved at a time */
#define REPAIR_TWO		10		/* groups near one, with each of which it is dissolved */
#define REPAIR_THREE	4		/* the same, by twos */
#define WHOLE_SIZE		4		/* up to this size a member's replacement may change the lead */

/* Partners, leads and peers that are tried in the place of a member: so many of each. */
#define MAX_CANDIDATES	12

/* A candidate list: the schools that would cost least beside a member. */
typedef struct Candidates
{
	int			n;
	int32		key[MAX_CANDIDATES];	/* ascending */
	int			who[MAX_CANDIDATES];
} Candidates;

enum
{
	CANDIDATE_LEADS,
	CANDIDATE_PARTNERS,
	CANDIDATE_PEERS,
	CANDIDATE_KINDS
};

/* Schools that could make a group together. */
typedef struct Option
{
	int64		cost;
	uint32		mask;
} Option;

typedef struct Search
{
	const GroupProblem *problem;
	const GroupCosts *costs;
	GroupBudget *budget;
	Groups	   *groups;
	int64		stop;
	Candidates	(*candidates)[CANDIDATE_KINDS]; /* [n] */
	bool	   *dont_look;		/* [nlead] don't-look bits: no candidate's group has changed since
								 * the group was last tried */
	int			nother;
	int		   *other;			/* members of other groups near the one at hand */
	int			nspare;
	int		   *spare;			/* the same, in no group */
	int			nbeside;
	int		   *beside;			/* groups of the others, the nearest first */
	int		   *seen;			/* [n] stamps */
	int		   *seen_group;		/* [nlead] */
	int			stamp;

	/* destroy and repair */
	int			nschool;
	int			school[REPAIR_SCHOOLS];
	int			noption;
	Option		option[REPAIR_OPTIONS];
	int			checks;
	int			chosen[REPAIR_SCHOOLS];
	int			best[REPAIR_SCHOOLS];
	int64		best_cost;
} Search;

/* Above what cost a school is no candidate. */
static int32
candidate_limit(const Candidates *list)
{
	return list->n < MAX_CANDIDATES ? GROUP_NONE : list->key[MAX_CANDIDATES - 1];
}

/* Offer a school to a candidate list. */
static void
add_candidate(Candidates *list, int32 key, int who)
{
	list->n = keep_smallest(list->n, MAX_CANDIDATES, list->key, list->who, key, who);
}

/* Fill in the candidate lists of all members. */
static void
find_candidates(Search *s)
{
	const GroupCosts *c = s->costs;
	const GroupProblem *p = s->problem;

	s->candidates = MemoryContextAllocHuge(CurrentMemoryContext,
										   sizeof(*s->candidates) * Max(p->n, 1));
	for (int a = 0; a < p->n; a++)
		for (int kind = 0; kind < CANDIDATE_KINDS; kind++)
			s->candidates[a][kind].n = 0;
	for (int i = 0; i < p->npartner; i++)
	{
		int			a = p->partner[i];
		Candidates *mine = s->candidates[a];

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < p->nlead; j++)
		{
			Candidates *its = &s->candidates[p->lead[j]][CANDIDATE_PARTNERS];
			int32		limit = Max(candidate_limit(&mine[CANDIDATE_LEADS]), candidate_limit(its));
			int32		u = group_pair(c, a, p->lead[j], limit);

			if (u >= limit)
				continue;
			add_candidate(&mine[CANDIDATE_LEADS], u, p->lead[j]);
			add_candidate(its, u, a);
		}
		for (int j = 0; j < i && p->places > 1; j++)
		{
			int32		u = group_peer(c, a, p->partner[j]);

			if (u == GROUP_NONE)
				continue;
			add_candidate(&mine[CANDIDATE_PEERS], u, p->partner[j]);
			add_candidate(&s->candidates[p->partner[j]][CANDIDATE_PEERS], u, a);
		}
	}
}

/* Collect the candidates of group g's members, the nearest first. */
static void
look_around(Search *s, int g)
{
	const GroupProblem *p = s->problem;
	const int  *member = s->groups->group[g].member;

	s->stamp++;
	s->nother = s->nspare = s->nbeside = 0;
	s->seen_group[g] = s->stamp;
	s->budget->used += p->size * CANDIDATE_KINDS * MAX_CANDIDATES;
	for (int rank = 0; rank < MAX_CANDIDATES; rank++)
		for (int i = 0; i < p->size; i++)
			for (int kind = 0; kind < CANDIDATE_KINDS; kind++)
			{
				const Candidates *near = &s->candidates[member[i]][kind];
				int			a;
				int			h;

				if (rank >= near->n)
					continue;
				a = near->who[rank];
				h = s->groups->of[a];
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

/* Put groups in the place of others, and clear the don't-look bits of groups near them. */
static void
exchange(Search *s, int nold, const int *old, int nnew, const SchoolGroup *group)
{
	const GroupProblem *p = s->problem;

	for (int k = 0; k < nold; k++)
		for (int i = 0; i < p->size; i++)
		{
			int			a = s->groups->group[old[k]].member[i];

			s->groups->of[a] = -1;
			for (int kind = 0; kind < CANDIDATE_KINDS; kind++)
			{
				const Candidates *near = &s->candidates[a][kind];

				for (int r = 0; r < near->n; r++)
					if (s->groups->of[near->who[r]] >= 0)
						s->dont_look[s->groups->of[near->who[r]]] = false;
			}
		}
	for (int k = 0; k < nnew; k++)
	{
		int			g = k < nold ? old[k] : s->groups->n;

		groups_put(p, s->groups, g, &group[k]);
		s->dont_look[g] = false;
	}
}

/*
 * Cost of a group with partner number `at` replaced by member a, the lead
 * remaining; GROUP_NO_COST if it is none.
 */
static int64
replaced_cost(Search *s, const SchoolGroup *group, int at, int a)
{
	const GroupProblem *p = s->problem;
	const GroupCosts *c = s->costs;
	const int  *member = group->member;
	int			out = member[at];
	int32		in = group_pair(c, a, member[0], GROUP_NONE);
	int64		cost;

	s->budget->used += p->size;
	if (in == GROUP_NONE)
		return GROUP_NO_COST;
	cost = group->cost + p->pair_weight * (in - group_pair(c, out, member[0], GROUP_NONE));
	for (int i = 1; i < p->size; i++)
	{
		int32		u;

		if (i == at)
			continue;
		u = group_peer(c, a, member[i]);
		if (u == GROUP_NONE)
			return GROUP_NO_COST;
		cost += 2 * ((int64) u - group_peer(c, out, member[i]));
	}
	return cost;
}

/* A group with one member replaced, if it is still one and costs less than limit. */
static bool
replace_member(Search *s, const SchoolGroup *group, int at, int a, int64 limit, SchoolGroup *made)
{
	const GroupProblem *p = s->problem;
	int			member[GROUP_MAX_SIZE];
	int			lead = -1;

	if (p->class_of[a] != p->class_of[group->member[at]])
		return false;
	if (p->size > WHOLE_SIZE && at > 0)
	{
		if (replaced_cost(s, group, at, a) >= limit)
			return false;
		lead = group->member[0];
	}
	memcpy(member, group->member, sizeof(int) * p->size);
	member[at] = a;
	return group_make(s->costs, s->budget, member, lead, made) && made->cost < limit;
}

/* Try to replace a member of group g by a school in no group. */
static bool
try_spares(Search *s, int g)
{
	const GroupProblem *p = s->problem;
	const SchoolGroup *group = &s->groups->group[g];
	SchoolGroup		made;

	for (int k = 0; k < s->nspare; k++)
		for (int at = 0; at < p->size; at++)
			if (replace_member(s, group, at, s->spare[k], group->cost, &made))
			{
				exchange(s, 1, &g, 1, &made);
				return true;
			}
	return false;
}

/* Try to exchange a member of group g for one of another group. */
static bool
try_swaps(Search *s, int g)
{
	const GroupProblem *p = s->problem;
	const SchoolGroup *group = &s->groups->group[g];

	for (int k = 0; k < s->nother; k++)
	{
		int			a = s->other[k];
		int			h = s->groups->of[a];
		const SchoolGroup *other = &s->groups->group[h];
		int64		cost = group->cost + other->cost;
		int			where = 0;

		while (other->member[where] != a)
			where++;
		for (int at = 0; at < p->size; at++)
		{
			SchoolGroup		made[2];
			int			old[2];

			if (!replace_member(s, group, at, a, cost, &made[0]) ||
				!replace_member(s, other, where, group->member[at], cost - made[0].cost, &made[1]))
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

/* List all groups that the schools at hand can make, the cheapest first. */
static void
find_options(Search *s)
{
	const GroupProblem *p = s->problem;
	uint32		mask = ((uint32) 1 << p->size) - 1;
	uint64		end = (uint64) 1 << s->nschool;

	s->noption = 0;
	while (mask < end)
	{
		int			member[GROUP_MAX_SIZE];
		uint32		low = mask & -mask;
		uint64		next = (uint64) mask + low;
		SchoolGroup		made;

		set_members(s, mask, member);
		if (group_make(s->costs, s->budget, member, -1, &made))
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

/* Find the cheapest `want` options that have no school in common, by branch and bound. */
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

/* Put `want` groups of the schools at hand in the place of others, if they cost less than limit. */
static bool
try_pack(Search *s, int nold, const int *old, int want, int64 limit)
{
	SchoolGroup		made[REPAIR_GROUPS + 1];

	s->best_cost = limit;
	s->checks = REPAIR_CHECKS;
	s->best[0] = -1;
	pack(s, 0, 0, 0, want, 0);
	s->budget->used += REPAIR_CHECKS - s->checks;
	if (s->best[0] < 0)
		return false;
	for (int k = 0; k < want; k++)
	{
		int			member[GROUP_MAX_SIZE];

		set_members(s, s->option[s->best[k]].mask, member);
		if (!group_make(s->costs, s->budget, member, -1, &made[k]))
			elog(ERROR, "sipp.group_schools: an option breaks a rule");
	}
	exchange(s, nold, old, want, made);
	return true;
}

/* Dissolve n groups, and make the best ones of their schools and some that are in none. */
static bool
destroy_and_repair(Search *s, int n, const int *g)
{
	const GroupProblem *p = s->problem;
	int64		cost = 0;
	int			spares = 0;

	if (n * p->size > REPAIR_SCHOOLS || choose(n * p->size, p->size, REPAIR_OPTIONS) > REPAIR_OPTIONS)
		return false;
	s->nschool = 0;
	for (int k = 0; k < n; k++)
	{
		for (int i = 0; i < p->size; i++)
			s->school[s->nschool++] = s->groups->group[g[k]].member[i];
		cost += s->groups->group[g[k]].cost;
	}
	while (spares < s->nspare && s->nschool < REPAIR_SCHOOLS - 1 &&
		   choose(s->nschool + 1, p->size, REPAIR_OPTIONS) <= REPAIR_OPTIONS)
		s->school[s->nschool++] = s->spare[spares++];
	find_options(s);
	return (spares >= p->size && try_pack(s, n, g, n + 1, GROUP_NO_COST)) ||
		try_pack(s, n, g, n, cost);
}

/* Destroy and repair group g alone, with one and with two groups beside it. */
static bool
try_repairs(Search *s, int g)
{
	int			old[REPAIR_GROUPS];

	old[0] = g;
	if (destroy_and_repair(s, 1, old))
		return true;
	for (int i = 0; i < Min(s->nbeside, REPAIR_TWO); i++)
	{
		old[1] = s->beside[i];
		if (destroy_and_repair(s, 2, old))
			return true;
	}
	for (int i = 0; i < Min(s->nbeside, REPAIR_THREE); i++)
		for (int j = 0; j < i; j++)
		{
			old[1] = s->beside[i];
			old[2] = s->beside[j];
			if (destroy_and_repair(s, 3, old))
				return true;
		}
	return false;
}

/* Make moves until no group has one; destroy and repair only if wanted. */
static bool
sweep(Search *s, bool repairs)
{
	bool		any;
	bool		improved = false;

	/* once round all groups at the end: don't-look bits know of candidates, not of all that matters */
	do
	{
		bool		again;

		any = false;
		memset(s->dont_look, false, s->groups->n);
		do
		{
			again = false;
			for (int g = 0; g < s->groups->n && s->budget->used < s->stop; g++)
			{
				if (s->dont_look[g])
					continue;
				s->dont_look[g] = true;
				do
				{
					CHECK_FOR_INTERRUPTS();
					look_around(s, g);
					if (!try_spares(s, g) && !try_swaps(s, g) && !(repairs && try_repairs(s, g)))
						break;
					again = any = improved = true;
				} while (s->budget->used < s->stop);
			}
		} while (again);
	} while (any && s->budget->used < s->stop);
	return improved;
}

void
group_search(const GroupCosts *c, GroupBudget *budget, Groups *groups)
{
	const GroupProblem *p = c->problem;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp group search",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Search	   *s = palloc0(sizeof(Search));
	Size		most = Min((Size) p->size * CANDIDATE_KINDS * MAX_CANDIDATES, (Size) p->n) + 1;

	s->problem = p;
	s->costs = c;
	s->budget = budget;
	s->groups = groups;
	find_candidates(s);
	s->stop = budget->used + SEARCH_WORK;
	s->dont_look = palloc0(p->nlead);
	s->other = palloc(sizeof(int) * most);
	s->spare = palloc(sizeof(int) * most);
	s->beside = palloc(sizeof(int) * most);
	s->seen = palloc0(sizeof(int) * p->n);
	s->seen_group = palloc0(sizeof(int) * p->nlead);
	(void) sweep(s, false);
	(void) sweep(s, true);
	while (budget->used < s->stop && group_complete(c, budget, groups))
		(void) sweep(s, true);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
