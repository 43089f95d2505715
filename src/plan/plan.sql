
-- Room plan: who should partner whom, and the proof.

CREATE TYPE sipp.plan;

CREATE FUNCTION sipp.plan_in(cstring) RETURNS sipp.plan
	AS 'MODULE_PATHNAME', 'sipp_plan_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_out(sipp.plan) RETURNS cstring
	AS 'MODULE_PATHNAME', 'sipp_plan_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_recv(internal) RETURNS sipp.plan
	AS 'MODULE_PATHNAME', 'sipp_plan_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_send(sipp.plan) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_plan_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE sipp.plan (
	INPUT = sipp.plan_in,
	OUTPUT = sipp.plan_out,
	RECEIVE = sipp.plan_recv,
	SEND = sipp.plan_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);

COMMENT ON TYPE sipp.plan IS
'A solved pairing: the pairs, the reasons of those left alone, the dual prices that prove it the cheapest. Read with sipp.pairs, sipp.plan_summary and sipp.certificate; a JSON document inside';
COMMENT ON FUNCTION sipp.plan_in(cstring) IS 'Input of sipp.plan: JSON as written by its output';
COMMENT ON FUNCTION sipp.plan_out(sipp.plan) IS 'Output of sipp.plan: JSON';
COMMENT ON FUNCTION sipp.plan_recv(internal) IS 'Binary input of sipp.plan';
COMMENT ON FUNCTION sipp.plan_send(sipp.plan) IS 'Binary output of sipp.plan';

-- comparison on canonical bytes

CREATE FUNCTION sipp.plan_eq(sipp.plan, sipp.plan) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_ne(sipp.plan, sipp.plan) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_lt(sipp.plan, sipp.plan) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_le(sipp.plan, sipp.plan) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_gt(sipp.plan, sipp.plan) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_ge(sipp.plan, sipp.plan) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_cmp(sipp.plan, sipp.plan) RETURNS integer
	AS 'MODULE_PATHNAME', 'sipp_bytes_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_hash(sipp.plan) RETURNS integer
	AS 'MODULE_PATHNAME', 'sipp_bytes_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.plan_hash_extended(sipp.plan, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'sipp_bytes_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION sipp.plan_eq(sipp.plan, sipp.plan) IS 'The same canonical bytes: the same document, numbers to the last digit';
COMMENT ON FUNCTION sipp.plan_ne(sipp.plan, sipp.plan) IS 'Different canonical bytes';
COMMENT ON FUNCTION sipp.plan_lt(sipp.plan, sipp.plan) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.plan_le(sipp.plan, sipp.plan) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.plan_gt(sipp.plan, sipp.plan) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.plan_ge(sipp.plan, sipp.plan) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.plan_cmp(sipp.plan, sipp.plan) IS 'Btree support: order of canonical bytes';
COMMENT ON FUNCTION sipp.plan_hash(sipp.plan) IS 'Hash support';
COMMENT ON FUNCTION sipp.plan_hash_extended(sipp.plan, bigint) IS 'Hash support, seeded';

