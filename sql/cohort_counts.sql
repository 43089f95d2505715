--
-- Room cohort: rows that stand for many pupils, published figures, and weights
-- that look like counts.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all
--
-- 1. A row with a count is that many rows
--
CREATE TABLE tally AS
SELECT *, CASE WHEN id % 17 = 0 THEN 0 ELSE noise(id, 'count', 30) END::bigint AS n FROM pupil WHERE id <= 400;
CREATE TABLE expanded AS SELECT tally.* FROM tally, generate_series(1, n);
SELECT count(*), sum(n) FROM tally;
SELECT same_as_brute(sipp.counted_cohort(n, y), 'expanded', 'y') FROM tally;
SELECT same_as_brute(sipp.counted_cohort(n, passed), 'expanded', 'passed::int') FROM tally;
SELECT same_as_brute(sipp.counted_cohort(n, y, r8, txt, asn, st, sipp.factor(dec)), 'expanded', 'y',
					 '{r8,asn::int}', '{txt,st,dec}') FROM tally;
SELECT same_as_brute(sipp.counted_cohort(n, passed, r8, st), 'expanded', 'passed::int', '{r8}', '{st}') FROM tally;
SELECT same_as_brute(sipp.counted_cohort_array(n, y, ARRAY[r8, i4], ARRAY[txt, st::text]),
					 '(SELECT y, r8 AS x1, i4 AS x2, txt AS f1, st AS f2 FROM expanded)', 'y', '{x1,x2}', '{f1,f2}') FROM tally;
-- counts of every integer type, an outcome that is numeric
SELECT same(sipp.counted_cohort(n::smallint, num, r8), sipp.counted_cohort(n, num::float8, r8)),
	   same(sipp.counted_cohort(n::int, num, r8), sipp.counted_cohort(n, num::float8, r8)) FROM tally;
-- it is an ordinary cohort: equal, merged, taken apart
SELECT same(c, e), sipp.size(c) = sipp.size(e), sipp.dropped(c), round_trip(c), names(c),
	   same(sipp.add(c, e), sipp.merge(x)), same(sipp.subtract(sipp.add(c, e), e), c, 1e-11)
FROM (SELECT sipp.counted_cohort(n, y, r8, txt, st) FROM tally) a(c),
	 (SELECT sipp.cohort(y, r8, txt, st) FROM expanded) b(e), LATERAL unnest(ARRAY[c, e]) x GROUP BY c, e;
-- all rows with a count of 1 are the cohort to the last bit
SELECT sipp.counted_cohort(1, y, r8, txt, asn, st) OPERATOR(sipp.=) sipp.cohort(y, r8, txt, asn, st) AS same_bytes FROM pupil;
-- in parallel, by school and rolled up
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
ALTER TABLE tally SET (parallel_workers = 2);
SELECT plan_has('SELECT sipp.counted_cohort(n, y, r8, txt) FROM t.tally', 'Partial Aggregate') AS partial,
	   plan_has('SELECT sipp.counted_cohort_array(n, y, ''{}'', ''{}'') FROM t.tally', 'Partial Aggregate') AS partial_array,
	   plan_has('SELECT sipp.counted_cohort(n, passed) FROM t.tally', 'Partial Aggregate') AS partial_bare;
SELECT same_as_brute(sipp.counted_cohort(n, y, r8, txt), 'expanded', 'y', '{r8}', '{txt}') FROM tally;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather; RESET parallel_leader_participation;
SELECT same_as_brute(sipp.merge(c), 'expanded', 'y', '{r8}', '{txt}')
FROM (SELECT sipp.counted_cohort(n, y, r8, txt) AS c FROM tally GROUP BY school) s;

