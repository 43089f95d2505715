--
-- Room plan: who takes part and who does not, in words that tell roles, consent and what
-- is not known apart; the default floor of similarity; notices where nothing else would
-- say that something is wrong.
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
-- 1. Role and consent
--
-- the role is evidence, consent an answer: one without the other, in all four functions
CREATE TABLE who (id text, role text, consent boolean, effect float8);
INSERT INTO who VALUES ('lead', 'lead', true, 1), ('other lead', 'lead', NULL, 1), ('no', 'partner', false, -1), ('yes', 'partner', true, -1), ('none', 'none', true, 0), ('none, no', 'none', false, 0),
	('unknown', NULL, true, 0), ('unknown, no', NULL, false, 0), ('no effect', 'partner', true, NULL), ('no effect, none', 'none', true, NULL), ('no effect, unknown', NULL, true, NULL), ('no effect, no', 'coasting', false, NULL);
CREATE TABLE asked AS SELECT array_agg(sipp.school(id => id, role => role, consent => consent, effect => effect, effect_se => effect - effect + 0.25, sector => 's', authority => 'council ' || id, context => ARRAY[length(id)])) AS s FROM who;
SELECT partner, lead, place, role, reason FROM asked, LATERAL sipp.pairs(sipp.pairing_plan(s, min_similarity => 0));
SELECT school, reason FROM asked, LATERAL sipp.group_schools(s, size => 2, min_similarity => 0) WHERE group_no IS NULL;
SELECT d->>'id' AS id, (sipp.pairing_score(u, l, sipp.context_scale(s), min_similarity => 0)).reason FROM asked, unnest(s) u, LATERAL (SELECT u::jsonb AS d) d, unnest(s) l WHERE l::jsonb->>'id' = 'lead' AND d->>'id' <> 'lead' ORDER BY d->>'id' COLLATE "C";
-- likeness asks nobody
SELECT count(DISTINCT school) = (SELECT count(*) FROM who) AS all_of_them, count(reason) AS reasons FROM asked, LATERAL sipp.similar_schools(s, k => 3);
-- a locked pair needs both
SELECT v, fails(format('SELECT sipp.pairing_plan(s, locked => %L) FROM asked', v)) FROM unnest('{"{{no,lead}}","{{yes,other lead}}","{{unknown,lead}}","{{none,lead}}"}'::text[]) v;
-- as text, as bytes
SELECT u, u::text::sipp.school::text = u::text AS text, sipp.school_send(u::text::sipp.school) = sipp.school_send(u) AS bytes FROM (SELECT sipp.school(id => 'A', role => r, consent => c) AS u FROM unnest('{lead,NULL}'::text[]) r, unnest('{t,f,NULL}'::boolean[]) c) x;
SELECT x, fails(format('SELECT %L::sipp.school', '{"version":1,"id":"A","consent":' || x || '}')), ('{"version":1,"id":"A","role":"lead","consent":' || x || '}')::sipp.school FROM unnest('{true,false,"null"}'::text[]) x;
SELECT fails($$SELECT '{"version":1,"id":"A","consent":"yes"}'::sipp.school$$);

--
-- 2. All that a school lacks
--
CREATE FUNCTION lacking(VARIADIC more jsonb[]) RETURNS sipp.school[] IMMUTABLE LANGUAGE sql AS
$$ SELECT array_agg((jsonb_build_object('version', 1, 'id', chr(96 + k::int), 'role', 'partner', 'sector', 's', 'authority', 'council ' || k, 'effect', -1, 'effect_se', 0.5, 'context', '[1, 2]'::jsonb, 'deprivation', '[0.5, 0.5]'::jsonb, 'lat', 56, 'lon', -4) || m)::text::sipp.school ORDER BY k) FROM unnest(more) WITH ORDINALITY u (m, k) $$;
CREATE TABLE lacks AS SELECT lacking('{}', '{"role": null, "effect": null, "effect_se": null, "context": null, "deprivation": null, "sector": null, "authority": null, "lat": null, "lon": null}', '{"role": "lead", "capacity": 0, "effect_se": null}', '{"context": [null, null]}', '{"deprivation": [null, 0.4]}',
	'{"deprivation": [null, null]}', '{"sector": null, "authority": null}', '{"role": "none", "sector": null}') AS s;
