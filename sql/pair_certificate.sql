-- Certificates: the check that the README shows accepts the plans of sipp.assign and no plan that a cheaper one beats.
CREATE TABLE given (problem int, partner text, lead text, cost float8);
INSERT INTO given VALUES (1, 'p', 'x', 10), (1, 'p', 'y', 5), (2, 'p', 'x', 1), (2, 'p', 'y', 0.6), (3, 'p', 'x', -1), (3, 'p', 'y', -1.5), (4, 'p', 'x', 3), (5, 'p', 'x', 2), (5, 'p', 'y', 1);
CREATE FUNCTION check_proof(plan sipp.plan, of int, OUT violated bigint, OUT too_high bigint, OUT worth_the_plan boolean) BEGIN ATOMIC
	SELECT (SELECT count(*) FROM given g LEFT JOIN sipp.certificate(plan) u ON u.kind = 'partner' AND u.partner = g.partner
										 LEFT JOIN sipp.certificate(plan) v ON v.kind = 'lead' AND v.lead = g.lead
			WHERE problem = of AND (u.price + v.price <= sipp.cost_units(g.cost, s.quantum)) IS NOT TRUE),
		   (SELECT count(*) FROM sipp.certificate(plan) WHERE price > CASE kind WHEN 'partner' THEN s.unpaired_price ELSE 0 END),
		   (SELECT sum(places * price) FROM sipp.certificate(plan)) = s.total_units + s.unpaired_price * s.unpaired
	FROM sipp.plan_summary(plan) s;
END;
SELECT problem, c.* FROM (SELECT problem, sipp.assign(partner, lead, cost, 1) AS plan FROM given GROUP BY problem) q, check_proof(plan, problem) c ORDER BY problem;

-- plans that somebody made up, of the pair (p, x) where (p, y) or, in problem 4, an empty place is cheaper: prices of
-- leads above 0; units that stand for a cost that is lower (of a positive one and a negative one); a partner's price above
-- that of an empty place; a lead without a price
SELECT problem, c.*, c.violated = 0 AND c.too_high = 0 AND c.worth_the_plan AS believed
FROM (SELECT sipp.assign('p', 'x', 1, 1)::jsonb AS plan) real, (VALUES
	(1, 5, '[["x", 1, 5], ["y", 1, 0]]'::jsonb, 10, 21), (2, 1, '[["x", 1, 0], ["y", 1, 0]]', 1, 21), (3, -1, '[["x", 1, 0], ["y", 1, 0]]', -1, 21),
	(4, 3, '[["x", 1, 0]]', 3, 2), (5, 2, '[["x", 1, 0]]', 2, 21)) made (problem, price, leads, units, empty),
	LATERAL (SELECT (plan || jsonb_build_object('partners', jsonb_build_array(jsonb_build_array('p', NULL, 1, made.price, '[["x", 1]]'::jsonb)),
		'leads', made.leads, 'total_units', made.units, 'unpaired_price', made.empty, 'quantum', 1))::text::sipp.plan AS plan) forged, check_proof(forged.plan, problem) c ORDER BY problem;

-- units: of a power of two rounded down, whatever is left of a cost, so that whole prices hold if and only if they hold for it
SELECT cost, sipp.cost_units(cost, 1) AS of_1, sipp.cost_units(cost, 2 ^ 900) AS of_huge, sipp.cost_units(cost, 2 ^ -20) AS of_2_to_20
FROM unnest('{0.6,-0.6,2.5,-2.5,5e-324,-5e-324,0,-3,0.000015}'::float8[]) cost;

-- a place that costs as much as no pair stays empty, and the reason is true
SELECT mode, x.lead, x.reason, x.relaxation
FROM (SELECT mode, sipp.assign('p', 'x', 2, 1, 2, 1, false, mode) AS plan FROM unnest('{optimal,stable,greedy}'::text[]) mode GROUP BY mode) q, LATERAL sipp.pairs(plan) x ORDER BY mode;
