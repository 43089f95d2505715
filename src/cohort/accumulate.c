/*
 * accumulate.c
 *		The aggregates that turn pupils' rows into cohorts: sipp.cohort,
 *		sipp.weighted_cohort and their _array forms.
 *
 * Their state is a real type (sipp.cohort itself, in its work form), so that any
 * engine that splits an aggregate can ship it; memory is one state per group,
 * a few hundred bytes for a handful of terms and at most about 100 MB at
 * SIPP_MAX_COLUMNS.
 */
#include "sipp.h"

#include <math.h>

#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "cohort/algebra.h"
#include "cohort/args.h"
#include "cohort/work.h"

/* What a call keeps for the length of a query. */
typedef struct Call
{
	int			narg;			/* arguments after the state */
	bool		weighted;
	Arg		   *arg;			/* weight (if any), outcome, covariates */
	int			nterm;
	SippTerm   *term;
	double		value[SIPP_MAX_TERMS + 2];	/* this row's: weight (if any),
											 * outcome, covariates */
	WorkLabel	label[SIPP_MAX_TERMS];
} Call;

/*
 * The name of the column that an argument shows, or NULL: casts and sipp.factor
 * are looked through.  The syntactic column of a Var survives planning, in
 * parallel workers too.
 */
static char *
column_name(FunctionCallInfo fcinfo, int argno)
{
	Aggref	   *agg = AggGetAggref(fcinfo);
	Node	   *node;
	EState	   *estate;
	Var		   *var;
	RangeTblEntry *rte;
	char	   *name;

	if (agg == NULL || agg->aggdirectargs != NIL || argno >= list_length(agg->args))
		return NULL;
	node = (Node *) ((TargetEntry *) list_nth(agg->args, argno))->expr;
	for (;;)
	{
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, CoerceViaIO))
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (IsA(node, CoerceToDomain))
			node = (Node *) ((CoerceToDomain *) node)->arg;
		else if (IsA(node, FuncExpr) && ((FuncExpr *) node)->args != NIL)
		{
			FuncExpr   *f = (FuncExpr *) node;

			if (f->funcformat != COERCE_EXPLICIT_CAST &&
				f->funcformat != COERCE_IMPLICIT_CAST &&
				!(get_func_namespace(f->funcid) == get_func_namespace(agg->aggfnoid) &&
				  strcmp(get_func_name(f->funcid), "factor") == 0))
				return NULL;
			node = (Node *) linitial(f->args);
		}
		else
			break;
	}
	if (!IsA(node, Var) || !IsA(fcinfo->context, AggState))
		return NULL;
	var = (Var *) node;
	estate = ((AggState *) fcinfo->context)->ss.ps.state;
	if (var->varnosyn == 0 || var->varnosyn > (Index) list_length(estate->es_range_table) ||
		var->varattnosyn <= 0)
		return NULL;
	rte = rt_fetch(var->varnosyn, estate->es_range_table);
	if (rte->eref == NULL || var->varattnosyn > list_length(rte->eref->colnames))
		return NULL;
	name = get_rte_attribute_name(rte, var->varattnosyn);
	return name[0] == '\0' ? NULL : name;
}

/* The plan of a call: types and names of its arguments. */
static Call *
make_call(FunctionCallInfo fcinfo, bool weighted)
{
	const char *func = weighted ? "sipp.weighted_cohort" : "sipp.cohort";
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	Call	   *call = palloc0(sizeof(Call));
	int			skip = weighted ? 2 : 1;	/* before the covariates */

	if (get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s does not take VARIADIC with an array", func),
				 errhint("Use %s_array(%soutcome, numbers, factors).", func,
						 weighted ? "weight, " : "")));
	call->weighted = weighted;
	call->narg = PG_NARGS() - 1;
	call->nterm = call->narg - skip;
	if (call->nterm > SIPP_MAX_TERMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s takes at most %d covariates", func, SIPP_MAX_TERMS)));
	call->arg = palloc0(sizeof(Arg) * call->narg);
	call->term = palloc0(sizeof(SippTerm) * Max(call->nterm, 1));
	for (int i = 0; i < call->narg; i++)
	{
		Arg		   *arg = &call->arg[i];
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i + 1);
		int			t = i - skip;

		if (t < 0)
			arg->name = weighted && i == 0 ? "weight" : "outcome";
		else if ((arg->name = column_name(fcinfo, i)) == NULL)
			arg->name = psprintf("x%d", t + 1);
		else
			arg->name = pstrdup(arg->name);
		arg->kind = arg_kind(type, func, arg->name, t < 0);
		arg->context = fcinfo->flinfo->fn_mcxt;
		if (t >= 0)
		{
			call->term[t].name = arg->name;
			call->term[t].kind = arg->kind == ARG_ENUM ? SIPP_ENUM :
				ARG_IS_NUMBER(arg->kind) ? SIPP_NUMBER : SIPP_TEXT;
		}
	}
	(void) terms_check(call->nterm, call->term, NULL);
	MemoryContextSwitchTo(old);
	return call;
}

