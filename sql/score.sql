--
-- Room score: how good a pair is, and roles by evidence.
-- Figures are compared with a tolerance, never printed raw.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/nation.sql'
\set yardsticks :abs_srcdir '/sql/include/yardsticks.sql'
\set ECHO none
\i :helpers
\i :yardsticks
\set ECHO all
\pset null '(null)'

--
-- 1. One pair
--
CREATE TABLE score AS
SELECT a.id AS a, b.id AS b, x.* FROM nation a, nation b, scale, LATERAL sipp.pairing_score(school(a), school(b), scale, min_similarity => 0) x;
-- every pair by brute force: parts, and what each costs; -ln of a usable gap below 1e-5 is left to other tests
CREATE TABLE brute_score AS
SELECT a.id AS a, b.id AS b, ln(2) * (d / tenth) ^ 2 AS l_s, bg.g AS b_g, -ln(nullif(bg.g, 0)) AS l_g, c.c, km, CASE WHEN km IS NOT NULL THEN ln(1 + exp((km - 60) / 12)) END AS l_t,
	   phi_below((b.effect - a.effect) / s) AS p, teach.teach,
	   concat_ws('; ', CASE WHEN a.id = b.id THEN 'one and the same school' END,
		CASE WHEN a.role = 'none' THEN 'partner: takes no part (role none)' WHEN a.role = 'lead' THEN 'partner: role is lead' END,
		CASE WHEN b.role = 'none' THEN 'lead: takes no part (role none)' WHEN b.role IN ('partner', 'coasting') THEN 'lead: role is ' || b.role END,
		CASE WHEN a.sector <> b.sector THEN 'different sectors' END, CASE WHEN a.excludes @> ARRAY[b.id] OR b.excludes @> ARRAY[a.id] THEN 'excluded by one of the two' END,
		CASE WHEN a.cluster = b.cluster THEN 'same cluster' END, CASE WHEN a.authority = b.authority THEN 'same authority' END,
		CASE WHEN phi_below((b.effect - a.effect) / s) < 0.8 THEN 'lead not likely enough to be better' END, CASE WHEN a.sector <> b.sector THEN 'similarity not known' END) AS reason
FROM nation a CROSS JOIN nation b JOIN brute_tenth t ON t.sector = a.sector
	 LEFT JOIN (SELECT a, b, d FROM brute_pair UNION ALL SELECT id, id, 0 FROM nation) p ON p.a = a.id AND p.b = b.id
	 JOIN (SELECT sector, x, (x->>'target_gap')::float8 AS g FROM sectors) y ON y.sector = a.sector,
	 LATERAL (SELECT sqrt(a.effect_se ^ 2 + b.effect_se ^ 2) AS s, kilometres(a.lat, a.lon, b.lat, b.lon) AS km) m,
	 LATERAL (SELECT usable(b.effect - a.effect, s, y.g) AS g) bg,
	 LATERAL (SELECT CASE WHEN sum(need) > 0 THEN sum(need * u) / sum(need) END AS c FROM (
		SELECT greatest(0, -a.subjects[k]) AS need, usable(b.subjects[k] - a.subjects[k], sqrt(a.subjects_se[k] ^ 2 + b.subjects_se[k] ^ 2), (y.x->'subject_targets'->>(ARRAY['maths', 'english'])[k])::float8) AS u
		FROM generate_series(1, 2) k WHERE a.subjects IS NOT NULL AND b.subjects IS NOT NULL) v) c,
	 LATERAL (SELECT CASE WHEN a.subjects IS NOT NULL AND b.subjects IS NOT NULL THEN ARRAY(SELECT (ARRAY['maths', 'english'])[k] FROM generate_series(1, 2) k
		WHERE phi_below((a.subjects[k] - b.subjects[k]) / sqrt(a.subjects_se[k] ^ 2 + b.subjects_se[k] ^ 2)) >= 0.8 ORDER BY k) END AS teach) teach;
