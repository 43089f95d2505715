/*
 * scale.c
 *		The scale of a nation's schools: spreads, the distance to a tenth neighbour,
 *		target gaps; see scale.h for the formulas.
 */
#include "sipp.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/bucket.h"
#include "similar/scale.h"

#define NORMAL_IQR		1.349	/* of a standard normal distribution */
#define NORMAL_MAD		0.6745	/* median absolute deviation of one */
#define NOTICE_CORRELATION 0.8
#define NOTICE_SCHOOLS	3		/* of two schools, all correlations are +-1 */
#define NOTICE_PAIRS	10		/* named; the rest are counted */
#define NOTICE_NAMES	10		/* the same of sectors and variables */

/* What the scales of one sector are made from. */
typedef struct SectorWork
{
	const Schools *schools;
	int			nall;			/* its schools, and those with complete context */
	const int  *all;
	int			n;
	int		   *complete;
	double	   *x;				/* [nall] scratch, as the next */
	double	   *y;
	double	   *f;				/* [nall][nband - 1] profiles, cumulative */
	double	   *position;		/* [nall] */

	/* notices of all sectors so far */
	int			npair;			/* correlated pairs of variables, of which NOTICE_PAIRS are named */
	StringInfoData pairs;
	int			nfew;			/* sectors of few schools */
	StringInfoData few;
} SectorWork;

/* s_v of n numbers, which it sorts: IQR/1.349, else SD, else 0. */
static double
variable_scale(double *v, int n)
{
	double		q1;
	double		q3;
	double		s;

	if (n < 2)
		return 0;
	q1 = scale_percentile(v, n, 0.25);
	q3 = scale_percentile(v, n, 0.75);
	s = real_spread((q3 - q1) / NORMAL_IQR, Max(fabs(q1), fabs(q3)));
	if (s == 0)
		s = real_spread(sqrt(squares_about_mean(v, n) / (n - 1)), Max(fabs(v[0]), fabs(v[n - 1])));
	return s;
}

/* s_W: from the distances to the mean profile. */
static double
profile_scale(SectorWork *w, int nband)
{
	size_t		edges = nband - 1;
	double	   *mean = palloc0(sizeof(double) * nband);
	double		square = 0;
	double		s;

	if (w->n < 2)
		return 0;
	for (int r = 0; r < w->n; r++)
		for (size_t b = 0; b < edges; b++)
			mean[b] += w->f[r * edges + b];
	for (size_t b = 0; b < edges; b++)
		mean[b] /= w->n;
	for (int r = 0; r < w->n; r++)
	{
		w->x[r] = profile_distance(w->f + r * edges, mean, nband);
		square += w->x[r] * w->x[r];
	}
	pfree(mean);
	s = real_spread(scale_percentile(w->x, w->n, 0.5) / NORMAL_MAD, 1);
	if (s == 0)
		s = real_spread(sqrt(square / w->n), 1);
	return s;
}

/* One school SD from n effects and their standard errors; NaN below two. */
static double
school_sd(const double *effect, const double *se, int n)
{
	double		square = 0;

	if (n < 2)
		return NAN;
	for (int i = 0; i < n; i++)
		square += se[i] * se[i];
	return sqrt(squares_about_mean(effect, n) / (n - 1) + square / n);
}

/* Work out target gaps of the effect and of each subject, over schools with both numbers. */
static void
sector_targets(SectorWork *w, SectorScale *out)
{
	const Schools *s = w->schools;

	for (int k = -1; k < s->nsubject; k++)
	{
		int			n = 0;
		double		target;

		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < w->nall; r++)
		{
			const School *school = &s->school[w->all[r]];
			double		effect = school->effect;
			double		se = school->effect_se;

			if (k >= 0)
			{
				if (school->nsubject == 0)
					continue;
				effect = school->subject[k];
				se = school->subject_se[k];
			}
			if (isnan(effect) || isnan(se))
				continue;
			w->x[n] = effect;
			w->y[n++] = se;
		}
		target = school_sd(w->x, w->y, n);
		if (k < 0)
			out->target_gap = target;
		else
			out->subject_target[k] = target;
	}
}

