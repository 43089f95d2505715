
-- Room virtual: how similar pupils elsewhere did.

CREATE TYPE sipp.peers;

CREATE FUNCTION sipp.peers_in(cstring) RETURNS sipp.peers
	AS 'MODULE_PATHNAME', 'sipp_peers_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_out(sipp.peers) RETURNS cstring
	AS 'MODULE_PATHNAME', 'sipp_peers_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_recv(internal) RETURNS sipp.peers
	AS 'MODULE_PATHNAME', 'sipp_peers_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_send(sipp.peers) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_peers_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE sipp.peers (
	INPUT = sipp.peers_in,
	OUTPUT = sipp.peers_out,
	RECEIVE = sipp.peers_recv,
	SEND = sipp.peers_send,
	INTERNALLENGTH = 64,
	ALIGNMENT = double,
	STORAGE = plain
);

COMMENT ON TYPE sipp.peers IS
'A pupil''s pool, the similar pupils elsewhere, in numbers: how many they are, the mean and variance of their outcome, how many similar pupils the unit itself has. Made by sipp.comparator, sipp.nearest_comparator and sipp.peers; a pool of one pupil is that pupil''s record';
COMMENT ON FUNCTION sipp.peers_in(cstring) IS 'Input of sipp.peers: JSON as written by its output';
COMMENT ON FUNCTION sipp.peers_out(sipp.peers) IS 'Output of sipp.peers: JSON with shortest-exact numbers';
COMMENT ON FUNCTION sipp.peers_recv(internal) IS 'Binary input of sipp.peers';
COMMENT ON FUNCTION sipp.peers_send(sipp.peers) IS 'Binary output of sipp.peers, in network byte order';

-- comparison on canonical bytes

CREATE FUNCTION sipp.peers_eq(sipp.peers, sipp.peers) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_peers_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_ne(sipp.peers, sipp.peers) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_peers_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_lt(sipp.peers, sipp.peers) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_peers_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_le(sipp.peers, sipp.peers) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_peers_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_gt(sipp.peers, sipp.peers) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_peers_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_ge(sipp.peers, sipp.peers) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_peers_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_cmp(sipp.peers, sipp.peers) RETURNS integer
	AS 'MODULE_PATHNAME', 'sipp_peers_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_hash(sipp.peers) RETURNS integer
	AS 'MODULE_PATHNAME', 'sipp_peers_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.peers_hash_extended(sipp.peers, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'sipp_peers_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION sipp.peers_eq(sipp.peers, sipp.peers) IS 'The same canonical bytes: the same pool to the last bit';
COMMENT ON FUNCTION sipp.peers_ne(sipp.peers, sipp.peers) IS 'Different canonical bytes';
COMMENT ON FUNCTION sipp.peers_lt(sipp.peers, sipp.peers) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.peers_le(sipp.peers, sipp.peers) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.peers_gt(sipp.peers, sipp.peers) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.peers_ge(sipp.peers, sipp.peers) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.peers_cmp(sipp.peers, sipp.peers) IS 'Btree support: order of canonical bytes';
COMMENT ON FUNCTION sipp.peers_hash(sipp.peers) IS 'Hash support';
COMMENT ON FUNCTION sipp.peers_hash_extended(sipp.peers, bigint) IS 'Hash support, seeded';

