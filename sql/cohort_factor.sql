--
-- Room cohort: labels of sipp.factor follow from the value alone.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all
--
-- 1. What the label is, beside what to_json writes
--
CREATE TYPE place AS (council text, code numeric, since timestamptz, share float8);
CREATE DOMAIN score AS numeric(8, 3);
CREATE DOMAIN moment AS timestamptz;
CREATE TABLE v (
	row_no int, i2 smallint, i4 int, i8 bigint, n numeric, f4 real, f8 float8, b boolean,
	d date, ts timestamp, tz timestamptz, tm time, tmz timetz, iv interval, raw bytea,
	txt text, vc varchar(9), bp char(9), nm name, ch "char", st stage, id uuid, ip inet, bits varbit,
	dom score, mom moment, floats float8[], moments timestamptz[], spans interval[], deep numeric[],
	place place, places place[], span numrange, period tstzrange, days datemultirange);
INSERT INTO v VALUES
(1, 1, 1, 1, 1, 1, 1, true, '2024-03-01', '2024-03-01 12:34:56.789', '2024-03-01 00:30:00+02', '12:30', '12:30+05:45',
 '1 year 2 mons 3 days 04:05:06.7', '\xdeadbeef', 'one', 'one', 'one', 'one', 'o', 'S6',
 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '10.0.0.1', B'101', 1.5, '2024-07-01 00:00+00',
 '{0.1,1e20,NULL,NaN}', '{2024-03-01 00:30:00+02}', '{1 mon,-2 days}', '{{1.0,2.50},{3,4}}',
 ROW('Glasgow', 1.50, '2024-03-01 00:30:00+02', 0.1), ARRAY[ROW('a "b"', 2.0, NULL, 'Infinity')::place],
 '[1.0,2.50)', '[2024-03-01 00:30:00+02,)', '{[2024-01-01,2024-02-01),[2024-03-01,)}'),
(2, -32768, -2147483648, -9223372036854775808, -1.2300, 0.1, 0.1, false, '0044-03-15 BC', 'infinity', '-infinity',
 '24:00', '00:00-11', '-1 mons +2 days -00:00:01', '', 'a "b", c', 'é', 'a b', 'b', 'ÿ', 'S4', NULL, '::1', B'', -7,
 'infinity', '{}', NULL, '{}', '{}', ROW(NULL, NULL, NULL, NULL), '{}', 'empty', '(,)', '{}'),
(3, 0, 0, 0, 'NaN', '-0', '-0', NULL, 'infinity', '1999-12-31 23:59:59.999999', '1999-12-31 23:59:59.999999+00',
 '00:00:00.000001', '12:30+00', '0', '\x00ff5c', '', '', '', '', '', 'S5', NULL, '10.0.0.0/8', NULL, 0.001, NULL,
 '{-0,1e-7,1e25}', '{NULL}', '{}', '{1e30,-0.00}', ROW('x', 1e3, 'infinity', '-0'), NULL, '(,1)', NULL, NULL),
