--
-- Order: of an enum's levels, as far as cohorts show it, and of terms.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all

--
-- 1. Orders of levels against brute force
--
-- a cohort whose pupils, one a level and all with outcome 0, showed this order
CREATE FUNCTION chain(levels text[], pairs jsonb DEFAULT NULL) RETURNS sipp.cohort IMMUTABLE
RETURN jsonb_build_object('version', 1, 'rows', cardinality(levels), 'dropped', 0,
	'terms', jsonb_build_array(jsonb_build_object('name', 'e', 'kind', 'enum', 'levels', levels, 'before', pairs)),
	'mean', ARRAY[0], 'cross', ARRAY[0], 'level_rows', array_fill(1, ARRAY[cardinality(levels)]),
	'level_sum', array_fill(0, ARRAY[cardinality(levels)]))::text::sipp.cohort;
-- pairs (x, y), x declared before y, and what follows from them
CREATE TYPE before AS (x text, y text);
CREATE FUNCTION closure(p before[]) RETURNS before[] LANGUAGE sql IMMUTABLE AS $$
	WITH RECURSIVE r (x, y) AS (SELECT x, y FROM unnest(p) UNION SELECT r.x, q.y FROM r JOIN unnest(p) q ON q.x = r.y)
	SELECT coalesce(array_agg((x, y)::before ORDER BY x COLLATE "C", y COLLATE "C"), '{}') FROM r $$;
CREATE FUNCTION relation(term jsonb) RETURNS before[] LANGUAGE sql IMMUTABLE AS $$
	WITH l AS (SELECT i - 1 AS i, l FROM jsonb_array_elements_text(term->'levels') WITH ORDINALITY e (l, i))
	SELECT closure(ARRAY(
		SELECT (a.l, b.l)::before FROM l a JOIN l b ON a.i < b.i
		WHERE NOT term ? 'before' OR (term->'before') @> jsonb_build_array(jsonb_build_array(a.i, b.i)))) $$;
CREATE FUNCTION relation(c sipp.cohort) RETURNS before[] LANGUAGE sql IMMUTABLE AS $$ SELECT relation(c::jsonb->'terms'->0) $$;
-- Do levels stand as the one order that takes the least label that may come next?
CREATE FUNCTION canonical(c sipp.cohort) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
	SELECT bool_and(l[k] = (SELECT min(u.next COLLATE "C") FROM unnest(l[k:]) u (next)
							WHERE NOT EXISTS (SELECT FROM unnest(relation(c)) r WHERE r.y = u.next AND r.x = ANY (l[k:]))))
		   AND (c::jsonb->'terms'->0 ? 'before') = (cardinality(relation(c)) < cardinality(l) * (cardinality(l) - 1) / 2)
	FROM (SELECT ARRAY(SELECT jsonb_array_elements_text(c::jsonb->'terms'->0->'levels')) AS l) s, generate_subscripts(l, 1) k GROUP BY l $$;
-- NULL where orders contradict each other
CREATE FUNCTION plus(a sipp.cohort, b sipp.cohort) RETURNS sipp.cohort LANGUAGE plpgsql AS $$
BEGIN
	RETURN sipp.add(a, b);
EXCEPTION WHEN datatype_mismatch THEN
	RETURN NULL;
END $$;

-- One case: three cohorts, each of a few of six labels; half of the cases of one
-- declaration, half in any order.
CREATE TABLE triple AS
SELECT k, (array_agg(c ORDER BY part))[1] AS a, (array_agg(c ORDER BY part))[2] AS b, (array_agg(c ORDER BY part))[3] AS c
FROM (SELECT k, part, chain(array_agg(chr(97 + i) ORDER BY noise(i, 'order ' || k || CASE WHEN k % 2 = 0 THEN part::text ELSE '' END, 100000), i)) AS c
	  FROM generate_series(1, 600) k, generate_series(1, 3) part, generate_series(0, 5) i
	  WHERE noise(i * 10 + part, 'in ' || k, 5) < 2 + k % 2 GROUP BY k, part) s
GROUP BY k HAVING count(*) = 3;

