# Mutated values of the stored types, in text and in binary form: each is an
# error or a value that reads again as itself and that every function can be
# given.  Never a crash, a hang or an internal error.  From PostgreSQL 16 on,
# pg_input_is_valid() is true of just the texts that can be cast, and
# pg_input_error_info() says of the others what the cast says.
#
# Values go in as parameters over a connection of our own, since no SQL function
# can be handed a receive function's argument, and psql binds text only.
#
# SIPP_FULL=1 runs 100,000 mutants, else 20,000; SIPP_FUZZ_SEED and
# SIPP_FUZZ_COUNT run others.

use strict;
use warnings;

use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $count = $ENV{SIPP_FUZZ_COUNT} || ($ENV{SIPP_FULL} ? 100_000 : 20_000);
my $seed = $ENV{SIPP_FUZZ_SEED} || 20260101;
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('fuzz');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "statement_timeout = '20s'\nlog_statement = none\nlog_min_messages = fatal\nrestart_after_crash = off\n");
$node->start;

# ---------------------------------------------------------------------------
# What is done with a value that was accepted
# ---------------------------------------------------------------------------

$node->safe_psql('postgres', q{
	CREATE EXTENSION sipp;
	CREATE TYPE stage AS ENUM ('S6', 'S4', 'S5');

	-- values to begin with
	CREATE TABLE pupil AS
		SELECT i, i % 7 AS school, sin(i) * 7 + i % 5 AS y, cos(i) / 3 AS x, i % 3 AS z, 1 + i % 4 AS w,
			   (enum_range(NULL::stage))[1 + i * 5 % 3] AS st, (ARRAY['é', 'z', '', '"'])[1 + i * 13 % 4] AS f
		FROM generate_series(1, 200) i;
	CREATE TABLE cohort (id serial, c sipp.cohort);
	INSERT INTO cohort (c)
		SELECT sipp.cohort(y, x, st, f) FROM pupil GROUP BY school
		UNION ALL SELECT sipp.weighted_cohort(w / 3.0, y, x, st, f) FROM pupil GROUP BY school
		UNION ALL SELECT sipp.with_context(sipp.cohort(y, x, st, f), 'x', 'st', 'f') FROM pupil GROUP BY school
		UNION ALL SELECT sipp.relevel(sipp.cohort(y, f, x, z), 'f', 'z') FROM pupil
		UNION ALL SELECT sipp.cohort(y) FROM pupil
		UNION ALL SELECT sipp.cohort(y, x) FROM pupil WHERE i = 1
		UNION ALL SELECT sipp.cohort(NULL::float8, x, f) FROM pupil
		UNION ALL SELECT sipp.cohort_array(y, NULL, NULL) FROM pupil;
	INSERT INTO cohort (c) SELECT sipp.merge(c) FROM cohort WHERE id BETWEEN 15 AND 21;
	-- orders of an enum that are known in part
	INSERT INTO cohort (c) SELECT sipp.merge(sipp.with_context(c, 'st')) FROM (SELECT sipp.cohort(y, st, x) AS c FROM pupil WHERE st <> 'S4' GROUP BY school
																				 UNION ALL SELECT sipp.cohort(y, st, x) FROM pupil WHERE st = 'S4' GROUP BY school) s;
	CREATE TABLE model (id serial, m sipp.model);
	INSERT INTO model (m)
		SELECT sipp.value_added(c) FROM cohort WHERE id <= 7
		UNION ALL SELECT sipp.value_added_ml(c) FROM cohort WHERE id BETWEEN 8 AND 14
		UNION ALL SELECT sipp.value_added(c) FROM cohort WHERE id BETWEEN 15 AND 21
		UNION ALL SELECT sipp.value_added(c, 'x') FROM cohort WHERE id <= 7
		UNION ALL SELECT sipp.value_added(sipp.subset(c)) FROM cohort WHERE id <= 7
		UNION ALL SELECT sipp.value_added(c) FROM (SELECT c FROM cohort WHERE id > 27 UNION ALL SELECT sipp.with_context(sipp.cohort(y, st, x), 'st') FROM pupil WHERE st = 'S6' GROUP BY school % 2) s;

	CREATE TABLE peers (id serial, p sipp.peers);
	INSERT INTO peers (p)
		SELECT DISTINCT ON (p::text) p FROM (
			SELECT sipp.comparator(y, school, f) OVER (PARTITION BY st) AS p FROM pupil
			UNION ALL SELECT sipp.comparator(i % 2 = 0, school) OVER (PARTITION BY i % 50) FROM pupil
			UNION ALL SELECT sipp.nearest_comparator(y, school, NULL, x, 3) OVER (PARTITION BY st) FROM pupil
			UNION ALL SELECT sipp.peers(c, 3) FROM cohort WHERE NOT c::jsonb ? 'weight') s;

	-- schools with all and with few fields; of the first twelve a sound nation
	CREATE TABLE school (id serial, s sipp.school);
	INSERT INTO school (s)
		SELECT sipp.school(id => 'é' || i, sector => (ARRAY['x', 'y'])[1 + i % 5 / 4], authority => 'a' || i % 3, cluster => CASE WHEN i % 5 = 0 THEN 'c' END,
						   role => (ARRAY['partner', 'lead', 'coasting', 'either', 'none'])[1 + i % 5], effect => sin(i), effect_se => 0.1 * (i % 3),
						   context => ARRAY[cos(i), i % 4], context_names => ARRAY['z', 'é'], deprivation => ARRAY[0.25, i % 4 / 8.0, 0.75 - i % 4 / 8.0],
						   subjects => ARRAY[cos(i), -sin(i)], subjects_se => ARRAY[0.1, 0], lat => 50 + sin(i), lon => cos(i), capacity => i % 3,
						   excludes => CASE WHEN i % 4 = 0 THEN ARRAY['é' || i + 1, 'z'] END)
		FROM generate_series(1, 12) i
		UNION ALL SELECT sipp.school(id => 'z', context => ARRAY[1, NULL], context_names => '{z,é}')
		UNION ALL SELECT sipp.school(id => '"', role => 'lead', effect => 1, effect_se => 1, lat => 90, lon => -180);
	CREATE TABLE plan (id serial, p sipp.plan);
	INSERT INTO plan (p)
		SELECT sipp.pairing_plan(array_agg(s ORDER BY id), authority => 'prefer', min_p_better => 0.4, mode => mode, sector => 'any')
		FROM school, unnest(ARRAY['optimal', 'stable']) mode WHERE id <= 13 GROUP BY mode
		UNION ALL SELECT sipp.pairing_plan(array_agg(s ORDER BY id), authority => 'any', sector => 'any', min_p_better => 0, supports_per_partner => 3,
										   locked => ARRAY[ARRAY['é5', 'é1']]) FROM school WHERE id <= 13
		UNION ALL SELECT sipp.pairing_plan('{}')
		UNION ALL SELECT sipp.assign(i::text, 'z' || j, i * j / 3.0, j) FROM generate_series(1, 5) i, generate_series(1, 2) j
		UNION ALL SELECT sipp.assign(i::text, 'z' || j, CASE WHEN i = j THEN 1e300 ELSE i * j / 3e290 END, j, 1e308, 2, i = 5 AND j = 2, 'greedy') FROM generate_series(1, 5) i, generate_series(1, 2) j;

	-- The rows of an expression on a school, the nation with it, and a plan of that
	-- nation ($1 to $3), as text; an error is fine unless it is an internal one, and
	-- no figure may be NaN or infinite (but a name may be called so).
	CREATE FUNCTION pairs(expression text, s sipp.school, n sipp.school[], p sipp.plan) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		r record;
		state text;
		message text;
	BEGIN
		FOR r IN EXECUTE 'SELECT ' || expression USING s, n, p LOOP
			IF r::text ~ '\y(NaN|Infinity)\y' AND concat(s, p) !~ '(NaN|Infinity)' THEN
				RETURN format('no figure in %s: %s', r, expression);
			END IF;
		END LOOP;
		RETURN NULL;
	EXCEPTION
		WHEN query_canceled THEN
			RETURN 'hangs: ' || expression;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
			IF state LIKE 'XX%' OR state LIKE '53%' THEN
				RETURN format('%s %s: %s', state, message, expression);
			END IF;
			RETURN NULL;
	END $$;

	CREATE FUNCTION exercise(s sipp.school) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		n sipp.school[];
		p sipp.plan;
		e text;
		bad text;
	BEGIN
		BEGIN
			IF (s::text::sipp.school OPERATOR(sipp.=) s) IS FALSE OR sipp.school_hash(s::text::sipp.school) <> sipp.school_hash(s) THEN
				RETURN 'reads again as another value';
			END IF;
		EXCEPTION WHEN OTHERS THEN
			RETURN 'cannot be read again: ' || SQLERRM;
		END;
		n := ARRAY(SELECT k.s FROM school k WHERE k.id <= 12 AND k.s::jsonb->>'id' <> exercise.s::jsonb->>'id') || exercise.s;
		BEGIN
			p := sipp.pairing_plan(n, authority => 'any', min_p_better => 0.1, sector => 'any', supports_per_partner => 2);
			IF NOT (sipp.plan_summary(p)).certified THEN
				RETURN 'a plan with it is not the best one';
			END IF;
		EXCEPTION WHEN OTHERS THEN
			p := NULL;
		END;
		FOREACH e IN ARRAY ARRAY['$1::jsonb', 'sipp.context_scale($2)', 'sipp.context_scale($2, ''{"z": 2}'', ''any'')', 'sipp.context_scale(ARRAY[$1])',
				'x.* FROM sipp.similar_schools($2, 3) x', 'x.* FROM sipp.similar_schools($2, 20, NULL, ''different'', ''any'', ''mahalanobis'') x',
				'x.* FROM sipp.similar_schools($2, metric => ''rank_mahalanobis'') x', 'x.* FROM sipp.similar_schools(ARRAY[$1]) x',
				'x.* FROM school k, LATERAL sipp.pairing_score($1, k.s, sipp.context_scale($2), authority => ''any'', max_km => 100) x WHERE k.id IN (2, 4)',
				'x.* FROM school k, LATERAL sipp.pairing_score(k.s, $1, sipp.context_scale((SELECT array_agg(s) FROM school WHERE id <= 12))) x WHERE k.id < 6',
				'x.* FROM sipp.pairs($3) x', 'x.* FROM sipp.certificate($3) x', 'x.* FROM sipp.plan_summary($3) x', '$3',
				'x.* FROM sipp.pairs(sipp.pairing_plan($2, mode => ''stable'', unpaired_cost => 1, min_similarity => 0.1)) x',
				'x.* FROM sipp.plan_summary(sipp.pairing_plan($2, mode => ''greedy'', authority => ''prefer'', min_p_better => 0, max_km => 1e4)) x',
				'x.* FROM sipp.pairs(sipp.pairing_plan(ARRAY[$1])) x', 'x.* FROM sipp.group_schools($2) x',
				'x.* FROM sipp.group_schools($2, size => 4, sector => ''any'', min_authorities => 1, min_p_better => 0) x'] LOOP
			bad := pairs(e, s, n, p);
			IF bad IS NOT NULL THEN
				RETURN bad;
			END IF;
		END LOOP;
		RETURN NULL;
	END $$;

	CREATE FUNCTION exercise(p sipp.plan) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		e text;
		bad text;
	BEGIN
		BEGIN
			IF (p::text::sipp.plan OPERATOR(sipp.=) p) IS FALSE OR sipp.plan_hash(p::text::sipp.plan) <> sipp.plan_hash(p) THEN
				RETURN 'reads again as another value';
			END IF;
		EXCEPTION WHEN OTHERS THEN
			RETURN 'cannot be read again: ' || SQLERRM;
		END;
		-- strings may say anything
		FOREACH e IN ARRAY ARRAY['true FROM (SELECT $3::jsonb) x', 'to_jsonb(x) - ARRAY[''partner'', ''lead'', ''reason'', ''relaxation'', ''flags'', ''runner_up''] FROM sipp.pairs($3) x',
				'(sipp.pairs($3)).cost', 'x.price, x.places FROM sipp.certificate($3) x',
				'to_jsonb(x) - ARRAY[''notices'', ''blocking'', ''worst''] FROM sipp.plan_summary($3) x'] LOOP
			bad := pairs(e, NULL, NULL, p);
			IF bad IS NOT NULL THEN
				RETURN bad;
			END IF;
		END LOOP;
		RETURN NULL;
	END $$;

	-- Evaluates an expression on c, o, m and n ($1 to $4); an error is fine unless
	-- it is an internal one.
	CREATE FUNCTION try(expression text, c sipp.cohort, o sipp.cohort, m sipp.model, n sipp.model)
	RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		r record;
		state text;
		message text;
	BEGIN
		FOR r IN EXECUTE 'SELECT ' || expression USING c, o, m, n LOOP
			NULL;
		END LOOP;
		RETURN NULL;
	EXCEPTION
		WHEN query_canceled THEN
			RETURN 'hangs: ' || expression;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
			IF state LIKE 'XX%' OR state LIKE '53%' THEN
				RETURN format('%s %s: %s', state, message, expression);
			END IF;
			RETURN NULL;
	END $$;

	-- The cohort that an expression makes, NULL if that is an error; it must be one
	-- that can be read again.
	CREATE FUNCTION made(expression text, c sipp.cohort, o sipp.cohort) RETURNS sipp.cohort LANGUAGE plpgsql AS $$
	DECLARE
		r sipp.cohort;
	BEGIN
		EXECUTE 'SELECT ' || expression INTO r USING c, o;
		RETURN r;
	EXCEPTION WHEN OTHERS THEN
		RETURN NULL;
	END $$;

	CREATE FUNCTION again(c sipp.cohort) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF (c::text::sipp.cohort OPERATOR(sipp.=) c) IS FALSE THEN
			RETURN 'reads again as another value';
		END IF;
		RETURN NULL;
	EXCEPTION WHEN OTHERS THEN
		RETURN 'cannot be read again: ' || SQLERRM;
	END $$;

	CREATE FUNCTION again(m sipp.model) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF (m::text::sipp.model OPERATOR(sipp.=) m) IS FALSE THEN
			RETURN 'reads again as another value';
		END IF;
		RETURN NULL;
	EXCEPTION WHEN OTHERS THEN
		RETURN 'cannot be read again: ' || SQLERRM;
	END $$;

	CREATE FUNCTION exercise(c sipp.cohort) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		o sipp.cohort := (SELECT k.c FROM cohort k WHERE k.id = 1 + abs(hashtext(exercise.c::text) % 28));
		m sipp.model := (SELECT k.m FROM model k WHERE k.id = 1 + abs(hashtext(exercise.c::text) % 5));
		names text := (SELECT string_agg(quote_literal(t->>'name'), ', ') FROM jsonb_array_elements(c::jsonb->'terms') t);
		bad text := again(c);
		r sipp.cohort;
		e text;
	BEGIN
		IF bad IS NOT NULL THEN
			RETURN bad;
		END IF;
		FOREACH e IN ARRAY ARRAY['sipp.add($1, $1)', 'sipp.add($1, $2)', 'sipp.add($2, $1)', 'sipp.subtract($1, $1)', 'sipp.subtract($2, $1)',
				'sipp.subtract($1, $2)', 'sipp.subtract(sipp.add($1, $1), $1)', 'sipp.subtract(sipp.add($1, $2), $1)', 'sipp.subset($1)',
				'sipp.rename($1, ''a'', ''b'', ''c'')', '(SELECT sipp.merge(v) FROM (VALUES ($1), (NULL), ($2), ($1)) v (v))']
			|| ARRAY['sipp.subset($1, ' || names || ')', 'sipp.with_context($1, ' || names || ')',
					 'sipp.with_context(sipp.add($1, $2), ' || names || ')', 'sipp.relevel($1, ' || split_part(names, ',', 1) || ', ''z'')'] LOOP
			CONTINUE WHEN e IS NULL;
			bad := coalesce(try(e, c, o, m, m), again(made(e, c, o)) || ': ' || e);
			IF bad IS NOT NULL THEN
				RETURN bad;
			END IF;
		END LOOP;
		FOREACH e IN ARRAY ARRAY['sipp.size($1), sipp.dropped($1), sipp.mean($1), $1::jsonb, sipp.cohort_hash($1), sipp.cohort_hash_extended($1, 1),
				sipp.cohort_cmp($1, $2), $1 OPERATOR(sipp.<) $2, sipp.cohort_send($1)', '* FROM sipp.describe($1)', '* FROM sipp.effect($1, $3)', '* FROM sipp.effect($1, $3, false)',
				'* FROM sipp.slope_effects($1, $3)', 'sipp.value_added($1)', 'sipp.value_added(v) FROM (VALUES ($1), ($2), ($1)) v (v)',
				'sipp.value_added_ml(v) FROM (SELECT $1 UNION ALL SELECT c FROM cohort WHERE id <= 7) v (v)',
				'e.* FROM (SELECT sipp.value_added(v) AS m FROM (SELECT $1 UNION ALL SELECT c FROM cohort WHERE id <= 7) v (v)) s, LATERAL sipp.effect($1, m) e']
			|| ARRAY['sipp.value_added(v, ' || split_part(names, ',', 1) || ') FROM (VALUES ($1), ($2), ($1)) v (v)',
					 'sipp.mean($1, ' || split_part(names, ',', 1) || ')', 'sipp.mean($1, ' || split_part(names, ',', 1) || ', ''z'')'] LOOP
			CONTINUE WHEN e IS NULL;
			bad := try(e, c, o, m, m);
			IF bad IS NOT NULL THEN
				RETURN bad;
			END IF;
		END LOOP;
		RETURN NULL;
	END $$;

	CREATE FUNCTION exercise(p sipp.peers) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		e text;
		state text;
		message text;
	BEGIN
		BEGIN
			IF (p::text::sipp.peers OPERATOR(sipp.=) p) IS FALSE OR sipp.peers_hash(p::text::sipp.peers) <> sipp.peers_hash(p) THEN
				RETURN 'reads again as another value';
			END IF;
		EXCEPTION WHEN OTHERS THEN
			RETURN 'cannot be read again: ' || SQLERRM;
		END;
		FOREACH e IN ARRAY ARRAY['$1::jsonb, sipp.pool($1), sipp.own($1), sipp.total($1), sipp.mean($1), sipp.variance($1)',
				'(sipp.virtual_school(y, $1)).* FROM generate_series(-1, 1) y', '(sipp.virtual_school(true, $1, 2147483647)).*',
				'(sipp.virtual_school(1, v)).* FROM (SELECT $1 UNION ALL SELECT p FROM peers WHERE id <= 9) v (v)',
				'(sipp.virtual_school_share(y, $1)).* FROM generate_series(0, 1) y',
				'(sipp.virtual_school_share(true, v)).* FROM (SELECT $1 UNION ALL SELECT p FROM peers WHERE id <= 9) v (v)',
				'(sipp.balance(y, $1)).* FROM generate_series(0, 2) y', '(sipp.balance(1, v, 0.05)).* FROM (SELECT $1 UNION ALL SELECT p FROM peers WHERE id <= 9) v (v)'] LOOP
			BEGIN
				EXECUTE 'SELECT ' || e USING p;
			EXCEPTION
				WHEN query_canceled THEN
					RETURN 'hangs: ' || e;
				WHEN OTHERS THEN
					GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
					IF state LIKE 'XX%' OR state LIKE '53%' THEN
						RETURN format('%s %s: %s', state, message, e);
					END IF;
			END;
		END LOOP;
		RETURN NULL;
	END $$;

	CREATE FUNCTION exercise(m sipp.model) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		c sipp.cohort := (SELECT k.c FROM cohort k WHERE k.id = 1 + abs(hashtext(exercise.m::text) % 28));
		n sipp.model := (SELECT k.m FROM model k WHERE k.id = 1 + abs(hashtext(exercise.m::text) % 5));
		bad text := again(m);
		e text;
	BEGIN
		IF bad IS NOT NULL THEN
			RETURN bad;
		END IF;
		FOREACH e IN ARRAY ARRAY['$3::jsonb, sipp.model_hash($3), sipp.model_cmp($3, $4), sipp.model_send($3)',
				'* FROM sipp.effect($1, $3)', '* FROM sipp.effect($2, $3, false)', '* FROM sipp.slope_effects($1, $3)', '* FROM sipp.coefficients($3)',
				'* FROM sipp.term_tests($3)', '* FROM sipp.fit_summary($3)', '* FROM sipp.school_covariance($3)', '* FROM sipp.compare($3, $4)',
				'* FROM sipp.compare($4, $3)', '* FROM sipp.compare($3, $3)', 'sipp.expected($3)', 'sipp.expected($3, 1)',
				'sipp.expected($3, 0.5, ''S4''::stage, ''z''::text)', 'sipp.expected_json($3, ''{"x": 1, "st": "S4", "f": "z"}'')'] LOOP
			bad := try(e, c, (SELECT k.c FROM cohort k WHERE k.id = 3), m, n);
			IF bad IS NOT NULL THEN
				RETURN bad;
			END IF;
		END LOOP;
		RETURN NULL;
	END $$;
});

