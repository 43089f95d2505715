# Long work ends soon after it is cancelled, and memory stays within bounds.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
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
});

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
	[ 'effects', 'SELECT count(e.effect) FROM model, generate_series(1, 10000000), school, LATERAL sipp.effect(c, m) e' ]);
foreach my $case (@long)
{
	my ($what, $query, $timeout) = @$case;
	my $start = time;
	my ($ret, $out, $err) = $node->psql('postgres', "SET statement_timeout = " . ($timeout //= 700) . "; $query");
	my $took = time - $start - $timeout / 1000;

	like($err, qr/canceling statement due to statement timeout/, "$what: cancelled");
	cmp_ok($took, '<', 5, "$what: soon") or diag("after $took s");
}
is($node->safe_psql('postgres', 'SELECT sipp.size(c) FROM large'), '5000', 'the server goes on');

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
	skip 'needs /proc', 12 unless -r '/proc/self/status';
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

	# what does not grow with the number of rows
	foreach my $case (
		[ 'rows', 'SELECT sipp.cohort(i, i % 3, (i % 5)::numeric, (i % 13)::text, (i % 7)::text) FROM generate_series(1, %d) i', 1000000 ],
		[ 'rows in arrays', 'SELECT sipp.cohort_array(i, ARRAY[i, i % 3], ARRAY[(i % 9)::text]) FROM generate_series(1, %d) i', 1000000 ],
		[ 'merged cohorts', 'SELECT sipp.merge(c) FROM school, generate_series(1, %d / 500)', 200000 ],
		[ 'functions of cohorts', 'SELECT count(sipp.subtract(sipp.add(c, c), c)), count(sipp.with_context(c, \'x1\')), count(c::text::sipp.cohort) FROM school, generate_series(1, %d / 500)', 50000 ],
		[ 'effects', 'SELECT count(e.effect) FROM model, school, generate_series(1, %d / 500), LATERAL sipp.effect(c, m) e', 200000 ],
		[ 'pupils of a benchmark', 'SELECT sipp.virtual_school(i % 7, sipp.peers(c, 3)) FROM (SELECT sipp.subset(c) AS c FROM school LIMIT 1) s, generate_series(1, %d) i', 300000 ],
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
