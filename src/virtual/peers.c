/*
 * peers.c
 *		The type sipp.peers: a pupil's pool in numbers.
 *
 * It is made by windows, once a pupil, and read by aggregates, once a pupil: a
 * plain struct of fixed size.  Whatever comes from outside, as text or in
 * binary, passes one check.
 */
#include "sipp.h"

#include <math.h>

#include "libpq/pqformat.h"

#include "base/bytes.h"
#include "base/codec.h"
#include "cohort/cohort.h"
#include "virtual/virtual.h"

PG_FUNCTION_INFO_V1(sipp_peers_in);
PG_FUNCTION_INFO_V1(sipp_peers_out);
PG_FUNCTION_INFO_V1(sipp_peers_recv);
PG_FUNCTION_INFO_V1(sipp_peers_send);
PG_FUNCTION_INFO_V1(sipp_peers_pool);
PG_FUNCTION_INFO_V1(sipp_peers_own);
PG_FUNCTION_INFO_V1(sipp_peers_total);
PG_FUNCTION_INFO_V1(sipp_peers_mean);
PG_FUNCTION_INFO_V1(sipp_peers_variance);
PG_FUNCTION_INFO_V1(sipp_peers_from_cohort);

/* Two values at opposite ends, +-SIPP_MAX_OUTCOME, have twice its square as variance. */
#define MAX_VARIANCE (2.000001 * SIPP_MAX_OUTCOME * SIPP_MAX_OUTCOME)

StaticAssertDecl(sizeof(Peers) == 64, "the size of sipp.peers is that of its CREATE TYPE");

/* Peers of an empty pool. */
Peers *
peers_make(void)
{
	Peers	   *p = palloc0(sizeof(Peers));

	p->version = PEERS_VERSION;
	p->mean = p->variance = NAN;
	return p;
}

/* What no window can have produced, or NULL. */
const char *
peers_flaw(const Peers *p)
{
	static const uint8 zero[sizeof(p->reserved)];

	if (p->version != PEERS_VERSION)
		return "The version is unknown.";
	if ((p->flags & ~PEERS_FLAGS) != 0 || memcmp(p->reserved, zero, sizeof(zero)) != 0)
		return "There are unknown flags.";
	if (p->pool < 0 || p->pool > SIPP_MAX_ROWS || p->own < 0 || p->own > SIPP_MAX_ROWS ||
		p->total < 0 || p->total > SIPP_MAX_ROWS)
		return "A count is out of range.";
	if (p->flags & PEERS_TOTAL)
	{
		if (p->pool + p->own > p->total)
			return "The pool and the unit's own pupils are more than all of the cell.";
	}
	else if (p->total != 0)
		return "There is a total where it is unknown.";
	if (p->successes != 0 && (p->flags & PEERS_SUCCESSES) == 0)
		return "There are successes where they are unknown.";
	if (p->successes > PG_INT32_MAX || (int64) p->successes > p->own)
		return "The successes are more than the unit's own pupils.";
	if (((p->flags & PEERS_UNIT) != 0) != (p->unit != 0))
		return "The unit does not fit the flags.";
	if (p->pool == 0 ? !isnan(p->mean) : !(fabs(p->mean) <= SIPP_MAX_OUTCOME))
		return "The mean is out of range, or does not fit the size of the pool.";
	if (p->pool < 2 ? !isnan(p->variance) : !(p->variance >= 0 && p->variance <= MAX_VARIANCE))
		return "The variance is out of range, or does not fit the size of the pool.";
	if (!(p->reuse >= 0 && p->reuse <= (double) SIPP_MAX_ROWS))
		return "The sharing is out of range.";
	return NULL;
}

/*
 * Can all outcomes of a pool have been 0 or 1?  Its sum is a count then, and its
 * variance follows from the mean.  For integers the second is a proof, since
 * sum x (x - 1) is 0.  The slack is for the roundings of mean and variance,
 * the latter perhaps of a cohort taken out of a much larger one.
 */
bool
peers_binary(const Peers *p)
{
	double		n = (double) p->pool;
	double		ones = n * p->mean;
	double		spread;

	if (p->pool == 0)
		return true;
	if (!(p->mean >= 0 && p->mean <= 1) || fabs(ones - rint(ones)) > Max(1e-6, n * 1e-15))
		return false;
	spread = p->pool > 1 ? p->variance * (n - 1) / n : 0;
	return fabs(spread - p->mean * (1 - p->mean)) <= 1e-6;
}

/*
 * The same, as an error: a yes/no outcome beside the pool of another one would give
 * figures that look like figures.
 */
void
peers_need_binary(const Peers *p, const char *func, const char *arg)
{
	if (!peers_binary(p))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" of %s must be the peers of a 0/1 outcome", arg, func),
				 errdetail("A pool of " INT64_FORMAT " has mean %g and variance %g.",
						   p->pool, p->mean, p->variance),
				 errhint("Make them with the same outcome, as in sipp.comparator(passed, school) OVER (...).")));
}

