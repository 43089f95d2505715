/*
 * group.c
 *		The aggregates sipp.group_effect: the mean effect of a group of schools.
 *
 * From cohorts and their model, with the schools' shared error: all effects lean
 * on the same estimated coefficients.  From effects and standard errors alone,
 * as if the errors were independent; that state is float8[4], a real type:
 * schools, rows left out, mean effect, sum of squared standard errors.  The mean
 * is a running one, merged as by Chan, Golub, LeVeque (1983).
 */
#include "sipp.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "adjust/effect.h"

#define GROUP_STATE 4

PG_FUNCTION_INFO_V1(sipp_group_effect_accum);
PG_FUNCTION_INFO_V1(sipp_group_effect_combine);
PG_FUNCTION_INFO_V1(sipp_group_effect_final);
PG_FUNCTION_INFO_V1(sipp_group_effect_cohort_accum);
PG_FUNCTION_INFO_V1(sipp_group_effect_cohort_combine);
PG_FUNCTION_INFO_V1(sipp_group_effect_cohort_serialize);
PG_FUNCTION_INFO_V1(sipp_group_effect_cohort_deserialize);
PG_FUNCTION_INFO_V1(sipp_group_effect_cohort_final);

/*
 * State of the aggregate over cohorts.  The error of a school's effect is its
 * own part, of variance conditional, less g'(b_hat - b) with g = H Z'X the
 * school's leverage on the coefficients; over a group the g add up before they
 * meet the covariance of b_hat.
 */
typedef struct GroupSum
{
	int64		schools;
	int64		left_out;
	int			p;				/* 0: no school yet */
	bool		singular;
	double		sum;			/* of effects */
	double		conditional;	/* of conditional variances */
	double	   *leverage;		/* [p] sum of g */
	double	   *V;				/* [p][p] the model's, which must be one */
	uint64		loads;			/* of the cached model that was last found the same */
} GroupSum;

/* Get the numbers of a state, which are checked because it may come from anywhere. */
static double *
group_state(ArrayType *a)
{
	double	   *v;

	if (ARR_NDIM(a) != 1 || ARR_DIMS(a)[0] != GROUP_STATE || ARR_HASNULL(a) ||
		ARR_ELEMTYPE(a) != FLOAT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the state of sipp.group_effect must be an array of %d numbers",
						GROUP_STATE)));
	v = (double *) ((char *) a + ARR_OVERHEAD_NONULLS(1));
	if (!(v[0] >= 0 && v[0] <= SIPP_MAX_ROWS && v[1] >= 0 && v[1] <= SIPP_MAX_ROWS &&
		  v[3] >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid state of sipp.group_effect")));
	return v;
}

/* Report finite figures whose sums are not finite. */
static void
group_overflow(const double *v)
{
	if (!isfinite(v[2]) || !isfinite(v[3]))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value out of range: a sum in sipp.group_effect overflows")));
}

/* Get a state to write to: in place inside of an aggregate, else a copy. */
static ArrayType *
group_writable(FunctionCallInfo fcinfo)
{
	return AggCheckCallContext(fcinfo, NULL) ? PG_GETARG_ARRAYTYPE_P(0)
		: PG_GETARG_ARRAYTYPE_P_COPY(0);
}

/*
 * sipp_group_effect_accum(float8[], effect, std_error): transition.
 */
Datum
sipp_group_effect_accum(PG_FUNCTION_ARGS)
{
	ArrayType  *state;
	double	   *v;
	double		effect;
	double		se;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the state of sipp.group_effect must not be null")));
	state = group_writable(fcinfo);
	v = group_state(state);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		v[1]++;
		PG_RETURN_ARRAYTYPE_P(state);
	}
	effect = PG_GETARG_FLOAT8(1);
	se = PG_GETARG_FLOAT8(2);
	if (!isfinite(effect))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"effect\" of sipp.group_effect must be finite"),
				 errdetail("It is %g.", effect)));
	if (!isfinite(se) || se < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"std_error\" of sipp.group_effect must be finite and not negative"),
				 errdetail("It is %g.", se)));
	v[0]++;
	v[2] += (effect - v[2]) / v[0];
	v[3] += se * se;
	group_overflow(v);
	PG_RETURN_ARRAYTYPE_P(state);
}

