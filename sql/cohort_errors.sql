--
-- Room cohort: what is refused, with what words, and where the limits are.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on
CREATE TABLE one AS
SELECT sipp.cohort(y, r8, txt, st) AS c, sipp.weighted_cohort(w, y, r8, txt, st) AS w, sipp.cohort(y, r8, txt, ch) AS ch FROM pupil;

--
-- 1. Arguments
--
-- types that are neither number nor factor, and outcomes that are no number
SELECT fails($$SELECT sipp.cohort(y, r8, now()) FROM pupil$$);
SELECT fails($$SELECT sipp.cohort(y, born) FROM (SELECT y, date '2010-01-01' + id AS born FROM pupil OFFSET 0) p$$);
SELECT fails($$SELECT sipp.cohort(y, ARRAY[r8]) FROM pupil$$);
SELECT fails($$SELECT sipp.cohort(y, '2'::jsonb, r8) FROM pupil$$);
SELECT fails($$SELECT sipp.cohort(y, pupil) FROM pupil$$);
SELECT fails($$SELECT sipp.cohort(y, '12:00'::interval) FROM pupil$$);
SELECT fails($$SELECT sipp.cohort(y, c) FROM pupil, one$$);
SELECT fails($$SELECT sipp.weighted_cohort(w, y, r8, '1'::money) FROM pupil$$);
SELECT left(fails($$SELECT sipp.cohort(txt, r8) FROM pupil$$), 5);
SELECT left(fails($$SELECT sipp.weighted_cohort(txt, y, r8) FROM pupil$$), 5);
-- sipp.cohort(x) of a text column is a cast; a VARIADIC array; no argument
SELECT fails($$SELECT sipp.cohort(txt) FROM pupil WHERE id = 5$$);
SELECT fails($$SELECT sipp.cohort('12'::text)$$);
SELECT fails($$SELECT sipp.cohort(y, VARIADIC ARRAY[r8, i4]) FROM pupil$$);
SELECT fails($$SELECT sipp.weighted_cohort(w, y, VARIADIC ARRAY[r8, i4]) FROM pupil$$);
-- two columns of one name
SELECT fails($$SELECT sipp.cohort(y, r8, r8) FROM pupil$$);
SELECT fails($$SELECT sipp.cohort(y, dec, dec::text) FROM pupil$$);
SELECT fails($$SELECT sipp.cohort(a.y, a.r8, b.r8) FROM pupil a JOIN pupil b USING (id)$$);
SELECT names(sipp.cohort(y, a, b)) FROM (SELECT a.y, a.r8 AS a, b.r8 AS b FROM pupil a JOIN pupil b USING (id) OFFSET 0) s;
-- what is no number
SELECT x, fails(format('SELECT sipp.cohort(%L::float8, 1)', x)) FROM unnest('{NaN,Infinity,-Infinity}'::text[]) x;
SELECT x, fails(format('SELECT sipp.cohort(1, r8, q) FROM (SELECT r8, %L::float8 AS q FROM pupil OFFSET 0) s', x)) FROM unnest('{NaN,Infinity,-Infinity}'::text[]) x;
SELECT x, fails(format('SELECT sipp.weighted_cohort(%L, 1, 2)', x)) FROM unnest('{NaN,Infinity,-Infinity,0,-1}'::text[]) x;
SELECT x, fails(format('SELECT sipp.cohort_array(%L, ''{1,2}'', ''{}'')', x)) FROM unnest('{NaN,Infinity}'::text[]) x;
SELECT x, fails(format('SELECT sipp.cohort_array(1, ARRAY[2, %L::float8], ''{}'')', x)) FROM unnest('{NaN,-Infinity}'::text[]) x;
SELECT x, fails(format('SELECT sipp.weighted_cohort_array(%L, 1, ''{1,2}'', ''{}'')', x)) FROM unnest('{NaN,Infinity,0,-1e-300}'::text[]) x;
SELECT fails($$SELECT sipp.cohort('NaN'::numeric, 1)$$);
SELECT fails($$SELECT sipp.cohort(1, 'NaN'::numeric)$$);
SELECT fails($$SELECT sipp.cohort(1, 'Infinity'::float4)$$);
SELECT fails($$SELECT sipp.cohort(1, '-Infinity'::numeric)$$);
SELECT fails($$SELECT sipp.cohort(1, 1e400::numeric)$$);
SELECT fails($$SELECT sipp.weighted_cohort(1e400::numeric, 1)$$) LIKE '22003 % is out of range for type double precision';
-- in a row that lacks something they do not count
SELECT sipp.dropped(sipp.cohort('NaN', NULL::int)), sipp.dropped(sipp.weighted_cohort(-1, NULL::float8));
-- finite values whose squares are not
SELECT fails($$SELECT sipp.cohort(x) FROM unnest('{1e200,-1e200}'::float8[]) x$$);
SELECT fails($$SELECT sipp.cohort(1, x) FROM unnest('{1e308,-1e308}'::float8[]) x$$);
SELECT fails($$SELECT sipp.weighted_cohort(1e308, x) FROM unnest('{1,2,3,4}'::float8[]) x$$);
SELECT fails($$SELECT sipp.merge(c) FROM (SELECT sipp.cohort(x) AS c FROM unnest('{1e200,-1e200}'::float8[]) x GROUP BY x) s$$);
SELECT sipp.size(sipp.cohort(x)) FROM unnest('{1e150,-1e150}'::float8[]) x;
-- arrays
SELECT fails($$SELECT sipp.cohort_array(1, x, '{}') FROM (VALUES ('{1,2}'::float8[]), ('{1}')) v (x)$$);
SELECT fails($$SELECT sipp.cohort_array(1, '{}', x) FROM (VALUES ('{a}'::text[]), ('{a,b,c}')) v (x)$$);
SELECT fails($$SELECT sipp.cohort_array(1, '{{1,2},{3,4}}', '{}')$$);
SELECT fails($$SELECT sipp.weighted_cohort_array(1, 1, '{}', '{{a,b},{c,d}}')$$);
SELECT same(sipp.cohort_array(y, '[5:6]={1,2}'::float8[], '{}'), sipp.cohort_array(y, '{1,2}', '{}')) FROM pupil;
-- the transition functions by themselves
SELECT fails($$SELECT sipp.cohort_accum(NULL, 1)$$);
SELECT fails($$SELECT sipp.weighted_cohort_accum(NULL, 1, 1, 'a'::text)$$);
SELECT fails($$SELECT sipp.cohort_array_accum(c, 1, '{}', '{}') FROM one$$);
CREATE AGGREGATE goes_on(float8) (SFUNC = sipp.cohort_accum, STYPE = sipp.cohort,
	INITCOND = '{"version":1,"rows":0,"dropped":0,"terms":[]}');
