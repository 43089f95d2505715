-- sipp: install script, head.  The rooms' SQL follows (see the Makefile).

-- complain if the script is sourced in psql rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION sipp" to load this file. \quit

-- The schema is a member of the extension, so that DROP EXTENSION takes it along
-- and a schema sipp that someone else made stops CREATE EXTENSION.
CREATE SCHEMA sipp;
GRANT USAGE ON SCHEMA sipp TO PUBLIC;
COMMENT ON SCHEMA sipp IS
'Deprivation-adjusted attainment, virtual-school benchmarks and school pairings';

CREATE FUNCTION sipp.version() RETURNS text
	AS 'MODULE_PATHNAME', 'sipp_version' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.version() IS
'Version of the library that this session has loaded. It should be that of the extension''s script: SELECT extversion FROM pg_extension WHERE extname = ''sipp''';

CREATE TYPE sipp.help_line AS (
	name text,
	arguments text,
	about text
);
COMMENT ON TYPE sipp.help_line IS 'One function in the result of sipp.help. Store its columns, not the composite';
COMMENT ON COLUMN sipp.help_line.name IS 'the function''s name, to be called as sipp.<name>';
COMMENT ON COLUMN sipp.help_line.arguments IS 'its arguments, with types and defaults';
COMMENT ON COLUMN sipp.help_line.about IS 'the first sentence of its comment; \df+ shows all of it';

-- What types, operators, casts and aggregates are made of is not for users.
CREATE FUNCTION sipp.help(word text DEFAULT NULL) RETURNS SETOF sipp.help_line
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 80
BEGIN ATOMIC
	SELECT p.proname::text, pg_catalog.pg_get_function_arguments(p.oid),
		pg_catalog.regexp_replace(d.description, '\.\s.*$', '')
	FROM pg_catalog.pg_proc p
	LEFT JOIN pg_catalog.pg_description d
		ON d.objoid = p.oid AND d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objsubid = 0
	WHERE p.pronamespace = 'sipp'::pg_catalog.regnamespace
		AND (help.word IS NULL
			OR pg_catalog.strpos(pg_catalog.lower(p.proname || ' ' || coalesce(d.description, '')), pg_catalog.lower(help.word)) > 0)
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t
			WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend))
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE p.oid IN (o.oprcode, o.oprrest, o.oprjoin))
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_amproc m WHERE p.oid = m.amproc)
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast c WHERE p.oid = c.castfunc)
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_aggregate a
			WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn))
	ORDER BY p.proname COLLATE "C", 2;
END;
COMMENT ON FUNCTION sipp.help(text) IS
'The functions and aggregates meant for users, one line each: all of them, or those with this word in their name or comment. What types, operators and aggregates are made of is left out';
