/*
 * nearest.c
 *		sipp.nearest_comparator: the pupils nearest on a score, as a window function.
 *
 * The first call in a partition sorts all by score and finds each row's *window*: from the
 * first to the last candidate whose distance is at most that of the k-th nearest of
 * those who share no key (sorted.h).  The row's pool are those of its window who share no
 * key.  The other calls add up their row's pool.
 *
 * A partition of n rows takes O(n log^2 n) steps, whatever the keys, k, scores and ties are.
 *
 * Memory, until the partition ends: 24 bytes a row, 4 bytes a unit, and what sorted.c and
 * keys.c take; in the first call 32 bytes a row more, and 72 a row of the largest unit.
 */
#include "sipp.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#include "virtual/sorted.h"

#define FUNC "sipp.nearest_comparator"
#define ARG_OUTCOME 0
#define ARG_UNIT 1
#define ARG_SCORE 3
#define ARG_K 4
#define ARG_CALIPER 5

/* What a partition keeps. */
typedef struct Nearest
{
	KeySpace   *keys;
	Sorted		sorted;
	SortedWindow *window;		/* of each row */
	int32	   *own;			/* [unit]: its candidates */
	int			k;
	double		caliper;		/* infinite if there is none */
	Peers		answer;
} Nearest;

/* A row with a score. */
typedef struct Scored
{
	double		score;
	int32		row;
} Scored;

#define ST_SORT sort_scored
#define ST_ELEMENT_TYPE Scored
#define ST_COMPARE(a, b) \
	((a)->score < (b)->score ? -1 : (a)->score > (b)->score ? 1 : \
	 (a)->row < (b)->row ? -1 : (a)->row > (b)->row)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_positions
#define ST_ELEMENT_TYPE int32
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static void *
huge(MemoryContext cxt, Size element, int64 n)
{
	return MemoryContextAllocHuge(cxt, mul_size(element, (Size) Max(n, 1)));
}

/* Work space for the rows of one unit. */
typedef struct Sharing
{
	int32	   *row;			/* rows with a score, unit by unit */
	int32	   *start;			/* [unit], one more than there are units */
	int32	   *at;				/* ends of the unit's windows */
	Dd		   *weight;			/* of each position from there to the next end */
	Dd		   *before;			/* weighted positions before it */
} Sharing;

/*
 * How many of a unit's pupils lean on each row's pool: the sum over the unit's
 * pupils j of |pool and pool_j| / |pool_j|.
 *
 * Each position p weighs w(p), the sum of 1 / |pool_j| over the windows that hold it;
 * w changes only at their ends.  A row's sum is that of w over its window's positions
 * that share none of the keys that all of the unit's pupils have in common.  Where they
 * have them all in common this is exact.  Otherwise it is an upper bound, as both
 * pools leave out more; so is the number of pupils, as no term exceeds 1.
 */
static void
unit_sharing(Nearest *w, const double *outcome, Sharing *s, int unit)
{
	const int32 *row = s->row + s->start[unit];
	int			nrow = s->start[unit + 1] - s->start[unit];
	int			rep = -1;		/* a combination of the unit */
	int			mask = w->sorted.effective;	/* keys that its candidates have in common */
	int			n = 0;
	int			m = 1;
	Dd			weight = {0, 0};

	if (nrow == 1)
	{
		if (w->window[row[0]].pool > 0 && !isnan(outcome[row[0]]))
			w->window[row[0]].sharing = 1;
		return;
	}
	for (int i = 0; i < nrow; i++)
	{
		SortedWindow *v = &w->window[row[i]];

		if (v->pool > 0)
		{
			s->at[n++] = v->left;
			s->at[n++] = v->right;
		}
		if (isnan(outcome[row[i]]))
			continue;
		if (rep < 0)
			rep = v->combination;
		for (int k = 0; k < SORTED_KEYS; k++)
			if ((mask & (1 << k)) != 0 &&
				key_value(w->keys, v->combination, k) != key_value(w->keys, rep, k))
				mask &= ~(1 << k);
	}
	if (rep < 0 || n == 0)
		return;

	sort_positions(s->at, n);
	for (int i = 1; i < n; i++)
		if (s->at[i] != s->at[m - 1])
			s->at[m++] = s->at[i];
	memset(s->weight, 0, sizeof(Dd) * m);
	for (int i = 0; i < nrow; i++)
	{
		SortedWindow *v = &w->window[row[i]];
		Dd		   *left,
				   *right;
		Dd			each;

		if (v->pool == 0 || isnan(outcome[row[i]]))
			continue;
		each = dd_div(dd_make(1), v->pool);
		left = &s->weight[below(s->at, m, v->left)];
		right = &s->weight[below(s->at, m, v->right)];
		*left = dd_add(*left, each);
		*right = dd_sub(*right, each);
	}
	s->before[0] = dd_make(0);
	for (int i = 1; i < m; i++)
	{
		int			n_between = sorted_eligible(&w->sorted, mask, rep, s->at[i - 1], s->at[i]);

		weight = dd_add(weight, s->weight[i - 1]);
		if (weight.hi * PG_INT32_MAX < 0.5)
			weight = dd_make(0);	/* no window is open: what roundings left */
		s->before[i] = dd_add(s->before[i - 1], dd_mul(weight, dd_make(n_between)));
	}
	for (int i = 0; i < nrow; i++)
	{
		SortedWindow *v = &w->window[row[i]];

		if (v->pool > 0)
			v->sharing = Min(dd_value(dd_sub(s->before[below(s->at, m, v->right)],
											 s->before[below(s->at, m, v->left)])),
							 w->own[unit]);
	}
}

