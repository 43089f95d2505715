--
-- What is stored can be read: in(out(x)) = x and recv(send(x)) = x, whatever the
-- weights (over 26 powers of ten), means and spreads, of every stored type and
-- after every function that makes one.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all

-- A number between 0 and 1 that looks random and is the same everywhere.
CREATE FUNCTION random_of(i bigint, salt text) RETURNS float8 IMMUTABLE
RETURN (noise(i, salt, 1000003) + 0.5) / 1000003;

-- Values read again as themselves, in text and, through a file, in binary.
CREATE TABLE kept (what text, k int, c sipp.cohort);
-- the form of a transition state is not the stored one: all of these are finished
CREATE TABLE again (LIKE kept);

-- Pupils of 40 problems, each of six schools with weights e^-30 to e^30, a mean up to
-- 1e15, another spread, and factors of which one level is in one school only.
CREATE TABLE part AS
SELECT k, school, sipp.weighted_cohort(exp(60 * random_of(i, 'w' || k) - 30), at + y * spread, f, x, g, z) AS w,
	   sipp.cohort(at + y * spread, f, x, g, z) AS c
FROM (SELECT k, i, i % 6 AS school, CASE WHEN k % 3 = 0 THEN 0 ELSE (-1) ^ k * 10 ^ (15 * random_of(k, 'at')) END AS at,
			 10 ^ (8 * random_of(k, 'spread') - 4) AS spread, 2 * random_of(i, 'y' || k) + noise(i, 'f' || k, 3) AS y,
			 chr(97 + noise(i, 'f' || k, 3 + i % 6)) AS f, random_of(i, 'x' || k) * 10 ^ (k % 12) + 10 ^ (k % 16) AS x,
			 noise(i, 'g' || k, 2 + k % 5)::text AS g, CASE WHEN k % 7 > 0 THEN noise(i, 'f' || k, 3) END + 0 AS z
	  FROM generate_series(1, 40) k, generate_series(1, 90) i OFFSET 0) p
GROUP BY k, school;

-- A rest that rounding has swallowed is an error that says so.
CREATE FUNCTION rest(a sipp.cohort, b sipp.cohort) RETURNS sipp.cohort LANGUAGE plpgsql AS $$
BEGIN
	RETURN sipp.subtract(a, b);
EXCEPTION WHEN numeric_value_out_of_range THEN
	RETURN NULL;
END $$;
INSERT INTO kept SELECT 'weighted', k, w FROM part UNION ALL SELECT 'plain', k, c FROM part;
INSERT INTO kept SELECT 'merged ' || what, k, sipp.merge(c) FROM kept GROUP BY what, k;
INSERT INTO kept SELECT 'added', a.k, sipp.add(a.w, b.w) FROM part a JOIN part b USING (k) WHERE a.school < b.school
	UNION ALL SELECT 'added', a.k, sipp.add(a.c, b.c) FROM part a JOIN part b USING (k) WHERE a.school < b.school;
INSERT INTO kept SELECT 'rest', k, rest(kept.c, w) FROM part JOIN kept USING (k) WHERE what = 'merged weighted'
	UNION ALL SELECT 'rest', k, rest(kept.c, part.c) FROM part JOIN kept USING (k) WHERE what = 'merged plain';
INSERT INTO kept SELECT 'rest of rest', a.k, rest(rest(n.c, a.w), b.w) FROM part a JOIN part b USING (k) JOIN kept n USING (k)
	WHERE n.what = 'merged weighted' AND a.school < b.school;
INSERT INTO kept SELECT 'added again', k, sipp.add(kept.c, w) FROM kept JOIN part USING (k) WHERE what = 'rest' AND kept.c IS NOT NULL AND kept.c::jsonb ? 'weight';
INSERT INTO kept SELECT 'subset', k, sipp.subset(c, 'z', 'g', 'f') FROM kept WHERE what LIKE 'rest%';
INSERT INTO kept SELECT 'relevelled', k, sipp.relevel(sipp.relevel(c, 'f', 'c'), 'g', 'no such') FROM kept WHERE what LIKE 'rest%';
INSERT INTO kept SELECT 'renamed', k, sipp.rename(c, 'a', 'b', 'c', 'd') FROM kept WHERE what LIKE 'rest%';
INSERT INTO kept SELECT 'context', k, sipp.with_context(c, 'f', 'g', 'x', 'z') FROM kept WHERE what IN ('weighted', 'plain', 'rest');
INSERT INTO kept SELECT 'merged context', k, sipp.merge(c) FROM kept WHERE what = 'context' GROUP BY k, c::jsonb ? 'weight';

