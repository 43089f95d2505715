/*
 * functions.c
 *		What SQL can ask of a cohort: its size and contents, smaller and other
 *		models from the same evidence, taking one out of another.
 */
#include "sipp.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "cohort/algebra.h"
#include "base/codec.h"
#include "base/row.h"

/* Get the strings of a text[] argument; NULL elements are an error. */
static char **
text_array(FunctionCallInfo fcinfo, int argno, const char *func, const char *arg, int *n)
{
	ArrayType  *a = PG_GETARG_ARRAYTYPE_P(argno);
	Datum	   *elem;
	bool	   *null;
	char	  **out;

	deconstruct_array(a, TEXTOID, -1, false, TYPALIGN_INT, &elem, &null, n);
	out = palloc_array(char *, *n);
	for (int i = 0; i < *n; i++)
	{
		if (null[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" of %s must not contain NULL", arg, func)));
		out[i] = TextDatumGetCString(elem[i]);
	}
	return out;
}

/* Index of a term, or an error that lists what there is. */
static int
need_term(const Cohort *c, const char *name, const char *func)
{
	int			i = cohort_find_term(c, name);
	bool		unnamed = false;

	for (int k = 0; k < c->nterm; k++)
		unnamed |= term_is_unnamed(&c->term[k]);
	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("%s: the cohort has no term \"%s\"", func, name),
				 errdetail("Its terms are: %s.", terms_to_string(c->nterm, c->term)),
				 unnamed ? errhint("An expression or constant has no name of its own and becomes x1, x2, ...: "
								   "use sipp.rename, or OFFSET 0 in the subquery that names it.") : 0));
	return i;
}

PG_FUNCTION_INFO_V1(sipp_cohort_size);
Datum
sipp_cohort_size(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(cohort_getarg(PG_GETARG_DATUM(0))->rows);
}

PG_FUNCTION_INFO_V1(sipp_cohort_dropped);
Datum
sipp_cohort_dropped(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(cohort_getarg(PG_GETARG_DATUM(0))->dropped);
}

/*
 * mean(cohort [, term [, level [, absent]]]): of the outcome, a number, or a level's
 * share.  A cohort knows the levels of its own pupils only, so that a level that
 * none has cannot be told from one that is misspelt: it is an error unless the
 * caller says what it counts.
 */
PG_FUNCTION_INFO_V1(sipp_cohort_mean);
Datum
sipp_cohort_mean(PG_FUNCTION_ARGS)
{
	const char *func = "sipp.mean";
	Cohort	   *c;
	const SippTerm *t;
	int			l;
	char	   *level = NULL;

	if (PG_ARGISNULL(0) || (PG_NARGS() > 1 && PG_ARGISNULL(1)))
		PG_RETURN_NULL();
	c = cohort_getarg(PG_GETARG_DATUM(0));
	if (PG_NARGS() == 1)
	{
		if (c->rows == 0)
			PG_RETURN_NULL();
		PG_RETURN_FLOAT8(c->mean[0]);
	}
	if (c->shapeless)
		PG_RETURN_NULL();
	t = &c->term[need_term(c, text_to_cstring(PG_GETARG_TEXT_PP(1)), func)];
	if (PG_NARGS() > 2 && !PG_ARGISNULL(2))
		level = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if ((t->kind == SIPP_NUMBER) != (level == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 t->kind == SIPP_NUMBER
				 ? errmsg("%s: term \"%s\" is a number and has no levels", func, t->name)
				 : errmsg("%s: term \"%s\" is a factor and needs a level", func, t->name),
				 t->kind == SIPP_NUMBER ? errhint("Leave the level out.")
				 : errhint("Its levels are: %s.", levels_to_string(t))));
	if (c->rows == 0)
		PG_RETURN_NULL();
	if (t->kind == SIPP_NUMBER)
		PG_RETURN_FLOAT8(c->mean[t->first]);
	l = term_find_level(t, level);
	if (l < 0)
	{
		if (PG_NARGS() > 3 && !PG_ARGISNULL(3))
			PG_RETURN_FLOAT8(PG_GETARG_FLOAT8(3));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s: no pupil of the cohort has level \"%s\" of term \"%s\"", func, level, t->name),
				 errdetail("The levels of its pupils are: %s.", levels_to_string(t)),
				 errhint("If the level exists elsewhere, say what it counts here, as in %s(cohort, %s, %s, absent => 0).",
						 func, quote_literal_cstr(t->name), quote_literal_cstr(level))));
	}
	if (t->kind == SIPP_SHARES)
		PG_RETURN_FLOAT8(c->mean[t->first + l]);
	PG_RETURN_FLOAT8(c->level_weight[t->first + l] / c->weight);
}

