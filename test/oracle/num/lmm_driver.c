/*
 * lmm_driver.c
 *		Runs src/num on plain text, so that peers can check its figures.
 *
 *		lmm_driver fit FILE [ml] [slopes C1,C2..] [at L11,L21,L22..] [effects]
 *		lmm_driver dist			reads "function args.." lines from standard input
 *		lmm_driver abuse SEED COUNT		fits random degenerate problems, checks properties
 *
 * FILE: a line "N P WEIGHTED", then N rows "unit weight y x1 .. xP".  Rows are
 * reduced in long double and two passes, so that the reduction adds nothing to
 * the errors of what is tested.  Coefficients, D and effects are printed in the
 * coordinates of the file (not centred); so is Lambda after "at".
 */
#include "dist.h"
#include "lmm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define Q LMM_MAX_RANDOM

static int	rows,
			xcols,
			weighted,
			J;
static int *unit;
static long double *w,
		   *a;					/* [rows][1 + xcols + 1]: 1, x, y */

static double *n,
		   *mean,
		   *within,
		   *zs,
		   *grand;

static void
die(const char *why)
{
	fprintf(stderr, "lmm_driver: %s\n", why);
	exit(2);
}

static void *
get(size_t count, size_t size)
{
	void	   *ptr = calloc(count ? count : 1, size);

	if (!ptr)
		die("out of memory");
	return ptr;
}

static double
number(FILE *f)
{
	char		word[64];

	if (fscanf(f, "%63s", word) != 1)
		die("the file ends early");
	return strtod(word, NULL);
}

static void
load(const char *path)
{
	FILE	   *f = fopen(path, "r");
	int			p1;

	if (!f || fscanf(f, "%d %d %d", &rows, &xcols, &weighted) != 3)
		die("no header in the file");
	p1 = xcols + 2;
	unit = get((size_t) rows, sizeof(int));
	w = get((size_t) rows, sizeof(long double));
	a = get((size_t) rows * (size_t) p1, sizeof(long double));
	for (int i = 0; i < rows; i++)
	{
		long double *row = a + (size_t) i * (size_t) p1;

		unit[i] = (int) number(f);
		w[i] = number(f);
		row[0] = 1;
		row[p1 - 1] = number(f);
		for (int c = 1; c <= xcols; c++)
			row[c] = number(f);
		if (unit[i] >= J)
			J = unit[i] + 1;
	}
	fclose(f);
}

static void
reduce(int q, const int *zcol)
{
	int			p1 = xcols + 2;
	long double *m = get((size_t) J * (size_t) p1, sizeof(long double));
	long double *nw = get((size_t) J, sizeof(long double));
	long double *mu = get((size_t) p1, sizeof(long double));
	long double *W = get((size_t) p1 * (size_t) p1, sizeof(long double));
	long double *Z = get((size_t) J * (size_t) q * (size_t) p1, sizeof(long double));
	long double total = 0;

	n = get((size_t) J, sizeof(double));
	mean = get((size_t) J * (size_t) p1, sizeof(double));
	within = get((size_t) p1 * (size_t) p1, sizeof(double));
	zs = get((size_t) J * (size_t) q * (size_t) p1, sizeof(double));
	grand = get((size_t) p1, sizeof(double));
	for (int i = 0; i < rows; i++)
	{
		nw[unit[i]] += w[i];
		for (int c = 0; c < p1; c++)
			m[unit[i] * p1 + c] += w[i] * a[i * p1 + c];
	}
	for (int j = 0; j < J; j++)
	{
		total += nw[j];
		for (int c = 1; c < p1; c++)
			mu[c] += m[j * p1 + c];
		for (int c = 0; c < p1; c++)
			m[j * p1 + c] /= nw[j];
	}
	for (int c = 1; c < p1; c++)
		grand[c] = (double) (mu[c] / total);
	for (int i = 0; i < rows; i++)
	{
		const long double *mj = m + unit[i] * p1;
		const long double *row = a + (size_t) i * (size_t) p1;

		for (int c = 1; c < p1; c++)
			for (int d = 1; d < p1; d++)
			{
				long double s = w[i] * (row[c] - mj[c]) * (row[d] - mj[d]);

				W[c * p1 + d] += s;
				for (int k = 1; k < q; k++)
					if (zcol[k] == c)
						Z[(unit[i] * (q - 1) + k - 1) * p1 + d] += s;
			}
	}
	for (int j = 0; j < J; j++)
	{
		n[j] = (double) nw[j];
		mean[j * p1] = 1;
		for (int c = 1; c < p1; c++)
			mean[j * p1 + c] = (double) (m[j * p1 + c] - grand[c]);
	}
	for (int i = 0; i < p1 * p1; i++)
		within[i] = (double) W[i];
	for (int i = 0; i < J * (q - 1) * p1; i++)
		zs[i] = (double) Z[i];

	/* the caller's duty (lmm.h): what varies by rounding only is made constant */
	for (int c = 1; c < p1; c++)
	{
		double		ss = within[c * p1 + c];

		for (int j = 0; j < J; j++)
			ss += n[j] * mean[j * p1 + c] * mean[j * p1 + c];
		/* written so that NaN is left alone */
		if (!(sqrt(ss / (double) total) <= 1e-14 * fabs(grand[c])))
			continue;
		for (int i = 0; i < p1; i++)
			within[i * p1 + c] = within[c * p1 + i] = 0;
		for (int j = 0; j < J; j++)
		{
			mean[j * p1 + c] = 0;
			for (int k = 0; k < q - 1; k++)
				zs[(j * (q - 1) + k) * p1 + c] = 0;
		}
	}
	free(m);
	free(nw);
	free(mu);
	free(W);
	free(Z);
}

