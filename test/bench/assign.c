/*
 * assign.c
 *		Times the assignment solver; the program behind test/bench/assign.
 *
 *	assign matrix uniform|school N FILE		N x N costs, 64-bit integers
 *	assign dense N FILE						seconds to solve it, cost
 *	assign schools PARTNERS LEADS CAPACITY DIMENSIONS EFFECTS
 *
 * The last one computes costs as it goes, from points of so many dimensions, with
 * EFFECTS 1 among schools of which the lead must be the better one.  It prints
 * seconds to solve, to verify, for a stable plan and for one in order, then empty
 * places, pairs priced for each pair there is, candidates for each partner, bytes
 * that the solver used at most, and bytes of the process.  Seconds are of
 * processor time.
 */
#define _POSIX_C_SOURCE 200809L

#include "instance.h"

#include <sys/resource.h>
#include <time.h>

/* Processor time: what else the machine does takes none of it. */
static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void
fail(const char *what)
{
	fprintf(stderr, "assign: %s\n", what);
	exit(1);
}

static void *
allocate(size_t bytes)
{
	void	   *block = malloc(bytes);

	if (!block)
		fail("out of memory");
	return block;
}

typedef struct Matrix
{
	int			n;
	int64_t    *cost;
} Matrix;

static int64_t
matrix_cost(void *ctx, int i, int j, int64_t limit)
{
	const Matrix *m = ctx;

	(void) limit;
	return m->cost[(size_t) i * (size_t) m->n + (size_t) j];
}

/* One place each, so much capacity each, an empty place dearer than any saving. */
static AssignProblem
problem(int np, int nl, int capacity)
{
	AssignProblem prob;
	int		   *each = allocate((size_t) nl * sizeof(int));

	for (int j = 0; j < nl; j++)
		each[j] = capacity;
	memset(&prob, 0, sizeof(prob));
	prob.npartner = np;
	prob.nlead = nl;
	prob.capacity = each;
	prob.unpaired = 1 + np * (INT64_C(1) << 32);
	prob.hooks.alloc = plain_alloc;
	prob.hooks.release = plain_release;
	return prob;
}

static void
write_matrix(const char *kind, int n, const char *name)
{
	FILE	   *f = fopen(name, "wb");
	uint64_t	seed = 1;
	Schools		s = make_schools(2, n, n, 6, false);
	int64_t    *row = allocate((size_t) n * sizeof(int64_t));

	if (!f)
		fail("cannot write the matrix");
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
			row[j] = strcmp(kind, "uniform") == 0 ? random_below(&seed, 1000000) :
				school_cost(&s, i, j, ASSIGN_NONE);
		if (fwrite(row, sizeof(int64_t), (size_t) n, f) != (size_t) n)
			fail("cannot write the matrix");
	}
	if (fclose(f) != 0)
		fail("cannot write the matrix");
	free(row);
	free_schools(&s);
}

static void
dense(int n, const char *name)
{
	FILE	   *f = fopen(name, "rb");
	size_t		size = (size_t) n * (size_t) n;
	Matrix		m = {n, allocate(size * sizeof(int64_t))};
	AssignProblem prob = problem(n, n, 1);
	AssignResult r;
	double		began;

	if (!f || fread(m.cost, sizeof(int64_t), size, f) != size)
		fail("cannot read the matrix");
	fclose(f);
	prob.cost = matrix_cost;
	prob.cost_ctx = &m;
	began = seconds();
	if (assign_solve(&prob, &r) != ASSIGN_OK)
		fail("not solved");
	printf("%.4f %lld\n", seconds() - began, (long long) r.cost);
	if (assign_verify(&prob, &r, NULL, NULL) != ASSIGN_PROVEN)
		fail("not proven");
	assign_release(&prob, &r);
}

static void
schools(int np, int nl, int capacity, int dim, bool effects)
{
	Schools		s = make_schools(3, np, nl, dim, effects);
	AssignProblem prob = problem(np, nl, capacity);
	AssignResult r;
	AssignResult other;
	struct rusage usage;
	double		at[5];

	prob.cost = school_cost;
	prob.cost_ctx = &s;
	at[0] = seconds();
	if (assign_solve(&prob, &r) != ASSIGN_OK)
		fail("not solved");
	at[1] = seconds();
	if (assign_verify(&prob, &r, NULL, NULL) != ASSIGN_PROVEN)
		fail("not proven");
	at[2] = seconds();
	if (assign_stable(&prob, &other) != ASSIGN_OK)
		fail("no stable plan");
	assign_release(&prob, &other);
	at[3] = seconds();
	if (assign_in_order(&prob, NULL, &other) != ASSIGN_OK)
		fail("no plan in order");
	assign_release(&prob, &other);
	at[4] = seconds();
	getrusage(RUSAGE_SELF, &usage);
	printf("%.3f %.3f %.3f %.3f %lld %.2f %.1f %zu %lld\n", at[1] - at[0], at[2] - at[1], at[3] - at[2],
		   at[4] - at[3], (long long) r.empty, (double) r.stats.priced / np / nl,
		   (double) r.stats.candidates / np, r.stats.peak, (long long) usage.ru_maxrss * 1024);
	assign_release(&prob, &r);
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "matrix") == 0)
		write_matrix(argv[2], atoi(argv[3]), argv[4]);
	else if (argc == 4 && strcmp(argv[1], "dense") == 0)
		dense(atoi(argv[2]), argv[3]);
	else if (argc == 7 && strcmp(argv[1], "schools") == 0)
		schools(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atoi(argv[5]), atoi(argv[6]) != 0);
	else
		fail("matrix KIND N FILE, dense N FILE or schools PARTNERS LEADS CAPACITY DIMENSIONS EFFECTS");
	return 0;
}
