/*
 * sipp.virtual_school: each column by its formula, in numeric, from brute force's pools.
 * p_value and flip_risk are scipy's (peer.py).
 */
-- what the formulas need of a pupil: sharing is own where the pool is a cell's; that of the nearest is nearest.sql's business
CREATE TABLE school_pupil AS
SELECT 'cells' AS design, school, p.tariff::numeric AS y, o.peers, b.pool, b.mean, b.variance, b.own::numeric AS sharing, b.total
FROM pupil p JOIN ours_plain o USING (pupil_id) JOIN brute_plain b USING (pupil_id)
UNION ALL
SELECT 'cells of a few', school, p.tariff::numeric, o.peers, b.pool, b.mean, b.variance, b.own, b.total
FROM pupil p JOIN ours_crowd o USING (pupil_id) JOIN brute_crowd b USING (pupil_id)
UNION ALL
SELECT 'nearest', school, p.tariff::numeric, peers, pool, mean, variance, (peers::jsonb ->> 'sharing')::numeric, NULL
FROM pupil p JOIN nearest USING (pupil_id) WHERE design = '10 nearest of many ties';

CREATE TABLE school_ours AS
SELECT design, school, k, (v).*
FROM (SELECT design, school, k, CASE k WHEN 10 THEN sipp.virtual_school(y::float8, peers) ELSE sipp.virtual_school(y::float8, peers, k) END AS v
	  FROM (SELECT * FROM school_pupil ORDER BY md5(y::text || school)) p, (VALUES (1::bigint), (10), (40)) d (k)
	  GROUP BY design, school, k OFFSET 0) s;

CREATE TABLE school_brute AS
WITH m AS (
	SELECT *, count(y) OVER s AS n, avg(variance) FILTER (WHERE pool > 1) OVER s AS borrowed
	FROM school_pupil WHERE y IS NOT NULL AND pool > 0
	WINDOW s AS (PARTITION BY design, school)
), v AS (
	SELECT *, CASE WHEN pool > 1 THEN variance ELSE borrowed END AS s2, least(k, pool) AS kc
	FROM m, (VALUES (1), (10), (40)) d (k)
), f AS (
	SELECT design, school, k, n AS matched, avg(y) AS actual, avg(mean) AS virtual, avg(y) - avg(mean) AS difference,
		   -- a pool of one whose variance could not be borrowed: none
		   CASE WHEN bool_and(s2 IS NOT NULL) THEN sqrt(sum(s2) + sum(s2 * sharing / pool)) / n END AS std_error,
		   sqrt(sum(coalesce(variance, 0) * (pool - 1) / pool)) / n AS fixed_pool_se,
		   sqrt(sum(coalesce(s2, 0) / kc * (1 - kc::numeric / pool))) / n AS draw_se,
		   sqrt(sum(s2) / n) AS sd,
		   n ^ 2 / sum(sharing / pool) AS ess,
		   count(*) FILTER (WHERE pool = 1) AS single_pool,
		   max(1 - pool::numeric / total) AS max_left_out_share
	FROM v GROUP BY design, school, k, n
)
SELECT f.*, p.pupils, p.pupils - matched AS unmatched, p.dropped,
	   difference / nullif(std_error, 0) AS z, difference / nullif(sd, 0) AS effect_size
FROM f JOIN (SELECT design, school, count(y) AS pupils, count(*) - count(y) AS dropped FROM school_pupil GROUP BY design, school) p
	 ON p.design = f.design AND p.school IS NOT DISTINCT FROM f.school;

\echo 'every column of sipp.virtual_school'
SELECT agree(format('%s, %s', design, name), count(*),
			 -- what is left of two means is as exact as they are
			 max(apart(ours, brute, CASE name WHEN 'difference' THEN actual WHEN 'z' THEN actual / nullif(se, 0) WHEN 'effect_size' THEN actual / nullif(sd, 0)
									ELSE 0 END::float8)))
FROM (SELECT b.design, name, b.actual, b.std_error AS se, b.sd, o.value::float8 AS ours, (to_jsonb(b) ->> name)::float8 AS brute
	  FROM school_brute b JOIN school_ours o1 ON o1.design = b.design AND o1.k = b.k AND o1.school IS NOT DISTINCT FROM b.school,
		   LATERAL jsonb_each_text(to_jsonb(o1)) o (name, value)
	  WHERE name NOT IN ('design', 'school', 'k', 'p_value', 'flip_risk', 'reason')) c
GROUP BY design, name ORDER BY design, name;
SELECT is_true(design || ': every school is there', count(*) = (SELECT count(DISTINCT coalesce(school, -1)) FROM pupil) * 3
			   AND count(o.actual) > 180, format('%s, with figures %s', count(*), count(o.actual)))
FROM school_ours o GROUP BY design ORDER BY design;
SELECT is_true('there are unmatched pupils, pools of one, left-out shares', max(unmatched) > 1 AND max(single_pool) > 1 AND max(max_left_out_share) > .3)
FROM school_ours WHERE design = 'cells of a few';
SELECT is_true('reason is there where figures are missing, and only there', bool_and((reason IS NULL) = (z IS NOT NULL)),
			   string_agg(DISTINCT reason, '; '))
FROM school_ours;
SELECT disagree('std_error without the pools'' part', count(*), max(apart(o.std_error, b.fixed_pool_se::float8)))
FROM school_ours o JOIN school_brute b USING (design, school, k) WHERE design = 'cells';
SELECT disagree('draw_se of another k', count(*), max(apart(o.draw_se, b.draw_se::float8)))
FROM school_ours o JOIN school_brute b USING (design, school) WHERE design = 'cells' AND o.k = 10 AND b.k = 40;
