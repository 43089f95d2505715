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

#define CHISQ1_95 3.841458820694124

/* A function of x to be brought to zero, and its slope. */
typedef struct Crossing
{
	LmmWork    *w;
	double		target;			/* deviance at the end of the interval */
	double		t;				/* log lambda of the last inner minimum */
	bool		(*at) (struct Crossing *c, double x, double *f, double *slope);
} Crossing;

/* Profile over everything but lambda = exp(x). */
static bool
at_lambda(Crossing *c, double x, double *f, double *slope)
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
at_variance(Crossing *c, double x, double *f, double *slope)
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

/*
 * Where the function crosses zero, going from x in the direction of step (the
 * inside of the interval has negative values; if x lies outside, back first).
 * False if there is no crossing within reach.
 */
static bool
find_crossing(Crossing *c, double x, double step, double *root)
{
	double		in = x;
	double		out;
	double		f;
	double		slope;
	bool		found = false;

	if (!c->at(c, x, &f, &slope))
		return false;
	if (f > 0)
	{
		for (int i = 0; i < 60 && !found; i++)
		{
			x -= step * (1 + i / 4);
			if (!c->at(c, x, &f, &slope))
				return false;
			found = f <= 0;
		}
		in = x;
		out = in + step * 16;
	}
	else
	{
		for (int i = 0; i < 60 && !found; i++)
		{
			in = x;
			x += step;
			step *= 1.3;
			if (fabs(x) > 300 || !c->at(c, x, &f, &slope))
				return false;
			found = f > 0;
		}
		out = x;
	}
	if (!found)
		return false;

	for (int i = 0; i < 100; i++)
	{
		double		next = x - f / slope;

		if (!(next > fmin(in, out) && next < fmax(in, out)))
			next = (in + out) / 2;
		if (fabs(next - x) < 1e-13 * fmax(1, fabs(x)))
			break;
		x = next;
		if (!c->at(c, x, &f, &slope))
			return false;
		if (f > 0)
			out = x;
		else
			in = x;
	}
	*root = x;
	return true;
}

/* Both intervals around the fitted point; fit->deviance must be set. */
LmmStatus
lmm_profile(LmmWork *w, LmmFit *fit, const LmmPoint *best)
{
	double		sigma2 = best->r2 / w->df;
	bool		zero = best->lambda == 0;
	bool		to_zero = fit->null_deviance - best->deviance <= CHISQ1_95;
	Crossing	c = {w, best->deviance + CHISQ1_95, 0, at_lambda};
	double		t;
	double		step = 1;
	double		root;

	if (zero)
		t = log(CHISQ1_95 / fmax(best->g, 1e-100));
	else
	{
		/* the half-width if the criterion were a parabola in log lambda */
		double		curvature = best->lambda * (best->g + best->lambda * best->H);

		t = log(best->lambda);
		if (curvature > 0)
			step = fmin(fmax(sqrt(CHISQ1_95 / curvature), 1e-3), 3);
	}

	fit->icc_lo = fit->var_lo = 0;
	fit->icc_hi = 1;
	fit->var_hi = INFINITY;

	if (find_crossing(&c, t, step, &root))
	{
		fit->icc_hi = 1 / (1 + exp(-root));
		if (zero)
			t = root;
	}
	else if (zero)
		return LMM_OK;			/* flat: the data put no bound on var(u) */
	if (!to_zero)
	{
		if (!find_crossing(&c, t, -step, &root))
			return LMM_NOT_CONVERGED;
		fit->icc_lo = 1 / (1 + exp(-root));
	}

	c.at = at_variance;
	c.t = t;
	if (find_crossing(&c, t + log(sigma2), step, &root))
		fit->var_hi = exp(root);
	if (!to_zero)
	{
		c.t = t;
		if (!find_crossing(&c, t + log(sigma2), -step, &root))
			return LMM_NOT_CONVERGED;
		fit->var_lo = exp(root);
	}
	return LMM_OK;
}
