/*
 * bytes.c
 *		Comparison and hashing of stored values by their bytes.
 */
#include "sipp.h"

#include "common/hashfn.h"

#include "base/bytes.h"

Bytes
bytes_of_varlena(Datum d)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(d);
	Bytes		b;

	b.data = VARDATA_ANY(v);
	b.len = VARSIZE_ANY_EXHDR(v);
	b.copy = v != (struct varlena *) DatumGetPointer(d) ? v : NULL;
	return b;
}

/* Free what was made to find the bytes, since a sort may keep its context for long. */
static void
bytes_free(Bytes a)
{
	if (a.copy != NULL)
		pfree(a.copy);
}

int
bytes_compare(Bytes a, Bytes b)
{
	int			cmp = memcmp(a.data, b.data, Min(a.len, b.len));

	if (cmp == 0 && a.len != b.len)
		cmp = a.len < b.len ? -1 : 1;
	bytes_free(a);
	bytes_free(b);
	return cmp < 0 ? -1 : cmp > 0;
}

bool
bytes_equal(Bytes a, Bytes b)
{
	bool		equal = a.len == b.len && memcmp(a.data, b.data, a.len) == 0;

	bytes_free(a);
	bytes_free(b);
	return equal;
}

uint32
bytes_hash(Bytes a)
{
	uint32		h = hash_bytes(a.data, (int) a.len);

	bytes_free(a);
	return h;
}

uint64
bytes_hash_extended(Bytes a, uint64 seed)
{
	uint64		h = hash_bytes_extended(a.data, (int) a.len, seed);

	bytes_free(a);
	return h;
}

BYTES_FAMILY(sipp_bytes, bytes_of_varlena)
