/*
 * score.c
 *		The scorer: parts, losses and rules of pairs of schools; see score.h.
 *
 * scorer_pair() works everything out.  scorer_cost() comes to the same cost with as
 * little work as it can, for pricing asks it for every pair of a nation: rules
 * that compare integers first, then bounds that leave a margin for rounding,
 * then the losses from the cheapest to the dearest, giving up as soon as those
 * known are too much; and not again for schools with the same numbers (see
 * identical.c).  Whatever decides in the end is computed by the same expressions
 * in the same order in both, so that they agree to the last bit.
 */
#include "sipp.h"

#include <math.h>

#include "port/pg_bitutils.h"

#include "num/dist.h"
#include "score/scorer.h"

/* Subjects of a mask, one after the other: the lowest, -1 when there is none left. */
static inline int
next_subject(uint64 *mask)
{
	for (int w = 0; w < 2; w++)
		if (mask[w] != 0)
		{
			int			bit = pg_rightmost_one_pos64(mask[w]);

			mask[w] &= mask[w] - 1;
			return 64 * w + bit;
		}
	return -1;
}

/* Are the two of one known authority? */
static inline bool
same_authority(const Scorer *sc, int i, int j)
{
	return sc->schools->authority[i] >= 0 && sc->schools->authority[i] == sc->schools->authority[j];
}

/* Rules that only compare codes. */
static uint32
broken_codes(const Scorer *sc, int i, int j)
{
	const Schools *s = sc->schools;
	uint32		broken = 0;

	if (i == j)
		broken |= 1 << RULE_SELF;
	if (!sc->more[i].eligible || !ROLE_IS_PARTNER(s->school[i].role))
		broken |= 1 << RULE_PARTNER;
	if (!sc->more[j].eligible || !ROLE_IS_LEAD(s->school[j].role) || s->school[j].capacity == 0)
		broken |= 1 << RULE_LEAD;
	if (!sc->o.pooled && (s->sector[i] < 0 || s->sector[i] != s->sector[j]))
		broken |= 1 << RULE_SECTOR;
	if (schools_excluded(s, i, j))
		broken |= 1 << RULE_EXCLUDED;
	if (s->cluster[i] >= 0 && s->cluster[i] == s->cluster[j])
		broken |= 1 << RULE_CLUSTER;
	if (sc->o.authority == AUTHORITY_DIFFERENT &&
		(s->authority[i] < 0 || s->authority[j] < 0 || same_authority(sc, i, j)))
		broken |= 1 << RULE_AUTHORITY;
	return broken;
}

/*
 * The same in one branch, but for exclusions: a school has its own cluster in
 * common with no other school, but with itself.
 */
static inline bool
codes_clash(const Site *p, const Site *l)
{
	return !(p->partner & l->lead) | (p->sector != l->sector) |
		(p->cluster == l->cluster) | (p->authority == l->authority);
}

/* P(lead better). */
static double
p_better(double m, double s)
{
	if (s == 0)
		return m > 0 ? 1 : m < 0 ? 0 : 0.5;
	return dist_norm_cdf(m / s);
}

/* Is P(lead better) below its floor?  The quantiles save most tails. */
static inline bool
below_p_floor(const Scorer *sc, double m, double s)
{
	if (s > 0)
	{
		if (m > sc->z_above * s)
			return false;
		if (m < sc->z_below * s)
			return true;
	}
	return p_better(m, s) < sc->o.min_p_better;
}

/* Square of the chord between two places on the unit sphere. */
static inline double
chord2(const Site *a, const Site *b)
{
	double		x = a->point[0] - b->point[0];
	double		y = a->point[1] - b->point[1];
	double		z = a->point[2] - b->point[2];

	return x * x + y * y + z * z;
}

/*
 * Great-circle distance by haversine.  At the antipodes 1 - h cancels, so it
 * is summed on its own: cos^2(dlat/2) - cos cos sin^2(dlon/2) =
 * sin^2((lat + lat)/2) + cos cos cos^2(dlon/2).
 */
