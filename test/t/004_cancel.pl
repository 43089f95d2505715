# Long work ends soon after it is cancelled, and memory stays within bounds.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run ();
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('cancel');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
# little shared memory, since a backend's size counts what it touched of it
$node->append_conf('postgresql.conf', "shared_buffers = 8MB\nrestart_after_crash = off\nmax_parallel_workers_per_gather = 0\njit = off\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION sipp;
	-- as large as cohorts get: 2,500 columns, 1.5 million cells
	CREATE TABLE large AS
		SELECT sipp.cohort(i, (i % 1249)::text, (i * 7 % 1250)::text) AS c FROM generate_series(1, 5000) i;
	-- many of a school's size
	CREATE TABLE school AS
		SELECT i % 500 AS id, sipp.cohort(sin(i) * 9, cos(i), i % 3, (i % 5)::text) AS c FROM generate_series(1, 20000) i GROUP BY 1;
	CREATE TABLE model AS SELECT sipp.value_added(c) AS m FROM school;
	-- one cell of three million pupils, every one a unit; and one of three units
	CREATE UNLOGGED TABLE pupil AS SELECT i AS id, i % 3 AS unit, (i::bigint * 7919 % 1000003) AS score FROM generate_series(1, 3000000) i;

	-- nations of n schools: half of them are to be helped; and what is hard about
	-- some: all alike, none allowed, one lead for everybody, only roles of both kinds
	CREATE FUNCTION nation(n int, kind text) RETURNS sipp.school[] LANGUAGE sql AS $$
		SELECT ARRAY(SELECT sipp.school(id => 's' || i, sector => 'secondary', authority => CASE kind WHEN 'forbidden' THEN 'a' ELSE 'a' || i % 32 END,
			role => CASE WHEN kind = 'either' THEN 'either' WHEN i = 1 OR kind <> 'one lead' AND i % 2 = 1 THEN 'lead' ELSE 'partner' END,
			effect => CASE WHEN kind = 'alike' THEN i % 2 WHEN kind = 'either' THEN sin(i) WHEN i % 2 = 1 THEN 0.7 ELSE -0.5 END + CASE kind WHEN 'alike' THEN 0 ELSE 0.5 * sin(i * 12.9898) END,
			effect_se => 0.2, context => CASE kind WHEN 'alike' THEN '{1,2,3}' ELSE ARRAY[sin(i * 78.233), cos(i * 37.719), sin(i * 3.7)] END,
			lat => 55 + CASE kind WHEN 'alike' THEN 0 ELSE 2 * sin(i * 1.234) END, lon => -4 + CASE kind WHEN 'alike' THEN 0 ELSE 3 * cos(i * 5.678) END,
			capacity => CASE kind WHEN 'one lead' THEN 10000 ELSE 3 END) FROM generate_series(1, n) i)
	$$;
	CREATE TABLE nation AS
		SELECT n, kind, nation(n, kind) AS s
		FROM (VALUES (100, 'plain'), (1500, 'plain'), (4000, 'plain'), (12000, 'plain'), (34000, 'plain'), (200000, 'plain'),
					 (12000, 'forbidden'), (20000, 'forbidden'), (20000, 'alike'), (20000, 'one lead'), (20000, 'either')) v (n, kind);
	CREATE TABLE plan AS
		SELECT n, sipp.pairing_plan(s) AS p FROM nation WHERE n = 100 OR kind = 'one lead';
});

# Seconds of processor time that a backend has taken, which other programs on the
# machine do not add to as they do to the time on the clock.
my $stat = q{(SELECT (f[12]::float8 + f[13]::float8) / 100 FROM regexp_split_to_array(regexp_replace(pg_read_file(%s), '^.*[)] ', ''), ' ') f)};
my $cpu = 'SELECT ' . sprintf $stat, q{'/proc/self/stat'};

