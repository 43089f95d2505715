/*
 * What the comparisons share, and the pupils.
 */
CREATE SCHEMA virtual_oracle;
SET search_path = virtual_oracle;
SET jit = off;

-- Relative difference of a figure from what it should be; an absent one is equal to
-- an absent one only.  scale: what rounding is measured against if the figure is smaller.
CREATE FUNCTION apart(a float8, b float8, scale float8 DEFAULT 0) RETURNS float8
	IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN a IS NULL AND b IS NULL OR a = b THEN 0
				WHEN a IS NULL OR b IS NULL THEN 'Infinity'
				ELSE coalesce(abs(a - b) / nullif(greatest(abs(b), scale), 0), 'Infinity') END;

-- All of some comparisons must be within the tolerance, and there must be some.
CREATE FUNCTION agree(what text, compared bigint, worst float8, tolerance float8 DEFAULT 1e-12) RETURNS text
	RETURN format('%s %s: %s compared, worst %s, allowed %s',
				  CASE WHEN compared > 0 AND worst <= tolerance THEN 'ok    ' ELSE 'FAILED' END,
				  what, compared, coalesce(to_char(worst, '9.9EEEE'), 'absent'), tolerance);

-- A negative control: comparing with something else must be seen to fail.
CREATE FUNCTION disagree(what text, compared bigint, worst float8, tolerance float8 DEFAULT 1e-12) RETURNS text
	RETURN format('%s negative control, %s: %s compared, worst %s, more than %s',
				  CASE WHEN compared > 0 AND worst > tolerance THEN 'ok    ' ELSE 'FAILED' END,
				  what, compared, coalesce(to_char(worst, '9.9EEEE'), 'absent'), tolerance);

CREATE FUNCTION is_true(what text, yes boolean, figure text DEFAULT NULL) RETURNS text
	RETURN format('%s %s%s', CASE WHEN yes THEN 'ok    ' ELSE 'FAILED' END, what, ': ' || figure);

CREATE FUNCTION noise(id bigint, salt text) RETURNS int
	IMMUTABLE PARALLEL SAFE
	RETURN ('x' || substr(md5(id || salt), 1, 7))::bit(28)::int;

/*
 * The nation's leavers, and 25 pupils who are an authority each.  trust, provider
 * and course are keys across authorities and schools; some keys are missing.
 * tariff is whole; far is so far from zero that raw sums of squares are useless, and
 * numeric, as the cast from float8 would round; in float8 it is the same number.
 */
CREATE TABLE pupil AS
SELECT pupil_id, school, authority, trust, provider, course,
	   sex, asn, stage, simd_quintile, simd_vigintile, noise(pupil_id, 'cell') % 50 AS crowd,
	   tariff, 1e9 + tariff::numeric * .0009765625 AS far, literacy,
	   -- prior is in tenths, so that binary fractions make near-ties; half points make ties
	   prior, floor(prior / 8) / 2 AS coarse
FROM (SELECT pupil_id, CASE WHEN noise(pupil_id, 'school') % 60 > 0 THEN school_id END AS school,
			 CASE WHEN noise(pupil_id, 'authority') % 60 > 0 THEN authority END AS authority,
			 'trust ' || school_id % 7 AS trust, noise(pupil_id, 'provider') % 9 AS provider, noise(pupil_id, 'course') % 5 AS course,
			 sex, asn, stage, simd_quintile, simd_vigintile, tariff, literacy, prior
	  FROM virtual_nation.leaver
	  UNION ALL
	  SELECT -i, 100000 + i, 'home ' || i, 'trust ' || i % 7, i % 9, i % 5, CASE i % 2 WHEN 0 THEN 'F' ELSE 'M' END, i % 3 = 0,
			 'S' || 4 + i % 3, 1 + i % 5, 1 + i % 20, 100 * i, i % 2 = 0, i * 10
	  FROM generate_series(1, 25) i) p;
ANALYZE pupil;

-- the same rows in another order
CREATE TABLE shuffled AS SELECT * FROM pupil ORDER BY md5(pupil_id::text);
ANALYZE shuffled;

/*
 * The pools by brute force: every pupil of the cell against every other.  cell is a
 * list of columns, the first of the keys is the unit.
 */
CREATE FUNCTION brute(outcome text, cell text, VARIADIC keys text[])
RETURNS TABLE (pupil_id bigint, pool bigint, mean numeric, variance numeric, own bigint, total bigint)
LANGUAGE plpgsql AS
$$
BEGIN
	RETURN QUERY EXECUTE format(
		'WITH k AS MATERIALIZED (SELECT *, count(y) OVER (PARTITION BY cell, k1) AS own, count(y) OVER (PARTITION BY cell) AS total
								 FROM (SELECT pupil_id, (%1$s)::numeric AS y, dense_rank() OVER (ORDER BY %2$s) AS cell, %3$s
									   FROM pupil) p)
		 SELECT p.pupil_id, count(q.y), avg(q.y), var_samp(q.y), p.own, p.total
		 FROM k p LEFT JOIN k q ON q.cell = p.cell AND q.y IS NOT NULL AND %4$s
		 GROUP BY p.pupil_id, p.own, p.total',
		outcome, cell,
		(SELECT string_agg(format('%s AS k%s', k, n), ', ') FROM unnest(keys) WITH ORDINALITY u (k, n)),
		(SELECT string_agg(format('q.k%s IS DISTINCT FROM p.k%s', n, n), ' AND ') FROM unnest(keys) WITH ORDINALITY u (k, n)));
END
$$;

-- the same by the window function
CREATE FUNCTION ours(outcome text, cell text, VARIADIC keys text[])
RETURNS TABLE (pupil_id bigint, peers sipp.peers)
LANGUAGE plpgsql AS
$$
BEGIN
	RETURN QUERY EXECUTE format('SELECT pupil_id, sipp.comparator(%s, %s) OVER (PARTITION BY %s) FROM shuffled',
								outcome, array_to_string(keys, ', '), cell);
END
$$;