-- as good as all of the rests are there
SELECT what, count(*), count(c) > 0.6 * count(*) AS most FROM kept GROUP BY what ORDER BY what COLLATE "C";

-- in text
SELECT count(*) FILTER (WHERE NOT round_trip(c)) AS wrong FROM kept;

-- in binary: sent, received, and put where what was sent is
\copy kept TO 'results/cohort_stored.bin' (FORMAT binary)
\copy again FROM 'results/cohort_stored.bin' (FORMAT binary)
SELECT count(*) AS lost FROM (SELECT c FROM kept EXCEPT SELECT c FROM again) s;
SELECT (SELECT count(*) FROM again) = (SELECT count(*) FROM kept) AS all;

-- a state that somebody stored reads as what it says
CREATE AGGREGATE raw_state(float8, float8, VARIADIC "any") (SFUNC = sipp.weighted_cohort_accum, STYPE = sipp.cohort);
CREATE TABLE raw AS
SELECT raw_state(exp(60 * random_of(i, 'w' || k) - 30), 1e12 + random_of(i, 'y'), noise(i, 'f', 3)::text, random_of(i, 'x')) AS c
FROM generate_series(1, 50) k, generate_series(1, 20) i GROUP BY k;
SELECT bool_and(c::text::sipp.cohort::text = c::text AND sipp.cohort_send(c::text::sipp.cohort) = sipp.cohort_send(c)
				AND sipp.add(c, c)::text::sipp.cohort OPERATOR(sipp.=) sipp.add(c, c)) AS read_again FROM raw;

-- figures stay what they are: a school out of a nation, with moderate weights, is the
-- rest of the nation
SELECT count(*), string_agg(DISTINCT same(sipp.subtract(n.w, s.w), r.w, 1e-9), '; ')
FROM (SELECT i % 8 AS school, sipp.weighted_cohort(exp(6 * random_of(i, 'w') - 3), random_of(i, 'y'), noise(i, 'f', 4)::text, random_of(i, 'x')) AS w
	  FROM generate_series(1, 800) i GROUP BY 1) s,
	 LATERAL (SELECT sipp.weighted_cohort(exp(6 * random_of(i, 'w') - 3), random_of(i, 'y'), noise(i, 'f', 4)::text, random_of(i, 'x')) AS w
			  FROM generate_series(1, 800) i WHERE i % 8 <> s.school) r,
	 (SELECT sipp.weighted_cohort(exp(6 * random_of(i, 'w') - 3), random_of(i, 'y'), noise(i, 'f', 4)::text, random_of(i, 'x')) AS w
	  FROM generate_series(1, 800) i) n;
-- two pupils of 1e13, one of 1e-13: without the two there is no third
SELECT fails($$SELECT sipp.subtract(sipp.merge(c), sipp.merge(c) FILTER (WHERE w > 1)) FROM (
	SELECT w, sipp.weighted_cohort(w, y, f) AS c FROM (VALUES (1e13, 1, 'a'::text), (1e13, 2, 'b'), (1e-13, 3, 'b')) v (w, y, f) GROUP BY w, y) s$$);

-- models of them
CREATE TABLE model AS
SELECT k, sipp.value_added(c) AS m FROM kept WHERE what IN ('plain', 'weighted') AND k % 7 > 0 AND k % 3 = 0 GROUP BY k, c::jsonb ? 'weight'
UNION ALL SELECT k, sipp.value_added_ml(sipp.subset(c, 'f'))
FROM (SELECT kept.k, kept.c FROM kept WHERE what = 'context') s WHERE k % 7 > 0 AND k % 3 = 0 GROUP BY k, c::jsonb ? 'weight'
UNION ALL SELECT k, sipp.value_added(sipp.subset(c, 'x'), 'x') FROM kept WHERE what = 'weighted' AND k % 7 > 0 AND k % 3 = 0 GROUP BY k;
SELECT count(*) > 20 AS many, bool_and(m::text::sipp.model OPERATOR(sipp.=) m AND m::text::sipp.model::text = m::text) AS text FROM model;
CREATE TABLE model_again (LIKE model);
\copy model TO 'results/cohort_stored_model.bin' (FORMAT binary)
\copy model_again FROM 'results/cohort_stored_model.bin' (FORMAT binary)
SELECT count(*) AS lost FROM (SELECT m FROM model EXCEPT SELECT m FROM model_again) s;

