/*
 * pairs.c
 *		The document of a plan of schools: each pair scored in full, each empty
 *		place explained, each price.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "plan/pairing.h"

#define LOW_SIMILARITY 0.3		/* below which pairs are counted in a notice */

/* Pairs of which something is to be said in a notice. */
typedef struct Remarks
{
	int64		broken;			/* locked and breaking a rule */
	int64		unknown;		/* locked and without a cost */
	int64		missing[SCORE_PARTS];	/* a part is */
	int64		capped[SCORE_PARTS];
	int64		partial;		/* compared without some circumstances */
	int64		unlike;			/* less alike than LOW_SIMILARITY */
	PlanEmpty	empty;			/* places without a lead */
} Remarks;

/* Score of a pair of partner i and lead j. */
static void
score_pair(const PlanWork *w, int i, int j, PairScore *x)
{
	scorer_pair(w->scorer, w->partner[i], w->lead[j], x);
}

/* The gap that counts as fully usable, if there is one for all. */
static double
common_target(const PlanWork *w)
{
	if (!isnan(w->options.target_gap))
		return w->options.target_gap;
	return w->scale->nsector == 1 ? w->scale->sector[0].target_gap : NAN;
}

/* A pair as a place; an empty one has no lead. */
static void
fill_pair(const PlanWork *w, int i, int j, bool locked, PlanPlace *place, Remarks *remarks)
{
	const School *a = &w->schools->school[w->partner[i]];
	const School *b = &w->schools->school[w->lead[j]];
	const char *flag[SCORE_FLAGS];
	PairScore	x;

	score_pair(w, i, j, &x);
	remarks->partial += x.partial;
	remarks->unlike += x.part[PART_SIMILARITY] < LOW_SIMILARITY;
	place->lead = w->lead_id[j];
	place->locked = locked;
	place->scored = true;
	place->cost = x.cost;
	place->score = x.score;
	place->authority_loss = x.authority_loss;
	place->p_better = x.p_better;
	place->km = x.km;
	place->nteach = a->nsubject > 0 && b->nsubject > 0 ?
		scorer_can_teach(w->scorer, w->partner[i], w->lead[j], place->teach) : -1;
	for (int k = 0; k < SCORE_PARTS; k++)
	{
		place->part[k] = x.part[k];
		place->loss[k] = x.loss[k];
		if (isnan(x.part[k]))
			remarks->missing[k]++;
		else if (x.capped & 1u << k)
			remarks->capped[k]++;
	}
	place->nflag = pair_score_flags(w->schools, w->partner[i], w->lead[j], &x, flag);
	for (int k = 0; k < place->nflag; k++)
		place->flag[k] = unconstify(char *, flag[k]);
	if (locked && x.broken != 0)
	{
		remarks->broken++;
		for (int rule = 0; rule < PAIR_RULES; rule++)
			if (x.broken & 1u << rule)
				place->flag[place->nflag++] =
					unconstify(char *, pair_rule_reason(w->schools, w->partner[i], w->lead[j],
														(PairRule) rule, &x));
	}
	if (isnan(x.cost))
		remarks->unknown++;
}

/* What the partner's other choice is, and what it would cost more. */
static void
fill_runner_up(const PlanWork *w, const PlanSolution *s, int i, PlanPlace *place)
{
	place->margin = NAN;
	if (s->runner_up[i] < 0)
		return;
	place->runner_up = w->lead_id[s->runner_up[i]];
	if (place->lead != NULL)
		place->margin = s->runner_up_cost[i] - place->cost;
}

/* A partner with its places: the locked ones, the others, the empty ones. */
static void
write_partner(PlanWriter *out, const PlanWork *w, const PlanSolution *s, int i,
			  PlanReasons *reasons, Remarks *remarks)
{
	PlanPartner partner;
	int			nlock = w->lock_start[i + 1] - w->lock_start[i];
	int			first = s->plan->place_start[i];

	partner.id = w->partner_id[i];
	partner.role = school_role_name(w->schools->school[w->partner[i]].role);
	partner.places = w->places[i];
	partner.price = exact_price(&s->units, s->levels.u, i);
	partner.nplace = nlock + w->places[i];
	partner.place = palloc0(sizeof(PlanPlace) * partner.nplace);
	for (int k = 0; k < partner.nplace; k++)
	{
		PlanPlace  *place = &partner.place[k];
		int			j = k < nlock ? w->lock_lead[w->lock_start[i] + k] :
			s->plan->lead[first + k - nlock];

		place->cost = NAN;
		if (j >= 0)
			fill_pair(w, i, j, k < nlock, place, remarks);
		else
		{
			plan_reason(reasons, s, i, &place->reason, &place->relaxation);
			plan_empty_count(&remarks->empty, place->reason);
		}
		fill_runner_up(w, s, i, place);
	}
	plan_write_partner(out, &partner);
}

