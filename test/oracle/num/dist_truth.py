"""Distribution functions against mpmath at 60 digits, tails included."""
import math

from mpmath import mp, mpf

from common import check, close, finish, run_dist

mp.dps = 60
TAIL = 1e-13
QUANTILE = 1e-12
MIN = 2.2250738585072014e-308  # below, doubles themselves lose digits

cases = []


def case(name, args, want, tol, kind):
    cases.append((name, args, want, tol, kind))


def t_two_sided(t, df):
    """P(|T| > t) by hypergeometric series that converge at these arguments."""
    t, df = mpf(t), mpf(df)
    x = df / (df + t * t)
    a = df / 2
    beta = mp.beta(a, mpf(1) / 2) if df < 1e5 else mp.exp(mp.loggamma(a) + mp.loggamma(mpf(1) / 2) - mp.loggamma(a + mpf(1) / 2))
    if t * t < df * mpf("0.5") and t < 6:
        y = t * t / (df + t * t)
        return 1 - 2 * mp.sqrt(y) * x ** a * mp.hyp2f1(a + mpf(1) / 2, 1, mpf(3) / 2, y) / beta
    if df <= 300:
        return x ** a / (a * beta) * mp.hyp2f1(a, mpf(1) / 2, a + 1, x)
    # the density integrated, in the variable where it decays like exp(-v)
    rate = (df + 1) / (df + t * t) * t
    density = lambda s: (1 + s * s / df) ** (-(df + 1) / 2)
    top = density(t)
    tail = mp.quad(lambda v: density(t + v / rate) / top, [0, 1, 4, 16, 64, 200]) * top / rate
    return 2 * tail / (mp.sqrt(df) * beta)


def norm_sf(x):
    return mp.erfc(mpf(x) / mp.sqrt(2)) / 2


for x in [0.0, 1e-300, 1e-9, 0.3, 0.674, 1.0, 1.96, 3.1, 5.5, 8.3, 12.0, 20.7, 30.1, 37.5]:
    case("norm_sf", [x], norm_sf(x), TAIL, "normal")
    case("norm_sf", [-x], norm_sf(-x), TAIL, "normal")
    case("norm_cdf", [-x], norm_sf(x), TAIL, "normal")

DFS = [0.1, 0.7, 1.0, 1.5, 2.0, 3.3, 8.0, 11.25, 30.0, 157.3, 999.5, 1000.5, 1e5, 2.1e5, 1.7e7, 1e9]
for df in DFS:
    for t in [1e-200, 1e-8, 0.01, 0.049, 0.051, 0.5, 1.0, 2.0, 4.7, 12.0, 16.8, 16.9, 36.0, 40.0, 1e5, 1e120]:
        if df > 300 and t > 40:
            continue
        want = t_two_sided(t, df)
        if want < MIN:
            continue
        case("t_two_sided", [t, df], want, TAIL, "Student t")
        case("t_cdf", [-t, df], want / 2, TAIL, "Student t")
        case("t_cdf", [t, df], 1 - want / 2, TAIL, "Student t")
for t in [0.2, 1.96, 9.0, 37.0]:
    case("t_two_sided", [t, math.inf], 2 * norm_sf(t), TAIL, "Student t")

for df in [0.02, 0.5, 1.0, 2.0, 3.7, 10.0, 57.0, 400.0, 2501.5]:
    for r in [1e-30, 1e-6, 0.01, 0.3, 0.9, 1.0, 1.1, 2.0, 5.0, 30.0, 700.0]:
        x = df * r
        want = mp.gammainc(mpf(df) / 2, mpf(x) / 2, mp.inf, regularized=True)
        if want > MIN:
            case("chisq_sf", [x, df], want, TAIL, "chi-square")
            case("gamma_q", [df / 2, x / 2], mp.gammainc(mpf(df / 2), mpf(x / 2), mp.inf, regularized=True), TAIL, "chi-square")

for a, b in [(0.3, 0.4), (0.5, 12.0), (2.0, 3.0), (17.5, 4.25), (150.0, 90.0), (1.0, 1.0), (40.0, 0.1)]:
    for x in [1e-12, 1e-3, 0.1, 0.4, 0.5, 0.62, 0.9, 0.999]:
        want = mp.betainc(a, b, 0, x, regularized=True)
        if want > MIN:
            case("beta_inc", [x, a, b], want, TAIL, "beta")

