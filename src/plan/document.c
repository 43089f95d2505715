/*
 * document.c
 *		The stored form of sipp.plan, a jsonb document: its layout, its input and
 *		output, writing it row by row.
 *
 * Besides the fields of PlanHead it has four lists, whose rows are arrays to
 * keep them small:
 *
 *		partners	[id, role, places, price, [place, ...]]
 *		leads		[id, capacity, price]
 *		pair_prices	[partner, lead, places, price]
 *		ineligible	[id, role, reason]
 *
 * and a place is
 *
 *		[lead, cost, runner_up, margin, reason, relaxation, locked, flags, score,
 *		 similarity, gap, complementarity, travel, p_better, km,
 *		 the same four parts' losses, that of the same authority, [subject, ...]]
 *
 * where what is missing at the end is null.  Ids are written out, so that no row
 * leans on another.  Numbers are shortest-exact, prices whole numbers of any
 * size.  jsonb allows 256 MB: about a million partners and leads of short ids.
 */
#include "sipp.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "base/codec.h"
#include "plan/document.h"

#define TYPE_NAME "sipp.plan"
#define PLAN_VERSION 1
#define JSONB_BINARY_VERSION 1	/* the only one that jsonb_recv() knows */

static const char *const mode_names[PLAN_MODES] = {"optimal", "stable", "greedy"};
const char *const plan_list_names[PLAN_LISTS] = {"partners", "leads", "pair_prices", "ineligible"};

PG_FUNCTION_INFO_V1(sipp_plan_in);
PG_FUNCTION_INFO_V1(sipp_plan_out);
PG_FUNCTION_INFO_V1(sipp_plan_recv);
PG_FUNCTION_INFO_V1(sipp_plan_send);

const char *
plan_mode_name(PlanMode mode)
{
	return mode_names[mode];
}

bool
plan_mode_find(const char *name, PlanMode *mode)
{
	for (int i = 0; i < PLAN_MODES; i++)
		if (strcmp(name, mode_names[i]) == 0)
		{
			*mode = (PlanMode) i;
			return true;
		}
	return false;
}

/*
 * A document that is no plan at all is refused on entry.  0: the error went to
 * escontext.
 */
static Datum
check_document(Datum d, Node *escontext)
{
	Jsonb	   *doc = DatumGetJsonbP(d);
	const char *flaw = NULL;
	JsonbValue *v;

	if (!JB_ROOT_IS_OBJECT(doc))
		flaw = "The text form of " TYPE_NAME " is a JSON object.";
	else if ((v = document_field(&doc->root, "sipp")) == NULL || v->type != jbvString ||
			 v->val.string.len != 4 || memcmp(v->val.string.val, "plan", 4) != 0)
		flaw = "Field \"sipp\" must be \"plan\".";
	else if ((v = document_field(&doc->root, "version")) == NULL || v->type != jbvNumeric)
		flaw = "Field \"version\" must be a number.";
	if (flaw)
	{
		SIPP_BAD_INPUT(escontext,
					   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("invalid input for type %s", TYPE_NAME),
						errdetail("%s", flaw)));
		return (Datum) 0;
	}
	d = DirectFunctionCall1(int4_numeric, Int32GetDatum(PLAN_VERSION));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(v->val.numeric), d)))
	{
		SIPP_BAD_INPUT(escontext,
					   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("unknown version of type %s", TYPE_NAME),
						errhint("It was written by another release of sipp.")));
		return (Datum) 0;
	}
	return JsonbPGetDatum(doc);
}

/*
 * sipp_plan_in(cstring): text to plan.
 */
Datum
sipp_plan_in(PG_FUNCTION_ARGS)
{
	Node	   *escontext = fcinfo->context;
	Datum		d;

	if (!DirectInputFunctionCallSafe(jsonb_in, PG_GETARG_CSTRING(0), InvalidOid, -1, escontext, &d))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(check_document(d, escontext));
}

/*
 * sipp_plan_out(sipp.plan): plan to text.
 */
Datum
sipp_plan_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(0)));
}

/*
 * sipp_plan_recv(internal): binary form to plan.  Its first byte is jsonb's version,
 * of another one of which jsonb would speak as of an internal error.
 */
Datum
sipp_plan_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);

	if (buf->cursor < buf->len && buf->data[buf->cursor] != JSONB_BINARY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", TYPE_NAME),
				 errdetail("Its version is %d, not %d.", (unsigned char) buf->data[buf->cursor],
						   JSONB_BINARY_VERSION)));
	PG_RETURN_DATUM(check_document(DirectFunctionCall1(jsonb_recv, PG_GETARG_DATUM(0)), NULL));
}

/*
 * sipp_plan_send(sipp.plan): plan to binary form, jsonb's own.
 */
Datum
sipp_plan_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_send, PG_GETARG_DATUM(0)));
}

void
plan_write_begin(PlanWriter *w)
{
	initStringInfo(&w->out);
	w->list = -1;
	appendStringInfo(&w->out, "{\"sipp\":\"plan\",\"version\":%d", PLAN_VERSION);
}

/* A whole number of units. */
static char *
units_text(Numeric units)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(units)));
}

