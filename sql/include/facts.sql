--
-- What the tests of room cohort share: the figures of a cohort as rows, the same
-- figures by brute force over the pupils, and comparison with a tolerance.
--
-- Included at the head of a test; everything lives in schema t, made afresh.
--
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS t CASCADE;
CREATE SCHEMA t;
SET search_path = t, public;
SET extra_float_digits = 1;
RESET client_min_messages;

-- One figure, and what its rounding is measured against.
CREATE TYPE fact AS (what text, value float8, scale float8);

-- Names two columns of a symmetric figure in one order.
CREATE FUNCTION pair(a text, b text) RETURNS text IMMUTABLE
RETURN CASE WHEN a COLLATE "C" < b THEN a || ' & ' || b ELSE b || ' & ' || a END;

CREATE FUNCTION floats(a jsonb) RETURNS float8[] IMMUTABLE
RETURN ARRAY(SELECT x::float8 FROM jsonb_array_elements_text(a) x);

-- Every figure of a cohort, out of its documented text form.
CREATE FUNCTION facts(c sipp.cohort) RETURNS SETOF fact LANGUAGE plpgsql AS
$$
DECLARE
	j jsonb := c::jsonb;
	num text[] := '{(outcome)}';
	lev text[] := '{}';			-- all levels of all factors
	own int[] := '{}';			-- the factor of each
	first int[] := '{}';		-- the place of each factor's first level
	n float8[];
	cross_ float8[];
	lsum float8[];
	cells float8[];
	lw float8[];
	lrows float8[];
	at int := 0;
	nf int := 0;
	w float8 := coalesce((j->>'weight')::float8, (j->>'rows')::float8);
	term jsonb;
BEGIN
	FOR term IN SELECT * FROM jsonb_array_elements(j->'terms') LOOP
		IF term->>'kind' = 'number' THEN
			num := num || (term->>'name');
		ELSIF term->>'kind' = 'shares' THEN
			num := num || ARRAY(SELECT term->>'name' || '=' || l
								FROM jsonb_array_elements_text(term->'levels') l);
		ELSE
			nf := nf + 1;
			first := first || (cardinality(lev) + 1);
			lev := lev || ARRAY(SELECT term->>'name' || '=' || l
								FROM jsonb_array_elements_text(term->'levels') l);
			own := own || array_fill(nf, ARRAY[jsonb_array_length(term->'levels')]);
		END IF;
	END LOOP;
	RETURN NEXT ('rows', j->'rows', 1)::fact;
	RETURN NEXT ('dropped', j->'dropped', 1)::fact;
	IF (j->>'rows')::bigint = 0 THEN
		RETURN;
	END IF;
	RETURN NEXT ('weight', w, w)::fact;
	IF j ? 'sum_log_weight' THEN
		RETURN NEXT ('sum_log_weight', j->'sum_log_weight', j->'rows')::fact;
	END IF;
	n := floats(j->'mean');
	cross_ := floats(j->'cross');
	lsum := floats(j->'level_sum');
	lrows := floats(j->'level_rows');
	lw := CASE WHEN j ? 'level_weight' THEN floats(j->'level_weight')
			   ELSE lrows END;
	cells := floats(j->'cells');
	FOR i IN 1 .. cardinality(num) LOOP
		RETURN NEXT ('mean ' || num[i], n[i],
					 greatest(abs(n[i]), sqrt(cross_[i * (i + 1) / 2] / w)))::fact;
		FOR k IN 1 .. i LOOP
			at := at + 1;
			RETURN NEXT ('cross ' || pair(num[i], num[k]), cross_[at],
						 sqrt(cross_[i * (i + 1) / 2]) * sqrt(cross_[k * (k + 1) / 2]))::fact;
		END LOOP;
	END LOOP;
	FOR l IN 1 .. cardinality(lev) LOOP
		RETURN NEXT ('rows ' || lev[l], lrows[l], 1)::fact;
		RETURN NEXT ('weight ' || lev[l], lw[l], w)::fact;
		FOR i IN 1 .. cardinality(num) LOOP
			RETURN NEXT ('sum ' || lev[l] || ' of ' || num[i],
						 lsum[(l - 1) * cardinality(num) + i],
						 sqrt(cross_[i * (i + 1) / 2] * lw[l]))::fact;
		END LOOP;
	END LOOP;
	at := 0;
	FOR f IN 2 .. nf LOOP
		FOR g IN 1 .. f - 1 LOOP
			FOR a IN 1 .. cardinality(lev) LOOP
				CONTINUE WHEN own[a] <> f;
				FOR b IN 1 .. cardinality(lev) LOOP
					CONTINUE WHEN own[b] <> g;
					at := at + 1;
					IF cells[at] <> 0 THEN
						RETURN NEXT ('cell ' || pair(lev[a], lev[b]), cells[at], w)::fact;
					END IF;
				END LOOP;
			END LOOP;
		END LOOP;
	END LOOP;
END
$$;

