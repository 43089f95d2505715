"""Why a place is empty, and whether what is offered as the cheapest change works."""

import json
import math
import random
import re

import wild
from formula import MIN_SIMILARITY
from common import FULL, check, query
from plans import Problem

SEEDS = range(1, 20001 if FULL else 1501)
RULES = ["authority", "km", "p", "similarity", "score"]
OPTION = {"max_km": "km", "min_p_better": "p", "min_similarity": "similarity", "min_score": "score"}


def in_force(p, rule):
    o = p.options
    if rule == "authority":
        return o.get("authority", "different") == "different"
    if rule == "km":
        return o.get("max_km") is not None
    return o.get({"p": "min_p_better", "similarity": "min_similarity", "score": "min_score"}[rule],
                 {"p": 0.8, "similarity": MIN_SIMILARITY, "score": 0}[rule]) > 0


def others(p, plan, i):
    """Other leads that take part, by number."""
    return [j for j in range(len(p.leads)) if p.leads[j] != p.partners[i] and p.out(p.leads[j]) is None
            and j not in plan[i] and (i, j) not in p.kept]


def above(number, text):
    """Is a number what a text has, rounded down?"""
    return -1e-12 <= number - float(text) < 0.01 + 1e-12


def reason_wrong(p, plan, i, reason):
    """Is this why no further lead is allowed?  Rules one after the other, until nobody is left."""
    n, me = p.nation, p.partners[i]
    pairs = {j: p.pair[me, p.leads[j]] for j in others(p, plan, i)}
    allowed = [j for j, x in pairs.items() if not x["broken"]]
    if plan[i] or any(a == i for a, _ in p.kept):
        if not reason.startswith("no further lead"):
            return "does not say that it has a lead"
        reason = reason.removeprefix("no further lead").removeprefix(": ") or "no lead"
    price = math.inf if p.price is None else p.price
    if allowed:
        full = any(p.units[i][j] < price for j in allowed)
        want = "all eligible leads are full" if full else "no eligible lead costs less than unpaired_cost"
        return None if reason == want else "should be: " + want
    if not pairs:
        return None if reason == "no lead" else "there is nobody else"
    left = [j for j in pairs if "sector" not in pairs[j]["broken"]]
    if not left:
        return None if reason == "no lead of its sector" else "nobody is of its sector"
    left = [j for j in left if not {"excluded", "cluster"} & set(pairs[j]["broken"])]
    if not left:
        return None if reason == "excluded or in the same cluster" else "all are excluded or of its cluster"
    sole, left = left, [j for j in left if pairs[j]["cost"] is not None]
    for rule in RULES if left else []:
        before, left = left, [j for j in left if rule not in pairs[j]["broken"]]
        if left:
            continue
        if rule == "authority":
            ok = reason == "none outside the authority"
        elif rule == "km":
            m = re.fullmatch(r"none within max_km \(nearest is (.+) at ([\d.]+) km\)", reason, re.S)
            near = m and pairs[[n.schools[k]["id"] for k in p.leads].index(m[1])]["km"]
            ok = m and near <= min(pairs[j]["km"] for j in before) + 1e-9 and 0 <= float(m[2]) - near < 0.1 + 1e-9
        elif rule == "p":
            top = max(pairs[j]["p"] for j in before)
            m = re.fullmatch(r"not certain enough \(best p_better ([\d.]+), floor ([\d.]+)\)", reason)
            ok = reason == "nobody better" if top <= 0.5 else m and above(top, m[1]) and float(m[2]) == p.options.get("min_p_better", 0.8)
        elif rule == "similarity":
            m = re.fullmatch(r"none similar enough \(best similarity ([\d.]+), floor ([\d.]+)\)", reason)
            ok = m and above(max(pairs[j]["part"]["similarity"] for j in before), m[1]) and float(m[2]) == p.options.get("min_similarity", MIN_SIMILARITY)
        else:
            m = re.fullmatch(r"no pair scores enough \(best score ([\d.]+), floor ([\d.]+)\)", reason)
            ok = m and above(max(pairs[j]["score"] for j in before), m[1]) and float(m[2]) == p.options["min_score"]
        return None if ok else "the rule that stops the last is %s" % rule
    # no option can help: what is broken is that nothing is known that has a weight, or of the first its likeness
    ok = all(pairs[j]["cost"] is None for j in sole) and reason == (
        "similarity not known" if pairs[sole[0]]["part"]["similarity"] is None else "no part that has a weight is known")
    return None if ok else "none is allowed and no rule is broken"


def cheapest(p, plan, i):
    """Least cost of a lead of which one rule that an option has is broken: with room and below an empty place, or at all."""
    me, room, dear = p.partners[i], [], []
    price = math.inf if p.price is None else p.price
    for j in others(p, plan, i):
        broken = set(p.pair[me, p.leads[j]]["broken"])
        # one that is more likely worse than better is no help
        if len(broken) != 1 or not broken <= set(r for r in RULES if in_force(p, r)):
            continue
        if broken == {"p"} and p.pair[me, p.leads[j]]["p"] < min(0.5, p.options.get("min_p_better", 0.8)) - (
                1e9 if p.options.get("min_p_better", 0.8) <= 0.5 else 0):
            continue
        if p.pair[me, p.leads[j]]["cost"] is None:
            continue
        free = p.capacity[j] - sum(j in leads for leads in plan)
        cost = p.nation.pair(me, p.leads[j], **relaxed(p, broken))["cost"]
        (room if free > 0 and cost < price else dear).append(cost)
    return min(room or dear, default=None)


def relaxed(p, broken):
    return dict(p.options, authority="prefer") if broken == {"authority"} else p.options


