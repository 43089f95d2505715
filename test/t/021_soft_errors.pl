# Malformed text as something that can be asked about and skipped, not only an
# error: pg_input_is_valid() and pg_input_error_info() of PostgreSQL 16, COPY ...
# (ON_ERROR ignore) of 17.  What they say is what a cast says.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('soft');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
my $version = $node->safe_psql('postgres', 'SHOW server_version_num');
if ($version < 160000)
{
	$node->stop;
	plan skip_all => 'input functions report no soft errors before PostgreSQL 16';
}

# Each type's sound text, and malformed ones of every kind: what is changed in the
# sound one (a path and a value, NULL: it is taken away), or a text as it is.
$node->safe_psql('postgres', <<'SQL');
	CREATE EXTENSION sipp;
	CREATE TABLE pupil AS SELECT i, i % 9 AS school, sin(i) * 7 + i % 5 AS y, cos(i) AS x, (i % 3)::text AS f, (i % 4)::text AS g FROM generate_series(1, 120) i;
	CREATE TABLE sound (type text PRIMARY KEY, t text);
	INSERT INTO sound
		SELECT 'sipp.cohort', sipp.weighted_cohort(1 + i % 2, y, x, f, g)::text FROM pupil
		UNION ALL SELECT 'sipp.model', sipp.value_added(c)::text FROM (SELECT sipp.cohort(y, x, f) AS c FROM pupil GROUP BY school) s
		UNION ALL SELECT 'sipp.peers', '{"version":1,"pool":3,"own":2,"total":6,"unit":"0123456789abcdef","mean":5,"variance":4,"sharing":2}'
		UNION ALL SELECT 'sipp.school', sipp.school(id => 'a', role => 'lead', effect => 1, effect_se => 1, context => '{1,2}', context_names => '{c,d}', deprivation => '{0.25,0.75}',
			subjects => '{1,2}', subjects_se => '{1,1}', lat => 1, lon => 1, excludes => '{b,c}')::text
		UNION ALL SELECT 'sipp.plan', sipp.assign('a', 'b', 1, 1)::text;
	CREATE TABLE malformed (n serial, type text, t text);
	-- no JSON, another JSON, cut off, and each field gone, null, a string, a negative, a huge and a fractional number, true, an object, an empty array
	INSERT INTO malformed (type, t)
		SELECT type, x FROM sound, unnest(ARRAY['', ' ', 'x', '{', '{}', '[]', '1', 'null', '"x"', '{"version":1}', '{"version":1,}', '{"version":1e400}', '{"version":1e200000}', '{"version":1}}', '{"version":"\u0000"}',
			'{"version":"\ud83d"}', '{"version":99}', repeat('[', 1000), '{"version":' || repeat('[', 1000), repeat('x', 100000)]) x
		UNION ALL SELECT type, left(t, length(t) * k / 8) FROM sound, generate_series(1, 7) k
		UNION ALL SELECT type, (t::jsonb - key)::text FROM sound, jsonb_object_keys(t::jsonb) key
		UNION ALL SELECT type, jsonb_set(t::jsonb, ARRAY[key], v::jsonb)::text FROM sound, jsonb_object_keys(t::jsonb) key,
			unnest(ARRAY['null', '"x"', '-1', '1e300', '1e400', '9007199254740993', '0.5', 'true', '{}', '[]', '[null]', '["x"]', '[{}]', '[1e400]']) v
		-- the same of elements of arrays and of terms
		UNION ALL SELECT s.type, jsonb_set(t::jsonb, ARRAY[key, at], v::jsonb)::text FROM sound s, LATERAL jsonb_each(t::jsonb) f (key, value),
			unnest(ARRAY['0', '1', '-1']) at, unnest(ARRAY['null', '"x"', '-1', '1e300', '"NaN"', 'true', '{}', '[]']) v WHERE jsonb_typeof(value) = 'array'
		UNION ALL SELECT s.type, jsonb_set(t::jsonb, ARRAY['terms', at, key], v::jsonb)::text FROM sound s, unnest(ARRAY['0', '1']) at,
			unnest(ARRAY['name', 'kind', 'context', 'reference', 'levels', 'ranks']) key, unnest(ARRAY['null', '""', '"f"', '"enum"', '"shares"', '1', 'true', '[]', '[1]', '["a","a","b"]', '[1,2]']) v
			WHERE t::jsonb ? 'terms'
		-- limits: levels, columns, terms, names, elements
		UNION ALL SELECT type, jsonb_set(t::jsonb, '{terms}', v)::text FROM sound, LATERAL (
				SELECT jsonb_agg(jsonb_build_object('name', 't' || i, 'kind', 'text', 'reference', '1', 'levels', (SELECT jsonb_agg(l::text) FROM generate_series(1, 1300) l))) AS v FROM generate_series(1, 2) i
				UNION ALL SELECT jsonb_agg(jsonb_build_object('name', 't' || i, 'kind', 'number')) FROM generate_series(1, 201) i
				UNION ALL SELECT jsonb_agg(jsonb_build_object('name', 't' || i, 'kind', 'text', 'reference', '1', 'levels', (SELECT jsonb_agg(l::text) FROM generate_series(1, 2001) l))) FROM generate_series(1, 1) i
				UNION ALL SELECT jsonb_build_array(jsonb_build_object('name', repeat('n', 256), 'kind', 'number'))) k WHERE t::jsonb ? 'terms'
		UNION ALL SELECT type, jsonb_set(t::jsonb, ARRAY[key], v)::text FROM sound, unnest(ARRAY['id', 'context', 'context_names', 'excludes', 'subjects', 'notice', 'role']) key,
			LATERAL (SELECT to_jsonb(repeat('é', 4001)) UNION ALL SELECT jsonb_agg(i) FROM generate_series(1, 1001) i UNION ALL SELECT jsonb_agg(i::text) FROM generate_series(1, 1001) i) k (v)
			WHERE type IN ('sipp.school', 'sipp.model');

	-- what the two ways of asking say, and whether they agree
	CREATE FUNCTION compare(t text, type text, OUT hard text, OUT agree boolean) LANGUAGE plpgsql AS $$
	<<compare>>
	DECLARE
		state text := '';
		message text := '';
		detail text := '';
		hint text := '';
	BEGIN
		BEGIN
			EXECUTE format('SELECT $1::%s', type) USING t;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
		END;
		hard := nullif(state, '');
		BEGIN
			agree := pg_input_is_valid(t, type) = (hard IS NULL)
				AND (SELECT (coalesce(i.sql_error_code, ''), coalesce(i.message, ''), coalesce(i.detail, ''), coalesce(i.hint, '')) = (state, compare.message, compare.detail, compare.hint)
					 FROM pg_input_error_info(t, type) i);
		EXCEPTION WHEN OTHERS THEN
			agree := false;
		END;
	END $$;
