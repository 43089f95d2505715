/*
 * group.c
 *		The aggregate sipp.group_effect: the mean effect of a group of schools.
 *
 * Its state is float8[4], a real type: schools, rows left out, mean effect, sum
 * of squared standard errors.  The mean is a running one, merged as by Chan,
 * Golub, LeVeque (1983).
 */
#include "sipp.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "adjust/adjust.h"

#define GROUP_STATE 4

PG_FUNCTION_INFO_V1(sipp_group_effect_accum);
PG_FUNCTION_INFO_V1(sipp_group_effect_combine);
PG_FUNCTION_INFO_V1(sipp_group_effect_final);

/* The numbers of a state, checked: it may come from anywhere. */
static double *
group_state(ArrayType *a)
{
	double	   *v;

	if (ARR_NDIM(a) != 1 || ARR_DIMS(a)[0] != GROUP_STATE || ARR_HASNULL(a) ||
		ARR_ELEMTYPE(a) != FLOAT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the state of sipp.group_effect must be an array of %d numbers",
						GROUP_STATE)));
	v = (double *) ((char *) a + ARR_OVERHEAD_NONULLS(1));
	if (!(v[0] >= 0 && v[0] <= SIPP_MAX_ROWS && v[1] >= 0 && v[1] <= SIPP_MAX_ROWS &&
		  v[3] >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid state of sipp.group_effect")));
	return v;
}

/* A state to write to: in place inside of an aggregate, else a copy. */
static ArrayType *
group_writable(FunctionCallInfo fcinfo)
{
	return AggCheckCallContext(fcinfo, NULL) ? PG_GETARG_ARRAYTYPE_P(0)
		: PG_GETARG_ARRAYTYPE_P_COPY(0);
}

/*
 * sipp_group_effect_accum(float8[], effect, std_error): transition.
 */
Datum
sipp_group_effect_accum(PG_FUNCTION_ARGS)
{
	ArrayType  *state;
	double	   *v;
	double		effect;
	double		se;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the state of sipp.group_effect must not be null")));
	state = group_writable(fcinfo);
	v = group_state(state);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		v[1]++;
		PG_RETURN_ARRAYTYPE_P(state);
	}
	effect = PG_GETARG_FLOAT8(1);
	se = PG_GETARG_FLOAT8(2);
	if (!isfinite(effect))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"effect\" of sipp.group_effect must be finite"),
				 errdetail("It is %g.", effect)));
	if (!isfinite(se) || se < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"std_error\" of sipp.group_effect must be finite and not negative"),
				 errdetail("It is %g.", se)));
	v[0]++;
	v[2] += (effect - v[2]) / v[0];
	v[3] += se * se;
	PG_RETURN_ARRAYTYPE_P(state);
}

/*
 * sipp_group_effect_combine(float8[], float8[]): two states as one.
 */
Datum
sipp_group_effect_combine(PG_FUNCTION_ARGS)
{
	ArrayType  *state = group_writable(fcinfo);
	double	   *a = group_state(state);
	double	   *b = group_state(PG_GETARG_ARRAYTYPE_P(1));
	double		n = a[0] + b[0];

	if (b[0] > 0)
		a[2] = a[0] > 0 ? a[2] + (b[2] - a[2]) * (b[0] / n) : b[2];
	a[0] = n;
	a[1] += b[1];
	a[3] += b[3];
	PG_RETURN_ARRAYTYPE_P(state);
}

/*
 * sipp_group_effect_final(float8[]): schools, left_out, effect, std_error.
 */
Datum
sipp_group_effect_final(PG_FUNCTION_ARGS)
{
	double	   *v = group_state(PG_GETARG_ARRAYTYPE_P(0));
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	values[0] = Int64GetDatum((int64) v[0]);
	values[1] = Int64GetDatum((int64) v[1]);
	put_float(values, nulls, 2, v[0] > 0 ? v[2] : NAN);
	put_float(values, nulls, 3, v[0] > 0 ? sqrt(v[3]) / v[0] : NAN);
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), 4, values, nulls));
}
