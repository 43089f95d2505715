/*
 * assign_verify.c
 *		Is a plan feasible, and do its prices prove that none is cheaper?
 *
 * Looks at the problem and the result alone, so that it would find an error of
 * the solver's as it would one in a result that has been stored or sent.
 */
#include "assign_internal.h"

#include <math.h>

typedef struct Verify
{
	const AssignProblem *prob;
	const AssignResult *result;
	const AssignCosts *costs;	/* of a refined plan */
	const AssignLevels *levels;
	double		unit;			/* of the first level */
	double		half_unit;
	AssignMemory memory;
	int			partner;
	int			lead;
	int		   *load;			/* [nlead] partners that have it */
	int		   *holder;			/* [nlead] the last partner seen to have it */
} Verify;

/* Note where the fault is. */
static AssignFault
fault_at(Verify *v, AssignFault fault, int partner, int lead)
{
	v->partner = partner;
	v->lead = lead;
	return fault;
}

/* Cost of a pair; ASSIGN_NONE if it is not allowed. */
static int64_t
pair_cost(const AssignProblem *prob, int i, int j)
{
	int64_t		low;
	int64_t		high;

	if (prob->cost)
		return prob->cost(prob->cost_ctx, i, j, ASSIGN_NONE);
	low = prob->row_start[i];
	high = prob->row_start[i + 1];
	while (low < high)
	{
		int64_t		middle = low + (high - low) / 2;

		if (prob->row_lead[middle] == j)
			return prob->row_cost[middle];
		if (prob->row_lead[middle] < j)
			low = middle + 1;
		else
			high = middle;
	}
	return ASSIGN_NONE;
}

/* Do the places belong to the problem's partners? */
static bool
places_fit(const AssignProblem *prob, const AssignResult *result)
{
	if (!result->place_start || !result->lead || result->place_start[0] != 0)
		return false;
	for (int i = 0; i < prob->npartner; i++)
		if (result->place_start[i + 1] - result->place_start[i] != assign_places(prob, i))
			return false;
	return result->nplace == result->place_start[prob->npartner];
}

/* The plan alone. */
static AssignFault
check_plan(Verify *v)
{
	const AssignProblem *prob = v->prob;
	const AssignResult *result = v->result;
	int64_t		cost = 0;
	int64_t		empty = 0;

	if (!places_fit(prob, result))
		return ASSIGN_FAULT_SHAPE;
	for (int i = 0; i < prob->npartner; i++)
	{
		int			first = result->place_start[i];

		for (int k = first; k < result->place_start[i + 1]; k++)
		{
			int			j = result->lead[k];
			int64_t		c;

			assign_tick(&v->memory, 10);
			if (j == -1)
			{
				empty++;
				continue;
			}
			if (j < 0 || j >= prob->nlead || (k > first && result->lead[k - 1] < 0))
				return fault_at(v, ASSIGN_FAULT_LEAD, i, -1);
			if (v->holder[j] == i)
				return fault_at(v, ASSIGN_FAULT_TWICE, i, j);
			v->holder[j] = i;
			c = pair_cost(prob, i, j);
			if (!assign_cost_valid(c))
				return fault_at(v, ASSIGN_FAULT_FORBIDDEN, i, j);
			if (++v->load[j] > assign_capacity(prob, j))
				return fault_at(v, ASSIGN_FAULT_CAPACITY, i, j);
			cost += c;
		}
	}
	if (cost != result->cost || empty != result->empty)
		return ASSIGN_FAULT_TOTAL;
	return ASSIGN_PROVEN;
}

/* The prices of partners and leads by themselves. */
static AssignFault
check_prices(Verify *v)
{
	const AssignProblem *prob = v->prob;
	const AssignResult *result = v->result;

	if (!result->u || !result->v || result->nextra < 0 || (result->nextra > 0 && !result->extra))
		return ASSIGN_FAULT_UNPRICED;
	for (int i = 0; i < prob->npartner; i++)
	{
		int			end = result->place_start[i + 1];

		if (result->u[i] > prob->unpaired || result->u[i] < -ASSIGN_MAX_PRICE)
			return fault_at(v, ASSIGN_FAULT_U, i, -1);
		if (end > result->place_start[i] && result->lead[end - 1] < 0 &&
			result->u[i] != prob->unpaired)
			return fault_at(v, ASSIGN_FAULT_EMPTY_SLACK, i, -1);
	}
	for (int j = 0; j < prob->nlead; j++)
	{
		if (result->v[j] > 0 || result->v[j] < -ASSIGN_MAX_PRICE)
			return fault_at(v, ASSIGN_FAULT_V, -1, j);
		if (v->load[j] < assign_capacity(prob, j) && result->v[j] != 0)
			return fault_at(v, ASSIGN_FAULT_ROOM_SLACK, -1, j);
	}
	return ASSIGN_PROVEN;
}

