/*
 * read.c
 *		Reading a stored plan, row by row, as if somebody had written it by hand:
 *		whatever is missing or of a wrong type is an error that names the field.
 */
#include "sipp.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "plan/exact.h"
#include "plan/document.h"

/* Where in a document: a row of a list, or a place of a partner. */
typedef struct Row
{
	PlanReader *r;
	int64		place;			/* -1: the row itself */
	int			n;
	JsonbValue	v[PLACE_FIELDS];
} Row;

/* The error of a document that is no plan. */
pg_noreturn static void
plan_fail(const PlanReader *r, const char *field, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"plan\" of %s is not a plan", r->func),
			 errdetail("Field \"%s\" must be %s.", field, what),
			 errhint("Use a plan as sipp.pairing_plan or sipp.assign made it.")));
}

/* The same of field k of a row; k < 0: of the row. */
pg_noreturn static void
row_fail(const Row *row, int k, const char *what)
{
	StringInfoData field;

	initStringInfo(&field);
	appendStringInfo(&field, "%s[" INT64_FORMAT "]", plan_list_names[row->r->list], row->r->at - 1);
	if (row->place >= 0)
		appendStringInfo(&field, "[4][" INT64_FORMAT "]", row->place);
	if (k >= 0)
		appendStringInfo(&field, "[%d]", k);
	plan_fail(row->r, field.data, what);
}

/* A finite number. */
static bool
get_float(const JsonbValue *v, double *out)
{
	if (v->type != jbvNumeric)
		return false;
	*out = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(v->val.numeric)));
	return isfinite(*out);
}

/* A whole number from min to max. */
static bool
get_int(const JsonbValue *v, int64 min, int64 max, int64 *out)
{
	double		d;

	/* numeric_int8 rounds, and has errors of its own */
	if (!get_float(v, &d) || d != floor(d) || !(fabs(d) < 9e18))
		return false;
	*out = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v->val.numeric)));
	return *out >= min && *out <= max;
}

/* A whole number of units, of any size that a price can have. */
static bool
get_units(const PlanReader *r, const JsonbValue *v, Numeric *out)
{
	int64		small;
	Datum		d;

	if (v->type != jbvNumeric)
		return false;
	d = NumericGetDatum(v->val.numeric);
	*out = v->val.numeric;
	if (get_int(v, PG_INT64_MIN, PG_INT64_MAX, &small))
		return true;
	return exact_is_whole(v->val.numeric) &&
		DatumGetBool(DirectFunctionCall2(numeric_lt, DirectFunctionCall1(numeric_abs, d),
										 NumericGetDatum(r->most_units)));
}

/* A copy of a string. */
static char *
get_string(const JsonbValue *v)
{
	return v->type == jbvString ? pnstrdup(v->val.string.val, v->val.string.len) : NULL;
}

/* The value of a field of the document, which must be there. */
static JsonbValue *
head_field(const PlanReader *r, const char *field)
{
	JsonbValue *v = document_field(&r->doc->root, field);

	if (v == NULL)
		plan_fail(r, field, "present");
	return v;
}

static int64
head_int(const PlanReader *r, const char *field, int64 min, int64 max)
{
	int64		i;

	if (!get_int(head_field(r, field), min, max, &i))
		plan_fail(r, field,
				  psprintf("a whole number from " INT64_FORMAT " to " INT64_FORMAT, min, max));
	return i;
}

static Numeric
head_units(const PlanReader *r, const char *field)
{
	Numeric		units;

	if (!get_units(r, head_field(r, field), &units))
		plan_fail(r, field, "a whole number");
	return units;
}

static double
head_float(const PlanReader *r, const char *field, bool nullable)
{
	JsonbValue *v = head_field(r, field);
	double		d = NAN;

	if (!(v->type == jbvNull && nullable) && !get_float(v, &d))
		plan_fail(r, field, nullable ? "a finite number or null" : "a finite number");
	return d;
}

