/*
 * sorted.c
 *		The candidates of a partition, sorted by score: see sorted.h.
 *
 * With n candidates and e keys that matter, whatever k, scores and ties are: O(2^e log^2 n)
 * steps for a window, O(2^e log n) to count or to add up those who share no key.  Both
 * are inclusion-exclusion over the sets of keys, each with a list of positions by group.
 *
 * Memory, beside 24 bytes a candidate for score, outcome and keys: for the lists 4 (2^e - 1)
 * bytes a candidate and a combination of keys; if there are wide windows, 8 (2^e) bytes a
 * candidate for the sums of blocks, which are wide themselves (dd.h) so that a pool loses
 * nothing to those that are taken out.
 */
#include "sipp.h"

#include "miscadmin.h"

#include "virtual/sorted.h"

/* A window of more positions is wide: it is reckoned up, not walked through. */
#define NEAR 64

/* Every so many entries of a list the sums of all before it are kept. */
#define BLOCK 16

typedef struct SortedBlock
{
	Wide		sum;
	Wide		square;
} SortedBlock;

/* The values of a combination's keys that matter; of the others one that fits nobody. */
static inline void
get_keys(const Sorted *s, int combination, int32 nobody, int32 *key)
{
	for (int k = 0; k < SORTED_KEYS; k++)
		key[k] = (s->effective & (1 << k)) != 0 ? key_value(s->keys, combination, k) : nobody;
}

StaticAssertDecl(SORTED_KEYS == 2, "both keys are compared");

/* Does a position share a key that matters? */
static inline bool
shares(const Sorted *s, int position, const int32 *key)
{
	return s->key[position][0] == key[0] || s->key[position][1] == key[1];
}

/* Group the candidates by a set of keys. */
static void
make_members(Sorted *s, int set, const int32 *combination, MemoryContext cxt)
{
	SortedMembers *m = &s->set[set];
	int			ngroup;

	m->group = huge_array(cxt, sizeof(int32), key_combinations(s->keys));
	ngroup = key_groups(s->keys, set, m->group);
	m->start = huge_zeroed(cxt, sizeof(int32), (int64) ngroup + 2);
	m->at = huge_array(cxt, sizeof(int32), s->n);

	/* while filling, start[g + 1] runs from group g's first entry to its end */
	for (int p = 0; p < s->n; p++)
		m->start[m->group[combination[p]] + 2]++;
	for (int g = 2; g <= ngroup + 1; g++)
		m->start[g] += m->start[g - 1];
	for (int p = 0; p < s->n; p++)
		m->at[m->start[m->group[combination[p]] + 1]++] = p;
	CHECK_FOR_INTERRUPTS();
}

/* What the candidates need to be looked up: see sorted.h. */
void
sorted_finish(Sorted *s, const int32 *combination, MemoryContext cxt)
{
	s->effective = key_effective(s->keys);
	s->key = huge_array(cxt, sizeof(int32[SORTED_KEYS]), s->n);
	for (int p = 0; p < s->n; p++)
		get_keys(s, combination[p], -1, s->key[p]);
	s->shift = key_shift(s->outcome, s->n);
	memset(s->set, 0, sizeof(s->set));
	for (int set = s->effective; set != 0; set = (set - 1) & s->effective)
		make_members(s, set, combination, cxt);
}

/* How many of n sorted numbers are below a bound. */
static inline int
below(const int32 *sorted, int n, int32 bound)
{
	int			lo = 0;

	while (n > 0)
	{
		int			half = n / 2;

		if (sorted[lo + half] < bound)
		{
			lo += half + 1;
			n -= half + 1;
		}
		else
			n = half;
	}
	return lo;
}

/* How many members of a combination's group come before a position. */
static inline int
members_before(const SortedMembers *m, int combination, int32 position)
{
	int			group = m->group[combination];

	return below(m->at + m->start[group], m->start[group + 1] - m->start[group], position);
}

/* The entry of a set's list where a combination's members from a position on begin. */
static inline int
entry(const SortedMembers *m, int combination, int32 position)
{
	if (m->at == NULL)
		return position;
	return m->start[m->group[combination]] + members_before(m, combination, position);
}

/* The sign of a set of keys in inclusion-exclusion. */
static inline int
set_sign(int set)
{
	int			sign = 1;

	for (; set != 0; set &= set - 1)
		sign = -sign;
	return sign;
}

