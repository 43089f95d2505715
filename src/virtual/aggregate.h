/*
 * aggregate.h
 *		States of this room's aggregates: one family of functions for all of them.
 *
 * Where all that a state knows are counts, sums and marks, it is a PupilState: the aggregate
 * names its sums by an enum, and two states become one by adding them up.  What else an
 * aggregate keeps is a struct of its own, which a StateKind describes: its size, how two
 * become one, and the array that grows with the rows, if there is one.
 *
 * The zeroed state is the identity of combine.  The serialized form is the struct's own
 * bytes and those of its array, because it only travels from a worker to its leader, which
 * is the same binary.  Sums are in double-double, so that the order of rows does not show.
 */
#ifndef SIPP_VIRTUAL_AGGREGATE_H
#define SIPP_VIRTUAL_AGGREGATE_H

#include "virtual/virtual.h"

#include "num/dd.h"

/* An array that grows, in the aggregate's context. */
typedef struct StateArray
{
	MemoryContext cxt;
	Size		element;		/* bytes; set before the first is added */
	int64		n;
	int64		room;
	void	   *data;
} StateArray;

/* What the functions below must know of an aggregate's state. */
typedef struct StateKind
{
	const char *func;			/* the SQL name */
	Size		size;			/* of the struct */
	int			array;			/* where its StateArray is; 0: it has none */
	const char *array_of;		/* what that holds, for a message */
	void		(*merge) (void *into, const void *from);
} StateKind;

/* Return the aggregate's context; raise an error where a function is called by hand. */
extern MemoryContext aggregate_context(FunctionCallInfo fcinfo, const char *func);

/* Return the state in argument 0, a new one where it is NULL. */
extern void *state_begin(FunctionCallInfo fcinfo, const StateKind *kind);

/* Return the state in argument 0 to be read, an empty one where it is NULL. */
extern const void *state_final(FunctionCallInfo fcinfo, const StateKind *kind);

/* The bodies of the SQL functions: (internal, internal), (internal), (bytea, internal). */
extern Datum state_combine(FunctionCallInfo fcinfo, const StateKind *kind);
extern Datum state_serialize(FunctionCallInfo fcinfo, const StateKind *kind);
extern Datum state_deserialize(FunctionCallInfo fcinfo, const StateKind *kind);

/* Make room for n elements more, at least doubling what there is. */
extern void state_array_reserve(StateArray *a, int64 n);

/* Which units the rows of a group are of, as far as that is known. */
typedef struct Units
{
	uint64		one;			/* the first that was known; 0: none */
	bool		several;
} Units;

typedef enum PupilCount
{
	COUNT_PUPILS,				/* with an outcome, or covariate */
	COUNT_MATCHED,				/* of these, with somebody in the pool */
	COUNT_SINGLE,				/* of these, with a pool of one */
	COUNT_SUCCESSES,			/* of these, whose outcome is 1 */
	COUNT_DROPPED,				/* without an outcome */
	PUPIL_COUNTS
} PupilCount;

#define PUPIL_SUMS 9			/* as many as sipp.balance has */

/* Marks of a group. */
#define MARK_UNCOUNTED		0x01	/* a pupil that its own peers do not count */
#define MARK_SHARE_KNOWN	0x02	/* max_share is one */
#define MARK_MANY_VALUES	0x04	/* others than 0 and 1, here or in a pool */
#define MARK_UNEVEN			0x08	/* pools that the unit's pupils of a cell share in part */

typedef struct PupilState
{
	int64		count[PUPIL_COUNTS];
	Dd			sum[PUPIL_SUMS];	/* by the aggregate's own enum */
	double		setting;		/* k or threshold; 0: no row yet */
	double		max_share;		/* largest part of a cell that is left out */
	Units		units;
	int			empty;			/* causes of empty pools, below */
	int			marks;
} PupilState;

/* Add one state up with another; settings are the caller's. */
extern void pupil_state_merge(PupilState *a, const PupilState *b);

/* Note the setting of a row, or of a state (0: none): all rows of a group must have one. */
extern void pupil_state_setting(PupilState *s, double setting, const char *name, const char *func);

static inline void
units_add(Units *u, uint64 unit)
{
	if (u->one == 0)
		u->one = unit;
	else if (unit != 0 && unit != u->one)
		u->several = true;
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
extern int	empty_cause(const Peers *p);

/* The reason of a group without a matched pupil, from its causes. */
extern const char *empty_reason(int causes);

/*
 * Does a pupil with an outcome count among those of its unit who use its own pool?  A
 * caller of sipp.peers may have got "own" wrong; the slack is for a sum of fractions.
 */
#define PEERS_COUNT_PUPIL(p) ((p)->reuse >= 1 - 1e-9)

#endif							/* SIPP_VIRTUAL_AGGREGATE_H */
