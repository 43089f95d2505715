/*
 * build.c
 *		The first groups: which schools lead, and who goes with whom.
 *
 * The relaxation gives leads any number of partners up to t; groups need t.  So
 * as many leads as there are partners for, those with most partners, are kept
 * and the relaxation is solved again for them alone, until all are full or
 * few rounds have passed.  A school that may lead and be led leads if it is kept.
 *
 * Then the leads' partners are taken, the relaxation's first, as far as they
 * may be together, and what is missing is fetched by ejection chains: a partner of
 * another group comes over and leaves a hole there, which is filled in the same
 * way, until a school that is in no group fills the last.  A lead for which there
 * is no chain leaves its partners to the others.
 */
#include "sipp.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "group/group.h"

#define MAX_ROUNDS	8

/* Limits, in look-ups: of one group's making, of one chain, of all together. */
#define MAKE_WORK	20000
#define CHAIN_WORK	INT64CONST(1000000)
#define BUILD_WORK	INT64CONST(50000000)

/* A plan of the relaxation, seen from the leads. */
typedef struct Loads
{
	int		   *load;			/* [nlead] partners */
	int64	   *cost;
	int		   *lead_of;		/* [npartner] number of its lead; -1: none */
	int		   *order;			/* [nlead] leads, those with most partners first */
	int64		pairs;
} Loads;

/* A group in the making. */
typedef struct Partial
{
	const GroupProblem *problem;
	const GroupCosts *costs;
	GroupBudget *budget;
	Groups	   *groups;

	int			n;
	int			member[GROUP_MAX_SIZE]; /* the lead first */
	int			ncandidate;
	int		   *candidate;		/* [npartner] members, the best first */
	int64	   *key;			/* [n] by what they are sorted */
	int			best_n;			/* the most that went together */
	int			best[GROUP_MAX_SIZE];
	int64		stop;			/* work at which to stop */

	/* groups as they were before chains went through them, in that order */
	int			nundo;
	int			undo_room;
	int		   *undo_at;
	SchoolGroup *undo;
} Partial;

/* One link of an ejection chain: the hole that a member leaves in its group. */
typedef struct Hole
{
	int			group;			/* -1: the partial group */
	int			member;			/* who leaves */
	int			parent;			/* whose hole it fills */
} Hole;

/* qsort_arg's comparison of leads: most partners first, then the cheapest. */
static int
compare_leads(const void *a, const void *b, void *arg)
{
	const Loads *l = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;

	if (l->load[i] != l->load[j])
		return l->load[i] > l->load[j] ? -1 : 1;
	if (l->cost[i] != l->cost[j])
		return l->cost[i] < l->cost[j] ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* Read who is with which lead in a plan of the relaxation. */
static void
read_loads(const GroupCosts *c, const AssignProblem *prob, const AssignResult *r, Loads *l)
{
	const GroupProblem *p = c->problem;

	memset(l->load, 0, sizeof(int) * p->nlead);
	memset(l->cost, 0, sizeof(int64) * p->nlead);
	for (int i = 0; i < p->npartner; i++)
	{
		int			node = r->place_start[i] < r->place_start[i + 1] ?
			r->lead[r->place_start[i]] : -1;
		int			j = node < 0 ? -1 : c->relax.node_lead[node];

		l->lead_of[i] = j;
		if (j < 0)
			continue;
		l->load[j]++;
		l->cost[j] += prob->cost(prob->cost_ctx, i, node, ASSIGN_NONE);
	}
	l->pairs = r->nplace - r->empty;
	for (int j = 0; j < p->nlead; j++)
		l->order[j] = j;
	qsort_arg(l->order, p->nlead, sizeof(int), compare_leads, l);
}

/* Has every lead all or nothing, and nobody both sides? */
static bool
is_settled(const GroupProblem *p, const Loads *l)
{
	for (int j = 0; j < p->nlead; j++)
	{
		int			i = p->partner_at[p->lead[j]];

		if (l->load[j] != 0 && (l->load[j] != p->places || (i >= 0 && l->lead_of[i] >= 0)))
			return false;
	}
	return true;
}

/* Solve the relaxation for ever fewer leads until all are full; see above. */
static void
choose_leads(const GroupCosts *c, Loads *l, int64 *all_cost, int64 *all_pairs)
{
	const GroupProblem *p = c->problem;
	int		   *places = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(int) * Max(p->npartner, 1));
	int		   *capacity = MemoryContextAllocHuge(CurrentMemoryContext,
												  sizeof(int) * Max(c->relax.nnode, 1));
	bool	   *kept = palloc(Max(p->nlead, 1));
	AssignProblem prob;
	AssignResult r;

	group_relax_solve(c, NULL, NULL, group_unpaired(p), &prob, &r);
	*all_cost = r.cost;
	*all_pairs = r.nplace - r.empty;
	read_loads(c, &prob, &r, l);
	assign_release(&prob, &r);
	for (int round = 0; round < MAX_ROUNDS && !is_settled(p, l); round++)
	{
		int			most = Min((int) Min(l->pairs / p->places, p->nlead), p->n / p->size);

		if (most == 0)
			break;
		memset(kept, false, p->nlead);
		for (int k = 0; k < most; k++)
			kept[l->order[k]] = true;
		for (int i = 0; i < p->npartner; i++)
		{
			int			j = p->lead_at[p->partner[i]];

			places[i] = j < 0 || !kept[j];
		}
		for (int node = 0; node < c->relax.nnode; node++)
			capacity[node] = kept[c->relax.node_lead[node]] ? c->relax.capacity[node] : 0;
		group_relax_solve(c, places, capacity, group_unpaired(p), &prob, &r);
		read_loads(c, &prob, &r, l);
		assign_release(&prob, &r);
	}
}

