"""The lottery and what it estimates: many draws of one school against the exact
benchmark of sipp.virtual_school, which is also computed here from its formula."""
import math

import numpy
from scipy import stats

from common import FULL, check, close, load, rows, sql
from model import Cell

SEEDS = 100000 if FULL else 20000
SIGMAS = 4.2  # of what is simulated; 2.7e-5 two-sided

# cell: the school's pupils, others of its authority, elsewhere.  Two pools are
# shorter than ten, one of which is a complement of a large authority, one is a
# single pupil, one empty
CELLS = {"a": (5, 3, 30), "b": (4, 0, 12), "c": (3, 2, 4), "d": (1, 0, 1), "e": (1, 2, 0), "f": (4, 13, 5)}
Z = 2.1


def world():
    """Pupils (id, cell, school, authority, outcome); the exact z of school 1 is Z."""
    rng = numpy.random.default_rng(11)
    pupils = []
    for number, (name, (own, near, far)) in enumerate(CELLS.items()):
        for i in range(own + near + far):
            school = 1 if i < own else 2 + i % 3 if i < own + near else 5 + i % 9
            pupils.append([1000 * number + i, name, school, 1 if school < 5 else 2 + school % 4,
                           float(rng.gamma(4, 200) + 90 * number)])
    exact = benchmark(pupils, 10)
    shift = Z * exact["std_error"] - exact["difference"]
    for p in pupils:
        if p[2] == 1:
            p[4] += shift
    rng.shuffle(pupils)
    return pupils


def benchmark(pupils, k):
    """Section 3 of the methods, cell by cell."""
    cells = []
    for name in CELLS:
        own = [p[4] for p in pupils if p[1] == name and p[2] == 1]
        pool = [p[4] for p in pupils if p[1] == name and p[3] != 1]
        if pool:
            cells.append((own, numpy.mean(pool), numpy.var(pool, ddof=1) if len(pool) > 1 else None, len(pool)))
    n = sum(len(own) for own, _, _, _ in cells)
    known = [(len(own), var) for own, _, var, _ in cells if var is not None]
    borrowed = sum(m * v for m, v in known) / sum(m for m, _ in known)
    virtual = sum(len(own) * mean for own, mean, _, _ in cells) / n
    se2 = draw2 = no_correction = 0
    for own, _, var, pool in cells:
        m = len(own)
        v = borrowed if var is None else var
        se2 += m * v / n**2 + m**2 * v / (pool * n**2)
        drawn = min(k, pool)
        draw2 += m * v / drawn * (1 - drawn / pool) / n**2
        no_correction += m * v / drawn / n**2
    actual = sum(sum(own) for own, _, _, _ in cells) / n
    se, draw = math.sqrt(se2), math.sqrt(draw2)
    z = (actual - virtual) / se
    inside = stats.norm.cdf((1.96 - z) / (draw / se)) - stats.norm.cdf((-1.96 - z) / (draw / se))
    return {"matched": n, "actual": actual, "virtual": virtual, "difference": actual - virtual, "std_error": se,
            "draw_se": draw, "flip_risk": inside if abs(z) > 1.96 else 1 - inside,
            "no_correction": math.sqrt(no_correction)}


def test_benchmark(k):
    """What virtual_school says is what the formula says."""
    want = benchmark(PUPILS, k)
    names = ["matched", "actual", "virtual", "difference", "std_error", "draw_se", "flip_risk"]
    got = rows("SELECT %s FROM (SELECT sipp.virtual_school(outcome, peer%s) AS v FROM (SELECT school, outcome,"
               " sipp.comparator(outcome, school, authority) OVER (PARTITION BY cell) AS peer FROM pupil) q"
               " WHERE school = 1) s, LATERAL (SELECT (s.v).*) b"
               % (", ".join("b." + n for n in names), "" if k == 10 else ", %d" % k))[0]
    got = dict(zip(names, got))
    for n in names:
        close(got[n], want[n], 1e-9, "benchmark for draws of %d: %s" % (k, n))
    return got, want


