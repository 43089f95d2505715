/*
 * guard.h
 *		Red zones behind what the extension allocates, for AddressSanitizer.
 *
 * Included before everything else in a sanitized build (see run).  The server's
 * memory contexts carve small pieces out of large blocks, so that by itself
 * AddressSanitizer would miss nearly every overrun.  Here each piece that sipp's
 * own code asks for is followed by bytes that no instrumented code may touch,
 * until its context is reset or deleted; and each stored value that it reads is
 * a copy with such an end.
 */
#ifndef SIPP_GUARD_H
#define SIPP_GUARD_H

#include "postgres.h"

#include <sanitizer/asan_interface.h>

#include "fmgr.h"
#include "utils/memutils.h"

#define GUARD_BYTES 32

typedef struct Guard
{
	MemoryContextCallback callback;
	char	   *start;
	Size		size;
} Guard;

static void
guard_lift(void *arg)
{
	Guard	   *g = arg;

	ASAN_UNPOISON_MEMORY_REGION(g->start, g->size);
}

static inline void *
guard_alloc(MemoryContext cxt, Size size, int flags)
{
	char	   *p = MemoryContextAllocExtended(cxt, size + GUARD_BYTES + sizeof(void *), flags);
	Guard	   *g = MemoryContextAlloc(cxt, sizeof(Guard));

	g->start = p;
	g->size = size + GUARD_BYTES;
	g->callback.func = guard_lift;
	g->callback.arg = g;
	MemoryContextRegisterResetCallback(cxt, &g->callback);

	/* what is read before it is written is not to be zero by chance */
	if (!(flags & MCXT_ALLOC_ZERO))
		memset(p, 0xA5, size);
	ASAN_POISON_MEMORY_REGION(p + size, GUARD_BYTES);
	return p;
}

/* Bytes of a chunk without its header, which is one or two words: at least those. */
static inline Size
guard_space(void *p)
{
	return GetMemoryChunkSpace(p) - 2 * sizeof(void *);
}

static inline void
guard_free(void *p)
{
	ASAN_UNPOISON_MEMORY_REGION(p, guard_space(p));
	pfree(p);
}

static inline void *
guard_realloc(void *p, Size size, int flags)
{
	Size		old = guard_space(p);
	char	   *q = guard_alloc(GetMemoryChunkContext(p), size, flags);

	ASAN_UNPOISON_MEMORY_REGION(p, old);
	memcpy(q, p, Min(old, size));
	guard_free(p);
	return q;
}

static inline char *
guard_nstrdup(MemoryContext cxt, const char *s, Size n)
{
	char	   *p;

	n = strnlen(s, n);
	p = guard_alloc(cxt, n + 1, 0);
	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

static inline struct varlena *
guard_detoast(struct varlena *d)
{
	struct varlena *v = pg_detoast_datum_packed(d);
	Size		size = VARSIZE_ANY(v);
	struct varlena *copy = guard_alloc(CurrentMemoryContext, size, 0);

	memcpy(copy, v, size);
	return copy;
}

#define palloc(size) guard_alloc(CurrentMemoryContext, (size), 0)
#define palloc0(size) guard_alloc(CurrentMemoryContext, (size), MCXT_ALLOC_ZERO)
#define MemoryContextAlloc(cxt, size) guard_alloc((cxt), (size), 0)
#define MemoryContextAllocZero(cxt, size) guard_alloc((cxt), (size), MCXT_ALLOC_ZERO)
#define MemoryContextAllocHuge(cxt, size) guard_alloc((cxt), (size), MCXT_ALLOC_HUGE)
#define MemoryContextStrdup(cxt, s) guard_nstrdup((cxt), (s), SIZE_MAX)
#define repalloc(p, size) guard_realloc((p), (size), 0)
#define repalloc_huge(p, size) guard_realloc((p), (size), MCXT_ALLOC_HUGE)
#define pstrdup(s) guard_nstrdup(CurrentMemoryContext, (s), SIZE_MAX)
#define pnstrdup(s, n) guard_nstrdup(CurrentMemoryContext, (s), (n))
#define pfree(p) guard_free(p)
#define pg_detoast_datum_packed(d) guard_detoast(d)

#endif							/* SIPP_GUARD_H */
