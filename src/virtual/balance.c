/*
 * balance.c
 *		The aggregate sipp.balance: are a school's pupils and their pools alike on a
 *		covariate?
 *
 * The conventions are those of R's package MatchIt, so that its thresholds apply:
 * the mean difference is divided by the standard deviation (divisor n - 1) of all
 * of the school's pupils, matched or not, which does not reward leaving pupils
 * out.  Pool members weigh a_i / N_i summed over their cells; with weights that
 * add up to 1, the variance of the pools is
 *
 *		(sum (S2_i (N_i - 1) / N_i + m_i^2) / n - E^2) / (1 - 1 / ess)
 *
 * E being the mean of the m_i and 1 / ess = sum (a_i / N_i) / n^2 the sum of squared
 * weights; the other letters are those of benchmark.c.  A covariate whose values
 * are all 0 or 1, the pools' too, is binary: its standard deviation is sqrt(p (1 - p)),
 * and there is no variance ratio, since its variance follows from its mean.
 */
#include "sipp.h"

#include <math.h>

#include "base/row.h"
#include "virtual/aggregate.h"
#include "virtual/keys.h"

#define FUNC "sipp.balance"

#define DEFAULT_THRESHOLD 0.1

PG_FUNCTION_INFO_V1(sipp_balance_accum);
PG_FUNCTION_INFO_V1(sipp_balance_bool_accum);
PG_FUNCTION_INFO_V1(sipp_balance_combine);
PG_FUNCTION_INFO_V1(sipp_balance_serialize);
PG_FUNCTION_INFO_V1(sipp_balance_deserialize);
PG_FUNCTION_INFO_V1(sipp_balance_final);

typedef struct Balance
{
	int64		pupils;			/* with the covariate */
	int64		matched;		/* of these, with somebody in the pool */
	int64		dropped;
	double		threshold;		/* 0: no row yet */
	Units		units;
	int			empty;			/* causes of empty pools (aggregate.h) */
	bool		uncounted;		/* a pupil that its own peers do not count */
	bool		many_values;	/* others than 0 and 1, here or in a pool */

	/* over all pupils */
	Dd			all;			/* x */
	Dd			all_square;		/* x^2 */
	/* over the matched ones */
	Dd			own;			/* x */
	Dd			own_square;		/* x^2 */
	Dd			difference;		/* x - m */
	Dd			mean;			/* m */
	Dd			mean_square;	/* m^2 */
	Dd			within;			/* S2 (N - 1) / N */
	Dd			leaning;		/* a / N */
} Balance;

/* The threshold must be one and the same in all rows of a group. */
static void
balance_threshold(Balance *b, double threshold)
{
	if (b->threshold == 0)
		b->threshold = threshold;
	else if (threshold != 0 && threshold != b->threshold)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"threshold\" of %s must be the same in every row of a group", FUNC),
				 errdetail("It is %g and %g.", b->threshold, threshold)));
}

/* The argument threshold, checked. */
static double
balance_threshold_argument(FunctionCallInfo fcinfo)
{
	double		threshold;

	if (PG_NARGS() < 4)
		return DEFAULT_THRESHOLD;
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"threshold\" of %s must not be null", FUNC)));
	threshold = PG_GETARG_FLOAT8(3);
	if (!(threshold > 0) || isinf(threshold))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"threshold\" of %s must be positive and finite", FUNC),
				 errdetail("It is %g.", threshold),
				 errhint("Usual thresholds are 0.1, and 0.05 for a covariate that predicts the outcome well.")));
	return threshold;
}

/* One pupil with a pool that is not empty. */
static void
balance_add(Balance *b, double x, const Peers *p)
{
	double		n = (double) p->pool;
	Dd			square = dd_two_prod(x, x);

	b->matched++;
	b->uncounted |= !PEERS_COUNT_PUPIL(p);
	b->many_values |= !peers_binary(p);
	b->own = dd_plus(b->own, x);
	b->own_square = dd_add(b->own_square, square);
	b->difference = dd_add(b->difference, dd_two_sum(x, -p->mean));
	b->mean = dd_plus(b->mean, p->mean);
	b->mean_square = dd_add(b->mean_square, dd_two_prod(p->mean, p->mean));
	b->leaning = dd_plus(b->leaning, p->sharing / n);
	if (p->pool > 1)
		b->within = dd_plus(b->within, p->variance * ((n - 1) / n));
}

