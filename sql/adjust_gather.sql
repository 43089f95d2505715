--
-- The states of sipp.value_added: what one worker hands another is all that it had,
-- whatever the plan.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all

-- schools of which some are NULL, some without a complete row, some large; one group
-- of NULLs only, and one of a single kind
CREATE TABLE school AS
SELECT i, i % 3 AS g, CASE WHEN i % 7 > 0 THEN c END AS c
FROM (SELECT i, sipp.rename(sipp.cohort(CASE WHEN i % 11 > 0 THEN sin(i * k) + i % 13 END, x, z, f), 'x', 'z', 'f') AS c
	  FROM generate_series(1, 2000) i, LATERAL (SELECT k, cos(i + k) AS x, (k * i % 17)::float8 AS z, chr(97 + (i + k) % 4) AS f FROM generate_series(1, 3 + i % 5) k) p GROUP BY i) s;
INSERT INTO school SELECT i, 3, NULL FROM generate_series(2001, 2300) i;
ALTER TABLE school SET (parallel_workers = 4);
ANALYZE school;

-- What each call gives, by group and for all; a model's text says all that it has.
CREATE FUNCTION fits(source text) RETURNS TABLE (call text, g int, m text) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH call IN ARRAY ARRAY['sipp.value_added(c)', 'sipp.value_added_ml(c)', 'sipp.value_added(c, ''x'')', 'sipp.value_added_ml(c, ''z'', ''x'')', 'sipp.merge(c)'] LOOP
		RETURN QUERY EXECUTE format('SELECT %L::text, g, %s::text FROM %s GROUP BY g UNION ALL SELECT %1$L, NULL, %2$s::text FROM %3$s', call, call, source);
	END LOOP;
END $$;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial AS SELECT * FROM fits('school');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 4;
SET parallel_leader_participation = off;
SELECT call, plan_has('SELECT ' || call || ' FROM school', 'Partial Aggregate') AS partial, plan_has('SELECT g, ' || call || ' FROM school GROUP BY g', 'Partial') AS grouped
FROM (SELECT DISTINCT call FROM serial) s ORDER BY call COLLATE "C";
CREATE TABLE parallel AS SELECT * FROM fits('school');
SET parallel_leader_participation = on;
CREATE TABLE together AS SELECT * FROM fits('school');
RESET parallel_leader_participation; RESET max_parallel_workers_per_gather;
SELECT count(*), bool_and(s.m IS NOT DISTINCT FROM p.m AND s.m IS NOT DISTINCT FROM t.m) AS same_models, count(*) FILTER (WHERE s.m IS NULL) AS nulls
FROM serial s JOIN parallel p ON p.call = s.call AND p.g IS NOT DISTINCT FROM s.g JOIN together t ON t.call = s.call AND t.g IS NOT DISTINCT FROM s.g
WHERE s.call <> 'sipp.merge(c)';
SELECT count(*), string_agg(DISTINCT same(s.m::sipp.cohort, p.m::sipp.cohort), '; ') AS merged
FROM serial s JOIN parallel p ON p.call = s.call AND p.g IS NOT DISTINCT FROM s.g WHERE s.call = 'sipp.merge(c)' AND s.m IS NOT NULL;
-- all are accounted for: NULL cohorts, those without a complete row, schools, dropped rows
SELECT p.call, bool_and((f).schools = want.schools AND (f).empty_schools = want.empty AND (f).pupils = want.pupils AND (f).dropped = want.dropped) AS accounted
FROM (SELECT *, sipp.fit_summary(m::sipp.model) AS f FROM parallel WHERE call <> 'sipp.merge(c)' AND m IS NOT NULL) p,
	 LATERAL (SELECT count(*) FILTER (WHERE sipp.size(c) > 0) AS schools, count(*) FILTER (WHERE c IS NULL OR sipp.size(c) = 0) AS empty,
					 sum(sipp.size(c)) AS pupils, sum(sipp.dropped(c)) AS dropped FROM school WHERE school.g = coalesce(p.g, school.g)) want
GROUP BY p.call ORDER BY p.call COLLATE "C";
SELECT (f).empty_schools FROM (SELECT sipp.fit_summary(m::sipp.model) AS f FROM parallel WHERE call = 'sipp.value_added(c)' AND g IS NULL) s;