CREATE TABLE united AS
SELECT t.*, closure(relation(a) || relation(b) || relation(c)) AS want, m.*
FROM triple t, LATERAL (SELECT plus(plus(a, b), c) AS abc, plus(a, plus(b, c)) AS bca, plus(plus(c, a), b) AS cab, plus(b, plus(c, a)) AS bac,
							   plus(plus(c, b), a) AS cba, plus(c, plus(b, a)) AS cab2) m;
-- contradictions are found, and no others, whatever comes first
SELECT contradiction, count(*) > 90 AS many, bool_and((abc IS NULL) = contradiction AND (bca IS NULL) = contradiction AND (cab IS NULL) = contradiction
												 AND (bac IS NULL) = contradiction AND (cba IS NULL) = contradiction AND (cab2 IS NULL) = contradiction) AS found
FROM (SELECT *, EXISTS (SELECT FROM unnest(want) w WHERE w.x = w.y) AS contradiction FROM united) u GROUP BY 1 ORDER BY 1;
-- merging is associative and commutative in its bytes, says what follows and no more,
-- and lists levels in the one canonical order
SELECT count(*) > 100 AS many, bool_and(abc OPERATOR(sipp.=) bca AND abc OPERATOR(sipp.=) cab AND abc OPERATOR(sipp.=) bac
										AND abc OPERATOR(sipp.=) cba AND abc OPERATOR(sipp.=) cab2) AS same_bytes,
	   bool_and(relation(abc) = want) AS relation, bool_and(canonical(abc)) AS canonical,
	   bool_and(round_trip(abc) AND round_trip(plus(a, b))) AS read_again,
	   count(*) FILTER (WHERE abc::jsonb->'terms'->0 ? 'before') > 50 AS partial
FROM united WHERE abc IS NOT NULL;
-- taking out leaves what was known about the levels that stay
SELECT count(*) > 100 AS many, bool_and(relation(rest) = ARRAY(SELECT w FROM unnest(want) w
			WHERE rest::jsonb->'terms'->0->'levels' ? w.x AND rest::jsonb->'terms'->0->'levels' ? w.y ORDER BY x COLLATE "C", y COLLATE "C")) AS relation,
	   bool_and(canonical(rest)) AS canonical, bool_and(round_trip(rest)) AS read_again
FROM (SELECT want, sipp.subtract(abc, b) AS rest FROM united WHERE abc IS NOT NULL) s WHERE sipp.size(rest) > 0;
-- some of them
SELECT k, levels(a, 'e') AS a, levels(b, 'e') AS b, levels(c, 'e') AS c, levels(abc, 'e'), abc::jsonb->'terms'->0->'before' AS before
FROM united WHERE abc::jsonb->'terms'->0 ? 'before' ORDER BY k LIMIT 4;
-- the issue's own: 1 before 3, and 2; later 2 before 3, or 1 before 2, is no conflict
SELECT levels(u, 'e') AS open, levels(sipp.add(u, chain('{2,3}')), 'e') AS then_23, levels(sipp.add(u, chain('{1,2}')), 'e') AS then_12,
	   levels(sipp.add(u, chain('{3,2}')), 'e') AS then_32, levels(sipp.add(u, chain('{2,1}')), 'e') AS then_21
FROM (SELECT sipp.add(chain('{1,3}'), chain('{2}')) AS u) s;
SELECT fails($$SELECT sipp.add(sipp.add(sipp.add(chain('{1,3}'), chain('{2}')), chain('{2,3}')), chain('{3,2}'))$$);
-- a contradiction that only three together make
SELECT fails($$SELECT sipp.merge(c ORDER BY k) FROM (VALUES (1, chain('{a,b}')), (2, chain('{b,c}')), (3, chain('{c,a}'))) v (k, c)$$);
SELECT fails($$SELECT sipp.add(chain('{a,b,c,d}', '[[0,1],[2,3]]'), chain('{b,c,d,a}', '[[0,1],[2,3]]'))$$);
-- pairs that follow from others, or say all, are left out when a value is read
SELECT chain('{a,b,c}', '[[0,2],[0,1],[1,2]]') OPERATOR(sipp.=) chain('{a,b,c}') AS total,
	   chain('{c,a,b}', '[[0,1],[1,2],[0,2]]') OPERATOR(sipp.=) chain('{c,a,b}') AS total_2,
	   chain('{c,a,b,d}', '[[0,1],[0,3],[1,3]]') OPERATOR(sipp.=) chain('{b,c,a,d}', '[[1,2],[2,3]]') AS partial, levels(chain('{c,a,b,d}', '[]'), 'e') AS none;
