/*
 * option.c
 *		Reading a function's options; see option.h.
 */
#include "sipp.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "base/option.h"

void
null_argument(const char *func, const char *name, const char *default_text)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" of %s must not be null", name, func),
			 default_text != NULL ?
			 errhint("Leave it out for its default, %s.", default_text) : 0));
}

/* Report an option whose value is not one of those allowed; hint may be NULL. */
pg_noreturn static void
report_option(const char *func, const char *name, const char *must, const char *value,
			  const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" of %s must %s", name, func, must),
			 errdetail("It is %s.", value),
			 hint != NULL ? errhint("%s", hint) : 0));
}

double
option_float8(FunctionCallInfo fcinfo, const char *func, const OptionSpec *spec)
{
	double		v;

	if (spec->arg < 0 || PG_ARGISNULL(spec->arg))
	{
		if (spec->default_text == NULL)
			return NAN;
		if (spec->arg >= 0)
			null_argument(func, spec->name, spec->default_text);
		return DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(spec->default_text)));
	}
	v = PG_GETARG_FLOAT8(spec->arg);
	if (spec->finite && !isfinite(v))
		report_option(func, spec->name, "be finite", float8out_internal(v),
					  spec->default_text == NULL ? "NULL stands for what is not known." : NULL);
	if (!(spec->open ? v > spec->low && v < spec->high : v >= spec->low && v <= spec->high))
		report_option(func, spec->name, spec->must, float8out_internal(v),
					  spec->hint_above && !(v > spec->high) ? NULL : spec->hint);
	return v;
}

int
option_int(FunctionCallInfo fcinfo, const char *func, const OptionSpec *spec)
{
	int			v;

	if (PG_ARGISNULL(spec->arg))
		null_argument(func, spec->name, spec->default_text);
	v = PG_GETARG_INT32(spec->arg);
	if (v < spec->low || v > spec->high)
		report_option(func, spec->name, spec->must, psprintf("%d", v),
					  spec->hint_above && !(v > spec->high) ? NULL : spec->hint);
	return v;
}

int
option_word(FunctionCallInfo fcinfo, const char *func, int arg, const OptionWords *words)
{
	StringInfoData must;
	char	   *value;

	if (PG_ARGISNULL(arg))
		null_argument(func, words->name, psprintf("'%s'", words->word[0]));
	value = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	for (int i = 0; i < words->n; i++)
		if (strcmp(value, words->word[i]) == 0)
			return i;
	initStringInfo(&must);
	for (int i = 0; i < words->n; i++)
		appendStringInfo(&must, "%s'%s'", i == 0 ? "be " : i < words->n - 1 ? ", " : " or ",
						 words->word[i]);
	report_option(func, words->name, must.data, psprintf("\"%s\"", value), NULL);
}
