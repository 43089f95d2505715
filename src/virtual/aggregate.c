/*
 * aggregate.c
 *		States of this room's aggregates: see aggregate.h.
 */
#include "sipp.h"

#include "base/memory.h"
#include "virtual/aggregate.h"

/* Return the aggregate's context: see aggregate.h. */
MemoryContext
aggregate_context(FunctionCallInfo fcinfo, const char *func)
{
	MemoryContext cxt;

	if (!AggCheckCallContext(fcinfo, &cxt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s can only be called as an aggregate", func)));
	return cxt;
}

static inline StateArray *
state_array(const StateKind *kind, void *state)
{
	return kind->array == 0 ? NULL : (StateArray *) ((char *) state + kind->array);
}

/* Return the state in argument 0: see aggregate.h. */
void *
state_begin(FunctionCallInfo fcinfo, const StateKind *kind)
{
	MemoryContext cxt = aggregate_context(fcinfo, kind->func);
	void	   *state;

	if (!PG_ARGISNULL(0))
		return PG_GETARG_POINTER(0);
	state = MemoryContextAllocZero(cxt, kind->size);
	if (kind->array != 0)
		state_array(kind, state)->cxt = cxt;
	return state;
}

/* Return the state in argument 0 to be read: see aggregate.h. */
const void *
state_final(FunctionCallInfo fcinfo, const StateKind *kind)
{
	(void) aggregate_context(fcinfo, kind->func);
	return PG_ARGISNULL(0) ? palloc0(kind->size) : PG_GETARG_POINTER(0);
}

/* Make room for n elements more: see aggregate.h. */
void
state_array_reserve(StateArray *a, int64 n)
{
	int64		room = Max(Max(a->n + n, 2 * a->room), 8);

	if (a->room - a->n >= n)
		return;
	a->data = huge_resized(a->data, a->cxt, a->element, room);
	a->room = room;
}

/* Combine two states, either of which may be NULL. */
Datum
state_combine(FunctionCallInfo fcinfo, const StateKind *kind)
{
	void	   *state;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	state = state_begin(fcinfo, kind);
	kind->merge(state, PG_GETARG_POINTER(1));
	PG_RETURN_POINTER(state);
}

/* Write a state as bytes: the struct, then what its array holds. */
Datum
state_serialize(FunctionCallInfo fcinfo, const StateKind *kind)
{
	const StateArray *a;
	char	   *state;
	Size		tail;
	bytea	   *out;

	(void) aggregate_context(fcinfo, kind->func);
	state = PG_GETARG_POINTER(0);
	a = state_array(kind, state);
	tail = a == NULL ? 0 : array_size(Max(a->element, 1), a->n);
	if (tail > MaxAllocSize - VARHDRSZ - kind->size)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: one worker's %s are more than 1 GB", kind->func, kind->array_of),
				 errhint("Set max_parallel_workers_per_gather to 0 for this query.")));
	out = palloc(VARHDRSZ + kind->size + tail);
	SET_VARSIZE(out, VARHDRSZ + kind->size + tail);
	memcpy(VARDATA(out), state, kind->size);
	if (tail > 0)
		memcpy(VARDATA(out) + kind->size, a->data, tail);
	PG_RETURN_BYTEA_P(out);
}

/* Read a state, which is only read from then on, from its bytes. */
Datum
state_deserialize(FunctionCallInfo fcinfo, const StateKind *kind)
{
	bytea	   *bytes;
	Size		tail;
	char	   *state = palloc(kind->size);
	StateArray *a = state_array(kind, state);

	(void) aggregate_context(fcinfo, kind->func);
	bytes = PG_GETARG_BYTEA_PP(0);
	tail = VARSIZE_ANY_EXHDR(bytes) - kind->size;
	if (VARSIZE_ANY_EXHDR(bytes) < kind->size)
		elog(ERROR, "invalid serialized state of %s", kind->func);
	memcpy(state, VARDATA_ANY(bytes), kind->size);
	if (tail != (a == NULL ? 0 : a->element * (Size) a->n))
		elog(ERROR, "invalid serialized state of %s", kind->func);
	if (a != NULL)
	{
		a->cxt = CurrentMemoryContext;
		a->room = a->n;
		a->data = NULL;
		if (tail > 0)
			a->data = memcpy(palloc(tail), VARDATA_ANY(bytes) + kind->size, tail);
	}
	PG_RETURN_POINTER(state);
}

/* Note the setting of a row or state: see aggregate.h. */
void
pupil_state_setting(PupilState *s, double setting, const char *name, const char *func)
{
	if (s->setting == 0)
		s->setting = setting;
	else if (setting != 0 && setting != s->setting)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" of %s must be the same in every row of a group", name, func),
				 errdetail("It is %.15g and %.15g.", s->setting, setting)));
}

/* Add one state up with another: see aggregate.h. */
void
pupil_state_merge(PupilState *a, const PupilState *b)
{
	for (int i = 0; i < PUPIL_COUNTS; i++)
		a->count[i] += b->count[i];
	for (int i = 0; i < PUPIL_SUMS; i++)
		a->sum[i] = dd_add(a->sum[i], b->sum[i]);
	units_add(&a->units, b->units.one);
	a->units.several |= b->units.several;
	a->max_share = Max(a->max_share, b->max_share);
	a->empty |= b->empty;
	a->marks |= b->marks;
}

/* The cause of one pupil: see aggregate.h. */
int
empty_cause(const Peers *p)
{
	if (p == NULL)
		return EMPTY_ABSENT;
	if ((p->flags & PEERS_TOTAL) == 0)
		return (p->flags & PEERS_UNIT) != 0 ? EMPTY_NEAREST : EMPTY_STORED;
	if (p->total == 0)
		return EMPTY_UNKNOWN;
	return p->own == p->total ? EMPTY_OWN : EMPTY_LEFT_OUT;
}

/* The reason of a group without a matched pupil: see aggregate.h. */
const char *
empty_reason(int causes)
{
	switch (causes)
	{
		case EMPTY_ABSENT:
			return "no pupil has peers";
		case EMPTY_OWN:
			return "every pool is empty: in each cell only one unit has outcomes";
		case EMPTY_LEFT_OUT:
		case EMPTY_OWN | EMPTY_LEFT_OUT:
			return "every pool is empty: all others with an outcome share a key that is left out";
		case EMPTY_UNKNOWN:
			return "every pool is empty: nobody in the cells has an outcome";
		case EMPTY_NEAREST:
			return "every pool is empty: no score, nobody else to take, or nobody within the caliper";
		case EMPTY_STORED:
			return "every pool is empty: so are the stored cells";
		default:
			return "every pool is empty";
	}
}
