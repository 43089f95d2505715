# Equality of stored values where it takes more than one server or a file: logical
# replication of tables whose REPLICA IDENTITY is FULL, COPY in binary, indexes
# as amcheck sees them.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$publisher->start;
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$subscriber->start;
my $dir = PostgreSQL::Test::Utils::tempdir();
my @types = ('cohort', 'model', 'peers', 'school', 'plan');

# One value of each type in a row, some of them long enough for TOAST.
$publisher->safe_psql('postgres', q{
	CREATE EXTENSION sipp;
	CREATE TABLE stored (id int, c sipp.cohort, m sipp.model, p sipp.peers, s sipp.school, l sipp.plan);
	ALTER TABLE stored REPLICA IDENTITY FULL;
	INSERT INTO stored
	WITH pupil AS MATERIALIZED (
			SELECT g, i % 5 AS school, sin(i + g) * 7 + i % 5 AS y, cos(i) AS x, (i % (1 + g))::text AS f FROM generate_series(1, 60) g, generate_series(1, 120) i),
		evidence AS MATERIALIZED (SELECT g, school, sipp.cohort(y, x, f) AS c FROM pupil GROUP BY g, school),
		fit AS (SELECT g, sipp.merge(c) AS c, sipp.value_added(sipp.subset(c, 'x')) AS m FROM evidence GROUP BY g)
	SELECT g, c, m, CASE WHEN g % 4 > 0 THEN sipp.peers(CASE g % 5 WHEN 0 THEN sipp.cohort_array(NULL, NULL, NULL) ELSE sipp.subset(c) END, g) END,
		   sipp.school(id => 'é' || g, effect => CASE WHEN g % 3 > 0 THEN sin(g) END, context => ARRAY[NULL, g], excludes => ARRAY(SELECT 'x' || i * g FROM generate_series(1, g * 3) i)),
		   (SELECT sipp.assign(i::text, 'z' || j, i * j / 3.0 + g, j) FROM generate_series(1, g) i, generate_series(1, 2) j)
	FROM fit GROUP BY g, c, m});
cmp_ok($publisher->safe_psql('postgres', q{SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'stored'}), '>', 0, 'some values are toasted');

#
# COPY in text and in binary
#
foreach my $format ('text', 'binary')
{
	is($publisher->safe_psql('postgres', qq{
			COPY stored TO '$dir/$format' (FORMAT $format);
			CREATE TEMP TABLE again (LIKE stored);
			COPY again FROM '$dir/$format' (FORMAT $format);
			SELECT count(*), count(*) FILTER (WHERE a = t) FROM stored t JOIN again a USING (id)}),
		'60|60', "COPY in $format form brings equal rows");
}

# a NaN and a zero of another spelling are the same value
sub received
{
	my ($type, $bytes) = @_;
	my $file = "PGCOPY\n\xff\r\n\0" . pack('N2 n N', 0, 0, 1, length $bytes) . $bytes . pack('n', 0xffff);

	open my $out, '>:raw', "$dir/received" or die;
	print $out $file;
	close $out;
	return $publisher->safe_psql('postgres', qq{
		CREATE TEMP TABLE received (v sipp.$type);
		COPY received FROM '$dir/received' (FORMAT binary);
		SELECT v, sipp.${type}_hash(v), encode(sipp.${type}_send(v), 'hex') FROM received});
}
foreach my $value ([ 'peers', "'{\"version\":1,\"pool\":0,\"own\":0,\"sharing\":0}'" ], [ 'peers', '(SELECT sipp.peers(sipp.cohort(0), 0))' ],
	[ 'school', "sipp.school(id => 'z', context => '{NULL,0}')" ], [ 'model', '(SELECT sipp.value_added(c) FROM (SELECT sipp.cohort(sin(i), cos(i), 2 * cos(i)) AS c FROM generate_series(1, 60) i GROUP BY i % 5) s)' ])
{
	my ($type, $sql) = @$value;
	my $sound = $publisher->safe_psql('postgres', "SELECT encode(sipp.${type}_send(($sql)::sipp.$type), 'hex')");
	my $other = pack 'H*', $sound;
	my $changed = ($other =~ s/\x7f\xf8\0\0\0\0\0\0/\xff\xf8\0\0\0\0\0\x01/g);

	# the last number: of peers four bytes, no number, follow
	$changed += ($type eq 'peers' ? $other =~ s/\0{8}(\0{4})\z/\x80\0\0\0\0\0\0\0$1/ : $other =~ s/\0{8}\z/\x80\0\0\0\0\0\0\0/);
	ok($changed, "$sql has a NaN or a zero");
	is(received($type, $other), received($type, pack 'H*', $sound), '... and another spelling of it makes no difference');
}

