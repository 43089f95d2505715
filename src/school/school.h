/*
 * school.h
 *		One school as pairing sees it, and a nation of them.
 */
#ifndef SIPP_SCHOOL_H
#define SIPP_SCHOOL_H

#include "sipp.h"

#include "lib/stringinfo.h"
#include "utils/array.h"

#include "base/option.h"

typedef enum SchoolRole
{
	ROLE_NONE = 0,				/* takes no part */
	ROLE_PARTNER = 1,			/* is to be helped */
	ROLE_COASTING = 2,			/* is to be helped, and is not deprived */
	ROLE_LEAD = 3,				/* helps */
	ROLE_EITHER = 4,			/* both, independently of each other */
	ROLE_UNKNOWN = 5			/* NULL, as sipp.pairing_role without an effect */
} SchoolRole;

#define ROLE_IS_PARTNER(r)	((r) == ROLE_PARTNER || (r) == ROLE_COASTING || (r) == ROLE_EITHER)
#define ROLE_IS_LEAD(r)		((r) == ROLE_LEAD || (r) == ROLE_EITHER)

/* Limits, stated in the README. */
#define SCHOOL_MAX_CONTEXT	100
#define SCHOOL_MAX_BANDS	100
#define SCHOOL_MAX_SUBJECTS 100
#define SCHOOL_MAX_EXCLUDES 1000
#define SCHOOL_MAX_CAPACITY 10000
#define SCHOOL_MAX_SCHOOLS	200000	/* in one array */
#define SCHOOL_MAX_NUMBER	1e50	/* of any number's size: squares stay finite */

/*
 * A profile that misses 1 by no more is made of rounded shares: it is rescaled.  One
 * that misses it by up to SHARES_EXACT has only the rounding of its arithmetic.
 */
#define SHARES_ROUNDED	0.02
#define SHARES_EXACT	1e-6

/*
 * What keeps a school out of pairs.  The role says what the school would be by
 * evidence, consent whether it agreed; of a school without a role consent is
 * beside the point.
 */
typedef enum SchoolLack
{
	LACK_PART,					/* role none */
	LACK_ROLE,					/* role not known */
	LACK_CONSENT,				/* has a role, but did not agree to it */
	LACK_EFFECT,
	LACK_EFFECT_SE,				/* has an effect without one */
	LACK_CONTEXT,				/* no array */
	LACK_VALUES,				/* an array of nothing but NULLs */
	LACK_PROFILE,				/* no array, where other schools have one */
	LACK_BAND,					/* a band of it is NULL */
	LACK_SECTOR,				/* from here on: what an option needs */
	LACK_CLASS,					/* its sector is in no composition */
	LACK_AUTHORITY,
	LACK_COORDINATES,
	LACK_CAPACITY,				/* a lead without a place */
	SCHOOL_LACKS
} SchoolLack;

/* NaN stands for NULL in all numbers below. */
typedef struct School
{
	char	   *id;				/* not empty */
	char	   *sector;			/* NULL: unknown, as are the next two */
	char	   *authority;
	char	   *cluster;		/* trust, federation: never paired within */
	SchoolRole	role;
	bool		consent;		/* to that role */
	double		effect;
	double		effect_se;		/* the conditional one */
	int			ncontext;		/* 0: has no context */
	double	   *context;
	char	  **context_name;	/* x1, x2, ... unless named */
	int			nband;			/* 0: has no deprivation profile */
	double	   *deprivation;	/* shares by band, most deprived first; sum to 1, unless one is NaN */
	double		deprivation_sum;	/* what they added to before they were rescaled, or 1 */
	int			nsubject;		/* 0: none */
	double	   *subject;		/* effects by subject */
	double	   *subject_se;
	char	  **subject_name;	/* s1, s2, ... unless named */
	double		lat;			/* degrees; both or neither */
	double		lon;
	int			capacity;		/* partners that it can help at a time */
	int			nexclude;
	char	  **exclude;		/* ids of schools never to be paired with; sorted, distinct */
} School;

