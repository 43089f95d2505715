/*
 * effect.c
 *		One school under a model: its effect, the three variances of that, and
 *		what goes with them.
 *
 * Formulas: methods of value-added in the README; Goldstein (2011), Multilevel
 * Statistical Models, ch. 2.  The model is unpacked once per query; of a cohort
 * with the same terms and levels as the one before, only the statistics are.
 */
#include "sipp.h"

#include <math.h>

#include "utils/memutils.h"

#include "adjust/effect.h"
#include "adjust/unseen.h"
#include "num/dist.h"

PG_FUNCTION_INFO_V1(sipp_effect);
PG_FUNCTION_INFO_V1(sipp_slope_effects);

/* columns of sipp.school_effect */
enum
{
	E_PUPILS,
	E_DROPPED,
	E_UNPLACED,
	E_ATTAINMENT,
	E_EXPECTED,
	E_RAW_EFFECT,
	E_EFFECT,
	E_RELIABILITY,
	E_STD_ERROR,
	E_CONDITIONAL_SE,
	E_DIAGNOSTIC_SE,
	E_CI_LOW,
	E_CI_HIGH,
	E_P_ABOVE,
	E_ADJUSTED_ATTAINMENT,
	E_RESIDUAL_SD,
	E_REASON,
	E_COLUMNS
};

/* The row of one school, before it is made a tuple. */
typedef struct SchoolFigures
{
	double		value[E_COLUMNS];	/* E_ATTAINMENT to E_RESIDUAL_SD; NaN: not known */
	const char *reason;			/* why some are not known, or what goes with them, or NULL */
} SchoolFigures;

/* columns of sipp.slope_effect */
enum
{
	S_TERM,
	S_LEVEL,
	S_EFFECT,
	S_CONDITIONAL_SE,
	S_STD_ERROR,
	S_REASON,
	S_COLUMNS
};

/* Get the call's memory, which is made on its first use. */
EffectCall *
effect_call(FunctionCallInfo fcinfo)
{
	EffectCall *call = fcinfo->flinfo->fn_extra;

	if (call == NULL)
	{
		call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(EffectCall));
		cohort_reader_init(&call->reader, fcinfo->flinfo->fn_mcxt);
		call->scratch = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "sipp effect",
											  ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = call;
	}
	return call;
}

/*
 * Where the cohort stands in the model's frame; without the pupils whose level
 * of one factor the model has not seen, if it is these that do not fit.
 */
static void
school_map(EffectCall *call, School *s)
{
	const SippFrame *f = s->model->frame;
	Unseen		unseen;
	Cohort	   *rest;

	s->products = true;
	s->map = cohort_reader_map(&call->reader, f);
	s->reason = frame_map_reason(s->map);
	s->unplaced = s->reason == NULL ? 0 : -1;
	if (s->reason == NULL)
		return;
	rest = cohort_seen(f, s->cohort, &unseen);
	if (unseen.reason != NULL)
	{
		s->reason = unseen.reason;
		s->unplaced = unseen.rows;
	}
	if (rest == NULL)
		return;
	s->map = frame_map(f, rest);
	s->reason = frame_map_reason(s->map);
	if (s->reason != NULL)
		s->unplaced = s->cohort->rows;
	else
	{
		s->cohort = rest;
		s->note = unseen.reason;
		s->products = unseen.products;
	}
}

/* Are the slopes' rows numbers?  Of a cohort without some pupils, not all may be. */
static bool
slopes_known(const School *s, const double *zs)
{
	size_t		n = (size_t) (s->model->q - 1) * (s->model->p + 1);

	for (size_t i = 0; i < n && !s->products; i++)
		if (isnan(zs[i]))
			return false;
	return true;
}

/*
 * Figures of the school in arguments arg (cohort) and arg + 1 (model).  Runs in
 * the call's scratch context; NULLs and misfits give a reason, not an error.
 */
