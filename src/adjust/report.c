/*
 * report.c
 *		What a model says: coefficients, tests of terms, summary, school-level
 *		covariance.  All in the covariates' own coordinates, not the centred ones.
 */
#include "sipp.h"

#include <math.h>

#include "adjust/adjust.h"
#include "num/dist.h"
#include "num/linalg.h"

PG_FUNCTION_INFO_V1(sipp_coefficients);
PG_FUNCTION_INFO_V1(sipp_term_tests);
PG_FUNCTION_INFO_V1(sipp_fit_summary);
PG_FUNCTION_INFO_V1(sipp_school_covariance);

/* Parameters of the likelihood: coefficients, D's, the pupil variance. */
int
model_parameters(const SippModel *m)
{
	return m->rank + m->q * (m->q + 1) / 2 + 1;
}

/* Akaike's criterion; NaN under REML, whose likelihoods do not compare. */
double
model_aic(const SippModel *m)
{
	return m->reml ? NAN : m->deviance + 2.0 * model_parameters(m);
}

/*
 * Wald's chi-square of n unaliased coefficients being zero: b' V^-1 b of their
 * block.  NaN where n is 0 or the block is singular.
 */
double
wald_chisq(const SippModel *m, int n, const int *col)
{
	double	   *A;
	double	   *x;
	double		chi2 = NAN;

	if (n == 0)
		return NAN;
	A = palloc(sizeof(double) * n * n);
	x = palloc(sizeof(double) * n);

	/* scaled to a correlation matrix, whatever the units of the covariates */
	for (int i = 0; i < n; i++)
	{
		double		vi = m->V[(size_t) col[i] * m->p + col[i]];

		x[i] = m->b[col[i]] / sqrt(vi);
		for (int j = 0; j <= i; j++)
		{
			double		vj = m->V[(size_t) col[j] * m->p + col[j]];

			A[(size_t) i * n + j] = A[(size_t) j * n + i] =
				m->V[(size_t) col[i] * m->p + col[j]] / (sqrt(vi) * sqrt(vj));
		}
	}
	if (linalg_chol_large(n, A, A, fit_interrupt))
	{
		linalg_solve_lower(n, A, x);
		chi2 = linalg_dot(n, x, x);
	}
	pfree(A);
	pfree(x);
	return isfinite(chi2) ? chi2 : NAN;
}

/*
 * sipp_coefficients(model): one row of sipp.coefficient for each column.
 */
Datum
sipp_coefficients(PG_FUNCTION_ARGS)
{
	SippModel  *m = model_getarg(PG_GETARG_DATUM(0));
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int k = 0; k < m->p; k++)
	{
		Datum		values[9] = {0};
		bool		nulls[9];

		memset(nulls, true, sizeof(nulls));
		put_text(values, nulls, 0, model_column_term(m->frame, k));
		put_text(values, nulls, 1, model_column_level(m->frame, k));
		if (!m->aliased[k])
		{
			double		b = m->b[k];
			double		se = sqrt(k == 0 ? model_intercept_variance(m)
								  : m->V[(size_t) k * m->p + k]);
			double		df = m->df[k];

			if (k == 0)
			{
				b += m->mu[m->p];
				for (int i = 1; i < m->p; i++)
					b -= m->mu[i] * m->b[i];
			}
			put_float(values, nulls, 2, b);
			put_float(values, nulls, 3, se);
			put_float(values, nulls, 4, df);
			if (se > 0 && !isnan(df))
			{
				double		half = dist_t_quantile(0.975, df) * se;

				put_float(values, nulls, 5, b / se);
				put_float(values, nulls, 6, dist_t_two_sided(b / se, df));
				put_float(values, nulls, 7, b - half);
				put_float(values, nulls, 8, b + half);
			}
		}
		put_row(rsinfo, 9, values, nulls);
	}
	return (Datum) 0;
}

/*
 * sipp_term_tests(model): one row of sipp.term_test for each term.
 */
Datum
sipp_term_tests(PG_FUNCTION_ARGS)
{
	SippModel  *m = model_getarg(PG_GETARG_DATUM(0));
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int		   *col = palloc(sizeof(int) * m->p);

	InitMaterializedSRF(fcinfo, 0);
	for (int t = 0; t < m->frame->nterm; t++)
	{
		Datum		values[4] = {0};
		bool		nulls[4];
		double		chi2;
		int			n = 0;

		for (int k = 1; k < m->p; k++)
			if (m->frame->col_term[k] == t && !m->aliased[k])
				col[n++] = k;
		chi2 = wald_chisq(m, n, col);
		memset(nulls, true, sizeof(nulls));
		put_text(values, nulls, 0, m->frame->term[t].name);
		values[1] = Int32GetDatum(n);
		nulls[1] = false;
		put_float(values, nulls, 2, chi2);
		put_float(values, nulls, 3, isnan(chi2) ? NAN : dist_chisq_sf(chi2, n));
		put_row(rsinfo, 4, values, nulls);
	}
	return (Datum) 0;
}

