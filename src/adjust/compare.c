/*
 * compare.c
 *		Likelihood-ratio test of two nested models of the same pupils.
 *
 * Boundary: Stram & Lee (1994), Biometrics 50, 1171: where one random term is
 * added to k of them, the statistic is an even mixture of chi-squares with k and
 * k + 1 degrees of freedom (k covariances, and a variance that is not negative).
 * Of several, the weights depend on the design; even and odd degrees of freedom
 * have a half each (Shapiro 1988, Int. Stat. Rev. 56, 49), so that the same
 * mixture of the two highest is a bound.
 *
 * Time and memory are those of reading two models: 12 bytes * p * p of each, in
 * p columns, of which at most 2,500.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"

#include "adjust/adjust.h"
#include "cohort/algebra.h"
#include "num/dist.h"

PG_FUNCTION_INFO_V1(sipp_compare);

/* Index of the term of this name, or -1. */
static int
find_term(const SippFrame *f, const char *name)
{
	for (int i = 0; i < f->nterm; i++)
		if (strcmp(f->term[i].name, name) == 0)
			return i;
	return -1;
}

/*
 * Do two terms have the same levels?  Those of an enum are listed otherwise where
 * the two know its order to different extents.
 */
static bool
same_levels(const SippTerm *s, const SippTerm *t)
{
	int		   *at;
	int			missing;

	if (s->nlevel != t->nlevel)
		return false;
	at = palloc_array(int, t->nlevel);
	missing = order_locate(s, t, at);
	pfree(at);
	return missing == 0;
}

/* Is every fixed term of a, with the same levels, one of b's? */
static bool
terms_within(const SippFrame *a, const SippFrame *b)
{
	for (int i = 0; i < a->nterm; i++)
	{
		const SippTerm *s = &a->term[i];
		int			j = find_term(b, s->name);

		if (j < 0 || b->term[j].kind != s->kind ||
			b->term[j].context != s->context || !same_levels(s, &b->term[j]))
			return false;
	}
	return true;
}

/* Is every random term of a one of b's? */
static bool
slopes_within(const SippModel *a, const SippModel *b)
{
	for (int i = 1; i < a->q; i++)
	{
		int			k = frame_column(b->frame, model_column_term(a->frame, a->zcol[i]),
									 model_column_level(a->frame, a->zcol[i]));
		int			j = 1;

		while (j < b->q && b->zcol[j] != k)
			j++;
		if (j == b->q)
			return false;
	}
	return true;
}

/*
 * Do models of the same terms leave out the same columns?  Where a column is
 * aliased, which one depends on the order of the terms, and the restricted
 * likelihood with it.
 */
static bool
same_aliased(const SippModel *a, const SippModel *b)
{
	for (int k = 1; k < a->p; k++)
		if (a->aliased[k])
		{
			int			l = frame_column(b->frame, model_column_term(a->frame, k),
										 model_column_level(a->frame, k));

			if (l < 0 || !b->aliased[l])
				return false;
		}
	return a->rank == b->rank;
}

/* Equal to the precision that cohorts keep whatever the order of their rows. */
static bool
about_equal(double a, double b, double scale)
{
	return fabs(a - b) <= 1e-9 * scale;
}

/*
 * Means of the columns that both models have, as far as they can be told: a
 * covariate of one name may not be the same covariate.  Levels are sorted alike,
 * so that those of a term are walked side by side: one pass over the columns.
 */
static bool
same_means(const SippModel *a, const SippModel *b)
{
	const SippFrame *f = a->frame;
	const SippFrame *g = b->frame;

	for (int i = 0; i < f->nterm; i++)
	{
		const SippTerm *s = &f->term[i];
		int			j = find_term(g, s->name);
		int			l = 0;

		if (j < 0 || (s->kind == SIPP_NUMBER) != (g->term[j].kind == SIPP_NUMBER))
			continue;
		for (int k = s->first; k < f->p && f->col_term[k] == i; k++)
		{
			const char *level = model_column_level(f, k);
			const SippTerm *t = &g->term[j];
			int			col = t->first;
			int			tries = 0;

			CHECK_FOR_INTERRUPTS();
			if (level != NULL)
			{
				while (tries++ < t->nlevel && strcmp(t->label[l], level) != 0)
					l = l + 1 < t->nlevel ? l + 1 : 0;
				if (tries > t->nlevel || l == g->refidx[j])
					continue;
				col += l - (l > g->refidx[j]);
			}
			if (!about_equal(a->mu[k], b->mu[col], fabs(a->mu[k]) + fabs(b->mu[col])))
				return false;
		}
	}
	return true;
}

/* Were the models fitted to the same pupils' same outcome, as far as can be told? */
static bool
same_evidence(const SippModel *a, const SippModel *b)
{
	double		ya = a->mu[a->p];
	double		yb = b->mu[b->p];
	double		size = sqrt(a->outcome_ss / a->weight) + fabs(ya);

	return same_means(a, b) && a->schools == b->schools && a->pupils == b->pupils &&
		a->frame->weighted == b->frame->weighted &&
		about_equal(a->weight, b->weight, a->weight) &&
		about_equal(ya, yb, size) &&
		about_equal(a->outcome_ss, b->outcome_ss, a->outcome_ss);
}

