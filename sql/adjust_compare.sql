--
-- sipp.compare of models that know the order of an enum's levels to different extents.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/facts.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE TYPE phase AS ENUM ('S6', 'S4', 'S5');
-- each school's years have one level each: only together do pupils show the order
CREATE TABLE phased AS
SELECT i, i % 12 AS school, sin(i) * 3 + i % 12 + i % 3 AS y, cos(i) AS x, (enum_range(NULL::phase))[1 + i / 12 % 3] AS phase
FROM generate_series(1, 720) i;
CREATE TABLE fit AS
SELECT part.m AS part, whole.m AS whole, ml.m AS ml, none.m AS none
FROM (SELECT sipp.value_added(c) AS m FROM (SELECT school, sipp.merge(c) AS c FROM (SELECT school, phase, sipp.cohort(y, phase, x) AS c FROM phased GROUP BY 1, 2) s GROUP BY 1) s) part,
	 (SELECT sipp.value_added(c) AS m FROM (SELECT sipp.cohort(y, phase, x) AS c FROM phased GROUP BY school) s) whole,
	 (SELECT sipp.value_added_ml(c) AS m FROM (SELECT school, sipp.merge(c) AS c FROM (SELECT school, phase, sipp.cohort(y, phase, x) AS c FROM phased GROUP BY 1, 2) s GROUP BY 1) s) ml,
	 (SELECT sipp.value_added_ml(sipp.subset(c, 'x')) AS m FROM (SELECT sipp.cohort(y, phase, x) AS c FROM phased GROUP BY school) s) none;
SELECT part::jsonb->'terms'->0->'levels' AS part, part::jsonb->'terms'->0 ? 'before' AS open, whole::jsonb->'terms'->0->'levels' AS whole FROM fit;
-- the same model, either way round
SELECT c.chi2 < 1e-6 AS same, c.df, c.note FROM fit, sipp.compare(part, whole) c
UNION ALL SELECT c.chi2 < 1e-6, c.df, c.note FROM fit, sipp.compare(whole, part) c;
SELECT c.df, c.chi2 > 0 AS differs FROM fit, sipp.compare(ml, none) c;
-- what else may differ, in words
CREATE FUNCTION other(kind text) RETURNS sipp.model LANGUAGE sql AS $$
	SELECT sipp.value_added(CASE kind WHEN 'terms' THEN sipp.subset(c, 'x') WHEN 'order' THEN sipp.subset(c, 'x', 'phase') ELSE c END) FROM (
		SELECT sipp.cohort(y, phase, x) AS c FROM (
			SELECT school, y, x, replace(phase::text, 'S6', CASE kind WHEN 'levels' THEN 'S7' ELSE 'S6' END) AS phase FROM phased OFFSET 0) p GROUP BY school) s $$;
SELECT kind, fails(format('SELECT sipp.compare(%s, other(%L)) FROM fit', CASE kind WHEN 'kind' THEN 'whole' ELSE $$other('')$$ END, kind))
FROM unnest(ARRAY['kind', 'levels', 'terms', 'order']) kind;
