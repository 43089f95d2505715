/*
 * schools.c
 *		The schools of one array: sorted, consistent, strings turned to numbers.
 */
#include "sipp.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "school/school.h"

/* A school and its place in the order. */
typedef struct Keyed
{
	char	   *key;
	School	   *school;
} Keyed;

/* qsort's comparison of schools, by their ids' UTF-8 bytes. */
static int
compare_keyed(const void *a, const void *b)
{
	return strcmp(((const Keyed *) a)->key, ((const Keyed *) b)->key);
}

/* qsort's comparison of strings. */
static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* qsort's comparison of indexes. */
static int
compare_ints(const void *a, const void *b)
{
	int			x = *(const int *) a;
	int			y = *(const int *) b;

	return x < y ? -1 : x > y;
}

/* A school's sector, in a message. */
static const char *
sector_text(const School *x)
{
	return x->sector == NULL ? "no sector" : psprintf("sector \"%s\"", x->sector);
}

/* Are two strings, either of which may be NULL, different? */
static bool
strings_differ(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a != b : strcmp(a, b) != 0;
}

/* Take the schools over, in the order of their ids. */
static void
take_sorted(Schools *s, School **school, int n, const char *func)
{
	Keyed	   *keyed = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Keyed) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		keyed[i].school = school[i];
		keyed[i].key = school_key(school[i]->id);
	}
	qsort(keyed, n, sizeof(Keyed), compare_keyed);

	s->n = n;
	s->school = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(School) * Max(n, 1));
	s->key = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		if (i > 0 && strcmp(keyed[i].key, keyed[i - 1].key) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("%s: there are two schools \"%s\"", func, keyed[i].school->id),
					 strings_differ(s->school[i - 1].sector, keyed[i].school->sector) ?
					 errdetail("One is of %s, the other of %s.", sector_text(&s->school[i - 1]),
							   sector_text(keyed[i].school)) : 0,
					 strings_differ(s->school[i - 1].sector, keyed[i].school->sector) ?
					 errhint("A school with a row for each of its sectors needs two ids, as in "
							 "id => id || '/' || sector; the same cluster for both keeps it from being paired with itself.") :
					 errhint("Give each school once, with the figures of the years in question.")));
		s->school[i] = *keyed[i].school;
		s->key[i] = keyed[i].key;
		pfree(keyed[i].school);
	}
	pfree(keyed);
}

/* The schools of an array, in its order. */
static School **
read_array(ArrayType *a, const char *func, int *count)
{
	School	  **school;
	Datum	   *value;
	bool	   *isnull;
	int16		len;
	bool		byval;
	char		align;
	int			n = ArrayGetNItems(ARR_NDIM(a), ARR_DIMS(a));

	if (ARR_NDIM(a) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s: the array of schools has %d dimensions", func, ARR_NDIM(a)),
				 errhint("Make it with ARRAY(SELECT sipp.school(...) FROM ...).")));
	if (n > SCHOOL_MAX_SCHOOLS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s takes at most %d schools", func, SCHOOL_MAX_SCHOOLS),
				 errdetail("There are %d.", n),
				 errhint("Call it for one sector at a time.")));
	get_typlenbyvalalign(ARR_ELEMTYPE(a), &len, &byval, &align);
	deconstruct_array(a, ARR_ELEMTYPE(a), len, byval, align, &value, &isnull, &n);

	school = palloc(sizeof(School *) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (isnull[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s: element %d of the array of schools is NULL", func, i + 1)));
		school[i] = school_getarg(value[i]);
	}
	pfree(value);
	pfree(isnull);
	*count = n;
	return school;
}

/* The error of two schools whose arrays do not go together. */
pg_noreturn static void
inconsistent(const char *func, const School *a, const School *b, const char *field,
			 const char *of_a, const char *of_b)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s: %s of schools \"%s\" and \"%s\" does not agree", func, field, a->id, b->id),
			 errdetail("One has %s, the other %s.", of_a, of_b),
			 errhint("All schools of an array give the same variables in the same order; "
					 "NULL stands for what is not known.")));
}

