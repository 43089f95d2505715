/*
 * reason.c
 *		Why a school that could take part is in no group.
 *
 * Whether one more group exists is a hard question.  What is said is what is so:
 * whom the rules allow the school, and what of that is left.
 */
#include "sipp.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "group/group.h"

/* Could the two be in one group, as far as sectors go? */
static bool
same_pool(const GroupWork *w, int a, int b)
{
	return w->options.pooled ||
		w->schools->sector[w->school[a]] == w->schools->sector[w->school[b]];
}

/* Partners of one class that are in no group. */
static int
count_left(const GroupWork *w, int like)
{
	int			n = 0;

	for (int i = 0; i < w->npartner; i++)
	{
		int			a = w->partner[i];

		n += w->group_of[a] < 0 && w->class_of[a] == w->class_of[like] && same_pool(w, a, like);
	}
	return n;
}

/* The fewest schools like this one that a group takes beside a lead it is allowed. */
static int
fewest_needed(const GroupWork *w, int a)
{
	int			need = w->class_need[w->class_of[a]];

	for (int j = 0; j < w->nlead; j++)
		if (w->class_of[w->lead[j]] == w->class_of[a] &&
			group_pair(w, a, w->lead[j], GROUP_NONE) != GROUP_NONE)
			return need - 1;
	return need;
}

/* Of a school that is to be helped. */
static char *
partner_reason(const GroupWork *w, int a)
{
	int			allowed = 0;
	int			idle = 0;
	int			left = count_left(w, a);
	int			need;

	for (int j = 0; j < w->nlead; j++)
	{
		if (group_pair(w, a, w->lead[j], GROUP_NONE) == GROUP_NONE)
			continue;
		allowed++;
		idle += w->group_of[w->lead[j]] < 0;
	}
	if (allowed == 0)
		return "no lead can help it";
	need = fewest_needed(w, a);
	if (left < need)
		return psprintf("left over: %d %s%s for groups of %d", left,
						w->mixed ? psprintf("%s ", w->class_name[w->class_of[a]]) : "",
						left == 1 ? "partner" : "partners", need);
	if (idle == 0)
		return allowed == 1 ? "fewer leads than partners need: the one that can help it has a group" :
			psprintf("fewer leads than partners need: all %d that can help it have groups", allowed);
	return NULL;
}

/* Of a school that helps. */
static char *
lead_reason(const GroupWork *w, int lead)
{
	int			allowed[GROUP_MAX_SIZE] = {0};
	int			left[GROUP_MAX_SIZE] = {0};

	for (int i = 0; i < w->npartner; i++)
	{
		int			a = w->partner[i];

		if (group_pair(w, a, lead, GROUP_NONE) == GROUP_NONE)
			continue;
		allowed[w->class_of[a]]++;
		left[w->class_of[a]] += w->group_of[a] < 0;
	}
	for (int k = 0; k < w->nclass; k++)
	{
		int			need = w->class_need[k] - (k == w->class_of[lead]);

		if (allowed[k] < need)
		{
			if (w->mixed)
				return psprintf("no group of this composition: it can help %d of the %d %s partners",
								allowed[k], need, w->class_name[k]);
			return allowed[k] == 0 ? "it can help no partner" :
				psprintf("it can help %d %s, a group needs %d", allowed[k],
						 allowed[k] == 1 ? "partner" : "partners", need);
		}
	}
	for (int k = 0; k < w->nclass; k++)
		if (left[k] < w->class_need[k] - (k == w->class_of[lead]))
			return "not needed: too few partners that it can help are left";
	return NULL;
}

/* What all schools that are left lack for one more group. */
static char *
left_reason(const GroupWork *w, int member)
{
	int			left[GROUP_MAX_SIZE] = {0};
	bool	   *seen = palloc0(w->schools->n);
	int			authorities = 0;

	for (int a = 0; a < w->n; a++)
	{
		if (w->group_of[a] >= 0 || !same_pool(w, a, member))
			continue;
		left[w->class_of[a]]++;
		if (w->authority[a] >= 0 && !seen[w->authority[a]])
		{
			seen[w->authority[a]] = true;
			authorities++;
		}
	}
	pfree(seen);
	for (int k = 0; k < w->nclass; k++)
		if (left[k] < w->class_need[k])
			return w->mixed ?
				psprintf("no group of this composition: %d of %d %s schools left", left[k],
						 w->class_need[k], w->class_name[k]) :
				psprintf("left over: %d %s for groups of %d", left[k],
						 left[k] == 1 ? "school" : "schools", w->size);
	if (w->min_authorities > 1 && authorities < w->min_authorities)
		return psprintf("left over: schools of %d %s, a group spans at least %d", authorities,
						authorities == 1 ? "authority" : "authorities", w->min_authorities);
	return w->mixed ? "no further group of this composition was found" :
		"no further group that keeps all rules was found";
}

char *
group_reason(const GroupWork *w, int member)
{
	bool		partner = w->partner_at[member] >= 0;
	bool		lead = w->lead_at[member] >= 0;
	char	   *helped = partner ? partner_reason(w, member) : NULL;
	char	   *helps = lead ? lead_reason(w, member) : NULL;

	CHECK_FOR_INTERRUPTS();
	if (partner && lead && helped != NULL && helps != NULL)
		return psprintf("as a partner: %s; as a lead: %s", helped, helps);
	if (partner && !lead && helped != NULL)
		return helped;
	if (lead && !partner && helps != NULL)
		return helps;
	return left_reason(w, member);
}
