"""Yardsticks, and every pair of every nation: parts, losses, costs, rules and their words."""

import random

from common import FULL, array, arguments, check, literal, near, query
from formula import Nation
import wild

SEEDS = range(1, 4001 if FULL else 401)
SCORED = ("weights", "authority", "same_authority_cost", "max_km", "min_p_better", "min_similarity", "min_score",
          "target_gap", "half_km", "spread_km")


def weights_of(n, seed):
    """Weights of the circumstances, some of them none."""
    rng = random.Random(seed * 11)
    names = n.variables + (["deprivation"] if n.bands else [])
    if not names or rng.random() < 0.5:
        return None
    w = {v: rng.choice([0, 1, 2.5]) for v in rng.sample(names, rng.randint(1, len(names)))}
    return w if any(w.get(v, 1) for v in names) else None


def halved(schools):
    """Every band of the profile cut in two equal halves."""
    return [dict(s, deprivation=s.get("deprivation") and [None if x is None else x / 2 for x in s["deprivation"] for _ in (0, 1)])
            for s in schools]


def scale_wrong(n, found):
    wrong = []
    names = sorted(n.yard, key=lambda x: (x or "").encode())
    if [y["sector"] for y in found["sectors"]] != names:
        return ["sectors %s" % [y["sector"] for y in found["sectors"]]]
    for name, y in zip(names, found["sectors"]):
        mine = n.yard[name]
        if y["schools"] != len(mine.own):
            wrong.append("schools of %s: %s, not %d" % (name, y["schools"], len(mine.own)))
        got = [("s_" + v, y["scales"][v], mine.spread[k]) for k, v in enumerate(n.variables)]
        got += [("d10", y["tenth_distance"], mine.tenth), ("target", y["target_gap"], mine.target)]
        got += [("target of " + t, y["subject_targets"][t], mine.subject_target[k]) for k, t in enumerate(n.subjects)]
        if n.bands:
            got.append(("s_W", y["profile_scale"], mine.profile))
        wrong += ["%s of %s: %s, not %s" % (what, name, a, b) for what, a, b in got if not near(a, b, 1e-12)]
    return wrong


def pair_wrong(n, x, r):
    """What is wrong with a row of pairing_score, of pair x."""
    name = "%s with %s: " % (r["partner"], r["lead"])
    wrong = []

    def same(what, a, b):
        if a != b:
            wrong.append("%s%s %s, not %s" % (name, what, a, b))

    same("eligible", r["eligible"], not x["broken"])
    same("reason", r["reason"], "; ".join(x["broken"].values()) or None)
    same("flags", r["flags"] or [], x["flags"])
    same("teach", r["partner_can_teach"], x["teach"])
    same("losses of", sorted(r["losses"]), sorted(x["loss"]))
    numbers = [("score", r["score"], x["score"]), ("p_better", r["p_better"], x["p"]), ("km", r["km"], x["km"]),
               ("cost", r["cost"], x["cost"]), ("similarity", r["similarity"], x["part"]["similarity"]),
               ("gap", r["usable_gap"], x["part"]["gap"]), ("travel", r["travel"], x["part"]["travel"]),
               ("complementarity", r["complementarity"], x["part"]["complementarity"])]
    numbers += [("loss of " + k, r["losses"].get(k), v) for k, v in x["loss"].items()]
    wrong += ["%s%s %r, not %r" % (name, what, a, b) for what, a, b in numbers if not near(a, b, 1e-11)]
    # parts that are tiny: to as many digits
    wrong += ["%s%s %r, not %r" % (name, what, a, b) for what, a, b in numbers[4:8]
              if a is not None and b is not None and b > 1e-280 and abs(a - b) > 1e-9 * b]
    if r["cost"] is not None and abs(sum(r["losses"].values()) - r["cost"]) > 1e-12 * max(1, r["cost"]):
        wrong.append("%slosses add to %r, not to %r" % (name, sum(r["losses"].values()), r["cost"]))
    return wrong


