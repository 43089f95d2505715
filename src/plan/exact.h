/*
 * exact.h
 *		Numbers of type double as numeric, exactly.
 */
#ifndef SIPP_EXACT_H
#define SIPP_EXACT_H

#include "sipp.h"

#include "utils/numeric.h"

extern Numeric exact_power(int exponent);	/* 2^exponent */
extern Numeric exact_add(Numeric a, Numeric b);
extern Numeric exact_subtract(Numeric a, Numeric b);
extern Numeric exact_scale(Numeric a, int exponent);	/* a 2^exponent */
extern int	exact_sign(Numeric a);
extern bool exact_is_whole(Numeric a);

/* The exponent of the last bit of a finite number; PG_INT32_MAX of 0. */
extern int	exact_last_bit(double x);

/*
 * A finite number in units of 2^exponent, rounded down: what whole prices add to
 * is no more than that just if it is no more than the number.
 */
extern Numeric exact_units(double x, int exponent);

/* The double nearest to units 2^exponent; NaN: beyond the largest. */
extern double exact_double(Numeric units, int exponent);

#endif							/* SIPP_EXACT_H */
