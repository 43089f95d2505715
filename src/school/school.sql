
-- Room school: schools as pairing sees them, and their roles.

CREATE TYPE sipp.school;

CREATE FUNCTION sipp.school_in(cstring) RETURNS sipp.school
	AS 'MODULE_PATHNAME', 'sipp_school_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_out(sipp.school) RETURNS cstring
	AS 'MODULE_PATHNAME', 'sipp_school_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_recv(internal) RETURNS sipp.school
	AS 'MODULE_PATHNAME', 'sipp_school_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_send(sipp.school) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_school_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE sipp.school (
	INPUT = sipp.school_in,
	OUTPUT = sipp.school_out,
	RECEIVE = sipp.school_recv,
	SEND = sipp.school_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = extended
);

COMMENT ON TYPE sipp.school IS
'One school as pairing sees it: who it is, what it would be in a pair, its effect, its circumstances, where it is. Made by the function sipp.school with named arguments';
COMMENT ON FUNCTION sipp.school_in(cstring) IS 'Input of sipp.school: JSON as written by its output';
COMMENT ON FUNCTION sipp.school_out(sipp.school) IS 'Output of sipp.school: JSON with shortest-exact numbers';
COMMENT ON FUNCTION sipp.school_recv(internal) IS 'Binary input of sipp.school';
COMMENT ON FUNCTION sipp.school_send(sipp.school) IS 'Binary output of sipp.school, in network byte order';

-- comparison on canonical bytes

CREATE FUNCTION sipp.school_eq(sipp.school, sipp.school) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_ne(sipp.school, sipp.school) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_lt(sipp.school, sipp.school) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_le(sipp.school, sipp.school) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_gt(sipp.school, sipp.school) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_ge(sipp.school, sipp.school) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_cmp(sipp.school, sipp.school) RETURNS integer
	AS 'MODULE_PATHNAME', 'sipp_bytes_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_hash(sipp.school) RETURNS integer
	AS 'MODULE_PATHNAME', 'sipp_bytes_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_hash_extended(sipp.school, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'sipp_bytes_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION sipp.school_eq(sipp.school, sipp.school) IS 'The same canonical bytes: the same school in every field';
COMMENT ON FUNCTION sipp.school_ne(sipp.school, sipp.school) IS 'Different canonical bytes';
COMMENT ON FUNCTION sipp.school_lt(sipp.school, sipp.school) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.school_le(sipp.school, sipp.school) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.school_gt(sipp.school, sipp.school) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.school_ge(sipp.school, sipp.school) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.school_cmp(sipp.school, sipp.school) IS 'Btree support: order of canonical bytes';
COMMENT ON FUNCTION sipp.school_hash(sipp.school) IS 'Hash support';
COMMENT ON FUNCTION sipp.school_hash_extended(sipp.school, bigint) IS 'Hash support, seeded';

