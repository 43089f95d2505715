/*
 * school.c
 *		The stored type sipp.school: struct to bytes and back, and its one check.
 *
 * The stored bytes are one walk of codec.h.  A number that is not known is NaN
 * inside; names that are the default ones are not stored.
 */
#include "sipp.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "base/codec.h"
#include "school/school.h"

#define SCHOOL_VERSION 1
#define TYPE_NAME "sipp.school"

#define HINT_NULL "NULL stands for what is not known."

static const char *const role_names[] = {"none", "partner", "coasting", "lead", "either"};

/* Name of a role, as the constructor takes it; NULL if it is not known. */
const char *
school_role_name(SchoolRole role)
{
	return role == ROLE_UNKNOWN ? NULL : role_names[role];
}

/* The role of that name. */
bool
school_role_find(const char *name, SchoolRole *role)
{
	for (int i = 0; i < (int) lengthof(role_names); i++)
		if (strcmp(name, role_names[i]) == 0)
		{
			*role = (SchoolRole) i;
			return true;
		}
	return false;
}

/*
 * Default names, made once in a session: they are the same for every school of
 * every query.
 */
char **
school_default_names(char prefix, int n)
{
	static char text[2][Max(SCHOOL_MAX_CONTEXT, SCHOOL_MAX_SUBJECTS)][8];
	static char *name[2][Max(SCHOOL_MAX_CONTEXT, SCHOOL_MAX_SUBJECTS)];
	int			set = prefix == 's' ? 1 : 0;

	Assert(n <= (int) lengthof(name[0]));
	for (int i = 0; i < n; i++)
		if (name[set][i] == NULL)
		{
			snprintf(text[set][i], sizeof(text[set][i]), "%c%d", prefix, i + 1);
			name[set][i] = text[set][i];
		}
	return name[set];
}

/* Are these the default names? */
bool
school_names_are_default(char prefix, int n, char **names)
{
	char	  **defaults = school_default_names(prefix, n);

	if (names != defaults)
		for (int i = 0; i < n; i++)
			if (strcmp(names[i], defaults[i]) != 0)
				return false;
	return true;
}

/*
 * An id in UTF-8, or the id itself where that is the same.  A database without
 * an encoding has nothing but bytes.
 */
char *
school_key(char *id)
{
	int			encoding = GetDatabaseEncoding();

	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
		for (const char *p = id; *p != '\0'; p++)
			if (IS_HIGHBIT_SET(*p))
				return pg_server_to_any(id, (int) strlen(id), PG_UTF8);
	return id;
}

/* n names; none where they are the default ones. */
static void
walk_names(Codec *x, char prefix, int n, char ***names)
{
	bool		named = !codec_reading(x) && !school_names_are_default(prefix, n, *names);

	codec_bool(x, &named);
	if (!named)
	{
		*names = school_default_names(prefix, n);
		return;
	}
	if (codec_reading(x))
		*names = codec_alloc(x, n, sizeof(char *));
	for (int i = 0; i < n; i++)
		codec_string(x, &(*names)[i]);
}

/* n numbers. */
static void
walk_numbers(Codec *x, int n, double **v)
{
	if (codec_reading(x))
		*v = codec_alloc(x, n, sizeof(double));
	codec_f64s(x, *v, n);
}

/* Walk over the bytes. */
static void
school_walk(Codec *x, School *s)
{
	uint8		version = SCHOOL_VERSION;
	int			role = s->role;

	codec_u8(x, &version);
	if (version != SCHOOL_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unknown version %u of type %s", version, TYPE_NAME),
				 errhint("It was written by another release of sipp.")));
	codec_string(x, &s->id);
	codec_string(x, &s->sector);
	codec_string(x, &s->authority);
	codec_string(x, &s->cluster);
	codec_int(x, &role, ROLE_NONE, ROLE_UNKNOWN);
	s->role = (SchoolRole) role;
	codec_bool(x, &s->consent);
	codec_f64(x, &s->effect);
	codec_f64(x, &s->effect_se);
	codec_int(x, &s->ncontext, 0, SCHOOL_MAX_CONTEXT);
	if (s->ncontext > 0)
	{
		walk_numbers(x, s->ncontext, &s->context);
		walk_names(x, 'x', s->ncontext, &s->context_name);
	}
	codec_int(x, &s->nband, 0, SCHOOL_MAX_BANDS);
	if (s->nband > 0)
	{
		walk_numbers(x, s->nband, &s->deprivation);
		codec_f64(x, &s->deprivation_sum);
	}
	codec_int(x, &s->nsubject, 0, SCHOOL_MAX_SUBJECTS);
	if (s->nsubject > 0)
	{
		walk_numbers(x, s->nsubject, &s->subject);
		walk_numbers(x, s->nsubject, &s->subject_se);
		walk_names(x, 's', s->nsubject, &s->subject_name);
	}
	codec_f64(x, &s->lat);
	codec_f64(x, &s->lon);
	codec_int(x, &s->capacity, 0, SCHOOL_MAX_CAPACITY);
	codec_int(x, &s->nexclude, 0, SCHOOL_MAX_EXCLUDES);
	if (s->nexclude > 0)
	{
		if (codec_reading(x))
			s->exclude = codec_alloc(x, s->nexclude, sizeof(char *));
		for (int i = 0; i < s->nexclude; i++)
			codec_string(x, &s->exclude[i]);
	}
}