/* Both must have the same number of elements. */
static void
same_count(const char *func, const School *a, const School *b, const char *field, int na, int nb)
{
	if (na != nb)
		inconsistent(func, a, b, field, psprintf("length %d", na),
					 psprintf("length %d", nb));
}

/* Both must name their elements alike. */
static void
same_names(const char *func, const School *a, const School *b, const char *field,
		   int n, char **of_a, char **of_b)
{
	if (of_a != of_b)
		for (int i = 0; i < n; i++)
			if (strcmp(of_a[i], of_b[i]) != 0)
				inconsistent(func, a, b, psprintf("%s[%d]", field, i + 1),
							 psprintf("\"%s\"", of_a[i]), psprintf("\"%s\"", of_b[i]));
}

/* What context, bands and subjects the schools have: the same, all that have any. */
static void
check_consistent(Schools *s, const char *func)
{
	const School *context = NULL;
	const School *profile = NULL;
	const School *subject = NULL;

	for (int i = 0; i < s->n; i++)
	{
		const School *x = &s->school[i];

		if (x->ncontext > 0)
		{
			if (context == NULL)
				context = x;
			same_count(func, context, x, "context", context->ncontext, x->ncontext);
			same_names(func, context, x, "context_names", x->ncontext,
					   context->context_name, x->context_name);
		}
		if (x->nband > 0)
		{
			if (profile == NULL)
				profile = x;
			same_count(func, profile, x, "deprivation", profile->nband, x->nband);
		}
		if (x->nsubject > 0)
		{
			if (subject == NULL)
				subject = x;
			same_count(func, subject, x, "subjects", subject->nsubject, x->nsubject);
			same_names(func, subject, x, "subject_names", x->nsubject,
					   subject->subject_name, x->subject_name);
		}
	}
	if (context != NULL)
	{
		s->ncontext = context->ncontext;
		s->context_name = context->context_name;
	}
	if (profile != NULL)
		s->nband = profile->nband;
	if (subject != NULL)
	{
		s->nsubject = subject->nsubject;
		s->subject_name = subject->subject_name;
	}
}

/*
 * Numbers for the strings at one place of each School: of equal bytes equal
 * numbers, in the order of the bytes.  Returns how many different ones there are.
 */
static int
number_strings(const Schools *s, size_t offset, int **code, char ***names)
{
	char	  **name = palloc(sizeof(char *) * Max(s->n, 1));
	int			known = 0;
	int			n = 0;

	*code = palloc(sizeof(int) * Max(s->n, 1));
#define STRING_AT(i) (*(char **) ((char *) &s->school[i] + offset))
	for (int i = 0; i < s->n; i++)
		if (STRING_AT(i) != NULL)
			name[known++] = STRING_AT(i);
	qsort(name, known, sizeof(char *), compare_strings);
	for (int i = 0; i < known; i++)
		if (n == 0 || strcmp(name[i], name[n - 1]) != 0)
			name[n++] = name[i];
	for (int i = 0; i < s->n; i++)
	{
		char	   *at = STRING_AT(i);

		(*code)[i] = at == NULL ? -1 :
			(int) ((char **) bsearch(&at, name, n, sizeof(char *), compare_strings) - name);
	}
#undef STRING_AT
	if (names != NULL)
		*names = name;
	else
		pfree(name);
	return n;
}

