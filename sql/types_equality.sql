--
-- Equality of stored values: hash and btree classes over canonical bytes, for
-- every base type.
--
\pset format unaligned
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS e CASCADE;
CREATE SCHEMA e;
SET search_path = e, public;
RESET client_min_messages;

--
-- 1. The catalogue, one row for each base type
--
CREATE VIEW base AS
	SELECT oid AS type, typname, typarray FROM pg_type
	WHERE typnamespace = 'sipp'::regnamespace AND typtype = 'b' AND typcategory <> 'A';
SELECT t.typname, am.amname, c.opcdefault AS by_default, c.opckeytype = 0 AS whole,
	   (SELECT string_agg(o.amopopr::regoperator::text, ' ' ORDER BY o.amopstrategy) FROM pg_amop o WHERE o.amopfamily = c.opcfamily) =
	   (SELECT string_agg(format('sipp.%s(sipp.%s,sipp.%s)', op, t.typname, t.typname), ' ' ORDER BY n)
		FROM unnest(CASE am.amname WHEN 'btree' THEN '{<,<=,=,>=,>}' ELSE '{=}' END::text[]) WITH ORDINALITY x (op, n)) AS operators,
	   (SELECT string_agg(format('%s %s', p.amprocnum, p.amproc::regprocedure), ', ' ORDER BY p.amprocnum) FROM pg_amproc p
		WHERE p.amprocfamily = c.opcfamily) AS support
FROM base t, pg_opclass c, pg_am am WHERE c.opcintype = t.type AND am.oid = c.opcmethod ORDER BY 1, 2;
SELECT t.typname, o.oprname, o.oprcanhash AS hashes, o.oprcanmerge AS merges, o.oprcode, com.oprname AS commutator, neg.oprname AS negator, o.oprrest, o.oprjoin,
	   p.provolatile = 'i' AND p.proisstrict AND p.proparallel = 's' AS declared
FROM base t JOIN pg_operator o ON o.oprleft = t.type AND o.oprright = t.type JOIN pg_operator com ON com.oid = o.oprcom JOIN pg_operator neg ON neg.oid = o.oprnegate
JOIN pg_proc p ON p.oid = o.oprcode ORDER BY 1, 2;

--
-- 2. Values of each type, made in more than one way
--
CREATE TYPE stage AS ENUM ('S6', 'S4', 'S5');
CREATE TABLE pupil AS
	SELECT i, i % 7 AS school, sin(i) * 7 + i % 5 AS y, cos(i) / 3 AS x, 1 + i % 4 AS w, (enum_range(NULL::stage))[1 + i * 5 % 3] AS st,
		   (ARRAY['b', 'z', '', '"'])[1 + i * 13 % 4] AS f
	FROM generate_series(1, 200) i;
CREATE TABLE cohort (id serial, v sipp.cohort);
-- a state given away by an aggregate without our final function is the cohort it prints as
CREATE AGGREGATE unfinished(float8) (SFUNC = sipp.cohort_accum, STYPE = sipp.cohort);
INSERT INTO cohort (v)
	SELECT sipp.cohort(y, x, st, f) FROM pupil GROUP BY school
	UNION ALL SELECT sipp.weighted_cohort(w / 3.0, y, x, st, f) FROM pupil GROUP BY school
	UNION ALL SELECT sipp.with_context(sipp.cohort(y, x, st, f), 'x', 'st', 'f') FROM pupil GROUP BY school
	UNION ALL SELECT sipp.subtract(sipp.cohort(y, x, f), sipp.cohort(y, x, f) FILTER (WHERE i < 50)) FROM pupil
	UNION ALL SELECT sipp.cohort(z) FROM unnest('{0,-0,1}'::float8[]) z GROUP BY z::text
	UNION ALL SELECT sipp.cohort(y, x) FROM pupil WHERE i = 1
	UNION ALL SELECT sipp.cohort(NULL::float8, x, f) FROM pupil
	UNION ALL SELECT sipp.cohort_array(y, NULL, NULL) FROM pupil
	UNION ALL SELECT sipp.cohort(i) FROM generate_series(1, 9) i
	UNION ALL SELECT unfinished(i) FROM generate_series(1, 9) i
	UNION ALL SELECT sipp.add(sipp.cohort(i), sipp.cohort(i + 1)) FROM generate_series(1, 9, 2) i;
