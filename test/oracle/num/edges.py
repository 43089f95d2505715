"""Degenerate data: every status where it holds, aliasing, and properties under random abuse."""
import math
import os
import random
import subprocess

from common import DIR, DRIVER, check, close, finish, run_fit

OK, TOO_FEW_UNITS, NOT_IDENTIFIED, TOO_FEW_ROWS, NO_RESIDUAL, NOT_FINITE, NOT_CONVERGED, SATURATED, NO_PUPIL_VARIANCE = range(9)
count = 0


def fit(rows, *options):
    """Rows (unit, y, x..), weights 1."""
    global count
    count += 1
    path = os.path.join(DIR, "edge-%d.txt" % count)
    with open(path, "w") as f:
        f.write("%d %d 0\n" % (len(rows), len(rows[0]) - 2))
        for unit, *values in rows:
            f.write("%d 1 %s\n" % (unit, " ".join(repr(float(v)) for v in values)))
    return run_fit(path, *options)


def status(rows, *options):
    return int(fit(rows, *options)["status"][0])


rng = random.Random(5)
g = lambda: rng.gauss(0, 1)
plain = [(j, g() + 0.3 * j, g()) for j in range(8) for _ in range(6)]

# ---- statuses
check(status([(0, g(), g()) for _ in range(9)]) == TOO_FEW_UNITS, "one unit")
check(status([(j, g(), g()) for j in range(9)]) == NOT_IDENTIFIED, "single rows")
check(status([(0, g()), (0, g()), (1, g())]) == OK, "three rows, two units")
check(status([(0, g(), g(), g(), g()), (0, g(), g(), g(), g()), (1, g(), g(), g(), g())]) == TOO_FEW_ROWS, "more columns than rows")
check(status([(0, g(), g(), g()), (0, g(), g(), g()), (1, g(), g(), g())]) == TOO_FEW_ROWS, "as many columns as rows")
check(status([(j, 0.1, g()) for j in range(5) for _ in range(4)]) == NO_RESIDUAL, "constant outcome")
check(status([(j, 0.1 * j, g()) for j in range(5) for _ in range(4)]) == NO_RESIDUAL, "outcome constant within units")
check(status([(j, 3 * x + 1e3, x) for j in range(5) for x in (g() for _ in range(4))]) == NO_RESIDUAL, "outcome a line")
check(status([(j, 3 * x + j * j, x) for j in range(5) for x in (g() for _ in range(4))]) == NO_RESIDUAL, "a line in each unit")
check(status([(j, 3 * x + j * j + 1e-5 * g(), x) for j in range(5) for x in (g() for _ in range(4))]) == OK, "almost a line")
check(status([(j, (3 + j) * x + j * j, x) for j in range(5) for x in (g() for _ in range(4))], "slopes", "1") == NO_RESIDUAL,
      "lines with slopes of their own")
check(status([(j, g(), g()) for j in range(9) for _ in range(2)], "slopes", "1") == SATURATED, "two rows, two random terms")
check(status([(j, math.nan, g()) for j in range(5) for _ in range(4)]) == NOT_FINITE, "NaN outcome")
check(status([(j, g(), math.inf) for j in range(5) for _ in range(4)]) == NOT_FINITE, "infinite covariate")
check(status([(j, 1e200 * g(), 1e200 * g()) for j in range(5) for _ in range(4)]) == NOT_FINITE, "cross-products overflow")
check(status([(j, 1e60 * g(), 1e-60 * g()) for j in range(5) for _ in range(4)]) == OK, "1e60 and 1e-60")

# ---- aliasing, left to right, and nothing else changes
base = fit(plain)
for what, extra in (("a copy", lambda r: r[2]), ("a constant", lambda r: 7.0), ("a combination", lambda r: 3 * r[2] - 1e3),
                    ("one over a tenth", lambda r: 0.1)):
    f = fit([(*r, extra(r)) for r in plain])
    if check(f["status"] == [OK] and f["rank"] == [2], "%s is aliased" % what):
        check(math.isnan(f["b"][2]) and math.isnan(f["df"][2]), "%s has no coefficient" % what)
        for key in ("b", "se", "df"):
            for i in range(2):
                close(f[key][i], base[key][i], 1e-10, "%s beside %s" % (key, what))
        close(f["deviance"][0], base["deviance"][0], 1e-12, "deviance beside " + what)
