/*
 * virtual.h
 *		Virtual school: how similar pupils elsewhere did.
 *
 * A *cell* is a window partition: pupils who are alike.  A pupil's *pool* is
 * everyone of the cell who has an outcome and shares none of the pupil's keys (the
 * unit that is judged, usually the school, first; then whatever else is left
 * out, usually the authority).
 */
#ifndef SIPP_VIRTUAL_H
#define SIPP_VIRTUAL_H

#include "sipp.h"

#include <float.h>
#include <math.h>

/*
 * Decimals are rounded when they become doubles, and once more in each sum: figures that
 * ought to be equal differ by some units in the last place of the numbers that they come
 * from.  Up to eight units are taken for equal wherever a figure is compared with a limit,
 * so that 0.1 is 0.1 in whatever way it was computed.
 */
#define ROUNDING	(8 * DBL_EPSILON)

/*
 * Largest absolute value of an outcome or covariate: its square times any count
 * is far from overflow, also where double-double splits factors.
 */
#define SIPP_MAX_OUTCOME	1e50

/*
 * sipp.peers: a pupil's pool in numbers.  A fixed-size base type, so that a
 * window of a million rows costs one small copy each.
 */
#define PEERS_VERSION	1

#define PEERS_UNIT		0x01	/* unit is known */
#define PEERS_TOTAL		0x02	/* total is known */
#define PEERS_SUCCESSES	0x04	/* successes are known */
#define PEERS_SEVERAL	0x08	/* the unit's pupils of the cell have several pools, as one of
								 * the keys left out is not the same for all of them */
#define PEERS_FLAGS		(PEERS_UNIT | PEERS_TOTAL | PEERS_SUCCESSES | PEERS_SEVERAL)

typedef struct Peers
{
	uint8		version;
	uint8		flags;
	uint8		reserved[2];	/* zero */
	uint32		successes;		/* of own, those whose outcome is 1, where outcomes are 0 or 1;
								 * 0 if unknown.  Tells cells apart that have the same pool. */
	int64		pool;			/* pupils of the pool */
	int64		own;			/* the unit's pupils of the cell that have an outcome */
	int64		total;			/* all pupils of the cell that have an outcome; 0 if unknown */
	uint64		unit;			/* hash of the unit's key; 0 if unknown */
	double		mean;			/* of the pool; NaN where it is empty */
	double		variance;		/* of the pool, divisor pool - 1; NaN below two */
	double		reuse;			/* reuse of controls, "sharing" in the text form: how many of the
								 * unit's pupils use this pool.  own for a cell; for nearest
								 * neighbours the sum over the unit's pupils j of
								 * |pool and pool_j| / pool_j; where these have several pools an
								 * upper bound of it */
} Peers;

/* peers.c */
extern Peers *peers_make(void);	/* palloc'd, zeroed, version set, mean and variance NaN */
extern Peers *peers_canonical(Peers *p);	/* the same, in the one spelling of its numbers */
extern const char *peers_flaw(const Peers *p);	/* what no window can have produced, or NULL */
extern bool peers_binary(const Peers *p);	/* can all outcomes of the pool have been 0 or 1? */
extern void peers_need_binary(const Peers *p, const char *func, const char *arg);

#define PG_GETARG_PEERS(n) ((Peers *) PG_GETARG_POINTER(n))
#define PG_RETURN_PEERS(p) PG_RETURN_POINTER(p)

/*
 * A variance about a mean, which is 0 where it is all rounding: the outcomes .3 and .1 + .2
 * do not vary.
 */
static inline double
true_variance(double variance, double mean)
{
	return sqrt(variance) > ROUNDING * fabs(mean) ? variance : 0;
}

/* where a difference is called one: 5%, two-sided */
#define CRITICAL_Z	1.96

static inline bool
is_critical(double z)
{
	return fabs(z) > CRITICAL_Z * (1 + ROUNDING);
}

/* benchmark.c: P(|z + N(0, noise^2)| lies on the other side of 1.96 than |z|) */
extern double flip_risk(double z, double noise);

#endif							/* SIPP_VIRTUAL_H */
