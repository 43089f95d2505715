/*
 * fit_error.c
 *		Why data cannot be fitted, in the words of schools and pupils.
 */
#include "sipp.h"

#include "adjust/adjust.h"

/* No residual variance: what is constant, or what determines what. */
pg_noreturn static void
no_residual(const FitInput *in, const SippModel *m, const LmmProblem *prob)
{
	size_t		w = (size_t) m->p + 1;
	double		within = prob->within[w * w - 1];

	if (m->outcome_ss == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s: the outcome is the same for all pupils", in->function),
				 errdetail("It is %g.", m->mu[m->p]),
				 errhint("Is it the column that was meant?")));
	if (m->pupils > m->schools && !(within > 1e-26 * m->outcome_ss))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s: the outcome is the same for all pupils of a school", in->function),
				 errdetail("Pupils do not vary, so that no part of the differences between schools can be chance."),
				 errhint("If it is the school's mean, enter it once: sipp.weighted_cohort(pupils, mean), one row a school.")));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg(m->pupils == m->schools
					? "%s: the covariates determine the outcome"
					: m->q == 1
					? "%s: the covariates determine the outcome within schools"
					: "%s: the covariates, with slopes of each school, determine the outcome within schools",
					in->function),
			 errdetail("The pupil variance is zero."),
			 errhint("Is one of them made from the outcome? sipp.subset leaves it out.")));
}

/* Only the sum of both variances shows. */
pg_noreturn static void
not_identified(const FitInput *in, const SippModel *m, const LmmProblem *prob)
{
	double		low = prob->n[0];
	double		high = prob->n[0];

	for (int j = 1; j < prob->J; j++)
	{
		low = Min(low, prob->n[j]);
		high = Max(high, prob->n[j]);
	}
	if (m->pupils > m->schools)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s: the covariates take up all differences between pupils of one school", in->function),
				 errdetail("School and pupil variance cannot be told apart."),
				 errhint("Leave covariates out with sipp.subset.")));
	if (!m->frame->weighted)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s: every school has a single pupil", in->function),
				 errdetail("School and pupil variance cannot be told apart."),
				 errhint("Group pupils by school before sipp.cohort. Where a row is a school's mean, enter it by sipp.weighted_cohort(pupils, mean).")));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg(high - low <= 1e-4 * high
					? "%s: every school has a single row, and all have the same weight"
					: "%s: every school has a single row, and the covariates leave none of another weight",
					in->function),
			 errdetail("School and pupil variance cannot be told apart: only rows of different weight would show them."),
			 errhint("Group pupils by school before sipp.weighted_cohort. Where a row is a school's mean, its weight is its number of pupils.")));
}

/* Random terms and covariates take up all pupils. */
pg_noreturn static void
saturated(const FitInput *in, const SippModel *m, const LmmFit *fit)
{
	if (m->q > 1 && fit->free_rows <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s: there are at least as many random terms as pupils in each school, so that the pupil variance cannot be told apart",
						in->function),
				 errdetail("There are %d random terms, the intercept included, and %lld pupils in %lld schools.",
						   m->q, (long long) m->pupils, (long long) m->schools),
				 errhint("Use fewer slopes.")));
	if (m->q > 1 && m->pupils > m->schools)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s: random terms and covariates take up all differences between pupils of one school, so that the pupil variance cannot be told apart",
						in->function),
				 errdetail("Random terms take up %.0f of %lld pupils, covariates that differ within schools the others.",
						   m->pupils - fit->free_rows, (long long) m->pupils),
				 errhint("Use fewer slopes, or leave covariates out with sipp.subset.")));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("%s: the covariates take up all differences between pupils of one school", in->function),
			 errdetail("By maximum likelihood the pupil variance would be zero."),
			 errhint("Leave covariates out with sipp.subset, or use sipp.value_added.")));
}

/*
 * Raise the error of a status but LMM_OK.  prob and fit are not looked at where
 * figures are not finite.
 */
void
fit_error(const FitInput *in, const SippModel *m, const LmmProblem *prob,
		  const LmmFit *fit, LmmStatus status)
{
	switch (status)
	{
		case LMM_OK:
			return;
		case LMM_TOO_FEW_UNITS:
			break;
		case LMM_NOT_IDENTIFIED:
			not_identified(in, m, prob);
		case LMM_SATURATED:
			saturated(in, m, fit);
		case LMM_NO_RESIDUAL:
			no_residual(in, m, prob);
		case LMM_NO_PUPIL_VARIANCE:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("%s: the likelihood is greatest where the pupil variance is zero", in->function),
					 errdetail("No two pupils of a school can be compared, and schools of few pupils do not vary more than those of many."),
					 errhint("Where the standard deviation of pupils is known, sipp.cohort_of(pupils, mean, sd) enters it.")));
			break;
		case LMM_TOO_FEW_ROWS:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("%s: too few pupils for this number of coefficients", in->function),
					 errdetail("There are %lld complete rows and %d columns that are not combinations of others.",
							   (long long) m->pupils, fit->rank),
					 errhint("Leave covariates out with sipp.subset.")));
			break;
		case LMM_NOT_FINITE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("%s: sums of squares are out of range", in->function),
					 errhint("Enter the outcome and covariates in units in which they spread by about 1.")));
			break;
		case LMM_NOT_CONVERGED:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("%s: the fit did not converge", in->function),
					 m->q > 1 ?
					 errhint("Leave a random slope or a nearly collinear covariate out.") :
					 errhint("Leave a nearly collinear covariate out.")));
			break;
	}
	elog(ERROR, "%s: fit failed with status %d", in->function, (int) status);
}
