/*
 * The same cells, and an outcome that is yes or no: a cell's share is between .1
 * and .9.  The exact test has steps, so that it may flag fewer than it says.
 */
CREATE TABLE shares AS
SELECT pool, unit, b.*, fixed_pool_se
FROM (SELECT pool, unit, sipp.virtual_school_share(y, peer) AS v, (sipp.virtual_school(y, peer)).fixed_pool_se
	  FROM (SELECT pool, unit, y, sipp.comparator(y, unit) OVER (PARTITION BY cell) AS peer
			FROM (SELECT pool, unit, cell, luck < share AS y FROM pool_pupil OFFSET 0) p) p
	  WHERE unit IS NOT NULL
	  GROUP BY pool, unit) s, LATERAL (SELECT (s.v).*) b;

\echo 'yes or no'
SELECT must(format('pools of %s: %% of p_value below .05, 5 or less within 3 standard errors', pool),
			100 * avg((p_value < .05)::int), 1, 5 + 300 * sqrt(.05 * .95 / count(*)))
FROM shares GROUP BY pool ORDER BY pool;
SELECT must(format('pools of %s: mean of successes - expected, in standard errors', pool),
			avg(successes - expected) / stddev(successes - expected) * sqrt(count(*)), -3, 3)
FROM shares WHERE pool < 200 GROUP BY pool ORDER BY pool;
SELECT must(format('negative control, pools of %s taken as all there could be: %%', pool),
			100 * avg((abs(difference) > 1.96 * fixed_pool_se)::int), 5 + 300 * sqrt(.05 * .95 / count(*)), 100)
FROM shares WHERE pool = 20 GROUP BY pool;

-- rare ones, 1 to 11 in a hundred: small pools know little about these
SELECT must(format('rare, pools of %s: %% of p_value below .05, 5 or less within 3 standard errors', pool),
			100 * avg((p_value < .05)::int), .3, 5 + 300 * sqrt(.05 * .95 / count(*)))
FROM (SELECT pool, (sipp.virtual_school_share(y, peer)).p_value
	  FROM (SELECT pool, unit, y, sipp.comparator(y, unit) OVER (PARTITION BY cell) AS peer
			FROM (SELECT pool, unit, cell, luck < share / 8 AS y FROM pool_pupil OFFSET 0) p) p
	  WHERE unit IS NOT NULL
	  GROUP BY pool, unit) s
GROUP BY pool ORDER BY pool;

-- it does see a school that is better
SELECT must('pools of 20, .1 added to the chances of the school''s pupils: % flagged', 100 * avg((p_value < .05)::int), 30, 95),
	   must('of these, % above', 100 * avg((difference > 0)::int) FILTER (WHERE p_value < .05), 99, 100)
FROM (SELECT (sipp.virtual_school_share(y, peer)).*
	  FROM (SELECT unit, y, sipp.comparator(y, unit) OVER (PARTITION BY cell) AS peer
			FROM (SELECT unit, cell, luck < share + CASE WHEN unit IS NULL THEN 0 ELSE .1 END AS y
				  FROM pool_pupil WHERE pool = 20 OFFSET 0) p) p
	  WHERE unit IS NOT NULL
	  GROUP BY unit) s;
