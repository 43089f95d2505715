/*
 * term_io.c
 *		Terms with their dictionaries as bytes and as JSON.
 */
#include "sipp.h"

#include <math.h>

#include "utils/json.h"

#include "cohort/algebra.h"
#include "cohort/term_io.h"

/* What the list of a term's levels says of their order. */
enum
{
	ORDER_BYTES,				/* nothing: it goes by the bytes of the labels */
	ORDER_TOTAL,				/* each level was declared before all that follow */
	ORDER_PARTIAL				/* pairs of levels of which one was declared before
								 * the other */
};

/*
 * The order of a term's levels.  The list is a topological order, so that of a
 * partial one the pairs (i, j), i < j, are all there is: one bit each, by rows.
 */
static void
codec_order(Codec *x, SippTerm *t)
{
	int			order = !term_ordered(t) ? ORDER_BYTES : t->before == NULL ? ORDER_TOTAL : ORDER_PARTIAL;
	uint8		byte = 0;
	int			bit = 0;

	codec_int(x, &order, t->kind == SIPP_ENUM ? ORDER_TOTAL : ORDER_BYTES, ORDER_PARTIAL);
	t->of_enum = t->kind == SIPP_SHARES && order != ORDER_BYTES;
	if (order != ORDER_PARTIAL)
		return;
	if (codec_reading(x))
		order_open(t);
	for (int i = 0; i < t->nlevel; i++)
		for (int j = i + 1; j < t->nlevel; j++)
		{
			if (bit == 0 && codec_reading(x))
				codec_u8(x, &byte);
			if (!codec_reading(x))
				byte |= order_before(t, i, j) ? 1 << bit : 0;
			else if (byte & (1 << bit))
				order_set(t, i, j);
			if (++bit == 8)
			{
				if (!codec_reading(x))
					codec_u8(x, &byte);
				byte = 0;
				bit = 0;
			}
		}
	if (bit > 0 && !codec_reading(x))
		codec_u8(x, &byte);
	if (x->mode == CODEC_RECV)
		order_close(t);
}

/*
 * A list of terms with their dictionaries; when reading, allocates it.  What
 * follows from the rest (first, factor) is left to the type.
 */
void
codec_terms(Codec *x, int *nterm, SippTerm **term)
{
	codec_int(x, nterm, 0, SIPP_MAX_TERMS);
	if (codec_reading(x))
		*term = codec_alloc(x, *nterm, sizeof(SippTerm));

	for (int i = 0; i < *nterm; i++)
	{
		SippTerm   *t = *term + i;
		int			kind = t->kind;

		codec_string(x, &t->name);
		if (t->name == NULL)
			codec_fail(x, "Term without a name");
		codec_int(x, &kind, SIPP_NUMBER, SIPP_SHARES);
		t->kind = (SippKind) kind;
		codec_bool(x, &t->context);
		if (t->kind == SIPP_NUMBER)
			continue;

		codec_string(x, &t->reference);
		codec_int(x, &t->nlevel, 0, SIPP_MAX_LEVELS);
		if (codec_reading(x))
		{
			t->label = codec_alloc(x, t->nlevel, sizeof(char *));
		}
		for (int l = 0; l < t->nlevel; l++)
		{
			codec_string(x, &t->label[l]);
			if (t->label[l] == NULL)
				codec_fail(x, "Level without a name");
		}
		if (t->kind != SIPP_TEXT)
			codec_order(x, t);
	}
}

/*
 * Append what is known of the order of levels, where it is not all: pairs of
 * places in the list of levels, from 0, the first declared before the second.
 * Pairs that follow from others are left out.
 */
static void
json_before(StringInfo s, const SippTerm *t)
{
	uint64	   *row = order_row(t);
	const char *separator = "";

	appendStringInfoString(s, ",\"before\":[");
	for (int i = 0; i < t->nlevel; i++)
	{
		order_cover(t, i, row);
		for (int j = i + 1; j < t->nlevel; j++)
			if (order_row_has(row, j))
			{
				appendStringInfo(s, "%s[%d,%d]", separator, i, j);
				separator = ",";
			}
	}
	appendStringInfoChar(s, ']');
	pfree(row);
}

