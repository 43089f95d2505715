/*
 * benchmark.c
 *		The aggregate sipp.virtual_school: a school beside the pupils like its own
 *		elsewhere.
 *
 * For each matched pupil i: outcome y_i, and of its pool the size N_i, mean m_i,
 * variance S2_i (divisor N_i - 1) and sharing a_i, the number of the unit's
 * pupils that lean on the pool (own, for a cell).  With n matched pupils
 *
 *	difference		= sum (y_i - m_i) / n
 *	std_error^2		= sum S2_i / n^2 + sum a_i S2_i / (N_i n^2)
 *	fixed_pool_se^2 = sum S2_i (N_i - 1) / N_i / n^2
 *	ess				= n^2 / sum (a_i / N_i)
 *	effect_size		= difference / sqrt(sum S2_i / n)
 *	draw_se^2		= sum S2_i / k_i (1 - k_i / N_i) / n^2, k_i = min(k, N_i)
 *
 * The first part of std_error^2 is the pupils', the second the pools': the a_i
 * pupils of a cell share the error of its mean.  A pool of one has no variance;
 * it borrows the mean S2 over the matched pupils with pools of two or more.
 * Sums are in double-double, so that the order of rows and the level of outcomes
 * far from zero do not show.
 */
#include "sipp.h"

#include <math.h>

#include "base/row.h"
#include "num/dist.h"
#include "virtual/aggregate.h"
#include "virtual/keys.h"

#define FUNC "sipp.virtual_school"

#define DEFAULT_K		10
#define MAX_K			PG_INT32_MAX
#define NOTICE_SHARE	0.3		/* of a cell left out: differences grow by 1 / .7 */

PG_FUNCTION_INFO_V1(sipp_virtual_school_accum);
PG_FUNCTION_INFO_V1(sipp_virtual_school_bool_accum);
PG_FUNCTION_INFO_V1(sipp_virtual_school_combine);
PG_FUNCTION_INFO_V1(sipp_virtual_school_serialize);
PG_FUNCTION_INFO_V1(sipp_virtual_school_deserialize);
PG_FUNCTION_INFO_V1(sipp_virtual_school_final);

typedef struct Benchmark
{
	int64		pupils;			/* with an outcome */
	int64		matched;		/* of these, with somebody in the pool */
	int64		single;			/* of these, with a pool of one */
	int64		dropped;
	int64		k;				/* comparators a pupil of a draw; 0: no row yet */
	Units		units;
	bool		uncounted;		/* a pupil that its own peers do not count */
	bool		share_known;
	int			empty;			/* causes of empty pools (aggregate.h) */
	double		max_share;		/* largest part of a cell that is left out */

	/* over the matched pupils */
	Dd			outcome;		/* y */
	Dd			difference;		/* y - m */
	Dd			leaning;		/* a / N */
	Dd			single_leaning; /* a, where the pool is one */
	/* over those with a pool of two or more */
	Dd			variance;		/* S2 */
	Dd			leaning_variance;	/* a S2 / N */
	Dd			fixed;			/* S2 (N - 1) / N */
	Dd			draw;			/* S2 / k (1 - k / N) */
} Benchmark;

/* What the final function keeps as long as its query. */
typedef struct BenchmarkCall
{
	TupleDesc	desc;
	bool		empty_noticed;
	bool		share_noticed;
} BenchmarkCall;

/* P(|z + N(0, noise^2)| lies on the other side of 1.96 than |z|). */
double
flip_risk(double z, double noise)
{
	double		far = -CRITICAL_Z - fabs(z);
	double		near = CRITICAL_Z - fabs(z);

	if (isnan(z) || isnan(noise))
		return NAN;
	if (noise == 0)
		return 0;
	if (is_critical(z))
		return dist_norm_cdf(near / noise) - dist_norm_cdf(far / noise);
	return dist_norm_sf(near / noise) + dist_norm_cdf(far / noise);
}

