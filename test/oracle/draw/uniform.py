"""Is it a lottery?  Chi-square tests over many seeds, on each way to draw.

The seeds are fixed, so that the outcome is too: a test that passes, passes
always.  Each kind of test has a twin that is fed something not random enough,
and must reject it.
"""
import itertools
import math

import numpy
from scipy import stats

from common import FULL, check, load, sql
from model import Cell

SEEDS = 80000 if FULL else 16000
LEAST = 1e-4  # of p; there are some two hundred tests
MOST = 1 - 1e-7

# name, way of model.py, picks, rows (id, unit, leave_out or nothing): the
# pupils 1 and 2 are of one unit and have the same pool, 11 to 10 + size of it
def cell(way, own, pool, both=0, other=0):
    """own rows of unit 1 (the first two among them); pool; both, other: see eligible."""
    if way != "eligible":
        return [(i if i <= 2 else 1000 + i, 1) for i in range(1, own + 1)] + \
            [(10 + i, 2 + i % 3) for i in range(1, pool + 1)]
    # unit 1 and leave_out 1 hold nearly all rows, neither determines the other
    rows = [(i if i <= 2 else 1000 + i, 1, 1) for i in range(1, both + 1)]
    rows += [(2000 + i, 1, 2 + i % 2) for i in range(own)]
    rows += [(3000 + i, 2 + i % 2, 1) for i in range(other)]
    return rows + [(10 + i, 2 + i % 2, 2 + i // 2 % 2) for i in range(1, pool + 1)]


CELLS = [
    ("rejection", "all", 3, cell("all", 8, 6)),
    ("rejection from many", "all", 2, cell("all", 2, 5)),
    ("shuffle", "all", 4, cell("all", 3, 5)),
    ("shuffle of all", "all", 5, cell("all", 3, 5)),
    ("shuffle of one", "all", 3, cell("all", 3, 5)),
    ("complement", "complement", 3, cell("complement", 19, 6)),
    ("complement, shuffle", "complement", 4, cell("complement", 16, 5)),
    ("eligible", "eligible", 3, cell("eligible", 19, 6, 2, 19)),
    ("eligible, shuffle", "eligible", 4, cell("eligible", 16, 5, 2, 16)),
]


def draws(rows, pupils, k, seeds, first=1):
    """Arrays [seed][pick] of places in the pool, from 0, for each pupil."""
    load("u", "id int, unit int, leave_out int", [r if len(r) == 3 else r + (None,) for r in rows])
    leave_out = "leave_out" if len(rows[0]) == 3 else "NULL"
    out = sql("COPY (SELECT array_to_string(d, ' ') FROM (SELECT id, s, sipp.comparator_draw(id, unit, %s,"
              " CASE WHEN id = ANY ('{%s}') THEN %d ELSE 1 END, s) OVER (PARTITION BY s) AS d"
              " FROM u, generate_series(%d::bigint, %d) s) q WHERE id = ANY ('{%s}') ORDER BY id, s) TO STDOUT"
              % (leave_out, ",".join(map(str, pupils)), k, first, first + seeds - 1, ",".join(map(str, pupils))))
    return numpy.array(out.split(), dtype=int).reshape(len(pupils), seeds, k) - 11


def multinomial(code, cells):
    """p of codes 0 .. cells - 1 being equally likely."""
    observed = numpy.bincount(code, minlength=cells)
    expected = len(code) / cells
    return stats.chi2.sf(((observed - expected) ** 2).sum() / expected, cells - 1)


def inclusion(picks, pool):
    """p of each being in the sample equally often: the counts of samples without
    replacement vary by (pool - k) / (pool - 1) less."""
    n, k = picks.shape
    observed = numpy.bincount(picks.ravel(), minlength=pool)
    expected = n * k / pool
    chi2 = ((observed - expected) ** 2).sum() / expected * (pool - 1) / (pool - k)
    return stats.chi2.sf(chi2, pool - 1)


def subset_code(picks, pool):
    """Number of the set of picks, and how many there are."""
    number = {c: i for i, c in enumerate(itertools.combinations(range(pool), picks.shape[1]))}
    return numpy.array([number[tuple(p)] for p in numpy.sort(picks, axis=1).tolist()]), len(number)


def sequence_code(picks, pool):
    """Number of the sequence of picks, and how many there are."""
    number = {c: i for i, c in enumerate(itertools.permutations(range(pool), picks.shape[1]))}
    return numpy.array([number[tuple(p)] for p in picks.tolist()]), len(number)


def accept(p, what):
    return check(LEAST < p < MOST, "%s: p = %.3g" % (what, p))


def reject(p, what):
    return check(p < 1e-12, "%s is not noticed: p = %.3g" % (what, p))


def pair_p(a, b, pool):
    """p of the picks of two pupils being independent: every pair of first picks
    and every pair of sets equally likely, as many in common as chance has it."""
    k = a.shape[1]
    p = {"first picks": multinomial(a[:, 0] * pool + b[:, 0], pool * pool)}
    if k < pool:
        (x, n), (y, _) = subset_code(a, pool), subset_code(b, pool)
        p["sets"] = multinomial(x * n + y, n * n)
        common = (a[:, :, None] == b[:, None, :]).any(axis=2).sum(axis=1)
        least = max(0, 2 * k - pool)
        expected = stats.hypergeom.pmf(range(least, k + 1), pool, k, k) * len(a)
        observed = numpy.bincount(common, minlength=k + 1)[least:]
        p["picks in common"] = stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), k - least)
    return p