-- The same by brute force and in numeric: the columns numbers and factors of
-- "from" (a table, or a subquery in parentheses); a cast may follow a name.
CREATE FUNCTION brute("from" text, outcome text, numbers text[] DEFAULT '{}',
					  factors text[] DEFAULT '{}', weight text DEFAULT NULL)
RETURNS SETOF fact LANGUAGE plpgsql AS
$$
DECLARE
	num text[] := '{(outcome)}' || ARRAY(SELECT split_part(x, '::', 1) FROM unnest(numbers) x);
	fac text[] := ARRAY(SELECT split_part(x, '::', 1) FROM unnest(factors) x);
	expr text[] := outcome || ARRAY(SELECT regexp_replace(x, '^([^:]*)', '"\1"') FROM unnest(numbers) x);
	used text[] := expr || factors || weight;
	complete text := (SELECT string_agg(format('(%s) IS NOT NULL', u), ' AND ')
					  FROM unnest(used) u WHERE u IS NOT NULL);
	n numeric;
	total numeric;
	mean numeric[];
	var numeric[];
	value numeric;
	r record;
BEGIN
	EXECUTE format('CREATE TEMP TABLE brute_row AS SELECT (%s)::numeric AS w,
				   ARRAY[%s]::numeric[] AS v, ARRAY[%s]::text[] AS l FROM %s q WHERE %s',
				   coalesce(weight, '1'), array_to_string(expr, ','),
				   array_to_string(ARRAY(SELECT '(' || f || ')::text' FROM unnest(factors) f), ','),
				   "from", complete);
	EXECUTE format('SELECT count(*) FROM %s q WHERE NOT (%s)', "from", complete) INTO value;
	RETURN NEXT ('dropped', value, 1)::fact;
	SELECT count(*), sum(b.w) INTO n, total FROM brute_row b;
	RETURN NEXT ('rows', n, 1)::fact;
	IF n > 0 THEN
		RETURN NEXT ('weight', total, total)::fact;
		IF weight IS NOT NULL THEN
			SELECT sum(ln(b.w)) INTO value FROM brute_row b;
			RETURN NEXT ('sum_log_weight', value, n)::fact;
		END IF;
		FOR i IN 1 .. cardinality(num) LOOP
			SELECT sum(b.w * v[i]) / total INTO value FROM brute_row b;
			mean := mean || value;
			SELECT sum(b.w * (v[i] - mean[i]) ^ 2) INTO value FROM brute_row b;
			var := var || value;
			RETURN NEXT ('mean ' || num[i], mean[i], greatest(abs(mean[i]), sqrt(var[i] / total)))::fact;
			FOR k IN 1 .. i LOOP
				SELECT sum(b.w * (v[i] - mean[i]) * (v[k] - mean[k])) INTO value FROM brute_row b;
				RETURN NEXT ('cross ' || pair(num[i], num[k]), value,
							 sqrt(var[i]) * sqrt(var[k]))::fact;
			END LOOP;
		END LOOP;
		FOR f IN 1 .. cardinality(fac) LOOP
			FOR r IN SELECT l[f] AS level, count(*) AS n, sum(b.w) AS w FROM brute_row b GROUP BY 1 LOOP
				RETURN NEXT (format('rows %s=%s', fac[f], r.level), r.n, 1)::fact;
				RETURN NEXT (format('weight %s=%s', fac[f], r.level), r.w, total)::fact;
			END LOOP;
			FOR i IN 1 .. cardinality(num) LOOP
				FOR r IN SELECT l[f] AS level, sum(b.w * (v[i] - mean[i])) AS s, sum(b.w) AS w
						 FROM brute_row b GROUP BY 1 LOOP
					RETURN NEXT (format('sum %s=%s of %s', fac[f], r.level, num[i]), r.s,
								 sqrt(var[i] * r.w))::fact;
				END LOOP;
			END LOOP;
			FOR g IN 1 .. f - 1 LOOP
				FOR r IN SELECT l[f] AS a, l[g] AS b, sum(b.w) AS w FROM brute_row b GROUP BY 1, 2 LOOP
					RETURN NEXT ('cell ' || pair(fac[f] || '=' || r.a, fac[g] || '=' || r.b),
								 r.w, total)::fact;
				END LOOP;
			END LOOP;
		END LOOP;
	END IF;
	DROP TABLE brute_row;
END
$$;

-- The first differences of two sets of figures, or how many agree.
CREATE FUNCTION compare(a fact[], b fact[], tolerance float8 DEFAULT 1e-12)
RETURNS text LANGUAGE sql AS
$$
	SELECT coalesce(
		(SELECT string_agg(format('%s: %s is not %s', coalesce(x.what, y.what), x.value, y.value), E'\n')
		 FROM (SELECT * FROM unnest(a) x FULL JOIN unnest(b) y ON x.what = y.what
			   WHERE (abs(x.value - y.value) <= tolerance * y.scale) IS NOT TRUE
			   ORDER BY coalesce(x.what, y.what) COLLATE "C" LIMIT 5) d (xw, xv, xs, yw, yv, ys),
			 LATERAL (SELECT xw AS what, xv AS value) x, LATERAL (SELECT yw AS what, yv AS value) y),
		cardinality(b) || ' figures agree')
