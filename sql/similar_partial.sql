--
-- Room similar: circumstances that are published in part.  A number that is suppressed leaves its
-- weight to the others, shares that were rounded are rescaled, a school in two sectors
-- is told how to be two; nothing of this stops a query over a nation.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set nation :abs_srcdir '/sql/include/nation.sql'
\set helpers :abs_srcdir '/sql/include/plan.sql'
\set ECHO none
\i :nation
\i :helpers
\set ECHO all
\pset null '(null)'
SET client_min_messages = warning;

--
-- 1. Some numbers are not known
--
-- 60 schools of four circumstances, the last of which is the same for all, without and with a profile; a third lacks one or more
CREATE TABLE suppressed AS
SELECT 's' || i AS id, CASE WHEN noise(i, 'sector', 3) = 0 THEN 'p' ELSE 's' END AS sector, 'a' || noise(i, 'authority', 5) AS authority, k, v.name, v.w,
	   CASE WHEN noise(i, 'some', 3) = 0 AND noise(i, v.name, 3) = 0 THEN NULL ELSE v.x END AS x, p.f
FROM generate_series(1, 60) i, LATERAL (SELECT noise(i, 'band', 5) / 8.0::float8 AS f) p,
	 LATERAL (VALUES (1, 'fsm', 1, noise(i, 'x', 40) / 4.0::float8), (2, 'asn', 2, noise(i, 'y', 25)), (3, 'roll', 0.5, noise(i, 'z', 9) * noise(i, 'z2', 9)), (4, 'same', 3, 7)) v (k, name, w, x);
CREATE TABLE nation_of_some AS
SELECT profile, ARRAY(SELECT sipp.school(id => id, sector => sector, authority => authority, role => CASE WHEN length(id) + noise(length(id), id, 7) < 6 THEN 'lead' ELSE 'partner' END, effect => noise(3, id, 9) - 4, effect_se => 0.5,
	context => array_agg(x ORDER BY k), context_names => array_agg(name ORDER BY k), deprivation => CASE WHEN profile THEN ARRAY[min(f), 1 - min(f)] END) FROM suppressed GROUP BY id, sector, authority) AS s FROM unnest('{t,f}'::boolean[]) profile;
-- by brute force, from the yardsticks: over what both have, its weight stretched to that of all that tells apart
CREATE TABLE brute AS
SELECT profile, a.id AS a, b.id AS b, a.sector, sqrt(sum(term) FILTER (WHERE both_known) * (sum(weight) / nullif(sum(weight) FILTER (WHERE both_known), 0))) AS d, jsonb_object_agg(name, term) FILTER (WHERE both_known AND name <> 'x') AS parts,
	   string_agg(name, ', ' ORDER BY k) FILTER (WHERE NOT both_known) AS without, (y->>'tenth_distance')::float8 AS tenth
FROM (SELECT DISTINCT id, sector, f FROM suppressed) a JOIN (SELECT DISTINCT id, sector, f FROM suppressed) b ON a.sector = b.sector AND a.id <> b.id
	 CROSS JOIN nation_of_some n CROSS JOIN LATERAL jsonb_array_elements(sipp.context_scale(s, context_weights => '{"asn": 2, "roll": 0.5, "same": 3}')->'sectors') y
	 CROSS JOIN LATERAL (SELECT x.k, x.name, x.x IS NOT NULL AND z.x IS NOT NULL AS both_known, CASE WHEN scale > 0 THEN x.w ELSE 0 END AS weight, CASE WHEN scale > 0 THEN x.w * ((x.x - z.x) / scale) ^ 2 ELSE 0 END AS term
		FROM suppressed x JOIN suppressed z USING (k), LATERAL (SELECT (y->'scales'->>x.name)::float8 AS scale) c WHERE x.id = a.id AND z.id = b.id
		UNION ALL SELECT 5, 'deprivation', true, 1, (abs(a.f - b.f) / 2 / (y->>'profile_scale')::float8) ^ 2 WHERE profile) v
