/*
 * A nation of 360 schools of 120 to 220 leavers in each of three years: y = year
 * + u + v + e, where u lasts and v is the school's in that year.  The
 * variance of u + v is that of an icc of .08, and 30% of it is v's.  Years are
 * merged before the fit, and year is a factor of it.
 */
\set pair_variance '(.08 / .92)'
\set year_share .3

CREATE TABLE years_school AS
SELECT rep, school, 1000 * rep + school AS id,
	   (120 + 100 * uniform(1000 * rep + school, 31))::int AS pupils,
	   sqrt((1 - :year_share) * :pair_variance) * normal(1000 * rep + school, 32) AS u
FROM generate_series(1, :years_reps) rep, generate_series(1::bigint, 360) school;
ANALYZE years_school;

CREATE TABLE school_year AS
SELECT s.*, year, 10 * id + year AS id_year,
	   sqrt(:year_share * :pair_variance) * normal(10 * id + year, 34) AS v
FROM years_school s, generate_series(1, 3) year;
ANALYZE school_year;

CREATE TABLE year_cohort AS
SELECT rep, school, year, sipp.cohort(year + u + v + e, year::text) AS cohort
FROM (SELECT y.*, normal(1000 * id_year + i, 35) AS e
	  FROM school_year y, LATERAL generate_series(1, pupils) i) p
GROUP BY rep, school, year;

CREATE TABLE merged AS
SELECT rep, school, sipp.merge(cohort) AS cohort FROM year_cohort GROUP BY rep, school;
ANALYZE merged;

CREATE TABLE years_model AS
SELECT rep, sipp.value_added(cohort) AS model FROM merged GROUP BY rep;

CREATE TABLE years_result AS
SELECT e.*, t.u AS lasting, t.observed, t.gone
FROM years_model m JOIN (SELECT * FROM merged ORDER BY rep) c USING (rep)
	 -- what remains of v in the mean of three years
	 JOIN (SELECT rep, school, u, avg(u + v) AS observed, :year_share * :pair_variance / 3 AS gone
		   FROM school_year GROUP BY rep, school, u) t USING (rep, school),
	 LATERAL sipp.effect(c.cohort, m.model) e;

\echo 'three merged years, 30% of the school variance a year''s own:' :years_reps 'replications'
SELECT must('% of 95% intervals that contain the effect of the years observed',
			100 * avg((observed BETWEEN ci_low AND ci_high)::int), 94.2, 95.8),
	   must_fail('% that contain the lasting effect, which they are not for',
				 100 * avg((lasting BETWEEN ci_low AND ci_high)::int), 94.2),
	   must('the same, known to be near 63', 100 * avg((lasting BETWEEN ci_low AND ci_high)::int), 60, 66),
	   -- u shrunken with v: effect - u has variance std_error^2 + var(mean v) (2 reliability - 1)
	   must('SD of (effect - lasting) / what it should be, had one the nested model',
			stddev((effect - lasting) / sqrt(std_error ^ 2 + gone * (2 * reliability - 1))), .97, 1.03)
FROM years_result;

/*
 * One row, one unit: 40 schools of 10 pupils in each of three years, s one number
 * a school.  School-years fitted as if they were schools claim three times the
 * schools that there are.
 */
CREATE TABLE unit_cohort AS
SELECT rep, school, year, sipp.cohort(u + v + normal(1000 * (10 * id + year) + i, 36), s) AS cohort
FROM (SELECT rep, school, id, year, s, u, sqrt(.06) * normal(10 * id + year, 37) AS v
	  FROM (SELECT rep, school, 1000 * rep + school AS id, normal(1000 * rep + school, 38) AS s,
				   sqrt(.14) * normal(1000 * rep + school, 39) AS u
			FROM generate_series(1, :unit_reps) rep, generate_series(1::bigint, 40) school
			OFFSET 0) s,
		   generate_series(1, 3) year
	  OFFSET 0) y,
	 LATERAL generate_series(1, 10) i
GROUP BY rep, school, year;
ANALYZE unit_cohort;

\echo 'a coefficient between 40 schools:' :unit_reps 'replications'
SELECT must('years merged, % of 95% intervals that contain it', 100 * avg((0 BETWEEN ci_low AND ci_high)::int), 93, 97)
FROM (SELECT sipp.value_added(cohort) AS model
	  FROM (SELECT rep, sipp.merge(cohort) AS cohort FROM unit_cohort GROUP BY rep, school) c GROUP BY rep) m,
	 LATERAL sipp.coefficients(model)
WHERE term = 's';
SELECT must_fail('each year fitted as a school', 100 * avg((0 BETWEEN ci_low AND ci_high)::int), 93)
FROM (SELECT sipp.value_added(cohort) AS model FROM unit_cohort GROUP BY rep) m, LATERAL sipp.coefficients(model)
WHERE term = 's';