$$;

-- Do two cohorts say the same?
CREATE FUNCTION same(a sipp.cohort, b sipp.cohort, tolerance float8 DEFAULT 1e-12)
RETURNS text LANGUAGE sql AS
$$ SELECT compare(ARRAY(SELECT facts(a)), ARRAY(SELECT facts(b)), tolerance) $$;

-- Does a cohort say what brute force says?
CREATE FUNCTION same_as_brute(c sipp.cohort, "from" text, outcome text, numbers text[] DEFAULT '{}',
							  factors text[] DEFAULT '{}', weight text DEFAULT NULL,
							  tolerance float8 DEFAULT 1e-12)
RETURNS text LANGUAGE sql AS
$$ SELECT compare(ARRAY(SELECT facts(c)),
				  ARRAY(SELECT brute("from", outcome, numbers, factors, weight)), tolerance) $$;

-- The names of a cohort's terms.
CREATE FUNCTION names(c sipp.cohort) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(t->>'name', ', ') FROM jsonb_array_elements(c::jsonb->'terms') t $$;

-- Are these the levels that a text form has, and in this order?
CREATE FUNCTION levels(c sipp.cohort, term text) RETURNS text LANGUAGE sql AS
$$ SELECT array_to_string(ARRAY(SELECT jsonb_array_elements_text(t->'levels')), ', ')
   FROM jsonb_array_elements(c::jsonb->'terms') t WHERE t->>'name' = term $$;

-- Text and binary form come back the same, byte by byte.
CREATE FUNCTION round_trip(c sipp.cohort) RETURNS boolean LANGUAGE sql AS
$$ SELECT c::text::sipp.cohort OPERATOR(sipp.=) c AND c::text::sipp.cohort::text = c::text
		  AND sipp.cohort_send(c::text::sipp.cohort) = sipp.cohort_send(c) $$;

-- The error that a statement ends with: SQLSTATE, message, detail, hint.
CREATE FUNCTION fails(statement text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	state text;
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n  ', state || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END
$$;

-- Does the plan of a query have a node like this?
CREATE FUNCTION plan_has(query text, node text) RETURNS boolean LANGUAGE plpgsql AS
$$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF, VERBOSE OFF) ' || query LOOP
		IF line LIKE '%' || node || '%' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END
$$;

-- A number from 0 to n - 1 that looks random and is the same everywhere.
CREATE FUNCTION noise(i bigint, salt text, n int) RETURNS int IMMUTABLE
RETURN ('x' || substr(md5(i || salt), 1, 7))::bit(28)::int % n;

-- Pupils with a column of every type that a cohort takes.  Numbers are dyadic
-- fractions, so that float8 and numeric hold the same value.
CREATE TYPE stage AS ENUM ('S6', 'S4', 'S5');
CREATE DOMAIN decile AS int CHECK (value BETWEEN 1 AND 10);
CREATE DOMAIN label AS varchar(20);
CREATE DOMAIN leaving AS stage NOT NULL;
CREATE TABLE pupil (
	id int, school int, y float8, passed boolean, w float8,
	i2 int2, i4 int4, i8 int8, r4 float4, r8 float8, num numeric, asn boolean, dec decile,
	txt text, vc varchar(10), bp char(6), ch "char", st stage, lab label, lev leaving
);
INSERT INTO pupil
SELECT i, noise(i, 'school', 20),
	   CASE WHEN noise(i, 'y0', 50) > 0 THEN noise(i, 'y', 4000) / 4.0 + noise(i, 'school', 20) END,
	   noise(i, 'y', 3) = 0, (1 + noise(i, 'w', 64)) / 8.0,
	   noise(i, 'i2', 200) - 100, noise(i, 'i4', 100000), noise(i, 'i8', 1000) * 10000000::bigint,
	   noise(i, 'r4', 1000) / 16.0, noise(i, 'r8', 100000) / 1024.0 - 40,
	   (noise(i, 'num', 1000) / 8.0)::numeric, noise(i, 'asn', 3) = 0, 1 + noise(i, 'dec', 10),
	   CASE WHEN noise(i, 'txt0', 40) > 0 THEN 'level ' || noise(i, 'txt', 7) END,
	   chr(97 + noise(i, 'vc', 4)), repeat('x', noise(i, 'bp', 4)), chr(65 + noise(i, 'ch', 3))::"char",
	   (enum_range(NULL::stage))[1 + noise(i, 'st', 3)],
	   chr(233 + noise(i, 'lab', 3)), (enum_range(NULL::stage))[1 + noise(i, 'lev', 2)]
FROM generate_series(1, 2000) i;
ANALYZE pupil;
