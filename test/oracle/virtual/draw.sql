/*
 * sipp.comparator_draw: picks are of the pool, distinct, as many as there can be, and
 * each of the pool as likely as any other.  Over many seeds the mean of the picks
 * has the pool's mean, and its noise is draw_se.
 */
CREATE TABLE draw AS
SELECT pupil_id, picks, cell
FROM (SELECT pupil_id, sipp.comparator_draw(pupil_id, school, authority) OVER w AS picks,
			 dense_rank() OVER (ORDER BY sex, asn, stage, simd_quintile) AS cell
	  FROM shuffled WHERE tariff IS NOT NULL
	  WINDOW w AS (PARTITION BY sex, asn, stage, simd_quintile)) d;
ALTER TABLE draw ADD PRIMARY KEY (pupil_id);
CREATE TABLE draw_crowd AS
SELECT pupil_id, sipp.comparator_draw(pupil_id::text, school, authority, 5, -7) OVER (PARTITION BY sex, asn, stage, simd_quintile, crowd) AS picks
FROM shuffled WHERE tariff IS NOT NULL;

\echo 'draws'
SELECT agree('10 picks, as far as the pool goes', count(*), max(apart(cardinality(picks), least(10, pool))), 0),
	   is_true('all distinct', bool_and(cardinality(picks) = (SELECT count(DISTINCT x) FROM unnest(picks) x)))
FROM draw JOIN brute_plain USING (pupil_id);
SELECT agree('5 picks, as far as the pool goes', count(*), max(apart(cardinality(picks), least(5, pool))), 0),
	   is_true('all distinct', bool_and(cardinality(picks) = (SELECT count(DISTINCT x) FROM unnest(picks) x)))
FROM draw_crowd JOIN brute_crowd USING (pupil_id);
SELECT is_true('every pick is of the pupil''s cell, and shares no key',
			   count(*) > 40000 AND bool_and(q.tariff IS NOT NULL AND q.school IS DISTINCT FROM p.school AND q.authority IS DISTINCT FROM p.authority
			   AND (q.sex, q.asn, q.stage, q.simd_quintile) = (p.sex, p.asn, p.stage, p.simd_quintile)), count(*)::text)
FROM draw JOIN pupil p USING (pupil_id), unnest(picks) pick LEFT JOIN pupil q ON q.pupil_id = pick;
SELECT is_true('the same with text ids in cells of a few',
			   count(*) > 1000 AND bool_and(q.tariff IS NOT NULL AND q.school IS DISTINCT FROM p.school AND q.authority IS DISTINCT FROM p.authority
			   AND (q.sex, q.asn, q.stage, q.simd_quintile, q.crowd) = (p.sex, p.asn, p.stage, p.simd_quintile, p.crowd)), count(*)::text)
FROM draw_crowd JOIN pupil p USING (pupil_id), unnest(picks) pick LEFT JOIN pupil q ON q.pupil_id = pick::bigint;

-- one cell of 60 pupils in 9 schools of 3 authorities, under 400 seeds
CREATE TABLE few AS
SELECT i AS pupil_id, 1 + i % 9 AS school, 1 + i % 3 AS authority, (noise(i, 'few') % 1000)::float8 AS y FROM generate_series(1, 60) i;
CREATE TABLE seeds AS
SELECT seed, few.*, sipp.comparator_draw(pupil_id, school, authority, k => 4, seed => seed) OVER (PARTITION BY seed) AS picks
FROM few, generate_series(1::bigint, 400) seed;
CREATE TABLE picked AS
SELECT seed, s.pupil_id, s.school, n AS place, f.pupil_id AS pick, f.y
FROM seeds s, unnest(picks) WITH ORDINALITY u (pick, n) JOIN few f ON f.pupil_id = u.pick;

-- 40 candidates a pupil: chi-square, normal by Wilson and Hilferty
CREATE FUNCTION wilson_hilferty(chi2 float8, df float8) RETURNS float8
	RETURN ((chi2 / df) ^ (1 / 3.0) - (1 - 2 / (9 * df))) / sqrt(2 / (9 * df));
SELECT is_true('each candidate is as likely as any other: normal deviate of chi-square',
			   count(*) = 60 * 40 AND abs(wilson_hilferty(sum((n - 40.0) ^ 2 / (40 * .9)) * 39 / 40, 60 * 39)) < 4,
			   round(wilson_hilferty(sum((n - 40.0) ^ 2 / (40 * .9)) * 39 / 40, 60 * 39)::numeric, 2)::text)
FROM (SELECT pupil_id, pick, count(*) AS n FROM picked GROUP BY pupil_id, pick) c;
SELECT is_true('so is each at each place', count(*) = 4 * 60 AND abs(wilson_hilferty(sum((n - e) ^ 2 / e) , 4 * 57)) < 4,
			   round(wilson_hilferty(sum((n - e) ^ 2 / e), 4 * 57)::numeric, 2)::text)
