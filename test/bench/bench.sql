/*
 * How the benchmark takes time: contenders run in turn, round after round, in one
 * session, each writing its result into a temporary table so that nothing of it
 * can be skipped; the smallest time of each counts, since whatever else the
 * machine does only adds to it.
 */
SET client_min_messages = warning;

CREATE TABLE contender (
	name		text PRIMARY KEY,
	query		text NOT NULL,
	workers		int NOT NULL
);

CREATE TABLE took (
	name		text NOT NULL REFERENCES contender,
	round		int NOT NULL,
	ms			float8 NOT NULL
);

-- Runs these contenders, "rounds" times and once before to warm up.
CREATE PROCEDURE race(rounds int, VARIADIC names text[]) LANGUAGE plpgsql AS $$
DECLARE
	c contender;
	began timestamptz;
	line text;
	planned int;
BEGIN
	-- nobody else's vacuum or checkpoint in between
	CHECKPOINT;
	FOR round IN 0 .. rounds LOOP
		FOR c IN SELECT contender.* FROM unnest(names) WITH ORDINALITY n (name, i) JOIN contender USING (name) ORDER BY i LOOP
			PERFORM set_config('max_parallel_workers_per_gather', c.workers::text, false);
			IF round = 0 THEN
				planned := 0;
				FOR line IN EXECUTE 'EXPLAIN ' || c.query LOOP
					planned := greatest(planned, substring(line FROM 'Workers Planned: (\d+)')::int);
				END LOOP;
				IF planned <> c.workers THEN
					RAISE EXCEPTION '% is planned with % workers', c.name, planned;
				END IF;
			END IF;
			began := clock_timestamp();
			EXECUTE 'CREATE TEMP TABLE outcome AS ' || c.query;
			IF round > 0 THEN
				INSERT INTO took VALUES (c.name, round, 1000 * extract(epoch FROM clock_timestamp() - began));
			END IF;
			DROP TABLE outcome;
			COMMIT;
		END LOOP;
	END LOOP;
	RESET max_parallel_workers_per_gather;
END
$$;

CREATE FUNCTION best(contender text) RETURNS float8 STABLE
	RETURN (SELECT min(ms) FROM took WHERE name = contender);

