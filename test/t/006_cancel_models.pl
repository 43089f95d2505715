# Models at the limits, of factors with 2,000 levels: what reads them ends soon
# after it is cancelled, takes no gigabyte, and no time that grows with the
# square of the levels but for reading the coefficients' covariance itself.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('models');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_buffers = 8MB\nmax_parallel_workers_per_gather = 0\njit = off\n");
$node->start;

# A fit of this size takes a quarter of an hour, so the models are written: they
# have a small one's figures, and coefficients and covariances of their own.
$node->safe_psql('postgres', q{
	CREATE EXTENSION sipp;
	CREATE TABLE small AS
		SELECT sipp.value_added_ml(c) AS m
		FROM (SELECT sipp.cohort(sin(i) * 9 + i % 50, (i % 3)::text) AS c FROM generate_series(1, 20000) i GROUP BY i % 50) s;
	CREATE FUNCTION model(n int, variance float8) RETURNS sipp.model LANGUAGE sql AS $$
		SELECT replace(
				(jsonb_set(m::jsonb, '{terms,0,levels}', (SELECT jsonb_agg(to_char(l, 'FM0000')) FROM generate_series(1, n) l))
				 || jsonb_build_object('mean', (SELECT jsonb_agg(CASE WHEN l = n THEN 50 ELSE 1.0 / n END) FROM generate_series(1, n) l),
									   'estimate', (SELECT jsonb_agg(l % 7) FROM generate_series(1, n) l),
									   'df', (SELECT jsonb_agg(100) FROM generate_series(1, n) l),
									   'covariance', '"here"'::jsonb, 'between', 1, 'pupil_variance', variance,
									   'terms', jsonb_build_array(m::jsonb->'terms'->0 || jsonb_build_object('reference', '0001',
										   'levels', (SELECT jsonb_agg(to_char(l, 'FM0000')) FROM generate_series(1, n) l)))))::text,
				'"here"', '[' || (SELECT string_agg(repeat('0.001,', i - 1) || '2', ',' ORDER BY i) FROM generate_series(1, n) i) || ']')::sipp.model
		FROM small
	$$;
	CREATE TABLE model AS SELECT model(2000, 40) AS a, model(2000, 40.1) AS b;
	-- one school of all levels, and one with levels that no model has
	CREATE TABLE school AS
		SELECT sipp.cohort(sin(i) * 9, to_char(1 + i % 2000, 'FM0000')) AS c, sipp.cohort(sin(i) * 9, to_char(1001 + i % 2000, 'FM0000')) AS half
		FROM generate_series(1, 20000) i;
	-- its levels once more as shares: 2,400 columns
	CREATE TABLE context AS SELECT sipp.rename(sipp.cohort(sin(i) * 9, (i % 1200)::text), 'f') AS c FROM generate_series(1, 20000) i;
	ALTER TABLE school ALTER c SET STORAGE external, ALTER half SET STORAGE external;
});
is($node->safe_psql('postgres', 'SELECT count(*) FROM model, LATERAL sipp.coefficients(a)'), '2000', 'a model of 2,000 levels');

# the most memory that a new backend ever had, in MB
my $base = 0;
sub peak
{
	my ($query) = @_;
	my $status = $node->safe_psql('postgres', qq{$query; SELECT 'status', pg_read_file('/proc/self/status')});

	return $status =~ /^VmHWM:\s+(\d+) kB/m ? $1 / 1024 - $base : undef;
}
$base = peak('SELECT sipp.fit_summary(m) IS NULL FROM small') // 0;

# Seconds of processor time that a backend has taken, which other programs on the
# machine do not add to as they do to the time on the clock.
my $cpu = q{SELECT (f[12]::float8 + f[13]::float8) / 100
	FROM regexp_split_to_array(regexp_replace(pg_read_file('/proc/self/stat'), '^.*[)] ', ''), ' ') f};

