# Stored cohorts, models, schools and plans survive pg_dump and restore, COPY in
# text and binary, and a change of encoding.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
my $dir = PostgreSQL::Test::Utils::tempdir();

sub create_database
{
	my ($name, $encoding) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	return;
}

# The text form of all that is stored, out of a database of any encoding, as
# UTF-8 bytes.
sub stored
{
	my ($db) = @_;

	return $node->safe_psql($db, q{
		SET client_encoding = 'UTF8';
		SELECT what, c::text, m::text FROM kept ORDER BY what COLLATE "C"});
}

# Is each value the canonical form of itself, and do the copies equal the
# originals as values of the type?
sub canonical
{
	my ($db) = @_;

	return $node->safe_psql($db, q{
		SELECT count(*),
			   bool_and((c::text::sipp.cohort OPERATOR(sipp.=) c) IS NOT FALSE
						AND sipp.cohort_send(c) IS NOT DISTINCT FROM sipp.cohort_send(c::text::sipp.cohort)),
			   bool_and((m::text::sipp.model OPERATOR(sipp.=) m) IS NOT FALSE
						AND sipp.model_send(m) IS NOT DISTINCT FROM sipp.model_send(m::text::sipp.model))
		FROM kept});
}

# The same of schools and of what is read from plans, the plans' text included.
sub pairing
{
	my ($db) = @_;

	return $node->safe_psql($db, q{
		SET client_encoding = 'UTF8';
		SELECT i, s::text FROM school ORDER BY i;
		SELECT what, p::text FROM plan ORDER BY what COLLATE "C";
		SELECT what, x.* FROM plan, LATERAL sipp.pairs(p) x ORDER BY what COLLATE "C", convert_to(concat(x.partner, ' ', x.lead), 'UTF8'), x.place;
		SELECT what, x.* FROM plan, LATERAL sipp.plan_summary(p) x ORDER BY what COLLATE "C";
		SELECT what, x.* FROM plan, LATERAL sipp.certificate(p) x
		ORDER BY what COLLATE "C", x.kind, convert_to(concat(x.partner, ' ', x.lead), 'UTF8')});
}

# Is each school and each plan the canonical form of itself?
sub canonical_pairing
{
	my ($db) = @_;

	return $node->safe_psql($db, q{
		SELECT (SELECT count(*) || '|' || bool_and(sipp.school_send(s::text::sipp.school) IS NOT DISTINCT FROM sipp.school_send(s)
												  AND s::text::sipp.school::text IS NOT DISTINCT FROM s::text) FROM school),
			   (SELECT count(*) || '|' || bool_and(sipp.plan_send(p::text::sipp.plan) IS NOT DISTINCT FROM sipp.plan_send(p)) FROM plan)});
}

