# Cohorts with an enum outlive what renumbers its labels: new values put between
# old ones, a dump, another server with a declaration of its own.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('enum');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
my $dir = PostgreSQL::Test::Utils::tempdir();

sub places
{
	my ($db) = @_;

	return $node->safe_psql($db, q{
		SELECT string_agg(enumlabel || ' ' || enumsortorder, ',' ORDER BY enumlabel) FROM pg_enum WHERE enumlabel IN ('S4', 'S5', 'S6')});
}

# Merging and fitting all stored cohorts, and what the pupils themselves give.
my $figures = q{
	SELECT c::jsonb->'terms'->0->>'levels', c::jsonb->'terms'->0 ? 'before', sipp.size(c), round(sipp.mean(c)::numeric, 9),
		   round((sipp.fit_summary(m)).deviance::numeric, 6),
		   (SELECT string_agg(coalesce(level, term) || ' ' || round(estimate::numeric, 6), ',') FROM sipp.coefficients(m)),
		   (SELECT count(e.effect) FROM old, sipp.effect(c, m) e), (SELECT string_agg(DISTINCT e.reason, ',') FROM old, sipp.effect(c, m) e) };
my $stored = "$figures FROM (SELECT sipp.merge(c) AS c, sipp.value_added(c) AS m FROM (SELECT c FROM old UNION ALL SELECT c FROM new) s) s";
my $direct = "$figures FROM (SELECT sipp.merge(c) AS c, sipp.value_added(c) AS m FROM
	(SELECT sipp.cohort(y, st, x) AS c FROM pupil WHERE year = 1 GROUP BY school UNION ALL SELECT sipp.cohort(y, st, x) FROM pupil WHERE year = 2 GROUP BY school) s) s";

$node->safe_psql('postgres', q{
	CREATE EXTENSION sipp;
	CREATE TYPE stage AS ENUM ('S6', 'S4', 'S5');
	CREATE TABLE pupil (i int, school int, year int, y float8, x float8, st stage);
	INSERT INTO pupil SELECT i, i % 9, 1, sin(i) * 7 + i % 9, cos(i), (enum_range(NULL::stage))[1 + i / 9 % 3] FROM generate_series(1, 300) i;
	CREATE TABLE old AS SELECT school, sipp.cohort(y, st, x ORDER BY i) AS c FROM pupil GROUP BY school;
	CREATE TABLE model AS SELECT sipp.value_added(c) AS m FROM old;
	CREATE INDEX ON old (c);
});
my $before = places('postgres');

#
# Thirty values, each put before the same one: the server runs out of places
# between two and numbers all of them anew.
#
$node->safe_psql('postgres', join('', map { "ALTER TYPE stage ADD VALUE 'S5.$_' BEFORE 'S5';\n" } 10 .. 39));
isnt(places('postgres'), $before, 'the server has renumbered the labels');
$node->safe_psql('postgres', q{
	INSERT INTO pupil SELECT i, i % 9, 2, sin(i) * 7 + i % 9, cos(i), (enum_range(NULL::stage))[1 + i / 9 * 7 % 33] FROM generate_series(1001, 1500) i;
	CREATE TABLE new AS SELECT school, sipp.cohort(y, st, x) AS c FROM pupil WHERE year = 2 GROUP BY school});
is($node->safe_psql('postgres', $stored), $node->safe_psql('postgres', $direct), 'old and new cohorts go together');
like($node->safe_psql('postgres', $stored), qr/^\["S6", "S4", "S5\.10", "S5\.11".*"S5\.39", "S5"\]\|f\|800\|/, 'with the levels as declared');
is($node->safe_psql('postgres', q{
		SELECT bool_and(old.c OPERATOR(sipp.=) p.c) FROM old JOIN (SELECT school, sipp.cohort(y, st, x ORDER BY i) AS c FROM pupil WHERE year = 1 GROUP BY school) p USING (school)}),
	't', 'the same pupils give the same bytes as before');

# what was merged can be taken out again, and models of the two compare
is($node->safe_psql('postgres', q{
		SELECT count(*), bool_and(sipp.size(sipp.subtract(sipp.add(old.c, new.c), old.c)) = sipp.size(new.c)),
			   bool_and((sipp.subtract(sipp.add(old.c, new.c), old.c))::jsonb->'terms' = new.c::jsonb->'terms') FROM old JOIN new USING (school)}),
	'9|t|t', 'taking the old out leaves the new');
is($node->safe_psql('postgres', q{
		SELECT (sipp.compare(m, n)).chi2 < 1e-9 FROM model,
			   (SELECT sipp.value_added(c) AS n FROM (SELECT sipp.cohort(y, st, x) AS c FROM pupil WHERE year = 1 GROUP BY school) s) s}),
	't', 'an old model is that of the same pupils today');

