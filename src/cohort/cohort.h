/*
 * cohort.h
 *		The evidence: sufficient statistics of a group of pupils.
 *
 * Three forms of the same thing:
 *
 *	packed	what is stored: a varlena whose payload is the canonical byte stream
 *			of codec.h, levels sorted, no slack (pack.c)
 *	work	what an aggregate accumulates into, in place: a flat varlena with
 *			capacity to spare (work.c)
 *	Cohort	the unpacked struct below, for everything that is done once per
 *			cohort and not once per pupil
 *
 * All statistics are over the complete rows only.  With precision weights every
 * sum below is weighted; without, the weight of a row is 1.
 */
#ifndef SIPP_COHORT_H
#define SIPP_COHORT_H

#include "sipp.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

typedef enum SippKind
{
	SIPP_NUMBER = 0,			/* one numeric column */
	SIPP_TEXT = 1,				/* a factor; levels sorted by their bytes */
	SIPP_ENUM = 2,				/* a factor; levels as declared, see order.c */
	SIPP_SHARES = 3				/* context of a factor: one numeric column a level;
								 * a level that is absent is a column of zeros */
} SippKind;

#define SIPP_IS_FACTOR(kind) ((kind) == SIPP_TEXT || (kind) == SIPP_ENUM)

typedef struct SippTerm
{
	char	   *name;
	SippKind	kind;
	bool		context;		/* made by sipp.with_context */
	bool		of_enum;		/* SIPP_SHARES: of an enum's levels */
	char	   *reference;		/* level chosen by sipp.relevel, or NULL */
	int			nlevel;			/* 0 for SIPP_NUMBER */
	char	  **label;			/* [nlevel] in canonical order: see term_ordered */
	uint64	   *before;			/* which levels are declared before which, closed:
								 * bit j of row i (order.c); NULL: each before all
								 * that follow it in the list */
	double	   *rank;			/* [nlevel] the server's order of an enum, in an
								 * aggregate's state only, else NULL */
	int			first;			/* numbers and shares: first numeric column (the
								 * outcome is column 0); factors: first level in the
								 * level arrays below */
	int			factor;			/* ordinal among the factors, or -1 */
} SippTerm;

/* Do levels stand as they were declared, and not by their bytes? */
static inline bool
term_ordered(const SippTerm *t)
{
	return t->kind == SIPP_ENUM || (t->kind == SIPP_SHARES && t->of_enum);
}

typedef struct Cohort
{
	bool		weighted;
	bool		fractional;		/* weighted, and a weight is not a whole number */
	bool		shapeless;		/* saw only rows that did not say what the terms
								 * are (NULL arrays): merges with anything */
	int			nterm;
	SippTerm   *term;			/* [nterm] in argument order */
	int			nnum;			/* numeric columns, the outcome (0) included */
	int			nfactor;
	int			nlevel;			/* levels of all factors together */
	int			maxlevel;		/* room in the level arrays */

	int64		rows;			/* complete rows */
	int64		dropped;		/* rows left out for a NULL */
	double		weight;			/* sum of weights; = rows without weights */
	double		sum_log_w;		/* sum of log(weight); 0 without weights */
	double	   *mean;			/* [nnum] */
	double	   *cross;			/* lower triangle by rows: SIPP_TRI(i, j), j <= i:
								 * sum of w (a_i - mean_i)(a_j - mean_j) */
	int64	   *level_rows;		/* [nlevel] */
	double	   *level_weight;	/* [nlevel] */
	double	   *level_sum;		/* [nlevel][nnum] sum over the level's rows of
								 * w (a - mean) */
	double	  **cell;			/* [SIPP_PAIR(f, g)], g < f: [nlevel_f][nlevel_g]
								 * weight of each pair of levels */
} Cohort;

#define SIPP_TRI(i, j)	((size_t) (i) * ((i) + 1) / 2 + (j))
#define SIPP_NTRI(n)	((size_t) (n) * ((n) + 1) / 2)
#define SIPP_PAIR(f, g) ((size_t) (f) * ((f) - 1) / 2 + (g))
#define SIPP_NPAIR(n)	((size_t) (n) * ((n) - 1) / 2)

/* pack.c */
extern Cohort *cohort_unpack(struct varlena *datum);	/* detoasted; packed or work */
extern struct varlena *cohort_pack(Cohort *c);	/* canonicalises; checks overflow */
extern Cohort *cohort_getarg(Datum d);	/* detoast and unpack */

