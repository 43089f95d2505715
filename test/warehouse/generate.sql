/*
 * A warehouse the size of a nation, with the truth known
 *
 *     psql -q -v seed=1 -v scale=1 -f test/warehouse/generate.sql
 *
 * makes schema "warehouse" in plain PostgreSQL (15 or later; no extension, no
 * superuser), in one transaction: cancel it and nothing is left.  The same
 * variables give the same rows, whatever the plan, settings or server version;
 * check.sql and check_seed.sql prove what is claimed here, recover.R that lme4
 * finds the truth again.
 *
 * Variables (psql -v name=value)
 *
 *  seed         1     any bigint; every draw depends on it and on the row's id
 *  scale        1     number of copies of the nation, side by side: 20 gives 20
 *                     times the authorities, zones, schools and leavers, and
 *                     cells of the same make-up.  Below 1: that share of the
 *                     schools in each authority (at least one), all the zones
 *  years        5     leaving years, the last of them 2024 (at most 100)
 *  icc          .05   share of the variance of one year's tariff, given the
 *                     fixed part, that lies between schools
 *  year_share   .3    part of that which is school x year: gone next year
 *  gradient     1     multiplies all effects of deprivation on pupils; 0: none
 *  clustering   .3    share of the variance of deprivation inside an authority
 *                     that lies between catchments
 *  correlation  0     correlation of a school's lasting effect with its intake
 *  schema             another name than warehouse
 *  replace      off   drop what is in the schema first, with all that depends
 *                     on it; without it an existing schema is an error
 *
 * The model
 *
 * Leaver i of school j in year t has
 *
 *     m_ijt     = fixed_ijt + lasting_j + year_jt
 *     fixed     = a + decile_d + sex_s + asn_k + year_t + 10 * prior
 *     lasting_j = L * (r * intake_j + sqrt(1 - r^2) * N(0,1)),  L^2 = B (1 - year_share)
 *     year_jt   = Y * N(0,1),                                   Y^2 = B year_share
 *     B         = S^2 icc / (1 - icc),  S = 450 tariff points
 *     tariff    = 0 with probability z, else (sqrt(m' - b) + sqrt(b) N(0,1))^2
 *     z         = max(.25 exp(-m / 250), 1 - 3 m^2 / (S^2 + m^2))
 *     m', v'    = mean and variance that the others must have:
 *                 m / (1 - z),  (S^2 + m^2) / (1 - z) - m'^2
 *     b         = m' - sqrt(m'^2 - v'/2): the square of a normal with this b has
 *                 mean m' and variance v'; z is large enough for the root to exist
 *
 * so that tariff has mean m and standard deviation S exactly, is never
 * negative and is skewed to the right, as tariff points are, while the model
 * "tariff ~ decile + sex + asn + year + prior + (1 | school)" stays true to the
 * letter: linear fixed part, one residual variance, school effects in tariff
 * points.  (m is not let below 40 points, which at the defaults concerns one to
 * three pupils in ten thousand; tariff is rounded to whole points.)
 * intake_j is the standardised mean SIMD rank of the catchment.  Prior
 * attainment is log-normal around a latent score that falls with deprivation
 * and ASN, with a ceiling.  Stage, literacy, numeracy and destination come *after* the tariff:
 * they depend on it, and stage once more on the school's effect, so a model
 * that adjusts for them hides part of what a school does.
 *
 * Prior is missing more often in deprived zones and tariff at random; neither
 * depends on the residual, so leaving these pupils out does no harm.
 *
 * What a school's figure over the years observed estimates is the leaver-
 * weighted mean of lasting_j + year_jt: view school_truth_observed.
 *
 * Where the numbers come from: they are approximate, of the order of what the
 * Scottish Government publishes on school leavers, Insight and SIMD 2020, and
 * not copied from a table: 32 authorities, 360 secondaries, 55,000 leavers a
 * year, 6,976 zones; the zones and secondaries of each authority and its share
 * of the most deprived fifth; stage S4/S5/S6 13/27/60%; ASN 35-40%; the lowest
 * 20%, middle 60% and highest 20% of pupils near 150, 800 and 1,900 points; icc
 * .03-.10.  Schools, zones and pupils are invented: only the authorities bear
 * real names.
 */
\set ON_ERROR_STOP on
\set pupil_sd 450

\if :{?seed} \else \set seed 1 \endif
\if :{?scale} \else \set scale 1 \endif
\if :{?years} \else \set years 5 \endif
\if :{?icc} \else \set icc .05 \endif
\if :{?year_share} \else \set year_share .3 \endif
\if :{?gradient} \else \set gradient 1 \endif
\if :{?clustering} \else \set clustering .3 \endif
\if :{?correlation} \else \set correlation 0 \endif
\if :{?schema} \else \set schema warehouse \endif
\if :{?replace} \else \set replace off \endif

BEGIN;

