/*
 * lmm_intercept.c
 *		The random-intercept criterion as a function of lambda = var(u) / sigma2.
 *
 * With w_j = n_j / (1 + lambda n_j) and W the pooled within-unit cross-products,
 *
 *		A(lambda) = W + sum_j w_j m_j m_j'		over (X, y),
 *		h(lambda) = sum_j log(1 + lambda n_j)  [+ log |A_xx| under REML],
 *		r2(lambda) = the residual of y in A, that is its Schur complement,
 *		deviance = h + df (1 + log(2 pi r2 / df)) - sum log w.
 *
 * As d w_j / d lambda = -w_j^2, the derivatives of A are A' = -sum w_j^2 m m'
 * and A'' = 2 sum w_j^3 m m', and the criterion's first two derivatives follow
 * exactly from these three small matrices.
 */
#include "lmm_internal.h"

#include <math.h>
#include <string.h>

#define HALF_LN10 1.1512925464970228420

/* Sort units by n, ties by index: bottom-up merge sort. */
void
lmm_intercept_sort(const LmmProblem *prob, LmmWork *w)
{
	LmmUnit    *from = w->unit;
	LmmUnit    *to = w->unit_tmp;
	LmmUnit    *swap;
	size_t		J = (size_t) w->J;

	for (size_t j = 0; j < J; j++)
		from[j] = (LmmUnit) {prob->n[j], (int) j};

	for (size_t width = 1; width < J; width *= 2)
	{
		for (size_t lo = 0; lo < J; lo += 2 * width)
		{
			size_t		mid = lo + width < J ? lo + width : J;
			size_t		hi = lo + 2 * width < J ? lo + 2 * width : J;
			size_t		a = lo;
			size_t		b = mid;

			for (size_t i = lo; i < hi; i++)
				to[i] = a < mid && (b == hi || from[a].n <= from[b].n) ? from[a++] : from[b++];
		}
		swap = from;
		from = to;
		to = swap;
		lmm_tick(w, 10.0 * (double) J);
	}
	w->unit = from;
	w->unit_tmp = to;
}

/* One unit's kept means, the outcome as a residual from the reference. */
static void
load_mean(const LmmProblem *prob, const LmmWork *w, int j, double *out)
{
	const double *m = prob->mean + (size_t) j * ((size_t) w->p + 1);
	double		y = m[w->p];

	for (int i = 0; i < w->k; i++)
	{
		out[i] = m[w->keep[i]];
		y -= out[i] * w->ref[i];
	}
	out[w->k] = y;
}

/* Add f v v' to a packed lower triangle. */
static void
add_outer(int n, double f, const double *restrict v, double *restrict packed)
{
	for (int i = 0; i < n; i++)
	{
		double		fi = f * v[i];

		for (int j = 0; j <= i; j++)
			packed[j] += fi * v[j];
		packed += i + 1;
	}
}

/* Gather the sorted units into groups of equal n. */
void
lmm_intercept_build(const LmmProblem *prob, LmmWork *w)
{
	int			n1 = w->k + 1;
	size_t		packed = (size_t) n1 * ((size_t) n1 + 1) / 2;
	size_t		used = 0;

	w->groups = 0;
	for (int i = 0; i < w->J;)
	{
		LmmGroup   *g = &w->group[w->groups++];
		int			end = i;

		while (end < w->J && w->unit[end].n == w->unit[i].n)
			end++;
		g->n = w->unit[i].n;
		g->count = end - i;
		g->start = used;
		g->summed = (size_t) g->count * (size_t) n1 > packed;
		if (g->summed)
		{
			memset(w->data + used, 0, packed * sizeof(double));
			used += packed;
		}
		for (; i < end; i++)
		{
#ifdef __GNUC__
			/* the next but a few: in this order, memory does not foresee them */
			if (i + 8 < w->J)
				__builtin_prefetch(prob->mean + w->unit[i + 8].index * ((size_t) w->p + 1));
#endif
			if (g->summed)
			{
				load_mean(prob, w, w->unit[i].index, w->v);
				add_outer(n1, 1, w->v, w->data + g->start);
			}
			else
			{
				load_mean(prob, w, w->unit[i].index, w->data + used);
				used += (size_t) n1;
			}
			lmm_tick(w, 10.0 * n1 + 2.0 * (g->summed ? (double) packed : 0));
		}
	}
}

