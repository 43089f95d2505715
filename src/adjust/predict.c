/*
 * predict.c
 *		The fixed part of a model for one pupil, from values in the order of the
 *		terms or from a JSON object by their names.
 *
 * A level that the model has not seen gives NULL, as an unseen level of a cohort
 * gives NULL figures: one odd pupil does not spoil a national query.  A value of
 * the wrong kind is an error, since it is the query that is wrong.
 */
#include "sipp.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "adjust/adjust.h"
#include "cohort/args.h"

PG_FUNCTION_INFO_V1(sipp_expected);
PG_FUNCTION_INFO_V1(sipp_expected_json);

/* What a call keeps for the length of a query. */
typedef struct PredictCall
{
	ModelCache	model;
	uint64		loads;			/* of the model that base and arg are for */
	double		base;			/* prediction at the mean of each number and the
								 * reference level of each factor */
	Arg		   *arg;			/* [nterm] for sipp_expected */
	bool	   *literal;		/* [nterm] an untyped literal */
} PredictCall;

/* Get the model of argument 0, and the call's memory. */
static SippModel *
predict_model(FunctionCallInfo fcinfo, PredictCall **callp)
{
	PredictCall *call = fcinfo->flinfo->fn_extra;
	SippModel  *m;

	if (call == NULL)
		call = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(PredictCall));
	*callp = call;
	m = model_cached(&call->model, fcinfo->flinfo->fn_mcxt, PG_GETARG_DATUM(0));
	if (call->loads != call->model.loads)
	{
		call->base = m->mu[m->p] + m->b[0];
		for (int k = 1; k < m->p; k++)
			if (m->frame->term[m->frame->col_term[k]].kind != SIPP_NUMBER)
				call->base -= m->mu[k] * m->b[k];
		call->arg = NULL;
	}
	return m;
}

/* Compute a number's part of the prediction, about the base. */
static double
number_part(const SippModel *m, int t, double x, const char *function)
{
	const SippTerm *term = &m->frame->term[t];

	if (!isfinite(x))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s: the value of term \"%s\" must be finite", function, term->name),
				 errdetail("It is %g.", x)));
	return m->b[term->first] * (x - m->mu[term->first]);
}

/* Index of a level given with its length, or -1. */
static int
find_level(const SippTerm *t, const char *label, int len)
{
	int			lo = 0;
	int			hi = t->nlevel;

	/* text is sorted by its bytes; an enum's levels are few, in their declared order */
	while (t->kind == SIPP_TEXT && lo < hi)
	{
		int			mid = (lo + hi) / 2;
		int			cmp = strncmp(t->label[mid], label, len);

		if (cmp == 0)
			cmp = t->label[mid][len] != '\0';
		if (cmp == 0)
			return mid;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (int l = 0; t->kind != SIPP_TEXT && l < t->nlevel; l++)
		if (strncmp(t->label[l], label, len) == 0 && t->label[l][len] == '\0')
			return l;
	return -1;
}

/* Get the coefficient of a level; 0 for the reference. */
static double
level_coefficient(const SippModel *m, int t, int level)
{
	int			ref = m->frame->refidx[t];

	if (level == ref)
		return 0;
	return m->b[m->frame->term[t].first + level - (level > ref)];
}

/* Return the prediction, or report that it is out of range. */
static Datum
prediction(double y, const char *function)
{
	if (!isfinite(y))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s: value out of range", function)));
	return Float8GetDatum(y);
}

/* Check the types of sipp_expected's arguments against the model's terms. */
static void
check_arguments(FunctionCallInfo fcinfo, PredictCall *call, const SippModel *m)
{
	const SippFrame *f = m->frame;
	int			narg = PG_NARGS() - 1;
	MemoryContext old;

	if (get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("sipp.expected does not take VARIADIC with an array"),
				 errhint("Write the values as arguments of their own, or use sipp.expected_json.")));
	if (narg != f->nterm)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sipp.expected needs a value for each of the model's %d terms, not %d",
						f->nterm, narg),
				 errdetail("They are, in this order: %s.", terms_to_string(f->nterm, f->term)),
				 errhint("sipp.expected_json takes values by name.")));

	old = MemoryContextSwitchTo(call->model.cxt);
	call->literal = palloc0_array(bool, narg);
	call->arg = palloc0_array(Arg, narg);
	for (int t = 0; t < narg; t++)
	{
		const SippTerm *term = &f->term[t];
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, t + 1);
		Arg		   *arg = &call->arg[t];
		bool		number;

		if (term->kind == SIPP_SHARES)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("sipp.expected: term \"%s\" stands for the shares of several levels",
							term->name),
					 errhint("sipp.expected_json takes it as an object, {\"%s\": {\"level\": share, ...}}.",
							 term->name)));
		arg->name = term->name;
		arg->context = call->model.cxt;
		if (type == UNKNOWNOID)
		{
			call->literal[t] = true;
			number = false;
		}
		else
		{
			arg->kind = arg_kind(type, "sipp.expected", term->name, false);
			number = ARG_IS_NUMBER(arg->kind);
		}
		if (number != (term->kind == SIPP_NUMBER))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("sipp.expected: term \"%s\" needs a %s", term->name,
							term->kind == SIPP_NUMBER ? "number" : "level of a factor"),
					 errdetail("Values come in the order of the terms: %s.",
							   terms_to_string(f->nterm, f->term)),
					 term->kind == SIPP_NUMBER ?
					 errhint("Cast it, as in x::float8.") :
					 errhint("Cast it as in the cohort, with x::text or sipp.factor(x).")));
	}
	MemoryContextSwitchTo(old);
}

