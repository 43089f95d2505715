/*
 * assign_document.c
 *		The document of a plan on the analyst's own costs.
 *
 * Prices and sums are exact: whole numbers of a unit, a power of two so small
 * that each price, each cost in a plan and unpaired_cost is a whole number of
 * it.
 */
#include "sipp.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "plan/assign_costs.h"
#include "plan/exact.h"

/* What writing needs besides the problem. */
typedef struct CostDoc
{
	const CostWork *w;
	CostScan   *scan;
	ExactUnits	units;
	Numeric		best_units;		/* sums of the pairs' costs, locked pairs not among them */
	Numeric		plan_units;
	Numeric		lock_units;
	double	   *worth;			/* [nlead] -v_j; NULL while nobody asked */
	PlanEmpty	empty;
} CostDoc;

/* The smaller exponent. */
static void
note_bits(int *exponent, double cost)
{
	if (!isnan(cost))
		*exponent = Min(*exponent, exact_last_bit(cost));
}

/* The same of a plan's costs. */
static void
note_plan_bits(const CostWork *w, const AssignResult *plan, int *exponent)
{
	for (int i = 0; i < w->prob.npartner; i++)
		for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
			if (plan->lead[p] >= 0)
				note_bits(exponent, cost_given(w, plan_row_find(&w->prob, i, plan->lead[p])));
}

/* The exponent of the unit. */
static int
find_unit(const CostWork *w)
{
	int			exponent = w->levels.exponent[w->levels.n - 1];

	if (w->cost)
	{
		note_plan_bits(w, &w->best, &exponent);
		if (w->plan != &w->best)
			note_plan_bits(w, w->plan, &exponent);
	}
	note_bits(&exponent, w->costs->unpaired);
	for (int k = 0; k < w->lock_start[w->prob.npartner]; k++)
		note_bits(&exponent, w->lock_cost[k]);
	return exponent;
}

/* Sum of a plan's costs, in units. */
static Numeric
plan_units(const CostDoc *d, const AssignResult *plan)
{
	const CostWork *w = d->w;
	double	   *cost;
	int			n = 0;

	/* units of the problem are exact then, and no sum of them leaves int64 */
	if (!w->cost)
		return exact_scale(int64_to_numeric(plan->cost), w->exponent - d->units.exponent);
	cost = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(plan->nplace, 1));
	for (int i = 0; i < w->prob.npartner; i++)
		for (int p = plan->place_start[i]; p < plan->place_start[i + 1]; p++)
			if (plan->lead[p] >= 0)
				cost[n++] = cost_given(w, plan_row_find(&w->prob, i, plan->lead[p]));
	return exact_sum(cost, n, d->units.exponent);
}

static Numeric
partner_price(const CostDoc *d, int i)
{
	return exact_price(&d->units, d->w->levels.u, i);
}

static Numeric
lead_price(const CostDoc *d, int j)
{
	return exact_price(&d->units, d->w->levels.v, j);
}

/* The price of an empty place, in units. */
static Numeric
empty_price(const CostDoc *d)
{
	const CostWork *w = d->w;

	return w->priced ? exact_units(w->costs->unpaired, d->units.exponent) :
		exact_scale(int64_to_numeric(w->prob.unpaired), w->exponent - d->units.exponent);
}

static CostDoc *
doc_make(const CostWork *w)
{
	CostDoc    *d = palloc0(sizeof(CostDoc));

	d->w = w;
	d->scan = costs_scan(w);
	d->empty.cxt = CurrentMemoryContext;
	exact_units_make(&d->units, &w->levels, find_unit(w));
	d->best_units = plan_units(d, &w->best);
	d->plan_units = w->plan == &w->best ? d->best_units : plan_units(d, w->plan);
	d->lock_units = exact_sum(w->lock_cost, w->lock_start[w->prob.npartner], d->units.exponent);
	return d;
}

/* Have plans prices for the places of a lead: is it full, and the plan the cheapest? */
static bool
is_priced(const CostDoc *d, int j)
{
	return d->scan->room[j] <= 0 && d->w->plan == &d->w->best;
}

/* What one more place with lead j is worth to others. */
static double
worth_elsewhere(CostDoc *d, int j)
{
	const CostWork *w = d->w;

	if (!is_priced(d, j))
		return 0;
	if (d->worth == NULL)
	{
		MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp worth",
												  ALLOCSET_SMALL_SIZES);

		d->worth = MemoryContextAllocHuge(GetMemoryChunkContext(d), sizeof(double) *
										  (size_t) w->prob.nlead);
		for (int k = 0; k < w->prob.nlead; k++)
		{
			MemoryContext old = MemoryContextSwitchTo(cxt);
			double		price = exact_double(lead_price(d, k), d->units.exponent);

			CHECK_FOR_INTERRUPTS();
			d->worth[k] = isnan(price) ? INFINITY : -price;
			MemoryContextSwitchTo(old);
			MemoryContextReset(cxt);
		}
		MemoryContextDelete(cxt);
	}
	return d->worth[j];
}

