"""What may not change the picks, and what must hold for each of them."""
import random

from common import check, load, psql, rows, skip, sql

NAMES = ["Zoë", "Ångström", "ñandú", "þórr", "Ærø", "zebra", "école", "Éire", "x"]


def fingerprint(source="pupil", window="PARTITION BY cell", before="", where="true", keys="school, authority"):
    """One number for all picks of all pupils."""
    return sql("%s SELECT md5(string_agg(id::text || d::text, ',' ORDER BY cell, id)) FROM (SELECT cell, id,"
               " sipp.comparator_draw(id, %s, 10, seed => 5) OVER (%s) AS d FROM %s) q WHERE %s"
               % (before, keys, window, source, where)).strip()


def plan(before, source="pupil"):
    return sql("%s EXPLAIN (ANALYZE, TIMING OFF) SELECT sipp.comparator_draw(id, school, authority, 10, seed => 5)"
               " OVER (PARTITION BY cell) FROM %s" % (before, source))


def test_order():
    want = fingerprint()
    for source in ("(SELECT * FROM pupil ORDER BY id) p", "(SELECT * FROM pupil ORDER BY id DESC) p",
                   "(SELECT * FROM pupil ORDER BY md5(id::text)) p", "(SELECT * FROM pupil ORDER BY authority, school) p",
                   "(SELECT cell, id::bigint, school::text COLLATE \"C\", authority::numeric FROM pupil) p"):
        check(fingerprint(source) == want, "other picks from " + source)
    for order in ("id", "school DESC", "md5(id::text)", "random()"):
        check(fingerprint(window="PARTITION BY cell ORDER BY " + order) == want, "other picks with ORDER BY " + order)
    check(fingerprint(window="PARTITION BY cell ROWS BETWEEN 1 PRECEDING AND CURRENT ROW") == want, "other picks in a frame")
    check(fingerprint(source="pupil TABLESAMPLE bernoulli (90) REPEATABLE (1)") != want, "fewer pupils, the same picks")
    check(fingerprint(keys="authority, school") == want, "other picks with the keys exchanged")


def test_plans():
    want = fingerprint()
    small = "SET work_mem = '64kB';"
    many = "(SELECT cell, id + i * 1000000 AS id, school, authority FROM pupil, generate_series(1, 9) i) p"
    check("Disk" in plan(small, many), "work_mem = 64kB does not use the disk")
    check(fingerprint(many, before=small) == fingerprint(many), "other picks with work_mem = 64kB")
    check(fingerprint("(SELECT * FROM %s ORDER BY md5(id::text)) p" % many, before=small) == fingerprint(many),
          "other picks with work_mem = 64kB and another order")

    # one partition, larger than work_mem
    whole = fingerprint(many, window="")
    check(fingerprint(many, window="", before=small) == whole, "other picks in one partition with work_mem = 64kB")

    compiled = "SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0;"
    if "JIT" in plan(compiled):
        check(fingerprint(before=compiled) == want, "other picks with JIT")
    else:
        skip("the server has no JIT")

    parallel = ("SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode',"
                " 'debug_parallel_query') \\g /dev/null\nSET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
                " SET min_parallel_table_scan_size = 0;")
    check("Gather" in plan(parallel), "the plan is not parallel")
    check(fingerprint(before=parallel) == want, "other picks in a parallel plan")

    prepared = sql("PREPARE p(bigint, bigint) AS SELECT md5(string_agg(id::text || d::text, ',' ORDER BY cell, id))"
                   " FROM (SELECT cell, id, sipp.comparator_draw(id, school, authority, $1, $2) OVER (PARTITION BY cell)"
                   " AS d FROM pupil) q; SET plan_cache_mode = force_generic_plan; EXECUTE p(10, 5);").strip()
    check(prepared == want, "other picks from a prepared statement")


def test_partitions():
    """Other partitions, before, after, of the same ids, do not matter."""
    for one in (0, 3):
        want = fingerprint(where="cell = %d" % one)
        check(fingerprint("(SELECT * FROM pupil WHERE cell = %d) p" % one) == want, "cell %d alone has other picks" % one)
        more = "(SELECT * FROM pupil UNION ALL SELECT cell + 100, id, school, authority FROM pupil" \
            " UNION ALL SELECT -1, i, i, i FROM generate_series(1, 50) i) p"
        check(fingerprint(more, where="cell = %d" % one) == want, "cell %d has other picks among more cells" % one)