/* out = T D T', T = I with first row (1, -mu_z * sign). */
static void
move_origin(int q, const int *zcol, double sign, const double *D, double *out)
{
	double		T[Q * Q] = {0};

	for (int i = 0; i < q; i++)
		T[i * q + i] = 1;
	for (int i = 1; i < q; i++)
		T[i] = -sign * grand[zcol[i]];
	for (int i = 0; i < q; i++)
		for (int j = 0; j < q; j++)
		{
			out[i * q + j] = 0;
			for (int k = 0; k < q; k++)
				for (int l = 0; l < q; l++)
					out[i * q + j] += T[i * q + k] * D[k * q + l] * T[j * q + l];
		}
}

static void
print(const char *key, const double *x, int count)
{
	printf("%s", key);
	for (int i = 0; i < count; i++)
		printf(" %.17g", x[i]);
	printf("\n");
}

static void
interrupt(void)
{
}

static int
fit_file(int argc, char **argv)
{
	int			zcol[Q] = {0};
	int			q = 1;
	bool		at = false;
	bool		effects = false;
	double		L[Q * Q] = {0};
	LmmProblem	prob = {0};
	LmmFit		fit;
	LmmStatus	status;
	void	   *work;
	double	   *c;
	int			p;

	load(argv[2]);
	p = xcols + 1;
	prob.reml = true;
	for (int i = 3; i < argc; i++)
	{
		if (strcmp(argv[i], "ml") == 0)
			prob.reml = false;
		else if (strcmp(argv[i], "effects") == 0)
			effects = true;
		else if (strcmp(argv[i], "slopes") == 0 && i + 1 < argc)
		{
			for (char *t = strtok(argv[++i], ","); t && q < Q; t = strtok(NULL, ","))
				zcol[q++] = atoi(t);
		}
		else if (strcmp(argv[i], "at") == 0 && i + 1 < argc)
		{
			char	   *t = strtok(argv[++i], ",");

			at = true;
			for (int r = 0; r < q; r++)
				for (int s = 0; s <= r; s++, t = strtok(NULL, ","))
					L[r * q + s] = t ? atof(t) : 0;
		}
		else
			die("unknown option");
	}
	reduce(q, zcol);

	prob.J = J;
	prob.p = p;
	prob.q = q;
	prob.rows = rows;
	for (int i = 0; i < rows; i++)
		prob.sum_log_w += (double) logl(w[i]);
	prob.n = n;
	prob.mean = mean;
	prob.within = within;
	prob.zcol = zcol;
	prob.zs = q > 1 ? zs : NULL;
	prob.interrupt = interrupt;
	work = get(1, lmm_workspace(J, p, q));

	if (at)
	{
		double		psi[Q * Q];
		double		moved[Q * Q];

		for (int i = 0; i < q; i++)
			for (int j = 0; j < q; j++)
			{
				psi[i * q + j] = 0;
				for (int k = 0; k < q; k++)
					psi[i * q + j] += L[i * q + k] * L[j * q + k];
			}
		move_origin(q, zcol, -1, psi, moved);
		memset(L, 0, sizeof(L));
		for (int i = 0; i < q; i++)
			for (int j = 0; j <= i; j++)
			{
				double		s = moved[i * q + j];

				for (int k = 0; k < j; k++)
					s -= L[i * q + k] * L[j * q + k];
				if (i == j)
					L[i * q + i] = s > 1e-13 * moved[i * q + i] ? sqrt(s) : 0;
				else
					L[i * q + j] = L[j * q + j] > 0 ? s / L[j * q + j] : 0;
			}
		status = lmm_evaluate(&prob, L, &fit, work);
	}
	else
		status = lmm_fit(&prob, &fit, work);

	printf("status %d\n", (int) status);
	printf("rank %d\n", fit.rank);
	if (status != LMM_OK)
	{
		free(work);
		return 0;
	}

	/* back to the coordinates of the file */
	c = get((size_t) p, sizeof(double));
	printf("b");
	for (int i = 0; i < p; i++)
	{
		double		b = fit.b[i];

		if (i == 0)
		{
			b += grand[p];
			for (int k = 1; k < p; k++)
				if (!fit.aliased[k])
					b -= grand[k] * fit.b[k];
		}
		printf(" %.17g", b);
	}
	for (int which = 0; which < 2; which++)
	{
		printf(which == 0 ? "\nse" : "\ndf");
		for (int i = 0; i < p; i++)
		{
			double		v = 0;

			memset(c, 0, sizeof(double) * (size_t) p);
			c[i] = 1;
			for (int k = 1; k < p && i == 0; k++)
				c[k] = fit.aliased[k] ? 0 : -grand[k];
			for (int k = 0; k < p; k++)
				for (int l = 0; l < p; l++)
					v += c[k] * fit.V[k * p + l] * c[l];
			printf(" %.17g", which == 0 ? (fit.aliased[i] ? NAN : sqrt(v)) :
				   lmm_contrast_df(&prob, &fit, work, c));
		}
	}
	printf("\n");
	{
		double		D[Q * Q];

		move_origin(q, zcol, 1, fit.D, D);
		print("D", D, q * q);
		print("Dcentred", fit.D, q * q);
		print("Lambda", fit.Lambda, q * q);
	}
	print("sigma2", &fit.sigma2, 1);
	print("deviance", &fit.deviance, 1);
	print("null_deviance", &fit.null_deviance, 1);
	printf("singular %d\niterations %d\noptima %d\n", fit.singular, fit.iterations, fit.optima);
	print("var_lo", &fit.var_lo, 1);
	print("var_hi", &fit.var_hi, 1);
	print("icc_lo", &fit.icc_lo, 1);
	print("icc_hi", &fit.icc_hi, 1);
	for (int j = 0; j < J && effects; j++)
		for (int in = 1; in >= 0; in--)
		{
			LmmEffect	e;
			double		moved[Q * Q];

			lmm_effect(&(LmmFitted) {p, q, zcol, fit.b, fit.V, fit.sigma2, fit.Lambda},
					   &(LmmUnitData) {n[j], mean + j * (p + 1),
									   q > 1 ? zs + j * (q - 1) * (p + 1) : NULL},
					   in, &e);
			printf("%s %d", in ? "effect" : "outside", j);
			for (int i = 1; i < q; i++)
				e.u[0] -= grand[zcol[i]] * e.u[i];
			for (int i = 0; i < q; i++)
				printf(" %.17g", e.u[i]);
			move_origin(q, zcol, 1, e.conditional, moved);
			for (int i = 0; i < q * q; i++)
				printf(" %.17g", moved[i]);
			move_origin(q, zcol, 1, e.comparative, moved);
			for (int i = 0; i < q * q; i++)
				printf(" %.17g", moved[i]);
			move_origin(q, zcol, 1, e.diagnostic, moved);
			for (int i = 0; i < q * q; i++)
				printf(" %.17g", moved[i]);
			printf("\n");
		}
	free(c);
	free(work);
	return 0;
}

