"""sipp.assign: the analyst's own costs against every plan there could be, and scipy on larger ones."""

import random

import numpy as np
from scipy.optimize import linear_sum_assignment

import brute
import wild
from common import FULL, check, key, literal, near, query

SMALL = 20000 if FULL else 2500
BATCH = 500


def instance(seed):
    """(rows, unpaired cost): rows of partner, lead, cost, capacity; a cost of None is no pair."""
    rng = random.Random(seed)
    partners = rng.sample(wild.NAMES, rng.randint(1, 6))
    leads = rng.sample(wild.NAMES, rng.randint(1, 6))
    capacity = {j: rng.choice([0, 1, 1, 1, 2, 3]) for j in leads}
    kind = rng.choice(["small", "ties", "sign", "eighths", "huge"])
    density = rng.choice([0.3, 0.7, 1.0])

    def cost():
        if kind == "small":
            return float(rng.randint(0, 50))
        if kind == "ties":
            return float(rng.randint(0, 2))
        if kind == "sign":
            return float(rng.randint(-30, 30))
        if kind == "eighths":
            return rng.randint(-200, 200) / 8
        return float(rng.randint(-2 ** 40, 2 ** 40))

    rows = [(i, j, cost() if rng.random() < density else None, capacity[j]) for i in partners for j in leads]
    rows = [r for r in rows if r[2] is not None or rng.random() < 0.5]
    # a school that is only named
    rows += [(i, None, None, None) for i in partners if rng.random() < 0.1]
    price = rng.choice([None, None, float(rng.randint(-5, 40)), cost()])
    rng.shuffle(rows)
    return rows, price


def statement(instances):
    """Plans of many instances, by one query with GROUP BY."""
    values = ",".join("(%d,%s,%s,%s::float8,%s::int,%s::float8)" % (
        (k,) + tuple(literal(v) for v in r) + (literal(price),)) for k, (rows, price) in instances for r in rows)
    return """WITH p AS MATERIALIZED (SELECT k, CASE WHEN bool_and(price IS NULL) AND k %% 2 = 0 THEN sipp.assign(partner, lead, cost, capacity)
                ELSE sipp.assign(partner, lead, cost, capacity, price) END AS plan
            FROM (VALUES %s) v(k, partner, lead, cost, capacity, price) GROUP BY k)
        SELECT jsonb_object_agg(k, jsonb_build_object('summary', (SELECT to_jsonb(s) FROM sipp.plan_summary(plan) s),
            'pairs', (SELECT jsonb_agg(x) FROM sipp.pairs(plan) x), 'prices', (SELECT jsonb_agg(c) FROM sipp.certificate(plan) c))) FROM p""" % values


def wrong_with(rows, price, answer):
    """What is wrong with a plan of own costs."""
    found, summary = [], answer["summary"]
    partners = sorted({r[0] for r in rows}, key=key)
    leads = sorted({r[1] for r in rows if r[1] is not None}, key=key)
    cost = {(i, j): c for i, j, c, _ in rows if c is not None}
    capacity = [next(r[3] for r in rows if r[1] == j) for j in leads]
    units = [[cost.get((i, j)) for j in leads] for i in partners]
    lead_of, prices = {}, {}
    for x in answer["pairs"] or []:
        lead_of[x["partner"]] = x["lead"]
    if sorted(lead_of, key=key) != partners or len(answer["pairs"] or []) != len(partners):
        return ["partners %s, not %s" % (list(lead_of), partners)]
    if any(j is not None and (i, j) not in cost for i, j in lead_of.items()):
        return ["a pair that is none"]
    if any(sum(v == j for v in lead_of.values()) > c for j, c in zip(leads, capacity)):
        found.append("an overfull lead")
    total = sum(cost[i, j] for i, j in lead_of.items() if j is not None)
    empty = sum(j is None for j in lead_of.values())
    least = brute.best(units, [1] * len(partners), capacity, price)
    mine = (empty, total) if price is None else (0, total + price * empty)
    if mine != least:
        found.append("%s, the best is %s" % (mine, least))
    if summary["total_cost"] != total or summary["unpaired"] != empty or not summary["certified"]:
        found.append("the summary")

    plan = [[] if lead_of[i] is None else [leads.index(lead_of[i])] for i in partners]
    wishes = brute.blocking(units, [1] * len(partners), capacity, price, plan)
    if summary["blocking_pairs"] != len(wishes):
        found.append("%s blocking pairs, not %s" % (summary["blocking_pairs"], wishes))
    for x in answer["pairs"] or []:
        i = partners.index(x["partner"])
        others = [(c, j) for j, c in enumerate(units[i]) if c is not None and j not in plan[i]]
        runner_up = leads[min(others)[1]] if others else None
        margin = min(others)[0] - cost[x["partner"], x["lead"]] if others and x["lead"] is not None else None
        if x["runner_up"] != runner_up or x["margin"] != margin:
            found.append("runner-up of %s: %s by %s, not %s by %s" % (x["partner"], x["runner_up"], x["margin"], runner_up, margin))
        open_to = any(c is not None for c in units[i])
        if x["lead"] is None and (x["reason"] == "no allowed pair") == open_to:
            found.append("reason of %s: %s" % (x["partner"], x["reason"]))
    dearest = sorted((cost[i, j] for i, j in lead_of.items() if j is not None), reverse=True)[:5]
    if [w["cost"] for w in summary["worst"]] != dearest:
        found.append("worst %s, not %s" % (summary["worst"], dearest))

    quantum, value = summary["quantum"], 0
    for c in answer["prices"] or []:
        prices[c["kind"], c["partner"] or c["lead"]] = c["price"]
        value += c["places"] * c["price"]
        if c["price"] > (summary["unpaired_price"] if c["kind"] == "partner" else 0):
            found.append("a price too high")
    if any(prices["partner", i] + prices["lead", j] > c / quantum for (i, j), c in cost.items()):
        found.append("a pair costs less than its prices")
    if value != summary["total_units"] + summary["unpaired_price"] * empty:
        found.append("prices are worth something else")
    return found


