/*
 * price.c
 *		A sharper bound on the cost of groups: prices of schools.
 *
 * A school can be in one group only.  Let that rule go, and let instead each
 * partner school a have a price l_a >= 0 to be paid by every group that has it;
 * then any N groups, each with a lead of its own, cost at least
 *
 *		sum over the N leads of smallest h_j - sum l_a,
 *		h_j = min over sets of partners of (cost of the group + their prices),
 *
 * the lead's own price included where it could be a partner as well (Lagrangian
 * relaxation of the set-packing problem).  The relaxation to pairs of group_bound.c
 * never asks whether the partners of one group are alike; this one does, exactly.
 * Prices go where the bound grows: up for schools that are in several of the
 * cheapest groups, down for those in none (subgradient steps after Polyak).
 * They are whole numbers, and so is the bound: whatever they are, it holds.
 *
 * Source: Held, Wolfe and Crowder (1974), Mathematical Programming 6, 62-88.
 *
 * The cheapest set of a lead is found by branch and bound.  In the units of group.h
 * the peers' term is the sum over partners of their losses with their peers, and
 * each partner's at least its share of group_relax(): so pair + price + share is what
 * a partner costs at least.  A lead looks at its GROUP_OFFERS partners cheapest
 * in pair + share; a set with any other costs at least the cheapest of those and what
 * the rest cost at least without prices.  Where the search for a lead stops early,
 * what was not searched counts by its bound.
 */
#include "sipp.h"

#include "miscadmin.h"

#include "group/group.h"

#define GROUP_OFFERS	256		/* partners that a lead looks at */
#define PRICE_STEPS		1000		/* changes of the prices */
#define PRICE_WORK		INT64CONST(100000000)	/* partners looked at, in all */
#define LEAD_WORK		20000	/* and for one lead at one time */
#define PATIENCE		20				/* changes without a better bound before steps are halved */
#define DEFLECTION		0.6

/* What a partner costs under a lead. */
typedef struct Offer
{
	int64		low;			/* pair, price and share: at least that */
	int64		cost;			/* pair and price */
	int			member;
} Offer;

#define ST_SORT sort_offers
#define ST_ELEMENT_TYPE Offer
#define ST_COMPARE(a, b) ((a)->low != (b)->low ? ((a)->low < (b)->low ? -1 : 1) : (a)->member - (b)->member)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* A lead's cheapest group under the prices. */
typedef struct LeadBest
{
	int64		low;			/* it costs at least that; GROUP_NO_COST: there is none */
	int			lead;
	int			nmember;		/* 0 where the bound is of sets that were not searched */
	int			member[GROUP_MAX_SIZE];
} LeadBest;

#define ST_SORT sort_leads
#define ST_ELEMENT_TYPE LeadBest
#define ST_COMPARE(a, b) ((a)->low != (b)->low ? ((a)->low < (b)->low ? -1 : 1) : (a)->lead - (b)->lead)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

typedef struct Pricing
{
	GroupWork  *w;
	int64	   *price;			/* [n] of members; 0 for those who only lead */
	double	   *exact;			/* [n] before rounding */
	double	   *top;			/* [n] those of the best bound: the work's top_price */
	double	   *direction;		/* [n] of the last change */
	int		   *used;			/* [n] how often in the cheapest groups, less 1 */
	int64		most;			/* of a price, so that sums stay in range */
	int64		work;			/* left */

	/* each lead's partners without prices, cheapest first */
	int		   *start;			/* [nlead + 1] */
	Offer	   *base;
	int64	   *outside;		/* [nlead] what a set with any other partner costs at least */
	LeadBest   *best;			/* [nlead] */

	/* the search for one lead */
	int			noffer;
	Offer		offer[GROUP_OFFERS];
	int			left;			/* steps */
	int			first;			/* where its first partner stands */
	int			class_left[GROUP_MAX_SIZE];
	int			chosen[GROUP_MAX_SIZE];
	int64		best_cost;
	int			best_set[GROUP_MAX_SIZE];
} Pricing;

