/*
 * lmm.c
 *		Two-level linear mixed model: workspace, checks, and what follows a fit.
 */
#include "lmm_internal.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Hands out aligned pieces of a block, or only adds up their sizes. */
typedef struct Carver
{
	char	   *base;
	size_t		used;
	bool		overflow;
} Carver;

/* A piece of a * b * c items. */
static void *
carve(Carver *cv, size_t item, size_t a, size_t b, size_t c)
{
	void	   *piece = cv->base ? cv->base + cv->used : NULL;
	size_t		bytes = item;
	size_t		factor[3] = {a, b, c};

	for (int i = 0; i < 3; i++)
	{
		if (factor[i] != 0 && bytes > SIZE_MAX / 2 / factor[i])
		{
			cv->overflow = true;
			return NULL;
		}
		bytes *= factor[i];
	}
	bytes = (bytes + 15) & ~(size_t) 15;
	if (cv->used > SIZE_MAX / 2 - bytes)
	{
		cv->overflow = true;
		return NULL;
	}
	cv->used += bytes;
	return piece;
}

/* Lay the workspace out. */
static void
carve_work(Carver *cv, LmmWork *w, int J, int p, int q)
{
	size_t		sJ = (size_t) J;
	size_t		sp = (size_t) p;
	size_t		sq = (size_t) q;
	size_t		p1 = sp + 1;
	size_t		params = sq * (sq + 1) / 2;

	/* results first */
	w->b = carve(cv, sizeof(double), sp, 1, 1);
	w->V = carve(cv, sizeof(double), sp, sp, 1);
	w->aliased = carve(cv, sizeof(bool), p1, 1, 1);
	w->keep = carve(cv, sizeof(int), sp, 1, 1);
	w->dA = carve(cv, sizeof(double), params, sp, sp);
	w->cov = carve(cv, sizeof(double), params + 1, params + 1, 1);

	w->total = carve(cv, sizeof(double), p1, p1, 1);
	w->ref = carve(cv, sizeof(double), p1, 1, 1);
	w->within = carve(cv, sizeof(double), p1, p1, 1);
	w->A = carve(cv, sizeof(double), p1, p1, 1);
	w->A1 = carve(cv, sizeof(double), p1, p1, 1);
	w->A2 = carve(cv, sizeof(double), p1, p1, 1);
	w->L = carve(cv, sizeof(double), p1, p1, 1);
	w->Ainv = carve(cv, sizeof(double), p1, p1, 1);
	w->S = carve(cv, sizeof(double), p1, p1, 1);
	w->delta = carve(cv, sizeof(double), p1, 1, 1);
	w->v = carve(cv, sizeof(double), p1, 1, 1);
	w->v1 = carve(cv, sizeof(double), p1, 1, 1);
	w->unit = carve(cv, sizeof(LmmUnit), sJ, 1, 1);
	w->unit_tmp = carve(cv, sizeof(LmmUnit), sJ, 1, 1);
	w->group = carve(cv, sizeof(LmmGroup), sJ, 1, 1);

	/* the random-intercept fit that starts a slopes fit is over before F is filled */
	w->data = carve(cv, sizeof(double), sJ, p1, sq);
	w->F = w->data;
	if (q > 1)
	{
		w->R = carve(cv, sizeof(double), sJ, sq, sq);
		w->unit_rank = carve(cv, sizeof(int), sJ, 1, 1);
		w->K = carve(cv, sizeof(double), sq, p1, 1);
		w->Q = carve(cv, sizeof(double), sq, p1, 1);
		w->outer = carve(cv, sizeof(double), params, sp, sp);
		w->outer_s = carve(cv, sizeof(double), sq, sq, sp);
		w->alpha = carve(cv, sizeof(double), params, sp, 1);
	}
}

