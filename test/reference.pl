#!/usr/bin/perl
#
# Keeps the reference tables of the manuals equal to the catalogue's comments.
#
#	reference.pl [--update] MANUAL ...
#
# A table stands between the lines <!-- reference: ROOM ... --> and <!-- end -->
# and has what the SQL of these rooms creates for users: functions, types and the
# columns of results.  ROOM "." is src/sipp.sql.  A manual whose table differs is
# an error; --update writes the table instead.  MANUAL is a path that begins with
# that of the source tree; the database, which has the extension, and the server
# come from psql's environment.

use strict;
use warnings;

use Text::Wrap;
$Text::Wrap::columns = 118;
$Text::Wrap::unexpand = 0;
$Text::Wrap::huge = 'overflow';

my $update = @ARGV && $ARGV[0] eq '--update';
shift @ARGV if $update;
die "usage: reference.pl [--update] MANUAL ...\n" if !@ARGV;
my ($root) = $0 =~ m{^(.*)/test/[^/]*$} or die "call it by its path\n";

# Rows of a query, each a list of fields.
sub query
{
	my ($sql) = @_;

	open(my $psql, '-|', 'psql', '-XqAt', '-F', "\x1f", '-R', "\x1e", '-v', 'ON_ERROR_STOP=1', '-c', $sql)
	  or die "psql: $!\n";
	local $/;
	my $all = <$psql>;
	close($psql) or die "the catalogue cannot be read\n";
	$all =~ s/\n\z//;
	return map { [ split(/\x1f/, $_, -1) ] } split(/\x1e/, $all);
}

# The functions that sipp.help() lists, each overload by itself, by its oid.
my %functions = map { $_->[0] => $_ } query(q{
	SELECT p.oid, p.proname, h.arguments, pg_get_function_result(p.oid), p.prokind, obj_description(p.oid, 'pg_proc')
	FROM pg_proc p JOIN sipp.help() h ON h.name = p.proname AND h.arguments = pg_get_function_arguments(p.oid)
	WHERE p.pronamespace = 'sipp'::regnamespace});

my %types = map { $_->[0] => $_ } query(q{
	SELECT typname, typtype, obj_description(oid, 'pg_type') FROM pg_type
	WHERE typnamespace = 'sipp'::regnamespace AND typcategory <> 'A'});

my %columns;
push @{ $columns{ $_->[0] } }, $_
  foreach query(q{
	SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum)
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE c.relnamespace = 'sipp'::regnamespace AND c.relkind = 'c' AND a.attnum > 0 AND NOT a.attisdropped
	ORDER BY c.relname, a.attnum});

# A comment as a cell of a table.
sub cell
{
	my ($text) = @_;

	$text =~ s/\|/\\|/g;
	$text =~ s/</&lt;/g;
	$text =~ s/\s+/ /g;
	return $text;
}

# Names of types as users write them.
sub short
{
	my ($text) = @_;

	$text =~ s/\bsipp\.//g;
	$text =~ s/\bdouble precision\b/float8/g;
	$text =~ s/('|\bNULL)::[a-z0-9]+(\[\])?/$1/g;
	return $text;
}

# What the SQL of a room comments on, in its order: functions and names of types.
sub objects
{
	my ($room) = @_;
	my $file = $room eq '.' ? "$root/src/sipp.sql" : "$root/src/$room/$room.sql";

	open(my $in, '<', $file) or die "$file: $!\n";
	local $/;
	my $sql = <$in>;
	close($in);
	my @signatures = map { s/\bVARIADIC\s+//gr } $sql =~ /^COMMENT ON (?:FUNCTION|AGGREGATE) (sipp\.\w+\([^;']*?\))\s+IS\b/mg;
	my $list = join(', ', map { '$$' . $_ . '$$' } @signatures);
	my @oids = $list eq '' ? () : query("SELECT to_regprocedure(s)::oid FROM unnest(ARRAY[$list]) WITH ORDINALITY u(s, i) ORDER BY i");
	foreach my $i (0 .. $#oids)
	{
		die "$file: what is $signatures[$i]?\n" if $oids[$i][0] eq '';
	}
	return ([ grep { $_ } map { $functions{ $_->[0] } } @oids ], [ grep { $_ } map { $types{$_} } $sql =~ /^COMMENT ON TYPE sipp\.(\w+)/mg ]);
}

sub table
{
	my @rooms = @_;
	my (@rows, @stored, @results);
	my %kind = (a => 'aggregate: ', w => 'window function: ', f => '', p => '');

	foreach my $room (@rooms)
	{
		my ($functions, $types) = objects($room);

		foreach my $f (@$functions)
		{
			my (undef, $name, $arguments, $result, $kind, $comment) = @$f;

			push @rows, sprintf("| `%s(%s)` → `%s` | %s |\n", $name, short($arguments), short($result),
				($comment =~ /^(?:aggregate|window function)/i ? '' : $kind{$kind}) . cell($comment));
		}
		foreach my $t (@$types)
		{
			my ($name, $type, $comment) = @$t;

			if ($type ne 'c')
			{
				push @stored, sprintf("| `%s` | %s |\n", $name, cell($comment));
				next;
			}
			# the manual says once that composites are not for storing
			$comment =~ s/\. Store its columns, not the composite$//;
			push @results, "\n" . wrap('', '', "**`sipp.$name`**: " . cell($comment)) . "\n\n| column | type | meaning |\n|---|---|---|\n",
			  map { sprintf("| `%s` | %s | %s |\n", $_->[1], short($_->[2]), cell($_->[3])) } @{ $columns{$name} };
		}
	}
	my @text;
	push @text, "\n| type | what it is |\n|---|---|\n", @stored if @stored;
	push @text, "\n| function | what it does |\n|---|---|\n", @rows if @rows;
	return split(/^/, join('', @text, @results, "\n"));
}

my ($passed, $failed) = (0, 0);
foreach my $manual (@ARGV)
{
	my (@new, @old, $rooms);

	open(my $in, '<', $manual) or die "$manual: $!\n";
	while (my $line = <$in>)
	{
		if ($line =~ /^<!-- reference: (.*) -->$/)
		{
			die "$manual:$.: a table in a table\n" if $rooms;
			($rooms, @old) = ($1);
			push @new, $line;
		}
		elsif ($rooms && $line =~ /^<!-- end -->$/)
		{
			my @table = table(split(' ', $rooms));

			if (join('', @old) eq join('', @table)) { $passed++ }
			else
			{
				my %was = map { $_ => 1 } @old;
				my %is = map { $_ => 1 } @table;

				$failed++;
				print "$manual: the reference differs from the catalogue's comments: run test/readme --reference\n",
				  map({ "-$_" } grep { !$is{$_} } @old), map({ "+$_" } grep { !$was{$_} } @table)
				  if !$update;
			}
			push @new, @table, $line;
			undef $rooms;
		}
		elsif ($rooms) { push @old, $line }
		else { push @new, $line }
	}
	close($in);
	die "$manual: a table has no end\n" if $rooms;
	next if !$update;
	open(my $out, '>', $manual) or die "$manual: $!\n";
	print $out @new;
	close($out) or die "$manual: $!\n";
}
print "$passed passed, $failed failed\n";
exit($failed > 0 && !$update);
