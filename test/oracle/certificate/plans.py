"""Plans and their prices against a nation of nation.py: over every allowed pair."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from common import arguments, near

# Costs are compared within 1e-11 in scores.py: those nearer than this may be equal.
UNSURE = 1e-10
DIGITS = 10


class Problem:
    """Who could be paired with whom, at what cost, under some options."""

    def __init__(self, n, options, locked=()):
        self.n, self.options = n, options
        self.mode = options.get("mode", "optimal")
        self.supports = options.get("supports_per_partner", 1)
        self.price = options.get("unpaired_cost")
        self.at = {i: k for k, i in enumerate(n.id)}
        self.locked = {(self.at[a], self.at[b]) for a, b in locked}
        self.places = np.full(n.n, self.supports)
        self.capacity = np.array([s["capacity"] for s in n.schools])
        self.allowed = n.allowed(**options) & (self.capacity > 0)[None, :]
        self.cost = n.cost(**options)
        for i, j in self.locked:
            self.places[i] -= 1
            self.capacity[j] -= 1
            self.allowed[i, j] = False
        self.units = np.where(self.allowed, np.round(np.where(self.allowed, self.cost, 0), DIGITS), np.inf)
        # ties go by the bytes of ids
        self.rank = np.argsort(np.argsort(np.array([i.encode() for i in n.id])))

    def read(self, pairs):
        """The leads of each partner without locked ones, and what is wrong with them."""
        plan, kept, wrong = {}, set(), []
        for x in pairs:
            if x["partner"] is None or x["lead"] is None:
                continue
            i, j = self.at[x["partner"]], self.at[x["lead"]]
            if x["locked"]:
                kept.add((i, j))
                continue
            if j in plan.setdefault(i, []):
                wrong.append("twice: %s and %s" % (x["partner"], x["lead"]))
            plan[i].append(j)
            if not self.allowed[i, j]:
                wrong.append("not allowed: %s and %s" % (x["partner"], x["lead"]))
        if kept != self.locked:
            wrong.append("locked: %s" % kept)
        taken = np.bincount([j for x in plan.values() for j in x], minlength=self.n.n)
        wrong += ["overfull: %s" % self.n.id[j] for j in np.flatnonzero(taken > self.capacity)]
        wrong += ["overfull: %s" % self.n.id[i] for i, x in plan.items() if len(x) > self.places[i]]
        return plan, wrong

    def certify(self, summary, pairs, prices):
        """What is wrong with a plan or with its prices."""
        plan, wrong = self.read(pairs)
        u, v = np.full(self.n.n, np.nan), np.full(self.n.n, np.nan)
        w = np.zeros(self.allowed.shape)
        # prices are whole numbers of any size: summed as they are, compared with own costs in cost
        quantum = summary["quantum"]
        value = places = 0
        for c in prices:
            value += c["places"] * c["price"]
            if c["kind"] == "partner":
                i = self.at[c["partner"]]
                u[i] = c["price"] * quantum
                places += c["places"]
                if c["places"] != self.places[i]:
                    wrong.append("counts: %s" % c)
                if c["price"] > summary["unpaired_price"]:
                    wrong.append("sign: %s" % c)
                continue
            if c["price"] > 0:
                wrong.append("sign: %s" % c)
            j = self.at[c["lead"]]
            if c["kind"] == "pair":
                i = self.at[c["partner"]]
                w[i, j] = c["price"] * quantum
                times = 0 if (i, j) in self.locked else 1
            else:
                v[j] = c["price"] * quantum
                times = self.capacity[j]
            if c["places"] != times:
                wrong.append("counts: %s" % c)
        i, j = np.nonzero(self.allowed)
        sums = u[i] + v[j] + w[i, j]
        wrong += ["no price: %s and %s" % (self.n.id[i[k]], self.n.id[j[k]]) for k in np.flatnonzero(np.isnan(sums))]
        wrong += ["dear: prices of %s and %s are %s, the pair %s" % (self.n.id[i[k]], self.n.id[j[k]], sums[k], self.units[i[k], j[k]])
                  for k in np.flatnonzero(sums > self.units[i, j] + UNSURE)]

        made = [(i, j) for i, x in plan.items() for j in x]
        if all(self.allowed[p] for p in made):
            total = sum(self.units[p] for p in made)
            if abs(total - summary["total_units"] * quantum) > UNSURE * (len(made) + 1):
                wrong.append("total: %s, not %s" % (summary["total_units"] * quantum, total))
        empty = places - len(made)
        if empty != summary["unpaired"] or len(made) + len(self.locked) != summary["paired"]:
            wrong.append("empty: %s, not %s" % (summary["unpaired"], empty))
        worth = summary["total_units"] + summary["unpaired_price"] * empty
        if value > worth or (value != worth and self.mode == "optimal"):
            wrong.append("sum: prices are worth %s, the plan %s" % (value, worth))
        # no pair may be worth less than an empty place, or as its own price says
        if self.price is None and summary["unpaired_price"] * quantum <= places * np.max(self.units[self.allowed]):
            wrong.append("price of empty places: %s" % summary["unpaired_price"])
        if self.price is not None and summary["unpaired_price"] * quantum != self.price:
            wrong.append("price of empty places: %s" % summary["unpaired_price"])
        if summary["certified"] != (summary["gap"] is not None and abs(summary["gap"]) <= 1e-9 * summary["total_cost"]) or (
                self.mode == "optimal" and not summary["certified"]):
            wrong.append("certified %s, gap %s" % (summary["certified"], summary["gap"]))
        return wrong

    def limit(self, summary):
        """What a pair must cost less than, to be better than an empty place."""
        return np.inf if self.price is None else self.price

    def mode_wrong(self, summary, plan):
        """A plan by its mode, made here another way."""
        mine = {i: set(x) for i, x in plan.items()}
        i, j = np.nonzero(self.allowed & (self.units < self.limit(summary)))
        by_cost = sorted(zip(self.units[i, j], self.rank[i], self.rank[j], i, j))
        room, left, want = self.capacity.copy(), self.places.copy(), {}
        if self.mode == "greedy":
            effect = self.n.effect
            by_cost.sort(key=lambda x: (effect[x[3]], x[1], x[0], x[2]))
        # the cheapest pair of all suits both of its schools best, and so on
        for _, _, _, a, b in by_cost:
            if room[b] > 0 and left[a] > 0:
                want.setdefault(a, set()).add(b)
                room[b] -= 1
                left[a] -= 1
        return ["%s has %s, not %s" % (self.n.id[a], mine.get(a), want.get(a)) for a in set(mine) | set(want) if mine.get(a) != want.get(a)]

    def blocking(self, summary, plan):
        """Pairs that would each rather have the other."""
        lead, taken = np.full(self.n.n, -np.inf), np.zeros(self.n.n, int)
        partner = np.full(self.n.n, -np.inf)
        made = np.zeros(self.allowed.shape, bool)
        for i, x in plan.items():
            for j in x:
                made[i, j] = True
                taken[j] += 1
                lead[j] = max(lead[j], self.units[i, j])
                partner[i] = max(partner[i], self.units[i, j])
        lead[taken < self.capacity] = np.inf
        partner[made.sum(axis=1) < self.places] = self.limit(summary)
        return np.argwhere(self.allowed & ~made & (self.units < partner[:, None]) & (self.units < lead[None, :]))

    def cheapest(self, summary):
        """Cost of the best plan with its empty places, by scipy on a matrix with each lead as often as it has room; one place each."""
        rows = np.flatnonzero(self.allowed.any(axis=1) & (self.places > 0))
        columns = np.repeat(np.arange(self.n.n), np.maximum(self.capacity, 0))
        out = summary["unpaired_price"] * summary["quantum"]
        matrix = np.hstack([np.where(self.allowed, self.units, 4 * out)[np.ix_(rows, columns)], np.full((len(rows), len(rows)), out)])
        value = matrix[linear_sum_assignment(matrix)].sum()
        return value

    def report(self, pairs, plan):
        """What is wrong with what sipp.pairs says of each pair."""
        n, wrong = self.n, []
        for x in pairs:
            if x["partner"] is None or x["place"] is None:
                continue
            i = self.at[x["partner"]]
            # of the leads that it may have and has not, the cheapest
            rest = self.allowed[i].copy()
            rest[plan.get(i, [])] = False
            order = sorted((self.units[i, j], self.rank[j], j) for j in np.flatnonzero(rest))
            second = order[0][2] if order else None
            if x["runner_up"] != (None if second is None else n.id[second]):
                wrong.append("runner-up of %s: %s, not %s" % (x["partner"], x["runner_up"], second and n.id[second]))
            if x["lead"] is None:
                continue
            j = self.at[x["lead"]]
            numbers = [("cost", x["cost"], self.cost[i, j]), ("score", x["score"], np.exp(-n.parts_cost[i, j])),
                       ("p_better", x["p_better"], n.p_better[i, j]), ("km", x["km"], n.km[i, j]),
                       ("similarity", x["similarity"], n.parts["similarity"][i, j]), ("usable_gap", x["usable_gap"], n.parts["gap"][i, j]),
                       ("complementarity", x["complementarity"], n.parts["complementarity"][i, j]), ("travel", x["travel"], n.parts["travel"][i, j]),
                       ("margin", x["margin"], np.nan if second is None else self.cost[i, second] - self.cost[i, j])]
            extra = self.cost[i, j] - n.parts_cost[i, j]
            numbers.append(("loss of the authority", x["losses"].get("same_authority", 0), extra))
            numbers += [("loss of " + k, x["losses"].get(k), v[i, j]) for k, v in n.losses.items()]
            wrong += ["%s of %s and %s: %s, not %s" % (what, x["partner"], x["lead"], a, b) for what, a, b in numbers
                      if not near(a, None if np.isnan(b) else b, 1e-11)]
            if abs(sum(y for y in x["losses"].values() if y is not None) - x["cost"]) > 1e-12:
                wrong.append("losses of %s" % x["partner"])
        return wrong


def statement(options, schools="schools", tail=" FROM s"):
    """A plan with all that is read of it, as one document."""
    return """WITH p AS MATERIALIZED (SELECT sipp.pairing_plan(%s%s) AS plan%s)
        SELECT jsonb_build_object('summary', (SELECT to_jsonb(s) FROM sipp.plan_summary(plan) s),
            'pairs', (SELECT jsonb_agg(x) FROM sipp.pairs(plan) x),
            'prices', (SELECT jsonb_agg(c) FROM sipp.certificate(plan) c)) FROM p""" % (schools, arguments(options), tail)
