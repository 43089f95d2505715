"""Plans of random nations and their certificates against nation.py; see run."""

import copy
import sys
from fractions import Fraction

import numpy as np

import common
import gap
import nation
import plans
import scores
from common import FULL, array, check, query, table

SEEDS = range(1, 61 if FULL else 13)
SCORED = range(1, 7 if FULL else 3)

OPTIONS = [
    {},
    {"min_similarity": 0},
    {"max_km": 200, "min_similarity": 0},
    {"authority": "prefer", "same_authority_cost": 0.1},
    {"authority": "any"},
    {"min_p_better": 0.6, "min_similarity": 0.4},
    {"min_score": 0.35},
    {"unpaired_cost": 0.8},
    {"sector": "any"},
    {"supports_per_partner": 2},
    {"supports_per_partner": 3, "max_km": 250, "min_similarity": 0},
    {"supports_per_partner": 2, "unpaired_cost": 1.0},
    {"mode": "stable", "min_similarity": 0},
    {"mode": "stable", "supports_per_partner": 2, "unpaired_cost": 0.8},
    {"mode": "greedy"},
    {"mode": "greedy", "supports_per_partner": 2, "unpaired_cost": 0.8},
]


def plan(what, p, answer):
    """All that is to be said of a plan."""
    summary, pairs, prices = answer["summary"], answer["pairs"], answer["prices"]
    check(what + ": certificate", p.certify(summary, pairs, prices))
    made, _ = p.read(pairs)
    check(what + ": scores, parts, losses, runners-up, margins", p.report(pairs, made))
    if p.mode != "optimal":
        check(what + ": as %s as when made by hand" % p.mode, p.mode_wrong(summary, made))
    elif p.supports == 1 and not p.locked:
        worth = (summary["total_units"] + summary["unpaired_price"] *
                 sum(bool(p.allowed[i].any()) and i not in made for i in range(p.n.n))) * summary["quantum"]
        best = p.cheapest(summary)
        check(what + ": scipy's optimum", [] if abs(worth - best) <= plans.UNSURE * len(made) + 1e-14 * best else ["%s, not %s" % (worth, best)])
    wishes = [] if p.locked else p.blocking(summary, made)
    if not p.locked:
        check(what + ": blocking pairs", [] if len(wishes) == summary["blocking_pairs"] and (p.mode != "stable" or len(wishes) == 0)
              else ["%s, not %s" % (summary["blocking_pairs"], len(wishes))])


def of_seed(seed, nations, schools):
    """Plans by all options, and with some pairs of the first one locked."""
    problems = [plans.Problem(nations[o.get("sector", "same")], o) for o in OPTIONS]
    first = query([table("s", schools), plans.statement({})])[1][0]
    keep = [[x["partner"], x["lead"]] for x in first["pairs"] if x["partner"] and x["lead"]][5:10]
    locked = {"supports_per_partner": 2}
    problems.append(plans.Problem(nations["same"], locked, keep))
    statements = [plans.statement(o) for o in OPTIONS] + [plans.statement(dict(locked, locked=keep))]
    answers = [a[0] for a in query([table("s", schools)] + statements)[1:]]
    for p, a in zip(problems, answers):
        plan("seed %d, %s%s" % (seed, p.options or "the default", ", locked" if p.locked else ""), p, a)
    if seed == 1:
        for p, a in zip(problems, answers):
            if p.options in ({}, {"supports_per_partner": 2}):
                corrupted(p, a)
            if p.options == {"mode": "stable"}:
                unstable(p, a)


