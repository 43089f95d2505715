/*
 * model.c
 *		The stored type sipp.model: bytes to struct and back.
 *
 * The stored bytes are one walk of codec.h.  What can be derived (D, the rank,
 * the columns of the frame) is not stored, so that no stored figure can
 * contradict another.
 */
#include "sipp.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "adjust/adjust.h"
#include "adjust/modelwalk.h"
#include "cohort/algebra.h"

/* Report a value that in or recv was given, out of a function that returns whether it is sound. */
#define model_bad(...) \
	do { \
		SIPP_BAD_INPUT(escontext, \
					   (errcode(ERRCODE_INVALID_PARAMETER_VALUE), \
						errmsg("invalid value of type sipp.model"), \
						errdetail(__VA_ARGS__))); \
		return false; \
	} while (0)

/*
 * Number of columns of the frame's terms.  Each factor must name a reference
 * level that it has; levels may be in any order.  False: the error went to
 * escontext.
 */
bool
model_shape(SippModel *m, Node *escontext)
{
	SippFrame  *f = m->frame;
	int			p = 1;

	for (int i = 0; i < f->nterm; i++)
	{
		SippTerm   *t = &f->term[i];

		if (t->kind == SIPP_NUMBER)
		{
			p++;
			continue;
		}
		if (t->nlevel == 0 || t->reference == NULL ||
			term_find_level(t, t->reference) < 0)
			model_bad("Term \"%s\" has no reference level.", t->name);
		p += t->nlevel - 1;
		if (p > SIPP_MAX_COLUMNS)
			break;
	}
	if (p > SIPP_MAX_COLUMNS)
		model_bad("It has more than %d columns.", SIPP_MAX_COLUMNS);
	m->p = p;
	return true;
}

/* Zeroed arrays for p columns and q random terms. */
void
model_allocate(SippModel *m)
{
	m->zcol = palloc0_array(int, LMM_MAX_RANDOM);
	m->mu = palloc0_array(double, m->p + 1);
	m->b = palloc0_array(double, m->p);
	m->V = palloc0_array(double, (size_t) m->p * m->p);
	m->aliased = palloc0_array(bool, m->p);
	m->df = palloc0_array(double, m->p);
}

/* Derive what is not stored: D and the rank. */
void
model_derive(SippModel *m)
{
	int			q = m->q;

	for (int i = 0; i < q; i++)
		for (int j = 0; j < q; j++)
		{
			double		s = 0;

			for (int k = 0; k <= Min(i, j); k++)
				s += m->Lambda[i * q + k] * m->Lambda[j * q + k];
			m->D[i * q + j] = m->sigma2 * s;
		}
	m->rank = 0;
	for (int k = 0; k < m->p; k++)
		m->rank += !m->aliased[k];
}

/* Fill the upper triangle of the covariance from the lower, which is what is stored. */
void
model_mirror(SippModel *m)
{
	for (int i = 0; i < m->p; i++)
		for (int j = 0; j < i; j++)
			m->V[(size_t) j * m->p + i] = m->V[(size_t) i * m->p + j];
}

/*
 * Walk over the bytes.  Reading, the frame holds terms in stored order and
 * model_settle or frame_finish is still to come.
 */
static void
model_walk(Codec *x, SippModel *m)
{
	uint8		version = MODEL_VERSION;

	codec_u8(x, &version);
	if (version != MODEL_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unknown version %u of type sipp.model", version),
				 errhint("It was written by another release of sipp.")));
	if (codec_reading(x))
		m->frame = palloc0(sizeof(SippFrame));
	codec_bool(x, &m->reml);
	codec_bool(x, &m->singular);
	codec_bool(x, &m->frame->weighted);
	codec_terms(x, &m->frame->nterm, &m->frame->term);
	codec_int(x, &m->q, 1, LMM_MAX_RANDOM);
	codec_count(x, &m->schools);
	codec_count(x, &m->empty);
	codec_count(x, &m->pupils);
	codec_count(x, &m->dropped);
	codec_f64(x, &m->weight);
	codec_f64(x, &m->outcome_ss);
	if (codec_reading(x))
	{
		/* every column needs bytes of its own below: no sizing on trust */
		(void) model_shape(m, NULL);
		if (x->len - x->pos < sizeof(double) * SIPP_NTRI((size_t) m->p))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid binary representation of type sipp.model"),
					 errdetail("Unexpected end.")));
		model_allocate(m);
	}
	for (int i = 0; i < m->q; i++)
		codec_int(x, &m->zcol[i], 0, SIPP_MAX_COLUMNS);
	codec_f64s(x, m->mu + 1, m->p);
	for (int k = 0; k < m->p; k++)
		codec_bool(x, &m->aliased[k]);
	codec_f64s(x, m->b, m->p);
	for (int k = 0; k < m->p; k++)
		codec_f64s(x, m->V + (size_t) k * m->p, k + 1);
	codec_f64s(x, m->df, m->p);
	codec_int(x, &m->between, 0, SIPP_MAX_COLUMNS);
	codec_f64(x, &m->sigma2);
	for (int i = 0; i < m->q; i++)
		codec_f64s(x, m->Lambda + i * m->q, i + 1);
	codec_f64(x, &m->deviance);
	codec_f64(x, &m->null_deviance);
	codec_f64(x, &m->var_lo);
	codec_f64(x, &m->var_hi);
	codec_f64(x, &m->icc_lo);
	codec_f64(x, &m->icc_hi);
	codec_int(x, &m->iterations, 0, PG_INT32_MAX);
	codec_int(x, &m->optima, 0, PG_INT32_MAX);
	codec_string(x, &m->notice);
	if (codec_reading(x))
		model_mirror(m);
}

