/*
 * pack.c
 *		The cohort as a stored value: canonical bytes and text form.
 *
 * Canonical bytes: version, flags, terms with sorted dictionaries, counts, means,
 * cross-products, then per factor its levels' counts and sums, then the cells
 * of each pair of factors.  The sums of a factor's first level are not stored:
 * over all levels they add up to zero.  Counts are varints, so that five terms
 * of a school fit in some hundred bytes.
 */
#include "sipp.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "utils/memutils.h"

#include "cohort/algebra.h"
#include "base/bytes.h"
#include "cohort/term_io.h"
#include "cohort/work.h"

#define COHORT_VERSION	1
#define COHORT_WEIGHTED 0x01
#define COHORT_SHAPELESS 0x02
#define COHORT_FRACTIONAL 0x04

/*
 * The first part of the layout, in all four directions: version, flags, terms
 * with their dictionaries.  When reading, makes the cohort.
 */
static Cohort *
walk_shape(Codec *x, Cohort *c)
{
	uint8		version = COHORT_VERSION;
	uint8		flags = 0;
	int			nterm = 0;
	SippTerm   *term = NULL;

	if (c != NULL)
	{
		flags = (c->weighted ? COHORT_WEIGHTED : 0) | (c->shapeless ? COHORT_SHAPELESS : 0) |
			(c->fractional ? COHORT_FRACTIONAL : 0);
		nterm = c->nterm;
		term = c->term;
	}
	codec_u8(x, &version);
	if (version != COHORT_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of type sipp.cohort", version),
				 errhint("This sipp reads version %d; a newer one may have written the value.",
						 COHORT_VERSION)));
	codec_u8(x, &flags);
	if (flags & ~(COHORT_WEIGHTED | COHORT_SHAPELESS | COHORT_FRACTIONAL) ||
		(flags & (COHORT_WEIGHTED | COHORT_FRACTIONAL)) == COHORT_FRACTIONAL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type sipp.cohort"),
				 errdetail("Unknown flags %x.", flags)));
	codec_terms(x, &nterm, &term);
	if (codec_reading(x))
	{
		c = cohort_make(nterm, term, (flags & COHORT_WEIGHTED) != 0);
		c->shapeless = (flags & COHORT_SHAPELESS) != 0;
		c->fractional = (flags & COHORT_FRACTIONAL) != 0;
	}
	return c;
}

/* The second part of the layout: counts and sums over all rows. */
static void
walk_counts(Codec *x, Cohort *c)
{
	codec_count(x, &c->rows);
	codec_count(x, &c->dropped);
	if (codec_reading(x))
	{
		c->weight = (double) c->rows;
		c->sum_log_w = 0;
	}
	if (c->rows > 0 && c->weighted)
	{
		codec_f64(x, &c->weight);
		codec_f64(x, &c->sum_log_w);
	}
}

/* All of the layout but the shape.  When reading, overwrites every statistic. */
static void
walk_statistics(Codec *x, Cohort *c)
{
	walk_counts(x, c);
	if (c->rows == 0)
		return;

	codec_f64s(x, c->mean, c->nnum);
	codec_f64s(x, c->cross, SIPP_NTRI(c->nnum));
	for (int t = 0; t < c->nterm; t++)
	{
		int			first = c->term[t].first;
		int			n = c->term[t].nlevel;

		if (c->term[t].factor < 0)
			continue;
		for (int l = first; l < first + n; l++)
		{
			codec_count(x, &c->level_rows[l]);
			if (c->weighted)
				codec_f64(x, &c->level_weight[l]);
			else
				c->level_weight[l] = (double) c->level_rows[l];
		}
		if (n > 1)
			codec_f64s(x, c->level_sum + (size_t) (first + 1) * c->nnum,
					   (size_t) (n - 1) * c->nnum);
	}
	if (codec_reading(x))
		derive_first_levels(c);
	if (c->nfactor > 1)
	{
		/* the blocks are one array */
		double	   *cell = c->cell[0];
		size_t		n = cohort_ncell(c);

		if (c->weighted)
			codec_f64s(x, cell, n);
		else
			for (size_t i = 0; i < n; i++)
			{
				int64		k = (int64) cell[i];

				codec_count(x, &k);
				cell[i] = (double) k;
			}
	}
}