(4, NULL, NULL, 9007199254740993, 1e20, 1e20, 1e20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, 2, NULL, '{1e15,123456789012345680}', NULL, NULL, NULL, NULL, NULL, '[-1e3,"1E3"]', NULL, NULL),
(5, NULL, NULL, NULL, 0.00000010, 1e-7, 1e-7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- label, JSON and text of every value
CREATE FUNCTION labels() RETURNS TABLE (row_no int, what name, label text, json text, txt text) LANGUAGE plpgsql AS
$$
BEGIN
	FOR what IN SELECT attname FROM pg_attribute
				WHERE attrelid = 't.v'::regclass AND attnum > 1 ORDER BY attnum LOOP
		RETURN QUERY EXECUTE format('SELECT row_no, %L::name, sipp.factor(%I), to_json(%I) #>> ''{}'', %I::text FROM t.v',
									what, what, what, what);
	END LOOP;
END
$$;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex';
CREATE TABLE plain AS SELECT * FROM labels();
-- as to_json writes it, but for numbers (no exponent, trailing zeros or -0), moments in a range, and what pads a char(n)
SELECT row_no, what, label, json FROM plain
WHERE label IS DISTINCT FROM CASE WHEN what = 'bp' THEN rtrim(json) ELSE json END
ORDER BY what::text COLLATE "C", row_no;
SELECT count(*) AS values, count(label) AS labels, count(*) FILTER (WHERE label = json) AS as_json FROM plain;

-- ranges and rows, with the labels of what is in them
SELECT label FROM plain WHERE what IN ('period', 'days', 'place', 'places') AND row_no < 3 ORDER BY what::text COLLATE "C", row_no;

--
-- 2. No setting changes a label
--
CREATE TABLE session (no serial, setting text, texts bigint, labels bigint);
CREATE PROCEDURE under(setting text) LANGUAGE plpgsql AS
$$
BEGIN
	EXECUTE setting;
	INSERT INTO t.session (setting, texts, labels)
	SELECT under.setting, count(*) FILTER (WHERE l.txt IS DISTINCT FROM p.txt),
		   count(*) FILTER (WHERE l.label IS DISTINCT FROM p.label)
	FROM t.labels() l JOIN t.plain p USING (row_no, what);
	RESET ALL;
	SET search_path = t, public; SET extra_float_digits = 1;
	SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex';
END
$$;
CALL under('SET extra_float_digits = -15');
CALL under('SET extra_float_digits = 3');
CALL under('SET DateStyle = ''SQL, DMY''');
CALL under('SET DateStyle = ''German''');
CALL under('SET DateStyle = ''Postgres, MDY''');
CALL under('SET TimeZone = ''Asia/Kathmandu''');
CALL under('SET TimeZone = ''America/New_York''');
CALL under('SET IntervalStyle = ''iso_8601''');
CALL under('SET IntervalStyle = ''sql_standard''');
CALL under('SET IntervalStyle = ''postgres_verbose''');
CALL under('SET bytea_output = ''escape''');
CALL under('SET lc_monetary = ''C''');
CALL under('SET search_path = pg_catalog');
CALL under('SET quote_all_identifiers = on');
-- some text changes under most of them, no label under any
SELECT setting, texts > 0 AS texts_change, labels FROM session ORDER BY no;

--
-- 3. Equal numbers are one level, whatever their type and spelling
--
SELECT label, count(*), string_agg(what, ' ' ORDER BY what::text COLLATE "C") FROM plain
WHERE what IN ('i2', 'i4', 'i8', 'n', 'f4', 'f8') AND label IN ('0', '1', '0.1', '100000000000000000000', '0.0000001')
GROUP BY label ORDER BY label COLLATE "C";
SELECT d.term, d.level, d.mean
FROM (SELECT sipp.cohort(y, sipp.factor(band)) AS c
	  FROM (SELECT * FROM (VALUES (1.0, 1.0::numeric), (2, 1.00), (3, 1), (4, 2)) t(y, band) OFFSET 0) t) q,
	 LATERAL sipp.describe(c) d WHERE d.kind = 'text';
SELECT bool_and(sipp.factor(x) = sipp.factor(x::numeric) AND sipp.factor(x) = sipp.factor(x::bigint)) AS bigint,
	   bool_and(sipp.factor(x / 8) = sipp.factor(x::numeric / 8) AND sipp.factor(x / 8)::float8 = x / 8) AS eighths,
	   bool_and(sipp.factor((x / 8)::real) = sipp.factor(x / 8)) AS reals
FROM (SELECT (i * 37 - 5000)::float8 AS x FROM generate_series(0, 300) i) s;
-- equal intervals, too
SELECT count(*) > 500 AS equal, bool_and((a.v = b.v) = (sipp.factor(a.v) = sipp.factor(b.v))) AS labels_are
FROM (SELECT make_interval(months => i % 5 - 2, days => i % 121 - 60, hours => (i % 21 - 10) * 12) AS v FROM generate_series(1, 600) i) a,
	 (SELECT make_interval(months => i % 4 - 1, days => i % 89 - 40, hours => (i % 23 - 10) * 12) AS v FROM generate_series(1, 600) i) b;
SELECT sipp.factor(v::interval), array_agg(v) FROM unnest(ARRAY['1 mon', '30 days', '720:00', '1 day', '24:00', '-1 day', '-30 days +30:00', '-28 days -18:00']) WITH ORDINALITY u (v, n) GROUP BY 1 ORDER BY min(n);
-- a float's label is its shortest exact decimal, and reads back to it
SELECT count(*), bool_and(sipp.factor(x)::float8 = x) AS exact, bool_and(sipp.factor(x) !~ 'e') AS written_out,
	   bool_and(sipp.factor(x) = trim_scale((to_json(x) #>> '{}')::numeric)::text) AS shortest
FROM (SELECT (sin(i) * 10.0 ^ (i % 40 - 20))::float8 AS x FROM generate_series(1, 2000) i) s;
SELECT bool_and(sipp.factor(x) = trim_scale((to_json(x) #>> '{}')::numeric)::text) AS shortest
FROM (SELECT (sin(i) * 10.0 ^ (i % 40 - 20))::real AS x FROM generate_series(1, 2000) i) s;

--
-- 4. Which function is called: literals, and what is coerced
--
SELECT sipp.factor('one') AS literal, sipp.factor(NULL) IS NULL AS nothing, sipp.factor('S4'::stage) AS enum,
	   sipp.factor('a'::varchar) AS varchar, sipp.factor('a  '::char(5)) AS "char(n)", sipp.factor('a'::name) AS name,
	   sipp.factor('a'::"char") AS "char", sipp.factor(1::oid) AS oid, sipp.factor(1.50::score) AS domain;
-- immutable where the type is an integer, boolean, numeric or text: an index may use them, a foreign server too
SELECT p.oid::regprocedure AS function, provolatile, proisstrict, proparallel FROM pg_proc p
WHERE pronamespace = 'sipp'::regnamespace AND proname = 'factor' ORDER BY p.oid::regprocedure::text COLLATE "C";
CREATE INDEX ON v (sipp.factor(i2), sipp.factor(i4), sipp.factor(i8), sipp.factor(n), sipp.factor(b), sipp.factor(txt),
				   sipp.factor(vc), sipp.factor(bp), sipp.factor(nm), sipp.factor(ch), sipp.factor(dom));
SELECT fails('CREATE INDEX ON t.v (sipp.factor(d))');
-- the column's name stays, whichever it is
SELECT names(sipp.cohort(1, sipp.factor(i2), sipp.factor(i4), sipp.factor(i8), sipp.factor(n), sipp.factor(b), sipp.factor(txt),
						 sipp.factor(vc), sipp.factor(bp), sipp.factor(nm), sipp.factor(ch), sipp.factor(st), sipp.factor(f8),
						 sipp.factor(d), sipp.factor(dom)))
FROM v WHERE row_no = 1;
-- records of different shapes, one after the other
SELECT sipp.factor(CASE WHEN i % 2 = 0 THEN ROW(i, 1.50) ELSE ROW('a'::text, i, true) END) FROM generate_series(1, 4) i;
-- a row type without its dropped columns, and with new ones
ALTER TYPE place DROP ATTRIBUTE since; ALTER TYPE place ADD ATTRIBUTE n int;
SELECT sipp.factor(place) FROM v WHERE row_no < 4 ORDER BY row_no;

--
-- 5. No label: an error that says what to write
--
CREATE DOMAIN price AS money;
SELECT fails($$SELECT sipp.factor('1'::money)$$);
SELECT fails($$SELECT sipp.factor('1'::price)$$);
SELECT fails($$SELECT sipp.factor(ARRAY['1'::money])$$);
SELECT fails($$SELECT sipp.factor(ROW(1, '1'::money))$$);
SELECT fails($$SELECT sipp.factor('pg_class'::regclass)$$);
SELECT fails($$SELECT sipp.factor('int4'::regtype)$$);
SELECT fails($$SELECT sipp.factor('now()'::regprocedure)$$);
SELECT fails($$SELECT sipp.factor('{"a": 1}'::json)$$);
SELECT fails($$SELECT sipp.factor('1.0'::jsonb)$$);
SELECT fails($$SELECT sipp.factor('<a/>'::xml)$$);
SELECT fails($$SELECT sipp.factor('(0.1,2)'::point)$$);
SELECT fails($$SELECT sipp.factor(sipp.cohort(1.0::float8))$$);
-- a label may be too long for a level
SELECT fails($$SELECT sipp.cohort(1.0, sipp.factor(1e300::float8))$$);

--
-- 6. expected_json finds the same spelling
--
CREATE TABLE p AS
SELECT i % 12 AS school, i % 7 + i % 5 + i % 3 AS y, (1 + i % 3)::numeric(4, 2) AS band, i % 5 > 1 AS free, 2020 + i % 2 AS year,
	   (i % 4)::numeric(4, 1) AS spelled, 0.1::float8 * (i % 2) AS share FROM generate_series(1, 600) i;
CREATE TABLE m AS SELECT sipp.value_added(c) AS m
FROM (SELECT sipp.cohort(y, sipp.factor(band), sipp.factor(free), sipp.factor(year), spelled::text, sipp.factor(share)) AS c
	  FROM p GROUP BY school) q;
SELECT j, sipp.expected_json(m, '{"band": 2, "free": true, "year": 2021, "spelled": 3.0, "share": 0.1}'::jsonb || j::jsonb) =
		  sipp.expected(m, '2', 'true', '2021', '3.0', '0.1') AS found
FROM m, unnest(ARRAY['{}', '{"band": 2.0}', '{"band": 2e0}', '{"band": 0.02E2}', '{"band": 200e-2}', '{"band": "2"}',
					 '{"free": "true"}', '{"year": 2021.000}', '{"year": 2.021e3}', '{"spelled": "3.0"}', '{"share": 1e-1}',
					 '{"share": "0.1"}', '{"share": 0.10}',
					 '{"band": "2.0"}', '{"free": "t"}', '{"free": 1}', '{"spelled": 3}', '{"band": 3}']) j;
SELECT count(*), bool_and(abs(sipp.expected_json(m, to_jsonb(p)) -
							  sipp.expected(m, sipp.factor(band), sipp.factor(free), sipp.factor(year), spelled::text, sipp.factor(share))) < 1e-12)
	AS rows_as_they_are FROM m, p;
SELECT fails($$SELECT sipp.expected_json(m, '{"band": [2], "free": true, "year": 2021, "spelled": 3.0, "share": 0}') FROM t.m$$);
