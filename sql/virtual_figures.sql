--
-- Room virtual: figures that look right and are not, sentences that are not true.
--
SET extra_float_digits = 0;
CREATE SCHEMA virtual_figures;
SET search_path = virtual_figures, public;

CREATE FUNCTION near(a float8, b float8, tol float8 DEFAULT 1e-12) RETURNS boolean IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
			ELSE abs(a - b) <= tol * greatest(1e-3, abs(a), abs(b)) END;

--
-- why a pool is empty: the reason of all three aggregates, and the notice
--
CREATE TABLE pupil (school text, authority text, cell int, y float8, score float8);
INSERT INTO pupil VALUES ('A', 'north', 1, 1, 1), ('A', 'north', 1, 0, 2), ('B', 'north', 1, 1, 3), ('C', 'south', 1, 1, 9), ('A', 'north', 2, 0, 1), ('C', 'south', 2, NULL, 1);
CREATE FUNCTION reasons(peers text, filter text DEFAULT 'true', outcome text DEFAULT 'y') RETURNS TABLE (benchmark text, share boolean, balance boolean) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT (b).reason, (s).reason = (b).reason, (c).reason = (b).reason
		FROM (SELECT sipp.virtual_school(y, p) AS b, sipp.virtual_school_share(y, p) AS s, sipp.balance(y, p) AS c
			  FROM (SELECT school, %3$s AS y, %1$s AS p FROM pupil WHERE %2$s) q WHERE school = ''A'') s', peers, filter, outcome);
END $$;
-- the unit is in PARTITION BY, or the only one that the query sees, or the only one with an outcome
SELECT * FROM reasons('sipp.comparator(y, school) OVER (PARTITION BY school, cell)');
SELECT * FROM reasons('sipp.comparator(y, school) OVER (PARTITION BY cell)', 'school = ''A''');
SELECT * FROM reasons('sipp.comparator(y, school) OVER (PARTITION BY cell)', 'cell = 2');
-- others are there, and all of them left out: as row-level security does, or the authority in PARTITION BY
SELECT * FROM reasons('sipp.comparator(y, school, authority) OVER (PARTITION BY cell)', 'authority = ''north''');
SELECT * FROM reasons('sipp.comparator(y, school, authority) OVER (PARTITION BY authority)');
-- the window saw another outcome; no score; nobody within the caliper; stored cells; no peers
SELECT * FROM reasons('sipp.comparator(NULLIF(y, y), school) OVER (PARTITION BY cell)');
SELECT * FROM reasons('sipp.nearest_comparator(y, school, NULL, NULLIF(score, score)) OVER ()');
SELECT * FROM reasons('sipp.nearest_comparator(y, school, NULL, score, 1, .5) OVER ()');
SELECT * FROM reasons('(SELECT sipp.peers(sipp.subtract(c, c), 2) FROM (SELECT sipp.cohort(y) AS c FROM pupil) c)');
SELECT * FROM reasons('NULL::sipp.peers');
-- causes that have nothing in common
SELECT * FROM reasons('CASE cell WHEN 1 THEN sipp.comparator(y, school) OVER (PARTITION BY school) END');
-- a group with somebody to compare with says nothing of it
SELECT * FROM reasons('sipp.comparator(y, school) OVER (PARTITION BY cell)');

--
-- the exact test
--
CREATE TABLE admission (department text, sex text, admitted int, n int);
INSERT INTO admission VALUES ('A', 'M', 512, 825), ('A', 'F', 89, 108), ('B', 'M', 353, 560), ('B', 'F', 17, 25), ('C', 'M', 120, 325), ('C', 'F', 202, 593),
	('D', 'M', 138, 417), ('D', 'F', 131, 375), ('E', 'M', 53, 191), ('E', 'F', 94, 393), ('F', 'M', 22, 373), ('F', 'F', 24, 341);
