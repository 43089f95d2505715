/*
 * terms.c
 *		Terms and their dictionaries: order, reference level, union, and what does
 *		not go together.
 */
#include "sipp.h"

#include "utils/builtins.h"

#include "cohort/algebra.h"

#define MAX_LISTED 20			/* levels in one message */

/* Name of a kind, in the text form and in messages. */
const char *
kind_name(SippKind kind)
{
	switch (kind)
	{
		case SIPP_NUMBER:
			return "number";
		case SIPP_TEXT:
			return "text";
		case SIPP_ENUM:
			return "enum";
		case SIPP_SHARES:
			return "shares";
	}
	return "?";
}

/* List the names of terms, for messages. */
char *
terms_to_string(int nterm, const SippTerm *terms)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int i = 0; i < nterm; i++)
		appendStringInfo(&s, "%s%s", i > 0 ? ", " : "", terms[i].name);
	if (nterm == 0)
		appendStringInfoString(&s, "none");
	return s.data;
}

/* Index of a term, -1 if absent. */
int
cohort_find_term(const Cohort *c, const char *name)
{
	for (int i = 0; i < c->nterm; i++)
		if (strcmp(c->term[i].name, name) == 0)
			return i;
	return -1;
}

/*
 * Index of the reference level: the one chosen, or the first after it that is
 * present, or the first of all.  -1 where there is no level.
 */
int
term_reference(const SippTerm *t)
{
	if (t->nlevel == 0)
		return -1;
	if (t->reference != NULL)
	{
		int			i = term_find_level(t, t->reference);

		if (i >= 0)
			return i;

		/*
		 * An absent level of an enum has no known place, so the next one can
		 * only be told for text.
		 */
		if (t->kind == SIPP_TEXT)
			for (i = 0; i < t->nlevel; i++)
				if (strcmp(t->label[i], t->reference) > 0)
					return i;
	}
	return 0;
}

/* qsort comparator of labels. */
static int
compare_labels(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Find a label that a dictionary has twice; NULL: none. */
const char *
term_repeats(const SippTerm *t)
{
	char	  **label;
	const char *twice = NULL;

	/* a number has no list at all */
	if (t->nlevel == 0)
		return NULL;
	label = palloc_array(char *, t->nlevel);
	memcpy(label, t->label, sizeof(char *) * t->nlevel);
	qsort(label, t->nlevel, sizeof(char *), compare_labels);
	for (int l = 1; l < t->nlevel && twice == NULL; l++)
		if (strcmp(label[l - 1], label[l]) == 0)
			twice = label[l];
	pfree(label);
	return twice;
}

/* Merge two dictionaries that are sorted by their bytes, into a. */
static void
text_union(SippTerm *a, const SippTerm *b, bool copy)
{
	char	  **label;
	int			n = 0;
	int			i = 0;
	int			j = 0;

	/* most often there is nothing to add */
	if (a->nlevel == b->nlevel)
	{
		while (i < a->nlevel && strcmp(a->label[i], b->label[i]) == 0)
			i++;
		if (i == a->nlevel)
			return;
		i = 0;
	}
	label = palloc_array(char *, a->nlevel + b->nlevel);
	while (i < a->nlevel || j < b->nlevel)
	{
		int			cmp = i == a->nlevel ? 1 : j == b->nlevel ? -1 :
			strcmp(a->label[i], b->label[j]);

		label[n++] = cmp <= 0 ? a->label[i] : copy ? pstrdup(b->label[j]) : b->label[j];
		i += cmp <= 0;
		j += cmp >= 0;
	}
	if (n == a->nlevel)
	{
		/* b has no level that a lacks */
		pfree(label);
		return;
	}
	a->label = label;
	a->nlevel = n;
}

/*
 * The union of two dictionaries in canonical order into a, which gets fresh arrays
 * if it changes; with copy, labels from b are copied.  Error where both say which
 * of two levels was declared first, and do not agree.
 */
void
term_union(SippTerm *a, const SippTerm *b, bool copy)
{
	if (term_ordered(a))
		order_union(a, b, copy);
	else
		text_union(a, b, copy);
	if (a->nlevel > SIPP_MAX_LEVELS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("factor \"%s\" has more than %d levels", a->name, SIPP_MAX_LEVELS),
				 errhint("Group rare levels, or enter the values as a number.")));
}

/* Is a dictionary in canonical order and, where rows is given, without empty levels? */
bool
term_sorted(const SippTerm *t, const int64 *rows)
{
	if (term_ordered(t))
		return order_sorted(t, rows);
	for (int l = 0; l < t->nlevel; l++)
		if ((l > 0 && strcmp(t->label[l - 1], t->label[l]) >= 0) || (rows != NULL && rows[l] <= 0))
			return false;
	return true;
}

/*
 * Bring a dictionary into canonical order, into fresh arrays if it is not yet;
 * where rows is given, without empty levels.
 */
void
term_sort(SippTerm *t, const int64 *rows)
{
	char	  **label;
	int			n = 0;

	if (term_ordered(t))
	{
		order_sort(t, rows);
		return;
	}
	if (term_sorted(t, rows))
		return;
	label = palloc_array(char *, t->nlevel);
	for (int l = 0; l < t->nlevel; l++)
		if (rows == NULL || rows[l] > 0)
			label[n++] = t->label[l];
	qsort(label, n, sizeof(char *), compare_labels);
	t->label = label;
	t->nlevel = n;
}