SQL

my $examples = $node->safe_psql('postgres', 'SELECT count(*) FROM malformed');
cmp_ok($examples, '>', 1500, "$examples texts");
is($node->safe_psql('postgres', q{SELECT type, t FROM sound WHERE NOT pg_input_is_valid(t, type)}), '', 'sound ones are valid');
is($node->safe_psql('postgres', q{SELECT n, type, left(t, 300), c.hard FROM malformed m, LATERAL compare(m.t, m.type) c WHERE NOT c.agree ORDER BY n LIMIT 5}),
	'', 'of every text, pg_input_is_valid and pg_input_error_info say what a cast says');
is($node->safe_psql('postgres', q{
		SELECT type, count(*) FILTER (WHERE c.hard IS NOT NULL) > 50, count(DISTINCT c.hard) > 1 FROM malformed m, LATERAL compare(m.t, m.type) c GROUP BY type ORDER BY type}),
	"sipp.cohort|t|t\nsipp.model|t|t\nsipp.peers|t|t\nsipp.plan|t|t\nsipp.school|t|t", 'many of them are malformed, in more than one way');

# as elements and in domains
is($node->safe_psql('postgres', q{
		CREATE DOMAIN lead AS sipp.school CHECK (value::jsonb->>'role' = 'lead');
		CREATE TYPE duo AS (s sipp.school, p sipp.peers);
		SELECT pg_input_is_valid(ARRAY[t]::text, type || '[]'), pg_input_is_valid(ARRAY[t, t || 'x']::text, type || '[]') FROM sound ORDER BY type;
		SELECT pg_input_is_valid(t, 'lead'), pg_input_is_valid(replace(t, '"lead"', '"none"'), 'lead'), pg_input_is_valid(replace(t, '"lead"', '"head"'), 'lead'),
			   pg_input_is_valid(ROW(t, NULL)::text, 'duo'), pg_input_is_valid(ROW(t, t)::text, 'duo') FROM sound WHERE type = 'sipp.school'}),
	join("\n", ('t|f') x 5, 't|f|f|t|f'), 'arrays, domains and rows of them');

