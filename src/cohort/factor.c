/*
 * factor.c
 *		sipp.factor: a value's label as a level of a factor.
 *
 * A label follows from the type and the value alone: no setting of the session
 * (extra_float_digits, DateStyle, TimeZone, IntervalStyle, bytea_output, ...)
 * and no spelling of equal values (1, 1.0, -0) can make two levels of one.
 *
 *	number		its shortest exact decimal, written out without exponent and
 *				trailing zeros, so that a smallint, a float8 and a numeric of one
 *				value have one label; NaN, Infinity, -Infinity
 *	boolean		true or false
 *	date, timestamp
 *				ISO 8601, as to_json writes them; with time zone, in UTC
 *	interval	as IntervalStyle postgres writes it, in months, days below 30 and
 *				hours below 24
 *	bytea		hexadecimal, \x...
 *	character(n)
 *				without the blanks it is padded with
 *	array, row	JSON of the labels of what is in it
 *	range		as it is written, with the labels of its bounds
 *	enum, uuid, inet, bit, ...
 *				the text form, which no setting changes
 *
 * Domains are looked through.  Every other type is an error that says what to
 * write, because its text depends on a setting (money, regclass, point), on
 * spelling (json), or on what an extension may do.
 *
 * Integers, booleans, numeric and text have entry points that do not ask for
 * the type of their argument, so that they are immutable and can be asked of a
 * foreign server.
 */
#include "sipp.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/multirangetypes.h"
#include "utils/numeric.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

/* How the label of a type is written. */
typedef enum LabelForm
{
	LABEL_BOOL,
	LABEL_INT2,
	LABEL_INT4,
	LABEL_INT8,
	LABEL_FLOAT4,
	LABEL_FLOAT8,
	LABEL_NUMERIC,
	LABEL_TEXT,
	LABEL_BPCHAR,
	LABEL_DATETIME,
	LABEL_INTERVAL,
	LABEL_BYTEA,
	LABEL_OUTPUT,				/* the type's own output, which no setting changes */
	LABEL_ARRAY,
	LABEL_ROW,
	LABEL_RANGE,
	LABEL_MULTIRANGE
} LabelForm;

/* The forms whose labels are numbers, true or false in JSON. */
#define LABEL_IS_BARE(form) ((form) <= LABEL_NUMERIC)

/* What is known of a type, as long as its query. */
typedef struct Labeller
{
	Oid			type;			/* domains looked through */
	LabelForm	form;
	FmgrInfo	out;			/* LABEL_OUTPUT */
	struct Labeller *part;		/* of an array's elements, a range's bounds, a
								 * multirange's ranges */
	int16		len;			/* how an array holds its elements */
	bool		byval;
	char		align;
	TypeCacheEntry *range;		/* LABEL_RANGE, LABEL_MULTIRANGE: the range type's */
	MemoryContext rowcxt;		/* LABEL_ROW: holds the following two */
	TupleDesc	desc;			/* of the row last seen, or NULL */
	struct Labeller **column;	/* [desc->natts] NULL: dropped */
} Labeller;

static Labeller *labeller_make(Oid type, MemoryContext cxt);
static void append_label(StringInfo s, Labeller *l, Datum d);

/* Report a type whose text may differ between two sessions. */
pg_noreturn static void
no_label(Oid type)
{
	const char *hint = "Cast it to what tells its values apart, as in sipp.factor(x::text).";

	if (type == CASHOID)
		hint = "Cast it to numeric, as in sipp.factor(x::numeric).";
	else if (type == JSONOID || type == JSONBOID)
		hint = "Take a field of it as text, as in sipp.factor(x ->> 'field').";
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("sipp.factor does not take type %s", format_type_be(type)),
			 errdetail("The text of one value may differ between sessions, or between spellings."),
			 errhint("%s", hint)));
}

/* How the labels of a base type are written. */
static LabelForm
label_form(Oid base)
{
	switch (base)
	{
		case BOOLOID:
			return LABEL_BOOL;
		case INT2OID:
			return LABEL_INT2;
		case INT4OID:
			return LABEL_INT4;
		case INT8OID:
			return LABEL_INT8;
		case FLOAT4OID:
			return LABEL_FLOAT4;
		case FLOAT8OID:
			return LABEL_FLOAT8;
		case NUMERICOID:
			return LABEL_NUMERIC;
		case TEXTOID:
		case VARCHAROID:
			return LABEL_TEXT;
		case BPCHAROID:
			return LABEL_BPCHAR;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return LABEL_DATETIME;
		case INTERVALOID:
			return LABEL_INTERVAL;
		case BYTEAOID:
			return LABEL_BYTEA;
		case CHAROID:
		case NAMEOID:
		case OIDOID:
		case TIMEOID:
		case TIMETZOID:
		case UUIDOID:
		case BITOID:
		case VARBITOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
		case MACADDR8OID:
			return LABEL_OUTPUT;
		case RECORDOID:
			return LABEL_ROW;
		default:
			if (OidIsValid(get_element_type(base)))
				return LABEL_ARRAY;
			switch (get_typtype(base))
			{
				case TYPTYPE_ENUM:
					return LABEL_OUTPUT;
				case TYPTYPE_COMPOSITE:
					return LABEL_ROW;
				case TYPTYPE_RANGE:
					return LABEL_RANGE;
				case TYPTYPE_MULTIRANGE:
					return LABEL_MULTIRANGE;
			}
	}
	no_label(base);
}

