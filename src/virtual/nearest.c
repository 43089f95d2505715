/*
 * nearest.c
 *		sipp.nearest_comparator: the pupils nearest on a score, as a window function.
 *
 * The first call in a partition sorts all by score and finds each row's *window*: from the
 * first to the last candidate whose distance is at most that of the k-th nearest of
 * those who share no key, or the same (sorted.h).  The row's pool are those of its window who share no
 * key.  The other calls look their answer up.
 *
 * A partition of n rows takes O(n log^2 n) steps, whatever the keys, k, scores and ties are.
 *
 * Memory, until the partition ends: 44 bytes a row, 5 bytes a unit, and what keys.c takes;
 * in the first call 33 bytes a row more, 56 a row of the largest unit, and what sorted.c
 * takes.
 */
#include "sipp.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"

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
	SortedRow  *scored;			/* rows with a score, by score */
	int32	   *place;			/* [row]: its place there; without a score -1 - its
								 * combination */
	int32	   *own;			/* [unit]: its candidates */
	bool	   *several;		/* [unit]: do keys make its pools differ? or NULL */
	Peers		answer;			/* of the current row */
} Nearest;

/* A row with a score, to be sorted. */
typedef struct Scored
{
	double		score;
	int32		row;
} Scored;

/* One end of a row's window: the left ones are even, the right ones odd. */
typedef struct End
{
	int32		position;
	int32		which;			/* 2 * (row of the unit), or + 1 */
} End;

/* The first call's work. */
typedef struct NearestWork
{
	Nearest    *result;
	MemoryContext cxt;			/* deleted after the call */
	int			rows;
	int			k;
	double		caliper;		/* infinite if there is none */
	double		caliper_precision;	/* what it is off by at most, relative to itself */
	double	   *outcome;		/* [row], NaN if NULL */
	Scored	   *sort;			/* rows with a score */
	int			nscored;
	bool	   *is_candidate;	/* [place]: has it an outcome? */
	Sorted		sorted;
} NearestWork;

#define ST_SORT sort_scored
#define ST_ELEMENT_TYPE Scored
#define ST_COMPARE(a, b) \
	((a)->score < (b)->score ? -1 : (a)->score > (b)->score ? 1 : \
	 (a)->row < (b)->row ? -1 : (a)->row > (b)->row)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_ends
#define ST_ELEMENT_TYPE End
#define ST_COMPARE(a, b) \
	((a)->position < (b)->position ? -1 : (a)->position > (b)->position)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* Scratch for the rows of one unit. */
typedef struct Reuse
{
	int32	   *place;			/* rows with a score, unit by unit */
	int32	   *start;			/* [unit], one more than there are units */
	End		   *end;			/* ends of the unit's windows */
	int32	   *step;			/* [which]: the number of its position among theirs */
	Dd		   *weight;			/* [step]: of each position from there to the next */
	Dd		   *before;			/* [step]: weighted positions before it */
} Reuse;

/* The keys that matter and that all candidates of a unit have in common. */
static int
common_keys(const NearestWork *w, const int32 *place, int n, int *combination)
{
	const KeySpace *keys = w->result->keys;
	int			mask = w->sorted.effective;

	*combination = -1;
	for (int i = 0; i < n; i++)
	{
		int			c = w->result->scored[place[i]].combination;

		if (!w->is_candidate[place[i]])
			continue;
		if (*combination < 0)
			*combination = c;
		for (int k = 0; k < SORTED_KEYS; k++)
			if ((mask & (1 << k)) != 0 &&
				key_value(keys, c, k) != key_value(keys, *combination, k))
				mask &= ~(1 << k);
	}
	return mask;
}

/* Collect the ends of the windows of a unit's rows that have a pool; return how many there are. */
static int
collect_ends(const NearestWork *w, Reuse *s, const int32 *place, int n)
{
	int			nend = 0;

	for (int i = 0; i < n; i++)
	{
		const SortedRow *row = &w->result->scored[place[i]];

		if (row->pool == 0)
			continue;
		s->end[nend].position = row->left;
		s->end[nend++].which = 2 * i;
		s->end[nend].position = row->right;
		s->end[nend++].which = 2 * i + 1;
	}
	return nend;
}

/* Add up the weight that starts at each step: a step is a position at which windows end. */
static void
weigh_steps(const NearestWork *w, Reuse *s, const int32 *place, int nend)
{
	int			nstep = 0;

	sort_ends(s->end, nend);
	for (int i = 0; i < nend; i++)
	{
		int			which = s->end[i].which;
		int			j = place[which / 2];

		if (i == 0 || s->end[i].position != s->end[i - 1].position)
			s->weight[nstep++] = dd_make(0);
		s->step[which] = nstep - 1;
		if (w->is_candidate[j])
		{
			Dd			each = dd_div(dd_make(1), w->result->scored[j].pool);
			Dd		   *at = &s->weight[nstep - 1];

			*at = which % 2 == 0 ? dd_add(*at, each) : dd_sub(*at, each);
		}
	}
}

