
-- Room similar: how alike schools' circumstances are.

CREATE FUNCTION sipp.context_scale(schools sipp.school[], context_weights jsonb DEFAULT NULL, sector text DEFAULT 'same') RETURNS jsonb
	AS 'MODULE_PATHNAME', 'sipp_context_scale' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION sipp.context_scale(sipp.school[], jsonb, text) IS
'The yardsticks of a nation''s schools, by sector (or pooled: sector => any): spread of each circumstance, the distance to a tenth neighbour that similarity is measured by, the target gap. For sipp.pairing_score, and to look at';

CREATE TYPE sipp.neighbour AS (
	school text,
	rank integer,
	neighbour text,
	distance float8,
	similarity float8,
	contributions jsonb,
	mutual boolean,
	reason text
);
COMMENT ON TYPE sipp.neighbour IS 'One of a school''s most similar schools, a row of sipp.similar_schools. Store its columns, not the composite';
COMMENT ON COLUMN sipp.neighbour.school IS 'id of the school';
COMMENT ON COLUMN sipp.neighbour.rank IS '1 is the most similar; ties of distance go by id (UTF-8 bytes)';
COMMENT ON COLUMN sipp.neighbour.neighbour IS 'id of the similar school; NULL where the school has none, see reason';
COMMENT ON COLUMN sipp.neighbour.distance IS 'distance in circumstances, without a unit';
COMMENT ON COLUMN sipp.neighbour.similarity IS '0 to 1; 0.5: as alike as a school and its tenth neighbour ordinarily are';
COMMENT ON COLUMN sipp.neighbour.contributions IS 'each variable''s share of the squared distance, by name; they add to 1; NULL where the distance is 0';
COMMENT ON COLUMN sipp.neighbour.mutual IS 'is the school among its neighbour''s k as well, under the same restrictions?';
COMMENT ON COLUMN sipp.neighbour.reason IS 'why a school has no neighbours; of a neighbour, the circumstances that the comparison does without because one of the two lacks them; otherwise NULL';

CREATE FUNCTION sipp.similar_schools(schools sipp.school[], k integer DEFAULT 10, context_weights jsonb DEFAULT NULL, authority text DEFAULT 'any', sector text DEFAULT 'same', metric text DEFAULT 'weighted') RETURNS SETOF sipp.neighbour
	AS 'MODULE_PATHNAME', 'sipp_similar_schools' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000 ROWS 1000;
COMMENT ON FUNCTION sipp.similar_schools(sipp.school[], integer, jsonb, text, text, text) IS
'Each school''s k most similar schools (all, if there are fewer) by circumstances alone: outcomes, roles, consent and exclusions never enter. Circumstances that one of two schools lacks leave their weight to the others, and the row says so; a school that cannot be compared has one row with the reason. authority: any or different; sector: same or any; metric: weighted, mahalanobis or rank_mahalanobis (these two take the deprivation profile by its mean position, no weights, and only schools that lack nothing)';
