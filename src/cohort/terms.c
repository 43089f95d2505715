/*
 * terms.c
 *		Terms and their dictionaries: order, reference level, union, and what does
 *		not go together.
 */
#include "sipp.h"

#include "cohort/algebra.h"

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

/* The names of terms, for messages. */
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

/* Index of a level, -1 if absent. */
int
term_find_level(const SippTerm *t, const char *label)
{
	for (int i = 0; i < t->nlevel; i++)
		if (strcmp(t->label[i], label) == 0)
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
		 * An absent level of an enum has no known rank, so the next one can
		 * only be told for text.
		 */
		if (t->kind == SIPP_TEXT)
			for (i = 0; i < t->nlevel; i++)
				if (strcmp(t->label[i], t->reference) > 0)
					return i;
	}
	return 0;
}

/* Order of two levels: an enum's as declared, else by bytes. */
int
level_compare(const SippTerm *a, int i, const SippTerm *b, int j)
{
	if (a->rank[i] != b->rank[j])
		return a->rank[i] < b->rank[j] ? -1 : 1;
	return strcmp(a->label[i], b->label[j]);
}

/* The error of an enum that changed between two cohorts. */
void
rank_clash(const SippTerm *t, const char *label)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("term \"%s\" has conflicting orders of its levels in two cohorts", t->name),
			 errdetail("Level \"%s\" stands in different places of the enum's declared order.",
					   label),
			 errhint("The enum was changed between the two; make the older cohorts again.")));
}

/*
 * A label that a dictionary has twice, or an enum's label of a rank that another
 * has too; NULL: none.
 */
const char *
term_repeats(const SippTerm *t)
{
	SippTerm	byname = *t;
	SippTerm	byrank = *t;

	byname.rank = palloc0(sizeof(double) * Max(t->nlevel, 1));
	term_sort(&byname, NULL);
	term_sort(&byrank, NULL);
	for (int l = 1; l < t->nlevel; l++)
	{
		if (strcmp(byname.label[l - 1], byname.label[l]) == 0)
			return byname.label[l];
		if (byrank.rank[l - 1] == byrank.rank[l] &&
			(t->kind == SIPP_ENUM || (t->kind == SIPP_SHARES && byrank.rank[l] != 0)))
			return byrank.label[l];
	}
	return NULL;
}

/* The union of two sorted dictionaries into a; checks that ranks agree. */
void
term_union(SippTerm *a, const SippTerm *b)
{
	char	  **label;
	double	   *rank;
	int			n = 0;
	int			i = 0;
	int			j = 0;

	/* most often there is nothing to add */
	if (a->nlevel == b->nlevel)
	{
		while (i < a->nlevel && level_compare(a, i, b, i) == 0)
			i++;
		if (i == a->nlevel)
			return;
		i = 0;
	}
	label = palloc(sizeof(char *) * (a->nlevel + b->nlevel));
	rank = palloc(sizeof(double) * (a->nlevel + b->nlevel));
	while (i < a->nlevel || j < b->nlevel)
	{
		int			cmp = i == a->nlevel ? 1 : j == b->nlevel ? -1 : level_compare(a, i, b, j);

		label[n] = cmp <= 0 ? a->label[i] : b->label[j];
		rank[n] = cmp <= 0 ? a->rank[i] : b->rank[j];
		i += cmp <= 0;
		j += cmp >= 0;
		n++;
	}
	if (n == a->nlevel)
	{
		/* b has no level that a lacks */
		pfree(label);
		pfree(rank);
		return;
	}
	a->label = label;
	a->rank = rank;
	a->nlevel = n;

	/* one label with two ranks, or two with one, comes from a changed enum */
	if (a->kind != SIPP_TEXT)
	{
		const char *twice = term_repeats(a);

		if (twice != NULL)
			rank_clash(a, twice);
	}
	if (n > SIPP_MAX_LEVELS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("factor \"%s\" has more than %d levels", a->name, SIPP_MAX_LEVELS),
				 errhint("Group rare levels, or enter the values as a number.")));
}

/* qsort_arg comparator of level indexes. */
static int
compare_level_index(const void *a, const void *b, void *arg)
{
	return level_compare(arg, *(const int *) a, arg, *(const int *) b);
}

/*
 * Sort a dictionary, into fresh arrays if it is not sorted yet; where rows is
 * given, without empty levels.
 */
void
term_sort(SippTerm *t, const int64 *rows)
{
	bool		sorted = true;
	int		   *order;
	char	  **label;
	double	   *rank;
	int			n = 0;

	for (int l = 0; l < t->nlevel && sorted; l++)
		sorted = (l == 0 || level_compare(t, l - 1, t, l) < 0) && (rows == NULL || rows[l] > 0);
	if (sorted)
		return;

	order = palloc(sizeof(int) * Max(t->nlevel, 1));
	label = palloc(sizeof(char *) * Max(t->nlevel, 1));
	rank = palloc(sizeof(double) * Max(t->nlevel, 1));
	for (int l = 0; l < t->nlevel; l++)
		if (rows == NULL || rows[l] > 0)
			order[n++] = l;
	qsort_arg(order, n, sizeof(int), compare_level_index, t);
	for (int l = 0; l < n; l++)
	{
		label[l] = t->label[order[l]];
		rank[l] = t->rank[order[l]];
	}
	t->label = label;
	t->rank = rank;
	t->nlevel = n;
}

/* A level in quotes, for messages. */
static char *
quote_level(const char *label)
{
	return psprintf("\"%s\"", label);
}

/* The error of two cohorts that cannot be put together. */
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
				if (a[i].kind != b[j].kind || a[i].context != b[j].context)
					ereport(ERROR,
							(errcode(ERRCODE_DATATYPE_MISMATCH),
							 errmsg("term \"%s\" is of different kinds in two cohorts", a[i].name),
							 errdetail("It is %s%s in one and %s%s in the other.",
									   kind_name(a[i].kind), a[i].context ? " (context)" : "",
									   kind_name(b[j].kind), b[j].context ? " (context)" : ""),
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
	return a->kind == b->kind && a->context == b->context &&
		strcmp(a->name, b->name) == 0 &&
		(a->reference == NULL) == (b->reference == NULL) &&
		(a->reference == NULL || strcmp(a->reference, b->reference) == 0);
}
