--
-- Room adjust: one row a school, and that every notice, reason and error is true.
--
SET extra_float_digits = 0;
CREATE SCHEMA adjust_notice;
SET search_path = adjust_notice, public;

CREATE FUNCTION u(i int, k int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ((i::int8 * 7919 + k * 104729 + (i::int8 * i * (31 + k)) % 65521 * 613) % 65537) / 65537.0 $$;
CREATE FUNCTION near(a float8, b float8, tol float8 DEFAULT 1e-9) RETURNS boolean LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
			 ELSE abs(a - b) <= tol * greatest(1e-3, abs(a), abs(b)) END $$;

--
-- published means: one row a school, weighted by its pupils
--
CREATE TABLE mean AS
SELECT i AS school, 4 + (i * i * 37) % 397 AS n, 50 + sin(i * 1.3) * 3 + cos(i * 7.7) * 20 / sqrt(4 + (i * i * 37) % 397) AS y, u(i, 1) AS x
FROM generate_series(1, 60) i;
-- figures of lme4 (its checks off), nlme and a direct maximum
SELECT round(f.school_variance::numeric, 5) AS school_variance, round(f.pupil_variance::numeric, 3) AS pupil_variance,
	   round(c.estimate::numeric, 5) AS intercept, f.school_variance_low < f.school_variance AND f.school_variance < f.school_variance_high AS interval, f.notice
FROM (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.weighted_cohort(n, y) AS c FROM mean GROUP BY school) q) w,
	 LATERAL sipp.fit_summary(m) f, LATERAL sipp.coefficients(m) c;
-- the criterion in SQL: var(y) = v + s / n
CREATE FUNCTION deviance(v float8, s float8) RETURNS float8 LANGUAGE sql STABLE AS $$
	WITH w AS (SELECT y, n, 1 / (v + s / n) AS w FROM mean), b AS (SELECT sum(w) AS sw, sum(w * y) / sum(w) AS b FROM w)
	SELECT -sum(ln(w)) + ln(min(sw)) + sum(w * (y - b) ^ 2) + (count(*) - 1) * ln(2 * pi()) FROM w, b $$;
SELECT near(f.deviance, deviance(f.school_variance, f.pupil_variance)) AS deviance,
	   bool_and(f.deviance <= deviance(f.school_variance * a, f.pupil_variance * b)) AS least,
	   near((SELECT min(deviance(f.school_variance_low, s)) FROM generate_series(150, 3000, 1) s) - f.deviance, 3.841458820694124, 1e-3) AS low,
	   near((SELECT min(deviance(f.school_variance_high, s)) FROM generate_series(50, 450, .5) s) - f.deviance, 3.841458820694124, 1e-3) AS high
FROM (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.weighted_cohort(n, y) AS c FROM mean GROUP BY school) q) w,
	 LATERAL sipp.fit_summary(m) f, unnest('{.9,.99,1,1.01,1.1}'::float8[]) a, unnest('{.9,.99,1,1.01,1.1}'::float8[]) b
GROUP BY f.deviance, f.school_variance, f.pupil_variance, f.school_variance_low, f.school_variance_high;
-- effects of such schools
SELECT bool_and(near(e.reliability, f.school_variance / (f.school_variance + f.pupil_variance / n))) AS reliability,
	   bool_and(near(e.effect, e.reliability * (y - c.estimate))) AS effect,
	   bool_and(near(e.conditional_se ^ 2, f.school_variance * (1 - e.reliability))) AS conditional,
	   bool_and(near(e.std_error ^ 2, e.conditional_se ^ 2 + e.reliability ^ 2 * c.std_error ^ 2)) AS comparative,
	   min(e.reason) AS reason, count(e.ci_low) AS intervals
FROM (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.weighted_cohort(n, y) AS c FROM mean GROUP BY school) q) w,
	 (SELECT school, n, y, sipp.weighted_cohort(n, y) AS c FROM mean GROUP BY 1, 2, 3) s,
	 LATERAL sipp.fit_summary(m) f, LATERAL sipp.coefficients(m) c, LATERAL sipp.effect(s.c, m) e;
-- a common factor of the weights changes the pupil variance only
SELECT near(a.school_variance, b.school_variance, 1e-7) AND near(a.pupil_variance * 10, b.pupil_variance, 1e-7) AS scaled
FROM (SELECT sipp.fit_summary(sipp.value_added(c)) AS s, sipp.fit_summary(sipp.value_added(d)) AS t
	  FROM (SELECT sipp.weighted_cohort(n, y, x) AS c, sipp.weighted_cohort(n * 10, y, x) AS d FROM mean GROUP BY school) q OFFSET 0) w,
	 LATERAL (SELECT (s).*) a, LATERAL (SELECT (t).*) b;
