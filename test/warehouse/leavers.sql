/*
 * The pupils, in seven steps.  Included by generate.sql, whose head has the
 * formulas.
 *
 * The planner folds each step into the next, so that no step is ever stored,
 * however many pupils there are.  OFFSET 0 keeps it from going further and
 * repeating an expression at each of its uses.
 */
CREATE TABLE leaver
(
	pupil_id		bigint NOT NULL,
	school_id		int NOT NULL,
	year			int NOT NULL,
	simd_rank		int NOT NULL,
	simd_vigintile	int NOT NULL,
	simd_decile		int NOT NULL,
	simd_quintile	int NOT NULL,
	prior			float8,
	tariff			float8,
	asn				boolean NOT NULL,
	literacy		boolean NOT NULL,
	numeracy		boolean NOT NULL,
	positive_destination boolean NOT NULL,
	sex				text NOT NULL,
	stage			text NOT NULL,
	authority		text NOT NULL,
	data_zone		text NOT NULL
);

INSERT INTO leaver

-- one row a school and year: everything that its pupils share
WITH school_year AS (
	SELECT t.school_id, t.year, t.leavers,
		   sum(t.leavers) OVER (ORDER BY t.school_id, t.year) - t.leavers AS pupils_before,
		   c.first_zone, c.zones,
		   a.authority, a.first_zone AS authority_first_zone, a.data_zones AS authority_zones,
		   s.literacy_lean, s.lasting_effect + t.year_effect AS school_effect,
		   k.value + y.value AS national
	FROM school_year_truth t
		 JOIN school_truth s USING (school_id)
		 JOIN catchment c USING (school_id)
		 JOIN authority a USING (authority_no)
		 JOIN coefficient_truth k ON k.term = '(Intercept)'
		 JOIN coefficient_truth y ON y.term = 'year' AND y.level = t.year::text
	ORDER BY t.school_id, t.year
	OFFSET 0
),

-- one row a pupil, with the zone: one in ten comes from outside the catchment
pupil AS (
	SELECT *,
		   CASE WHEN uniform(pupil_id, 20) < .1
				THEN authority_first_zone + floor(authority_zones * uniform(pupil_id, 21))
				ELSE first_zone + floor(zones * uniform(pupil_id, 21))
		   END::int AS zone_no,
		   uniform(pupil_id, 22) < .495 AS female
	FROM (SELECT s.*, pupils_before + i AS pupil_id
		  FROM school_year s, LATERAL generate_series(1, s.leavers) i
		  OFFSET 0) p
	OFFSET 0
),

-- deprivation, standardised by decile, and what follows from it
needs AS (
	SELECT p.*, z.data_zone, z.simd_rank, z.simd_vigintile, z.simd_decile, z.simd_quintile,
		   d.value AS decile_part, z.advantage,
		   uniform(pupil_id, 23) < logistic(-.7 - .3 * z.advantage + CASE WHEN female THEN 0 ELSE .35 END) AS asn
	FROM pupil p
		 JOIN (SELECT *, :gradient * (simd_decile - 5.5) / 2.872 AS advantage FROM data_zone) z USING (zone_no)
		 JOIN coefficient_truth d ON d.term = 'simd_decile' AND d.level = z.simd_decile::text
	OFFSET 0
),

-- prior attainment to a tenth of a point, from about 17 up to the test's ceiling of 250
start AS (
	SELECT *,
		   least(2500, round(150 + 420 * exp(.6 * (.4 * advantage - .6 * (asn::int - .37) +
												   .85 * normal(pupil_id, 24))))) / 10 AS prior
	FROM needs
	OFFSET 0
),

-- the mean of the tariff given all of that, and the chance of leaving with none
prospect AS (
	SELECT *,
		   greatest(.25 * exp(- expected / 250),
					1 - 3 * expected ^ 2 / (:pupil_sd ^ 2 + expected ^ 2)) AS none
	FROM (SELECT *,
				 greatest(40, national + decile_part + CASE WHEN female THEN 40 ELSE 0 END +
							  CASE WHEN asn THEN -80 ELSE 0 END + 10 * prior + school_effect) AS expected
		  FROM start
		  OFFSET 0) s
	OFFSET 0
),

-- the others' tariff is (sqrt(m' - b) + sqrt(b) N(0,1))^2; without greatest(), rounding could leave -1e-10
result AS (
	SELECT *,
		   CASE WHEN uniform(pupil_id, 26) < none THEN 0
				ELSE round((sqrt(mean - b) + sqrt(b) * normal(pupil_id, 25)) ^ 2)
		   END AS tariff
	FROM (SELECT *, mean - sqrt(greatest(0, mean ^ 2 - variance / 2)) AS b
		  FROM (SELECT *,
					   expected / (1 - none) AS mean,
					   (:pupil_sd ^ 2 + expected ^ 2) / (1 - none) - (expected / (1 - none)) ^ 2 AS variance
				FROM prospect
				OFFSET 0) p
		  OFFSET 0) p
	OFFSET 0
),

-- staying on follows attainment, and the school's effect once more
outcome AS (
	SELECT *, .55 * attainment + .83 * normal(pupil_id, 27) + .1 * advantage + .002 * school_effect AS staying
	FROM (SELECT *,
				 -- near mean 0 and standard deviation 1
				 (ln(tariff + 150) - 6.72) / .62 AS attainment
		  FROM result
		  OFFSET 0) r
	OFFSET 0
)

SELECT pupil_id, school_id, year, simd_rank, simd_vigintile, simd_decile, simd_quintile,
	   -- missing: 5% in the most deprived decile down to 1% in the least; 2% at random
	   CASE WHEN uniform(pupil_id, 28) >= .05 - .04 * (simd_decile - 1) / 9 THEN prior END,
	   CASE WHEN uniform(pupil_id, 29) >= .02 THEN tariff END,
	   asn,
	   uniform(pupil_id, 30) < logistic(1.75 + 1.5 * attainment + literacy_lean),
	   uniform(pupil_id, 31) < logistic(1.05 + 1.5 * attainment - literacy_lean),
	   uniform(pupil_id, 32) < logistic(3.3 + .8 * attainment + .15 * advantage),
	   CASE WHEN female THEN 'F' ELSE 'M' END,
	   CASE WHEN staying < -1.25 THEN 'S4' WHEN staying < -.21 THEN 'S5' ELSE 'S6' END,
	   authority, data_zone
FROM outcome;