/* Append what a plan says of itself as a whole. */
static void
put_head(StringInfo out, const PlanHead *head)
{
	appendStringInfo(out, ",\"mode\":\"%s\",\"quantum\":", mode_names[head->mode]);
	json_float_or_null(out, head->quantum);
	appendStringInfo(out, ",\"unpaired_price\":%s,\"total_units\":%s,\"total_cost\":",
					 units_text(head->unpaired), units_text(head->total_units));
	json_float_or_null(out, head->total_cost);
	appendStringInfoString(out, ",\"bound\":");
	json_float_or_null(out, head->bound);
	appendStringInfoString(out, ",\"gap\":");
	json_float_or_null(out, head->gap);
	appendStringInfo(out, ",\"certified\":%s,\"target_gap\":", head->certified ? "true" : "false");
	json_float_or_null(out, head->target_gap);
	appendStringInfo(out, ",\"blocking_pairs\":" INT64_FORMAT ",\"blocking\":%s", head->nblocking,
					 JsonbToCString(NULL, &head->blocking->root, VARSIZE(head->blocking)));
	appendStringInfo(out, ",\"pairs_priced\":" INT64_FORMAT ",\"rounds\":" INT64_FORMAT
					 ",\"memory_bytes\":" INT64_FORMAT ",\"notices\":",
					 head->priced, head->rounds, head->memory);
	json_strings(out, head->nnotice, head->notice);
	appendStringInfoString(out, ",\"subjects\":");
	json_strings(out, head->nsubject, head->subject);
}

/* Start a row of a list, after ending the lists before it. */
static StringInfo
row_begin(PlanWriter *w, int list)
{
	while (w->list < list)
	{
		if (w->list >= 0)
			appendStringInfoChar(&w->out, ']');
		w->list++;
		w->first = true;
		if (w->list < PLAN_LISTS)
			appendStringInfo(&w->out, ",\"%s\":[", plan_list_names[w->list]);
	}
	Assert(w->list == list);
	if (list < PLAN_LISTS)
	{
		appendStringInfoString(&w->out, w->first ? "[" : ",[");
		w->first = false;
	}
	return &w->out;
}

/* Append a place of a partner. */
static void
put_place(StringInfo out, const PlanPlace *p)
{
	appendStringInfoChar(out, '[');
	json_string_or_null(out, p->lead);
	appendStringInfoChar(out, ',');
	json_float_or_null(out, p->cost);
	appendStringInfoChar(out, ',');
	json_string_or_null(out, p->runner_up);
	appendStringInfoChar(out, ',');
	json_float_or_null(out, p->margin);
	if (p->scored || p->reason || p->locked)
	{
		appendStringInfoChar(out, ',');
		json_string_or_null(out, p->reason);
		appendStringInfoChar(out, ',');
		json_string_or_null(out, p->relaxation);
	}
	if (p->scored || p->locked)
		appendStringInfoString(out, p->locked ? ",true" : ",false");
	if (p->scored)
	{
		appendStringInfoChar(out, ',');
		json_strings(out, p->nflag, p->flag);
		appendStringInfoChar(out, ',');
		json_float_or_null(out, p->score);
		for (int k = 0; k < SCORE_PARTS; k++)
		{
			appendStringInfoChar(out, ',');
			json_float_or_null(out, p->part[k]);
		}
		appendStringInfoChar(out, ',');
		json_float_or_null(out, p->p_better);
		appendStringInfoChar(out, ',');
		json_float_or_null(out, p->km);
		for (int k = 0; k < SCORE_PARTS; k++)
		{
			appendStringInfoChar(out, ',');
			json_float_or_null(out, p->loss[k]);
		}
		appendStringInfoChar(out, ',');
		json_float_or_null(out, p->authority_loss);
		if (p->nteach >= 0)
		{
			appendStringInfoString(out, ",[");
			for (int k = 0; k < p->nteach; k++)
				appendStringInfo(out, k > 0 ? ",%d" : "%d", p->teach[k]);
			appendStringInfoChar(out, ']');
		}
	}
	appendStringInfoChar(out, ']');
}

void
plan_write_partner(PlanWriter *w, const PlanPartner *p)
{
	StringInfo	out = row_begin(w, LIST_PARTNERS);

	json_string_or_null(out, p->id);
	appendStringInfoChar(out, ',');
	json_string_or_null(out, p->role);
	appendStringInfo(out, ",%d,%s,[", p->places, units_text(p->price));
	for (int k = 0; k < p->nplace; k++)
	{
		if (k > 0)
			appendStringInfoChar(out, ',');
		put_place(out, &p->place[k]);
	}
	appendStringInfoString(out, "]]");
}

void
plan_write_lead(PlanWriter *w, const PlanLead *l)
{
	StringInfo	out = row_begin(w, LIST_LEADS);

	json_string_or_null(out, l->id);
	appendStringInfo(out, ",%d,%s]", l->capacity, units_text(l->price));
}

void
plan_write_extra(PlanWriter *w, const PlanExtra *x)
{
	StringInfo	out = row_begin(w, LIST_PAIR_PRICES);

	json_string_or_null(out, x->partner);
	appendStringInfoChar(out, ',');
	json_string_or_null(out, x->lead);
	appendStringInfo(out, ",%d,%s]", x->places, units_text(x->price));
}

void
plan_write_out(PlanWriter *w, const PlanOut *o)
{
	StringInfo	out = row_begin(w, LIST_INELIGIBLE);

	json_string_or_null(out, o->id);
	appendStringInfoChar(out, ',');
	json_string_or_null(out, o->role);
	appendStringInfoChar(out, ',');
	json_string_or_null(out, o->reason);
	appendStringInfoChar(out, ']');
}

/* The finished plan. */
Datum
plan_write_end(PlanWriter *w, const PlanHead *head)
{
	Datum		doc;

	put_head(row_begin(w, PLAN_LISTS), head);
	appendStringInfoChar(&w->out, '}');
	doc = DirectFunctionCall1(jsonb_in, CStringGetDatum(w->out.data));
	pfree(w->out.data);
	return doc;
}