CREATE TABLE model (id serial, v sipp.model);
INSERT INTO model (v)
	SELECT sipp.value_added(v) FROM cohort WHERE id <= 7
	UNION ALL SELECT sipp.value_added(v ORDER BY id DESC) FROM cohort WHERE id <= 7
	UNION ALL SELECT sipp.value_added_ml(v) FROM cohort WHERE id BETWEEN 8 AND 14
	UNION ALL SELECT sipp.value_added(v, 'x') FROM cohort WHERE id <= 7
	UNION ALL SELECT sipp.value_added(sipp.subset(v)) FROM cohort WHERE id <= 2
	UNION ALL SELECT sipp.value_added(sipp.subset(v)) FROM cohort WHERE id <= 7;
-- outcomes of both zeros, empty pools and pools of one
CREATE TABLE peers (id serial, v sipp.peers);
INSERT INTO peers (v)
	SELECT sipp.comparator(y, school, f) OVER (PARTITION BY st) FROM pupil
	UNION ALL SELECT sipp.comparator(z, g) OVER () FROM unnest('{-0,-0,0,NULL}'::float8[]) WITH ORDINALITY u (z, g)
	UNION ALL SELECT sipp.comparator(z, g) OVER (PARTITION BY g) FROM unnest('{-0,-0,0,NULL}'::float8[]) WITH ORDINALITY u (z, g)
	UNION ALL SELECT sipp.comparator(-1 * z, g) OVER (PARTITION BY g / 3) FROM unnest('{0,0,0,0}'::float8[]) WITH ORDINALITY u (z, g)
	UNION ALL SELECT sipp.nearest_comparator(y, school, NULL, x, 3) OVER (PARTITION BY st) FROM pupil
	UNION ALL SELECT sipp.nearest_comparator(z, g, NULL, nullif(g, 3) / 2.0, 1) OVER () FROM unnest('{-0,-0,0,NULL,-0}'::float8[]) WITH ORDINALITY u (z, g)
	UNION ALL SELECT sipp.peers(v, 3) FROM cohort WHERE NOT v::jsonb ? 'weight'
	UNION ALL SELECT sipp.peers(sipp.cohort(z), 0) FROM unnest('{-0,0}'::float8[]) z GROUP BY z::text;
-- the same with what is not given, default, or in another order
CREATE TABLE school (id serial, v sipp.school);
INSERT INTO school (v)
	SELECT sipp.school(id => 'a' || i, sector => (ARRAY['x', 'y'])[1 + i % 5 / 4], authority => 'a' || i % 3, cluster => CASE WHEN i % 5 = 0 THEN 'c' END,
					   role => (ARRAY['partner', 'lead', 'coasting', 'either', 'none'])[1 + i % 5], effect => sin(i), effect_se => 0.1 * (i % 3),
					   context => ARRAY[cos(i), i % 4, CASE i WHEN 4 THEN 1 END], context_names => ARRAY['z', 'e', 'n'], deprivation => ARRAY[0.25, i % 4 / 8.0, 0.75 - i % 4 / 8.0],
					   subjects => ARRAY[cos(i), -sin(i)], subjects_se => ARRAY[0.1, 0], lat => 50 + sin(i), lon => cos(i), capacity => i % 3,
					   excludes => CASE WHEN i % 4 = 0 THEN ARRAY['z', 'a' || i + 1] END)
	FROM generate_series(1, 12) i, generate_series(1, 2)
	UNION ALL VALUES (sipp.school(id => 'z', excludes => '{b,a,b}')), (sipp.school(id => 'z', excludes => '{a,b}')), (sipp.school(id => 'z')),
		(sipp.school(id => 'z', capacity => 1, role => 'none', excludes => '{}', context => '{}', context_names => '{}')),
		(sipp.school(id => 'z', context => '{1,NULL}')), (sipp.school(id => 'z', context => '{1,NULL}', context_names => '{x1,x2}')),
		(sipp.school(id => 'z', context => '{1,NULL}', context_names => '{x2,x1}')),
		(sipp.school(id => 'z', effect => 0, lat => 0, lon => -0.0)), (sipp.school(id => 'z', effect => '-0', lat => '-0', lon => 0)),
		(sipp.school(id => 'z', subjects => '{0,1}', subjects_se => '{0,1}')), (sipp.school(id => 'z', subjects => '{-0,1}', subjects_se => '{-0,1}', subject_names => '{s1,s2}'));
