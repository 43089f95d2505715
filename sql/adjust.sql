--
-- Room adjust: fitting from cohorts and everything read from a model.
-- Figures are compared with a tolerance, never printed raw.
--
SET extra_float_digits = 0;		-- what any client may have

-- helpers of this file
CREATE SCHEMA adjust_test;
SET search_path = adjust_test, public;

-- a number in [0, 1) that looks random and is the same on every machine
CREATE FUNCTION u(i int, k int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ((i::int8 * 7919 + k * 104729 + (i::int8 * i * (31 + k)) % 65521 * 613) % 65537) / 65537.0 $$;

-- about normal
CREATE FUNCTION z(i int, k int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (u(i, k) + u(i, k + 1) + u(i, k + 2) + u(i, k + 3) - 2) * sqrt(3.0::float8) $$;

-- equal to a relative (and absolute) tolerance; NULL equals NULL
CREATE FUNCTION near(a float8, b float8, tol float8 DEFAULT 1e-9) RETURNS boolean LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
			 ELSE abs(a - b) <= tol * greatest(1e-3, abs(a), abs(b)) END $$;

-- does the plan of a query hold this node?
CREATE FUNCTION plan_has(query text, node text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%' || node || '%' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;

-- 30 schools of 8 to 66 pupils, three years, some missing values
CREATE TABLE pupil AS
SELECT i AS id, s AS school, 1 + s % 4 AS authority, 2022 + i % 3 AS year,
	   CASE WHEN u(i, 1) < .5 THEN 'F' ELSE 'M' END AS sex,
	   'd' || 1 + floor(u(i, 2) * 5)::int AS simd,
	   u(i, 3) < .3 AS asn,
	   CASE WHEN i % 97 = 0 THEN NULL ELSE z(i, 10) + z(s, 20) * .4 END AS prior,
	   u(i, 4) + .5 AS w
FROM (SELECT row_number() OVER (ORDER BY s, k)::int AS i, s
	  FROM generate_series(1, 30) s, generate_series(1, 6 + 2 * s) k) g;
ALTER TABLE pupil ADD COLUMN y float8;
UPDATE pupil SET y = 50 + 3 * coalesce(prior, 0) - 2 * asn::int
	+ CASE sex WHEN 'F' THEN 1 ELSE 0 END + substr(simd, 2)::int * .7
	+ 2 * z(school, 40) + .5 * z(school, 50) * coalesce(prior, 0) + 4 * z(id, 60);
VACUUM ANALYZE pupil;

CREATE TABLE school_cohort AS
SELECT school, authority, sipp.cohort(y, prior, sex, simd, asn, year) AS cohort
FROM pupil GROUP BY school, authority;
CREATE TABLE model AS SELECT sipp.value_added(cohort) AS m FROM school_cohort;

--
-- a fit with a closed form: balanced, no covariates, so that REML and ML are
-- the analysis of variance
--
CREATE TABLE balanced AS
SELECT s AS school, 10 + 2 * z(s, 1) + 3 * z(s * 100 + k, 2) AS y
FROM generate_series(1, 12) s, generate_series(1, 9) k;
CREATE TABLE balanced_cohort AS SELECT school, sipp.cohort(y) AS cohort FROM balanced GROUP BY 1;
CREATE VIEW anova AS
SELECT 12 AS j, 9 AS n, avg(mean) AS mean, 9 * var_samp(mean) AS msb, avg(var) AS msw
FROM (SELECT avg(y) AS mean, var_samp(y) AS var FROM balanced GROUP BY school) s;

SELECT near(f.school_variance, (msb - msw) / n) AS school_variance,
	   near(f.pupil_variance, msw) AS pupil_variance,
	   near(f.icc, (msb - msw) / n / ((msb - msw) / n + msw)) AS icc,
	   near(f.deviance, (j - 1) * ln(msb) + j * (n - 1) * ln(msw) + ln(j * n)
			+ (j * n - 1) * (1 + ln(2 * pi()))) AS deviance,
	   f.school_variance_low < f.school_variance AND f.school_variance < f.school_variance_high AS variance_interval,
	   f.icc_low < f.icc AND f.icc < f.icc_high AS icc_interval,
	   f.schools, f.empty_schools, f.pupils, f.dropped, f.method, f.singular, f.aic, f.notice
FROM anova, (SELECT sipp.value_added(cohort) AS m FROM balanced_cohort) x, LATERAL sipp.fit_summary(m) f;

SELECT near(f.school_variance, ((1 - 1.0 / j) * msb - msw) / n) AS school_variance,
	   near(f.pupil_variance, msw) AS pupil_variance,
	   near(f.deviance, j * ln((1 - 1.0 / j) * msb) + j * (n - 1) * ln(msw)
			+ j * n * (1 + ln(2 * pi()))) AS deviance,
	   near(f.log_likelihood, -f.deviance / 2) AS log_likelihood,
	   near(f.aic, f.deviance + 2 * 3) AS aic, f.method
FROM anova, (SELECT sipp.value_added_ml(cohort) AS m FROM balanced_cohort) x, LATERAL sipp.fit_summary(m) f;

-- the mean's standard error has the degrees of freedom of the mean square that it is made of
SELECT term, level, near(c.estimate, mean) AS estimate, near(c.std_error, sqrt(msb / (j * n))) AS std_error,
	   near(c.df, j - 1, 1e-6) AS df, near(c.t, c.estimate / c.std_error) AS t,
	   near((c.ci_low + c.ci_high) / 2, mean) AS ci,
	   near((c.ci_high - c.ci_low) / 2 / c.std_error, 2.200985160082949) AS t_quantile_of_11
FROM anova, (SELECT sipp.value_added(cohort) AS m FROM balanced_cohort) x, LATERAL sipp.coefficients(m) c;

-- effects: the deviation of the mean, shrunken by 1 - MSW/MSB
SELECT bool_and(near(e.raw_effect, b.mean - a.mean)) AS raw_effect,
	   bool_and(near(e.reliability, 1 - msw / msb)) AS reliability,
	   bool_and(near(e.effect, (1 - msw / msb) * (b.mean - a.mean))) AS effect,
	   bool_and(near(e.conditional_se ^ 2, (msb - msw) / n * (msw / msb))) AS conditional,
	   bool_and(near(e.std_error ^ 2, e.conditional_se ^ 2 + (1 - msw / msb) ^ 2 * msb / (j * n))) AS comparative,
	   bool_and(near(e.diagnostic_se ^ 2, (msb - msw) / n - e.std_error ^ 2)) AS diagnostic,
	   bool_and(near(e.expected, a.mean) AND near(e.attainment, b.mean)) AS expected,
	   bool_and(near(e.adjusted_attainment, a.mean + e.effect)) AS adjusted,
	   bool_and(near(e.residual_sd, b.sd)) AS residual_sd,
	   bool_and(near((e.ci_high - e.effect) / e.std_error, 2.200985160082949)) AS ci,
	   bool_and((e.p_above > .975) = (e.ci_low > 0) AND (e.p_above < .025) = (e.ci_high < 0)) AS p_above,
	   bool_and(e.reason IS NULL) AS no_reason
FROM anova a, (SELECT sipp.value_added(cohort) AS m FROM balanced_cohort) x,
	 (SELECT school, avg(y) AS mean, stddev_samp(y) AS sd FROM balanced GROUP BY 1) b
	 JOIN balanced_cohort USING (school), LATERAL sipp.effect(cohort, m) e;

-- a school outside of the fit: its own mean has no part in the coefficients
SELECT near(e.std_error ^ 2, e.conditional_se ^ 2 + e.reliability ^ 2 * msb / (j * n)) AS comparative,
	   near(e.diagnostic_se ^ 2, e.reliability * (msb - msw) / n + e.reliability ^ 2 * msb / (j * n)) AS diagnostic
FROM anova, (SELECT sipp.value_added(cohort) AS m FROM balanced_cohort) x,
	 balanced_cohort, LATERAL sipp.effect(cohort, m, in_model => false) e
WHERE school = 1;

--
-- unbalanced, one covariate: the criterion computed in SQL from the pupils
--
CREATE FUNCTION sql_deviance(lambda float8) RETURNS float8 LANGUAGE sql STABLE AS $$
	WITH s AS (SELECT count(*)::float8 AS n, avg(prior) AS x, avg(y) AS y,
					  regr_sxx(y, prior) AS sxx, regr_sxy(y, prior) AS sxy, regr_syy(y, prior) AS syy
			   FROM pupil WHERE prior IS NOT NULL GROUP BY school),
	w AS (SELECT s.*, n / (1 + lambda * n) AS w FROM s),
	a AS (SELECT sum(w) AS a00, sum(w * x) AS a01, sum(sxx + w * x * x) AS a11,
				 sum(w * y) AS c0, sum(sxy + w * x * y) AS c1, sum(syy + w * y * y) AS yy,
				 sum(ln(1 + lambda * n)) AS logs, sum(n) AS n FROM w),
	b AS (SELECT *, a00 * a11 - a01 * a01 AS det FROM a),
	c AS (SELECT *, (a11 * c0 - a01 * c1) / det AS b0, (a00 * c1 - a01 * c0) / det AS b1 FROM b)
	SELECT logs + ln(det) + (n - 2) * (1 + ln(2 * pi() * (yy - b0 * c0 - b1 * c1) / (n - 2))) FROM c $$;

SELECT near(f.deviance, sql_deviance(f.school_variance / f.pupil_variance)) AS deviance,
	   f.deviance <= sql_deviance(f.school_variance / f.pupil_variance * 1.01) AS not_above,
	   f.deviance <= sql_deviance(f.school_variance / f.pupil_variance / 1.01) AS not_below,
	   near(f.lr_chi2, sql_deviance(0) - f.deviance, 1e-7) AS lr_chi2,
	   near(sql_deviance(f.icc_low / (1 - f.icc_low)) - f.deviance, 3.841458820694124, 1e-6) AS icc_low,
	   near(sql_deviance(f.icc_high / (1 - f.icc_high)) - f.deviance, 3.841458820694124, 1e-6) AS icc_high
FROM (SELECT sipp.value_added(cohort) AS m
	  FROM (SELECT sipp.cohort(y, prior) AS cohort FROM pupil GROUP BY school) c) x,
	 LATERAL sipp.fit_summary(m) f;

--
-- the national model
--
SELECT f.schools, f.empty_schools, f.pupils, f.dropped, f.method, f.singular, f.within_between_p, f.notice,
	   f.lr_p_value < 1e-6 AS schools_differ
FROM model, LATERAL sipp.fit_summary(m) f;
SELECT term, level, round(estimate::numeric, 1) AS estimate, p_value < .05 AS significant,
	   df BETWEEN 20 AND 2000 AS df
FROM model, LATERAL sipp.coefficients(m);
SELECT term, df, near(t.chi2, c.t ^ 2) AS is_t_squared, t.p_value < .001 AS significant
FROM model, LATERAL sipp.term_tests(m) t
	 LEFT JOIN LATERAL (SELECT max(t) AS t, term FROM sipp.coefficients(m) GROUP BY term HAVING count(*) = 1) c USING (term);
SELECT term_1, level_1, term_2, level_2, near(covariance, school_variance) AS is_school_variance, correlation
FROM model, LATERAL sipp.school_covariance(m), LATERAL sipp.fit_summary(m);

-- a pupil's prediction in three ways, and its means by school
SELECT bool_and(near(sipp.expected(m, prior, sex, simd, asn, year), sipp.expected_json(m, to_jsonb(p)))) AS json,
	   bool_and(near(sipp.expected(m, prior, sex, simd, asn, year), c.x, 1e-8)) AS by_hand,
	   count(*) FILTER (WHERE sipp.expected(m, prior, sex, simd, asn, year) IS NULL) AS unknown,
	   count(*) FILTER (WHERE prior IS NULL) AS missing
FROM pupil p, model,
	 LATERAL (SELECT sum(estimate * CASE term WHEN '(Intercept)' THEN 1 WHEN 'prior' THEN prior WHEN 'year' THEN year
						 WHEN 'asn' THEN asn::int WHEN 'sex' THEN (level = sex)::int
						 WHEN 'simd' THEN (level = simd)::int END)
					 + CASE WHEN prior IS NULL THEN NULL ELSE 0 END AS x
			  FROM sipp.coefficients(m)) c;
SELECT bool_and(near(e.expected, b.expected)) AS expected, bool_and(near(e.residual_sd, b.residual_sd)) AS residual_sd,
	   bool_and(e.pupils = b.n AND e.dropped = b.dropped) AS counts,
	   bool_and(near(e.attainment, b.y)) AS attainment,
	   bool_and(near(e.raw_effect, b.y - b.expected)) AS raw_effect
FROM (SELECT school, count(prior) AS n, count(*) - count(prior) AS dropped,
			 avg(y) FILTER (WHERE prior IS NOT NULL) AS y,
			 avg(sipp.expected(m, prior, sex, simd, asn, year)) AS expected,
			 stddev_samp(y - sipp.expected(m, prior, sex, simd, asn, year)) AS residual_sd
	  FROM pupil, model GROUP BY school) b
	 JOIN school_cohort USING (school), model, LATERAL sipp.effect(cohort, m) e;

-- the effects add up to nothing, as the normal equation of the intercept says, and order schools as the truth does
SELECT abs(sum(e.effect)) < 1e-9 AS add_up,
	   corr(e.effect, 2 * z(school, 40)) > .8 AS truth_found,
	   count(*) FILTER (WHERE 2 * z(school, 40) BETWEEN ci_low AND ci_high) >= 25 AS covered
FROM school_cohort, model, LATERAL sipp.effect(cohort, m) e;

--
-- whatever the order of the rows: the same bytes
--
CREATE TABLE models AS
	SELECT sipp.value_added(cohort ORDER BY school) AS m FROM school_cohort
	UNION ALL SELECT sipp.value_added(cohort ORDER BY school DESC) FROM school_cohort
	UNION ALL SELECT sipp.value_added(cohort ORDER BY school * 7 % 31) FROM school_cohort
	UNION ALL SELECT (array_agg(v))[1] FROM (SELECT sipp.value_added(cohort) OVER () AS v FROM school_cohort) w
	UNION ALL SELECT sipp.value_added(cohort) FILTER (WHERE school > 0) FROM school_cohort;
SELECT count(*), count(DISTINCT m), bool_and(m OPERATOR(sipp.=) (SELECT m FROM model)) FROM models;

-- parallel plans
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT plan_has('SELECT sipp.value_added(cohort) FROM school_cohort', 'Partial Aggregate') AS parallel,
	   (SELECT sipp.value_added(cohort) FROM school_cohort) OPERATOR(sipp.=) m AS same
FROM model;
SELECT plan_has('SELECT sipp.value_added(cohort, ''prior'') FROM school_cohort', 'Partial Aggregate') AS parallel,
	   (SELECT sipp.value_added(cohort, 'prior') FROM school_cohort) OPERATOR(sipp.=)
	   (SELECT sipp.value_added(cohort, 'prior' ORDER BY school) FROM school_cohort) AS same;
SELECT plan_has('SELECT sipp.effect(cohort, (SELECT m FROM model)) FROM school_cohort', 'Parallel Seq Scan') AS parallel;
CREATE TABLE effects AS SELECT school, e.* FROM school_cohort, model, LATERAL sipp.effect(cohort, m) e;
SELECT plan_has('SELECT sipp.group_effect(effect, std_error) FROM effects', 'Partial Aggregate') AS parallel;
SELECT near((g).effect, mean) AS effect, near((g).std_error, se) AS std_error, (g).schools, (g).left_out
FROM (SELECT sipp.group_effect(effect, std_error) AS g, avg(effect) AS mean,
			 sqrt(sum(std_error ^ 2)) / count(*) AS se
	  FROM effects) x;
SET max_parallel_workers_per_gather = 0;
SELECT near((g).effect, mean) AS effect, near((g).std_error, se) AS std_error, (g).schools, (g).left_out
FROM (SELECT sipp.group_effect(CASE WHEN school < 29 THEN effect END, std_error) AS g,
			 avg(effect) FILTER (WHERE school < 29) AS mean,
			 sqrt(sum(std_error ^ 2) FILTER (WHERE school < 29)) / 28 AS se
	  FROM effects) x;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- groups, windows, grouping sets: each the model of its own rows
SELECT authority, v OPERATOR(sipp.=) g AS same, v OPERATOR(sipp.=) m AS national
FROM (SELECT DISTINCT authority, sipp.value_added(sipp.subset(cohort, 'prior')) OVER (PARTITION BY authority) AS v FROM school_cohort) a
	 JOIN (SELECT authority, sipp.value_added(sipp.subset(cohort, 'prior')) AS g FROM school_cohort
		   GROUP BY GROUPING SETS ((authority), ())) b USING (authority), model
ORDER BY 1;
SELECT bool_and(sum) AS grouping_sets
FROM (SELECT (sipp.fit_summary(sipp.value_added(cohort))).schools = count(*) AS sum
	  FROM school_cohort GROUP BY ROLLUP (authority)) x;
-- a growing frame: the state goes on after its model was taken
SELECT school, (sipp.fit_summary(v)).schools
FROM (SELECT school, CASE WHEN school > 26 THEN sipp.value_added(sipp.subset(cohort, 'prior')) OVER w END AS v
	  FROM school_cohort WHERE school < 2 OR school > 25
	  WINDOW w AS (ORDER BY school ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING)) x
WHERE v IS NOT NULL ORDER BY 1;

-- views and row-level security: a model of what the user may see
CREATE ROLE regress_sipp_head;
CREATE VIEW all_cohorts AS SELECT * FROM school_cohort;
ALTER TABLE school_cohort ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON school_cohort TO regress_sipp_head USING (authority = 2);
GRANT USAGE ON SCHEMA adjust_test TO regress_sipp_head;
GRANT SELECT ON school_cohort, all_cohorts TO regress_sipp_head;
CREATE TABLE seen (who text, schools bigint);
GRANT INSERT ON seen TO regress_sipp_head;
SET ROLE regress_sipp_head;
INSERT INTO seen SELECT 'head', (sipp.fit_summary(sipp.value_added(sipp.subset(cohort, 'prior')))).schools FROM school_cohort;
RESET ROLE;
INSERT INTO seen SELECT 'owner, by a view', (sipp.fit_summary(sipp.value_added(cohort))).schools FROM all_cohorts;
INSERT INTO seen SELECT 'authority 2', count(*) FROM school_cohort WHERE authority = 2;
SELECT * FROM seen ORDER BY 1;
ALTER TABLE school_cohort DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON school_cohort;
DROP VIEW all_cohorts;
DROP TABLE seen;
REVOKE ALL ON school_cohort FROM regress_sipp_head;
REVOKE ALL ON SCHEMA adjust_test FROM regress_sipp_head;
DROP ROLE regress_sipp_head;

--
-- what does not depend on how the data are coded
--
-- the calendar year and its distance from 2022 give the same, to the last digits that a year costs
CREATE TABLE shifted AS
SELECT school, sipp.cohort(y, prior, year - 2022) AS small, sipp.cohort(y, prior, year) AS large
FROM pupil GROUP BY 1;
SELECT bool_and(near(a.effect, b.effect)) AS effect, bool_and(near(a.std_error, b.std_error)) AS std_error,
	   bool_and(near(f.school_variance, g.school_variance)) AS school_variance,
	   bool_and(near(f.deviance, g.deviance)) AS deviance
FROM shifted, (SELECT sipp.value_added(small) AS s, sipp.value_added(large) AS l FROM shifted) x,
	 LATERAL sipp.effect(small, s) a, LATERAL sipp.effect(large, l) b,
	 LATERAL sipp.fit_summary(s) f, LATERAL sipp.fit_summary(l) g;
-- so do random slopes: effects are those at the national means
SELECT bool_and(near(a.effect, b.effect, 1e-7)) AS effect, bool_and(near(a.reliability, b.reliability, 1e-7)) AS reliability,
	   bool_and(near(a.std_error, b.std_error, 1e-7)) AS std_error,
	   bool_and(near(f.school_variance, g.school_variance, 1e-7)) AS school_variance
FROM (SELECT school, sipp.cohort(y, prior) AS small, sipp.cohort(y, prior + 50) AS large
	  FROM pupil GROUP BY 1) c,
	 (SELECT sipp.value_added(small, 'prior') AS s, sipp.value_added(large, 'x1') AS l
	  FROM (SELECT sipp.cohort(y, prior) AS small, sipp.cohort(y, prior + 50) AS large
			FROM pupil GROUP BY school) c) x,
	 LATERAL sipp.effect(small, s) a, LATERAL sipp.effect(large, l) b,
	 LATERAL sipp.fit_summary(s) f, LATERAL sipp.fit_summary(l) g;
-- another reference level: other coefficients, the same model
SELECT near(a.deviance, b.deviance) AS deviance, near(a.school_variance, b.school_variance) AS school_variance,
	   (SELECT bool_and(near(e.effect, f.effect) AND near(e.std_error, f.std_error))
		FROM school_cohort, LATERAL sipp.effect(cohort, m) e,
			 LATERAL sipp.effect(sipp.relevel(cohort, 'simd', 'd3'), r) f) AS effects,
	   (SELECT array_agg(level) FROM sipp.coefficients(r) WHERE term = 'simd') AS levels,
	   (SELECT bool_and(near(t.chi2, u.chi2, 1e-7)) FROM sipp.term_tests(m) t JOIN sipp.term_tests(r) u USING (term)) AS tests
FROM model, (SELECT sipp.value_added(sipp.relevel(cohort, 'simd', 'd3')) AS r FROM school_cohort) x,
	 LATERAL sipp.fit_summary(m) a, LATERAL sipp.fit_summary(r) b;
-- a reference level that nobody has
SELECT f.notice FROM (SELECT sipp.value_added(sipp.relevel(cohort, 'simd', 'd0')) AS r FROM school_cohort) x,
	 LATERAL sipp.fit_summary(r) f;

-- weights: 1 is no weight; a common factor changes the pupil variance only
CREATE TABLE weighted AS
SELECT school, sipp.cohort(y, prior) AS c0, sipp.weighted_cohort(1, y, prior) AS c1,
	   sipp.weighted_cohort(w, y, prior) AS cw, sipp.weighted_cohort(w * 10, y, prior) AS cw10
FROM pupil GROUP BY 1;
SELECT near(f0.deviance, f1.deviance) AS unit_deviance, near(f0.school_variance, f1.school_variance) AS unit_variance,
	   near(fw.school_variance, fw10.school_variance, 1e-8) AS scaled_school_variance,
	   near(fw.pupil_variance * 10, fw10.pupil_variance, 1e-8) AS scaled_pupil_variance,
	   near(fw.deviance, fw10.deviance) AS scaled_deviance,
	   NOT near(fw.deviance, f0.deviance) AS weights_matter,
	   (SELECT bool_and(near(a.effect, b.effect, 1e-8) AND near(a.std_error, b.std_error, 1e-8))
		FROM weighted, LATERAL sipp.effect(cw, mw) a, LATERAL sipp.effect(cw10, mw10) b) AS scaled_effects
FROM (SELECT sipp.value_added(c0) AS m0, sipp.value_added(c1) AS m1, sipp.value_added(cw) AS mw,
			 sipp.value_added(cw10) AS mw10 FROM weighted) x,
	 LATERAL sipp.fit_summary(m0) f0, LATERAL sipp.fit_summary(m1) f1,
	 LATERAL sipp.fit_summary(mw) fw, LATERAL sipp.fit_summary(mw10) fw10;

--
-- random slopes
--
CREATE TABLE slopes AS SELECT sipp.value_added(cohort, 'prior') AS m FROM school_cohort;
SELECT f.school_variance BETWEEN f.school_variance_low AND f.school_variance_high AS school_variance, f.icc BETWEEN f.icc_low AND f.icc_high AS icc,
	   f.lr_p_value < 1e-9 AS lr_p_value, f.lr_chi2 > 0 AS lr_chi2, f.singular, f.notice FROM slopes, LATERAL sipp.fit_summary(m) f;
SELECT term_1, level_1, term_2, level_2, covariance > 0 AS positive, correlation BETWEEN -1 AND 1 AS correlation FROM slopes, LATERAL sipp.school_covariance(m);
-- the effect is the intercept's at zero plus the slope's at the national mean; so is its variance
SELECT bool_and(near(e.effect, i.effect + k.mean * s.effect)) AS effect,
	   bool_and(near(f.school_variance, k.v00 + 2 * k.mean * k.v01 + k.mean ^ 2 * k.v11)) AS variance,
	   bool_and(i.conditional_se <= i.std_error AND s.conditional_se <= s.std_error) AS std_errors,
	   corr(s.effect, z(school, 50)) > .5 AS truth_found
FROM school_cohort, slopes, LATERAL sipp.effect(cohort, m) e, LATERAL sipp.fit_summary(m) f,
	 LATERAL (SELECT * FROM sipp.slope_effects(cohort, m) WHERE term = '(Intercept)') i,
	 LATERAL (SELECT * FROM sipp.slope_effects(cohort, m) WHERE term = 'prior') s,
	 (SELECT sipp.mean(sipp.merge(cohort), 'prior') AS mean,
			 (SELECT covariance FROM slopes, sipp.school_covariance(m) WHERE term_1 = '(Intercept)') AS v00,
			 (SELECT covariance FROM slopes, sipp.school_covariance(m) WHERE term_1 <> term_2) AS v01,
			 (SELECT covariance FROM slopes, sipp.school_covariance(m) WHERE term_2 = 'prior') AS v11
	  FROM school_cohort) k;
-- without slopes the one random term is the effect
SELECT bool_and(near(e.effect, s.effect) AND near(e.std_error, s.std_error) AND near(e.conditional_se, s.conditional_se)) AS same,
	   count(*)
FROM school_cohort, model, LATERAL sipp.effect(cohort, m) e, LATERAL sipp.slope_effects(cohort, m) s;
-- outside of the fit the error of prediction is as large, but the effect itself varies more
SELECT bool_and(near(o.std_error, i.std_error)) AS std_error, bool_and(o.diagnostic_se > i.diagnostic_se) AS diagnostic_se
FROM school_cohort, slopes, LATERAL sipp.effect(cohort, m) i, LATERAL sipp.effect(cohort, m, false) o;
-- a factor's slope has a column for each level
SELECT term_1, level_1, term_2, level_2 FROM (SELECT sipp.value_added(sipp.subset(cohort, 'prior', 'simd'), 'simd') AS m FROM school_cohort) x,
	 LATERAL sipp.school_covariance(m);
-- none is the random intercept
SELECT sipp.value_added(cohort, VARIADIC '{}') OPERATOR(sipp.=) (SELECT m FROM model) AS same FROM school_cohort;
-- errors
SELECT sipp.value_added(cohort, 'wealth') FROM school_cohort;
SELECT sipp.value_added(cohort, 'prior', 'prior') FROM school_cohort;
SELECT sipp.value_added_ml(cohort, 'simd', 'prior') FROM school_cohort;
SELECT sipp.value_added(cohort, VARIADIC NULL::text[]) FROM school_cohort;
SELECT sipp.value_added(cohort, 'prior', NULL) FROM school_cohort;
SELECT sipp.value_added(cohort, VARIADIC ARRAY[['prior', 'asn']]) FROM school_cohort;
SELECT sipp.value_added(cohort, CASE WHEN school > 3 THEN 'prior' ELSE 'asn' END) FROM school_cohort;

--
-- context: who sits next to whom
--
SELECT near(f.within_between_p, t.p_value) AS within_between_p, f.notice
FROM (SELECT sipp.value_added(sipp.with_context(sipp.subset(cohort, 'prior'), 'prior')) AS m FROM school_cohort) x,
	 LATERAL sipp.fit_summary(m) f, LATERAL sipp.term_tests(m) t WHERE t.term = 'prior_mean';
-- shares of a factor's levels
CREATE TABLE context_model AS
	SELECT sipp.value_added(sipp.with_context(sipp.subset(cohort, 'sex'), 'sex')) AS m FROM school_cohort;
SELECT term, level FROM context_model, LATERAL sipp.coefficients(m);
SELECT near(sipp.expected_json(m, '{"sex": "M", "sex_mean": {"M": 0.25, "F": 0.75}}'),
			sipp.expected_json(m, '{"sex": "M", "sex_mean": {"M": 0}}')
			+ 0.25 * (SELECT estimate FROM sipp.coefficients(m) WHERE term = 'sex_mean')) AS shares,
	   sipp.expected_json(m, '{"sex": "M", "sex_mean": {"X": 0.25}}') AS unknown_level
FROM context_model;
SELECT sipp.expected(m, 'M', .25) FROM context_model;
SELECT sipp.expected_json(m, '{"sex": "M", "sex_mean": 0.25}') FROM context_model;

--
-- schools that do not fit get NULL figures and a reason
--
SELECT what, e.pupils, e.dropped, e.attainment IS NOT NULL AS attainment, e.effect IS NOT NULL AS effect, e.reason
FROM model, (VALUES
	(1, 'no cohort', NULL::sipp.cohort),
	(2, 'no row', (SELECT sipp.cohort(y, prior, sex, simd, asn, year) FROM pupil WHERE false)),
	(3, 'all NULL', (SELECT sipp.cohort(NULL::float8, prior, sex, simd, asn, year) FROM pupil WHERE school = 1)),
	(4, 'a missing term', (SELECT sipp.cohort(y, prior, sex, simd, asn) FROM pupil WHERE school = 1)),
	(5, 'an unknown level', (SELECT sipp.cohort(y, prior, sex, CASE WHEN id < 5 THEN 'd9' ELSE simd END, asn, year)
							 FROM pupil WHERE school = 1)),
	(6, 'a term of another kind', (SELECT sipp.cohort(y, prior, sex, simd, asn, year::text) FROM pupil WHERE school = 1)),
	(7, 'weights', (SELECT sipp.weighted_cohort(w, y, prior, sex, simd, asn, year) FROM pupil WHERE school = 1)),
	(8, 'extra terms, another order', (SELECT sipp.cohort(y, w, year, asn, simd, sex, prior) FROM pupil WHERE school = 1)),
	(9, 'one pupil', (SELECT sipp.cohort(y, prior, sex, simd, asn, year) FROM pupil WHERE id = 1))
	) c (no, what, cohort), LATERAL sipp.effect(CASE no WHEN 5 THEN sipp.rename(cohort, 'prior', 'sex', 'simd', 'asn', 'year') ELSE cohort END, m) e
ORDER BY no;
SELECT near(a.effect, b.effect) AS extra_terms_are_dropped
FROM model, school_cohort, LATERAL sipp.effect(cohort, m) a,
	 LATERAL (SELECT sipp.cohort(y, w, year, asn, simd, sex, prior) AS c FROM pupil WHERE school = 1) x,
	 LATERAL sipp.effect(c, m) b WHERE school = 1;
SELECT e.residual_sd, e.effect IS NOT NULL AS effect, e.std_error IS NOT NULL AS std_error, e.reason
FROM model, LATERAL sipp.effect((SELECT sipp.cohort(y, prior, sex, simd, asn, year) FROM pupil WHERE id = 1), m, false) e;
SELECT e.pupils, e.effect, e.reason FROM school_cohort, LATERAL sipp.effect(cohort, NULL) e WHERE school = 1;
SELECT e.pupils, e.effect, e.reason FROM school_cohort, model, LATERAL sipp.effect(cohort, m, NULL) e WHERE school = 1;
SELECT count(*) FROM school_cohort, LATERAL sipp.slope_effects(cohort, NULL);
SELECT s.* FROM slopes, LATERAL sipp.slope_effects(NULL, m) s;
SELECT (sipp.group_effect(e.effect, e.std_error)).* FROM model, LATERAL sipp.effect(NULL, m) e;
SELECT (sipp.group_effect(NULL, 1)).* FROM model WHERE false;

-- leave out a year without a rescan
SELECT bool_and(near(a.effect, b.effect)) AS effect, bool_and(near(a.std_error, b.std_error)) AS std_error,
	   bool_and(near(a.residual_sd, b.residual_sd, 1e-7)) AS residual_sd, bool_and(a.pupils = b.pupils) AS pupils
FROM (SELECT school, sipp.subtract(sipp.cohort(y, prior, sex), sipp.cohort(y, prior, sex) FILTER (WHERE year = 2023)) AS rest,
			 sipp.cohort(y, prior, sex) FILTER (WHERE year <> 2023) AS direct
	  FROM pupil GROUP BY 1) c,
	 (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.cohort(y, prior, sex) AS c FROM pupil GROUP BY school) c) x,
	 LATERAL sipp.effect(rest, m, false) a, LATERAL sipp.effect(direct, m, false) b;
-- a school under the model of the others: the model that never saw it
SELECT bool_and(abs(e.effect - i.effect) < i.std_error) AS close, bool_and(e.std_error > i.conditional_se) AS wider
FROM school_cohort c, model,
	 LATERAL (SELECT sipp.value_added(o.cohort) AS others FROM school_cohort o WHERE o.school <> c.school) x,
	 LATERAL sipp.effect(c.cohort, m) i, LATERAL sipp.effect(c.cohort, others, in_model => false) e
WHERE school IN (5, 20);

--
-- what cannot be fitted
--
SELECT sipp.value_added(cohort) FROM school_cohort WHERE false;
SELECT sipp.value_added(NULL::sipp.cohort) FROM school_cohort;
SELECT sipp.value_added(cohort) FROM school_cohort WHERE school = 1;
SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(NULL::float8, prior) AS c FROM pupil GROUP BY school) c;
SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(y, prior) AS c FROM pupil WHERE id < 50 GROUP BY id) c;
SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(1, prior) AS c FROM pupil GROUP BY school) c;
SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(prior, prior) AS c FROM pupil GROUP BY school) c;
SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(y, id::text) AS c FROM pupil WHERE id < 40 GROUP BY school) c;
SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(y * 1e152, prior) AS c FROM pupil GROUP BY school) c;
-- cohorts that do not go together
SELECT sipp.value_added(CASE WHEN school = 7 THEN sipp.subset(cohort, 'prior') ELSE cohort END) FROM school_cohort;
SELECT sipp.value_added(CASE WHEN school = 7 THEN cw ELSE c0 END) FROM weighted;
-- by hand
SELECT sipp.group_effect_accum('{0,0}', 1, 1);
SELECT sipp.group_effect_final('{-1,0,0,0}'::float8[]);
SELECT sipp.group_effect('NaN', 1);
SELECT sipp.group_effect(1, -1);
SELECT sipp.group_effect(1, 'Infinity');

