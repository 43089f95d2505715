/*
 * assign.c
 *		The aggregate sipp.assign: gathering the analyst's own costs.
 *
 * Memory: 16 bytes a row, up to twice that as the array doubles, and three
 * times while it does; an id takes its bytes, 16 to 32 more, and 8 to 16 of
 * the hash table.  The final function adds 16 bytes a row (4 of them only
 * until costs are units, and 4 more while it sorts) and the solver's; where
 * rounding to units changes a cost 8 bytes a row, 21 for each pair that
 * refinement keeps, and in the modes stable and greedy 16 while costs are
 * ranked.  So 25 million rows need up to 1.3 GB, and 2 GB where costs fill all
 * sizes.
 */
#include "sipp.h"

#include <math.h>

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "assign/assign.h"
#include "plan/assign_costs.h"

#define FUNC "sipp.assign"
#define CHUNK_MIN 1024
#define CHUNK_MAX (1024 * 1024)
#define FIRST_ROOM 16
#define MAX_LEADS	ASSIGN_MAX_PLACES	/* as many as partners: the document must hold them */

PG_FUNCTION_INFO_V1(sipp_assign_accum);
PG_FUNCTION_INFO_V1(sipp_assign_combine);
PG_FUNCTION_INFO_V1(sipp_assign_serialize);
PG_FUNCTION_INFO_V1(sipp_assign_deserialize);
PG_FUNCTION_INFO_V1(sipp_assign_final);

/* The aggregate's context, or an error where a function is called by hand. */
static MemoryContext
assign_context(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;

	if (!AggCheckCallContext(fcinfo, &cxt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s can only be called as an aggregate", FUNC)));
	return cxt;
}

/* An empty state. */
static Costs *
costs_make(MemoryContext cxt)
{
	Costs	   *c = MemoryContextAllocZero(cxt, sizeof(Costs));

	c->cxt = cxt;
	c->next = CHUNK_MIN;
	c->unpaired = NAN;
	return c;
}

/* An array with room for twice as many elements. */
static void *
grow(MemoryContext cxt, void *array, int64 *room, size_t size)
{
	*room = Max(*room * 2, FIRST_ROOM);
	return array ? repalloc_huge(array, size * *room) :
		MemoryContextAllocHuge(cxt, size * *room);
}

/* A copy of an id's bytes, with a zero at the end. */
static char *
keep_bytes(Costs *c, const char *bytes, uint32 len)
{
	size_t		need = (size_t) len + 1;
	char	   *copy;

	if (need > c->left)
	{
		c->left = Max(c->next, need);
		c->chunk = MemoryContextAlloc(c->cxt, c->left);
		c->next = Min(c->next * 2, CHUNK_MAX);
	}
	copy = c->chunk;
	c->chunk += need;
	c->left -= need;
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

/* Make the hash table anew, with so many slots. */
static void
rehash(Costs *c, CostIds *ids, uint32 nslot)
{
	if (ids->slot)
		pfree(ids->slot);
	ids->slot = MemoryContextAllocExtended(c->cxt, sizeof(int) * (size_t) nslot,
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ids->nslot = nslot;
	for (int i = 0; i < ids->n; i++)
	{
		uint32		at = ids->id[i].hash & (nslot - 1);

		while (ids->slot[at] != 0)
			at = (at + 1) & (nslot - 1);
		ids->slot[at] = i + 1;
	}
}

/* The number of an id, a new one if it is new. */
static int
number_of(Costs *c, CostIds *ids, const char *bytes, uint32 len, int max, const char *what)
{
	uint32		hash = hash_bytes((const unsigned char *) bytes, (int) len);
	uint32		at;

	if (ids->n >= (int) (ids->nslot / 2))
		rehash(c, ids, Max(ids->nslot * 2, 2 * FIRST_ROOM));
	at = hash & (ids->nslot - 1);
	for (; ids->slot[at] != 0; at = (at + 1) & (ids->nslot - 1))
	{
		const CostId *id = &ids->id[ids->slot[at] - 1];

		if (id->hash == hash && id->len == len && memcmp(id->bytes, bytes, len) == 0)
			return ids->slot[at] - 1;
	}
	if (ids->n == max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: more than %d %s", FUNC, max, what),
				 errhint("Make a plan for each sector or region of its own, with GROUP BY.")));
	if (ids->n == ids->room)
	{
		int64		room = ids->room;

		ids->id = grow(c->cxt, ids->id, &room, sizeof(CostId));
		ids->room = (int) room;
	}
	ids->id[ids->n].bytes = keep_bytes(c, bytes, len);
	ids->id[ids->n].len = len;
	ids->id[ids->n].hash = hash;
	ids->slot[at] = ++ids->n;
	return ids->n - 1;
}

/* The number of an id of which a figure goes with each; *was: what it has been. */
static int
number_with(Costs *c, CostIds *ids, int **figures, const char *bytes, uint32 len, int figure,
			int max, const char *what, int *was)
{
	int			known = ids->n;
	int			room = ids->room;
	int			k = number_of(c, ids, bytes, len, max, what);

	if (ids->room != room)
	{
		size_t		size = sizeof(int) * (size_t) ids->room;

		*figures = *figures ? repalloc_huge(*figures, size) : MemoryContextAllocHuge(c->cxt, size);
	}
	if (k == known)
		(*figures)[k] = figure;
	*was = (*figures)[k];
	return k;
}

/* The number of a partner, whose places must be what they have been. */
static int
partner_number(Costs *c, const char *bytes, uint32 len, int places)
{
	int			was;
	int			i = number_with(c, &c->partner, &c->places, bytes, len, places,
								ASSIGN_MAX_PLACES, "partners", &was);

	if (was != places)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"places\" of %s must be the same in all rows of a partner",
						FUNC),
				 errdetail("Partner \"%s\" has %d and %d.", c->partner.id[i].bytes,
						   Min(was, places), Max(was, places)),
				 errhint("They are how many different leads the partner is to get; NULL is 1.")));
	return i;
}

