/*
 * lmm_effect.c
 *		Effect of one unit under a fitted model.
 */
#include "linalg.h"
#include "lmm.h"

#include <math.h>
#include <string.h>

/* out = A B A' for symmetric B, all [q][q]. */
static void
sandwich(int q, const double *A, const double *B, double *out)
{
	double		AB[LMM_MAX_RANDOM * LMM_MAX_RANDOM];

	for (int i = 0; i < q; i++)
		for (int j = 0; j < q; j++)
		{
			AB[i * q + j] = 0;
			for (int l = 0; l < q; l++)
				AB[i * q + j] += A[i * q + l] * B[l * q + j];
		}
	for (int i = 0; i < q; i++)
		for (int j = 0; j <= i; j++)
			out[i * q + j] = out[j * q + i] = linalg_dot(q, AB + i * q, A + j * q);
}

/*
 * Effect of one unit.  With M = Lambda'Z'Z Lambda + I and H = Lambda M^-1
 * Lambda', u = H Z'(y - Xb), its conditional variance is sigma2 H, and var(u) -
 * sigma2 H = sigma2 H Z'Z D' is formed as a product, because the difference
 * would cancel for a unit of low reliability.
 */
void
lmm_effect(int p, int q, const int *zcol, const double *b, const double *V,
		   double sigma2, const double *Lambda, double n, const double *mean,
		   const double *zs, bool in_fit, LmmEffect *out)
{
	double		ZZ[LMM_MAX_RANDOM * LMM_MAX_RANDOM];
	double		M[LMM_MAX_RANDOM * LMM_MAX_RANDOM];
	double		H[LMM_MAX_RANDOM * LMM_MAX_RANDOM];
	double		T[LMM_MAX_RANDOM * LMM_MAX_RANDOM] = {0};
	double		ZXVXZ[LMM_MAX_RANDOM * LMM_MAX_RANDOM] = {0};
	double		extra[LMM_MAX_RANDOM * LMM_MAX_RANDOM];
	double		Zr[LMM_MAX_RANDOM];
	size_t		p1 = (size_t) p + 1;

	memset(out, 0, sizeof(*out));

	/* a cross-product of random term a with column l: within unit, and of means */
#define SLOPE_ROW(a, l) ((a) == 0 ? 0 : zs[(size_t) ((a) - 1) * p1 + (size_t) (l)])
#define ZX(a, l) (SLOPE_ROW(a, l) + n * mean[zcol[a]] * mean[l])
	for (int a = 0; a < q; a++)
	{
		double		r = mean[p];

		Zr[a] = SLOPE_ROW(a, p);
		for (int l = 0; l < p; l++)
			if (!isnan(b[l]))
			{
				Zr[a] -= SLOPE_ROW(a, l) * b[l];
				r -= mean[l] * b[l];
			}
		Zr[a] += n * mean[zcol[a]] * r;
		for (int c = 0; c < q; c++)
			ZZ[a * q + c] = ZX(a, zcol[c]);
	}
	for (int l = 0; l < p; l++)
	{
		double		t[LMM_MAX_RANDOM] = {0};
		const double *row = V + (size_t) l * (size_t) p;

		if (isnan(b[l]))
			continue;
		for (int a = 0; a < q; a++)
		{
			for (int i = 0; i < p; i++)
				t[a] += ZX(a, i) * row[i];
			for (int c = 0; c < q; c++)
				ZXVXZ[a * q + c] += t[a] * ZX(c, l);
		}
	}
#undef ZX
#undef SLOPE_ROW

	/* M = I + Lambda' ZZ Lambda; H by solving C T' = Lambda' row by row */
	for (int i = 0; i < q; i++)
		for (int j = 0; j < q; j++)
			T[i * q + j] = Lambda[j * q + i];
	sandwich(q, T, ZZ, M);
	for (int i = 0; i < q; i++)
		M[i * q + i] += 1;
	if (!linalg_chol(q, M, M))
	{
		for (int i = 0; i < q; i++)
			out->u[i] = NAN;
		return;
	}
	for (int i = 0; i < q; i++)
	{
		memcpy(T + i * q, Lambda + i * q, sizeof(double) * (size_t) q);
		linalg_solve_lower(q, M, T + i * q);
	}
	for (int i = 0; i < q; i++)
		for (int j = 0; j < q; j++)
		{
			H[i * q + j] = linalg_dot(q, T + i * q, T + j * q);
			out->conditional[i * q + j] = sigma2 * H[i * q + j];
		}

	/* var(u_hat) with b known is H (ZZ Psi ZZ + ZZ) H = H ZZ Psi */
	sandwich(q, H, ZXVXZ, extra);
	/* variances, but after cancellation where x is large next to its spread */
	for (int i = 0; i < q; i++)
		if (extra[i * q + i] < 0)
			extra[i * q + i] = 0;
	for (int i = 0; i < q; i++)
	{
		double		HZ[LMM_MAX_RANDOM];
		double		HZL[LMM_MAX_RANDOM] = {0};

		out->u[i] = linalg_dot(q, H + i * q, Zr);
		for (int j = 0; j < q; j++)
			HZ[j] = linalg_dot(q, H + i * q, ZZ + j * q);
		for (int j = 0; j < q; j++)
			for (int l = 0; l < q; l++)
				HZL[j] += HZ[l] * Lambda[l * q + j];
		for (int j = 0; j < q; j++)
		{
			double		known = sigma2 * linalg_dot(q, HZL, Lambda + j * q);
			double		e = extra[i * q + j];

			out->comparative[i * q + j] = out->conditional[i * q + j] + e;
			out->diagnostic[i * q + j] = in_fit ? known - e : known + e;
		}
		/* in a tiny fit b can take up all of it, and roundoff a little more */
		if (out->diagnostic[i * q + i] < 0)
			out->diagnostic[i * q + i] = 0;
	}
}
