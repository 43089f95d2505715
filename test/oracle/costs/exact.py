"""Plans on costs as given, against whole numbers of 2^-1074: every double is one."""

import json
import math
import os
import random
import subprocess
import sys

FULL = bool(os.environ.get("SIPP_FULL"))
PROBLEMS = 100000 if FULL else 10000
BATCH = 2500
BITS = 1074
HUGE = sys.float_info.max
TINY = 5e-324
SENTINELS = [1e3, 1e6, 1e9, 1e12, 1e15, 1e16, 1e30, 1e100, 1e155, 1e200, 1e300, HUGE]
MODES = ["optimal", "stable", "greedy"]


def exact(x):
    """A double in units of 2^-1074."""
    n, d = x.as_integer_ratio()
    return n * ((1 << BITS) // d)


def nearest(units):
    """The double nearest to a number of units; None: there is none."""
    try:
        return units / (1 << BITS)
    except OverflowError:
        return None


class Problem:
    """Rows of partner, lead, cost, locked; places and capacity by id."""

    def __init__(self, seed):
        rng = random.Random(seed)
        self.seed = seed
        self.partners = ["p%d" % i for i in range(rng.randint(1, 4))]
        self.leads = ["l%d" % j for j in range(rng.randint(1, 4))]
        self.places = {i: rng.choice([1, 1, 1, 2, 3]) if seed % 2 else 1 for i in self.partners}
        self.capacity = {j: rng.choice([0, 1, 1, 1, 2, 3]) if seed % 3 else 1 for j in self.leads}
        self.mode = MODES[rng.choice([0] * 8 + [1, 2])]
        kind = rng.choice(["unit", "decimals", "ties", "sign", "sizes", "denormal", "levels", "huge", "tenths", "whole"])
        sentinels = rng.sample(SENTINELS, rng.randint(0, 2))
        share = rng.choice([0.1, 0.3, 0.7])
        sign = rng.choice([1, 1, 1, -1, 0])
        density = rng.choice([0.5, 0.8, 1.0])

        def cost():
            if sentinels and rng.random() < share:
                return rng.choice(sentinels) * (sign or rng.choice([-1, 1]))
            return self.draw(rng, kind)

        self.cost = {(i, j): cost() for i in self.partners for j in self.leads if rng.random() < density}
        self.unpaired = rng.choice([None, None, None, cost(), self.draw(rng, kind), 0.0, TINY, HUGE, -HUGE,
                                    rng.choice(SENTINELS), -rng.choice(SENTINELS)])
        self.locked = set()
        if rng.random() < 0.2:
            for i, j in rng.sample(sorted(self.cost), min(2, len(self.cost))):
                if (sum(a == i for a, _ in self.locked) < self.places[i] and
                        sum(b == j for _, b in self.locked) < self.capacity[j]):
                    self.locked.add((i, j))
        self.room = {j: self.capacity[j] - sum(b == j for _, b in self.locked) for j in self.leads}
        self.free = {i: self.places[i] - sum(a == i for a, _ in self.locked) for i in self.partners}
        self.units = {k: exact(c) for k, c in self.cost.items() if k not in self.locked}

    @staticmethod
    def draw(rng, kind):
        return {"unit": lambda: rng.random(), "decimals": lambda: round(rng.random(), 4), "ties": lambda: rng.choice([0.0, 1.0, 2.0]),
                "sign": lambda: rng.gauss(0, 1), "sizes": lambda: rng.choice([-1, 1]) * 10 ** rng.uniform(-307, 307),
                "denormal": lambda: TINY * rng.randint(-5, 50),
                "levels": lambda: rng.choice([-1, 0, 1]) * 1e300 + rng.choice([-1, 0, 1]) * 1e284 if rng.random() < 0.5 else
                    rng.choice([1e150, -1e150, 1.0, 1 + 2 ** -52, 1e-9, 1e-300, 0.0]),
                "huge": lambda: rng.choice([HUGE, HUGE, -HUGE, math.nextafter(HUGE, 0), HUGE / 2, 1.0, TINY]),
                "tenths": lambda: rng.choice([0.1, 0.2, 0.3, 0.1 + 0.2, 0.4, 0.5]), "whole": lambda: float(rng.randint(-2 ** 45, 2 ** 45))}[kind]()

    def lines(self):
        """For COPY; partners and leads without a pair are named too."""
        def line(i, j, c, locked):
            return "\t".join([str(self.seed), i or r"\N", j or r"\N", r"\N" if c is None else repr(c), str(self.capacity[j]) if j else r"\N",
                              r"\N" if self.unpaired is None else repr(self.unpaired), str(self.places[i]) if i else r"\N",
                              "t" if locked else "f", self.mode])
        rows = [line(i, j, c, (i, j) in self.locked) for (i, j), c in self.cost.items()]
        return rows + [line(i, None, None, False) for i in self.partners] + [line(None, j, None, False) for j in self.leads]

    def best(self, more_room=None, unpaired=None):
        """(empty places, units) of the best plan, or (0, units with empty places at their price)."""
        price = self.unpaired if unpaired is None else unpaired
        price = None if price is None else exact(price)
        states = {tuple(self.room[j] + (j == more_room) for j in self.leads): (0, 0)}
        for i in self.partners:
            after = {}
            for room, (empty, value) in states.items():
                for chosen in range(1 << len(self.leads)):
                    taken = [k for k in range(len(self.leads)) if chosen >> k & 1]
                    if len(taken) > self.free[i] or any(room[k] == 0 or (i, self.leads[k]) not in self.units for k in taken):
                        continue
                    left = self.free[i] - len(taken)
                    cost = value + sum(self.units[i, self.leads[k]] for k in taken)
                    new = (empty + left, cost) if price is None else (0, cost + price * left)
                    rest = tuple(r - (k in taken) for k, r in enumerate(room))
                    if rest not in after or new < after[rest]:
                        after[rest] = new
            states = after
        return min(states.values())

    def value(self, pairs):
        empty = sum(self.free.values()) - len(pairs)
        total = sum(self.units[k] for k in pairs)
        return (empty, total) if self.unpaired is None else (0, total + exact(self.unpaired) * empty)

    def by_hand(self):
        """The plan of the modes stable and greedy, by definition."""
        room, free, pairs = dict(self.room), dict(self.free), set()
        order = sorted((c, i, j) for (i, j), c in self.units.items())
        if self.mode == "greedy":
            order.sort(key=lambda x: x[1])
        for c, i, j in order:
            if room[j] > 0 and free[i] > 0 and (self.unpaired is None or c < exact(self.unpaired)):
                pairs.add((i, j))
                room[j] -= 1
                free[i] -= 1
        return pairs

    def blocking(self, pairs):
        found = 0
        for (i, j), c in self.units.items():
            mine = [self.units[k] for k in pairs if k[0] == i]
            theirs = [self.units[k] for k in pairs if k[1] == j]
            if (i, j) in pairs or self.free[i] == 0 or self.room[j] == 0:
                continue
            wants = c < max(mine) if len(mine) == self.free[i] else self.unpaired is None or c < exact(self.unpaired)
            found += wants and (len(theirs) < self.room[j] or c < max(theirs))
        return found


def relaxation_holds(p, text, pairs):
    """Does the change that is offered fill a place?"""
    words = text.split()
    lead = words[4] if text.startswith("one more place at ") else None
    price = float(words[-1]) if "unpaired_cost" in text else None
    if price is not None:
        price = math.nextafter(price, math.inf)
    before = sum(p.free.values()) - len(pairs)
    empty, value = p.best(lead, price)
    if p.unpaired is None:
        return empty < before
    # with a price: is filling one more worth it, or does it cost nothing?
    at = exact(p.unpaired if price is None else price)
    return value < sum(p.units[k] for k in pairs) + at * before


def wrong_with(p, answer):
    found, s = [], answer["summary"]
    rows = [(x["partner"], x["lead"], x["locked"]) for x in answer["pairs"]]
    pairs = {(i, j) for i, j, locked in rows if j is not None and not locked}
    kept = {(i, j) for i, j, locked in rows if locked}
    filled = [(i, j) for i, j, _ in rows if j is not None]
    if (kept != p.locked or len(set(filled)) != len(filled) or any(k not in p.units for k in pairs) or
            any(sum(i == a for a, _, _ in rows) != p.places[i] for i in p.partners) or
            any(sum(j == b for _, b in filled) > p.capacity[j] for j in p.leads)):
        return ["no plan: %s" % rows]
    best, value = p.best(), p.value(pairs)
    quantum = exact(s["quantum"])
    total = sum(p.units[k] for k in pairs)
    lock_cost = sum(exact(p.cost[k]) for k in p.locked)
    if p.mode == "optimal" and value != best:
        found.append("not the cheapest")
    if p.mode != "optimal" and pairs != p.by_hand():
        found.append("not as by hand")
    if s["total_units"] * quantum != total or s["total_cost"] != nearest(total + lock_cost):
        found.append("total %s" % s["total_cost"])
    if (s["paired"], s["unpaired"]) != (len(filled), sum(p.places.values()) - len(filled)):
        found.append("counts")

    # the verdict
    gap = value[1] - best[1] if value[0] == best[0] else None
    certified = gap == 0
    if s["certified"] != certified or s["gap"] != (None if gap is None else nearest(gap)):
        found.append("certified %s, gap %s, not %s, %s" % (s["certified"], s["gap"], certified, gap))
    if p.mode == "optimal" and s["bound"] != s["total_cost"]:
        found.append("bound")
    if not certified and not s["notices"] or s["total_cost"] is None and not s["notices"]:
        found.append("no notice")

    # the proof, in units of the quantum
    price = {"partner": {}, "lead": {}, "pair": {}}
    worth = 0
    for c in answer["prices"]:
        at = (c["partner"], c["lead"]) if c["kind"] == "pair" else c[c["kind"]]
        price[c["kind"]][at] = c["price"]
        worth += c["places"] * c["price"]
        if c["price"] > (s["unpaired_price"] if c["kind"] == "partner" else 0):
            found.append("a price too high")
        if c["places"] != (p.free[at] if c["kind"] == "partner" else p.room[at] if c["kind"] == "lead" else at not in p.locked):
            found.append("a price counts wrongly")
    for (i, j), c in p.cost.items():
        if (price["partner"][i] + price["lead"][j] + price["pair"].get((i, j), 0)) * quantum > exact(c):
            found.append("a pair is cheaper than its prices")
        if int(answer["units"]["%s %s" % (i, j)]) != exact(c) // quantum:
            found.append("cost_units")
    empty = sum(p.free.values()) - len(pairs)
    plan_worth = s["total_units"] + s["unpaired_price"] * empty
    if p.mode == "optimal" and worth != plan_worth or worth > plan_worth:
        found.append("prices are worth something else")

    # runners-up, reasons
    for x in answer["pairs"]:
        i, j = x["partner"], x["lead"]
        others = [(c, b) for (a, b), c in p.units.items() if a == i and (a, b) not in pairs]
        other = min(others) if others else (None, None)
        margin = None
        if others and j is not None:
            margin = p.cost[i, other[1]] - p.cost[i, j]
            margin = None if math.isinf(margin) else margin
        if x["runner_up"] != other[1] or x["margin"] != margin:
            found.append("runner-up %s by %s, not %s by %s" % (x["runner_up"], x["margin"], other[1], margin))
        if (j is None) != (x["reason"] is not None):
            found.append("a reason is missing")
        if x["relaxation"] and p.mode == "optimal" and not relaxation_holds(p, x["relaxation"], pairs):
            found.append("does not help: %s" % x["relaxation"])
    if s["blocking_pairs"] != p.blocking(pairs):
        found.append("%s blocking pairs" % s["blocking_pairs"])
    return found


QUERY = """
CREATE TEMP TABLE given (k int, partner text, lead text, cost float8, capacity int, unpaired float8, places int, locked boolean, mode text);
COPY given FROM STDIN;
%s
\\.
SELECT jsonb_build_object('k', k, 'summary', to_jsonb(s), 'pairs', (SELECT jsonb_agg(x) FROM sipp.pairs(plan) x),
    'prices', (SELECT jsonb_agg(c) FROM sipp.certificate(plan) c), 'units', (SELECT jsonb_object_agg(partner || ' ' || lead, sipp.cost_units(cost, s.quantum)::text)
        FROM given g WHERE g.k = p.k AND cost IS NOT NULL))
FROM (SELECT k, sipp.assign(partner, lead, cost, capacity, unpaired, places, locked, mode) AS plan FROM given GROUP BY k OFFSET 0) p, LATERAL sipp.plan_summary(plan) s;
"""


def solve(problems):
    script = QUERY % "\n".join(line for p in problems for line in p.lines())
    done = subprocess.run([os.environ.get("PSQL", "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1"], input=script, capture_output=True, text=True)
    if done.returncode:
        sys.exit("psql: " + done.stderr)
    answers = (json.loads(line) for line in done.stdout.splitlines())
    return {a["k"]: as_floats(a) for a in answers}


def as_floats(answer):
    """Numbers of type float8 are written in full in JSON, those without a fraction as whole ones."""
    s = answer["summary"]
    for row, fields in [(s, ("total_cost", "bound", "gap", "quantum"))] + [(x, ("cost", "margin")) for x in answer["pairs"]]:
        row.update((k, float(row[k])) for k in fields if row[k] is not None)
    return answer


def main():
    passed = failed = 0
    said = {}
    for first in range(1, PROBLEMS + 1, BATCH):
        problems = [Problem(seed) for seed in range(first, first + BATCH)]
        answers = solve(problems)
        for p in problems:
            wrong = wrong_with(p, answers[p.seed])
            passed += not wrong
            failed += bool(wrong)
            for what in wrong:
                said[what.split()[0]] = said.get(what.split()[0], 0) + 1
                if said[what.split()[0]] <= 3:
                    print("FAILED problem %d (%s): %s" % (p.seed, p.mode, what))
    print("%d problems of costs as given, by every plan and every inequality in whole numbers of 2^-1074" % PROBLEMS)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


main()
