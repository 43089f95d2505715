--
-- Room virtual: an outcome is a number of any type or a boolean, and each is read as its cast
-- to float8 is.
--
CREATE SCHEMA virtual_outcomes;
SET search_path = virtual_outcomes, public;
CREATE FUNCTION fails(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text; hint text;
BEGIN
	EXECUTE 'SELECT count(a.x::text) FROM (' || query || ') AS a(x)';
	RETURN 'no error';
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || SQLERRM || coalesce(E'\n  ' || nullif(detail, ''), '') || coalesce(E'\n  ' || nullif(hint, ''), '');
END $$;
CREATE DOMAIN score AS numeric(4, 1);
CREATE DOMAIN passed AS boolean NOT NULL;

-- i: whole outcomes of every type; n: with a digit, which real rounds; b: yes or no
CREATE TABLE pupil AS
SELECT i AS id, i % 5 AS school, i % 7 AS cell, i * i % 11 AS i, (i * i % 11 / 4.0)::numeric AS n, i * i % 11 < 4 AS b
FROM generate_series(1, 210) i;
CREATE TABLE kind (name text, outcome text, same_as text, is_binary boolean);
INSERT INTO kind VALUES
	('int2', 'i::int2', 'i::float8', false), ('int4', 'i::int4', 'i::float8', false), ('int8', 'i::int8', 'i::float8', false),
	('float4', 'n::float4', 'n::float4::float8', false), ('numeric', 'n', 'n::float8', false), ('domain of numeric', 'n::score', 'n::score::float8', false),
	('int4, some NULL', 'nullif(i, 3)', 'nullif(i, 3)::float8', false), ('all NULL', 'NULL::int', 'NULL::float8', false),
	('boolean', 'b', 'b::int::float8', true), ('domain of boolean', 'b::passed', 'b::int::float8', true), ('0 or 1 as int2', 'b::int::int2', 'b::int::float8', true),
	('0 or 1 as numeric', 'b::int::numeric', 'b::int::float8', true);
CREATE FUNCTION figures(outcome text, is_binary boolean) RETURNS TABLE (x text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('WITH p AS MATERIALIZED (
		SELECT school, %1$s AS y, sipp.comparator(%1$s, school) OVER w AS p, sipp.nearest_comparator(%1$s, school, NULL, id, 3) OVER w AS n
		FROM pupil WINDOW w AS (PARTITION BY cell))
		SELECT concat_ws(E''\n'', school, string_agg(p::text || n::text, E''\n'' ORDER BY p, n), sipp.virtual_school(y, p)::text, sipp.virtual_school(y, n, 2)::text,
			sipp.balance(y, p)::text, sipp.balance(y, n, .2)::text%2$s)
		FROM p GROUP BY school ORDER BY school', outcome, CASE WHEN is_binary THEN ', sipp.virtual_school_share(y, p)::text' END);
END $$;
SET client_min_messages = warning;
SELECT name, (SELECT array_agg(x) FROM figures(outcome, is_binary)) = (SELECT array_agg(x) FROM figures(same_as, is_binary)) AS same, (SELECT count(*) FROM figures(outcome, is_binary)) AS schools
FROM kind;
RESET client_min_messages;

-- what is no number is named, at once and not row by row
\pset format unaligned
\pset tuples_only on
CREATE TABLE peer AS SELECT id, i, b, sipp.comparator(i, school) OVER (PARTITION BY cell) AS p FROM pupil;
SELECT bad, fails(format('SELECT sipp.comparator(%s, school) OVER () FROM pupil', bad)) FROM unnest(ARRAY['NULL', '''1''', '''x''::text', 'now()', 'ARRAY[1]', '''(0,1)''::point', 'school::money']) bad;
SELECT fails('SELECT sipp.nearest_comparator(NULL, school, NULL, id) OVER () FROM pupil');
SELECT call, fails(format('SELECT sipp.%s FROM peer', call)) FROM unnest('{"virtual_school(NULL, p)","virtual_school(''1'', p, 5)","virtual_school_share(NULL, p)","balance(''x''::text, p)","balance(NULL, p, .1)","balance(now(), p)"}'::text[]) call;
-- no rows, no type to complain of
SELECT (sipp.virtual_school(NULL, p)).pupils FROM peer WHERE false;
-- each call means one function
SELECT proname, count(*) FROM pg_proc WHERE pronamespace = 'sipp'::regnamespace AND proname IN ('comparator', 'nearest_comparator', 'virtual_school', 'virtual_school_share', 'balance') GROUP BY proname ORDER BY proname;
-- parallel workers find the type as well
CREATE TABLE many AS SELECT id, i, b, p FROM peer, generate_series(1, 100);
ALTER TABLE many SET (parallel_workers = 2);
ANALYZE many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE FUNCTION plan_has(query text, node text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%' || node || '%' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT plan_has('SELECT sipp.virtual_school(i, p) FROM many', 'Partial Aggregate') AS partial;
CREATE TABLE by_workers AS SELECT (sipp.virtual_school(i, p)).difference, (sipp.balance(i::numeric, p)).smd FROM many;
SET max_parallel_workers_per_gather = 0;
SELECT abs(w.difference - a.difference) < 1e-12 AND abs(w.smd - a.smd) < 1e-12 AS same
FROM by_workers w, (SELECT (sipp.virtual_school(i::float8, p)).difference, (sipp.balance(i::float8, p)).smd FROM many) a;

SET client_min_messages = warning;
DROP SCHEMA virtual_outcomes CASCADE;
