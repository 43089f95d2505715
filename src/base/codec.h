/*
 * codec.h
 *		One description of a stored type's bytes serves four directions.
 *
 * A type writes one "walk" function over its struct; run with a Codec in the
 * mode wanted, the same function packs the struct into bytes, unpacks it, sends
 * or receives it.  Bytes are in network order everywhere, so the stored and the
 * wire form differ only in the encoding of strings.
 *
 * Reading trusts nothing: every count is checked against its limit before
 * anything is sized from it, and reading past the end is an error
 * (ERRCODE_INVALID_BINARY_REPRESENTATION).
 */
#ifndef SIPP_CODEC_H
#define SIPP_CODEC_H

#include "sipp.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

typedef enum CodecMode
{
	CODEC_PACK,					/* struct to stored bytes */
	CODEC_UNPACK,				/* stored bytes to struct */
	CODEC_RESUME,				/* the same, from a point after the last string */
	CODEC_SEND,					/* struct to wire: strings in the client's encoding */
	CODEC_RECV					/* wire to struct */
} CodecMode;

typedef struct Codec
{
	CodecMode	mode;
	const char *type;			/* for messages: "sipp.cohort" */
	StringInfo	buf;			/* PACK and SEND append; UNPACK and RECV read at cursor */
	const char *data;			/* reading: the bytes */
	size_t		len;
	size_t		pos;
	char	   *arena;			/* UNPACK: strings go here; they cannot need more
								 * than the bytes they are read from */
} Codec;

extern void codec_read_begin(Codec *x, CodecMode mode, const char *type,
							 const char *data, size_t len);
extern void codec_write_begin(Codec *x, CodecMode mode, const char *type,
							  StringInfo buf);
extern void codec_read_end(Codec *x);	/* error unless all was read */

#define codec_reading(x) \
	((x)->mode == CODEC_UNPACK || (x)->mode == CODEC_RESUME || (x)->mode == CODEC_RECV)

extern void codec_u8(Codec *x, uint8 *v);
extern void codec_bool(Codec *x, bool *v);
extern void codec_int(Codec *x, int *v, int min, int max);	/* varint, range-checked */
extern void codec_count(Codec *x, int64 *v);	/* varint, 0 .. SIPP_MAX_ROWS */
extern void codec_f64(Codec *x, double *v);
extern void codec_f64s(Codec *x, double *v, size_t n);
extern void codec_string(Codec *x, char **v);	/* NULL is kept; <= SIPP_MAX_NAME chars
												 * is the caller's check */
pg_noreturn extern void codec_fail(const Codec *x, const char *what);	/* malformed bytes */
extern void *codec_alloc(Codec *x, size_t n, size_t size);	/* zeroed; things of a byte
															 * or more: when reading,
															 * as many as are left */

/* JSON text out: shortest-exact numbers whatever extra_float_digits says */
extern void json_float(StringInfo s, double v); /* "NaN" etc. as JSON strings */
extern void json_floats(StringInfo s, const double *v, size_t n);
extern void json_float_or_null(StringInfo s, double v); /* null where it is NaN */
extern void json_string_or_null(StringInfo s, const char *v);
extern void json_strings(StringInfo s, int n, char *const *v);

/*
 * JSON text in, by way of jsonb; each names the field in its error.  Once an
 * error has been noted in escontext, no field is there any more, and what is
 * returned is as good as any value of its shape: 0, NULL, no terms, n zeros.  So
 * a reader asks only now and then, and before it trusts what it has read,
 * whether json_failed().
 */
typedef struct JsonIn
{
	const char *type;
	Node	   *escontext;		/* SIPP_BAD_INPUT's */
	JsonbContainer *object;
} JsonIn;

#define json_failed(in) SOFT_ERROR_OCCURRED((in)->escontext)

extern void json_parse(JsonIn *in, char *str, const char *hint);	/* must be an object */
extern void json_fail(const JsonIn *in, const char *field, const char *what);	/* "must be %s" */
extern bool json_has(const JsonIn *in, const char *field);
extern double json_get_float(const JsonIn *in, const char *field);
extern int64 json_get_count(const JsonIn *in, const char *field);
extern bool json_get_bool(const JsonIn *in, const char *field);
extern char *json_get_string(const JsonIn *in, const char *field);	/* NULL for null or
																	 * absent */
extern double *json_get_floats(const JsonIn *in, const char *field, size_t n);	/* exactly n */
extern JsonbValue *json_get_array(const JsonIn *in, const char *field, size_t max, size_t *n);
extern bool json_has_elements(const JsonIn *in, const char *field, size_t n);
extern bool json_number(const JsonbValue *v, double *out);	/* or a string for NaN etc. */

#endif							/* SIPP_CODEC_H */
