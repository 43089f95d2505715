/*
 * points.c
 *		Schools as points: their coordinates and distances.
 */
#include "sipp.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "pair/points.h"

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

double
points_distance(const Points *p, int i, int j, double limit)
{
	int			u = p->unit[i];
	size_t		nvar = p->nvar;
	double		d2;

	if (u < 0 || u != p->unit[j])
		return NAN;
	d2 = value_distance(p, p->factor + u * nvar, p->value + i * nvar, p->value + j * nvar, limit);
	if (p->nband > 0 && !(d2 > limit))
	{
		size_t		edges = p->nband - 1;
		double		bound = d2 + position_bound(fabs(p->position[i] - p->position[j]),
												p->profile_factor[i]);

		if (bound > limit)
			return bound;
		d2 += square(p->profile_factor[i] * profile_distance(p->cumulative + i * edges,
															 p->cumulative + j * edges, p->nband));
	}
	return d2;
}

double
points_parts(const Points *p, int i, int j, double *part)
{
	int			u = p->unit[i];
	size_t		nvar = p->nvar;
	double		t[MAX_VARIABLES];
	double		d2 = 0;

	Assert(u >= 0 && u == p->unit[j]);
	for (size_t v = 0; v < nvar; v++)
		t[v] = p->factor[u * nvar + v] * (p->value[i * nvar + v] - p->value[j * nvar + v]);
	for (size_t v = 0; v < nvar; v++)
	{
		part[v] = square(p->mix ? mixed_value(p, v, t) : t[v]);
		d2 += part[v];
	}
	if (p->nband > 0)
	{
		size_t		edges = p->nband - 1;

		part[nvar] = square(p->profile_factor[i] *
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
		int			u = scale->pooled ? 0 : s->sector[i] < 0 ? -1 : unit[s->sector[i]];

		/* the nation's other schools may have what none of these has */
		if (!school_has_context(s, (int) i) || school->ncontext != scale->nvar ||
			school->nband != scale->nband)
			u = -1;
		p->unit[i] = u;
		p->position[i] = p->profile_factor[i] = p->tenth[i] = NAN;
		if (u < 0)
		{
			for (size_t v = 0; v < nvar; v++)
				value[v] = NAN;
			for (size_t b = 0; b < edges; b++)
				f[b] = NAN;
			continue;
		}
		if (nvar > 0)
			memcpy(value, school->context, sizeof(double) * nvar);
		p->tenth[i] = scale->sector[u].tenth;
		if (scale->nband > 0)
		{
			p->position[i] = profile_cumulate(school->deprivation, scale->nband, f);
			p->profile_factor[i] = unit_factor(scale->profile_weight,
											   scale->sector[u].profile_scale);
		}
	}
	pfree(unit);
	return p;
}

void
points_free(Points *p)
{
	pfree(p->value);
	pfree(p->unit);
	pfree(p->factor);
	pfree(p->cumulative);
	pfree(p->position);
	pfree(p->profile_factor);
	pfree(p->tenth);
	if (p->mix)
	{
		pfree(p->mix);
		pfree(p->mixed);
		pfree(p->slack);
	}
	pfree(p);
}

int *
points_by_unit(const Points *p, int **start)
{
	int		   *list = palloc(sizeof(int) * Max(p->n, 1));
	int		   *at = palloc0(sizeof(int) * (p->nunit + 2));

	/* counted two places up, so that filling leaves the starts behind */
	for (int i = 0; i < p->n; i++)
		if (p->unit[i] >= 0)
			at[p->unit[i] + 2]++;
	for (int u = 0; u < p->nunit; u++)
		at[u + 2] += at[u + 1];
	for (int i = 0; i < p->n; i++)
		if (p->unit[i] >= 0)
			list[at[p->unit[i] + 1]++] = i;
	*start = at;
	return list;
}
