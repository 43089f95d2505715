/*
 * bands.c
 *		The aggregate sipp.attainment_bands: mean points of the lowest 20%, the
 *		middle 60% and the highest 20% of pupils.
 *
 * Bands are shares of the total weight, and a pupil on a boundary is split in
 * proportion.  The state holds each pupil's points, and weight where there are
 * weights, in one array of the aggregate's context.  The final function sorts a
 * copy, so that the figures are bit-identical whatever the order of rows, and adds
 * up in double-double, so that weights of very different size do no harm.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/row.h"
#include "virtual/aggregate.h"
#include "virtual/keys.h"

#define FUNC "sipp.attainment_bands"

#define MIN_ROOM	64
#define NBAND		3

PG_FUNCTION_INFO_V1(sipp_attainment_bands_accum);
PG_FUNCTION_INFO_V1(sipp_attainment_bands_combine);
PG_FUNCTION_INFO_V1(sipp_attainment_bands_serialize);
PG_FUNCTION_INFO_V1(sipp_attainment_bands_deserialize);
PG_FUNCTION_INFO_V1(sipp_attainment_bands_final);

typedef struct Bands
{
	MemoryContext cxt;			/* holds the array */
	int			width;			/* numbers a pupil: points, or points and weight */
	int64		dropped;
	int64		pupils;
	int64		room;
	double	   *value;			/* [pupils][width] */
} Bands;

/* The state in argument 0; a new one where it is NULL. */
static Bands *
bands_begin(FunctionCallInfo fcinfo, int width)
{
	MemoryContext cxt = aggregate_context(fcinfo, FUNC);
	Bands	   *b = state_begin(fcinfo, FUNC, sizeof(Bands));

	b->cxt = cxt;
	b->width = width;
	return b;
}

/* Room for n more pupils, at least doubling what there is. */
static void
bands_reserve(Bands *b, int64 n)
{
	int64		room = Max(Max(b->pupils + n, 2 * b->room), MIN_ROOM);
	size_t		size = sizeof(double) * b->width;

	if (b->room - b->pupils >= n)
		return;
	b->value = b->room == 0 ? MemoryContextAllocHuge(b->cxt, size * room)
		: repalloc_huge(b->value, size * room);
	b->room = room;
}

/*
 * sipp_attainment_bands_accum(internal, points [, weight]): transition.
 */
Datum
sipp_attainment_bands_accum(PG_FUNCTION_ARGS)
{
	bool		weighted = PG_NARGS() > 2;
	Bands	   *b = bands_begin(fcinfo, weighted ? 2 : 1);
	double		points;
	double		weight = 1;
	double	   *v;

	if (PG_ARGISNULL(1) || (weighted && PG_ARGISNULL(2)))
	{
		b->dropped++;
		PG_RETURN_POINTER(b);
	}
	points = outcome_number(PG_GETARG_DATUM(1), false, FUNC, "points");
	if (weighted)
		weight = PG_GETARG_FLOAT8(2);
	if (!(weight >= 0) || isinf(weight))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"weight\" of %s must be finite and not negative", FUNC),
				 errdetail("It is %g.", weight)));
	bands_reserve(b, 1);
	v = b->value + b->pupils++ * b->width;
	/* zero has one spelling, so that the order of rows does not show */
	v[0] = points + 0.0;
	if (weighted)
		v[1] = weight + 0.0;
	PG_RETURN_POINTER(b);
}

/*
 * sipp_attainment_bands_combine(internal, internal): two states as one.
 */
Datum
sipp_attainment_bands_combine(PG_FUNCTION_ARGS)
{
	const Bands *b = PG_ARGISNULL(1) ? NULL : (Bands *) PG_GETARG_POINTER(1);
	Bands	   *a;

	if (b == NULL)
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	a = bands_begin(fcinfo, b->width);
	a->dropped += b->dropped;
	if (b->pupils > 0)
	{
		bands_reserve(a, b->pupils);
		memcpy(a->value + a->pupils * a->width, b->value, sizeof(double) * b->pupils * b->width);
		a->pupils += b->pupils;
	}
	PG_RETURN_POINTER(a);
}

/*
 * sipp_attainment_bands_serialize(internal): a worker's state for the leader.
 */
Datum
sipp_attainment_bands_serialize(PG_FUNCTION_ARGS)
{
	const Bands *b;
	size_t		size;
	bytea	   *out;

	(void) aggregate_context(fcinfo, FUNC);
	b = (Bands *) PG_GETARG_POINTER(0);
	size = VARHDRSZ + sizeof(Bands) + sizeof(double) * (size_t) b->pupils * b->width;
	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: one worker's pupils are more than 1 GB", FUNC),
				 errhint("Set max_parallel_workers_per_gather to 0 for this query.")));
	out = palloc(size);
	SET_VARSIZE(out, size);
	memcpy(VARDATA(out), b, sizeof(Bands));
	if (b->pupils > 0)
		memcpy(VARDATA(out) + sizeof(Bands), b->value, sizeof(double) * b->pupils * b->width);
	PG_RETURN_BYTEA_P(out);
}

/*
 * sipp_attainment_bands_deserialize(bytea, internal): the inverse.
 */
