/*
 * adjust.h
 *		Deprivation-adjusted attainment: the fitted model and what is read from it.
 *
 *	gather.c	the aggregates sipp.value_added and sipp.value_added_ml
 *	fit.c		from cohorts to a fitted model
 *	fit_error.c	why data cannot be fitted
 *	model.c		the stored type sipp.model
 *	modelio.c	its text and binary forms
 *	effect.c	one school under a model
 *	unseen.c	without the pupils whose level the model has not seen
 *	group.c		groups of schools
 *	report.c	coefficients, tests, summary, school-level covariance
 *	predict.c	the fixed part for one pupil
 *	compare.c	two models
 */
#ifndef SIPP_ADJUST_H
#define SIPP_ADJUST_H

#include "cohort/cohort.h"
#include "base/row.h"
#include "num/lmm.h"

#include "funcapi.h"

/* Named limit: columns with a random slope; stated in the README. */
#define SIPP_MAX_SLOPES (LMM_MAX_RANDOM - 1)

/* Below this number of schools the summary carries a notice. */
#define SIPP_FEW_SCHOOLS 20

/*
 * A fitted model.  Everything is in centred coordinates: column k of X is taken
 * about mu[k], the pupil-weighted national mean, so that a calendar year among
 * the covariates costs no digits.  As a welcome consequence the random intercept
 * is the school's effect at the national means of its slope terms, zbar'u.
 */
typedef struct SippModel
{
	bool		reml;
	bool		singular;		/* D on its boundary */
	SippFrame  *frame;			/* terms; each factor's reference is set */
	int			p;				/* columns of X, the intercept included */
	int			rank;			/* of them not aliased */
	int			q;				/* random terms, the intercept included */
	int		   *zcol;			/* [q] column of X of each; zcol[0] = 0 */

	int64		schools;		/* cohorts fitted */
	int64		empty;			/* cohorts left out: no complete row */
	int64		pupils;			/* complete rows */
	int64		dropped;		/* rows left out for a NULL */
	double		weight;			/* sum of weights; = pupils without weights */
	double		outcome_ss;		/* weighted sum of squares of y about mu[p] */

	double	   *mu;				/* [p+1] means of (1, x.., y), with mu[0] = 0 */
	double	   *b;				/* [p] 0 where aliased */
	double	   *V;				/* [p][p] covariance of b; 0 where aliased */
	bool	   *aliased;		/* [p] */
	double	   *df;				/* [p] Satterthwaite, of the coefficients as reported
								 * (not centred); NaN where there are none */
	int			between;		/* unaliased columns constant within every school */

	double		sigma2;			/* pupil variance */
	double		Lambda[LMM_MAX_RANDOM * LMM_MAX_RANDOM];	/* [q][q] lower */
	double		D[LMM_MAX_RANDOM * LMM_MAX_RANDOM]; /* [q][q] sigma2 Lambda Lambda' */
	double		deviance;
	double		null_deviance;	/* the same criterion with D = 0 */
	double		var_lo,			/* 95% profile-likelihood limits of D[0] */
				var_hi;
	double		icc_lo,			/* and of D[0] / (D[0] + sigma2); NaN if none */
				icc_hi;
	int			iterations;
	int			optima;			/* local optima seen on the search grid */
	char	   *notice;			/* what a reader should know, or NULL */
} SippModel;

/*
 * The model of a function's earlier call.  A national query passes the same
 * model with each school; it is detoasted and unpacked once.
 */
typedef struct ModelCache
{
	MemoryContext cxt;
	char	   *raw;			/* the datum's own bytes, a toast pointer's if toasted */
	Size		rawlen;
	SippModel  *model;			/* NULL: nothing cached */
	uint64		loads;			/* how often it changed */
} ModelCache;

/* model.c */
extern SippModel *model_unpack(struct varlena *datum);
extern struct varlena *model_pack(SippModel *m);
extern SippModel *model_getarg(Datum d);
extern SippModel *model_cached(ModelCache *cache, MemoryContext parent, Datum d);
extern bool model_shape(SippModel *m, Node *escontext);
extern void model_allocate(SippModel *m);
extern void model_derive(SippModel *m);
extern bool model_settle(SippModel *m, Node *escontext);
extern double model_df(const SippModel *m);
extern const char *model_singular(const SippModel *m);
extern double model_intercept_variance(const SippModel *m);
extern void model_slope_shift(const SippModel *m, double *shift);
extern char *model_column_label(const SippFrame *f, int col);
extern const char *model_column_term(const SippFrame *f, int col);
extern const char *model_column_level(const SippFrame *f, int col);

/* fit.c */
typedef struct FitInput
{
	const char *function;		/* for messages */
	bool		reml;
	int64		nulls;			/* cohorts that were NULL */
	int64		ncohort;
	struct varlena **cohort;	/* [ncohort] packed, in the order to fit them in;
								 * the empty ones are taken out of it */
	int			nslope;
	char	  **slope;			/* [nslope] names of terms */
} FitInput;

extern SippModel *fit_model(FitInput *in);
extern void fit_interrupt(void);

/* fit_error.c */
extern void fit_error(const FitInput *in, const SippModel *m, const LmmProblem *prob,
					  const LmmFit *fit, LmmStatus status);

/* report.c */
extern double wald_chisq(const SippModel *m, int n, const int *col);
extern double model_aic(const SippModel *m);
extern int	model_parameters(const SippModel *m);

#endif							/* SIPP_ADJUST_H */