CREATE TABLE applicant AS
SELECT department, sex, y, sipp.comparator(y, sex) OVER (PARTITION BY department) AS p FROM (SELECT department, sex, i <= admitted AS y FROM admission, generate_series(1, n) i) a;
-- R 4.2: fisher.test of each department, mantelhaen.test(exact = TRUE) of all
SELECT department, near((s).p_value, p, 1e-8) AS fisher_test, near((o).p_value, p, 1e-8) AS the_other
FROM (SELECT department, sipp.virtual_school_share(y, p) FILTER (WHERE sex = 'M') AS s, sipp.virtual_school_share(y, p) FILTER (WHERE sex = 'F') AS o FROM applicant GROUP BY department) s
	 JOIN (VALUES ('C', 0.386616575975)) r (department, p) USING (department) ORDER BY 1;
SELECT near((sipp.virtual_school_share(y, p) FILTER (WHERE sex = 'M')).p_value, 0.227762526798, 1e-8) AS mantelhaen_test FROM applicant;
-- pairs, most of them the same: McNemar's exact test, which knows the ones that differ
CREATE TABLE pairs AS
SELECT cell, mine, y, sipp.comparator(y, mine) OVER (PARTITION BY cell) AS p
FROM generate_series(1, 60) cell, LATERAL (VALUES (true, cell % 4 > 0), (false, cell % 5 < 2)) v (mine, y);
SELECT near((SELECT (sipp.virtual_school_share(y, p)).p_value FROM pairs WHERE mine),
			(SELECT least(1, 2 * sum(factorial(d) / (factorial(k) * factorial(d - k)) / 2::numeric ^ d)) FROM generate_series(0, least(b, c)) k)::float8) AS mcnemar, b, c
FROM (SELECT b, c, b + c AS d FROM (SELECT count(*) FILTER (WHERE a.y AND NOT o.y) AS b, count(*) FILTER (WHERE o.y AND NOT a.y) AS c
	  FROM pairs a JOIN pairs o USING (cell) WHERE a.mine AND NOT o.mine) x) d;
-- stored cells of the same figures: told apart by the unit's successes, and not without; nor where pupils are missing
CREATE TABLE stored AS
SELECT cell, mine, y, c, count(*) OVER w AS own, count(*) FILTER (WHERE y) OVER w AS successes
FROM pairs JOIN (SELECT cell, sipp.cohort(y) AS c FROM pairs WHERE NOT mine GROUP BY cell) c USING (cell) WHERE mine WINDOW w AS (PARTITION BY cell);
SELECT near((sipp.virtual_school_share(y, sipp.peers(c, own, successes))).p_value, (SELECT (sipp.virtual_school_share(y, p)).p_value FROM pairs WHERE mine)) AS told_apart,
	   (sipp.virtual_school_share(y, sipp.peers(c, own))).*
FROM stored;
SELECT (v).p_value IS NULL AS no_p_value, (v).reason FROM (SELECT sipp.virtual_school_share(y, p) AS v FROM (SELECT row_number() OVER (PARTITION BY p::text) AS n, * FROM
	(SELECT i > 2 AS y, sipp.comparator(i > 2, i <= 3) OVER (PARTITION BY cell) AS p, i FROM generate_series(1, 9) i, generate_series(1, 2) cell) a WHERE i <= 3) b WHERE n < 6) s;
-- keys that cross the unit make several pools in a cell: known, by looking at all pupils, and no exact test
CREATE TABLE crossed AS
SELECT i, cell, school, CASE WHEN r % 10 > 0 THEN school % 4 ELSE r % 5 END AS trust, CASE WHEN r % 19 > 0 THEN r % 11 < 6 END AS y, CASE WHEN r % 3 = 0 THEN 'home ' || school || '/' || r % 7 ELSE 'home' END AS home
FROM (SELECT i, i % 9 AS cell, i * i % 13 AS school, ('x' || substr(md5(i::text), 1, 6))::bit(24)::int AS r FROM generate_series(1, 400) i) q;
CREATE TABLE crossed_peer AS
SELECT *, sipp.comparator(y, school, trust) OVER w AS p, sipp.comparator(y, school, home) OVER w AS h, sipp.comparator(y, school, trust, home) OVER w AS th,
	   sipp.nearest_comparator(y, school, trust, i, 1000) OVER w AS n