SELECT count(*), count(*) FILTER (WHERE eligible) BETWEEN 100 AND 1000 AS some_eligible, bool_and((partner, lead) = (a, b)) AS who, bool_and(coalesce(s.reason, '') = f.reason) AS reason, bool_and(eligible = (f.reason = '')) AS eligible,
	   bool_and(near(similarity, exp(-l_s))) AS similarity, bool_and(near(usable_gap, b_g, 1e-9)) AS usable_gap, bool_and(near(p_better, p, 1e-10)) AS p_better, bool_and(near(complementarity, c, 1e-9)) AS complementarity,
	   bool_and(partner_can_teach IS NOT DISTINCT FROM teach) AS can_teach, bool_and(near(s.km, f.km, 1e-10)) AS km, bool_and(near(travel, exp(-l_t), 1e-9)) AS travel
FROM score s JOIN brute_score f USING (a, b);
-- losses: weights .4 .3 .15 .15, those of missing parts going to the others; none above 20 times its weight
SELECT count(*), bool_and(near((losses->>'similarity')::float8, 0.4 / w * least(l_s, 20))) AS similarity, bool_and(near((losses->>'gap')::float8, 0.3 / w * least(l_g, 20), 1e-7)) FILTER (WHERE b_g > 1e-5) AS gap,
	   bool_and(near((losses->>'complementarity')::float8, 0.15 / w * CASE WHEN c > 0 THEN least(-ln(c), 20) END, 1e-7)) FILTER (WHERE c IS NULL OR c > 1e-5) AS complementarity, bool_and(near((losses->>'travel')::float8, 0.15 / w * CASE WHEN l_t > 20 THEN 20 ELSE l_t END, 1e-9)) AS travel,
	   bool_and((SELECT count(*) FROM jsonb_object_keys(losses)) = 2 + (c IS NOT NULL)::int + (f.km IS NOT NULL)::int) AS parts,
	   count(*) FILTER (WHERE c IS NULL) > 100 AND count(*) FILTER (WHERE c IS NOT NULL) > 100 AS both, count(*) FILTER (WHERE f.km IS NULL) > 100 AS without_place
FROM score s JOIN brute_score f USING (a, b), LATERAL (SELECT 0.7 + CASE WHEN c IS NULL THEN 0 ELSE 0.15 END + CASE WHEN f.km IS NULL THEN 0 ELSE 0.15 END AS w) w WHERE l_s IS NOT NULL;
-- the parts' losses add to the cost, and the score is the weighted geometric mean
SELECT count(*), bool_and(abs(cost - l) <= 1e-12 * greatest(cost, 1)) AS add_up, bool_and(near(s.score, exp(-l))) AS score
FROM score s, LATERAL (SELECT sum(value::float8) AS l FROM jsonb_each_text(losses)) x WHERE cost IS NOT NULL;
SELECT bool_and(cost IS NULL AND score IS NULL AND losses ? 'gap' AND NOT losses ? 'similarity') AS other_sector FROM score JOIN nation x ON x.id = a JOIN nation y ON y.id = b WHERE x.sector <> y.sector;
-- flags: what is missing, what is capped
SELECT bool_and(('complementarity missing' = ANY (flags)) = (complementarity IS NULL) AND ('travel missing' = ANY (flags)) = (km IS NULL) AND ('similarity missing' = ANY (flags)) = (similarity IS NULL)) AS missing,
	   bool_and(('gap capped' = ANY (flags)) = coalesce((losses->>'gap')::float8 / w > 20 - 1e-9, false)) AS capped, count(*) FILTER (WHERE 'gap capped' = ANY (flags)) > 10 AS some_capped
FROM score s, LATERAL (SELECT 0.3 / (0.7 + CASE WHEN complementarity IS NULL THEN 0 ELSE 0.15 END + CASE WHEN km IS NULL THEN 0 ELSE 0.15 END) AS w) w WHERE cost IS NOT NULL;
-- what has no side is the same both ways; P(better) and its opposite add to one
SELECT count(*), bool_and(near(s.similarity, t.similarity, 0) AND near(s.km, t.km, 0) AND near(s.travel, t.travel, 0)) AS symmetric, bool_and(near(s.p_better + t.p_better, 1)) AS opposite,
	   bool_and((s.usable_gap > t.usable_gap) = (s.p_better > 0.5)) FILTER (WHERE s.cost IS NOT NULL) AS one_sided
FROM score s JOIN score t ON (s.a, s.b) = (t.b, t.a) WHERE s.a < s.b;
-- NULL in, NULL out
SELECT sipp.pairing_score(NULL, school('S01'), scale) IS NULL AND sipp.pairing_score(school('S01'), NULL, scale) IS NULL AND sipp.pairing_score(school('S01'), school('S03'), NULL) IS NULL AS nothing FROM scale;

