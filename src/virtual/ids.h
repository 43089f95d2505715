/*
 * ids.h
 *		The ids of a partition's pupils: read, kept, ranked, and the key of each
 *		one's stream of random numbers.
 *
 * Rank and stream depend on the value of an id alone: not on the width of an
 * integer, the encoding of the database, the collation or the padding of char(n).
 */
#ifndef SIPP_IDS_H
#define SIPP_IDS_H

#include "sipp.h"

#include "num/random.h"

/* How the ids of a partition are read, and where they are kept. */
typedef struct IdReader
{
	const char *func;			/* the SQL names of function and argument */
	const char *arg;
	MemoryContext cxt;			/* the partition's */

	Oid			type;			/* as the caller has it */
	Oid			base;			/* domains looked through */
	RandomIdKind kind;
	int16		len;
	bool		byval;
	char		align;

	char	   *chunk;			/* free memory for ids */
	size_t		left;
	size_t		next;			/* size of the next chunk */
} IdReader;

/* Fills a zeroed reader; an error if ids of this type cannot be read. */
extern void id_reader(IdReader *r, MemoryContext cxt, const char *func, const char *arg, Oid type);

/* A copy of an id, with the long header if it is a text. */
extern Datum id_keep(IdReader *r, Datum id);

/*
 * The ranks, from 0, of n ids that were kept: integers by value, texts by their
 * bytes in UTF-8, uuids by their bytes.  An error if one is there twice.
 */
extern void id_rank(const IdReader *r, const Datum *ids, uint32 n, uint32 *rank);

/* Start the stream of an id that was kept; may allocate in the current context. */
extern void id_stream(const IdReader *r, Datum id, int64 seed, RandomStream *s);

#endif							/* SIPP_IDS_H */
