/*
 * assign_internal.h
 *		What the files of the assignment solver share.
 *
 * assign.c checks problems, owns memory and keeps the best few pairs;
 * assign_search.c finds shortest augmenting paths over candidate pairs,
 * assign_solve.c chooses the candidates and prices all other pairs;
 * assign_greedy.c makes the plans that need no prices.  assign_verify.c shares
 * the problem's checks and memory, and nothing of a solution.
 */
#ifndef SIPP_ASSIGN_INTERNAL_H
#define SIPP_ASSIGN_INTERNAL_H

#include "assign.h"

/* Memory taken from the hooks and not yet given back. */
#define ASSIGN_MAX_BLOCKS 32

typedef struct AssignMemory
{
	const AssignHooks *hooks;
	void	   *block[ASSIGN_MAX_BLOCKS];
	size_t		bytes[ASSIGN_MAX_BLOCKS];
	int			nblock;
	size_t		now;
	size_t		peak;
	bool		failed;			/* alloc has returned NULL */
	int			effort;			/* since the last interrupt call */
} AssignMemory;

extern void assign_memory_init(AssignMemory *memory, const AssignProblem *prob);
extern void *assign_take(AssignMemory *memory, size_t count, size_t size);
extern void assign_give(AssignMemory *memory, void *block);
extern void assign_give_all(AssignMemory *memory);

/*
 * To be called with the work just done, in units of some 10 ns (a cost function
 * may take ten times as long): calls interrupt every ASSIGN_EFFORT of them.
 */
#define ASSIGN_EFFORT (1 << 14)

static inline void
assign_tick(AssignMemory *memory, int effort)
{
	memory->effort += effort;
	if (memory->effort >= ASSIGN_EFFORT)
	{
		memory->effort = 0;
		if (memory->hooks->interrupt)
			memory->hooks->interrupt(memory->hooks->ctx);
	}
}

/* The pairs of one partner: those listed, or those with some or all leads. */
typedef struct AssignRow
{
	const int  *lead;			/* NULL: 0, 1, ... */
	const int64_t *cost;		/* NULL: ask the cost function */
	int			n;
} AssignRow;

static inline AssignRow
assign_row(const AssignProblem *prob, int i)
{
	AssignRow	row = {NULL, NULL, prob->nlead};

	if (!prob->cost)
	{
		row.lead = prob->row_lead + prob->row_start[i];
		row.cost = prob->row_cost + prob->row_start[i];
		row.n = (int) (prob->row_start[i + 1] - prob->row_start[i]);
	}
	return row;
}

static inline int
assign_row_lead(const AssignRow *row, int k)
{
	return row->lead ? row->lead[k] : k;
}

/* Cost of the row's k-th pair, which is with lead j; to be compared with limit. */
static inline int64_t
assign_row_cost(const AssignProblem *prob, const AssignRow *row, int i, int k, int j,
				int64_t limit)
{
	return row->cost ? row->cost[k] : prob->cost(prob->cost_ctx, i, j, limit);
}

static inline bool
assign_cost_valid(int64_t c)
{
	return c >= -ASSIGN_MAX_COST && c <= ASSIGN_MAX_COST;
}

static inline int
assign_places(const AssignProblem *prob, int i)
{
	return prob->places ? prob->places[i] : 1;
}

static inline int
assign_capacity(const AssignProblem *prob, int j)
{
	return prob->capacity ? prob->capacity[j] : 1;
}

extern AssignStatus assign_check(const AssignProblem *prob, AssignMemory *memory);
extern bool assign_result_init(const AssignProblem *prob, AssignMemory *memory,
							   AssignResult *result);
extern AssignStatus assign_finish(AssignMemory *memory, AssignStatus status,
								  AssignResult *result);

/* A pair with this lead, and where it stands among the partner's others. */
typedef struct AssignPick
{
	int64_t		key;
	int64_t		cost;
	int			lead;
	uint32_t	tie;			/* order among equal keys, before lead */
} AssignPick;

/* The best of the pairs offered, at most max: a heap with the worst on top. */
typedef struct AssignPicks
{
	AssignPick *pick;
	int			n;
	int			max;
} AssignPicks;

