-- Virtual school: every school beside similar pupils from elsewhere.

SET search_path = warehouse;
-- the notices say what the column max_left_out_share shows
SET client_min_messages = warning;

\echo 'For each leaver of 2024 the pool: pupils of the same sex, support needs, leaving'
\echo 'stage and deprivation twentieth, in other authorities.  Each school beside the'
\echo 'mean of its pupils'' pools, and the verdict on the difference:'
CREATE TABLE matched AS
SELECT pupil_id, school_id, authority, sex, asn, stage, simd_vigintile, tariff, prior,
	   literacy AND numeracy AS lit_num, positive_destination,
	   sipp.comparator(tariff, school_id, authority) OVER cell AS peer,
	   sipp.comparator(literacy AND numeracy, school_id, authority) OVER cell AS lit_num_peer,
	   sipp.comparator(positive_destination, school_id, authority) OVER cell AS destination_peer,
	   sipp.comparator(prior, school_id, authority) OVER cell AS prior_peer
FROM leaver WHERE year = 2024
WINDOW cell AS (PARTITION BY sex, asn, stage, simd_vigintile);

CREATE TABLE virtual AS
WITH b AS (
	SELECT s.school_id, s.authority, b.*
	FROM (SELECT school_id, authority, sipp.virtual_school(tariff, peer) AS v
		  FROM matched GROUP BY school_id, authority) s, LATERAL (SELECT (s.v).*) b
), v AS (
	SELECT *, sipp.school_variance(difference, std_error) OVER () AS school_variance FROM b
)
SELECT v.*, r.z_schools, r.p_value AS p_schools, r.verdict, r.flip_risk AS flip_risk_schools,
	   sipp.fdr(r.p_value) OVER () AS fdr
FROM v, LATERAL sipp.verdict(difference, std_error, school_variance, draw_se) r;

SELECT count(*) AS schools, sum(pupils) AS pupils, sum(unmatched) AS unmatched, sum(single_pool) AS pool_of_one,
	   round(sqrt(max(school_variance))::numeric, 1) AS school_sd,
	   count(*) FILTER (WHERE abs(z) > 1.96) AS no_random_sample,
	   count(*) FILTER (WHERE verdict = 'higher') AS higher,
	   count(*) FILTER (WHERE verdict = 'lower') AS lower,
	   count(*) FILTER (WHERE fdr < .1) AS fdr_below_10pct
FROM virtual;

\echo 'A pupil-level z beyond 1.96 (no_random_sample) only says that a school is a school:'
\echo 'schools differ, and ordinary differences are "significant" in a large one.  The'
\echo 'verdict asks whether it stands out among schools.  The ten furthest above their'
\echo 'virtual school:'
SELECT name, v.authority, pupils, round(actual) AS actual, round(virtual) AS virtual, round(difference) AS difference,
	   round(std_error::numeric) AS std_error, round(z_schools::numeric, 2) AS z_schools, verdict,
	   round(max_left_out_share::numeric, 2) AS left_out
FROM virtual v JOIN school USING (school_id)
ORDER BY z_schools DESC NULLS LAST LIMIT 10;

\echo 'And the ten furthest below:'
SELECT name, v.authority, pupils, round(actual) AS actual, round(virtual) AS virtual, round(difference) AS difference,
	   round(std_error::numeric) AS std_error, round(z_schools::numeric, 2) AS z_schools, verdict,
	   round(max_left_out_share::numeric, 2) AS left_out
FROM virtual v JOIN school USING (school_id)
ORDER BY z_schools NULLS LAST LIMIT 10;

\echo 'On how many of these twenty does adjusted attainment of the same year agree (its'
\echo '95% interval on the same side of zero)?  It adjusts for prior attainment and not'
\echo 'for the leaving stage, so it asks another question:'
WITH c AS (
	SELECT school_id, sipp.cohort(tariff, simd_decile::text, sex, asn, prior) AS cohort
	FROM leaver WHERE year = 2024 GROUP BY school_id
), m AS (
	SELECT sipp.value_added(cohort) AS model FROM c
), e AS (
	SELECT c.school_id, e.* FROM c, m, LATERAL sipp.effect(c.cohort, m.model) e
), extreme AS (
	SELECT school_id, difference, effect, ci_low, ci_high
	FROM (SELECT *, row_number() OVER (ORDER BY z_schools DESC NULLS LAST) AS top,
				 row_number() OVER (ORDER BY z_schools NULLS LAST) AS bottom FROM virtual) v
		 JOIN e USING (school_id)
	WHERE top <= 10 OR bottom <= 10
)
SELECT count(*) AS schools,
	   count(*) FILTER (WHERE sign(effect) = sign(difference)) AS same_direction,
	   count(*) FILTER (WHERE CASE WHEN difference > 0 THEN ci_low > 0 ELSE ci_high < 0 END) AS interval_agrees,
	   (SELECT round(corr(v.difference, e.effect)::numeric, 2) FROM virtual v JOIN e USING (school_id)) AS correlation_of_all
