/*
 * draw.c
 *		The window function sipp.comparator_draw: a virtual school by lot.
 *
 * The draw is defined by the rows of the partition and nothing else, so that
 * anyone can repeat it.  The M rows are ranked by id, from 0 (integers by value,
 * texts by their bytes in UTF-8, uuids by their bytes).  E of them are eligible
 * for a pupil, those who share no key with it (keys.h), and min(k, E) are
 * drawn with the numbers of the pupil's own stream (random.h):
 *
 * 1. As long as there are fewer than k picks and fewer than E/2, rounded down:
 *	  draw one of the M ranks; keep it if it is eligible and new.
 * 2. As long as there are fewer than k picks after that: shuffle the eligible
 *	  ranks that are left, in their order, by exchanging the j-th (from 0) of the L
 *	  with the one at j + random_below(L - j), which is the next pick.
 *
 * In step 1, where fewer than one in SPARSE (4) of the M are eligible, "one of the M
 * ranks" is one of a shorter list: all those outside of the larger one of the
 * pupil's key groups (of two equally large ones, that of the first key); or, where
 * fewer than one in SPARSE of these are eligible, all eligible ones.  So a pick
 * costs at most 2 * SPARSE numbers on average, and reading the list in step 2
 * is paid for by the picks too.
 *
 * Each pick is uniform over the eligible that were not picked before: every
 * sequence of k is equally likely, hence every set.  k never enters but to end the
 * draw: the first j of k picks *are* the draw of j.
 *
 * Lists are few.  There are two keys at most; a list of the first kind belongs to a
 * group of more than 3/8 of the partition (it and another one hold 3/4 of it), of
 * which a key has two at most; and for each there is at most one of the second
 * kind, as the other group holds more than 3/4 of the first list.
 *
 * Memory while a partition lasts, for each of its rows: 16 bytes; the id itself
 * if it is a uuid or a text (with a header of 4 bytes, rounded up to 8); an
 * eighth of a byte once more than FEW_PICKS are drawn at random; 13 bytes at most
 * for lists.  While the partition is read: 36 more, and the UTF-8 form of texts
 * that have another one.  For each combination of keys: 16 bytes at most, and 48
 * more while the partition is read; keys.c has its own.  For the picks of one
 * row: 12 bytes for each of its min(k, E), and 4 for each of its E where k is above
 * E/2; k alone allocates nothing.
 */
#include "sipp.h"

#include "miscadmin.h"
#include "utils/array.h"

#include "virtual/ids.h"
#include "virtual/keys.h"

#define FUNC "sipp.comparator_draw"

#define ARG_ID		0
#define ARG_UNIT	1
#define ARG_K		3
#define ARG_SEED	4

#define DRAW_KEYS	2			/* unit and leave_out */
#define SPARSE		4
#define MAX_LISTS	9			/* everything, four and four: see above */
#define FEW_PICKS	24			/* up to here they are compared one by one */

/* Ranks, in order, to draw from. */
typedef struct DrawList
{
	int			parent;			/* of which it is a part; lists[0] is everything */
	int			key;			/* without the group of this key, or DRAW_KEYS: of any */
	int			value;
	uint32		n;
	uint32	   *rank;			/* NULL: 0, 1, 2, ... */
} DrawList;

/* What the rows of one combination of keys have in common. */
typedef struct DrawCombination
{
	uint32		eligible;
	int			list;			/* -1: not looked for yet */
} DrawCombination;

/* A partition. */
typedef struct Draw
{
	MemoryContext cxt;
	IdReader	id;
	uint32		n;
	Datum	   *ids;			/* by rank */
	int		   *combination;	/* by rank: the number of the row's keys */
	uint32	   *rank;			/* by position of the row */

	KeySpace   *keys;
	DrawCombination *combinations;
	uint32	   *group[DRAW_KEYS];	/* rows by number of the key's value; NULL: no
									 * such key */
	int			nlists;
	DrawList	lists[MAX_LISTS];

	uint64	   *picked;			/* a bit by rank, none set between rows */
	uint32	   *pick;			/* ranks, then those left to shuffle */
	uint32		maxpick;
	Datum	   *result;
	uint32		maxresult;
} Draw;