-- NULL cohorts and those without a complete row are left out, the latter counted
SELECT f.schools, f.empty_schools, f.dropped, f.notice
FROM (SELECT sipp.value_added(c) AS m
	  FROM (SELECT CASE WHEN school <> 3 THEN sipp.cohort(CASE WHEN school <> 4 THEN y END, prior) END AS c FROM pupil GROUP BY school) c) x,
	 LATERAL sipp.fit_summary(m) f;
-- few schools
SELECT f.schools, f.notice, (SELECT max(ci_high) FROM school_cohort, sipp.effect(sipp.subset(cohort), m) WHERE school < 3) IS NOT NULL AS interval
FROM (SELECT sipp.value_added(sipp.subset(cohort)) AS m FROM school_cohort WHERE school < 3) x, LATERAL sipp.fit_summary(m) f;
-- two schools and a covariate that only tells them apart: no degree of freedom is left
SELECT f.notice, e.effect = 0 AS no_effect, e.ci_low, e.reason
FROM (SELECT sipp.cohort(y, authority) AS c FROM pupil WHERE school < 3 GROUP BY school) c,
	 (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.cohort(y, authority) AS c FROM pupil WHERE school < 3 GROUP BY school) c) x,
	 LATERAL sipp.fit_summary(m) f, LATERAL sipp.effect(c, m) e;