/* Can member a be a partner in a group of which n members, the lead first, are known? */
static bool
fits(Partial *t, const int *member, int n, int a)
{
	const GroupProblem *p = t->problem;
	const GroupCosts *c = t->costs;
	int			same = 1;

	t->budget->used += n;
	if (group_pair(c, a, member[0], GROUP_NONE) == GROUP_NONE)
		return false;
	for (int i = 1; i < n; i++)
		if (group_peer(c, a, member[i]) == GROUP_NONE)
			return false;
	for (int i = 0; i < n; i++)
		same += p->class_of[member[i]] == p->class_of[a];
	if (same > p->class_need[p->class_of[a]])
		return false;
	if (p->min_authorities > 1)
	{
		int			all[GROUP_MAX_SIZE];

		memcpy(all, member, sizeof(int) * n);
		all[n] = a;
		if (group_authorities(p, all, n + 1) + p->size - n - 1 < p->min_authorities)
			return false;
	}
	return true;
}

/* qsort_arg's comparison of candidates, by key, then by number. */
static int
compare_candidates(const void *a, const void *b, void *arg)
{
	const int64 *key = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;

	if (key[i] != key[j])
		return key[i] < key[j] ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* Schools in no group that the lead could have, those of the relaxation first. */
static void
find_candidates(Partial *t, const int *lead_of)
{
	const GroupProblem *p = t->problem;
	const GroupCosts *c = t->costs;
	int			lead = t->member[0];

	t->ncandidate = 0;
	t->budget->used += p->npartner;
	for (int i = 0; i < p->npartner; i++)
	{
		int			a = p->partner[i];
		int32		u;

		if (t->groups->of[a] >= 0 || a == lead)
			continue;
		u = group_pair(c, a, lead, GROUP_NONE);
		if (u == GROUP_NONE)
			continue;
		t->key[a] = u;
		if (lead_of && lead_of[i] != p->lead_at[lead])
			t->key[a] += GROUP_NONE;
		t->candidate[t->ncandidate++] = a;
	}
	qsort_arg(t->candidate, t->ncandidate, sizeof(int), compare_candidates, t->key);
}

/* Add candidates from number k on until the group is complete, by depth-first search. */
static bool
extend(Partial *t, int k)
{
	if (t->n > t->best_n)
	{
		t->best_n = t->n;
		memcpy(t->best, t->member, sizeof(int) * t->n);
	}
	if (t->n == t->problem->size)
		return true;
	for (; k < t->ncandidate && t->budget->used < t->stop; k++)
	{
		if (!fits(t, t->member, t->n, t->candidate[k]))
			continue;
		t->member[t->n++] = t->candidate[k];
		if (extend(t, k + 1))
			return true;
		t->n--;
	}
	return false;
}

/* Is member a in the partial group? */
static bool
in_partial(const Partial *t, int a)
{
	for (int i = 0; i < t->n; i++)
		if (t->member[i] == a)
			return true;
	return false;
}

/* The members beside a hole, the lead first; returns how many. */
static int
beside_hole(const Partial *t, const Hole *hole, int *member)
{
	int			n = 0;

	if (hole->group < 0)
	{
		memcpy(member, t->member, sizeof(int) * t->n);
		return t->n;
	}
	for (int i = 0; i < t->problem->size; i++)
		if (t->groups->group[hole->group].member[i] != hole->member)
			member[n++] = t->groups->group[hole->group].member[i];
	return n;
}

/* Does the ejection chain that ends with this hole go through a group? */
static bool
on_chain(const Hole *hole, int at, int group)
{
	for (; at >= 0; at = hole[at].parent)
		if (hole[at].group == group)
			return true;
	return false;
}

/* Remember what a group was. */
static void
save_group(Partial *t, int g)
{
	if (t->nundo == t->undo_room)
	{
		t->undo_room *= 2;
		t->undo = repalloc_huge(t->undo, sizeof(SchoolGroup) * t->undo_room);
		t->undo_at = repalloc_huge(t->undo_at, sizeof(int) * t->undo_room);
	}
	t->undo_at[t->nundo] = g;
	t->undo[t->nundo++] = t->groups->group[g];
}

/* Make the groups what they were before this lead was tried. */
static void
undo_chains(Partial *t)
{
	const GroupProblem *p = t->problem;
	Groups	   *groups = t->groups;

	for (int k = 0; k < t->nundo; k++)
		for (int i = 0; i < p->size; i++)
			groups->of[groups->group[t->undo_at[k]].member[i]] = -1;
	/* a group that changed more than once was first what was saved first */
	for (int k = t->nundo - 1; k >= 0; k--)
		groups->group[t->undo_at[k]] = t->undo[k];
	for (int k = 0; k < t->nundo; k++)
		for (int i = 0; i < p->size; i++)
			groups->of[groups->group[t->undo_at[k]].member[i]] = t->undo_at[k];
}

/* Carry out an ejection chain: member a fills its last hole, and so on up the chain. */
static void
move_chain(Partial *t, const Hole *hole, int at, int a)
{
	for (; hole[at].group >= 0; at = hole[at].parent)
	{
		int			member[GROUP_MAX_SIZE];
		SchoolGroup		made;

		(void) beside_hole(t, &hole[at], member);
		member[t->problem->size - 1] = a;
		if (!group_make(t->costs, t->budget, member, member[0], &made))
			elog(ERROR, "sipp.group_schools: a chain of moves breaks a rule");
		save_group(t, hole[at].group);
		groups_put(t->problem, t->groups, hole[at].group, &made);
		a = hole[at].member;
	}
	t->member[t->n++] = a;
	t->groups->of[a] = -1;
}

/* Find one more partner for the partial group, by the shortest ejection chain. */
static bool
augment(Partial *t)
{
	const GroupProblem *p = t->problem;
	const Groups *groups = t->groups;
	GroupBudget *budget = t->budget;
	Hole	   *hole = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(Hole) * ((Size) p->npartner + 1));
	bool	   *seen = palloc0(p->n);
	int64		stop = budget->used + CHAIN_WORK;
	int			n = 1;
	bool		done = false;

	hole[0].group = hole[0].member = hole[0].parent = -1;
	for (int at = 0; at < n && !done && budget->used < stop; at++)
	{
		int			member[GROUP_MAX_SIZE];
		int			count = beside_hole(t, &hole[at], member);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < p->npartner && !done; i++)
		{
			int			a = p->partner[i];
			int			g = groups->of[a];

			/* a lead stays where it is */
			if (seen[a] || (g < 0 ? in_partial(t, a) : groups->group[g].member[0] == a))
				continue;
			if (!fits(t, member, count, a))
				continue;
			if (g < 0)
			{
				move_chain(t, hole, at, a);
				done = true;
			}
			else if (!on_chain(hole, at, g))
			{
				seen[a] = true;
				hole[n].group = g;
				hole[n].member = a;
				hole[n++].parent = at;
			}
		}
	}
	pfree(hole);
	pfree(seen);
	return done;
}