FROM (SELECT place, pick, count(*) AS n, 400.0 AS e FROM picked GROUP BY place, pick) c;
-- what a pupil's mean is off its own mean over the seeds
CREATE TABLE noise AS
SELECT seed, school, pupil_id, avg(y) - avg(avg(y)) OVER (PARTITION BY pupil_id) AS m FROM picked GROUP BY seed, school, pupil_id;
SELECT is_true('two pupils of one school have streams of their own: correlation', abs(corr(a.m, b.m)) < 4 / sqrt(count(*)), format('%s of %s', corr(a.m, b.m)::numeric(6, 4), count(*)))
FROM noise a JOIN noise b ON a.seed = b.seed AND a.school = b.school AND a.pupil_id < b.pupil_id;
SELECT is_true('so have two seeds: correlation with the next', abs(corr(a.m, b.m)) < 4 / sqrt(count(*)), format('%s of %s', corr(a.m, b.m)::numeric(6, 4), count(*)))
FROM noise a JOIN noise b ON a.pupil_id = b.pupil_id AND a.seed = b.seed - 1;
WITH exact AS (
	SELECT school, (sipp.virtual_school(y, peer, 4)).*
	FROM (SELECT school, y, sipp.comparator(y, school, authority) OVER () AS peer FROM few) p GROUP BY school
), drawn AS (
	SELECT school, avg(m) AS mean, var_samp(m) AS var FROM (SELECT seed, school, avg(y) AS m FROM picked GROUP BY seed, school) s GROUP BY school
)
SELECT is_true('over the seeds, the mean of a school''s picks is virtual: mean square of the 9 deviates',
			   avg((mean - virtual) ^ 2 / (draw_se ^ 2 / 400)) BETWEEN .2 AND 2.5, avg((mean - virtual) ^ 2 / (draw_se ^ 2 / 400))::numeric(6, 3)::text),
	   is_true('their variance is draw_se^2: mean ratio', avg(var / draw_se ^ 2) BETWEEN .92 AND 1.08, avg(var / draw_se ^ 2)::numeric(6, 3)::text)
FROM exact JOIN drawn USING (school);

-- flip_risk: how often one draw's z is on the other side of 1.96; pupils' y are raised to bring schools near it
CREATE TABLE flips AS
SELECT school, raised, e.flip_risk, count(*) FILTER (WHERE (abs((e.difference + e.virtual - s.mean) / e.std_error) > 1.96) <> (abs(e.z) > 1.96)) AS flips, count(*) AS draws
FROM (SELECT school, raised, b.*
	  FROM (SELECT school, raised, sipp.virtual_school(y + raised, peer, 4) AS v
			FROM (SELECT school, y, sipp.comparator(y, school, authority) OVER () AS peer FROM few) p, generate_series(-400, 400, 80) raised
			GROUP BY school, raised) s, LATERAL (SELECT (s.v).*) b) e
	 JOIN (SELECT seed, school, avg(y) AS mean FROM picked GROUP BY seed, school) s USING (school)
GROUP BY school, raised, e.flip_risk;
SELECT is_true('flip_risk: mean over schools, and how many draws flip', abs(avg(flip_risk) - sum(flips) / sum(draws)) < .01 AND sum(flips) > 1000,
			   format('%s, %s', avg(flip_risk)::numeric(6, 4), (sum(flips) / sum(draws))::numeric(6, 4))),
	   is_true('flip_risk goes with them from school to school: largest deviate', count(*) FILTER (WHERE flip_risk > .02) > 15
			   AND max(abs(flips - draws * flip_risk) / sqrt(draws * flip_risk * (1 - flip_risk))) FILTER (WHERE flip_risk > .02) < 5,
			   format('%s of %s', (max(abs(flips - draws * flip_risk) / sqrt(draws * flip_risk * (1 - flip_risk))) FILTER (WHERE flip_risk > .02))::numeric(6, 2),
					  count(*) FILTER (WHERE flip_risk > .02)))
FROM flips;

/*
 * Draws for peer.py, which repeats them: ids of all kinds, keys that leave many,
 * few and very few of the cell, pools that are short.
 */
CREATE TABLE lot AS
SELECT design, i::bigint * i * 7919 % 100003 - 40000 AS id, unit, leave, k, seed
FROM (VALUES ('many', 300, 9, 3, 10, 0), ('many, all drawn', 40, 5, 3, 100, 1), ('half of them', 120, 6, 3, 25, -1), ('more than a few', 200, 7, 5, 60, 7)) d (design, n, units, leaves, k, seed),
	 LATERAL (SELECT i, 'unit ' || i % units AS unit, (i % units) % leaves AS leave FROM generate_series(1, n) i) r
UNION ALL
-- one authority has most of the cell
SELECT 'a large group', i * 31 - 700, 'unit ' || i % 10, CASE WHEN i % 10 < 9 THEN 0 ELSE i END, 4, 9223372036854775807 FROM generate_series(1, 150) i
UNION ALL
-- neither of two keys has most of it, both together have
SELECT 'two large groups', -i, CASE WHEN i % 20 < 10 THEN 'large' ELSE 'unit ' || i % 3 END, CASE WHEN i % 20 BETWEEN 9 AND 17 THEN 0 ELSE 10 + i % 4 END, 3, -9223372036854775808 FROM generate_series(1, 400) i;
ALTER TABLE lot ADD COLUMN numbers bigint[], ADD COLUMN texts text[], ADD COLUMN uuids uuid[];
UPDATE lot SET numbers = n, texts = t, uuids = u
FROM (SELECT design, id, sipp.comparator_draw(id, unit, leave, k, seed) OVER w AS n,
			 sipp.comparator_draw('pupil é ' || id, unit, leave, k, seed) OVER w AS t,
			 sipp.comparator_draw(md5(id::text)::uuid, unit, leave, k, seed) OVER w AS u
	  FROM lot WINDOW w AS (PARTITION BY design)) d
WHERE (d.design, d.id) = (lot.design, lot.id);