-- singular: schools that do not differ; the coefficients are those of ordinary least squares
CREATE TABLE alike AS
SELECT school, prior - avg(prior) OVER w AS prior, y - avg(y) OVER w AS y
FROM pupil WHERE prior IS NOT NULL WINDOW w AS (PARTITION BY school);
CREATE TABLE alike_cohort AS SELECT school, sipp.cohort(y, prior) AS cohort FROM alike GROUP BY school;
SELECT f.singular, f.school_variance, f.icc, f.lr_chi2 < 1e-9 AS lr_chi2, f.lr_p_value > .49 AS lr_p_value, f.notice,
	   near(f.pupil_variance, (o.syy - o.slope * o.sxy) / (o.n - 2)) AS pupil_variance
FROM (SELECT sipp.value_added(cohort) AS m FROM alike_cohort) x, LATERAL sipp.fit_summary(m) f,
	 (SELECT regr_syy(y, prior) AS syy, regr_sxy(y, prior) AS sxy, regr_slope(y, prior) AS slope, count(*) AS n FROM alike) o;
SELECT term, near(estimate, CASE term WHEN 'prior' THEN slope ELSE intercept END, 1e-8) AS estimate, df = n - 2 AS df
FROM (SELECT sipp.value_added(cohort) AS m FROM alike_cohort) x, LATERAL sipp.coefficients(m),
	 (SELECT regr_slope(y, prior) AS slope, regr_intercept(y, prior) AS intercept, count(*) AS n FROM alike) o;
