/*
 * benchmark.c
 *		The aggregate sipp.virtual_school: a school beside the pupils like its own
 *		elsewhere.
 *
 * For each matched pupil i: outcome y_i, and of its pool the size N_i, mean m_i,
 * variance S2_i (divisor N_i - 1) and reuse a_i, the number of the unit's
 * pupils that use the pool (own, for a cell).  With n matched pupils
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
PG_FUNCTION_INFO_V1(sipp_virtual_school_combine);
PG_FUNCTION_INFO_V1(sipp_virtual_school_serialize);
PG_FUNCTION_INFO_V1(sipp_virtual_school_deserialize);
PG_FUNCTION_INFO_V1(sipp_virtual_school_final);

/* The sums of a PupilState */
enum
{
	/* over the matched pupils */
	B_OUTCOME,					/* y */
	B_DIFFERENCE,				/* y - m */
	B_REUSE,					/* a / N */
	B_SINGLE_REUSE,				/* a, where the pool is one */
	/* over those with a pool of two or more */
	B_VARIANCE,					/* S2 */
	B_VARIANCE_REUSE,			/* a S2 / N */
	B_FIXED,					/* S2 (N - 1) / N */
	B_DRAW						/* S2 / k (1 - k / N) */
};

static void benchmark_merge(void *into, const void *from);

static const StateKind benchmark_kind = {FUNC, sizeof(PupilState),.merge = benchmark_merge};

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

static void
benchmark_merge(void *into, const void *from)
{
	pupil_state_setting(into, ((const PupilState *) from)->setting, "k", FUNC);
	pupil_state_merge(into, from);
}

/* Read the argument k, checked. */
static int64
benchmark_k(FunctionCallInfo fcinfo)
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

/* Add one pupil. */
static void
benchmark_add(PupilState *b, double y, const Peers *p)
{
	double		n = (double) p->pool;
	double		k = Min(b->setting, n);

	b->count[COUNT_PUPILS]++;
	units_add(&b->units, p->unit);
	if (p->pool == 0)
	{
		b->empty |= empty_cause(p);
		return;
	}

	b->count[COUNT_MATCHED]++;
	if (!PEERS_COUNT_PUPIL(p))
		b->marks |= MARK_UNCOUNTED;
	if (p->total > 0)
	{
		b->max_share = Max(b->max_share, (double) (p->total - p->pool) / (double) p->total);
		b->marks |= MARK_SHARE_KNOWN;
	}
	b->sum[B_OUTCOME] = dd_plus(b->sum[B_OUTCOME], y);
	b->sum[B_DIFFERENCE] = dd_add(b->sum[B_DIFFERENCE], dd_two_sum(y, -p->mean));
	b->sum[B_REUSE] = dd_plus(b->sum[B_REUSE], p->reuse / n);
	if (p->pool == 1)
	{
		b->count[COUNT_SINGLE]++;
		b->sum[B_SINGLE_REUSE] = dd_plus(b->sum[B_SINGLE_REUSE], p->reuse);
		return;
	}
	b->sum[B_VARIANCE] = dd_plus(b->sum[B_VARIANCE], p->variance);
	b->sum[B_VARIANCE_REUSE] = dd_plus(b->sum[B_VARIANCE_REUSE], p->reuse * p->variance / n);
	b->sum[B_FIXED] = dd_plus(b->sum[B_FIXED], p->variance * ((n - 1) / n));
	b->sum[B_DRAW] = dd_plus(b->sum[B_DRAW], p->variance / k * ((n - k) / n));
}

/*
 * sipp_virtual_school_accum(internal, "any", peers [, k]): transition.
 */
