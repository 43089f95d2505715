/*
 * text.c
 *		How a school is written: the constructor, the text and the binary form.
 *
 * The text form is a JSON object with the constructor's argument names, in its
 * order; what is not known is absent, or null within an array.  Input takes the
 * fields in any order, and no others: a field misspelt would be a figure lost.
 */
#include "sipp.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "base/codec.h"
#include "school/school.h"

#define SCHOOL_TEXT_VERSION 1
#define TYPE_NAME "sipp.school"

PG_FUNCTION_INFO_V1(sipp_school_in);
PG_FUNCTION_INFO_V1(sipp_school_out);
PG_FUNCTION_INFO_V1(sipp_school_recv);
PG_FUNCTION_INFO_V1(sipp_school_send);
PG_FUNCTION_INFO_V1(sipp_school_make);
PG_FUNCTION_INFO_V1(sipp_school_make_bigint);

/* Arguments of sipp.school(), which are the fields of the text form. */
enum
{
	ARG_ID,
	ARG_SECTOR,
	ARG_AUTHORITY,
	ARG_CLUSTER,
	ARG_ROLE,
	ARG_EFFECT,
	ARG_EFFECT_SE,
	ARG_CONTEXT,
	ARG_CONTEXT_NAMES,
	ARG_DEPRIVATION,
	ARG_SUBJECTS,
	ARG_SUBJECTS_SE,
	ARG_SUBJECT_NAMES,
	ARG_LAT,
	ARG_LON,
	ARG_CAPACITY,
	ARG_EXCLUDES,
	ARG_CONSENT,
	SCHOOL_ARGS
};

/* Field of the text form that is no argument. */
#define FIELD_SUM "deprivation_sum"

static const char *const arg_name[SCHOOL_ARGS] = {
	"id", "sector", "authority", "cluster", "role", "effect", "effect_se",
	"context", "context_names", "deprivation", "subjects", "subjects_se",
	"subject_names", "lat", "lon", "capacity", "excludes", "consent"
};

/* Arrays as they were given; a length of -1 is an array that was not. */
typedef struct Given
{
	Node	   *escontext;		/* where the error goes of what does not fit */
	int			ncontext_name;
	char	  **context_name;
	int			nsubject;
	double	   *subject;
	int			nsubject_se;
	double	   *subject_se;
	int			nsubject_name;
	char	  **subject_name;
} Given;

/* An error of values that do not fit the type, or each other. */
#define bad_value(escontext, s, ...) \
	school_error(escontext, ERRCODE_INVALID_PARAMETER_VALUE, (s)->id, psprintf(__VA_ARGS__), NULL)

/* An array must not have more than so many elements. */
static void
check_length(const School *s, int arg, int n, int max)
{
	if (n > max)
		school_error(NULL, ERRCODE_PROGRAM_LIMIT_EXCEEDED, s->id,
					 psprintf("%s has %d elements, the limit is %d", arg_name[arg], n, max), NULL);
}

/* Names for an array's n elements: those given, or the default ones. */
static char **
fit_names(const School *s, int arg, int of, char prefix, int n, int ngiven, char **given,
		  Node *escontext)
{
	if (ngiven < 0)
		return school_default_names(prefix, n);
	if (ngiven != n)
		bad_value(escontext, s, "%s has length %d, but %s has length %d", arg_name[arg], ngiven,
				  arg_name[of], n);
	return given;
}

/*
 * Bring arrays that belong together into the struct.  Names of an array that is
 * NULL are ignored: a query gives the same ones to every school, also to one of
 * which nothing is known.
 */
static void
fit_arrays(School *s, const Given *g, bool has_context)
{
	if (has_context)
		s->context_name = fit_names(s, ARG_CONTEXT_NAMES, ARG_CONTEXT, 'x', s->ncontext,
									g->ncontext_name, g->context_name, g->escontext);

	if (g->nsubject >= 0 && g->nsubject_se < 0)
		school_error(g->escontext, ERRCODE_INVALID_PARAMETER_VALUE, s->id,
					 "subjects is given without subjects_se",
					 "Each subject's effect comes with its conditional standard error.");
	if (Max(g->nsubject, 0) != Max(g->nsubject_se, 0))
		bad_value(g->escontext, s, "subjects has length %d, but subjects_se has length %d",
				  Max(g->nsubject, 0), Max(g->nsubject_se, 0));
	if (g->nsubject >= 0)
	{
		s->nsubject = g->nsubject;
		s->subject = g->subject;
		s->subject_se = g->subject_se;
		s->subject_name = fit_names(s, ARG_SUBJECT_NAMES, ARG_SUBJECTS, 's', s->nsubject,
									g->nsubject_name, g->subject_name, g->escontext);
	}
}

