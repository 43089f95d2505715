/*
 * dist.c
 *		Distribution functions: normal, Student t, chi-square.
 *
 * All of them rest on the incomplete beta and gamma functions.  Their leading
 * factor is written as a deviance (Loader 2000, "Fast and accurate computation
 * of binomial probabilities"), so that nothing cancels when the degrees of
 * freedom are in the billions; what remains is a power series or a continued
 * fraction (DLMF 8.11.4, 8.9.2, 8.17.22), or for Student's t of many degrees of
 * freedom an expansion (8.18(ii)).  The work is done in long double: a
 * tail of 1e-300 is exp(-690), and the rounding of a double exponent alone
 * would cost three digits.  Where long double is no wider than double, tails
 * below 1e-100 keep 12 digits rather than 15.
 */
#include "dist.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#define PI_L		3.14159265358979323846264338327950288L
#define SQRT_HALF_L	0.707106781186547524400844362104849039L
#define HALF_LOG_2PI_L	0.918938533204672741780329736405617640L

/*
 * A series or fraction needs about ten times the square root of its parameter
 * in terms; this covers parameters up to 1e9 and bounds the rest.
 */
#define MAX_TERMS	400000

/* Both tails of a distribution at one point, and the density times the point. */
typedef struct Tails
{
	long double lower;
	long double upper;
	long double slope;			/* x f(x): the derivative by log x */
} Tails;

/* log(1 + u) - u, accurate for small u. */
static long double
log1p_minus(long double u)
{
	/* log(1 + u) = 2 atanh(r), r = u / (2 + u), and 2r - u = -ur */
	long double r = u / (2 + u);
	long double r2 = r * r;
	long double power = r2;
	long double sum = 0;

	if (fabsl(u) > 0.4L)
		return log1pl(u) - u;

	for (int i = 3; i < 80; i += 2)
	{
		long double term = power / i;

		sum += term;
		if (term <= sum * LDBL_EPSILON)
			break;
		power *= r2;
	}
	return r * (2 * sum - u);
}

/* log gamma(a + 1) less Stirling's (a + 1/2) log a - a + log(2 pi) / 2; a > 0. */
static long double
stirling_error(long double a)
{
	long double s = 1 / (a * a);

	if (a < 16)
	{
		/* gamma(a + 1) = gamma(a + 17) / ((a + 1) ... (a + 16)) */
		long double product = 1;
		long double up = a + 16;

		for (int i = 1; i <= 16; i++)
			product *= a + i;
		return stirling_error(up) + (up + 0.5L) * logl(up) - (a + 0.5L) * logl(a)
			- 16 - logl(product);
	}
	return (1.0L / 12 - s * (1.0L / 360 - s * (1.0L / 1260 - s * (1.0L / 1680 -
			s * (1.0L / 1188 - s * (691.0L / 360360 - s * (1.0L / 156 -
			s * (3617.0L / 122400 - s * (43867.0L / 244188))))))))) / a;
}

/* a log(m / a) - (m - a), where d = m - a is known without cancellation. */
static long double
deviance(long double a, long double m, long double d)
{
	if (fabsl(d) <= 0.4L * a)
		return a * log1p_minus(d / a);
	return a * logl(m / a) - d;
}

/* Incomplete gamma function, both tails; a > 0, x > 0 finite. */
static Tails
gamma_tails(long double a, long double x)
{
	Tails		res;

	/* x^a e^-x / gamma(a + 1) */
	long double front = expl(deviance(a, x, x - a) - stirling_error(a)) / sqrtl(2 * PI_L * a);

	res.slope = front * a;
	if (x < a + 1)
	{
		long double term = 1;
		long double sum = 1;

		for (int i = 1; i < MAX_TERMS && term > sum * LDBL_EPSILON; i++)
		{
			term *= x / (a + i);
			sum += term;
		}
		res.lower = fminl(front * sum, 1);
		res.upper = 1 - res.lower;
	}
	else
	{
		/* Lentz's method on 1/(x+1-a- 1(1-a)/(x+3-a- 2(2-a)/(x+5-a- ... */
		long double b = x + 1 - a;
		long double d = 1 / b;
		long double c = LDBL_MAX;
		long double f = d;

		for (int i = 1; i < MAX_TERMS; i++)
		{
			long double num = -i * (i - a);

			b += 2;
			d = 1 / (num * d + b);
			c = b + num / c;
			f *= c * d;
			if (fabsl(c * d - 1) < 2 * LDBL_EPSILON)
				break;
		}
		res.upper = fminl(front * a * f, 1);
		res.lower = 1 - res.upper;
	}
	return res;
}

