--
-- The yardsticks of the nation and the distances of its pairs, by sipp and by brute
-- force, from the formulas of the manual.  Included after nation.sql.
--
-- by brute force, over schools with complete context, of all roles
CREATE TABLE long AS SELECT id, sector, v.name, v.x FROM nation, LATERAL (VALUES ('fsm', fsm), ('asn', asn), ('size', size)) v (name, x);
CREATE TABLE brute_scale AS SELECT sector, name, spread(array_agg(x)) AS s FROM long GROUP BY 1, 2;
CREATE TABLE brute_profile AS
SELECT n.sector, percentile_cont(0.5) WITHIN GROUP (ORDER BY profile_distance(n.deprivation, m.mean)) / 0.6745 AS s
FROM nation n JOIN (SELECT sector, array_agg(share ORDER BY band) AS mean FROM (
		SELECT sector, band, avg(share) AS share FROM nation, unnest(deprivation) WITH ORDINALITY u (share, band) GROUP BY 1, 2) b GROUP BY 1) m USING (sector)
GROUP BY 1;
CREATE TABLE scale AS SELECT sipp.context_scale(schools()) AS scale;
CREATE VIEW sectors AS SELECT x->>'sector' AS sector, x FROM scale, jsonb_array_elements(scale->'sectors') x;
-- squared distances, each variable's part, of all pairs of a sector; d10 is the median distance to the tenth nearest
CREATE TABLE brute_pair AS
SELECT a.id AS a, b.id AS b, p.parts, p.d, a.sector
FROM nation a JOIN nation b ON a.sector = b.sector AND a.id <> b.id JOIN brute_profile f ON f.sector = a.sector,
	 LATERAL (SELECT jsonb_object_agg(name, part) AS parts, sqrt(sum(part)) AS d FROM (
		SELECT x.name, ((x.x - y.x) / s) ^ 2 / 4 AS part FROM long x JOIN long y USING (name) JOIN brute_scale c ON c.name = x.name AND c.sector = a.sector WHERE x.id = a.id AND y.id = b.id
		UNION ALL SELECT 'deprivation', (profile_distance(a.deprivation, b.deprivation) / f.s) ^ 2 / 4) v) p;
CREATE TABLE brute_tenth AS
SELECT sector, percentile_cont(0.5) WITHIN GROUP (ORDER BY d) AS tenth
FROM (SELECT sector, a, d, row_number() OVER (PARTITION BY a ORDER BY d) AS r FROM brute_pair) p WHERE r = 10 GROUP BY 1;
