/*
 * codec.c
 *		One description of a stored type's bytes, in four directions.
 */
#include "sipp.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"

#include "base/codec.h"

/* Start reading len bytes. */
void
codec_read_begin(Codec *x, CodecMode mode, const char *type,
				 const char *data, size_t len)
{
	x->mode = mode;
	x->type = type;
	x->buf = NULL;
	x->data = data;
	x->len = len;
	x->pos = 0;
	x->arena = mode == CODEC_UNPACK ? palloc(len + 1) : NULL;
}

/* Start appending to buf. */
void
codec_write_begin(Codec *x, CodecMode mode, const char *type, StringInfo buf)
{
	x->mode = mode;
	x->type = type;
	x->buf = buf;
	x->data = NULL;
	x->len = x->pos = 0;
	x->arena = NULL;
}

/* Report malformed bytes. */
void
codec_fail(const Codec *x, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary representation of type %s", x->type),
			 errdetail("%s at byte %zu of %zu.", what, x->pos, x->len)));
}

/* Nothing may follow a value. */
void
codec_read_end(Codec *x)
{
	if (x->pos != x->len)
		codec_fail(x, "Unexpected bytes");
}

/* n bytes of input, or an error. */
static const char *
codec_take(Codec *x, size_t n)
{
	const char *p;

	if (n > x->len - x->pos)
		codec_fail(x, "Unexpected end");
	p = x->data + x->pos;
	x->pos += n;
	return p;
}

void
codec_u8(Codec *x, uint8 *v)
{
	if (codec_reading(x))
		*v = (uint8) *codec_take(x, 1);
	else
		appendStringInfoCharMacro(x->buf, (char) *v);
}

void
codec_bool(Codec *x, bool *v)
{
	uint8		b = *v ? 1 : 0;

	codec_u8(x, &b);
	if (b > 1)
		codec_fail(x, "Invalid flag");
	*v = (b == 1);
}

/* Unsigned LEB128, at most 63 bits: small counts are one or two bytes. */
static void
codec_varint(Codec *x, uint64 *v)
{
	if (codec_reading(x))
	{
		uint64		r = 0;

		for (int shift = 0;; shift += 7)
		{
			uint8		b = (uint8) *codec_take(x, 1);

			if (shift > 56)
				codec_fail(x, "Number too large");
			r |= (uint64) (b & 0x7F) << shift;
			if ((b & 0x80) == 0)
			{
				/* one value, one spelling: equal values have equal bytes */
				if (b == 0 && shift > 0)
					codec_fail(x, "Number not in its shortest form");
				break;
			}
		}
		*v = r;
	}
	else
	{
		uint64		r = *v;

		while (r >= 0x80)
		{
			appendStringInfoCharMacro(x->buf, (char) (r | 0x80));
			r >>= 7;
		}
		appendStringInfoCharMacro(x->buf, (char) r);
	}
}

void
codec_int(Codec *x, int *v, int min, int max)
{
	uint64		u = (uint64) (*v - min);

	codec_varint(x, &u);
	if (u > (uint64) ((int64) max - min))
		codec_fail(x, "Number out of range");
	*v = (int) ((int64) u + min);
}

void
codec_count(Codec *x, int64 *v)
{
	uint64		u = (uint64) *v;

	codec_varint(x, &u);
	if (u > (uint64) SIPP_MAX_ROWS)
		codec_fail(x, "Count out of range");
	*v = (int64) u;
}

void
codec_f64(Codec *x, double *v)
{
	codec_f64s(x, v, 1);
}

void
codec_f64s(Codec *x, double *v, size_t n)
{
	uint64		bits;

	if (codec_reading(x))
	{
		const char *p;

		if (n > x->len / sizeof(bits))
			codec_fail(x, "Unexpected end");
		p = codec_take(x, n * sizeof(bits));
		for (size_t i = 0; i < n; i++)
		{
			memcpy(&bits, p + i * sizeof(bits), sizeof(bits));
			bits = pg_ntoh64(bits);
			memcpy(&v[i], &bits, sizeof(bits));
		}
	}
	else
	{
		enlargeStringInfo(x->buf, (int) Min(n * sizeof(bits), (size_t) PG_INT32_MAX));
		for (size_t i = 0; i < n; i++)
		{
			/* zero and NaN have one spelling, so that equal values have equal bytes */
			double		d = v[i] == 0.0 ? 0.0 : isnan(v[i]) ? NAN : v[i];

			memcpy(&bits, &d, sizeof(bits));
			bits = pg_hton64(bits);
			appendBinaryStringInfo(x->buf, (char *) &bits, sizeof(bits));
		}
	}
}

/* Walk over a string, or NULL: length + 1, then the bytes. */
void
codec_string(Codec *x, char **v)
{
	uint64		n = 0;

	if (codec_reading(x))
	{
		const char *p;

		codec_varint(x, &n);
		if (n-- == 0)
		{
			*v = NULL;
			return;
		}
		if (n > x->len)
			codec_fail(x, "Unexpected end");
		p = codec_take(x, (size_t) n);
		if (memchr(p, 0, n) != NULL)
			codec_fail(x, "Zero byte in a string");
		if (x->mode == CODEC_UNPACK)
		{
			/* fits: a string of n bytes took n + 1 or more to read */
			*v = x->arena;
			memcpy(x->arena, p, n);
			x->arena[n] = '\0';
			x->arena += n + 1;
		}
		else
		{
			char	   *copy = pnstrdup(p, n);

			*v = pg_client_to_server(copy, (int) n);
		}
	}
	else if (*v == NULL)
		codec_varint(x, &n);
	else
	{
		char	   *s = *v;

		if (x->mode == CODEC_SEND)
			s = pg_server_to_client(s, (int) strlen(s));
		n = strlen(s) + 1;
		codec_varint(x, &n);
		appendBinaryStringInfo(x->buf, s, (int) (n - 1));
	}
}

/* Zeroed memory for n things that take a byte or more each to read. */
void *
codec_alloc(Codec *x, size_t n, size_t size)
{
	if (codec_reading(x) && n > x->len - x->pos)
		codec_fail(x, "Unexpected end");
	return palloc0(n * size);
}
