/*
 * pairing_score.c
 *		One pair in SQL: sipp.pairing_score; the options and the words that all
 *		functions on pairs share.
 */
#include "sipp.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/codec.h"
#include "base/option.h"
#include "base/row.h"
#include "score/score.h"

#define FUNC "sipp.pairing_score"

#define MAX_SAME_AUTHORITY_COST 1000.0

PG_FUNCTION_INFO_V1(sipp_pairing_score);

static const char *const part_names[SCORE_PARTS] = {"similarity", "gap", "complementarity", "travel"};

static const char *const rule_texts[PAIR_RULES] = {
	"one and the same school",
	"the partner can take no part",
	"the lead can take no part",
	"different sectors",
	"excluded by one of the two",
	"same cluster",
	"same authority",
	"too far apart",
	"lead not likely enough to be better",
	"not similar enough",
	"score too low"
};

const char *
score_part_name(ScorePart part)
{
	return part_names[part];
}

/* What similarity does without, by name. */
static char *
without_text(const School *a, const School *b)
{
	StringInfoData out;
	const char *separator = "similarity without ";

	initStringInfo(&out);
	for (int v = 0; v < Min(a->ncontext, b->ncontext); v++)
		if (isnan(a->context[v]) || isnan(b->context[v]))
		{
			appendStringInfo(&out, "%s%s", separator, a->context_name[v]);
			separator = ", ";
		}
	return out.data;
}

int
pair_score_flags(const Schools *s, int partner, int lead, const PairScore *p, const char **flag)
{
	static const char *const missing[SCORE_PARTS] = {
		"similarity missing", "gap missing", "complementarity missing", "travel missing"
	};
	static const char *const capped[SCORE_PARTS] = {
		"similarity capped", "gap capped", "complementarity capped", "travel capped"
	};
	int			n = 0;

	for (int k = 0; k < SCORE_PARTS; k++)
	{
		if (isnan(p->part[k]))
			flag[n++] = missing[k];
		else if (p->capped & (1 << k))
			flag[n++] = capped[k];
	}
	if (p->partial)
		flag[n++] = without_text(&s->school[partner], &s->school[lead]);
	return n;
}

/* One weight of argument "weights". */
static double
weight_option(const char *func, const char *key, const JsonbValue *v)
{
	double		w;

	if (v->type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"weights\" of %s: \"%s\" must be a number", func, key)));
	w = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
										   NumericGetDatum(v->val.numeric)));
	if (!(w >= 0 && w <= SCHOOL_MAX_NUMBER))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"weights\" of %s: \"%s\" must be from 0 to %g", func, key,
						SCHOOL_MAX_NUMBER),
				 errdetail("It is %s.", float8out_internal(w))));
	return w;
}

/* Argument "weights": those named replace their defaults; then all add to 1. */
static void
weights_option(FunctionCallInfo fcinfo, const char *func, int arg, double *weight)
{
	Jsonb	   *jb = PG_GETARG_JSONB_P(arg);
	JsonbIterator *it;
	JsonbIteratorToken tok;
	JsonbValue	v;
	double		sum = 0;

	if (!JB_ROOT_IS_OBJECT(jb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"weights\" of %s must be an object", func),
				 errhint("As in {\"similarity\": 0.5, \"travel\": 0}.")));
	it = JsonbIteratorInit(&jb->root);
	while ((tok = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *key;
		int			k = 0;

		if (tok != WJB_KEY)
			continue;
		key = pnstrdup(v.val.string.val, v.val.string.len);
		while (k < SCORE_PARTS && strcmp(key, part_names[k]) != 0)
			k++;
		if (k == SCORE_PARTS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"weights\" of %s has an unknown key \"%s\"", func, key),
					 errhint("Keys are similarity, gap, complementarity and travel.")));
		(void) JsonbIteratorNext(&it, &v, true);
		weight[k] = weight_option(func, key, &v);
	}
	for (int k = 0; k < SCORE_PARTS; k++)
		sum += weight[k];
	if (sum == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"weights\" of %s must not leave every part at 0", func),
				 errhint("The parts are similarity, gap, complementarity and travel.")));
	for (int k = 0; k < SCORE_PARTS; k++)
		weight[k] /= sum;
}