/* The prices of one partner's pairs; *at is the first w_ij not yet looked at. */
static AssignFault
check_pairs(Verify *v, int i, int64_t *at)
{
	const AssignProblem *prob = v->prob;
	const AssignResult *result = v->result;
	AssignRow	row = assign_row(prob, i);
	int			before = -1;
	int64_t		end = *at;

	for (int k = result->place_start[i]; k < result->place_start[i + 1]; k++)
		if (result->lead[k] >= 0)
			v->holder[result->lead[k]] = i;
	while (end < result->nextra && result->extra[end].partner == i)
	{
		const AssignExtra *extra = &result->extra[end++];

		if (extra->lead <= before || extra->lead >= prob->nlead ||
			extra->w >= 0 || extra->w < -ASSIGN_MAX_PRICE || v->holder[extra->lead] != i)
			return fault_at(v, ASSIGN_FAULT_EXTRA, i, extra->lead);
		before = extra->lead;
	}
	for (int k = 0; k < row.n; k++)
	{
		int			j = assign_row_lead(&row, k);
		int64_t		price = result->u[i] + result->v[j];
		int64_t		c;

		assign_tick(&v->memory, 1);
		if (v->holder[j] != i)
		{
			if (assign_row_cost(prob, &row, i, k, j, price) < price)
				return fault_at(v, ASSIGN_FAULT_PRICE, i, j);
			continue;
		}
		if (*at < end && result->extra[*at].lead == j)
			price += result->extra[(*at)++].w;
		c = assign_row_cost(prob, &row, i, k, j, ASSIGN_NONE);
		if (c != price)
			return fault_at(v, c < price ? ASSIGN_FAULT_PRICE : ASSIGN_FAULT_PAIR_SLACK, i, j);
	}
	return ASSIGN_PROVEN;
}

/* All of it, once the problem is known to be valid. */
static AssignFault
check_all(Verify *v)
{
	AssignFault fault = check_plan(v);
	int64_t		at = 0;

	if (fault == ASSIGN_PROVEN)
		fault = check_prices(v);
	for (int j = 0; j < v->prob->nlead; j++)
		v->holder[j] = -1;
	for (int i = 0; i < v->prob->npartner && fault == ASSIGN_PROVEN; i++)
		fault = check_pairs(v, i, &at);
	if (fault == ASSIGN_PROVEN && at < v->result->nextra)
		return fault_at(v, ASSIGN_FAULT_EXTRA, v->result->extra[at].partner,
						v->result->extra[at].lead);
	return fault;
}

/* Run a check of a valid problem, with memory for it. */
static AssignFault
run_check(Verify *v, AssignFault (*check) (Verify *), int *partner, int *lead)
{
	const AssignProblem *prob = v->prob;
	AssignFault fault = ASSIGN_FAULT_PROBLEM;

	v->partner = v->lead = -1;
	assign_memory_init(&v->memory, prob);
	if (assign_check(prob, &v->memory) == ASSIGN_OK)
	{
		v->load = assign_take(&v->memory, (size_t) prob->nlead, sizeof(int));
		v->holder = assign_take(&v->memory, (size_t) prob->nlead, sizeof(int));
		if (!v->memory.failed)
		{
			for (int j = 0; j < prob->nlead; j++)
			{
				v->load[j] = 0;
				v->holder[j] = -1;
			}
			fault = check(v);
		}
		assign_give_all(&v->memory);
	}
	if (partner)
		*partner = v->partner;
	if (lead)
		*lead = v->lead;
	return fault;
}

AssignFault
assign_verify(const AssignProblem *prob, const AssignResult *result, int *partner, int *lead)
{
	Verify		v = {.prob = prob,.result = result};

	return run_check(&v, check_all, partner, lead);
}