# A database with every kind of cohort and model.  Among the levels are letters
# whose bytes stand in another order in LATIN9 (the euro before e acute, oe before
# both) than in UTF-8.
create_database('source', 'UTF8');
$node->safe_psql('source', q{
	SET client_encoding = 'UTF8';
	CREATE EXTENSION sipp;
	CREATE TYPE stage AS ENUM ('S6', 'Été', 'S4', 'ß');
	CREATE TABLE pupil AS
		SELECT i, i % 23 AS school, sin(i) * 7 + i % 11 AS y, 2000 + i % 7 AS "année", 1 + i % 4 AS w, cos(i) / 3 AS x,
			   (enum_range(NULL::stage))[1 + i * 7 % 4] AS st,
			   (ARRAY['é', 'z', 'ß', '€', 'œuvre', 'ÿ', 'zz', '"', '\\', ''])[1 + i * 13 % 10] AS f
		FROM generate_series(1, 2000) i;
	CREATE TABLE kept (what text PRIMARY KEY, c sipp.cohort, m sipp.model);
	INSERT INTO kept SELECT 'school ' || school, sipp.cohort(y, x, st, f, "année") FROM pupil GROUP BY school;
	INSERT INTO kept SELECT 'weighted ' || school, sipp.weighted_cohort(w / 3.0, y, x, st, f) FROM pupil GROUP BY school;
	INSERT INTO kept SELECT 'context ' || school, sipp.with_context(sipp.cohort(y, x, st, f), 'x', 'st', 'f') FROM pupil GROUP BY school;
	INSERT INTO kept SELECT 'national', sipp.merge(c) FROM kept WHERE what LIKE 'context%';
	INSERT INTO kept SELECT 'relevelled', sipp.relevel(c, 'f', 'ß') FROM kept WHERE what = 'national';
	INSERT INTO kept SELECT 'rest', sipp.subtract(n.c, s.c) FROM kept n, kept s WHERE n.what = 'national' AND s.what = 'context 7';
	INSERT INTO kept SELECT 'weighted rest', sipp.subtract(n.c, s.c)
		FROM (SELECT sipp.merge(c) AS c FROM kept WHERE what LIKE 'weighted%') n, kept s WHERE s.what = 'weighted 7';
	INSERT INTO kept SELECT 'array', sipp.cohort_array(y, ARRAY[x], ARRAY[f]) FROM pupil;
	INSERT INTO kept SELECT 'bare', sipp.cohort(y) FROM pupil;
	INSERT INTO kept SELECT 'empty', sipp.cohort(NULL::float8, x, f) FROM pupil;
	INSERT INTO kept SELECT 'shapeless', sipp.cohort_array(y, NULL, NULL) FROM pupil;
	INSERT INTO kept SELECT 'one', sipp.cohort(y, x, f) FROM pupil WHERE i = 3;
	INSERT INTO kept VALUES ('null', NULL, NULL);
	INSERT INTO kept SELECT 'model', NULL, sipp.value_added(c) FROM kept WHERE what LIKE 'school%';
	INSERT INTO kept SELECT 'model of context', NULL, sipp.value_added(c) FROM kept WHERE what LIKE 'context%';
	INSERT INTO kept SELECT 'weighted model', NULL, sipp.value_added_ml(c) FROM kept WHERE what LIKE 'weighted _%' AND what <> 'weighted rest';
	INSERT INTO kept SELECT 'slopes', NULL, sipp.value_added(c, 'x') FROM kept WHERE what LIKE 'school%';
	CREATE INDEX ON kept (c);
	CREATE INDEX ON kept USING hash (m);
	CREATE MATERIALIZED VIEW effect AS
		SELECT k.what, e.* FROM kept k, kept n, LATERAL sipp.effect(k.c, n.m) e WHERE n.what = 'model' AND k.what LIKE 'school%';
	CREATE TABLE pool AS
		SELECT i, sipp.comparator(y, school, f) OVER (PARTITION BY st) AS p, sipp.comparator(i % 3 = 0, school) OVER (PARTITION BY st, f) AS q,
			   sipp.nearest_comparator(y, school, f, x) OVER (PARTITION BY st) AS r FROM pupil
		UNION ALL SELECT 0, NULL, NULL, NULL;
	-- a view keeps a call with and without its optional arguments
	CREATE VIEW window_view AS
		SELECT i, sipp.comparator(y, school) OVER w AS p, sipp.comparator_draw(i, school) OVER w AS d, sipp.comparator_draw(i, school, NULL, seed => 3) OVER w AS e,
			   sipp.nearest_comparator(y, school, NULL, x, caliper => 0.1) OVER w AS n
		FROM pupil WINDOW w AS (PARTITION BY st);
	CREATE VIEW benchmark AS SELECT school, (v).* FROM (SELECT school, sipp.virtual_school(y, p) AS v FROM pupil JOIN pool USING (i) GROUP BY school) s;
	CREATE MATERIALIZED VIEW by_stage AS SELECT st, sipp.cohort(y, x, f) AS c FROM pupil GROUP BY st;
});

