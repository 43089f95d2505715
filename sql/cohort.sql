--
-- Room cohort: figures against brute force, algebra, the type itself.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all
--
-- 1. One pass: every figure as brute force has it
--
-- numbers of all types and of a domain
SELECT same_as_brute(sipp.cohort(y, i2, i4, i8, r4, r8, num, asn, dec), 'pupil', 'y',
					 '{i2,i4,i8,r4,r8,num,asn::int,dec}') FROM pupil;
-- factors of all types and of domains; NULLs drop their rows
SELECT same_as_brute(sipp.cohort(y, txt, vc, bp, ch, st, lab, lev), 'pupil', 'y',
					 '{}', '{txt,vc,bp,ch,st,lab,lev}') FROM pupil;
-- both, mixed
SELECT same_as_brute(sipp.cohort(y, txt, r8, st, asn, i4, sipp.factor(dec)), 'pupil', 'y',
					 '{r8,asn::int,i4}', '{txt,st,dec}') FROM pupil;
-- no covariates; an outcome of every type
SELECT same_as_brute(sipp.cohort(y), 'pupil', 'y') FROM pupil;
SELECT same_as_brute(sipp.cohort(passed), 'pupil', 'passed::int') FROM pupil;
SELECT same_as_brute(sipp.cohort(passed, r8, txt), 'pupil', 'passed::int', '{r8}', '{txt}') FROM pupil;
SELECT same_as_brute(sipp.cohort(i2, r8), 'pupil', 'i2', '{r8}') FROM pupil;
SELECT same_as_brute(sipp.cohort(num, r8), 'pupil', 'num', '{r8}') FROM pupil;
SELECT same_as_brute(sipp.cohort(dec, r8), 'pupil', 'dec', '{r8}') FROM pupil;

-- with weights
SELECT same_as_brute(sipp.weighted_cohort(w, y), 'pupil', 'y', weight => 'w') FROM pupil;
SELECT same_as_brute(sipp.weighted_cohort(w, passed), 'pupil', 'passed::int', weight => 'w') FROM pupil;
SELECT same_as_brute(sipp.weighted_cohort(w, y, r8, txt, asn, st), 'pupil', 'y',
					 '{r8,asn::int}', '{txt,st}', 'w') FROM pupil;
SELECT same_as_brute(sipp.weighted_cohort(w, passed, r8, st), 'pupil', 'passed::int',
					 '{r8}', '{st}', 'w') FROM pupil;
-- of every numeric type, and with weights that are NULL
SELECT same_as_brute(sipp.weighted_cohort(dec, y, r8), 'pupil', 'y', '{r8}', '{}', 'dec') FROM pupil;
SELECT same_as_brute(sipp.weighted_cohort(nullif(dec, 3), y, r8),
					 '(SELECT nullif(dec, 3) AS d, y, r8 FROM pupil)', 'y', '{r8}', '{}', 'd') FROM pupil;
-- unit weights equal no weights
SELECT count(*) AS figures, bool_and(a.value = b.value) AS equal
FROM (SELECT sipp.weighted_cohort(1, y, r8, txt, asn, st) AS one,
			 sipp.cohort(y, r8, txt, asn, st) AS none FROM pupil) c,
	 facts(one) a JOIN LATERAL facts(none) b USING (what);

-- arrays
SELECT same_as_brute(sipp.cohort_array(y, ARRAY[r8, i4], ARRAY[txt, st::text]),
					 '(SELECT y, r8 AS x1, i4 AS x2, txt AS f1, st AS f2 FROM pupil)', 'y',
					 '{x1,x2}', '{f1,f2}') FROM pupil;
SELECT same_as_brute(sipp.weighted_cohort_array(w, y, ARRAY[r8], ARRAY[txt, st::text]),
					 '(SELECT y, w, r8 AS x1, txt AS f1, st AS f2 FROM pupil)', 'y',
					 '{x1}', '{f1,f2}', 'w') FROM pupil;
SELECT same_as_brute(sipp.cohort_array(y, '{}', '{}'), 'pupil', 'y') FROM pupil;
SELECT same_as_brute(sipp.cohort_array(y, ARRAY[r8], '{}'), '(SELECT y, r8 AS x1 FROM pupil)',
					 'y', '{x1}') FROM pupil;
SELECT same_as_brute(sipp.cohort_array(y, '{}', ARRAY[vc]), '(SELECT y, vc AS f1 FROM pupil)',
					 'y', '{}', '{f1}') FROM pupil;