FROM extreme;

\echo 'The lottery that is avoided.  Drawing ten comparators a pupil, as Insight does,'
\echo 'adds noise.  One such draw (seed 1), and how many verdicts it changes; expected is'
\echo 'the sum of the flip risks:'
WITH drawn AS (
	SELECT school_id, pupil_id, tariff, comparator_id
	FROM (SELECT school_id, pupil_id, tariff,
				 sipp.comparator_draw(pupil_id, school_id, authority, seed => 1)
					 OVER (PARTITION BY sex, asn, stage, simd_vigintile) AS picks
		  FROM leaver WHERE year = 2024 AND tariff IS NOT NULL) d,
		 LATERAL unnest(picks) comparator_id
), pupil AS (
	SELECT d.school_id, d.pupil_id, d.tariff - avg(l.tariff) AS difference
	FROM drawn d JOIN leaver l ON l.pupil_id = d.comparator_id
	GROUP BY d.school_id, d.pupil_id, d.tariff
), lot AS (
	SELECT school_id, avg(difference) AS difference FROM pupil GROUP BY school_id
)
SELECT count(*) AS schools, round(sqrt(avg(v.draw_se ^ 2))::numeric, 1) AS draw_se,
	   round(sqrt(avg((lot.difference - v.difference) ^ 2))::numeric, 1) AS sd_of_this_draw,
	   count(*) FILTER (WHERE r.verdict <> v.verdict) AS verdicts_changed,
	   round(sum(v.flip_risk_schools)::numeric, 1) AS expected
FROM lot JOIN virtual v USING (school_id),
	 LATERAL sipp.verdict(lot.difference, v.std_error, v.school_variance) r;

\echo 'One school''s card: of the highest ten the one with the most pupils in a small'
\echo 'pool.  Measures (shares in per cent, p-values about its pupils):'
CREATE TEMP TABLE card AS
SELECT school_id, v.authority
FROM (SELECT * FROM virtual ORDER BY z_schools DESC NULLS LAST LIMIT 10) v JOIN matched m USING (school_id)
GROUP BY school_id, v.authority
ORDER BY count(*) FILTER (WHERE sipp.pool(m.peer) < 30) DESC, school_id LIMIT 1;

SELECT name, s.authority, pupils, matched, unmatched, dropped AS no_tariff, round(ess::numeric) AS ess, single_pool,
	   round(max_left_out_share::numeric, 2) AS left_out, round(effect_size::numeric, 2) AS effect_size,
	   round(flip_risk_schools::numeric, 3) AS flip_risk, verdict
FROM virtual JOIN school s USING (school_id) WHERE school_id = (SELECT school_id FROM card);

SELECT measure, round((100 * (b).actual)::numeric, 1) AS school, round((100 * (b).virtual)::numeric, 1) AS virtual,
	   (b).successes, round((b).expected::numeric, 1) AS expected, round((b).p_value::numeric, 4) AS p_value
FROM (SELECT 'literacy and numeracy' AS measure, sipp.virtual_school_share(lit_num, lit_num_peer) AS b
	  FROM matched JOIN card USING (school_id)
	  UNION ALL
	  SELECT 'positive destination', sipp.virtual_school_share(positive_destination, destination_peer)
	  FROM matched JOIN card USING (school_id)) m;

\echo 'Attainment for all (mean tariff of the lowest 20%, middle 60%, highest 20%), the'
\echo 'virtual school''s on the weighted pool:'
WITH cell AS (
	SELECT sex, asn, stage, simd_vigintile, count(*) AS n
	FROM matched JOIN card USING (school_id) WHERE tariff IS NOT NULL GROUP BY 1, 2, 3, 4
), pool AS (
	SELECT m.tariff, c.n::float8 / count(*) OVER (PARTITION BY sex, asn, stage, simd_vigintile) AS weight
	FROM matched m JOIN cell c USING (sex, asn, stage, simd_vigintile)
	WHERE m.tariff IS NOT NULL AND m.authority <> (SELECT authority FROM card)
)
SELECT who, (b).pupils, round((b).lowest_20) AS lowest_20, round((b).middle_60) AS middle_60, round((b).highest_20) AS highest_20
FROM (SELECT 'school' AS who, sipp.attainment_bands(tariff) AS b FROM matched JOIN card USING (school_id)
	  UNION ALL
	  SELECT 'virtual school', sipp.attainment_bands(tariff, weight) FROM pool) b;