/* The role of that name; NULL, as of sipp.pairing_role without an effect, is not known. */
static SchoolRole
find_role(const School *s, const char *name, Node *escontext)
{
	SchoolRole	role = ROLE_UNKNOWN;

	if (name != NULL && !school_role_find(name, &role))
		school_error(escontext, ERRCODE_INVALID_PARAMETER_VALUE, s->id, psprintf("role is \"%s\"", name),
					 "Roles are partner, coasting, lead, either and none.");
	return role;
}

/* A string argument, or NULL. */
static char *
get_string(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/* A number argument; NaN where NULL. */
static double
get_number(FunctionCallInfo fcinfo, const School *s, int arg)
{
	double		v;

	if (PG_ARGISNULL(arg))
		return NAN;
	v = PG_GETARG_FLOAT8(arg);
	if (isnan(v))
		school_error(NULL, ERRCODE_INVALID_PARAMETER_VALUE, s->id,
					 psprintf("%s is NaN", arg_name[arg]),
					 "NULL stands for what is not known.");
	return v;
}

/* Elements of an array argument; returns how many, -1 where it is NULL. */
static int
get_array(FunctionCallInfo fcinfo, const School *s, int arg, int max, Oid type,
		  Datum **value, bool **isnull)
{
	ArrayType  *a;
	int16		len;
	bool		byval;
	char		align;
	int			n;

	if (PG_ARGISNULL(arg))
		return -1;
	a = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(a) > 1)
		bad_value(NULL, s, "%s has %d dimensions", arg_name[arg], ARR_NDIM(a));
	check_length(s, arg, ArrayGetNItems(ARR_NDIM(a), ARR_DIMS(a)), max);
	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(a, type, len, byval, align, value, isnull, &n);
	return n;
}

/* Numbers of an array argument. */
static int
get_numbers(FunctionCallInfo fcinfo, const School *s, int arg, int max, double **out)
{
	Datum	   *value;
	bool	   *isnull;
	int			n = get_array(fcinfo, s, arg, max, FLOAT8OID, &value, &isnull);

	*out = palloc(sizeof(double) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		(*out)[i] = isnull[i] ? NAN : DatumGetFloat8(value[i]);
		if (!isnull[i] && isnan((*out)[i]))
			school_error(NULL, ERRCODE_INVALID_PARAMETER_VALUE, s->id,
						 psprintf("%s[%d] is NaN", arg_name[arg], i + 1),
						 "NULL stands for what is not known.");
	}
	return n;
}

/* Strings of an array argument. */
static int
get_strings(FunctionCallInfo fcinfo, const School *s, int arg, int max, char ***out)
{
	Datum	   *value;
	bool	   *isnull;
	int			n = get_array(fcinfo, s, arg, max, TEXTOID, &value, &isnull);

	*out = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		(*out)[i] = isnull[i] ? NULL : TextDatumGetCString(value[i]);
	return n;
}

