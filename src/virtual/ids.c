/*
 * ids.c
 *		The ids of a partition's pupils: see ids.h.
 *
 * Memory: an id that is a uuid or a text takes its bytes (and 4 of a text's
 * header) rounded up to 8, in chunks of the partition's context.  While ids are
 * ranked: 24 bytes each, and the UTF-8 form of texts that have another one.
 */
#include "sipp.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "virtual/ids.h"

#define CHUNK_MIN 1024
#define CHUNK_MAX (1024 * 1024)

/* An id while ids are ranked. */
typedef struct RankItem
{
	uint64		prefix;			/* unsigned order is that of the ids, up to ties */
	const char *bytes;			/* which break them */
	uint32		len;
	uint32		row;
} RankItem;

/* The order of ids. */
static inline int
rank_compare(const RankItem *a, const RankItem *b)
{
	int			c;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	c = memcmp(a->bytes, b->bytes, Min(a->len, b->len));
	if (c != 0 || a->len == b->len)
		return c;
	return a->len < b->len ? -1 : 1;
}

#define ST_SORT sort_items
#define ST_ELEMENT_TYPE RankItem
#define ST_COMPARE(a, b) rank_compare(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* How to read ids of a type: see ids.h. */
void
id_reader(IdReader *r, MemoryContext cxt, const char *func, const char *arg, Oid type)
{
	r->func = func;
	r->arg = arg;
	r->cxt = cxt;
	r->type = type;
	r->base = OidIsValid(type) ? getBaseType(type) : InvalidOid;
	switch (r->base)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			r->kind = RANDOM_ID_INT;
			break;
		case UUIDOID:
			r->kind = RANDOM_ID_UUID;
			break;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			r->kind = RANDOM_ID_TEXT;
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("argument \"%s\" of %s has type %s, which is neither an integer nor text nor uuid",
							arg, func, OidIsValid(type) ? format_type_be(type) : "unknown"),
					 errhint("Cast it, as in %s::text or %s::bigint.", arg, arg)));
	}
	get_typlenbyvalalign(type, &r->len, &r->byval, &r->align);
}

/* An integer id. */
static int64
id_number(const IdReader *r, Datum id)
{
	switch (r->base)
	{
		case INT2OID:
			return DatumGetInt16(id);
		case INT4OID:
			return DatumGetInt32(id);
		default:
			return DatumGetInt64(id);
	}
}

/*
 * A text id in UTF-8: a pointer into the datum, or memory of the current
 * context.  Where the database has no encoding the bytes count as they are.
 */
static const char *
id_utf8(const IdReader *r, Datum id, uint32 *len)
{
	char	   *s = VARDATA(DatumGetPointer(id));
	int			n = (int) (VARSIZE(DatumGetPointer(id)) - VARHDRSZ);
	int			encoding = GetDatabaseEncoding();

	if (r->base == BPCHAROID)
		n = bpchartruelen(s, n);
	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
	{
		int			i = 0;

		while (i < n && !IS_HIGHBIT_SET(s[i]))
			i++;
		if (i < n)
		{
			s = pg_server_to_any(s, n, PG_UTF8);
			n = (int) strlen(s);
		}
	}
	*len = (uint32) n;
	return s;
}

/* A copy of an id: see ids.h. */
Datum
id_keep(IdReader *r, Datum id)
{
	struct varlena *v = NULL;
	size_t		size = r->len;
	size_t		need;
	char	   *copy;

	if (r->byval)
		return id;
	if (r->kind == RANDOM_ID_TEXT)
	{
		v = PG_DETOAST_DATUM_PACKED(id);
		size = VARHDRSZ + VARSIZE_ANY_EXHDR(v);
	}

	need = MAXALIGN(size);
	if (need > r->left && need > CHUNK_MAX / 8)
		copy = MemoryContextAllocHuge(r->cxt, need);	/* a chunk of its own */
	else
	{
		if (need > r->left)
		{
			r->left = Max(need, Max(CHUNK_MIN, r->next));
			r->chunk = MemoryContextAlloc(r->cxt, r->left);
			r->next = Min(2 * r->left, CHUNK_MAX);
		}
		copy = r->chunk;
		r->chunk += need;
		r->left -= need;
	}
	if (v == NULL)
		memcpy(copy, DatumGetPointer(id), size);
	else
	{
		SET_VARSIZE(copy, size);
		memcpy(VARDATA(copy), VARDATA_ANY(v), size - VARHDRSZ);
	}
	return PointerGetDatum(copy);
}