Datum
sipp_attainment_bands_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	Bands	   *b = palloc(sizeof(Bands));
	size_t		size;

	(void) aggregate_context(fcinfo, FUNC);
	bytes = PG_GETARG_BYTEA_PP(0);
	if (VARSIZE_ANY_EXHDR(bytes) < sizeof(Bands))
		elog(ERROR, "invalid serialized state of %s", FUNC);
	memcpy(b, VARDATA_ANY(bytes), sizeof(Bands));
	size = sizeof(double) * (size_t) b->pupils * b->width;
	if (VARSIZE_ANY_EXHDR(bytes) != sizeof(Bands) + size)
		elog(ERROR, "invalid serialized state of %s", FUNC);
	b->cxt = CurrentMemoryContext;
	b->room = Max(b->pupils, 1);
	b->value = MemoryContextAllocHuge(b->cxt, sizeof(double) * b->room * b->width);
	memcpy(b->value, VARDATA_ANY(bytes) + sizeof(Bands), size);
	PG_RETURN_POINTER(b);
}

/* Order by points, then by weight where there are weights. */
static int
compare_pupils(const void *x, const void *y, void *arg)
{
	const double *a = x;
	const double *b = y;

	for (int i = 0; i < *(const int *) arg; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

/* Weight of a pupil; 1 where there are no weights. */
static inline double
bands_weight(const Bands *b, const double *sorted, int64 i, double scale)
{
	return b->width == 1 ? 1 : sorted[i * 2 + 1] * scale;
}

/*
 * The three bands' means, and that of all, over pupils in order of points; NaN
 * where they have no weight.  Returns the total weight.
 */
static double
bands_means(const Bands *b, const double *sorted, double *mean, double band[NBAND])
{
	static const int fifths[NBAND] = {1, 3, 1};
	double		scale = 1;
	double		largest = 0;
	Dd			total = {0, 0};
	Dd			sum[NBAND] = {{0, 0}, {0, 0}, {0, 0}};
	Dd			weight[NBAND] = {{0, 0}, {0, 0}, {0, 0}};
	Dd			room = {0, 0};	/* what the band still takes */
	Dd			all = {0, 0};
	int			k = -1;

	/* a power of two brings the weights to about 1, so that no product overflows or is lost */
	for (int64 i = 0; i < b->pupils && b->width > 1; i++)
		largest = Max(largest, sorted[i * 2 + 1]);
	if (largest > 0)
	{
		int			exponent;

		(void) frexp(largest, &exponent);
		scale = ldexp(1, Min(-exponent, 1000));
	}

	for (int64 i = 0; i < b->pupils; i++)
		total = dd_plus(total, bands_weight(b, sorted, i, scale));

	for (int64 i = 0; i < b->pupils; i++)
	{
		double		points = sorted[i * b->width];
		Dd			left = dd_make(bands_weight(b, sorted, i, scale));

		CHECK_FOR_INTERRUPTS();
		while (left.hi > 0)
		{
			Dd			part = left;

			while (k < NBAND - 1 && !(room.hi > 0))
			{
				k++;
				room = dd_div(dd_mul(total, dd_make(fifths[k])), 5);
			}
			/* the last band takes what rounding leaves */
			if (k < NBAND - 1 && dd_sub(room, left).hi < 0)
				part = room;
			sum[k] = dd_add(sum[k], dd_mul(part, dd_make(points)));
			weight[k] = dd_add(weight[k], part);
			room = dd_sub(room, part);
			left = dd_sub(left, part);
		}
	}

	for (k = 0; k < NBAND; k++)
	{
		band[k] = weight[k].hi > 0 ? dd_value(dd_ratio(sum[k], weight[k])) : NAN;
		all = dd_add(all, sum[k]);
	}
	*mean = total.hi > 0 ? dd_value(dd_ratio(all, total)) : NAN;
	return dd_value(total) / scale;
}

/*
 * sipp_attainment_bands_final(internal): the row of sipp.bands.
 */
Datum
sipp_attainment_bands_final(PG_FUNCTION_ARGS)
{
	static const Bands nobody;
	const Bands *b;
	double	   *sorted = NULL;
	double		mean = NAN;
	double		weight = 0;
	double		band[NBAND] = {NAN, NAN, NAN};
	Datum		values[7];
	bool		nulls[7] = {false};

	(void) aggregate_context(fcinfo, FUNC);
	b = PG_ARGISNULL(0) ? &nobody : (Bands *) PG_GETARG_POINTER(0);
	if (b->pupils > 0)
	{
		size_t		size = sizeof(double) * b->width;

		sorted = MemoryContextAllocHuge(CurrentMemoryContext, size * b->pupils);
		memcpy(sorted, b->value, size * b->pupils);
		qsort_interruptible(sorted, b->pupils, size, compare_pupils, unconstify(int *, &b->width));
		weight = bands_means(b, sorted, &mean, band);
		pfree(sorted);
	}
	if (isinf(weight))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value out of range: the sum of weights in %s overflows", FUNC)));

	values[0] = Int64GetDatum(b->pupils);
	put_float(values, nulls, 1, weight);
	put_float(values, nulls, 2, mean);
	for (int k = 0; k < NBAND; k++)
		put_float(values, nulls, 3 + k, band[k]);
	values[6] = Int64GetDatum(b->dropped);
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), lengthof(values), values, nulls));
}
