"""sipp.nearest_comparator on scores that floating point cannot hold: pools and means
against exact fractions.

Every problem has a grid of exact scores (tenths, thirds, ...), and a way in which a warehouse
arrives at their doubles: typed, divided, scaled, shifted, averaged.  The truth is found in
fractions by looking at all pairs.  Whole numbers and numbers of any size must not lose what
tells them apart.
"""
import csv
import io
import math
import os
import random
import struct
import subprocess
import sys
from fractions import Fraction

PSQL = os.environ.get("PSQL", "psql")
ULP = Fraction(1, 2 ** 52)
rng = random.Random(5)


def typed(x):
    """The double that is nearest to a fraction, as a decimal is read."""
    return x.numerator / x.denominator


def single(x):
    """The same of a column of type real."""
    return struct.unpack("f", struct.pack("f", typed(x)))[0]


# name, exact score of a whole number i, the double of an exact score
KINDS = [
    ("tenths", lambda i: Fraction(i, 10), typed),
    ("hundredths", lambda i: Fraction(i, 100), typed),
    ("thousandths", lambda i: Fraction(i, 1000), typed),
    ("thirds", lambda i: Fraction(i, 3), typed),
    ("sevenths", lambda i: Fraction(i, 7), typed),
    ("quarters", lambda i: Fraction(i, 4), typed),
    ("score * 0.1", lambda i: Fraction(i, 10), lambda x: float(x * 10) * 0.1),
    ("score * 0.01", lambda i: Fraction(i, 100), lambda x: float(x * 100) * 0.01),
    ("score / 3.0 * 7", lambda i: Fraction(7 * i, 3), lambda x: float(x * 3 / 7) / 3.0 * 7),
    ("negative tenths", lambda i: Fraction(-i, 10), typed),
    ("across zero", lambda i: Fraction(i - 20, 10), typed),
    ("across zero, scaled", lambda i: Fraction(i - 20, 10), lambda x: float(x * 10) * 0.1),
    ("tenths at 1e6", lambda i: Fraction(i, 10) + 10 ** 6, typed),
    ("hundredths at -1e6", lambda i: Fraction(i, 100) - 10 ** 6, typed),
    ("1e6 + tenths", lambda i: Fraction(i, 10) + 10 ** 6, lambda x: 1e6 + typed(x - 10 ** 6)),
    ("tenths at 1e9", lambda i: Fraction(i, 10) + 10 ** 9, typed),
    ("standardised", lambda i: Fraction(3 * i, 20) + 100, lambda x: 100 + 15 * (float((x - 100) * 20 / 3) / 100)),
    ("standardised, back", lambda i: Fraction(3 * i - 500, 150), lambda x: (typed(x * 15 + 50) - 50) / 15),
    ("means of three tenths", lambda i: Fraction(i, 30), None),
    ("magnitudes", lambda i: Fraction((-1) ** i * 3 ** (i % 13), 10), typed),
    ("tenths of 1e-300", lambda i: Fraction(i, 10 ** 301), typed),
    ("tenths of 1e300", lambda i: Fraction(i * 10 ** 299), typed),
    ("next to the largest double", lambda i: Fraction((i - 60) * 29 * 10 ** 305), typed),
    ("whole numbers at 2^52", lambda i: Fraction(2 ** 52 + i), typed),
    ("whole numbers below 2^53", lambda i: Fraction(2 ** 53 - i), typed),
    ("whole numbers across 0", lambda i: Fraction((i - 20) * 2 ** 48), typed),
    ("subnormal numbers", lambda i: Fraction(i, 2 ** 1074), typed),
    ("doubles next to 1e-300", lambda i: Fraction(1e-300) + i * 64 * Fraction(2) ** -1049, typed),
    ("64 units in the last place", lambda i: 1 + i * 64 * ULP, typed),
    ("real tenths", lambda i: Fraction(i, 10), single),
    ("real hundredths at 500", lambda i: Fraction(i, 100) + 500, single),
]


def mean_of_three(i):
    """i thirtieths as the mean of three tenths, added in doubles"""
    a = rng.randrange(0, i + 1)
    b = rng.randrange(0, i - a + 1)
    return (typed(Fraction(a, 10)) + typed(Fraction(b, 10)) + typed(Fraction(i - a - b, 10))) / 3


