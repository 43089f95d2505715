/*
 * truth.c
 *		The assignment solver against enumeration, its prices against every
 *		inequality, the greedy plans against their definitions.
 *
 *	truth [SCALE]
 *
 * SCALE (default 100) is the number of instances in percent.  The last line has
 * the numbers of cases passed and failed; a case is one instance.
 */
#include "common.h"

/* Least value of a plan for partners from i on, trying all. */
static Wide
enumerate(const Instance *t, int *room, int i)
{
	Wide		best = 0;
	bool		found = false;

	if (i == t->np)
		return 0;
	for (int set = 0; set < 1 << t->nl; set++)
	{
		Wide		value = 0;
		int			n = 0;
		bool		can = true;

		for (int j = 0; j < t->nl && can; j++)
			if (set >> j & 1)
			{
				int64_t		c = cost_of(t, i, j);

				can = c != ASSIGN_NONE && room[j] > 0 && n < t->places[i];
				value += c;
				n++;
			}
		if (!can)
			continue;
		for (int j = 0; j < t->nl; j++)
			room[j] -= set >> j & 1;
		value += (Wide) t->unpaired * (t->places[i] - n) + enumerate(t, room, i + 1);
		for (int j = 0; j < t->nl; j++)
			room[j] += set >> j & 1;
		if (!found || value < best)
			best = value;
		found = true;
	}
	return best;
}

/* One instance in all forms and with few candidates; value NULL: not known. */
static void
test_instance(const Instance *t, const Wide *value, const char *what, long seed)
{
	AssignResult first[4];
	Wide		found = 0;

	for (int few = 0; few < 4; few++)
		for (int form = 0; form < 3; form++)
		{
			AssignProblem prob = form_of(t, form);
			AssignResult r;
			AssignStatus status;
			AssignFault fault;
			bool		single = true;

			prob.hooks = account_hooks();
			prob.candidates = few;
			status = assign_solve(&prob, &r);
			if (!check(status == ASSIGN_OK, "%s %ld: %s", what, seed, assign_status_text(status)))
				return;
			fault = assign_verify(&prob, &r, NULL, NULL);
			check(fault == ASSIGN_PROVEN, "%s %ld, form %d, few %d: %s",
				  what, seed, form, few, assign_fault_text(fault));
			check(plan_holds(t, &r), "%s %ld, form %d, few %d: plan", what, seed, form, few);
			check(prices_hold(t, &r), "%s %ld, form %d, few %d: prices", what, seed, form, few);
			if (value)
				check(value_of(t, &r) == *value, "%s %ld, form %d, few %d: value", what, seed, form, few);
			for (int i = 0; i < t->np; i++)
			{
				single = single && t->places[i] <= 1;
				for (int k = r.place_start[i] + 1; k < r.place_start[i + 1]; k++)
					if (r.lead[k] >= 0)
						check(cost_of(t, i, r.lead[k - 1]) <= cost_of(t, i, r.lead[k]),
							  "%s %ld: order of places", what, seed);
			}
			if (single)
				check(r.nextra == 0, "%s %ld: w with one place each", what, seed);
			if (few == 0)
				found = value_of(t, &r);
			check(value_of(t, &r) == found, "%s %ld, form %d, few %d: another value", what, seed, form, few);
			if (form == 0)
				first[few] = r;
			else
			{
				check(same_plan(&r, &first[few]) && same_prices(t, &r, &first[few]),
					  "%s %ld, few %d: form %d differs", what, seed, few, form);
				assign_release(&prob, &r);
				check(account.n == 0 && !account.wrong, "%s %ld: memory", what, seed);
			}
		}

	/* the accounts that these came from have been opened anew since */
	for (int few = 0; few < 4; few++)
		done_with(&first[few]);
}

static void
test_small(long n)
{
	for (long seed = 1; seed <= n; seed++)
	{
		Instance	t = odd_instance((uint64_t) seed, 4);
		Wide		value = enumerate(&t, t.capacity, 0);

		test_instance(&t, &value, "small", seed);
		free_instance(&t);
		end_case();
	}
}

static void
test_middling(long n)
{
	for (long seed = 1; seed <= n; seed++)
	{
		Instance	t = odd_instance((uint64_t) seed + 1000000, seed % 10 == 0 ? 150 : 40);

		test_instance(&t, NULL, "middling", seed);
		free_instance(&t);
		end_case();
	}
}

/* The same problem with its partners and leads in another order. */
static Instance
permuted(const Instance *t, uint64_t seed)
{
	Instance	p = make_instance("ties", 1, t->np, t->nl, 1, 1, 1, true);
	int		   *partner = calloc((size_t) t->np + 1, sizeof(int));
	int		   *lead = calloc((size_t) t->nl + 1, sizeof(int));
	int64_t		n = 0;

	for (int k = 0; k < t->np; k++)
	{
		int			at = (int) random_below(&seed, k + 1);

		partner[k] = partner[at];
		partner[at] = k;
	}
	for (int k = 0; k < t->nl; k++)
	{
		int			at = (int) random_below(&seed, k + 1);

		lead[k] = lead[at];
		lead[at] = k;
	}
	p.unpaired = t->unpaired;
	for (int j = 0; j < t->nl; j++)
		p.capacity[j] = t->capacity[lead[j]];
	for (int i = 0; i < t->np; i++)
	{
		p.places[i] = t->places[partner[i]];
		for (int j = 0; j < t->nl; j++)
			if (cost_of(t, partner[i], lead[j]) != ASSIGN_NONE)
			{
				p.lead[n] = j;
				p.cost[n++] = cost_of(t, partner[i], lead[j]);
			}
		p.start[i + 1] = n;
	}
	free(partner);
	free(lead);
	return p;
}