/* Take the current solution as the reference and reduce the data again. */
void
lmm_intercept_rebase(const LmmProblem *prob, LmmWork *w)
{
	for (int i = 0; i < w->k; i++)
		w->ref[i] += w->delta[i];
	lmm_rebase_within(prob, w);
	lmm_intercept_build(prob, w);
}

/*
 * A, A1 = sum w^2 m m' and A2 = sum w^3 m m', packed; A1 from order 1, A2 from
 * order 2 on.
 */
static void
sum_groups(LmmWork *w, double lambda, int order, LmmPoint *pt)
{
	int			n1 = w->k + 1;
	size_t		packed = (size_t) n1 * ((size_t) n1 + 1) / 2;
	double	   *restrict A = w->A;
	double	   *restrict A1 = w->A1;
	double	   *restrict A2 = w->A2;

	for (int i = 0; i < n1; i++)
		memcpy(A + (size_t) i * ((size_t) i + 1) / 2, w->within + (size_t) i * n1,
			   sizeof(double) * ((size_t) i + 1));
	memset(A1, 0, packed * sizeof(double));
	memset(A2, 0, packed * sizeof(double));

	for (int g = 0; g < w->groups; g++)
	{
		const LmmGroup *grp = &w->group[g];
		const double *restrict data = w->data + grp->start;
		double		w1 = grp->n / (1 + lambda * grp->n);
		double		w2 = w1 * w1;
		double		w3 = w2 * w1;

		pt->h += grp->count * log1p(lambda * grp->n);
		pt->h1 += grp->count * w1;
		pt->h2 -= grp->count * w2;
		if (grp->summed)
		{
			for (size_t i = 0; i < packed; i++)
				A[i] += w1 * data[i];
			if (order >= 1)
				for (size_t i = 0; i < packed; i++)
					A1[i] += w2 * data[i];
			if (order >= 2)
				for (size_t i = 0; i < packed; i++)
					A2[i] += w3 * data[i];
			lmm_tick(w, 2.0 * (order + 1) * (double) packed);
		}
		else
			for (int c = 0; c < grp->count; c++, data += n1)
			{
				add_outer(n1, w1, data, A);
				if (order >= 1)
					add_outer(n1, w2, data, A1);
				if (order >= 2)
					add_outer(n1, w3, data, A2);
				lmm_tick(w, 2.0 * (order + 1) * (double) packed);
			}
	}
}

/* Full symmetric [n][n] out of the leading part of a packed lower triangle. */
static void
unpack(int n, const double *packed, double *full)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j <= i; j++)
			full[(size_t) i * n + j] = full[(size_t) j * n + i] = *packed++;
}

/*
 * The criterion at lambda >= 0 with derivatives up to `order` (0..2).  Leaves
 * L, Ainv (from order 1) and delta of this point in the workspace.  False if A
 * is not positive definite in floating point.
 */