static int
distributions(void)
{
	char		line[256];

	while (fgets(line, sizeof(line), stdin))
	{
		char		name[32];
		char		word[3][64] = {"0", "0", "0"};
		double		x[3];
		double		v = NAN;

		if (sscanf(line, "%31s %63s %63s %63s", name, word[0], word[1], word[2]) < 2)
			die("bad line");
		for (int i = 0; i < 3; i++)
			x[i] = strtod(word[i], NULL);
		if (strcmp(name, "norm_cdf") == 0)
			v = dist_norm_cdf(x[0]);
		else if (strcmp(name, "norm_sf") == 0)
			v = dist_norm_sf(x[0]);
		else if (strcmp(name, "norm_quantile") == 0)
			v = dist_norm_quantile(x[0]);
		else if (strcmp(name, "t_cdf") == 0)
			v = dist_t_cdf(x[0], x[1]);
		else if (strcmp(name, "t_two_sided") == 0)
			v = dist_t_two_sided(x[0], x[1]);
		else if (strcmp(name, "t_quantile") == 0)
			v = dist_t_quantile(x[0], x[1]);
		else if (strcmp(name, "chisq_sf") == 0)
			v = dist_chisq_sf(x[0], x[1]);
		else if (strcmp(name, "chisq_quantile") == 0)
			v = dist_chisq_quantile(x[0], x[1]);
		else if (strcmp(name, "beta_inc") == 0)
			v = dist_beta_inc(x[0], x[1], x[2]);
		else if (strcmp(name, "gamma_q") == 0)
			v = dist_gamma_q(x[0], x[1]);
		else
			die("unknown function");
		printf("%.17g\n", v);
	}
	return 0;
}

