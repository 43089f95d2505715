/*
 * report.c
 *		What a plan says: sipp.pairs, sipp.plan_summary, sipp.certificate.
 */
#include "sipp.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "base/codec.h"
#include "base/row.h"
#include "plan/plan.h"

#define PAIR_COLUMNS 20
#define REPORT_COLUMNS 24
#define PRICE_COLUMNS 5
#define WORST_PAIRS 5

PG_FUNCTION_INFO_V1(sipp_pairs);
PG_FUNCTION_INFO_V1(sipp_plan_summary);
PG_FUNCTION_INFO_V1(sipp_certificate);

/* An array of n strings. */
static Datum
text_array(int n, char *const *s)
{
	Datum	   *elem = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elem[i] = CStringGetTextDatum(s[i]);
	return PointerGetDatum(construct_array(elem, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Each part's loss by name, those that are there. */
static Datum
losses_of(const PlanPlace *p)
{
	StringInfoData out;
	const char *separator = "";

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	for (int k = 0; k <= SCORE_PARTS; k++)
	{
		double		loss = k < SCORE_PARTS ? p->loss[k] : p->authority_loss;

		if (isnan(loss) || (k == SCORE_PARTS && loss == 0))
			continue;
		appendStringInfo(&out, "%s\"%s\":", separator,
						 k < SCORE_PARTS ? score_part_name((ScorePart) k) : "same_authority");
		json_float(&out, loss);
		separator = ",";
	}
	appendStringInfoChar(&out, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
}

/* A place as a row of sipp.pairs. */
static void
put_pair(ReturnSetInfo *rsinfo, const PlanReader *r, const PlanPartner *p, int at)
{
	const PlanPlace *place = &p->place[at];
	Datum		values[PAIR_COLUMNS];
	bool		nulls[PAIR_COLUMNS] = {false};
	char	   *subject[SCHOOL_MAX_SUBJECTS];

	for (int k = 0; k < place->nteach; k++)
		subject[k] = r->head.subject[place->teach[k]];

	put_text(values, nulls, 0, p->id);
	put_text(values, nulls, 1, place->lead);
	put_float(values, nulls, 2, place->score);
	put_float(values, nulls, 3, place->cost);
	put_float(values, nulls, 4, place->part[PART_SIMILARITY]);
	put_float(values, nulls, 5, place->part[PART_GAP]);
	put_float(values, nulls, 6, place->p_better);
	put_float(values, nulls, 7, place->part[PART_COMPLEMENTARITY]);
	nulls[8] = place->nteach < 0;
	values[8] = nulls[8] ? (Datum) 0 : text_array(place->nteach, subject);
	put_float(values, nulls, 9, place->part[PART_TRAVEL]);
	put_float(values, nulls, 10, place->km);
	nulls[11] = !place->scored;
	values[11] = nulls[11] ? (Datum) 0 : losses_of(place);
	put_text(values, nulls, 12, place->runner_up);
	put_float(values, nulls, 13, place->margin);
	put_text(values, nulls, 14, place->reason);
	put_text(values, nulls, 15, place->relaxation);
	values[16] = Int32GetDatum(at + 1);
	put_text(values, nulls, 17, p->role);
	values[18] = BoolGetDatum(place->locked);
	nulls[19] = !place->scored;
	values[19] = nulls[19] ? (Datum) 0 : text_array(place->nflag, place->flag);
	put_row(rsinfo, PAIR_COLUMNS, values, nulls);
}

/* A school that takes no part as a row of sipp.pairs. */
static void
put_out(ReturnSetInfo *rsinfo, const PlanOut *o)
{
	Datum		values[PAIR_COLUMNS] = {0};
	bool		nulls[PAIR_COLUMNS];
	SchoolRole	role = ROLE_NONE;

	if (o->role != NULL)
		(void) school_role_find(o->role, &role);
	memset(nulls, true, sizeof(nulls));
	put_text(values, nulls, role == ROLE_LEAD ? 1 : 0, o->id);
	put_text(values, nulls, 14, o->reason);
	put_text(values, nulls, 17, o->role);
	put_row(rsinfo, PAIR_COLUMNS, values, nulls);
}

/*
 * sipp_pairs(plan): one row for each place, then the schools that take no part.
 */
Datum
sipp_pairs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	PlanReader	r;
	PlanPartner p;
	PlanOut		o;

	InitMaterializedSRF(fcinfo, 0);
	plan_read_begin(&r, PG_GETARG_DATUM(0), "sipp.pairs");
	plan_read_list(&r, LIST_PARTNERS);
	while (plan_next_partner(&r, &p))
	{
		MemoryContext old = MemoryContextSwitchTo(r.row);

		for (int k = 0; k < p.nplace; k++)
			put_pair(rsinfo, &r, &p, k);
		MemoryContextSwitchTo(old);
	}
	plan_read_list(&r, LIST_INELIGIBLE);
	while (plan_next_out(&r, &o))
	{
		MemoryContext old = MemoryContextSwitchTo(r.row);

		put_out(rsinfo, &o);
		MemoryContextSwitchTo(old);
	}
	return (Datum) 0;
}

/* A pair of low score, or of high cost where there are no scores. */
typedef struct WorstPair
{
	double		key;
	char	   *partner;
	char	   *lead;
	double		score;
	double		cost;
	int			weakest;		/* part; -1: not scored */
} WorstPair;

/* What the partners of a plan add up to. */
typedef struct Totals
{
	int64		partners;
	int64		places;
	int64		paired;
	int64		locked;
	int64		scored;
	double		score;
	int			nworst;
	WorstPair	worst[WORST_PAIRS];
} Totals;

/* Keep a pair if it is among the worst; copies what it keeps. */
static void
note_worst(Totals *t, const PlanPartner *p, const PlanPlace *place)
{
	WorstPair	w;
	int			at;

	w.key = isnan(place->score) ? -place->cost : place->score;
	if (isnan(w.key) || (t->nworst == WORST_PAIRS && w.key >= t->worst[WORST_PAIRS - 1].key))
		return;
	w.partner = pstrdup(p->id);
	w.lead = pstrdup(place->lead);
	w.score = place->score;
	w.cost = place->cost;
	w.weakest = -1;
	for (int k = 0; k < SCORE_PARTS; k++)
		if (!isnan(place->loss[k]) && (w.weakest < 0 || place->loss[k] > place->loss[w.weakest]))
			w.weakest = k;
	if (t->nworst < WORST_PAIRS)
		t->nworst++;
	for (at = t->nworst - 1; at > 0 && t->worst[at - 1].key > w.key; at--)
		t->worst[at] = t->worst[at - 1];
	t->worst[at] = w;
}

/* Add up the partners. */
static void
sum_partners(PlanReader *r, Totals *t)
{
	PlanPartner p;

	memset(t, 0, sizeof(Totals));
	plan_read_list(r, LIST_PARTNERS);
	while (plan_next_partner(r, &p))
	{
		t->partners++;
		t->places += p.nplace;
		for (int k = 0; k < p.nplace; k++)
		{
			const PlanPlace *place = &p.place[k];

			if (place->lead == NULL)
				continue;
			t->paired++;
			if (place->locked)
				t->locked++;
			if (!isnan(place->score))
			{
				t->score += place->score;
				t->scored++;
			}
			note_worst(t, &p, place);
		}
	}
}

/* The worst pairs as a document. */
static Datum
worst_of(const Totals *t)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int k = 0; k < t->nworst; k++)
	{
		const WorstPair *w = &t->worst[k];

		appendStringInfoString(&out, k > 0 ? ",{\"partner\":" : "{\"partner\":");
		escape_json(&out, w->partner);
		appendStringInfoString(&out, ",\"lead\":");
		escape_json(&out, w->lead);
		appendStringInfoString(&out, isnan(w->score) ? ",\"cost\":" : ",\"score\":");
		json_float(&out, isnan(w->score) ? w->cost : w->score);
		if (w->weakest >= 0)
			appendStringInfo(&out, ",\"weakest\":\"%s\"", score_part_name((ScorePart) w->weakest));
		appendStringInfoChar(&out, '}');
	}
	appendStringInfoChar(&out, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
}

/*
 * sipp_plan_summary(plan): one row about the plan as a whole.
 */
Datum
sipp_plan_summary(PG_FUNCTION_ARGS)
{
	PlanReader	r;
	const PlanHead *h = &r.head;
	Totals		t;
	PlanLead	l;
	PlanOut		o;
	int64		leads = 0;
	int64		capacity;
	int64		ineligible = 0;
	Datum		values[REPORT_COLUMNS];
	bool		nulls[REPORT_COLUMNS] = {false};

	plan_read_begin(&r, PG_GETARG_DATUM(0), "sipp.plan_summary");
	sum_partners(&r, &t);
	capacity = t.locked;		/* what locked pairs take is not in the leads' rows */
	plan_read_list(&r, LIST_LEADS);
	while (plan_next_lead(&r, &l))
	{
		leads++;
		capacity += l.capacity;
	}
	plan_read_list(&r, LIST_INELIGIBLE);
	while (plan_next_out(&r, &o))
		ineligible++;

	put_text(values, nulls, 0, plan_mode_name(h->mode));
	values[1] = Int64GetDatum(t.partners);
	values[2] = Int64GetDatum(t.places);
	values[3] = Int64GetDatum(leads);
	values[4] = Int64GetDatum(capacity);
	values[5] = Int64GetDatum(t.paired);
	values[6] = Int64GetDatum(t.places - t.paired);
	values[7] = Int64GetDatum(ineligible);
	put_float(values, nulls, 8, h->total_cost);
	put_float(values, nulls, 9, t.scored > 0 ? t.score / t.scored : NAN);
	put_float(values, nulls, 10, h->bound);
	put_float(values, nulls, 11, h->gap);
	values[12] = BoolGetDatum(h->certified);
	put_float(values, nulls, 13, h->quantum);
	values[14] = NumericGetDatum(h->unpaired);
	values[15] = NumericGetDatum(h->total_units);
	put_float(values, nulls, 16, h->target_gap);
	values[17] = Int64GetDatum(h->nblocking);
	values[18] = JsonbPGetDatum(h->blocking);
	values[19] = worst_of(&t);
	values[20] = Int64GetDatum(h->priced);
	values[21] = Int32GetDatum((int32) h->rounds);
	values[22] = Int64GetDatum(h->memory);
	values[23] = text_array(h->nnotice, h->notice);
	PG_RETURN_DATUM(row_datum(result_desc(fcinfo), REPORT_COLUMNS, values, nulls));
}

/* A dual price as a row of sipp.certificate. */
static void
put_price(ReturnSetInfo *rsinfo, const PlanReader *r, const char *kind, const char *partner,
		  const char *lead, int places, Numeric price)
{
	MemoryContext old = MemoryContextSwitchTo(r->row);
	Datum		values[PRICE_COLUMNS];
	bool		nulls[PRICE_COLUMNS] = {false};

	put_text(values, nulls, 0, kind);
	put_text(values, nulls, 1, partner);
	put_text(values, nulls, 2, lead);
	values[3] = Int32GetDatum(places);
	values[4] = NumericGetDatum(price);
	put_row(rsinfo, PRICE_COLUMNS, values, nulls);
	MemoryContextSwitchTo(old);
}

/*
 * sipp_certificate(plan): the dual prices.
 */
Datum
sipp_certificate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	PlanReader	r;
	PlanPartner p;
	PlanLead	l;
	PlanExtra	x;

	InitMaterializedSRF(fcinfo, 0);
	plan_read_begin(&r, PG_GETARG_DATUM(0), "sipp.certificate");
	plan_read_list(&r, LIST_PARTNERS);
	while (plan_next_partner(&r, &p))
		put_price(rsinfo, &r, "partner", p.id, NULL, p.places, p.price);
	plan_read_list(&r, LIST_LEADS);
	while (plan_next_lead(&r, &l))
		put_price(rsinfo, &r, "lead", NULL, l.id, l.capacity, l.price);
	plan_read_list(&r, LIST_PAIR_PRICES);
	while (plan_next_extra(&r, &x))
		put_price(rsinfo, &r, "pair", x.partner, x.lead, x.places, x.price);
	return (Datum) 0;
}