/* A group for a lead that has none. */
static bool
make_for_lead(Partial *t, int lead, const int *lead_of)
{
	const GroupProblem *p = t->problem;
	SchoolGroup		made;

	t->nundo = 0;
	t->n = t->best_n = 1;
	t->member[0] = t->best[0] = lead;
	find_candidates(t, lead_of);
	t->stop = t->budget->used + MAKE_WORK;
	if (!extend(t, 0))
	{
		t->n = t->best_n;
		memcpy(t->member, t->best, sizeof(int) * t->n);
		while (t->n < p->size)
			if (!augment(t))
			{
				/* groups would be dearer for nothing */
				undo_chains(t);
				return false;
			}
	}
	if (!group_make(t->costs, t->budget, t->member, lead, &made))
		elog(ERROR, "sipp.group_schools: a group breaks a rule");
	groups_put(p, t->groups, t->groups->n, &made);
	return true;
}

/* Partners in no group. */
static int
count_free(const Partial *t)
{
	const GroupProblem *p = t->problem;
	int			n = 0;

	for (int i = 0; i < p->npartner; i++)
		n += t->groups->of[p->partner[i]] < 0;
	return n;
}

/* Groups for the leads that have none, in that order (NULL: by number). */
static bool
make_groups(Partial *t, const int *order, const int *lead_of, int64 stop)
{
	const GroupProblem *p = t->problem;
	int			nfree = count_free(t);
	bool		any = false;

	for (int k = 0; k < p->nlead && nfree >= p->places && t->budget->used < stop; k++)
	{
		int			lead = p->lead[order ? order[k] : k];

		CHECK_FOR_INTERRUPTS();
		if (t->groups->of[lead] >= 0 || !make_for_lead(t, lead, lead_of))
			continue;
		any = true;
		nfree = count_free(t);
	}
	return any;
}

