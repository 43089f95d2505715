--
-- What the tests of plans share, after nation.sql: plans under all kinds of options, and a
-- check of a plan as anybody could make it, by its pairs, prices and sipp.pairing_score.
--
-- A plan with these options; its schools under the options of the score and of the scale alone.
-- Without a floor of similarity, which would leave little to choose from, unless one is among them.
CREATE FUNCTION no_floor(options text) RETURNS text IMMUTABLE RETURN CASE WHEN options ~ 'min_similarity' THEN '' ELSE ', min_similarity => 0' END;
CREATE FUNCTION plan(options text DEFAULT '', s sipp.school[] DEFAULT schools()) RETURNS sipp.plan LANGUAGE plpgsql STABLE AS $$
DECLARE p sipp.plan;
BEGIN
	EXECUTE 'SELECT sipp.pairing_plan($1' || coalesce(', ' || nullif(options, ''), '') || no_floor(options) || ')' INTO p USING s;
	RETURN p;
END $$;
CREATE FUNCTION options_of(options text, names text) RETURNS text IMMUTABLE
RETURN (SELECT coalesce(string_agg(', ' || o, '' ORDER BY k), '') FROM regexp_split_to_table(options, '; ') WITH ORDINALITY u (o, k) WHERE o ~ ('^(' || names || ') '));
CREATE TYPE scored AS (a text, b text, x sipp.pair_score);
CREATE FUNCTION scored(options text, s sipp.school[]) RETURNS SETOF scored LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN QUERY EXECUTE 'WITH school AS MATERIALIZED (SELECT u AS s, d->>''id'' AS id, d->>''role'' AS role FROM unnest($1) u, LATERAL (SELECT u::jsonb AS d OFFSET 0) d)
		SELECT p.id, l.id, x FROM (SELECT sipp.context_scale($1' || options_of(options, 'context_weights|sector') || ') AS scale OFFSET 0) c, school p, school l, LATERAL sipp.pairing_score(p.s, l.s, scale' ||
		options_of(options, 'weights|authority|same_authority_cost|max_km|min_p_better|min_similarity|min_score|target_gap|half_km|spread_km') || no_floor(options) || ') x
		WHERE p.role IN (''partner'', ''coasting'', ''either'') AND l.role IN (''lead'', ''either'')' USING s;
END $$;

-- What is wrong with a plan, from its pairs, its summary, its prices and the scores of all pairs; '' if nothing.
-- Options are separated by semicolons.
CREATE FUNCTION wrong(p sipp.plan, options text DEFAULT '', s sipp.school[] DEFAULT schools()) RETURNS text LANGUAGE sql STABLE AS $$
WITH score AS MATERIALIZED (SELECT a, b, x, sipp.cost_units((x).cost, quantum) AS units FROM scored(options, s), sipp.plan_summary(p)),
	 pair AS MATERIALIZED (SELECT * FROM sipp.pairs(p)), report AS MATERIALIZED (SELECT * FROM sipp.plan_summary(p)), price AS MATERIALIZED (SELECT * FROM sipp.certificate(p)),
	 school AS MATERIALIZED (SELECT d->>'id' AS id, (d->>'capacity')::int AS capacity, d->>'role' AS role FROM unnest(s) u, LATERAL (SELECT u::jsonb AS d) d),
	 free AS (SELECT a, b, x, units FROM score WHERE (x).eligible AND b IN (SELECT id FROM school WHERE capacity > 0) AND NOT EXISTS (SELECT FROM pair k WHERE k.locked AND (k.partner, k.lead) = (a, b))),
	 made AS MATERIALIZED (SELECT k.*, s.x, s.units FROM pair k LEFT JOIN score s ON (a, b) = (partner, lead) WHERE partner IS NOT NULL AND lead IS NOT NULL),
	 other AS MATERIALIZED (SELECT f.* FROM free f WHERE NOT EXISTS (SELECT FROM made k WHERE (k.partner, k.lead) = (a, b))),
	 partner_worst AS (SELECT k.partner AS id, bool_or(k.lead IS NULL) AS empty, CASE WHEN bool_or(k.lead IS NULL) THEN max(unpaired_price) ELSE max(m.units) END AS worst
		FROM pair k CROSS JOIN report LEFT JOIN made m ON (m.partner, m.lead) = (k.partner, k.lead) WHERE k.place IS NOT NULL AND NOT k.locked GROUP BY 1),
	 lead_worst AS (SELECT p.lead AS id, CASE WHEN p.places > count(m.lead) THEN 'Infinity'::numeric ELSE max(m.units) END AS worst FROM price p LEFT JOIN made m ON m.lead = p.lead AND NOT m.locked WHERE p.kind = 'lead' GROUP BY p.lead, p.places),
	 blocking AS MATERIALIZED (SELECT a, b, i.worst - units + CASE WHEN j.worst = 'Infinity'::numeric THEN 0 ELSE j.worst - units END AS gain,
		CASE WHEN NOT i.empty THEN i.worst - units END AS partner_gain, CASE WHEN j.worst < 'Infinity'::numeric THEN j.worst - units END AS lead_gain FROM other JOIN partner_worst i ON i.id = a JOIN lead_worst j ON j.id = b WHERE units < i.worst AND units < j.worst)
SELECT concat_ws(', ',
	-- the pairs
	CASE WHEN EXISTS (SELECT FROM made WHERE NOT locked AND (x).eligible IS NOT TRUE) THEN 'a pair is not allowed' END,
	CASE WHEN EXISTS (SELECT FROM made GROUP BY partner, lead HAVING count(*) > 1) THEN 'a pair is there twice' END,
	CASE WHEN EXISTS (SELECT FROM made JOIN school ON id = lead GROUP BY lead, capacity HAVING count(*) > capacity) THEN 'capacity exceeded' END,
	CASE WHEN EXISTS (SELECT FROM made k WHERE (k.score, k.cost, k.similarity, k.usable_gap, k.p_better, k.complementarity, k.partner_can_teach, k.travel, k.km, k.losses)
		IS DISTINCT FROM ((x).score, (x).cost, (x).similarity, (x).usable_gap, (x).p_better, (x).complementarity, (x).partner_can_teach, (x).travel, (x).km, (x).losses) OR NOT k.flags @> (x).flags OR (NOT k.locked AND k.flags <> (x).flags)) THEN 'a pair scores otherwise' END,
	CASE WHEN EXISTS (SELECT FROM made, LATERAL (SELECT sum(value::float8) AS l FROM jsonb_each_text(losses)) l WHERE abs(l - cost) > 1e-12 * greatest(cost, 1)) THEN 'losses do not add to the cost' END,
	-- runners-up: the cheapest other lead allowed, with or without room
	CASE WHEN EXISTS (SELECT FROM pair k LEFT JOIN (SELECT a, min(units) AS units FROM other GROUP BY 1) o ON o.a = k.partner LEFT JOIN other r ON (r.a, r.b) = (k.partner, k.runner_up)
		WHERE k.place IS NOT NULL AND (o.units IS DISTINCT FROM r.units OR NOT near(k.margin, CASE WHEN k.lead IS NOT NULL THEN (r.x).cost - k.cost END, 1e-9))) THEN 'a runner-up is wrong' END,
	-- every school is there, with a reason where it has nobody
	CASE WHEN EXISTS (SELECT FROM school WHERE role IN ('partner', 'coasting', 'either') AND id NOT IN (SELECT partner FROM pair WHERE partner IS NOT NULL)) THEN 'a partner school is missing' END,
	CASE WHEN EXISTS (SELECT FROM pair WHERE (partner IS NULL OR lead IS NULL) <> (reason IS NOT NULL) OR (relaxation IS NOT NULL AND reason IS NULL)) THEN 'a reason is missing' END,
	-- the summary
	CASE WHEN (SELECT (paired, unpaired, places, partners) IS DISTINCT FROM (SELECT (count(lead), count(*) - count(lead), count(*), count(DISTINCT partner)) FROM pair WHERE place IS NOT NULL) FROM report) THEN 'counts are wrong' END,
	CASE WHEN (SELECT ineligible <> (SELECT count(*) FROM pair WHERE place IS NULL) FROM report) THEN 'ineligible is wrong' END,
	CASE WHEN (SELECT NOT (near(total_cost, coalesce(c, 0), 1e-10) AND near(mean_score, m, 1e-10) AND total_units = u) FROM report, (SELECT sum(cost) AS c, avg(score) AS m, coalesce(sum(units) FILTER (WHERE NOT locked), 0) AS u FROM made) m) THEN 'sums are wrong' END,
	CASE WHEN EXISTS (SELECT FROM (SELECT k, partner, lead, score, (SELECT key FROM jsonb_each_text(losses) WHERE key <> 'same_authority' ORDER BY value::float8 DESC LIMIT 1) AS weakest
			FROM (SELECT *, row_number() OVER (ORDER BY score, partner COLLATE "C", place) AS k FROM made) m WHERE k <= 5) m
		FULL JOIN (SELECT w.*, row_number() OVER () AS k FROM report, jsonb_to_recordset(worst) AS w (partner text, lead text, score float8, weakest text)) w USING (k)
		WHERE (m.partner, m.lead, m.score, m.weakest) IS DISTINCT FROM (w.partner, w.lead, w.score, w.weakest)) THEN 'worst pairs are wrong' END,
	CASE WHEN (SELECT blocking_pairs <> (SELECT count(*) FROM blocking) FROM report) THEN 'blocking pairs are miscounted' END,
	CASE WHEN EXISTS (SELECT FROM report, jsonb_to_recordset(blocking) AS n (partner text, lead text, partner_gain float8, lead_gain float8) LEFT JOIN blocking b ON (a, b) = (partner, lead)
		WHERE b.a IS NULL OR NOT near(n.partner_gain, b.partner_gain * quantum) OR NOT near(n.lead_gain, b.lead_gain * quantum)) THEN 'a blocking pair is wrong' END,
	CASE WHEN (SELECT jsonb_array_length(blocking) <> least(blocking_pairs, 20) OR (SELECT min(gain) FROM blocking JOIN jsonb_to_recordset(report.blocking) AS n (partner text, lead text) ON (a, b) = (partner, lead))
		< (SELECT max(gain) FROM blocking WHERE (a, b) NOT IN (SELECT partner, lead FROM jsonb_to_recordset(report.blocking) AS n (partner text, lead text))) FROM report) THEN 'blocking pairs named are not those that gain most' END,
	-- the proof
	CASE WHEN (SELECT certified <> coalesce(abs(gap) <= 1e-9 * total_cost, false) OR (mode = 'optimal' AND NOT certified) OR NOT (certified OR notices <> '{}') FROM report) THEN 'not certified' END,
	CASE WHEN EXISTS (SELECT FROM score LEFT JOIN price u ON u.kind = 'partner' AND u.partner = a LEFT JOIN price v ON v.kind = 'lead' AND v.lead = b LEFT JOIN price w ON w.kind = 'pair' AND (w.partner, w.lead) = (a, b)
		WHERE (x).eligible AND b IN (SELECT id FROM school WHERE capacity > 0) AND (u.price + v.price + coalesce(w.price, 0) <= units) IS NOT TRUE) THEN 'a pair is cheaper than its prices' END,
	CASE WHEN EXISTS (SELECT FROM price, report WHERE price > CASE WHEN kind = 'partner' THEN unpaired_price ELSE 0 END) THEN 'a price has the wrong sign' END,
	CASE WHEN EXISTS (SELECT FROM price JOIN school ON id = lead WHERE kind = 'lead' AND places <> capacity - (SELECT count(*) FROM made WHERE locked AND made.lead = price.lead) AND places <> 0)
		OR EXISTS (SELECT FROM price WHERE kind = 'partner' AND places <> (SELECT count(*) FROM pair WHERE place IS NOT NULL AND NOT locked AND pair.partner = price.partner)) THEN 'a price counts the wrong number of places' END,
	(SELECT CASE WHEN mode = 'optimal' AND d <> t THEN 'the prices do not add to the cost' WHEN d > t THEN 'the prices add to more than the cost' END FROM report, (SELECT coalesce(sum(places * price), 0) AS d FROM price) d,
		LATERAL (SELECT total_units + unpaired_price * unpaired AS t) t),
	CASE WHEN (SELECT mode = 'optimal' AND NOT near(bound, total_cost, 1e-12) FROM report) THEN 'the bound is not the cost' END)
$$;
-- the figures of a plan that can be printed
CREATE FUNCTION figures(p sipp.plan, OUT mode text, OUT partners bigint, OUT places bigint, OUT leads bigint, OUT capacity bigint, OUT paired bigint, OUT unpaired bigint, OUT ineligible bigint, OUT blocking bigint) STABLE LANGUAGE sql AS
$$ SELECT mode, partners, places, leads, capacity, paired, unpaired, ineligible, blocking_pairs FROM sipp.plan_summary(p) $$;

-- A school by itself, with what is to be another way.
CREATE FUNCTION small(id text, role text, more jsonb DEFAULT '{}') RETURNS sipp.school IMMUTABLE
RETURN (jsonb_build_object('version', 1, 'id', id, 'role', role, 'sector', 's', 'authority', 'council ' || id, 'effect', CASE role WHEN 'lead' THEN 1 ELSE -1 END, 'effect_se', 0.25, 'context', jsonb_build_array(ascii(id)), 'lat', 56, 'lon', -4) || more)::text::sipp.school;

-- Plans of the nation.
CREATE TABLE plans AS SELECT k, options, plan(replace(options, '; ', ', ')) AS plan FROM unnest(ARRAY['', 'mode => ''stable''', 'mode => ''greedy''',
	'weights => ''{"similarity": 1, "travel": 0}''', 'context_weights => ''{"fsm": 3, "deprivation": 0}''', 'authority => ''any''', 'authority => ''prefer''', 'authority => ''prefer''; same_authority_cost => 1', 'sector => ''any''',
	'max_km => 90', 'min_p_better => 0.95', 'min_p_better => 0', 'min_similarity => 0.4', 'min_score => 0.3', 'unpaired_cost => 0.9', 'unpaired_cost => 0', 'unpaired_cost => 1e300', 'target_gap => 0.25', 'half_km => 30; spread_km => 40',
	'supports_per_partner => 2', 'supports_per_partner => 3; unpaired_cost => 1.2', 'supports_per_partner => 2; mode => ''stable''', 'supports_per_partner => 2; mode => ''greedy''; unpaired_cost => 1',
	'sector => ''any''; authority => ''any''; min_p_better => 0; supports_per_partner => 25', 'max_km => 120; min_p_better => 0.9; min_similarity => 0.2; min_score => 0.1; mode => ''greedy''']) WITH ORDINALITY u (options, k);