/* Exclusions as sorted lists of indexes, each in both schools' lists. */
static void
index_exclusions(Schools *s)
{
	size_t		total = 0;
	int		   *other;
	int		   *at;
	size_t		k = 0;
	int			kept = 0;

	for (int i = 0; i < s->n; i++)
		total += s->school[i].nexclude;
	other = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * Max(total, 1));
	s->excluded_start = palloc0(sizeof(int) * (s->n + 2));
	at = s->excluded_start + 1; /* counted one place up: filling leaves the starts behind */

	for (int i = 0; i < s->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int e = 0; e < s->school[i].nexclude; e++)
		{
			int			j = schools_find(s, s->school[i].exclude[e]);

			other[k++] = j;
			if (j >= 0)
			{
				at[i + 1]++;
				at[j + 1]++;
			}
			else
				s->strangers++;
		}
	}
	for (int i = 0; i < s->n; i++)
		at[i + 1] += at[i];
	s->excluded = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * Max((size_t) at[s->n], 1));
	k = 0;
	for (int i = 0; i < s->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int e = 0; e < s->school[i].nexclude; e++)
		{
			int			j = other[k++];

			if (j >= 0)
			{
				s->excluded[at[i]++] = j;
				s->excluded[at[j]++] = i;
			}
		}
	}
	pfree(other);

	/* sort each list, and drop what both sides said */
	for (int i = 0, from = 0; i < s->n; i++)
	{
		int			to = s->excluded_start[i + 1];
		int			first = kept;

		CHECK_FOR_INTERRUPTS();
		qsort(s->excluded + from, to - from, sizeof(int), compare_ints);
		for (; from < to; from++)
			if (kept == first || s->excluded[from] != s->excluded[kept - 1])
				s->excluded[kept++] = s->excluded[from];
		s->excluded_start[i] = first;
	}
	s->excluded_start[s->n] = kept;
}

Schools *
schools_make(School **school, int n, const char *func)
{
	Schools    *s = palloc0(sizeof(Schools));

	take_sorted(s, school, n, func);
	check_consistent(s, func);
	s->nsector = number_strings(s, offsetof(School, sector), &s->sector, &s->sector_name);
	(void) number_strings(s, offsetof(School, authority), &s->authority, NULL);
	(void) number_strings(s, offsetof(School, cluster), &s->cluster, NULL);
	index_exclusions(s);
	return s;
}

Schools *
schools_read(ArrayType *a, const char *func)
{
	int			n;
	School	  **school = read_array(a, func, &n);
	Schools    *s = schools_make(school, n, func);

	pfree(school);
	return s;
}