/* The error of a number that is none. */
pg_noreturn static void
not_finite(const char *func, const char *name, double v)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("argument \"%s\" of %s is %s", name, func,
					isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity"),
			 errhint("Turn it into NULL or leave such rows out with FILTER; NULL rows are counted as dropped.")));
}

/* The error of a weight that is none. */
pg_noreturn static void
bad_weight(const char *func, double w)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"weight\" of %s must be positive", func),
			 errdetail("It is %g.", w),
			 errhint("Leave rows of no weight out with FILTER (WHERE weight > 0).")));
}

/* Count a row that lacks a value. */
static Work *
drop_row(Work *w)
{
	if (w->dropped >= SIPP_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a cohort cannot have more than 2^53 rows")));
	w->dropped++;
	return w;
}

/*
 * The state as something to write to: argument 0 in its work form, or NULL when
 * there is none yet.
 */
static Work *
state_arg(FunctionCallInfo fcinfo, const char *func)
{
	struct varlena *datum;

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s can only be called as an aggregate", func)));
	if (PG_ARGISNULL(0))
		return NULL;
	datum = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	if (*(uint8 *) VARDATA(datum) != WORK_FORM)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s cannot go on from a finished cohort", func),
				 errhint("Use sipp.merge.")));
	return (Work *) datum;
}

/*
 * Transition of sipp.cohort and sipp.weighted_cohort: state, [weight,] outcome,
 * covariates.  Nothing is allocated or looked up per row but for a new level.
 */
static Datum
accumulate(FunctionCallInfo fcinfo, bool weighted)
{
	const char *func = weighted ? "sipp.weighted_cohort" : "sipp.cohort";
	Work	   *w = state_arg(fcinfo, func);
	Call	   *call = fcinfo->flinfo->fn_extra;
	double	   *value;
	int			nnum = 0;
	int			nlabel = 0;
	double		weight = 1;

	if (unlikely(call == NULL))
		call = fcinfo->flinfo->fn_extra = make_call(fcinfo, weighted);
	if (unlikely(w == NULL))
		w = work_make(call->nterm, call->term, weighted);

	for (int i = 1; i <= call->narg; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_POINTER(drop_row(w));

	value = call->value;
	for (int i = 0; i < call->narg; i++)
	{
		Arg		   *arg = &call->arg[i];
		Datum		d = PG_GETARG_DATUM(i + 1);
		double		v;

		if (!ARG_IS_NUMBER(arg->kind))
		{
			arg_label(arg, d, &call->label[nlabel++]);
			continue;
		}
		v = arg_number(arg->kind, d);
		if (unlikely(!isfinite(v)))
			not_finite(func, arg->name, v);
		if (weighted && i == 0)
		{
			if (!(v > 0))
				bad_weight(func, v);
			weight = v;
		}
		else
			value[nnum++] = v;
	}
	if (unlikely(nnum != w->nnum || nlabel != w->nfactor || weighted != w->weighted))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the state of %s is of another call", func)));
	PG_RETURN_POINTER(work_add_row(w, value, call->label, weight));
}

PG_FUNCTION_INFO_V1(sipp_cohort_accum);
Datum
sipp_cohort_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, false);
}

PG_FUNCTION_INFO_V1(sipp_weighted_cohort_accum);
Datum
sipp_weighted_cohort_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, true);
}

/* An array argument: one-dimensional, or empty. */
static ArrayType *
array_arg(FunctionCallInfo fcinfo, int argno, const char *func, const char *name, int *n)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(argno);

	if (ARR_NDIM(a) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("argument \"%s\" of %s must be one-dimensional", name, func),
				 errdetail("It has %d dimensions.", ARR_NDIM(a))));
	*n = ARR_NDIM(a) == 0 ? 0 : ARR_DIMS(a)[0];
	return a;
}

/* The elements of an array; ARR_DATA_PTR mixes signs, which -Wextra minds. */
static char *
array_data(ArrayType *a)
{
	Size		off = ARR_HASNULL(a) ? (Size) a->dataoffset : ARR_OVERHEAD_NONULLS(ARR_NDIM(a));

	return (char *) a + off;
}

/* The state of an _array aggregate before any row told its shape, or with one. */
static Work *
make_array_state(int nnum, int nfactor, bool weighted, const char *func)
{
	SippTerm   *terms;
	int			n = 0;

	if (nnum + nfactor > SIPP_MAX_TERMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s takes at most %d covariates", func, SIPP_MAX_TERMS),
				 errdetail("A row has %d numbers and %d factors.", nnum, nfactor)));
	terms = palloc0(sizeof(SippTerm) * Max(nnum + nfactor, 1));
	for (int i = 0; i < nnum; i++)
		terms[n++].name = psprintf("x%d", i + 1);
	for (int i = 0; i < nfactor; i++)
	{
		terms[n].kind = SIPP_TEXT;
		terms[n++].name = psprintf("f%d", i + 1);
	}
	return work_make(n, terms, weighted);
}

