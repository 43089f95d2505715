/*
 * lmm_fit.c
 *		Two-level linear mixed model: checks, the choice of the kind of fit, and
 *		what follows it.
 */
#include "lmm_internal.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/*
 * Cross-products over all rows, between units included.  A sum that is not
 * finite betrays any statistic that is not, so this is the finiteness check too.
 */
static bool
sum_total(const LmmProblem *prob, LmmWork *w)
{
	size_t		p1 = (size_t) prob->p + 1;
	double		check = prob->rows + prob->sum_log_w;

	memcpy(w->total, prob->within, sizeof(double) * p1 * p1);
	for (size_t j = 0; j < (size_t) prob->J; j++)
	{
		const double *m = prob->mean + j * p1;
		double		n = prob->n[j];

		if (!(n > 0))
			return false;
		for (size_t a = 0; a < p1; a++)
		{
			double		f = n * m[a];
			double	   *row = w->total + a * p1;

			for (size_t b = 0; b <= a; b++)
				row[b] += f * m[b];
		}
		lmm_tick(w, (double) (p1 * p1));
	}
	for (size_t a = 0; a < p1; a++)
		for (size_t b = 0; b <= a; b++)
			check += fabs(w->total[a * p1 + b]);
	if (prob->q > 1)
		for (size_t i = 0; i < (size_t) prob->J * (size_t) (prob->q - 1) * p1; i++)
			check += fabs(prob->zs[i]);
	return isfinite(check);
}

/*
 * Decide aliasing, once and for all, on the cross-products over all rows, and
 * take ordinary least squares as the first reference.
 */
static void
alias_columns(const LmmProblem *prob, LmmWork *w)
{
	int			p1 = w->p + 1;
	double	   *L = w->A;

	linalg_chol_alias(p1, w->total, LINALG_ALIAS_TOLERANCE, NULL, L, w->aliased, w->interrupt);
	w->k = 0;
	for (int i = 0; i < w->p; i++)
		if (!w->aliased[i])
			w->keep[w->k++] = i;

	for (int i = 0; i < w->k; i++)
		for (int j = 0; j <= i; j++)
			w->S[i * w->k + j] = w->total[w->keep[i] * p1 + w->keep[j]];
	for (int i = 0; i < w->k; i++)
		w->ref[i] = w->total[w->p * p1 + w->keep[i]];
	if (w->k > 0 && linalg_chol_large(w->k, w->S, w->L, w->interrupt))
	{
		linalg_solve_lower(w->k, w->L, w->ref);
		linalg_solve_upper(w->k, w->L, w->ref);
	}
	lmm_rebase_within(prob, w);
}

/*
 * What X leaves within units.  Where rows are left and nothing of the outcome,
 * the likelihood grows without bound as sigma2 goes to 0.  Roundoff in the
 * cross-products of a perfect fit is of the order of 1e-15 of the outcome's
 * own; a unit-level outcome leaves roundoff squared, next to its total.
 *
 * Where no row is left, as with a single row a unit, sigma2 shows only between
 * units: in that means of large n vary less than those of small n.  Under REML
 * the criterion then has a finite limit as sigma2 goes to 0; under ML only if
 * there is no row but one a unit, since those that X takes up count in N.
 */
