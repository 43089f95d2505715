/*
 * pools.c
 *		From the sums of each combination of keys to those of its pool: see keys.h.
 *
 * Memory, in the current context and only while it works: 40 bytes for each value of the
 * key where one key matters, up to 350 a combination where several do.
 */
#include "sipp.h"

#include "miscadmin.h"

#include "base/keytable.h"
#include "virtual/keys.h"

/* A table of pairs of numbers, to number the tuples of a set of keys. */
typedef struct PairTable
{
	KeyTable	table;
	int32		(*pair)[2];
	int			n;
	int			room;
	MemoryContext cxt;
} PairTable;

static uint64
pair_hash(void *arg, int number)
{
	return numbers_hash(((PairTable *) arg)->pair[number], 2);
}

/* The number of a pair, a new one if it was not seen before. */
static int
pair_number(PairTable *p, int32 a, int32 b)
{
	int32		pair[2];
	uint64		hash;
	uint32		tag;

	pair[0] = a;
	pair[1] = b;
	hash = numbers_hash(pair, 2);
	tag = (uint32) (hash >> 32);
	if (p->table.slot != NULL)
	{
		KeySlot    *slot;

		for (uint32 i = (uint32) hash & p->table.mask;
			 (slot = &p->table.slot[i])->number != 0;
			 i = (i + 1) & p->table.mask)
		{
			int32	   *seen = p->pair[slot->number - 1];

			if (slot->tag == tag && seen[0] == a && seen[1] == b)
				return slot->number - 1;
		}
	}
	if (p->n == p->room)
	{
		p->room = more_room(p->room);
		p->pair = huge_resized(p->pair, p->cxt, sizeof(int32[2]), p->room);
	}
	table_reserve(&p->table, p->n, p->cxt, pair_hash, p);
	p->pair[p->n][0] = a;
	p->pair[p->n][1] = b;
	table_enter(&p->table, hash, p->n);
	return p->n++;
}

/*
 * Number the combinations by one more key: group (NULL: all are one) numbers them by
 * some keys, refined by these and key k.  Returns how many there are.
 */