#
# Dump and restore number the labels from 1
#
foreach my $format ('plain', 'custom')
{
	my $file = "$dir/$format";

	$node->safe_psql('postgres', "CREATE DATABASE $format");
	$node->run_log([ 'pg_dump', '-Fc', '-f', $file, $node->connstr('postgres') ]) if $format eq 'custom';
	$node->run_log([ 'pg_dump', '-f', $file, $node->connstr('postgres') ]) if $format eq 'plain';
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($format), $file ], 'restored') if $format eq 'custom';
	$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, $node->connstr($format) ], 'restored') if $format eq 'plain';
	isnt(places($format), places('postgres'), "$format: the labels have other numbers");
	is($node->safe_psql($format, $stored), $node->safe_psql('postgres', $stored), '... and the stored cohorts the same figures');
	$node->safe_psql($format, q{
		DROP TABLE new;
		CREATE TABLE new AS SELECT school, sipp.cohort(y, st, x) AS c FROM pupil WHERE year = 2 GROUP BY school});
	is($node->safe_psql($format, $stored), $node->safe_psql($format, $direct), '... old ones go together with new ones');
	is($node->safe_psql($format, q{
			SELECT count(*), bool_and(e.reason IS NULL) FROM model, (SELECT sipp.cohort(y, st, x) AS c FROM pupil WHERE year = 1 GROUP BY school) s, sipp.effect(c, m) e}),
		'9|t', '... and new ones are placed under the old model');
}

#
# A declaration in another order: an error with both orders and the way out
#
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('postgres', "COPY (SELECT c FROM old) TO '$dir/old.bin' (FORMAT binary); COPY (SELECT c::text FROM old) TO '$dir/old.txt'");
$node->safe_psql('other', qq{
	CREATE EXTENSION sipp;
	CREATE TYPE stage AS ENUM ('S4', 'S5', 'S6');
	CREATE TABLE old (c sipp.cohort);
	COPY old FROM '$dir/old.bin' (FORMAT binary);
	COPY old FROM '$dir/old.txt';
	CREATE TABLE pupil AS SELECT i, sin(i) AS y, cos(i) AS x, (enum_range(NULL::stage))[1 + i % 3] AS st FROM generate_series(1, 30) i});
my ($status, $out, $err) = $node->psql('other', 'SELECT sipp.add(old.c, p.c) FROM old, (SELECT sipp.cohort(y, st, x) AS c FROM pupil) p LIMIT 1');
like($err, qr/term "st" has contradicting orders of its levels in two cohorts/, 'another declaration is an error');
like($err, qr/Level "S6" stands before "S\d" in one \(S6 < S4 < S5\), and after it in the other \(S4 < S5 < S6\)\./, '... that names two levels and both orders');
like($err, qr/sipp\.cohort\(outcome, st::text\)/, '... and the way out');

# where the two do not contradict each other, cohorts travel between servers: the
# states of an aggregate too, which go by their text or binary form
is($node->safe_psql('other', q{
		SELECT DISTINCT sipp.add(old.c, p.c)::jsonb->'terms'->0 FROM old, (SELECT sipp.cohort(y, st, x) AS c FROM pupil WHERE st <> 'S6') p}),
	'{"kind": "enum", "name": "st", "levels": ["S6", "S4", "S5"]}', 'levels declared alike go together');
is($node->safe_psql('postgres', q{
		CREATE AGGREGATE raw_state(float8, VARIADIC "any") (SFUNC = sipp.cohort_accum, STYPE = sipp.cohort);
		CREATE TABLE shipped AS SELECT raw_state(y, st, x) AS s FROM pupil WHERE year = 1 GROUP BY school;
		ALTER TYPE stage ADD VALUE 'S4.1' BEFORE 'S5.10';
		SELECT sipp.rename(sipp.merge(s), 'st', 'x')::jsonb->'terms'->0->'levels', sipp.merge(s::text::sipp.cohort)::text = sipp.merge(s)::text FROM shipped}),
	'["S6", "S4", "S5"]|t', 'a state keeps its own order');

#
# Labels numbered anew by another session while a cohort is being made: S5 is read
# before, S6 and new ones after
#
my $psql = join(' ', $node->config_data('--bindir') . '/psql', '-X -q -d postgres -h', $node->host, '-p', $node->port);
$node->safe_psql('postgres', qq{
	CREATE TYPE moving AS ENUM ('S4', 'S5', 'S6');
	CREATE FUNCTION read(i int) RETURNS moving LANGUAGE plpgsql VOLATILE AS \$\$
	BEGIN
		IF i = 2 THEN
			COPY (SELECT format('ALTER TYPE moving ADD VALUE ''x%s'' BEFORE ''S5'';', k) FROM generate_series(10, 60) k) TO PROGRAM \$program\$$psql\$program\$;
			PERFORM FROM pupil;	-- a lock, before which a session hears of what others did
		END IF;
		RETURN ('{S5,S6,x20,x40,S4}'::text[])[i];
	END \$\$});
