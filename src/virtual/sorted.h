/*
 * sorted.h
 *		The candidates of a partition, sorted by score: who is near, how many share no
 *		key, what they add up to.
 *
 * A candidate is a row with an outcome and a score; its position is its place by score.
 * Those within a distance of a score are a *window* of positions.
 *
 * Scores such as 4.1, 4.2 and 4.3 are rounded before they arrive, so that 4.2 - 4.1 and
 * 4.3 - 4.2 are not the same double.  Two distances from a score x are therefore the *same*
 * if they differ by no more than
 *
 *		precision (|x| + the smaller one)
 *
 * where precision is eight units in the last place of a number next to 1.  No score in a
 * distance d of x is larger than |x| + d; with scores off by up to two units in their last
 * place (a decimal as it is read is off by half a unit, sums and quotients of such by one or
 * two), distances that ought to be equal differ by less.  The bound is relative: it has no
 * size of its own that could merge small scores.  Whole numbers are exact up to 2^53, and
 * precision is 0 where all scores of a partition are such.
 */
#ifndef SIPP_SORTED_H
#define SIPP_SORTED_H

#include "virtual/keys.h"

#define SORTED_KEYS 2			/* the unit and one to leave out */
#define SORTED_SETS (1 << SORTED_KEYS)

/* Precision of doubles, and of reals, whose last place is that of a float. */
#define SORTED_PRECISION ROUNDING
#define SORTED_PRECISION_REAL (8 * FLT_EPSILON)

/* The positions grouped by a set of keys, ascending in each group. */
typedef struct SortedMembers
{
	int32	   *group;			/* [combination] */
	int32	   *start;			/* [group], one more than there are groups */
	int32	   *at;				/* positions; NULL: all of them, in one group */
	struct SortedBlock *block;	/* sums before each block of entries, or NULL */
} SortedMembers;

typedef struct Sorted
{
	const KeySpace *keys;
	int			effective;		/* mask of the keys that matter */
	int			n;				/* candidates */
	double	   *score;			/* [position], ascending */
	double		precision;		/* of distances, see above */
	double	   *outcome;		/* [position] */
	int32		(*key)[SORTED_KEYS];	/* [position]: values of the keys that matter */
	double		shift;			/* what outcomes are summed about */
	SortedMembers set[SORTED_SETS]; /* by mask of keys that matter; [0] is all */
} Sorted;

/* A row with a score: its window, and what comes of it. */
typedef struct SortedRow
{
	int32		combination;	/* of the row's keys */
	int32		left;			/* the window's first position */
	int32		right;			/* the one after its last */
	int32		pool;			/* how many of these share no key */
	double		mean;			/* of the pool; NaN where there is none */
	double		variance;
	double		reuse;		/* how many of its unit use the pool */
} SortedRow;

/*
 * Derive the rest from keys, n, score, precision, outcome and the combination of each
 * position.  Memory is taken from cxt.
 */
extern void sorted_finish(Sorted *s, const int32 *combination, MemoryContext cxt);

/*
 * How many positions before one share none of the keys of a mask (of keys that matter)
 * with a combination.
 */
extern int	sorted_eligible(const Sorted *s, int mask, int combination, int32 position);

/*
 * The row's window: the k nearest to its score who share none of its keys, and all whose
 * distance is that of the k-th or the same, none beyond the limit (infinite: there is none).
 * The candidates before pos have no larger score, the others no smaller one.
 */
extern void sorted_window(const Sorted *s, double score, int pos, int k, double limit,
						  SortedRow *row);

/* Is sorted_prepare needed before the moments of this row's pool? */
extern bool sorted_is_wide(const SortedRow *row);

/* Makes ready for the moments of wide windows. */
extern void sorted_prepare(Sorted *s, MemoryContext cxt);

/* Mean and variance of the row's pool. */
extern void sorted_moments(const Sorted *s, SortedRow *row);

#endif							/* SIPP_SORTED_H */
