/*
 * explain.c
 *		Why a place of a partner stays empty, and the cheapest change of one rule
 *		that would fill it.
 *
 * A change that is offered suffices by itself in an optimal plan, unless other
 * schools that wait as well make better use of it, or where an empty place has a price
 * any others do; in the other modes somebody may choose first.  So a lead without room, whose other partners might have to move, is
 * only offered together with one more place there; and numbers are rounded to
 * the safe side.
 */
#include "sipp.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "plan/pairing.h"

#define MAX_DECIMALS 4
#define PRICE_DECIMALS 5
#define EVEN_CHANCE 0.5

char *
plan_number_text(double v)
{
	char	   *buf = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(v, buf);
	return buf;
}

/* A number >= 0 with a few decimals, rounded up or down, never to the other side. */
static char *
rounded_text(double v, int decimals, bool up)
{
	double		scale = pow(10, decimals);
	double		x = up ? ceil(v * scale) : floor(v * scale);
	char	   *text;
	char	   *end;

	for (;;)
	{
		double		back;

		text = psprintf("%.*f", decimals, x / scale);
		back = strtod(text, NULL);
		if (up ? back >= v : back <= v)
			break;
		x += up ? 1 : -1;
	}
	if (strchr(text, '.') != NULL)
	{
		for (end = text + strlen(text); end[-1] == '0'; end--)
			;
		*(end[-1] == '.' ? end - 1 : end) = '\0';
	}
	return text;
}

/*
 * Looking at leads none of which is allowed.  Each question about a partner has
 * a scorer of its own, with other options, so that its early exits serve here as
 * they do for the plan.
 */
struct PlanReasons
{
	const PlanWork *work;
	MemoryContext cxt;
	Scorer	   *relaxed[PAIR_RULES];	/* without this rule, as its relaxation has it */
	Scorer	   *before[PAIR_RULES]; /* without this rule and all later ones */
	Scorer	   *likeness;		/* costs by similarity alone, without its floor */
	Scorer	   *value;			/* costs by score alone, without its floor */
	double	   *worth;			/* [nlead] -v_j, rounded; NULL while nobody asked */
	double	   *place;			/* [nlead][3] on the unit sphere */
};

/* The rules that an option can relax, in the order in which they are reported. */
static const PairRule relaxable[] = {
	RULE_AUTHORITY, RULE_KM, RULE_P_BETTER, RULE_SIMILARITY, RULE_SCORE
};

PlanReasons *
plan_reasons_make(const PlanWork *w)
{
	PlanReasons *r = palloc0(sizeof(PlanReasons));

	r->work = w;
	r->cxt = CurrentMemoryContext;
	return r;
}

/* Have places with a lead a price: is it full, and the plan the cheapest? */
static bool
is_priced(const PlanSolution *s, int j)
{
	return s->room[j] <= 0 && s->plan == &s->best;
}

/* What one more place with lead j would be worth to somebody else, nearly. */
static double
worth_elsewhere(PlanReasons *r, const PlanSolution *s, int j)
{
	if (!is_priced(s, j))
		return 0;
	if (r->worth == NULL)
	{
		MemoryContext cxt = AllocSetContextCreate(r->cxt, "sipp worth", ALLOCSET_SMALL_SIZES);

		r->worth = MemoryContextAllocHuge(r->cxt, sizeof(double) * (Size) r->work->nlead);
		for (int k = 0; k < r->work->nlead; k++)
		{
			MemoryContext old = MemoryContextSwitchTo(cxt);

			CHECK_FOR_INTERRUPTS();
			r->worth[k] = -exact_double(exact_price(&s->units, s->levels.v, k), s->units.exponent);
			MemoryContextSwitchTo(old);
			MemoryContextReset(cxt);
		}
		MemoryContextDelete(cxt);
	}
	return r->worth[j];
}

/*
 * What an empty place must be worth for this pair to be made if the lead had one
 * more place: its cost, and what the place would be worth to somebody else.
 * Plans of other modes have no prices.
 */
static double
worth_needed(const PlanSolution *s, int j, double cost)
{
	return is_priced(s, j) ? exact_worth(&s->units, j, cost) : cost;
}