void
school_prepare(FunctionCallInfo fcinfo, EffectCall *call, int arg, bool in_fit, School *s)
{
	SippModel  *m = NULL;
	Cohort	   *c = NULL;
	int64		all;

	memset(s, 0, sizeof(School));
	s->unplaced = -1;
	if (!PG_ARGISNULL(arg))
		c = s->cohort = cohort_read(&call->reader,
									PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(arg)));
	if (!PG_ARGISNULL(arg + 1))
		m = s->model = model_cached(&call->model, fcinfo->flinfo->fn_mcxt,
									PG_GETARG_DATUM(arg + 1));

	if (m == NULL)
		s->reason = "no model";
	else if (c == NULL)
		s->reason = "no cohort";
	if (s->reason != NULL)
		return;

	if (call->loads != call->model.loads)
	{
		size_t		w = (size_t) m->p + 1;

		call->mean = MemoryContextAlloc(call->model.cxt, sizeof(double) * w);
		call->zs = MemoryContextAlloc(call->model.cxt, sizeof(double) * w * m->q);
		call->df = model_df(m);
		call->quantile = isnan(call->df) ? NAN : dist_t_quantile(0.975, call->df);
		call->loads = call->model.loads;
		call->reader.map = NULL;	/* of a frame that is gone */
	}
	if (c->rows == 0)
	{
		s->reason = "no pupil has the outcome and all covariates";
		s->unplaced = 0;
	}
	else
		school_map(call, s);
	if (s->reason != NULL)
		return;
	all = c->rows;
	c = s->cohort;
	frame_project(s->map, c, call->mean);
	for (int k = 1; k <= m->p; k++)
		call->mean[k] -= m->mu[k];
	if (m->q > 1)
		frame_rows(s->map, c, m->q - 1, m->zcol + 1, call->zs);
	if (!slopes_known(s, call->zs))
	{
		s->reason = psprintf("%s, and without them the cross-products of the slope terms are not known: fit a model with all levels",
							 s->note);
		s->unplaced = all;
		return;
	}

	s->attainment = call->mean[m->p];
	for (int k = 0; k < m->p; k++)
		s->predicted += m->b[k] * call->mean[k];
	lmm_effect(&(LmmFitted) {m->p, m->q, m->zcol, m->b, m->V, m->sigma2, m->Lambda},
			   &(LmmUnitData) {c->weight, call->mean, m->q > 1 ? call->zs : NULL},
			   in_fit, &s->effect);
}

/* Two reasons as one; either may be NULL. */
static const char *
both_reasons(const char *a, const char *b)
{
	return a == NULL ? b : b == NULL ? a : psprintf("%s; %s", a, b);
}

/* Prepare the school of arguments (cohort, model, in_model). */
static void
school_arguments(FunctionCallInfo fcinfo, EffectCall *call, School *s)
{
	school_prepare(fcinfo, call, 0, !PG_ARGISNULL(2) && PG_GETARG_BOOL(2), s);
	if (s->reason == NULL && PG_ARGISNULL(2))
		s->reason = "in_model is null";
}

/* Take the root of a variance, which rounding may leave below zero; NaN stays NaN. */
static inline double
error_of(double variance)
{
	return variance < 0 ? 0 : sqrt(variance);
}

/* Standard deviation of y - x'b within the school; NaN where it is not known. */
static double
residual_sd(const School *s)
{
	const SippModel *m = s->model;
	double	   *v = palloc_array(double, m->p + 1);
	double		ss;

	for (int k = 0; k < m->p; k++)
		v[k] = -m->b[k];
	v[m->p] = 1;
	ss = frame_quadratic(s->map, s->cohort, v);
	pfree(v);
	return isnan(ss) ? NAN : sqrt(Max(ss, 0) / (s->cohort->rows - 1));
}

/* Compute the share of the variance of effects that the school's pupils reveal. */
static double
reliability(const School *s)
{
	const SippModel *m = s->model;

	if (m->D[0] == 0)
		return 0;
	if (m->q == 1)
	{
		double		ln = m->D[0] / m->sigma2 * s->cohort->weight;

		return ln / (1 + ln);
	}
	return Max(0, 1 - s->effect.conditional[0] / m->D[0]);
}

/* Tell what a row with figures lacks, and why; NULL: nothing. */
static const char *
figures_note(const EffectCall *call, const School *s, const SchoolFigures *f)
{
	const char *note = s->note;

	if (s->model->D[0] == 0)
		note = both_reasons(note, model_singular(s->model));
	else if (isnan(call->df))
		note = both_reasons(note, "no more schools than columns that are constant within every school: no interval");
	if (s->cohort->rows <= 1)
		note = both_reasons(note, "a single row has no residual_sd");
	else if (isnan(f->value[E_RESIDUAL_SD]))
		note = both_reasons(note, "residual_sd is not known without them");
	return note;
}

/*
 * Compute the figures of a school that has a place in the model.  Standard errors
 * of a singular fit stay unknown, because zero would read as certainty.
 */
static void
school_figures(const EffectCall *call, const School *s, SchoolFigures *f)
{
	const SippModel *m = s->model;
	const LmmEffect *e = &s->effect;
	double		national = m->mu[m->p];
	double		raw = s->attainment - s->predicted;
	double		se = error_of(e->comparative[0]);

	if (!isfinite(raw) || !isfinite(e->u[0]) || !isfinite(se))
	{
		f->reason = "figures are out of range";
		return;
	}
	f->value[E_EXPECTED] = national + s->predicted;
	f->value[E_RAW_EFFECT] = raw;
	f->value[E_EFFECT] = e->u[0];
	f->value[E_ADJUSTED_ATTAINMENT] = national + e->u[0];
	f->value[E_RELIABILITY] = reliability(s);
	if (m->D[0] > 0)
	{
		f->value[E_STD_ERROR] = se;
		f->value[E_CONDITIONAL_SE] = error_of(e->conditional[0]);
		f->value[E_DIAGNOSTIC_SE] = error_of(e->diagnostic[0]);
		/* without degrees of freedom the quantile is NaN, and so are the limits */
		f->value[E_CI_LOW] = e->u[0] - call->quantile * se;
		f->value[E_CI_HIGH] = e->u[0] + call->quantile * se;
		if (se > 0 && !isnan(call->df))
			f->value[E_P_ABOVE] = dist_t_cdf(e->u[0] / se, call->df);
	}
	if (s->cohort->rows > 1)
		f->value[E_RESIDUAL_SD] = residual_sd(s);
	f->reason = figures_note(call, s, f);
}