Datum
sipp_virtual_school_accum(PG_FUNCTION_ARGS)
{
	PupilState *b = state_begin(fcinfo, &benchmark_kind);
	ArgKind		kind = outcome_kind_cached(fcinfo, 1, FUNC, "outcome");
	double		y;

	pupil_state_setting(b, (double) benchmark_k(fcinfo), "k", FUNC);
	if (PG_ARGISNULL(1))
	{
		b->count[COUNT_DROPPED]++;
		PG_RETURN_POINTER(b);
	}
	y = outcome_checked(arg_number(kind, PG_GETARG_DATUM(1)), FUNC, "outcome");
	if (PG_ARGISNULL(2))
	{
		/* a cell that nobody published: unmatched */
		b->count[COUNT_PUPILS]++;
		b->empty |= empty_cause(NULL);
	}
	else
	{
		if (kind == ARG_BOOL)
			peers_need_binary(PG_GETARG_PEERS(2), FUNC, "peers");
		benchmark_add(b, y, PG_GETARG_PEERS(2));
	}
	PG_RETURN_POINTER(b);
}

/*
 * sipp_virtual_school_combine(internal, internal): two states as one.
 */
Datum
sipp_virtual_school_combine(PG_FUNCTION_ARGS)
{
	return state_combine(fcinfo, &benchmark_kind);
}

/*
 * sipp_virtual_school_serialize(internal): a worker's state for the leader.
 */
Datum
sipp_virtual_school_serialize(PG_FUNCTION_ARGS)
{
	return state_serialize(fcinfo, &benchmark_kind);
}

/*
 * sipp_virtual_school_deserialize(bytea, internal): the inverse.
 */
Datum
sipp_virtual_school_deserialize(PG_FUNCTION_ARGS)
{
	return state_deserialize(fcinfo, &benchmark_kind);
}

