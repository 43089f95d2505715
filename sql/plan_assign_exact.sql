--
-- Room plan: sipp.assign on costs as given, of any size; places, locked pairs, modes.
-- Thousands of such problems against exact fractions: test/oracle/costs.
--
\pset null '(null)'
\pset format unaligned
\pset tuples_only on

-- the largest number for a blocked pair, as users do (field 01): the rest is still minimised
WITH m(p, costs) AS (VALUES ('p0', '{10,20,2,40}'::float8[]), ('p1', '{10,1.7976931348623157e308,3,1.7976931348623157e308}'),
	('p2', '{20,10,60,1}'), ('p3', '{20,1.7976931348623157e308,25,1.7976931348623157e308}'),
	('p4', '{1.7976931348623157e308,40,60,1.7976931348623157e308}'), ('p5', '{0,19,1.7976931348623157e308,2}'))
SELECT s.paired, s.unpaired, s.total_cost, s.bound, s.gap, s.certified, s.notices
FROM (SELECT sipp.assign(p, 'l' || j, c, 1) AS plan FROM m, unnest(costs) WITH ORDINALITY u(c, j)) q, LATERAL sipp.plan_summary(plan) s;

-- one pair of 144 at anything from a thousand to the largest number, or below all others (field 03)
CREATE TABLE d AS
SELECT i, j, round((abs(sin(i * 12.9898 + j * 78.233) * 43758.5453) - floor(abs(sin(i * 12.9898 + j * 78.233) * 43758.5453)))::numeric, 4)::float8 AS c
FROM generate_series(1, 12) i, generate_series(1, 12) j;
CREATE TABLE ladder AS
SELECT big, plan FROM unnest('{1e3,1e6,1e9,1e12,1e15,1e16,1e30,1e100,1e300,1.7976931348623157e308}'::float8[]) big,
	LATERAL (SELECT sipp.assign('p' || i, 'l' || j, CASE WHEN i = 1 AND j = 1 THEN big ELSE c END, 1) AS plan FROM d) q;
SELECT count(*), bool_and(round(total_cost::numeric, 10) = 0.8284 AND bound = total_cost AND gap = 0 AND certified AND paired = 12) AS all_the_same FROM ladder, sipp.plan_summary(plan);
SELECT count(DISTINCT (SELECT array_agg((partner, lead)) FROM sipp.pairs(plan))) AS plans FROM ladder;
-- three sentinels that must be in the plan: the rest is the cheapest that goes with them
CREATE TABLE forced AS SELECT 'p' || i AS p, 'l' || j AS l, CASE WHEN j <= 3 THEN 1e300 ELSE c END AS c FROM d;
SELECT s.certified, s.total_cost = 3e300 AS three, rest.total_cost = (SELECT sum(x.cost) FROM sipp.pairs(plan) x WHERE x.cost < 1) AS rest_is_cheapest
FROM (SELECT sipp.assign(p, l, c, 1) AS plan FROM forced) q, sipp.plan_summary(plan) s,
	-- the other nine leads with nine of the twelve partners: three stay unpaired
	(SELECT sipp.assign(p, l, c, 1) AS other FROM forced WHERE c < 1) r, sipp.plan_summary(other) rest;