static int
refine(const KeySpace *s, const int32 *group, int k, int32 *refined)
{
	PairTable	pairs = {.cxt = CurrentMemoryContext};
	int			n = key_combinations(s);

	for (int c = 0; c < n; c++)
	{
		if ((c & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		refined[c] = group == NULL ? key_value(s, c, k) :
			pair_number(&pairs, group[c], key_value(s, c, k));
	}
	if (group == NULL)
		return key_values(s, k);
	if (pairs.pair != NULL)
	{
		pfree(pairs.pair);
		pfree(pairs.table.slot);
	}
	return pairs.n;
}

/* Numbering by a set of keys: see keys.h. */
int
key_groups(const KeySpace *s, int mask, int32 *group)
{
	int			n = 0;
	bool		begun = false;

	for (int k = 0; k < SIPP_MAX_KEYS; k++)
		if ((mask & (1 << k)) != 0)
		{
			n = refine(s, begun ? group : NULL, k, group);
			begun = true;
		}
	return n;
}

/* Sums that cancel without losing what is left. */
typedef struct WideSums
{
	int64		n;
	Wide		sum;
	Wide		square;
} WideSums;

static inline void
wide_sums_add(WideSums *a, const KeySums *b)
{
	a->n += b->n;
	wide_add_dd(&a->sum, b->sum);
	wide_add_dd(&a->square, b->square);
}

static inline void
wide_sums_add_wide(WideSums *a, const WideSums *b, int sign)
{
	a->n += sign * b->n;
	wide_add_wide(&a->sum, &b->sum, sign);
	wide_add_wide(&a->square, &b->square, sign);
}

static inline KeySums
wide_sums_value(const WideSums *w)
{
	KeySums		r = {0};

	if (w->n > 0)
	{
		r.n = w->n;
		r.sum = wide_value(&w->sum);
		r.square = wide_value(&w->square);
	}
	return r;
}

/*
 * The pools where one key matters: all other groups.  The total is the sum of the very
 * numbers that are taken out of it again, so that a group cancels completely.
 */
static void
pools_of_one_key(const KeySpace *s, KeySums *sums, int k)
{
	int			n = key_combinations(s);
	int			ngroup = key_values(s, k);
	KeySums    *group = huge_zeroed(CurrentMemoryContext, sizeof(KeySums), ngroup);
	WideSums	total = {0};

	for (int c = 0; c < n; c++)
	{
		KeySums    *g = &group[key_value(s, c, k)];

		g->n += sums[c].n;
		g->sum = dd_add(g->sum, sums[c].sum);
		g->square = dd_add(g->square, sums[c].square);
	}
	CHECK_FOR_INTERRUPTS();
	for (int g = 0; g < ngroup; g++)
		wide_sums_add(&total, &group[g]);
	CHECK_FOR_INTERRUPTS();
	for (int g = 0; g < ngroup; g++)
	{
		WideSums	pool = total;

		pool.n -= group[g].n;
		wide_add_dd(&pool.sum, dd_neg(group[g].sum));
		wide_add_dd(&pool.square, dd_neg(group[g].square));
		group[g] = wide_sums_value(&pool);
	}
	for (int c = 0; c < n; c++)
		sums[c] = group[key_value(s, c, k)];
	pfree(group);
}

/*
 * Inclusion-exclusion: those who share no key are all, less those who share one,
 * summed over the keys, plus those who share two, and so on.  This adds the terms of
 * all sets of keys that extend the given one by later keys.
 */
static void
add_sets(const KeySpace *s, const KeySums *sums, WideSums *pool,
		 const int32 *group, int first, int sign)
{
	int			n = key_combinations(s);
	int32	   *refined = NULL;

	for (int k = first; k < SIPP_MAX_KEYS; k++)
	{
		WideSums   *set;

		if ((key_effective(s) & (1 << k)) == 0)
			continue;
		if (refined == NULL)
			refined = huge_zeroed(CurrentMemoryContext, sizeof(int32), n);
		set = huge_zeroed(CurrentMemoryContext, sizeof(WideSums), refine(s, group, k, refined));
		for (int c = 0; c < n; c++)
			wide_sums_add(&set[refined[c]], &sums[c]);
		for (int c = 0; c < n; c++)
		{
			if ((c & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			wide_sums_add_wide(&pool[c], &set[refined[c]], sign);
		}
		pfree(set);
		add_sets(s, sums, pool, refined, k + 1, -sign);
	}
	if (refined != NULL)
		pfree(refined);
}

/* The pools, and how many the unit itself has: see keys.h. */
void
key_pools(const KeySpace *s, KeySums *sums, int64 *own)
{
	int			n = key_combinations(s);
	int64	   *count = huge_zeroed(CurrentMemoryContext, sizeof(int64), key_values(s, 0));
	WideSums   *pool;
	WideSums	total = {0};

	for (int c = 0; c < n; c++)
		count[key_value(s, c, 0)] += sums[c].n;
	for (int c = 0; c < n; c++)
		own[c] = count[key_value(s, c, 0)];
	pfree(count);

	for (int k = 0; k < SIPP_MAX_KEYS; k++)
		if (key_effective(s) == 1 << k)
		{
			pools_of_one_key(s, sums, k);
			return;
		}

	for (int c = 0; c < n; c++)
		wide_sums_add(&total, &sums[c]);
	pool = huge_array(CurrentMemoryContext, sizeof(WideSums), n);
	for (int c = 0; c < n; c++)
		pool[c] = total;
	add_sets(s, sums, pool, NULL, 0, -1);
	for (int c = 0; c < n; c++)
		sums[c] = wide_sums_value(&pool[c]);
	pfree(pool);
}

/* Sums about another shift. */
void
key_sums_rebase(KeySums *s, double from, double to)
{
	Dd			n = dd_make((double) s->n);
	Dd			d = dd_two_sum(from, -to);
	Dd			twice = dd_add(s->sum, s->sum);

	/* sum (y - to)^2 = sum (y - from)^2 + 2 d sum (y - from) + n d^2 */
	s->square = dd_add(s->square, dd_mul(d, dd_add(twice, dd_mul(n, d))));
	s->sum = dd_add(s->sum, dd_mul(n, d));
}

/* Mean and variance: see keys.h. */
void
key_sums_moments(const KeySums *s, double shift, double *mean, double *variance)
{
	double		n = (double) s->n;

	*mean = *variance = NAN;
	if (s->n >= 1)
		*mean = dd_value(dd_add(dd_div(s->sum, n), dd_make(shift)));
	if (s->n >= 2)
	{
		double		m2 = dd_value(dd_sub(s->square, dd_div(dd_mul(s->sum, s->sum), n)));

		/* what n roundings of the squares may have left of equal outcomes is 0 */
		*variance = m2 > s->square.hi * n * 0x1p-103 ? true_variance(m2 / (n - 1), *mean) : 0;
	}
}
