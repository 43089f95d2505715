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