/* The partners of each lead and what is outside. */
static void
make_offers(Pricing *p)
{
	GroupWork  *w = p->w;
	Offer	   *all = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Offer) * w->npartner);

	p->start = palloc(sizeof(int) * (w->nlead + 1));
	p->base = MemoryContextAllocHuge(CurrentMemoryContext,
									 sizeof(Offer) * w->nlead * (Size) Min(w->npartner, GROUP_OFFERS));
	p->outside = palloc(sizeof(int64) * w->nlead);
	p->best = palloc(sizeof(LeadBest) * w->nlead);
	p->start[0] = 0;
	for (int j = 0; j < w->nlead; j++)
	{
		int			lead = w->lead[j];
		int			n = 0;
		int			kept;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < w->npartner; i++)
		{
			int64		share = w->relax.share[(int64) i * w->nclass + w->class_of[lead]];
			int32		u = group_pair(w, w->partner[i], lead, GROUP_NONE);

			if (u == GROUP_NONE || share == GROUP_NO_COST)
				continue;
			all[n].member = w->partner[i];
			all[n].cost = w->pair_weight * u;
			all[n].low = all[n].cost + share;
			n++;
		}
		sort_offers(all, n);
		kept = Min(n, GROUP_OFFERS);
		memcpy(p->base + p->start[j], all, sizeof(Offer) * kept);
		p->start[j + 1] = p->start[j] + kept;
		p->outside[j] = GROUP_NO_COST;
		if (kept < n)
		{
			p->outside[j] = all[kept].low;
			for (int k = 0; k < w->places - 1; k++)
				p->outside[j] += all[k].low;
		}
	}
	pfree(all);
}

/* Complete a set that has `done` partners from offer number `from` on. */
static void
choose_partners(Pricing *p, int lead, int from, int done, int64 low, int64 cost)
{
	GroupWork  *w = p->w;
	int			need = w->places - done;

	for (int k = from; k + need <= p->noffer; k++)
	{
		const Offer *o = &p->offer[k];
		int64		with = cost + o->cost;
		int			d = 0;

		/* stopped below: sets that begin with p->first, which stays, were not all seen */
		if (p->left < 0)
			return;
		if (done == 0)
			p->first = k;
		if (low + need * o->low >= p->best_cost)
			return;
		if (--p->left < 0)
			return;
		if (w->mixed && p->class_left[w->class_of[o->member]] == 0)
			continue;
		for (; d < done; d++)
		{
			int32		u = group_peer(w, p->chosen[d], o->member);

			if (u == GROUP_NONE)
				break;
			with += 2 * (int64) u;
		}
		if (d < done || with >= p->best_cost)
			continue;
		p->chosen[done] = o->member;
		if (need > 1)
		{
			p->class_left[w->class_of[o->member]]--;
			choose_partners(p, lead, k + 1, done + 1, low + o->low, with);
			p->class_left[w->class_of[o->member]]++;
			continue;
		}
		p->chosen[w->places] = lead;
		if (w->min_authorities > 1 &&
			group_authorities(w, p->chosen, w->size) < w->min_authorities)
			continue;
		p->best_cost = with;
		memcpy(p->best_set, p->chosen, sizeof(int) * w->size);
	}
}

/* The cheapest group of lead j under the prices. */
static void
price_lead(Pricing *p, int j)
{
	GroupWork  *w = p->w;
	LeadBest   *best = &p->best[j];
	int			lead = w->lead[j];

	p->noffer = 0;
	for (int k = p->start[j]; k < p->start[j + 1]; k++)
	{
		Offer	   *o = &p->offer[p->noffer];

		*o = p->base[k];
		/* its own partner it cannot be */
		if (o->member == lead)
			continue;
		o->low += p->price[o->member];
		o->cost += p->price[o->member];
		p->noffer++;
	}
	sort_offers(p->offer, p->noffer);
	for (int class = 0; class < w->nclass; class++)
		p->class_left[class] = w->class_need[class] - (class == w->class_of[lead]);
	p->left = LEAD_WORK;
	p->first = 0;
	p->best_cost = GROUP_NO_COST;
	choose_partners(p, lead, 0, 0, 0, 0);
	p->work -= LEAD_WORK - p->left + 8 * p->noffer;

	best->lead = j;
	best->low = p->best_cost;
	best->nmember = p->best_cost == GROUP_NO_COST ? 0 : w->size;
	memcpy(best->member, p->best_set, sizeof(int) * w->size);
	/* sets whose first partner is this one or a later one were not all searched */
	if (p->left < 0)
		best->low = Min(best->low, w->places * p->offer[p->first].low);
	best->low = Min(best->low, p->outside[j]);
	if (best->low < p->best_cost)
		best->nmember = 0;
	if (best->low != GROUP_NO_COST)
		best->low += p->price[lead];
}

/* The bound of the prices as they are; false if there is no more time to find it. */
static bool
price_bound(Pricing *p, int64 *bound)
{
	GroupWork  *w = p->w;

	*bound = 0;
	for (int j = 0; j < w->nlead; j++)
	{
		CHECK_FOR_INTERRUPTS();
		price_lead(p, j);
		if (p->work < 0)
			return false;
	}
	sort_leads(p->best, w->nlead);
	for (int k = 0; k < w->ngroup; k++)
	{
		/* the groups that were found have as many leads */
		if (p->best[k].low == GROUP_NO_COST)
			elog(ERROR, "sipp.group_schools: a lead with a group has none");
		*bound += p->best[k].low;
	}
	for (int a = 0; a < w->n; a++)
		*bound -= p->price[a];
	return true;
}

