/*
 * nearest.c
 *		Nearest schools, by a k-d tree (Friedman, Bentley and Finkel 1977).
 *
 * Each node has a box around its schools, halved along its widest side.  A box
 * is skipped when even its nearest corner is too far.  That bound is summed in the
 * same order as the distance, and each of its terms is the same expression of
 * a difference that is no larger, less what rounding can have done where
 * they are not the very same numbers.  Rounding is monotone, so that the bound is
 * never above any distance computed, not even in the last bit: the search is
 * exact, ties included.
 */
#include "sipp.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "similar/points.h"

#define LEAF_SIZE 16
#define GROUP_MIXED (-2)

/* Left child: the next node. */
typedef struct TreeNode
{
	int			first;
	int			n;
	int			right;			/* 0: a leaf */
	int			least;			/* smallest index of its schools */
	int			group;			/* of all of them, or GROUP_MIXED */
} TreeNode;

struct PointTree
{
	const Points *p;
	const int  *group;			/* NULL: everyone may be everyone's neighbour */
	int			dim;			/* sides of a box: variables, whitened under a Mahalanobis metric;
								 * the profile's position */
	uint64		lacks[POINTS_WORDS];	/* what its schools lack */
	const double *factor;		/* of the unit */
	double		profile_factor;
	double		side_factor[MAX_VARIABLES + 1]; /* 0 where it is lacking */
	double		side_slack[MAX_VARIABLES + 1];
	int		   *school;			/* [n] in the order of the leaves */
	double	   *side;			/* [n][dim] in that order */
	TreeNode   *node;
	int			nnode;
	double	   *box;			/* [nnode][2][dim] lowest, highest */
};

typedef struct Search
{
	const PointTree *tree;
	int			school;
	const double *value;
	const double *cumulative;
	double		side[MAX_VARIABLES + 1];

	/* the tree's factors, or those of what its schools and this one have in common */
	const double *factor;
	const double *side_factor;
	double		profile_factor;
	double		partial[MAX_VARIABLES + 1];
	int			group;			/* that is not looked at; GROUP_MIXED: none */
	int			k;
	int			found;
	Neighbour  *heap;			/* [k] the best so far, the worst of them on top */
	double		limit;			/* no d^2 above it is wanted */
} Search;

/* Order of the schools of a node along its widest side. */
typedef struct SortKey
{
	const double *value;		/* NULL: by index only */
	int			stride;
} SortKey;

