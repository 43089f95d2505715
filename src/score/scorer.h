/*
 * scorer.h
 *		What a scorer holds: made by scorer.c, identical.c and bounds.c, used by
 *		score.c.
 */
#ifndef SIPP_SCORER_H
#define SIPP_SCORER_H

#include "score/score.h"

/* Bounds are drawn so much too wide, relative and absolute; rounding is far less. */
#define MARGIN		1e-9
#define TINY		1e-300		/* where products of what is left lose their digits */

#define RADIAN		(M_PI / 180)

/* Which of the parts that can be missing are there. */
#define HAS_COMPLEMENTARITY 1
#define HAS_TRAVEL	2

/* Of a school: what decides most pairs, close together. */
typedef struct Site
{
	bool		partner;		/* could be one of some pair: by its role and all that
								 * the rules need of its own data */
	bool		lead;
	bool		located;
	bool		excludes;		/* somebody, or is excluded */
	int			sector;			/* one for all where sectors are pooled */
	int			cluster;		/* no other's where it is not known */
	int			authority;		/* the same; nor where it makes no difference */
	double		effect;
	double		variance;		/* of the effect */
	double		point[3];		/* on the unit sphere */
	int			slot;			/* among leads, -1: is none */
	int			kind;			/* of schools with the same numbers; of its own: < 0 */
} Site;

/* Of a school: the rest. */
typedef struct SiteMore
{
	bool		eligible;		/* by its own data, whatever the rules */
	double		cos_lat;
	int			target;			/* index of its sector in the scale, -1: none */
	uint64		known[2];		/* subjects with effect and standard error */
	uint64		need[2];		/* those of them in which it is below 0 */
} SiteMore;

/*
 * What is known of the cost of one kind of partner with one kind of lead, codes
 * and exclusions apart.
 */
typedef struct KnownCost
{
	int			partner;		/* kind of the last partner */
	double		cost;			/* INFINITY if only the bound below is known */
	double		least;			/* lower bound on the cost */
} KnownCost;

/* Lower bounds of one partner's d^2, by slot; see bounds.c. */
typedef struct Sheet
{
	int			n;				/* leads, and what fills the last block up */
	int			nvar;			/* variables looked at */
	double	   *column;			/* [nvar + 1][n] values, positions */
	double	   *least;			/* [n] */
	int			npartial;		/* leads that lack some circumstances: no bound is known */
	int		   *partial;		/* [npartial] their slots */
	int			partner;		/* whose it is, or will be once it was asked for */
	int			asked;			/* so many leads */
	int			worth;			/* from so many on */
	int		   *slot;			/* [schools] as in Site, but close together; -1: none */

	/*
	 * Once it is filled: above quick_slope * limit + quick_offset the part for
	 * similarity alone takes any pair of this partner to the limit, as long as that is
	 * below quick_limit.
	 */
	int			quick_partner;	/* -1: none */
	double		quick_limit;
	double		quick_slope;
	double		quick_offset;

	/* bounds that a limit comes to, as last worked out */
	int			limit_partner;
	int			limit_there;
	double		limit;
	double		enough;
	double		d2_limit;
} Sheet;

struct Scorer
{
	const Schools *schools;
	const Scale *scale;
	ScoreOptions o;
	Points	   *points;
	Site	   *site;
	SiteMore   *more;
	KnownCost  *known;			/* by the lead's kind */
	Sheet		sheet;
	uint64		(*target)[2];	/* [scale->nsector] subjects with a target */
	double		weight[4][SCORE_PARTS]; /* by what is there */
	bool		weighs[4];		/* is any of these above 0? */

	/* bounds, on the safe side */
	double		z_above;		/* z above which P(lead better) suffices */
	double		z_below;		/* z below which it does not */
	bool		better;			/* the lead has to be better at all, and */
	double		z2_below;		/* below this z^2 it is not enough */
	double		chord2_above;	/* squared chord above which max_km is passed */
	double		ratio2_above;	/* (d/d10)^2 above which likeness is too low */
	double		parts_above;	/* sum of the parts' losses above which the score is */
};

/* identical.c: give schools their kinds; the rest of the scorer is there. */
extern void scorer_find_alike(Scorer *sc);

/* bounds.c: give leads their slots; bounds of one partner with all of them. */
extern void scorer_make_sheet(Scorer *sc);
extern void scorer_fill_sheet(const Scorer *sc, int partner);

#endif							/* SIPP_SCORER_H */
