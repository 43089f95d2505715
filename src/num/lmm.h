/*
 * lmm.h
 *		Two-level linear mixed model fitted from sufficient statistics.
 *
 *		y_j = X_j b + Z_j u_j + e_j,  u_j ~ N(0, sigma2 * Lambda Lambda'),
 *		e_ij ~ N(0, sigma2 / w_ij).
 *
 * Plain C, no PostgreSQL.  All memory is the caller's: one block of
 * lmm_workspace() bytes, so that an interrupt callback may longjmp out of a fit.
 * Source of the criterion: Bates, Maechler, Bolker, Walker (2015), J. Stat.
 * Softw. 67(1), section 3, rewritten on group means and cross-products.
 */
#ifndef SIPP_LMM_H
#define SIPP_LMM_H

#include <stdbool.h>
#include <stddef.h>

#define LMM_MAX_RANDOM 5		/* random terms: the intercept and 4 slopes */

/*
 * The data, reduced.  Column 0 of X is the intercept; column p of the augmented
 * matrix [X y] is the outcome.  Means are centred at the grand (weighted) mean
 * by the caller, so that calendar years cost no digits: mean[j][0] = 1 and
 * sum_j n_j mean[j][k] = 0 for k >= 1.  A column that varies by no more than
 * rounding of its own size must come as exact zeros in mean, within and zs: only
 * the caller knows that size, and here such noise would pass for a covariate.
 */
typedef struct LmmProblem
{
	int			J;				/* units with n_j > 0 */
	int			p;				/* columns of X, the intercept included */
	int			q;				/* random terms, 1..LMM_MAX_RANDOM; term 0 is the intercept */
	double		rows;			/* N, number of rows (not the sum of weights) */
	double		sum_log_w;		/* sum of log w over rows, 0 without weights */
	const double *n;			/* [J] sum of weights of the unit (its rows without weights) */
	const double *mean;			/* [J][p+1] centred means of (1, x, y) */
	const double *within;		/* [p+1][p+1] sum_j S_j, symmetric; row and column 0 are zero */
	const int  *zcol;			/* [q] column of X of each random term; zcol[0] = 0 */
	const double *zs;			/* [J][q-1][p+1] rows zcol[1..] of S_j; NULL if q = 1 */
	bool		reml;
	void		(*interrupt) (void);	/* called often; may longjmp; may be NULL */
} LmmProblem;

typedef enum LmmStatus
{
	LMM_OK = 0,
	LMM_TOO_FEW_UNITS,			/* J < 2 */
	LMM_NOT_IDENTIFIED,			/* units alone and alike: only the sum of both variances shows */
	LMM_TOO_FEW_ROWS,			/* N <= rank of X */
	LMM_NO_RESIDUAL,			/* X determines y within units */
	LMM_NOT_FINITE,				/* a statistic is not finite */
	LMM_NOT_CONVERGED,
	LMM_SATURATED,				/* X and Z have as many columns within units as there are rows */
	LMM_NO_PUPIL_VARIANCE		/* the likelihood is greatest at sigma2 = 0 */
} LmmStatus;

/* Everything in the centred coordinates of the problem. */
typedef struct LmmFit
{
	LmmStatus	status;
	int			rank;			/* columns of X not aliased */
	double	   *b;				/* [p], NaN where aliased */
	double	   *V;				/* [p][p] covariance of b, rows of aliased columns are 0 */
	bool	   *aliased;		/* [p] */
	double		sigma2;			/* pupil variance */
	double		Lambda[LMM_MAX_RANDOM * LMM_MAX_RANDOM];	/* [q][q] lower, diagonal >= 0 */
	double		D[LMM_MAX_RANDOM * LMM_MAX_RANDOM]; /* [q][q] sigma2 * Lambda Lambda' */
	double		deviance;		/* -2 log likelihood (ML) or -2 log restricted likelihood */
	double		null_deviance;	/* the same criterion with D = 0 */
	int			iterations;
	bool		singular;		/* D is on the boundary (a zero eigenvalue) */
	int			optima;			/* q = 1: local minima seen on the search grid; else 0 */
	double		free_rows;		/* rows less those that the random terms take up in
								 * their units (one a unit if q = 1) */
	bool		between_only;	/* X takes up all free rows: what tells sigma2 from D is
								 * only that units differ in n (or their X) */

	/*
	 * 95% profile-likelihood intervals.  Ends are 0, Infinity and 1 where the data
	 * set no bound (as with a column for each unit); NaN where q > 1 and the
	 * profile could not be followed.
	 */
	double		var_lo,
				var_hi;			/* of D[0] */
	double		icc_lo,
				icc_hi;			/* of D[0] / (D[0] + sigma2) */
} LmmFit;

/* One unit's random effects and their three kinds of variance. */
typedef struct LmmEffect
{
	double		u[LMM_MAX_RANDOM];	/* [q] */
	double		conditional[LMM_MAX_RANDOM * LMM_MAX_RANDOM];	/* [q][q] b known */
	double		comparative[LMM_MAX_RANDOM * LMM_MAX_RANDOM];	/* [q][q] var(u_hat - u), b estimated */
	double		diagnostic[LMM_MAX_RANDOM * LMM_MAX_RANDOM];	/* [q][q] var(u_hat) */
} LmmEffect;

/* Bytes that lmm_fit needs for a problem of this shape; 0 if it overflows size_t. */
extern size_t lmm_workspace(int J, int p, int q);

/*
 * Fit.  fit->b, V and aliased point into the workspace afterwards; the tail of
 * the workspace keeps what lmm_contrast_df needs, so keep it until then.
 */
extern LmmStatus lmm_fit(const LmmProblem *prob, LmmFit *fit, void *workspace);

/*
 * Criterion at a given Lambda (no search): fills fit->b, V, sigma2, D, deviance.
 * For tests at a peer's own optimum.
 */
extern LmmStatus lmm_evaluate(const LmmProblem *prob, const double *Lambda,
							  LmmFit *fit, void *workspace);

/*
 * Satterthwaite degrees of freedom of c'b (c: [p], centred coordinates), after
 * a fit.  rows - rank where the fit is singular.  NaN if c touches an aliased
 * column.
 */
extern double lmm_contrast_df(const LmmProblem *prob, const LmmFit *fit,
							  void *workspace, const double *c);

/* The pieces of a fit that the effect of a unit depends on. */
typedef struct LmmFitted
{
	int			p;				/* columns of X, the intercept included */
	int			q;				/* random terms */
	const int  *zcol;			/* [q] column of X of each; zcol[0] = 0 */
	const double *b;			/* [p] centred coordinates; aliased: NaN, or 0 with 0 in V */
	const double *V;			/* [p][p] covariance of b */
	double		sigma2;
	const double *Lambda;		/* [q][q] lower */
} LmmFitted;

/* One unit's data, in the columns of the fit. */
typedef struct LmmUnitData
{
	double		n;				/* sum of weights */
	const double *mean;			/* [p+1] centred means of (1, x, y) */
	const double *zs;			/* [q-1][p+1] its rows of the slope terms; NULL if q = 1 */
} LmmUnitData;

/*
 * Effect of one unit.  in_fit: the unit was among those fitted (changes the
 * diagnostic variance).  NaN effects where the data leave the range of float8.
 */
extern void lmm_effect(const LmmFitted *m, const LmmUnitData *unit, bool in_fit, LmmEffect *out);

#endif							/* SIPP_LMM_H */
