/*
 * blocking.c
 *		Pairs that block a plan: both schools would rather have each other.
 */
#include "sipp.h"

#include <float.h>
#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "base/codec.h"
#include "plan/plan.h"

/* A difference of costs, which may be beyond the largest number. */
static double
difference(double a, double b)
{
	return Max(Min(a - b, DBL_MAX), -DBL_MAX);
}

/* Does a pair gain more than another? */
static bool
gains_more(const PlanBlocking *a, const PlanBlocking *b)
{
	if (a->unpriced != b->unpriced)
		return a->unpriced;
	return a->gain > b->gain;
}

void
plan_note_blocking(PlanBlockings *list, int partner, int lead, double cost,
				   double partner_worst, bool has_empty, double lead_worst)
{
	PlanBlocking b = {partner, lead, isinf(partner_worst), 0, NAN, NAN};
	int			at = (int) Min(list->n, PLAN_BLOCKING);

	b.gain = b.unpriced ? -cost : difference(partner_worst, cost);
	if (!has_empty)
		b.partner_gain = difference(partner_worst, cost);
	if (!isinf(lead_worst))
	{
		b.lead_gain = difference(lead_worst, cost);
		b.gain = difference(b.gain, -b.lead_gain);
	}
	list->n++;
	if (at == PLAN_BLOCKING && !gains_more(&b, &list->first[at - 1]))
		return;
	at = Min(at, PLAN_BLOCKING - 1);
	/* among equals the first to come stays first */
	for (; at > 0 && gains_more(&b, &list->first[at - 1]); at--)
		list->first[at] = list->first[at - 1];
	list->first[at] = b;
}

/* Append one side's gain in cost. */
static void
put_gain(StringInfo out, const char *field, double gain)
{
	appendStringInfo(out, ",\"%s\":", field);
	json_float_or_null(out, gain);
}

Jsonb *
plan_blocking_document(const PlanBlockings *list, char *const *partner, char *const *lead)
{
	StringInfoData out;
	int			n = (int) Min(list->n, PLAN_BLOCKING);

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	for (int k = 0; k < n; k++)
	{
		const PlanBlocking *b = &list->first[k];

		appendStringInfoString(&out, k > 0 ? ",{\"partner\":" : "{\"partner\":");
		escape_json(&out, partner[b->partner]);
		appendStringInfoString(&out, ",\"lead\":");
		escape_json(&out, lead[b->lead]);
		put_gain(&out, "partner_gain", b->partner_gain);
		put_gain(&out, "lead_gain", b->lead_gain);
		appendStringInfoChar(&out, '}');
	}
	appendStringInfoChar(&out, ']');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}