# Schools of every kind, and a plan of each kind of them; ids of letters whose
# order differs between the encodings, as above, decide ties and stand in plans
# as in reasons.
$node->safe_psql('source', q{
	SET client_encoding = 'UTF8';
	CREATE TABLE school AS
		SELECT i, sipp.school(id => (ARRAY['é', 'z', 'ß', '€', 'œuvre', 'ÿ', 'zz', '"', '\', 'École 1'])[1 + i % 10] || i,
							  sector => CASE WHEN i % 17 > 0 THEN (ARRAY['collège', 'lycée'])[1 + i % 2] END,
							  authority => (ARRAY['Šibenik', 'b€', 'œ', NULL, 'd'])[1 + i / 3 % 5],
							  cluster => CASE WHEN i % 9 = 0 THEN 'Žižkov' END,
							  role => (ARRAY['partner', 'lead', 'coasting', 'either', 'none'])[1 + i * 7 % 5],
							  effect => CASE WHEN i % 19 > 0 THEN sin(i) END, effect_se => 0.1 + i % 3 / 7.0,
							  context => CASE WHEN i % 23 > 0 THEN ARRAY[sin(i * 3.3), cos(i / 3.0), CASE WHEN i % 29 > 0 THEN i % 4 END] END,
							  context_names => ARRAY['é', '€', 'œ'],
							  deprivation => ARRAY[i % 7 / 13.0, 3 / 13.0, (10 - i % 7) / 13.0],
							  subjects => ARRAY[cos(i), sin(i * 2)], subjects_se => ARRAY[0.1, 0.3], subject_names => ARRAY['français', 'œnologie'],
							  lat => CASE WHEN i % 31 > 0 THEN 45 + sin(i * 1.7) END, lon => CASE WHEN i % 31 > 0 THEN cos(i * 2.3) END, capacity => i % 4,
							  excludes => CASE WHEN i % 6 = 0 THEN ARRAY['œuvre' || i + 4, 'zz', '€' || i + 3, 'é7', 'Š'] END) AS s
		FROM generate_series(1, 120) i
		UNION ALL SELECT 0, sipp.school(id => 'Šœ€'::text)
		UNION ALL SELECT -1, NULL;
	CREATE TABLE plan (what text PRIMARY KEY, p sipp.plan);
	INSERT INTO plan
		SELECT mode, sipp.pairing_plan(ARRAY(SELECT s FROM school WHERE i > 0), mode => mode, min_p_better => 0.6)
		FROM unnest(ARRAY['optimal', 'stable', 'greedy']) mode;
	INSERT INTO plan
		SELECT 'places', sipp.pairing_plan(ARRAY(SELECT s FROM school WHERE i > 0), authority => 'prefer', sector => 'any', supports_per_partner => 3, min_p_better => 0.5)
		UNION ALL SELECT 'locked', sipp.pairing_plan(ARRAY(SELECT s FROM school WHERE i > 0), min_score => 0.3, locked =>
			ARRAY(SELECT ARRAY[x.partner, x.lead] FROM plan, LATERAL sipp.pairs(p) x WHERE what = 'optimal' AND x.lead IS NOT NULL LIMIT 5))
		UNION ALL SELECT 'none', sipp.pairing_plan('{}')
		UNION ALL SELECT 'own costs', (SELECT sipp.assign('é' || i, '€' || j, 1e300 * sin(i * j), 1 + j % 2)
									   FROM generate_series(1, 9) i, generate_series(1, 5) j)
		UNION ALL SELECT 'null', NULL;
	CREATE VIEW pair_view AS SELECT what, x.partner, x.lead, x.cost, x.reason FROM plan, LATERAL sipp.pairs(p) x;
	CREATE VIEW options AS SELECT (f).* FROM (SELECT sipp.plan_summary(sipp.pairing_plan(ARRAY(SELECT s FROM school WHERE i > 0), unpaired_cost => 0.9)) AS f) q;
	CREATE MATERIALIZED VIEW again AS
		SELECT x.* FROM sipp.pairs(sipp.pairing_plan(ARRAY(SELECT s FROM school WHERE i > 0), min_p_better => 0.6)) x;
});
my $original = stored('source');
my $pairing = pairing('source');
is(canonical_pairing('source'), '122|true|8|true', 'stored schools and plans are canonical');
is($node->safe_psql('source', q{
		SELECT count(*) FILTER (WHERE x.lead IS NOT NULL) > 50, count(*) FILTER (WHERE x.reason IS NOT NULL) > 50,
			   count(*) FILTER (WHERE x.runner_up IS NOT NULL) > 50, count(*) FILTER (WHERE x.locked) = 5 FROM plan, LATERAL sipp.pairs(p) x}),
	't|t|t|t', 'the plans have pairs and reasons');
like($pairing, qr/\xe2\x82\xac\d+.*\xc5\x93uvre\d+/s, '... of letters outside ASCII');
is(canonical('source'), '83|t|t', 'stored values are canonical');

# what a change of encoding rests on: the letters are really there, in this order
like($original, qr/\xc3\x89t\xc3\xa9/, 'the dictionaries have letters outside ASCII');
like($original, qr/"\xc3\xa9".*"\xe2\x82\xac"/, 'in the order of their UTF-8 bytes');

#
# pg_dump and restore, plain and custom
#
$node->run_log([ 'pg_dump', '-f', "$dir/plain.sql", $node->connstr('source') ]);
create_database('plain', 'UTF8');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain.sql", $node->connstr('plain') ],
	'pg_dump | psql');
ok(stored('plain') eq $original, 'the same values');
is(canonical('plain'), '83|t|t', 'still canonical');
ok(pairing('plain') eq $pairing, 'the same schools, and the same read from the plans');
is(canonical_pairing('plain'), '122|true|8|true', 'still canonical');

# by default pg_dump sets extra_float_digits; ours does not need it
create_database('custom', 'UTF8');
$node->command_ok([ 'pg_dump', '-Fc', '--extra-float-digits=-15', '--inserts', '-f', "$dir/custom.dump", $node->connstr('source') ], 'pg_dump -Fc');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('custom'), "$dir/custom.dump" ], 'pg_restore');
ok(stored('custom') eq $original, 'the same values');
ok(pairing('custom') eq $pairing, 'the same schools, and the same read from the plans');