-- many levels: 2,000 in two halves that alternate, then all
SELECT jsonb_array_length(u::jsonb->'terms'->0->'before') = 2 * 999 AS halves, round_trip(u) AS read_again,
	   (sipp.add(u, a)::jsonb->'terms'->0->'levels') = to_jsonb(ARRAY(SELECT to_char(i, 'FM0000') FROM generate_series(1, 2000) i)) AS all
FROM (SELECT sipp.add(chain(array_agg(to_char(i, 'FM0000') ORDER BY i) FILTER (WHERE i % 2 = 0)), chain(array_agg(to_char(i, 'FM0000') ORDER BY i) FILTER (WHERE i % 2 = 1))) AS u,
			 chain(array_agg(to_char(i, 'FM0000') ORDER BY i)) AS a FROM generate_series(1, 2000) i) s;

-- models and context have the union's order too: pupils of a real enum in schools that
-- see two or three of its levels
CREATE TYPE letter AS ENUM ('c', 'a', 'e', 'b', 'd', 'f');
CREATE TABLE staged AS
SELECT k, school, i, sin(i * k) + noise(school, 'u', 5) AS y, (enum_range(NULL::letter))[1 + (noise(school, 'l' || k, 6) + (i % 3) * (i % 2 + school % 2)) % 6] AS e
FROM generate_series(1, 20) k, generate_series(1, 3 + k % 4) school, generate_series(1, 30) i;
CREATE TABLE seen AS SELECT k, school, sipp.cohort(y, e) AS c FROM staged GROUP BY k, school;
CREATE TABLE fitted AS
SELECT k, sipp.merge(c) AS c, sipp.value_added(c) AS m, sipp.merge(sipp.with_context(c, 'e')) AS x,
	   sipp.value_added(c ORDER BY school DESC) AS again, sipp.merge(c ORDER BY school DESC) AS c2 FROM seen GROUP BY k;
SELECT count(*) FILTER (WHERE c::jsonb->'terms'->0 ? 'before') > 5 AS partial, count(*) FILTER (WHERE NOT c::jsonb->'terms'->0 ? 'before') > 3 AS total,
	   bool_and((m::jsonb->'terms'->0) - 'reference' = c::jsonb->'terms'->0) AS model, bool_and(m OPERATOR(sipp.=) again) AS same_model,
	   bool_and(c::jsonb->'terms' = c2::jsonb->'terms') AS same_merge,
	   bool_and(m::jsonb->'terms'->0->'reference' = c::jsonb->'terms'->0->'levels'->0) AS reference,
	   bool_and((x::jsonb->'terms'->1) - '{name,kind,context,enum}'::text[] = (c::jsonb->'terms'->0) - '{name,kind}'::text[] AND x::jsonb->'terms'->1 @> '{"enum": true}') AS context,
	   bool_and(round_trip(x) AND m::text::sipp.model OPERATOR(sipp.=) m) AS read_again FROM fitted;
SELECT bool_and(relation(c) = ARRAY(SELECT DISTINCT (a.e, b.e)::before FROM unnest(closure(ARRAY(
		SELECT DISTINCT (p.e, q.e)::before FROM staged p JOIN staged q USING (k, school) WHERE p.k = f.k AND p.e < q.e))) u (a, b),
		LATERAL (SELECT a AS e) a, LATERAL (SELECT b AS e) b ORDER BY 1)) AS as_declared FROM fitted f;
