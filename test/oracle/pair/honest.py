"""What must hold whatever the numbers; and that a plan or a proof that was altered is found out."""

import copy
import random
from fractions import Fraction

import wild
from common import FULL, check, query
from plans import Problem, is_best, is_proven

SEEDS = range(1, 3001 if FULL else 301)


def alterations(p, answer):
    """{what: an answer that is not true}, as far as there is something to alter."""
    pairs = answer["pairs"] or []
    rows = [k for k, x in enumerate(pairs) if None not in (x["partner"], x["lead"])]
    prices = answer["prices"] or []
    full = [k for k, x in enumerate(prices) if x["places"] > 0]
    out = {}

    def altered(what):
        out[what] = copy.deepcopy(answer)
        return out[what]

    def units(a, b):
        return p.pair[p.nation.at[pairs[a]["partner"]], p.nation.at[pairs[b]["lead"]]]["units"]

    # not those that are as good the other way round
    for a, b in [(a, b) for a in rows for b in rows if pairs[a]["lead"] != pairs[b]["lead"]]:
        if None in (units(a, b), units(b, a)) or units(a, b) + units(b, a) != units(a, a) + units(b, b):
            x = altered("two leads swapped")["pairs"]
            x[a]["lead"], x[b]["lead"] = x[b]["lead"], x[a]["lead"]
        if units(a, b) is None or units(a, b) != units(a, a):
            altered("a lead given to one more")["pairs"][a]["lead"] = pairs[b]["lead"]
    if rows:
        altered("a pair lost")["pairs"][rows[0]]["lead"] = None
        altered("a smaller total")["summary"]["total_units"] -= 1
    for kind in ("partner", "lead"):
        k = next((k for k in full if prices[k]["kind"] == kind), None)
        if k is not None:
            altered("a %s's price raised" % kind)["prices"][k]["price"] += 1
            altered("a %s's price lowered" % kind)["prices"][k]["price"] -= 1
    k = next((k for k in full if prices[k]["price"] != 0), None)
    if k is not None:
        altered("a price dropped")["prices"][k]["price"] = 0
    return out


def is_true(p, answer):
    plan, wrong = p.read(answer)
    try:
        return not (wrong + is_best(p, plan, answer["summary"]) + is_proven(p, answer))
    except TypeError:
        # a pair that has no cost
        return False


def changed(p, rng):
    """More room, one more exclusion: the same nation otherwise."""
    more, fewer = ([dict(s) for s in p.schools] for _ in (0, 1))
    for s in rng.sample(more, 2):
        s["capacity"] += 1
    a, b = rng.sample(fewer, 2)
    a["excludes"] = sorted(set(a.get("excludes") or []) | {b["id"]})
    return Problem(more, p.options), Problem(fewer, p.options)


def run():
    problems, statements = [], []
    for seed in SEEDS:
        options = dict(wild.options(seed + 7000, plan=True), mode="optimal")
        size = 8 if options.get("supports_per_partner", 1) == 1 else 6
        p = Problem(wild.nation(seed + 7000, size=size, tidy=True), options)
        more, fewer = changed(p, random.Random(seed))
        problems.append((seed, p))
        statements += [p.statement(), more.statement(), fewer.statement()]
    answers = query(statements)
    dearer, cheaper, missed, told, plain = [], [], [], {}, []
    for (seed, p), was, more, fewer in zip(problems, answers[::3], answers[1::3], answers[2::3]):
        def worth(answer):
            s = answer["summary"]
            total = s["total_units"] * Fraction(s["quantum"])
            return (s["unpaired"], total) if p.price is None else (0, total + p.price * s["unpaired"])

        # a lead without any capacity takes part once it has some: places of partners are the same
        if worth(more) > worth(was):
            dearer.append("seed %d: %s after %s" % (seed, worth(more), worth(was)))
        if worth(fewer) < worth(was):
            cheaper.append("seed %d: %s after %s" % (seed, worth(fewer), worth(was)))
        if not is_true(p, was):
            plain.append("seed %d" % seed)
        for what, answer in alterations(p, was).items():
            told[what] = told.get(what, 0) + 1
            if is_true(p, answer):
                missed.append("seed %d: %s" % (seed, what))
    check(dearer, "more room makes no plan dearer, %d times" % len(problems))
    check(cheaper, "an exclusion makes no plan cheaper, %d times" % len(problems))
    check(plain, "these plans and proofs are true")
    check(missed, "and no longer once altered, %d times" % sum(told.values()))
    check([] if len(told) == 9 and min(told.values()) >= 50 else [told], "there is enough to alter")
