/*
 * driver.c
 *		Makes problems and solves them, for the peers to compare with.
 *
 *	driver KIND SEED PARTNERS LEADS PLACES CAPACITY SHARE LEXICOGRAPHIC FILE
 *
 * writes the problem to FILE as 64-bit integers in this machine's order (counts of
 * partners and leads, M, number of pairs, places, capacities, row starts, leads,
 * costs) and prints cost, empty places and the verdict on the proof, first with
 * the pairs listed, then with a cost function.
 */
#include "instance.h"

static void
put(FILE *f, int64_t value)
{
	if (fwrite(&value, sizeof(value), 1, f) != 1)
	{
		perror("driver");
		exit(1);
	}
}

static void
write_instance(const Instance *t, const char *name)
{
	FILE	   *f = fopen(name, "wb");

	if (!f)
	{
		perror(name);
		exit(1);
	}
	put(f, t->np);
	put(f, t->nl);
	put(f, t->unpaired);
	put(f, t->start[t->np]);
	for (int i = 0; i < t->np; i++)
		put(f, t->places[i]);
	for (int j = 0; j < t->nl; j++)
		put(f, t->capacity[j]);
	for (int i = 0; i <= t->np; i++)
		put(f, t->start[i]);
	for (int64_t k = 0; k < t->start[t->np]; k++)
		put(f, t->lead[k]);
	for (int64_t k = 0; k < t->start[t->np]; k++)
		put(f, t->cost[k]);
	if (fclose(f) != 0)
	{
		perror(name);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	Instance	t;

	if (argc != 10)
	{
		fprintf(stderr, "usage: driver KIND SEED PARTNERS LEADS PLACES CAPACITY SHARE LEXICOGRAPHIC FILE\n");
		return 2;
	}
	t = make_instance(argv[1], strtoull(argv[2], NULL, 10), atoi(argv[3]), atoi(argv[4]),
					  atoi(argv[5]), atoi(argv[6]), atof(argv[7]), atoi(argv[8]));
	write_instance(&t, argv[9]);
	for (int form = 0; form < 2; form++)
	{
		AssignProblem prob = instance_problem(&t);
		AssignResult result;
		AssignStatus status;

		if (form == 1)
		{
			prob.cost = instance_cost;
			prob.cost_ctx = &t;
		}
		status = assign_solve(&prob, &result);
		if (status != ASSIGN_OK)
		{
			fprintf(stderr, "driver: %s\n", assign_status_text(status));
			return 1;
		}
		printf("%lld %lld %s\n", (long long) result.cost, (long long) result.empty,
			   assign_fault_text(assign_verify(&prob, &result, NULL, NULL)));
		assign_release(&prob, &result);
	}
	free_instance(&t);
	return 0;
}