/* Has a partner this lead in the plan? */
static bool
has_lead(const CostWork *w, int i, int j)
{
	for (int p = w->plan->place_start[i]; p < w->plan->place_start[i + 1]; p++)
		if (w->plan->lead[p] == j)
			return true;
	return false;
}

/* What unpaired_cost must be above for a pair to be made; NULL: none can be. */
static char *
price_text(double worth)
{
	return isinf(nextafter(worth, INFINITY)) ? NULL :
		psprintf("unpaired_cost > %s", plan_number_text(worth));
}

/*
 * The cheapest change that would fill a place of partner i: a higher price of
 * an empty place where some lead has room, otherwise one more place there.
 */
static char *
find_relaxation(CostDoc *d, int i, double empty, bool full)
{
	const CostWork *w = d->w;
	double		cheapest = INFINITY;	/* of leads with room */
	double		least = INFINITY;	/* of all, with what the place is worth to others */
	double		least_cost = 0;
	int			best = -1;
	char	   *text;

	for (int64_t k = w->prob.row_start[i]; k < w->prob.row_start[i + 1]; k++)
	{
		int			j = w->prob.row_lead[k];
		double		c = cost_given(w, k);
		double		worth;

		if (has_lead(w, i, j))
			continue;
		if (d->scan->room[j] > 0)
			cheapest = Min(cheapest, c);
		if (full && c >= empty)
			continue;
		worth = c + worth_elsewhere(d, j);
		if (best < 0 || worth < least)
		{
			best = j;
			least = worth;
			least_cost = c;
		}
	}
	if (!full && cheapest < INFINITY)
		return price_text(cheapest);
	if (best < 0)
		return NULL;
	least = is_priced(d, best) ? exact_worth(&d->units, best, least_cost) : least_cost;
	if (isnan(w->costs->unpaired) || (least_cost < empty && least <= empty))
		return psprintf("one more place at %s", w->lead[best]);
	text = price_text(least);
	return text ? psprintf("one more place at %s and %s", w->lead[best], text) : NULL;
}

/* Why a place of partner i is empty, and what would fill it. */
static void
explain_empty(CostDoc *d, int i, PlanPlace *place)
{
	const CostWork *w = d->w;
	bool		has_some = w->plan->lead[w->plan->place_start[i]] >= 0 ||
		w->lock_start[i] < w->lock_start[i + 1];
	double		empty = w->priced ? w->costs->unpaired :
		w->prob.unpaired > 0 ? INFINITY : -INFINITY;
	bool		full;

	if (d->scan->runner_up[i] < 0)
	{
		place->reason = pstrdup(has_some ? "no further allowed pair" : "no allowed pair");
		return;
	}
	CHECK_FOR_INTERRUPTS();
	full = cost_given(w, d->scan->runner_up_at[i]) < empty;
	place->reason = psprintf("%s%s", has_some ? "no further lead: " : "", full ?
							 "all allowed leads are full" :
							 "no allowed lead costs less than unpaired_cost");
	place->relaxation = find_relaxation(d, i, empty, full);
}

/* One place, filled by lead j at a cost (NaN: not known), or empty. */
static void
fill_place(CostDoc *d, int i, int j, double cost, PlanPlace *place)
{
	const CostWork *w = d->w;
	int			other = d->scan->runner_up[i];

	place->cost = place->margin = NAN;
	if (j >= 0)
	{
		place->lead = w->lead[j];
		place->cost = cost;
	}
	else
	{
		explain_empty(d, i, place);
		plan_empty_count(&d->empty, place->reason);
	}
	if (other >= 0)
	{
		place->runner_up = w->lead[other];
		if (j >= 0)
			place->margin = cost_given(w, d->scan->runner_up_at[i]) - cost;
		/* costs of opposite sign may be as far apart as no number is */
		if (isinf(place->margin))
			place->margin = NAN;
	}
}

/* A partner with its places: the locked ones, the others, the empty ones. */
static void
write_partner(PlanWriter *out, CostDoc *d, int i)
{
	const CostWork *w = d->w;
	PlanPartner partner = {0};
	int			nlock = w->lock_start[i + 1] - w->lock_start[i];

	partner.id = w->partner[i];
	partner.places = w->places[i];
	partner.price = partner_price(d, i);
	partner.nplace = nlock + w->places[i];
	partner.place = palloc0(sizeof(PlanPlace) * (size_t) partner.nplace);
	for (int k = 0; k < partner.nplace; k++)
	{
		PlanPlace  *place = &partner.place[k];
		int			at = w->lock_start[i] + k;
		int			j = k < nlock ? w->lock_lead[at] :
			w->plan->lead[w->plan->place_start[i] + k - nlock];

		place->locked = k < nlock;
		fill_place(d, i, j, k < nlock ? w->lock_cost[at] : j < 0 ? NAN :
				   cost_given(w, plan_row_find(&w->prob, i, j)), place);
	}
	plan_write_partner(out, &partner);
}