CREATE TABLE plan (id serial, v sipp.plan);
INSERT INTO plan (v)
	SELECT sipp.pairing_plan(array_agg(v ORDER BY hashtext(v::text) * way::bigint), authority => 'prefer', min_p_better => 0.4, mode => mode, sector => 'any')
	FROM (SELECT DISTINCT v FROM school WHERE id <= 24) s, unnest(ARRAY['optimal', 'stable']) mode, unnest(ARRAY[1, -1]) way GROUP BY mode, way
	UNION ALL SELECT sipp.pairing_plan('{}')
	UNION ALL SELECT sipp.assign(i::text, 'z' || j, i * j / 3.0, j) FROM generate_series(1, 5) i, generate_series(1, 2) j
	UNION ALL SELECT sipp.assign(i::text, 'z' || j, i * j / 3.0, j ORDER BY j, -i) FROM generate_series(1, 5) i, generate_series(1, 2) j
	UNION ALL SELECT t::sipp.plan FROM unnest(ARRAY['{"sipp":"plan","version":1}', ' { "version" : 1.0,"sipp": "plan" }', '{"version":1,"version":1,"sipp":"pl\u0061n"}',
													'{"sipp":"plan","version":1,"x":-0}', '{"sipp":"plan","version":1,"x":0}', '{"sipp":"plan","version":1,"x":0.0}']) t;

--
-- 3. Properties: of every value, and of every pair of values
--
-- each value again: through text and jsonb, toasted, compressed and with a short header
DO $$
DECLARE
	t text;
BEGIN
	FOR t IN SELECT typname FROM base LOOP
		EXECUTE format('INSERT INTO %1$I (v) SELECT v::text::sipp.%1$I FROM %1$I WHERE id <= 40 UNION ALL SELECT v::jsonb::text::sipp.%1$I FROM %1$I WHERE id <= 40', t);
		EXECUTE format('CREATE TABLE %1$I_external (id int, v sipp.%1$I)', t);
		IF t <> 'peers' THEN
			EXECUTE format('ALTER TABLE %I_external ALTER v SET STORAGE external', t);
			EXECUTE format('ALTER TABLE %I_external SET (toast_tuple_target = 128)', t);
		END IF;
		EXECUTE format('INSERT INTO %1$I_external SELECT * FROM %1$I', t);
	END LOOP;
END $$;
CREATE FUNCTION properties(t name) RETURNS TABLE (type name, val bigint, different bigint, round_trip boolean, stored boolean, equal_prints boolean, operators boolean,
	antisymmetric boolean, hashes boolean, seeded boolean, rarely_collide boolean) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		WITH v AS (SELECT id, v, v::text AS t FROM %1$I),
			 p AS (SELECT a.v AS a, b.v AS b, a.t = b.t AS same, sipp.%1$s_cmp(a.v, b.v) AS cmp FROM v a, v b)
		SELECT '%1$s'::name, (SELECT count(*) FROM v), (SELECT count(DISTINCT t) FROM v),
			   (SELECT bool_and(t::sipp.%1$I OPERATOR(sipp.=) v AND t::sipp.%1$I::text = t) FROM v),
			   (SELECT bool_and(x.v OPERATOR(sipp.=) v.v AND sipp.%1$s_hash(x.v) = sipp.%1$s_hash(v.v) AND sipp.%1$s_cmp(x.v, v.v) = 0) FROM v JOIN %1$I_external x USING (id)),
			   bool_and((a OPERATOR(sipp.=) b) = same AND (cmp = 0) = same),
			   bool_and((a OPERATOR(sipp.<>) b) = (cmp <> 0) AND (a OPERATOR(sipp.<) b) = (cmp < 0) AND (a OPERATOR(sipp.<=) b) = (cmp <= 0)
						AND (a OPERATOR(sipp.>) b) = (cmp > 0) AND (a OPERATOR(sipp.>=) b) = (cmp >= 0)),
			   bool_and(sipp.%1$s_cmp(b, a) = -cmp),
			   bool_and(NOT same OR sipp.%1$s_hash(a) = sipp.%1$s_hash(b) AND sipp.%1$s_hash_extended(a, 7) = sipp.%1$s_hash_extended(b, 7)),
			   (SELECT bool_and(sipp.%1$s_hash_extended(v, 0) & 4294967295 = sipp.%1$s_hash(v)::bigint & 4294967295
								AND sipp.%1$s_hash_extended(v, 1) <> sipp.%1$s_hash_extended(v, 0)) FROM v),
			   (SELECT count(DISTINCT sipp.%1$s_hash(v)) = count(DISTINCT t) FROM v)
		FROM p $q$, t);