bool
lmm_intercept_at(LmmWork *w, double lambda, int order, LmmPoint *pt)
{
	int			k = w->k;
	size_t		last = (size_t) k * ((size_t) k + 1) / 2;	/* packed row of y */
	double		sum_w;
	double		trace = 0;

	memset(pt, 0, sizeof(*pt));
	pt->lambda = lambda;
	sum_groups(w, lambda, order, pt);
	sum_w = pt->h1;
	lmm_tick(w, 3.0 * k * k * k);

	unpack(k, w->A, w->S);
	if (!linalg_chol_large(k, w->S, w->L, w->interrupt))
		return false;
	memcpy(w->delta, w->A + last, sizeof(double) * (size_t) k);
	linalg_solve_lower(k, w->L, w->delta);
	pt->r2 = w->A[last + (size_t) k] - linalg_dot(k, w->delta, w->delta);
	if (!(pt->r2 > 0))
		return false;
	linalg_solve_upper(k, w->L, w->delta);
	if (w->reml)
		for (int i = 0; i < k; i++)
			pt->h += 2 * log(w->L[(size_t) i * k + i]);
	pt->deviance = pt->h + w->df * (1 + LMM_LOG_2PI + log(pt->r2 / w->df)) - w->sum_log_w;
	if (order == 0)
		return isfinite(pt->deviance);

	/* v1 = A1 (-b, 1), so that r2' = -(-b, 1) A1 (-b, 1)' */
	unpack(k + 1, w->A1, w->S);
	for (int i = 0; i < k; i++)
		w->v[i] = -w->delta[i];
	w->v[k] = 1;
	for (int i = 0; i <= k; i++)
		w->v1[i] = linalg_dot(k + 1, w->S + (size_t) i * (k + 1), w->v);
	pt->r2_1 = -linalg_dot(k + 1, w->v, w->v1);

	unpack(k, w->A1, w->S);
	if (w->reml)
	{
		/* V is free until the end: the scratch of the inverse */
		linalg_chol_inverse(k, w->L, w->Ainv, w->V, w->interrupt);
		trace = linalg_dot(k * k, w->Ainv, w->S);
		pt->h1 -= trace;
	}
	pt->g = pt->h1 + w->df * pt->r2_1 / pt->r2;
	pt->noise = 1e-12 * (sum_w + trace + w->df * fabs(pt->r2_1) / pt->r2);
	if (order == 1)
		return isfinite(pt->g);

	if (w->reml)
	{
		linalg_whiten(k, w->L, w->S, w->interrupt);
		pt->h2 -= linalg_dot(k * k, w->S, w->S);
		unpack(k, w->A2, w->S);
		pt->h2 += 2 * linalg_dot(k * k, w->Ainv, w->S);
	}
	linalg_solve_lower(k, w->L, w->v1);
	pt->r2_2 = -2 * linalg_dot(k, w->v1, w->v1);
	unpack(k + 1, w->A2, w->S);
	for (int i = 0; i <= k; i++)
		pt->r2_2 += 2 * w->v[i] * linalg_dot(k + 1, w->S + (size_t) i * (k + 1), w->v);
	pt->H = pt->h2 + w->df * (pt->r2_2 / pt->r2 - (pt->r2_1 / pt->r2) * (pt->r2_1 / pt->r2));
	return isfinite(pt->g) && isfinite(pt->H);
}

/*
 * Can data that show sigma2 between units only tell it from var(u)?  N - k
 * contrasts of the rows are free of b; once rotated, their variances are sigma2
 * (1 + lambda e_i), and where all e_i are one, only the product shows.  Sums of
 * e and of e squared are the derivatives of the REML criterion's h at 0, so no
 * e_i is ever computed.  LMM_NO_RESIDUAL if X determines y.
 */
LmmStatus
lmm_intercept_identified(LmmWork *w)
{
	size_t		yy = (size_t) (w->p + 1) * (size_t) (w->p + 1) - 1;
	bool		reml = w->reml;
	double		free = w->rows - w->k;
	double		sum_n2 = 0;
	bool		ok;
	LmmPoint	pt;

	for (int g = 0; g < w->groups; g++)
		sum_n2 += w->group[g].count * w->group[g].n * w->group[g].n;
	w->reml = true;
	ok = lmm_intercept_at(w, 0, 2, &pt);
	w->reml = reml;
	if (!ok || !(pt.r2 > 1e-13 * w->total[yy]))
		return LMM_NO_RESIDUAL;
	return -free * pt.h2 - pt.h1 * pt.h1 > 1e-10 * pt.h1 * pt.h1 + 1e-12 * free * sum_n2
		? LMM_OK : LMM_NOT_IDENTIFIED;
}

/*
 * The minimum between lo and hi (logarithms of lambda, gradient negative at lo
 * and positive at hi): Newton's method on the gradient, kept inside the bracket
 * by bisection.
 */
static bool
descend(LmmWork *w, double lo, double hi, int *iterations, LmmPoint *pt)
{
	double		t = (lo + hi) / 2;

	for (int i = 0; i < 100; i++)
	{
		double		step;
		double		curvature;

		if (!lmm_intercept_at(w, exp(t), 2, pt))
			return false;
		(*iterations)++;
		if (pt->g < 0)
			lo = t;
		else
			hi = t;
		curvature = pt->g + pt->lambda * pt->H;
		step = -pt->g / curvature;
		if (!(curvature > 0) || t + step <= lo || t + step >= hi)
			step = (lo + hi) / 2 - t;
		if (fabs(step) < 1e-9 || hi - lo < 1e-9)
			return true;
		t += step;
	}
	return true;
}