CREATE OPERATOR sipp.= (
	LEFTARG = sipp.peers, RIGHTARG = sipp.peers, FUNCTION = sipp.peers_eq,
	COMMUTATOR = OPERATOR(sipp.=), NEGATOR = OPERATOR(sipp.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR sipp.<> (
	LEFTARG = sipp.peers, RIGHTARG = sipp.peers, FUNCTION = sipp.peers_ne,
	COMMUTATOR = OPERATOR(sipp.<>), NEGATOR = OPERATOR(sipp.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR sipp.< (
	LEFTARG = sipp.peers, RIGHTARG = sipp.peers, FUNCTION = sipp.peers_lt,
	COMMUTATOR = OPERATOR(sipp.>), NEGATOR = OPERATOR(sipp.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR sipp.<= (
	LEFTARG = sipp.peers, RIGHTARG = sipp.peers, FUNCTION = sipp.peers_le,
	COMMUTATOR = OPERATOR(sipp.>=), NEGATOR = OPERATOR(sipp.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR sipp.> (
	LEFTARG = sipp.peers, RIGHTARG = sipp.peers, FUNCTION = sipp.peers_gt,
	COMMUTATOR = OPERATOR(sipp.<), NEGATOR = OPERATOR(sipp.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR sipp.>= (
	LEFTARG = sipp.peers, RIGHTARG = sipp.peers, FUNCTION = sipp.peers_ge,
	COMMUTATOR = OPERATOR(sipp.<=), NEGATOR = OPERATOR(sipp.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR sipp.= (sipp.peers, sipp.peers) IS 'the same canonical bytes';
COMMENT ON OPERATOR sipp.<> (sipp.peers, sipp.peers) IS 'different canonical bytes';
COMMENT ON OPERATOR sipp.< (sipp.peers, sipp.peers) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.<= (sipp.peers, sipp.peers) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.> (sipp.peers, sipp.peers) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.>= (sipp.peers, sipp.peers) IS 'order of canonical bytes';

CREATE OPERATOR CLASS sipp.peers_ops DEFAULT FOR TYPE sipp.peers USING btree AS
	OPERATOR 1 sipp.<, OPERATOR 2 sipp.<=, OPERATOR 3 sipp.=, OPERATOR 4 sipp.>=, OPERATOR 5 sipp.>,
	FUNCTION 1 sipp.peers_cmp(sipp.peers, sipp.peers);
CREATE OPERATOR CLASS sipp.peers_ops DEFAULT FOR TYPE sipp.peers USING hash AS
	OPERATOR 1 sipp.=,
	FUNCTION 1 sipp.peers_hash(sipp.peers),
	FUNCTION 2 sipp.peers_hash_extended(sipp.peers, bigint);
COMMENT ON OPERATOR CLASS sipp.peers_ops USING btree IS 'canonical bytes: DISTINCT, GROUP BY, ORDER BY';
COMMENT ON OPERATOR CLASS sipp.peers_ops USING hash IS 'canonical bytes: hashing';
COMMENT ON OPERATOR FAMILY sipp.peers_ops USING btree IS 'canonical bytes of sipp.peers';
COMMENT ON OPERATOR FAMILY sipp.peers_ops USING hash IS 'canonical bytes of sipp.peers';

CREATE CAST (sipp.peers AS jsonb) WITH INOUT;
COMMENT ON CAST (sipp.peers AS jsonb) IS 'the text form of the peers as a document';

CREATE FUNCTION sipp.pool(peers sipp.peers) RETURNS bigint
	AS 'MODULE_PATHNAME', 'sipp_peers_pool' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.own(peers sipp.peers) RETURNS bigint
	AS 'MODULE_PATHNAME', 'sipp_peers_own' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.total(peers sipp.peers) RETURNS bigint
	AS 'MODULE_PATHNAME', 'sipp_peers_total' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.mean(peers sipp.peers) RETURNS float8
	AS 'MODULE_PATHNAME', 'sipp_peers_mean' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.variance(peers sipp.peers) RETURNS float8
	AS 'MODULE_PATHNAME', 'sipp_peers_variance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sipp.pool(sipp.peers) IS 'Number of pupils in the pool; 0 where there is nobody to compare with';
COMMENT ON FUNCTION sipp.own(sipp.peers) IS 'Number of the unit''s own pupils in the cell that have an outcome';
COMMENT ON FUNCTION sipp.total(sipp.peers) IS 'Number of all pupils in the cell that have an outcome; NULL where it is not known';
COMMENT ON FUNCTION sipp.mean(sipp.peers) IS 'Mean outcome of the pool, in the outcome''s units; NULL where the pool is empty';
COMMENT ON FUNCTION sipp.variance(sipp.peers) IS 'Variance of the outcome in the pool, divisor pool - 1; NULL where the pool has fewer than two pupils';

CREATE FUNCTION sipp.peers(cohort sipp.cohort, own bigint) RETURNS sipp.peers
	AS 'MODULE_PATHNAME', 'sipp_peers_from_cohort' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sipp.peers(sipp.cohort, bigint) IS
'Peers out of a stored cell: the cohort is the pool (the cell''s pupils elsewhere, as in sipp.subtract(nation.cohort, authority.cohort)), own the number of the unit''s own pupils in the cell that have an outcome. For those who may see only their own pupils, and for federated warehouses';

CREATE FUNCTION sipp.peers(cohort sipp.cohort, own bigint, successes bigint) RETURNS sipp.peers
	AS 'MODULE_PATHNAME', 'sipp_peers_from_cohort' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sipp.peers(sipp.cohort, bigint, bigint) IS
'Peers out of a stored cell of a 0/1 outcome, for sipp.virtual_school_share: own is the number of the unit''s own pupils in the cell, successes of those whose outcome is 1. The latter tells cells apart whose pools have the same figures';

-- windows: every pupil beside similar pupils elsewhere

CREATE FUNCTION sipp.comparator(outcome "any", unit "any") RETURNS sipp.peers
	AS 'MODULE_PATHNAME', 'sipp_comparator' LANGUAGE C WINDOW STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.comparator(outcome "any", unit "any", VARIADIC leave_out "any") RETURNS sipp.peers
	AS 'MODULE_PATHNAME', 'sipp_comparator' LANGUAGE C WINDOW STABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.comparator("any", "any") IS
'A pupil''s exact comparator, as a window function: PARTITION BY what makes pupils similar; the pool is every pupil of the partition with an outcome (a number, or boolean as 1 and 0) who shares none of the keys with this one. Key: the unit that is judged (school)';
COMMENT ON FUNCTION sipp.comparator("any", "any", "any") IS
'A pupil''s exact comparator, as a window function: PARTITION BY what makes pupils similar; the pool is every pupil of the partition with an outcome (a number, or boolean as 1 and 0) who shares none of the keys with this one. Keys: the unit that is judged (school), then up to three more to leave out (authority, trust); NULL keys are one group';

CREATE FUNCTION sipp.nearest_comparator(outcome "any", unit "any", leave_out "any", score float8, k bigint DEFAULT 10, caliper float8 DEFAULT NULL) RETURNS sipp.peers
	AS 'MODULE_PATHNAME', 'sipp_nearest_comparator' LANGUAGE C WINDOW STABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.nearest_comparator("any", "any", "any", float8, bigint, float8) IS
'The k pupils nearest on a score (prior attainment, a propensity) among those whom sipp.comparator would take, all who are tied at the k-th distance included and none further than the caliper (in the score''s units, NULL: no limit); distances that decimals make equal are equal, as from 4.1 to 4.2 and from 4.2 to 4.3. A pupil without a score is in no pool and has none; leave_out may be NULL';

CREATE FUNCTION sipp.comparator_draw(pupil_id anyelement, unit "any", leave_out "any" DEFAULT NULL, k bigint DEFAULT 10, seed bigint DEFAULT 0) RETURNS anyarray
	AS 'MODULE_PATHNAME', 'sipp_comparator_draw' LANGUAGE C WINDOW STABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.comparator_draw(anyelement, "any", "any", bigint, bigint) IS
'The ids of k pupils drawn at random, without replacement, from those of the partition who share neither key with this one: a virtual school by lot. The same seed and the same pupils in the partition give the same picks, whatever the order of rows';

-- from pupils to the school: the benchmark

CREATE TYPE sipp.benchmark AS (
	pupils bigint,
	matched bigint,
	unmatched bigint,
	actual float8,
	virtual float8,
	difference float8,
	std_error float8,
	fixed_pool_se float8,
	z float8,
	p_value float8,
	effect_size float8,
	ess float8,
	single_pool bigint,
	max_left_out_share float8,
	draw_se float8,
	flip_risk float8,
	dropped bigint,
	reason text
);
COMMENT ON TYPE sipp.benchmark IS 'A school beside its virtual school, the result of sipp.virtual_school. Store its columns, not the composite';
COMMENT ON COLUMN sipp.benchmark.pupils IS 'pupils with an outcome: matched and unmatched';
COMMENT ON COLUMN sipp.benchmark.matched IS 'of these, pupils with somebody in their pool; all figures below are theirs';
COMMENT ON COLUMN sipp.benchmark.unmatched IS 'of these, pupils with an empty pool';
COMMENT ON COLUMN sipp.benchmark.actual IS 'mean outcome of the matched pupils, in the outcome''s units';
COMMENT ON COLUMN sipp.benchmark.virtual IS 'mean of their pools'' means: what a draw of comparators estimates';
COMMENT ON COLUMN sipp.benchmark.difference IS 'actual - virtual';
COMMENT ON COLUMN sipp.benchmark.std_error IS 'standard error of the difference: pupils vary, and so do the pools. NULL for rows of more than one unit';
COMMENT ON COLUMN sipp.benchmark.fixed_pool_se IS 'standard error with the pools taken as all there could be; too small where pools are small';
COMMENT ON COLUMN sipp.benchmark.z IS 'difference / std_error: about these pupils, not about the school; see sipp.verdict';
COMMENT ON COLUMN sipp.benchmark.p_value IS 'two-sided p-value of z: that the pupils are a random sample of their likes';
COMMENT ON COLUMN sipp.benchmark.effect_size IS 'difference in standard deviations within pools';
COMMENT ON COLUMN sipp.benchmark.ess IS 'effective number of comparators: that many independent ones would be as precise';
COMMENT ON COLUMN sipp.benchmark.single_pool IS 'pupils whose pool is one; its variance is borrowed from the other cells';
COMMENT ON COLUMN sipp.benchmark.max_left_out_share IS 'largest share (0 to 1) of a cell that is left out, the unit''s own pupils among it; a difference to the mean of the whole cell is inflated by 1/(1 - share), if all that is left out differs alike';
COMMENT ON COLUMN sipp.benchmark.draw_se IS 'standard deviation that drawing k comparators a pupil would add to the difference';
COMMENT ON COLUMN sipp.benchmark.flip_risk IS 'probability that one such draw puts z on the other side of 1.96';
COMMENT ON COLUMN sipp.benchmark.dropped IS 'rows left out because the outcome was NULL';
COMMENT ON COLUMN sipp.benchmark.reason IS 'why figures are missing, or NULL';

CREATE FUNCTION sipp.virtual_school_accum(state internal, outcome "any", peers sipp.peers) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_virtual_school_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.virtual_school_accum(state internal, outcome "any", peers sipp.peers, k bigint) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_virtual_school_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.virtual_school_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_virtual_school_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.virtual_school_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_virtual_school_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.virtual_school_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_virtual_school_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.virtual_school_final(internal) RETURNS sipp.benchmark
	AS 'MODULE_PATHNAME', 'sipp_virtual_school_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.virtual_school_accum(internal, "any", sipp.peers) IS 'Transition of sipp.virtual_school';
COMMENT ON FUNCTION sipp.virtual_school_accum(internal, "any", sipp.peers, bigint) IS 'Transition of sipp.virtual_school';
COMMENT ON FUNCTION sipp.virtual_school_combine(internal, internal) IS 'Combine two states of sipp.virtual_school';
COMMENT ON FUNCTION sipp.virtual_school_serialize(internal) IS 'State of sipp.virtual_school as bytes, from a parallel worker to its leader';
COMMENT ON FUNCTION sipp.virtual_school_deserialize(bytea, internal) IS 'State of sipp.virtual_school from bytes';
COMMENT ON FUNCTION sipp.virtual_school_final(internal) IS 'Final function of sipp.virtual_school';

CREATE AGGREGATE sipp.virtual_school(outcome "any", peers sipp.peers) (
	SFUNC = sipp.virtual_school_accum, STYPE = internal, SSPACE = 256,
	FINALFUNC = sipp.virtual_school_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.virtual_school_combine,
	SERIALFUNC = sipp.virtual_school_serialize, DESERIALFUNC = sipp.virtual_school_deserialize,
	PARALLEL = SAFE
);
CREATE AGGREGATE sipp.virtual_school(outcome "any", peers sipp.peers, k bigint) (
	SFUNC = sipp.virtual_school_accum, STYPE = internal, SSPACE = 256,
	FINALFUNC = sipp.virtual_school_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.virtual_school_combine,
	SERIALFUNC = sipp.virtual_school_serialize, DESERIALFUNC = sipp.virtual_school_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sipp.virtual_school("any", sipp.peers) IS
'The school''s pupils beside their pools: mean outcome (a number, or boolean as 1 and 0), what similar pupils elsewhere reached, the difference with its standard error, what drawing ten comparators a pupil would have added in noise. Rows of the group are the unit''s pupils with their sipp.comparator of the same outcome; two units in one group (a nation''s row) have no standard error';
COMMENT ON AGGREGATE sipp.virtual_school("any", sipp.peers, bigint) IS
'The school''s pupils beside their pools: mean outcome (a number, or boolean as 1 and 0), what similar pupils elsewhere reached, the difference with its standard error, what drawing k comparators a pupil would have added in noise. Rows of the group are the unit''s pupils with their sipp.comparator of the same outcome; two units in one group (a nation''s row) have no standard error';

CREATE TYPE sipp.share_benchmark AS (
	pupils bigint,
	matched bigint,
	unmatched bigint,
	actual float8,
	virtual float8,
	difference float8,
	successes bigint,
	expected float8,
	p_value float8,
	dropped bigint,
	reason text
);
COMMENT ON TYPE sipp.share_benchmark IS 'A school''s share beside its virtual school''s, the result of sipp.virtual_school_share. Store its columns, not the composite';
COMMENT ON COLUMN sipp.share_benchmark.pupils IS 'pupils with an outcome: matched and unmatched';
COMMENT ON COLUMN sipp.share_benchmark.matched IS 'of these, pupils with somebody in their pool; all figures below are theirs';
COMMENT ON COLUMN sipp.share_benchmark.unmatched IS 'of these, pupils with an empty pool';
COMMENT ON COLUMN sipp.share_benchmark.actual IS 'share of the matched pupils, 0 to 1';
COMMENT ON COLUMN sipp.share_benchmark.virtual IS 'mean share of their pools, 0 to 1';
COMMENT ON COLUMN sipp.share_benchmark.difference IS 'actual - virtual';
COMMENT ON COLUMN sipp.share_benchmark.successes IS 'matched pupils whose outcome is 1';
COMMENT ON COLUMN sipp.share_benchmark.expected IS 'how many there would be at the pools'' shares: matched x virtual';
COMMENT ON COLUMN sipp.share_benchmark.p_value IS 'exact two-sided p-value, given how many of each cell''s pupils succeed: that the unit''s are a random sample of their likes. The probability of all numbers of successes that are no more probable than this one, as R''s fisher.test and mantelhaen.test(exact = TRUE) have it; about these pupils, not about the school';
COMMENT ON COLUMN sipp.share_benchmark.dropped IS 'rows left out because the outcome was NULL';
COMMENT ON COLUMN sipp.share_benchmark.reason IS 'why figures are missing, or NULL';

CREATE FUNCTION sipp.virtual_school_share_accum(state internal, outcome "any", peers sipp.peers) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_virtual_share_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.virtual_school_share_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_virtual_share_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.virtual_school_share_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_virtual_share_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.virtual_school_share_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_virtual_share_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.virtual_school_share_final(internal) RETURNS sipp.share_benchmark
	AS 'MODULE_PATHNAME', 'sipp_virtual_share_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION sipp.virtual_school_share_accum(internal, "any", sipp.peers) IS 'Transition of sipp.virtual_school_share';
COMMENT ON FUNCTION sipp.virtual_school_share_combine(internal, internal) IS 'Combine two states of sipp.virtual_school_share';
COMMENT ON FUNCTION sipp.virtual_school_share_serialize(internal) IS 'State of sipp.virtual_school_share as bytes, from a parallel worker to its leader';
COMMENT ON FUNCTION sipp.virtual_school_share_deserialize(bytea, internal) IS 'State of sipp.virtual_school_share from bytes';
COMMENT ON FUNCTION sipp.virtual_school_share_final(internal) IS 'Final function of sipp.virtual_school_share';

CREATE AGGREGATE sipp.virtual_school_share(outcome "any", peers sipp.peers) (
	SFUNC = sipp.virtual_school_share_accum, STYPE = internal, SSPACE = 2048,
	FINALFUNC = sipp.virtual_school_share_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.virtual_school_share_combine,
	SERIALFUNC = sipp.virtual_school_share_serialize, DESERIALFUNC = sipp.virtual_school_share_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sipp.virtual_school_share("any", sipp.peers) IS
'A yes/no outcome (boolean, or 0 and 1) of the school''s pupils beside their pools, with Fisher''s exact test over cells: given how many of a cell''s pupils succeed, those of the unit are a random draw (hypergeometric); two-sided is all that is no more probable than what was observed. Where the unit''s pupils of a cell have pools that overlap in part, as nearest pupils have and keys that divide the unit make, there is no p-value';

CREATE TYPE sipp.covariate_balance AS (
	pupils bigint,
	matched bigint,
	unmatched bigint,
	actual float8,
	virtual float8,
	difference float8,
	sd float8,
	smd float8,
	variance_ratio float8,
	verdict text,
	dropped bigint,
	reason text
);
COMMENT ON TYPE sipp.covariate_balance IS 'How alike a school''s pupils and their pools are on a covariate, the result of sipp.balance. Store its columns, not the composite';
COMMENT ON COLUMN sipp.covariate_balance.pupils IS 'pupils with the covariate: matched and unmatched';
COMMENT ON COLUMN sipp.covariate_balance.matched IS 'of these, pupils with somebody in their pool';
COMMENT ON COLUMN sipp.covariate_balance.unmatched IS 'of these, pupils with an empty pool';
COMMENT ON COLUMN sipp.covariate_balance.actual IS 'mean of the matched pupils, in the covariate''s units';
COMMENT ON COLUMN sipp.covariate_balance.virtual IS 'mean of their pools'' means';
COMMENT ON COLUMN sipp.covariate_balance.difference IS 'actual - virtual';
COMMENT ON COLUMN sipp.covariate_balance.sd IS 'standard deviation of all the school''s pupils, matched or not';
COMMENT ON COLUMN sipp.covariate_balance.smd IS 'standardised mean difference: difference / sd';
COMMENT ON COLUMN sipp.covariate_balance.variance_ratio IS 'variance of the matched pupils / variance of the weighted pool';
COMMENT ON COLUMN sipp.covariate_balance.verdict IS 'balanced where |smd| is below the threshold (equal to it, to rounding, is not below), otherwise imbalanced';
COMMENT ON COLUMN sipp.covariate_balance.dropped IS 'rows left out because the covariate was NULL';
COMMENT ON COLUMN sipp.covariate_balance.reason IS 'why figures are missing, or NULL';

CREATE FUNCTION sipp.balance_accum(state internal, covariate "any", covariate_peers sipp.peers) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_balance_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.balance_accum(state internal, covariate "any", covariate_peers sipp.peers, threshold float8) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_balance_accum' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION sipp.balance_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_balance_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.balance_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_balance_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.balance_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_balance_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.balance_final(internal) RETURNS sipp.covariate_balance
	AS 'MODULE_PATHNAME', 'sipp_balance_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.balance_accum(internal, "any", sipp.peers) IS 'Transition of sipp.balance';
COMMENT ON FUNCTION sipp.balance_accum(internal, "any", sipp.peers, float8) IS 'Transition of sipp.balance';
COMMENT ON FUNCTION sipp.balance_combine(internal, internal) IS 'Combine two states of sipp.balance';
COMMENT ON FUNCTION sipp.balance_serialize(internal) IS 'State of sipp.balance as bytes, from a parallel worker to its leader';
COMMENT ON FUNCTION sipp.balance_deserialize(bytea, internal) IS 'State of sipp.balance from bytes';
COMMENT ON FUNCTION sipp.balance_final(internal) IS 'Final function of sipp.balance';

CREATE AGGREGATE sipp.balance(covariate "any", covariate_peers sipp.peers) (
	SFUNC = sipp.balance_accum, STYPE = internal, SSPACE = 256,
	FINALFUNC = sipp.balance_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.balance_combine,
	SERIALFUNC = sipp.balance_serialize, DESERIALFUNC = sipp.balance_deserialize,
	PARALLEL = SAFE
);
CREATE AGGREGATE sipp.balance(covariate "any", covariate_peers sipp.peers, threshold float8) (
	SFUNC = sipp.balance_accum, STYPE = internal, SSPACE = 256,
	FINALFUNC = sipp.balance_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.balance_combine,
	SERIALFUNC = sipp.balance_serialize, DESERIALFUNC = sipp.balance_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sipp.balance("any", sipp.peers) IS
'Are the school''s pupils and their pools alike on a covariate (a number, or boolean as 1 and 0) that was not matched on, or only in bands? The peers must be the covariate''s own: sipp.comparator(covariate, ...) over the same windows. Balanced: |standardised mean difference| below 0.1';
COMMENT ON AGGREGATE sipp.balance("any", sipp.peers, float8) IS
'sipp.balance with another threshold, such as 0.05 for a covariate that predicts the outcome well';

CREATE TYPE sipp.bands AS (
	pupils bigint,
	weight float8,
	mean float8,
	lowest_20 float8,
	middle_60 float8,
	highest_20 float8,
	dropped bigint
);
COMMENT ON TYPE sipp.bands IS 'Attainment for all: the result of sipp.attainment_bands. Store its columns, not the composite';
COMMENT ON COLUMN sipp.bands.pupils IS 'rows with points';
COMMENT ON COLUMN sipp.bands.weight IS 'sum of their weights; without weights the number of pupils';
COMMENT ON COLUMN sipp.bands.mean IS 'mean points of all';
COMMENT ON COLUMN sipp.bands.lowest_20 IS 'mean points of the lowest-attaining 20%';
COMMENT ON COLUMN sipp.bands.middle_60 IS 'mean points of the middle 60%';
COMMENT ON COLUMN sipp.bands.highest_20 IS 'mean points of the highest-attaining 20%';
COMMENT ON COLUMN sipp.bands.dropped IS 'rows left out because points or weight were NULL';

CREATE FUNCTION sipp.attainment_bands_accum(state internal, points float8) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_attainment_bands_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.attainment_bands_accum(state internal, points float8, weight float8) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_attainment_bands_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.attainment_bands_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_attainment_bands_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.attainment_bands_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_attainment_bands_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.attainment_bands_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_attainment_bands_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.attainment_bands_final(internal) RETURNS sipp.bands
	AS 'MODULE_PATHNAME', 'sipp_attainment_bands_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.attainment_bands_accum(internal, float8) IS 'Transition of sipp.attainment_bands';
COMMENT ON FUNCTION sipp.attainment_bands_accum(internal, float8, float8) IS 'Transition of sipp.attainment_bands';
COMMENT ON FUNCTION sipp.attainment_bands_combine(internal, internal) IS 'Combine two states of sipp.attainment_bands';
COMMENT ON FUNCTION sipp.attainment_bands_serialize(internal) IS 'State of sipp.attainment_bands as bytes, from a parallel worker to its leader';
COMMENT ON FUNCTION sipp.attainment_bands_deserialize(bytea, internal) IS 'State of sipp.attainment_bands from bytes';
COMMENT ON FUNCTION sipp.attainment_bands_final(internal) IS 'Final function of sipp.attainment_bands';

CREATE AGGREGATE sipp.attainment_bands(points float8) (
	SFUNC = sipp.attainment_bands_accum, STYPE = internal, SSPACE = 8192,
	FINALFUNC = sipp.attainment_bands_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.attainment_bands_combine,
	SERIALFUNC = sipp.attainment_bands_serialize, DESERIALFUNC = sipp.attainment_bands_deserialize,
	PARALLEL = SAFE
);
CREATE AGGREGATE sipp.attainment_bands(points float8, weight float8) (
	SFUNC = sipp.attainment_bands_accum, STYPE = internal, SSPACE = 8192,
	FINALFUNC = sipp.attainment_bands_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.attainment_bands_combine,
	SERIALFUNC = sipp.attainment_bands_serialize, DESERIALFUNC = sipp.attainment_bands_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sipp.attainment_bands(float8) IS
'Mean points of the lowest 20%, middle 60% and highest 20% of pupils; a pupil on a boundary is split in proportion. Holds 8 bytes a pupil, 16 with weights';
COMMENT ON AGGREGATE sipp.attainment_bands(float8, float8) IS
'sipp.attainment_bands with weights: the bands of a virtual school, when every pupil of a pool weighs the school''s pupils in the cell / the pool';

-- about schools, not about pupils

CREATE FUNCTION sipp.school_variance_accum(state internal, difference float8, std_error float8) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_school_variance_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.school_variance_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_school_variance_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.school_variance_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_school_variance_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_variance_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_school_variance_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.school_variance_final(internal) RETURNS float8
	AS 'MODULE_PATHNAME', 'sipp_school_variance_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.school_variance_accum(internal, float8, float8) IS 'Transition of sipp.school_variance';
COMMENT ON FUNCTION sipp.school_variance_combine(internal, internal) IS 'Combine two states of sipp.school_variance';
COMMENT ON FUNCTION sipp.school_variance_serialize(internal) IS 'State of sipp.school_variance as bytes, from a parallel worker to its leader';
COMMENT ON FUNCTION sipp.school_variance_deserialize(bytea, internal) IS 'State of sipp.school_variance from bytes';
COMMENT ON FUNCTION sipp.school_variance_final(internal) IS 'Final function of sipp.school_variance';

CREATE AGGREGATE sipp.school_variance(difference float8, std_error float8) (
	SFUNC = sipp.school_variance_accum, STYPE = internal, SSPACE = 128,
	FINALFUNC = sipp.school_variance_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.school_variance_combine,
	SERIALFUNC = sipp.school_variance_serialize, DESERIALFUNC = sipp.school_variance_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sipp.school_variance(float8, float8) IS
'How much schools differ after matching, as a variance in squared units of the outcome: the differences'' spread beyond their standard errors (DerSimonian and Laird''s method of moments). Rows where either is NULL or the standard error is 0 are left out; NULL below two schools';

CREATE TYPE sipp.school_verdict AS (
	z_schools float8,
	p_value float8,
	verdict text,
	flip_risk float8
);
COMMENT ON TYPE sipp.school_verdict IS 'Is the school unusual as schools go? The result of sipp.verdict. Store its columns, not the composite';
COMMENT ON COLUMN sipp.school_verdict.z_schools IS 'difference / sqrt(std_error^2 + school_variance)';
COMMENT ON COLUMN sipp.school_verdict.p_value IS 'two-sided p-value: that an ordinary school differs as much';
COMMENT ON COLUMN sipp.school_verdict.verdict IS 'higher or lower than expected of a school (|z_schools| above 1.96 by more than rounding), otherwise as expected';
COMMENT ON COLUMN sipp.school_verdict.flip_risk IS 'probability that one draw of comparators gives another verdict; NULL without draw_se';

CREATE FUNCTION sipp.verdict(difference float8, std_error float8, school_variance float8, draw_se float8 DEFAULT NULL) RETURNS sipp.school_verdict
	AS 'MODULE_PATHNAME', 'sipp_verdict' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.verdict(float8, float8, float8, float8) IS
'The verdict about a school: is the difference to its virtual school larger than schools ordinarily differ? difference, std_error and draw_se are of sipp.virtual_school, school_variance of the aggregate of that name over all schools';

CREATE FUNCTION sipp.fdr(p_value float8) RETURNS float8
	AS 'MODULE_PATHNAME', 'sipp_fdr' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.fdr(float8) IS
'Window function: p-values adjusted for the false discovery rate over the partition (Benjamini and Hochberg). Flagging schools with a value below 0.1 keeps the expected share of false flags below a tenth; NULLs stay NULL and do not count';
