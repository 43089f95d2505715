/*
 * reason.c
 *		Why a school that could take part is in no group.
 *
 * Whether one more group exists is a hard question, so that only what is certain is
 * said: whom the rules allow the school, and which of these are left.
 */
#include "sipp.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "group/group.h"

/* Could the two be in one group, as far as sectors go? */
static bool
same_pool(const GroupProblem *p, int a, int b)
{
	return p->options.pooled ||
		p->schools->sector[p->school[a]] == p->schools->sector[p->school[b]];
}

/* Partners of one class that are in no group. */
static int
count_left(const GroupProblem *p, const Groups *groups, int like)
{
	int			n = 0;

	for (int i = 0; i < p->npartner; i++)
	{
		int			a = p->partner[i];

		n += groups->of[a] < 0 && p->class_of[a] == p->class_of[like] && same_pool(p, a, like);
	}
	return n;
}

/* The fewest schools like this one that a group takes beside a lead it is allowed. */
static int
fewest_needed(const GroupCosts *c, int a)
{
	const GroupProblem *p = c->problem;
	int			need = p->class_need[p->class_of[a]];

	for (int j = 0; j < p->nlead; j++)
		if (p->class_of[p->lead[j]] == p->class_of[a] &&
			group_pair(c, a, p->lead[j], GROUP_NONE) != GROUP_NONE)
			return need - 1;
	return need;
}

/* Why a school that is to be helped is in no group, or NULL. */
static char *
partner_reason(const GroupCosts *c, const Groups *groups, int a)
{
	const GroupProblem *p = c->problem;
	int			allowed = 0;
	int			idle = 0;
	int			left = count_left(p, groups, a);
	int			need;

	for (int j = 0; j < p->nlead; j++)
	{
		if (group_pair(c, a, p->lead[j], GROUP_NONE) == GROUP_NONE)
			continue;
		allowed++;
		idle += groups->of[p->lead[j]] < 0;
	}
	if (allowed == 0)
		return "no lead can help it";
	need = fewest_needed(c, a);
	if (left < need)
		return psprintf("left over: %d %s%s for groups of %d", left,
						p->mixed ? psprintf("%s ", p->class_name[p->class_of[a]]) : "",
						left == 1 ? "partner" : "partners", need);
	if (idle == 0)
		return allowed == 1 ? "fewer leads than partners need: the one that can help it has a group" :
			psprintf("fewer leads than partners need: all %d that can help it have groups", allowed);
	return NULL;
}

/* Why a school that helps is in no group, or NULL. */
static char *
lead_reason(const GroupCosts *c, const Groups *groups, int lead)
{
	const GroupProblem *p = c->problem;
	int			allowed[GROUP_MAX_SIZE] = {0};
	int			left[GROUP_MAX_SIZE] = {0};

	for (int i = 0; i < p->npartner; i++)
	{
		int			a = p->partner[i];

		if (group_pair(c, a, lead, GROUP_NONE) == GROUP_NONE)
			continue;
		allowed[p->class_of[a]]++;
		left[p->class_of[a]] += groups->of[a] < 0;
	}
	for (int k = 0; k < p->nclass; k++)
	{
		int			need = p->class_need[k] - (k == p->class_of[lead]);

		if (allowed[k] < need)
		{
			if (p->mixed)
				return psprintf("no group of this composition: it can help %d of the %d %s partners",
								allowed[k], need, p->class_name[k]);
			return allowed[k] == 0 ? "it can help no partner" :
				psprintf("it can help %d %s, a group needs %d", allowed[k],
						 allowed[k] == 1 ? "partner" : "partners", need);
		}
	}
	for (int k = 0; k < p->nclass; k++)
		if (left[k] < p->class_need[k] - (k == p->class_of[lead]))
			return "not needed: too few partners that it can help are left";
	return NULL;
}

/* What the schools that are left lack for one more group. */
static char *
left_reason(const GroupProblem *p, const Groups *groups, int member)
{
	int			left[GROUP_MAX_SIZE] = {0};
	bool	   *seen = palloc0(p->schools->n);
	int			authorities = 0;

	for (int a = 0; a < p->n; a++)
	{
		if (groups->of[a] >= 0 || !same_pool(p, a, member))
			continue;
		left[p->class_of[a]]++;
		if (p->authority[a] >= 0 && !seen[p->authority[a]])
		{
			seen[p->authority[a]] = true;
			authorities++;
		}
	}
	pfree(seen);
	for (int k = 0; k < p->nclass; k++)
		if (left[k] < p->class_need[k])
			return p->mixed ?
				psprintf("no group of this composition: %d of %d %s schools left", left[k],
						 p->class_need[k], p->class_name[k]) :
				psprintf("left over: %d %s for groups of %d", left[k],
						 left[k] == 1 ? "school" : "schools", p->size);
	if (p->min_authorities > 1 && authorities < p->min_authorities)
		return psprintf("left over: schools of %d %s, a group spans at least %d", authorities,
						authorities == 1 ? "authority" : "authorities", p->min_authorities);
	return p->mixed ? "no further group of this composition was found" :
		"no further group that keeps all rules was found";
}

char *
group_reason(const GroupCosts *c, const Groups *groups, int member)
{
	const GroupProblem *p = c->problem;
	bool		partner = p->partner_at[member] >= 0;
	bool		lead = p->lead_at[member] >= 0;
	char	   *helped = partner ? partner_reason(c, groups, member) : NULL;
	char	   *helps = lead ? lead_reason(c, groups, member) : NULL;

	CHECK_FOR_INTERRUPTS();
	if (partner && lead && helped != NULL && helps != NULL)
		return psprintf("as a partner: %s; as a lead: %s", helped, helps);
	if (partner && !lead && helped != NULL)
		return helped;
	if (lead && !partner && helps != NULL)
		return helps;
	return left_reason(p, groups, member);
}