# materialized views are filled again, under the empty search_path of a dump
is($node->safe_psql('custom', q{SELECT count(*), sum(sipp.size(c)) FROM by_stage}), '4|2000', 'materialized views are filled');
is($node->safe_psql('custom', 'SELECT * FROM effect ORDER BY what'), $node->safe_psql('source', 'SELECT * FROM effect ORDER BY what'),
	'... with the same effects');

# peers, and views of windows
my $pools = 'SELECT i, p, q, r FROM pool ORDER BY i';
my $windows = 'SELECT count(*), md5(string_agg(i::text || p::text || d::text || e::text || n::text, chr(10) ORDER BY i)) FROM window_view';
my $benchmark = 'SELECT * FROM benchmark ORDER BY school';
is($node->safe_psql($_, $pools), $node->safe_psql('source', $pools), "$_: the same peers") foreach 'plain', 'custom';

# (the outcomes themselves have lost digits in the other one)
is($node->safe_psql('plain', $windows), $node->safe_psql('source', $windows), 'views of windows show the same');
is($node->safe_psql('plain', $benchmark), $node->safe_psql('source', $benchmark), 'and so does a benchmark of them');

# views of plans, and plans made anew of the restored schools
foreach my $query ('SELECT * FROM pair_view ORDER BY what, partner, lead', 'SELECT * FROM options', 'SELECT * FROM again ORDER BY partner, lead',
	q{SELECT x.* FROM sipp.certificate(sipp.pairing_plan(ARRAY(SELECT s FROM school WHERE i > 0 ORDER BY i DESC), min_p_better => 0.6)) x ORDER BY kind, partner, lead})
{
	is($node->safe_psql('plain', $query), $node->safe_psql('source', $query), "the same: $query");
}

