/*
 * plan.h
 *		A pairing plan: solving it, explaining it, storing it.
 *
 * pairing_plan.c makes the problem out of schools and assign_costs.c out of the
 * analyst's own costs; solve.c solves the former and assign_solve.c the latter.
 * Both write the same document with document.c, which read.c reads.  explain.c and
 * assign_document.c say why a school has nobody; plan.c and blocking.c have what
 * they share.
 */
#ifndef SIPP_PLAN_H
#define SIPP_PLAN_H

#include "utils/numeric.h"

#include "score/score.h"

#include "assign/assign.h"

typedef enum PlanMode
{
	PLAN_OPTIMAL,
	PLAN_STABLE,
	PLAN_GREEDY,
	PLAN_MODES
} PlanMode;

#define PLAN_BLOCKING	20		/* blocking pairs that are named */
#define PLAN_MAX_BITS	2200	/* of any price or sum of costs, in units */
#define PLAN_MAX_FLAGS	32		/* of one pair */
#define PLAN_MAX_NOTICES 32
#define PLAN_GAP 1e-9			/* of the total cost, up to which a plan is certified */
#define PLAN_MAX_PLACES 100		/* of one partner */

/* Two schools that would each rather have the other; gains in cost. */
typedef struct PlanBlocking
{
	int			partner;
	int			lead;
	bool		unpriced;		/* an empty place that is worth more than any saving is filled */
	double		gain;			/* joint, a priced empty place being worth its price */
	double		partner_gain;	/* NaN: has an empty place */
	double		lead_gain;		/* NaN: has room left */
} PlanBlocking;

typedef struct PlanBlockings
{
	int64		n;
	PlanBlocking first[PLAN_BLOCKING];	/* by joint gain */
} PlanBlockings;

/*
 * blocking.c: count a pair that costs less than what each of the two gives up for it
 * (infinite: an empty place beyond all savings; room left), and keep it if it
 * is among the first.
 */
extern void plan_note_blocking(PlanBlockings *list, int partner, int lead, double cost,
							   double partner_worst, bool has_empty, double lead_worst);

/* The first of them as they are reported. */
extern Jsonb *plan_blocking_document(const PlanBlockings *list, char *const *partner,
									 char *const *lead);

/* An error of the solver: of size, or one that cannot happen. */
extern void plan_check_status(AssignStatus status, const char *func);

/* Memory and interrupts for a problem, in the current context. */
extern void plan_hooks(AssignHooks *hooks);

/* Where a listed pair stands; it must be listed. */
extern int64_t plan_row_find(const AssignProblem *prob, int i, int j);

/*
 * Note how far the plan is from the bound, in the costs' own units and with empty
 * places at their price (NaN where they have none and differ in number), whether
 * that certifies the plan, and what the notice is if not.  proven: the bound was
 * checked; cheapest: the plan is worth it in units, so that a gap beside a large total does
 * not pass.  mode and total_cost must be set.
 */
typedef struct PlanHead PlanHead;

extern void plan_head_gap(PlanHead *head, bool proven, bool cheapest, double gap,
						  int64 more_empty);

/* explain.c: a number in a text, as short as it can be and still itself. */
extern char *plan_number_text(double v);

/*
 * document.c: the stored document.
 */

/* What a plan says of itself as a whole. */
struct PlanHead
{
	PlanMode	mode;
	double		quantum;		/* cost of a unit */
	Numeric		unpaired;		/* price of an empty place, units */
	Numeric		total_units;
	double		total_cost;		/* NaN: beyond the largest double */
	double		bound;			/* NaN: not proven, or beyond the largest double */
	double		gap;			/* NaN: the same, or plans of different sizes */
	bool		certified;
	double		target_gap;		/* NaN: none, or several */
	int64		nblocking;
	Jsonb	   *blocking;		/* the first of them, as reported */
	int64		priced;
	int64		rounds;
	int64		memory;
	int			nnotice;
	char	   *notice[PLAN_MAX_NOTICES];
	int			nsubject;
	char	  **subject;
};