/* Add a notice about so many pairs, if there are any. */
static void
add_notice(PlanHead *head, int64 pairs, const char *what)
{
	if (pairs > 0)
		head->notice[head->nnotice++] =
			psprintf(pairs == 1 ? INT64_FORMAT " pair %s" : INT64_FORMAT " pairs %s", pairs, what);
}

/* Does a school take no part, not even in a locked pair of its side? */
static bool
is_out(const PlanWork *w, int k)
{
	return w->lacks[k] != 0 &&
		(ROLE_IS_PARTNER(w->schools->school[k].role) ? w->partner_at[k] : w->lead_at[k]) < 0;
}

/* Who takes no part; and what of the two sides is missing where some do. */
static void
add_out(PlanHead *head, const PlanWork *w)
{
	int64		count[SCHOOL_LACKS] = {0};
	int64		out = 0;
	char	   *text;

	for (int i = 0; i < w->schools->n; i++)
	{
		if (!is_out(w, i))
			continue;
		out++;
		for (int k = 0; k < SCHOOL_LACKS; k++)
			count[k] += (w->lacks[i] >> k) & 1;
	}
	text = schools_out_text(count, out, w->schools->n);
	if (text != NULL)
		head->notice[head->nnotice++] = text;
	if (out < w->schools->n && w->npartner == 0)
		head->notice[head->nnotice++] = "of the schools that take part none is to be helped";
	if (out < w->schools->n && w->nlead == 0)
		head->notice[head->nnotice++] = "of the schools that take part none can lead";
}

/* What to be careful about. */
static void
add_notices(PlanHead *head, const PlanWork *w, Remarks *remarks)
{
	add_out(head, w);
	plan_empty_notice(&remarks->empty, head);
	add_notice(head, remarks->unlike,
			   psprintf("with a similarity below %g: the plan is the cheapest, which is not to say that its pairs are alike",
						LOW_SIMILARITY));
	for (int k = 0; k < w->scale->nnotice; k++)
		head->notice[head->nnotice++] = w->scale->notice[k];
	add_notice(head, remarks->partial, "compared without circumstances that one of the two lacks");
	if (w->schools->strangers > 0)
		head->notice[head->nnotice++] =
			psprintf(INT64_FORMAT " %s", w->schools->strangers, w->schools->strangers == 1 ?
					 "exclusion names a school that is not there" :
					 "exclusions name schools that are not there");
	for (int k = 0; k < SCORE_PARTS; k++)
	{
		const char *name = score_part_name((ScorePart) k);

		add_notice(head, remarks->missing[k],
				   psprintf("without %s, whose weight went to the other parts", name));
		add_notice(head, remarks->capped[k], psprintf("whose loss in %s was capped", name));
	}
	add_notice(head, remarks->broken, "locked although a rule is broken");
	add_notice(head, remarks->unknown, "locked without a cost, in none of the sums");
}

/* The price of a pair that costs less than its partner's and its lead's together. */
static void
write_extra(PlanWriter *out, const PlanWork *w, const PlanSolution *s, int i, int j, double cost,
			int places)
{
	PlanExtra	extra = {w->partner_id[i], w->lead_id[j], places, NULL};

	extra.price = exact_pair_price(&s->units, i, j, cost);
	if (exact_sign(extra.price) < 0)
		plan_write_extra(out, &extra);
}

/*
 * The prices of a partner's pairs in the cheapest plan, of which one of one place
 * needs none, and those that its locked pairs need to fit in with the others,
 * counting for nothing.
 */
static void
write_extras(PlanWriter *out, PlanWork *w, const PlanSolution *s, int i)
{
	for (int p = s->best.place_start[i]; p < s->best.place_start[i + 1]; p++)
		if (s->best.lead[p] >= 0 && w->places[i] > 1)
			write_extra(out, w, s, i, s->best.lead[p], s->best_cost[p], 1);
	for (int k = w->lock_start[i]; k < w->lock_start[i + 1]; k++)
	{
		int			j = w->lock_lead[k];
		double		cost = scorer_cost(w->scorer, w->partner[i], w->lead[j], INFINITY);

		if (!isinf(cost))
			write_extra(out, w, s, i, j, cost, 0);
	}
}