static double
great_circle_km(const Scorer *sc, int i, int j)
{
	const School *a = &sc->schools->school[i];
	const School *b = &sc->schools->school[j];
	double		cosines = sc->more[i].cos_lat * sc->more[j].cos_lat;
	double		half_lat = sin((a->lat - b->lat) * (RADIAN / 2));
	double		half_sum = sin((a->lat + b->lat) * (RADIAN / 2));
	double		dlon = fabs(a->lon - b->lon);
	double		half_lon;
	double		other_lon;
	double		h;
	double		rest;

	/* the short way round: exact from 180 on, and 0 across the date line */
	if (dlon > 180)
		dlon = 360 - dlon;
	half_lon = sin(dlon * (RADIAN / 2));
	other_lon = sin((180 - dlon) * (RADIAN / 2));
	h = half_lat * half_lat + cosines * half_lon * half_lon;
	rest = half_sum * half_sum + cosines * other_lon * other_lon;
	return 2 * EARTH_RADIUS_KM * atan2(sqrt(h), sqrt(rest));
}

/* -ln S; see scale_similarity(). */
static inline double
similarity_loss(double distance, double tenth)
{
	double		ratio;

	if (distance == 0 && !isnan(tenth))
		return 0;
	ratio = distance / tenth;	/* infinite where d10 is 0 */
	return M_LN2 * (ratio * ratio);
}