/* Read the struct of received bytes, without checking it. */
SippModel *
model_receive(const char *data, size_t len)
{
	SippModel  *m = palloc0(sizeof(SippModel));
	Codec		x;

	codec_read_begin(&x, CODEC_RECV, "sipp.model", data, len);
	model_walk(&x, m);
	codec_read_end(&x);
	return m;
}

/* Append the bytes of a model in the given mode. */
void
model_write(CodecMode mode, StringInfo buf, SippModel *m)
{
	Codec		x;

	codec_write_begin(&x, mode, "sipp.model", buf);
	model_walk(&x, m);
}

/* Unpack a stored (and detoasted) model into the current context. */
SippModel *
model_unpack(struct varlena *datum)
{
	SippModel  *m = palloc0(sizeof(SippModel));
	Codec		x;

	codec_read_begin(&x, CODEC_UNPACK, "sipp.model",
					 VARDATA_ANY(datum), VARSIZE_ANY_EXHDR(datum));
	model_walk(&x, m);
	codec_read_end(&x);
	frame_finish(m->frame);
	model_derive(m);
	return m;
}

/* Pack a model into its stored form. */
struct varlena *
model_pack(SippModel *m)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoSpaces(&buf, VARHDRSZ);
	model_write(CODEC_PACK, &buf, m);
	SET_VARSIZE(buf.data, buf.len);
	return (struct varlena *) buf.data;
}

/* Detoast and unpack an argument. */
SippModel *
model_getarg(Datum d)
{
	return model_unpack((struct varlena *) PG_DETOAST_DATUM_PACKED(d));
}

/*
 * The same, from the cache where the argument's own bytes are those of the call
 * before.  A toast pointer names its value for as long as a query can see it, so
 * that comparing the pointer saves fetching the value.
 */
