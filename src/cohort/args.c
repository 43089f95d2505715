/*
 * args.c
 *		How arguments of VARIADIC "any" are read.
 */
#include "sipp.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/catcache.h"
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
					 is_number ? "" : ", or to a factor, as in sipp.factor(x)")));
	return ARG_BOOL;			/* keep compiler quiet */
}

/* Where a label of this oid stands, or belongs. */
static int
enum_place(const Arg *arg, Oid oid)
{
	int			lo = 0;
	int			hi = arg->nenum;

	while (lo < hi)
	{
		int			mid = (lo + hi) / 2;

		if (arg->enums[mid].oid < oid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* qsort comparators of labels: by their declared order, by oid. */
static int
compare_enum_ranks(const void *a, const void *b)
{
	double		x = ((const EnumLabel *) a)->label.rank;
	double		y = ((const EnumLabel *) b)->label.rank;

	return x < y ? -1 : x > y;
}

static int
compare_enum_oids(const void *a, const void *b)
{
	Oid			x = ((const EnumLabel *) a)->oid;
	Oid			y = ((const EnumLabel *) b)->oid;

	return x < y ? -1 : x > y;
}

/*
 * Give labels just read, in their declared order, the names and ranks that they
 * were known by, which states may hold; new ones come between their neighbours.
 */
static void
keep_known(const Arg *arg, EnumLabel *e, int n)
{
	for (int i = 0; i < n; i++)
	{
		int			at = enum_place(arg, e[i].oid);

		if (at < arg->nenum && arg->enums[at].oid == e[i].oid)
			e[i].label = arg->enums[at].label;
		else
			e[i].label.rank = NAN;
	}
	for (int i = 0; i < n; i++)
		if (isnan(e[i].label.rank))
		{
			int			j = i + 1;
			double		below;
			double		above;

			while (j < n && isnan(e[j].label.rank))
				j++;
			below = i > 0 ? e[i - 1].label.rank : j < n ? e[j].label.rank - 2 : 0;
			above = j < n ? e[j].label.rank : below + 2;
			e[i].label.rank = below + (above - below) / 2;
		}
}

/*
 * Read all labels of the enum that holds this value at once, because their places
 * can only be compared within one reading: ALTER TYPE ... ADD VALUE may number
 * them anew.
 */
static void
read_enum(Arg *arg, Oid oid)
{
	HeapTuple	tup = SearchSysCache1(ENUMOID, ObjectIdGetDatum(oid));
	CatCList   *list;
	EnumLabel  *e;
	int			n;

	if (!HeapTupleIsValid(tup))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid internal value for enum: %u", oid)));
	list = SearchSysCacheList1(ENUMTYPOIDNAME,
							   ObjectIdGetDatum(((Form_pg_enum) GETSTRUCT(tup))->enumtypid));
	ReleaseSysCache(tup);
	n = list->n_members;
	e = MemoryContextAllocHuge(arg->context, sizeof(EnumLabel) * n);
	for (int i = 0; i < n; i++)
	{
		Form_pg_enum en = (Form_pg_enum) GETSTRUCT(&list->members[i]->tuple);

		e[i].oid = en->oid;
		e[i].label.str = MemoryContextStrdup(arg->context, NameStr(en->enumlabel));
		e[i].label.len = (int) strlen(e[i].label.str);
		e[i].label.hash = work_hash(e[i].label.str, e[i].label.len);
		e[i].label.rank = en->enumsortorder;
	}
	ReleaseSysCacheList(list);
	qsort(e, n, sizeof(EnumLabel), compare_enum_ranks);
	if (arg->enums != NULL)
	{
		keep_known(arg, e, n);
		pfree(arg->enums);
	}
	qsort(e, n, sizeof(EnumLabel), compare_enum_oids);
	arg->enums = e;
	arg->nenum = n;
}

/* Find the label of an enum value. */
static const WorkLabel *
enum_label(Arg *arg, Oid oid)
{
	int			at = enum_place(arg, oid);

	if (unlikely(at == arg->nenum || arg->enums[at].oid != oid))
	{
		read_enum(arg, oid);
		at = enum_place(arg, oid);
		Assert(at < arg->nenum && arg->enums[at].oid == oid);
	}
	return &arg->enums[at].label;
}

/* Make the label of a factor's value: see args.h. */
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