/* The constructor, of either type of id. */
static Datum
make_school(FunctionCallInfo fcinfo, char *id)
{
	School		s = {0};
	Given		g = {0};
	int			ncontext;

	s.id = id;
	s.sector = get_string(fcinfo, ARG_SECTOR);
	s.authority = get_string(fcinfo, ARG_AUTHORITY);
	s.cluster = get_string(fcinfo, ARG_CLUSTER);
	s.role = find_role(&s, get_string(fcinfo, ARG_ROLE), NULL);
	s.effect = get_number(fcinfo, &s, ARG_EFFECT);
	s.effect_se = get_number(fcinfo, &s, ARG_EFFECT_SE);
	ncontext = get_numbers(fcinfo, &s, ARG_CONTEXT, SCHOOL_MAX_CONTEXT, &s.context);
	s.ncontext = Max(ncontext, 0);
	g.ncontext_name = get_strings(fcinfo, &s, ARG_CONTEXT_NAMES, SCHOOL_MAX_CONTEXT, &g.context_name);
	s.nband = Max(0, get_numbers(fcinfo, &s, ARG_DEPRIVATION, SCHOOL_MAX_BANDS, &s.deprivation));
	g.nsubject = get_numbers(fcinfo, &s, ARG_SUBJECTS, SCHOOL_MAX_SUBJECTS, &g.subject);
	g.nsubject_se = get_numbers(fcinfo, &s, ARG_SUBJECTS_SE, SCHOOL_MAX_SUBJECTS, &g.subject_se);
	g.nsubject_name = get_strings(fcinfo, &s, ARG_SUBJECT_NAMES, SCHOOL_MAX_SUBJECTS, &g.subject_name);
	fit_arrays(&s, &g, ncontext >= 0);
	s.lat = get_number(fcinfo, &s, ARG_LAT);
	s.lon = get_number(fcinfo, &s, ARG_LON);
	/* a lead's room is no figure to make up */
	if (PG_ARGISNULL(ARG_CAPACITY))
		school_error(NULL, ERRCODE_NULL_VALUE_NOT_ALLOWED, s.id, "capacity is NULL",
					 "Leave it out for its default, 1, or say what it is to be, as in coalesce(capacity, 0).");
	s.capacity = PG_GETARG_INT32(ARG_CAPACITY);
	s.nexclude = Max(0, get_strings(fcinfo, &s, ARG_EXCLUDES, SCHOOL_MAX_EXCLUDES, &s.exclude));
	/* consent that is not known was not given */
	s.consent = !PG_ARGISNULL(ARG_CONSENT) && PG_GETARG_BOOL(ARG_CONSENT);

	s.deprivation_sum = 1;
	(void) school_settle(&s, NULL);
	PG_RETURN_POINTER(school_pack(&s));
}

/*
 * sipp_school_make(id text, ...): the constructor.
 */
Datum
sipp_school_make(PG_FUNCTION_ARGS)
{
	return make_school(fcinfo, get_string(fcinfo, ARG_ID));
}

/*
 * sipp_school_make_bigint(id bigint, ...): the same of a number, as it is printed.
 */
Datum
sipp_school_make_bigint(PG_FUNCTION_ARGS)
{
	return make_school(fcinfo, PG_ARGISNULL(ARG_ID) ? NULL :
					   psprintf(INT64_FORMAT, PG_GETARG_INT64(ARG_ID)));
}

/* Every field must be known. */
static void
check_fields(const JsonIn *in)
{
	JsonbIterator *it;
	JsonbIteratorToken tok;
	JsonbValue	v;

	if (json_failed(in))
		return;
	it = JsonbIteratorInit(in->object);
	while ((tok = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool		known = false;
		char	   *name;

		if (tok != WJB_KEY)
			continue;
		name = pnstrdup(v.val.string.val, v.val.string.len);
		known = strcmp(name, "version") == 0 || strcmp(name, FIELD_SUM) == 0;
		for (int i = 0; i < SCHOOL_ARGS && !known; i++)
			known = strcmp(name, arg_name[i]) == 0;
		if (!known)
			SIPP_BAD_INPUT(in->escontext,
						   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
							errmsg("invalid input for type %s", in->type),
							errdetail("There is no field \"%s\".", name)));
	}
}

/* The number of a jsonb value. */
static double
json_value(const JsonbValue *v)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(v->val.numeric)));
}

/* A number field; the default where absent. */
static double
read_number(const JsonIn *in, const char *field, double standard)
{
	double		v;

	if (!json_has(in, field))
		return standard;
	v = json_get_float(in, field);
	if (isnan(v))
		SIPP_BAD_INPUT(in->escontext,
					   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("invalid input for type %s", in->type),
						errdetail("Field \"%s\" is NaN.", field)));
	return v;
}

/* An array field; returns its length, -1 where absent. */
static int
read_array(const JsonIn *in, int arg, int max, JsonbValue **value)
{
	size_t		n;

	if (!json_has(in, arg_name[arg]))
		return -1;
	*value = json_get_array(in, arg_name[arg], max, &n);
	return (int) n;
}

/* An array of numbers, null where one is not known. */
static int
read_numbers(const JsonIn *in, int arg, int max, double **out)
{
	JsonbValue *v;
	int			n = read_array(in, arg, max, &v);

	*out = palloc(sizeof(double) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		if (v[i].type != jbvNumeric && v[i].type != jbvNull)
		{
			json_fail(in, arg_name[arg], "an array of numbers and nulls");
			return 0;
		}
		(*out)[i] = v[i].type == jbvNull ? NAN : json_value(&v[i]);
	}
	return n;
}

