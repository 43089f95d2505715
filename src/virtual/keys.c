/*
 * keys.c
 *		The keys of a partition's rows: see keys.h.
 *
 * Memory, in the space's context: 40 to 80 bytes for each distinct value of a key, and a
 * copy of the value if it is by reference; 20 to 64 bytes for each combination, depending on
 * the number of keys and on how full the tables are.  Nothing is kept for a row.
 */
#include "sipp.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"

#include "base/keytable.h"
#include "virtual/keys.h"

/* One key argument. */
typedef struct KeyColumn
{
	int			argument;		/* of the function */
	KeyType		type;
} KeyColumn;

struct KeyReader
{
	int			n;
	KeyColumn	column[SIPP_MAX_KEYS];
};

/* A value that was seen. */
typedef struct SeenValue
{
	uint64		hash;			/* key_value_hash, or KEY_NULL_HASH */
	KeyValue	value;			/* a copy; length -1 for NULL */
} SeenValue;

/* The distinct values of one key. */
typedef struct KeyValues
{
	KeyTable	table;
	SeenValue  *value;
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

/* Hash of a NULL; no value of fewer than 64 bits has it. */
#define KEY_NULL_HASH	UINT64CONST(0x5349505020202020)

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
		key_type_init(&r->column[r->n].type, exprType(arg), exprCollation(arg), func, names[i]);
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

/* Is this the value that was seen? */
static inline bool
is_value(KeyType *type, const SeenValue *seen, const KeyValue *value)
{
	return seen->value.length >= 0 && key_value_equal(type, &seen->value, value);
}

static uint64
value_hash(void *arg, int number)
{
	return ((KeyValues *) arg)->value[number].hash;
}

/* Number a value that was not seen before; NULL: the null. */
static int
add_value(KeySpace *s, int k, const KeyValue *value, uint64 hash)
{
	KeyValues  *key = &s->key[k];
	SeenValue  *v;

	if (key->n == key->room)
	{
		key->room = more_room(key->room);
		key->value = huge_resized(key->value, s->cxt, sizeof(SeenValue), key->room);
	}
	table_reserve(&key->table, key->n, s->cxt, value_hash, key);
	v = &key->value[key->n];
	v->hash = hash;
	if (value == NULL)
	{
		v->value.length = -1;
		key->null = key->n;
	}
	else
		v->value = key_value_copy(&s->reader->column[k].type, value, s->cxt);
	table_enter(&key->table, hash, key->n);

	if (k == 0)
	{
		if (key->n >= s->recent_room)
		{
			s->recent_room = key->room;
			s->recent = huge_resized(s->recent, s->cxt, sizeof(int32), s->recent_room);
		}
		s->recent[key->n] = -1;
	}
	return key->n++;
}

/* The number of a value of key k: see keys.h. */
int
key_number(KeySpace *s, int k, Datum d, bool isnull, int guess)
{
	KeyType    *type = &s->reader->column[k].type;
	KeyValues  *key = &s->key[k];
	KeyValue	value;
	void	   *detoasted;
	int			number = -1;

	if (isnull)
	{
		if (key->null < 0)
			return add_value(s, k, NULL, KEY_NULL_HASH);
		return key->null;
	}

	value = key_value_of(type, d, &detoasted);
	if (guess >= 0 && is_value(type, &key->value[guess], &value))
		number = guess;
	else
	{
		uint64		hash = key_value_hash(type, &value);

		if (key->table.slot != NULL)
		{
			uint32		tag = (uint32) (hash >> 32);
			KeySlot    *slot;

			for (uint32 i = (uint32) hash & key->table.mask;
				 (slot = &key->table.slot[i])->number != 0;
				 i = (i + 1) & key->table.mask)
			{
				if (slot->tag == tag && key->value[slot->number - 1].hash == hash &&
					is_value(type, &key->value[slot->number - 1], &value))
				{
					number = slot->number - 1;
					break;
				}
			}
		}
		if (number < 0)
			number = add_value(s, k, &value, hash);
	}
	if (detoasted != NULL)
		pfree(detoasted);
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
		s->number = huge_resized(s->number, s->cxt, size, s->room);
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