/* Bytes of workspace, the LmmWork at its start included. */
size_t
lmm_workspace(int J, int p, int q)
{
	LmmWork		w;
	Carver		cv = {NULL, 0, false};

	if (J < 0 || p < 1 || q < 1 || q > LMM_MAX_RANDOM)
		return 0;
	carve(&cv, sizeof(LmmWork), 1, 1, 1);
	carve_work(&cv, &w, J, p, q);
	return cv.overflow ? 0 : cv.used;
}

/* Point the fit at its results and blank them. */
static LmmWork *
start_fit(const LmmProblem *prob, LmmFit *fit, void *workspace)
{
	Carver		cv = {workspace, 0, false};
	LmmWork    *w = carve(&cv, sizeof(LmmWork), 1, 1, 1);

	memset(w, 0, sizeof(*w));
	carve_work(&cv, w, prob->J, prob->p, prob->q);
	w->J = prob->J;
	w->p = prob->p;
	w->q = prob->q;
	w->params = prob->q * (prob->q + 1) / 2;
	w->rows = prob->rows;
	w->sum_log_w = prob->sum_log_w;
	w->reml = prob->reml;
	w->interrupt = prob->interrupt;

	memset(fit, 0, sizeof(*fit));
	fit->b = w->b;
	fit->V = w->V;
	fit->aliased = w->aliased;
	fit->sigma2 = fit->deviance = fit->null_deviance = NAN;
	fit->var_lo = fit->var_hi = fit->icc_lo = fit->icc_hi = NAN;
	memset(w->aliased, 0, sizeof(bool) * ((size_t) w->p + 1));
	memset(w->V, 0, sizeof(double) * (size_t) w->p * (size_t) w->p);
	for (int i = 0; i < w->p; i++)
		w->b[i] = NAN;
	return w;
}

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

/* Pooled within-unit cross-products of the kept columns and the residual outcome. */
void
lmm_rebase_within(const LmmProblem *prob, LmmWork *w)
{
	int			k = w->k;
	int			n1 = k + 1;
	size_t		p1 = (size_t) w->p + 1;
	const double *W = prob->within;
	double		yy = W[p1 * p1 - 1];

	for (int i = 0; i < k; i++)
	{
		const double *row = W + (size_t) w->keep[i] * p1;
		double		xy = row[w->p];

		for (int j = 0; j < k; j++)
		{
			w->within[(size_t) i * n1 + j] = row[w->keep[j]];
			xy -= row[w->keep[j]] * w->ref[j];
		}
		w->within[(size_t) i * n1 + k] = w->within[(size_t) k * n1 + i] = xy;
		yy -= w->ref[i] * (row[w->p] + xy);
	}
	w->within[(size_t) n1 * n1 - 1] = yy;
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

/* Spread the solution of the kept columns (w->ref + w->delta, w->L) over all. */
void
lmm_finish(LmmWork *w, LmmFit *fit, double sigma2)
{
	int			k = w->k;

	/* V served as scratch until now */
	memset(w->V, 0, sizeof(double) * (size_t) w->p * (size_t) w->p);
	linalg_chol_inverse(k, w->L, w->Ainv, w->S, w->interrupt);
	for (int i = 0; i < k; i++)
	{
		w->b[w->keep[i]] = w->ref[i] + w->delta[i];
		for (int j = 0; j < k; j++)
			w->V[(size_t) w->keep[i] * w->p + w->keep[j]] = sigma2 * w->Ainv[(size_t) i * k + j];
	}
	fit->sigma2 = sigma2;
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
	LmmWork    *w = start_fit(prob, fit, workspace);
	LmmStatus	status = prepare(prob, w, fit);

	if (status == LMM_OK)
		status = prob->q == 1 ? fit_intercept(prob, w, fit) : fit_slopes(prob, w, fit);
	return check_result(w, fit, status);
}

/* The criterion at a given Lambda. */
LmmStatus
lmm_evaluate(const LmmProblem *prob, const double *Lambda, LmmFit *fit, void *workspace)
{
	LmmWork    *w = start_fit(prob, fit, workspace);
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