/* The transition, of both types of covariate. */
static Datum
balance_accum(FunctionCallInfo fcinfo, bool is_boolean)
{
	Balance    *b = state_begin(fcinfo, FUNC, sizeof(Balance));
	double		x;

	balance_threshold(b, balance_threshold_argument(fcinfo));
	if (PG_ARGISNULL(1))
	{
		b->dropped++;
		PG_RETURN_POINTER(b);
	}
	x = outcome_number(PG_GETARG_DATUM(1), is_boolean, FUNC, "covariate");
	b->pupils++;
	b->many_values |= x != 0 && x != 1;
	b->all = dd_plus(b->all, x);
	b->all_square = dd_add(b->all_square, dd_two_prod(x, x));
	if (!PG_ARGISNULL(2))
	{
		const Peers *p = PG_GETARG_PEERS(2);

		if (is_boolean)
			peers_need_binary(p, FUNC, "covariate_peers");
		units_add(&b->units, p->unit);
		if (p->pool > 0)
			balance_add(b, x, p);
		else
			b->empty |= empty_cause(p);
	}
	else
		b->empty |= empty_cause(NULL);
	PG_RETURN_POINTER(b);
}

/*
 * sipp_balance_accum(internal, float8, peers [, threshold]): transition.
 */
Datum
sipp_balance_accum(PG_FUNCTION_ARGS)
{
	return balance_accum(fcinfo, false);
}

/*
 * sipp_balance_bool_accum(internal, boolean, peers [, threshold]): the same of a
 * yes/no covariate.
 */
Datum
sipp_balance_bool_accum(PG_FUNCTION_ARGS)
{
	return balance_accum(fcinfo, true);
}

/*
 * sipp_balance_combine(internal, internal): two states as one.
 */
Datum
sipp_balance_combine(PG_FUNCTION_ARGS)
{
	const Balance *b = PG_ARGISNULL(1) ? NULL : (Balance *) PG_GETARG_POINTER(1);
	Balance    *a;

	if (b == NULL)
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	a = state_begin(fcinfo, FUNC, sizeof(Balance));
	balance_threshold(a, b->threshold);
	units_merge(&a->units, &b->units);
	a->pupils += b->pupils;
	a->matched += b->matched;
	a->dropped += b->dropped;
	a->empty |= b->empty;
	a->uncounted |= b->uncounted;
	a->many_values |= b->many_values;
	a->all = dd_add(a->all, b->all);
	a->all_square = dd_add(a->all_square, b->all_square);
	a->own = dd_add(a->own, b->own);
	a->own_square = dd_add(a->own_square, b->own_square);
	a->difference = dd_add(a->difference, b->difference);
	a->mean = dd_add(a->mean, b->mean);
	a->mean_square = dd_add(a->mean_square, b->mean_square);
	a->within = dd_add(a->within, b->within);
	a->leaning = dd_add(a->leaning, b->leaning);
	PG_RETURN_POINTER(a);
}

/*
 * sipp_balance_serialize(internal): a worker's state for the leader.
 */
Datum
sipp_balance_serialize(PG_FUNCTION_ARGS)
{
	return state_to_bytes(fcinfo, FUNC, sizeof(Balance));
}

/*
 * sipp_balance_deserialize(bytea, internal): the inverse.
 */
Datum
sipp_balance_deserialize(PG_FUNCTION_ARGS)
{
	return state_from_bytes(fcinfo, FUNC, sizeof(Balance));
}

/* Variance of n values with these sums; 0 where it is all rounding. */
static double
balance_variance(Dd square, Dd sum, double n)
{
	return true_variance(dd_centred(square, sum, n) / (n - 1), sqrt(dd_value(square) / n));
}