/*
 * Continued fraction of I_x(a, b) over x^a y^b / B(a, b), given y = 1 - x and
 * lambda = a y - b x without cancellation, by Lentz's method.  This is the even
 * part of DLMF 8.17.22 in the form of Didonato and Morris (1992, equation 9):
 * near x = 1 with large a the plain fraction cancels, and this one does not.
 */
static long double
beta_fraction(long double x, long double y, long double a, long double b, long double lambda)
{
	long double beta = a / (a + 1) * (lambda + 1);
	long double c = LDBL_MAX;
	long double d = 1 / beta;
	long double f = d;

	for (int i = 1; i < MAX_TERMS; i++)
	{
		long double n = i;
		long double odd = a + 2 * n - 1;
		long double alpha = (a + n - 1) / odd * ((a + b + n - 1) / odd) * n * (b - n) * x * x;

		beta = n + n * (b - n) * x / odd + (a + n) / (a + 2 * n + 1) * (lambda + 1 + n * (1 + y));
		d = 1 / (beta + alpha * d);
		c = beta + alpha / c;
		f *= c * d;
		if (fabsl(c * d - 1) < 2 * LDBL_EPSILON)
			break;
	}
	return f;
}

/*
 * Incomplete beta function, both tails; a, b > 0, and x, y = 1 - x > 0 each
 * given without cancellation.  The slope is x^a y^b / B(a, b).
 */
static Tails
beta_tails(long double x, long double y, long double a, long double b)
{
	Tails		res;
	long double s = a + b;
	long double d = x * b - y * a;	/* x s - a = b - y s */
	long double front;

	front = expl(deviance(a, x * s, d) + deviance(b, y * s, -d) +
				 stirling_error(s) - stirling_error(a) - stirling_error(b)) *
		sqrtl(a / s * b / (2 * PI_L));

	res.slope = front;
	if (x * (s + 2) < a + 1)
	{
		res.lower = fminl(front * beta_fraction(x, y, a, b, -d), 1);
		res.upper = 1 - res.lower;
	}
	else
	{
		res.upper = fminl(front * beta_fraction(y, x, b, a, d), 1);
		res.lower = 1 - res.upper;
	}
	return res;
}

/*
 * Coefficients of ((1 - e^-t) / t)^(-1/2) about t = 0; its nearest singularities
 * are at +-2 pi i.
 */
#define NSHAPE		14
static const long double shape[NSHAPE] = {
	1, 1 / 4.0L, 1 / 96.0L, -1 / 384.0L, -1 / 10240.0L, 19 / 368640.0L, 79 / 61931520.0L,
	-55 / 49545216.0L, -2339 / 118908518400.0L, 11813 / 475634073600.0L,
	677 / 1993133260800.0L, -2117 / 3720515420160.0L, -308963 / 48753634065776640.0L,
	64604977 / 4875363406577664000.0L
};

/* Where the expansion below is as exact as the continued fraction. */
#define LARGE_DF	1000
#define LARGE_RATIO	0.25L		/* of t^2 / df */
#define LARGE_T		0.05L		/* below it 1 - upper has too few digits of lower */
#define NLARGE		6

/*
 * t_tails for many degrees of freedom, with a = df / 2 and xi = log(1 + t^2 / df):
 *
 *		P(|T| > t) = gamma(a + 1/2) / gamma(a) / sqrt(a) * sum over k of d_k F_k,
 *		F_0 = erfc(sqrt(a xi)),
 *		a F_1 = (1/2 - a xi) F_0 + sqrt(a xi / pi) e^(-a xi),
 *		a F_(k+1) = (k + 1/2 - a xi) F_k + k xi F_(k-1),
 *
 * where d_k are the coefficients of the shape above about t = xi.  The k-th term
 * is some k! / (2 pi a)^k of the first, and those left out are below 1e-17.  It
 * takes a third of the time of the fraction, which matters because every school
 * has a probability.  Source: DLMF 8.18.9 to 8.18.12, b = 1/2.
 */