SELECT DISTINCT e.effect, e.reliability, e.std_error, e.conditional_se, e.diagnostic_se, e.ci_low, e.ci_high, e.p_above,
	   e.expected IS NOT NULL AS expected, e.residual_sd IS NOT NULL AS residual_sd, e.reason
FROM alike_cohort, (SELECT sipp.value_added(cohort) AS m FROM alike_cohort) x, LATERAL sipp.effect(cohort, m) e;

-- aliased terms, as R's lm: a copy, a constant, a sum
CREATE TABLE aliased AS
SELECT school, sipp.rename(sipp.cohort(y, prior, prior * 2, 7.5::float8, year, asn, year + asn::int),
						   'prior', 'twice', 'constant', 'year', 'asn', 'sum') AS cohort
FROM pupil GROUP BY 1;
SELECT c.term, c.estimate IS NULL AS aliased, c.std_error IS NULL AS std_error, c.df IS NULL AS df FROM (SELECT sipp.value_added(cohort) AS m FROM aliased) x, LATERAL sipp.coefficients(m) c;
SELECT f.notice FROM (SELECT sipp.value_added(cohort) AS m FROM aliased) x, LATERAL sipp.fit_summary(m) f;
SELECT t.* FROM (SELECT sipp.value_added(cohort) AS m FROM aliased) x, LATERAL sipp.term_tests(m) t WHERE df = 0;
SELECT bool_and(near(a.effect, b.effect) AND near(a.std_error, b.std_error)) AS as_without_them
FROM aliased, (SELECT sipp.value_added(cohort) AS m, sipp.value_added(sipp.subset(cohort, 'prior', 'year', 'asn')) AS s FROM aliased) x,
	 LATERAL sipp.effect(cohort, m) a, LATERAL sipp.effect(cohort, s) b;
