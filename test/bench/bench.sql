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