/* qsort_arg's comparison along a side of a box; then by index. */
static int
compare_along(const void *a, const void *b, void *arg)
{
	const SortKey *key = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;

	if (key->value)
	{
		double		x = key->value[(size_t) i * key->stride];
		double		y = key->value[(size_t) j * key->stride];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return i < j ? -1 : i > j;
}

/* A side's coordinate of all schools, and the distance from one to the next. */
static const double *
side_values(const PointTree *t, int v, int *stride)
{
	const Points *p = t->p;

	if (v == p->nvar)
	{
		*stride = 1;
		return p->position;
	}
	*stride = p->nvar;
	return (p->whitening ? p->whitened : p->value) + v;
}

/* The node of n schools from first on, and all below it. */
static int
build_node(PointTree *t, int first, int n)
{
	int			at = t->nnode++;
	TreeNode   *node = &t->node[at];
	double	   *lo = t->box + (size_t) at * 2 * t->dim;
	double	   *hi = lo + t->dim;
	double		widest = 0;
	SortKey		key = {NULL, 0};

	CHECK_FOR_INTERRUPTS();
	node->first = first;
	node->n = n;
	node->right = 0;
	node->least = t->school[first];
	node->group = t->group ? t->group[node->least] : GROUP_MIXED;
	for (int r = first + 1; r < first + n; r++)
	{
		node->least = Min(node->least, t->school[r]);
		if (t->group && t->group[t->school[r]] != node->group)
			node->group = GROUP_MIXED;
	}
	for (int v = 0; v < t->dim; v++)
	{
		int			stride;
		const double *value = side_values(t, v, &stride);

		lo[v] = hi[v] = value[(size_t) t->school[first] * stride];
		for (int r = first + 1; r < first + n; r++)
		{
			double		x = value[(size_t) t->school[r] * stride];

			lo[v] = Min(lo[v], x);
			hi[v] = Max(hi[v], x);
		}
		if (t->side_factor[v] * (hi[v] - lo[v]) > widest)
		{
			widest = t->side_factor[v] * (hi[v] - lo[v]);
			key.value = value;
			key.stride = stride;
		}
	}
	if (n > LEAF_SIZE)
	{
		/* schools at one and the same place are parted by index, for ties go by it */
		qsort_arg(t->school + first, n, sizeof(int), compare_along, &key);
		(void) build_node(t, first, n / 2);
		node->right = build_node(t, first + n / 2, n - n / 2);
	}
	return at;
}

PointTree *
points_tree(const Points *p, const int *school, int n, const int *group)
{
	PointTree  *t = palloc0(sizeof(PointTree));
	size_t		dim = p->nvar + (p->nband > 0 ? 1 : 0);

	/* a leaf holds half of LEAF_SIZE at least, or everything */
	int			maxnode = 1 + 2 * (n / (LEAF_SIZE / 2));

	Assert(n >= 1);
	t->p = p;
	t->group = group;
	t->dim = (int) dim;
	t->factor = p->factor + (size_t) p->unit[school[0]] * p->nvar;
	t->profile_factor = p->nband > 0 ? p->profile_factor[school[0]] : 0;
	for (int w = 0; w < POINTS_WORDS; w++)
		t->lacks[w] = lacks_word(p, school[0], w);
	for (int v = 0; v < p->nvar; v++)
	{
		t->side_factor[v] = p->whitening ? 1 : (t->lacks[v / 64] >> (v % 64)) & 1 ? 0 : t->factor[v];
		t->side_slack[v] = p->whitening ? p->slack[v] : 0;
	}
	t->side_factor[p->nvar] = t->profile_factor;
	t->side_slack[p->nvar] = POSITION_SLACK;

	t->school = palloc(sizeof(int) * n);
	memcpy(t->school, school, sizeof(int) * n);
	t->node = palloc(sizeof(TreeNode) * maxnode);
	t->box = MemoryContextAllocHuge(CurrentMemoryContext,
									sizeof(double) * Max(maxnode * 2 * dim, 1));
	(void) build_node(t, 0, n);
	Assert(t->nnode <= maxnode);

	t->side = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n * dim, 1));
	for (int v = 0; v < t->dim; v++)
	{
		int			stride;
		const double *value = side_values(t, v, &stride);

		for (int r = 0; r < n; r++)
			t->side[r * dim + v] = value[(size_t) t->school[r] * stride];
	}
	return t;
}

void
points_tree_free(PointTree *t)
{
	pfree(t->school);
	pfree(t->side);
	pfree(t->node);
	pfree(t->box);
	pfree(t);
}

/* Is a school at that distance a worse neighbour than b? */
static inline bool
is_worse(double distance, int school, const Neighbour *b)
{
	return distance > b->distance || (distance == b->distance && school > b->school);
}

/* qsort's comparison of neighbours. */
static int
compare_neighbours(const void *a, const void *b)
{
	const Neighbour *x = a;
	const Neighbour *y = b;

	return is_worse(x->distance, x->school, y) ? 1 : is_worse(y->distance, y->school, x) ? -1 : 0;
}

/* Keep a neighbour, in place of the worst if there are k. */
static void
search_keep(Search *s, double distance, int school)
{
	Neighbour  *heap = s->heap;
	int			at;

	if (s->found < s->k)
	{
		/* up from a new leaf */
		for (at = s->found++; at > 0; at = (at - 1) / 2)
		{
			Neighbour  *parent = &heap[(at - 1) / 2];

			if (!is_worse(distance, school, parent))
				break;
			heap[at] = *parent;
		}
	}
	else
	{
		/* down from the top */
		for (at = 0; 2 * at + 1 < s->k;)
		{
			int			child = 2 * at + 1;

			if (child + 1 < s->k &&
				is_worse(heap[child + 1].distance, heap[child + 1].school, &heap[child]))
				child++;
			if (is_worse(distance, school, &heap[child]))
				break;
			heap[at] = heap[child];
			at = child;
		}
	}
	heap[at].distance = distance;
	heap[at].school = school;

	/* different d^2 can have one and the same root: leave room for all of them */
	if (s->found == s->k)
		s->limit = square(heap[0].distance) * (1 + 8 * DBL_EPSILON) + DBL_MIN;
}

