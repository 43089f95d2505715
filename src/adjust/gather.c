/*
 * gather.c
 *		The aggregates sipp.value_added and sipp.value_added_ml: gather the cohorts
 *		of a group, then fit.
 *
 * The state holds a copy of each cohort's packed bytes in chunks of the
 * aggregate's context, and 16 bytes a cohort to sort by.  Memory is therefore at
 * most the cohorts' bytes, plus 1/8 and a chunk of slack, plus 48 bytes a cohort
 * (while the array of those doubles).  The final function adds, while it fits J
 * schools with p columns and q random terms, about 100 bytes a cohort, 16 J
 * (p + 1) q bytes of means, and matrices of p * p: about a dozen for a random
 * intercept, 40 with four slopes, that is .6 and 2 GB at SIPP_MAX_COLUMNS.
 *
 * Rows come in any order, and a parallel plan cuts them anywhere.  The fit sorts
 * them by a hash of their bytes, then by the bytes, so that its sums run in one
 * order and the model is bit-identical.
 */
#include "sipp.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "adjust/adjust.h"
#include "cohort/work.h"

#define CHUNK_MIN 2048
#define CHUNK_MAX (1024 * 1024)

typedef struct BagItem
{
	uint64		key;			/* hash of the bytes */
	struct varlena *cohort;
} BagItem;

typedef struct CohortBag
{
	MemoryContext cxt;			/* the aggregate's */
	ArrayType  *slopes;			/* NULL: an aggregate without this argument */
	int64		count;
	int64		nulls;			/* NULL cohorts */
	int64		room;
	BagItem    *item;
	size_t		bytes;			/* of all cohorts */
	char	   *chunk;			/* free part of the newest chunk */
	size_t		left;
	size_t		next;			/* size of the next chunk */
} CohortBag;

PG_FUNCTION_INFO_V1(sipp_value_added_accum);
PG_FUNCTION_INFO_V1(sipp_value_added_combine);
PG_FUNCTION_INFO_V1(sipp_value_added_serialize);
PG_FUNCTION_INFO_V1(sipp_value_added_deserialize);
PG_FUNCTION_INFO_V1(sipp_value_added_final);
PG_FUNCTION_INFO_V1(sipp_value_added_ml_final);

/* Get the aggregate's context; report a function that is called by hand. */
static MemoryContext
gather_context(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;

	if (!AggCheckCallContext(fcinfo, &cxt))
		elog(ERROR, "function of sipp.value_added called outside of an aggregate");
	return cxt;
}

/* An empty state. */
static CohortBag *
bag_make(MemoryContext cxt)
{
	CohortBag  *g = MemoryContextAllocZero(cxt, sizeof(CohortBag));

	g->cxt = cxt;
	g->next = CHUNK_MIN;
	return g;
}

/* Append a copy of a cohort's bytes. */
static void
bag_add(CohortBag *g, const char *data, size_t len)
{
	size_t		need = MAXALIGN(VARHDRSZ + len);
	struct varlena *copy;

	if (g->count == g->room)
	{
		int64		room = Max(g->room * 2, 16);

		g->item = g->item == NULL
			? MemoryContextAllocHuge(g->cxt, sizeof(BagItem) * room)
			: repalloc_huge(g->item, sizeof(BagItem) * room);
		g->room = room;
	}
	if (need > g->left && need > CHUNK_MAX / 8)
		copy = MemoryContextAllocHuge(g->cxt, need);	/* a chunk of its own */
	else
	{
		if (need > g->left)
		{
			size_t		size = Max(g->next, need);

			g->chunk = MemoryContextAlloc(g->cxt, size);
			g->left = size;
			g->next = Min(g->next * 2, CHUNK_MAX);
		}
		copy = (struct varlena *) g->chunk;
		g->chunk += need;
		g->left -= need;
	}
	SET_VARSIZE(copy, VARHDRSZ + len);
	memcpy(VARDATA(copy), data, len);
	g->item[g->count].key = hash_bytes_extended((const unsigned char *) data, (int) len, 0);
	g->item[g->count].cohort = copy;
	g->count++;
	g->bytes += VARHDRSZ + len;
}

