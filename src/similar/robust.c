/*
 * robust.c
 *		Percentiles, means and spreads of a variable over schools.
 */
#include "sipp.h"

#include <math.h>

#include "similar/scale.h"

/* qsort's comparison of finite numbers. */
static int
compare_numbers(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

double
scale_percentile(double *v, int n, double fraction)
{
	double		at = fraction * (n - 1);
	int			lo = (int) floor(at);
	int			hi = (int) ceil(at);

	qsort(v, n, sizeof(double), compare_numbers);
	return v[lo] + (at - lo) * (v[hi] - v[lo]);
}

/* Mean of n >= 1 numbers, by way of their differences from one of them. */
double
mean_of(const double *v, int n)
{
	double		shift = v[n / 2];
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += v[i] - shift;
	return shift + sum / n;
}

/* Sum of squared deviations, corrected for the mean's rounding. */
double
squares_about_mean(const double *v, int n)
{
	double		mean = mean_of(v, n);
	double		sum = 0;
	double		square = 0;

	for (int i = 0; i < n; i++)
	{
		double		d = v[i] - mean;

		sum += d;
		square += d * d;
	}
	return Max(square - sum * sum / n, 0);
}

/* The spread, unless it is only the rounding of numbers of that size: then 0. */
double
real_spread(double spread, double size)
{
	return spread > SCALE_NOISE * size && spread >= SCALE_MIN_SPREAD ? spread : 0;
}
