
-- Room cohort: the evidence, sufficient statistics of a group of pupils.

CREATE TYPE sipp.cohort;

CREATE FUNCTION sipp.cohort_in(cstring) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_out(sipp.cohort) RETURNS cstring
	AS 'MODULE_PATHNAME', 'sipp_cohort_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_recv(internal) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_send(sipp.cohort) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_cohort_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE sipp.cohort (
	INPUT = sipp.cohort_in,
	OUTPUT = sipp.cohort_out,
	RECEIVE = sipp.cohort_recv,
	SEND = sipp.cohort_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = extended
);

COMMENT ON TYPE sipp.cohort IS
'Sufficient statistics of a group of pupils: counts, means and centred cross-products of an outcome and its covariates, with the factors'' levels. Can be stored, merged, taken apart and refitted; holds no pupil, but a cohort of one pupil is that pupil''s record';
COMMENT ON FUNCTION sipp.cohort_in(cstring) IS 'Input of sipp.cohort: JSON as written by its output';
COMMENT ON FUNCTION sipp.cohort_out(sipp.cohort) IS 'Output of sipp.cohort: JSON with shortest-exact numbers';
COMMENT ON FUNCTION sipp.cohort_recv(internal) IS 'Binary input of sipp.cohort';
COMMENT ON FUNCTION sipp.cohort_send(sipp.cohort) IS 'Binary output of sipp.cohort, in network byte order';

-- comparison on canonical bytes

CREATE FUNCTION sipp.cohort_eq(sipp.cohort, sipp.cohort) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_cohort_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_ne(sipp.cohort, sipp.cohort) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_cohort_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_lt(sipp.cohort, sipp.cohort) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_cohort_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_le(sipp.cohort, sipp.cohort) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_cohort_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_gt(sipp.cohort, sipp.cohort) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_cohort_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_ge(sipp.cohort, sipp.cohort) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_cohort_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_cmp(sipp.cohort, sipp.cohort) RETURNS integer
	AS 'MODULE_PATHNAME', 'sipp_cohort_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_hash(sipp.cohort) RETURNS integer
	AS 'MODULE_PATHNAME', 'sipp_cohort_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_hash_extended(sipp.cohort, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'sipp_cohort_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION sipp.cohort_eq(sipp.cohort, sipp.cohort) IS 'The same canonical bytes; figures of two computations in different row order may differ in the last bits';
COMMENT ON FUNCTION sipp.cohort_ne(sipp.cohort, sipp.cohort) IS 'Different canonical bytes';
COMMENT ON FUNCTION sipp.cohort_lt(sipp.cohort, sipp.cohort) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.cohort_le(sipp.cohort, sipp.cohort) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.cohort_gt(sipp.cohort, sipp.cohort) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.cohort_ge(sipp.cohort, sipp.cohort) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.cohort_cmp(sipp.cohort, sipp.cohort) IS 'Btree support: order of canonical bytes';
COMMENT ON FUNCTION sipp.cohort_hash(sipp.cohort) IS 'Hash support';
COMMENT ON FUNCTION sipp.cohort_hash_extended(sipp.cohort, bigint) IS 'Hash support, seeded';

