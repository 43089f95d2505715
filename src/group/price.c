/*
 * price.c
 *		A sharper bound on the cost of groups, by Lagrangian multipliers.
 *
 * A school can be in one group only.  Relax that rule, and let instead each partner
 * school a have a multiplier, or price, l_a >= 0 to be paid by every group that has it;
 * then any N groups, each with a lead of its own, cost at least
 *
 *		sum over the N leads of smallest h_j - sum l_a,
 *		h_j = min over sets of partners of (cost of the group + their prices),
 *
 * the lead's own price included where it could be a partner as well (Lagrangian
 * relaxation of the set-packing problem).  The relaxation to pairs of bound.c
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
#include "utils/memutils.h"

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
	const GroupProblem *problem;
	const GroupCosts *costs;
	int			ngroup;
	int64	   *price;			/* [n] of members; 0 for those who only lead */
	double	   *exact;			/* [n] before rounding */
	double	   *top;			/* [n] those of the best bound: of the GroupPrices */
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
make_offers(Pricing *x)
{
	const GroupProblem *p = x->problem;
	const GroupCosts *c = x->costs;
	Offer	   *all = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Offer) * p->npartner);

	x->start = palloc(sizeof(int) * (p->nlead + 1));
	x->base = MemoryContextAllocHuge(CurrentMemoryContext,
									 sizeof(Offer) * p->nlead * (Size) Min(p->npartner, GROUP_OFFERS));
	x->outside = palloc(sizeof(int64) * p->nlead);
	x->best = palloc(sizeof(LeadBest) * p->nlead);
	x->start[0] = 0;
	for (int j = 0; j < p->nlead; j++)
	{
		int			lead = p->lead[j];
		int			n = 0;
		int			kept;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < p->npartner; i++)
		{
			int64		share = c->relax.share[(int64) i * p->nclass + p->class_of[lead]];
			int32		u = group_pair(c, p->partner[i], lead, GROUP_NONE);

			if (u == GROUP_NONE || share == GROUP_NO_COST)
				continue;
			all[n].member = p->partner[i];
			all[n].cost = p->pair_weight * u;
			all[n].low = all[n].cost + share;
			n++;
		}
		sort_offers(all, n);
		kept = Min(n, GROUP_OFFERS);
		memcpy(x->base + x->start[j], all, sizeof(Offer) * kept);
		x->start[j + 1] = x->start[j] + kept;
		x->outside[j] = GROUP_NO_COST;
		if (kept < n)
		{
			x->outside[j] = all[kept].low;
			for (int k = 0; k < p->places - 1; k++)
				x->outside[j] += all[k].low;
		}
	}
	pfree(all);
}

/* Complete a set of `done` partners by offers from number `from` on, by branch and bound. */
static void
choose_partners(Pricing *x, int lead, int from, int done, int64 low, int64 cost)
{
	const GroupProblem *p = x->problem;
	int			need = p->places - done;

	for (int k = from; k + need <= x->noffer; k++)
	{
		const Offer *o = &x->offer[k];
		int64		with = cost + o->cost;
		int			d = 0;

		/* stopped below: sets that begin with x->first, which stays, were not all seen */
		if (x->left < 0)
			return;
		if (done == 0)
			x->first = k;
		if (low + need * o->low >= x->best_cost)
			return;
		if (--x->left < 0)
			return;
		if (p->mixed && x->class_left[p->class_of[o->member]] == 0)
			continue;
		for (; d < done; d++)
		{
			int32		u = group_peer(x->costs, x->chosen[d], o->member);

			if (u == GROUP_NONE)
				break;
			with += 2 * (int64) u;
		}
		if (d < done || with >= x->best_cost)
			continue;
		x->chosen[done] = o->member;
		if (need > 1)
		{
			x->class_left[p->class_of[o->member]]--;
			choose_partners(x, lead, k + 1, done + 1, low + o->low, with);
			x->class_left[p->class_of[o->member]]++;
			continue;
		}
		x->chosen[p->places] = lead;
		if (p->min_authorities > 1 &&
			group_authorities(p, x->chosen, p->size) < p->min_authorities)
			continue;
		x->best_cost = with;
		memcpy(x->best_set, x->chosen, sizeof(int) * p->size);
	}
}

/* The cheapest group of lead j under the prices. */
static void
price_lead(Pricing *x, int j)
{
	const GroupProblem *p = x->problem;
	LeadBest   *best = &x->best[j];
	int			lead = p->lead[j];

	x->noffer = 0;
	for (int k = x->start[j]; k < x->start[j + 1]; k++)
	{
		Offer	   *o = &x->offer[x->noffer];

		*o = x->base[k];
		/* A lead cannot be a partner in its own group. */
		if (o->member == lead)
			continue;
		o->low += x->price[o->member];
		o->cost += x->price[o->member];
		x->noffer++;
	}
	sort_offers(x->offer, x->noffer);
	for (int class = 0; class < p->nclass; class++)
		x->class_left[class] = p->class_need[class] - (class == p->class_of[lead]);
	x->left = LEAD_WORK;
	x->first = 0;
	x->best_cost = GROUP_NO_COST;
	choose_partners(x, lead, 0, 0, 0, 0);
	x->work -= LEAD_WORK - x->left + 8 * x->noffer;

	best->lead = j;
	best->low = x->best_cost;
	best->nmember = x->best_cost == GROUP_NO_COST ? 0 : p->size;
	memcpy(best->member, x->best_set, sizeof(int) * p->size);
	/* sets whose first partner is this one or a later one were not all searched */
	if (x->left < 0)
		best->low = Min(best->low, p->places * x->offer[x->first].low);
	best->low = Min(best->low, x->outside[j]);
	if (best->low < x->best_cost)
		best->nmember = 0;
	if (best->low != GROUP_NO_COST)
		best->low += x->price[lead];
}

