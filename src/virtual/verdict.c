/*
 * verdict.c
 *		About schools rather than pupils: how much schools differ after matching, which
 *		of them are unusual, and how many false flags to expect.
 *
 * The variance between schools is DerSimonian and Laird's (1986) method of
 * moments: with w_j = 1 / SE_j^2 and m the weighted mean of the differences d_j,
 *
 *		(sum w_j (d_j - m)^2 - (J - 1)) / (sum w_j - sum w_j^2 / sum w_j)
 *
 * or 0 where that is negative.  The denominator is twice the sum of w_i w_j over
 * pairs of schools, divided by sum w_j; that sum and the weighted mean and
 * spread are updated school by school (Chan, Golub, LeVeque 1983), so that nothing
 * cancels.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/row.h"
#include "num/dist.h"
#include "virtual/aggregate.h"
#include "virtual/keys.h"

#define VARIANCE_FUNC "sipp.school_variance"

/* Weights between 1e-100 and 1e100 can be multiplied with one another. */
#define MIN_STD_ERROR	1e-50
#define MAX_STD_ERROR	1e50

PG_FUNCTION_INFO_V1(sipp_school_variance_accum);
PG_FUNCTION_INFO_V1(sipp_school_variance_combine);
PG_FUNCTION_INFO_V1(sipp_school_variance_serialize);
PG_FUNCTION_INFO_V1(sipp_school_variance_deserialize);
PG_FUNCTION_INFO_V1(sipp_school_variance_final);
PG_FUNCTION_INFO_V1(sipp_verdict);
PG_FUNCTION_INFO_V1(sipp_fdr);

typedef struct Spread
{
	int64		schools;
	Dd			weight;			/* sum w */
	Dd			mean;			/* sum w d / sum w */
	Dd			square;			/* sum w (d - mean)^2 */
	Dd			pairs;			/* sum over pairs of w_i w_j */
} Spread;

/* Make two groups of schools one. */
static void
spread_merge(void *into, const void *from)
{
	Spread	   *a = into;
	const Spread *b = from;
	Dd			weight;
	Dd			delta;
	Dd			share;

	if (b->schools == 0)
		return;
	weight = dd_add(a->weight, b->weight);
	delta = dd_sub(b->mean, a->mean);
	share = dd_ratio(b->weight, weight);
	a->square = dd_add(dd_add(a->square, b->square),
					   dd_mul(dd_mul(delta, delta), dd_mul(a->weight, share)));
	a->pairs = dd_add(dd_add(a->pairs, b->pairs), dd_mul(a->weight, b->weight));
	a->mean = dd_add(a->mean, dd_mul(delta, share));
	a->weight = weight;
	a->schools += b->schools;
}

static const StateKind spread_kind = {VARIANCE_FUNC, sizeof(Spread),.merge = spread_merge};

/*
 * sipp_school_variance_accum(internal, difference, std_error): transition.
 */
Datum
sipp_school_variance_accum(PG_FUNCTION_ARGS)
{
	Spread	   *s = state_begin(fcinfo, &spread_kind);
	Spread		school = {1, {0, 0}, {0, 0}, {0, 0}, {0, 0}};
	double		se = 0;

	if (!PG_ARGISNULL(1))
		school.mean = dd_make(outcome_checked(PG_GETARG_FLOAT8(1), VARIANCE_FUNC, "difference"));
	if (!PG_ARGISNULL(2))
		se = PG_GETARG_FLOAT8(2);
	if (se != 0 && !(se >= MIN_STD_ERROR && se <= MAX_STD_ERROR))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"std_error\" of %s must be 0 or between %g and %g",
						VARIANCE_FUNC, MIN_STD_ERROR, MAX_STD_ERROR),
				 errdetail("It is %g.", se)));
	if (!PG_ARGISNULL(1) && se > 0)
	{
		school.weight = dd_make(1 / (se * se));
		spread_merge(s, &school);
	}
	PG_RETURN_POINTER(s);
}

/*
 * sipp_school_variance_combine(internal, internal): two states as one.
 */
Datum
sipp_school_variance_combine(PG_FUNCTION_ARGS)
{
	return state_combine(fcinfo, &spread_kind);
}

/*
 * sipp_school_variance_serialize(internal): a worker's state for the leader.
 */
Datum
sipp_school_variance_serialize(PG_FUNCTION_ARGS)
{
	return state_serialize(fcinfo, &spread_kind);
}

/*
 * sipp_school_variance_deserialize(bytea, internal): the inverse.
 */
Datum
sipp_school_variance_deserialize(PG_FUNCTION_ARGS)
{
	return state_deserialize(fcinfo, &spread_kind);
}

/*
 * sipp_school_variance_final(internal): the variance; NULL below two schools.
 */
Datum
sipp_school_variance_final(PG_FUNCTION_ARGS)
{
	const Spread *s = state_final(fcinfo, &spread_kind);
	double		excess;

	if (s->schools < 2)
		PG_RETURN_NULL();
	excess = dd_value(dd_plus(s->square, -(double) (s->schools - 1)));
	if (!(excess > 0))
		PG_RETURN_FLOAT8(0);
	PG_RETURN_FLOAT8(excess / (2 * dd_value(dd_ratio(s->pairs, s->weight))));
}

