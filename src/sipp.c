/*
 * sipp.c
 *		Module entry of sipp: deprivation-adjusted attainment, virtual schools and
 *		school pairing inside PostgreSQL.
 */
#include "sipp.h"

SIPP_MODULE_MAGIC;