def statement(schools, weights, pooled, options):
    """The scale, and a row of each ordered pair."""
    return """WITH c AS MATERIALIZED (SELECT a, sipp.context_scale(a, context_weights => %s, sector => %s) AS scale
            FROM (SELECT %s AS a) x)
        SELECT jsonb_build_object('scale', scale, 'pairs', (SELECT jsonb_agg(r)
            FROM unnest(a) p, unnest(a) l, LATERAL sipp.pairing_score(p, l, scale%s) r)) FROM c""" % (
                literal(weights), literal("any" if pooled else "same"), array(schools), arguments(options, SCORED))


def run():
    cases, statements, covered = [], [], {}
    for seed in SEEDS:
        schools = wild.nation(seed)
        pooled = seed % 4 == 0
        weights = weights_of(Nation(schools), seed)
        options = wild.options(seed)
        cases.append((seed, schools, pooled, Nation(schools, weights, pooled), options))
        statements.append(statement(schools, weights, pooled, options))
        statements.append(statement(halved(schools), weights, pooled, options))
    answers = query(statements)
    scales, pairs, sums, fine = [], [], [], []
    for (seed, schools, pooled, n, options), found, half in zip(cases, answers[::2], answers[1::2]):
        scales += ["seed %d: %s" % (seed, w) for w in scale_wrong(n, found["scale"])]
        rows = found["pairs"]
        if len(rows) != len(schools) ** 2:
            pairs.append("seed %d: %d rows" % (seed, len(rows)))
        likeness = {}
        for r in rows:
            x = n.pair(n.at[r["partner"]], n.at[r["lead"]], **options)
            for word in list(x["broken"].values()) + x["flags"] + (["allowed"] if not x["broken"] else []):
                covered[word] = covered.get(word, 0) + 1
            pairs += ["seed %d: %s" % (seed, w) for w in pair_wrong(n, x, r)]
            likeness[r["partner"], r["lead"]] = (r["similarity"], r["travel"], r["km"])
        sums += ["seed %d: %s and %s: %s, %s" % (seed, a, b, v, likeness[b, a]) for (a, b), v in likeness.items()
                 if v != likeness[b, a]]
        # a band that is not known becomes two
        whole = not any(None in (x.get("deprivation") or []) for x in schools)
        for r, h in zip(rows, half["pairs"]) if whole else []:
            if any(not near(r[k], h[k], 1e-12) for k in ("score", "cost", "similarity")) or r["reason"] != h["reason"]:
                fine.append("seed %d: %s with %s" % (seed, r["partner"], r["lead"]))
    check(scales, "yardsticks of %d nations" % len(cases))
    check(pairs, "pairs of %d nations" % len(cases))
    check(sums, "likeness and travel are the same both ways")
    check(fine, "bands twice as fine change no score")
    wanted = ["takes no part (role none)", "role not known", "no consent", "no effect", "no standard error of the effect", "no context", "context: every value is NULL",
              "no deprivation profile", "deprivation[1] is NULL", "no effect; no context"]
    wanted = ["partner: " + w for w in wanted] + ["lead: " + w for w in wanted] + [
        "partner: role is lead", "lead: role is partner", "lead: role is coasting", "one and the same school",
        "sector not known", "different sectors", "excluded by one of the two", "same cluster", "authority not known",
        "same authority", "distance not known", "too far apart", "lead not likely enough to be better",
        "similarity not known", "not similar enough", "usable gap not known", "score too low", "no part that has a weight is known", "allowed"]
    wanted += ["similarity without x1", "similarity without fsm", "similarity without x1, x3"]
    wanted += [k + " missing" for k in ("similarity", "gap", "complementarity", "travel")]
    wanted += [k + " capped" for k in ("similarity", "gap", "complementarity", "travel")]
    check([w for w in wanted if covered.get(w, 0) < 2], "these nations have every rule and flag")