f = fit([(r[0], r[1], 5.0, r[2]) for r in plain])
check(f["rank"] == [2] and math.isnan(f["b"][1]) and not math.isnan(f["b"][2]), "the left one of two stays")
f = fit([(*r, math.sin(r[0])) for r in plain])
check(f["rank"] == [3], "a column constant within units is kept")
f = fit([(*r, *[float(r[0] == j) for j in range(1, 8)]) for r in plain])
check(f["status"] == [OK] and f["rank"] == [9] and f["singular"] == [1], "a column for each unit leaves no variance between")
check(f["D"] == [0] and f["icc_lo"] == [0] and f["icc_hi"] == [1] and f["var_hi"] == [math.inf], "and no bound on it")
f = fit([(*r, *[float(r[0] == j) for j in range(1, 8)]) for r in plain], "ml")
check(f["status"] == [OK] and f["singular"] == [1] and f["icc_hi"][0] < 1, "under ML there is a bound")
f = fit([(*r, r[2] + 1e-3 * g()) for r in plain])
check(f["rank"] == [3], "almost a copy is kept")

# ---- no difference between units
flat = [(j, y, x) for j in range(6) for y, x in ((1.0, 0.5), (2.0, -1.0), (0.0, 0.25), (-1.0, 2.0))]
f = fit(flat, "effects")
check(f["status"] == [OK] and f["singular"] == [1] and f["D"] == [0] and f["optima"] == [1], "equal units are a singular fit")
close(f["deviance"][0], f["null_deviance"][0], 1e-14, "whose deviance is that of least squares")
check(f["df"] == [22, 22], "with N - p degrees of freedom")
check(f["var_lo"] == [0] and 0 < f["var_hi"][0] < 10 and 0 < f["icc_hi"][0] < 1, "and bounds from above")
check(all(e == [0, 0, 0, 0] for e in f["effect"].values()), "and no effects inside")
f = fit(flat, "slopes", "1", "effects")
check(f["status"] == [OK] and f["singular"] == [1], "equal units with a slope")
check(all(abs(v) < 1e-6 for v in f["D"]), "have no variances")

# ---- a slope on a column that does not vary, or on the same column twice
f = fit([(*r, 4.0) for r in plain], "slopes", "2")
check(f["status"] == [OK] and f["singular"] == [1] and f["D"][3] == 0, "slope on a constant")
close(f["deviance"][0], base["deviance"][0], 1e-9, "slope on a constant: deviance of the random intercept")
f = fit([(*r, r[2]) for r in plain], "slopes", "1,2")
g1 = fit(plain, "slopes", "1")
check(f["status"] == [OK], "slope twice")
close(f["deviance"][0], g1["deviance"][0], 1e-9, "slope twice: deviance of one slope")

# ---- the order of rows within units and of units changes nothing beyond roundoff
shuffled = plain[:]
rng.shuffle(shuffled)
other = fit(shuffled)
for key in ("b", "se", "D", "sigma2", "deviance", "df", "var_lo", "var_hi", "icc_lo", "icc_hi"):
    for a, b in zip(other[key], base[key]):
        close(a, b, 1e-10, key + " of shuffled rows")
check(fit(plain) == base, "the same input gives the same bits")

# ---- the criterion at Lambda = 0 and at the optimum
at = fit(plain, "at", "0")
close(at["deviance"][0], base["null_deviance"][0], 1e-14, "evaluated at 0")
at = fit(plain, "at", repr(base["Lambda"][0]))
close(at["deviance"][0], base["deviance"][0], 1e-14, "evaluated at the optimum")
s = fit(plain, "slopes", "1", "at", "%r,0,0" % base["Lambda"][0])
close(s["deviance"][0], base["deviance"][0], 1e-12, "the slopes' code without slopes: deviance")
for i in range(2):
    close(s["b"][i], base["b"][i], 1e-10, "the slopes' code without slopes: b")
    close(s["se"][i], base["se"][i], 1e-10, "the slopes' code without slopes: se")

# ---- random abuse, in C
out = subprocess.run([DRIVER, "abuse", "11", "1000"], capture_output=True, text=True)
if check(out.returncode == 0 and not out.stderr, "abuse: " + (out.stderr or out.stdout)[-2000:]):
    tally = dict(line.split() for line in out.stdout.splitlines() if not line.startswith("!"))
    for line in out.stdout.splitlines():
        if line.startswith("!"):
            check(False, "abuse: " + line[1:])
    print("  abuse: " + ", ".join("%s %s" % (k, v) for k, v in tally.items()))
    check(int(tally["ok"]) > 1000, "most abuse can be fitted")
    check(int(tally["modes_missed"]) * 1000 <= int(tally["ok"]), "a deeper mode is missed at most once in a thousand fits")
    check(int(tally["not_converged"]) == 0, "and all of it converges")
    check(int(tally["intervals_missed"]) * 200 <= int(tally["ok"]), "an interval with slopes is missed at most once in two hundred fits")
finish("edges")