/* Find out what is to be known of a type; everything is allocated in cxt. */
static Labeller *
labeller_make(Oid type, MemoryContext cxt)
{
	Labeller   *l = MemoryContextAllocZero(cxt, sizeof(Labeller));

	check_stack_depth();
	l->type = getBaseType(type);
	l->form = label_form(l->type);
	if (l->form == LABEL_OUTPUT)
	{
		Oid			func;
		bool		varlena;

		getTypeOutputInfo(l->type, &func, &varlena);
		fmgr_info_cxt(func, &l->out, cxt);
	}
	else if (l->form == LABEL_ARRAY)
	{
		l->part = labeller_make(get_element_type(l->type), cxt);
		get_typlenbyvalalign(get_element_type(l->type), &l->len, &l->byval, &l->align);
	}
	else if (l->form == LABEL_RANGE)
	{
		l->range = lookup_type_cache(l->type, TYPECACHE_RANGE_INFO);
		l->part = labeller_make(l->range->rngelemtype->type_id, cxt);
	}
	else if (l->form == LABEL_MULTIRANGE)
	{
		l->range = lookup_type_cache(l->type, TYPECACHE_MULTIRANGE_INFO)->rngtype;
		l->part = labeller_make(l->range->type_id, cxt);
	}
	return l;
}

/* Write out a decimal that may have an exponent; -0 is 0. */
static void
append_decimal(StringInfo s, const char *decimal)
{
	if (strcmp(decimal, "-0") == 0)
		decimal++;
	if (strchr(decimal, 'e') == NULL)
		appendStringInfoString(s, decimal);
	else
		appendStringInfoString(s, numeric_normalize(
							   DatumGetNumeric(DirectFunctionCall3(numeric_in,
																   CStringGetDatum(decimal),
																   ObjectIdGetDatum(InvalidOid),
																   Int32GetDatum(-1)))));
}

/*
 * An interval as IntervalStyle postgres writes it, of months of 30 days and days
 * of 24 hours, because 1 month, 30 days and 720 hours are equal.
 */
static void
append_interval(StringInfo s, const Interval *given)
{
	const Interval *span = DatumGetIntervalP(DirectFunctionCall1(interval_justify_interval,
																 IntervalPGetDatum(given)));
	char		buf[MAXDATELEN + 1];
	struct pg_itm itm;

	/* servers that know infinite intervals have this macro */
#ifdef INTERVAL_NOT_FINITE
	if (INTERVAL_NOT_FINITE(span))
	{
		appendStringInfoString(s, INTERVAL_IS_NOBEGIN(span) ? "-infinity" : "infinity");
		return;
	}
#endif
	interval2itm(*span, &itm);
	EncodeInterval(&itm, INTSTYLE_POSTGRES, buf);
	appendStringInfoString(s, buf);
}

/* Bytes in hexadecimal. */
static void
append_bytes(StringInfo s, const bytea *bytes)
{
	size_t		n = VARSIZE_ANY_EXHDR(bytes);

	appendStringInfoString(s, "\\x");
	enlargeStringInfo(s, (int) Min(2 * n, (size_t) PG_INT32_MAX));
	s->len += (int) hex_encode(VARDATA_ANY(bytes), n, s->data + s->len);
	s->data[s->len] = '\0';
}

/* Append what stands in an array or row, as JSON. */
static void
append_json(StringInfo s, Labeller *l, Datum d, bool null)
{
	StringInfoData label;

	if (null)
	{
		appendStringInfoString(s, "null");
		return;
	}
	initStringInfo(&label);
	append_label(&label, l, d);
	if (l->form == LABEL_ARRAY || l->form == LABEL_ROW ||
		(LABEL_IS_BARE(l->form) && strpbrk(label.data, "Ny") == NULL))
		appendStringInfoString(s, label.data);
	else
		escape_json(s, label.data); /* NaN and the infinities are strings too */
	pfree(label.data);
}