-- ... of a merged cohort's levels too
SELECT count(*) > 5 AS many, bool_and((w::jsonb->'terms'->1) - '{name,kind,context,enum}'::text[] = (c::jsonb->'terms'->0) - '{name,kind}'::text[]) AS context, bool_and(round_trip(w)) AS read_again
FROM (SELECT c, sipp.with_context(c, 'e') AS w FROM fitted WHERE c::jsonb->'terms'->0 ? 'before') s;
-- ... and states that are combined before they are finished
CREATE AGGREGATE raw_state(float8, VARIADIC "any") (SFUNC = sipp.cohort_accum, STYPE = sipp.cohort);
SELECT bool_and(sipp.rename(raw, 'e')::jsonb->'terms' = f.c::jsonb->'terms') AS terms, bool_and(sipp.size(raw) = sipp.size(f.c)) AS size
FROM (SELECT k, sipp.merge(s ORDER BY school) AS raw FROM (SELECT k, school, raw_state(y, e) AS s FROM staged GROUP BY k, school) s GROUP BY k) r JOIN fitted f USING (k);
CREATE TABLE raw AS SELECT k, school, raw_state(y, e ORDER BY e) AS s FROM staged GROUP BY k, school;
SELECT count(*) > 100 AS many, bool_and(sipp.rename(sipp.add(a.s, b.s), 'e')::jsonb->'terms' = sipp.add(x.c, y.c)::jsonb->'terms') AS added
FROM raw a JOIN raw b USING (k) JOIN seen x ON x.k = a.k AND x.school = a.school JOIN seen y ON y.k = a.k AND y.school = b.school;
-- effects do not ask for the order
SELECT count(*), bool_and(e.reason IS NULL AND e.effect IS NOT NULL) AS placed FROM fitted JOIN seen USING (k), LATERAL sipp.effect(seen.c, m) e;
-- shares of an enum are not those of text; an empty factor has no order
SELECT fails($$SELECT sipp.add(sipp.subset(sipp.with_context(sipp.cohort(y, e), 'e'), 'e_mean'), sipp.subset(sipp.with_context(sipp.cohort(y, e::text), 'e'), 'e_mean')) FROM staged$$);
SELECT levels(sipp.add(sipp.cohort(y, e), sipp.cohort(NULL::float8, e)), 'e') FROM staged;

--
-- 2. Order of terms
--
CREATE TABLE two AS
SELECT school, sipp.cohort(y, a, b, f) AS ab, sipp.cohort(y, b, a, f) AS ba, sipp.weighted_cohort(1 + i % 2, y, a, b, f) AS wab, sipp.weighted_cohort(1 + i % 2, y, b, a, f) AS wba
FROM (SELECT i, i % 7 AS school, sin(i) + i % 5 AS y, cos(i) AS a, i % 11 AS b, chr(97 + i % 3) AS f FROM generate_series(1, 300) i OFFSET 0) p GROUP BY school;
SELECT fails($$SELECT sipp.add(ab, ba) FROM two WHERE school = 1$$);
SELECT fails($$SELECT sipp.add(ba, ab) FROM two WHERE school = 1$$);
SELECT fails($$SELECT sipp.subtract(sipp.add(ab, ab), ba) FROM two WHERE school = 1$$);
SELECT fails($$SELECT sipp.add(wab, wba) FROM two WHERE school = 1$$);
-- one odd school among seven, wherever it stands, in each aggregate and as a window
SELECT call, odd, regexp_replace(fails(format('SELECT ' || call || ' FROM (SELECT school, CASE school WHEN %s THEN ba ELSE ab END AS c FROM two) s', odd)), '\n.*\n', E'\n')
	   LIKE '42804 cannot combine cohorts whose terms stand in different orders%sipp.subset(cohort, ''%'', ''%'', ''f'').' AS refused
FROM unnest(ARRAY['sipp.merge(c ORDER BY school)', 'sipp.value_added(c)', 'sipp.value_added_ml(c)', 'sipp.value_added(c, ''a'')', 'sipp.value_added_ml(c, ''a'')',
	'sipp.value_added(c) OVER ()', 'sipp.merge(c) OVER (ORDER BY school)']) call, unnest('{0,3,6}'::int[]) odd ORDER BY call COLLATE "C", odd;
-- in a parallel plan, where two partial states meet
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off; SET max_parallel_workers_per_gather = 2;
CREATE TABLE apart AS SELECT i, CASE WHEN i > 3000 THEN ba ELSE ab END AS c FROM two, generate_series(1, 6000) i WHERE school = 1;
ANALYZE apart;
SELECT plan_has('SELECT ' || call || ' FROM apart', 'Gather') AS parallel, split_part(fails('SELECT ' || call || ' FROM apart'), E'\n', 1) AS refused FROM unnest(ARRAY['sipp.merge(c)', 'sipp.value_added(c)']) call;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET parallel_leader_participation; RESET max_parallel_workers_per_gather;
-- the hint runs as it is shown, whatever the names, and puts the terms into the first's order
CREATE FUNCTION advice(a sipp.cohort, b sipp.cohort) RETURNS sipp.cohort LANGUAGE plpgsql AS $$
DECLARE
	hint text;
	c sipp.cohort;
