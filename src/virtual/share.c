/*
 * share.c
 *		The aggregate sipp.virtual_school_share: a school's share of successes
 *		beside its virtual school's, with an exact test.
 *
 * If the school's pupils were a random sample of their likes, any n of the n + N
 * pupils of a cell, the unit's own and its pool, were as likely to be the unit's.
 * Given that t of them all succeed, the successes among the unit's n are
 * hypergeometric, whatever the chance of success, and cells are independent.  The
 * test is Fisher's exact test of the sum over cells (Zelen 1971, Biometrika 58;
 * Cox 1970, Analysis of Binary Data), which holds its level at any size of pool.
 * (A beta-binomial prediction from the pool needs a prior, and no prior does that:
 * at pools of two to ten it flags 7 to 40% of ordinary schools.)
 *
 * Two-sided is the probability of all sums that are no more probable than the one
 * observed, which is the rule of R's fisher.test, for one cell, and of its
 * mantelhaen.test(exact = TRUE), for several.  As there, sums whose probabilities differ
 * by less than 1e-7 of themselves are equally probable, because those of a symmetric
 * distribution differ by roundings.
 *
 * The state keeps how many pupils have which peers (a class), and their successes;
 * pupils of one cell have the same ones.  Cells with the same figures fall into one
 * class, which then has more pupils than "own".  The peers' "successes" says that each
 * of these cells has so many, so that they can be tested cell by cell.  Where it is not
 * known, or pupils are missing, there is no p-value: as one large cell they would be
 * tested against too small a variance, since that takes their chances to be the same.
 *
 * The distribution of the sum is computed by adding up products of probabilities:
 * everything is positive, nothing cancels.  Each cell's probabilities come from
 * their ratios, outwards from the mode, without gamma functions, and are scaled to
 * add up to 1.  Sums are paired like a tournament's players, so that roundings
 * pile up log2(cells) deep.  Products below 1e-300 are left out: at most n^2 of
 * them, which touches no p-value above 1e-270.
 */
#include "sipp.h"

#include <math.h>

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/memory.h"
#include "base/row.h"
#include "virtual/aggregate.h"
#include "virtual/keys.h"

#define FUNC "sipp.virtual_school_share"

#define NEGLIGIBLE	1e-300
#define TIED		(1 + 1e-7)	/* times a probability is as probable */

PG_FUNCTION_INFO_V1(sipp_virtual_share_accum);
PG_FUNCTION_INFO_V1(sipp_virtual_share_combine);
PG_FUNCTION_INFO_V1(sipp_virtual_share_serialize);
PG_FUNCTION_INFO_V1(sipp_virtual_share_deserialize);
PG_FUNCTION_INFO_V1(sipp_virtual_share_final);

/* The pupils who have the same peers. */
typedef struct ShareClass
{
	Peers		peers;
	int64		rows;
	int64		successes;		/* of these rows */
} ShareClass;

typedef struct ShareState
{
	PupilState	total;			/* its first sum is that of the pools' shares */
	StateArray	classes;		/* ShareClass[] */
	int64	   *slot;			/* [2 * room of classes] hash table: index + 1 of a class, or 0;
								 * a state that was read from bytes has none */
} ShareState;

static void share_merge(void *into, const void *from);

static const StateKind share_kind = {
	FUNC, sizeof(ShareState), offsetof(ShareState, classes), "cells", share_merge
};

/* A distribution on whole numbers. */
typedef struct Pmf
{
	double	   *buffer;			/* as allocated */
	double	   *p;				/* [n] probability of first, first + 1, ... */
	int64		first;
	int64		n;
	int			rank;			/* rounds won in the tournament */
} Pmf;

/* A cell: n of the unit's pupils beside a pool. */
typedef struct ShareCell
{
	int64		n;
	int64		pool;
	int64		ones;			/* successes of both */
	int64		times;			/* so many cells are like this one */
} ShareCell;

static inline ShareClass *
share_class(const ShareState *s, int64 i)
{
	return (ShareClass *) s->classes.data + i;
}

/* Find the slot of a class, or the empty one where it would go. */
static int64 *
share_slot(const ShareState *s, const Peers *p)
{
	uint64		mask = (uint64) (2 * s->classes.room - 1);
	uint64		i = hash_bytes_extended((const unsigned char *) p, sizeof(Peers), 0) & mask;

	while (s->slot[i] != 0 && memcmp(&share_class(s, s->slot[i] - 1)->peers, p, sizeof(Peers)) != 0)
		i = (i + 1) & mask;
	return &s->slot[i];
}

