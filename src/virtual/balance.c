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
PG_FUNCTION_INFO_V1(sipp_balance_combine);
PG_FUNCTION_INFO_V1(sipp_balance_serialize);
PG_FUNCTION_INFO_V1(sipp_balance_deserialize);
PG_FUNCTION_INFO_V1(sipp_balance_final);

/* The sums of a PupilState */
enum
{
	/* over all pupils */
	B_ALL,						/* x */
	B_ALL_SQUARE,				/* x^2 */
	/* over the matched ones */
	B_OWN,						/* x */
	B_OWN_SQUARE,				/* x^2 */
	B_DIFFERENCE,				/* x - m */
	B_MEAN,						/* m */
	B_MEAN_SQUARE,				/* m^2 */
	B_WITHIN,					/* S2 (N - 1) / N */
	B_REUSE						/* a / N */
};

static void balance_merge(void *into, const void *from);

static const StateKind balance_kind = {FUNC, sizeof(PupilState),.merge = balance_merge};

static void
balance_merge(void *into, const void *from)
{
	pupil_state_setting(into, ((const PupilState *) from)->setting, "threshold", FUNC);
	pupil_state_merge(into, from);
}

/* Read the argument threshold, checked. */
static double
balance_threshold(FunctionCallInfo fcinfo)
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
balance_add(PupilState *b, double x, const Peers *p)
{
	double		n = (double) p->pool;
	Dd			square = dd_two_prod(x, x);

	b->count[COUNT_MATCHED]++;
	if (!PEERS_COUNT_PUPIL(p))
		b->marks |= MARK_UNCOUNTED;
	if (!peers_binary(p))
		b->marks |= MARK_MANY_VALUES;
	b->sum[B_OWN] = dd_plus(b->sum[B_OWN], x);
	b->sum[B_OWN_SQUARE] = dd_add(b->sum[B_OWN_SQUARE], square);
	b->sum[B_DIFFERENCE] = dd_add(b->sum[B_DIFFERENCE], dd_two_sum(x, -p->mean));
	b->sum[B_MEAN] = dd_plus(b->sum[B_MEAN], p->mean);
	b->sum[B_MEAN_SQUARE] = dd_add(b->sum[B_MEAN_SQUARE], dd_two_prod(p->mean, p->mean));
	b->sum[B_REUSE] = dd_plus(b->sum[B_REUSE], p->reuse / n);
	if (p->pool > 1)
		b->sum[B_WITHIN] = dd_plus(b->sum[B_WITHIN], p->variance * ((n - 1) / n));
}

/*
 * sipp_balance_accum(internal, "any", peers [, threshold]): transition.
 */