def corrupted(p, answer):
    """Plans and prices that are not what they claim, and the words that must be among those found."""
    paired = [k for k, x in enumerate(answer["pairs"]) if x["lead"] and x["partner"] and not x["locked"]]
    at = p.at

    def altered(what, words, change):
        a = copy.deepcopy(answer)
        change(a["pairs"], a["prices"], a["summary"])
        found = {x.split(":")[0] for x in p.certify(a["summary"], a["pairs"], a["prices"])}
        check("%s, corrupted: %s" % (p.options or "the default", what), [] if words <= found else [sorted(found)])

    def swap(x, _c, _s):
        for a in paired:
            for b in paired:
                i, j = (at[x[a]["partner"]], at[x[b]["partner"]]), (at[x[a]["lead"]], at[x[b]["lead"]])
                if p.allowed[i[0], j[1]] and p.allowed[i[1], j[0]] and p.units[i[0], j[1]] + p.units[i[1], j[0]] != \
                        p.units[i[0], j[0]] + p.units[i[1], j[1]]:
                    x[a]["lead"], x[b]["lead"] = x[b]["lead"], x[a]["lead"]
                    return

    def overfill(x, _c, _s):
        for k in paired[:8]:
            x[k]["lead"] = x[paired[0]]["lead"]

    def lose(x, _c, _s):
        x[paired[3]]["lead"] = None

    def forbid(x, _c, _s):
        x[paired[2]]["lead"] = next(p.n.id[j] for j in range(p.n.n) if not p.allowed[at[x[paired[2]]["partner"]], j] and p.capacity[j] > 0)

    def price(kind, by):
        def change(_x, c, _s):
            # of a pair that was made, so that the price is needed
            one = answer["pairs"][paired[0]][kind]
            # a millionth of cost, far more than the costs made here are off
            next(y for y in c if y["kind"] == kind and y[kind] == one)["price"] += by * round(1e-6 / answer["summary"]["quantum"])
        return change

    def count(_x, c, _s):
        next(y for y in c if y["kind"] == "lead" and y["price"] < 0)["places"] -= 1

    def drop(_x, c, _s):
        c.remove(next(y for y in c if y["kind"] == "lead" and p.allowed[:, at[y["lead"]]].any()))

    def total(_x, _c, s):
        s["total_units"] -= round(1e-6 / s["quantum"])

    def positive(_x, c, _s):
        next(y for y in c if y["kind"] == "lead")["price"] = 1

    altered("nothing", set(), lambda *_: None)
    altered("two leads swapped", {"total"}, swap)
    altered("a lead overfull", {"overfull"}, overfill)
    altered("a pair lost", {"total", "empty"}, lose)
    altered("a pair that is not allowed", {"not allowed"}, forbid)
    altered("a partner's price raised", {"dear", "sum"}, price("partner", 1))
    altered("a partner's price lowered", {"sum"}, price("partner", -1))
    altered("a lead's price raised", {"dear", "sum"}, price("lead", 1))
    altered("a lead's price lowered", {"sum"}, price("lead", -1))
    altered("a lead's price above 0", {"sign"}, positive)
    altered("a price that counts less often", {"counts", "sum"}, count)
    altered("a lead's price dropped", {"no price"}, drop)
    altered("a smaller total claimed", {"total", "sum"}, total)


def unstable(p, answer):
    """The best plan for all is not one that schools come to by themselves."""
    made, _ = p.read(answer["pairs"])
    i = next(iter(made))
    without = {k: x for k, x in made.items() if k != i}
    check("a pair taken from a stable plan: blocking pairs are found", [] if len(p.blocking(answer["summary"], without)) else [i])
    check("a pair taken from a stable plan: not the plan made by hand", [] if p.mode_wrong(answer["summary"], without) else [i])


def properties(seed, schools, cases=24):
    """More room never makes a plan dearer, an exclusion never cheaper."""
    rng = np.random.default_rng(seed)
    schools = schools[:100]
    changed = [schools]
    for k in range(2 * cases):
        s = copy.deepcopy(schools)
        for i in rng.choice(len(schools), 12, replace=False):
            if k % 2:
                s[i]["capacity"] += 1
            else:
                s[i]["excludes"] = sorted(set(s[i]["excludes"]) | {x["id"] for x in rng.choice(schools, 60)} - {s[i]["id"]})
        changed.append(s)
    for price in ("NULL", "0.7"):
        rows = query(["SELECT to_jsonb(s) FROM sipp.plan_summary(sipp.pairing_plan(%s, unpaired_cost => %s)) s" % (array(s), price)
                      for s in changed])
        if price == "NULL":
            worth = [(r[0]["unpaired"], Fraction(r[0]["total_units"]) * Fraction(r[0]["quantum"])) for r in rows]
        else:
            worth = [(r[0]["total_units"] + r[0]["unpaired_price"] * r[0]["unpaired"]) * Fraction(r[0]["quantum"]) for r in rows]
        for name, less, more in [("exclusions", worth[:1] * cases, worth[1::2]), ("room", worth[2::2], worth[:1] * cases)]:
            check("seed %d, %s: more %s" % (seed, price, name), [x for x in zip(less, more) if x[0] > x[1]])
            check("seed %d, %s: more %s make a difference" % (seed, price, name), [] if any(a < b for a, b in zip(less, more)) else [worth])


def main():
    gap.run()
    for seed in SEEDS:
        schools = nation.make(seed)
        nations = {"same": nation.Nation(schools), "any": nation.Nation(schools, pooled=True)}
        if seed in SCORED:
            scores.run(seed, schools, nations if seed == 1 or FULL else {"same": nations["same"]})
            scores.recoded(seed, schools)
            properties(seed, schools)
        of_seed(seed, nations, schools)
    print("%d passed, %d failed" % (common.passed, common.failed))
    sys.exit(common.failed > 0)


main()
