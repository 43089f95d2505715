--
-- Room virtual: states of aggregates travel and come together.  Partitions are aggregated
-- one by one, so that it is known which rows each state has seen.
--
SET extra_float_digits = 0;
CREATE SCHEMA virtual_states;
SET search_path = virtual_states, public;
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;

CREATE FUNCTION near(a float8, b float8, tol float8 DEFAULT 1e-10) RETURNS boolean IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
			ELSE abs(a - b) <= tol * greatest(1e-3, abs(a), abs(b)) END;
-- two rows of figures, to rounding
CREATE FUNCTION same_row(a jsonb, b jsonb) RETURNS boolean IMMUTABLE
RETURN (SELECT bool_and(coalesce(CASE WHEN jsonb_typeof(x.value) = 'number' AND jsonb_typeof(y.value) = 'number'
									  THEN near(x.value::float8, y.value::float8) ELSE x.value = y.value END, false))
		FROM jsonb_each(a) x FULL JOIN jsonb_each(b) y USING (key));
CREATE FUNCTION plan_has(query text, node text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%' || node || '%' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;

-- pupils of units A and B with pools of one, two and more, in cells that differ in what is left out
CREATE TABLE pupil AS
SELECT i, CASE WHEN i % 3 = 0 THEN 'A' WHEN i % 7 = 0 THEN 'B' ELSE 'C' || i % 11 END AS unit, i * i % 17 + i / 50 AS y, i * i % 5 < 2 AS yes,
	   CASE WHEN i > 216 THEN 20 + i ELSE i * 37 % 1009 % 20 END AS cell
FROM generate_series(1, 222) i;
CREATE TABLE peer AS
SELECT *, sipp.comparator(y, unit) OVER w AS p, sipp.comparator(yes, unit) OVER w AS q, sipp.nearest_comparator(y, unit, NULL, i, 3, 20) OVER w AS n, sipp.nearest_comparator(yes, unit, NULL, i, 3, 20) OVER w AS m
FROM pupil WINDOW w AS (PARTITION BY cell);
CREATE TABLE stored AS
SELECT cell, unit, sipp.peers(sipp.subtract(sipp.merge(c) OVER w, c), n) AS p, sipp.peers(sipp.subtract(sipp.merge(d) OVER w, d), n, s) AS q, sipp.peers(sipp.subtract(sipp.merge(d) OVER w, d), n) AS r,
	   sipp.peers(sipp.subtract(sipp.merge(c) OVER w, c), 0) AS p0, sipp.peers(sipp.subtract(sipp.merge(d) OVER w, d), 0) AS q0
FROM (SELECT cell, unit, sipp.cohort(y) AS c, sipp.cohort(yes) AS d, count(*) AS n, sum(yes::int) AS s FROM pupil GROUP BY cell, unit) c WINDOW w AS (PARTITION BY cell);

-- what: the rows of a group; part: the state that sees them
CREATE TABLE row (what text, part int, y float8, p sipp.peers, yes boolean, q sipp.peers) PARTITION BY LIST (part);
CREATE TABLE row_1 PARTITION OF row FOR VALUES IN (1);
CREATE TABLE row_2 PARTITION OF row FOR VALUES IN (2);
CREATE TABLE row_3 PARTITION OF row FOR VALUES IN (3);
INSERT INTO row
SELECT 'A, anywhere', 1 + i % 3, y, p, yes, q FROM peer WHERE unit = 'A'
UNION ALL SELECT 'A, nearest', 1 + i % 2, y, n, yes, m FROM peer WHERE unit = 'A'
UNION ALL SELECT 'A, by cells', 1 + cell % 3, y, p, yes, q FROM peer WHERE unit = 'A'
UNION ALL SELECT 'A, some without an outcome in one', part, CASE WHEN i % 4 > 0 OR part = 1 THEN y END, p, CASE WHEN i % 4 > 0 OR part = 1 THEN yes END, q FROM (SELECT 1 + i % 2 AS part, * FROM peer WHERE unit = 'A') a
UNION ALL SELECT 'A, no outcome in one', 1 + i % 2, CASE WHEN i % 2 > 0 THEN y END, p, CASE WHEN i % 2 > 0 THEN yes END, q FROM peer WHERE unit = 'A'
UNION ALL SELECT 'A and B apart', CASE unit WHEN 'A' THEN 1 ELSE 2 END, y, p, yes, q FROM peer WHERE unit IN ('A', 'B')
UNION ALL SELECT 'A and B together in one, A in the other', CASE WHEN unit = 'A' AND i > 100 THEN part ELSE 3 - part END, y, p, yes, q FROM peer, generate_series(1, 2) part WHERE unit IN ('A', 'B')
UNION ALL SELECT 'A and B apart, after a stored one', CASE unit WHEN 'A' THEN 2 ELSE 3 END, y, p, yes, q FROM peer WHERE unit IN ('A', 'B')
UNION ALL SELECT 'A and B apart, after a stored one', 1, y, stored.p, yes, stored.q FROM peer JOIN stored USING (unit, cell) WHERE unit = 'A' AND i < 100
UNION ALL SELECT 'stored cells', 1 + i % 2, y, stored.p, yes, stored.q FROM peer JOIN stored USING (unit, cell) WHERE unit = 'A'
UNION ALL SELECT 'stored cells that cannot be told apart', 1 + i % 2, y, stored.p, yes, stored.r FROM peer JOIN stored USING (unit, cell), generate_series(1, 2) WHERE unit = 'A'
UNION ALL SELECT 'stored, then known', CASE WHEN i < 100 THEN 1 ELSE 2 END, y, CASE WHEN i < 100 THEN stored.p ELSE peer.p END, yes, CASE WHEN i < 100 THEN stored.q ELSE peer.q END FROM peer JOIN stored USING (unit, cell) WHERE unit = 'A'
UNION ALL SELECT 'known, then stored', CASE WHEN i < 100 THEN 1 ELSE 2 END, y, CASE WHEN i >= 100 THEN stored.p ELSE peer.p END, yes, CASE WHEN i >= 100 THEN stored.q ELSE peer.q END FROM peer JOIN stored USING (unit, cell) WHERE unit = 'A'
UNION ALL SELECT format('own is wrong in %s', wrong), 1 + i % 2, y, CASE 1 + i % 2 WHEN wrong THEN stored.p0 ELSE peer.p END, yes, CASE 1 + i % 2 WHEN wrong THEN stored.q0 ELSE peer.q END FROM peer JOIN stored USING (unit, cell), generate_series(1, 2) wrong WHERE unit = 'A'
UNION ALL SELECT format('nearest in %s', near), CASE WHEN i < 100 THEN 1 ELSE 2 END, y, CASE WHEN (near = 1) = (i < 100) THEN n ELSE p END, yes, CASE WHEN (near = 1) = (i < 100) THEN m ELSE q END FROM peer, generate_series(1, 2) near WHERE unit = 'A'
UNION ALL SELECT format('most left out in %s', part), CASE WHEN sipp.pool(p) * 2 < sipp.total(p) THEN part ELSE 3 - part END, y, p, yes, q FROM peer, generate_series(1, 2) part WHERE unit = 'A'
UNION ALL SELECT format('zero and one in %s', part), CASE WHEN y < 2 THEN part ELSE 3 - part END, y, p, yes, q FROM peer, generate_series(1, 2) part WHERE unit = 'A'
UNION ALL SELECT format('pools of one in %s', part), CASE WHEN sipp.pool(p) = 1 THEN part ELSE 3 - part END, y, p, yes, q FROM peer, generate_series(1, 2) part WHERE unit IN ('A', 'C1')
-- empty pools, by cause
UNION ALL SELECT 'no peers in ' || part, part, 1, NULL, true, NULL FROM generate_series(1, 2) part
UNION ALL SELECT 'no peers in 1', 2, 1, NULL, true, NULL
UNION ALL SELECT format('unit in PARTITION BY, in %s; stored and empty in the other', part), CASE i WHEN 1 THEN part ELSE 3 - part END, 1, CASE i WHEN 1 THEN p ELSE s END, true, CASE i WHEN 1 THEN p ELSE s END
	FROM generate_series(1, 2) part, generate_series(1, 2) i, (SELECT sipp.comparator(1, 'A'::text) OVER () AS p, sipp.peers(sipp.cohort(x), 3) AS s FROM (SELECT 1 AS x WHERE false) x) s
UNION ALL SELECT 'unit in PARTITION BY', 1 + i % 2, 1, sipp.comparator(1, 'A'::text) OVER (PARTITION BY i), true, sipp.comparator(true, 'A'::text) OVER (PARTITION BY i) FROM generate_series(1, 4) i;

CREATE TABLE call (what text, expression text);
INSERT INTO call VALUES ('benchmark', 'sipp.virtual_school(y, p)'), ('benchmark, k', 'sipp.virtual_school(y, p, 2)'), ('yes or no', 'sipp.virtual_school(yes, q)'),
	('share', 'sipp.virtual_school_share(yes, q)'), ('balance', 'sipp.balance(y, p)'), ('balance, threshold', 'sipp.balance(y, p, .4)'), ('balance of yes or no', 'sipp.balance(yes, q)'),
	('balance of yes or no as numbers', 'sipp.balance(yes::int, q)'), ('bands', 'sipp.attainment_bands(y)'), ('weighted bands', 'sipp.attainment_bands(y, 1 + part)'), ('bands, weights missing', 'sipp.attainment_bands(y, CASE WHEN part < 2 THEN 2 END)'),
	('school_variance', 'sipp.school_variance(y, 1 + y / 20)');
CREATE FUNCTION answers(expression text) RETURNS TABLE (what text, v jsonb) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT what, jsonb_build_object(''v'', to_jsonb(%s)) FROM "row" GROUP BY what', expression);
END $$;
ANALYZE "row";
SET enable_partitionwise_aggregate = on;
SET enable_hashagg = off;		-- sorting parts is cheaper than sorting all
SELECT bool_and(plan_has(format('SELECT what, %s FROM "row" GROUP BY what', expression), 'Partial')) AS partial FROM call;
CREATE TABLE by_parts AS SELECT c.what AS call, a.* FROM call c, LATERAL answers(expression) a;
SET enable_partitionwise_aggregate = off;
SELECT bool_or(plan_has(format('SELECT what, %s FROM "row" GROUP BY what', expression), 'Partial')) AS partial FROM call;
CREATE TABLE at_once AS SELECT c.what AS call, a.* FROM call c, LATERAL answers(expression) a;
SELECT call, count(*), array_agg(what ORDER BY what) FILTER (WHERE NOT CASE WHEN jsonb_typeof(p.v->'v') = 'object' THEN same_row(p.v->'v', a.v->'v') ELSE same_row(p.v, a.v) END) AS different
FROM by_parts p JOIN at_once a USING (call, what) GROUP BY call ORDER BY call;
-- and what they say is not by chance the same
SELECT what, v->'v'->>'reason' AS reason FROM by_parts WHERE call = 'share' ORDER BY what COLLATE "C";
SELECT what, v->'v'->>'reason' AS reason FROM by_parts WHERE call = 'benchmark' ORDER BY what COLLATE "C";
SELECT what, v->'v'->>'reason' AS reason FROM by_parts WHERE call = 'balance' ORDER BY what COLLATE "C";
-- k and threshold are one in all parts
\set VERBOSITY terse
SET enable_partitionwise_aggregate = on;
SELECT sipp.virtual_school(y, p, part) FROM row GROUP BY what;
SELECT sipp.balance(y, p, part / 10.0) FROM row GROUP BY what;

DROP SCHEMA virtual_states CASCADE;