/* Add up the weighted positions before each step that share none of the keys of a mask. */
static void
sum_steps(const NearestWork *w, Reuse *s, int nend, int mask, int combination)
{
	int			eligible = 0;
	Dd			weight = {0, 0};

	for (int i = 0, step = 0; i < nend; i++)
	{
		int			now;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (i > 0 && s->end[i].position == s->end[i - 1].position)
			continue;
		now = sorted_eligible(&w->sorted, mask, combination, s->end[i].position);
		s->before[step] = i == 0 ? dd_make(0) :
			dd_add(s->before[step - 1], dd_mul(weight, dd_make(now - eligible)));
		eligible = now;
		weight = dd_add(weight, s->weight[step]);
		if (weight.hi * PG_INT32_MAX < 0.5)
			weight = dd_make(0);	/* no window is open: what roundings left */
		step++;
	}
}

/*
 * How many of a unit's pupils use each row's pool (reuse of controls): the sum over the unit's pupils j of
 * |pool and pool_j| / |pool_j|.
 *
 * Each position weighs the sum of 1 / |pool_j| over the windows that hold it, which
 * changes at their ends only.  A row's sum is that of the weights of its window's
 * positions that share none of the keys that all of the unit's pupils have in common.
 * Where these are all keys that matter this is exact.  Otherwise it is an upper bound, as
 * both pools leave out more; so is the number of pupils, as no term exceeds 1.
 */
static void
unit_reuse(NearestWork *w, Reuse *s, int unit)
{
	const int32 *place = s->place + s->start[unit];
	int			n = s->start[unit + 1] - s->start[unit];
	SortedRow  *scored = w->result->scored;
	int			combination;
	int			mask = common_keys(w, place, n, &combination);
	int			nend = combination < 0 ? 0 : collect_ends(w, s, place, n);

	if (nend == 0)
		return;
	if (n == 1)
	{
		scored[place[0]].reuse = 1;
		return;
	}
	weigh_steps(w, s, place, nend);
	sum_steps(w, s, nend, mask, combination);
	for (int i = 0; i < n; i++)
	{
		SortedRow  *row = &scored[place[i]];

		if (row->pool > 0)
			row->reuse = Min(dd_value(dd_sub(s->before[s->step[2 * i + 1]],
											 s->before[s->step[2 * i]])),
							 w->result->own[unit]);
	}
}

/* The rows with a score by unit, and what each unit's windows share. */
static void
find_reuse(NearestWork *w)
{
	const KeySpace *keys = w->result->keys;
	const SortedRow *scored = w->result->scored;
	int			nunit = key_values(keys, 0);
	int			most = 0;
	Reuse		s;

	/* while filling, start[u + 1] runs from unit u's first entry to its end */
	s.place = huge_array(w->cxt, sizeof(int32), w->nscored);
	s.start = huge_zeroed(w->cxt, sizeof(int32), (int64) nunit + 2);
	for (int i = 0; i < w->nscored; i++)
		s.start[key_value(keys, scored[i].combination, 0) + 2]++;
	for (int u = 2; u <= nunit + 1; u++)
	{
		most = Max(most, s.start[u]);
		s.start[u] += s.start[u - 1];
	}
	for (int i = 0; i < w->nscored; i++)
		s.place[s.start[key_value(keys, scored[i].combination, 0) + 1]++] = i;

	if (most > PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a unit of %s cannot have more than %d rows in a partition", FUNC,
						PG_INT32_MAX / 2)));
	s.end = huge_array(w->cxt, sizeof(End), 2 * (int64) most);
	s.step = huge_array(w->cxt, sizeof(int32), 2 * (int64) most);
	s.weight = huge_array(w->cxt, sizeof(Dd), 2 * (int64) most);
	s.before = huge_array(w->cxt, sizeof(Dd), 2 * (int64) most);
	for (int u = 0; u < nunit; u++)
	{
		CHECK_FOR_INTERRUPTS();
		unit_reuse(w, &s, u);
	}
}

/* The value of k, which is whole, or of the caliper. */
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

/* A setting for a message. */
static char *
setting_text(const Setting *s, int arg)
{
	if (s->isnull)
		return "NULL";
	return arg == ARG_K ? psprintf(INT64_FORMAT, s->whole) : psprintf("%g", s->real);
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
					 errdetail("It is %s in one row and %s in another.",
							   setting_text(&first, arg), setting_text(&s, arg)),
					 errhint("Add it to PARTITION BY, or give one value.")));
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
	return first;
}

