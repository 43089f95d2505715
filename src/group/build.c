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
 * may be together, and what is missing is fetched by chains of moves: a partner of
 * another group comes over and leaves a hole there, which is filled in the
 * same way, until a school that is in no group fills the last.  A lead for
 * which there is no chain leaves its partners to the others.
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

/* A hole that a member would leave in a group. */
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

/* Read a plan of the relaxation. */
static void
read_loads(const GroupWork *w, const AssignProblem *prob, const AssignResult *r, Loads *l)
{
	memset(l->load, 0, sizeof(int) * w->nlead);
	memset(l->cost, 0, sizeof(int64) * w->nlead);
	for (int i = 0; i < w->npartner; i++)
	{
		int			node = r->place_start[i] < r->place_start[i + 1] ?
			r->lead[r->place_start[i]] : -1;
		int			j = node < 0 ? -1 : w->relax.node_lead[node];

		l->lead_of[i] = j;
		if (j < 0)
			continue;
		l->load[j]++;
		l->cost[j] += prob->cost(prob->cost_ctx, i, node, ASSIGN_NONE);
	}
	l->pairs = r->nplace - r->empty;
	for (int j = 0; j < w->nlead; j++)
		l->order[j] = j;
	qsort_arg(l->order, w->nlead, sizeof(int), compare_leads, l);
}

/* Has every lead all or nothing, and nobody both sides? */
static bool
is_settled(const GroupWork *w, const Loads *l)
{
	for (int j = 0; j < w->nlead; j++)
	{
		int			i = w->partner_at[w->lead[j]];

		if (l->load[j] != 0 && (l->load[j] != w->places || (i >= 0 && l->lead_of[i] >= 0)))
			return false;
	}
	return true;
}

/* Rounds of the relaxation; see above. */
static void
choose_leads(GroupWork *w, Loads *l, int64 *all_cost, int64 *all_pairs)
{
	int		   *places = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(int) * Max(w->npartner, 1));
	int		   *capacity = MemoryContextAllocHuge(CurrentMemoryContext,
												  sizeof(int) * Max(w->relax.nnode, 1));
	bool	   *kept = palloc(Max(w->nlead, 1));
	AssignProblem prob;
	AssignResult r;

	group_relax_solve(w, NULL, NULL, group_unpaired(w), &prob, &r);
	*all_cost = r.cost;
	*all_pairs = r.nplace - r.empty;
	read_loads(w, &prob, &r, l);
	assign_release(&prob, &r);
	for (int round = 0; round < MAX_ROUNDS && !is_settled(w, l); round++)
	{
		int			most = Min((int) Min(l->pairs / w->places, w->nlead), w->n / w->size);

		if (most == 0)
			break;
		memset(kept, false, w->nlead);
		for (int k = 0; k < most; k++)
			kept[l->order[k]] = true;
		for (int i = 0; i < w->npartner; i++)
		{
			int			j = w->lead_at[w->partner[i]];

			places[i] = j < 0 || !kept[j];
		}
		for (int node = 0; node < w->relax.nnode; node++)
			capacity[node] = kept[w->relax.node_lead[node]] ? w->relax.capacity[node] : 0;
		group_relax_solve(w, places, capacity, group_unpaired(w), &prob, &r);
		read_loads(w, &prob, &r, l);
		assign_release(&prob, &r);
	}
	pfree(places);
	pfree(capacity);
	pfree(kept);
}

