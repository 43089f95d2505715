/*
 * lmm_profile.c
 *		Profile-likelihood intervals for var(u) and the intraclass correlation.
 *
 * An end of an interval is where the criterion, minimised over everything else,
 * lies a chi-square quantile above its minimum.  The intraclass correlation is
 * a function of lambda, over which the criterion is already profiled.  At a
 * fixed var(u) = s the other parameter is lambda itself (sigma2 = s / lambda):
 *
 *		F(lambda; s) = h + df log(2 pi s / lambda) + lambda r2 / s - sum log w,
 *
 * whose minimum has no closed form.
 */
#include "lmm_internal.h"

#include <math.h>

/* Profile over everything but lambda = exp(x). */
static bool
at_lambda(LmmCrossing *c, double x, double *f, double *slope)
{
	LmmPoint	pt;

	if (!lmm_intercept_at(c->w, exp(x), 1, &pt))
		return false;
	*f = pt.deviance - c->target;
	*slope = pt.lambda * pt.g;
	return true;
}

/*
 * Profile over everything but var(u) = exp(x): Newton's method in log lambda
 * from the last minimum, inside the bracket that the signs of the gradient give.
 */
static bool
at_variance(LmmCrossing *c, double x, double *f, double *slope)
{
	LmmWork    *w = c->w;
	double		s = exp(x);
	double		lo = -INFINITY;
	double		hi = INFINITY;
	double		t = c->t;
	LmmPoint	pt;

	for (int i = 0; i < 200; i++)
	{
		double		l = exp(t);
		double		first;
		double		second;
		double		step;

		if (!lmm_intercept_at(w, l, 2, &pt))
			return false;
		first = l * pt.h1 - w->df + l * (pt.r2 + l * pt.r2_1) / s;
		second = l * pt.h1 + l * l * pt.h2 +
			l * (pt.r2 + l * (3 * pt.r2_1 + l * pt.r2_2)) / s;
		if (first < 0)
			lo = t;
		else
			hi = t;
		step = -first / second;
		if (!(second > 0) || fabs(step) > 3)
			step = first < 0 ? 1 : -1;
		if (t + step <= lo || t + step >= hi)
			step = (isinf(lo) || isinf(hi)) ? 0 : (lo + hi) / 2 - t;
		/* beyond lambda_end nothing changes any more */
		if (fabs(step) < 1e-10 || (step > 0 && l > w->lambda_end))
			break;
		t += step;
	}
	c->t = t;
	*f = pt.h + w->df * (LMM_LOG_2PI + x - t) + pt.lambda * pt.r2 / s - w->sum_log_w - c->target;
	*slope = w->df - pt.lambda * pt.r2 / s;
	return true;
}

/* Both intervals around the fitted point; fit->deviance must be set. */
LmmStatus
lmm_profile(LmmWork *w, LmmFit *fit, const LmmPoint *best)
{
	double		sigma2 = best->r2 / w->df;
	bool		zero = best->lambda == 0;
	bool		to_zero = fit->null_deviance - best->deviance <= LMM_CHISQ1_95;
	LmmCrossing c = {w, best->deviance + LMM_CHISQ1_95, 1e-13, at_lambda, 0, NULL};
	double		t;
	double		step = 1;
	double		root;

	if (zero)
		t = log(LMM_CHISQ1_95 / fmax(best->g, 1e-100));
	else
	{
		/* the half-width if the criterion were a parabola in log lambda */
		double		curvature = best->lambda * (best->g + best->lambda * best->H);

		t = log(best->lambda);
		if (curvature > 0)
			step = fmin(fmax(sqrt(LMM_CHISQ1_95 / curvature), 1e-3), 3);
	}

	fit->icc_lo = fit->var_lo = 0;
	fit->icc_hi = 1;
	fit->var_hi = INFINITY;

	if (lmm_find_crossing(&c, t, step, &root))
	{
		fit->icc_hi = 1 / (1 + exp(-root));
		if (zero)
			t = root;
	}
	else if (zero)
		return LMM_OK;			/* flat: the data put no bound on var(u) */
	if (!to_zero)
	{
		if (!lmm_find_crossing(&c, t, -step, &root))
			return LMM_NOT_CONVERGED;
		fit->icc_lo = 1 / (1 + exp(-root));
	}

	c.at = at_variance;
	c.t = t;
	if (lmm_find_crossing(&c, t + log(sigma2), step, &root))
		fit->var_hi = exp(root);
	if (!to_zero)
	{
		c.t = t;
		if (!lmm_find_crossing(&c, t + log(sigma2), -step, &root))
			return LMM_NOT_CONVERGED;
		fit->var_lo = exp(root);
	}
	return LMM_OK;
}
