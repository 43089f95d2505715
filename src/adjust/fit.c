/*
 * fit.c
 *		From cohorts to a fitted two-level model.
 *
 * Each cohort is read twice: once for the union of the dictionaries, once for its
 * means and cross-products in the columns of that union.  The arithmetic of the fit is src/num/lmm.h's.
 */
#include "sipp.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "adjust/adjust.h"
#include "adjust/modelwalk.h"

#define MAX_LISTED 10			/* names in one notice */

/* How far ahead, and how much of it, a cohort is fetched into the cache. */
#define AHEAD		8
#define AHEAD_BYTES 384

/* What is read from the cohorts, in the columns of the frame. */
typedef struct FitData
{
	int			J;
	double	   *n;				/* [J] sum of weights */
	double	   *mean;			/* [J][p+1] */
	double	   *within;			/* [p+1][p+1] */
	double	   *zs;				/* [J][q-1][p+1], NULL if q = 1 */
	double	   *total;			/* [p+1] sum of squares of each column */
	double		sum_log_w;
	bool		fractional;		/* a weight is not a whole number */
} FitData;

/* For long loops in src/num. */
void
fit_interrupt(void)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Fetch a cohort that is soon to be read, because they lie in memory in another
 * order than that of the fit.
 */
static inline void
fetch_ahead(const FitInput *in, int64 i)
{
#ifdef __GNUC__
	if (i + AHEAD < in->ncohort)
		for (int at = 0; at < AHEAD_BYTES; at += 64)
			__builtin_prefetch((const char *) in->cohort[i + AHEAD] + at);
#endif
}

/*
 * The union of the cohorts' terms.  Counts rows, and takes the cohorts without
 * complete rows out of the input.
 */
static void
build_frame(FitInput *in, SippModel *m, FitData *d, CohortReader *reader)
{
	int64		kept = 0;
	uint64		seen = 0;		/* shape already in the frame */

	for (int64 i = 0; i < in->ncohort; i++)
	{
		Cohort	   *c;

		CHECK_FOR_INTERRUPTS();
		fetch_ahead(in, i);
		c = cohort_read_counts(reader, in->cohort[i]);
		m->dropped += c->dropped;
		if (m->pupils + c->rows > SIPP_MAX_ROWS || m->dropped > SIPP_MAX_ROWS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("%s: more than 2^53 pupils", in->function)));
		if (c->rows == 0)
			m->empty++;
		else
		{
			m->pupils += c->rows;
			m->weight += c->weight;
			d->sum_log_w += c->sum_log_w;
			d->fractional |= c->fractional;
			if (m->frame == NULL)
				m->frame = frame_begin(c);
			else if (reader->shapes != seen)
				frame_add(m->frame, c);
			seen = reader->shapes;
			in->cohort[kept++] = in->cohort[i];
		}
	}
	in->ncohort = kept;
	m->empty += in->nulls;
	if (kept < 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s needs at least two schools with complete rows", in->function),
				 errdetail("Schools: %lld; cohorts without a complete row: %lld.",
						   (long long) kept, (long long) m->empty),
				 errhint("Each cohort must be one school. Where groups of schools are fitted "
						 "apart, leave out the groups with a single school.")));
	if (kept > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: too many schools", in->function),
				 errhint("Fit parts of them, as by sector.")));
	frame_finish(m->frame);
	m->schools = kept;
}

/* Columns of the random terms: the intercept and those of each slope. */
static void
resolve_slopes(const FitInput *in, SippModel *m)
{
	const SippFrame *f = m->frame;

	m->zcol[0] = 0;
	m->q = 1;
	for (int i = 0; i < in->nslope; i++)
	{
		int			t = 0;
		int			before = m->q;

		while (t < f->nterm && strcmp(f->term[t].name, in->slope[i]) != 0)
			t++;
		if (t == f->nterm)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("%s: no term \"%s\" for a random slope", in->function, in->slope[i]),
					 errdetail("The cohorts have the terms %s.",
							   terms_to_string(f->nterm, f->term)),
					 errhint("sipp.rename gives terms their names.")));
		for (int k = 1; k < f->p; k++)
		{
			if (f->col_term[k] != t)
				continue;
			for (int j = 1; j < before; j++)
				if (m->zcol[j] == k)
					ereport(ERROR,
							(errcode(ERRCODE_DUPLICATE_COLUMN),
							 errmsg("%s: random slope \"%s\" is there twice",
									in->function, in->slope[i])));
			if (m->q > SIPP_MAX_SLOPES)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("%s: more than %d columns with a random slope",
								in->function, SIPP_MAX_SLOPES),
						 errdetail("A number is one column, a factor one for each level but the reference."),
						 errhint("Leave a slope out, or use a number in place of a factor.")));
			m->zcol[m->q++] = k;
		}
		if (m->q == before)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s: term \"%s\" cannot have a random slope", in->function, in->slope[i]),
					 errdetail("It has a single level in all cohorts.")));
	}
}

