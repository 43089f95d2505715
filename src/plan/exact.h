/*
 * exact.h
 *		Numbers of type double as numeric, exactly.
 */
#ifndef SIPP_EXACT_H
#define SIPP_EXACT_H

#include "sipp.h"

#include "utils/numeric.h"

#include "assign/assign.h"

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

/* Sum of finite numbers in units of 2^exponent; those that are NaN are left out. */
extern Numeric exact_sum(const double *x, int n, int exponent);

/* The double nearest to units 2^exponent; NaN: beyond the largest. */
extern double exact_double(Numeric units, int exponent);

/* One unit for the prices of all levels: 2^exponent, of which each is a whole number. */
typedef struct ExactUnits
{
	const AssignLevels *levels;
	int			exponent;
	Numeric	   *step;			/* [levels] a level's unit in the next one's, at last in units */
} ExactUnits;

/* exponent must be at most that of the last level. */
extern void exact_units_make(ExactUnits *units, const AssignLevels *levels, int exponent);

/* Price k over all levels; price is levels' u or v. */
extern Numeric exact_price(const ExactUnits *units, int64_t *const *price, int k);

/* What a pair costs less its partner's and its lead's prices. */
extern Numeric exact_pair_price(const ExactUnits *units, int i, int j, double cost);

/*
 * The least number that is not below cost - v_j, what a place with lead j is
 * worth to a partner; infinite where there is none.
 */
extern double exact_worth(const ExactUnits *units, int j, double cost);

#endif							/* SIPP_EXACT_H */