# Where input functions can report an error without raising it: what of that does
# not agree with a cast.  Only a stack that is too deep is always raised.
my $is_soft = $node->safe_psql('postgres', 'SHOW server_version_num') >= 160000;
$node->safe_psql('postgres', q{
	CREATE FUNCTION disagree(t text, type text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		state text := '';
		message text := '';
		detail text := '';
		hint text := '';
		hard text[];
		soft text[];
		valid boolean;
	BEGIN
		BEGIN
			EXECUTE format('SELECT $1::%s', type) USING t;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
		END;
		hard := ARRAY[state, message, detail, hint];
		BEGIN
			valid := pg_input_is_valid(t, type);
			SELECT ARRAY[coalesce(i.sql_error_code, ''), coalesce(i.message, ''), coalesce(i.detail, ''), coalesce(i.hint, '')] INTO soft FROM pg_input_error_info(t, type) i;
		EXCEPTION WHEN OTHERS THEN
			IF SQLSTATE = '54001' AND state = '54001' THEN
				RETURN NULL;
			END IF;
			RETURN format('is raised: %s %s', SQLSTATE, SQLERRM);
		END;
		IF valid IS DISTINCT FROM (state = '') OR soft IS DISTINCT FROM hard THEN
			RETURN format('a cast says %s, but pg_input_error_info says %s', hard, soft);
		END IF;
		RETURN NULL;
	END $$}) if $is_soft;

# ---------------------------------------------------------------------------
# The connection
# ---------------------------------------------------------------------------

my ($socket, $buffer);

# One message of the protocol: type, body.
sub put
{
	my ($type, $body) = @_;

	return $type . pack('N', 4 + length $body) . $body;
}

# The next message, or nothing where the server has gone.
sub get
{
	while (length($buffer) < 5 || length($buffer) < 1 + unpack('x N', $buffer))
	{
		my $n = sysread($socket, $buffer, 65536, length $buffer);
		return unless $n;
	}
	my $length = unpack('x N', $buffer);
	my $type = substr($buffer, 0, 1);
	my $body = substr($buffer, 5, $length - 4);
	substr($buffer, 0, 1 + $length) = '';
	return ($type, $body);
}

sub connect_to
{
	$socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port)
	  or die "cannot connect: $!";
	binmode $socket;
	$buffer = '';
	my $user = getpwuid($<);
	my $start = pack('N', 196608) . "user\0$user\0database\0postgres\0client_encoding\0UTF8\0\0";
	syswrite($socket, pack('N', 4 + length $start) . $start);
	while (my ($type, $body) = get())
	{
		die "cannot log in: $body" if $type eq 'E';
		return if $type eq 'Z';
	}
	die 'cannot log in';
}