/* The container of an array. */
static JsonbContainer *
head_array(const PlanReader *r, const char *field)
{
	JsonbValue *v = head_field(r, field);

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		plan_fail(r, field, "an array");
	return v->val.binary.data;
}

/* An array of at most max strings. */
static int
head_strings(const PlanReader *r, const char *field, int max, char **s)
{
	JsonbContainer *array = head_array(r, field);
	int			n;

	if (JsonContainerSize(array) > (uint32) max)
		plan_fail(r, field, psprintf("an array of at most %d strings", max));
	n = (int) JsonContainerSize(array);
	for (int i = 0; i < n; i++)
	{
		s[i] = get_string(getIthJsonbValueFromContainer(array, i));
		if (s[i] == NULL)
			plan_fail(r, psprintf("%s[%d]", field, i), "a string");
	}
	return n;
}

/* Start reading a plan: its head. */
void
plan_read_begin(PlanReader *r, Datum plan, const char *func)
{
	PlanHead   *head = &r->head;
	JsonbValue *v;
	char	   *mode;

	memset(r, 0, sizeof(PlanReader));
	r->func = func;
	r->doc = DatumGetJsonbP(plan);
	if (!JB_ROOT_IS_OBJECT(r->doc))
		plan_fail(r, "", "an object");
	r->most_units = exact_power(PLAN_MAX_BITS);
	r->row = AllocSetContextCreate(CurrentMemoryContext, "sipp plan row", ALLOCSET_SMALL_SIZES);

	mode = get_string(head_field(r, "mode"));
	if (mode == NULL || !plan_mode_find(mode, &head->mode))
		plan_fail(r, "mode", "\"optimal\", \"stable\" or \"greedy\"");
	head->quantum = head_float(r, "quantum", false);
	if (!(head->quantum > 0))
		plan_fail(r, "quantum", "positive");
	head->unpaired = head_units(r, "unpaired_price");
	head->total_units = head_units(r, "total_units");
	head->total_cost = head_float(r, "total_cost", true);
	head->bound = head_float(r, "bound", true);
	head->gap = head_float(r, "gap", true);
	v = head_field(r, "certified");
	if (v->type != jbvBool)
		plan_fail(r, "certified", "true or false");
	head->certified = v->val.boolean;
	head->target_gap = head_float(r, "target_gap", true);
	head->nblocking = head_int(r, "blocking_pairs", 0, SIPP_MAX_ROWS);
	(void) head_array(r, "blocking");
	head->blocking = JsonbValueToJsonb(head_field(r, "blocking"));
	head->priced = head_int(r, "pairs_priced", 0, SIPP_MAX_ROWS);
	head->rounds = head_int(r, "rounds", 0, PG_INT32_MAX);
	head->memory = head_int(r, "memory_bytes", 0, SIPP_MAX_ROWS);
	head->nnotice = head_strings(r, "notices", PLAN_MAX_NOTICES, head->notice);
	head->subject = palloc(sizeof(char *) * SCHOOL_MAX_SUBJECTS);
	head->nsubject = head_strings(r, "subjects", SCHOOL_MAX_SUBJECTS, head->subject);
}

/* Start reading one of the lists. */
void
plan_read_list(PlanReader *r, PlanList list)
{
	JsonbContainer *array = head_array(r, plan_list_names[list]);
	JsonbValue	v;

	r->list = list;
	r->at = 0;
	r->size = JsonContainerSize(array);
	r->it = JsonbIteratorInit(array);
	(void) JsonbIteratorNext(&r->it, &v, true); /* the array itself */
}

