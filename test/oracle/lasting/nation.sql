/*
 * Nations of 180 schools in 12 authorities, 6 to 96 leavers in each of three
 * years: y = year + x/2 + u + v + e, where u lasts and v is the school's in that
 * year.  The variance of u + v is that of an icc of .08, and 30% of it is
 * v's, of which a third remains in the mean of three years.  Intakes (the
 * means of x) differ between schools and are what pairs are to be alike in.
 *
 * What the years observed had: u + mean v.  What will be there next year: u.
 */
\set pair_variance '(.08 / .92)'
\set year_share .3

CREATE TABLE school AS
SELECT rep, school, 1000 * rep + school AS id, 1 + school % 12 AS authority,
	   round(6 * 16 ^ uniform(1000 * rep + school, 71))::int AS pupils,
	   sqrt((1 - :year_share) * :pair_variance) * normal(1000 * rep + school, 72) AS u,
	   .5 * normal(1000 * rep + school, 73) AS intake
FROM generate_series(1, :reps) rep, generate_series(1::bigint, 180) school;
ANALYZE school;

CREATE TABLE school_year AS
SELECT s.*, year, 10 * id + year AS id_year,
	   sqrt(:year_share * :pair_variance) * normal(10 * id + year, 74) AS v
FROM school s, generate_series(1, 3) year;
ANALYZE school_year;

CREATE TABLE truth AS
SELECT rep, school, u AS lasting, u + avg(v) AS observed
FROM school_year GROUP BY rep, school, u;
ANALYZE truth;

-- b: two normals of one hash
CREATE TABLE pupil AS
SELECT rep, school, year, u + v AS of_school, intake + radius(b) * cos(angle(b)) AS x,
	   radius(b) * sin(angle(b)) AS e, 1000 * id_year + i AS id
FROM (SELECT y.*, i, bits(1000 * id_year + i, 75) AS b
	  FROM school_year y, LATERAL generate_series(1, pupils) i
	  OFFSET 0) p;
ANALYZE pupil;

/*
 * Fits of any table of cohorts, and their schools as pairing takes them.  Raw
 * effects with their own standard errors, and shrunken ones with half of theirs,
 * are for controls.
 */
CREATE FUNCTION fit(cohorts text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE %1$s_model AS
		SELECT rep, m.model, f.school_variance, f.pupil_variance, f.singular, f.lr_p_value
		FROM (SELECT rep, sipp.value_added(cohort) AS model FROM %1$s GROUP BY rep) m, LATERAL sipp.fit_summary(m.model) f', cohorts);
	EXECUTE format('CREATE TABLE %1$s_effect AS
		SELECT c.rep, c.school, s.authority, e.effect, e.conditional_se AS se, e.raw_effect AS raw,
			   sqrt(m.pupil_variance / e.pupils) AS raw_se, s.intake, sqrt(m.school_variance) AS school_sd
		FROM %1$s_model m JOIN (SELECT * FROM %1$s ORDER BY rep) c USING (rep) JOIN school s USING (rep, school),
			 LATERAL sipp.effect(c.cohort, m.model) e', cohorts);
	EXECUTE format('ANALYZE %1$s_effect', cohorts);
END $$;

CREATE TABLE nation AS
SELECT rep, school, sipp.cohort(.2 * year + x / 2 + of_school + e, x, year::text) AS cohort
FROM pupil GROUP BY rep, school;
SELECT fit('nation');

-- Abramowitz and Stegun 7.1.26, to 1.5e-7: the extension's own is not to judge itself
CREATE FUNCTION below(z float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	t float8 := 1 / (1 + .3275911 * abs(z) / sqrt(2));
	tail float8 := exp(-least(z * z, 1400) / 2) / 2 *
		t * (.254829592 + t * (-.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
BEGIN
	RETURN CASE WHEN z < 0 THEN tail ELSE 1 - tail END;
END $$;

-- E min(max(gap, 0), g) / g of a gap with mean m and standard deviation s
CREATE FUNCTION psi(x float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	RETURN x * below(x) + exp(-least(x * x, 1400) / 2) / sqrt(2 * pi());
END $$;
CREATE FUNCTION usable(m float8, s float8, g float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	RETURN s / g * (psi(m / s) - psi((m - g) / s));
END $$;