/*
 * The best lambda.  A scan of the gradient over a log grid finds every local
 * minimum, among them lambda = 0, and the deepest is taken.  Below 1e-3 / max n
 * the criterion is a straight line for all purposes, so the grid starts there.
 */
LmmStatus
lmm_intercept_search(const LmmProblem *prob, LmmWork *w, LmmFit *fit, LmmPoint *best)
{
	double		min_n = w->group[0].n;
	double		max_n = w->group[w->groups - 1].n;
	double		grid_end = fmax(1e8 / min_n, 1e8 / max_n);
	double		t = -INFINITY;
	bool		falling;
	double		last = INFINITY;
	LmmPoint	pt;

	fit->iterations = 0;
	fit->optima = 0;
	if (!lmm_intercept_at(w, 0, 1, best))
		return LMM_NOT_CONVERGED;
	falling = best->g < -best->noise;
	if (!falling)
		fit->optima = 1;
	fit->singular = !falling;

	/* the bound is never reached unless no residual variance is left */
	for (int i = 0; i < 150; i++)
	{
		double		next = log(1e-3 / max_n) + i * (HALF_LN10);

		if (!lmm_intercept_at(w, exp(next), 1, &pt))
			break;
		if (falling && pt.g > pt.noise)
		{
			/* from 0, the first bracket reaches down to where doubles do */
			if (!descend(w, isinf(t) ? next - 80 : t, next, &fit->iterations, &pt))
				return LMM_NOT_CONVERGED;
			if (fit->optima == 0 || pt.deviance < best->deviance)
			{
				*best = pt;
				fit->singular = false;
			}
			fit->optima++;
			falling = false;
		}
		else if (pt.g < -pt.noise)
			falling = true;
		t = next;
		if ((!falling && exp(t) > grid_end) || exp(t) > w->lambda_end)
			break;
	}
	if (falling && !w->between_only)
		return LMM_NO_RESIDUAL;
	if (falling)
	{
		/* pt is at the limit, where sigma2 is 0: not a fit, but it may be better than one */
		if (fit->optima == 0 || !(best->deviance < pt.deviance))
			return LMM_NO_PUPIL_VARIANCE;
		fit->optima++;
	}

	/* with the outcome taken from the solution, the last digits */
	if (!lmm_intercept_at(w, best->lambda, 2, best))
		return LMM_NOT_CONVERGED;
	lmm_intercept_rebase(prob, w);
	if (!lmm_intercept_at(w, 0, 0, &pt) || !lmm_intercept_at(w, best->lambda, 2, best))
		return LMM_NOT_CONVERGED;
	fit->null_deviance = pt.deviance;
	for (int i = 0; i < 20 && !fit->singular; i++)
	{
		double		curvature = best->g + best->lambda * best->H;
		double		step = -best->g / curvature;

		/* once steps no longer shrink fast they are rounding errors */
		if (!(curvature > 0) || fabs(step) > last / 4 || fabs(step) < 1e-16)
			break;
		last = fabs(step);
		if (!lmm_intercept_at(w, best->lambda * exp(step), 2, best))
			return LMM_NOT_CONVERGED;
		fit->iterations++;
	}
	return LMM_OK;
}

/*
 * Results at a point evaluated to order 2, and what lmm_contrast_df needs: the
 * criterion not profiled is h + df log sigma2 + r2 / sigma2, and the covariance
 * of (lambda, sigma2) is twice the inverse of its second derivatives.
 */
void
lmm_intercept_store(LmmWork *w, LmmFit *fit, const LmmPoint *pt)
{
	double		sigma2 = pt->r2 / w->df;
	double		ll = pt->h2 + pt->r2_2 / sigma2;
	double		ls = -pt->r2_1 / (sigma2 * sigma2);
	double		ss = w->df / (sigma2 * sigma2);
	double		det = ll * ss - ls * ls;

	fit->deviance = pt->deviance;
	fit->Lambda[0] = sqrt(pt->lambda);
	fit->D[0] = sigma2 * pt->lambda;

	unpack(w->k, w->A1, w->dA);
	linalg_whiten(w->k, w->L, w->dA, w->interrupt);
	w->cov[0] = 2 * ss / det;
	w->cov[1] = w->cov[2] = -2 * ls / det;
	w->cov[3] = 2 * ll / det;
	lmm_finish(w, fit, sigma2);
}
