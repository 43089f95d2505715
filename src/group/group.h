/*
 * group.h
 *		Partnerships of three and more schools: a lead and t = size - 1 partners.
 *
 * Cost of a group = sum over its partners of the cost of the pair with the lead
 * + 1/2 x mean over pairs of its partners of their loss side by side
 * (scorer_peers).  What is compared are whole numbers: pairs and peers in the
 * solver's units u(), times 2 t (t - 1) so that the mean leaves no fraction,
 *
 *		2 t (t - 1) sum u(partner, lead) + 2 sum u(peer, peer)		(t > 1)
 *
 * Four objects, each of which changes in one place only:
 *
 *	GroupProblem	what is asked, and of which schools; constant once it is read
 *	GroupCosts		what pairs, peers and relaxed pairs cost; constant once made
 *	Groups			a solution
 *	GroupBudget		the work done so far
 *
 * group_schools.c reads the problem and writes the rows, costs.c prices, bound.c
 * relaxes the problem to one of pairs, price.c sharpens its bound by Lagrangian
 * multipliers, build.c makes the first groups out of the relaxation, search.c
 * improves them, reason.c says why a school is in none.
 *
 * Terms: a *member* is a school that takes part, by its number among them; its
 * *class* is its sector's number in the composition (0 without one); a group's
 * *optimality gap* is how far above the proven bound it costs.
 */
#ifndef SIPP_GROUP_H
#define SIPP_GROUP_H

#include "score/score.h"

#include "assign/assign.h"

#define GROUP_MIN_SIZE	2
#define GROUP_MAX_SIZE	20
#define GROUP_UNITS		1e5		/* costs are whole numbers: round(GROUP_UNITS * loss) */
#define GROUP_NONE		PG_INT32_MAX	/* the two may not be together like that */
#define GROUP_NO_COST	PG_INT64_MAX	/* these are no group */

/*
 * Costs of pairs and of peers are kept where there are at most so many of
 * either; beyond that they are worked out each time.  That bounds memory: 4 bytes
 * each, twice, and 24 for each of GROUP_OFFERS partners of a lead (price.c), of
 * which there are no more than pairs: 128 + 400 MB at most.
 */
#define GROUP_KEEP		(INT64CONST(1) << 24)

/* What is asked, and of which schools. */
typedef struct GroupProblem
{
	const Schools *schools;
	const Scale *scale;
	ScoreOptions options;
	int			size;
	int			places;			/* t */
	int			min_authorities;
	bool		mixed;			/* there is a composition */
	int			nclass;			/* its sectors; 1 without */
	char	  **class_name;		/* [nclass] */
	int		   *class_need;		/* [nclass] schools of each in a group, at least 1 */
	int64		pair_weight;	/* 2 t (t - 1); 1 for t = 1 */

	/* members, in the order of schools, and so of ids */
	uint32	   *lacks;			/* [schools] why it cannot, as a mask of SchoolLack; 0: it can */
	int			n;
	int		   *school;			/* [n] */
	int		   *class_of;		/* [n] */
	int		   *authority;		/* [n] */
	int			npartner;
	int			nlead;
	int		   *partner;		/* [npartner] its member's number */
	int		   *lead;			/* [nlead] */
	int		   *partner_at;		/* [n] its number as a partner; -1: it is none */
	int		   *lead_at;		/* [n] */
} GroupProblem;

/*
 * The problem relaxed to one of pairs.  A node is a lead's places for partners of
 * one class; it has as many as a group needs.
 */
typedef struct GroupRelax
{
	int			nnode;
	int		   *node_lead;		/* [nnode] number among the leads */
	int		   *node_class;		/* [nnode] */
	int		   *capacity;		/* [nnode] */
	int64	   *share;			/* [npartner][nclass] least share of the peers' term, by the
								 * lead's class; GROUP_NO_COST: no such group */
} GroupRelax;

typedef struct GroupCosts
{
	const GroupProblem *problem;
	Scorer	   *scorer;
	int32	   *pair;			/* [npartner][nlead], or NULL */
	int32	   *peer;			/* [npartner (npartner - 1)/2], or NULL */
	GroupRelax	relax;
} GroupCosts;

/* Members of a group, the lead first, the partners in ascending order. */
typedef struct SchoolGroup
{
	int			member[GROUP_MAX_SIZE];
	int64		cost;
} SchoolGroup;

/* A solution. */
typedef struct Groups
{
	int			n;
	SchoolGroup *group;			/* [nlead], in no order */
	int		   *of;				/* [members] number of its group; -1: in none */
} Groups;

