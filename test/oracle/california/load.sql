/*
 * Schema california: the schools as pairing sees them.
 *
 * A school's effect is what its API of both years leaves over the circumstances,
 * shrunken: sipp.value_added on two rows a school, weighted by the pupils tested, so
 * that small schools and years apart make for large standard errors.  One
 * model for each sector (E, M, H).
 *
 * Schools that lack a circumstance are not in that model.  Those without mobility
 * have no effect at all; the others one by meals and ell alone, and are compared on
 * what they have.
 *
 * Roles are those of sipp.pairing_role, the trend being the API's change against
 * the sector's mean.  Whom that gives no role agrees to either if an even
 * number of its pupils was tested, otherwise it takes no part.
 */
CREATE SCHEMA california;
SET search_path = california;

CREATE TABLE api (
	cds text PRIMARY KEY, stype text, sname text, dnum int, cnum int, api99 float8, api00 float8,
	meals float8, ell float8, mobility float8, avg_ed float8, enroll float8, api_stu float8
);
\copy api FROM pstdin (FORMAT csv, HEADER)
ANALYZE api;

CREATE TABLE year_row AS
SELECT a.*, api, year FROM api a, LATERAL (VALUES (api99, '1999'), (api00, '2000')) y (api, year);

CREATE TABLE evidence AS
SELECT cds, stype, sipp.weighted_cohort(api_stu, api, meals, ell, mobility, avg_ed, year) AS cohort,
	   sipp.weighted_cohort(api_stu, api, meals, ell, year) AS small
FROM year_row GROUP BY cds, stype;

CREATE TABLE model AS
SELECT stype, sipp.value_added(cohort) AS model, sipp.value_added(small) AS small
FROM evidence GROUP BY stype;

-- sipp.effect of a school of which no row is complete is NULL
CREATE TABLE fitted AS
SELECT cds, e.effect, e.conditional_se AS se, s.effect AS small_effect, s.conditional_se AS small_se,
	   sqrt(f.school_variance) AS school_sd, sqrt(2 * f.pupil_variance / api_stu) AS trend_se
FROM evidence JOIN model m USING (stype) JOIN api USING (cds, stype),
	 LATERAL sipp.effect(evidence.cohort, m.model) e, LATERAL sipp.effect(evidence.small, m.small) s,
	 LATERAL sipp.fit_summary(m.model) f;
ANALYZE fitted;

CREATE TABLE school AS
SELECT *, sipp.school(cds, sector => stype, authority => cnum::text, cluster => dnum::text, role => role,
					  effect => effect, effect_se => se,
					  context => ARRAY[meals, ell, mobility, avg_ed], context_names => '{meals,ell,mobility,avg_ed}',
					  capacity => capacity, excludes => excludes) AS school
FROM (SELECT a.*, e.effect, e.se,
			 CASE WHEN e.effect IS NULL THEN 'either'
				  WHEN r.role = 'none' AND api_stu::int % 2 = 0 THEN 'either'
				  ELSE r.role END AS role,
			 least(3, 1 + coalesce(enroll, 0)::int / 800) AS capacity,
			 -- two schools of one name would be mixed up
			 array_remove(array_agg(cds) OVER (PARTITION BY stype, sname), cds) AS excludes
	  FROM (SELECT *, percent_rank() OVER (PARTITION BY stype ORDER BY api00) AS attainment_pct,
				   percent_rank() OVER (PARTITION BY stype ORDER BY meals DESC) AS intake_pct,
				   api00 - api99 - avg(api00 - api99) OVER (PARTITION BY stype) AS trend
			FROM api) a
		   JOIN fitted f USING (cds),
		   LATERAL (SELECT CASE WHEN mobility IS NOT NULL THEN coalesce(f.effect, small_effect) END,
						   CASE WHEN mobility IS NOT NULL THEN coalesce(f.se, small_se) END) e (effect, se),
		   LATERAL (SELECT sipp.pairing_role(e.effect, e.se, attainment_pct, intake_pct, trend, trend_se, school_sd)) r (role)
	  OFFSET 0) s;
ANALYZE school;

-- each with the options that make it, for peer.py to read them as well
CREATE TABLE plan (
	name text PRIMARY KEY, mode text DEFAULT 'optimal', authority text DEFAULT 'different', supports int DEFAULT 1,
	min_p_better float8 DEFAULT .8, min_similarity float8 DEFAULT 0, unpaired_cost float8, same_authority_cost float8 DEFAULT .1,
	weights jsonb, plan sipp.plan
);
INSERT INTO plan (name, mode, authority, supports, min_p_better, min_similarity, unpaired_cost, weights) VALUES
	('default', 'optimal', 'different', 1, .8, .2, NULL, NULL),
	('no floor of similarity', 'optimal', 'different', 1, .8, 0, NULL, NULL),
	('two supports', 'optimal', 'different', 2, .8, 0, NULL, NULL),
	('prefer', 'optimal', 'prefer', 1, .8, 0, NULL, NULL),
	('any authority', 'optimal', 'any', 1, .95, 0, NULL, '{"gap": 1}'),
	('min_similarity .5', 'optimal', 'different', 1, .8, .5, NULL, NULL),
	('unpaired_cost .15', 'optimal', 'different', 1, .8, 0, .15, NULL),
	('two supports, unpaired_cost .2', 'optimal', 'different', 2, .9, .3, .2, NULL),
	('stable', 'stable', 'different', 1, .8, 0, NULL, NULL),
	('greedy', 'greedy', 'different', 1, .8, 0, NULL, NULL);

UPDATE plan SET plan = sipp.pairing_plan(
	ARRAY(SELECT school FROM school), mode => mode, authority => authority, supports_per_partner => supports,
	min_p_better => min_p_better, min_similarity => min_similarity, unpaired_cost => unpaired_cost,
	same_authority_cost => same_authority_cost, weights => weights);

CREATE TABLE neighbour AS
SELECT n.* FROM sipp.similar_schools(ARRAY(SELECT school FROM school), k => 10) n;

CREATE TABLE trio AS
SELECT g.* FROM sipp.group_schools(ARRAY(SELECT school FROM school WHERE stype = 'H'), size => 3) g;