PG_FUNCTION_INFO_V1(sipp_comparator_draw);

/* How many rows each group has, and how many are eligible for each combination. */
static void
draw_count(Draw *d, int nkeys, MemoryContext work)
{
	int			n = key_combinations(d->keys);
	KeySums    *sums = huge_zeroed(work, sizeof(KeySums), n);
	int64	   *own = huge_array(work, sizeof(int64), n);

	for (int k = 0; k < nkeys; k++)
		d->group[k] = huge_zeroed(d->cxt, sizeof(uint32), key_values(d->keys, k));
	for (uint32 i = 0; i < d->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		sums[d->combination[i]].n++;
	}
	for (int c = 0; c < n; c++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < nkeys; k++)
			d->group[k][key_value(d->keys, c, k)] += (uint32) sums[c].n;
	}
	key_pools(d->keys, sums, own);

	d->combinations = huge_array(d->cxt, sizeof(DrawCombination), n);
	for (int c = 0; c < n; c++)
	{
		CHECK_FOR_INTERRUPTS();
		d->combinations[c].eligible = (uint32) sums[c].n;
		d->combinations[c].list = -1;
	}
}

/*
 * Read the ids of the n rows that were just scanned: from the end at which the scan of
 * the keys has left off, as a window can only step to a neighbouring row.
 */
static void
draw_read_ids(Draw *d, const PartitionScan *scan, int n, int nkeys, Datum *ids)
{
	MemoryContext old = MemoryContextSwitchTo(scan->row);

	for (int i = 0; i < n; i++)
	{
		int			row = nkeys % 2 == 0 ? scan->next - n + i : scan->next - 1 - i;
		bool		isnull;
		Datum		id = WinGetFuncArgInPartition(scan->winobj, ARG_ID, row, WINDOW_SEEK_HEAD,
												  false, &isnull, NULL);

		if (isnull)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"pupil_id\" of %s must not be null", FUNC),
					 errhint("Keep rows without an id out by WHERE, or give them one.")));
		ids[row] = id_keep(&d->id, id);
		MemoryContextReset(scan->row);
	}
	MemoryContextSwitchTo(old);
}

/* The first call in a partition: read it. */
static void
draw_read(Draw *d, FunctionCallInfo fcinfo, KeyReader *reader)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	int			nkeys = key_reader_count(reader);
	int			rows = partition_rows(winobj, FUNC);
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, FUNC, ALLOCSET_DEFAULT_SIZES);
	Datum	   *ids = huge_array(work, sizeof(Datum), rows);
	int		   *combination = huge_array(work, sizeof(int), rows);
	PartitionScan scan;
	int			n;

	id_reader(&d->id, d->cxt, FUNC, "pupil_id", get_fn_expr_argtype(fcinfo->flinfo, ARG_ID));
	d->n = (uint32) rows;
	d->keys = key_space(reader, d->cxt);
	scan.nnumber = 0;
	scan_begin(&scan, winobj, FUNC, d->keys, rows, work);
	while ((n = scan_next(&scan)) > 0)
	{
		memcpy(combination + scan.next - n, scan.combination, sizeof(int) * n);
		draw_read_ids(d, &scan, n, nkeys, ids);
	}
	key_space_finish(d->keys);

	d->rank = huge_array(d->cxt, sizeof(uint32), rows);
	id_rank(&d->id, ids, d->n, d->rank);
	d->ids = huge_array(d->cxt, sizeof(Datum), rows);
	d->combination = huge_array(d->cxt, sizeof(int), rows);
	for (int i = 0; i < rows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		d->ids[d->rank[i]] = ids[i];
		d->combination[d->rank[i]] = combination[i];
	}
	MemoryContextReset(work);
	draw_count(d, nkeys, work);
	MemoryContextDelete(work);
	d->lists[0].n = d->n;
	d->nlists = 1;

	/* no row is read again, so that the window can forget those it has passed */
	WinSetMarkPosition(winobj, rows - 1);
}