/* Say what to do about a group without a matched pupil. */
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
benchmark_notices(BenchmarkCall *call, const PupilState *b)
{
	if (b->count[COUNT_PUPILS] > 0 && b->count[COUNT_MATCHED] == 0)
	{
		if (!call->empty_noticed)
			ereport(NOTICE,
					(errmsg("%s: a group has no matched pupil, %s", FUNC, empty_reason(b->empty)),
					 errdetail_plural("It has " INT64_FORMAT " pupil with an outcome.",
									  "It has " INT64_FORMAT " pupils with an outcome.",
									  (unsigned long) b->count[COUNT_PUPILS],
									  b->count[COUNT_PUPILS]),
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

/* The figures of a group; NaN where there is none. */
typedef struct BenchmarkFigures
{
	double		variance;		/* mean S2, that of pools of one borrowed */
	double		difference;
	double		std_error;
	double		fixed_pool_se;
	double		draw_se;
	double		z;
	double		ess;
	const char *reason;			/* why figures are missing, or NULL */
} BenchmarkFigures;

/* Compute the standard error and what follows from it, of one unit that counts its pupils. */
static void
benchmark_error(const PupilState *b, double n, BenchmarkFigures *f)
{
	double		own_part = f->variance * n;
	double		pool_part = dd_value(b->sum[B_VARIANCE_REUSE]) +
		f->variance * dd_value(b->sum[B_SINGLE_REUSE]);

	f->ess = n * n / dd_value(b->sum[B_REUSE]);
	f->std_error = sqrt(own_part + pool_part) / n;
	if (isnan(f->std_error))
		f->reason = "every pool is of one pupil: no standard error";
	else if (f->std_error == 0)
		f->reason = "outcomes do not vary within the pools: no z";
	else
		f->z = f->difference / f->std_error;
}

/* Compute the figures of a group: the equations are at the head of the file. */
static BenchmarkFigures
benchmark_figures(const PupilState *b)
{
	BenchmarkFigures f = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NULL};
	double		n = (double) b->count[COUNT_MATCHED];
	int64		several = b->count[COUNT_MATCHED] - b->count[COUNT_SINGLE];

	if (b->count[COUNT_PUPILS] == 0)
		f.reason = "no pupil has an outcome";
	else if (b->count[COUNT_MATCHED] == 0)
		f.reason = empty_reason(b->empty);
	if (f.reason != NULL)
		return f;

	f.difference = dd_value(dd_div(b->sum[B_DIFFERENCE], n));
	f.draw_se = sqrt(dd_value(b->sum[B_DRAW])) / n;
	if (several > 0)
		f.variance = dd_value(b->sum[B_VARIANCE]) / (double) several;
	if (b->units.several)
	{
		f.reason = "the pupils are of more than one unit: no standard error";
		return f;
	}
	f.fixed_pool_se = sqrt(dd_value(b->sum[B_FIXED])) / n;
	if (b->marks & MARK_UNCOUNTED)
		f.reason = "a pupil with an outcome is not counted in its peers' own: no standard error";
	else
		benchmark_error(b, n, &f);
	return f;
}

/* The columns of sipp.benchmark */
enum
{
	C_PUPILS, C_MATCHED, C_UNMATCHED, C_ACTUAL, C_VIRTUAL, C_DIFFERENCE, C_STD_ERROR,
	C_FIXED_POOL_SE, C_Z, C_P_VALUE, C_EFFECT_SIZE, C_ESS, C_SINGLE_POOL, C_MAX_LEFT_OUT_SHARE,
	C_DRAW_SE, C_FLIP_RISK, C_DROPPED, C_REASON, C_COLUMNS
};

/*
 * sipp_virtual_school_final(internal): the row of sipp.benchmark.
 */
Datum
sipp_virtual_school_final(PG_FUNCTION_ARGS)
{
	const PupilState *b = state_final(fcinfo, &benchmark_kind);
	BenchmarkCall *call = fcinfo->flinfo->fn_extra;
	BenchmarkFigures f = benchmark_figures(b);
	double		n = (double) b->count[COUNT_MATCHED];
	Datum		values[C_COLUMNS];
	bool		nulls[C_COLUMNS] = {false};

	if (call == NULL)
	{
		call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(BenchmarkCall));
		call->desc = make_result_desc(fcinfo);
		fcinfo->flinfo->fn_extra = call;
	}
	benchmark_notices(call, b);

	values[C_PUPILS] = Int64GetDatum(b->count[COUNT_PUPILS]);
	values[C_MATCHED] = Int64GetDatum(b->count[COUNT_MATCHED]);
	values[C_UNMATCHED] = Int64GetDatum(b->count[COUNT_PUPILS] - b->count[COUNT_MATCHED]);
	put_float(values, nulls, C_ACTUAL, n > 0 ? dd_value(dd_div(b->sum[B_OUTCOME], n)) : NAN);
	put_float(values, nulls, C_VIRTUAL, n > 0 ?
			  dd_value(dd_div(dd_sub(b->sum[B_OUTCOME], b->sum[B_DIFFERENCE]), n)) : NAN);
	put_float(values, nulls, C_DIFFERENCE, f.difference);
	put_float(values, nulls, C_STD_ERROR, f.std_error);
	put_float(values, nulls, C_FIXED_POOL_SE, f.fixed_pool_se);
	put_float(values, nulls, C_Z, f.z);
	put_float(values, nulls, C_P_VALUE, isnan(f.z) ? NAN : 2 * dist_norm_sf(fabs(f.z)));
	put_float(values, nulls, C_EFFECT_SIZE,
			  f.variance > 0 ? f.difference / sqrt(f.variance) : NAN);
	put_float(values, nulls, C_ESS, f.ess);
	values[C_SINGLE_POOL] = Int64GetDatum(b->count[COUNT_SINGLE]);
	put_float(values, nulls, C_MAX_LEFT_OUT_SHARE,
			  b->marks & MARK_SHARE_KNOWN ? b->max_share : NAN);
	put_float(values, nulls, C_DRAW_SE, f.draw_se);
	put_float(values, nulls, C_FLIP_RISK, flip_risk(f.z, f.draw_se / f.std_error));
	values[C_DROPPED] = Int64GetDatum(b->count[COUNT_DROPPED]);
	put_text(values, nulls, C_REASON, f.reason);
	PG_RETURN_DATUM(row_datum(call->desc, C_COLUMNS, values, nulls));
}