-- a NULL array drops its row like a NULL element, first, amid or last
CREATE TEMP TABLE odd AS
SELECT i, y, CASE WHEN i % 5 > 0 THEN ARRAY[CASE WHEN i % 7 > 0 THEN i / 4.0::float8 END] END AS x,
	   CASE WHEN i % 6 > 0 THEN ARRAY[CASE WHEN i % 11 > 0 THEN vc END] END AS f
FROM (SELECT *, id - 1 AS i FROM pupil WHERE id <= 301) p;
SELECT same_as_brute(sipp.cohort_array(y, x, f ORDER BY i),
					 '(SELECT y, x[1] AS x1, f[1] AS f1 FROM odd)', 'y', '{x1}', '{f1}') FROM odd;

-- empty input is NULL; rows that all lack something are counted
SELECT sipp.cohort(y, r8, txt) IS NULL AS plain, sipp.weighted_cohort(w, y, r8) IS NULL AS weighted,
	   sipp.cohort_array(y, ARRAY[r8], '{}') IS NULL AS "array", sipp.cohort(y) IS NULL AS bare
FROM pupil WHERE false;
SELECT sipp.size(c), sipp.dropped(c), sipp.mean(c), sipp.mean(c, 'r8'), sipp.mean(c, 'txt', 'none'),
	   names(c), round_trip(c)
FROM (SELECT sipp.cohort(NULL::float8, r8, txt, st) AS c FROM pupil) s;
SELECT term, level, kind, levels, mean, sd
FROM (SELECT sipp.cohort(NULL::float8, r8, txt, st) AS c FROM pupil) s, sipp.describe(c);
SELECT sipp.size(c), sipp.dropped(c), sipp.mean(c), names(c) IS NULL AS nameless, round_trip(c)
FROM (SELECT sipp.cohort_array(y, NULL, '{}') AS c FROM pupil) s;
-- one row has no spread
SELECT term, level, kind, levels, mean, sd
FROM (SELECT sipp.cohort(0.1, 0.3, 'a'::text, true) AS c) s, sipp.describe(c);
-- nor has a constant, whatever it is
SELECT sd, count(*)
FROM (SELECT sipp.weighted_cohort(0.1 + i / 7.0, 0.1, 1e-300, 1e200, 1e8 / 3.0) AS c
	  FROM generate_series(1, 1000) i) s, sipp.describe(c) GROUP BY sd;

--
-- 2. Digits
--
-- mean / sd = 1e6 over a million rows: variances to 1e-9, whatever the order
CREATE TEMP TABLE far AS
SELECT i, 1000000000000 + (i * 2654435761 % 3464101) AS y, -1000000000000 - (i * 40503 % 3464101) AS x,
	   CASE WHEN i % 3 = 0 THEN 'a' ELSE 'b' END AS f
FROM generate_series(1::bigint, 1000000) i;
CREATE TEMP TABLE far_fact AS SELECT ARRAY(SELECT brute('far', 'y', '{x}', '{f}')) AS facts;
SELECT compare(ARRAY(SELECT facts(c)), facts, 1e-9), compare(ARRAY(SELECT facts(sorted)), facts, 1e-9) AS sorted
FROM (SELECT sipp.cohort(y, x, f) AS c, sipp.cohort(y, x, f ORDER BY y) AS sorted FROM far) s, far_fact;
-- with the first row far from all others: a missing value coded as 0
WITH c AS (
	SELECT sipp.cohort(y, x, f ORDER BY i) AS c
	FROM (SELECT * FROM far UNION ALL SELECT 0, 0, 0, 'a') s)
SELECT same_as_brute(c, '(SELECT y, x, f FROM far UNION ALL SELECT 0, 0, ''a'')', 'y', '{x}', '{f}',
					 tolerance => 1e-9) FROM c;
-- an outlier that weighs nearly nothing
SELECT same_as_brute(sipp.weighted_cohort(w, y, x, f ORDER BY i),
					 '(SELECT 1 AS w, * FROM far WHERE i <= 10000 UNION ALL SELECT 1e-30, 0, 0, 0, ''a'')',
					 'y', '{x}', '{f}', 'w', tolerance => 1e-9)
FROM (SELECT 1 AS w, * FROM far WHERE i <= 10000 UNION ALL SELECT 1e-30, 0, 0, 0, 'a') s;