# Runs a query of two columns for each value of its parameter, pipelined.  Each
# answer is [ 'error', SQLSTATE, message ], [ 'value', the columns or undef ] or,
# from where the server has gone, undef.
sub run_each
{
	my ($sql, $type, $format, @values) = @_;
	my $oid = $node->safe_psql('postgres', "SELECT '$type'::regtype::oid");
	my @answers;

	connect_to() unless $socket;
	syswrite($socket, put('P', "\0$sql\0" . pack('n N', 1, $oid)) . put('S', ''));
	while (my ($t, $body) = get())
	{
		die "cannot prepare: $body" if $t eq 'E';
		last if $t eq 'Z';
	}
	while (my @batch = splice(@values, 0, 20))
	{
		my $out = '';

		foreach my $value (@batch)
		{
			$out .= put('B', "\0\0" . pack('n n n N', 1, $format, 1, length $value) . $value . pack('n n n', 2, 0, 1))
			  . put('E', "\0" . pack('N', 0)) . put('S', '');
		}
		syswrite($socket, $out);
		foreach my $value (@batch)
		{
			my ($answer, $done);

			while (my ($t, $body) = get())
			{
				if ($t eq 'E')
				{
					my %field = map { substr($_, 0, 1) => substr($_, 1) } grep { length } split /\0/, $body;
					$answer = [ 'error', $field{C}, $field{M} ];
				}
				elsif ($t eq 'D')
				{
					my @column;
					my $at = 2;

					for (1 .. 2)
					{
						my $n = unpack('l>', substr($body, $at, 4));
						push @column, $n < 0 ? undef : substr($body, $at + 4, $n);
						$at += 4 + ($n < 0 ? 0 : $n);
					}
					$answer = [ 'value', @column ];
				}
				$done = $t eq 'Z';
				last if $done;
			}
			if (!$done)
			{
				undef $socket;
				push @answers, undef;
				return @answers;
			}
			push @answers, $answer;
		}
	}
	return @answers;
}