/* The whole layout. */
static Cohort *
cohort_walk(Codec *x, Cohort *c)
{
	c = walk_shape(x, c);
	walk_statistics(x, c);
	return c;
}

/* Unpack a detoasted datum in either form. */
Cohort *
cohort_unpack(struct varlena *datum)
{
	Codec		x;
	Cohort	   *c;
	size_t		len = VARSIZE_ANY_EXHDR(datum);

	/* a tuple queue may have given a small state a short header */
	if (len > 0 && *(uint8 *) VARDATA_ANY(datum) == WORK_FORM)
		return work_unpack(pg_detoast_datum(datum));
	codec_read_begin(&x, CODEC_UNPACK, "sipp.cohort", VARDATA_ANY(datum), len);
	c = cohort_walk(&x, NULL);
	codec_read_end(&x);
	return c;
}

Cohort *
cohort_getarg(Datum d)
{
	return cohort_unpack(PG_DETOAST_DATUM_PACKED(d));
}

/* Begin a reader whose memory lives in parent. */
void
cohort_reader_init(CohortReader *r, MemoryContext parent)
{
	memset(r, 0, sizeof(CohortReader));
	r->cxt = AllocSetContextCreate(parent, "sipp cohort reader", ALLOCSET_SMALL_SIZES);
}

/*
 * Start to read a cohort of the same shape as the one before, which is the cohort to
 * read into; NULL: it has another shape.
 */
static Cohort *
resume_shape(CohortReader *r, struct varlena *datum, Codec *x)
{
	const char *data = VARDATA_ANY(datum);
	size_t		len = VARSIZE_ANY_EXHDR(datum);

	if (r->cohort == NULL || r->shape_len == 0 || len < r->shape_len ||
		memcmp(data, r->shape, r->shape_len) != 0)
		return NULL;
	codec_read_begin(x, CODEC_RESUME, "sipp.cohort", data, len);
	x->pos = r->shape_len;
	return r->cohort;
}

/*
 * Read the counts and sums over all rows of a cohort; of one with the shape of the
 * cohort before, that is all: other statistics are those of any earlier cohort.
 */
Cohort *
cohort_read_counts(CohortReader *r, struct varlena *datum)
{
	Codec		x;
	Cohort	   *c = resume_shape(r, datum, &x);

	if (c == NULL)
		return cohort_read(r, datum);
	walk_counts(&x, c);
	return c;
}

/*
 * Unpack one of many cohorts, which is valid until the next.  Schools mostly
 * have the same terms and levels: where the bytes of the shape are those of the
 * cohort before, only the statistics are read, into the same arrays.
 */
Cohort *
cohort_read(CohortReader *r, struct varlena *datum)
{
	const char *data = VARDATA_ANY(datum);
	size_t		len = VARSIZE_ANY_EXHDR(datum);
	MemoryContext old;
	Codec		x;
	Cohort	   *c = resume_shape(r, datum, &x);

	if (c != NULL)
	{
		r->cohort = NULL;		/* in case of an error half-way */
		walk_statistics(&x, c);
		codec_read_end(&x);
		return r->cohort = c;
	}

	MemoryContextReset(r->cxt);
	r->cohort = NULL;
	r->map = NULL;
	r->shapes++;
	old = MemoryContextSwitchTo(r->cxt);
	if (len > 0 && *(uint8 *) data == WORK_FORM)
	{
		r->shape_len = 0;
		r->cohort = cohort_unpack(datum);
	}
	else
	{
		codec_read_begin(&x, CODEC_UNPACK, "sipp.cohort", data, len);
		c = walk_shape(&x, NULL);
		r->shape_len = x.pos;
		r->shape = palloc(r->shape_len);
		memcpy(r->shape, data, r->shape_len);
		walk_statistics(&x, c);
		codec_read_end(&x);
		r->cohort = c;
	}
	MemoryContextSwitchTo(old);
	return r->cohort;
}

/* How the cohort last read fits a frame; worked out once for each shape. */
const FrameMap *
cohort_reader_map(CohortReader *r, const SippFrame *f)
{
	if (r->map == NULL || r->frame != f || !frame_map_lasts(r->map))
	{
		MemoryContext old = MemoryContextSwitchTo(r->cxt);

		r->map = frame_map(f, r->cohort);
		r->frame = f;
		MemoryContextSwitchTo(old);
	}
	return r->map;
}

