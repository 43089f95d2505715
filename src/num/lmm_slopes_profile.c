/*
 * lmm_slopes_profile.c
 *		Profile-likelihood intervals for D[0] and D[0] / (D[0] + sigma2) with random
 *		slopes: the variance of effects at the mean of the slope terms.
 *
 * As in lmm_profile.c, an end is where the criterion, minimised over everything
 * else, lies a chi-square quantile above its minimum.  D[0] / sigma2 is the
 * square of theta[0], which is held there while the other parameters descend.
 * With D[0] held at v, all of theta is free and sigma2 = v / theta[0]^2.
 */
#include "lmm_internal.h"

#include <math.h>

/* Ends are within about 1e-7 of themselves: nobody reads more of an interval. */
#define ENOUGH 1e-7

/* Turn the sign of Lambda's first column, which changes nothing, for theta[0] >= 0. */
static void
turn_column(const LmmWork *w, LmmSlopesPoint *pt)
{
	for (int i = 0; i < w->q && pt->theta[0] < 0; i++)
		pt->theta[i * (i + 1) / 2] *= i == 0 ? 1 : -1;
	pt->theta[0] = fabs(pt->theta[0]);
}

/* Descend from the last minimum.  x = log(D[0] / sigma2); -Infinity is zero. */
static bool
at_ratio(LmmCrossing *c, double x, double *f, double *slope)
{
	LmmSlopesPoint *pt = c->point;
	int			iterations = 0;

	turn_column(c->w, pt);
	pt->variance = 0;
	pt->theta[0] = exp(x / 2);
	if (!lmm_slopes_at(c->w, 2, pt) || !lmm_slopes_minimise(c->w, true, ENOUGH, pt, &iterations))
		return false;
	*f = pt->deviance - c->target;
	*slope = pt->gradient[0] * pt->theta[0] / 2;
	return true;
}

/* The same with x = log D[0]. */
static bool
at_variance(LmmCrossing *c, double x, double *f, double *slope)
{
	LmmSlopesPoint *pt = c->point;
	int			iterations = 0;

	turn_column(c->w, pt);
	/* from where sigma2 is that of the last minimum */
	pt->theta[0] = exp(x / 2) / sqrt(pt->sigma2);
	pt->variance = exp(x);
	if (!lmm_slopes_at(c->w, 2, pt) || !lmm_slopes_minimise(c->w, false, ENOUGH, pt, &iterations))
		return false;
	*f = pt->deviance - c->target;
	*slope = c->w->df - pt->r2 / pt->sigma2;
	return true;
}

/* One end; back to the fitted point first.  False: no crossing within reach. */
static bool
find_end(LmmCrossing *c, const LmmSlopesPoint *from, double x, double step, double *end)
{
	*c->point = *from;
	return lmm_find_crossing(c, x, step, end);
}

/* Is it within the interval that nothing differs between schools at the means? */
static bool
reaches_zero(LmmCrossing c, const LmmSlopesPoint *best)
{
	double		f;
	double		slope;

	*c.point = *best;
	c.at = at_ratio;
	return c.at(&c, -INFINITY, &f, &slope) && f <= 0;
}

/*
 * Both intervals; an end that is not found stays what says least.  The products
 * in the workspace are no longer those of the fitted point.
 */
void
lmm_slopes_profile(LmmWork *w, LmmFit *fit, const LmmSlopesPoint *best)
{
	LmmSlopesPoint pt = *best;
	LmmSlopesPoint start = *best;
	LmmCrossing c = {w, best->deviance + LMM_CHISQ1_95, ENOUGH, at_ratio, 0, &pt};
	bool		zero = best->theta[0] == 0;
	bool		to_zero;
	double		x = 0;
	double		end;
	double		step = 1;

	if (!zero)
	{
		/* the half-width in log D[0], if the criterion were a parabola in it */
		double		half = best->H[0] * best->theta[0] * best->theta[0] / 4;

		x = 2 * log(fabs(best->theta[0]));
		if (half > 0)
			step = fmin(fmax(sqrt(LMM_CHISQ1_95 / half), 1e-2), 3);
	}
	/* where the parabola is narrow, only if the end below is not found */
	to_zero = (zero || step > 0.5) && reaches_zero(c, best);
	if (zero)
	{
		/* where a straight line in D[0] / sigma2 would cross */
		start = pt;
		x = log(LMM_CHISQ1_95 / fmax(pt.G[0], 1e-100));
	}

	fit->icc_lo = fit->var_lo = 0;
	fit->icc_hi = 1;
	fit->var_hi = INFINITY;
	if (find_end(&c, &start, x, step, &end))
	{
		fit->icc_hi = 1 / (1 + exp(-end));
		if (zero)
		{
			start = pt;
			x = end;
		}
	}
	else if (zero)
		return;
	if (!to_zero)
	{
		if (find_end(&c, &start, x, -step, &end))
			fit->icc_lo = 1 / (1 + exp(-end));
		else
			to_zero = reaches_zero(c, best);
		if (!to_zero && fit->icc_lo == 0)
			fit->icc_lo = fit->icc_hi = NAN;
	}

	c.at = at_variance;
	x += log(start.sigma2);
	if (find_end(&c, &start, x, step, &end))
		fit->var_hi = exp(end);
	if (!to_zero)
	{
		if (find_end(&c, &start, x, -step, &end))
			fit->var_lo = exp(end);
		else if (!reaches_zero(c, best))
			fit->var_lo = fit->var_hi = NAN;
	}
}