/*
 * The part of a list that lies outside of a group of a key, or (DRAW_KEYS) of
 * all groups of a combination: made when first asked for.
 */
static int
draw_part(Draw *d, int parent, int key, int value, int combination)
{
	DrawList   *from = &d->lists[parent];
	DrawList   *l;
	uint32		n;

	for (int i = 1; i < d->nlists; i++)
		if (d->lists[i].parent == parent && d->lists[i].key == key && d->lists[i].value == value)
			return i;
	if (d->nlists == MAX_LISTS)
		elog(ERROR, "more than %d lists of ranks in a partition", MAX_LISTS);

	n = key == DRAW_KEYS ? d->combinations[combination].eligible : d->n - d->group[key][value];
	l = &d->lists[d->nlists];
	l->parent = parent;
	l->key = key;
	l->value = value;
	l->n = 0;
	l->rank = huge_array(d->cxt, sizeof(uint32), n);
	for (uint32 i = 0; i < from->n; i++)
	{
		uint32		r = from->rank == NULL ? i : from->rank[i];
		int			c = d->combination[r];

		CHECK_FOR_INTERRUPTS();
		if (key == DRAW_KEYS ? !key_shared(d->keys, combination, c)
			: key_value(d->keys, c, key) != value)
		{
			if (l->n == n)
				elog(ERROR, "more rows are eligible than were counted");
			l->rank[l->n++] = r;
		}
	}
	if (l->n != n)
		elog(ERROR, "fewer rows are eligible than were counted");
	return d->nlists++;
}

/* Choose the key of a combination whose group is the largest, the first of equal ones. */
static int
largest_group(const Draw *d, int combination)
{
	int			key = -1;
	uint32		most = 0;

	for (int k = 0; k < DRAW_KEYS; k++)
	{
		uint32		n;

		if (d->group[k] == NULL)
			continue;
		n = d->group[k][key_value(d->keys, combination, k)];
		if (key < 0 || n > most)
		{
			key = k;
			most = n;
		}
	}
	return key;
}

/* Find the list from which a combination draws. */
static int
draw_list(Draw *d, int combination)
{
	DrawCombination *c = &d->combinations[combination];
	uint64		enough = (uint64) c->eligible * SPARSE;

	if (c->list >= 0)
		return c->list;
	c->list = 0;
	if (enough < d->n)
	{
		int			key = largest_group(d, combination);

		c->list = draw_part(d, 0, key, key_value(d->keys, combination, key), combination);
		if (enough < d->lists[c->list].n)
			c->list = draw_part(d, c->list, DRAW_KEYS, 0, combination);
	}
	return c->list;
}

/* Room for n picks and ranks to pick from, and for a result of k ids. */
static void
draw_room(Draw *d, uint32 n, uint32 k)
{
	if (n > d->maxpick)
	{
		d->maxpick = Max(n, Min(2 * d->maxpick, d->n));
		if (d->pick != NULL)
			pfree(d->pick);
		d->pick = huge_array(d->cxt, sizeof(uint32), d->maxpick);
	}
	if (k > d->maxresult)
	{
		d->maxresult = Max(k, Min(2 * d->maxresult, d->n));
		if (d->result != NULL)
			pfree(d->result);
		d->result = huge_array(d->cxt, sizeof(Datum), d->maxresult);
	}
}

/* Is this rank among the first n picks? */
static inline bool
is_picked(const Draw *d, uint32 r, uint32 n, bool few)
{
	if (!few)
		return (d->picked[r / 64] >> (r % 64)) & 1;
	for (uint32 i = 0; i < n; i++)
		if (d->pick[i] == r)
			return true;
	return false;
}

