/*
 * A region of 12 schools of 20 pupils: y = x + .3 s + u + e, with s and t one
 * number a school each, variance of u .5, of e 1.  Few schools tell little about
 * how schools differ, and normal intervals pretend otherwise.
 */
CREATE TABLE few_school AS
SELECT rep, school, 1000 * rep + school AS id,
	   sqrt(.5) * normal(1000 * rep + school, 11) AS u,
	   normal(1000 * rep + school, 12) AS s,
	   normal(1000 * rep + school, 13) AS t,
	   -- the first twelve are fitted, the others come later
	   school <= 12 AS fitted
FROM generate_series(1, :few_reps) rep, generate_series(1::bigint, 24) school;
ANALYZE few_school;

CREATE TABLE few AS
SELECT rep, school, fitted, sipp.cohort(x + .3 * s + u + e, x, s, t) AS cohort
FROM (SELECT *, radius(b) * cos(angle(b)) AS x, radius(b) * sin(angle(b)) AS e
	  FROM (SELECT f.*, bits(1000 * id + i, 14) AS b
			FROM few_school f, LATERAL generate_series(1, 20) i
			OFFSET 0) p
	  OFFSET 0) p
GROUP BY rep, school, fitted;
ANALYZE few;

CREATE TABLE few_model AS
SELECT rep, sipp.value_added(cohort) AS model, sipp.value_added_ml(cohort) AS ml
FROM few WHERE fitted GROUP BY rep;

CREATE TABLE few_result AS
SELECT s.*, e.effect, e.std_error, e.conditional_se, e.diagnostic_se, e.ci_low, e.ci_high
FROM few_model m JOIN (SELECT * FROM few ORDER BY rep) c USING (rep) JOIN few_school s USING (rep, school, fitted),
	 LATERAL sipp.effect(c.cohort, m.model, fitted) e;

\echo '12 schools of a fit, and 12 that come later:' :few_reps 'replications'

-- three columns, the intercept, s and t, are constant in every school: t with
-- 12 - 3 degrees of freedom.  A fit without an interval contains nothing.
SELECT must('% of 95% intervals (t, 9 df) that contain the true effect',
			100 * avg(coalesce(u BETWEEN ci_low AND ci_high, false)::int), 94, 97),
	   must_fail('% of effect +- 1.96 std_error', 100 * avg((abs(effect - u) < 1.96 * std_error)::int), 94),
	   must_fail('% of effect +- 1.96 conditional_se', 100 * avg((abs(effect - u) < 1.96 * conditional_se)::int), 94),
	   must_fail('% of effect +- t(9) conditional_se', 100 * avg((abs(effect - u) < 2.262 * conditional_se)::int), 94)
FROM few_result WHERE fitted;

SELECT must('of schools outside the fit, % of 95% intervals that contain the true effect',
			100 * avg(coalesce(u BETWEEN ci_low AND ci_high, false)::int), 94, 97),
	   must_fail('of these, % of effect +- t(9) conditional_se', 100 * avg((abs(effect - u) < 2.262 * conditional_se)::int), 94)
FROM few_result WHERE NOT fitted;

-- REML gets the variances right on average, ML takes that between schools for smaller
SELECT must('mean school_variance by REML, truth .5, within 3 standard errors', reml, .5 - 3 * reml_se, .5 + 3 * reml_se),
	   must('mean pupil_variance by REML, truth 1, within 3 standard errors', pupil, 1 - 3 * pupil_se, 1 + 3 * pupil_se),
	   must_fail('mean school_variance by ML', ml, .5 - 3 * ml_se)
FROM (SELECT avg((r.s).school_variance) AS reml, stddev((r.s).school_variance) / sqrt(count(*)) AS reml_se,
			 avg((r.s).pupil_variance) AS pupil, stddev((r.s).pupil_variance) / sqrt(count(*)) AS pupil_se,
			 avg((r.m).school_variance) AS ml, stddev((r.m).school_variance) / sqrt(count(*)) AS ml_se
	  FROM (SELECT sipp.fit_summary(model) AS s, sipp.fit_summary(ml) AS m FROM few_model) r) v;

-- Satterthwaite's degrees of freedom make the difference where schools are the units
CREATE TABLE few_coefficient AS
SELECT c.*, truth FROM few_model, LATERAL sipp.coefficients(model) c
JOIN (VALUES ('(Intercept)', 0), ('x', 1), ('s', .3), ('t', 0)) v (term, truth) USING (term);

SELECT must(format('coefficient %s: %% of 95%% intervals that contain it, mean df %s', term, round(avg(df)::numeric, 1)),
			100 * avg((truth BETWEEN ci_low AND ci_high)::int), 93.5, 96.5)
FROM few_coefficient GROUP BY term ORDER BY term;
SELECT must_fail(format('coefficient %s: %% of estimate +- 1.96 std_error', term),
				 100 * avg((abs(estimate - truth) < 1.96 * std_error)::int), 93.5)
FROM few_coefficient WHERE term IN ('s', 't') GROUP BY term ORDER BY term;
SELECT must('% of p values of t, which has no effect, below .05', 100 * avg((p_value < .05)::int), 3.5, 6.5)
FROM few_coefficient WHERE term = 't';
