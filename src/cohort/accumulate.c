/*
 * accumulate.c
 *		The aggregates that turn pupils' rows into cohorts: sipp.cohort,
 *		sipp.weighted_cohort, sipp.counted_cohort and their _array forms.
 *
 * A row is one pupil, with a precision weight if the first argument is one; or,
 * where it is a count, that many pupils.  Counts end in an ordinary cohort
 * without weights: that of the expanded rows.
 *
 * Transitions of a fixed signature (the _array forms, and outcomes without
 * covariates) use neither fn_expr nor fn_extra, because an engine that splits an
 * aggregate calls them from an expression of its own, or from none.
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

/* What stands before the outcome. */
typedef enum Lead
{
	LEAD_NONE,
	LEAD_WEIGHT,
	LEAD_COUNT
} Lead;

static const char *const lead_func[] = {"sipp.cohort", "sipp.weighted_cohort", "sipp.counted_cohort"};
static const char *const lead_array_func[] =
{"sipp.cohort_array", "sipp.weighted_cohort_array", "sipp.counted_cohort_array"};
static const char *const lead_words[] = {"", "weight, ", "count, "};

/* The outcome's place among the arguments, of which the state is the first. */
#define OUTCOME_ARG(lead) ((lead) == LEAD_NONE ? 1 : 2)

/* What a call keeps for the length of a query. */
typedef struct Call
{
	int			narg;			/* outcome and covariates */
	Arg		   *arg;
	int			nterm;
	SippTerm   *term;
	double		value[SIPP_MAX_TERMS + 1];	/* this row's */
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

/* Plan a call: find out types and names of its arguments. */
static Call *
make_call(FunctionCallInfo fcinfo, Lead lead)
{
	const char *func = lead_func[lead];
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	Call	   *call = palloc0(sizeof(Call));
	int			base = OUTCOME_ARG(lead);

	if (get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s does not take VARIADIC with an array", func),
				 errhint("Use %s(%soutcome, numbers, factors).", lead_array_func[lead],
						 lead_words[lead])));
	call->narg = PG_NARGS() - base;
	call->nterm = call->narg - 1;
	if (call->nterm > SIPP_MAX_TERMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s takes at most %d covariates", func, SIPP_MAX_TERMS)));
	call->arg = palloc0_array(Arg, call->narg);
	call->term = palloc0_array(SippTerm, call->nterm);
	for (int i = 0; i < call->narg; i++)
	{
		Arg		   *arg = &call->arg[i];
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, base + i);
		int			t = i - 1;

		if (!OidIsValid(type))
			ereport(ERROR,
					(errcode(ERRCODE_INDETERMINATE_DATATYPE),
					 errmsg("%s cannot tell the types of its arguments here", func),
					 errdetail("It is called without the expression that they are from, "
							   "as by an engine that distributes an aggregate."),
					 errhint("Use %s(%soutcome, numbers, factors), whose types are fixed.",
							 lead_array_func[lead], lead_words[lead])));
		if (t < 0)
			arg->name = "outcome";
		else if ((arg->name = column_name(fcinfo, base + i - 1)) == NULL)
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

/* Report a NaN or infinite value of an argument. */
pg_noreturn static void
not_finite(const char *func, const char *name, double v)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("argument \"%s\" of %s is %s", name, func,
					isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity"),
			 errhint("Turn it into NULL or leave such rows out with FILTER; NULL rows are counted as dropped.")));
}

/* Get and check the weight of a row: argument 1, which is not NULL. */
static double
weight_arg(FunctionCallInfo fcinfo, const char *func)
{
	double		w = PG_GETARG_FLOAT8(1);

	if (!isfinite(w))
		not_finite(func, "weight", w);
	if (!(w > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"weight\" of %s must be positive", func),
				 errdetail("It is %g.", w),
				 errhint("Leave rows of no weight out with FILTER (WHERE weight > 0).")));
	return w;
}

/*
 * How many pupils a row is: argument 1.  NULL is an error, because a suppressed
 * count does not say how many pupils are left out.
 */