SELECT fails($$SELECT goes_on(y) FROM pupil$$);

--
-- 2. Functions
--
SELECT fails($$SELECT sipp.subset(c, 'r8', 'nosuch') FROM one$$);
SELECT fails($$SELECT sipp.subset(c, 'r8', 'txt', 'r8') FROM one$$);
SELECT fails($$SELECT sipp.subset(c, 'r8', NULL) FROM one$$);
SELECT fails($$SELECT sipp.rename(c, 'a', 'b') FROM one$$);
SELECT fails($$SELECT sipp.rename(c, 'a', 'b', 'a') FROM one$$);
SELECT fails($$SELECT sipp.rename(c, 'a', 'b', '') FROM one$$);
SELECT fails($$SELECT sipp.rename(c, 'a', 'b', repeat('é', 256)) FROM one$$);
SELECT fails($$SELECT sipp.relevel(c, 'r8', 'a') FROM one$$);
SELECT fails($$SELECT sipp.relevel(c, 'x', 'a') FROM one$$);
SELECT fails($$SELECT sipp.relevel(c, 'txt', repeat('x', 256)) FROM one$$);
SELECT fails($$SELECT sipp.with_context(c, 'x') FROM one$$);
SELECT fails($$SELECT sipp.with_context(c, 'r8', 'r8') FROM one$$);
SELECT fails($$SELECT sipp.with_context(sipp.with_context(c, 'r8'), 'r8_mean') FROM one$$);
SELECT fails($$SELECT sipp.with_context(sipp.with_context(c, 'txt'), 'txt') FROM one$$);
SELECT fails($$SELECT sipp.with_context(sipp.rename(c, repeat('x', 255), 'b', 'c'), repeat('x', 255)) FROM one$$);
SELECT fails($$SELECT sipp.mean(c, 'nosuch') FROM one$$);
SELECT fails($$SELECT sipp.mean(c, 'txt') FROM one$$);
SELECT fails($$SELECT sipp.mean(c, 'r8', 'a') FROM one$$);
SELECT fails($$SELECT sipp.mean(c, 'no such term') FROM one$$);
SELECT fails($$SELECT sipp.mean(c, 'txt', 'Level 1') FROM one$$);
SELECT fails($$SELECT sipp.mean(sipp.with_context(c, 'txt'), 'txt_mean', 'Level 1') FROM one$$);
SELECT fails($$SELECT sipp.mean(c, 'st', 'S4', absent => 0), sipp.mean(c, 'st', 'S9', absent => 0) FROM one$$);
SELECT fails($$SELECT sipp.mean(sipp.cohort(y, f), 'f', 'x') FROM (SELECT i AS y, i::text AS f FROM generate_series(1, 100) i OFFSET 0) s$$);
-- cohorts that do not go together: both are named
SELECT fails($$SELECT sipp.add(c, w) FROM one$$);
SELECT fails($$SELECT sipp.subtract(w, c) FROM one$$);
SELECT fails($$SELECT sipp.add(c, ch) FROM one$$);
SELECT fails($$SELECT sipp.add(c, sipp.subset(c)) FROM one$$);
SELECT fails($$SELECT sipp.subtract(c, sipp.subset(c, 'r8')) FROM one$$);
SELECT fails($$SELECT sipp.add(c, sipp.relevel(c, 'txt', 'level 3')) FROM one$$);
SELECT fails($$SELECT sipp.add(sipp.relevel(c, 'txt', 'level 4'), sipp.relevel(c, 'txt', 'level 3')) FROM one$$);
SELECT fails($$SELECT sipp.merge(c) FROM (SELECT sipp.cohort(y, st) AS c FROM pupil UNION ALL SELECT sipp.cohort(y, st::text) FROM pupil) s$$);
SELECT fails($$SELECT sipp.merge(c) FROM (SELECT sipp.cohort(y, dec) AS c FROM pupil UNION ALL SELECT sipp.cohort(y, dec::text) FROM pupil) s$$);
SELECT fails($$SELECT sipp.merge(c) FROM (SELECT sipp.cohort_array(y, '{}', '{}') AS c FROM pupil UNION ALL SELECT sipp.cohort_array(y, '{1}', '{}') FROM pupil) s$$);
SELECT fails($$SELECT sipp.merge(c) FROM (SELECT sipp.cohort_array(y, NULL, '{}') AS c FROM pupil UNION ALL SELECT sipp.weighted_cohort(w, y) FROM pupil) s$$);
-- what was never in there cannot be taken out
CREATE TABLE pair (a text, b text, y float8, w float8 DEFAULT 1);
INSERT INTO pair VALUES ('A', 'x', 1), ('B', 'y', 2), ('A', 'x', 4);
\set out 'FROM (SELECT sipp.cohort(y, a, b) AS c FROM pair) p, LATERAL (SELECT sipp.rename(sipp.cohort(y, a, b), ''a'', ''b'') AS o FROM (VALUES '
SELECT fails($$SELECT sipp.subtract(c, o) $$ || :'out' || $$ (1, 'A', 'z')) p (y, a, b)) o$$);
SELECT fails($$SELECT sipp.subtract(c, o) $$ || :'out' || $$ (1, 'A', 'y')) p (y, a, b)) o$$);
SELECT fails($$SELECT sipp.subtract(c, o) $$ || :'out' || $$ (2, 'B', 'y'), (2, 'B', 'y')) p (y, a, b)) o$$);
SELECT fails($$SELECT sipp.subtract(c, o) $$ || :'out' || $$ (99, 'B', 'y')) p (y, a, b)) o$$);
SELECT fails($$SELECT sipp.subtract(c, sipp.add(c, c)) FROM one$$);
SELECT fails($$SELECT sipp.subtract(c, (SELECT sipp.cohort(NULL::float8, r8, txt, st) FROM pupil)) FROM one$$);
SELECT fails($$SELECT sipp.subtract(w, o) FROM (SELECT sipp.weighted_cohort(w, y, a, b) AS w FROM pair) p, (SELECT sipp.weighted_cohort(9, y, a, b) AS o FROM pair WHERE y = 2) o$$);
SELECT fails($$SELECT sipp.subtract(w, o) FROM (SELECT sipp.weighted_cohort(w, y, a, b) AS w FROM pair) p, (SELECT sipp.weighted_cohort(2, y, a, b) AS o FROM pair WHERE y = 2) o$$);
SELECT fails($$SELECT sipp.subtract(w, o) FROM (SELECT sipp.weighted_cohort(w, y, a, b) AS w FROM pair) p, (SELECT sipp.weighted_cohort(.5, y, a, b) AS o FROM pair) o$$);

