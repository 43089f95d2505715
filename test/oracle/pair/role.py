"""sipp.pairing_role over a grid, against the rule in words."""

import itertools
import random

from scipy.stats import norm

from common import FULL, check, literal, query


def above(mean, se, bound):
    """P of more than a bound."""
    return float(mean > bound) if se == 0 else float(norm.sf(bound, mean, se))


def role(effect, se, attainment, intake, trend, trend_se, sd, p_min, margin):
    if effect is None or se is None:
        return None
    bound = margin * sd if margin > 0 else 0.0
    if above(effect, se, bound) >= p_min:
        return "lead"
    if above(-effect, se, bound) < p_min:
        return "none"
    if None in (attainment, intake, trend, trend_se) or attainment < 0.5 or intake < 0.5 or above(-trend, trend_se, 0.0) < p_min:
        return "partner"
    return "coasting"


def run():
    grid = list(itertools.product(
        [None, -2.0, -0.31, -0.25, -0.1, 0.0, 0.1, 0.33, 2.0], [None, 0.0, 0.1, 0.7], [None, 0.0, 0.5, 0.49999, 1.0],
        [None, 0.5, 0.2, 0.9], [None, -1.0, -0.05, 0.0, 0.4], [None, 0.0, 0.3], [0.0, 0.4, 1.0], [0.8, 0.51, 0.99], [0.25, 0.0, 1.5]))
    cases = grid if FULL else random.Random(1).sample(grid, 30000)
    statements = ["""SELECT jsonb_agg(sipp.pairing_role(a, b, c, d, e, f, g, p_min => h, margin => i) ORDER BY k)
        FROM (VALUES %s) v(k, a, b, c, d, e, f, g, h, i)""" % ",".join(
            "(%d,%s)" % (k, ",".join(literal(x) + "::float8" for x in c)) for k, c in enumerate(cases[a:a + 10000]))
                  for a in range(0, len(cases), 10000)]
    answers = [x for part in query(statements) for x in part]
    wrong, found = [], {}
    for c, got in zip(cases, answers):
        want = role(*c)
        found[want] = found.get(want, 0) + 1
        if got != want:
            wrong.append("%s: %s, not %s" % (c, got, want))
    check(wrong, "roles of %d schools" % len(cases))
    check([r for r in (None, "lead", "partner", "coasting", "none") if found.get(r, 0) < 100], "there are all roles")
