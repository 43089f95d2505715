/*
 * assign_solve.c
 *		The cheapest plan: candidates, searches, pricing of all other pairs.
 *
 * The searches know a few candidates of each partner, chosen when its turn comes
 * and by the prices of that moment.  When all places are dealt with, the other
 * pairs are priced: one that is cheaper than its two prices becomes a candidate,
 * and its partner chooses anew.  When none is left, no plan over any pairs is
 * cheaper, and the prices prove it.
 *
 * What is priced once stays priced: the least c_ij - v_j of a partner's other
 * pairs is a floor under them, and only if u_i has risen above it, or some v_j
 * have risen since, need they, or the pairs with these leads, be looked at again.
 *
 * Source: Volgenant (1996), Comput. Oper. Res. 23(10), 917-932 (a core of
 * candidates, and pricing of the others).
 */
#include "assign_internal.h"

#include <limits.h>
#include <string.h>

#define DEFAULT_CANDIDATES 10

/* The price of a lead without capacity, which takes no part. */
#define CLOSED (-2 * ASSIGN_MAX_UNPAIRED)

/*
 * Order among equal keys: another one for each partner, or partners with equal
 * costs would all be candidates for the same few leads.
 */
static uint32_t
scatter(int i, int j)
{
	uint32_t	x = (uint32_t) i * 0x9E3779B1u + (uint32_t) j;

	x = (x ^ (x >> 16)) * 0x7FEB352Du;
	x = (x ^ (x >> 15)) * 0x846CA68Bu;
	return x ^ (x >> 16);
}

/* Make room for more candidates. */
static bool
more_edges(AssignWork *w)
{
	int			max = w->maxedge < INT_MAX / 2 ? w->maxedge + w->maxedge / 2 : INT_MAX;
	AssignEdge *edge = NULL;
	int		   *column = NULL;

	if (w->nedge < max)
	{
		assign_give(&w->memory, w->column);
		column = assign_take(&w->memory, (size_t) max, sizeof(int));
		edge = assign_take(&w->memory, (size_t) max, sizeof(AssignEdge));
	}
	if (!edge)
	{
		w->status = ASSIGN_NO_MEMORY;
		return false;
	}
	memcpy(edge, w->edge, (size_t) w->nedge * sizeof(AssignEdge));
	assign_give(&w->memory, w->edge);
	w->edge = edge;
	w->column = column;
	w->maxedge = max;
	w->ncolumn = 0;
	return true;
}

/* Add a candidate, which will be the first of its partner's. */
static bool
add_candidate(AssignWork *w, int i, const AssignPick *pick)
{
	AssignEdge *edge;

	if (w->nedge == w->maxedge && !more_edges(w))
		return false;
	edge = &w->edge[w->nedge];
	edge->cost = pick->cost;
	edge->node[0] = i;
	edge->node[1] = w->np + pick->lead;
	for (int side = 0; side < 2; side++)
	{
		AssignNode *node = &w->node[edge->node[side]];

		edge->link[side] = ASSIGN_UNUSED;
		edge->next[side] = node->head;
		node->head = w->nedge;
	}
	w->nedge++;
	return true;
}

/*
 * Of a partner's pairs in row that are no candidates, are cheaper than M (or an
 * empty place and free room together) and have a key c_ij - v_j below the
 * ceiling, make candidates of the max best, and of the max_open best of leads
 * with room.  Ends with the floor that this leaves;
 * the return value is the least key added, or ASSIGN_NONE.
 */
