package TapCount;

# A formatter for prove that closes with "N passed, N failed, N skipped".
#
# A test script that dies, that ends with a status of its own or that breaks
# its plan counts as one failure if none of its tests does.

use strict;
use warnings;

use base 'TAP::Formatter::Console';

sub summary
{
	my ($self, $aggregate) = @_;
	my ($passed, $failed, $skipped) = (0, 0, 0);

	$self->SUPER::summary($aggregate);

	foreach my $parser ($aggregate->parsers)
	{
		my $bad = scalar($parser->failed);

		$bad = 1 if !$bad && $parser->has_problems;
		$failed += $bad;
		$skipped += $parser->skip_all ? 1 : scalar($parser->skipped);
		$passed += scalar($parser->passed) - scalar($parser->skipped);
	}
	$self->_output("$passed passed, $failed failed, $skipped skipped\n");
	return;
}

1;