/* -ln T. */
static inline double
travel_loss(const Scorer *sc, double km)
{
	double		x = (km - sc->o.half_km) / sc->o.spread_km;

	return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* The gap that is fully usable by a partner; NaN where there is none. */
static inline double
target_gap(const Scorer *sc, int partner)
{
	int			u = sc->more[partner].target;

	if (!isnan(sc->o.target_gap))
		return sc->o.target_gap;
	return u >= 0 ? sc->scale->sector[u].target_gap : NAN;
}

/* Subjects of need in which something is known of the lead; is there any? */
static inline bool
shared_need(const Scorer *sc, int i, int j, uint64 *mask)
{
	int			u = sc->more[i].target;

	if (u < 0 || sc->schools->nsubject == 0)
		return false;
	for (int w = 0; w < 2; w++)
		mask[w] = sc->more[i].need[w] & sc->more[j].known[w] & sc->target[u][w];
	return (mask[0] | mask[1]) != 0;
}

/* C over those subjects. */
static double
complementarity(const Scorer *sc, int i, int j, uint64 *mask)
{
	const School *p = &sc->schools->school[i];
	const School *l = &sc->schools->school[j];
	const double *target = sc->scale->sector[sc->more[i].target].subject_target;
	double		need = 0;
	double		met = 0;
	int			k;

	while ((k = next_subject(mask)) >= 0)
	{
		double		s = sqrt(p->subject_se[k] * p->subject_se[k] + l->subject_se[k] * l->subject_se[k]);

		need -= p->subject[k];
		met -= p->subject[k] * usable_gap(l->subject[k] - p->subject[k], s, target[k]);
	}
	return Min(met / need, 1);
}

/* A part's loss. */
static inline double
weighted(double weight, double loss)
{
	return weight * Min(loss, SCORE_LOSS_CAP);
}

/* Loss of two schools of one authority. */
static inline double
authority_loss(const Scorer *sc, int i, int j)
{
	return sc->o.authority == AUTHORITY_PREFER && same_authority(sc, i, j) ?
		sc->o.same_authority_cost : 0;
}

/* Sum of the parts' losses, always in this order; those not known yet are 0. */
static inline double
parts_loss(double similarity, double gap, double complementarity, double travel)
{
	return similarity + gap + complementarity + travel;
}

/* Set a part that is there. */
static void
set_part(PairScore *out, ScorePart k, double part, double weight, double loss)
{
	out->part[k] = part;
	out->loss[k] = weighted(weight, loss);
	if (loss > SCORE_LOSS_CAP)
		out->capped |= 1 << k;
}

void
scorer_pair(const Scorer *sc, int partner, int lead, PairScore *out)
{
	const Site *p = &sc->site[partner];
	const Site *l = &sc->site[lead];
	const double *w;
	double		m = l->effect - p->effect;
	double		s = sqrt(p->variance + l->variance);
	double		g = target_gap(sc, partner);
	double		tenth = sc->points->tenth[partner];
	double		sum;
	uint64		need[2];
	int			there = 0;

	memset(out, 0, sizeof(*out));
	for (int k = 0; k < SCORE_PARTS; k++)
		out->part[k] = out->loss[k] = NAN;
	out->cost = out->score = out->p_better = out->km = NAN;
	out->broken = broken_codes(sc, partner, lead);
	out->distance = sqrt(points_distance(sc->points, partner, lead, INFINITY));
	if (p->located && l->located)
	{
		out->km = great_circle_km(sc, partner, lead);
		there |= HAS_TRAVEL;
	}
	if (shared_need(sc, partner, lead, need))
		there |= HAS_COMPLEMENTARITY;
	w = sc->weight[there];

	if (!isnan(sc->o.max_km) && !(out->km <= sc->o.max_km))
		out->broken |= 1 << RULE_KM;
	if (!isnan(m) && !isnan(s))
	{
		out->p_better = p_better(m, s);
		if (out->p_better < sc->o.min_p_better)
			out->broken |= 1 << RULE_P_BETTER;
	}

	out->partial = !isnan(out->distance) && points_are_partial(sc->points, partner, lead);
	if (!isnan(out->distance) && !isnan(tenth))
		set_part(out, PART_SIMILARITY, scale_similarity(out->distance, tenth), w[PART_SIMILARITY],
				 similarity_loss(out->distance, tenth));
	if (!isnan(m) && !isnan(s) && !isnan(g))
		set_part(out, PART_GAP, usable_gap(m, s, g), w[PART_GAP], usable_gap_loss(m, s, g));
	if (there & HAS_COMPLEMENTARITY)
	{
		double		c = complementarity(sc, partner, lead, need);

		set_part(out, PART_COMPLEMENTARITY, c, w[PART_COMPLEMENTARITY], -log(c));
	}
	if (there & HAS_TRAVEL)
	{
		double		loss = travel_loss(sc, out->km);

		set_part(out, PART_TRAVEL, exp(-loss), w[PART_TRAVEL], loss);
	}
	out->authority_loss = authority_loss(sc, partner, lead);

	if (!(out->part[PART_SIMILARITY] >= sc->o.min_similarity))
		out->broken |= 1 << RULE_SIMILARITY;
	sum = parts_loss(out->loss[PART_SIMILARITY], out->loss[PART_GAP],
					 there & HAS_COMPLEMENTARITY ? out->loss[PART_COMPLEMENTARITY] : 0,
					 there & HAS_TRAVEL ? out->loss[PART_TRAVEL] : 0);
	if (!isnan(sum) && sc->weighs[there])
	{
		out->score = exp(-sum);
		out->cost = sum + out->authority_loss;
	}
	if (isnan(out->part[PART_GAP]) || !sc->weighs[there] || out->score < sc->o.min_score)
		out->broken |= 1 << RULE_SCORE;
}

/*
 * Squared distance above which the similarity's part alone takes the sum of the
 * parts' losses to `enough`, or breaks min_similarity; infinite where none does.
 */
static inline double
distance_limit(const Scorer *sc, double tenth, double weight, double enough)
{
	double		ratio2 = sc->ratio2_above;

	/* d10^2 could vanish; 0 and NaN are for similarity_loss() */
	if (!(tenth > 1e-100))
		return INFINITY;
	if (enough < weight * SCORE_LOSS_CAP)
		ratio2 = Min(ratio2, enough / (weight * M_LN2));
	return ratio2 * tenth * tenth * (1 + MARGIN);
}

/*
 * What turns most of a partner's pairs away before anything else is looked at: as
 * distance_limit(), with the least weight that similarity can have.
 */
static void
make_quick(const Scorer *sc, Sheet *sheet, int partner)
{
	double		tenth = sc->points->tenth[partner];
	double		weight = sc->weight[HAS_COMPLEMENTARITY | HAS_TRAVEL][PART_SIMILARITY];

	sheet->quick_partner = -1;
	if (!(tenth > 1e-100) || weight == 0)
		return;
	sheet->quick_partner = partner;
	/* beyond that the part is capped */
	sheet->quick_limit = weight * SCORE_LOSS_CAP * (1 - 2 * MARGIN);
	sheet->quick_slope = tenth * tenth / (weight * M_LN2) * (1 + 4 * MARGIN);
	sheet->quick_offset = tenth * tenth / (weight * M_LN2) * (4 * MARGIN);
}

/* Is a lead too far for a cost below limit, as far as is known at once? */
static inline bool
quick_far(const Sheet *sheet, int partner, int lead, double limit)
{
	int			slot = sheet->slot[lead];

	return partner == sheet->quick_partner && limit < sheet->quick_limit && slot >= 0 &&
		sheet->least[slot] > sheet->quick_slope * limit + sheet->quick_offset;
}

/* Is a lead certainly too far by the sheet, if it is worth having one? */
static inline bool
sheet_says_far(const Scorer *sc, Sheet *sheet, int partner, int slot, double d2_limit)
{
	if (partner != sheet->partner)
	{
		sheet->partner = partner;
		sheet->quick_partner = -1;
		sheet->asked = 0;
	}
	if (sheet->asked < sheet->worth)
	{
		if (++sheet->asked < sheet->worth)
			return false;
		scorer_fill_sheet(sc, partner);
		make_quick(sc, sheet, partner);
	}
	return sheet->least[slot] > d2_limit;
}

/*
 * The parts that a pair has, as HAS_... bits, or -1 if a rule or a lack of parts
 * decides before anything dear is worked out.  need: the subjects of the pair.
 */
static inline int
parts_there(const Scorer *sc, int partner, int lead, double m, double variance, uint64 need[2])
{
	const Site *p = &sc->site[partner];
	const Site *l = &sc->site[lead];
	int			there = 0;

	if (sc->better & ((m < 0) | (m * m < sc->z2_below * variance - TINY)))
		return -1;
	if (p->located && l->located)
	{
		if (chord2(p, l) > sc->chord2_above)
			return -1;
		there |= HAS_TRAVEL;
	}
	if (shared_need(sc, partner, lead, need))
		there |= HAS_COMPLEMENTARITY;
	return sc->weighs[there] ? there : -1;
}

/*
 * Set the sheet's bounds for this limit: the sum of the parts' losses that is
 * certainly too much, and the squared distance that alone comes to it.  They are
 * kept as long as partner, limit and parts stay the same, which is nearly always.
 */
static inline void
set_bounds(const Scorer *sc, Sheet *sheet, int partner, int there, double limit, double same)
{
	if (partner == sheet->limit_partner && limit == sheet->limit && there == sheet->limit_there &&
		same == 0)
		return;
	sheet->enough = Min((limit - same) * (1 + MARGIN) + MARGIN, sc->parts_above);
	sheet->d2_limit = distance_limit(sc, sc->points->tenth[partner],
									 sc->weight[there][PART_SIMILARITY], sheet->enough);
	sheet->limit_partner = same != 0 ? -1 : partner;
	sheet->limit = limit;
	sheet->limit_there = there;
}

/* The weighted loss in similarity, or INFINITY where it is too much or not known. */
static inline double
similarity_within(Scorer *sc, int partner, int lead, double weight)
{
	Sheet	   *sheet = &sc->sheet;
	double		tenth = sc->points->tenth[partner];
	double		d2_limit = sheet->d2_limit;
	double		d2;
	double		distance;
	double		loss;

	if (sheet_says_far(sc, sheet, partner, sc->site[lead].slot, d2_limit))
		return INFINITY;
	d2 = points_distance(sc->points, partner, lead, d2_limit);
	if (isnan(d2) || isnan(tenth) || d2 > d2_limit)
		return INFINITY;
	distance = sqrt(d2);
	if (sc->o.min_similarity > 0 && !(scale_similarity(distance, tenth) >= sc->o.min_similarity))
		return INFINITY;
	loss = weighted(weight, similarity_loss(distance, tenth));
	return loss > sheet->enough ? INFINITY : loss;
}

/* scorer_cost() for a pair whose codes do not clash, nor are excluded. */
static double
work_out_cost(Scorer *sc, int partner, int lead, double limit)
{
	double		m = sc->site[lead].effect - sc->site[partner].effect;
	double		variance = sc->site[partner].variance + sc->site[lead].variance;
	uint64		need[2];
	int			there = parts_there(sc, partner, lead, m, variance, need);
	const double *w = sc->weight[Max(there, 0)];
	double		same;
	double		enough;
	double		s;
	double		g;
	double		similarity;
	double		travel = 0;
	double		gap;
	double		comp = 0;
	double		sum;
	double		cost;

	if (there < 0)
		return INFINITY;
	same = authority_loss(sc, partner, lead);
	set_bounds(sc, &sc->sheet, partner, there, limit, same);
	enough = sc->sheet.enough;
	similarity = similarity_within(sc, partner, lead, w[PART_SIMILARITY]);
	if (isinf(similarity))
		return INFINITY;

	s = sqrt(variance);
	if (below_p_floor(sc, m, s))
		return INFINITY;
	if (there & HAS_TRAVEL)
	{
		double		km = great_circle_km(sc, partner, lead);

		if (km > sc->o.max_km)
			return INFINITY;
		travel = weighted(w[PART_TRAVEL], travel_loss(sc, km));
		if (parts_loss(similarity, 0, 0, travel) > enough)
			return INFINITY;
	}

	g = target_gap(sc, partner);
	if (isnan(g))
		return INFINITY;
	gap = weighted(w[PART_GAP], usable_gap_loss(m, s, g));
	if (there & HAS_COMPLEMENTARITY)
	{
		if (parts_loss(similarity, gap, 0, travel) > enough)
			return INFINITY;
		comp = weighted(w[PART_COMPLEMENTARITY], -log(complementarity(sc, partner, lead, need)));
	}

	sum = parts_loss(similarity, gap, comp, travel);
	if (sc->o.min_score > 0 && exp(-sum) < sc->o.min_score)
		return INFINITY;
	cost = sum + same;
	return cost < limit ? cost : INFINITY;
}

double
scorer_cost(Scorer *sc, int partner, int lead, double limit)
{
	const Site *p = &sc->site[partner];
	const Site *l = &sc->site[lead];
	KnownCost  *known;
	double		cost;

	/* no cost is below 0 */
	if (limit <= 0 || quick_far(&sc->sheet, partner, lead, limit) || codes_clash(p, l))
		return INFINITY;
	if (l->kind < 0)
		cost = work_out_cost(sc, partner, lead, limit);
	else
	{
		known = &sc->known[l->kind];
		if (known->partner != p->kind)
			*known = (KnownCost) {p->kind, INFINITY, 0};
		if (isinf(known->cost) && limit > known->least)
		{
			/* asked for the second time: once and for all */
			known->least = known->least == 0 ? limit : INFINITY;
			known->cost = work_out_cost(sc, partner, lead, known->least);
		}
		cost = known->cost < limit ? known->cost : INFINITY;
	}
	if (!isinf(cost) && p->excludes && l->excludes &&
		schools_excluded(sc->schools, partner, lead))
		return INFINITY;
	return cost;
}

double
scorer_peers(const Scorer *sc, int a, int b, double *km)
{
	bool		located = sc->site[a].located && sc->site[b].located;
	double		tenth = sc->points->tenth[a];
	double		distance = sqrt(points_distance(sc->points, a, b, INFINITY));
	double		w_similarity = sc->o.weight[PART_SIMILARITY];
	double		w_travel = located ? sc->o.weight[PART_TRAVEL] : 0;
	double		sum = w_similarity + w_travel;

	*km = located ? great_circle_km(sc, a, b) : NAN;
	if (isnan(distance) || isnan(tenth))
		return NAN;
	if (sum == 0)
		return 0;
	return weighted(w_similarity / sum, similarity_loss(distance, tenth)) +
		(located ? weighted(w_travel / sum, travel_loss(sc, *km)) : 0);
}

int
scorer_can_teach(const Scorer *sc, int partner, int lead, int *subjects)
{
	const School *p = &sc->schools->school[partner];
	const School *l = &sc->schools->school[lead];
	uint64		mask[2];
	int			n = 0;
	int			k;

	for (int w = 0; w < 2; w++)
		mask[w] = sc->more[partner].known[w] & sc->more[lead].known[w];
	while ((k = next_subject(mask)) >= 0)
	{
		double		s = sqrt(p->subject_se[k] * p->subject_se[k] + l->subject_se[k] * l->subject_se[k]);

		if (p_better(p->subject[k] - l->subject[k], s) >= SCORE_TEACH)
			subjects[n++] = k;
	}
	return n;
}
