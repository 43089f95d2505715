--
-- What the tests of rooms school to group share: a small nation of schools, and the yardsticks,
-- distances and scores of its pairs by brute force, from the formulas of the manual.
--
-- Included at the head of a test; everything lives in schema n, made afresh.
--
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS n CASCADE;
CREATE SCHEMA n;
SET search_path = n, public;
SET extra_float_digits = 0;		-- what any client may have
SET jit = off;					-- compiling takes longer than it saves
RESET client_min_messages;

-- A number from 0 to n - 1 that looks random and is the same everywhere.
CREATE FUNCTION noise(i bigint, salt text, n int) RETURNS int IMMUTABLE PARALLEL SAFE
RETURN ('x' || substr(md5(i || salt), 1, 7))::bit(28)::int % n;

-- Equal to a relative tolerance (absolute below 1e-3); NULL equals NULL.
CREATE FUNCTION near(a float8, b float8, tol float8 DEFAULT 1e-12) RETURNS boolean IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
			ELSE abs(a - b) <= tol * greatest(1e-3, abs(a), abs(b)) END;

-- The error that a statement ends with: SQLSTATE, message, detail, hint.
CREATE FUNCTION fails(statement text) RETURNS text LANGUAGE plpgsql AS $$
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
END $$;

-- Does the plan of a query hold this node?
CREATE FUNCTION plan_has(query text, node text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%' || node || '%' THEN RETURN true; END IF;
	END LOOP;
	RETURN false;
END $$;

--
-- 64 schools: 44 secondaries and 20 primaries of 8 authorities, on a rough map of
-- Scotland.  Numbers are dyadic fractions.  Deprivation in five bands; two subjects,
-- not known of some schools, like the coordinates of a few.
--
CREATE TABLE nation AS
SELECT 'S' || lpad(i::text, 2, '0') AS id, CASE WHEN i <= 44 THEN 'secondary' ELSE 'primary' END AS sector,
	   'council ' || noise(i, 'authority', 8) AS authority,
	   CASE WHEN noise(i, 'trust', 4) = 0 THEN 'trust ' || noise(i, 'which trust', 4) END AS cluster,
	   (ARRAY['partner', 'lead', 'coasting', 'lead', 'either', 'partner', 'lead', 'none'])[1 + i % 8] AS role,
	   (noise(i, 'effect', 1000) - 500) / 1024.0::float8 + CASE i % 8 WHEN 1 THEN 0.5 WHEN 3 THEN 0.5 WHEN 6 THEN 0.5 ELSE -0.25 END AS effect,
	   (64 + noise(i, 'se', 128)) / 1024.0::float8 AS effect_se,
	   noise(i, 'fsm', 512) / 1024.0::float8 AS fsm, noise(i, 'asn', 400) / 1024.0::float8 + noise(i, 'fsm', 512) / 8192.0 AS asn,
	   (512 + noise(i, 'size', 1536)) / 256.0::float8 AS size,
	   (SELECT array_agg(w / 64.0::float8 ORDER BY b) FROM (
			SELECT b, CASE WHEN b < 5 THEN noise(i, 'band' || b, 16) ELSE 64 - (SELECT sum(noise(i, 'band' || c, 16)) FROM generate_series(1, 4) c) END AS w
			FROM generate_series(1, 5) b) s) AS deprivation,
	   CASE WHEN noise(i, 'no subject', 6) > 0 THEN ARRAY[(noise(i, 'maths', 1000) - 500) / 512.0::float8, (noise(i, 'english', 1000) - 500) / 512.0::float8] END AS subjects,
	   CASE WHEN noise(i, 'no subject', 6) > 0 THEN '{0.125,0.1875}'::float8[] END AS subjects_se,
	   CASE WHEN noise(i, 'no place', 9) > 0 THEN 55 + noise(i, 'lat', 256) / 64.0::float8 END AS lat,
	   CASE WHEN noise(i, 'no place', 9) > 0 THEN -6 + noise(i, 'lon', 256) / 64.0::float8 END AS lon,
	   1 + i % 3 AS capacity, CASE WHEN noise(i, 'excludes', 5) = 0 THEN ARRAY['S' || lpad((1 + noise(i, 'whom', 64))::text, 2, '0')] END AS excludes
FROM generate_series(1, 64) i;
UPDATE nation SET excludes = NULL WHERE excludes = ARRAY[id];

CREATE FUNCTION school(r nation) RETURNS sipp.school IMMUTABLE PARALLEL SAFE
RETURN sipp.school(id => r.id, sector => r.sector, authority => r.authority, cluster => r.cluster, role => r.role, effect => r.effect, effect_se => r.effect_se,
	context => ARRAY[r.fsm, r.asn, r.size], context_names => '{fsm,asn,size}', deprivation => r.deprivation, subjects => r.subjects,
	subjects_se => r.subjects_se, subject_names => '{maths,english}', lat => r.lat, lon => r.lon, capacity => r.capacity, excludes => r.excludes);

-- All schools as the functions take them; one school.
CREATE FUNCTION schools() RETURNS sipp.school[] STABLE
RETURN ARRAY(SELECT school(r) FROM nation r ORDER BY id COLLATE "C");
CREATE FUNCTION school(of text) RETURNS sipp.school STABLE
RETURN (SELECT school(r) FROM nation r WHERE id = of);

--
-- by brute force
--
-- the standard normal distribution and its density; Phi by its power series, or in
-- the tail by its continued fraction
CREATE FUNCTION phi(x float8) RETURNS float8 IMMUTABLE RETURN exp(-x * x / 2) / sqrt(2 * pi());
CREATE FUNCTION phi_below(x float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	term float8 := x;
	total float8 := x;
	f float8 := 0;
BEGIN
	IF abs(x) < 4 THEN
		FOR k IN 1 .. 120 LOOP
			term := term * x * x / (2 * k + 1);
			EXIT WHEN abs(term) < 1e-20;
			total := total + term;
		END LOOP;
		RETURN 0.5 + phi(x) * total;
	ELSIF abs(x) > 35 THEN
		RETURN CASE WHEN x > 0 THEN 1 ELSE 0 END;
	END IF;
	FOR k IN REVERSE 80 .. 1 LOOP
		f := k / (abs(x) + f);
	END LOOP;
	f := phi(x) / (abs(x) + f);
	RETURN CASE WHEN x > 0 THEN 1 - f ELSE f END;
END $$;

-- expected gap within 0 .. g as a share of g
CREATE FUNCTION psi(x float8) RETURNS float8 IMMUTABLE RETURN x * phi_below(x) + phi(x);
CREATE FUNCTION usable(m float8, s float8, g float8) RETURNS float8 IMMUTABLE
RETURN s / g * (psi(m / s) - psi((m - g) / s));

-- distance between profiles: integral of |F - G|, straight lines within bands
CREATE FUNCTION profile_distance(a float8[], b float8[]) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	p float8;
	q float8 := 0;
	w float8 := 0;
BEGIN
	FOR k IN 1 .. cardinality(a) LOOP
		p := q;
		q := CASE WHEN k = cardinality(a) THEN 0 ELSE p + a[k] - b[k] END;
		w := w + CASE WHEN p * q >= 0 THEN (abs(p) + abs(q)) / 2 ELSE (p * p + q * q) / (2 * (abs(p) + abs(q))) END / cardinality(a);
	END LOOP;
	RETURN w;
END $$;

CREATE FUNCTION spread(x float8[]) RETURNS float8 IMMUTABLE
RETURN (SELECT (percentile_cont(0.75) WITHIN GROUP (ORDER BY v) - percentile_cont(0.25) WITHIN GROUP (ORDER BY v)) / 1.349 FROM unnest(x) v);

-- great-circle kilometres, by the spherical law of cosines in its stable (vector) form
CREATE FUNCTION kilometres(lat1 float8, lon1 float8, lat2 float8, lon2 float8) RETURNS float8 IMMUTABLE STRICT
RETURN 6371.0088 * atan2(
	sqrt((cosd(lat2) * sind(lon2 - lon1)) ^ 2 + (cosd(lat1) * sind(lat2) - sind(lat1) * cosd(lat2) * cosd(lon2 - lon1)) ^ 2),
	sind(lat1) * sind(lat2) + cosd(lat1) * cosd(lat2) * cosd(lon2 - lon1));