--
-- 3. Merging and taking apart
--
-- any partition of the rows, merged in any order, is the one-shot cohort
CREATE TEMP TABLE whole AS
SELECT sipp.cohort(y, r8, i8, txt, asn, st, vc) AS c,
	   sipp.weighted_cohort(w, y, r8, i8, txt, asn, st, vc) AS w FROM pupil;
SELECT salt, same(sipp.merge(part.c ORDER BY part.k % 7), whole.c),
	   same(sipp.merge(part.w ORDER BY part.k % 7), whole.w)
FROM (SELECT salt, noise(id, 'part ' || salt, salt * salt * 10) AS k,
			 sipp.cohort(y, r8, i8, txt, asn, st, vc) AS c,
			 sipp.weighted_cohort(w, y, r8, i8, txt, asn, st, vc) AS w
	  FROM pupil, generate_series(1, 9, 2) salt GROUP BY 1, 2) part, whole
GROUP BY salt, whole.c, whole.w;
-- figures far from zero lose the digits of their stored mean: at mean / sd = 1e6
-- nine are left
SELECT same(sipp.merge(part.c), (SELECT sipp.cohort(y, x, f) FROM far), 1e-9)
FROM (SELECT sipp.cohort(y, x, f) AS c FROM far GROUP BY i % 1000) part;
-- each row a cohort of its own
SELECT same(sipp.merge(part.c), whole.c)
FROM (SELECT sipp.cohort(y, r8, i8, txt, asn, st, vc) AS c FROM pupil GROUP BY id) part, whole
GROUP BY whole.c;
-- merging of merges
SELECT same(sipp.merge(m), whole.c)
FROM (SELECT k % 4, sipp.merge(c) AS m
	  FROM (SELECT noise(id, 'k', 40) AS k, sipp.cohort(y, r8, i8, txt, asn, st, vc) AS c
			FROM pupil GROUP BY 1) s GROUP BY 1) s, whole GROUP BY whole.c;
-- NULL and empty cohorts add nothing but their dropped rows
SELECT (SELECT sipp.merge(n) IS NULL FROM (VALUES (NULL::sipp.cohort)) v (n)) AS "null",
	   same((SELECT sipp.merge(n) FROM (VALUES (NULL), (c), (NULL)) v (n)), c), sipp.add(NULL, c) IS NULL AS strict,
	   same(sipp.subset(sipp.add(c, e)), sipp.subset(c)) AS dropped, sipp.dropped(sipp.add(e, c)) - sipp.dropped(c) AS more
FROM (SELECT sipp.cohort(y, r8, txt) AS c,
			 sipp.cohort(NULL::float8, r8, txt) FILTER (WHERE id <= 5) AS e FROM pupil) s;
-- terms in another order are brought into the first's by sipp.subset
SELECT same(sipp.add(a, sipp.subset(b, 'r8', 'txt', 'asn', 'st')), sipp.add(a, a))
FROM (SELECT sipp.cohort(y, r8, txt, asn, st) AS a, sipp.cohort(y, st, asn, r8, txt) AS b FROM pupil) s;
-- a cohort that never saw its shape merges with any
SELECT same(sipp.subtract(sipp.add(a, n), n), a), sipp.dropped(sipp.add(n, a)) - sipp.dropped(a) AS more,
	   sipp.dropped(sipp.add(n, n)) AS both,
	   round_trip(sipp.add(n, a)), round_trip(sipp.add(n, n))
FROM (SELECT sipp.cohort_array(y, ARRAY[r8], ARRAY[txt]) AS a,
			 sipp.cohort_array(y, NULL, ARRAY[txt]) FILTER (WHERE id <= 3) AS n FROM pupil) s;

-- subtract undoes add, for every school and for all but one; levels go as they
-- came
CREATE TEMP TABLE school_cohort AS
SELECT school, sipp.cohort(y, r8, i8, txt, asn, st, vc) AS c,
	   sipp.weighted_cohort(w, y, r8, i8, txt, asn, st, vc) AS w FROM pupil GROUP BY school;
SELECT count(*), same(sipp.subtract(whole.c, s.c), rest.c), same(sipp.subtract(whole.w, s.w), rest.w),
	   bool_and(round_trip(sipp.subtract(whole.c, s.c)) AND round_trip(sipp.subtract(whole.w, s.w))) AS read_again
FROM whole, school_cohort s,
	 LATERAL (SELECT sipp.merge(o.c) AS c, sipp.merge(o.w) AS w FROM school_cohort o WHERE o.school <> s.school) rest