-- Everything from the table to the effects, as one query
CREATE FUNCTION pipeline(relation text, arguments text) RETURNS text IMMUTABLE
	RETURN format('WITH c AS MATERIALIZED (SELECT school_id, sipp.cohort(%s) AS cohort FROM %s GROUP BY school_id),
		m AS (SELECT sipp.value_added(cohort) AS model FROM c)
		SELECT school_id, e.* FROM c, m, LATERAL sipp.effect(cohort, model) e', arguments, relation);

CREATE FUNCTION sums(relation text) RETURNS text IMMUTABLE
	RETURN format('SELECT school_id, count(*), sum(y) AS y, sum(x1) AS x1, sum(x2) AS x2, sum(x3) AS x3, sum(x4) AS x4
		FROM %s GROUP BY school_id', relation);

/*
 * "millions" million pupils in 360 schools of unequal size, in no order: four
 * covariates, two float8 and two int, that explain half of the outcome, and a
 * school effect.  With "factors", what a national model has in addition.
 */
CREATE PROCEDURE make_pupils(relation text, millions int, factors boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE UNLOGGED TABLE %I AS
		SELECT school_id, 10 + 2 * x1 + x2 - x3 / 5.0 + x4 / 100.0 + u + 3 * e AS y, x1, x2, x3, x4%s
		FROM (SELECT floor(360 * (.3 * random() ^ 2 + .7 * random()))::int AS school_id,
					 random() + random() - 1 AS x1, 10 * random() * random() AS x2,
					 floor(12 * random())::int AS x3, floor(1000 * random())::int AS x4,
					 random() + random() + random() - 1.5 AS e
			  FROM generate_series(1, 1000000 * %s)
			  OFFSET 0) p
			 JOIN (SELECT school_id, random() + random() - 1 AS u FROM generate_series(0, 359) school_id OFFSET 0) s USING (school_id)',
		relation,
		CASE WHEN factors THEN ', x1 AS prior, random() < .38 AS asn, (1 + floor(10 * random()))::int::text AS simd_decile,
			CASE WHEN random() < .5 THEN ''female'' ELSE ''male'' END AS sex, 2020 + floor(5 * random())::int AS year' ELSE '' END,
		millions);
END
$$;

/*
 * "n" leavers of 360 schools in 32 authorities, in no order: 120 cells of
 * unequal size, a tariff, prior attainment.
 */
CREATE PROCEDURE make_leavers(relation text, n int) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE UNLOGGED TABLE %I AS
		SELECT pupil_id, school_id, ''Authority '' || school_id %% 32 AS authority, sex, asn, stage, simd, prior,
			   round((10 * prior + 300 * random())::numeric)::float8 AS tariff
		FROM (SELECT pupil_id::bigint, floor(360 * (.3 * random() ^ 2 + .7 * random()))::int AS school_id,
					 CASE WHEN random() < .5 THEN ''F'' ELSE ''M'' END AS sex, random() < .38 AS asn,
					 CASE WHEN random() < .13 THEN ''S4'' WHEN random() < .31 THEN ''S5'' ELSE ''S6'' END AS stage,
					 (1 + floor(10 * random()))::int AS simd, 100 * random() AS prior
			  FROM generate_series(1, %s) pupil_id
			  OFFSET 0) p', relation, n);
END
$$;

-- Ten random pupils of the cell, not of the authority, for every leaver: as it is usually written
CREATE FUNCTION usual_draw() RETURNS text IMMUTABLE
	RETURN 'SELECT l.pupil_id, d.pupil_id AS pick
		FROM leaver l, LATERAL (
			SELECT o.pupil_id FROM leaver o
			WHERE o.sex = l.sex AND o.asn = l.asn AND o.stage = l.stage AND o.simd = l.simd
				AND o.school_id <> l.school_id AND o.authority <> l.authority
			ORDER BY random() LIMIT 10) d';

/*
 * The same by sets: the rows of a cell are numbered, each leaver draws fourteen
 * random positions, which are joined back; the first ten that are allowed and
 * different are kept.
 */
CREATE FUNCTION tuned_draw() RETURNS text IMMUTABLE
	RETURN 'WITH numbered AS MATERIALIZED (
			SELECT pupil_id, school_id, authority, dense_rank() OVER (ORDER BY sex, asn, stage, simd) AS cell,
				   row_number() OVER (PARTITION BY sex, asn, stage, simd) AS position,
				   count(*) OVER (PARTITION BY sex, asn, stage, simd) AS n
			FROM leaver
		), tried AS MATERIALIZED (
			SELECT pupil_id, school_id, authority, cell, try, 1 + floor(random() * n)::bigint AS position
			FROM numbered, generate_series(1, 14) try
		), found AS (
			SELECT t.pupil_id, o.pupil_id AS pick, min(try) AS try
			FROM tried t JOIN numbered o USING (cell, position)
			WHERE o.school_id <> t.school_id AND o.authority <> t.authority
			GROUP BY t.pupil_id, o.pupil_id
		), ranked AS (
			SELECT pupil_id, pick, row_number() OVER (PARTITION BY pupil_id ORDER BY try) AS place FROM found
		)
		SELECT pupil_id, pick FROM ranked WHERE place <= 10';

/*
 * A nation of "n" partner schools and "n" leads of one sector in 32 authorities:
 * five circumstances, deprivation in ten bands, coordinates; effects of spread 5
 * with standard errors of 1 to 2, the leads' above 0 and the partners' below, so that
 * some pairs are not certain enough.
 */
CREATE PROCEDURE make_nation(relation text, n int, capacity int) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE UNLOGGED TABLE %I AS
		SELECT id, x, sipp.school(id, sector => ''secondary'', authority => ''Authority '' || floor(32 * r[1])::int, role => role,
			effect => CASE role WHEN ''lead'' THEN 1 ELSE -1 END * 5 * sqrt(-2 * ln(1 - r[2])) * abs(cos(pi() * r[3])),
			effect_se => 1 + r[4], context => x, lat => 55 + 3 * r[5], lon => -6 + 4 * r[6], capacity => %s,
			deprivation => ARRAY(SELECT (.1 + (5.5 - band) * (r[7] - .5) / 50) FROM generate_series(1, 10) band)) AS school
		FROM (SELECT CASE WHEN k <= %s THEN ''lead'' ELSE ''partner'' END AS role, ''school '' || k AS id,
					 ARRAY[z[1], z[1] + z[2], z[3], z[3] - z[2] + z[4], z[5]] AS x, r
			  FROM (SELECT k, ARRAY(SELECT random() + random() + random() - 1.5 + 0 * k FROM generate_series(1, 5)) AS z,
						   ARRAY(SELECT random() + 0 * k FROM generate_series(1, 7)) AS r
					FROM generate_series(1, 2 * %s) k
					OFFSET 0) d
			  OFFSET 0) s',
		relation, capacity, n, n);
