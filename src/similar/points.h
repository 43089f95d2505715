/*
 * points.h
 *		What points.c and nearest.c share: the one expression of each part of d^2,
 *		inline, because most of the time goes to it.
 */
#ifndef SIPP_POINTS_H
#define SIPP_POINTS_H

#include "num/linalg.h"
#include "similar/scale.h"

#define MAX_VARIABLES (SCHOOL_MAX_CONTEXT + 1)	/* with the profile as one */

/*
 * Mean positions differ by at most W; both are rounded, together by far less
 * than this at SCHOOL_MAX_BANDS bands.
 */
#define POSITION_SLACK 1e-13

static inline double
square(double x)
{
	return x * x;
}

/* The profile's part of d^2 at least, from mean positions that far apart. */
static inline double
position_bound(double apart, double factor)
{
	apart -= POSITION_SLACK;
	return apart > 0 ? square(factor * apart) : 0;
}

/* The variables that a school lacks, as bits; nothing where nobody does. */
static inline uint64
lacks_word(const Points *p, int i, int word)
{
	return p->lacks ? p->lacks[i][word] : 0;
}

static inline bool
lacks_any(const Points *p, int i)
{
	return p->lacks && (p->lacks[i][0] | p->lacks[i][1]) != 0;
}

/*
 * Factors of a distance that does without some variables, whose weight goes to the
 * others.  own: the unit's; of those left out it becomes 0.  False: no variable with a
 * spread is left.
 */
extern bool points_factors(const Points *p, const double *own, double own_profile,
						   const uint64 *lacks, double *factor, double *profile_factor);

/* Element v of the whitened t. */
static inline double
whitened_value(const Points *p, size_t v, const double *t)
{
	return linalg_dot(p->nvar, p->whitening + v * p->nvar, t);
}

/*
 * Variables' part of d^2; some value > limit as soon as it is known to be > limit.
 * Four accumulators: a single one would serialize on the latency of each addition.
 */
static inline double
value_distance(const Points *p, const double *factor, const double *x, const double *y,
			   double limit)
{
	int			nvar = p->nvar;
	int			v = 0;
	double		s[4] = {0};

	if (p->whitening)
	{
		double		t[MAX_VARIABLES];

		for (; v < nvar; v++)
			t[v] = factor[v] * (x[v] - y[v]);
		for (v = 0; v < nvar && !(s[0] > limit); v++)
			s[0] += square(whitened_value(p, v, t));
		return s[0];
	}
	for (; v + 4 <= nvar; v += 4)
	{
		for (int j = 0; j < 4; j++)
			s[j] += square(factor[v + j] * (x[v + j] - y[v + j]));
		if ((s[0] + s[1]) + (s[2] + s[3]) > limit)
			return (s[0] + s[1]) + (s[2] + s[3]);
	}
	for (int j = 0; v + j < nvar; j++)
		s[j] += square(factor[v + j] * (x[v + j] - y[v + j]));
	return (s[0] + s[1]) + (s[2] + s[3]);
}

#endif							/* SIPP_POINTS_H */
