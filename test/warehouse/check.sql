/*
 * Is the generated warehouse what it claims to be?
 *
 *     psql -q -f test/warehouse/check.sql            (-v schema=... if renamed)
 *
 * Compares what is in the tables with the parameters that they were made from,
 * prints each figure with the range that it has to be in, and ends with an
 * error that names those outside.  Ranges of sampled figures are four standard
 * errors or wider; ranges of realism are checked where the parameters
 * are near their defaults.  It reads only, but for a temporary table.
 */
\set ON_ERROR_STOP on
\if :{?schema} \else \set schema warehouse \endif

BEGIN;
SET LOCAL search_path = :"schema";

-- a sampled figure's range depends on how much was sampled
SELECT max(value) FILTER (WHERE name = 'scale') AS scale,
	   max(value) FILTER (WHERE name = 'years') AS years,
	   max(value) FILTER (WHERE name = 'gradient') AS gradient,
	   max(value) FILTER (WHERE name = 'clustering') AS clustering,
	   max(value) FILTER (WHERE name = 'correlation') AS correlation,
	   max(value) FILTER (WHERE name = 'icc') AS icc,
	   max(value) FILTER (WHERE name = 'pupil_sd') AS pupil_sd,
	   max(value) FILTER (WHERE name = 'lasting_sd') AS lasting_sd,
	   max(value) FILTER (WHERE name = 'year_sd') AS year_sd,
	   greatest(1, round(max(value) FILTER (WHERE name = 'scale'))) AS copies,
	   max(value) FILTER (WHERE name = 'scale') >= 1 AS whole,
	   max(value) FILTER (WHERE name = 'scale') >= 1 AND
	   max(abs(value - 1)) FILTER (WHERE name = 'gradient') <= .1 AND
	   max(abs(value - .05)) FILTER (WHERE name = 'icc') <= .02 AND
	   max(abs(value)) FILTER (WHERE name = 'correlation') <= .3 AND
	   max(abs(value - .35)) FILTER (WHERE name = 'clustering') <= .2 AS realistic
FROM parameter \gset
SELECT count(*) AS schools FROM school \gset
SELECT count(*) AS pupils FROM leaver \gset

CREATE TEMP TABLE figure
(
	no			int GENERATED ALWAYS AS IDENTITY,
	name		text NOT NULL,
	low			float8 NOT NULL,
	value		float8,
	high		float8 NOT NULL
) ON COMMIT DROP;

/*
 * What is random: 200,000 draws of one stream
 */
CREATE TEMP TABLE draw ON COMMIT DROP AS
SELECT id, uniform(id, 101) AS u, uniform(id, 102) AS other_u, normal(id, 103) AS n, normal(id, 104) AS other_n
FROM generate_series(1, 200000) id;

INSERT INTO figure (name, low, value, high)
SELECT 'draws: uniform, mean', .5 - 4 * .289 / sqrt(200000), avg(u), .5 + 4 * .289 / sqrt(200000) FROM draw
UNION ALL
-- a weak hash shows in a few streams together, over consecutive ids
SELECT 'draws: ' || half || ', chi-square of 100 bins in 20 streams (df 1980)', 1980 - 4 * sqrt(2 * 1980.0), sum((n - 200.0) ^ 2) / 200,
	   1980 + 4 * sqrt(2 * 1980.0)
FROM (SELECT half, count(*) AS n
	  FROM generate_series(1, 20000) id, generate_series(201, 220) stream,
		   LATERAL (SELECT bits(id, stream) AS b OFFSET 0) h,
		   LATERAL (VALUES ('upper half', (b >> 32) & 4294967295), ('lower half', b & 4294967295)) v (half, x)
	  GROUP BY half, stream, x * 100 / 4294967296) b