/*
 * Schools of one array, sorted by the UTF-8 bytes of their ids, so that nothing
 * depends on the order in which they came or on the database's encoding.
 */
typedef struct Schools
{
	int			n;
	School	   *school;
	char	  **key;			/* [n] ids in UTF-8 */
	int			ncontext;		/* of those that have one; they all have the same */
	char	  **context_name;
	int			nband;
	int			nsubject;
	char	  **subject_name;
	/* strings as numbers: equal strings have equal numbers, unknown is -1 */
	int		   *sector;
	int			nsector;
	char	  **sector_name;	/* sorted by bytes */
	int		   *authority;
	int		   *cluster;
	/* exclusions of either side, by index: [excluded_start[i], excluded_start[i+1]), sorted */
	int		   *excluded_start;
	int		   *excluded;
	int64		strangers;		/* ids in excludes that no school has */
} Schools;

/* school.c */
extern School *school_getarg(Datum d);	/* detoast and unpack; strings and arrays palloc'd */
extern struct varlena *school_pack(const School *s);
extern School *school_receive(const char *data, size_t len);	/* not yet checked */
extern void school_send(StringInfo buf, const School *s);

extern const char *school_role_name(SchoolRole role);
extern bool school_role_find(const char *name, SchoolRole *role);

/* An id as the bytes that order schools: in UTF-8 whatever the database's encoding. */
extern char *school_key(char *id);

/* n names "x1", "x2", ... (or "s1", ...), not to be freed. */
extern char **school_default_names(char prefix, int n);
extern bool school_names_are_default(char prefix, int n, char **names);

/* Report what is wrong with one school (SIPP_BAD_INPUT); id may be NULL, flaw has no full stop. */
extern void school_error(Node *escontext, int sqlstate, const char *id, const char *flaw,
						 const char *hint);

/*
 * What is wrong with one school, naming field and value ("effect_se is -1"), or
 * NULL; *hint may be set.  The one check of in, recv and the constructor.
 */
extern const char *school_flaw(const School *s, const char **hint);

/* That check, as an error (false: it went to escontext); then brings excludes into their order. */
extern bool school_settle(School *s, Node *escontext);

/*
 * schools.c: read an array's schools.  Errors, each naming the school and the
 * field: NULL element, duplicate id, context arrays of different length or names,
 * profiles of a different number of bands, subjects of different length or names,
 * too many.  Ids in excludes that are not in the array are allowed.
 */
extern Schools *schools_read(ArrayType *a, const char *func);
extern Schools *schools_make(School **school, int n, const char *func); /* takes them over */
extern int	schools_find(const Schools *s, const char *id); /* index, -1 if absent */
extern bool schools_excluded(const Schools *s, int i, int j);	/* by either side; O(log) */

/*
 * All that keeps a school out of pairs, as a mask of 1 << SchoolLack, 0 if nothing does:
 * its own data; or only what similarity needs (context and profile, where others
 * have them).  Every school is judged alike, whatever its role.
 */
extern uint32 school_lacks(const Schools *s, int i);
extern uint32 school_lacks_context(const Schools *s, int i);

/* The same in words, "no effect; no context", or NULL. */
extern char *school_lacks_text(const Schools *s, int i, uint32 lacks);

/*
 * Has the school every number of its context?  One that lacks some is compared on
 * what both schools have, and is nobody's yardstick.
 */
extern bool school_is_complete(const Schools *s, int i);

/*
 * One sentence on the schools that take no part, the most frequent reason first: "no
 * school takes part: 20 have no sector".  count: of each SchoolLack; out: schools with
 * any, of n.  NULL if all take part.
 */
extern char *schools_out_text(const int64 *count, int64 out, int64 n);

#endif							/* SIPP_SCHOOL_H */
