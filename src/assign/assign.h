/*
 * assign.h
 *		Minimum-cost pairing of partners with leads, staying unpaired allowed.
 *
 *		minimise	sum c_ij x_ij + M sum_i empty_i
 *		subject to	sum_j x_ij + empty_i = places_i,  sum_i x_ij <= capacity_j,
 *					x_ij in {0, 1}
 *
 * over the allowed pairs: a b-matching in which each pair is used at most once
 * and a place left empty costs M.  Its linear-programming dual is
 *
 *		maximise	sum places_i u_i + sum capacity_j v_j + sum w_ij
 *		subject to	u_i + v_j + w_ij <= c_ij,  u_i <= M,  v_j <= 0,  w_ij <= 0
 *
 * and assign_solve() returns both solutions, in integers and of the same
 * value, which is the proof that no plan is cheaper.  assign_verify() checks
 * it.
 *
 * Plain C, no PostgreSQL.  All memory comes from the caller's hooks, which may
 * longjmp out (as may interrupt): nothing is held anywhere else.  Every
 * function gives the same answer for the same problem, ties included.
 */
#ifndef SIPP_ASSIGN_H
#define SIPP_ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the cost function returns for a pair that is forbidden or not below its limit. */
#define ASSIGN_NONE INT64_MAX

/*
 * Bounds under which no sum of costs and prices leaves int64.  They leave room
 * for an M that outweighs any saving: twice ASSIGN_MAX_COST for every place.
 */
#define ASSIGN_MAX_COST ((int64_t) 1 << 40) /* of |c_ij| */
#define ASSIGN_MAX_PLACES (1 << 20) /* of all partners together */
#define ASSIGN_MAX_UNPAIRED (((int64_t) 1 << 61) + 1)	/* of |M| */

/* Where memory comes from and where to ask whether to go on. */
typedef struct AssignHooks
{
	void	   *(*alloc) (void *ctx, size_t bytes); /* NULL if there is none */
	void		(*release) (void *ctx, void *block);
	void		(*interrupt) (void *ctx);	/* may be NULL */
	void	   *ctx;
} AssignHooks;

/*
 * Costs come either from a function or, where that is NULL, as lists of the
 * allowed pairs: those of partner i are row_lead[k], row_cost[k] for
 * row_start[i] <= k < row_start[i + 1], leads ascending.
 */
typedef struct AssignProblem
{
	int			npartner;
	int			nlead;
	const int  *places;			/* [npartner] >= 0; NULL: one each */
	const int  *capacity;		/* [nlead] >= 0; NULL: one each */
	int64_t		unpaired;		/* M, the price of an empty place */

	/*
	 * The cost of pair (i, j) if it is allowed and below limit, otherwise
	 * ASSIGN_NONE (or any value not below limit), so that it can give up
	 * early.
	 */
	int64_t		(*cost) (void *cost_ctx, int i, int j, int64_t limit);
	void	   *cost_ctx;

	const int64_t *row_start;	/* [npartner + 1], from 0 */
	const int  *row_lead;
	const int64_t *row_cost;

	int			candidates;		/* leads that each partner starts from; 0: the default */
	AssignHooks hooks;

	/*
	 * The differences that one level of refinement leaves to the next, see
	 * assign_refine(); all NULL and false in a problem of its own.  Prices
	 * then start from 0, near the answer, and not from their bounds.
	 */
	bool		warm;
	const int64_t *partner_bound;	/* [npartner] in place of M */
	const int64_t *lead_bound;	/* [nlead] >= 0, in place of v_j <= 0 */
	const bool *row_in;			/* of each listed pair: it starts in the plan */

	/*
	 * For assign_stable() and assign_in_order() alone: costs and M are any
	 * numbers below ASSIGN_NONE of which only the order counts.  No sum is made.
	 */
	bool		ordinal;
} AssignProblem;

typedef enum AssignStatus
{
	ASSIGN_OK = 0,
	ASSIGN_BAD_SHAPE,			/* counts negative or past 2^31 - 1 together, or no costs */
	ASSIGN_BAD_PLACES,			/* negative places or capacity */
	ASSIGN_TOO_MANY_PLACES,		/* more than ASSIGN_MAX_PLACES */
	ASSIGN_BAD_UNPAIRED,		/* |M| > ASSIGN_MAX_UNPAIRED */
	ASSIGN_BAD_ROWS,			/* row_start falls, a lead out of range or not ascending */
	ASSIGN_BAD_COST,			/* |cost| > ASSIGN_MAX_COST */
	ASSIGN_BAD_ORDER,			/* not a permutation of the partners */
	ASSIGN_TOO_FINE,			/* more than ASSIGN_MAX_LEVELS levels, which cannot be */
	ASSIGN_NO_MEMORY			/* alloc returned NULL, or 2^31 candidates do not do */
} AssignStatus;