GROUP BY 2, 3;
SELECT count(*), same(sipp.subtract(whole.c, rest.c), s.c, 1e-11) LIKE '% figures agree' AS same,
	   same(sipp.subtract(whole.w, rest.w), s.w, 1e-11) LIKE '% figures agree' AS weighted,
	   bool_and(round_trip(sipp.subtract(whole.c, rest.c)) AND round_trip(sipp.subtract(whole.w, rest.w))) AS read_again
FROM whole, school_cohort s,
	 LATERAL (SELECT sipp.merge(o.c) AS c, sipp.merge(o.w) AS w FROM school_cohort o WHERE o.school <> s.school) rest
GROUP BY 2, 3;
SELECT levels(c, 'f') AS before, levels(sipp.subtract(c, b), 'f') AS after,
	   same(sipp.subtract(c, b), a), sipp.size(sipp.subtract(c, c)) AS nothing, round_trip(sipp.subtract(c, c))
FROM (SELECT sipp.cohort(y, f, x) AS c, sipp.cohort(y, f, x) FILTER (WHERE i % 3 = 0) AS b,
			 sipp.cohort(y, f, x) FILTER (WHERE i % 3 > 0) AS a FROM far WHERE i <= 1000) s;
-- one pupil out of a million, and all but one, two and three: no variance is
-- negative, and what is left can be read again
CREATE TEMP TABLE million AS
SELECT sipp.cohort(y, x, f) AS c, sipp.weighted_cohort(1 + i % 7 / 10.0, y, x, f) AS w FROM far;

SELECT k, count(*), bool_and(round_trip(left_c) AND round_trip(left_w)) AS read_again,
	   min(sipp.size(left_c)), bool_and(d.sd >= 0) AS fine
FROM million, (VALUES (1), (2), (3)) v (k),
	 LATERAL (SELECT sipp.cohort(y, x, f) AS few, sipp.weighted_cohort(1 + i % 7 / 10.0, y, x, f) AS few_w
			  FROM far WHERE i BETWEEN 500 AND 499 + k) a,
	 LATERAL (SELECT sipp.cohort(y, x, f) AS most, sipp.weighted_cohort(1 + i % 7 / 10.0, y, x, f) AS most_w
			  FROM far WHERE i NOT BETWEEN 500 AND 499 + k) b,
	 LATERAL (VALUES (sipp.subtract(c, few), sipp.subtract(w, few_w)),
					 (sipp.subtract(c, most), sipp.subtract(w, most_w))) u (left_c, left_w),
	 sipp.describe(left_c) d
GROUP BY k ORDER BY k;
-- one out leaves what is true; a constant remainder is constant
SELECT same(sipp.subtract(c, one), rest, 1e-9)
FROM million, (SELECT sipp.cohort(y, x, f) FILTER (WHERE i = 77) AS one,
					  sipp.cohort(y, x, f) FILTER (WHERE i <> 77) AS rest FROM far) s;
SELECT d.term, d.sd
FROM (SELECT sipp.cohort(v, v * 3) AS c, sipp.cohort(v, v * 3) FILTER (WHERE i <= 999990) AS most
	  FROM (SELECT i, CASE WHEN i <= 999990 THEN sin(i) * 1e4 ELSE 0.1 END AS v
			FROM generate_series(1, 1000000) i OFFSET 0) s) s, sipp.describe(sipp.subtract(c, most)) d;

--
-- 4. Other models from the same evidence
--
-- subset keeps any covariates in any order, on the same complete rows
SELECT same_as_brute(sipp.subset(c, 'st', 'i8', 'txt'), 'pupil', 'y',
					 '{i8}', '{st,txt}'), names(sipp.subset(c, 'st', 'i8', 'txt')),
	   same_as_brute(sipp.subset(w, 'st', 'i8', 'txt'), 'pupil', 'y', '{i8}', '{st,txt}', 'w') AS weighted
FROM whole;
SELECT same_as_brute(sipp.subset(c), '(SELECT CASE WHEN txt IS NOT NULL THEN y END AS y FROM pupil)', 'y') FROM whole;
SELECT same(sipp.subset(c, VARIADIC ARRAY['r8', 'i8', 'txt', 'asn', 'st', 'vc']), c) FROM whole;
-- rename
SELECT names(sipp.rename(c, 'a', 'b', 'c', 'd', 'e', 'é')), same(sipp.rename(sipp.rename(c, 'a', 'b', 'c', 'd', 'e', 'f'),
	   'r8', 'i8', 'txt', 'asn', 'st', 'vc'), c) FROM whole;


