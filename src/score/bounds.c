/*
 * bounds.c
 *		How far all leads are at least from one partner, worked out together.
 *
 * Pricing asks for the costs of a partner with all leads, one after the other, and
 * most pairs are turned away because the two are not alike.  Side by
 * side in columns, leads take a few cycles each.  The sheet has the squared distance
 * by some of the variables and by the profile's mean position: the same terms as
 * in points_distance(), so that what is left out and the rounding of a sum in another
 * order, far below MARGIN, is all that it differs by.
 */
#include "sipp.h"

#include <math.h>

#include "utils/memutils.h"

#include "similar/points.h"
#include "score/scorer.h"

/* Variables looked at, which bounds memory. */
#define SHEET_VARIABLES 8

/* Leads worked out in a go: a loop of fixed length, within the nearest cache. */
#define SHEET_BLOCK 256

void
scorer_make_sheet(Scorer *sc)
{
	const Points *p = sc->points;
	Sheet	   *t = &sc->sheet;
	int			nlead = 0;

	t->slot = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * Max(sc->schools->n, 1));
	for (int i = 0; i < sc->schools->n; i++)
		t->slot[i] = sc->site[i].slot = sc->site[i].lead ? nlead++ : -1;
	t->partner = t->limit_partner = t->quick_partner = -1;
	t->nvar = Min(p->nvar, SHEET_VARIABLES);
	t->n = (nlead + SHEET_BLOCK - 1) / SHEET_BLOCK * SHEET_BLOCK;
	t->worth = 64 + nlead / 32;
	t->least = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * Max(t->n, 1));
	t->npartial = 0;
	t->partial = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * Max(nlead, 1));
	t->column = MemoryContextAllocExtended(CurrentMemoryContext,
										   sizeof(double) * Max((size_t) t->n * (t->nvar + 1), 1),
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < sc->schools->n; i++)
	{
		double	   *at = t->column + sc->site[i].slot;

		if (sc->site[i].slot < 0)
			continue;
		for (int v = 0; v < t->nvar; v++)
			at[(size_t) v * t->n] = p->value[(size_t) i * p->nvar + v];
		at[(size_t) t->nvar * t->n] = p->position[i];
		if (points_are_partial(p, i, i))
			t->partial[t->npartial++] = sc->site[i].slot;
	}
}

/* Add one variable's part to a block. */
static void
add_variable(double *restrict least, const double *restrict value, double x, double factor)
{
	for (int k = 0; k < SHEET_BLOCK; k++)
		least[k] += square(factor * (x - value[k]));
}

/* Add the profile's part at least, as position_bound() has it. */
static void
add_position(double *restrict least, const double *restrict position, double x, double factor)
{
	for (int k = 0; k < SHEET_BLOCK; k++)
	{
		double		apart = fabs(x - position[k]) - POSITION_SLACK;

		least[k] += square(factor * (apart > 0 ? apart : 0));
	}
}

/*
 * Leads of other yardsticks, or none, have no distance; what is written for them
 * does not matter.  Where one of the two lacks a variable, nothing is known at once.
 */
void
scorer_fill_sheet(const Scorer *sc, int partner)
{
	const Points *p = sc->points;
	const Sheet *t = &sc->sheet;
	int			u = p->unit[partner];

	memset(t->least, 0, sizeof(double) * t->n);
	if (u < 0 || (p->lacks && points_are_partial(p, partner, partner)))
		return;
	for (int first = 0; first < t->n; first += SHEET_BLOCK)
	{
		for (int v = 0; v < t->nvar; v++)
			add_variable(t->least + first, t->column + (size_t) v * t->n + first,
						 p->value[(size_t) partner * p->nvar + v],
						 p->factor[(size_t) u * p->nvar + v]);
		if (p->nband > 0)
			add_position(t->least + first, t->column + (size_t) t->nvar * t->n + first,
						 p->position[partner], p->profile_factor[partner]);
	}
	for (int k = 0; k < t->npartial; k++)
		t->least[t->partial[k]] = 0;
}
