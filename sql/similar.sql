--
-- Room similar: the yardsticks and how alike schools are.
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
-- 1. The yardsticks
--
SELECT scale->>'version' AS version, scale->>'sector' AS sector, scale->'variables' AS variables, scale->'weights' AS weights, scale->'subjects' AS subjects, scale->'bands' AS bands, scale->'notice' AS notice FROM scale;
SELECT sector, x->'schools' AS schools,
	   (SELECT bool_and(near((x->'scales'->>name)::float8, s)) FROM brute_scale b WHERE b.sector = t.sector) AS scales,
	   (SELECT near((x->>'profile_scale')::float8, s) FROM brute_profile b WHERE b.sector = t.sector) AS profile,
	   (SELECT near((x->>'target_gap')::float8, sqrt(var_samp(effect) + avg(effect_se ^ 2))) FROM nation n WHERE n.sector = t.sector) AS target,
	   (SELECT near((x->'subject_targets'->>'english')::float8, sqrt(var_samp(subjects[2]) + avg(subjects_se[2] ^ 2))) FROM nation n WHERE n.sector = t.sector) AS english
FROM sectors t ORDER BY 1;
SELECT sector, near((x->>'tenth_distance')::float8, tenth) AS tenth FROM sectors JOIN brute_tenth USING (sector) ORDER BY 1;
-- fewer than eleven schools: the median distance to the farthest, of two schools their distance; of one there is none
WITH few AS (SELECT * FROM nation WHERE sector = 'primary' ORDER BY id COLLATE "C" LIMIT 7), s AS (SELECT sipp.context_scale(ARRAY(SELECT school(f::nation) FROM few f))->'sectors'->0 AS x),
	 d AS (SELECT a, max(sqrt(part)) AS d FROM (SELECT x.id AS a, y.id AS b, sum(((x.x - y.x) / (SELECT (s.x->'scales'->>x.name)::float8 FROM s)) ^ 2 / 4) + (SELECT (profile_distance(p.deprivation, q.deprivation) / (s.x->>'profile_scale')::float8) ^ 2 / 4
			FROM few p, few q, s WHERE p.id = x.id AND q.id = y.id) AS part FROM long x JOIN long y USING (name) WHERE x.id IN (SELECT id FROM few) AND y.id IN (SELECT id FROM few) AND x.id <> y.id GROUP BY 1, 2) p GROUP BY 1)
SELECT s.x->'schools' AS schools, near((s.x->>'tenth_distance')::float8, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY d) FROM d)) AS tenth FROM s;
SELECT sipp.context_scale(ARRAY[school('S01')])->'sectors'->0->'tenth_distance' AS of_one, jsonb_typeof(sipp.context_scale(ARRAY[school('S01'), school('S02')])->'sectors'->0->'tenth_distance') AS of_two;
SELECT sipp.context_scale('{}') AS of_none;
-- pooled; weights add to 1, and those not named have 1; weights change no spread
SELECT x->'sectors'->0->'sector' AS sector, x->'sectors'->0->'schools' AS schools, jsonb_array_length(x->'sectors') AS sectors,
	   near((x->'sectors'->0->'scales'->>'fsm')::float8, (SELECT spread(array_agg(fsm)) FROM nation)) AS spread
FROM sipp.context_scale(schools(), sector => 'any') x;
SELECT x->'weights' AS weights, x #> '{sectors,0,scales}' = (SELECT scale #> '{sectors,0,scales}' FROM scale) AS same_spread
FROM sipp.context_scale(schools(), context_weights => '{"size": 0, "deprivation": 2}') x;
SELECT sipp.context_scale(schools(), context_weights => NULL) = scale AS null_is_all_alike, sipp.context_scale(schools(), '{}') = scale AS nothing_named FROM scale;
-- what has no spread: SD instead of a quartile range of zero, then nothing
SELECT near((x->'scales'->>'x1')::float8, (SELECT stddev_samp(v) FROM unnest('{1,1,1,1,1,1,1,1,1,9}'::float8[]) v)) AS sd, x->'scales'->'x2' AS constant
FROM (SELECT sipp.context_scale(ARRAY(SELECT sipp.school(id => i::text, sector => 's', context => ARRAY[CASE WHEN i = 9 THEN 9 ELSE 1 END, 0.1]) FROM generate_series(0, 9) i))->'sectors'->0 AS x) s;
-- a notice where circumstances say the same, within each sector
SELECT sipp.context_scale(ARRAY(SELECT sipp.school(id => i::text, sector => 's', context => ARRAY[i, -i * 2 + i % 2, i % 3], context_names => '{fsm,asn,size}') FROM generate_series(1, 20) i))->'notice' AS notice;
-- incomplete schools and those of unknown sector do not count
SELECT x->'sectors'->0->'schools' AS complete, x->'sectors'->0->'scales' = y->'sectors'->0->'scales' AS same
FROM (SELECT sipp.context_scale(schools() || sipp.school(id => 'no size', sector => 'primary', context => '{0,0,NULL}', context_names => '{fsm,asn,size}', deprivation => '{1,0,0,0,0}')
			|| sipp.school(id => 'no profile', sector => 'primary', context => '{0,0,0}', context_names => '{fsm,asn,size}') || sipp.school(id => 'no context', sector => 'primary')
			|| sipp.school(id => 'no sector', context => '{0,0,0}', context_names => '{fsm,asn,size}', deprivation => '{1,0,0,0,0}')) AS x, sipp.context_scale(schools()) AS y) s;