/* Sum of the plan's costs, each rounded to the quantum. */
static int64
rounded_units(const PlanWork *w, const PlanSolution *s)
{
	int64		sum = 0;

	for (int p = 0; p < s->plan->nplace; p++)
		sum += isnan(s->plan_cost[p]) ? 0 : assign_units(s->plan_cost[p], w->exponent);
	return sum;
}

/*
 * How dear the plan is and how far from the bound.  Prices of costs that are
 * rounded to a quantum prove it for those as they are but for a quantum a place:
 * half a one of the plan, half a one of any other.
 */
static void
fill_costs(PlanHead *head, const PlanWork *w, const PlanSolution *s)
{
	int			unit = s->units.exponent;
	int			exponent = s->last_bit;
	bool		proven = s->fault == ASSIGN_PROVEN;
	int64		more_empty = s->plan->empty - s->best.empty;
	double		slack = s->refined ? 0 : s->best.nplace * w->quantum;
	Numeric		best = exact_sum(s->best_cost, s->best.nplace, exponent);
	Numeric		plan = exact_sum(s->plan_cost, s->plan->nplace, exponent);
	Numeric		locked = exact_sum(s->lock_cost, w->nlock, exponent);
	Numeric		gap = exact_subtract(plan, best);
	bool		cheapest;

	head->quantum = ldexp(1, unit);
	head->unpaired = isinf(w->empty) ?
		exact_scale(int64_to_numeric(w->prob.unpaired), w->exponent - unit) :
		exact_units(w->empty, unit);
	head->total_units = s->refined ? plan : int64_to_numeric(rounded_units(w, s));
	head->total_cost = exact_double(exact_add(plan, locked), exponent);
	head->bound = proven ? exact_double(exact_add(best, locked), exponent) - slack : NAN;
	if (!proven)
		head->notice[head->nnotice++] = psprintf("the prices do not prove the plan best: %s",
												 assign_fault_text(s->fault));
	if (more_empty != 0)
	{
		Numeric		empty = isinf(w->empty) ? int64_to_numeric(1) : exact_units(w->empty, exponent);
		Numeric		places = int64_to_numeric(more_empty);

		gap = exact_add(gap, DatumGetNumeric(DirectFunctionCall2(numeric_mul, NumericGetDatum(empty),
																 NumericGetDatum(places))));
	}
	cheapest = exact_sign(gap) == 0;
	plan_head_gap(head, proven, cheapest, more_empty != 0 && isinf(w->empty) ? NAN :
				  exact_double(gap, exponent) + slack, more_empty);
}

/* The schools that take no part. */
static void
write_out(PlanWriter *out, const PlanWork *w)
{
	const Schools *s = w->schools;

	for (int k = 0; k < s->n; k++)
	{
		const School *x = &s->school[k];
		PlanOut		o = {x->id, school_role_name(x->role), NULL};

		if (!is_out(w, k))
			continue;
		o.reason = school_lacks_text(s, k, w->lacks[k]);
		plan_write_out(out, &o);
		pfree(o.reason);
	}
}

Datum
plan_document(PlanWork *w, const PlanSolution *s)
{
	PlanWriter	out;
	MemoryContext old;
	PlanHead	head = {0};
	Remarks		remarks = {.empty = {.cxt = CurrentMemoryContext}};
	PlanReasons *reasons = plan_reasons_make(w);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "sipp plan row",
											  ALLOCSET_DEFAULT_SIZES);

	plan_write_begin(&out);
	old = MemoryContextSwitchTo(row);
	for (int i = 0; i < w->npartner; i++)
	{
		CHECK_FOR_INTERRUPTS();
		write_partner(&out, w, s, i, reasons, &remarks);
		MemoryContextReset(row);
	}
	for (int j = 0; j < w->nlead; j++)
	{
		PlanLead	lead = {w->lead_id[j], w->capacity[j], exact_price(&s->units, s->levels.v, j)};

		CHECK_FOR_INTERRUPTS();
		plan_write_lead(&out, &lead);
		MemoryContextReset(row);
	}
	for (int i = 0; i < w->npartner; i++)
	{
		write_extras(&out, w, s, i);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	write_out(&out, w);

	head.mode = w->mode;
	fill_costs(&head, w, s);
	head.nblocking = s->blocking.n;
	head.blocking = plan_blocking_document(&s->blocking, w->partner_id, w->lead_id);
	head.priced = s->best.stats.priced;
	head.rounds = s->best.stats.rounds;
	head.memory = (int64) s->best.stats.peak;
	head.target_gap = common_target(w);
	head.nsubject = w->schools->nsubject;
	head.subject = w->schools->subject_name;
	add_notices(&head, w, &remarks);
	return plan_write_end(&out, &head);
}