def simulate():
    """Means of the drawn virtual school by seed: of ten picks a pupil, of the first three."""
    out = sql("""COPY (SELECT avg(ten), avg(three) FROM (
          SELECT s, d.id, avg(o.outcome) AS ten, avg(o.outcome) FILTER (WHERE nth <= 3) AS three
          FROM  (SELECT s, id, picks
                 FROM  (SELECT s, id, school, sipp.comparator_draw(id, school, authority,
                               CASE WHEN school = 1 THEN 10 ELSE 1 END, s) OVER (PARTITION BY s, cell) AS picks
                        FROM   pupil, generate_series(1::bigint, %d) s) q
                 WHERE school = 1) d,
                unnest(d.picks) WITH ORDINALITY p (pick, nth) JOIN pupil o ON o.id = p.pick
          GROUP BY s, d.id) m
        GROUP BY s) TO STDOUT;""" % SEEDS)
    return numpy.array(out.split(), dtype=float).reshape(-1, 2).T


def variance_within(drawn, se):
    """Is the variance of the draws se^2?  Its own standard error allows for their kurtosis."""
    ratio = drawn.var(ddof=1) / se**2
    error = math.sqrt((stats.kurtosis(drawn, fisher=False) - 1) / len(drawn))
    return abs(ratio - 1) < SIGMAS * error, ratio


def test_draws(drawn, got, want, k):
    what = "%d draws of %d" % (len(drawn), k)
    check(len(drawn) == SEEDS, "%s: some are missing" % what)
    off = (drawn.mean() - got["virtual"]) / (got["draw_se"] / math.sqrt(SEEDS))
    check(abs(off) < SIGMAS, "%s: their mean is %.2f standard errors off the exact one" % (what, off))
    ok, ratio = variance_within(drawn, got["draw_se"])
    check(ok, "%s: variance / draw_se^2 = %.4f" % (what, ratio))
    ok, ratio = variance_within(drawn, want["no_correction"])
    check(not ok, "%s: that pools are finite is not noticed (%.4f)" % (what, ratio))

    z = got["difference"] / got["std_error"]
    drawn_z = (got["actual"] - drawn) / got["std_error"]
    flipped = ((numpy.abs(drawn_z) > 1.96) != (abs(z) > 1.96)).mean()
    risk = got["flip_risk"]
    check(abs(flipped - risk) < SIGMAS * math.sqrt(risk * (1 - risk) / SEEDS),
          "%s: %.4f of them flip the verdict, flip_risk %.4f" % (what, flipped, risk))
    check(.05 < risk < .6, "%s: flip_risk %.4f is no test" % (what, risk))
    print("%s: mean %.3f (exact %.3f), sd %.4f (draw_se %.4f), flipped %.4f (flip_risk %.4f)"
          % (what, drawn.mean(), got["virtual"], drawn.std(ddof=1), got["draw_se"], flipped, risk), flush=True)


def test_measures():
    """Any measure on the drawn virtual school: join the picks back."""
    cells = {name: Cell([(p[0], p[2], p[3]) for p in PUPILS if p[1] == name]) for name in CELLS}
    outcome = {p[0]: p[4] for p in PUPILS}
    for seed in (0, 7):
        picked = [outcome[i] for p in PUPILS if p[2] == 1 for i in cells[p[1]].draw(p[0], 10, seed)]
        got = rows("""SELECT count(*), avg((o.outcome > 900)::int)::float8 AS share,
                      percentile_cont(.5) WITHIN GROUP (ORDER BY o.outcome) AS median, max(o.outcome)
                 FROM  (SELECT school, sipp.comparator_draw(id, school, authority, seed => %d)
                               OVER (PARTITION BY cell) AS picks FROM pupil) d,
                       unnest(d.picks) pick JOIN pupil o ON o.id = pick
                 WHERE d.school = 1""" % seed)[0]
        check(got[0] == len(picked) == 10 * 5 + 10 * 4 + 4 * 3 + 1 + 5 * 4, "seed %d: %d picks" % (seed, got[0]))
        close(got[1], numpy.mean([x > 900 for x in picked]), 1e-12, "seed %d: share above 900" % seed)
        close(got[2], numpy.median(picked), 1e-12, "seed %d: median" % seed)
        close(got[3], max(picked), 1e-12, "seed %d: best" % seed)


PUPILS = world()


def run():
    load("pupil", "id int PRIMARY KEY, cell text, school int, authority int, outcome float8", PUPILS)
    ten, three = simulate()
    for k, drawn in ((10, ten), (3, three)):
        test_draws(drawn, *test_benchmark(k), k)
    test_measures()