/* The elements of an array as a row of min to max fields, the rest null. */
static void
open_row(Row *row, const JsonbValue *v, int min, int max)
{
	JsonbContainer *array = v->type == jbvBinary ? v->val.binary.data : NULL;
	JsonbIterator *it;

	if (array == NULL || !JsonContainerIsArray(array) ||
		JsonContainerSize(array) < (uint32) min || JsonContainerSize(array) > (uint32) max)
		row_fail(row, -1, min < max ? psprintf("an array of %d to %d elements", min, max) :
				 psprintf("an array of %d elements", min));
	row->n = (int) JsonContainerSize(array);
	it = JsonbIteratorInit(array);
	(void) JsonbIteratorNext(&it, &row->v[0], true);
	for (int k = 0; k < row->n; k++)
		(void) JsonbIteratorNext(&it, &row->v[k], true);
	for (int k = row->n; k < max; k++)
		row->v[k].type = jbvNull;
}

/* The next row of the list, in memory that lasts until the one after it. */
static bool
next_row(PlanReader *r, Row *row, int n)
{
	JsonbValue	v;

	if (r->at == r->size)
		return false;
	CHECK_FOR_INTERRUPTS();
	(void) JsonbIteratorNext(&r->it, &v, true);
	r->at++;
	row->r = r;
	row->place = -1;
	MemoryContextReset(r->row);
	MemoryContextSwitchTo(r->row);
	open_row(row, &v, n, n);
	return true;
}

static int64
row_int(const Row *row, int k, int64 min, int64 max)
{
	int64		i;

	if (!get_int(&row->v[k], min, max, &i))
		row_fail(row, k,
				 psprintf("a whole number from " INT64_FORMAT " to " INT64_FORMAT, min, max));
	return i;
}

static Numeric
row_units(const Row *row, int k)
{
	Numeric		units;

	if (!get_units(row->r, &row->v[k], &units))
		row_fail(row, k, "a whole number");
	return units;
}

static double
row_float(const Row *row, int k)
{
	double		d = NAN;

	if (row->v[k].type != jbvNull && !get_float(&row->v[k], &d))
		row_fail(row, k, "a finite number or null");
	return d;
}

static bool
row_bool(const Row *row, int k)
{
	if (row->v[k].type != jbvNull && row->v[k].type != jbvBool)
		row_fail(row, k, "true, false or null");
	return row->v[k].type == jbvBool && row->v[k].val.boolean;
}

static char *
row_string(const Row *row, int k, bool nullable)
{
	if (row->v[k].type != jbvString && !(row->v[k].type == jbvNull && nullable))
		row_fail(row, k, nullable ? "a string or null" : "a string");
	return get_string(&row->v[k]);
}

/* The container of an array of at most max elements. */
static JsonbContainer *
row_array(const Row *row, int k, int max, int *n)
{
	const JsonbValue *v = &row->v[k];

	*n = 0;
	if (v->type == jbvNull)
		return NULL;
	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data) ||
		JsonContainerSize(v->val.binary.data) > (uint32) max)
		row_fail(row, k, psprintf("an array of at most %d elements", max));
	*n = (int) JsonContainerSize(v->val.binary.data);
	return v->val.binary.data;
}

/* The name of a role. */
static const char *
row_role(const Row *row, int k, bool nullable)
{
	char	   *name = row_string(row, k, nullable);
	SchoolRole	role;

	if (name == NULL)
		return NULL;
	if (!school_role_find(name, &role))
		row_fail(row, k, "the name of a role");
	return school_role_name(role);
}

