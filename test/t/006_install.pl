# Installing: who may read what "make install" lays down, what a build for
# another machine consists of, and a standby.

use strict;
use warnings;

use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# "make install" would compile into a source tree that was built elsewhere
plan skip_all => 'sipp was not built in this directory' if !-e 'sipp.so';

# the make that started this test has its own ideas
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES)};

my ($version) = slurp_file('sipp.control') =~ /^default_version\s*=\s*'(.*)'/m;
my $root = PostgreSQL::Test::Utils::tempdir();

# Everything below a directory, by its path from there.
sub contents
{
	my ($dir) = @_;
	my @found;

	find(sub { push @found, substr($File::Find::name, length $dir) if $File::Find::name ne $dir }, $dir) if -d $dir;
	return sort @found;
}

#
# A tight umask keeps nobody from reading the server's own files
#
umask 077;
system_or_bail('make', '-s', 'install', "DESTDIR=$root/tight");
umask 022;
my @all = contents("$root/tight");
cmp_ok(scalar(@all), '>', 3, 'installed with umask 077');
is(join(' ', grep { ((stat "$root/tight$_")[2] & 0444) != 0444 } @all), '', 'everybody may read it');
is(join(' ', grep { -d "$root/tight$_" && ((stat _)[2] & 0111) != 0111 } @all), '', '... and enter its directories');
is(join(' ', grep { ((stat "$root/tight$_")[2] & 0022) != 0 } @all), '', '... and nobody else write there');

system_or_bail('make', '-s', 'uninstall', "DESTDIR=$root/tight");
is(join(' ', grep { !-d "$root/tight$_" } contents("$root/tight")), '', 'uninstalling leaves no file');

#
# A build for another machine
#
system_or_bail('make', '-s', 'install', 'with_llvm=no', "DESTDIR=$root/three");
my @files = grep { !-d "$root/three$_" } contents("$root/three");
my @manuals = grep { m{/README[^/]*$} } @files;
@files = grep { !m{/README[^/]*$} } @files;
is(join(' ', sort map { s{.*/}{}r } @files), "sipp--$version.sql sipp.control sipp.so", 'three files are all that it takes');
my ($pkglibdir) = run_command([ 'pg_config', '--pkglibdir' ]);
my ($sharedir) = run_command([ 'pg_config', '--sharedir' ]);
is(join(' ', sort @files), join(' ', sort("$pkglibdir/sipp.so", map { "$sharedir/extension/$_" } 'sipp.control', "sipp--$version.sql")),
	'each where the manual says');

#
# The manuals are installed beside them, under names of their own, and lead from
# one to the other
#
is(join(' ', sort map { s{.*/}{}r } @manuals),
	join(' ', sort map { "README.sipp$_.md" } '', map { "-$_" } qw(src adjust virtual plan group num test)), 'eight manuals');
is(scalar(keys %{ { map { s{[^/]*$}{}r => 1 } @manuals } }), 1, '... in one directory');
my ($links, @dead) = (0);
foreach my $manual (@manuals)
{
	my $text = slurp_file("$root/three$manual");
	while ($text =~ /\]\(([^)#]*README[^)#]*)/g)
	{
		$links++;
		push @dead, "$manual: $1" if !-e "$root/three" . ($manual =~ s{[^/]*$}{}r) . $1;
	}
}
cmp_ok($links, '>', 20, 'links between them');
is(join("\n", @dead), '', '... lead somewhere');

#
# A standby: the extension is created on the primary only
#
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->start;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', q{
	CREATE EXTENSION sipp;
	CREATE TABLE pupil AS SELECT i % 30 AS school, i AS y, i % 7 AS x FROM generate_series(1, 3000) i;
	CREATE TABLE stored AS SELECT school, sipp.cohort(y, x) AS cohort FROM pupil GROUP BY school;
	CREATE INDEX ON stored (cohort);
	CREATE TABLE national AS SELECT sipp.value_added(cohort) AS model FROM stored;
});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

my $figures = q{
	SELECT school, cohort, e.* FROM stored, national, LATERAL sipp.effect(cohort, model) e ORDER BY school;
	SELECT sipp.value_added(cohort)::text FROM (SELECT sipp.cohort(y, x) AS cohort FROM pupil GROUP BY school) s;
	SET enable_seqscan = off;
	SELECT school FROM stored WHERE cohort OPERATOR(sipp.=) (SELECT sipp.cohort(y, x) FROM pupil WHERE school = 7)};
my $figure = $primary->safe_psql('postgres', $figures);
is($standby->safe_psql('postgres', $figures), $figure, 'a standby reads stored cohorts and fits new ones');
my ($ret, $out, $err) = $standby->psql('postgres', 'CREATE EXTENSION sipp');
like($err, qr/cannot execute CREATE EXTENSION in a read-only transaction/, '... and creates no extension');
$primary->stop;
$standby->promote;
is($standby->safe_psql('postgres', $figures), $figure, 'promoted, it says the same');
is($standby->safe_psql('postgres', q{
		INSERT INTO stored SELECT 99, sipp.cohort(y, x) FROM pupil WHERE school < 3;
		SELECT sipp.size(cohort) FROM stored WHERE school = 99}),
	'300', '... and goes on');
$standby->stop;

done_testing();