int
schools_find(const Schools *s, const char *id)
{
	const char *key = school_key((char *) id);
	int			lo = 0;
	int			hi = s->n;

	while (lo < hi)
	{
		int			mid = (lo + hi) / 2;
		int			c = strcmp(key, s->key[mid]);

		if (c == 0)
			return mid;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return -1;
}

bool
schools_excluded(const Schools *s, int i, int j)
{
	int			lo = s->excluded_start[i];
	int			hi = s->excluded_start[i + 1];

	while (lo < hi)
	{
		int			mid = (lo + hi) / 2;

		if (s->excluded[mid] == j)
			return true;
		if (s->excluded[mid] > j)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

/* Is a band of the profile not known? */
static bool
lacks_band(const School *x)
{
	for (int b = 0; b < x->nband; b++)
		if (isnan(x->deprivation[b]))
			return true;
	return false;
}

/* How many of the context's numbers are known. */
static int
known_values(const School *x)
{
	int			known = 0;

	for (int v = 0; v < x->ncontext; v++)
		known += !isnan(x->context[v]);
	return known;
}

uint32
school_lacks_context(const Schools *s, int i)
{
	const School *x = &s->school[i];
	uint32		lacks = 0;

	if (x->ncontext == 0 && (s->ncontext > 0 || s->nband == 0))
		lacks |= 1 << LACK_CONTEXT;
	if (x->ncontext > 0 && known_values(x) == 0)
		lacks |= 1 << LACK_VALUES;
	if (x->nband == 0 && s->nband > 0)
		lacks |= 1 << LACK_PROFILE;
	if (lacks_band(x))
		lacks |= 1 << LACK_BAND;
	return lacks;
}

uint32
school_lacks(const Schools *s, int i)
{
	const School *x = &s->school[i];
	uint32		lacks = school_lacks_context(s, i);

	if (x->role == ROLE_NONE)
		lacks |= 1 << LACK_PART;
	else if (x->role == ROLE_UNKNOWN)
		lacks |= 1 << LACK_ROLE;
	else if (!x->consent)
		lacks |= 1 << LACK_CONSENT;
	if (isnan(x->effect))
		lacks |= 1 << LACK_EFFECT;
	else if (isnan(x->effect_se))
		lacks |= 1 << LACK_EFFECT_SE;
	return lacks;
}

bool
school_is_complete(const Schools *s, int i)
{
	const School *x = &s->school[i];

	return school_lacks_context(s, i) == 0 && known_values(x) == x->ncontext;
}

/* The bands that are not known: "deprivation[2] is NULL", of more than one the first. */
static char *
bands_text(const School *x)
{
	int			first = -1;
	int			n = 0;

	for (int b = 0; b < x->nband; b++)
		if (isnan(x->deprivation[b]))
		{
			if (n++ == 0)
				first = b;
		}
	return n == 1 ? psprintf("deprivation[%d] is NULL", first + 1) :
		psprintf("deprivation[%d] and %d more are NULL", first + 1, n - 1);
}

char *
school_lacks_text(const Schools *s, int i, uint32 lacks)
{
	static const char *const text[SCHOOL_LACKS] = {
		"takes no part (role none)", "role not known", "no consent", "no effect",
		"no standard error of the effect", "no context", "context: every value is NULL",
		"no deprivation profile", NULL, "no sector", NULL, "no authority",
		"no coordinates, which max_km needs", "capacity is 0"
	};
	StringInfoData out;

	if (lacks == 0)
		return NULL;
	initStringInfo(&out);
	for (int k = 0; k < SCHOOL_LACKS; k++)
		if (lacks & 1u << k)
			appendStringInfo(&out, "%s%s", out.len > 0 ? "; " : "",
							 k == LACK_BAND ? bands_text(&s->school[i]) :
							 k == LACK_CLASS ? psprintf("sector \"%s\" is not in the composition",
														s->school[i].sector) : text[k]);
	return out.data;
}

char *
schools_out_text(const int64 *count, int64 out, int64 n)
{
	static const char *const many[SCHOOL_LACKS] = {
		"have the role none", "have no known role", "have no consent", "have no effect",
		"have no standard error of the effect", "have no context", "have a context of NULLs only",
		"have no deprivation profile", "have a NULL band of deprivation", "have no sector",
		"have a sector that is not in the composition", "have no authority",
		"have no coordinates, which max_km needs", "are leads with capacity 0"
	};
	static const char *const one[SCHOOL_LACKS] = {
		"has the role none", "has no known role", "has no consent", "has no effect",
		"has no standard error of the effect", "has no context", "has a context of NULLs only",
		"has no deprivation profile", "has a NULL band of deprivation", "has no sector",
		"has a sector that is not in the composition", "has no authority",
		"has no coordinates, which max_km needs", "is a lead with capacity 0"
	};
	bool		said[SCHOOL_LACKS] = {false};
	StringInfoData text;

	if (n == 0)
		return pstrdup("no school takes part: there are none");
	if (out == 0)
		return NULL;
	initStringInfo(&text);
	if (out == n)
		appendStringInfoString(&text, "no school takes part");
	else
		appendStringInfo(&text, INT64_FORMAT " of " INT64_FORMAT " %s", out, n,
						 out == 1 ? "schools takes no part" : "schools take no part");
	for (const char *separator = ": ";; separator = ", ")
	{
		int			next = -1;

		for (int k = 0; k < SCHOOL_LACKS; k++)
			if (!said[k] && count[k] > 0 && (next < 0 || count[k] > count[next]))
				next = k;
		if (next < 0)
			break;
		said[next] = true;
		appendStringInfo(&text, "%s" INT64_FORMAT " %s", separator, count[next],
						 count[next] == 1 ? one[next] : many[next]);
	}
	return text.data;
}