/* List the first levels of a term, for messages. */
char *
levels_to_string(const SippTerm *t)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int l = 0; l < Min(t->nlevel, MAX_LISTED); l++)
		appendStringInfo(&s, "%s\"%s\"", l > 0 ? ", " : "", t->label[l]);
	if (t->nlevel > MAX_LISTED)
		appendStringInfo(&s, " and %d more", t->nlevel - MAX_LISTED);
	if (t->nlevel == 0)
		appendStringInfoString(&s, "none");
	return s.data;
}

/* Name what a term is, for messages. */
const char *
term_kind(const SippTerm *t)
{
	return t->kind == SIPP_SHARES && t->of_enum ? "shares of an enum" : kind_name(t->kind);
}

/* Quote a level, for messages. */
static char *
quote_level(const char *label)
{
	return psprintf("\"%s\"", label);
}

/*
 * The call of sipp.subset that brings a cohort's terms into this order.  A call
 * takes 100 arguments at most, an array more.
 */
static char *
subset_call(int nterm, const SippTerm *terms)
{
	StringInfoData s;
	bool		array = nterm > FUNC_MAX_ARGS - 1;

	initStringInfo(&s);
	appendStringInfoString(&s, "sipp.subset(cohort, ");
	if (array)
		appendStringInfoString(&s, "VARIADIC ARRAY[");
	for (int i = 0; i < nterm; i++)
		appendStringInfo(&s, "%s%s", i > 0 ? ", " : "", quote_literal_cstr(terms[i].name));
	appendStringInfoString(&s, array ? "])" : ")");
	return s.data;
}

/*
 * Report cohorts of the same terms in different orders.  A result in either's
 * order would be taken for one in the other's by whatever goes by position:
 * sipp.rename, sipp.expected.
 */
static void
check_order(int na, const SippTerm *a, int nb, const SippTerm *b)
{
	if (na != nb)
		return;
	for (int i = 0; i < na; i++)
	{
		int			j = 0;

		while (j < nb && strcmp(a[i].name, b[j].name) != 0)
			j++;
		if (j == nb)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("cannot combine cohorts whose terms stand in different orders"),
			 errdetail("One has the terms %s; the other has %s.",
					   terms_to_string(na, a), terms_to_string(nb, b)),
			 errhint("Bring all into one order first, as in %s.", subset_call(na, a))));
}

/* Report two cohorts that cannot be put together. */
void
cohort_mismatch(int na, const SippTerm *a, bool wa, int nb, const SippTerm *b, bool wb)
{
	if (wa != wb)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("cannot combine a weighted with an unweighted cohort"),
				 errdetail("One was made by sipp.weighted_cohort, with terms %s; the other by sipp.cohort, with terms %s.",
						   terms_to_string(wa ? na : nb, wa ? a : b),
						   terms_to_string(wa ? nb : na, wa ? b : a)),
				 errhint("Make both with weights; a weight of 1 equals no weight.")));
	for (int i = 0; i < na; i++)
		for (int j = 0; j < nb; j++)
			if (strcmp(a[i].name, b[j].name) == 0)
			{
				if (a[i].kind != b[j].kind || a[i].context != b[j].context ||
					a[i].of_enum != b[j].of_enum)
					ereport(ERROR,
							(errcode(ERRCODE_DATATYPE_MISMATCH),
							 errmsg("term \"%s\" is of different kinds in two cohorts", a[i].name),
							 errdetail("It is %s%s in one and %s%s in the other.",
									   term_kind(&a[i]), a[i].context ? " (context)" : "",
									   term_kind(&b[j]), b[j].context ? " (context)" : ""),
							 errhint("Cast the column alike in both, as in sipp.factor(x) or x::float8.")));
				if ((a[i].reference == NULL) != (b[j].reference == NULL) ||
					(a[i].reference && strcmp(a[i].reference, b[j].reference) != 0))
					ereport(ERROR,
							(errcode(ERRCODE_DATATYPE_MISMATCH),
							 errmsg("term \"%s\" has different reference levels in two cohorts", a[i].name),
							 errdetail("It is %s in one and %s in the other.",
									   a[i].reference ? quote_level(a[i].reference) : "the first level",
									   b[j].reference ? quote_level(b[j].reference) : "the first level"),
							 errhint("Apply the same sipp.relevel to both.")));
			}
	check_order(na, a, nb, b);
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("cannot combine cohorts of different terms"),
			 errdetail("One has the terms %s; the other has %s.",
					   terms_to_string(na, a), terms_to_string(nb, b)),
			 errhint("Bring both to the same terms with sipp.subset, or name them alike with sipp.rename.")));
}

/* Do two terms describe the same covariate? */
bool
term_matches(const SippTerm *a, const SippTerm *b)
{
	return a->kind == b->kind && a->context == b->context && a->of_enum == b->of_enum &&
		strcmp(a->name, b->name) == 0 &&
		(a->reference == NULL) == (b->reference == NULL) &&
		(a->reference == NULL || strcmp(a->reference, b->reference) == 0);
}

/*
 * Was a term named by its position (x1, x2, ...), because its argument is an
 * expression or a constant?  A column may have such a name, too.
 */
bool
term_is_unnamed(const SippTerm *t)
{
	return t->name[0] == 'x' && t->name[1] != '\0' &&
		t->name[1 + strspn(t->name + 1, "0123456789")] == '\0';
}
