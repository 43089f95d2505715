/*
 * bucket.h
 *		Sorting by a small whole number, and keeping the smallest few.
 */
#ifndef SIPP_BUCKET_H
#define SIPP_BUCKET_H

#include "sipp.h"

/*
 * Sort indexes 0 ... n - 1 by their keys: those of key k are list[start[k]] ...
 * list[start[k + 1] - 1], in ascending order.  key: [n], from 0 to nkey - 1; a
 * negative one leaves its index out; NULL: all are 0.  start: [nkey + 1].  Both
 * arrays are palloc'd.  A counting sort: O(n + nkey).
 */
extern int *bucket_sort(int n, int nkey, const int *key, int **start);

/*
 * Offer a key, and whose it is, to a list of the k smallest, which is ascending and
 * holds n; returns how many it holds then.  Of equal keys the one offered first comes
 * first.  who may be NULL.  Insertion: O(k), for small k.
 */
static inline int
keep_smallest(int n, int k, int32 *key, int *who, int32 new_key, int new_who)
{
	int			at = n < k ? n : k - 1;

	if (k < 1 || (n == k && new_key >= key[k - 1]))
		return n;
	for (; at > 0 && key[at - 1] > new_key; at--)
	{
		key[at] = key[at - 1];
		if (who)
			who[at] = who[at - 1];
	}
	key[at] = new_key;
	if (who)
		who[at] = new_who;
	return n < k ? n + 1 : k;
}

#endif							/* SIPP_BUCKET_H */
