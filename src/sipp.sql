-- sipp: install script, head.  The rooms' SQL follows (see the Makefile).

-- complain if the script is sourced in psql rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION sipp" to load this file. \quit

-- The schema is a member of the extension, so that DROP EXTENSION takes it along
-- and a schema sipp that someone else made stops CREATE EXTENSION.
CREATE SCHEMA sipp;
GRANT USAGE ON SCHEMA sipp TO PUBLIC;
COMMENT ON SCHEMA sipp IS
'Deprivation-adjusted attainment, virtual-school benchmarks and school pairings';