-- a row with a NULL drops all its pupils; 0 adds nothing, whatever stands beside it
SELECT sipp.size(c), sipp.dropped(c), levels(c, 'f')
FROM (SELECT sipp.counted_cohort(n, y, x, f) AS c
	  FROM (SELECT * FROM (VALUES (5, 1.0::float8, 2.0::float8, 'a'), (30, NULL, 1, 'a'), (7, 1, NULL, 'a'), (11, 2, 3, NULL),
								  (0, 'NaN', 1, 'new'), (0, NULL, NULL, NULL), (2, 4, 4, 'b')) v(n, y, x, f) OFFSET 0) t) s;
SELECT sipp.size(c), sipp.dropped(c), levels(c, 'f1'), sipp.dropped(d), sipp.size(e), sipp.dropped(e)
FROM (SELECT sipp.counted_cohort_array(n, y, x, f) AS c, sipp.counted_cohort_array(n, y, NULL, f) AS d,
			 sipp.counted_cohort_array(0, y, x, f) AS e
	  FROM (VALUES (30, 1.0::float8, NULL, '{a}'::text[]), (5, 1, '{2}'::float8[], '{a}'), (7, 1, '{NULL}', '{a}'), (11, 2, '{3}', NULL),
				   (0, 'NaN', '{1}', '{new}'), (2, 4, '{4}', '{b}')) t(n, y, x, f)) s;
SELECT sipp.size(c), sipp.dropped(c), names(c), round_trip(c) FROM (SELECT sipp.counted_cohort(0, y, r8, txt) AS c FROM pupil) s;

-- errors
SELECT fails($$SELECT sipp.counted_cohort(NULL, y, r8) FROM t.pupil$$);
SELECT fails($$SELECT sipp.counted_cohort(NULL, y) FROM t.pupil$$);
SELECT fails($$SELECT sipp.counted_cohort_array(NULL, y, '{}', '{}') FROM t.pupil$$);
SELECT fails($$SELECT sipp.counted_cohort(-3, y, r8) FROM t.pupil$$);
SELECT fails($$SELECT sipp.counted_cohort(-3, NULL::float8)$$);
SELECT fails($$SELECT sipp.counted_cohort_array(-3, y, '{}', '{}') FROM t.pupil$$);
SELECT fails($$SELECT sipp.counted_cohort(2, 'Infinity'::float8)$$);
SELECT fails($$SELECT sipp.counted_cohort(2, 1.0, 'NaN'::float8)$$);
SELECT fails($$SELECT sipp.counted_cohort(2, y, VARIADIC ARRAY[r8]) FROM t.pupil$$);
SELECT fails($$SELECT sipp.counted_cohort(n, 1.0) FROM unnest('{9007199254740992,1}'::bigint[]) n$$);
SELECT fails($$SELECT sipp.counted_cohort(n, 1.0, true) FROM unnest('{9223372036854775807}'::bigint[]) n$$);
SELECT fails($$SELECT sipp.counted_cohort(n, NULL::float8) FROM unnest('{9007199254740992,1}'::bigint[]) n$$);
SELECT fails($$SELECT sipp.counted_cohort_array(n, 1.0, '{}', NULL) FROM unnest('{9007199254740992,1}'::bigint[]) n$$);
SELECT sipp.size(sipp.counted_cohort(9007199254740992, 1.0));

-- a count of trillions beside a row far away costs no digits, in whatever order.
-- The squares in numeric: sum of n (v - mean)^2.
CREATE FUNCTION accurate(c sipp.cohort, n numeric[], y numeric[]) RETURNS boolean LANGUAGE sql AS
$$
	SELECT bool_and(abs((sipp.mean(c)::numeric - mean) / mean) < 1e-14 AND
					abs(((c::jsonb->'cross'->>0)::numeric - ss) / ss) < 1e-13)
	FROM (SELECT mean, sum(v.n * (v.y - mean) ^ 2) AS ss
		  FROM (SELECT sum(v.n * v.y) / sum(v.n) AS mean FROM unnest(n, y) v(n, y)) m, unnest(n, y) v(n, y) GROUP BY mean) s
$$;
CREATE TABLE far AS
SELECT i AS no, ARRAY[1, 1000000000000, 3, 500000000000, 17]::bigint[] AS n,
	   ARRAY[1e9, 0.25, -1e7, 0.75, 1e8]::float8[] AS y FROM generate_series(0, 4) i;
