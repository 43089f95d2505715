"""Plans of small nations against every plan that there could be; what they say of themselves."""

import functools
import json
import random
import re
from fractions import Fraction

import brute
import wild
from common import FULL, array, arguments, check, literal, near, query
from formula import LEADS, PARTNERS, Nation
from scores import SCORED

SEEDS = range(1, 15001 if FULL else 2001)
PLAN = ("weights", "context_weights", "authority", "same_authority_cost", "sector", "max_km", "min_p_better",
        "min_similarity", "min_score", "unpaired_cost", "target_gap", "mode", "supports_per_partner", "half_km", "spread_km")


class Problem:
    """Who could be paired with whom, under some options."""

    def __init__(self, schools, options, locked=()):
        self.schools, self.options = schools, options
        self.nation = n = Nation(schools, options.get("context_weights"), options.get("sector") == "any")
        self.locked = [(n.at[a], n.at[b]) for a, b in locked]
        self.mode = options.get("mode", "optimal")
        self.supports = options.get("supports_per_partner", 1)
        price = options.get("unpaired_cost")
        self.price = None if price is None else Fraction(price)
        self.pair = {(i, j): n.pair(i, j, **options) for i in range(len(n.schools)) for j in range(len(n.schools))}
        keep = [i for i, _ in self.locked], [j for _, j in self.locked]
        self.partners = [i for i, s in enumerate(n.schools)
                         if i in keep[0] or s["role"] in PARTNERS and self.out(i) is None]
        self.leads = [j for j, s in enumerate(n.schools)
                      if j in keep[1] or s["role"] in LEADS and self.out(j) is None and s["capacity"] > 0]
        self.places = [self.supports - keep[0].count(i) if self.out(i) is None else 0 for i in self.partners]
        self.capacity = [n.schools[j]["capacity"] - keep[1].count(j) if self.out(j) is None else 0 for j in self.leads]
        self.units = [[None if (i, j) in self.locked else self.pair[i, j]["units"] for j in self.leads]
                      for i in self.partners]
        self.priced = False
        self.kept = {(self.partners.index(i), self.leads.index(j)) for i, j in self.locked}

    def out(self, k):
        """Why a school can take no part, under these options."""
        s = self.nation.schools[k]
        why = self.nation.lacks(s)
        if not self.nation.pooled and s.get("sector") is None:
            why.append("no sector")
        if self.options.get("authority", "different") == "different" and s.get("authority") is None:
            why.append("no authority")
        if self.options.get("max_km") is not None and s.get("lat") is None:
            why.append("no coordinates, which max_km needs")
        if s["role"] == "lead" and s["capacity"] == 0:
            why.append("capacity is 0")
        return "; ".join(why) or None

    def statement(self):
        lock = [[self.nation.schools[i]["id"], self.nation.schools[j]["id"]] for i, j in self.locked]
        return """WITH p AS MATERIALIZED (SELECT sipp.pairing_plan(%s%s%s) AS plan)
            SELECT jsonb_build_object('summary', (SELECT to_jsonb(s) FROM sipp.plan_summary(plan) s),
                'pairs', (SELECT jsonb_agg(x) FROM sipp.pairs(plan) x),
                'prices', (SELECT jsonb_agg(c) FROM sipp.certificate(plan) c), 'md5', md5(plan::text),
                'costs', (SELECT jsonb_agg(jsonb_build_array(x.partner, x.lead, x.cost))
                          FROM (SELECT s, sipp.context_scale(s%s) AS scale FROM (SELECT %s AS s) s OFFSET 0) s,
                               unnest(s) a, unnest(s) b, LATERAL sipp.pairing_score(a, b, scale%s) x)) FROM p""" % (
                    array(self.schools), arguments(self.options, PLAN),
                    ", locked => %s" % literal(lock) if lock else "",
                    arguments(self.options, ("context_weights", "sector")), array(self.schools),
                    arguments(self.options, SCORED))

    def take_costs(self, answer):
        """
        Costs as sipp.pairing_score has them, exactly, in place of those of formula.py, which say who is
        allowed and are within rounding of them; returns what is wrong with that.
        """
        wrong, at = [], self.nation.at
        for a, b, cost in () if self.priced else answer["costs"]:
            x = self.pair[at[a], at[b]]
            if x["units"] is not None:
                if not near(cost, x["cost"], 1e-11):
                    wrong.append("cost of %s and %s: %s, not %s" % (a, b, cost, x["cost"]))
                x["units"] = Fraction(cost)
        self.units = [[None if (i, j) in self.locked else self.pair[i, j]["units"] for j in self.leads]
                      for i in self.partners]
        self.priced = True
        return wrong

    def read(self, answer):
        """The plan of an answer, as leads by partner without the locked ones; and what is wrong with its form."""
        n, wrong = self.nation, self.take_costs(answer)
        at = {n.schools[i]["id"]: k for k, i in enumerate(self.partners)}
        lead_at = {n.schools[j]["id"]: k for k, j in enumerate(self.leads)}
        plan, locked, rows, out = [[] for _ in self.partners], set(), [0] * len(self.partners), {}
        for x in answer["pairs"] or []:
            if x["partner"] not in at:
                out[x["partner"] or x["lead"]] = x["reason"]
                continue
            i = at[x["partner"]]
            rows[i] += 1
            if x["place"] != rows[i] or x["role"] != n.schools[self.partners[i]]["role"]:
                wrong.append("place or role of %s" % x["partner"])
            if x["lead"] is not None and x["locked"]:
                locked.add((i, lead_at[x["lead"]]))
            elif x["lead"] is not None:
                plan[i].append(lead_at[x["lead"]])
        want = [p + sum(a == k for a, _ in self.kept) for k, p in enumerate(self.places)]
        if rows != want:
            wrong.append("places %s, not %s" % (rows, want))
        if locked != self.kept:
            wrong.append("locked pairs %s, not %s" % (locked, self.kept))
        mine = {s["id"]: self.out(k) for k, s in enumerate(n.schools) if self.out(k) is not None}
        for k in {s for p in self.locked for s in p}:
            mine.pop(n.schools[k]["id"], None)
        if out != mine:
            wrong.append("out are %s, not %s" % (out, mine))
        for i, leads in enumerate(plan):
            if len(set(leads)) < len(leads) or any(self.units[i][j] is None for j in leads):
                wrong.append("a pair twice or not allowed")
        for j, room in enumerate(self.capacity):
            if sum(j in leads for leads in plan) > room:
                wrong.append("an overfull lead")
        return plan, wrong

    def worth(self, plan):
        return (sum(p - len(x) for p, x in zip(self.places, plan)),
                sum(self.units[i][j] for i, x in enumerate(plan) for j in x))

    @functools.lru_cache(maxsize=None)
    def best(self):
        return brute.best(self.units, self.places, self.capacity, self.price)

    def order(self):
        """The neediest first."""
        s = self.nation.schools
        return sorted(range(len(self.partners)), key=lambda k: (s[self.partners[k]]["effect"], k))