/* The allowed lead below limit with whom one more place would cost the plan least. */
static int
cheapest_place(PlanReasons *r, const PlanSolution *s, int i, double limit, double *cost)
{
	int			best = -1;
	double		best_worth = INFINITY;

	*cost = INFINITY;
	for (int j = 0; j < r->work->nlead; j++)
	{
		double		beyond = worth_elsewhere(r, s, j);
		double		c = plan_pair_cost(r->work, i, j, Min(limit, best_worth - beyond));

		if (isinf(c) || plan_has_lead(s->plan, i, j))
			continue;
		best = j;
		best_worth = c + beyond;
		*cost = c;
	}
	return best;
}

/* The cheapest lead with room, however dear. */
static double
cheapest_with_room(const PlanWork *w, const PlanSolution *s, int i)
{
	double		best = INFINITY;

	for (int j = 0; j < w->nlead; j++)
		if (s->room[j] > 0 && !plan_has_lead(s->plan, i, j))
			best = Min(best, plan_pair_cost(w, i, j, best));
	return best;
}

/* A price of an empty place that is certainly more than so much, with a few decimals. */
static char *
price_text(double worth)
{
	return rounded_text(nextafter(worth, INFINITY), PRICE_DECIMALS, true);
}

/*
 * What it takes to be worth it, as the last part of a relaxation, or "".  Where
 * an empty place costs more than any saving it always is.
 */
static char *
worth_text(const PlanWork *w, const PlanSolution *s, int j, double cost, const char *before)
{
	double		worth = worth_needed(s, j, cost);

	if (isnan(w->unpaired_cost) || (cost < w->empty && worth <= w->empty))
		return "";
	return psprintf("%sunpaired_cost >= %s", before, price_text(worth));
}

/*
 * Why a place of a partner stays empty although there are other eligible leads, and
 * the cheapest change that would fill it; false if there are none.
 */
static bool
reason_allowed(PlanReasons *r, const PlanSolution *s, int i, char **reason, char **relaxation)
{
	const PlanWork *w = r->work;
	bool		full = s->runner_up_cost[i] < w->empty;
	double		cost;
	int			j;

	if (s->runner_up[i] < 0)
		return false;
	CHECK_FOR_INTERRUPTS();
	*reason = pstrdup(full ? "all eligible leads are full" :
					  "no eligible lead costs less than unpaired_cost");
	if (!full && !isinf(cost = cheapest_with_room(w, s, i)))
		*relaxation = psprintf("unpaired_cost >= %s", price_text(cost));
	else
	{
		j = cheapest_place(r, s, i, full ? w->empty : INFINITY, &cost);
		*relaxation = psprintf("one more place at %s%s", w->lead_id[j],
							   worth_text(w, s, j, cost, " and "));
	}
	return true;
}

/* Is a rule in force? */
static bool
in_force(const ScoreOptions *o, PairRule rule)
{
	switch (rule)
	{
		case RULE_AUTHORITY:
			return o->authority == AUTHORITY_DIFFERENT;
		case RULE_KM:
			return !isnan(o->max_km);
		case RULE_P_BETTER:
			return o->min_p_better > 0;
		case RULE_SIMILARITY:
			return o->min_similarity > 0;
		case RULE_SCORE:
			return o->min_score > 0;
		default:
			return true;
	}
}

/* Take a rule out of force. */
static void
relax(ScoreOptions *o, PairRule rule, AuthorityRule authority)
{
	switch (rule)
	{
		case RULE_AUTHORITY:
			o->authority = authority;
			break;
		case RULE_KM:
			o->max_km = NAN;
			break;
		case RULE_P_BETTER:
			o->min_p_better = 0;
			break;
		case RULE_SIMILARITY:
			o->min_similarity = 0;
			break;
		default:
			o->min_score = 0;
			break;
	}
}

/* A scorer, made when it is first needed. */
static Scorer *
make_scorer(PlanReasons *r, Scorer **scorer, const ScoreOptions *o)
{
	if (*scorer == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(r->cxt);
		ScoreOptions *copy = palloc(sizeof(ScoreOptions));

		*copy = *o;
		*scorer = scorer_make(r->work->schools, r->work->scale, copy);
		MemoryContextSwitchTo(old);
	}
	return *scorer;
}