SELECT no, accurate(sipp.counted_cohort(n[k], y[k] ORDER BY o), n, y::numeric[]) AS counted,
	   accurate(sipp.counted_cohort(n[k], y[k], 'level ' || k ORDER BY o), n, y::numeric[]) AS with_factor,
	   accurate(sipp.counted_cohort_array(n[k], y[k], '{}', '{}' ORDER BY o), n, y::numeric[]) AS "array",
	   accurate(sipp.weighted_cohort(n[k], y[k] ORDER BY o), n, y::numeric[]) AS weighted
FROM far, LATERAL (SELECT o, (no * o) % 5 + 1 AS k FROM generate_series(0, 4) o) s WHERE no > 0
GROUP BY no, n, y ORDER BY no;

-- a published table [field 12]: the model is that of the expanded rows
CREATE TABLE published AS
SELECT board, sex, level, n::bigint FROM (VALUES
	('a', 'F', 30, 150, 160, 20), ('a', 'M', 20, 120, 90, 30), ('b', 'F', 10, 100, 200, 30), ('b', 'M', 8, 90, 140, 12),
	('c', 'F', 60, 180, 90, 10), ('c', 'M', 40, 150, 120, 30), ('d', 'F', 25, 125, 175, 35), ('d', 'M', 15, 105, 180, 50))
	d(board, sex, n4, n3, n2, n1), LATERAL (VALUES (4, n4), (3, n3), (2, n2), (1, n1)) v(level, n);
SELECT f.schools, f.pupils, abs(f.school_variance / 0.03752469379251636 - 1) < 1e-9 AS school_variance,
	   abs(f.pupil_variance / 0.5459082874149807 - 1) < 1e-9 AS pupil_variance
FROM (SELECT sipp.value_added(c) AS m
	  FROM (SELECT sipp.counted_cohort(n, level, sex) AS c FROM published GROUP BY board) q) m, LATERAL sipp.fit_summary(m) f;

--
-- 2. Cohorts from published figures
--
SELECT same(sipp.cohort_of(count(y), avg(y), stddev_samp(y)), sipp.cohort(y) FILTER (WHERE y IS NOT NULL)) FROM pupil;
SELECT bool_and(same(sipp.cohort_of(n, m, s), c) LIKE '%agree') AS schools,
	   same(sipp.merge(sipp.cohort_of(n, m, s)), sipp.merge(c)) AS merged,
	   bool_and(abs(d.sd - s) <= 1e-14 * s AND d.mean = m) AS described
FROM (SELECT count(y) AS n, avg(y) AS m, stddev_samp(y) AS s, sipp.cohort(y) FILTER (WHERE y IS NOT NULL) AS c
	  FROM pupil GROUP BY school) q, LATERAL sipp.describe(sipp.cohort_of(n, m, s)) d;
SELECT abs(a.school_variance / b.school_variance - 1) < 1e-9 AS school_variance, a.pupils = b.pupils AS pupils
FROM (SELECT sipp.value_added(sipp.cohort_of(n, m, s)) AS a, sipp.value_added(c) AS b
	  FROM (SELECT count(y) AS n, avg(y) AS m, stddev_samp(y) AS s, sipp.cohort(y) AS c FROM pupil GROUP BY school) q) q,
	 LATERAL sipp.fit_summary(q.a) a, LATERAL sipp.fit_summary(q.b) b;
-- one pupil has no spread, none has no mean
SELECT sipp.cohort_of(1, 5, NULL) OPERATOR(sipp.=) sipp.cohort(5.0), sipp.cohort_of(1, 5, 0) OPERATOR(sipp.=) sipp.cohort(5.0),
	   sipp.size(sipp.cohort_of(0, NULL, NULL)), sipp.cohort_of(0, 0, 0) OPERATOR(sipp.=) sipp.cohort_of(0, NULL, NULL),
	   round_trip(sipp.cohort_of(0, NULL, NULL)), round_trip(sipp.cohort_of(7, -0.1, 0.3)), sipp.cohort_of(7, 2, 0);
