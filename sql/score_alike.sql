--
-- Room score: schools that differ in one thing only are never taken for one another.  The
-- scorer works out once what schools with the same numbers cost: leave any of these numbers
-- out of the comparison, and a plan here costs something else than its pairs do.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set nation :abs_srcdir '/sql/include/nation.sql'
\set helpers :abs_srcdir '/sql/include/plan.sql'
\set ECHO none
\i :nation
\i :helpers
\set ECHO all
SET client_min_messages = warning;	-- some circumstances are not known

-- Twelve partners with the same numbers and as many leads, every other one of which is changed.
CREATE FUNCTION differ(of_lead jsonb, lead jsonb DEFAULT '{}', of_partner jsonb DEFAULT '{}') RETURNS sipp.school[] IMMUTABLE LANGUAGE sql AS
$$ SELECT array_agg((jsonb_build_object('version', 1, 'id', role || i, 'role', role, 'sector', 's', 'authority', role || i, 'effect', CASE role WHEN 'lead' THEN 1 ELSE -1 END, 'effect_se', 0.5, 'context', '[1, 1]'::jsonb,
		'lat', 56, 'lon', -4, 'subjects', CASE role WHEN 'lead' THEN '[1, -1]'::jsonb ELSE '[-1, -0.25]' END, 'subjects_se', '[0.5, 0.5]'::jsonb)
		|| CASE role WHEN 'lead' THEN lead ELSE '{}' END || CASE WHEN i % 2 = 1 THEN '{}' WHEN role = 'lead' THEN of_lead ELSE of_partner END)::text::sipp.school)
   FROM unnest('{partner,lead}'::text[]) role, generate_series(1, 12) i $$;
-- what differs, each by itself; spread: schools of another place in the data, so that there are yardsticks
CREATE TABLE differences AS
SELECT what, differ(a, b, c) || ARRAY(SELECT (jsonb_build_object('version', 1, 'id', 'other' || i, 'sector', 's', 'effect', i % 5 - 2, 'effect_se', 0.5, 'context', jsonb_build_array(i % 4, i % 3), 'subjects', jsonb_build_array(i % 3 - 1, i % 4 - 2), 'subjects_se', '[0.5, 0.5]'::jsonb)
	|| CASE WHEN what LIKE 'profile%' THEN jsonb_build_object('deprivation', jsonb_build_array(i % 3 / 4.0, 1 - i % 3 / 4.0)) ELSE '{}' END)::text::sipp.school FROM generate_series(1, 24) i) AS s
FROM (VALUES ('nothing', '{}'::jsonb, '{}'::jsonb, '{}'::jsonb),
	('which subject a lead is good at', '{"subjects": [0.25, 1]}', '{"subjects": [1, 0.25]}', '{}'),
	('which subject a partner needs', '{"subjects": [-1, 1]}', '{}', '{"subjects": [-0.25, -1]}'),
	('how certain a subject is', '{"subjects_se": [2, 0.5]}', '{}', '{}'),
	('a subject not known', '{"subjects": [null, -1]}', '{}', '{}'),
	('the effect', '{"effect": 2}', '{}', '{}'), ('its error', '{"effect_se": 0.25}', '{}', '{}'),
	('a circumstance', '{"context": [1, 2]}', '{}', '{}'), ('a circumstance that is not known', '{"context": [2, null]}', '{"context": [2, 0]}', '{}'),
	('which one is not known', '{"context": [0, null]}', '{"context": [null, 0]}', '{}'),
	('one not known, of both', '{"context": [null, 0]}', '{"context": [0, 0]}', '{"context": [0, null]}'),
	('place', '{"lat": 56.5}', '{}', '{}'), ('longitude', '{"lon": -3.5}', '{}', '{}'), ('no place', '{"lat": null, "lon": null}', '{}', '{}'),
	('profile', '{"deprivation": [0.25, 0.75]}', '{"deprivation": [0.5, 0.5]}', '{}')) v (what, a, b, c);
UPDATE differences SET s = ARRAY(SELECT CASE WHEN u::jsonb ? 'deprivation' THEN u ELSE (u::jsonb || '{"deprivation": [0.5, 0.5]}')::text::sipp.school END FROM unnest(s) u) WHERE what LIKE 'profile%';
-- two kinds of leads make two costs, and the plan is the cheapest by the score of each pair
SELECT what, t.certified, t.paired, (SELECT count(DISTINCT round((x).cost::numeric, 9)) FROM scored('', s) WHERE (x).eligible) AS costs, wrong(p, '', s) FROM differences, LATERAL (SELECT plan('', s) AS p OFFSET 0) p, sipp.plan_summary(p) t ORDER BY differences.ctid, what;
SELECT what, o, wrong(plan(o, s), o, s) FROM differences, unnest('{supports_per_partner => 2,mode => ''stable'',min_similarity => 0.5,authority => ''prefer''}'::text[]) o WHERE wrong(plan(o, s), o, s) <> '';
-- groups look at the same costs
SELECT what, count(*) FROM differences, LATERAL sipp.group_schools(s, size => 2, min_similarity => 0) g WHERE cost IS NOT NULL AND NOT near(cost, (SELECT (x).cost FROM scored('', s) WHERE (a, b) = (school, lead))) GROUP BY 1;
