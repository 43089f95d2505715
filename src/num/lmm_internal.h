/*
 * lmm_internal.h
 *		What the files of the mixed model share.
 *
 * lmm_fit.c checks and reduces the problem, lmm_intercept.c and lmm_profile.c fit
 * one random term, lmm_slopes.c, lmm_newton.c and lmm_slopes_profile.c several;
 * lmm_crossing.c finds ends of intervals; lmm_effect.c needs none of this.
 */
#ifndef SIPP_LMM_INTERNAL_H
#define SIPP_LMM_INTERNAL_H

#include "linalg.h"
#include "lmm.h"

#define LMM_LOG_2PI 1.8378770664093454836

/* Entries of a lower triangle of order LMM_MAX_RANDOM. */
#define LMM_MAX_PARAMS (LMM_MAX_RANDOM * (LMM_MAX_RANDOM + 1) / 2)

/* A unit's sum of weights and its place in the caller's order. */
typedef struct LmmUnit
{
	double		n;
	int			index;
} LmmUnit;

/*
 * Units with the same n enter the random-intercept criterion through one sum
 * of outer products.  A group holds that sum (packed lower triangle) where it
 * is smaller than its units' vectors, otherwise the vectors.
 */
typedef struct LmmGroup
{
	double		n;
	int			count;
	bool		summed;
	size_t		start;			/* into LmmWork.data */
} LmmGroup;

/*
 * The state of a fit; it lies at the start of the workspace.  "Kept" columns
 * are those not aliased, k of them, packed together; the outcome is then column
 * k of k + 1.  The outcome is held as its residual from a reference coefficient
 * vector close to the solution: quadratic forms in it then do not cancel.
 */
typedef struct LmmWork
{
	int			J,
				p,
				q,
				k;
	int			params;			/* q (q + 1) / 2 */
	double		rows;
	double		df;				/* rows, less k under REML */
	double		sum_log_w;
	bool		reml;
	void		(*interrupt) (void);
	double		effort;			/* flops since the last interrupt call */
	bool		between_only;	/* as in LmmFit: the criterion stays finite as sigma2
								 * goes to 0, that is as lambda grows */
	double		lambda_end;		/* where it is flat then, else infinite */

	double	   *b;				/* [p] results, as in LmmFit */
	double	   *V;				/* [p][p] */
	bool	   *aliased;		/* [p + 1] */
	int		   *keep;			/* [p] original numbers of the kept columns */
	double	   *total;			/* [p+1][p+1] cross-products over all rows */
	double	   *ref;			/* [k] reference coefficients */
	double	   *within;			/* [k+1][k+1] part that does not depend on Lambda */

	/* scratch and products of the last evaluation */
	double	   *A,
			   *A1,
			   *A2;				/* [k+1][k+1]; packed in the intercept's code */
	double	   *L;				/* [k][k] factor of A */
	double	   *Ainv;			/* [k][k] */
	double	   *S;				/* [k+1][k+1] */
	double	   *delta;			/* [k+1] coefficients less the reference */
	double	   *v;				/* [k+1] */
	double	   *v1;				/* [k+1] */

	/* random intercept: units sorted by n, and their groups */
	LmmUnit    *unit;			/* [J] */
	LmmUnit    *unit_tmp;		/* [J] */
	LmmGroup   *group;			/* [J] */
	int			groups;
	double	   *data;			/* [J][k+1], or F below */

	/* random slopes: unit j is R_j [r][q] and F_j [r][k+1], r = rank[j] <= q */
	double	   *R;				/* [J][q][q] */
	double	   *F;				/* [J][q][k+1] */
	int		   *unit_rank;		/* [J] */
	double		zscale[LMM_MAX_RANDOM];
	bool		zconstant[LMM_MAX_RANDOM];	/* a slope on a constant: no variance */
	double	   *K;				/* [q][k+1] */
	double	   *Q;				/* [q][k] */
	double	   *outer;			/* [params][k][k] sums of Q_a' Q_b */
	double	   *outer_s;		/* [q][q][k] sums of Q_a' s_b */
	double	   *alpha;			/* [params][k] */

	/* for lmm_contrast_df: whitened derivatives of A and the covariance of (theta, sigma2) */
	double	   *dA;				/* [params][k][k] */
	double	   *cov;			/* [params+1][params+1] */
} LmmWork;

