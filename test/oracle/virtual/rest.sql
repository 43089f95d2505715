/*
 * Balance, bands, the variance between schools, false discoveries.
 */
-- an authority has all of a school's pupils, so that they share their pools altogether or not at all
CREATE VIEW nested AS SELECT * FROM shuffled WHERE authority IS NOT NULL AND school IS NOT NULL;

CREATE TABLE covariate AS
SELECT 'prior, cells of tens' AS design, school, authority, dense_rank() OVER (ORDER BY sex, asn, stage, simd_quintile) AS cell,
	   prior::numeric AS x, sipp.comparator(prior, school, authority) OVER (PARTITION BY sex, asn, stage, simd_quintile) AS peers
FROM nested
UNION ALL
SELECT 'prior, cells of a few', school, authority, dense_rank() OVER (ORDER BY sex, asn, stage, simd_quintile, crowd),
	   prior::numeric, sipp.comparator(prior, school, authority) OVER (PARTITION BY sex, asn, stage, simd_quintile, crowd)
FROM nested
UNION ALL
SELECT 'yes or no', school, authority, dense_rank() OVER (ORDER BY sex, stage, simd_quintile, crowd),
	   literacy::int, sipp.comparator(literacy, school, authority) OVER (PARTITION BY sex, stage, simd_quintile, crowd)
FROM nested;
ALTER TABLE covariate ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;
ANALYZE covariate;

CREATE TABLE balance_ours AS
SELECT design, school, (v).*
FROM (SELECT design, school, sipp.balance(x::float8, peers) AS v
	  FROM covariate WHERE school BETWEEN 1 AND 20 AND design <> 'yes or no' GROUP BY design, school
	  UNION ALL
	  SELECT design, school, sipp.balance(x <> 0, peers)
	  FROM covariate WHERE school BETWEEN 1 AND 20 AND design = 'yes or no' GROUP BY design, school) s;

-- a pupil's pool again by joining; a member of it weighs 1/pool for each pupil it stands beside
CREATE TABLE balance_brute AS
WITH pair AS MATERIALIZED (
	SELECT p.design, p.school, p.id, p.x AS px, q.id AS member, q.x, count(*) OVER (PARTITION BY p.id) AS pool
	FROM covariate p JOIN covariate q ON q.design = p.design AND q.cell = p.cell AND q.school IS DISTINCT FROM p.school
		 AND q.authority IS DISTINCT FROM p.authority
	WHERE p.x IS NOT NULL AND q.x IS NOT NULL AND p.school BETWEEN 1 AND 20
), member AS (
	SELECT design, school, member, x, sum(1.0 / pool) AS w FROM pair GROUP BY design, school, member, x
), virtual AS (
	SELECT design, school, sum(w) AS total, sum(w * x) / sum(w) AS virtual, sum(w ^ 2) AS squares FROM member GROUP BY design, school
), spread AS (
	SELECT design, school, v.virtual, sum(w * (x - v.virtual) ^ 2) / (total - squares / total) AS variance
	FROM member JOIN virtual v USING (design, school) GROUP BY design, school, v.virtual, total, squares
), matched AS (
	SELECT design, school, count(*) AS matched, avg(px) AS actual, var_samp(px) AS variance
	FROM (SELECT DISTINCT design, school, id, px FROM pair) p GROUP BY design, school
), everybody AS (
	SELECT design, school, count(x) AS pupils, count(*) - count(x) AS dropped,
		   -- of yes and no the variance is p (1 - p) and says no more than the mean, as in MatchIt
		   CASE design WHEN 'yes or no' THEN sqrt(avg(x) * (1 - avg(x))) ELSE stddev_samp(x) END AS sd
	FROM covariate WHERE school BETWEEN 1 AND 20 GROUP BY design, school
)
SELECT design, school, pupils, matched, pupils - matched AS unmatched, m.actual, s.virtual, m.actual - s.virtual AS difference, sd,
	   (m.actual - s.virtual) / sd AS smd,
	   CASE WHEN design <> 'yes or no' THEN m.variance / s.variance END AS variance_ratio, dropped
FROM everybody e JOIN matched m USING (design, school) JOIN spread s USING (design, school);

\echo 'balance'
SELECT agree(format('%s, %s', design, name), count(*),
			 max(apart(ours, brute, CASE name WHEN 'difference' THEN actual WHEN 'smd' THEN actual / sd ELSE 0 END::float8)))
FROM (SELECT design, o.name, b.actual, b.sd, o.value::float8 AS ours, (to_jsonb(b) ->> o.name)::float8 AS brute
	  FROM balance_brute b JOIN balance_ours u USING (design, school), LATERAL jsonb_each_text(to_jsonb(u)) o (name, value)
	  WHERE o.name NOT IN ('design', 'school', 'verdict', 'reason')) c
