/*
 * check.c
 *		Validate cohorts that come from outside (input, recv), and repair rounding
 *		in computed ones.
 *
 * The two belong together, because whatever is stored must pass the check when
 * it is read again, or a dump could not be restored: everything that is packed
 * has been settled first, with the tolerances of the check.
 */
#include "sipp.h"

#include <float.h>
#include <math.h>

#include "mb/pg_wchar.h"

#include "cohort/algebra.h"

/*
 * Relative slack of the check.  Settling starts at a tenth of it, so that what
 * was settled passes, and comes back unchanged.  Counts have none; that of sums of
 * weights is WEIGHT_SLACK.
 */
#define CROSS_SLACK		1e-9
#define LEVEL_SLACK		1e-7

/* Report a value that no pupils can have produced. */
void
cohort_invalid(const char *detail, Node *escontext)
{
	SIPP_BAD_INPUT(escontext,
				   (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid value of type sipp.cohort"),
					errdetail("%s", detail)));
}

/* Report a name or level that is too long, or a name that is empty. */
static void
check_name(const char *what, const char *s, bool empty_ok, Node *escontext)
{
	if (*s == '\0' && !empty_ok)
		SIPP_BAD_INPUT(escontext,
					   (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must not be empty", what)));
	/* no fewer bytes than characters */
	if (strlen(s) > SIPP_MAX_NAME && pg_mbstrlen(s) > SIPP_MAX_NAME)
		SIPP_BAD_INPUT(escontext,
					   (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("%s is longer than %d characters", what, SIPP_MAX_NAME),
						errdetail("It starts with \"%s\".",
								  pnstrdup(s, pg_mbcliplen(s, (int) strlen(s), 60))),
						errhint("Shorten it before it enters the cohort, as in left(x, %d).",
								SIPP_MAX_NAME)));
}

/*
 * Check that names and dictionaries are present, short enough and distinct.  False:
 * they are not, and the error went to escontext.
 */
bool
terms_check(int nterm, const SippTerm *terms, Node *escontext)
{
	for (int i = 0; i < nterm && !SOFT_ERROR_OCCURRED(escontext); i++)
	{
		SippTerm	t = terms[i];

		check_name("the name of a term", t.name, false, escontext);
		if (t.kind == SIPP_SHARES ? !t.context : t.kind != SIPP_NUMBER && t.context)
			cohort_invalid(psprintf("Term \"%s\" is a factor and context, or shares and not context.",
									t.name), escontext);
		for (int j = 0; j < i; j++)
			if (strcmp(t.name, terms[j].name) == 0)
				SIPP_BAD_INPUT(escontext,
							   (errcode(ERRCODE_DUPLICATE_COLUMN),
								errmsg("two covariates have the name \"%s\"", t.name),
								errhint("Give each its own name with sipp.rename; columns of one name from two tables "
										"are told apart in a subquery with OFFSET 0 that renames one.")));
		if (t.reference)
			check_name("a level", t.reference, true, escontext);
		for (int l = 0; l < t.nlevel; l++)
			check_name("a level", t.label[l], true, escontext);
		if (term_repeats(&t) != NULL)
			cohort_invalid(psprintf("Term \"%s\" has a level twice.", t.name), escontext);
	}
	return !SOFT_ERROR_OCCURRED(escontext);
}

/*
 * The most that level l's sum over a column can be, where root is that column's
 * sqrt(S): |s| <= sqrt(S w (W - w) / W), by Cauchy-Schwarz, W being the sum of the
 * factor's own level weights.  The absolute part of the slack is for a level that
 * is nearly all or nearly nothing: its sum carries the rounding of all others.
 * Both the check and the repair ask here, with their own slack.
 */
static double
most_of_level(const Cohort *c, const SippTerm *t, int l, double total, double root, double slack)
{
	double		w = c->level_weight[t->first + l];
	double		left = Max(1 - w / total, 0);

	return root * sqrt(w * left) * (1 + 10 * slack) + root * sqrt(total) * slack;
}

/* Sum of the weights of a factor's levels. */
static double
levels_weight(const Cohort *c, const SippTerm *t)
{
	double		total = 0;

	for (int l = t->first; l < t->first + t->nlevel; l++)
		total += c->level_weight[l];
	return total;
}

/* Find the first level of a factor whose sum over column i is too much, or -1. */
static int
find_excess(const Cohort *c, const SippTerm *t, int i, double total, double slack)
{
	double		root = sqrt(c->cross[SIPP_TRI(i, i)]);

	for (int l = 0; l < t->nlevel; l++)
		if (!(fabs(c->level_sum[(size_t) (t->first + l) * c->nnum + i]) <=
			  most_of_level(c, t, l, total, root, slack)))
			return l;
	return -1;
}

/*
 * The sums of a factor's first level over column i, from those of the others: over
 * all levels they add up to zero, which is why they are not stored.
 */
static void
derive_first_level(Cohort *c, const SippTerm *t, int i)
{
	double	   *sum = c->level_sum + (size_t) t->first * c->nnum + i;
	double		rest = 0;

	for (int l = 1; l < t->nlevel; l++)
		rest += sum[(size_t) l * c->nnum];
	sum[0] = rest == 0 ? 0 : -rest;
}

void
derive_first_levels(Cohort *c)
{
	for (int t = 0; t < c->nterm; t++)
		for (int i = 0; i < c->nnum; i++)
			if (c->term[t].factor >= 0 && c->term[t].nlevel > 0)
				derive_first_level(c, &c->term[t], i);
}

/*
 * Bring a factor's sums over column i within what the variance allows: each that is
 * stored to its own most; then all of them by one factor, if the first level, which
 * is what they leave, has too much still.  That is less than the slack above its
 * most unless the weights themselves are off.
 */
static void
limit_levels(Cohort *c, const SippTerm *t, int i, double total, double slack)
{
	double		root = sqrt(c->cross[SIPP_TRI(i, i)]);
	double	   *sum = c->level_sum + (size_t) t->first * c->nnum + i;
	double		most;

	for (int l = 1; l < t->nlevel; l++)
	{
		double	   *s = &sum[(size_t) l * c->nnum];

		if (!(fabs(*s) <= most_of_level(c, t, l, total, root, slack)))
			*s = copysign(most_of_level(c, t, l, total, root, 0), *s);
	}
	derive_first_level(c, t, i);
	most = most_of_level(c, t, 0, total, root, slack);
	if (!(fabs(sum[0]) <= most))
	{
		double		scale = most_of_level(c, t, 0, total, root, slack / 2) / fabs(sum[0]);

		for (int l = 1; l < t->nlevel; l++)
			sum[(size_t) l * c->nnum] *= scale;
		derive_first_level(c, t, i);
	}
}

/*
 * Undo what rounding did to sums that nearly cancel: no variance is negative, no
 * covariance and no level's sum more than the variances allow.  First levels have
 * been derived before that, because reading derives them too: what is settled here
 * must be what is checked there.  Sums in good order are left as they are.
 */
void
cohort_settle(Cohort *c)
{
	double	   *root;

	if (c->rows == 0)
		return;
	root = palloc_array(double, c->nnum);
	for (int i = 0; i < c->nnum; i++)
	{
		double	   *row = &c->cross[SIPP_TRI(i, 0)];

		/* one row has no spread */
		if (row[i] < 0 || c->rows == 1)
			row[i] = 0;
		root[i] = sqrt(row[i]);
		for (int j = 0; j < i; j++)
		{
			double		most = root[i] * root[j];

			if (fabs(row[j]) > most * (1 + CROSS_SLACK / 10))
				row[j] = row[j] < 0 ? -most : most;
		}
	}
	pfree(root);
	for (int t = 0; t < c->nterm; t++)
	{
		double		total;

		if (c->term[t].factor < 0)
			continue;
		total = levels_weight(c, &c->term[t]);
		for (int i = 0; i < c->nnum; i++)
			if (find_excess(c, &c->term[t], i, total, LEVEL_SLACK / 10) >= 0)
				limit_levels(c, &c->term[t], i, total, LEVEL_SLACK / 10);
	}
}

/*
 * Settle c, the difference of a and something in it, whose arrays have a's
 * layout still: what is below the rounding of what it was taken from is zero.
 * Returns what is further out than rounding goes, or NULL.
 */
const char *
cohort_settle_rest(Cohort *c, const Cohort *a)
{
	const double tiny = 64 * DBL_EPSILON;
	const double gross = 1e-6;
	double	   *lost = palloc_array(double, c->nnum);
	size_t		ncell = c->nfactor > 1 ? cohort_ncell(c) : 0;

	for (int i = 0; i < c->nnum; i++)
	{
		double	   *row = &c->cross[SIPP_TRI(i, 0)];

		lost[i] = a->cross[SIPP_TRI(i, i)] + a->weight * a->mean[i] * a->mean[i] * tiny;
		if (row[i] < -gross * lost[i])
			return "A variance would be negative.";
		if (row[i] <= tiny * lost[i])
			row[i] = 0;
		for (int j = 0; j < i; j++)
			if (fabs(row[j]) > sqrt(row[i]) * sqrt(c->cross[SIPP_TRI(j, j)]) +
				gross * sqrt(lost[i]) * sqrt(lost[j]))
				return "A covariance would be more than its variances allow.";
	}
	for (size_t k = 0; k < ncell; k++)
	{
		if (c->cell[0][k] < -gross * a->cell[0][k] &&
			!(c->weighted && c->cell[0][k] >= -WEIGHT_SLACK * c->weight))
			return "A pair of levels has more pupils in it than in the first.";
		c->cell[0][k] = Max(c->cell[0][k], 0);
	}
	pfree(lost);
	return NULL;
}

/* Check counts and the sum of weights. */
static const char *
find_count_flaw(const Cohort *c)
{
	if (c->rows < 0 || c->dropped < 0 || c->rows > SIPP_MAX_ROWS || c->dropped > SIPP_MAX_ROWS)
		return "A count is out of range.";
	if (c->shapeless && (c->nterm > 0 || c->rows > 0))
		return "A cohort without a shape has terms or rows.";
	if (c->rows == 0)
	{
		if (c->weight != 0 || c->sum_log_w != 0)
			return "A cohort without rows has weight.";
		for (int i = 0; i < c->nterm; i++)
			if (SIPP_IS_FACTOR(c->term[i].kind) && c->term[i].nlevel > 0)
				return "A cohort without rows has levels.";
		return NULL;
	}
	if (!(c->weight > 0) || !isfinite(c->weight) || !isfinite(c->sum_log_w) ||
		(!c->weighted && (c->weight != (double) c->rows || c->sum_log_w != 0)))
		return "The sum of weights does not fit the rows.";
	return NULL;
}

/* Check means, variances and covariances. */
static const char *
find_moment_flaw(const Cohort *c)
{
	for (int i = 0; i < c->nnum; i++)
	{
		double		v = c->cross[SIPP_TRI(i, i)];

		if (!isfinite(c->mean[i]) || !isfinite(v) || v < 0)
			return "A mean or variance is out of range.";
		if (c->rows == 1 && v != 0)
			return "A single row has a variance.";
		for (int j = 0; j < i; j++)
			if (!(fabs(c->cross[SIPP_TRI(i, j)]) <=
				  sqrt(v) * sqrt(c->cross[SIPP_TRI(j, j)]) * (1 + CROSS_SLACK)))
				return "A covariance is more than its variances allow.";
	}
	return NULL;
}

/* Check counts, weights and sums of a factor's levels; slack of a sum of weights. */
static const char *
find_level_flaw(const Cohort *c, const SippTerm *t, double slack)
{
	int64		rows = 0;
	double		weight = 0;

	for (int l = t->first; l < t->first + t->nlevel; l++)
	{
		double		w = c->level_weight[l];

		if (c->level_rows[l] <= 0 || c->level_rows[l] > c->rows - rows ||
			!(w > 0) || !isfinite(w) ||
			(!c->weighted && w != (double) c->level_rows[l]))
			return psprintf("The count of level \"%s\" of term \"%s\" is out of range.",
							t->label[l - t->first], t->name);
		rows += c->level_rows[l];
		weight += w;
	}
	if (rows != c->rows || !(fabs(weight - c->weight) <= slack))
		return psprintf("The levels of term \"%s\" do not add up to all rows.", t->name);
	for (int i = 0; i < c->nnum; i++)
	{
		int			l = find_excess(c, t, i, weight, LEVEL_SLACK);

		if (l >= 0)
			return psprintf("A sum of level \"%s\" of term \"%s\" is more than the variances allow.",
							t->label[l], t->name);
	}
	return NULL;
}

/* Check that the cells of factors t and u, u before t, add up to both factors' levels. */
static const char *
find_cell_flaw(const Cohort *c, const SippTerm *t, const SippTerm *u, double slack)
{
	const double *cell = c->cell[SIPP_PAIR(t->factor, u->factor)];
	double	   *margin = palloc0_array(double, u->nlevel);

	for (int a = 0; a < t->nlevel; a++)
	{
		double		sum = 0;

		for (int b = 0; b < u->nlevel; b++)
		{
			double		v = cell[(size_t) a * u->nlevel + b];

			if (!(v >= 0) || !isfinite(v) || (!c->weighted && v != floor(v)))
				return "A cell count is out of range.";
			sum += v;
			margin[b] += v;
		}
		if (!(fabs(sum - c->level_weight[t->first + a]) <= slack))
			return "The cells of two factors do not add up.";
	}
	for (int b = 0; b < u->nlevel; b++)
		if (!(fabs(margin[b] - c->level_weight[u->first + b]) <= slack))
			return "The cells of two factors do not add up.";
	pfree(margin);
	return NULL;
}

/*
 * Tell what in a cohort no pupils can have produced; NULL: nothing.  Later
 * arithmetic leans on this: counts add up, sums are finite, no covariance is more
 * than its variances allow.
 */
const char *
cohort_flaw(const Cohort *c)
{
	double		slack = c->weighted ? WEIGHT_SLACK * c->weight : 0;
	const char *flaw = find_count_flaw(c);

	if (flaw != NULL || c->rows == 0)
		return flaw;
	flaw = find_moment_flaw(c);
	for (int t = 0; t < c->nterm && flaw == NULL; t++)
	{
		if (c->term[t].factor < 0)
			continue;
		flaw = find_level_flaw(c, &c->term[t], slack);
		for (int u = 0; u < t && flaw == NULL; u++)
			if (c->term[u].factor >= 0)
				flaw = find_cell_flaw(c, &c->term[t], &c->term[u], slack);
	}
	return flaw;
}

/* Check what in and recv were given, and bring its dictionaries into canonical order. */
bool
cohort_check(Cohort *c, Node *escontext)
{
	const char *flaw;

	if (!terms_check(c->nterm, c->term, escontext))
		return false;
	if ((flaw = cohort_flaw(c)) != NULL)
	{
		cohort_invalid(flaw, escontext);
		return false;
	}
	cohort_tidy(c);
	return true;
}