FROM crossed WINDOW w AS (PARTITION BY cell);
CREATE FUNCTION several_pools(what text) RETURNS TABLE (cell int, school int, several boolean) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT cell, school, count(DISTINCT pool) > 1 FROM (SELECT a.cell, a.school, a.i, array_agg(b.i ORDER BY b.i) FILTER (WHERE b.school <> a.school AND %s) AS pool
		FROM crossed a JOIN crossed b USING (cell) WHERE a.y IS NOT NULL AND b.y IS NOT NULL GROUP BY 1, 2, 3) q GROUP BY 1, 2', what);
END $$;
SELECT what, count(*) > 300 AS pupils, bool_and((p::jsonb ? 'several_pools') = several) AS known, count(DISTINCT several) AS both
FROM (SELECT cell, school, unnest('{trust,home,both,nearest}'::text[]) AS what, unnest(ARRAY[p, h, th, n]) AS p FROM crossed_peer WHERE y IS NOT NULL) q
	 JOIN (SELECT 'trust' AS what, * FROM several_pools('b.trust <> a.trust') UNION ALL SELECT 'nearest', * FROM several_pools('b.trust <> a.trust')
		   UNION ALL SELECT 'home', * FROM several_pools('b.home <> a.home') UNION ALL SELECT 'both', * FROM several_pools('b.home <> a.home AND b.trust <> a.trust')) s USING (what, cell, school)
GROUP BY what ORDER BY what;
SELECT DISTINCT (s).p_value IS NULL AS no_p_value, (s).reason FROM (SELECT sipp.virtual_school_share(y, p) AS s FROM crossed_peer GROUP BY school, cell HAVING bool_or(p::jsonb ? 'several_pools')) s;
SELECT '{"version":1,"pool":1,"own":3,"several_pools":true,"mean":1,"sharing":3}'::sipp.peers, '{"version":1,"pool":1,"own":3,"several_pools":false,"mean":1,"sharing":3}'::sipp.peers;
-- successes are known of 0/1 outcomes alone, and are the unit's own
SELECT i, v, p::jsonb->'successes' AS successes FROM (SELECT i, v, sipp.comparator(y, i < 4) OVER (PARTITION BY v) AS p FROM generate_series(1, 6) i, LATERAL (VALUES ('numbers', i), ('yes', (i > 2)::int), ('one other', CASE WHEN i < 6 THEN 1 ELSE 2 END), ('none', NULL)) v (v, y)) q
WHERE i IN (1, 6) ORDER BY v, i;
SELECT '{"version":1,"pool":1,"own":3,"successes":2,"mean":1,"sharing":3}'::sipp.peers;
SELECT sipp.peers(sipp.cohort(true), 3, 2);
SELECT sipp.peers(sipp.cohort(true), 3, NULL) IS NULL AS strict;
\set VERBOSITY terse
SELECT '{"version":1,"pool":1,"own":3,"successes":4,"mean":1,"sharing":3}'::sipp.peers;
SELECT '{"version":1,"pool":1,"own":9007199254740992,"successes":2147483648,"mean":1,"sharing":3}'::sipp.peers;
SELECT '{"version":1,"pool":1,"own":3,"successes":-1,"mean":1,"sharing":3}'::sipp.peers;
SELECT sipp.peers(sipp.cohort(true), 3, 4);
SELECT sipp.peers(sipp.cohort(true), 3, -1);
SELECT sipp.peers(sipp.cohort(true), 9007199254740992, 2147483648);
\set VERBOSITY default

--
-- nothing is compared with a limit to the last digit
--
-- a covariate that is the same for all has no spread, in whatever number and however computed
SELECT count(*), bool_and((b).sd = 0 AND (b).smd IS NULL AND (b).verdict IS NULL) AS none, min((b).reason) AS reason
FROM (SELECT x, n, sipp.balance(CASE WHEN i % 3 = 0 AND x = .3 THEN .1::float8 + .2::float8 ELSE x END, p) AS b
	  FROM (SELECT x, n, i, school, sipp.comparator(x + (school - 1) * i, school) OVER (PARTITION BY x, n) AS p
			FROM unnest('{.1,.3,.7,1.1,100.1,-1e6,1e-300,12345.678}'::float8[]) x, generate_series(2, 13) n, generate_series(1, 2) school, LATERAL generate_series(1, n) i) s
	  WHERE school = 1 GROUP BY x, n) s;