/* In the order of AuthorityRule. */
static const char *const authority_word[] = {"different", "prefer", "any"};
static const OptionWords authority_words = {"authority", lengthof(authority_word), authority_word};

void
score_options(FunctionCallInfo fcinfo, const char *func, int weights, int authority,
			  int same_authority_cost, int sector, int max_km, int min_p_better,
			  int min_similarity, int min_score, int target_gap, int half_km,
			  int spread_km, ScoreOptions *o)
{
	/* the largest and the least number that leaves room for arithmetic */
	const double most = SCHOOL_MAX_NUMBER;
	const double least = 1 / SCHOOL_MAX_NUMBER;
	const char *positive = "be from 1e-50 to 1e+50";
	const char *share = "be from 0 to 1";
	const struct
	{
		double	   *value;
		OptionSpec	spec;
	}			number[] = {
		{&o->same_authority_cost, {.arg = same_authority_cost, .name = "same_authority_cost",
		.default_text = "0.1", .low = 0, .high = MAX_SAME_AUTHORITY_COST, .must = "be from 0 to 1000"}},
		{&o->max_km, {.arg = max_km, .name = "max_km",
		.low = 0, .high = most, .must = "be from 0 to 1e+50, or NULL"}},
		{&o->min_p_better, {.arg = min_p_better, .name = "min_p_better",
		.default_text = "0.8", .low = 0, .high = 1, .must = share}},
		{&o->min_similarity, {.arg = min_similarity, .name = "min_similarity",
		.default_text = CppAsString2(SCORE_MIN_SIMILARITY), .low = 0, .high = 1, .must = share}},
		{&o->min_score, {.arg = min_score, .name = "min_score",
		.default_text = "0", .low = 0, .high = 1, .must = share}},
		{&o->target_gap, {.arg = target_gap, .name = "target_gap",
		.low = least, .high = most, .must = "be from 1e-50 to 1e+50, or NULL"}},
		{&o->half_km, {.arg = half_km, .name = "half_km",
		.default_text = "60", .low = least, .high = most, .must = positive}},
		{&o->spread_km, {.arg = spread_km, .name = "spread_km",
		.default_text = "12", .low = least, .high = most, .must = positive}},
	};
	static const double standard_weights[SCORE_PARTS] = SCORE_WEIGHTS;

	memset(o, 0, sizeof(*o));
	memcpy(o->weight, standard_weights, sizeof(o->weight));
	if (weights >= 0 && !PG_ARGISNULL(weights))
		weights_option(fcinfo, func, weights, o->weight);
	o->authority = authority < 0 ? AUTHORITY_DIFFERENT :
		(AuthorityRule) option_word(fcinfo, func, authority, &authority_words);
	o->pooled = sector >= 0 && scale_pooled_arg(fcinfo, sector, func);
	for (int i = 0; i < (int) lengthof(number); i++)
		*number[i].value = option_float8(fcinfo, func, &number[i].spec);
}

/* Arguments of sipp.pairing_score. */
enum
{
	ARG_PARTNER,
	ARG_LEAD,
	ARG_SCALE,
	ARG_WEIGHTS,
	ARG_AUTHORITY,
	ARG_SAME_AUTHORITY_COST,
	ARG_MAX_KM,
	ARG_MIN_P_BETTER,
	ARG_MIN_SIMILARITY,
	ARG_MIN_SCORE,
	ARG_TARGET_GAP,
	ARG_HALF_KM,
	ARG_SPREAD_KM
};

/* Kept between calls: the scale is mostly one and the same. */
typedef struct ScoreCache
{
	TupleDesc	desc;
	MemoryContext cxt;
	Size		len;
	struct varlena *raw;		/* the argument's own bytes */
	Scale	   *scale;			/* NULL: none yet */
} ScoreCache;

/*
 * The scale, parsed once where it does not change.  A toast pointer names its value
 * for as long as a query can see it; what points into memory may point to something
 * else next time.
 */