/* Prepare for making groups, in the current memory context. */
static Partial *
new_partial(const GroupCosts *c, GroupBudget *budget, Groups *groups)
{
	Partial    *t = palloc(sizeof(Partial));
	Size		n = c->problem->n;

	t->problem = c->problem;
	t->costs = c;
	t->budget = budget;
	t->groups = groups;
	t->candidate = palloc(sizeof(int) * n);
	t->key = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int64) * n);
	t->undo_room = GROUP_MAX_SIZE;
	t->undo = palloc(sizeof(SchoolGroup) * t->undo_room);
	t->undo_at = palloc(sizeof(int) * t->undo_room);
	return t;
}

/* A context for the scratch memory of building, made the current one. */
static MemoryContext
build_context(MemoryContext *old)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp group build",
											  ALLOCSET_DEFAULT_SIZES);

	*old = MemoryContextSwitchTo(cxt);
	return cxt;
}

bool
group_complete(const GroupCosts *c, GroupBudget *budget, Groups *groups)
{
	MemoryContext old;
	MemoryContext cxt = build_context(&old);
	Partial    *t = new_partial(c, budget, groups);
	int64		stop = budget->used + BUILD_WORK;
	bool		any = false;

	while (make_groups(t, NULL, NULL, stop))
		any = true;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return any;
}

void
group_build(const GroupCosts *c, GroupBudget *budget, Groups *groups, int64 *all_cost,
			int64 *all_pairs)
{
	MemoryContext old;
	MemoryContext cxt = build_context(&old);
	Size		nlead = c->problem->nlead;
	Loads		l;

	l.load = palloc(sizeof(int) * nlead);
	l.cost = palloc(sizeof(int64) * nlead);
	l.order = palloc(sizeof(int) * nlead);
	l.lead_of = palloc(sizeof(int) * c->problem->npartner);
	choose_leads(c, &l, all_cost, all_pairs);
	(void) make_groups(new_partial(c, budget, groups), l.order, l.lead_of,
					   budget->used + BUILD_WORK);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	(void) group_complete(c, budget, groups);
}