-- pupils in a few schools, one row in the others
SELECT f.schools, f.pupils, f.singular, f.notice
FROM (SELECT sipp.value_added(c) AS m
	  FROM (SELECT sipp.cohort(y + i * u(school, 4), x) AS c FROM mean, generate_series(1, 1 + (school % 10 = 0)::int) i GROUP BY school) q) w, LATERAL sipp.fit_summary(m) f;

--
-- what cannot be told apart, in words that are so
--
SELECT sipp.value_added(c) FROM (SELECT sipp.weighted_cohort(30, y) AS c FROM mean GROUP BY school) q;
SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(y) AS c FROM mean GROUP BY school) q;
SELECT sipp.value_added(c) FROM (SELECT sipp.weighted_cohort(CASE WHEN school < 3 THEN n ELSE 30 END, y, CASE WHEN school < 3 THEN school::text ELSE 'other' END) AS c FROM mean GROUP BY school) q;
-- means that vary the more, the more pupils
SELECT sipp.value_added(c) FROM (SELECT sipp.weighted_cohort(n, n * cos(school * 7.7)) AS c FROM mean GROUP BY school) q;
SELECT sipp.value_added_ml(c) FROM (SELECT sipp.weighted_cohort(n, n * cos(school * 7.7)) AS c FROM mean GROUP BY school) q;
SELECT sipp.value_added(c) FROM (SELECT sipp.weighted_cohort(n, 3 + 2 * x, x) AS c FROM mean GROUP BY school) q;
-- the school's mean on every pupil
SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(y) AS c FROM mean, generate_series(1, n) GROUP BY school) q;
SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(7) AS c FROM mean, generate_series(1, 3) GROUP BY school) q;
SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(y + 2 * i, i) AS c FROM mean, generate_series(1, 3) i GROUP BY school) q;
SELECT sipp.value_added(c, 'i') FROM (SELECT sipp.cohort(y * i, i) AS c FROM mean, generate_series(1, 3) i GROUP BY school) q;
-- two pupils in one school, and a covariate that differs between them
SELECT sipp.value_added_ml(c) FROM (SELECT sipp.cohort(y + i * u(school, 4), x * i) AS c FROM mean, generate_series(1, 1 + (school = 7)::int) i GROUP BY school) q;
-- as many random terms as pupils (nlme's ergoStool)
CREATE TABLE stool AS
SELECT s, 'T' || t AS type, e::float8 AS effort
FROM (VALUES (1, '{12,15,12,10}'::int[]), (2, '{10,14,13,12}'), (3, '{7,14,13,9}'), (4, '{7,11,10,9}'), (5, '{8,11,8,7}'), (6, '{9,11,11,10}'), (7, '{8,12,12,11}'), (8, '{7,11,8,7}'), (9, '{9,13,10,8}')) v (s, a),
	 unnest(a) WITH ORDINALITY u (e, t);
SELECT sipp.value_added(c, 'type') FROM (SELECT sipp.cohort(effort, type) AS c FROM stool GROUP BY s) q;
SELECT sipp.value_added(c, 'x1', 'x2') FROM (SELECT sipp.cohort(effort, (type = 'T1'), (type = 'T2'), sin(effort * s), cos(effort * s)) AS c FROM stool WHERE s < 3 GROUP BY s) q;
SELECT sipp.value_added(c, 'x') FROM (SELECT sipp.weighted_cohort(n, y, x) AS c FROM mean GROUP BY school) q;

--
-- singular fits: what takes up what differs
--
CREATE TABLE pupil AS
SELECT i, i % 24 AS school, CASE WHEN i % 24 % 2 = 0 THEN 'denominational' ELSE 'other' END AS sector, u(i, 1) AS prior,
	   10 * u(i, 2) AS chance, 10 * u(i, 2) + 9 * (i % 24 % 2) AS y
FROM generate_series(1, 720) i;
-- each school's chance less its mean: schools differ in nothing but what is put in
UPDATE pupil p SET chance = chance - m.c, y = y - m.c FROM (SELECT school, avg(chance) AS c FROM pupil GROUP BY school) m WHERE m.school = p.school;
CREATE TABLE singular AS
	SELECT 1 AS no, 'nothing differs' AS what, sipp.value_added(c) AS m, (array_agg(c))[1] AS c FROM (SELECT sipp.cohort(chance) AS c FROM pupil GROUP BY school) q
	UNION ALL SELECT 2, 'nor with a covariate of pupils', sipp.value_added(c), (array_agg(c))[1] FROM (SELECT sipp.cohort(chance, prior) AS c FROM pupil GROUP BY school) q
	UNION ALL SELECT 3, 'a sector takes it up', sipp.value_added(c), (array_agg(c))[1] FROM (SELECT sipp.cohort(y, prior, sector) AS c FROM pupil GROUP BY school) q
	UNION ALL SELECT 4, 'two do', sipp.value_added(c), (array_agg(c))[1] FROM (SELECT sipp.cohort(y, prior, sector, school) AS c FROM pupil GROUP BY school) q
	UNION ALL SELECT 5, 'the school itself', sipp.value_added(c), (array_agg(c))[1] FROM (SELECT sipp.cohort(y + school, school::text) AS c FROM pupil GROUP BY school) q
	UNION ALL SELECT 6, 'slopes differ', sipp.value_added(c, 'x1'), (array_agg(c))[1] FROM (SELECT sipp.cohort(chance + 9 * (school % 3) * (prior - p), prior - p) AS c FROM (SELECT *, avg(prior) OVER (PARTITION BY school) AS p FROM pupil OFFSET 0) p GROUP BY school) q;
SELECT no, what, f.notice, e.effect, e.reason FROM singular, LATERAL sipp.fit_summary(m) f, LATERAL sipp.effect(c, m) e ORDER BY no;

--
-- what is NULL has a reason
--
CREATE TABLE whole AS
SELECT sipp.value_added(c) AS m, sipp.value_added_ml(c) AS ml, sipp.value_added(sipp.with_context(c, 'prior')) AS context
FROM (SELECT sipp.cohort(y, kind, prior, one, again, f) AS c
	  FROM (SELECT school, y + u(school, 5), 'secondary'::text, prior, 1.0::float8, prior * 2, CASE WHEN sector = 'other' THEN 'a' ELSE 'b' END FROM pupil OFFSET 0) p (school, y, kind, prior, one, again, f) GROUP BY school) q;
SELECT f.notice, f.reason FROM whole, LATERAL sipp.fit_summary(m) f;
SELECT f.reason FROM whole, LATERAL sipp.fit_summary(ml) f;
SELECT f.within_between_p IS NOT NULL AS within_between_p, f.reason FROM whole, LATERAL sipp.fit_summary(context) f;
SELECT term, level, estimate IS NULL AS estimate, std_error IS NULL AS std_error, df IS NULL AS df, p_value IS NULL AS p_value, reason FROM whole, LATERAL sipp.coefficients(m);
SELECT term, df, chi2 IS NULL AS chi2, reason FROM whole, LATERAL sipp.term_tests(m);
-- many of them
SELECT f.notice FROM (SELECT sipp.value_added(c) AS m
	FROM (SELECT sipp.cohort_array(y, array_fill(prior, ARRAY[12]), ARRAY['one level']) AS c FROM pupil GROUP BY school) q) w, LATERAL sipp.fit_summary(m) f;

--
-- random slopes
--
CREATE TABLE sloped AS
SELECT sipp.value_added(c, 'x') AS m, sipp.value_added(c) AS plain, sipp.value_added(c, 'x', 'z') AS two
FROM (SELECT sipp.cohort(y, x, z) AS c
	  FROM (SELECT i % 25 AS g, sin(i) * 3 + i % 25 * .1 + cos(i * 1.7) * (i % 25) + sin(i * 2.3) * (i % 7) AS y, cos(i * 1.7) AS x, sin(i * 2.3) AS z FROM generate_series(1, 500) i OFFSET 0) t GROUP BY g) q;
-- tails of chi-square: e^(-x/2) with 2 degrees of freedom, e^(-x/2) (1 + x/2) with 4, e^(-x/2) (1 + x/2 + x^2/8) with 6
SELECT f.lr_p_value > exp(-f.lr_chi2 / 2) AND f.lr_p_value < exp(-f.lr_chi2 / 2) * (1 + f.lr_chi2 / 4) AS p_value,
	   f.school_variance_low <= f.school_variance AND f.school_variance <= f.school_variance_high AS variance,
	   f.icc_low <= f.icc AND f.icc <= f.icc_high AS icc, f.notice
FROM sloped, LATERAL sipp.fit_summary(m) f;
SELECT c.df, c.p_value > exp(-c.chi2 / 2) * (1 + c.chi2 / 2) AND c.p_value < exp(-c.chi2 / 2) * (1 + c.chi2 / 2 + c.chi2 ^ 2 / 16) AS p_value, c.note FROM sloped, LATERAL sipp.compare(plain, two) c;

SET client_min_messages = warning;
DROP SCHEMA adjust_notice CASCADE;
