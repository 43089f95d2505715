/*
 * common.h
 *		Counting, hooks that keep account, odd problems, and what a plan and its
 *		prices are by definition: for the programs that test the solver.
 */
#ifndef ASSIGN_COMMON_H
#define ASSIGN_COMMON_H

#include "instance.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

__extension__ typedef __int128 Wide;

static int	passed;
static int	failed;
static int	complaints;			/* in the present case */

/* A condition of the present case. */
static inline bool
check(bool ok, const char *format,...)
{
	va_list		args;

	if (ok)
		return true;
	if (complaints++ < 5 && failed < 20)
	{
		va_start(args, format);
		printf("FAILED ");
		vprintf(format, args);
		printf("\n");
		va_end(args);
	}
	return false;
}

/* A case passes if all its conditions held. */
static inline void
end_case(void)
{
	if (complaints > 0)
		failed++;
	else
		passed++;
	complaints = 0;
}

/* What the cases since the last call came to. */
static inline void
report(const char *part)
{
	static int	before_passed;
	static int	before_failed;

	printf("  %s: %d passed, %d failed\n", part, passed - before_passed, failed - before_failed);
	fflush(stdout);
	before_passed = passed;
	before_failed = failed;
}

/* ---------- hooks that keep account ---------- */

#define MAX_BLOCKS 100

typedef struct Account
{
	void	   *block[MAX_BLOCKS];
	int			n;
	bool		wrong;			/* released what was never given, or too many blocks */
	int			allocs;
	int			fail_at;		/* this call of alloc returns NULL; 0: none */
	int64_t		calls;			/* of alloc and interrupt */
	int64_t		jump_at;		/* this call leaves by longjmp; 0: none */
	int64_t		asked;			/* calls of cost since the last interrupt, and their most */
	int64_t		most_asked;
	jmp_buf		out;
} Account;

static inline void
count_call(Account *a)
{
	if (++a->calls == a->jump_at)
		longjmp(a->out, 1);
}

static inline void *
account_alloc(void *ctx, size_t bytes)
{
	Account    *a = ctx;
	void	   *block;

	count_call(a);
	if (++a->allocs == a->fail_at)
		return NULL;
	block = malloc(bytes);
	/* what is not set must not be read */
	memset(block, 0xA5, bytes);
	if (a->n == MAX_BLOCKS)
		a->wrong = true;
	else
		a->block[a->n++] = block;
	return block;
}

static inline void
account_release(void *ctx, void *block)
{
	Account    *a = ctx;

	for (int k = 0; k < a->n; k++)
		if (a->block[k] == block)
		{
			a->block[k] = a->block[--a->n];
			free(block);
			return;
		}
	a->wrong = true;
}

static inline void
account_interrupt(void *ctx)
{
	Account    *a = ctx;

	if (a->asked > a->most_asked)
		a->most_asked = a->asked;
	a->asked = 0;
	count_call(a);
}

static inline void
account_clear(Account *a)
{
	while (a->n > 0)
		free(a->block[--a->n]);
}

static Account account;

static inline AssignHooks
account_hooks(void)
{
	AssignHooks hooks = {account_alloc, account_release, account_interrupt, &account};

	memset(&account, 0, sizeof(account));
	return hooks;
}

/* ---------- costs ---------- */

/* The same, but counts, and sometimes says more than it was asked. */
static inline int64_t
talkative_cost(void *ctx, int i, int j, int64_t limit)
{
	int64_t		c = instance_cost(ctx, i, j, ASSIGN_NONE);

	account.asked++;
	return c < limit || (i + j) % 2 ? c : ASSIGN_NONE;
}

/* form 0: listed, 1: asked, 2: asked and talkative */
static inline AssignProblem
form_of(const Instance *t, int form)
{
	AssignProblem prob = instance_problem(t);

	if (form > 0)
	{
		prob.cost = form == 1 ? instance_cost : talkative_cost;
		prob.cost_ctx = (void *) t;
		prob.row_start = NULL;
		prob.row_lead = NULL;
		prob.row_cost = NULL;
	}
	return prob;
}

/* A small or middling instance of every kind of trouble. */
static inline Instance
odd_instance(uint64_t seed, int max)
{
	uint64_t	s = seed;
	int			np = (int) random_below(&s, max + 1);
	int			nl = (int) random_below(&s, max + 1);
	int			max_places = (int) random_below(&s, 4);
	int			max_capacity = (int) random_below(&s, 4);
	static const char *const kinds[] = {"uniform", "ties", "school", "effect", "product"};
	double		share = random_below(&s, 3) == 0 ? 1 : random_unit(&s);
	Instance	t = make_instance(kinds[random_below(&s, 5)], seed * 7 + 1, np, nl, max_places, max_capacity,
								  share, random_below(&s, 2) == 0);
	int64_t		least = 0;
	int64_t		most = 0;
	int64_t		total = 0;

	/* negative costs, all equal, as large as they may be */
	switch (random_below(&s, 6))
	{
		case 0:
			for (int64_t k = 0; k < t.start[np]; k++)
				t.cost[k] = random_below(&s, 7) - 3;
			break;
		case 1:
			for (int64_t k = 0; k < t.start[np]; k++)
				t.cost[k] = -5;
			break;
		case 2:
			for (int64_t k = 0; k < t.start[np]; k++)
				t.cost[k] = random_below(&s, 2 * ASSIGN_MAX_COST + 1) - ASSIGN_MAX_COST;
			break;
		case 3:
			for (int64_t k = 0; k < t.start[np]; k++)
				t.cost[k] = random_below(&s, 2) ? ASSIGN_MAX_COST : -ASSIGN_MAX_COST;
			break;
	}
	for (int64_t k = 0; k < t.start[np]; k++)
	{
		least = t.cost[k] < least ? t.cost[k] : least;
		most = t.cost[k] > most ? t.cost[k] : most;
	}
	for (int i = 0; i < np; i++)
		total += t.places[i];
	switch (random_below(&s, 6))
	{
		case 0:
			t.unpaired = ASSIGN_MAX_UNPAIRED;
			break;
		case 1:
			t.unpaired = -ASSIGN_MAX_UNPAIRED;
			break;
		case 2:
			t.unpaired = random_below(&s, 7) - 3;
			break;
		case 3:
			t.unpaired = (least + most) / 2;
			break;
		default:
			t.unpaired = 1 + total * (most - least);
			break;
	}
	return t;
}