-- with_context: a school's means, and shares of levels, as columns of its pupils.
-- Schools differ in their levels; a level that a school lacks is a share of 0.
CREATE TEMP TABLE uneven AS
SELECT school, y, r8, w, st, CASE school % 3 WHEN 0 THEN 'X' WHEN 1 THEN ch::text ELSE 'Z' || ch::text END AS f
FROM pupil WHERE y IS NOT NULL AND (school > 4 OR st <> 'S4');
CREATE TEMP TABLE beside AS
SELECT u.*, c.* FROM uneven u JOIN (
	SELECT school AS s, avg(r8::numeric) AS r8_mean, avg((f = 'X')::int) AS "f_mean=X",
		   avg((f = 'A')::int) AS "f_mean=A", avg((f = 'B')::int) AS "f_mean=B", avg((f = 'C')::int) AS "f_mean=C",
		   avg((f = 'ZA')::int) AS "f_mean=ZA", avg((f = 'ZB')::int) AS "f_mean=ZB", avg((f = 'ZC')::int) AS "f_mean=ZC",
		   avg((st = 'S6')::int) AS "st_mean=S6", avg((st = 'S4')::int) AS "st_mean=S4", avg((st = 'S5')::int) AS "st_mean=S5"
	FROM uneven GROUP BY school) c ON c.s = u.school;
CREATE TEMP TABLE beside_w AS
SELECT u.*, c.* FROM uneven u JOIN (
	SELECT school AS s, sum(w * r8::numeric) / sum(w) AS r8_mean, sum(w * (f = 'X')::int) / sum(w) AS "f_mean=X",
		   sum(w * (f = 'A')::int) / sum(w) AS "f_mean=A", sum(w * (f = 'B')::int) / sum(w) AS "f_mean=B",
		   sum(w * (f = 'C')::int) / sum(w) AS "f_mean=C", sum(w * (f = 'ZA')::int) / sum(w) AS "f_mean=ZA",
		   sum(w * (f = 'ZB')::int) / sum(w) AS "f_mean=ZB", sum(w * (f = 'ZC')::int) / sum(w) AS "f_mean=ZC"
	FROM (SELECT school, w::numeric, r8, f FROM uneven) u GROUP BY school) c ON c.s = u.school;
CREATE TEMP TABLE context AS
SELECT school, sipp.with_context(sipp.cohort(y, f, r8, st), 'r8', 'f', 'st') AS c FROM uneven GROUP BY school;
SELECT same_as_brute(sipp.merge(c), 'beside', 'y', '{r8,r8_mean,f_mean=X,f_mean=A,f_mean=B,f_mean=C,
					 f_mean=ZA,f_mean=ZB,f_mean=ZC,st_mean=S6,st_mean=S4,st_mean=S5}', '{f,st}'),
	   bool_and(round_trip(c)), round_trip(sipp.merge(c)) FROM context;
SELECT same(sipp.subtract(sipp.merge(c), (SELECT c FROM context WHERE school = 7)),
			(SELECT sipp.merge(c) FROM context WHERE school <> 7), 1e-11) FROM context;
-- weighted
SELECT same_as_brute(sipp.merge(c), 'beside_w', 'y', '{r8,r8_mean,f_mean=X,f_mean=A,f_mean=B,f_mean=C,
					 f_mean=ZA,f_mean=ZB,f_mean=ZC}', '{f}', 'w')
FROM (SELECT sipp.with_context(sipp.weighted_cohort(w, y, f, r8), 'r8', 'f') AS c FROM uneven GROUP BY school) s;
-- constant within the school; marked; merging what is not marked is an error
SELECT term, level, kind, levels, sd
FROM (SELECT sipp.with_context(sipp.cohort(y, r8, st), 'st', 'r8') AS c FROM pupil WHERE school = 3) s, sipp.describe(c)
WHERE kind = 'context';
SELECT fails($$SELECT sipp.add(sipp.with_context(c, 'r8'), sipp.rename(w, 'r8', 'r8_mean'))
			 FROM (SELECT sipp.cohort(y, r8) AS c, sipp.cohort(y, r8, r4) AS w FROM pupil) s$$);

-- relevel, also to a level that this cohort lacks
SELECT c::jsonb->'terms'->0->>'reference' AS reference, same(c, d), round_trip(c), names(c)
FROM (SELECT sipp.relevel(sipp.cohort(y, txt, r8), 'txt', 'level 4') AS c, sipp.cohort(y, txt, r8) AS d FROM pupil
	  UNION ALL
	  SELECT sipp.relevel(sipp.cohort(y, txt, r8), 'txt', 'no such'), sipp.cohort(y, txt, r8) FROM pupil) s;

