/*
 * scale_json.c
 *		A scale as a document: what sipp.context_scale returns and
 *		sipp.pairing_score takes.  Numbers are shortest-exact, so that reading what
 *		was written gives the same scale to the last bit.
 */
#include "sipp.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "base/codec.h"
#include "similar/scale.h"

#define FUNC "sipp.context_scale"
#define WEIGHT_SUM_TOLERANCE 1e-9

PG_FUNCTION_INFO_V1(sipp_context_scale);

/* An object of the document and where it is, for messages: "" or "sectors[0]." */
typedef struct Doc
{
	JsonbContainer *object;
	const char *path;
} Doc;

/*
 * sipp_context_scale(schools, context_weights, sector): the scale of a nation.
 */
Datum
sipp_context_scale(PG_FUNCTION_ARGS)
{
	Schools    *s;
	bool		pooled;

	if (PG_ARGISNULL(0))
		null_argument(FUNC, "schools", NULL);
	pooled = scale_pooled_arg(fcinfo, 2, FUNC);
	s = schools_read(PG_GETARG_ARRAYTYPE_P(0), FUNC);
	PG_RETURN_JSONB_P(scale_to_jsonb(scale_make(s, PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1),
												pooled, FUNC)));
}

/* Append ,"field": */
static void
put_field(StringInfo out, const char *field)
{
	appendStringInfo(out, ",\"%s\":", field);
}

/* Append an object of numbers by name; of `also` too, unless it is NULL. */
static void
put_by_name(StringInfo out, int n, char **name, const double *v, const char *also,
			double value)
{
	appendStringInfoChar(out, '{');
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ',');
		escape_json(out, name[i]);
		appendStringInfoChar(out, ':');
		json_float_or_null(out, v[i]);
	}
	if (also)
	{
		if (n > 0)
			appendStringInfoChar(out, ',');
		escape_json(out, also);
		appendStringInfoChar(out, ':');
		json_float_or_null(out, value);
	}
	appendStringInfoChar(out, '}');
}

/* The notices as one, NULL if there are none. */
static char *
joined_notices(const Scale *scale)
{
	StringInfoData text;

	if (scale->nnotice == 0)
		return NULL;
	initStringInfo(&text);
	for (int k = 0; k < scale->nnotice; k++)
		appendStringInfo(&text, "%s%s", k > 0 ? "; " : "", scale->notice[k]);
	return text.data;
}

Jsonb *
scale_to_jsonb(const Scale *scale)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "{\"version\":%d,\"sector\":\"%s\",\"variables\":", SCALE_VERSION,
					 scale->pooled ? "any" : "same");
	json_strings(&out, scale->nvar, scale->name);
	put_field(&out, "weights");
	put_by_name(&out, scale->nvar, scale->name, scale->weight,
				scale->has_profile ? SCALE_PROFILE_NAME : NULL, scale->profile_weight);
	put_field(&out, "sectors");
	appendStringInfoChar(&out, '[');
	for (int k = 0; k < scale->nsector; k++)
	{
		const SectorScale *sector = &scale->sector[k];

		CHECK_FOR_INTERRUPTS();
		appendStringInfoString(&out, k > 0 ? ",{\"sector\":" : "{\"sector\":");
		json_string_or_null(&out, sector->sector);
		put_field(&out, "schools");
		appendStringInfo(&out, "%d", sector->schools);
		put_field(&out, "scales");
		put_by_name(&out, scale->nvar, scale->name, sector->scale, NULL, 0);
		put_field(&out, "profile_scale");
		json_float_or_null(&out, sector->profile_scale);
		put_field(&out, "tenth_distance");
		json_float_or_null(&out, sector->tenth);
		put_field(&out, "target_gap");
		json_float_or_null(&out, sector->target_gap);
		put_field(&out, "subject_targets");
		put_by_name(&out, scale->nsubject, scale->subject_name, sector->subject_target, NULL, 0);
		appendStringInfoChar(&out, '}');
	}
	appendStringInfoChar(&out, ']');
	put_field(&out, "bands");
	appendStringInfo(&out, "%d", scale->nband);
	put_field(&out, "subjects");
	json_strings(&out, scale->nsubject, scale->subject_name);
	put_field(&out, "notice");
	json_string_or_null(&out, joined_notices(scale));
	appendStringInfoChar(&out, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

/* Report a document that is no scale. */
pg_noreturn static void
scale_fail(const Doc *doc, const char *field, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"scale\" is not a scale"),
			 errdetail("Field \"%s%s\" must be %s.", doc->path, field, what),
			 errhint("Use a document as sipp.context_scale returns it.")));
}