-- the proof, by one join, on costs of every size: prices and costs as whole numbers of the quantum
CREATE FUNCTION proof(plan sipp.plan, costs text, OUT pairs bigint, OUT violated bigint, OUT worth_the_plan boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format($q$
	SELECT count(*), count(*) FILTER (WHERE u.price + v.price + coalesce(w.price, 0) > sipp.cost_units(a.c, q.quantum)),
		   (SELECT sum(places * price) FROM sipp.certificate($1)) = max(q.total_units + q.unpaired_price * q.unpaired)
	FROM %s a CROSS JOIN sipp.plan_summary($1) q
		JOIN sipp.certificate($1) u ON u.kind = 'partner' AND u.partner = a.p
		JOIN sipp.certificate($1) v ON v.kind = 'lead' AND v.lead = a.l
		LEFT JOIN sipp.certificate($1) w ON w.kind = 'pair' AND (w.partner, w.lead) = (a.p, a.l)$q$, costs)
	INTO pairs, violated, worth_the_plan USING plan;
END $$;
CREATE TABLE costs AS SELECT k, 'p' || i AS p, 'l' || j AS l, formula.c, 1 + j % 2 AS capacity, 1 + i % 3 AS places
FROM d, LATERAL (VALUES ('fractions', c), ('sentinels', CASE WHEN c < 0.2 THEN 1e12 ELSE c END), ('rewards', CASE WHEN c < 0.2 THEN -1e12 ELSE c END), ('largest', CASE WHEN c < 0.5 THEN 1.7976931348623157e308 ELSE c END),
	('tiny beside huge', CASE WHEN c < 0.3 THEN 1e300 WHEN c < 0.6 THEN -1e150 WHEN c < 0.8 THEN c ELSE c * 1e-290 END), ('denormal', c * 1e-320), ('of all sizes', 10 ^ (600 * c - 300))) formula(k, c);
SELECT k, (proof(plan, format('(SELECT * FROM costs WHERE k = %L)', k))).*, certified, gap FROM (SELECT k, sipp.assign(p, l, c, capacity) AS plan FROM costs GROUP BY k) q, sipp.plan_summary(plan) ORDER BY k COLLATE "C";
SELECT k, (proof(plan, format('(SELECT * FROM costs WHERE k = %L)', k))).*, certified, gap, paired = 18 AS full FROM (SELECT k, sipp.assign(p, l, c, capacity, NULL, places) AS plan FROM costs GROUP BY k) q, sipp.plan_summary(plan) ORDER BY k COLLATE "C";
-- a price of an empty place of any size, above and below all costs and between them
SELECT x, count(*), bool_and((proof(plan, format('(SELECT * FROM costs WHERE k = %L)', k))).worth_the_plan) AS worth_the_plan, bool_and((proof(plan, format('(SELECT * FROM costs WHERE k = %L)', k))).violated = 0) AS holds, bool_and(certified) AS certified
FROM (SELECT x, k, sipp.assign(p, l, c, capacity, x, places) AS plan FROM costs, unnest('{-1.7976931348623157e308,-1e12,-0.3,0,5e-324,0.3,1e12,1.7976931348623157e308}'::float8[]) x GROUP BY 1, 2) q, sipp.plan_summary(plan) GROUP BY 1 ORDER BY 1;
-- a changed price or pair is found
SELECT (proof(jsonb_set(plan::jsonb, path, to_jsonb((plan::jsonb #>> path)::numeric + x))::text::sipp.plan, '(SELECT * FROM costs WHERE k = ''sentinels'')')).*
FROM (SELECT sipp.assign(p, l, c, capacity) AS plan FROM costs WHERE k = 'sentinels') q, (VALUES ('{partners,0,3}'::text[], 1), ('{partners,0,3}', -1), ('{leads,0,2}', 1), ('{total_units}', -1)) v(path, x);
-- costs as units, with all digits
SELECT sipp.cost_units(0.1, 2 ^ -60), sipp.cost_units(-2.5, 1), sipp.cost_units(3.5, 1), sipp.cost_units(1e22, 1), sipp.cost_units(1.7976931348623157e308, 5e-324) % 1000007 AS rest, sipp.cost_units(1.234565, 2 ^ -20), sipp.cost_units(5e-324, 2 ^ 900);

-- sums beyond the largest number: no infinity, no error, and the sum is there in units
SELECT s.total_cost, s.bound, s.gap, s.certified, s.paired, s.total_units = 3 * sipp.cost_units(1.7976931348623157e308, s.quantum) AS in_units, s.notices
FROM (SELECT sipp.assign('p' || i, 'l' || i, 1.7976931348623157e308, 1) AS plan FROM generate_series(1, 3) i) q, sipp.plan_summary(plan) s;
-- the order of addition does not matter
SELECT s.total_cost FROM (SELECT sipp.assign('p' || i, 'l' || i, c, 1) AS plan FROM unnest('{1e300,1,-1e300,1e150,3,-1e150}'::float8[]) WITH ORDINALITY u(c, i)) q, sipp.plan_summary(plan) s;
-- neither does that of rows, nor the number of workers
CREATE TABLE many AS SELECT p || '-' || n AS p, l || '-' || n % 3 AS l, c * (1 + n / 7.0) AS c, capacity, places, p = 'p1' AND l = 'l1' AND n = 10 AS locked FROM costs, generate_series(1, 10) n WHERE k = 'sentinels';
ANALYZE many;
CREATE TABLE alone AS SELECT sipp.assign(p, l, c, capacity, 0.7, places, locked, 'greedy') AS plan, sipp.assign(p, l, c, capacity, NULL, places ORDER BY c DESC, p) AS other FROM many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
SELECT a.plan::text = m.plan::text AS with_all, a.other::text = m.other::text AS without FROM alone a,
	(SELECT sipp.assign(p, l, c, capacity, 0.7, places, locked, 'greedy') AS plan, sipp.assign(p, l, c, capacity, NULL, places) AS other FROM many) m;
RESET max_parallel_workers_per_gather;
RESET parallel_leader_participation;

-- several places (field 22): g1 gets two different leads
SELECT x.partner, x.place, x.lead, x.cost, x.runner_up, x.reason, x.relaxation
FROM (SELECT sipp.assign(p, l, c, 2, NULL, n) AS plan FROM (VALUES ('g1', 'a', 1.0, 2), ('g1', 'b', 5.0, 2), ('g2', 'a', 2.0, 1), ('g2', 'b', 3.0, 1), ('g3', 'a', 0.0, 3)) t(p, l, c, n)) q, LATERAL sipp.pairs(plan) x;
-- a place of which no lead is left
SELECT x.partner, x.place, x.lead, x.reason FROM (SELECT sipp.assign(p, l, c, 2, NULL, 3) AS plan FROM (VALUES ('g1', 'a', 1.0), ('g1', 'b', 5.0), ('g2', 'a', 2.0)) t(p, l, c)) q, LATERAL sipp.pairs(plan) x;
-- locked pairs are kept, whatever they cost, and count for neither prices nor capacity
SELECT x.partner, x.place, x.lead, x.cost, x.locked, x.runner_up, x.margin
FROM (SELECT sipp.assign(p, l, c, 1, NULL, 2, locked) AS plan FROM (VALUES ('a', 'x', 9.5, true), ('a', 'y', 1.0, false), ('b', 'x', 1.0, false), ('b', 'y', 2.0, NULL), ('b', 'z', NULL, true), ('c', 'z', 1.0, false)) t(p, l, c, locked)) q, LATERAL sipp.pairs(plan) x;
SELECT s.places, s.capacity, s.paired, s.unpaired, s.total_cost, s.total_units * s.quantum::numeric AS without_locked, s.bound, s.certified, s.notices
FROM (SELECT sipp.assign(p, l, c, 1, NULL, 2, locked) AS plan FROM (VALUES ('a', 'x', 9.5, true), ('a', 'y', 1.0, false), ('b', 'x', 1.0, false), ('b', 'y', 2.0, NULL), ('b', 'z', NULL, true), ('c', 'z', 1.0, false)) t(p, l, c, locked)) q, LATERAL sipp.plan_summary(plan) s;
SELECT c.* FROM (SELECT sipp.assign(p, l, c, 1, NULL, 2, locked) AS plan FROM (VALUES ('a', 'x', -9, true), ('a', 'y', 1.0, false), ('b', 'x', 1.0, false), ('b', 'y', 2.0, NULL)) t(p, l, c, locked)) q, LATERAL sipp.certificate(plan) c;
-- modes; sentinels do not blur what they compare
CREATE TABLE lure AS SELECT * FROM (VALUES ('a', 'x', 1.0), ('a', 'y', 1.25), ('b', 'x', 1.0000000001), ('b', 'y', 1e18), ('c', 'x', 0.5), ('c', 'z', 1e300)) t(p, l, c);
SELECT m, s.mode, s.paired, s.gap, s.certified, s.blocking_pairs, s.notices, (SELECT string_agg(partner || lead, ' ' ORDER BY partner) FROM sipp.pairs(plan) x) AS pairs
FROM (SELECT m, sipp.assign(p, l, c, 1, NULL, NULL, NULL, m) AS plan FROM lure, unnest('{optimal,stable,greedy,NULL}'::text[]) m GROUP BY m) q, sipp.plan_summary(plan) s ORDER BY m COLLATE "C";
SELECT s.paired, s.gap, s.certified, s.notices FROM (SELECT sipp.assign(p, l, c, 2, NULL, 1, false, 'stable') AS plan FROM lure) q, sipp.plan_summary(plan) s;
-- a stable plan that happens to be the cheapest is certified; with fewer pairs, an empty place has a price or none
SELECT s.paired, s.gap, s.certified, s.notices FROM (SELECT sipp.assign(p, l, c, 1, 10, 1, false, 'stable') AS plan FROM lure) q, sipp.plan_summary(plan) s;
SELECT s.paired, s.gap > 9e300 AS dearer, s.certified, s.notices FROM (SELECT sipp.assign(p, l, c, 1, 1e301, 1, false, 'stable') AS plan FROM lure) q, sipp.plan_summary(plan) s;
-- all options left away, or null
SELECT a.plan::text = b.plan::text AND b.plan::text = c.plan::text AND c.plan::text = e.plan::text AND e.plan::text = f.plan::text AS same FROM (SELECT sipp.assign(p, l, c, 1) AS plan FROM lure) a, (SELECT sipp.assign(p, l, c, 1, NULL) AS plan FROM lure) b, (SELECT sipp.assign(p, l, c, 1, NULL, NULL) AS plan FROM lure) c, (SELECT sipp.assign(p, l, c, 1, NULL, 1, NULL) AS plan FROM lure) e, (SELECT sipp.assign(p, l, c, 1, NULL, NULL, false, NULL) AS plan FROM lure) f;

-- errors
CREATE FUNCTION fails(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text;
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n  ', state || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
SELECT fails('SELECT sipp.assign(p, l, c, 1, NULL, n, k, m) FROM (VALUES ' || rows || ') v(p, l, c, n, k, m)') FROM unnest(ARRAY[
	$$('a', 'x', 1.0, 0, false, 'optimal')$$, $$('a', 'x', 1.0, 101, false, 'optimal')$$, $$('a', 'x', 1.0, -1, false, 'optimal')$$,
	$$('a', 'x', 1.0, 2, false, 'optimal'), ('a', 'y', 1, 3, false, 'optimal')$$, $$('a', 'x', 1.0, 2, false, 'optimal'), ('a', 'y', 1, NULL, false, 'optimal')$$,
	$$('a', 'x', 1.0, 1, false, 'best')$$, $$('a', 'x', 1.0, 1, false, 'optimal'), ('a', 'y', 1.0, 1, false, 'stable')$$, $$('a', 'x', 1.0, 1, false, '')$$,
	$$('a', 'x', 1.0, 1, true, 'optimal'), ('a', 'y', 1.0, 1, true, 'optimal')$$, $$('a', 'x', 1.0, 1, true, 'optimal'), ('b', 'x', 1.0, 1, true, 'optimal')$$,
	$$('a', 'x', 1.0, 1, true, 'optimal'), ('a', 'x', 1.0, 1, false, 'optimal')$$, $$('a', 'x', 'NaN'::float8, 1, true, 'optimal')$$]) rows;
SELECT fails('SELECT sipp.cost_units(' || args || ')') FROM unnest('{"''NaN'', 1","''Infinity'', 1","1, 0","1, -1","1, 3","1, ''NaN''","1, ''Infinity''","1, 0.00001"}'::text[]) args;
SELECT fails('SELECT sipp.assign(p, l, c, 1, NULL, 100) FROM (SELECT ''p'' || i AS p, NULL::text AS l, NULL::float8 AS c FROM generate_series(1, 10486) i) v');

-- filling more places than the cheapest plan is dearer, and no negative number of places
SELECT asked, paired, gap, notices
FROM unnest('{optimal,greedy}'::text[]) asked,
	LATERAL (SELECT sipp.assign(partner, lead, cost, 1, 30::float8, 1, false, asked) AS plan
			 FROM (VALUES ('a', 'x', 20::float8), ('b', 'x', 10), ('b', 'y', 29)) given (partner, lead, cost)) p,
	sipp.plan_summary(plan);
