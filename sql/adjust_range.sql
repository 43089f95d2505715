--
-- Room adjust: figures at the ends of what can be told, and the words for them.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE TABLE marked AS
SELECT i, i % 12 AS school, 1 + i % 5 AS n, sin(i) * 5 + i % 12 * .4 AS y, cos(i * 3.3) AS x FROM generate_series(1, 240) i;
CREATE FUNCTION weighted(scale float8, slope boolean) RETURNS sipp.model LANGUAGE sql AS $$
	SELECT CASE WHEN slope THEN sipp.value_added(c, 'x') ELSE sipp.value_added(c) END
	FROM (SELECT sipp.weighted_cohort(n * scale, y, x) AS c FROM marked GROUP BY school) s $$;
-- one row a school, with weights that tell the variances apart
CREATE FUNCTION means(scale float8) RETURNS sipp.model LANGUAGE sql AS $$
	SELECT sipp.value_added(c) FROM (
		SELECT sipp.weighted_cohort(scale * (4 + (i * i * 37) % 397), 50 + sin(i * 1.3) * 3 + cos(i * 7.7) * 20 / sqrt(4 + (i * i * 37) % 397)) AS c
		FROM generate_series(1, 60) i GROUP BY i) s $$;

-- all weights times a number: the pupil variance is multiplied, nothing else changes
SELECT how, bool_and(abs(f.school_variance / g.school_variance - 1) < 1e-9 AND abs(f.pupil_variance / scale / g.pupil_variance - 1) < 1e-9 AND abs(f.deviance - g.deviance) < 1e-8) AS same
FROM unnest(ARRAY[1e-48, 1e-12, 1e12, 1e47]::float8[]) scale,
	 LATERAL (VALUES ('intercept', weighted(scale, false), weighted(1, false)), ('slope', weighted(scale, true), weighted(1, true)), ('one row', means(scale), means(1))) v (how, m, one),
	 LATERAL sipp.fit_summary(m) f, LATERAL sipp.fit_summary(one) g GROUP BY how ORDER BY how;
-- beyond what their products leave room for: an error, not a school variance of zero
SELECT scale, kind, fails(format('SELECT %s', replace(kind, 'scale', scale))) FROM unnest(ARRAY['1e-300', '1e300']) scale, unnest(ARRAY['weighted(scale, false)', 'weighted(scale, true)', 'means(scale)']) kind;
SELECT fails('SELECT means(1e306)');
-- a school of such weights under a model without
SELECT scale, e.effect IS NULL AS none, e.std_error > .4 AS std_error, e.reason
FROM unnest(ARRAY[1, 1e12, 1e100, 1e300]::float8[]) scale, LATERAL (SELECT sipp.weighted_cohort(n * scale, y, x) AS c FROM marked WHERE school = 3) s,
	 LATERAL sipp.effect(c, weighted(1, true), false) e;
SELECT e.effect IS NULL AS none, e.std_error IS NULL AS no_error, e.reason
FROM (SELECT sipp.weighted_cohort(n * 1e300, y, x) AS c FROM marked WHERE school = 3) s, LATERAL sipp.slope_effects(c, weighted(1, true), false) e;

-- schools themselves as a covariate: what is left is said with slopes, too
SELECT slope, f.notice FROM (VALUES (false), (true)) v (slope), LATERAL (
	SELECT CASE WHEN slope THEN sipp.value_added(c, 'x') ELSE sipp.value_added(c) END AS m FROM (
		SELECT sipp.cohort(y, name, x) AS c FROM (SELECT *, 's' || school AS name FROM marked OFFSET 0) p GROUP BY school) s) s, LATERAL sipp.fit_summary(m) f ORDER BY slope;

-- unseen levels of two factors
SELECT e.unplaced, e.reason
FROM (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.cohort(y, f, g) AS c FROM (SELECT *, chr(97 + i / 12 % 3) AS f, chr(97 + i / 12 % 2) AS g FROM marked OFFSET 0) p GROUP BY school) s) s,
	 (SELECT sipp.cohort(y, f, g) AS c FROM (SELECT *, chr(102 + i / 12 % 2) AS f, chr(97 + i / 12 % 3) AS g FROM marked OFFSET 0) p WHERE school = 1) n, LATERAL sipp.effect(c, m, false) e;
