
-- Room adjust: deprivation-adjusted attainment, fitted from cohorts.

CREATE TYPE sipp.model;

CREATE FUNCTION sipp.model_in(cstring) RETURNS sipp.model
	AS 'MODULE_PATHNAME', 'sipp_model_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_out(sipp.model) RETURNS cstring
	AS 'MODULE_PATHNAME', 'sipp_model_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_recv(internal) RETURNS sipp.model
	AS 'MODULE_PATHNAME', 'sipp_model_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_send(sipp.model) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_model_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE sipp.model (
	INPUT = sipp.model_in,
	OUTPUT = sipp.model_out,
	RECEIVE = sipp.model_recv,
	SEND = sipp.model_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = extended
);

COMMENT ON TYPE sipp.model IS
'A fitted two-level model: pupils in schools. Coefficients with their covariance, variance between schools and between pupils, likelihood, and the terms with their levels; no school and no pupil. Can be stored and used later: sipp.effect places any cohort under it. Text form: JSON, with the covariates taken about their national means';
COMMENT ON FUNCTION sipp.model_in(cstring) IS 'Input of sipp.model: JSON as written by its output';
COMMENT ON FUNCTION sipp.model_out(sipp.model) IS 'Output of sipp.model: JSON with shortest-exact numbers';
COMMENT ON FUNCTION sipp.model_recv(internal) IS 'Binary input of sipp.model';
COMMENT ON FUNCTION sipp.model_send(sipp.model) IS 'Binary output of sipp.model, in network byte order';

-- comparison on canonical bytes

CREATE FUNCTION sipp.model_eq(sipp.model, sipp.model) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_ne(sipp.model, sipp.model) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_lt(sipp.model, sipp.model) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_le(sipp.model, sipp.model) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_gt(sipp.model, sipp.model) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_ge(sipp.model, sipp.model) RETURNS boolean
	AS 'MODULE_PATHNAME', 'sipp_bytes_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_cmp(sipp.model, sipp.model) RETURNS integer
	AS 'MODULE_PATHNAME', 'sipp_bytes_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_hash(sipp.model) RETURNS integer
	AS 'MODULE_PATHNAME', 'sipp_bytes_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.model_hash_extended(sipp.model, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'sipp_bytes_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION sipp.model_eq(sipp.model, sipp.model) IS 'The same canonical bytes: the same fit to the last bit';
COMMENT ON FUNCTION sipp.model_ne(sipp.model, sipp.model) IS 'Different canonical bytes';
COMMENT ON FUNCTION sipp.model_lt(sipp.model, sipp.model) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.model_le(sipp.model, sipp.model) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.model_gt(sipp.model, sipp.model) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.model_ge(sipp.model, sipp.model) IS 'Order of canonical bytes, without a meaning of its own';
COMMENT ON FUNCTION sipp.model_cmp(sipp.model, sipp.model) IS 'Btree support: order of canonical bytes';
COMMENT ON FUNCTION sipp.model_hash(sipp.model) IS 'Hash support';
COMMENT ON FUNCTION sipp.model_hash_extended(sipp.model, bigint) IS 'Hash support, seeded';

