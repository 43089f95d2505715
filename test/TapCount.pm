package TapCount;

# A formatter for prove that closes with "N passed, N failed, N skipped", after a
# line "skipped N: WHY" for each reason.
#
# A test script that dies, that ends with a status of its own or that breaks
# its plan counts as one failure if none of its tests does.

use strict;
use warnings;

use base 'TAP::Formatter::Console';

my (@whys, %skips);

# Notes N skipped tests.
sub note_skip
{
	my ($why, $n) = @_;

	push @whys, $why if !$skips{$why};
	$skips{$why} += $n;
	return;
}

sub open_test
{
	my ($self, $test, $parser) = @_;

	$parser->callback(
		test => sub {
			my ($result) = @_;

			note_skip("$test: " . $result->explanation, 1) if $result->has_skip;
		});
	return $self->SUPER::open_test($test, $parser);
}

sub summary
{
	my ($self, $aggregate) = @_;
	my ($passed, $failed, $skipped) = (0, 0, 0);

	$self->SUPER::summary($aggregate);

	foreach my $test ($aggregate->descriptions)
	{
		my ($parser) = $aggregate->parsers($test);
		my $bad = scalar($parser->failed);

		$bad = 1 if !$bad && $parser->has_problems;
		$failed += $bad;
		$skipped += $parser->skip_all ? 1 : scalar($parser->skipped);
		note_skip("$test: " . $parser->skip_all, 1) if $parser->skip_all;
		$passed += scalar($parser->passed) - scalar($parser->skipped);
	}
	$self->_output("skipped $skips{$_}: $_\n") foreach @whys;
	$self->_output("$passed passed, $failed failed, $skipped skipped\n");
	return;
}

1;
