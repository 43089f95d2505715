--
-- Room plan: the national plan.  Every plan is checked as anybody could check it: its
-- pairs and prices against sipp.pairing_score of all pairs, in SQL (wrong() says what is).
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set nation :abs_srcdir '/sql/include/nation.sql'
\set helpers :abs_srcdir '/sql/include/plan.sql'
\set ECHO none
\i :nation
\i :helpers
\set ECHO all
\pset null '(null)'

--
-- 1. Every option, every mode
--
SELECT options, f.*, wrong(plan, options) FROM plans, LATERAL figures(plan) f ORDER BY k;
-- NULL for an option whose default is NULL is that default
SELECT plan('weights => NULL, context_weights => NULL, max_km => NULL, unpaired_cost => NULL, target_gap => NULL, locked => NULL')::text = plan::text AS defaults, plan('locked => ''{}''')::text = plan::text AS nothing_locked FROM plans WHERE k = 1;
-- optimal costs no more than the others, which have the properties that they are named for
SELECT x.options, t.total_units + t.unpaired * t.unpaired_price >= o.total_units + o.unpaired * o.unpaired_price AS not_cheaper, t.blocking_pairs = 0 AS none_blocking, near(t.bound, o.total_cost) AS bound
FROM plans p, plans x, sipp.plan_summary(p.plan) o, sipp.plan_summary(x.plan) t WHERE (p.k, x.k) IN ((1, 2), (1, 3), (20, 22)) ORDER BY x.k;
-- greedy by brute force: the neediest partner first takes the cheapest lead with room
CREATE FUNCTION by_hand(s sipp.school[]) RETURNS TABLE (p text, l text) LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	CREATE TEMP TABLE hand (p text, l text);
	CREATE TEMP TABLE could AS SELECT a, b, (x).cost AS units FROM scored('', s) WHERE (x).eligible;
	FOR r IN SELECT id FROM nation WHERE role IN ('partner', 'coasting', 'either') ORDER BY effect, id COLLATE "C" LOOP
		INSERT INTO hand SELECT a, b FROM could JOIN nation n ON n.id = b WHERE a = r.id AND units < 9e15 AND n.capacity > (SELECT count(*) FROM hand h WHERE h.l = b) ORDER BY units, b COLLATE "C" LIMIT 1;
	END LOOP;
	RETURN QUERY SELECT * FROM hand;
END $$;
SELECT count(*), count(*) FILTER (WHERE h.l = x.lead) AS same FROM plans, LATERAL sipp.pairs(plan) x FULL JOIN by_hand(schools()) h ON h.p = x.partner WHERE k = 3 AND x.lead IS NOT NULL AND x.partner IS NOT NULL;
-- a plan of its text is the plan, and as a document
SELECT count(*), bool_and(plan::text::sipp.plan::text = plan::text AND sipp.plan_send(plan::text::sipp.plan) = sipp.plan_send(plan) AND plan::jsonb::text = plan::text) AS same FROM plans;
-- either school: helped and helping at a time, by others
SELECT count(DISTINCT id) > 0 AS both_sides, bool_and(x.lead <> y.partner) AS of_others FROM plans, nation n, LATERAL sipp.pairs(plan) x, LATERAL sipp.pairs(plan) y WHERE k = 6 AND n.role = 'either' AND x.partner = id AND y.lead = id AND x.lead IS NOT NULL;
-- rows: places of each partner in the order of ids, then who can take no part
SELECT bool_and(rank = at) AS in_order FROM (SELECT row_number() OVER () AS at, row_number() OVER (ORDER BY place IS NULL, coalesce(partner, lead) COLLATE "C", place) AS rank FROM plans, LATERAL sipp.pairs(plan) WHERE k = 20) r;
SELECT DISTINCT place, locked FROM plans, LATERAL sipp.pairs(plan) WHERE k = 20 ORDER BY 1;