END $$;
SELECT p.* FROM base t, LATERAL properties(t.typname) p ORDER BY type;
-- what must be equal, and what must not
SELECT count(*) AS ways, count(DISTINCT v) AS different FROM cohort WHERE v::jsonb @> '{"rows": 9}' AND NOT v::jsonb ? 'weight' AND v::jsonb->'terms' = '[]';
SELECT bool_and(a.v OPERATOR(sipp.=) b.v) AS zeros FROM cohort a, cohort b WHERE a.v::text ~ '"rows":1,.*"mean":\[-?0\]' AND b.v::text ~ '"rows":1,.*"mean":\[-?0\]';
SELECT a.v OPERATOR(sipp.=) b.v AS either_order FROM model a, model b WHERE a.id = 1 AND b.id = 2;
SELECT count(*) FILTER (WHERE sipp.mean(v) = 0 AND sipp.variance(v) = 0) >= 3 AS zeros, count(*) FILTER (WHERE sipp.mean(v) = 0 AND sipp.pool(v) = 1) > 10 AS of_one,
	   count(*) FILTER (WHERE sipp.mean(v) IS NULL) > 4 AS empty FROM peers;
SELECT count(*), v::text FROM school WHERE v::jsonb->>'id' = 'z' GROUP BY v ORDER BY v::text COLLATE "C";
SELECT count(*), count(DISTINCT v) AS different FROM plan WHERE id <= 7;
SELECT v, count(*) FROM plan WHERE id BETWEEN 8 AND 13 GROUP BY v ORDER BY v::text COLLATE "C";

