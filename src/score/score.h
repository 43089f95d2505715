/*
 * score.h
 *		How good a pair is, part by part; which pairs are allowed.
 *
 * Score = weighted geometric mean of similarity S, usable gap B,
 * complementarity C and travel T.  cost = sum of losses, a part's loss being its
 * weight times min(-ln(part), 20), plus same_authority_cost where it applies.  A part that
 * is missing (no subjects, no need; no coordinates) gives its weight to the
 * others in proportion.
 *
 *	S	2^-(d/d10)^2: see scale.h
 *	B	(s/g)[psi(m/s) - psi((m - g)/s)], psi(x) = x Phi(x) + phi(x):
 *		expected gap within 0..g as a share of the target gap g; m = effect of
 *		lead - of partner, s^2 = sum of their squared (conditional) standard errors
 *	C	sum over subjects n_s B_s, n_s = share of the partner's need in subject s,
 *		need = max(0, -effect in s); B_s as B with the subject's target; subjects
 *		of which one side's effect or standard error is unknown are left out
 *	T	1/(1 + exp((km - half_km)/spread_km)), km by haversine, R = 6371.0088
 *
 * P(lead better) = Phi(m/s).  s = 0: the limits.
 *
 * S and B are never missing: where they are not known (no yardsticks), no pair.  S is over
 * the circumstances that both schools have: see scale.h.
 * Nor is there one where no part that has a weight is known: its cost would be 0,
 * the best there is, of nothing.
 */
#ifndef SIPP_SCORE_H
#define SIPP_SCORE_H

#include "similar/scale.h"

#include "assign/assign.h"

#define SCORE_LOSS_CAP 20.0
#define SCORE_TEACH 0.8			/* P(partner better) from which it can teach */
#define SCORE_MIN_SIMILARITY 0.2	/* default floor */
#define EARTH_RADIUS_KM 6371.0088

typedef enum ScorePart
{
	PART_SIMILARITY,
	PART_GAP,
	PART_COMPLEMENTARITY,
	PART_TRAVEL,
	SCORE_PARTS
} ScorePart;

typedef enum AuthorityRule
{
	AUTHORITY_DIFFERENT,
	AUTHORITY_PREFER,
	AUTHORITY_ANY
} AuthorityRule;

/* The rules that a pair can break, in the order in which they are reported. */
typedef enum PairRule
{
	RULE_SELF,					/* one and the same school */
	RULE_PARTNER,				/* partner is ineligible by its own data or role */
	RULE_LEAD,					/* so is the lead */
	RULE_SECTOR,				/* sectors differ, or one is unknown */
	RULE_EXCLUDED,				/* by either side */
	RULE_CLUSTER,				/* both in one cluster or trust */
	RULE_AUTHORITY,				/* the same authority, or one is unknown */
	RULE_KM,					/* further than max_km, or not known how far */
	RULE_P_BETTER,				/* below min_p_better */
	RULE_SIMILARITY,			/* below min_similarity, or not known */
	RULE_SCORE,					/* below min_score, or the usable gap is not known, or no part
								 * that has a weight */
	PAIR_RULES
} PairRule;

typedef struct ScoreOptions
{
	double		weight[SCORE_PARTS];	/* add to 1 */
	AuthorityRule authority;
	double		same_authority_cost;	/* >= 0; only with AUTHORITY_PREFER */
	bool		pooled;			/* sector => 'any' */
	double		max_km;			/* NaN: none */
	double		min_p_better;	/* 0..1 */
	double		min_similarity; /* 0..1 */
	double		min_score;		/* 0..1 */
	double		target_gap;		/* NaN: by the scale */
	double		half_km;		/* > 0 */
	double		spread_km;		/* > 0 */
} ScoreOptions;

typedef struct PairScore
{
	uint32		broken;			/* mask of 1 << PairRule: all that could be judged */
	double		part[SCORE_PARTS];	/* NaN: missing */
	double		loss[SCORE_PARTS];	/* weighted; NaN: missing */
	double		authority_loss;
	uint32		capped;			/* mask of 1 << ScorePart */
	bool		partial;		/* S does without circumstances that one of the two lacks */
	double		cost;			/* sum of the losses; NaN if a part that is needed is not known,
								 * or none that has a weight */
	double		score;			/* exp(-sum of the parts' losses) */
	double		p_better;
	double		km;				/* NaN: unknown */
	double		distance;		/* d */
} PairScore;

typedef struct Scorer Scorer;

/*
 * gap.c: usable gap B, g >= 0, s >= 0.  Accurate to 1e-13 relative also where
 * it is tiny.
 */
extern double usable_gap(double m, double s, double g);
extern double usable_gap_loss(double m, double s, double g);	/* -ln B, without underflow */

/* scorer.c: keeps pointers to the schools and the scale. */
extern Scorer *scorer_make(const Schools *s, const Scale *scale, const ScoreOptions *o);

/* The pair in full, also where it is not allowed. */
extern void scorer_pair(const Scorer *sc, int partner, int lead, PairScore *out);

/*
 * Cost if the pair is allowed and costs less than limit, otherwise infinite;
 * equals scorer_pair's to the last bit, found with early exits.
 */
extern double scorer_cost(Scorer *sc, int partner, int lead, double limit);

/*
 * Two schools of one sector's yardsticks side by side, neither leading: loss in
 * likeness and travel, w_S min(-ln S, 20) + w_T min(-ln T, 20) with the two
 * weights made to add to 1; where T is missing S has it all, where neither
 * weighs anything there is no loss.  NaN if S is not known.  *km as in PairScore.
 */
extern double scorer_peers(const Scorer *sc, int a, int b, double *km);

/* Subjects in which the partner is ahead: P(partner better) >= .8; indexes, returns how many. */
extern int	scorer_can_teach(const Scorer *sc, int partner, int lead, int *subjects);

/* Default weights in order of ScorePart */
#define SCORE_WEIGHTS {0.4, 0.3, 0.15, 0.15}

/*
 * pairing_score.c: the options shared by the SQL functions, each checked; errors name
 * the argument.  Arguments are numbers of the function's arguments, or -1 for one
 * that it does not have: then its default.
 */
extern void score_options(FunctionCallInfo fcinfo, const char *func, int weights, int authority,
						  int same_authority_cost, int sector, int max_km, int min_p_better,
						  int min_similarity, int min_score, int target_gap, int half_km,
						  int spread_km, ScoreOptions *o);

/* A broken rule in words: "same authority", or what it needs and is not known. */
extern const char *pair_rule_reason(const Schools *s, int partner, int lead, PairRule rule,
									const PairScore *p);
extern const char *score_part_name(ScorePart part); /* "similarity", "gap", ... */

#define SCORE_FLAGS (SCORE_PARTS + 1)

/*
 * What is missing or capped, as "travel missing", and what similarity does without, as
 * "similarity without fsm, asn"; returns how many, at most SCORE_FLAGS.
 */
extern int	pair_score_flags(const Schools *s, int partner, int lead, const PairScore *p,
							 const char **flag);

#endif							/* SIPP_SCORE_H */