--
-- 3. Limits
--
-- an aggregate takes at most 99 arguments, an array 200 covariates
SELECT format('SELECT names(sipp.cohort(1, %s))', string_agg(i::text, ',')) AS call FROM generate_series(1, 98) i \gset
SELECT cardinality(string_to_array(names, ', ')) FROM (:call) s (names);
-- one more fails in newer minor releases
SELECT fails(replace(:'call', '98', '98,99')) IN ('no error', '54023 aggregates cannot have more than 99 arguments');
SELECT sipp.size(c), cardinality(string_to_array(names(c), ', ')), round_trip(c)
FROM (SELECT sipp.cohort_array(i, array_fill(i, ARRAY[150]), array_fill('a'::text, ARRAY[50])) AS c FROM generate_series(1, 3) i) s;
SELECT fails($$SELECT sipp.cohort_array(1, array_fill(1, ARRAY[151]), array_fill('a'::text, ARRAY[50]))$$);
SELECT fails($$SELECT sipp.cohort_array(1, array_fill(1, ARRAY[100000]), '{}')$$);
SELECT fails($$SELECT sipp.with_context(sipp.cohort_array(1, array_fill(1, ARRAY[200]), '{}'), 'x1')$$);
SELECT fails($$SELECT sipp.with_context(sipp.cohort_array(1, array_fill(1, ARRAY[200]), '{}'), VARIADIC array_fill('x1'::text, ARRAY[1000]))$$);
-- levels of one factor: in a call, merged, and of all together
SELECT sipp.size(sipp.cohort(1, i::text)) FROM generate_series(1, 2000) i;
SELECT fails($$SELECT sipp.cohort(1, stage) FROM (SELECT i::text AS stage FROM generate_series(1, 2001) i OFFSET 0) s$$);
SELECT fails($$SELECT sipp.merge(c) FROM (SELECT sipp.cohort(1, stage) AS c FROM (SELECT i::text AS stage FROM generate_series(1, 2001) i OFFSET 0) s GROUP BY stage::int % 2) s$$);
SELECT fails($$SELECT sipp.cohort(1, i::text, (i / 2)::text) FROM generate_series(1, 2000) i$$);
SELECT fails($$SELECT sipp.merge(c) FROM (SELECT i % 10, sipp.cohort(1, i::text, (i / 2)::text) AS c FROM generate_series(1, 2000) i GROUP BY 1) s$$);
SELECT fails($$SELECT sipp.with_context(c, 'f', 'g') FROM (SELECT sipp.rename(sipp.cohort(1, i::text, (i / 2)::text), 'f', 'g') AS c FROM generate_series(1, 1000) i) s$$);
SELECT sipp.size(sipp.cohort(1, left(repeat('é', 300), 255)));
SELECT fails($$SELECT sipp.cohort(1, txt) FROM (SELECT repeat('é', 256) AS txt FROM pupil OFFSET 0) s$$);
SELECT fails($$SELECT sipp.cohort_array(1, '{}', ARRAY[repeat('é', 256)])$$);
-- rows
SELECT fails($$SELECT sipp.add(c, c) FROM (SELECT '{"version":1,"rows":0,"dropped":9007199254740992,"terms":[]}'::sipp.cohort AS c) s$$);
SELECT fails($$SELECT sipp.add(c, c) FROM (SELECT '{"version":1,"rows":0,"dropped":9007199254740992,"terms":[],"shapeless":true}'::sipp.cohort AS c) s$$);
SELECT fails($$SELECT sipp.add(c, c) FROM (SELECT '{"version":1,"rows":9007199254740992,"dropped":0,"terms":[],"mean":[0],"cross":[0]}'::sipp.cohort AS c) s$$);