/* A uniform number in [0, 1) from a fixed generator, the same everywhere. */
static double
uniform(void)
{
	static unsigned long long state = 1;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (double) (state >> 11) * 0x1p-53;
}

/* Roughly normal. */
static double
noise(void)
{
	return uniform() + uniform() + uniform() + uniform() - 2;
}

static void
complain(int i, const char *what)
{
	printf("!problem %d: %s\n", i, what);
}

static bool
finite_all(const double *x, int count)
{
	for (int i = 0; i < count; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

/*
 * Random problems out of awkward pieces (few units, few rows, copied and constant
 * columns, coarse outcomes, wild scales), each fitted with and without slopes:
 * a fit that is accepted has finite figures and is no worse than without slopes.
 */
static int
abuse(int seed, int count)
{
	static const char *name[] = {"ok", "too_few_units", "not_identified", "too_few_rows",
	"no_residual", "not_finite", "not_converged", "saturated", "no_pupil_variance"};
	int			tally[9] = {0};
	int			missed = 0;
	int			open_ends = 0;

	for (int i = 0; i < seed; i++)
		uniform();
	for (int i = 0; i < count; i++)
	{
		double		sd_u = uniform() < 0.3 ? 0 : pow(10, 4 * uniform() - 2);
		double		scale[4];
		int			kind[4];
		int			p1;
		int			max_n = 1 + (int) (uniform() * 9);
		bool		coarse = uniform() < 0.3;
		double		previous = INFINITY;
		double		intercept = INFINITY;

		J = 1 + (int) (uniform() * (uniform() < 0.5 ? 4 : 25));
		xcols = (int) (uniform() * 5);
		p1 = xcols + 2;
		rows = 0;
		unit = get((size_t) (J * max_n), sizeof(int));
		w = get((size_t) (J * max_n), sizeof(long double));
		a = get((size_t) (J * max_n * p1), sizeof(long double));
		for (int c = 0; c < 4; c++)
		{
			scale[c] = uniform() < 0.5 ? 1 : pow(10, 12 * uniform() - 6);
			kind[c] = (int) (uniform() * 6);
		}
		for (int j = 0; j < J; j++)
		{
			double		u = sd_u * noise();
			double		v = sd_u * noise() * (kind[0] != 3);

			for (int r = 1 + (int) (uniform() * max_n); r > 0; r--, rows++)
			{
				long double *row = a + rows * p1;

				unit[rows] = j;
				w[rows] = kind[3] == 5 ? 0.1 + uniform() : 1;
				row[0] = 1;
				for (int c = 0; c < xcols; c++)
					switch (kind[c])
					{
						case 0:
							row[c + 1] = uniform() < 0.5;
							break;
						case 1:
							row[c + 1] = c > 0 ? row[c] : 3;
							break;
						case 2:
							row[c + 1] = j % 3;
							break;
						default:
							row[c + 1] = (noise() + kind[c] - 3) * scale[c];
					}
				row[p1 - 1] = u + noise();
				if (xcols > 0)
					row[p1 - 1] += (1 + v) * row[1] / (kind[0] > 2 ? scale[0] : 1);
				if (coarse)
					row[p1 - 1] = roundl(row[p1 - 1]);
			}
		}

		for (int q = 1; q <= xcols + 1 && q <= Q; q++)
		{
			int			zcol[Q] = {0, 1, 2, 3, 4};
			LmmProblem	prob = {0};
			LmmFit		fit;
			LmmStatus	status;
			size_t		size = lmm_workspace(J, xcols + 1, q);
			void	   *work = get(1, size);
			double		c[8] = {1};
			LmmEffect	e;

			reduce(q, zcol);
			prob.J = J;
			prob.p = xcols + 1;
			prob.q = q;
			prob.rows = rows;
			for (int r = 0; r < rows; r++)
				prob.sum_log_w += (double) logl(w[r]);
			prob.n = n;
			prob.mean = mean;
			prob.within = within;
			prob.zcol = zcol;
			prob.zs = q > 1 ? zs : NULL;
			prob.reml = i % 2 == 0;
			status = lmm_fit(&prob, &fit, work);
			tally[status]++;
			if (status == LMM_OK)
			{
				double		df = lmm_contrast_df(&prob, &fit, work, c);

				for (int k = 0; k < prob.p; k++)
				{
					if (fit.aliased[k] ? !isnan(fit.b[k]) : !isfinite(fit.b[k]))
						complain(i, "b");
					for (int l = 0; l < prob.p; l++)
						if (fit.aliased[k] && (fit.V[k * prob.p + l] != 0 || fit.V[l * prob.p + k] != 0))
							complain(i, "V of an aliased column");
				}
				if (!finite_all(fit.V, prob.p * prob.p) || !finite_all(fit.D, q * q) ||
					!finite_all(fit.Lambda, q * q) || !finite_all(&fit.deviance, 1) ||
					!finite_all(&fit.null_deviance, 1) || !(fit.sigma2 > 0))
					complain(i, "a figure is not finite");
				if (!(df > 0))
					complain(i, "degrees of freedom");
				if (fit.deviance > fit.null_deviance + 1e-7)
					complain(i, "worse than no random term");
				if (fit.deviance > intercept + 1e-7)
					complain(i, "worse than the random intercept");
				/* among several modes even the best start can miss the deepest */
				missed += fit.deviance > previous + 1e-7;
				if (!(fit.var_lo >= 0 && fit.var_lo <= fit.D[0] && fit.var_hi >= fit.D[0]))
				{
					if (q == 1 || !isnan(fit.var_lo))
						complain(i, "interval of the variance");
					open_ends++;
				}
				if (!(fit.icc_lo >= 0 && fit.icc_hi <= 1 && fit.icc_lo <= fit.icc_hi))
				{
					if (q == 1 || !isnan(fit.icc_lo))
						complain(i, "interval of the intraclass correlation");
					open_ends++;
				}
				for (int k = 0; k < q; k++)
					if (fit.Lambda[k * q + k] < 0)
						complain(i, "sign of Lambda");
				for (int in = 0; in < 2; in++)
				{
					lmm_effect(&(LmmFitted) {prob.p, q, zcol, fit.b, fit.V, fit.sigma2, fit.Lambda},
							   &(LmmUnitData) {n[0], mean, prob.zs}, in, &e);
					for (int k = 0; k < q; k++)
						if (!isfinite(e.u[k]) || !(e.conditional[k * q + k] >= 0) ||
							!(e.comparative[k * q + k] >= e.conditional[k * q + k]) ||
							!(e.diagnostic[k * q + k] >= 0))
							complain(i, "effect");
				}
				previous = fit.deviance;
				if (q == 1)
					intercept = fit.deviance;
			}
			else
				previous = INFINITY;
			free(work);
			free(n);
			free(mean);
			free(within);
			free(zs);
			free(grand);
		}
		free(unit);
		free(w);
		free(a);
	}
	for (int i = 0; i < 9; i++)
		printf("%s %d\n", name[i], tally[i]);
	printf("modes_missed %d\n", missed);
	printf("intervals_missed %d\n", open_ends);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "fit") == 0)
		return fit_file(argc, argv);
	if (argc == 2 && strcmp(argv[1], "dist") == 0)
		return distributions();
	if (argc == 4 && strcmp(argv[1], "abuse") == 0)
		return abuse(atoi(argv[2]), atoi(argv[3]));
	die("usage: lmm_driver fit FILE [ml] [slopes C,..] [at L,..] [effects] | dist | abuse SEED COUNT");
	return 2;
}
