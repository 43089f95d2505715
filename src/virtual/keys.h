/*
 * keys.h
 *		The keys of a partition's rows: who shares one with whom.
 *
 * The three windows (comparator.c, nearest.c, draw.c) read a partition once.
 * Each row's keys, the unit first, are turned into dense numbers by the type's
 * own equality (a hash alone would not do: hashint8 of 1 and of 2^32 are equal),
 * and each distinct tuple of them is a *combination*.  All that the rows of one
 * combination have in common is computed once.
 *
 * Two rows share a key when any of their keys at the same place are equal;
 * NULLs are equal to each other, as in PARTITION BY.  Counting those who share
 * none is inclusion-exclusion over the sets of keys.  A key that is a function of
 * another one within the partition (authority of school) makes that other one
 * superfluous for the pool, which leaves one set in the usual case.
 */
#ifndef SIPP_KEYS_H
#define SIPP_KEYS_H

#include "virtual/virtual.h"

#include <math.h>

#include "windowapi.h"

#include "base/memory.h"
#include "cohort/args.h"
#include "num/dd.h"

#define SIPP_MAX_KEYS 4			/* the unit and three to leave out */

/* Rows of a partition: the window API counts them in an int. */
#define PARTITION_MOST PG_INT32_MAX

/* Sums over a set of rows; deviations are from the partition's shift. */
typedef struct KeySums
{
	int64		n;
	Dd			sum;			/* of y - shift */
	Dd			square;			/* of (y - shift)^2 */
} KeySums;

/*
 * How the key arguments are read: made by the first call of a query and kept in
 * fn_extra, which is the reader's own.  func is the SQL name for messages; first is the
 * index of the unit's argument, n the number of key arguments, names theirs.  An
 * omitted optional argument arrives as an untyped NULL literal, which is no key at all; the
 * unit must be one.
 */
typedef struct KeyReader KeyReader;

extern KeyReader *key_reader(FunctionCallInfo fcinfo, const char *func, int first, int n,
							 const char *const *names);
extern int	key_reader_count(const KeyReader *r);
extern int	key_reader_argument(const KeyReader *r, int key);	/* index of its argument */

/* The keys of one partition; everything lies in cxt. */
typedef struct KeySpace KeySpace;

extern KeySpace *key_space(KeyReader *r, MemoryContext cxt);
extern const KeyReader *key_space_reader(const KeySpace *s);

/*
 * The number (from 0) of a value of key k; by-reference values are copied when first
 * seen.  guess is a likely number, which saves a hash where it is right, or -1; key_guess
 * is one for the other keys of a row, given the number of its unit.
 */
extern int	key_number(KeySpace *s, int k, Datum d, bool isnull, int guess);
extern int	key_guess(const KeySpace *s, int unit, int k);

/* The number (from 0) of a row's combination of keys, given the numbers of all of them. */
extern int	key_tuple(KeySpace *s, const int32 *number);
extern int	key_combinations(const KeySpace *s);

/* After the last row: finds the keys that matter.  No more rows after it. */
extern void key_space_finish(KeySpace *s);

/* The number of key k (0 is the unit) in a combination: 0 .. key_values(s, k) - 1 */
extern int	key_value(const KeySpace *s, int combination, int k);
extern int	key_values(const KeySpace *s, int k);

/*
 * The hash of a combination's unit, never 0: the same in every partition, query and
 * session.  Units of a by-value type narrower than 64 bits never have the same hash,
 * those of 64 bits only two pairs of them.
 */
extern uint64 key_unit_hash(const KeySpace *s, int combination);

/* The keys that matter for the pool, as a bit mask over keys; never empty. */
extern int	key_effective(const KeySpace *s);

/*
 * Which units have pupils of several pools, because their combinations differ in a value
 * of a key that others have too: [unit], made in cxt; NULL: none.  counts[combination] is
 * the number of rows that count.
 */
extern bool *key_several(const KeySpace *s, const int64 *counts, MemoryContext cxt);

/* Do two combinations share an effective key? */
extern bool key_shared(const KeySpace *s, int a, int b);

/*
 * From sums by combination: sums of each combination's pool, in the same array, and
 * how many of these rows its unit has.  Both arrays have key_combinations(s) entries.
 *
 * A pool's sums are as exact as those of the combinations it is made of, whatever
 * the outcomes of the others are.
 */
