/*
 * assign.c
 *		Pairing: the problem's checks, memory, and what plans are made of.
 */
#include "assign_internal.h"

#include <limits.h>
#include <string.h>

void
assign_memory_init(AssignMemory *memory, const AssignProblem *prob)
{
	memset(memory, 0, sizeof(*memory));
	memory->hooks = &prob->hooks;
}

/* Take an array; NULL, and failed set, if there is no memory for it. */
void *
assign_take(AssignMemory *memory, size_t count, size_t size)
{
	void	   *block = NULL;

	if (count == 0)
		count = 1;
	if (!memory->failed && count <= SIZE_MAX / 2 / size && memory->nblock < ASSIGN_MAX_BLOCKS)
		block = memory->hooks->alloc(memory->hooks->ctx, count * size);
	if (!block)
	{
		memory->failed = true;
		return NULL;
	}
	memory->block[memory->nblock] = block;
	memory->bytes[memory->nblock] = count * size;
	memory->now += memory->bytes[memory->nblock++];
	if (memory->now > memory->peak)
		memory->peak = memory->now;
	return block;
}

/* Strike a block off the list. */
static void
forget(AssignMemory *memory, int k)
{
	memory->now -= memory->bytes[k];
	memory->nblock--;
	memory->block[k] = memory->block[memory->nblock];
	memory->bytes[k] = memory->bytes[memory->nblock];
}

/* Give a block back. */
void
assign_give(AssignMemory *memory, void *block)
{
	int			k = 0;

	while (memory->block[k] != block)
		k++;
	forget(memory, k);
	memory->hooks->release(memory->hooks->ctx, block);
}

/* Give everything back. */
void
assign_give_all(AssignMemory *memory)
{
	while (memory->nblock > 0)
		assign_give(memory, memory->block[memory->nblock - 1]);
}

/* Are the listed pairs in order and their costs within bounds? */
static AssignStatus
check_rows(const AssignProblem *prob, AssignMemory *memory)
{
	if (!prob->row_start || prob->row_start[0] != 0)
		return ASSIGN_BAD_ROWS;
	for (int i = 0; i < prob->npartner; i++)
	{
		int			before = -1;

		if (prob->row_start[i + 1] < prob->row_start[i] ||
			prob->row_start[i + 1] - prob->row_start[i] > prob->nlead)
			return ASSIGN_BAD_ROWS;
		for (int64_t k = prob->row_start[i]; k < prob->row_start[i + 1]; k++)
		{
			if (prob->row_lead[k] <= before || prob->row_lead[k] >= prob->nlead)
				return ASSIGN_BAD_ROWS;
			before = prob->row_lead[k];
			if (!assign_cost_valid(prob->row_cost[k]))
				return ASSIGN_BAD_COST;
			assign_tick(memory, 1);
		}
	}
	return ASSIGN_OK;
}

/* Is the problem one that can be solved? */
AssignStatus
assign_check(const AssignProblem *prob, AssignMemory *memory)
{
	int			total = 0;

	if (prob->npartner < 0 || prob->nlead < 0 || prob->npartner > INT_MAX - prob->nlead)
		return ASSIGN_BAD_SHAPE;
	for (int i = 0; i < prob->npartner; i++)
	{
		int			places = assign_places(prob, i);

		if (places < 0)
			return ASSIGN_BAD_PLACES;
		if (places > ASSIGN_MAX_PLACES - total)
			return ASSIGN_TOO_MANY_PLACES;
		total += places;
	}
	for (int j = 0; j < prob->nlead; j++)
		if (assign_capacity(prob, j) < 0)
			return ASSIGN_BAD_PLACES;
	if (!prob->ordinal &&
		(prob->unpaired > ASSIGN_MAX_UNPAIRED || prob->unpaired < -ASSIGN_MAX_UNPAIRED))
		return ASSIGN_BAD_UNPAIRED;
	return prob->cost ? ASSIGN_OK : check_rows(prob, memory);
}