/* Measure the spreads of one sector. */
static void
sector_scales(SectorWork *w, const Scale *scale, SectorScale *out)
{
	const Schools *s = w->schools;

	w->n = 0;
	for (int r = 0; r < w->nall; r++)
		if (school_is_complete(s, w->all[r]))
			w->complete[w->n++] = w->all[r];
	out->schools = w->n;
	out->tenth = NAN;
	out->profile_scale = NAN;
	for (int v = 0; v < scale->nvar; v++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int r = 0; r < w->n; r++)
			w->x[r] = s->school[w->complete[r]].context[v];
		out->scale[v] = variable_scale(w->x, w->n);
	}
	if (scale->has_profile)
	{
		size_t		edges = scale->nband - 1;

		for (int r = 0; r < w->n; r++)
			w->position[r] = profile_cumulate(s->school[w->complete[r]].deprivation,
											  scale->nband, w->f + r * edges);
		out->profile_scale = profile_scale(w, scale->nband);
	}
}

/*
 * Centre the variables of a sector that have a weight and a spread, in units of the
 * spread: z is [m][n], square [m] their sums of squares, name [m]; returns m.
 */
static int
centre_variables(const SectorWork *w, const Scale *scale, const SectorScale *sector, double *z,
				 double *square, const char **name)
{
	int			n = w->n;
	int			m = 0;

	for (int v = 0; v <= scale->nvar; v++)
	{
		bool		profile = v == scale->nvar;
		double	   *zv = z + (size_t) m * n;
		double		unit = profile ? 1 : sector->scale[v];
		double		weight = profile ? scale->profile_weight : scale->weight[v];
		double		mean;

		CHECK_FOR_INTERRUPTS();
		if ((profile && !scale->has_profile) || weight == 0 || unit == 0)
			continue;
		for (int r = 0; r < n; r++)
			zv[r] = profile ? w->position[r] : w->schools->school[w->complete[r]].context[v];
		mean = mean_of(zv, n);
		square[m] = 0;
		for (int r = 0; r < n; r++)
		{
			zv[r] = (zv[r] - mean) / unit;
			square[m] += zv[r] * zv[r];
		}
		/* profiles of different shapes can have one and the same mean position */
		if (profile && real_spread(sqrt(square[m] / (n - 1)), 1) == 0)
			continue;
		name[m++] = profile ? SCALE_PROFILE_NAME : scale->name[v];
	}
	return m;
}

/*
 * Name the variables of a sector that correlate: each is weighed as if it said
 * something of its own.  Those without weight or spread are passed over.
 */
static void
add_correlated(SectorWork *w, const Scale *scale, const SectorScale *sector)
{
	int			n = w->n;
	int			m;
	double	   *z;				/* [m][n] */
	double	   *square;			/* [m] */
	const char **name;			/* [m] */

	if (n < NOTICE_SCHOOLS)
		return;
	z = MemoryContextAllocHuge(CurrentMemoryContext,
							   sizeof(double) * (scale->nvar + 1) * (size_t) n);
	square = palloc(sizeof(double) * (scale->nvar + 1));
	name = palloc(sizeof(char *) * (scale->nvar + 1));
	m = centre_variables(w, scale, sector, z, square, name);
	for (int i = 0; i < m; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int j = i + 1; j < m; j++)
		{
			double		sum = 0;
			double		correlation;

			for (int r = 0; r < n; r++)
				sum += z[(size_t) i * n + r] * z[(size_t) j * n + r];
			correlation = sum / (sqrt(square[i]) * sqrt(square[j]));
			if (!(fabs(correlation) > NOTICE_CORRELATION) || w->npair++ >= NOTICE_PAIRS)
				continue;
			appendStringInfo(&w->pairs, "%s%s and %s (%.2f", w->npair > 1 ? ", " : "",
							 name[i], name[j], Max(-1, Min(1, correlation)));
			if (sector->sector)
				appendStringInfo(&w->pairs, " in sector %s", sector->sector);
			appendStringInfoChar(&w->pairs, ')');
		}
	}
	pfree(z);					/* of the size of all schools' context */
}

/* The notice of variables that correlate, or NULL. */
static char *
correlated_notice(SectorWork *w)
{
	if (w->npair == 0)
		return NULL;
	if (w->npair > NOTICE_PAIRS)
		appendStringInfo(&w->pairs, " and %d more pairs", w->npair - NOTICE_PAIRS);
	return psprintf("circumstances that correlate beyond +-%.1f count twice what they share: %s",
					NOTICE_CORRELATION, w->pairs.data);
}