-- an enum's levels stand as declared, text's by bytes
SELECT levels(c, 'st'), levels(c, 'txt'), levels(c, 'lab') FROM (SELECT sipp.cohort(y, st, txt, lab) AS c FROM pupil) s;
SELECT levels(sipp.add(a, b), 'st') FROM (SELECT sipp.cohort(y, st) FILTER (WHERE st <> 'S6') AS a,
	   sipp.cohort(y, st) FILTER (WHERE st = 'S6') AS b FROM pupil) s;
ALTER TYPE stage ADD VALUE 'S3' BEFORE 'S6';
ALTER TYPE stage ADD VALUE 'S4½' AFTER 'S4';
CREATE TEMP TABLE staged AS SELECT y, r8, st FROM pupil;
INSERT INTO staged VALUES (1, 1, 'S3'), (2, 2, 'S4½'), (3, 3, 'S3');
SELECT levels(sipp.cohort(y, r8, st), 'st'), same_as_brute(sipp.cohort(y, r8, st), 'staged', 'y', '{r8}', '{st}') FROM staged;
-- old and new cohorts still go together, unless the order was changed between
SELECT levels(sipp.merge(c), 'st'), same(sipp.merge(c), (SELECT sipp.cohort(y, r8, st) FROM staged))
FROM (SELECT sipp.subset(c, 'r8', 'st') AS c FROM (SELECT sipp.cohort(y, r8, st) AS c FROM pupil) s
	  UNION ALL SELECT sipp.cohort(y, r8, st) FROM staged WHERE st IN ('S3', 'S4½')) s;
SELECT fails($$SELECT sipp.add(c, replace(c::text, '"S6","S4","S5"', '"S6","S5","S4"')::sipp.cohort)
			 FROM (SELECT sipp.cohort(y, r8, st) AS c FROM pupil) s$$);
SELECT fails($$SELECT sipp.subtract(c, replace(c::text, '"S6","S4","S5"', '"S6","S5","S4"')::sipp.cohort)
			 FROM (SELECT sipp.cohort(y, r8, st) AS c FROM pupil) s$$);
-- a label that was renamed is another one
SELECT levels(sipp.add(c, replace(c::text, '"S6"', '"S5¾"')::sipp.cohort), 'st')
FROM (SELECT sipp.cohort(y, r8, st) AS c FROM pupil) s;

-- two dictionaries of 1,000 levels, against SQL
CREATE TEMP TABLE wide AS
SELECT i, (i * 7919 % 10007)::float8 AS y, 'f' || noise(i, 'f', 1000) AS f, 'g' || noise(i, 'g', 1000) AS g FROM generate_series(1, 30000) i;
CREATE TEMP TABLE wide_cohort AS SELECT sipp.cohort(y, f, g) AS c FROM wide;
SELECT same_as_brute(sipp.subset(c, 'f'), 'wide', 'y', '{}', '{f}'), same_as_brute(sipp.subset(c, 'g'), 'wide', 'y', '{}', '{g}'),
	   round_trip(c) FROM wide_cohort;
WITH d AS (SELECT c::jsonb AS j FROM wide_cohort),
	 cell AS (SELECT (k - 1) / 1000 AS b, (k - 1) % 1000 AS a, v::int AS n
			  FROM d, jsonb_array_elements_text(j->'cells') WITH ORDINALITY e (v, k) WHERE v <> '0'),
	 f AS (SELECT l, k - 1 AS k FROM d, jsonb_array_elements_text(j->'terms'->0->'levels') WITH ORDINALITY e (l, k)),
	 g AS (SELECT l, k - 1 AS k FROM d, jsonb_array_elements_text(j->'terms'->1->'levels') WITH ORDINALITY e (l, k))
SELECT count(*) AS cells, count(*) FILTER (WHERE cell.n IS DISTINCT FROM w.n) AS wrong
FROM cell JOIN f ON f.k = cell.a JOIN g ON g.k = cell.b
	 FULL JOIN (SELECT f, g, count(*) AS n FROM wide GROUP BY 1, 2) w ON w.f = f.l AND w.g = g.l;
SELECT same(sipp.subset(sipp.merge(s.c), 'f'), (SELECT sipp.subset(c, 'f') FROM wide_cohort)),
	   sipp.merge(s.c)::jsonb->'cells' = (SELECT c::jsonb->'cells' FROM wide_cohort) AS cells
