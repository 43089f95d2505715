/*
 * assign_search.c
 *		Shortest augmenting paths over the candidate pairs.
 *
 * The problem is symmetric: a place may stay empty once u_i has risen to M, room
 * with a lead may stay free once v_j has risen to 0.  So a search starts from a
 * pending node of either side and raises its price until a unit of its room is
 * filled or may stay.  With reduced costs r = c_ij - u_i - v_j, which are >= 0
 * outside the plan and <= 0 in it, the distance from the source grows by r from
 * a node of the source's side to one of the other, and by -r along a pair of
 * the plan back: Dijkstra's algorithm.
 *
 * Source: Edmonds and Karp (1972), J. ACM 19(2), 248-264 (prices that leave no
 * reduced cost negative); Jonker and Volgenant (1987), Computing 38, 325-340
 * (stop at the first end found, change the prices of settled nodes only).
 */
#include "assign_internal.h"

/* Put an item into the heap at a hole, or above it. */
static void
heap_up(AssignWork *w, int hole, AssignHeapItem item)
{
	while (hole > 0)
	{
		int			up = (hole - 1) / 2;

		if (w->heap[up].key <= item.key)
			break;
		w->heap[hole] = w->heap[up];
		w->node[w->heap[hole].node].slot = hole;
		hole = up;
	}
	w->heap[hole] = item;
	w->node[item.node].slot = hole;
}

/* Take a nearest node out of the heap. */
static int
heap_pop(AssignWork *w)
{
	int			nearest = w->heap[0].node;
	AssignHeapItem last = w->heap[--w->nheap];
	int			hole = 0;

	w->node[nearest].slot = -1;
	if (w->nheap == 0)
		return nearest;
	for (;;)
	{
		int			down = 2 * hole + 1;

		if (down >= w->nheap)
			break;
		if (down + 1 < w->nheap && w->heap[down + 1].key < w->heap[down].key)
			down++;
		if (w->heap[down].key >= last.key)
			break;
		w->heap[hole] = w->heap[down];
		w->node[w->heap[hole].node].slot = hole;
		hole = down;
	}
	w->heap[hole] = last;
	w->node[last.node].slot = hole;
	return nearest;
}

/* A node can be reached at a smaller distance than was known. */
static void
note_reached(AssignWork *w, int node, int64_t dist, int parent)
{
	if (w->node[node].dist == ASSIGN_NONE)
		w->reached[w->nreached++] = node;
	w->node[node].dist = dist;
	w->node[node].parent = parent;
}

/*
 * The same for a node that is to be settled.  At the present distance it need
 * not go through the heap: with many equal costs hardly any does.
 */
static void
queue_node(AssignWork *w, int node, int64_t dist, int parent, int64_t present)
{
	note_reached(w, node, dist, parent);
	if (w->node[node].slot >= 0)
		heap_up(w, w->node[node].slot, (AssignHeapItem) {dist, node});
	else if (dist == present)
		w->ready[w->nready++] = node;
	else
		heap_up(w, w->nheap++, (AssignHeapItem) {dist, node});
}

/* The price of a lead has risen: to the front of the list of such leads. */
static void
note_raised(AssignWork *w, int lead)
{
	w->raised_at[lead] = w->clock;
	if (w->latest == lead)
		return;
	if (w->newer[lead] >= 0)
	{
		w->older[w->newer[lead]] = w->older[lead];
		if (w->older[lead] >= 0)
			w->newer[w->older[lead]] = w->newer[lead];
	}
	if (w->latest >= 0)
		w->newer[w->latest] = lead;
	w->older[lead] = w->latest;
	w->newer[lead] = -1;
	w->latest = lead;
}

/* Take a pair out of the plan; the room of its nodes is left to the caller. */
void
assign_unlink(AssignWork *w, int e)
{
	for (int side = 0; side < 2; side++)
	{
		int		   *at = &w->node[w->edge[e].node[side]].mate;

		while (*at != e)
		{
			at = &w->edge[*at].link[side];
			assign_tick(&w->memory, 1);
		}
		*at = w->edge[e].link[side];
		w->edge[e].link[side] = ASSIGN_UNUSED;
	}
}

/* Put a pair into the plan; the room of its nodes is left to the caller. */
void
assign_link(AssignWork *w, int e)
{
	for (int side = 0; side < 2; side++)
	{
		AssignNode *node = &w->node[w->edge[e].node[side]];

		w->edge[e].link[side] = node->mate;
		node->mate = e;
	}
}

/*
 * Change the plan along the path from the source to its end: a node of the other
 * side that has room, or one of the source's side that gives a unit up.
 */
static void
augment(AssignWork *w, int source, int end)
{
	int			side = assign_side(w, source);
	int			node = end;

	if (end == source)
		return;
	w->node[source].room--;
	w->node[end].room += assign_side(w, end) == side ? 1 : -1;
	while (node != source)
	{
		int			e = w->node[node].parent;

		if (assign_side(w, node) == side)
		{
			assign_unlink(w, e);
			node = w->edge[e].node[!side];
		}
		else
		{
			assign_link(w, e);
			node = w->edge[e].node[side];
		}
	}
}