static int64
count_arg(FunctionCallInfo fcinfo, const char *func)
{
	int64		n;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"count\" of %s must not be NULL", func),
				 errdetail("How many pupils the row stands for is not known, so that they cannot be counted as dropped."),
				 errhint("Leave such rows out with FILTER (WHERE count IS NOT NULL).")));
	n = PG_GETARG_INT64(1);
	if (n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"count\" of %s must not be negative", func),
				 errdetail("It is %lld.", (long long) n)));
	return n;
}

/* Check that there is room for more rows. */
static inline void
check_rows(int64 rows, int64 more)
{
	if (unlikely(more > SIPP_MAX_ROWS - rows))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a cohort cannot have more than 2^53 rows")));
}

/* Compute the weight of a complete row that stands for this many. */
static inline double
row_weight(FunctionCallInfo fcinfo, Lead lead, const char *func, const Work *w, int64 rows)
{
	check_rows(w->rows, rows);
	return lead == LEAD_WEIGHT ? weight_arg(fcinfo, func) : (double) rows;
}

/* Count rows that lack a value. */
static Work *
drop_rows(Work *w, int64 rows)
{
	check_rows(w->dropped, rows);
	w->dropped += rows;
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
 * Transition of the aggregates with covariates: state, [weight or count,]
 * outcome, covariates.  Nothing is allocated or looked up per row but for a new
 * level.
 */
static pg_attribute_always_inline Datum
accumulate(FunctionCallInfo fcinfo, Lead lead)
{
	const char *func = lead_func[lead];
	int			base = OUTCOME_ARG(lead);
	Work	   *w = state_arg(fcinfo, func);
	Call	   *call = fcinfo->flinfo->fn_extra;
	double	   *value;
	int			nnum = 0;
	int			nlabel = 0;
	double		weight;
	int64		rows = 1;

	if (unlikely(call == NULL))
		call = fcinfo->flinfo->fn_extra = make_call(fcinfo, lead);
	if (unlikely(w == NULL))
		w = work_make(call->nterm, call->term, lead == LEAD_WEIGHT);

	if (lead == LEAD_COUNT && (rows = count_arg(fcinfo, func)) == 0)
		PG_RETURN_POINTER(w);
	for (int i = 1; i < base + call->narg; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_POINTER(drop_rows(w, rows));
	weight = row_weight(fcinfo, lead, func, w, rows);

	value = call->value;
	for (int i = 0; i < call->narg; i++)
	{
		Arg		   *arg = &call->arg[i];
		Datum		d = PG_GETARG_DATUM(base + i);
		double		v;

		if (!ARG_IS_NUMBER(arg->kind))
		{
			arg_label(arg, d, &call->label[nlabel++]);
			continue;
		}
		v = arg_number(arg->kind, d);
		if (unlikely(!isfinite(v)))
			not_finite(func, arg->name, v);
		value[nnum++] = v;
	}
	if (unlikely(nnum != w->nnum || nlabel != w->nfactor || w->weighted != (lead == LEAD_WEIGHT)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the state of %s is of another call", func)));
	PG_RETURN_POINTER(work_add_row(w, value, call->label, weight, rows));
}

PG_FUNCTION_INFO_V1(sipp_cohort_accum);
Datum
sipp_cohort_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, LEAD_NONE);
}

PG_FUNCTION_INFO_V1(sipp_weighted_cohort_accum);
Datum
sipp_weighted_cohort_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, LEAD_WEIGHT);
}

PG_FUNCTION_INFO_V1(sipp_counted_cohort_accum);
Datum
sipp_counted_cohort_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, LEAD_COUNT);
}

/*
 * Transition of the aggregates without covariates: state, [weight or count,]
 * outcome, a float8 or a boolean.
 */
