/*
 * assign_refine.c
 *		From the cheapest plan of rounded costs to that of the costs as given.
 *
 * Let N be the number of places, and r_ij = c_ij - u_i - v_j the reduced costs
 * of a level, in its units.  Rounding has changed each cost by half a unit or
 * less, and two plans differ in at most N places of each, so that the cheapest
 * plan of the costs as given costs at most N units more than the one found.
 * What it costs more is a sum of terms that are never negative: r_ij of its
 * pairs, -r_ij of the pairs with r_ij < 0 that it has not, M - u_i of empty
 * places, -v_j of free room.  So it has no pair with r_ij > N, and each with
 * r_ij < -N.
 *
 * The next level is the problem of the rest.  Its costs are the reduced costs
 * with what rounding had left, in units smaller by 16 to 35 bits; its prices
 * are added to those of this level, so their bounds are M - u_i and -v_j.
 * They start from 0 (or just below, so that they hold).  Each search adds as
 * much to the value of the prices as to the price of any node, and that value
 * is at most N units of this level from the end: no price goes further than
 * that.  So pairs with |r_ij| > 4N + 8 = reach can be left out, or kept in the
 * plan, for good: no later prices make them matter, as assign_verify_levels()
 * checks.  Where all that is left at a level is 0, as when costs of 1 stand
 * beside one of 1e300, the next unit is chosen by the largest remainder.  The
 * end is where no remainder is left.
 *
 * Source: proximity of scaled problems, after Gabow and Tarjan (1989), SIAM J.
 * Comput. 18(5), 1013-1036.
 */
#include "assign_internal.h"

#include <math.h>
#include <string.h>

#define FAR (2 * ASSIGN_MAX_COST)	/* a bound that no price of a later level reaches */

/* What is left of one level for the next. */
typedef struct Rest
{
	int64_t		npair;
	int64_t    *start;			/* [npartner + 1] */
	int		   *lead;			/* [npair] */
	int64_t    *cost;			/* whole units */
	double	   *below;			/* what is less than a unit, exactly */
	bool	   *in;				/* of the plan */
	int64_t    *empty;			/* [npartner] of an empty place, FAR if dearer than all */
	double		empty_below;
	int64_t    *room;			/* [nlead] of free room */
	int		   *places;
	int		   *capacity;
} Rest;

typedef struct Refine
{
	const AssignProblem *prob;
	const AssignCosts *costs;
	AssignMemory memory;
	AssignStatus status;
	AssignLevels *levels;
	Rest		rest;
	int			gain;			/* bits of a level */
	int		   *holder;			/* [nlead] the last partner seen to have it */

	/* pairs that no later level can take out of the plan */
	int			nfixed;
	int			nearlier;		/* of these, before the last level was solved */
	int		   *fixed_lead;		/* [nplace] */
	int		   *fixed_partner;
} Refine;

int64_t
assign_units(double cost, int exponent)
{
	return (int64_t) rint(ldexp(cost, -exponent));
}

/* What rounding to so many units leaves of a cost: exact, at most half a unit. */
static double
remainder_of(double cost, int64_t units, int exponent)
{
	/* halves, since the largest number may round to twice that */
	if (fabs(cost) >= 1)
		return 2 * (cost / 2 - ldexp((double) units, exponent - 1));
	return cost - ldexp((double) units, exponent);
}

/* The exponent of the last bit of a number that is not 0. */
static int
last_bit(double x)
{
	int			exponent;
	int64_t		digits = (int64_t) ldexp(frexp(x, &exponent), 53);

	exponent -= 53;
	while (digits % 2 == 0)
	{
		digits /= 2;
		exponent++;
	}
	return exponent;
}

/* Take the rest's arrays for at most so many pairs. */
static void
take_rest(Refine *f, int64_t npair)
{
	Rest	   *t = &f->rest;
	size_t		np = (size_t) f->prob->npartner;
	size_t		nl = (size_t) f->prob->nlead;

	t->start = assign_take(&f->memory, np + 1, sizeof(int64_t));
	t->lead = assign_take(&f->memory, (size_t) npair, sizeof(int));
	t->cost = assign_take(&f->memory, (size_t) npair, sizeof(int64_t));
	t->below = assign_take(&f->memory, (size_t) npair, sizeof(double));
	t->in = assign_take(&f->memory, (size_t) npair, sizeof(bool));
	t->empty = assign_take(&f->memory, np, sizeof(int64_t));
	t->room = assign_take(&f->memory, nl, sizeof(int64_t));
	t->places = assign_take(&f->memory, np, sizeof(int));
	t->capacity = assign_take(&f->memory, nl, sizeof(int));
}