/* The value of a field, which must be there. */
static JsonbValue *
get_field(const Doc *doc, const char *field)
{
	JsonbValue *v = getKeyJsonValueFromContainer(doc->object, field, (int) strlen(field), NULL);

	if (v == NULL)
		scale_fail(doc, field, "present");
	return v;
}

/* A number >= 0; NaN for null where that is allowed. */
static double
get_number(const Doc *doc, const char *field, bool nullable)
{
	JsonbValue *v = get_field(doc, field);
	double		d;

	if (v->type == jbvNull && nullable)
		return NAN;
	if (v->type != jbvNumeric)
		scale_fail(doc, field, nullable ? "a number or null" : "a number");
	d = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(v->val.numeric)));
	if (!(d >= 0) || isinf(d))
		scale_fail(doc, field, "finite and not negative");
	return d;
}

/* A whole number from 0 to max. */
static int
get_count(const Doc *doc, const char *field, int max)
{
	double		d = get_number(doc, field, false);

	if (d != floor(d) || d > max)
		scale_fail(doc, field, psprintf("a whole number from 0 to %d", max));
	return (int) d;
}

/* A string; NULL for null where that is allowed. */
static char *
get_string(const Doc *doc, const char *field, bool nullable)
{
	JsonbValue *v = get_field(doc, field);

	if (v->type == jbvNull && nullable)
		return NULL;
	if (v->type != jbvString)
		scale_fail(doc, field, nullable ? "a string or null" : "a string");
	return pnstrdup(v->val.string.val, v->val.string.len);
}

/* The container of an array of at most max elements. */
static JsonbContainer *
get_array(const Doc *doc, const char *field, int max, int *n)
{
	JsonbValue *v = get_field(doc, field);

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		scale_fail(doc, field, "an array");
	if (JsonContainerSize(v->val.binary.data) > (uint32) max)
		scale_fail(doc, field, psprintf("an array of at most %d elements", max));
	*n = (int) JsonContainerSize(v->val.binary.data);
	return v->val.binary.data;
}

/* An array of different names. */
static char **
get_names(const Doc *doc, const char *field, int max, int *n)
{
	JsonbContainer *array = get_array(doc, field, max, n);
	char	  **name = palloc(sizeof(char *) * Max(*n, 1));

	for (int i = 0; i < *n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(array, i);

		if (v->type != jbvString || v->val.string.len == 0)
			scale_fail(doc, field, "an array of names");
		name[i] = pnstrdup(v->val.string.val, v->val.string.len);
		for (int j = 0; j < i; j++)
			if (strcmp(name[i], name[j]) == 0)
				scale_fail(doc, field, psprintf("free of duplicates: \"%s\" is there twice", name[i]));
	}
	return name;
}

/* An object of numbers by name: all of the names, and `also` unless it is NULL, no others. */
static double *
get_by_name(const Doc *doc, const char *field, int n, char **name, const char *also,
			double *value, bool nullable)
{
	JsonbValue *v = get_field(doc, field);
	double	   *out = palloc(sizeof(double) * Max(n, 1));
	Doc			sub;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		scale_fail(doc, field, "an object");
	sub.object = v->val.binary.data;
	sub.path = psprintf("%s%s.", doc->path, field);
	for (int i = 0; i < n; i++)
		out[i] = get_number(&sub, name[i], nullable);
	if (also)
		*value = get_number(&sub, also, nullable);
	if ((int) JsonContainerSize(sub.object) != n + (also ? 1 : 0))
		scale_fail(doc, field, psprintf("an object of exactly %d numbers", n + (also ? 1 : 0)));
	return out;
}

/* A spread is zero, or large enough to divide by. */
static void
check_spread(const Doc *doc, const char *field, double spread)
{
	if (spread > 0 && spread < SCALE_MIN_SPREAD)
		scale_fail(doc, field, psprintf("0 or at least %g", SCALE_MIN_SPREAD));
}