FROM (SELECT sipp.cohort(y, f, g) AS c FROM wide GROUP BY i % 13) s;

--
-- 5. What is inside
--
-- describe and mean, against SQL
CREATE TEMP VIEW column_of AS
SELECT w, u.* FROM (SELECT * FROM pupil WHERE num_nonnulls(y, r8, i8, txt, asn, st, vc) = 7) p,
	 LATERAL (VALUES ('(outcome)', NULL, y), ('r8', NULL, r8), ('asn', NULL, asn::int), ('st', 'S6', (st = 'S6')::int),
					 ('st', 'S4', (st = 'S4')::int), ('st', 'S5', (st = 'S5')::int)) u (term, level, x);
SELECT d.term, d.level, d.kind, d.levels, abs(d.mean / avg(x) - 1) < 1e-12 AS mean, abs(d.sd / stddev(x) - 1) < 1e-12 AS sd,
	   CASE WHEN d.kind = 'outcome' THEN sipp.mean(c) ELSE sipp.mean(c, d.term, d.level) END = d.mean AS same
FROM whole, sipp.describe(sipp.subset(c, 'r8', 'asn', 'st')) d
	 JOIN column_of o ON o.term = d.term AND o.level IS NOT DISTINCT FROM d.level
GROUP BY d.term, d.level, d.kind, d.levels, d.mean, d.sd, c ORDER BY d.term, d.level;
SELECT d.term, d.level, abs(d.mean / m - 1) < 1e-12 AS mean,
	   abs(d.sd / (SELECT sqrt(sum(w * (x - m) ^ 2) / sum(w) * count(*) / (count(*) - 1)) FROM column_of o
				   WHERE o.term = d.term AND o.level IS NOT DISTINCT FROM d.level) - 1) < 1e-12 AS sd
FROM whole, sipp.describe(sipp.subset(w, 'r8', 'asn', 'st')) d,
	 LATERAL (SELECT sum(w * x) / sum(w) AS m FROM column_of o
			  WHERE o.term = d.term AND o.level IS NOT DISTINCT FROM d.level) o
ORDER BY 1, 2;
SELECT sipp.size(c) = count(*) FILTER (WHERE complete) AS size, sipp.dropped(c) = count(*) FILTER (WHERE NOT complete) AS dropped,
	   sipp.mean(c, 'txt', 'no such level', absent => 0) AS absent, sipp.mean(NULL, 'txt') IS NULL AS "null"
FROM whole, (SELECT num_nonnulls(y, r8, i8, txt, asn, st, vc) = 7 AS complete FROM pupil) p GROUP BY c;

--
-- 6. The type
--
-- comparison is on canonical bytes: the same pupils in the same order
CREATE TEMP TABLE stored AS
SELECT school % 5 AS g, school, sipp.cohort(y, r8, txt, st) AS c FROM pupil GROUP BY school
UNION ALL SELECT school % 5, school, sipp.cohort(y, r8, txt, st) FROM pupil GROUP BY school;
ANALYZE stored;
SELECT count(*), count(DISTINCT c), (SELECT count(*) FROM (SELECT c FROM stored GROUP BY c) s) AS groups,
	   (SELECT count(*) FROM (SELECT c FROM stored UNION SELECT c FROM stored) s) AS "union" FROM stored;