# equality across databases, of the type and not of its text
for my $db ('plain', 'custom')
{
	$node->safe_psql('source', "COPY (SELECT what, c, m FROM kept) TO '$dir/for_$db.bin' (FORMAT binary)");
	is($node->safe_psql($db, qq{
			CREATE TEMP TABLE other (LIKE kept);
			COPY other FROM '$dir/for_$db.bin' (FORMAT binary);
			SELECT count(*), bool_and((k.c OPERATOR(sipp.=) o.c) IS NOT FALSE AND (k.m OPERATOR(sipp.=) o.m) IS NOT FALSE
									  AND num_nulls(k.c, o.c) <> 1 AND num_nulls(k.m, o.m) <> 1)
			FROM kept k JOIN other o USING (what)}),
		'83|t', "$db: COPY BINARY from the source brings equal values");
}

# the indexes hold
is($node->safe_psql('plain', q{
		SET enable_seqscan = off;
		SELECT count(*) FROM kept a JOIN kept b ON a.c OPERATOR(sipp.=) b.c WHERE a.what <> b.what}),
	$node->safe_psql('source', q{SELECT count(*) FROM kept a JOIN kept b ON a.c::text = b.c::text WHERE a.what <> b.what}),
	'the restored index finds what there is');

#
# Into another encoding and back
#
create_database('latin', 'LATIN9');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain.sql", $node->connstr('latin') ],
	'a dump in UTF-8 into a LATIN9 database');
is($node->safe_psql('latin', 'SELECT canonical FROM (SELECT count(*) AS canonical FROM kept) s'), '83', 'all rows');
is(canonical('latin'), '83|t|t', 'values are canonical there');

# the same figures: as sets of levels, since levels are sorted by their bytes
my $sorted = q{
	SET client_encoding = 'UTF8';
	SELECT what, d.* FROM kept, sipp.describe(c) d
	ORDER BY what COLLATE "C", term COLLATE "C", convert_to(level, 'UTF8')};
is($node->safe_psql('latin', $sorted), $node->safe_psql('source', $sorted), 'the same contents');

like($node->safe_psql('latin', q{SET client_encoding = 'UTF8'; SELECT c FROM kept WHERE what = 'national'}),
	qr/"\xe2\x82\xac".*"\xc3\xa9"/, 'sorted by the bytes of that encoding');

# merging and fitting go on there, with another reference level where the first
# one is another; so do predictions from the model that was brought along
my $fit = q{
	SELECT schools, pupils, round(school_variance::numeric, 9), round(deviance::numeric, 6), sipp.size(c)
	FROM (SELECT sipp.merge(c) AS c, sipp.value_added(c) AS m FROM kept WHERE what LIKE 'school%') s, LATERAL sipp.fit_summary(m) f};
is($node->safe_psql('latin', $fit), $node->safe_psql('source', $fit), 'the same fit');
my $effects = q{
	SELECT k.what, round(effect::numeric, 9), round(expected::numeric, 9), reason
	FROM kept k, kept n, LATERAL sipp.effect(k.c, n.m) e WHERE n.what = 'model' AND k.what LIKE 'school%' ORDER BY 1};
is($node->safe_psql('latin', $effects), $node->safe_psql('source', $effects), 'the same effects under the old model');

# plans and schools, as strings in UTF-8; a plan made there of the schools is the
# same, though their ids have another order there
ok(pairing('latin') eq $pairing, 'the same schools, and the same read from the plans');
is(canonical_pairing('latin'), '122|true|8|true', 'canonical there');
my $anew = q{
	SET client_encoding = 'UTF8';
	SELECT sipp.pairing_plan(ARRAY(SELECT s FROM school WHERE i > 0 ORDER BY i % 7, i), mode => mode, min_p_better => 0.6)
	FROM unnest(ARRAY['optimal', 'stable', 'greedy']) mode;
	SELECT sipp.pairing_plan(ARRAY(SELECT s FROM school WHERE i > 0), authority => 'prefer', sector => 'any', supports_per_partner => 3, min_p_better => 0.5);
	SELECT sipp.assign('é' || i, '€' || j, 1e300 * sin(i * j), 1 + j % 2) FROM generate_series(1, 9) i, generate_series(1, 5) j;
	-- jsonb orders names by the bytes of the database's encoding
	SELECT n.school, n.rank, n.neighbour, n.distance, n.similarity, n.mutual, n.reason,
		   (SELECT array_agg(c::text ORDER BY convert_to(key, 'UTF8')) FROM jsonb_each(n.contributions) c)
	FROM sipp.similar_schools(ARRAY(SELECT s FROM school WHERE i > 0)) n;
	SELECT * FROM sipp.group_schools(ARRAY(SELECT s FROM school WHERE i > 0), min_p_better => 0.5)};