/* Report sums that left the range of float8 though the values were finite. */
static bool
check_overflow(const double *v, size_t n, Node *escontext)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
		{
			SIPP_BAD_INPUT(escontext,
						   (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("value out of range: a sum of squares in sipp.cohort overflows"),
							errhint("Enter the outcome and covariates in larger units.")));
			return false;
		}
	return true;
}

/*
 * Canonical bytes of a cohort; brings its dictionaries into canonical order.
 * NULL: a sum overflows, and the error went to escontext.
 */
static struct varlena *
pack_checked(Cohort *c, Node *escontext)
{
	StringInfoData buf;
	Codec		x;

	cohort_tidy(c);
	c->fractional = c->weighted && c->rows > 0 &&
		(c->fractional || c->weight != floor(c->weight));
	derive_first_levels(c);
	if (!check_overflow(&c->weight, 1, escontext) ||
		!check_overflow(&c->sum_log_w, 1, escontext) ||
		!check_overflow(c->mean, c->nnum, escontext) ||
		!check_overflow(c->cross, SIPP_NTRI(c->nnum), escontext) ||
		!check_overflow(c->level_sum, (size_t) c->nlevel * c->nnum, escontext))
		return NULL;
	cohort_settle(c);

	initStringInfo(&buf);
	appendStringInfoSpaces(&buf, VARHDRSZ);
	codec_write_begin(&x, CODEC_PACK, "sipp.cohort", &buf);
	(void) cohort_walk(&x, c);
	SET_VARSIZE(buf.data, buf.len);
	return (struct varlena *) buf.data;
}

struct varlena *
cohort_pack(Cohort *c)
{
	return pack_checked(c, NULL);
}

/*
 * Canonical bytes for comparison: a state that an aggregate without our final
 * function gave away equals the cohort that it prints as.
 */
static Bytes
cohort_bytes(Datum d)
{
	Bytes		b = bytes_of_varlena(d);
	struct varlena *packed;

	if (b.len == 0 || *(const uint8 *) b.data != WORK_FORM)
		return b;
	packed = cohort_pack(cohort_getarg(d));
	b.data = VARDATA(packed);
	b.len = VARSIZE(packed) - VARHDRSZ;
	b.copy = packed;
	return b;
}

BYTES_FAMILY(sipp_cohort, cohort_bytes)

/*
 * The text form, in both directions.  When reading, makes the cohort; NULL: an error
 * went to escontext.  What is read is still to be checked.
 */
static Cohort *
cohort_text(Fields *x, Cohort *c)
{
	int64		version = COHORT_VERSION;
	Cohort		head = {0};

	if (c != NULL)
		head = *c;
	field_count(x, "version", &version);
	if (version != COHORT_VERSION)
		SIPP_BAD_INPUT(x->in.escontext,
					   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("unsupported version of type sipp.cohort"),
						errhint("This sipp reads version %d; a newer one may have written the value.",
								COHORT_VERSION)));
	field_count(x, "rows", &head.rows);
	field_count(x, "dropped", &head.dropped);
	field_flag(x, "shapeless", &head.shapeless);
	head.weighted = field_present(x, "weight", head.weighted) ||
		field_present(x, "sum_log_weight", head.weighted);
	if (head.weighted)
	{
		field_float(x, "weight", &head.weight);
		field_float(x, "sum_log_weight", &head.sum_log_w);
	}
	field_flag(x, "fractional", &head.fractional);
	field_terms(x, "terms", &head.nterm, &head.term);
	if (fields_reading(x))
	{
		if (!terms_fit(head.nterm, head.term, x->in.escontext) || fields_failed(x))
			return NULL;
		c = cohort_make(head.nterm, head.term, head.weighted);
		c->shapeless = head.shapeless;
		c->fractional = head.fractional;
		c->rows = head.rows;
		c->dropped = head.dropped;
		c->weight = c->weighted ? head.weight : (double) c->rows;
		c->sum_log_w = head.sum_log_w;
	}
	if (c->rows == 0)
		return c;

	field_floats(x, "mean", c->mean, c->nnum);
	field_floats(x, "cross", c->cross, SIPP_NTRI(c->nnum));
	if (c->nfactor > 0)
	{
		field_counts(x, "level_rows", c->level_rows, c->nlevel);
		if (c->weighted)
			field_floats(x, "level_weight", c->level_weight, c->nlevel);
		else
			for (int l = 0; l < c->nlevel; l++)
				c->level_weight[l] = (double) c->level_rows[l];
		field_floats(x, "level_sum", c->level_sum, (size_t) c->nlevel * c->nnum);
	}
	if (c->nfactor > 1)
		field_floats(x, "cells", c->cell[0], cohort_ncell(c));
	return c;
}

