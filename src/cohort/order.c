/*
 * order.c
 *		The declared order of an enum's levels, as far as the pupils show it.
 *
 * An enum's labels have an order but no places: a dump, pg_upgrade and ALTER TYPE
 * ... ADD VALUE number them anew.  So a term keeps which of two levels was
 * declared first, for each pair that one aggregate has seen together: a strict
 * partial order.  It is complete where a single aggregate saw all levels, which
 * is nearly always; then the list of levels says it all (term->before is NULL).
 * The union of {S4 < S6} and {S5} leaves the place of S5 open, and keeps that it
 * does, because a later cohort may bring S4 < S5 or S6 < S5.
 *
 * The union of two orders is the transitive closure of both relations together,
 * so that merging is commutative and associative, and fails only where two
 * levels stand the other way round.  Levels are listed in the canonical order:
 * the topological one that takes the least label, by its bytes, wherever several
 * could come next.
 *
 * Cost with n levels: O(n) where one dictionary holds the other, which is the
 * rule; else O(n^2) and O(n^2 / 64) for each pair of neighbours that is new.
 * Memory n^2 bits, 500 kB at SIPP_MAX_LEVELS.
 */
#include "sipp.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "cohort/algebra.h"

#define MAX_LISTED 20			/* levels in one message */

#define WORDS(n)		(((size_t) (n) + 63) / 64)
#define ROW(t, i)		((t)->before + WORDS((t)->nlevel) * (i))
#define HAS(row, j)		(((row)[(j) / 64] >> ((j) % 64)) & 1)
#define SET(row, j)		((row)[(j) / 64] |= UINT64CONST(1) << ((j) % 64))

/* Index of a level, -1 if absent. */
int
term_find_level(const SippTerm *t, const char *label)
{
	for (int i = 0; i < t->nlevel; i++)
		if (strcmp(t->label[i], label) == 0)
			return i;
	return -1;
}

/* Is level i declared before level j?  False where that is not known. */
bool
order_before(const SippTerm *t, int i, int j)
{
	return t->before == NULL ? i < j : HAS(ROW(t, i), j) != 0;
}

/* Forget the order that the list of levels implies: no pair is ordered. */
void
order_open(SippTerm *t)
{
	t->before = palloc0_array(uint64, (size_t) WORDS(t->nlevel) * t->nlevel);
}

/* State that level i is declared before level j of an order that was opened. */
void
order_set(SippTerm *t, int i, int j)
{
	SET(ROW(t, i), j);
}

/* Take the closure of pairs that all go from an earlier to a later level of the list. */
void
order_close(SippTerm *t)
{
	size_t		words = WORDS(t->nlevel);

	for (int i = t->nlevel - 2; i >= 0; i--)
	{
		CHECK_FOR_INTERRUPTS();
		for (int j = i + 1; j < t->nlevel; j++)
			if (HAS(ROW(t, i), j))
				for (size_t k = 0; k < words; k++)
					ROW(t, i)[k] |= ROW(t, j)[k];
	}
}

/*
 * The immediate successors of level i, those that no third level comes between,
 * as a row of bits.
 */
void
order_cover(const SippTerm *t, int i, uint64 *row)
{
	size_t		words = WORDS(t->nlevel);

	memcpy(row, ROW(t, i), sizeof(uint64) * words);
	for (int j = 0; j < t->nlevel; j++)
		if (HAS(ROW(t, i), j))
			for (size_t k = 0; k < words; k++)
				row[k] &= ~ROW(t, j)[k];
}

/* Allocate a row of bits for order_cover. */
uint64 *
order_row(const SippTerm *t)
{
	return palloc0_array(uint64, WORDS(t->nlevel));
}

bool
order_row_has(const uint64 *row, int j)
{
	return HAS(row, j) != 0;
}

/* qsort_arg comparators of level indexes: by label, by place in the server's order. */
static int
compare_labels(const void *a, const void *b, void *arg)
{
	const SippTerm *t = arg;

	return strcmp(t->label[*(const int *) a], t->label[*(const int *) b]);
}

static int
compare_ranks(const void *a, const void *b, void *arg)
{
	const SippTerm *t = arg;
	double		x = t->rank[*(const int *) a];
	double		y = t->rank[*(const int *) b];

	return x != y ? (x < y ? -1 : 1) : compare_labels(a, b, arg);
}