ok($node->safe_psql('latin', $anew) eq $node->safe_psql('source', $anew), 'plans, neighbours and groups made there are the same');

$node->command_ok([ 'pg_dump', '-f', "$dir/latin.sql", $node->connstr('latin') ], 'a dump in LATIN9');
create_database('back', 'UTF8');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/latin.sql", $node->connstr('back') ],
	'... back into a UTF-8 database');
ok(stored('back') eq $original, 'the same values as at first');
is(canonical('back'), '83|t|t', 'canonical again');
ok(pairing('back') eq $pairing, 'the same schools and plans as at first');
is(canonical_pairing('back'), '122|true|8|true', 'canonical again');

# binary: strings travel in the client's encoding, and are sorted again
$node->safe_psql('latin', 'CREATE TABLE before AS SELECT * FROM kept');
$node->safe_psql('source', "COPY kept TO '$dir/utf8.bin' (FORMAT binary)");
$node->safe_psql('latin', "TRUNCATE kept; SET client_encoding = 'UTF8'; COPY kept FROM '$dir/utf8.bin' (FORMAT binary)");
is(canonical('latin'), '83|t|t', 'COPY BINARY in UTF-8 into LATIN9 is canonical');
is($node->safe_psql('latin', q{
		SELECT count(*), bool_and((k.c OPERATOR(sipp.=) b.c) IS NOT FALSE AND (k.m OPERATOR(sipp.=) b.m) IS NOT FALSE)
		FROM kept k JOIN before b USING (what)}), '83|t', '... and what the text form brought');
$node->safe_psql('latin', "COPY kept TO '$dir/latin.bin' (FORMAT binary)");
$node->safe_psql('back', "TRUNCATE kept; SET client_encoding = 'LATIN9'; COPY kept FROM '$dir/latin.bin' (FORMAT binary)");
ok(stored('back') eq $original, 'and back again');

foreach my $table ('school', 'plan')
{
	$node->safe_psql('source', "COPY $table TO '$dir/$table.bin' (FORMAT binary)");
	$node->safe_psql('latin', "TRUNCATE $table; SET client_encoding = 'UTF8'; COPY $table FROM '$dir/$table.bin' (FORMAT binary)");
}
ok(pairing('latin') eq $pairing, 'COPY BINARY of schools and plans in UTF-8 into LATIN9');
is(canonical_pairing('latin'), '122|true|8|true', '... is canonical');
foreach my $table ('school', 'plan')
{
	$node->safe_psql('latin', "COPY $table TO '$dir/$table.bin' (FORMAT binary)");
	$node->safe_psql('back', "TRUNCATE $table; SET client_encoding = 'LATIN9'; COPY $table FROM '$dir/$table.bin' (FORMAT binary)");
}
ok(pairing('back') eq $pairing, 'and back again');

# what has no place in the other encoding is an error, not a question mark
$node->safe_psql('source', q{INSERT INTO kept SELECT 'greek', sipp.cohort(y, 'Ω'::text), NULL FROM pupil});
my ($ret, $out, $err) = $node->psql('source', "SET client_encoding = 'LATIN9'; COPY kept TO '$dir/greek.bin' (FORMAT binary)");
like($err, qr/has no equivalent in encoding "LATIN9"/, 'a letter that LATIN9 lacks cannot be sent');
($ret, $out, $err) = $node->psql('latin', q{SET client_encoding = 'UTF8';
	SELECT '{"version":1,"rows":0,"dropped":0,"terms":[{"name":"Ω","kind":"number"}]}'::sipp.cohort});