# The values of a type: [ 'value', verdict or undef, its binary form ].
sub feed
{
	my ($type, $format, @values) = @_;

	return run_each("SELECT exercise(\$1), sipp.${type}_send(\$1)", "sipp.$type", $format, @values);
}

# ---------------------------------------------------------------------------
# Mutation
# ---------------------------------------------------------------------------

sub pick
{
	return $_[ int rand @_ ];
}

my @number = qw(0 -0 1 -1 2 3 0.5 1e-9 1e9 1e17 -1e17 1e308 -1e308 1e-308 5e-324 1e400 -1e400 9007199254740992
  9007199254740993 2147483647 2147483648 -2147483648 4294967296 9223372036854775807 18446744073709551616
  "NaN" "Infinity" "-Infinity" null true "1" [] {} 1e-1000 0.1 255 256 2000 2001);

# A number near the one there was.
sub near
{
	my ($x) = @_;

	return pick(@number) if rand() < 0.4;
	return pick(map { sprintf '%.17g', $_ } $x + 1, $x - 1, -$x, $x * 2, $x / 2, $x * (1 + 1e-15), $x * (1 + 1e-9), $x * (1 + 1e-7), $x * (1 - 1e-6), $x * 1.001);
}

# The n-th of all places where a pattern matches is given to a function.
sub at_one_of
{
	my ($text, $pattern, $change) = @_;
	my @places;

	push @places, [ $-[0], $+[0] ] while $text =~ /$pattern/g;
	return $text unless @places;
	my $p = pick(@places);
	my $was = substr($text, $p->[0], $p->[1] - $p->[0]);
	substr($text, $p->[0], $p->[1] - $p->[0]) = $change->($was);
	return $text;
}

