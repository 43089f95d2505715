/*
 * One nation of test/warehouse/generate.sql, in schema :"schema": from leavers to a
 * plan, as the README does it; its pairs with the truth into truth.national_pair.
 * Run once for each :seed.
 */
SET search_path = truth;
SET jit = off;

CREATE TABLE IF NOT EXISTS national_pair (
	seed bigint, plan boolean, partner int, lead int, p_better float8, usable_gap float8, m float8, s float8,
	observed float8, lasting float8, g float8
);

DROP TABLE IF EXISTS national_school, national_plan;
CREATE TABLE national_school AS
WITH c AS (
	SELECT school_id, sipp.cohort(tariff, simd_decile::text, sex, asn, prior, year::text) AS cohort
	FROM :"schema".leaver GROUP BY school_id
), m AS (
	SELECT sipp.value_added(cohort) AS model FROM c
)
SELECT s.*, e.effect, e.conditional_se AS se,
	   sqrt(var_samp(e.effect) OVER sector + avg(e.conditional_se ^ 2) OVER sector) AS target_gap, t.observed_effect AS observed, t.lasting_effect AS lasting,
	   sipp.school(school_id::text, sector => sector, authority => authority,
				   role => CASE WHEN e.effect > 0 THEN 'lead' ELSE 'partner' END, consent => consents,
				   effect => e.effect, effect_se => e.conditional_se,
				   context => ARRAY[pct_fsm, pct_asn, ln(roll)], context_names => '{fsm,asn,size}',
				   deprivation => simd_decile_shares, lat => lat, lon => lon, capacity => support_capacity) AS school
FROM c JOIN :"schema".school s USING (school_id) JOIN :"schema".school_truth_observed t USING (school_id), m,
	 LATERAL sipp.effect(c.cohort, m.model) e
WINDOW sector AS (PARTITION BY sector);

CREATE TABLE national_plan AS SELECT sipp.pairing_plan(ARRAY(SELECT school FROM national_school), min_similarity => 0) AS plan;

INSERT INTO national_pair
SELECT :seed, true, a.school_id, l.school_id, p.p_better, p.usable_gap, l.effect - a.effect, sqrt(l.se ^ 2 + a.se ^ 2),
	   l.observed - a.observed, l.lasting - a.lasting, a.target_gap
FROM national_plan, LATERAL sipp.pairs(plan) p
	 JOIN national_school a ON a.school_id::text = p.partner JOIN national_school l ON l.school_id::text = p.lead
WHERE p.p_better IS NOT NULL;

INSERT INTO national_pair
SELECT :seed, false, a.school_id, l.school_id, p.p_better, p.usable_gap, l.effect - a.effect, sqrt(l.se ^ 2 + a.se ^ 2),
	   l.observed - a.observed, l.lasting - a.lasting, NULL
FROM (SELECT sipp.context_scale(ARRAY(SELECT school FROM national_school)) AS scale) n,
	 national_school a JOIN national_school l ON l.school_id > a.school_id AND l.authority <> a.authority AND l.sector = a.sector,
	 LATERAL sipp.pairing_score(a.school, l.school, scale, min_p_better => 0) p
WHERE (a.school_id + l.school_id) % 2 = 0;