SippModel *
model_cached(ModelCache *cache, MemoryContext parent, Datum d)
{
	struct varlena *raw = (struct varlena *) DatumGetPointer(d);
	MemoryContext old;
	Size		len;

	/* what points into memory may point to something else next time */
	if (VARATT_IS_EXTERNAL(raw) && !VARATT_IS_EXTERNAL_ONDISK(raw))
		raw = (struct varlena *) PG_DETOAST_DATUM(d);
	len = VARSIZE_ANY(raw);
	if (cache->model != NULL && cache->rawlen == len &&
		memcmp(cache->raw, raw, len) == 0)
		return cache->model;

	cache->model = NULL;
	if (cache->cxt == NULL)
		cache->cxt = AllocSetContextCreate(parent, "sipp model", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(cache->cxt);
	old = MemoryContextSwitchTo(cache->cxt);
	cache->raw = palloc(len);
	memcpy(cache->raw, raw, len);
	cache->rawlen = len;
	cache->model = model_getarg(PointerGetDatum(raw));
	cache->loads++;
	MemoryContextSwitchTo(old);
	return cache->model;
}

/* Rearrange n doubles: out[i] = in[from[i]]. */
static void
permute(int n, const int *from, double *v)
{
	double	   *old = palloc_array(double, n);

	memcpy(old, v, sizeof(double) * n);
	for (int i = 0; i < n; i++)
		v[i] = old[from[i]];
	pfree(old);
}

/*
 * Bring the levels, and the columns with them, into the order of this
 * database's encoding: a dump may come from another one, whose bytes sort
 * differently.  References are kept by name, so only the order changes.
 */
static void
model_sort(SippModel *m)
{
	SippFrame  *f = m->frame;
	int			p = m->p;
	char	  **was = palloc0_array(char *, p);
	int		   *term = palloc0_array(int, p);
	int		   *from = palloc0_array(int, p + 1);
	int			col = 1;
	bool		moved = false;

	for (int i = 0; i < f->nterm; i++)
	{
		SippTerm   *t = &f->term[i];
		int			ref = term_reference(t);

		for (int l = 0; l < Max(t->nlevel, 1); l++)
			if (t->kind == SIPP_NUMBER || l != ref)
			{
				term[col] = i;
				was[col++] = t->kind == SIPP_NUMBER ? NULL : t->label[l];
			}
	}
	Assert(col == p);
	frame_finish(f);
	Assert(f->p == p);

	/* columns of a term stay together, so the search is within its block */
	from[p] = p;
	for (int k = 1; k < p; k++)
	{
		const char *level = model_column_level(f, k);

		col = f->term[f->col_term[k]].first;
		while (level != NULL && strcmp(was[col], level) != 0)
			col++;
		from[k] = col;
		moved |= col != k;
	}
	if (moved)
	{
		bool	   *aliased = palloc_array(bool, p);
		double	   *V = palloc_array(double, (size_t) p * p);

		permute(p, from, m->b);
		permute(p, from, m->df);
		permute(p + 1, from, m->mu);
		for (int i = 0; i < p; i++)
		{
			aliased[i] = m->aliased[from[i]];
			for (int j = 0; j < p; j++)
				V[(size_t) i * p + j] = m->V[(size_t) from[i] * p + from[j]];
		}
		m->V = V;
		m->aliased = aliased;
		for (int i = 1; i < m->q; i++)
			for (int k = 1; k < p; k++)
				if (from[k] == m->zcol[i])
				{
					m->zcol[i] = k;
					break;
				}
	}
}

/* Check that the random terms are distinct columns, the intercept first. */
static bool
check_random_terms(const SippModel *m, Node *escontext)
{
	for (int i = 0; i < m->q; i++)
	{
		if (i == 0 ? m->zcol[i] != 0 : (m->zcol[i] < 1 || m->zcol[i] >= m->p))
			model_bad("A random term is not a column.");
		for (int j = 0; j < i; j++)
			if (m->zcol[i] == m->zcol[j])
				model_bad("A random term is there twice.");
	}
	return true;
}

/* Check means, coefficients, their covariance and degrees of freedom. */
static bool
check_coefficients(const SippModel *m, Node *escontext)
{
	int			p = m->p;

	for (int k = 1; k <= p; k++)
		if (!isfinite(m->mu[k]))
			model_bad("A mean is not finite.");
	for (int k = 0; k < p; k++)
	{
		const double *row = m->V + (size_t) k * p;

		if (!isfinite(m->b[k]))
			model_bad("A coefficient is not finite.");
		for (int j = 0; j <= k; j++)
			if (!isfinite(row[j]))
				model_bad("A covariance is not finite.");
		if (row[k] < 0)
			model_bad("A variance is negative.");
		if (m->aliased[k])
		{
			if (m->b[k] != 0)
				model_bad("An aliased coefficient is not zero.");
			for (int j = 0; j < p; j++)
				if (row[j] != 0)
					model_bad("An aliased coefficient has a variance.");
		}
		if (!isnan(m->df[k]) && !(m->df[k] > 0))
			model_bad("Degrees of freedom are not positive.");
	}
	if (m->aliased[0])
		model_bad("The intercept is aliased.");
	for (int i = 1; i < m->q; i++)
		if (m->aliased[m->zcol[i]])
			model_bad("A random term is aliased.");
	return true;
}

/* Check both variances, and derive what follows from them. */
static bool
check_variances(SippModel *m, Node *escontext)
{
	int			q = m->q;

	if (!(m->sigma2 > 0) || !isfinite(m->sigma2))
		model_bad("The pupil variance is not positive.");
	for (int i = 0; i < q; i++)
		for (int j = 0; j <= i; j++)
			if (!isfinite(m->Lambda[i * q + j]) ||
				(i == j && m->Lambda[i * q + j] < 0))
				model_bad("The school-level covariance is not valid.");
	model_derive(m);
	for (int i = 0; i < q * q; i++)
		if (!isfinite(m->D[i]))
			model_bad("The school-level covariance is not finite.");
	if (!isfinite(m->deviance) || !isfinite(m->null_deviance))
		model_bad("A deviance is not finite.");
	return true;
}

/* Check numbers of schools and pupils, limits of intervals and the notice. */
static bool
check_summary(const SippModel *m, Node *escontext)
{
	double		limit[] = {m->var_lo, m->var_hi, m->icc_lo, m->icc_hi};

	if (m->schools < 2 || m->pupils < m->schools || m->pupils <= m->rank)
		model_bad("The numbers of schools and pupils are not valid.");
	if (!(m->weight > 0) || !isfinite(m->weight) ||
		(!m->frame->weighted && m->weight != (double) m->pupils))
		model_bad("The sum of weights is not valid.");
	if (!(m->outcome_ss >= 0) || !isfinite(m->outcome_ss))
		model_bad("The outcome's sum of squares is not valid.");
	if (m->between < 1 || m->between > m->rank)
		model_bad("The number of columns constant within schools is not valid.");
	for (int i = 0; i < (int) lengthof(limit); i++)
		if (!isnan(limit[i]) && !(limit[i] >= 0))
			model_bad("A limit of an interval is negative.");
	if (m->notice != NULL && pg_mbstrlen(m->notice) > MODEL_MAX_NOTICE)
		model_bad("The notice is longer than %d characters.", MODEL_MAX_NOTICE);
	return true;
}

/*
 * Check what in and recv were given, and bring it into the order of this database.
 * After it no function that reads a model can run into anything worse than an
 * infinite result.  False: the error went to escontext.
 */
bool
model_settle(SippModel *m, Node *escontext)
{
	m->mu[0] = 0;
	if (!terms_check(m->frame->nterm, m->frame->term, escontext) ||
		!check_random_terms(m, escontext) ||
		!check_coefficients(m, escontext) ||
		!check_variances(m, escontext) ||
		!check_summary(m, escontext))
		return false;
	model_sort(m);
	return true;
}

/*
 * Degrees of freedom of a school's effect: schools less the columns that only
 * schools can tell apart.  NaN where nothing is left.
 */
double
model_df(const SippModel *m)
{
	double		df = (double) m->schools - m->between;

	return df > 0 ? df : NAN;
}

/*
 * What an estimate of zero for the variance of schools' effects says, beyond
 * which covariates those are: they are named in the notice.
 */
const char *
model_singular(const SippModel *m)
{
	if (m->q > 1)
		return "singular fit: at the national means of the slope terms the variance of effects is estimated as zero";
	if (m->schools <= m->between)
		return "singular fit: covariates that are constant within schools take up all differences between them";
	if (m->between > 1)
		return "singular fit: beyond the covariates that are constant within schools these differ by no more than chance";
	if (m->rank > 1)
		return "singular fit: once the covariates are taken into account, schools differ by no more than chance";
	return "singular fit: schools differ by no more than chance";
}

/* Variance of the intercept as reported, at x = 0: (1, -mu) V (1, -mu)'. */
double
model_intercept_variance(const SippModel *m)
{
	double		s = 0;

	for (int i = 0; i < m->p; i++)
	{
		const double *row = m->V + (size_t) i * m->p;
		double		r = row[0];

		for (int j = 1; j < m->p; j++)
			r -= row[j] * m->mu[j];
		s += i == 0 ? r : -m->mu[i] * r;
	}
	return Max(s, 0);
}

/*
 * First row of T, which takes the random terms from the national means to zero:
 * u0 at zero is shift'u, the others stay as they are.
 */
void
model_slope_shift(const SippModel *m, double *shift)
{
	shift[0] = 1;
	for (int i = 1; i < m->q; i++)
		shift[i] = -m->mu[m->zcol[i]];
}

/* Term of a column, as reported. */
const char *
model_column_term(const SippFrame *f, int col)
{
	return f->col_term[col] < 0 ? "(Intercept)" : f->term[f->col_term[col]].name;
}

/* Level of a column, NULL where it has none. */
const char *
model_column_level(const SippFrame *f, int col)
{
	if (f->col_term[col] < 0 || f->col_level[col] < 0)
		return NULL;
	return f->term[f->col_term[col]].label[f->col_level[col]];
}

/* Name a column in messages: sex, or year "2016". */
char *
model_column_label(const SippFrame *f, int col)
{
	const char *level = model_column_level(f, col);

	return level == NULL ? pstrdup(model_column_term(f, col))
		: psprintf("%s \"%s\"", model_column_term(f, col), level);
}
