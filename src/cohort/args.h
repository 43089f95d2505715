/*
 * args.h
 *		R's rule for arguments of VARIADIC "any": numbers are numbers, text is a
 *		factor.
 */
#ifndef SIPP_ARGS_H
#define SIPP_ARGS_H

#include "cohort/work.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

typedef enum ArgKind
{
	ARG_BOOL,
	ARG_INT2,
	ARG_INT4,
	ARG_INT8,
	ARG_FLOAT4,
	ARG_FLOAT8,
	ARG_NUMERIC,
	ARG_TEXT,
	ARG_BPCHAR,
	ARG_CHAR,
	ARG_ENUM
} ArgKind;

#define ARG_IS_NUMBER(kind) ((kind) <= ARG_NUMERIC)

/* A label of an enum; all of a type are read at its first value. */
typedef struct EnumLabel
{
	Oid			oid;
	WorkLabel	label;
} EnumLabel;

/* One argument, as long as its query. */
typedef struct Arg
{
	ArgKind		kind;
	char	   *name;
	MemoryContext context;		/* where enum labels are kept */
	int			nenum;
	EnumLabel  *enums;			/* sorted by oid */
} Arg;

/* How to read a type; an error that names the argument if it cannot be read. */
extern ArgKind arg_kind(Oid type, const char *func, const char *name, bool is_number);

/*
 * The label of a factor's value.  It points into the datum, into memory of the
 * caller's context, or into arg's cache.
 */
extern void arg_label(Arg *arg, Datum d, WorkLabel *label);

/* A number's value; may be NaN or infinite. */
static inline double
arg_number(ArgKind kind, Datum d)
{
	switch (kind)
	{
		case ARG_BOOL:
			return DatumGetBool(d) ? 1 : 0;
		case ARG_INT2:
			return DatumGetInt16(d);
		case ARG_INT4:
			return DatumGetInt32(d);
		case ARG_INT8:
			return (double) DatumGetInt64(d);
		case ARG_FLOAT4:
			return DatumGetFloat4(d);
		case ARG_FLOAT8:
			return DatumGetFloat8(d);
		default:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, d));
	}
}

#endif							/* SIPP_ARGS_H */