/* A place of a partner. */
static void
get_place(PlanReader *r, const JsonbValue *v, int64 at, PlanPlace *p)
{
	Row			row;
	JsonbContainer *array;

	row.r = r;
	row.place = at;
	open_row(&row, v, 1, PLACE_FIELDS);
	p->lead = row_string(&row, PLACE_LEAD, true);
	p->cost = row_float(&row, PLACE_COST);
	p->runner_up = row_string(&row, PLACE_RUNNER_UP, true);
	p->margin = row_float(&row, PLACE_MARGIN);
	p->reason = row_string(&row, PLACE_REASON, true);
	p->relaxation = row_string(&row, PLACE_RELAXATION, true);
	p->locked = row_bool(&row, PLACE_LOCKED);
	p->scored = row.n > PLACE_FLAGS;
	array = row_array(&row, PLACE_FLAGS, PLAN_MAX_FLAGS, &p->nflag);
	for (int k = 0; k < p->nflag; k++)
		if ((p->flag[k] = get_string(getIthJsonbValueFromContainer(array, k))) == NULL)
			row_fail(&row, PLACE_FLAGS, "an array of strings");
	p->score = row_float(&row, PLACE_SCORE);
	for (int k = 0; k < SCORE_PARTS; k++)
	{
		p->part[k] = row_float(&row, PLACE_PARTS + k);
		p->loss[k] = row_float(&row, PLACE_LOSSES + k);
	}
	p->authority_loss = row_float(&row, PLACE_AUTHORITY_LOSS);
	p->p_better = row_float(&row, PLACE_P_BETTER);
	p->km = row_float(&row, PLACE_KM);
	array = row_array(&row, PLACE_TEACH, SCHOOL_MAX_SUBJECTS, &p->nteach);
	for (int k = 0; k < p->nteach; k++)
	{
		int64		subject;

		if (!get_int(getIthJsonbValueFromContainer(array, k), 0, r->head.nsubject - 1, &subject))
			row_fail(&row, PLACE_TEACH, "an array of numbers of subjects");
		p->teach[k] = (int) subject;
	}
	if (row.v[PLACE_TEACH].type == jbvNull)
		p->nteach = -1;
}

/* The next partner with its places; false after the last one. */
bool
plan_next_partner(PlanReader *r, PlanPartner *p)
{
	MemoryContext old = CurrentMemoryContext;
	Row			row;
	JsonbContainer *array;
	JsonbIterator *it;
	JsonbValue	v;

	if (!next_row(r, &row, 5))
		return false;
	p->id = row_string(&row, 0, false);
	p->role = row_role(&row, 1, true);
	p->places = (int) row_int(&row, 2, 0, PLAN_MAX_PLACES);
	p->price = row_units(&row, 3);
	array = row_array(&row, 4, PLAN_MAX_PLACES, &p->nplace);
	p->place = palloc0(sizeof(PlanPlace) * Max(p->nplace, 1));
	if (array != NULL)
	{
		it = JsonbIteratorInit(array);
		(void) JsonbIteratorNext(&it, &v, true);
		for (int k = 0; k < p->nplace; k++)
		{
			(void) JsonbIteratorNext(&it, &v, true);
			get_place(r, &v, k, &p->place[k]);
		}
	}
	MemoryContextSwitchTo(old);
	return true;
}

/* The next lead. */
bool
plan_next_lead(PlanReader *r, PlanLead *l)
{
	MemoryContext old = CurrentMemoryContext;
	Row			row;

	if (!next_row(r, &row, 3))
		return false;
	l->id = row_string(&row, 0, false);
	l->capacity = (int) row_int(&row, 1, 0, PG_INT32_MAX);
	l->price = row_units(&row, 2);
	MemoryContextSwitchTo(old);
	return true;
}

/* The next price of a pair. */
bool
plan_next_extra(PlanReader *r, PlanExtra *x)
{
	MemoryContext old = CurrentMemoryContext;
	Row			row;

	if (!next_row(r, &row, 4))
		return false;
	x->partner = row_string(&row, 0, false);
	x->lead = row_string(&row, 1, false);
	x->places = (int) row_int(&row, 2, 0, 1);
	x->price = row_units(&row, 3);
	MemoryContextSwitchTo(old);
	return true;
}

/* The next school that takes no part. */
bool
plan_next_out(PlanReader *r, PlanOut *o)
{
	MemoryContext old = CurrentMemoryContext;
	Row			row;

	if (!next_row(r, &row, 3))
		return false;
	o->id = row_string(&row, 0, false);
	o->role = row_role(&row, 1, true);
	o->reason = row_string(&row, 2, false);
	MemoryContextSwitchTo(old);
	return true;
}