/* Note the slopes of a group, or check that they are those of its earlier rows. */
static void
bag_slopes(CohortBag *g, ArrayType *slopes)
{
	if (g->slopes == NULL)
	{
		if (ARR_NDIM(slopes) > 1)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("argument \"slopes\" of sipp.value_added must be a one-dimensional array")));
		if (array_contains_nulls(slopes))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"slopes\" of sipp.value_added must not contain nulls")));
		g->slopes = MemoryContextAlloc(g->cxt, VARSIZE(slopes));
		memcpy(g->slopes, slopes, VARSIZE(slopes));
	}
	else if (VARSIZE(g->slopes) != VARSIZE(slopes) ||
			 memcmp(g->slopes, slopes, VARSIZE(slopes)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"slopes\" of sipp.value_added must be the same in every row"),
				 errhint("Write the names of the terms as constants.")));
}

/*
 * sipp_value_added_accum(internal, cohort [, text[]]): transition.
 */
Datum
sipp_value_added_accum(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = gather_context(fcinfo);
	CohortBag  *g = PG_ARGISNULL(0) ? bag_make(cxt) : (CohortBag *) PG_GETARG_POINTER(0);

	if (PG_NARGS() > 2)
	{
		if (PG_ARGISNULL(2))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"slopes\" of sipp.value_added must not be null")));
		bag_slopes(g, PG_GETARG_ARRAYTYPE_P(2));
	}
	if (PG_ARGISNULL(1))
		g->nulls++;
	else
	{
		struct varlena *v = PG_GETARG_VARLENA_PP(1);

		/* an aggregate's working form has slack in it: bring it to the stored one */
		if (VARSIZE_ANY_EXHDR(v) > 0 && *(uint8 *) VARDATA_ANY(v) == WORK_FORM)
			v = cohort_pack(cohort_unpack(v));
		bag_add(g, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
	}
	PG_RETURN_POINTER(g);
}

/*
 * sipp_value_added_combine(internal, internal): put two partial states together.
 */
Datum
sipp_value_added_combine(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = gather_context(fcinfo);
	CohortBag  *a = PG_ARGISNULL(0) ? NULL : (CohortBag *) PG_GETARG_POINTER(0);
	CohortBag  *b = PG_ARGISNULL(1) ? NULL : (CohortBag *) PG_GETARG_POINTER(1);

	if (b == NULL)
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	if (a == NULL)
		a = bag_make(cxt);
	if (b->slopes != NULL)
		bag_slopes(a, b->slopes);
	a->nulls += b->nulls;
	for (int64 i = 0; i < b->count; i++)
		bag_add(a, VARDATA(b->item[i].cohort), VARSIZE(b->item[i].cohort) - VARHDRSZ);
	PG_RETURN_POINTER(a);
}

/*
 * sipp_value_added_serialize(internal): a worker's state for the leader.
 */
Datum
sipp_value_added_serialize(PG_FUNCTION_ARGS)
{
	CohortBag  *g;
	StringInfoData buf;
	size_t		slopes;

	(void) gather_context(fcinfo);
	g = (CohortBag *) PG_GETARG_POINTER(0);
	slopes = g->slopes ? VARSIZE(g->slopes) : 0;
	if (g->bytes + slopes + 64 > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sipp.value_added: one worker's cohorts are more than 1 GB"),
				 errhint("Set max_parallel_workers_per_gather to 0 for this query.")));
	pq_begintypsend(&buf);
	pq_sendint64(&buf, g->count);
	pq_sendint64(&buf, g->nulls);
	pq_sendint32(&buf, (uint32) slopes);
	if (slopes > 0)
		pq_sendbytes(&buf, (char *) g->slopes, (int) slopes);
	for (int64 i = 0; i < g->count; i++)
		pq_sendbytes(&buf, (char *) g->item[i].cohort, (int) VARSIZE(g->item[i].cohort));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/*
 * sipp_value_added_deserialize(bytea, internal): the inverse.
 */