/* A price w_ij < 0: what it costs that the pair can be used only once. */
typedef struct AssignExtra
{
	int			partner;
	int			lead;
	int64_t		w;
} AssignExtra;

typedef struct AssignStats
{
	int64_t		searches;		/* shortest augmenting paths */
	int64_t		settled;		/* partners and leads settled by them */
	int64_t		priced;			/* calls of cost, or listed pairs looked at */
	int64_t		rounds;			/* passes over the partners, the last without a violation */
	int64_t		repairs;		/* times a partner had pairs cheaper than their prices */
	int64_t		candidates;		/* pairs known to the searches at the end */
	size_t		peak;			/* bytes, the result's included */
} AssignStats;

/*
 * A plan and, from assign_solve(), its proof.  The arrays come from the
 * problem's alloc; assign_release() gives them back.
 */
typedef struct AssignResult
{
	int			nplace;			/* sum of places */
	int		   *place_start;	/* [npartner + 1] first place of each partner */
	int		   *lead;			/* [nplace] cheapest first, -1 where empty */
	int64_t		cost;			/* sum of the pairs' costs */
	int64_t		empty;			/* empty places */

	int64_t    *u;				/* [npartner]; NULL without a proof */
	int64_t    *v;				/* [nlead] */
	int64_t		nextra;
	AssignExtra *extra;			/* [nextra] by partner, then lead; all other w_ij are 0 */

	AssignStats stats;
} AssignResult;

/*
 * The cheapest plan and its prices: u_i is what partner i's dearest place
 * costs, -v_j of its lead included, or M if one is empty; -v_j is the most
 * that one more place with lead j could save.  A partner of one place needs no
 * w_ij.
 */
extern AssignStatus assign_solve(const AssignProblem *prob, AssignResult *result);

/*
 * Pairs by ascending (cost, partner, lead), each made if both sides still have
 * room and it is cheaper than M.  Where every partner and every lead ranks by
 * the pair's cost this is the one stable matching: of two schools that would
 * each rather have the other, the cheaper pair would have been made first.
 */
extern AssignStatus assign_stable(const AssignProblem *prob, AssignResult *result);

/*
 * The plan made by hand: partners in the given order (NULL: by number), each
 * taking for its places the cheapest leads with room left, if cheaper than M.
 */
extern AssignStatus assign_in_order(const AssignProblem *prob, const int *order,
									AssignResult *result);

/*
 * The runner-up of partner i under the prices of a solved plan: of the leads
 * with any capacity that it has not got, the one with the least c_ij - v_j;
 * ties go to the lower number.  Returns c_ij - v_j - u_i >= 0, by how much the
 * pair is too dear for a cheapest plan, or ASSIGN_NONE if there is no such
 * lead.
 */
extern int64_t assign_runner_up(const AssignProblem *prob, const AssignResult *result,
								int i, int *lead, int64_t *cost);

extern void assign_release(const AssignProblem *prob, AssignResult *result);

/*
 * Costs as they were given, any finite numbers.  A problem of whole numbers is
 * made out of them by rounding to a quantum 2^exponent; where that changes
 * one, the plan found is the best of the rounded costs and of no others.
 * Refinement then solves the same problem for what rounding has left, in units
 * ever smaller, until nothing is left: the plan is the cheapest of the costs
 * as given, and the prices, sums over the levels, prove it exactly.
 */
typedef struct AssignCosts
{
	const double *row_cost;		/* of the listed pairs */
	int			exponent;		/* row_cost of the problem: round to even of cost / 2^exponent */
	bool		priced;			/* an empty place costs unpaired; otherwise M units */
	double		unpaired;
} AssignCosts;

/*
 * Numbers span 2098 bits and a level takes 16 or more of them, so that there
 * are at most 135 levels, and 2 or 3 where costs are of one size.
 */
#define ASSIGN_MAX_LEVELS 160

/*
 * Prices: that of partner i is sum over l of u[l][i] 2^exponent[l].  Exponents
 * fall.  What a pair's cost exceeds its prices by at one level, by more than
 * reach units, no later level can take away.
 */