static LmmStatus
check_within(const LmmProblem *prob, LmmWork *w, LmmFit *fit)
{
	int			k = w->k;
	int			n1 = k + 1;
	size_t		p1 = (size_t) w->p + 1;
	double		own = prob->within[p1 * p1 - 1];
	double		left = w->within[(size_t) n1 * n1 - 1];
	double	   *floor = w->v;
	double	   *z = w->delta;
	bool	   *out = (bool *) w->v1;
	int			rank;

	for (int i = 0; i < k; i++)
	{
		/* what a column constant within units may leave behind */
		floor[i] = 1e-20 * w->total[(size_t) w->keep[i] * p1 + (size_t) w->keep[i]];
		memcpy(w->S + (size_t) i * k, w->within + (size_t) i * n1, sizeof(double) * (size_t) k);
	}
	rank = linalg_chol_alias(k, w->S, LINALG_ALIAS_TOLERANCE, floor, w->L, out, w->interrupt);
	fit->free_rows = w->rows - w->J;
	if (fit->free_rows <= rank)
	{
		if (w->q > 1 || (!w->reml && fit->free_rows > 0))
			return LMM_SATURATED;
		w->between_only = fit->between_only = true;
		return LMM_OK;
	}
	for (int i = 0; i < k; i++)
	{
		const double *Li = w->L + (size_t) i * k;

		z[i] = out[i] ? 0 : (w->within[(size_t) i * n1 + k] - linalg_dot(i, Li, z)) / Li[i];
		left -= z[i] * z[i];
	}
	if (!(own > 1e-26 * w->total[p1 * p1 - 1]) || !(left > 1e-13 * own))
		return LMM_NO_RESIDUAL;
	return LMM_OK;
}

/* Everything before the search; LMM_OK to go on. */
static LmmStatus
prepare(const LmmProblem *prob, LmmWork *w, LmmFit *fit)
{
	LmmStatus	status;

	if (prob->J < 2)
		return LMM_TOO_FEW_UNITS;
	if (!sum_total(prob, w))
		return LMM_NOT_FINITE;
	alias_columns(prob, w);
	fit->rank = w->k;
	if (prob->rows <= w->k)
		return LMM_TOO_FEW_ROWS;
	w->df = w->rows - (w->reml ? w->k : 0);
	w->lambda_end = INFINITY;
	status = check_within(prob, w, fit);
	if (status != LMM_OK)
		return status;
	lmm_intercept_sort(prob, w);
	lmm_intercept_build(prob, w);
	if (w->between_only)
	{
		w->lambda_end = 1e8 / w->group[0].n;
		return lmm_intercept_identified(w);
	}
	return LMM_OK;
}

/* Every figure of an accepted fit must be a number. */
static LmmStatus
check_result(const LmmWork *w, LmmFit *fit, LmmStatus status)
{
	double		sum = fit->sigma2 + fit->deviance + fit->null_deviance;

	if (status == LMM_OK)
	{
		for (int i = 0; i < w->k; i++)
			sum += fabs(w->b[w->keep[i]]);
		for (size_t i = 0; i < (size_t) w->p * (size_t) w->p; i++)
			sum += fabs(w->V[i]);
		for (int i = 0; i < w->q * w->q; i++)
			sum += fabs(fit->D[i]);
		if (!isfinite(sum))
			status = LMM_NOT_FINITE;
	}
	fit->status = status;
	return status;
}

/* Fit with one random term. */
static LmmStatus
fit_intercept(const LmmProblem *prob, LmmWork *w, LmmFit *fit)
{
	LmmPoint	pt;
	LmmStatus	status = lmm_intercept_search(prob, w, fit, &pt);

	if (status == LMM_OK)
		status = lmm_profile(w, fit, &pt);
	if (status == LMM_OK && !lmm_intercept_at(w, pt.lambda, 2, &pt))
		status = LMM_NOT_CONVERGED;
	if (status == LMM_OK)
		lmm_intercept_store(w, fit, &pt);
	return status;
}

/* Fit with several: the random intercept gives the scale to start from. */
static LmmStatus
fit_slopes(const LmmProblem *prob, LmmWork *w, LmmFit *fit)
{
	LmmPoint	pt;
	LmmSlopesPoint best;
	LmmStatus	status = lmm_intercept_search(prob, w, fit, &pt);

	if (status == LMM_OK)
		status = lmm_slopes_build(prob, w, fit);
	if (status == LMM_OK)
		status = lmm_slopes_search(w, pt.lambda, fit, &best);
	if (status == LMM_OK)
	{
		lmm_slopes_profile(w, fit, &best);
		if (!lmm_slopes_at(w, 2, &best))
			status = LMM_NOT_CONVERGED;
	}
	if (status == LMM_OK)
		lmm_slopes_store(w, fit, &best);
	fit->optima = 0;
	return status;
}

