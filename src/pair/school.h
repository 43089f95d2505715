/*
 * school.h
 *		One school as pairing sees it, and a nation of them.
 */
#ifndef SIPP_SCHOOL_H
#define SIPP_SCHOOL_H

#include "sipp.h"

#include "lib/stringinfo.h"
#include "utils/array.h"

typedef enum SchoolRole
{
	ROLE_NONE = 0,				/* no consent: takes no part */
	ROLE_PARTNER = 1,			/* is to be helped */
	ROLE_COASTING = 2,			/* is to be helped, and is not deprived */
	ROLE_LEAD = 3,				/* helps */
	ROLE_EITHER = 4				/* both, independently of each other */
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

/* NaN stands for NULL in all numbers below. */
typedef struct School
{
	char	   *id;				/* not empty */
	char	   *sector;			/* NULL: unknown, as are the next two */
	char	   *authority;
	char	   *cluster;		/* trust, federation: never paired within */
	SchoolRole	role;
	double		effect;
	double		effect_se;		/* the conditional one */
	int			ncontext;		/* 0: has no context */
	double	   *context;
	char	  **context_name;	/* x1, x2, ... unless named */
	int			nband;			/* 0: has no deprivation profile */
	double	   *deprivation;	/* shares by band, most deprived first; sum to 1 */
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
} Schools;

/*
 * The error of an argument that must not be NULL.  standard: the default that an
 * option has, as it is written, which is taken by leaving it out and by nothing
 * else; NULL: none.
 */
pg_noreturn extern void null_argument(const char *func, const char *name, const char *standard);

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

/* The error of one school (SIPP_BAD_INPUT), whose id may be NULL; flaw without a full stop. */
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
 * schools.c: an array's schools.  Errors, each naming the school and the field: NULL element, duplicate
 * id, context arrays of different length or names, profiles of a different
 * number of bands, subjects of different length or names, too many.  Ids in
 * excludes that are not in the array are allowed.
 */
extern Schools *schools_read(ArrayType *a, const char *func);
extern Schools *schools_make(School **school, int n, const char *func); /* takes them over */
extern int	schools_find(const Schools *s, const char *id); /* index, -1 if absent */
extern bool schools_excluded(const Schools *s, int i, int j);	/* by either side; O(log) */

/*
 * Why a school cannot take part in any pairing (its own data), or NULL: "no consent (role none)", "no
 * effect", "no standard error of the effect", "context: fsm is NULL", "no context",
 * "no deprivation profile".  Sides: every school is checked, whatever its role.
 */
extern const char *school_ineligible(const Schools *s, int i);

/* The last three of these: what similarity needs and the school does not have, or NULL. */
extern const char *school_missing_context(const Schools *s, int i);

/* Has the school all that similarity needs (context and profile, where others have them)? */
extern bool school_has_context(const Schools *s, int i);

#endif							/* SIPP_SCHOOL_H */
