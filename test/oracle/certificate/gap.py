"""The usable gap against quadrature of E min(max(gap, 0), g)/g, in 30 digits."""

import mpmath

from common import array, check, query

ONE = {"sector": "s", "context": [0.0], "context_names": ["x"], "capacity": 1}
CASES = [(0.4, 0.2, 0.5), (0.4, 0.5, 0.5), (-0.1, 0.5, 0.5), (-1, 0.2, 0.5), (-3, 0.2, 0.5), (0.25, 0.1, 0.5), (0.5, 0.3, 0.5),
         (2, 0.3, 0.5), (0.1, 1e-3, 0.5), (0.499, 1e-3, 0.5), (0.2, 5, 0.5), (-20, 5, 0.5), (0.3, 0.2, 1e-3), (0.3, 0.2, 100),
         (0, 0.2, 0.5), (-0.7, 0.1, 0.2), (1e-6, 1e-7, 1e-6),
         (-0.2, 0, 0.5), (0, 0, 0.5), (0.2, 0, 0.5), (0.5, 0, 0.5), (0.9, 0, 0.5)]
PUBLISHED = {(0.4, 0.2, 0.5): (0.724, 5e-4), (0.4, 0.5, 0.5): (0.613, 5e-4), (-0.1, 0.5, 0.5): (0.25079, 5e-6)}


def by_quadrature(m, sd, g):
    if sd == 0:
        return mpmath.mpf(min(max(m, 0), g)) / g
    m, g = mpmath.mpf(m), mpmath.mpf(g)
    # integral of P(gap > x) over (0, g), in pieces that are not steep, also far out
    points = sorted({g * k / 20 for k in range(21)} | {min(max(m + k * sd, mpmath.mpf(0)), g) for k in (-8, -3, 0, 3, 8)})
    return mpmath.quad(lambda x: mpmath.ncdf((m - x) / sd), points) / g


def run():
    mpmath.mp.dps = 30
    statements = []
    for m, s, g in CASES:
        side = s / 2 ** 0.5
        partner = dict(ONE, id="p", authority="a", role="partner", effect=0.0, effect_se=side)
        lead = dict(ONE, id="l", authority="b", role="lead", effect=m, effect_se=side)
        statements.append("""SELECT jsonb_build_array(r.usable_gap, r.losses->'gap') FROM (SELECT %s AS a OFFSET 0) x,
            LATERAL sipp.pairing_score(a[1], a[2], sipp.context_scale(a), target_gap => %r) r""" % (array([partner, lead]), g))
    for (m, s, g), [[got, loss]] in zip(CASES, query(statements)):
        want = by_quadrature(m, mpmath.sqrt(2) * mpmath.mpf(s / 2 ** 0.5), g)
        # s is rounded on its way through two standard errors: tails feel that
        tolerance = 1e-12 * (1 + (m / s) ** 2 if s else 1)
        what = "m %s, s %s, g %s" % (m, s, g)
        check("usable gap of " + what, [] if abs(got - want) <= tolerance * want else ["%s, not %s" % (got, mpmath.nstr(want, 15))])
        # without coordinates and subjects the weights .4 and .3 make 1
        due = min(-mpmath.log(want), 20) * 3 / 7 if want > 0 else mpmath.mpf(60) / 7
        check("loss of the gap of " + what, [] if abs(loss - due) <= 1e-11 * (1 + due) else ["%s, not %s" % (loss, due)])
        if (m, s, g) in PUBLISHED:
            value, digits = PUBLISHED[m, s, g]
            check("published usable gap of " + what, [] if abs(got - value) <= digits else [got])