/* Fit the model. */
LmmStatus
lmm_fit(const LmmProblem *prob, LmmFit *fit, void *workspace)
{
	LmmWork    *w = lmm_start(prob, fit, workspace);
	LmmStatus	status = prepare(prob, w, fit);

	if (status == LMM_OK)
		status = prob->q == 1 ? fit_intercept(prob, w, fit) : fit_slopes(prob, w, fit);
	return check_result(w, fit, status);
}

/* The criterion at a given Lambda. */
LmmStatus
lmm_evaluate(const LmmProblem *prob, const double *Lambda, LmmFit *fit, void *workspace)
{
	LmmWork    *w = lmm_start(prob, fit, workspace);
	LmmStatus	status = prepare(prob, w, fit);
	LmmPoint	pt;

	if (status != LMM_OK)
		return check_result(w, fit, status);

	if (!lmm_intercept_at(w, 0, 0, &pt))
		return check_result(w, fit, LMM_NOT_CONVERGED);
	fit->null_deviance = pt.deviance;

	if (prob->q == 1)
	{
		double		lambda = Lambda[0] * Lambda[0];

		/* twice, so that the outcome is taken from this very solution */
		for (int pass = 0; pass < 2; pass++)
		{
			if (pass == 1)
				lmm_intercept_rebase(prob, w);
			if (!lmm_intercept_at(w, lambda, 2, &pt))
				return check_result(w, fit, LMM_NOT_CONVERGED);
		}
		lmm_intercept_store(w, fit, &pt);
		fit->singular = lambda == 0;
	}
	else
	{
		LmmSlopesPoint sp;
		int			i = 0;

		memset(&sp, 0, sizeof(sp));
		status = lmm_slopes_build(prob, w, fit);
		if (status != LMM_OK)
			return check_result(w, fit, status);
		for (int a = 0; a < prob->q; a++)
			for (int b = 0; b <= a; b++)
				sp.theta[i++] = Lambda[a * prob->q + b] * w->zscale[a];
		for (int pass = 0; pass < 2; pass++)
		{
			if (pass == 1)
				lmm_slopes_rebase(w);
			if (!lmm_slopes_at(w, 2, &sp))
				return check_result(w, fit, LMM_NOT_CONVERGED);
		}
		lmm_slopes_store(w, fit, &sp);
		for (int a = 0; a < prob->q; a++)
			fit->singular = fit->singular || Lambda[a * prob->q + a] == 0;
	}
	return check_result(w, fit, LMM_OK);
}

/*
 * Satterthwaite: var(c'b) = sigma2 x'x with x = L^-1 c has, under the estimated
 * covariance of the variance parameters, a variance g' cov g; its degrees of
 * freedom are those of the scaled chi-square with that mean and variance.
 */
double
lmm_contrast_df(const LmmProblem *prob, const LmmFit *fit, void *workspace, const double *c)
{
	LmmWork    *w = workspace;
	int			k = w->k;
	int			n = w->params + 1;
	double	   *x = w->v;
	double		gradient[LMM_MAX_PARAMS + 1];
	double		variance;
	double		spread = 0;

	for (int i = 0; i < prob->p; i++)
		if (w->aliased[i] && c[i] != 0)
			return NAN;
	if (fit->singular)
		return prob->rows - fit->rank;

	for (int i = 0; i < k; i++)
		x[i] = c[w->keep[i]];
	linalg_solve_lower(k, w->L, x);
	variance = linalg_dot(k, x, x);
	gradient[n - 1] = variance;
	for (int a = 0; a < n - 1; a++)
	{
		gradient[a] = 0;
		for (int i = 0; i < k; i++)
			gradient[a] += x[i] * linalg_dot(k, w->dA + ((size_t) a * k + (size_t) i) * k, x);
		gradient[a] *= fit->sigma2;
	}
	for (int a = 0; a < n; a++)
		spread += gradient[a] * linalg_dot(n, w->cov + a * n, gradient);
	variance *= fit->sigma2;
	return 2 * variance * variance / spread;
}
