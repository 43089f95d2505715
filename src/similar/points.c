/*
 * points.c
 *		Schools as points: their coordinates and distances.
 */
#include "sipp.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "base/bucket.h"
#include "similar/points.h"

StaticAssertDecl(SCHOOL_MAX_CONTEXT <= 64 * POINTS_WORDS, "a bit for each variable that can be lacking");

/* F at the inner band edges, and the mean position: 1 - integral of F. */
double
profile_cumulate(const double *share, int nband, double *f)
{
	double		total = 0;
	double		sum = 0;
	double		area = 0.5;		/* of the last band's half: F(1) = 1 */

	/* shares add to 1 but for rounding; F must end at 1 in any case */
	for (int b = 0; b < nband; b++)
		total += share[b];
	for (int b = 0; b < nband - 1; b++)
	{
		double		at;

		sum += share[b];
		at = sum / total;
		if (f)
			f[b] = at;
		area += at;
	}
	return 1 - area / nband;
}

/*
 * Integral of |F - G|, piecewise linear: trapezia of |differences|, less what they
 * count too much on bands where the sign changes,
 * (a + b)/2 - (a^2 + b^2)/(2 (a + b)) = a b/(a + b) with absolute values.
 */
double
profile_distance(const double *f, const double *g, int nband)
{
	double		area = 0;
	double		last = 0;

	for (int b = 0; b < nband - 1; b++)
	{
		double		d = f[b] - g[b];

		area += fabs(d);
		if ((d > 0) != (last > 0) && d != 0 && last != 0)
			area -= fabs(last) * fabs(d) / (fabs(last) + fabs(d));
		last = d;
	}
	return area / nband;
}

bool
points_factors(const Points *p, const double *own, double own_profile, const uint64 *lacks,
			   double *factor, double *profile_factor)
{
	double		all = p->nband > 0 && own_profile > 0 ? p->profile_weight : 0;
	double		known = all;
	double		stretch = 1;

	for (int v = 0; v < p->nvar; v++)
	{
		bool		lacking = (lacks[v / 64] >> (v % 64)) & 1;

		factor[v] = lacking ? 0 : own[v];
		if (own[v] > 0)
			all += p->weight[v];
		if (factor[v] > 0)
			known += p->weight[v];
	}
	if (known == 0 && all > 0)
		return false;
	if (known < all)
		stretch = sqrt(all / known);
	for (int v = 0; v < p->nvar; v++)
		factor[v] *= stretch;
	*profile_factor = own_profile * stretch;
	return true;
}

/* The factors of two schools of one unit; false: they have nothing in common. */
static bool
factors_of(const Points *p, int i, int j, double *factor, double *profile_factor)
{
	uint64		lacks[POINTS_WORDS];

	for (int w = 0; w < POINTS_WORDS; w++)
		lacks[w] = lacks_word(p, i, w) | lacks_word(p, j, w);
	return points_factors(p, p->factor + (size_t) p->unit[i] * p->nvar, p->profile_factor[i], lacks,
						  factor, profile_factor);
}

bool
points_are_partial(const Points *p, int i, int j)
{
	return lacks_any(p, i) || lacks_any(p, j);
}

/* d^2 by these factors, as points_distance(); inlined for what most of the time goes to. */
static pg_attribute_always_inline double
distance_by(const Points *p, int i, int j, const double *factor, double profile_factor,
			double limit)
{
	size_t		nvar = p->nvar;
	double		d2 = value_distance(p, factor, p->value + i * nvar, p->value + j * nvar, limit);

	if (p->nband > 0 && !(d2 > limit))
	{
		size_t		edges = p->nband - 1;
		double		bound = d2 + position_bound(fabs(p->position[i] - p->position[j]),
												profile_factor);

		if (bound > limit)
			return bound;
		d2 += square(profile_factor * profile_distance(p->cumulative + i * edges,
													   p->cumulative + j * edges, p->nband));
	}
	return d2;
}