GROUP BY half
UNION ALL
SELECT 'draws: normal, mean', -4 / sqrt(200000), avg(n), 4 / sqrt(200000) FROM draw
UNION ALL
SELECT 'draws: normal, variance', 1 - 4 * sqrt(2 / 200000.0), variance(n), 1 + 4 * sqrt(2 / 200000.0) FROM draw
UNION ALL
SELECT 'draws: normal, third moment', -4 * sqrt(15 / 200000.0), avg(n ^ 3), 4 * sqrt(15 / 200000.0) FROM draw
UNION ALL
SELECT 'draws: normal, fourth moment', 3 - 4 * sqrt(96 / 200000.0), avg(n ^ 4), 3 + 4 * sqrt(96 / 200000.0) FROM draw
UNION ALL
SELECT 'draws: uniform, correlation of two streams', -4 / sqrt(200000), corr(u, other_u), 4 / sqrt(200000) FROM draw
UNION ALL
SELECT 'draws: normal, correlation of two streams', -4 / sqrt(200000), corr(n, other_n), 4 / sqrt(200000) FROM draw
UNION ALL
SELECT 'draws: uniform, correlation of neighbouring ids', -4 / sqrt(200000), corr(u, before), 4 / sqrt(200000)
FROM (SELECT u, lag(u) OVER (ORDER BY id) AS before FROM draw) d
UNION ALL
SELECT 'draws: normal, correlation of neighbouring ids', -4 / sqrt(200000), corr(n, before), 4 / sqrt(200000)
FROM (SELECT n, lag(n) OVER (ORDER BY id) AS before FROM draw) d;

/*
 * The nation
 */
INSERT INTO figure (name, low, value, high)
SELECT 'authorities', 32 * :copies, count(*), 32 * :copies FROM authority
UNION ALL
SELECT 'data zones', 6976 * :copies, count(*), 6976 * :copies FROM data_zone
UNION ALL
SELECT 'schools', 360 * CASE WHEN :'whole' THEN :copies ELSE :scale END - CASE WHEN :'whole' THEN 0 ELSE 2 END, count(*),
	   360 * CASE WHEN :'whole' THEN :copies ELSE :scale END + CASE WHEN :'whole' THEN 0 ELSE 32 END
FROM school
UNION ALL
SELECT 'schools of Glasgow and Highland', 29, min(schools), 30
FROM authority WHERE :'whole' AND authority ~ '^(Glasgow City|Highland)' HAVING :'whole'
UNION ALL
SELECT 'most schools of an island authority', 1, max(schools), 3
FROM authority WHERE authority ~ '^(Na h-Eileanan Siar|Orkney|Shetland)'
UNION ALL
SELECT 'schools whose authority or number of leavers is not that of its pupils', 0, count(*), 0
FROM (SELECT school_id, count(*) AS n, min(l.authority) AS first, max(l.authority) AS last FROM leaver l GROUP BY 1) l
	 FULL JOIN school s USING (school_id)
	 FULL JOIN school_truth_observed t USING (school_id)
WHERE n IS DISTINCT FROM t.leavers OR first IS DISTINCT FROM s.authority OR last IS DISTINCT FROM s.authority
UNION ALL
SELECT 'schools without a catchment', 0, count(*), 0
FROM school WHERE school_id NOT IN (SELECT catchment FROM data_zone)
UNION ALL
SELECT 'schools outside the radius of their authority', 0, count(*), 0
FROM school s JOIN authority a USING (authority)
WHERE sqrt(((s.lat - a.lat) * 111.2) ^ 2 + ((s.lon - a.lon) * 111.2 * cos(radians(a.lat))) ^ 2) > a.radius_km + .1
UNION ALL
SELECT 'schools whose decile shares do not sum to 1', 0, count(*), 0
FROM school WHERE abs((SELECT sum(x) FROM unnest(simd_decile_shares) x) - 1) > 1e-12
UNION ALL
SELECT 'ranks that are not 1 to the number of zones', 0, count(*) FILTER (WHERE simd_rank <> r), 0
FROM (SELECT simd_rank, row_number() OVER (ORDER BY simd_rank) AS r FROM data_zone) z
UNION ALL
SELECT 'zones whose bands are not nested in the vigintile', 0, count(*), 0
FROM data_zone
WHERE simd_decile <> (simd_vigintile + 1) / 2 OR simd_quintile <> (simd_vigintile + 3) / 4
UNION ALL
SELECT 'largest less smallest vigintile, zones', 0, max(n) - min(n), 1
FROM (SELECT count(*) AS n FROM data_zone GROUP BY simd_vigintile) v
UNION ALL
SELECT 'leavers whose deprivation is not that of their zone', 0, count(*), 0
FROM leaver l LEFT JOIN data_zone z USING (data_zone)
WHERE (l.simd_rank, l.simd_vigintile, l.simd_decile, l.simd_quintile, l.authority)
	  IS DISTINCT FROM (z.simd_rank, z.simd_vigintile, z.simd_decile, z.simd_quintile, z.authority)
