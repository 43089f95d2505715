/*
 * scorer.c
 *		Making a scorer: all that can be worked out once for each school, and the
 *		bounds by which most pairs are turned away.
 */
#include "sipp.h"

#include <float.h>
#include <math.h>

#include "num/dist.h"
#include "score/scorer.h"

/* The scale's subjects must be the schools'. */
static void
check_subjects(const Schools *s, const Scale *scale)
{
	if (s->nsubject == 0)
		return;
	if (s->nsubject != scale->nsubject)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"scale\" is of other subjects than the schools'"),
				 errdetail("The schools have %d, the scale has %d.", s->nsubject, scale->nsubject),
				 errhint("Make the scale with sipp.context_scale from all schools, these among them.")));
	for (int k = 0; k < s->nsubject; k++)
		if (strcmp(s->subject_name[k], scale->subject_name[k]) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"scale\" is of other subjects than the schools'"),
					 errdetail("Subject %d is \"%s\" of the schools and \"%s\" of the scale.",
							   k + 1, s->subject_name[k], scale->subject_name[k]),
					 errhint("Make the scale with sipp.context_scale from all schools, these among them.")));
}

/* What pairs need of school i. */
static void
make_site(Scorer *sc, int i)
{
	const Schools *s = sc->schools;
	const School *x = &s->school[i];
	Site	   *site = &sc->site[i];
	SiteMore   *more = &sc->more[i];
	bool		different = sc->o.authority == AUTHORITY_DIFFERENT;
	bool		fit;

	more->eligible = school_lacks(s, i) == 0;
	site->sector = sc->o.pooled ? 0 : s->sector[i];
	site->cluster = s->cluster[i] >= 0 ? s->cluster[i] : -1 - i;
	site->authority = different && s->authority[i] >= 0 ? s->authority[i] : -1 - i;
	fit = more->eligible && site->sector >= 0 && (s->authority[i] >= 0 || !different) &&
		(!isnan(x->lat) || isnan(sc->o.max_km));
	site->partner = fit && ROLE_IS_PARTNER(x->role);
	site->lead = fit && ROLE_IS_LEAD(x->role);
	site->excludes = s->excluded_start[i + 1] > s->excluded_start[i];
	site->effect = x->effect;
	site->variance = x->effect_se * x->effect_se;

	site->located = !isnan(x->lat);
	if (site->located)
	{
		/* the cosine by way of the pole, where it is exactly 0 at any longitude */
		more->cos_lat = sin((90 - fabs(x->lat)) * RADIAN);
		site->point[0] = more->cos_lat * cos(x->lon * RADIAN);
		site->point[1] = more->cos_lat * sin(x->lon * RADIAN);
		site->point[2] = sin(x->lat * RADIAN);
	}

	more->target = -1;
	if (sc->scale->pooled)
		more->target = sc->scale->nsector > 0 ? 0 : -1;
	else if (x->sector != NULL)
	{
		const SectorScale *t = scale_sector(sc->scale, x->sector);

		more->target = t != NULL ? (int) (t - sc->scale->sector) : -1;
	}
	for (int k = 0; k < x->nsubject; k++)
		if (!isnan(x->subject[k]) && !isnan(x->subject_se[k]))
		{
			uint64		bit = UINT64CONST(1) << (k % 64);

			more->known[k / 64] |= bit;
			if (x->subject[k] < 0)
				more->need[k / 64] |= bit;
		}
}

/* Weights where only some of the parts are there: those of the others in proportion. */
static void
make_weights(Scorer *sc)
{
	for (int there = 0; there < 4; there++)
	{
		double	   *w = sc->weight[there];
		double		sum = 0;

		memcpy(w, sc->o.weight, sizeof(sc->o.weight));
		if ((there & HAS_COMPLEMENTARITY) == 0)
			w[PART_COMPLEMENTARITY] = 0;
		if ((there & HAS_TRAVEL) == 0)
			w[PART_TRAVEL] = 0;
		for (int k = 0; k < SCORE_PARTS; k++)
			sum += w[k];
		sc->weighs[there] = sum > 0;
		for (int k = 0; k < SCORE_PARTS && sum > 0; k++)
			w[k] /= sum;
	}
}

/* z at a probability, moved away from it. */
static double
safe_quantile(double p, double margin)
{
	double		z;

	/* near 1 many z have one and the same P in double precision */
	p += margin > 0 ? DBL_EPSILON : -DBL_EPSILON;
	if (p <= 0)
		return -INFINITY;
	if (p >= 1)
		return INFINITY;
	z = dist_norm_quantile(p);
	return z + margin * (1 + fabs(z));
}

/* Bounds that hold whatever the rounding. */
static void
make_bounds(Scorer *sc)
{
	const ScoreOptions *o = &sc->o;

	sc->z_above = o->min_p_better > 0 ? safe_quantile(o->min_p_better, MARGIN) : -INFINITY;
	sc->z_below = safe_quantile(o->min_p_better, -MARGIN);
	sc->better = sc->z_below >= 0;
	sc->z2_below = sc->z_below * sc->z_below;
	sc->chord2_above = INFINITY;
	if (o->max_km < M_PI * EARTH_RADIUS_KM)
	{
		double		half = sin(o->max_km / (2 * EARTH_RADIUS_KM));

		sc->chord2_above = 4 * half * half * (1 + MARGIN) + half * 1e-14 + 1e-28;
	}
	sc->ratio2_above = o->min_similarity > 0 ? -log2(o->min_similarity) * (1 + MARGIN) + MARGIN : INFINITY;
	sc->parts_above = o->min_score > 0 ? -log(o->min_score) * (1 + MARGIN) + MARGIN : INFINITY;
}

Scorer *
scorer_make(const Schools *s, const Scale *scale, const ScoreOptions *o)
{
	Scorer	   *sc = palloc0(sizeof(Scorer));
	size_t		n = Max(s->n, 1);

	Assert(scale->pooled == o->pooled);
	check_subjects(s, scale);
	sc->schools = s;
	sc->scale = scale;
	sc->o = *o;
	sc->points = points_make(s, scale);
	sc->site = palloc0(sizeof(Site) * n);
	sc->more = palloc0(sizeof(SiteMore) * n);
	for (int i = 0; i < s->n; i++)
		make_site(sc, i);
	sc->target = palloc0(sizeof(*sc->target) * Max(scale->nsector, 1));
	for (int u = 0; u < scale->nsector; u++)
		for (int k = 0; k < scale->nsubject; k++)
			if (!isnan(scale->sector[u].subject_target[k]))
				sc->target[u][k / 64] |= UINT64CONST(1) << (k % 64);
	make_weights(sc);
	make_bounds(sc);
	scorer_find_alike(sc);
	scorer_make_sheet(sc);
	return sc;
}