/* text form out */
PG_FUNCTION_INFO_V1(sipp_cohort_out);
Datum
sipp_cohort_out(PG_FUNCTION_ARGS)
{
	Cohort	   *c = cohort_getarg(PG_GETARG_DATUM(0));
	StringInfoData s;
	Fields		x;

	cohort_tidy(c);
	initStringInfo(&s);
	fields_write_begin(&x, &s);
	(void) cohort_text(&x, c);
	fields_write_end(&x);
	PG_RETURN_CSTRING(s.data);
}

/* Report a level's count that cannot be one of a cohort of so many rows. */
static void
check_level_rows(const Cohort *c, Node *escontext)
{
	for (int l = 0; l < c->nlevel && c->rows > 0; l++)
		if (!(c->level_rows[l] > 0 && c->level_rows[l] <= c->rows))
			cohort_invalid("A level's count is out of range.", escontext);
}

/*
 * Derive the sums of first levels, as everything that reads a stored cohort does, and
 * report those that said otherwise.
 */
static void
check_first_levels(Cohort *c, Node *escontext)
{
	size_t		n = c->rows > 0 ? (size_t) c->nlevel * c->nnum : 0;
	double	   *given = palloc_array(double, n);

	memcpy(given, c->level_sum, sizeof(double) * n);
	derive_first_levels(c);
	for (size_t i = 0; i < n; i++)
		if (!(fabs(given[i] - c->level_sum[i]) <= 1e-9 * c->nlevel * sqrt(c->weight) *
			  sqrt(c->cross[SIPP_TRI(i % c->nnum, i % c->nnum)])))
			cohort_invalid("The sums of a factor's levels do not add up to zero.", escontext);
}

/* text form in */
PG_FUNCTION_INFO_V1(sipp_cohort_in);
Datum
sipp_cohort_in(PG_FUNCTION_ARGS)
{
	Node	   *escontext = fcinfo->context;
	struct varlena *datum = NULL;
	Fields		x;
	Cohort	   *c;

	fields_read_begin(&x, "sipp.cohort", escontext, PG_GETARG_CSTRING(0),
					  "sipp.cohort(x) of a text column is a cast, not the aggregate: "
					  "the outcome comes first and is a number or boolean, as in "
					  "sipp.cohort(outcome::float8, x).");
	c = cohort_text(&x, NULL);
	if (c == NULL || fields_failed(&x))
		PG_RETURN_NULL();
	check_level_rows(c, escontext);
	if (fields_failed(&x) || !cohort_check(c, escontext))
		PG_RETURN_NULL();
	check_first_levels(c, escontext);
	if (!fields_failed(&x))
		datum = pack_checked(c, escontext);
	PG_RETURN_POINTER(datum);
}

/* binary out */
PG_FUNCTION_INFO_V1(sipp_cohort_send);
Datum
sipp_cohort_send(PG_FUNCTION_ARGS)
{
	Cohort	   *c = cohort_getarg(PG_GETARG_DATUM(0));
	StringInfoData buf;
	Codec		x;

	cohort_tidy(c);
	pq_begintypsend(&buf);
	codec_write_begin(&x, CODEC_SEND, "sipp.cohort", &buf);
	(void) cohort_walk(&x, c);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* binary in */
PG_FUNCTION_INFO_V1(sipp_cohort_recv);
Datum
sipp_cohort_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	Codec		x;
	Cohort	   *c;

	codec_read_begin(&x, CODEC_RECV, "sipp.cohort", buf->data + buf->cursor,
					 buf->len - buf->cursor);
	c = cohort_walk(&x, NULL);
	codec_read_end(&x);
	buf->cursor = buf->len;
	(void) cohort_check(c, NULL);
	PG_RETURN_POINTER(cohort_pack(c));
}