END
$$;

-- Bytes that this backend has held at most
CREATE FUNCTION peak_memory() RETURNS bigint VOLATILE
	RETURN 1024 * substring(pg_read_file('/proc/self/status', 0, 10000) FROM 'VmHWM:\s+(\d+)')::bigint;

CREATE TABLE planned (
	name		text PRIMARY KEY,
	ms			float8 NOT NULL,
	grown		bigint NOT NULL,	-- what the backend needed more than before
	summary		jsonb NOT NULL
);

-- Makes a plan, once, in a session that has done nothing else; the SQL gives it.
CREATE PROCEDURE make_plan(name text, query text) LANGUAGE plpgsql AS $$
DECLARE
	before bigint := peak_memory();
	began timestamptz := clock_timestamp();
	plan sipp.plan;
	ms float8;
BEGIN
	EXECUTE query INTO plan;
	ms := 1000 * extract(epoch FROM clock_timestamp() - began);
	INSERT INTO planned VALUES (name, ms, peak_memory() - before, to_jsonb(sipp.plan_summary(plan)));
END
$$;

-- 6,194 schools, as many as California's, and their circumstances in units of weighted spread
CREATE PROCEDURE make_likeness() LANGUAGE plpgsql AS $$
BEGIN
	CREATE UNLOGGED TABLE likeness AS
	SELECT id, x, sipp.school(id, sector => 'one', context => x) AS school
	FROM (SELECT 'school ' || k AS id, ARRAY[z[1], z[1] + z[2], z[3], z[3] - z[2] + z[4], z[5]] AS x
		  FROM (SELECT k, ARRAY(SELECT random() + random() + random() - 1.5 + 0 * k FROM generate_series(1, 5)) AS z
				FROM generate_series(1, 6194) k
				OFFSET 0) d
		  OFFSET 0) s;
	CREATE TABLE factor AS
	SELECT array_agg(sqrt((scale -> 'weights' ->> v)::float8) / (scale -> 'sectors' -> 0 -> 'scales' ->> v)::float8 ORDER BY v) AS f
	FROM (SELECT sipp.context_scale(array_agg(school)) AS scale FROM likeness) x, unnest('{x1,x2,x3,x4,x5}'::text[]) v;
	CREATE UNLOGGED TABLE unit AS
	SELECT id, x[1] * f[1] AS a, x[2] * f[2] AS b, x[3] * f[3] AS c, x[4] * f[4] AS d, x[5] * f[5] AS e FROM likeness, factor;
END
$$;

/*
 * Each school's ten most alike as a self-join: circumstances scaled
 * beforehand, as columns, so that a pair costs five subtractions; each
 * school's ten are kept by a bounded sort.  Without sipp's shares and mutuality.
 */
CREATE FUNCTION similar_join() RETURNS text IMMUTABLE
	RETURN 'SELECT s.id AS school, n.rank, n.id AS neighbour, n.distance
		FROM unit s, LATERAL (
			SELECT o.id, sqrt(o.d2) AS distance, row_number() OVER (ORDER BY o.d2) AS rank
			FROM (SELECT u.id, (u.a - s.a) * (u.a - s.a) + (u.b - s.b) * (u.b - s.b) + (u.c - s.c) * (u.c - s.c) +
							   (u.d - s.d) * (u.d - s.d) + (u.e - s.e) * (u.e - s.e) AS d2
				  FROM unit u WHERE u.id <> s.id
				  ORDER BY d2 LIMIT 10) o) n';
