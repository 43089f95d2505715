"""Counting checks, talking to the server."""

import json
import os
import subprocess
import sys

import nation

FULL = bool(os.environ.get("SIPP_FULL"))

passed = 0
failed = 0


def check(what, wrong):
    """One check, of which wrong holds all that is amiss."""
    global passed, failed
    if wrong:
        failed += 1
        print("FAILED: %s: %d times, such as %s" % (what, len(wrong), "; ".join(str(x) for x in wrong[:3])), flush=True)
    else:
        passed += 1


def query(statements):
    """Of each statement its rows, each one document."""
    mark = "--- next"
    script = "SET extra_float_digits = 3;\nSET client_min_messages = warning;\n" + "".join(
        "%s;\n\\echo %s\n" % (s, mark) for s in statements)
    done = subprocess.run([os.environ.get("PSQL", "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
                          input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("psql: " + done.stderr[:2000])
    parts = done.stdout.split(mark + "\n")
    if len(parts) != len(statements) + 1 or parts[-1]:
        sys.exit("%d answers to %d statements" % (len(parts) - 1, len(statements)))
    return [[json.loads(x) for x in p.split("\n") if x] for p in parts[:-1]]


def literal(value):
    if isinstance(value, list):
        return "ARRAY[" + ",".join(literal(v) for v in value) + "]"
    return repr(value) if not isinstance(value, str) else "'" + value.replace("'", "''") + "'"


def array(schools):
    return literal([nation.text(s) for s in schools]) + "::sipp.school[]"


def table(name, schools):
    """Schools as an array in a temporary table, for statements that need them again and again."""
    return "CREATE TEMP TABLE %s AS SELECT %s AS schools" % (name, array(schools))


def arguments(options):
    return "".join(", %s => %s" % (k, literal(v)) for k, v in options.items())


def near(a, b, tolerance):
    """Equal but for rounding, relative beyond 1; what is not known only to that."""
    if a is None or b is None:
        return a is None and b is None
    return abs(a - b) <= tolerance * max(1, abs(b))