GROUP BY design, name ORDER BY design, name;
SELECT is_true(design || ': verdict', count(*) = 20 AND bool_and((o.verdict = 'balanced') = (abs(b.smd) < .1) AND o.verdict IN ('balanced', 'imbalanced'))
			   AND bool_or(o.verdict = 'balanced') AND bool_or(o.verdict = 'imbalanced'), format('%s of %s balanced', count(*) FILTER (WHERE o.verdict = 'balanced'), count(*)))
FROM balance_brute b JOIN balance_ours o USING (design, school) GROUP BY design ORDER BY design;
SELECT disagree('standardised by the matched pupils only', count(*), max(apart(o.sd, m.sd::float8)))
FROM balance_ours o JOIN (SELECT school, stddev_samp(x) AS sd FROM covariate WHERE design = 'prior, cells of a few' AND sipp.pool(peers) > 0
						  GROUP BY school) m USING (school)
WHERE o.design = 'prior, cells of a few' AND o.unmatched > 0;

-- bands: each pupil is an interval of the cumulated weight
CREATE TABLE points AS
SELECT 'pupils' AS design, school AS g, tariff::numeric AS points, 1::numeric AS weight FROM pupil
UNION ALL SELECT 'weights', school, tariff, noise(pupil_id, 'weight') % 64 / 8.0 FROM pupil
UNION ALL SELECT 'many ties', school, trunc(tariff / 400), 1 + noise(pupil_id, 'weight') % 3 FROM pupil
UNION ALL SELECT 'groups of one to fifteen', pupil_id / 15, tariff, 1 FROM pupil WHERE pupil_id % 15 < pupil_id / 15 % 15 + 1;
CREATE TABLE bands_ours AS
SELECT design, g, (v).* FROM (
	SELECT design, g, CASE WHEN design IN ('weights', 'many ties') THEN sipp.attainment_bands(points::float8, weight::float8)
						   ELSE sipp.attainment_bands(points::float8) END AS v
	FROM points GROUP BY design, g OFFSET 0) s;
CREATE TABLE bands_brute AS
WITH interval AS (
	SELECT design, g, points, sum(weight) OVER w - weight AS low, sum(weight) OVER w AS high, sum(weight) OVER (PARTITION BY design, g) AS total
	FROM points WHERE points IS NOT NULL AND weight > 0
	WINDOW w AS (PARTITION BY design, g ORDER BY points ROWS UNBOUNDED PRECEDING)
)
SELECT design, g, total AS weight, sum(points * (high - low)) / total AS mean,
	   sum(points * greatest(0, least(high, .2 * total) - low)) / (.2 * total) AS lowest_20,
	   sum(points * greatest(0, least(high, .8 * total) - greatest(low, .2 * total))) / (.6 * total) AS middle_60,
	   sum(points * greatest(0, high - greatest(low, .8 * total))) / (.2 * total) AS highest_20
FROM interval GROUP BY design, g, total;

\echo 'bands'
SELECT agree(format('%s, %s', design, name), count(*), max(apart(ours, brute)))
FROM (SELECT b.design, o.name, o.value::float8 AS ours, (to_jsonb(b) ->> o.name)::float8 AS brute
	  FROM bands_brute b JOIN bands_ours u ON u.design = b.design AND u.g IS NOT DISTINCT FROM b.g, LATERAL jsonb_each_text(to_jsonb(u)) o (name, value)
	  WHERE o.name IN ('weight', 'mean', 'lowest_20', 'middle_60', 'highest_20')) c
GROUP BY design, name ORDER BY design, name;
SELECT agree(design || ', counts', count(*), max(greatest(apart(pupils, n), apart(dropped, missing))), 0)
FROM bands_ours o JOIN (SELECT design, coalesce(g, -99) AS g, count(points) AS n, count(*) - count(points) AS missing FROM points GROUP BY design, g) p USING (design)
WHERE p.g = coalesce(o.g, -99) GROUP BY design ORDER BY design;
SELECT disagree('the boundary pupil not split', count(*), max(apart(o.lowest_20, p.lowest)))
FROM bands_ours o JOIN (SELECT g, avg(points) FILTER (WHERE rank <= .2 * n) AS lowest
						FROM (SELECT g, points, row_number() OVER (PARTITION BY g ORDER BY points) AS rank, count(*) OVER (PARTITION BY g) AS n
							  FROM points WHERE design = 'pupils' AND points IS NOT NULL) r GROUP BY g) p USING (g) WHERE design = 'pupils';