-- a scale that changes from row to row, to one of the same size and back
SELECT count(DISTINCT x.cost) AS costs, count(DISTINCT (k % 2, x.cost)) AS by_scale
FROM (SELECT k, sipp.context_scale(schools(), context_weights => w::jsonb) AS scale FROM unnest('{"{\"fsm\": 2}","{\"asn\": 2}","{\"fsm\": 2}","{\"asn\": 2}"}'::text[]) WITH ORDINALITY u (w, k)) s, LATERAL sipp.pairing_score(school('S08'), school('S11'), scale) x;

-- options, one at a time: what each makes of the reason, of the cost
CREATE FUNCTION base(p text, l text, OUT reason text, OUT cost float8, OUT score float8, OUT similarity float8, OUT p_better float8, OUT km float8, OUT losses jsonb) RETURNS record STABLE LANGUAGE sql AS
$$ SELECT x.reason, x.cost, x.score, x.similarity, x.p_better, x.km, x.losses FROM scale, LATERAL sipp.pairing_score(school(p), school(l), scale) x $$;
-- an allowed pair with all parts, and two schools of one authority, apart from which they are allowed
SELECT a AS p, b AS l FROM score WHERE eligible AND flags = '{}' AND p_better < 0.999 AND score > 0.05 ORDER BY a, b LIMIT 1 \gset
SELECT a AS p2, b AS l2 FROM score WHERE reason = 'same authority' ORDER BY a, b LIMIT 1 \gset
WITH b AS (SELECT * FROM base(:'p', :'l')), c AS (SELECT * FROM base(:'p2', :'l2')), one AS (SELECT school(:'p') AS p, school(:'l') AS l, school(:'p2') AS p2, school(:'l2') AS l2, scale FROM scale)
SELECT what, (o.x).eligible, (o.x).reason, as_expected FROM one, b, c, LATERAL (
	SELECT 'max_km at' AS what, x, near(x.cost, b.cost, 0) AS as_expected FROM sipp.pairing_score(p, l, scale, max_km => b.km) x
	UNION ALL SELECT 'max_km below', x, near(x.cost, b.cost, 0) FROM sipp.pairing_score(p, l, scale, max_km => b.km * (1 - 1e-9)) x
	UNION ALL SELECT 'min_p_better at', x, near(x.cost, b.cost, 0) FROM sipp.pairing_score(p, l, scale, min_p_better => b.p_better) x
	UNION ALL SELECT 'min_p_better above', x, near(x.cost, b.cost, 0) FROM sipp.pairing_score(p, l, scale, min_p_better => b.p_better + 1e-9) x
	UNION ALL SELECT 'min_similarity at', x, near(x.cost, b.cost, 0) FROM sipp.pairing_score(p, l, scale, min_similarity => b.similarity) x
	UNION ALL SELECT 'min_similarity above', x, near(x.cost, b.cost, 0) FROM sipp.pairing_score(p, l, scale, min_similarity => b.similarity + 1e-9) x
	UNION ALL SELECT 'min_score at', x, near(x.cost, b.cost, 0) FROM sipp.pairing_score(p, l, scale, min_score => b.score) x
	UNION ALL SELECT 'min_score above', x, near(x.cost, b.cost, 0) FROM sipp.pairing_score(p, l, scale, min_score => b.score + 1e-9) x
	UNION ALL SELECT 'all floors', x, near(x.cost, b.cost, 0) FROM sipp.pairing_score(p, l, scale, max_km => 0, min_p_better => 1, min_similarity => 1, min_score => 1) x
	UNION ALL SELECT 'weights', x, near(x.cost, (b.losses->>'similarity')::float8 / 0.4 * 0.75 + (b.losses->>'travel')::float8 / 0.15 * 0.25) FROM sipp.pairing_score(p, l, scale, weights => '{"similarity": 3, "gap": 0, "complementarity": 0, "travel": 1}') x
	UNION ALL SELECT 'one weight', x, near(x.cost, (b.cost + (b.losses->>'gap')::float8 / 0.3 * 0.7) / 1.7) FROM sipp.pairing_score(p, l, scale, weights => '{"gap": 1}') x
	UNION ALL SELECT 'weights null', x, near(x.cost, b.cost, 0) FROM sipp.pairing_score(p, l, scale, weights => NULL, max_km => NULL, target_gap => NULL) x
	UNION ALL SELECT 'target_gap', x, near(x.usable_gap, usable(n.effect - m.effect, sqrt(n.effect_se ^ 2 + m.effect_se ^ 2), 2), 1e-10) FROM sipp.pairing_score(p, l, scale, target_gap => 2) x, nation n, nation m WHERE n.id = x.lead AND m.id = x.partner
	UNION ALL SELECT 'half_km, spread_km', x, near(x.travel, 1 / (1 + exp((b.km - 100) / 30))) FROM sipp.pairing_score(p, l, scale, half_km => 100, spread_km => 30) x
	UNION ALL SELECT 'half_km at', x, near(x.travel, 0.5) FROM sipp.pairing_score(p, l, scale, half_km => b.km) x
	UNION ALL SELECT 'same authority', x, near(x.cost, c.cost, 0) FROM sipp.pairing_score(p2, l2, scale) x
	UNION ALL SELECT 'authority any', x, near(x.cost, c.cost, 0) AND NOT x.losses ? 'same_authority' FROM sipp.pairing_score(p2, l2, scale, authority => 'any') x
	UNION ALL SELECT 'authority prefer', x, near(x.cost, c.cost + 0.1) AND near(x.score, c.score, 0) AND x.losses->'same_authority' = '0.1' FROM sipp.pairing_score(p2, l2, scale, authority => 'prefer') x
	UNION ALL SELECT 'its cost', x, near(x.cost, c.cost + 2) FROM sipp.pairing_score(p2, l2, scale, authority => 'prefer', same_authority_cost => 2) x
	UNION ALL SELECT 'prefer, other authority', x, near(x.cost, b.cost, 0) FROM sipp.pairing_score(p, l, scale, authority => 'prefer', same_authority_cost => 2) x) o (what, x, as_expected);