static Scale *
cached_scale(ScoreCache *cache, MemoryContext parent, Datum d)
{
	struct varlena *raw = (struct varlena *) DatumGetPointer(d);
	MemoryContext old;
	Size		len;

	if (VARATT_IS_EXTERNAL(raw) && !VARATT_IS_EXTERNAL_ONDISK(raw))
		raw = (struct varlena *) PG_DETOAST_DATUM(d);
	len = VARSIZE_ANY(raw);
	if (cache->scale != NULL && cache->len == len && memcmp(cache->raw, raw, len) == 0)
		return cache->scale;

	cache->scale = NULL;
	if (cache->cxt == NULL)
		cache->cxt = AllocSetContextCreate(parent, "sipp scale", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(cache->cxt);
	old = MemoryContextSwitchTo(cache->cxt);
	cache->raw = palloc(len);
	memcpy(cache->raw, raw, len);
	cache->len = len;
	cache->scale = scale_from_jsonb(DatumGetJsonbPCopy(PointerGetDatum(raw)));
	MemoryContextSwitchTo(old);
	return cache->scale;
}

/*
 * The nation that two schools stand for: of them alone one could not tell what
 * the others have and they have not.
 */
static Schools *
nation_of(School **school, int n, const Scale *scale)
{
	Schools    *s = schools_make(school, n, FUNC);

	if (s->ncontext == 0)
	{
		s->ncontext = scale->nvar;
		s->context_name = scale->name;
	}
	if (s->nband == 0)
		s->nband = scale->nband;
	if (s->nsubject == 0)
	{
		s->nsubject = scale->nsubject;
		s->subject_name = scale->subject_name;
	}
	return s;
}

/* Why a school cannot be on its side of the pair; needs: what only this side asks for. */
static const char *
side_reason(const Schools *s, int i, const char *side, uint32 needs)
{
	const char *why = school_lacks_text(s, i, school_lacks(s, i) | needs);

	return why != NULL ? psprintf("%s: %s", side, why) :
		psprintf("%s: role is %s", side, school_role_name(s->school[i].role));
}

const char *
pair_rule_reason(const Schools *s, int partner, int lead, PairRule rule, const PairScore *p)
{
	const School *a = &s->school[partner];
	const School *b = &s->school[lead];

	if (rule == RULE_PARTNER)
		return side_reason(s, partner, "partner", 0);
	if (rule == RULE_LEAD)
		return side_reason(s, lead, "lead",
						   b->capacity == 0 && ROLE_IS_LEAD(b->role) ? 1 << LACK_CAPACITY : 0);
	if (rule == RULE_SECTOR && (a->sector == NULL || b->sector == NULL))
		return "sector not known";
	if (rule == RULE_AUTHORITY && (a->authority == NULL || b->authority == NULL))
		return "authority not known";
	if (rule == RULE_KM && isnan(p->km))
		return "distance not known";
	if (rule == RULE_SIMILARITY && isnan(p->part[PART_SIMILARITY]))
		return "similarity not known";
	if (rule == RULE_SCORE && isnan(p->part[PART_GAP]))
		return "usable gap not known";
	if (rule == RULE_SCORE && isnan(p->score))
		return "no part that has a weight is known";
	return rule_texts[rule];
}

/* The broken rules in words, or NULL. */
static const char *
pair_reason(const Schools *s, int partner, int lead, const PairScore *p)
{
	StringInfoData buf;

	if (p->broken == 0)
		return NULL;
	initStringInfo(&buf);
	for (int rule = 0; rule < PAIR_RULES; rule++)
		if (p->broken & (1 << rule))
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? "; " : "",
							 pair_rule_reason(s, partner, lead, rule, p));
	return buf.data;
}

/* The losses as a document, of the parts that are there. */
static Datum
losses_datum(const PairScore *p)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int k = 0; k < SCORE_PARTS; k++)
		if (!isnan(p->loss[k]))
		{
			appendStringInfo(&buf, "%c\"%s\":", buf.len > 0 ? ',' : '{', part_names[k]);
			json_float(&buf, p->loss[k]);
		}
	if (p->authority_loss > 0)
	{
		appendStringInfo(&buf, "%c\"same_authority\":", buf.len > 0 ? ',' : '{');
		json_float(&buf, p->authority_loss);
	}
	appendStringInfoString(&buf, buf.len > 0 ? "}" : "{}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
}