Datum
sipp_balance_accum(PG_FUNCTION_ARGS)
{
	PupilState *b = state_begin(fcinfo, &balance_kind);
	ArgKind		kind = outcome_kind_cached(fcinfo, 1, FUNC, "covariate");
	double		x;

	pupil_state_setting(b, balance_threshold(fcinfo), "threshold", FUNC);
	if (PG_ARGISNULL(1))
	{
		b->count[COUNT_DROPPED]++;
		PG_RETURN_POINTER(b);
	}
	x = outcome_checked(arg_number(kind, PG_GETARG_DATUM(1)), FUNC, "covariate");
	b->count[COUNT_PUPILS]++;
	if (x != 0 && x != 1)
		b->marks |= MARK_MANY_VALUES;
	b->sum[B_ALL] = dd_plus(b->sum[B_ALL], x);
	b->sum[B_ALL_SQUARE] = dd_add(b->sum[B_ALL_SQUARE], dd_two_prod(x, x));
	if (!PG_ARGISNULL(2))
	{
		const Peers *p = PG_GETARG_PEERS(2);

		if (kind == ARG_BOOL)
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
 * sipp_balance_combine(internal, internal): two states as one.
 */
Datum
sipp_balance_combine(PG_FUNCTION_ARGS)
{
	return state_combine(fcinfo, &balance_kind);
}

/*
 * sipp_balance_serialize(internal): a worker's state for the leader.
 */
Datum
sipp_balance_serialize(PG_FUNCTION_ARGS)
{
	return state_serialize(fcinfo, &balance_kind);
}

/*
 * sipp_balance_deserialize(bytea, internal): the inverse.
 */
Datum
sipp_balance_deserialize(PG_FUNCTION_ARGS)
{
	return state_deserialize(fcinfo, &balance_kind);
}

/* Variance of n values with these sums; 0 where it is all rounding. */
static double
balance_variance(Dd square, Dd sum, double n)
{
	return true_variance(dd_centred(square, sum, n) / (n - 1), sqrt(dd_value(square) / n));
}

/* Standard deviation of all pupils; NaN where there is none. */
static double
balance_sd(const PupilState *b)
{
	double		n = (double) b->count[COUNT_PUPILS];

	if (!(b->marks & MARK_MANY_VALUES) && b->count[COUNT_PUPILS] > 0)
	{
		double		share = dd_value(b->sum[B_ALL]) / n;

		return sqrt(share * (1 - share));
	}
	if (b->count[COUNT_PUPILS] < 2)
		return NAN;
	return sqrt(balance_variance(b->sum[B_ALL_SQUARE], b->sum[B_ALL], n));
}

/*
 * Is the difference below the threshold, in standard deviations?  Values are rounded in
 * proportion to their own size, which may be far above their difference.
 */
static bool
is_balanced(const PupilState *b, double difference, double sd)
{
	double		size = sqrt(dd_value(b->sum[B_ALL_SQUARE]) / (double) b->count[COUNT_PUPILS]) +
		fabs(dd_value(b->sum[B_MEAN])) / (double) b->count[COUNT_MATCHED];
	double		rounding = ROUNDING * (size + b->setting * sd);

	return fabs(difference) <= rounding || fabs(difference) < b->setting * sd - rounding;
}

/*
 * Variance of the matched pupils over that of the pools; NaN, and the reason,
 * where there is none.
 */
static double
balance_variance_ratio(const PupilState *b, const char **reason)
{
	double		n = (double) b->count[COUNT_MATCHED];
	double		own;
	double		pools;
	double		left;

	if (!(b->marks & MARK_MANY_VALUES))
		*reason = "a yes/no covariate has no variance ratio";
	else if (b->units.several)
		*reason = "the pupils are of more than one unit: no variance ratio";
	else if (b->marks & MARK_UNCOUNTED)
		*reason = "a pupil with the covariate is not counted in its peers' own: no variance ratio";
	else if (b->count[COUNT_MATCHED] < 2)
		*reason = "one matched pupil has no variance: no variance ratio";
	if (*reason != NULL)
		return NAN;

	own = balance_variance(b->sum[B_OWN_SQUARE], b->sum[B_OWN], n);
	pools = true_variance((dd_value(b->sum[B_WITHIN]) + dd_centred(b->sum[B_MEAN_SQUARE], b->sum[B_MEAN], n)) / n,
						  sqrt(dd_value(b->sum[B_MEAN_SQUARE]) / n));
	left = 1 - dd_value(b->sum[B_REUSE]) / n / n;
	if (!(pools > 0) || !(left > 0))
	{
		*reason = "the pools do not vary on the covariate: no variance ratio";
		return NAN;
	}
	return own / (pools / left);
}

/* The columns of sipp.covariate_balance */
enum
{
	C_PUPILS, C_MATCHED, C_UNMATCHED, C_ACTUAL, C_VIRTUAL, C_DIFFERENCE, C_SD, C_SMD,
	C_VARIANCE_RATIO, C_VERDICT, C_DROPPED, C_REASON, C_COLUMNS
};

/*
 * sipp_balance_final(internal): the row of sipp.covariate_balance.
 */
Datum
sipp_balance_final(PG_FUNCTION_ARGS)
{
	const PupilState *b = state_final(fcinfo, &balance_kind);
	double		n = (double) b->count[COUNT_MATCHED];
	double		difference = NAN;
	double		sd = balance_sd(b);
	double		smd = NAN;
	double		ratio = NAN;
	const char *reason = NULL;
	Datum		values[C_COLUMNS];
	bool		nulls[C_COLUMNS] = {false};

	if (b->count[COUNT_PUPILS] == 0)
		reason = "no pupil has the covariate";
	else if (b->count[COUNT_MATCHED] == 0)
		reason = empty_reason(b->empty);
	else
	{
		const char *no_ratio = NULL;

		difference = dd_value(dd_div(b->sum[B_DIFFERENCE], n));
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

	values[C_PUPILS] = Int64GetDatum(b->count[COUNT_PUPILS]);
	values[C_MATCHED] = Int64GetDatum(b->count[COUNT_MATCHED]);
	values[C_UNMATCHED] = Int64GetDatum(b->count[COUNT_PUPILS] - b->count[COUNT_MATCHED]);
	put_float(values, nulls, C_ACTUAL, b->count[COUNT_MATCHED] > 0 ? dd_value(dd_div(b->sum[B_OWN], n)) : NAN);
	put_float(values, nulls, C_VIRTUAL, b->count[COUNT_MATCHED] > 0 ? dd_value(dd_div(b->sum[B_MEAN], n)) : NAN);
	put_float(values, nulls, C_DIFFERENCE, difference);
	put_float(values, nulls, C_SD, sd);
	put_float(values, nulls, C_SMD, smd);
	put_float(values, nulls, C_VARIANCE_RATIO, ratio);
	put_text(values, nulls, C_VERDICT, isnan(smd) ? NULL :
			 is_balanced(b, difference, sd) ? "balanced" : "imbalanced");
	values[C_DROPPED] = Int64GetDatum(b->count[COUNT_DROPPED]);
	put_text(values, nulls, C_REASON, reason);
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), C_COLUMNS, values, nulls));
}
