/*
 * role.c
 *		A school's role in a pairing, by evidence.
 *
 * Not by a sign: P(effect < 0) >= .8 alone holds of a third and more of ordinary
 * schools, the more the larger they are.  The effect has to be beyond a margin with
 * some probability, and so for a trend below 0.
 */
#include "sipp.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/float.h"

#include "num/dist.h"
#include "school/school.h"

#define FUNC "sipp.pairing_role"

PG_FUNCTION_INFO_V1(sipp_pairing_role);

enum
{
	ARG_EFFECT,
	ARG_EFFECT_SE,
	ARG_ATTAINMENT_PCT,
	ARG_INTAKE_PCT,
	ARG_TREND,
	ARG_TREND_SE,
	ARG_SCHOOL_SD,
	ARG_P_MIN,
	ARG_MARGIN,
	ROLE_ARGS
};

static const char *const arg_name[ROLE_ARGS] = {
	"effect", "effect_se", "attainment_pct", "intake_pct", "trend", "trend_se",
	"school_sd", "p_min", "margin"
};

/* The error of an argument; hint may be NULL. */
pg_noreturn static void
bad_argument(int arg, const char *must, double v, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" of %s must %s", arg_name[arg], FUNC, must),
			 errdetail("It is %s.", float8out_internal(v)),
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* A number argument, NaN where NULL. */
static double
get_number(FunctionCallInfo fcinfo, int arg, bool negative)
{
	double		v;

	if (PG_ARGISNULL(arg))
		return NAN;
	v = PG_GETARG_FLOAT8(arg);
	if (!isfinite(v))
		bad_argument(arg, "be finite", v,
					 arg < ARG_P_MIN ? "NULL stands for what is not known." : NULL);
	if (!negative && v < 0)
		bad_argument(arg, "not be negative", v, NULL);
	return v;
}

/* A percentile rank, NaN where NULL. */
static double
get_rank(FunctionCallInfo fcinfo, int arg)
{
	double		v = get_number(fcinfo, arg, true);

	if (v < 0 || v > 1)
		bad_argument(arg, "be from 0 to 1", v,
					 v > 1 ? "Divide percentiles by 100; percent_rank() is from 0 to 1." : NULL);
	return v;
}

/* P(x > bound) of a normal x with that mean; at se 0 a certainty. */
static double
p_above(double mean, double se, double bound)
{
	if (se == 0)
		return mean > bound ? 1 : 0;
	return dist_norm_sf((bound - mean) / se);
}

/*
 * sipp_pairing_role(effect, effect_se, attainment_pct, intake_pct, trend, trend_se,
 * school_sd, p_min, margin): see role in sipp.school.
 */
Datum
sipp_pairing_role(PG_FUNCTION_ARGS)
{
	double		effect = get_number(fcinfo, ARG_EFFECT, true);
	double		effect_se = get_number(fcinfo, ARG_EFFECT_SE, false);
	double		attainment = get_rank(fcinfo, ARG_ATTAINMENT_PCT);
	double		intake = get_rank(fcinfo, ARG_INTAKE_PCT);
	double		trend = get_number(fcinfo, ARG_TREND, true);
	double		trend_se = get_number(fcinfo, ARG_TREND_SE, false);
	double		school_sd = get_number(fcinfo, ARG_SCHOOL_SD, false);
	double		p_min = get_number(fcinfo, ARG_P_MIN, true);
	double		margin = get_number(fcinfo, ARG_MARGIN, false);
	double		bound;
	SchoolRole	role = ROLE_NONE;

	if (isnan(p_min))
		null_argument(FUNC, arg_name[ARG_P_MIN], "0.8");
	if (isnan(margin))
		null_argument(FUNC, arg_name[ARG_MARGIN], "0.25");
	if (!(p_min > 0.5 && p_min < 1))
		bad_argument(ARG_P_MIN, "be above 0.5 and below 1", p_min, NULL);
	if (isnan(effect) || isnan(effect_se))
		PG_RETURN_NULL();
	if (margin > 0 && isnan(school_sd))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" of %s must not be null", arg_name[ARG_SCHOOL_SD], FUNC),
				 errhint("It is the square root of school_variance in sipp.fit_summary; "
						 "margin => 0 needs none.")));
	bound = margin > 0 ? margin * school_sd : 0;

	if (p_above(effect, effect_se, bound) >= p_min)
		role = ROLE_LEAD;
	else if (p_above(-effect, effect_se, bound) >= p_min)
	{
		/* what is not known makes no school coasting */
		role = ROLE_PARTNER;
		if (attainment >= 0.5 && intake >= 0.5 && !isnan(trend) && !isnan(trend_se) &&
			p_above(-trend, trend_se, 0) >= p_min)
			role = ROLE_COASTING;
	}
	PG_RETURN_TEXT_P(cstring_to_text(school_role_name(role)));
}