SELECT coalesce(partner, lead) AS id, reason FROM lacks, LATERAL sipp.pairs(sipp.pairing_plan(s, max_km => 50)) WHERE place IS NULL;
SELECT school, reason FROM lacks, LATERAL sipp.group_schools(s, max_km => 50, composition => '{"t": 3}');
SELECT school, reason FROM lacks, LATERAL sipp.similar_schools(s, authority => 'different') WHERE neighbour IS NULL;
-- and in one notice how many lack what, the most frequent first
SELECT n FROM lacks, LATERAL sipp.plan_summary(sipp.pairing_plan(s, max_km => 50)) t, unnest(notices) n WHERE n LIKE '%part%';
-- against a count of the rows, of any nation
SELECT k, (SELECT regexp_replace(n, ':.*', '') FROM unnest(t.notices) n WHERE n LIKE '%take no part%') AS said, ineligible FROM plans, LATERAL sipp.plan_summary(plan) t WHERE k IN (1, 9, 10) ORDER BY k;

--
-- 3. Nobody, nothing
--
CREATE FUNCTION noticed(s sipp.school[], options text DEFAULT '') RETURNS TABLE (paired bigint, certified boolean, notice text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT t.paired, t.certified, n FROM sipp.plan_summary(sipp.pairing_plan($1%s)) t LEFT JOIN LATERAL unnest(t.notices) n ON n !~ ''^likeness|complementarity'' ', options) USING s;
END $$;
CREATE FUNCTION forty(more jsonb, leads jsonb DEFAULT '{}') RETURNS sipp.school[] IMMUTABLE LANGUAGE sql AS
$$ SELECT array_agg((jsonb_build_object('version', 1, 'id', 's' || i, 'role', CASE WHEN i % 2 = 0 THEN 'lead' ELSE 'partner' END, 'sector', 's', 'authority', 'a' || i % 3, 'effect', CASE WHEN i % 2 = 0 THEN 9 ELSE -9 END, 'effect_se', 1, 'context', jsonb_build_array(i / 2)) || more || CASE WHEN i % 2 = 0 THEN leads ELSE '{}' END)::text::sipp.school) FROM generate_series(1, 40) i $$;
SELECT 'all is well' AS what, * FROM noticed(forty('{}'))
UNION ALL SELECT 'no sector', * FROM noticed(forty('{"sector": null}'))
UNION ALL SELECT 'no sector, pooled', * FROM noticed(forty('{"sector": null}'), ', sector => ''any''')
UNION ALL SELECT 'no authority', * FROM noticed(forty('{"authority": null}', '{"effect_se": null}'))
UNION ALL SELECT 'nobody consents', * FROM noticed(forty('{"consent": false}'))
UNION ALL SELECT 'no school at all', * FROM noticed('{}')
UNION ALL SELECT 'only partners', * FROM noticed(forty('{"role": "partner"}'))
UNION ALL SELECT 'only leads', * FROM noticed(forty('{"role": "lead"}'))
UNION ALL SELECT 'one authority', * FROM noticed(forty('{"authority": "one"}'))
UNION ALL SELECT 'exclusions of strangers', * FROM noticed(forty('{}', '{"excludes": ["t1", "s1"]}'));
-- groups say it as well
SELECT count(*), count(reason) FROM sipp.group_schools(forty('{"sector": null}'));

--
-- 4. The default floor of similarity
--
-- 0.2 in all functions, 0 switches it off
SELECT proname, count(*) FROM pg_proc p, LATERAL unnest(proargnames) WITH ORDINALITY u (name, i) WHERE pronamespace = 'sipp'::regnamespace AND name = 'min_similarity' AND pg_get_function_arguments(oid) LIKE '%min_similarity double precision DEFAULT 0.2%' GROUP BY 1 ORDER BY 1;
SELECT min(x.similarity) >= 0.2 AS like_each_other, bool_or(x.lead IS NULL) AS some_alone FROM sipp.pairs(sipp.pairing_plan(schools(), max_km => 90)) x WHERE place IS NOT NULL;
SELECT min(x.similarity) < 0.2 AS unlike FROM sipp.pairs(sipp.pairing_plan(schools(), max_km => 90, min_similarity => 0)) x;
SELECT bool_and(NOT x.eligible AND x.reason = 'not similar enough') AS refused, bool_and(y.eligible) AS unless_asked, count(*) > 20 AS some FROM scored('min_similarity => 0', schools()) s, LATERAL (SELECT (s.x).*) y, LATERAL sipp.pairing_score(school(s.a), school(s.b), sipp.context_scale(schools())) x WHERE y.eligible AND y.similarity < 0.2;
SELECT bool_and(similarity >= 0.2) AS groups FROM sipp.group_schools(schools()) g, LATERAL (SELECT (sipp.pairing_score(school(g.school), school(g.lead), sipp.context_scale(schools()), authority => 'any')).similarity) s WHERE lead IS NOT NULL;
-- pairs below 0.3 are counted, and so are empty places by reason
SELECT o, (SELECT count(*) FROM sipp.pairs(p) WHERE similarity < 0.3) AS below, (SELECT max(n) FROM unnest(t.notices) n WHERE n LIKE '%below 0.3%') AS notice FROM unnest('{"",", min_similarity => 0",", min_similarity => 0.35"}'::text[]) o, LATERAL (SELECT plan('max_km => 90' || o || CASE o WHEN '' THEN ', min_similarity => 0.2' ELSE '' END) AS p) p, sipp.plan_summary(p) t;
SELECT n = (SELECT format('%s places stay empty: ', sum(c)) || string_agg(format('%s (%s)', reason, c), ', ' ORDER BY c DESC, first) FROM (SELECT regexp_replace(reason, ' \(.*', '') AS reason, count(*) AS c, min(at) AS first FROM sipp.pairs(p) WITH ORDINALITY x (partner, lead, score, cost, similarity, usable_gap, p_better, complementarity, partner_can_teach, travel, km, losses, runner_up, margin, reason, relaxation, place, role, locked, flags, at) WHERE place IS NOT NULL AND lead IS NULL GROUP BY 1) r) AS counted
FROM (SELECT sipp.pairing_plan(schools(), max_km => 60) AS p) p, sipp.plan_summary(p) t, unnest(t.notices) n WHERE n LIKE '%empty%';

--
-- 5. Few schools, and circumstances that are all the same
--
SELECT n, (sipp.context_scale(s)->>'notice') AS scale, (SELECT max(x) FROM sipp.plan_summary(sipp.pairing_plan(s)) t, unnest(t.notices) x WHERE x LIKE 'likeness%') AS plan
FROM unnest('{0,1,2,10,11,19,20}'::int[]) n, LATERAL (SELECT ARRAY(SELECT sipp.school(id => 's' || i, sector => 'p', role => 'lead', context => ARRAY[i]) FROM generate_series(1, n) i) AS s) q;
SELECT sipp.context_scale(ARRAY(SELECT sipp.school(id => 's' || i, sector => 'sector ' || i % 14, context => ARRAY[i, 7], context_names => '{size,seven}', deprivation => '{0.5,0.5}') FROM generate_series(1, 90) i))->>'notice' AS many;
SELECT sipp.context_scale(ARRAY(SELECT sipp.school(id => 's' || i, context => ARRAY[i, 7], context_names => '{size,seven}') FROM generate_series(1, 12) i), sector => 'any')->>'notice' AS pooled, sipp.context_scale(ARRAY(SELECT sipp.school(id => 's' || i, context => ARRAY[i, 7], context_names => '{size,seven}') FROM generate_series(1, 20) i), '{"seven": 0}', sector => 'any')->>'notice' AS of_no_weight;
SELECT count(*) FROM sipp.similar_schools(ARRAY(SELECT sipp.school(id => 's' || i, sector => 'p', context => ARRAY[i]) FROM generate_series(1, 8) i), metric => 'mahalanobis');