--
-- 2. Likeness
--
CREATE TABLE alike AS SELECT * FROM sipp.similar_schools(schools());
SELECT count(*), count(DISTINCT school) AS schools, count(reason) AS without FROM alike;
-- against brute force: the ten nearest, ties by id; distance, similarity, shares, mutual
CREATE VIEW brute_similar AS
SELECT a AS school, b AS neighbour, r AS rank, d AS distance, 2 ^ (-((d / tenth) ^ 2)) AS similarity, parts,
	   EXISTS (SELECT FROM (SELECT q.b FROM brute_pair q WHERE q.a = p.b ORDER BY q.d, q.b COLLATE "C" LIMIT 10) q WHERE q.b = p.a) AS mutual
FROM (SELECT *, row_number() OVER (PARTITION BY a ORDER BY d, b COLLATE "C") AS r FROM brute_pair) p JOIN brute_tenth USING (sector) WHERE r <= 10;
SELECT count(*), bool_and(s.neighbour = b.neighbour AND near(s.distance, b.distance) AND near(s.similarity, b.similarity) AND s.mutual = b.mutual) AS same,
	   bool_and((SELECT bool_and(near(c.value::text::float8, (b.parts->>key)::float8 / b.distance ^ 2)) AND count(*) = 4 FROM jsonb_each(s.contributions) c)) AS contributions,
	   count(*) FILTER (WHERE s.mutual) BETWEEN 200 AND 600 AS some_mutual
FROM alike s FULL JOIN brute_similar b USING (school, rank);
SELECT bool_and(near((SELECT sum(value::float8) FROM jsonb_each_text(contributions)), 1)) AS add_to_one FROM alike;
-- in other authorities only; mutual then under the same restriction
WITH brute AS (SELECT p.*, row_number() OVER (PARTITION BY a ORDER BY d, b COLLATE "C") AS r FROM brute_pair p JOIN nation x ON x.id = a JOIN nation y ON y.id = b WHERE x.authority <> y.authority)
SELECT count(*), bool_and(s.neighbour = b.b AND near(s.distance, b.d) AND s.mutual = EXISTS (SELECT FROM brute q WHERE q.a = b.b AND q.b = b.a AND q.r <= 4)) AS same
FROM sipp.similar_schools(schools(), k => 4, authority => 'different') s FULL JOIN (SELECT * FROM brute WHERE r <= 4) b ON b.a = school AND b.r = rank;
-- more than there are: all of them, and all are mutual
SELECT count(*), max(rank), bool_and(mutual) AS mutual FROM sipp.similar_schools(schools(), k => 1000);
SELECT count(*) FROM sipp.similar_schools(schools(), k => 2147483647, sector => 'any');
SELECT count(*), count(DISTINCT neighbour) AS neighbours, max(rank) FROM sipp.similar_schools(schools(), k => 1);
-- likeness has no side: the distance is the same both ways
SELECT count(*), bool_and(s.distance = t.distance AND s.similarity = t.similarity AND s.contributions = t.contributions) AS symmetric
FROM sipp.similar_schools(schools(), k => 100) s JOIN sipp.similar_schools(schools(), k => 100) t ON (s.school, s.neighbour) = (t.neighbour, t.school);
-- outcomes, roles, exclusions and coordinates never enter; nor does the order of the array
SELECT count(*) AS differ FROM (SELECT * FROM alike EXCEPT SELECT * FROM sipp.similar_schools(ARRAY(SELECT sipp.school(id => id, sector => sector, authority => 'one', context => ARRAY[fsm, asn, size],
	context_names => '{fsm,asn,size}', deprivation => deprivation) FROM nation ORDER BY noise(effect_se::int, id, 1000)))) x;