my $literal = qr/-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/;
my $array = qr/\[[^\[\]{}]*\]/;
my @text_mutation = (
	(sub { at_one_of($_[0], $literal, \&near) }) x 8,
	# an element more, less, or two in each other's place
	sub { at_one_of($_[0], $array, sub { my @e = split /,/, substr($_[0], 1, -1); splice(@e, int rand(1 + @e), rand() < 0.5, pick(@number, @e)); '[' . join(',', @e) . ']' }) },
	sub { at_one_of($_[0], $array, sub { my @e = split /,/, substr($_[0], 1, -1); @e[0, -1] = @e[-1, 0] if @e > 1; '[' . join(',', @e) . ']' }) },
	sub { at_one_of($_[0], qr/\{[^{}]*\},?/, sub { pick('', $_[0] . $_[0], '{},', 'null,') }) },
	# fields
	sub { at_one_of($_[0], qr/"\w+":/, sub { pick('"x":', '"kind":', '"weight":', '"mean":', '"levels":', '"context":', '"reference":') }) },
	sub { at_one_of($_[0], qr/,"\w+":(?:$array|$literal|"[^"]*"|true)/, sub { '' }) },
	sub { at_one_of($_[0], qr/\{"/, sub { '{' . pick('"shapeless":true,', '"context":true,', '"weight":7,', '"reference":"z",', '"reference":"",', '"levels":[],') . '"' }) },
	sub { at_one_of($_[0], qr/"(?:number|text|enum|shares)"/, sub { pick('"number"', '"text"', '"enum"', '"shares"', '"x"') }) },
	# names and levels
	sub { at_one_of($_[0], qr/"[^":,]{0,10}"(?!:)/, sub { pick('""', '"z"', '"x"', '"' . ('x' x 255) . '"', '"' . ('é' x 256) . '"', '"\u0000"', '"\ud83d"', '"\ud83d\ude00"', $_[0]) }) },
	# one string for another
	sub { my @s = $_[0] =~ /"[^"]*"/g; at_one_of($_[0], qr/"[^"]*"/, sub { pick(@s, '"lead"', '"either"') }) },
	# characters
	sub { my $t = $_[0]; substr($t, rand length $t, 1) = pick(split //, '{}[]",:0123456789-+.eE nulltrue\\ '); $t },
	sub { my $t = $_[0]; substr($t, rand length $t, 1 + rand 8) = ''; $t },
	sub { my $t = $_[0]; my $at = rand length $t; substr($t, $at, 0) = substr($t, $at, rand 40); $t },
	sub { substr($_[0], 0, rand length $_[0]) },
	sub { '[' x rand(20000) . $_[0] },
	sub { $_[0] . pick(' ', '}', $_[0], "\n") });

my @double = map { pack 'd>', $_ } 0, -0.0, 1, -1, 0.5, 1e308, -1e308, 5e-324, 1e-9, 1e9, 9**9**9, -9**9**9, -sin(9**9**9), 4503599627370496, 1.5, 3;
my @binary_mutation = (
	(sub { my $b = $_[0]; substr($b, rand length $b, 1) ^= chr(1 << int rand 8); $b }) x 3,
	(sub { my $b = $_[0]; substr($b, rand length $b, 1) = chr(pick(0, 1, 2, 3, 4, 127, 128, 129, 255, int rand 256)); $b }) x 3,
	(sub { my $b = $_[0]; substr($b, rand length $b, 8) = pick(@double); $b }) x 2,
	# on the grid from the end, where the numbers of a value without factors lie
	sub { my $b = $_[0]; my $at = length($b) - 8 * (1 + int rand(length($b) / 8)); $at >= 0 ? substr($b, $at, 8) = pick(@double) : 0; $b },
	sub { my $b = $_[0]; my $at = length($b) - 8 * (1 + int rand(length($b) / 8)); $at >= 0 ? substr($b, $at + 7, 1) ^= chr(1 + rand 255) : 0; $b },
	sub { my $b = $_[0]; substr($b, rand length $b, 1 + rand 9) = ''; $b },
	sub { my $b = $_[0]; substr($b, rand length $b, 0) = join '', map { chr rand 256 } 0 .. rand 9; $b },
	sub { my $b = $_[0]; my $at = rand length $b; substr($b, $at, 0) = substr($b, $at, rand 40); $b },
	sub { my $b = $_[0]; substr($b, rand length $b, 0) = "\xff" x (1 + rand 10); $b },
	sub { substr($_[0], 0, rand length $_[0]) },
	sub { $_[0] . chr rand 256 });

# A mutant of one of some values; others may lend it a piece.
sub mutant
{
	my ($mutations, @from) = @_;
	my $value = pick(@from);

	if (rand() < 0.05)
	{
		my $other = pick(@from);
		my $at = rand length $value;

		return substr($value, 0, $at) . substr($other, $at < length $other ? $at : 0);
	}
	for (1 .. pick(1, 1, 1, 2, 3))
	{
		last if $value eq '';
		$value = pick(@$mutations)->($value);
	}
	return $value;
}

# ---------------------------------------------------------------------------
# The test
# ---------------------------------------------------------------------------

my %state;
my @failures;
my $compared = 0;

sub run_mutants
{
	my ($type, $form, $n) = @_;
	my $format = $form eq 'binary' ? 1 : 0;
	my $column = { cohort => 'c', model => 'm', peers => 'p', school => 's', plan => 'p' }->{$type};
	my @from = split /\n/, $node->safe_psql('postgres', $format
		? "SELECT encode(sipp.${type}_send($column), 'hex') FROM $type ORDER BY id"
		: "SELECT $column FROM $type ORDER BY id");
	my ($accepted, $rejected, $left) = (0, 0, $n);

	@from = map { pack 'H*', $_ } @from if $format;

	# what is not mutated comes through, or nothing is being tested
	foreach my $answer (feed($type, $format, @from))
	{
		push @failures, 'a sound value fails: ' . join(' ', map { $_ // 'NULL' } @$answer)
		  if !$answer || $answer->[0] ne 'value' || defined $answer->[1];
	}
	while ($left > 0 && @failures < 10)
	{
		my @values = map { mutant($format ? \@binary_mutation : \@text_mutation, @from) } 1 .. ($left < 500 ? $left : 500);
		my (@sent, @back);

		# libpq-like: no zero byte in text
		tr/\0//d for grep { !$format } @values;
		my @answers = feed($type, $format, @values);
		if ($is_soft && !$format)
		{
			# (what cannot be a text at all is refused before)
			my @verdicts = run_each("SELECT disagree(\$1, 'sipp.$type'), NULL::bytea", 'text', 0, @values);

			foreach my $at (0 .. $#verdicts)
			{
				push @failures, "$type $values[$at]: " . ($verdicts[$at] ? $verdicts[$at][1] : 'the server crashed')
				  if !$verdicts[$at] || $verdicts[$at][0] eq 'value' && defined $verdicts[$at][1];
				$compared++ if $verdicts[$at] && $verdicts[$at][0] eq 'value';
			}
		}
		foreach my $answer (@answers)
		{
			my $value = shift @values;
			my $shown = $format ? unpack('H*', $value) : $value;

			$left--;
			if (!$answer)
			{
				push @failures, "the server crashed at $type $shown";
				return ($accepted, $rejected);
			}
			if ($answer->[0] eq 'error')
			{
				$rejected++;
				$state{ $answer->[1] }++;
				push @failures, "$answer->[1] $answer->[2] at $type $shown"
				  if $answer->[1] =~ /^(?:XX|57|53)/;
				next;
			}
			$accepted++;
			push @failures, "$answer->[1] at $type $shown" if defined $answer->[1];
			push @sent, $answer->[2];
			push @back, $shown;
		}
		# in binary, too, what was accepted comes back as itself
		foreach my $answer (feed($type, 1, @sent))
		{
			my $was = shift @sent;
			my $shown = shift @back;

			push @failures, "the binary form of $type $shown does not come back as itself"
			  if !$answer || $answer->[0] ne 'value' || $answer->[2] ne $was;
		}
	}
	return ($accepted, $rejected);
}

foreach my $part ([ 'cohort', 'text', 0.25 ], [ 'cohort', 'binary', 0.3 ], [ 'model', 'text', 0.15 ], [ 'model', 'binary', 0.2 ],
	[ 'peers', 'text', 0.05 ], [ 'peers', 'binary', 0.05 ], [ 'school', 'text', 0.03 ], [ 'school', 'binary', 0.03 ],
	[ 'plan', 'text', 0.05 ], [ 'plan', 'binary', 0.03 ])
{
	my ($type, $form, $share) = @$part;
	my $n = int($count * $share);

	@failures = ();
	my ($accepted, $rejected) = run_mutants($type, $form, $n);
	is(scalar(@failures), 0, "$n mutants of sipp.$type in $form form: $accepted accepted, $rejected refused")
	  or diag("seed $seed: ", join("\n", map { substr($_, 0, 3000) } @failures));

	# a fuzzer whose mutants are all refused, or none, tests little
	cmp_ok($accepted, '>', $n / 200, "sipp.$type in $form form: some are accepted");
	cmp_ok($rejected, '>', $n / 10, "sipp.$type in $form form: some are refused");
}
SKIP:
{
	skip 'input functions report no soft errors before PostgreSQL 16', 1 unless $is_soft;
	cmp_ok($compared, '>', $count * 0.4, 'texts that pg_input_is_valid judged as a cast does');
}
note('errors by SQLSTATE: ', join(', ', map { "$_ $state{$_}" } sort keys %state));

# the same server, all along
undef $socket;
is($node->safe_psql('postgres', 'SELECT count(*) FROM cohort'), '28', 'the server is there');

$node->stop;
done_testing();
