# Absurd arguments to every function of pairing, and every document that its
# functions read with each of its values replaced: an error that a caller can
# understand, or a sound answer.  Never a crash, a hang or an internal error, and
# never NaN or infinity for a figure.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SIPP_FUZZ_SEED} || 20260101;
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('arguments');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "log_statement = none\nlog_min_messages = fatal\nlog_min_error_statement = panic\nrestart_after_crash = off\n");
$node->start;

$node->safe_psql('postgres', q{
	CREATE EXTENSION sipp;

	-- A nation with everything in it, of n schools.
	CREATE FUNCTION nation(n int) RETURNS sipp.school[] LANGUAGE sql AS $$
		SELECT ARRAY(SELECT sipp.school(id => 's' || i, sector => (ARRAY['x', 'y'])[1 + i % 7 / 5], authority => 'a' || i % 3, cluster => CASE WHEN i % 5 = 0 THEN 'c' END,
			role => (ARRAY['partner', 'lead', 'coasting', 'either', 'lead'])[1 + i % 5], effect => sin(i), effect_se => 0.1 * (i % 3),
			context => ARRAY[cos(i), CASE WHEN i % 6 > 0 THEN i % 4 END], context_names => ARRAY['a', 'b'], deprivation => ARRAY[0.25, i % 4 / 8.0, 0.75 - i % 4 / 8.0], consent => i % 11 > 0,
			subjects => ARRAY[cos(i), -sin(i)], subjects_se => ARRAY[0.1, 0], lat => 50 + sin(i), lon => cos(i), capacity => 1 + i % 2) FROM generate_series(1, n) i)
	$$;
	CREATE TABLE sound AS
		SELECT s, sipp.context_scale(s) AS scale, sipp.context_scale(s, NULL, 'any') AS pooled,
			   sipp.pairing_plan(s, min_p_better => 0.6, supports_per_partner => 2, sector => 'any', locked => ARRAY[ARRAY['s5', 's1']]) AS plan
		FROM (SELECT nation(16) AS s) q;

	-- What is bad about a query's outcome, or NULL; and how it went.
	CREATE TABLE outcome (query text, state text);
	CREATE FUNCTION attempt(query text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		r record;
		state text;
		message text;
	BEGIN
		FOR r IN EXECUTE query LOOP
			IF r::text ~ '\y(NaN|-?Infinity)\y' THEN
				RETURN format('no figure in %s: %s', r, query);
			ELSIF r::text ~ '"certified": false' THEN
				RETURN format('not the best plan: %s', query);
			END IF;
		END LOOP;
		INSERT INTO outcome VALUES (left(query, 100), '00000');
		RETURN NULL;
	EXCEPTION
		WHEN query_canceled THEN
			RETURN 'hangs: ' || query;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
			INSERT INTO outcome VALUES (left(query, 100), state);
			-- no expression is of type internal, so SQL finds no such function
			IF state = '42883' AND query ~ 'sipp\.(assign_\w+|\w+_recv)\(' THEN
				RETURN NULL;
			END IF;
			IF state LIKE 'XX%' OR state LIKE '53%' OR state LIKE '42%' AND state NOT IN ('42701', '42804', '42601') THEN
				RETURN format('%s %s: %s', state, message, left(query, 3000));
			END IF;
			RETURN NULL;
	END $$;

	-- A document with each of its values, in turn, replaced by others, left out,
	-- or given twice the elements.
	CREATE FUNCTION altered(doc jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$
		WITH RECURSIVE at (path, v) AS (
			SELECT '{}'::text[], doc
			UNION ALL
			SELECT path || c.key, c.value FROM at,
				LATERAL (SELECT * FROM jsonb_each(CASE jsonb_typeof(v) WHEN 'object' THEN v ELSE '{}' END)
						 UNION ALL
						 SELECT (o - 1)::text, value FROM jsonb_array_elements(CASE jsonb_typeof(v) WHEN 'array' THEN v ELSE '[]' END) WITH ORDINALITY e (value, o) WHERE o < 4) c)
		SELECT n FROM at, unnest(ARRAY['null', 'true', '""', '"x"', '0', '-1', '1', '2', '0.5', '1e50', '-1e50', '1e308', '-1e308', '1e400', '-1e400', '1e-320', '1e-400',
									   '2147483648', '-2147483649', '9223372036854775808', '1e1000', '[]', '{}', '[1]', '[null]', '["x"]', '{"x": 1}', '[[[]]]']::jsonb[]) x,
			LATERAL (SELECT CASE WHEN path = '{}' THEN x ELSE jsonb_set(doc, path, x) END) y (n)
		UNION ALL SELECT doc #- path FROM at WHERE path <> '{}'
		UNION ALL SELECT jsonb_set(doc, path, v || v) FROM at WHERE path <> '{}' AND jsonb_typeof(v) = 'array'
		UNION ALL SELECT jsonb_set(doc, path, v || '{"x": 1, "": null}') FROM at WHERE path <> '{}' AND jsonb_typeof(v) = 'object'
	$$;
});

# ---------------------------------------------------------------------------
# Absurd values, by type
# ---------------------------------------------------------------------------

my $sound = '(SELECT s FROM sound)';
my %absurd = (
	'double precision' => [ 'NULL', map { "'$_'" } qw(NaN Infinity -Infinity 0 -0 -1 1 0.5 2 1e308 -1e308 5e-324 1e50 1.0000000000000002 2147483648 -90.1 181) ],
	'boolean' => [ 'NULL', 'true', 'false' ],
	'bigint' => [ 'NULL', "'-9223372036854775808'", -1, 0, 1, "'9223372036854775807'" ],
	'integer' => [ 'NULL', -2147483648, -1, 0, 1, 2, 3, 100, 101, 10001, 2147483647 ],
	'text' => [ 'NULL', "''", "'x'", "' '", "'%s%n%d'", "E'\\n\\t\\x01'", "repeat('é', 255)", "repeat('é', 256)", "repeat('x', 3000000)", "'any'", "'same'", "'different'", "'lead'", "'deprivation'" ],
	'double precision[]' => [ 'NULL', (map { "'$_'" } '{}', '{NULL}', '{NULL,NULL}', '{NaN}', '{Infinity}', '{1,-Infinity}', '{1e308,-1e308}', '{1e50,-1e50}', '{5e-324,0}', '{0,0,1}', '{1}', '{1,2}',
		'{{1,2},{3,4}}', '{{0.5,0.5}}', '[5:6]={0.5,0.5}', '[-2147483648:-2147483647]={0.5,0.5}', '[2147483646:2147483646]={1}'),
		'array_fill(0.01::float8, ARRAY[100])', 'array_fill(0.01::float8, ARRAY[101])', 'array_fill(1::float8, ARRAY[1000000])', 'array_fill(1::float8, ARRAY[2,2,2], ARRAY[-1,0,7])' ],
	'text[]' => [ 'NULL', (map { "'$_'" } '{}', '{NULL}', '{""}', '{a}', '{a,a}', '{a,b}', '{a,NULL}', '{s1,s2}', '{{s2,s1}}', '{{s5,s1}}', '{{s5,s1},{s5,s1}}', '{{s5,s1},{s2,s1}}', '{{s1,s1}}', '{{a,b}}', '{{s1,NULL}}', '{{s1,s2,s3}}',
		'[3:4]={s5,s1}', '[2:2][7:8]={{s5,s1}}', '[-2147483648:-2147483648][0:1]={{s5,s1}}', '{{{s5,s1}}}', '{deprivation,x}'),
		"array_fill('x'::text, ARRAY[1001])", "ARRAY(SELECT i::text FROM generate_series(1, 100) i)", "ARRAY(SELECT i::text FROM generate_series(1, 1000) i)", "ARRAY[repeat('x', 3000000)]", "array_fill('s1'::text, ARRAY[100000,2])" ],
	'jsonb' => [ 'NULL', (map { "'$_'" } 'null', '{}', '[]', '0', '"x"', 'true', '{"x":1}', '{"": 1}', '{"a":1}', '{"a":0}', '{"a":-1}', '{"a":null}', '{"a":"1"}', '{"a":[1]}', '{"a":{}}', '{"a":1e400}', '{"a":1e-400,"b":1e-400,"deprivation":1e-400}',
		'{"a":1e308,"b":1e308,"deprivation":1e308}', '{"a":0,"b":0,"deprivation":0}', '{"a":1e-300,"b":1e300}', '{"deprivation":5}', '{"similarity":1}', '{"similarity":0}', '{"similarity":-1}', '{"similarity":null}', '{"similarity":1e308,"gap":1e308}',
		'{"similarity":0,"gap":0,"complementarity":0,"travel":0}', '{"complementarity":1}', '{"gap":1e-320}', '{"travel":1e400}', '{"similarity":true}',
		'{"x":2,"y":1}', '{"x":0,"y":3}', '{"x":1.5,"y":1.5}', '{"x":2147483648}', '{"x":-1,"y":4}', '{"x":"2"}', '{"z":3}', '{"x":3}', '[{"x":3}]'),
		q{(repeat('[', 5000) || repeat(']', 5000))::jsonb}, q{(SELECT jsonb_object_agg(i, i) FROM generate_series(1, 5000) i)}, q{jsonb_build_object(repeat('x', 100000), 1)} ],
	'sipp.school' => [ 'NULL', q{sipp.school(id => 'x')}, q{sipp.school(id => 's1', role => 'either', effect => 1e50, effect_se => 1e50, context => '{1e50,-1e50}', context_names => '{a,b}', deprivation => '{1,0,0}', lat => -90, lon => 180)},
		q{sipp.school(id => 'x', role => 'lead', effect => -1e50, effect_se => 0, context => '{5e-324,0}', context_names => '{a,b}', deprivation => '{0,0,1}', subjects => '{1e50,-1e50}', subjects_se => '{0,1e50}', lat => 0, lon => -180, capacity => 0)},
		q{sipp.school(id => 'x', context => '{1,2}')}, q{sipp.school(id => 'x', role => 'partner', effect => 5e-324, effect_se => 5e-324, context => '{NULL,1}', context_names => '{a,b}', subjects => '{NULL,NULL}', subjects_se => '{NULL,NULL}')},
		'(SELECT s[1] FROM sound)', '(SELECT s[2] FROM sound)' ],
	'sipp.school[]' => [ 'NULL', "'{}'", "'{NULL}'", "'{NULL,NULL}'", "$sound || NULL::sipp.school", "ARRAY[$sound]", "ARRAY[$sound, $sound]", "$sound || $sound", "(SELECT s[1:1] FROM sound)", "(SELECT s[1:2] FROM sound)", "(SELECT s[3:13] FROM sound)",
		# other lower bounds
		q{(SELECT ('[-5:-3]=' || ltrim(s[1:3]::text))::sipp.school[] FROM sound)}, q{(SELECT ('[2147483644:2147483646]=' || s[1:3]::text)::sipp.school[] FROM sound)},
		# all of one role, all alike, numbers at their limits
		(map { qq{ARRAY(SELECT sipp.school(id => 's' || i, sector => 'x', authority => 'a' || i % 4, role => $_) FROM generate_series(1, 15) i)} }
			q{'lead', effect => i, effect_se => 1, context => ARRAY[i]}, q{'partner', effect => i, effect_se => 1, context => ARRAY[i]}, q{'none'}, q{'either', effect => 1, effect_se => 0, context => '{1}'},
			q{'either', effect => 1e50 * (-1) ^ i, effect_se => 1e50, context => ARRAY[1e50 * (-1) ^ i, 1e50]}, q{'either', effect => 5e-324 * i, effect_se => 5e-324, context => ARRAY[5e-324 * i], capacity => i % 2},
			q{'either', effect => i, effect_se => 0, context => ARRAY[i, NULL]}, q{'either', effect => i, effect_se => 0, deprivation => ARRAY[1 - i / 20.0, i / 20.0], lat => (-1) ^ i * 90, lon => (-1) ^ i * 180, capacity => 10000},
			q{'either', effect => 1e-20 * i, effect_se => 1e50, context => ARRAY[1e-30 * i, i * 1e30], context_names => '{a,b}'},
			q{'either', effect => i, effect_se => 0.1, context => ARRAY(SELECT sin(i * j) FROM generate_series(1, 100) j), subjects => array_fill(i * 1e49, ARRAY[100]), subjects_se => array_fill(0, ARRAY[100])}) ],
	'sipp.plan' => [ 'NULL', "(SELECT plan FROM sound)", q{sipp.pairing_plan('{}')}, q{'{"sipp": "plan", "version": 1}'}, q{(SELECT sipp.assign('a', 'b', 1, 1))} ],
	'cstring' => [ 'NULL', "''", "'{}'", "'x'", q{'{"version":1,"id":"x"}'}, q{'{"sipp":"plan","version":1}'}, q{'{"version":1e400}'} ],
	'bytea' => [ 'NULL', q{'\\x'}, q{'\\x00'}, q{decode(repeat('ff', 100), 'hex')} ],
	'internal' => ['NULL']);

# What each argument is while another one is absurd; by function where a name
# stands for several things.
my %base = (
	schools => $sound, partner => '(SELECT s[5] FROM sound)', lead => '(SELECT s[1] FROM sound)', scale => '(SELECT scale FROM sound)', plan => '(SELECT plan FROM sound)',
	id => "'1'", effect => 0.5, effect_se => 0.1, attainment_pct => 0.6, intake_pct => 0.7, trend => -0.1, trend_se => 0.01, school_sd => 0.3, p_min => 0.8, margin => 0.25,
	'school.sector' => "'x'", 'school.authority' => "'y'", role => "'lead'", context => "'{1,2}'", context_names => "'{a,b}'", deprivation => "'{0.5,0.5}'", subjects => "'{1}'", subjects_se => "'{1}'",
	subject_names => "'{m}'", lat => 1, lon => 1, excludes => "'{a}'",
	'school_in.' => q{'{"version":1,"id":"x"}'}, 'plan_in.' => q{'{"sipp":"plan","version":1}'},
	(map { ("$_.partner" => "'p'", "$_.lead" => "'l'", "$_.cost" => 1, "$_.capacity" => 1, "$_.unpaired_cost" => 3,
			"$_.places" => 2, "$_.locked" => 'true', "$_.mode" => "'stable'") } 'assign', 'assign_accum'), quantum => 1, 'cost_units.cost' => 1);

my @functions = map { my ($name, $kind, $args) = split /\t/; [ $name, $kind, map { [ split /=/, $_, 2 ] } split /;/, $args // '' ] } split /\n/, $node->safe_psql('postgres', q{
	SELECT concat_ws(E'\t', proname, prokind, (SELECT string_agg(coalesce(a.name, '') || '=' || format_type(a.type, NULL), ';' ORDER BY o)
											  FROM unnest(proargtypes::oid[], proargnames) WITH ORDINALITY a (type, name, o) WHERE o <= pronargs))
	FROM pg_proc p
	WHERE pronamespace = 'sipp'::regnamespace AND (
		prorettype IN (SELECT oid FROM pg_type WHERE typnamespace = 'sipp'::regnamespace AND typname IN ('school', 'neighbour', 'pair_score', 'plan', 'pair', 'plan_report', 'price', 'group_member'))
		OR proargtypes::oid[] && ARRAY['sipp.school', 'sipp.school[]', 'sipp.plan']::regtype[]::oid[]
		OR proname ~ '^(pairing_|assign|cost_units)')
		-- 020_equality.pl has the comparisons
		AND proname !~ '_(eq|ne|lt|le|gt|ge|cmp|hash|hash_extended)$'
	ORDER BY 1, pronargs});
is(join(' ', map { $_->[0] } @functions),
	'assign assign assign assign assign assign_accum assign_accum assign_accum assign_accum assign_accum assign_combine assign_deserialize assign_final '
	  . 'assign_serialize certificate context_scale cost_units group_schools '
	  . 'pairing_plan pairing_role pairing_score pairs plan_in plan_out plan_recv plan_send plan_summary school school school_in school_out school_recv school_send similar_schools',
	'the functions of the room');

# A call with some arguments, by position, absurd.
sub call_of
{
	my ($function, %given) = @_;
	my ($name, $kind, @args) = @$function;
	my @values;

	foreach my $i (0 .. $#args)
	{
		my ($arg, $type) = @{ $args[$i] };
		my $value = $given{$i} // $base{"$name.$arg"} // $base{$arg};

		# what has a default is left out, where it can be
		next if !defined $value && $arg ne '' && $kind eq 'f' && $type !~ /internal/;
		$value //= $type eq 'text' ? "'x'" : $absurd{$type}[-1];
		push @values, ($kind eq 'f' && $arg ne '' && $name !~ /^assign/ ? "$arg => " : '') . ($type eq 'internal' ? $value : "($value)::$type");
	}
	return "SELECT * FROM sipp.$name(" . join(', ', @values) . ')' if $kind eq 'f';
	# an aggregate: of such rows and of a sound one beside them
	return "SELECT sipp.$name(" . join(', ', @values) . ') FROM generate_series(1, ' . (%given ? 1 + int rand 2 : 1) . ')';
}

# Runs queries, each with a time limit; what is bad about them.
sub attempts
{
	my ($name, @queries) = @_;
	my ($ret, $out, $err) = $node->psql('postgres', "SET statement_timeout = '10s';\nSET client_min_messages = error;\n"
		. join('', map { "SELECT r FROM (SELECT attempt(\$q\$$_\$q\$) AS r OFFSET 0) q WHERE r IS NOT NULL;\n" } @queries));

	ok($ret == 0 && $out eq '' && $err eq '', "$name: " . @queries . ' calls') or diag("seed $seed, status $ret: ", substr($out . $err, 0, 3000));
	return;
}

foreach my $function (@functions)
{
	my ($name, $kind, @args) = @$function;
	my @queries = (call_of($function));

	foreach my $i (0 .. $#args)
	{
		my $values = $absurd{ $args[$i][1] };

		die "no values of type $args[$i][1]" unless $values;
		push @queries, map { call_of($function, $i => $_) } @$values;
	}
	# several at once
	foreach (1 .. @args > 2 ? 150 : 0)
	{
		my %given = map { my $v = $absurd{ $args[$_][1] }; ($_ => $v->[ rand @$v ]) } grep { rand() < 0.3 } 0 .. $#args;

		push @queries, call_of($function, %given);
	}
	$node->safe_psql('postgres', 'TRUNCATE outcome');
	attempts($name, @queries);

	# sound arguments are, and some absurd ones are refused, or nothing is tested
	next if "@{[ map { $_->[1] } @args ]}" =~ /internal/;
	is($node->safe_psql('postgres', 'SELECT state FROM outcome LIMIT 1'), '00000', '... the sound one comes through');
	cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM outcome WHERE state <> '00000'}), '>', @args / 2, '... and others are refused')
	  if $name !~ /^(school_out|school_send|plan_out|plan_send|pairs|certificate|plan_summary)$/;
	note('by SQLSTATE: ', $node->safe_psql('postgres', q{SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM outcome GROUP BY 1) s}));
}