-- ties, by id; three schools at one place, and no distance at all: everything alike
SELECT school, rank, neighbour, round(distance::numeric, 6) AS distance, round(similarity::numeric, 6) AS similarity, contributions, mutual, reason FROM sipp.similar_schools(ARRAY(SELECT sipp.school(id => id, sector => 's', context => ARRAY[x])
	FROM (VALUES ('d', 2), ('b', 1), ('c', 1), ('a', 1), ('é', 0), ('e', 0)) v (id, x)), k => 3) WHERE rank < 3;
SELECT school, rank, neighbour, distance, similarity, contributions, mutual FROM sipp.similar_schools(ARRAY(SELECT sipp.school(id => i::text, sector => 's', context => ARRAY[0.1, 1e9]) FROM generate_series(1, 3) i), k => 1);
-- weights
SELECT count(*), bool_and(near(s.distance, sqrt((b.parts->>'fsm')::float8 * 4 * 3 / 4 + (b.parts->>'deprivation')::float8 * 4 / 4)))
FROM sipp.similar_schools(schools(), k => 100, context_weights => '{"fsm": 3, "asn": 0, "size": 0}') s JOIN brute_pair b ON b.a = school AND b.b = neighbour;
-- those who have no neighbours say why, and are nobody's
SELECT school, rank, neighbour, round(distance::numeric, 4) AS distance, mutual, reason FROM sipp.similar_schools(ARRAY[school('S01'), school('S02'),
	sipp.school(id => 'alone', sector => 'special', context => '{1,1,1}', context_names => '{fsm,asn,size}', deprivation => '{1,0,0,0,0}'),
	sipp.school(id => 'no context', sector => 'secondary'), sipp.school(id => 'no profile', sector => 'secondary', context => '{1,1,1}', context_names => '{fsm,asn,size}'),
	sipp.school(id => 'no sector', context => '{1,1,1}', context_names => '{fsm,asn,size}', deprivation => '{1,0,0,0,0}'),
	sipp.school(id => 'no size', sector => 'secondary', context => '{1,1,NULL}', context_names => '{fsm,asn,size}', deprivation => '{1,0,0,0,0}')]) WHERE reason IS NOT NULL;
SELECT school, neighbour, reason FROM sipp.similar_schools(ARRAY[sipp.school(id => 'a', context => '{1}'), sipp.school(id => 'b', authority => 'x', context => '{2}'), sipp.school(id => 'c', authority => 'x', context => '{3}')], authority => 'different', sector => 'any');
SELECT school, reason FROM sipp.similar_schools(ARRAY[sipp.school(id => 'a', sector => 's', authority => 'x', context => '{2}'), sipp.school(id => 'b', sector => 's', authority => 'x', context => '{3}')], authority => 'different');
SELECT school, reason FROM sipp.similar_schools(ARRAY[sipp.school(id => 'a', context => '{2}')], sector => 'any');
SELECT count(*) FROM sipp.similar_schools('{}');