/* d^2 of two schools one of which lacks something. */
static pg_noinline double
partial_distance(const Points *p, int i, int j, double limit)
{
	double		factor[MAX_VARIABLES];
	double		profile_factor;

	if (!factors_of(p, i, j, factor, &profile_factor))
		return NAN;
	return distance_by(p, i, j, factor, profile_factor, limit);
}

double
points_distance(const Points *p, int i, int j, double limit)
{
	int			u = p->unit[i];

	if (u < 0 || u != p->unit[j])
		return NAN;
	if (unlikely(p->lacks != NULL) && points_are_partial(p, i, j))
		return partial_distance(p, i, j, limit);
	return distance_by(p, i, j, p->factor + (size_t) u * p->nvar, p->profile_factor[i], limit);
}

double
points_parts(const Points *p, int i, int j, double *part)
{
	int			u = p->unit[i];
	size_t		nvar = p->nvar;
	double		t[MAX_VARIABLES];
	double		d2 = 0;
	double		partial[MAX_VARIABLES];
	const double *factor = p->factor + u * nvar;
	double		profile_factor = p->profile_factor[i];

	Assert(u >= 0 && u == p->unit[j]);
	if (points_are_partial(p, i, j))
	{
		(void) factors_of(p, i, j, partial, &profile_factor);
		factor = partial;
	}
	for (size_t v = 0; v < nvar; v++)
		t[v] = factor[v] * (p->value[i * nvar + v] - p->value[j * nvar + v]);
	for (size_t v = 0; v < nvar; v++)
	{
		part[v] = square(p->whitening ? whitened_value(p, v, t) : t[v]);
		d2 += part[v];
	}
	if (p->nband > 0)
	{
		size_t		edges = p->nband - 1;

		part[nvar] = square(profile_factor *
							profile_distance(p->cumulative + i * edges, p->cumulative + j * edges,
											 p->nband));
		d2 += part[nvar];
	}
	return d2;
}

/* Refuse a scale of other variables or bands. */
static void
check_variables(const Schools *s, const Scale *scale)
{
	bool		same = s->ncontext == 0 || s->ncontext == scale->nvar;

	for (int v = 0; same && v < s->ncontext; v++)
		same = strcmp(s->context_name[v], scale->name[v]) == 0;
	if (!same)
	{
		StringInfoData own;
		StringInfoData theirs;

		initStringInfo(&own);
		initStringInfo(&theirs);
		for (int v = 0; v < s->ncontext; v++)
			appendStringInfo(&own, "%s%s", v > 0 ? ", " : "", s->context_name[v]);
		for (int v = 0; v < scale->nvar; v++)
			appendStringInfo(&theirs, "%s%s", v > 0 ? ", " : "", scale->name[v]);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"scale\" is of other context variables than the schools'"),
				 errdetail("The schools have: %s. The scale has: %s.", own.data,
						   scale->nvar > 0 ? theirs.data : "none"),
				 errhint("Make the scale with sipp.context_scale from all schools, these among them.")));
	}
	if (s->nband > 0 && s->nband != scale->nband)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"scale\" is of other deprivation bands than the schools'"),
				 errdetail("The schools have %d, the scale has %d.", s->nband, scale->nband),
				 errhint("Make the scale with sipp.context_scale from all schools, these among them.")));
}

/* By what a difference is multiplied. */
static double
unit_factor(double weight, double scale)
{
	return scale > 0 ? sqrt(weight) / scale : 0;
}

/*
 * The variables that a school lacks, as bits; what it has of them becomes a 0, which
 * factors of 0 leave out.  False: of all that tells schools apart nothing is known.
 */
