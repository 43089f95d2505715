/*
 * solve.c
 *		Solving a pairing problem, checking the proof, looking at all pairs once
 *		more: runners-up and blocking pairs.
 */
#include "sipp.h"

#include <float.h>
#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "base/codec.h"
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

/* Cost of a pair of a plan, however costs are given. */
static int64_t
pair_units(const AssignProblem *prob, int i, int j)
{
	return prob->cost ? prob->cost(prob->cost_ctx, i, j, ASSIGN_NONE)
		: prob->row_cost[plan_row_find(prob, i, j)];
}

/*
 * What each side would give up for somebody better: the cost of a partner's
 * dearest pair, M with an empty place; that of a lead's, anything with room
 * left.  Who has no place at all wants nobody.
 */
static void
find_worst(const AssignProblem *prob, const AssignResult *plan, int64_t *partner, int64_t *lead,
		   int *room)
{
	for (int j = 0; j < prob->nlead; j++)
	{
		room[j] = prob->capacity ? prob->capacity[j] : 1;
		lead[j] = PG_INT64_MIN;
	}
	for (int i = 0; i < prob->npartner; i++)
	{
		partner[i] = PG_INT64_MIN;
		for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
		{
			int			j = plan->lead[p];
			int64_t		c = j < 0 ? prob->unpaired : pair_units(prob, i, j);

			partner[i] = j < 0 ? c : Max(partner[i], c);
			if (j >= 0)
			{
				lead[j] = Max(lead[j], c);
				room[j]--;
			}
		}
	}
	for (int j = 0; j < prob->nlead; j++)
		if (room[j] > 0)
			lead[j] = ASSIGN_NONE;
}

/* Count a blocking pair; keep it if it is among the first. */
static void
note_blocking(PlanSolution *s, int i, int j, int64_t c, int64_t partner_worst,
			  int64_t lead_worst, bool has_empty)
{
	int64_t		gain = partner_worst - c + (lead_worst == ASSIGN_NONE ? 0 : lead_worst - c);
	int			at = (int) Min(s->nblocking, PLAN_BLOCKING);

	s->nblocking++;
	if (at == PLAN_BLOCKING && gain <= s->blocking[at - 1].gain)
		return;
	at = Min(at, PLAN_BLOCKING - 1);
	/* among equals the first to come stays first */
	for (; at > 0 && s->blocking[at - 1].gain < gain; at--)
		s->blocking[at] = s->blocking[at - 1];
	s->blocking[at].partner = i;
	s->blocking[at].lead = j;
	s->blocking[at].gain = gain;
	s->blocking[at].partner_gain = has_empty ? ASSIGN_NONE : partner_worst - c;
	s->blocking[at].lead_gain = lead_worst == ASSIGN_NONE ? ASSIGN_NONE : lead_worst - c;
}

/*
 * Each partner's cheapest lead of those that it has not, and the pairs of which
 * both sides would be better off together.  One pass over all pairs, each asked
 * for only as far as its cost could matter: no pair outside the cheapest plan
 * costs less than its prices, which saves most of the work where costs are equal.
 */