/* The number of a lead, whose capacity must be what it has been. */
static int
lead_number(Costs *c, const char *bytes, uint32 len, int capacity)
{
	int			was;
	int			j = number_with(c, &c->lead, &c->capacity, bytes, len, capacity, MAX_LEADS,
								"leads", &was);

	if (was != capacity)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"capacity\" of %s must be the same in all rows of a lead",
						FUNC),
				 errdetail("Lead \"%s\" has %d and %d.", c->lead.id[j].bytes,
						   Min(was, capacity), Max(was, capacity)),
				 errhint("The capacity is how many partners the lead can help at a time.")));
	return j;
}

/* Append an allowed pair. */
static void
add_pair(Costs *c, const CostPair *pair)
{
	if (c->n == PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: more than %d pairs", FUNC, PG_INT32_MAX),
				 errhint("Make a plan for each sector or region of its own, with GROUP BY.")));
	if (c->n == c->room)
		c->pair = grow(c->cxt, c->pair, &c->room, sizeof(CostPair));
	c->pair[c->n++] = *pair;
}

/* All rows must agree on the cost of an empty place, NaN standing for NULL, and on the mode. */
static void
set_options(Costs *c, double unpaired, PlanMode mode)
{
	if (c->begun && c->mode != mode)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"mode\" of %s must be the same in every row", FUNC),
				 errdetail("It is '%s' and '%s'.", plan_mode_name(Min(c->mode, mode)),
						   plan_mode_name(Max(c->mode, mode)))));
	if (c->begun && c->unpaired != unpaired && !(isnan(c->unpaired) && isnan(unpaired)))
	{
		char	   *a = isnan(c->unpaired) ? pstrdup("NULL") : float8out_internal(c->unpaired);
		char	   *b = isnan(unpaired) ? pstrdup("NULL") : float8out_internal(unpaired);
		bool		swap = isnan(c->unpaired) || c->unpaired > unpaired;

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"unpaired_cost\" of %s must be the same in every row", FUNC),
				 errdetail("It is %s and %s.", swap ? b : a, swap ? a : b)));
	}
	c->begun = true;
	c->unpaired = unpaired;
	c->mode = mode;
}

