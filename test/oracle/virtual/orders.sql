/*
 * The same rows in another order, with little memory, compiled, in parallel: the same
 * picks, and figures to 1e-12.
 */
CREATE FUNCTION picks(source text) RETURNS TABLE (pupil_id bigint, picks bigint[], peers sipp.peers, near sipp.peers, far sipp.peers)
LANGUAGE plpgsql AS
$$
BEGIN
	RETURN QUERY EXECUTE format(
		'SELECT pupil_id, sipp.comparator_draw(pupil_id, school, authority, 10, 4) OVER w, sipp.comparator(tariff, school, authority, provider) OVER w,
				sipp.nearest_comparator(tariff, school, authority, prior, 10, 8) OVER w, sipp.comparator(far::float8, school, authority, provider) OVER w
		 FROM %s WHERE tariff IS NOT NULL
		 WINDOW w AS (PARTITION BY sex, asn, stage, simd_quintile)', source);
END
$$;

-- all that comes of pupils
CREATE FUNCTION schools(source text) RETURNS TABLE (school int, what text, figure jsonb)
LANGUAGE plpgsql AS
$$
BEGIN
	RETURN QUERY EXECUTE format(
		'SELECT s.school, v.what, v.figure
		 FROM (SELECT school, sipp.virtual_school(tariff, peers) AS v, sipp.virtual_school(p.far::float8, r.far) AS f, sipp.virtual_school(tariff, near, 3) AS n,
					  sipp.virtual_school_share(literacy, yes) AS s, sipp.balance(tariff, peers) AS b, sipp.balance(literacy, yes) AS l,
					  sipp.attainment_bands(tariff) AS a, sipp.attainment_bands(tariff, 1 + prior) AS w
			   FROM %s p JOIN results r USING (pupil_id) GROUP BY school) s,
			  LATERAL (VALUES (''virtual_school'', to_jsonb(s.v)), (''virtual_school, far from zero'', to_jsonb(s.f)),
							  (''virtual_school, nearest'', to_jsonb(s.n)), (''virtual_school_share'', to_jsonb(s.s)), (''balance'', to_jsonb(s.b)),
							  (''balance, yes or no'', to_jsonb(s.l)), (''attainment_bands'', to_jsonb(s.a)), (''attainment_bands, weights'', to_jsonb(s.w)))
							 v (what, figure)', source);
END
$$;

-- all figures of two results; one that is a difference is measured against what it is a difference of
CREATE FUNCTION same_figures(a jsonb, b jsonb) RETURNS float8
	RETURN (SELECT coalesce(max(CASE WHEN jsonb_typeof(x.value) = 'number' AND jsonb_typeof(y.value) = 'number'
									 THEN apart(x.value::float8, y.value::float8,
												CASE WHEN x.key IN ('difference', 'z', 'effect_size', 'smd', 'p_value', 'flip_risk')
												THEN abs(coalesce((b ->> 'actual')::float8, 1))
													 / CASE x.key WHEN 'difference' THEN 1 WHEN 'z' THEN (b ->> 'std_error')::float8
														WHEN 'effect_size' THEN abs((b ->> 'difference')::float8 / (b ->> 'effect_size')::float8)
														WHEN 'smd' THEN (b ->> 'sd')::float8 ELSE (b ->> 'std_error')::float8 END
												ELSE 0 END)
									 WHEN x.value = y.value THEN 0 ELSE 'Infinity' END), 'Infinity')
			FROM jsonb_each(a) x FULL JOIN jsonb_each(b) y USING (key));

CREATE TABLE results AS
SELECT r.*, yes FROM picks('pupil') r
	 JOIN (SELECT pupil_id, sipp.comparator(literacy, school, authority) OVER (PARTITION BY sex, asn, stage, simd_quintile) AS yes
		   FROM pupil WHERE tariff IS NOT NULL) p USING (pupil_id);
ALTER TABLE results ADD PRIMARY KEY (pupil_id);
ALTER TABLE results SET (parallel_workers = 4);
ALTER TABLE pupil SET (parallel_workers = 4);
ALTER TABLE shuffled SET (parallel_workers = 4);
SET max_parallel_workers_per_gather = 0;
CREATE TABLE figures AS SELECT * FROM schools('pupil');
RESET max_parallel_workers_per_gather;
ANALYZE results;

CREATE TABLE other_result (setting text, pupil_id bigint, picks bigint[], peers sipp.peers, near sipp.peers, far sipp.peers);
CREATE TABLE other_figure (setting text, school int, what text, figure jsonb);

SET work_mem = '64kB';
INSERT INTO other_result SELECT 'shuffled, little memory', * FROM picks('shuffled');
INSERT INTO other_figure SELECT 'shuffled, little memory', * FROM schools('shuffled');
RESET work_mem;

SET jit = on;
SET jit_above_cost = 0;
SET jit_inline_above_cost = 0;
SET jit_optimize_above_cost = 0;
INSERT INTO other_result SELECT 'compiled', * FROM picks('shuffled');
INSERT INTO other_figure SELECT 'compiled', * FROM schools('pupil');
SET jit = off;

SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers_per_gather = 3;
SET enable_hashagg = off;
INSERT INTO other_result SELECT 'in parallel', * FROM picks('shuffled');
INSERT INTO other_figure SELECT 'in parallel, sorted', * FROM schools('pupil');
SET enable_hashagg = on;
SET enable_sort = off;
INSERT INTO other_figure SELECT 'in parallel, hashed', * FROM schools('shuffled');
SET enable_sort = on;
-- is it what it says?
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP plan := plan || line || E'\n'; END LOOP;
	RETURN plan;
END
$$;
SELECT is_true('aggregates of pupils are partial', plan_of('SELECT school, sipp.virtual_school(tariff, peers), sipp.virtual_school_share(literacy, yes),
	sipp.balance(tariff, peers), sipp.attainment_bands(tariff, 1 + prior)
	FROM shuffled p JOIN results r USING (pupil_id) GROUP BY school') LIKE '%Partial%Aggregate%');
RESET min_parallel_table_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET max_parallel_workers_per_gather;

\echo 'the same whatever the plan'
SELECT is_true(setting || ': the same picks', count(*) > 4000 AND bool_and(a.picks = b.picks)),
	   agree(setting || ': comparator', count(*), greatest(max(apart(sipp.mean(a.peers), sipp.mean(b.peers))), max(apart(sipp.variance(a.peers), sipp.variance(b.peers))),
			 max(apart(sipp.mean(a.far), sipp.mean(b.far))), max(apart(sipp.variance(a.far), sipp.variance(b.far))))),
	   agree(setting || ': nearest_comparator', count(*), greatest(max(apart(sipp.pool(a.near), sipp.pool(b.near))), max(apart(sipp.mean(a.near), sipp.mean(b.near))),
			 max(apart(sipp.variance(a.near), sipp.variance(b.near))), max(apart((a.near::jsonb ->> 'sharing')::float8, (b.near::jsonb ->> 'sharing')::float8)))),
	   agree(setting || ': counts and units', count(*), max(CASE WHEN a.peers::jsonb - '{mean,variance}'::text[] = b.peers::jsonb - '{mean,variance}'::text[]
			 AND a.far::jsonb - '{mean,variance}'::text[] = b.far::jsonb - '{mean,variance}'::text[] THEN 0 ELSE 1 END), 0)
FROM other_result a JOIN results b USING (pupil_id) GROUP BY setting ORDER BY setting;
SELECT agree(format('%s: %s', setting, what), count(*), max(same_figures(a.figure, b.figure)))
FROM other_figure a JOIN figures b USING (what)
WHERE a.school IS NOT DISTINCT FROM b.school
GROUP BY setting, what ORDER BY setting, what;
