--
-- Room plan: plans on the analyst's own costs.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set nation :abs_srcdir '/sql/include/nation.sql'
\set ECHO none
\i :nation
\set ECHO all
\pset null '(null)'

-- What is wrong with a plan on the costs of a table (partner, lead, cost, capacity), by its pairs and its prices; '' if nothing.
CREATE FUNCTION wrong(p sipp.plan, costs text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
	EXECUTE format($q$
WITH given AS MATERIALIZED (SELECT partner, lead, cost, capacity FROM %s c), report AS MATERIALIZED (SELECT * FROM sipp.plan_summary($1)), pair AS MATERIALIZED (SELECT * FROM sipp.pairs($1)), price AS MATERIALIZED (SELECT * FROM sipp.certificate($1)),
	 score AS MATERIALIZED (SELECT partner AS a, lead AS b, cost, sipp.cost_units(cost, quantum) AS units FROM given, report WHERE cost IS NOT NULL AND partner IS NOT NULL AND lead IS NOT NULL),
	 made AS MATERIALIZED (SELECT k.*, s.cost AS own, units FROM pair k LEFT JOIN score s ON (a, b) = (partner, lead) WHERE lead IS NOT NULL)
SELECT concat_ws(', ',
	CASE WHEN EXISTS (SELECT FROM made WHERE own IS NULL OR own <> cost) THEN 'a pair is not allowed' END,
	CASE WHEN EXISTS (SELECT FROM made GROUP BY partner HAVING count(*) > 1) THEN 'a partner is there twice' END,
	CASE WHEN EXISTS (SELECT FROM made m GROUP BY lead HAVING count(*) > (SELECT max(capacity) FROM given WHERE given.lead = m.lead)) THEN 'capacity exceeded' END,
	CASE WHEN (SELECT count(DISTINCT partner) FROM given) <> (SELECT count(*) FROM pair) THEN 'a partner is missing' END,
	CASE WHEN EXISTS (SELECT FROM pair k LEFT JOIN LATERAL (SELECT b, s.cost FROM score s WHERE a = k.partner AND b IS DISTINCT FROM k.lead ORDER BY s.cost, b COLLATE "C" LIMIT 1) o ON true
		WHERE k.runner_up IS DISTINCT FROM b OR NOT near(k.margin, CASE WHEN k.lead IS NOT NULL THEN o.cost - k.cost END)) THEN 'a runner-up is wrong' END,
	CASE WHEN EXISTS (SELECT FROM pair WHERE (lead IS NULL) <> (reason IS NOT NULL)) THEN 'a reason is missing' END,
	CASE WHEN (SELECT (partners, places, paired, unpaired, leads) IS DISTINCT FROM ((SELECT count(*) FROM pair), (SELECT count(*) FROM pair), (SELECT count(*) FROM made), (SELECT count(*) FROM pair WHERE lead IS NULL), (SELECT count(DISTINCT lead) FROM given)) FROM report) THEN 'counts are wrong' END,
	CASE WHEN (SELECT total_units <> coalesce(u, 0) OR NOT near(total_cost, coalesce(c, 0), 1e-9) FROM report, (SELECT sum(units) AS u, sum(cost) AS c FROM made) s) THEN 'sums are wrong' END,
	CASE WHEN NOT (SELECT certified FROM report) THEN 'not certified' END,
	CASE WHEN EXISTS (SELECT FROM score LEFT JOIN price u ON u.partner = a LEFT JOIN price v ON v.lead = b WHERE (u.price + v.price <= units) IS NOT TRUE) THEN 'a pair is cheaper than its prices' END,
	CASE WHEN EXISTS (SELECT FROM price, report WHERE price > CASE WHEN kind = 'partner' THEN unpaired_price ELSE 0 END) THEN 'a price has the wrong sign' END,
	CASE WHEN EXISTS (SELECT FROM price p WHERE places <> CASE WHEN kind = 'partner' THEN 1 ELSE (SELECT max(capacity) FROM given g WHERE g.lead = p.lead) END) THEN 'a price counts the wrong number of places' END,
	(SELECT CASE WHEN coalesce(sum(price.places * price), 0) <> total_units + unpaired_price::numeric * unpaired THEN 'the prices do not add to the cost' END FROM report LEFT JOIN price ON true GROUP BY total_units, unpaired_price, unpaired))$q$, costs)
	INTO said USING p;
	RETURN said;
END $$;

-- small enough to try everything: 80 nations of 4 partners and 3 leads, costs from -8 to 8, some pairs forbidden
CREATE TABLE small AS
SELECT g, 'p' || i AS partner, 'l' || j AS lead, CASE WHEN noise(g * 100 + i * 10 + j, 'forbidden', 4) > 0 THEN noise(g * 100 + i * 10 + j, 'cost', 33) - 16 END / CASE WHEN g % 2 = 0 THEN 1 ELSE 3.0 END::float8 AS cost, noise(g * 10 + j, 'capacity', 3) AS capacity
FROM generate_series(1, 80) g, generate_series(1, 4) i, generate_series(1, 3) j;
CREATE VIEW every_plan AS	-- each partner with a lead or nobody
WITH c AS (SELECT g, partner, lead, cost FROM small WHERE cost IS NOT NULL UNION ALL SELECT DISTINCT g, partner, NULL, NULL::float8 FROM small)
SELECT g, (a.lead IS NULL)::int + (b.lead IS NULL)::int + (c.lead IS NULL)::int + (d.lead IS NULL)::int AS empty, coalesce(a.cost, 0) + coalesce(b.cost, 0) + coalesce(c.cost, 0) + coalesce(d.cost, 0) AS cost
FROM c a JOIN c b USING (g) JOIN c c USING (g) JOIN c d USING (g) WHERE a.partner = 'p1' AND b.partner = 'p2' AND c.partner = 'p3' AND d.partner = 'p4'
	AND NOT EXISTS (SELECT FROM unnest(ARRAY[a.lead, b.lead, c.lead, d.lead]) l WHERE l IS NOT NULL GROUP BY l HAVING count(*) > (SELECT capacity FROM small s WHERE s.g = a.g AND s.lead = l LIMIT 1));
CREATE TABLE small_plan AS SELECT g, sipp.assign(partner, lead, cost, capacity) AS plan, sipp.assign(partner, lead, cost, capacity, NULL) AS null_price, sipp.assign(partner, lead, cost, capacity, 2) AS priced, sipp.assign(partner, lead, cost, capacity, -1) AS below FROM small GROUP BY g;
CREATE TABLE small_best AS SELECT g, min(empty) AS fewest, min(cost + 2 * empty) AS priced, min(cost - empty) AS below, (min(ARRAY[empty, cost]))[2] AS cost FROM every_plan GROUP BY g;
-- as many pairs as can be, and of those plans the cheapest; or the cheapest with a price of an empty place
SELECT count(*), bool_and(t.unpaired = fewest AND near(t.total_cost, b.cost, 1e-9)) AS optimal, bool_and(p.plan::text = p.null_price::text) AS null_price, bool_and(near(q.total_cost + 2 * q.unpaired, b.priced, 1e-9)) AS priced, bool_and(near(r.total_cost - r.unpaired, b.below, 1e-9)) AS below,
	   count(*) FILTER (WHERE t.unpaired > 0) > 10 AS some_unpaired, count(*) FILTER (WHERE q.unpaired > t.unpaired) > 10 AS some_too_dear
FROM small_plan p JOIN small_best b USING (g), sipp.plan_summary(p.plan) t, sipp.plan_summary(p.priced) q, sipp.plan_summary(p.below) r;
SELECT wrong(plan, '(SELECT * FROM small WHERE g = 1)'), wrong(plan, '(SELECT * FROM small WHERE g = 3)') AS of_other_costs FROM small_plan WHERE g = 1;

-- larger ones, by certificate: whole costs (whose unit is 1), fractions, all alike, negative, tiny, huge, of all sizes, ties
CREATE TABLE costs AS SELECT i AS partner, j AS lead, noise(i * 1000 + j, 'c', 100000) AS c, 1 + noise(j, 'cap', 3) AS capacity FROM generate_series(1, 80) i, generate_series(1, 40) j WHERE noise(i * 1000 + j, 'allowed', 3) = 0;
CREATE TABLE kinds (kind text, formula text);
INSERT INTO kinds VALUES ('whole', 'c'), ('fractions', 'c / 7.0'), ('all alike', '0.1'), ('zero', '0'), ('negative', '-c'), ('both signs', 'c - 50000'), ('tiny', 'c * 1e-310'), ('huge', 'c * 1e300'), ('both ends', 'CASE WHEN c % 2 = 0 THEN 1e306 ELSE -1e306 END'), ('of all sizes', '10.0 ^ (c % 40 - 20)'), ('ties', 'c % 3'), ('whole, large', 'c * 10000000::bigint'), ('whole, too large', 'c * 100000000.0'), ('some unknown', 'CASE WHEN c % 2 = 0 THEN c END');
CREATE FUNCTION plan_of(formula text, more text DEFAULT '', sort text DEFAULT '') RETURNS sipp.plan LANGUAGE plpgsql STABLE AS $$
DECLARE p sipp.plan;
BEGIN
	EXECUTE format('SELECT sipp.assign(partner::text, lead::text, (%s)::float8, capacity%s%s) FROM costs', formula, more, sort) INTO p;
	RETURN p;
END $$;
SELECT kind, t.paired, t.unpaired, quantum = 1 AS unit_is_one, blocking_pairs > 0 AS some_blocking, wrong(plan, format('(SELECT partner::text, lead::text, (%s)::float8 AS cost, capacity FROM costs)', formula)) FROM kinds, LATERAL (SELECT plan_of(formula) AS plan OFFSET 0) p, sipp.plan_summary(plan) t ORDER BY kinds.ctid;
SELECT x, t.paired, t.unpaired, wrong(plan, '(SELECT partner::text, lead::text, c::float8 AS cost, capacity FROM costs)') FROM unnest('{0,1000,50000,1e300,-1e300,NULL}'::float8[]) WITH ORDINALITY u (x, k), LATERAL (SELECT plan_of('c', format(', %L', x)) AS plan OFFSET 0) p, sipp.plan_summary(plan) t ORDER BY k;
-- whatever the order of rows
SELECT bool_and(plan_of(formula)::text = plan_of(formula, sort => ' ORDER BY c, partner')::text AND plan_of(formula)::text = plan_of(formula, sort => ' ORDER BY lead DESC, c')::text) AS same FROM kinds;
-- workers: whole, with a price, and with rows that name one school only
CREATE TABLE many AS SELECT 'partner ' || partner AS partner, 'lead ' || lead AS lead, c::float8 AS cost, capacity FROM costs UNION ALL SELECT 'alone ' || i, NULL, NULL, NULL FROM generate_series(1, 5) i UNION ALL SELECT NULL, 'idle ' || i, NULL, i FROM generate_series(1, 5) i;
CREATE TABLE serial AS SELECT sipp.assign(partner, lead, cost, capacity) AS plan, sipp.assign(partner, lead, cost, capacity, 30000) AS priced FROM many;
ANALYZE many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT plan_has('SELECT sipp.assign(partner, lead, cost, capacity) FROM many', 'Partial Aggregate') AS parallel;
SELECT s.plan::text = p.plan::text AS plan, s.priced::text = p.priced::text AS priced FROM serial s, (SELECT sipp.assign(partner, lead, cost, capacity) AS plan, sipp.assign(partner, lead, cost, capacity, 30000) AS priced FROM many) p;
SET parallel_leader_participation = off;
SELECT s.plan::text = p.plan::text AS plan FROM serial s, (SELECT sipp.assign(partner, lead, cost, capacity) AS plan FROM many) p;
SELECT sipp.assign(partner, lead, cost, capacity) IS NULL AS no_rows FROM many WHERE capacity < 0;
RESET parallel_leader_participation;
RESET max_parallel_workers_per_gather;
-- who has no allowed pair, who is full, what would help; a plan on costs has no parts
SELECT partner, lead, cost, runner_up, margin, reason, relaxation, place, role, locked, score, losses, flags FROM sipp.pairs((SELECT sipp.assign(p, l, c, 1) FROM (VALUES ('a', 'x', 1), ('b', 'x', 2), ('c', 'y', NULL), ('d', 'y', 5), ('d', 'x', 9), ('e', NULL, 3)) v (p, l, c)));
SELECT partner, lead, reason, relaxation FROM sipp.pairs((SELECT sipp.assign(p, l, c, 1, 1.5) FROM (VALUES ('a', 'x', 1), ('b', 'x', 1.25), ('d', 'y', 5)) v (p, l, c)));
SELECT mode, partners, places, leads, capacity, paired, unpaired, ineligible, total_cost, mean_score, bound, certified, quantum, unpaired_price, total_units, target_gap, blocking_pairs, blocking, worst, notices
FROM sipp.plan_summary((SELECT sipp.assign(p, l, c, 1) FROM (VALUES ('a', 'x', 1), ('a', 'y', 2), ('b', 'x', 3), ('b', 'y', 10)) v (p, l, c)));
SELECT sipp.assign(NULL, NULL, NULL, NULL)::jsonb->'partners' AS of_nothing FROM generate_series(1, 3);
SELECT * FROM sipp.certificate((SELECT sipp.assign('ä', 'ß', 7, 2)));
-- the nation's own costs, given by hand, make the nation's plan
CREATE TABLE own AS
WITH school AS MATERIALIZED (SELECT school(r) AS s, id, role, capacity FROM nation r)
SELECT sipp.assign(p.id, l.id, CASE WHEN x.eligible THEN x.cost END, l.capacity) AS plan, sipp.pairing_plan(schools(), max_km => 90) AS plan_2
FROM (SELECT sipp.context_scale(schools()) AS scale OFFSET 0) s, school p, school l, LATERAL sipp.pairing_score(p.s, l.s, scale, max_km => 90) x WHERE p.role IN ('partner', 'coasting', 'either') AND l.role IN ('lead', 'either');
SELECT a.paired = b.paired AS as_many, (a.total_cost, a.bound, a.gap, a.certified) = (b.total_cost, b.bound, 0, true) AS as_dear, b.paired > 10 AS some FROM own, sipp.plan_summary(plan) a, sipp.plan_summary(plan_2) b;