/* The precision of an argument: a column of type real arrives through a cast. */
static double
argument_precision(FunctionCallInfo fcinfo, int arg)
{
	Node	   *expr = list_nth(((WindowFunc *) fcinfo->flinfo->fn_expr)->args, arg);

	return IsA(expr, FuncExpr) && ((FuncExpr *) expr)->funcid == F_FLOAT8_FLOAT4 ?
		SORTED_PRECISION_REAL : SORTED_PRECISION;
}

/*
 * May a number be a decimal of few digits that was rounded to type real?  *rounded,
 * if it must be.  So 4.1::real::float8 is told from 4.1 where a subquery, a
 * materialized view or a folded constant has done the cast before.  A binary
 * fraction is exact: it has few binary digits, or many decimal ones.
 */
static bool
is_real_decimal(double x, bool *rounded)
{
	float		f;
	uint32		bits;
	char		decimal[32];
	double		d;

	if (!(fabs(x) <= FLT_MAX))
		return false;
	f = (float) x;
	if ((double) f != x)
		return false;
	memcpy(&bits, &f, sizeof(bits));
	if ((bits & 0xff) == 0)
		return true;
	snprintf(decimal, sizeof(decimal), "%.*g", FLT_DIG, x);
	d = strtod(decimal, NULL);
	if (d == x)
		return true;
	*rounded = true;
	return (float) d == f;
}

/* Is a number whole, and small enough that its neighbours are too? */
static inline bool
is_whole(double x, double precision)
{
	return fabs(x) <= (precision == SORTED_PRECISION ? 0x1p53 : 0x1p24) && x == rint(x);
}

/* k and the caliper of the partition. */
static void
read_settings(FunctionCallInfo fcinfo, NearestWork *w)
{
	Setting		k = partition_setting(fcinfo, ARG_K, "k", w->rows, w->cxt);
	Setting		caliper = partition_setting(fcinfo, ARG_CALIPER, "caliper", w->rows, w->cxt);
	bool		rounded = false;

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
	w->caliper_precision = argument_precision(fcinfo, ARG_CALIPER);
	if (is_real_decimal(w->caliper, &rounded) && rounded)
		w->caliper_precision = SORTED_PRECISION_REAL;
	if (is_whole(w->caliper, w->caliper_precision))
		w->caliper_precision = 0;
}

/*
 * The largest distance from a score: the caliper, or the same.  A caliper may be rounded
 * more than the scores are, or where they are not.
 */
static double
distance_limit(const NearestWork *w, double score)
{
	if (isinf(w->caliper))
		return w->caliper;
	return w->caliper + w->sorted.precision * fabs(score) +
		Max(w->sorted.precision, w->caliper_precision) * w->caliper;
}

/*
 * Whole scores are exact; decimals that were rounded to type real have its precision.
 * Scores so large that a distance could overflow are scaled by a
 * power of two, which changes no digit of those that count beside them.
 */
static void
set_precision(NearestWork *w)
{
	int			i = 0;
	bool		rounded = false;

	while (i < w->nscored && is_whole(w->sort[i].score, w->sorted.precision))
		i++;
	if (i == w->nscored)
	{
		w->sorted.precision = 0;
		return;
	}
	for (i = 0; i < w->nscored && is_real_decimal(w->sort[i].score, &rounded);)
		i++;
	if (i == w->nscored && rounded)
		w->sorted.precision = SORTED_PRECISION_REAL;
	if (Max(fabs(w->sort[0].score), fabs(w->sort[w->nscored - 1].score)) > DBL_MAX / 8)
	{
		for (i = 0; i < w->nscored; i++)
			w->sort[i].score /= 8;
		w->caliper /= 8;
	}
}

/* Read the partition, and sort the rows with a score by it. */
static void
read_partition(FunctionCallInfo fcinfo, NearestWork *w)
{
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
	scan.number[1].kind = outcome_kind(fcinfo, ARG_OUTCOME, FUNC, "outcome");
	scan_begin(&scan, PG_WINDOW_OBJECT(), FUNC, w->result->keys, w->rows, w->cxt);

	w->outcome = huge_array(w->cxt, sizeof(double), w->rows);
	w->sort = huge_array(w->cxt, sizeof(Scored), w->rows);
	w->nscored = 0;
	while ((n = scan_next(&scan)) > 0)
		for (int i = 0; i < n; i++, row++)
		{
			w->result->place[row] = -1 - scan.combination[i];
			w->outcome[row] = scan.known[1][i] ? scan.value[1][i] : NAN;
			if (scan.known[0][i])
			{
				w->sort[w->nscored].score = scan.value[0][i];
				w->sort[w->nscored++].row = row;
			}
		}
	sort_scored(w->sort, w->nscored);
	w->sorted.precision = argument_precision(fcinfo, ARG_SCORE);
	set_precision(w);
}

