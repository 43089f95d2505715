--
-- Room virtual: what is refused, and with what words.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset format unaligned
\pset tuples_only on
CREATE TABLE peer AS
SELECT id, school, dec, y, passed, sipp.comparator(y, school) OVER (PARTITION BY st) AS p, sipp.comparator(passed, school) OVER (PARTITION BY st) AS q FROM pupil;

--
-- 1. The type
--
-- what in must refuse: a good one, and one field of it changed or (NULL) gone
CREATE FUNCTION with_field(field text, value text) RETURNS text LANGUAGE sql AS
$$ SELECT ('{"version":1,"pool":3,"own":2,"total":6,"unit":"0123456789abcdef","mean":5,"variance":4,"sharing":2}'::jsonb - field
		   || coalesce(jsonb_build_object(field, value::jsonb), '{}'))::text $$;
SELECT with_field('version', '1')::sipp.peers;
SELECT field, value, fails(format('SELECT %L::sipp.peers', with_field(field, value))) FROM (VALUES
	('version', NULL), ('version', '0'), ('version', '2'), ('version', '"1"'), ('version', '1.5'),
	('pool', NULL), ('pool', '-1'), ('pool', '2.5'), ('pool', 'null'), ('pool', '1e30'), ('pool', '9007199254740993'), ('pool', '0'), ('pool', '1'),
	('own', NULL), ('own', '-1'), ('own', '"2"'), ('own', '4'), ('total', '4'), ('total', '-1'), ('total', 'null'),
	('unit', '""'), ('unit', '"0123456789abcde"'), ('unit', '"0123456789abcdeg"'), ('unit', '"0000000000000000"'), ('unit', '7'), ('unit', '"+123456789abcdef"'),
	('mean', NULL), ('mean', '"NaN"'), ('mean', '"Infinity"'), ('mean', '1e51'), ('mean', '1e400'), ('mean', '"5"'), ('mean', 'true'),
	('variance', NULL), ('variance', '-1'), ('variance', '"NaN"'), ('variance', '1e102'),
	('sharing', NULL), ('sharing', '-1'), ('sharing', '"NaN"'), ('sharing', '1e300')) t (field, value);
-- without what may be unknown it is fine, as is a pool of one and an empty one
SELECT (with_field('total', NULL)::jsonb - 'unit')::text::sipp.peers;
SELECT '{"version":1,"pool":1,"own":2,"mean":-0.0,"sharing":2}'::sipp.peers;
SELECT '{"version":1,"pool":0,"own":0,"sharing":0,"mean":null}'::sipp.peers;
SELECT fails($$SELECT '{"version":1,"pool":0,"own":0,"sharing":0,"nosuch":1}'::sipp.peers$$);
SELECT fails($$SELECT '{"version":1,"pool":0,"pool":0,"own":0,"sharing":0}'::sipp.peers$$);
SELECT fails($$SELECT ''::sipp.peers$$);
SELECT fails($$SELECT 'peers'::sipp.peers$$);
SELECT fails($$SELECT '[]'::sipp.peers$$);
SELECT left(fails($$SELECT '{'::sipp.peers$$), 5);
SELECT fails($$SELECT '{}'::sipp.peers$$);
SELECT fails($$SELECT '5'::jsonb::text::sipp.peers$$);

