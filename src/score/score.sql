
-- Room score: how good one pair is.

CREATE TYPE sipp.pair_score AS (
	partner text,
	lead text,
	eligible boolean,
	reason text,
	score float8,
	cost float8,
	similarity float8,
	usable_gap float8,
	p_better float8,
	complementarity float8,
	partner_can_teach text[],
	travel float8,
	km float8,
	losses jsonb,
	flags text[]
);
COMMENT ON TYPE sipp.pair_score IS 'One pair scored as in the plan, the result of sipp.pairing_score. Store its columns, not the composite';

COMMENT ON COLUMN sipp.pair_score.partner IS 'id of the school to be helped';
COMMENT ON COLUMN sipp.pair_score.lead IS 'id of the school that helps';
COMMENT ON COLUMN sipp.pair_score.eligible IS 'may they be paired?';
COMMENT ON COLUMN sipp.pair_score.reason IS 'the rules that they break, or NULL';
COMMENT ON COLUMN sipp.pair_score.score IS 'weighted geometric mean of the parts, 0 to 1';
COMMENT ON COLUMN sipp.pair_score.cost IS 'what the plan minimises: sum of the losses';
COMMENT ON COLUMN sipp.pair_score.similarity IS 'how alike the circumstances are, 0 to 1; 0.5: as a school and its tenth neighbour';
COMMENT ON COLUMN sipp.pair_score.usable_gap IS 'expected lead in effect as a share of the target gap, between none and all of it, 0 to 1';
COMMENT ON COLUMN sipp.pair_score.p_better IS 'probability that the lead''s effect is above the partner''s, for the years observed';
COMMENT ON COLUMN sipp.pair_score.complementarity IS 'the same as usable_gap over the subjects in which the partner needs help, 0 to 1; NULL: no subjects, or no need';
COMMENT ON COLUMN sipp.pair_score.partner_can_teach IS 'subjects in which the partner is ahead (probability 0.8 or more)';
COMMENT ON COLUMN sipp.pair_score.travel IS '1 near, 0.5 at half_km, towards 0; NULL: coordinates not known';
COMMENT ON COLUMN sipp.pair_score.km IS 'great-circle distance, kilometres';
COMMENT ON COLUMN sipp.pair_score.losses IS 'each part''s share of the cost, by name';
COMMENT ON COLUMN sipp.pair_score.flags IS 'parts that are missing (their weight went to the others) or whose loss was capped; circumstances that the similarity does without';

CREATE FUNCTION sipp.pairing_score(
	partner sipp.school,
	lead sipp.school,
	scale jsonb,
	weights jsonb DEFAULT NULL,
	authority text DEFAULT 'different',
	same_authority_cost float8 DEFAULT 0.1,
	max_km float8 DEFAULT NULL,
	min_p_better float8 DEFAULT 0.8,
	min_similarity float8 DEFAULT 0.2,
	min_score float8 DEFAULT 0,
	target_gap float8 DEFAULT NULL,
	half_km float8 DEFAULT 60,
	spread_km float8 DEFAULT 12
) RETURNS sipp.pair_score
	AS 'MODULE_PATHNAME', 'sipp_pairing_score' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION sipp.pairing_score(sipp.school, sipp.school, jsonb, jsonb, text, float8, float8, float8, float8, float8, float8, float8, float8) IS
'One pair scored exactly as in the national plan: the parts, each part''s loss, whether they may be paired and if not why. scale is that of sipp.context_scale over the nation''s schools; the options are those of sipp.pairing_plan. NULL where partner, lead or scale is NULL';