/*
 * One row of describe; sd from a sum of squares is that of a sample, and with
 * weights does not depend on their scale.
 */
static void
describe_row(ReturnSetInfo *rsinfo, const Cohort *c, const char *term, const char *level,
			 const char *kind, int levels, bool has_levels, double mean, double ss)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = CStringGetTextDatum(term);
	nulls[1] = level == NULL;
	values[1] = level ? CStringGetTextDatum(level) : (Datum) 0;
	values[2] = CStringGetTextDatum(kind);
	nulls[3] = !has_levels;
	values[3] = Int32GetDatum(levels);
	nulls[4] = c->rows == 0;
	values[4] = Float8GetDatum(mean);
	nulls[5] = c->rows < 2;
	values[5] = nulls[5] ? (Datum) 0 :
		Float8GetDatum(sqrt(Max(ss, 0) / c->weight * ((double) c->rows / (double) (c->rows - 1))));
	put_row(rsinfo, lengthof(values), values, nulls);
}

PG_FUNCTION_INFO_V1(sipp_cohort_describe);
Datum
sipp_cohort_describe(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Cohort	   *c;

	InitMaterializedSRF(fcinfo, 0);
	c = cohort_getarg(PG_GETARG_DATUM(0));
	describe_row(rsinfo, c, "(outcome)", NULL, "outcome", 0, false, c->mean[0], c->cross[0]);
	for (int i = 0; i < c->nterm; i++)
	{
		const SippTerm *t = &c->term[i];
		const char *kind = t->kind == SIPP_NUMBER ? (t->context ? "context" : "number")
			: t->kind == SIPP_SHARES ? "context" : t->kind == SIPP_ENUM ? "enum" : "text";

		if (t->kind == SIPP_NUMBER)
			describe_row(rsinfo, c, t->name, NULL, kind, 0, false, c->mean[t->first],
						 c->cross[SIPP_TRI(t->first, t->first)]);
		for (int l = 0; l < t->nlevel; l++)
		{
			int			at = t->first + l;
			double		share;

			if (t->kind == SIPP_SHARES)
			{
				describe_row(rsinfo, c, t->name, t->label[l], kind, t->nlevel, true,
							 c->mean[at], c->cross[SIPP_TRI(at, at)]);
				continue;
			}
			share = c->level_weight[at] / c->weight;
			describe_row(rsinfo, c, t->name, t->label[l], kind, t->nlevel, true, share,
						 c->level_weight[at] * (1 - share));
		}
		/* a factor of an empty cohort still shows that it is there */
		if (t->kind != SIPP_NUMBER && t->nlevel == 0)
			describe_row(rsinfo, c, t->name, NULL, kind, 0, true, 0, 0);
	}
	return (Datum) 0;
}

/* Report a figure of sipp.cohort_of that is out of range. */
pg_noreturn static void
bad_figure(const char *arg, const char *must, double value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" of sipp.cohort_of must be %s", arg, must),
			 errdetail("It is %g.", value)));
}

/*
 * cohort_of(n, mean, sd): the sums are n, mean and (n - 1) sd^2.  Of no pupils
 * there is no mean, and of less than two no sd; 0 may stand for them, as it does
 * in published tables.
 */
