/*
 * linalg.c
 *		Small dense linear algebra on symmetric positive matrices.
 *
 * Loops run along rows, so that the inner ones read consecutive memory.  See
 * Golub and Van Loan, Matrix Computations, sections 4.2 and 8.5.
 */
#include "linalg.h"

#include <math.h>
#include <string.h>

#define AT(M, i, j) ((M)[(size_t) (i) * n + (j)])

/* Between two rows of cubic work. */
static void
row_done(int n, linalg_interrupt interrupt)
{
	if (interrupt && n >= LINALG_LARGE)
		interrupt();
}

/* Inner product, in four sums: one would wait for each addition to end. */
double
linalg_dot(int n, const double *x, const double *y)
{
	double		s[4] = {0};
	int			i = 0;

	for (; i + 4 <= n; i += 4)
		for (int j = 0; j < 4; j++)
			s[j] += x[i + j] * y[i + j];
	for (; i < n; i++)
		s[0] += x[i] * y[i];
	return (s[0] + s[1]) + (s[2] + s[3]);
}

/* Cholesky factor of a positive definite matrix of any order. */
bool
linalg_chol_large(int n, const double *A, double *L, linalg_interrupt interrupt)
{
	for (int i = 0; i < n; i++)
	{
		double	   *Li = L + (size_t) i * n;
		double		d;

		row_done(n, interrupt);
		for (int j = 0; j < i; j++)
		{
			const double *Lj = L + (size_t) j * n;

			Li[j] = (AT(A, i, j) - linalg_dot(j, Li, Lj)) / Lj[j];
		}

		/* written so that NaN fails too */
		d = AT(A, i, i) - linalg_dot(i, Li, Li);
		if (!(d > 0) || isinf(d))
			return false;
		Li[i] = sqrt(d);
		for (int j = i + 1; j < n; j++)
			Li[j] = 0;
	}
	return true;
}

/* The same of a small one. */
bool
linalg_chol(int n, const double *A, double *L)
{
	return linalg_chol_large(n, A, L, NULL);
}

/* Cholesky factor that leaves dependent columns out, in the order given. */
int
linalg_chol_alias(int n, const double *A, double tol, const double *floor,
				  double *L, bool *aliased, linalg_interrupt interrupt)
{
	int			rank = 0;

	memset(L, 0, sizeof(double) * (size_t) n * n);
	for (int i = 0; i < n; i++)
	{
		double	   *Li = L + (size_t) i * n;
		double		own = AT(A, i, i);
		double		d;

		row_done(n, interrupt);
		for (int j = 0; j < i; j++)
		{
			const double *Lj = L + (size_t) j * n;

			Li[j] = aliased[j] ? 0 : (AT(A, i, j) - linalg_dot(j, Li, Lj)) / Lj[j];
		}

		d = own - linalg_dot(i, Li, Li);
		if (!(own > (floor ? floor[i] : 0)))
		{
			/* nothing but roundoff, its products with other columns included */
			memset(Li, 0, sizeof(double) * (size_t) n);
			d = 0;
		}
		aliased[i] = !(d > tol * own && d > 0);
		if (!aliased[i])
		{
			Li[i] = sqrt(d);
			rank++;
		}
	}
	return rank;
}

/* Forward substitution in place. */
void
linalg_solve_lower(int n, const double *L, double *x)
{
	for (int i = 0; i < n; i++)
		x[i] = (x[i] - linalg_dot(i, L + (size_t) i * n, x)) / AT(L, i, i);
}

/* Back substitution with L' in place. */
void
linalg_solve_upper(int n, const double *L, double *x)
{
	for (int i = n - 1; i >= 0; i--)
	{
		const double *Li = L + (size_t) i * n;

		x[i] /= Li[i];
		for (int j = 0; j < i; j++)
			x[j] -= Li[j] * x[i];
	}
}

/* Inverse of a lower triangle. */
void
linalg_invert_lower(int n, const double *L, double *X, linalg_interrupt interrupt)
{
	memset(X, 0, sizeof(double) * (size_t) n * n);
	for (int i = 0; i < n; i++)
	{
		const double *Li = L + (size_t) i * n;
		double	   *Xi = X + (size_t) i * n;

		row_done(n, interrupt);
		for (int k = 0; k < i; k++)
		{
			const double *Xk = X + (size_t) k * n;

			for (int j = 0; j <= k; j++)
				Xi[j] -= Li[k] * Xk[j];
		}
		for (int j = 0; j < i; j++)
			Xi[j] /= Li[i];
		Xi[i] = 1 / Li[i];
	}
}

