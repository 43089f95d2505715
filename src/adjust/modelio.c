/*
 * modelio.c
 *		The text and binary forms of sipp.model.
 *
 * The text form is a JSON object with the fields that model_out writes, in its
 * order; in accepts them in any order.  Coefficients, means and covariances are
 * those of the covariates taken about their national means; "covariance" is the
 * lower triangle by rows; "random" are column numbers, 0 the intercept; an
 * aliased coefficient is "NaN".
 */
#include "sipp.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "adjust/adjust.h"
#include "adjust/modelwalk.h"

PG_FUNCTION_INFO_V1(sipp_model_in);
PG_FUNCTION_INFO_V1(sipp_model_out);
PG_FUNCTION_INFO_V1(sipp_model_recv);
PG_FUNCTION_INFO_V1(sipp_model_send);

/* A count field that must fit an int of its own range. */
static int
get_int(const JsonIn *in, const char *field, int max)
{
	int64		v = json_get_count(in, field);

	if (v > max)
	{
		json_fail(in, field, psprintf("at most %d", max));
		return 0;
	}
	return (int) v;
}

/* Copy n numbers of a field. */
static void
get_floats(const JsonIn *in, const char *field, size_t n, double *out)
{
	double	   *v = json_get_floats(in, field, n);

	memcpy(out, v, sizeof(double) * n);
	pfree(v);
}

/*
 * sipp_model_in(cstring): text to model.
 */