SELECT near(sipp.expected(m, 1, 2, 7.5, 2022, true, 2023), sipp.expected(s, 1, 2022, true)) AS expected
FROM (SELECT sipp.value_added(cohort) AS m, sipp.value_added(sipp.subset(cohort, 'prior', 'year', 'asn')) AS s FROM aliased) x;
SELECT sipp.value_added(cohort, 'twice') FROM aliased;

-- 60 covariates
CREATE FUNCTION wide(i int) RETURNS float8[] LANGUAGE sql IMMUTABLE AS $$ SELECT array_agg(z(i, k * 5) ORDER BY k) FROM generate_series(1, 60) k $$;
CREATE TABLE wide_cohort AS SELECT school, sipp.cohort_array(y, wide(id), '{}') AS cohort FROM pupil GROUP BY school;
SELECT count(*), count(estimate), bool_and(std_error > 0) FROM (SELECT sipp.value_added(cohort) AS m FROM wide_cohort) x, LATERAL sipp.coefficients(m);

--
-- the type: text, binary and jsonb forms
--
CREATE TABLE every_model AS
	SELECT 'plain' AS what, m FROM model
	UNION ALL SELECT 'slopes', m FROM slopes
	UNION ALL SELECT 'context', m FROM context_model
	UNION ALL SELECT 'ml', sipp.value_added_ml(cohort) FROM school_cohort
	UNION ALL SELECT 'weighted', sipp.value_added(cw) FROM weighted
	UNION ALL SELECT 'singular', sipp.value_added(cohort) FROM alike_cohort
	UNION ALL SELECT 'aliased', sipp.value_added(cohort) FROM aliased
	UNION ALL SELECT 'wide', sipp.value_added(cohort) FROM wide_cohort
	UNION ALL SELECT 'no covariate', sipp.value_added(cohort) FROM balanced_cohort;