typedef struct AssignLevels
{
	int			n;
	int64_t		reach;
	int			exponent[ASSIGN_MAX_LEVELS];
	int64_t    *u[ASSIGN_MAX_LEVELS];	/* [npartner] */
	int64_t    *v[ASSIGN_MAX_LEVELS];	/* [nlead] */
} AssignLevels;

/*
 * The problem may list only the pairs of the plan and those that cost at most so
 * many units more than their prices: of a plan of so many places no others matter.
 */
static inline int64_t
assign_reach(int nplace)
{
	return 4 * (int64_t) nplace + 8;
}

/* A cost in units of 2^exponent, rounded to even; at most 2^62 of them. */
extern int64_t assign_units(double cost, int exponent);

/*
 * Make the solved problem's plan the cheapest of the costs as given.  The
 * pairs must be listed; those with a lead without capacity and an empty place
 * are priced like the others.  Of the result, plan, cost (in units of the
 * problem) and statistics change; u and v become the first level and belong to
 * levels, and w_ij, which follow from cost and prices, are given up.
 */
extern AssignStatus assign_refine(const AssignProblem *prob, const AssignCosts *costs,
								  AssignResult *result, AssignLevels *levels);

extern void assign_release_levels(const AssignProblem *prob, AssignLevels *levels);

/* What assign_verify() finds wrong: the plan first, then the prices. */
typedef enum AssignFault
{
	ASSIGN_PROVEN = 0,
	ASSIGN_FAULT_PROBLEM,		/* the problem is not valid, or there is no memory */
	ASSIGN_FAULT_SHAPE,			/* nplace or place_start do not fit the problem */
	ASSIGN_FAULT_LEAD,			/* no such lead, or a place filled after an empty one */
	ASSIGN_FAULT_TWICE,			/* a partner has a lead twice */
	ASSIGN_FAULT_FORBIDDEN,		/* the pair is not allowed */
	ASSIGN_FAULT_CAPACITY,		/* more partners than the lead has room for */
	ASSIGN_FAULT_TOTAL,			/* cost or empty is not the plan's */
	ASSIGN_FAULT_UNPRICED,		/* the plan is feasible and comes without prices */
	ASSIGN_FAULT_U,				/* u_i > M, or out of range */
	ASSIGN_FAULT_V,				/* v_j > 0, or out of range */
	ASSIGN_FAULT_EXTRA,			/* w_ij >= 0, out of range or order, or not of the plan */
	ASSIGN_FAULT_PRICE,			/* u_i + v_j + w_ij > c_ij */
	ASSIGN_FAULT_PAIR_SLACK,	/* a pair of the plan with u_i + v_j + w_ij < c_ij */
	ASSIGN_FAULT_EMPTY_SLACK,	/* a place is empty though u_i < M */
	ASSIGN_FAULT_ROOM_SLACK,	/* a lead has room left though v_j < 0 */
	ASSIGN_FAULT_LEVELS			/* levels are out of order, or do not add up */
} AssignFault;

/* Prices beyond this are refused: no solution needs them, and no sum overflows. */
#define ASSIGN_MAX_PRICE (((int64_t) 1 << 61) + ((int64_t) 1 << 42))

/*
 * Is the plan feasible, do the prices hold over every pair, and are both worth
 * the same?  The value of the plan less that of the prices is, term by term,
 *
 *		sum over pairs of the plan (c_ij - u_i - v_j - w_ij)
 *		+ sum over empty places (M - u_i) + sum over free room (-v_j)
 *		+ sum over other pairs (-w_ij),
 *
 * where no term is negative, so they are the same just when every term is 0:
 * nothing large is ever summed.  Looks only at the problem and the result.
 * *partner and *lead (either may be NULL) tell where the fault is, -1 where
 * that has no meaning.
 */
extern AssignFault assign_verify(const AssignProblem *prob, const AssignResult *result,
								 int *partner, int *lead);

/*
 * The same for a refined plan and the costs as given, exactly: every term is
 * worked out level by level, and w_ij < 0 is what a pair of the plan costs
 * less than its prices, as none of a partner of one place does.  result->cost
 * must be the plan's in units of the problem.
 */
extern AssignFault assign_verify_levels(const AssignProblem *prob, const AssignCosts *costs,
										const AssignResult *result, const AssignLevels *levels,
										int *partner, int *lead);

/* A few words on a status or a fault, for messages. */
extern const char *assign_status_text(AssignStatus status);
extern const char *assign_fault_text(AssignFault fault);

#endif							/* SIPP_ASSIGN_H */