-- a plan that somebody tampered with fails the same check
CREATE FUNCTION tamper(p sipp.plan, path text[], by numeric) RETURNS sipp.plan IMMUTABLE
RETURN jsonb_set(p::jsonb, path, to_jsonb((p::jsonb #>> path)::numeric + by))::text::sipp.plan;
SELECT what, wrong(tamper(plan, path, by), options) FROM plans, (VALUES (1, 'a partner''s price up', '{partners,0,3}'::text[], 1), (1, 'and down', '{partners,0,3}', -1), (1, 'a lead''s price up', '{leads,0,2}', 1e30), (1, 'and down', '{leads,1,2}', -1),
	(1, 'the cost down', '{total_units}', -1), (1, 'the price of an empty place', '{unpaired_price}', -1e30), (1, 'a capacity', '{leads,0,1}', 1), (20, 'a pair''s price', '{pair_prices,0,3}', -1), (20, 'places', '{partners,0,2}', 1)) v (at, what, path, by) WHERE at = k ORDER BY k, path, by;
-- a greedy plan that says to be optimal; a plan of other schools, of other options
SELECT what, wrong(x, options) FROM plans, LATERAL (VALUES (3, 'greedy as optimal', (plan::jsonb || '{"mode": "optimal"}')::text::sipp.plan), (9, 'of pooled sectors', (SELECT plan FROM plans WHERE k = 1)), (10, 'without max_km', (SELECT plan FROM plans WHERE k = 1)),
	(1, 'uncertified', (plan::jsonb || '{"certified": false}')::text::sipp.plan)) v (at, what, x) WHERE at = k ORDER BY k;
-- two leads swapped
SELECT wrong(replace(replace(replace(plan::text, '["' || a || '",', '["?",'), '["' || b || '",', '["' || a || '",'), '["?",', '["' || b || '",')::sipp.plan) <> '' AS found
FROM plans, LATERAL (SELECT min(lead) AS a, max(lead) AS b FROM sipp.pairs(plan) WHERE partner IS NOT NULL) l WHERE k = 1;

--
-- 2. The optimum, by trying every plan: 20 nations of 5 partners and 4 leads
--
CREATE FUNCTION few(n int) RETURNS sipp.school[] STABLE
RETURN ARRAY((SELECT (school(r)::jsonb || '{"role": "partner"}')::text::sipp.school FROM nation r WHERE role IN ('partner', 'coasting', 'either') AND sector = 'secondary' ORDER BY noise(n, id, 1000000) LIMIT 5)
	UNION ALL (SELECT (school(r)::jsonb || jsonb_build_object('role', 'lead', 'capacity', noise(n, id || 'capacity', 3)))::text::sipp.school FROM nation r WHERE role = 'lead' AND sector = 'secondary' ORDER BY noise(n, id, 1000000) LIMIT 4));
-- least sum of units + price of empty places, over all sets of pairs that keep to capacities and supports
CREATE FUNCTION cheapest(options text, s sipp.school[], price numeric, quantum float8, supports int) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS pg_temp.lead, pg_temp.choice, pg_temp.best;
	CREATE TEMP TABLE lead AS SELECT row_number() OVER () AS j, d->>'id' AS id, (d->>'capacity')::int AS capacity FROM unnest(s) u, LATERAL (SELECT u::jsonb AS d) d WHERE d->>'role' = 'lead';
	-- a partner's choices: any set of allowed leads, as places used of each of the four
	CREATE TEMP TABLE choice AS
	WITH score AS MATERIALIZED (SELECT a, j, sipp.cost_units((x).cost, quantum) AS units FROM scored(options, s) JOIN lead ON id = b WHERE (x).eligible)
	SELECT i, used, cost + price * (supports - wanted) AS cost
	FROM (SELECT row_number() OVER () AS i, d->>'id' AS id FROM unnest(s) u, LATERAL (SELECT u::jsonb AS d) d WHERE d->>'role' = 'partner') p, generate_series(0, 15) m,
		 LATERAL (SELECT ARRAY[m & 1, (m >> 1) & 1, (m >> 2) & 1, (m >> 3) & 1] AS used) u,
		 LATERAL (SELECT count(*) AS n, coalesce(sum(units), 0) AS cost FROM score WHERE a = id AND used[j] = 1) c, LATERAL (SELECT sum(k) AS wanted FROM unnest(used) k) w
	WHERE n = wanted AND n <= supports;
	CREATE TEMP TABLE best AS SELECT (SELECT array_agg(capacity ORDER BY j) FROM lead) AS room, 0::numeric AS cost, 0 AS i;
	FOR k IN 1 .. 5 LOOP
		INSERT INTO best SELECT r, min(b.cost + c.cost), k FROM best b JOIN choice c ON c.i = k, LATERAL (SELECT ARRAY[room[1] - used[1], room[2] - used[2], room[3] - used[3], room[4] - used[4]] AS r) r
		WHERE b.i = k - 1 AND 0 <= ALL (r) GROUP BY 1;
	END LOOP;
	RETURN (SELECT min(cost) FROM best WHERE i = 5);
END $$;
SET client_min_messages = warning;
SELECT options, count(*), bool_and(t.total_units + t.unpaired_price * t.unpaired = cheapest(options, s, t.unpaired_price, t.quantum, supports)) AS optimal, count(*) FILTER (WHERE unpaired > 0) > 2 AS some_unpaired
FROM (VALUES ('', 1), ('min_p_better => 0', 1), ('unpaired_cost => 0.8', 1), ('supports_per_partner => 2', 2), ('supports_per_partner => 3; unpaired_cost => 1; min_p_better => 0; authority => ''any''', 3)) o (options, supports),
	generate_series(1, 8) n, LATERAL (SELECT few(n) AS s OFFSET 0) f, LATERAL sipp.plan_summary(plan(replace(options, '; ', ', '), s)) t GROUP BY 1, supports ORDER BY supports, 1;
RESET client_min_messages;

--
-- 3. What a plan does not depend on, and how it changes
--
-- the order of schools, and whether they were stored as text
SELECT count(*), bool_and(plan(replace(options, '; ', ', '), ARRAY(SELECT school(r) FROM nation r ORDER BY noise(k, r.id, 1000000)))::text = plan::text) AS shuffled,
	   bool_and(plan(replace(options, '; ', ', '), ARRAY(SELECT u::text::sipp.school FROM unnest(schools()) u))::text = plan::text) AS printed
FROM plans WHERE k IN (1, 2, 3, 10, 15, 20, 23);
-- raising a capacity never raises cost + price of empty places; an exclusion never lowers it
CREATE FUNCTION value_of(options text, change jsonb DEFAULT '{}', of text DEFAULT '') RETURNS numeric STABLE LANGUAGE sql AS
$$ SELECT t.total_units + t.unpaired_price * t.unpaired::numeric FROM sipp.plan_summary(plan(options, ARRAY(SELECT CASE WHEN id = of THEN (school(r)::jsonb || change)::text::sipp.school ELSE school(r) END FROM nation r))) t $$;
SELECT o.options, count(*), bool_and(v.value <= was) AS never_dearer, count(*) FILTER (WHERE v.value < was) > 0 AS some_cheaper
FROM (SELECT options, value_of(options) AS was FROM unnest('{max_km => 90,"supports_per_partner => 2, unpaired_cost => 1"}'::text[]) options OFFSET 0) o, nation n, LATERAL (SELECT value_of(options, jsonb_build_object('capacity', capacity + 1), id) AS value OFFSET 0) v WHERE role = 'lead' GROUP BY 1 ORDER BY 1;
SELECT count(*), bool_and(v.value >= was) AS never_cheaper, count(*) FILTER (WHERE v.value > was) > 10 AS most_dearer, bool_and(v.value = value_of('', jsonb_build_object('excludes', jsonb_build_array(x.partner)), x.lead)) AS either_side
FROM (SELECT value_of('') AS was OFFSET 0) w, plans, LATERAL sipp.pairs(plan) x JOIN nation n ON n.id = x.partner JOIN nation m ON m.id = x.lead, LATERAL (SELECT value_of('', jsonb_build_object('excludes', jsonb_build_array(x.lead)), x.partner) AS value OFFSET 0) v
WHERE k = 1 AND n.excludes IS NULL AND m.excludes IS NULL;
-- schools that can take no part, and of which nothing is known, change nothing
SELECT plan('', schools() || sipp.school(id => '~none') || sipp.school(id => '~unknown', sector => 'secondary', role => 'partner'))::jsonb - '{ineligible,notices}'::text[] = plan::jsonb - '{ineligible,notices}'::text[] AS same FROM plans WHERE k = 1;