static void
test_properties(long n)
{
	for (long seed = 1; seed <= n; seed++)
	{
		Instance	t = odd_instance((uint64_t) seed + 2000000, 25);
		Instance	p = permuted(&t, (uint64_t) seed);
		uint64_t	s = (uint64_t) seed;
		AssignResult r;
		AssignResult changed;

		if (!solve(&t, &r, "properties", seed))
		{
			end_case();
			continue;
		}
		if (solve(&p, &changed, "permuted", seed))
		{
			check(value_of(&t, &r) == value_of(&p, &changed), "permuted %ld: value", seed);
			done_with(&changed);
		}
		if (t.nl > 0)
		{
			int			j = (int) random_below(&s, t.nl);

			t.capacity[j]++;
			if (solve(&t, &changed, "more capacity", seed))
			{
				/* -v_j is the most that it can save */
				check(value_of(&t, &changed) <= value_of(&t, &r), "more capacity %ld: dearer", seed);
				check(value_of(&t, &changed) >= value_of(&t, &r) + r.v[j], "more capacity %ld: saves more than its price", seed);
				done_with(&changed);
			}
			t.capacity[j]--;
		}
		if (t.start[t.np] > 0)
		{
			forbid(&t, random_below(&s, t.start[t.np]));
			if (solve(&t, &changed, "forbidden", seed))
			{
				check(value_of(&t, &changed) >= value_of(&t, &r), "forbidden %ld: cheaper", seed);
				done_with(&changed);
			}
		}
		done_with(&r);
		free_instance(&t);
		free_instance(&p);
		end_case();
	}
}

/* The plans without prices, and runners-up, against their definitions. */
static void
test_greedy(long n)
{
	for (long seed = 1; seed <= n; seed++)
	{
		Instance	t = odd_instance((uint64_t) seed + 3000000, seed % 5 == 0 ? 40 : 9);
		int		   *room = calloc((size_t) t.nl + 1, sizeof(int));
		int		   *filled = calloc((size_t) t.np + 1, sizeof(int));
		int		   *order = calloc((size_t) t.np + 1, sizeof(int));
		uint64_t	s = (uint64_t) seed;

		for (int k = 0; k < t.np; k++)
		{
			int			at = (int) random_below(&s, k + 1);

			order[k] = order[at];
			order[at] = k;
		}

		/* way 0: stable; 1: by number, 2: in that order */
		for (int way = 0; way < 3; way++)
		{
			AssignResult want;
			AssignResult r;

			memset(&want, 0, sizeof(want));
			want.lead = calloc(4 * (size_t) t.np + 1, sizeof(int));
			want.place_start = calloc((size_t) t.np + 1, sizeof(int));
			for (int i = 0; i < t.np; i++)
				want.place_start[i + 1] = want.place_start[i] + t.places[i];
			want.nplace = want.place_start[t.np];
			want.empty = want.nplace;
			memset(want.lead, -1, (size_t) want.nplace * sizeof(int));
			memcpy(room, t.capacity, (size_t) t.nl * sizeof(int));
			memset(filled, 0, (size_t) t.np * sizeof(int));
			for (int turn = 0;;)
			{
				int64_t		least = t.unpaired;
				int			best_i = -1;
				int			best_j = -1;

				for (int i = 0; i < t.np; i++)
					for (int j = 0; j < t.nl; j++)
					{
						bool		can = cost_of(&t, i, j) < least && room[j] > 0 && filled[i] < t.places[i];

						if (way > 0 && turn < t.np && i != (way == 1 ? turn : order[turn]))
							can = false;
						for (int k = 0; k < filled[i] && can; k++)
							can = want.lead[want.place_start[i] + k] != j;
						if (can)
						{
							least = cost_of(&t, i, j);
							best_i = i;
							best_j = j;
						}
					}
				if (best_i >= 0)
				{
					want.lead[want.place_start[best_i] + filled[best_i]++] = best_j;
					room[best_j]--;
					want.cost += least;
					want.empty--;
				}
				else if (way == 0 || ++turn >= t.np)
					break;
			}
			for (int form = 0; form < 3; form++)
			{
				AssignProblem prob = form_of(&t, form);
				AssignStatus status;

				prob.hooks = account_hooks();
				status = way == 0 ? assign_stable(&prob, &r) : assign_in_order(&prob, way == 1 ? NULL : order, &r);
				check(status == ASSIGN_OK && same_plan(&r, &want), "greedy %ld, way %d, form %d", seed, way, form);
				check(status == ASSIGN_OK && plan_holds(&t, &r), "greedy %ld, way %d, form %d: plan", seed, way, form);
				check(assign_verify(&prob, &r, NULL, NULL) == ASSIGN_FAULT_UNPRICED, "greedy %ld: verify", seed);
				assign_release(&prob, &r);
				check(account.n == 0 && !account.wrong, "greedy %ld: memory", seed);
			}
			free(want.lead);
			free(want.place_start);
		}
		for (int form = 0; form < 3; form++)
		{
			AssignProblem prob = form_of(&t, form);
			AssignResult r;

			prob.hooks = account_hooks();
			if (!check(assign_solve(&prob, &r) == ASSIGN_OK, "runner-up %ld", seed))
				continue;
			for (int i = 0; i < t.np; i++)
			{
				int			lead;
				int			want = -1;
				int64_t		cost;
				int64_t		margin = assign_runner_up(&prob, &r, i, &lead, &cost);

				for (int j = 0; j < t.nl; j++)
				{
					bool		own = cost_of(&t, i, j) == ASSIGN_NONE || t.capacity[j] == 0;

					for (int k = r.place_start[i]; k < r.place_start[i + 1]; k++)
						own = own || r.lead[k] == j;
					if (!own && (want < 0 || cost_of(&t, i, j) - r.v[j] < cost_of(&t, i, want) - r.v[want]))
						want = j;
				}
				check(lead == want, "runner-up %ld: %d, not %d", seed, lead, want);
				if (want >= 0)
					check(margin >= 0 && cost == cost_of(&t, i, want) && margin == cost - r.v[want] - r.u[i],
						  "runner-up %ld: margin", seed);
				else
					check(margin == ASSIGN_NONE && cost == ASSIGN_NONE, "runner-up %ld: none", seed);
			}
			assign_release(&prob, &r);
		}
		free(room);
		free(filled);
		free(order);
		free_instance(&t);
		end_case();
	}
}

