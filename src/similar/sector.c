/*
 * sector.c
 *		The sectors of a scale: their order, and finding one by name.
 */
#include "sipp.h"

#include "similar/scale.h"

/* qsort's and bsearch's comparison of sectors' names. */
static int
compare_sectors(const void *a, const void *b)
{
	return strcmp(((const SectorScale *) a)->sector, ((const SectorScale *) b)->sector);
}

void
scale_sort_sectors(Scale *scale)
{
	qsort(scale->sector, scale->nsector, sizeof(SectorScale), compare_sectors);
}

const SectorScale *
scale_sector(const Scale *scale, const char *sector)
{
	SectorScale key;

	if (scale->pooled)
		return &scale->sector[0];
	if (sector == NULL)
		return NULL;
	key.sector = unconstify(char *, sector);
	return bsearch(&key, scale->sector, scale->nsector, sizeof(SectorScale), compare_sectors);
}
