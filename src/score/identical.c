/*
 * identical.c
 *		Which schools are the same to a scorer.
 *
 * Where many schools have one and the same numbers, many pairs have one and the
 * same cost, and no bound can turn away a pair that costs just as much as the
 * best known.  So that each such cost is worked out once, schools of which
 * everything that scorer_cost() computes with is the same, byte for byte, are
 * of one kind.  What it only compares (codes of sectors, clusters,
 * authorities; roles; exclusions) plays no part here: that is looked at for
 * every pair.
 */
#include "sipp.h"

#include <limits.h>

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "score/scorer.h"

#define MAX_PIECES 21

/* Some of what is known of a school. */
typedef struct Piece
{
	const void *data;
	size_t		size;
} Piece;

/* A school while those alike are looked for. */
typedef struct Hashed
{
	uint64		hash;
	int			school;
} Hashed;

/* All that costs are computed from; returns how many pieces. */
static int
school_pieces(const Scorer *sc, int i, Piece *piece)
{
	const School *x = &sc->schools->school[i];
	const Site *site = &sc->site[i];
	const SiteMore *more = &sc->more[i];
	const Points *p = sc->points;
	size_t		edges = Max(p->nband - 1, 0);
	int			n = 0;

	piece[n++] = (Piece) {&site->located, sizeof(site->located)};
	piece[n++] = (Piece) {&site->effect, sizeof(site->effect)};
	piece[n++] = (Piece) {&site->variance, sizeof(site->variance)};
	piece[n++] = (Piece) {site->point, sizeof(site->point)};
	piece[n++] = (Piece) {&more->cos_lat, sizeof(more->cos_lat)};
	piece[n++] = (Piece) {&more->target, sizeof(more->target)};
	piece[n++] = (Piece) {more->known, sizeof(more->known)};
	piece[n++] = (Piece) {more->need, sizeof(more->need)};
	piece[n++] = (Piece) {&x->lat, sizeof(x->lat)};
	piece[n++] = (Piece) {&x->lon, sizeof(x->lon)};
	piece[n++] = (Piece) {x->subject, sizeof(double) * x->nsubject};
	piece[n++] = (Piece) {x->subject_se, sizeof(double) * x->nsubject};
	piece[n++] = (Piece) {&p->unit[i], sizeof(int)};
	piece[n++] = (Piece) {p->lacks ? p->lacks[i] : NULL, p->lacks ? sizeof(*p->lacks) : 0};
	piece[n++] = (Piece) {p->value + (size_t) i * p->nvar, sizeof(double) * p->nvar};
	piece[n++] = (Piece) {p->cumulative + (size_t) i * edges, sizeof(double) * edges};
	piece[n++] = (Piece) {&p->position[i], sizeof(double)};
	piece[n++] = (Piece) {&p->profile_factor[i], sizeof(double)};
	piece[n++] = (Piece) {&p->tenth[i], sizeof(double)};
	if (sc->o.authority == AUTHORITY_PREFER)
		piece[n++] = (Piece) {&sc->schools->authority[i], sizeof(int)};
	Assert(n <= MAX_PIECES);
	return n;
}

static uint64
school_hash(const Scorer *sc, int i)
{
	Piece		piece[MAX_PIECES];
	int			n = school_pieces(sc, i, piece);
	uint64		hash = 0;

	for (int k = 0; k < n; k++)
		if (piece[k].size > 0)
			hash = hash_bytes_extended(piece[k].data, (int) piece[k].size, hash);
	return hash;
}

static bool
schools_alike(const Scorer *sc, int a, int b)
{
	Piece		of_a[MAX_PIECES];
	Piece		of_b[MAX_PIECES];
	int			n = school_pieces(sc, a, of_a);

	(void) school_pieces(sc, b, of_b);
	for (int k = 0; k < n; k++)
		if (of_a[k].size != of_b[k].size ||
			(of_a[k].size > 0 && memcmp(of_a[k].data, of_b[k].data, of_a[k].size) != 0))
			return false;
	return true;
}

/* qsort's comparison by hash. */
static int
compare_hashes(const void *a, const void *b)
{
	const Hashed *x = a;
	const Hashed *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->school - y->school;
}

/*
 * Give every school its kind: a number that it shares with those like it, or
 * one below 0 of its own.  Of different schools with one hash only the first's
 * like are found, which costs time and nothing else.
 */
void
scorer_find_alike(Scorer *sc)
{
	int			n = sc->schools->n;
	Hashed	   *order = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Hashed) * Max(n, 1));
	int			nkind = 0;

	for (int i = 0; i < n; i++)
	{
		sc->site[i].kind = -1 - i;
		order[i].hash = school_hash(sc, i);
		order[i].school = i;
	}
	qsort(order, n, sizeof(Hashed), compare_hashes);
	for (int first = 0, end; first < n; first = end)
	{
		int			model = order[first].school;

		for (end = first + 1; end < n && order[end].hash == order[first].hash; end++)
			if (schools_alike(sc, model, order[end].school))
			{
				if (sc->site[model].kind < 0)
					sc->site[model].kind = nkind++;
				sc->site[order[end].school].kind = sc->site[model].kind;
			}
	}
	pfree(order);

	sc->known = palloc(sizeof(KnownCost) * Max(nkind, 1));
	for (int k = 0; k < nkind; k++)
		sc->known[k].partner = INT_MIN;
}