static Tails
t_tails_large(long double t, long double df, long double ratio)
{
	Tails		res;
	long double xi = log1pl(ratio);
	long double a = df / 2;
	long double s = a * xi;
	long double decay = expl(-s);
	long double r = 1 / a;
	long double front;
	long double before = 0;
	long double f = erfcl(sqrtl(s));
	long double sum = 0;
	long double d[NLARGE] = {0};
	int			nshape = xi < 1e-3L ? 6 : NSHAPE;
	int			nterm = a > 1e5L ? 4 : NLARGE;

	/* gamma(a + 1/2) / gamma(a) / sqrt(a), DLMF 5.11.13 */
	front = 1 - r * (1 / 8.0L - r * (1 / 128.0L + r * (5 / 1024.0L - r * (21 / 32768.0L +
			r * (399 / 262144.0L - r * (869 / 4194304.0L))))));

	/* the polynomial about xi in place of 0, by Horner's scheme */
	for (int m = nshape - 1; m >= 0; m--)
	{
		for (int k = nterm - 1; k > 0; k--)
			d[k] = d[k] * xi + d[k - 1];
		d[0] = d[0] * xi + shape[m];
	}
	for (int k = 0; k < nterm; k++)
	{
		long double next = (k + 0.5L - s) * f + k * xi * before;

		if (k == 0)
			next += sqrtl(s / PI_L) * decay;
		sum += d[k] * f;
		before = f;
		f = next / a;
	}
	res.upper = fminl(front * sum, 1);
	res.lower = 1 - res.upper;
	res.slope = 2 * t * front * decay / sqrtl(2 * PI_L * (1 + ratio));
	return res;
}

/*
 * |T| against t > 0: lower = P(|T| <= t), upper = P(|T| > t), slope by log t.
 * The relation is I_x(df/2, 1/2) = P(|T| > t), x = df / (df + t^2).
 */
static Tails
t_tails(long double t, long double df)
{
	Tails		res;
	Tails		beta;
	long double root = t / sqrtl(df);
	long double ratio = root * root;
	long double y;
	long double x;

	/* from here on the normal differs by less than a rounding error */
	if (df > 1e25L)
	{
		res.lower = erfl(t * SQRT_HALF_L);
		res.upper = erfcl(t * SQRT_HALF_L);
		res.slope = 2 * t * expl(-t * t / 2 - HALF_LOG_2PI_L);
		return res;
	}

	if (df >= LARGE_DF && t >= LARGE_T && ratio <= LARGE_RATIO)
		return t_tails_large(t, df, ratio);

	if (ratio < 1)
	{
		y = ratio / (1 + ratio);
		x = 1 / (1 + ratio);
	}
	else
	{
		y = 1 / (1 + 1 / ratio);
		x = 1 / ratio / (1 + 1 / ratio);
	}
	if (!(y > 0))				/* t so small that its square is 0 */
		return (Tails) {0, 1, 0};
	if (!(x > 0))
		return (Tails) {1, 0, 0};

	beta = beta_tails(y, x, 0.5L, df / 2);
	res.lower = beta.lower;
	res.upper = beta.upper;
	res.slope = 2 * beta.slope;
	return res;
}

/* Standard normal distribution function. */
double
dist_norm_cdf(double x)
{
	return (double) (0.5L * erfcl(-(long double) x * SQRT_HALF_L));
}

/* Upper tail of the standard normal. */
double
dist_norm_sf(double x)
{
	return dist_norm_cdf(-x);
}

/*
 * Positive root of log(tail) = log(target) by Newton's method in s = log x,
 * where tails() gives the tails at x.  Both log tails of these distributions
 * are concave in s, so that after one step the iterates approach the root from
 * one side; the bound is for arguments at the very edge of the range.
 */
static double
solve_tail(Tails (*tails) (long double x, long double param), long double param,
		   bool upper, long double target, long double start)
{
	long double s = logl(start);

	for (int i = 0; i < 60; i++)
	{
		Tails		at = tails(expl(s), param);
		long double value = upper ? at.upper : at.lower;
		long double step;

		if (!(value > 0) || !(at.slope > 0))
			return (double) expl(s);
		step = logl(value / target) * value / (upper ? at.slope : -at.slope);
		if (isnan(step))
			break;
		s += step;
		if (s > 720)
			return HUGE_VAL;
		if (s < -760)
			return 0;
		if (fabsl(step) < 1e-17L)
			break;
	}
	return (double) expl(s);
}