Datum
sipp_value_added_deserialize(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = gather_context(fcinfo);
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData buf;
	CohortBag  *g = bag_make(cxt);
	int64		count;
	uint32		slopes;

	buf.data = VARDATA_ANY(bytes);
	buf.len = buf.maxlen = (int) VARSIZE_ANY_EXHDR(bytes);
	buf.cursor = 0;
	count = pq_getmsgint64(&buf);
	g->nulls = pq_getmsgint64(&buf);
	slopes = pq_getmsgint(&buf, 4);
	if (slopes > 0)
	{
		ArrayType  *a = palloc(slopes);

		memcpy(a, pq_getmsgbytes(&buf, (int) slopes), slopes);
		bag_slopes(g, a);
	}
	for (int64 i = 0; i < count; i++)
	{
		struct varlena head;
		int			len;

		/* not aligned in here */
		memcpy(&head, pq_getmsgbytes(&buf, VARHDRSZ), VARHDRSZ);
		len = (int) VARSIZE(&head) - VARHDRSZ;
		bag_add(g, pq_getmsgbytes(&buf, len), len);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(g);
}

/* Order of the fit: by hash, then by bytes. */
static int
compare_items(const void *a, const void *b)
{
	const BagItem *x = a;
	const BagItem *y = b;
	Size		lx;
	Size		ly;
	int			cmp;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	lx = VARSIZE(x->cohort);
	ly = VARSIZE(y->cohort);
	cmp = memcmp(VARDATA(x->cohort), VARDATA(y->cohort), Min(lx, ly) - VARHDRSZ);
	return cmp != 0 ? cmp : lx < ly ? -1 : lx > ly;
}

/* Fit what was gathered; NULL where there was no cohort at all. */
static Datum
gather_fit(FunctionCallInfo fcinfo, bool reml)
{
	CohortBag  *g;
	MemoryContext cxt;
	MemoryContext old;
	BagItem    *item;
	FitInput	in;
	SippModel  *m;
	struct varlena *result;

	(void) gather_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	g = (CohortBag *) PG_GETARG_POINTER(0);
	if (g->count == 0)
		PG_RETURN_NULL();

	cxt = AllocSetContextCreate(CurrentMemoryContext, "sipp.value_added", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);

	/* sort a copy: a window's frame may go on growing */
	item = MemoryContextAllocHuge(cxt, sizeof(BagItem) * g->count);
	memcpy(item, g->item, sizeof(BagItem) * g->count);
	qsort(item, g->count, sizeof(BagItem), compare_items);

	memset(&in, 0, sizeof(in));
	in.function = reml ? "sipp.value_added" : "sipp.value_added_ml";
	in.reml = reml;
	in.ncohort = g->count;
	in.nulls = g->nulls;
	in.cohort = MemoryContextAllocHuge(cxt, sizeof(struct varlena *) * g->count);
	for (int64 i = 0; i < g->count; i++)
		in.cohort[i] = item[i].cohort;
	pfree(item);
	if (g->slopes != NULL)
	{
		Datum	   *elem;

		deconstruct_array(g->slopes, TEXTOID, -1, false, TYPALIGN_INT,
						  &elem, NULL, &in.nslope);
		in.slope = palloc_array(char *, in.nslope);
		for (int i = 0; i < in.nslope; i++)
			in.slope[i] = TextDatumGetCString(elem[i]);
	}
	m = fit_model(&in);

	MemoryContextSwitchTo(old);
	result = model_pack(m);
	MemoryContextDelete(cxt);
	PG_RETURN_POINTER(result);
}

/*
 * sipp_value_added_final(internal): the model by restricted maximum likelihood.
 */
Datum
sipp_value_added_final(PG_FUNCTION_ARGS)
{
	return gather_fit(fcinfo, true);
}

/*
 * sipp_value_added_ml_final(internal): the model by maximum likelihood.
 */
Datum
sipp_value_added_ml_final(PG_FUNCTION_ARGS)
{
	return gather_fit(fcinfo, false);
}