\echo 'Attainment by deprivation: the tariff of each fifth (1: most deprived) beside'
\echo 'similar pupils'':'
SELECT (simd_vigintile + 3) / 4 AS fifth, (b).pupils, (b).unmatched, round((b).actual) AS school, round((b).virtual) AS virtual,
	   round((b).difference) + 0 AS difference, round((b).std_error) AS std_error
FROM (SELECT (simd_vigintile + 3) / 4 * 4 AS simd_vigintile, sipp.virtual_school(tariff, peer) AS b
	  FROM matched JOIN card USING (school_id) GROUP BY 1) f
ORDER BY fifth;

\echo 'Is the match good?  Prior attainment was not matched on:'
SELECT 'prior' AS covariate, round((b).actual::numeric, 1) AS school, round((b).virtual::numeric, 1) AS virtual,
	   round((b).smd::numeric, 2) AS smd, round((b).variance_ratio::numeric, 2) AS variance_ratio, (b).verdict
FROM (SELECT sipp.balance(prior, prior_peer) AS b FROM matched JOIN card USING (school_id)) b;

\echo 'Matched on it too, in bands of 20 points, cells get small: the shortage, by rung of'
\echo 'a ladder from the deprivation twentieth to the tenth to the fifth, and the'
\echo 'benchmark on it (the nation in the last row, which has no standard error):'
WITH l AS (
	SELECT school_id, tariff,
		   sipp.comparator(tariff, school_id, authority) OVER (PARTITION BY sex, asn, stage, band, simd_vigintile) AS fine,
		   sipp.comparator(tariff, school_id, authority) OVER (PARTITION BY sex, asn, stage, band, simd_decile) AS middle,
		   sipp.comparator(tariff, school_id, authority) OVER (PARTITION BY sex, asn, stage, band, simd_quintile) AS coarse
	FROM (SELECT *, width_bucket(prior, 0, 200, 10) AS band FROM leaver WHERE year = 2024) l
), r AS (
	SELECT school_id, tariff,
		   CASE WHEN sipp.pool(fine) >= 10 THEN 'twentieth' WHEN sipp.pool(middle) >= 10 THEN 'tenth' ELSE 'fifth' END AS rung,
		   CASE WHEN sipp.pool(fine) >= 10 THEN fine WHEN sipp.pool(middle) >= 10 THEN middle ELSE coarse END AS peer
	FROM l
), b AS (
	SELECT school_id, sipp.virtual_school(tariff, peer) AS b,
		   count(*) FILTER (WHERE rung = 'twentieth') AS twentieth, count(*) FILTER (WHERE rung = 'tenth') AS tenth,
		   count(*) FILTER (WHERE rung = 'fifth') AS fifth
	FROM r GROUP BY GROUPING SETS (school_id, ())
)
SELECT coalesce(name, 'nation') AS name, (b).pupils, twentieth, tenth, fifth, (b).unmatched, (b).single_pool,
	   round((b).difference) + 0 AS difference, round((b).std_error) AS std_error
FROM b LEFT JOIN school USING (school_id)
WHERE school_id IS NULL OR school_id = (SELECT school_id FROM card)
ORDER BY school_id;

\echo 'With and without leaving stage.  Schools that teach well keep their pupils, so'
\echo 'matching on stage, as Insight does, hides part of what they do:'
WITH without AS (
	SELECT school_id, (v).difference, (v).std_error
	FROM (SELECT school_id, sipp.virtual_school(tariff, peer) AS v
		  FROM (SELECT school_id, tariff,
					   sipp.comparator(tariff, school_id, authority) OVER (PARTITION BY sex, asn, simd_vigintile) AS peer
				FROM leaver WHERE year = 2024) p
		  GROUP BY school_id) s
), w AS (
	SELECT *, sipp.school_variance(difference, std_error) OVER () AS school_variance FROM without
)
SELECT round(sqrt(max(v.school_variance))::numeric, 1) AS school_sd_with_stage,
	   round(sqrt(max(w.school_variance))::numeric, 1) AS without_stage,
	   round(corr(v.difference, w.difference)::numeric, 2) AS correlation,
	   count(*) FILTER (WHERE r.verdict <> v.verdict) AS other_verdict
FROM virtual v JOIN w USING (school_id),
	 LATERAL sipp.verdict(w.difference, w.std_error, w.school_variance) r;