class Problem:
    def __init__(self, number, kind, n, spread):
        self.name, exact, double = KINDS[kind]
        self.number = number
        self.k = rng.choice([1, 2, 3, 5, 10, 30, 100, 400])
        self.rows = []
        grid = sorted({exact(i) for i in range(spread)})
        self.caliper = None
        if rng.random() < .6:
            # a distance of the grid, as its fraction is typed
            self.caliper = abs(rng.choice(grid[:12]) - rng.choice(grid[:12]))
        for i in range(n):
            at = rng.randrange(spread)
            score = exact(at)
            self.rows.append((rng.randrange(max(2, n // 4)), score if rng.random() > .03 else None, rng.randrange(1000) if rng.random() > .05 else None,
                              None if score is None else mean_of_three(at) if double is None else double(score)))

    def lines(self):
        caliper = "" if self.caliper is None else repr(typed(self.caliper))
        for i, (school, score, y, x) in enumerate(self.rows):
            yield "%d,%d,%d,%s,%s,%d,%s,%s" % (self.number, i, school, "" if y is None else y, "" if score is None else repr(x),
                                              self.k, caliper, self.name.startswith("real"))

    def truth(self):
        """[(pool, mean)] of each row"""
        # whole numbers of one unit compare faster than fractions
        scores = [s for _, s, _, _ in self.rows if s is not None] + [self.caliper or Fraction(0)]
        unit = 1
        for s in scores:
            unit = unit * s.denominator // math.gcd(unit, s.denominator)
        caliper = None if self.caliper is None else int(self.caliper * unit)
        others = [(school, int(s * unit), y) for school, s, y, _ in self.rows if s is not None and y is not None]
        answer = {}
        for i, (school, s, _, _) in enumerate(self.rows):
            if s is None:
                yield 0, None
                continue
            x = int(s * unit)
            if (school, x) not in answer:
                near = sorted((abs(x - t), y) for other, t, y in others if other != school and (caliper is None or abs(x - t) <= caliper))
                if len(near) > self.k:
                    d = near[self.k - 1][0]
                    near = [p for p in near if p[0] <= d]
                answer[(school, x)] = (len(near), Fraction(sum(y for _, y in near), len(near)) if near else None)
            yield answer[(school, x)]


def ask(problems, score, where="true"):
    """{(problem, row): (pool, mean)} of sipp"""
    data = "\n".join(line for p in problems for line in p.lines())
    script = """CREATE TEMP TABLE t (problem int, i int, school int, y float8, score float8, k bigint, caliper float8, is_real boolean);
\\copy t FROM pstdin (FORMAT csv)
COPY (SELECT problem, i, sipp.pool(p), sipp.mean(p)
	  FROM (SELECT problem, i, sipp.nearest_comparator(y, school, NULL, %s, k, caliper) OVER (PARTITION BY problem) AS p
			FROM (SELECT * FROM t WHERE %s ORDER BY md5(i::text)) t) q) TO STDOUT (FORMAT csv)""" % (score, where)
    with open(os.path.join(os.environ.get("TMPDIR", "/tmp"), "sipp_decimals_%d.csv" % os.getpid()), "w") as f:
        f.write(data + "\n")
    try:
        out = subprocess.run([PSQL, "-Xq", "-v", "ON_ERROR_STOP=1", "-f", "-"], check=True, stdout=subprocess.PIPE, text=True,
                             input=script.replace("pstdin", "'%s'" % f.name)).stdout
    finally:
        os.unlink(f.name)
    return {(int(p), int(i)): (int(pool), None if mean == "" else float(mean)) for p, i, pool, mean in csv.reader(io.StringIO(out))}


def same(ours, theirs):
    return ours[0] == theirs[0] and (ours[1] is None) == (theirs[1] is None) and (
        ours[1] is None or abs(Fraction(ours[1]) - theirs[1]) <= Fraction(1, 10 ** 12) * max(1, theirs[1]))


def main():
    failed = 0
    problems = []
    for round_ in range(100):
        for kind in range(len(KINDS)):
            big = round_ % 20 == 0
            n = 400 if big else rng.randrange(2, 40)
            problems.append(Problem(len(problems), kind, n, rng.choice([4, 12, 40] if not big else [40, 120])))
    ours = ask(problems, "score", "NOT is_real")
    ours.update(ask(problems, "score::real", "is_real"))
    wrong = {}
    compared = {}
    for p in problems:
        for i, truth in enumerate(p.truth()):
            compared[p.name] = compared.get(p.name, 0) + 1
            if not same(ours[(p.number, i)], truth):
                wrong.setdefault(p.name, []).append((p.number, i, p.k, p.caliper, ours[(p.number, i)], truth))
    for name, _, _ in KINDS:
        bad = wrong.get(name, [])
        failed += bool(bad)
        print("%s the nearest by exact fractions, %s: %d pupils, %d wrong%s" % (
            "FAILED" if bad else "ok    ", name, compared[name], len(bad), ", as %s" % (bad[0],) if bad else ""))

    # 3,000 pupils on a grid of tenths get what whole numbers give
    nation = [(i, rng.randrange(60), rng.randrange(1000), rng.randrange(15, 60)) for i in range(3000)]
    settings = [(k, c) for k in (1, 10, 100, 1000) for c in (None, 0, 1, 3, 7)]
    out = subprocess.run([PSQL, "-Xqt", "-v", "ON_ERROR_STOP=1", "-f", "-"], check=True, stdout=subprocess.PIPE, text=True, input="""
CREATE TEMP TABLE p AS SELECT * FROM (VALUES %s) v (id, school, y, score);
%s""" % (",".join("(%d,%d,%d,%d)" % p for p in nation), "\n".join("""
SELECT count(*) FILTER (WHERE sipp.pool(a) <> sipp.pool(c) OR sipp.mean(a) <> sipp.mean(c) OR sipp.pool(b) <> sipp.pool(c) OR sipp.mean(b) <> sipp.mean(c))
FROM (SELECT sipp.nearest_comparator(y, school, NULL, score / 10.0, %d, %s) OVER () AS a, sipp.nearest_comparator(y, school, NULL, score * 0.1::float8, %d, %s) OVER () AS b,
			 sipp.nearest_comparator(y, school, NULL, score, %d, %s) OVER () AS c FROM p) q;"""
             % (k, "NULL" if c is None else c / 10, k, "NULL" if c is None else c / 10, k, "NULL" if c is None else c) for k, c in settings))).stdout
    wrong = [int(x) for x in out.split()]
    failed += any(wrong)
    print("%s 3,000 pupils in tenths and as whole numbers, %d settings: %d pupils differ" % ("FAILED" if any(wrong) else "ok    ", len(wrong), sum(wrong)))
    assert len(wrong) == len(settings)
    print("%d problems" % len(problems))
    return failed


if __name__ == "__main__":
    sys.exit(main() > 0)