UNION ALL
SELECT 'leavers from outside the catchment, share', .05, avg((z.catchment <> l.school_id)::int), .1
FROM leaver l JOIN data_zone z USING (data_zone) HAVING :'whole'
UNION ALL
SELECT 'columns of numbers without a unit', 0, count(*), 0
FROM pg_attribute
WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = :'schema'::regnamespace AND relkind IN ('r', 'v')) AND
	  attnum > 0 AND atttypid IN ('float8'::regtype, 'float8[]'::regtype) AND
	  col_description(attrelid, attnum) IS NULL;

-- clustering: one-way analysis of variance of ranks between catchments inside
-- their authorities.  Ranks are not the latent score, but nearly linear in it.
INSERT INTO figure (name, low, value, high)
SELECT 'clustering of deprivation inside authorities', greatest(0, :clustering - .1) - .02, between_part / (between_part + within_ms),
	   least(1, :clustering + .1)
FROM (SELECT (between_ss / between_df - within_ss / within_df) / n0 AS between_part, within_ss / within_df AS within_ms
	  FROM (SELECT sum(n * (mean - authority_mean) ^ 2) AS between_ss, sum(ss) AS within_ss,
				   count(*) - count(DISTINCT authority) AS between_df, sum(n) - count(*) AS within_df,
				   (sum(n) - sum(n ^ 2 / authority_n)) / (count(*) - count(DISTINCT authority)) AS n0
			FROM (SELECT *, sum(n * mean) OVER a / sum(n) OVER a AS authority_mean, sum(n) OVER a AS authority_n
				  FROM (SELECT authority, catchment, count(*)::float8 AS n, avg(simd_rank)::float8 AS mean,
							   var_pop(simd_rank)::float8 * count(*) AS ss
						FROM data_zone GROUP BY 1, 2) c
				  WINDOW a AS (PARTITION BY authority)) c) c) c
WHERE :'whole';

INSERT INTO figure (name, low, value, high)
SELECT 'zones of ' || a || ' in the most deprived fifth, share', share - .1, avg((simd_quintile = 1)::int), share + .1
FROM (VALUES ('Glasgow City', .44), ('West Dunbartonshire', .4), ('East Renfrewshire', .05), ('Shetland Islands', 0),
			 ('City of Edinburgh', .12)) v (a, share)
	 JOIN data_zone ON authority = a
WHERE :'realistic'
GROUP BY a, share;

/*
 * The pupils
 */
INSERT INTO figure (name, low, value, high)
SELECT 'leavers a year and nation', 50000, count(*) / (:copies * :years), 60000 FROM leaver HAVING :'whole'
UNION ALL
SELECT 'school-years of 16 to 34 leavers (a gap between tiny and small), share', 0, avg((leavers BETWEEN 17 AND 33)::int), .005
FROM school_year_truth
UNION ALL
SELECT 'tiny schools (15 leavers a year or fewer), share', .02, avg((mean <= 15)::int), .05
FROM (SELECT avg(leavers) AS mean FROM school_year_truth GROUP BY school_id) s HAVING :'whole'
UNION ALL
SELECT 'median school, leavers a year', 120, percentile_cont(.5) WITHIN GROUP (ORDER BY leavers), 170
FROM school_year_truth HAVING :'whole'
UNION ALL
SELECT 'largest school, leavers a year', 300, max(leavers), 350 * 1.4 FROM school_year_truth HAVING :'whole'
UNION ALL
SELECT 'girls, share', .495 - 2 / sqrt(:pupils), avg((sex = 'F')::int), .495 + 2 / sqrt(:pupils) FROM leaver
UNION ALL
SELECT 'tariff missing, share', .02 - 4 * sqrt(.02 / :pupils), avg((tariff IS NULL)::int), .02 + 4 * sqrt(.02 / :pupils)
FROM leaver
UNION ALL
SELECT 'prior missing, share less expected', -4 * sqrt(.03 / :pupils),
	   avg((prior IS NULL)::int - (.05 - .04 * (simd_decile - 1) / 9)), 4 * sqrt(.03 / :pupils)
