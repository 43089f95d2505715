/*
 * costs.h
 *		What sipp.assign has gathered: the analyst's own costs.
 */
#ifndef SIPP_COSTS_H
#define SIPP_COSTS_H

#include "sipp.h"

/* An id, where it is kept. */
typedef struct CostId
{
	char	   *bytes;			/* ends with a zero */
	uint32		len;
	uint32		hash;
} CostId;

/* The different ids of one side, numbered as they came. */
typedef struct CostIds
{
	CostId	   *id;
	int			n;
	int			room;
	int		   *slot;			/* open addressing: number + 1, or 0 */
	uint32		nslot;			/* a power of 2 */
} CostIds;

/* An allowed pair. */
typedef struct CostPair
{
	int32		partner;
	int32		lead;
	double		cost;
} CostPair;

typedef struct Costs
{
	MemoryContext cxt;
	CostIds		partner;
	CostIds		lead;
	int		   *capacity;		/* of each lead */
	CostPair   *pair;
	int64		n;
	int64		room;
	bool		begun;			/* a row has said what unpaired is */
	double		unpaired;		/* cost of an empty place; NaN: beyond all */
	char	   *chunk;			/* free memory for ids */
	size_t		left;
	size_t		next;			/* size of the next chunk */
} Costs;

/* costs.c: the plan of least cost. */
extern Datum costs_plan(const Costs *c);

#endif							/* SIPP_COSTS_H */
