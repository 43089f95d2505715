/*
 * lmm_newton.c
 *		Search for the best Lambda of a random-slopes model.
 *
 * Newton's method within a trust region (More and Sorensen 1983), on the exact
 * second derivatives and from several starts.  Lambda is unconstrained: turning
 * the sign of a column changes nothing, so that the boundary of the covariance
 * matrices is the inside of a smooth problem, where a column of Lambda vanishes.
 * Such a column has no gradient, but if leaving zero would pay, it has negative
 * curvature, which the trust region follows.
 */
#include "lmm_internal.h"

#include <math.h>
#include <string.h>

#define MAXQ LMM_MAX_RANDOM
#define MAX_ITERATIONS 200

/* A step of the trust region and what the quadratic model expects of it. */
typedef struct Step
{
	double		p[LMM_MAX_PARAMS];
	double		length;
	double		predicted;		/* decrease of the deviance */
	bool		interior;		/* a full Newton step */
} Step;

/* Length of the step at shift mu, in the basis of the eigenvectors. */
static double
step_length(int n, const double *g, const double *value, double flat, double mu)
{
	double		s = 0;

	for (int i = 0; i < n; i++)
		if (value[i] + mu > flat)
			s += (g[i] / (value[i] + mu)) * (g[i] / (value[i] + mu));
	return sqrt(s);
}

/* Minimise the quadratic model within the radius. */
static void
model_step(int n, const LmmSlopesPoint *pt, double radius, Step *step)
{
	double		H[LMM_MAX_PARAMS * LMM_MAX_PARAMS];
	double		vec[LMM_MAX_PARAMS * LMM_MAX_PARAMS];
	double		value[LMM_MAX_PARAMS];
	double		g[LMM_MAX_PARAMS];
	double		y[LMM_MAX_PARAMS];
	double		flat;
	double		mu = 0;

	memcpy(H, pt->H, sizeof(double) * (size_t) (n * n));
	linalg_eigen(n, H, value, vec);
	for (int i = 0; i < n; i++)
		g[i] = linalg_dot(n, vec + i * n, pt->gradient);

	/* directions in which nothing depends on theta: where columns may rotate */
	flat = 1e-11 * fmax(fabs(value[0]), fabs(value[n - 1]));
	step->interior = value[0] >= -flat && step_length(n, g, value, flat, 0) <= radius;
	if (!step->interior)
	{
		double		lo = fmax(0, -value[0]);
		double		hi = fmax(lo, 1e-300);

		while (step_length(n, g, value, flat, hi) > radius && hi < 1e300)
			hi = lo + 2 * (hi - lo) + 1e-3 * flat;
		for (int i = 0; i < 100; i++)
		{
			mu = lo + (hi - lo) / 2;
			if (step_length(n, g, value, flat, mu) > radius)
				lo = mu;
			else
				hi = mu;
		}
		mu = hi;
	}
	for (int i = 0; i < n; i++)
		y[i] = value[i] + mu > flat ? -g[i] / (value[i] + mu) : 0;
	if (!step->interior && value[0] < -flat)
	{
		/* the hard case: no gradient along the negative curvature; go there anyway */
		double		left = radius * radius - linalg_dot(n, y, y) + y[0] * y[0];

		if (left > y[0] * y[0])
			y[0] = g[0] > 0 ? -sqrt(left) : sqrt(left);
	}

	step->predicted = 0;
	for (int i = 0; i < n; i++)
		step->predicted -= y[i] * (g[i] + value[i] * y[i] / 2);
	for (int j = 0; j < n; j++)
	{
		step->p[j] = 0;
		for (int i = 0; i < n; i++)
			step->p[j] += vec[i * n + j] * y[i];
	}
	step->length = sqrt(linalg_dot(n, y, y));
}

/* Descend from pt (evaluated) to a local minimum; false if it was not reached. */
static bool
minimise(LmmWork *w, LmmSlopesPoint *pt, int *iterations)
{
	int			n = w->params;
	double		radius = fmax(0.1, sqrt(linalg_dot(n, pt->theta, pt->theta)));

	for (int i = 0; i < MAX_ITERATIONS; i++)
	{
		Step		step;
		LmmSlopesPoint next;
		double		ratio = -1;

		model_step(n, pt, radius, &step);
		/* the deviance itself carries roundoff of about this size */
		if (step.predicted < 1e-13 * (fabs(pt->deviance) + w->rows))
			return true;
		for (int t = 0; t < n; t++)
			next.theta[t] = pt->theta[t] + step.p[t];
		(*iterations)++;
		if (lmm_slopes_at(w, 2, &next))
			ratio = (pt->deviance - next.deviance) / step.predicted;
		if (ratio < 0.25)
			radius = step.length / 4;
		else if (ratio > 0.75 && !step.interior)
			radius *= 2.5;
		if (ratio > 1e-4)
			*pt = next;
		else if (radius < 1e-12 * (1 + sqrt(linalg_dot(n, pt->theta, pt->theta))))
			return step.predicted < 1e-7;
	}
	return false;
}

/*
 * Lambda again as a Cholesky factor with diagonal >= 0, in which a random term
 * that the others determine, or that does not vary, has a column of zeros.
 * Returns the number of such columns.
 */
