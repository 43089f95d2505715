/*
 * hostile.c
 *		What the solver does with hooks that leave or fail, with results that
 *		were tampered with, with degenerate problems and with none.
 *
 *	hostile [SCALE]
 *
 * SCALE (default 100) is the number of instances in percent.  The last line has
 * the numbers of cases passed and failed; a case is one instance.
 */
#include "common.h"

/* What can be called: solve, stable, in order, verify. */
typedef struct Call
{
	AssignProblem prob;
	const AssignResult *given;	/* for verify */
	int			what;
	AssignResult result;
	AssignStatus status;
	AssignFault fault;
} Call;

static void
make_call(Call *c)
{
	memset(&c->result, 0, sizeof(c->result));
	c->status = ASSIGN_OK;
	c->fault = ASSIGN_PROVEN;
	if (c->what == 0)
		c->status = assign_solve(&c->prob, &c->result);
	else if (c->what == 1)
		c->status = assign_stable(&c->prob, &c->result);
	else if (c->what == 2)
		c->status = assign_in_order(&c->prob, NULL, &c->result);
	else
		c->fault = assign_verify(&c->prob, c->given, NULL, NULL);
}

/* The same; true if it was left by longjmp. */
static bool
make_call_with_way_out(Call *c)
{
	if (setjmp(account.out) != 0)
		return true;
	make_call(c);
	return false;
}

/* Leave by longjmp, and run out of memory, at every kind of moment. */
static void
test_hooks(long n)
{
	for (long seed = 1; seed <= n; seed++)
	{
		Instance	t = odd_instance((uint64_t) seed + 4000000, seed % 4 == 0 ? 120 : 40);
		int64_t		calls = 1;
		int			allocs = 1;
		AssignResult given;
		Call		c;

		if (!solve(&t, &given, "hooks", seed))
		{
			end_case();
			continue;
		}
		c.prob = form_of(&t, (int) (seed % 3));
		c.given = &given;
		c.what = (int) (seed / 3 % 4);

		/* run 0 is counted, run 1 left, run 2 without memory, run 3 as run 0 */
		for (int run = 0; run < 4; run++)
		{
			uint64_t	s = (uint64_t) seed;
			bool		left;

			c.prob.hooks = account_hooks();
			if (run == 1)
				account.jump_at = 1 + random_below(&s, calls);
			if (run == 2)
				account.fail_at = 1 + (int) random_below(&s, allocs);
			left = make_call_with_way_out(&c);
			check(!account.wrong, "hooks %ld, run %d: released what was not given", seed, run);
			check(left == (run == 1), "hooks %ld, run %d: left or not", seed, run);
			if (run == 0)
			{
				calls = account.calls;
				allocs = account.allocs;
			}
			if (run == 2)
			{
				if (c.what == 3)
					check(c.fault == ASSIGN_FAULT_PROBLEM, "hooks %ld: verified without memory", seed);
				else
					check(c.status == ASSIGN_NO_MEMORY && !c.result.lead && !c.result.u,
						  "hooks %ld: solved without memory", seed);
			}
			else if (run != 1)
			{
				check(c.status == ASSIGN_OK && c.fault == ASSIGN_PROVEN, "hooks %ld, run %d: status", seed, run);
				if (c.what == 0)
					check(same_plan(&c.result, &given) && same_prices(&t, &c.result, &given),
						  "hooks %ld, run %d: another plan", seed, run);
				if (c.what != 3)
					assign_release(&c.prob, &c.result);
			}
			if (run != 1)
				check(account.n == 0, "hooks %ld, run %d: %d blocks kept", seed, run, account.n);
			account_clear(&account);
		}
		done_with(&given);
		free_instance(&t);
		end_case();
	}
}

