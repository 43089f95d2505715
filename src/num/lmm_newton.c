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
#define DRAWN_STARTS 16

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

/*
 * Minimise the quadratic model within the radius, over all of the parameters
 * but the first `from`.
 */
static void
model_step(int params, int from, const LmmSlopesPoint *pt, double radius, Step *step)
{
	int			n = params - from;
	double		H[LMM_MAX_PARAMS * LMM_MAX_PARAMS];
	double		vec[LMM_MAX_PARAMS * LMM_MAX_PARAMS];
	double		value[LMM_MAX_PARAMS];
	double		g[LMM_MAX_PARAMS];
	double		y[LMM_MAX_PARAMS];
	double		flat;
	double		mu = 0;

	for (int i = 0; i < n; i++)
		memcpy(H + i * n, pt->H + (i + from) * params + from, sizeof(double) * (size_t) n);
	linalg_eigen(n, H, value, vec);
	for (int i = 0; i < n; i++)
		g[i] = linalg_dot(n, vec + i * n, pt->gradient + from);

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
		step->p[from + j] = 0;
		for (int i = 0; i < n; i++)
			step->p[from + j] += vec[i * n + j] * y[i];
	}
	for (int j = 0; j < from; j++)
		step->p[j] = 0;
	step->length = sqrt(linalg_dot(n, y, y));
}

/*
 * Descend from pt (evaluated) to a local minimum, with theta[0] fixed or not,
 * until no more than `enough` is to be gained; false if it was not reached.
 */
bool
lmm_slopes_minimise(LmmWork *w, bool fixed, double enough, LmmSlopesPoint *pt, int *iterations)
{
	int			n = w->params;
	double		radius = fmax(0.1, sqrt(linalg_dot(n, pt->theta, pt->theta)));

	for (int i = 0; i < MAX_ITERATIONS; i++)
	{
		Step		step;
		LmmSlopesPoint next = *pt;
		double		ratio = -1;

		model_step(n, fixed ? 1 : 0, pt, radius, &step);
		/* the deviance itself carries roundoff of about this size */
		if (step.predicted < fmax(enough, 1e-13 * (fabs(pt->deviance) + w->rows)))
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
	LmmSlopesPoint edge = *pt;
	bool		ok = lmm_slopes_minimise(w, false, 0, pt, iterations);

	for (int i = 0; i < MAXQ; i++)
	{
		int			zero = canonical(w, pt->theta, edge.theta);
		bool		edge_ok;

		if (zero == 0 || zero == zero_columns(w, pt->theta))
			break;
		if (!lmm_slopes_at(w, 2, &edge))
			break;
		edge_ok = lmm_slopes_minimise(w, false, 0, &edge, iterations);
		if (!(edge.deviance <= pt->deviance + 1e-9 * (1 + 1e-4 * fabs(pt->deviance))))
			break;
		*pt = edge;
		ok = edge_ok;
	}
	return ok;
}

/* The last digits: Newton steps until they no longer shrink fast. */
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
		LmmSlopesPoint next = *pt;

		model_step(n, 0, pt, INFINITY, &step);
		if (!step.interior || step.length > last / 4 || step.length == 0)
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

/*
 * Starts: 0, 1 slopes next to the intercept's standard deviation, 2 the identity
 * (as lme4), 3 the random-intercept model itself, then one term above all others,
 * then correlated ones at all scales, drawn but always the same.
 */
static void
fill_start(const LmmWork *w, int s, double lambda, LmmSlopesPoint *pt)
{
	double		usual = sqrt(fmax(lambda, 0.1 * w->J / w->total[0]));

	unsigned int state = (unsigned int) s;

	memset(pt, 0, sizeof(*pt));
	if (s >= 4 + w->q)
	{
		for (int i = 0, t = 0; i < w->q; i++)
		{
			double		size = usual;

			for (int c = -1; c <= i; c++)
			{
				double		uniform;

				state = state * 1664525U + 1013904223U;
				uniform = (double) (state >> 8) / (1 << 24) - 0.5;
				if (c < 0)
					size *= pow(10, 3 * uniform);
				else
					pt->theta[t++] = w->zconstant[i] ? 0 : 2 * size * uniform;
			}
		}
		return;
	}
	for (int i = 0; i < w->q; i++)
	{
		double	   *diagonal = &pt->theta[i * (i + 1) / 2 + i];

		if (w->zconstant[i])
			*diagonal = 0;
		else if (s == 2)
			*diagonal = 1;
		else if (s == 3)
			*diagonal = i == 0 ? sqrt(lambda) : 0;
		else if (s > 3)
			*diagonal = (i == s - 4 ? 4 : 0.05) * usual;
		else
			*diagonal = (i == 0 ? 1 : s == 0 ? 0.4 : 0.05) * usual;
	}
}

/*
 * The best of several starts; lambda is that of the random-intercept model.  With
 * few units the likelihood can have several modes, and a descent is cheap: there
 * all starts are run.  Otherwise two starts that agree are enough.  Whatever is
 * found is no worse than the random-intercept model.
 */
LmmStatus
lmm_slopes_search(LmmWork *w, double lambda, LmmFit *fit, LmmSlopesPoint *best)
{
	double		cost = (double) w->J * w->q * (w->k + 1) * (w->k + 1);
	bool		cheap = cost < 1e5;
	int			starts = 4 + (cheap ? w->q : 0) + (cost < 1e4 ? DRAWN_STARTS : 0);
	double		value[4 + MAXQ + DRAWN_STARTS];
	bool		usable[4 + MAXQ + DRAWN_STARTS];
	bool		converged = false;
	LmmSlopesPoint pt;

	for (int s = 0; s < starts; s++)
	{
		fill_start(w, s, lambda, &pt);
		usable[s] = lmm_slopes_at(w, 0, &pt);
		value[s] = pt.deviance;
	}

	memset(best, 0, sizeof(*best));
	best->deviance = INFINITY;
	fit->iterations = 0;
	for (int run = 0; run < starts; run++)
	{
		double		previous = best->deviance;
		int			pick = -1;
		int			iterations = 0;
		bool		ok;

		/* the most promising first; the random-intercept model last */
		for (int s = 0; s < starts; s++)
			if (usable[s] && s != 3 && (pick < 0 || value[s] < value[pick]))
				pick = s;
		if (pick < 0 && usable[3])
			pick = 3;
		if (pick < 0)
			break;
		usable[pick] = false;
		fill_start(w, pick, lambda, &pt);
		if (!lmm_slopes_at(w, 2, &pt))
			continue;
		ok = settle(w, &pt, &iterations);
		if (pt.deviance < best->deviance)
		{
			*best = pt;
			converged = ok;
			fit->iterations = iterations;
		}
		if (!cheap && fabs(pt.deviance - previous) < 1e-6 &&
			!(usable[3] && value[3] < best->deviance - 1e-9))
			break;
	}
	/* a curved valley, where sigma2 is next to nothing, can take longer */
	for (int more = 0; more < 10 && !isinf(best->deviance) && !converged; more++)
		converged = lmm_slopes_at(w, 2, best) && settle(w, best, &fit->iterations);
	if (!converged || !polish(w, best, &fit->iterations))
		return LMM_NOT_CONVERGED;

	fit->singular = canonical(w, best->theta, pt.theta) > 0;
	return LMM_OK;
}
