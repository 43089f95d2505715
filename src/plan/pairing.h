/*
 * pairing.h
 *		A plan of schools while it is made: plan.c sets it up and solves it,
 *		explain.c explains empty places, pairs.c writes it down.
 */
#ifndef SIPP_PAIRING_H
#define SIPP_PAIRING_H

#include <math.h>

#include "plan/exact.h"
#include "plan/plan.h"

typedef struct PlanWork
{
	const Schools *schools;
	const Scale *scale;
	Scorer	   *scorer;
	ScoreOptions options;
	PlanMode mode;
	int			supports;		/* places of a partner */
	double		unpaired_cost;	/* NaN: beyond all */

	/* schools that take part, by number of school; those with a locked pair do in any case */
	int			npartner;
	int			nlead;
	int		   *partner;		/* [npartner] its school */
	int		   *lead;			/* [nlead] */
	char	  **partner_id;
	char	  **lead_id;
	int		   *partner_at;		/* [schools] its number as a partner; -1: it is none */
	int		   *lead_at;
	uint32	   *lacks;			/* [schools] why it cannot take part, as a mask of SchoolLack; 0: it can */

	/* locked pairs, those of partner i from lock_start[i] on, leads ascending */
	int			nlock;
	int		   *lock_start;		/* [npartner + 1] */
	int		   *lock_lead;

	/* without what locked pairs take */
	int		   *places;
	int		   *capacity;
	AssignProblem prob;			/* costs in units of 2^exponent */
	int			exponent;
	double		quantum;		/* 2^exponent */
	double		empty;			/* cost of an empty place; infinite: beyond all savings */
} PlanWork;

/* A plan, and from all its pairs once more what else there is to say of them. */
typedef struct PlanSolution
{
	AssignResult best;			/* the cheapest plan */
	AssignLevels levels;		/* and its prices */
	bool		refined;		/* of costs as they are, not as rounded to the quantum */
	AssignFault fault;			/* ASSIGN_PROVEN, or what is wrong with them */
	AssignResult made;			/* the plan of another mode */
	const AssignResult *plan;	/* the one of the two that is the plan */
	int		   *room;			/* [nlead] places that the plan leaves free */
	int		   *runner_up;		/* [npartner] cheapest lead that it has not; -1: none */
	double	   *runner_up_cost;
	PlanBlockings blocking;

	/* costs, NaN where a place is empty or nothing is known */
	double	   *best_cost;		/* [nplace] of the cheapest plan */
	double	   *plan_cost;		/* [nplace] of the plan */
	double	   *lock_cost;		/* [nlock] */
	int			last_bit;		/* the smallest exponent of any of their bits */
	ExactUnits	units;			/* of prices */
} PlanSolution;

/* solve.c: solve and check; order is that of PLAN_GREEDY. */
extern void plan_solve(PlanWork *w, const int *order, const char *func, PlanSolution *s);

/* Is this a locked pair? */
static inline bool
plan_is_locked(const PlanWork *w, int i, int j)
{
	for (int k = w->lock_start[i]; k < w->lock_start[i + 1]; k++)
		if (w->lock_lead[k] == j)
			return true;
	return false;
}

/* Does the plan give partner i this lead, locked pairs included? */
static inline bool
plan_has_lead(const AssignResult *plan, int i, int j)
{
	for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
		if (plan->lead[p] == j)
			return true;
	return false;
}

/* Cost of partner i with lead j if it is below limit, otherwise infinite. */
static inline double
plan_pair_cost(const PlanWork *w, int i, int j, double limit)
{
	if (w->nlock > 0 && plan_is_locked(w, i, j))
		return INFINITY;
	return scorer_cost(w->scorer, w->partner[i], w->lead[j], limit);
}

/* explain.c: why a place of partner i is empty, and what would fill it. */
typedef struct PlanReasons PlanReasons;

extern PlanReasons *plan_reasons_make(const PlanWork *w);
extern void plan_reason(PlanReasons *r, const PlanSolution *s, int i, char **reason,
						char **relaxation);

/* pairs.c: the solved plan as a document. */
extern Datum plan_document(PlanWork *w, const PlanSolution *s);

#endif							/* SIPP_PAIRING_H */
