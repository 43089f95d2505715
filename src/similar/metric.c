/*
 * metric.c
 *		Mahalanobis distances between schools, of values or of ranks.
 *
 * With t = (x - y)/s (s the pooled SD within sectors) and R the pooled correlation
 * matrix, d^2 = t' R^-1 t = |M t|^2, where M is the symmetric root of R^-1: the
 * points' whitening.  A variable's share of d^2 is that of its own element of M t, the
 * one closest to it among all ways of making them uncorrelated: Garthwaite and Koch
 * (2016), Evaluating the contributions of individual variables to a quadratic form,
 * Australian & New Zealand Journal of Statistics 58.
 *
 * The metric of ranks is Rosenbaum's (2010), Design of Observational Studies,
 * section 8.3: average ranks, whose covariances are rescaled to the variances of
 * ranks without ties, so that a variable with many ties does not count for more.
 * Here s is the SD of 1, 2, ..., n within each sector, n being its number of
 * schools, so that sectors of any size can be pooled; of a single sector it is
 * Rosenbaum's to the letter.
 */
#include "sipp.h"

#include <float.h>
#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "num/linalg.h"
#include "similar/points.h"

/* Smallest eigenvalue of a correlation matrix that can be inverted to some digits. */
#define SMALLEST_EIGENVALUE 1e-12

/* linalg's callback. */
static void
metric_interrupt(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* qsort_arg's comparison of indexes by value. */
static int
compare_values(const void *a, const void *b, void *arg)
{
	const double *v = arg;
	double		x = v[*(const int *) a];
	double		y = v[*(const int *) b];

	return x < y ? -1 : x > y;
}

/*
 * Replace n values by their average ranks, from 1.  Values at most tie above the one
 * before are tied with it.
 */
static void
rank_values(double *v, int n, double tie, int *order, double *rank)
{
	for (int r = 0; r < n; r++)
		order[r] = r;
	qsort_arg(order, n, sizeof(int), compare_values, v);
	for (int r = 0; r < n;)
	{
		int			end = r + 1;

		while (end < n && v[order[end]] - v[order[end - 1]] <= tie)
			end++;
		for (int k = r; k < end; k++)
			rank[order[k]] = (r + 1 + end) / 2.0;
		r = end;
	}
	for (int r = 0; r < n; r++)
		v[r] = rank[r];
}

/* Subtract the mean from values, twice because the first mean is rounded. */
static void
centre_values(double *v, int n)
{
	for (int pass = 0; pass < 2; pass++)
	{
		double		sum = 0;

		for (int r = 0; r < n; r++)
			sum += v[r];
		for (int r = 0; r < n; r++)
			v[r] -= sum / n;
	}
}

/*
 * Work out the inverse symmetric root of a correlation matrix of order m.  Variables that
 * follow from those before them, and those of zero variance, are swept out: their
 * rows and columns are zero.
 */
static void
inverse_root(int m, const double *R, double *root, bool *aliased)
{
	double	   *L = palloc(sizeof(double) * m * m);
	double	   *A = palloc(sizeof(double) * m * m);
	double	   *vec = palloc(sizeof(double) * m * m);
	double	   *value = palloc(sizeof(double) * m);
	int		   *kept = palloc(sizeof(int) * m);
	int			rank;

	/*
	 * Columns that each follow only in part from those before them can still be
	 * dependent together, so that the tolerance may have to be raised.
	 */
	for (double tol = LINALG_ALIAS_TOLERANCE;; tol *= 10)
	{
		rank = 0;
		(void) linalg_chol_alias(m, R, Min(tol, 1), NULL, L, aliased, metric_interrupt);
		for (int v = 0; v < m; v++)
			if (!aliased[v])
				kept[rank++] = v;
		for (int i = 0; i < rank; i++)
			for (int j = 0; j < rank; j++)
				A[i * rank + j] = R[kept[i] * m + kept[j]];
		linalg_eigen(rank, A, value, vec);
		CHECK_FOR_INTERRUPTS();
		if (rank == 0 || value[0] > SMALLEST_EIGENVALUE)
			break;
	}

	memset(root, 0, sizeof(double) * m * m);
	for (int e = 0; e < rank; e++)
	{
		double		f = 1 / sqrt(value[e]);

		for (int i = 0; i < rank; i++)
			for (int j = 0; j < rank; j++)
				root[kept[i] * m + kept[j]] += f * vec[e * rank + i] * vec[e * rank + j];
	}
}

/* Make points with units and names, whose values are still to come. */
static Points *
metric_frame(const Schools *s, bool pooled, char ***name)
{
	Points	   *p = palloc0(sizeof(Points));
	Size		n = Max(s->n, 1);

	p->n = s->n;
	p->nvar = s->ncontext + (s->nband > 0 ? 1 : 0);
	p->nunit = pooled ? 1 : s->nsector;
	p->value = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * n * Max(p->nvar, 1));
	p->unit = palloc(sizeof(int) * n);
	p->factor = MemoryContextAllocHuge(CurrentMemoryContext,
									   sizeof(double) * Max((Size) p->nunit * p->nvar, 1));
	p->cumulative = palloc(sizeof(double));
	p->position = palloc0(sizeof(double) * n);
	p->profile_factor = palloc0(sizeof(double) * n);
	p->tenth = palloc(sizeof(double) * n);
	p->whitening = palloc(sizeof(double) * Max(p->nvar * p->nvar, 1));
	p->whitened = MemoryContextAllocHuge(CurrentMemoryContext,
									  sizeof(double) * Max(n * p->nvar, 1));
	p->slack = palloc(sizeof(double) * Max(p->nvar, 1));
	memset(p->factor, 0, sizeof(double) * p->nunit * p->nvar);
	for (int i = 0; i < s->n; i++)
	{
		p->unit[i] = !school_is_complete(s, i) ? -1 : pooled ? 0 : s->sector[i];
		p->tenth[i] = NAN;
		for (int v = 0; v < p->nvar; v++)
			p->value[(size_t) i * p->nvar + v] = p->whitened[(size_t) i * p->nvar + v] = NAN;
	}

	*name = palloc(sizeof(char *) * Max(p->nvar, 1));
	for (int v = 0; v < s->ncontext; v++)
		(*name)[v] = s->context_name[v];
	if (s->nband > 0)
		(*name)[s->ncontext] = pstrdup(SCALE_PROFILE_NAME);
	return p;
}

