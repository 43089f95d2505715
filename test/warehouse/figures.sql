/*
 * The truth: is the tariff made of what the truth tables say, and are these what
 * the parameters say?  Included by check.sql.
 *
 * residual = tariff less everything that is known of its mean
 */
CREATE TEMP TABLE known ON COMMIT DROP AS
SELECT *, tariff - fixed AS raw_residual, tariff - fixed - school_effect AS residual, fixed + school_effect AS mean
FROM (SELECT l.school_id, l.year, l.tariff, l.simd_decile, l.sex, l.asn, l.prior,
			 s.lasting_effect + t.year_effect AS school_effect,
			 k.value + y.value + d.value + x.value + a.value + p.value * l.prior AS fixed
	  FROM leaver l
		   JOIN school_truth s USING (school_id)
		   JOIN school_year_truth t USING (school_id, year)
		   JOIN coefficient_truth k ON k.term = '(Intercept)'
		   JOIN coefficient_truth p ON p.term = 'prior'
		   JOIN coefficient_truth y ON y.term = 'year' AND y.level = l.year::text
		   JOIN coefficient_truth d ON d.term = 'simd_decile' AND d.level = l.simd_decile::text
		   JOIN coefficient_truth x ON x.term = 'sex' AND x.level = l.sex
		   JOIN coefficient_truth a ON a.term = 'asn' AND a.level = l.asn::text
	  WHERE l.prior IS NOT NULL AND l.tariff IS NOT NULL
	  OFFSET 0) k;

INSERT INTO figure (name, low, value, high)
SELECT 'pupils whose mean tariff was raised to 40, share', 0, avg((mean < 40)::int),
	   CASE WHEN :'realistic' THEN .0005 ELSE .05 END FROM known
UNION ALL
SELECT 'residual: mean', -4 * :pupil_sd / sqrt(count(*)), avg(residual), 4 * :pupil_sd / sqrt(count(*)) FROM known
UNION ALL
-- its kurtosis is about 6, so that its variance has a standard error of sqrt(5/n)
SELECT 'residual: standard deviation', :pupil_sd * (1 - 4 * sqrt(5.0 / 4 / count(*)) - .001), stddev(residual),
	   :pupil_sd * (1 + 4 * sqrt(5.0 / 4 / count(*)) + .001) FROM known
UNION ALL
SELECT 'residual: standard deviation where the mean is in its ' || fifth || '. fifth',
	   :pupil_sd * (1 - 4 * sqrt(12.0 / 4 / count(*)) - .005), stddev(residual),
	   :pupil_sd * (1 + 4 * sqrt(12.0 / 4 / count(*)) + .005)
FROM (SELECT residual, ntile(5) OVER (ORDER BY mean) AS fifth FROM known) k GROUP BY fifth
UNION ALL
SELECT 'residual: skewness', .5, avg(residual ^ 3) / stddev(residual) ^ 3, 1.5 FROM known HAVING :'realistic'
UNION ALL
SELECT 'residual: slope on the fixed part', -4 * :pupil_sd / sqrt(regr_sxx(residual, fixed)), regr_slope(residual, fixed),
	   4 * :pupil_sd / sqrt(regr_sxx(residual, fixed)) FROM known
UNION ALL
SELECT 'residual: slope on prior', -4 * :pupil_sd / sqrt(regr_sxx(residual, prior)), regr_slope(residual, prior),
	   4 * :pupil_sd / sqrt(regr_sxx(residual, prior)) FROM known
UNION ALL
SELECT 'residual: largest |t| of the deciles', 0, max(abs(t)), 4.5
FROM (SELECT avg(residual) * sqrt(count(*)) / :pupil_sd AS t FROM known GROUP BY simd_decile) d
UNION ALL
SELECT 'residual: largest |t| of sex by ASN', 0, max(abs(t)), 4.5
FROM (SELECT avg(residual) * sqrt(count(*)) / :pupil_sd AS t FROM known GROUP BY sex, asn) d
UNION ALL
SELECT 'tariff: slope of what the fixed part leaves on the true effect',
	   1 - 4 * :pupil_sd / sqrt(regr_sxx(raw_residual, school_effect)), regr_slope(raw_residual, school_effect),
	   1 + 4 * :pupil_sd / sqrt(regr_sxx(raw_residual, school_effect))
FROM known WHERE :icc > 0 HAVING count(*) > 0
UNION ALL
SELECT 'lasting effect: standard deviation', :lasting_sd * (1 - 4 / sqrt(2 * :schools)), stddev_pop(lasting_effect),
	   :lasting_sd * (1 + 4 / sqrt(2 * :schools)) FROM school_truth