values = run_dist([" ".join([n] + [repr(v) for v in a]) for n, a, *_ in cases])
check(len(values) == len(cases), "as many values as questions")
for value, (name, args, want, tol, kind) in zip(values, cases):
    close(mpf(value), want, tol, "%s%s" % (name, tuple(args)), kind=kind)

# Quantiles: one Newton step at 60 digits from the answer gives the truth.
questions = []
PS = [1e-300, 1e-40, 1e-9, 0.001, 0.025, 0.2, 0.26, 0.4, 0.4999999, 0.5000001, 0.6, 0.75, 0.9, 0.975, 0.999, 1 - 1e-12]
for p in PS:
    questions.append(("norm_quantile", [p]))
    for df in [0.1, 1.0, 2.5, 11.3, 60.0, 250.5, 4000.5, 3e6]:
        questions.append(("t_quantile", [p, df]))
    for df in [0.3, 1.0, 2.0, 5.5, 40.0, 1000.0]:
        questions.append(("chisq_quantile", [p, df]))
values = run_dist([" ".join([n] + [repr(v) for v in a]) for n, a in questions])
for value, (name, args) in zip(values, questions):
    what = "%s%s" % (name, tuple(args))
    p = mpf(args[0])
    x = mpf(value)
    if name == "chisq_quantile":
        df = mpf(args[1])
        if value == 0 or value == math.inf:
            # beyond the range of doubles: the probability of the smallest must exceed p
            check(value == 0 and mp.gammainc(df / 2, 0, mpf(MIN) / 2, regularized=True) > p, what)
            continue
        density = mp.exp((df / 2 - 1) * mp.log(x) - x / 2 - df / 2 * mp.log(2) - mp.loggamma(df / 2))
        low = mp.gammainc(df / 2, 0, x / 2, regularized=True)
        error = (low - p) / density
    else:
        tail = min(p, 1 - p)
        if name == "norm_quantile":
            density = mp.npdf(x)
            at = norm_sf(abs(x))
        else:
            df = mpf(args[1])
            if math.isinf(value):
                check(t_two_sided(mpf("1.7e308"), df) / 2 > tail, what)
                continue
            density = mp.exp(mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2)) / mp.sqrt(df * mp.pi) * (1 + x * x / df) ** (-(df + 1) / 2)
            at = t_two_sided(abs(x), df) / 2
        error = (at - tail) / density
        check((x > 0) == (p > 0.5), what + ": side")
    close(x, x - error if name == "chisq_quantile" else abs(x) + error if x > 0 else -(abs(x) + error), QUANTILE, what,
          kind="quantiles")

# domain
for line in ["t_cdf 1 0", "t_cdf nan 3", "t_two_sided 1 -2", "t_quantile 1.5 3", "t_quantile 0.5 0", "norm_quantile -0.1",
             "chisq_sf 1 0", "chisq_quantile 2 1", "beta_inc 1.1 1 1", "beta_inc 0.5 0 1", "gamma_q 0 1", "gamma_q 1 -1",
             "norm_cdf nan", "chisq_sf 1 inf", "gamma_q inf 1", "chisq_quantile nan 2", "t_quantile nan 2", "t_cdf 1 nan"]:
    check(math.isnan(run_dist([line])[0]), line + " is NaN")
for line, want in [("t_quantile 0 3", -math.inf), ("t_quantile 1 3", math.inf), ("t_quantile 0.5 3", 0.0), ("norm_cdf inf", 1.0),
                   ("norm_sf inf", 0.0), ("t_two_sided inf 3", 0.0), ("t_two_sided 0 3", 1.0), ("chisq_sf 0 2", 1.0),
                   ("chisq_sf -1 2", 1.0), ("chisq_sf inf 2", 0.0), ("chisq_quantile 0 2", 0.0), ("chisq_quantile 1 2", math.inf),
                   ("norm_quantile 0.5", 0.0), ("beta_inc 0 2 3", 0.0), ("beta_inc 1 2 3", 1.0)]:
    check(run_dist([line])[0] == want, line)
finish("distributions")