is($node->safe_psql('postgres', q{
		SELECT sipp.cohort(i, read(i))::jsonb->'terms'->0->'levels' FROM generate_series(1, 5) i;
		SELECT enumsortorder > 3 FROM pg_enum WHERE enumlabel = 'S6' AND enumtypid = 'moving'::regtype}),
	"[\"S4\", \"x20\", \"x40\", \"S5\", \"S6\"]\nt", 'labels numbered anew within a query keep their order');

#
# Another encoding, whose bytes sort otherwise: what is open is listed otherwise,
# what is known stays
#
$node->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'LATIN9' LOCALE 'C' TEMPLATE template0");
$node->safe_psql('postgres', qq{
	SET client_encoding = 'UTF8';
	CREATE TYPE letter AS ENUM ('z', 'é', '€', 'œ', 'a');
	CREATE TABLE open AS SELECT sipp.merge(c) AS c, sipp.value_added(c) AS m FROM (
		SELECT sipp.cohort(sin(i) + k, l) AS c FROM (VALUES (1, 'z'::letter), (1, 'é'), (2, '€'), (2, 'œ'), (3, 'a'), (4, 'z'), (4, 'œ')) v (k, l), generate_series(1, 9) i GROUP BY k) s;
	COPY open TO '$dir/open.bin' (FORMAT binary);
	COPY open TO '$dir/open.txt'});
$node->safe_psql('latin', qq{
	SET client_encoding = 'UTF8';
	CREATE EXTENSION sipp;
	CREATE TABLE open (c sipp.cohort, m sipp.model);
	COPY open FROM '$dir/open.bin' (FORMAT binary);
	COPY open FROM '$dir/open.txt';
	COPY open TO '$dir/back.bin' (FORMAT binary)});
my $levels = "SET client_encoding = 'UTF8'; SELECT DISTINCT t->'levels' FROM open, unnest(ARRAY[c::jsonb->'terms'->0, m::jsonb->'terms'->0]) t";
my $pairs = q{
	SET client_encoding = 'UTF8';
	SELECT string_agg(pair, ',' ORDER BY convert_to(pair, 'UTF8')) FROM (
		SELECT DISTINCT concat(t->'levels'->(p->>0)::int, t->'levels'->(p->>1)::int) AS pair
		FROM open, unnest(ARRAY[c::jsonb->'terms'->0, m::jsonb->'terms'->0]) t, jsonb_array_elements(t->'before') p) s};
isnt($node->safe_psql('latin', $levels), $node->safe_psql('postgres', $levels), 'levels are listed by the bytes of the encoding');
is($node->safe_psql('latin', $pairs), $node->safe_psql('postgres', $pairs), '... in the same order as far as it is known');
is($node->safe_psql('latin', 'SELECT count(*), count(DISTINCT c::text), count(DISTINCT m::text), bool_and(c::text::sipp.cohort OPERATOR(sipp.=) c AND m::text::sipp.model OPERATOR(sipp.=) m) FROM open'),
	'2|1|1|t', '... canonical there');
is($node->safe_psql('postgres', qq{
		CREATE TABLE back (LIKE open);
		COPY back FROM '$dir/back.bin' (FORMAT binary);
		SELECT bool_and(back.c OPERATOR(sipp.=) open.c AND back.m OPERATOR(sipp.=) open.m) FROM back, open}), 't', '... and the same bytes when it comes back');

#
# Bytes on the wire that leave out what follows: a before b, b before c, d open, and
# not a before c
#
$node->safe_psql('postgres', qq{
	CREATE TABLE wire (c sipp.cohort);
	INSERT INTO wire VALUES ('{"version":1,"rows":4,"dropped":0,"terms":[{"name":"e","kind":"enum","levels":["a","b","c","d"],"before":[[0,1],[1,2]]}],
		"mean":[0],"cross":[0],"level_rows":[1,1,1,1],"level_sum":[0,0,0,0]}');
	COPY wire TO '$dir/wire.bin' (FORMAT binary)});
my $wire = PostgreSQL::Test::Utils::slurp_file("$dir/wire.bin");
is(($wire =~ s/\x02d\x01\x0b/\x02d\x01\x09/), 1, 'the bit of a before c is there');
open(my $fh, '>:raw', "$dir/open_wire.bin") or die $!;
print $fh $wire;
close $fh;
is($node->safe_psql('postgres', qq{
		CREATE TABLE received (LIKE wire);
		COPY received FROM '$dir/open_wire.bin' (FORMAT binary);
		SELECT received.c OPERATOR(sipp.=) wire.c FROM received, wire}), 't', 'and is drawn as a conclusion where it is not');

$node->stop;
done_testing();
