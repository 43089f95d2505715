--
-- Room virtual: how similar pupils elsewhere did.
-- Figures are compared with a tolerance, never printed raw.
--
SET extra_float_digits = 0;		-- what any client may have

-- helpers of this file
CREATE SCHEMA virtual_test;
SET search_path = virtual_test, public;

-- a number from 0 to n - 1 that looks random and is the same on every machine
CREATE FUNCTION noise(i bigint, salt text, n int) RETURNS int IMMUTABLE PARALLEL SAFE
RETURN ('x' || substr(md5(i || salt), 1, 7))::bit(28)::int % n;

-- equal to a relative (and absolute) tolerance; NULL equals NULL
CREATE FUNCTION near(a float8, b float8, tol float8 DEFAULT 1e-12) RETURNS boolean IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
			ELSE abs(a - b) <= tol * greatest(1e-3, abs(a), abs(b)) END;

-- the same pool with the same figures, to rounding
CREATE FUNCTION same(a sipp.peers, b sipp.peers) RETURNS boolean IMMUTABLE PARALLEL SAFE
RETURN near(sipp.mean(a), sipp.mean(b)) AND near(sipp.variance(a), sipp.variance(b))
	AND near((a::jsonb->>'sharing')::float8, (b::jsonb->>'sharing')::float8)
	AND a::jsonb - '{mean,variance,sharing}'::text[] = b::jsonb - '{mean,variance,sharing}'::text[];

-- the same but for the unit's hash, which is another one for another type of key
CREATE FUNCTION alike(a sipp.peers, b sipp.peers) RETURNS boolean IMMUTABLE PARALLEL SAFE
RETURN near(sipp.mean(a), sipp.mean(b)) AND near(sipp.variance(a), sipp.variance(b))
	AND a::jsonb - '{mean,variance,unit}'::text[] = b::jsonb - '{mean,variance,unit}'::text[];

-- two rows of figures, to rounding; a name in "without" is not looked at
CREATE FUNCTION same_row(a jsonb, b jsonb, VARIADIC without text[] DEFAULT '{}') RETURNS boolean IMMUTABLE
RETURN (SELECT bool_and(coalesce(CASE WHEN jsonb_typeof(x.value) = 'number' AND jsonb_typeof(y.value) = 'number'
									  THEN near(x.value::float8, y.value::float8, 1e-10) ELSE x.value = y.value END, false))
		FROM jsonb_each(a - without) x FULL JOIN jsonb_each(b - without) y USING (key));

