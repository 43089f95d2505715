/*
 * assign_scan.c
 *		One pass over all pairs of the analyst's own costs, as given: runners-up and
 *		blocking pairs.
 */
#include "sipp.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "plan/assign_costs.h"

/* A blocking pair by numbers, and what the two gain together. */
typedef struct Blocking
{
	int			partner;
	int			lead;
	bool		unpriced;		/* an empty place that is worth more than any saving is filled */
	double		gain;
	double		partner_gain;	/* NaN: has an empty place */
	double		lead_gain;		/* NaN: has room left */
} Blocking;

typedef struct Scan
{
	const CostWork *w;
	CostScan   *out;
	double	   *partner_worst;	/* [npartner] given up for a better one; INFINITY: an empty place */
	bool	   *has_empty;
	double	   *lead_worst;		/* [nlead] INFINITY: room left */
	int		   *holder;			/* [nlead] the last partner seen to have it */
	Blocking	blocking[PLAN_BLOCKING];
} Scan;

/* A difference of costs, which may be beyond the largest number. */
static double
difference(double a, double b)
{
	return Max(Min(a - b, DBL_MAX), -DBL_MAX);
}

/* What each side would give up for somebody better. */
static void
find_worst(Scan *s)
{
	const CostWork *w = s->w;
	const AssignResult *plan = w->plan;
	double		empty = w->priced ? w->costs->unpaired :
		w->prob.unpaired > 0 ? INFINITY : -INFINITY;

	for (int j = 0; j < w->prob.nlead; j++)
	{
		s->out->room[j] = w->capacity[j];
		s->lead_worst[j] = -INFINITY;
		s->holder[j] = -1;
	}
	for (int i = 0; i < w->prob.npartner; i++)
	{
		s->partner_worst[i] = -INFINITY;
		s->has_empty[i] = false;
		for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
		{
			int			j = plan->lead[p];
			double		c;

			if (j < 0)
			{
				s->has_empty[i] = true;
				s->partner_worst[i] = empty;
				continue;
			}
			c = cost_given(w, plan_row_find(&w->prob, i, j));
			s->partner_worst[i] = Max(s->partner_worst[i], c);
			s->lead_worst[j] = Max(s->lead_worst[j], c);
			s->out->room[j]--;
		}
	}
	for (int j = 0; j < w->prob.nlead; j++)
		if (s->out->room[j] > 0)
			s->lead_worst[j] = INFINITY;
}

/* Does a pair gain more than another? */
static bool
gains_more(const Blocking *a, const Blocking *b)
{
	if (a->unpriced != b->unpriced)
		return a->unpriced;
	return a->gain > b->gain;
}

/* Count a blocking pair; keep it if it is among the first. */
static void
note_blocking(Scan *s, int i, int j, double c)
{
	Blocking	b = {i, j, isinf(s->partner_worst[i]), 0, NAN, NAN};
	int			at = (int) Min(s->out->nblocking, PLAN_BLOCKING);

	b.gain = b.unpriced ? -c : difference(s->partner_worst[i], c);
	if (!s->has_empty[i])
		b.partner_gain = difference(s->partner_worst[i], c);
	if (!isinf(s->lead_worst[j]))
	{
		b.lead_gain = difference(s->lead_worst[j], c);
		b.gain = difference(b.gain, -b.lead_gain);
	}
	s->out->nblocking++;
	if (at == PLAN_BLOCKING && !gains_more(&b, &s->blocking[at - 1]))
		return;
	at = Min(at, PLAN_BLOCKING - 1);
	/* among equals the first to come stays first */
	for (; at > 0 && gains_more(&b, &s->blocking[at - 1]); at--)
		s->blocking[at] = s->blocking[at - 1];
	s->blocking[at] = b;
}

/* Look at one partner's pairs. */
static void
scan_partner(Scan *s, int i)
{
	const CostWork *w = s->w;
	const AssignResult *plan = w->plan;
	double		best = INFINITY;

	for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
		if (plan->lead[p] >= 0)
			s->holder[plan->lead[p]] = i;
	s->out->runner_up[i] = -1;
	for (int64_t k = w->prob.row_start[i]; k < w->prob.row_start[i + 1]; k++)
	{
		int			j = w->prob.row_lead[k];
		double		c = cost_given(w, k);

		if (s->holder[j] == i)
			continue;
		if (c < best)
		{
			best = c;
			s->out->runner_up[i] = j;
			s->out->runner_up_at[i] = k;
		}
		if (c < s->partner_worst[i] && c < s->lead_worst[j])
			note_blocking(s, i, j, c);
	}
}

CostScan *
costs_scan(const CostWork *w)
{
	size_t		np = (size_t) Max(w->prob.npartner, 1);
	size_t		nl = (size_t) Max(w->prob.nlead, 1);
	CostScan   *out = palloc0(sizeof(CostScan));
	Scan	   *s = palloc0(sizeof(Scan));

	s->w = w;
	s->out = out;
	out->runner_up = palloc(sizeof(int) * np);
	out->runner_up_at = palloc(sizeof(int64_t) * np);
	out->room = palloc(sizeof(int) * nl);
	s->partner_worst = palloc(sizeof(double) * np);
	s->has_empty = palloc(np);
	s->lead_worst = palloc(sizeof(double) * nl);
	s->holder = palloc(sizeof(int) * nl);
	find_worst(s);
	for (int i = 0; i < w->prob.npartner; i++)
	{
		CHECK_FOR_INTERRUPTS();
		scan_partner(s, i);
	}
	for (int k = 0; k < Min(out->nblocking, PLAN_BLOCKING); k++)
	{
		const Blocking *b = &s->blocking[k];

		out->blocking[k] = (PlanGain) {w->partner[b->partner], w->lead[b->lead],
			b->partner_gain, b->lead_gain};
	}
	pfree(s->partner_worst);
	pfree(s->has_empty);
	pfree(s->lead_worst);
	pfree(s->holder);
	pfree(s);
	return out;
}