/* The bound of the prices as they are; false if there is no more time to find it. */
static bool
price_bound(Pricing *x, int64 *bound)
{
	const GroupProblem *p = x->problem;

	*bound = 0;
	for (int j = 0; j < p->nlead; j++)
	{
		CHECK_FOR_INTERRUPTS();
		price_lead(x, j);
		if (x->work < 0)
			return false;
	}
	sort_leads(x->best, p->nlead);
	for (int k = 0; k < x->ngroup; k++)
	{
		/* the groups that were found have as many leads */
		if (x->best[k].low == GROUP_NO_COST)
			elog(ERROR, "sipp.group_schools: a lead with a group has none");
		*bound += x->best[k].low;
	}
	for (int a = 0; a < p->n; a++)
		*bound -= x->price[a];
	return true;
}

/*
 * Move the prices by a step towards the bound that is hoped for.  The direction is
 * the subgradient with some of the last direction in it, which takes the zigzag out
 * (Camerini, Fratta and Maffioli 1975, Mathematical Programming Study 3, 26-34).
 */
static bool
change_prices(Pricing *x, double gap)
{
	const GroupProblem *p = x->problem;
	double		square = 0;

	for (int a = 0; a < p->n; a++)
		x->used[a] = -1;
	for (int k = 0; k < x->ngroup; k++)
		for (int d = 0; d < x->best[k].nmember; d++)
			x->used[x->best[k].member[d]]++;
	for (int a = 0; a < p->n; a++)
	{
		double		d = x->used[a] + DEFLECTION * x->direction[a];

		/* a price of 0 does not fall; who only leads has none */
		if (p->partner_at[a] < 0 || (d < 0 && x->price[a] == 0))
			d = 0;
		x->direction[a] = d;
		square += d * d;
	}
	if (square == 0)
		return false;
	for (int a = 0; a < p->n; a++)
	{
		if (x->direction[a] == 0)
			continue;
		x->exact[a] += gap / square * x->direction[a];
		x->exact[a] = Max(0, Min(x->exact[a], (double) x->most));
		x->price[a] = (int64) x->exact[a];
	}
	return true;
}

/*
 * At the prices of the best bound the cheapest groups clash least: those that do not,
 * the cheapest first, are where another search may start.
 */
static void
suggest_groups(Pricing *x, GroupBudget *budget, GroupPrices *prices)
{
	const GroupProblem *p = x->problem;
	int64		bound;

	for (int a = 0; a < p->n; a++)
	{
		x->price[a] = (int64) x->top[a];
		x->used[a] = 0;
	}
	x->work = PRICE_WORK;
	prices->nsuggested = 0;
	if (!price_bound(x, &bound))
		return;
	for (int k = 0; k < p->nlead; k++)
	{
		const LeadBest *best = &x->best[k];
		bool		clash = best->nmember == 0;

		for (int d = 0; d < best->nmember && !clash; d++)
			clash = x->used[best->member[d]] > 0;
		if (clash || !group_make(x->costs, budget, best->member, -1,
								 &prices->suggested[prices->nsuggested]))
			continue;
		prices->nsuggested++;
		for (int d = 0; d < best->nmember; d++)
			x->used[best->member[d]] = 1;
	}
}

int64
group_price_bound(const GroupCosts *c, GroupBudget *budget, int ngroup, int64 found,
				  GroupPrices *prices)
{
	const GroupProblem *p = c->problem;
	Pricing		x = {0};
	int64		best = 0;
	double		step = 1;
	int			waited = 0;
	MemoryContext cxt;
	MemoryContext old;

	if (ngroup == 0 || p->places < 2 || c->pair == NULL || c->peer == NULL)
		return 0;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp group prices", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	x.problem = p;
	x.costs = c;
	x.ngroup = ngroup;
	x.work = PRICE_WORK;
	x.most = PG_INT64_MAX / 4 / ((int64) (p->n + 1) * p->size);
	x.price = palloc0(sizeof(int64) * p->n);
	x.exact = palloc(sizeof(double) * p->n);
	x.used = palloc(sizeof(int) * p->n);
	x.direction = palloc0(sizeof(double) * p->n);
	x.top = prices->price;
	make_offers(&x);
	/* from where the last call left them */
	for (int a = 0; a < p->n; a++)
		x.price[a] = (int64) (x.exact[a] = x.top[a]);
	for (int k = 0; k < PRICE_STEPS; k++)
	{
		int64		bound;

		if (!price_bound(&x, &bound))
			break;
		if (bound > best)
		{
			/* a hair's breadth is no progress */
			if ((double) (bound - best) > 1e-4 * (double) (found - best))
				waited = 0;
			best = bound;
			memcpy(x.top, x.exact, sizeof(double) * p->n);
		}
		if (++waited > PATIENCE)
		{
			step *= 0.7;
			waited = 0;
			memcpy(x.exact, x.top, sizeof(double) * p->n);
			memset(x.direction, 0, sizeof(double) * p->n);
			for (int a = 0; a < p->n; a++)
				x.price[a] = (int64) x.exact[a];
			continue;
		}
		if (best >= found || step < 1e-4 ||
			!change_prices(&x, step * (double) (found - bound)))
			break;
	}
	suggest_groups(&x, budget, prices);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return best;
}
