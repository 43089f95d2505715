/*
 * assign_scan.c
 *		One pass over all pairs of the analyst's own costs, as given: runners-up and
 *		blocking pairs.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"

#include "plan/assign_costs.h"

typedef struct Scan
{
	const CostWork *w;
	CostScan   *out;
	double	   *partner_worst;	/* [npartner] given up for a better one; INFINITY: an empty place */
	bool	   *has_empty;
	double	   *lead_worst;		/* [nlead] INFINITY: room left */
	int		   *holder;			/* [nlead] the last partner seen to have it */
} Scan;

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
			plan_note_blocking(&s->out->blocking, i, j, c, s->partner_worst[i], s->has_empty[i],
							   s->lead_worst[j]);
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
	pfree(s->partner_worst);
	pfree(s->has_empty);
	pfree(s->lead_worst);
	pfree(s->holder);
	pfree(s);
	return out;
}