like($err, qr/has no equivalent in encoding "LATIN9"/, 'nor read');
($ret, $out, $err) = $node->psql('latin', q{
	SELECT '{"version":1,"rows":0,"dropped":0,"terms":[{"name":"\\u03a9","kind":"number"}]}'::sipp.cohort});
isnt($ret, 0, 'however it is spelt');

# the same of schools and plans in other scripts
my $script = q{
	SELECT i, sipp.school(id => (ARRAY['Ωμέγα', 'школа', '学校', 'مدرسة', '🏫'])[i], role => CASE WHEN i < 3 THEN 'lead' ELSE 'partner' END, effect => -i,
						  effect_se => 0, context => ARRAY[i], context_names => '{число}', authority => i::text, sector => 'Γ', excludes => '{पाठशाला}') AS s
	FROM generate_series(1, 5) i};
$node->safe_psql('source', qq{
	SET client_encoding = 'UTF8';
	CREATE TABLE script AS $script;
	CREATE TABLE script_plan AS SELECT sipp.pairing_plan(ARRAY(SELECT s FROM script)) AS p, sipp.assign(i::text, '学校', i, 2) AS q FROM generate_series(1, 3) i});
is($node->safe_psql('source', q{
		SET client_encoding = 'UTF8';
		SELECT string_agg(x.partner || ' ' || x.lead, ', ' ORDER BY x.partner COLLATE "C") FROM script_plan, LATERAL sipp.pairs(p) x WHERE x.lead IS NOT NULL}),
	"\xd9\x85\xd8\xaf\xd8\xb1\xd8\xb3\xd8\xa9 \xd1\x88\xd0\xba\xd0\xbe\xd0\xbb\xd0\xb0, \xe5\xad\xa6\xe6\xa0\xa1 \xce\xa9\xce\xbc\xce\xad\xce\xb3\xce\xb1",
	'a plan of ids in any script');
my $read = q{SET client_encoding = 'UTF8'; SELECT s FROM script ORDER BY i; SELECT p, q FROM script_plan; SELECT x.* FROM script_plan, LATERAL sipp.pairs(q) x};
$node->command_ok([ 'pg_dump', '-t', 'script*', '-f', "$dir/script.sql", $node->connstr('source') ], 'it is dumped');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/script.sql", $node->connstr('plain') ], '... and restored');
is($node->safe_psql('plain', $read), $node->safe_psql('source', $read), '... the same');
foreach my $copy ([ 'script', '', 1 ], [ 'script', '(FORMAT binary)', 1 ], [ 'script_plan', '', 2 ], [ 'script_plan', '(FORMAT binary)', 2 ])
{
	my ($table, $form, $columns) = @$copy;

	($ret, $out, $err) = $node->psql('source', "SET client_encoding = 'LATIN9'; COPY $table TO '$dir/other' $form");
	like($err, qr/has no equivalent in encoding "LATIN9"/, "$table cannot be sent in LATIN9 $form");
	$node->safe_psql('source', "SET client_encoding = 'UTF8'; COPY $table TO '$dir/other' $form");
	($ret, $out, $err) = $node->psql('latin', "SET client_encoding = 'UTF8'; CREATE TEMP TABLE $table ("
		. ($columns == 1 ? 'i int, s sipp.school' : 'p sipp.plan, q sipp.plan') . "); COPY $table FROM '$dir/other' $form");
	like($err, qr/has no equivalent in encoding "LATIN9"/, "... nor received there");
}
($ret, $out, $err) = $node->psql('latin', q{SELECT '{"version":1,"id":"\u5b66"}'::sipp.school});
isnt($ret, 0, 'nor written as an escape');

$node->stop;
done_testing();