/*
 * The sign of a number of units and a remainder less partner i's and lead j's
 * price (-1: none), level by level.  Beyond reach no later level changes it.
 * Otherwise the end must be a whole number; *exact is false if it is not.
 */
static int
sign_of_rest(const AssignLevels *levels, int64_t units, double below, int i, int j, bool *exact)
{
	for (int l = 0;; l++)
	{
		int			shift;
		double		more;

		if (i >= 0)
			units -= levels->u[l][i];
		if (j >= 0)
			units -= levels->v[l][j];
		if (units > levels->reach || units < -levels->reach)
			break;
		if (l == levels->n - 1)
		{
			*exact = *exact && below == 0;
			break;
		}
		shift = levels->exponent[l] - levels->exponent[l + 1];
		if (units != 0 && shift >= 40)
		{
			*exact = false;
			break;
		}
		more = rint(ldexp(below, -levels->exponent[l + 1]));
		below -= ldexp(more, levels->exponent[l + 1]);
		units = (units == 0 ? 0 : units * ((int64_t) 1 << shift)) + (int64_t) more;
	}
	return (units > 0) - (units < 0);
}

/*
 * The remainder of a cost that is a number of units of the first level, exactly:
 * of halves, since the largest number may round to twice that.
 */
static bool
split_cost(const Verify *v, double cost, int64_t units, double *below)
{
	*below = fabs(cost) >= 1 ? 2 * (cost / 2 - (double) units * v->half_unit) :
		cost - (double) units * v->unit;
	return fabs(*below) <= v->unit / 2 || *below == 0;
}

/* The greatest distance from 0 of a level's prices. */
static int64_t
greatest(const int64_t *price, int n)
{
	int64_t		most = 0;

	for (int k = 0; k < n; k++)
	{
		if (price[k] > most)
			most = price[k];
		else if (-price[k] > most)
			most = -price[k];
	}
	return most;
}

/* Can nothing beyond reach at a level be taken away by all later ones? */
static AssignFault
check_levels(const AssignProblem *prob, const AssignCosts *costs, const AssignLevels *levels)
{
	int64_t		later = 0;		/* the most that later levels come to, in this one's units */

	if (levels->n < 1 || levels->n > ASSIGN_MAX_LEVELS || levels->reach < 0 ||
		levels->exponent[0] != costs->exponent)
		return ASSIGN_FAULT_LEVELS;
	for (int l = levels->n - 1; l >= 0; l--)
	{
		int			shift = l > 0 ? levels->exponent[l - 1] - levels->exponent[l] : 0;
		int64_t		u = greatest(levels->u[l], prob->npartner);
		int64_t		v = greatest(levels->v[l], prob->nlead);

		if (later > levels->reach || u > ASSIGN_MAX_PRICE || v > ASSIGN_MAX_PRICE)
			return ASSIGN_FAULT_LEVELS;
		if (l == 0)
			break;
		if (shift <= 0 || u > (int64_t) 1 << 61 || v > (int64_t) 1 << 61)
			return ASSIGN_FAULT_LEVELS;
		/* the remainder of a cost is at most half a unit */
		later = (shift > 62 ? 0 : (u + v + later) >> shift) + 2;
	}
	return ASSIGN_PROVEN;
}

/* The sign of a listed pair's cost less its prices. */
static int
sign_of_pair(const Verify *v, int i, int64_t k, bool *exact)
{
	double		below;
	int64_t		units = v->prob->row_cost[k];

	if (!split_cost(v, v->costs->row_cost[k], units, &below))
		*exact = false;
	return sign_of_rest(v->levels, units, below, i, v->prob->row_lead[k], exact);
}

/* The refined prices of partners and leads by themselves. */
static AssignFault
check_sums(Verify *v)
{
	const AssignProblem *prob = v->prob;
	const AssignResult *result = v->result;
	double		below = 0;
	bool		exact = true;

	if (v->costs->priced && !split_cost(v, v->costs->unpaired, prob->unpaired, &below))
		return ASSIGN_FAULT_LEVELS;
	for (int i = 0; i < prob->npartner; i++)
	{
		int			end = result->place_start[i + 1];
		int			sign = sign_of_rest(v->levels, prob->unpaired, below, i, -1, &exact);

		if (sign < 0 || !exact)
			return fault_at(v, ASSIGN_FAULT_U, i, -1);
		if (end > result->place_start[i] && result->lead[end - 1] < 0 && sign != 0)
			return fault_at(v, ASSIGN_FAULT_EMPTY_SLACK, i, -1);
	}
	for (int j = 0; j < prob->nlead; j++)
	{
		int			sign = sign_of_rest(v->levels, 0, 0, -1, j, &exact);

		if (sign < 0 || !exact)
			return fault_at(v, ASSIGN_FAULT_V, -1, j);
		if (v->load[j] < assign_capacity(prob, j) && sign != 0)
			return fault_at(v, ASSIGN_FAULT_ROOM_SLACK, -1, j);
	}
	return ASSIGN_PROVEN;
}