/* Step 2: shuffle the eligible ranks of a list that are not among the first half picks. */
static void
shuffle_rest(Draw *d, int combination, RandomStream *s, const DrawList *list, uint32 half,
			 uint32 k, bool few)
{
	uint32		n = half;

	for (uint32 i = 0; i < list->n; i++)
	{
		uint32		r = list->rank == NULL ? i : list->rank[i];

		CHECK_FOR_INTERRUPTS();
		if (!key_shared(d->keys, combination, d->combination[r]) && !is_picked(d, r, half, few))
			d->pick[n++] = r;
	}
	Assert(n == d->combinations[combination].eligible);
	for (uint32 i = half; i < k; i++)
	{
		uint32		j = i + (uint32) random_below(s, n - i);
		uint32		r = d->pick[j];

		CHECK_FOR_INTERRUPTS();
		d->pick[j] = d->pick[i];
		d->pick[i] = r;
	}
}

/*
 * Draw k of the E that are eligible, 1 <= k <= E, into pick: see the head of the
 * file.
 */
static void
draw_picks(Draw *d, int combination, RandomStream *s, uint32 k)
{
	const DrawList *list = &d->lists[draw_list(d, combination)];
	uint32		eligible = d->combinations[combination].eligible;
	uint32		half = Min(k, eligible / 2);
	bool		few = half <= FEW_PICKS;

	draw_room(d, k > half ? eligible : k, k);
	if (!few && d->picked == NULL)
		d->picked = huge_zeroed(d->cxt, sizeof(uint64), d->n / 64 + 1);

	for (uint32 i = 0; i < half;)
	{
		uint32		r = (uint32) random_below(s, list->n);

		CHECK_FOR_INTERRUPTS();
		if (list->rank != NULL)
			r = list->rank[r];
		if (key_shared(d->keys, combination, d->combination[r]) || is_picked(d, r, i, few))
			continue;
		d->pick[i++] = r;
		if (!few)
			d->picked[r / 64] |= UINT64CONST(1) << (r % 64);
	}

	if (k > half)
		shuffle_rest(d, combination, s, list, half, k, few);

	if (!few)
		for (uint32 i = 0; i < half; i++)
		{
			CHECK_FOR_INTERRUPTS();
			d->picked[d->pick[i] / 64] = 0;
		}
}

/* The current row's value of an argument that is a number. */
static int64
number_argument(WindowObject winobj, int arg, const char *name)
{
	bool		isnull;
	Datum		d = WinGetFuncArgCurrent(winobj, arg, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" of %s must not be null", name, FUNC),
				 errhint("Give a number, or leave the argument away.")));
	return DatumGetInt64(d);
}

/*
 * sipp_comparator_draw(anyelement, "any", "any", int8, int8): the ids of k
 * pupils drawn from the partition.
 */
Datum
sipp_comparator_draw(PG_FUNCTION_ARGS)
{
	static const char *const names[DRAW_KEYS] = {"unit", "leave_out"};
	WindowObject winobj = PG_WINDOW_OBJECT();
	KeyReader  *reader = key_reader(fcinfo, FUNC, ARG_UNIT, DRAW_KEYS, names);
	MemoryContext cxt;
	bool		first;
	Draw	   *d = partition_memory(winobj, sizeof(Draw), &cxt, &first);
	int64		k = number_argument(winobj, ARG_K, "k");
	int64		seed = number_argument(winobj, ARG_SEED, "seed");
	uint32		rank;
	int			combination;
	RandomStream stream;

	if (k < 1 || k > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"k\" of %s must be between 1 and %d", FUNC, PG_INT32_MAX),
				 errdetail("It is %lld.", (long long) k),
				 errhint("k is the number of comparators a pupil, such as 10.")));
	if (first)
	{
		d->cxt = cxt;
		draw_read(d, fcinfo, reader);
	}

	rank = d->rank[WinGetCurrentPosition(winobj)];
	combination = d->combination[rank];
	k = Min(k, d->combinations[combination].eligible);
	if (k == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(d->id.type));

	id_stream(&d->id, d->ids[rank], seed, &stream);
	draw_picks(d, combination, &stream, (uint32) k);
	for (uint32 i = 0; i < (uint32) k; i++)
	{
		CHECK_FOR_INTERRUPTS();
		d->result[i] = d->ids[d->pick[i]];
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(d->result, (int) k, d->id.type,
										  d->id.len, d->id.byval, d->id.align));
}