-- peers, of figures far from zero and of a cohort's rest
CREATE TABLE peer AS
SELECT sipp.comparator(at + y, i % 5, i % 3) OVER (PARTITION BY k, i % 4) AS p, sipp.nearest_comparator(at + y, i % 5, NULL, y, 3) OVER (PARTITION BY k) AS q
FROM (SELECT k, i, (-1) ^ k * 10 ^ (15 * random_of(k, 'at')) AS at, random_of(i, 'y' || k) * 10 ^ (20 * random_of(k, 's') - 10) AS y
	  FROM generate_series(1, 30) k, generate_series(1, 40) i OFFSET 0) s
UNION ALL SELECT sipp.peers(c, 1), sipp.peers(sipp.subset(c), 1) FROM kept WHERE what LIKE '%rest%' AND NOT c::jsonb ? 'weight';
CREATE TABLE peer_again (LIKE peer);
\copy peer TO 'results/cohort_stored_peer.bin' (FORMAT binary)
\copy peer_again FROM 'results/cohort_stored_peer.bin' (FORMAT binary)
SELECT count(*) > 1000 AS many, bool_and(p::text::sipp.peers::text = p::text AND sipp.peers_send(p::text::sipp.peers) = sipp.peers_send(p)
										 AND q::text::sipp.peers::text = q::text AND sipp.peers_send(q::text::sipp.peers) = sipp.peers_send(q)) AS text,
	   (SELECT count(*) FROM (SELECT p::text, q::text FROM peer EXCEPT SELECT p::text, q::text FROM peer_again) s) AS lost FROM peer;

-- schools and plans
CREATE TABLE school AS
SELECT k, sipp.school(id => 's' || i, sector => 'x', authority => 'a' || i % 3, role => (ARRAY['partner', 'lead', 'either'])[1 + i % 3],
					  effect => (random_of(i, 'e' || k) - 0.5) * 10 ^ (30 * random_of(k, 'e') - 15), effect_se => random_of(i, 's' || k) * 10 ^ (30 * random_of(k, 'e') - 15),
					  context => ARRAY[(-1) ^ i * 10 ^ (15 * random_of(k, 'c')) + random_of(i, 'c' || k), random_of(i, 'd' || k)], context_names => '{a,b}',
					  deprivation => ARRAY[random_of(i, 'p' || k) / 3, 1 - random_of(i, 'p' || k) / 3 - random_of(i, 'q' || k) / 3, random_of(i, 'q' || k) / 3],
					  subjects => ARRAY[random_of(i, 'u' || k), random_of(i, 'v' || k) * 1e9], subjects_se => ARRAY[random_of(i, 't'), 1e-9],
					  lat => 180 * random_of(i, 'lat') - 90, lon => 360 * random_of(i, 'lon') - 180) AS s
FROM generate_series(1, 20) k, generate_series(1, 15) i;
CREATE TABLE plan AS
SELECT k, sipp.pairing_plan(array_agg(s), authority => 'any', min_p_better => 0, min_similarity => 0) AS p FROM school GROUP BY k
UNION ALL SELECT k, (SELECT sipp.assign('l' || i, 'p' || j, (random_of(i * 100 + j, 'cost' || k) - 0.3) * 10 ^ (30 * random_of(k, 'size') - 15), 1)
				   FROM generate_series(1, 6) i, generate_series(1, 7) j) FROM generate_series(1, 20) k;
CREATE TABLE school_again (LIKE school);
CREATE TABLE plan_again (LIKE plan);
\copy school TO 'results/cohort_stored_school.bin' (FORMAT binary)
\copy school_again FROM 'results/cohort_stored_school.bin' (FORMAT binary)
\copy plan TO 'results/cohort_stored_plan.bin' (FORMAT binary)
\copy plan_again FROM 'results/cohort_stored_plan.bin' (FORMAT binary)
SELECT bool_and(s::text::sipp.school::text = s::text AND sipp.school_send(s::text::sipp.school) = sipp.school_send(s)) AS school,
	   (SELECT count(*) FROM (SELECT sipp.school_send(s) FROM school EXCEPT SELECT sipp.school_send(s) FROM school_again) s) AS lost FROM school;
SELECT count(*), bool_and(p::text::sipp.plan::text = p::text AND sipp.plan_send(p::text::sipp.plan) = sipp.plan_send(p)) AS plan,
	   (SELECT count(*) FROM (SELECT sipp.plan_send(p) FROM plan EXCEPT SELECT sipp.plan_send(p) FROM plan_again) s) AS lost FROM plan;