#
# Cancelled queries
#
my @long = (
	[ 'an aggregation', 'SELECT sipp.cohort(i, i % 7, (i % 100)::text) FROM generate_series(1, 1000000000) i' ],
	[ 'one of arrays', q{SELECT sipp.cohort_array(i, ARRAY[i, i % 3], ARRAY[(i % 9)::text]) FROM generate_series(1, 1000000000) i} ],
	[ 'a merge', 'SELECT sipp.merge(c) FROM school, generate_series(1, 1000000)' ],
	[ 'a merge of large cohorts', 'SELECT sipp.merge(c) FROM large, generate_series(1, 100000)' ],
	[ 'large cohorts taken apart', 'SELECT count(sipp.subtract(sipp.add(c, c), c)) FROM large, generate_series(1, 100000)' ],
	[ 'reading and writing them', 'SELECT count(c::text::sipp.cohort) FROM large, generate_series(1, 100000)' ],
	[ 'gathering cohorts for a model', 'SELECT sipp.value_added(c) FROM school, generate_series(1, 1000000)' ],
	# minutes of it, in plain C
	[ 'a model of 2,500 columns', 'SELECT sipp.value_added(c) FROM large, generate_series(1, 4)', 3000 ],
	[ 'a comparator', 'SELECT count(x) FROM (SELECT sipp.comparator(score, unit) OVER () AS x FROM pupil) s' ],
	[ 'one with crossed keys', 'SELECT count(x) FROM (SELECT sipp.comparator(score, id, unit, id % 1009, id % 1013) OVER () AS x FROM pupil) s' ],
	[ 'nearest pupils', 'SELECT count(x) FROM (SELECT sipp.nearest_comparator(score, unit, NULL, score) OVER () AS x FROM pupil) s' ],
	[ 'nearest of equal ones, crossed keys', 'SELECT count(x) FROM (SELECT sipp.nearest_comparator(score, id % 1009, id % 1013, unit, 100000) OVER () AS x FROM pupil) s', 3000 ],
	[ 'draws', 'SELECT count(x) FROM (SELECT sipp.comparator_draw(id, unit) OVER () AS x FROM pupil) s' ],
	[ 'a large draw', 'SELECT count(x) FROM (SELECT sipp.comparator_draw(id, unit, k => 100000) OVER () AS x FROM pupil) s', 3000 ],
	[ 'gathering pupils for bands', 'SELECT sipp.attainment_bands(i) FROM generate_series(1, 1000000000) i', 700 ],
	[ 'a share of many cells', q{SELECT sipp.virtual_school_share(true, sipp.peers(c, 1)) FROM (SELECT sipp.cohort(i % 2) OVER (ORDER BY i) AS c FROM generate_series(1, 100000000) i) s} ],
	[ 'false discovery rates', 'SELECT count(x) FROM (SELECT sipp.fdr(i / 1e9) OVER () AS x FROM generate_series(1, 100000000) i) s' ],
	[ 'effects', 'SELECT count(e.effect) FROM model, generate_series(1, 10000000), school, LATERAL sipp.effect(c, m) e' ],

	# pairing: reading the schools, their yardsticks, the pairs, the plan
	[ 'reading 200,000 schools', 'SELECT sipp.context_scale(s) FROM nation WHERE n = 200000', 200 ],
	[ 'their yardsticks', 'SELECT sipp.context_scale(s) FROM nation WHERE n = 200000', 1200 ],
	[ 'their neighbours', 'SELECT count(*) FROM nation, LATERAL sipp.similar_schools(s) WHERE n = 200000', 1500 ],
	[ 'neighbours by Mahalanobis distance', q{SELECT count(*) FROM nation, LATERAL sipp.similar_schools(s, metric => 'mahalanobis') WHERE n = 200000}, 1500 ],
	[ 'neighbours by ranks', q{SELECT count(*) FROM nation, LATERAL sipp.similar_schools(s, metric => 'rank_mahalanobis') WHERE n = 200000}, 1500 ],
	[ 'all neighbours', 'SELECT count(*) FROM nation, LATERAL sipp.similar_schools(s, 200000) WHERE n = 34000' ],
	[ 'scores', 'SELECT count(x) FROM (SELECT s, sipp.context_scale(s) AS y FROM nation WHERE n = 100) q, generate_series(1, 100000000) i, LATERAL sipp.pairing_score(s[1 + i % 100], s[1 + i / 100 % 100], y) x' ],
	(map { [ "the mode $_, a plan of 17,000 and 17,000", "SELECT sipp.pairing_plan(s, mode => '$_') FROM nation WHERE n = 34000", 1500 ] } 'optimal', 'stable', 'greedy'),
	[ 'a plan of 200,000', 'SELECT sipp.pairing_plan(s) FROM nation WHERE n = 200000', 2500 ],
	[ 'a plan of several places', 'SELECT sipp.pairing_plan(s, supports_per_partner => 30) FROM nation WHERE n = 34000', 2500 ],
	[ 'a plan where no pair is allowed', q{SELECT sipp.pairing_plan(s) FROM nation WHERE kind = 'forbidden' AND n = 20000}, 2500 ],
	[ 'a plan of 20,000 that help each other', q{SELECT sipp.pairing_plan(s) FROM nation WHERE kind = 'either'}, 2500 ],
	[ 'groups', 'SELECT count(*) FROM nation, LATERAL sipp.group_schools(s) WHERE n = 34000' ],
	[ 'groups, later', 'SELECT count(*) FROM nation, LATERAL sipp.group_schools(s, size => 6) WHERE n = 12000 AND kind = \'plain\'', 3000 ],
	[ 'groups of schools all alike', q{SELECT count(*) FROM nation, LATERAL sipp.group_schools(s) WHERE kind = 'alike'}, 2000 ],
	[ 'groups under one lead', q{SELECT count(*) FROM nation, LATERAL sipp.group_schools(s) WHERE kind = 'one lead'}, 2000 ],
	[ 'pairs', 'SELECT count(*) FROM plan, generate_series(1, 100000) i, LATERAL sipp.pairs(CASE WHEN i > 0 THEN p END) WHERE n > 100' ],
	[ 'a certificate', 'SELECT count(*) FROM plan, generate_series(1, 100000) i, LATERAL sipp.certificate(CASE WHEN i > 0 THEN p END) WHERE n > 100' ],
	[ 'a summary', 'SELECT count(x) FROM plan, generate_series(1, 100000) i, LATERAL sipp.plan_summary(CASE WHEN i > 0 THEN p END) x WHERE n > 100' ],
	[ 'gathering costs', q{SELECT sipp.assign('p' || i / 50000, 'l' || i % 50000, i, 1) FROM generate_series(1, 1000000000) i}, 1500 ]);
