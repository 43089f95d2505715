/*
 * bytes.h
 *		Comparison and hashing of stored values by their bytes.
 *
 * Equal values of a stored type have equal bytes, however they came about: lists
 * that have no order are sorted, zero and NaN have one spelling, nothing that
 * follows from the rest is stored.  So two values are equal where they print the
 * same, and order, which has no meaning of its own, is that of the bytes.
 *
 * BYTES_FAMILY(prefix, of) makes the SQL-callable functions of such a type, whose
 * bytes of(Datum) finds: prefix_eq, _ne, _lt, _le, _gt, _ge, _cmp, _hash and
 * _hash_extended.  bytes.c makes sipp_bytes_... for every varlena whose stored
 * form is the canonical one.
 */
#ifndef SIPP_BYTES_H
#define SIPP_BYTES_H

#include "sipp.h"

typedef struct Bytes
{
	const void *data;
	size_t		len;			/* below 1 GB */
	void	   *copy;			/* to be freed, or NULL */
} Bytes;

extern Bytes bytes_of_varlena(Datum d); /* what follows the header, detoasted */

/* Each frees the copies. */
extern int	bytes_compare(Bytes a, Bytes b);	/* -1, 0, 1; a prefix comes first */
extern bool bytes_equal(Bytes a, Bytes b);
extern uint32 bytes_hash(Bytes a);
extern uint64 bytes_hash_extended(Bytes a, uint64 seed);

#define BYTES_FUNCTION(name, result) \
	PG_FUNCTION_INFO_V1(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		result; \
	}

#define BYTES_ARGUMENT(of, n) of(PG_GETARG_DATUM(n))
#define BYTES_COMPARE(of) bytes_compare(BYTES_ARGUMENT(of, 0), BYTES_ARGUMENT(of, 1))
#define BYTES_EQUAL(of) bytes_equal(BYTES_ARGUMENT(of, 0), BYTES_ARGUMENT(of, 1))

#define BYTES_FAMILY(prefix, of) \
	BYTES_FUNCTION(prefix##_eq, PG_RETURN_BOOL(BYTES_EQUAL(of))) \
	BYTES_FUNCTION(prefix##_ne, PG_RETURN_BOOL(!BYTES_EQUAL(of))) \
	BYTES_FUNCTION(prefix##_lt, PG_RETURN_BOOL(BYTES_COMPARE(of) < 0)) \
	BYTES_FUNCTION(prefix##_le, PG_RETURN_BOOL(BYTES_COMPARE(of) <= 0)) \
	BYTES_FUNCTION(prefix##_gt, PG_RETURN_BOOL(BYTES_COMPARE(of) > 0)) \
	BYTES_FUNCTION(prefix##_ge, PG_RETURN_BOOL(BYTES_COMPARE(of) >= 0)) \
	BYTES_FUNCTION(prefix##_cmp, PG_RETURN_INT32(BYTES_COMPARE(of))) \
	BYTES_FUNCTION(prefix##_hash, PG_RETURN_UINT32(bytes_hash(BYTES_ARGUMENT(of, 0)))) \
	BYTES_FUNCTION(prefix##_hash_extended, \
				   PG_RETURN_UINT64(bytes_hash_extended(BYTES_ARGUMENT(of, 0), \
														(uint64) PG_GETARG_INT64(1))))

#endif							/* SIPP_BYTES_H */