BEGIN
	PERFORM sipp.add(a, b);
	RETURN NULL;
EXCEPTION WHEN datatype_mismatch THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	EXECUTE 'SELECT ' || substring(hint FROM 'as in (.*)\.$') || ' FROM (SELECT $1 AS cohort) s' INTO c USING b;
	RETURN sipp.add(a, c);
END $$;
SELECT same(advice(ab, ba), sipp.add(ab, ab)), same(advice(ba, ab), sipp.add(ba, ba)), same(advice(wab, wba), sipp.add(wab, wab)) FROM two WHERE school = 1;
SELECT same(advice(a, b), sipp.add(a, a)), names(advice(a, b)) FROM (
	SELECT sipp.rename(ab, 'it''s', E'back\\slash, "quoted"', 'été') AS a, sipp.rename(ba, E'back\\slash, "quoted"', 'it''s', 'été') AS b FROM two WHERE school = 1) s;
SELECT same(advice(a, sipp.subset(a, VARIADIC (SELECT array_agg('x' || i ORDER BY i DESC) FROM generate_series(1, 150) i))), sipp.add(a, a))
FROM (SELECT sipp.cohort_array(i, ARRAY(SELECT sin(i * k) FROM generate_series(1, 150) k), '{}') AS a FROM generate_series(1, 5) i) s;
SELECT same(advice(sipp.with_context(ab, 'a', 'f'), sipp.subset(sipp.with_context(ba, 'f', 'a'), 'f_mean', 'f', 'b', 'a_mean', 'a')), sipp.add(sipp.with_context(ab, 'a', 'f'), sipp.with_context(ab, 'a', 'f')))
FROM two WHERE school = 1;
-- other sets of terms, and cohorts without a shape, are what they were
SELECT fails($$SELECT sipp.add(sipp.subset(ab, 'a', 'f'), sipp.subset(ba, 'b', 'a')) FROM two WHERE school = 1$$);
SELECT fails($$SELECT sipp.add(ab, sipp.subset(ba, 'b', 'a')) FROM two WHERE school = 1$$);
SELECT fails($$SELECT sipp.add(ab, sipp.subset(wba, 'b', 'a', 'f')) FROM two WHERE school = 1$$);
SELECT sipp.dropped(sipp.add(ab, n)) AS dropped FROM two, (SELECT sipp.cohort_array(1, NULL, NULL) AS n) n WHERE school = 1;
-- a school is placed by the names of its terms: its figures do not depend on their order
SELECT count(*), bool_and(sipp.effect(ab, m) IS NOT DISTINCT FROM sipp.effect(sipp.subset(ba, 'f', 'b', 'a'), m)) AS placed,
	   bool_and(sipp.effect(ab, s) IS NOT DISTINCT FROM sipp.effect(sipp.subset(ba, 'f', 'b', 'a'), s)) AS slopes
FROM (SELECT school, sipp.subset(sipp.subset(ab, 'b', 'a', 'f'), 'a', 'b', 'f') AS ab, sipp.subset(ab, 'f', 'a', 'b') AS ba FROM two) two,
	 (SELECT sipp.value_added(ab) AS m, sipp.value_added(ab, 'a') AS s FROM two) n;
-- and a pupil's, by name
SELECT sipp.expected_json(m, '{"a": 0.5, "b": 3, "f": "b"}') = sipp.expected_json(m, '{"f": "b", "b": 3, "a": 0.5}') AS any_order,
	   abs(sipp.expected_json(m, '{"a": 0.5, "b": 3, "f": "b"}') - sipp.expected_json(n, '{"a": 0.5, "b": 3, "f": "b"}')) < 1e-9 AS any_model,
	   sipp.expected(m, 0.5, 3, 'b') = sipp.expected_json(m, '{"a": 0.5, "b": 3, "f": "b"}') AS by_position
FROM (SELECT sipp.value_added(ab) AS m, sipp.value_added(ba) AS n FROM two) s;
