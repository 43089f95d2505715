"""Counting checks, talking to the server, nations as SQL."""

import json
import os
import subprocess

FULL = bool(os.environ.get("SIPP_FULL"))

passed = 0
failed = 0


def check(wrong, what):
    """One check, of which wrong holds all that is amiss."""
    global passed, failed
    if wrong:
        failed += 1
        print("FAILED %s: %d times, such as %s" % (what, len(wrong), "; ".join(str(w) for w in wrong[:3])), flush=True)
    else:
        passed += 1


def query(statements):
    """Each statement's one value, a document; of a list of statements."""
    script = "SET client_min_messages = warning; SET jit = off;\n" + "".join(s + ";\n" for s in statements)
    done = subprocess.run([os.environ["PSQL"], "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"],
                          input=script.encode(), capture_output=True, check=False)
    if done.returncode:
        raise SystemExit("psql failed: " + done.stderr.decode()[:2000])
    rows = [json.loads(x) for x in done.stdout.decode().split("\n") if x]
    if len(rows) != len(statements):
        raise SystemExit("%d answers to %d statements" % (len(rows), len(statements)))
    return rows


def literal(value):
    """A value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return literal(json.dumps(value)) + "::jsonb"
    if isinstance(value, list):
        return "ARRAY[" + ",".join(literal(v) for v in value) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def array(schools):
    """Schools through the constructor, with all that is known of them."""
    def one(s):
        return "sipp.school(" + ", ".join(
            "%s => %s%s" % (k, literal(v), "" if not isinstance(v, list) else
                            "::text[]" if k in ("excludes", "context_names", "subject_names") else "::float8[]")
            for k, v in s.items() if v is not None or k == "role") + ")"
    return "ARRAY[" + ",\n".join(one(s) for s in schools) + "]::sipp.school[]"


def arguments(options, names=None):
    """Options as named arguments, those among names."""
    return "".join(", %s => %s" % (k, literal(v)) for k, v in options.items() if names is None or k in names)


def near(a, b, tolerance):
    """Equal but for rounding, relative beyond 1; None only to None."""
    if a is None or b is None:
        return a is None and b is None
    return abs(a - b) <= tolerance * max(1, abs(b))


def key(name):
    """What ids are ordered by."""
    return name.encode()