/* Symmetric inverse from the factor. */
void
linalg_chol_inverse(int n, const double *L, double *Ainv, double *scratch,
					linalg_interrupt interrupt)
{
	linalg_invert_lower(n, L, scratch, interrupt);
	memset(Ainv, 0, sizeof(double) * (size_t) n * n);
	for (int k = 0; k < n; k++)
	{
		const double *Xk = scratch + (size_t) k * n;

		row_done(n, interrupt);
		for (int i = 0; i <= k; i++)
		{
			double	   *row = Ainv + (size_t) i * n;

			for (int j = 0; j <= i; j++)
				row[j] += Xk[i] * Xk[j];
		}
	}
	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < n; j++)
			AT(Ainv, i, j) = AT(Ainv, j, i);
}

/* L^-1 B L'^-1: solve, transpose (B is symmetric), solve again. */
void
linalg_whiten(int n, const double *L, double *B, linalg_interrupt interrupt)
{
	for (int pass = 0; pass < 2; pass++)
	{
		/* B := L^-1 B, all columns at once */
		for (int i = 0; i < n; i++)
		{
			double	   *Bi = B + (size_t) i * n;

			row_done(n, interrupt);
			for (int k = 0; k < i; k++)
			{
				const double *Bk = B + (size_t) k * n;
				double		f = AT(L, i, k);

				for (int j = 0; j < n; j++)
					Bi[j] -= f * Bk[j];
			}
			for (int j = 0; j < n; j++)
				Bi[j] /= AT(L, i, i);
		}
		for (int i = 0; i < n; i++)
			for (int j = 0; j < i; j++)
			{
				double		t = AT(B, i, j);

				AT(B, i, j) = AT(B, j, i);
				AT(B, j, i) = t;
			}
	}
}

/* Rotate rows i and j of the eigenproblem so that A[i][j] vanishes. */
static void
jacobi_rotate(int n, double *A, double *vec, int i, int j)
{
	double		apq = AT(A, i, j);
	double		theta = (AT(A, j, j) - AT(A, i, i)) / (2 * apq);
	double		t = (theta >= 0 ? 1 : -1) / (fabs(theta) + hypot(theta, 1));
	double		c = 1 / hypot(t, 1);
	double		s = t * c;

	for (int k = 0; k < n; k++)
	{
		double		x = AT(A, k, i);
		double		y = AT(A, k, j);

		AT(A, k, i) = c * x - s * y;
		AT(A, k, j) = s * x + c * y;
	}
	for (int k = 0; k < n; k++)
	{
		double		x = AT(A, i, k);
		double		y = AT(A, j, k);

		AT(A, i, k) = c * x - s * y;
		AT(A, j, k) = s * x + c * y;
		x = AT(vec, i, k);
		y = AT(vec, j, k);
		AT(vec, i, k) = c * x - s * y;
		AT(vec, j, k) = s * x + c * y;
	}
	AT(A, i, j) = AT(A, j, i) = 0;
}

/* Eigen-decomposition of a small symmetric matrix. */
void
linalg_eigen(int n, double *A, double *value, double *vec)
{
	memset(vec, 0, sizeof(double) * (size_t) n * n);
	for (int i = 0; i < n; i++)
	{
		AT(vec, i, i) = 1;
		for (int j = i + 1; j < n; j++)
			AT(A, i, j) = AT(A, j, i);
	}

	/* convergence is quadratic: ten sweeps are plenty, sixty a bound */
	for (int sweep = 0; sweep < 60; sweep++)
	{
		bool		rotated = false;

		for (int i = 0; i < n; i++)
			for (int j = i + 1; j < n; j++)
			{
				double		small = 1e-17 * (fabs(AT(A, i, i)) + fabs(AT(A, j, j)));

				if (fabs(AT(A, i, j)) > small)
				{
					jacobi_rotate(n, A, vec, i, j);
					rotated = true;
				}
				else
					AT(A, i, j) = AT(A, j, i) = 0;
			}
		if (!rotated)
			break;
	}

	for (int i = 0; i < n; i++)
		value[i] = AT(A, i, i);
	for (int i = 1; i < n; i++)
		for (int j = i; j > 0 && value[j - 1] > value[j]; j--)
		{
			double		t = value[j];

			value[j] = value[j - 1];
			value[j - 1] = t;
			for (int k = 0; k < n; k++)
			{
				t = AT(vec, j, k);
				AT(vec, j, k) = AT(vec, j - 1, k);
				AT(vec, j - 1, k) = t;
			}
		}
}