-- workers that had no row at all, before and after one that had
SET max_parallel_workers_per_gather = 4; SET parallel_leader_participation = off;
SELECT r, c OPERATOR(sipp.=) (SELECT sipp.value_added(c) FROM school WHERE i BETWEEN r AND r + 19) AS model, same(m, (SELECT sipp.merge(c) FROM school WHERE i BETWEEN r AND r + 19)) AS merged
FROM (SELECT unnest('{1,250,500,750,1000,1250,1500,1750}'::int[]) AS r,
			 unnest(ARRAY[sipp.value_added(c) FILTER (WHERE i BETWEEN 1 AND 20), sipp.value_added(c) FILTER (WHERE i BETWEEN 250 AND 269),
						  sipp.value_added(c) FILTER (WHERE i BETWEEN 500 AND 519), sipp.value_added(c) FILTER (WHERE i BETWEEN 750 AND 769),
						  sipp.value_added(c) FILTER (WHERE i BETWEEN 1000 AND 1019), sipp.value_added(c) FILTER (WHERE i BETWEEN 1250 AND 1269),
						  sipp.value_added(c) FILTER (WHERE i BETWEEN 1500 AND 1519), sipp.value_added(c) FILTER (WHERE i BETWEEN 1750 AND 1769)]) AS c,
			 unnest(ARRAY[sipp.merge(c) FILTER (WHERE i BETWEEN 1 AND 20), sipp.merge(c) FILTER (WHERE i BETWEEN 250 AND 269),
						  sipp.merge(c) FILTER (WHERE i BETWEEN 500 AND 519), sipp.merge(c) FILTER (WHERE i BETWEEN 750 AND 769),
						  sipp.merge(c) FILTER (WHERE i BETWEEN 1000 AND 1019), sipp.merge(c) FILTER (WHERE i BETWEEN 1250 AND 1269),
						  sipp.merge(c) FILTER (WHERE i BETWEEN 1500 AND 1519), sipp.merge(c) FILTER (WHERE i BETWEEN 1750 AND 1769)]) AS m
	  FROM school) s ORDER BY r;
RESET parallel_leader_participation; RESET max_parallel_workers_per_gather;

-- slopes that differ, in one row of many
SELECT fails(format($$SELECT sipp.value_added(c, VARIADIC CASE WHEN i = %s THEN ARRAY['z'] ELSE ARRAY['x'] END) FROM school$$, i)) LIKE '22023 argument "slopes" of sipp.value_added must be the same in every row%' AS refused
FROM unnest('{1,1000,2300}'::int[]) i;
SELECT fails($$SELECT sipp.value_added(c, VARIADIC CASE WHEN i = 1500 THEN ARRAY['x', 'z'] ELSE ARRAY['x'] END) FROM school$$) LIKE '22023 argument "slopes"%' AS refused;
-- slopes of schools that are all NULL are still compared: two groups that differ
SELECT fails($$SELECT sipp.value_added(c, VARIADIC CASE WHEN i > 2150 THEN ARRAY['z'] ELSE ARRAY['x'] END) FROM school WHERE g = 3$$) LIKE '22023 argument "slopes"%' AS refused;
SELECT fails($$SELECT sipp.value_added(c, VARIADIC ARRAY['x', 'nosuch']) FROM school$$);

-- cohorts of 150 kB, which have memory of their own
CREATE TABLE big AS
SELECT school, sipp.rename(sipp.cohort_array(cos(i * i) + school, ARRAY(SELECT sin(i * k) + k FROM generate_series(1, 190) k), '{}'), VARIADIC ARRAY(SELECT 'x' || k FROM generate_series(1, 190) k)) AS c
FROM generate_series(1, 8) school, generate_series(school * 100, school * 100 + 40) i GROUP BY school;
INSERT INTO big SELECT school, c FROM big UNION ALL SELECT NULL, NULL FROM generate_series(1, 20000);
ALTER TABLE big SET (parallel_workers = 2);
ANALYZE big;
SELECT max(length(sipp.cohort_send(c))) > 131072 AS large, count(c) FROM big;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE big_model AS SELECT sipp.value_added(c) AS m FROM big;
SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;
SELECT plan_has('SELECT sipp.value_added(c) FROM big', 'Partial Aggregate') AS partial,
	   (SELECT sipp.value_added(c) FROM big) OPERATOR(sipp.=) m AS same FROM big_model;
RESET parallel_leader_participation; RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

-- a growing frame: the state is read between rows and goes on; and so does a state of
-- cohorts in their working form
SELECT count(*), bool_and(m OPERATOR(sipp.=) (SELECT sipp.value_added(c) FROM school o WHERE o.i <= s.i + 10)) AS same
FROM (SELECT i, sipp.value_added(c) OVER (ORDER BY i ROWS BETWEEN UNBOUNDED PRECEDING AND 10 FOLLOWING) AS m FROM school WHERE i <= 60) s WHERE i <= 50;
CREATE AGGREGATE raw_state(float8, VARIADIC "any") (SFUNC = sipp.cohort_accum, STYPE = sipp.cohort);
SELECT sipp.value_added(raw) OPERATOR(sipp.=) sipp.value_added(finished) AS same
FROM (SELECT i % 30 AS k, raw_state(sin(i) + i % 30, cos(i), chr(97 + i % 3)) AS raw, sipp.rename(sipp.cohort(sin(i) + i % 30, cos(i), chr(97 + i % 3)), 'x1', 'x2') AS finished
	  FROM generate_series(1, 300) i GROUP BY 1) s;
