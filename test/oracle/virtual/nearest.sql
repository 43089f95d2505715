/*
 * sipp.nearest_comparator: the k nearest of every pupil, by looking at all of them in decimals.
 * rank() leaves nobody out who is tied at the k-th distance.  Two fifths of the pupils
 * will do.
 */
CREATE TABLE some_pupil AS SELECT * FROM shuffled WHERE pupil_id % 5 < 2;
ANALYZE some_pupil;

CREATE TABLE nearest_design (design text, outcome text, score text, cell text, keys text[], k int, caliper float8);
INSERT INTO nearest_design VALUES
	('10 nearest', 'tariff', 'prior', 'sex, asn, simd_quintile', '{school,authority}', 10, NULL),
	('10 nearest of many ties', 'tariff', 'coarse', 'sex, stage, simd_quintile', '{school,authority}', 10, NULL),
	('3 nearest within 2', 'tariff', 'coarse', 'sex, stage, simd_quintile', '{school,trust}', 3, 2),
	('within 0: the ties', 'tariff', 'coarse', 'sex, stage, simd_quintile', '{school,authority}', 1, 0),
	('1 nearest', 'far::float8', 'prior', 'asn, simd_vigintile', '{school,"NULL"}', 1, NULL),
	('200 nearest, more than there are', 'tariff', 'prior', 'sex, asn, stage, simd_quintile', '{school,authority}', 200, NULL),
	('5 nearest within .3', 'tariff', 'prior', 'asn, simd_quintile', '{authority,provider}', 5, .3),
	-- windows of hundreds, and pools that lie far away behind those who share a key
	('260 nearest in large cells', 'far::float8', 'coarse', 'asn, sex', '{school,authority}', 260, NULL),
	('10 nearest across a gap', 'tariff', 'prior', 'sex, stage', '{prior < 60,"NULL"}', 10, NULL),
	('10 nearest, yes or no', 'literacy', 'coarse', 'stage, simd_quintile', '{school,authority}', 10, 5);

-- who is in whose pool; nested: the unit's pupils of the cell all have the same other key
CREATE FUNCTION nearest_pairs(outcome text, score text, cell text, keys text[], k int, caliper float8)
RETURNS TABLE (pupil_id bigint, unit text, cell_no bigint, member bigint, y numeric, has_outcome boolean, nested boolean)
LANGUAGE plpgsql AS
$$
BEGIN
	RETURN QUERY EXECUTE format(
		'WITH r AS MATERIALIZED (SELECT pupil_id, %1$s::numeric AS y, (%2$s)::numeric AS s, dense_rank() OVER (ORDER BY %3$s) AS cell,
										(%4$s)::text AS k1, (%5$s)::text AS k2 FROM some_pupil),
		 k AS MATERIALIZED (SELECT *, coalesce(min(coalesce(k2, ''-'')) FILTER (WHERE y IS NOT NULL AND s IS NOT NULL) OVER u
										= max(coalesce(k2, ''-'')) FILTER (WHERE y IS NOT NULL AND s IS NOT NULL) OVER u, false) AS nested
							FROM r WINDOW u AS (PARTITION BY cell, k1))
		 SELECT p, k1, cell, q, qy, has, nested FROM (
			SELECT p.pupil_id AS p, p.k1, p.cell, q.pupil_id AS q, q.y AS qy, p.y IS NOT NULL AS has, p.nested OR %7$s AS nested,
				   rank() OVER (PARTITION BY p.pupil_id ORDER BY abs(p.s - q.s)) AS rank
			FROM k p JOIN k q ON q.cell = p.cell AND q.y IS NOT NULL AND q.k1 IS DISTINCT FROM p.k1 AND %6$s
			WHERE p.s IS NOT NULL AND q.s IS NOT NULL AND (abs(p.s - q.s) <= $1) IS NOT FALSE) r
		 WHERE rank <= $2',
		CASE outcome WHEN 'literacy' THEN 'literacy::int' WHEN 'far::float8' THEN 'far' ELSE outcome END, score, cell, keys[1], keys[2],
		CASE keys[2] WHEN 'NULL' THEN 'true' ELSE 'q.k2 IS DISTINCT FROM p.k2' END, (keys[2] = 'NULL')::text)
	USING caliper, k;