void
scale_add_few(StringInfo text, int *few, const char *name, int schools)
{
	if (schools >= SCALE_FEW || (*few)++ >= NOTICE_NAMES)
		return;
	appendStringInfo(text, "%s%d%s%s", *few > 1 ? ", " : "", schools,
					 name ? " in sector " : "", name ? name : "");
	if (schools < 2)
		appendStringInfoString(text, " (nothing to measure by)");
	else if (schools <= SCALE_NEIGHBOUR)
		appendStringInfo(text, " (the farthest of %d stands for a tenth neighbour)", schools - 1);
}

char *
scale_few_notice(const StringInfo text, int few)
{
	if (few == 0)
		return NULL;
	if (few > NOTICE_NAMES)
		appendStringInfo(text, " and %d more sectors", few - NOTICE_NAMES);
	return psprintf("likeness is measured by fewer than %d schools with complete context: %s", SCALE_FEW,
					text->data);
}

/* Add a notice to a scale, unless there is none; it is copied to where the scale is. */
static void
add_notice(Scale *scale, char *text)
{
	Assert(scale->nnotice < SCALE_MAX_NOTICES);
	if (text != NULL)
		scale->notice[scale->nnotice++] = MemoryContextStrdup(GetMemoryChunkContext(scale), text);
}

void
scale_report(const Scale *scale, const char *func)
{
	for (int k = 0; k < scale->nnotice; k++)
		ereport(NOTICE, (errmsg("%s: %s", func, scale->notice[k])));
}

/* The notice of variables that have a weight and no spread, which make no difference; or NULL. */
static char *
constant_notice(const Scale *scale)
{
	StringInfoData text;
	int			n = 0;

	initStringInfo(&text);
	for (int k = 0; k < scale->nsector; k++)
	{
		const SectorScale *x = &scale->sector[k];

		CHECK_FOR_INTERRUPTS();
		for (int v = 0; v <= scale->nvar && x->schools > 1; v++)
		{
			bool		profile = v == scale->nvar;

			if (profile ? !scale->has_profile || scale->profile_weight == 0 || x->profile_scale > 0 :
				scale->weight[v] == 0 || x->scale[v] > 0)
				continue;
			if (n++ < NOTICE_NAMES)
				appendStringInfo(&text, "%s%s%s%s", n > 1 ? ", " : "",
								 profile ? SCALE_PROFILE_NAME : scale->name[v],
								 x->sector ? " in sector " : "", x->sector ? x->sector : "");
		}
	}
	if (n > NOTICE_NAMES)
		appendStringInfo(&text, " and %d more", n - NOTICE_NAMES);
	return n == 0 ? NULL : psprintf("circumstances that are the same for all schools tell nothing apart: %s", text.data);
}

/* The notice of schools that are compared on part of their context, or NULL. */
static char *
partial_notice(const Schools *s, bool pooled)
{
	int		   *lacking = palloc0(sizeof(int) * Max(s->ncontext, 1));
	int			placed = 0;
	int			partial = 0;
	int			named = 0;
	StringInfoData text;

	for (int i = 0; i < s->n; i++)
	{
		if ((!pooled && s->sector[i] < 0) || school_lacks_context(s, i) != 0)
			continue;
		placed++;
		if (school_is_complete(s, i))
			continue;
		partial++;
		for (int v = 0; v < s->ncontext; v++)
			lacking[v] += isnan(s->school[i].context[v]);
	}
	if (partial == 0)
		return NULL;
	initStringInfo(&text);
	appendStringInfo(&text, "%d of %d schools %s compared on what both schools have, by the yardsticks of those that lack nothing:",
					 partial, placed, partial == 1 ? "lacks some circumstances and is" : "lack some circumstances and are");
	for (int v = 0; v < s->ncontext; v++)
		if (lacking[v] > 0 && named++ < NOTICE_NAMES)
			appendStringInfo(&text, "%s %s is NULL for %d", named > 1 ? "," : "", s->context_name[v],
							 lacking[v]);
	if (named > NOTICE_NAMES)
		appendStringInfo(&text, " and %d more", named - NOTICE_NAMES);
	pfree(lacking);
	return text.data;
}