/*
 * sipp_effect(cohort, model, in_model): a school's row of sipp.school_effect.
 */
Datum
sipp_effect(PG_FUNCTION_ARGS)
{
	EffectCall *call = effect_call(fcinfo);
	Datum		values[E_COLUMNS] = {0};
	bool		nulls[E_COLUMNS];
	SchoolFigures f;
	School		s;
	MemoryContext old;

	if (call->desc == NULL)
		call->desc = make_result_desc(fcinfo);
	MemoryContextReset(call->scratch);
	old = MemoryContextSwitchTo(call->scratch);
	school_arguments(fcinfo, call, &s);
	memset(nulls, true, sizeof(nulls));
	for (int i = 0; i < E_COLUMNS; i++)
		f.value[i] = NAN;
	f.reason = s.reason;
	if (s.cohort != NULL)
	{
		const Cohort *c = s.cohort;
		bool		none = s.reason != NULL && s.unplaced > 0;

		/* pupils, unplaced and dropped are all rows */
		values[E_PUPILS] = Int64GetDatum(none ? 0 : c->rows);
		values[E_DROPPED] = Int64GetDatum(c->dropped);
		nulls[E_PUPILS] = nulls[E_DROPPED] = false;
		values[E_UNPLACED] = Int64GetDatum(s.unplaced);
		nulls[E_UNPLACED] = s.unplaced < 0;
		f.value[E_ATTAINMENT] = c->rows > 0 && !none ? c->mean[0] : NAN;
	}
	if (s.reason == NULL)
		school_figures(call, &s, &f);
	for (int i = E_ATTAINMENT; i <= E_RESIDUAL_SD; i++)
		put_float(values, nulls, i, f.value[i]);
	MemoryContextSwitchTo(old);
	put_text(values, nulls, E_REASON, f.reason);
	PG_RETURN_DATUM(row_datum(call->desc, E_COLUMNS, values, nulls));
}

/* shift' C shift for the q x q matrix C: a variance at zero. */
static double
shifted_variance(int q, const double *C, const double *shift)
{
	double		s = 0;

	for (int i = 0; i < q; i++)
		for (int j = 0; j < q; j++)
			s += shift[i] * C[i * q + j] * shift[j];
	return s;
}

/*
 * sipp_slope_effects(cohort, model, in_model): one row for each random term, at
 * zero of the slope terms.
 */
Datum
sipp_slope_effects(PG_FUNCTION_ARGS)
{
	EffectCall *call = effect_call(fcinfo);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	School		s;
	MemoryContext old;
	const SippModel *m;
	double		shift[LMM_MAX_RANDOM];

	InitMaterializedSRF(fcinfo, 0);
	MemoryContextReset(call->scratch);
	old = MemoryContextSwitchTo(call->scratch);
	school_arguments(fcinfo, call, &s);
	m = s.model;
	if (m != NULL)
	{
		int			q = m->q;

		model_slope_shift(m, shift);
		for (int i = 0; i < q; i++)
		{
			Datum		values[S_COLUMNS] = {0};
			bool		nulls[S_COLUMNS];
			double		effect = s.effect.u[i];
			double		conditional = s.effect.conditional[i * q + i];
			double		comparative = s.effect.comparative[i * q + i];
			const char *reason = s.reason;

			memset(nulls, true, sizeof(nulls));
			if (i == 0)
			{
				effect = 0;
				for (int k = 0; k < q; k++)
					effect += shift[k] * s.effect.u[k];
				conditional = shifted_variance(q, s.effect.conditional, shift);
				comparative = shifted_variance(q, s.effect.comparative, shift);
			}
			put_text(values, nulls, S_TERM, model_column_term(m->frame, m->zcol[i]));
			put_text(values, nulls, S_LEVEL, model_column_level(m->frame, m->zcol[i]));
			if (reason == NULL && !(isfinite(effect) && isfinite(conditional) &&
									isfinite(comparative)))
				reason = "figures are out of range";
			if (reason == NULL)
			{
				put_float(values, nulls, S_EFFECT, effect);
				put_float(values, nulls, S_CONDITIONAL_SE, error_of(conditional));
				put_float(values, nulls, S_STD_ERROR, error_of(comparative));
			}
			put_text(values, nulls, S_REASON, reason != NULL ? reason : s.note);
			put_row(rsinfo, S_COLUMNS, values, nulls);
		}
	}
	MemoryContextSwitchTo(old);
	return (Datum) 0;
}
