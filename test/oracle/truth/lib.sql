/*
 * What the simulations share: random numbers and the form of a check.
 *
 * Every draw is a hash of a stream (what is drawn) and an id (for whom), as in
 * test/warehouse/generate.sql, whose comment says why these calls and not fewer.
 * So every run makes the same worlds, whatever the plan, and the long form's
 * begin with the short form's.
 */
CREATE SCHEMA truth;
SET search_path = truth;
SET client_min_messages = warning;
-- compiling these expressions takes longer than computing them
SET jit = off;
-- a school is a row and many pupils, which the planner cannot know
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET max_parallel_workers_per_gather = 2;

CREATE FUNCTION bits(id bigint, stream bigint) RETURNS bigint
	IMMUTABLE PARALLEL SAFE
	RETURN hashint8extended(hashint8extended(stream, 20), hashint8extended(hashint8extended(stream, 20), id));

CREATE FUNCTION uniform(id bigint, stream bigint) RETURNS float8
	IMMUTABLE PARALLEL SAFE
	RETURN (((bits(id, stream) >> 12) & 4503599627370495) + 0.5::float8) / 4503599627370496;

-- Box and Muller's pair of independent normals from the halves of one hash
CREATE FUNCTION radius(b bigint) RETURNS float8
	IMMUTABLE PARALLEL SAFE
	RETURN sqrt(-2 * ln((((b >> 32) & 4294967295) + 0.5::float8) / 4294967296));

CREATE FUNCTION angle(b bigint) RETURNS float8
	IMMUTABLE PARALLEL SAFE
	RETURN 2 * pi() * (((b & 4294967295) + 0.5::float8) / 4294967296);

CREATE FUNCTION normal(id bigint, stream bigint) RETURNS float8
	IMMUTABLE PARALLEL SAFE
	RETURN radius(bits(id, stream)) * cos(angle(bits(id, stream)));

-- A figure that must lie between two bounds; an absent one does not.
CREATE FUNCTION must(what text, value float8, low float8, high float8) RETURNS text
	RETURN format('%s %s: %s, must be in %s .. %s',
				  CASE WHEN value BETWEEN low AND high THEN 'ok    ' ELSE 'FAILED' END, what,
				  coalesce(round(value::numeric, 4)::text, 'absent'), round(low::numeric, 4), round(high::numeric, 4));

-- A negative control: the same check of a wrong figure must fail, on its low side.
CREATE FUNCTION must_fail(what text, value float8, low float8) RETURNS text
	RETURN format('%s negative control, %s: %s, must be below %s',
				  CASE WHEN value < low THEN 'ok    ' ELSE 'FAILED' END, what,
				  coalesce(round(value::numeric, 4)::text, 'absent'), round(low::numeric, 4));