static void
scan_pairs(const AssignProblem *prob, PlanSolution *s)
{
	const AssignResult *plan = s->plan;
	bool		priced = plan == &s->best && s->fault == ASSIGN_PROVEN;
	int64_t    *partner_worst = MemoryContextAllocHuge(CurrentMemoryContext,
													   sizeof(int64_t) * Max(prob->npartner, 1));
	int64_t    *lead_worst = MemoryContextAllocHuge(CurrentMemoryContext,
													sizeof(int64_t) * Max(prob->nlead, 1));
	int		   *mine = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(int) * Max(prob->nlead, 1));

	find_worst(prob, plan, partner_worst, lead_worst, s->room);
	for (int j = 0; j < prob->nlead; j++)
		mine[j] = -1;
	for (int i = 0; i < prob->npartner; i++)
	{
		int			n = plan_row_size(prob, i);
		bool		has_empty = false;
		int64_t		best = ASSIGN_NONE;

		CHECK_FOR_INTERRUPTS();
		s->runner_up[i] = -1;
		for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
			if (plan->lead[p] >= 0)
				mine[plan->lead[p]] = i;
			else
				has_empty = true;
		for (int k = 0; k < n; k++)
		{
			int			j = plan_row_lead(prob, i, k);
			int64_t		both = Min(partner_worst[i], lead_worst[j]);
			int64_t		limit = Max(both, best);
			int64_t		c;

			if (mine[j] == i || (priced && limit <= s->best.u[i] + s->best.v[j]))
				continue;
			c = plan_row_cost(prob, i, k, limit);
			if (c < best)
			{
				best = c;
				s->runner_up[i] = j;
			}
			if (c < both)
				note_blocking(s, i, j, c, partner_worst[i], lead_worst[j], has_empty);
		}
		s->runner_up_units[i] = best;
	}
	pfree(partner_worst);
	pfree(lead_worst);
	pfree(mine);
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
plan_solve(const AssignProblem *prob, PlanMode mode, const int *order, const char *func,
		   PlanSolution *out)
{
	memset(out, 0, sizeof(PlanSolution));
	plan_check_status(assign_solve(prob, &out->best), func);
	out->fault = assign_verify(prob, &out->best, NULL, NULL);
	out->plan = &out->best;
	if (mode != PLAN_OPTIMAL)
	{
		plan_check_status(mode == PLAN_STABLE ? assign_stable(prob, &out->made) :
					 assign_in_order(prob, order, &out->made), func);
		out->plan = &out->made;
	}
	out->room = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * Max(prob->nlead, 1));
	out->runner_up = MemoryContextAllocHuge(CurrentMemoryContext,
											sizeof(int) * Max(prob->npartner, 1));
	out->runner_up_units = MemoryContextAllocHuge(CurrentMemoryContext,
												  sizeof(int64_t) * Max(prob->npartner, 1));
	scan_pairs(prob, out);
}

/* Append one side's gain in cost. */
static void
put_gain(StringInfo out, const char *field, double gain)
{
	appendStringInfo(out, ",\"%s\":", field);
	if (isnan(gain))
		appendStringInfoString(out, "null");
	else
		json_float(out, gain);
}

Jsonb *
plan_blocking_document(int n, const PlanGain *gain)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int k = 0; k < n; k++)
	{
		appendStringInfoString(&out, k > 0 ? ",{\"partner\":" : "{\"partner\":");
		escape_json(&out, gain[k].partner);
		appendStringInfoString(&out, ",\"lead\":");
		escape_json(&out, gain[k].lead);
		put_gain(&out, "partner_gain", gain[k].partner_gain);
		put_gain(&out, "lead_gain", gain[k].lead_gain);
		appendStringInfoChar(&out, '}');
	}
	appendStringInfoChar(&out, ']');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
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
	/* where an empty place has a price, the cheapest plan may have more of them */
	if (more_empty > 0)
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

/* A gain of so many units in cost. */
static double
gain_cost(int64_t units, double quantum)
{
	return units == ASSIGN_NONE ? NAN : plan_cost(units, quantum);
}

void
plan_head_solution(PlanHead *head, const AssignProblem *prob, const PlanSolution *s,
				   char *const *partner, char *const *lead)
{
	bool		proven = s->fault == ASSIGN_PROVEN;
	int64		more_empty = s->plan->empty - s->best.empty;
	PlanGain	gain[PLAN_BLOCKING];
	int			n = (int) Min(s->nblocking, PLAN_BLOCKING);

	head->unpaired = int64_to_numeric(prob->unpaired);
	head->total_units = int64_to_numeric(s->plan->cost);
	if (!proven)
	{
		head->notice[head->nnotice++] = psprintf("the prices do not prove the plan best: %s",
												 assign_fault_text(s->fault));
		head->bound = NAN;
	}
	plan_head_gap(head, proven, (double) (s->plan->cost - s->best.cost) +
				  (double) prob->unpaired * (double) more_empty == 0,
				  head->total_cost - head->bound +
				  (more_empty == 0 ? 0 : isnan(head->unpaired_cost) ? NAN :
				   (double) more_empty * head->unpaired_cost), more_empty);
	for (int k = 0; k < n; k++)
	{
		const PlanBlocking *b = &s->blocking[k];

		gain[k].partner = partner[b->partner];
		gain[k].lead = lead[b->lead];
		gain[k].partner_gain = gain_cost(b->partner_gain, head->quantum);
		gain[k].lead_gain = gain_cost(b->lead_gain, head->quantum);
	}
	head->nblocking = s->nblocking;
	head->blocking = plan_blocking_document(n, gain);
	head->priced = s->best.stats.priced;
	head->rounds = s->best.stats.rounds;
	head->memory = (int64) s->best.stats.peak;
}
