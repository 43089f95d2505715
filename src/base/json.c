/*
 * json.c
 *		The text form of sipp's types: JSON with shortest-exact numbers.
 *
 * Output is written directly, so that in(out(x)) is x to the last bit whatever
 * extra_float_digits says; input goes through the server's own jsonb parser.
 */
#include "sipp.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "base/codec.h"

/* Append a number; what JSON has no number for goes as a string. */
void
json_float(StringInfo s, double v)
{
	char		buf[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (isnan(v))
		appendStringInfoString(s, "\"NaN\"");
	else if (isinf(v))
		appendStringInfoString(s, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	else if (v == 0)
		appendStringInfoChar(s, '0');	/* jsonb has no negative zero */
	else
	{
		double_to_shortest_decimal_buf(v, buf);
		appendStringInfoString(s, buf);
	}
}

/* Append an array of numbers. */
void
json_floats(StringInfo s, const double *v, size_t n)
{
	appendStringInfoChar(s, '[');
	for (size_t i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(s, ',');
		json_float(s, v[i]);
	}
	appendStringInfoChar(s, ']');
}

/* Append a number, or null where it is NaN. */
void
json_float_or_null(StringInfo s, double v)
{
	if (isnan(v))
		appendStringInfoString(s, "null");
	else
		json_float(s, v);
}

/* Append a string, or null where there is none. */
void
json_string_or_null(StringInfo s, const char *v)
{
	if (v == NULL)
		appendStringInfoString(s, "null");
	else
		escape_json(s, v);
}

/* Append an array of strings. */
void
json_strings(StringInfo s, int n, char *const *v)
{
	appendStringInfoChar(s, '[');
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(s, ',');
		escape_json(s, v[i]);
	}
	appendStringInfoChar(s, ']');
}

/* Report a field that is missing or of the wrong kind. */
void
json_fail(const JsonIn *in, const char *field, const char *what)
{
	SIPP_BAD_INPUT(in->escontext,
				   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("invalid input for type %s", in->type),
					errdetail("Field \"%s\" must be %s.", field, what)));
}

/*
 * Parse the text of a value.  sipp.cohort(some_text) is parsed by the server as
 * a cast, so that text which is no JSON object at all is most likely an analyst
 * calling the function of that name; the hint says what to write instead.
 */
void
json_parse(JsonIn *in, char *str, const char *hint)
{
	Datum		d;

	/* what begins so is an object, or malformed */
	if (str[strspn(str, " \t\n\r")] != '{')
		SIPP_BAD_INPUT(in->escontext,
					   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("invalid input syntax for type %s: \"%s\"", in->type, str),
						errdetail("The text form of %s is a JSON object.", in->type),
						hint != NULL ? errhint("%s", hint) : 0));
	else if (DirectInputFunctionCallSafe(jsonb_in, str, InvalidOid, -1, in->escontext, &d))
		in->object = &DatumGetJsonbP(d)->root;
}

/* Look up the value of a field: NULL where absent or null, or after an error. */
static JsonbValue *
json_field(const JsonIn *in, const char *field)
{
	JsonbValue *v;

	if (json_failed(in))
		return NULL;
	v = getKeyJsonValueFromContainer(in->object, field, (int) strlen(field), NULL);
	return v != NULL && v->type == jbvNull ? NULL : v;
}

bool
json_has(const JsonIn *in, const char *field)
{
	return json_field(in, field) != NULL;
}

/* Convert a number, or one of the three strings that stand for one. */
bool
json_number(const JsonbValue *v, double *out)
{
	if (v == NULL)
		return false;
	if (v->type == jbvNumeric)
	{
		*out = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												  NumericGetDatum(v->val.numeric)));
		return true;
	}
	if (v->type == jbvString)
	{
		static const struct
		{
			const char *name;
			double		value;
		}			special[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};

		for (int i = 0; i < (int) lengthof(special); i++)
			if (v->val.string.len == (int) strlen(special[i].name) &&
				memcmp(v->val.string.val, special[i].name, v->val.string.len) == 0)
			{
				*out = special[i].value;
				return true;
			}
	}
	return false;
}

double
json_get_float(const JsonIn *in, const char *field)
{
	double		d = 0;

	if (!json_number(json_field(in, field), &d))
		json_fail(in, field, "a number");
	return d;
}

int64
json_get_count(const JsonIn *in, const char *field)
{
	double		d = json_get_float(in, field);

	if (!(d >= 0 && d <= (double) SIPP_MAX_ROWS) || d != floor(d))
	{
		json_fail(in, field, "a count");
		return 0;
	}
	return (int64) d;
}

bool
json_get_bool(const JsonIn *in, const char *field)
{
	JsonbValue *v = json_field(in, field);

	if (v == NULL)
		return false;
	if (v->type != jbvBool)
		json_fail(in, field, "true or false");
	return v->type == jbvBool && v->val.boolean;
}

char *
json_get_string(const JsonIn *in, const char *field)
{
	JsonbValue *v = json_field(in, field);

	if (v == NULL)
		return NULL;
	if (v->type != jbvString)
	{
		json_fail(in, field, "a string");
		return NULL;
	}
	return pnstrdup(v->val.string.val, v->val.string.len);
}

/* Look up an array field of at most max elements; NULL after an error. */
static JsonbContainer *
json_array(const JsonIn *in, const char *field, size_t max)
{
	JsonbValue *v = json_field(in, field);

	if (v == NULL || v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		json_fail(in, field, "an array");
	else if (JsonContainerSize(v->val.binary.data) > max)
		json_fail(in, field, psprintf("an array of at most %zu elements", max));
	else
		return v->val.binary.data;
	return NULL;
}

/* List the elements of an array field, at most max; none after an error. */
JsonbValue *
json_get_array(const JsonIn *in, const char *field, size_t max, size_t *n)
{
	JsonbContainer *array = json_array(in, field, max);
	JsonbValue *out;
	JsonbIterator *it;

	*n = 0;
	if (array == NULL)
		return NULL;
	*n = JsonContainerSize(array);
	out = palloc_array(JsonbValue, *n + 1);
	it = JsonbIteratorInit(array);
	(void) JsonbIteratorNext(&it, &out[0], true);	/* the array itself */
	for (size_t i = 0; i < *n; i++)
		(void) JsonbIteratorNext(&it, &out[i], true);
	return out;
}

/* Check that a field is an array of n elements, before anything is sized by n. */
bool
json_has_elements(const JsonIn *in, const char *field, size_t n)
{
	JsonbContainer *array = json_array(in, field, n);

	if (array != NULL && JsonContainerSize(array) != n)
		json_fail(in, field, psprintf("an array of %zu numbers", n));
	return !json_failed(in);
}

double *
json_get_floats(const JsonIn *in, const char *field, size_t n)
{
	size_t		len;
	JsonbValue *v = json_get_array(in, field, n, &len);
	double	   *out = palloc0_array(double, n);

	if (len != n)
		json_fail(in, field, psprintf("an array of %zu numbers", n));
	for (size_t i = 0; i < n && !json_failed(in); i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!json_number(&v[i], &out[i]))
			json_fail(in, field, "an array of numbers");
	}
	return out;
}