CREATE OPERATOR sipp.= (
	LEFTARG = sipp.model, RIGHTARG = sipp.model, FUNCTION = sipp.model_eq,
	COMMUTATOR = OPERATOR(sipp.=), NEGATOR = OPERATOR(sipp.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR sipp.<> (
	LEFTARG = sipp.model, RIGHTARG = sipp.model, FUNCTION = sipp.model_ne,
	COMMUTATOR = OPERATOR(sipp.<>), NEGATOR = OPERATOR(sipp.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR sipp.< (
	LEFTARG = sipp.model, RIGHTARG = sipp.model, FUNCTION = sipp.model_lt,
	COMMUTATOR = OPERATOR(sipp.>), NEGATOR = OPERATOR(sipp.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR sipp.<= (
	LEFTARG = sipp.model, RIGHTARG = sipp.model, FUNCTION = sipp.model_le,
	COMMUTATOR = OPERATOR(sipp.>=), NEGATOR = OPERATOR(sipp.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR sipp.> (
	LEFTARG = sipp.model, RIGHTARG = sipp.model, FUNCTION = sipp.model_gt,
	COMMUTATOR = OPERATOR(sipp.<), NEGATOR = OPERATOR(sipp.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR sipp.>= (
	LEFTARG = sipp.model, RIGHTARG = sipp.model, FUNCTION = sipp.model_ge,
	COMMUTATOR = OPERATOR(sipp.<=), NEGATOR = OPERATOR(sipp.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR sipp.= (sipp.model, sipp.model) IS 'the same canonical bytes';
COMMENT ON OPERATOR sipp.<> (sipp.model, sipp.model) IS 'different canonical bytes';
COMMENT ON OPERATOR sipp.< (sipp.model, sipp.model) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.<= (sipp.model, sipp.model) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.> (sipp.model, sipp.model) IS 'order of canonical bytes';
COMMENT ON OPERATOR sipp.>= (sipp.model, sipp.model) IS 'order of canonical bytes';

CREATE OPERATOR CLASS sipp.model_ops DEFAULT FOR TYPE sipp.model USING btree AS
	OPERATOR 1 sipp.<, OPERATOR 2 sipp.<=, OPERATOR 3 sipp.=, OPERATOR 4 sipp.>=, OPERATOR 5 sipp.>,
	FUNCTION 1 sipp.model_cmp(sipp.model, sipp.model);
CREATE OPERATOR CLASS sipp.model_ops DEFAULT FOR TYPE sipp.model USING hash AS
	OPERATOR 1 sipp.=,
	FUNCTION 1 sipp.model_hash(sipp.model),
	FUNCTION 2 sipp.model_hash_extended(sipp.model, bigint);
COMMENT ON OPERATOR CLASS sipp.model_ops USING btree IS 'canonical bytes: DISTINCT, GROUP BY, ORDER BY';
COMMENT ON OPERATOR CLASS sipp.model_ops USING hash IS 'canonical bytes: hashing';
COMMENT ON OPERATOR FAMILY sipp.model_ops USING btree IS 'canonical bytes of sipp.model';
COMMENT ON OPERATOR FAMILY sipp.model_ops USING hash IS 'canonical bytes of sipp.model';

CREATE CAST (sipp.model AS jsonb) WITH INOUT;
COMMENT ON CAST (sipp.model AS jsonb) IS 'the text form of the model as a document';

-- from cohorts to a model

CREATE FUNCTION sipp.value_added_accum(state internal, cohort sipp.cohort) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_value_added_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.value_added_accum(state internal, cohort sipp.cohort, VARIADIC slopes text[]) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_value_added_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.value_added_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_value_added_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.value_added_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_value_added_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.value_added_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_value_added_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.value_added_final(internal) RETURNS sipp.model
	AS 'MODULE_PATHNAME', 'sipp_value_added_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
CREATE FUNCTION sipp.value_added_ml_final(internal) RETURNS sipp.model
	AS 'MODULE_PATHNAME', 'sipp_value_added_ml_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;

COMMENT ON FUNCTION sipp.value_added_accum(internal, sipp.cohort) IS 'Transition of sipp.value_added';
COMMENT ON FUNCTION sipp.value_added_accum(internal, sipp.cohort, text[]) IS 'Transition of sipp.value_added with random slopes';
COMMENT ON FUNCTION sipp.value_added_combine(internal, internal) IS 'Combine two states of sipp.value_added';
COMMENT ON FUNCTION sipp.value_added_serialize(internal) IS 'State of sipp.value_added as bytes, from a parallel worker to its leader';
COMMENT ON FUNCTION sipp.value_added_deserialize(bytea, internal) IS 'State of sipp.value_added from bytes';
COMMENT ON FUNCTION sipp.value_added_final(internal) IS 'Final function of sipp.value_added: fit by REML';
COMMENT ON FUNCTION sipp.value_added_ml_final(internal) IS 'Final function of sipp.value_added_ml: fit by maximum likelihood';

CREATE AGGREGATE sipp.value_added(cohort sipp.cohort) (
	SFUNC = sipp.value_added_accum, STYPE = internal, SSPACE = 65536,
	FINALFUNC = sipp.value_added_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.value_added_combine,
	SERIALFUNC = sipp.value_added_serialize, DESERIALFUNC = sipp.value_added_deserialize,
	PARALLEL = SAFE
);
CREATE AGGREGATE sipp.value_added(cohort sipp.cohort, VARIADIC slopes text[]) (
	SFUNC = sipp.value_added_accum, STYPE = internal, SSPACE = 65536,
	FINALFUNC = sipp.value_added_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.value_added_combine,
	SERIALFUNC = sipp.value_added_serialize, DESERIALFUNC = sipp.value_added_deserialize,
	PARALLEL = SAFE
);
CREATE AGGREGATE sipp.value_added_ml(cohort sipp.cohort) (
	SFUNC = sipp.value_added_accum, STYPE = internal, SSPACE = 65536,
	FINALFUNC = sipp.value_added_ml_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.value_added_combine,
	SERIALFUNC = sipp.value_added_serialize, DESERIALFUNC = sipp.value_added_deserialize,
	PARALLEL = SAFE
);
CREATE AGGREGATE sipp.value_added_ml(cohort sipp.cohort, VARIADIC slopes text[]) (
	SFUNC = sipp.value_added_accum, STYPE = internal, SSPACE = 65536,
	FINALFUNC = sipp.value_added_ml_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.value_added_combine,
	SERIALFUNC = sipp.value_added_serialize, DESERIALFUNC = sipp.value_added_deserialize,
	PARALLEL = SAFE
);

COMMENT ON AGGREGATE sipp.value_added(sipp.cohort) IS
'The national model: what attainment is to be expected of pupils, and how much schools differ beyond that (two levels, random intercept, REML). One input row is one school: merge its years first';
COMMENT ON AGGREGATE sipp.value_added(sipp.cohort, text[]) IS
'sipp.value_added with random slopes: the terms named, up to four columns, may matter more in one school than in another. Effects are then those at the national means of these terms';
COMMENT ON AGGREGATE sipp.value_added_ml(sipp.cohort) IS
'sipp.value_added by maximum likelihood instead of REML: for comparing models of different covariates (sipp.compare, AIC). With few schools it takes the variance between them too low';
COMMENT ON AGGREGATE sipp.value_added_ml(sipp.cohort, text[]) IS
'sipp.value_added with random slopes by maximum likelihood, for comparing models';

-- one school

CREATE TYPE sipp.school_effect AS (
	pupils bigint,
	dropped bigint,
	unplaced bigint,
	attainment float8,
	expected float8,
	raw_effect float8,
	effect float8,
	reliability float8,
	std_error float8,
	conditional_se float8,
	diagnostic_se float8,
	ci_low float8,
	ci_high float8,
	p_above float8,
	adjusted_attainment float8,
	residual_sd float8,
	reason text
);
COMMENT ON TYPE sipp.school_effect IS 'One school under a model, a row of sipp.effect. Store its columns, not the composite';
COMMENT ON COLUMN sipp.school_effect.pupils IS 'pupils with an outcome and all covariates on whom the figures are based; with dropped and unplaced they are all rows of the cohort';
COMMENT ON COLUMN sipp.school_effect.dropped IS 'rows left out because something was NULL';
COMMENT ON COLUMN sipp.school_effect.unplaced IS 'pupils left out because the model has not seen their level of a factor; NULL where the cohort does not fit the model for another reason';
COMMENT ON COLUMN sipp.school_effect.attainment IS 'mean outcome of the pupils, in the outcome''s units (weighted if the cohort is)';
COMMENT ON COLUMN sipp.school_effect.expected IS 'mean outcome that the model expects of such pupils in an average school, in the outcome''s units';
COMMENT ON COLUMN sipp.school_effect.raw_effect IS 'attainment less expected, in the outcome''s units; of a small school mostly chance';
COMMENT ON COLUMN sipp.school_effect.effect IS 'what the school adds: raw_effect shrunken by its reliability, in the outcome''s units';
COMMENT ON COLUMN sipp.school_effect.reliability IS 'share of the variance of raw_effect that is the school''s own and not its pupils'' chance, 0 to 1';
COMMENT ON COLUMN sipp.school_effect.std_error IS 'comparative standard error of effect: for intervals and comparisons; counts that the coefficients are estimated; NULL, like the other two, of a singular fit, where it would be a false zero';
COMMENT ON COLUMN sipp.school_effect.conditional_se IS 'standard error of effect with the coefficients taken as known: for pairing; lme4''s condVar';
COMMENT ON COLUMN sipp.school_effect.diagnostic_se IS 'standard deviation of effect itself over replications: for residual plots and outliers';
COMMENT ON COLUMN sipp.school_effect.ci_low IS 'lower limit of the 95% interval: effect less t times std_error, t with schools - p_between degrees of freedom (p_between: columns constant within every school)';
COMMENT ON COLUMN sipp.school_effect.ci_high IS 'upper limit of the 95% interval';
COMMENT ON COLUMN sipp.school_effect.p_above IS 'probability that the school''s true effect is above zero, given the data: by t of effect / std_error';
COMMENT ON COLUMN sipp.school_effect.adjusted_attainment IS 'the national mean (over pupils) plus effect: attainment if the intake were the nation''s, in the outcome''s units';
COMMENT ON COLUMN sipp.school_effect.residual_sd IS 'standard deviation of pupils about their expected outcomes within the school, in the outcome''s units (with weights: of a pupil of weight 1); NULL below two pupils, and where several pupils of one level are unplaced';
COMMENT ON COLUMN sipp.school_effect.reason IS 'why figures are missing or pupils are unplaced, or NULL';

CREATE FUNCTION sipp.effect(cohort sipp.cohort, model sipp.model, in_model boolean DEFAULT true) RETURNS sipp.school_effect
	AS 'MODULE_PATHNAME', 'sipp_effect' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION sipp.effect(sipp.cohort, sipp.model, boolean) IS
'A school''s effect under a model, with everything needed to judge it; always one row, so write FROM schools s, LATERAL sipp.effect(s.cohort, m.model) e. in_model => false: the cohort was not among those fitted (a new school, last year''s model), so that its effect varies more';

CREATE TYPE sipp.slope_effect AS (
	term text,
	level text,
	effect float8,
	conditional_se float8,
	std_error float8,
	reason text
);
COMMENT ON TYPE sipp.slope_effect IS 'One random term of one school, a row of sipp.slope_effects. Store its columns, not the composite';
COMMENT ON COLUMN sipp.slope_effect.term IS '(Intercept), or the term whose slope differs between schools';
COMMENT ON COLUMN sipp.slope_effect.level IS 'level of a factor, NULL of a number';
COMMENT ON COLUMN sipp.slope_effect.effect IS 'the school''s deviation from the national coefficient, at zero of the slope terms, as lme4''s ranef';
COMMENT ON COLUMN sipp.slope_effect.conditional_se IS 'standard error with the coefficients taken as known';
COMMENT ON COLUMN sipp.slope_effect.std_error IS 'comparative standard error, which counts that they are estimated';
COMMENT ON COLUMN sipp.slope_effect.reason IS 'why figures are missing or pupils are unplaced, or NULL';

CREATE FUNCTION sipp.slope_effects(cohort sipp.cohort, model sipp.model, in_model boolean DEFAULT true) RETURNS SETOF sipp.slope_effect
	AS 'MODULE_PATHNAME', 'sipp_slope_effects' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50 ROWS 2;
COMMENT ON FUNCTION sipp.slope_effects(sipp.cohort, sipp.model, boolean) IS
'Each random term of one school: how its intercept and slopes deviate from the nation''s, at zero of the slope terms. (sipp.effect gives the deviation at their national means.) No rows without a model';

-- groups of schools

CREATE TYPE sipp.group_estimate AS (
	schools bigint,
	left_out bigint,
	effect float8,
	std_error float8
);
COMMENT ON TYPE sipp.group_estimate IS 'Result of sipp.group_effect. Store its columns, not the composite';
COMMENT ON COLUMN sipp.group_estimate.schools IS 'schools with an effect and a standard error';
COMMENT ON COLUMN sipp.group_estimate.left_out IS 'rows without';
COMMENT ON COLUMN sipp.group_estimate.effect IS 'mean of the effects, each school counting once';
COMMENT ON COLUMN sipp.group_estimate.std_error IS 'standard error of that mean; NULL of a singular fit';

CREATE FUNCTION sipp.group_effect_accum(state float8[], effect float8, std_error float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'sipp_group_effect_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.group_effect_combine(float8[], float8[]) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'sipp_group_effect_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.group_effect_final(float8[]) RETURNS sipp.group_estimate
	AS 'MODULE_PATHNAME', 'sipp_group_effect_final' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sipp.group_effect_accum(float8[], float8, float8) IS 'Transition of sipp.group_effect';
COMMENT ON FUNCTION sipp.group_effect_combine(float8[], float8[]) IS 'Combine two states of sipp.group_effect';
COMMENT ON FUNCTION sipp.group_effect_final(float8[]) IS 'Final function of sipp.group_effect';
CREATE AGGREGATE sipp.group_effect(effect float8, std_error float8) (
	SFUNC = sipp.group_effect_accum, STYPE = float8[], SSPACE = 64, INITCOND = '{0,0,0,0}',
	FINALFUNC = sipp.group_effect_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.group_effect_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE sipp.group_effect(float8, float8) IS
'The mean effect of a group of schools with its standard error, from effect and std_error of sipp.effect, the schools'' errors taken as independent. That is right for a group beside the nation''s other schools; against zero it is too small, the more the larger the group, since all schools lean on the same coefficients: use sipp.group_effect(cohort, model)';

CREATE FUNCTION sipp.group_effect_accum(state internal, cohort sipp.cohort, model sipp.model) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_group_effect_cohort_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
CREATE FUNCTION sipp.group_effect_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_group_effect_cohort_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION sipp.group_effect_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'sipp_group_effect_cohort_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.group_effect_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'sipp_group_effect_cohort_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION sipp.group_effect_final(internal) RETURNS sipp.group_estimate
	AS 'MODULE_PATHNAME', 'sipp_group_effect_cohort_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sipp.group_effect_accum(internal, sipp.cohort, sipp.model) IS 'Transition of sipp.group_effect(cohort, model)';
COMMENT ON FUNCTION sipp.group_effect_combine(internal, internal) IS 'Combine two states of sipp.group_effect(cohort, model)';
COMMENT ON FUNCTION sipp.group_effect_serialize(internal) IS 'State of sipp.group_effect(cohort, model) as bytes, from a parallel worker to its leader';
COMMENT ON FUNCTION sipp.group_effect_deserialize(bytea, internal) IS 'State of sipp.group_effect(cohort, model) from bytes';
COMMENT ON FUNCTION sipp.group_effect_final(internal) IS 'Final function of sipp.group_effect(cohort, model)';
CREATE AGGREGATE sipp.group_effect(cohort sipp.cohort, model sipp.model) (
	SFUNC = sipp.group_effect_accum, STYPE = internal, SSPACE = 4096,
	FINALFUNC = sipp.group_effect_final, FINALFUNC_MODIFY = READ_ONLY,
	COMBINEFUNC = sipp.group_effect_combine,
	SERIALFUNC = sipp.group_effect_serialize, DESERIALFUNC = sipp.group_effect_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE sipp.group_effect(sipp.cohort, sipp.model) IS
'The mean effect of a group of schools of the model, as of an authority, each school counting once, with its standard error: the schools'' own errors and the error of the coefficients that they share. Schools that cannot be placed are counted in left_out';

-- what a model says

CREATE TYPE sipp.coefficient AS (
	term text,
	level text,
	estimate float8,
	std_error float8,
	df float8,
	t float8,
	p_value float8,
	ci_low float8,
	ci_high float8,
	reason text
);
COMMENT ON TYPE sipp.coefficient IS 'One coefficient of a model, a row of sipp.coefficients. Store its columns, not the composite';
COMMENT ON COLUMN sipp.coefficient.term IS '(Intercept) first, then the terms in order';
COMMENT ON COLUMN sipp.coefficient.level IS 'level of a factor, against its reference level, or the only level of a factor that has no other; NULL of a number';
COMMENT ON COLUMN sipp.coefficient.estimate IS 'outcome''s units for each unit of the term; NULL if aliased with the terms before it or the same for all pupils';
COMMENT ON COLUMN sipp.coefficient.std_error IS 'standard error';
COMMENT ON COLUMN sipp.coefficient.df IS 'degrees of freedom by Satterthwaite';
COMMENT ON COLUMN sipp.coefficient.t IS 'estimate / std_error';
COMMENT ON COLUMN sipp.coefficient.p_value IS 'two-sided, by t';
COMMENT ON COLUMN sipp.coefficient.ci_low IS 'lower limit of the 95% interval, by t';
COMMENT ON COLUMN sipp.coefficient.ci_high IS 'upper limit of the 95% interval';
COMMENT ON COLUMN sipp.coefficient.reason IS 'why figures are missing, or NULL';

CREATE FUNCTION sipp.coefficients(model sipp.model) RETURNS SETOF sipp.coefficient
	AS 'MODULE_PATHNAME', 'sipp_coefficients' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 ROWS 15;
COMMENT ON FUNCTION sipp.coefficients(sipp.model) IS
'What each covariate is worth: one row for the intercept and each number, one for each level of a factor but its reference. Test a factor as a whole by sipp.term_tests';

CREATE TYPE sipp.term_test AS (
	term text,
	df integer,
	chi2 float8,
	p_value float8,
	reason text
);
COMMENT ON TYPE sipp.term_test IS 'Joint test of one term, a row of sipp.term_tests. Store its columns, not the composite';
COMMENT ON COLUMN sipp.term_test.term IS 'the term';
COMMENT ON COLUMN sipp.term_test.df IS 'its coefficients that are not aliased';
COMMENT ON COLUMN sipp.term_test.chi2 IS 'Wald''s chi-square of all of them being zero; NULL if df is 0';
COMMENT ON COLUMN sipp.term_test.p_value IS 'by chi-square with df degrees of freedom';
COMMENT ON COLUMN sipp.term_test.reason IS 'why figures are missing, or NULL';

CREATE FUNCTION sipp.term_tests(model sipp.model) RETURNS SETOF sipp.term_test
	AS 'MODULE_PATHNAME', 'sipp_term_tests' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 ROWS 5;
COMMENT ON FUNCTION sipp.term_tests(sipp.model) IS
'Does a term matter at all: joint Wald test of its coefficients';

CREATE TYPE sipp.fit AS (
	schools bigint,
	empty_schools bigint,
	pupils bigint,
	dropped bigint,
	method text,
	school_variance float8,
	school_variance_low float8,
	school_variance_high float8,
	pupil_variance float8,
	icc float8,
	icc_low float8,
	icc_high float8,
	deviance float8,
	log_likelihood float8,
	aic float8,
	lr_chi2 float8,
	lr_p_value float8,
	within_between_p float8,
	singular boolean,
	iterations integer,
	notice text,
	reason text
);
COMMENT ON TYPE sipp.fit IS 'Summary of a model, the row of sipp.fit_summary. Store its columns, not the composite';
COMMENT ON COLUMN sipp.fit.schools IS 'schools fitted';
COMMENT ON COLUMN sipp.fit.empty_schools IS 'cohorts left out because they are NULL or none of their rows is complete';
COMMENT ON COLUMN sipp.fit.pupils IS 'pupils with an outcome and all covariates';
COMMENT ON COLUMN sipp.fit.dropped IS 'rows left out because something was NULL';
COMMENT ON COLUMN sipp.fit.method IS 'REML or ML';
COMMENT ON COLUMN sipp.fit.school_variance IS 'variance of schools'' effects, in squared units of the outcome; with random slopes, at the national means of the slope terms';
COMMENT ON COLUMN sipp.fit.school_variance_low IS 'lower limit of its 95% profile-likelihood interval';
COMMENT ON COLUMN sipp.fit.school_variance_high IS 'upper limit';
COMMENT ON COLUMN sipp.fit.pupil_variance IS 'variance of pupils within schools about what is expected of them (of a pupil of weight 1)';
COMMENT ON COLUMN sipp.fit.icc IS 'intraclass correlation: school_variance as a share of both variances, 0 to 1; with weights it depends on their scale, being that of pupils of weight 1';
COMMENT ON COLUMN sipp.fit.icc_low IS 'lower limit of its 95% profile-likelihood interval';
COMMENT ON COLUMN sipp.fit.icc_high IS 'upper limit';
COMMENT ON COLUMN sipp.fit.deviance IS '-2 log likelihood, restricted if REML';
COMMENT ON COLUMN sipp.fit.log_likelihood IS '-deviance / 2';
COMMENT ON COLUMN sipp.fit.aic IS 'Akaike''s criterion, deviance + 2 (coefficients + variances and covariances); NULL under REML';
COMMENT ON COLUMN sipp.fit.lr_chi2 IS 'likelihood-ratio statistic against no difference between schools';
COMMENT ON COLUMN sipp.fit.lr_p_value IS 'its p value: half that of chi-square with one degree of freedom since a variance is not negative; with random slopes an upper bound, the mean of those with d and d - 1, d the number of variances and covariances';
COMMENT ON COLUMN sipp.fit.within_between_p IS 'p value of all context terms together (sipp.with_context): does it matter who sits next to whom; NULL without any';
COMMENT ON COLUMN sipp.fit.singular IS 'the school-level covariance is on its boundary: a variance, or that of a combination of school effects and slopes, is estimated as zero';
COMMENT ON COLUMN sipp.fit.iterations IS 'steps of the optimiser';
COMMENT ON COLUMN sipp.fit.notice IS 'what a reader should know: few schools, singular fit, random slopes, aliased terms, cohorts left out; or NULL';
COMMENT ON COLUMN sipp.fit.reason IS 'why figures are missing, or NULL';

CREATE FUNCTION sipp.fit_summary(model sipp.model) RETURNS sipp.fit
	AS 'MODULE_PATHNAME', 'sipp_fit_summary' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION sipp.fit_summary(sipp.model) IS
'How well the model fits and how much schools differ, in one row';

CREATE TYPE sipp.covariance AS (
	term_1 text,
	level_1 text,
	term_2 text,
	level_2 text,
	covariance float8,
	correlation float8
);
COMMENT ON TYPE sipp.covariance IS 'One variance or covariance of the school-level terms, a row of sipp.school_covariance. Store its columns, not the composite';
COMMENT ON COLUMN sipp.covariance.term_1 IS '(Intercept) or a term with a random slope';
COMMENT ON COLUMN sipp.covariance.level_1 IS 'its level, NULL of a number';
COMMENT ON COLUMN sipp.covariance.term_2 IS 'the same or an earlier term';
COMMENT ON COLUMN sipp.covariance.level_2 IS 'its level, NULL of a number';
COMMENT ON COLUMN sipp.covariance.covariance IS 'covariance of their deviations over schools, at zero of the slope terms; the variance if they are the same';
COMMENT ON COLUMN sipp.covariance.correlation IS 'as a correlation, -1 to 1; NULL if a variance is zero';

CREATE FUNCTION sipp.school_covariance(model sipp.model) RETURNS SETOF sipp.covariance
	AS 'MODULE_PATHNAME', 'sipp_school_covariance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 ROWS 3;
COMMENT ON FUNCTION sipp.school_covariance(sipp.model) IS
'How schools'' intercepts and slopes vary and go together, at zero of the slope terms, as lme4''s VarCorr; lower triangle, one row for each pair';

-- the fixed part for one pupil

CREATE FUNCTION sipp.expected(model sipp.model) RETURNS float8
	AS 'MODULE_PATHNAME', 'sipp_expected' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION sipp.expected(model sipp.model, VARIADIC covariates "any") RETURNS float8
	AS 'MODULE_PATHNAME', 'sipp_expected' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10;
CREATE FUNCTION sipp.expected_json(model sipp.model, pupil jsonb) RETURNS float8
	AS 'MODULE_PATHNAME', 'sipp_expected_json' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION sipp.expected(sipp.model) IS
'Expected outcome under a model without covariates';
COMMENT ON FUNCTION sipp.expected(sipp.model, "any") IS
'Expected outcome of one pupil in an average school: a value for each term of the model, in its order; numbers and boolean for numbers, text and enum for factors. NULL if a value is NULL or a level is one that the model has not seen; a wrong number or kind of values is an error';
COMMENT ON FUNCTION sipp.expected_json(sipp.model, jsonb) IS
'Expected outcome of one pupil in an average school: values by the terms'' names, as of to_jsonb(row); other keys are ignored. NULL if a value is null or a level is one that the model has not seen; a missing key is an error';

-- two models

CREATE TYPE sipp.comparison AS (
	chi2 float8,
	df integer,
	p_value float8,
	first_parameters integer,
	first_deviance float8,
	first_aic float8,
	second_parameters integer,
	second_deviance float8,
	second_aic float8,
	note text
);
COMMENT ON TYPE sipp.comparison IS 'Result of sipp.compare. Store its columns, not the composite';
COMMENT ON COLUMN sipp.comparison.chi2 IS 'likelihood-ratio statistic: deviance of the smaller model less that of the larger';
COMMENT ON COLUMN sipp.comparison.df IS 'parameters that the larger model has more';
COMMENT ON COLUMN sipp.comparison.p_value IS 'of the smaller model being enough; NULL if df is 0';
COMMENT ON COLUMN sipp.comparison.first_parameters IS 'parameters of the first model: coefficients, variances and covariances';
COMMENT ON COLUMN sipp.comparison.first_deviance IS 'deviance of the first model';
COMMENT ON COLUMN sipp.comparison.first_aic IS 'AIC of the first model; NULL under REML';
COMMENT ON COLUMN sipp.comparison.second_parameters IS 'parameters of the second model';
COMMENT ON COLUMN sipp.comparison.second_deviance IS 'deviance of the second model';
COMMENT ON COLUMN sipp.comparison.second_aic IS 'AIC of the second model; NULL under REML';
COMMENT ON COLUMN sipp.comparison.note IS 'how p_value is to be read, or NULL';

CREATE FUNCTION sipp.compare(model_1 sipp.model, model_2 sipp.model) RETURNS sipp.comparison
	AS 'MODULE_PATHNAME', 'sipp_compare' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION sipp.compare(sipp.model, sipp.model) IS
'Likelihood-ratio test of two models of the same pupils, one nested in the other, in any order. Models of different covariates must be fitted by sipp.value_added_ml; random slopes may be compared under REML';