/* No phase asks for very many costs without asking whether to go on. */
static void
test_rate(void)
{
	Instance	t = make_instance("effect", 5, 700, 600, 2, 2, .8, true);
	AssignResult given;
	Call		c;

	if (solve(&t, &given, "rate of interrupts", 0))
	{
		c.prob = form_of(&t, 2);
		c.given = &given;
		for (c.what = 0; c.what < 4; c.what++)
		{
			c.prob.hooks = account_hooks();
			make_call(&c);
			check(c.status == ASSIGN_OK && c.fault == ASSIGN_PROVEN, "rate of interrupts, %d: status", c.what);
			check(account.most_asked > 0 && account.most_asked <= 20000,
				  "rate of interrupts, %d: %lld costs asked in a row", c.what, (long long) account.most_asked);
			if (c.what != 3)
				assign_release(&c.prob, &c.result);
			end_case();
		}
		done_with(&given);
	}
	free_instance(&t);
}

/* Change one thing in a result; returns the fault that this must be, -1 if it depends. */
static int
corrupt(const Instance *t, AssignResult *r, int kind, uint64_t *s)
{
	int			i = (int) random_below(s, t->np);
	int			j = (int) random_below(s, t->nl);
	int			k = r->nplace > 0 ? (int) random_below(s, r->nplace) : -1;
	int64_t		by = 1 + random_below(s, 3);

	switch (kind)
	{
		case 0:
			r->nplace++;
			return ASSIGN_FAULT_SHAPE;
		case 1:
			r->place_start[1 + i]++;
			return ASSIGN_FAULT_SHAPE;
		case 2:
			if (k >= 0)
				r->lead[k] = random_below(s, 2) ? t->nl + (int) by - 1 : -1 - (int) by;
			return k >= 0 ? ASSIGN_FAULT_LEAD : -1;
		case 3:
			if (k >= 0)
				r->lead[k] = j;
			return -1;
		case 4:
			if (k >= 0)
				r->lead[k] = -1;
			return -1;
		case 5:
			/* a second time */
			if (r->place_start[i] + 1 >= r->place_start[i + 1] || r->lead[r->place_start[i]] < 0)
				return -1;
			r->lead[r->place_start[i] + 1] = r->lead[r->place_start[i]];
			return ASSIGN_FAULT_TWICE;
		case 6:
			r->cost += random_below(s, 2) ? by : -by;
			return ASSIGN_FAULT_TOTAL;
		case 7:
			r->empty += random_below(s, 2) ? by : -by;
			return ASSIGN_FAULT_TOTAL;
		case 8:
			r->u[i] = t->unpaired + by;
			return -1;
		case 9:
			r->u[i] += by;
			return -1;
		case 10:
			r->u[i] -= by;
			return -1;
		case 11:
			r->v[j] = by;
			return -1;
		case 12:
			r->v[j] -= by;
			return -1;
		case 13:
			r->v[j] += by;
			return -1;
		case 14:
			if (r->nextra > 0)
				r->extra[random_below(s, r->nextra)].w += random_below(s, 2) ? by : -by;
			return -1;
		case 15:
			if (r->nextra > 0)
				r->extra[random_below(s, r->nextra)].lead = (int) random_below(s, t->nl + 2) - 1;
			return -1;
		case 16:
			if (r->nextra > 0)
				r->extra[random_below(s, r->nextra)].partner = (int) random_below(s, t->np + 2) - 1;
			return -1;
		case 17:
			if (r->nextra > 0)
				r->nextra--;
			return -1;
		case 18:
			r->u[i] = INT64_MIN + by;
			return ASSIGN_FAULT_U;
		case 19:
			r->v[j] = INT64_MIN + by;
			return ASSIGN_FAULT_V;
		case 20:
			if (r->nextra > 0)
				r->extra[random_below(s, r->nextra)].w = INT64_MIN + by;
			return -1;
		case 21:
			r->u[i] += by;
			r->v[j] -= by;
			return -1;
		case 22:
			r->extra[r->nextra++] = (AssignExtra) {(int) random_below(s, t->np + 2) - 1, j, -by};
			return -1;
	}
	return -1;
}

#define CORRUPTIONS 23