--
-- 4. What the server does with it: sorts, hashes, joins, indexes
--
-- does a query's plan have a node of that kind?
CREATE FUNCTION plan_has(query text, node text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
	has boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		has := has OR line ~ node;
	END LOOP;
	RETURN has;
END $$;
CREATE FUNCTION number(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE query INTO n;
	RETURN n;
END $$;
-- a query in each way of running it; the text of values is the yardstick
CREATE FUNCTION each_way(t name, OUT type name, OUT way text, OUT taken boolean, OUT correct boolean) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	q text;
	truth bigint;
BEGIN
	type := t;
	EXECUTE format('ANALYZE %I', t);
	q := format('SELECT count(*) FROM (SELECT v, count(*) FROM %I GROUP BY v) s', t);
	truth := number(format('SELECT count(DISTINCT v::text) FROM %I', t));
	SET LOCAL enable_sort = off;
	way := 'GROUP BY, hashed'; taken := plan_has(q, 'HashAggregate'); correct := number(q) = truth; RETURN NEXT;
	SET LOCAL enable_sort = on; SET LOCAL enable_hashagg = off;
	way := 'GROUP BY, sorted'; taken := plan_has(q, 'GroupAggregate'); correct := number(q) = truth; RETURN NEXT;
	q := format('SELECT count(*) FROM (SELECT DISTINCT v FROM %I) s', t);
	way := 'DISTINCT'; taken := plan_has(q, 'Unique'); correct := number(q) = truth; RETURN NEXT;
	q := format('SELECT count(*) FROM (SELECT v FROM %1$I UNION SELECT v FROM %1$I_external) s', t);
	way := 'UNION'; taken := plan_has(q, 'Unique'); correct := number(q) = truth; RETURN NEXT;
	SET LOCAL enable_hashagg = on;
	q := format('SELECT count(*) FROM (SELECT v FROM %1$I UNION SELECT v FROM %1$I_external) s', t);
	way := 'UNION, hashed'; taken := plan_has(q, 'HashAggregate'); correct := number(q) = truth; RETURN NEXT;
	q := format('SELECT count(*) FROM (SELECT v FROM %1$I INTERSECT SELECT v FROM %1$I_external WHERE id > 1) s', t);
	way := 'INTERSECT'; taken := true; correct := number(q) = truth - number(format('SELECT (count(*) = 1)::int FROM %1$I WHERE v::text = (SELECT v::text FROM %1$I WHERE id = 1)', t)); RETURN NEXT;
	q := format('SELECT count(*) FROM (SELECT v FROM %1$I EXCEPT SELECT v FROM %1$I_external) s', t);
	way := 'EXCEPT'; taken := true; correct := number(q) = 0; RETURN NEXT;
	q := format('SELECT count(*) FROM %1$I a JOIN %1$I_external b ON a.v OPERATOR(sipp.=) b.v', t);
	truth := number(format('SELECT count(*) FROM %1$I a JOIN %1$I_external b ON a.v::text = b.v::text', t));
	SET LOCAL enable_mergejoin = off; SET LOCAL enable_nestloop = off;
	way := 'hash join'; taken := plan_has(q, 'Hash Join'); correct := number(q) = truth; RETURN NEXT;
	SET LOCAL enable_mergejoin = on; SET LOCAL enable_hashjoin = off;
	way := 'merge join'; taken := plan_has(q, 'Merge Join'); correct := number(q) = truth; RETURN NEXT;
	SET LOCAL enable_hashjoin = on; SET LOCAL enable_nestloop = on; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
	EXECUTE format('CREATE INDEX by_hash ON %I USING hash (v)', t);
	q := format('SELECT count(*) FROM %1$I WHERE v OPERATOR(sipp.=) (SELECT v FROM %1$I_external WHERE id = 1)', t);
	truth := number(format('SELECT count(*) FROM %1$I WHERE v::text = (SELECT v::text FROM %1$I_external WHERE id = 1)', t));
	way := 'hash index'; taken := plan_has(q, 'Index.* Scan using by_hash'); correct := number(q) = truth; RETURN NEXT;
	-- btree holds what fits into a third of a page
	EXECUTE format('DROP INDEX by_hash; CREATE INDEX by_btree ON %1$I (v) WHERE octet_length(sipp.%1$s_send(v)) < 2000', t);
	q := format('SELECT count(*) FROM %1$I WHERE octet_length(sipp.%1$s_send(v)) < 2000 AND v OPERATOR(sipp.>=) (SELECT v FROM %1$I_external WHERE id = 1)', t);
	truth := number(format('SELECT count(*) FROM %1$I WHERE octet_length(sipp.%1$s_send(v)) < 2000 AND sipp.%1$s_cmp(v, (SELECT v FROM %1$I_external WHERE id = 1)) >= 0', t));
	way := 'btree index'; taken := plan_has(q, 'Index.* Scan using by_btree'); correct := number(q) = truth; RETURN NEXT;
	EXECUTE format('DROP INDEX by_btree', t);
	SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on;
END $$;
SELECT w.way, string_agg(w.type::text, ' ' ORDER BY w.type) FILTER (WHERE w.taken AND w.correct) AS good, string_agg(w.type::text, ' ' ORDER BY w.type) FILTER (WHERE NOT w.taken OR NOT w.correct) AS bad
FROM base t, LATERAL each_way(t.typname) w GROUP BY w.way ORDER BY w.way COLLATE "C";
-- arrays and rows of them compare, too
SELECT ARRAY[a.v] = ARRAY[b.v] AS arrays, a = b AS rows, a < b AS less FROM peers a, peers b WHERE a.id = 1 AND b.id = 1;
-- a unique index and an exclusion constraint
CREATE TABLE once (s sipp.school UNIQUE, p sipp.peers, EXCLUDE USING hash (p WITH OPERATOR(sipp.=)));
INSERT INTO once SELECT s.v, p.v FROM school s, peers p WHERE s.id = 1 AND p.id = 1;
INSERT INTO once SELECT s.v, p.v FROM school s, peers p WHERE s.id = 1 AND p.id = 300 ON CONFLICT (s) DO NOTHING;
INSERT INTO once SELECT s.v, p.v FROM school s, peers p WHERE s.id = 3 AND p.id = 1 ON CONFLICT DO NOTHING;
INSERT INTO once SELECT s.v, p.v FROM school s, peers p WHERE s.id = 3 AND p.id = 300;
SELECT count(*) FROM once;

SET client_min_messages = warning;
DROP SCHEMA e CASCADE;