/* Could a school of this index or a higher one, of this d^2 or more, be kept? */
static inline bool
search_wants(const Search *s, double d2, int school)
{
	return s->found < s->k || (d2 <= s->limit && !is_worse(sqrt(d2), school, &s->heap[0]));
}

/* Lower bound of the square of a scaled difference from x to something in [lo, hi]. */
static inline double
side_bound(double x, double lo, double hi, double slack, double factor)
{
	double		below = lo - x;
	double		above = x - hi;
	double		gap = (below > above ? below : above) - slack;

	return square(factor * (gap > 0 ? gap : 0));
}

/* Lower bound of d^2 of what lies within a box, summed as d^2 is; may stop above limit. */
static inline double
box_bound(const Search *s, const double *lo, const double *hi)
{
	const double *x = s->side;
	const double *slack = s->tree->side_slack;
	const double *factor = s->side_factor;
	int			nvar = s->tree->p->nvar;
	int			v = 0;
	double		sum[4] = {0};
	double		d2;

	for (; v + 4 <= nvar; v += 4)
	{
		for (int j = 0; j < 4; j++)
			sum[j] += side_bound(x[v + j], lo[v + j], hi[v + j], slack[v + j], factor[v + j]);
		if ((sum[0] + sum[1]) + (sum[2] + sum[3]) > s->limit)
			return (sum[0] + sum[1]) + (sum[2] + sum[3]);
	}
	for (int j = 0; v + j < nvar; j++)
		sum[j] += side_bound(x[v + j], lo[v + j], hi[v + j], slack[v + j], factor[v + j]);
	d2 = (sum[0] + sum[1]) + (sum[2] + sum[3]);
	if (s->tree->dim > nvar)
		d2 += side_bound(x[nvar], lo[nvar], hi[nvar], slack[nvar], factor[nvar]);
	return d2;
}

/* May schools of this group be neighbours?  GROUP_MIXED: some of them perhaps. */
static inline bool
group_allowed(const Search *s, int group)
{
	return s->tree->group == NULL || group == GROUP_MIXED || (group >= 0 && group != s->group);
}

/* Look at the schools of a leaf. */
static void
search_leaf(Search *s, const TreeNode *node)
{
	const PointTree *t = s->tree;
	const Points *p = t->p;

	for (int r = node->first; r < node->first + node->n; r++)
	{
		int			j = t->school[r];
		const double *side = t->side + (size_t) r * t->dim;
		double		d2;

		if (j == s->school)
			continue;
		if (t->group && !group_allowed(s, t->group[j]))
			continue;
		if (p->whitening && !search_wants(s, box_bound(s, side, side), j))
			continue;
		d2 = value_distance(p, s->factor, s->value,
							p->whitening ? p->value + (size_t) j * p->nvar : side, s->limit);
		if (!search_wants(s, d2, j))
			continue;
		if (p->nband > 0)
		{
			const double *f = p->cumulative + (size_t) j * (p->nband - 1);
			double		apart = fabs(s->side[p->nvar] - side[p->nvar]);

			if (!search_wants(s, d2 + position_bound(apart, s->profile_factor), j))
				continue;
			d2 += square(s->profile_factor * profile_distance(s->cumulative, f, p->nband));
			if (!search_wants(s, d2, j))
				continue;
		}
		search_keep(s, sqrt(d2), j);
	}
}

/* Lower bound of d^2 of all schools of a node. */
static double
node_bound(const Search *s, int at)
{
	const PointTree *t = s->tree;
	const double *lo = t->box + (size_t) at * 2 * t->dim;

	return box_bound(s, lo, lo + t->dim);
}

