/*
 * assign_costs.h
 *		What sipp.assign has gathered: the analyst's own costs.
 */
#ifndef SIPP_ASSIGN_COSTS_H
#define SIPP_ASSIGN_COSTS_H

#include "sipp.h"

#include "plan/plan.h"

/* An id, where it is kept. */
typedef struct CostId
{
	char	   *bytes;			/* ends with a zero */
	uint32		len;
	uint32		hash;
} CostId;

/* The different ids of one side, numbered as they came. */
typedef struct CostIds
{
	CostId	   *id;
	int			n;
	int			room;
	int		   *slot;			/* open addressing: number + 1, or 0 */
	uint32		nslot;			/* a power of 2 */
} CostIds;

/* An allowed pair. */
typedef struct CostPair
{
	int32		partner;
	int32		lead;			/* COST_LOCKED is added to that of a locked pair */
	double		cost;			/* NaN: a locked pair's is not known */
} CostPair;

#define COST_LOCKED (1 << 30)

static inline int
cost_pair_lead(const CostPair *pair)
{
	return pair->lead & (COST_LOCKED - 1);
}

static inline bool
cost_pair_locked(const CostPair *pair)
{
	return (pair->lead & COST_LOCKED) != 0;
}

typedef struct Costs
{
	MemoryContext cxt;
	CostIds		partner;
	CostIds		lead;
	int		   *places;			/* of each partner */
	int		   *capacity;		/* of each lead */
	CostPair   *pair;
	int64		n;
	int64		room;
	bool		begun;			/* a row has said what unpaired and mode are */
	double		unpaired;		/* cost of an empty place; NaN: beyond all */
	PlanMode	mode;
	char	   *chunk;			/* free memory for ids */
	size_t		left;
	size_t		next;			/* size of the next chunk */
} Costs;

/* A cost problem while it is solved. */
typedef struct CostWork
{
	const Costs *costs;
	char	  **partner;		/* ids in their order */
	char	  **lead;

	/* locked pairs, those of partner i from lock_start[i] on, leads ascending */
	int		   *lock_start;		/* [npartner + 1] */
	int		   *lock_lead;
	double	   *lock_cost;		/* NaN: not known */
	int64		unknown;		/* locked pairs without a cost */

	/* the other pairs, without the places and capacity that the locked ones take */
	int		   *places;
	int		   *capacity;
	AssignProblem prob;			/* costs in units of 2^exponent */
	int			exponent;
	double		quantum;		/* 2^exponent */
	double	   *cost;			/* of each listed pair, as given; NULL: its units are exact */
	bool		priced;			/* the price of an empty place is that given */

	/* the solution */
	AssignResult best;			/* the cheapest plan */
	AssignLevels levels;		/* and its prices */
	AssignFault fault;			/* ASSIGN_PROVEN, or what is wrong with them */
	AssignResult made;			/* the plan of another mode */
	const AssignResult *plan;	/* the one of the two that is the plan */
} CostWork;

/* The cost of a listed pair as it was given. */
static inline double
cost_given(const CostWork *w, int64_t k)
{
	return w->cost ? w->cost[k] : (double) w->prob.row_cost[k] * w->quantum;
}

/* costs.c: the plan of least cost. */
extern Datum costs_plan(const Costs *c);

/* assign_solve.c: solve, check, make the plan of the mode. */
extern void costs_solve(CostWork *w);

/*
 * assign_scan.c: the cheapest other lead of each partner, -1: none; the pairs
 * that block the plan, by joint gain; room that the plan leaves.
 */
typedef struct CostScan
{
	int		   *runner_up;		/* [npartner] */
	int64_t    *runner_up_at;	/* its listed pair */
	int		   *room;			/* [nlead] */
	PlanBlockings blocking;
} CostScan;

extern CostScan *costs_scan(const CostWork *w);

/* assign_document.c: the solved plan as a document. */
extern Datum costs_document(const CostWork *w);

#endif							/* SIPP_ASSIGN_COSTS_H */