#
# Indexes, before and after what happens to tables
#
SKIP:
{
	skip 'amcheck is not installed', 2
	  unless $publisher->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'});

	$publisher->safe_psql('postgres', q{
		CREATE EXTENSION amcheck;
		CREATE TABLE indexed AS SELECT id, p, s, sipp.subset(c) AS c FROM stored;
		CREATE INDEX ON indexed (p); CREATE INDEX ON indexed (c, s) WHERE id < 30; CREATE INDEX ON indexed (s DESC) WHERE id < 30;
		INSERT INTO indexed SELECT id, p, sipp.school(id => 'n' || i), c FROM indexed, generate_series(1, 100) i;
		UPDATE indexed SET p = NULL WHERE id = 7;
		DELETE FROM indexed WHERE id = 8;
		CREATE TABLE small AS SELECT m, l FROM stored WHERE octet_length(sipp.model_send(m)) < 2000 AND octet_length(l::text) < 2000;
		CREATE INDEX ON small (m, l)});
	is($publisher->safe_psql('postgres', q{
			SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam AND a.amname = 'btree', LATERAL bt_index_check(c.oid, true) x
			WHERE i.indrelid::regclass::text IN ('indexed', 'small')}),
		'4', 'bt_index_check finds nothing');
	is($publisher->safe_psql('postgres', 'VACUUM FULL indexed; REINDEX TABLE indexed; SELECT bt_index_parent_check(indexrelid, true) FROM pg_index WHERE indrelid = \'indexed\'::regclass'),
		"\n\n", 'nor bt_index_parent_check, after VACUUM FULL and REINDEX');
}

#
# UPDATE and DELETE of rows that have nothing but their values to be found by
#
$publisher->safe_psql('postgres', 'CREATE PUBLICATION evidence FOR TABLE stored');
my $connection = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', qq{
	CREATE EXTENSION sipp;
	CREATE TABLE stored (id int, c sipp.cohort, m sipp.model, p sipp.peers, s sipp.school, l sipp.plan);
	CREATE SUBSCRIPTION evidence CONNECTION '$connection' PUBLICATION evidence});
ok($subscriber->poll_query_until('postgres', q{SELECT count(*) > 0 AND bool_and(srsubstate IN ('r', 's')) FROM pg_subscription_rel}), 'the tables are copied');

sub replicated
{
	my ($sql, $what) = @_;

	$publisher->safe_psql('postgres', $sql);
	# a worker that finds no operator dies and starts again: it never catches up
	my $lsn = $publisher->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
	my $caught = 0;
	foreach (1 .. 300)
	{
		$caught = $publisher->safe_psql('postgres', qq{SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '$lsn' AND application_name = 'evidence'});
		last if $caught;
		select undef, undef, undef, 0.1;
	}
	ok($caught, "$what is replicated");
	my $query = q{SELECT id, c, m, p, s, l FROM stored ORDER BY id, md5(s::text)};
	is($subscriber->safe_psql('postgres', $query), $publisher->safe_psql('postgres', $query), '... and both have the same');
}
replicated('UPDATE stored SET id = id + 1000 WHERE id % 2 = 0', 'an UPDATE of another column');
foreach my $change ([ 'c', 'sipp.add(c, c)' ], [ 'm', 'NULL' ], [ 'p', 'NULL' ], [ 's', "sipp.school(id => 'new ' || id)" ], [ 'l', "'{\"sipp\":\"plan\",\"version\":1}'" ])
{
	replicated("UPDATE stored SET $change->[0] = $change->[1] WHERE id % 3 = 0", "an UPDATE of $change->[0]");
}
replicated('INSERT INTO stored SELECT * FROM stored WHERE id % 10 = 1; DELETE FROM stored WHERE id % 5 = 1', 'a DELETE');
unlike(slurp_file($subscriber->logfile), qr/could not identify an equality operator/, 'no equality operator was missed');

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION evidence');
$subscriber->stop;
$publisher->stop;
done_testing();
