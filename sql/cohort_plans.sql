--
-- Room cohort: names of terms, and the plans that an aggregate may run in.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all
--
-- 1. Names: the column that an argument shows, else x1, x2, ...
--
-- columns, casts of columns, codes as factors; a number stands for its position
SELECT names(sipp.cohort(y, r8, i4::text, num::float8, sipp.factor(dec), vc::text, bp::text, st::text, i2::int8)) FROM pupil;
SELECT names(sipp.cohort(y, r8 + 1, i4, upper(txt), -dec)) FROM pupil;
SELECT names(sipp.weighted_cohort(w, y, r8, abs(i4), txt)) FROM pupil;
SELECT names(sipp.cohort(y, 1, true, 'a'::text)), names(sipp.cohort(y)) FROM pupil;
SELECT names(sipp.cohort_array(y, ARRAY[r8, i4], ARRAY[txt])) FROM pupil;
-- a function of that name that is not ours is an expression
CREATE FUNCTION factor(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
SELECT names(sipp.cohort(y, factor(i4), sipp.factor(dec))) FROM pupil;
-- views, joins, CTEs, subqueries.  Where the planner pulls one up, the name is the
-- underlying column's; OFFSET 0 keeps the subquery's own.
CREATE VIEW leaver AS SELECT p.id, p.y AS tariff, p.r8 AS prior, p.st AS stage, p.i4 * 2 AS computed FROM pupil p;
CREATE TABLE school_type AS SELECT i AS school, 'type ' || i % 3 AS kind FROM generate_series(0, 19) i;
SELECT names(sipp.cohort(tariff, prior, stage)) AS view, names(sipp.cohort(tariff, computed)) AS computed FROM leaver;
SELECT names(sipp.cohort(p.y, p.r8, s.kind)) FROM pupil p JOIN school_type s USING (school);
SELECT names(sipp.cohort(y, r8, kind)) FROM pupil LEFT JOIN school_type USING (school);
SELECT names(sipp.cohort(y, r8, kind)) FROM pupil NATURAL FULL JOIN school_type;
SELECT names(sipp.cohort(y, j.r8, j.school)) FROM (pupil JOIN school_type USING (school)) j;
WITH c AS (SELECT y, r8 AS prior, txt FROM pupil) SELECT names(sipp.cohort(y, prior, txt)) FROM c;
WITH c AS MATERIALIZED (SELECT y, r8 AS prior, i4 + 1 AS later FROM pupil) SELECT names(sipp.cohort(y, prior, later)) FROM c;
SELECT names(sipp.cohort(y, a, b)) FROM (SELECT y, r8 AS a, i4 + 1 AS b FROM pupil OFFSET 0) s;
SELECT names(sipp.cohort(y, a, b)) FROM (SELECT y, r8 AS a, i4 + 1 AS b FROM pupil) s;
SELECT names(sipp.cohort(y, c1, c2)) FROM (VALUES (1, 2, 'a'::text)) v (y, c1, c2);
SELECT names(sipp.cohort(1, i)) FROM generate_series(1, 3) i;
SELECT names(sipp.cohort(y, "Été", "x y")) FROM (SELECT y, r8 AS "Été", i4 AS "x y" FROM pupil OFFSET 0) s;
-- as a window function there is no call to read names from
SELECT DISTINCT names(c) FROM (SELECT sipp.cohort(y, r8, txt) OVER (PARTITION BY school) AS c FROM pupil) s;
-- prepared, with a renamed column
PREPARE named AS SELECT names(sipp.cohort(tariff, prior, stage)) FROM leaver;
EXECUTE named; EXECUTE named;
ALTER TABLE pupil RENAME r8 TO other;
EXECUTE named;
ALTER TABLE pupil RENAME other TO r8;

--
-- 2. Plans: each must say what the plain one says
--
SET max_parallel_workers_per_gather = 0;
CREATE TABLE plain AS
SELECT school, sipp.cohort(y, r8, i4, txt, asn, st) AS c, sipp.weighted_cohort(w, y, r8, txt, st) AS w,
	   sipp.cohort_array(y, ARRAY[r8], ARRAY[txt]) AS a, sipp.cohort(y) AS bare
FROM pupil GROUP BY school;
\set by_school 'SELECT school, sipp.cohort(y, r8, i4, txt, asn, st) AS c, sipp.weighted_cohort(w, y, r8, txt, st) AS w, sipp.cohort_array(y, ARRAY[r8], ARRAY[txt]) AS a, sipp.cohort(y) AS bare FROM pupil GROUP BY school'
\set agree 'count(*), string_agg(DISTINCT same(q.c, p.c) || \', \' || same(q.w, p.w) || \', \' || same(q.a, p.a) || \', \' || same(q.bare, p.bare), \'; \') AS agree, bool_and(names(q.c) = names(p.c)) AS names'
\set national 'SELECT sipp.cohort(y, r8, i4, txt, asn, st) AS c, sipp.weighted_cohort(w, y, r8, txt, st) AS w, sipp.cohort_array(y, ARRAY[r8], ARRAY[txt]) AS a, sipp.cohort(y) AS bare FROM pupil'
\set nation '(SELECT sipp.merge(c) AS c, sipp.merge(w) AS w, sipp.merge(a) AS a, sipp.merge(bare) AS bare FROM plain)'

-- hash and sort aggregation, hash spilled to disk
SET enable_hashagg = off;
SELECT plan_has(:'by_school', 'GroupAggregate') AS sorted, :agree FROM (:by_school) q JOIN plain p USING (school);
RESET enable_hashagg;
SET enable_sort = off;
SELECT plan_has(:'by_school', 'HashAggregate') AS hashed, :agree FROM (:by_school) q JOIN plain p USING (school);
SET work_mem = '64kB'; SET hash_mem_multiplier = 1;
SELECT count(*), same(sipp.merge(c), (SELECT sipp.merge(c) FROM plain))
FROM (SELECT id, sipp.cohort(y, r8, i4, txt, asn, st) AS c FROM pupil GROUP BY id) s;
RESET work_mem; RESET hash_mem_multiplier; RESET enable_sort;

-- parallel, with two workers and without the leader's help
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
ALTER TABLE pupil SET (parallel_workers = 2);
CREATE TABLE parallel AS :by_school;
CREATE TABLE parallel_nation AS :national;
SELECT plan_has(:'by_school', 'Partial') AS by_school, plan_has(:'national', 'Partial Aggregate') AS national,
	   plan_has('SELECT sipp.merge(c) FROM plain', 'Partial') AS merge;
CREATE TABLE parallel_merge AS SELECT sipp.merge(c) AS m FROM plain;
-- names come from the workers
SELECT names(sipp.cohort(tariff, prior, stage)) FROM leaver;
SELECT names(sipp.cohort(y, r8, kind, i4 + 1)) FROM pupil JOIN school_type USING (school);
-- a worker may see no row, and all rows may lack something
SELECT sipp.size(c), sipp.dropped(c), names(c) FROM (SELECT sipp.cohort(y, r8, txt) AS c FROM pupil WHERE id = 7) s;
SELECT sipp.cohort(y, r8, txt) IS NULL AS empty FROM pupil WHERE id < 0;
SELECT sipp.size(c), sipp.dropped(c) FROM (SELECT sipp.cohort_array(y, NULL, '{}') AS c FROM pupil) s;
SELECT same_as_brute(sipp.cohort_array(y, CASE WHEN id % 2 = 0 THEN ARRAY[r8] END, '{}'),
					 '(SELECT y, CASE WHEN id % 2 = 0 THEN r8 END AS x1 FROM pupil)', 'y', '{x1}') FROM pupil;
-- every scalar function in a worker
CREATE FUNCTION one_liner(c sipp.cohort) RETURNS bigint PARALLEL SAFE COST 1000 STABLE LANGUAGE sql AS
$$ SELECT sipp.size(sipp.subtract(sipp.add(sipp.relevel(sipp.rename(sipp.with_context(sipp.subset($1, 'r8', 'txt'), 'r8'), 'a', 'b', 'c'), 'b', 'z'),
		  sipp.relevel(sipp.rename(sipp.with_context(sipp.subset($1, 'r8', 'txt'), 'r8'), 'a', 'b', 'c'), 'b', 'z')),
		  sipp.relevel(sipp.rename(sipp.with_context(sipp.subset($1, 'r8', 'txt'), 'r8'), 'a', 'b', 'c'), 'b', 'z')))
		+ count(*) - count(*) + sipp.dropped($1) - sipp.dropped($1::text::sipp.cohort) + (sipp.mean($1) IS NULL)::int FROM sipp.describe($1) $$;
SELECT plan_has('SELECT sum(one_liner(c)) FROM plain', 'Gather') AS parallel, sum(one_liner(c)) = sum(sipp.size(c)) AS right FROM plain;
RESET parallel_leader_participation; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT :agree FROM parallel q JOIN plain p USING (school);
SELECT :agree FROM parallel_nation q, :nation p;
SELECT same(m, n.c) FROM parallel_merge, :nation n;
-- everything in a worker, whatever it is called in this version
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
CREATE TABLE worked AS SELECT c, m FROM (SELECT sipp.cohort(y, r8, txt, st) AS c FROM pupil) c, (SELECT sipp.merge(c) AS m FROM plain) m;
SELECT count(set_config(name, 'off', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT same_as_brute(w.c, 'pupil', 'y', '{r8}', '{txt,st}'), names(w.c), same(w.m, n.c) FROM worked w, :nation n;

-- partition-wise
CREATE TABLE parts (LIKE pupil) PARTITION BY HASH (school);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
-- whose columns stand in another order
CREATE TABLE parts_1 AS SELECT txt, st, asn, i4, r8, y, id, school FROM pupil LIMIT 0;
ALTER TABLE parts_1 ADD passed boolean, ADD w float8, ADD i2 int2, ADD i8 int8, ADD r4 float4, ADD num numeric, ADD dec decile,
	ADD vc varchar(10), ADD bp char(6), ADD ch "char", ADD lab label, ADD lev leaving;
ALTER TABLE parts ALTER lev DROP NOT NULL;
ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT * FROM pupil;
SET enable_partitionwise_aggregate = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
\set by_school_parts 'SELECT school, sipp.cohort(y, r8, i4, txt, asn, st) AS c FROM parts GROUP BY school'
SELECT plan_has(:'by_school_parts', 'Append') AS append, count(*), string_agg(DISTINCT same(q.c, p.c), '; '), bool_and(names(q.c) = names(p.c)) AS names
FROM (:by_school_parts) q JOIN plain p USING (school);
SELECT same(c, (SELECT c FROM :nation n)), names(c) FROM (SELECT sipp.cohort(y, r8, i4, txt, asn, st) AS c FROM parts) s;
SET max_parallel_workers_per_gather = 0;
SELECT plan_has('SELECT sipp.cohort(y, r8, i4, txt, asn, st) FROM parts', 'Partial Aggregate') AS partial,
	   same(c, (SELECT c FROM :nation n)), names(c) FROM (SELECT sipp.cohort(y, r8, i4, txt, asn, st) AS c FROM parts) s;
RESET enable_partitionwise_aggregate; RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

-- compiled
SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0;
CREATE TABLE compiled AS :by_school;
RESET jit; RESET jit_above_cost; RESET jit_inline_above_cost; RESET jit_optimize_above_cost;
SELECT :agree FROM compiled q JOIN plain p USING (school);

-- FILTER, DISTINCT, ORDER BY in the call
SELECT same(f, (SELECT sipp.cohort(y, r8, txt) FROM pupil WHERE st = 'S5')) AS filter,
	   same(d, (SELECT sipp.cohort(i2, dec, ch) FROM (SELECT DISTINCT i2, dec, ch FROM pupil OFFSET 0) s)) AS distinct,
	   same(o, (SELECT sipp.cohort(y, r8, txt) FROM pupil)) AS ordered, names(f), names(d), names(o)
FROM (SELECT sipp.cohort(y, r8, txt) FILTER (WHERE st = 'S5') AS f, sipp.cohort(DISTINCT i2, dec, ch) AS d,
			 sipp.cohort(y, r8, txt ORDER BY txt DESC, r8) AS o FROM pupil) s;
-- the sort key is no covariate
SELECT names(sipp.cohort(y, r8 ORDER BY id)), names(sipp.cohort(DISTINCT y, r8, txt ORDER BY y)) FROM pupil;
-- GROUPING SETS, CUBE: each group what a query of its own says
SELECT count(*), string_agg(DISTINCT same(s.c, o.c), '; ' ORDER BY same(s.c, o.c)) FROM (
	SELECT school, dec, sipp.cohort(y, r8, i4) AS c FROM pupil WHERE school < 5 GROUP BY GROUPING SETS ((school, dec), (school), ())) s,
	LATERAL (SELECT sipp.cohort(y, r8, i4) AS c FROM pupil p
			 WHERE school < 5 AND p.school = coalesce(s.school, p.school) AND p.dec = coalesce(s.dec, p.dec)) o;
SELECT count(*), bool_and(names(c) = 'r8, st') AS names FROM (SELECT sipp.cohort(y, r8, st) AS c FROM pupil GROUP BY CUBE (dec, asn)) s;
-- a growing window frame: the state is read between rows and goes on
SELECT count(*), bool_and(same(c, (SELECT sipp.rename(sipp.cohort(y, r8, txt), 'x1', 'x2') FROM pupil p WHERE p.id <= s.id))
						  LIKE '% figures agree') AS agree
FROM (SELECT id, sipp.cohort(y, r8, txt) OVER (ORDER BY id) AS c FROM pupil WHERE id <= 60) s;
SELECT count(*), bool_and(same(c, (SELECT sipp.rename(sipp.cohort(y, r8, txt), 'x1', 'x2') FROM pupil p WHERE p.id BETWEEN s.id - 4 AND s.id))
						  LIKE '% figures agree') AS agree
FROM (SELECT id, sipp.cohort(y, r8, txt) OVER (ORDER BY id ROWS 4 PRECEDING) AS c FROM pupil WHERE id <= 60) s;
SELECT count(*), bool_and(same(m, (SELECT sipp.merge(c) FROM plain p WHERE p.school <= s.school)) LIKE '% figures agree') AS agree
FROM (SELECT school, sipp.merge(c) OVER (ORDER BY school) AS m FROM plain) s;
-- an empty group of its own
SELECT sipp.cohort(y, r8) IS NULL AS "null", count(*) FROM pupil WHERE false GROUP BY ();

-- row-level security: nobody's cohort has more pupils than they may see
CREATE ROLE regress_sipp_analyst;
GRANT USAGE ON SCHEMA t TO regress_sipp_analyst;
GRANT SELECT ON pupil, leaver TO regress_sipp_analyst;
ALTER TABLE pupil ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON pupil TO regress_sipp_analyst USING (school = 3);
CREATE TABLE expected_school AS SELECT sipp.cohort(y, r8, txt) AS c FROM pupil WHERE school = 3;
GRANT SELECT ON expected_school TO regress_sipp_analyst;
SET ROLE regress_sipp_analyst;
SELECT same(c, (SELECT c FROM expected_school)), names(c) FROM (SELECT sipp.cohort(y, r8, txt) AS c FROM pupil) s;
SET row_security = off;
SELECT sipp.cohort(y, r8, txt) FROM pupil;
RESET row_security;
RESET ROLE;
ALTER TABLE pupil DISABLE ROW LEVEL SECURITY;

-- an aggregate of somebody's own that hands out the state: it reads like any cohort
CREATE AGGREGATE raw_state(float8) (SFUNC = sipp.cohort_accum, STYPE = sipp.cohort);
CREATE AGGREGATE raw_states(float8, VARIADIC "any") (SFUNC = sipp.cohort_accum, STYPE = sipp.cohort);
CREATE TABLE raw AS SELECT raw_state(y) AS small, raw_states(y, r8, txt) AS c FROM pupil GROUP BY school;
SELECT same(sipp.merge(small), (SELECT sipp.cohort(y) FROM pupil)) AS small,
	   same(sipp.rename(sipp.merge(c), 'r8', 'txt'), (SELECT sipp.cohort(y, r8, txt) FROM pupil)) AS c,
	   bool_and(small::text::sipp.cohort::text = small::text AND c::text::sipp.cohort::text = c::text) AS text,
	   bool_and(sipp.cohort_send(c) = sipp.cohort_send(c::text::sipp.cohort)) AS binary FROM raw;

DROP OWNED BY regress_sipp_analyst;
DROP ROLE regress_sipp_analyst;
