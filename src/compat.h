/*
 * compat.h
 *		What differs between the supported server versions, 15 to 19.
 *
 * This is the only file that mentions a version.  16 is allowed for but not
 * tested.
 */
#ifndef SIPP_COMPAT_H
#define SIPP_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "sipp needs PostgreSQL 15 or newer"
#endif

/* varatt.h left postgres.h in 16 */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * What other headers of 19 no longer bring along.  They are harmless before.
 */
#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "utils/tuplestore.h"

/*
 * Input functions report malformed values through fcinfo->context, so that
 * pg_input_is_valid() and COPY ... ON_ERROR ignore can go on (16 and later).
 * Before, there is no such context, and every error is raised at once.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#else
#define errsave(escontext, ...) \
	do { (void) (escontext); ereport(ERROR, __VA_ARGS__); } while (0)
#define ereturn(escontext, dummy_value, ...) \
	do { errsave(escontext, __VA_ARGS__); return dummy_value; } while (0)
#define SOFT_ERROR_OCCURRED(escontext) ((void) (escontext), false)
#define DirectInputFunctionCallSafe(func, str, typioparam, typmod, escontext, result) \
	((void) (escontext), \
	 *(result) = DirectFunctionCall3(func, CStringGetDatum(str), \
									 ObjectIdGetDatum(typioparam), Int32GetDatum(typmod)), \
	 true)
#endif

/* a prefix from 18 on; an attribute with parentheses before */
#if PG_VERSION_NUM < 180000
#define pg_noreturn _Noreturn
#endif

/* arrays whose size is checked for overflow; in later minor releases of 15 and in 16 */
#ifndef palloc_array
#define palloc_array(type, count) ((type *) palloc(mul_size(sizeof(type), count)))
#define palloc0_array(type, count) ((type *) palloc0(mul_size(sizeof(type), count)))
#endif

/* the module's name and version show up in pg_get_loaded_modules() from 18 on */
#if PG_VERSION_NUM >= 180000
#define SIPP_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "sipp", .version = SIPP_VERSION)
#else
#define SIPP_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif							/* SIPP_COMPAT_H */