/* Put the rows with a score into their places; those with an outcome are candidates. */
static void
take_places(NearestWork *w, MemoryContext cxt)
{
	Nearest    *r = w->result;
	Sorted	   *s = &w->sorted;
	int32	   *combination = huge_array(w->cxt, sizeof(int32), w->nscored);
	int64	   *counts;

	r->scored = huge_array(cxt, sizeof(SortedRow), w->nscored);
	r->own = huge_zeroed(cxt, sizeof(int32), key_values(r->keys, 0));
	w->is_candidate = huge_array(w->cxt, sizeof(bool), w->nscored);
	s->keys = r->keys;
	s->n = 0;
	s->score = huge_array(w->cxt, sizeof(double), w->nscored);
	s->outcome = huge_array(w->cxt, sizeof(double), w->nscored);
	for (int i = 0; i < w->nscored; i++)
	{
		int			row = w->sort[i].row;
		int			c = -1 - r->place[row];

		r->place[row] = i;
		memset(&r->scored[i], 0, sizeof(SortedRow));
		r->scored[i].combination = c;
		w->is_candidate[i] = !isnan(w->outcome[row]);
		if (w->is_candidate[i])
		{
			s->score[s->n] = w->sort[i].score;
			s->outcome[s->n] = w->outcome[row];
			combination[s->n++] = c;
			r->own[key_value(r->keys, c, 0)]++;
		}
	}
	pfree(w->outcome);
	counts = huge_zeroed(w->cxt, sizeof(int64), key_combinations(r->keys));
	for (int i = 0; i < s->n; i++)
		counts[combination[i]]++;
	r->several = key_several(r->keys, counts, cxt);
	pfree(counts);
	sorted_finish(s, combination, w->cxt);
	pfree(combination);
}

/* The first call in a partition. */
static void
make_nearest(FunctionCallInfo fcinfo, Nearest *result, MemoryContext cxt)
{
	static const char *const names[SORTED_KEYS] = {"unit", "leave_out"};
	WindowObject winobj = PG_WINDOW_OBJECT();
	KeyReader  *reader = key_reader(fcinfo, FUNC, ARG_UNIT, SORTED_KEYS, names);
	Peers	   *empty = peers_make();
	bool		is_wide = false;
	NearestWork w;

	result->answer = *empty;
	pfree(empty);
	w.result = result;
	w.cxt = AllocSetContextCreate(CurrentMemoryContext, FUNC, ALLOCSET_DEFAULT_SIZES);
	w.rows = partition_rows(winobj, FUNC);
	result->keys = key_space(reader, cxt);
	result->place = huge_array(cxt, sizeof(int32), w.rows);
	read_settings(fcinfo, &w);
	read_partition(fcinfo, &w);
	key_space_finish(result->keys);
	take_places(&w, cxt);

	for (int i = 0, pos = 0; i < w.nscored; i++)
	{
		if ((i & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
		sorted_window(&w.sorted, w.sort[i].score, pos, w.k,
					  distance_limit(&w, w.sort[i].score), &result->scored[i]);
		is_wide |= sorted_is_wide(&result->scored[i]);
		if (w.is_candidate[i])
			pos++;
	}
	find_reuse(&w);
	if (is_wide)
		sorted_prepare(&w.sorted, w.cxt);
	for (int i = 0; i < w.nscored; i++)
	{
		if ((i & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
		sorted_moments(&w.sorted, &result->scored[i]);
	}
	MemoryContextDelete(w.cxt);

	/* no row is read again, so that the window can forget those it has passed */
	WinSetMarkPosition(winobj, w.rows - 1);
}

PG_FUNCTION_INFO_V1(sipp_nearest_comparator);
Datum
sipp_nearest_comparator(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	MemoryContext cxt;
	bool		first;
	Nearest    *r = partition_memory(winobj, sizeof(Nearest), &cxt, &first);
	SortedRow	none = {.mean = NAN,.variance = NAN};
	const SortedRow *row = &none;
	Peers	   *p = &r->answer;
	int			place;

	if (first)
		make_nearest(fcinfo, r, cxt);
	place = r->place[WinGetCurrentPosition(winobj)];
	if (place >= 0)
		row = &r->scored[place];
	else
		none.combination = -1 - place;

	p->pool = row->pool;
	p->own = r->own[key_value(r->keys, row->combination, 0)];
	p->unit = key_unit_hash(r->keys, row->combination);
	p->flags = PEERS_UNIT;
	if (r->several != NULL && r->several[key_value(r->keys, row->combination, 0)])
		p->flags |= PEERS_SEVERAL;
	p->mean = row->mean;
	p->variance = row->variance;
	p->reuse = row->reuse;
	PG_RETURN_PEERS(peers_canonical(p));
}
