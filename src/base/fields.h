/*
 * fields.h
 *		One description of a stored type's text form serves both directions.
 *
 * A type writes one walk over its struct, a call for each field of the JSON object
 * in the order of the text; run with a Fields that writes or reads, the same
 * function is the type's output or input.  Reading looks fields up by name, so
 * that they may come in any order.  After an error was noted in escontext what is
 * read is harmless (codec.h): a walk asks fields_failed() before it trusts what it
 * sizes something from.
 */
#ifndef SIPP_FIELDS_H
#define SIPP_FIELDS_H

#include "base/codec.h"

typedef struct Fields
{
	StringInfo	out;			/* writing: the text; NULL: reading */
	JsonIn		in;				/* reading */
} Fields;

/* Begin and end a text; read_begin: hint as json_parse's. */
extern void fields_read_begin(Fields *x, const char *type, Node *escontext, char *str,
							  const char *hint);
extern void fields_write_begin(Fields *x, StringInfo out);
extern void fields_write_end(Fields *x);

#define fields_reading(x) ((x)->out == NULL)
#define fields_failed(x) (fields_reading(x) && json_failed(&(x)->in))

/* Name the field whose value a writer is about to append. */
extern void field_name(Fields *x, const char *name);

/* Is a field there that need not be?  Writing: it is to be, if present. */
extern bool field_present(Fields *x, const char *name, bool present);

/* One value; ints and counts that are read are within their range, or 0. */
extern void field_count(Fields *x, const char *name, int64 *v);
extern void field_int(Fields *x, const char *name, int *v, int min, int max);
extern void field_float(Fields *x, const char *name, double *v);
extern void field_bool(Fields *x, const char *name, bool *v);
extern void field_flag(Fields *x, const char *name, bool *v);	/* written only if true */
extern void field_string(Fields *x, const char *name, char **v);	/* NULL is null */

/* Exactly n numbers; of counts, -1 stands for what was read and is none. */
extern void field_floats(Fields *x, const char *name, double *v, size_t n);
extern void field_counts(Fields *x, const char *name, int64 *v, size_t n);

#endif							/* SIPP_FIELDS_H */