/* The number of comparators must be one and the same in all rows of a group. */
static void
benchmark_k(Benchmark *b, int64 k)
{
	if (b->k == 0)
		b->k = k;
	else if (k != 0 && k != b->k)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"k\" of %s must be the same in every row of a group", FUNC),
				 errdetail("It is " INT64_FORMAT " and " INT64_FORMAT ".", b->k, k)));
}

/* The argument k, checked. */
static int64
benchmark_k_argument(FunctionCallInfo fcinfo)
{
	int64		k;

	if (PG_NARGS() < 4)
		return DEFAULT_K;
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"k\" of %s must not be null", FUNC)));
	k = PG_GETARG_INT64(3);
	if (k < 1 || k > MAX_K)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"k\" of %s must be between 1 and %d", FUNC, MAX_K),
				 errdetail("It is " INT64_FORMAT ".", k),
				 errhint("It is the number of comparators that a draw takes for each pupil.")));
	return k;
}

/* One pupil. */
static void
benchmark_add(Benchmark *b, double y, const Peers *p)
{
	double		n = (double) p->pool;
	double		k = (double) Min(b->k, p->pool);

	b->pupils++;
	units_add(&b->units, p->unit);
	if (p->pool == 0)
	{
		b->empty |= empty_cause(p);
		return;
	}

	b->matched++;
	b->uncounted |= !PEERS_COUNT_PUPIL(p);
	if (p->total > 0)
	{
		double		share = (double) (p->total - p->pool) / (double) p->total;

		b->max_share = b->share_known ? Max(b->max_share, share) : share;
		b->share_known = true;
	}
	b->outcome = dd_plus(b->outcome, y);
	b->difference = dd_add(b->difference, dd_two_sum(y, -p->mean));
	b->leaning = dd_plus(b->leaning, p->sharing / n);
	if (p->pool == 1)
	{
		b->single++;
		b->single_leaning = dd_plus(b->single_leaning, p->sharing);
		return;
	}
	b->variance = dd_plus(b->variance, p->variance);
	b->leaning_variance = dd_plus(b->leaning_variance, p->sharing * p->variance / n);
	b->fixed = dd_plus(b->fixed, p->variance * ((n - 1) / n));
	b->draw = dd_plus(b->draw, p->variance / k * ((n - k) / n));
}

/* The transition, of both types of outcome. */
static Datum
benchmark_accum(FunctionCallInfo fcinfo, bool is_boolean)
{
	Benchmark  *b = state_begin(fcinfo, FUNC, sizeof(Benchmark));
	double		y;

	benchmark_k(b, benchmark_k_argument(fcinfo));
	if (PG_ARGISNULL(1))
	{
		b->dropped++;
		PG_RETURN_POINTER(b);
	}
	y = outcome_number(PG_GETARG_DATUM(1), is_boolean, FUNC, "outcome");
	if (PG_ARGISNULL(2))
	{
		b->pupils++;			/* a cell that nobody published: unmatched */
		b->empty |= empty_cause(NULL);
	}
	else
	{
		if (is_boolean)
			peers_need_binary(PG_GETARG_PEERS(2), FUNC, "peers");
		benchmark_add(b, y, PG_GETARG_PEERS(2));
	}
	PG_RETURN_POINTER(b);
}

/*
 * sipp_virtual_school_accum(internal, float8, peers [, k]): transition.
 */
Datum
sipp_virtual_school_accum(PG_FUNCTION_ARGS)
{
	return benchmark_accum(fcinfo, false);
}

/*
 * sipp_virtual_school_bool_accum(internal, boolean, peers [, k]): the same of a
 * yes/no outcome.
 */
Datum
sipp_virtual_school_bool_accum(PG_FUNCTION_ARGS)
{
	return benchmark_accum(fcinfo, true);
}

/*
 * sipp_virtual_school_combine(internal, internal): two states as one.
 */
