/*
 * keys.c
 *		The keys of a partition's rows: see keys.h.
 *
 * Memory, in the space's context: 40 to 80 bytes for each distinct value of a key, and a
 * copy of the value if it is by reference; 20 to 64 bytes for each combination, depending on
 * the number of keys and on how full the tables are.  Nothing is kept for a row.
 */
#include "sipp.h"

#include "access/nbtree.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "virtual/keys.h"
#include "virtual/keytable.h"

/* How the values of a key are told apart. */
typedef enum KeyKind
{
	KEY_WORD,					/* by value, equal if and only if the bits are */
	KEY_BYTES,					/* by reference, equal if and only if the bytes are */
	KEY_TRIMMED,				/* bpchar: the same without trailing blanks */
	KEY_OPERATOR				/* by the type's own equality and hash */
} KeyKind;

typedef struct KeyColumn
{
	int			argument;		/* of the function */
	KeyKind		kind;
	int16		typlen;
	bool		typbyval;
	Oid			collation;
	FmgrInfo	equal;			/* KEY_OPERATOR only, as the rest */
	FmgrInfo	hash;
	bool		extended;		/* hash gives 64 bits */
} KeyColumn;

struct KeyReader
{
	int			n;
	KeyColumn	column[SIPP_MAX_KEYS];
	MemoryContext scratch;		/* of a type's own functions, or NULL */
};

/* A value that was seen. */
typedef struct KeyValue
{
	uint64		hash;			/* KEY_WORD: the word, mixed reversibly */
	Datum		datum;			/* a pointer to a copy if by reference; of
								 * KEY_BYTES and KEY_TRIMMED to the bytes */
	int32		length;			/* of these bytes; -1 for NULL */
} KeyValue;

/* The distinct values of one key. */
typedef struct KeyValues
{
	KeyTable	table;
	KeyValue   *value;
	int			n;
	int			room;
	int			null;			/* the number of NULL, or -1 */
} KeyValues;

struct KeySpace
{
	KeyReader  *reader;
	MemoryContext cxt;
	KeyValues	key[SIPP_MAX_KEYS];
	KeyTable	table;			/* of combinations */
	int32	   *number;			/* [combination][key]: the values' numbers */
	int			n;				/* combinations */
	int			room;
	int32	   *recent;			/* [value of the unit]: the last combination
								 * with it, or -1 */
	int			recent_room;
	int			effective;
};

/* A value that is looked at: the bytes point into the datum or a detoasted copy. */
typedef struct KeyLook
{
	Datum		datum;
	const char *bytes;
	int32		length;
	void	   *copy;			/* to be freed, or NULL */
} KeyLook;

/* Hash of a NULL; no value of fewer than 64 bits has it. */
#define KEY_NULL_HASH	UINT64CONST(0x5349505020202020)

/*
 * Hash of a word, reversible.  The offset is beyond 32 bits, so that the word
 * whose hash is 0 is none of a narrower type.
 */
static inline uint64
word_hash(uint64 word)
{
	return mix(word + UINT64CONST(0x9e3779b97f4a7c15));
}

/* A by-value datum widened to 64 bits: 1::int4 and 1::int8 are the same key. */
static inline uint64
widen(Datum d, int16 typlen)
{
	switch (typlen)
	{
		case 1:
			return (uint64) (int64) (signed char) DatumGetChar(d);
		case 2:
			return (uint64) (int64) DatumGetInt16(d);
		case 4:
			return (uint64) (int64) DatumGetInt32(d);
		default:
			return (uint64) DatumGetInt64(d);
	}
}