/* An array of strings. */
static int
read_strings(const JsonIn *in, int arg, int max, char ***out)
{
	JsonbValue *v;
	int			n = read_array(in, arg, max, &v);

	*out = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		if (v[i].type != jbvString)
		{
			json_fail(in, arg_name[arg], "an array of strings");
			return 0;
		}
		(*out)[i] = pnstrdup(v[i].val.string.val, v[i].val.string.len);
	}
	return n;
}

/* The capacity; 1 where absent.  Its limit is checked with the rest. */
static int
read_capacity(const JsonIn *in, const School *s)
{
	int64		v;

	if (!json_has(in, arg_name[ARG_CAPACITY]))
		return 1;
	v = json_get_count(in, arg_name[ARG_CAPACITY]);
	if (v > PG_INT32_MAX)
	{
		bad_value(in->escontext, s, "capacity is %lld, outside 0 to %d", (long long) v, SCHOOL_MAX_CAPACITY);
		return 0;
	}
	return (int) v;
}

/* Consent; given where absent, as by default, and not where it is null. */
static bool
read_consent(const JsonIn *in)
{
	const char *field = arg_name[ARG_CONSENT];
	JsonbValue *v = json_failed(in) ? NULL :
		getKeyJsonValueFromContainer(in->object, field, (int) strlen(field), NULL);

	if (v != NULL && v->type != jbvBool && v->type != jbvNull)
		json_fail(in, field, "true or false");
	return v == NULL || (v->type == jbvBool && v->val.boolean);
}

/*
 * sipp_school_in(cstring): text to school.  sipp.school('A') is parsed by the
 * server as a cast, so text that is no JSON object is most likely an id.
 */
Datum
sipp_school_in(PG_FUNCTION_ARGS)
{
	School		s = {0};
	JsonIn		in = {TYPE_NAME, fcinfo->context, NULL};
	Given		g = {.escontext = in.escontext};
	int			ncontext;

	json_parse(&in, PG_GETARG_CSTRING(0),
			   "sipp.school(x) with one argument is a cast; name the arguments, "
			   "as in sipp.school(id => x, role => 'lead').");
	if (json_get_count(&in, "version") != SCHOOL_TEXT_VERSION)
		SIPP_BAD_INPUT(in.escontext,
					   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("unknown version of type %s", TYPE_NAME),
						errhint("It was written by another release of sipp.")));
	check_fields(&in);

	s.id = json_get_string(&in, "id");
	s.sector = json_get_string(&in, "sector");
	s.authority = json_get_string(&in, "authority");
	s.cluster = json_get_string(&in, "cluster");
	s.role = find_role(&s, json_get_string(&in, "role"), in.escontext);
	s.effect = read_number(&in, arg_name[ARG_EFFECT], NAN);
	s.effect_se = read_number(&in, arg_name[ARG_EFFECT_SE], NAN);
	ncontext = read_numbers(&in, ARG_CONTEXT, SCHOOL_MAX_CONTEXT, &s.context);
	s.ncontext = Max(ncontext, 0);
	g.ncontext_name = read_strings(&in, ARG_CONTEXT_NAMES, SCHOOL_MAX_CONTEXT, &g.context_name);
	s.nband = Max(0, read_numbers(&in, ARG_DEPRIVATION, SCHOOL_MAX_BANDS, &s.deprivation));
	s.deprivation_sum = read_number(&in, FIELD_SUM, 1);
	g.nsubject = read_numbers(&in, ARG_SUBJECTS, SCHOOL_MAX_SUBJECTS, &g.subject);
	g.nsubject_se = read_numbers(&in, ARG_SUBJECTS_SE, SCHOOL_MAX_SUBJECTS, &g.subject_se);
	g.nsubject_name = read_strings(&in, ARG_SUBJECT_NAMES, SCHOOL_MAX_SUBJECTS, &g.subject_name);
	fit_arrays(&s, &g, ncontext >= 0);
	s.lat = read_number(&in, arg_name[ARG_LAT], NAN);
	s.lon = read_number(&in, arg_name[ARG_LON], NAN);
	s.capacity = read_capacity(&in, &s);
	s.nexclude = Max(0, read_strings(&in, ARG_EXCLUDES, SCHOOL_MAX_EXCLUDES, &s.exclude));
	s.consent = read_consent(&in);

	if (json_failed(&in) || !school_settle(&s, in.escontext))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(school_pack(&s));
}