foreach my $case (@long)
{
	my ($what, $query, $timeout) = @$case;
	my $start = time;
	my ($ret, $out, $err) = $node->psql('postgres', "SET statement_timeout = " . ($timeout //= 700) . "; $query; $cpu", on_error_stop => 0);
	my $took = (length $out ? $out : time - $start) - $timeout / 1000;

	like($err, qr/canceling statement due to statement timeout/, "$what: cancelled");
	cmp_ok($took, '<', 5, "$what: soon") or diag("after $took s");
	cmp_ok(time - $start, '<', 60, "$what: without waiting") or diag((time - $start) . ' s');
}
is($node->safe_psql('postgres', 'SELECT sipp.size(c) FROM large'), '5000', 'the server goes on');

#
# Queries that run to their end, asked throughout: each phase must answer
#

# Asks the backend that runs a query every 50 ms to log something, which it does
# where it would be cancelled.  Returns the longest that an answer took, in
# seconds of its processor time between two questions and of the clock since the
# last, how many there were, and what the query said.
sub slowest_answer
{
	my ($query) = @_;
	my $offset = -s $node->logfile;
	my ($out, $err) = ('', '');
	local $ENV{PGAPPNAME} = 'asked';
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $query ], '<', \undef, '>', \$out, '2>', \$err);

	$ENV{PGAPPNAME} = 'asks';
	$node->safe_psql('postgres', q{
		SET client_min_messages = error;
		DO $$
		DECLARE
			who int;
		BEGIN
			FOR i IN 1..500 LOOP
				PERFORM pg_stat_clear_snapshot();
				SELECT pid INTO who FROM pg_stat_activity WHERE application_name = 'asked' AND state = 'active';
				EXIT WHEN who IS NOT NULL;
				PERFORM pg_sleep(0.01);
			END LOOP;
			LOOP
				PERFORM pg_stat_clear_snapshot();
				EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = who AND state = 'active');
				RAISE LOG 'asked PID % after %', who, } . sprintf($stat, q{'/proc/' || who || '/stat', 0, 4096, true}) . q{;
				PERFORM pg_log_backend_memory_contexts(who);
				PERFORM pg_sleep(0.05);
			END LOOP;
			RAISE LOG 'asked no more';
		END $$});
	$run->finish;

	my ($asked, $last, $longest, $answers) = (undef, undef, 0, 0);
	foreach my $line (split /\n/, slurp_file($node->logfile, $offset))
	{
		next unless $line =~ /^\S+ (\d+):(\d+):(\d+\.\d+) .*(asked PID|logging memory contexts of PID|asked no more)(?: \d+ after ([\d.]+))?/;
		my ($at, $what, $cpu) = ($1 * 3600 + $2 * 60 + $3, $4, $5 // 0);

		if ($what eq 'asked PID')
		{
			$last = [ $at, $cpu ];
			$asked //= $last;
			next;
		}
		next unless defined $asked;
		my $took = $at - $last->[0];

		$took += 86400 if $took < 0;
		$took += $last->[1] - $asked->[1];
		$longest = $took if $took > $longest;
		$answers++ if $what =~ /^logging/;
		$asked = undef;
	}
	return ($longest, $answers, $out . $err);
}

