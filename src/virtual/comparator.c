/*
 * comparator.c
 *		sipp.comparator: a pupil's exact comparator, as a window function.
 *
 * The first call in a partition reads all of it once; the other calls look their
 * answer up.  Pupils of one combination of keys (keys.h) have one pool, so there is
 * one answer for each combination.
 *
 * Memory, until the partition ends: 4 bytes a row and 64 bytes a combination; in
 * the first call 48 bytes a combination more, with what keys.c takes, and up to 13 bytes a
 * unit.
 */
#include "sipp.h"

#include "miscadmin.h"

#include "virtual/keys.h"

#define FUNC "sipp.comparator"
#define ARG_OUTCOME 0
#define ARG_UNIT 1

/* What a partition keeps. */
typedef struct Comparator
{
	int32	   *combination;	/* of each row */
	Peers	   *peers;			/* of each combination */
} Comparator;

/*
 * Read the partition: the combination of each row, the sums of each combination about a
 * shift, and whether all outcomes are 0 or 1.  The first outcomes decide the shift; should a
 * later one be much nearer to 0, the sums so far are moved, which costs them no digits
 * because they are of larger numbers.
 */
static KeySums *
read_partition(PartitionScan *scan, int32 *combination, double *shift, bool *is_binary,
			   MemoryContext work)
{
	KeySums    *sums = NULL;
	int			room = 0;
	bool		shifted = false;
	bool		binary = true;
	int			first = 0;
	int			n;

	while ((n = scan_next(scan)) > 0)
	{
		int			combinations = key_combinations(scan->keys);

		if (combinations > room)
		{
			int			more = Max(combinations, Min(2 * (int64) room, scan->rows));

			sums = huge_resized(sums, work, sizeof(KeySums), more);
			memset(sums + room, 0, sizeof(KeySums) * (more - room));
			room = more;
		}
		if (!shifted)
		{
			double		y[SCAN_CHUNK];
			int			m = 0;

			for (int i = 0; i < n; i++)
				if (scan->known[0][i])
					y[m++] = scan->value[0][i];
			*shift = key_shift(y, m);
			shifted = m > 0;
		}
		for (int i = 0; i < n; i++)
		{
			int			c = scan->combination[i];
			double		y = scan->value[0][i];

			combination[first + i] = c;
			if (!scan->known[0][i])
				continue;
			if (unlikely(key_shift_is_far(*shift, y)))
			{
				for (int j = 0; j < combinations; j++)
					key_sums_rebase(&sums[j], *shift, y);
				*shift = y;
			}
			key_sums_add(&sums[c], y, *shift);
			binary = binary && (y == 0 || y == 1);
		}
		first += n;
	}
	*is_binary = binary && shifted;
	return sums;
}

/* The successes of each unit, given the sums of 0/1 outcomes by combination. */
static int64 *
count_successes(const KeySpace *keys, const KeySums *sums, double shift, MemoryContext work)
{
	int64	   *successes = huge_zeroed(work, sizeof(int64), key_values(keys, 0));

	for (int c = 0; c < key_combinations(keys); c++)
		successes[key_value(keys, c, 0)] +=
			(int64) rint(dd_value(sums[c].sum) + shift * (double) sums[c].n);
	return successes;
}

/* The answers, one for each combination. */
static Peers *
make_peers(const KeySpace *keys, KeySums *sums, double shift, bool binary, MemoryContext work,
		   MemoryContext cxt)
{
	int			n = key_combinations(keys);
	Peers	   *peers = huge_array(cxt, sizeof(Peers), n);
	int64	   *own = huge_array(work, sizeof(int64), n);
	Peers	   *empty = peers_make();
	int64	   *successes = binary ? count_successes(keys, sums, shift, work) : NULL;
	int64	   *counts = huge_array(work, sizeof(int64), n);
	bool	   *several;
	int64		total = 0;

	for (int c = 0; c < n; c++)
	{
		counts[c] = sums[c].n;
		total += sums[c].n;
	}
	several = key_several(keys, counts, work);
	key_pools(keys, sums, own);
	for (int c = 0; c < n; c++)
	{
		Peers	   *p = &peers[c];

		if ((c & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		*p = *empty;
		p->flags = PEERS_UNIT | PEERS_TOTAL;
		if (binary)
		{
			p->flags |= PEERS_SUCCESSES;
			p->successes = (uint32) successes[key_value(keys, c, 0)];
		}
		if (several != NULL && several[key_value(keys, c, 0)])
			p->flags |= PEERS_SEVERAL;
		p->pool = sums[c].n;
		p->own = own[c];
		p->total = total;
		p->unit = key_unit_hash(keys, c);
		p->reuse = (double) own[c];
		key_sums_moments(&sums[c], shift, &p->mean, &p->variance);
		(void) peers_canonical(p);
	}
	pfree(empty);
	return peers;
}

/* The first call in a partition. */
static void
make_comparator(FunctionCallInfo fcinfo, Comparator *result, MemoryContext cxt)
{
	static const char *const names[SIPP_MAX_KEYS] = {
		"unit", "leave_out", "second leave_out", "third leave_out"
	};
	WindowObject winobj = PG_WINDOW_OBJECT();
	KeyReader  *reader = key_reader(fcinfo, FUNC, ARG_UNIT, PG_NARGS() - ARG_UNIT, names);
	int			rows = partition_rows(winobj, FUNC);
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, FUNC,
											   ALLOCSET_DEFAULT_SIZES);
	KeySpace   *keys = key_space(reader, work);
	PartitionScan scan;
	KeySums    *sums;
	double		shift = 0;
	bool		binary;

	scan.nnumber = 1;
	scan.number[0].argument = ARG_OUTCOME;
	scan.number[0].name = "outcome";
	scan.number[0].is_outcome = true;
	scan.number[0].kind = outcome_kind(fcinfo, ARG_OUTCOME, FUNC, "outcome");
	scan_begin(&scan, winobj, FUNC, keys, rows, work);
	result->combination = huge_array(cxt, sizeof(int32), rows);
	sums = read_partition(&scan, result->combination, &shift, &binary, work);
	key_space_finish(keys);
	result->peers = make_peers(keys, sums, shift, binary, work, cxt);
	MemoryContextDelete(work);

	/* no row is read again, so that the window can forget those it has passed */
	WinSetMarkPosition(winobj, rows - 1);
}

PG_FUNCTION_INFO_V1(sipp_comparator);
Datum
sipp_comparator(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	MemoryContext cxt;
	bool		first;
	Comparator *c = partition_memory(winobj, sizeof(Comparator), &cxt, &first);

	if (first)
		make_comparator(fcinfo, c, cxt);
	PG_RETURN_PEERS(&c->peers[c->combination[WinGetCurrentPosition(winobj)]]);
}