/* How to tell the values of an argument apart. */
static void
make_column(KeyColumn *col, Node *arg, const char *func, const char *name)
{
	Oid			type = exprType(arg);
	Oid			base = getBaseType(type);
	TypeCacheEntry *entry;

	if (type == UNKNOWNOID)
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_DATATYPE),
				 errmsg("argument \"%s\" of %s is a literal without a type", name, func),
				 errhint("Name a column, without quotes; or cast the literal, as in 'x'::text.")));
	if (type_is_array(base))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("argument \"%s\" of %s has type %s, but keys cannot be arrays", name, func,
						format_type_be(type)),
				 errhint("Give each key an argument of its own, without VARIADIC; or cast it, as in x::text.")));
	col->collation = exprCollation(arg);
	get_typlenbyval(base, &col->typlen, &col->typbyval);

	/* blanks at the end do not count, but then it is its bytes */
	if (base == BPCHAROID && OidIsValid(col->collation) &&
		get_collation_isdeterministic(col->collation))
	{
		col->kind = KEY_TRIMMED;
		return;
	}

	/* equality of the btree class is the type's own equality, if there is one */
	entry = lookup_type_cache(base, TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_PROC_FINFO |
							  TYPECACHE_HASH_EXTENDED_PROC_FINFO | TYPECACHE_BTREE_OPFAMILY);
	if (OidIsValid(entry->btree_opf))
	{
		Oid			image = get_opfamily_proc(entry->btree_opf, entry->btree_opintype,
											  entry->btree_opintype, BTEQUALIMAGE_PROC);

		if (OidIsValid(image) && col->typlen != -2 &&
			DatumGetBool(OidFunctionCall1Coll(image, col->collation,
											  ObjectIdGetDatum(entry->btree_opintype))))
		{
			col->kind = col->typbyval ? KEY_WORD : KEY_BYTES;
			return;
		}
	}

	if (!OidIsValid(entry->eq_opr) || !OidIsValid(entry->hash_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("argument \"%s\" of %s has type %s, which has no equality with a hash",
						name, func, format_type_be(type)),
				 errhint("Cast it to a type that can be grouped by, as in x::text.")));
	col->kind = KEY_OPERATOR;
	fmgr_info_copy(&col->equal, &entry->eq_opr_finfo, CurrentMemoryContext);
	col->extended = OidIsValid(entry->hash_extended_proc);
	fmgr_info_copy(&col->hash, col->extended ? &entry->hash_extended_proc_finfo :
				   &entry->hash_proc_finfo, CurrentMemoryContext);
}

/* How the key arguments are read: see keys.h. */
KeyReader *
key_reader(FunctionCallInfo fcinfo, const char *func, int first, int n,
		   const char *const *names)
{
	KeyReader  *r = fcinfo->flinfo->fn_extra;
	MemoryContext old;
	List	   *args;

	if (r != NULL)
		return r;
	if (n > SIPP_MAX_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s takes at most %d keys, the unit and %d to leave out", func,
						SIPP_MAX_KEYS, SIPP_MAX_KEYS - 1),
				 errdetail("There are %d.", n)));
	if (fcinfo->flinfo->fn_expr == NULL || !IsA(fcinfo->flinfo->fn_expr, WindowFunc))
		elog(ERROR, "%s is not called as a window function", func);
	args = ((WindowFunc *) fcinfo->flinfo->fn_expr)->args;

	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	r = palloc0(sizeof(KeyReader));
	for (int i = 0; i < n; i++)
	{
		Node	   *arg = list_nth(args, first + i);

		if (exprType(arg) == UNKNOWNOID && IsA(arg, Const) && ((Const *) arg)->constisnull)
		{
			if (i > 0)
				continue;
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" of %s must not be the literal NULL", names[i], func),
					 errhint("Give the column of the unit that is judged, such as the school.")));
		}
		r->column[r->n].argument = first + i;
		make_column(&r->column[r->n], arg, func, names[i]);
		if (r->column[r->n].kind == KEY_OPERATOR && r->scratch == NULL)
			r->scratch = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "sipp keys",
											   ALLOCSET_SMALL_SIZES);
		r->n++;
	}
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = r;
	return r;
}

int
key_reader_count(const KeyReader *r)
{
	return r->n;
}

int
key_reader_argument(const KeyReader *r, int key)
{
	return r->column[key].argument;
}

/* No rows yet. */
KeySpace *
key_space(KeyReader *r, MemoryContext cxt)
{
	KeySpace   *s = MemoryContextAllocZero(cxt, sizeof(KeySpace));

	s->reader = r;
	s->cxt = cxt;
	for (int k = 0; k < r->n; k++)
		s->key[k].null = -1;
	return s;
}