/* Make room for twice as many classes. */
static void
share_grow(ShareState *s)
{
	s->classes.element = sizeof(ShareClass);
	state_array_reserve(&s->classes, 1);
	if (s->slot != NULL)
		pfree(s->slot);
	s->slot = huge_zeroed(s->classes.cxt, sizeof(int64), 2 * s->classes.room);
	for (int64 i = 0; i < s->classes.n; i++)
		*share_slot(s, &share_class(s, i)->peers) = i + 1;
}

/* Count rows pupils with these peers, whose pool is not empty, and their successes. */
static void
share_count(ShareState *s, const Peers *p, int64 rows, int64 successes)
{
	int64	   *slot;
	ShareClass *c;

	if (s->classes.n == s->classes.room)
		share_grow(s);
	slot = share_slot(s, p);
	if (*slot == 0)
	{
		peers_need_binary(p, FUNC, "peers");
		if (!PEERS_COUNT_PUPIL(p))
			s->total.marks |= MARK_UNCOUNTED;
		if (p->reuse != (double) p->own || (p->flags & PEERS_SEVERAL) != 0)
			s->total.marks |= MARK_UNEVEN;
		c = share_class(s, s->classes.n);
		c->peers = *p;
		c->rows = 0;
		c->successes = 0;
		*slot = ++s->classes.n;
	}
	c = share_class(s, *slot - 1);
	c->rows += rows;
	c->successes += successes;
}

static void
share_merge(void *into, const void *from)
{
	const ShareState *b = from;

	pupil_state_merge(into, from);
	for (int64 i = 0; i < b->classes.n; i++)
	{
		const ShareClass *c = share_class(b, i);

		share_count(into, &c->peers, c->rows, c->successes);
	}
}

/*
 * sipp_virtual_share_accum(internal, "any", peers): transition.
 */
Datum
sipp_virtual_share_accum(PG_FUNCTION_ARGS)
{
	ShareState *s = state_begin(fcinfo, &share_kind);
	PupilState *total = &s->total;
	ArgKind		kind = outcome_kind_cached(fcinfo, 1, FUNC, "outcome");
	const Peers *p;
	double		y;

	if (PG_ARGISNULL(1))
	{
		total->count[COUNT_DROPPED]++;
		PG_RETURN_POINTER(s);
	}
	y = arg_number(kind, PG_GETARG_DATUM(1));
	if (y != 0 && y != 1)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"outcome\" of %s must be 0 or 1", FUNC),
				 errdetail("It is %.15g.", y),
				 errhint("sipp.virtual_school takes outcomes of any kind.")));
	total->count[COUNT_PUPILS]++;
	if (PG_ARGISNULL(2))
	{
		total->empty |= empty_cause(NULL);
		PG_RETURN_POINTER(s);
	}
	p = PG_GETARG_PEERS(2);
	units_add(&total->units, p->unit);
	if (p->pool > 0)
	{
		share_count(s, p, 1, y == 1);
		total->count[COUNT_MATCHED]++;
		total->count[COUNT_SUCCESSES] += y == 1;
		total->sum[0] = dd_plus(total->sum[0], p->mean);
	}
	else
		total->empty |= empty_cause(p);
	PG_RETURN_POINTER(s);
}

/*
 * sipp_virtual_share_combine(internal, internal): two states as one.
 */
Datum
sipp_virtual_share_combine(PG_FUNCTION_ARGS)
{
	return state_combine(fcinfo, &share_kind);
}

/*
 * sipp_virtual_share_serialize(internal): a worker's state for the leader.
 */
Datum
sipp_virtual_share_serialize(PG_FUNCTION_ARGS)
{
	return state_serialize(fcinfo, &share_kind);
}

/*
 * sipp_virtual_share_deserialize(bytea, internal): the inverse.
 */
Datum
sipp_virtual_share_deserialize(PG_FUNCTION_ARGS)
{
	return state_deserialize(fcinfo, &share_kind);
}

/* Probabilities for 0 .. n - 1 in the current context, all zero. */
static double *
pmf_alloc(int64 n)
{
	return huge_zeroed(CurrentMemoryContext, sizeof(double), n);
}

/*
 * Hypergeometric distribution of the successes among n of n + pool pupils, of whom
 * ones succeed, by p(x + 1) / p(x) = (ones - x) (n - x) / ((x + 1) (pool - ones + x + 1)).
 */