-- does the plan of a query hold this node?
CREATE FUNCTION plan_has(query text, node text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%' || node || '%' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;

--
-- by hand: a cell of eight, of whom one has no outcome and one is of no school
--
CREATE TABLE eight (pupil int, school text, council text, y float8);
INSERT INTO eight VALUES (1, 'A', 'north', 10), (2, 'A', 'north', 20), (3, 'A', 'north', NULL), (4, 'B', 'north', 30),
	(5, 'C', 'south', 40), (6, 'C', 'south', 60), (7, 'D', 'south', 80), (8, NULL, NULL, 90);
SELECT pupil, school, council, y, sipp.pool(s) AS pool, sipp.own(s) AS own, sipp.total(s) AS total, round(sipp.mean(s)::numeric, 6) AS mean,
	   round(sipp.variance(s)::numeric, 6) AS variance, sipp.pool(c) AS pool_2, sipp.own(c) AS own_2, round(sipp.mean(c)::numeric, 6) AS mean_2,
	   round(sipp.variance(c)::numeric, 6) AS variance_2
FROM (SELECT *, sipp.comparator(y, school) OVER () AS s, sipp.comparator(y, school, council) OVER () AS c FROM eight) e
ORDER BY pupil;
-- who is alone in a cell has an empty pool, and a partition may be all of one school, or all without an outcome
SELECT pupil, p - 'unit' AS peers FROM (SELECT pupil, sipp.comparator(y, school) OVER (PARTITION BY pupil)::jsonb AS p FROM eight) e WHERE pupil IN (1, 3) ORDER BY 1;
SELECT DISTINCT p - 'unit' AS peers FROM (SELECT sipp.comparator(y, 'everybody'::text) OVER ()::jsonb AS p FROM eight) e;
SELECT DISTINCT p - 'unit' AS peers FROM (SELECT sipp.comparator(NULL::float8, school) OVER ()::jsonb AS p FROM eight) e;
SELECT count(*), min(sipp.pool(p)), max(sipp.mean(p)), max(sipp.variance(p)) FROM (SELECT sipp.comparator(y, pupil) OVER () AS p FROM eight WHERE pupil IN (1, 4)) e;
SELECT sipp.comparator(y, school) OVER () IS NULL AS no_rows FROM eight WHERE false;
-- figures that nobody has: of no pool
SELECT sipp.mean(p), sipp.variance(p), sipp.pool(p), sipp.total(p) FROM (SELECT sipp.comparator(1, 2) OVER () AS p) e;
SELECT sipp.pool(p), sipp.own(p), sipp.total(p), sipp.mean(p), sipp.variance(p) FROM (SELECT NULL::sipp.peers AS p) e;

--
-- 1,000 pupils of 25 schools in 7 authorities, one of which has one pupil; some have
-- no outcome, no school or no authority.  Numbers are dyadic fractions, the same in
-- float8 and numeric.
--
CREATE TABLE pupil AS
SELECT i AS id, CASE WHEN noise(i, 'no school', 40) > 0 THEN school END AS school,
	   CASE WHEN noise(i, 'no authority', 40) > 0 THEN CASE WHEN i = 500 THEN 7 ELSE school / 4 END END AS authority,
	   noise(i, 'trust', 5) AS trust, school % 6 AS provider, noise(i, 'sex', 2) AS sex, noise(i, 'stage', 3) AS stage, noise(i, 'small', 60) AS small,
	   CASE WHEN noise(i, 'no y', 20) > 0 THEN noise(i, 'y', 4000) / 8.0 + 16 * (school % 5) END AS y,
	   CASE WHEN noise(i, 'no prior', 20) > 0 THEN noise(i, 'prior', 400) / 4.0 END AS prior,
	   CASE WHEN noise(i, 'no y', 20) > 0 THEN noise(i, 'passed', 10) < 6 END AS passed
FROM (SELECT i, noise(i, 'school', 25) AS school FROM generate_series(1, 1000) i) s;
UPDATE pupil SET school = 99, authority = 7 WHERE id = 500;
VACUUM ANALYZE pupil;

-- brute force in numeric: those of the cell who have an outcome and share no key; NULL is a key like others
CREATE VIEW brute AS
SELECT p.id, count(q.y) AS pool, avg(q.y::numeric) AS mean, var_samp(q.y::numeric) AS variance,
	   count(q.y) FILTER (WHERE d1) AS pool_1, avg(q.y::numeric) FILTER (WHERE d1) AS mean_1, var_samp(q.y::numeric) FILTER (WHERE d1) AS variance_1,
	   count(q.y) FILTER (WHERE d2) AS pool_2, avg(q.y::numeric) FILTER (WHERE d2) AS mean_2, var_samp(q.y::numeric) FILTER (WHERE d2) AS variance_2,
	   count(q.y) FILTER (WHERE d4) AS pool_4, avg(q.y::numeric) FILTER (WHERE d4) AS mean_4, var_samp(q.y::numeric) FILTER (WHERE d4) AS variance_4,
	   count(q.y) FILTER (WHERE NOT d1) AS own, count(q.y) AS total
FROM pupil p JOIN pupil q ON (q.sex, q.stage) = (p.sex, p.stage),
	 LATERAL (SELECT q.school IS DISTINCT FROM p.school AS d1) a,
	 LATERAL (SELECT d1 AND q.authority IS DISTINCT FROM p.authority AS d2) b,
	 LATERAL (SELECT d2 AND q.trust IS DISTINCT FROM p.trust AND q.provider IS DISTINCT FROM p.provider AS d4) c
GROUP BY p.id;
CREATE TABLE peer AS
SELECT *, sipp.comparator(y, school) OVER w AS one, sipp.comparator(y, school, authority) OVER w AS two,
	   sipp.comparator(y, school, authority, trust, provider) OVER w AS four
FROM pupil WINDOW w AS (PARTITION BY sex, stage);
SELECT count(*), bool_and(sipp.pool(one) = pool_1 AND near(sipp.mean(one), mean_1::float8) AND near(sipp.variance(one), variance_1::float8)) AS one_key,
	   bool_and(sipp.pool(two) = pool_2 AND near(sipp.mean(two), mean_2::float8) AND near(sipp.variance(two), variance_2::float8)) AS two_keys,
	   bool_and(sipp.pool(four) = pool_4 AND near(sipp.mean(four), mean_4::float8) AND near(sipp.variance(four), variance_4::float8)) AS four_keys,
	   bool_and((sipp.own(one), sipp.own(two), sipp.own(four)) = (own, own, own)) AS own,
	   bool_and((sipp.total(one), sipp.total(two), sipp.total(four)) = (total, total, total)) AS total
FROM peer JOIN brute USING (id);
-- who has no outcome has peers and is nobody's; who has no school or authority makes a group with the others who have none
SELECT count(*) FILTER (WHERE y IS NULL) > 20 AND bool_and(sipp.pool(two) > 0) AS no_outcome,
	   count(*) FILTER (WHERE school IS NULL) > 10 AS no_school, count(*) FILTER (WHERE authority IS NULL) > 10 AS no_authority,
	   count(*) FILTER (WHERE school = 99 AND authority = 7) AS one_pupil_authority
FROM peer;
SELECT bool_and(alike(two, other)) AS null_is_a_group
FROM (SELECT two, sipp.comparator(y, coalesce(school, -1), coalesce(authority, -1)) OVER (PARTITION BY sex, stage) AS other FROM peer) p;
-- the unit is the same in every partition, and tells units apart
SELECT count(*), count(DISTINCT unit), bool_and(units = 1) AS same_everywhere
FROM (SELECT school, min(two::jsonb->>'unit') AS unit, count(DISTINCT two::jsonb->>'unit') AS units FROM peer GROUP BY school) s;
-- an outcome far from zero, and one of tiny differences
SELECT bool_and(near(sipp.mean(p), 1e12 + sipp.mean(two), 1e-15) AND near(sipp.variance(p), sipp.variance(two))) AS far,
	   bool_and(near(sipp.mean(q), sipp.mean(two) * 2 ^ -100::float8) AND near(sipp.variance(q) * 2 ^ 200::float8, sipp.variance(two))) AS tiny,
	   bool_and(near(sipp.mean(r), sipp.mean(two) * 2 ^ 130::float8) AND near(sipp.variance(r) * 2 ^ -260::float8, sipp.variance(two))) AS huge
FROM (SELECT two, sipp.comparator(1e12 + y, school, authority) OVER w AS p, sipp.comparator(y * 2 ^ -100::float8, school, authority) OVER w AS q,
			 sipp.comparator(y * 2 ^ 130::float8, school, authority) OVER w AS r
	  FROM peer WINDOW w AS (PARTITION BY sex, stage)) p;
-- yes and no are 1 and 0; whole numbers and numeric are numbers
SELECT bool_and(same(b, n)) AS boolean, bool_and(same(b, i)) AS int, bool_and(same(b, d)) AS numeric, bool_and(same(b1, n1)) AS one_key
FROM (SELECT sipp.comparator(passed, school, authority) OVER w AS b, sipp.comparator(passed::int::float8, school, authority) OVER w AS n,
			 sipp.comparator(passed::int, school, authority) OVER w AS i, sipp.comparator(passed::int::numeric, school, authority) OVER w AS d,
			 sipp.comparator(passed, school) OVER w AS b1, sipp.comparator(passed::int, school) OVER w AS n1
	  FROM pupil WINDOW w AS (PARTITION BY sex, stage)) p;

--
-- keys of all types: each groups pupils as its own equality does
--
CREATE TYPE school_kind AS ENUM ('k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8', 'k9');
CREATE TYPE place AS (council text, number int);
CREATE DOMAIN code AS varchar(12);
CREATE DOMAIN number AS int CHECK (value < 5000);
CREATE DOMAIN code_of_code AS code;
-- school 99 apart, the types below have room for ten
CREATE FUNCTION keyed(key text, same_as text DEFAULT 'k', outcome text DEFAULT 'y') RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	yes boolean;
BEGIN
	EXECUTE format('SELECT count(*) = 1000 AND bool_and(alike(a, b)) AND bool_and(alike(a3, b3)) AND count(DISTINCT sipp.pool(a)) > 3
		FROM (SELECT sipp.comparator(%3$s, %1$s) OVER w AS a, sipp.comparator(%3$s, %2$s) OVER w AS b,
					 sipp.comparator(%3$s, authority, %1$s, trust) OVER w AS a3, sipp.comparator(%3$s, authority, %2$s, trust) OVER w AS b3
			  FROM (SELECT *, school %% 10 AS k FROM pupil) p WINDOW w AS (PARTITION BY sex, stage)) p',
		key, same_as, outcome) INTO yes;
	RETURN yes;
END $$;
SELECT key, keyed(key) FROM (VALUES
	('k::int2'), ('k::int8'), ('k + 4294967296'), ('k * 4294967296'), ('k - 5'), ('k::number'), ('k::oid'), ('(65 + k)::"char"'), ('k::float4'), ('k::float8'),
	('k::numeric'), ('k / 7.0'), ('k::text'), ('(''school number '' || k)::varchar(40)'), ('k::text::code'), ('k::text::code_of_code'), ('k::text::name'),
	('repeat(k::text, 3000)'), ('md5(k::text)::uuid'), ('(enum_range(NULL::school_kind))[k + 1]'), ('date ''2000-01-01'' + k'),
	('timestamptz ''2000-01-01 00:00 UTC'' + k * interval ''1 day'''), ('time ''00:00'' + k * interval ''1 minute'''), ('k * interval ''1 day'''),
	('int4range(k, k + 2)'), ('CASE WHEN k IS NOT NULL THEN ROW(''c'', k)::place END'), ('jsonb_build_object(''k'', k)'), ('convert_to(k::text, ''UTF8'')'),
	('(''10.0.0.'' || k)::inet'), ('chr(233 + k)'), ('k::text COLLATE "C"')) t (key);
-- equal is what the type calls equal, not what has the same bytes
SELECT keyed('CASE id % 2 WHEN 0 THEN k::numeric ELSE k * 1.00 END') AS numeric_scale,
	   keyed('(k || repeat('' '', id % 3))::bpchar') AS bpchar_blanks,
	   keyed('(k || repeat('' '', id % 3))::char(8)') AS char_blanks,
	   keyed('k::text || repeat('' '', id % 3)', 'k * 3 + id % 3') AS text_blanks,
	   keyed('CASE WHEN k = 0 AND id % 2 = 0 THEN ''-0'' ELSE k::float8 END') AS negative_zero,
	   keyed('CASE id % 2 WHEN 0 THEN k * interval ''30 days'' ELSE k * interval ''1 month'' END') AS interval_months,
	   keyed('CASE id % 2 WHEN 0 THEN jsonb_build_object(''k'', k) ELSE jsonb_build_object(''k'', k * 1.0) END') AS jsonb_numbers,
	   keyed('CASE WHEN k IS NOT NULL THEN ROW(''c'', CASE WHEN k % 2 = 0 THEN k END)::place END', 'CASE k % 2 WHEN 0 THEN k WHEN 1 THEN -1 END') AS composite_null;
-- two values whose hashes are equal
SELECT hashint8(1) = hashint8(4294967296) AS equal_hashes,
	   keyed('CASE k % 2 WHEN 0 THEN 1::int8 WHEN 1 THEN 4294967296 END', 'k % 2') AS told_apart;
SELECT pupil, sipp.pool(p), sipp.mean(p) FROM (SELECT *, sipp.comparator(y, k) OVER () AS p FROM (VALUES (1, 1::int8, 10), (2, 4294967296, 20), (3, 1, 40)) v (pupil, k, y)) e ORDER BY 1;
-- a boolean has two groups and no third
SELECT bool_and(alike(a, b)) AS boolean
FROM (SELECT sipp.comparator(y, school < 12) OVER () AS a, sipp.comparator(y, (school < 12)::int) OVER () AS b FROM pupil) p;
-- text keys of columns whose collations differ
CREATE TABLE letters (id int, school text COLLATE "C", authority text COLLATE "POSIX", trust varchar(9) COLLATE "C");
INSERT INTO letters SELECT id, school, authority, trust FROM pupil;
SELECT bool_and(alike(a, two)) AS two_collations, bool_and(alike(b, four)) AS three
FROM (SELECT two, sipp.comparator(y, l.school, l.authority) OVER w AS a, four, sipp.comparator(y, l.school, l.authority, l.trust, provider) OVER w AS b
	  FROM peer JOIN letters l USING (id) WINDOW w AS (PARTITION BY sex, stage)) p;
-- long keys that lie outside of the row
CREATE TABLE long_key (id int, k text);
ALTER TABLE long_key ALTER k SET STORAGE external;
INSERT INTO long_key SELECT id, repeat('school ', 2000) || school FROM pupil;
SELECT bool_and(alike(a, one)) AS toasted, bool_and(alike(b, one)) AS compressed
FROM (SELECT one, sipp.comparator(y, l.k) OVER w AS a, sipp.comparator(y, repeat(school::text, 10000)) OVER w AS b FROM peer JOIN long_key l USING (id) WINDOW w AS (PARTITION BY sex, stage)) p;
-- a unit is the same in all sessions, on all servers, so that stored peers go together; integers of any width are the same
SELECT key, unit FROM (SELECT sipp.comparator(1, 17) OVER ()::jsonb->>'unit' AS "17::int4", sipp.comparator(1, 17::int2) OVER ()::jsonb->>'unit' AS "17::int2",
	sipp.comparator(1, 17::int8) OVER ()::jsonb->>'unit' AS "17::int8", sipp.comparator(1, '17'::text) OVER ()::jsonb->>'unit' AS "'17'::text",
	sipp.comparator(1, '17'::varchar) OVER ()::jsonb->>'unit' AS "'17'::varchar", sipp.comparator(1, 17.00) OVER ()::jsonb->>'unit' AS "17.00::numeric",
	sipp.comparator(1, '00000000-0000-0000-0000-000000000017'::uuid) OVER ()::jsonb->>'unit' AS "uuid", sipp.comparator(1, NULL::int) OVER ()::jsonb->>'unit' AS "NULL") u,
	LATERAL jsonb_each_text(to_jsonb(u)) e (key, unit) ORDER BY key COLLATE "C";
-- one for which upper case is lower case, where the server has such
CREATE FUNCTION any_case() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	yes boolean;
BEGIN
	EXECUTE 'CREATE COLLATION any_case (provider = icu, locale = ''und-u-ks-level2'', deterministic = false)';
	EXECUTE 'SELECT bool_and(alike(a, b)) AND NOT bool_and(alike(a, c))
		FROM (SELECT sipp.comparator(y, k COLLATE any_case) OVER w AS a, sipp.comparator(y, upper(k)) OVER w AS b, sipp.comparator(y, k) OVER w AS c
			  FROM (SELECT *, CASE id % 2 WHEN 0 THEN ''school '' ELSE ''SCHOOL '' END || school AS k FROM pupil) p
			  WINDOW w AS (PARTITION BY sex, stage)) p' INTO yes;
	RETURN yes;
EXCEPTION WHEN feature_not_supported THEN
	RETURN true;
END $$;
SELECT any_case();

--
-- the pool is of the partition: ORDER BY and frames change nothing, nor does little memory
--
SELECT bool_and(same(two, a)) AS ordered, bool_and(same(two, b)) AS frame, bool_and(same(two, c)) AS peers_excluded
FROM (SELECT two, sipp.comparator(y, school, authority) OVER (PARTITION BY sex, stage ORDER BY y DESC, id) AS a,
			 sipp.comparator(y, school, authority) OVER (PARTITION BY sex, stage ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS b,
			 sipp.comparator(y, school, authority) OVER (PARTITION BY sex, stage ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) AS c
	  FROM peer) p;
SET work_mem = '64kB';
SELECT bool_and(same(two, a)) AS comparator FROM (SELECT two, sipp.comparator(y, school, authority) OVER (PARTITION BY sex, stage) AS a FROM peer) p;
RESET work_mem;
-- CASE is a window function's FILTER: those who left early are in no pool
SELECT bool_and(same(a, b)) AS case_is_filter
FROM (SELECT id, sipp.comparator(CASE WHEN stage > 0 THEN y END, school) OVER (PARTITION BY sex) AS a FROM pupil) a
	 JOIN (SELECT id, sipp.comparator(y, school) OVER (PARTITION BY sex) AS b FROM pupil WHERE stage > 0) b USING (id);
-- in a prepared statement, a correlated subquery, a function
PREPARE pools(int) AS SELECT sum(sipp.pool(p)) FROM (SELECT sipp.comparator(y, school) OVER (PARTITION BY stage) AS p FROM pupil WHERE sex = $1) q;
SET plan_cache_mode = force_generic_plan;
EXECUTE pools(0);
EXECUTE pools(0);
SELECT sum(n) FROM (SELECT (SELECT sum(sipp.pool(p)) FROM (SELECT sipp.comparator(y, school) OVER () AS p FROM pupil q WHERE q.sex = 0 AND q.stage = s) r) AS n FROM generate_series(0, 2) s) t;
RESET plan_cache_mode;
DEALLOCATE pools;

--
-- the k nearest on a score
--
CREATE TABLE line (pupil int, school text, council text, score float8, y float8);
INSERT INTO line VALUES (1, 'A', 'n', 0, 100), (2, 'B', 'n', 1, 10), (3, 'C', 's', -1, 30), (4, 'C', 's', 2, 50), (5, 'D', 's', 5, 90),
	(6, 'D', 's', NULL, 1000), (7, 'E', 's', .5, NULL);
-- of A: B and C are tied at a distance of 1; D's second has no score, E no outcome
SELECT pupil, sipp.pool(k1) AS one, sipp.mean(k1) AS mean_1, sipp.pool(k3) AS three, round(sipp.mean(k3)::numeric, 6) AS mean_3, sipp.pool(near) AS within_1, sipp.pool(zero) AS within_0,
	   sipp.pool(two) AS other_council, sipp.mean(two) AS mean_2, sipp.own(k1) AS own
FROM (SELECT pupil, sipp.nearest_comparator(y, school, NULL, score, 1) OVER () AS k1, sipp.nearest_comparator(y, school, NULL, score, 3) OVER () AS k3,
			 sipp.nearest_comparator(y, school, NULL, score, caliper => 1) OVER () AS near, sipp.nearest_comparator(y, school, NULL, score, 5, 0) OVER () AS zero,
			 sipp.nearest_comparator(y, school, council, score, 1) OVER () AS two
	  FROM line) l ORDER BY pupil;
-- what pools share, by hand: with k = 2 A's first leans on B and C, its second on C and D, its third, who has no outcome, on nobody's account
SELECT pupil, score, sipp.pool(p) AS pool, sipp.mean(p) AS mean, p::jsonb->'sharing' AS sharing
FROM (SELECT *, sipp.nearest_comparator(y, school, NULL, score, 2) OVER () AS p
	  FROM (VALUES (1, 'A', 0, 10), (2, 'A', 10, 20), (3, 'A', 9, NULL), (4, 'B', 1, 30), (5, 'C', 3, 40), (6, 'D', 9, 60)) v (pupil, school, score, y)) e WHERE school = 'A' ORDER BY pupil;
SELECT near(std_error ^ 2, (50 * (1 + 1.5 / 2) + 200 * (1 + 1.5 / 2)) / 4) AS std_error, near(ess, 4 / (1.5 / 2 * 2)) AS ess
FROM (SELECT (sipp.virtual_school(y, p)).*
	  FROM (SELECT *, sipp.nearest_comparator(y, school, NULL, score, 2) OVER () AS p
			FROM (VALUES ('A', 0, 10), ('A', 10, 20), ('A', 9, NULL), ('B', 1, 30), ('C', 3, 40), ('D', 9, 60)) v (school, score, y)) e WHERE school = 'A') s;
CREATE FUNCTION brute_nearest(k int, caliper float8) RETURNS TABLE (id int, pool bigint, mean numeric, variance numeric) STABLE
BEGIN ATOMIC
	SELECT p.id, count(q.y), avg(q.y::numeric), var_samp(q.y::numeric)
	FROM pupil p LEFT JOIN LATERAL (
		SELECT y, rank() OVER (ORDER BY abs(q.prior - p.prior)) AS rank FROM pupil q
		WHERE (q.sex, q.stage) = (p.sex, p.stage) AND q.y IS NOT NULL AND q.school IS DISTINCT FROM p.school AND q.authority IS DISTINCT FROM p.authority
			  AND q.prior IS NOT NULL AND p.prior IS NOT NULL AND (abs(q.prior - p.prior) <= caliper) IS NOT FALSE) q ON rank <= k
	GROUP BY p.id;
END;
SELECT bool_and(sipp.pool(a) = b.pool AND near(sipp.mean(a), b.mean::float8) AND near(sipp.variance(a), b.variance::float8)) AS ten,
	   bool_and(sipp.pool(a3) = b3.pool AND near(sipp.mean(a3), b3.mean::float8) AND near(sipp.variance(a3), b3.variance::float8)) AS three_within_two,
	   bool_and(sipp.pool(am) = bm.pool AND near(sipp.mean(am), bm.mean::float8) AND near(sipp.variance(am), bm.variance::float8)) AS more_than_there_are,
	   bool_and(sipp.own(a) = n) AS own, bool_or(b.pool > 10) AS ties, bool_or(b3.pool = 0) AS nobody
FROM (SELECT id, count(y) FILTER (WHERE prior IS NOT NULL) OVER (PARTITION BY sex, stage, school) AS n, sipp.nearest_comparator(y, school, authority, prior) OVER w AS a, sipp.nearest_comparator(y, school, authority, prior, k => 3, caliper => 2) OVER w AS a3,
			 sipp.nearest_comparator(y, school, authority, prior, 100000, 'Infinity') OVER w AS am
	  FROM peer WINDOW w AS (PARTITION BY sex, stage)) p
	 JOIN brute_nearest(10, NULL) b USING (id) JOIN brute_nearest(3, 2) b3 USING (id) JOIN brute_nearest(100000, NULL) bm USING (id);
SELECT bool_and(alike(b, n)) AS boolean, bool_and(same(a, o)) AS ordered
FROM (SELECT sipp.nearest_comparator(passed, school, authority, prior) OVER w AS b, sipp.nearest_comparator(passed::int::float8, school, authority, prior) OVER w AS n,
			 sipp.nearest_comparator(y, school, authority, prior, 7) OVER w AS a,
			 sipp.nearest_comparator(y, school, authority, prior, 7) OVER (PARTITION BY sex, stage ORDER BY prior DESC ROWS 2 PRECEDING) AS o
	  FROM pupil WINDOW w AS (PARTITION BY sex, stage)) p;
-- where all scores are equal all are tied, and the pools are those of sipp.comparator
SELECT bool_and(sipp.pool(a) = sipp.pool(b) AND near(sipp.mean(a), sipp.mean(b)) AND near(sipp.variance(a), sipp.variance(b))) AS pools,
	   bool_and(near((a::jsonb->>'sharing')::float8, sipp.own(b))) FILTER (WHERE y IS NOT NULL AND sipp.pool(b) > 0) AS sharing
FROM (SELECT y, sipp.nearest_comparator(y, school, NULL, 7, 1, 0) OVER w AS a, sipp.comparator(y, school) OVER w AS b
	  FROM pupil WINDOW w AS (PARTITION BY sex, stage)) p;

--
-- a draw
--
CREATE TABLE draw AS
SELECT *, sipp.comparator_draw(id, school, authority) OVER (PARTITION BY sex, stage) AS ten FROM pupil WHERE y IS NOT NULL;
SELECT bool_and(cardinality(ten) = least(10, sipp.pool(p))) AS ten, bool_and(pg_typeof(ten) = 'int[]'::regtype) AS int,
	   bool_and(d.n = cardinality(ten)) AS distinct, bool_and(d.strangers) AS strangers
FROM (SELECT *, sipp.comparator(y, school, authority) OVER (PARTITION BY sex, stage) AS p FROM draw) p,
	 LATERAL (SELECT count(DISTINCT q.id) AS n, bool_and(q.school IS DISTINCT FROM p.school AND q.authority IS DISTINCT FROM p.authority AND (q.sex, q.stage) = (p.sex, p.stage)) AS strangers
			  FROM unnest(ten) x JOIN draw q ON q.id = x) d;
-- the same whatever the order, the type of integer and the defaults; another one for another seed; the first of more
SELECT bool_and(ten = a) AS ordered, bool_and(ten = b::int[]) AS bigint, bool_and(ten = c) AS defaults, bool_and(ten <> d) AS seed, bool_and(ten[1:4] = e) AS first_of_more,
	   bool_and(ten = f::int[]) AS domain, bool_and(ten = g) AS by_name
FROM (SELECT ten, sipp.comparator_draw(id, school, authority) OVER (PARTITION BY sex, stage ORDER BY y, id DESC) AS a,
			 sipp.comparator_draw(id::int8, school, authority) OVER w AS b, sipp.comparator_draw(id, school, authority, 10, 0) OVER w AS c,
			 sipp.comparator_draw(id, school, authority, 10, 1) OVER w AS d, sipp.comparator_draw(id, school, authority, 4) OVER w AS e,
			 sipp.comparator_draw(id::number, school, authority) OVER w AS f, sipp.comparator_draw(pupil_id => id, unit => school, leave_out => authority, seed => 0) OVER w AS g
	  FROM draw WINDOW w AS (PARTITION BY sex, stage)) d;
-- ids of text and uuid; a text is the same text in another of its types
SELECT bool_and(ten::text[] <> a) AS text_is_not_int, bool_and(a = b::text[]) AS varchar, bool_and(a = c::text[]) AS bpchar, bool_and(pg_typeof(u) = 'uuid[]'::regtype) AS uuid,
	   bool_and(cardinality(u) = cardinality(ten)) AS uuids, bool_and(f.ids @> a) AS known
FROM (SELECT sex, stage, ten, sipp.comparator_draw(id::text, school, authority) OVER w AS a, sipp.comparator_draw(id::varchar(9), school, authority) OVER w AS b,
			 sipp.comparator_draw(id::char(9), school, authority) OVER w AS c, sipp.comparator_draw(md5(id::text)::uuid, school, authority) OVER w AS u
	  FROM draw WHERE cardinality(ten) > 1 WINDOW w AS (PARTITION BY sex, stage)) d,
	 LATERAL (SELECT array_agg(id::text) AS ids FROM draw f WHERE (f.sex, f.stage) = (d.sex, d.stage)) f;
-- the picks themselves, which anybody can repeat (src/virtual/draw.c says how)
CREATE TABLE twelve AS SELECT 1000 + i AS id, 'school ' || i / 3 AS school FROM generate_series(0, 11) i;
SELECT id, school, sipp.comparator_draw(id, school, NULL, 3) OVER () AS three, sipp.comparator_draw(id::text, school, k => 2, seed => -5) OVER () AS two,
	   sipp.comparator_draw(('00000000-0000-0000-0000-00000000' || id)::uuid, school, k => 1, seed => 9223372036854775807) OVER () AS one
FROM twelve ORDER BY id;
-- k and seed may differ from row to row; where the pool is short all of it is drawn, in an order by lot
SELECT bool_and(picks = CASE seed WHEN 0 THEN zero[1:k] ELSE other[1:k] END) AS by_row,
	   bool_and((SELECT array_agg(x ORDER BY x) FROM unnest(everybody) x) = (SELECT array_agg(id ORDER BY id) FROM twelve t WHERE t.school <> d.school)) AS everybody,
	   count(DISTINCT everybody) AS orders
FROM (SELECT id, school, id % 4 + 1 AS k, id % 2 AS seed, sipp.comparator_draw(id, school, k => id % 4 + 1, seed => id % 2) OVER () AS picks, sipp.comparator_draw(id, school) OVER () AS zero,
			 sipp.comparator_draw(id, school, seed => 1) OVER () AS other, sipp.comparator_draw(id, school, k => 2147483647) OVER () AS everybody
	  FROM twelve) d;
-- the shuffle at the end of it
SELECT sipp.comparator_draw(id, school, k => 100, seed => 1) OVER () AS everybody FROM twelve ORDER BY id LIMIT 2;
-- nobody to draw
SELECT sipp.comparator_draw(id, 'all'::text) OVER () AS nobody FROM twelve LIMIT 1;
-- little memory, and a partition that is read twice
SET work_mem = '64kB';
SELECT bool_and(ten = a) AS little_memory FROM (SELECT ten, sipp.comparator_draw(id, school, authority) OVER (PARTITION BY sex, stage) AS a FROM draw) d;
RESET work_mem;

--
-- the type: text, binary, jsonb, storage
--
CREATE TABLE every_peers AS
SELECT row_number() OVER () AS n, p FROM (
	SELECT one AS p FROM peer UNION ALL SELECT four FROM peer
	UNION ALL SELECT sipp.nearest_comparator(y, school, authority, prior, 3, 1) OVER (PARTITION BY sex, stage, small) FROM pupil
	UNION ALL SELECT sipp.comparator(y / 7, school) OVER (PARTITION BY sex, stage, small) FROM pupil
	UNION ALL SELECT sipp.peers(c, 3) FROM (SELECT sipp.cohort(y / 7) AS c FROM pupil GROUP BY small) c
	UNION ALL SELECT NULL) p;
SELECT count(*) > 3000 AS many, bool_and(p::text::sipp.peers::text = p::text) AS text, bool_and(sipp.peers_send(p::text::sipp.peers) = sipp.peers_send(p)) AS text_is_exact,
	   bool_and(p::jsonb::text::sipp.peers::text = p::text) AS jsonb, bool_or(p IS NULL) AS has_null
FROM every_peers;
SELECT bool_and(coalesce((p::jsonb->>'pool')::int, -1) = coalesce(sipp.pool(p), -1)) AS pool, bool_and((p::jsonb ? 'total') = (sipp.total(p) IS NOT NULL)) AS total,
	   bool_and((p::jsonb ? 'mean') = (sipp.mean(p) IS NOT NULL)) AS mean, bool_and((p::jsonb ? 'variance') = (sipp.variance(p) IS NOT NULL)) AS variance,
	   bool_and((p::jsonb->'mean')::float8 = sipp.mean(p)) AS exact
FROM every_peers WHERE p IS NOT NULL;
CREATE FUNCTION file() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('data_directory') || '/sipp_regress_peers.bin' $$;
DO $$ BEGIN EXECUTE format('COPY every_peers TO %L (FORMAT binary)', file()); END $$;
CREATE TABLE copied (n bigint, p sipp.peers);
DO $$ BEGIN EXECUTE format('COPY copied FROM %L (FORMAT binary)', file()); END $$;
COPY (SELECT) TO PROGRAM 'cat >/dev/null; rm sipp_regress_peers.bin';
SELECT count(*) = (SELECT count(*) FROM every_peers) AS all_back, bool_and(sipp.peers_send(c.p) = sipp.peers_send(e.p)) AS binary FROM every_peers e JOIN copied c USING (n);
SELECT pg_column_size(p) AS bytes FROM every_peers LIMIT 1;

--
-- peers out of stored cells: what a council that sees only its own pupils has from the nation
--
CREATE TABLE resident AS SELECT * FROM pupil WHERE school IS NOT NULL AND authority IS NOT NULL;
CREATE TABLE cell AS SELECT sex, stage, authority, sipp.cohort(y) AS cohort FROM resident GROUP BY sex, stage, authority;
CREATE TABLE nation_cell AS SELECT sex, stage, sipp.merge(cohort) AS cohort FROM cell GROUP BY sex, stage;
CREATE TABLE stored AS
SELECT p.school, p.y, sipp.peers(sipp.subtract(n.cohort, c.cohort), count(p.y) OVER (PARTITION BY p.school, p.sex, p.stage)) AS stored,
	   sipp.comparator(p.y, p.school, p.authority) OVER (PARTITION BY p.sex, p.stage) AS exact
FROM resident p JOIN nation_cell n USING (sex, stage) JOIN cell c USING (sex, stage, authority);
SELECT bool_and(sipp.pool(stored) = sipp.pool(exact) AND near(sipp.mean(stored), sipp.mean(exact)) AND near(sipp.variance(stored), sipp.variance(exact), 1e-10)
				AND sipp.own(stored) = sipp.own(exact)) AS same_pools,
	   bool_and(sipp.total(stored) IS NULL) AS no_total, bool_or(stored::jsonb ? 'unit') AS unit
FROM stored;
SELECT count(*), bool_and(same_row(to_jsonb(a), to_jsonb(b), 'max_left_out_share')) AS same_benchmark, bool_and((a).max_left_out_share IS NULL) AS share_unknown,
	   bool_and((b).max_left_out_share BETWEEN .02 AND .29) AS share_known
FROM (SELECT sipp.virtual_school(y, stored) AS a, sipp.virtual_school(y, exact) AS b FROM stored WHERE school <> 99 GROUP BY school) s;
-- an empty cell, and one of one pupil
SELECT sipp.peers(sipp.cohort(y) FILTER (WHERE y < 0), 2) FROM pupil;
SELECT sipp.peers(sipp.cohort(y), 0) FROM (VALUES (4.5)) v (y);
SELECT sipp.peers(NULL, 2) IS NULL AS no_cohort, sipp.peers(sipp.cohort(1), NULL) IS NULL AS no_own;
-- covariates of a cohort do no harm but leave their NULLs out
SELECT sipp.pool(sipp.peers(sipp.cohort(y, prior), 1)) = count(*) FILTER (WHERE y IS NOT NULL AND prior IS NOT NULL) AS outcome_first,
	   near(sipp.mean(sipp.peers(sipp.cohort(y, prior), 1)), avg(y) FILTER (WHERE prior IS NOT NULL)) AS mean FROM pupil;

--
-- the benchmark: each column by its formula
--
CREATE TABLE school AS
SELECT school, b.* FROM (SELECT school, sipp.virtual_school(y, two) AS v FROM peer WHERE authority < 7 GROUP BY school) s, LATERAL (SELECT (s.v).*) b;
CREATE VIEW formulas AS
SELECT school, count(y) AS pupils, count(m) AS matched, count(y) - count(m) AS unmatched, avg(y) FILTER (WHERE m IS NOT NULL) AS actual, avg(m) AS virtual,
	   avg(y - m) AS difference, sqrt(sum(s2) + sum(own * s2 / n)) / count(m) AS std_error, sqrt(sum(s2 * (n - 1) / n)) / count(m) AS fixed_pool_se,
	   sqrt(avg(s2)) AS sd, count(m) ^ 2 / sum(own / n) AS ess, count(*) FILTER (WHERE n = 1) AS single_pool, max(1 - n / total) AS max_left_out_share,
	   sqrt(sum(s2 / k * (1 - k / n))) / count(m) AS draw_se, count(*) - count(y) AS dropped
FROM (SELECT school, y, sipp.mean(two) + 0 * y AS m, sipp.variance(two) + 0 * y AS s2, sipp.pool(two)::float8 AS n, sipp.own(two)::float8 + 0 * y AS own, sipp.total(two)::float8 AS total,
			 least(10, sipp.pool(two))::float8 AS k FROM peer WHERE authority < 7) p
GROUP BY school;
SELECT count(*), bool_and(same_row(to_jsonb(s) - '{z,p_value,effect_size,flip_risk,reason}'::text[], to_jsonb(f) - 'sd')) AS by_formula,
	   bool_and(near(z, s.difference / s.std_error) AND near(effect_size, s.difference / f.sd)) AS ratios,
	   bool_and((p_value < .05) = (abs(z) > 1.959963984540054)) AS p_value, bool_and(flip_risk BETWEEN 0 AND 1) AS flip_risk, bool_and(reason IS NULL) AS no_reason
FROM school s JOIN formulas f USING (school);
-- k comparators a pupil: only the draw's noise depends on it, and there is none when all are drawn
SELECT bool_and(same_row(to_jsonb(b.ten), to_jsonb(b.plain))) AS ten, bool_and(same_row(to_jsonb(b.one), to_jsonb(b.plain), 'draw_se', 'flip_risk')) AS one,
	   bool_and((b.one).draw_se > (b.plain).draw_se AND (b.plain).draw_se > (b.hundred).draw_se) AS less_noise, bool_and((b.million).draw_se = 0 AND (b.million).flip_risk = 0) AS none
FROM (SELECT sipp.virtual_school(y, two) AS plain, sipp.virtual_school(y, two, 10) AS ten, sipp.virtual_school(y, two, 1) AS one, sipp.virtual_school(y, two, 100) AS hundred,
			 sipp.virtual_school(y, two, 1000000) AS million FROM peer WHERE school <> 99 GROUP BY school) b;
-- yes and no
SELECT bool_and(same_row(to_jsonb(a), to_jsonb(b))) AS boolean, bool_and(same_row(to_jsonb(a), to_jsonb(c))) AS ten, bool_and((d).draw_se > (a).draw_se) AS one
FROM (SELECT sipp.virtual_school(passed, p) AS a, sipp.virtual_school(passed::int, p) AS b, sipp.virtual_school(passed, p, 10) AS c, sipp.virtual_school(passed, p, 1) AS d
	  FROM (SELECT school, passed, sipp.comparator(passed, school) OVER (PARTITION BY sex, stage) AS p FROM pupil) p GROUP BY school) s;
-- by hand: two pupils beside four others of variance 12, one beside one other, one beside nobody; one without an outcome
SELECT pupils, matched, unmatched, actual, virtual, difference, near(std_error ^ 2, (3 * 12 + 2 * (2 * 12 / 4) + 12 / 1) / 9.0) AS std_error,
	   near(fixed_pool_se ^ 2, 2 * 9 / 9.0) AS fixed_pool_se, near(effect_size, 13 / sqrt(12)) AS effect_size, near(ess, 9 / (.5 + .5 + 1)) AS ess, single_pool,
	   max_left_out_share, near(draw_se ^ 2, 2 * 12 / 3.0 * .25 / 9) AS draw_se, dropped, reason
FROM (SELECT (sipp.virtual_school(y, p, 3)).* FROM (
		SELECT *, sipp.comparator(y, school) OVER (PARTITION BY cell) AS p
		FROM (VALUES ('A', 1, 16), ('A', 1, 20), ('A', 1, NULL), ('B', 1, 5), ('B', 1, 5), ('C', 1, 11), ('C', 1, 11),
					 ('A', 2, 30), ('D', 2, 11), ('A', 3, 99)) v (school, cell, y)) p WHERE school = 'A') s;
-- a nation's row: no standard error; each school's own is as in a query of its own
CREATE TABLE sets AS SELECT school, authority, grouping(school, authority) AS g, sipp.virtual_school(y, two) AS v FROM peer WHERE authority < 7 AND school IS NOT NULL GROUP BY GROUPING SETS ((school, authority), (authority), ());
SELECT g, count(*), bool_and((v).std_error IS NULL) AS no_se, bool_and((v).z IS NULL AND (v).p_value IS NULL AND (v).flip_risk IS NULL AND (v).fixed_pool_se IS NULL AND (v).ess IS NULL) AS no_z,
	   bool_and((v).difference IS NOT NULL AND (v).draw_se IS NOT NULL) AS difference, min((v).reason) AS reason
FROM sets GROUP BY g ORDER BY g;
SELECT count(*), bool_and(same_row(to_jsonb(v), to_jsonb(f))) AS same FROM sets JOIN (SELECT school, authority, sipp.virtual_school(y, two) AS f FROM peer GROUP BY school, authority) s USING (school, authority) WHERE g = 0;
SELECT near((v).difference, avg(y - sipp.mean(two))) AS nation, (v).pupils = count(y) AS pupils FROM sets, peer WHERE g = 3 AND peer.authority < 7 AND peer.school IS NOT NULL GROUP BY v;
-- a subset of the unit's pupils: a FILTER after the window keeps "own", and the standard error is larger than that of a CASE before it
SELECT bool_and((f).difference = (w).difference) AS where_is_filter, bool_and((f).actual = (c).actual AND near((f).virtual, (c).virtual, 1e-15)) AS same_difference,
	   bool_and((f).std_error > (c).std_error AND (f).fixed_pool_se = (c).fixed_pool_se) AS conservative
FROM (SELECT a.school, f, c, w
	  FROM (SELECT school, sipp.virtual_school(y, two) FILTER (WHERE id % 2 = 0) AS f,
				   sipp.virtual_school(y, (two::jsonb || jsonb_build_object('own', half, 'sharing', half))::text::sipp.peers) FILTER (WHERE id % 2 = 0) AS c
			FROM (SELECT *, count(y) FILTER (WHERE id % 2 = 0) OVER (PARTITION BY school, sex, stage) AS half FROM peer) p GROUP BY school) a
		   JOIN (SELECT school, sipp.virtual_school(y, two) AS w FROM peer WHERE id % 2 = 0 GROUP BY school) b ON a.school = b.school) s
WHERE school <> 99;

-- yes or no beside it
CREATE TABLE yes_no AS SELECT *, sipp.comparator(y > 250, school, authority) OVER (PARTITION BY sex, stage) AS two_yes FROM peer;
-- as a window, and in a growing frame: the state goes on after a figure was taken from it
SELECT bool_and(same_row(to_jsonb(w), to_jsonb(v))) AS windows
FROM (SELECT school, sipp.virtual_school(y, two) OVER (PARTITION BY school) AS w FROM peer WHERE school < 4 AND authority < 7) a
	 JOIN (SELECT school, sipp.virtual_school(y, two) AS v FROM peer WHERE authority < 7 GROUP BY school) b USING (school);
SELECT count(*), bool_and(same_row(to_jsonb(w), (SELECT to_jsonb(sipp.virtual_school(y, two)) FROM peer p WHERE p.school = 3 AND p.id <= a.id))) AS frames,
	   bool_and(same_row(to_jsonb(s), (SELECT to_jsonb(sipp.virtual_school_share(y > 250, two_yes)) FROM yes_no p WHERE p.school = 3 AND p.id <= a.id))) AS share,
	   bool_and(same_row(to_jsonb(b), (SELECT to_jsonb(sipp.attainment_bands(y)) FROM peer p WHERE p.school = 3 AND p.id <= a.id))) AS bands
FROM (SELECT id, sipp.virtual_school(y, two) OVER (ORDER BY id) AS w, sipp.virtual_school_share(y > 250, two_yes) OVER (ORDER BY id) AS s, sipp.attainment_bands(y) OVER (ORDER BY id) AS b
	  FROM yes_no WHERE school = 3) a;

-- figures that are missing say why
SELECT what, (v).pupils, (v).matched, (v).dropped, ARRAY(SELECT k FROM jsonb_object_keys(jsonb_strip_nulls(to_jsonb(v)) - '{pupils,matched,unmatched,single_pool,dropped,reason}'::text[]) k) AS figures,
	   (v).reason
FROM (SELECT 'nobody' AS what, sipp.virtual_school(y, two) AS v FROM peer WHERE false
	  UNION ALL SELECT 'no outcome', sipp.virtual_school(NULL::float8, two) FROM peer WHERE id < 4
	  UNION ALL SELECT 'no peers', sipp.virtual_school(1, NULL) FROM generate_series(1, 3)
	  UNION ALL SELECT 'some peers', sipp.virtual_school(i, CASE WHEN i < 3 THEN p END) FROM (SELECT i, sipp.comparator(i, i) OVER () AS p FROM generate_series(1, 9) i) p WHERE i IN (2, 8)
	  UNION ALL SELECT 'a pool of one', sipp.virtual_school(y, p) FROM (SELECT y, sipp.comparator(y, school) OVER () AS p FROM (VALUES (1, 1), (3, 2)) v (school, y)) p WHERE y = 2
	  UNION ALL SELECT 'no variation', sipp.virtual_school(y, p) FROM (SELECT i, 5 AS y, sipp.comparator(5, i / 2) OVER () AS p FROM generate_series(0, 5) i) p WHERE i < 2
	  UNION ALL SELECT 'own is wrong', sipp.virtual_school(5, sipp.peers(c, 0)) FROM (SELECT sipp.cohort(i) AS c FROM generate_series(1, 3) i) c) s;

--
-- notices: once a query, about what an analyst would take for a result
--
-- an authority with half of the pupils, left out: its differences are doubled
CREATE TABLE half AS SELECT i AS id, i % 8 AS school, i % 2 AS authority, i AS y FROM generate_series(1, 64) i;
SELECT count(*), min((v).max_left_out_share), max((v).max_left_out_share)
FROM (SELECT school, sipp.virtual_school(y, p) AS v FROM (SELECT *, sipp.comparator(y, school, authority) OVER () AS p FROM half) p GROUP BY school) s;
SELECT count(*), min((v).max_left_out_share), max((v).max_left_out_share)
FROM (SELECT school, sipp.virtual_school(y, p) AS v FROM (SELECT *, sipp.comparator(y, school) OVER () AS p FROM half) p GROUP BY school) s;
-- exactly at the limit, and just below
SELECT (sipp.virtual_school(y, p)).max_left_out_share FROM (SELECT y, sipp.comparator(y, y <= 3) OVER () AS p FROM generate_series(1, 10) y) p WHERE y <= 3;
SELECT (sipp.virtual_school(y, p)).max_left_out_share < .3 AS below FROM (SELECT y, sipp.comparator(y, y <= 3) OVER () AS p FROM generate_series(1, 11) y) p WHERE y <= 3;

-- row-level security: whoever may see only one authority's pupils has nobody to compare with outside of it, and is told so
CREATE ROLE regress_sipp_council;
GRANT USAGE ON SCHEMA virtual_test TO regress_sipp_council;
GRANT SELECT ON resident, nation_cell, cell TO regress_sipp_council;
ALTER TABLE resident ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON resident TO regress_sipp_council USING (authority = 2);
CREATE VIEW through_view AS
SELECT school, sipp.virtual_school(y, p) AS v FROM (SELECT *, sipp.comparator(y, school, authority) OVER (PARTITION BY sex, stage) AS p FROM resident) p GROUP BY school;
ALTER VIEW through_view SET (security_invoker = true);
GRANT SELECT ON through_view TO regress_sipp_council;
CREATE TABLE national AS SELECT school, v FROM through_view;
GRANT SELECT ON national TO regress_sipp_council;
SET ROLE regress_sipp_council;
SELECT count(*) AS seen, count(DISTINCT authority) AS authorities FROM resident;
SELECT school, (v).pupils, (v).matched, (v).difference, (v).reason FROM through_view WHERE school = 8;
-- with the nation's cells it has the same figures as the nation
SELECT count(*), bool_and(same_row(to_jsonb(s.v), to_jsonb(n.v), 'max_left_out_share')) AS as_the_nation
FROM (SELECT school, sipp.virtual_school(y, p) AS v
	  FROM (SELECT r.school, r.y, sipp.peers(sipp.subtract(n.cohort, c.cohort), count(r.y) OVER (PARTITION BY r.school, r.sex, r.stage)) AS p
			FROM resident r JOIN nation_cell n USING (sex, stage) JOIN cell c USING (sex, stage, authority)) p GROUP BY school) s
	 JOIN national n USING (school);
RESET ROLE;
SELECT count(*) AS seen, count(DISTINCT authority) AS authorities FROM resident;
DROP VIEW through_view;
DROP POLICY own ON resident;
ALTER TABLE resident DISABLE ROW LEVEL SECURITY;
DROP OWNED BY regress_sipp_council;
DROP ROLE regress_sipp_council;

--
-- a shortage ladder: the finest cell with enough others, and the rung kept
--
CREATE TABLE ladder AS
SELECT id, school, y, rung, CASE rung WHEN 1 THEN fine WHEN 2 THEN middle WHEN 3 THEN coarse END AS p, fine, middle, coarse
FROM (SELECT *, CASE WHEN sipp.pool(fine) >= 3 THEN 1 WHEN sipp.pool(middle) >= 150 THEN 2 WHEN sipp.pool(coarse) > 0 THEN 3 END AS rung
	  FROM (SELECT *, sipp.comparator(y, school, authority) OVER (PARTITION BY sex, stage, small) AS fine,
				   sipp.comparator(y, school, authority) OVER (PARTITION BY sex, stage) AS middle,
				   sipp.comparator(y, school, authority) OVER (PARTITION BY sex) AS coarse
			FROM resident) r) r;
SELECT rung, count(*) > 20 AS pupils, min(sipp.pool(p)) >= CASE rung WHEN 1 THEN 3 WHEN 2 THEN 150 ELSE 1 END AS large_enough FROM ladder GROUP BY rung ORDER BY rung;
SELECT bool_and(same(p, coalesce(CASE WHEN sipp.pool(fine) >= 3 THEN fine END, CASE WHEN sipp.pool(middle) >= 150 THEN middle END, coarse))) AS coalesced FROM ladder;
SELECT count(*) AS schools, sum((v).pupils) = (SELECT count(y) FROM ladder WHERE school <> 99) AS all_pupils, bool_and((v).unmatched = 0) AS all_matched, bool_and((v).std_error > 0) AS std_error
FROM (SELECT sipp.virtual_school(y, p) AS v FROM ladder WHERE school <> 99 GROUP BY school) s;

--
-- yes and no: the share, with its exact test
--
-- the chance that n pupils, drawn of n and a pool of m of whom t altogether say yes, have x of them: hypergeometric
CREATE FUNCTION chance(x int, n int, m int, t int) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN x BETWEEN greatest(0, t - m) AND least(n, t) THEN
		factorial(t) / (factorial(x) * factorial(t - x)) * (factorial(n + m - t) / (factorial(n - x) * factorial(m - t + x)))
		/ (factorial(n + m) / (factorial(n) * factorial(m))) ELSE 0 END
$$;
-- 4 of 5 pupils, in a cell of 3 beside 2 of 5 and a cell of 2 beside 3 of 4
CREATE TABLE two_cells AS
SELECT school, cell, y = 1 AS y FROM (VALUES ('A', 1, '{1,1,0}'::int[]), ('A', 2, '{1,1}'), ('B', 1, '{1,1,0,0,0}'), ('C', 2, '{1,1,1,0}'), ('A', 3, '{0}')) v (school, cell, ys), unnest(ys) y;
CREATE TABLE two_cells_peer AS SELECT *, sipp.comparator(y, school) OVER (PARTITION BY cell) AS p FROM two_cells;
-- with k successes, the first three in cell 1
CREATE VIEW chances AS
SELECT k, a + b AS x, sum(chance(a, 3, 5, 2 + least(k, 3)) * chance(b, 2, 4, 3 + greatest(k - 3, 0))) AS p
FROM generate_series(0, 5) k, generate_series(0, 3) a, generate_series(0, 2) b GROUP BY k, a + b;
SELECT bool_and(abs(sum - 1) < 1e-15) AS adds_up FROM (SELECT sum(p) FROM chances GROUP BY k) s;
WITH by_cell AS (SELECT a + b AS x, chance(a, 3, 5, 4) * chance(b, 2, 4, 5) AS p FROM generate_series(0, 3) a, generate_series(0, 2) b),
	 by_total AS (SELECT x, sum(p) AS p FROM by_cell GROUP BY x)
SELECT pupils, matched, unmatched, near(actual, .8) AS actual, near(virtual, (3 * .4 + 2 * .75) / 5) AS virtual, near(difference, .8 - .54) AS difference, successes,
	   near(expected, 2.7) AS expected, near(p_value, (SELECT sum(p) FROM by_total WHERE p <= (SELECT p FROM by_total WHERE x = 4))::float8) AS p_value, dropped, reason
FROM (SELECT (sipp.virtual_school_share(y, p)).* FROM two_cells_peer WHERE school = 'A') s;
-- 0 and 1 are no and yes
SELECT same_row(to_jsonb(a), to_jsonb(b)) AS numbers FROM (SELECT sipp.virtual_school_share(y, p) AS a, sipp.virtual_school_share(y::int, p) AS b FROM two_cells_peer WHERE school = 'A') s;
-- every number of successes: what is no more probable
SELECT bool_and(near((v).p_value, total::float8)) AS each, bool_or(near((v).p_value, 1)) AS all, count(*)
FROM (SELECT k, sipp.virtual_school_share(y, p) AS v
	  FROM (SELECT k, school, y, sipp.comparator(y, school) OVER (PARTITION BY k, cell) AS p
			FROM (SELECT k, school, cell, CASE school WHEN 'A' THEN row_number() OVER (PARTITION BY k, school ORDER BY cell) <= k ELSE y END AS y
				  FROM two_cells, generate_series(0, 5) k WHERE cell < 3) c) p
	  WHERE school = 'A' GROUP BY k) s
	 JOIN (SELECT k, sum(c.p) AS total FROM chances c JOIN chances o USING (k) WHERE o.x = k AND c.p <= o.p GROUP BY k) c USING (k);
-- two cells with the same figures are two, not one of twice the size
SELECT near((v).p_value, 2 * (chance(2, 2, 4, 3) ^ 2)::float8) AS same_cells, near((w).p_value, 2 * chance(4, 4, 4, 5)::float8) AS one_cell
FROM (SELECT sipp.virtual_school_share(y, p) AS v FROM (SELECT school, y = 1 AS y, sipp.comparator(y = 1, school) OVER (PARTITION BY cell) AS p
			FROM (VALUES ('A', '{1,1}'::int[]), ('B', '{1,0,0,0}')) v (school, ys), unnest(ys) y, generate_series(1, 2) cell) p WHERE school = 'A') s,
	 (SELECT sipp.virtual_school_share(y, p) AS w FROM (SELECT school, y = 1 AS y, sipp.comparator(y = 1, school) OVER () AS p
			FROM (VALUES ('A', '{1,1,1,1}'::int[]), ('B', '{1,0,0,0}')) v (school, ys), unnest(ys) y) p WHERE school = 'A') t;
-- where all of the pool agree the cell still has something to say
SELECT near((v).p_value, chance(2, 2, 6, 2)::float8) AS two_of_none, near((w).p_value, 1) AS none_of_none
FROM (SELECT sipp.virtual_school_share(i < 3, p) AS v FROM (SELECT i, sipp.comparator(i < 3, i < 3) OVER () AS p FROM generate_series(1, 8) i) p WHERE i < 3) s,
	 (SELECT sipp.virtual_school_share(i > 8, p) AS w FROM (SELECT i, sipp.comparator(i > 8, i < 3) OVER () AS p FROM generate_series(1, 8) i) p WHERE i < 3) t;
-- of all schools: counts and means are those of the benchmark
SELECT count(*), bool_and(same_row(to_jsonb(s) - '{successes,expected,p_value,reason}'::text[], to_jsonb(b) - '{std_error,fixed_pool_se,z,p_value,effect_size,ess,single_pool,max_left_out_share,draw_se,flip_risk,reason}'::text[])) AS same,
	   bool_and(near((s).expected, (s).matched * (s).virtual) AND near((s).successes, (s).matched * (s).actual)) AS counts, bool_and((s).p_value BETWEEN 0 AND 1) AS p_value,
	   bool_and(((s).p_value < .01) <= (abs((b).z) > 2)) AS like_z
FROM (SELECT sipp.virtual_school_share(passed, p) AS s, sipp.virtual_school(passed, p) AS b
	  FROM (SELECT school, passed, sipp.comparator(passed, school, authority) OVER (PARTITION BY sex, stage) AS p FROM resident) p GROUP BY school) s;
SELECT what, (v).pupils, (v).matched, (v).actual IS NOT NULL AS actual, (v).successes IS NOT NULL AS successes, (v).p_value IS NOT NULL AS p_value, (v).dropped, (v).reason
FROM (SELECT 'nobody' AS what, sipp.virtual_school_share(passed, two) AS v FROM peer WHERE false
	  UNION ALL SELECT 'no outcome', sipp.virtual_school_share(NULL::boolean, two) FROM peer WHERE id < 4
	  UNION ALL SELECT 'no peers', sipp.virtual_school_share(true, NULL) FROM generate_series(1, 3)
	  UNION ALL SELECT 'two schools', sipp.virtual_school_share(y, p) FROM two_cells_peer
	  UNION ALL SELECT 'a pool of one', sipp.virtual_school_share(y, p) FROM (SELECT y, sipp.comparator(y, i) OVER () AS p FROM (VALUES (1, true), (2, false)) v (i, y)) p WHERE y
	  UNION ALL SELECT 'nearest', sipp.virtual_school_share(i % 2 = 0, p) FROM (SELECT i, sipp.nearest_comparator(i % 2 = 0, i < 4, NULL, i, 2) OVER () AS p FROM generate_series(1, 9) i) p WHERE i < 4
	  UNION ALL SELECT 'own is wrong', sipp.virtual_school_share(true, sipp.peers(c, 0)) FROM (SELECT sipp.cohort(i % 2) AS c FROM generate_series(1, 4) i) c) s;

--
-- balance: on a covariate with NULLs, in small cells, where pupils are left unmatched
--
CREATE TABLE covariate AS
SELECT school, authority, sex, stage, small, prior AS x, sipp.comparator(prior, school, authority) OVER (PARTITION BY sex, stage, small) AS p,
	   passed, sipp.comparator(passed, school, authority) OVER (PARTITION BY sex, stage, small) AS q
FROM resident;
-- each member of a pool weighs 1/pool for each pupil that it stands beside
CREATE VIEW balance_formula AS
WITH pair AS (
	SELECT a.school, a.x AS own_x, a.id, b.x, b.id AS member, count(*) OVER (PARTITION BY a.id) AS pool
	FROM (SELECT *, row_number() OVER () AS id FROM covariate) a JOIN (SELECT *, row_number() OVER () AS id FROM covariate) b ON (a.sex, a.stage, a.small) = (b.sex, b.stage, b.small)
		 AND a.school <> b.school AND a.authority <> b.authority
	WHERE a.x IS NOT NULL AND b.x IS NOT NULL
), member AS (
	SELECT school, member, x, sum(1.0::float8 / pool) AS w FROM pair GROUP BY school, member, x
), pools AS (
	SELECT school, sum(w * x) / sum(w) AS virtual, sum(w) AS w, sum(w * w) AS ww, sum(w * x * x) / sum(w) - (sum(w * x) / sum(w)) ^ 2 AS variance FROM member GROUP BY school
), matched AS (
	SELECT school, count(*) AS matched, avg(own_x) AS actual, var_samp(own_x) AS variance FROM (SELECT DISTINCT school, id, own_x FROM pair) p GROUP BY school
)
SELECT school, pupils, matched, pupils - matched AS unmatched, actual, virtual, actual - virtual AS difference, sd, (actual - virtual) / sd AS smd,
	   m.variance / (p.variance / (1 - ww / w ^ 2)) AS variance_ratio, CASE WHEN abs((actual - virtual) / sd) < .1 THEN 'balanced' ELSE 'imbalanced' END AS verdict, dropped
FROM (SELECT school, count(x) AS pupils, stddev_samp(x) AS sd, count(*) - count(x) AS dropped FROM covariate GROUP BY school) a
	 JOIN matched m USING (school) JOIN pools p USING (school);
SELECT count(*), bool_and(same_row(to_jsonb(b), to_jsonb(f), 'reason')) AS by_formula, sum((b).unmatched) > 20 AS unmatched, count(DISTINCT (b).verdict) AS verdicts, bool_and((b).reason IS NULL) AS no_reason
FROM (SELECT school, b.* FROM (SELECT school, sipp.balance(x, p) AS v FROM covariate WHERE school <> 99 GROUP BY school) s, LATERAL (SELECT (s.v).*) b) b
	 JOIN balance_formula f USING (school);
-- another threshold is another verdict and nothing else
SELECT bool_and(same_row(to_jsonb(a), to_jsonb(b))) AS default, bool_and(same_row(to_jsonb(a), to_jsonb(c), 'verdict')) AS figures,
	   bool_and((c).verdict = CASE WHEN abs((c).smd) < .05 THEN 'balanced' ELSE 'imbalanced' END) AS verdict, bool_and((d).verdict = 'balanced') AS large
FROM (SELECT sipp.balance(x, p) AS a, sipp.balance(x, p, .1) AS b, sipp.balance(x, p, .05) AS c, sipp.balance(x, p, 100) AS d FROM covariate WHERE school <> 99 GROUP BY school) s;
-- yes and no: the standard deviation is that of a share, and there is no variance ratio
SELECT bool_and(same_row(to_jsonb(a), to_jsonb(n)) AND same_row(to_jsonb(a), to_jsonb(t))) AS numbers, bool_and(near((a).sd ^ 2, share * (1 - share))) AS sd,
	   bool_and(near((a).smd, (a).difference / (a).sd)) AS smd, bool_and((a).variance_ratio IS NULL) AS no_ratio, min((a).reason) AS reason
FROM (SELECT sipp.balance(passed, q) AS a, sipp.balance(passed::int, q) AS n, sipp.balance(passed, q, .1) AS t, avg(passed::int)::float8 AS share FROM covariate WHERE school <> 99 GROUP BY school) s;
SELECT what, (v).pupils, (v).matched, (v).dropped, ARRAY(SELECT k FROM jsonb_object_keys(jsonb_strip_nulls(to_jsonb(v)) - '{pupils,matched,unmatched,dropped,reason}'::text[]) k) AS figures, (v).reason
FROM (SELECT 'nobody' AS what, sipp.balance(x, p) AS v FROM covariate WHERE false
	  UNION ALL SELECT 'no covariate', sipp.balance(NULL::float8, p) FROM covariate WHERE school = 1
	  UNION ALL SELECT 'no peers', sipp.balance(x, NULL) FROM covariate WHERE school = 1
	  UNION ALL SELECT 'one pupil', sipp.balance(x, p) FROM (SELECT x, sipp.comparator(x, x > 5) OVER () AS p FROM generate_series(1, 6) x) p WHERE x > 5
	  UNION ALL SELECT 'all the same', sipp.balance(x, p) FROM (SELECT x, sipp.comparator(x, x > 5) OVER () AS p FROM unnest('{1,2,3,6,6}'::int[]) x) p WHERE x > 5
	  UNION ALL SELECT 'pools all the same', sipp.balance(x, p) FROM (SELECT x, sipp.comparator(x, x > 5) OVER () AS p FROM unnest('{2,2,2,6,7}'::int[]) x) p WHERE x > 5
	  UNION ALL SELECT 'two schools', sipp.balance(x, p) FROM covariate WHERE school IN (1, 2)
	  UNION ALL SELECT 'own is wrong', sipp.balance(x, sipp.peers(c, 0)) FROM (SELECT sipp.cohort(i) AS c FROM generate_series(1, 3) i) c, generate_series(1, 3) x) s;

--
-- attainment for all: bands of pupils, a pupil on a boundary is split
--
SELECT n, (b).pupils, (b).weight, (b).mean, near((b).lowest_20, low) AS lowest_20, near((b).middle_60, middle) AS middle_60, near((b).highest_20, high) AS highest_20
FROM (SELECT n, sipp.attainment_bands(i ORDER BY i * 7 % 5) AS b FROM generate_series(1, 10) n, generate_series(1, n) i GROUP BY n) s
	 JOIN (VALUES (1, 1, 1, 1), (2, 1, 1.5, 2), (3, 1, 2, 3), (4, 1, 2.5, 4), (5, 1, 3, 5), (6, (1 + .2 * 2) / 1.2, 3.5, (6 + .2 * 5) / 1.2), (7, (1 + .4 * 2) / 1.4, 4, (7 + .4 * 6) / 1.4), (10, 1.5, 5.5, 9.5)) v (n, low, middle, high) USING (n) ORDER BY n;
SELECT (b).pupils, (b).weight, (b).mean, (b).lowest_20, (b).middle_60, (b).highest_20, (b).dropped
FROM (SELECT sipp.attainment_bands(points, weight) AS b FROM (VALUES (30, 1), (10, 1), (20, 1.5), (20, 1.5), (99, 0), (NULL, 5), (5, NULL)) v (points, weight)) s;
-- by cumulated weight, in numeric
SELECT count(*), bool_and(near((b).lowest_20, low::float8) AND near((b).middle_60, middle::float8) AND near((b).highest_20, high::float8) AND near((b).mean, mean::float8) AND near((b).weight, w::float8)) AS bands,
	   bool_and((b).pupils = n) AS pupils
FROM (SELECT school, sipp.attainment_bands(y, (1 + id % 7) / 4.0) AS b, count(y) AS n FROM resident GROUP BY school) s
	 JOIN (SELECT school, w, sum(y * (hi - lo)) / w AS mean, sum(y * greatest(0, least(hi, .2 * w) - lo)) / (.2 * w) AS low,
				  sum(y * greatest(0, least(hi, .8 * w) - greatest(lo, .2 * w))) / (.6 * w) AS middle, sum(y * greatest(0, hi - greatest(lo, .8 * w))) / (.2 * w) AS high
		   FROM (SELECT school, y, sum(w) OVER (PARTITION BY school ORDER BY y, id) AS hi, sum(w) OVER (PARTITION BY school ORDER BY y, id) - w AS lo, sum(w) OVER (PARTITION BY school) AS w
				 FROM (SELECT id, school, y::numeric, (1 + id % 7) / 4.0 AS w FROM resident WHERE y IS NOT NULL) r) i GROUP BY school, w) f USING (school);
-- equal weights are none, weights are shares, and the bands add up to all
SELECT bool_and(same_row(to_jsonb(a), to_jsonb(b))) AS ones, bool_and(same_row(to_jsonb(a), to_jsonb(c), 'weight')) AS thirds, bool_and(near((a).mean, .2 * (a).lowest_20 + .6 * (a).middle_60 + .2 * (a).highest_20)) AS add_up,
	   bool_and((a).lowest_20 < (a).middle_60 AND (a).middle_60 < (a).highest_20) AS in_order
FROM (SELECT sipp.attainment_bands(y) AS a, sipp.attainment_bands(y, 1) AS b, sipp.attainment_bands(y, 1 / 3.0) AS c FROM resident WHERE school <> 99 GROUP BY school) s;
-- a virtual school's bands: a pool's pupil weighs own/pool, or is there own times of 60 where pools are of 12, 15 and 20
CREATE TABLE weighed AS
SELECT c, noise(100 * c + i, 'points', 500) AS points, own, pool FROM (VALUES (1, 3, 12), (2, 2, 15), (3, 7, 20)) v (c, own, pool), generate_series(1, pool) i;
SELECT same_row(to_jsonb(a), to_jsonb(b), 'pupils', 'weight') AS exploded, near((a).weight, 12) AS weight, (b).pupils
FROM (SELECT sipp.attainment_bands(points, own / pool::float8) AS a FROM weighed) a, (SELECT sipp.attainment_bands(points) AS b FROM weighed, generate_series(1, own * 60 / pool)) b;
SELECT sipp.attainment_bands(y) AS nobody FROM pupil WHERE false;
SELECT sipp.attainment_bands(NULL::float8) AS no_points FROM pupil WHERE id < 3;
SELECT sipp.attainment_bands(y, 0) AS no_weight FROM pupil WHERE id IN (1, 2);

--
-- about schools: how much they differ, who is unusual, how many flags are false
--
SELECT sipp.school_variance(d, 1) AS seven FROM (VALUES (1), (5)) v (d);
SELECT sipp.school_variance(d, 1) AS none FROM (VALUES (1), (2)) v (d);
SELECT sipp.school_variance(d, s) AS left_out FROM (VALUES (1, 1), (5, 1), (7, 0), (NULL, 1), (8, NULL)) v (d, s);
SELECT sipp.school_variance(d, s) AS one_school FROM (VALUES (1, 1), (5, 0)) v (d, s);
SELECT sipp.school_variance(d, s) AS no_school FROM (VALUES (1, 1)) v (d, s) WHERE false;
CREATE TABLE variance AS SELECT sipp.school_variance(difference, std_error) AS v FROM school;
SELECT near(v, ((q - (n - 1)) / (w - ww / w))) AND v > 0 AS dersimonian_laird
FROM variance, (SELECT count(*) AS n, sum(1 / std_error ^ 2) AS w, sum(1 / std_error ^ 4) AS ww, sum((difference - m) ^ 2 / std_error ^ 2) AS q
				FROM (SELECT *, sum(difference / std_error ^ 2) OVER () / sum(1 / std_error ^ 2) OVER () AS m FROM school) s) f;

SELECT difference, round(v.z_schools::numeric, 12) AS z_schools, round(v.p_value::numeric, 12) AS p_value, v.verdict, round(v.flip_risk::numeric, 12) AS flip_risk
FROM (VALUES (0), (1), (-5), (9.8), (-9.800001)) d (difference), LATERAL sipp.verdict(difference, 3, 16, 2.5) v;
-- a verdict at z = 0 flips as often as the noise alone is beyond 1.96, at 1.96 every other time, and far out as often as noise goes back (to the other end, hardly)
SELECT near(a.flip_risk, b.p_value) AS at_zero, near(c.flip_risk, .5, 1e-9) AS at_the_limit, near(d.flip_risk, e.p_value / 2, 1e-5) AS far_out
FROM sipp.verdict(0, 1, 3, 2) a, sipp.verdict(1.96, 1, 0) b, sipp.verdict(1.96, 1, 0, .1) c, sipp.verdict(3, 1, 0, 1) d, sipp.verdict(1.04, 1, 0) e;
SELECT v.z_schools, round(v.p_value::numeric, 12) AS p_value, v.verdict, v.flip_risk FROM sipp.verdict(3, 4, 0) v;
SELECT v.verdict, v.flip_risk FROM sipp.verdict(difference => 30, std_error => 4, school_variance => 9, draw_se => 0) v;
SELECT v.* FROM sipp.verdict(NULL, 4, 9, 1) v UNION ALL SELECT v.* FROM sipp.verdict(3, NULL, 9, 1) v UNION ALL SELECT v.* FROM sipp.verdict(3, 4, NULL, 1) v UNION ALL SELECT v.* FROM sipp.verdict(3, 0, 0, 1) v;
SELECT count(*), bool_and(near(v.z_schools, difference / sqrt(std_error ^ 2 + w.v)) AND abs(v.z_schools) < abs(s.z)) AS shrunken,
	   bool_and((v.verdict = 'as expected') = (abs(v.z_schools) <= 1.96) AND (v.verdict = 'higher') = (v.z_schools > 1.96)) AS words, bool_and((v.p_value < .05) >= (v.verdict <> 'as expected')) AS p_value
FROM school s, variance w, LATERAL sipp.verdict(difference, std_error, w.v, draw_se) v;

SELECT p, round(sipp.fdr(p) OVER ()::numeric, 12) AS q FROM unnest('{.01,.04,NULL,.03,.005,.5}'::float8[]) p ORDER BY p;
SELECT DISTINCT near(sipp.fdr(p) OVER (), .05) AS all_equal FROM unnest('{.01,.02,.03,.04,.05}'::float8[]) p;
SELECT p, round(sipp.fdr(p) OVER (PARTITION BY p = 1)::numeric, 12) AS q FROM unnest('{0,1,1,.25}'::float8[]) p ORDER BY p;
SELECT sipp.fdr(NULL) OVER () AS "null", sipp.fdr(.7) OVER () AS one;
SELECT bool_and(near(q, least(1, (SELECT min(b.p_value * n / r) FROM (SELECT p_value, count(*) OVER () AS n, rank() OVER (ORDER BY p_value) AS r FROM school) b WHERE b.p_value >= s.p_value)))) AS benjamini_hochberg,
	   bool_and(q = q2) AS ordered
FROM (SELECT p_value, sipp.fdr(p_value) OVER () AS q, sipp.fdr(p_value) OVER (ORDER BY difference ROWS CURRENT ROW) AS q2 FROM school) s;

--
-- parallel plans equal serial ones
--
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE TABLE parallel_peer AS SELECT school, authority, y, two, passed, sipp.comparator(passed, school, authority) OVER (PARTITION BY sex, stage) AS yes FROM peer WHERE authority < 7;
ALTER TABLE parallel_peer SET (parallel_workers = 2);
ANALYZE parallel_peer;
ALTER TABLE school SET (parallel_workers = 2);
CREATE TABLE call (what text, expression text, "table" text);
INSERT INTO call VALUES ('benchmark', 'sipp.virtual_school(y, two)', 'parallel_peer'), ('benchmark, k', 'sipp.virtual_school(y, two, 3)', 'parallel_peer'),
	('yes or no', 'sipp.virtual_school(passed, yes)', 'parallel_peer'), ('yes or no, k', 'sipp.virtual_school(passed, yes, 3)', 'parallel_peer'),
	('share', 'sipp.virtual_school_share(passed, yes)', 'parallel_peer'), ('share of 0 and 1', 'sipp.virtual_school_share(passed::int, yes)', 'parallel_peer'),
	('balance', 'sipp.balance(y, two)', 'parallel_peer'), ('balance, threshold', 'sipp.balance(y, two, .05)', 'parallel_peer'),
	('balance of yes or no', 'sipp.balance(passed, yes)', 'parallel_peer'), ('the same, threshold', 'sipp.balance(passed, yes, .2)', 'parallel_peer'),
	('bands', 'sipp.attainment_bands(y)', 'parallel_peer'), ('weighted bands', 'sipp.attainment_bands(y, 1 + authority)', 'parallel_peer'),
	('school_variance', 'sipp.school_variance(difference, std_error)', 'school');
CREATE FUNCTION answers(expression text, "table" text) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT jsonb_build_object(''v'', to_jsonb(%1$s)) FROM %2$s', expression, "table");
	RETURN QUERY EXECUTE format('SELECT jsonb_build_object(''v'', v) FROM (SELECT school, to_jsonb(%1$s) AS v FROM %2$s GROUP BY school) s ORDER BY school', expression, "table");
END $$;
-- plans are not printed, but they are what they should be
SELECT bool_and(plan_has(format('SELECT %s FROM %s', expression, "table"), 'Partial Aggregate')) AS partial,
	   bool_and(plan_has(format('SELECT school, %s FROM %s GROUP BY school', expression, "table"), 'Gather')) AS grouped FROM call;
CREATE TABLE in_parallel AS SELECT what, n, v FROM call, LATERAL answers(expression, "table") WITH ORDINALITY a (v, n);
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serially AS SELECT what, n, v FROM call, LATERAL answers(expression, "table") WITH ORDINALITY a (v, n);
SELECT what, count(*), bool_and(CASE WHEN jsonb_typeof(p.v->'v') = 'object' THEN same_row(p.v->'v', s.v->'v') ELSE same_row(p.v, s.v) END) AS same
FROM in_parallel p JOIN serially s USING (what, n) GROUP BY what ORDER BY what;
SET max_parallel_workers_per_gather = 2;
-- the windows and what is read of peers in workers
SELECT plan_has('SELECT sum(sipp.pool(two)), sum(sipp.own(two)), sum(sipp.total(two)), sum(sipp.mean(two)), sum(sipp.variance(two)) FROM parallel_peer', 'Gather') AS parallel,
	   sum(sipp.pool(two)) = (SELECT sum(sipp.pool(two)) FROM peer WHERE authority < 7) AS pool FROM parallel_peer;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

--
-- views over the windows, as a dump would make them again: defaults that are left away too
--
CREATE SCHEMA again;
CREATE VIEW with_comparator AS SELECT id, sipp.comparator(y, school) OVER (PARTITION BY sex, stage) AS a, sipp.comparator(y, school, authority, trust) OVER (PARTITION BY sex, stage) AS b,
	sipp.comparator(passed, school) OVER w AS c, sipp.comparator(passed, school, authority) OVER w AS d FROM pupil WINDOW w AS (PARTITION BY sex);
CREATE VIEW with_nearest AS SELECT id, sipp.nearest_comparator(y, school, authority, prior) OVER w AS a, sipp.nearest_comparator(y, school, NULL, prior, 5) OVER w AS b,
	sipp.nearest_comparator(y, school, authority, score => prior, caliper => 3) OVER w AS c, sipp.nearest_comparator(passed, school, authority, prior, 3, 1.5) OVER w AS d
	FROM pupil WINDOW w AS (PARTITION BY sex, stage);
CREATE VIEW with_draw AS SELECT id, sipp.comparator_draw(id, school) OVER w AS a, sipp.comparator_draw(id, school, authority, 3) OVER w AS b, sipp.comparator_draw(id::text, school, k => 2) OVER w AS c,
	sipp.comparator_draw(id, school, NULL, 4, 7) OVER w AS d, sipp.comparator_draw(id, school, seed => 9, leave_out => authority) OVER w AS e FROM draw WINDOW w AS (PARTITION BY sex, stage);
CREATE VIEW with_fdr AS SELECT school AS id, sipp.fdr(s.p_value) OVER (PARTITION BY school < 10) AS a, v.* FROM school s, variance w, LATERAL sipp.verdict(difference, std_error, w.v) v;
CREATE VIEW with_aggregates AS SELECT school AS id, sipp.virtual_school(y, two) AS a, sipp.virtual_school(y, two, 4) AS b, sipp.virtual_school_share(passed, yes) AS c, sipp.balance(y, two, .2) AS d,
	sipp.attainment_bands(y, 1) AS e FROM parallel_peer GROUP BY school;
SELECT pg_get_viewdef('with_draw') ~ 'comparator_draw\([^,]*id, [^,]*school\) OVER' AS defaults_stay_away, pg_get_viewdef('with_draw') ~ 'k => ' AS names_stay;
CREATE FUNCTION view_again(name text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	different bigint;
	definition text := pg_get_viewdef(name::regclass);
BEGIN
	EXECUTE format('CREATE VIEW again.%I AS %s', name, definition);
	EXECUTE format('SELECT count(*) FROM ((SELECT v::text FROM %1$I v EXCEPT ALL SELECT v::text FROM again.%1$I v) UNION ALL
		(SELECT v::text FROM again.%1$I v EXCEPT ALL SELECT v::text FROM %1$I v)) d', name) INTO different;
	RETURN different = 0 AND pg_get_viewdef(('again.' || name)::regclass) = definition;
END $$;
SELECT name, view_again(name) FROM unnest('{with_comparator,with_nearest,with_draw,with_fdr,with_aggregates}'::text[]) name;

--
-- the documentation: every type, column and cast says what it is
--
SELECT t.typname FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = 'sipp'::regnamespace AND t.typelem = 0 AND obj_description(t.oid, 'pg_type') IS NULL AND coalesce(c.relkind, 'c') = 'c';
SELECT castsource::regtype, casttarget::regtype FROM pg_cast WHERE (castsource = 'sipp.peers'::regtype OR casttarget = 'sipp.peers'::regtype) AND obj_description(oid, 'pg_cast') IS NULL;
-- all of the room was called above
SELECT count(*) > 20 AS functions, bool_and(provolatile IN ('i', 's') AND proparallel = 's') AS safe FROM pg_proc
WHERE pronamespace = 'sipp'::regnamespace AND proname ~ '^(peers|pool|own|total|variance|comparator|nearest|virtual|balance|attainment|school_variance|verdict|fdr)';

SET client_min_messages = warning;
DROP SCHEMA virtual_test, again CASCADE;