def test_every_pick():
    """Of everybody: eligible, distinct, as many as there are; who has which pool
    is found here by joining everybody with everybody."""
    shapes = {
        "authority of school": ("school", "authority"),
        "crossing": ("school", "id % 7"),
        "crossing, with NULLs": ("nullif(school, 1)", "nullif(id % 5, 0)"),
        "one key": ("authority", None),
        "one large authority": ("school", "CASE WHEN id % 50 = 0 THEN id ELSE 0 END"),
        "two large ones": ("CASE WHEN id % 20 < 11 THEN 0 ELSE id END", "CASE WHEN id % 20 < 9 THEN id ELSE 0 END"),
        "everybody alone": ("id", "id"),
        "everybody together": ("1", "2"),
    }
    for name, (unit, leave_out) in shapes.items():
        shared = "a.unit IS NOT DISTINCT FROM b.unit"
        if leave_out:
            shared += " OR a.leave_out IS NOT DISTINCT FROM b.leave_out"
        argument = "leave_out" if leave_out else "NULL"
        sql("DROP TABLE IF EXISTS e, pool, size;"
            "CREATE TABLE e AS SELECT cell, id, %s AS unit, (%s)::int AS leave_out FROM pupil;"
            "CREATE TABLE pool AS SELECT a.cell, a.id, b.id AS other FROM e a JOIN e b ON b.cell = a.cell AND NOT (%s);"
            "CREATE TABLE size AS SELECT cell, id, count(other) AS n FROM e LEFT JOIN pool USING (cell, id) GROUP BY 1, 2;"
            % (unit, leave_out or "NULL", shared))
        for k in (10, 40, 2000000000):
            bad = rows("""WITH d AS MATERIALIZED (
                    SELECT cell, id, sipp.comparator_draw(id, unit, %s, %d) OVER (PARTITION BY cell) AS d,
                           sipp.comparator_draw(id, unit, %s, %d) OVER (PARTITION BY cell) AS more FROM e),
                picked AS (SELECT cell, id, unnest(d) AS other FROM d)
                SELECT (SELECT count(*) FROM (TABLE picked EXCEPT TABLE pool) x),
                       (SELECT count(*) - count(DISTINCT (cell, id, other)) FROM picked),
                       (SELECT count(*) FROM d JOIN size USING (cell, id)
                        WHERE cardinality(d) IS DISTINCT FROM least(%d, n)),
                       (SELECT count(*) FROM d JOIN size USING (cell, id) WHERE n = 0 AND d IS DISTINCT FROM '{}'),
                       (SELECT count(*) FROM d WHERE d IS DISTINCT FROM coalesce(more[1:%d], '{}')),
                       (SELECT count(*) FROM d), (SELECT count(*) FROM e)"""
                       % (argument, k, argument, min(4 * k, 2**31 - 1), k, k))[0]
            for what, n in zip(("share a key with their pupil", "are drawn twice", "pupils have too few or too many",
                                "pupils with an empty pool have no empty array",
                                "pupils have k that are not the first k of more"), bad):
                check(n == 0, "%s, k = %d: %d %s" % (name, k, n, what))
            check(bad[5] == bad[6], "%s: %d of %d pupils" % (name, bad[5], bad[6]))


def test_encodings():
    """Text ids that are no ASCII, in databases of three encodings."""
    rng = random.Random(6)
    values = [(i % 3, rng.choice(NAMES) + " " + str(rng.randrange(10**6)) + rng.choice(["", "é", "ÿ"]),
               rng.randrange(20), rng.randrange(5)) for i in range(600)]
    query = ("COPY (SELECT cell, id, d FROM (SELECT cell, id, sipp.comparator_draw(id, school, authority, 10, 9)"
             " OVER (PARTITION BY cell) AS d FROM public.names) q ORDER BY id COLLATE \"C\") TO STDOUT;")
    columns = "cell int, id text, school int, authority int"
    load("public.names", columns, values)
    want = sql(query)
    check(want.count("\n") == 600, "%d pupils in UTF8" % want.count("\n"))
    sql("DROP TABLE public.names")
    for encoding in ("LATIN1", "SQL_ASCII"):
        name = sql("SELECT current_database() || '_%s'" % encoding.lower()).strip()
        status, _, err = psql("DROP DATABASE IF EXISTS \"%s\";\nCREATE DATABASE \"%s\" TEMPLATE template0"
                              " ENCODING '%s' LOCALE 'C';" % (name, name, encoding))
        if status:
            skip("no database in %s: %s" % (encoding, err.strip()))
            continue
        try:
            client = {"PGCLIENTENCODING": "UTF8" if encoding == "LATIN1" else "SQL_ASCII"}
            sql("CREATE EXTENSION sipp", database=name, env=client)
            load("public.names", columns, values, database=name, env=client)
            check(sql("SHOW server_encoding", database=name).strip() == encoding, "not in " + encoding)
            if encoding == "LATIN1":
                length = sql("SELECT octet_length(id) FROM public.names WHERE id LIKE 'Zo%' LIMIT 1", database=name, env=client)
                check(length.strip() != "", "no id in LATIN1")
                check(rows("SELECT bool_and(octet_length(id) = char_length(id)) FROM public.names", database=name,
                           env=client)[0][0], "ids are not in LATIN1")
            got = sql(query, database=name, env=client)
            # in the order of bytes, which differs between the encodings
            check(sorted(got.split("\n")) == sorted(want.split("\n")), "other picks in %s" % encoding)
        finally:
            sql("DROP DATABASE \"%s\"" % name)


def run():
    rng = random.Random(5)
    load("pupil", "cell int, id int, school int, authority int",
         [(int(6 * rng.random() ** 2), i, s, s % 4) for i in rng.sample(range(-5000, 100000), 500)
          for s in [int(40 * rng.random() ** 1.5)]])
    test_order()
    test_plans()
    test_partitions()
    test_every_pick()
    test_encodings()
