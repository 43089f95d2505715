--
-- Room school: one school, its text and its fields.
-- Figures are compared with a tolerance, never printed raw.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/nation.sql'
\set ECHO none
\i :helpers
\set ECHO all
\pset null '(null)'

-- everything, as a document
SELECT jsonb_pretty(sipp.school(id => 'A', sector => 'secondary', authority => 'Fife', cluster => 'trust', role => 'either', effect => -0.25, effect_se => 0.125,
	context => '{1.5,NULL}', context_names => '{fsm,"asn %"}', deprivation => '{0.5,0.25,0.25}', subjects => '{1,-1,NULL}', subjects_se => '{0.5,NULL,0}',
	subject_names => '{maths,english,art}', lat => 56, lon => -3.5, capacity => 3, excludes => '{C,B,C}')::jsonb);
-- what is left out is not known; role none, capacity 1; names are x1, ... unless given
SELECT sipp.school(id => 'A');
SELECT sipp.school(id => 'A', role => NULL);
SELECT sipp.school(id => 'A', context => '{1,2}', context_names => '{x1,x2}') AS default_names, sipp.school(id => 'A', context => '{1,2}', context_names => '{x2,x1}') AS own_names;
-- names of what is not known are ignored, and an empty array is none
SELECT sipp.school(id => 'A', context_names => '{x}', subject_names => '{s}')::jsonb = sipp.school(id => 'A')::jsonb AS names_alone,
	   sipp.school(id => 'A', context => '{}', context_names => '{}', deprivation => '{}', subjects => '{}', subjects_se => '{}', excludes => '{}')::jsonb = sipp.school(id => 'A')::jsonb AS empty_arrays,
	   sipp.school(id => 'A', subjects_se => '{}')::jsonb = sipp.school(id => 'A')::jsonb AS empty_errors;
-- a profile's sum is 1 within 1e-6, or the shares were rounded: within 0.02
SELECT x, left(fails(format('SELECT sipp.school(id => ''A'', deprivation => %L)', ARRAY[0.5, 0.5 + x])), 5) FROM unnest('{0,9e-7,-9e-7,1.1e-6,-1.1e-6}'::float8[]) x;
-- limits are inside
SELECT fails($$SELECT sipp.school(id => 'A', lat => 90, lon => 180)$$), fails($$SELECT sipp.school(id => 'A', lat => -90, lon => -180, capacity => 0, effect => -1e50, effect_se => 0)$$),
	   fails($$SELECT sipp.school(id => 'A', capacity => 10000, effect_se => 1e50, context => '{1e50,-1e50}')$$);
-- ids in any script; ids are compared by their bytes, so case and composition matter
SELECT sipp.school(id => x)::jsonb->>'id' = x FROM unnest('{学校,مدرسة,Ceann a'' Tuath,"a\"b\\c","a,b{}",Ünïcode," ",🏫}'::text[]) x;

-- text and binary come back the same, of every school and of odd numbers
CREATE TABLE stored (s sipp.school);
INSERT INTO stored SELECT unnest(schools());
INSERT INTO stored SELECT sipp.school(id => 'odd', effect => x, context => ARRAY[x, NULL, -x], lat => 1e-300, lon => 0.1, subjects => ARRAY[x], subjects_se => ARRAY[abs(x)])
FROM unnest('{0.1,-0.1,1e-310,5e-324,1e50,0.30000000000000004,123456789.123456789,1e22,0,-0}'::float8[]) x;
SELECT count(*), bool_and(s::text::sipp.school::text = s::text) AS text, bool_and(sipp.school_send(s::text::sipp.school) = sipp.school_send(s)) AS bytes FROM stored;
CREATE TABLE copied (s sipp.school);
CREATE FUNCTION file() RETURNS text RETURN current_setting('data_directory') || '/sipp_regress_school.bin';
DO $$ BEGIN EXECUTE format('COPY stored TO %L (FORMAT binary)', file()); END $$;
DO $$ BEGIN EXECUTE format('COPY copied FROM %L (FORMAT binary)', file()); END $$;
COPY (SELECT) TO PROGRAM 'cat >/dev/null; rm sipp_regress_school.bin';
SELECT count(*), count(*) FILTER (WHERE c.ctid = t.ctid AND c.s::text = t.s::text AND sipp.school_send(c.s) = sipp.school_send(t.s)) AS same FROM stored t LEFT JOIN copied c ON c.ctid = t.ctid;
-- fields in any order, null for absent; text that a school prints never depends on how many digits a session shows
SELECT '{"capacity": 2, "role": null, "id": "A", "version": 1, "effect": null}'::sipp.school;
CREATE TABLE printed AS SELECT s::text AS a FROM stored;
SET extra_float_digits = -10;
SELECT count(*) AS differ FROM (SELECT a FROM printed EXCEPT ALL SELECT s::text FROM stored) x;
SET extra_float_digits = 0;