SET enable_sort = off;
SELECT plan_has('SELECT c FROM stored GROUP BY c', 'HashAggregate') AS hashed, count(*) FROM (SELECT c FROM stored GROUP BY c) s;
RESET enable_sort;
SET enable_hashagg = off;
SELECT plan_has('SELECT c FROM stored GROUP BY c', 'Group') AS sorted, count(*) FROM (SELECT c FROM stored GROUP BY c) s;
RESET enable_hashagg;
\set join 'SELECT a.school, b.school FROM stored a JOIN stored b ON a.c OPERATOR(sipp.=) b.c'
SET enable_mergejoin = off; SET enable_nestloop = off;
SELECT plan_has(:'join', 'Hash Join') AS hash, count(*) FROM (:join) j (a, b);
SET enable_mergejoin = on; SET enable_hashjoin = off;
SELECT plan_has(:'join', 'Merge Join') AS merge, count(*) FROM (:join) j (a, b);
RESET enable_mergejoin; RESET enable_nestloop; RESET enable_hashjoin;
CREATE INDEX stored_btree ON stored (c);
CREATE INDEX stored_hash ON stored USING hash (c);
SET enable_seqscan = off; SET enable_bitmapscan = off;
SELECT plan_has('SELECT c FROM stored ORDER BY c', 'stored_btree') AS btree, bool_and(c OPERATOR(sipp.>=) before) AS sorted
FROM (SELECT c, lag(c) OVER () AS before FROM (SELECT c FROM stored ORDER BY c) s) s;
SELECT plan_has('SELECT * FROM stored a, stored b WHERE a.c OPERATOR(sipp.=) b.c', 'stored_') AS probed;
RESET enable_seqscan; RESET enable_bitmapscan;
-- the operators agree with the order of the btree class, and with one another
SELECT count(*), bool_and(((a.c OPERATOR(sipp.=) b.c) = (cmp = 0)) AND ((a.c OPERATOR(sipp.<>) b.c) = (cmp <> 0))
						  AND ((a.c OPERATOR(sipp.<) b.c) = (cmp < 0)) AND ((a.c OPERATOR(sipp.<=) b.c) = (cmp <= 0))
						  AND ((a.c OPERATOR(sipp.>) b.c) = (cmp > 0)) AND ((a.c OPERATOR(sipp.>=) b.c) = (cmp >= 0))
						  AND sign(sipp.cohort_cmp(b.c, a.c)) = -cmp) AS agree,
	   bool_and((a.school = b.school) = (cmp = 0)) AS right,
	   bool_and((sipp.cohort_hash(a.c) = sipp.cohort_hash(b.c)) >= (cmp = 0)
				AND (sipp.cohort_hash_extended(a.c, 42) = sipp.cohort_hash_extended(b.c, 42)) >= (cmp = 0)) AS hash
FROM stored a, stored b, LATERAL (SELECT sign(sipp.cohort_cmp(a.c, b.c)) AS cmp) c;
CREATE TABLE parted (c sipp.cohort) PARTITION BY HASH (c);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT c FROM stored;
SELECT count(*) = 40 AS all, count(DISTINCT tableoid) AS tables FROM parted;

-- text form: byte-identical whatever extra_float_digits says; cast to jsonb
CREATE TEMP TABLE third AS SELECT sipp.weighted_cohort(w / 3, y / 7, r8 / 3, txt, st) AS c FROM pupil;
CREATE TEMP TABLE form AS SELECT c::text AS t FROM third;
SET extra_float_digits = -15;
SELECT c::text = t AS out, t::sipp.cohort OPERATOR(sipp.=) c AS "in", round_trip(c) FROM third, form;
SET extra_float_digits = 0;
SELECT c::text = t AS out, t::sipp.cohort OPERATOR(sipp.=) c AS "in", round_trip(c) FROM third, form;
SET extra_float_digits = 3;
SELECT c::text = t AS out, t::sipp.cohort OPERATOR(sipp.=) c AS "in", round_trip(c) FROM third, form;
RESET extra_float_digits;
SELECT c::jsonb = t::jsonb AS cast, c::jsonb::text::sipp.cohort OPERATOR(sipp.=) c AS back,
	   (SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(c::jsonb) k) AS fields FROM third, form;
-- labels that JSON must escape, or that are empty or long, in any script
CREATE TEMP TABLE strange AS
SELECT k::float8 AS y, s FROM unnest(ARRAY['', ' ', '"', '\', '{}', E'\n\t\x01', 'é', 'ß', 'Ω', '学校', '😀', repeat('é', 255), 'null']) WITH ORDINALITY u (s, k);
SELECT round_trip(c), count(*) AS levels, bool_and(sipp.mean(c, 's', s) = 1 / 13.0::float8) AS found
FROM (SELECT sipp.cohort(y, s) AS c FROM strange) q, strange GROUP BY c;
-- a cohort stored compressed or out of line
CREATE TEMP TABLE toasted (c sipp.cohort);
INSERT INTO toasted SELECT c FROM wide_cohort;
SELECT pg_column_size(c) < length(c::text) AS compressed, sipp.size(sipp.add(c, c)) FROM toasted;
-- five terms of a school take at most 700 bytes
SELECT max(pg_column_size(c)) <= 700 AS small
FROM (SELECT sipp.cohort(y, r8, i4, r4, i2, asn) AS c FROM pupil GROUP BY school) s;

-- numeric: beyond float8 is an error, below its precision rounds
SELECT sipp.mean(sipp.cohort(n)) = 0.1 AS rounded FROM (VALUES (0.1000000000000000055511151231257827::numeric)) v (n);