const KeyReader *
key_space_reader(const KeySpace *s)
{
	return s->reader;
}

/* The bytes of a value of KEY_BYTES or KEY_TRIMMED. */
static inline void
look_at(const KeyColumn *col, Datum d, KeyLook *look)
{
	look->datum = d;
	look->copy = NULL;
	if (col->kind == KEY_WORD || col->kind == KEY_OPERATOR)
		return;
	if (col->typlen == -1)
	{
		struct varlena *v = PG_DETOAST_DATUM_PACKED(d);

		if ((Pointer) v != DatumGetPointer(d))
			look->copy = v;
		look->bytes = VARDATA_ANY(v);
		look->length = (int32) VARSIZE_ANY_EXHDR(v);
		if (col->kind == KEY_TRIMMED)
			look->length = bpchartruelen(VARDATA_ANY(v), look->length);
	}
	else
	{
		look->bytes = (const char *) DatumGetPointer(d);
		look->length = col->typlen;
	}
}

/* The type's own equality, which may leave garbage. */
static bool
operator_equal(const KeySpace *s, const KeyColumn *col, Datum a, Datum b)
{
	MemoryContext old = MemoryContextSwitchTo(s->reader->scratch);
	bool		equal = DatumGetBool(FunctionCall2Coll((FmgrInfo *) &col->equal,
													   col->collation, a, b));

	MemoryContextSwitchTo(old);
	MemoryContextReset(s->reader->scratch);
	return equal;
}

/* The type's own hash, mixed. */
static uint64
operator_hash(const KeySpace *s, const KeyColumn *col, Datum d)
{
	MemoryContext old = MemoryContextSwitchTo(s->reader->scratch);
	FmgrInfo   *hash = (FmgrInfo *) &col->hash;
	uint64		h;

	if (col->extended)
		h = DatumGetUInt64(FunctionCall2Coll(hash, col->collation, d, Int64GetDatum(0)));
	else
		h = DatumGetUInt32(FunctionCall1Coll(hash, col->collation, d));
	MemoryContextSwitchTo(old);
	MemoryContextReset(s->reader->scratch);
	return word_hash(h);
}

/* Is this the value? */
static inline bool
value_is(const KeySpace *s, const KeyColumn *col, const KeyValue *v, const KeyLook *look)
{
	if (v->length < 0)
		return false;
	switch (col->kind)
	{
		case KEY_WORD:
			return widen(v->datum, col->typlen) == widen(look->datum, col->typlen);
		case KEY_BYTES:
		case KEY_TRIMMED:
			return v->length == look->length &&
				memcmp(DatumGetPointer(v->datum), look->bytes, look->length) == 0;
		default:
			return operator_equal(s, col, v->datum, look->datum);
	}
}

static uint64
value_hash(void *arg, int number)
{
	return ((KeyValues *) arg)->value[number].hash;
}

/* A value that was not seen before. */
static int
add_value(KeySpace *s, int k, const KeyLook *look, bool isnull, uint64 hash)
{
	KeyColumn  *col = &s->reader->column[k];
	KeyValues  *key = &s->key[k];
	KeyValue   *v;

	if (key->n == key->room)
	{
		key->room = more_room(key->room);
		key->value = grow(key->value, sizeof(KeyValue), key->room, s->cxt);
	}
	table_reserve(&key->table, key->n, s->cxt, value_hash, key);
	v = &key->value[key->n];
	v->hash = hash;
	v->length = 0;
	if (isnull)
	{
		v->datum = (Datum) 0;
		v->length = -1;
		key->null = key->n;
	}
	else if (col->kind == KEY_WORD)
		v->datum = look->datum;
	else if (col->kind == KEY_OPERATOR)
	{
		MemoryContext old = MemoryContextSwitchTo(s->cxt);

		if (col->typlen == -1)
			v->datum = PointerGetDatum(PG_DETOAST_DATUM_COPY(look->datum));
		else
			v->datum = datumCopy(look->datum, col->typbyval, col->typlen);
		MemoryContextSwitchTo(old);
	}
	else
	{
		char	   *copy = MemoryContextAllocHuge(s->cxt, Max(look->length, 1));

		memcpy(copy, look->bytes, look->length);
		v->datum = PointerGetDatum(copy);
		v->length = look->length;
	}
	table_enter(&key->table, hash, key->n);

	if (k == 0)
	{
		if (key->n >= s->recent_room)
		{
			s->recent_room = key->room;
			s->recent = grow(s->recent, sizeof(int32), s->recent_room, s->cxt);
		}
		s->recent[key->n] = -1;
	}
	return key->n++;
}