Datum
sipp_virtual_school_combine(PG_FUNCTION_ARGS)
{
	const Benchmark *b = PG_ARGISNULL(1) ? NULL : (Benchmark *) PG_GETARG_POINTER(1);
	Benchmark  *a;

	if (b == NULL)
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	a = state_begin(fcinfo, FUNC, sizeof(Benchmark));
	benchmark_k(a, b->k);
	units_merge(&a->units, &b->units);
	a->pupils += b->pupils;
	a->matched += b->matched;
	a->single += b->single;
	a->dropped += b->dropped;
	a->uncounted |= b->uncounted;
	a->share_known |= b->share_known;
	a->empty |= b->empty;
	a->max_share = Max(a->max_share, b->max_share);
	a->outcome = dd_add(a->outcome, b->outcome);
	a->difference = dd_add(a->difference, b->difference);
	a->leaning = dd_add(a->leaning, b->leaning);
	a->single_leaning = dd_add(a->single_leaning, b->single_leaning);
	a->variance = dd_add(a->variance, b->variance);
	a->leaning_variance = dd_add(a->leaning_variance, b->leaning_variance);
	a->fixed = dd_add(a->fixed, b->fixed);
	a->draw = dd_add(a->draw, b->draw);
	PG_RETURN_POINTER(a);
}

/*
 * sipp_virtual_school_serialize(internal): a worker's state for the leader.
 */
Datum
sipp_virtual_school_serialize(PG_FUNCTION_ARGS)
{
	return state_to_bytes(fcinfo, FUNC, sizeof(Benchmark));
}

/*
 * sipp_virtual_school_deserialize(bytea, internal): the inverse.
 */
Datum
sipp_virtual_school_deserialize(PG_FUNCTION_ARGS)
{
	return state_from_bytes(fcinfo, FUNC, sizeof(Benchmark));
}

/* The reason of a group without a matched pupil: see aggregate.h. */
const char *
empty_reason(int causes)
{
	switch (causes)
	{
		case EMPTY_ABSENT:
			return "no pupil has peers";
		case EMPTY_OWN:
			return "every pool is empty: in each cell only one unit has outcomes";
		case EMPTY_LEFT_OUT:
		case EMPTY_OWN | EMPTY_LEFT_OUT:
			return "every pool is empty: all others with an outcome share a key that is left out";
		case EMPTY_UNKNOWN:
			return "every pool is empty: nobody in the cells has an outcome";
		case EMPTY_NEAREST:
			return "every pool is empty: no score, nobody else to take, or nobody within the caliper";
		case EMPTY_STORED:
			return "every pool is empty: so are the stored cells";
		default:
			return "every pool is empty";
	}
}

/* What to do about it. */
static const char *
empty_hint(int causes)
{
	switch (causes)
	{
		case EMPTY_ABSENT:
			return "Peers are NULL where a join found no stored cell.";
		case EMPTY_OWN:
			return "Keep the unit out of PARTITION BY, and others in the query: WHERE comes before the window. "
				"Where row-level security shows one unit only, sipp.peers(cohort, own) benchmarks against stored cells.";
		case EMPTY_LEFT_OUT:
		case EMPTY_OWN | EMPTY_LEFT_OUT:
			return "Keep the keys out of PARTITION BY. Row-level security that shows one authority only has the same "
				"effect; sipp.peers(cohort, own) benchmarks against stored cells instead.";
		case EMPTY_UNKNOWN:
			return "Make the peers with the same outcome.";
		case EMPTY_NEAREST:
			return "Look at the scores, the caliper, and the unit and other keys, which must not be in PARTITION BY.";
		default:
			return "See what sipp.own(peers) and sipp.total(peers) say of the cells.";
	}
}

/*
 * Say once a query what an analyst would otherwise take for a result: that there
 * is nobody to compare with, or that a school is compared with what it leaves
 * of a cell.
 */
static void
benchmark_notices(BenchmarkCall *call, const Benchmark *b)
{
	if (b->pupils > 0 && b->matched == 0)
	{
		if (!call->empty_noticed)
			ereport(NOTICE,
					(errmsg("%s: a group has no matched pupil, %s", FUNC, empty_reason(b->empty)),
					 errdetail_plural("It has " INT64_FORMAT " pupil with an outcome.",
									  "It has " INT64_FORMAT " pupils with an outcome.",
									  (unsigned long) b->pupils, b->pupils),
					 errhint("%s", empty_hint(b->empty))));
		call->empty_noticed = true;
	}
	else if (b->max_share >= NOTICE_SHARE)
	{
		if (!call->share_noticed)
			ereport(NOTICE,
					(errmsg("%s: 30%% or more of a cell is left out", FUNC),
					 errdetail("The difference of a unit that makes up that share of its cells, together with "
							   "what is left out with it, is inflated by 1/(1 - share)."),
					 errhint("See column max_left_out_share; wider cells or fewer keys to leave out lower it.")));
		call->share_noticed = true;
	}
}