FROM leaver
UNION ALL
SELECT 'tariff or prior negative or infinite', 0, count(*), 0
FROM leaver WHERE NOT (tariff >= 0 AND tariff < 20000) OR NOT (prior > 0 AND prior <= 250)
UNION ALL
SELECT 'leavers from each decile: smallest share', .085, min(n) / sum(n), .1
FROM (SELECT count(*)::float8 AS n FROM leaver GROUP BY simd_decile) d HAVING :'whole'
UNION ALL
SELECT 'leavers from each decile: largest share', .1, max(n) / sum(n), .115
FROM (SELECT count(*)::float8 AS n FROM leaver GROUP BY simd_decile) d HAVING :'whole'
UNION ALL
SELECT 'ASN, share', .35, avg(asn::int), .4 FROM leaver HAVING :'realistic'
UNION ALL
SELECT 'ASN, most less least deprived fifth', .1,
	   avg(asn::int) FILTER (WHERE simd_quintile = 1) - avg(asn::int) FILTER (WHERE simd_quintile = 5), .3
FROM leaver HAVING :'realistic'
UNION ALL
SELECT 'leaving at ' || stage, usual - .02, share, usual + .02
FROM (SELECT stage, count(*) / (:pupils)::float8 AS share FROM leaver GROUP BY stage) s
	 JOIN (VALUES ('S4', .13), ('S5', .27), ('S6', .60)) v (stage, usual) USING (stage) WHERE :'realistic'
UNION ALL
SELECT 'leaving at S6, least less most deprived fifth', .2,
	   avg((stage = 'S6')::int) FILTER (WHERE simd_quintile = 5) - avg((stage = 'S6')::int) FILTER (WHERE simd_quintile = 1), .5
FROM leaver HAVING :'realistic'
UNION ALL
SELECT 'tariff: ' || band, low, avg(tariff), high
FROM (SELECT tariff, ntile(5) OVER (ORDER BY tariff) AS fifth FROM leaver WHERE tariff IS NOT NULL) l
	 JOIN (VALUES ('lowest 20%', 1, 1, 110, 190), ('middle 60%', 2, 4, 740, 880), ('highest 20%', 5, 5, 1750, 2050))
	 v (band, first, last, low, high) ON fifth BETWEEN first AND last
WHERE :'realistic' GROUP BY band, low, high
UNION ALL
SELECT 'prior and tariff, correlation', .5, corr(prior, tariff), .75 FROM leaver HAVING :'realistic'
UNION ALL
SELECT 'literacy, share', .7, avg(literacy::int), .85 FROM leaver HAVING :'realistic'
UNION ALL
SELECT 'numeracy, share', .6, avg(numeracy::int), .8 FROM leaver HAVING :'realistic'
UNION ALL
SELECT 'positive destination, share', .9, avg(positive_destination::int), .97 FROM leaver HAVING :'realistic'
UNION ALL
SELECT 'literacy, least less most deprived fifth', .1,
	   avg(literacy::int) FILTER (WHERE simd_quintile = 5) - avg(literacy::int) FILTER (WHERE simd_quintile = 1), .4
FROM leaver HAVING :'realistic';

\ir figures.sql

SELECT name, round(low::numeric, 4) AS low, round(value::numeric, 4) AS value, round(high::numeric, 4) AS high,
	   CASE WHEN value BETWEEN low AND high THEN 'ok' ELSE 'NOT OK' END AS verdict
FROM figure ORDER BY no;

DO $$
DECLARE
	failed text;
BEGIN
	SELECT string_agg(format('%s: %s is not between %s and %s', name, coalesce(value::text, 'NULL'), low, high), E'\n' ORDER BY no)
	INTO failed
	FROM figure WHERE (value BETWEEN low AND high) IS NOT TRUE;

	IF failed IS NOT NULL THEN
		RAISE EXCEPTION 'the warehouse is not what its parameters say'
			USING DETAIL = failed;
	END IF;
END;
$$;
COMMIT;