-- what is not known is NULL
SELECT sipp.cohort_of(NULL, 1, 1), sipp.cohort_of(5, NULL, 1), sipp.cohort_of(5, 3, NULL), sipp.cohort_of(1, NULL, NULL);
SELECT fails($$SELECT sipp.cohort_of(-1, 1, 1)$$);
SELECT fails($$SELECT sipp.cohort_of(9007199254740993, 1, 1)$$);
SELECT fails($$SELECT sipp.cohort_of(5, 'NaN', 1)$$);
SELECT fails($$SELECT sipp.cohort_of(5, 1, 'Infinity')$$);
SELECT fails($$SELECT sipp.cohort_of(5, 1, -2)$$);
SELECT fails($$SELECT sipp.cohort_of(1, 1, 2)$$);
SELECT fails($$SELECT sipp.cohort_of(0, 1, 0)$$);
SELECT fails($$SELECT sipp.cohort_of(0, 0, 1)$$);
SELECT fails($$SELECT sipp.cohort_of(5, 1, 1e200)$$);
SELECT fails($$SELECT sipp.merge(sipp.cohort_of(n, 1, 0)) FROM unnest('{9007199254740992,1}'::bigint[]) n$$);

--
-- 3. Weights that are all whole numbers may be counts: a fit says so
--
CREATE FUNCTION notice(m sipp.model) RETURNS text LANGUAGE sql AS
$$ SELECT (regexp_match(f.notice, 'all weights are whole.*?(?=;|$)'))[1] FROM sipp.fit_summary(m) f $$;
CREATE TABLE weighed AS
SELECT school, sipp.weighted_cohort(1 + id % 3, y, r8, txt) AS whole, sipp.weighted_cohort(1, y, r8, txt) AS one,
	   sipp.weighted_cohort(w, y, r8, txt) AS fractional, sipp.weighted_cohort_array(1 + id % 3, y, ARRAY[r8], ARRAY[txt]) AS "array",
	   sipp.weighted_cohort(1 + id % 3, y) AS bare, sipp.weighted_cohort(CASE WHEN id = 7 THEN 0.5 ELSE 2 END, y, r8, txt) AS nearly,
	   sipp.weighted_cohort(0.5, y, r8, txt) AS halves
FROM pupil GROUP BY school;
SELECT notice(sipp.value_added(whole)) FROM weighed;
SELECT notice(sipp.value_added_ml(whole)) = notice(sipp.value_added(whole)) AS ml,
	   notice(sipp.value_added(whole, 'r8')) = notice(sipp.value_added(whole)) AS slopes,
	   notice(sipp.value_added("array")) IS NOT NULL AS "array", notice(sipp.value_added(bare)) IS NOT NULL AS bare FROM weighed;
SELECT notice(sipp.value_added(one)) AS one, notice(sipp.value_added(fractional)) AS fractional,
	   notice(sipp.value_added(nearly)) AS nearly, notice(sipp.value_added(halves)) AS halves,
	   notice(sipp.value_added(CASE school WHEN 3 THEN fractional ELSE whole END)) AS mixed,
	   notice(sipp.value_added(CASE school WHEN 3 THEN whole ELSE one END)) IS NOT NULL AS one_school FROM weighed;
