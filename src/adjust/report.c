/*
 * report.c
 *		What a model says: coefficients, tests of terms, summary, school-level
 *		covariance.  All in the covariates' own coordinates, not the centred ones.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"

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
	A = palloc_array(double, (size_t) n * n);
	x = palloc_array(double, n);

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

/* Row of a column: see sipp.coefficient. */
static void
coefficient_row(ReturnSetInfo *rsinfo, const SippModel *m, int k)
{
	Datum		values[10] = {0};
	bool		nulls[10];
	const char *reason = "aliased with the terms before it";

	memset(nulls, true, sizeof(nulls));
	put_text(values, nulls, 0, model_column_term(m->frame, k));
	put_text(values, nulls, 1, model_column_level(m->frame, k));
	if (!m->aliased[k])
	{
		double		b = m->b[k];
		double		se = sqrt(k == 0 ? model_intercept_variance(m)
							  : m->V[(size_t) k * m->p + k]);
		double		df = m->df[k];

		reason = NULL;
		if (k == 0)
		{
			b += m->mu[m->p];
			for (int i = 1; i < m->p; i++)
				b -= m->mu[i] * m->b[i];
		}
		put_float(values, nulls, 2, b);
		put_float(values, nulls, 3, se);
		put_float(values, nulls, 4, df);
		if (isnan(df))
			reason = "the data leave no degrees of freedom";
		else if (!(se > 0))
			reason = "the standard error is zero";
		else
		{
			double		half = dist_t_quantile(0.975, df) * se;

			put_float(values, nulls, 5, b / se);
			put_float(values, nulls, 6, dist_t_two_sided(b / se, df));
			put_float(values, nulls, 7, b - half);
			put_float(values, nulls, 8, b + half);
		}
	}
	put_text(values, nulls, 9, reason);
	put_row(rsinfo, 10, values, nulls);
}

/*
 * sipp_coefficients(model): one row of sipp.coefficient for each column, and one
 * for a factor that has none because all pupils have one level.
 */
Datum
sipp_coefficients(PG_FUNCTION_ARGS)
{
	SippModel  *m = model_getarg(PG_GETARG_DATUM(0));
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	coefficient_row(rsinfo, m, 0);
	for (int t = 0; t < m->frame->nterm; t++)
	{
		const SippTerm *term = &m->frame->term[t];
		int			n = term->kind == SIPP_NUMBER ? 1 : term->nlevel - 1;

		for (int k = term->first; k < term->first + n; k++)
		{
			CHECK_FOR_INTERRUPTS();
			coefficient_row(rsinfo, m, k);
		}
		if (n == 0)
		{
			Datum		values[10] = {0};
			bool		nulls[10];

			memset(nulls, true, sizeof(nulls));
			put_text(values, nulls, 0, term->name);
			put_text(values, nulls, 1, term->label[0]);
			put_text(values, nulls, 9, "all pupils have this level");
			put_row(rsinfo, 10, values, nulls);
		}
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
	int		   *col = palloc_array(int, m->p);

	InitMaterializedSRF(fcinfo, 0);
	for (int t = 0; t < m->frame->nterm; t++)
	{
		Datum		values[5] = {0};
		bool		nulls[5];
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
		put_text(values, nulls, 4, !isnan(chi2) ? NULL
				 : n > 0 ? "the covariance of its coefficients is singular"
				 : m->frame->term[t].nlevel == 1 ? "all pupils have one level"
				 : "aliased with the terms before it");
		put_row(rsinfo, 5, values, nulls);
	}
	return (Datum) 0;
}

/*
 * P value of no difference between schools at all.  Variances are not negative
 * (the covariance matrix is positive semidefinite), so that the statistic is a
 * mixture of chi-squares with 0 to q (q + 1) / 2 degrees of freedom.  Of one
 * variance the weights are a half each.  Of more they depend on the design; but
 * even and odd degrees of freedom have a half each, so that moving all weight to
 * the two highest gives a bound (Shapiro 1988, Int. Stat. Rev. 56, 49; Stram &
 * Lee 1994).
 */
static double
no_schools_p(const SippModel *m, double lr)
{
	int			d = m->q * (m->q + 1) / 2;

	if (lr == 0)
		return 1;
	return 0.5 * dist_chisq_sf(lr, d) + (d > 1 ? 0.5 * dist_chisq_sf(lr, d - 1) : 0);
}

/* Why figures of the summary are missing, or NULL. */
static const char *
missing_reason(const SippModel *m, bool context)
{
	const char *aic = "aic: likelihoods by REML do not compare between covariates, sipp.value_added_ml's do";
	const char *between = "within_between_p: there is no context term (sipp.with_context) with a coefficient";

	return m->reml && !context ? psprintf("%s; %s", aic, between)
		: m->reml ? aic : context ? NULL : between;
}

/* P value of the joint test of the context terms; NaN where there are none. */
static double
within_between_p(const SippModel *m)
{
	int		   *col = palloc_array(int, m->p);
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
	Datum		values[22] = {0};
	bool		nulls[22];
	double		lr = Max(m->null_deviance - m->deviance, 0);
	double		within_between = within_between_p(m);
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
	put_float(values, nulls, i++, no_schools_p(m, lr));
	put_float(values, nulls, i++, within_between);
	values[i++] = BoolGetDatum(m->singular);
	values[i++] = Int32GetDatum(m->iterations);
	put_text(values, nulls, i++, m->notice);
	put_text(values, nulls, i++, missing_reason(m, !isnan(within_between)));
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