my $stage = q{SELECT (x).paired FROM (SELECT sipp.plan_summary(sipp.pairing_plan(s%s)) AS x FROM nation WHERE kind = '%s' AND n = %d OFFSET 0) q};
foreach my $case (
	[ 'a plan of 12,000 schools', sprintf($stage, ', supports_per_partner => 2', 'plain', 12000), 12000 ],
	[ 'a greedy plan with room for few', sprintf($stage, q{, mode => 'greedy', min_similarity => 0.9}, 'plain', 4000), undef ],
	[ 'the reasons of 6,000 unpaired schools', sprintf($stage, q{, mode => 'stable'}, 'forbidden', 12000), 0 ],
	[ 'groups of 900 schools', 'SELECT count(*) FROM nation, LATERAL sipp.group_schools(s[1:900]) WHERE n = 1500', 900 ],
	[ 'a plan of three million costs', q{SELECT (sipp.plan_summary(p)).paired FROM (SELECT sipp.assign('p' || id / 1733, 'l' || id % 1733, score, 2) AS p FROM pupil OFFSET 0) q}, 1733 - 1 ],
	[ 'the same, by several workers', q{SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
		SELECT (sipp.plan_summary(p)).paired FROM (SELECT sipp.assign('p' || id / 1733, 'l' || id % 1733, score, 2) AS p FROM pupil OFFSET 0) q}, 1733 - 1 ])
{
	my ($what, $query, $expected) = @$case;
	my ($longest, $answers, $said) = slowest_answer($query);

	like($said, defined $expected ? qr/^$expected$/ : qr/^\d+$/, "$what: comes to its end");
	cmp_ok($answers, '>', 5, '... asked all the while');
	cmp_ok($longest, '<', 1.5, '... and could have been cancelled at any time') or diag("$longest s, $answers answers");
}

#
# Memory
#
my $kb;