# ---------------------------------------------------------------------------
# Altered documents
# ---------------------------------------------------------------------------

foreach my $case (
	[ 'a scale', 'scale', 'SELECT x.* FROM sound, LATERAL sipp.pairing_score(s[5], s[1], $1, authority => \'any\') x UNION ALL SELECT x.* FROM sound, LATERAL sipp.pairing_score(s[7], s[9], $1, \'{"travel": 0}\') x' ],
	[ 'a pooled scale', 'pooled', 'SELECT x.* FROM sound, LATERAL sipp.pairing_score(s[5], s[1], $1) x' ],
	[ 'a plan', 'plan::jsonb', 'SELECT (SELECT count(*) FROM sipp.pairs($1::text::sipp.plan)), (SELECT count(*) FROM sipp.certificate($1::text::sipp.plan))' ],
	[ 'a plan, as a whole', 'plan::jsonb', 'SELECT to_jsonb(x) - \'{worst,blocking}\'::text[] FROM sipp.plan_summary($1::text::sipp.plan) x' ],
	[ 'a school', '(s[6])::jsonb', 'SELECT sipp.pairing_plan(s[1:5] || $1::text::sipp.school, sector => \'any\') FROM sound' ],
	[ 'a school, alone', '(s[6])::jsonb', 'SELECT $1::text::sipp.school::jsonb, sipp.context_scale(ARRAY[$1::text::sipp.school])' ])
{
	my ($what, $doc, $query) = @$case;

	$query =~ s/\$1/%1\$L::jsonb/g;
	my $bad = $node->safe_psql('postgres', qq{
		SET client_min_messages = error;
		SET statement_timeout = '100s';
		SELECT count(*) > 100 FROM sound, LATERAL altered($doc);
		SELECT r FROM (SELECT attempt(format(\$q\$$query\$q\$, d)) AS r FROM sound, LATERAL altered($doc) d OFFSET 0) q WHERE r IS NOT NULL LIMIT 3});
	is($bad, 't', "$what, altered");
}

# the same server, all along
is($node->safe_psql('postgres', 'SELECT count(*) FROM sound'), '1', 'the server is there');

$node->stop;
done_testing();
