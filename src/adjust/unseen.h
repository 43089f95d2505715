/*
 * unseen.h
 *		Schools some of whose pupils have a level that a model has not seen.
 */
#ifndef SIPP_UNSEEN_H
#define SIPP_UNSEEN_H

#include "cohort/cohort.h"

typedef struct Unseen
{
	int64		rows;			/* pupils who cannot be placed */
	char	   *reason;			/* which, and what to do; NULL: no unseen level of a
								 * factor is what keeps the cohort from fitting */
	bool		products;		/* cross-products of the rest are known; else NaN */
} Unseen;

/*
 * The cohort without the pupils whose level of one factor the frame does not
 * have, for a cohort that does not fit (frame_map_reason).  NULL where that
 * leaves nobody, where levels of two factors are unseen, or where the cohort
 * does not fit for another reason.  Made in the current context, shares strings
 * with c.  Counts of rows by level are filled of the one factor only, so that
 * the result can be mapped and projected, but not packed.
 */
extern Cohort *cohort_seen(const SippFrame *f, const Cohort *c, Unseen *unseen);

#endif							/* SIPP_UNSEEN_H */