/*
 * sipp_group_effect_combine(float8[], float8[]): two states as one.
 */
Datum
sipp_group_effect_combine(PG_FUNCTION_ARGS)
{
	ArrayType  *state = group_writable(fcinfo);
	double	   *a = group_state(state);
	double	   *b = group_state(PG_GETARG_ARRAYTYPE_P(1));
	double		n = a[0] + b[0];

	if (b[0] > 0)
		a[2] = a[0] > 0 ? a[2] + (b[2] - a[2]) * (b[0] / n) : b[2];
	a[0] = n;
	a[1] += b[1];
	a[3] += b[3];
	group_overflow(a);
	PG_RETURN_ARRAYTYPE_P(state);
}

/*
 * sipp_group_effect_final(float8[]): schools, left_out, effect, std_error.
 */
Datum
sipp_group_effect_final(PG_FUNCTION_ARGS)
{
	double	   *v = group_state(PG_GETARG_ARRAYTYPE_P(0));
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	values[0] = Int64GetDatum((int64) v[0]);
	values[1] = Int64GetDatum((int64) v[1]);
	put_float(values, nulls, 2, v[0] > 0 ? v[2] : NAN);
	put_float(values, nulls, 3, v[0] > 0 ? sqrt(v[3]) / v[0] : NAN);
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), 4, values, nulls));
}

/* Get the aggregate's context; report a function that is called by hand. */
static MemoryContext
group_context(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;

	if (!AggCheckCallContext(fcinfo, &cxt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("sipp.group_effect can only be called as an aggregate")));
	return cxt;
}

/* Take a model's covariance matrix over, or check that it is the one there. */
static void
group_model(GroupSum *g, MemoryContext cxt, int p, const double *V)
{
	size_t		size = sizeof(double) * (size_t) p * p;

	if (g->p == 0)
	{
		g->p = p;
		g->leverage = MemoryContextAllocZero(cxt, sizeof(double) * p);
		g->V = MemoryContextAllocHuge(cxt, size);
		memcpy(g->V, V, size);
	}
	else if (g->p != p || memcmp(g->V, V, size) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"model\" of sipp.group_effect must be the same in every row of a group")));
}

/*
 * sipp_group_effect_cohort_accum(internal, cohort, model): transition.
 */
Datum
sipp_group_effect_cohort_accum(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = group_context(fcinfo);
	MemoryContext old;
	EffectCall *call;
	GroupSum   *g;
	School		s;

	g = PG_ARGISNULL(0) ? MemoryContextAllocZero(cxt, sizeof(GroupSum))
		: (GroupSum *) PG_GETARG_POINTER(0);
	call = effect_call(fcinfo);
	MemoryContextReset(call->scratch);
	old = MemoryContextSwitchTo(call->scratch);
	school_prepare(fcinfo, call, 1, true, &s);
	MemoryContextSwitchTo(old);
	if (s.reason != NULL || !isfinite(s.effect.u[0]) || !isfinite(s.effect.comparative[0]))
		g->left_out++;
	else
	{
		const SippModel *m = s.model;
		size_t		p = m->p;

		if (g->p == 0 || g->loads != call->loads)
		{
			group_model(g, cxt, m->p, m->V);
			g->loads = call->loads;
		}
		g->schools++;
		g->sum += s.effect.u[0];
		g->conditional += Max(s.effect.conditional[0], 0);
		g->singular = m->D[0] == 0;
		for (int a = 0; a < m->q; a++)
		{
			double		h = s.effect.conditional[a] / m->sigma2;
			double		nz = s.cohort->weight * call->mean[m->zcol[a]];

			for (size_t l = 0; l < p; l++)
				g->leverage[l] += h * (nz * call->mean[l] +
									   (a > 0 ? call->zs[(a - 1) * (p + 1) + l] : 0));
		}
	}
	PG_RETURN_POINTER(g);
}