/*
 * sipp_virtual_school_final(internal): the row of sipp.benchmark.
 */
Datum
sipp_virtual_school_final(PG_FUNCTION_ARGS)
{
	static const Benchmark nobody;
	BenchmarkCall *call = fcinfo->flinfo->fn_extra;
	const Benchmark *b;
	double		n;
	double		variance = NAN; /* mean S2, that of pools of one borrowed */
	double		difference = NAN;
	double		se = NAN;
	double		fixed_se = NAN;
	double		draw_se = NAN;
	double		z = NAN;
	double		ess = NAN;
	const char *reason = NULL;
	Datum		values[18];
	bool		nulls[18] = {false};

	(void) aggregate_context(fcinfo, FUNC);
	if (call == NULL)
	{
		call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(BenchmarkCall));
		call->desc = make_result_desc(fcinfo);
		fcinfo->flinfo->fn_extra = call;
	}
	b = PG_ARGISNULL(0) ? &nobody : (Benchmark *) PG_GETARG_POINTER(0);
	n = (double) b->matched;
	benchmark_notices(call, b);

	if (b->pupils == 0)
		reason = "no pupil has an outcome";
	else if (b->matched == 0)
		reason = empty_reason(b->empty);
	else
	{
		difference = dd_value(dd_div(b->difference, n));
		draw_se = sqrt(dd_value(b->draw)) / n;
		if (b->matched > b->single)
			variance = dd_value(b->variance) / (double) (b->matched - b->single);

		if (b->units.several)
			reason = "the pupils are of more than one unit: no standard error";
		else
		{
			double		own_part = variance * n;
			double		pool_part = dd_value(b->leaning_variance) +
				variance * dd_value(b->single_leaning);

			fixed_se = sqrt(dd_value(b->fixed)) / n;
			if (b->uncounted)
				reason = "a pupil with an outcome is not counted in its peers' own: no standard error";
			else
			{
				ess = n * n / dd_value(b->leaning);
				se = sqrt(own_part + pool_part) / n;
				if (isnan(se))
					reason = "every pool is of one pupil: no standard error";
				else if (se == 0)
					reason = "outcomes do not vary within the pools: no z";
				else
					z = difference / se;
			}
		}
	}

	values[0] = Int64GetDatum(b->pupils);
	values[1] = Int64GetDatum(b->matched);
	values[2] = Int64GetDatum(b->pupils - b->matched);
	put_float(values, nulls, 3, b->matched > 0 ? dd_value(dd_div(b->outcome, n)) : NAN);
	put_float(values, nulls, 4, b->matched > 0 ?
			  dd_value(dd_div(dd_sub(b->outcome, b->difference), n)) : NAN);
	put_float(values, nulls, 5, difference);
	put_float(values, nulls, 6, se);
	put_float(values, nulls, 7, fixed_se);
	put_float(values, nulls, 8, z);
	put_float(values, nulls, 9, isnan(z) ? NAN : 2 * dist_norm_sf(fabs(z)));
	put_float(values, nulls, 10, variance > 0 ? difference / sqrt(variance) : NAN);
	put_float(values, nulls, 11, ess);
	values[12] = Int64GetDatum(b->single);
	put_float(values, nulls, 13, b->share_known ? b->max_share : NAN);
	put_float(values, nulls, 14, draw_se);
	put_float(values, nulls, 15, flip_risk(z, draw_se / se));
	values[16] = Int64GetDatum(b->dropped);
	put_text(values, nulls, 17, reason);
	PG_RETURN_DATUM(row_datum(call->desc, lengthof(values), values, nulls));
}
