/*
 * bucket.c
 *		Counting sort; see bucket.h.
 */
#include "sipp.h"

#include "utils/memutils.h"

#include "base/bucket.h"

int *
bucket_sort(int n, int nkey, const int *key, int **start)
{
	int		   *list = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * (Size) n);
	int		   *at = MemoryContextAllocExtended(CurrentMemoryContext,
												sizeof(int) * ((Size) nkey + 2),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	/* counted two places up, so that filling leaves the starts behind */
	for (int i = 0; i < n; i++)
		if (key == NULL || key[i] >= 0)
			at[(key ? key[i] : 0) + 2]++;
	for (int k = 0; k < nkey; k++)
		at[k + 2] += at[k + 1];
	for (int i = 0; i < n; i++)
		if (key == NULL || key[i] >= 0)
			list[at[(key ? key[i] : 0) + 1]++] = i;
	*start = at;
	return list;
}
