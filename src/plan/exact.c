/*
 * exact.c
 *		Numbers of type double, and prices over several levels, as numeric,
 *		exactly; sipp.cost_units.
 *
 * A double is a whole number times a power of 2, and so is a price:
 * PostgreSQL's numeric holds both with all their digits.  (Its cast from
 * float8 keeps 15 of them.)
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "plan/exact.h"

#define FUNC "sipp.cost_units"
#define DIGITS 53				/* binary, of a double */

PG_FUNCTION_INFO_V1(sipp_cost_units);

Numeric
exact_power(int exponent)
{
	Datum		half = DirectFunctionCall3(numeric_in, CStringGetDatum(exponent < 0 ? "0.5" : "2"),
										   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	Numeric		power = int64_to_numeric(1);

	for (uint32 n = (uint32) abs(exponent); n > 0; n /= 2)
	{
		if (n % 2 == 1)
			power = DatumGetNumeric(DirectFunctionCall2(numeric_mul, NumericGetDatum(power), half));
		if (n > 1)
			half = DirectFunctionCall2(numeric_mul, half, half);
	}
	return power;
}

Numeric
exact_add(Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_add, NumericGetDatum(a),
											   NumericGetDatum(b)));
}

Numeric
exact_subtract(Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_sub, NumericGetDatum(a),
											   NumericGetDatum(b)));
}

Numeric
exact_scale(Numeric a, int exponent)
{
	if (exponent == 0 || exact_sign(a) == 0)
		return a;
	return DatumGetNumeric(DirectFunctionCall2(numeric_mul, NumericGetDatum(a),
											   NumericGetDatum(exact_power(exponent))));
}

int
exact_sign(Numeric a)
{
	Datum		sign = DirectFunctionCall1(numeric_sign, NumericGetDatum(a));

	return DatumGetInt32(DirectFunctionCall1(numeric_int4, sign));
}

bool
exact_is_whole(Numeric a)
{
	Datum		floor = DirectFunctionCall1(numeric_floor, NumericGetDatum(a));

	return DatumGetBool(DirectFunctionCall2(numeric_eq, floor, NumericGetDatum(a)));
}

/* A number as a whole number of so many bits, and the exponent of their unit. */
static int64
split(double x, int *exponent)
{
	int64		digits = (int64) ldexp(frexp(x, exponent), DIGITS);

	*exponent -= DIGITS;
	while (digits != 0 && digits % 2 == 0)
	{
		digits /= 2;
		(*exponent)++;
	}
	return digits;
}

int
exact_last_bit(double x)
{
	int			exponent;

	return split(x, &exponent) == 0 ? PG_INT32_MAX : exponent;
}

Numeric
exact_units(double x, int exponent)
{
	int			last;
	int64		digits = split(x, &last);

	if (last >= exponent)
		return exact_scale(int64_to_numeric(digits), last - exponent);
	/* no number of so few digits is left by more shifts than these, and ldexp() loses none of it */
	return int64_to_numeric((int64) floor(ldexp((double) digits, Max(last - exponent, -64))));
}

double
exact_double(Numeric units, int exponent)
{
	Numeric		value = exact_scale(units, exponent);
	double		x = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
													   NumericGetDatum(value)));

	return isfinite(x) ? x : NAN;
}

/*
 * A sum; what is left behind on the way is reset now and then, so that memory
 * stays small however many there are.
 */
Numeric
exact_sum(const double *x, int n, int exponent)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(old, "sipp sum", ALLOCSET_SMALL_SIZES);
	Numeric		total = int64_to_numeric(0);

	for (int k = 0; k < n; k++)
	{
		Numeric		sum;

		if (isnan(x[k]))
			continue;
		MemoryContextSwitchTo(scratch);
		sum = exact_add(total, exact_units(x[k], exponent));
		MemoryContextSwitchTo(old);
		pfree(total);
		total = DatumGetNumericCopy(NumericGetDatum(sum));
		if (k % 100 == 99)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(scratch);
		}
	}
	MemoryContextDelete(scratch);
	return total;
}

void
exact_units_make(ExactUnits *units, const AssignLevels *levels, int exponent)
{
	units->levels = levels;
	units->exponent = exponent;
	units->step = palloc(sizeof(Numeric) * levels->n);
	for (int l = 0; l < levels->n; l++)
		units->step[l] = exact_power(levels->exponent[l] -
									 (l + 1 < levels->n ? levels->exponent[l + 1] : exponent));
}

/* By Horner's rule, from the coarsest level on. */
Numeric
exact_price(const ExactUnits *units, int64_t *const *price, int k)
{
	Numeric		sum = NULL;

	for (int l = 0; l < units->levels->n; l++)
	{
		if (price[l][k] != 0)
			sum = sum ? exact_add(sum, int64_to_numeric(price[l][k])) :
				int64_to_numeric(price[l][k]);
		if (sum)
			sum = DatumGetNumeric(DirectFunctionCall2(numeric_mul, NumericGetDatum(sum),
													  NumericGetDatum(units->step[l])));
	}
	return sum ? sum : int64_to_numeric(0);
}

Numeric
exact_pair_price(const ExactUnits *units, int i, int j, double cost)
{
	return exact_subtract(exact_units(cost, units->exponent),
						  exact_add(exact_price(units, units->levels->u, i),
									exact_price(units, units->levels->v, j)));
}

double
exact_worth(const ExactUnits *units, int j, double cost)
{
	int			unit = Min(units->exponent, exact_last_bit(cost));
	Numeric		sum = exact_units(cost, unit);
	double		near;
	int			last;

	sum = exact_subtract(sum, exact_scale(exact_price(units, units->levels->v, j),
										  units->exponent - unit));
	near = exact_double(sum, unit);
	if (isnan(near))
		return INFINITY;
	last = Min(unit, exact_last_bit(near));
	if (exact_sign(exact_subtract(exact_units(near, last), exact_scale(sum, unit - last))) < 0)
		near = nextafter(near, INFINITY);
	return near;
}

/*
 * sipp_cost_units(cost, quantum): the whole number of units that stands for a
 * cost, for the inequalities of a certificate.  It is rounded down, so that no
 * cost is taken for more than it is.
 */
Datum
sipp_cost_units(PG_FUNCTION_ARGS)
{
	double		cost = PG_GETARG_FLOAT8(0);
	double		quantum = PG_GETARG_FLOAT8(1);
	int			exponent;

	if (!isfinite(cost))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"cost\" of %s must be finite", FUNC),
				 errdetail("It is %s.", float8out_internal(cost))));
	if (isfinite(quantum) && quantum > 0 && frexp(quantum, &exponent) == 0.5)
		PG_RETURN_NUMERIC(exact_units(cost, exponent - 1));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"quantum\" of %s is not that of a plan", FUNC),
			 errdetail("It is %s, for a cost of %s.", float8out_internal(quantum),
					   float8out_internal(cost)),
			 errhint("Use the column quantum of sipp.plan_summary.")));
}