def matched(seed):
    """A larger problem and its least cost by scipy: leads as often as they have room."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(60, 160)), int(rng.integers(60, 120))
    c = rng.integers(-1000, 100000, (n, m)) if seed % 2 else rng.integers(0, 20, (n, m))
    room = rng.integers(0, 4, m)
    allowed = rng.random((n, m)) < (0.05 if seed % 3 == 0 else 0.8)
    big = 10 ** 9
    wide = np.repeat(np.where(allowed, c, big), room, axis=1)
    # one place of its own for each that stays unpaired, dearer than all pairs together
    wide = np.hstack([wide, np.where(np.eye(n, dtype=bool), 10 ** 8, big)])
    row, column = linear_sum_assignment(wide)
    costs = wide[row, column]
    values = ",".join("('p%d','l%d',%d,%d)" % (i, j, c[i, j], room[j]) for i, j in zip(*np.nonzero(allowed)))
    values += "".join(",('p%d',NULL,NULL,NULL)" % i for i in range(n))
    sql = """SELECT to_jsonb(s) FROM (SELECT sipp.assign(partner, lead, cost, capacity) AS plan
        FROM (VALUES %s) v(partner, lead, cost, capacity)) p, LATERAL sipp.plan_summary(plan) s""" % values
    return sql, int((costs == 10 ** 8).sum()), int(costs[costs < 10 ** 8].sum())


def run():
    cases = [(k, instance(k)) for k in range(1, SMALL + 1)]
    cases = [(k, x) for k, x in cases if x[0]]
    answers = {}
    for found in query([statement(cases[a:a + BATCH]) for a in range(0, len(cases), BATCH)]):
        answers.update(found)
    wrong = ["%d: %s" % (k, w) for k, (rows, price) in cases for w in wrong_with(rows, price, answers[str(k)])]
    check(wrong, "%d plans of own costs are the best of all, with their prices, runners-up, blocking pairs" % len(cases))
    large = [matched(seed) for seed in range(1, 61 if FULL else 13)]
    wrong = ["%s empty and %s, scipy %d and %d" % (s["unpaired"], s["total_cost"], empty, cost)
             for s, (_, empty, cost) in zip(query([sql for sql, _, _ in large]), large)
             if (s["unpaired"], s["total_cost"]) != (empty, cost) or not s["certified"]]
    check(wrong, "%d larger ones cost what scipy's do" % len(large))
    # numbers of any size; without rounding: ../costs
    rng = random.Random(5)
    fine = []
    for k in range(200):
        n = rng.randint(2, 5)
        fine.append((k, ([("p%d" % i, "l%d" % j, rng.uniform(-1, 1) * 10.0 ** rng.choice([-200, 0, 200]), 1)
                          for i in range(n) for j in range(n)], None)))
    wrong = []
    for (k, (rows, _)), (_, a) in zip(fine, sorted(query([statement(fine)])[0].items(), key=lambda x: int(x[0]))):
        n = round(len(rows) ** 0.5)
        units = [[rows[n * i + j][2] for j in range(n)] for i in range(n)]
        empty, cost = brute.best(units, [1] * n, [1] * n, None)
        most = max(abs(r[2]) for r in rows)
        s = a["summary"]
        if s["unpaired"] != empty or abs(s["total_cost"] - cost) > 1e-14 * n * most or not near(s["total_cost"] / most, sum(
                x["cost"] for x in a["pairs"]) / most, 1e-12):
            wrong.append("%s, the best %s" % (s["total_cost"], cost))
    check(wrong, "fractions of any size: as good as doubles can tell")
