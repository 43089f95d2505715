/*
 * keytable.h
 *		Hash tables that number what they hold: the values of keys, and tuples of
 *		such numbers.
 *
 * A table holds numbers only; what is numbered lies in an array of its user's.
 * Nothing is ever taken out.
 */
#ifndef SIPP_KEYTABLE_H
#define SIPP_KEYTABLE_H

#include "base/keyvalue.h"
#include "base/memory.h"

#define KEY_FIRST_ROOM	8
#define KEY_MOST	((1 << 30) - 1)

/* A hash table's slot; number is that of an entry + 1, 0 if the slot is free. */
typedef struct KeySlot
{
	uint32		tag;			/* some of the hash's bits */
	int32		number;
} KeySlot;

/* Open addressing with linear probing, at most half full. */
typedef struct KeyTable
{
	KeySlot    *slot;
	uint32		mask;			/* slots - 1, a power of two less one */
} KeyTable;

/* The hash of a tuple of numbers. */
static inline uint64
numbers_hash(const int32 *number, int n)
{
	uint64		h = 0;

	for (int k = 0; k < n; k++)
		h = mix64(h + (uint32) number[k] + UINT64CONST(0x9e3779b97f4a7c15));
	return h;
}

/* Twice the room, up to the limit. */
static inline int
more_room(int room)
{
	if (room >= KEY_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a partition cannot have more than %d different keys", KEY_MOST),
				 errhint("Match on more: PARTITION BY more columns makes smaller partitions.")));
	return room == 0 ? KEY_FIRST_ROOM : Min(2 * room, KEY_MOST);
}

/* A free slot for a hash, in a table that is not full. */
static inline KeySlot *
free_slot(KeyTable *t, uint64 hash)
{
	uint32		i = (uint32) hash & t->mask;

	while (t->slot[i].number != 0)
		i = (i + 1) & t->mask;
	return &t->slot[i];
}

/* Room for one entry more than n; entries keep the upper half of their hash only. */
static inline void
table_reserve(KeyTable *t, int n, MemoryContext cxt, uint64 (*hash) (void *arg, int number),
			  void *arg)
{
	Size		slots = t->slot == NULL ? 0 : (Size) t->mask + 1;

	if (2 * ((Size) n + 1) <= slots)
		return;
	slots = slots == 0 ? 2 * KEY_FIRST_ROOM : 2 * slots;
	if (t->slot != NULL)
		pfree(t->slot);
	t->slot = huge_zeroed(cxt, sizeof(KeySlot), slots);
	t->mask = (uint32) (slots - 1);
	for (int i = 0; i < n; i++)
	{
		uint64		h = hash(arg, i);
		KeySlot    *s = free_slot(t, h);

		s->tag = (uint32) (h >> 32);
		s->number = i + 1;
	}
}

/* Enter a number under its hash, when there is room. */
static inline void
table_enter(KeyTable *t, uint64 hash, int number)
{
	KeySlot    *s = free_slot(t, hash);

	s->tag = (uint32) (hash >> 32);
	s->number = number + 1;
}

#endif							/* SIPP_KEYTABLE_H */
