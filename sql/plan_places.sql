--
-- Room plan: locked pairs, empty places with their reasons and what would fill them, and
-- the ends of the earth.
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
-- 1. Locked pairs
--
-- two pairs of last year: one that is allowed, one that breaks three rules
CREATE TABLE locks AS SELECT (SELECT ARRAY[a, b] FROM scored('', schools()) JOIN plans ON k = 1 WHERE (x).eligible AND (a, b) NOT IN (SELECT partner, lead FROM sipp.pairs(plan) WHERE partner || lead IS NOT NULL) ORDER BY a, b LIMIT 1) AS good,
	(SELECT ARRAY[a, b] FROM scored('max_km => 90', schools()) WHERE (x).reason = 'same authority; too far apart; lead not likely enough to be better' ORDER BY a, b LIMIT 1) AS bad;
CREATE TABLE locked_plans AS SELECT options, plan(replace(options, '; ', ', '), schools()) AS was, plan(replace(options, '; ', ', ') || ', locked => ' || quote_literal(ARRAY[bad, good]::text), schools()) AS plan
FROM locks, unnest(ARRAY['max_km => 90', 'max_km => 90; supports_per_partner => 2', 'max_km => 90; supports_per_partner => 2; unpaired_cost => 1', 'max_km => 90; mode => ''stable''', 'max_km => 90; mode => ''greedy''; supports_per_partner => 2']) options;
SELECT options, f.*, wrong(plan, options) FROM locked_plans, LATERAL figures(plan) f;
SELECT options, partner = good[1] AS good, place, locked, reason, array_remove(array_remove(flags, 'complementarity missing'), 'travel missing') AS flags FROM locks, locked_plans, LATERAL sipp.pairs(plan) x WHERE x.locked AND ARRAY[partner, lead] IN (good, bad) ORDER BY 1, 2;
SELECT options, (SELECT array_agg(n) FROM sipp.plan_summary(plan), unnest(notices) n WHERE n LIKE '%locked%') AS notices FROM locked_plans WHERE options = 'max_km => 90';
-- a locked pair counts for nothing in the proof, and the whole of a plan locked is that plan
SELECT options, kind, places FROM locks, locked_plans, LATERAL sipp.certificate(plan) WHERE kind = 'partner' AND partner = good[1] ORDER BY 1;
SELECT s.unpaired = t.unpaired AND near(s.total_cost, t.total_cost) AND s.total_units = 0 AS same, wrong(l.plan) FROM plans p, LATERAL (SELECT plan('locked => ' || quote_literal((SELECT array_agg(ARRAY[partner, lead]) FROM sipp.pairs(p.plan) WHERE place IS NOT NULL AND lead IS NOT NULL)::text)) AS plan OFFSET 0) l,
	LATERAL sipp.plan_summary(l.plan) s, LATERAL sipp.plan_summary(p.plan) t WHERE k = 1;
-- one who could take no part but for its locked pair has that one only
SELECT partner, lead, locked, place, cost IS NULL AS unknown, reason, flags FROM sipp.pairs(plan('locked => ''{{a,S03}}'', supports_per_partner => 2', schools() || sipp.school(id => 'a', sector => 'secondary', role => 'partner'))) WHERE partner = 'a';

