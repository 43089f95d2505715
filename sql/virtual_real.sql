--
-- Room virtual: scores and calipers of type real, wherever they were cast to float8.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE DOMAIN grade AS real;
CREATE TABLE graded AS SELECT i, 'S' || i % 7 AS school, sin(i) * 10 AS y, i * 37 % 50 AS tenths, (i * 37 % 50 / 10.0)::grade AS real FROM generate_series(1, 80) i;
-- the sum of pools, of a query of i, school, y and score
CREATE FUNCTION pools(scores text, caliper text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT sum(sipp.pool(p)) FROM (SELECT sipp.nearest_comparator(y, school, NULL, score => score, k => 1000, caliper => %s) OVER () AS p FROM (%s) s) s',
				   caliper, scores) INTO n;
	RETURN n;
END $$;
-- tenths as whole numbers are the truth
SELECT how, pools(how, '0.1') = pools('SELECT *, tenths AS score FROM graded', '1') AS one_tenth, pools(how, '0.7::real') = pools('SELECT *, tenths AS score FROM graded', '7') AS real_caliper,
	   pools(how, '(0.7::real)::float8 + 0 * random()') = pools('SELECT *, tenths AS score FROM graded', '7') AS cast_caliper
FROM unnest(ARRAY['SELECT *, real AS score FROM graded', 'SELECT *, real::float8 AS score FROM graded', 'SELECT *, real::float8 AS score FROM graded OFFSET 0',
	'SELECT i, school, y, avg(real) AS score FROM graded GROUP BY 1, 2, 3', 'SELECT *, tenths / 10.0 AS score FROM graded', 'SELECT *, (tenths / 10.0)::float8 AS score FROM graded OFFSET 0']) how;
-- binary fractions of as many digits are exact: no two of them are the same, and no distances
SELECT step, pools(format('SELECT i, school, y, %s + tenths * 2::float8 ^ %s AS score FROM graded OFFSET 0', shift, step), format('2::float8 ^ %s', step)) = pools('SELECT *, tenths AS score FROM graded', '1') AS exact
FROM (VALUES (1e6, -3), (1e6, -4), (5e6, -1), (1000, -13), (1, -23), (4, -21), (0, -10), (100, -6)) v (shift, step);