/* An id among the arguments, checked; false where it is NULL. */
static bool
get_id(FunctionCallInfo fcinfo, int arg, const char *name, const char **bytes, uint32 *len)
{
	text	   *t;

	if (PG_ARGISNULL(arg))
		return false;
	t = PG_GETARG_TEXT_PP(arg);
	*bytes = VARDATA_ANY(t);
	*len = (uint32) VARSIZE_ANY_EXHDR(t);
	if (*len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" of %s must not be empty", name, FUNC)));
	/* no fewer bytes than characters */
	if (*len > SIPP_MAX_NAME && pg_mbstrlen_with_len(*bytes, (int) *len) > SIPP_MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("argument \"%s\" of %s is longer than %d characters", name, FUNC,
						SIPP_MAX_NAME),
				 errdetail("It starts with \"%s\".",
						   pnstrdup(*bytes, pg_mbcliplen(*bytes, (int) *len, 60)))));
	return true;
}

/* The cost of a pair, which must be finite; NaN where it is NULL. */
static double
get_cost(FunctionCallInfo fcinfo, int arg, const char *partner, uint32 partner_len,
		 const char *lead, uint32 lead_len)
{
	double		cost;

	if (PG_ARGISNULL(arg))
		return NAN;
	cost = PG_GETARG_FLOAT8(arg);
	if (!isfinite(cost))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"cost\" of %s must be finite", FUNC),
				 errdetail("It is %s for partner \"%.*s\" and lead \"%.*s\".",
						   float8out_internal(cost), (int) partner_len, partner,
						   (int) lead_len, lead),
				 errhint("Leave out the pairs that are not allowed, or make their cost NULL.")));
	return cost;
}

/* The cost of an empty place, which must be finite; NaN where it is NULL. */
static double
get_unpaired(FunctionCallInfo fcinfo, int arg)
{
	double		cost;

	if (PG_NARGS() <= arg || PG_ARGISNULL(arg))
		return NAN;
	cost = PG_GETARG_FLOAT8(arg);
	if (!isfinite(cost))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"unpaired_cost\" of %s must be finite", FUNC),
				 errdetail("It is %s.", float8out_internal(cost)),
				 errhint("NULL pairs as many partners as possible.")));
	return cost;
}

/* A partner's places; 1 where none are given. */
static int
get_places(FunctionCallInfo fcinfo, int arg, const char *partner, uint32 len)
{
	int			places;

	if (PG_NARGS() <= arg || PG_ARGISNULL(arg))
		return 1;
	places = PG_GETARG_INT32(arg);
	if (places < 1 || places > PLAN_MAX_PLACES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"places\" of %s must be from 1 to %d", FUNC, PLAN_MAX_PLACES),
				 errdetail("It is %d for partner \"%.*s\".", places, (int) len, partner),
				 errhint("Leave out the rows of a partner that is to have no lead.")));
	return places;
}

/* The mode, 'optimal' where none is given. */
static PlanMode
get_mode(FunctionCallInfo fcinfo, int arg, const Costs *c)
{
	text	   *t;
	PlanMode	mode;
	const char *known;

	if (PG_NARGS() <= arg || PG_ARGISNULL(arg))
		return PLAN_OPTIMAL;
	t = PG_GETARG_TEXT_PP(arg);
	known = plan_mode_name(c->mode);
	if (c->begun && VARSIZE_ANY_EXHDR(t) == strlen(known) &&
		memcmp(VARDATA_ANY(t), known, strlen(known)) == 0)
		return c->mode;
	if (!plan_mode_find(text_to_cstring(t), &mode))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"mode\" of %s must be 'optimal', 'stable' or 'greedy'", FUNC),
				 errdetail("It is \"%s\".", text_to_cstring(t))));
	return mode;
}

/*
 * sipp_assign_accum(internal, partner, lead, cost, capacity [, unpaired_cost
 * [, places [, locked [, mode]]]]): transition.
 */
