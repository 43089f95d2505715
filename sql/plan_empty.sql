-- A plan in which nobody, or not everybody, gets a lead says so in a notice, also of the analyst's own costs.
SELECT what, s.paired, s.unpaired, s.certified, s.notices
FROM (SELECT what, sipp.assign(partner, lead, cost, capacity, 2.5) AS plan FROM (VALUES
	('a place for everybody', 'a', 'x', 1.0::float8, 2), ('a place for everybody', 'b', 'x', 2, 2),
	('no partner', NULL, 'x', 1, 1), ('no lead', 'a', NULL, 1, 1), ('neither', NULL, NULL, NULL, 0),
	('no pair', 'a', 'x', NULL, 1), ('no pair', 'b', 'x', NULL, 1),
	('no capacity', 'a', 'x', 1, 0), ('too dear', 'a', 'x', 2.5, 1),
	('some of each', 'a', 'x', 1, 1), ('some of each', 'b', 'x', 2, 1), ('some of each', 'c', 'x', 2, 1), ('some of each', 'd', 'y', 7, 1), ('some of each', 'e', NULL, 1, 1)) v (what, partner, lead, cost, capacity) GROUP BY what) q,
	LATERAL sipp.plan_summary(plan) s ORDER BY what COLLATE "C";