/* An argument of sipp.verdict: NaN where NULL, else finite, and not negative if so asked. */
static double
verdict_argument(FunctionCallInfo fcinfo, int argno, const char *name, bool may_be_negative)
{
	double		v;

	if (PG_ARGISNULL(argno))
		return NAN;
	v = PG_GETARG_FLOAT8(argno);
	if (!isfinite(v) || (!may_be_negative && v < 0))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"%s\" of sipp.verdict must be finite%s", name,
						may_be_negative ? "" : " and not negative"),
				 errdetail("It is %g.", v)));
	return v;
}

/* The columns of sipp.school_verdict */
enum
{
	C_Z_SCHOOLS, C_P_VALUE, C_VERDICT, C_FLIP_RISK, C_COLUMNS
};

/*
 * sipp_verdict(difference, std_error, school_variance, draw_se): z_schools,
 * p_value, verdict, flip_risk.
 */
Datum
sipp_verdict(PG_FUNCTION_ARGS)
{
	double		difference = verdict_argument(fcinfo, 0, "difference", true);
	double		se = verdict_argument(fcinfo, 1, "std_error", false);
	double		variance = verdict_argument(fcinfo, 2, "school_variance", false);
	double		draw_se = verdict_argument(fcinfo, 3, "draw_se", false);
	double		sd = hypot(se, sqrt(variance));
	double		z = sd > 0 ? difference / sd : NAN;
	Datum		values[C_COLUMNS];
	bool		nulls[C_COLUMNS] = {false};

	if (isinf(z))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value out of range: z_schools of sipp.verdict overflows")));
	put_float(values, nulls, C_Z_SCHOOLS, z);
	put_float(values, nulls, C_P_VALUE, isnan(z) ? NAN : 2 * dist_norm_sf(fabs(z)));
	put_text(values, nulls, C_VERDICT, isnan(z) ? NULL :
			 !is_critical(z) ? "as expected" : z > 0 ? "higher" : "lower");
	put_float(values, nulls, C_FLIP_RISK, flip_risk(z, draw_se / sd));
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), C_COLUMNS, values, nulls));
}

/* A p-value of the partition, and whose it is. */
typedef struct FdrItem
{
	double		p;
	int64		row;
} FdrItem;

/* Largest first. */
static int
compare_fdr(const void *x, const void *y, void *arg)
{
	double		a = ((const FdrItem *) x)->p;
	double		b = ((const FdrItem *) y)->p;

	return a > b ? -1 : a < b;
}

/*
 * The adjusted p-values of a partition, in the order of its rows; NaN where the p-value is
 * NULL.  The i-th smallest of n becomes the least of (n / j) p_(j) over j >= i, and 1
 * at most (Benjamini and Hochberg 1995).
 */
static double *
fdr_adjust(WindowObject winobj, MemoryContext cxt)
{
	int64		rows = WinGetPartitionRowCount(winobj);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "sipp.fdr",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	double	   *adjusted;
	FdrItem    *item;
	int64		n = 0;
	double		least = 1;

	if (rows > PARTITION_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition of sipp.fdr cannot have more than %d rows", PARTITION_MOST)));
	adjusted = MemoryContextAllocHuge(cxt, sizeof(double) * rows);
	item = MemoryContextAllocHuge(old, sizeof(FdrItem) * rows);
	for (int64 row = 0; row < rows; row++)
	{
		bool		isnull;
		bool		isout;
		Datum		d = WinGetFuncArgInPartition(winobj, 0, (int) row, WINDOW_SEEK_HEAD, false,
												 &isnull, &isout);
		double		p = isnull ? NAN : DatumGetFloat8(d);

		CHECK_FOR_INTERRUPTS();
		adjusted[row] = NAN;
		if (isnull)
			continue;
		if (!(p >= 0 && p <= 1))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("argument \"p_value\" of sipp.fdr must be between 0 and 1"),
					 errdetail("It is %.15g.", p)));
		item[n].p = p;
		item[n].row = row;
		n++;
		MemoryContextReset(scratch);	/* what the argument's expression left */
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	qsort_interruptible(item, n, sizeof(FdrItem), compare_fdr, NULL);
	for (int64 i = 0; i < n; i++)
	{
		least = Min(least, (double) n / (double) (n - i) * item[i].p);
		adjusted[item[i].row] = least;
	}
	pfree(item);
	return adjusted;
}

/*
 * sipp_fdr(p_value): window function.  The partition is read once, at its first
 * row.
 */
Datum
sipp_fdr(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	MemoryContext cxt;
	bool		first;
	double	  **adjusted;
	double		p;

	if (!WindowObjectIsValid(winobj))
		elog(ERROR, "sipp.fdr called outside of a window");
	adjusted = partition_memory(winobj, sizeof(double *), &cxt, &first);
	if (first)
		*adjusted = fdr_adjust(winobj, cxt);
	p = (*adjusted)[WinGetCurrentPosition(winobj)];
	if (isnan(p))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(p);
}