PG_FUNCTION_INFO_V1(sipp_cohort_of);
Datum
sipp_cohort_of(PG_FUNCTION_ARGS)
{
	double		mean = PG_ARGISNULL(1) ? 0 : PG_GETARG_FLOAT8(1);
	double		sd = PG_ARGISNULL(2) ? 0 : PG_GETARG_FLOAT8(2);
	Cohort	   *c;
	int64		n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	n = PG_GETARG_INT64(0);
	if (n < 0)
		bad_figure("n", "0 or more", (double) n);
	if (n > SIPP_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a cohort cannot have more than 2^53 rows")));
	if (!isfinite(mean))
		bad_figure("mean", "finite", mean);
	if (!isfinite(sd) || sd < 0)
		bad_figure("sd", "finite and not negative", sd);
	if (n == 0 && mean != 0)
		bad_figure("mean", "NULL or 0 where n is 0", mean);
	if (n < 2 && sd != 0)
		bad_figure("sd", "NULL or 0 where n is below 2", sd);
	if ((n > 0 && PG_ARGISNULL(1)) || (n > 1 && PG_ARGISNULL(2)))
		PG_RETURN_NULL();

	c = cohort_make(0, NULL, false);
	c->rows = n;
	c->weight = (double) n;
	c->mean[0] = mean;
	c->cross[0] = n > 1 ? (double) (n - 1) * sd * sd : 0;
	PG_RETURN_POINTER(cohort_pack(c));
}

PG_FUNCTION_INFO_V1(sipp_cohort_add);
Datum
sipp_cohort_add(PG_FUNCTION_ARGS)
{
	Cohort	   *a = cohort_getarg(PG_GETARG_DATUM(0));
	Cohort	   *b = cohort_getarg(PG_GETARG_DATUM(1));

	PG_RETURN_POINTER(cohort_pack(cohort_merge(a, b)));
}

PG_FUNCTION_INFO_V1(sipp_cohort_subtract);
Datum
sipp_cohort_subtract(PG_FUNCTION_ARGS)
{
	Cohort	   *a = cohort_getarg(PG_GETARG_DATUM(0));
	Cohort	   *b = cohort_getarg(PG_GETARG_DATUM(1));

	PG_RETURN_POINTER(cohort_pack(cohort_subtract(a, b)));
}

PG_FUNCTION_INFO_V1(sipp_cohort_subset);
Datum
sipp_cohort_subset(PG_FUNCTION_ARGS)
{
	const char *func = "sipp.subset";
	Cohort	   *c = cohort_getarg(PG_GETARG_DATUM(0));
	int			n;
	char	  **name = text_array(fcinfo, 1, func, "terms", &n);
	int		   *terms = palloc_array(int, n);

	if (c->shapeless)
		PG_RETURN_POINTER(cohort_pack(c));
	for (int i = 0; i < n; i++)
	{
		terms[i] = need_term(c, name[i], func);
		for (int j = 0; j < i; j++)
			if (terms[j] == terms[i])
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("%s: term \"%s\" is listed twice", func, name[i])));
	}
	PG_RETURN_POINTER(cohort_pack(cohort_select(c, n, terms)));
}

/*
 * with_context: the cohort's own means of some terms as further covariates
 * (Mundlak 1978), constant within it.
 */