/* Begin a field. */
static void
write_name(StringInfo buf, int arg)
{
	appendStringInfo(buf, ",\"%s\":", arg_name[arg]);
}

/* A string field, unless it is not known. */
static void
write_string(StringInfo buf, int arg, const char *v)
{
	if (v == NULL)
		return;
	write_name(buf, arg);
	escape_json(buf, v);
}

/* A number field, unless it is not known. */
static void
write_number(StringInfo buf, int arg, double v)
{
	if (isnan(v))
		return;
	write_name(buf, arg);
	json_float(buf, v);
}

/* A field of numbers, unless there are none. */
static void
write_numbers(StringInfo buf, int arg, int n, const double *v)
{
	if (n == 0)
		return;
	write_name(buf, arg);
	for (int i = 0; i < n; i++)
	{
		appendStringInfoChar(buf, i == 0 ? '[' : ',');
		if (isnan(v[i]))
			appendStringInfoString(buf, "null");
		else
			json_float(buf, v[i]);
	}
	appendStringInfoChar(buf, ']');
}

/* A field of strings, unless there are none. */
static void
write_strings(StringInfo buf, int arg, int n, char **v)
{
	if (n == 0)
		return;
	write_name(buf, arg);
	for (int i = 0; i < n; i++)
	{
		appendStringInfoChar(buf, i == 0 ? '[' : ',');
		escape_json(buf, v[i]);
	}
	appendStringInfoChar(buf, ']');
}

/*
 * sipp_school_out(sipp.school): school to text, exact to the last bit.
 */
Datum
sipp_school_out(PG_FUNCTION_ARGS)
{
	School	   *s = school_getarg(PG_GETARG_DATUM(0));
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"version\":%d", SCHOOL_TEXT_VERSION);
	write_string(&buf, ARG_ID, s->id);
	write_string(&buf, ARG_SECTOR, s->sector);
	write_string(&buf, ARG_AUTHORITY, s->authority);
	write_string(&buf, ARG_CLUSTER, s->cluster);
	write_string(&buf, ARG_ROLE, school_role_name(s->role));
	write_number(&buf, ARG_EFFECT, s->effect);
	write_number(&buf, ARG_EFFECT_SE, s->effect_se);
	write_numbers(&buf, ARG_CONTEXT, s->ncontext, s->context);
	if (!school_names_are_default('x', s->ncontext, s->context_name))
		write_strings(&buf, ARG_CONTEXT_NAMES, s->ncontext, s->context_name);
	write_numbers(&buf, ARG_DEPRIVATION, s->nband, s->deprivation);
	if (s->nband > 0 && s->deprivation_sum != 1)
	{
		appendStringInfoString(&buf, ",\"" FIELD_SUM "\":");
		json_float(&buf, s->deprivation_sum);
	}
	write_numbers(&buf, ARG_SUBJECTS, s->nsubject, s->subject);
	write_numbers(&buf, ARG_SUBJECTS_SE, s->nsubject, s->subject_se);
	if (!school_names_are_default('s', s->nsubject, s->subject_name))
		write_strings(&buf, ARG_SUBJECT_NAMES, s->nsubject, s->subject_name);
	write_number(&buf, ARG_LAT, s->lat);
	write_number(&buf, ARG_LON, s->lon);
	write_name(&buf, ARG_CAPACITY);
	appendStringInfo(&buf, "%d", s->capacity);
	write_strings(&buf, ARG_EXCLUDES, s->nexclude, s->exclude);
	if (!s->consent)
		appendStringInfo(&buf, ",\"%s\":false", arg_name[ARG_CONSENT]);
	appendStringInfoChar(&buf, '}');
	PG_RETURN_CSTRING(buf.data);
}

/*
 * sipp_school_recv(internal): network bytes to school.
 */
Datum
sipp_school_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	School	   *s = school_receive(buf->data + buf->cursor, buf->len - buf->cursor);

	buf->cursor = buf->len;
	(void) school_settle(s, NULL);
	PG_RETURN_POINTER(school_pack(s));
}

/*
 * sipp_school_send(sipp.school): school to network bytes.
 */
Datum
sipp_school_send(PG_FUNCTION_ARGS)
{
	School	   *s = school_getarg(PG_GETARG_DATUM(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	school_send(&buf, s);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}
