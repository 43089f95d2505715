"""Yardsticks, and all pairs of a nation, against nation.py."""

import numpy as np

import nation
from common import array, check, near, query, table

PARTS = ["similarity", "gap", "complementarity", "travel"]


def known(x):
    return np.array([[np.nan if v is None else v for v in row] for row in x], dtype=float)


def yardsticks(what, n, scale):
    found = {s["sector"]: s for s in scale["sectors"]}
    check(what + ": sectors", [] if set(found) == set(n.scale) else [sorted(map(str, found))])
    for name, (spreads, s_w, tenth, target) in n.scale.items():
        s = found[name]
        names = n.schools[0]["context_names"]
        wrong = ["s_v of %s: %s, not %s" % (v, s["scales"][v], x) for v, x in zip(names, spreads) if not near(s["scales"][v], x, 1e-12)]
        wrong += ["%s: %s, not %s" % (k, s[k], x) for k, x in [("profile_scale", s_w), ("tenth_distance", tenth), ("target_gap", target)]
                  if not near(s[k], x, 1e-12)]
        check("%s: yardsticks of %s" % (what, name), wrong)


def pairs(what, n, rows):
    """rows: ids, eligible, then numbers, parts and losses of each pair."""
    at = {i: k for k, i in enumerate(n.id)}
    i, j = np.array([at[r[0]] for r in rows]), np.array([at[r[1]] for r in rows])
    eligible = np.array([r[2] for r in rows])
    x = known([r[3] + r[4] + r[5] for r in rows])
    check("%s: every pair of two schools, once" % what, [] if len(set(zip(i, j))) == len(rows) == n.n * (n.n - 1) else [len(rows)])

    # costs are known for pairs of schools with a similarity and a gap
    mine = [("cost", n.parts_cost), ("score", np.exp(-n.parts_cost)), ("p_better", n.p_better), ("km", n.km)]
    mine += [(k, n.parts[k]) for k in PARTS] + [("loss of " + k, n.losses[k]) for k in PARTS]
    for column, (name, want) in enumerate(mine):
        want, got = want[i, j], x[:, column]
        if name.startswith("loss of"):
            want = np.where(np.isnan(n.parts_cost[i, j]), np.nan, want)
            got = np.where(np.isnan(n.parts_cost[i, j]), np.nan, got)
        same = (np.isnan(want) & np.isnan(got)) | (np.abs(want - got) <= 1e-11 * np.maximum(1, np.abs(want)))
        check("%s: %s of %d pairs" % (what, name, len(rows)),
              ["%s and %s: %s, not %s" % (n.id[i[k]], n.id[j[k]], got[k], want[k]) for k in np.flatnonzero(~same)])
    wrong = np.flatnonzero(eligible != n.allowed()[i, j])
    check("%s: who may be paired" % what, ["%s and %s: %s" % (n.id[i[k]], n.id[j[k]], eligible[k]) for k in wrong])
    cost, losses = x[:, 0], np.nansum(x[:, -4:], axis=1)
    there = ~np.isnan(cost)
    check("%s: losses add to the cost" % what, [k for k in np.flatnonzero(there) if abs(losses[k] - cost[k]) > 1e-12])
    for name, column in [("similarity", 4), ("travel", 7), ("km", 3)]:
        both = np.full((n.n, n.n), np.nan)
        both[i, j] = x[:, column]
        check("%s: %s is the same both ways" % (what, name), [] if np.array_equal(both, both.T, equal_nan=True) else [name])
    share = eligible.mean()
    check("%s: some pairs are allowed, most are not" % what, [] if 100 < eligible.sum() and share < 0.5 else [share])


def run(seed, schools, nations):
    statements = [table("s", schools), "CREATE TEMP TABLE one AS SELECT x, x::jsonb->>'id' AS id FROM s, unnest(schools) x"]
    for sector in nations:
        statements += ["SELECT sipp.context_scale(schools, sector => '%s') FROM s" % sector,
                       """SELECT jsonb_build_array(r.partner, r.lead, r.eligible,
            jsonb_build_array(r.cost, r.score, r.p_better, r.km),
            jsonb_build_array(r.similarity, r.usable_gap, r.complementarity, r.travel),
            jsonb_build_array(r.losses->'similarity', r.losses->'gap', r.losses->'complementarity', r.losses->'travel'))
        FROM (SELECT sipp.context_scale(schools, sector => '%s') AS scale FROM s OFFSET 0) c,
             one p, one l, LATERAL sipp.pairing_score(p.x, l.x, scale) r WHERE p.id <> l.id""" % sector]
    answers = query(statements)[2:]
    for k, (sector, n) in enumerate(nations.items()):
        what = "seed %d, sector %s" % (seed, sector)
        yardsticks(what, n, answers[2 * k][0])
        pairs(what, n, answers[2 * k + 1])


def recoded(seed, schools):
    """Deciles recoded as vigintiles change no score; nor does the order of schools change the plan."""
    shuffled = list(schools)
    np.random.default_rng(seed).shuffle(shuffled)
    a, b, whole, other = query(["SELECT jsonb_build_array(x.partner, x.lead, x.score, x.similarity, x.cost) "
                                "FROM sipp.pairs(sipp.pairing_plan(%s)) x" % array(s) for s in (schools, nation.halved(schools))] +
                               ["SELECT to_jsonb(sipp.pairing_plan(%s)::text)" % array(s) for s in (schools, shuffled)])
    check("seed %d: halved bands, the same pairs" % seed, [(x, y) for x, y in zip(a, b) if x[:2] != y[:2]] or
          ([] if len(a) == len(b) else [len(b)]))
    check("seed %d: halved bands, the same scores" % seed,
          [(x, y) for x, y in zip(a, b) if not all(near(x[k], y[k], 1e-12) for k in (2, 3, 4))])
    check("seed %d: shuffled schools, the identical plan" % seed, [] if whole == other else [len(whole[0])])