def is_best(p, plan, summary):
    """What is wrong with a plan as that of its mode."""
    empty, cost = p.worth(plan)
    found = []
    total = summary["total_units"] * Fraction(summary["quantum"])
    if (summary["unpaired"], total) != (empty, cost):
        found.append("summary has %s empty and a cost of %s, the pairs %d and %s" % (summary["unpaired"], total, empty, cost))
    if p.mode == "optimal":
        least = p.best()
        mine = (empty, cost) if p.price is None else (0, cost + p.price * empty)
        if mine != least:
            found.append("%s, the best is %s" % (mine, least))
    elif p.mode == "stable":
        if [set(x) for x in plan] != brute.stable(p.units, p.places, p.capacity, p.price):
            found.append("not the plan that schools come to by themselves")
        if brute.blocking(p.units, p.places, p.capacity, p.price, plan):
            found.append("two would rather have each other")
    elif [set(x) for x in plan] != brute.greedy(p.units, p.places, p.capacity, p.price, p.order()):
        found.append("not what they choose one after the other")
    return found


def is_proven(p, answer):
    """What is wrong with the prices, as a proof of the best plan's worth."""
    summary = answer["summary"]
    ids = [p.nation.schools[k]["id"] for k in p.partners], [p.nation.schools[k]["id"] for k in p.leads]
    quantum = Fraction(summary["quantum"])
    out = summary["unpaired_price"] * quantum
    u, v, w, found, value = {}, {}, {}, [], 0
    for c in answer["prices"] or []:
        price = c["price"] * quantum
        value += c["places"] * price
        if c["kind"] == "partner":
            u[c["partner"]] = price
            if price > out or c["places"] != p.places[ids[0].index(c["partner"])]:
                found.append("price of " + c["partner"])
        elif c["kind"] == "lead":
            v[c["lead"]] = price
            if c["price"] > 0 or c["places"] != p.capacity[ids[1].index(c["lead"])]:
                found.append("price of " + c["lead"])
        else:
            w[c["partner"], c["lead"]] = price
            if c["price"] > 0:
                found.append("price of a pair")
    for i, a in enumerate(ids[0]):
        for j, b in enumerate(ids[1]):
            c = p.units[i][j]
            if c is not None and u[a] + v[b] + w.get((a, b), 0) > c:
                found.append("%s and %s cost less than their prices" % (a, b))
    empty, cost = p.best()
    best = cost + out * empty
    if value != best:
        found.append("prices worth %s, the best plan %s" % (value, best))
    if p.price is not None and out != min(p.price, out):
        found.append("price of an empty place")
    if summary["certified"] != (summary["gap"] == 0) or (
            p.mode == "optimal" and not summary["certified"]):
        found.append("certified %s, gap %s" % (summary["certified"], summary["gap"]))
    return found


