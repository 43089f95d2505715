/*
 * keyvalue.h
 *		Values of any type as keys: equal or not, hashed, copied.
 *
 * Equality is the type's own, so that two values are one key where GROUP BY would make
 * one group of them.  Most types are equal if and only if their bytes are, which saves a
 * function call a row; the rest go by their operators (numeric 1.0 and 1.00).  A NULL is no
 * value: the caller keeps it apart.
 *
 * A row allocates only where its datum is compressed or out of line.
 */
#ifndef SIPP_KEYVALUE_H
#define SIPP_KEYVALUE_H

#include "sipp.h"

#include "common/hashfn.h"

/* How the values of a type are told apart. */
typedef enum KeyKind
{
	KEY_WORD,					/* by value, equal if and only if the bits are */
	KEY_BYTES,					/* by reference, equal if and only if the bytes are */
	KEY_TRIMMED,				/* bpchar: the same without trailing blanks */
	KEY_OPERATOR				/* by the type's own equality and hash */
} KeyKind;

typedef struct KeyType
{
	KeyKind		kind;
	int16		typlen;
	bool		typbyval;
	Oid			collation;
	FmgrInfo	equal;			/* KEY_OPERATOR only, as the rest */
	FmgrInfo	hash;
	bool		extended;		/* hash gives 64 bits */
	MemoryContext scratch;		/* of what these two leave behind */
} KeyType;

/* A value that is not NULL. */
typedef struct KeyValue
{
	Datum		datum;			/* KEY_BYTES and KEY_TRIMMED: a pointer to the bytes */
	int32		length;			/* of these bytes, otherwise 0 */
} KeyValue;

/*
 * Fill in how to tell the values of a type apart; func and arg are the SQL names for the
 * error where it has no equality with a hash, is an array, or is that of a bare literal.
 * Takes memory from the current context, in which the type must stay.
 */
extern void key_type_init(KeyType *t, Oid type, Oid collation, const char *func,
						  const char *arg);

/* Copy a value into a context, where it stays. */
extern KeyValue key_value_copy(const KeyType *t, const KeyValue *v, MemoryContext cxt);

/* What values of KEY_OPERATOR need; callers use the functions below. */
extern bool key_operator_equal(KeyType *t, Datum a, Datum b);
extern uint64 key_operator_hash(KeyType *t, Datum d);
extern KeyValue key_value_bytes(const KeyType *t, Datum d, void **detoasted);

/*
 * Mix 64 bits, reversibly: the finaliser of SplitMix64 (Steele, Lea and Flood 2014, "Fast
 * splittable pseudorandom number generators", OOPSLA).  Only 0 gives 0.
 */
static inline uint64
mix64(uint64 x)
{
	x ^= x >> 30;
	x *= UINT64CONST(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64CONST(0x94d049bb133111eb);
	x ^= x >> 31;
	return x;
}

/*
 * Hash a word, reversibly.  The offset is beyond 32 bits, so that the word whose hash is 0
 * is none of a narrower type.
 */
static inline uint64
key_word_hash(uint64 word)
{
	return mix64(word + UINT64CONST(0x9e3779b97f4a7c15));
}

/* Widen a by-value datum to 64 bits: 1::int4 and 1::int8 are the same key. */
static inline uint64
key_word(Datum d, int16 typlen)
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

/*
 * Look at a datum that is not NULL; the value points into it, or into *detoasted, which is
 * to be freed unless it is NULL.
 */
static inline KeyValue
key_value_of(const KeyType *t, Datum d, void **detoasted)
{
	*detoasted = NULL;
	if (t->kind == KEY_BYTES || t->kind == KEY_TRIMMED)
		return key_value_bytes(t, d, detoasted);
	return (KeyValue) {d, 0};
}

static inline bool
key_value_equal(KeyType *t, const KeyValue *a, const KeyValue *b)
{
	switch (t->kind)
	{
		case KEY_WORD:
			return key_word(a->datum, t->typlen) == key_word(b->datum, t->typlen);
		case KEY_BYTES:
		case KEY_TRIMMED:
			return a->length == b->length &&
				memcmp(DatumGetPointer(a->datum), DatumGetPointer(b->datum), a->length) == 0;
		default:
			return key_operator_equal(t, a->datum, b->datum);
	}
}

/* Hash a value: the same in every session; of KEY_WORD reversibly. */
static inline uint64
key_value_hash(KeyType *t, const KeyValue *v)
{
	switch (t->kind)
	{
		case KEY_WORD:
			return key_word_hash(key_word(v->datum, t->typlen));
		case KEY_BYTES:
		case KEY_TRIMMED:
			return hash_bytes_extended((const unsigned char *) DatumGetPointer(v->datum), v->length, 0);
		default:
			return key_operator_hash(t, v->datum);
	}
}

#endif							/* SIPP_KEYVALUE_H */
