/*
 * memory.h
 *		Arrays whose size is checked before they are allocated.
 *
 * The size of an element times their number may not fit where pointers have 32 bits, or
 * where the number comes from outside.  Zero elements are legal, and give a pointer that
 * can be freed.  palloc_array(T, n) serves wherever an array is below 1 GB.
 */
#ifndef SIPP_MEMORY_H
#define SIPP_MEMORY_H

#include "sipp.h"

#include "utils/memutils.h"

/* Compute the bytes of n elements; raise an error where that is more than can be allocated. */
static inline Size
array_size(Size element, int64 n)
{
	if (unlikely(n < 0 || (uint64) n > MaxAllocHugeSize / element))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an array of " INT64_FORMAT " elements of %zu bytes is too large", n, element),
				 errhint("Take fewer rows at a time: a window can match on more by PARTITION BY more columns.")));
	return element * (Size) n;
}

/* Allocate n elements in a context. */
static inline void *
huge_array(MemoryContext cxt, Size element, int64 n)
{
	return MemoryContextAllocHuge(cxt, array_size(element, Max(n, 1)));
}

/* Allocate n elements in a context, all of their bytes zero. */
static inline void *
huge_zeroed(MemoryContext cxt, Size element, int64 n)
{
	void	   *array = huge_array(cxt, element, n);

	memset(array, 0, element * (Size) Max(n, 1));
	return array;
}

/* Make room for n elements in an array that huge_array made in the same context, or NULL. */
static inline void *
huge_resized(void *array, MemoryContext cxt, Size element, int64 n)
{
	return array == NULL ? huge_array(cxt, element, n) : repalloc_huge(array, array_size(element, n));
}

/* Allocate n elements in the current context. */
#define palloc_huge_array(type, n) \
	((type *) huge_array(CurrentMemoryContext, sizeof(type), n))

#endif							/* SIPP_MEMORY_H */
