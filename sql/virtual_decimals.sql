--
-- Room virtual: decimals that floating point cannot hold are compared as the numbers that they stand for.
--
SET extra_float_digits = 0;
CREATE SCHEMA virtual_decimals;
SET search_path = virtual_decimals, public;

-- a number from 0 to n - 1 that looks random and is the same on every machine
CREATE FUNCTION noise(i bigint, salt text, n int) RETURNS int IMMUTABLE PARALLEL SAFE
RETURN ('x' || substr(md5(i || salt), 1, 7))::bit(28)::int % n;
-- the same pool; NULL is NULL
CREATE FUNCTION same(a sipp.peers, b sipp.peers) RETURNS boolean IMMUTABLE PARALLEL SAFE
RETURN sipp.pool(a) = sipp.pool(b) AND sipp.own(a) = sipp.own(b) AND coalesce(abs(sipp.mean(a) - sipp.mean(b)), 0) <= 1e-12 * 1000
	AND (sipp.mean(a) IS NULL) = (sipp.mean(b) IS NULL) AND coalesce(abs(sipp.variance(a) - sipp.variance(b)), 0) <= 1e-12 * 1e6;

--
-- nearest_comparator: 4.1 and 4.3 are as near to 4.2, and within a caliper of .1
--
SELECT id, score, sipp.pool(decimals) AS pool_decimals, sipp.pool(tenths) AS pool_tenths, sipp.pool(first) AS nearest
FROM  (SELECT *, sipp.nearest_comparator(y, school, NULL, score => score, k => 10, caliper => 0.1) OVER () AS decimals,
			 sipp.nearest_comparator(y, school, NULL, score => score * 10, k => 10, caliper => 1) OVER () AS tenths,
			 sipp.nearest_comparator(y, school, NULL, score => score, k => 1) OVER () AS first
	   FROM (VALUES (1, 'A', 10.0, 4.2::numeric), (2, 'B', 20.0, 4.1), (3, 'C', 40.0, 4.3), (4, 'D', 99.0, 6.0)) t(id, school, y, score)) q
ORDER BY id;
-- in whatever way a score became a double or a real, the pools are those of the whole numbers
CREATE TABLE pupil AS
SELECT i AS id, noise(i, 'school', 60) AS school, noise(i, 'score', 60) - 10 AS score, CASE WHEN noise(i, 'no y', 20) > 0 THEN noise(i, 'y', 1000) END AS y
FROM generate_series(1, 3000) i;
CREATE FUNCTION differ(expression text, grid text, k int, caliper int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FILTER (WHERE NOT same(a, b)) FROM (
		SELECT sipp.nearest_comparator(y, school, NULL, %1$s, $1, $2 * %2$s) OVER () AS a, sipp.nearest_comparator(y, school, NULL, score, $1, $2) OVER (ORDER BY y DESC, id) AS b FROM pupil) q',
		expression, grid) INTO n USING k, caliper;
	RETURN n;
END $$;
SELECT expression, sum(differ(expression, grid, k, caliper)) AS differ
FROM (VALUES ('score / 10.0', '.1'), ('score / 10.0::float8', '.1::float8'), ('score * .1::float8', '.1::float8'), ('score / 100.0', '.01'), ('score / 3.0::float8', '(1 / 3.0)::float8'),
			 ('-score / 10.0', '.1'), ('1e6 + score / 10.0', '.1'), ('1e6 + score / 10.0::float8', '.1'), ('score / 100.0 - 1e6', '.01'), ('(score - 50) / 15.0::float8', '1 / 15.0'),
			 ('(score / 10.0)::real', '.1'), ('(score / 100.0)::real', '.01::real'), ('score', '.1::float8 * 10'), ('score * 1e-301::float8', '1e-301::float8'), ('score * 1e300::float8', '1e300::float8'),
			 ('score + 2::float8 ^ 52', '1'), ('score * 2 ^ 46::float8', '2 ^ 46::float8'), ('score * 2 ^ -1070::float8', '2 ^ -1070::float8'), ('score / 8.0', '.125')) e (expression, grid),
	 (VALUES (1, NULL), (7, 1), (100, NULL), (4000, 3)) s (k, caliper)
GROUP BY expression ORDER BY expression COLLATE "C";
-- but what differs is not merged: whole numbers next to each other at 2^52, doubles 64 units apart, tiny ones, the smallest there are
SELECT what, array_agg(sipp.pool(p) ORDER BY i) AS pools, array_agg(sipp.mean(p) ORDER BY i) AS means
FROM (SELECT *, sipp.nearest_comparator(i, i, NULL, base + i * (i + 1) / 2 * step, 1) OVER (PARTITION BY what) AS p
	  FROM (VALUES ('2^52', 2::float8 ^ 52, 1::float8), ('-2^52', -2::float8 ^ 52, 1), ('1', 1, 2 ^ -46::float8), ('1e-300', 0, 1e-300), ('1e-300, 64 units apart', 1e-300, 2::float8 ^ -1043), ('subnormal', 0, 2::float8 ^ -1074)) v (what, base, step),
		   generate_series(1, 4) i) q
GROUP BY what ORDER BY what COLLATE "C";
-- distances that overflow
SELECT i, sipp.pool(p), sipp.mean(p) FROM (SELECT i, sipp.nearest_comparator(i, i, NULL, score, 1) OVER () AS p FROM unnest('{-1.7e308,-1.6e308,0,1.2e308,1.7e308}'::float8[]) WITH ORDINALITY s (score, i)) q ORDER BY i;
SELECT i, sipp.pool(p) FROM (SELECT i, sipp.nearest_comparator(i, i, NULL, score, 9, 1.7e308) OVER () AS p FROM unnest('{-1.7e308,-1.6e308,0,1.2e308,1.7e308}'::float8[]) WITH ORDINALITY s (score, i)) q ORDER BY i;
-- minus zero is zero
SELECT DISTINCT sipp.pool(p) FROM (SELECT sipp.nearest_comparator(i, i, NULL, score, 1) OVER () AS p FROM unnest('{-0,0,-0,0}'::float8[]) WITH ORDINALITY s (score, i)) q;

SET client_min_messages = warning;
DROP SCHEMA virtual_decimals CASCADE;
