"""The picks of SQL, one by one, against model.py: random partitions of every
shape, ids of every type."""
import random
import uuid

from common import check, load, rows, sql
from model import Cell

INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}


def some_ids(rng, kind, n):
    ids = set()
    if kind in INTEGERS:
        m = INTEGERS[kind]
        while len(ids) < n:
            ids.add(rng.choice([rng.randrange(-m, m), rng.randrange(-n, n + 1), -m, m - 1]))
    elif kind == "uuid":
        while len(ids) < n:
            ids.add(uuid.UUID(int=rng.getrandbits(128) if rng.random() < .7 else rng.getrandbits(7)))
    else:
        common = rng.choice(["", "2024-", "école-", "x" * 200])
        letters = rng.choice(["0123456789", "abCÉé\u0100 ~\U0001F3EB", "a"])
        while len(ids) < n:
            ids.add(common + "".join(rng.choice(letters) for _ in range(rng.randrange(25 if len(letters) > 1 else 600))))
        if kind == "character(260)":
            ids = {i[:260].rstrip(" ") for i in ids}
    return sorted(ids, key=lambda i: rng.random())


def some_keys(rng, n):
    """Two columns of keys, or one; NULLs among them."""
    shape = rng.randrange(7)
    few = rng.choice([1, 2, 3, 6, 30])
    skew = rng.choice([1, 1, 2, 6])
    unit = [int(few * rng.random() ** skew) for _ in range(n)]
    if shape == 0:                                  # nothing else to leave out
        return [(u,) for u in unit]
    if shape <= 2:                                  # authority is a function of school
        authority = [u * 7 % 3 for u in unit]
    elif shape == 3:                                # school is a function of authority
        authority = [u * 10 + rng.randrange(3) for u in unit]
    elif shape == 4:                                # neither, at random
        authority = [rng.randrange(few) for _ in range(n)]
    else:                                           # two large ones that cover most
        which = rng.choices(["unit", "authority", "both", "neither"], [.41, .41, .09, .09], k=n)
        # each one who has neither shares no key with anybody
        unit = [0 if w in ("unit", "both") else 1 + i for i, w in enumerate(which)]
        authority = [0 if w in ("authority", "both") else 1 + i for i, w in enumerate(which)]
    if rng.random() < .3:
        unit = [None if u == 1 else u for u in unit]
        authority = [None if a == 1 else a for a in authority]
    return list(zip(unit, authority))


def test_picks(kind, number):
    rng = random.Random("picks of " + kind)
    cells = []
    values = []
    for cell in range(number):
        n = rng.choice([1, 2, 5, 12, 30, 60, 110, 110])
        keys = some_keys(rng, n)
        ids = some_ids(rng, kind, n)
        cells.append(Cell([(i,) + k for i, k in zip(ids, keys)]))
        for i, k in zip(ids, keys):
            values.append((cell, i, k[0], k[1] if len(k) == 2 else None, len(k),
                           rng.choice([1, 2, 3, 10, 10, 10, 60, 2**31 - 1]),
                           rng.choice([0, 0, 1, -1, 2**63 - 1, -2**63, rng.randrange(-2**63, 2**63)])))
    rng.shuffle(values)
    load("p", "cell int, id %s, unit int, leave_out text, keys int, k bigint, seed bigint" % kind, values)
    got = {}
    for keys, argument in ((1, "NULL"), (2, "leave_out")):
        for cell, pupil, picks in rows(
                "SELECT cell, id, sipp.comparator_draw(id, unit, %s, k, seed) OVER (PARTITION BY cell) AS picks"
                " FROM p WHERE keys = %d" % (argument, keys)):
            got[cell, pupil] = picks

    def shown(i):
        if kind == "character(260)":
            return i.ljust(260)
        return str(i) if kind == "uuid" else i

    wrong = 0
    ways = {}
    for cell, pupil, _, _, _, k, seed in values:
        c = cells[cell]
        pool = c.pool(pupil)
        _, way = c.source(pupil)
        way += " by rejection" if k <= len(pool) // 2 else " and shuffle"
        ways[way if pool else "no pool"] = ways.get(way if pool else "no pool", 0) + 1
        want = [shown(i) for i in c.draw(pupil, k, seed)]
        wrong += got[cell, shown(pupil)] != want
    check(len(got) == len(values) and wrong == 0, "%s: %d of %d pupils have other picks" % (kind, wrong, len(values)))
    for way in ["no pool"] + [s + t for s in ("all", "complement", "eligible")
                              for t in (" by rejection", " and shuffle")]:
        check(ways.get(way, 0) >= 15, "%s: only %d pupils drew from %s" % (kind, ways.get(way, 0), way))


def test_types():
    """The array's type is that of the ids; the width of a type does not matter."""
    sql("DROP DOMAIN IF EXISTS pupil_no; CREATE DOMAIN pupil_no AS int CHECK (value > 0);"
        "DROP TABLE IF EXISTS t; CREATE TABLE t AS SELECT i::int2 AS id, i % 7 AS unit FROM generate_series(1, 200) i;")
    picks = {}
    for t in ("int2", "int4", "int8", "pupil_no", "text", "varchar", "varchar(9)", "char(9)", "uuid"):
        column = "id::%s" % t if t != "uuid" else "('00000000-0000-0000-0000-' || lpad(id::text, 12, '0'))::uuid"
        one = rows("SELECT id, pg_typeof(d)::text AS type, d::text[] AS d FROM (SELECT id,"
                   " sipp.comparator_draw(%s, unit, k => 5, seed => 3) OVER () AS d FROM t) q ORDER BY id" % column)
        plain = t.split("(")[0]
        name = {"int2": "smallint", "int4": "integer", "int8": "bigint", "pupil_no": "draw.pupil_no",
                "varchar": "character varying", "char": "character"}.get(plain, plain)
        check({r[1].replace("draw.", "") for r in one} == {name.replace("draw.", "") + "[]"},
              "array of %s has type %s" % (t, one[0][1]))
        picks[t] = [[int(x.replace("-", "")) for x in r[2]] for r in one]
    for t in ("int4", "int8", "pupil_no"):
        check(picks[t] == picks["int2"], "%s and int2 have other picks" % t)
    for t in ("varchar", "varchar(9)", "char(9)"):
        check(picks[t] == picks["text"], "%s and text have other picks" % t)
    check(picks["text"] != picks["int2"] and picks["uuid"] != picks["int2"], "integer, text and uuid share streams")


def run():
    for kind in ("bigint", "integer", "smallint", "uuid", "text", "character(260)"):
        test_picks(kind, 100)
    test_types()