static Datum
accumulate_outcome(FunctionCallInfo fcinfo, Lead lead, bool is_boolean)
{
	const char *func = lead_func[lead];
	int			base = OUTCOME_ARG(lead);
	Work	   *w = state_arg(fcinfo, func);
	double		y;
	double		weight;
	int64		rows = 1;

	if (unlikely(w == NULL))
		w = work_make(0, NULL, lead == LEAD_WEIGHT);
	if (lead == LEAD_COUNT && (rows = count_arg(fcinfo, func)) == 0)
		PG_RETURN_POINTER(w);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(base))
		PG_RETURN_POINTER(drop_rows(w, rows));
	weight = row_weight(fcinfo, lead, func, w, rows);
	y = is_boolean ? (double) PG_GETARG_BOOL(base) : PG_GETARG_FLOAT8(base);
	if (unlikely(!isfinite(y)))
		not_finite(func, "outcome", y);
	if (unlikely(w->nnum != 1 || w->nfactor != 0 || w->weighted != (lead == LEAD_WEIGHT)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the state of %s is of another call", func)));
	PG_RETURN_POINTER(work_add_row(w, &y, NULL, weight, rows));
}

#define OUTCOME_TRANSITION(name, lead) \
	PG_FUNCTION_INFO_V1(sipp_##name##_accum_float8); \
	Datum \
	sipp_##name##_accum_float8(PG_FUNCTION_ARGS) \
	{ \
		return accumulate_outcome(fcinfo, lead, false); \
	} \
	PG_FUNCTION_INFO_V1(sipp_##name##_accum_bool); \
	Datum \
	sipp_##name##_accum_bool(PG_FUNCTION_ARGS) \
	{ \
		return accumulate_outcome(fcinfo, lead, true); \
	}

OUTCOME_TRANSITION(cohort, LEAD_NONE)
OUTCOME_TRANSITION(weighted_cohort, LEAD_WEIGHT)
OUTCOME_TRANSITION(counted_cohort, LEAD_COUNT)

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

/* Get the elements of an array; ARR_DATA_PTR mixes signs, which -Wextra minds. */
static char *
array_data(ArrayType *a)
{
	Size		off = ARR_HASNULL(a) ? (Size) a->dataoffset : ARR_OVERHEAD_NONULLS(ARR_NDIM(a));

	return (char *) a + off;
}

/* Make the state of an _array aggregate, with a shape or before any row told it. */
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
	terms = palloc0_array(SippTerm, nnum + nfactor);
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
 * Transition of the _array aggregates: state, [weight or count,] outcome, numbers
 * float8[], factors text[].
 */
static Datum
accumulate_array(FunctionCallInfo fcinfo, Lead lead)
{
	const char *func = lead_array_func[lead];
	int			base = OUTCOME_ARG(lead);
	bool		weighted = lead == LEAD_WEIGHT;
	Work	   *w = state_arg(fcinfo, func);
	double		x[SIPP_MAX_TERMS + 1];
	WorkLabel	label[SIPP_MAX_TERMS];
	double		weight;
	int64		rows = 1;
	ArrayType  *numbers;
	ArrayType  *factors;
	int			nnum;
	int			nfactor;

	if (lead == LEAD_COUNT)
		rows = count_arg(fcinfo, func);

	/* a NULL array does not tell how many covariates there are */
	if (PG_ARGISNULL(base + 1) || PG_ARGISNULL(base + 2))
	{
		if (w == NULL)
		{
			w = work_make(0, NULL, weighted);
			w->shapeless = true;
		}
		PG_RETURN_POINTER(drop_rows(w, rows));
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
	if (rows == 0)
		PG_RETURN_POINTER(w);
	if (PG_ARGISNULL(base) || PG_ARGISNULL(1) ||
		array_contains_nulls(numbers) || array_contains_nulls(factors))
		PG_RETURN_POINTER(drop_rows(w, rows));

	weight = row_weight(fcinfo, lead, func, w, rows);
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
	PG_RETURN_POINTER(work_add_row(w, x, label, weight, rows));
}

PG_FUNCTION_INFO_V1(sipp_cohort_array_accum);
Datum
sipp_cohort_array_accum(PG_FUNCTION_ARGS)
{
	return accumulate_array(fcinfo, LEAD_NONE);
}

PG_FUNCTION_INFO_V1(sipp_weighted_cohort_array_accum);
Datum
sipp_weighted_cohort_array_accum(PG_FUNCTION_ARGS)
{
	return accumulate_array(fcinfo, LEAD_WEIGHT);
}

PG_FUNCTION_INFO_V1(sipp_counted_cohort_array_accum);
Datum
sipp_counted_cohort_array_accum(PG_FUNCTION_ARGS)
{
	return accumulate_array(fcinfo, LEAD_COUNT);
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
