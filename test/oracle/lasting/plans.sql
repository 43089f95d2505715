/*
 * The plan's own pairs.  They were picked for their gaps, which would be the
 * winner's curse of whoever reads raw effects.  Shrunken effects with their
 * conditional standard errors are a posterior: what is picked by the data stays as
 * true as it says.  The shortfall for good is that of all pairs, by the same theory.
 *
 *  roles		by sipp.pairing_role, all options at their defaults but for the floor of
 *				similarity: there is none, so that there is much to choose from
 *  halves		every school takes part, by the sign of its effect: the floor of .8 is
 *				all there is
 *  raw			the same by raw effects and their standard errors
 *  labels		the same, effects dealt out to schools at random: no computation can
 *				notice, but the check must
 */
CREATE TABLE dealt AS
SELECT e.rep, e.school, o.effect, o.se
FROM (SELECT *, row_number() OVER (PARTITION BY rep ORDER BY uniform(1000 * rep + school, 78)) AS n FROM nation_effect) e
	 JOIN nation_effect o ON o.rep = e.rep AND o.school = e.n;

CREATE TABLE plan AS
SELECT way, rep, sipp.pairing_plan(schools, sector => 'any', min_similarity => 0) AS plan
FROM (SELECT way, rep, array_agg(sipp.school(school::text, authority => authority::text,
			 role => CASE WHEN way = 'roles' THEN sipp.pairing_role(v.effect, v.se, NULL, NULL, NULL, NULL, school_sd)
						  WHEN v.effect > 0 THEN 'lead' ELSE 'partner' END,
			 effect => v.effect, effect_se => v.se, context => ARRAY[intake], context_names => '{intake}')) AS schools
	  FROM nation_effect e JOIN dealt d USING (rep, school),
		   LATERAL (VALUES ('roles', e.effect, e.se), ('halves', e.effect, e.se), ('raw', raw, raw_se), ('labels', d.effect, d.se)) v (way, effect, se)
	  GROUP BY 1, 2) s;

CREATE TABLE plan_row AS
SELECT way, rep, partner::int, lead::int, p_better, usable_gap, target_gap AS g
FROM plan, LATERAL sipp.plan_summary(plan) r, LATERAL sipp.pairs(plan) p
-- not the empty places, nor the schools that take no part
WHERE p_better IS NOT NULL;
ANALYZE plan_row;

CREATE TABLE plan_pair AS
SELECT x.way, x.rep, x.p_better, x.usable_gap, le.effect - pe.effect AS m, sqrt(le.se ^ 2 + pe.se ^ 2) AS s,
	   lt.observed - pt.observed AS observed, lt.lasting - pt.lasting AS lasting, g
FROM plan_row x
	 JOIN nation_effect pe ON pe.rep = x.rep AND pe.school = partner JOIN nation_effect le ON le.rep = x.rep AND le.school = lead
	 JOIN truth pt ON pt.rep = x.rep AND pt.school = partner JOIN truth lt ON lt.rep = x.rep AND lt.school = lead;

CREATE TABLE plan_total AS
SELECT way, look, weigh(array_agg(n), array_agg(promised), array_agg(kept)) AS x
FROM (SELECT way, look, rep, count(*) AS n, sum(promised) AS promised, sum(kept) AS kept
	  FROM plan_pair, LATERAL (VALUES
			('observed', p_better, (observed > 0)::int::float8),
			('lasting', p_better, (lasting > 0)::int),
			('lasting by theory', below(m / sqrt(s ^ 2 + 2 * :w / :rho)), (lasting > 0)::int),
			('gap', usable_gap, least(greatest(observed / g, 0), 1)),
			('lasting gap', usable_gap, least(greatest(lasting / g, 0), 1)),
			('lasting gap by theory', usable(:rho * m, sqrt(:rho ^ 2 * s ^ 2 + 2 * :rho * :w), g),
			 least(greatest(lasting / g, 0), 1))) v (look, promised, kept)
	  GROUP BY 1, 2, 3) r
GROUP BY 1, 2;
ALTER TABLE plan_total ADD PRIMARY KEY (way, look);

\echo
\echo '  pairs of the plan by       | pairs | p_better | in the years observed | for good | by theory | usable_gap | in the years observed | for good | by theory'
SELECT format('  %s     | %s | %s   | %s +- %s      | %s   | %s    | %s     | %s +- %s      | %s   | %s', rpad(o.way, 22), lpad((o.x).n::text, 5), to_char((o.x).promised, '0.000'),
			  to_char((o.x).kept, '0.000'), to_char((o.x).error, '0.000'), to_char((l.x).kept, '0.000'), to_char((t.x).promised, '0.000'),
			  to_char((g.x).promised, '0.000'), to_char((g.x).kept, '0.000'), to_char((g.x).error, '0.000'), to_char((lg.x).kept, '0.000'),
			  to_char((tg.x).promised, '0.000'))
FROM plan_total o JOIN plan_total l USING (way) JOIN plan_total t USING (way) JOIN plan_total g USING (way)
	 JOIN plan_total lg USING (way) JOIN plan_total tg USING (way)
WHERE o.look = 'observed' AND l.look = 'lasting' AND t.look = 'lasting by theory' AND g.look = 'gap' AND lg.look = 'lasting gap'
  AND tg.look = 'lasting gap by theory' AND way IN ('roles', 'halves')
ORDER BY way DESC;
\echo

SELECT keeps(format('plan by %s, %s', way, CASE look WHEN 'observed' THEN 'lead better in the years observed' WHEN 'gap' THEN 'usable_gap'
			 WHEN 'lasting by theory' THEN 'lead better for good, against theory' ELSE 'usable_gap for good, against theory' END), x)
FROM plan_total WHERE way IN ('roles', 'halves') AND look NOT IN ('lasting', 'lasting gap')
ORDER BY way DESC, look;
SELECT keeps_not(format('plan by %s, %s taken for a promise for good', way, CASE look WHEN 'lasting' THEN 'p_better' ELSE 'usable_gap' END), x)
FROM plan_total WHERE way = 'halves' AND look = 'lasting' OR way IN ('roles', 'halves') AND look = 'lasting gap'
ORDER BY way DESC, look;
SELECT keeps_not(format('plan by %s, %s', CASE way WHEN 'raw' THEN 'raw effects' ELSE 'effects dealt out at random' END,
						CASE look WHEN 'observed' THEN 'lead better in the years observed' ELSE 'usable_gap' END), x)
FROM plan_total WHERE way IN ('raw', 'labels') AND look = 'gap' OR way = 'labels' AND look = 'observed'
ORDER BY way DESC, look;
