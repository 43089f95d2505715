"""The usable gap against numerical integration, far out in the tails as well.

B = E min(max(gap, 0), g)/g is the mean over (0, g) of P(gap > x), which is integrated as it
stands, in 50 digits, with the exponent's size taken out.
"""

import mpmath

from common import FULL, array, check, query

ONE = {"sector": "s", "context": [0.0], "capacity": 1, "effect": 0.0, "effect_se": 0.0}
PUBLISHED = [(0.4, 0.2, 0.5, 0.724, 5e-4), (0.4, 0.5, 0.5, 0.613, 5e-4), (-0.1, 0.5, 0.5, 0.25079, 5e-6)]


def by_quadrature(m, s, g):
    """B, and -ln B; s > 0."""
    with mpmath.workdps(50):
        m, s, g = mpmath.mpf(m), mpmath.mpf(s), mpmath.mpf(g)
        # where it falls: steeply at first if m is far below 0
        step = s / max(1, abs(m) / s)
        points = {mpmath.mpf(0), g}
        for centre in (mpmath.mpf(0), m, g):
            for k in (-20, -8, -4, -2, -1, 0, 1, 2, 4, 8, 20, 40, 80):
                points |= {centre + k * step, centre + k * s}
        points = sorted(x for x in points if 0 <= x <= g)
        # mpmath.quad stops by its absolute error, so that what is integrated must be about 1
        size = mpmath.exp(-min(m, 0) ** 2 / (2 * s * s))
        value = mpmath.quad(lambda x: mpmath.erfc((x - m) / (s * mpmath.sqrt(2))) / 2 / size, points) * size / g
        return value, -mpmath.log(value)


def run():
    cases = [c[:3] for c in PUBLISHED]
    for s in (1e-6, 0.01, 0.2, 1.0, 50.0):
        for g in (1e-6, 0.1, 0.5, 30.0):
            for z in (-37, -12, -5, -3.0001, -2.9999, -1, -0.01, 0, 0.3, 1, 2.9999, 3.0001, 6):
                cases.append((z * s, s, g))
            cases += [(g, s, g), (g / 2, s, g), (g / 2 * (1 + 1e-9), s, g), (g + 3 * s, s, g)]
    # on both sides of where a series takes over from the closed form
    near_series = [(z, 1.0, h) for h in (0.04, 0.11, 0.24, 0.26, 0.7, 1.1) for z in (-22, -8.5, -4.1, -3.9, -1.5, 0.1, 3)]
    if not FULL:
        cases = cases[:3] + cases[3::4]
    cases += near_series[::1 if FULL else 2]
    # s = 0: the limit; and a gap that is nothing but likely
    for m in (-3.0, -1e-300, 0.0, 1e-9, 0.25, 0.5, 0.75, 1e9):
        cases.append((m, 0.0, 0.5))
    statement = """SELECT jsonb_agg(jsonb_build_array(usable_gap, losses->'gap', p_better, flags) ORDER BY k) FROM
        (VALUES %s) v(k, m, s, g), (SELECT sipp.context_scale(%s) AS scale) c, LATERAL sipp.pairing_score(
        sipp.school('p', sector => 's', context => '{0}', role => 'partner', authority => 'a', effect => 0, effect_se => 0),
        sipp.school('l', sector => 's', context => '{0}', role => 'lead', authority => 'b', effect => m, effect_se => s),
        scale, target_gap => g, weights => '{"similarity": 0, "gap": 1, "complementarity": 0, "travel": 0}')""" % (
            ",".join("(%d, %r::float8, %r::float8, %r::float8)" % ((k,) + c) for k, c in enumerate(cases)),
            array([dict(ONE, id="p", role="partner", authority="a"), dict(ONE, id="l", role="lead", authority="b")]))
    wrong, limits, certain, reference = [], [], [], []
    answer = query([statement])[0]
    for (m, s, g), (b, loss, p, flags) in zip(cases, answer):
        where = "m %r, s %r, g %r: " % (m, s, g)
        if s == 0:
            want = min(max(m, 0), g) / g
            if b != want or p != (0.5 if m == 0 else float(m > 0)):
                limits.append(where + "%r, not %r; P %r" % (b, want, p))
            if want == 0 and (loss != 20 or "gap capped" not in flags):
                limits.append(where + "loss %r" % loss)
            continue
        want, want_loss = by_quadrature(m, s, g)
        with mpmath.workdps(40):
            if abs(b - want) > want * mpmath.mpf("1e-13") + mpmath.mpf("1e-305"):
                wrong.append(where + "%r, not %s" % (b, mpmath.nstr(want, 17)))
            if abs(loss - min(want_loss, 20)) > mpmath.mpf("2e-13") * max(1, want_loss):
                wrong.append(where + "loss %r, not %s" % (loss, mpmath.nstr(want_loss, 17)))
            likely = mpmath.ncdf(mpmath.mpf(m) / s)
            if abs(p - likely) > likely * mpmath.mpf("1e-12"):
                certain.append(where + "P %r, not %s" % (p, mpmath.nstr(likely, 17)))
    for (*_, want, tolerance), (b, *_) in zip(PUBLISHED, answer):
        if abs(b - want) > tolerance:
            reference.append("%r, not %r" % (b, want))
    check(wrong, "usable gap and its loss, %d times by quadrature to 13 digits" % len(cases))
    check(limits, "without a standard error, its limits")
    check(certain, "P(lead better) to 12 digits")
    check(reference, "the published values")