/* Mark the leads of a partner. */
static void
hold_leads(Refine *f, const AssignResult *plan, int i)
{
	for (int k = plan->place_start[i]; k < plan->place_start[i + 1]; k++)
		if (plan->lead[k] >= 0)
			f->holder[plan->lead[k]] = i;
}

/* Mark none. */
static void
hold_none(Refine *f)
{
	for (int j = 0; j < f->prob->nlead; j++)
		f->holder[j] = -1;
}

/* Keep a pair for the next level, for good in the plan, or not at all. */
static void
keep_pair(Refine *f, int i, int j, int64_t reduced, double below, int64_t *to)
{
	Rest	   *t = &f->rest;
	bool		in = f->holder[j] == i;

	if (in && reduced < -f->levels->reach)
	{
		f->fixed_partner[f->nfixed] = i;
		f->fixed_lead[f->nfixed++] = j;
		t->places[i]--;
		t->capacity[j]--;
		return;
	}
	if (!in && reduced > f->levels->reach)
		return;
	t->lead[*to] = j;
	t->cost[*to] = reduced;
	t->below[*to] = below;
	t->in[*to] = in;
	(*to)++;
}

/* What the first level leaves. */
static bool
first_rest(Refine *f, const AssignResult *plan)
{
	const AssignProblem *prob = f->prob;
	const int64_t *u = f->levels->u[0];
	const int64_t *v = f->levels->v[0];
	Rest	   *t = &f->rest;
	int64_t		npair = 0;
	int64_t		to = 0;

	for (int i = 0; i < prob->npartner; i++)
		for (int64_t k = prob->row_start[i]; k < prob->row_start[i + 1]; k++)
		{
			npair += prob->row_cost[k] - u[i] - v[prob->row_lead[k]] <= f->levels->reach;
			assign_tick(&f->memory, 1);
		}
	take_rest(f, npair);
	f->holder = assign_take(&f->memory, (size_t) prob->nlead, sizeof(int));
	f->fixed_lead = assign_take(&f->memory, (size_t) plan->nplace, sizeof(int));
	f->fixed_partner = assign_take(&f->memory, (size_t) plan->nplace, sizeof(int));
	if (f->memory.failed)
		return false;
	hold_none(f);
	for (int j = 0; j < prob->nlead; j++)
	{
		t->capacity[j] = assign_capacity(prob, j);
		t->room[j] = -v[j];
	}
	if (f->costs->priced)
		t->empty_below = remainder_of(f->costs->unpaired, prob->unpaired, f->costs->exponent);
	for (int i = 0; i < prob->npartner; i++)
	{
		t->places[i] = assign_places(prob, i);
		t->empty[i] = prob->unpaired - u[i];
		t->start[i] = to;
		hold_leads(f, plan, i);
		for (int64_t k = prob->row_start[i]; k < prob->row_start[i + 1]; k++)
		{
			int			j = prob->row_lead[k];
			int64_t		reduced = prob->row_cost[k] - u[i] - v[j];

			if (reduced <= f->levels->reach)
				keep_pair(f, i, j, reduced,
						  remainder_of(f->costs->row_cost[k], prob->row_cost[k],
									   f->costs->exponent), &to);
			assign_tick(&f->memory, 1);
		}
	}
	t->start[prob->npartner] = t->npair = to;
	return true;
}

/* What a later level leaves: the same arrays, shorter. */
static void
next_rest(Refine *f, const AssignResult *plan)
{
	Rest	   *t = &f->rest;
	int64_t		to = 0;

	hold_none(f);
	for (int j = 0; j < f->prob->nlead; j++)
		if (t->room[j] < FAR)
			t->room[j] -= plan->v[j];
	for (int i = 0; i < f->prob->npartner; i++)
	{
		int64_t		k = t->start[i];

		t->start[i] = to;
		if (t->empty[i] < FAR)
			t->empty[i] -= plan->u[i];
		hold_leads(f, plan, i);
		for (; k < t->start[i + 1]; k++)
		{
			int			j = t->lead[k];

			keep_pair(f, i, j, t->cost[k] - plan->u[i] - plan->v[j], t->below[k], &to);
			assign_tick(&f->memory, 1);
		}
	}
	t->start[f->prob->npartner] = t->npair = to;
}

