/*
 * option.h
 *		Reading a function's options: one line of a table for each.
 *
 * An option is an argument with a default.  Its spec says where it stands, what it
 * may be and how to say so, and one reader a type raises every error:
 *
 *		argument "NAME" of FUNC must not be null
 *			hint: Leave it out for its default, DEFAULT.
 *		argument "NAME" of FUNC must MUST
 *			detail: It is VALUE.
 *
 * The two are ERRCODE_NULL_VALUE_NOT_ALLOWED and ERRCODE_INVALID_PARAMETER_VALUE.
 */
#ifndef SIPP_OPTION_H
#define SIPP_OPTION_H

#include "sipp.h"

typedef struct OptionSpec
{
	int			arg;			/* its number; -1: this function has no such argument, and the
								 * option is at its default */
	const char *name;
	const char *default_text;	/* as it is written in SQL; NULL: the default is NULL, which is
								 * allowed and read as NaN */
	double		low;			/* the range, ends included */
	double		high;
	const char *must;			/* what is required of it: "be from 0 to 1" */
	const char *hint;			/* the way out, or NULL */
	bool		hint_above;		/* the hint is for values above the range only */
	bool		open;			/* the ends of the range are excluded */
	bool		finite;			/* NaN and infinities are told apart from what is out of range */
} OptionSpec;

/* An option that is one of a few words, the first of which is its default. */
typedef struct OptionWords
{
	const char *name;
	int			n;
	const char *const *word;	/* [n] */
} OptionWords;

/*
 * Report that an argument is NULL and must not be.  default_text: the option's
 * default as shown in the hint, or NULL if it has none.  Passing NULL never
 * selects the default.
 */
pg_noreturn extern void null_argument(const char *func, const char *name,
									  const char *default_text);

/* Read a float8; NaN where it is NULL and may be. */
extern double option_float8(FunctionCallInfo fcinfo, const char *func, const OptionSpec *spec);

/* Read an integer, which cannot be NULL. */
extern int	option_int(FunctionCallInfo fcinfo, const char *func, const OptionSpec *spec);

/* Read a word: its number among the words. */
extern int	option_word(FunctionCallInfo fcinfo, const char *func, int arg,
						const OptionWords *words);

#endif							/* SIPP_OPTION_H */
