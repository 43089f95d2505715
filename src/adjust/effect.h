/*
 * effect.h
 *		One school under a model, for whatever is made of it.
 */
#ifndef SIPP_EFFECT_H
#define SIPP_EFFECT_H

#include "adjust/adjust.h"

/* What a call keeps for the length of a query. */
typedef struct EffectCall
{
	ModelCache	model;
	uint64		loads;			/* of the model that the arrays are for */
	double	   *mean;			/* [p+1] */
	double	   *zs;				/* [q-1][p+1] */
	double		quantile;		/* of t at 97.5%, NaN without degrees of freedom */
	double		df;
	TupleDesc	desc;			/* of the result row */
	CohortReader reader;
	MemoryContext scratch;
} EffectCall;

/* One school, as far as it can be told. */
typedef struct School
{
	SippModel  *model;			/* NULL: none given */
	Cohort	   *cohort;			/* NULL: none given; the pupils placed, if there
								 * are figures */
	int64		unplaced;		/* pupils who are not, for a level that the model has
								 * not seen; -1: that was not looked at */
	const FrameMap *map;		/* of the cohort in the model's frame */
	const char *reason;			/* why there are no figures, or NULL */
	const char *note;			/* what goes with the figures, or NULL */
	bool		products;		/* the cohort's cross-products are known */
	double		predicted;		/* x'b about the national mean of the outcome */
	double		attainment;		/* y about it */
	LmmEffect	effect;
} School;

extern EffectCall *effect_call(FunctionCallInfo fcinfo);
extern void school_prepare(FunctionCallInfo fcinfo, EffectCall *call, int arg, bool in_fit,
						   School *s);

#endif							/* SIPP_EFFECT_H */