/* One dimension of an array; *next is the element to go on with. */
static void
append_dimension(StringInfo s, const Labeller *l, int ndim, const int *dim,
				 const Datum *elem, const bool *null, int *next)
{
	appendStringInfoChar(s, '[');
	for (int i = 0; i < dim[0]; i++)
	{
		if (i > 0)
			appendStringInfoChar(s, ',');
		if (ndim > 1)
			append_dimension(s, l, ndim - 1, dim + 1, elem, null, next);
		else
		{
			append_json(s, l->part, elem[*next], null[*next]);
			(*next)++;
		}
	}
	appendStringInfoChar(s, ']');
}

static void
append_array(StringInfo s, const Labeller *l, Datum d)
{
	ArrayType  *a = DatumGetArrayTypeP(d);
	Datum	   *elem;
	bool	   *null;
	int			n;
	int			next = 0;

	deconstruct_array(a, ARR_ELEMTYPE(a), l->len, l->byval, l->align, &elem, &null, &n);
	if (n == 0)
		appendStringInfoString(s, "[]");
	else
		append_dimension(s, l, ARR_NDIM(a), ARR_DIMS(a), elem, null, &next);
}

/* Append a row; rows of type record may differ in shape from one to the next. */
static void
append_row(StringInfo s, Labeller *l, Datum d)
{
	HeapTupleHeader td = DatumGetHeapTupleHeader(d);
	Oid			type = HeapTupleHeaderGetTypeId(td);
	int32		typmod = HeapTupleHeaderGetTypMod(td);
	HeapTupleData tup;
	bool		first = true;

	if (l->desc == NULL || l->desc->tdtypeid != type || l->desc->tdtypmod != typmod)
	{
		MemoryContext old;
		TupleDesc	desc;

		if (l->rowcxt == NULL)
			l->rowcxt = AllocSetContextCreate(GetMemoryChunkContext(l), "sipp.factor row",
											  ALLOCSET_SMALL_SIZES);
		l->desc = NULL;
		MemoryContextReset(l->rowcxt);
		old = MemoryContextSwitchTo(l->rowcxt);
		desc = lookup_rowtype_tupdesc_copy(type, typmod);
		l->column = palloc0_array(Labeller *, desc->natts);
		for (int i = 0; i < desc->natts; i++)
			if (!TupleDescAttr(desc, i)->attisdropped)
				l->column[i] = labeller_make(TupleDescAttr(desc, i)->atttypid, l->rowcxt);
		l->desc = desc;
		MemoryContextSwitchTo(old);
	}
	tup.t_len = HeapTupleHeaderGetDatumLength(td);
	ItemPointerSetInvalid(&tup.t_self);
	tup.t_tableOid = InvalidOid;
	tup.t_data = td;
	appendStringInfoChar(s, '{');
	for (int i = 0; i < l->desc->natts; i++)
	{
		bool		null;
		Datum		v;

		if (l->column[i] == NULL)
			continue;
		v = heap_getattr(&tup, i + 1, l->desc, &null);
		if (!first)
			appendStringInfoChar(s, ',');
		first = false;
		escape_json(s, NameStr(TupleDescAttr(l->desc, i)->attname));
		appendStringInfoChar(s, ':');
		append_json(s, l->column[i], v, null);
	}
	appendStringInfoChar(s, '}');
}

/* Append a bound of a range, in quotes where the label would be misread without. */
static void
append_bound(StringInfo s, Labeller *l, const RangeBound *bound)
{
	StringInfoData label;

	if (bound->infinite)
		return;
	initStringInfo(&label);
	append_label(&label, l, bound->val);
	if (label.len > 0 && strpbrk(label.data, "\"\\()[], \t\n\r\v\f") == NULL)
		appendStringInfoString(s, label.data);
	else
	{
		appendStringInfoChar(s, '"');
		for (char *p = label.data; *p; p++)
		{
			if (*p == '"' || *p == '\\')
				appendStringInfoChar(s, *p);
			appendStringInfoChar(s, *p);
		}
		appendStringInfoChar(s, '"');
	}
	pfree(label.data);
}

static void
append_range(StringInfo s, Labeller *l, Datum d)
{
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;

	range_deserialize(l->range, DatumGetRangeTypeP(d), &lower, &upper, &empty);
	if (empty)
	{
		appendStringInfoString(s, "empty");
		return;
	}
	appendStringInfoChar(s, lower.inclusive ? '[' : '(');
	append_bound(s, l->part, &lower);
	appendStringInfoChar(s, ',');
	append_bound(s, l->part, &upper);
	appendStringInfoChar(s, upper.inclusive ? ']' : ')');
}

static void
append_multirange(StringInfo s, Labeller *l, Datum d)
{
	RangeType **range;
	int32		n;

	multirange_deserialize(l->range, DatumGetMultirangeTypeP(d), &n, &range);
	appendStringInfoChar(s, '{');
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(s, ',');
		append_range(s, l->part, RangeTypePGetDatum(range[i]));
	}
	appendStringInfoChar(s, '}');
}

