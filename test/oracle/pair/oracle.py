"""All parts, and the closing line."""

import importlib
import sys
import time

import common

for name in sys.argv[1:] or ["scores", "plans", "relax", "own", "alike", "gap", "role", "honest"]:
    start = time.monotonic()
    importlib.import_module(name).run()
    print("%s: %.1f s" % (name, time.monotonic() - start), flush=True)
print("%d passed, %d failed" % (common.passed, common.failed))
sys.exit(common.failed > 0)