MANY = {"takes no part (role none)": "have the role none", "role not known": "have no known role", "context: every value is NULL": "have a context of NULLs only",
        "capacity is 0": "are leads with capacity 0"}
ONE = {"have": "has", "are leads": "is a lead"}


def distance_wrong(p, plan, summary):
    """What is wrong with the gap, and with the notice of it, of a plan that need not be the cheapest."""
    (empty, cost), (least_empty, least) = p.worth(plan), p.best()
    fewest = most = least_empty
    if p.price is not None:
        # of all cheapest plans: a price a little higher, or lower
        little = Fraction(1, 2 ** 80)
        fewest, most = [round((brute.best(p.units, p.places, p.capacity, p.price + by)[1] - least) / by) for by in (little, -little)]
        cost += p.price * empty
    gap = None if p.price is None and empty > most else cost - least
    found = [x for x in summary["notices"] if x.startswith("mode ")]
    if (gap is None) != (summary["gap"] is None) or gap is not None and abs(summary["gap"] - gap) > 1e-13 * (1 + abs(cost)):
        return ["gap %s, not %s" % (summary["gap"], gap)]
    if summary["certified"]:
        return found
    more = re.fullmatch(r"mode %s: (\d+) more (place is|places are) empty than in the cheapest plan" % p.mode, "".join(found))
    if more and 0 < int(more[1]) in range(empty - most, empty - fewest + 1) and (more[1] == "1") == (more[2] == "place is"):
        return []
    dearer = re.fullmatch(r"mode %s: the plan costs (\S+) more than the cheapest" % p.mode, "".join(found))
    if dearer and empty <= most and float(dearer[1]) == summary["gap"]:
        return []
    return ["notice %s of %s places more than %d to %d and gap %s" % (found, empty, fewest, most, gap)]


def notices_wrong(p, plan, rows, answer):
    """What is wrong with what the notices count."""
    notices, n, want = answer["summary"]["notices"], p.nation, []
    out = [x["reason"] for x in answer["pairs"] or [] if x["place"] is None]
    count = {}
    for why in (w for reason in out for w in reason.split("; ")):
        why = "have a NULL band of deprivation" if why.startswith("deprivation[") else MANY.get(why, "have " + why)
        count[why] = count.get(why, 0) + 1
    theirs = next((x for x in notices if "take" in x and "part" in x and not x.startswith("of ")), None)
    if out:
        head = "no school takes part" if len(out) == len(n.schools) else "%d of %d schools take%s no part" % (
            len(out), len(n.schools), "s" if len(out) == 1 else "")
        said = {}
        for part in (theirs or "").partition(": ")[2].split(", "):
            m = re.fullmatch(r"(\d+) (.*)", part)
            if m:
                said[m[2]] = int(m[1])
            else:
                # a comma of the text itself
                last = list(said)[-1] if said else ""
                said[last + ", " + part] = said.pop(last, 0)
        singular = {w if c > 1 else re.sub("^(have|are leads)", lambda m: ONE[m[1]], w): c for w, c in count.items()}
        if theirs is None or theirs.partition(":")[0] != head or said != singular or list(said.values()) != sorted(said.values(), reverse=True):
            want.append("notice %r, not %s of %s" % (theirs, head, singular))
    elif theirs is not None:
        want.append("notice %r of nobody" % theirs)
    low = sum(x["similarity"] is not None and x["similarity"] < 0.3 for x in rows)
    partial = sum("similarity without " in " ".join(x["flags"]) for x in rows)
    empty = [x for x in answer["pairs"] or [] if x["place"] is not None and x["lead"] is None]
    want += distance_wrong(p, plan, answer["summary"])
    notices = [x for x in notices if not x.startswith("mode ")]
    for number, word in [(low, "with a similarity below 0.3"), (partial, "compared without circumstances"), (len(empty), "empty")]:
        said = [x for x in notices if word in x and not x.startswith("mode ")]
        if [int(x.split()[0]) for x in said] != ([number] if number else []):
            want.append("notice %s, not of %d" % (said, number))
    for x in notices:
        if "empty: " in x and sum(int(m) for m in re.findall(r"\((\d+)\)", x.partition("empty: ")[2])) != len(empty):
            want.append("empty places %r" % x)
    return want