/* Normal upper quantile to three digits, q < 1/2: a place to start from. */
static long double
norm_start(long double q)
{
	long double t = sqrtl(-2 * logl(q));

	/* Abramowitz and Stegun 26.2.22 */
	return t - (2.30753L + 0.27061L * t) / (1 + t * (0.99229L + 0.04481L * t));
}

/* Quantile of Student's t, df possibly infinite. */
double
dist_t_quantile(double p, double df)
{
	double		tail = p < 0.5 ? p : 1 - p; /* exact from 1/2 on */
	double		t;

	if (!(p >= 0 && p <= 1) || !(df > 0))
		return NAN;
	if (tail == 0)
		return p == 0 ? -HUGE_VAL : HUGE_VAL;
	if (p == 0.5)
		return 0;

	/* near the centre p - 1/2 is exact, and small; elsewhere the tail is */
	if (tail > 0.25)
		t = solve_tail(t_tails, df, false, 2 * fabsl((long double) p - 0.5L),
					   2.5L * fabsl((long double) p - 0.5L));
	else
		t = solve_tail(t_tails, df, true, 2 * (long double) tail, norm_start(tail));
	return p < 0.5 ? -t : t;
}

/* Standard normal quantile. */
double
dist_norm_quantile(double p)
{
	return dist_t_quantile(p, HUGE_VAL);
}

/* Student's t distribution function. */
double
dist_t_cdf(double t, double df)
{
	Tails		at;

	if (isnan(t) || !(df > 0))
		return NAN;
	if (isinf(t))
		return t < 0 ? 0 : 1;
	if (t == 0)
		return 0.5;
	at = t_tails(fabsl((long double) t), df);
	return (double) (t < 0 ? at.upper / 2 : 0.5L + at.lower / 2);
}

/* Two-sided tail of Student's t. */
double
dist_t_two_sided(double t, double df)
{
	if (isnan(t) || !(df > 0))
		return NAN;
	if (isinf(t))
		return 0;
	if (t == 0)
		return 1;
	return (double) t_tails(fabsl((long double) t), df).upper;
}

/* Regularised upper incomplete gamma function. */
double
dist_gamma_q(double a, double x)
{
	if (!(a > 0) || isinf(a) || !(x >= 0))
		return NAN;
	if (x == 0)
		return 1;
	if (isinf(x))
		return 0;
	return (double) gamma_tails(a, x).upper;
}

/* Upper tail of chi-square. */
double
dist_chisq_sf(double x, double df)
{
	if (!(df > 0) || isinf(df) || isnan(x))
		return NAN;
	if (x <= 0)
		return 1;
	return dist_gamma_q(df / 2, x / 2);
}

/* Chi-square as solve_tail wants it. */
static Tails
chisq_tails(long double x, long double df)
{
	return gamma_tails(df / 2, x / 2);
}

/* Quantile of chi-square. */
double
dist_chisq_quantile(double p, double df)
{
	bool		upper = p > 0.5;
	long double tail = upper ? 1 - (long double) p : p;
	long double z;
	long double h;
	long double root;
	long double start;

	if (!(p >= 0 && p <= 1) || !(df > 0) || isinf(df))
		return NAN;
	if (p == 0)
		return 0;
	if (p == 1)
		return HUGE_VAL;

	/* Wilson and Hilferty; where that is negative, the first term of the series */
	z = p == 0.5 ? 0 : norm_start(tail);
	h = 2 / (9 * (long double) df);
	root = 1 - h + (upper ? z : -z) * sqrtl(h);
	start = df * root * root * root;
	if (root < 0.2L)
	{
		long double a = df / 2.0L;
		long double log_gamma = (a + 0.5L) * logl(a) - a + HALF_LOG_2PI_L + stirling_error(a);
		long double log_start = (logl(p) + log_gamma) / a + logl(2.0L);

		if (log_start < -760)
			return 0;
		start = expl(log_start);
	}
	return solve_tail(chisq_tails, df, upper, tail, start);
}

/* Regularised incomplete beta function. */
double
dist_beta_inc(double x, double a, double b)
{
	if (!(a > 0) || !(b > 0) || isinf(a) || isinf(b) || !(x >= 0 && x <= 1))
		return NAN;
	if (x == 0 || x == 1)
		return x;
	return (double) beta_tails(x, 1 - (long double) x, a, b).lower;
}