--
-- 2. Who has nobody, why, and what would change that
--
-- Follow a relaxation: does the school get a lead then?  Others that wait as well may be quicker, so that they give up first.
CREATE FUNCTION set_option(options text, name text, value text) RETURNS text IMMUTABLE
RETURN concat_ws('; ', nullif((SELECT string_agg(o, '; ' ORDER BY k) FROM regexp_split_to_table(options, '; ') WITH ORDINALITY u (o, k) WHERE o !~ ('^' || name || ' ') AND o <> ''), ''), name || ' => ' || value);
CREATE FUNCTION follow(options text, s sipp.school[], of text, relaxation text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
	m text[];
	before bigint := (SELECT count(lead) FROM sipp.pairs(plan(replace(options, '; ', ', '), s)) WHERE partner = of);
	at text := substring(relaxation FROM 'one more place at ([^ ]+)');
BEGIN
	s := ARRAY(SELECT CASE WHEN w.partner IS NULL THEN u ELSE (u::jsonb || jsonb_build_object('role', CASE w.role WHEN 'either' THEN 'lead' ELSE 'none' END))::text::sipp.school END
		FROM unnest(s) u LEFT JOIN (SELECT partner, min(role) AS role FROM sipp.pairs(plan(replace(options, '; ', ', '), s)) WHERE partner <> of AND place IS NOT NULL GROUP BY 1 HAVING count(lead) = 0) w ON w.partner = u::jsonb->>'id');
	FOR m IN SELECT regexp_matches(relaxation, '(max_km|min_p_better|min_similarity|min_score|unpaired_cost) [<>]= ([0-9.e+-]*[0-9])', 'g') LOOP
		options := set_option(options, m[1], m[2]);
	END LOOP;
	IF relaxation LIKE 'authority => ''prefer''%' THEN
		options := set_option(options, 'authority', '''prefer''');
	END IF;
	IF at IS NOT NULL THEN
		s := ARRAY(SELECT CASE WHEN u::jsonb->>'id' = at THEN jsonb_set(u::jsonb, '{capacity}', to_jsonb((u::jsonb->>'capacity')::int + 1))::text::sipp.school ELSE u END FROM unnest(s) u);
	END IF;
	RETURN (SELECT CASE WHEN count(lead) > before THEN 'works' ELSE 'does not: ' || options END FROM sipp.pairs(plan(replace(options, '; ', ', '), s)) WHERE partner = of);
END $$;
-- every empty place of the nation, one at a time
SELECT options, count(*), count(relaxation) AS relaxable, count(DISTINCT reason) AS reasons, count(*) FILTER (WHERE f = 'works') AS work, min(f) FILTER (WHERE f <> 'works') AS not
FROM plans, LATERAL sipp.pairs(plan) x, LATERAL (SELECT follow(options, schools(), partner, relaxation) AS f WHERE relaxation IS NOT NULL) f WHERE options !~ 'supports|mode' AND place IS NOT NULL AND lead IS NULL GROUP BY k, options ORDER BY k;
-- with several places each, one more place is taken by somebody
SELECT bool_and((SELECT paired FROM sipp.plan_summary(plan(replace(options, '; ', ', '), ARRAY(SELECT CASE WHEN id = at THEN (school(r)::jsonb || jsonb_build_object('capacity', capacity + 1))::text::sipp.school ELSE school(r) END FROM nation r)))) > t.paired) AS taken FROM plans, sipp.plan_summary(plan) t, LATERAL sipp.pairs(plan) x, LATERAL (SELECT substring(relaxation FROM 'one more place at (.*)') AS at) a WHERE k = 20 AND at IS NOT NULL;

-- every reason by itself: one partner p of council a, and what keeps it from leads x, y and z of others
CREATE FUNCTION case_of(p jsonb, x jsonb, y jsonb, z jsonb, w jsonb DEFAULT NULL) RETURNS sipp.school[] IMMUTABLE
RETURN (SELECT array_agg(small(id, role, d) ORDER BY id) FROM (VALUES ('p', 'partner', p), ('w', 'partner', w), ('x', 'lead', x), ('y', 'lead', y), ('z', 'lead', z)) v (id, role, d) WHERE d IS NOT NULL);
CREATE TABLE cases (what text, options text, p jsonb, x jsonb, y jsonb, z jsonb, w jsonb);
INSERT INTO cases VALUES
	('paired', '', '{}', '{}', '{}', '{}', NULL),
	('no lead at all', '', '{}', NULL, NULL, NULL, NULL),
	('of other sectors', '', '{}', '{"sector": "t"}', '{"sector": "u"}', NULL, NULL),
	('same authority', '', '{"authority": "a"}', '{"authority": "a"}', '{"authority": "a"}', '{"sector": "t"}', NULL),
	('same authority, full', '', '{"authority": "a"}', '{"authority": "a"}', NULL, NULL, '{}'),
	('too far', 'max_km => 50', '{}', '{"lat": 57}', '{"lat": 58}', NULL, NULL),
	('not similar', 'min_similarity => 0.9', '{}', '{}', '{}', '{}', NULL),
	('full', '', '{}', '{}', NULL, NULL, '{"effect": -1.5}'),
	('not certain', '', '{}', '{"effect": -0.8}', '{"effect": -0.9}', NULL, NULL),
	('nobody better', '', '{}', '{"effect": -1.5}', '{"effect": -1}', NULL, NULL),
	('as good', '', '{}', '{"effect": -1}', NULL, NULL, NULL),
	('excluded', '', '{"excludes": ["x"]}', '{}', '{"excludes": ["p"]}', NULL, NULL),
	('same trust', '', '{"cluster": "t"}', '{"cluster": "t"}', NULL, NULL, NULL),
	('trust and sector', '', '{"cluster": "t"}', '{"cluster": "t"}', '{"sector": "t"}', NULL, NULL),
	('low score', 'min_score => 0.9', '{}', '{}', '{}', NULL, NULL),
	('too dear', 'unpaired_cost => 0.01', '{}', '{}', '{}', NULL, NULL),
	('too dear and full', 'unpaired_cost => 2', '{}', '{"lat": 58}', NULL, NULL, '{"lat": 58, "effect": -2}'),
	('only itself', '', '{"role": "either"}', NULL, NULL, NULL, NULL),
	('leads that cannot', '', '{}', '{"capacity": 0}', '{"effect": null}', '{"role": "none"}', NULL),
	('no consent', '', '{"role": "none"}', '{}', NULL, NULL, NULL),
	('no effect', '', '{"effect": null}', '{}', NULL, NULL, NULL),
	('no standard error', '', '{"effect_se": null}', '{}', NULL, NULL, NULL),
	('no context', '', '{"context": null}', '{}', NULL, NULL, NULL),
	('context not known', '', '{"context": [null]}', '{}', NULL, NULL, NULL),
	('no profile', '', '{}', '{"deprivation": [0.5, 0.5]}', '{"deprivation": [1, 0]}', NULL, NULL),
	('no sector', '', '{"sector": null}', '{}', NULL, NULL, NULL),
	('no sector, pooled', 'sector => ''any''', '{"sector": null}', '{}', NULL, NULL, NULL),
	('no authority', '', '{"authority": null}', '{}', NULL, NULL, NULL),
	('no authority, any', 'authority => ''any''', '{"authority": null}', '{}', NULL, NULL, NULL),
	('no place', 'max_km => 50', '{"lat": null, "lon": null}', '{}', NULL, NULL, NULL),
	('no place, no max_km', '', '{"lat": null, "lon": null}', '{}', NULL, NULL, NULL),
	('one place of two', 'supports_per_partner => 2', '{}', '{}', NULL, NULL, NULL),
	('far, of two', 'supports_per_partner => 2; max_km => 50', '{}', '{}', '{"lat": 57}', NULL, NULL),
	('two rules', 'max_km => 50', '{"authority": "a"}', '{"lat": 57, "authority": "a"}', NULL, NULL, NULL),
	('stable', 'mode => ''stable''', '{}', '{}', NULL, NULL, '{"effect": -1.5}'),
	('greedy', 'mode => ''greedy''', '{}', '{}', NULL, NULL, '{"effect": -1.5}');
SELECT what, place, lead, reason, relaxation, CASE WHEN relaxation IS NOT NULL THEN follow(options, s, 'p', relaxation) END AS followed, wrong(plan, options, s)
FROM cases, LATERAL (SELECT case_of(p, x, y, z, w) AS s OFFSET 0) s, LATERAL (SELECT plan(replace(options, '; ', ', '), s) AS plan OFFSET 0) o, LATERAL sipp.pairs(plan) r WHERE partner = 'p' ORDER BY cases.ctid, place;
-- leads that can take no part are listed with the reason; a school that could be both is there once, as a partner
SELECT partner, lead, place, r.role, reason FROM cases, LATERAL sipp.pairs(sipp.pairing_plan(case_of(p, x, y, z))) r WHERE what = 'leads that cannot';
SELECT partner, lead, place, role, reason FROM sipp.pairs(sipp.pairing_plan(ARRAY[small('e', 'either', '{"effect": null}'), small('f', 'either', '{"capacity": 0}'), small('g', 'either', '{"capacity": 0, "sector": null}'), small('h', 'lead')]));

--
-- 3. The ends of the earth
--
CREATE FUNCTION twenty(more jsonb, leads jsonb DEFAULT '{}', n int DEFAULT 10) RETURNS sipp.school[] IMMUTABLE
RETURN ARRAY(SELECT small(chr(97 + i), CASE WHEN i < 10 THEN 'partner' ELSE 'lead' END, more || CASE WHEN i < 10 THEN '{}' ELSE leads END) FROM generate_series(0, 9 + n) i);
CREATE TABLE ends (what text, options text, s sipp.school[]);
INSERT INTO ends VALUES
	('nobody', '', '{}'), ('one school', '', ARRAY[small('a', 'partner')]), ('one lead', '', ARRAY[small('a', 'lead')]), ('two', '', ARRAY[small('a', 'partner'), small('b', 'lead')]),
	('nobody consents', '', ARRAY[small('a', 'none'), small('b', 'none')]), ('all capacity 0', '', ARRAY[small('a', 'partner'), small('b', 'lead', '{"capacity": 0}')]),
	('all forbidden', '', twenty('{"authority": "one"}')), ('one lead for ten', '', twenty('{}', '{"capacity": 4}', 1)), ('all alike', '', twenty('{"context": [1]}')), ('all alike, twice', 'supports_per_partner => 2', twenty('{"context": [1]}', '{"capacity": 3}')),
	('far from alike', '', twenty('{"context": [1]}', '{"context": [1e30]}')), ('all certain', '', twenty('{"effect_se": 0}')), ('huge effects', '', twenty('{"effect": -1e50}', '{"effect": 1e50, "effect_se": 1e50}')), ('no difference', 'min_p_better => 0', twenty('{"effect": 0.5}')),
	('poles and date line', 'max_km => 600', ARRAY[small('a', 'partner', '{"lat": 90, "lon": 0}'), small('b', 'lead', '{"lat": 89, "lon": 180}'), small('c', 'partner', '{"lat": 0, "lon": 179}'), small('d', 'lead', '{"lat": 0, "lon": -179}'), small('e', 'partner', '{"lat": -90, "lon": 5}'), small('f', 'lead', '{"lat": -90, "lon": -100}')]),
	('any script', '', ARRAY[small('学校', 'partner'), small('مدرسة', 'lead'), small('Åland', 'partner'), small('школа', 'lead'), small('🏫', 'either'), small(' ', 'either'), small('"''\', 'partner')]);
SELECT what, f.*, wrong(plan, options, s) FROM ends, LATERAL (SELECT plan(replace(options, '; ', ', '), s) AS plan OFFSET 0) p, LATERAL figures(plan) f ORDER BY ends.ctid;
SELECT what, count(reason) AS with_reason, count(*) FILTER (WHERE place IS NOT NULL AND lead IS NULL) AS empty, min(reason) FILTER (WHERE place IS NOT NULL AND lead IS NULL) AS one FROM ends, LATERAL sipp.pairs(plan(replace(options, '; ', ', '), s)) GROUP BY what ORDER BY what COLLATE "C";
SELECT string_agg(coalesce(partner, '-') || ' with ' || coalesce(lead, '-'), ', ') AS nearest FROM ends, LATERAL sipp.pairs(plan(replace(options, '; ', ', '), s)) WHERE what = 'poles and date line';
-- ids are ordered by their UTF-8 bytes
SELECT count(*), bool_and(partner COLLATE "C" > before COLLATE "C") AS by_bytes FROM (SELECT partner, lag(partner) OVER () AS before FROM ends, LATERAL sipp.pairs(plan('', s)) WHERE what = 'any script') x;

--
-- 4. Plans in SQL
--
SELECT count(*) FROM sipp.pairs(NULL);
SELECT sipp.plan_summary(NULL) IS NULL AS nothing;
SELECT count(*) FROM sipp.certificate(NULL);
CREATE MATERIALIZED VIEW plan_now AS SELECT sipp.pairing_plan(ARRAY(SELECT n.school(r) FROM n.nation r), max_km => 120) AS plan;
CREATE VIEW pairs_now AS SELECT x.partner, x.lead, x.score, n.authority FROM plan_now, LATERAL sipp.pairs(plan) x JOIN nation n ON n.id = x.partner WHERE x.lead IS NOT NULL;
SELECT count(*) > 10 AS some FROM pairs_now;
PREPARE national(float8, text) AS SELECT paired, unpaired FROM sipp.plan_summary(sipp.pairing_plan(ARRAY(SELECT school(r) FROM nation r WHERE sector = $2), max_km => $1, min_similarity => 0));
EXECUTE national(90, 'secondary');
EXECUTE national(NULL, 'secondary');
SET plan_cache_mode = force_generic_plan;
EXECUTE national(NULL, 'primary');
RESET plan_cache_mode;
-- in an aggregate with filter, over groups: a plan for each sector is the plan of the nation
SELECT sum(t.paired) AS paired, near(sum(t.total_cost), (SELECT total_cost FROM plans, sipp.plan_summary(plan) WHERE k = 1)) AS same_cost FROM (SELECT sector, sipp.pairing_plan(array_agg(school(r)), min_similarity => 0) AS plan FROM nation r GROUP BY sector) s, sipp.plan_summary(plan) t;