static Pmf
pmf_hypergeometric(int64 n, int64 pool, int64 ones)
{
	int64		least = Max(0, ones - pool);
	int64		most = Min(n, ones);
	long double sum = 1;
	long double v = 1;
	int64		mode = (int64) ((long double) (n + 1) * (ones + 1) / ((long double) n + pool + 2));
	int64		lo;
	int64		hi;
	Pmf			d;

	mode = Min(Max(mode, least), most);
	d.buffer = pmf_alloc(most - least + 1);
	d.buffer[mode - least] = 1;
	for (hi = mode; hi < most; hi++)
	{
		v *= (long double) (ones - hi) * (n - hi) / ((long double) (hi + 1) * (pool - ones + hi + 1));
		if (v < NEGLIGIBLE)
			break;
		d.buffer[hi + 1 - least] = (double) v;
		sum += v;
	}
	v = 1;
	for (lo = mode; lo > least; lo--)
	{
		v *= (long double) lo * (pool - ones + lo) / ((long double) (ones - lo + 1) * (n - lo + 1));
		if (v < NEGLIGIBLE)
			break;
		d.buffer[lo - 1 - least] = (double) v;
		sum += v;
	}
	for (int64 x = lo; x <= hi; x++)
		d.buffer[x - least] = (double) (d.buffer[x - least] / sum);
	d.p = d.buffer + (lo - least);
	d.first = lo;
	d.n = hi - lo + 1;
	d.rank = 0;
	return d;
}

/* The distribution of the sum of two; frees both. */
static Pmf
pmf_add(Pmf a, Pmf b)
{
	Pmf			d;
	int64		work = 0;

	if (a.n > b.n)
	{
		Pmf			t = a;

		a = b;
		b = t;
	}
	d.first = a.first + b.first;
	d.n = a.n + b.n - 1;
	d.rank = Max(a.rank, b.rank) + 1;
	d.p = d.buffer = pmf_alloc(d.n);
	for (int64 i = 0; i < a.n; i++)
	{
		const double f = a.p[i];
		double		least = NEGLIGIBLE / f;
		const double *restrict from = b.p;
		double	   *restrict to = d.p + i;
		int64		lo = 0;
		int64		hi = b.n;

		/* below least lie products that underflow, which is slow as well as idle */
		while (lo < hi && from[lo] < least)
			lo++;
		while (hi > lo && from[hi - 1] < least)
			hi--;
		for (int64 j = lo; j < hi; j++)
			to[j] += f * from[j];
		work += b.n;
		if (work > 1000000)
		{
			CHECK_FOR_INTERRUPTS();
			work = 0;
		}
	}
	pfree(a.buffer);
	pfree(b.buffer);
	while (d.n > 1 && d.p[d.n - 1] < NEGLIGIBLE)
		d.n--;
	while (d.n > 1 && d.p[0] < NEGLIGIBLE)
	{
		d.p++;
		d.first++;
		d.n--;
	}
	return d;
}

static Pmf
pmf_copy(Pmf d)
{
	double	   *p = d.p;

	d.p = d.buffer = pmf_alloc(d.n);
	memcpy(d.p, p, sizeof(double) * d.n);
	return d;
}

/* The distribution of the sum of as many as times that are distributed alike; frees it. */
static Pmf
pmf_times(Pmf d, int64 times)
{
	Pmf			sum = {0};

	if (times == 1)
		return d;
	for (;;)
	{
		if (times % 2 != 0)
			sum = sum.buffer == NULL ? pmf_copy(d) : pmf_add(sum, pmf_copy(d));
		times /= 2;
		if (times == 0)
			break;
		d = pmf_add(pmf_copy(d), d);
	}
	pfree(d.buffer);
	return sum;
}

/*
 * The probability of all numbers that are no more probable than x.  An x beyond the
 * distribution is negligible, and its p-value is 0.
 */
static double
pmf_two_sided(const Pmf *d, int64 x)
{
	double		observed = 0;
	Dd			total = {0, 0};
	Dd			extreme = {0, 0};

	if (x >= d->first && x - d->first < d->n)
		observed = d->p[x - d->first];
	for (int64 i = 0; i < d->n; i++)
	{
		total = dd_plus(total, d->p[i]);
		if (d->p[i] <= observed * TIED)
			extreme = dd_plus(extreme, d->p[i]);
	}
	return Min(1, dd_value(extreme) / dd_value(total));
}

/* Small cells first: what is added is of one size then, and the order is one. */
static int
compare_cells(const void *x, const void *y)
{
	const ShareCell *a = x;
	const ShareCell *b = y;

	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	if (a->pool != b->pool)
		return a->pool < b->pool ? -1 : 1;
	if (a->ones != b->ones)
		return a->ones < b->ones ? -1 : 1;
	return a->times < b->times ? -1 : a->times > b->times;
}

/*
 * The classes as cells: see the head of this file.  NULL if there is a class of several
 * cells that cannot be told apart.
 */
