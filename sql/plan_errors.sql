--
-- Rooms school to plan: what is refused, and with what words.
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set nation :abs_srcdir '/sql/include/nation.sql'
\set ECHO none
\i :nation
\set ECHO all
\pset format unaligned
\pset tuples_only on

--
-- 1. The school
--
-- the constructor: every field, what is wrong with it, what to do
CREATE FUNCTION made(args text) RETURNS text LANGUAGE sql AS $$ SELECT fails('SELECT sipp.school(id => ''A'', ' || args || ')') $$;
SELECT made('role => ''lead''');
SELECT args, made(args) FROM unnest(ARRAY['role => ''Lead''', 'role => ''''', 'role => ''none of these''',
	'effect => ''NaN''', 'effect => ''Infinity''', 'effect => ''-Infinity''', 'effect => 1.1e50', 'effect_se => -0.5', 'effect_se => ''NaN''', 'effect_se => ''Infinity''', 'effect_se => 1e51',
	'context => ''{1,NaN}''', 'context => ''{1,-Infinity}''', 'context => ''{1,2e50}''', 'context => ''{{1},{2}}''', 'context => array_fill(1::float8, ARRAY[101])', 'context => ''{1,2}'', context_names => ''{a}''', 'context => ''{1}'', context_names => ''{a,b}''',
	'context => ''{1,2}'', context_names => ''{a,a}''', 'context => ''{1,2}'', context_names => ''{a,NULL}''', 'context => ''{1,2}'', context_names => ''{a,""}''', 'context => ''{1}'', context_names => ''{deprivation}''', 'context => ''{}'', context_names => ''{a}''', 'context => ''{1}'', context_names => ''{{a}}''',
	'context => ''{1}'', context_names => ARRAY[repeat(''x'', 2000)]',
	'deprivation => ''{1}''', 'deprivation => ''{0.5,0.4}''', 'deprivation => ''{0.5,0.500002}''', 'deprivation => ''{1.5,-0.5}''', 'deprivation => ''{NULL,1}''', 'deprivation => ''{NaN,1}''', 'deprivation => ''{Infinity,0}''', 'deprivation => ''{50,50}''', 'deprivation => ''{0,0}''', 'deprivation => array_fill(0::float8, ARRAY[1001])',
	'subjects => ''{1}''', 'subjects_se => ''{1}''', 'subjects => ''{1,2}'', subjects_se => ''{1}''', 'subjects => ''{1}'', subjects_se => ''{-1}''', 'subjects => ''{NaN}'', subjects_se => ''{1}''', 'subjects => ''{1}'', subjects_se => ''{Infinity}''', 'subjects => ''{1,2}'', subjects_se => ''{1,1}'', subject_names => ''{a}''',
	'subjects => ''{1,2}'', subjects_se => ''{1,1}'', subject_names => ''{a,a}''', 'subjects => array_fill(1::float8, ARRAY[129]), subjects_se => array_fill(1::float8, ARRAY[129])',
	'lat => 56', 'lon => 3', 'lat => 90.0001, lon => 0', 'lat => -91, lon => 0', 'lat => 0, lon => 180.5', 'lat => 0, lon => -181', 'lat => ''NaN'', lon => 0', 'lat => 0, lon => ''Infinity''', 'lat => ''-Infinity'', lon => 0',
	'capacity => -1', 'capacity => 10001', 'capacity => NULL', 'excludes => ''{A}''', 'excludes => ''{B,NULL}''', 'excludes => ''{""}''', 'excludes => ''{{B},{C}}''',
	'sector => ''''', 'authority => ''''', 'cluster => ''''', 'sector => repeat(''s'', 1100)', 'cluster => repeat(''é'', 1100)']) args;
SELECT fails('SELECT sipp.school(id => NULL::text)'), fails('SELECT sipp.school(id => '''', role => ''lead'')'), left(fails('SELECT sipp.school(id => repeat(''x'', 3000), role => ''lead'')'), 200);
-- a school is named by its first hundred characters
SELECT fails('SELECT sipp.school(id => repeat(''学'', 200), capacity => -1)') LIKE '22023 invalid school "' || repeat('学', 33) || '"%' AS cut_between_characters;
SELECT made('excludes => ARRAY(SELECT i::text FROM generate_series(1, 1000000) i)') LIKE '54000 %' AS too_many;

-- the text form
CREATE FUNCTION with_field(field text, value text) RETURNS text LANGUAGE sql AS
$$ SELECT ('{"version":1,"id":"A","role":"lead","effect":1,"effect_se":0.5,"context":[1,2],"context_names":["a","b"],"deprivation":[0.5,0.5],"subjects":[1],"subjects_se":[1],"lat":56,"lon":-4,"capacity":2,"excludes":["B"]}'::jsonb - field
		   || coalesce(jsonb_build_object(field, value::jsonb), '{}'))::text $$;
SELECT fails(format('SELECT %L::sipp.school', with_field('version', '1')));
SELECT field, value, fails(format('SELECT %L::sipp.school', with_field(field, value))) FROM (VALUES
	('version', NULL), ('version', '2'), ('version', '"1"'), ('id', NULL), ('id', '7'), ('id', '""'), ('role', '"boss"'), ('role', '1'), ('sector', '1'), ('effect', '"1"'), ('effect', '"NaN"'), ('effect', '"Infinity"'), ('effect', '1e60'), ('effect', '1e400'),
	('effect_se', '-1'), ('context', '"1"'), ('context', '{"a": 1}'), ('context', '["1", 2]'), ('context', '[1]'), ('context_names', '[1, 2]'), ('context_names', '["a", "a"]'), ('context_names', '["a", null]'), ('deprivation', '[0.5, 0.6]'), ('deprivation', '[null, 1]'),
	('subjects', '[1, 2]'), ('subjects_se', NULL), ('subjects_se', '[-1]'), ('lat', NULL), ('lat', '91'), ('lon', '"east"'), ('capacity', '-1'), ('capacity', '1.5'), ('capacity', '99999999999'), ('capacity', '"2"'), ('excludes', '["A"]'), ('excludes', '"B"'), ('efect', '1')) t (field, value);
SELECT x, fails(format('SELECT %L::sipp.school', x)) FROM unnest('{"","A","[]","{}"}'::text[]) x;
SELECT left(fails($$SELECT '{'::sipp.school$$), 5);
-- sipp.school(x) is a cast
SELECT fails($$SELECT sipp.school('A')$$);

-- the binary form: bytes of send, some changed
CREATE TABLE received (s sipp.school);
CREATE FUNCTION receive(b bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file bytea := '\x5047434f50590aff0d0a000000000000000000'::bytea || int2send(1::int2) || int4send(length(b)) || b || int2send((-1)::int2);
	said text;
BEGIN
	SELECT fails(format('COPY received FROM PROGRAM %L (FORMAT binary)', 'printf ''' ||
		(SELECT string_agg('\' || (get_byte(file, i) / 64)::text || (get_byte(file, i) / 8 % 8)::text || (get_byte(file, i) % 8)::text, '' ORDER BY i)
		 FROM generate_series(0, length(file) - 1) i) || '''')) INTO said;
	RETURN said;
END $$;
CREATE TABLE sent AS SELECT sipp.school_send(sipp.school(id => 'A', role => 'lead', effect => 1, effect_se => 0.5, capacity => 3)) AS b;
SELECT receive(b) FROM sent;
SELECT s FROM received;
SELECT receive(set_byte(b, 0, 9)) FROM sent;
SELECT receive('') FROM sent;
SELECT receive(substr(b, 1, length(b) - 1)) FROM sent;
SELECT receive(b || '\x00'::bytea) FROM sent;
-- every byte set to 255, one at a time: refused, or read as a school that can be written
SELECT count(*) > 20 AS many, count(*) FILTER (WHERE said !~ '^(no error|22P03|22021|22023|54000|08P01)') AS other FROM sent, generate_series(0, length(b) - 1) i, LATERAL (SELECT receive(set_byte(b, i, 255)) AS said) r;
SELECT bool_and(s::text::sipp.school::text = s::text) AS readable FROM received;

--
-- 2. Schools together: in every function that takes them
--
CREATE FUNCTION every(s text) RETURNS TABLE (said text) LANGUAGE sql AS
$$ SELECT fails(format(q, s)) FROM unnest(ARRAY['SELECT sipp.context_scale(%s)', 'SELECT * FROM sipp.similar_schools(%s)', 'SELECT sipp.pairing_plan(%s)', 'SELECT * FROM sipp.group_schools(%s)']) WITH ORDINALITY u (q, k) ORDER BY k $$;
SELECT every('NULL');
SELECT every('ARRAY[sipp.school(id => ''A''), NULL]');
SELECT every('ARRAY[ARRAY[sipp.school(id => ''A'')], ARRAY[sipp.school(id => ''B'')]]');
SELECT every('ARRAY[sipp.school(id => ''A''), sipp.school(id => ''B''), sipp.school(id => ''A'', role => ''lead'')]');
SELECT what, said FROM (VALUES ('context', 'context => ''{1,2}''', 'context => ''{1}'''), ('names', 'context => ''{1,2}'', context_names => ''{a,b}''', 'context => ''{1,2}'', context_names => ''{b,a}'''), ('default names', 'context => ''{1}''', 'context => ''{1}'', context_names => ''{fsm}'''),
	('bands', 'deprivation => ''{0.5,0.5}''', 'deprivation => ''{0,0,1}'''), ('subjects', 'subjects => ''{1}'', subjects_se => ''{1}''', 'subjects => ''{1,1}'', subjects_se => ''{1,1}'''),
	('subject names', 'subjects => ''{1}'', subjects_se => ''{1}'', subject_names => ''{maths}''', 'subjects => ''{1}'', subjects_se => ''{1}'', subject_names => ''{art}''')) v (what, a, b),
	LATERAL (SELECT said FROM every(format('ARRAY[sipp.school(id => ''none''), sipp.school(id => ''学校'', %s), sipp.school(id => ''B'', %s)]', a, b)) OFFSET 2 LIMIT 1) e;
-- two schools of a pair as well
SELECT fails('SELECT sipp.pairing_score(sipp.school(id => ''A'', context => ''{1}''), sipp.school(id => ''B'', context => ''{1,2}''), sipp.context_scale(''{}''))');
SELECT fails('SELECT sipp.pairing_score(sipp.school(id => ''A'', context => ''{1}''), sipp.school(id => ''B'', context => ''{1}''), sipp.context_scale(''{}''))');
SELECT fails('SELECT sipp.pairing_score(sipp.school(id => ''A'', deprivation => ''{1,0}''), sipp.school(id => ''B''), sipp.context_scale(schools()))');
SELECT fails('SELECT sipp.pairing_score(sipp.school(id => ''A'', subjects => ''{1}'', subjects_se => ''{1}''), sipp.school(id => ''B'', subjects => ''{1}'', subjects_se => ''{1}''), sipp.context_scale(schools()))');

--
-- 3. Options
--
-- NULL: refused where the default is something else, in all functions alike
CREATE TABLE functions (k int, call text, options text[]);
INSERT INTO functions VALUES (1, 'sipp.context_scale(schools()', '{sector}'), (2, 'sipp.similar_schools(schools()', '{k,authority,sector,metric}'),
	(3, 'sipp.pairing_score(school(''S01''), school(''S03''), sipp.context_scale(schools())', '{authority,same_authority_cost,min_p_better,min_similarity,min_score,half_km,spread_km}'),
	(4, 'sipp.pairing_plan(schools()', '{authority,same_authority_cost,sector,min_p_better,min_similarity,min_score,mode,supports_per_partner,half_km,spread_km}'), (5, 'sipp.group_schools(schools()', '{size,min_authorities,min_p_better,min_similarity,half_km,spread_km}');
SELECT fails(format('SELECT * FROM %s, %s => NULL)', call, o)) FROM functions, unnest(options) WITH ORDINALITY u (o, i) ORDER BY k, i;
-- and that is every option of theirs: the others take NULL, which is their default
SELECT p.proname, a.name, fails(format('SELECT * FROM %s, %s => NULL)', f.call, a.name)) AS said
FROM functions f JOIN pg_proc p ON p.oid = (SELECT oid FROM pg_proc WHERE proname = substring(f.call FROM 'sipp\.(\w+)') AND pronamespace = 'sipp'::regnamespace), LATERAL unnest(p.proargnames[1:p.pronargs]) WITH ORDINALITY a (name, i)
WHERE i > p.pronargs - p.pronargdefaults AND a.name <> ALL (f.options) ORDER BY k, i;
SELECT fails('SELECT sipp.pairing_role(1, 1, 0, 0, 0, 0, 1, p_min => NULL)'), fails('SELECT sipp.pairing_role(1, 1, 0, 0, 0, 0, 1, margin => NULL)'), fails('SELECT sipp.pairing_role(1, 1, 0, 0, 0, 0, NULL)');
-- words
SELECT call, o, fails(format('SELECT * FROM %s, %s)', call, o)) FROM functions, (VALUES (1, 'sector => ''Same'''), (2, 'authority => ''prefer'''), (2, 'metric => ''euclidean'''), (2, 'sector => '''''), (3, 'authority => ''same'''), (4, 'authority => '''''), (4, 'mode => ''best'''), (4, 'sector => ''all'''), (5, 'sector => ''both''')) v (at, o) WHERE at = k ORDER BY k, o COLLATE "C";
-- numbers
SELECT o, fails(format('SELECT * FROM sipp.pairing_plan(schools(), %s)', o)) FROM unnest(ARRAY['same_authority_cost => -0.1', 'same_authority_cost => 1001', 'same_authority_cost => ''NaN''', 'max_km => -1', 'max_km => ''NaN''', 'max_km => ''Infinity''', 'min_p_better => 1.01', 'min_p_better => -0.1', 'min_p_better => ''NaN''', 'min_similarity => 2',
	'min_similarity => ''NaN''', 'min_score => -1', 'min_score => 1.5', 'unpaired_cost => -1', 'unpaired_cost => ''NaN''', 'unpaired_cost => ''Infinity''', 'target_gap => 0', 'target_gap => -1', 'target_gap => ''Infinity''', 'target_gap => 1e51', 'half_km => 0', 'half_km => ''NaN''', 'spread_km => -5', 'spread_km => 1e-60',
	'supports_per_partner => 0', 'supports_per_partner => -1', 'supports_per_partner => 101']) o;
SELECT fails('SELECT * FROM sipp.similar_schools(schools(), k => 0)'), fails('SELECT * FROM sipp.similar_schools(schools(), k => -1)');
-- the same options of one pair and of groups
SELECT fails(format('SELECT * FROM %s, min_p_better => 1.5)', call)), fails(format('SELECT * FROM %s, half_km => -1)', call)), fails(format('SELECT * FROM %s, target_gap => ''NaN'')', call)) FROM functions WHERE k IN (3, 5) ORDER BY k;
-- weights
SELECT o, fails(format('SELECT * FROM sipp.pairing_plan(schools(), weights => %L)', o)) FROM unnest(ARRAY['[]', '3', '{"likeness": 1}', '{"gap": "0.3"}', '{"gap": null}', '{"gap": [1]}', '{"gap": -1}', '{"gap": 1e60}', '{"gap": 1e400}', '{"similarity": 0, "gap": 0, "complementarity": 0, "travel": 0}']) o;
SELECT call, fails(format('SELECT * FROM %s, context_weights => ''{"roll": 1}'')', call)) FROM functions WHERE k <> 3 ORDER BY k;
SELECT o, fails(format('SELECT sipp.context_scale(schools(), context_weights => %L)', o)) FROM unnest(ARRAY['[]', '"fsm"', '{"fsm": "1"}', '{"fsm": -1}', '{"fsm": 1e400}', '{"fsm": null}', '{"fsm": 0, "asn": 0, "size": 0, "deprivation": 0}']) o;
SELECT fails('SELECT * FROM sipp.similar_schools(schools(), context_weights => ''{"fsm": 2}'', metric => ''mahalanobis'')');
-- locked pairs
SELECT o, fails(format('SELECT sipp.pairing_plan(schools(), locked => %s)', o)) FROM unnest(ARRAY['''{S05,S03}''', '''{{S05,S03,S11}}''', '''{{S05},{S03}}''', '''{{{S05,S03}}}''', '''{{S05,NULL}}''', '''{{S05,S03},{S13,S03},{S05,S03}}''', '''{{S99,S03}}''', '''{{S05,S99}}''', '''{{S03,S01}}''', '''{{S05,S13}}''', '''{{S07,S03}}''', '''{{S04,S04}}''',
	'''{{S05,S03},{S05,S11}}''', '''{{S05,S03},{S13,S03},{S21,S03}}''']) o;
-- groups
SELECT o, fails(format('SELECT * FROM sipp.group_schools(schools(), %s)', o)) FROM unnest(ARRAY['size => 1', 'size => 21', 'min_authorities => 0', 'min_authorities => 4', 'composition => ''[]''', 'composition => ''{"secondary": 1}''', 'composition => ''{"secondary": 0, "primary": 3}''', 'composition => ''{"secondary": 1.5, "primary": 1.5}''', 'composition => ''{"secondary": "1", "primary": 2}''',
	'composition => ''{"secondary": 9}''', 'composition => ''{}''', 'composition => ''{"secondary": 1, "primary": 2}'', sector => ''same''']) o;
-- roles
SELECT o, fails(format('SELECT sipp.pairing_role(%s)', o))
FROM unnest(ARRAY['''NaN'', 1, 0, 0, 0, 0, 1', '1, ''Infinity'', 0, 0, 0, 0, 1', '1, -1, 0, 0, 0, 0, 1', '1, 1, 50, 0, 0, 0, 1', '1, 1, -0.5, 0, 0, 0, 1', '1, 1, 0, 1.1, 0, 0, 1', '1, 1, 0, 0, ''-Infinity'', 0, 1', '1, 1, 0, 0, 0, -1, 1', '1, 1, 0, 0, 0, 0, -1', '1, 1, 0, 0, 0, 0, ''NaN''', '1, 1, 0, 0, 0, 0, 1, p_min => 0.5', '1, 1, 0, 0, 0, 0, 1, p_min => 1', '1, 1, 0, 0, 0, 0, 1, p_min => ''NaN''', '1, 1, 0, 0, 0, 0, 1, margin => -1', '1, 1, 0, 0, 0, 0, 1, margin => ''Infinity''']) o;

--
-- 4. A scale by hand
--
CREATE TABLE scale AS SELECT sipp.context_scale(schools()) AS scale;
CREATE FUNCTION scaled(x jsonb) RETURNS text LANGUAGE sql AS $$ SELECT fails(format('SELECT sipp.pairing_score(school(''S01''), school(''S03''), %L)', x)) $$;
SELECT scaled(scale) FROM scale;
SELECT x, scaled(x) FROM unnest('{[],1,null}'::jsonb[]) x;
-- every field must be there
SELECT key, scaled(scale - key) FROM scale, jsonb_object_keys(scale) key ORDER BY key COLLATE "C";
SELECT key, scaled(scale #- ARRAY['sectors', '0', key]) FROM scale, jsonb_object_keys(scale->'sectors'->0) key ORDER BY key COLLATE "C";
SELECT path, left(value::text, 40), scaled(jsonb_set(scale, path, value)) FROM scale, (VALUES ('{version}'::text[], '2'::jsonb), ('{version}', '"1"'), ('{sector}', '"any"'), ('{sector}', '"both"'), ('{variables}', '["fsm", "fsm", "size"]'), ('{variables}', '["fsm", "asn"]'), ('{variables}', '["fsm", "asn", "deprivation"]'), ('{variables}', '[1, 2, 3]'),
	('{variables}', '["fsm", "asn", ""]'), ('{weights,fsm}', '0.5'), ('{weights,fsm}', '-0.25'), ('{weights,fsm}', '"0.25"'), ('{weights,roll}', '0'), ('{bands}', '4'), ('{bands}', '0'), ('{bands}', '2.5'), ('{bands}', '-1'), ('{subjects}', '["maths"]'), ('{subjects}', '"maths"'), ('{notice}', '7'), ('{sectors}', '{}'), ('{sectors}', '[1]'),
	('{sectors,0,sector}', 'null'), ('{sectors,0,sector}', '"secondary"'), ('{sectors,0,schools}', '-1'), ('{sectors,0,schools}', '1'), ('{sectors,0,scales}', '[]'), ('{sectors,0,scales,fsm}', '-1'), ('{sectors,0,scales,fsm}', '1e400'), ('{sectors,0,scales,fsm}', '1e-90'), ('{sectors,0,scales,fsm}', 'null'), ('{sectors,0,profile_scale}', 'null'),
	('{sectors,0,profile_scale}', '1e-90'), ('{sectors,0,tenth_distance}', 'null'), ('{sectors,0,tenth_distance}', '-1'), ('{sectors,0,target_gap}', '-1'), ('{sectors,0,target_gap}', '"1"'), ('{sectors,0,subject_targets,maths}', '-1')) v (path, value);

--
-- 5. A plan by hand
--
CREATE TABLE plan AS SELECT sipp.pairing_plan(schools(), supports_per_partner => 2, max_km => 150)::jsonb AS plan;
CREATE FUNCTION planned(x jsonb) RETURNS text LANGUAGE sql AS
$$ SELECT CASE WHEN bool_and(said = 'no error') THEN 'no error' ELSE min(said) FILTER (WHERE said <> 'no error') END FROM unnest('{sipp.pairs,sipp.plan_summary,sipp.certificate}'::text[]) f, LATERAL (SELECT fails(format('SELECT count(*) FROM %s(%L::sipp.plan)', f, x)) AS said) s $$;
SELECT planned(plan) FROM plan;
SELECT x, fails(format('SELECT %L::sipp.plan', x)) FROM unnest('{"[]","{}",1}'::text[]) x;
SELECT x, left(fails(format('SELECT %L::sipp.plan', x)), 5) FROM unnest('{"","{",plan}'::text[]) x;
SELECT key, planned(plan - key) FROM plan, jsonb_object_keys(plan) key ORDER BY key COLLATE "C";
SELECT path, left(value::text, 40), planned(jsonb_set(plan, path, value)) FROM plan, (VALUES ('{sipp}'::text[], '"model"'::jsonb), ('{version}', '2'), ('{mode}', '"best"'), ('{mode}', '1'), ('{quantum}', '0'), ('{quantum}', '-1'), ('{quantum}', '"x"'), ('{unpaired_price}', '1.5'), ('{total_units}', '1e30'), ('{certified}', '1'), ('{bound}', '"x"'), ('{blocking}', '{}'), ('{notices}', '[1]'),
	('{subjects}', '["a", 2]'), ('{partners}', '{}'), ('{partners,0}', '[]'), ('{partners,0}', '7'), ('{partners,0,0}', '7'), ('{partners,0,2}', '-1'), ('{partners,0,3}', '0.5'), ('{partners,0,4}', '"x"'), ('{partners,0,4,0}', '[]'), ('{partners,0,4,0,0}', '5'), ('{leads,0,0}', 'null'), ('{leads,0,1}', '-1'), ('{leads,0,2}', '"0"'), ('{pair_prices}', '[[1]]'), ('{ineligible,0}', '["x"]')) v (path, value);

--
-- 6. sipp.assign
--
CREATE FUNCTION assigned(rows text, price text DEFAULT '') RETURNS text LANGUAGE sql AS $$ SELECT fails(format('SELECT sipp.assign(p, l, c, k%s) FROM (VALUES %s) v (p, l, c, k)', price, rows)) $$;
SELECT rows, assigned(rows) FROM unnest(ARRAY['(''a'', ''x'', 1.5::float8, 1), (''a'', ''x'', 2, 1)', '(''a'', ''x'', 1.5::float8, 1), (''b'', ''x'', 2, 2)', '(''a'', ''x'', ''NaN''::float8, 1)', '(''a'', ''学校'', ''Infinity''::float8, 1)', '(''a'', ''x'', ''-Infinity''::float8, 1)', '(''a'', ''x'', 1::float8, -1)', '(''a'', ''x'', 1::float8, NULL::int)',
	'('''', ''x'', 1::float8, 1)', '(''a'', '''', 1::float8, 1)', '(repeat(''p'', 2000), ''x'', 1::float8, 1)', '(''a'', ''x'', 1e308::float8, 9), (''b'', ''x'', 1.2e308, 9)']) rows;
SELECT x, assigned('(''a'', ''x'', 1::float8, 1)', format(', %L::float8', x)) FROM unnest('{NaN,Infinity,-Infinity}'::text[]) x;
SELECT fails('SELECT sipp.assign(p, ''x'', 1, 9, u) FROM (VALUES (''a'', 1::float8), (''b'', 2)) v (p, u)'), fails('SELECT sipp.assign(p, ''x'', 1, 9, u) FROM (VALUES (''a'', 1::float8), (''b'', NULL)) v (p, u)');
-- two capacities, one of each worker
CREATE TABLE rows AS SELECT 'p' || i AS p, 'l' || j AS l, 1::float8 AS c, CASE WHEN i = 150 AND j = 7 THEN 3 ELSE 2 END AS k FROM generate_series(1, 300) i, generate_series(1, 20) j;
ANALYZE rows;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT fails('SELECT sipp.assign(p, l, c, k) FROM rows');