static int64_t
add_candidates(AssignWork *w, int i, const AssignRow *row, int64_t ceiling, int max, int max_open)
{
	const AssignProblem *prob = w->prob;
	const AssignNode *lead = w->node + w->np;
	int64_t		M = w->bound[i] + w->most_free;

	for (int e = w->node[i].head; e >= 0; e = w->edge[e].next[0])
		w->known[w->edge[e].node[1] - w->np] = i;
	w->near.n = w->open.n = 0;
	w->near.max = max;
	w->open.max = max_open;
	for (int k = 0; k < row->n; k++)
	{
		int			j = assign_row_lead(row, k);
		int64_t		v = lead[j].price;
		int64_t		key = w->near.n < max ? ceiling - 1 : w->near.pick[0].key;
		int64_t		limit;
		int64_t		c;
		bool		open = max_open > 0 && lead[j].room > 0;
		AssignPick	pick;

		if (v == CLOSED)
			continue;

		/* the greatest key that is of interest: equal ones compete by tie */
		if (open && w->open.n < max_open)
			key = ceiling - 1;
		else if (open && w->open.pick[0].key > key)
			key = w->open.pick[0].key;
		limit = key < M - v ? key + v + 1 : M;
		c = assign_row_cost(prob, row, i, k, j, limit);
		assign_tick(&w->memory, 1);
		if (c >= limit || w->known[j] == i)
			continue;
		if (!assign_cost_valid(c))
		{
			w->status = ASSIGN_BAD_COST;
			return ASSIGN_NONE;
		}
		pick.key = c - v;
		pick.cost = c;
		pick.lead = j;
		pick.tie = scatter(i, j);
		assign_offer(&w->near, &pick);
		if (open)
			assign_offer(&w->open, &pick);
	}
	w->stats.priced += row->n;

	/* the best last, so that searches see them first, whatever the row's order */
	assign_sort_picks(&w->memory, &w->near);
	assign_sort_picks(&w->memory, &w->open);
	for (int k = w->open.n - 1; k >= 0 && w->near.n == max; k--)
		if (assign_pick_less(&w->near.pick[max - 1], &w->open.pick[k]) &&
			!add_candidate(w, i, &w->open.pick[k]))
			return ASSIGN_NONE;
	for (int k = w->near.n - 1; k >= 0; k--)
		if (!add_candidate(w, i, &w->near.pick[k]))
			return ASSIGN_NONE;
	w->floor[i] = w->near.n == max ? w->near.pick[max - 1].key : ceiling;
	w->floor_at[i] = w->clock;
	return w->near.n > 0 ? w->near.pick[0].key : ASSIGN_NONE;
}

/* All pairs of a partner that can be in a plan. */
static AssignRow
whole_row(const AssignWork *w, int i)
{
	AssignRow	row = assign_row(w->prob, i);

	if (!row.cost)
	{
		row.lead = w->active;
		row.n = w->nactive;
	}
	return row;
}

/* Choose candidates of a partner for the first time, and the price that they allow. */
static void
first_candidates(AssignWork *w, int i)
{
	int			places = assign_places(w->prob, i);
	int			max = w->ncandidate + places - 1;
	AssignRow	row = whole_row(w, i);
	int64_t		least;

	if (places == 0)
	{
		w->floor[i] = ASSIGN_NONE;
		return;
	}
	if (max > row.n)
		max = row.n > 0 ? row.n : 1;
	least = add_candidates(w, i, &row, ASSIGN_NONE, max, (max + 2) / 3);
	if (least < w->node[i].price)
		w->node[i].price = least;
}

/* Fill what room a node has left, unless it may stay. */
static void
fill_room(AssignWork *w, int node)
{
	while (w->status == ASSIGN_OK && assign_pending(w, node))
		assign_search(w, node);
}

/*
 * Candidates of a partner, while all prices of leads are 0; those that start in
 * the plan stay there if the partner would not rather have another.
 */
static void
first_kept(AssignWork *w, int i)
{
	const AssignProblem *prob = w->prob;
	int			kept;

	for (int64_t k = prob->row_start[i]; k < prob->row_start[i + 1]; k++)
	{
		AssignPick	pick = {0, prob->row_cost[k], prob->row_lead[k], 0};

		if (prob->row_in && prob->row_in[k] && w->node[w->np + pick.lead].room > 0 &&
			!add_candidate(w, i, &pick))
			return;
	}
	kept = w->node[i].head;
	first_candidates(w, i);
	if (w->status != ASSIGN_OK)
		return;
	for (int e = kept; e >= 0; e = w->edge[e].next[0])
		if (w->edge[e].cost <= w->node[i].price)
		{
			assign_link(w, e);
			w->node[i].room--;
			w->node[w->edge[e].node[1]].room--;
		}
}