# The most memory that a new backend ever had, in kB beyond that of one that did
# the first query only.
sub peak
{
	my ($query) = @_;
	my $status = $node->safe_psql('postgres', qq{
		SET work_mem = '1GB';
		$query;
		SELECT 'status', pg_read_file('/proc/self/status')});

	return $1 - ($kb // 0) if $status =~ /^VmHWM:\s+(\d+) kB/m;
	return;
}

SKIP:
{
	skip 'needs /proc', 24 unless -r '/proc/self/status';
	$kb = peak('SELECT sipp.size(sipp.cohort(i, i::text)) FROM generate_series(1, 10) i');

	# 80,000 groups of five rows: a state of five terms is less than 2 kB, and
	# none is copied for each row
	my $groups = peak('SELECT count(c) FROM (SELECT sipp.cohort(i, i % 3, (i % 5)::float8, i % 7, i % 11, (i % 13)::text) AS c
					   FROM generate_series(1, 400000) i GROUP BY i % 80000) s');
	cmp_ok($groups, '<', 80000 * 3, '80,000 groups take less than 3 kB each') or diag("$groups kB");
	cmp_ok($groups, '>', 80000 / 5, '... and the measure sees them') or diag("$groups kB");

	# a window: four bytes a row and 200 a combination of keys, beside the rows
	# themselves, which any window of the same columns keeps
	my $rows = peak('SELECT count(x) FROM (SELECT avg(score + unit) OVER () AS x FROM pupil) s');
	my $window = peak('SELECT count(x) FROM (SELECT sipp.comparator(score, unit) OVER () AS x FROM pupil) s');
	cmp_ok($window - $rows, '<', 3000 * 12, 'a comparator of three million pupils takes less than 12 bytes each')
	  or diag("$window kB, avg $rows kB");
	my $units = peak('SELECT count(x) FROM (SELECT sipp.comparator(score, id) OVER () AS x FROM pupil) s');
	cmp_ok($units - $rows, '<', 3000 * 600, '... and less than 600 where each is a unit of its own') or diag("$units kB, avg $rows kB");

	# a partition's memory goes with it
	my $small = 'SELECT count(x) FROM (SELECT %s OVER (PARTITION BY i / 20) AS x FROM generate_series(1, 300000) i) s';
	my $plain = peak(sprintf $small, 'avg(i)');
	my $partitions = peak(sprintf $small, 'sipp.comparator(i, i % 7, i % 3)');
	cmp_ok($partitions - $plain, '<', 6000, 'memory does not grow with the number of partitions')
	  or diag("$partitions kB, avg $plain kB");

	# a plan: no square of the number of schools anywhere, neither in the solver nor
	# beside it; and own costs, of which each row is kept
	my $size = q{SELECT (x).memory_bytes FROM (SELECT sipp.plan_summary(sipp.pairing_plan(s)) AS x FROM nation WHERE kind = 'plain' AND n = %d OFFSET 0) q};
	my ($fewer, $more) = map { peak(sprintf $size, $_) } 1500, 4000;
	my $solver = $node->safe_psql('postgres', sprintf $size, 4000);
	note(sprintf 'a plan: %d bytes a school, of which the solver %d', ($more - $fewer) * 1024 / 2500, $solver / 4000);
	cmp_ok($more - $fewer, '<', 2500 * 5, 'a plan takes less than 5 kB a school') or diag("$fewer kB, then $more kB");
	cmp_ok($more - $fewer, '>', 2500 / 4, '... and the measure sees them') or diag("$fewer kB, then $more kB");
	cmp_ok($solver, '<', 4000 * 700, '... and the solver less than 700 bytes');
	my $costs = q{SELECT sipp.assign('p' || id / 1733, 'l' || id % 1733, score, 2) FROM pupil};
	my $all = peak($costs);
	note(sprintf 'own costs: %d bytes a row', $all * 1024 / 3000000);
	cmp_ok($all, '<', 3000 * 60, 'own costs take less than 60 bytes a row') or diag("$all kB");
	cmp_ok($all, '>', 3000 * 15, '... and more than 15') or diag("$all kB");

	# what does not grow with the number of rows
	foreach my $case (
		[ 'rows', 'SELECT sipp.cohort(i, i % 3, (i % 5)::numeric, (i % 13)::text, (i % 7)::text) FROM generate_series(1, %d) i', 1000000 ],
		[ 'rows in arrays', 'SELECT sipp.cohort_array(i, ARRAY[i, i % 3], ARRAY[(i % 9)::text]) FROM generate_series(1, %d) i', 1000000 ],
		[ 'merged cohorts', 'SELECT sipp.merge(c) FROM school, generate_series(1, %d / 500)', 200000 ],
		[ 'functions of cohorts', 'SELECT count(sipp.subtract(sipp.add(c, c), c)), count(sipp.with_context(c, \'x1\')), count(c::text::sipp.cohort) FROM school, generate_series(1, %d / 500)', 50000 ],
		[ 'effects', 'SELECT count(e.effect) FROM model, school, generate_series(1, %d / 500), LATERAL sipp.effect(c, m) e', 200000 ],
		[ 'pupils of a benchmark', 'SELECT sipp.virtual_school(i % 7, sipp.peers(c, 3)) FROM (SELECT sipp.subset(c) AS c FROM school LIMIT 1) s, generate_series(1, %d) i', 300000 ],
		[ 'plans', 'SELECT count(x) FROM nation, generate_series(1, %d) i, LATERAL sipp.pairing_plan(s, supports_per_partner => 1 + i % 2) x WHERE n = 100', 500 ],
		[ 'plans read', 'SELECT count(x), count(y), count(z) FROM plan, generate_series(1, %d) i, LATERAL sipp.pairs(CASE WHEN i > 0 THEN p END) x, LATERAL sipp.certificate(CASE WHEN i > 0 THEN p END) y, LATERAL sipp.plan_summary(CASE WHEN i > 0 THEN p END) z WHERE n = 100 AND x.partner = y.partner', 500 ],
		[ 'searches for neighbours', q{SELECT count(x) FROM nation, generate_series(1, %d) i, LATERAL sipp.similar_schools(s, 1 + i % 20, metric => CASE WHEN i % 2 = 0 THEN 'weighted' ELSE 'rank_mahalanobis' END) x WHERE n = 100}, 500 ],
		[ 'groupings', 'SELECT count(x) FROM nation, generate_series(1, %d) i, LATERAL sipp.group_schools(s[1:29 + i % 2]) x WHERE n = 100', 40 ],
		[ 'scores', 'SELECT count(x) FROM (SELECT s, sipp.context_scale(s) AS y FROM nation WHERE n = 100) q, generate_series(1, %d) i, LATERAL sipp.pairing_score(s[1 + i % 100], s[1 + i / 100 % 100], y) x', 3000 ],
		[ 'schools', q{SELECT count(sipp.school(id => i::text, effect => i, context => ARRAY[i], excludes => '{a,b}')::text::sipp.school) FROM generate_series(1, %d) i}, 100000 ],
		[ 'plans of own costs', q{SELECT count(p) FROM generate_series(1, %d) g, LATERAL (SELECT sipp.assign('p' || i, 'l' || j, (i * j + g) % 7, 1) AS p FROM generate_series(1, 20) i, generate_series(1, 20) j) q}, 1000 ],
		[ 'expectations', 'SELECT count(sipp.expected(m, 0.5, i % 3, (i % 5)::text)) FROM model, generate_series(1, %d) i', 300000 ])
	{
		my ($what, $query, $n) = @$case;
		$query =~ s/%(?!d|%)/%%/g;
		my $few = peak(sprintf $query, $n / 10);
		my $many = peak(sprintf $query, $n);
		my $series = peak("SELECT count(*) FROM generate_series(1, $n) i") - peak('SELECT count(*) FROM generate_series(1, ' . $n / 10 . ') i');

		cmp_ok($many - $few - ($series > 0 ? $series : 0), '<', 6000, "memory does not grow with the number of $what")
		  or diag("$few kB, then $many kB, of which the series takes $series");
	}
}

# a state is not copied with each row either: ten times the groups cost about
# ten times as much, not a hundred
my $start = time;
$node->safe_psql('postgres', q{SET work_mem = '1GB'; SELECT count(c) FROM (SELECT sipp.cohort(i, i % 3, i % 7) AS c FROM generate_series(1, 40000) i GROUP BY i % 8000) s});
my $few = time - $start;
$start = time;
$node->safe_psql('postgres', q{SET work_mem = '1GB'; SELECT count(c) FROM (SELECT sipp.cohort(i, i % 3, i % 7) AS c FROM generate_series(1, 400000) i GROUP BY i % 80000) s});
my $many = time - $start;
cmp_ok($many, '<', 40 * $few, 'the time is not quadratic in the number of groups') or diag("$few s, then $many s");

$node->stop;
done_testing();
