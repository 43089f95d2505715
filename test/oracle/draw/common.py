"""Counting checks, talking to the server."""
import json
import os
import subprocess

DIR = os.environ["DRAW_DIR"]
FULL = bool(os.environ.get("SIPP_FULL"))

passed = 0
failed = 0
skipped = 0


def check(ok, what):
    """One check; says what failed."""
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED", what, flush=True)
    return ok


def skip(what):
    global skipped
    skipped += 1
    print("skipped:", what, flush=True)


def close(got, want, tol, what):
    """got and want agree to tol, relative to want."""
    return check(abs(got - want) <= tol * abs(want), "%s: got %.17g, want %.17g" % (what, got, want))


def psql(script, database=None, env=None):
    """The output of a script and its errors; every statement of it is sent."""
    command = [os.environ["DRAW_PSQL"], "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
               "-v", "VERBOSITY=verbose", "-f", "-"]
    if database:
        command += ["-d", database]
    script = "SET search_path = draw, public; SET client_min_messages = warning; SET jit = off; SET work_mem = '64MB'; SET statement_timeout = '5min';\n" + script
    done = subprocess.run(command, input=script.encode(), capture_output=True,
                          env=dict(os.environ, **(env or {})))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def sql(script, **keywords):
    """The output of a script that must run."""
    status, out, err = psql(script, **keywords)
    if status:
        raise SystemExit("psql failed:\n%s\n%s" % (script[:2000], err))
    return out


def rows(query, **keywords):
    """A query's rows as lists of values; arrays are lists."""
    out = sql("COPY (SELECT to_json(ARRAY(SELECT value FROM json_each(row_to_json(q)))) FROM (%s) q)"
              " TO STDOUT (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02');" % query, **keywords)
    return [json.loads(line) for line in out.split("\n") if line]


def load(table, columns, values, **keywords):
    """A new table with these rows."""
    def field(v):
        if v is None:
            return "\\N"
        return str(v).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")

    data = "\n".join("\t".join(field(v) for v in row) for row in values)
    sql("DROP TABLE IF EXISTS %s; CREATE TABLE %s (%s);\nCOPY %s FROM STDIN;\n%s\n\\.\nANALYZE %s;\n"
        % (table, table, columns, table, data, table), **keywords)


def error(query, **keywords):
    """SQLSTATE and message of the error that a query ends in."""
    status, _, err = psql(query, **keywords)
    if status == 0:
        return "00000", ""
    line = [x for x in err.split("\n") if "ERROR:" in x][0]
    return line.split("ERROR:")[1].split(":")[0].strip(), err