/* The number of a value of key k: see keys.h. */
int
key_number(KeySpace *s, int k, Datum d, bool isnull, int guess)
{
	KeyColumn  *col = &s->reader->column[k];
	KeyValues  *key = &s->key[k];
	KeyLook		look;
	uint64		hash;
	int			number = -1;

	if (isnull)
	{
		if (key->null < 0)
			return add_value(s, k, NULL, true, KEY_NULL_HASH);
		return key->null;
	}

	look_at(col, d, &look);
	if (guess >= 0 && value_is(s, col, &key->value[guess], &look))
		number = guess;
	else
	{
		if (col->kind == KEY_WORD)
			hash = word_hash(widen(d, col->typlen));
		else if (col->kind == KEY_OPERATOR)
			hash = operator_hash(s, col, d);
		else
			hash = hash_bytes_extended((const unsigned char *) look.bytes, look.length, 0);
		if (key->table.slot != NULL)
		{
			uint32		tag = (uint32) (hash >> 32);
			KeySlot    *slot;

			for (uint32 i = (uint32) hash & key->table.mask;
				 (slot = &key->table.slot[i])->number != 0;
				 i = (i + 1) & key->table.mask)
			{
				if (slot->tag == tag && key->value[slot->number - 1].hash == hash &&
					value_is(s, col, &key->value[slot->number - 1], &look))
				{
					number = slot->number - 1;
					break;
				}
			}
		}
		if (number < 0)
			number = add_value(s, k, &look, false, hash);
	}
	if (look.copy != NULL)
		pfree(look.copy);
	return number;
}

/* The likely number of key k in a row of that unit: see keys.h. */
int
key_guess(const KeySpace *s, int unit, int k)
{
	int			c = s->recent[unit];

	return c < 0 ? -1 : s->number[(Size) c * s->reader->n + k];
}

static uint64
combination_hash(void *arg, int number)
{
	KeySpace   *s = arg;

	return numbers_hash(s->number + (Size) number * s->reader->n, s->reader->n);
}

/* The combination of the numbers of all keys: see keys.h. */
int
key_tuple(KeySpace *s, const int32 *number)
{
	int			n = s->reader->n;
	Size		size = sizeof(int32) * n;
	int			c = s->recent[number[0]];
	uint64		hash;

	if (c >= 0 && memcmp(s->number + (Size) c * n, number, size) == 0)
		return c;

	hash = numbers_hash(number, n);
	if (s->table.slot != NULL)
	{
		uint32		tag = (uint32) (hash >> 32);
		KeySlot    *slot;

		for (uint32 i = (uint32) hash & s->table.mask;
			 (slot = &s->table.slot[i])->number != 0;
			 i = (i + 1) & s->table.mask)
		{
			c = slot->number - 1;
			if (slot->tag == tag && memcmp(s->number + (Size) c * n, number, size) == 0)
				return s->recent[number[0]] = c;
		}
	}

	if (s->n == s->room)
	{
		s->room = more_room(s->room);
		s->number = grow(s->number, size, s->room, s->cxt);
	}
	table_reserve(&s->table, s->n, s->cxt, combination_hash, s);
	memcpy(s->number + (Size) s->n * n, number, size);
	table_enter(&s->table, hash, s->n);
	return s->recent[number[0]] = s->n++;
}

int
key_combinations(const KeySpace *s)
{
	return s->n;
}