/*
 * The canonical order of the n levels kept[], into order[].  Returns whether every
 * pair of them is ordered.
 */
static bool
canonical_order(const SippTerm *t, int n, const int *kept, int *order)
{
	int		   *byname;
	int		   *ahead;			/* levels before it that are not listed yet; -1: listed */
	bool		total = true;

	memcpy(order, kept, sizeof(int) * n);
	if (t->rank != NULL)
	{
		qsort_arg(order, n, sizeof(int), compare_ranks, unconstify(SippTerm *, t));
		return true;
	}
	if (t->before == NULL)
		return true;

	byname = palloc_array(int, n);
	ahead = palloc0_array(int, t->nlevel);
	memcpy(byname, kept, sizeof(int) * n);
	qsort_arg(byname, n, sizeof(int), compare_labels, unconstify(SippTerm *, t));
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			ahead[kept[j]] += HAS(ROW(t, kept[i]), kept[j]) ? 1 : 0;
	for (int i = 0; i < n; i++)
	{
		int			next = 0;

		CHECK_FOR_INTERRUPTS();
		while (ahead[byname[next]] != 0)
			next++;
		order[i] = byname[next];
		ahead[order[i]] = -1;
		for (int j = 0; j < n; j++)
			if (HAS(ROW(t, order[i]), kept[j]))
				ahead[kept[j]]--;
		total &= i == 0 || HAS(ROW(t, order[i - 1]), order[i]);
	}
	pfree(byname);
	pfree(ahead);
	return total;
}

/*
 * List the levels in canonical order, into fresh arrays if they are not; where
 * rows is given, without empty levels.  A state's ranks are used up.
 */
void
order_sort(SippTerm *t, const int64 *rows)
{
	SippTerm	was = *t;
	int		   *kept = palloc_array(int, t->nlevel);
	int		   *order = palloc_array(int, t->nlevel);
	bool		total;
	bool		same = true;
	int			n = 0;

	for (int l = 0; l < t->nlevel; l++)
		if (rows == NULL || rows[l] > 0)
			kept[n++] = l;
	total = canonical_order(&was, n, kept, order);
	for (int l = 0; l < n && same; l++)
		same = order[l] == l;
	t->rank = NULL;
	if (total)
		t->before = NULL;
	if (!same || n < was.nlevel)
	{
		t->nlevel = n;
		t->label = palloc_array(char *, n);
		for (int l = 0; l < n; l++)
			t->label[l] = was.label[order[l]];
		if (!total)
		{
			order_open(t);
			for (int i = 0; i < n; i++)
				for (int j = i + 1; j < n; j++)
					if (HAS(ROW(&was, order[i]), order[j]))
						order_set(t, i, j);
		}
	}
	pfree(kept);
	pfree(order);
}

/* Would the above leave the term as it is? */
bool
order_sorted(const SippTerm *t, const int64 *rows)
{
	SippTerm	copy = *t;

	if (rows != NULL)
		for (int l = 0; l < t->nlevel; l++)
			if (rows[l] <= 0)
				return false;
	if (t->rank == NULL && t->before == NULL)
		return true;
	order_sort(&copy, NULL);
	return copy.label == t->label && copy.before == t->before;
}

/* Write levels and their order for messages: A < B < C, or what of it is known. */
static char *
order_to_string(const SippTerm *t)
{
	StringInfoData s;
	uint64	   *row = order_row(t);
	int			listed = 0;

	initStringInfo(&s);
	if (t->before == NULL)
	{
		for (int l = 0; l < Min(t->nlevel, MAX_LISTED); l++)
			appendStringInfo(&s, "%s%s", l > 0 ? " < " : "", t->label[l]);
		if (t->nlevel > MAX_LISTED)
			appendStringInfo(&s, " < ... (%d levels)", t->nlevel);
		return s.data;
	}
	for (int i = 0; i < t->nlevel; i++)
	{
		order_cover(t, i, row);
		for (int j = 0; j < t->nlevel; j++)
			if (HAS(row, j) && listed++ < MAX_LISTED)
				appendStringInfo(&s, "%s%s < %s", listed > 1 ? ", " : "", t->label[i], t->label[j]);
	}
	if (listed > MAX_LISTED)
		appendStringInfoString(&s, ", ...");
	return s.data;
}

/*
 * Report two orders that contradict each other: x is before y in b, and not
 * in a, be it by a alone or by both together.
 */