def follow(p, text):
    """The problem with the change that a relaxation names, and its lead; None if it cannot be read."""
    options, schools, lead = dict(p.options), [dict(s) for s in p.nation.schools], None
    rest = text
    m = re.search(r"(^|, | and )unpaired_cost >= ([\d.e+-]+)", rest)
    if m:
        options["unpaired_cost"] = float(m[2])
        rest = rest[:m.start()] + rest[m.end():]
    m = re.search(r" would allow (.+)$", rest, re.S)
    if m:
        lead, rest = m[1], rest[:m.start()]
    m = re.search(r"(^| and )one more place at (.+)$", rest, re.S)
    if m:
        lead, rest = m[2], rest[:m.start()]
        next(s for s in schools if s["id"] == lead)["capacity"] += 1
    m = re.fullmatch(r"(max_km|min_p_better|min_similarity|min_score) [<>]= ([\d.]+)", rest)
    if m:
        # sipp's number can be equal to the floor where this one is the next below
        options[m[1]] = float(m[2]) - (1e-12 if m[1] == "min_similarity" else 0)
    elif rest == "authority => 'prefer'":
        options["authority"] = "prefer"
    elif rest:
        return None
    locked = [(p.nation.schools[a]["id"], p.nation.schools[b]["id"]) for a, b in p.locked]
    return Problem(schools, options, locked), lead


def nothing_gained(p, plan, i, q, new, text):
    """What is wrong with the plan after a change that was to fill a place of partner i; None if nothing."""
    got = {k: x for k, x in zip(q.partners, new)}
    had = {k: x for k, x in zip(p.partners, plan)}
    more = [k for k in had if len(got[k]) > len(had[k])]
    if p.partners[i] in more or any(k not in had for k in got if got[k]):
        return None
    if p.price is None or text.startswith(("one more place", "unpaired_cost")):
        # one who waited has it
        return None if more else "fills no place"
    # an empty place has a price: whoever has most of the change takes it
    old = [[q.leads.index(p.leads[j]) for j in had.get(k, [])] for k in q.partners]
    (empty, cost), (old_empty, old_cost) = q.worth(new), q.worth(old)
    return None if cost + q.price * empty < old_cost + q.price * old_empty else "makes no plan better"


def run():
    problems = []
    for seed in SEEDS:
        rng = random.Random(seed)
        options = wild.options(seed, plan=True)
        options["mode"] = ["optimal", "optimal", "stable", "greedy"][seed % 4]
        supports = options.get("supports_per_partner", 1)
        schools = wild.nation(seed + 50000, size=rng.randint(3, 9 if supports == 1 else 7), tidy=True)
        problems.append((seed, Problem(schools, options)))
    reasons, offered, unread, kinds = [], [], [], {}
    again = []
    for (seed, p), answer in zip(problems, query([p.statement() for _, p in problems])):
        plan, bad = p.read(answer)
        reasons += bad
        at = {p.nation.schools[k]["id"]: i for i, k in enumerate(p.partners)}
        for i, x in {at[x["partner"]]: x for x in answer["pairs"] or [] if x["partner"] in at and x["lead"] is None}.items():
            what = "seed %d: %s: %s" % (seed, x["partner"], x["reason"])
            wrong = reason_wrong(p, plan, i, x["reason"])
            kinds[re.split(r" \(|: ", x["reason"].removeprefix("no further lead: "))[0]] = True
            if wrong:
                reasons.append("%s; %s %s" % (what, wrong, json.dumps(p.options)))
            allowed = [j for j in others(p, plan, i) if p.units[i][j] is not None]
            least = None if allowed else cheapest(p, plan, i)
            if x["relaxation"] is None:
                if allowed or least is not None:
                    offered.append("%s; there is a change that would help %s" % (what, json.dumps(p.options)))
                continue
            changed = follow(p, x["relaxation"])
            if changed is None:
                unread.append(what + x["relaxation"])
                continue
            q, lead = changed
            kinds[re.sub(r"[\d.]+|(at|allow) .*", "", x["relaxation"], flags=re.S)] = True
            me = p.partners[i]
            if lead is not None:
                # the pair itself, by the formulas
                y = q.pair[me, q.nation.at[lead]]
                if y["broken"]:
                    offered.append("%s; %s leaves %s" % (what, x["relaxation"], list(y["broken"].values())))
                elif least is not None and abs(y["units"] - least) > 1e-10 * max(1, least):
                    offered.append("%s; %s costs %s, the cheapest %s" % (what, x["relaxation"], y["units"], least))
            if not allowed and least is None:
                offered.append("%s; %s is no single change" % (what, x["relaxation"]))
            again.append((what, x["relaxation"], p, plan, i, q))
    filled = []
    for (what, text, p, plan, i, q), answer in zip(again, query([q.statement() for *_, q in again])):
        if p.mode != "optimal":
            continue
        new, _ = q.read(answer)
        wrong = nothing_gained(p, plan, i, q, new, text)
        if wrong:
            filled.append("%s: %s %s %s" % (what, text, wrong, json.dumps(p.options)))
    check(reasons, "the reason of each empty place in %d plans" % len(problems))
    check(unread, "what is offered can be read")
    check(offered, "what is offered is one change, the cheapest, and allows the pair it names")
    check(filled, "%d changes followed: a place more is filled" % len(again))
    wanted = ["all eligible leads are full", "no eligible lead costs less than unpaired_cost", "excluded or in the same cluster",
              "no lead", "no lead of its sector", "no pair scores enough", "nobody better", "none outside the authority",
              "none similar enough", "none within max_km", "not certain enough", "no further lead", "no part that has a weight is known"]
    for change in ("authority => 'prefer'", "max_km >= ", "min_p_better <= ", "min_similarity <= ", "min_score <= "):
        wanted += [change + " would ", change + " and one more place "]
    check([w for w in wanted if w not in kinds], "these plans have every reason and change")
