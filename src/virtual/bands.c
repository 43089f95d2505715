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

#include "base/memory.h"
#include "base/row.h"
#include "virtual/aggregate.h"
#include "virtual/keys.h"

#define FUNC "sipp.attainment_bands"

#define NBAND		3

PG_FUNCTION_INFO_V1(sipp_attainment_bands_accum);
PG_FUNCTION_INFO_V1(sipp_attainment_bands_combine);
PG_FUNCTION_INFO_V1(sipp_attainment_bands_serialize);
PG_FUNCTION_INFO_V1(sipp_attainment_bands_deserialize);
PG_FUNCTION_INFO_V1(sipp_attainment_bands_final);

typedef struct Bands
{
	int			width;			/* numbers a pupil: points, or points and weight */
	int64		dropped;
	StateArray	pupils;			/* double[pupils][width] */
} Bands;

static void bands_merge(void *into, const void *from);

static const StateKind bands_kind = {
	FUNC, sizeof(Bands), offsetof(Bands, pupils), "pupils", bands_merge
};

/* Return where n more pupils go, of whom each has so many numbers. */
static double *
bands_append(Bands *b, int width, int64 n)
{
	int64		first = b->pupils.n;

	b->width = width;
	b->pupils.element = sizeof(double) * width;
	state_array_reserve(&b->pupils, n);
	b->pupils.n += n;
	return (double *) b->pupils.data + first * width;
}

static void
bands_merge(void *into, const void *from)
{
	Bands	   *a = into;
	const Bands *b = from;

	a->dropped += b->dropped;
	if (b->pupils.n > 0)
		memcpy(bands_append(a, b->width, b->pupils.n), b->pupils.data,
			   b->pupils.element * b->pupils.n);
}

/*
 * sipp_attainment_bands_accum(internal, points [, weight]): transition.
 */
Datum
sipp_attainment_bands_accum(PG_FUNCTION_ARGS)
{
	bool		weighted = PG_NARGS() > 2;
	Bands	   *b = state_begin(fcinfo, &bands_kind);
	double		points;
	double		weight = 1;
	double	   *v;

	if (PG_ARGISNULL(1) || (weighted && PG_ARGISNULL(2)))
	{
		b->dropped++;
		PG_RETURN_POINTER(b);
	}
	points = outcome_checked(PG_GETARG_FLOAT8(1), FUNC, "points");
	if (weighted)
		weight = PG_GETARG_FLOAT8(2);
	if (!(weight >= 0) || isinf(weight))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"weight\" of %s must be finite and not negative", FUNC),
				 errdetail("It is %g.", weight)));
	v = bands_append(b, weighted ? 2 : 1, 1);
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
	return state_combine(fcinfo, &bands_kind);
}

/*
 * sipp_attainment_bands_serialize(internal): a worker's state for the leader.
 */
Datum
sipp_attainment_bands_serialize(PG_FUNCTION_ARGS)
{
	return state_serialize(fcinfo, &bands_kind);
}

/*
 * sipp_attainment_bands_deserialize(bytea, internal): the inverse.
 */
Datum
sipp_attainment_bands_deserialize(PG_FUNCTION_ARGS)
{
	return state_deserialize(fcinfo, &bands_kind);
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
	for (int64 i = 0; i < b->pupils.n && b->width > 1; i++)
		largest = Max(largest, sorted[i * 2 + 1]);
	if (largest > 0)
	{
		int			exponent;

		(void) frexp(largest, &exponent);
		scale = ldexp(1, Min(-exponent, 1000));
	}

	for (int64 i = 0; i < b->pupils.n; i++)
		total = dd_plus(total, bands_weight(b, sorted, i, scale));

	for (int64 i = 0; i < b->pupils.n; i++)
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

/* The columns of sipp.bands */
enum
{
	C_PUPILS, C_WEIGHT, C_MEAN, C_BANDS, C_DROPPED = C_BANDS + NBAND, C_COLUMNS
};

/*
 * sipp_attainment_bands_final(internal): the row of sipp.bands.
 */
Datum
sipp_attainment_bands_final(PG_FUNCTION_ARGS)
{
	const Bands *b = state_final(fcinfo, &bands_kind);
	double		mean = NAN;
	double		weight = 0;
	double		band[NBAND] = {NAN, NAN, NAN};
	Datum		values[C_COLUMNS];
	bool		nulls[C_COLUMNS] = {false};

	if (b->pupils.n > 0)
	{
		Size		size = b->pupils.element;
		double	   *sorted = huge_array(CurrentMemoryContext, size, b->pupils.n);

		memcpy(sorted, b->pupils.data, size * b->pupils.n);
		qsort_interruptible(sorted, b->pupils.n, size, compare_pupils, unconstify(int *, &b->width));
		weight = bands_means(b, sorted, &mean, band);
		pfree(sorted);
	}
	if (isinf(weight))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value out of range: the sum of weights in %s overflows", FUNC)));

	values[C_PUPILS] = Int64GetDatum(b->pupils.n);
	put_float(values, nulls, C_WEIGHT, weight);
	put_float(values, nulls, C_MEAN, mean);
	for (int k = 0; k < NBAND; k++)
		put_float(values, nulls, C_BANDS + k, band[k]);
	values[C_DROPPED] = Int64GetDatum(b->dropped);
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), C_COLUMNS, values, nulls));
}
