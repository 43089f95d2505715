/*
 * Only pupils vary.  A school has 6 pupils in each of 16 cells, and every cell a pool
 * of its own of the size that is named.  Cells that are shared by all their schools
 * have 26 of 8 pupils, so that the pool of each is 200.
 */
CREATE TABLE pool_cell AS
SELECT pool, school, cell, id, normal(id, 61) AS level, 1 + uniform(id, 62) AS spread,
	   -- for shares.sql: how many of a hundred succeed
	   .1 + .8 * uniform(id, 63) AS share
FROM (SELECT pool, school, cell, pool * 1000000 + 20 * school + cell AS id
	  FROM (VALUES (2::bigint, :pool_schools), (5, :pool_schools), (10, :pool_schools), (20, :pool_schools),
				   (200, :pool_schools / 26)) v (pool, schools),
		   generate_series(1, schools) school, generate_series(1, 16) cell
	  OFFSET 0) c;
ANALYZE pool_cell;

-- unit NULL: elsewhere
CREATE TABLE pool_pupil AS
SELECT pool, id AS cell, share,
	   CASE WHEN pool = 200 THEN 26 * school + (i - 1) / 8 WHEN i <= 6 THEN school END AS unit,
	   level + spread * radius(b) * cos(angle(b)) AS y, uniform(1000 * id + i, 65) AS luck
FROM (SELECT c.*, i, bits(1000 * id + i, 64) AS b
	  FROM pool_cell c, LATERAL generate_series(1, CASE pool WHEN 200 THEN 208 ELSE pool + 6 END) i
	  OFFSET 0) p;
ANALYZE pool_pupil;

CREATE TABLE pools AS
SELECT pool, unit, b.*
FROM (SELECT pool, unit, sipp.virtual_school(y, peer) AS v
	  FROM (SELECT pool, unit, y, sipp.comparator(y, unit) OVER (PARTITION BY cell) AS peer FROM pool_pupil) p
	  WHERE unit IS NOT NULL
	  GROUP BY pool, unit) s, LATERAL (SELECT (s.v).*) b;

\echo 'only pupils vary, 6 pupils a cell (pools of 200: 8):' :pool_schools 'schools'
SELECT must(format('pools of %s: %% of |z| above 1.96%s', pool, CASE pool WHEN 2 THEN ', for the record' ELSE '' END),
			100 * avg((abs(z) > 1.96)::int), CASE pool WHEN 2 THEN 0 ELSE 3.5 END, CASE pool WHEN 2 THEN 12 ELSE 6.5 END),
	   must(format('pools of %s: SD of difference / root of mean std_error^2', pool),
			stddev(difference) / sqrt(avg(std_error ^ 2)), .95, 1.05)
FROM pools GROUP BY pool ORDER BY pool;

SELECT must(format('negative control, pools of %s taken as all there could be: %% of |difference| above 1.96 fixed_pool_se, known to be near %s',
				   pool, near),
			100 * avg((abs(difference) > 1.96 * fixed_pool_se)::int), near - within, near + within)
FROM pools JOIN (VALUES (2, 49, 5), (5, 23, 3.5), (10, 13, 3), (20, 9, 2)) v (pool, near, within) USING (pool)
GROUP BY pool, near, within ORDER BY pool;
