/*
 * modelio.c
 *		The text and binary forms of sipp.model.
 *
 * The text form is a JSON object with the fields that model_text names, in its
 * order; in accepts them in any order.  Coefficients, means and covariances are
 * those of the covariates taken about their national means; "covariance" is the
 * lower triangle by rows; "random" are column numbers, 0 the intercept; an
 * aliased coefficient is "NaN".
 */
#include "sipp.h"

#include <math.h>

#include "libpq/pqformat.h"

#include "adjust/adjust.h"
#include "adjust/modelwalk.h"

PG_FUNCTION_INFO_V1(sipp_model_in);
PG_FUNCTION_INFO_V1(sipp_model_out);
PG_FUNCTION_INFO_V1(sipp_model_recv);
PG_FUNCTION_INFO_V1(sipp_model_send);

/* Read or write the lower triangle of an n x n matrix, by rows, as a field. */
static void
field_triangle(Fields *x, const char *name, double *matrix, int n)
{
	double	   *packed = palloc_array(double, SIPP_NTRI((size_t) n));

	for (int i = 0; i < n && !fields_reading(x); i++)
		for (int j = 0; j <= i; j++)
			packed[SIPP_TRI(i, j)] = matrix[(size_t) i * n + j];
	field_floats(x, name, packed, SIPP_NTRI((size_t) n));
	for (int i = 0; i < n && fields_reading(x); i++)
		for (int j = 0; j <= i; j++)
			matrix[(size_t) i * n + j] = packed[SIPP_TRI(i, j)];
	pfree(packed);
}

/* Read or write the two ends of an interval as a field. */
static void
field_interval(Fields *x, const char *name, double *lo, double *hi)
{
	double		pair[2] = {*lo, *hi};

	field_floats(x, name, pair, 2);
	*lo = pair[0];
	*hi = pair[1];
}

/* Read or write the coefficients: "NaN" is aliased, a zero and a flag in the struct. */
static void
field_estimates(Fields *x, SippModel *m)
{
	double	   *b = palloc_array(double, m->p);

	for (int k = 0; k < m->p; k++)
		b[k] = m->aliased[k] ? NAN : m->b[k];
	field_floats(x, "estimate", b, m->p);
	for (int k = 0; k < m->p; k++)
	{
		m->aliased[k] = isnan(b[k]);
		m->b[k] = m->aliased[k] ? 0 : b[k];
	}
	pfree(b);
}

/* Read or write the columns of the random terms; -1 stands for what is no column. */
static void
field_random(Fields *x, SippModel *m)
{
	double		col[LMM_MAX_RANDOM];

	for (int i = 0; i < m->q; i++)
		col[i] = m->zcol[i];
	field_floats(x, "random", col, m->q);
	for (int i = 0; i < m->q; i++)
		m->zcol[i] = col[i] >= 0 && col[i] < m->p && col[i] == floor(col[i]) ? (int) col[i] : -1;
}

/* Read or write the method of estimation, as a word. */
static void
field_method(Fields *x, SippModel *m)
{
	char	   *method = m->reml ? "reml" : "ml";

	field_string(x, "method", &method);
	m->reml = method != NULL && strcmp(method, "reml") == 0;
	if (!m->reml && (method == NULL || strcmp(method, "ml") != 0))
		json_fail(&x->in, "method", "\"reml\" or \"ml\"");
}

/*
 * The text form, in both directions.  False: an error went to escontext.  What is read
 * is still to be checked.
 */
static bool
model_text(Fields *x, SippModel *m)
{
	int64		version = MODEL_VERSION;

	field_count(x, "version", &version);
	if (version != MODEL_VERSION)
		SIPP_BAD_INPUT(x->in.escontext,
					   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("unknown version of type sipp.model"),
						errhint("It was written by another release of sipp.")));
	field_method(x, m);
	field_bool(x, "weighted", &m->frame->weighted);
	field_terms(x, "terms", &m->frame->nterm, &m->frame->term);
	if (fields_reading(x))
	{
		/* the longest array must be there before anything is sized by its columns */
		if (fields_failed(x) || !model_shape(m, x->in.escontext) ||
			!json_has_elements(&x->in, "covariance", SIPP_NTRI((size_t) m->p)))
			return false;
		model_allocate(m);
	}
	field_count(x, "schools", &m->schools);
	field_count(x, "empty", &m->empty);
	field_count(x, "pupils", &m->pupils);
	field_count(x, "dropped", &m->dropped);
	field_float(x, "weight", &m->weight);
	field_float(x, "outcome_ss", &m->outcome_ss);
	field_floats(x, "mean", m->mu + 1, m->p);
	field_estimates(x, m);
	field_triangle(x, "covariance", m->V, m->p);
	field_floats(x, "df", m->df, m->p);
	field_int(x, "between", &m->between, 0, SIPP_MAX_COLUMNS);
	field_int(x, "random_terms", &m->q, 1, LMM_MAX_RANDOM);
	field_random(x, m);
	field_triangle(x, "lambda", m->Lambda, m->q);
	field_float(x, "pupil_variance", &m->sigma2);
	field_float(x, "deviance", &m->deviance);
	field_float(x, "null_deviance", &m->null_deviance);
	field_interval(x, "school_variance_interval", &m->var_lo, &m->var_hi);
	field_interval(x, "icc_interval", &m->icc_lo, &m->icc_hi);
	field_int(x, "iterations", &m->iterations, 0, PG_INT32_MAX);
	field_int(x, "optima", &m->optima, 0, PG_INT32_MAX);
	field_bool(x, "singular", &m->singular);
	field_string(x, "notice", &m->notice);
	return !fields_failed(x);
}

/*
 * sipp_model_in(cstring): text to model.
 */
Datum
sipp_model_in(PG_FUNCTION_ARGS)
{
	SippModel  *m = palloc0(sizeof(SippModel));
	Fields		x;

	m->frame = palloc0(sizeof(SippFrame));
	fields_read_begin(&x, "sipp.model", fcinfo->context, PG_GETARG_CSTRING(0), NULL);
	if (!model_text(&x, m))
		PG_RETURN_NULL();
	model_mirror(m);
	if (!model_settle(m, fcinfo->context))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(model_pack(m));
}

/*
 * sipp_model_out(sipp.model): model to text, exact to the last bit.
 */
Datum
sipp_model_out(PG_FUNCTION_ARGS)
{
	SippModel  *m = model_getarg(PG_GETARG_DATUM(0));
	StringInfoData s;
	Fields		x;

	initStringInfo(&s);
	fields_write_begin(&x, &s);
	(void) model_text(&x, m);
	fields_write_end(&x);
	PG_RETURN_CSTRING(s.data);
}

/*
 * sipp_model_recv(internal): network bytes to model.
 */
Datum
sipp_model_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	SippModel  *m = model_receive(buf->data + buf->cursor, buf->len - buf->cursor);

	buf->cursor = buf->len;
	(void) model_settle(m, NULL);
	PG_RETURN_POINTER(model_pack(m));
}

/*
 * sipp_model_send(sipp.model): model to network bytes.
 */
Datum
sipp_model_send(PG_FUNCTION_ARGS)
{
	SippModel  *m = model_getarg(PG_GETARG_DATUM(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	model_write(CODEC_SEND, &buf, m);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}