--
-- 4. Text that is no cohort
--
SELECT t, fails(format('SELECT %L::sipp.cohort', t)) FROM unnest(ARRAY['', '12', '[]', 'null', ' {}', '{"version":2}', '{"version":"1"}', '{"version":1}',
	'{"version":1,"rows":0,"dropped":0}', '{"version":1,"rows":-1,"dropped":0,"terms":[]}', '{"version":1,"rows":0,"dropped":1.5,"terms":[]}',
	'{"version":1,"rows":1e17,"dropped":0,"terms":[]}', '{"version":1,"rows":"NaN","dropped":0,"terms":[]}', '{"version":1,"rows":0,"dropped":0,"terms":{}}',
	'{"version":1,"rows":0,"dropped":0,"terms":[1]}', '{"version":1,"rows":0,"dropped":0,"terms":[],"shapeless":1}']) WITH ORDINALITY u (t, k)
ORDER BY k;
-- a valid value, two factors and a number, weighted or not, with one thing changed
CREATE TABLE sound AS
SELECT sipp.rename(sipp.cohort(y, a, b, x), 'a', 'b', 'x')::jsonb AS c, sipp.rename(sipp.weighted_cohort(w, y, a, b, x), 'a', 'b', 'x')::jsonb AS w
FROM (VALUES (1, 'A', 'x', 2, 1), (2, 'B', 'y', 3, 2), (4, 'A', 'x', 5, 1), (8, 'B', 'x', 1, 1)) v (y, a, b, x, w);
SELECT jsonb_pretty(c) FROM sound;
SELECT left(path || ' := ' || value, 60), fails(format('SELECT %L::sipp.cohort', jsonb_set(CASE WHEN path LIKE 'w,%' THEN w ELSE c END,
	('{' || regexp_replace(path, '^w,', '') || '}')::text[], value::jsonb))) FROM sound, (VALUES
	('rows', '5'), ('rows', '1'), ('dropped', '-1'), ('shapeless', 'true'), ('terms', '[]'),
	('terms,0,name', '""'), ('terms,0,name', '"b"'), ('terms,0,name', 'null'), ('terms,0,name', '7'), ('terms,0,name', to_jsonb(repeat('x', 256))::text),
	('terms,0,kind', '"number"'), ('terms,0,kind', '"shares"'), ('terms,0,kind', '"enum"'), ('terms,0,kind', '"colour"'), ('terms,0,kind', 'null'),
	('terms,0,context', 'true'), ('terms,0,context', '"yes"'), ('terms,0,reference', '3'), ('terms,0,levels', '["A"]'), ('terms,0,levels', '["A","A"]'),
	('terms,0,levels', '["A",1]'), ('terms,0,levels', '{}'), ('terms,0,levels', to_jsonb(ARRAY['A', repeat('x', 256)])::text),
	('terms,0,levels', (SELECT jsonb_agg(i::text)::text FROM generate_series(1, 2001) i)),
	('mean', '[1,2,3]'), ('mean,0', '"NaN"'), ('mean,0', 'true'), ('mean', '7'), ('cross,0', '-1'), ('cross,0', '1e400'), ('cross,0', '0'), ('cross,1', '1000'), ('cross,1', '"NaN"'), ('cross', '[1]'),
	('level_rows,0', '3'), ('level_rows,0', '0'), ('level_rows,0', '-2'), ('level_rows,0', '1.5'), ('level_rows', '[2,2,3]'),
	('level_sum,0', '1000'), ('level_sum,0', '0'), ('level_sum,0', '"Infinity"'), ('level_sum', '[]'), ('cells,0', '3'), ('cells,0', '-1'), ('cells,0', '0.5'), ('cells', '[1,1,1]'),
	('w,weight', '7'), ('w,weight', '0'), ('w,weight', '"Infinity"'), ('w,sum_log_weight', '"NaN"'), ('w,sum_log_weight', 'null'),
	('w,level_weight,0', '3'), ('w,level_weight,0', '0'), ('w,level_weight,0', '"NaN"'), ('w,cells,0', '2.5'), ('w,cells,0', '-1'), ('w,level_weight', '[]')) v (path, value);