static int
canonical(LmmWork *w, const double *theta, double *out)
{
	int			q = w->q;
	double		Lambda[MAXQ * MAXQ] = {0};
	double		Psi[MAXQ * MAXQ];
	double		floor[MAXQ];
	bool		aliased[MAXQ];
	int			rank;

	for (int i = 0, t = 0; i < q; i++)
		for (int c = 0; c <= i; c++)
			Lambda[i * q + c] = theta[t++];
	for (int i = 0; i < q; i++)
	{
		for (int j = 0; j < q; j++)
			Psi[i * q + j] = linalg_dot(q, Lambda + i * q, Lambda + j * q);
		/* a variance that gives units of average size a reliability of 1e-8 */
		floor[i] = 1e-8 * w->J / w->total[0];
	}

	rank = 0;
	memset(Lambda, 0, sizeof(Lambda));
	for (int i = 0; i < q; i++)
	{
		double		d = Psi[i * q + i];

		for (int j = 0; j < i; j++)
		{
			if (!aliased[j])
				Lambda[i * q + j] = (Psi[i * q + j] -
									 linalg_dot(j, Lambda + i * q, Lambda + j * q)) / Lambda[j * q + j];
			d -= Lambda[i * q + j] * Lambda[i * q + j];
		}
		aliased[i] = !(Psi[i * q + i] > floor[i]) || !(d > 1e-8 * Psi[i * q + i]);
		if (!aliased[i])
		{
			Lambda[i * q + i] = sqrt(d);
			rank++;
		}
		else if (!(Psi[i * q + i] > floor[i]))
			memset(Lambda + i * q, 0, sizeof(double) * (size_t) q);
	}
	for (int i = 0, t = 0; i < q; i++)
		for (int c = 0; c <= i; c++, t++)
			out[t] = Lambda[i * q + c];
	return q - rank;
}

/* Columns of Lambda that are exactly zero. */
static int
zero_columns(const LmmWork *w, const double *theta)
{
	int			zero = 0;

	for (int c = 0; c < w->q; c++)
	{
		bool		all = true;

		for (int i = c; i < w->q; i++)
			all = all && theta[i * (i + 1) / 2 + c] == 0;
		zero += all;
	}
	return zero;
}

/*
 * A local minimum from a start.  Near the boundary its exact counterpart is
 * tried: it is taken if the minimum is there, and left again by the descent if
 * it is not.
 */
static bool
settle(LmmWork *w, LmmSlopesPoint *pt, int *iterations)
{
	LmmSlopesPoint edge;
	bool		ok = minimise(w, pt, iterations);

	for (int i = 0; i < MAXQ; i++)
	{
		int			zero = canonical(w, pt->theta, edge.theta);

		if (zero == 0 || zero == zero_columns(w, pt->theta))
			break;
		if (!lmm_slopes_at(w, 2, &edge))
			break;

		bool		edge_ok = minimise(w, &edge, iterations);

		if (!(edge.deviance <= pt->deviance + 1e-9 * (1 + 1e-4 * fabs(pt->deviance))))
			break;
		*pt = edge;
		ok = edge_ok;
	}
	return ok;
}

/* The last digits: Newton steps until they no longer shrink. */
static bool
polish(LmmWork *w, LmmSlopesPoint *pt, int *iterations)
{
	int			n = w->params;
	double		last = INFINITY;

	if (!lmm_slopes_at(w, 2, pt))
		return false;
	lmm_slopes_rebase(w);
	if (!lmm_slopes_at(w, 2, pt))
		return false;
	for (int i = 0; i < 20; i++)
	{
		Step		step;
		LmmSlopesPoint next;

		model_step(n, pt, INFINITY, &step);
		if (!step.interior || step.length >= last || step.length == 0)
			break;
		last = step.length;
		for (int t = 0; t < n; t++)
			next.theta[t] = pt->theta[t] + step.p[t];
		if (!lmm_slopes_at(w, 2, &next))
			break;
		*pt = next;
		(*iterations)++;
	}

	/* the products in the workspace must be those of this point */
	return lmm_slopes_at(w, 2, pt);
}

/* The best of several starts; lambda is that of the random-intercept model. */
LmmStatus
lmm_slopes_search(LmmWork *w, double lambda, LmmFit *fit, LmmSlopesPoint *best)
{
	/* standard deviations of slopes in units of the intercept's */
	static const double share[2] = {0.4, 0.05};
	LmmSlopesPoint start[3];
	bool		usable[3];
	bool		converged = false;
	double		previous = INFINITY;
	double		scale = sqrt(fmax(lambda, 0.1 * w->J / w->total[0]));

	/* the last start is the identity, as lme4's */
	for (int s = 0; s < 3; s++)
	{
		memset(&start[s], 0, sizeof(start[s]));
		for (int i = 0; i < w->q; i++)
			start[s].theta[i * (i + 1) / 2 + i] = s == 2 ? 1 : i == 0 ? scale : share[s] * scale;
		usable[s] = lmm_slopes_at(w, 0, &start[s]);
	}

	best->deviance = INFINITY;
	fit->iterations = 0;
	for (int run = 0; run < 3; run++)
	{
		int			pick = -1;
		int			iterations = 0;
		bool		ok;

		for (int s = 0; s < 3; s++)
			if (usable[s] && (pick < 0 || start[s].deviance < start[pick].deviance))
				pick = s;
		if (pick < 0)
			break;
		usable[pick] = false;
		if (!lmm_slopes_at(w, 2, &start[pick]))
			continue;
		ok = settle(w, &start[pick], &iterations);
		if (start[pick].deviance < best->deviance)
		{
			*best = start[pick];
			converged = ok;
			fit->iterations = iterations;
		}
		/* two starts that agree are enough */
		if (run > 0 && fabs(start[pick].deviance - previous) < 1e-6)
			break;
		previous = best->deviance;
	}
	if (isinf(best->deviance) || !converged || !polish(w, best, &fit->iterations))
		return LMM_NOT_CONVERGED;

	double		theta[LMM_MAX_PARAMS];

	fit->singular = canonical(w, best->theta, theta) > 0;
	return LMM_OK;
}
