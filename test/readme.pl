#!/usr/bin/perl
#
# Runs the SQL of Markdown files in one psql session, file after file, and compares
# the output.
#
#	readme.pl [--update] README.md ...
#
# A block that opens with ```sql is run; it must not fail.  If the next thing
# after it is a block that opens with ```text, that is the output it must have,
# line by line, but for white space, empty lines and the length of rulers; the
# messages follow the results.  Where the expected output shows an error, there
# must be that error.  The line <!-- no-test --> before a block skips it.
#
# --update puts the real output in place of the expected.  The database and the
# server come from psql's environment.

use strict;
use warnings;

my $update = @ARGV && $ARGV[0] eq '--update';
shift @ARGV if $update;
die "usage: readme.pl [--update] README.md ...\n" if !@ARGV;

# Each block: file, line (the number of its fence), sql, skip, and, if it has an
# expected output, text with first and last, the indexes of its fences.
my @blocks;
my %lines;

sub read_blocks
{
	my ($file) = @_;
	my ($skip, $previous) = (0);

	open(my $in, '<', $file) or die "$file: $!\n";
	my @lines = <$in>;
	close($in);
	$lines{$file} = \@lines;
	for (my $i = 0; $i < @lines; $i++)
	{
		if ($lines[$i] =~ /^<!--\s*no-test\s*-->\s*$/)
		{
			$skip = 1;
		}
		elsif ($lines[$i] =~ /^```(\w*)/)
		{
			my ($language, $first) = ($1, $i);

			$i++ while $i + 1 < @lines && $lines[ $i + 1 ] !~ /^```\s*$/;
			$i++;
			die "$file:" . ($first + 1) . ": this block has no end\n" if $i >= @lines;
			my $body = join('', @lines[ $first + 1 .. $i - 1 ]);

			if ($language eq 'sql')
			{
				$previous = { file => $file, line => $first + 1, sql => $body, skip => $skip, end => $i };
				push @blocks, $previous;
			}
			elsif ($language eq 'text' && $previous && !defined $previous->{text})
			{
				# only blank lines between the two?
				my $between = join('', @lines[ $previous->{end} + 1 .. $first - 1 ]);

				@$previous{qw(text first last)} = ($body, $first, $i) if $between !~ /\S/;
			}
			$skip = 0;
		}
		elsif ($lines[$i] =~ /\S/)
		{
			$skip = 0;
		}
	}
}
read_blocks($_) foreach @ARGV;

# One session for all.  Results and messages go to two files, so that their
# order does not depend on buffers, and a mark in both divides the blocks.
my $mark = '=== ' . join('', map { chr(97 + int(rand(26))) } 1 .. 20);
my $base = ($ENV{TMPDIR} || '/tmp') . "/readme.$$";
open(my $psql, '|-', "psql -X -q >'$base.out' 2>'$base.err'") or die "psql: $!\n";
foreach my $block (@blocks)
{
	print $psql "\\echo '$mark'\n\\warn '$mark'\n";
	print $psql $block->{sql}, "\n;\n" unless $block->{skip};
}
print $psql "\\echo '$mark'\n\\warn '$mark'\n";
close($psql);

# The pieces of one of the two files, by block.
sub pieces
{
	my ($name) = @_;
	my @pieces;

	open(my $handle, '<', $name) or die "$name: $!\n";
	local $/;
	my $all = <$handle>;
	close($handle);
	unlink $name;
	@pieces = split(/^\Q$mark\E\n/m, $all, -1);
	if (@pieces != @blocks + 2)
	{
		print $all;
		die "psql did not get through all blocks: is a quote or parenthesis open?\n";
	}
	return @pieces[ 1 .. @blocks ];
}

# What is compared.
sub plain
{
	my ($text) = @_;
	my @plain;

	foreach my $line (split(/\n/, $text))
	{
		$line =~ s/\s+/ /g;
		$line =~ s/^ | $//g;
		$line =~ s/-{2,}/--/g;
		push @plain, $line if $line ne '';
	}
	return join("\n", @plain);
}

my @out = pieces("$base.out");
my @err = pieces("$base.err");
my ($passed, $failed, $skipped) = (0, 0, 0);
foreach my $i (0 .. $#blocks)
{
	my $block = $blocks[$i];
	my $output = $out[$i] . $err[$i];
	my $expected = $block->{text};

	if ($block->{skip})
	{
		$skipped++;
		print "skipped: $block->{file}:$block->{line}: marked no-test\n";
		next;
	}
	if (defined $expected ? plain($output) eq plain($expected) : $err[$i] !~ /^(?:ERROR|FATAL|PANIC):/m)
	{
		$passed++;
	}
	else
	{
		$failed++;
		print "$block->{file}:$block->{line}: ",
		  defined $expected ? "the output differs; expected\n$expected" : "this fails",
		  defined $expected ? "but got\n" : "\n", $output, "\n";
	}
	$block->{new} = $output;
}

if ($update)
{
	foreach my $block (reverse grep { defined $_->{text} && defined $_->{new} } @blocks)
	{
		my $new = $block->{new};

		$new =~ s/[ \t]+$//mg;
		$new =~ s/\n+\z/\n/;
		splice(@{ $lines{ $block->{file} } }, $block->{first} + 1, $block->{last} - $block->{first} - 1, $new);
	}
	foreach my $file (keys %lines)
	{
		open(my $handle, '>', $file) or die "$file: $!\n";
		print $handle @{ $lines{$file} };
		close($handle) or die "$file: $!\n";
	}
}

print "$passed passed, $failed failed, $skipped skipped\n";
exit($failed > 0);