Datum
sipp_assign_accum(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = assign_context(fcinfo);
	Costs	   *c = PG_ARGISNULL(0) ? costs_make(cxt) : (Costs *) PG_GETARG_POINTER(0);
	const char *partner = "";
	const char *lead = "";
	uint32		partner_len = 0;
	uint32		lead_len = 0;
	bool		has_partner = get_id(fcinfo, 1, "partner", &partner, &partner_len);
	bool		has_lead = get_id(fcinfo, 2, "lead", &lead, &lead_len);
	double		cost = get_cost(fcinfo, 3, partner, partner_len, lead, lead_len);
	bool		locked = PG_NARGS() > 7 && !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);
	CostPair	pair = {0, 0, cost};

	set_options(c, get_unpaired(fcinfo, 5), get_mode(fcinfo, 8, c));
	if (has_partner)
		pair.partner = partner_number(c, partner, partner_len,
									  get_places(fcinfo, 6, partner, partner_len));
	if (has_lead)
	{
		if (PG_ARGISNULL(4))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"capacity\" of %s must not be null", FUNC),
					 errdetail("It is null for lead \"%.*s\".", (int) lead_len, lead)));
		if (PG_GETARG_INT32(4) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"capacity\" of %s must not be negative", FUNC),
					 errdetail("It is %d for lead \"%.*s\".", PG_GETARG_INT32(4),
							   (int) lead_len, lead)));
		pair.lead = lead_number(c, lead, lead_len, PG_GETARG_INT32(4));
	}
	if (locked)
		pair.lead |= COST_LOCKED;
	if (has_partner && has_lead && (locked || !isnan(cost)))
		add_pair(c, &pair);
	PG_RETURN_POINTER(c);
}

/* Put what b has into a. */
static void
costs_merge(Costs *a, const Costs *b)
{
	int		   *partner = MemoryContextAllocHuge(CurrentMemoryContext,
												 sizeof(int) * Max(b->partner.n, 1));
	int		   *lead = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(int) * Max(b->lead.n, 1));

	if (b->begun)
		set_options(a, b->unpaired, b->mode);
	for (int i = 0; i < b->partner.n; i++)
		partner[i] = partner_number(a, b->partner.id[i].bytes, b->partner.id[i].len, b->places[i]);
	for (int j = 0; j < b->lead.n; j++)
		lead[j] = lead_number(a, b->lead.id[j].bytes, b->lead.id[j].len, b->capacity[j]);
	for (int64 k = 0; k < b->n; k++)
	{
		const CostPair *from = &b->pair[k];
		CostPair	pair = {partner[from->partner], lead[cost_pair_lead(from)], from->cost};

		CHECK_FOR_INTERRUPTS();
		if (cost_pair_locked(from))
			pair.lead |= COST_LOCKED;
		add_pair(a, &pair);
	}
	pfree(partner);
	pfree(lead);
}

/*
 * sipp_assign_combine(internal, internal): two states as one.
 */
Datum
sipp_assign_combine(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = assign_context(fcinfo);
	Costs	   *a = PG_ARGISNULL(0) ? NULL : (Costs *) PG_GETARG_POINTER(0);
	Costs	   *b = PG_ARGISNULL(1) ? NULL : (Costs *) PG_GETARG_POINTER(1);

	if (b == NULL)
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	if (a == NULL)
		a = costs_make(cxt);
	costs_merge(a, b);
	PG_RETURN_POINTER(a);
}

/* Append ids. */
static void
send_ids(StringInfo buf, const CostIds *ids)
{
	pq_sendint32(buf, (uint32) ids->n);
	for (int i = 0; i < ids->n; i++)
	{
		pq_sendint32(buf, ids->id[i].len);
		pq_sendbytes(buf, ids->id[i].bytes, (int) ids->id[i].len);
	}
}

/* How many bytes that takes. */
static size_t
size_of_ids(const CostIds *ids)
{
	size_t		size = 4;

	for (int i = 0; i < ids->n; i++)
		size += 4 + (size_t) ids->id[i].len;
	return size;
}

