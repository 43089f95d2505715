/*
 * pairs.c
 *		The document of a plan of schools: each pair scored in full, each empty
 *		place explained, each price.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"
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

/* Sum of the pairs' costs, those of locked pairs included. */
static double
total_cost(const PlanWork *w, const AssignResult *plan)
{
	double		sum = 0;
	PairScore	x;

	for (int i = 0; i < w->npartner; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int k = w->lock_start[i]; k < w->lock_start[i + 1]; k++)
		{
			score_pair(w, i, w->lock_lead[k], &x);
			sum += isnan(x.cost) ? 0 : x.cost;
		}
		for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
			if (plan->lead[p] >= 0)
			{
				score_pair(w, i, plan->lead[p], &x);
				sum += x.cost;
			}
	}
	return sum;
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
	PairScore	x;

	place->margin = NAN;
	if (s->runner_up[i] < 0)
		return;
	place->runner_up = w->lead_id[s->runner_up[i]];
	if (place->lead != NULL)
	{
		score_pair(w, i, s->runner_up[i], &x);
		place->margin = x.cost - place->cost;
	}
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
	partner.price = int64_to_numeric(s->best.u[i]);
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

/* The prices that locked pairs need to fit in with the others, counting for nothing. */
static void
write_locked_prices(PlanWriter *out, const PlanWork *w, const PlanSolution *s)
{
	for (int i = 0; i < w->npartner; i++)
		for (int k = w->lock_start[i]; k < w->lock_start[i + 1]; k++)
		{
			int			j = w->lock_lead[k];
			int64_t		c = scorer_units(unconstify(Scorer *, w->scorer), w->partner[i],
										 w->lead[j], ASSIGN_NONE);
			PlanExtra	extra = {w->partner_id[i], w->lead_id[j], 0, NULL};

			if (c == ASSIGN_NONE)
				continue;
			c -= s->best.u[i] + s->best.v[j];
			extra.price = int64_to_numeric(c);
			if (c < 0)
				plan_write_extra(out, &extra);
		}
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
plan_document(const PlanWork *w, const PlanSolution *s)
{
	PlanWriter	out;
	PlanHead	head = {0};
	Remarks		remarks = {.empty = {.cxt = CurrentMemoryContext}};
	PlanReasons *reasons = plan_reasons_make(w);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "sipp plan row",
											  ALLOCSET_DEFAULT_SIZES);

	plan_write_begin(&out);
	for (int i = 0; i < w->npartner; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(row);

		CHECK_FOR_INTERRUPTS();
		write_partner(&out, w, s, i, reasons, &remarks);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	for (int j = 0; j < w->nlead; j++)
	{
		PlanLead	lead = {w->lead_id[j], w->capacity[j], int64_to_numeric(s->best.v[j])};

		plan_write_lead(&out, &lead);
	}
	for (int64_t k = 0; k < s->best.nextra; k++)
	{
		const AssignExtra *x = &s->best.extra[k];
		PlanExtra	extra = {w->partner_id[x->partner], w->lead_id[x->lead], 1, int64_to_numeric(x->w)};

		plan_write_extra(&out, &extra);
	}
	write_locked_prices(&out, w, s);
	write_out(&out, w);

	head.mode = w->mode;
	head.quantum = 1 / SCORE_UNITS;
	head.unpaired_cost = w->unpaired_cost;
	head.total_cost = total_cost(w, s->plan);
	head.bound = s->plan == &s->best ? head.total_cost : total_cost(w, &s->best);
	plan_head_solution(&head, &w->prob, s, w->partner_id, w->lead_id);
	head.target_gap = common_target(w);
	head.nsubject = w->schools->nsubject;
	head.subject = w->schools->subject_name;
	add_notices(&head, w, &remarks);
	return plan_write_end(&out, &head);
}