/* The rows with a score by unit, and what each unit's windows share. */
static void
find_sharing(Nearest *w, const double *outcome, const Scored *scored, int nscored,
			 MemoryContext work)
{
	int			nunit = key_values(w->keys, 0);
	int			most = 0;
	Sharing		s;

	s.row = huge(work, sizeof(int32), nscored);
	s.start = huge(work, sizeof(int32), (int64) nunit + 2);
	memset(s.start, 0, sizeof(int32) * ((Size) nunit + 2));
	for (int i = 0; i < nscored; i++)
		s.start[key_value(w->keys, w->window[scored[i].row].combination, 0) + 2]++;
	for (int u = 2; u <= nunit + 1; u++)
	{
		most = Max(most, s.start[u]);
		s.start[u] += s.start[u - 1];
	}
	for (int i = 0; i < nscored; i++)
		s.row[s.start[key_value(w->keys, w->window[scored[i].row].combination, 0) + 1]++] =
			scored[i].row;
	s.at = huge(work, sizeof(int32), 2 * (int64) most);
	s.weight = huge(work, sizeof(Dd), 2 * (int64) most);
	s.before = huge(work, sizeof(Dd), 2 * (int64) most);
	for (int u = 0; u < nunit; u++)
	{
		CHECK_FOR_INTERRUPTS();
		unit_sharing(w, outcome, &s, u);
	}
}

/* A number that is not a column's: k, or the caliper. */
typedef struct Setting
{
	bool		isnull;
	int64		whole;
	double		real;
} Setting;

static Setting
read_setting(WindowObject winobj, int arg, int row)
{
	Setting		s = {0};
	Datum		d = WinGetFuncArgInPartition(winobj, arg, row, WINDOW_SEEK_HEAD, false,
											 &s.isnull, NULL);

	if (s.isnull)
		return s;
	if (arg == ARG_K)
		s.whole = DatumGetInt64(d);
	else
		s.real = DatumGetFloat8(d);
	return s;
}

/*
 * A setting of the partition.  Pools that are made by different rules cannot share in any
 * sense, so an expression that may vary must be the same in all rows.
 */
static Setting
partition_setting(FunctionCallInfo fcinfo, int arg, const char *name, int rows,
				  MemoryContext work)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	Node	   *expr = list_nth(((WindowFunc *) fcinfo->flinfo->fn_expr)->args, arg);
	Setting		first = read_setting(winobj, arg, 0);
	MemoryContext row;
	MemoryContext old;

	if (!contain_var_clause(expr) && !contain_volatile_functions(expr) &&
		!contain_subplans(expr))
		return first;

	row = AllocSetContextCreate(work, FUNC " setting", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(row);
	for (int i = 1; i < rows; i++)
	{
		Setting		s = read_setting(winobj, arg, i);

		CHECK_FOR_INTERRUPTS();
		if (s.isnull != first.isnull || s.whole != first.whole ||
			!(s.real == first.real || (isnan(s.real) && isnan(first.real))))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" of %s must be the same in all rows of a partition",
							name, FUNC),
					 errhint("Add it to PARTITION BY, or give one value.")));
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
	return first;
}

/* k and the caliper of the partition. */
static void
read_settings(FunctionCallInfo fcinfo, Nearest *w, int rows, MemoryContext work)
{
	Setting		k = partition_setting(fcinfo, ARG_K, "k", rows, work);
	Setting		caliper = partition_setting(fcinfo, ARG_CALIPER, "caliper", rows, work);

	if (k.isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"k\" of %s must not be NULL", FUNC)));
	if (k.whole < 1 || k.whole > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"k\" of %s must be between 1 and %d", FUNC, PG_INT32_MAX),
				 errdetail("It is " INT64_FORMAT ".", k.whole)));
	w->k = (int) k.whole;
	w->caliper = INFINITY;
	if (!caliper.isnull)
	{
		if (!(caliper.real >= 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"caliper\" of %s must not be negative or NaN", FUNC),
					 errdetail("It is %g.", caliper.real),
					 errhint("NULL is no limit.")));
		w->caliper = caliper.real;
	}
}

