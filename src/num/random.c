/*
 * random.c
 *		Keyed random numbers: Philox4x64-10, SipHash-2-4, unbiased integers.
 *
 * A counter-based generator has no state to hand on from row to row: any
 * stream can be started anywhere for the price of one block.
 */
#include "random.h"

#define ROUNDS 10

/* Multipliers of the two halves, and what is added to the key between rounds. */
#define PHILOX_M0 UINT64_C(0xD2E7470EE14C6C93)
#define PHILOX_M1 UINT64_C(0xCA5A826395121157)
#define PHILOX_W0 UINT64_C(0x9E3779B97F4A7C15)	/* the golden ratio */
#define PHILOX_W1 UINT64_C(0xBB67AE8584CAA73B)	/* sqrt(3) - 1 */

/* The 128 bits of a * b. */
static inline uint64_t
multiply(uint64_t a, uint64_t b, uint64_t *low)
{
#if defined(__SIZEOF_INT128__) && !defined(RANDOM_NO_INT128)
	__extension__ typedef unsigned __int128 uint128_t;
	uint128_t	p = (uint128_t) a * b;

	*low = (uint64_t) p;
	return (uint64_t) (p >> 64);
#else
	uint64_t	a0 = a & UINT32_MAX;
	uint64_t	a1 = a >> 32;
	uint64_t	b0 = b & UINT32_MAX;
	uint64_t	b1 = b >> 32;
	uint64_t	p00 = a0 * b0;
	uint64_t	p01 = a0 * b1;
	uint64_t	p10 = a1 * b0;
	uint64_t	middle = (p00 >> 32) + (p01 & UINT32_MAX) + (p10 & UINT32_MAX);

	*low = (middle << 32) | (p00 & UINT32_MAX);
	return a1 * b1 + (p01 >> 32) + (p10 >> 32) + (middle >> 32);
#endif
}

/* One block of Philox4x64-10. */
void
philox4x64(const uint64_t counter[4], const uint64_t key[2], uint64_t out[4])
{
	uint64_t	c0 = counter[0];
	uint64_t	c1 = counter[1];
	uint64_t	c2 = counter[2];
	uint64_t	c3 = counter[3];
	uint64_t	k0 = key[0];
	uint64_t	k1 = key[1];

	for (int i = 0; i < ROUNDS; i++)
	{
		uint64_t	low0;
		uint64_t	low1;
		uint64_t	high0 = multiply(PHILOX_M0, c0, &low0);
		uint64_t	high1 = multiply(PHILOX_M1, c2, &low1);

		c0 = high1 ^ c1 ^ k0;
		c1 = low1;
		c2 = high0 ^ c3 ^ k1;
		c3 = low0;
		k0 += PHILOX_W0;
		k1 += PHILOX_W1;
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

static inline uint64_t
rotate(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

/* One SipRound. */
static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

/* Mix one word into the state. */
static inline void
sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

/* n <= 8 bytes as a number, the first the least significant. */
static inline uint64_t
little_endian(const unsigned char *b, size_t n)
{
	uint64_t	word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t) b[i] << (8 * i);
	return word;
}

/* SipHash-2-4 of n bytes. */
uint64_t
siphash24(const void *bytes, size_t n, uint64_t k0, uint64_t k1)
{
	const unsigned char *b = bytes;
	uint64_t	v[4];
	size_t		i;

	/* "somepseudorandomlygeneratedbytes" */
	v[0] = k0 ^ UINT64_C(0x736F6D6570736575);
	v[1] = k1 ^ UINT64_C(0x646F72616E646F6D);
	v[2] = k0 ^ UINT64_C(0x6C7967656E657261);
	v[3] = k1 ^ UINT64_C(0x7465646279746573);

	for (i = 0; n - i >= 8; i += 8)
		sip_word(v, little_endian(b + i, 8));
	sip_word(v, little_endian(b + i, n - i) | (uint64_t) n << 56);

	v[2] ^= 0xFF;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Before the first block of a stream. */
static void
start(RandomStream *s, uint64_t seed, RandomIdKind kind, uint64_t word0, uint64_t word1)
{
	s->key[0] = seed;
	s->key[1] = kind;
	s->counter[0] = 0;
	s->counter[1] = word0;
	s->counter[2] = word1;
	s->counter[3] = 0;
	s->used = 4;
}

/* The stream of an integer id. */
void
random_stream_int(RandomStream *s, uint64_t seed, int64_t id)
{
	start(s, seed, RANDOM_ID_INT, (uint64_t) id, 0);
}

/* The stream of a uuid. */
void
random_stream_uuid(RandomStream *s, uint64_t seed, const unsigned char id[16])
{
	uint64_t	word[2] = {0, 0};

	for (int i = 0; i < 16; i++)
		word[i / 8] = word[i / 8] << 8 | id[i];
	start(s, seed, RANDOM_ID_UUID, word[0], word[1]);
}

/* The stream of a text id, in UTF-8. */
void
random_stream_text(RandomStream *s, uint64_t seed, const char *id, size_t len)
{
	start(s, seed, RANDOM_ID_TEXT, (uint64_t) len, siphash24(id, len, seed, 0));
}

/* The next 64 bits. */
uint64_t
random_next(RandomStream *s)
{
	if (s->used == 4)
	{
		s->counter[0]++;
		philox4x64(s->counter, s->key, s->out);
		s->used = 0;
	}
	return s->out[s->used++];
}

/*
 * Uniform on 0 .. n-1: the upper half of x * n.  Of the 2^64 values of x the
 * first 2^64 mod n to fall into each interval are one too many; they are those
 * whose lower half is below 2^64 mod n, and are drawn again.
 */
uint64_t
random_below(RandomStream *s, uint64_t n)
{
	uint64_t	low;
	uint64_t	high = multiply(random_next(s), n, &low);

	if (low < n)
	{
		uint64_t	excess = (0 - n) % n;	/* 2^64 mod n */

		while (low < excess)
			high = multiply(random_next(s), n, &low);
	}
	return high;
}