WHERE y->>'sector' = a.sector GROUP BY 1, 2, 3, 4, tenth, y;
UPDATE brute SET d = d / sqrt(CASE WHEN profile THEN 7.5 ELSE 6.5 END);	-- weights add to 1, that of what is the same for all among them
SELECT profile, count(*), count(DISTINCT school) AS schools, bool_and(near(s.distance, b.d, 1e-11) AND near(s.similarity, 2 ^ -((b.d / tenth) ^ 2), 1e-11)) AS same, bool_and(s.reason IS NOT DISTINCT FROM 'compared without ' || b.without) AS flagged, count(s.reason) > 500 AS many,
	   bool_and((SELECT near(sum(c.value::float8), 1, 1e-12) AND bool_and(near(c.value::float8, (parts->>key)::float8 / nullif((SELECT sum(value::float8) FROM jsonb_each_text(parts)), 0), 1e-9)) AND count(*) = (SELECT count(*) FROM jsonb_object_keys(parts)) FROM jsonb_each_text(s.contributions) c)) FILTER (WHERE s.distance > 0) AS contributions, bool_and((s.contributions IS NULL) = (s.distance = 0)) AS or_none
FROM nation_of_some JOIN brute b USING (profile) CROSS JOIN LATERAL sipp.similar_schools(s, 100, '{"asn": 2, "roll": 0.5, "same": 3}') s WHERE (s.school, s.neighbour) = (b.a, b.b) GROUP BY 1 ORDER BY 1;
-- the nearest are the nearest, ties by id, also of other authorities; everybody has as many as there are
SELECT profile, authority, count(*), count(*) FILTER (WHERE s.neighbour IS DISTINCT FROM b.b OR NOT near(s.distance, b.d, 1e-11)) AS differ, count(*) FILTER (WHERE s.mutual) BETWEEN 50 AND 250 AS some_mutual
FROM nation_of_some CROSS JOIN unnest('{any,different}'::text[]) authority CROSS JOIN LATERAL (SELECT * FROM sipp.similar_schools(s, 5, '{"asn": 2, "roll": 0.5, "same": 3}', authority)) s
	 FULL JOIN (SELECT *, row_number() OVER (PARTITION BY profile, a, q ORDER BY round(d::numeric, 12), b COLLATE "C") AS r FROM brute, unnest('{any,different}'::text[]) q
				WHERE d IS NOT NULL AND (q = 'any' OR (SELECT min(authority) FROM suppressed x WHERE x.id = a) <> (SELECT min(authority) FROM suppressed x WHERE x.id = b))) b USING (profile) WHERE (b.a, b.r, b.q) = (s.school, s.rank, authority) GROUP BY 1, 2 ORDER BY 1, 2;
-- mutual by the rows themselves; the distance is the same both ways, to the last bit
SELECT profile, bool_and(mutual = EXISTS (SELECT FROM sipp.similar_schools(s, 5) t WHERE (t.school, t.neighbour) = (r.neighbour, r.school))) AS mutual FROM nation_of_some, LATERAL sipp.similar_schools(s, 5) r GROUP BY 1 ORDER BY 1;
SELECT count(*) > 1000 AS many, bool_and(x.distance = y.distance AND x.similarity = y.similarity AND x.contributions = y.contributions AND x.reason IS NOT DISTINCT FROM y.reason) AS symmetric
FROM nation_of_some, LATERAL sipp.similar_schools(s, 100) x JOIN LATERAL sipp.similar_schools(s, 100) y ON (x.school, x.neighbour) = (y.neighbour, y.school) WHERE profile;
-- yardsticks are of those that lack nothing; those who lack nothing are as near to each other as ever
SELECT count(*) > 500 AS many, bool_and(x.distance = y.distance AND x.similarity = y.similarity) AS as_before FROM nation_of_some, LATERAL (SELECT ARRAY(SELECT u FROM unnest(s) u WHERE NOT u::jsonb->'context' @> 'null') AS whole OFFSET 0) c,
	LATERAL sipp.similar_schools(s, 100) x JOIN LATERAL sipp.similar_schools(whole, 100) y USING (school, neighbour);
