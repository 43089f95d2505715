/*
 * instance.h
 *		Random pairing problems, the same from the same seed everywhere.
 */
#ifndef ASSIGN_INSTANCE_H
#define ASSIGN_INSTANCE_H

#include "assign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64 */
static inline uint64_t
random_bits(uint64_t *state)
{
	uint64_t	x = *state += 0x9E3779B97F4A7C15u;

	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
	return x ^ (x >> 31);
}

/* 0 .. n - 1 */
static inline int64_t
random_below(uint64_t *state, int64_t n)
{
	return (int64_t) (random_bits(state) % (uint64_t) n);
}

static inline double
random_unit(uint64_t *state)
{
	return (double) (random_bits(state) >> 11) / 9007199254740992.0;
}

/* Roughly normal: no library's logarithm has a say in the instances. */
static inline double
random_normal(uint64_t *state)
{
	double		sum = -6;

	for (int k = 0; k < 12; k++)
		sum += random_unit(state);
	return sum;
}

/*
 * Schools: a point each, and how good they are.  The cost of a pair is a squared
 * distance; where effects count, a lead must be better by half a unit, and costs
 * less the better it is, up to two units.
 */
#define SCHOOL_MAX_DIM 8

typedef struct School
{
	double		point[SCHOOL_MAX_DIM];
} School;

typedef struct Schools
{
	School	   *partner;
	School	   *lead;
	double	   *partner_effect;
	double	   *lead_effect;
	int			dim;
	bool		effects;
} Schools;

static inline int64_t
school_cost(void *ctx, int i, int j, int64_t limit)
{
	const Schools *s = ctx;
	const double *a = s->partner[i].point;
	const double *b = s->lead[j].point;
	double		ceiling = (double) limit;
	double		sum = 0;

	if (s->effects)
	{
		double		gap = s->lead_effect[j] - s->partner_effect[i];

		if (gap < .5)
			return ASSIGN_NONE;
		if (gap < 2)
			sum = (2 - gap) * 3e5;
	}
	for (int k = 0; k < s->dim; k += 2)
	{
		double		x = a[k] - b[k];
		double		y = a[k + 1] - b[k + 1];

		sum += (x * x + y * y) * 1e5;
		if (sum >= ceiling)
			return ASSIGN_NONE;
	}
	return (int64_t) sum;
}

static inline Schools
make_schools(uint64_t seed, int np, int nl, int dim, bool effects)
{
	Schools		s = {NULL, NULL, NULL, NULL, dim, effects};

	s.partner = calloc((size_t) np + 1, sizeof(School));
	s.lead = calloc((size_t) nl + 1, sizeof(School));
	s.partner_effect = calloc((size_t) np + 1, sizeof(double));
	s.lead_effect = calloc((size_t) nl + 1, sizeof(double));
	for (int i = 0; i < np; i++)
	{
		for (int k = 0; k < dim; k++)
			s.partner[i].point[k] = random_normal(&seed);
		s.partner_effect[i] = random_normal(&seed);
	}
	for (int j = 0; j < nl; j++)
	{
		for (int k = 0; k < dim; k++)
			s.lead[j].point[k] = random_normal(&seed);
		s.lead_effect[j] = random_normal(&seed);
	}
	return s;
}

static inline void
free_schools(Schools *s)
{
	free(s->partner);
	free(s->lead);
	free(s->partner_effect);
	free(s->lead_effect);
}

/* A problem with its pairs listed. */
typedef struct Instance
{
	int			np;
	int			nl;
	int64_t		unpaired;
	int		   *places;
	int		   *capacity;
	int64_t    *start;
	int		   *lead;
	int64_t    *cost;
} Instance;

/*
 * kind: "uniform" costs below a million, "ties" costs 1 to 5, "school" squared
 * distances in 6 dimensions, "effect" the same among schools that differ,
 * "product" (i + 1)(j + 1).  Each pair is listed with probability share; places
 * and capacities are 0 to the maximum, or just that where it is 1.  The price of
 * an empty place outweighs any saving if lexicographic.
 */
static inline Instance
make_instance(const char *kind, uint64_t seed, int np, int nl, int max_places, int max_capacity,
			  double share, bool lexicographic)
{
	Instance	t = {np, nl, 0, NULL, NULL, NULL, NULL, NULL};
	Schools		s = make_schools(seed + 1, np, nl, 6, strcmp(kind, "effect") == 0);
	int64_t		n = 0;
	int64_t		largest = 0;
	int64_t		total = 0;

	t.places = calloc((size_t) np + 1, sizeof(int));
	t.capacity = calloc((size_t) nl + 1, sizeof(int));
	t.start = calloc((size_t) np + 1, sizeof(int64_t));
	t.lead = calloc((size_t) np * (size_t) nl + 1, sizeof(int));
	t.cost = calloc((size_t) np * (size_t) nl + 1, sizeof(int64_t));
	for (int i = 0; i < np; i++)
		total += t.places[i] = max_places == 1 ? 1 : (int) random_below(&seed, max_places + 1);
	for (int j = 0; j < nl; j++)
		t.capacity[j] = max_capacity == 1 ? 1 : (int) random_below(&seed, max_capacity + 1);
	for (int i = 0; i < np; i++)
	{
		for (int j = 0; j < nl; j++)
		{
			int64_t		c;

			if (random_unit(&seed) >= share)
				continue;
			if (strcmp(kind, "uniform") == 0)
				c = random_below(&seed, 1000000);
			else if (strcmp(kind, "ties") == 0)
				c = 1 + random_below(&seed, 5);
			else if (strcmp(kind, "product") == 0)
				c = (int64_t) (i + 1) * (j + 1);
			else
				c = school_cost(&s, i, j, ASSIGN_NONE);
			if (c == ASSIGN_NONE)
				continue;
			t.lead[n] = j;
			t.cost[n++] = c;
			largest = c > largest ? c : largest;
		}
		t.start[i + 1] = n;
	}
	t.unpaired = lexicographic ? 1 + total * largest : largest / 3;
	free_schools(&s);
	return t;
}

static inline void
free_instance(Instance *t)
{
	free(t->places);
	free(t->capacity);
	free(t->start);
	free(t->lead);
	free(t->cost);
}

static inline void *
plain_alloc(void *ctx, size_t bytes)
{
	(void) ctx;
	return malloc(bytes);
}

static inline void
plain_release(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

/* The instance as a problem. */
static inline AssignProblem
instance_problem(const Instance *t)
{
	AssignProblem prob;

	memset(&prob, 0, sizeof(prob));
	prob.npartner = t->np;
	prob.nlead = t->nl;
	prob.places = t->places;
	prob.capacity = t->capacity;
	prob.unpaired = t->unpaired;
	prob.row_start = t->start;
	prob.row_lead = t->lead;
	prob.row_cost = t->cost;
	prob.hooks.alloc = plain_alloc;
	prob.hooks.release = plain_release;
	return prob;
}

/* Cost of a listed pair, for a problem that asks: ctx is the instance. */
static inline int64_t
instance_cost(void *ctx, int i, int j, int64_t limit)
{
	const Instance *t = ctx;
	int64_t		low = t->start[i];
	int64_t		high = t->start[i + 1];

	while (low < high)
	{
		int64_t		middle = (low + high) / 2;

		if (t->lead[middle] == j)
			return t->cost[middle] < limit ? t->cost[middle] : ASSIGN_NONE;
		if (t->lead[middle] < j)
			low = middle + 1;
		else
			high = middle;
	}
	return ASSIGN_NONE;
}

#endif							/* ASSIGN_INSTANCE_H */
