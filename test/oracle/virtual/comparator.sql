/*
 * sipp.comparator: every pupil's pool.
 */
\set cells 'sex, asn, stage, simd_quintile'
\set crowds 'sex, asn, stage, simd_quintile, crowd'

-- two of them are used again below
CREATE TABLE brute_plain AS SELECT * FROM brute('tariff', :'cells', 'school', 'authority');
CREATE TABLE brute_crowd AS SELECT * FROM brute('tariff', :'crowds', 'school', 'authority');
ALTER TABLE brute_plain ADD PRIMARY KEY (pupil_id);
ALTER TABLE brute_crowd ADD PRIMARY KEY (pupil_id);
CREATE TABLE ours_plain AS
	SELECT pupil_id, sipp.comparator(tariff, school, authority) OVER (PARTITION BY sex, asn, stage, simd_quintile) AS peers
	FROM shuffled;
CREATE TABLE ours_crowd AS
	SELECT pupil_id, sipp.comparator(tariff, school, authority) OVER (PARTITION BY sex, asn, stage, simd_quintile, crowd) AS peers
	FROM shuffled;
ALTER TABLE ours_plain ADD PRIMARY KEY (pupil_id);
ALTER TABLE ours_crowd ADD PRIMARY KEY (pupil_id);

\echo 'the pool of every pupil'
CREATE TABLE compared AS
SELECT d.name, pupil_id, o.peers, b.pool, b.mean, b.variance, b.own, b.total
FROM (SELECT 'cells of tens' AS name, o.*, 'plain' AS which FROM ours_plain o
	  UNION ALL SELECT 'cells of a few', o.*, 'crowd' FROM ours_crowd o) o
	 JOIN (SELECT 'plain' AS which, * FROM brute_plain UNION ALL SELECT 'crowd', * FROM brute_crowd) b USING (which, pupil_id),
	 LATERAL (SELECT o.name) d
UNION ALL
SELECT name, pupil_id, o.peers, b.pool, b.mean, b.variance, b.own, b.total
FROM (VALUES ('one key', 'tariff', NULL, :'cells', ARRAY['school']),
			 ('four keys', 'tariff', NULL, :'cells', ARRAY['school', 'authority', 'trust', 'provider']),
			 ('keys none of which contains another', 'tariff', NULL, :'cells', ARRAY['provider', 'course', 'trust']),
			 ('authorities as units', 'tariff', NULL, :'cells', ARRAY['authority', 'trust']),
			 ('far from zero', 'far::float8', 'far', :'cells', ARRAY['school', 'authority', 'provider']),
			 ('far from zero, cells of a few', 'far::float8', 'far', :'crowds', ARRAY['school', 'authority']),
			 ('yes or no', 'literacy', 'literacy::int', :'cells', ARRAY['school', 'authority', 'course']),
			 ('large cells', 'tariff', NULL, 'pupil_id % 20', ARRAY['authority', 'school', 'trust'])
			) d (name, outcome, as_number, cell, keys),
	 LATERAL ours(outcome, cell, VARIADIC keys) o JOIN LATERAL brute(coalesce(as_number, outcome), cell, VARIADIC keys) b USING (pupil_id);

SELECT agree(name || ', pool', count(*), max(apart(sipp.pool(peers), pool)), 0),
	   agree(name || ', mean', count(*), max(apart(sipp.mean(peers), mean::float8))),
	   agree(name || ', variance', count(*), max(apart(sipp.variance(peers), variance::float8, 1e-12))),
	   agree(name || ', own', count(*), max(apart(sipp.own(peers), own)), 0),
	   agree(name || ', total', count(*), max(apart(sipp.total(peers), total)), 0)
FROM compared GROUP BY name ORDER BY name;

-- these comparisons have something to see
SELECT is_true('there are empty pools, pools of one, and pupils without an outcome who have a pool',
			   count(*) FILTER (WHERE c.pool = 0) > 50 AND count(*) FILTER (WHERE c.pool = 1) > 50
			   AND count(*) FILTER (WHERE tariff IS NULL AND c.pool > 0) > 50,
			   format('%s, %s, %s', count(*) FILTER (WHERE c.pool = 0), count(*) FILTER (WHERE c.pool = 1),
					  count(*) FILTER (WHERE tariff IS NULL AND c.pool > 0)))
FROM compared c JOIN pupil USING (pupil_id) WHERE name = 'cells of a few';
SELECT is_true('there are pupils without school or authority, each a group',
			   count(*) FILTER (WHERE school IS NULL) > 50 AND count(*) FILTER (WHERE authority IS NULL) > 50)
FROM pupil;
SELECT disagree('pools with one key too few', count(*), max(apart(sipp.mean(a.peers), b.mean::float8)))
FROM compared a JOIN compared b USING (pupil_id) WHERE a.name = 'one key' AND b.name = 'cells of tens';
DROP TABLE compared;