-- what is made of them remembers it, through dump and restore too; halves add up
-- to a whole number here, so that their sum does not tell
SELECT c::jsonb ? 'fractional' AS says_so, what
FROM (SELECT * FROM weighed WHERE sipp.size(halves) % 2 = 0 ORDER BY school LIMIT 1) w, LATERAL (VALUES
	(1, 'whole', whole), (2, 'halves', halves), (3, 'merged', (SELECT sipp.merge(x) FROM unnest(ARRAY[whole, halves, one]) x)),
	(4, 'added', sipp.add(whole, halves)), (5, 'added', sipp.add(halves, whole)), (6, 'added whole', sipp.add(whole, one)),
	(7, 'subtracted', sipp.subtract(sipp.add(whole, halves), halves)),
	(8, 'subtracted whole', sipp.subtract(sipp.add(whole, one), one)),
	(9, 'nothing left', sipp.subtract(halves, halves)),
	(10, 'subset', sipp.subset(halves)), (11, 'context', sipp.with_context(halves, 'r8', 'txt')),
	(12, 'renamed', sipp.rename(halves, 'a', 'b')), (13, 'releveled', sipp.relevel(halves, 'txt', 'level 3')),
	(14, 'text', halves::text::sipp.cohort), (15, 'whole text', whole::text::sipp.cohort)) v(no, what, c)
ORDER BY no;
-- the state grows with new levels and does not forget
SELECT sipp.weighted_cohort(CASE WHEN i <= 2 THEN 0.5 ELSE 1 END, i, 'level ' || i ORDER BY i)::jsonb ? 'fractional' AS says_so
FROM generate_series(1, 40) i;
-- a sum of weights that is not whole tells, whether or not the text form does
SELECT (sipp.weighted_cohort(1.5, y)::jsonb - 'fractional')::text::sipp.cohort OPERATOR(sipp.=) sipp.weighted_cohort(1.5, y) AS evident
FROM pupil WHERE id <= 3 AND y IS NOT NULL;
SELECT bool_and(round_trip(whole) AND round_trip(fractional) AND round_trip(halves) AND round_trip(nearly)) FROM weighed;
-- with workers
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
ALTER TABLE pupil SET (parallel_workers = 2);
SELECT sipp.weighted_cohort(CASE WHEN id = 7 THEN 0.5 ELSE 2 END, y, r8)::jsonb ? 'fractional' AS nearly,
	   sipp.weighted_cohort(2, y, r8)::jsonb ? 'fractional' AS whole, sipp.cohort(y, r8)::jsonb ? 'fractional' AS unweighted FROM pupil;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather; RESET parallel_leader_participation;
-- a flag without weights says nothing
SELECT '{"version":1,"rows":1,"dropped":0,"fractional":true,"terms":[],"mean":[1],"cross":[0]}'::sipp.cohort OPERATOR(sipp.=) sipp.cohort(1.0);

--
-- 4. Transitions of a fixed signature do not ask what their arguments are
--
-- An engine that splits an aggregate calls the transition from an expression of
-- its own, or from none.  Here the same C functions are called by arguments of
-- another type, which looks like float8 and boolean and is neither.
SET client_min_messages = warning;
CREATE TYPE real8;
CREATE FUNCTION real8_in(cstring) RETURNS real8 IMMUTABLE STRICT LANGUAGE internal AS 'float8in';
CREATE FUNCTION real8_out(real8) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'float8out';
CREATE TYPE real8 (INPUT = real8_in, OUTPUT = real8_out, LIKE = float8);
CREATE CAST (float8 AS real8) WITHOUT FUNCTION;
CREATE TYPE flag;
CREATE FUNCTION flag_in(cstring) RETURNS flag IMMUTABLE STRICT LANGUAGE internal AS 'boolin';
CREATE FUNCTION flag_out(flag) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'boolout';
CREATE TYPE flag (INPUT = flag_in, OUTPUT = flag_out, LIKE = boolean);
CREATE CAST (boolean AS flag) WITHOUT FUNCTION;
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN SELECT t.proname, t.probin, t.prosrc,
					replace(replace(replace(oidvectortypes(t.proargtypes), 'sipp.cohort, ', ''), 'double precision', 't.real8'),
							'boolean', 't.flag') AS args
			 FROM pg_aggregate a JOIN pg_proc t ON t.oid = a.aggtransfn JOIN pg_proc g ON g.oid = a.aggfnoid
			 WHERE g.pronamespace = 'sipp'::regnamespace AND g.proname ~ '^(weighted_|counted_)?cohort$' AND g.provariadic = 0 LOOP
		EXECUTE format('CREATE FUNCTION t.%I(sipp.cohort, %s) RETURNS sipp.cohort LANGUAGE C AS %L, %L',
					   f.proname, f.args, f.probin, f.prosrc);
		EXECUTE format('CREATE AGGREGATE t.worker_%s(%s) (SFUNC = t.%I, STYPE = sipp.cohort, FINALFUNC = sipp.cohort_final,
					   COMBINEFUNC = sipp.cohort_combine)', replace(f.proname, '_accum', ''), f.args, f.proname);
	END LOOP;