/*
 * Weights must be of a size that leaves room for their products: beyond it, sums
 * would vanish beside the constants that they are compared with.
 */
static void
check_weights(const FitInput *in, const SippModel *m)
{
	double		mean = m->weight / (double) m->pupils;

	if (!(mean >= 1e-50 && mean <= 1e50))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s: weights are out of range", in->function),
				 errdetail("Their mean is %g; it must be between 1e-50 and 1e50.", mean),
				 errhint("Multiply all weights by one number, so that their mean is about 1: the pupil variance changes by that number, and nothing else.")));
}

/* Means, cross-products and slope rows of every cohort. */
static void
load_cohorts(const FitInput *in, const SippModel *m, FitData *d, CohortReader *reader)
{
	MemoryContext fitcxt = CurrentMemoryContext;
	size_t		w = (size_t) m->p + 1;
	size_t		nz = m->q - 1;

	d->J = (int) in->ncohort;
	if (lmm_workspace(d->J, m->p, m->q) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: the problem is too large", in->function),
				 errhint("Leave covariates out with sipp.subset.")));
	d->n = MemoryContextAllocHuge(fitcxt, sizeof(double) * d->J);
	d->mean = MemoryContextAllocHuge(fitcxt, sizeof(double) * d->J * w);
	d->within = MemoryContextAllocHuge(fitcxt, sizeof(double) * w * w);
	memset(d->within, 0, sizeof(double) * w * w);
	if (nz > 0)
		d->zs = MemoryContextAllocHuge(fitcxt, sizeof(double) * d->J * nz * w);
	for (int j = 0; j < d->J; j++)
	{
		Cohort	   *c;
		const FrameMap *map;

		CHECK_FOR_INTERRUPTS();
		fetch_ahead(in, j);
		c = cohort_read(reader, in->cohort[j]);
		map = cohort_reader_map(reader, m->frame);
		if (frame_map_reason(map) != NULL)
			elog(ERROR, "%s: %s", in->function, frame_map_reason(map));
		d->n[j] = c->weight;
		frame_project(map, c, d->mean + j * w);
		frame_accumulate(map, c, d->within);
		if (nz > 0)
			frame_rows(map, c, (int) nz, m->zcol + 1, d->zs + j * nz * w);
	}
}

/*
 * Take the means about the national ones, m->mu.  The second pass takes out
 * what rounding left of the first, so that a constant becomes exactly zero.
 * Then sums of squares of every column, and a column that varies by no more
 * than rounding of its own size is made the constant that it is meant to be.
 */
static void
centre(SippModel *m, FitData *d)
{
	int			p = m->p;
	size_t		w = (size_t) p + 1;

	for (int pass = 0; pass < 2; pass++)
	{
		double	   *shift = palloc0_array(double, w);

		for (int j = 0; j < d->J; j++)
		{
			CHECK_FOR_INTERRUPTS();
			for (int k = 1; k <= p; k++)
				shift[k] += d->mean[j * w + k] * (d->n[j] / m->weight);
		}
		for (int k = 1; k <= p; k++)
			m->mu[k] += shift[k];
		for (int j = 0; j < d->J; j++)
		{
			CHECK_FOR_INTERRUPTS();
			for (int k = 1; k <= p; k++)
				d->mean[j * w + k] -= shift[k];
		}
		pfree(shift);
	}

	d->total = palloc0_array(double, w);
	for (int j = 0; j < d->J; j++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int k = 1; k <= p; k++)
			d->total[k] += d->n[j] * d->mean[j * w + k] * d->mean[j * w + k];
	}
	for (int k = 1; k <= p; k++)
	{
		CHECK_FOR_INTERRUPTS();
		d->total[k] += d->within[k * w + k];
		if (!(sqrt(d->total[k] / m->weight) <= 1e-14 * fabs(m->mu[k])))
			continue;
		d->total[k] = 0;
		for (int i = 0; i <= p; i++)
			d->within[i * w + k] = d->within[k * w + i] = 0;
		for (int j = 0; j < d->J; j++)
		{
			d->mean[j * w + k] = 0;
			for (int i = 1; i < m->q; i++)
				d->zs[(j * (size_t) (m->q - 1) + i - 1) * w + k] = 0;
		}
	}
}