static ShareCell *
share_cells(const ShareState *s)
{
	ShareCell  *cells = palloc_huge_array(ShareCell, s->classes.n);

	for (int64 i = 0; i < s->classes.n; i++)
	{
		const ShareClass *c = share_class(s, i);
		const Peers *p = &c->peers;
		int64		times = Max(1, c->rows / p->own);

		if (c->rows > p->own &&
			((p->flags & PEERS_SUCCESSES) == 0 || c->rows != times * p->own ||
			 c->successes != times * (int64) p->successes))
			return NULL;
		cells[i].n = c->rows / times;
		cells[i].pool = p->pool;
		cells[i].ones = (int64) rint((double) p->pool * p->mean) + c->successes / times;
		cells[i].times = times;
	}
	qsort(cells, s->classes.n, sizeof(ShareCell), compare_cells);
	return cells;
}

/*
 * Two-sided p-value of the successes: see the head of this file.  NaN if there are cells
 * that cannot be told apart.
 */
static double
share_p_value(const ShareState *s)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, FUNC, ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	ShareCell  *cells = share_cells(s);
	Pmf			stack[128];		/* ranks fall from the bottom to the top */
	int			depth = 0;
	double		p = NAN;

	for (int64 i = 0; i < s->classes.n && cells != NULL; i++)
	{
		CHECK_FOR_INTERRUPTS();
		stack[depth++] = pmf_times(pmf_hypergeometric(cells[i].n, cells[i].pool, cells[i].ones),
								   cells[i].times);
		while (depth > 1 && stack[depth - 2].rank <= stack[depth - 1].rank)
		{
			stack[depth - 2] = pmf_add(stack[depth - 1], stack[depth - 2]);
			depth--;
		}
	}
	for (; depth > 1; depth--)
		stack[depth - 2] = pmf_add(stack[depth - 1], stack[depth - 2]);

	if (depth > 0)
		p = pmf_two_sided(&stack[0], s->total.count[COUNT_SUCCESSES]);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return p;
}

/* The columns of sipp.share_benchmark */
enum
{
	C_PUPILS, C_MATCHED, C_UNMATCHED, C_ACTUAL, C_VIRTUAL, C_DIFFERENCE, C_SUCCESSES,
	C_EXPECTED, C_P_VALUE, C_DROPPED, C_REASON, C_COLUMNS
};

/*
 * sipp_virtual_share_final(internal): the row of sipp.share_benchmark.
 */
Datum
sipp_virtual_share_final(PG_FUNCTION_ARGS)
{
	const ShareState *s = state_final(fcinfo, &share_kind);
	const PupilState *total = &s->total;
	double		n = (double) total->count[COUNT_MATCHED];
	double		actual = NAN;
	double		virtual = NAN;
	double		p = NAN;
	const char *reason = NULL;
	Datum		values[C_COLUMNS];
	bool		nulls[C_COLUMNS] = {false};

	if (total->count[COUNT_PUPILS] == 0)
		reason = "no pupil has an outcome";
	else if (total->count[COUNT_MATCHED] == 0)
		reason = empty_reason(total->empty);
	else
	{
		actual = (double) total->count[COUNT_SUCCESSES] / n;
		virtual = dd_value(total->sum[0]) / n;
		if (total->units.several)
			reason = "the pupils are of more than one unit: no p-value";
		else if (total->marks & MARK_UNCOUNTED)
			reason = "a pupil with an outcome is not counted in its peers' own: no p-value";
		else if (total->marks & MARK_UNEVEN)
			reason = "the unit's pupils of a cell have pools that overlap in part: no exact p-value";
		else
		{
			p = share_p_value(s);
			if (isnan(p))
				reason = "cells of the same figures cannot be told apart: no exact p-value";
		}
	}

	values[C_PUPILS] = Int64GetDatum(total->count[COUNT_PUPILS]);
	values[C_MATCHED] = Int64GetDatum(total->count[COUNT_MATCHED]);
	values[C_UNMATCHED] = Int64GetDatum(total->count[COUNT_PUPILS] - total->count[COUNT_MATCHED]);
	put_float(values, nulls, C_ACTUAL, actual);
	put_float(values, nulls, C_VIRTUAL, virtual);
	put_float(values, nulls, C_DIFFERENCE, dd_value(dd_sub(dd_make((double) total->count[COUNT_SUCCESSES]), total->sum[0])) / n);
	values[C_SUCCESSES] = Int64GetDatum(total->count[COUNT_SUCCESSES]);
	nulls[C_SUCCESSES] = total->count[COUNT_MATCHED] == 0;
	put_float(values, nulls, C_EXPECTED, total->count[COUNT_MATCHED] > 0 ? dd_value(total->sum[0]) : NAN);
	put_float(values, nulls, C_P_VALUE, p);
	values[C_DROPPED] = Int64GetDatum(total->count[COUNT_DROPPED]);
	put_text(values, nulls, C_REASON, reason);
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), C_COLUMNS, values, nulls));
}
