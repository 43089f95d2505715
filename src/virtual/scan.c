/*
 * scan.c
 *		How the windows read a partition: see keys.h.
 */
#include "sipp.h"

#include "miscadmin.h"

#include "virtual/keys.h"

/* How to read an argument as a number: see keys.h. */
ArgKind
outcome_kind(FunctionCallInfo fcinfo, int arg, const char *func, const char *name)
{
	return arg_kind(get_fn_expr_argtype(fcinfo->flinfo, arg), func, name, true);
}

/* The same, looked up once: see keys.h. */
ArgKind
outcome_kind_cached(FunctionCallInfo fcinfo, int arg, const char *func, const char *name)
{
	ArgKind    *kind = fcinfo->flinfo->fn_extra;

	if (unlikely(kind == NULL))
	{
		ArgKind		found = outcome_kind(fcinfo, arg, func, name);

		fcinfo->flinfo->fn_extra = kind = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(ArgKind));
		*kind = found;
	}
	return *kind;
}

/* Check an outcome: see keys.h. */
double
outcome_checked(double v, const char *func, const char *name)
{
	if (likely(fabs(v) <= SIPP_MAX_OUTCOME))
		return v;
	if (isfinite(v))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"%s\" of %s is beyond %g", name, func, SIPP_MAX_OUTCOME),
				 errdetail("It is %g.", v),
				 errhint("Turn placeholders into NULL, which leaves the row out.")));
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("argument \"%s\" of %s is %s", name, func,
					isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity"),
			 errhint("Turn it into NULL, which leaves the row out.")));
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* The point that outcomes are summed about: see keys.h. */
double
key_shift(const double *y, int n)
{
	double		sample[16];
	int			m = Min(n, (int) lengthof(sample));
	double		shift;

	if (n == 0)
		return 0;
	for (int i = 0; i < m; i++)
		sample[i] = y[(int64) i * n / m];
	qsort(sample, m, sizeof(double), compare_doubles);
	shift = sample[m / 2];
	for (int i = 0; i < n; i++)
		if (key_shift_is_far(shift, y[i]))
			shift = y[i];
	return shift;
}

/* The partition's memory: see keys.h. */
void *
partition_memory(WindowObject winobj, Size size, MemoryContext *cxt, bool *first)
{
	Size		header = MAXALIGN(sizeof(bool));
	bool	   *used = WinGetPartitionLocalMemory(winobj, header + size);

	*first = !*used;
	*used = true;
	*cxt = GetMemoryChunkContext(used);
	return (char *) used + header;
}

/* Rows of the partition: see keys.h. */
int
partition_rows(WindowObject winobj, const char *func)
{
	int64		rows = WinGetPartitionRowCount(winobj);

	if (rows > PARTITION_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition of %s cannot have more than %d rows", func, PARTITION_MOST),
				 errhint("Match on more: PARTITION BY more columns makes smaller partitions.")));
	return (int) rows;
}

void
scan_begin(PartitionScan *s, WindowObject winobj, const char *func, KeySpace *keys,
		   int rows, MemoryContext cxt)
{
	s->winobj = winobj;
	s->func = func;
	s->keys = keys;
	s->rows = rows;
	s->next = 0;
	s->row = AllocSetContextCreate(cxt, "sipp row", ALLOCSET_DEFAULT_SIZES);
}

/* Read a number of a row that is not NULL. */
static double
scan_number(const PartitionScan *s, const ScanNumber *number, Datum d)
{
	double		v;

	if (number->is_outcome)
		return outcome_checked(arg_number(number->kind, d), s->func, number->name);
	v = DatumGetFloat8(d);
	if (unlikely(!isfinite(v)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"%s\" of %s is %s", number->name, s->func,
						isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity"),
				 errhint("Turn it into NULL, which leaves the row out of all pools.")));
	return v;
}

/* Take over what argument a (keys first, then numbers) of row j of the chunk is. */
static inline void
scan_value(PartitionScan *s, int a, int nkey, int j, Datum d, bool isnull)
{
	int32	   *key = s->key[j];

	if (a == 0)
	{
		/* neighbours are often of one unit */
		s->unit = key[0] = key_number(s->keys, 0, d, isnull, s->unit);
	}
	else if (a < nkey)
		key[a] = key_number(s->keys, a, d, isnull, key_guess(s->keys, key[0], a));
	else
	{
		s->known[a - nkey][j] = !isnull;
		s->value[a - nkey][j] = isnull ? 0 : scan_number(s, &s->number[a - nkey], d);
	}
}

/*
 * Read some rows: of a chunk one argument after the other, forward and backward in turn,
 * because a window can only step to a neighbouring row, and a second argument of the same
 * row would cost two steps.  Chunks are short because a partition that was spilled to disk
 * is read backward by a system call a row once that leaves the file's buffer of 8 kB.
 * Expressions leave memory behind, which would pile up until the partition is read.
 */
int
scan_next(PartitionScan *s)
{
	const KeyReader *reader = key_space_reader(s->keys);
	int			nkey = key_reader_count(reader);
	int			n = Min(SCAN_CHUNK, s->rows - s->next);
	bool		forward = true;
	MemoryContext old;

	s->unit = -1;
	old = MemoryContextSwitchTo(s->row);
	for (int a = 0; a < nkey + s->nnumber; a++, forward = !forward)
	{
		int			arg = a < nkey ? key_reader_argument(reader, a) : s->number[a - nkey].argument;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n; i++)
		{
			int			j = forward ? i : n - 1 - i;
			bool		isnull;
			Datum		d = WinGetFuncArgInPartition(s->winobj, arg, s->next + j,
													 WINDOW_SEEK_HEAD, false, &isnull, NULL);

			scan_value(s, a, nkey, j, d, isnull);
		}
		MemoryContextReset(s->row);
	}
	MemoryContextSwitchTo(old);

	for (int i = 0; i < n; i++)
		s->combination[i] = key_tuple(s->keys, s->key[i]);
	s->next += n;
	return n;
}