/*
 * Fill in one variable, or its ranks, of all schools: into the points, with the factor of
 * each unit; and into z, in the order of the list, centred within units and with the
 * factor.  Returns the pooled variance of z, 0 if the variable is constant.
 */
static double
metric_variable(const Schools *s, Points *p, int v, bool ranks, const int *list,
				const int *start, int df, double *z, int *order, double *scratch)
{
	bool		profile = v == s->ncontext;
	int			n = start[p->nunit];
	double		size = 0;
	double		sum = 0;
	double		sd;

	for (int r = 0; r < n; r++)
	{
		const School *school = &s->school[list[r]];

		z[r] = profile ? profile_cumulate(school->deprivation, school->nband, NULL) :
			school->context[v];
		size = Max(size, fabs(z[r]));
	}
	for (int u = 0; u < p->nunit; u++)
	{
		double	   *zu = z + start[u];
		int			nu = start[u + 1] - start[u];

		CHECK_FOR_INTERRUPTS();
		if (nu == 0)
			continue;
		if (ranks)
			rank_values(zu, nu, profile ? POSITION_SLACK : 0, order, scratch);
		for (int r = 0; r < nu; r++)
			p->value[(size_t) list[start[u] + r] * p->nvar + v] = zu[r];
		centre_values(zu, nu);

		/* the variance of 1, 2, ..., n is n (n + 1)/12 */
		if (ranks)
		{
			p->factor[(size_t) u * p->nvar + v] = 1 / sqrt(nu * (nu + 1.0) / 12);
			for (int r = 0; r < nu; r++)
				zu[r] *= p->factor[(size_t) u * p->nvar + v];
		}
	}
	for (int r = 0; r < n; r++)
		sum += square(z[r]);
	sd = df > 0 ? sqrt(sum / df) : 0;
	if (!(sd > SCALE_NOISE * (ranks ? 1 : size) && sd >= SCALE_MIN_SPREAD))
		sd = 0;
	if (ranks && sd > 0)
		return square(sd);
	for (int u = 0; u < p->nunit; u++)
		p->factor[(size_t) u * p->nvar + v] = sd > 0 ? 1 / sd : 0;
	for (int r = 0; r < n; r++)
		z[r] = sd > 0 ? z[r] / sd : 0;
	return sd > 0 ? 1 : 0;
}

