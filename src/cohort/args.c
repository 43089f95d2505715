/*
 * args.c
 *		How arguments of VARIADIC "any" are read.
 */
#include "sipp.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "cohort/args.h"

/* How to read a type, domains looked through: see args.h. */
ArgKind
arg_kind(Oid type, const char *func, const char *name, bool is_number)
{
	Oid			base = OidIsValid(type) ? getBaseType(type) : InvalidOid;

	switch (base)
	{
		case BOOLOID:
			return ARG_BOOL;
		case INT2OID:
			return ARG_INT2;
		case INT4OID:
			return ARG_INT4;
		case INT8OID:
			return ARG_INT8;
		case FLOAT4OID:
			return ARG_FLOAT4;
		case FLOAT8OID:
			return ARG_FLOAT8;
		case NUMERICOID:
			return ARG_NUMERIC;
		case TEXTOID:
		case VARCHAROID:
			if (!is_number)
				return ARG_TEXT;
			break;
		case BPCHAROID:
			if (!is_number)
				return ARG_BPCHAR;
			break;
		case CHAROID:
			if (!is_number)
				return ARG_CHAR;
			break;
		default:
			if (!is_number && OidIsValid(base) && type_is_enum(base))
				return ARG_ENUM;
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("argument \"%s\" of %s has type %s, which is %s", name, func,
					OidIsValid(type) ? format_type_be(type) : "unknown",
					is_number ? "not a number" : "neither a number nor a factor"),
			 errhint("Cast it: to a number, as in x::float8%s.",
					 is_number ? "" : ", or to a factor, as in x::text")));
	return ARG_BOOL;			/* keep compiler quiet */
}

/* The label of an enum value; the catalogue is read once for each. */
static const WorkLabel *
enum_label(Arg *arg, Oid oid)
{
	int			lo = 0;
	int			hi = arg->nenum;
	HeapTuple	tup;
	Form_pg_enum en;
	EnumLabel  *e;
	char	   *str;

	while (lo < hi)
	{
		int			mid = (lo + hi) / 2;

		if (arg->enums[mid].oid == oid)
			return &arg->enums[mid].label;
		if (arg->enums[mid].oid < oid)
			lo = mid + 1;
		else
			hi = mid;
	}

	if (arg->nenum == arg->maxenum)
	{
		int			room = Max(16, 2 * arg->maxenum);

		arg->enums = arg->enums ? repalloc(arg->enums, sizeof(EnumLabel) * room)
			: MemoryContextAlloc(arg->context, sizeof(EnumLabel) * room);
		arg->maxenum = room;
	}
	tup = SearchSysCache1(ENUMOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tup))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid internal value for enum: %u", oid)));
	en = (Form_pg_enum) GETSTRUCT(tup);
	str = MemoryContextStrdup(arg->context, NameStr(en->enumlabel));
	memmove(&arg->enums[lo + 1], &arg->enums[lo], sizeof(EnumLabel) * (arg->nenum - lo));
	arg->nenum++;
	e = &arg->enums[lo];
	e->oid = oid;
	e->label.str = str;
	e->label.len = (int) strlen(str);
	e->label.hash = work_hash(e->label.str, e->label.len);
	e->label.rank = en->enumsortorder;
	ReleaseSysCache(tup);
	return &e->label;
}

/* The label of a factor's value: see args.h. */
void
arg_label(Arg *arg, Datum d, WorkLabel *label)
{
	if (arg->kind == ARG_ENUM)
	{
		*label = *enum_label(arg, DatumGetObjectId(d));
		return;
	}
	if (arg->kind == ARG_CHAR)
	{
		/*
		 * The byte's own text form, which may be octal: a byte alone need not
		 * be valid in the database's encoding.
		 */
		label->str = DatumGetCString(DirectFunctionCall1(charout, d));
		label->len = (int) strlen(label->str);
	}
	else
	{
		struct varlena *t = PG_DETOAST_DATUM_PACKED(d);

		label->str = VARDATA_ANY(t);
		label->len = (int) VARSIZE_ANY_EXHDR(t);
		if (arg->kind == ARG_BPCHAR)
			label->len = bpchartruelen(VARDATA_ANY(t), label->len);
	}
	label->hash = work_hash(label->str, label->len);
	label->rank = 0;
}
