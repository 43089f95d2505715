/*
 * The truth: national coefficients, school effects and school x year effects.
 * Included by generate.sql, whose head has the formulas.
 */
CREATE TABLE coefficient_truth
(
	term		text NOT NULL,
	level		text NOT NULL,
	value		float8 NOT NULL,
	PRIMARY KEY (term, level)
);

-- deciles rise more steeply at the bottom than a straight line, but gently
INSERT INTO coefficient_truth
SELECT 'simd_decile', decile::text, round((:gradient * (27 * (decile - 1) + 15 * sqrt(decile - 1)))::numeric, 1)
FROM generate_series(1, 10) decile
UNION ALL
SELECT 'year', year::text, 8 * (year - 2024)
FROM generate_series(2024 - :years + 1, 2024) year
UNION ALL VALUES
	('(Intercept)', '', 110),
	('sex', 'F', 40),
	('sex', 'M', 0),
	('asn', 'true', -80),
	('asn', 'false', 0),
	('prior', '', 10);

CREATE TABLE school_truth
(
	school_id		int PRIMARY KEY,
	intake			float8 NOT NULL,
	lasting_effect	float8 NOT NULL,
	literacy_lean	float8 NOT NULL
);

-- the mean rank is a ratio of integers, so the same in any order of summation
INSERT INTO school_truth
SELECT school_id, round(intake::numeric, 4),
	   round((:lasting_sd * ((:correlation)::float8 * intake +
							 sqrt(1 - (:correlation)::float8 ^ 2) * normal(school_id, 10)))::numeric, 2),
	   round((.3 * normal(school_id, 11))::numeric, 3)
FROM (SELECT catchment AS school_id,
			 ((mean_rank - avg(mean_rank) OVER ()) / stddev_pop(mean_rank) OVER ())::float8 AS intake
	  FROM (SELECT catchment, avg(simd_rank) AS mean_rank
			FROM data_zone GROUP BY catchment) z) s
ORDER BY school_id;

CREATE TABLE school_year_truth
(
	school_id	int NOT NULL REFERENCES school_truth,
	year		int NOT NULL,
	leavers		int NOT NULL,
	year_effect	float8 NOT NULL,
	PRIMARY KEY (school_id, year)
);

-- a year's cohort differs from the usual size by about 6%
INSERT INTO school_year_truth
SELECT school_id, year,
	   greatest(3, round(leavers * exp(.06 * normal(school_id * 10000::bigint + year, 12)))),
	   round((:year_sd * normal(school_id * 10000::bigint + year, 13))::numeric, 2)
FROM site, generate_series(2024 - :years + 1, 2024) year
ORDER BY school_id, year;

CREATE VIEW school_truth_observed AS
SELECT t.school_id, sum(y.leavers) AS leavers, t.lasting_effect,
	   t.lasting_effect + sum(y.leavers * y.year_effect) / sum(y.leavers) AS observed_effect
FROM school_truth t JOIN school_year_truth y USING (school_id)
GROUP BY t.school_id;