/* Strings as a text array. */
static Datum
texts_datum(const char *const *s, int n)
{
	Datum	   *d = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		d[i] = CStringGetTextDatum(s[i]);
	return PointerGetDatum(construct_array(d, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * sipp_pairing_score(partner, lead, scale, ...): one row of sipp.pair_score, as the
 * plan of a nation with that scale would score the pair.
 */
Datum
sipp_pairing_score(PG_FUNCTION_ARGS)
{
	ScoreCache *cache = fcinfo->flinfo->fn_extra;
	Scale	   *scale;
	ScoreOptions o;
	School	   *school[2];
	Schools    *s;
	Scorer	   *scorer;
	PairScore	p;
	int			partner;
	int			lead;
	const char *flag[SCORE_FLAGS];
	int			nflag;
	Datum		values[15] = {0};
	bool		nulls[15] = {0};
	int			i = 0;

	if (PG_ARGISNULL(ARG_PARTNER) || PG_ARGISNULL(ARG_LEAD) || PG_ARGISNULL(ARG_SCALE))
		PG_RETURN_NULL();
	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ScoreCache));
		cache->desc = make_result_desc(fcinfo);
		fcinfo->flinfo->fn_extra = cache;
	}
	scale = cached_scale(cache, fcinfo->flinfo->fn_mcxt, PG_GETARG_DATUM(ARG_SCALE));
	score_options(fcinfo, FUNC, ARG_WEIGHTS, ARG_AUTHORITY, ARG_SAME_AUTHORITY_COST, -1,
				  ARG_MAX_KM, ARG_MIN_P_BETTER, ARG_MIN_SIMILARITY, ARG_MIN_SCORE,
				  ARG_TARGET_GAP, ARG_HALF_KM, ARG_SPREAD_KM, &o);
	o.pooled = scale->pooled;

	school[0] = school_getarg(PG_GETARG_DATUM(ARG_PARTNER));
	school[1] = school_getarg(PG_GETARG_DATUM(ARG_LEAD));
	{
		const char *partner_id = school[0]->id;
		const char *lead_id = school[1]->id;

		s = nation_of(school, strcmp(partner_id, lead_id) == 0 ? 1 : 2, scale);
		partner = schools_find(s, partner_id);
		lead = schools_find(s, lead_id);
	}
	scorer = scorer_make(s, scale, &o);
	scorer_pair(scorer, partner, lead, &p);

	put_text(values, nulls, i++, s->school[partner].id);
	put_text(values, nulls, i++, s->school[lead].id);
	values[i++] = BoolGetDatum(p.broken == 0);
	put_text(values, nulls, i++, pair_reason(s, partner, lead, &p));
	put_float(values, nulls, i++, p.score);
	put_float(values, nulls, i++, p.cost);
	put_float(values, nulls, i++, p.part[PART_SIMILARITY]);
	put_float(values, nulls, i++, p.part[PART_GAP]);
	put_float(values, nulls, i++, p.p_better);
	put_float(values, nulls, i++, p.part[PART_COMPLEMENTARITY]);
	if (s->school[partner].nsubject > 0 && s->school[lead].nsubject > 0)
	{
		int			subject[SCHOOL_MAX_SUBJECTS];
		const char *name[SCHOOL_MAX_SUBJECTS];
		int			n = scorer_can_teach(scorer, partner, lead, subject);

		for (int k = 0; k < n; k++)
			name[k] = s->subject_name[subject[k]];
		values[i++] = texts_datum(name, n);
	}
	else
		nulls[i++] = true;
	put_float(values, nulls, i++, p.part[PART_TRAVEL]);
	put_float(values, nulls, i++, p.km);
	values[i++] = losses_datum(&p);
	nflag = pair_score_flags(s, partner, lead, &p, flag);
	values[i++] = texts_datum(flag, nflag);
	Assert(i == lengthof(values));
	PG_RETURN_DATUM(row_datum(cache->desc, i, values, nulls));
}