-- the plan: every pair's price and score by sipp.pairing_score, flagged, counted
SELECT profile, t.certified, t.paired > 10 AS many, wrong(p, '', s), (SELECT count(*) FROM sipp.pairs(p) WHERE flags::text ~ 'similarity without') AS flagged, (SELECT min(n) FROM unnest(notices) n WHERE n ~ 'compared without') AS notice
FROM nation_of_some, LATERAL (SELECT plan('', s) AS p OFFSET 0) p, sipp.plan_summary(p) t ORDER BY 1;
SELECT profile, o, wrong(plan(o, s), o, s) FROM nation_of_some, unnest('{supports_per_partner => 3,mode => ''greedy'',min_similarity => 0.4,sector => ''any''}'::text[]) o WHERE wrong(plan(o, s), o, s) <> '';
SELECT profile, bool_and(near(x.similarity, 2 ^ -((b.d / b.tenth) ^ 2), 1e-11)) AS similarity, bool_and((x.flags::text ~ 'similarity without') = (without IS NOT NULL)) AS flagged, min(flags[array_position(flags, 'similarity without ' || without)]) AS one
FROM nation_of_some JOIN brute b USING (profile), LATERAL (SELECT sipp.context_scale(s, '{"asn": 2, "roll": 0.5, "same": 3}') AS scale OFFSET 0) c, unnest(s) p, unnest(s) l, LATERAL sipp.pairing_score(p, l, scale) x WHERE (p::jsonb->>'id', l::jsonb->>'id') = (a, b) AND profile AND noise(length(a), a || b, 8) = 0 GROUP BY 1;
-- many leads are turned away together by a bound of their distances, those of whom something is not known never: numbers are far from 0
SELECT t.certified, t.paired, (SELECT count(*) > 20 FROM sipp.pairs(p) WHERE flags::text ~ 'similarity without') AS flagged, wrong(p, '', s) FROM (SELECT ARRAY(SELECT sipp.school(id => 's' || i, sector => 's', authority => 'a' || i % 9, role => CASE WHEN i % 3 = 0 THEN 'partner' ELSE 'lead' END, effect => CASE WHEN i % 3 = 0 THEN -1 ELSE 1 END,
	effect_se => 0.25, context => ARRAY[1000 + noise(i, 'x', 100), CASE WHEN i % 7 > 1 THEN 1000 + noise(i, 'y', 100) END, 1000 + noise(i, 'z', 100)]) FROM generate_series(1, 210) i) AS s) q, LATERAL (SELECT plan('', s) AS p OFFSET 0) p, sipp.plan_summary(p) t;
-- what the notice says
SELECT sipp.context_scale(s)->>'notice' AS notice FROM nation_of_some WHERE profile;
SELECT school, count(*) FROM nation_of_some, LATERAL sipp.group_schools(s, min_similarity => 0) WHERE NOT profile AND reason ~ 'context' GROUP BY 1;

-- who cannot be compared, and why
CREATE FUNCTION school_of(id text, context float8[], sector text DEFAULT 's') RETURNS sipp.school IMMUTABLE RETURN sipp.school(id => id, sector => sector, context => context, context_names => '{a,b,c}'::text[]);
SELECT school, rank, neighbour, round(distance::numeric, 4) AS distance, contributions, mutual, reason FROM (SELECT ARRAY[school_of('1', '{1,2,5}'), school_of('2', '{2,4,5}'), school_of('3', '{4,3,5}'), school_of('a only', '{1,NULL,NULL}'), school_of('b only', '{NULL,2,NULL}'), school_of('c only', '{NULL,NULL,5}'), school_of('without c', '{1,2,NULL}'), school_of('none', '{NULL,NULL,NULL}'),
	school_of('other', '{1,1,1}', 't'), school_of('other, some', '{1,NULL,1}', 't')] AS s) q, LATERAL sipp.similar_schools(s, 2) ORDER BY school COLLATE "C", rank;
SELECT school, reason FROM (SELECT array_agg(school_of('s' || i, ARRAY[i, CASE WHEN i = 1 THEN NULL ELSE i % 5 END, i % 3])) AS s FROM generate_series(1, 30) i) q, LATERAL sipp.similar_schools(s, 2, metric => 'mahalanobis') WHERE school = 's1';
-- two that have nothing in common are no pair, and that is said
SELECT sipp.pairing_score(sipp.school(id => 'p', role => 'partner', sector => 's', authority => 'x', effect => -1, effect_se => 0.1, context => '{1,NULL}'), sipp.school(id => 'l', role => 'lead', sector => 's', authority => 'y', effect => 1, effect_se => 0.1, context => '{NULL,1}'), sipp.context_scale(s))
	FROM (SELECT array_agg(sipp.school(id => 's' || i, sector => 's', context => ARRAY[i, i % 3])) AS s FROM generate_series(1, 20) i) q;