/*
 * Transition of sipp.cohort_array and sipp.weighted_cohort_array: state,
 * [weight,] outcome, numbers float8[], factors text[].  Uses neither fn_expr nor
 * fn_extra, so that it runs wherever an engine may put it.
 */
static Datum
accumulate_array(FunctionCallInfo fcinfo, bool weighted)
{
	const char *func = weighted ? "sipp.weighted_cohort_array" : "sipp.cohort_array";
	int			base = weighted ? 2 : 1;
	Work	   *w = state_arg(fcinfo, func);
	double		x[SIPP_MAX_TERMS + 1];
	WorkLabel	label[SIPP_MAX_TERMS];
	double		weight = 1;
	ArrayType  *numbers;
	ArrayType  *factors;
	int			nnum;
	int			nfactor;

	/* a NULL array does not tell how many covariates there are */
	if (PG_ARGISNULL(base + 1) || PG_ARGISNULL(base + 2))
	{
		if (w == NULL)
		{
			w = work_make(0, NULL, weighted);
			w->shapeless = true;
		}
		PG_RETURN_POINTER(drop_row(w));
	}
	numbers = array_arg(fcinfo, base + 1, func, "numbers", &nnum);
	factors = array_arg(fcinfo, base + 2, func, "factors", &nfactor);
	if (w == NULL || w->shapeless)
	{
		int64		dropped = w == NULL ? 0 : w->dropped;

		w = make_array_state(nnum, nfactor, weighted, func);
		w->dropped = dropped;
	}
	if (nnum != w->nnum - 1 || nfactor != w->nfactor)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("the arrays of %s must have the same length in every row", func),
				 errdetail("A row has %d numbers and %d factors, an earlier one %d and %d.",
						   nnum, nfactor, w->nnum - 1, w->nfactor)));
	if (PG_ARGISNULL(base) || (weighted && PG_ARGISNULL(1)) ||
		array_contains_nulls(numbers) || array_contains_nulls(factors))
		PG_RETURN_POINTER(drop_row(w));

	if (weighted)
	{
		weight = PG_GETARG_FLOAT8(1);
		if (!isfinite(weight))
			not_finite(func, "weight", weight);
		if (!(weight > 0))
			bad_weight(func, weight);
	}
	x[0] = PG_GETARG_FLOAT8(base);
	if (!isfinite(x[0]))
		not_finite(func, "outcome", x[0]);
	if (nnum > 0)
		memcpy(x + 1, array_data(numbers), sizeof(double) * nnum);
	for (int i = 1; i <= nnum; i++)
		if (unlikely(!isfinite(x[i])))
			not_finite(func, psprintf("numbers[%d]", i), x[i]);
	if (nfactor > 0)
	{
		char	   *p = array_data(factors);

		for (int i = 0; i < nfactor; i++)
		{
			label[i].str = VARDATA_ANY(p);
			label[i].len = (int) VARSIZE_ANY_EXHDR(p);
			label[i].hash = work_hash(label[i].str, label[i].len);
			label[i].rank = 0;
			p = att_addlength_pointer(p, -1, p);
			p = (char *) att_align_nominal(p, TYPALIGN_INT);
		}
	}
	PG_RETURN_POINTER(work_add_row(w, x, label, weight));
}

PG_FUNCTION_INFO_V1(sipp_cohort_array_accum);
Datum
sipp_cohort_array_accum(PG_FUNCTION_ARGS)
{
	return accumulate_array(fcinfo, false);
}

PG_FUNCTION_INFO_V1(sipp_weighted_cohort_array_accum);
Datum
sipp_weighted_cohort_array_accum(PG_FUNCTION_ARGS)
{
	return accumulate_array(fcinfo, true);
}

/* Combine two states of any of these aggregates, each in either form. */
PG_FUNCTION_INFO_V1(sipp_cohort_combine);
Datum
sipp_cohort_combine(PG_FUNCTION_ARGS)
{
	Cohort	   *a;
	Cohort	   *b;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	b = cohort_getarg(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(cohort_pack(b));
	a = cohort_getarg(PG_GETARG_DATUM(0));
	PG_RETURN_POINTER(cohort_pack(cohort_merge(a, b)));
}

/* Final function: the canonical bytes, without room to grow. */
PG_FUNCTION_INFO_V1(sipp_cohort_final);
Datum
sipp_cohort_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(cohort_pack(cohort_getarg(PG_GETARG_DATUM(0))));
}