def says_true(p, plan, answer):
    """What is wrong with what a plan says of itself."""
    n, summary, found = p.nation, answer["summary"], []
    rows = [x for x in answer["pairs"] or [] if x["partner"] is not None and x["lead"] is not None]
    ids = [n.schools[k]["id"] for k in p.partners], [n.schools[k]["id"] for k in p.leads]
    for x in answer["pairs"] or []:
        if x["partner"] not in ids[0]:
            continue
        i = ids[0].index(x["partner"])
        others = [(c, j) for j, c in enumerate(p.units[i]) if c is not None and j not in plan[i]]
        runner_up = ids[1][min(others)[1]] if others else None
        if x["runner_up"] != runner_up:
            found.append("runner-up of %s: %s, not %s" % (x["partner"], x["runner_up"], runner_up))
        if x["lead"] is None:
            if x["margin"] is not None or x["cost"] is not None or x["score"] is not None:
                found.append("figures of an empty place")
            continue
        mine = p.pair[p.partners[i], n.at[x["lead"]]]
        margin = None
        if runner_up is not None and mine["cost"] is not None:
            margin = p.pair[p.partners[i], n.at[runner_up]]["cost"] - mine["cost"]
        for what, a, b in [("margin", x["margin"], margin), ("cost", x["cost"], mine["cost"]), ("score", x["score"], mine["score"]),
                           ("p_better", x["p_better"], mine["p"]), ("km", x["km"], mine["km"]),
                           ("similarity", x["similarity"], mine["part"]["similarity"]), ("travel", x["travel"], mine["part"]["travel"]),
                           ("usable_gap", x["usable_gap"], mine["part"]["gap"]),
                           ("complementarity", x["complementarity"], mine["part"]["complementarity"])]:
            if not near(a, b, 1e-11):
                found.append("%s of %s: %s, not %s" % (what, x["partner"], a, b))
        if x["partner_can_teach"] != mine["teach"] or x["flags"] != mine["flags"] + list(mine["broken"].values()):
            found.append("flags or subjects of %s: %s %s" % (x["partner"], x["flags"], x["partner_can_teach"]))
        if sorted(x["losses"]) != sorted(mine["loss"]) or any(not near(x["losses"][k], v, 1e-11) for k, v in mine["loss"].items()):
            found.append("losses of %s" % x["partner"])

    known = [x for x in rows if x["cost"] is not None]
    counts = {"partners": len(p.partners), "leads": len(p.leads), "paired": len(rows), "ineligible": len(
        [k for k in range(len(n.schools)) if n.schools[k]["id"] not in ids[0] and n.schools[k]["id"] not in ids[1]
         and p.out(k) is not None]),
              "places": sum(p.places) + len(p.kept), "capacity": sum(p.capacity) + len(p.kept), "mode": p.mode}
    found += ["%s: %s, not %s" % (k, summary[k], v) for k, v in counts.items() if summary[k] != v]
    if not near(summary["total_cost"], sum(x["cost"] for x in known), 1e-11):
        found.append("total_cost %s" % summary["total_cost"])
    found += notices_wrong(p, plan, rows, answer)
    scores = sorted(x["score"] for x in known)
    if scores and not near(summary["mean_score"], sum(scores) / len(scores), 1e-11):
        found.append("mean_score %s" % summary["mean_score"])
    if [w["score"] for w in summary["worst"]] != scores[:5]:
        found.append("worst %s, not %s" % (summary["worst"], scores[:5]))
    for w in summary["worst"]:
        x = next((x for x in known if (x["partner"], x["lead"]) == (w["partner"], w["lead"])), None)
        losses = x and {k: v for k, v in x["losses"].items() if k != "same_authority"}
        if not x or x["score"] != w["score"] or losses[w["weakest"]] != max(losses.values()):
            found.append("worst pair %s" % w)

    wishes = brute.blocking(p.units, p.places, p.capacity, p.price, plan, p.kept)
    if summary["blocking_pairs"] != len(wishes) or len(summary["blocking"]) != min(20, len(wishes)):
        found.append("%s blocking pairs, not %d" % (summary["blocking_pairs"], len(wishes)))
    joint = []
    for b in summary["blocking"]:
        gain = wishes.get((ids[0].index(b["partner"]), ids[1].index(b["lead"])))
        if gain is None or any(not near(x, None if y is None else float(y), 1e-12)
                               for x, y in zip((b["partner_gain"], b["lead_gain"]), gain)):
            found.append("blocking pair %s, not %s" % (b, gain))
            continue
        i, j = ids[0].index(b["partner"]), ids[1].index(b["lead"])
        empty = summary["unpaired_price"] * Fraction(summary["quantum"]) - p.units[i][j]
        joint.append((empty if gain[0] is None else gain[0]) + (gain[1] or 0))
    # gains are rounded to doubles before they are added
    if any(b - a > 1e-12 * max(1, b) for a, b in zip(joint, joint[1:])):
        found.append("blocking pairs by gain %s" % joint)
    return found


