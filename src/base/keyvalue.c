/*
 * keyvalue.c
 *		Values of any type as keys: see keyvalue.h.
 */
#include "sipp.h"

#include "access/nbtree.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/keyvalue.h"
#include "base/memory.h"

/* Decide how to tell the values of a type apart: see keyvalue.h. */
void
key_type_init(KeyType *t, Oid type, Oid collation, const char *func, const char *arg)
{
	Oid			base = getBaseType(type);
	TypeCacheEntry *entry;

	if (type == UNKNOWNOID)
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_DATATYPE),
				 errmsg("argument \"%s\" of %s is a literal without a type", arg, func),
				 errhint("Name a column, without quotes; or cast the literal, as in 'x'::text.")));
	if (type_is_array(base))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("argument \"%s\" of %s has type %s, but keys cannot be arrays", arg, func,
						format_type_be(type)),
				 errhint("Give each key an argument of its own, without VARIADIC; or cast it, as in x::text.")));
	memset(t, 0, sizeof(KeyType));
	t->collation = collation;
	get_typlenbyval(base, &t->typlen, &t->typbyval);

	/* blanks at the end of a bpchar do not count; without them its bytes decide */
	if (base == BPCHAROID && OidIsValid(collation) && get_collation_isdeterministic(collation))
	{
		t->kind = KEY_TRIMMED;
		return;
	}

	/* equality of the btree class is the type's own equality, if there is one */
	entry = lookup_type_cache(base, TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_PROC_FINFO |
							  TYPECACHE_HASH_EXTENDED_PROC_FINFO | TYPECACHE_BTREE_OPFAMILY);
	if (OidIsValid(entry->btree_opf))
	{
		Oid			image = get_opfamily_proc(entry->btree_opf, entry->btree_opintype,
											  entry->btree_opintype, BTEQUALIMAGE_PROC);

		if (OidIsValid(image) && t->typlen != -2 &&
			DatumGetBool(OidFunctionCall1Coll(image, collation,
											  ObjectIdGetDatum(entry->btree_opintype))))
		{
			t->kind = t->typbyval ? KEY_WORD : KEY_BYTES;
			return;
		}
	}

	if (!OidIsValid(entry->eq_opr) || !OidIsValid(entry->hash_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("argument \"%s\" of %s has type %s, which has no equality with a hash",
						arg, func, format_type_be(type)),
				 errhint("Cast it to a type that can be grouped by, as in x::text.")));
	t->kind = KEY_OPERATOR;
	fmgr_info_copy(&t->equal, &entry->eq_opr_finfo, CurrentMemoryContext);
	t->extended = OidIsValid(entry->hash_extended_proc);
	fmgr_info_copy(&t->hash, t->extended ? &entry->hash_extended_proc_finfo :
				   &entry->hash_proc_finfo, CurrentMemoryContext);
	t->scratch = AllocSetContextCreate(CurrentMemoryContext, "sipp key", ALLOCSET_SMALL_SIZES);
}

/* Find the bytes of a value of KEY_BYTES or KEY_TRIMMED. */
KeyValue
key_value_bytes(const KeyType *t, Datum d, void **detoasted)
{
	KeyValue	v = {d, t->typlen};

	if (t->typlen == -1)
	{
		struct varlena *bytes = PG_DETOAST_DATUM_PACKED(d);

		if ((Pointer) bytes != DatumGetPointer(d))
			*detoasted = bytes;
		v.datum = PointerGetDatum(VARDATA_ANY(bytes));
		v.length = (int32) VARSIZE_ANY_EXHDR(bytes);
		if (t->kind == KEY_TRIMMED)
			v.length = bpchartruelen(VARDATA_ANY(bytes), v.length);
	}
	return v;
}

/* Copy a value into a context: see keyvalue.h. */
KeyValue
key_value_copy(const KeyType *t, const KeyValue *v, MemoryContext cxt)
{
	KeyValue	copy = *v;

	if (t->kind == KEY_OPERATOR)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		if (t->typlen == -1)
			copy.datum = PointerGetDatum(PG_DETOAST_DATUM_COPY(v->datum));
		else
			copy.datum = datumCopy(v->datum, t->typbyval, t->typlen);
		MemoryContextSwitchTo(old);
	}
	else if (t->kind != KEY_WORD)
	{
		copy.datum = PointerGetDatum(huge_array(cxt, 1, v->length));
		memcpy(DatumGetPointer(copy.datum), DatumGetPointer(v->datum), v->length);
	}
	return copy;
}

/* Ask the type's own equality, which may leave garbage. */
bool
key_operator_equal(KeyType *t, Datum a, Datum b)
{
	MemoryContext old = MemoryContextSwitchTo(t->scratch);
	bool		equal = DatumGetBool(FunctionCall2Coll(&t->equal, t->collation, a, b));

	MemoryContextSwitchTo(old);
	MemoryContextReset(t->scratch);
	return equal;
}

/* Mix the type's own hash, which may leave garbage. */
uint64
key_operator_hash(KeyType *t, Datum d)
{
	MemoryContext old = MemoryContextSwitchTo(t->scratch);
	uint64		h;

	if (t->extended)
		h = DatumGetUInt64(FunctionCall2Coll(&t->hash, t->collation, d, Int64GetDatum(0)));
	else
		h = DatumGetUInt32(FunctionCall1Coll(&t->hash, t->collation, d));
	MemoryContextSwitchTo(old);
	MemoryContextReset(t->scratch);
	return key_word_hash(h);
}