/* The struct of bytes that hold nothing else. */
static School *
school_read(CodecMode mode, const char *data, size_t len)
{
	School	   *s = palloc0(sizeof(School));
	Codec		x;

	s->deprivation_sum = 1;
	codec_read_begin(&x, mode, TYPE_NAME, data, len);
	school_walk(&x, s);
	codec_read_end(&x);
	return s;
}

/* The struct of received bytes, not yet checked. */
School *
school_receive(const char *data, size_t len)
{
	return school_read(CODEC_RECV, data, len);
}

/* Append the wire form. */
void
school_send(StringInfo buf, const School *s)
{
	School		copy = *s;		/* a walk that writes changes nothing, but takes no const */
	Codec		x;

	codec_write_begin(&x, CODEC_SEND, TYPE_NAME, buf);
	school_walk(&x, &copy);
}

/* The stored form. */
struct varlena *
school_pack(const School *s)
{
	School		copy = *s;
	StringInfoData buf;
	Codec		x;

	initStringInfo(&buf);
	appendStringInfoSpaces(&buf, VARHDRSZ);
	codec_write_begin(&x, CODEC_PACK, TYPE_NAME, &buf);
	school_walk(&x, &copy);
	SET_VARSIZE(buf.data, buf.len);
	return (struct varlena *) buf.data;
}