/* Can member a be a partner in a group of which n members, the lead first, are known? */
static bool
fits(GroupWork *w, const int *member, int n, int a)
{
	int			same = 1;

	w->work += n;
	if (group_pair(w, a, member[0], GROUP_NONE) == GROUP_NONE)
		return false;
	for (int i = 1; i < n; i++)
		if (group_peer(w, a, member[i]) == GROUP_NONE)
			return false;
	for (int i = 0; i < n; i++)
		same += w->class_of[member[i]] == w->class_of[a];
	if (same > w->class_need[w->class_of[a]])
		return false;
	if (w->min_authorities > 1)
	{
		int			all[GROUP_MAX_SIZE];

		memcpy(all, member, sizeof(int) * n);
		all[n] = a;
		if (group_authorities(w, all, n + 1) + w->size - n - 1 < w->min_authorities)
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
find_candidates(GroupWork *w, const int *lead_of, Partial *p)
{
	int			lead = p->member[0];

	p->ncandidate = 0;
	w->work += w->npartner;
	for (int i = 0; i < w->npartner; i++)
	{
		int			a = w->partner[i];
		int32		u;

		if (w->group_of[a] >= 0 || a == lead)
			continue;
		u = group_pair(w, a, lead, GROUP_NONE);
		if (u == GROUP_NONE)
			continue;
		p->key[a] = u;
		if (lead_of && lead_of[i] != w->lead_at[lead])
			p->key[a] += GROUP_NONE;
		p->candidate[p->ncandidate++] = a;
	}
	qsort_arg(p->candidate, p->ncandidate, sizeof(int), compare_candidates, p->key);
}

/* Add candidates from number k on until the group is complete; take back what leads nowhere. */
static bool
extend(GroupWork *w, Partial *p, int k)
{
	if (p->n > p->best_n)
	{
		p->best_n = p->n;
		memcpy(p->best, p->member, sizeof(int) * p->n);
	}
	if (p->n == w->size)
		return true;
	for (; k < p->ncandidate && w->work < p->stop; k++)
	{
		if (!fits(w, p->member, p->n, p->candidate[k]))
			continue;
		p->member[p->n++] = p->candidate[k];
		if (extend(w, p, k + 1))
			return true;
		p->n--;
	}
	return false;
}

/* Is member a in the partial group? */
static bool
in_partial(const Partial *p, int a)
{
	for (int i = 0; i < p->n; i++)
		if (p->member[i] == a)
			return true;
	return false;
}

/* The members beside a hole, the lead first; returns how many. */
static int
beside_hole(const GroupWork *w, const Partial *p, const Hole *hole, int *member)
{
	int			n = 0;

	if (hole->group < 0)
	{
		memcpy(member, p->member, sizeof(int) * p->n);
		return p->n;
	}
	for (int i = 0; i < w->size; i++)
		if (w->group[hole->group].member[i] != hole->member)
			member[n++] = w->group[hole->group].member[i];
	return n;
}

/* Does a chain that ends with this hole go through a group? */
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
save_group(const GroupWork *w, Partial *p, int g)
{
	if (p->nundo == p->undo_room)
	{
		p->undo_room *= 2;
		p->undo = repalloc_huge(p->undo, sizeof(SchoolGroup) * p->undo_room);
		p->undo_at = repalloc_huge(p->undo_at, sizeof(int) * p->undo_room);
	}
	p->undo_at[p->nundo] = g;
	p->undo[p->nundo++] = w->group[g];
}

/* Make the groups what they were before this lead was tried. */
static void
undo_chains(GroupWork *w, Partial *p)
{
	for (int k = 0; k < p->nundo; k++)
		for (int i = 0; i < w->size; i++)
			w->group_of[w->group[p->undo_at[k]].member[i]] = -1;
	/* a group that changed more than once was first what was saved first */
	for (int k = p->nundo - 1; k >= 0; k--)
		w->group[p->undo_at[k]] = p->undo[k];
	for (int k = 0; k < p->nundo; k++)
		for (int i = 0; i < w->size; i++)
			w->group_of[w->group[p->undo_at[k]].member[i]] = p->undo_at[k];
}

/* Fill the last hole of a chain with member a, and so all others up to the partial group's. */
static void
move_chain(GroupWork *w, Partial *p, const Hole *hole, int at, int a)
{
	for (; hole[at].group >= 0; at = hole[at].parent)
	{
		int			member[GROUP_MAX_SIZE];
		SchoolGroup		made;

		(void) beside_hole(w, p, &hole[at], member);
		member[w->size - 1] = a;
		if (!group_make(w, member, member[0], &made))
			elog(ERROR, "sipp.group_schools: a chain of moves breaks a rule");
		save_group(w, p, hole[at].group);
		group_put(w, hole[at].group, &made);
		a = hole[at].member;
	}
	p->member[p->n++] = a;
	w->group_of[a] = -1;
}

/* One more partner for the partial group, by the shortest chain. */
static bool
augment(GroupWork *w, Partial *p)
{
	Hole	   *hole = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(Hole) * ((Size) w->npartner + 1));
	bool	   *seen = palloc0(w->n);
	int64		stop = w->work + CHAIN_WORK;
	int			n = 1;
	bool		done = false;

	hole[0].group = hole[0].member = hole[0].parent = -1;
	for (int at = 0; at < n && !done && w->work < stop; at++)
	{
		int			member[GROUP_MAX_SIZE];
		int			count = beside_hole(w, p, &hole[at], member);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < w->npartner && !done; i++)
		{
			int			a = w->partner[i];
			int			g = w->group_of[a];

			/* a lead stays where it is */
			if (seen[a] || (g < 0 ? in_partial(p, a) : w->group[g].member[0] == a))
				continue;
			if (!fits(w, member, count, a))
				continue;
			if (g < 0)
			{
				move_chain(w, p, hole, at, a);
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
make_for_lead(GroupWork *w, int lead, const int *lead_of, Partial *p)
{
	SchoolGroup		made;

	p->nundo = 0;
	p->n = p->best_n = 1;
	p->member[0] = p->best[0] = lead;
	find_candidates(w, lead_of, p);
	p->stop = w->work + MAKE_WORK;
	if (!extend(w, p, 0))
	{
		p->n = p->best_n;
		memcpy(p->member, p->best, sizeof(int) * p->n);
		while (p->n < w->size)
			if (!augment(w, p))
			{
				/* groups would be dearer for nothing */
				undo_chains(w, p);
				return false;
			}
	}
	if (!group_make(w, p->member, lead, &made))
		elog(ERROR, "sipp.group_schools: a group breaks a rule");
	group_put(w, w->ngroup, &made);
	return true;
}

/* Partners in no group. */
static int
count_free(const GroupWork *w)
{
	int			n = 0;

	for (int i = 0; i < w->npartner; i++)
		n += w->group_of[w->partner[i]] < 0;
	return n;
}

/* Groups for the leads that have none, in that order (NULL: by number). */
static bool
make_groups(GroupWork *w, const int *order, const int *lead_of, int64 stop)
{
	Partial    *p = palloc(sizeof(Partial));
	int			nfree = count_free(w);
	bool		any = false;

	p->candidate = palloc(sizeof(int) * Max(w->n, 1));
	p->key = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int64) * Max(w->n, 1));
	p->undo_room = GROUP_MAX_SIZE;
	p->undo = palloc(sizeof(SchoolGroup) * p->undo_room);
	p->undo_at = palloc(sizeof(int) * p->undo_room);
	for (int k = 0; k < w->nlead && nfree >= w->places && w->work < stop; k++)
	{
		int			lead = w->lead[order ? order[k] : k];

		CHECK_FOR_INTERRUPTS();
		if (w->group_of[lead] >= 0 || !make_for_lead(w, lead, lead_of, p))
			continue;
		any = true;
		nfree = count_free(w);
	}
	pfree(p->candidate);
	pfree(p->key);
	pfree(p->undo);
	pfree(p->undo_at);
	pfree(p);
	return any;
}

bool
group_complete(GroupWork *w)
{
	int64		stop = w->work + BUILD_WORK;
	bool		any = false;

	while (make_groups(w, NULL, NULL, stop))
		any = true;
	return any;
}

void
group_build(GroupWork *w, int64 *all_cost, int64 *all_pairs)
{
	Loads		l;
	Size		nlead = Max(w->nlead, 1);

	l.load = palloc(sizeof(int) * nlead);
	l.cost = palloc(sizeof(int64) * nlead);
	l.order = palloc(sizeof(int) * nlead);
	l.lead_of = palloc(sizeof(int) * Max(w->npartner, 1));
	choose_leads(w, &l, all_cost, all_pairs);
	(void) make_groups(w, l.order, l.lead_of, w->work + BUILD_WORK);
	(void) group_complete(w);
	pfree(l.load);
	pfree(l.cost);
	pfree(l.order);
	pfree(l.lead_of);
}