/* Start another remark of the notice. */
static void
remark(StringInfo s)
{
	if (s->len > 0)
		appendStringInfoString(s, "; ");
}

/* Append an item to a list that names MAX_LISTED and counts the others. */
static void
list_item(StringInfo s, int *count, const char *item)
{
	if (++*count <= MAX_LISTED)
		appendStringInfo(s, "%s%s", *count > 1 ? ", " : "", item);
}

/* End such a list. */
static void
list_end(StringInfo s, int count)
{
	if (count > MAX_LISTED)
		appendStringInfo(s, " and %d more", count - MAX_LISTED);
}

/*
 * Columns without a coefficient of their own, and factors that have no column
 * since all pupils have one level.  Both are constant or combinations of what
 * comes before, the intercept included.
 */
static void
aliased_remark(StringInfo s, const SippModel *m)
{
	const SippFrame *f = m->frame;
	int			count = 0;

	for (int t = 0; t < f->nterm; t++)
	{
		const SippTerm *term = &f->term[t];
		int			n = term->kind == SIPP_NUMBER ? 1 : term->nlevel - 1;
		bool		single = term->kind != SIPP_NUMBER && n == 0;

		for (int k = term->first; k < term->first + n || single; k++)
		{
			if (!single && !m->aliased[k])
				continue;
			if (count == 0)
			{
				remark(s);
				appendStringInfoString(s, "aliased with the terms before: ");
			}
			list_item(s, &count, single
					  ? psprintf("%s (all pupils have \"%s\")", term->name, term->label[0])
					  : model_column_label(f, k));
			if (single)
				break;
		}
	}
	list_end(s, count);
}

/*
 * The terms with a coefficient that are constant within schools, into names;
 * returns how many (within: [p] columns that vary within a school).
 */
static int
between_terms(StringInfo names, const SippModel *m, const bool *within)
{
	const SippFrame *f = m->frame;
	int			last = -1;
	int			count = 0;

	initStringInfo(names);
	for (int k = 1; k < m->p; k++)
		if (!m->aliased[k] && !within[k] && f->col_term[k] != last)
		{
			last = f->col_term[k];
			list_item(names, &count, f->term[last].name);
		}
	list_end(names, count);
	return count;
}

/*
 * A school-level covariance on its boundary, or one whose intercept cannot be told
 * from covariates.  What schools differ by may be taken up by covariates that are
 * constant within them: then these are named (within: as above).
 */
static void
singular_remark(StringInfo s, const SippModel *m, const bool *within)
{
	StringInfoData names;
	int			count = between_terms(&names, m, within);
	bool		all = count > 0 && m->schools <= m->between;

	if (all && m->q > 1)
	{
		remark(s);
		appendStringInfo(s, "%s, constant within schools, take%s up all differences between them but those of slopes: school_variance and effects at the means are not known",
						 names.data, count == 1 ? "s" : "");
	}
	if (!m->singular)
		return;
	remark(s);
	if (m->q > 1)
		appendStringInfoString(s, m->D[0] == 0
							   ? "singular fit: at the national means of the slope terms the variance of effects is estimated as zero, and so are all effects"
							   : "singular fit: the school-level covariance is on its boundary");
	else if (count == 0)
		appendStringInfo(s, "singular fit: %sschools differ by no more than chance, all effects are zero",
						 m->rank > 1 ? "once the covariates are taken into account, " : "");
	else if (all)
		appendStringInfo(s, "singular fit: %s, constant within schools, take%s up all differences between them; effects are what %s, zero",
						 names.data, count == 1 ? "s" : "", count == 1 ? "it leaves" : "they leave");
	else
		appendStringInfo(s, "singular fit: beyond %s, constant within schools, these differ by no more than chance; effects are what %s, all zero",
						 names.data, count == 1 ? "it leaves" : "they leave");
}

/* With random slopes: which figures of the summary hold where. */
static void
slopes_remark(StringInfo s, const SippModel *m)
{
	int			last = -1;
	int			count = 0;

	remark(s);
	appendStringInfoString(s, "random slopes: school_variance, icc and effects are those at the national means of ");
	for (int i = 1; i < m->q; i++)
		if (m->frame->col_term[m->zcol[i]] != last)
		{
			last = m->frame->col_term[m->zcol[i]];
			list_item(s, &count, m->frame->term[last].name);
		}
	list_end(s, count);
	appendStringInfoString(s, " and others elsewhere, lr_p_value is an upper bound");
	if (isnan(m->var_lo))
		appendStringInfoString(s, ", intervals could not be found");
}