/* Append the label of a value. */
static void
append_label(StringInfo s, Labeller *l, Datum d)
{
	char		buf[MAXDATELEN + 1];
	int			utc = 0;

	check_stack_depth();
	switch (l->form)
	{
		case LABEL_BOOL:
			appendStringInfoString(s, DatumGetBool(d) ? "true" : "false");
			break;
		case LABEL_INT2:
			appendStringInfo(s, "%d", DatumGetInt16(d));
			break;
		case LABEL_INT4:
			appendStringInfo(s, "%d", DatumGetInt32(d));
			break;
		case LABEL_INT8:
			appendStringInfo(s, INT64_FORMAT, DatumGetInt64(d));
			break;
		case LABEL_FLOAT4:
			float_to_shortest_decimal_buf(DatumGetFloat4(d), buf);
			append_decimal(s, buf);
			break;
		case LABEL_FLOAT8:
			double_to_shortest_decimal_buf(DatumGetFloat8(d), buf);
			append_decimal(s, buf);
			break;
		case LABEL_NUMERIC:
			appendStringInfoString(s, numeric_normalize(DatumGetNumeric(d)));
			break;
		case LABEL_TEXT:
		case LABEL_BPCHAR:
			{
				text	   *t = DatumGetTextPP(d);
				int			len = (int) VARSIZE_ANY_EXHDR(t);

				if (l->form == LABEL_BPCHAR)
					len = bpchartruelen(VARDATA_ANY(t), len);
				appendBinaryStringInfo(s, VARDATA_ANY(t), len);
				break;
			}
		case LABEL_DATETIME:
			appendStringInfoString(s, JsonEncodeDateTime(buf, d, l->type, &utc));
			break;
		case LABEL_INTERVAL:
			append_interval(s, DatumGetIntervalP(d));
			break;
		case LABEL_BYTEA:
			append_bytes(s, DatumGetByteaPP(d));
			break;
		case LABEL_OUTPUT:
			appendStringInfoString(s, OutputFunctionCall(&l->out, d));
			break;
		case LABEL_ARRAY:
			append_array(s, l, d);
			break;
		case LABEL_ROW:
			append_row(s, l, d);
			break;
		case LABEL_RANGE:
			append_range(s, l, d);
			break;
		case LABEL_MULTIRANGE:
			append_multirange(s, l, d);
			break;
	}
}

/* factor(anyelement): any type that has a label */
PG_FUNCTION_INFO_V1(sipp_factor);
Datum
sipp_factor(PG_FUNCTION_ARGS)
{
	Labeller   *l = fcinfo->flinfo->fn_extra;
	StringInfoData s;

	if (l == NULL)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);

		if (!OidIsValid(type))
			ereport(ERROR,
					(errcode(ERRCODE_INDETERMINATE_DATATYPE),
					 errmsg("could not determine the type of the argument of sipp.factor")));
		l = fcinfo->flinfo->fn_extra = labeller_make(type, fcinfo->flinfo->fn_mcxt);
	}
	initStringInfo(&s);
	append_label(&s, l, PG_GETARG_DATUM(0));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(s.data, s.len));
}

PG_FUNCTION_INFO_V1(sipp_factor_int2);
Datum
sipp_factor_int2(PG_FUNCTION_ARGS)
{
	char		buf[12];

	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf, pg_ltoa(PG_GETARG_INT16(0), buf)));
}

PG_FUNCTION_INFO_V1(sipp_factor_int4);
Datum
sipp_factor_int4(PG_FUNCTION_ARGS)
{
	char		buf[12];

	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf, pg_ltoa(PG_GETARG_INT32(0), buf)));
}

PG_FUNCTION_INFO_V1(sipp_factor_int8);
Datum
sipp_factor_int8(PG_FUNCTION_ARGS)
{
	char		buf[MAXINT8LEN + 1];

	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf, pg_lltoa(PG_GETARG_INT64(0), buf)));
}

PG_FUNCTION_INFO_V1(sipp_factor_bool);
Datum
sipp_factor_bool(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(PG_GETARG_BOOL(0) ? "true" : "false"));
}

PG_FUNCTION_INFO_V1(sipp_factor_numeric);
Datum
sipp_factor_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(numeric_normalize(PG_GETARG_NUMERIC(0))));
}

/* Append the byte's own text form, which may be octal, because it need not be valid alone. */
PG_FUNCTION_INFO_V1(sipp_factor_char);
Datum
sipp_factor_char(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(DatumGetCString(DirectFunctionCall1(charout,
																		 PG_GETARG_DATUM(0)))));
}

PG_FUNCTION_INFO_V1(sipp_factor_text);
Datum
sipp_factor_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}