/* Work out the pooled correlation matrix; variables without variance have zeros. */
static void
correlations(int m, int n, int df, const double *z, const double *variance, double *R)
{
	for (int i = 0; i < m; i++)
		for (int j = 0; j <= i; j++)
		{
			double		sum = 0;

			CHECK_FOR_INTERRUPTS();
			if (variance[i] > 0 && variance[j] > 0)
			{
				for (int r = 0; r < n; r++)
					sum += z[(size_t) i * n + r] * z[(size_t) j * n + r];
				sum = i == j ? 1 : sum / (df * sqrt(variance[i]) * sqrt(variance[j]));
			}
			R[i * m + j] = R[j * m + i] = sum;
		}
}

/* Whiten z into the coordinates by which neighbours are searched. */
static void
whiten_points(Points *p, const int *list, int n, const double *z)
{
	int			m = p->nvar;

	for (int r = 0; r < n; r++)
	{
		double	   *y = p->whitened + (size_t) list[r] * m;
		double		t[MAX_VARIABLES];

		CHECK_FOR_INTERRUPTS();
		for (int v = 0; v < m; v++)
			t[v] = z[(size_t) v * n + r];
		for (int v = 0; v < m; v++)
			y[v] = whitened_value(p, v, t);
	}

	/*
	 * Two sums of m products, each off by at most m + 2 roundings of its largest
	 * possible value; and a margin for the squares and their sum.
	 */
	for (int v = 0; v < m; v++)
		p->slack[v] = 0;
	for (int k = 0; k < m; k++)
	{
		double		largest = 0;

		for (int r = 0; r < n; r++)
			largest = Max(largest, fabs(z[(size_t) k * n + r]));
		for (int v = 0; v < m; v++)
			p->slack[v] += 16 * DBL_EPSILON * (m + 2) * fabs(p->whitening[v * m + k]) * largest;
	}
}

/* The names of aliased variables, or NULL. */
static char *
aliased_names(const bool *aliased, int m, char *const *name)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int v = 0; v < m; v++)
		if (aliased[v])
			appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", name[v]);
	return text.len > 0 ? text.data : NULL;
}

Points *
metric_points(const Schools *s, bool pooled, bool ranks, char ***name, char **aliased)
{
	Points	   *p = metric_frame(s, pooled, name);
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp metric",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int			m = p->nvar;
	int		   *start;
	int		   *list = points_by_unit(p, &start);
	int			n = start[p->nunit];
	int			df = 0;
	double	   *z = MemoryContextAllocHuge(cxt, sizeof(double) * (Size) m * n);	/* [m][n] */
	double	   *variance = palloc(sizeof(double) * m);
	double	   *R = palloc(sizeof(double) * m * m);
	bool	   *is_aliased = palloc(sizeof(bool) * m);
	int		   *order = palloc(sizeof(int) * n);
	double	   *scratch = palloc(sizeof(double) * n);

	for (int u = 0; u < p->nunit; u++)
		df += Max(start[u + 1] - start[u] - 1, 0);
	for (int v = 0; v < m; v++)
		variance[v] = metric_variable(s, p, v, ranks, list, start, df, z + (size_t) v * n,
									  order, scratch);
	correlations(m, n, df, z, variance, R);
	inverse_root(m, R, p->whitening, is_aliased);
	whiten_points(p, list, n, z);
	points_tenth(p, palloc(sizeof(double) * p->nunit));

	MemoryContextSwitchTo(old);
	*aliased = df > 0 ? aliased_names(is_aliased, m, *name) : NULL;
	MemoryContextDelete(cxt);
	return p;
}