static AssignResult
copy_result(const Instance *t, const AssignResult *r)
{
	AssignResult c = *r;
	size_t		np = (size_t) t->np;
	size_t		nl = (size_t) t->nl;

	c.place_start = malloc((np + 1) * sizeof(int));
	memcpy(c.place_start, r->place_start, (np + 1) * sizeof(int));
	c.lead = malloc(((size_t) r->nplace + 1) * sizeof(int));
	memcpy(c.lead, r->lead, (size_t) r->nplace * sizeof(int));
	c.u = malloc((np + 1) * sizeof(int64_t));
	memcpy(c.u, r->u, np * sizeof(int64_t));
	c.v = malloc((nl + 1) * sizeof(int64_t));
	memcpy(c.v, r->v, nl * sizeof(int64_t));
	c.extra = malloc(((size_t) r->nextra + 2) * sizeof(AssignExtra));
	memcpy(c.extra, r->extra, (size_t) r->nextra * sizeof(AssignExtra));
	return c;
}

/* assign_verify() must find fault just where the definitions do. */
static void
test_corruption(long n)
{
	int			seen[ASSIGN_FAULT_ROOM_SLACK + 1] = {0};
	int			caught[CORRUPTIONS] = {0};

	for (long seed = 1; seed <= n; seed++)
	{
		Instance	t = odd_instance((uint64_t) seed + 5000000, 9);
		AssignResult r;

		if (t.np == 0 || t.nl == 0 || !solve(&t, &r, "corruption", seed))
		{
			free_instance(&t);
			continue;
		}

		for (int kind = 0; kind < CORRUPTIONS; kind++)
		{
			uint64_t	s = (uint64_t) (seed * CORRUPTIONS + kind);
			AssignResult c = copy_result(&t, &r);
			int			must = corrupt(&t, &c, kind, &s);
			AssignProblem prob = form_of(&t, (int) (seed % 3));
			int			partner;
			int			lead;
			AssignFault fault = assign_verify(&prob, &c, &partner, &lead);
			bool		holds = plan_holds(&t, &c) && prices_hold(&t, &c);

			/*
			 * Refused though it may be valid: a price of no use that is out of
			 * range, a w of 0 or one listed out of order.
			 */
			if (kind == 18 || kind == 19)
				holds = false;
			if (kind >= 14 && kind <= 16 && fault == ASSIGN_FAULT_EXTRA)
				holds = false;
			check((fault == ASSIGN_PROVEN) == holds && (must < 0 || (int) fault == must),
				  "corruption %ld, kind %d: %s", seed, kind, assign_fault_text(fault));
			check(partner >= -1 && lead >= -1, "corruption %ld, kind %d: place", seed, kind);
			seen[fault]++;
			caught[kind] += fault != ASSIGN_PROVEN;
			done_with(&c);
		}

		/* a problem that is none, and one whose pair is gone */
		{
			AssignProblem prob = instance_problem(&t);

			prob.unpaired = ASSIGN_MAX_UNPAIRED + 1;
			seen[assign_verify(&prob, &r, NULL, NULL)]++;
		}
		for (int i = 0; i < t.np; i++)
			if (r.place_start[i] < r.place_start[i + 1] && r.lead[r.place_start[i]] >= 0)
			{
				AssignProblem prob = instance_problem(&t);

				for (int64_t k = t.start[i]; k < t.start[i + 1]; k++)
					if (t.lead[k] == r.lead[r.place_start[i]])
					{
						forbid(&t, k);
						break;
					}
				check(assign_verify(&prob, &r, NULL, NULL) == ASSIGN_FAULT_FORBIDDEN,
					  "corruption %ld: forbidden", seed);
				seen[ASSIGN_FAULT_FORBIDDEN]++;
				break;
			}
		done_with(&r);
		free_instance(&t);
		end_case();
	}
	for (int kind = 0; kind < CORRUPTIONS; kind++)
		check(caught[kind] > 0, "corruption of kind %d was never caught", kind);
	end_case();
	for (int fault = 0; fault <= ASSIGN_FAULT_ROOM_SLACK; fault++)
		if (fault != ASSIGN_FAULT_UNPRICED)
			check(seen[fault] > 0, "never seen: %s", assign_fault_text((AssignFault) fault));
	end_case();
}