-- a virtual school's bands: a comparator weighs one by pool for each pupil, or is there
-- that often.  In this cell pools have 12, 15 and 20 pupils; 60 is their common multiple
CREATE TABLE exploded AS
SELECT p.i AS pupil, q.points, 60 / count(*) OVER (PARTITION BY p.i) AS times, 1.0 / count(*) OVER (PARTITION BY p.i) AS weight
FROM (VALUES (1, 12), (2, 15), (3, 20), (4, 12), (5, 15)) p (i, pool), LATERAL (SELECT j, noise(100 * i + j, 'points') % 2000 AS points FROM generate_series(1, pool) j) q;
SELECT agree('weighted bands are those of the exploded pool', count(*), greatest(max(apart((w).lowest_20, (e).lowest_20)), max(apart((w).middle_60, (e).middle_60)),
			 max(apart((w).highest_20, (e).highest_20)), max(apart((w).mean, (e).mean)), max(apart((w).weight, (e).weight / 60))))
FROM (SELECT sipp.attainment_bands(points, weight) AS w FROM exploded) w,
	 (SELECT sipp.attainment_bands(points) AS e FROM exploded, generate_series(1, times)) e;

-- DerSimonian and Laird, in numeric
CREATE TABLE variances AS
SELECT design, k, school, difference, std_error FROM school_ours WHERE k = 10
UNION ALL SELECT 'no difference', 0, i, sin(i) / 10, 1 + i % 3 FROM generate_series(1, 50) i
UNION ALL SELECT 'unit error', 0, i, (i * i % 17)::float8, 1 FROM generate_series(1, 40) i
UNION ALL SELECT 'far from zero', 0, i, 1e6 + floor(100 * sin(i)) / 1024, .01 FROM generate_series(1, 60) i
UNION ALL SELECT 'one school', 0, 1, 2, 3;
\echo 'the variance between schools'
SELECT agree(design, 1, apart(ours, brute::float8)), is_true(design || ': as it should be', CASE design WHEN 'no difference' THEN ours = 0 WHEN 'one school' THEN ours IS NULL ELSE ours > 0 END)
FROM (SELECT design, sipp.school_variance(difference, std_error ORDER BY md5(school::text)) AS ours FROM variances GROUP BY design) o
	 JOIN (SELECT design, CASE WHEN count(w) > 1 THEN greatest(0, (sum(w * (d - m) ^ 2) - (count(w) - 1)) / (sum(w) - sum(w ^ 2) / sum(w))) END AS brute
		   FROM (SELECT *, sum(w * d) OVER (PARTITION BY design) / sum(w) OVER (PARTITION BY design) AS m
				 FROM (SELECT design, difference::text::numeric AS d, 1 / std_error::text::numeric ^ 2 AS w FROM variances
					   WHERE difference IS NOT NULL AND std_error > 0) v) v GROUP BY design) b USING (design)
ORDER BY design;
-- in closed form: equal errors leave the sample variance less theirs
SELECT agree('equal errors', 1, apart(sipp.school_variance(difference, std_error), var_samp(difference::numeric)::float8 - 1))
FROM variances WHERE design = 'unit error';

-- Benjamini and Hochberg: over all that are no smaller, the least p m / rank
CREATE TABLE p_values AS
SELECT design, school, p_value FROM school_ours WHERE k = 10
UNION ALL SELECT 'ties', i, CASE WHEN i % 7 > 0 THEN round((noise(i, 'p') % 30)::numeric ^ 2 / 900, 2) END FROM generate_series(1, 100) i
UNION ALL SELECT 'one', 1, .03
UNION ALL SELECT 'none', 1, NULL;
SELECT agree('fdr, ' || design, count(*), max(apart(o.ours, b.brute)))
FROM (SELECT design, school, p_value, sipp.fdr(p_value) OVER (PARTITION BY design) AS ours FROM p_values) o,
	 LATERAL (SELECT CASE WHEN o.p_value IS NOT NULL THEN least(1, min(q.p_value * q.m / q.rank)) END AS brute
			  FROM (SELECT a.p_value, (SELECT count(c.p_value) FROM p_values c WHERE c.design = o.design) AS m,
						   (SELECT count(*) FROM p_values c WHERE c.design = o.design AND c.p_value <= a.p_value) AS rank
					FROM p_values a WHERE a.design = o.design) q WHERE q.p_value >= o.p_value) b
GROUP BY design ORDER BY design;
SELECT is_true('fdr of a partition is its own', bool_or(a.f <> b.f))
FROM (SELECT design, school, sipp.fdr(p_value) OVER (PARTITION BY design) AS f FROM p_values) a
	 JOIN (SELECT design, school, sipp.fdr(p_value) OVER () AS f FROM p_values) b USING (design, school);
