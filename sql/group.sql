--
-- Room group: partnerships of three and more.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set nation :abs_srcdir '/sql/include/nation.sql'
\set ECHO none
\i :nation
\set ECHO all
\pset null '(null)'
SET client_min_messages = warning;	-- few schools, said for each call

-- What is wrong with partnerships, from the scores of all pairs; '' if nothing.  "size" is of all groups, or of each sector by composition.
CREATE FUNCTION wrong(g sipp.group_member[], s sipp.school[], size int, authorities int, composition jsonb, sector text, options text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
	EXECUTE format($q$
WITH school AS MATERIALIZED (SELECT u AS s, d->>'id' AS id, d->>'role' AS role, d->>'sector' AS sector, d->>'authority' AS authority, d->>'cluster' AS cluster, d->'excludes' AS excludes FROM unnest($2) u, LATERAL (SELECT u::jsonb AS d OFFSET 0) d),
	 score AS MATERIALIZED (SELECT p.id AS a, l.id AS b, x FROM (SELECT sipp.context_scale($2, sector => %L) AS scale OFFSET 0) c, school p, school l, LATERAL sipp.pairing_score(p.s, l.s, scale, authority => 'any' %s) x WHERE p.role NOT IN ('none', 'lead') AND l.role <> 'none'),
	 m AS MATERIALIZED (SELECT * FROM unnest($1)),
	 -- two partners of a group side by side: likeness and travel, .4 and .15 made to add to 1
	 peer AS MATERIALIZED (SELECT m.group_no, m.school AS a, n.school AS b, CASE WHEN (x).km IS NULL THEN l_s ELSE (0.4 * l_s + 0.15 * least(-ln((x).travel), 20)) / 0.55 END AS loss, (x).reason ~ 'cluster|excluded|sector|far|not known' AS barred
		FROM m JOIN m n ON n.group_no = m.group_no AND m.school < n.school AND m.member_role = 'partner' AND n.member_role = 'partner' JOIN score ON (a, b) = (m.school, n.school), LATERAL (SELECT least(-ln((x).similarity), 20) AS l_s) l),
	 made AS MATERIALIZED (SELECT group_no, min(group_cost) AS group_cost, count(*) AS n, count(*) FILTER (WHERE member_role = 'lead') AS leads, count(DISTINCT authority) AS authorities, sum(cost) AS cost, (SELECT coalesce(avg(loss), 0) / 2 FROM peer WHERE peer.group_no = m.group_no) AS peers FROM m WHERE group_no IS NOT NULL GROUP BY 1)
SELECT concat_ws(', ',
	CASE WHEN (SELECT array_agg(school ORDER BY school COLLATE "C") FROM m) IS DISTINCT FROM (SELECT array_agg(id ORDER BY id COLLATE "C") FROM school) THEN 'not every school is there once' END,
	CASE WHEN EXISTS (SELECT FROM made WHERE n <> %s OR leads <> 1) THEN 'a group has another size or number of leads' END,
	CASE WHEN EXISTS (SELECT FROM made WHERE authorities < %s) THEN 'a group spans too few authorities' END,
	CASE WHEN EXISTS (SELECT FROM m JOIN school ON id = school WHERE (m.sector, m.authority) IS DISTINCT FROM (school.sector, school.authority)) THEN 'a school is another one' END,
	CASE WHEN EXISTS (SELECT FROM m JOIN school ON id = school WHERE member_role = 'lead' AND role NOT IN ('lead', 'either') OR member_role = 'partner' AND role NOT IN ('partner', 'coasting', 'either')) THEN 'a school has a role that it has not' END,
	CASE WHEN EXISTS (SELECT FROM m LEFT JOIN score ON (a, b) = (school, lead) WHERE member_role = 'partner' AND ((x).eligible IS NOT TRUE OR NOT near(cost, (x).cost))) THEN 'a partner has a lead that it may not have, or another cost' END,
	CASE WHEN EXISTS (SELECT FROM peer WHERE barred) THEN 'two partners may not be together' END,
	CASE WHEN EXISTS (SELECT FROM made WHERE NOT near(group_cost, cost + peers, 1e-9)) THEN 'a group has another cost' END,
	CASE WHEN EXISTS (SELECT FROM made a JOIN made b ON b.group_no = a.group_no + 1 WHERE b.group_cost < a.group_cost - 1e-5) THEN 'groups are not in order' END,
	CASE WHEN EXISTS (SELECT FROM made, jsonb_each_text(%L::jsonb) c WHERE c.value::int <> (SELECT count(*) FROM m WHERE m.group_no = made.group_no AND m.sector = c.key)) THEN 'a group has another composition' END,
	CASE WHEN EXISTS (SELECT FROM m WHERE (group_no IS NULL) <> (reason IS NOT NULL) OR (member_role = 'lead') <> (lead IS NULL AND group_no IS NOT NULL)) THEN 'a reason or a lead is missing' END)$q$,
	sector, options || CASE WHEN options ~ 'min_similarity' THEN '' ELSE ', min_similarity => 0' END, size, authorities, composition) INTO said USING g, s;
	RETURN said;
END $$;
CREATE FUNCTION groups(options text, s sipp.school[] DEFAULT schools()) RETURNS sipp.group_member[] LANGUAGE plpgsql STABLE AS $$
DECLARE g sipp.group_member[];
BEGIN
	EXECUTE 'SELECT ARRAY(SELECT m FROM sipp.group_schools($1' || options || CASE WHEN options ~ 'min_similarity' THEN '' ELSE ', min_similarity => 0' END || ') m)' INTO g USING s;
	RETURN g;
END $$;
SELECT options, (SELECT count(DISTINCT group_no) FROM unnest(g)) AS groups, (SELECT count(*) FROM unnest(g) WHERE group_no IS NOT NULL) AS members, (SELECT count(*) FROM unnest(g) WHERE reason ~ 'role none|coordinates|composition') AS out, wrong(g, schools(), size, authorities, composition, sector, options_of)
FROM (VALUES ('', 3, 2, NULL::jsonb, 'same', ''), (', size => 2', 2, 2, NULL, 'same', ''), (', size => 4, min_authorities => 3', 4, 3, NULL, 'same', ''), (', min_authorities => 1', 3, 1, NULL, 'same', ''), (', size => 5, min_authorities => 5', 5, 5, NULL, 'same', ''),
		(', max_km => 150', 3, 2, NULL, 'same', ', max_km => 150'), (', min_p_better => 0.95, min_similarity => 0.2, target_gap => 0.5', 3, 2, NULL, 'same', ', min_p_better => 0.95, min_similarity => 0.2, target_gap => 0.5'), (', half_km => 100, spread_km => 30', 3, 2, NULL, 'same', ', half_km => 100, spread_km => 30'),
		(', sector => ''any''', 3, 2, NULL, 'any', ''), (', composition => ''{"secondary": 1, "primary": 2}''', 3, 2, '{"secondary": 1, "primary": 2}', 'any', ''), (', composition => ''{"secondary": 2, "primary": 2}'', size => 4', 4, 2, '{"secondary": 2, "primary": 2}', 'any', ''),
		(', composition => ''{"primary": 3}'', sector => ''same''', 3, 2, '{"primary": 3}', 'same', ''), (', size => 20', 20, 2, NULL, 'same', ''), (', composition => NULL, weights => NULL, context_weights => NULL, max_km => NULL, target_gap => NULL, sector => NULL', 3, 2, NULL, 'same', '')) o (options, size, authorities, composition, sector, options_of), LATERAL (SELECT groups(options) AS g OFFSET 0) x;
-- a group that somebody changed is found out
SELECT wrong(ARRAY(SELECT CASE WHEN m.school = swap.a THEN jsonb_populate_record(m, '{"school": "S07", "sector": "secondary", "authority": "council 3"}') ELSE m END FROM unnest(g) m), schools(), 3, 2, NULL, 'same') <> '' AS found FROM (SELECT groups('') AS g OFFSET 0) x, LATERAL (SELECT min(school) AS a FROM unnest(g) WHERE member_role = 'partner') swap;
-- the order of schools does not matter
SELECT count(*) AS differ FROM (SELECT * FROM sipp.group_schools(schools()) EXCEPT SELECT * FROM sipp.group_schools(ARRAY(SELECT school(r) FROM nation r ORDER BY noise(7, r.id, 1000000)))) d;
-- groups of two are the plan of capacity 1, and known to be the best
SELECT near(sum(cost), (SELECT sum(cost) FROM sipp.pairs(sipp.pairing_plan(ARRAY(SELECT (school(r)::jsonb || '{"capacity": 1}')::text::sipp.school FROM nation r WHERE role <> 'either'))) WHERE place = 1), 1e-4) AS same, count(*) FILTER (WHERE member_role = 'lead') AS groups, max(gap_pct) AS gap_pct
FROM sipp.group_schools(ARRAY(SELECT school(r) FROM nation r WHERE role <> 'either'), size => 2) WHERE group_no IS NOT NULL;

-- the best there is, by trying every set of groups: 3 leads, 7 partners, groups of three, 12 nations
CREATE TABLE tiny AS SELECT n, ARRAY((SELECT (school(r)::jsonb || '{"role": "partner"}')::text::sipp.school FROM nation r WHERE role IN ('partner', 'coasting', 'either') AND sector = 'secondary' ORDER BY noise(n, id, 1000000) LIMIT 7)
	UNION ALL (SELECT school(r) FROM nation r WHERE role = 'lead' AND sector = 'secondary' ORDER BY noise(n, id, 1000000) LIMIT 3)) AS s FROM generate_series(1, 12) n;
CREATE TABLE tiny_score AS SELECT n, p.d->>'id' AS a, l.d->>'id' AS b, p.d->>'authority' AS authority, l.d->>'authority' AS lead_authority, l.d->>'role' AS lead_role, x.eligible, x.cost, coalesce(x.reason ~ 'cluster|excluded', false) AS barred,
	CASE WHEN x.km IS NULL THEN l_s ELSE (0.4 * l_s + 0.15 * least(-ln(x.travel), 20)) / 0.55 END AS loss
FROM tiny, LATERAL (SELECT sipp.context_scale(s) AS scale OFFSET 0) c, LATERAL (SELECT u AS s, u::jsonb AS d FROM unnest(tiny.s) u OFFSET 0) p, LATERAL (SELECT u AS s, u::jsonb AS d FROM unnest(tiny.s) u OFFSET 0) l, LATERAL sipp.pairing_score(p.s, l.s, scale, authority => 'any') x, LATERAL (SELECT least(-ln(x.similarity), 20) AS l_s) l_s WHERE p.d->>'role' = 'partner' AND p.d->>'id' <> l.d->>'id';
CREATE TABLE tiny_group AS SELECT x.n, x.b AS lead, ARRAY[x.a, y.a] AS partners, x.cost + y.cost + z.loss / 2 AS cost
FROM tiny_score x JOIN tiny_score y ON y.n = x.n AND y.b = x.b AND x.a < y.a JOIN tiny_score z ON z.n = x.n AND (z.a, z.b) = (x.a, y.a)
WHERE x.lead_role = 'lead' AND x.eligible AND y.eligible AND NOT z.barred AND (x.authority <> y.authority OR x.authority <> x.lead_authority);
CREATE TABLE tiny_best AS
WITH RECURSIVE sets AS (SELECT n, 1 AS groups, lead, partners AS taken, cost FROM tiny_group UNION ALL SELECT n, groups + 1, g.lead, taken || g.partners, s.cost + g.cost FROM sets s JOIN tiny_group g USING (n) WHERE g.lead > s.lead AND NOT g.partners && taken)
SELECT n, groups, min(cost) AS cost FROM sets GROUP BY 1, 2;
SELECT count(*) AS nations, count(*) FILTER (WHERE groups = most) AS as_many, count(*) FILTER (WHERE near(cost, best, 1e-4)) AS cheapest, bool_and(cost >= best - 1e-4) AS possible, bool_and(cost <= best * (1 + gap_pct / 100) + 1e-4) AS honest, bool_and(gap_pct >= 0) AS bounded
FROM (SELECT n, (SELECT max(groups) FROM tiny_best b WHERE b.n = t.n) AS most, groups, cost, gap_pct, (SELECT cost FROM tiny_best b WHERE (b.n, b.groups) = (t.n, g.groups)) AS best
	FROM tiny t, LATERAL (SELECT count(*) AS groups, sum(group_cost) AS cost, min(gap_pct) AS gap_pct FROM sipp.group_schools(s) WHERE member_role = 'lead') g WHERE groups > 0) x;

-- where the search is not the best, its bound says so: fewer allowed pairs may lead it to cheaper groups, but to none below the bound
WITH full_ AS (SELECT count(*) AS groups, sum(group_cost) AS cost, min(gap_pct) AS gap_pct FROM sipp.group_schools(schools(), size => 4) WHERE member_role = 'lead'),
	 less AS (SELECT k, g.* FROM generate_series(1, 12) k, LATERAL (SELECT count(*) AS groups, sum(group_cost) AS cost FROM sipp.group_schools(ARRAY(SELECT CASE WHEN noise(k, r.id, 12) > 0 THEN school(r)
		ELSE (school(r)::jsonb || jsonb_build_object('excludes', (SELECT jsonb_agg(id) FROM nation o WHERE noise(k, r.id || id, 3) = 0 AND o.id <> r.id)))::text::sipp.school END FROM nation r), size => 4) WHERE member_role = 'lead') g)
SELECT count(*) > 5 AS comparable, bool_and(l.cost >= f.cost / (1 + gap_pct / 100) - 1e-4) AS honest FROM full_ f JOIN less l USING (groups);

-- who is in no group, and why
CREATE FUNCTION small(id text, role text, more jsonb DEFAULT '{}') RETURNS sipp.school IMMUTABLE
RETURN (jsonb_build_object('version', 1, 'id', id, 'role', role, 'sector', 's', 'authority', 'council ' || id, 'effect', CASE role WHEN 'lead' THEN 1 ELSE -1 END, 'effect_se', 0.25, 'context', jsonb_build_array(ascii(id)), 'lat', 56, 'lon', -4) || more)::text::sipp.school;
CREATE TABLE cases (what text, options text, s sipp.school[]);
INSERT INTO cases VALUES ('nobody', '', '{}'), ('one', '', ARRAY[small('a', 'lead')]), ('three', '', ARRAY[small('a', 'lead'), small('b', 'partner'), small('c', 'partner')]),
	('two leads', '', ARRAY[small('a', 'lead'), small('b', 'lead'), small('c', 'partner'), small('d', 'partner'), small('e', 'partner')]), ('no lead', '', ARRAY[small('a', 'partner'), small('b', 'partner'), small('c', 'partner')]),
	('too few leads', '', ARRAY[small('a', 'lead'), small('b', 'partner'), small('c', 'partner'), small('d', 'partner'), small('e', 'partner')]), ('one authority', '', ARRAY[small('a', 'lead', '{"authority": "x"}'), small('b', 'partner', '{"authority": "x"}'), small('c', 'partner', '{"authority": "x"}')]),
	('not better', '', ARRAY[small('a', 'lead', '{"effect": -1}'), small('b', 'partner'), small('c', 'partner')]), ('one excluded', '', ARRAY[small('a', 'lead', '{"excludes": ["b"]}'), small('b', 'partner'), small('c', 'partner')]),
	('peers excluded', '', ARRAY[small('a', 'lead'), small('b', 'partner', '{"cluster": "t"}'), small('c', 'partner', '{"cluster": "t"}')]),
	('data', ', max_km => 100', ARRAY[small('a', 'lead', '{"capacity": 0}'), small('b', 'partner', '{"effect": null}'), small('c', 'partner', '{"authority": null}'), small('d', 'none'), small('e', 'partner', '{"sector": null}'), small('f', 'partner', '{"lat": null, "lon": null}'), small('g', 'lead', '{"context": null}')]),
	('composition', ', composition => ''{"s": 1, "p": 2}''', ARRAY[small('a', 'lead'), small('b', 'partner', '{"sector": "p"}'), small('c', 'partner'), small('d', 'partner', '{"sector": "q"}')]),
	('all either', '', ARRAY[small('a', 'either', '{"effect": 1}'), small('b', 'either'), small('c', 'either')]);
SELECT what, group_no, school, member_role, lead, round(cost::numeric, 4) AS cost, round(group_cost::numeric, 4) AS group_cost, gap_pct, reason FROM cases, LATERAL unnest(groups(options, s)) m ORDER BY cases.ctid, group_no, member_role, school COLLATE "C";
-- schools all alike: any groups are the best
SELECT count(DISTINCT group_no) AS groups, count(*) FILTER (WHERE group_no IS NOT NULL) AS members, max(group_cost) - min(group_cost) AS difference, max(gap_pct) AS gap_pct, count(reason) AS alone
FROM sipp.group_schools(ARRAY(SELECT small(chr(97 + i), CASE WHEN i < 9 THEN 'partner' ELSE 'lead' END, '{"context": [1]}') FROM generate_series(0, 12) i));
