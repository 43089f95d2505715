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

#include "base/option.h"
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

/* A number of any sign, one that is not negative, and a percentile rank; or NULL. */
#define ROLE_NUMBER(number, argument) \
	[number] = {.arg = number, .name = argument, .low = -INFINITY, .high = INFINITY, .finite = true}
#define ROLE_SPREAD(number, argument) \
	[number] = {.arg = number, .name = argument, .low = 0, .high = INFINITY, \
		.must = "not be negative", .finite = true}
#define ROLE_RANK(number, argument) \
	[number] = {.arg = number, .name = argument, .low = 0, .high = 1, .must = "be from 0 to 1", \
		.hint = "Divide percentiles by 100; percent_rank() is from 0 to 1.", .hint_above = true, \
		.finite = true}

static const OptionSpec role_spec[ROLE_ARGS] = {
	ROLE_NUMBER(ARG_EFFECT, "effect"),
	ROLE_SPREAD(ARG_EFFECT_SE, "effect_se"),
	ROLE_RANK(ARG_ATTAINMENT_PCT, "attainment_pct"),
	ROLE_RANK(ARG_INTAKE_PCT, "intake_pct"),
	ROLE_NUMBER(ARG_TREND, "trend"),
	ROLE_SPREAD(ARG_TREND_SE, "trend_se"),
	ROLE_SPREAD(ARG_SCHOOL_SD, "school_sd"),
	[ARG_P_MIN] = {.arg = ARG_P_MIN, .name = "p_min", .default_text = "0.8", .low = 0.5, .high = 1,
		.must = "be above 0.5 and below 1", .open = true, .finite = true},
	[ARG_MARGIN] = {.arg = ARG_MARGIN, .name = "margin", .default_text = "0.25", .low = 0,
		.high = INFINITY, .must = "not be negative", .finite = true}
};

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
	double		value[ROLE_ARGS];
	double		effect;
	double		effect_se;
	double		p_min;
	double		margin;
	double		school_sd;
	double		bound;
	SchoolRole	role = ROLE_NONE;

	for (int k = 0; k < ROLE_ARGS; k++)
		value[k] = option_float8(fcinfo, FUNC, &role_spec[k]);
	effect = value[ARG_EFFECT];
	effect_se = value[ARG_EFFECT_SE];
	p_min = value[ARG_P_MIN];
	margin = value[ARG_MARGIN];
	school_sd = value[ARG_SCHOOL_SD];
	if (isnan(effect) || isnan(effect_se))
		PG_RETURN_NULL();
	if (margin > 0 && isnan(school_sd))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" of %s must not be null", role_spec[ARG_SCHOOL_SD].name, FUNC),
				 errhint("It is the square root of school_variance in sipp.fit_summary; "
						 "margin => 0 needs none.")));
	bound = margin > 0 ? margin * school_sd : 0;

	if (p_above(effect, effect_se, bound) >= p_min)
		role = ROLE_LEAD;
	else if (p_above(-effect, effect_se, bound) >= p_min)
	{
		/* what is not known makes no school coasting */
		role = ROLE_PARTNER;
		if (value[ARG_ATTAINMENT_PCT] >= 0.5 && value[ARG_INTAKE_PCT] >= 0.5 &&
			!isnan(value[ARG_TREND]) && !isnan(value[ARG_TREND_SE]) &&
			p_above(-value[ARG_TREND], value[ARG_TREND_SE], 0) >= p_min)
			role = ROLE_COASTING;
	}
	PG_RETURN_TEXT_P(cstring_to_text(school_role_name(role)));
}