/* A first plan over the candidates. */
static void
first_plan(AssignWork *w)
{
	if (!w->prob->warm)
	{
		for (int i = 0; i < w->np && w->status == ASSIGN_OK; i++)
		{
			first_candidates(w, i);
			fill_room(w, i);
		}
		return;
	}
	for (int i = 0; i < w->np && w->status == ASSIGN_OK; i++)
		first_kept(w, i);
	for (int k = 0; k < w->nnode; k++)
		fill_room(w, k);
}

/*
 * A partner's candidates now include pairs cheaper than their prices: lower u_i
 * to the least of them, take away what the partner would no longer pay for, and
 * fill its places again, and then the room that this may have left with leads.
 */
static void
choose_again(AssignWork *w, int i, int64_t least)
{
	int			ndropped = 0;

	w->node[i].price = least;
	for (int e = w->node[i].mate; e >= 0;)
	{
		int			next = w->edge[e].link[0];
		int			lead = w->edge[e].node[1];

		if (w->edge[e].cost - w->node[lead].price > least)
		{
			assign_unlink(w, e);
			w->node[i].room++;
			w->node[lead].room++;
			w->dropped[ndropped++] = lead;
		}
		e = next;
	}
	fill_room(w, i);
	for (int k = 0; k < ndropped; k++)
		fill_room(w, w->dropped[k]);
	w->stats.repairs++;
}

/* Price a partner's other pairs; true if prices or plan had to change. */
static bool
price_partner(AssignWork *w, int i)
{
	AssignRow	row;
	int			max = (w->ncandidate + 1) / 2;
	int64_t		least;

	if (w->node[i].price > w->floor[i])
	{
		row = whole_row(w, i);
		least = add_candidates(w, i, &row, ASSIGN_NONE, max, 0);
	}
	else
	{
		if (w->floor[i] == ASSIGN_NONE || w->latest < 0 ||
			w->raised_at[w->latest] <= w->floor_at[i])
			return false;
		row = assign_row(w->prob, i);
		if (!row.cost)
		{
			row.lead = w->recent;
			row.n = 0;
			for (int j = w->latest; j >= 0 && w->raised_at[j] > w->floor_at[i]; j = w->older[j])
				w->recent[row.n++] = j;
		}
		least = add_candidates(w, i, &row, w->floor[i], max, 0);
	}
	if (w->status != ASSIGN_OK || least >= w->node[i].price)
		return false;
	choose_again(w, i, least);
	return true;
}

