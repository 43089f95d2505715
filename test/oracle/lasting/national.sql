/*
 * The generator's nations: outcomes that are skewed and never negative, prior
 * attainment that is missing more often among the deprived, intakes that differ.
 * The variance of lasting effects and of years is in its table "parameter".
 *
 * There are few nations, so standard errors are for pairs that share schools: of the sum of
 * e over pairs, var = sum over schools of (the sum of e over its pairs)^2 - sum of e^2.
 * Where all of a few pairs come true that is nothing, so it is not let below what
 * independent pairs would have by their own p_better.
 */
CREATE VIEW national_look AS
SELECT seed, plan, partner, lead, p_better, v.*
FROM national_pair, (SELECT 450 ^ 2 * .05 / .95 * .7 AS lasting_variance, 450 ^ 2 * .05 / .95 * .3 / :national_years AS w) c,
	 LATERAL (SELECT lasting_variance / (lasting_variance + w) AS rho) r,
	 LATERAL (VALUES ('observed', p_better, (observed > 0)::int::float8), ('lasting', p_better, (lasting > 0)::int),
					 ('lasting by theory', below(m / sqrt(s ^ 2 + 2 * w / rho)), (lasting > 0)::int),
					 ('half', below(m / s * 2), (observed > 0)::int),
					 ('gap', usable_gap, least(greatest(observed / g, 0), 1)),
					 ('lasting gap', usable_gap, least(greatest(lasting / g, 0), 1)),
					 ('lasting gap by theory', usable(rho * m, sqrt(rho ^ 2 * s ^ 2 + 2 * rho * w), g),
					  least(greatest(lasting / g, 0), 1))) v (look, promised, kept);

CREATE TABLE national_bin AS
WITH d AS (
	SELECT *, kept - promised - avg(kept - promised) OVER (PARTITION BY look, low) AS e
	FROM (SELECT *, CASE WHEN plan THEN 1 ELSE least(.8, trunc(p_better::numeric * 5) * .2) END AS low FROM national_look) l
), by_school AS (
	SELECT look, low, sum(e) AS e
	FROM (SELECT look, low, seed, partner AS school, e FROM d UNION ALL SELECT look, low, seed, lead, e FROM d) x
	GROUP BY look, low, seed, school
)
SELECT look, low, (n, promised, kept, sqrt(greatest(s.v - e2, e2, coin)) / n)::promise AS x
FROM (SELECT look, low, count(*) AS n, avg(promised) AS promised, avg(kept) AS kept, sum(e ^ 2) AS e2,
			 CASE WHEN look !~ 'gap' THEN sum(promised * (1 - promised)) ELSE 0 END AS coin
	  FROM d GROUP BY 1, 2) d
	 JOIN (SELECT look, low, sum(e ^ 2) AS v FROM by_school GROUP BY 1, 2) s USING (look, low);

\echo
\echo 'nations of test/warehouse:' :seeds
\echo '  p_better of any pair | pairs  | says | lead better in the years observed | for good | by theory'
SELECT format('  %s           | %s | %s | %s +- %s                  | %s    | %s', CASE low WHEN 1 THEN 'the plan''s' ELSE rpad(format('%s to %s', low, low + .2), 10) END,
			  lpad((o.x).n::text, 6), to_char((o.x).promised, '0.000'), to_char((o.x).kept, '0.000'), to_char((o.x).error, '0.000'),
			  to_char((l.x).kept, '0.000'), to_char((t.x).promised, '0.000'))
FROM national_bin o JOIN national_bin l USING (low) JOIN national_bin t USING (low)
WHERE o.look = 'observed' AND l.look = 'lasting' AND t.look = 'lasting by theory' ORDER BY low;
\echo
SELECT keeps(format('%s, %s', CASE low WHEN 1 THEN 'the plan''s pairs' ELSE format('p_better %s .. %s', low, low + .2) END, look), x)
FROM national_bin WHERE look IN ('observed', 'lasting by theory') OR low = 1 AND look IN ('gap', 'lasting gap by theory')
ORDER BY look DESC, low;
SELECT keeps_not(format('the plan''s usable_gap taken for a promise for good'), x) FROM national_bin WHERE low = 1 AND look = 'lasting gap';
SELECT keeps_not(format('p_better %s .. %s with half the standard errors', low, low + .2), x)
FROM national_bin WHERE look = 'half' AND low IN (.6, .8) ORDER BY low;