-- Mahalanobis' distance: by the inverse of the covariance, pooled within sectors; of two variables by hand
CREATE TABLE two AS SELECT i, CASE WHEN i % 2 = 0 THEN 'p' ELSE 's' END AS sector, noise(i, 'x', 64)::float8 AS x, noise(i, 'x', 64) / 2.0 + noise(i, 'y', 32) AS y FROM generate_series(1, 30) i;
CREATE VIEW two_schools AS SELECT ARRAY(SELECT sipp.school(id => i::text, sector => sector, context => ARRAY[x, y], context_names => '{x,y}') FROM two) AS s;
CREATE FUNCTION mahalanobis(dx float8, dy float8, xx float8, xy float8, yy float8) RETURNS float8 IMMUTABLE
RETURN sqrt((dx * dx * yy - 2 * dx * dy * xy + dy * dy * xx) / (xx * yy - xy * xy));
WITH c AS (SELECT sum((x - mx) ^ 2) / 28 AS xx, sum((x - mx) * (y - my)) / 28 AS xy, sum((y - my) ^ 2) / 28 AS yy FROM (SELECT *, avg(x) OVER w AS mx, avg(y) OVER w AS my FROM two WINDOW w AS (PARTITION BY sector)) t)
SELECT count(*), bool_and(near(s.distance, mahalanobis(a.x - b.x, a.y - b.y, xx, xy, yy), 1e-10)) AS mahalanobis
FROM two_schools t, c, LATERAL sipp.similar_schools(t.s, k => 100, metric => 'mahalanobis') s, two a, two b WHERE a.i::text = s.school AND b.i::text = s.neighbour;
-- of ranks: mid-ranks, their variances those of untied ranks (Rosenbaum)
WITH r AS (SELECT i, rank() OVER (ORDER BY x) + (count(*) OVER (PARTITION BY x) - 1) / 2.0 AS x, rank() OVER (ORDER BY y) + (count(*) OVER (PARTITION BY y) - 1) / 2.0 AS y FROM two),
	 c AS (SELECT var_samp(i) AS v, corr(x, y) AS rho FROM r)
SELECT count(*), bool_and(near(s.distance, mahalanobis(a.x - b.x, a.y - b.y, v, v * rho, v), 1e-10)) AS rank_mahalanobis
FROM two_schools t, c, LATERAL sipp.similar_schools(t.s, k => 100, metric => 'rank_mahalanobis', sector => 'any') s, r a, r b WHERE a.i::text = s.school AND b.i::text = s.neighbour;
-- shares add to one, also where a variable follows from another, which is said
SELECT count(*), bool_and(near((SELECT sum(value::float8) FROM jsonb_each_text(contributions)), 1, 1e-9)) AS add_to_one FROM sipp.similar_schools(schools(), metric => 'mahalanobis');
SELECT count(*), bool_and(contributions ? 'twice' AND (contributions->>'twice')::float8 = 0) AS no_share
FROM sipp.similar_schools(ARRAY(SELECT sipp.school(id => i::text, sector => sector, context => ARRAY[x, y, 2 * x], context_names => '{x,y,twice}') FROM two), metric => 'mahalanobis');
-- changing the units of circumstances changes no Mahalanobis distance
SELECT count(*), bool_and(near(a.distance, b.distance, 1e-9)) FROM two_schools t, LATERAL sipp.similar_schools(t.s, k => 100, metric => 'mahalanobis') a
JOIN sipp.similar_schools(ARRAY(SELECT sipp.school(id => i::text, sector => sector, context => ARRAY[x * 1000 + y, 7 - y]) FROM two), k => 100, metric => 'mahalanobis') b USING (school, neighbour);

--
-- 3. Schools come in as SQL: views, row-level security, prepared statements
--
CREATE VIEW school_now AS SELECT id, sector, school(r) AS school FROM nation r;
SELECT sipp.context_scale(ARRAY(SELECT school FROM school_now)) = scale AS view FROM scale;
PREPARE alike_in(text, int) AS SELECT count(*), max(rank) FROM sipp.similar_schools(ARRAY(SELECT school FROM school_now WHERE sector = $1), $2);
EXECUTE alike_in('primary', 3);
EXECUTE alike_in('secondary', 5);
SET plan_cache_mode = force_generic_plan;
EXECUTE alike_in('primary', 4);
RESET plan_cache_mode;
-- whoever may not see a school does not hear of it
CREATE ROLE regress_sipp_similar;
GRANT USAGE ON SCHEMA n TO regress_sipp_similar;
GRANT SELECT ON nation, scale TO regress_sipp_similar;
ALTER TABLE nation ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON nation FOR SELECT TO regress_sipp_similar USING (authority IN ('council 1', 'council 2'));
SET ROLE regress_sipp_similar;
SELECT sipp.context_scale(schools()) = scale AS nation FROM scale;
SET client_min_messages = warning;
SELECT count(*) > 5 AS some, count(*) FILTER (WHERE r.authority IS NULL) AS unseen FROM (SELECT school AS id FROM sipp.similar_schools(schools()) UNION SELECT neighbour FROM sipp.similar_schools(schools())) s LEFT JOIN nation r USING (id) WHERE id IS NOT NULL;
RESET client_min_messages;
RESET ROLE;
ALTER TABLE nation DISABLE ROW LEVEL SECURITY;
DROP OWNED BY regress_sipp_similar;
DROP ROLE regress_sipp_similar;