SELECT partner, reason, relaxation FROM (SELECT array_agg(sipp.school(id => 's' || i, sector => 's', context => ARRAY[i, i % 3])) AS s FROM generate_series(1, 20) i) q, LATERAL sipp.pairs(sipp.pairing_plan(s || ARRAY[sipp.school(id => 'p', role => 'partner', sector => 's', authority => 'x', effect => -1, effect_se => 0.1, context => '{1,NULL}'),
	sipp.school(id => 'l', role => 'lead', sector => 's', authority => 'y', effect => 1, effect_se => 0.1, context => '{NULL,1}')])) WHERE place = 1;

--
-- 2. Shares that were rounded
--
-- percentages to one decimal are the shares that they stand for
SELECT what, bool_and(near(x.share::float8, n / sum, 1e-15)) AS rescaled, max((u::jsonb->>'deprivation_sum')::float8 - given) AS sum, bool_and(u::text::sipp.school::text = u::text AND sipp.school_send(u::text::sipp.school) = sipp.school_send(u)) AS kept
FROM (VALUES ('thirds', '{0.333,0.333,0.333}'::float8[]), ('six digits', '{0.333333,0.333333,0.333334}'), ('up', '{0.34,0.34,0.34}'), ('at the limit', '{0.49,0.49}'), ('above', '{0.51,0.51}'), ('ten bands', array_fill(0.101::float8, '{10}'))) v (what, p), LATERAL (SELECT sipp.school(id => 'A', deprivation => p) AS u) u,
	 LATERAL (SELECT sum(e) AS sum, CASE WHEN abs(sum(e) - 1) > 1e-6 THEN sum(e) END AS given FROM unnest(p) e) s, LATERAL jsonb_array_elements_text(u::jsonb->'deprivation') WITH ORDINALITY x (share, i), LATERAL (SELECT p[i] AS n) n GROUP BY 1 ORDER BY 1;
SELECT p, fails(format('SELECT sipp.school(id => ''A'', deprivation => %L)', p)) FROM unnest('{"{0.48,0.49}","{0.52,0.51}","{33.3,33.3,33.3}","{49,49.5}","{0.5,0.5,NULL}","{0.6,0.5,NULL}","{NULL,NULL}","{1e308,1e308}","{0,0}"}'::text[]) p;
-- a profile rescaled is the profile: the same neighbours, and one notice for all
SELECT x.sum, count(*), bool_and(near(a.distance, b.distance, 1e-12)) AS same FROM unnest('{0.985,1.015}'::float8[]) x (sum), LATERAL (SELECT ARRAY(SELECT school(r) FROM nation r) AS s, ARRAY(SELECT (school(r)::jsonb || jsonb_build_object('deprivation', (SELECT jsonb_agg(e * x.sum ORDER BY k) FROM unnest(r.deprivation) WITH ORDINALITY u (e, k))))::text::sipp.school FROM nation r) AS t OFFSET 0) q,
	LATERAL sipp.similar_schools(s) a JOIN LATERAL sipp.similar_schools(t) b USING (school, neighbour) GROUP BY 1 ORDER BY 1;