# an error that was skipped leaves nothing behind
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM (SELECT pg_input_is_valid(m.t, m.type) OR (pg_input_error_info(m.t, m.type)).message <> '' AS ok, s.t::text AS t, s.type FROM malformed m JOIN sound s USING (type)) q
		WHERE q.ok AND pg_input_is_valid(q.t, q.type)}), $examples, 'sound ones are read in between');

SKIP:
{
	skip 'COPY has no ON_ERROR before PostgreSQL 17', 4 if $version < 170000;

	my $dir = PostgreSQL::Test::Utils::tempdir();
	my ($ret, $out, $err) = $node->psql('postgres', qq{
		CREATE TABLE loaded (n int, cohort sipp.cohort, model sipp.model, peers sipp.peers, school sipp.school, plan sipp.plan);
		CREATE VIEW lines AS
			SELECT i AS n, bool_and(pg_input_is_valid(coalesce(m.t, s.t), s.type)) AS ok,
				   max(coalesce(m.t, s.t)) FILTER (WHERE s.type = 'sipp.cohort') AS cohort, max(coalesce(m.t, s.t)) FILTER (WHERE s.type = 'sipp.model') AS model,
				   max(coalesce(m.t, s.t)) FILTER (WHERE s.type = 'sipp.peers') AS peers, max(coalesce(m.t, s.t)) FILTER (WHERE s.type = 'sipp.school') AS school,
				   max(coalesce(m.t, s.t)) FILTER (WHERE s.type = 'sipp.plan') AS plan
			FROM generate_series(0, (SELECT max(n) FROM malformed)) i CROSS JOIN sound s LEFT JOIN malformed m ON m.n = i AND m.type = s.type GROUP BY i;
	});
	is($ret, 0, 'lines of a file') or diag($err);
	$node->safe_psql('postgres', "COPY (SELECT n, cohort, model, peers, school, plan FROM lines) TO '$dir/lines'");
	($ret, $out, $err) = $node->psql('postgres', "COPY loaded FROM '$dir/lines' (ON_ERROR ignore)");
	like($err, qr/rows were skipped due to data type incompatibility/, 'COPY ... (ON_ERROR ignore) skips malformed rows');
	is($node->safe_psql('postgres', 'SELECT count(*), sum(n) FROM loaded'), $node->safe_psql('postgres', 'SELECT count(*), sum(n) FROM lines WHERE ok'), '... and loads all others');
	is($node->safe_psql('postgres', q{SELECT count(*) > 0, bool_and(cohort::text = (SELECT t FROM sound WHERE type = 'sipp.cohort')) FROM loaded WHERE n IN (SELECT n FROM malformed WHERE type = 'sipp.peers')}),
		't|t', '... unharmed');
}
$node->stop;
done_testing();