static int64_t
equal_cost(void *ctx, int i, int j, int64_t limit)
{
	(void) ctx;
	(void) i;
	(void) j;
	return limit > 1000 ? 1000 : ASSIGN_NONE;
}

static int64_t
no_cost(void *ctx, int i, int j, int64_t limit)
{
	(void) ctx;
	(void) i;
	(void) j;
	(void) limit;
	return ASSIGN_NONE;
}

/* Equal within 32 groups, forbidden inside an authority. */
static int64_t
group_cost(void *ctx, int i, int j, int64_t limit)
{
	int64_t		c = (int64_t) (i % 32 - j % 32) * (i % 32 - j % 32);

	(void) ctx;
	return i / 7 == j / 7 || c >= limit ? ASSIGN_NONE : c;
}

/* Everybody wants the same leads. */
static int64_t
common_cost(void *ctx, int i, int j, int64_t limit)
{
	(void) ctx;
	(void) i;
	return 10 * (int64_t) j < limit ? 10 * (int64_t) j : ASSIGN_NONE;
}

/* Nine tenths cost the same, the rest ever more. */
static int64_t
overflow_cost(void *ctx, int i, int j, int64_t limit)
{
	int64_t		c = j < *(int *) ctx * 9 / 10 ? 0 : 10 * (int64_t) j;

	(void) i;
	return c < limit ? c : ASSIGN_NONE;
}

/*
 * Degenerate problems: the work, counted, must stay near what the problem's size
 * explains: pairs priced in pairs, nodes settled in searches.
 */
static void
test_degenerate(int n)
{
	static const struct
	{
		const char *name;
		int64_t		(*cost) (void *, int, int, int64_t);
		int			capacity;	/* of each lead */
		int			lead_share; /* leads in percent of partners; 0: one lead */
		int64_t		unpaired;
		int			empty_share;	/* places that stay empty, in percent; -1: see below */
		double		most_priced;	/* times all pairs */
		double		most_settled;	/* times partners */
	}			problem[] = {
		{"all equal", equal_cost, 1, 100, INT64_C(1) << 50, 0, 1.01, 1.5},
		{"all equal, too few leads", equal_cost, 1, 50, INT64_C(1) << 50, 50, 2.01, 4},
		{"all equal, three each", equal_cost, 3, 34, INT64_C(1) << 50, 0, 1.01, 20},
		{"all equal, too dear", equal_cost, 1, 100, 1000, 100, 1.01, 0},
		{"all forbidden", no_cost, 1, 100, INT64_C(1) << 50, 100, 1.01, 0},
		{"no capacity", equal_cost, 0, 100, INT64_C(1) << 50, 100, 1.01, 0},
		{"one lead", equal_cost, 10, 0, INT64_C(1) << 50, -1, 1.01, 4},
		{"equal groups", group_cost, 1, 100, INT64_C(1) << 50, 0, 1.5, 10},
		{"equal groups, two each", group_cost, 2, 50, INT64_C(1) << 50, 0, 4, 500},
		{"common wishes", common_cost, 1, 100, INT64_C(1) << 50, 0, 2.01, 1.01 * 4000},
		{"overflow", overflow_cost, 1, 100, INT64_C(1) << 50, 0, 2.01, 1.01 * 4000},
	};

	for (size_t p = 0; p < sizeof(problem) / sizeof(problem[0]); p++)
	{
		AssignProblem prob;
		AssignResult r;
		int		   *capacity;
		int			leads = problem[p].lead_share ? n * problem[p].lead_share / 100 : 1;
		AssignFault fault;

		capacity = calloc((size_t) leads, sizeof(int));
		for (int j = 0; j < leads; j++)
			capacity[j] = problem[p].capacity;
		memset(&prob, 0, sizeof(prob));
		prob.npartner = problem[p].most_settled > 1000 && n > 4000 ? 4000 : n;
		prob.nlead = prob.npartner < n && leads > 1 ? prob.npartner : leads;
		prob.capacity = capacity;
		prob.unpaired = problem[p].unpaired;
		prob.cost = problem[p].cost;
		prob.cost_ctx = &prob.npartner;
		prob.hooks = account_hooks();
		if (!check(assign_solve(&prob, &r) == ASSIGN_OK, "%s: status", problem[p].name))
			continue;
		fault = assign_verify(&prob, &r, NULL, NULL);
		check(fault == ASSIGN_PROVEN, "%s: %s", problem[p].name, assign_fault_text(fault));
		check(r.empty == (problem[p].empty_share < 0 ? prob.npartner - 10 :
						  (int64_t) prob.npartner * problem[p].empty_share / 100),
			  "%s: %lld empty", problem[p].name, (long long) r.empty);
		check((double) r.stats.priced <= problem[p].most_priced * prob.npartner * prob.nlead + 1,
			  "%s: %.3f times all pairs priced", problem[p].name,
			  (double) r.stats.priced / prob.npartner / prob.nlead);
		check((double) r.stats.settled <= problem[p].most_settled * prob.npartner,
			  "%s: %.1f nodes settled for each partner", problem[p].name, (double) r.stats.settled / prob.npartner);
		assign_release(&prob, &r);

		/* the greedy plans must not search without end either */
		if (check(assign_stable(&prob, &r) == ASSIGN_OK, "%s: stable", problem[p].name))
		{
			check((double) r.stats.priced <= 5.0 * prob.npartner * prob.npartner,
				  "%s: %.3f times all pairs for a stable plan",
				  problem[p].name, (double) r.stats.priced / prob.npartner / prob.nlead);
			assign_release(&prob, &r);
		}
		check(account.n == 0 && !account.wrong, "%s: memory", problem[p].name);
		free(capacity);
		end_case();
	}
}