-- what recv must refuse: the bytes of send with some changed
CREATE TABLE received (p sipp.peers);
CREATE FUNCTION receive(b bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file bytea := '\x5047434f50590aff0d0a000000000000000000'::bytea || int2send(1::int2) || int4send(length(b)) || b || int2send((-1)::int2);
	said text;
BEGIN
	SELECT fails(format('COPY received FROM PROGRAM %L (FORMAT binary)', 'printf ''' ||
		(SELECT string_agg('\' || (get_byte(file, i) / 64)::text || (get_byte(file, i) / 8 % 8)::text || (get_byte(file, i) % 8)::text, '' ORDER BY i)
		 FROM generate_series(0, length(file) - 1) i) || '''')) INTO said;
	RETURN said;
END $$;
CREATE TABLE sent AS SELECT sipp.peers_send(with_field('version', '1')::sipp.peers) AS b;
SELECT length(b), receive(b) FROM sent;
SELECT p::text = with_field('version', '1')::sipp.peers::text FROM received;
SELECT at, value, receive(set_byte(b, at, value)) FROM sent, (VALUES
	-- version, flags, pool, own, total, unit, mean, variance, sharing
	(0, 0), (0, 2), (1, 16), (1, 4), (1, 1), (1, 2), (1, 255), (2, 255), (9, 0), (10, 255), (17, 9), (18, 255), (25, 1), (34, 255), (34, 127), (42, 255), (42, 127), (50, 191), (50, 127)) t (at, value);
SELECT receive(substr(b, 1, 50)) FROM sent;
SELECT receive(b || '\x00'::bytea) FROM sent;
SELECT receive('') FROM sent;
-- no unit and no total, but a number there
SELECT receive(set_byte(b, 1, 0)) FROM sent;

-- peers out of a cohort
SELECT fails($$SELECT sipp.peers(sipp.weighted_cohort(w, y), 3) FROM pupil$$);
SELECT fails($$SELECT sipp.peers(sipp.cohort(y), -1) FROM pupil$$);
SELECT fails($$SELECT sipp.peers(sipp.cohort(y), 9223372036854775807) FROM pupil$$);
SELECT fails($$SELECT sipp.peers(sipp.cohort(x), 1) FROM unnest('{1e60,2e60}'::float8[]) x$$);

--
-- 2. Windows
--
-- outcomes
SELECT x, fails(format('SELECT sipp.comparator(%L::float8, school) OVER () FROM pupil', x)) FROM unnest('{NaN,Infinity,-Infinity,1.1e50,-1e51}'::text[]) x;
SELECT x, fails(format('SELECT sipp.nearest_comparator(%L::float8, school, NULL, r8) OVER () FROM pupil', x)) FROM unnest('{NaN,-Infinity,2e50}'::text[]) x;
SELECT fails($$SELECT sipp.comparator(1e400::numeric, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(txt, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.nearest_comparator(txt, school, NULL, r8) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(1e50, school) OVER () FROM pupil$$);
-- keys: literals, what cannot be told apart, too many
SELECT fails($$SELECT sipp.comparator(y, 'school') OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(y, school, 'dec') OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(y, NULL) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(y, NULL, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.nearest_comparator(y, NULL, school, r8) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.nearest_comparator(y, 'school', NULL, r8) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.nearest_comparator(y, school, 'dec', r8) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(id, NULL) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(id, 'school') OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(id, school, 'dec') OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(y, ARRAY[school, dec]) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(y, school, VARIADIC ARRAY[dec, id]) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(id, school, ARRAY[dec]) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(y, point(1, 2)) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(y, school, '{}'::json) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.nearest_comparator(y, '1'::xml, NULL, r8) OVER () FROM pupil$$) ~ '^(42883|0A000)';
SELECT fails($$SELECT sipp.comparator(y, school::bit(8)) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(y, school, dec, id, st, ch) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(y, school, dec, id, st) OVER () FROM pupil$$);
-- an untyped NULL to leave out is nothing to leave out; a typed one is a group of all
SELECT bool_and(sipp.pool(a) = sipp.pool(p)), bool_and(sipp.pool(b) = 0)
FROM (SELECT p, sipp.comparator(y, school, NULL) OVER (PARTITION BY st) AS a, sipp.comparator(y, school, NULL::int) OVER (PARTITION BY st) AS b FROM peer JOIN pupil USING (id, y, school)) s;
-- scores, k, caliper
SELECT x, fails(format('SELECT sipp.nearest_comparator(y, school, NULL, %L::float8) OVER () FROM pupil', x)) FROM unnest('{NaN,Infinity,-Infinity}'::text[]) x;
SELECT x, fails(format('SELECT sipp.nearest_comparator(y, school, NULL, r8, %s) OVER () FROM pupil', x)) FROM unnest('{0,-1,"NULL"}'::text[]) x;
SELECT x, fails(format('SELECT sipp.nearest_comparator(y, school, NULL, r8, 5, %L::float8) OVER () FROM pupil', x)) FROM unnest('{-0.1,NaN,-Infinity}'::text[]) x;
SELECT fails($$SELECT sipp.nearest_comparator(y, school, NULL, r8, 1 + id % 2) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.nearest_comparator(y, school, NULL, r8, 5, id) OVER () FROM pupil$$);
-- ids
SELECT fails($$SELECT sipp.comparator_draw(CASE WHEN id > 1 THEN id END, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(id % 1999, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw((id % 1999)::text, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(id::char(5), school) OVER () FROM (VALUES ('7', 1), ('7 ', 2)) v (id, school)$$);
SELECT fails($$SELECT sipp.comparator_draw('00000000-0000-0000-0000-000000000007'::uuid, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(id::numeric, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(r8, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(asn, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(st, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(date '2010-01-01' + id, school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw('a', school) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(ARRAY[id], school) OVER () FROM pupil$$);
SELECT x, fails(format('SELECT sipp.comparator_draw(id, school, NULL, %s) OVER () FROM pupil', x)) FROM unnest('{0,-1,"NULL",2147483648}'::text[]) x;
SELECT fails($$SELECT sipp.comparator_draw(id, school, seed => NULL) OVER () FROM pupil$$);
-- what is no window: no OVER, FILTER, DISTINCT
SELECT fails($$SELECT sipp.comparator(y, school) FROM pupil$$);
SELECT fails($$SELECT sipp.comparator(y, school) FILTER (WHERE asn) OVER () FROM pupil$$);
SELECT fails($$SELECT sipp.comparator_draw(id, school) FROM pupil$$);
SELECT fails($$SELECT sipp.fdr(.5)$$);
SELECT fails($$SELECT sipp.nearest_comparator(y, school, NULL, r8, calliper => 5) OVER () FROM pupil$$) LIKE '42883%';
-- false discoveries
SELECT x, fails(format('SELECT sipp.fdr(%L::float8) OVER ()', x)) FROM unnest('{-1e-300,1.0000001,NaN,Infinity}'::text[]) x;

--
-- 3. Aggregates
--
SELECT x, fails(format('SELECT sipp.virtual_school(%L::float8, p) FROM peer', x)) FROM unnest('{NaN,Infinity,-Infinity,1.1e50}'::text[]) x;
SELECT x, fails(format('SELECT sipp.virtual_school(y, p, %s) FROM peer', x)) FROM unnest('{0,-1,"NULL",2147483648}'::text[]) x;
SELECT fails($$SELECT sipp.virtual_school(y, p, 1 + id % 2) FROM peer$$);
SELECT fails($$SELECT sipp.virtual_school(passed, q, 1 + id % 2) FROM peer$$);
SELECT fails($$SELECT sipp.virtual_school('x'::text, p) FROM peer$$);
SELECT left(fails($$SELECT sipp.virtual_school(y, '{}'::jsonb) FROM peer$$), 5);
SELECT left(fails($$SELECT sipp.virtual_school(DISTINCT y, p) FROM peer$$), 5);
SELECT x, fails(format('SELECT sipp.virtual_school_share(%L::float8, q) FROM peer', x)) FROM unnest('{NaN,Infinity,0.5,-1,2}'::text[]) x;
SELECT fails($$SELECT sipp.virtual_school_share(passed, p) FROM peer WHERE id = 1$$);
SELECT fails($$SELECT sipp.virtual_school_share(true, sipp.peers(c, 1)) FROM (SELECT sipp.cohort(x) AS c FROM unnest('{1,1,-1}'::int[]) x) c$$);
SELECT fails($$SELECT sipp.virtual_school_share(true, sipp.peers(c, 1)) FROM (SELECT sipp.cohort(x) AS c FROM unnest('{0.5,0.5,0,1}'::float8[]) x) c$$);
SELECT fails($$SELECT sipp.virtual_school_share(true, '{"version":1,"pool":1,"own":1,"mean":0.5,"sharing":1}')$$);
SELECT x, fails(format('SELECT sipp.balance(%L::float8, p) FROM peer', x)) FROM unnest('{NaN,-Infinity,1.1e50}'::text[]) x;
SELECT x, fails(format('SELECT sipp.balance(y, p, %s) FROM peer', x)) FROM unnest('{0,-.1,"NULL",''NaN'',''Infinity''}'::text[]) x;
SELECT fails($$SELECT sipp.balance(y, p, id) FROM peer WHERE id < 3$$);
SELECT fails($$SELECT sipp.balance(passed, q, 0) FROM peer$$);
SELECT x, fails(format('SELECT sipp.attainment_bands(%L::float8)', x)) FROM unnest('{NaN,Infinity,1.1e50}'::text[]) x;
SELECT x, fails(format('SELECT sipp.attainment_bands(1, %L::float8)', x)) FROM unnest('{NaN,Infinity,-1e-300}'::text[]) x;
SELECT fails($$SELECT sipp.attainment_bands(x, 1e308) FROM generate_series(1, 3) x$$);
SELECT fails($$SELECT sipp.attainment_bands(x, 1e307) FROM generate_series(1, 3) x$$), fails($$SELECT sipp.attainment_bands(x, 1e-320) FROM generate_series(1, 3) x$$);
SELECT x, fails(format('SELECT sipp.school_variance(%L::float8, 1)', x)) FROM unnest('{NaN,Infinity,1.1e50}'::text[]) x;
SELECT x, fails(format('SELECT sipp.school_variance(1, %L::float8)', x)) FROM unnest('{NaN,Infinity,-1,1e-51,1.1e50}'::text[]) x;
-- in a row that lacks something it does not count
SELECT (sipp.virtual_school(NULL::float8, p)).dropped, (sipp.attainment_bands(NULL, 'NaN')).dropped FROM peer WHERE id = 1;
SELECT a, fails(format('SELECT sipp.verdict(%s)', a)) FROM unnest(ARRAY['''NaN'', 1, 1', '1, ''NaN'', 1', '1, 1, ''NaN''', '1, 1, 1, ''NaN''', '''Infinity'', 1, 1', '1, ''Infinity'', 1', '1, 1, ''Infinity''',
	'1, -1, 1', '1, 1, -1', '1, 1, 1, -1', '1e300, 1e-300, 0']) a;
-- a yes/no outcome beside the pools of another one
SELECT fails($$SELECT sipp.virtual_school(passed, p) FROM peer$$);
SELECT fails($$SELECT sipp.balance(passed, p) FROM peer$$);
