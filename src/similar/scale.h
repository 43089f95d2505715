/*
 * scale.h
 *		How schools' circumstances are made comparable: the yardsticks of a nation.
 *
 * d^2(i, j) = sum over variables w_v ((x_iv - x_jv)/s_v)^2 + w_p (W(i, j)/s_W)^2,
 * the weights adding to 1; s_v = IQR/1.349, else the SD, else the variable is
 * constant and contributes 0; W = Wasserstein-1 distance of the deprivation
 * profiles, s_W = median over schools of W(school, mean profile)/.6745, else the
 * root mean square of these, else 0.  A spread that is nothing but rounding
 * (SCALE_NOISE) is no spread.
 *
 * A profile is a distribution over the ranked population, uniform within a band,
 * so W = integral of |F_i - F_j| over (0, 1): on a band of width 1/bands with
 * differences a and b at its ends it is (|a| + |b|)/2 where they have the same
 * sign and (a^2 + b^2)/(2 (|a| + |b|)) where they cross.  Cutting every band
 * in two equal halves changes nothing.
 *
 * Similarity S = 2^-(d/d10)^2, d10 = median over schools of the distance to the
 * min(10, J - 1)-th nearest.  d10 = 0: S = 1 where d = 0, otherwise its loss is
 * the cap.  All over schools with complete context, of all roles, within a sector
 * unless sectors are pooled; a school of unknown sector counts only where they are.
 * Schools of a sector of which there is one have no d10.
 *
 * A school that lacks some of its context's numbers is compared on what both schools
 * have: a variable that one lacks leaves its weight to the others in proportion,
 * d^2 = (sum of all weights/sum of those of K) sum over K, where K are the variables known
 * of both and weights are those of variables with a spread; nothing is known of d where
 * none is left.  Such a school is nobody's yardstick, and needs those of at least two
 * complete ones.  The profile is known as a whole or the school has no distance.
 */
#ifndef SIPP_SCALE_H
#define SIPP_SCALE_H

#include "school/school.h"

#include "utils/jsonb.h"

#define SCALE_VERSION		1
#define SCALE_PROFILE_NAME	"deprivation"	/* the profile among the variables' names */
#define SCALE_NEIGHBOUR		10	/* d10 */

/*
 * A spread below SCALE_NOISE of the values themselves (for W: of the whole
 * population) is rounding.  One below SCALE_MIN_SPREAD would make distances
 * overflow.  Both count as no spread.
 */
#define SCALE_NOISE			1e-12
#define SCALE_MIN_SPREAD	1e-80

#define SCALE_MAX_NOTICES	6
#define SCALE_FEW			20	/* schools, below which a notice says so */

typedef struct SectorScale
{
	char	   *sector;			/* NULL where sectors are pooled */
	int			schools;		/* with complete context: the scale is made of them */
	double	   *scale;			/* [nvar] s_v; 0: constant */
	double		profile_scale;	/* s_W; 0: constant; NaN without profiles */
	double		tenth;			/* d10; NaN where there is none */
	double		target_gap;		/* sqrt(var(effect) + mean(effect_se^2)), var with divisor n - 1,
								 * over schools with both; NaN below two */
	double	   *subject_target; /* [nsubject] the same of each subject */
} SectorScale;

typedef struct Scale
{
	bool		pooled;
	int			nvar;
	char	  **name;
	double	   *weight;			/* [nvar]; with profile_weight they add to 1 (to 0 where there is
								 * nothing to weigh) */
	bool		has_profile;
	double		profile_weight;
	int			nband;
	int			nsubject;
	char	  **subject_name;
	int			nsector;		/* every known one, also without complete schools */
	SectorScale *sector;		/* sorted by name's bytes */
	int			nnotice;
	char	   *notice[SCALE_MAX_NOTICES];	/* what to be careful about, a sentence each */
} Scale;

/*
 * weights: NULL, or an object of variable name (and "deprivation") to weight >= 0;
 * those not named have 1; then they are made to add to 1.  Unknown names, negative
 * or all-zero weights are errors that name argument "context_weights".  Keeps
 * pointers to the names in s.
 */
extern Scale *scale_make(const Schools *s, Jsonb *weights, bool pooled, const char *func);
extern const SectorScale *scale_sector(const Scale *scale, const char *sector); /* NULL: none */

/* Put sectors in the order that scale_sector needs. */
extern void scale_sort_sectors(Scale *scale);

/* S of a distance; 1 at 0 also where d10 is 0; NaN where there is no d10 */
extern double scale_similarity(double distance, double tenth);

/* Report a scale's notices to the client, as of a function. */
extern void scale_report(const Scale *scale, const char *func);

/*
 * Add to a notice of sectors that rest on few schools one more, if so many are few;
 * name is NULL where they are pooled.
 */
extern void scale_add_few(StringInfo text, int *few, const char *name, int schools);

/* That notice, or NULL if no sector was added. */
extern char *scale_few_notice(const StringInfo text, int few);

/* Argument "sector" of a function: true for 'any', false for 'same', else an error. */
extern bool scale_pooled_arg(FunctionCallInfo fcinfo, int arg, const char *func);