/* Read the partition; the rows with a score, sorted by it. */
static Scored *
read_partition(FunctionCallInfo fcinfo, Nearest *w, int rows, double *outcome, int *nscored,
			   MemoryContext work)
{
	Scored	   *scored = huge(work, sizeof(Scored), rows);
	PartitionScan scan;
	int			row = 0;
	int			n;

	scan.nnumber = 2;
	scan.number[0].argument = ARG_SCORE;
	scan.number[0].name = "score";
	scan.number[0].is_outcome = false;
	scan.number[1].argument = ARG_OUTCOME;
	scan.number[1].name = "outcome";
	scan.number[1].is_outcome = true;
	scan.number[1].is_boolean = get_fn_expr_argtype(fcinfo->flinfo, ARG_OUTCOME) == BOOLOID;
	scan_begin(&scan, PG_WINDOW_OBJECT(), FUNC, w->keys, rows, work);
	*nscored = 0;
	while ((n = scan_next(&scan)) > 0)
		for (int i = 0; i < n; i++, row++)
		{
			SortedWindow *v = &w->window[row];

			v->combination = scan.combination[i];
			v->left = v->right = v->pool = 0;
			v->sharing = 0;
			outcome[row] = scan.known[1][i] ? scan.value[1][i] : NAN;
			if (scan.known[0][i])
			{
				scored[*nscored].score = scan.value[0][i];
				scored[(*nscored)++].row = row;
			}
		}
	sort_scored(scored, *nscored);
	return scored;
}

/* The rows with an outcome of those with a score. */
static void
take_candidates(Nearest *w, const double *outcome, const Scored *scored, int nscored,
				MemoryContext cxt)
{
	Sorted	   *s = &w->sorted;
	int32	   *combination = huge(CurrentMemoryContext, sizeof(int32), nscored);
	Size		units = sizeof(int32) * key_values(w->keys, 0);

	s->keys = w->keys;
	s->score = huge(cxt, sizeof(double), nscored);
	s->outcome = huge(cxt, sizeof(double), nscored);
	w->own = MemoryContextAllocHuge(cxt, units);
	memset(w->own, 0, units);
	s->n = 0;
	for (int i = 0; i < nscored; i++)
	{
		int			row = scored[i].row;

		if (isnan(outcome[row]))
			continue;
		s->score[s->n] = scored[i].score;
		s->outcome[s->n] = outcome[row];
		combination[s->n] = w->window[row].combination;
		w->own[key_value(w->keys, combination[s->n], 0)]++;
		s->n++;
	}
	sorted_finish(s, combination, cxt);
	pfree(combination);
}

/* The first call in a partition. */
static void
make_nearest(FunctionCallInfo fcinfo, Nearest *w, MemoryContext cxt)
{
	static const char *const names[SORTED_KEYS] = {"unit", "leave_out"};
	WindowObject winobj = PG_WINDOW_OBJECT();
	KeyReader  *reader = key_reader(fcinfo, FUNC, ARG_UNIT, SORTED_KEYS, names);
	int			rows = partition_rows(winobj, FUNC);
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, FUNC,
											   ALLOCSET_DEFAULT_SIZES);
	double	   *outcome = huge(work, sizeof(double), rows);
	Scored	   *scored;
	int			nscored;
	bool		is_wide = false;
	Peers	   *empty = peers_make();

	w->answer = *empty;
	pfree(empty);
	w->answer.flags = PEERS_UNIT;
	w->keys = key_space(reader, cxt);
	w->window = huge(cxt, sizeof(SortedWindow), rows);
	read_settings(fcinfo, w, rows, work);
	scored = read_partition(fcinfo, w, rows, outcome, &nscored, work);
	key_space_finish(w->keys);
	take_candidates(w, outcome, scored, nscored, cxt);

	for (int i = 0, pos = 0; i < nscored; i++)
	{
		SortedWindow *v = &w->window[scored[i].row];

		if ((i & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
		sorted_window(&w->sorted, scored[i].score, pos, w->k, w->caliper, v);
		is_wide |= sorted_is_wide(v);
		if (!isnan(outcome[scored[i].row]))
			pos++;
	}
	find_sharing(w, outcome, scored, nscored, work);
	if (is_wide)
		sorted_prepare(&w->sorted, cxt);
	MemoryContextDelete(work);

	/* no row is read again, so that the window can forget those it has passed */
	WinSetMarkPosition(winobj, rows - 1);
}

PG_FUNCTION_INFO_V1(sipp_nearest_comparator);
Datum
sipp_nearest_comparator(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	MemoryContext cxt;
	bool		first;
	Nearest    *w = partition_memory(winobj, sizeof(Nearest), &cxt, &first);
	SortedWindow *v;
	Peers	   *p = &w->answer;

	if (first)
		make_nearest(fcinfo, w, cxt);
	v = &w->window[WinGetCurrentPosition(winobj)];
	p->pool = v->pool;
	p->own = w->own[key_value(w->keys, v->combination, 0)];
	p->unit = key_unit_hash(w->keys, v->combination);
	p->sharing = v->sharing;
	sorted_moments(&w->sorted, v, &p->mean, &p->variance);
	PG_RETURN_PEERS(p);
}