UNION ALL
SELECT 'lasting effect: mean', -4 * :lasting_sd / sqrt(:schools), avg(lasting_effect), 4 * :lasting_sd / sqrt(:schools)
FROM school_truth
UNION ALL
SELECT 'lasting effect: correlation with intake', :correlation - 4 * (1 - :correlation ^ 2) / sqrt(:schools) - .0001,
	   corr(lasting_effect, intake), :correlation + 4 * (1 - :correlation ^ 2) / sqrt(:schools) + .0001
FROM school_truth WHERE :lasting_sd > 0 HAVING count(*) > 0
UNION ALL
SELECT 'year effect: standard deviation', :year_sd * (1 - 4 / sqrt(2 * count(*))), stddev_pop(year_effect),
	   :year_sd * (1 + 4 / sqrt(2 * count(*))) FROM school_year_truth
UNION ALL
SELECT 'year effect: correlation with the lasting one', -4 / sqrt(count(*)), corr(lasting_effect, year_effect), 4 / sqrt(count(*))
FROM school_truth JOIN school_year_truth USING (school_id)
WHERE :lasting_sd > 0 AND :year_sd > 0 HAVING count(*) > 0
UNION ALL
SELECT 'year effect: correlation of one year with the next', -4 / sqrt(count(*)), corr(year_effect, before), 4 / sqrt(count(*))
FROM (SELECT year_effect, lag(year_effect) OVER (PARTITION BY school_id ORDER BY year) AS before FROM school_year_truth) y
WHERE before IS NOT NULL AND :year_sd > 0 HAVING count(*) > 0
UNION ALL
SELECT 'intake: correlation with the mean rank of the leavers', .9, corr(intake, mean_rank), 1
FROM school_truth JOIN (SELECT school_id, avg(simd_rank)::float8 AS mean_rank FROM leaver GROUP BY 1) l USING (school_id)
HAVING :'whole';

-- intraclass correlations of one year's schools, by analysis of variance: of
-- the tariff as it is, and of what the fixed part leaves
CREATE TEMP TABLE icc ON COMMIT DROP AS
SELECT outcome, part / (part + within_ms) AS icc, part
FROM (SELECT outcome, (between_ss / (groups - 1) - within_ss / (n - groups)) / n0 AS part, within_ss / (n - groups) AS within_ms
	  FROM (SELECT outcome, sum(n * (mean - grand) ^ 2) AS between_ss, sum(ss) AS within_ss, count(*) AS groups, sum(n) AS n,
				   (sum(n) - sum(n ^ 2) / sum(n)) / (count(*) - 1) AS n0
			FROM (SELECT *, sum(n * mean) OVER o / sum(n) OVER o AS grand
				  FROM (SELECT outcome, count(*)::float8 AS n, avg(value) AS mean, var_pop(value) * count(*) AS ss
						FROM known, LATERAL (VALUES ('raw', tariff), ('adjusted', raw_residual)) v (outcome, value)
						GROUP BY outcome, school_id, year) g
				  WINDOW o AS (PARTITION BY outcome)) g
			GROUP BY outcome) g) g;

INSERT INTO figure (name, low, value, high)
-- schools count, not school-years: their lasting effects are shared
SELECT 'intraclass correlation given the fixed part', :icc * (1 - 4 * sqrt(2.0 / :schools)) - .003, icc,
	   :icc * (1 + 4 * sqrt(2.0 / :schools)) + .003 FROM icc WHERE outcome = 'adjusted'
UNION ALL
SELECT 'intraclass correlation of the tariff', .06, icc, .2 FROM icc WHERE outcome = 'raw' AND :'realistic'
UNION ALL
SELECT 'share of the variance between schools that intake explains', .5, 1 - a.part / r.part, .9
FROM icc a, icc r WHERE a.outcome = 'adjusted' AND r.outcome = 'raw' AND :'realistic'
UNION ALL
-- in a school that does more, pupils of the same deprivation stay longer
SELECT 'staying to S6: partial correlation with the effect, given intake', .1,
	   (corr(stay, effect) - corr(stay, intake) * corr(effect, intake)) /
	   sqrt((1 - corr(stay, intake) ^ 2) * (1 - corr(effect, intake) ^ 2)), 1
FROM (SELECT avg((stage = 'S6')::int)::float8 AS stay, avg(simd_decile)::float8 AS intake, t.observed_effect AS effect
	  FROM leaver JOIN school_truth_observed t USING (school_id)
	  GROUP BY school_id, t.observed_effect HAVING count(*) >= 100) s
WHERE :'realistic' HAVING count(*) > 0;
