/*
 * 200 schools of 50 to 150 pupils in which x matters differently: y = 1 + .5 x +
 * u0 + u1 x + e, x of mean 1; variances of u0 .1, of u1 .04, correlation .4.
 */
CREATE TABLE slope_school AS
SELECT *, sqrt(.1) * radius(b) * cos(angle(b)) AS u0,
	   sqrt(.04) * radius(b) * (.4 * cos(angle(b)) + sqrt(.84) * sin(angle(b))) AS u1
FROM (SELECT rep, school, 1000 * rep + school AS id, bits(1000 * rep + school, 41) AS b,
			 (50 + 100 * uniform(1000 * rep + school, 42))::int AS pupils,
			 1 + .3 * normal(1000 * rep + school, 43) AS intake
	  FROM generate_series(1, :slope_reps) rep, generate_series(1::bigint, 200) school
	  OFFSET 0) s;
ANALYZE slope_school;

CREATE TABLE slope AS
SELECT rep, school, sipp.cohort(1 + .5 * x + u0 + u1 * x + e, x) AS cohort
FROM (SELECT *, intake + radius(bits) * cos(angle(bits)) AS x, radius(bits) * sin(angle(bits)) AS e
	  FROM (SELECT s.*, bits(1000 * id + i, 44) AS bits
			FROM slope_school s, LATERAL generate_series(1, pupils) i
			OFFSET 0) p
	  OFFSET 0) p
GROUP BY rep, school;
ANALYZE slope;

CREATE TABLE slope_model AS
SELECT rep, sipp.value_added(cohort, 'x') AS model, sipp.mean(sipp.merge(cohort), 'x') AS mean_x FROM slope GROUP BY rep;

\echo 'random slopes, 200 schools:' :slope_reps 'replications'
SELECT must(format('%% of effects +- 1.96 std_error of %s that contain the true one', term),
			100 * avg((abs(effect - truth) < 1.96 * std_error)::int), 94, 96),
	   must(format('of %s, SD of (effect - truth) / std_error', term), stddev((effect - truth) / std_error), .97, 1.03)
FROM (SELECT e.*, CASE term WHEN 'x' THEN s.u1 ELSE s.u0 END AS truth
	  FROM slope_model m JOIN (SELECT * FROM slope ORDER BY rep) c USING (rep) JOIN slope_school s USING (rep, school),
		   LATERAL sipp.slope_effects(c.cohort, m.model) e) r
GROUP BY term ORDER BY term;

CREATE TABLE slope_result AS
SELECT e.*, s.u0 + s.u1 * m.mean_x AS truth
FROM slope_model m JOIN (SELECT * FROM slope ORDER BY rep) c USING (rep) JOIN slope_school s USING (rep, school),
	 LATERAL sipp.effect(c.cohort, m.model) e;

SELECT must('% of 95% intervals of sipp.effect that contain the effect at the mean of x',
			100 * avg((truth BETWEEN ci_low AND ci_high)::int), 94, 96),
	   must('SD of (effect - truth) / std_error', stddev((effect - truth) / std_error), .97, 1.03)
FROM slope_result;

SELECT must_fail('the same % without the random slope',
				 100 * avg((truth BETWEEN ci_low AND ci_high)::int), 94)
FROM (SELECT e.*, s.u0 + s.u1 * mean_x AS truth
	  FROM (SELECT rep, sipp.value_added(cohort) AS model, sipp.mean(sipp.merge(cohort), 'x') AS mean_x FROM slope GROUP BY rep) m
		   JOIN (SELECT * FROM slope ORDER BY rep) c USING (rep) JOIN slope_school s USING (rep, school),
		   LATERAL sipp.effect(c.cohort, m.model) e) r;

SELECT must(format('mean covariance of %s and %s, truth %s, within 3 standard errors', term_1, term_2, truth),
			avg(covariance), truth - 3 * stddev(covariance) / sqrt(count(*)), truth + 3 * stddev(covariance) / sqrt(count(*)))
FROM slope_model, LATERAL sipp.school_covariance(model),
	 LATERAL (SELECT CASE WHEN term_1 <> term_2 THEN round(.4 * sqrt(.1 * .04), 5) WHEN term_1 = 'x' THEN .04 ELSE .1 END AS truth) t
GROUP BY term_1, term_2, truth ORDER BY term_1, term_2;
