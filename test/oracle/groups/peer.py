"""sipp.group_schools against the true optimum over all groups that the rules allow.

Costs of pairs come from sipp.pairing_score, pair by pair; everything else is worked out here:
which groups there can be, what they cost, the cheapest set of as many as were found, and
the largest number that there can be.  Small problems of one lead are enumerated, the
others solved by HiGHS (scipy.optimize.milp) over every group as a column.

What group_schools compares are whole units of 1e-5, and so is what is checked here: the
groups found cost at most gap_pct per cent more than the optimum, to the unit.
"""

import itertools
import json
import math
import os
import subprocess
import sys

import numpy as np

try:
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_matrix
except ImportError:
    milp = None

UNITS = 100000
CAP = 20
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print("FAILED: " + what)
    return ok


def rows(sql):
    """What a query returns, a list of JSON values."""
    done = subprocess.run([os.environ.get("PSQL", "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
                          input=sql, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def literal(schools):
    """An array of sipp.school, in SQL."""
    return """ARRAY(SELECT sipp.school(id => id, sector => sector, authority => authority, cluster => cluster, role => role,
        effect => effect, effect_se => effect_se, context => context, context_names => context_names,
        lat => lat, lon => lon, excludes => excludes)
        FROM ROWS FROM (jsonb_to_recordset('%s') AS (id text, sector text, authority text, cluster text, role text,
            effect float8, effect_se float8, context float8[], context_names text[], lat float8, lon float8, excludes text[]))
        WITH ORDINALITY AS r (id, sector, authority, cluster, role, effect, effect_se, context, context_names, lat, lon, excludes, k)
        ORDER BY k)""" % json.dumps(schools)


def nation(seed, leads, partners, either=0, sectors=("secondary",), authorities=6, trusts=8, dims=3):
    """Random schools; leads are good and partners poor, so that most pairs are allowed."""
    rng = np.random.default_rng(seed)
    schools = []
    for i, role in enumerate(["lead"] * leads + ["partner"] * partners + ["either"] * either):
        school = {"id": "s%03d" % i, "sector": sectors[i % len(sectors)], "role": role,
                  "authority": "authority %d" % rng.integers(authorities),
                  "effect": float({"lead": 0.5, "partner": -0.5, "either": 0}[role] + rng.normal(0, 0.15)),
                  "effect_se": float(rng.uniform(0.05, 0.2)),
                  "context": [float(x) for x in rng.normal(size=dims)],
                  "context_names": ["c%d" % k for k in range(dims)],
                  "lat": float(52 + 2 * rng.random()), "lon": float(-2 + 3 * rng.random())}
        if rng.random() < 0.4:
            school["cluster"] = "trust %d" % rng.integers(trusts)
        if rng.random() < 0.1:
            school["excludes"] = ["s%03d" % ((i + 1 + rng.integers(leads + partners + either - 1)) %
                                             (leads + partners + either))]
        schools.append(school)
    return schools


def shell(seed, partners, dims=6):
    """One lead, one partner just like it, and the others all equally far from it.

    Their pairs cost nearly the same, and so only trying them tells which of them go together.
    """
    rng = np.random.default_rng(seed)
    schools = nation(seed, 1, partners, authorities=20, trusts=20, dims=dims)
    for i, s in enumerate(schools):
        far = 0 if i < 2 else 1
        angle = 2 * np.pi * rng.random()
        direction = rng.normal(size=dims)
        s["effect"], s["effect_se"] = (0.5, 0.1) if i == 0 else (-0.5, 0.1)
        s["context"] = [float(x) for x in far * direction / np.linalg.norm(direction)]
        s["lat"] = float(52 + far * 0.5 * np.sin(angle))
        s["lon"] = float(-1 + far * 0.5 * np.cos(angle) / np.cos(np.radians(52)))
        s["excludes"], s["cluster"] = [], None
    return schools


class Problem:
    """All groups that the rules allow, by brute force."""

    def __init__(self, schools, size, authorities, composition, max_km=None):
        self.schools, self.size, self.authorities = schools, size, authorities
        self.composition, self.max_km = composition, max_km
        n = len(schools)
        self.pair = np.full((n, n), -1, dtype=np.int64)
        self.peer = np.full((n, n), -1, dtype=np.int64)
        self.cost = np.full((n, n), np.nan)
        self.loss = np.full((n, n), np.nan)
        self.same = composition is None
        place = {s["id"]: i for i, s in enumerate(schools)}
        # without a floor of similarity there is much to choose from
        distance = ", min_similarity => 0" + ("" if max_km is None else ", max_km => %r" % max_km)
        for r in rows("""WITH s AS MATERIALIZED (SELECT u, i FROM unnest(%s) WITH ORDINALITY t (u, i)),
                        c AS MATERIALIZED (SELECT sipp.context_scale(array_agg(u), sector => '%s') AS scale FROM s)
                        SELECT json_build_array(p.i - 1, l.i - 1, x.eligible, x.cost, x.similarity, x.travel, x.km)
                        FROM c, s p, s l, LATERAL sipp.pairing_score(p.u, l.u, scale, authority => 'any'%s) x
                        WHERE p.i <> l.i;""" % (literal(schools), "same" if self.same else "any", distance)):
            a, b, eligible, cost, similarity, travel, km = r
            if eligible:
                self.cost[a, b], self.pair[a, b] = cost, round(UNITS * cost)
            if self.may_meet(a, b, similarity, km):
                loss = (0.4 * min(-math.log(similarity), CAP) + 0.15 * min(-math.log(travel), CAP)) / 0.55
                if a < b:
                    self.loss[a, b] = self.loss[b, a] = loss
                    self.peer[a, b] = self.peer[b, a] = round(UNITS * loss)
        self.place = place

    def may_meet(self, a, b, similarity, km):
        """May two partners be in one group?"""
        x, y = self.schools[a], self.schools[b]
        if similarity is None or (x.get("cluster") and x.get("cluster") == y.get("cluster")):
            return False
        if y["id"] in x.get("excludes", []) or x["id"] in y.get("excludes", []):
            return False
        if self.same and x["sector"] != y["sector"]:
            return False
        return self.max_km is None or km <= self.max_km

    def allowed(self, members):
        if len({self.schools[m]["authority"] for m in members}) < self.authorities:
            return False
        if self.composition is None:
            return True
        sectors = [self.schools[m]["sector"] for m in members]
        return all(sectors.count(k) == v for k, v in self.composition.items())

    def units(self, lead, partners):
        """Cost in whole units, or None where the rules forbid the group."""
        t = len(partners)
        total = 0
        for p in partners:
            if self.pair[p, lead] < 0:
                return None
            total += int(self.pair[p, lead]) * 2 * t * (t - 1)
        for a, b in itertools.combinations(partners, 2):
            if self.peer[a, b] < 0:
                return None
            total += 2 * int(self.peer[a, b])
        return total if self.allowed((lead,) + tuple(partners)) else None

    def exact(self, lead, partners):
        """Cost as documented, not rounded."""
        return (sum(self.cost[p, lead] for p in partners) +
                np.mean([self.loss[a, b] for a, b in itertools.combinations(partners, 2)]) / 2)

    def groups(self):
        """Every allowed group of every lead."""
        for lead, s in enumerate(self.schools):
            if s["role"] not in ("lead", "either"):
                continue
            can = [p for p in range(len(self.schools)) if self.pair[p, lead] >= 0]
            for partners in self.cliques(can, self.size - 1):
                cost = self.units(lead, partners)
                if cost is not None:
                    yield lead, partners, cost

    def cliques(self, can, t):
        """Sets of t of them, each of whom may meet each."""
        def extend(chosen, rest):
            if len(chosen) == t:
                yield tuple(chosen)
                return
            for k, a in enumerate(rest):
                yield from extend(chosen + [a], [b for b in rest[k + 1:] if self.peer[a, b] >= 0])
        yield from extend([], can)

    def best_of_one_lead(self, lead):
        """The cheapest group of one lead, over all sets of partners at once."""
        t = self.size - 1
        can = np.array([p for p in range(len(self.schools)) if self.pair[p, lead] >= 0])
        sets = can[np.array(list(itertools.combinations(range(len(can)), t)))]
        cost = 2 * t * (t - 1) * self.pair[sets, lead].sum(axis=1)
        ok = np.ones(len(sets), dtype=bool)
        for i, j in itertools.combinations(range(t), 2):
            u = self.peer[sets[:, i], sets[:, j]]
            ok &= u >= 0
            cost += 2 * u
        order = np.flatnonzero(ok)
        for k in order[np.argsort(cost[order], kind="stable")]:
            if self.allowed((lead,) + tuple(sets[k])):
                return int(cost[k])
        return None


    def cheap_of_one_lead(self, lead, starts=40):
        """A cheap group of one lead, by exchanging partners from many starts: not the optimum, but no bound is above it."""
        rng = np.random.default_rng(0)
        can = [p for p in range(len(self.schools)) if self.pair[p, lead] >= 0]
        dear = 10 ** 12
        peer = np.where(self.peer < 0, dear, self.peer)
        t = self.size - 1
        weight = 2 * t * (t - 1)
        best = None
        for _ in range(starts):
            chosen = [can[0]] + [int(p) for p in rng.choice(can[1:], t - 1, replace=False)]
            better = True
            while better:
                better = False
                for at in range(t):
                    rest = chosen[:at] + chosen[at + 1:]
                    cost = weight * self.pair[can, lead] + 2 * peer[np.ix_(can, rest)].sum(axis=1)
                    cost[np.isin(can, rest)] = dear
                    new = can[int(np.argmin(cost))]
                    if cost[can.index(new)] < cost[can.index(chosen[at])]:
                        chosen[at], better = new, True
            cost = self.units(lead, tuple(sorted(chosen)))
            if cost is not None and (best is None or cost < best):
                best = cost
        return best


def solve(problem, columns, number=None):
    """Cheapest `number` groups, or (None) the largest number of them."""
    n = len(problem.schools)
    member = [(m, k) for k, (lead, partners, _) in enumerate(columns) for m in (lead,) + partners]
    at = np.array(member).T
    matrix = csr_matrix((np.ones(len(member)), (at[0], at[1])), shape=(n, len(columns)))
    rules = [LinearConstraint(matrix, -np.inf, 1)]
    objective = -np.ones(len(columns))
    if number is not None:
        rules.append(LinearConstraint(np.ones((1, len(columns))), number, number))
        objective = np.array([c for _, _, c in columns]) / UNITS
    answer = milp(objective, constraints=rules, integrality=np.ones(len(columns)), bounds=Bounds(0, 1),
                  options={"mip_rel_gap": 0, "time_limit": 60})
    if answer.status != 0:
        return None
    chosen = [columns[k] for k in np.flatnonzero(answer.x > 0.5)]
    used = [m for lead, partners, _ in chosen for m in (lead,) + partners]
    assert len(used) == len(set(used)) and (number is None or len(chosen) == number)
    return len(chosen) if number is None else sum(c for _, _, c in chosen)


def most_groups(problem, columns, number):
    """The largest number of groups; solved for only where counting schools and leads leaves room for more."""
    members = len({m for lead, partners, _ in columns for m in (lead,) + partners})
    leads = len({lead for lead, _, _ in columns})
    return number if number == min(leads, members // problem.size) else solve(problem, columns)


def found(problem, schools):
    """The groups of group_schools and what it claims."""
    options = ", size => %d, min_authorities => %d, min_similarity => 0" % (problem.size, problem.authorities)
    if problem.composition is not None:
        options += ", composition => '%s'" % json.dumps(problem.composition)
    if problem.max_km is not None:
        options += ", max_km => %r" % problem.max_km
    return rows("SELECT to_json(g) FROM sipp.group_schools(%s%s) g;" % (literal(schools), options))


def measure(name, seed, problem, one_lead, quality):
    """One nation: what was found holds, costs what it says and is as near as it says."""
    what = "%s, nation %d" % (name, seed)
    try:
        answer = found(problem, problem.schools)
        again = found(problem, [problem.schools[k] for k in np.random.default_rng(seed).permutation(len(problem.schools))])
    except RuntimeError as e:
        check(False, "%s: %s" % (what, e))
        return
    check(answer == again, what + ": the order of schools matters")
    groups = {}
    for m in answer:
        if m["group_no"] is not None:
            groups.setdefault(m["group_no"], []).append(m)
    total, seen, ok, near = 0, [], True, True
    for g in groups.values():
        lead = [problem.place[m["school"]] for m in g if m["member_role"] == "lead"]
        partners = tuple(sorted(problem.place[m["school"]] for m in g if m["member_role"] == "partner"))
        cost = problem.units(lead[0], partners) if len(lead) == 1 and len(partners) == problem.size - 1 else None
        if cost is None or problem.schools[lead[0]]["role"] == "partner" or any(
                problem.schools[p]["role"] == "lead" for p in partners):
            ok = False
            continue
        total += cost
        seen += [lead[0], *partners]
        near = near and all(abs(m["group_cost"] - problem.exact(lead[0], partners)) < 1e-9 for m in g)
    check(ok and len(seen) == len(set(seen)), what + ": a group breaks a rule")
    check(near, what + ": a group has another cost")
    if not ok or not groups:
        check(bool(groups), what + ": no groups")
        return

    if one_lead:
        most, best = 1, problem.cheap_of_one_lead(0) if one_lead == "cheap" else problem.best_of_one_lead(0)
    else:
        columns = list(problem.groups())
        most, best = most_groups(problem, columns, len(groups)), solve(problem, columns, len(groups))
    if best is None or most is None:
        print("skipped: %s: HiGHS did not finish" % what)
        counts["skipped"] += 1
        return
    check(len(groups) <= most, what + ": more groups than there can be")
    check(total >= best or one_lead == "cheap", "%s: found %d, cheaper than the optimum %d" % (what, total, best))
    best = min(best, total)
    within = answer[0]["gap_pct"]
    claimed = None if within is None else round(100 * within)
    check(claimed is None or total * 10000 <= best * (10000 + claimed),
          "%s: %.4f%% above the optimum, claimed within %s%%" % (what, 100 * (total / best - 1), within))
    quality.append((most - len(groups), 100 * (total / best - 1), within))


def spread(values):
    values = np.sort(np.array(values, dtype=float))
    return "median %.2f, 90%% %.2f, worst %.2f" % (np.median(values), np.quantile(values, 0.9), values[-1])


CASES = [
    # name, nations, of what, size, authorities, composition, max_km, one lead
    ("trios", 10, dict(leads=9, partners=22), 3, 2, None, None, False),
    ("trios, either", 8, dict(leads=4, partners=16, either=8), 3, 2, None, None, False),
    ("trios of three authorities", 6, dict(leads=8, partners=20), 3, 3, None, None, False),
    ("trios, two sectors apart", 5, dict(leads=10, partners=28, sectors=("primary", "secondary")), 3, 2, None, None, False),
    ("trios near each other", 6, dict(leads=9, partners=24), 3, 2, None, 90.0, False),
    ("secondary and two primaries", 8, dict(leads=8, partners=24, sectors=("secondary", "primary", "primary")), 3, 2,
     {"secondary": 1, "primary": 2}, None, False),
    ("fours", 6, dict(leads=4, partners=14), 4, 2, None, None, False),
    ("fives", 4, dict(leads=3, partners=13), 5, 3, None, None, False),
    # too many to enumerate: against the cheapest that is found here
    ("eights on a shell", 6, dict(partners=60), 8, 2, None, None, "cheap"),
    ("twelves on a shell", 4, dict(partners=60), 12, 2, None, None, "cheap"),
    # a lead's cheapest group is not searched to the end: the bound must be of what was not
    ("fives on a shell", 8, dict(partners=50), 5, 2, None, None, True),
    ("sixes on a shell", 8, dict(partners=30), 6, 2, None, None, True),
    ("sixes, one lead", 12, dict(leads=1, partners=32, dims=6, trusts=20), 6, 2, None, None, True),
    ("sevens, one lead", 8, dict(leads=1, partners=26, dims=6, trusts=20), 7, 2, None, None, True),
]


def main():
    times = 5 if os.environ.get("SIPP_FULL") else 1
    for name, nations, of, size, authorities, composition, max_km, one_lead in CASES:
        if len(sys.argv) > 1 and sys.argv[1] not in name:
            continue
        if milp is None and not one_lead:
            print("skipped %d: %s: scipy.optimize.milp is not there (Debian: python3-scipy, 1.9 or later)" % (nations * times, name))
            counts["skipped"] += nations * times
            continue
        quality = []
        for seed in range(1, nations * times + 1):
            problem = Problem((shell if "shell" in name else nation)(seed, **of), size, authorities, composition, max_km)
            measure(name, seed, problem, one_lead, quality)
        if quality:
            fewer, above, within = zip(*quality)
            claims = [w for w in within if w is not None]
            print("%s: %d nations, %d at the %s, %d with as many groups as there can be; "
                  "%% above it: %s; %% claimed: %s" % (
                      name, len(quality), sum(a == 0 for a in above),
                      "cheapest known" if one_lead == "cheap" else "optimum", sum(f == 0 for f in fewer), spread(above),
                      spread(claims) if claims else "none"))
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    return counts["failed"] > 0


if __name__ == "__main__":
    sys.exit(main())