/*
 * Square problems full of ties whose least value is known without solving them:
 * all costs equal; sums of a partner's and a lead's number, where every plan is
 * as good; a staircase, where partner i may only have leads from i on and only
 * the diagonal fills all places; half of the partners, and of the leads, the same
 * as the others' first, where a pair costs 0 just within its kind.
 */
static const char *const tie_kind[] = {"equal", "sums", "staircase", "halves"};

static int64_t
tie_cost(void *ctx, int i, int j, int64_t limit)
{
	(void) limit;
	switch (*(const int *) ctx)
	{
		case 0:
			return 7;
		case 1:
			return (int64_t) i * i % 1009 + (int64_t) j * 37 % 501;
		case 2:
			return j >= i ? i : ASSIGN_NONE;
		default:
			return i % 2 == j % 2 ? 0 : 5;
	}
}

static void
test_ties(int n)
{
	for (int kind = 0; kind < 4; kind++)
		for (int capacity = 1; capacity <= 2; capacity++)
		{
			AssignProblem prob;
			AssignResult r;
			int		   *each = calloc((size_t) n + 1, sizeof(int));
			int64_t		value = 0;
			AssignFault fault = ASSIGN_FAULT_PROBLEM;

			/* twice the capacity with half of the leads, but on the staircase */
			memset(&prob, 0, sizeof(prob));
			prob.npartner = n;
			prob.nlead = kind == 2 ? n : n / capacity;
			for (int j = 0; j < prob.nlead; j++)
				each[j] = kind == 2 ? 1 : capacity;
			prob.capacity = each;
			prob.unpaired = INT64_C(1) << 40;
			prob.cost = tie_cost;
			prob.cost_ctx = &kind;
			prob.hooks = account_hooks();
			for (int i = 0; i < n; i++)
				value += kind == 0 ? 7 : kind == 1 ? (int64_t) i * i % 1009 : kind == 2 ? i : 0;
			for (int j = 0; j < prob.nlead && kind == 1; j++)
				value += capacity * ((int64_t) j * 37 % 501);
			if (check(assign_solve(&prob, &r) == ASSIGN_OK, "ties, %s: not solved", tie_kind[kind]))
			{
				fault = assign_verify(&prob, &r, NULL, NULL);
				check(fault == ASSIGN_PROVEN, "ties, %s: %s", tie_kind[kind], assign_fault_text(fault));
				check(r.empty == 0 && r.cost == value, "ties, %s, capacity %d: %lld with %lld empty, not %lld",
					  tie_kind[kind], capacity, (long long) r.cost, (long long) r.empty, (long long) value);
				assign_release(&prob, &r);
			}
			check(account.n == 0 && !account.wrong, "ties, %s: memory", tie_kind[kind]);
			free(each);
			end_case();
		}
}

int
main(int argc, char **argv)
{
	long		scale = argc > 1 ? atol(argv[1]) : 100;

	test_small(60 * scale);
	report("small, against enumeration");
	test_middling(10 * scale);
	report("middling, every inequality of the certificate");
	test_properties(20 * scale);
	report("permuted, more capacity, fewer pairs");
	test_greedy(20 * scale);
	report("stable, in order, runner-up");
	test_ties(400);
	report("ties throughout, known values");
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