/* Raise the source's side and lower the other by what is left of the distance. */
static void
change_prices(AssignWork *w, int side, int64_t length)
{
	if (side == 1)
		w->clock++;
	for (int k = 0; k < w->nsettled; k++)
	{
		int			node = w->settled[k];
		int64_t		rise = length - w->node[node].dist;

		assign_tick(&w->memory, 1);
		if (rise <= 0)
			continue;
		if (assign_side(w, node) != side)
			w->node[node].price -= rise;
		else
		{
			w->node[node].price += rise;
			if (side == 1)
				note_raised(w, node - w->np);
		}
	}
}

/* Sort the candidates by lead. */
static void
build_columns(AssignWork *w)
{
	int			nl = w->nnode - w->np;
	int		   *start = w->column_start;

	for (int j = 0; j <= nl; j++)
		start[j] = 0;
	for (int e = 0; e < w->nedge; e++)
	{
		start[w->edge[e].node[1] - w->np]++;
		assign_tick(&w->memory, 1);
	}
	for (int j = 1; j <= nl; j++)
		start[j] += start[j - 1];
	for (int e = w->nedge - 1; e >= 0; e--)
	{
		w->column[--start[w->edge[e].node[1] - w->np]] = e;
		assign_tick(&w->memory, 1);
	}
	w->ncolumn = w->nedge;
}

/* Where a search stands. */
typedef struct Search
{
	int			side;			/* the source's */
	int			end;			/* the best end found, and the distance to it */
	int64_t		length;
	int64_t		present;		/* the distance of the node being settled */
} Search;

/* Go along a candidate from a settled node of the source's side. */
static inline void
go_along(AssignWork *w, Search *s, int e, int64_t base)
{
	const AssignEdge *edge = &w->edge[e];
	int			other = edge->node[!s->side];
	const AssignNode *node = &w->node[other];
	int64_t		dist = base + edge->cost - node->price;

	if (dist >= s->length || dist >= node->dist || edge->link[0] != ASSIGN_UNUSED)
		return;
	if (node->room > 0)
	{
		note_reached(w, other, dist, e);
		s->length = dist;
		s->end = other;
	}
	else
		queue_node(w, other, dist, e, s->present);
}

/*
 * Settle a node of the source's side: it may give up a unit at its bound, or
 * take another pair.
 */
static void
settle_near(AssignWork *w, Search *s, int k)
{
	const AssignNode *node = &w->node[k];
	int64_t		base = s->present - node->price;
	int			newer = s->side == 1 ? w->ncolumn : 0;

	if (base + w->bound[k] < s->length)
	{
		s->length = base + w->bound[k];
		s->end = k;
	}
	for (int e = node->head; e >= newer; e = w->edge[e].next[s->side])
	{
		go_along(w, s, e, base);
		assign_tick(&w->memory, 1);
	}
	if (newer > 0)
	{
		const int  *start = w->column_start + (k - w->np);

		for (int at = start[0]; at < start[1]; at++)
			go_along(w, s, w->column[at], base);
		assign_tick(&w->memory, start[1] - start[0]);
	}
}

/* Settle a node of the other side: any of its pairs in the plan may be given up. */
static void
settle_far(AssignWork *w, Search *s, int k)
{
	int64_t		base = s->present + w->node[k].price;

	for (int e = w->node[k].mate; e >= 0; e = w->edge[e].link[!s->side])
	{
		int			other = w->edge[e].node[s->side];
		int64_t		dist = base + w->node[other].price - w->edge[e].cost;

		if (dist < s->length && dist < w->node[other].dist)
			queue_node(w, other, dist, e, s->present);
		assign_tick(&w->memory, 1);
	}
}

/*
 * Fill a unit of the source's room along the shortest path, or raise the
 * source's price to its bound.  Of ends at the same distance the first one found
 * is taken.
 */
void
assign_search(AssignWork *w, int source)
{
	Search		s = {assign_side(w, source), source, ASSIGN_NONE, 0};

	if (s.side == 1 && w->nedge / 4 >= w->ncolumn / 4 + w->ncolumn / 16 + 1)
		build_columns(w);
	w->nreached = w->nsettled = w->nready = w->nheap = 0;
	queue_node(w, source, 0, -1, 0);
	while (w->nready > 0 || w->nheap > 0)
	{
		int			k;

		if (w->nready > 0)
			k = w->ready[--w->nready];
		else
		{
			k = heap_pop(w);
			s.present = w->node[k].dist;
		}
		if (s.present >= s.length)
			break;
		w->settled[w->nsettled++] = k;
		if (assign_side(w, k) == s.side)
			settle_near(w, &s, k);
		else
			settle_far(w, &s, k);
		assign_tick(&w->memory, 4);
	}
	change_prices(w, s.side, s.length);
	augment(w, source, s.end);
	w->stats.searches++;
	w->stats.settled += w->nsettled;
	for (int k = 0; k < w->nreached; k++)
	{
		AssignNode *node = &w->node[w->reached[k]];

		node->dist = ASSIGN_NONE;
		node->slot = -1;
		assign_tick(&w->memory, 1);
	}
}