extern void key_pools(const KeySpace *s, KeySums *sums, int64 *own);

static inline void
key_sums_add(KeySums *s, double y, double shift)
{
	Dd			d = dd_two_sum(y, -shift);

	s->n++;
	s->sum = dd_add(s->sum, d);
	s->square = dd_add(s->square, dd_mul(d, d));
}

/* Sums about another shift. */
extern void key_sums_rebase(KeySums *s, double from, double to);

/*
 * Mean and variance (divisor n - 1) of a set of rows; NaN where there is none.  Outcomes
 * that are equal, or differ by roundings, have variance 0.
 */
extern void key_sums_moments(const KeySums *s, double shift, double *mean, double *variance);

/*
 * Numbers the combinations by the keys of a bit mask alone, in group; returns how
 * many there are.
 */
extern int	key_groups(const KeySpace *s, int mask, int32 *group);

/*
 * scan.c: the partition and its rows
 */

/*
 * How to read an argument declared "any" as a number: boolean as 1 and 0, and every type
 * that casts to float8 implicitly; an error that names the argument for others.
 */
extern ArgKind outcome_kind(FunctionCallInfo fcinfo, int arg, const char *func, const char *name);

/* The same, looked up once a query and kept in fn_extra, which is the caller's own. */
extern ArgKind outcome_kind_cached(FunctionCallInfo fcinfo, int arg, const char *func,
								   const char *name);

/*
 * Check an outcome: NaN and infinity are errors that name the argument, as is an absolute
 * value beyond SIPP_MAX_OUTCOME.
 */
extern double outcome_checked(double v, const char *func, const char *name);

/*
 * The point that outcomes are summed about.  Near to them it saves digits; but a
 * placeholder of 1e30 in its place would swallow them all.  So it is a median of some, as
 * long as no outcome is much nearer to 0.
 */
extern double key_shift(const double *y, int n);

/* Is this outcome so much nearer to 0 that it must replace the shift? */
static inline bool
key_shift_is_far(double shift, double y)
{
	return fabs(y) * 32 < fabs(shift);
}

/*
 * The partition's memory: WindowAgg frees it with the partition.  Window local
 * memory is limited to 1 GB, so only a pointer lies there; the rest is
 * allocated huge in the context that this returns.  *first is set on the first call
 * in a partition; the slot is size bytes, zeroed.
 */
extern void *partition_memory(WindowObject winobj, Size size, MemoryContext *cxt, bool *first);

/* Rows of the partition; an error if they are too many to be numbered by an int. */
extern int	partition_rows(WindowObject winobj, const char *func);

/* A number to be read beside the keys. */
typedef struct ScanNumber
{
	int			argument;
	const char *name;
	bool		is_outcome;		/* otherwise a float8 that must be finite */
	ArgKind		kind;			/* of the outcome */
} ScanNumber;

#define SCAN_CHUNK 16			/* rows read at a time */
#define SCAN_NUMBERS 2

/* A reading of the partition from its first row to its last. */
typedef struct PartitionScan
{
	WindowObject winobj;
	const char *func;
	KeySpace   *keys;
	int			nnumber;
	ScanNumber	number[SCAN_NUMBERS];
	MemoryContext row;			/* what the arguments' expressions leave behind */
	int			rows;
	int			next;			/* the next row to be read */
	int			unit;			/* number of the last row's unit, or -1 */
	/* of the rows just read: */
	int32		combination[SCAN_CHUNK];
	bool		known[SCAN_NUMBERS][SCAN_CHUNK];	/* not NULL */
	double		value[SCAN_NUMBERS][SCAN_CHUNK];
	int32		key[SCAN_CHUNK][SIPP_MAX_KEYS];
} PartitionScan;

/* The caller fills in nnumber and number.  Work memory is taken from cxt. */
extern void scan_begin(PartitionScan *s, WindowObject winobj, const char *func,
					   KeySpace *keys, int rows, MemoryContext cxt);

/* Reads some rows; returns how many, 0 at the end. */
extern int	scan_next(PartitionScan *s);

#endif							/* SIPP_KEYS_H */