CREATE OPERATOR sipp.= (
	LEFTARG = sipp.school, RIGHTARG = sipp.school, FUNCTION = sipp.school_eq,
	COMMUTATOR = OPERATOR(sipp.=), NEGATOR = OPERATOR(sipp.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR sipp.<> (
	LEFTARG = sipp.school, RIGHTARG = sipp.school, FUNCTION = sipp.school_ne,
	COMMUTATOR = OPERATOR(sipp.<>), NEGATOR = OPERATOR(sipp.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR sipp.< (
	LEFTARG = sipp.school, RIGHTARG = sipp.school, FUNCTION = sipp.school_lt,
	COMMUTATOR = OPERATOR(sipp.>), NEGATOR = OPERATOR(sipp.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR sipp.<= (
	LEFTARG = sipp.school, RIGHTARG = sipp.school, FUNCTION = sipp.school_le,
	COMMUTATOR = OPERATOR(sipp.>=), NEGATOR = OPERATOR(sipp.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR sipp.> (
	LEFTARG = sipp.school, RIGHTARG = sipp.school, FUNCTION = sipp.school_gt,
	COMMUTATOR = OPERATOR(sipp.<), NEGATOR = OPERATOR(sipp.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR sipp.>= (
	LEFTARG = sipp.school, RIGHTARG = sipp.school, FUNCTION = sipp.school_ge,
	COMMUTATOR = OPERATOR(sipp.<=), NEGATOR = OPERATOR(sipp.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR sipp.= (sipp.school, sipp.school) IS 'the same canonical bytes';
COMMENT ON OPERATOR sipp.<> (sipp.school, sipp.school) IS 'different canonical bytes';
COMMENT ON OPERATOR sipp.< (sipp.school, sipp.school) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.<= (sipp.school, sipp.school) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.> (sipp.school, sipp.school) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.>= (sipp.school, sipp.school) IS 'order of canonical bytes';

CREATE OPERATOR CLASS sipp.school_ops DEFAULT FOR TYPE sipp.school USING btree AS
	OPERATOR 1 sipp.<, OPERATOR 2 sipp.<=, OPERATOR 3 sipp.=, OPERATOR 4 sipp.>=, OPERATOR 5 sipp.>,
	FUNCTION 1 sipp.school_cmp(sipp.school, sipp.school);
CREATE OPERATOR CLASS sipp.school_ops DEFAULT FOR TYPE sipp.school USING hash AS
	OPERATOR 1 sipp.=,
	FUNCTION 1 sipp.school_hash(sipp.school),
	FUNCTION 2 sipp.school_hash_extended(sipp.school, bigint);
COMMENT ON OPERATOR CLASS sipp.school_ops USING btree IS 'canonical bytes: DISTINCT, GROUP BY, ORDER BY';
COMMENT ON OPERATOR CLASS sipp.school_ops USING hash IS 'canonical bytes: hashing';
COMMENT ON OPERATOR FAMILY sipp.school_ops USING btree IS 'canonical bytes of sipp.school';
COMMENT ON OPERATOR FAMILY sipp.school_ops USING hash IS 'canonical bytes of sipp.school';

CREATE CAST (sipp.school AS jsonb) WITH INOUT;
COMMENT ON CAST (sipp.school AS jsonb) IS 'the text form of the school as a document';

CREATE FUNCTION sipp.school(
	id text,
	sector text DEFAULT NULL,
	authority text DEFAULT NULL,
	cluster text DEFAULT NULL,
	role text DEFAULT 'none',
	effect float8 DEFAULT NULL,
	effect_se float8 DEFAULT NULL,
	context float8[] DEFAULT NULL,
	context_names text[] DEFAULT NULL,
	deprivation float8[] DEFAULT NULL,
	subjects float8[] DEFAULT NULL,
	subjects_se float8[] DEFAULT NULL,
	subject_names text[] DEFAULT NULL,
	lat float8 DEFAULT NULL,
	lon float8 DEFAULT NULL,
	capacity integer DEFAULT 1,
	excludes text[] DEFAULT NULL,
	consent boolean DEFAULT true
) RETURNS sipp.school
	AS 'MODULE_PATHNAME', 'sipp_school_make' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
CREATE FUNCTION sipp.school(
	id bigint,
	sector text DEFAULT NULL,
	authority text DEFAULT NULL,
	cluster text DEFAULT NULL,
	role text DEFAULT 'none',
	effect float8 DEFAULT NULL,
	effect_se float8 DEFAULT NULL,
	context float8[] DEFAULT NULL,
	context_names text[] DEFAULT NULL,
	deprivation float8[] DEFAULT NULL,
	subjects float8[] DEFAULT NULL,
	subjects_se float8[] DEFAULT NULL,
	subject_names text[] DEFAULT NULL,
	lat float8 DEFAULT NULL,
	lon float8 DEFAULT NULL,
	capacity integer DEFAULT 1,
	excludes text[] DEFAULT NULL,
	consent boolean DEFAULT true
) RETURNS sipp.school
	AS 'MODULE_PATHNAME', 'sipp_school_make_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION sipp.school(text, text, text, text, text, float8, float8, float8[], text[], float8[], float8[], float8[], text[], float8, float8, integer, text[], boolean) IS
'One school, with named arguments: role and consent say whether it takes part, context and deprivation (shares of pupils by band, most deprived first) whom it is like, effect and effect_se (the conditional_se of sipp.effect) whom it can help. What is NULL is not known: it keeps at most that school out, with the reason';
COMMENT ON FUNCTION sipp.school(bigint, text, text, text, text, float8, float8, float8[], text[], float8[], float8[], float8[], text[], float8, float8, integer, text[], boolean) IS
'The same of a school whose id is a number: in results it is text';

CREATE FUNCTION sipp.pairing_role(effect float8, effect_se float8, attainment_pct float8, intake_pct float8, trend float8, trend_se float8, school_sd float8, p_min float8 DEFAULT 0.8, margin float8 DEFAULT 0.25) RETURNS text
	AS 'MODULE_PATHNAME', 'sipp_pairing_role' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.pairing_role(float8, float8, float8, float8, float8, float8, float8, float8, float8) IS
'A school''s role in a pairing by evidence: lead where P(effect > margin school SDs) >= p_min; where P(effect < -margin school SDs) >= p_min, coasting if attainment and intake advantage are at or above the national median (percentile ranks, 0 to 1) and P(trend < 0) >= p_min, otherwise partner; else none. NULL effect or standard error: NULL; unknown attainment, intake or trend: never coasting; p_min and margin must not be NULL';