CREATE OPERATOR sipp.= (
	LEFTARG = sipp.plan, RIGHTARG = sipp.plan, FUNCTION = sipp.plan_eq,
	COMMUTATOR = OPERATOR(sipp.=), NEGATOR = OPERATOR(sipp.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR sipp.<> (
	LEFTARG = sipp.plan, RIGHTARG = sipp.plan, FUNCTION = sipp.plan_ne,
	COMMUTATOR = OPERATOR(sipp.<>), NEGATOR = OPERATOR(sipp.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR sipp.< (
	LEFTARG = sipp.plan, RIGHTARG = sipp.plan, FUNCTION = sipp.plan_lt,
	COMMUTATOR = OPERATOR(sipp.>), NEGATOR = OPERATOR(sipp.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR sipp.<= (
	LEFTARG = sipp.plan, RIGHTARG = sipp.plan, FUNCTION = sipp.plan_le,
	COMMUTATOR = OPERATOR(sipp.>=), NEGATOR = OPERATOR(sipp.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR sipp.> (
	LEFTARG = sipp.plan, RIGHTARG = sipp.plan, FUNCTION = sipp.plan_gt,
	COMMUTATOR = OPERATOR(sipp.<), NEGATOR = OPERATOR(sipp.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR sipp.>= (
	LEFTARG = sipp.plan, RIGHTARG = sipp.plan, FUNCTION = sipp.plan_ge,
	COMMUTATOR = OPERATOR(sipp.<=), NEGATOR = OPERATOR(sipp.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR sipp.= (sipp.plan, sipp.plan) IS 'the same canonical bytes';
COMMENT ON OPERATOR sipp.<> (sipp.plan, sipp.plan) IS 'different canonical bytes';
COMMENT ON OPERATOR sipp.< (sipp.plan, sipp.plan) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.<= (sipp.plan, sipp.plan) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.> (sipp.plan, sipp.plan) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.>= (sipp.plan, sipp.plan) IS 'order of canonical bytes';

CREATE OPERATOR CLASS sipp.plan_ops DEFAULT FOR TYPE sipp.plan USING btree AS
	OPERATOR 1 sipp.<, OPERATOR 2 sipp.<=, OPERATOR 3 sipp.=, OPERATOR 4 sipp.>=, OPERATOR 5 sipp.>,
	FUNCTION 1 sipp.plan_cmp(sipp.plan, sipp.plan);
CREATE OPERATOR CLASS sipp.plan_ops DEFAULT FOR TYPE sipp.plan USING hash AS
	OPERATOR 1 sipp.=,
	FUNCTION 1 sipp.plan_hash(sipp.plan),
	FUNCTION 2 sipp.plan_hash_extended(sipp.plan, bigint);
COMMENT ON OPERATOR CLASS sipp.plan_ops USING btree IS 'canonical bytes: DISTINCT, GROUP BY, ORDER BY';
COMMENT ON OPERATOR CLASS sipp.plan_ops USING hash IS 'canonical bytes: hashing';
COMMENT ON OPERATOR FAMILY sipp.plan_ops USING btree IS 'canonical bytes of sipp.plan';
COMMENT ON OPERATOR FAMILY sipp.plan_ops USING hash IS 'canonical bytes of sipp.plan';

CREATE CAST (sipp.plan AS jsonb) WITH INOUT;
COMMENT ON CAST (sipp.plan AS jsonb) IS 'the plan as a document';

CREATE FUNCTION sipp.pairing_plan(
	schools sipp.school[],
	weights jsonb DEFAULT NULL,
	context_weights jsonb DEFAULT NULL,
	authority text DEFAULT 'different',
	same_authority_cost float8 DEFAULT 0.1,
	sector text DEFAULT 'same',
	max_km float8 DEFAULT NULL,
	min_p_better float8 DEFAULT 0.8,
	min_similarity float8 DEFAULT 0.2,
	min_score float8 DEFAULT 0,
	unpaired_cost float8 DEFAULT NULL,
	target_gap float8 DEFAULT NULL,
	mode text DEFAULT 'optimal',
	locked text[] DEFAULT NULL,
	supports_per_partner integer DEFAULT 1,
	half_km float8 DEFAULT 60,
	spread_km float8 DEFAULT 12
) RETURNS sipp.plan
	AS 'MODULE_PATHNAME', 'sipp_pairing_plan' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION sipp.pairing_plan(sipp.school[], jsonb, jsonb, text, float8, text, float8, float8, float8, float8, float8, float8, text, text[], integer, float8, float8) IS
'Who should partner whom: every partner school gets a lead, as many as possible, and among such plans the one of least total cost, proven over every allowed pair. weights: of similarity (0.4), gap (0.3), complementarity (0.15), travel (0.15); context_weights: by variable name and deprivation; authority: different, prefer (the same one costs same_authority_cost) or any; sector: same or any; max_km; min_p_better, min_similarity, min_score: floors, 0 to 1; unpaired_cost: a pair that costs this or more loses to none (NULL: pair as many as possible); target_gap: a gap in effect beyond it is of no more use (NULL: one school SD); mode: optimal, stable (no two schools would rather have each other) or greedy (the neediest partner chooses first); locked: pairs (partner, lead) to keep; supports_per_partner: leads for each partner; travel counts half at half_km, spread_km how steeply';

CREATE TYPE sipp.pair AS (
	partner text,
	lead text,
	score float8,
	cost float8,
	similarity float8,
	usable_gap float8,
	p_better float8,
	complementarity float8,
	partner_can_teach text[],
	travel float8,
	km float8,
	losses jsonb,
	runner_up text,
	margin float8,
	reason text,
	relaxation text,
	place integer,
	role text,
	locked boolean,
	flags text[]
);
COMMENT ON TYPE sipp.pair IS 'One place of one partner school in a plan, a row of sipp.pairs; also a school that can take no part. Store its columns, not the composite';
COMMENT ON COLUMN sipp.pair.partner IS 'id of the school to be helped; NULL: a lead that can take no part';
COMMENT ON COLUMN sipp.pair.lead IS 'id of the school that helps; NULL: unpaired, see reason';
COMMENT ON COLUMN sipp.pair.score IS 'weighted geometric mean of the parts, 0 to 1';
COMMENT ON COLUMN sipp.pair.cost IS 'what the plan minimises: sum of the losses';
COMMENT ON COLUMN sipp.pair.similarity IS 'how alike the circumstances are, 0 to 1; 0.5: as a school and its tenth neighbour';
COMMENT ON COLUMN sipp.pair.usable_gap IS 'expected lead in effect as a share of the target gap, between none and all of it, 0 to 1';
COMMENT ON COLUMN sipp.pair.p_better IS 'probability that the lead''s effect is above the partner''s, for the years observed';
COMMENT ON COLUMN sipp.pair.complementarity IS 'the same as usable_gap over the subjects in which the partner needs help, 0 to 1; NULL: no subjects, or no need';
COMMENT ON COLUMN sipp.pair.partner_can_teach IS 'subjects in which the partner is ahead (probability 0.8 or more)';
COMMENT ON COLUMN sipp.pair.travel IS '1 near, 0.5 at half_km, towards 0; NULL: coordinates not known';
COMMENT ON COLUMN sipp.pair.km IS 'great-circle distance, kilometres';
COMMENT ON COLUMN sipp.pair.losses IS 'each part''s share of the cost, by name';
COMMENT ON COLUMN sipp.pair.flags IS 'parts that are missing (their weight went to the others) or whose loss was capped; circumstances that the similarity does without; rules that a locked pair breaks';
COMMENT ON COLUMN sipp.pair.runner_up IS 'the best other lead allowed for this partner, whether or not it is full';
COMMENT ON COLUMN sipp.pair.margin IS 'cost with the runner-up - cost; negative: the partner would rather have the runner-up, who is better used elsewhere';
COMMENT ON COLUMN sipp.pair.reason IS 'why the place is empty, or all that keeps the school from taking part';
COMMENT ON COLUMN sipp.pair.relaxation IS 'the cheapest change of one rule that would allow a pair, if no other school that waits, or with unpaired_cost or in the modes stable and greedy no other at all, takes it';
COMMENT ON COLUMN sipp.pair.place IS '1, 2, ... up to supports_per_partner';
COMMENT ON COLUMN sipp.pair.role IS 'role of the partner school: partner, coasting, either, none, NULL: not known (of the lead, where partner is NULL)';
COMMENT ON COLUMN sipp.pair.locked IS 'kept from an earlier plan';

CREATE FUNCTION sipp.pairs(plan sipp.plan) RETURNS SETOF sipp.pair
	AS 'MODULE_PATHNAME', 'sipp_pairs' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 500;
COMMENT ON FUNCTION sipp.pairs(sipp.plan) IS
'The plan, one row for each place of each partner school, ordered by id: the lead with score, parts and runner-up, or the reason why there is none and what would change that; then the schools that can take no part';

CREATE TYPE sipp.plan_report AS (
	mode text,
	partners bigint,
	places bigint,
	leads bigint,
	capacity bigint,
	paired bigint,
	unpaired bigint,
	ineligible bigint,
	total_cost float8,
	mean_score float8,
	bound float8,
	gap float8,
	certified boolean,
	quantum float8,
	unpaired_price numeric,
	total_units numeric,
	target_gap float8,
	blocking_pairs bigint,
	blocking jsonb,
	worst jsonb,
	pairs_priced bigint,
	rounds integer,
	memory_bytes bigint,
	notices text[]
);
COMMENT ON TYPE sipp.plan_report IS 'What a plan amounts to, the result of sipp.plan_summary. Store its columns, not the composite';
COMMENT ON COLUMN sipp.plan_report.mode IS 'optimal, stable or greedy';
COMMENT ON COLUMN sipp.plan_report.partners IS 'partner schools that can take part';
COMMENT ON COLUMN sipp.plan_report.places IS 'their places: partners x supports_per_partner';
COMMENT ON COLUMN sipp.plan_report.leads IS 'lead schools that can take part';
COMMENT ON COLUMN sipp.plan_report.capacity IS 'sum of their capacities';
COMMENT ON COLUMN sipp.plan_report.paired IS 'places with a lead';
COMMENT ON COLUMN sipp.plan_report.unpaired IS 'places without one';
COMMENT ON COLUMN sipp.plan_report.ineligible IS 'schools that can take no part, each with its reason in sipp.pairs';
COMMENT ON COLUMN sipp.plan_report.total_cost IS 'sum of the pairs'' costs; NULL: beyond the largest float8, see notices';
COMMENT ON COLUMN sipp.plan_report.mean_score IS 'mean score of the pairs';
COMMENT ON COLUMN sipp.plan_report.bound IS 'total cost of the cheapest plan, than which no plan of as many pairs costs less; NULL: not proven, or beyond the largest float8';
COMMENT ON COLUMN sipp.plan_report.gap IS 'total_cost - bound, an empty place counting as unpaired_cost: what the plan costs more than the best; NULL: not proven, or the best has another number of pairs';
COMMENT ON COLUMN sipp.plan_report.certified IS 'were the prices checked over every allowed pair, and do they prove the plan cheapest, with a gap of at most 1e-9 of total_cost (of sipp.assign 0)? That says nothing of how good its pairs are';
COMMENT ON COLUMN sipp.plan_report.quantum IS 'cost of one unit of the prices: a power of two, of which each cost in the plan is a whole number (but where gap says that costs of schools had to be rounded to it)';
COMMENT ON COLUMN sipp.plan_report.unpaired_price IS 'price of an empty place, in units: unpaired_cost; where that is NULL or beyond any saving a price that decides the same';
COMMENT ON COLUMN sipp.plan_report.total_units IS 'sum of the pairs'' costs in units, without empty places and locked pairs';
COMMENT ON COLUMN sipp.plan_report.target_gap IS 'gap in effect taken as fully usable, in the outcome''s units; NULL where sectors have their own';
COMMENT ON COLUMN sipp.plan_report.blocking_pairs IS 'pairs of schools that would each rather have the other than what the plan gives them';
COMMENT ON COLUMN sipp.plan_report.blocking IS 'the 20 of these that gain most, with both sides'' gain in cost; null: has nobody yet';
COMMENT ON COLUMN sipp.plan_report.worst IS 'the five pairs of lowest score, with the part that costs most; of highest cost where costs were given';
COMMENT ON COLUMN sipp.plan_report.pairs_priced IS 'pairs looked at while pricing';
COMMENT ON COLUMN sipp.plan_report.rounds IS 'rounds of pricing';
COMMENT ON COLUMN sipp.plan_report.memory_bytes IS 'most memory that the solver held';
COMMENT ON COLUMN sipp.plan_report.notices IS 'what to be careful about: who takes no part, empty places by reason, pairs that are not alike, yardsticks of few schools, correlated, constant or missing circumstances, rescaled profiles, missing parts, capped losses';

CREATE FUNCTION sipp.plan_summary(plan sipp.plan) RETURNS sipp.plan_report
	AS 'MODULE_PATHNAME', 'sipp_plan_summary' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION sipp.plan_summary(sipp.plan) IS
'What a plan amounts to: counts, total cost and the proven bound, the worst pairs, the pairs of schools that would rather have each other (the scheme is voluntary)';

CREATE TYPE sipp.price AS (
	kind text,
	partner text,
	lead text,
	places integer,
	price numeric
);
COMMENT ON TYPE sipp.price IS 'A dual price, a row of sipp.certificate. Store its columns, not the composite';
COMMENT ON COLUMN sipp.price.kind IS 'partner, lead, or pair (only where partners have several places)';
COMMENT ON COLUMN sipp.price.partner IS 'id of the partner school, NULL for a lead''s price';
COMMENT ON COLUMN sipp.price.lead IS 'id of the lead school, NULL for a partner''s price';
COMMENT ON COLUMN sipp.price.places IS 'how often the price counts: places of the partner, capacity of the lead, 1 for a pair; what locked pairs take is not counted';
COMMENT ON COLUMN sipp.price.price IS 'in units of the quantum, a whole number: of a partner at most unpaired_price, of leads and pairs at most 0';

CREATE FUNCTION sipp.certificate(plan sipp.plan) RETURNS SETOF sipp.price
	AS 'MODULE_PATHNAME', 'sipp_certificate' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION sipp.certificate(sipp.plan) IS
'The proof that no plan is cheaper, which is not to say that its pairs are good: for every allowed pair, price of partner + price of lead (+ price of the pair) <= its cost in units (sipp.cost_units); no price of a partner is above unpaired_price, none of a lead or pair above 0; and sum(places x price) = total_units + unpaired_price x empty places (less than that in the modes stable and greedy, by what they cost more than the best plan). By linear-programming duality nothing else needs to be believed';

CREATE FUNCTION sipp.cost_units(cost float8, quantum float8) RETURNS numeric
	AS 'MODULE_PATHNAME', 'sipp_cost_units' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sipp.cost_units(float8, float8) IS
'A cost as the whole number of units that a plan''s prices are compared with, for a quantum of sipp.plan_summary, rounded down. All other digits are kept, which the cast of float8 to numeric does not do';

CREATE FUNCTION sipp.assign_accum(state internal, partner text, lead text, cost float8, capacity integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_assign_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.assign_accum(state internal, partner text, lead text, cost float8, capacity integer, unpaired_cost float8) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_assign_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.assign_accum(state internal, partner text, lead text, cost float8, capacity integer, unpaired_cost float8, places integer) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_assign_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.assign_accum(state internal, partner text, lead text, cost float8, capacity integer, unpaired_cost float8, places integer, locked boolean) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_assign_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.assign_accum(state internal, partner text, lead text, cost float8, capacity integer, unpaired_cost float8, places integer, locked boolean, mode text) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_assign_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.assign_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_assign_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.assign_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_assign_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.assign_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_assign_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.assign_final(internal) RETURNS sipp.plan
	AS 'MODULE_PATHNAME', 'sipp_assign_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION sipp.assign_accum(internal, text, text, float8, integer) IS 'Transition of sipp.assign';
COMMENT ON FUNCTION sipp.assign_accum(internal, text, text, float8, integer, float8) IS 'Transition of sipp.assign';
COMMENT ON FUNCTION sipp.assign_accum(internal, text, text, float8, integer, float8, integer) IS 'Transition of sipp.assign';
COMMENT ON FUNCTION sipp.assign_accum(internal, text, text, float8, integer, float8, integer, boolean) IS 'Transition of sipp.assign';
COMMENT ON FUNCTION sipp.assign_accum(internal, text, text, float8, integer, float8, integer, boolean, text) IS 'Transition of sipp.assign';
COMMENT ON FUNCTION sipp.assign_combine(internal, internal) IS 'Combine two states of sipp.assign';
COMMENT ON FUNCTION sipp.assign_serialize(internal) IS 'State of sipp.assign as bytes, from a parallel worker to its leader';
COMMENT ON FUNCTION sipp.assign_deserialize(bytea, internal) IS 'State of sipp.assign from bytes';
COMMENT ON FUNCTION sipp.assign_final(internal) IS 'Final function of sipp.assign';
CREATE AGGREGATE sipp.assign(partner text, lead text, cost float8, capacity integer) (
	SFUNC = sipp.assign_accum, STYPE = internal, SSPACE = 65536,
	FINALFUNC = sipp.assign_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.assign_combine,
	SERIALFUNC = sipp.assign_serialize, DESERIALFUNC = sipp.assign_deserialize,
	PARALLEL = SAFE
);
CREATE AGGREGATE sipp.assign(partner text, lead text, cost float8, capacity integer, unpaired_cost float8) (
	SFUNC = sipp.assign_accum, STYPE = internal, SSPACE = 65536,
	FINALFUNC = sipp.assign_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.assign_combine,
	SERIALFUNC = sipp.assign_serialize, DESERIALFUNC = sipp.assign_deserialize,
	PARALLEL = SAFE
);
CREATE AGGREGATE sipp.assign(partner text, lead text, cost float8, capacity integer, unpaired_cost float8, places integer) (
	SFUNC = sipp.assign_accum, STYPE = internal, SSPACE = 65536,
	FINALFUNC = sipp.assign_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.assign_combine,
	SERIALFUNC = sipp.assign_serialize, DESERIALFUNC = sipp.assign_deserialize,
	PARALLEL = SAFE
);
CREATE AGGREGATE sipp.assign(partner text, lead text, cost float8, capacity integer, unpaired_cost float8, places integer, locked boolean) (
	SFUNC = sipp.assign_accum, STYPE = internal, SSPACE = 65536,
	FINALFUNC = sipp.assign_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.assign_combine,
	SERIALFUNC = sipp.assign_serialize, DESERIALFUNC = sipp.assign_deserialize,
	PARALLEL = SAFE
);
CREATE AGGREGATE sipp.assign(partner text, lead text, cost float8, capacity integer, unpaired_cost float8, places integer, locked boolean, mode text) (
	SFUNC = sipp.assign_accum, STYPE = internal, SSPACE = 65536,
	FINALFUNC = sipp.assign_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.assign_combine,
	SERIALFUNC = sipp.assign_serialize, DESERIALFUNC = sipp.assign_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sipp.assign(text, text, float8, integer) IS
'The plan of least total cost on your own costs, one row for each allowed pair: any finite number, minimised as given; capacity is the lead''s, the same in all its rows. As many partners as possible are paired; a row whose cost, partner or lead is NULL makes those that it names known and is no pair';
COMMENT ON AGGREGATE sipp.assign(text, text, float8, integer, float8) IS
'The same, where leaving a place empty costs unpaired_cost (the same in all rows; NULL: fill as many places as possible)';
COMMENT ON AGGREGATE sipp.assign(text, text, float8, integer, float8, integer) IS
'The same, where the partner gets places different leads (the same in all its rows, from 1 to 100; NULL: 1)';
COMMENT ON AGGREGATE sipp.assign(text, text, float8, integer, float8, integer, boolean) IS
'The same, where a pair that is locked is kept, whatever its cost, and takes a place and a unit of capacity (NULL: it is not)';
COMMENT ON AGGREGATE sipp.assign(text, text, float8, integer, float8, integer, boolean, text) IS
'The same by another mode, the same in all rows: optimal, stable (no two would rather have each other) or greedy (partners choose in order of their ids); NULL: optimal';