/*
 * Whatever makes peers ends with this: equal values have equal bytes, without a
 * negative zero and with one NaN.
 */
Peers *
peers_canonical(Peers *p)
{
	p->mean = isnan(p->mean) ? NAN : p->mean + 0.0;
	p->variance = isnan(p->variance) ? NAN : p->variance + 0.0;
	p->reuse += 0.0;
	return p;
}

/* The check of in, recv and the constructor; NULL: the error went to escontext. */
static Peers *
peers_checked(Peers *p, Node *escontext)
{
	const char *flaw = peers_flaw(p);

	if (flaw == NULL)
		return peers_canonical(p);
	SIPP_BAD_INPUT(escontext,
				   (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid value of type sipp.peers"),
					errdetail("%s", flaw)));
	return NULL;
}

/* Report a version that this code does not read. */
static void
peers_version(int64 version, Node *escontext)
{
	if (version != PEERS_VERSION)
		SIPP_BAD_INPUT(escontext,
					   (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unsupported version " INT64_FORMAT " of type sipp.peers", version),
						errhint("This sipp reads version %d; a newer one may have written the value.",
								PEERS_VERSION)));
}

/* A unit's hash, written as 16 hexadecimal digits. */
static uint64
get_unit(const JsonIn *in)
{
	const char *s = json_get_string(in, "unit");
	uint64		unit = 0;

	if (s == NULL || strlen(s) != 16 || strspn(s, "0123456789abcdefABCDEF") != 16)
	{
		json_fail(in, "unit", "a string of 16 hexadecimal digits");
		return 0;
	}
	for (; *s != '\0'; s++)
		unit = unit << 4 | (uint64) (*s <= '9' ? *s - '0' : (*s | 0x20) - 'a' + 10);
	return unit;
}

/* A count of successes, or one that no unit has. */
static uint32
successes_of(int64 n)
{
	return n >= 0 && n <= PG_INT32_MAX ? (uint32) n : PG_UINT32_MAX;
}

/*
 * sipp_peers_in(cstring): JSON as written by peers_out.
 */
Datum
sipp_peers_in(PG_FUNCTION_ARGS)
{
	JsonIn		in = {"sipp.peers", fcinfo->context, NULL};
	Peers	   *p = peers_make();

	json_parse(&in, PG_GETARG_CSTRING(0), NULL);
	peers_version(json_get_count(&in, "version"), in.escontext);
	p->pool = json_get_count(&in, "pool");
	p->own = json_get_count(&in, "own");
	if (json_has(&in, "total"))
	{
		p->flags |= PEERS_TOTAL;
		p->total = json_get_count(&in, "total");
	}
	if (json_has(&in, "successes"))
	{
		p->flags |= PEERS_SUCCESSES;
		p->successes = successes_of(json_get_count(&in, "successes"));
	}
	if (json_has(&in, "several_pools") && json_get_bool(&in, "several_pools"))
		p->flags |= PEERS_SEVERAL;
	if (json_has(&in, "unit"))
	{
		p->flags |= PEERS_UNIT;
		p->unit = get_unit(&in);
	}
	if (json_has(&in, "mean"))
		p->mean = json_get_float(&in, "mean");
	if (json_has(&in, "variance"))
		p->variance = json_get_float(&in, "variance");
	p->reuse = json_get_float(&in, "sharing");
	PG_RETURN_PEERS(peers_checked(p, in.escontext));
}

/* Append a field with a number, if there is one. */
static void
field_float(StringInfo s, const char *name, double v)
{
	if (isnan(v))
		return;
	appendStringInfo(s, ",\"%s\":", name);
	json_float(s, v);
}

/*
 * sipp_peers_out(peers): JSON; what is unknown or not there is left out.
 */
Datum
sipp_peers_out(PG_FUNCTION_ARGS)
{
	const Peers *p = PG_GETARG_PEERS(0);
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"version\":%d,\"pool\":" INT64_FORMAT ",\"own\":" INT64_FORMAT,
					 p->version, p->pool, p->own);
	if (p->flags & PEERS_TOTAL)
		appendStringInfo(&s, ",\"total\":" INT64_FORMAT, p->total);
	if (p->flags & PEERS_SUCCESSES)
		appendStringInfo(&s, ",\"successes\":%u", p->successes);
	if (p->flags & PEERS_SEVERAL)
		appendStringInfoString(&s, ",\"several_pools\":true");
	if (p->flags & PEERS_UNIT)
		appendStringInfo(&s, ",\"unit\":\"%016llx\"", (unsigned long long) p->unit);
	field_float(&s, "mean", p->mean);
	field_float(&s, "variance", p->variance);
	field_float(&s, "sharing", p->reuse);
	appendStringInfoChar(&s, '}');
	PG_RETURN_CSTRING(s.data);
}

