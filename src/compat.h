/*
 * compat.h
 *		What differs between the supported server versions, 15 to 18.
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

/* a prefix from 18 on; an attribute with parentheses before */
#if PG_VERSION_NUM < 180000
#define pg_noreturn _Noreturn
#endif

/* the module's name and version show up in pg_get_loaded_modules() from 18 on */
#if PG_VERSION_NUM >= 180000
#define SIPP_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "sipp", .version = SIPP_VERSION)
#else
#define SIPP_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif							/* SIPP_COMPAT_H */
