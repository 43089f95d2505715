/*
 * gap.c
 *		How much of the gap between two schools is of use.
 *
 * With a normal gap of mean m and standard deviation s,
 *
 *		B = E[min(max(gap, 0), g)]/g = (s/g) [psi(a) - psi(b)],
 *		psi(x) = x Phi(x) + phi(x), a = m/s, b = (m - g)/s,
 *
 * which is the mean of Phi over (b, a), as psi' = Phi.  That difference is never
 * taken as it stands.  As gap and g - gap have complementary B, B(m) + B(g - m) = 1,
 * only m <= g/2 needs computing, where B is at most 1/2; and there
 *
 *	- where (b, a) is short, s being large, B is Phi's Taylor series about its middle;
 *	- otherwise psi(a) and psi(b) differ by a good part of psi(a), psi(-y) for y
 *	  beyond 3 being phi(y) times a continued fraction, in which nothing cancels.
 */
#include "sipp.h"

#include <math.h>

#include "score/score.h"

#define INV_SQRT_2PI 0.398942280401432677939946059934
#define LOG_SQRT_2PI 0.918938533204672741780329736405617640L

/* From here on tails go by the continued fraction. */
#define FRACTION_FROM 3.0

/* From here on phi(y) takes more than a double's exponent; and it is 0 in double. */
#define WIDE_FROM	8.0
#define NOTHING_FROM 40.0

/* An interval of length h about -y is short if h max(y, 4) is at most this. */
#define SHORT_INTERVAL 1.0

/* Terms of the series: the next is below 1e-20 of the sum where the interval is short. */
#define SERIES_TERMS 11

/*
 * Repeated integrals of the normal tail as ratios: with I_0 = Phi(-y) and
 * I_1 = psi(-y), (n + 1) I_(n+1) = I_(n-1) - y I_n (DLMF 7.18.7 for erfc), so that
 * the ratio of I_n to I_(n-1) is 1/(y + (n + 1) times the next ratio).  Returns
 * I_0/phi, Mills' ratio, and I_1/phi; y >= FRACTION_FROM.
 */
static double
tail_ratios(double y, double *psi)
{
	int			terms = 12 + (int) (300 / (y * y));
	double		next = 0;
	double		ratio = 0;

	for (int n = terms; n >= 0; n--)
	{
		next = ratio;
		ratio = 1 / (y + (n + 1) * next);
	}
	*psi = ratio * next;
	return ratio;
}

/* -log phi(y) */
static long double
density_loss(long double y)
{
	return y * y / 2 + LOG_SQRT_2PI;
}

/* phi(num/den): far out, where phi is steep, from more than a double's digits. */
static long double
density(long double num, double den)
{
	double		y = (double) num / den;

	if (fabs(y) < WIDE_FROM)
		return exp(-y * y / 2) * INV_SQRT_2PI;
	return expl(-density_loss(num / den));
}

/* psi(-y), y >= 0. */
static double
psi_below(double y)
{
	double		psi;

	if (y >= NOTHING_FROM)
		return 0;
	if (y < FRACTION_FROM)
		return exp(-y * y / 2) * INV_SQRT_2PI - y * (0.5 * erfc(y * M_SQRT1_2));
	(void) tail_ratios(y, &psi);
	return exp(-y * y / 2) * INV_SQRT_2PI * psi;
}

/*
 * Taylor series of the mean of Phi over (-y - k, -y + k), less Phi(-y), over
 * phi(y): sum of He_(n-1)(y) k^n/(n + 1)! over even n, by the recurrence of Hermite's
 * polynomials He_(n+1) = y He_n - n He_(n-1).
 */
static double
mean_series(double y, double k)
{
	double		last = 0;
	double		power = k;		/* He_(n-1) k^n, n = 1 */
	double		factorial = 1;
	double		sum = 0;

	for (int n = 1; n < 2 * SERIES_TERMS; n++)
	{
		double		next = y * k * power - (n - 1) * k * k * last;

		last = power;
		power = next;
		factorial *= n + 1;
		if (n % 2 == 1)
			sum += power / (factorial * (n + 2));
	}
	return sum;
}

/*
 * B for m <= g/2, s > 0, g > 0, as factor/width phi(num/s), three numbers none of
 * which underflows: returns the factor.  In the middle of the distribution num is 0.
 */
static double
low_gap(long double m, double s, double g, double *width, long double *num)
{
	double		h = g / s;
	double		a = (double) m / s;
	double		y = (double) (g / 2 - m) / s;
	double		psi;
	double		psi_end;
	double		apart;

	/* a short interval about -y */
	*width = 1;
	if (h * Max(y, 4) <= SHORT_INTERVAL)
	{
		*num = g / 2 - m;
		if (y >= FRACTION_FROM)
			return tail_ratios(y, &psi) + mean_series(y, h / 2);
		return 0.5 * erfc(y * M_SQRT1_2) / (exp(-y * y / 2) * INV_SQRT_2PI) + mean_series(y, h / 2);
	}

	/* all of it in the lower tail: from -y - h to -y */
	if (a < -FRACTION_FROM)
	{
		*num = -m;
		y = -a;
		(void) tail_ratios(y, &psi);
		apart = h * (y + h / 2);
		if (apart < 2 * NOTHING_FROM)
		{
			(void) tail_ratios(y + h, &psi_end);
			psi -= psi_end * exp(-apart);
		}
		*width = h;
		return psi;
	}

	*num = 0;
	if (a > NOTHING_FROM)
		return (double) m / g / INV_SQRT_2PI;
	psi = a > 0 ? a + psi_below(a) : psi_below(-a);
	*width = h;
	return (psi - psi_below((double) (g - m) / s)) / INV_SQRT_2PI;
}

/* B for m <= g/2. */
static double
low_value(long double m, double s, double g)
{
	long double num;
	double		width;
	double		factor = low_gap(m, s, g, &width, &num);

	if ((double) num / s >= NOTHING_FROM)
		return 0;
	return (double) (factor / width * density(num, s));
}

/* Limits at s = 0 and g = 0: a gap that is certain, and one of which any is enough. */
static double
limit_value(double m, double s, double g)
{
	if (s == 0)
		return m <= 0 ? 0 : m >= g ? 1 : m / g;
	return 0.5 * erfc(-m / s * M_SQRT1_2);
}

double
usable_gap(double m, double s, double g)
{
	if (s == 0 || g == 0)
		return limit_value(m, s, g);
	if (m <= g - m)
		return low_value(m, s, g);
	return 1 - low_value((long double) g - m, s, g);
}

double
usable_gap_loss(double m, double s, double g)
{
	long double num;
	double		width;
	double		factor;

	if (s == 0 || g == 0)
		return -log(limit_value(m, s, g));
	if (m > g - m)
		return -log1p(-low_value((long double) g - m, s, g));
	factor = low_gap(m, s, g, &width, &num);
	if ((double) num / s < WIDE_FROM)
		return -log((double) (factor / width * density(num, s)));
	return (double) (density_loss(num / s) - log(factor) + log(width));
}
