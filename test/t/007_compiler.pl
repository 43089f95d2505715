# Options under which the compiler may drop the rounding errors that src/num/dd.h
# computes: each either fails, with a message that says why, or changes no figure.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use File::Temp;
use PostgreSQL::Test::Utils;
use Test::More;

my $src = abs_path(dirname(__FILE__) . '/../../src');
my $dir = File::Temp->newdir;
my $program = "$dir/rounding.c";
PostgreSQL::Test::Utils::append_to_file($program, <<'C');
#include "num/dd.h"
#include <stdio.h>
#include <stdlib.h>

/* rounding errors of a sum, a quick sum, a product and a sum of three */
int
main(int argc, char **argv)
{
	double		a = atof(argv[1]);
	double		b = atof(argv[2]);
	Wide		w = {{0}};

	wide_add(&w, a);
	wide_add(&w, b);
	wide_add(&w, -a);
	printf("%a %a %a %a\n", dd_two_sum(a, b).lo, dd_quick_two_sum(a, b).lo, dd_two_prod(a, b).lo, dd_value(wide_value(&w)));
	return argc != 3;
}
C

# The message that a compiler ends with, or what the program prints.
sub outcome
{
	my ($cc, @options) = @_;
	my ($out, $err) = ('', '');

	# as the Makefile has it: the server's and the user's options first
	IPC::Run::run([ $cc, '-O2', @options, '-ffp-contract=off', "-I$src", $program, '-o', "$dir/rounding" ], '>', \$out, '2>', \$err)
		or return $err =~ /error: (?:#error )?"?([^"\n]*)/ ? $1 : "fails: $err";
	IPC::Run::run([ "$dir/rounding", '0.1', '1e-9' ], '>', \$out) or return 'does not run';
	return $out;
}

foreach my $cc ('gcc', 'clang')
{
  SKIP:
	{
		skip "$cc is not installed", 1 if !PostgreSQL::Test::Utils::run_log([ 'sh', '-c', "command -v $cc" ]);
		my $right = outcome($cc);
		like($right, qr/^-?0x1\S* -?0x1\S* -?0x1\S* 0x1\S*$/, "$cc: there are rounding errors");
		is(outcome($cc, $_), $right, "$cc $_ changes nothing")
			foreach '-O0', '-O3', '-ffp-contract=fast', '-freciprocal-math', '-fno-signed-zeros', '-fno-math-errno', '-march=native';
		like(outcome($cc, $_), qr/^sipp cannot be compiled with -ffast-math or -Ofast: .*take the option out/, "$cc $_ fails")
			foreach '-ffast-math', '-Ofast';
		like(outcome($cc, '-ffinite-math-only'), qr/^sipp cannot be compiled with -ffinite-math-only: /, "$cc -ffinite-math-only fails");

		# clang does not tell the preprocessor, and heeds a pragma
		foreach my $options ([ '-funsafe-math-optimizations' ], [ '-fassociative-math', '-fno-signed-zeros', '-fno-trapping-math' ])
		{
			my $is = outcome($cc, @$options);

			ok($cc eq 'gcc' ? $is =~ /^sipp cannot be compiled with -fassociative-math / : $is eq $right, "$cc @$options does not pass unnoticed")
				or diag $is;
		}

		# x87: one register set or both, and the 32-bit default; other machines have none
		foreach my $options ([ '-mfpmath=387' ], [ '-mfpmath=both' ], [ '-m32' ])
		{
			my $is = outcome($cc, @$options);

			ok($is =~ /^sipp needs double arithmetic of double precision: / || $is =~ /unrecognized|not supported|unknown|unsupported|bits\/|fails: /,
				"$cc @$options does not compile") or diag $is;
		}
	}
}
done_testing();