/* What is not a problem is refused, with the reason. */
static void
test_status(void)
{
	int			one[] = {1, 1};
	int			minus[] = {1, -1};
	int			many[] = {ASSIGN_MAX_PLACES, 1};
	int64_t		start[] = {0, 2, 3};
	int64_t		falling[] = {0, 2, 1};
	int64_t		late[] = {1, 2, 3};
	int64_t		long_row[] = {0, 3, 3};
	int			lead[] = {0, 1, 1};
	int			twice[] = {1, 1, 1};
	int			outside[] = {0, 2, 1};
	int			below[] = {-1, 0, 1};
	int64_t		cost[] = {ASSIGN_MAX_COST, -ASSIGN_MAX_COST, 0};
	int64_t		dear[] = {ASSIGN_MAX_COST + 1, 0, 0};
	int64_t		cheap[] = {0, 0, -ASSIGN_MAX_COST - 1};
	int			same[] = {0, 0};
	int			far[] = {0, 2};
	AssignProblem good;
	AssignProblem prob;
	AssignResult r;

	memset(&good, 0, sizeof(good));
	good.npartner = good.nlead = 2;
	good.row_start = start;
	good.row_lead = lead;
	good.row_cost = cost;
	good.unpaired = ASSIGN_MAX_UNPAIRED;
	good.hooks = account_hooks();

#define REFUSED(field, value, status) \
	(prob = good, prob.field = (value), \
	 check(assign_solve(&prob, &r) == (status) && r.lead == NULL, "status: %s of solve", #field " " #value), \
	 check(assign_stable(&prob, &r) == (status) && r.lead == NULL, "status: %s of stable", #field " " #value), \
	 check(assign_in_order(&prob, NULL, &r) == (status) && r.lead == NULL, "status: %s of in order", #field " " #value), \
	 check(account.n == 0 && !account.wrong, "status: memory with %s", #field " " #value), \
	 end_case())

	REFUSED(npartner, -1, ASSIGN_BAD_SHAPE);
	REFUSED(nlead, -1, ASSIGN_BAD_SHAPE);
	REFUSED(nlead, INT_MAX, ASSIGN_BAD_SHAPE);
	REFUSED(places, minus, ASSIGN_BAD_PLACES);
	REFUSED(capacity, minus, ASSIGN_BAD_PLACES);
	REFUSED(places, many, ASSIGN_TOO_MANY_PLACES);
	REFUSED(unpaired, ASSIGN_MAX_UNPAIRED + 1, ASSIGN_BAD_UNPAIRED);
	REFUSED(unpaired, -ASSIGN_MAX_UNPAIRED - 1, ASSIGN_BAD_UNPAIRED);
	REFUSED(unpaired, INT64_MIN, ASSIGN_BAD_UNPAIRED);
	REFUSED(row_start, NULL, ASSIGN_BAD_ROWS);
	REFUSED(row_start, falling, ASSIGN_BAD_ROWS);
	REFUSED(row_start, late, ASSIGN_BAD_ROWS);
	REFUSED(row_start, long_row, ASSIGN_BAD_ROWS);
	REFUSED(row_lead, twice, ASSIGN_BAD_ROWS);
	REFUSED(row_lead, outside, ASSIGN_BAD_ROWS);
	REFUSED(row_lead, below, ASSIGN_BAD_ROWS);
	REFUSED(row_cost, dear, ASSIGN_BAD_COST);
	REFUSED(row_cost, cheap, ASSIGN_BAD_COST);
	check(assign_in_order(&good, same, &r) == ASSIGN_BAD_ORDER, "status: an order with one partner twice");
	check(assign_in_order(&good, far, &r) == ASSIGN_BAD_ORDER, "status: an order with no such partner");
	end_case();

	/* a cost function that breaks its promise is caught where its value would count */
	{
		Instance	t = make_instance("ties", 1, 3, 3, 1, 1, 1, true);

		for (int k = 0; k < 9; k++)
			t.cost[k] = -ASSIGN_MAX_COST - 1;
		prob = instance_problem(&t);
		prob.cost = instance_cost;
		prob.cost_ctx = &t;
		prob.hooks = good.hooks;
		check(assign_solve(&prob, &r) == ASSIGN_BAD_COST, "status: cost function, solve");
		check(assign_stable(&prob, &r) == ASSIGN_BAD_COST, "status: cost function, stable");
		check(assign_in_order(&prob, NULL, &r) == ASSIGN_BAD_COST, "status: cost function, in order");
		free_instance(&t);
		end_case();
	}

	/* and what is one, is not: M, places and costs at their bounds */
	prob = good;
	prob.places = one;
	check(assign_solve(&prob, &r) == ASSIGN_OK && r.empty == 0 && r.cost == ASSIGN_MAX_COST &&
		  assign_verify(&prob, &r, NULL, NULL) == ASSIGN_PROVEN, "status: the greatest costs and M");
	assign_release(&prob, &r);
	many[1] = 0;
	prob.places = many;
	check(assign_solve(&prob, &r) == ASSIGN_OK && r.empty == ASSIGN_MAX_PLACES - 2 && r.cost == 0 &&
		  assign_verify(&prob, &r, NULL, NULL) == ASSIGN_PROVEN, "status: the most places");
	assign_release(&prob, &r);
	prob = good;
	prob.npartner = prob.nlead = 0;
	check(assign_solve(&prob, &r) == ASSIGN_OK && r.nplace == 0 && r.cost == 0 &&
		  assign_verify(&prob, &r, NULL, NULL) == ASSIGN_PROVEN, "status: nobody");
	assign_release(&prob, &r);
	check(account.n == 0 && !account.wrong, "status: memory");
	for (int s = 0; s <= ASSIGN_NO_MEMORY; s++)
		check(strlen(assign_status_text((AssignStatus) s)) > 5, "status: no text for %d", s);
	end_case();
}

int
main(int argc, char **argv)
{
	long		scale = argc > 1 ? atol(argv[1]) : 100;

	test_status();
	report("problems refused and accepted");
	test_hooks(20 * scale);
	test_rate();
	report("interrupts, memory");
	test_corruption(30 * scale);
	report("corrupted results");
	test_degenerate(scale >= 1000 ? 20000 : scale >= 100 ? 4000 : 1000);
	report("degenerate");
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