int
key_value(const KeySpace *s, int combination, int k)
{
	return s->number[(Size) combination * s->reader->n + k];
}

int
key_values(const KeySpace *s, int k)
{
	return s->key[k].n;
}

/* Within the partition, does key i determine key j? */
static bool
determines(const KeySpace *s, int i, int j, int32 *image)
{
	for (int v = 0; v < s->key[i].n; v++)
		image[v] = -1;
	for (int c = 0; c < s->n; c++)
	{
		int32	   *of = &image[key_value(s, c, i)];

		if (*of < 0)
			*of = key_value(s, c, j);
		else if (*of != key_value(s, c, j))
			return false;
	}
	return true;
}

/*
 * Find the keys that matter.  Who shares a key also shares those that it
 * determines, so the determining key adds nobody to those who are left out.
 */
void
key_space_finish(KeySpace *s)
{
	int			most = 0;
	int32	   *image;

	s->effective = (1 << s->reader->n) - 1;
	if (s->reader->n == 1)
		return;
	for (int k = 0; k < s->reader->n; k++)
		most = Max(most, s->key[k].n);
	image = huge_array(s->cxt, sizeof(int32), most);
	for (int i = 0; i < s->reader->n; i++)
		for (int j = 0; j < s->reader->n; j++)
		{
			CHECK_FOR_INTERRUPTS();
			if (j != i && (s->effective & (1 << j)) != 0 && determines(s, i, j, image))
			{
				s->effective &= ~(1 << i);
				break;
			}
		}
	pfree(image);
}

/* The hash of a combination's unit: see keys.h. */
uint64
key_unit_hash(const KeySpace *s, int combination)
{
	uint64		hash = s->key[0].value[key_value(s, combination, 0)].hash;

	return hash == 0 ? KEY_NULL_HASH : hash;
}

int
key_effective(const KeySpace *s)
{
	return s->effective;
}

/*
 * Which units have several pools: see keys.h.  A value that no other unit has leaves nobody
 * else out, so that one is like another.
 */
bool *
key_several(const KeySpace *s, const int64 *counts, MemoryContext cxt)
{
	const int32 unseen = -1;
	const int32 many = -2;
	int			most = s->key[0].n;
	bool	   *several;
	int32	   *owner;			/* [value of a key]: the unit that has it, or many */
	int32	   *first;			/* [unit]: its first value that many have, or many */

	if ((s->effective & (s->effective - 1)) == 0)
		return NULL;			/* the unit, or a key that it determines */
	for (int k = 1; k < s->reader->n; k++)
		most = Max(most, s->key[k].n);
	several = huge_zeroed(cxt, sizeof(bool), s->key[0].n);
	owner = huge_array(cxt, sizeof(int32), most);
	first = huge_array(cxt, sizeof(int32), s->key[0].n);
	for (int k = 1; k < s->reader->n; k++)
	{
		if ((s->effective & (1 << k)) == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		memset(owner, unseen, sizeof(int32) * s->key[k].n);
		memset(first, unseen, sizeof(int32) * s->key[0].n);
		for (int c = 0; c < s->n; c++)
		{
			int32	   *of = &owner[key_value(s, c, k)];

			if (counts[c] > 0)
				*of = *of == unseen || *of == key_value(s, c, 0) ? key_value(s, c, 0) : many;
		}
		for (int c = 0; c < s->n; c++)
		{
			int			unit = key_value(s, c, 0);
			int32		value = key_value(s, c, k);

			if (counts[c] == 0)
				continue;
			value = owner[value] == many ? value : many;
			if (first[unit] == unseen)
				first[unit] = value;
			several[unit] |= first[unit] != value;
		}
	}
	pfree(owner);
	pfree(first);
	return several;
}

bool
key_shared(const KeySpace *s, int a, int b)
{
	int			n = s->reader->n;
	const int32 *x = s->number + (Size) a * n;
	const int32 *y = s->number + (Size) b * n;

	for (int k = 0; k < n; k++)
		if (x[k] == y[k] && (s->effective & (1 << k)) != 0)
			return true;
	return false;
}