/* One place of a partner.  NaN and NULL: there is none. */
typedef struct PlanPlace
{
	char	   *lead;			/* NULL: empty */
	double		cost;
	char	   *runner_up;
	double		margin;
	char	   *reason;
	char	   *relaxation;
	bool		locked;
	int			nflag;
	char	   *flag[PLAN_MAX_FLAGS];
	/* of pairs that were scored */
	bool		scored;
	double		score;
	double		part[SCORE_PARTS];
	double		loss[SCORE_PARTS];
	double		authority_loss;
	double		p_better;
	double		km;
	int			nteach;			/* -1: one of the two has no subjects */
	int			teach[SCHOOL_MAX_SUBJECTS]; /* subjects */
} PlanPlace;

typedef struct PlanPartner
{
	char	   *id;
	const char *role;			/* NULL: costs were given, not schools */
	int			places;			/* without those of locked pairs */
	Numeric		price;			/* units, a whole number */
	int			nplace;			/* with them */
	PlanPlace  *place;
} PlanPartner;

typedef struct PlanLead
{
	char	   *id;
	int			capacity;		/* without what locked pairs take */
	Numeric		price;
} PlanLead;

/* The price of a pair. */
typedef struct PlanExtra
{
	char	   *partner;
	char	   *lead;
	int			places;			/* 1; 0: a locked pair's, which counts for nothing */
	Numeric		price;
} PlanExtra;

/* A school that takes no part. */
typedef struct PlanOut
{
	char	   *id;
	const char *role;			/* NULL: not known */
	char	   *reason;
} PlanOut;

/* The document's lists, in the order in which they are written. */
typedef enum PlanList
{
	LIST_PARTNERS,
	LIST_LEADS,
	LIST_PAIR_PRICES,
	LIST_INELIGIBLE,
	PLAN_LISTS
} PlanList;

typedef struct PlanWriter
{
	StringInfoData out;
	int			list;			/* being written; -1: none yet */
	bool		first;			/* nothing in it yet */
} PlanWriter;

#define PLAN_MAX_REASONS 16		/* of empty places that are told apart; there are about a dozen */

/* Places without a lead, and why they have none; all zero but for cxt at first. */
typedef struct PlanEmpty
{
	MemoryContext cxt;			/* of the reasons' texts */
	int64		places;
	int			nreason;
	struct
	{
		char	   *text;
		int64		places;
	}			reason[PLAN_MAX_REASONS];
} PlanEmpty;

/* Count an empty place by its reason, but for the figures and names in it. */
extern void plan_empty_count(PlanEmpty *e, const char *reason);

/* Say in a notice how many places are empty and why, the most frequent reason first. */
extern void plan_empty_notice(PlanEmpty *e, PlanHead *head);

extern const char *plan_mode_name(PlanMode mode);
extern bool plan_mode_find(const char *name, PlanMode *mode);

/* Rows come list by list; a list of which there are none may be left out. */
extern void plan_write_begin(PlanWriter *w);
extern void plan_write_partner(PlanWriter *w, const PlanPartner *p);
extern void plan_write_lead(PlanWriter *w, const PlanLead *l);
extern void plan_write_extra(PlanWriter *w, const PlanExtra *x);
extern void plan_write_out(PlanWriter *w, const PlanOut *o);
extern Datum plan_write_end(PlanWriter *w, const PlanHead *head);

/*
 * Reading trusts nothing: what is missing or of a wrong type is an error that
 * names the field.  A row is valid until the next one is read.
 */
typedef struct PlanReader
{
	const char *func;
	Jsonb	   *doc;
	PlanHead	head;
	Numeric		most_units;		/* beyond any price */
	MemoryContext row;			/* one row's memory */
	PlanList	list;			/* being read */
	JsonbIterator *it;
	int64		at;				/* rows of it read so far */
	int64		size;
} PlanReader;

extern void plan_read_begin(PlanReader *r, Datum plan, const char *func);
extern void plan_read_list(PlanReader *r, PlanList list);
extern bool plan_next_partner(PlanReader *r, PlanPartner *p);
extern bool plan_next_lead(PlanReader *r, PlanLead *l);
extern bool plan_next_extra(PlanReader *r, PlanExtra *x);
extern bool plan_next_out(PlanReader *r, PlanOut *o);

#endif							/* SIPP_PLAN_H */