/* Memory for all but the result, and the start: no pairs, prices at their bounds or 0. */
static bool
prepare(AssignWork *w)
{
	const AssignProblem *prob = w->prob;
	size_t		np = (size_t) prob->npartner;
	size_t		nl = (size_t) prob->nlead;
	size_t		most = 1;		/* places of one partner, as far as there are leads */

	for (int i = 0; i < prob->npartner; i++)
		if ((size_t) assign_places(prob, i) > most)
			most = (size_t) assign_places(prob, i);
	if (most > nl)
		most = nl;
	w->np = prob->npartner;
	w->nnode = prob->npartner + prob->nlead;
	w->ncandidate = prob->candidates > 0 ? prob->candidates : DEFAULT_CANDIDATES;
	if (w->ncandidate > prob->nlead)
		w->ncandidate = prob->nlead > 0 ? prob->nlead : 1;
	w->node = assign_take(&w->memory, np + nl, sizeof(AssignNode));
	w->reached = assign_take(&w->memory, np + nl, sizeof(int));
	w->settled = assign_take(&w->memory, np + nl, sizeof(int));
	w->ready = assign_take(&w->memory, np + nl, sizeof(int));
	w->heap = assign_take(&w->memory, np + nl, sizeof(AssignHeapItem));
	w->active = assign_take(&w->memory, nl, sizeof(int));
	w->near.pick = assign_take(&w->memory, most + (size_t) w->ncandidate, sizeof(AssignPick));
	w->open.pick = assign_take(&w->memory, most + (size_t) w->ncandidate, sizeof(AssignPick));
	w->known = assign_take(&w->memory, nl, sizeof(int));
	w->dropped = assign_take(&w->memory, most, sizeof(int));
	w->floor = assign_take(&w->memory, np, sizeof(int64_t));
	w->floor_at = assign_take(&w->memory, np, sizeof(int64_t));
	w->bound = assign_take(&w->memory, np + nl, sizeof(int64_t));
	w->raised_at = assign_take(&w->memory, nl, sizeof(int64_t));
	w->older = assign_take(&w->memory, nl, sizeof(int));
	w->newer = assign_take(&w->memory, nl, sizeof(int));
	w->recent = assign_take(&w->memory, nl, sizeof(int));
	w->column_start = assign_take(&w->memory, nl + 1, sizeof(int));
	w->maxedge = 1024;
	w->column = assign_take(&w->memory, (size_t) w->maxedge, sizeof(int));
	w->edge = assign_take(&w->memory, (size_t) w->maxedge, sizeof(AssignEdge));
	if (w->memory.failed)
		return false;

	w->latest = -1;
	for (int k = 0; k < w->nnode; k++)
	{
		bool		partner = k < w->np;
		AssignNode *node = &w->node[k];

		if (partner)
			w->bound[k] = prob->partner_bound ? prob->partner_bound[k] : prob->unpaired;
		else
			w->bound[k] = prob->lead_bound ? prob->lead_bound[k - w->np] : 0;
		if (!partner && w->bound[k] > w->most_free)
			w->most_free = w->bound[k];
		node->price = prob->warm && w->bound[k] > 0 ? 0 : w->bound[k];
		node->room = partner ? assign_places(prob, k) : assign_capacity(prob, k - w->np);
		node->dist = ASSIGN_NONE;
		node->parent = node->slot = node->head = node->mate = -1;
		assign_tick(&w->memory, 1);
	}
	for (int j = 0; j < prob->nlead; j++)
	{
		w->known[j] = w->older[j] = w->newer[j] = -1;
		w->raised_at[j] = 0;
		if (assign_capacity(prob, j) > 0)
			w->active[w->nactive++] = j;
		else
			w->node[w->np + j].price = CLOSED;
		assign_tick(&w->memory, 1);
	}
	return true;
}

/* The plan, and for partners of several places the prices of their pairs. */
static bool
report_plan(AssignWork *w, AssignResult *result)
{
	int64_t		nextra = 0;

	for (int i = 0; i < w->np; i++)
	{
		int		   *lead = result->lead + result->place_start[i];
		AssignNode *node = &w->node[i];
		int64_t		dearest = -ASSIGN_NONE;

		w->near.n = 0;
		w->near.max = INT_MAX;
		for (int e = node->mate; e >= 0; e = w->edge[e].link[0])
		{
			int			j = w->edge[e].node[1];
			AssignPick	pick = {w->edge[e].cost, w->edge[e].cost, j - w->np, 0};

			if (pick.cost - w->node[j].price > dearest)
				dearest = pick.cost - w->node[j].price;
			assign_offer(&w->near, &pick);
			assign_tick(&w->memory, 1);
		}
		assign_sort_picks(&w->memory, &w->near);

		/* the smallest u leaves the fewest w, and none to a single place */
		if (node->room == 0 && w->near.n > 0)
			node->price = dearest;
		for (int k = 0; k < w->near.n; k++)
		{
			lead[k] = w->near.pick[k].lead;
			result->cost += w->near.pick[k].cost;
			if (w->near.pick[k].cost - w->node[w->np + lead[k]].price < node->price)
				nextra++;
		}
		result->empty -= w->near.n;
	}
	result->nextra = nextra;
	result->extra = assign_take(&w->memory, (size_t) nextra, sizeof(AssignExtra));
	if (!result->extra)
		return false;
	nextra = 0;
	for (int i = 0; i < w->np && nextra < result->nextra; i++)
	{
		w->near.n = 0;
		for (int e = w->node[i].mate; e >= 0; e = w->edge[e].link[0])
		{
			int			j = w->edge[e].node[1];
			int64_t		rest = w->edge[e].cost - w->node[i].price - w->node[j].price;
			AssignPick	pick = {0, rest, j - w->np, 0};

			if (rest < 0)
				assign_offer(&w->near, &pick);
			assign_tick(&w->memory, 1);
		}
		assign_sort_picks(&w->memory, &w->near);
		for (int k = 0; k < w->near.n; k++)
			result->extra[nextra++] = (AssignExtra) {i, w->near.pick[k].lead, w->near.pick[k].cost};
	}
	return true;
}

