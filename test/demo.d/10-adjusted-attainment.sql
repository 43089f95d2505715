-- Deprivation-adjusted attainment: what each school adds for its pupils.

SET search_path = warehouse;

\echo 'Every school''s evidence, one row each: five years of leavers reduced to'
\echo 'counts, means and cross-products of the tariff and what the pupils brought.'
CREATE TABLE school_cohort AS
SELECT school_id, authority,
	   sipp.cohort(tariff, simd_decile::text, sex, asn, prior, year::text) AS cohort
FROM leaver
GROUP BY school_id, authority;

CREATE TABLE national AS
SELECT sipp.value_added(cohort) AS model FROM school_cohort;

CREATE TABLE effect AS
SELECT c.school_id, c.authority, e.*
FROM school_cohort c, national, LATERAL sipp.effect(c.cohort, model) e;

SELECT count(*) AS schools, sum(sipp.size(cohort)) AS pupils,
	   sum(sipp.dropped(cohort)) AS left_out,
	   round(avg(pg_column_size(cohort))) AS bytes_a_school
FROM school_cohort;

\echo 'The national model.  A pupil''s tariff points go with prior attainment, with'
\echo 'the deprivation of the home''s data zone (decile 1, the reference, is the most'
\echo 'deprived), sex, additional support needs and year:'
SELECT term, level, round(estimate::numeric, 2) AS estimate, round(std_error::numeric, 2) AS std_error,
	   round(ci_low::numeric, 2) AS ci_low, round(ci_high::numeric, 2) AS ci_high
FROM national, LATERAL sipp.coefficients(model);

\echo 'Most of the difference between schools is intake.  The same evidence without'
\echo 'covariates, and with them:'
WITH m AS (
	SELECT 1 AS n, 'raw' AS model, sipp.value_added(sipp.subset(cohort)) AS m FROM school_cohort
	UNION ALL
	SELECT 2, 'adjusted', model FROM national
), s AS (
	SELECT n, m.model, s.* FROM m, LATERAL sipp.fit_summary(m.m) s
)
SELECT s.model, schools, pupils, round(sqrt(school_variance)::numeric, 1) AS school_sd,
	   round(sqrt(pupil_variance)::numeric, 1) AS pupil_sd,
	   round(icc::numeric, 3) AS icc,
	   round(icc_low::numeric, 3) AS icc_low, round(icc_high::numeric, 3) AS icc_high,
	   round((100 * (1 - school_variance / first_value(school_variance) OVER (ORDER BY n)))::numeric) AS pct_explained
FROM s ORDER BY n;

\echo 'The ten schools that add most, with 95% intervals and sizes (tariff points a'
\echo 'pupil; reliability is how much of the raw figure is kept):'
SELECT rank() OVER (ORDER BY effect DESC) AS rank, name, authority, pupils,
	   round(raw_effect::numeric) AS raw_effect, round(reliability::numeric, 2) AS reliability,
	   round(effect::numeric) AS effect, round(ci_low::numeric) AS ci_low, round(ci_high::numeric) AS ci_high
FROM effect JOIN school USING (school_id, authority)
ORDER BY effect DESC NULLS LAST LIMIT 10;

\echo 'And the ten that add least:'
SELECT rank() OVER (ORDER BY effect DESC) AS rank, name, authority, pupils,
	   round(raw_effect::numeric) AS raw_effect, round(reliability::numeric, 2) AS reliability,
	   round(effect::numeric) AS effect, round(ci_low::numeric) AS ci_low, round(ci_high::numeric) AS ci_high
FROM effect JOIN school USING (school_id, authority)
ORDER BY effect NULLS LAST LIMIT 10;