/* Look at a node, known to be at least so far away, and all below it. */
static void
search_node(Search *s, int at, double bound)
{
	const TreeNode *node = &s->tree->node[at];
	int			near = at + 1;
	int			far = node->right;
	double		near_bound;
	double		far_bound;

	if (!search_wants(s, bound, node->least) || !group_allowed(s, node->group))
		return;
	if (node->right == 0)
	{
		search_leaf(s, node);
		return;
	}
	near_bound = node_bound(s, near);
	far_bound = node_bound(s, far);
	if (far_bound < near_bound ||
		(far_bound == near_bound && s->tree->node[far].least < s->tree->node[near].least))
	{
		double		d2 = near_bound;

		far = near;
		near = node->right;
		near_bound = far_bound;
		far_bound = d2;
	}
	search_node(s, near, near_bound);
	search_node(s, far, far_bound);
}

/*
 * Turn to a tree; false if its schools have nothing in common with this one.  All of
 * them lack the same, so that one set of factors is theirs.
 */
static bool
search_tree(Search *s, const PointTree *t)
{
	const Points *p = t->p;
	uint64		lacks[POINTS_WORDS];
	bool		partial = false;

	s->tree = t;
	s->factor = t->factor;
	s->side_factor = t->side_factor;
	s->profile_factor = t->profile_factor;
	for (int w = 0; w < POINTS_WORDS; w++)
	{
		lacks[w] = t->lacks[w] | lacks_word(p, s->school, w);
		partial |= lacks[w] != 0;
	}
	if (!partial)
		return true;
	if (!points_factors(p, t->factor, t->profile_factor, lacks, s->partial, &s->profile_factor))
		return false;
	s->partial[p->nvar] = s->profile_factor;
	s->factor = s->side_factor = s->partial;
	return true;
}

int
points_nearest(PointTree *const *tree, int ntree, int i, int k, Neighbour *out)
{
	const PointTree *t = tree[0];
	const Points *p = t->p;
	Search		s;

	CHECK_FOR_INTERRUPTS();
	if (k < 1)
		return 0;
	s.school = i;
	s.value = p->value + (size_t) i * p->nvar;
	s.cumulative = p->nband > 0 ? p->cumulative + (size_t) i * (p->nband - 1) : NULL;
	for (int v = 0; v < t->dim; v++)
	{
		int			stride;

		s.side[v] = side_values(t, v, &stride)[(size_t) i * stride];
	}
	s.group = t->group ? t->group[i] : GROUP_MIXED;
	s.k = k;
	s.found = 0;
	s.heap = out;
	s.limit = INFINITY;
	for (int r = 0; r < ntree; r++)
	{
		CHECK_FOR_INTERRUPTS();
		if (search_tree(&s, tree[r]))
			search_node(&s, 0, 0);
	}
	qsort(out, s.found, sizeof(Neighbour), compare_neighbours);
	return s.found;
}

void
points_tenth(Points *p, double *tenth)
{
	int		   *start;
	int		   *list = points_by_unit(p, &start);
	double	   *d = palloc(sizeof(double) * Max(p->n, 1));

	for (int u = 0; u < p->nunit; u++)
	{
		int		   *school = list + start[u];
		int			n = 0;
		int			k;
		PointTree  *t;

		/* those that lack nothing, from the front */
		for (int r = start[u]; r < start[u + 1]; r++)
			if (!lacks_any(p, list[r]))
				school[n++] = list[r];
		k = Min(SCALE_NEIGHBOUR, n - 1);
		tenth[u] = NAN;
		if (n < 2)
			continue;
		t = points_tree(p, school, n, NULL);
		for (int r = 0; r < n; r++)
		{
			Neighbour	nearest[SCALE_NEIGHBOUR];
			int			found = points_nearest(&t, 1, school[r], k, nearest);

			d[r] = nearest[found - 1].distance;
		}
		points_tree_free(t);
		tenth[u] = scale_percentile(d, n, 0.5);
		for (int r = 0; r < n; r++)
			p->tenth[school[r]] = tenth[u];
	}
	pfree(d);
	pfree(list);
	pfree(start);
}