/* Name what the fixed parts of two models differ by, for a message. */
static char *
fixed_difference(const SippModel *a, const SippModel *b)
{
	const SippFrame *f = a->frame;
	const SippFrame *g = b->frame;

	for (int i = 0; i < f->nterm; i++)
	{
		const SippTerm *s = &f->term[i];
		int			j = find_term(g, s->name);

		if (f->nterm != g->nterm || j < 0)
			return psprintf("One has the terms %s; the other has %s.",
							terms_to_string(f->nterm, f->term), terms_to_string(g->nterm, g->term));
		if (s->kind != g->term[j].kind || s->context != g->term[j].context)
			return psprintf("Term \"%s\" is %s%s in one and %s%s in the other.", s->name,
							term_kind(s), s->context ? " (context)" : "",
							term_kind(&g->term[j]), g->term[j].context ? " (context)" : "");
		if (!same_levels(s, &g->term[j]))
			return psprintf("Term \"%s\" has the levels %s in one and %s in the other.", s->name,
							levels_to_string(s), levels_to_string(&g->term[j]));
	}
	return f->nterm != g->nterm ? psprintf("One has the terms %s; the other has %s.",
										   terms_to_string(f->nterm, f->term),
										   terms_to_string(g->nterm, g->term))
		: pstrdup("Other columns are aliased with the terms before them in one than in the other.");
}

/* Errors of models that no likelihood-ratio test can compare. */
static void
check_comparable(const SippModel *a, const SippModel *b)
{
	if (!same_evidence(a, b))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sipp.compare: the models were not fitted to the same pupils, outcome and covariates"),
				 errdetail("One has %lld pupils in %lld schools with a mean outcome of %g, the other %lld in %lld with %g.",
						   (long long) a->pupils, (long long) a->schools, a->mu[a->p],
						   (long long) b->pupils, (long long) b->schools, b->mu[b->p]),
				 errhint("Fit both from the same cohorts; sipp.subset takes covariates out and keeps the pupils.")));
	if (a->reml != b->reml)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sipp.compare: one model is fitted by REML and the other by ML"),
				 errhint("Fit both with sipp.value_added_ml.")));
	if (a->reml && !(terms_within(a->frame, b->frame) && terms_within(b->frame, a->frame) &&
					 same_aliased(a, b)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sipp.compare: REML fits with different fixed parts cannot be compared"),
				 errdetail("%s", fixed_difference(a, b)),
				 errhint("Fit both with sipp.value_added_ml.")));
}

/*
 * sipp_compare(model, model): one row of sipp.comparison.
 */
Datum
sipp_compare(PG_FUNCTION_ARGS)
{
	SippModel  *first = model_getarg(PG_GETARG_DATUM(0));
	SippModel  *second = model_getarg(PG_GETARG_DATUM(1));
	SippModel  *small = first;
	SippModel  *large = second;
	Datum		values[10] = {0};
	bool		nulls[10];
	double		chi2;
	double		p = NAN;
	int			df;
	int			slopes;
	const char *note = NULL;
	int			i = 0;

	check_comparable(first, second);
	if (!(terms_within(small->frame, large->frame) && slopes_within(small, large)))
	{
		small = second;
		large = first;
		if (!(terms_within(small->frame, large->frame) && slopes_within(small, large)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("sipp.compare: neither model is nested in the other"),
					 errdetail("One has the terms %s and %d random slopes; the other has %s and %d.",
							   terms_to_string(first->frame->nterm, first->frame->term), first->q - 1,
							   terms_to_string(second->frame->nterm, second->frame->term), second->q - 1),
					 errhint("The AIC of fits by sipp.value_added_ml compares models that are not nested.")));
	}

	df = model_parameters(large) - model_parameters(small);
	slopes = large->q - small->q;
	chi2 = small->deviance - large->deviance;

	/* the larger model cannot fit worse, nor the same one otherwise, but by rounding */
	if (chi2 < -1e-6 * (1 + 1e-3 * fabs(large->deviance)) ||
		(df == 0 && chi2 > 1e-6 * (1 + 1e-3 * fabs(large->deviance))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sipp.compare: the models were not fitted to the same covariates"),
				 errdetail("Their terms have the same names, but the deviances %g and %g contradict that.",
						   small->deviance, large->deviance),
				 errhint("Name the terms apart with sipp.rename, and fit both from the same cohorts.")));
	chi2 = Max(chi2, 0);

	if (df == 0)
		note = "the models have the same parameters";
	else if (slopes == 0)
		p = dist_chisq_sf(chi2, df);
	else
	{
		p = chi2 == 0 ? 1 : 0.5 * dist_chisq_sf(chi2, df - 1) + 0.5 * dist_chisq_sf(chi2, df);
		note = slopes == 1
			? "p_value is of an even mixture of chi-squares with df - 1 and df degrees of freedom: the added variance cannot be negative"
			: "p_value is an upper bound, an even mixture of chi-squares with df - 1 and df degrees of freedom: several added variances cannot be negative";
	}

	memset(nulls, false, sizeof(nulls));
	put_float(values, nulls, i++, chi2);
	values[i++] = Int32GetDatum(df);
	put_float(values, nulls, i++, p);
	values[i++] = Int32GetDatum(model_parameters(first));
	put_float(values, nulls, i++, first->deviance);
	put_float(values, nulls, i++, model_aic(first));
	values[i++] = Int32GetDatum(model_parameters(second));
	put_float(values, nulls, i++, second->deviance);
	put_float(values, nulls, i++, model_aic(second));
	put_text(values, nulls, i++, note);
	Assert(i == lengthof(values));
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), i, values, nulls));
}
