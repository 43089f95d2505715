--
-- Room adjust: pupils with a level that the model has not seen.  The school is
-- placed on the others, as if these rows had never been in its cohort.
--
SET extra_float_digits = 0;
CREATE SCHEMA adjust_unseen;
SET search_path = adjust_unseen, public;

-- a number in [0, 1) that looks random and is the same on every machine
CREATE FUNCTION u(i int, k int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ((i::int8 * 7919 + k * 104729 + (i::int8 * i * (31 + k)) % 65521 * 613) % 65537) / 65537.0 $$;
-- equal to 1e-12 of the outcome's spread, which is about 5; NULL equals NULL
CREATE FUNCTION same(a float8, b float8) RETURNS boolean LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL ELSE abs(a - b) <= 5e-12 * greatest(1, abs(b) / 5) END $$;

-- 30 schools that the models are made of
CREATE TABLE pupil AS
SELECT i, i % 30 AS school, CASE WHEN u(i, 1) < .5 THEN 'F' ELSE 'M' END AS sex, 'd' || 1 + floor(u(i, 2) * 5)::int AS simd,
	   u(i, 3) < .3 AS asn, 4 * u(i, 4) + u(i % 30, 5) AS prior, 2020 + i % 4 AS year, .5 + u(i, 6) AS w
FROM generate_series(1, 1500) i;
ALTER TABLE pupil ADD y float8;
UPDATE pupil SET y = 50 + 2 * prior - asn::int + (sex = 'F')::int + substr(simd, 2)::int * .7 + 3 * u(school, 7)
	+ (sex = 'F')::int * 3 * u(school, 8) + prior * u(school, 10) + 8 * u(i, 9);

-- 3,000 schools of 2 to 40 pupils that were not; the kind says whose levels are new:
-- of one pupil, of several, of several levels; of sex or of simd
CREATE TABLE stranger AS
SELECT s AS school, i, s % 6 AS kind, CASE WHEN u(i, 1) < .5 THEN 'F' ELSE 'M' END AS sex, 'd' || 1 + floor(u(i, 2) * 5)::int AS simd,
	   u(i, 3) < .3 AS asn, 4 * u(i, 4) AS prior, 2020 + i % 4 AS year, exp(6 * u(i, 6)) AS w, 50 + 12 * u(i, 7) + 3 * u(s, 8) AS y, false AS new
FROM generate_series(1, 3000) s, LATERAL generate_series(s * 40, s * 40 + 1 + (s * 7 % 39)) i;
UPDATE stranger SET new = true WHERE CASE WHEN kind % 3 = 0 THEN i = school * 40 WHEN kind % 3 = 1 THEN i % 5 = 0 ELSE u(i, 11) < .4 END;
-- one of the known ones at least
UPDATE stranger SET new = false WHERE i = school * 40 + 1;
UPDATE stranger SET sex = 'X' || CASE kind WHEN 2 THEN i % 3 ELSE 0 END WHERE new AND kind < 3;
-- a level that sorts before all others, among those of simd
UPDATE stranger SET simd = CASE kind WHEN 5 THEN 'a' || i % 3 ELSE 'd9' END WHERE new AND kind >= 3;

CREATE VIEW known AS SELECT * FROM stranger WHERE NOT new;

CREATE TABLE model AS
	SELECT 'plain' AS what, sipp.value_added(c) AS m FROM (SELECT sipp.cohort(y, prior, sex, simd, asn, year) AS c FROM pupil GROUP BY school) x
	UNION ALL SELECT 'another reference', sipp.value_added(sipp.relevel(c, 'simd', 'd3')) FROM (SELECT sipp.cohort(y, prior, sex, simd, asn, year) AS c FROM pupil GROUP BY school) x
	UNION ALL SELECT 'aliased', sipp.value_added(sipp.rename(c, 'prior', 'sex', 'simd', 'asn', 'year')) FROM (SELECT sipp.cohort(y, prior, sex, simd, asn, CASE sex WHEN 'F' THEN 1 ELSE 2 END) AS c FROM pupil GROUP BY school) x
	UNION ALL SELECT 'weighted', sipp.value_added(c) FROM (SELECT sipp.weighted_cohort(w, y, prior, sex, simd, asn, year) AS c FROM pupil GROUP BY school) x
	UNION ALL SELECT 'context', sipp.value_added(sipp.with_context(c, 'prior', 'sex', 'simd')) FROM (SELECT sipp.cohort(y, prior, sex, simd, asn, year) AS c FROM pupil GROUP BY school) x
	UNION ALL SELECT 'slope of sex', sipp.value_added(c, 'sex') FROM (SELECT sipp.cohort(y, prior, sex, simd, asn, year) AS c FROM pupil GROUP BY school) x
	UNION ALL SELECT 'slope of prior', sipp.value_added(c, 'prior') FROM (SELECT sipp.cohort(y, prior, sex, simd, asn, year) AS c FROM pupil GROUP BY school) x;

-- the same cohorts with the new pupils and made without
CREATE TABLE whole AS
SELECT school, kind, count(*) FILTER (WHERE new) AS new, max(n) AS most,
	   sipp.cohort(y, prior, sex, simd, asn, year) AS c, sipp.weighted_cohort(w, y, prior, sex, simd, asn, year) AS cw
FROM (SELECT *, count(*) FILTER (WHERE new) OVER (PARTITION BY school, sex, simd) AS n FROM stranger OFFSET 0) s GROUP BY school, kind;
CREATE TABLE part AS
SELECT school, sipp.cohort(y, prior, sex, simd, asn, year) AS c, sipp.weighted_cohort(w, y, prior, sex, simd, asn, year) AS cw
FROM known GROUP BY school;
CREATE TABLE compared AS
SELECT what, school, kind, w.new, CASE WHEN kind < 3 THEN 'sex' ELSE 'simd' END AS of,
	   to_jsonb(a) AS a, to_jsonb(b) AS b
FROM model, whole w JOIN part p USING (school),
	 LATERAL sipp.effect(CASE what WHEN 'weighted' THEN w.cw WHEN 'context' THEN sipp.with_context(w.c, 'prior', 'sex', 'simd') ELSE w.c END, m, false) a,
	 LATERAL sipp.effect(CASE what WHEN 'weighted' THEN p.cw WHEN 'context' THEN sipp.with_context(p.c, 'prior', 'sex', 'simd') ELSE p.c END, m, false) b;
SELECT what, count(DISTINCT school) AS schools, count(DISTINCT school) FILTER (WHERE new > 0) AS with_new,
	   bool_and((a->>'pupils')::int = (b->>'pupils')::int AND (a->>'unplaced')::int = new AND (b->>'unplaced')::int = 0) AS counts,
	   bool_and(same((a->>k)::float8, (b->>k)::float8)) AS figures,
	   bool_and((a->>'effect') IS NOT NULL) AS all_placed,
	   bool_and((new > 0) = coalesce((a->>'reason') LIKE '% left out: level% of term "' || of || '" % unknown to the model%', false)) AS reasons
FROM compared, unnest('{attainment,expected,raw_effect,effect,reliability,std_error,conditional_se,diagnostic_se,ci_low,ci_high,p_above,adjusted_attainment}'::text[]) k
WHERE what <> 'slope of prior' AND (what <> 'slope of sex' OR kind < 3)
GROUP BY what ORDER BY what;
-- what needs products within the rest: known if each new level is one pupil's
SELECT what, of, kind % 3 AS kind, bool_and(same((a->>'residual_sd')::float8, (b->>'residual_sd')::float8)) AS residual_sd,
	   count(a->>'residual_sd') > 0 AS some
FROM compared WHERE what IN ('plain', 'weighted', 'context') AND kind % 3 = 0 AND new > 0 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT bool_and(((a->>'reason') LIKE '%residual_sd is not known without them%') = ((a->>'residual_sd') IS NULL))
FROM compared WHERE (a->>'pupils')::int > 1;
SELECT of, kind % 3 AS kind, bool_and(CASE WHEN (a->>'effect') IS NULL THEN (a->>'reason') LIKE '%cross-products of the slope terms are not known%' AND (a->>'unplaced')::int = (b->>'pupils')::int + new
										   ELSE same((a->>'effect')::float8, (b->>'effect')::float8) AND same((a->>'std_error')::float8, (b->>'std_error')::float8) END) AS right,
	   count(a->>'effect') > 0 AS placed, count(a->>'effect') = count(*) AS all_placed
FROM compared WHERE what = 'slope of prior' AND new > 0 GROUP BY 1, 2 ORDER BY 1, 2;

-- each random term, where the slope is of the factor itself
SELECT count(*) AS terms, bool_and(same(a.effect, b.effect) AND same(a.conditional_se, b.conditional_se) AND same(a.std_error, b.std_error)) AS same,
	   bool_and((a.reason IS NOT NULL) = (new > 0)) AS reasons
FROM model, whole w JOIN part p USING (school), LATERAL sipp.slope_effects(w.c, m, false) a,
	 LATERAL sipp.slope_effects(p.c, m, false) b WHERE what = 'slope of sex' AND kind < 3 AND a.term = b.term;
-- groups of schools
SELECT what, (a).schools = (b).schools AND (a).left_out = 0 AS counts, same((a).effect, (b).effect) AND same((a).std_error, (b).std_error) AS same
FROM (SELECT what, sipp.group_effect(w.c, m) AS a, sipp.group_effect(p.c, m) AS b FROM model, whole w JOIN part p USING (school)
	  WHERE what = 'plain' OR what = 'slope of sex' AND kind < 3 GROUP BY what) x ORDER BY 1;
-- through storage
SELECT count(*), bool_and((a).effect = (b).effect) AS same
FROM (SELECT sipp.effect(w.c, m, false) AS a, sipp.effect(w.c::text::sipp.cohort, m, false) AS b FROM whole w, model WHERE what = 'plain') x;

--
-- what to do where nobody is left, or two terms have new levels
--
CREATE TABLE odd AS
SELECT school, sipp.cohort(y, prior, sex, simd, asn, year) AS c
FROM (SELECT 1 AS school, y, prior, 'X' AS sex, simd, asn, year FROM stranger WHERE school = 1
	  UNION ALL SELECT 2, y, prior, CASE i % 2 WHEN 0 THEN 'X' ELSE 'Y' END, simd, asn, year FROM stranger WHERE school = 2
	  UNION ALL SELECT 3, y, prior, CASE WHEN i % 5 = 0 THEN 'X' ELSE 'F' END, CASE WHEN i % 5 = 1 THEN 'd9' ELSE 'd1' END, asn, year FROM stranger WHERE school = 3
	  UNION ALL SELECT 4, NULL, prior, 'X', simd, asn, year FROM stranger WHERE school = 4
	  UNION ALL SELECT 5, y, prior, CASE WHEN i % 20 = 0 THEN 'F' ELSE 'X' || i END, 'd1', asn, year FROM stranger WHERE school = 5) s
GROUP BY school;
SELECT school, e.pupils, e.dropped, e.unplaced, e.attainment IS NULL AS no_attainment, e.effect IS NULL AS no_effect, e.reason
FROM odd, model, LATERAL sipp.effect(c, m, false) e WHERE what = 'plain' ORDER BY 1;
-- not for a level
SELECT e.pupils, e.dropped, e.unplaced, e.reason FROM odd, model, LATERAL sipp.effect(sipp.subset(c, 'prior'), m) e WHERE what = 'plain' AND school = 1;
SELECT e.pupils, e.unplaced, e.reason FROM odd, LATERAL sipp.effect(c, NULL) e WHERE school = 1;

-- context that is not of the cohort's own terms stays; shares of an unseen level do not fit
SELECT same(a.expected, b.expected) AS own_value_stays, a.reason IS NOT NULL AS reason
FROM (SELECT sipp.value_added(sipp.rename(sipp.with_context(c, 'prior'), 'prior', 'sex', 'peers')) AS m FROM (SELECT sipp.cohort(y, prior, sex) AS c FROM pupil GROUP BY school) x) x,
	 LATERAL (SELECT sipp.rename(sipp.with_context(sipp.cohort(y, prior, sex), 'prior'), 'prior', 'sex', 'peers') AS c,
					 avg(prior) AS peers, avg(prior) FILTER (WHERE NOT new) AS prior,
					 avg((sex = 'M')::int) FILTER (WHERE NOT new) AS male FROM stranger WHERE school = 61) s,
	 LATERAL sipp.effect(c, m, false) a,
	 LATERAL (SELECT sum(estimate * CASE term WHEN '(Intercept)' THEN 1 WHEN 'prior' THEN prior WHEN 'sex' THEN male ELSE peers END) AS expected
			  FROM sipp.coefficients(m)) b;
SELECT e.effect, e.reason
FROM (SELECT sipp.value_added(sipp.subset(sipp.with_context(c, 'sex'), 'prior', 'sex_mean')) AS m FROM (SELECT sipp.cohort(y, prior, sex) AS c FROM pupil GROUP BY school) x) x,
	 LATERAL (SELECT sipp.with_context(sipp.cohort(y, prior, sex), 'sex') AS c FROM stranger WHERE school = 61) s, LATERAL sipp.effect(c, m, false) e;

SET client_min_messages = warning;
DROP SCHEMA adjust_unseen CASCADE;
