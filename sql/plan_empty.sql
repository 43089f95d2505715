-- A plan in which nobody, or not everybody, gets a lead says so in a notice, also of the analyst's own costs.
SELECT what, s.paired, s.unpaired, s.certified, s.notices
FROM (SELECT what, sipp.assign(partner, lead, cost, capacity, 2.5) AS plan FROM (VALUES
	('a place for everybody', 'a', 'x', 1.0::float8, 2), ('a place for everybody', 'b', 'x', 2, 2),
	('no partner', NULL, 'x', 1, 1), ('no lead', 'a', NULL, 1, 1), ('neither', NULL, NULL, NULL, 0),
	('no pair', 'a', 'x', NULL, 1), ('no pair', 'b', 'x', NULL, 1),
	('no capacity', 'a', 'x', 1, 0), ('too dear', 'a', 'x', 2.5, 1),
	('some of each', 'a', 'x', 1, 1), ('some of each', 'b', 'x', 2, 1), ('some of each', 'c', 'x', 2, 1), ('some of each', 'd', 'y', 7, 1), ('some of each', 'e', NULL, 1, 1)) v (what, partner, lead, cost, capacity) GROUP BY what) q,
	LATERAL sipp.plan_summary(plan) s ORDER BY what COLLATE "C";
-- a lead without a place is no lead, for one pair as for all
WITH s(p, l) AS (SELECT sipp.school(id => 'p', sector => 's', authority => 'a', role => 'partner', effect => -9, effect_se => 1, context => '{1}'),
	sipp.school(id => 'l', sector => 's', authority => 'b', role => 'lead', effect => 9, effect_se => 1, context => '{1.1}', capacity => 0))
SELECT x.eligible, x.reason, (SELECT string_agg(y.reason, ', ') FROM sipp.pairs(sipp.pairing_plan(ARRAY[p, l])) y) AS in_plan
FROM s, LATERAL sipp.pairing_score(p, l, sipp.context_scale(ARRAY[p, l])) x;