END
$$;

CREATE FUNCTION ours_nearest(outcome text, score text, cell text, keys text[], k int, caliper float8)
RETURNS TABLE (pupil_id bigint, peers sipp.peers)
LANGUAGE plpgsql AS
$$
BEGIN
	RETURN QUERY EXECUTE format('SELECT pupil_id, sipp.nearest_comparator(%s, %s, %s, %s, %s, %L) OVER (PARTITION BY %s) FROM some_pupil',
								outcome, keys[1], keys[2], score, k, caliper, cell);
END
$$;

CREATE TABLE nearest_pair AS SELECT design, p.* FROM nearest_design d, LATERAL nearest_pairs(outcome, score, cell, keys, k, caliper) p;
ANALYZE nearest_pair;
CREATE TABLE nearest_size AS
SELECT design, pupil_id, unit, cell_no, has_outcome, nested, count(*) AS pool, avg(y) AS mean, var_samp(y) AS variance
FROM nearest_pair GROUP BY design, pupil_id, unit, cell_no, has_outcome, nested;
ANALYZE nearest_size;
-- how many of the unit's pupils lean on a member, each by its part of a pool
CREATE TABLE lean AS
SELECT design, p.unit, p.cell_no, member, sum(1.0 / pool) AS lean
FROM nearest_pair p JOIN nearest_size USING (design, pupil_id) WHERE p.has_outcome GROUP BY design, p.unit, p.cell_no, member;
ANALYZE lean;
CREATE TABLE nearest AS
SELECT design, pupil_id, peers, coalesce(pool, 0) AS pool, mean, variance, sharing, nested
FROM nearest_design d CROSS JOIN LATERAL ours_nearest(outcome, score, cell, keys, k, caliper) o
	 LEFT JOIN nearest_size USING (design, pupil_id)
	 LEFT JOIN (SELECT design, pupil_id, sum(lean) AS sharing
				FROM nearest_pair p JOIN lean l USING (design, cell_no, member)
				WHERE p.has_outcome AND coalesce(l.unit, '-') = coalesce(p.unit, '-')
				GROUP BY design, pupil_id) s USING (design, pupil_id);

\echo 'the nearest of every pupil'
SELECT agree(design || ', pool', count(*), max(apart(sipp.pool(peers), pool)), 0),
	   agree(design || ', mean', count(*), max(apart(sipp.mean(peers), mean::float8))),
	   agree(design || ', variance', count(*), max(apart(sipp.variance(peers), variance::float8, 1e-12))),
	   agree(design || ', sharing', count(sharing) FILTER (WHERE nested), max(apart((peers::jsonb ->> 'sharing')::float8, sharing::float8)) FILTER (WHERE nested AND sharing > 0)),
	   -- where they have different ones it is a bound, between what they share and how many they are
	   is_true(design || ', sharing where keys are not nested', coalesce(bool_and((peers::jsonb ->> 'sharing')::float8 BETWEEN sharing::float8 - 1e-9 AND sipp.own(peers))
			   FILTER (WHERE NOT nested AND sharing > 0), true), count(sharing) FILTER (WHERE NOT nested)::text)
FROM nearest GROUP BY design ORDER BY design;
SELECT is_true('ties make pools larger than k; the caliper leaves some empty; pupils without a score have none',
			   count(*) FILTER (WHERE design = '10 nearest of many ties' AND pool > 10) > 50
			   AND count(*) FILTER (WHERE design = '3 nearest within 2' AND pool = 0 AND prior IS NOT NULL) > 10
			   AND count(*) FILTER (WHERE prior IS NULL) > 50 AND bool_and(pool = 0) FILTER (WHERE prior IS NULL),
			   format('%s, %s, %s', count(*) FILTER (WHERE design = '10 nearest of many ties' AND pool > 10),
					  count(*) FILTER (WHERE design = '3 nearest within 2' AND pool = 0 AND prior IS NOT NULL),
					  count(*) FILTER (WHERE prior IS NULL)))
FROM nearest JOIN pupil USING (pupil_id);
SELECT disagree('10 nearest without the ties', count(*), max(apart(sipp.pool(peers), 10)), 0)
FROM nearest WHERE design = '10 nearest of many ties' AND pool >= 10;
