/*
 * empty.c
 *		The notice of places that stay empty.
 */
#include "sipp.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "plan/plan.h"

/*
 * The memory of the row that a reason comes from is soon gone: texts are kept in
 * that of the document.
 */
void
plan_empty_count(PlanEmpty *e, const char *reason)
{
	const char *figures = strstr(reason, " (");
	size_t		len = figures ? (size_t) (figures - reason) : strlen(reason);
	int			k = 0;

	e->places++;
	while (k < e->nreason && (strlen(e->reason[k].text) != len ||
							  memcmp(e->reason[k].text, reason, len) != 0))
		k++;
	if (k == PLAN_MAX_REASONS)
		return;
	if (k == e->nreason)
	{
		e->reason[k].text = MemoryContextAlloc(e->cxt, len + 1);
		memcpy(e->reason[k].text, reason, len);
		e->reason[k].text[len] = '\0';
		e->reason[k].places = 0;
		e->nreason++;
	}
	e->reason[k].places++;
}

void
plan_empty_notice(PlanEmpty *e, PlanHead *head)
{
	StringInfoData text;

	if (e->places == 0)
		return;
	initStringInfo(&text);
	appendStringInfo(&text, INT64_FORMAT " %s empty", e->places,
					 e->places == 1 ? "place stays" : "places stay");
	for (int said = 0; said < e->nreason; said++)
	{
		int			next = 0;

		for (int k = 1; k < e->nreason; k++)
			if (e->reason[k].places > e->reason[next].places)
				next = k;
		appendStringInfo(&text, "%s%s (" INT64_FORMAT ")", said > 0 ? ", " : ": ",
						 e->reason[next].text, e->reason[next].places);
		e->reason[next].places = 0;
	}
	head->notice[head->nnotice++] = text.data;
}