/* How many share none of some keys: see sorted.h. */
int
sorted_eligible(const Sorted *s, int mask, int combination, int32 position)
{
	int			n = position;

	for (int set = mask; set != 0; set = (set - 1) & mask)
		n += set_sign(set) * members_before(&s->set[set], combination, position);
	return n;
}

/* How many from left on and before right share none of the keys that matter. */
static int
eligible_between(const Sorted *s, int combination, int32 left, int32 right)
{
	return sorted_eligible(s, s->effective, combination, right) -
		sorted_eligible(s, s->effective, combination, left);
}

/*
 * The first position of [lo, hi) within a distance of x, scores being at most x: found by
 * steps from hi that double, as windows are mostly small.
 */
static int
left_end(const Sorted *s, double x, double distance, int lo, int hi)
{
	int64		step = 1;
	int			within = hi;

	while (within - step >= lo && fabs(x - s->score[within - step]) <= distance)
	{
		within -= step;
		step *= 2;
	}
	lo = (int) Max(lo, within - step);
	while (lo < within)
	{
		int			mid = lo + (within - lo) / 2;

		if (fabs(x - s->score[mid]) <= distance)
			within = mid;
		else
			lo = mid + 1;
	}
	return within;
}

/* The end of those of [lo, hi) within a distance of x, scores being at least x. */
static int
right_end(const Sorted *s, double x, double distance, int lo, int hi)
{
	int64		step = 1;
	int			end = lo;

	while (end + step <= hi && fabs(x - s->score[end + step - 1]) <= distance)
	{
		end += step;
		step *= 2;
	}
	hi = (int) Min(hi, end + step - 1);
	while (end < hi)
	{
		int			mid = end + (hi - end) / 2;

		if (fabs(x - s->score[mid]) <= distance)
			end = mid + 1;
		else
			hi = mid;
	}
	return end;
}

/* A search for the k-th nearest. */
typedef struct Search
{
	const Sorted *s;
	double		x;
	int			pos;			/* see sorted_window */
	int			k;
	double		limit;
	int			combination;
	int32		key[SORTED_KEYS];
} Search;

/*
 * Walk from pos to both sides until k who share no key are met, or the limit or the
 * ends.  True if that settled the distance, false if it takes too many steps.
 */
static bool
walk(const Search *q, double *distance)
{
	const double *score = q->s->score;
	int			n = q->s->n;
	int			l = q->pos - 1;
	int			r = q->pos;
	int			met = 0;
	int			steps = 0;

	if (q->k > 4 * NEAR)
		return false;
	while (met < q->k)
	{
		double		left = l >= 0 ? fabs(q->x - score[l]) : 0;
		double		right = r < n ? fabs(score[r] - q->x) : 0;
		bool		is_left = l >= 0 && (r >= n || left <= right);

		*distance = is_left ? left : right;
		if ((l < 0 && r >= n) || *distance > q->limit)
		{
			*distance = q->limit;
			return true;
		}
		if (++steps > 2 * q->k + NEAR)
			return false;
		if (!shares(q->s, is_left ? l-- : r++, q->key))
			met++;
	}
	return true;
}

/* Do k candidates of the window [lo, hi) within a distance share no key? */
static bool
enough(const Search *q, double distance, int lo, int hi)
{
	int			left = left_end(q->s, q->x, distance, lo, q->pos);
	int			right = right_end(q->s, q->x, distance, q->pos, hi);

	return right - left >= q->k &&
		eligible_between(q->s, q->combination, left, right) >= q->k;
}

/*
 * The distance of the k-th nearest of the window [lo, hi), which has more than k: the
 * smallest that is enough, among those after pos and those before it.
 */
static double
kth_distance(const Search *q, int lo, int hi)
{
	const double *score = q->s->score;
	double		distance = INFINITY;
	int			a = q->pos;
	int			b = hi;

	while (a < b)
	{
		int			mid = a + (b - a) / 2;

		if (enough(q, fabs(score[mid] - q->x), lo, hi))
			b = mid;
		else
			a = mid + 1;
	}
	if (a < hi)
		distance = fabs(score[a] - q->x);

	a = lo;
	b = q->pos;
	while (a < b)
	{
		int			mid = a + (b - a) / 2;

		if (enough(q, fabs(q->x - score[mid]), lo, hi))
			a = mid + 1;
		else
			b = mid;
	}
	if (a > lo)
		distance = Min(distance, fabs(q->x - score[a - 1]));
	return distance;
}

bool
sorted_is_wide(const SortedRow *row)
{
	return row->right - row->left > NEAR;
}