/*
 * sipp_assign_serialize(internal): a worker's state for the leader.  Pairs go
 * as they are: it is the same binary.
 */
Datum
sipp_assign_serialize(PG_FUNCTION_ARGS)
{
	const Costs *c;
	StringInfoData buf;
	size_t		size;

	(void) assign_context(fcinfo);
	c = (Costs *) PG_GETARG_POINTER(0);
	size = 32 + size_of_ids(&c->partner) + size_of_ids(&c->lead) +
		4 * ((size_t) c->partner.n + (size_t) c->lead.n) +
		sizeof(CostPair) * (size_t) c->n;
	if (size > MaxAllocSize / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: one worker's pairs are more than 512 MB", FUNC),
				 errhint("Set max_parallel_workers_per_gather to 0 for this query.")));
	pq_begintypsend(&buf);
	enlargeStringInfo(&buf, (int) size);
	pq_sendbyte(&buf, c->begun ? 1 : 0);
	pq_sendbyte(&buf, (uint8) c->mode);
	pq_sendfloat8(&buf, c->unpaired);
	send_ids(&buf, &c->partner);
	send_ids(&buf, &c->lead);
	for (int i = 0; i < c->partner.n; i++)
		pq_sendint32(&buf, (uint32) c->places[i]);
	for (int j = 0; j < c->lead.n; j++)
		pq_sendint32(&buf, (uint32) c->capacity[j]);
	pq_sendint64(&buf, c->n);
	if (c->n > 0)
		pq_sendbytes(&buf, (char *) c->pair, (int) (sizeof(CostPair) * c->n));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* Read ids, which stay where they are. */
static void
get_ids(StringInfo buf, CostIds *ids)
{
	ids->n = (int) pq_getmsgint(buf, 4);
	ids->id = MemoryContextAllocHuge(CurrentMemoryContext,
									 sizeof(CostId) * (size_t) Max(ids->n, 1));
	for (int i = 0; i < ids->n; i++)
	{
		ids->id[i].len = pq_getmsgint(buf, 4);
		ids->id[i].bytes = unconstify(char *, pq_getmsgbytes(buf, (int) ids->id[i].len));
	}
}

/*
 * sipp_assign_deserialize(bytea, internal): the inverse, in the context of the
 * call, since combining copies everything.
 */
Datum
sipp_assign_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	StringInfoData buf;
	Costs	   *c = costs_make(CurrentMemoryContext);
	CostIds		partner;
	CostIds		lead;
	int64		n;

	(void) assign_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	buf.data = VARDATA_ANY(bytes);
	buf.len = buf.maxlen = (int) VARSIZE_ANY_EXHDR(bytes);
	buf.cursor = 0;
	c->begun = pq_getmsgbyte(&buf) != 0;
	c->mode = (PlanMode) pq_getmsgbyte(&buf);
	c->unpaired = pq_getmsgfloat8(&buf);
	get_ids(&buf, &partner);
	get_ids(&buf, &lead);
	for (int i = 0; i < partner.n; i++)
		(void) partner_number(c, partner.id[i].bytes, partner.id[i].len,
							  (int) pq_getmsgint(&buf, 4));
	for (int j = 0; j < lead.n; j++)
		(void) lead_number(c, lead.id[j].bytes, lead.id[j].len, (int) pq_getmsgint(&buf, 4));
	n = pq_getmsgint64(&buf);
	if (n > 0)
	{
		size_t		size = sizeof(CostPair) * (size_t) n;

		c->pair = MemoryContextAllocHuge(CurrentMemoryContext, size);
		memcpy(c->pair, pq_getmsgbytes(&buf, (int) size), size);
		c->n = c->room = n;
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(c);
}

/*
 * sipp_assign_final(internal): the plan.
 */
Datum
sipp_assign_final(PG_FUNCTION_ARGS)
{
	(void) assign_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(costs_plan((const Costs *) PG_GETARG_POINTER(0)));
}
