/*
 * row.h
 *		Filling the result rows of functions that return composites.
 */
#ifndef SIPP_ROW_H
#define SIPP_ROW_H

#include "sipp.h"

#include "funcapi.h"

extern TupleDesc result_desc(FunctionCallInfo fcinfo);
extern TupleDesc make_result_desc(FunctionCallInfo fcinfo);
extern void put_float(Datum *values, bool *nulls, int i, double v);
extern void put_text(Datum *values, bool *nulls, int i, const char *s);
extern Datum row_datum(TupleDesc desc, int n, const Datum *values, const bool *nulls);
extern void put_row(ReturnSetInfo *rsinfo, int n, const Datum *values, const bool *nulls);

#endif							/* SIPP_ROW_H */