-- every rule, from one allowed pair: what a school lacks, and what the other's data are for
CREATE FUNCTION ruled(p jsonb, l jsonb, VARIADIC options text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
	EXECUTE format('SELECT (sipp.pairing_score(($1 || $3)::text::sipp.school, ($2 || $4)::text::sipp.school, scale%s)).reason FROM scale', array_to_string('{""}' || options, ', '))
	INTO said USING school('S08')::jsonb - '{excludes,cluster}'::text[] || '{"role": "partner", "authority": "a", "lat": 56, "lon": -4, "effect": -1}', school('S11')::jsonb - '{excludes,cluster}'::text[] || '{"role": "lead", "authority": "b", "lat": 57, "lon": -4, "effect": 1}', p, l;
	RETURN said;
END $$;
SELECT what, ruled(p, l, VARIADIC o) FROM (VALUES
	('nothing', '{}'::jsonb, '{}'::jsonb, '{}'::text[]), ('coasting', '{"role": "coasting"}', '{"role": "either"}', '{}'),
	('no effect', '{"effect": null}', '{}', '{}'), ('no standard error', '{}', '{"effect_se": null}', '{}'), ('no context', '{"context": null}', '{}', '{}'), ('no size', '{}', '{"context": [1, 1, null]}', '{}'),
	('no profile', '{"deprivation": null}', '{"deprivation": null}', '{}'), ('no consent', '{"role": "none"}', '{}', '{}'), ('role', '{"role": "lead"}', '{"role": "coasting"}', '{}'), ('either', '{"role": "either"}', '{"role": "either"}', '{}'),
	('same school', '{"id": "S11"}', '{}', '{}'), ('sector', '{"sector": "primary"}', '{}', '{}'), ('no sector', '{"sector": null}', '{}', '{}'), ('new sector', '{"sector": "special"}', '{"sector": "special"}', '{}'),
	('excluded', '{"excludes": ["S11"]}', '{}', '{}'), ('excluded by the lead', '{}', '{"excludes": ["S08"]}', '{}'), ('excludes others', '{"excludes": ["S12"]}', '{"excludes": ["S99"]}', '{}'),
	('cluster', '{"cluster": "t"}', '{"cluster": "t"}', '{}'), ('authority', '{"authority": "b"}', '{}', '{}'), ('no authority', '{}', '{"authority": null}', '{}'), ('no authority, any', '{}', '{"authority": null}', '{authority => ''any''}'),
	('too far', '{}', '{}', '{max_km => 100}'), ('no place', '{"lat": null, "lon": null}', '{}', '{}'), ('no place, max_km', '{"lat": null, "lon": null}', '{}', '{max_km => 100}'),
	('not better', '{}', '{"effect": -1}', '{}'), ('as good', '{}', '{"effect": -1}', '{min_p_better => 0.5}'), ('not similar', '{}', '{}', '{min_similarity => 1}'), ('score', '{}', '{}', '{min_score => 1}')) v (what, p, l, o);
-- certainties: no standard errors, and the gap is within, at or beyond its target; zero distance
SELECT what, x.p_better, x.usable_gap, near((x.losses->>'gap')::float8, 0.3 / 0.85 * CASE WHEN m <= 0 THEN 20 ELSE -ln(least(m, 1)) END) AS loss, x.similarity, x.km, x.flags FROM scale, (VALUES ('half', 0.5), ('full', 1), ('more', 3), ('none', 0), ('worse', -1)) v (what, m),
	LATERAL sipp.pairing_score(sipp.school(id => 'a', sector => 'secondary', role => 'partner', authority => 'x', effect => 0, effect_se => 0, context => '{1,1,1}', context_names => '{fsm,asn,size}', deprivation => '{1,0,0,0,0}', lat => 90, lon => 10),
		sipp.school(id => 'b', sector => 'secondary', role => 'lead', authority => 'y', effect => m, effect_se => 0, context => '{1,1,1}', context_names => '{fsm,asn,size}', deprivation => '{1,0,0,0,0}', lat => 90, lon => -170), scale, target_gap => 1, min_p_better => 0) x;
-- at the poles, across the date line, at the antipodes: R = 6371.0088 km
SELECT what, near(x.km, expected, 1e-9) AS km FROM scale, (VALUES ('date line', 0, 179.5, 0, -179.5, radians(1) * 6371.0088), ('pole', 90, 0, 90, 123, 0), ('over the pole', 89, 0, 89, 180, radians(2) * 6371.0088), ('pole to pole', 90, 0, -90, 77, pi() * 6371.0088),
		('antipodes', 45, -3, -45, 177, pi() * 6371.0088), ('nearby', 56, -3, 56 + 1e-7, -3, radians(1e-7) * 6371.0088), ('same', 56, -3, 56, -3, 0), ('one meridian', 0, 180, 0, -180, 0)) v (what, a, b, c, d, expected),
	LATERAL sipp.pairing_score(sipp.school(id => 'a', lat => a, lon => b), sipp.school(id => 'b', lat => c, lon => d), scale) x;
-- a profile recoded from five bands to ten changes no score
SELECT count(*), bool_and(near(a.cost, b.cost, 1e-10)) AS same FROM (SELECT sipp.context_scale(ARRAY(SELECT (school(r)::jsonb || jsonb_build_object('deprivation', (SELECT jsonb_agg(s / 2 ORDER BY k) FROM unnest(r.deprivation) WITH ORDINALITY u (s, k), generate_series(1, 2))))::text::sipp.school FROM nation r)) AS fine) f,
	nation x JOIN nation y ON y.role = 'lead' AND x.role = 'partner' AND x.sector = y.sector, scale, LATERAL sipp.pairing_score(school(x), school(y), scale) a,
	LATERAL sipp.pairing_score((school(x)::jsonb || jsonb_build_object('deprivation', (SELECT jsonb_agg(s / 2 ORDER BY k) FROM unnest(x.deprivation) WITH ORDINALITY u (s, k), generate_series(1, 2))))::text::sipp.school,
		(school(y)::jsonb || jsonb_build_object('deprivation', (SELECT jsonb_agg(s / 2 ORDER BY k) FROM unnest(y.deprivation) WITH ORDINALITY u (s, k), generate_series(1, 2))))::text::sipp.school, fine) b;

-- scored by workers the same
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE TABLE stored_pair AS SELECT a.id AS p, b.id AS l, school(a) AS a, school(b) AS b, scale FROM nation a, nation b, scale WHERE a.sector = b.sector AND a.id <> b.id;
ANALYZE stored_pair;
SELECT plan_has('SELECT count((sipp.pairing_score(a, b, scale)).cost) FROM stored_pair', 'Parallel Seq Scan') AS parallel;
SELECT count(*), bool_and(near(x.cost, s.cost, 0)) AS same FROM (SELECT p, l, (sipp.pairing_score(a, b, scale)).cost FROM stored_pair OFFSET 0) x JOIN score s ON (s.a, s.b) = (p, l);

--
-- 2. Roles by evidence
--
CREATE FUNCTION role_of(effect float8, se float8, att float8, intake float8, trend float8, trend_se float8, sd float8, p_min float8, margin float8) RETURNS text LANGUAGE plpgsql AS $$
BEGIN	-- P(x > c) of normal x is above p where (mean - c)/se is above the normal quantile
	RETURN CASE WHEN phi_below((effect - margin * sd) / se) >= p_min THEN 'lead'
		WHEN phi_below((-effect - margin * sd) / se) >= p_min THEN CASE WHEN att >= 0.5 AND intake >= 0.5 AND phi_below(-trend / trend_se) >= p_min THEN 'coasting' ELSE 'partner' END
		ELSE 'none' END;
END $$;
CREATE TABLE evidence AS SELECT (noise(i, 'e', 400) - 200) / 100.0::float8 AS effect, (1 + noise(i, 'se', 80)) / 100.0::float8 AS se, noise(i, 'att', 5) / 4.0::float8 AS att, noise(i, 'int', 5) / 4.0::float8 AS intake,
	(noise(i, 't', 400) - 300) / 100.0::float8 AS trend, (1 + noise(i, 'tse', 80)) / 100.0::float8 AS trend_se FROM generate_series(1, 800) i;
SELECT m, p, count(*), count(DISTINCT sipp.pairing_role(effect, se, att, intake, trend, trend_se, 0.75, p, m)) AS roles,
	   bool_and(sipp.pairing_role(effect, se, att, intake, trend, trend_se, 0.75, p, m) = role_of(effect, se, att, intake, trend, trend_se, 0.75, p, m)) AS same
FROM evidence, (VALUES (0.25, 0.8), (0, 0.95), (1, 0.51)) v (m, p) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT bool_and(sipp.pairing_role(effect, se, att, intake, trend, trend_se, 0.75) = sipp.pairing_role(effect, se, att, intake, trend, trend_se, 0.75, p_min => 0.8, margin => 0.25)) AS defaults FROM evidence;
-- what is not known: no effect, no role; no evidence of coasting, partner; a margin of 0 needs no SD; certainties
SELECT sipp.pairing_role(NULL, 0.1, 0.5, 0.5, -1, 0.1, 1) AS no_effect, sipp.pairing_role(-2, NULL, 0.5, 0.5, -1, 0.1, 1) AS no_se, sipp.pairing_role(NULL, NULL, NULL, NULL, NULL, NULL, NULL) AS nothing,
	   sipp.pairing_role(-2, 0.1, 0.5, 0.5, -1, 0.1, 1) AS coasting, sipp.pairing_role(-2, 0.1, NULL, 0.5, -1, 0.1, 1) AS no_att, sipp.pairing_role(-2, 0.1, 0.5, NULL, -1, 0.1, 1) AS no_intake,
	   sipp.pairing_role(-2, 0.1, 0.5, 0.5, NULL, 0.1, 1) AS no_trend, sipp.pairing_role(-2, 0.1, 0.5, 0.5, -1, NULL, 1) AS no_trend_se, sipp.pairing_role(-2, 0.1, 0.5, 0.5, -1, 0.1, NULL, margin => 0) AS no_margin;
SELECT sipp.pairing_role(0.26, 0, 0, 0, 0, 0, 1) AS certain, sipp.pairing_role(0.25, 0, 0, 0, 0, 0, 1) AS at_margin, sipp.pairing_role(-0.26, 0, 0.5, 0.5, -0.001, 0, 1) AS falling, sipp.pairing_role(-0.26, 0, 0.5, 0.5, 0, 0, 1) AS level, sipp.pairing_role(1, 0.1, 0, 0, 0, 0, 0) AS no_spread;