-- what is known of an enum's order
SELECT value, fails(format('SELECT %L::sipp.cohort', jsonb_set(c::jsonb, '{terms,0,before}', value::jsonb))) FROM (SELECT sipp.cohort(y, st) AS c FROM pupil) s,
	unnest(ARRAY['[[0,1],[1,2]]', 'null', '[]', '{}', '[0,1]', '[[0]]', '[[0,1,2]]', '[[1,0]]', '[[1,1]]', '[[0,3]]', '[[-1,1]]', '[[0,1.5]]', '[[0,"1"]]', '[[0,"NaN"]]', '[[0,null]]']) value;
-- levels may come in any order; they are put in theirs
SELECT t::sipp.cohort OPERATOR(sipp.=) c AS same FROM (SELECT c, replace(replace(replace(replace(c::text, '"levels":["A","B"]', '"levels":["B","A"]'), '"level_rows":[1,2]', '"level_rows":[2,1]'),
	'"level_sum":[-1,1]', '"level_sum":[1,-1]'), '  ', ' ') AS t FROM (SELECT sipp.cohort(y, a) AS c FROM (VALUES (0, 'A'::text), (1.5, 'B'), (1.5, 'B')) v (y, a)) s) s;
-- more columns than there may be
SELECT fails(format('SELECT %L::sipp.cohort', jsonb_build_object('version', 1, 'rows', 0, 'dropped', 0, 'terms',
	(SELECT jsonb_agg(jsonb_build_object('name', 'x' || i, 'kind', 'number')) FROM generate_series(1, 201) i))));
SELECT fails(format('SELECT %L::sipp.cohort', jsonb_build_object('version', 1, 'rows', 0, 'dropped', 0, 'terms',
	(SELECT jsonb_agg(jsonb_build_object('name', 'x' || i, 'kind', 'shares', 'context', true, 'levels', l)) FROM generate_series(1, 2) i,
	 (SELECT jsonb_agg(k::text) AS l FROM generate_series(1, 1300) k) k))));
