/*
 * aggregate.h
 *		What the aggregates of room virtual share: states of a fixed size, sums that
 *		do not depend on the order of rows, units.
 *
 * A state that is all zeros says nothing, so that combining begins with one.  The
 * serialized form is the struct's own bytes: it only travels from a worker to
 * its leader, which is the same binary.
 */
#ifndef SIPP_VIRTUAL_AGGREGATE_H
#define SIPP_VIRTUAL_AGGREGATE_H

#include "virtual/virtual.h"

#include "num/dd.h"

/* The aggregate's context, or an error where a function is called by hand. */
static inline MemoryContext
aggregate_context(FunctionCallInfo fcinfo, const char *func)
{
	MemoryContext cxt;

	if (!AggCheckCallContext(fcinfo, &cxt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s can only be called as an aggregate", func)));
	return cxt;
}

/* The state in argument 0; a new one where it is NULL. */
static inline void *
state_begin(FunctionCallInfo fcinfo, const char *func, Size size)
{
	MemoryContext cxt = aggregate_context(fcinfo, func);

	return PG_ARGISNULL(0) ? MemoryContextAllocZero(cxt, size) : PG_GETARG_POINTER(0);
}

/* A state of a fixed size as bytes. */
static inline Datum
state_to_bytes(FunctionCallInfo fcinfo, const char *func, Size size)
{
	bytea	   *out;

	(void) aggregate_context(fcinfo, func);
	out = palloc(VARHDRSZ + size);
	SET_VARSIZE(out, VARHDRSZ + size);
	memcpy(VARDATA(out), PG_GETARG_POINTER(0), size);
	return PointerGetDatum(out);
}

/* The inverse. */
static inline Datum
state_from_bytes(FunctionCallInfo fcinfo, const char *func, Size size)
{
	bytea	   *bytes;
	char	   *state;

	(void) aggregate_context(fcinfo, func);
	bytes = PG_GETARG_BYTEA_PP(0);
	if (VARSIZE_ANY_EXHDR(bytes) != size)
		elog(ERROR, "invalid serialized state of %s", func);
	state = palloc(size);
	memcpy(state, VARDATA_ANY(bytes), size);
	return PointerGetDatum(state);
}

/* s + x */
static inline Dd
dd_plus(Dd s, double x)
{
	Dd			r = dd_two_sum(s.hi, x);

	r.lo += s.lo;
	return dd_quick_two_sum(r.hi, r.lo);
}

/* a / b, to some 100 bits */
static inline Dd
dd_ratio(Dd a, Dd b)
{
	double		q1 = a.hi / b.hi;
	double		q2;
	Dd			r;

	r = dd_sub(a, dd_mul(dd_make(q1), b));
	q2 = r.hi / b.hi;
	r = dd_sub(r, dd_mul(dd_make(q2), b));
	return dd_plus(dd_quick_two_sum(q1, q2), r.hi / b.hi);
}

/* Sum of squared deviations from the mean, of n values with these sums. */
static inline double
dd_centred(Dd square, Dd sum, double n)
{
	return Max(dd_value(dd_sub(square, dd_div(dd_mul(sum, sum), n))), 0);
}

/* Which units the rows of a group are of, as far as that is known. */
typedef struct Units
{
	uint64		one;			/* the first that was known; 0: none */
	bool		several;
} Units;

static inline void
units_add(Units *u, uint64 unit)
{
	if (u->one == 0)
		u->one = unit;
	else if (unit != 0 && unit != u->one)
		u->several = true;
}

static inline void
units_merge(Units *u, const Units *other)
{
	units_add(u, other->one);
	u->several |= other->several;
}

/*
 * Why pupils have nobody in their pool: a bit for each cause that was met.
 */
#define EMPTY_ABSENT	0x01	/* there are no peers at all */
#define EMPTY_OWN		0x02	/* the cell's outcomes are all the unit's own */
#define EMPTY_LEFT_OUT	0x04	/* the cell's others all share a key that is left out */
#define EMPTY_UNKNOWN	0x08	/* nobody in the cell has an outcome, as the window saw it */
#define EMPTY_NEAREST	0x10	/* of nearest pupils: no score, or nobody near enough */
#define EMPTY_STORED	0x20	/* of a stored cell */

/* The cause of one pupil, whose peers are NULL or whose pool is empty. */
static inline int
empty_cause(const Peers *p)
{
	if (p == NULL)
		return EMPTY_ABSENT;
	if ((p->flags & PEERS_TOTAL) == 0)
		return (p->flags & PEERS_UNIT) != 0 ? EMPTY_NEAREST : EMPTY_STORED;
	if (p->total == 0)
		return EMPTY_UNKNOWN;
	return p->own == p->total ? EMPTY_OWN : EMPTY_LEFT_OUT;
}

/* benchmark.c: the reason of a group without a matched pupil, from its causes. */
extern const char *empty_reason(int causes);

/*
 * Does a pupil with an outcome count among those who lean on its own pool?  A
 * caller of sipp.peers may have got "own" wrong; the slack is for a sum of
 * fractions.
 */
#define PEERS_COUNT_PUPIL(p) ((p)->sharing >= 1 - 1e-9)

#endif							/* SIPP_VIRTUAL_AGGREGATE_H */