/*
 * The one without a rule, as it is when that is relaxed.  A lead that is more
 * likely worse than better is no help: the floor of P is not lowered beyond a half.
 */
static Scorer *
relaxed_scorer(PlanReasons *r, PairRule rule)
{
	ScoreOptions o = r->work->options;

	relax(&o, rule, AUTHORITY_PREFER);
	if (rule == RULE_P_BETTER && r->work->options.min_p_better > EVEN_CHANCE)
		o.min_p_better = EVEN_CHANCE;
	return make_scorer(r, &r->relaxed[rule], &o);
}

/* The one without a rule and the later ones. */
static Scorer *
before_scorer(PlanReasons *r, PairRule rule)
{
	ScoreOptions o = r->work->options;

	for (int k = 0; k < (int) lengthof(relaxable); k++)
		if (relaxable[k] >= rule)
			relax(&o, relaxable[k], AUTHORITY_ANY);
	return make_scorer(r, &r->before[rule], &o);
}

/* The one whose costs are by similarity alone. */
static Scorer *
likeness_scorer(PlanReasons *r)
{
	ScoreOptions o = r->work->options;

	relax(&o, RULE_SIMILARITY, o.authority);
	relax(&o, RULE_SCORE, o.authority);
	if (o.authority == AUTHORITY_PREFER)
		o.authority = AUTHORITY_ANY;
	memset(o.weight, 0, sizeof(o.weight));
	o.weight[PART_SIMILARITY] = 1;
	return make_scorer(r, &r->likeness, &o);
}

/* The one whose costs are by score alone. */
static Scorer *
value_scorer(PlanReasons *r)
{
	ScoreOptions o = r->work->options;

	relax(&o, RULE_SCORE, o.authority);
	if (o.authority == AUTHORITY_PREFER)
		o.authority = AUTHORITY_ANY;
	return make_scorer(r, &r->value, &o);
}

/* Could this be another lead of a partner, as far as the two of them go? */
static bool
is_other(const PlanWork *w, const PlanSolution *s, int i, int j)
{
	return w->lead[j] != w->partner[i] && w->lacks[w->lead[j]] == 0 &&
		!plan_has_lead(s->plan, i, j) && !plan_is_locked(w, i, j);
}

/* Is a lead allowed by a scorer? */
static bool
allows(const PlanWork *w, Scorer *scorer, int i, int j)
{
	return !isinf(scorer_cost(scorer, w->partner[i], w->lead[j], INFINITY));
}

/* Does a scorer allow any other lead? */
static bool
allows_any(const PlanWork *w, const PlanSolution *s, Scorer *scorer, int i)
{
	CHECK_FOR_INTERRUPTS();
	for (int j = 0; j < w->nlead; j++)
		if (allows(w, scorer, i, j) && is_other(w, s, i, j))
			return true;
	return false;
}

/* The other lead that costs least by a scorer, below limit, with room if that matters. */
static int
cheapest_lead(const PlanWork *w, const PlanSolution *s, Scorer *scorer, int i, bool with_room,
			  double *limit)
{
	int			best = -1;

	CHECK_FOR_INTERRUPTS();
	for (int j = 0; j < w->nlead; j++)
	{
		double		c;

		if (with_room && s->room[j] <= 0)
			continue;
		c = scorer_cost(scorer, w->partner[i], w->lead[j], *limit);
		if (c < *limit && is_other(w, s, i, j))
		{
			best = j;
			*limit = c;
		}
	}
	return best;
}

/* The lead with the best part or score, among those that cost least. */
static double
best_value(const PlanWork *w, const PlanSolution *s, Scorer *scorer, int i, bool score)
{
	double		limit = INFINITY;
	double		best = 0;

	CHECK_FOR_INTERRUPTS();
	for (int j = 0; j < w->nlead; j++)
	{
		double		c = scorer_cost(scorer, w->partner[i], w->lead[j], limit);
		PairScore	x;

		if (c >= limit || !is_other(w, s, i, j))
			continue;
		scorer_pair(w->scorer, w->partner[i], w->lead[j], &x);
		best = Max(best, score ? x.score : x.part[PART_SIMILARITY]);
		/* rounding may hide that one just as cheap is better */
		limit = nextafter(c, INFINITY);
	}
	return best;
}

