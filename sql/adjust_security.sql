-- Row-level security: what a role may see that may see one authority's schools
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_sipp_fife;
DROP ROLE IF EXISTS regress_sipp_moray;
RESET client_min_messages;
CREATE ROLE regress_sipp_fife;
CREATE ROLE regress_sipp_moray;
CREATE SCHEMA security;
SET search_path = security;
GRANT USAGE ON SCHEMA security TO PUBLIC;

-- 24 schools in four authorities, 40 pupils each; school 6, in Moray, has levels
-- that no other has
CREATE TABLE pupil AS
SELECT i / 40 AS school_id, (ARRAY['Angus', 'Fife', 'Moray', 'Stirling'])[i / 40 % 4 + 1] AS authority,
	   (i * 7919 % 101 + i % 7 * 3 + i / 40 * 11 % 23)::float8 AS tariff, i % 7 AS prior,
	   CASE i / 40 WHEN 6 THEN 'y' ELSE 'a' END || i % 2 AS background
FROM generate_series(0, 959) i;

CREATE TABLE evidence AS
SELECT school_id, authority, sipp.cohort(tariff, prior, background) AS cohort
FROM pupil GROUP BY school_id, authority;
CREATE TABLE national AS SELECT sipp.value_added(cohort) AS model FROM evidence;

ALTER TABLE evidence ENABLE ROW LEVEL SECURITY;
CREATE POLICY fife ON evidence TO regress_sipp_fife USING (authority = 'Fife');
CREATE POLICY moray ON evidence TO regress_sipp_moray USING (authority = 'Moray');
GRANT SELECT ON evidence, national TO regress_sipp_fife, regress_sipp_moray;

CREATE VIEW own_effect WITH (security_invoker) AS
SELECT c.school_id, c.authority, e.*
FROM evidence c, national m, LATERAL sipp.effect(c.cohort, m.model) e;
CREATE VIEW everybody AS
SELECT c.school_id, c.authority, e.*
FROM evidence c, national m, LATERAL sipp.effect(c.cohort, m.model) e;
CREATE MATERIALIZED VIEW kept AS TABLE everybody;
CREATE VIEW over_kept WITH (security_invoker) AS SELECT school_id, authority, effect FROM kept;
GRANT SELECT ON own_effect, everybody, kept, over_kept TO regress_sipp_fife, regress_sipp_moray;
CREATE TABLE truth AS TABLE everybody;
GRANT SELECT ON truth TO PUBLIC;

-- each role sees its own schools, with the figures that the nation's office has
SET ROLE regress_sipp_fife;
SELECT authority, count(*) AS schools, count(effect) AS effects FROM own_effect GROUP BY authority;
SELECT count(*) AS different FROM
	(SELECT * FROM own_effect EXCEPT SELECT * FROM truth WHERE authority = 'Fife') d;
SELECT count(*) AS missing FROM
	(SELECT * FROM truth WHERE authority = 'Fife' EXCEPT SELECT * FROM own_effect) d;
SET ROLE regress_sipp_moray;
SELECT authority, count(*) AS schools, count(effect) AS effects FROM own_effect GROUP BY authority;
SELECT school_id FROM own_effect WHERE school_id = 1;

-- a view without security_invoker reads as its owner, and a materialised view
-- holds what its owner saw: neither is bound by the reader's policy, nor is an
-- invoker's view over it
SELECT count(*) AS schools, count(DISTINCT authority) AS authorities FROM everybody;
SELECT count(*) AS schools, count(DISTINCT authority) AS authorities FROM kept;
SELECT count(*) AS schools, count(DISTINCT authority) AS authorities FROM over_kept;
RESET ROLE;
\set VERBOSITY sqlstate
ALTER TABLE kept ENABLE ROW LEVEL SECURITY;
\set VERBOSITY default

-- a model that a bound role fits is one of its own schools, and says how many
SET ROLE regress_sipp_fife;
SELECT s.schools, s.pupils FROM (SELECT sipp.value_added(cohort) AS m FROM evidence) f, LATERAL sipp.fit_summary(m) s;
SELECT s.schools, s.pupils FROM national, LATERAL sipp.fit_summary(model) s;

-- the policy comes before functions that could tell of hidden rows
CREATE TEMP TABLE seen (authority text);
GRANT ALL ON seen TO PUBLIC;
CREATE FUNCTION pg_temp.leak(c sipp.cohort, a text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
	'BEGIN INSERT INTO seen VALUES (a); RETURN true; END';
SELECT count(*) FROM evidence WHERE pg_temp.leak(cohort, authority);
SELECT count(*) FROM own_effect WHERE pg_temp.leak(NULL, authority);
SELECT authority, count(*) FROM seen GROUP BY authority;
DROP FUNCTION pg_temp.leak;

-- what the model tells all the same: the sums of all other schools together, by
-- its means of outcome and covariates less one's own, and the names of levels
WITH n AS (
	SELECT (model::jsonb->>'pupils')::bigint AS pupils, (model::jsonb->'mean'->>-1)::float8 AS mean FROM national
), own AS (
	SELECT sipp.size(c) AS pupils, sipp.mean(c) AS mean FROM (SELECT sipp.merge(cohort) AS c FROM evidence) c
)
SELECT n.pupils - own.pupils AS pupils_elsewhere,
	   ((n.pupils * n.mean - own.pupils * own.mean) / (n.pupils - own.pupils))::numeric(20, 8) AS mean_elsewhere
FROM n, own;
SELECT t->'levels' AS levels FROM national, LATERAL jsonb_array_elements(model::jsonb->'terms') t WHERE t ? 'levels';
RESET ROLE;
SELECT count(*) AS pupils_elsewhere, avg(tariff)::numeric(20, 8) AS mean_elsewhere FROM pupil WHERE authority <> 'Fife';

-- the owner sees everything
SELECT count(*) FROM evidence;
SET client_min_messages = warning;
DROP SCHEMA security CASCADE;
DROP TABLE seen;
DROP ROLE regress_sipp_fife, regress_sipp_moray;
