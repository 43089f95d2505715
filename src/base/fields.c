/*
 * fields.c
 *		One description of a type's text form, in both directions; see fields.h.
 */
#include "sipp.h"

#include <math.h>

#include "utils/json.h"

#include "base/fields.h"

void
fields_read_begin(Fields *x, const char *type, Node *escontext, char *str, const char *hint)
{
	x->out = NULL;
	x->in = (JsonIn) {type, escontext, NULL};
	json_parse(&x->in, str, hint);
}

void
fields_write_begin(Fields *x, StringInfo out)
{
	memset(x, 0, sizeof(Fields));
	x->out = out;
	appendStringInfoChar(out, '{');
}

void
fields_write_end(Fields *x)
{
	appendStringInfoChar(x->out, '}');
}

void
field_name(Fields *x, const char *name)
{
	if (x->out->data[x->out->len - 1] != '{')
		appendStringInfoChar(x->out, ',');
	appendStringInfo(x->out, "\"%s\":", name);
}

bool
field_present(Fields *x, const char *name, bool present)
{
	return fields_reading(x) ? json_has(&x->in, name) : present;
}

void
field_count(Fields *x, const char *name, int64 *v)
{
	if (fields_reading(x))
	{
		*v = json_get_count(&x->in, name);
		return;
	}
	field_name(x, name);
	appendStringInfo(x->out, INT64_FORMAT, *v);
}

void
field_int(Fields *x, const char *name, int *v, int min, int max)
{
	int64		n = *v;

	field_count(x, name, &n);
	if (!fields_reading(x))
		return;
	if (n > max)
		json_fail(&x->in, name, psprintf("at most %d", max));
	else if (n < min)
		json_fail(&x->in, name, psprintf("at least %d", min));
	*v = n >= min && n <= max ? (int) n : 0;
}

void
field_float(Fields *x, const char *name, double *v)
{
	if (fields_reading(x))
	{
		*v = json_get_float(&x->in, name);
		return;
	}
	field_name(x, name);
	json_float(x->out, *v);
}

void
field_bool(Fields *x, const char *name, bool *v)
{
	if (fields_reading(x))
	{
		*v = json_get_bool(&x->in, name);
		return;
	}
	field_name(x, name);
	appendStringInfoString(x->out, *v ? "true" : "false");
}

void
field_flag(Fields *x, const char *name, bool *v)
{
	if (fields_reading(x) || *v)
		field_bool(x, name, v);
}

void
field_string(Fields *x, const char *name, char **v)
{
	if (fields_reading(x))
	{
		*v = json_get_string(&x->in, name);
		return;
	}
	field_name(x, name);
	if (*v != NULL)
		escape_json(x->out, *v);
	else
		appendStringInfoString(x->out, "null");
}

void
field_floats(Fields *x, const char *name, double *v, size_t n)
{
	if (fields_reading(x))
	{
		double	   *given = json_get_floats(&x->in, name, n);

		memcpy(v, given, sizeof(double) * n);
		pfree(given);
		return;
	}
	field_name(x, name);
	json_floats(x->out, v, n);
}

void
field_counts(Fields *x, const char *name, int64 *v, size_t n)
{
	if (fields_reading(x))
	{
		double	   *given = json_get_floats(&x->in, name, n);

		for (size_t i = 0; i < n; i++)
			v[i] = given[i] >= 0 && given[i] <= (double) SIPP_MAX_ROWS &&
				given[i] == floor(given[i]) ? (int64) given[i] : -1;
		pfree(given);
		return;
	}
	field_name(x, name);
	appendStringInfoChar(x->out, '[');
	for (size_t i = 0; i < n; i++)
		appendStringInfo(x->out, "%s" INT64_FORMAT, i > 0 ? "," : "", v[i]);
	appendStringInfoChar(x->out, ']');
}