/* The notice of profiles that were made to add to 1, or NULL. */
static char *
rescaled_notice(const Schools *s)
{
	int			n = 0;
	double		low = INFINITY;
	double		high = -INFINITY;

	for (int i = 0; i < s->n; i++)
	{
		const School *x = &s->school[i];

		if (x->nband == 0 || x->deprivation_sum == 1)
			continue;
		n++;
		low = Min(low, x->deprivation_sum);
		high = Max(high, x->deprivation_sum);
	}
	if (n == 0)
		return NULL;
	return psprintf("%d deprivation %s to %.4g%s: taken as rounded shares, and rescaled to 1", n,
					n == 1 ? "profile adds" : "profiles add", low,
					high > low ? psprintf(" ... %.4g", high) : "");
}

/* Is the JSON string equal to a name? */
static bool
key_is(const JsonbValue *key, const char *name)
{
	return key->val.string.len == (int) strlen(name) &&
		memcmp(key->val.string.val, name, key->val.string.len) == 0;
}

/* What a scale weighs, for messages. */
static char *
weighable_names(const Scale *scale)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int v = 0; v < scale->nvar; v++)
		appendStringInfo(&out, "%s%s", v > 0 ? ", " : "", scale->name[v]);
	if (scale->has_profile)
		appendStringInfo(&out, "%s%s", scale->nvar > 0 ? ", " : "", SCALE_PROFILE_NAME);
	return out.len > 0 ? out.data : "none";
}

/* One weight as given. */
static double
weight_value(const JsonbValue *key, const JsonbValue *value, const char *func)
{
	double		weight = NAN;

	if (value->type == jbvNumeric)
		weight = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
													NumericGetDatum(value->val.numeric)));
	if (!(weight >= 0) || isinf(weight))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"context_weights\" of %s: the weight of \"%s\" must be a finite number and not negative",
						func, pnstrdup(key->val.string.val, key->val.string.len)),
				 value->type != jbvNumeric ? 0 : isinf(weight) ?
				 errdetail("It is beyond the range of double precision.") :
				 errdetail("It is %g.", weight)));
	return weight;
}

/* Weights from 1 each and the argument, made to add to 1. */
static void
read_weights(Scale *scale, Jsonb *weights, int nschools, const char *func)
{
	double		largest = 0;
	double		sum = 0;

	for (int v = 0; v < scale->nvar; v++)
		scale->weight[v] = 1;
	scale->profile_weight = scale->has_profile ? 1 : 0;
	/* of no schools at all, no name can be said to be wrong */
	if (weights && nschools > 0)
	{
		JsonbIterator *it = JsonbIteratorInit(&weights->root);
		JsonbValue	key;
		JsonbValue	value;

		if (!JB_ROOT_IS_OBJECT(weights))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"context_weights\" of %s must be an object of variable name to weight",
							func),
					 errhint("Write it as in '{\"%s\": 2}'.",
							 scale->nvar > 0 ? scale->name[0] : SCALE_PROFILE_NAME)));
		(void) JsonbIteratorNext(&it, &key, true);	/* the object itself */
		while (JsonbIteratorNext(&it, &key, true) == WJB_KEY)
		{
			double	   *weight = NULL;

			(void) JsonbIteratorNext(&it, &value, true);
			for (int v = 0; v < scale->nvar && weight == NULL; v++)
				if (key_is(&key, scale->name[v]))
					weight = &scale->weight[v];
			if (weight == NULL && scale->has_profile && key_is(&key, SCALE_PROFILE_NAME))
				weight = &scale->profile_weight;
			if (weight == NULL)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("argument \"context_weights\" of %s: there is no variable \"%s\"",
								func, pnstrdup(key.val.string.val, key.val.string.len)),
						 errdetail("The schools' variables: %s.", weighable_names(scale))));
			*weight = weight_value(&key, &value, func);
		}
	}

	/* by the largest first: the sum of huge ones could overflow */
	for (int v = 0; v < scale->nvar; v++)
		largest = Max(largest, scale->weight[v]);
	largest = Max(largest, scale->profile_weight);
	if (largest == 0)
	{
		if (scale->nvar > 0 || scale->has_profile)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"context_weights\" of %s: all weights are zero", func),
					 errhint("Give at least one variable a weight: those not named have 1.")));
		return;
	}
	for (int v = 0; v < scale->nvar; v++)
		sum += scale->weight[v] /= largest;
	sum += scale->profile_weight /= largest;
	for (int v = 0; v < scale->nvar; v++)
		scale->weight[v] /= sum;
	scale->profile_weight /= sum;
}