-- nor have pools
SELECT bool_and((b).std_error = 0 AND (b).z IS NULL AND (b).effect_size IS NULL) AS no_z, min((b).reason) AS reason, bool_and((c).variance_ratio IS NULL) AS no_ratio, min((c).reason)
FROM (SELECT g, sipp.virtual_school(y, p) AS b, sipp.balance(y, p) AS c
	  FROM (SELECT g, school, y, sipp.comparator(y, school) OVER (PARTITION BY g) AS p
			FROM generate_series(1, 9) g, LATERAL (SELECT 1, g / 10.0::float8 + i FROM generate_series(1, 3) i UNION ALL SELECT 2, CASE i % 2 WHEN 0 THEN g / 10.0::float8 ELSE 1 + g / 10.0::float8 - 1 END FROM generate_series(1, 5) i) s (school, y)) q
	  WHERE school = 1 GROUP BY g) s;
SELECT sipp.variance(sipp.peers(sipp.cohort(y), 1)) AS stored FROM unnest('{.3,.1,.3}'::float8[], '{0,.2,0}'::float8[]) s (a, b), LATERAL (SELECT a + b AS y) y;
-- but small differences of large numbers are there
SELECT near(sipp.variance(p), 5 / 3.0 * 1e-12, 1e-3) AS variance FROM (SELECT i, sipp.comparator(1e6::float8 + i * 1e-6, i > 4) OVER () AS p FROM generate_series(1, 5) i) s WHERE i = 5;
-- 1.96 is 1.96, whatever it is divided by
SELECT count(*), bool_and(v.verdict = 'as expected') AS at, bool_and(near(v.flip_risk, .5, 1e-3)) AS even, bool_and(h.verdict = 'higher' AND l.verdict = 'lower') AS beyond
FROM generate_series(.1, 30, .1) se, LATERAL sipp.verdict(1.96 * se, se, 0, se / 10) v, LATERAL sipp.verdict((1.96 + 1e-13) * se, se, 0) h, LATERAL sipp.verdict((-1.96 - 1e-13) * se, se, 0) l;
SELECT bool_and(v.verdict = 'as expected') AS with_variance FROM generate_series(1, 99) i, LATERAL sipp.verdict((1.96 * 5 * i / 10.0)::float8, 3 * i / 10.0, (4 * i / 10.0) ^ 2) v;
-- a standardised difference at the threshold is not below it: pupils at e - d, e and e + d beside a pool at e - d/10
SELECT count(*), bool_and((b).verdict = 'imbalanced') AS at, bool_and((c).verdict = 'balanced') AS below
FROM (SELECT e, d, sipp.balance(x, p, .1) AS b, sipp.balance(x, p, .1 + 1e-9) AS c
	  FROM (SELECT e, d, school, x, sipp.comparator(x, school) OVER (PARTITION BY e, d) AS p
			FROM generate_series(-3.3, 100.1, 1.1) e, generate_series(.1, .9, .1) d, LATERAL (SELECT 'A', (e + d * s)::float8 FROM generate_series(-1, 1) s UNION ALL SELECT 'B', (e - d / 10)::float8) v (school, x)) q
	  WHERE school = 'A' GROUP BY e, d) s;
-- a school that has 0 and 1 alone of a covariate of which the pools have more is not yes or no
SELECT near((b).sd, sqrt(1 / 3.0)) AS sd, near((b).variance_ratio, (1 / 3.0) / 7) AS variance_ratio, (b).reason
FROM (SELECT sipp.balance(x, p) AS b FROM (SELECT i, x, sipp.comparator(x, i < 5) OVER () AS p FROM unnest('{0,1,1,0,0,5,1}'::int[]) WITH ORDINALITY u (x, i)) q WHERE i < 5) s;
-- a difference that is none is balanced, be the spread ever so small
SELECT (b).verdict FROM (SELECT sipp.balance(1e9 + i * 1e-5, p) AS b FROM (SELECT i, school, sipp.comparator(1e9 + i * 1e-5, school) OVER () AS p FROM generate_series(1, 3) i, generate_series(1, 2) school) q WHERE school = 1) s;

SET client_min_messages = warning;
DROP SCHEMA virtual_figures CASCADE;