/* Append a list of terms as an array of objects. */
static void
write_terms(StringInfo s, int nterm, const SippTerm *term)
{
	appendStringInfoChar(s, '[');
	for (int i = 0; i < nterm; i++)
	{
		const SippTerm *t = &term[i];

		appendStringInfoString(s, i > 0 ? ",{\"name\":" : "{\"name\":");
		escape_json(s, t->name);
		appendStringInfo(s, ",\"kind\":\"%s\"", kind_name(t->kind));
		if (t->context)
			appendStringInfoString(s, ",\"context\":true");
		if (t->reference)
		{
			appendStringInfoString(s, ",\"reference\":");
			escape_json(s, t->reference);
		}
		if (t->kind != SIPP_NUMBER)
		{
			appendStringInfoString(s, ",\"levels\":[");
			for (int l = 0; l < t->nlevel; l++)
			{
				if (l > 0)
					appendStringInfoChar(s, ',');
				escape_json(s, t->label[l]);
			}
			appendStringInfoChar(s, ']');
			if (t->kind == SIPP_SHARES && t->of_enum)
				appendStringInfoString(s, ",\"enum\":true");
			if (t->before != NULL)
				json_before(s, t);
		}
		appendStringInfoChar(s, '}');
	}
	appendStringInfoChar(s, ']');
}

/* Read what json_before writes; the pairs may be any whose closure is meant. */
static void
json_get_before(const JsonIn *in, SippTerm *t)
{
	static const char what[] = "an array of pairs [i, j] of places in \"levels\", from 0, i < j";
	size_t		n;
	JsonbValue *pair = json_get_array(in, "before", SIPP_MAX_LEVELS * (SIPP_MAX_LEVELS - 1) / 2, &n);

	order_open(t);
	for (size_t k = 0; k < n; k++)
	{
		double		at[2] = {0, 0};
		bool		fits = pair[k].type == jbvBinary &&
			JsonContainerIsArray(pair[k].val.binary.data) &&
			JsonContainerSize(pair[k].val.binary.data) == 2;

		for (int e = 0; e < 2 && fits; e++)
			fits = json_number(getIthJsonbValueFromContainer(pair[k].val.binary.data, e), &at[e]) &&
				at[e] >= 0 && at[e] < t->nlevel && at[e] == floor(at[e]);
		if (!fits || !(at[0] < at[1]))
		{
			json_fail(in, "before", what);
			return;
		}
		order_set(t, (int) at[0], (int) at[1]);
	}
	order_close(t);
	pfree(pair);
}

/* One term of an array of them. */
static void
get_term(const JsonIn *in, SippTerm *t)
{
	char	   *kind;
	size_t		n;
	JsonbValue *level;

	t->name = json_get_string(in, "name");
	if (t->name == NULL)
		json_fail(in, "name", "a string");
	kind = json_get_string(in, "kind");
	for (t->kind = SIPP_NUMBER; t->kind <= SIPP_SHARES; t->kind++)
		if (kind != NULL && strcmp(kind, kind_name(t->kind)) == 0)
			break;
	if (t->kind > SIPP_SHARES)
	{
		json_fail(in, "kind", "\"number\", \"text\", \"enum\" or \"shares\"");
		t->kind = SIPP_NUMBER;
	}
	t->context = json_get_bool(in, "context");
	if (t->kind == SIPP_NUMBER)
		return;
	level = json_get_array(in, "levels", SIPP_MAX_LEVELS, &n);
	t->reference = json_get_string(in, "reference");
	t->label = palloc_array(char *, n);
	for (size_t k = 0; k < n; k++)
	{
		if (level[k].type != jbvString)
		{
			json_fail(in, "levels", "an array of strings");
			return;
		}
		t->label[k] = pnstrdup(level[k].val.string.val, level[k].val.string.len);
	}
	t->nlevel = (int) n;
	t->of_enum = t->kind == SIPP_SHARES && json_get_bool(in, "enum");
	if (term_ordered(t) && json_has(in, "before"))
		json_get_before(in, t);
}

/* Read an array of terms; none after an error. */
static SippTerm *
read_terms(const JsonIn *in, const char *field, int *nterm)
{
	size_t		n;
	JsonbValue *v = json_get_array(in, field, SIPP_MAX_TERMS, &n);
	SippTerm   *terms = palloc0_array(SippTerm, n);

	for (size_t i = 0; i < n && !json_failed(in); i++)
	{
		JsonIn		sub = {in->type, in->escontext, NULL};

		if (v[i].type != jbvBinary || !JsonContainerIsObject(v[i].val.binary.data))
		{
			json_fail(in, field, "an array of objects");
			break;
		}
		sub.object = v[i].val.binary.data;
		get_term(&sub, &terms[i]);
	}
	*nterm = json_failed(in) ? 0 : (int) n;
	return terms;
}

/* Read or write a list of terms as a field of a text; reading allocates it. */
void
field_terms(Fields *x, const char *name, int *nterm, SippTerm **term)
{
	if (fields_reading(x))
		*term = read_terms(&x->in, name, nterm);
	else
	{
		field_name(x, name);
		write_terms(x->out, *nterm, *term);
	}
}