SELECT what, m::text::sipp.model OPERATOR(sipp.=) m AS text, m::text::sipp.model::text = m::text AS text_again,
	   m::jsonb::text::sipp.model OPERATOR(sipp.=) m AS jsonb,
	   sipp.model_in(sipp.model_out(m)) OPERATOR(sipp.=) m AS in_out
FROM every_model ORDER BY what;
SET extra_float_digits = -10;
SELECT bool_and(m::text::sipp.model OPERATOR(sipp.=) m) AS text FROM every_model;
SET extra_float_digits = 0;
-- binary, through COPY
CREATE FUNCTION file() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('data_directory') || '/sipp_regress_model.bin' $$;
DO $$ BEGIN EXECUTE format('COPY every_model TO %L (FORMAT binary)', file()); END $$;
CREATE TABLE copied (what text, m sipp.model);
DO $$ BEGIN EXECUTE format('COPY copied FROM %L (FORMAT binary)', file()); END $$;
SELECT count(*), bool_and(c.m OPERATOR(sipp.=) e.m) AS binary FROM every_model e JOIN copied c USING (what);
COPY (SELECT) TO PROGRAM 'cat >/dev/null; rm sipp_regress_model.bin';
-- order and hash
SELECT count(DISTINCT m), count(*) FROM (SELECT m FROM every_model UNION ALL SELECT m FROM copied) x;
SELECT count(*) FROM (SELECT m FROM every_model UNION SELECT m FROM copied) x;
SELECT count(*) FROM every_model a JOIN copied b ON a.m OPERATOR(sipp.=) b.m;
SELECT bool_and((a.m OPERATOR(sipp.<) b.m) = (b.m OPERATOR(sipp.>) a.m)
				AND (a.m OPERATOR(sipp.<=) b.m) = NOT (b.m OPERATOR(sipp.<) a.m)
				AND (a.m OPERATOR(sipp.>=) b.m) = (sipp.model_cmp(a.m, b.m) >= 0)
				AND (a.m OPERATOR(sipp.<>) b.m) = (a.what <> b.what)
				AND (sipp.model_hash(a.m) = sipp.model_hash(b.m)) >= (a.what = b.what)
				AND (sipp.model_hash_extended(a.m, 7) = sipp.model_hash_extended(b.m, 7)) >= (a.what = b.what)) AS order
FROM every_model a, copied b;
-- levels in another order, as from a dump in another encoding: the columns go with them
CREATE TABLE lettered AS
SELECT school, sipp.cohort(y, sex, simd) AS cohort FROM (SELECT school, y, sex, simd FROM pupil OFFSET 0) p GROUP BY school;
WITH m AS (SELECT sipp.value_added(cohort, 'sex') AS m FROM lettered),
	 j AS (SELECT m, m::jsonb AS j FROM m),
	 -- the dictionary of simd backwards, and the columns of its four coefficients (2 to 5) with it
	 p AS (SELECT m, jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(j,
			'{terms,1,levels}', '["d5", "d4", "d3", "d2", "d1"]'),
			'{mean}', jsonb_build_array(j->'mean'->0, j->'mean'->4, j->'mean'->3, j->'mean'->2, j->'mean'->1, j->'mean'->5)),
			'{estimate}', jsonb_build_array(j->'estimate'->0, j->'estimate'->1, j->'estimate'->5, j->'estimate'->4, j->'estimate'->3, j->'estimate'->2)),
			'{df}', jsonb_build_array(j->'df'->0, j->'df'->1, j->'df'->5, j->'df'->4, j->'df'->3, j->'df'->2)),
			'{covariance}', (SELECT jsonb_agg(j->'covariance'->(greatest(a, b) * (greatest(a, b) + 1) / 2 + least(a, b)) ORDER BY r, c)
							 FROM generate_series(0, 5) r, generate_series(0, r) c,
								  LATERAL (SELECT (ARRAY[0, 1, 5, 4, 3, 2])[r + 1] AS a, (ARRAY[0, 1, 5, 4, 3, 2])[c + 1] AS b) x))
			AS j FROM j)