/* ---------- independent answers ---------- */

static inline int64_t
cost_of(const Instance *t, int i, int j)
{
	return instance_cost((void *) t, i, j, ASSIGN_NONE);
}

static inline Wide
value_of(const Instance *t, const AssignResult *r)
{
	return (Wide) r->cost + (Wide) t->unpaired * r->empty;
}

/* Is the plan one, with this cost and so many empty places? */
static inline bool
plan_holds(const Instance *t, const AssignResult *r)
{
	int		   *load = calloc((size_t) t->nl + 1, sizeof(int));
	Wide		cost = 0;
	int64_t		empty = 0;
	bool		ok = r->place_start[0] == 0;
	int			at = 0;

	for (int i = 0; i < t->np && ok; i++)
	{
		ok = r->place_start[i] == at && r->place_start[i + 1] == at + t->places[i];
		for (int p = 0; p < t->places[i] && ok; p++)
		{
			int			j = r->lead[at + p];

			if (j == -1)
			{
				empty++;
				continue;
			}
			ok = j >= 0 && j < t->nl && cost_of(t, i, j) != ASSIGN_NONE && ++load[j] <= t->capacity[j];
			for (int q = 0; q < p && ok; q++)
				ok = r->lead[at + q] >= 0 && r->lead[at + q] != j;
			if (ok)
				cost += cost_of(t, i, j);
		}
		at += t->places[i];
	}
	free(load);
	return ok && r->nplace == at && cost == r->cost && empty == r->empty;
}

/* Every inequality of the dual, and that it is worth what the plan is. */
static inline bool
prices_hold(const Instance *t, const AssignResult *r)
{
	Wide		value = 0;
	bool		ok = true;
	int64_t		at = 0;

	for (int i = 0; i < t->np; i++)
	{
		ok = ok && r->u[i] <= t->unpaired;
		value += (Wide) r->u[i] * t->places[i];
	}
	for (int j = 0; j < t->nl; j++)
	{
		ok = ok && r->v[j] <= 0;
		value += (Wide) r->v[j] * t->capacity[j];
	}
	for (int i = 0; i < t->np && ok; i++)
		for (int j = 0; j < t->nl && ok; j++)
		{
			Wide		price = (Wide) r->u[i] + r->v[j];
			int64_t		c = cost_of(t, i, j);

			if (at < r->nextra && r->extra[at].partner == i && r->extra[at].lead == j)
			{
				ok = ok && r->extra[at].w <= 0;
				price += r->extra[at].w;
				value += r->extra[at++].w;
			}
			ok = ok && (c == ASSIGN_NONE || price <= c);
		}
	return ok && at == r->nextra && value == value_of(t, r);
}

static inline bool
same_plan(const AssignResult *a, const AssignResult *b)
{
	return a->nplace == b->nplace && a->cost == b->cost && a->empty == b->empty &&
		memcmp(a->lead, b->lead, (size_t) a->nplace * sizeof(int)) == 0;
}

static inline bool
same_prices(const Instance *t, const AssignResult *a, const AssignResult *b)
{
	if (a->nextra != b->nextra ||
		memcmp(a->u, b->u, (size_t) t->np * sizeof(int64_t)) != 0 ||
		memcmp(a->v, b->v, (size_t) t->nl * sizeof(int64_t)) != 0)
		return false;
	for (int64_t k = 0; k < a->nextra; k++)
		if (a->extra[k].partner != b->extra[k].partner || a->extra[k].lead != b->extra[k].lead ||
			a->extra[k].w != b->extra[k].w)
			return false;
	return true;
}

/* Solve with the pairs listed. */
static inline bool
solve(const Instance *t, AssignResult *r, const char *what, long seed)
{
	AssignProblem prob = instance_problem(t);
	AssignStatus status = assign_solve(&prob, r);

	return check(status == ASSIGN_OK, "%s %ld: %s", what, seed, assign_status_text(status));
}

static inline void
done_with(AssignResult *r)
{
	AssignProblem prob;

	memset(&prob, 0, sizeof(prob));
	prob.hooks.release = plain_release;
	assign_release(&prob, r);
}

/* Take a listed pair away. */
static inline void
forbid(Instance *t, int64_t k)
{
	for (int64_t m = k; m + 1 < t->start[t->np]; m++)
	{
		t->lead[m] = t->lead[m + 1];
		t->cost[m] = t->cost[m + 1];
	}
	for (int i = 0; i <= t->np; i++)
		if (t->start[i] > k)
			t->start[i]--;
}

#endif							/* ASSIGN_COMMON_H */