END
$$;
SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE 'worker%' AND pronamespace = 't'::regnamespace ORDER BY oid::regprocedure::text COLLATE "C";
SELECT worker_cohort(y::real8) OPERATOR(sipp.=) sipp.cohort(y), worker_cohort(passed::flag) OPERATOR(sipp.=) sipp.cohort(passed),
	   worker_weighted_cohort(w::real8, y::real8) OPERATOR(sipp.=) sipp.weighted_cohort(w, y),
	   worker_weighted_cohort(w::real8, passed::flag) OPERATOR(sipp.=) sipp.weighted_cohort(w, passed),
	   worker_counted_cohort(id, y::real8) OPERATOR(sipp.=) sipp.counted_cohort(id, y),
	   worker_counted_cohort(id, passed::flag) OPERATOR(sipp.=) sipp.counted_cohort(id, passed) FROM pupil;
SELECT fails($$SELECT worker_cohort('NaN'::float8::real8)$$);
SELECT fails($$SELECT worker_weighted_cohort('-1'::float8::real8, '1'::float8::real8)$$);
-- a state of another call
SELECT fails($$SELECT sipp.cohort_accum(NULL, 1.0::float8)$$);

--
-- 5. A constant has no name of its own, and what does not fit says so [field 25]
--
CREATE TABLE past AS SELECT school, noise(id, 'year', 3) + 2021 AS no, (noise(id, 'year', 3) + 2021)::text AS year, y, r8 AS prior FROM pupil;
SELECT e.reason, names(n.c)
FROM (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.cohort(y, prior, year) AS c FROM past GROUP BY school) q) m,
	 (SELECT sipp.cohort(y, prior, year) AS c FROM (SELECT y, prior, '2023' AS year FROM past WHERE school = 1) t) n,
	 LATERAL sipp.effect(n.c, m.m, in_model => false) e;
-- the ways out
SELECT e.reason, e.effect IS NOT NULL AS placed, names(n.c)
FROM (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.cohort(y, prior, year) AS c FROM past GROUP BY school) q) m,
	 (SELECT sipp.rename(sipp.cohort(y, prior, year), 'prior', 'year') AS c FROM (SELECT y, prior, '2023' AS year FROM past WHERE school = 1) t
	  UNION ALL
	  SELECT sipp.cohort(y, prior, year) FROM (SELECT y, prior, '2023' AS year FROM past WHERE school = 1 OFFSET 0) t) n,
	 LATERAL sipp.effect(n.c, m.m, in_model => false) e;
-- a term that is simply not there, and one whose x1 the model knows
SELECT e.reason
FROM (SELECT sipp.value_added(c) AS m, sipp.value_added(d) AS n FROM (SELECT sipp.cohort(y, prior, year) AS c, sipp.cohort(y, prior + 1, year) AS d
																	 FROM past GROUP BY school) q) m,
	 LATERAL (SELECT sipp.cohort(y, prior) AS a, sipp.cohort(y, prior + 1) AS b FROM past WHERE school = 1) s,
	 LATERAL (SELECT (sipp.effect(a, m)).reason UNION ALL SELECT (sipp.effect(b, n)).reason) e;
SELECT fails($$SELECT sipp.subset(sipp.cohort(y, prior, year), 'year') FROM (SELECT y, prior, '2023' AS year FROM t.past) p$$);
SELECT fails($$SELECT sipp.subset(sipp.cohort(y, prior), 'year') FROM t.past$$);