SELECT sipp.context_scale(ARRAY(SELECT sipp.school(id => 's' || i, sector => 's', deprivation => ARRAY[i % 7 / 10.0, 0.99 + i % 3 / 100.0 - i % 7 / 10.0]) FROM generate_series(1, 30) i))->>'notice' AS notice;
SELECT n FROM sipp.plan_summary(sipp.pairing_plan(ARRAY(SELECT sipp.school(id => 's' || i, sector => 's', deprivation => ARRAY[i % 7 / 10.0, 0.99 + i % 3 / 100.0 - i % 7 / 10.0]) FROM generate_series(1, 30) i))) t, unnest(notices) n WHERE n ~ 'rescaled';
-- written by hand
SELECT x, fails(format('SELECT %L::sipp.school', x)), CASE WHEN x ~ '"deprivation":\[0.5,0.49\]}' THEN x::sipp.school END FROM unnest(ARRAY['{"version":1,"id":"A","deprivation":[0.5,0.49]}', '{"version":1,"id":"A","deprivation":[0.5,0.5],"deprivation_sum":0.99}', '{"version":1,"id":"A","deprivation":[0.5,0.49],"deprivation_sum":0.99}', '{"version":1,"id":"A","deprivation":[0.5,0.5],"deprivation_sum":0.9}',
	'{"version":1,"id":"A","deprivation":[0.5,0.5],"deprivation_sum":1.0000001}', '{"version":1,"id":"A","deprivation":[0.5,null],"deprivation_sum":0.99}', '{"version":1,"id":"A","deprivation_sum":0.99}', '{"version":1,"id":"A","deprivation":[0.5,0.5],"deprivation_sum":"x"}']) x;

--
-- 3. Ids
--
SELECT fails('SELECT * FROM sipp.similar_schools(ARRAY[sipp.school(id => ''1'', sector => ''primary''), sipp.school(id => ''2'', sector => ''primary''), sipp.school(id => ''1'', sector => ''secondary'')])'), fails('SELECT sipp.context_scale(ARRAY[sipp.school(id => 1, sector => ''primary''), sipp.school(id => 1)])'), fails('SELECT sipp.context_scale(ARRAY[sipp.school(id => 1), sipp.school(id => 1)])');
-- a school in two sectors, told apart; its cluster keeps it from itself
SELECT partner, lead FROM (SELECT ARRAY(SELECT sipp.school(id => id || '/' || sector, cluster => id::text, sector => sector, authority => 'a' || id, role => CASE sector WHEN 'primary' THEN 'partner' ELSE 'lead' END, effect => CASE sector WHEN 'primary' THEN -1 ELSE 1 END, effect_se => 0.25, context => ARRAY[1]) FROM generate_series(1, 2) id, unnest('{primary,secondary}'::text[]) sector) AS s) q, LATERAL sipp.pairs(sipp.pairing_plan(s, sector => 'any'));
-- numbers and texts, named and by position
CREATE TABLE typed AS SELECT 7::int2 AS small, 7 AS int, 7::bigint AS big, 7::numeric AS num, '7'::text AS txt, '7'::varchar AS vc, '7'::char(1) AS bp, 'b'::name AS name;
SELECT c, fails(format('SELECT sipp.school(id => %s, role => ''lead'') FROM typed', c)) AS named, fails(format('SELECT sipp.school(%s, ''sector'') FROM typed', c)) AS by_position, fails(format('SELECT sipp.school(%s) FROM typed', c)) AS alone FROM unnest('{small,int,big,vc,bp,txt,num,num::bigint,num::text,name,7,''7'',9223372036854775807,"NULL"}'::text[]) WITH ORDINALITY u (c, k) ORDER BY k;
SELECT sipp.school(id => small, role => 'lead')::text = sipp.school(id => txt, role => 'lead')::text AND sipp.school(big, 'x')::text = sipp.school(vc, 'x')::text AND sipp.school(int, 'x')::text = sipp.school('7', 'x')::text AND sipp.school(id => 7, sector => 'x')::jsonb->>'id' = '7' AS same,
	   sipp.school(id => -9223372036854775808) FROM typed;
SELECT pg_get_function_arguments(a.oid) = replace(pg_get_function_arguments(b.oid), 'id bigint', 'id text') AS same_arguments, (a.provolatile, a.proparallel, a.proisstrict, a.procost) = (b.provolatile, b.proparallel, b.proisstrict, b.procost) AS same_kind
FROM pg_proc a, pg_proc b WHERE a.oid <> b.oid AND a.proname = 'school' AND b.proname = 'school' AND a.pronamespace = 'sipp'::regnamespace AND b.pronamespace = a.pronamespace AND b.proargtypes[0] = 'bigint'::regtype;
PREPARE one AS SELECT sipp.school(id => $1, sector => $2);
EXECUTE one('x', 'y');
