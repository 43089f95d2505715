/*
 * row.c
 *		Filling result rows by position, as far as the run-time descriptor
 *		goes: a composite type may have gained columns since, or lack them.
 */
#include "sipp.h"

#include <math.h>

#include "utils/builtins.h"

#include "base/row.h"

/*
 * The blessed row descriptor of a function that returns a composite, made in the
 * context that lasts as long as the query: once, for functions that keep
 * nothing else in fn_extra.
 */
TupleDesc
result_desc(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = make_result_desc(fcinfo);
	return fcinfo->flinfo->fn_extra;
}

/* Make such a descriptor, to be kept by the caller. */
TupleDesc
make_result_desc(FunctionCallInfo fcinfo)
{
	TupleDesc	desc;
	MemoryContext old;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function returning record called in context that cannot accept type record");
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	desc = BlessTupleDesc(CreateTupleDescCopy(desc));
	MemoryContextSwitchTo(old);
	return desc;
}

/* Put a number; NaN becomes NULL. */
void
put_float(Datum *values, bool *nulls, int i, double v)
{
	nulls[i] = isnan(v);
	values[i] = Float8GetDatum(v);
}

/* Put a string; a null pointer becomes NULL. */
void
put_text(Datum *values, bool *nulls, int i, const char *s)
{
	nulls[i] = s == NULL;
	values[i] = s == NULL ? (Datum) 0 : CStringGetTextDatum(s);
}

/* Values for exactly the descriptor's columns: those given, then NULLs. */
static void
fit_to_desc(TupleDesc desc, int n, const Datum *values, const bool *nulls,
			Datum **v, bool **isnull)
{
	*v = palloc0_array(Datum, desc->natts);
	*isnull = palloc_array(bool, desc->natts);
	memset(*isnull, true, desc->natts);
	n = Min(n, desc->natts);
	memcpy(*v, values, sizeof(Datum) * n);
	memcpy(*isnull, nulls, sizeof(bool) * n);
}

/* Form one row of the n values. */
Datum
row_datum(TupleDesc desc, int n, const Datum *values, const bool *nulls)
{
	Datum	   *v = unconstify(Datum *, values);
	bool	   *isnull = unconstify(bool *, nulls);

	if (desc->natts != n)
		fit_to_desc(desc, n, values, nulls, &v, &isnull);
	return HeapTupleGetDatum(heap_form_tuple(desc, v, isnull));
}

/* Add the n values as a row of a set begun with InitMaterializedSRF. */
void
put_row(ReturnSetInfo *rsinfo, int n, const Datum *values, const bool *nulls)
{
	Datum	   *v;
	bool	   *isnull;

	fit_to_desc(rsinfo->setDesc, n, values, nulls, &v, &isnull);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, isnull);
	pfree(v);
	pfree(isnull);
}