/* The best P(lead better) among the leads that a scorer allows. */
static double
best_p_better(const PlanWork *w, const PlanSolution *s, Scorer *scorer, int i)
{
	const School *partner = &w->schools->school[w->partner[i]];
	double		best_z = -INFINITY;
	int			best = -1;
	PairScore	x;

	CHECK_FOR_INTERRUPTS();
	for (int j = 0; j < w->nlead; j++)
	{
		const School *lead = &w->schools->school[w->lead[j]];
		double		m = lead->effect - partner->effect;
		double		z = m == 0 ? 0 :
			m / sqrt(partner->effect_se * partner->effect_se + lead->effect_se * lead->effect_se);

		if ((best < 0 || z > best_z) && allows(w, scorer, i, j) && is_other(w, s, i, j))
		{
			best = j;
			best_z = z;
		}
	}
	scorer_pair(w->scorer, w->partner[i], w->lead[best], &x);
	return x.p_better;
}

/* A school's place on the unit sphere. */
static void
unit_place(const School *x, double *place)
{
	double		lat = x->lat * (M_PI / 180);
	double		lon = x->lon * (M_PI / 180);

	place[0] = cos(lat) * cos(lon);
	place[1] = cos(lat) * sin(lon);
	place[2] = sin(lat);
}

/* The nearest of the leads that a scorer allows. */
static int
nearest_lead(PlanReasons *r, const PlanSolution *s, Scorer *scorer, int i, double *km)
{
	const PlanWork *w = r->work;
	double		here[3];
	double		best_chord = INFINITY;
	int			best = -1;
	PairScore	x;

	if (r->place == NULL)
	{
		r->place = MemoryContextAllocHuge(r->cxt, sizeof(double) * 3 * Max(w->nlead, 1));
		for (int j = 0; j < w->nlead; j++)
			unit_place(&w->schools->school[w->lead[j]], r->place + 3 * (size_t) j);
	}
	unit_place(&w->schools->school[w->partner[i]], here);
	CHECK_FOR_INTERRUPTS();
	for (int j = 0; j < w->nlead; j++)
	{
		const double *there = r->place + 3 * (size_t) j;
		double		chord = 0;

		for (int k = 0; k < 3; k++)
			chord += (here[k] - there[k]) * (here[k] - there[k]);
		if (chord < best_chord && allows(w, scorer, i, j) && is_other(w, s, i, j))
		{
			best = j;
			best_chord = chord;
		}
	}
	scorer_pair(w->scorer, w->partner[i], w->lead[best], &x);
	*km = x.km;
	return best;
}

/*
 * Why no lead is allowed, of which no option that is in force is to blame: sectors,
 * clusters, or that nothing is known of what has a weight.
 */
static char *
code_reason(const PlanWork *w, const PlanSolution *s, int i)
{
	const int  *sector = w->schools->sector;
	bool		others = false;
	bool		of_sector = false;

	for (int j = 0; j < w->nlead; j++)
	{
		PairScore	x;

		if (!is_other(w, s, i, j))
			continue;
		others = true;
		if (!w->options.pooled && sector[w->lead[j]] != sector[w->partner[i]])
			continue;
		of_sector = true;
		scorer_pair(w->scorer, w->partner[i], w->lead[j], &x);
		if ((x.broken & (1 << RULE_EXCLUDED | 1 << RULE_CLUSTER)) == 0)
			return pstrdup(pair_rule_reason(w->schools, w->partner[i], w->lead[j],
											isnan(x.part[PART_SIMILARITY]) ? RULE_SIMILARITY :
											RULE_SCORE, &x));
	}
	return of_sector ? "excluded or in the same cluster" : others ? "no lead of its sector" : NULL;
}