SELECT j::text::sipp.model OPERATOR(sipp.=) m AS sorted_back FROM p;

-- toasted and compressed, read again and again
ALTER TABLE every_model ALTER m SET STORAGE external;
UPDATE every_model SET m = m::text::sipp.model;
SELECT bool_and(near(e.effect, f.effect)) AS toasted
FROM every_model t, model o, school_cohort, LATERAL sipp.effect(cohort, t.m) e, LATERAL sipp.effect(cohort, o.m) f WHERE what = 'plain';
-- models that change from row to row
SELECT what, count(e.effect) AS effects, min(e.reason) AS reason
FROM every_model, school_cohort, LATERAL sipp.effect(cohort, m) e GROUP BY what ORDER BY what;

-- what in must refuse
CREATE FUNCTION try_model(path text[], value jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM jsonb_set(m::jsonb, path, value)::text::sipp.model FROM slopes;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLERRM || coalesce(nullif(': ' || detail, ': '), '');
END $$;
SELECT path, try_model(path, value) FROM (VALUES
	('{version}'::text[], '2'::jsonb), ('{method}', '"ols"'), ('{weighted}', '1'), ('{terms}', '[]'), ('{terms}', 'null'),
	('{terms,0,name}', '""'), ('{terms,0,name}', '"sex"'), ('{terms,1,reference}', '"Q"'), ('{terms,1,levels}', '["F", "F"]'),
	('{terms,1,levels}', '[]'), ('{schools}', '1'), ('{schools}', '1.5'), ('{schools}', '1e300'), ('{pupils}', '3'), ('{weight}', '0'), ('{weight}', '"NaN"'),
	('{outcome_ss}', '-1'), ('{mean,0}', '"NaN"'), ('{mean}', '[1]'), ('{estimate,0}', '"NaN"'), ('{estimate,1}', '"NaN"'),
	('{estimate,1}', '"Infinity"'), ('{covariance,0}', '-1'), ('{covariance,1}', '"NaN"'), ('{covariance}', '[]'), ('{df,0}', '0'), ('{df,0}', '"NaN"'),
	('{between}', '0'), ('{between}', '99'), ('{random_terms}', '0'), ('{random_terms}', '6'), ('{random}', '[0, 0]'), ('{random}', '[0, 77]'),
	('{random}', '[1, 0]'), ('{random}', '[0, 0.5]'), ('{lambda,0}', '-1'), ('{lambda,1}', '"NaN"'), ('{lambda,0}', '1e200'), ('{pupil_variance}', '0'),
	('{pupil_variance}', '"Infinity"'), ('{deviance}', '"NaN"'), ('{null_deviance}', '"Infinity"'), ('{school_variance_interval,0}', '-1'),
	('{icc_interval}', '[1]'), ('{iterations}', '1e12'), ('{notice}', '7'), ('{notice}', '"anything"')
	) t (path, value);
SELECT 'no model'::sipp.model;
SELECT '{}'::sipp.model;
SELECT '[]'::sipp.model;
SELECT '{"version": 1, "method": "ml"}'::sipp.model;
-- a model of figures near the end of the range gives no nonsense
SELECT e.effect, e.reason
FROM (SELECT jsonb_set(jsonb_set(m::jsonb, '{estimate,1}', '1e308'), '{mean,0}', '-1e10')::text::sipp.model AS m FROM model) x,
	 school_cohort, LATERAL sipp.effect(cohort, m) e WHERE school = 1;

--
-- predictions
--
SELECT near(sipp.expected(m), a.mean) AS intercept FROM anova a, (SELECT sipp.value_added(cohort) AS m FROM balanced_cohort) x;
SELECT sipp.expected(m, 0, 'F', 'd9', false, 2022) AS unknown_level, sipp.expected(m, NULL, 'F', 'd1', false, 2022) AS a_null,
	   sipp.expected(NULL, 0, 'F', 'd1', false, 2022) AS no_model,
	   near(sipp.expected(m, 0::numeric, 'F'::varchar, 'd1'::char(4), 0::int2, 2022::float4),
			sipp.expected(m, 0::int8, 'F'::text, 'd1'::name::text, false, 2022)) AS types
FROM model;
SELECT sipp.expected(m, 0, 'F', 'd1', false) FROM model;
SELECT sipp.expected(m) FROM model;
SELECT sipp.expected(m, 'F', 0, 'd1', false, 2022) FROM model;
SELECT sipp.expected(m, 0, 'F', 1, false, 2022) FROM model;
SELECT sipp.expected(m, '0', 'F', 'd1', false, 2022) FROM model;
SELECT sipp.expected(m, 'NaN'::float8, 'F', 'd1', false, 2022) FROM model;
SELECT sipp.expected(m, 0, 'F', 'd1', false, now()) FROM model;
SELECT sipp.expected(m, VARIADIC ARRAY[1, 2]) FROM model;
SELECT near(sipp.expected_json(m, '{"prior": 1, "sex": "M", "simd": "d2", "asn": true, "year": 2023, "shoe": [1, 2]}'),
			sipp.expected(m, 1, 'M', 'd2', true, 2023)) AS same,
	   sipp.expected_json(m, '{"prior": 1, "sex": "M", "simd": null, "asn": true, "year": 2023}') AS a_null,
	   sipp.expected_json(m, '{"prior": 1, "sex": "Q", "simd": "d2", "asn": true, "year": 2023}') AS unknown_level
FROM model;
SELECT sipp.expected_json(m, '{"prior": 1, "sex": "M"}') FROM model;
SELECT sipp.expected_json(m, '{"prior": "1", "sex": "M", "simd": "d2", "asn": true, "year": 2023}') FROM model;
SELECT sipp.expected_json(m, '{"prior": 1, "sex": true, "simd": "d2", "asn": true, "year": 2023}') FROM model;
SELECT sipp.expected_json(m, '{"prior": 1e400, "sex": "M", "simd": "d2", "asn": true, "year": 2023}') FROM model;
SELECT sipp.expected_json(m, '[1]') FROM model;
-- a code that is a factor, by name: a number in JSON
SELECT bool_and(near(sipp.expected(m, sipp.factor(year)), sipp.expected_json(m, to_jsonb(p)))) AS codes
FROM pupil p, (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.cohort(y, sipp.factor(year)) AS c FROM pupil GROUP BY school) c) x;
-- an enum, and a domain over one
CREATE TYPE stage AS ENUM ('S5', 'S4', 'S6');
CREATE DOMAIN leaving AS stage;
CREATE TABLE staged AS SELECT school, y, (enum_range(NULL::stage))[1 + id % 3] AS stage FROM pupil;
SELECT array_agg(level) AS levels,
	   (SELECT bool_and(near(sipp.expected(m, stage::leaving), sipp.expected_json(m, to_jsonb(s)))) FROM staged s) AS expected
FROM (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.cohort(y, stage) AS c FROM staged GROUP BY school) c) x,
	 LATERAL sipp.coefficients(m) GROUP BY m;