/*
 * What a reader of the model should know, or NULL; loose: a context term that
 * varies within schools; within: as above; fractional: a weight is not a whole
 * number.
 */
static char *
fit_notice(const SippModel *m, const LmmFit *fit, const char *loose, const bool *within,
		   bool fractional)
{
	const SippFrame *f = m->frame;
	StringInfoData s;

	initStringInfo(&s);
	if (m->schools < SIPP_FEW_SCHOOLS)
		appendStringInfo(&s, "only %lld schools: the school variance is uncertain",
						 (long long) m->schools);
	if (fit->between_only)
	{
		remark(&s);
		appendStringInfoString(&s, m->pupils == m->schools
							   ? "one row a school: school and pupil variance are told apart by the weights alone"
							   : "covariates take up all differences between pupils of one school: school and pupil variance are told apart by differences between schools alone");
	}
	singular_remark(&s, m, within);
	if (m->q > 1)
		slopes_remark(&s, m);
	if (m->optima > 1)
	{
		remark(&s);
		appendStringInfo(&s, "the likelihood has %d local optima, the best is reported", m->optima);
	}
	aliased_remark(&s, m);
	for (int t = 0; t < f->nterm; t++)
		if (f->term[t].reference != NULL && f->refidx[t] >= 0 &&
			strcmp(f->term[t].reference, f->term[t].label[f->refidx[t]]) != 0)
		{
			remark(&s);
			appendStringInfo(&s, "term %s has no pupil of its reference level \"%s\", \"%s\" is used",
							 f->term[t].name, f->term[t].reference,
							 f->term[t].label[f->refidx[t]]);
		}
	if (loose != NULL)
	{
		remark(&s);
		appendStringInfo(&s, "context term %s differs within schools: merge a school's cohorts first, then apply sipp.with_context",
						 loose);
	}
	if (m->frame->weighted && !fractional && m->weight > (double) m->pupils)
	{
		remark(&s);
		appendStringInfoString(&s, "all weights are whole numbers: right of means of so many pupils, but where a row stands for so many pupils with one outcome use sipp.counted_cohort");
	}
	if (m->empty > 0)
	{
		remark(&s);
		appendStringInfo(&s, "cohorts left out because they are NULL or no row is complete: %lld",
						 (long long) m->empty);
	}
	if (s.len == 0)
		return NULL;
	s.data[pg_mbcharcliplen(s.data, s.len, MODEL_MAX_NOTICE)] = '\0';
	return s.data;
}

/* Report more columns than a model can have, and allocate those that there are. */
static void
allocate_columns(const FitInput *in, SippModel *m)
{
	m->p = m->frame->p;
	if (m->p > SIPP_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: more than %d columns", in->function, SIPP_MAX_COLUMNS),
				 errdetail("There are %d: a number is one, a factor one for each level but the reference.",
						   m->p),
				 errhint("Group rare levels of the factors, or leave a covariate out with sipp.subset.")));
	check_weights(in, m);
	model_allocate(m);
}

/*
 * Report a column whose spread is far from 1, because products of products would
 * leave the range of float8.
 */
static void
check_spread(const FitInput *in, const SippModel *m, const FitData *d)
{
	for (int k = 1; k <= m->p; k++)
	{
		double		spread = d->total[k] / m->weight;

		if (spread > 0 && !(spread > 1e-100 && spread < 1e100))
			fit_error(in, m, NULL, NULL, LMM_NOT_FINITE);
	}
}

/* Describe the centred data to src/num; the problem points into m and d. */
static LmmProblem
describe_problem(const SippModel *m, const FitData *d)
{
	LmmProblem	prob;

	memset(&prob, 0, sizeof(prob));
	prob.J = d->J;
	prob.p = m->p;
	prob.q = m->q;
	prob.rows = (double) m->pupils;
	prob.sum_log_w = d->sum_log_w;
	prob.n = d->n;
	prob.mean = d->mean;
	prob.within = d->within;
	prob.zcol = m->zcol;
	prob.zs = d->zs;
	prob.reml = m->reml;
	prob.interrupt = fit_interrupt;
	return prob;
}

/* Copy what a fit found into the model; aliased coefficients stay zero. */
static void
store_fit(SippModel *m, const LmmFit *fit)
{
	m->singular = fit->singular;
	m->sigma2 = fit->sigma2;
	memcpy(m->Lambda, fit->Lambda, sizeof(m->Lambda));
	m->deviance = fit->deviance;
	m->null_deviance = fit->null_deviance;
	m->var_lo = fit->var_lo;
	m->var_hi = fit->var_hi;
	m->icc_lo = fit->icc_lo;
	m->icc_hi = fit->icc_hi;
	m->iterations = fit->iterations;
	m->optima = fit->optima;
	memcpy(m->aliased, fit->aliased, sizeof(bool) * m->p);
	for (int k = 0; k < m->p; k++)
	{
		if (m->aliased[k])
			continue;
		m->b[k] = fit->b[k];
		for (int j = 0; j <= k; j++)
			if (!m->aliased[j])
				m->V[(size_t) k * m->p + j] = m->V[(size_t) j * m->p + k] =
					fit->V[(size_t) k * m->p + j];
	}
	model_derive(m);
}