/* percentile_cont of n >= 1 finite numbers, which it sorts */
extern double scale_percentile(double *v, int n, double fraction);
extern double mean_of(const double *v, int n);
extern double squares_about_mean(const double *v, int n);
extern double real_spread(double spread, double size);

/* scale_json.c */
extern Jsonb *scale_to_jsonb(const Scale *scale);
extern Scale *scale_from_jsonb(Jsonb *doc); /* everything checked; errors name argument "scale" */

#define POINTS_WORDS 2			/* of bits, one for each of SCHOOL_MAX_CONTEXT variables */

/*
 * Schools' coordinates under a scale, for fast distances: d^2 is the sum over
 * variables of t_v^2, t = factor * (x - y), plus (profile_factor * W)^2.  The
 * difference is taken before scaling, so that schools equally far apart in the
 * data are equally far apart here, to the last bit: ties are ties.
 */
typedef struct Points
{
	int			n;
	int			nvar;
	double	   *value;			/* [n][nvar] x_v, 0 where it is lacking; NaN rows where there
								 * is no unit */
	uint64		(*lacks)[POINTS_WORDS]; /* [n] variables that are not known, as bits; NULL:
										 * nobody lacks any, as in Mahalanobis metrics */
	int		   *unit;			/* [n] whose yardsticks: index of a SectorScale; -1 where nothing
								 * can be compared or the sector has no scale */
	int			nunit;
	double	   *factor;			/* [nunit][nvar] sqrt(w_v)/s_v; 0: constant */
	double	   *weight;			/* [nvar] w_v, where somebody lacks something */
	double		profile_weight;
	int			nband;			/* 0: no profiles */
	double	   *cumulative;		/* [n][nband - 1] F at the inner band edges */
	double	   *position;		/* [n] mean of the profile, in (0, 1): |difference| <= W */
	double	   *profile_factor; /* [n] sqrt(w_p)/s_W of the school's sector */
	double	   *tenth;			/* [n] d10 of the school's sector */

	/* Mahalanobis metrics only (metric.c): the sum is over (whitening t)_v^2 */
	double	   *whitening;		/* [nvar][nvar], or NULL */
	double	   *whitened;		/* [n][nvar] whitening (factor * (x - the unit's mean)) */
	double	   *slack;			/* [nvar] what rounding can make of differences of these */
} Points;

/* An error that names argument "scale" where the schools' variables are not the scale's. */
extern Points *points_make(const Schools *s, const Scale *scale);

/* Does either of two schools lack a variable that the distance has to do without? */
extern bool points_are_partial(const Points *p, int i, int j);

/* F at a profile's inner band edges (f may be NULL); returns its mean position. */
extern double profile_cumulate(const double *share, int nband, double *f);

/* W of two profiles given by F at their inner band edges. */
extern double profile_distance(const double *f, const double *g, int nband);

/*
 * d^2; may stop and return a value > limit as soon as d^2 is known to be > limit.
 * NaN unless both are under the same yardsticks and have something in common.
 */
extern double points_distance(const Points *p, int i, int j, double limit);

/* Its parts: variables (0 where one lacks it), then the profile where there is one;
 * returns d^2, which must be known. */
extern double points_parts(const Points *p, int i, int j, double *part);

/*
 * nearest.c: search among the schools of one unit.  Neighbours are ordered by
 * (distance, index): equally near schools come by their ids' bytes.
 */
typedef struct Neighbour
{
	double		distance;
	int			school;
} Neighbour;

typedef struct PointTree PointTree;

/* Schools by unit: list[start[u]] .. list[start[u + 1] - 1], in order. */
extern int *points_by_unit(const Points *p, int **start);

/*
 * Plant a tree of n >= 1 schools of one unit that lack the same variables.  Where
 * group is not NULL, schools of the same group are not each other's neighbours, nor
 * is one of unknown group (< 0) anyone's.
 * Keeps pointers to the points and the groups.
 */
extern PointTree *points_tree(const Points *p, const int *school, int n, const int *group);
extern void points_tree_free(PointTree *t);

/*
 * The k nearest schools other than i in so many trees, which must be of its unit; out has
 * room for k.  Returns how many there are, at most k.
 */
extern int	points_nearest(PointTree *const *tree, int ntree, int i, int k, Neighbour *out);

/*
 * Work out d10 of each unit, from schools that lack nothing, NaN where there is none;
 * it is filled into p->tenth as well.
 */
extern void points_tenth(Points *p, double *tenth);

/*
 * metric.c: the schools under a Mahalanobis metric, as points without profiles
 * whose variables are the context and, last, the profile's mean position; tenth
 * is filled in.  The sum of their squared differences is (x - y)' S^-1 (x - y), S
 * the pooled covariance within sectors; or Rosenbaum's of ranks.  *name gets the
 * variables' names, *aliased those that do not count, NULL if all do.
 */
extern Points *metric_points(const Schools *s, bool pooled, bool ranks, char ***name,
							 char **aliased);

#endif							/* SIPP_SCALE_H */