/* The price of a pair that costs less than its partner's and its lead's together. */
static void
write_extra(PlanWriter *out, const CostDoc *d, int i, int j, double cost, int places)
{
	const CostWork *w = d->w;
	PlanExtra	extra = {w->partner[i], w->lead[j], places, NULL};

	extra.price = exact_pair_price(&d->units, i, j, cost);
	if (exact_sign(extra.price) < 0)
		plan_write_extra(out, &extra);
}

/* The prices of a partner's pairs in the cheapest plan, and of its locked ones. */
static void
write_extras(PlanWriter *out, CostDoc *d, int i)
{
	const CostWork *w = d->w;

	for (int p = w->best.place_start[i]; p < w->best.place_start[i + 1]; p++)
	{
		int			j = w->best.lead[p];

		/* a partner of one place needs none */
		if (j >= 0 && w->places[i] > 1)
			write_extra(out, d, i, j, cost_given(w, plan_row_find(&w->prob, i, j)), 1);
	}
	for (int k = w->lock_start[i]; k < w->lock_start[i + 1]; k++)
		if (!isnan(w->lock_cost[k]))
			write_extra(out, d, i, w->lock_lead[k], w->lock_cost[k], 0);
}

/* A lead. */
static void
write_lead(PlanWriter *out, CostDoc *d, int j)
{
	PlanLead	lead = {d->w->lead[j], d->w->capacity[j], lead_price(d, j)};

	plan_write_lead(out, &lead);
}

/* One of the lists, row by row, in memory of its own. */
static void
write_list(PlanWriter *out, CostDoc *d, int n, void (*write) (PlanWriter *, CostDoc *, int))
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext row = AllocSetContextCreate(old, "sipp plan row", ALLOCSET_DEFAULT_SIZES);

	for (int k = 0; k < n; k++)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(row);
		write(out, d, k);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	MemoryContextDelete(row);
}

/* What the plan is of as a whole. */
static void
fill_head(PlanHead *head, CostDoc *d)
{
	const CostWork *w = d->w;
	bool		proven = w->fault == ASSIGN_PROVEN;
	int64		more_empty = w->plan->empty - w->best.empty;
	Numeric		gap = exact_subtract(d->plan_units, d->best_units);

	head->mode = w->costs->mode;
	head->quantum = ldexp(1, d->units.exponent);
	head->unpaired = empty_price(d);
	head->total_units = d->plan_units;
	head->total_cost = exact_double(exact_add(d->plan_units, d->lock_units), d->units.exponent);
	head->bound = proven ? exact_double(exact_add(d->best_units, d->lock_units), d->units.exponent) : NAN;
	head->target_gap = NAN;
	if (!proven)
		head->notice[head->nnotice++] = psprintf("the prices do not prove the plan best: %s",
												 assign_fault_text(w->fault));
	if (isnan(head->total_cost))
		head->notice[head->nnotice++] =
			pstrdup("the total cost is beyond the largest number: it is total_units x quantum");
	if (more_empty != 0 && !isnan(w->costs->unpaired))
	{
		Datum		price = NumericGetDatum(exact_units(w->costs->unpaired, d->units.exponent));
		Datum		places = NumericGetDatum(int64_to_numeric(more_empty));

		gap = exact_add(gap, DatumGetNumeric(DirectFunctionCall2(numeric_mul, price, places)));
	}
	if (more_empty != 0 && isnan(w->costs->unpaired))
		plan_head_gap(head, proven, false, NAN, more_empty);
	else
		plan_head_gap(head, proven, exact_sign(gap) == 0, exact_double(gap, d->units.exponent),
					  more_empty);
	if (w->unknown > 0)
		head->notice[head->nnotice++] =
			psprintf(INT64_FORMAT " %s locked without a cost, in none of the sums", w->unknown,
					 w->unknown == 1 ? "pair" : "pairs");
	if (w->prob.npartner == 0)
		head->notice[head->nnotice++] = "no row names a partner";
	if (w->prob.nlead == 0)
		head->notice[head->nnotice++] = "no row names a lead";
	plan_empty_notice(&d->empty, head);
	head->nblocking = d->scan->blocking.n;
	head->blocking = plan_blocking_document(&d->scan->blocking, w->partner, w->lead);
	head->priced = w->best.stats.priced;
	head->rounds = w->best.stats.rounds;
	head->memory = (int64) w->best.stats.peak;
}

Datum
costs_document(const CostWork *w)
{
	CostDoc    *d = doc_make(w);
	PlanHead	head = {0};
	PlanWriter	out;

	plan_write_begin(&out);
	write_list(&out, d, w->prob.npartner, write_partner);
	write_list(&out, d, w->prob.nlead, write_lead);
	write_list(&out, d, w->prob.npartner, write_extras);
	fill_head(&head, d);
	return plan_write_end(&out, &head);
}