CREATE OPERATOR sipp.= (
	LEFTARG = sipp.cohort, RIGHTARG = sipp.cohort, FUNCTION = sipp.cohort_eq,
	COMMUTATOR = OPERATOR(sipp.=), NEGATOR = OPERATOR(sipp.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR sipp.<> (
	LEFTARG = sipp.cohort, RIGHTARG = sipp.cohort, FUNCTION = sipp.cohort_ne,
	COMMUTATOR = OPERATOR(sipp.<>), NEGATOR = OPERATOR(sipp.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR sipp.< (
	LEFTARG = sipp.cohort, RIGHTARG = sipp.cohort, FUNCTION = sipp.cohort_lt,
	COMMUTATOR = OPERATOR(sipp.>), NEGATOR = OPERATOR(sipp.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR sipp.<= (
	LEFTARG = sipp.cohort, RIGHTARG = sipp.cohort, FUNCTION = sipp.cohort_le,
	COMMUTATOR = OPERATOR(sipp.>=), NEGATOR = OPERATOR(sipp.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR sipp.> (
	LEFTARG = sipp.cohort, RIGHTARG = sipp.cohort, FUNCTION = sipp.cohort_gt,
	COMMUTATOR = OPERATOR(sipp.<), NEGATOR = OPERATOR(sipp.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR sipp.>= (
	LEFTARG = sipp.cohort, RIGHTARG = sipp.cohort, FUNCTION = sipp.cohort_ge,
	COMMUTATOR = OPERATOR(sipp.<=), NEGATOR = OPERATOR(sipp.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR sipp.= (sipp.cohort, sipp.cohort) IS 'the same canonical bytes';
COMMENT ON OPERATOR sipp.<> (sipp.cohort, sipp.cohort) IS 'different canonical bytes';
COMMENT ON OPERATOR sipp.< (sipp.cohort, sipp.cohort) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.<= (sipp.cohort, sipp.cohort) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.> (sipp.cohort, sipp.cohort) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.>= (sipp.cohort, sipp.cohort) IS 'order of canonical bytes';

CREATE OPERATOR CLASS sipp.cohort_ops DEFAULT FOR TYPE sipp.cohort USING btree AS
	OPERATOR 1 sipp.<, OPERATOR 2 sipp.<=, OPERATOR 3 sipp.=, OPERATOR 4 sipp.>=, OPERATOR 5 sipp.>,
	FUNCTION 1 sipp.cohort_cmp(sipp.cohort, sipp.cohort);
CREATE OPERATOR CLASS sipp.cohort_ops DEFAULT FOR TYPE sipp.cohort USING hash AS
	OPERATOR 1 sipp.=,
	FUNCTION 1 sipp.cohort_hash(sipp.cohort),
	FUNCTION 2 sipp.cohort_hash_extended(sipp.cohort, bigint);
COMMENT ON OPERATOR CLASS sipp.cohort_ops USING btree IS 'canonical bytes: DISTINCT, GROUP BY, ORDER BY';
COMMENT ON OPERATOR CLASS sipp.cohort_ops USING hash IS 'canonical bytes: hashing';
COMMENT ON OPERATOR FAMILY sipp.cohort_ops USING btree IS 'canonical bytes of sipp.cohort';
COMMENT ON OPERATOR FAMILY sipp.cohort_ops USING hash IS 'canonical bytes of sipp.cohort';

CREATE CAST (sipp.cohort AS jsonb) WITH INOUT;
COMMENT ON CAST (sipp.cohort AS jsonb) IS 'the text form of the cohort as a document';

-- from pupils to cohorts

CREATE FUNCTION sipp.factor(value anyelement) RETURNS text
	AS 'MODULE_PATHNAME', 'sipp_factor' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION sipp.factor(value smallint) RETURNS text
	AS 'MODULE_PATHNAME', 'sipp_factor_int2' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION sipp.factor(value integer) RETURNS text
	AS 'MODULE_PATHNAME', 'sipp_factor_int4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION sipp.factor(value bigint) RETURNS text
	AS 'MODULE_PATHNAME', 'sipp_factor_int8' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION sipp.factor(value numeric) RETURNS text
	AS 'MODULE_PATHNAME', 'sipp_factor_numeric' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION sipp.factor(value boolean) RETURNS text
	AS 'MODULE_PATHNAME', 'sipp_factor_bool' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION sipp.factor(value text) RETURNS text
	AS 'MODULE_PATHNAME', 'sipp_factor_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
CREATE FUNCTION sipp.factor(value "char") RETURNS text
	AS 'MODULE_PATHNAME', 'sipp_factor_char' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;

COMMENT ON FUNCTION sipp.factor(anyelement) IS
'A code as a factor: a label that follows from the value alone, whatever the session''s settings say, so that sipp.cohort(outcome, sipp.factor(stage)) has one level for each stage instead of a slope. The column keeps its name';
COMMENT ON FUNCTION sipp.factor(smallint) IS 'A code as a factor: its digits';
COMMENT ON FUNCTION sipp.factor(integer) IS 'A code as a factor: its digits';
COMMENT ON FUNCTION sipp.factor(bigint) IS 'A code as a factor: its digits';
COMMENT ON FUNCTION sipp.factor(numeric) IS 'A code as a factor: its digits without trailing zeros, so that 1, 1.0 and 1.00 are one level';
COMMENT ON FUNCTION sipp.factor(boolean) IS 'A yes/no column as a factor: true or false';
COMMENT ON FUNCTION sipp.factor(text) IS 'A factor that is one already: the text itself';
COMMENT ON FUNCTION sipp.factor("char") IS 'A code as a factor: the character';

CREATE FUNCTION sipp.cohort_accum(state sipp.cohort, outcome float8) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_accum_float8' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_accum(state sipp.cohort, outcome boolean) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_accum_bool' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_accum(state sipp.cohort, outcome float8, VARIADIC covariates "any") RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_accum(state sipp.cohort, outcome boolean, VARIADIC covariates "any") RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.weighted_cohort_accum(state sipp.cohort, weight float8, outcome float8) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_weighted_cohort_accum_float8' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.weighted_cohort_accum(state sipp.cohort, weight float8, outcome boolean) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_weighted_cohort_accum_bool' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.weighted_cohort_accum(state sipp.cohort, weight float8, outcome float8, VARIADIC covariates "any") RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_weighted_cohort_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.weighted_cohort_accum(state sipp.cohort, weight float8, outcome boolean, VARIADIC covariates "any") RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_weighted_cohort_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.counted_cohort_accum(state sipp.cohort, count bigint, outcome float8) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_counted_cohort_accum_float8' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.counted_cohort_accum(state sipp.cohort, count bigint, outcome boolean) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_counted_cohort_accum_bool' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.counted_cohort_accum(state sipp.cohort, count bigint, outcome float8, VARIADIC covariates "any") RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_counted_cohort_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.counted_cohort_accum(state sipp.cohort, count bigint, outcome boolean, VARIADIC covariates "any") RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_counted_cohort_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_array_accum(state sipp.cohort, outcome float8, numbers float8[], factors text[]) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_array_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.weighted_cohort_array_accum(state sipp.cohort, weight float8, outcome float8, numbers float8[], factors text[]) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_weighted_cohort_array_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.counted_cohort_array_accum(state sipp.cohort, count bigint, outcome float8, numbers float8[], factors text[]) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_counted_cohort_array_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_combine(sipp.cohort, sipp.cohort) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.cohort_final(sipp.cohort) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION sipp.cohort_accum(sipp.cohort, float8) IS 'Transition of sipp.cohort(outcome)';
COMMENT ON FUNCTION sipp.cohort_accum(sipp.cohort, boolean) IS 'Transition of sipp.cohort(outcome)';
COMMENT ON FUNCTION sipp.cohort_accum(sipp.cohort, float8, "any") IS 'Transition of sipp.cohort';
COMMENT ON FUNCTION sipp.cohort_accum(sipp.cohort, boolean, "any") IS 'Transition of sipp.cohort';
COMMENT ON FUNCTION sipp.weighted_cohort_accum(sipp.cohort, float8, float8) IS 'Transition of sipp.weighted_cohort(weight, outcome)';
COMMENT ON FUNCTION sipp.weighted_cohort_accum(sipp.cohort, float8, boolean) IS 'Transition of sipp.weighted_cohort(weight, outcome)';
COMMENT ON FUNCTION sipp.weighted_cohort_accum(sipp.cohort, float8, float8, "any") IS 'Transition of sipp.weighted_cohort';
COMMENT ON FUNCTION sipp.weighted_cohort_accum(sipp.cohort, float8, boolean, "any") IS 'Transition of sipp.weighted_cohort';
COMMENT ON FUNCTION sipp.counted_cohort_accum(sipp.cohort, bigint, float8) IS 'Transition of sipp.counted_cohort(count, outcome)';
COMMENT ON FUNCTION sipp.counted_cohort_accum(sipp.cohort, bigint, boolean) IS 'Transition of sipp.counted_cohort(count, outcome)';
COMMENT ON FUNCTION sipp.counted_cohort_accum(sipp.cohort, bigint, float8, "any") IS 'Transition of sipp.counted_cohort';
COMMENT ON FUNCTION sipp.counted_cohort_accum(sipp.cohort, bigint, boolean, "any") IS 'Transition of sipp.counted_cohort';
COMMENT ON FUNCTION sipp.cohort_array_accum(sipp.cohort, float8, float8[], text[]) IS 'Transition of sipp.cohort_array';
COMMENT ON FUNCTION sipp.weighted_cohort_array_accum(sipp.cohort, float8, float8, float8[], text[]) IS 'Transition of sipp.weighted_cohort_array';
COMMENT ON FUNCTION sipp.counted_cohort_array_accum(sipp.cohort, bigint, float8, float8[], text[]) IS 'Transition of sipp.counted_cohort_array';
COMMENT ON FUNCTION sipp.cohort_combine(sipp.cohort, sipp.cohort) IS 'Combine two states; also the transition of sipp.merge';
COMMENT ON FUNCTION sipp.cohort_final(sipp.cohort) IS 'Final function of the aggregates that return a cohort: canonical bytes';

CREATE AGGREGATE sipp.cohort(outcome float8) (
	SFUNC = sipp.cohort_accum, STYPE = sipp.cohort, SSPACE = 200,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.cohort(outcome boolean) (
	SFUNC = sipp.cohort_accum, STYPE = sipp.cohort, SSPACE = 200,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.cohort(outcome float8, VARIADIC covariates "any") (
	SFUNC = sipp.cohort_accum, STYPE = sipp.cohort, SSPACE = 2000,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.cohort(outcome boolean, VARIADIC covariates "any") (
	SFUNC = sipp.cohort_accum, STYPE = sipp.cohort, SSPACE = 2000,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.weighted_cohort(weight float8, outcome float8) (
	SFUNC = sipp.weighted_cohort_accum, STYPE = sipp.cohort, SSPACE = 200,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.weighted_cohort(weight float8, outcome boolean) (
	SFUNC = sipp.weighted_cohort_accum, STYPE = sipp.cohort, SSPACE = 200,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.weighted_cohort(weight float8, outcome float8, VARIADIC covariates "any") (
	SFUNC = sipp.weighted_cohort_accum, STYPE = sipp.cohort, SSPACE = 2000,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.weighted_cohort(weight float8, outcome boolean, VARIADIC covariates "any") (
	SFUNC = sipp.weighted_cohort_accum, STYPE = sipp.cohort, SSPACE = 2000,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.counted_cohort(count bigint, outcome float8) (
	SFUNC = sipp.counted_cohort_accum, STYPE = sipp.cohort, SSPACE = 200,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.counted_cohort(count bigint, outcome boolean) (
	SFUNC = sipp.counted_cohort_accum, STYPE = sipp.cohort, SSPACE = 200,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.counted_cohort(count bigint, outcome float8, VARIADIC covariates "any") (
	SFUNC = sipp.counted_cohort_accum, STYPE = sipp.cohort, SSPACE = 2000,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.counted_cohort(count bigint, outcome boolean, VARIADIC covariates "any") (
	SFUNC = sipp.counted_cohort_accum, STYPE = sipp.cohort, SSPACE = 2000,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.cohort_array(outcome float8, numbers float8[], factors text[]) (
	SFUNC = sipp.cohort_array_accum, STYPE = sipp.cohort, SSPACE = 2000,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.weighted_cohort_array(weight float8, outcome float8, numbers float8[], factors text[]) (
	SFUNC = sipp.weighted_cohort_array_accum, STYPE = sipp.cohort, SSPACE = 2000,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.counted_cohort_array(count bigint, outcome float8, numbers float8[], factors text[]) (
	SFUNC = sipp.counted_cohort_array_accum, STYPE = sipp.cohort, SSPACE = 2000,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);
CREATE AGGREGATE sipp.merge(cohort sipp.cohort) (
	SFUNC = sipp.cohort_combine, STYPE = sipp.cohort, SSPACE = 2000,
	FINALFUNC = sipp.cohort_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.cohort_combine, PARALLEL = SAFE
);

COMMENT ON AGGREGATE sipp.cohort(float8) IS
'The evidence of a group of pupils about an outcome, without covariates. Rows with a NULL are counted (sipp.dropped) and left out';
COMMENT ON AGGREGATE sipp.cohort(boolean) IS
'The evidence of a group of pupils about a yes/no outcome (1/0), without covariates';
COMMENT ON AGGREGATE sipp.cohort(float8, "any") IS
'The evidence of a group of pupils about an outcome and its covariates: numbers enter as numbers, boolean as 0/1, text, varchar, char and enum as factors (use sipp.factor(x) for a numeric code). Rows with a NULL are left out and counted (sipp.dropped); NaN and Infinity are errors';
COMMENT ON AGGREGATE sipp.cohort(boolean, "any") IS
'The evidence of a group of pupils about a yes/no outcome (1/0) and its covariates; see sipp.cohort(float8, "any")';
COMMENT ON AGGREGATE sipp.weighted_cohort(float8, float8) IS
'sipp.cohort with precision weights (the outcome''s variance is inversely proportional to the weight), without covariates. Counts of pupils are no such weights: see sipp.counted_cohort';
COMMENT ON AGGREGATE sipp.weighted_cohort(float8, boolean) IS
'sipp.cohort with precision weights, a yes/no outcome and no covariates';
COMMENT ON AGGREGATE sipp.weighted_cohort(float8, float8, "any") IS
'sipp.cohort with precision weights: the outcome''s variance is inversely proportional to the weight, which must be positive. Counts of pupils are no such weights: see sipp.counted_cohort';
COMMENT ON AGGREGATE sipp.weighted_cohort(float8, boolean, "any") IS
'sipp.cohort with precision weights and a yes/no outcome';
COMMENT ON AGGREGATE sipp.counted_cohort(bigint, float8) IS
'sipp.cohort of rows that stand for as many pupils as count says, without covariates. The same as sipp.cohort of the expanded rows';
COMMENT ON AGGREGATE sipp.counted_cohort(bigint, boolean) IS
'sipp.cohort of rows that stand for as many pupils as count says, of a yes/no outcome and without covariates';
COMMENT ON AGGREGATE sipp.counted_cohort(bigint, float8, "any") IS
'sipp.cohort of rows that stand for as many pupils as count says, as in published tables: the same as sipp.cohort of the expanded rows. A row with a NULL drops all its pupils, a count of 0 adds nothing, and a NULL count is an error';
COMMENT ON AGGREGATE sipp.counted_cohort(bigint, boolean, "any") IS
'sipp.counted_cohort of a yes/no outcome (1/0)';
COMMENT ON AGGREGATE sipp.cohort_array(float8, float8[], text[]) IS
'sipp.cohort with covariates in arrays, for engines that distribute an aggregate and for programs: numbers become terms x1, x2, ..., factors f1, f2, ... (name them with sipp.rename). Arrays have the same lengths in all rows, ''{}'' where there are none; a NULL array or element drops the row';
COMMENT ON AGGREGATE sipp.weighted_cohort_array(float8, float8, float8[], text[]) IS
'sipp.cohort_array with precision weights';
COMMENT ON AGGREGATE sipp.counted_cohort_array(bigint, float8, float8[], text[]) IS
'sipp.cohort_array of rows that stand for as many pupils as count says';
COMMENT ON AGGREGATE sipp.merge(sipp.cohort) IS
'Roll cohorts of disjoint pupils up into one: classes into a school, years into a school, schools into an authority. Their terms must be the same, in the same order';

CREATE FUNCTION sipp.cohort_of(n bigint, mean float8, sd float8) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_of' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.cohort_of(bigint, float8, float8) IS
'A cohort without covariates from published figures: number of pupils, mean and standard deviation (divisor n - 1) of their outcome. Of one pupil the standard deviation is NULL or 0; otherwise NULL where a figure is NULL';

-- from cohorts to cohorts

CREATE FUNCTION sipp.add(a sipp.cohort, b sipp.cohort) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION sipp.subtract(a sipp.cohort, b sipp.cohort) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_subtract' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION sipp.subset(cohort sipp.cohort, VARIADIC terms text[] DEFAULT '{}') RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_subset' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION sipp.with_context(cohort sipp.cohort, VARIADIC terms text[]) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_with_context' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION sipp.rename(cohort sipp.cohort, VARIADIC names text[]) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_rename' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION sipp.relevel(cohort sipp.cohort, term text, level text) RETURNS sipp.cohort
	AS 'MODULE_PATHNAME', 'sipp_cohort_relevel' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;

COMMENT ON FUNCTION sipp.add(sipp.cohort, sipp.cohort) IS
'Two cohorts of disjoint pupils as one; their terms must be the same, in the same order';
COMMENT ON FUNCTION sipp.subtract(sipp.cohort, sipp.cohort) IS
'Take the second cohort out of the first, which it was part of: leave a school, a year or a pupil out without a rescan. What cancels to rounding is set to zero, so no variance is negative';
COMMENT ON FUNCTION sipp.subset(sipp.cohort, text[]) IS
'Keep some covariates, in the order given (none: the outcome alone): any smaller model from the same evidence, or all of them in another order. The rows stay those that were complete in all covariates of the original';
COMMENT ON FUNCTION sipp.with_context(sipp.cohort, text[]) IS
'Add the cohort''s own means of these terms as covariates named <term>_mean (of a factor: the share of each level), constant within it. Apply it to a school''s whole cohort: the model then separates a pupil''s own circumstances from the company the pupil keeps (Mundlak 1978)';
COMMENT ON FUNCTION sipp.rename(sipp.cohort, text[]) IS
'Name the covariates, all of them, in order';
COMMENT ON FUNCTION sipp.relevel(sipp.cohort, text, text) IS
'Choose a factor''s reference level. The cohort itself may lack it; where all cohorts of a model lack it, the next level stands in';

-- what is inside

CREATE FUNCTION sipp.size(cohort sipp.cohort) RETURNS bigint
	AS 'MODULE_PATHNAME', 'sipp_cohort_size' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.dropped(cohort sipp.cohort) RETURNS bigint
	AS 'MODULE_PATHNAME', 'sipp_cohort_dropped' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.mean(cohort sipp.cohort) RETURNS float8
	AS 'MODULE_PATHNAME', 'sipp_cohort_mean' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.mean(cohort sipp.cohort, term text) RETURNS float8
	AS 'MODULE_PATHNAME', 'sipp_cohort_mean' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.mean(cohort sipp.cohort, term text, level text, absent float8 DEFAULT NULL) RETURNS float8
	AS 'MODULE_PATHNAME', 'sipp_cohort_mean' LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION sipp.size(sipp.cohort) IS 'Number of pupils with an outcome and all covariates';
COMMENT ON FUNCTION sipp.dropped(sipp.cohort) IS 'Number of rows left out because the outcome, the weight or a covariate was NULL';
COMMENT ON FUNCTION sipp.mean(sipp.cohort) IS
'Mean of the outcome; NULL of an empty cohort';
COMMENT ON FUNCTION sipp.mean(sipp.cohort, text) IS
'Mean of a term that is a number; NULL of an empty cohort';
COMMENT ON FUNCTION sipp.mean(sipp.cohort, text, text, float8) IS
'Share of a factor''s level, 0 to 1; of a number, whose level is NULL as in sipp.describe, its mean; NULL of an empty cohort. A level that no pupil of the cohort has is an error, or counts absent where that is given';

CREATE TYPE sipp.cohort_term AS (
	term text,
	level text,
	kind text,
	levels integer,
	mean float8,
	sd float8
);
COMMENT ON TYPE sipp.cohort_term IS 'One row of sipp.describe. Store its columns, not the composite';
COMMENT ON COLUMN sipp.cohort_term.term IS 'name of the covariate; (outcome) first';
COMMENT ON COLUMN sipp.cohort_term.level IS 'level of a factor, one row each; NULL for a number';
COMMENT ON COLUMN sipp.cohort_term.kind IS 'outcome, number, text or enum (factors), or context (made by sipp.with_context)';
COMMENT ON COLUMN sipp.cohort_term.levels IS 'number of levels of the factor in this cohort; NULL for a number';
COMMENT ON COLUMN sipp.cohort_term.mean IS 'mean, in the term''s units; of a level, its share of pupils (0 to 1)';
COMMENT ON COLUMN sipp.cohort_term.sd IS 'standard deviation over pupils (divisor n - 1; with weights, of the weighted distribution, whatever their scale), in the term''s units; NULL below two pupils';

CREATE FUNCTION sipp.describe(cohort sipp.cohort) RETURNS SETOF sipp.cohort_term
	AS 'MODULE_PATHNAME', 'sipp_cohort_describe' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10 ROWS 20;
COMMENT ON FUNCTION sipp.describe(sipp.cohort) IS
'What is inside a cohort: one row for the outcome and each number, one for each level of each factor';