static inline bool
assign_pick_less(const AssignPick *a, const AssignPick *b)
{
	if (a->key != b->key)
		return a->key < b->key;
	if (a->tie != b->tie)
		return a->tie < b->tie;
	return a->lead < b->lead;
}

extern void assign_offer(AssignPicks *picks, const AssignPick *pick);
extern void assign_sort_picks(AssignMemory *memory, AssignPicks *picks);

/*
 * Partner i is node i, lead j node npartner + j; the searches treat the two
 * sides, 0 and 1, alike.
 */
typedef struct AssignNode
{
	int64_t		price;
	int64_t		dist;			/* in the search under way; ASSIGN_NONE: not reached */
	int			parent;			/* pair by which it was reached */
	int			slot;			/* in the search's heap, -1: not there */
	int			room;			/* empty places, free capacity */
	int			head;			/* first candidate pair, -1: none */
	int			mate;			/* first pair in the plan, -1: none */
} AssignNode;

/* A candidate: a pair that the searches know of. */
typedef struct AssignEdge
{
	int64_t		cost;
	int			node[2];		/* its partner and its lead */
	int			next[2];		/* the next candidate of each */
	int			link[2];		/* the next pair in the plan of each */
} AssignEdge;

#define ASSIGN_UNUSED (-2)		/* in link: the pair is not in the plan */

typedef struct AssignHeapItem
{
	int64_t		key;
	int			node;
} AssignHeapItem;

/*
 * The state of a solution.  At all times the price of a pair's partner and that
 * of its lead add up to at most its cost for every candidate outside the plan,
 * to at least its cost for every pair in the plan, and no price is above its
 * bound.  A node with room whose price is below the bound is
 * pending; when none is, the plan is the cheapest of the candidates.
 */
typedef struct AssignWork
{
	const AssignProblem *prob;
	AssignMemory memory;
	AssignStatus status;
	AssignStats stats;
	int			np;
	int			nnode;
	int64_t    *bound;			/* [nnode] of each price: M or 0, unless the problem has others */
	int64_t		most_free;		/* the greatest of a lead's, >= 0 */
	AssignNode *node;			/* [nnode] */
	AssignEdge *edge;
	int			nedge;
	int			maxedge;

	/*
	 * The first ncolumn candidates once more, by lead: a lead can have
	 * thousands, and following next through memory takes longer than all else.
	 */
	int		   *column;			/* [maxedge] */
	int		   *column_start;	/* [nlead + 1] */
	int			ncolumn;

	/* the search under way: [nnode] each */
	int		   *reached;
	int			nreached;
	int		   *settled;
	int			nsettled;
	int		   *ready;			/* reached at the present distance */
	int			nready;
	AssignHeapItem *heap;		/* reached at a greater one */
	int			nheap;

	/* candidates and pricing */
	int			ncandidate;		/* to start a partner of one place with */
	int		   *active;			/* [nactive] leads with any capacity */
	int			nactive;
	AssignPicks near;			/* the best of all leads */
	AssignPicks open;			/* the best of those with room */
	int		   *known;			/* [nlead] partner whose candidate it was last seen to be */
	int		   *dropped;		/* leads that a partner has just lost */
	int64_t    *floor;			/* [npartner] least c_ij - v_j of other pairs cheaper than M */
	int64_t    *floor_at;		/* [npartner] clock by which it holds */

	/* leads whose price has risen, in order of the last time */
	int64_t		clock;			/* searches that can have raised them */
	int64_t    *raised_at;		/* [nlead] */
	int		   *older;			/* [nlead] -1 at the end */
	int		   *newer;
	int			latest;
	int		   *recent;			/* [nlead] */
} AssignWork;

static inline int
assign_side(const AssignWork *w, int node)
{
	return node >= w->np;
}

static inline bool
assign_pending(const AssignWork *w, int node)
{
	return w->node[node].room > 0 && w->node[node].price < w->bound[node];
}

extern void assign_link(AssignWork *w, int e);
extern void assign_unlink(AssignWork *w, int e);
extern void assign_search(AssignWork *w, int source);

#endif							/* SIPP_ASSIGN_INTERNAL_H */
