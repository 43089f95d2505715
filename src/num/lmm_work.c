/*
 * lmm_work.c
 *		Two-level linear mixed model: the workspace, and what both kinds of fit do
 *		with it.
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
LmmWork *
lmm_start(const LmmProblem *prob, LmmFit *fit, void *workspace)
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