/*
 * Lower prices until they hold for all pairs of partner i: u_i with leads that
 * have any capacity, or v_j of those that have none.
 */
static bool
lower_prices(AssignWork *w, AssignResult *result, int i, bool lower_u)
{
	const AssignProblem *prob = w->prob;
	AssignRow	row = whole_row(w, i);

	for (int k = 0; k < row.n; k++)
	{
		int			j = assign_row_lead(&row, k);
		int64_t		limit = result->u[i] + result->v[j];
		int64_t		c;

		assign_tick(&w->memory, 1);
		if ((assign_capacity(prob, j) > 0) != lower_u)
			continue;
		c = assign_row_cost(prob, &row, i, k, j, limit);
		if (c >= limit)
			continue;
		if (!assign_cost_valid(c))
		{
			w->status = ASSIGN_BAD_COST;
			return false;
		}
		if (lower_u)
			result->u[i] = c - result->v[j];
		else
			result->v[j] = c - result->u[i];
	}
	w->stats.priced += row.n;
	return true;
}

/*
 * The prices.  A partner without places and a lead without capacity took no part:
 * theirs are the greatest that hold over all pairs.
 */
static bool
report_prices(AssignWork *w, AssignResult *result)
{
	const AssignProblem *prob = w->prob;

	result->u = assign_take(&w->memory, (size_t) w->np, sizeof(int64_t));
	result->v = assign_take(&w->memory, (size_t) prob->nlead, sizeof(int64_t));
	if (w->memory.failed)
		return false;
	for (int j = 0; j < prob->nlead; j++)
		result->v[j] = assign_capacity(prob, j) > 0 ? w->node[w->np + j].price : 0;
	for (int i = 0; i < w->np; i++)
	{
		result->u[i] = w->node[i].price;
		if (assign_places(prob, i) == 0 && !lower_prices(w, result, i, true))
			return false;
	}
	if (w->nactive == prob->nlead)
		return true;

	/* from here on the others */
	w->nactive = 0;
	for (int j = 0; j < prob->nlead; j++)
		if (assign_capacity(prob, j) == 0)
			w->active[w->nactive++] = j;
	for (int i = 0; i < w->np; i++)
		if (!lower_prices(w, result, i, false))
			return false;
	return true;
}

AssignStatus
assign_solve(const AssignProblem *prob, AssignResult *result)
{
	AssignWork	work;
	AssignWork *w = &work;

	memset(result, 0, sizeof(*result));
	memset(w, 0, sizeof(*w));
	w->prob = prob;
	assign_memory_init(&w->memory, prob);
	w->status = assign_check(prob, &w->memory);
	if (w->status != ASSIGN_OK || !prepare(w))
		return assign_finish(&w->memory, w->status, result);

	first_plan(w);

	/* until every partner in turn has been priced without a change */
	for (int i = 0, unchanged = 0; unchanged < w->np && w->status == ASSIGN_OK; unchanged++)
	{
		if (i == 0)
			w->stats.rounds++;
		while (price_partner(w, i))
			unchanged = 0;
		i = i + 1 < w->np ? i + 1 : 0;
		assign_tick(&w->memory, 1);
	}
	if (w->status == ASSIGN_OK && assign_result_init(prob, &w->memory, result) &&
		report_plan(w, result))
		report_prices(w, result);
	w->stats.candidates = w->nedge;
	result->stats = w->stats;
	return assign_finish(&w->memory, w->status, result);
}