/* The random-intercept criterion and its derivatives by lambda. */
typedef struct LmmPoint
{
	double		lambda;
	double		h,
				h1,
				h2;				/* sum log(1 + lambda n_j) [+ log |A|] */
	double		r2,
				r2_1,
				r2_2;			/* residual quadratic form */
	double		deviance;		/* profiled over sigma2 */
	double		g,
				H;				/* its derivatives by lambda */
	double		noise;			/* g is known to about this */
} LmmPoint;

/* The random-slopes criterion and its derivatives by theta. */
typedef struct LmmSlopesPoint
{
	double		theta[LMM_MAX_PARAMS];	/* Lambda by rows of its lower triangle */
	double		variance;		/* D[0], held fast; 0: free, and sigma2 = r2 / df */
	double		deviance;
	double		sigma2;
	double		r2;
	double		G[LMM_MAX_RANDOM * LMM_MAX_RANDOM]; /* half the derivative by Psi */
	double		rho[LMM_MAX_PARAMS];	/* r2's derivative / r2 */
	double		gradient[LMM_MAX_PARAMS];
	double		H[LMM_MAX_PARAMS * LMM_MAX_PARAMS];
} LmmSlopesPoint;

/*
 * A function of x to be brought to zero, and its slope; false where it cannot be
 * had in floating point.
 */
typedef struct LmmCrossing
{
	LmmWork    *w;
	double		target;			/* deviance at the end of the interval */
	double		precision;		/* of x, relative where it is above 1 */
	bool		(*at) (struct LmmCrossing *c, double x, double *f, double *slope);
	double		t;				/* intercept: log lambda of the last inner minimum */
	LmmSlopesPoint *point;		/* slopes: the last inner minimum */
} LmmCrossing;

/* Count work done; call the caller's interrupt function every few milliseconds. */
static inline void
lmm_tick(LmmWork *w, double flops)
{
	w->effort += flops;
	if (w->effort > 4e6)
	{
		w->effort = 0;
		if (w->interrupt)
			w->interrupt();
	}
}

/* lmm_work.c */
extern LmmWork *lmm_start(const LmmProblem *prob, LmmFit *fit, void *workspace);
extern void lmm_rebase_within(const LmmProblem *prob, LmmWork *w);
extern void lmm_finish(LmmWork *w, LmmFit *fit, double sigma2);

/* lmm_intercept.c */
extern void lmm_intercept_build(const LmmProblem *prob, LmmWork *w);
extern void lmm_intercept_sort(const LmmProblem *prob, LmmWork *w);
extern void lmm_intercept_rebase(const LmmProblem *prob, LmmWork *w);
extern LmmStatus lmm_intercept_identified(LmmWork *w);
extern bool lmm_intercept_at(LmmWork *w, double lambda, int order, LmmPoint *pt);
extern LmmStatus lmm_intercept_search(const LmmProblem *prob, LmmWork *w,
									  LmmFit *fit, LmmPoint *best);
extern void lmm_intercept_store(LmmWork *w, LmmFit *fit, const LmmPoint *pt);

/* lmm_crossing.c */
extern bool lmm_find_crossing(LmmCrossing *c, double x, double step, double *root);

/* lmm_profile.c */
#define LMM_CHISQ1_95 3.841458820694124
extern LmmStatus lmm_profile(LmmWork *w, LmmFit *fit, const LmmPoint *best);

/* lmm_slopes.c */
extern LmmStatus lmm_slopes_build(const LmmProblem *prob, LmmWork *w, LmmFit *fit);
extern void lmm_slopes_rebase(LmmWork *w);
extern bool lmm_slopes_at(LmmWork *w, int order, LmmSlopesPoint *pt);
extern void lmm_slopes_store(LmmWork *w, LmmFit *fit, const LmmSlopesPoint *pt);

/* lmm_newton.c */
extern LmmStatus lmm_slopes_search(LmmWork *w, double lambda, LmmFit *fit,
								   LmmSlopesPoint *best);
extern bool lmm_slopes_minimise(LmmWork *w, bool fixed, double enough, LmmSlopesPoint *pt,
								int *iterations);

/* lmm_slopes_profile.c */
extern void lmm_slopes_profile(LmmWork *w, LmmFit *fit, const LmmSlopesPoint *best);

#endif							/* SIPP_LMM_INTERNAL_H */
