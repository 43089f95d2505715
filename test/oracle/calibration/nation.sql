/*
 * 360 schools in 36 authorities, 90 to 220 leavers each, whose intakes differ.
 * y = what the pupil's cell gives + u + e: after matching, icc of the variance lies
 * between schools, and no school is out of the ordinary.  At one of .05, and for
 * comparison at .02 and .10.
 */
CREATE TABLE nation_school AS
SELECT icc, rep, school, 1 + (school - 1) / 10 AS authority, id,
	   (90 + 130 * uniform(id, 51))::int AS pupils,
	   sqrt(icc / (1 - icc)) * normal(id, 52) AS u,
	   .5 * normal(id, 53) AS intake
FROM (SELECT icc, rep, school, (1000 * icc)::bigint * 1000000 + 1000 * rep + school AS id
	  FROM (VALUES (.05::float8, :nation_reps), (.02, :other_reps), (.10, :other_reps)) v (icc, reps),
		   generate_series(1, reps) rep, generate_series(1::bigint, 360) school
	  OFFSET 0) s;
ANALYZE nation_school;

CREATE TABLE nation AS
SELECT icc, rep, school, b.*
FROM (SELECT icc, rep, school, sipp.virtual_school(y, peer) AS v
	  FROM (SELECT *, sipp.comparator(y, school, authority) OVER (PARTITION BY icc, rep, band, kind) AS peer
			FROM (SELECT icc, rep, school, authority, band, kind, .3 * band + .5 * kind + u + e AS y
				  FROM (SELECT *, floor(2.5 * (intake + radius(b) * cos(angle(b))))::int AS band, radius(b) * sin(angle(b)) AS e
						FROM (SELECT s.*, bits(1000 * id + i, 54) AS b, floor(12 * uniform(1000 * id + i, 55))::int AS kind
							  FROM nation_school s, LATERAL generate_series(1, pupils) i
							  OFFSET 0) p
						OFFSET 0) p
				  OFFSET 0) p) p
	  GROUP BY icc, rep, school) s, LATERAL (SELECT (s.v).*) b;
ANALYZE nation;

CREATE TABLE verdict AS
SELECT n.*, w.school_variance, v.z_schools, v.p_value AS p_schools, v.verdict
FROM nation n
	 JOIN (SELECT icc, rep, sipp.school_variance(difference, std_error) AS school_variance
		   FROM nation GROUP BY icc, rep) w USING (icc, rep),
	 LATERAL sipp.verdict(n.difference, n.std_error, w.school_variance, n.draw_se) v;

\echo '360 ordinary schools, post-match icc .05:' :nation_reps 'nations'
SELECT must('% that sipp.verdict calls higher or lower than expected', 100 * avg((verdict <> 'as expected')::int), 4, 6),
	   must('% with its p_value below .05', 100 * avg((p_schools < .05)::int), 4, 6),
	   must('% below .01', 100 * avg((p_schools < .01)::int), .5, 1.5),
	   must('of those flagged, % called higher', 100 * avg((verdict = 'higher')::int)
			FILTER (WHERE verdict <> 'as expected'), 40, 60),
	   must('SD of z_schools', stddev(z_schools), .97, 1.03),
	   must('mean of z_schools', avg(z_schools), -.03, .03),
	   must('mean school_variance / true', avg(school_variance) / (.05 / .95), .95, 1.05),
	   must('negative control, % whose pupil-level z is beyond 1.96, known to be near 50',
			100 * avg((abs(z) > 1.96)::int), 45, 57)
FROM verdict WHERE icc = .05;

\echo 'at other post-match iccs:' :other_reps 'nations each'
SELECT must(format('icc %s, %% that sipp.verdict flags', icc), 100 * avg((verdict <> 'as expected')::int), 3.4, 6.6),
	   must(format('icc %s, negative control, %% whose pupil-level z is beyond 1.96, known to be near %s',
				   icc, CASE icc WHEN .02 THEN 33 ELSE 62 END),
			100 * avg((abs(z) > 1.96)::int), CASE icc WHEN .02 THEN 28 ELSE 57 END, CASE icc WHEN .02 THEN 39 ELSE 69 END)
FROM verdict WHERE icc <> .05 GROUP BY icc ORDER BY icc;