/* A scale of the schools' variables, bands and subjects, of which nothing is measured yet. */
static Scale *
new_scale(const Schools *s, bool pooled)
{
	Scale	   *scale = palloc0(sizeof(Scale));

	scale->pooled = pooled;
	scale->nvar = s->ncontext;
	scale->name = s->context_name;
	scale->has_profile = s->nband > 0;
	scale->nband = s->nband;
	scale->nsubject = s->nsubject;
	scale->subject_name = s->subject_name;
	scale->weight = palloc(sizeof(double) * scale->nvar);
	scale->nsector = pooled ? 1 : s->nsector;
	scale->sector = palloc0(sizeof(SectorScale) * scale->nsector);
	for (int k = 0; k < scale->nsector; k++)
	{
		scale->sector[k].sector = pooled ? NULL : s->sector_name[k];
		scale->sector[k].scale = palloc(sizeof(double) * scale->nvar);
		scale->sector[k].subject_target = palloc(sizeof(double) * scale->nsubject);
	}
	return scale;
}

/* Prepare for measuring sectors of up to so many schools, in the current context. */
static void
init_work(SectorWork *w, const Schools *s, const Scale *scale, Size most)
{
	Size		edges = Max(scale->nband - 1, 0);

	w->schools = s;
	w->complete = palloc(sizeof(int) * most);
	w->x = palloc(sizeof(double) * most);
	w->y = palloc(sizeof(double) * most);
	w->position = palloc(sizeof(double) * most);
	w->f = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * most * edges);
	w->npair = w->nfew = 0;
	initStringInfo(&w->pairs);
	initStringInfo(&w->few);
}

/* Measure spreads and target gaps of each sector, and say what to be careful about. */
static void
measure_sectors(const Schools *s, Scale *scale)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp scale",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int		   *start;
	int		   *list = bucket_sort(s->n, scale->nsector, scale->pooled ? NULL : s->sector, &start);
	int			most = 0;
	SectorWork	w;

	for (int k = 0; k < scale->nsector; k++)
		most = Max(most, start[k + 1] - start[k]);
	init_work(&w, s, scale, most);
	for (int k = 0; k < scale->nsector; k++)
	{
		SectorScale *sector = &scale->sector[k];

		CHECK_FOR_INTERRUPTS();
		w.all = list + start[k];
		w.nall = start[k + 1] - start[k];
		sector_scales(&w, scale, sector);
		add_correlated(&w, scale, sector);
		if (w.nall > 0)
			scale_add_few(&w.few, &w.nfew, sector->sector, sector->schools);
		sector_targets(&w, sector);
	}
	add_notice(scale, correlated_notice(&w));
	add_notice(scale, constant_notice(scale));
	add_notice(scale, scale_few_notice(&w.few, w.nfew));
	add_notice(scale, partial_notice(s, scale->pooled));
	add_notice(scale, rescaled_notice(s));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* Measure d10 of each sector, by the spreads that are known now. */
static void
measure_neighbours(const Schools *s, Scale *scale)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp scale",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	double	   *tenth = palloc(sizeof(double) * scale->nsector);

	points_tenth(points_make(s, scale), tenth);
	for (int k = 0; k < scale->nsector; k++)
		scale->sector[k].tenth = tenth[k];
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

Scale *
scale_make(const Schools *s, Jsonb *weights, bool pooled, const char *func)
{
	Scale	   *scale = new_scale(s, pooled);

	read_weights(scale, weights, s->n, func);
	measure_sectors(s, scale);
	if (!pooled)
		scale_sort_sectors(scale);
	measure_neighbours(s, scale);
	return scale;
}

double
scale_similarity(double distance, double tenth)
{
	double		ratio;

	if (distance == 0 && !isnan(tenth))
		return 1;
	ratio = distance / tenth;	/* infinite where d10 is 0 */
	return exp2(-ratio * ratio);
}

bool
scale_pooled_arg(FunctionCallInfo fcinfo, int arg, const char *func)
{
	static const char *const word[] = {"same", "any"};
	static const OptionWords sector = {"sector", lengthof(word), word};

	return option_word(fcinfo, func, arg, &sector) == 1;
}