--
-- comparing models
--
CREATE TABLE pair AS
SELECT sipp.value_added_ml(cohort) AS large, sipp.value_added_ml(sipp.subset(cohort, 'prior', 'sex', 'asn')) AS small,
	   sipp.value_added(cohort) AS reml, sipp.value_added(sipp.subset(cohort, 'prior')) AS reml_small,
	   sipp.value_added(cohort, 'prior') AS reml_slope, sipp.value_added(cohort, 'prior', 'asn', 'sex') AS reml_slopes,
	   sipp.value_added_ml(sipp.subset(cohort, 'simd', 'year')) AS other
FROM school_cohort;
SELECT near(c.chi2, s.deviance - l.deviance) AS chi2, c.df, c.p_value < .001 AS significant, c.note,
	   near(c.first_aic, s.aic) AND near(c.second_aic, l.aic) AS aic,
	   c.first_parameters, c.second_parameters, c = c2 AS any_order
FROM pair, LATERAL sipp.compare(small, large) c,
	 LATERAL (SELECT (r).chi2, (r).df, (r).p_value, (r).second_parameters, (r).second_deviance, (r).second_aic,
					 (r).first_parameters, (r).first_deviance, (r).first_aic, (r).note FROM (SELECT sipp.compare(large, small) AS r) x) c2,
	 LATERAL sipp.fit_summary(small) s, LATERAL sipp.fit_summary(large) l;
SELECT c.df, c.chi2 > 0 AS chi2, c.p_value BETWEEN 0 AND 1 AS p_value, c.first_aic, c.note FROM pair, LATERAL sipp.compare(reml, reml_slope) c;
SELECT c.df, c.note FROM pair, LATERAL sipp.compare(reml_slopes, reml) c;
SELECT c.df, c.chi2, c.p_value, c.note FROM pair, LATERAL sipp.compare(reml, reml) c;
-- the mixture for an added slope: df - 1 = 1 and df = 2; e^(-x/2) is chi-square's tail with two
SELECT c.p_value > .5 * exp(-c.chi2 / 2) AND c.p_value < exp(-c.chi2 / 2) AS mixture FROM pair, LATERAL sipp.compare(reml, reml_slope) c;
SELECT sipp.compare(reml, reml_small) FROM pair;
SELECT sipp.compare(reml, large) FROM pair;
SELECT sipp.compare(small, other) FROM pair;
SELECT sipp.compare(small, (SELECT sipp.value_added_ml(cohort) FROM school_cohort WHERE school > 1)) FROM pair;
SELECT sipp.compare(NULL, small) IS NULL AS a_null FROM pair;

--
-- the documentation
--
SELECT count(*) FROM pg_proc p LEFT JOIN pg_description d ON d.objoid = p.oid AND d.classoid = 'pg_proc'::regclass
WHERE pronamespace = 'sipp'::regnamespace AND d.description IS NULL;
SELECT attrelid::regclass, attname FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'sipp'::regnamespace AND relkind = 'c' AND col_description(attrelid, attnum) IS NULL;

-- a group's error has the schools' own parts and the coefficients' shared one
-- a group of one is that school, whatever the model
SELECT what, count(*) AS schools,
	   max(abs(g.effect - e.effect)) < 1e-12 * max(abs(e.effect)) AS effects,
	   max(abs(g.std_error / e.std_error - 1)) < 1e-12 AS std_errors
FROM (SELECT 'intercept' AS what, sipp.value_added(cohort) AS m FROM school_cohort
	  UNION ALL
	  SELECT 'slope', sipp.value_added(cohort, 'prior') FROM school_cohort) x,
	 school_cohort c,
	 LATERAL sipp.effect(c.cohort, m) e,
	 LATERAL (SELECT (sipp.group_effect(one, model)).* FROM (SELECT c.cohort AS one, x.m AS model) v) g
GROUP BY what ORDER BY what;
-- in closed form: equal schools, no covariate, so that var(mean of k) is
-- s2u (1 - R) / k + R^2 (s2u + s2 / n) / schools
WITH c AS (
	SELECT s, sipp.cohort(sin(s * 12.9898) * 3 + cos(s * 78.233 + i * 37.719) * 5) AS cohort
	FROM generate_series(1, 24) s, generate_series(1, 15) i GROUP BY s
), m AS (
	SELECT sipp.value_added(cohort) AS m FROM c
), g AS (
	SELECT k, sipp.group_effect(cohort, m) AS g
	FROM c, m, generate_series(1, 24) k WHERE s <= k GROUP BY k
)
SELECT count(*) AS groups,
	   max(abs((g).std_error ^ 2 / (v * (1 - r) / k + r ^ 2 * (v + w / 15) / 24) - 1)) < 1e-10 AS as_in_closed_form,
	   max(abs((g).std_error / sqrt(v * (1 - r) / k) - 1)) > 1 AS far_from_independent
FROM g, (SELECT school_variance AS v, pupil_variance AS w,
				school_variance * 15 / (school_variance * 15 + pupil_variance) AS r
		 FROM m, LATERAL sipp.fit_summary(m) f) f;
-- split between workers it is the same
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ALTER TABLE school_cohort SET (parallel_workers = 2);
CREATE TABLE one_model AS SELECT sipp.value_added(cohort) AS m FROM school_cohort;
CREATE TEMP TABLE in_parallel AS
SELECT school % 3 AS g, sipp.group_effect(cohort, (SELECT m FROM one_model)) AS e FROM school_cohort GROUP BY 1;
SET max_parallel_workers_per_gather = 0;
SELECT count(*) AS groups, bool_and((p.e).schools = (s.e).schools) AS schools,
	   max(abs((p.e).effect - (s.e).effect)) < 1e-12 * max(abs((s.e).effect)) AS effects,
	   max(abs((p.e).std_error / (s.e).std_error - 1)) < 1e-12 AS std_errors
FROM in_parallel p
	 JOIN (SELECT school % 3 AS g, sipp.group_effect(cohort, (SELECT m FROM one_model)) AS e FROM school_cohort GROUP BY 1) s USING (g);
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
-- what cannot be placed is counted; one model a group
SELECT g.schools, g.left_out, g.effect IS NOT NULL AS effect
FROM (SELECT sipp.group_effect(CASE WHEN school > 3 THEN sipp.subset(cohort) WHEN school > 1 THEN cohort END, m) AS r
	  FROM school_cohort, (SELECT sipp.value_added(cohort) AS m FROM school_cohort) x WHERE school <= 5) y,
	 LATERAL (SELECT (y.r).*) g;
SELECT sipp.group_effect(cohort, m)
FROM school_cohort, (SELECT sipp.value_added(cohort) AS m FROM school_cohort UNION ALL
					 SELECT sipp.value_added_ml(cohort) FROM school_cohort) x;
-- models whose terms have one name but are not one covariate
SELECT sipp.compare(a, b)
FROM (SELECT sipp.value_added_ml(sipp.rename(sipp.subset(cohort, 'prior'), 'x1')) AS a FROM school_cohort) x,
	 (SELECT sipp.value_added_ml(sipp.rename(sipp.subset(cohort, 'prior', 'year'), 'x2', 'x1')) AS b FROM school_cohort) y;
-- context before merging is another model, and says so
SELECT f.notice
FROM (SELECT sipp.value_added(c) AS m
	  FROM (SELECT school, sipp.merge(sipp.with_context(c, 'prior')) AS c
			FROM (SELECT school, i % 2, sipp.cohort(y, prior) AS c
				  FROM (SELECT *, row_number() OVER (PARTITION BY school ORDER BY prior) AS i FROM pupil) p
				  GROUP BY 1, 2) c GROUP BY school) c) x, LATERAL sipp.fit_summary(m) f;

SET client_min_messages = warning;
DROP SCHEMA adjust_test CASCADE;