def run():
    problems = []
    for seed in SEEDS:
        rng = random.Random(seed)
        options = wild.options(seed, plan=True)
        options["mode"] = ["optimal", "stable", "greedy"][max(0, seed % 4 - 1)]
        schools = wild.nation(seed, size=rng.randint(2, 9 if options.get("supports_per_partner", 1) == 1 else 7), tidy=True)
        locked = []
        if seed % 5 == 0:
            p = Problem(schools, options)
            pairs = [(i, j) for i in p.partners for j in p.leads if i != j]
            for i, j in rng.sample(pairs, min(2, len(pairs))):
                taken = [b for _, b in locked].count(p.nation.schools[j]["id"])
                own = [a for a, _ in locked].count(p.nation.schools[i]["id"])
                if taken < p.nation.schools[j]["capacity"] and own < p.supports:
                    locked.append((p.nation.schools[i]["id"], p.nation.schools[j]["id"]))
        problems.append((seed, Problem(schools, options, locked)))
    answers = query([p.statement() for _, p in problems])
    shuffled = []
    for seed, p in problems[::3]:
        again = Problem(p.schools, p.options, [(p.nation.schools[i]["id"], p.nation.schools[j]["id"]) for i, j in p.locked])
        random.Random(seed).shuffle(again.schools)
        shuffled.append(again.statement())
    wrong = {k: [] for k in ("form", "optimal", "stable", "greedy", "proof", "report", "order")}
    count = dict.fromkeys(wrong, 0)
    several = empty = filled = 0
    for (seed, p), answer in zip(problems, answers):
        plan, bad = p.read(answer)
        found = {"form": bad, p.mode: is_best(p, plan, answer["summary"]), "proof": is_proven(p, answer),
                 "report": says_true(p, plan, answer)}
        for what, some in found.items():
            wrong[what] += ["seed %d: %s %s" % (seed, s, json.dumps(p.options)) for s in some]
            count[what] += 1
        several += p.supports > 1
        empty += p.worth(plan)[0] > 0
        filled += sum(map(len, plan)) > 2
    wrong["order"] = ["seed %d" % seed for (seed, _), a, b in zip(problems[::3], answers[::3], query(shuffled)) if a["md5"] != b["md5"]]
    for what, called in [("form", "have places, roles, locked pairs and reasons of who is out"),
                         ("optimal", "are the best of all plans"), ("stable", "are what schools come to by themselves"),
                         ("greedy", "are what the neediest choose"), ("proof", "have prices that prove the best plan"),
                         ("report", "say what is true of pairs, runners-up, blocking pairs, worst pairs, counts")]:
        check(wrong[what], "%d plans %s" % (count[what], called))
    check(wrong["order"], "schools in another order, the same plan to the byte")
    check([] if min(several, empty, filled) > len(problems) / 10 else [(several, empty, filled)],
          "there are plans of several places, with empty ones, with pairs")