/* The window of the k nearest: see sorted.h. */
void
sorted_window(const Sorted *s, double score, int pos, int k, double limit,
			  SortedRow *row)
{
	Search		q = {s, score, pos, k, limit, row->combination, {0}};
	double		distance = limit;

	get_keys(s, row->combination, -2, q.key);
	if (!walk(&q, &distance))
	{
		int			lo = left_end(s, score, limit, 0, pos);
		int			hi = right_end(s, score, limit, pos, s->n);

		distance = limit;
		if (eligible_between(s, row->combination, lo, hi) > k)
			distance = kth_distance(&q, lo, hi);
	}
	if (distance < limit)
		distance = Min(limit, distance + s->precision * fabs(score) + s->precision * distance);
	row->left = left_end(s, score, distance, 0, pos);
	row->right = right_end(s, score, distance, pos, s->n);

	if (sorted_is_wide(row))
		row->pool = eligible_between(s, row->combination, row->left, row->right);
	else
	{
		row->pool = 0;
		for (int p = row->left; p < row->right; p++)
			if (!shares(s, p, q.key))
				row->pool++;
	}
}

/* Add or take away the outcomes of entries [lo, hi) of a list, one by one. */
static void
add_entries(const Sorted *s, const SortedMembers *m, int lo, int hi, int sign,
			SortedBlock *sums)
{
	for (int i = lo; i < hi; i++)
	{
		Dd			d = dd_two_sum(s->outcome[m->at == NULL ? i : m->at[i]], -s->shift);
		Dd			square = dd_mul(d, d);

		wide_add_dd(&sums->sum, sign > 0 ? d : dd_neg(d));
		wide_add_dd(&sums->square, sign > 0 ? square : dd_neg(square));
	}
}

/* The same, by blocks. */
static void
add_range(const Sorted *s, const SortedMembers *m, int lo, int hi, int sign,
		  SortedBlock *sums)
{
	int			first = lo / BLOCK + 1;
	int			last = hi / BLOCK;

	if (first >= last)
	{
		add_entries(s, m, lo, hi, sign, sums);
		return;
	}
	add_entries(s, m, lo, first * BLOCK, sign, sums);
	wide_add_wide(&sums->sum, &m->block[last].sum, sign);
	wide_add_wide(&sums->sum, &m->block[first].sum, -sign);
	wide_add_wide(&sums->square, &m->block[last].square, sign);
	wide_add_wide(&sums->square, &m->block[first].square, -sign);
	add_entries(s, m, last * BLOCK, hi, sign, sums);
}

/* The sums before each block of each list: see sorted.h. */
void
sorted_prepare(Sorted *s, MemoryContext cxt)
{
	for (int set = s->effective;; set = (set - 1) & s->effective)
	{
		SortedMembers *m = &s->set[set];
		SortedBlock sums;

		memset(&sums, 0, sizeof(sums));
		m->block = huge_array(cxt, sizeof(SortedBlock), s->n / BLOCK + 1);
		for (int b = 0; b <= s->n / BLOCK; b++)
		{
			if ((b & 0xfff) == 0)
				CHECK_FOR_INTERRUPTS();
			m->block[b] = sums;
			add_entries(s, m, b * BLOCK, (int) Min((b + 1) * (int64) BLOCK, s->n), 1, &sums);
		}
		if (set == 0)
			break;
	}
}

/* Mean and variance of the row's pool: see sorted.h. */
void
sorted_moments(const Sorted *s, SortedRow *row)
{
	KeySums		sums = {0};

	if (sorted_is_wide(row))
	{
		SortedBlock wide;

		memset(&wide, 0, sizeof(wide));
		for (int set = s->effective;; set = (set - 1) & s->effective)
		{
			const SortedMembers *m = &s->set[set];

			add_range(s, m, entry(m, row->combination, row->left),
					  entry(m, row->combination, row->right), set_sign(set), &wide);
			if (set == 0)
				break;
		}
		sums.n = row->pool;
		sums.sum = wide_value(&wide.sum);
		sums.square = wide_value(&wide.square);
	}
	else
	{
		int32		key[SORTED_KEYS];

		get_keys(s, row->combination, -2, key);
		for (int p = row->left; p < row->right; p++)
			if (!shares(s, p, key))
				key_sums_add(&sums, s->outcome[p], s->shift);
	}
	key_sums_moments(&sums, s->shift, &row->mean, &row->variance);
}