/* P value of the joint test of the context terms; NaN where there are none. */
static double
within_between_p(const SippModel *m)
{
	int		   *col = palloc(sizeof(int) * m->p);
	int			n = 0;
	double		chi2;

	for (int k = 1; k < m->p; k++)
		if (m->frame->term[m->frame->col_term[k]].context && !m->aliased[k])
			col[n++] = k;
	chi2 = wald_chisq(m, n, col);
	return isnan(chi2) ? NAN : dist_chisq_sf(chi2, n);
}

/*
 * sipp_fit_summary(model): one row of sipp.fit.
 */
Datum
sipp_fit_summary(PG_FUNCTION_ARGS)
{
	SippModel  *m = model_getarg(PG_GETARG_DATUM(0));
	Datum		values[21] = {0};
	bool		nulls[21];
	double		lr = Max(m->null_deviance - m->deviance, 0);
	int			i = 0;

	memset(nulls, false, sizeof(nulls));
	values[i++] = Int64GetDatum(m->schools);
	values[i++] = Int64GetDatum(m->empty);
	values[i++] = Int64GetDatum(m->pupils);
	values[i++] = Int64GetDatum(m->dropped);
	put_text(values, nulls, i++, m->reml ? "REML" : "ML");
	put_float(values, nulls, i++, m->D[0]);
	put_float(values, nulls, i++, m->var_lo);
	put_float(values, nulls, i++, m->var_hi);
	put_float(values, nulls, i++, m->sigma2);
	put_float(values, nulls, i++, m->D[0] / (m->D[0] + m->sigma2));
	put_float(values, nulls, i++, m->icc_lo);
	put_float(values, nulls, i++, m->icc_hi);
	put_float(values, nulls, i++, m->deviance);
	put_float(values, nulls, i++, -m->deviance / 2);
	put_float(values, nulls, i++, model_aic(m));
	put_float(values, nulls, i++, lr);

	/*
	 * A variance is not negative, so that half of the time chance alone gives
	 * zero: a mixture, which has these weights for a single variance only.
	 */
	put_float(values, nulls, i++, lr == 0 ? 1
			  : m->q == 1 ? 0.5 * dist_chisq_sf(lr, 1) : NAN);
	put_float(values, nulls, i++, within_between_p(m));
	values[i++] = BoolGetDatum(m->singular);
	values[i++] = Int32GetDatum(m->iterations);
	put_text(values, nulls, i++, m->notice);
	Assert(i == lengthof(values));
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), i, values, nulls));
}

/*
 * sipp_school_covariance(model): the lower triangle of D at zero of the slope
 * terms, one row of sipp.covariance for each pair.
 */
Datum
sipp_school_covariance(PG_FUNCTION_ARGS)
{
	SippModel  *m = model_getarg(PG_GETARG_DATUM(0));
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	double		shift[LMM_MAX_RANDOM];
	double		L[LMM_MAX_RANDOM * LMM_MAX_RANDOM];
	double		D[LMM_MAX_RANDOM * LMM_MAX_RANDOM];
	int			q = m->q;

	/* T Lambda, and D from it: no cancellation can make a variance negative */
	model_slope_shift(m, shift);
	memcpy(L, m->Lambda, sizeof(L));
	for (int k = 0; k < q; k++)
	{
		L[k] = 0;
		for (int i = k; i < q; i++)
			L[k] += shift[i] * m->Lambda[i * q + k];
	}
	for (int i = 0; i < q; i++)
		for (int j = 0; j <= i; j++)
		{
			double		s = 0;

			for (int k = 0; k < q; k++)
				s += L[i * q + k] * L[j * q + k];
			D[i * q + j] = m->sigma2 * s;
		}

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < q; i++)
		for (int j = 0; j <= i; j++)
		{
			Datum		values[6] = {0};
			bool		nulls[6];
			double		scale = sqrt(D[i * q + i]) * sqrt(D[j * q + j]);

			put_text(values, nulls, 0, model_column_term(m->frame, m->zcol[i]));
			put_text(values, nulls, 1, model_column_level(m->frame, m->zcol[i]));
			put_text(values, nulls, 2, model_column_term(m->frame, m->zcol[j]));
			put_text(values, nulls, 3, model_column_level(m->frame, m->zcol[j]));
			put_float(values, nulls, 4, D[i * q + j]);
			put_float(values, nulls, 5, scale > 0 ? i == j ? 1
					  : Max(-1, Min(1, D[i * q + j] / scale)) : NAN);
			put_row(rsinfo, 6, values, nulls);
		}
	return (Datum) 0;
}