/*
 * Look-ups of costs so far.  All limits on time are set in these, so that the result
 * does not depend on how fast a machine is.
 */
typedef struct GroupBudget
{
	int64		used;
} GroupBudget;

/* Lagrangian multipliers, kept from one bound to the next. */
typedef struct GroupPrices
{
	double	   *price;			/* [n] of each member where the bound was best */
	int			nsuggested;		/* groups that the prices suggest, to start a search from */
	SchoolGroup *suggested;		/* [nlead] */
} GroupPrices;

/* costs.c */

/* Fill in what pairs and peers cost, where there is room for it. */
extern void group_keep_costs(GroupCosts *c);

/* Work out the cost of one pair, of two peers. */
extern int32 group_pair_find(const GroupCosts *c, int a, int lead, int64 limit);
extern int32 group_peer_find(const GroupCosts *c, int a, int b);

/* Units of partner a with this lead; GROUP_NONE: not allowed, or not below limit. */
static inline int32
group_pair(const GroupCosts *c, int a, int lead, int64 limit)
{
	int			i = c->problem->partner_at[a];
	int			j = c->problem->lead_at[lead];

	if (i < 0 || j < 0)
		return GROUP_NONE;
	return c->pair ? c->pair[(int64) i * c->problem->nlead + j] :
		group_pair_find(c, a, lead, limit);
}

/* Units of two partners side by side; GROUP_NONE: not allowed. */
static inline int32
group_peer(const GroupCosts *c, int a, int b)
{
	int64		i = c->problem->partner_at[a];
	int64		j = c->problem->partner_at[b];

	/* nobody is beside itself */
	if (i < 0 || j < 0 || i == j)
		return GROUP_NONE;
	if (c->peer == NULL)
		return group_peer_find(c, a, b);
	return c->peer[i > j ? i * (i - 1) / 2 + j : j * (j - 1) / 2 + i];
}

/* Count the different authorities among n members. */
extern int	group_authorities(const GroupProblem *p, const int *member, int n);

/*
 * Make the cheapest group of p->size members, whoever leads; false if there is none.
 * A lead number >= 0 is kept as the lead.
 */
extern bool group_make(const GroupCosts *c, GroupBudget *budget, const int *member, int lead,
					   SchoolGroup *out);

/* A solution without groups, with room for one for each lead. */
extern void groups_init(const GroupProblem *p, Groups *groups);

/* Put a group in place number g, which may be the next one. */
extern void groups_put(const GroupProblem *p, Groups *groups, int g, const SchoolGroup *group);

/* What all groups cost. */
extern int64 groups_cost(const Groups *groups);

/*
 * bound.c: the relaxation, a b-matching of partners with nodes.  Each pair's cost
 * has the partner's least possible share of the peers' term added.
 */
extern void group_relax(GroupCosts *c);

/* Solve it; places (NULL: one each) and capacity (NULL: relax.capacity) may be cut. */
extern void group_relax_solve(const GroupCosts *c, const int *places, const int *capacity,
							  int64 unpaired, AssignProblem *prob, AssignResult *result);

/* A price of staying unpaired by which no saving could make up for it. */
extern int64 group_unpaired(const GroupProblem *p);

/*
 * A bound that no ngroup groups cost less than; given the cost and the number of
 * pairs of a cheapest relaxed plan of as many pairs as there can be.
 */
extern int64 group_bound(const GroupCosts *c, int ngroup, int64 all_cost, int64 all_pairs);

/*
 * price.c: the same by Lagrangian multipliers, given what ngroup groups cost; 0
 * where costs are not kept (GROUP_KEEP), or pairs are all that there is.
 */
extern int64 group_price_bound(const GroupCosts *c, GroupBudget *budget, int ngroup, int64 found,
							   GroupPrices *prices);

/* build.c: groups from the relaxation; also returns what group_bound needs. */
extern void group_build(const GroupCosts *c, GroupBudget *budget, Groups *groups,
						int64 *all_cost, int64 *all_pairs);

/* Make groups out of the schools that are left, as far as ejection chains lead to any. */
extern bool group_complete(const GroupCosts *c, GroupBudget *budget, Groups *groups);

/* search.c: until no move makes more groups or cheaper ones. */
extern void group_search(const GroupCosts *c, GroupBudget *budget, Groups *groups);

/* reason.c: why a school that takes part is in no group. */
extern char *group_reason(const GroupCosts *c, const Groups *groups, int member);

#endif							/* SIPP_GROUP_H */
