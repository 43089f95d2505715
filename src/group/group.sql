
-- Room group: partnerships of three and more.

CREATE TYPE sipp.group_member AS (
	group_no integer,
	school text,
	member_role text,
	sector text,
	authority text,
	lead text,
	cost float8,
	group_cost float8,
	gap_pct float8,
	reason text
);
COMMENT ON TYPE sipp.group_member IS 'One school of a partnership of three or more, a row of sipp.group_schools. Store its columns, not the composite';
COMMENT ON COLUMN sipp.group_member.group_no IS '1, 2, ... from the cheapest group; NULL: in no group, see reason';
COMMENT ON COLUMN sipp.group_member.school IS 'id of the school';
COMMENT ON COLUMN sipp.group_member.member_role IS 'lead or partner in this group';
COMMENT ON COLUMN sipp.group_member.sector IS 'its sector';
COMMENT ON COLUMN sipp.group_member.authority IS 'its authority';
COMMENT ON COLUMN sipp.group_member.lead IS 'id of the group''s lead; NULL for the lead itself';
COMMENT ON COLUMN sipp.group_member.cost IS 'cost of the pair with that lead; NULL for the lead';
COMMENT ON COLUMN sipp.group_member.group_cost IS 'cost of the group: its partners'' costs, and half the mean loss in likeness and travel between its partners';
COMMENT ON COLUMN sipp.group_member.gap_pct IS 'optimality gap, in per cent of the bound: all groups together cost at most so much more than the best possible as many groups; the same for all, NULL where the bound says nothing';
COMMENT ON COLUMN sipp.group_member.reason IS 'why the school is in no group, or NULL';

CREATE FUNCTION sipp.group_schools(
	schools sipp.school[],
	size integer DEFAULT 3,
	min_authorities integer DEFAULT 2,
	composition jsonb DEFAULT NULL,
	weights jsonb DEFAULT NULL,
	context_weights jsonb DEFAULT NULL,
	max_km float8 DEFAULT NULL,
	min_p_better float8 DEFAULT 0.8,
	min_similarity float8 DEFAULT 0.2,
	target_gap float8 DEFAULT NULL,
	half_km float8 DEFAULT 60,
	spread_km float8 DEFAULT 12,
	sector text DEFAULT NULL
) RETURNS SETOF sipp.group_member
	AS 'MODULE_PATHNAME', 'sipp_group_schools' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000 ROWS 500;
COMMENT ON FUNCTION sipp.group_schools(sipp.school[], integer, integer, jsonb, jsonb, jsonb, float8, float8, float8, float8, float8, float8, text) IS
'Partnerships of three and more schools: each has a lead, spans at least min_authorities authorities, and may mix sectors by composition, such as {"secondary": 1, "primary": 2}. Local search by swaps, once more from groups that prices of schools suggest, with an honest bound on how far from the best possible as many groups it can be; that no more groups are possible is not proven';