/*
 * Move the prices by a step towards the bound that is hoped for.  The direction is
 * the subgradient with some of the last direction in it, which takes the zigzag out
 * (Camerini, Fratta and Maffioli 1975, Mathematical Programming Study 3, 26-34).
 */
static bool
change_prices(Pricing *p, double gap)
{
	GroupWork  *w = p->w;
	double		square = 0;

	for (int a = 0; a < w->n; a++)
		p->used[a] = -1;
	for (int k = 0; k < w->ngroup; k++)
		for (int d = 0; d < p->best[k].nmember; d++)
			p->used[p->best[k].member[d]]++;
	for (int a = 0; a < w->n; a++)
	{
		double		d = p->used[a] + DEFLECTION * p->direction[a];

		/* a price of 0 does not fall; who only leads has none */
		if (w->partner_at[a] < 0 || (d < 0 && p->price[a] == 0))
			d = 0;
		p->direction[a] = d;
		square += d * d;
	}
	if (square == 0)
		return false;
	for (int a = 0; a < w->n; a++)
	{
		if (p->direction[a] == 0)
			continue;
		p->exact[a] += gap / square * p->direction[a];
		p->exact[a] = Max(0, Min(p->exact[a], (double) p->most));
		p->price[a] = (int64) p->exact[a];
	}
	return true;
}

/*
 * At the prices of the best bound the cheapest groups clash least: those that do not,
 * the cheapest first, are where another search may start.
 */
static void
suggest_groups(Pricing *p)
{
	GroupWork  *w = p->w;
	int64		bound;

	for (int a = 0; a < w->n; a++)
	{
		p->price[a] = (int64) p->top[a];
		p->used[a] = 0;
	}
	p->work = PRICE_WORK;
	w->nsuggested = 0;
	if (!price_bound(p, &bound))
		return;
	for (int k = 0; k < w->nlead; k++)
	{
		const LeadBest *best = &p->best[k];
		bool		clash = best->nmember == 0;

		for (int d = 0; d < best->nmember && !clash; d++)
			clash = p->used[best->member[d]] > 0;
		if (clash || !group_make(w, best->member, -1, &w->suggested[w->nsuggested]))
			continue;
		w->nsuggested++;
		for (int d = 0; d < best->nmember; d++)
			p->used[best->member[d]] = 1;
	}
}

int64
group_price_bound(GroupWork *w, int64 found)
{
	Pricing		p = {0};
	int64		best = 0;
	double		step = 1;
	int			waited = 0;

	if (w->ngroup == 0 || w->places < 2 || w->pair == NULL || w->peer == NULL)
		return 0;
	p.w = w;
	p.work = PRICE_WORK;
	p.most = PG_INT64_MAX / 4 / ((int64) (w->n + 1) * w->size);
	p.price = palloc0(sizeof(int64) * w->n);
	p.exact = palloc(sizeof(double) * w->n);
	p.used = palloc(sizeof(int) * w->n);
	p.direction = palloc0(sizeof(double) * w->n);
	p.top = w->top_price;
	make_offers(&p);
	/* from where the last call left them */
	for (int a = 0; a < w->n; a++)
		p.price[a] = (int64) (p.exact[a] = p.top[a]);
	for (int k = 0; k < PRICE_STEPS; k++)
	{
		int64		bound;

		if (!price_bound(&p, &bound))
			break;
		if (bound > best)
		{
			/* a hair's breadth is no progress */
			if ((double) (bound - best) > 1e-4 * (double) (found - best))
				waited = 0;
			best = bound;
			memcpy(p.top, p.exact, sizeof(double) * w->n);
		}
		if (++waited > PATIENCE)
		{
			step *= 0.7;
			waited = 0;
			memcpy(p.exact, p.top, sizeof(double) * w->n);
			memset(p.direction, 0, sizeof(double) * w->n);
			for (int a = 0; a < w->n; a++)
				p.price[a] = (int64) p.exact[a];
			continue;
		}
		if (best >= found || step < 1e-4 ||
			!change_prices(&p, step * (double) (found - bound)))
			break;
	}
	suggest_groups(&p);
	pfree(p.price);
	pfree(p.exact);
	pfree(p.start);
	pfree(p.base);
	pfree(p.outside);
	pfree(p.best);
	pfree(p.used);
	pfree(p.direction);
	return best;
}
