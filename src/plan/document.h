/*
 * document.h
 *		The layout of a stored plan, for the file that writes it and the one that
 *		reads it; document.c describes it.
 */
#ifndef SIPP_DOCUMENT_H
#define SIPP_DOCUMENT_H

#include "plan/plan.h"

/* Fields of a place. */
enum
{
	PLACE_LEAD,
	PLACE_COST,
	PLACE_RUNNER_UP,
	PLACE_MARGIN,
	PLACE_REASON,
	PLACE_RELAXATION,
	PLACE_LOCKED,
	PLACE_FLAGS,
	PLACE_SCORE,
	PLACE_PARTS,
	PLACE_P_BETTER = PLACE_PARTS + SCORE_PARTS,
	PLACE_KM,
	PLACE_LOSSES,
	PLACE_AUTHORITY_LOSS = PLACE_LOSSES + SCORE_PARTS,
	PLACE_TEACH,
	PLACE_FIELDS
};

/* Names of the lists. */
extern const char *const plan_list_names[PLAN_LISTS];

/* The value of a field of an object, NULL where absent. */
static inline JsonbValue *
document_field(JsonbContainer *object, const char *field)
{
	return getKeyJsonValueFromContainer(object, field, (int) strlen(field), NULL);
}

#endif							/* SIPP_DOCUMENT_H */