# once: what, query, result, seconds, megabytes; then again and again, cancelled.
# Input is two million numbers that the server itself reads as jsonb, which it
# does not let go of.
my @case = (
	[ 'sipp.compare', 'SELECT c.note FROM model, %s LATERAL sipp.compare(a, CASE WHEN %s > 0 THEN b END) c', 'the models have the same parameters', 2, 400 ],
	[ 'sipp.coefficients', 'SELECT count(*) FROM model, %s LATERAL sipp.coefficients(CASE WHEN %s > 0 THEN a END) c', '2000', 2, 300 ],
	[ 'sipp.term_tests', 'SELECT max(df) FROM model, %s LATERAL sipp.term_tests(CASE WHEN %s > 0 THEN a END) c', '1999', 20, 300 ],
	[ 'sipp.fit_summary', 'SELECT max(c.schools) FROM model, %s LATERAL sipp.fit_summary(CASE WHEN %s > 0 THEN a END) c', '50', 2, 300 ],
	[ 'sipp.effect', 'SELECT max(e.pupils) FROM model, school, %s LATERAL sipp.effect(CASE WHEN %s > 0 THEN c END, a) e', '20000', 3, 400 ],
	[ 'sipp.effect without unknown levels', 'SELECT max(e.pupils) FROM model, school, %s LATERAL sipp.effect(CASE WHEN %s > 0 THEN half END, a) e', '10000', 3, 400 ],
	[ 'input', 'SELECT count(x) FROM (SELECT a::text AS t FROM model) m, %s LATERAL (SELECT sipp.fit_summary(CASE WHEN %s > 0 THEN t END::sipp.model) AS x) c', '1', 10, 900 ],
	[ 'output', 'SELECT count(t) FROM model, %s LATERAL (SELECT CASE WHEN %s > 0 THEN a END::text AS t) c', '1', 5, 600 ],
	[ 'sipp.with_context and sipp.subset', q{SELECT max(sipp.size(x)) FROM context, %s LATERAL (SELECT sipp.subset(sipp.with_context(CASE WHEN %s > 0 THEN c END, 'f'), 'f_mean') AS x) c}, '20000', 2, 200 ]);
foreach my $case (@case)
{
	my ($what, $query, $expected, $seconds, $mb) = @$case;
	my $settled = sprintf($query, '', '1');
	my ($result, $took) = split /\n/, $node->safe_psql('postgres', "$settled; $cpu");

	is($result, $expected, "$what: the result");
	cmp_ok($took, '<', $seconds, "$what: in time") or diag("$took s");

	my $used = peak(sprintf($query, '', '1'));
	cmp_ok($used, '<', $mb, "$what: less than $mb MB") or diag("$used MB");
	note(sprintf '%s: %d MB', $what, $used);

	my $start = time;
	my ($ret, $out, $err) = $node->psql('postgres', 'SET statement_timeout = 700; ' . sprintf($query, 'generate_series(1, 100000) i,', 'i') . "; $cpu", on_error_stop => 0);
	like($err, qr/canceling statement due to statement timeout/, "$what: cancelled");
	cmp_ok(length $out ? $out : 99, '<', $what eq 'input' ? 0.7 + $seconds : 1.7, "$what: within a second") or diag(($out - 0.7) . ' s');
	cmp_ok(time - $start, '<', 60, "$what: without waiting") or diag((time - $start) . ' s');
}

# neither is a level too many compared, nor one of another name
is($node->safe_psql('postgres', q{SELECT c.note FROM (SELECT model(300, 40) AS a, model(300, 41) AS b) m, LATERAL sipp.compare(a, b) c}), 'the models have the same parameters', 'compared');
my ($ret, $out, $err) = $node->psql('postgres', q{
	SELECT sipp.compare(a, jsonb_set(b::jsonb, '{mean,7}', '0.5')::text::sipp.model) FROM (SELECT model(300, 40) AS a, model(300, 41) AS b) m});
like($err, qr/not fitted to the same pupils, outcome and covariates/, 'another mean of a level is seen');

$node->stop;
done_testing();
