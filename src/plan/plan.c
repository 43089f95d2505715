/*
 * plan.c
 *		What plans of schools and of the analyst's own costs have in common.
 */
#include "sipp.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "plan/plan.h"

/* Memory of the solver: of the context that was current when it was called. */
static void *
hook_alloc(void *ctx, size_t bytes)
{
	return MemoryContextAllocHuge(ctx, bytes);
}

static void
hook_release(void *ctx, void *block)
{
	pfree(block);
}

static void
hook_interrupt(void *ctx)
{
	CHECK_FOR_INTERRUPTS();
}

void
plan_hooks(AssignHooks *hooks)
{
	hooks->alloc = hook_alloc;
	hooks->release = hook_release;
	hooks->interrupt = hook_interrupt;
	hooks->ctx = CurrentMemoryContext;
}

int64_t
plan_row_find(const AssignProblem *prob, int i, int j)
{
	int64_t		lo = prob->row_start[i];
	int64_t		hi = prob->row_start[i + 1];

	while (lo < hi)
	{
		int64_t		mid = lo + (hi - lo) / 2;

		if (prob->row_lead[mid] < j)
			lo = mid + 1;
		else
			hi = mid;
	}
	Assert(lo < prob->row_start[i + 1] && prob->row_lead[lo] == j);
	return lo;
}

void
plan_check_status(AssignStatus status, const char *func)
{
	if (status == ASSIGN_NO_MEMORY || status == ASSIGN_TOO_MANY_PLACES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: the problem is too large", func),
				 errdetail("The solver says: %s.", assign_status_text(status)),
				 errhint("Make a plan for each sector or region of its own.")));
	if (status != ASSIGN_OK)
		elog(ERROR, "%s: %s", func, assign_status_text(status));
}

void
plan_head_gap(PlanHead *head, bool proven, bool cheapest, double gap, int64 more_empty)
{
	const char *mode = plan_mode_name(head->mode);
	double		size = isnan(head->total_cost) ? DBL_MAX : fabs(head->total_cost);

	head->gap = proven ? gap : NAN;
	head->certified = proven && cheapest && fabs(gap) <= PLAN_GAP * size;
	if (!proven || head->certified)
		return;
	if (cheapest)
		head->notice[head->nnotice++] =
			psprintf("too many pairs cost nearly the same to tell the cheapest plan: this one costs at most %s more",
					 plan_number_text(gap));
	/* where an empty place has a price, the cheapest plan may have more of them */
	else if (more_empty > 0)
		head->notice[head->nnotice++] =
			psprintf(more_empty == 1 ?
					 "mode %s: " INT64_FORMAT " more place is empty than in the cheapest plan" :
					 "mode %s: " INT64_FORMAT " more places are empty than in the cheapest plan",
					 mode, more_empty);
	else
		head->notice[head->nnotice++] =
			psprintf("mode %s: the plan costs %s more than the cheapest", mode,
					 isnan(gap) ? "beyond the largest number" : plan_number_text(gap));
}