def test_cell(name, way, k, rows):
    pool = sum(1 for r in rows if 10 < r[0] < 1000)
    c = Cell(rows)
    eligible = c.pool(1)
    check(len(eligible) == pool and c.pool(2) == eligible and c.source(1)[1] == way,
          "%s: the cell is not what it should be" % name)
    a, b = draws(rows, [1, 2], k, SEEDS)
    for which, picks in (("first", a), ("second", b)):
        what = "%s, %s pupil" % (name, which)
        if k < pool:
            accept(inclusion(picks, pool), what + ", inclusion")
            accept(multinomial(*subset_code(picks, pool)), what + ", sets")
        accept(multinomial(*sequence_code(picks, pool)), what + ", sequences")
        for i, j in itertools.combinations(range(k), 2):
            x = picks[:, i] * (pool - 1) + picks[:, j] - (picks[:, j] > picks[:, i])
            accept(multinomial(x, pool * (pool - 1)), what + ", picks %d and %d" % (i + 1, j + 1))
    for of, p in pair_p(a, b, pool).items():
        accept(p, "%s, two pupils, %s" % (name, of))

    # from one seed to the next
    x, n = sequence_code(a[:, :2], pool)
    accept(multinomial(x[:-1:2] * n + x[1::2], n * n), name + ", successive seeds")
    return a, pool


def test_bitmap():
    """More picks than are compared one by one, most of the pool."""
    rows = cell("all", 16, 64)
    n = SEEDS // 2
    (picks,) = draws(rows, [1], 60, n)
    for k in (30, 32, 33, 60):
        accept(inclusion(picks[:, :k], 64), "first %d of 64" % k)
    for i, j in ((0, 29), (30, 31), (31, 32), (32, 59), (0, 59)):
        x = picks[:, i] * 63 + picks[:, j] - (picks[:, j] > picks[:, i])
        accept(multinomial(x, 64 * 63), "picks %d and %d of 64" % (i + 1, j + 1))
    inside = numpy.zeros((n, 64), dtype=bool)
    inside[numpy.arange(n)[:, None], picks[:, :30]] = True
    joint = inside.T.astype(float) @ inside
    p2 = 30 * 29 / (64 * 63)
    z = (joint[numpy.triu_indices(64, 1)] - n * p2) / math.sqrt(n * p2 * (1 - p2))
    check(abs(z).max() < 4.8, "a pair of 64 is drawn together too often or too rarely: z = %.2f" % abs(z).max())


def test_pupils():
    """One seed, many pupils: their streams are independent of each other too."""
    n = SEEDS
    rows = [(100 + i, 1) for i in range(n)] + [(10 + i, 2) for i in range(1, 7)]
    load("u", "id int, unit int, leave_out int", [r + (None,) for r in rows])
    out = sql("COPY (SELECT array_to_string(d, ' ') FROM (SELECT id, sipp.comparator_draw(id, unit, k => 3, seed => 1)"
              " OVER () AS d FROM u) q WHERE id >= 100 ORDER BY id) TO STDOUT")
    picks = numpy.array(out.split(), dtype=int).reshape(n, 3) - 11
    accept(multinomial(*sequence_code(picks, 6)), "sequences over pupils")
    for lag in (1, 2, 64):
        x = picks[:-lag, 0] * 6 + picks[lag:, 0]
        accept(multinomial(x, 36), "first picks of pupils %d apart" % lag)


def test_controls(picks, pool):
    """What a draw may not be is noticed by the tests above."""
    n = len(picks)
    reject(multinomial(*sequence_code(numpy.sort(picks, axis=1), pool)), "an order that is not random")
    favoured = picks.copy()
    favoured[:n // 10][(favoured[:n // 10] != 0).all(axis=1), 0] = 0
    reject(inclusion(favoured, pool), "one who is always drawn in a tenth of the draws")

    # two pupils with the same random numbers: the second one of another
    # partition bears the id of the first
    load("u", "cell int, id int, unit int", [(c, i, u) for c in (1, 2) for i, u in
                                             [(1, 1), (2, 1)] + [(10 + i, 2) for i in range(1, 7)]])
    out = sql("COPY (SELECT array_to_string(d, ' ') FROM (SELECT id, cell, s, sipp.comparator_draw(id, unit, k => 3,"
              " seed => s) OVER (PARTITION BY cell, s) AS d FROM u, generate_series(1::bigint, %d) s) q"
              " WHERE id = 1 ORDER BY cell, s) TO STDOUT" % SEEDS)
    a, b = numpy.array(out.split(), dtype=int).reshape(2, SEEDS, 3) - 11
    for of, p in pair_p(a, b, 6).items():
        reject(p, "a random number that two pupils share (%s)" % of)


def run():
    for name, way, k, rows in CELLS:
        picks, pool = test_cell(name, way, k, rows)
        if name == "rejection":
            good = picks, pool
    test_bitmap()
    test_pupils()
    test_controls(*good)