/* Standard deviation of all pupils; NaN where there is none. */
static double
balance_sd(const Balance *b)
{
	double		n = (double) b->pupils;

	if (!b->many_values && b->pupils > 0)
	{
		double		share = dd_value(b->all) / n;

		return sqrt(share * (1 - share));
	}
	if (b->pupils < 2)
		return NAN;
	return sqrt(balance_variance(b->all_square, b->all, n));
}

/*
 * Is the difference below the threshold, in standard deviations?  Values are rounded in
 * proportion to their own size, which may be far above their difference.
 */
static bool
is_balanced(const Balance *b, double difference, double sd)
{
	double		size = sqrt(dd_value(b->all_square) / (double) b->pupils) +
		fabs(dd_value(b->mean)) / (double) b->matched;
	double		rounding = ROUNDING * (size + b->threshold * sd);

	return fabs(difference) <= rounding || fabs(difference) < b->threshold * sd - rounding;
}

/*
 * Variance of the matched pupils over that of the pools; NaN, and the reason,
 * where there is none.
 */
static double
balance_variance_ratio(const Balance *b, const char **reason)
{
	double		n = (double) b->matched;
	double		own;
	double		pools;
	double		left;

	if (!b->many_values)
		*reason = "a yes/no covariate has no variance ratio";
	else if (b->units.several)
		*reason = "the pupils are of more than one unit: no variance ratio";
	else if (b->uncounted)
		*reason = "a pupil with the covariate is not counted in its peers' own: no variance ratio";
	else if (b->matched < 2)
		*reason = "one matched pupil has no variance: no variance ratio";
	if (*reason != NULL)
		return NAN;

	own = balance_variance(b->own_square, b->own, n);
	pools = true_variance((dd_value(b->within) + dd_centred(b->mean_square, b->mean, n)) / n,
						  sqrt(dd_value(b->mean_square) / n));
	left = 1 - dd_value(b->leaning) / n / n;
	if (!(pools > 0) || !(left > 0))
	{
		*reason = "the pools do not vary on the covariate: no variance ratio";
		return NAN;
	}
	return own / (pools / left);
}

/*
 * sipp_balance_final(internal): the row of sipp.covariate_balance.
 */
Datum
sipp_balance_final(PG_FUNCTION_ARGS)
{
	static const Balance nobody;
	const Balance *b;
	double		n;
	double		difference = NAN;
	double		sd;
	double		smd = NAN;
	double		ratio = NAN;
	const char *reason = NULL;
	Datum		values[12];
	bool		nulls[12] = {false};

	(void) aggregate_context(fcinfo, FUNC);
	b = PG_ARGISNULL(0) ? &nobody : (Balance *) PG_GETARG_POINTER(0);
	n = (double) b->matched;
	sd = balance_sd(b);
	if (b->pupils == 0)
		reason = "no pupil has the covariate";
	else if (b->matched == 0)
		reason = empty_reason(b->empty);
	else
	{
		const char *no_ratio = NULL;

		difference = dd_value(dd_div(b->difference, n));
		if (isnan(sd))
			reason = "one pupil has no standard deviation";
		else if (sd == 0)
			reason = "the pupils do not differ on the covariate: no standardised difference";
		else
			smd = difference / sd;
		ratio = balance_variance_ratio(b, &no_ratio);
		if (reason == NULL)
			reason = no_ratio;
	}

	values[0] = Int64GetDatum(b->pupils);
	values[1] = Int64GetDatum(b->matched);
	values[2] = Int64GetDatum(b->pupils - b->matched);
	put_float(values, nulls, 3, b->matched > 0 ? dd_value(dd_div(b->own, n)) : NAN);
	put_float(values, nulls, 4, b->matched > 0 ? dd_value(dd_div(b->mean, n)) : NAN);
	put_float(values, nulls, 5, difference);
	put_float(values, nulls, 6, sd);
	put_float(values, nulls, 7, smd);
	put_float(values, nulls, 8, ratio);
	put_text(values, nulls, 9, isnan(smd) ? NULL :
			 is_balanced(b, difference, sd) ? "balanced" : "imbalanced");
	values[10] = Int64GetDatum(b->dropped);
	put_text(values, nulls, 11, reason);
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), lengthof(values), values, nulls));
}
