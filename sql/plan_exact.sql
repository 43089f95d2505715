--
-- Plans of schools whose costs differ by less than any rounding: the cheapest, exactly.
--
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;

-- Schools nearly alike: all that tells one from another is a millionth of an effect, by `apart`.
CREATE FUNCTION pseudo(k int, salt int) RETURNS float8 IMMUTABLE RETURN (((k * 7919 + salt * 104729) * 1103515245::bigint + 12345) % 1000003) / 1000003.0;
CREATE FUNCTION nearly(salt int, n int, apart float8, capacity int DEFAULT 1) RETURNS sipp.school[] STABLE LANGUAGE sql AS $$
	SELECT array_agg(sipp.school(id => side || i, sector => 's', authority => side, role => side, consent => true, capacity => capacity,
		effect => CASE side WHEN 'lead' THEN 0.3 ELSE -0.3 END + apart * pseudo(i, salt + length(side)), effect_se => 0.1 + apart * pseudo(i, 50 + salt + length(side)),
		context => ARRAY[1 + apart * pseudo(i, 99 + salt)], context_names => '{fsm}', lat => 56 + apart * pseudo(i, 7 * salt + length(side)), lon => -4) ORDER BY pseudo(i, 1000 + salt))
	FROM generate_series(1, n) i, unnest('{partner,lead}'::text[]) side $$;

-- the same problem with the costs of sipp.pairing_score, which sipp.assign solves as given
CREATE FUNCTION by_costs(s sipp.school[], unpaired float8 DEFAULT NULL, supports int DEFAULT 1, mode text DEFAULT 'optimal') RETURNS sipp.plan STABLE LANGUAGE sql AS $$
	WITH school AS MATERIALIZED (SELECT u AS s, d->>'id' AS id, d->>'role' AS role, (d->>'capacity')::int AS capacity FROM unnest(s) u, LATERAL (SELECT u::jsonb AS d OFFSET 0) d)
	SELECT sipp.assign(p.id, l.id, CASE WHEN x.eligible THEN x.cost END, l.capacity, unpaired, supports, false, mode)
	FROM (SELECT sipp.context_scale(s) AS scale OFFSET 0) c, school p, school l, LATERAL sipp.pairing_score(p.s, l.s, scale) x WHERE p.role = 'partner' AND l.role = 'lead' $$;

CREATE TABLE trial AS SELECT salt, apart, supports, unpaired, sipp.pairing_plan(s, supports_per_partner => supports, unpaired_cost => unpaired) AS plan, by_costs(s, unpaired, supports) AS by_costs, s
FROM generate_series(1, 8) salt, unnest('{1e-6,1e-9,1e-3}'::float8[]) apart, (VALUES (1, NULL::float8, 1), (2, NULL, 2), (1, 0.02, 1)) v (supports, unpaired, capacity), LATERAL (SELECT nearly(salt, 12, apart, capacity) AS s OFFSET 0) n;
SELECT apart, supports, t.unpaired, count(*) AS plans, bool_and((a.total_cost, a.paired) = (b.total_cost, b.paired)) AS cheapest, bool_and(a.certified AND a.bound = a.total_cost AND a.gap = 0) AS certified, bool_and(a.paired = 0) AS nobody
FROM trial t, sipp.plan_summary(plan) a, sipp.plan_summary(by_costs) b GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- with the proof that anybody can make
SELECT count(*) AS plans, bool_and(violated = 0) AS none_violated, bool_and(worth = total_units + unpaired_price * r.unpaired) AS worth_the_same
FROM trial, sipp.plan_summary(plan) r, LATERAL (SELECT sum(places * price) AS worth FROM sipp.certificate(plan)) w,
	LATERAL (WITH school AS MATERIALIZED (SELECT u AS s, d->>'id' AS id, d->>'role' AS role FROM unnest(s) u, LATERAL (SELECT u::jsonb AS d OFFSET 0) d), price AS MATERIALIZED (SELECT * FROM sipp.certificate(plan))
		SELECT count(*) FILTER (WHERE u.price + v.price + coalesce(w.price, 0) > sipp.cost_units(x.cost, quantum)) AS violated
		FROM (SELECT sipp.context_scale(s) AS scale OFFSET 0) c, school p CROSS JOIN school l JOIN price u ON u.kind = 'partner' AND u.partner = p.id JOIN price v ON v.kind = 'lead' AND v.lead = l.id
			LEFT JOIN price w ON w.kind = 'pair' AND (w.partner, w.lead) = (p.id, l.id), LATERAL sipp.pairing_score(p.s, l.s, scale) x WHERE x.eligible) p;
-- the other modes compare costs to the last bit: no pair blocks a stable plan
SELECT t.mode, count(*) AS plans, bool_and((SELECT array_agg((partner, lead)::text) FROM sipp.pairs(a)) = (SELECT array_agg((partner, lead)::text) FROM sipp.pairs(b))) AS as_by_costs, bool_and(r.blocking_pairs = 0) AS none_blocking, bool_or(NOT r.certified AND r.gap > 0) AS dearer
FROM (SELECT mode, sipp.pairing_plan(s, mode => mode) AS a, by_costs(s, mode => mode) AS b FROM trial, unnest('{stable}'::text[]) mode WHERE apart < 1e-4 AND supports = 1) t, sipp.plan_summary(a) r GROUP BY 1 ORDER BY 1;
-- the order of schools does not matter
SELECT bool_and(sipp.pairing_plan(ARRAY(SELECT u FROM unnest(s) u ORDER BY u::text))::text = sipp.pairing_plan(s)::text) AS same FROM trial WHERE supports = 1;

-- more pairs cost the same than can be listed: proven all the same where the schools of a side are one like the other,
SELECT n, r.paired, r.certified, r.gap = 0 AND r.bound = r.total_cost AS no_gap, (SELECT sum(places * price) FROM sipp.certificate(plan)) = r.total_units + r.unpaired_price * r.unpaired AS worth_the_same, (r.notices::text ~ 'too many') AS too_many
FROM unnest('{100,400}'::int[]) n, LATERAL (SELECT sipp.pairing_plan(nearly(1, n, 0), unpaired_cost => CASE n WHEN 400 THEN 5 END) AS plan) p, sipp.plan_summary(plan) r;
-- otherwise what rounding leaves open is the gap
SELECT r.paired, r.certified, r.gap > 0 AND r.gap < 400 * 6e-11 AS small_gap, r.total_cost - r.bound BETWEEN r.gap - 1e-15 AND r.gap + 1e-15 AS bound_below, notices[1] ~ '^too many pairs cost nearly the same to tell the cheapest plan: this one costs at most 2.3' AS notice,
	(SELECT sum(places * price) FROM sipp.certificate(plan)) = r.total_units + r.unpaired_price * r.unpaired AS worth_the_same
FROM (SELECT sipp.pairing_plan(ARRAY(SELECT (u::jsonb || CASE WHEN u::jsonb->>'id' ~ 'lead.*[02468]$' THEN '{"effect": 0.35}' ELSE '{}' END::jsonb)::text::sipp.school FROM unnest(nearly(1, 400, 0)) u)) AS plan) p, sipp.plan_summary(plan) r;