/* What the remainders say of the next unit. */
typedef struct Size
{
	bool		whole;			/* some are not 0 in this unit */
	double		most;			/* the largest remainder */
	int			last;			/* the last bit of any */
} Size;

static void
note_size(Size *size, double below)
{
	int			last;

	if (below == 0)
		return;
	last = last_bit(below);
	if (size->most == 0 || last < size->last)
		size->last = last;
	if (fabs(below) > size->most)
		size->most = fabs(below);
}

/* Bounds beyond reach are far away; is anything left, and of what size? */
static Size
size_up(Refine *f)
{
	Rest	   *t = &f->rest;
	int64_t		reach = f->levels->reach;
	Size		size = {false, 0, 0};
	bool		empty = false;

	for (int64_t k = 0; k < t->npair; k++)
	{
		size.whole |= t->cost[k] != 0;
		note_size(&size, t->below[k]);
		assign_tick(&f->memory, 1);
	}
	for (int i = 0; i < f->prob->npartner; i++)
	{
		if (t->empty[i] > reach)
			t->empty[i] = FAR;
		else
		{
			size.whole |= t->empty[i] != 0;
			empty = true;
		}
	}
	for (int j = 0; j < f->prob->nlead; j++)
	{
		if (t->room[j] > reach)
			t->room[j] = FAR;
		else
			size.whole |= t->room[j] != 0;
	}
	if (empty)
		note_size(&size, t->empty_below);
	return size;
}

/* A number of units and its remainder in smaller units. */
static int64_t
in_units(int64_t units, double *below, int shift, int exponent)
{
	int64_t		more = assign_units(*below, exponent);

	*below = remainder_of(*below, more, exponent);
	return (units == 0 ? 0 : units * ((int64_t) 1 << shift)) + more;
}

/* Everything in smaller units. */
static void
scale_rest(Refine *f, int shift, int exponent)
{
	Rest	   *t = &f->rest;
	double		below = t->empty_below;
	int64_t		empty = in_units(0, &below, shift, exponent);

	t->empty_below = below;
	for (int64_t k = 0; k < t->npair; k++)
	{
		t->cost[k] = in_units(t->cost[k], &t->below[k], shift, exponent);
		assign_tick(&f->memory, 1);
	}
	for (int i = 0; i < f->prob->npartner; i++)
		if (t->empty[i] < FAR)
			t->empty[i] = (t->empty[i] == 0 ? 0 : t->empty[i] * ((int64_t) 1 << shift)) + empty;
	for (int j = 0; j < f->prob->nlead; j++)
		if (t->room[j] < FAR && t->room[j] > 0)
			t->room[j] *= (int64_t) 1 << shift;
}

/* Solve what is left, and add its prices as a level. */
static bool
solve_rest(Refine *f, int exponent, AssignResult *plan)
{
	AssignProblem prob = *f->prob;
	AssignLevels *levels = f->levels;
	AssignStats stats = plan->stats;

	if (levels->n == ASSIGN_MAX_LEVELS)
	{
		f->status = ASSIGN_TOO_FINE;
		return false;
	}
	prob.places = f->rest.places;
	prob.capacity = f->rest.capacity;
	prob.row_start = f->rest.start;
	prob.row_lead = f->rest.lead;
	prob.row_cost = f->rest.cost;
	prob.row_in = f->rest.in;
	prob.warm = true;
	prob.partner_bound = f->rest.empty;
	prob.lead_bound = f->rest.room;
	f->nearlier = f->nfixed;
	assign_release(&prob, plan);
	f->status = assign_solve(&prob, plan);
	if (f->status != ASSIGN_OK)
		return false;
	levels->exponent[levels->n] = exponent;
	levels->u[levels->n] = plan->u;
	levels->v[levels->n++] = plan->v;
	stats.searches += plan->stats.searches;
	stats.settled += plan->stats.settled;
	stats.priced += plan->stats.priced;
	stats.rounds += plan->stats.rounds;
	stats.repairs += plan->stats.repairs;
	if (stats.peak < f->memory.now + plan->stats.peak)
		stats.peak = f->memory.now + plan->stats.peak;
	plan->stats = stats;
	return true;
}