/*
 * sipp_expected(model, VARIADIC "any"): values in the order of the terms.
 */
Datum
sipp_expected(PG_FUNCTION_ARGS)
{
	PredictCall *call;
	SippModel  *m = predict_model(fcinfo, &call);
	double		y;

	if (call->loads != call->model.loads)
	{
		check_arguments(fcinfo, call, m);
		call->loads = call->model.loads;
	}
	y = call->base;
	for (int t = 0; t < m->frame->nterm; t++)
	{
		const SippTerm *term = &m->frame->term[t];
		Arg		   *arg = &call->arg[t];
		Datum		d = PG_GETARG_DATUM(t + 1);

		if (term->kind == SIPP_NUMBER)
			y += number_part(m, t, arg_number(arg->kind, d), "sipp.expected");
		else
		{
			WorkLabel	label;
			int			level;

			if (call->literal[t])
			{
				label.str = DatumGetCString(d);
				label.len = (int) strlen(label.str);
			}
			else
				arg_label(arg, d, &label);
			level = find_level(term, label.str, label.len);
			if (level < 0)
				PG_RETURN_NULL();
			y += level_coefficient(m, t, level);
		}
	}
	return prediction(y, "sipp.expected");
}

/* Report a JSON value of the wrong kind. */
pg_noreturn static void
json_mismatch(const SippTerm *term, const char *need)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("sipp.expected_json: term \"%s\" needs %s", term->name, need)));
}

/* Convert a JSON number or boolean to a number. */
static double
json_value(const SippTerm *term, const JsonbValue *v)
{
	if (v->type == jbvBool)
		return v->val.boolean ? 1 : 0;
	if (v->type != jbvNumeric)
		json_mismatch(term, term->kind == SIPP_SHARES ? "an object of level and share" : "a number");
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(v->val.numeric)));
}

/* Shares of levels: an object.  False: a level that the model has not seen. */
static bool
shares_part(const SippModel *m, int t, const JsonbValue *v, double *y)
{
	const SippTerm *term = &m->frame->term[t];
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	share;
	JsonbIteratorToken tok;
	double		sum = 0;
	bool		reference = false;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		json_mismatch(term, "an object of level and share");
	it = JsonbIteratorInit(v->val.binary.data);
	while ((tok = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		double		x;
		int			level;

		if (tok != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &share, true);
		x = json_value(term, &share);
		if (!isfinite(x))
			json_mismatch(term, "finite shares");
		level = find_level(term, key.val.string.val, key.val.string.len);
		sum += x;
		if (level >= 0 && level == m->frame->refidx[t])
			reference = true;
		if (level >= 0)
			*y += x * level_coefficient(m, t, level);
		else if (x != 0)
			return false;
	}

	/* the reference level's share is what the others leave, if it is given */
	if (reference && fabs(sum - 1) > 1e-6)
		json_mismatch(term, psprintf("shares that add up to 1, not %g", sum));
	return true;
}

/*
 * Index of the level that a JSON value is, or -1.  What entered the cohort by
 * sipp.factor is a number or boolean in JSON and has the same label; what entered
 * by a cast to text is spelled as it stands, 1.0 as "1.0".
 */
static int
find_json_level(const SippTerm *term, const JsonbValue *v)
{
	const char *str;
	int			level;

	if (v->type == jbvString)
		return find_level(term, v->val.string.val, v->val.string.len);
	if (v->type == jbvBool)
		str = v->val.boolean ? "true" : "false";
	else if (v->type == jbvNumeric)
	{
		str = numeric_normalize(v->val.numeric);
		level = find_level(term, str, (int) strlen(str));
		if (level >= 0)
			return level;
		str = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
	}
	else
		json_mismatch(term, "a string, number or boolean");
	return find_level(term, str, (int) strlen(str));
}

/*
 * sipp_expected_json(model, jsonb): values by the names of the terms.
 */
Datum
sipp_expected_json(PG_FUNCTION_ARGS)
{
	PredictCall *call;
	SippModel  *m = predict_model(fcinfo, &call);
	Jsonb	   *jb = PG_GETARG_JSONB_P(1);
	bool		unknown = false;
	double		y;

	call->loads = call->model.loads;
	if (!JB_ROOT_IS_OBJECT(jb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sipp.expected_json: argument \"pupil\" must be a JSON object"),
				 errhint("to_jsonb(row) makes one of a row.")));
	y = call->base;
	for (int t = 0; t < m->frame->nterm; t++)
	{
		const SippTerm *term = &m->frame->term[t];
		JsonbValue *v = getKeyJsonValueFromContainer(&jb->root, term->name,
													 (int) strlen(term->name), NULL);

		if (v == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("sipp.expected_json: there is no value for term \"%s\"", term->name),
					 errdetail("The model has the terms %s.",
							   terms_to_string(m->frame->nterm, m->frame->term))));
		if (v->type == jbvNull)
			unknown = true;
		else if (term->kind == SIPP_NUMBER)
			y += number_part(m, t, json_value(term, v), "sipp.expected_json");
		else if (term->kind == SIPP_SHARES)
			unknown |= !shares_part(m, t, v, &y);
		else
		{
			int			level = find_json_level(term, v);

			if (level < 0)
				unknown = true;
			else
				y += level_coefficient(m, t, level);
		}
	}
	if (unknown)
		PG_RETURN_NULL();
	return prediction(y, "sipp.expected_json");
}
