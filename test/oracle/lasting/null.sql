/*
 * Nations in which no school does more than another.
 *
 *  none		u and v left out
 *  labels		the same pupils, what their schools gave them included, each dealt to a
 *				school at random, year by year
 *
 * Schools take part as in "halves" of plans.sql, each at the mercy of the sign of
 * nothing.  Raw effects with their standard errors claim what chance gives: a
 * fifth of all pairs look certain to .8.  Shrunken ones claim nothing where REML finds no
 * variance between schools, which should be in about half of the nations; in the
 * others they claim a little, for REML's school_variance is taken as known.
 */
CREATE TABLE none AS
SELECT rep, school, sipp.cohort(.2 * year + x / 2 + e, x, year::text) AS cohort
FROM pupil WHERE rep <= :null_reps GROUP BY rep, school;
SELECT fit('none');

CREATE TABLE labels AS
SELECT rep, q.school, sipp.cohort(.2 * year + x / 2 + of_school + e, x, year::text) AS cohort
FROM (SELECT *, row_number() OVER (PARTITION BY rep, year ORDER BY uniform(id, 79), id) AS k FROM pupil WHERE rep <= :null_reps) p
	 JOIN (SELECT rep, year, school, row_number() OVER (PARTITION BY rep, year ORDER BY id) AS k
		   FROM pupil WHERE rep <= :null_reps) q USING (rep, year, k)
GROUP BY rep, q.school;
SELECT fit('labels');

CREATE TABLE null_model AS
SELECT 'none' AS world, * FROM none_model UNION ALL SELECT 'labels', * FROM labels_model;

CREATE TABLE null_school AS
SELECT world, way, rep, school, authority, intake, v.effect, v.se, school_sd
FROM (SELECT 'none' AS world, * FROM none_effect UNION ALL SELECT 'labels', * FROM labels_effect) e,
	 LATERAL (VALUES ('halves', e.effect, e.se), ('roles', e.effect, e.se), ('raw', raw, raw_se)) v (way, effect, se);
ANALYZE null_school;

CREATE TABLE null_plan AS
SELECT world, way, rep, sum(p.usable_gap * target_gap) / 180 AS gain, count(p.p_better) AS pairs
FROM (SELECT world, way, rep, sipp.pairing_plan(array_agg(sipp.school(school::text, authority => authority::text,
			 role => CASE WHEN way = 'roles' THEN sipp.pairing_role(effect, se, NULL, NULL, NULL, NULL, school_sd)
						  WHEN effect > 0 THEN 'lead' ELSE 'partner' END,
			 effect => effect, effect_se => se, context => ARRAY[intake], context_names => '{intake}')), sector => 'any', min_similarity => 0) AS plan
	  FROM null_school GROUP BY 1, 2, 3) s, LATERAL sipp.plan_summary(plan) r, LATERAL sipp.pairs(plan) p
GROUP BY 1, 2, 3;

-- .8416212: where p_better is .8
CREATE TABLE null_certain AS
SELECT a.world, a.way, a.rep, avg((l.effect > a.effect AND l.effect - a.effect >= .8416212 * sqrt(l.se ^ 2 + a.se ^ 2))::int) AS certain
FROM null_school a JOIN null_school l ON (l.world, l.way, l.rep) = (a.world, a.way, a.rep) AND l.school <> a.school
WHERE a.way <> 'roles' GROUP BY 1, 2, 3;

\echo 'schools that do not differ:' :null_reps 'nations'
SELECT must(format('%s: %% of fits without variance between schools', world), 100 * avg(singular::int), 35, 75),
	   must(format('%s: mean school_variance / that of the real nations', world), avg(school_variance) / (:pair_variance * (1 - :year_share * 2 / 3)), 0, .02),
	   must(format('%s: nations whose lr_p_value is below .05, of %s, within chance', world, count(*)), sum((lr_p_value < .05)::int),
			0, .05 * count(*) + 3.5 * sqrt(.05 * .95 * count(*)))
FROM null_model GROUP BY world ORDER BY world;
SELECT must(format('%s: %% of any two schools with p_better of .8 or more', world), 100 * avg(certain) FILTER (WHERE way = 'halves'), 0, 2),
	   must(format('%s: by raw effects, negative control, known to be 20', world), 100 * avg(certain) FILTER (WHERE way = 'raw'), 19, 21)
FROM null_certain GROUP BY world ORDER BY world;
-- by roles, next to nobody is a lead or a partner; by the sign alone, at most a tenth of what raw effects claim
SELECT must(format('%s: pairs a nation of a plan by %s', world, way), avg(pairs), 0, CASE way WHEN 'roles' THEN 1 ELSE 9 END),
	   must(format('%s: mean gain a school that these claim, in pupil SDs', world), coalesce(sum(gain) / count(*), 0), 0,
			CASE way WHEN 'roles' THEN .0005 ELSE .006 END)
FROM null_plan WHERE way <> 'raw' GROUP BY world, way ORDER BY world, way;
SELECT must(format('%s: the same where lr_p_value is .05 or more', world), avg(pairs), 0, 3),
	   must(format('%s: gain there', world), coalesce(sum(gain) / count(*), 0), 0, .001)
FROM null_plan JOIN null_model USING (world, rep) WHERE way = 'halves' AND lr_p_value >= .05 GROUP BY world ORDER BY world;
SELECT must(format('%s: where there is no variance between schools', world), sum(pairs), 0, 0)
FROM null_plan JOIN null_model USING (world, rep) WHERE way <> 'raw' AND singular GROUP BY world ORDER BY world;
SELECT must(format('%s: negative control, pairs a nation by raw effects, of 90', world), avg(pairs), 80, 90),
	   must(format('%s: negative control, gain a school that these claim', world), sum(gain) / count(*), .05, .08)
FROM null_plan WHERE way = 'raw' GROUP BY world ORDER BY world;
