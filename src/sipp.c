/*
 * sipp.c
 *		Module entry of sipp: deprivation-adjusted attainment, virtual schools and
 *		school pairing inside PostgreSQL.
 */
#include "sipp.h"

#include "utils/builtins.h"

SIPP_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(sipp_version);

/*
 * sipp_version(): the version of the library, which may differ from that of the
 * installed script after an upgrade of the package.
 */
Datum
sipp_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(SIPP_VERSION));
}