/* check.c */

/* the one check of in and recv; false: the error went to escontext (SIPP_BAD_INPUT) */
extern bool cohort_check(Cohort *c, Node *escontext);

/* algebra.c */
extern Cohort *cohort_make(int nterm, const SippTerm *terms, bool weighted);
extern bool terms_fit(int nterm, const SippTerm *terms, Node *escontext);	/* SIPP_MAX_COLUMNS */
extern int	cohort_find_term(const Cohort *c, const char *name);	/* -1 if absent */
extern int	term_find_level(const SippTerm *t, const char *label);	/* -1 if absent */
extern int	term_reference(const SippTerm *t);	/* index of the reference level, -1 if
												 * no level */
extern Cohort *cohort_select(const Cohort *c, int n, const int *terms);
extern char *terms_to_string(int nterm, const SippTerm *terms); /* "a, b, c" for messages */
extern const char *kind_name(SippKind kind);

/* accumulate.c */
extern bool term_is_unnamed(const SippTerm *t);

/*
 * frame.c: the columns of a design matrix over many cohorts.  Column 0 is the
 * intercept; a number is one column; a factor or shares term is one column for
 * each level but the reference.
 */
typedef struct SippFrame
{
	bool		weighted;
	int			nterm;
	SippTerm   *term;			/* union dictionaries; reference as chosen by relevel;
								 * first: first column in X; factor: unused */
	int		   *refidx;			/* [nterm] index of the reference level in use, or -1 */
	int			p;				/* columns of X, the intercept included */
	int		   *col_term;		/* [p] term of each column, -1 for the intercept */
	int		   *col_level;		/* [p] level index, -1 if none */
} SippFrame;

/* A frame grows in CurrentMemoryContext; keep the same one for all three. */
extern SippFrame *frame_begin(const Cohort *first);
extern void frame_add(SippFrame *f, const Cohort *c);	/* union; error when incompatible */
extern void frame_finish(SippFrame *f); /* sort, choose references, number the columns; also
										 * for a frame made by hand of stored terms */

/*
 * Where a cohort's columns stand in a frame.  Terms are matched by name, extra
 * ones are dropped.  A cohort that does not fit has a reason (it lacks term "x";
 * level "y" of term "x" is unknown to the model; ...) and the functions below
 * are not to be called for it.
 */
typedef struct FrameMap FrameMap;

extern FrameMap *frame_map(const SippFrame *f, const Cohort *c);
extern const char *frame_map_reason(const FrameMap *m); /* NULL: it fits */
extern bool frame_map_lasts(const FrameMap *m); /* for all cohorts of these terms and levels */

/* mean[p+1] = means of (1, x.., y) */
extern void frame_project(const FrameMap *m, const Cohort *c, double *mean);

/* within[p+1][p+1] += centred cross-products */
extern void frame_accumulate(const FrameMap *m, const Cohort *c, double *within);

/* out[n][p+1] = rows cols[0..n-1] (numbers, levels, not the intercept) of them */
extern void frame_rows(const FrameMap *m, const Cohort *c,
					   int n, const int *cols, double *out);

/* v' S v, S the cohort's centred cross-products, v[p+1] */
extern double frame_quadratic(const FrameMap *m, const Cohort *c, const double *v);

/* column of a term (and level; NULL: a number or a two-level factor), or -1 */
extern int	frame_column(const SippFrame *f, const char *term, const char *level);

/* Reads many cohorts one after another (pack.c). */
typedef struct CohortReader
{
	MemoryContext cxt;			/* holds all of the following */
	char	   *shape;			/* bytes of the terms of the cohort last read */
	size_t		shape_len;
	Cohort	   *cohort;
	uint64		shapes;			/* changes with the shape */
	const SippFrame *frame;		/* that map is for */
	FrameMap   *map;			/* NULL: not made; forget it when the frame is freed */
} CohortReader;

extern void cohort_reader_init(CohortReader *r, MemoryContext parent);
extern Cohort *cohort_read(CohortReader *r, struct varlena *datum);
extern Cohort *cohort_read_counts(CohortReader *r, struct varlena *datum);
extern const FrameMap *cohort_reader_map(CohortReader *r, const SippFrame *f);

#endif							/* SIPP_COHORT_H */
