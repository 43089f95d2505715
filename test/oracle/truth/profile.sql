/*
 * 30 schools of 20 pupils, y = x + u + e: intervals of variances, the test for a
 * difference between schools where there is none, and how far the effects of
 * schools outside the fit spread.
 */
CREATE TABLE thirty_school AS
SELECT rep, school, variance, 1000 * rep + school AS id,
	   sqrt(variance) * normal(1000 * rep + school, 21) AS u,
	   normal(1000 * rep + school, 22) AS s,
	   school <= 30 AS fitted
FROM generate_series(1, :thirty_reps) rep, (VALUES (0), (.5)) v (variance),
	 generate_series(1::bigint, 42) school
WHERE school <= 30 OR variance > 0;
ANALYZE thirty_school;

CREATE TABLE thirty AS
SELECT rep, school, variance, fitted, sipp.cohort(x + u + e, x, s) AS cohort
FROM (SELECT *, radius(b) * cos(angle(b)) AS x, radius(b) * sin(angle(b)) AS e
	  FROM (SELECT f.*, bits(1000 * id + i, CASE variance WHEN 0 THEN 23 ELSE 24 END) AS b
			FROM thirty_school f, LATERAL generate_series(1, 20) i
			OFFSET 0) p
	  OFFSET 0) p
GROUP BY rep, school, variance, fitted;
ANALYZE thirty;

CREATE TABLE thirty_model AS
SELECT rep, variance, model, s.*
FROM (SELECT rep, variance, sipp.value_added(cohort) AS model FROM thirty WHERE fitted GROUP BY rep, variance OFFSET 0) m,
	 LATERAL sipp.fit_summary(model) s;

\echo '30 schools:' :thirty_reps 'replications'
SELECT must('% of profile intervals that contain school_variance, within 3 standard errors of 95',
			100 * avg((variance BETWEEN school_variance_low AND school_variance_high)::int), 95 - bound, 95 + bound),
	   must('% of profile intervals that contain icc, likewise',
			100 * avg((variance / (1 + variance) BETWEEN icc_low AND icc_high)::int), 95 - bound, 95 + bound),
	   must('% that lie above it', 100 * avg((variance < school_variance_low)::int), 1.5, 3.5),
	   must('% that lie below it', 100 * avg((variance > school_variance_high)::int), 1.5, 3.5)
FROM thirty_model, (SELECT 300 * sqrt(.95 * .05 / :thirty_reps) AS bound) b
WHERE variance > 0
GROUP BY bound;

-- the usual large-sample interval of a variance
SELECT must_fail('% of school_variance +- 1.96 of its asymptotic standard errors',
				 100 * avg((abs(school_variance - variance) <
							1.96 * sqrt(2 / 28.0) * (school_variance + pupil_variance / 20))::int), 93.8)
FROM thirty_model WHERE variance > 0;

\echo 'no difference between schools:'
SELECT must('% of lr_p_value below .05', 100 * avg((lr_p_value < .05)::int), 3.5, 6),
	   must('% of fits that are singular, more than half', 100 * avg(singular::int), 50, 65),
	   must('of singular fits, % with an upper limit of school_variance above zero',
			100 * avg((school_variance_high > 0)::int) FILTER (WHERE singular), 100, 100),
	   must('% of profile intervals that contain zero', 100 * avg((school_variance_low = 0)::int), 95, 99)
FROM thirty_model WHERE variance = 0;

-- How far effects spread depends on whether the school had a part in the fit;
-- of those in it, REML makes this ratio one.
SELECT must('of schools outside the fit, square root of mean effect^2 / mean diagnostic_se^2',
			sqrt(avg(r.effect ^ 2) / avg(r.diagnostic_se ^ 2)), .98, 1.02)
FROM (SELECT e.* FROM thirty c JOIN thirty_model m USING (rep, variance), LATERAL sipp.effect(c.cohort, m.model, false) e
	  WHERE variance > 0 AND NOT fitted) r;
SELECT must_fail('the same of schools inside the fit, taken for outsiders',
				 sqrt(avg(r.effect ^ 2) / avg(r.diagnostic_se ^ 2)), .98)
FROM (SELECT e.* FROM thirty c JOIN thirty_model m USING (rep, variance), LATERAL sipp.effect(c.cohort, m.model, false) e
	  WHERE variance > 0 AND fitted) r;
