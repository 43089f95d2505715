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
 * group.c reads the arguments and writes the rows, group_cost.c prices, group_bound.c
 * relaxes the problem to one of pairs, group_price.c sharpens its bound, group_build.c makes the first groups out of
 * that, group_search.c improves them, group_reason.c says why a school is in none.
 */
#ifndef SIPP_GROUP_H
#define SIPP_GROUP_H

#include "score/score.h"

#include "num/assign.h"

#define GROUP_MIN_SIZE	2
#define GROUP_MAX_SIZE	20
#define GROUP_UNITS		1e5		/* costs are whole numbers: round(GROUP_UNITS * loss) */
#define GROUP_NONE		PG_INT32_MAX	/* the two may not be together like that */
#define GROUP_NO_COST	PG_INT64_MAX	/* these are no group */

/*
 * Costs of pairs and of peers are kept where there are at most so many of
 * either; beyond that they are worked out each time.  That bounds memory: 4 bytes
 * each, twice, and 24 for each of GROUP_OFFERS partners of a lead (group_price.c),
 * of which there are no more than pairs: 128 + 400 MB at most.
 */
#define GROUP_KEEP		(INT64CONST(1) << 24)

/* Partners, leads and peers that are near a member: so many of each. */
#define GROUP_NEAR		12

typedef struct Near
{
	int			n;
	int32		key[GROUP_NEAR];	/* ascending */
	int			who[GROUP_NEAR];
} Near;

enum
{
	NEAR_LEADS,
	NEAR_PARTNERS,
	NEAR_PEERS,
	NEAR_KINDS
};

/*
 * The problem as one of pairs.  A node is a lead's places for partners of one
 * class; it has as many as a group needs.
 */
typedef struct GroupRelax
{
	int			nnode;
	int		   *node_lead;		/* [nnode] number among the leads */
	int		   *node_class;
	int		   *capacity;
	int64	   *share;			/* [npartner][nclass] least share of the peers' term, by the
								 * lead's class; GROUP_NO_COST: no such group */
} GroupRelax;

/* Members of a group, the lead first, the partners in ascending order. */
typedef struct SchoolGroup
{
	int			member[GROUP_MAX_SIZE];
	int64		cost;
} SchoolGroup;

typedef struct GroupWork
{
	const Schools *schools;
	const Scale *scale;
	Scorer	   *scorer;
	ScoreOptions options;
	int			size;
	int			places;			/* t */
	int			min_authorities;
	bool		mixed;			/* there is a composition */
	int			nclass;			/* its sectors; 1 without */
	char	  **class_name;		/* [nclass] */
	int		   *class_need;		/* [nclass] schools of each in a group */
	int64		pair_weight;	/* 2 t (t - 1); 1 for t = 1 */

	/* schools that take part, by number of school; so by id */
	uint32	   *lacks;			/* [schools] why it cannot, as a mask of SchoolLack; 0: it can */
	int			n;
	int		   *school;			/* [n] */
	int		   *class_of;
	int		   *authority;
	int			npartner;
	int			nlead;
	int		   *partner;		/* [npartner] its member's number */
	int		   *lead;			/* [nlead] */
	int		   *partner_at;		/* [n] its number as a partner; -1: it is none */
	int		   *lead_at;
	int32	   *pair;			/* [npartner][nlead], or NULL */
	int32	   *peer;			/* [npartner (npartner - 1)/2], or NULL */
	Near	   *near;			/* [n][NEAR_KINDS] */
	GroupRelax	relax;

	/* the groups */
	int			ngroup;
	SchoolGroup	   *group;			/* [nlead], in no order */
	int		   *group_of;		/* [n] -1: in none */
	double	   *top_price;		/* [n] of group_price.c, where its bound was best */
	int			nsuggested;		/* groups that prices suggest, to start from */
	SchoolGroup *suggested;		/* [nlead] */
	int64		work;			/* look-ups of costs so far */
} GroupWork;

/*
 * group_cost.c
 */

/* Keep what pairs and peers cost, if there is room. */
extern void group_keep_costs(GroupWork *w);

/* Work it out. */
extern int32 group_pair_find(const GroupWork *w, int a, int lead, int64 limit);
extern int32 group_peer_find(const GroupWork *w, int a, int b);

/* Units of partner a with this lead; GROUP_NONE: not allowed, or not below limit. */
static inline int32
group_pair(const GroupWork *w, int a, int lead, int64 limit)
{
	int			i = w->partner_at[a];
	int			j = w->lead_at[lead];

	if (i < 0 || j < 0)
		return GROUP_NONE;
	return w->pair ? w->pair[(int64) i * w->nlead + j] : group_pair_find(w, a, lead, limit);
}

/* Units of two partners side by side; GROUP_NONE: not allowed. */
static inline int32
group_peer(const GroupWork *w, int a, int b)
{
	int64		i = w->partner_at[a];
	int64		j = w->partner_at[b];

	/* nobody is beside itself */
	if (i < 0 || j < 0 || i == j)
		return GROUP_NONE;
	if (w->peer == NULL)
		return group_peer_find(w, a, b);
	return w->peer[i > j ? i * (i - 1) / 2 + j : j * (j - 1) / 2 + i];
}

/* Different authorities among n members. */
extern int	group_authorities(const GroupWork *w, const int *member, int n);

/*
 * The cheapest group of w->size members, whoever leads; false if there is none.
 * A lead number >= 0 is kept as the lead.
 */
extern bool group_make(GroupWork *w, const int *member, int lead, SchoolGroup *out);

/* Put a group in place number g, which may be the next one. */
extern void group_put(GroupWork *w, int g, const SchoolGroup *group);

/*
 * group_bound.c: the relaxation, a b-matching of partners with nodes.  Each
 * pair's cost has the partner's least possible share of the peers' term added.
 */
extern void group_relax(GroupWork *w);

/* Solve it; places (NULL: one each) and capacity (NULL: relax.capacity) may be cut. */
extern void group_relax_solve(GroupWork *w, const int *places, const int *capacity,
							  int64 unpaired, AssignProblem *prob, AssignResult *result);

/* A price of staying unpaired by which no saving could make up for it. */
extern int64 group_unpaired(const GroupWork *w);

/*
 * No w->ngroup groups cost less; given the cost and the number of pairs of a
 * cheapest relaxed plan of as many pairs as there can be.
 */
extern int64 group_bound(GroupWork *w, int64 all_cost, int64 all_pairs);

/*
 * group_price.c: the same from prices of schools, given what the groups cost; 0
 * where costs are not kept (GROUP_KEEP), or pairs are all that there is.
 */
extern int64 group_price_bound(GroupWork *w, int64 found);

/* group_build.c: groups from the relaxation; also returns what group_bound needs. */
extern void group_build(GroupWork *w, int64 *all_cost, int64 *all_pairs);

/* Groups out of the schools that are left, as far as chains of moves lead to any. */
extern bool group_complete(GroupWork *w);

/* group_search.c: until no move makes more groups or cheaper ones. */
extern void group_search(GroupWork *w);

/* group_reason.c: why a school that takes part is in no group. */
extern char *group_reason(const GroupWork *w, int member);

#endif							/* SIPP_GROUP_H */