PG_FUNCTION_INFO_V1(sipp_cohort_with_context);
Datum
sipp_cohort_with_context(PG_FUNCTION_ARGS)
{
	const char *func = "sipp.with_context";
	Cohort	   *c = cohort_getarg(PG_GETARG_DATUM(0));
	int			n;
	char	  **name = text_array(fcinfo, 1, func, "terms", &n);
	SippTerm   *terms;
	Cohort	   *out;
	int		   *keep;

	if (c->shapeless)
		PG_RETURN_POINTER(cohort_pack(c));
	if (c->nterm + n > SIPP_MAX_TERMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a cohort cannot have more than %d terms", SIPP_MAX_TERMS),
				 errhint("Leave some out with sipp.subset first.")));
	terms = palloc0_array(SippTerm, c->nterm + n);
	memcpy(terms, c->term, sizeof(SippTerm) * c->nterm);
	for (int i = 0; i < n; i++)
	{
		const SippTerm *from = &c->term[need_term(c, name[i], func)];
		SippTerm   *t = &terms[c->nterm + i];

		if (from->context)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s: term \"%s\" is context already", func, name[i])));
		t->name = psprintf("%s_mean", from->name);
		t->context = true;
		if (from->kind != SIPP_NUMBER)
		{
			t->kind = SIPP_SHARES;
			t->reference = from->reference;
			t->nlevel = from->nlevel;
			t->label = from->label;
			t->of_enum = term_ordered(from);
			t->before = from->before;
		}
	}
	(void) terms_check(c->nterm + n, terms, NULL);

	/*
	 * The new columns are constant: zero cross-products and level sums, which
	 * is what they start with.  Everything else keeps its place, since new
	 * terms come last and add neither factors nor levels.
	 */
	out = cohort_make(c->nterm + n, terms, c->weighted);
	keep = palloc_array(int, c->nterm);
	for (int i = 0; i < c->nterm; i++)
		keep[i] = i;
	out->rows = c->rows;
	out->dropped = c->dropped;
	out->weight = c->weight;
	out->sum_log_w = c->sum_log_w;
	out->fractional = c->fractional;
	memcpy(out->mean, c->mean, sizeof(double) * c->nnum);
	memcpy(out->cross, c->cross, sizeof(double) * SIPP_NTRI(c->nnum));
	memcpy(out->level_rows, c->level_rows, sizeof(int64) * c->nlevel);
	memcpy(out->level_weight, c->level_weight, sizeof(double) * c->nlevel);
	for (int l = 0; l < c->nlevel; l++)
		memcpy(out->level_sum + (size_t) l * out->nnum, c->level_sum + (size_t) l * c->nnum,
			   sizeof(double) * c->nnum);
	if (c->nfactor > 1)
		memcpy(out->cell[0], c->cell[0], sizeof(double) * cohort_ncell(c));
	for (int i = 0; i < n && c->rows > 0; i++)
	{
		const SippTerm *from = &c->term[cohort_find_term(c, name[i])];
		const SippTerm *t = &out->term[c->nterm + i];

		if (from->kind == SIPP_NUMBER)
			out->mean[t->first] = c->mean[from->first];
		for (int l = 0; l < from->nlevel; l++)
			out->mean[t->first + l] = c->level_weight[from->first + l] / c->weight;
	}
	pfree(keep);
	PG_RETURN_POINTER(cohort_pack(out));
}

PG_FUNCTION_INFO_V1(sipp_cohort_rename);
Datum
sipp_cohort_rename(PG_FUNCTION_ARGS)
{
	const char *func = "sipp.rename";
	Cohort	   *c = cohort_getarg(PG_GETARG_DATUM(0));
	int			n;
	char	  **name = text_array(fcinfo, 1, func, "names", &n);

	if (c->shapeless)
		PG_RETURN_POINTER(cohort_pack(c));
	if (n != c->nterm)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s needs one name for each covariate", func),
				 errdetail("There are %d covariates (%s) and %d names.", c->nterm,
						   terms_to_string(c->nterm, c->term), n)));
	for (int i = 0; i < n; i++)
		c->term[i].name = name[i];
	(void) terms_check(c->nterm, c->term, NULL);
	PG_RETURN_POINTER(cohort_pack(c));
}

/* relevel: the reference may be a level that this cohort happens to lack */
PG_FUNCTION_INFO_V1(sipp_cohort_relevel);
Datum
sipp_cohort_relevel(PG_FUNCTION_ARGS)
{
	const char *func = "sipp.relevel";
	Cohort	   *c = cohort_getarg(PG_GETARG_DATUM(0));
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	SippTerm   *t;

	if (c->shapeless)
		PG_RETURN_POINTER(cohort_pack(c));
	t = &c->term[need_term(c, name, func)];
	if (t->kind == SIPP_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s: term \"%s\" is a number and has no levels", func, name),
				 errhint("Make it a factor when the cohort is made: sipp.factor(%s).", name)));
	t->reference = text_to_cstring(PG_GETARG_TEXT_PP(2));
	(void) terms_check(c->nterm, c->term, NULL);
	PG_RETURN_POINTER(cohort_pack(c));
}