/* Read one sector's scale. */
static void
get_sector(const Doc *doc, const Scale *scale, SectorScale *out)
{
	out->sector = get_string(doc, "sector", true);
	if ((out->sector == NULL) != scale->pooled)
		scale_fail(doc, "sector", scale->pooled ? "null, as sectors are pooled" : "a string");
	out->schools = get_count(doc, "schools", SCHOOL_MAX_SCHOOLS);
	out->scale = get_by_name(doc, "scales", scale->nvar, scale->name, NULL, NULL, false);
	for (int v = 0; v < scale->nvar; v++)
		check_spread(doc, psprintf("scales.%s", scale->name[v]), out->scale[v]);
	out->profile_scale = get_number(doc, "profile_scale", true);
	if (isnan(out->profile_scale) == scale->has_profile)
		scale_fail(doc, "profile_scale", scale->has_profile ? "a number" : "null, as there are no bands");
	check_spread(doc, "profile_scale", out->profile_scale);
	out->tenth = get_number(doc, "tenth_distance", true);
	if (isnan(out->tenth) != (out->schools < 2))
		scale_fail(doc, "tenth_distance", out->schools < 2 ? "null, as there are not two schools" :
				   "a number");
	out->target_gap = get_number(doc, "target_gap", true);
	out->subject_target = get_by_name(doc, "subject_targets", scale->nsubject, scale->subject_name,
									  NULL, NULL, true);
}

/* All sectors', put in order. */
static void
get_sectors(const Doc *doc, Scale *scale)
{
	JsonbContainer *array = get_array(doc, "sectors", SCHOOL_MAX_SCHOOLS, &scale->nsector);

	if (scale->pooled && scale->nsector != 1)
		scale_fail(doc, "sectors", "an array of one element, as sectors are pooled");
	scale->sector = palloc0(sizeof(SectorScale) * Max(scale->nsector, 1));
	for (int k = 0; k < scale->nsector; k++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(array, k);
		Doc			sub;

		CHECK_FOR_INTERRUPTS();
		if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
			scale_fail(doc, "sectors", "an array of objects");
		sub.object = v->val.binary.data;
		sub.path = psprintf("sectors[%d].", k);
		get_sector(&sub, scale, &scale->sector[k]);
	}
	if (scale->pooled)
		return;
	scale_sort_sectors(scale);
	for (int k = 1; k < scale->nsector; k++)
		if (strcmp(scale->sector[k - 1].sector, scale->sector[k].sector) == 0)
			scale_fail(doc, "sectors", psprintf("free of duplicates: \"%s\" is there twice",
												scale->sector[k].sector));
}

Scale *
scale_from_jsonb(Jsonb *jb)
{
	Scale	   *scale = palloc0(sizeof(Scale));
	Doc			doc = {&jb->root, ""};
	char	   *rule;
	double		sum = 0;

	if (!JB_ROOT_IS_OBJECT(jb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"scale\" is not a scale"),
				 errdetail("It must be a JSON object."),
				 errhint("Use a document as sipp.context_scale returns it.")));
	if (get_number(&doc, "version", false) != SCALE_VERSION)
		scale_fail(&doc, "version", psprintf("%d, the version that this release writes", SCALE_VERSION));
	rule = get_string(&doc, "sector", false);
	scale->pooled = strcmp(rule, "any") == 0;
	if (!scale->pooled && strcmp(rule, "same") != 0)
		scale_fail(&doc, "sector", "\"same\" or \"any\"");
	scale->name = get_names(&doc, "variables", SCHOOL_MAX_CONTEXT, &scale->nvar);
	scale->subject_name = get_names(&doc, "subjects", SCHOOL_MAX_SUBJECTS, &scale->nsubject);
	scale->nband = get_count(&doc, "bands", SCHOOL_MAX_BANDS);
	scale->has_profile = scale->nband > 0;
	for (int v = 0; v < scale->nvar; v++)
		if (strcmp(scale->name[v], SCALE_PROFILE_NAME) == 0)
			scale_fail(&doc, "variables", "free of \"" SCALE_PROFILE_NAME
					   "\", which is the profile's name");
	scale->weight = get_by_name(&doc, "weights", scale->nvar, scale->name,
								scale->has_profile ? SCALE_PROFILE_NAME : NULL,
								&scale->profile_weight, false);
	for (int v = 0; v < scale->nvar; v++)
		sum += scale->weight[v];
	sum += scale->profile_weight;
	if ((scale->nvar > 0 || scale->has_profile) && !(fabs(sum - 1) <= WEIGHT_SUM_TOLERANCE))
		scale_fail(&doc, "weights", "numbers that add to 1");
	/* who made the scale was told */
	(void) get_string(&doc, "notice", true);
	get_sectors(&doc, scale);
	return scale;
}
