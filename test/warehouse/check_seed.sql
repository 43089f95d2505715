/*
 * The same variables give the same rows; another seed gives others.
 *
 *     psql -q -f test/warehouse/check_seed.sql
 *
 * Generates a tenth of a nation, two years, five times: as it comes; with a
 * planner bent as far as it goes (other joins, no room, two workers); with
 * another seed; and with another icc, which must leave the pupils themselves as
 * they were.  The hash below is that of the rows on the x86-64 and PostgreSQL 15
 * on which it was written: where it differs, this server's rows do.  The scratch
 * schemas warehouse_check_* are dropped at the end.
 */
\set ON_ERROR_STOP on
\set scale .1
\set years 2
\set icc .05
\set year_share .3
\set gradient 1
\set clustering .3
\set correlation .2
\set replace on

SET client_min_messages = warning;

\set seed 1
\set schema warehouse_check_plain
\ir generate.sql

SET enable_hashjoin = off;
SET enable_hashagg = off;
SET work_mem = '64kB';
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET extra_float_digits = 0;
SET DateStyle = 'SQL, DMY';
\set schema warehouse_check_bent
\ir generate.sql
RESET enable_hashjoin;
RESET enable_hashagg;
RESET work_mem;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
RESET extra_float_digits;
RESET DateStyle;

SET max_parallel_workers_per_gather = 0;
SET enable_nestloop = off;
SET enable_mergejoin = off;
\set schema warehouse_check_serial
\ir generate.sql
RESET max_parallel_workers_per_gather;
RESET enable_nestloop;
RESET enable_mergejoin;

\set seed 2
\set schema warehouse_check_seed
\ir generate.sql

\set seed 1
\set icc .1
\set schema warehouse_check_icc
\ir generate.sql

-- one hash a table: of all rows as text, in the order of the key
SET extra_float_digits = 1;
CREATE TEMP TABLE hash (run text, part text, hash text);
SELECT format('INSERT INTO hash SELECT %L, %L, md5(string_agg(r::text, E''\n'' ORDER BY %s)) FROM warehouse_check_%s.%I r',
			  run, t, key, run, t)
FROM unnest(ARRAY['plain', 'bent', 'serial', 'seed', 'icc']) run,
	 (VALUES ('authority', 'authority_no'), ('data_zone', 'zone_no'), ('school', 'school_id'), ('leaver', 'pupil_id'),
			 ('school_truth', 'school_id'), ('school_year_truth', 'school_id, year'),
			 ('coefficient_truth', 'term, level')) v (t, key)
\gexec

SELECT part, hash AS plain FROM hash WHERE run = 'plain' ORDER BY part COLLATE "C";

DO $$
DECLARE
	wrong text;
	whole text;
	n bigint;
BEGIN
	SELECT string_agg(h.run || '.' || h.part, ', ') INTO wrong
	FROM hash p JOIN hash h USING (part)
	WHERE p.run = 'plain' AND h.run IN ('bent', 'serial') AND p.hash IS DISTINCT FROM h.hash;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION 'the same seed gave other rows under another plan' USING DETAIL = wrong;
	END IF;

	SELECT string_agg(p.part, ', ') INTO wrong
	FROM hash p JOIN hash h USING (part)
	WHERE p.run = 'plain' AND h.run = 'seed' AND part NOT IN ('authority', 'coefficient_truth') AND
		  p.hash IS NOT DISTINCT FROM h.hash;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION 'another seed gave the same rows' USING DETAIL = wrong;
	END IF;

	SELECT count(*) INTO n
	FROM warehouse_check_plain.leaver a FULL JOIN warehouse_check_icc.leaver b USING (pupil_id)
	WHERE (a.school_id, a.year, a.data_zone, a.sex, a.asn, a.prior) IS DISTINCT FROM
		  (b.school_id, b.year, b.data_zone, b.sex, b.asn, b.prior);
	IF n > 0 OR (SELECT count(DISTINCT hash) FROM hash WHERE part = 'leaver' AND run IN ('plain', 'icc')) <> 2 THEN
		RAISE EXCEPTION 'another icc should change the tariff of the same pupils'
			USING DETAIL = format('%s pupils are not the same', n);
	END IF;

	SELECT md5(string_agg(hash, ',' ORDER BY part COLLATE "C")) INTO whole FROM hash WHERE run = 'plain';
	IF whole <> 'f162d3dc979ff97d75bad67e6c0a5b5e' THEN
		RAISE EXCEPTION 'this server generates other rows than the one that the hash was written on'
			USING DETAIL = format('The hash of all tables is %s.', whole);
	END IF;
END;
$$;

DROP SCHEMA warehouse_check_plain, warehouse_check_bent, warehouse_check_serial, warehouse_check_seed, warehouse_check_icc CASCADE;