/* The levels own their prices: the plan must not give them back. */
static void
disown_prices(AssignResult *plan)
{
	plan->u = plan->v = NULL;
}

/* Where a listed pair stands among the given ones. */
static int64_t
find_pair(const AssignProblem *prob, int i, int j)
{
	int64_t		low = prob->row_start[i];
	int64_t		high = prob->row_start[i + 1] - 1;

	while (low < high)
	{
		int64_t		middle = low + (high - low) / 2;

		if (prob->row_lead[middle] < j)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Put a pair among a partner's places, the cheapest first. */
static void
place_pair(const Refine *f, AssignResult *result, int i, int filled, int j)
{
	int		   *lead = result->lead + result->place_start[i];
	int64_t		at = find_pair(f->prob, i, j);
	double		cost = f->costs->row_cost[at];
	int			k = filled;

	for (; k > 0; k--)
	{
		double		before = f->costs->row_cost[find_pair(f->prob, i, lead[k - 1])];

		if (before < cost || (before == cost && lead[k - 1] < j))
			break;
		lead[k] = lead[k - 1];
	}
	lead[k] = j;
	result->cost += f->prob->row_cost[at];
	result->empty--;
}

/* The plan of the problem out of that of the last level and the pairs fixed before. */
static void
whole_plan(Refine *f, const AssignResult *last, AssignResult *result)
{
	int		   *filled = assign_take(&f->memory, (size_t) f->prob->npartner, sizeof(int));

	if (f->memory.failed || !assign_result_init(f->prob, &f->memory, result))
		return;
	for (int i = 0; i < f->prob->npartner; i++)
	{
		filled[i] = 0;
		for (int k = last->place_start[i]; k < last->place_start[i + 1]; k++)
			if (last->lead[k] >= 0)
				place_pair(f, result, i, filled[i]++, last->lead[k]);
		assign_tick(&f->memory, 10);
	}
	for (int k = 0; k < f->nearlier; k++)
		place_pair(f, result, f->fixed_partner[k], filled[f->fixed_partner[k]]++,
				   f->fixed_lead[k]);
}

AssignStatus
assign_refine(const AssignProblem *prob, const AssignCosts *costs, AssignResult *result,
			  AssignLevels *levels)
{
	Refine		f;
	AssignResult whole;
	int64_t		reach = assign_reach(result->nplace);
	int			exponent = costs->exponent;
	bool		more;

	memset(&f, 0, sizeof(f));
	memset(&whole, 0, sizeof(whole));
	f.prob = prob;
	f.costs = costs;
	f.levels = levels;
	assign_memory_init(&f.memory, prob);
	levels->n = 1;
	levels->reach = reach;
	levels->exponent[0] = exponent;
	levels->u[0] = result->u;
	levels->v[0] = result->v;

	/* reach << gain <= 2^39 < ASSIGN_MAX_COST, and a bit for the remainder */
	for (f.gain = 39; reach > (int64_t) 1 << (39 - f.gain); f.gain--)
		;
	more = first_rest(&f, result);
	disown_prices(result);
	while (more)
	{
		Size		size = size_up(&f);
		int			top;
		int			next;

		if (size.most == 0)
			break;
		(void) frexp(size.most, &top);
		next = (size.whole ? exponent : top) - f.gain;
		if (next < size.last)
			next = size.last;
		scale_rest(&f, size.whole ? exponent - next : 0, next);
		exponent = next;
		more = solve_rest(&f, exponent, result);
		if (more)
		{
			next_rest(&f, result);
			disown_prices(result);
		}
	}
	if (more)
		whole_plan(&f, result, &whole);
	whole.stats = result->stats;
	if (f.memory.peak < whole.stats.peak)
		f.memory.peak = whole.stats.peak;
	assign_release(prob, result);
	f.status = assign_finish(&f.memory, f.status, &whole);
	*result = whole;
	if (f.status != ASSIGN_OK)
		assign_release_levels(prob, levels);
	return f.status;
}

void
assign_release_levels(const AssignProblem *prob, AssignLevels *levels)
{
	for (int l = 0; l < levels->n; l++)
	{
		prob->hooks.release(prob->hooks.ctx, levels->u[l]);
		prob->hooks.release(prob->hooks.ctx, levels->v[l]);
	}
	memset(levels, 0, sizeof(*levels));
}