pg_noreturn static void
order_clash(const SippTerm *a, const SippTerm *b, const char *x, const char *y)
{
	int			ax = term_find_level(a, x);
	int			ay = term_find_level(a, y);
	bool		plain = ax >= 0 && ay >= 0 && order_before(a, ay, ax);

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("term \"%s\" has contradicting orders of its levels in two cohorts", a->name),
			 plain ? errdetail("Level \"%s\" stands before \"%s\" in one (%s), and after it in the other (%s).",
							   y, x, order_to_string(a), order_to_string(b))
			 : errdetail("Taken together, level \"%s\" would stand both before and after \"%s\": one has %s; the other has %s.",
						 y, x, order_to_string(a), order_to_string(b)),
			 errhint("The enum was declared in another order when one of them was made. Make that one again, "
					 "or make both with the labels as text, as in sipp.cohort(outcome, %s::text).",
					 quote_identifier(a->name))));
}

/*
 * Where b's levels stand in a's list: see algebra.h.  Dictionaries are mostly
 * listed alike, so that the next level is the next to look at.
 */
int
order_locate(const SippTerm *a, const SippTerm *b, int *at)
{
	int			missing = 0;
	int			k = 0;

	for (int l = 0; l < b->nlevel; l++)
	{
		int			tries = 0;

		while (tries < a->nlevel && strcmp(a->label[k], b->label[l]) != 0)
		{
			tries++;
			k = k + 1 < a->nlevel ? k + 1 : 0;
		}
		at[l] = tries < a->nlevel ? k : -1;
		missing += at[l] < 0;
	}
	return missing;
}

/* Does a's order hold all that b's says, whose levels stand at at[] in a? */
static bool
order_holds(const SippTerm *a, const SippTerm *b, const int *at)
{
	for (int i = 0; i < b->nlevel; i++)
		for (int j = i + 1; j < (b->before == NULL ? Min(i + 2, b->nlevel) : b->nlevel); j++)
			if (order_before(b, i, j) && !order_before(a, at[i], at[j]))
				return false;
	return true;
}

/*
 * Enter x before y into a closed order: x and all before it come before y and all
 * after it.  False, and nothing done, where y is before x.
 */
static bool
order_enter(SippTerm *t, int x, int y)
{
	size_t		words = WORDS(t->nlevel);
	uint64	   *after = ROW(t, y);

	if (HAS(ROW(t, x), y))
		return true;
	if (HAS(after, x))
		return false;
	for (int i = 0; i < t->nlevel; i++)
		if (i == x || HAS(ROW(t, i), x))
		{
			for (size_t k = 0; k < words; k++)
				ROW(t, i)[k] |= after[k];
			SET(ROW(t, i), y);
		}
	return true;
}

/*
 * The union of two ordered dictionaries into a, which gets fresh arrays if it
 * changes; with copy, labels from b are copied.
 */
void
order_union(SippTerm *a, const SippTerm *b, bool copy)
{
	SippTerm	u = *a;
	int		   *at = palloc_array(int, b->nlevel);
	int			missing = order_locate(a, b, at);

	if (missing == 0 && order_holds(a, b, at))
	{
		/* most often b says nothing new */
		pfree(at);
		return;
	}

	/* a's levels keep their numbers, new ones follow */
	u.nlevel = a->nlevel + missing;
	u.label = palloc_array(char *, u.nlevel);
	order_open(&u);
	for (int i = 0; i < a->nlevel; i++)
		u.label[i] = a->label[i];
	for (int i = 0; i < a->nlevel; i++)
		for (int j = i + 1; j < a->nlevel; j++)
			if (order_before(a, i, j))
				order_set(&u, i, j);
	missing = 0;
	for (int l = 0; l < b->nlevel; l++)
		if (at[l] < 0)
		{
			at[l] = a->nlevel + missing++;
			u.label[at[l]] = copy ? pstrdup(b->label[l]) : b->label[l];
		}
	for (int i = 0; i < b->nlevel; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int j = i + 1; j < (b->before == NULL ? Min(i + 2, b->nlevel) : b->nlevel); j++)
			if (order_before(b, i, j) && !order_enter(&u, at[i], at[j]))
				order_clash(a, b, b->label[i], b->label[j]);
	}
	pfree(at);
	order_sort(&u, NULL);
	*a = u;
}