static bool
take_lacking(Points *p, const Scale *scale, int i, int u)
{
	double		factor[MAX_VARIABLES];
	double		profile_factor;
	double	   *value = p->value + (size_t) i * p->nvar;

	if (p->lacks == NULL)
	{
		p->lacks = MemoryContextAllocExtended(CurrentMemoryContext, sizeof(*p->lacks) * p->n,
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		p->weight = palloc(sizeof(double) * Max(p->nvar, 1));
		memcpy(p->weight, scale->weight, sizeof(double) * p->nvar);
		p->profile_weight = scale->profile_weight;
	}
	for (int v = 0; v < p->nvar; v++)
		if (isnan(value[v]))
		{
			p->lacks[i][v / 64] |= UINT64CONST(1) << (v % 64);
			value[v] = 0;
		}
	return points_factors(p, p->factor + (size_t) u * p->nvar, p->profile_factor[i], p->lacks[i],
						  factor, &profile_factor);
}

/* Whose yardsticks a school is under; -1: nobody's, or there is nothing to compare. */
static int
find_unit(const Schools *s, const Scale *scale, const int *unit, int i)
{
	const School *x = &s->school[i];
	int			u = scale->pooled ? 0 : s->sector[i] < 0 ? -1 : unit[s->sector[i]];

	/* the nation's other schools may have what none of these has */
	if (u < 0 || school_lacks_context(s, i) != 0 || x->ncontext != scale->nvar ||
		x->nband != scale->nband)
		return -1;
	/* yardsticks of one school are none */
	return scale->sector[u].schools < 2 && !school_is_complete(s, i) ? -1 : u;
}

Points *
points_make(const Schools *s, const Scale *scale)
{
	Points	   *p = palloc0(sizeof(Points));
	size_t		nvar = scale->nvar;
	size_t		edges = Max(scale->nband - 1, 0);
	size_t		n = s->n;
	int		   *unit = palloc(sizeof(int) * Max(s->nsector, 1));

	check_variables(s, scale);
	p->n = s->n;
	p->nvar = scale->nvar;
	p->nunit = scale->nsector;
	p->nband = scale->nband;
	p->value = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(n * nvar, 1));
	p->cumulative = MemoryContextAllocHuge(CurrentMemoryContext,
										   sizeof(double) * Max(n * edges, 1));
	p->unit = palloc(sizeof(int) * Max(n, 1));
	p->position = palloc(sizeof(double) * Max(n, 1));
	p->profile_factor = palloc(sizeof(double) * Max(n, 1));
	p->tenth = palloc(sizeof(double) * Max(n, 1));
	p->factor = MemoryContextAllocHuge(CurrentMemoryContext,
									   sizeof(double) * Max(scale->nsector * nvar, 1));

	for (int u = 0; u < scale->nsector; u++)
		for (size_t v = 0; v < nvar; v++)
			p->factor[u * nvar + v] = unit_factor(scale->weight[v], scale->sector[u].scale[v]);
	for (int k = 0; k < s->nsector; k++)
	{
		const SectorScale *x = scale_sector(scale, s->sector_name[k]);

		unit[k] = x ? (int) (x - scale->sector) : -1;
	}

	for (size_t i = 0; i < n; i++)
	{
		const School *school = &s->school[i];
		double	   *value = p->value + i * nvar;
		double	   *f = p->cumulative + i * edges;
		int			u = find_unit(s, scale, unit, (int) i);

		p->position[i] = p->profile_factor[i] = p->tenth[i] = NAN;
		if (u >= 0)
		{
			if (nvar > 0)
				memcpy(value, school->context, sizeof(double) * nvar);
			p->tenth[i] = scale->sector[u].tenth;
			if (scale->nband > 0)
			{
				p->position[i] = profile_cumulate(school->deprivation, scale->nband, f);
				p->profile_factor[i] = unit_factor(scale->profile_weight,
												   scale->sector[u].profile_scale);
			}
			if (!school_is_complete(s, (int) i) && !take_lacking(p, scale, (int) i, u))
				u = -1;
		}
		p->unit[i] = u;
		if (u < 0)
		{
			p->position[i] = p->profile_factor[i] = p->tenth[i] = NAN;
			for (size_t v = 0; v < nvar; v++)
				value[v] = NAN;
			for (size_t b = 0; b < edges; b++)
				f[b] = NAN;
		}
	}
	pfree(unit);
	return p;
}

int *
points_by_unit(const Points *p, int **start)
{
	return bucket_sort(p->n, p->nunit, p->unit, start);
}