/*
 * sipp_peers_recv(internal): binary input.
 */
Datum
sipp_peers_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	Peers	   *p = peers_make();

	p->version = (uint8) pq_getmsgbyte(buf);
	peers_version(p->version, NULL);
	p->flags = (uint8) pq_getmsgbyte(buf);
	p->pool = pq_getmsgint64(buf);
	p->own = pq_getmsgint64(buf);
	p->total = pq_getmsgint64(buf);
	p->unit = (uint64) pq_getmsgint64(buf);
	p->mean = pq_getmsgfloat8(buf);
	p->variance = pq_getmsgfloat8(buf);
	p->reuse = pq_getmsgfloat8(buf);
	p->successes = (uint32) pq_getmsgint(buf, 4);
	PG_RETURN_PEERS(peers_checked(p, NULL));
}

/*
 * sipp_peers_send(peers): binary output, everything but the reserved bytes.
 */
Datum
sipp_peers_send(PG_FUNCTION_ARGS)
{
	const Peers *p = PG_GETARG_PEERS(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, p->version);
	pq_sendbyte(&buf, p->flags);
	pq_sendint64(&buf, p->pool);
	pq_sendint64(&buf, p->own);
	pq_sendint64(&buf, p->total);
	pq_sendint64(&buf, p->unit);
	pq_sendfloat8(&buf, p->mean);
	pq_sendfloat8(&buf, p->variance);
	pq_sendfloat8(&buf, p->reuse);
	pq_sendint32(&buf, p->successes);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* The bytes of peers, of which none is padding. */
static Bytes
peers_bytes(Datum d)
{
	Bytes		b = {DatumGetPointer(d), sizeof(Peers), NULL};

	return b;
}

BYTES_FAMILY(sipp_peers, peers_bytes)

/*
 * sipp_peers_pool(peers): how many pupils the pool has.
 */
Datum
sipp_peers_pool(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_PEERS(0)->pool);
}

/*
 * sipp_peers_own(peers): how many pupils of its own the unit has in the cell.
 */
Datum
sipp_peers_own(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_PEERS(0)->own);
}

/*
 * sipp_peers_total(peers): how many pupils the cell has; NULL where unknown.
 */
Datum
sipp_peers_total(PG_FUNCTION_ARGS)
{
	const Peers *p = PG_GETARG_PEERS(0);

	if ((p->flags & PEERS_TOTAL) == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(p->total);
}

/*
 * sipp_peers_mean(peers): mean outcome of the pool; NULL where it is empty.
 */
Datum
sipp_peers_mean(PG_FUNCTION_ARGS)
{
	const Peers *p = PG_GETARG_PEERS(0);

	if (isnan(p->mean))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(p->mean);
}

/*
 * sipp_peers_variance(peers): variance in the pool; NULL below two pupils.
 */
Datum
sipp_peers_variance(PG_FUNCTION_ARGS)
{
	const Peers *p = PG_GETARG_PEERS(0);

	if (isnan(p->variance))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(p->variance);
}

/*
 * sipp_peers_from_cohort(cohort, own [, successes]): a stored cell as a pool.
 */
Datum
sipp_peers_from_cohort(PG_FUNCTION_ARGS)
{
	Cohort	   *c = cohort_getarg(PG_GETARG_DATUM(0));
	int64		own = PG_GETARG_INT64(1);
	Peers	   *p = peers_make();

	if (c->weighted)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"cohort\" of sipp.peers must not be weighted"),
				 errdetail("In a pool every pupil counts once."),
				 errhint("Make the cells with sipp.cohort, not sipp.weighted_cohort.")));
	if (own < 0 || own > SIPP_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"own\" of sipp.peers must be a count"),
				 errdetail("It is " INT64_FORMAT ".", own),
				 errhint("It is the number of the unit's own pupils in the cell that have an outcome.")));
	if (PG_NARGS() > 2)
	{
		int64		successes = PG_GETARG_INT64(2);

		if (successes < 0 || successes > Min(own, PG_INT32_MAX))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("argument \"successes\" of sipp.peers must be between 0 and \"own\""),
					 errdetail("They are " INT64_FORMAT " of " INT64_FORMAT ".", successes, own),
					 errhint("It is the number of the unit's own pupils in the cell whose outcome is 1.")));
		p->flags |= PEERS_SUCCESSES;
		p->successes = (uint32) successes;
	}
	p->pool = c->rows;
	p->own = own;
	p->reuse = (double) own;
	if (c->rows > 0)
		p->mean = c->mean[0];
	if (c->rows > 1)
		p->variance = true_variance(c->cross[0] / (double) (c->rows - 1), p->mean);
	if (peers_flaw(p) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"cohort\" of sipp.peers has outcomes beyond %g", SIPP_MAX_OUTCOME),
				 errdetail("Their mean is %g.", p->mean)));
	PG_RETURN_PEERS(peers_checked(p, NULL));
}
