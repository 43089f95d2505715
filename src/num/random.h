/*
 * random.h
 *		Keyed random numbers: every pupil has a stream of its own, which depends
 *		on the seed and the pupil's id and on nothing else.
 *
 * The generator is Philox4x64-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel
 * random numbers: as easy as 1, 2, 3", SC11), the one of numpy.random.Philox.
 * Key: (seed, kind of id).  Counter: (block, id word 0, id word 1, 0), block
 * counting from 1 as numpy does.  Integers are their own id word 0 (two's
 * complement, 64 bits), a uuid is both words (its bytes read big-endian); the id
 * words of a text are its length in bytes and SipHash-2-4 (Aumasson and
 * Bernstein 2012) of its UTF-8 bytes, keyed with (seed, 0).
 *
 * Plain C, no PostgreSQL.
 */
#ifndef SIPP_RANDOM_H
#define SIPP_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef enum RandomIdKind
{
	RANDOM_ID_INT = 1,
	RANDOM_ID_UUID = 2,
	RANDOM_ID_TEXT = 3
} RandomIdKind;

typedef struct RandomStream
{
	uint64_t	key[2];
	uint64_t	counter[4];
	uint64_t	out[4];			/* the current block */
	int			used;			/* words of it that are used up */
} RandomStream;

/* One block: out[4] from counter[4] and key[2]. */
extern void philox4x64(const uint64_t counter[4], const uint64_t key[2], uint64_t out[4]);

/* SipHash-2-4 of n bytes. */
extern uint64_t siphash24(const void *bytes, size_t n, uint64_t k0, uint64_t k1);

extern void random_stream_int(RandomStream *s, uint64_t seed, int64_t id);
extern void random_stream_uuid(RandomStream *s, uint64_t seed, const unsigned char id[16]);
extern void random_stream_text(RandomStream *s, uint64_t seed, const char *id, size_t len);

/* The next 64 bits. */
extern uint64_t random_next(RandomStream *s);

/* Uniform on 0 .. n-1, n >= 1: Lemire (2019), ACM TOMACS 29(1), with rejection, so exact. */
extern uint64_t random_below(RandomStream *s, uint64_t n);

#endif							/* SIPP_RANDOM_H */
