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

/* What a unit's pupils say, as cross-products with its random terms' columns Z. */
typedef struct UnitProducts
{
	double		ZZ[LMM_MAX_RANDOM * LMM_MAX_RANDOM];	/* [q][q] Z'Z */
	double		Zr[LMM_MAX_RANDOM]; /* [q] Z'(y - Xb) */
	double		ZXVXZ[LMM_MAX_RANDOM * LMM_MAX_RANDOM]; /* [q][q] Z'X V X'Z */
} UnitProducts;

/* The part within the unit of the cross-product of random term a with column l. */
static inline double
within_product(const LmmFitted *m, const LmmUnitData *unit, int a, int l)
{
	return a == 0 ? 0 : unit->zs[(size_t) (a - 1) * ((size_t) m->p + 1) + (size_t) l];
}

/* The cross-product of random term a with column l: within the unit, and of means. */
static inline double
cross_product(const LmmFitted *m, const LmmUnitData *unit, int a, int l)
{
	return within_product(m, unit, a, l) + unit->n * unit->mean[m->zcol[a]] * unit->mean[l];
}

/* Fill the unit's cross-products; aliased columns (b is NaN) do not count. */
static void
unit_products(const LmmFitted *m, const LmmUnitData *unit, UnitProducts *out)
{
	int			p = m->p;
	int			q = m->q;

	for (int a = 0; a < q; a++)
	{
		double		r = unit->mean[p];
		double		Zr = within_product(m, unit, a, p);

		for (int l = 0; l < p; l++)
			if (!isnan(m->b[l]))
			{
				Zr -= within_product(m, unit, a, l) * m->b[l];
				r -= unit->mean[l] * m->b[l];
			}
		out->Zr[a] = Zr + unit->n * unit->mean[m->zcol[a]] * r;
		for (int c = 0; c < q; c++)
			out->ZZ[a * q + c] = cross_product(m, unit, a, m->zcol[c]);
	}

	memset(out->ZXVXZ, 0, sizeof(out->ZXVXZ));
	for (int l = 0; l < p; l++)
	{
		const double *row = m->V + (size_t) l * (size_t) p;

		if (isnan(m->b[l]))
			continue;
		for (int a = 0; a < q; a++)
		{
			double		t = 0;

			for (int i = 0; i < p; i++)
				t += cross_product(m, unit, a, i) * row[i];
			for (int c = 0; c < q; c++)
				out->ZXVXZ[a * q + c] += t * cross_product(m, unit, c, l);
		}
	}
}

/*
 * H = Lambda M^-1 Lambda' with M = I + Lambda' Z'Z Lambda = C C': solve C T' =
 * Lambda' row by row, then H = T T'.  False: M is not positive definite.
 */
static bool
shrinkage(const LmmFitted *m, const double *ZZ, double *H)
{
	int			q = m->q;
	double		M[LMM_MAX_RANDOM * LMM_MAX_RANDOM];
	double		T[LMM_MAX_RANDOM * LMM_MAX_RANDOM] = {0};

	for (int i = 0; i < q; i++)
		for (int j = 0; j < q; j++)
			T[i * q + j] = m->Lambda[j * q + i];
	sandwich(q, T, ZZ, M);
	for (int i = 0; i < q; i++)
		M[i * q + i] += 1;
	if (!linalg_chol(q, M, M))
		return false;
	for (int i = 0; i < q; i++)
	{
		memcpy(T + i * q, m->Lambda + i * q, sizeof(double) * (size_t) q);
		linalg_solve_lower(q, M, T + i * q);
	}
	for (int i = 0; i < q; i++)
		for (int j = 0; j < q; j++)
			H[i * q + j] = linalg_dot(q, T + i * q, T + j * q);
	return true;
}

/*
 * Fill the three variances.  That of u_hat with b known is sigma2 H (Z'Z Psi Z'Z
 * + Z'Z) H = sigma2 H Z'Z Psi, Psi = Lambda Lambda'; estimating b adds H Z'X V
 * X'Z H to the comparative one, and takes it from the diagnostic one if the unit
 * was among those fitted.
 */
static void
unit_variances(const LmmFitted *m, const UnitProducts *x, const double *H, bool in_fit,
			   LmmEffect *out)
{
	int			q = m->q;
	double		extra[LMM_MAX_RANDOM * LMM_MAX_RANDOM];

	sandwich(q, H, x->ZXVXZ, extra);
	/* variances, but after cancellation where x is large next to its spread */
	for (int i = 0; i < q; i++)
		if (extra[i * q + i] < 0)
			extra[i * q + i] = 0;
	for (int i = 0; i < q; i++)
	{
		double		HZ[LMM_MAX_RANDOM];
		double		HZL[LMM_MAX_RANDOM] = {0};

		for (int j = 0; j < q; j++)
			HZ[j] = linalg_dot(q, H + i * q, x->ZZ + j * q);
		for (int j = 0; j < q; j++)
			for (int l = 0; l < q; l++)
				HZL[j] += HZ[l] * m->Lambda[l * q + j];
		for (int j = 0; j < q; j++)
		{
			double		known = m->sigma2 * linalg_dot(q, HZL, m->Lambda + j * q);
			double		e = extra[i * q + j];

			out->conditional[i * q + j] = m->sigma2 * H[i * q + j];
			out->comparative[i * q + j] = out->conditional[i * q + j] + e;
			out->diagnostic[i * q + j] = in_fit ? known - e : known + e;
		}
		/* in a tiny fit b can take up all of it, and roundoff a little more */
		if (out->diagnostic[i * q + i] < 0)
			out->diagnostic[i * q + i] = 0;
	}
}

/*
 * Effect of one unit.  With M = Lambda'Z'Z Lambda + I and H = Lambda M^-1
 * Lambda', u = H Z'(y - Xb), its conditional variance is sigma2 H, and var(u) -
 * sigma2 H = sigma2 H Z'Z D' is formed as a product, because the difference
 * would cancel for a unit of low reliability.
 */
void
lmm_effect(const LmmFitted *m, const LmmUnitData *unit, bool in_fit, LmmEffect *out)
{
	UnitProducts x;
	double		H[LMM_MAX_RANDOM * LMM_MAX_RANDOM];

	memset(out, 0, sizeof(*out));
	unit_products(m, unit, &x);
	if (!shrinkage(m, x.ZZ, H))
	{
		for (int i = 0; i < m->q; i++)
			out->u[i] = NAN;
		return;
	}
	for (int i = 0; i < m->q; i++)
		out->u[i] = linalg_dot(m->q, H + i * m->q, x.Zr);
	unit_variances(m, &x, H, in_fit, out);
}
