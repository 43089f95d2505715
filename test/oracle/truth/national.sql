/*
 * A nation of 360 schools of 10 to 300 pupils, whose intakes differ: y = 10 + 2
 * x1 - 1.5 x2 + u + e, the means of x1 and the shares of x2 differing between
 * schools.  Variance of u .08, of e 1: reliabilities from .44 to .96.
 */
\set school_variance .08

CREATE TABLE school AS
SELECT rep, school, 1000 * rep + school AS id,
	   round(10 * 30 ^ uniform(1000 * rep + school, 1))::int AS pupils,
	   sqrt(:school_variance) * normal(1000 * rep + school, 2) AS u,
	   .5 * normal(1000 * rep + school, 3) AS intake,
	   1 / (1 + exp(.6 - .7 * normal(1000 * rep + school, 4))) AS share
FROM generate_series(1, :national_reps) rep, generate_series(1::bigint, 360) school;
ANALYZE school;

CREATE TABLE national AS
SELECT rep, school, sipp.cohort(10 + 2 * x1 - 1.5 * x2 + u + e, x1, x2) AS cohort
FROM (SELECT *, intake + radius(b) * cos(angle(b)) AS x1, radius(b) * sin(angle(b)) AS e
	  FROM (SELECT s.*, bits(1000 * id + i, 5) AS b, (uniform(1000 * id + i, 6) < share)::int AS x2
			FROM school s, LATERAL generate_series(1, pupils) i
			OFFSET 0) p
	  OFFSET 0) p
GROUP BY rep, school;
ANALYZE national;

CREATE TABLE result AS
WITH model AS MATERIALIZED (
	SELECT rep, sipp.value_added(cohort) AS model FROM national GROUP BY rep
)
SELECT s.*, e.effect, e.std_error, e.conditional_se, e.diagnostic_se, e.ci_low, e.ci_high, e.p_above
FROM model JOIN (SELECT * FROM national ORDER BY rep) c USING (rep) JOIN school s USING (rep, school),
	 LATERAL sipp.effect(c.cohort, model) e;

\echo '360 schools:' :national_reps 'replications'
SELECT must('% of 95% intervals that contain the true effect', 100 * avg((u BETWEEN ci_low AND ci_high)::int), 94.5, 95.5),
	   must('SD of (effect - truth) / std_error', stddev((effect - u) / std_error), .985, 1.015),
	   must('mean of (effect - truth) / std_error', avg((effect - u) / std_error), -.025, .025)
FROM result;

-- the same for those about whom a table of schools is most often wrong
SELECT must('the same % among ' || what, 100 * avg((u BETWEEN ci_low AND ci_high)::int), 94, 96)
FROM (SELECT *, ntile(4) OVER (ORDER BY intake) AS quarter FROM result) r,
	 LATERAL (VALUES (1, 'schools of under 25 pupils', pupils < 25), (2, 'schools of over 150', pupils > 150),
					 (3, 'the quarter with the lowest intake', quarter = 1),
					 (4, 'the quarter with the highest', quarter = 4)) v (n, what, is_one)
WHERE is_one
GROUP BY n, what ORDER BY n;

-- of ten schools with p_above .7, seven have a true effect above zero; within 3.5 standard errors
SELECT must(format('share above zero of %s schools with p_above in %s .. %s, mean %s', n, low, low + .1, round(p::numeric, 3)),
			above, p - 3.5 * sqrt(p * (1 - p) / n), p + 3.5 * sqrt(p * (1 - p) / n))
FROM (SELECT least(.9, trunc(p_above::numeric, 1)) AS low, count(*) AS n, avg(p_above) AS p, avg((u > 0)::int) AS above
	  FROM result GROUP BY 1) c
ORDER BY low;

-- authorities of twelve schools, against the mean of the nation's
SELECT must('% of group effects +- 1.96 std_error that contain the true one, relative to the nation''s',
			100 * avg((abs((g.e).effect - g.u - error) < 1.96 * (g.e).std_error)::int), 94, 96)
FROM (SELECT rep, sipp.group_effect(effect, std_error) AS e, avg(u) AS u
	  FROM result GROUP BY rep, school / 12) g
	 JOIN (SELECT rep, avg(effect - u) AS error FROM result GROUP BY rep) n USING (rep);

-- the one for how far effects spread is not the one for how far they err
SELECT must('SD of effect / diagnostic_se', stddev(effect / diagnostic_se), .985, 1.015),
	   must_fail('SD of (effect - truth) / diagnostic_se', stddev((effect - u) / diagnostic_se), .985)
FROM result;