/* Why no lead is allowed, by the rule that stops those that come furthest; NULL: none is there. */
static char *
find_reason(PlanReasons *r, const PlanSolution *s, int i)
{
	const PlanWork *w = r->work;
	const ScoreOptions *o = &w->options;
	double		km;

	for (int k = (int) lengthof(relaxable) - 1; k >= 0; k--)
	{
		PairRule	rule = relaxable[k];
		Scorer	   *scorer;

		if (!in_force(o, rule))
			continue;
		scorer = before_scorer(r, rule);
		if (!allows_any(w, s, scorer, i))
			continue;
		if (rule == RULE_AUTHORITY)
			return "none outside the authority";
		if (rule == RULE_KM)
		{
			int			j = nearest_lead(r, s, scorer, i, &km);

			return psprintf("none within max_km (nearest is %s at %s km)", w->lead_id[j],
							rounded_text(km, 1, true));
		}
		if (rule == RULE_P_BETTER)
		{
			double		p = best_p_better(w, s, scorer, i);

			if (p <= EVEN_CHANCE)
				return "nobody better";
			return psprintf("not certain enough (best p_better %s, floor %s)",
							rounded_text(p, 2, false), plan_number_text(o->min_p_better));
		}
		if (rule == RULE_SIMILARITY)
			return psprintf("none similar enough (best similarity %s, floor %s)",
							rounded_text(best_value(w, s, likeness_scorer(r), i, false), 2, false),
							plan_number_text(o->min_similarity));
		return psprintf("no pair scores enough (best score %s, floor %s)",
						rounded_text(best_value(w, s, value_scorer(r), i, true), 2, false),
						plan_number_text(o->min_score));
	}
	return code_reason(w, s, i);
}

/* What an option must be to allow a pair that breaks only its rule. */
static char *
option_text(const PlanWork *w, int i, int j, PairRule rule)
{
	PairScore	x;

	scorer_pair(w->scorer, w->partner[i], w->lead[j], &x);
	switch (rule)
	{
		case RULE_AUTHORITY:
			return "authority => 'prefer'";
		case RULE_KM:
			return psprintf("max_km >= %s", rounded_text(x.km, 1, true));
		case RULE_P_BETTER:
			return psprintf("min_p_better <= %s", rounded_text(x.p_better, MAX_DECIMALS, false));
		case RULE_SIMILARITY:
			return psprintf("min_similarity <= %s",
							rounded_text(x.part[PART_SIMILARITY], MAX_DECIMALS, false));
		default:
			return psprintf("min_score <= %s", rounded_text(x.score, MAX_DECIMALS, false));
	}
}

/*
 * What would allow the cheapest of the leads that break one rule which an option
 * can relax; NULL: there is none.  One that has room and costs less than an empty
 * place comes before all others.
 */
static char *
find_relaxation(PlanReasons *r, const PlanSolution *s, int i)
{
	const PlanWork *w = r->work;
	int			best = -1;
	PairRule	best_rule = RULE_SELF;
	double		limit = INFINITY;
	char	   *text;

	for (int with_room = 1; with_room >= 0 && best < 0; with_room--)
	{
		limit = with_room ? w->empty : INFINITY;
		for (int k = 0; k < (int) lengthof(relaxable); k++)
		{
			int			j;

			if (!in_force(&w->options, relaxable[k]))
				continue;
			j = cheapest_lead(w, s, relaxed_scorer(r, relaxable[k]), i, with_room, &limit);
			if (j >= 0)
			{
				best = j;
				best_rule = relaxable[k];
			}
		}
	}
	if (best < 0)
		return NULL;
	text = psprintf("%s%s", option_text(w, i, best, best_rule),
					worth_text(w, s, best, limit, ", "));
	if (s->room[best] <= 0)
		return psprintf("%s and one more place at %s", text, w->lead_id[best]);
	return psprintf("%s would allow %s", text, w->lead_id[best]);
}

void
plan_reason(PlanReasons *r, const PlanSolution *s, int i, char **reason, char **relaxation)
{
	const PlanWork *w = r->work;
	int			first = s->plan->place_start[i];
	bool		has_some = s->plan->lead[first] >= 0 || w->lock_start[i] < w->lock_start[i + 1];

	if (!reason_allowed(r, s, i, reason, relaxation))
	{
		*reason = find_reason(r, s, i);
		*relaxation = *reason == NULL ? NULL : find_relaxation(r, s, i);
	}
	if (*reason == NULL)
		*reason = has_some ? "no further lead" : "no lead";
	else if (has_some)
		*reason = psprintf("no further lead: %s", *reason);
}
