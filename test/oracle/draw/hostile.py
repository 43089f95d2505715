"""Arguments that are wrong, sizes that are absurd."""
import re
import time

from common import FULL, check, error, psql, sql

ROWS = 5000000 if FULL else 100000


def fails(query, state, *words):
    got, message = error(query)
    check(got == state, "%s: SQLSTATE %s" % (query, got))
    for w in words:
        check(w in message, "%s: its message lacks \"%s\": %s" % (query, w, message))


def draw(arguments, source="h"):
    return "SELECT sipp.comparator_draw(%s) OVER () FROM %s" % (arguments, source)


def test_errors():
    sql("DROP TABLE IF EXISTS h; CREATE TABLE h AS SELECT i AS id, i % 5 AS school, i % 2 AS authority, 'x' || i AS name,"
        " CASE WHEN i <> 17 THEN i END AS holes, i % 40 + 1000 AS twice, i::float8 AS f, ARRAY[i] AS a"
        " FROM generate_series(1, 50) i;")
    for k in ("0", "-1", "2147483648", "9223372036854775807", "-9223372036854775808"):
        fails(draw("id, school, k => %s" % k), "22023", "argument \"k\" of sipp.comparator_draw", "It is %s." % k, "HINT")
    for name in ("k", "seed"):
        fails(draw("id, school, %s => NULL" % name), "22004", "argument \"%s\" of sipp.comparator_draw" % name, "HINT")
    fails(draw("id, school, k => CASE WHEN id < 50 THEN 1 END"), "22004", "\"k\"")
    fails(draw("holes, school"), "22004", "argument \"pupil_id\"", "HINT", "WHERE")
    fails(draw("twice, school"), "21000", "argument \"pupil_id\"", "row of 1001.", "HINT", "PARTITION BY")
    fails(draw("name::char(2), school"), "21000", "row of x1.")
    fails(draw("left(md5((id / 2)::text) || 'é', 1), school"), "21000", "argument \"pupil_id\"")
    fails(draw("('00000000-0000-0000-0000-0000000000' || 10 + twice % 2)::uuid, school"), "21000", "-0000000000")
    for column, name in (("f", "double precision"), ("id::numeric", "numeric"), ("name::bytea", "bytea"),
                         ("now()", "timestamp with time zone"), ("name::name", "name"), ("'x'::\"char\"", "\"char\"")):
        fails(draw(column + ", school"), "42804", "argument \"pupil_id\" of sipp.comparator_draw has type %s" % name,
              "HINT", "pupil_id::text")
    fails(draw("a, school"), error(draw("a, school"))[0])
    check(error(draw("a, school"))[0] not in ("00000", "XX000"), "an array as id is no error")
    fails(draw("id, NULL"), "22004", "unit")
    fails("SELECT sipp.comparator_draw(1, 2)", "42809")

    # not errors: no rows, one row, the outermost seeds, a pool of nobody
    check(sql(draw("id, school", "h WHERE false").rstrip()) == "", "no rows")
    check(sql(draw("id, school", "h WHERE id = 1")) == "{}\n", "one row")
    check(sql(draw("id, 1, k => 2147483647")) == "{}\n" * 50, "one school")
    check(sql("SELECT count(DISTINCT d) > 40 FROM (%s) q(d)" % draw("id, id, NULL, 5, 9223372036854775807")) == "t\n", "seed")
    check(sql("SELECT count(*) FROM (%s) q(d) WHERE cardinality(d) = 49" % draw("id, id, k => 2147483647")) == "50\n", "all")
    check(sql(draw("id, school", "(VALUES ('', 1), ('a', 2)) v (id, school)")) == "{a}\n{\"\"}\n", "an empty text")


def run_time(keys):
    """Milliseconds, the better of two runs."""
    times = []
    for _ in range(2):
        out = sql("SET work_mem = '1GB'; EXPLAIN (ANALYZE, TIMING OFF)"
                  " SELECT sipp.comparator_draw(id, %s) OVER () FROM big;" % keys)
        times.append(float(re.search(r"Execution Time: ([0-9.]+)", out).group(1)))
    return min(times)


def test_large():
    """One partition; bad cases must cost about as much as a good one.  A scan a
    pupil would take ROWS times as long."""
    sql("DROP TABLE IF EXISTS big; CREATE TABLE big AS SELECT (i * 7919::bigint) %% %d AS id, i AS n"
        " FROM generate_series(1, %d) i;" % (ROWS * 2 + 1, ROWS))
    good = run_time("n % 3000, n % 3000 % 32")
    print("%d pupils in one partition: %.0f ms" % (ROWS, good))
    bad = {
        "one authority has 99.9 %": "n % 3000, CASE WHEN n % 1000 = 0 THEN n % 3000 ELSE 0 END",
        "the same, everybody a school": "n, CASE WHEN n % 1000 = 0 THEN n ELSE 0 END",
        "two have 99.8 %, one pupil in a thousand is of both":
            "CASE WHEN n % 2000 IN (0, 2, 4) THEN n WHEN n % 2 = 0 OR n % 2000 = 1 THEN 0 ELSE n END,"
            " CASE WHEN n % 2000 IN (0, 2, 4) THEN n WHEN n % 2 = 1 THEN 0 ELSE n END",
        "two have 45 % each": "n % 20 / 9, n % 3000",
        "everybody alone": "n, n",
        "everybody together": "1, 1",
    }
    for name, keys in bad.items():
        t = run_time(keys)
        print("%s: %.0f ms" % (name, t))
        check(t < 6 * good, "%s: %.0f ms, where %.0f ms is ordinary" % (name, t, good))


def test_cancel():
    """Draws that would go on for minutes, and what takes long before the first."""
    for what, query in (("draws", "SELECT sum(cardinality(sipp_d)) FROM (SELECT sipp.comparator_draw(id, n, k => 2147483647)"
                                  " OVER () AS sipp_d FROM big) q"),
                        ("reading", "SELECT sipp.comparator_draw(x.id * 50 + y, x.n) OVER ()"
                                    " FROM big x, generate_series(1, 50) y")):
        start = time.monotonic()
        status, _, err = psql("SET statement_timeout = '1s'; SET temp_file_limit = -1; %s;" % query)
        took = time.monotonic() - start
        check(status != 0 and "57014" in err, "%s are not cancelled: %s" % (what, err))
        check(took < 15, "%s: cancelled after %.1f s" % (what, took))


def run():
    test_errors()
    test_large()
    test_cancel()