/*
 * sipp_group_effect_cohort_combine(internal, internal): two states as one.
 */
Datum
sipp_group_effect_cohort_combine(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = group_context(fcinfo);
	GroupSum   *a = PG_ARGISNULL(0) ? NULL : (GroupSum *) PG_GETARG_POINTER(0);
	GroupSum   *b = PG_ARGISNULL(1) ? NULL : (GroupSum *) PG_GETARG_POINTER(1);

	if (b == NULL)
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	if (a == NULL)
		a = MemoryContextAllocZero(cxt, sizeof(GroupSum));
	a->schools += b->schools;
	a->left_out += b->left_out;
	if (b->p > 0)
	{
		group_model(a, cxt, b->p, b->V);
		a->singular = b->singular;
		a->sum += b->sum;
		a->conditional += b->conditional;
		for (int i = 0; i < b->p; i++)
			a->leverage[i] += b->leverage[i];
	}
	PG_RETURN_POINTER(a);
}

/*
 * sipp_group_effect_cohort_serialize(internal): a worker's state for the leader,
 * the struct's own bytes and its arrays'.
 */
Datum
sipp_group_effect_cohort_serialize(PG_FUNCTION_ARGS)
{
	GroupSum   *g;
	StringInfoData buf;

	(void) group_context(fcinfo);
	g = (GroupSum *) PG_GETARG_POINTER(0);
	pq_begintypsend(&buf);
	pq_sendbytes(&buf, (char *) g, sizeof(GroupSum));
	if (g->p > 0)
	{
		pq_sendbytes(&buf, (char *) g->leverage, sizeof(double) * g->p);
		pq_sendbytes(&buf, (char *) g->V, sizeof(double) * g->p * g->p);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/*
 * sipp_group_effect_cohort_deserialize(bytea, internal): the inverse.
 */
Datum
sipp_group_effect_cohort_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	StringInfoData buf;
	GroupSum   *g = palloc(sizeof(GroupSum));

	(void) group_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	buf.data = VARDATA_ANY(bytes);
	buf.len = buf.maxlen = (int) VARSIZE_ANY_EXHDR(bytes);
	buf.cursor = 0;
	memcpy(g, pq_getmsgbytes(&buf, sizeof(GroupSum)), sizeof(GroupSum));
	g->leverage = g->V = NULL;
	if (g->p > 0)
	{
		size_t		size = sizeof(double) * g->p;

		g->leverage = palloc(size);
		memcpy(g->leverage, pq_getmsgbytes(&buf, (int) size), size);
		g->V = MemoryContextAllocHuge(CurrentMemoryContext, size * g->p);
		memcpy(g->V, pq_getmsgbytes(&buf, (int) (size * g->p)), size * g->p);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(g);
}

/*
 * sipp_group_effect_cohort_final(internal): schools, left_out, effect, std_error.
 */
Datum
sipp_group_effect_cohort_final(PG_FUNCTION_ARGS)
{
	GroupSum   *g;
	double		shared = 0;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	(void) group_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	g = (GroupSum *) PG_GETARG_POINTER(0);
	for (size_t i = 0; i < (size_t) g->p; i++)
	{
		double		row = 0;

		for (size_t k = 0; k < (size_t) g->p; k++)
			row += g->V[i * g->p + k] * g->leverage[k];
		shared += g->leverage[i] * row;
	}
	values[0] = Int64GetDatum(g->schools);
	values[1] = Int64GetDatum(g->left_out);
	put_float(values, nulls, 2, g->schools > 0 ? g->sum / g->schools : NAN);
	put_float(values, nulls, 3, g->schools > 0 && !g->singular
			  ? sqrt(g->conditional + Max(shared, 0)) / g->schools : NAN);
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), 4, values, nulls));
}