Datum
sipp_model_in(PG_FUNCTION_ARGS)
{
	JsonIn		in = {"sipp.model", fcinfo->context, NULL};
	SippModel  *m = palloc0(sizeof(SippModel));
	char	   *method;
	double	   *v;
	double		pair[2];

	json_parse(&in, PG_GETARG_CSTRING(0), NULL);
	if (json_get_count(&in, "version") != MODEL_VERSION)
		SIPP_BAD_INPUT(in.escontext,
					   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("unknown version of type sipp.model"),
						errhint("It was written by another release of sipp.")));
	method = json_get_string(&in, "method");
	m->reml = method != NULL && strcmp(method, "reml") == 0;
	if (!m->reml && (method == NULL || strcmp(method, "ml") != 0))
		json_fail(&in, "method", "\"reml\" or \"ml\"");
	m->singular = json_get_bool(&in, "singular");

	m->frame = palloc0(sizeof(SippFrame));
	m->frame->weighted = json_get_bool(&in, "weighted");
	m->frame->term = json_get_terms(&in, "terms", &m->frame->nterm);
	if (json_failed(&in) || !model_shape(m, in.escontext))
		PG_RETURN_NULL();

	/* the longest array first: the others are sized by what the text holds */
	v = json_get_floats(&in, "covariance", SIPP_NTRI((size_t) m->p));
	if (json_failed(&in))
		PG_RETURN_NULL();
	model_allocate(m);
	for (int k = 0; k < m->p; k++)
		for (int j = 0; j <= k; j++)
			m->V[(size_t) k * m->p + j] = m->V[(size_t) j * m->p + k] =
				v[SIPP_TRI(k, j)];
	pfree(v);

	m->schools = json_get_count(&in, "schools");
	m->empty = json_get_count(&in, "empty");
	m->pupils = json_get_count(&in, "pupils");
	m->dropped = json_get_count(&in, "dropped");
	m->weight = json_get_float(&in, "weight");
	m->outcome_ss = json_get_float(&in, "outcome_ss");
	get_floats(&in, "mean", m->p, m->mu + 1);
	get_floats(&in, "estimate", m->p, m->b);
	for (int k = 0; k < m->p; k++)
		if (isnan(m->b[k]))
		{
			m->aliased[k] = true;
			m->b[k] = 0;
		}
	get_floats(&in, "df", m->p, m->df);
	m->between = get_int(&in, "between", SIPP_MAX_COLUMNS);

	m->q = get_int(&in, "random_terms", LMM_MAX_RANDOM);
	if (m->q < 1)
		json_fail(&in, "random_terms", "at least 1");
	v = json_get_floats(&in, "random", m->q);
	for (int i = 0; i < m->q; i++)
		m->zcol[i] = v[i] >= 0 && v[i] < m->p && v[i] == floor(v[i]) ? (int) v[i] : -1;
	v = json_get_floats(&in, "lambda", SIPP_NTRI((size_t) m->q));
	for (int i = 0; i < m->q; i++)
		for (int j = 0; j <= i; j++)
			m->Lambda[i * m->q + j] = v[SIPP_TRI(i, j)];
	m->sigma2 = json_get_float(&in, "pupil_variance");

	m->deviance = json_get_float(&in, "deviance");
	m->null_deviance = json_get_float(&in, "null_deviance");
	get_floats(&in, "school_variance_interval", 2, pair);
	m->var_lo = pair[0];
	m->var_hi = pair[1];
	get_floats(&in, "icc_interval", 2, pair);
	m->icc_lo = pair[0];
	m->icc_hi = pair[1];
	m->iterations = get_int(&in, "iterations", PG_INT32_MAX);
	m->optima = get_int(&in, "optima", PG_INT32_MAX);
	m->notice = json_get_string(&in, "notice");

	if (json_failed(&in) || !model_settle(m, in.escontext))
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
	double		v[LMM_MAX_RANDOM];

	initStringInfo(&s);
	appendStringInfo(&s, "{\"version\":%d,\"method\":\"%s\",\"weighted\":%s,\"terms\":",
					 MODEL_VERSION, m->reml ? "reml" : "ml",
					 m->frame->weighted ? "true" : "false");
	json_terms(&s, m->frame->nterm, m->frame->term);
	appendStringInfo(&s, ",\"schools\":%lld,\"empty\":%lld,\"pupils\":%lld,\"dropped\":%lld",
					 (long long) m->schools, (long long) m->empty,
					 (long long) m->pupils, (long long) m->dropped);
	appendStringInfoString(&s, ",\"weight\":");
	json_float(&s, m->weight);
	appendStringInfoString(&s, ",\"outcome_ss\":");
	json_float(&s, m->outcome_ss);
	appendStringInfoString(&s, ",\"mean\":");
	json_floats(&s, m->mu + 1, m->p);
	appendStringInfoString(&s, ",\"estimate\":[");
	for (int k = 0; k < m->p; k++)
	{
		if (k > 0)
			appendStringInfoChar(&s, ',');
		json_float(&s, m->aliased[k] ? NAN : m->b[k]);
	}
	appendStringInfoString(&s, "],\"covariance\":[");
	for (int k = 0; k < m->p; k++)
		for (int j = 0; j <= k; j++)
		{
			if (k > 0)
				appendStringInfoChar(&s, ',');
			json_float(&s, m->V[(size_t) k * m->p + j]);
		}
	appendStringInfoString(&s, "],\"df\":");
	json_floats(&s, m->df, m->p);
	appendStringInfo(&s, ",\"between\":%d,\"random_terms\":%d,\"random\":",
					 m->between, m->q);
	for (int i = 0; i < m->q; i++)
		v[i] = m->zcol[i];
	json_floats(&s, v, m->q);
	appendStringInfoString(&s, ",\"lambda\":[");
	for (int i = 0; i < m->q; i++)
		for (int j = 0; j <= i; j++)
		{
			if (i > 0)
				appendStringInfoChar(&s, ',');
			json_float(&s, m->Lambda[i * m->q + j]);
		}
	appendStringInfoString(&s, "],\"pupil_variance\":");
	json_float(&s, m->sigma2);
	appendStringInfoString(&s, ",\"deviance\":");
	json_float(&s, m->deviance);
	appendStringInfoString(&s, ",\"null_deviance\":");
	json_float(&s, m->null_deviance);
	appendStringInfoString(&s, ",\"school_variance_interval\":");
	v[0] = m->var_lo;
	v[1] = m->var_hi;
	json_floats(&s, v, 2);
	appendStringInfoString(&s, ",\"icc_interval\":");
	v[0] = m->icc_lo;
	v[1] = m->icc_hi;
	json_floats(&s, v, 2);
	appendStringInfo(&s, ",\"iterations\":%d,\"optima\":%d,\"singular\":%s,\"notice\":",
					 m->iterations, m->optima, m->singular ? "true" : "false");
	if (m->notice != NULL)
		escape_json(&s, m->notice);
	else
		appendStringInfoString(&s, "null");
	appendStringInfoChar(&s, '}');
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
