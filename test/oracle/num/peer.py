"""Against lme4 and lmerTest, run live by peer.R.

lme4's optimiser stops early, so its optimum is not the truth: ours must be at
least as good, and equal figures are asked for at lme4's own optimum.
"""
import math
import os

from common import DIR, check, close, finish, run_fit

skipped = 0


def numbers(text):
    return [float(v) if v != "NA" else math.nan for v in text.split(",")]


for line in open(os.path.join(DIR, "peer.txt")):
    name, *rest = line.strip().split("|")
    if name == "profile":
        # squared ends of lme4's profile of the standard deviation, a spline through points
        fit = run_fit(os.path.join(DIR, "exam-ml.txt"), "ml")
        lo, hi = numbers(rest[0])
        close(math.sqrt(fit["var_lo"][0]), lo, 1e-5, "lower profile end", kind="profile interval, lme4")
        close(math.sqrt(fit["var_hi"][0]), hi, 1e-5, "upper profile end", kind="profile interval, lme4")
        continue
    path = os.path.join(DIR, rest[0])
    options = rest[1].split()
    deviance = float(rest[3])
    b, se, df = (numbers(v) for v in rest[4:7])

    fit = run_fit(path, *options)
    if not check(fit["status"] == [0], "%s: status %s" % (name, fit["status"])):
        continue
    check(fit["deviance"][0] <= deviance + 1e-7,
          "%s: deviance %.12g, lme4 %.12g" % (name, fit["deviance"][0], deviance))

    at = run_fit(path, *options, "at", rest[2])
    if check(at["status"] == [0], "%s: status %s at lme4's optimum" % (name, at["status"])):
        close(at["deviance"][0], deviance, 1e-9, name + ": deviance at lme4's optimum",
              kind="deviance at lme4's optimum")
        for i, (x, y, s) in enumerate(zip(at["b"], b, se)):
            close(x, y, 1e-9, "%s: b%d at lme4's optimum" % (name, i), scale=max(abs(y), s),
                  kind="coefficients at lme4's optimum")
        for i, (x, y) in enumerate(zip(at["se"], se)):
            close(x, y, 1e-8, "%s: se%d at lme4's optimum" % (name, i), kind="standard errors at lme4's optimum")

    if math.isnan(df[0]):
        if name.startswith("exam-reml"):
            skipped += 1
            print("skipped: degrees of freedom of %s need R with lmerTest (Debian: r-cran-lmertest)" % name)
    elif not fit["singular"][0]:
        for i, (x, y) in enumerate(zip(fit["df"], df)):
            close(x, y, 1e-3 if "slope" in name else 1e-4, "%s: df%d" % (name, i), kind="degrees of freedom, lmerTest")

# weights: multiplying them by c multiplies sigma2 by c and changes nothing else
path = os.path.join(DIR, "exam-weights.txt")
fit = run_fit(path)
scaled = os.path.join(DIR, "exam-weights-scaled.txt")
with open(path) as source, open(scaled, "w") as target:
    target.write(next(source))
    for line in source:
        unit, w, *others = line.split()
        target.write(" ".join([unit, repr(float(w) * 4096.0), *others]) + "\n")
other = run_fit(scaled)
close(other["sigma2"][0], 4096 * fit["sigma2"][0], 1e-11, "sigma2 with scaled weights")
for key in ("D", "b", "se", "df", "var_lo", "var_hi"):
    for x, y in zip(other[key], fit[key]):
        close(x, y, 1e-10, key + " with scaled weights", kind="scaled weights")
# the deviance is that of the same data: sum log w takes out what sigma2 gains
close(other["deviance"][0], fit["deviance"][0], 1e-12, "deviance with scaled weights")
finish("lme4", skipped)
