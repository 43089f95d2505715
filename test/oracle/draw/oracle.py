"""All parts, and the closing line."""
import sys
import time

import common
import hostile
import picks
import same
import stream
import uniform
import school

stream.run()
common.sql("DROP SCHEMA IF EXISTS draw CASCADE; CREATE SCHEMA draw;")
for part in (picks, uniform, school, same, hostile):
    start = time.monotonic()
    part.run()
    print("%s: %.1f s" % (part.__name__, time.monotonic() - start), flush=True)
common.sql("DROP SCHEMA draw CASCADE;")
print("%d passed, %d failed%s" % (common.passed, common.failed,
                                  ", %d skipped" % common.skipped if common.skipped else ""))
sys.exit(common.failed > 0)