/* All of a refined plan. */
static AssignFault
check_refined(Verify *v)
{
	const AssignProblem *prob = v->prob;
	const AssignResult *result = v->result;
	AssignFault fault = check_levels(prob, v->costs, v->levels);

	if (fault == ASSIGN_PROVEN)
		fault = check_plan(v);
	if (fault == ASSIGN_PROVEN)
		fault = check_sums(v);
	for (int j = 0; j < prob->nlead; j++)
		v->holder[j] = -1;
	for (int i = 0; i < prob->npartner && fault == ASSIGN_PROVEN; i++)
	{
		for (int k = result->place_start[i]; k < result->place_start[i + 1]; k++)
			if (result->lead[k] >= 0)
				v->holder[result->lead[k]] = i;
		for (int64_t k = prob->row_start[i]; k < prob->row_start[i + 1]; k++)
		{
			bool		exact = true;
			int			sign = sign_of_pair(v, i, k, &exact);
			bool		in = v->holder[prob->row_lead[k]] == i;

			assign_tick(&v->memory, 1);
			if (!exact)
				return fault_at(v, ASSIGN_FAULT_LEVELS, i, prob->row_lead[k]);
			if (in && sign > 0)
				return fault_at(v, ASSIGN_FAULT_PAIR_SLACK, i, prob->row_lead[k]);
			if (sign < 0 && (!in || assign_places(prob, i) == 1))
				return fault_at(v, ASSIGN_FAULT_PRICE, i, prob->row_lead[k]);
		}
	}
	return fault;
}

AssignFault
assign_verify_levels(const AssignProblem *prob, const AssignCosts *costs,
					 const AssignResult *result, const AssignLevels *levels,
					 int *partner, int *lead)
{
	Verify		v = {.prob = prob,.result = result,.costs = costs,.levels = levels};

	v.unit = ldexp(1, costs->exponent);
	v.half_unit = ldexp(0.5, costs->exponent);
	return run_check(&v, check_refined, partner, lead);
}

const char *
assign_fault_text(AssignFault fault)
{
	switch (fault)
	{
		case ASSIGN_PROVEN:
			return "proven";
		case ASSIGN_FAULT_PROBLEM:
			return "the problem is not valid";
		case ASSIGN_FAULT_SHAPE:
			return "the places are not those of the partners";
		case ASSIGN_FAULT_LEAD:
			return "there is no such lead, or a place is filled after an empty one";
		case ASSIGN_FAULT_TWICE:
			return "a partner has a lead twice";
		case ASSIGN_FAULT_FORBIDDEN:
			return "a pair of the plan is not allowed";
		case ASSIGN_FAULT_CAPACITY:
			return "a lead has more partners than room";
		case ASSIGN_FAULT_TOTAL:
			return "cost or empty places are not those of the plan";
		case ASSIGN_FAULT_UNPRICED:
			return "there are no prices";
		case ASSIGN_FAULT_U:
			return "a partner's price is above that of an empty place, or out of range";
		case ASSIGN_FAULT_V:
			return "a lead's price is above 0, or out of range";
		case ASSIGN_FAULT_EXTRA:
			return "a pair's price is not below 0, out of range or order, or not of the plan";
		case ASSIGN_FAULT_PRICE:
			return "a pair costs less than its prices";
		case ASSIGN_FAULT_PAIR_SLACK:
			return "a pair of the plan costs more than its prices";
		case ASSIGN_FAULT_EMPTY_SLACK:
			return "a place is empty though the partner's price is below that of an empty place";
		case ASSIGN_FAULT_ROOM_SLACK:
			return "a lead has room left though its price is below 0";
		case ASSIGN_FAULT_LEVELS:
			return "the levels of the prices do not add up";
	}
	return "unknown fault";
}