/* A plan with every place empty. */
bool
assign_result_init(const AssignProblem *prob, AssignMemory *memory, AssignResult *result)
{
	int			total = 0;

	result->place_start = assign_take(memory, (size_t) prob->npartner + 1, sizeof(int));
	if (memory->failed)
		return false;
	for (int i = 0; i < prob->npartner; i++)
	{
		result->place_start[i] = total;
		total += assign_places(prob, i);
	}
	result->place_start[prob->npartner] = total;
	result->nplace = total;
	result->empty = total;
	result->lead = assign_take(memory, (size_t) total, sizeof(int));
	if (memory->failed)
		return false;
	for (int k = 0; k < total; k++)
		result->lead[k] = -1;
	return true;
}

/* Leave the result's arrays to the caller and give back the rest. */
AssignStatus
assign_finish(AssignMemory *memory, AssignStatus status, AssignResult *result)
{
	void	   *kept[] = {result->place_start, result->lead, result->u, result->v, result->extra};

	if (memory->failed)
		status = ASSIGN_NO_MEMORY;
	result->stats.peak = memory->peak;
	for (size_t n = 0; status == ASSIGN_OK && n < sizeof(kept) / sizeof(kept[0]); n++)
		for (int k = 0; k < memory->nblock; k++)
			if (memory->block[k] == kept[n])
				forget(memory, k);
	assign_give_all(memory);
	if (status != ASSIGN_OK)
		memset(result, 0, sizeof(*result));
	return status;
}

/* Give the arrays of a result back. */
void
assign_release(const AssignProblem *prob, AssignResult *result)
{
	void	   *kept[] = {result->place_start, result->lead, result->u, result->v, result->extra};

	for (size_t n = 0; n < sizeof(kept) / sizeof(kept[0]); n++)
		if (kept[n])
			prob->hooks.release(prob->hooks.ctx, kept[n]);
	memset(result, 0, sizeof(*result));
}

/* Put a pick where the hole left at the top of the heap, or below it, belongs. */
static void
sift_down(AssignPicks *picks, AssignPick pick)
{
	AssignPick *heap = picks->pick;
	int			hole = 0;

	for (;;)
	{
		int			down = 2 * hole + 1;

		if (down >= picks->n)
			break;
		if (down + 1 < picks->n && assign_pick_less(&heap[down], &heap[down + 1]))
			down++;
		if (!assign_pick_less(&pick, &heap[down]))
			break;
		heap[hole] = heap[down];
		hole = down;
	}
	heap[hole] = pick;
}

/* Offer a pair; if there are max better ones, it is not taken. */
void
assign_offer(AssignPicks *picks, const AssignPick *pick)
{
	AssignPick *heap = picks->pick;
	int			hole;

	if (picks->n == picks->max)
	{
		if (picks->n > 0 && assign_pick_less(pick, &heap[0]))
			sift_down(picks, *pick);
		return;
	}
	hole = picks->n++;
	while (hole > 0 && assign_pick_less(&heap[(hole - 1) / 2], pick))
	{
		heap[hole] = heap[(hole - 1) / 2];
		hole = (hole - 1) / 2;
	}
	heap[hole] = *pick;
}

/* From a heap to a list, the best first. */
void
assign_sort_picks(AssignMemory *memory, AssignPicks *picks)
{
	int			n = picks->n;

	while (picks->n > 1)
	{
		AssignPick	worst = picks->pick[0];

		picks->n--;
		sift_down(picks, picks->pick[picks->n]);
		picks->pick[picks->n] = worst;
		assign_tick(memory, 10);
	}
	picks->n = n;
}

const char *
assign_status_text(AssignStatus status)
{
	switch (status)
	{
		case ASSIGN_OK:
			return "solved";
		case ASSIGN_BAD_SHAPE:
			return "impossible number of partners or leads";
		case ASSIGN_BAD_PLACES:
			return "negative places or capacity";
		case ASSIGN_TOO_MANY_PLACES:
			return "too many places";
		case ASSIGN_BAD_UNPAIRED:
			return "price of an empty place out of range";
		case ASSIGN_BAD_ROWS:
			return "listed pairs out of order";
		case ASSIGN_BAD_COST:
			return "cost out of range";
		case ASSIGN_BAD_ORDER:
			return "order is not a permutation of the partners";
		case ASSIGN_TOO_FINE:
			return "too many levels of refinement";
		case ASSIGN_NO_MEMORY:
			return "out of memory";
	}
	return "unknown status";
}