/* Detoast and unpack an argument. */
School *
school_getarg(Datum d)
{
	struct varlena *v = (struct varlena *) PG_DETOAST_DATUM_PACKED(d);

	return school_read(CODEC_UNPACK, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
}

/* Report what is wrong with one school. */
void
school_error(Node *escontext, int sqlstate, const char *id, const char *flaw, const char *hint)
{
	SIPP_BAD_INPUT(escontext,
				   (errcode(sqlstate),
					id != NULL && *id != '\0' ?
					errmsg("invalid school \"%s\"",
						   pnstrdup(id, pg_mbcliplen(id, (int) strlen(id), 100))) :
					errmsg("invalid school"),
					errdetail("%s.", flaw),
					hint != NULL ? errhint("%s", hint) : 0));
}

/* What is wrong with a school. */
typedef struct Flaw
{
	const char *text;
	const char *hint;
	int			sqlstate;
} Flaw;

/* Note a flaw; always false, for the checks below, which say whether all is well. */
static bool
found(Flaw *f, const char *text, const char *hint)
{
	f->text = text;
	f->hint = hint;
	return false;
}

/* A number in a message. */
static char *
number(double v)
{
	return isnan(v) ? pstrdup("NULL") : float8out_internal(v);
}

/* Name of a field, or of element i of an array, counted from 1. */
static const char *
element(const char *field, int i)
{
	return i < 0 ? field : psprintf("%s[%d]", field, i + 1);
}

/* A string: field, or element i of an array where that is not negative. */
static bool
check_string(Flaw *f, const char *field, int i, const char *s)
{
	if (s == NULL)
		return found(f, psprintf("%s is NULL", element(field, i)), NULL);
	if (*s == '\0')
		return found(f, psprintf("%s is empty", element(field, i)), NULL);
	/* no fewer bytes than characters */
	if (strlen(s) > SIPP_MAX_NAME && pg_mbstrlen(s) > SIPP_MAX_NAME)
	{
		f->sqlstate = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		return found(f, psprintf("%s is longer than %d characters: it starts with \"%s\"",
								 element(field, i), SIPP_MAX_NAME,
								 pnstrdup(s, pg_mbcliplen(s, (int) strlen(s), 60))),
					 psprintf("Shorten it, as in left(x, %d).", SIPP_MAX_NAME));
	}
	return true;
}

/* A number, known or not. */
static bool
check_number(Flaw *f, const char *field, int i, double v, bool negative)
{
	if (isinf(v))
		return found(f, psprintf("%s is %s", element(field, i), number(v)), HINT_NULL);
	if (fabs(v) > SCHOOL_MAX_NUMBER)
		return found(f, psprintf("%s is %s, larger than %g", element(field, i), number(v),
								 SCHOOL_MAX_NUMBER), NULL);
	if (!negative && v < 0)
		return found(f, psprintf("%s is %s", element(field, i), number(v)), NULL);
	return true;
}

/* Numbers of an array, known or not. */
static bool
check_numbers(Flaw *f, const char *field, int n, const double *v, bool negative)
{
	for (int i = 0; i < n; i++)
		if (!check_number(f, field, i, v[i], negative))
			return false;
	return true;
}

/* Names of an array's elements, distinct. */
static bool
check_names(Flaw *f, const char *field, char prefix, int n, char **name)
{
	if (n == 0 || name == school_default_names(prefix, n))
		return true;
	for (int i = 0; i < n; i++)
	{
		if (!check_string(f, field, i, name[i]))
			return false;
		for (int j = 0; j < i; j++)
			if (strcmp(name[i], name[j]) == 0)
				return found(f, psprintf("%s and %s are both \"%s\"", element(field, j),
										 element(field, i), name[i]), NULL);
	}
	return true;
}

/* Id, sector, authority, cluster, excludes. */
static bool
check_strings(Flaw *f, const School *s)
{
	const struct
	{
		const char *field;
		const char *value;
	}			optional[] = {
		{"sector", s->sector}, {"authority", s->authority}, {"cluster", s->cluster}
	};

	if (!check_string(f, "id", -1, s->id))
		return false;
	for (int i = 0; i < (int) lengthof(optional); i++)
		if (optional[i].value != NULL && !check_string(f, optional[i].field, -1, optional[i].value))
		{
			/* or all schools without a trust would be of one trust */
			if (*optional[i].value == '\0')
				f->hint = psprintf("NULL stands for what is not known, as in nullif(%s, '').",
								   optional[i].field);
			return false;
		}
	for (int i = 0; i < s->nexclude; i++)
	{
		if (!check_string(f, "excludes", i, s->exclude[i]))
			return false;
		if (strcmp(s->exclude[i], s->id) == 0)
			return found(f, psprintf("excludes[%d] is the school itself", i + 1), NULL);
	}
	return true;
}

/*
 * The deprivation profile.  Bands that are not known keep the school out of pairs; as
 * the others' sum is not known either, it can only be too large.
 */
static bool
check_profile(Flaw *f, const School *s)
{
	double		sum = 0;
	bool		known = true;
	double		limit = SHARES_ROUNDED * (1 + 1e-9);	/* as decimals: 0.49 + 0.49 */

	if (s->nband == 1)
		return found(f, "deprivation has one band only",
					 "A profile is the share of pupils in each of two or more bands, most deprived first.");
	for (int i = 0; i < s->nband; i++)
	{
		double		v = s->deprivation[i];

		if (isnan(v))
		{
			known = false;
			continue;
		}
		if (isinf(v) || v < 0)
			return found(f, psprintf("deprivation[%d] is %s", i + 1, number(v)), NULL);
		sum += v;
	}
	if (s->nband > 0 && (sum - 1 > limit || (known && !(fabs(sum - 1) <= limit))))
		return found(f, psprintf("deprivation adds to %s, not to 1", number(sum)),
					 fabs(sum - 100) <= 100 * limit ? "Shares are from 0 to 1: divide percentages by 100." :
					 psprintf("Divide the bands' numbers of pupils by their sum. Sums that miss 1 by up "
							  "to %g are taken as rounding and rescaled.", SHARES_ROUNDED));
	if (s->nband > 0 && s->deprivation_sum != 1 &&
		!(known && fabs(sum - 1) <= SHARES_EXACT && fabs(s->deprivation_sum - 1) <= limit &&
		  fabs(s->deprivation_sum - 1) > SHARES_EXACT))
		return found(f, psprintf("deprivation_sum is %s, of shares that add to %s",
								 number(s->deprivation_sum), number(sum)),
					 "It is what the shares added to before they were rescaled.");
	return true;
}

/* Rescale shares that were rounded when they were published, and keep what they added to. */
static void
settle_profile(School *s)
{
	double		sum = 0;

	for (int i = 0; i < s->nband; i++)
		sum += s->deprivation[i];
	/* NaN: a band is not known */
	if (!(fabs(sum - 1) > SHARES_EXACT))
		return;
	for (int i = 0; i < s->nband; i++)
		s->deprivation[i] /= sum;
	s->deprivation_sum = sum;
}

/* The coordinates. */
static bool
check_place(Flaw *f, const School *s)
{
	const char *hint = "Coordinates are in degrees, north and east positive.";

	if (isnan(s->lat) != isnan(s->lon))
		return found(f, psprintf("lat is %s, but lon is %s", number(s->lat), number(s->lon)),
					 "Give both or neither.");
	if (fabs(s->lat) > 90)
		return found(f, psprintf("lat is %s, outside -90 to 90", number(s->lat)), hint);
	if (fabs(s->lon) > 180)
		return found(f, psprintf("lon is %s, outside -180 to 180", number(s->lon)), hint);
	return true;
}

/* Everything. */
static bool
check_school(Flaw *f, const School *s)
{
	f->text = f->hint = NULL;
	f->sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;

	if (!check_strings(f, s) ||
		!check_number(f, "effect", -1, s->effect, true) ||
		!check_number(f, "effect_se", -1, s->effect_se, false) ||
		!check_numbers(f, "context", s->ncontext, s->context, true) ||
		!check_names(f, "context_names", 'x', s->ncontext, s->context_name) ||
		!check_profile(f, s) ||
		!check_numbers(f, "subjects", s->nsubject, s->subject, true) ||
		!check_numbers(f, "subjects_se", s->nsubject, s->subject_se, false) ||
		!check_names(f, "subject_names", 's', s->nsubject, s->subject_name) ||
		!check_place(f, s))
		return false;
	for (int i = 0; i < s->ncontext; i++)
		if (strcmp(s->context_name[i], "deprivation") == 0)
			return found(f, psprintf("context_names[%d] is \"deprivation\"", i + 1),
						 "That name stands for the profile; call the variable something else.");
	if (s->capacity < 0 || s->capacity > SCHOOL_MAX_CAPACITY)
		return found(f, psprintf("capacity is %d, outside 0 to %d", s->capacity,
								 SCHOOL_MAX_CAPACITY), NULL);
	return true;
}

const char *
school_flaw(const School *s, const char **hint)
{
	Flaw		f;

	(void) check_school(&f, s);
	*hint = f.hint;
	return f.text;
}

/* An excluded id and its place in the order of ids. */
typedef struct Exclude
{
	char	   *key;
	char	   *id;
} Exclude;

/* qsort's comparison of excluded ids. */
static int
compare_excludes(const void *a, const void *b)
{
	return strcmp(((const Exclude *) a)->key, ((const Exclude *) b)->key);
}

/*
 * The one check of in, recv and the constructor, as an error; then rounded shares are
 * rescaled, and excluded ids are sorted by their UTF-8 bytes, each once.
 */
bool
school_settle(School *s, Node *escontext)
{
	Flaw		f;
	Exclude    *e;
	int			n = 0;

	if (!check_school(&f, s))
	{
		school_error(escontext, f.sqlstate, s->id, f.text, f.hint);
		return false;
	}
	settle_profile(s);
	if (s->nexclude < 2)
		return true;
	e = palloc(sizeof(Exclude) * s->nexclude);
	for (int i = 0; i < s->nexclude; i++)
	{
		e[i].id = s->exclude[i];
		e[i].key = school_key(s->exclude[i]);
	}
	qsort(e, s->nexclude, sizeof(Exclude), compare_excludes);
	for (int i = 0; i < s->nexclude; i++)
		if (i == 0 || strcmp(e[i].id, s->exclude[n - 1]) != 0)
			s->exclude[n++] = e[i].id;
	s->nexclude = n;
	pfree(e);
	return true;
}
