"""California's plans without the extension: yardsticks, parts, rules and costs of
all pairs in numpy, from the columns of table school; optima from scipy, which
knows neither capacity nor staying unpaired, so that both are spelled out for it.
"""
import csv
import io
import json
import math
import os
import subprocess
import sys

import numpy as np
from scipy import optimize, sparse, stats
from scipy.sparse import csgraph

VARIABLES = ["meals", "ell", "mobility", "avg_ed"]
CAP = 20.0
BIG = 1e5  # an empty place, where as many as possible are to be paired
NEAR = 1e-10  # costs are worked out here to some 14 digits: those that differ by less may be equal
DIGITS = 10


def query(sql):
    out = subprocess.run([os.environ.get("PSQL", "psql"), "-Xq", "--csv", "-v", "ON_ERROR_STOP=1", "-c",
                          "SET search_path = california", "-c", sql],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    return list(csv.DictReader(io.StringIO(out)))


def number(s):
    return math.nan if s == "" else float(s)


def check(what, ok, detail=""):
    print("%s %s%s" % ("ok    " if ok else "FAILED", what, ": " + str(detail) if detail != "" else ""), flush=True)


def control(what, caught, detail=""):
    check("negative control, " + what, caught, detail)


class Sector:
    """One sector's schools, with the yardsticks of all that have complete context."""

    def __init__(self, name, schools, spread=None):
        self.name = name
        self.x = np.array([[number(s[v]) for v in VARIABLES] for s in schools])
        self.complete = ~np.isnan(self.x).any(axis=1)
        self.placed = ~np.isnan(self.x).all(axis=1)
        self.effect = np.array([number(s["effect"]) for s in schools])
        self.se = np.array([number(s["se"]) for s in schools])
        known = ~np.isnan(self.effect) & ~np.isnan(self.se)
        self.g = math.sqrt(self.effect[known].var(ddof=1) + (self.se[known] ** 2).mean())
        full = self.x[self.complete]
        if spread is None:
            quarter = np.percentile(full, [25, 75], axis=0)
            spread = (quarter[1] - quarter[0]) / 1.349
        self.z = self.x / spread * math.sqrt(1 / len(VARIABLES))
        self.tenth = np.median([np.partition(self.distances(self.z[i], self.z[self.complete]), 10)[10]
                                for i in np.flatnonzero(self.complete)])  # the nearest is the school itself
        able = self.placed & known
        role = np.array([s["role"] for s in schools])
        self.p = np.flatnonzero(able & np.isin(role, ["partner", "coasting", "either"]))
        self.l = np.flatnonzero(able & np.isin(role, ["lead", "either"]))
        self.id = np.array([s["cds"] for s in schools])
        self.county = np.array([s["cnum"] for s in schools])
        self.district = np.array([s["dnum"] for s in schools])
        self.sname = np.array([s["sname"] for s in schools])
        self.capacity = np.array([int(s["capacity"]) for s in schools])
        p, l = self.p[:, None], self.l[None, :]
        # over what both have, whose weight is stretched to that of all
        total = np.zeros((len(self.p), len(self.l)))
        common = np.zeros((len(self.p), len(self.l)))
        for v in range(len(VARIABLES)):
            t = (self.z[p, v] - self.z[l, v]) ** 2
            common += ~np.isnan(t)
            total += np.nan_to_num(t)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.d = np.sqrt(total * len(VARIABLES) / common)
        self.similarity = 2.0 ** -((self.d / self.tenth) ** 2)
        m = self.effect[l] - self.effect[p]
        s = np.hypot(self.se[l], self.se[p])
        self.better = stats.norm.cdf(m / s)

        def psi(t):
            return t * stats.norm.cdf(t) + np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
        self.gap = s / self.g * (psi(m / s) - psi((m - self.g) / s))
        self.same_county = self.county[p] == self.county[l]
        self.forbidden = (p == l) | (self.district[p] == self.district[l]) | (self.sname[p] == self.sname[l])
        self.p_at = {self.id[i]: k for k, i in enumerate(self.p)}
        self.l_at = {self.id[j]: k for k, j in enumerate(self.l)}

    @staticmethod
    def distances(a, b):
        t = (a - b) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt(np.nansum(t, axis=-1) * len(VARIABLES) / (~np.isnan(t)).sum(axis=-1))

    def price(self, plan):
        """cost and eligibility of all pairs; travel and complementarity are nobody's, and the others share their weight"""
        given = json.loads(plan["weights"] or "{}")
        ws, wb = given.get("similarity", .4), given.get("gap", .3)
        ws, wb = ws / (ws + wb), wb / (ws + wb)
        with np.errstate(divide="ignore", invalid="ignore"):
            lose_gap = np.where(self.gap > 0, -np.log(self.gap), np.inf)
        cost = (ws * np.minimum(math.log(2) * (self.d / self.tenth) ** 2, CAP) + wb * np.minimum(lose_gap, CAP))
        if plan["authority"] == "prefer":
            cost = cost + self.same_county * float(plan["same_authority_cost"])
        allowed = ~self.forbidden & (self.better >= float(plan["min_p_better"])) & (
            self.similarity >= float(plan["min_similarity"]))
        if plan["authority"] == "different":
            allowed &= ~self.same_county
        return cost, allowed


def most_paired(sector, allowed, supports):
    """the largest number of places that can be filled"""
    capacity = sector.capacity[sector.l]
    if supports == 1:
        graph = sparse.csr_matrix(np.repeat(allowed, capacity, axis=1).astype(np.int8))
        return int((csgraph.maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())
    n, m = allowed.shape
    i, j = np.nonzero(allowed)
    start = np.concatenate([np.zeros(n), 1 + i, 1 + n + np.arange(m)]).astype(np.int32)
    end = np.concatenate([1 + np.arange(n), 1 + n + j, np.full(m, 1 + n + m)]).astype(np.int32)
    flow = np.concatenate([np.full(n, supports), np.ones(len(i)), capacity]).astype(np.int32)
    graph = sparse.csr_matrix((flow, (start, end)), shape=(n + m + 2, n + m + 2))
    return int(csgraph.maximum_flow(graph, 0, n + m + 1).flow_value)


def least_cost(sector, costs, allowed, supports, empty):
    """(pairs, cost) of the best plan"""
    capacity = sector.capacity[sector.l]
    n, m = allowed.shape
    if supports == 1:
        wide = np.repeat(np.where(allowed, costs, 10 * BIG), capacity, axis=1)
        wide = np.hstack([wide, np.full((n, n), float(empty))])
        rows, columns = optimize.linear_sum_assignment(wide)
        real = columns < wide.shape[1] - n
        return int(real.sum()), wide[rows[real], columns[real]].sum()
    # a linear programme, whose vertices are whole: pairs and, for each partner, its empty places
    i, j = np.nonzero(allowed)
    k = np.arange(len(i))
    a = sparse.csr_matrix((np.ones(2 * len(i)), (np.concatenate([i, n + j]), np.concatenate([k, k]))), shape=(n + m, len(i)))
    r = optimize.linprog(costs[i, j] - empty, A_ub=a, b_ub=np.concatenate([np.full(n, supports), capacity]),
                         bounds=(0, 1), method="highs-ds")
    taken = r.x > .5
    assert r.status == 0 and np.abs(r.x - taken).max() < 1e-6
    return int(taken.sum()), costs[i, j][taken].sum()


def chosen(sector, pairs):
    return np.array([(sector.p_at[r["partner"]], sector.l_at[r["lead"]]) for r in pairs
                     if r["partner"] in sector.p_at and r["lead"] in sector.l_at], dtype=int).reshape(-1, 2)


def is_optimal(sector_costs, prices, pairs, total, empty, supports):
    """do the prices prove the plan best? what is wrong, or None"""
    value = 0
    for sector, cost, allowed in sector_costs:
        u = np.array([prices["partner"][i] for i in sector.id[sector.p]], dtype=float)
        v = np.array([prices["lead"][j] for j in sector.id[sector.l]], dtype=float)
        w = np.zeros(allowed.shape)
        for (i, j), price in prices["pair"].items():
            if i in sector.p_at and j in sector.l_at:
                w[sector.p_at[i], sector.l_at[j]] = price
        if (u > empty * (1 + 1e-14)).any() or (v > 0).any() or (w > 0).any():
            return "a price beyond its bound"
        over = int(((u[:, None] + v + w > cost + NEAR) & allowed).sum())
        if over:
            return "%d pairs cost less than their prices" % over
        value += supports * u.sum() + (sector.capacity[sector.l] * v).sum() + w.sum()
    filled = sum(len(chosen(s, pairs)) for s, _, _ in sector_costs)
    places = supports * sum(len(s.p) for s, _, _ in sector_costs)
    due = total + empty * (places - filled)
    return None if abs(value - due) <= places * NEAR + 1e-13 * abs(due) else "prices come to %.10g less than the plan" % (due - value)


def blocking(sector, costs, allowed, pick, supports, empty, gain):
    """pairs of schools that would each gain more than so much by the other"""
    n, m = allowed.shape
    mine = np.zeros((n, m), dtype=bool)
    mine[pick[:, 0], pick[:, 1]] = True
    partner_worst = np.where(mine.sum(axis=1) < supports, empty, np.where(mine, costs, -np.inf).max(axis=1))
    lead_worst = np.where(mine.sum(axis=0) < sector.capacity[sector.l], np.inf, np.where(mine, costs, -np.inf).max(axis=0))
    return int((allowed & ~mine & (costs + gain < partner_worst[:, None]) & (costs + gain < lead_worst)).sum())


def by_hand(sector, costs, allowed, pick):
    """
    The neediest partner chooses first, the cheapest lead that has room: how many of a
    plan's choices are others.  Of leads that cost nearly the same it may have any.
    """
    room = sector.capacity[sector.l].copy()
    has = dict(pick)
    others = 0
    for i in sorted(range(len(sector.p)), key=lambda k: (sector.effect[sector.p[k]], sector.id[sector.p[k]])):
        c = np.where(allowed[i] & (room > 0), costs[i], np.inf)
        least = c.min()
        j = has.get(i)
        others += np.isfinite(least) if j is None else not c[j] <= least + NEAR
        if j is not None:
            room[j] -= 1
    return others


def plans(sectors, schools):
    why = {}
    for s in schools:
        if s["role"] == "none":
            why[s["cds"]] = "takes no part (role none)"
        elif s["effect"] == "":
            why[s["cds"]] = "no effect"
    takes_part = set(i for s in sectors for k in (s.p, s.l) for i in s.id[k])
    check("schools that take part and schools that cannot are California's", len(takes_part) + len(why) == len(schools) and
          not takes_part & set(why), "%d + %d = %d" % (len(takes_part), len(why), len(schools)))
    for plan in query("SELECT name, mode, authority, supports, min_p_better, min_similarity, unpaired_cost, same_authority_cost, weights FROM plan ORDER BY ctid"):
        one_plan(plan, sectors, why)


def one_plan(plan, sectors, why):
    name = plan["name"]
    where = "FROM plan, LATERAL %s WHERE name = '" + name + "'"
    rows = query("SELECT p.*, (SELECT sum(value::float8) FROM jsonb_each_text(p.losses)) AS loss_sum " + where % "sipp.pairs(plan) p")
    summary = query("SELECT s.* " + where % "sipp.plan_summary(plan) s")[0]
    supports = int(plan["supports"])
    limited = plan["unpaired_cost"] != ""
    priced = [(s,) + s.price(plan) for s in sectors]
    pairs = [r for r in rows if r["partner"] and r["lead"] and r["score"]]
    empty_rows = [r for r in rows if r["partner"] and not r["lead"] and r["partner"] not in why]
    out = {r["partner"] or r["lead"]: r["reason"] for r in rows if (r["partner"] or r["lead"]) in why}

    check("%s: each school that cannot take part has its reason, each partner its %s" % (name, "place" if supports == 1 else "places"),
          out == why and len(rows) == len(why) + supports * sum(len(s.p) for s in sectors) and
          sorted(r["partner"] for r in pairs + empty_rows) == sorted(i for s in sectors for i in s.id[s.p] for _ in range(supports)) and
          int(summary["ineligible"]) == len(why), "%d out, %d paired, %d empty places" % (len(why), len(pairs), len(empty_rows)))

    broken = full = 0
    worst = other = 0.0
    total = 0.0
    same = 0
    for s, cost, allowed in priced:
        mine = [r for r in pairs if r["partner"] in s.p_at]
        pick = chosen(s, mine)
        broken += len(mine) - len(pick) + int((~allowed[pick[:, 0], pick[:, 1]]).sum()) + len(pick) - len(set(map(tuple, pick)))
        used = np.bincount(pick[:, 1], minlength=len(s.l))
        full += int((used > s.capacity[s.l]).sum())
        same += int(s.same_county[pick[:, 0], pick[:, 1]].sum())
        total += cost[pick[:, 0], pick[:, 1]].sum()
        runner = np.where(allowed, cost, np.inf)
        runner[pick[:, 0], pick[:, 1]] = np.inf
        for r, (i, j) in zip(mine, pick):
            worst = max(worst, abs(float(r["cost"]) - cost[i, j]), abs(float(r["similarity"]) - s.similarity[i, j]),
                        abs(float(r["usable_gap"]) - s.gap[i, j]), abs(float(r["p_better"]) - s.better[i, j]),
                        abs(float(r["loss_sum"]) - float(r["cost"])) * 1e2,
                        0 if {"travel missing", "complementarity missing"} <= set(r["flags"].strip("{}").replace('"', "").split(",")) else 9,
                        0 if r["travel"] == r["km"] == r["complementarity"] == "" else 9)
            best = runner[i].min()
            if r["runner_up"]:
                other = max(other, abs(runner[i, s.l_at[r["runner_up"]]] - best), abs(float(r["margin"]) - (best - cost[i, j])))
            elif np.isfinite(best):
                other = 9
    check("%s: every pair is allowed by consent, sector, county, district, name and floors; no capacity is exceeded" % name,
          len(pairs) > 0 and broken == full == 0, "%d pairs" % len(pairs))
    # what is not known costs nothing: the losses add to the cost to 1e-12
    check("%s: parts and costs of the pairs, without travel" % name, worst < 1e-10, "worst difference %.1e" % worst)
    check("%s: runners-up and margins" % name, other <= NEAR, "worst difference %.1e" % other)
    if plan["authority"] == "different":
        check("%s: every lead is in another county" % name, same == 0)
    elif plan["authority"] == "any":
        control("%s: pairs of one county, had nobody forbidden them" % name, same > 0, same)

    costs = [np.round(cost, DIGITS) for _, cost, _ in priced]
    quantum = float(summary["quantum"])
    stay = float(summary["unpaired_price"]) * quantum
    most = [most_paired(s, a & (u < stay), supports) for (s, _, a), u in zip(priced, costs)]
    if plan["mode"] == "optimal" and not limited:
        check("%s: no plan pairs more" % name, sum(most) == len(pairs), "%d = %s" % (len(pairs), " + ".join(map(str, most))))
    can = set(s.id[s.p[i]] for (s, _, a), u in zip(priced, costs) for i in np.flatnonzero(a.any(axis=1)))
    bad = [r for r in empty_rows if r["reason"] == "" or r["relaxation"] == "" or
           (supports == 1 and (r["partner"] in can) != bool(r["reason"].startswith(("all eligible leads are full", "no eligible lead costs less"))))]
    check("%s: every empty place has its reason and what would change it" % name, not bad,
          ", ".join(sorted(set(r["reason"].split(" (")[0] for r in empty_rows))) or "none is empty")

    prices = {"partner": {}, "lead": {}, "pair": {}}
    for r in query("SELECT c.* " + where % "sipp.certificate(plan) c"):
        key = (r["partner"], r["lead"]) if r["kind"] == "pair" else r[r["kind"]]
        prices[r["kind"]][key] = float(r["price"]) * quantum
    if plan["mode"] == "optimal":
        wrong = is_optimal(priced, prices, pairs, total, stay, supports)
        check("%s: the certificate, over all %d allowed pairs" % (name, sum(int(a.sum()) for _, _, a in priced)),
              wrong is None and summary["certified"] == "t" and abs(total - float(summary["total_units"]) * quantum) <= NEAR * len(pairs) and
              abs(total - float(summary["total_cost"])) <= NEAR * len(pairs), wrong or "%.8f" % total)
    for k, (s, cost, allowed) in enumerate(priced):
        if plan["mode"] != "optimal" or supports > 1 and s.name != "H":
            continue
        pick = chosen(s, pairs)
        ours = (len(pick), costs[k][pick[:, 0], pick[:, 1]].sum())
        theirs = least_cost(s, costs[k], allowed, supports, stay if limited else BIG)
        worth = [(x[0] * stay if limited else 0) - x[1] for x in (ours, theirs)]
        same = (limited or ours[0] == theirs[0]) and abs(worth[0] - worth[1]) <= NEAR * len(s.p)
        check("%s: as many pairs, and as cheap, as scipy's in sector %s" % (name, s.name),
              same, "%d pairs, %.8f" % ours if same else "%s and %s" % (ours, theirs))

    sure, stay_off = [sum(blocking(s, c, a, chosen(s, pairs), supports, stay, gain) for s, c, a in priced) for gain in (NEAR, -NEAR)]
    check("%s: pairs of schools that would rather have each other" % name,
          sure <= int(summary["blocking_pairs"]) <= stay_off and (plan["mode"] != "stable" or int(summary["blocking_pairs"]) == 0),
          "%s, %d to %d" % (summary["blocking_pairs"], sure, stay_off))
    if plan["mode"] == "stable":
        wrong = is_optimal(priced, prices, pairs, total, stay, supports)
        control("the certificate of the best plan does not prove the stable one best", wrong is not None, wrong)
    if plan["mode"] == "greedy":
        others = sum(by_hand(s, c, a, chosen(s, pairs)) for s, c, a in priced)
        check("greedy: as chosen by hand", others == 0, "%d pairs, %d differ" % (len(pairs), others))
    if name == "default":
        corrupt(priced, prices, pairs, costs, stay)


def corrupt(priced, prices, pairs, costs, stay):
    """plans and prices that were tampered with"""
    s, cost, allowed = priced[1]
    pick = chosen(s, pairs)
    i, j = next((a, b) for a in range(len(pick)) for b in range(a) if allowed[pick[a, 0], pick[b, 1]] and
                allowed[pick[b, 0], pick[a, 1]] and costs[1][pick[a, 0], pick[b, 1]] + costs[1][pick[b, 0], pick[a, 1]] >
                costs[1][pick[a, 0], pick[a, 1]] + costs[1][pick[b, 0], pick[b, 1]] + 1e-6)
    total = sum(u[chosen(s, pairs)[:, 0], chosen(s, pairs)[:, 1]].sum() for (s, _, _), u in zip(priced, costs))
    swapped = total + costs[1][pick[i, 0], pick[j, 1]] + costs[1][pick[j, 0], pick[i, 1]] - (
        costs[1][pick[i, 0], pick[i, 1]] + costs[1][pick[j, 0], pick[j, 1]])
    control("two leads swapped", is_optimal(priced, prices, pairs, swapped, stay, 1) is not None, is_optimal(priced, prices, pairs, swapped, stay, 1))
    row = pairs[0]
    higher = dict(prices, partner=dict(prices["partner"], **{row["partner"]: prices["partner"][row["partner"]] + 1e-6}))
    control("a price a millionth too high", "cost less" in str(is_optimal(priced, higher, pairs, total, stay, 1)),
            is_optimal(priced, higher, pairs, total, stay, 1))
    lost = [r for r in pairs if r is not row]
    control("a pair lost", is_optimal(priced, prices, lost, total, stay, 1) is not None)


def neighbours(sectors):
    rows = {}
    for r in query("SELECT * FROM neighbour"):
        rows.setdefault(r["school"], []).append(r)
    worst = 0.0
    wrong = compared = not_complete = mutual = 0
    for s in sectors:
        where = np.flatnonzero(s.placed)
        nearest = {}

        def nearest_of(i):
            if i not in nearest:
                d = s.distances(s.z[i], s.z[where])
                d[(where == i) | np.isnan(d)] = np.inf
                nearest[i] = [(d[k], s.id[where[k]]) for k in np.lexsort((s.id[where], d))[:11]]
            return nearest[i]
        for i in np.flatnonzero(~s.placed):
            mine = rows[s.id[i]]
            wrong += not (len(mine) == 1 and mine[0]["neighbour"] == "" and mine[0]["reason"] == "context: every value is NULL")
        at = {s.id[i]: i for i in where}
        lacking = np.flatnonzero(s.placed & ~s.complete)
        not_complete += len(lacking)
        for i in np.concatenate([where[::len(where) // 70], lacking[:30]]):
            mine = sorted(rows[s.id[i]], key=lambda r: int(r["rank"]))
            want = nearest_of(i)
            compared += 1
            wrong += [int(r["rank"]) for r in mine] != list(range(1, 11))
            for r, (d, j) in zip(mine, want):
                c = json.loads(r["contributions"]) if r["contributions"] else None
                terms = (s.z[i] - s.z[at[r["neighbour"]]]) ** 2
                without = [v for v, t in zip(VARIABLES, terms) if np.isnan(t)]
                wrong += r["reason"] != ("compared without " + ", ".join(without) if without else "")
                wrong += c is not None and sorted(c) != sorted(set(VARIABLES) - set(without))
                worst = max(worst, abs(float(r["distance"]) - d), abs(float(r["similarity"]) - 2.0 ** -((d / s.tenth) ** 2)),
                            max(abs(c[v] - t / np.nansum(terms)) for v, t in zip(VARIABLES, terms) if v in c) if c else 0)
                # equal to rounding: either is right
                wrong += r["neighbour"] != j and not any(j2 == r["neighbour"] and abs(d2 - d) < 1e-12 for d2, j2 in want)
                theirs = nearest_of(at[r["neighbour"]])
                if theirs[10][0] - theirs[9][0] > 1e-12:
                    mutual += 1
                    wrong += (r["mutual"] == "t") != (s.id[i] in [j2 for _, j2 in theirs[:10]])
    check("similar_schools: ten nearest, contributions and whether mutual, by brute force", compared > 200 and mutual > 2000 and
          wrong == 0 and worst < 1e-11, "%d schools, %d without complete context, %d wrong, worst difference %.1e" % (compared, not_complete, wrong, worst))


def trios(sector, schools):
    rows = query("SELECT * FROM trio")
    ids = set(sector.id)
    groups = {}
    for r in rows:
        if r["group_no"]:
            groups.setdefault(r["group_no"], []).append(r)
    alone = [r for r in rows if not r["group_no"]]
    check("trios: every high school is in one, or listed with a reason", sorted(r["school"] for r in rows) == sorted(ids) and
          all(r["reason"] for r in alone) and not any(r["reason"] for g in groups.values() for r in g),
          "%d groups, %d schools in none" % (len(groups), len(alone)))
    at = {i: k for k, i in enumerate(sector.id)}
    cost, allowed = sector.price({"weights": "", "authority": "any", "min_p_better": ".8", "min_similarity": ".2"})
    wrong = 0
    worst = total = 0.0
    for g in groups.values():
        lead = [r for r in g if r["member_role"] == "lead"]
        partners = [r for r in g if r["member_role"] == "partner"]
        k = [at[r["school"]] for r in g]
        wrong += len(lead) != 1 or len(partners) != 2 or len(set(sector.county[k])) < 2 or len(set(sector.district[k])) < 3 or len(set(sector.sname[k])) < 3
        sum_cost = 0.0
        for r in partners:
            i, j = sector.p_at.get(r["school"]), sector.l_at.get(lead[0]["school"])
            if i is None or j is None or not allowed[i, j] or r["lead"] != lead[0]["school"]:
                wrong += 1
                continue
            worst = max(worst, abs(float(r["cost"]) - cost[i, j]))
            sum_cost += cost[i, j]
        d = sector.distances(sector.z[at[partners[0]["school"]]], sector.z[at[partners[1]["school"]]])
        sum_cost += min(math.log(2) * (d / sector.tenth) ** 2, CAP) / 2
        worst = max(worst, max(abs(float(r["group_cost"]) - sum_cost) for r in g))
        total += sum_cost
    check("trios: one lead, two counties or more, no district or name twice, every pair allowed; costs", len(groups) > 100 and wrong == 0 and
          worst < 1e-10, "%d wrong, worst difference %.1e" % (wrong, worst))
    within = set(r["gap_pct"] for r in rows if r["gap_pct"])
    check("trios: an honest bound", len(within) == 1 and float(min(within)) >= 0, "%d trios cost %.2f, within %s %% of the best possible" % (len(groups), total, "".join(within)))


def effects(schools):
    """the model that makes effects is lme4's too"""
    path = os.path.join(os.environ["SIPP_DIR"], "effects.csv")
    if not os.path.exists(path):
        print("skipped: effects against lme4, which is not there")
        return
    peer = {r["cds"]: r for r in csv.DictReader(open(path))}
    ours = [s for s in schools if s["avg_ed"] != "" and s["effect"] != ""]
    worst = max(max(abs(float(s["effect"]) - float(peer[s["cds"]]["effect"])), abs(float(s["se"]) - float(peer[s["cds"]]["se"])))
                for s in ours) / np.std([float(s["effect"]) for s in ours])
    check("effects and conditional standard errors are lme4's", len(ours) == len(peer) and worst < 1e-3,
          "%d schools, worst difference %.1e of the effects' SD" % (len(ours), worst))


def main():
    schools = query("SELECT cds, stype, sname, dnum, cnum, meals, ell, mobility, avg_ed, effect, se, role, capacity FROM school ORDER BY cds COLLATE \"C\"")
    check("California's schools are all there", len(schools) == 6194 and len(set(s["cds"] for s in schools)) == 6194, len(schools))
    effects(schools)
    sectors = [Sector(k, [s for s in schools if s["stype"] == k]) for k in "EHM"]
    plans(sectors, schools)
    other = [s for s in schools if s["stype"] == "H"]
    wrong = Sector("H", other, spread=np.nanstd([[number(s[v]) for v in VARIABLES] for s in other], axis=0))
    control("similarity by standard deviations is another one", np.nanmax(np.abs(wrong.similarity - sectors[1].similarity)) > 1e-3)
    neighbours(sectors)
    trios(sectors[1], schools)


if __name__ == "__main__":
    sys.exit(main())