/*
 * Tell columns that vary within a school from those that only schools differ in,
 * and count the latter in m->between.  Returns [p], true where it varies within.
 */
static bool *
split_columns(SippModel *m, const FitData *d)
{
	bool	   *within = palloc_array(bool, m->p);

	for (int k = 0; k < m->p; k++)
	{
		within[k] = k > 0 && d->within[(size_t) k * (m->p + 1) + k] > 1e-12 * d->total[k];
		m->between += !m->aliased[k] && !within[k];
	}
	return within;
}

/* Find a context term that varies within schools, or NULL. */
static const char *
find_loose_context(const SippModel *m, const bool *within)
{
	for (int k = 1; k < m->p; k++)
		if (!m->aliased[k] && within[k] && m->frame->term[m->frame->col_term[k]].context)
			return model_column_term(m->frame, k);
	return NULL;
}

/* Report a random slope on an aliased column. */
static void
check_slopes(const FitInput *in, const SippModel *m)
{
	for (int i = 1; i < m->q; i++)
		if (m->aliased[m->zcol[i]])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s: \"%s\" cannot have a random slope", in->function,
							model_column_term(m->frame, m->zcol[i])),
					 errdetail("Its column %s is constant or a combination of the terms before it.",
							   model_column_label(m->frame, m->zcol[i]))));
}

/*
 * Add the degrees of freedom of the coefficients as reported: the intercept at
 * x = 0, the others as fitted.  NaN where there are none.
 */
static void
add_df(SippModel *m, const LmmProblem *prob, const LmmFit *fit, void *workspace)
{
	double	   *contrast = palloc_array(double, m->p);

	for (int k = 0; k < m->p; k++)
	{
		CHECK_FOR_INTERRUPTS();
		if (m->aliased[k])
		{
			m->df[k] = NAN;
			continue;
		}
		memset(contrast, 0, sizeof(double) * m->p);
		contrast[k] = 1;
		if (k == 0)
			for (int i = 1; i < m->p; i++)
				contrast[i] = m->aliased[i] ? 0 : -m->mu[i];
		m->df[k] = lmm_contrast_df(prob, fit, workspace, contrast);
		if (!(m->df[k] > 0))
			m->df[k] = NAN;
	}
}

/*
 * Declare the levels in use as the references, because another level may sort
 * first where the model is read.
 */
static void
name_references(SippFrame *f)
{
	for (int t = 0; t < f->nterm; t++)
		if (f->refidx[t] >= 0)
			f->term[t].reference = f->term[t].label[f->refidx[t]];
}

/*
 * Fit the cohorts.  Everything is allocated in the current context, big arrays
 * without the 1 GB limit; the caller deletes it.  Errors: cohorts that do not go
 * together, wrong slopes, data that cannot be fitted.
 */
SippModel *
fit_model(FitInput *in)
{
	SippModel  *m = palloc0(sizeof(SippModel));
	FitData		d;
	LmmProblem	prob;
	LmmFit		fit;
	void	   *workspace;
	bool	   *within;
	CohortReader reader;

	memset(&d, 0, sizeof(d));
	memset(&fit, 0, sizeof(fit));
	cohort_reader_init(&reader, CurrentMemoryContext);
	m->reml = in->reml;
	build_frame(in, m, &d, &reader);
	allocate_columns(in, m);
	resolve_slopes(in, m);
	load_cohorts(in, m, &d, &reader);
	centre(m, &d);
	m->outcome_ss = d.total[m->p];
	check_spread(in, m, &d);

	prob = describe_problem(m, &d);
	workspace = MemoryContextAllocHuge(CurrentMemoryContext,
									   lmm_workspace(prob.J, prob.p, prob.q));
	fit_error(in, m, &prob, &fit, lmm_fit(&prob, &fit, workspace));

	store_fit(m, &fit);
	within = split_columns(m, &d);
	check_slopes(in, m);
	add_df(m, &prob, &fit, workspace);
	m->notice = fit_notice(m, &fit, find_loose_context(m, within), within, d.fractional);
	name_references(m->frame);
	return m;
}