-- compiling the long expressions costs more than it saves, and a cascade need
-- not list what it drops
SET LOCAL jit = off;
SET LOCAL client_min_messages = warning;

\if :replace
DROP SCHEMA IF EXISTS :"schema" CASCADE;
\endif
CREATE SCHEMA :"schema";
SET LOCAL search_path = :"schema";

-- a typing error should not generate for an hour and then be wrong
CREATE TABLE parameter
(
	name		text PRIMARY KEY,
	value		float8 NOT NULL,
	meaning		text NOT NULL,
	CONSTRAINT parameter_in_range CHECK (
		CASE name
			WHEN 'scale' THEN value > 0 AND value <= 1000
			WHEN 'years' THEN value BETWEEN 1 AND 100 AND value = floor(value)
			WHEN 'icc' THEN value >= 0 AND value <= .5
			WHEN 'year_share' THEN value >= 0 AND value <= 1
			WHEN 'gradient' THEN value >= 0 AND value <= 2
			WHEN 'clustering' THEN value >= 0 AND value <= 1
			WHEN 'correlation' THEN value >= -1 AND value <= 1
			ELSE true
		END)
);

INSERT INTO parameter VALUES
	('seed', :'seed'::bigint, 'seed of every draw (a bigint; rounded here if beyond 2^53)'),
	('scale', :scale, 'copies of the nation, or below 1 the share of the schools'),
	('years', :years, 'leaving years, the last one 2024'),
	('icc', :icc, 'between-school share of the variance of one year''s tariff given the fixed part'),
	('year_share', :year_share, 'share of the between-school variance that is school x year'),
	('gradient', :gradient, 'multiplier of the effects of deprivation on pupils'),
	('clustering', :clustering, 'share of the within-authority variance of deprivation between catchments'),
	('correlation', :correlation, 'correlation of the lasting effect with intake'),
	('pupil_sd', :pupil_sd, 'standard deviation of the pupil residual, tariff points');

INSERT INTO parameter VALUES
	('lasting_sd', :pupil_sd * sqrt((:icc)::float8 / (1 - :icc) * (1 - :year_share)),
	 'standard deviation of the lasting school effect, tariff points'),
	('year_sd', :pupil_sd * sqrt((:icc)::float8 / (1 - :icc) * :year_share),
	 'standard deviation of the school x year effect, tariff points');

SELECT value AS lasting_sd FROM parameter WHERE name = 'lasting_sd' \gset
SELECT value AS year_sd FROM parameter WHERE name = 'year_sd' \gset
SELECT greatest(1, round((:scale)::float8))::int AS copies,
	   least(1, (:scale)::float8) AS school_share \gset

/*
 * Random numbers
 *
 * Every draw is a hash of the seed, a stream (what is drawn) and an id (for
 * whom), so that nothing depends on the order in which rows are made, and a
 * pupil keeps sex, zone and luck when the effects of schools are varied.
 *
 * hashint8extended is the hash of hash partitioning: were it to change between
 * versions, pg_upgrade would lose rows, so it does not.  One call of it is not
 * enough: over consecutive ids the upper half of its result is visibly uneven
 * (chi-square of 100 bins 133 on average, not 99), and it folds its first
 * argument to 32 bits.  The seed argument is not folded and goes through
 * another round, so the id enters there, and the first hash as the seed of the
 * second.  Normals are Box-Muller from the two halves.
 *
 * Whatever is stored has been rounded well above the last bits of ln, exp and
 * cos, in which C libraries may differ.
 */
CREATE FUNCTION bits(id bigint, stream bigint) RETURNS bigint
	IMMUTABLE PARALLEL SAFE
	RETURN hashint8extended(hashint8extended(stream, :'seed'::bigint),
							hashint8extended(hashint8extended(stream, :'seed'::bigint), id));

CREATE FUNCTION uniform(id bigint, stream bigint) RETURNS float8
	IMMUTABLE PARALLEL SAFE
	RETURN (((bits(id, stream) >> 12) & 4503599627370495) + 0.5::float8) / 4503599627370496;

CREATE FUNCTION normal(id bigint, stream bigint) RETURNS float8
	IMMUTABLE PARALLEL SAFE
	RETURN sqrt(-2 * ln((((bits(id, stream) >> 32) & 4294967295) + 0.5::float8) / 4294967296)) *
		   cos(2 * pi() * (((bits(id, stream) & 4294967295) + 0.5::float8) / 4294967296));

CREATE FUNCTION logistic(x float8) RETURNS float8
	IMMUTABLE PARALLEL SAFE
	RETURN 1 / (1 + exp(-x));

\ir nation.sql
\ir effects.sql
\ir leavers.sql
\ir finish.sql

COMMIT;

-- sets hint bits and the visibility map, so that the first query that somebody
-- times is not the one that pays for them
VACUUM (ANALYZE) :"schema".leaver;
VACUUM (ANALYZE) :"schema".data_zone;