\echo 'How far the two rankings, by mean tariff and by effect, differ:'
WITH r AS (
	SELECT rank() OVER (ORDER BY attainment DESC) AS raw, rank() OVER (ORDER BY effect DESC) AS adjusted,
		   count(*) OVER () AS n
	FROM effect WHERE effect IS NOT NULL
)
SELECT round(corr(raw, adjusted)::numeric, 2) AS rank_correlation,
	   percentile_disc(.5) WITHIN GROUP (ORDER BY abs(raw - adjusted)) AS median_move,
	   max(abs(raw - adjusted)) AS largest_move,
	   count(*) FILTER (WHERE 4 * raw <= n) AS top_quarter_raw,
	   count(*) FILTER (WHERE 4 * raw <= n AND 4 * adjusted <= n) AS of_which_adjusted_too,
	   count(*) FILTER (WHERE 4 * raw > 3 * n AND 4 * adjusted <= n) AS bottom_raw_top_adjusted
FROM r;

\echo 'With context, the school''s mean prior attainment as one more covariate, the'
\echo 'model asks what a head can change; without, what parents see.  The slope of the'
\echo 'company kept, and how far schools move (here the generator gave it no effect):'
WITH m AS (
	SELECT sipp.value_added(sipp.with_context(cohort, 'prior')) AS model FROM school_cohort
), e AS (
	SELECT school_id, e.effect
	FROM school_cohort c, m, LATERAL sipp.effect(sipp.with_context(c.cohort, 'prior'), m.model) e
), moved AS (
	SELECT max(abs(a.place - b.place)) AS moved, corr(a.place, b.place) AS r
	FROM (SELECT school_id, rank() OVER (ORDER BY effect DESC) AS place FROM effect) a
		 JOIN (SELECT school_id, rank() OVER (ORDER BY effect DESC) AS place FROM e) b USING (school_id)
)
SELECT c.term, round(c.estimate::numeric, 2) AS estimate, round(c.std_error::numeric, 2) AS std_error,
	   round(s.within_between_p::numeric, 3) AS within_between_p,
	   round(moved.r::numeric, 3) AS rank_correlation, moved.moved AS largest_move
FROM m, moved, LATERAL sipp.coefficients(m.model) c, LATERAL sipp.fit_summary(m.model) s
WHERE c.term LIKE 'prior%';

\echo 'How well the truth, known for generated schools, was recovered.  The intervals'
\echo 'are for the years observed; part of what a school does in a year is gone the'
\echo 'next, so they cover the lasting effect less often.  Say "in these years":'
SELECT count(*) AS schools,
	   round(corr(e.effect, o.observed_effect)::numeric, 2) AS correlation,
	   round(100.0 * avg((o.observed_effect BETWEEN e.ci_low AND e.ci_high)::int), 1) AS pct_cover_observed,
	   round(100.0 * avg((o.lasting_effect BETWEEN e.ci_low AND e.ci_high)::int), 1) AS pct_cover_lasting,
	   round(sqrt(avg((e.effect - o.observed_effect) ^ 2))::numeric, 1) AS rmse_adjusted,
	   round(sqrt(avg((e.attainment - m.mean - o.observed_effect) ^ 2))::numeric, 1) AS rmse_raw
FROM effect e JOIN school_truth_observed o USING (school_id),
	 (SELECT sipp.mean(sipp.merge(cohort)) AS mean FROM school_cohort) m
WHERE e.effect IS NOT NULL;

\if :scotssec
\echo 'The same on real pupils: attainment at 16 in 19 Scottish secondaries of the'
\echo '1970s and 80s, given verbal reasoning at entry, social class and sex (ScotsSec).'
\echo 'Few schools and little between them: look at the intervals.'
WITH c AS (
	SELECT second, sipp.cohort(attain, verbal, social, sex) AS cohort FROM scotssec GROUP BY second
), m AS (
	SELECT sipp.value_added(cohort) AS model FROM c
)
SELECT rank() OVER (ORDER BY e.effect DESC) AS rank, second AS school, e.pupils,
	   round(e.attainment::numeric, 2) AS attainment, round(e.expected::numeric, 2) AS expected,
	   round(e.effect::numeric, 2) AS effect, round(e.ci_low::numeric, 2) AS ci_low,
	   round(e.ci_high::numeric, 2) AS ci_high, round(e.p_above::numeric, 2) AS p_above
FROM c, m, LATERAL sipp.effect(c.cohort, m.model) e
ORDER BY rank;
\endif