/* The first 8 of n bytes as a number that sorts as they do. */
static uint64
big_endian(const char *b, uint32 n)
{
	uint64		word = 0;

	for (uint32 i = 0; i < 8; i++)
		word = word << 8 | (i < n ? (uint8) b[i] : 0);
	return word;
}

/* How many of the first n bytes are the same, up to the first that is not. */
static uint32
common_bytes(const char *a, const char *b, uint32 n)
{
	uint32		i = 0;

	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* What ids are sorted by. */
static void
rank_items(const IdReader *r, const Datum *ids, uint32 n, RankItem *item)
{
	uint32		skip = 0;		/* bytes that all texts begin with */

	for (uint32 i = 0; i < n; i++)
	{
		RankItem   *t = &item[i];

		CHECK_FOR_INTERRUPTS();
		t->row = i;
		switch (r->kind)
		{
			case RANDOM_ID_INT:
				t->prefix = (uint64) id_number(r, ids[i]) ^ (UINT64CONST(1) << 63);
				t->bytes = "";
				t->len = 0;
				break;
			case RANDOM_ID_UUID:
				t->bytes = (const char *) DatumGetUUIDP(ids[i])->data;
				t->len = UUID_LEN;
				t->prefix = big_endian(t->bytes, UUID_LEN);
				break;
			case RANDOM_ID_TEXT:
				t->bytes = id_utf8(r, ids[i], &t->len);
				skip = i == 0 ? t->len : common_bytes(t->bytes, item[0].bytes, Min(skip, t->len));
				break;
		}
	}

	/* ids such as 2024-000123 differ only after the common part */
	if (r->kind == RANDOM_ID_TEXT)
		for (uint32 i = 0; i < n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			item[i].prefix = big_endian(item[i].bytes + skip, item[i].len - skip);
		}
}

/* The id as its type writes it, for messages. */
static char *
id_string(const IdReader *r, Datum id)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(r->type, &output, &is_varlena);
	return OidOutputFunctionCall(output, id);
}

/* The ranks of n ids: see ids.h. */
void
id_rank(const IdReader *r, const Datum *ids, uint32 n, uint32 *rank)
{
	MemoryContext temp = AllocSetContextCreate(CurrentMemoryContext, "sipp ids",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(temp);
	RankItem   *item = MemoryContextAllocHuge(temp, sizeof(RankItem) * n);

	rank_items(r, ids, n, item);
	sort_items(item, n);
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i > 0 && rank_compare(&item[i - 1], &item[i]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("argument \"%s\" of %s must be unique within a partition", r->arg, r->func),
					 errdetail("There is more than one row of %s.", id_string(r, ids[item[i].row])),
					 errhint("Keep one row of each pupil, or put what tells the rows apart, such as the year, into PARTITION BY.")));
		rank[item[i].row] = i;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(temp);
}

/* Start the stream of an id: see ids.h. */
void
id_stream(const IdReader *r, Datum id, int64 seed, RandomStream *s)
{
	const char *bytes;
	uint32		len;

	switch (r->kind)
	{
		case RANDOM_ID_INT:
			random_stream_int(s, (uint64) seed, id_number(r, id));
			break;
		case RANDOM_ID_UUID:
			random_stream_uuid(s, (uint64) seed, DatumGetUUIDP(id)->data);
			break;
		case RANDOM_ID_TEXT:
			bytes = id_utf8(r, id, &len);
			random_stream_text(s, (uint64) seed, bytes, len);
			break;
	}
}
