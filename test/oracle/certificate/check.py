"""Plans of random nations and their certificates against nation.py; see run."""

import copy
import json
import os
import subprocess
import sys

import mpmath
import numpy as np

import nation

count = {"passed": 0, "failed": 0}
SEEDS = range(1, 31 if os.environ.get("SIPP_FULL") else 5)

# option sets, as SQL and as nation.py has them
OPTIONS = [
    {},
    {"max_km": 200},
    {"authority": "prefer", "same_authority_cost": 0.1},
    {"authority": "any"},
    {"min_p_better": 0.6, "min_similarity": 0.2},
    {"min_score": 0.35},
    {"unpaired_cost": 0.8},
    {"supports_per_partner": 2},
    {"supports_per_partner": 3, "max_km": 250},
    {"supports_per_partner": 2, "unpaired_cost": 1.0},
    {"mode": "stable"},
    {"mode": "greedy"},
    {"sector": "any"},
]


def check(what, ok, detail=""):
    count["passed" if ok else "failed"] += 1
    if not ok:
        print("FAILED: %s %s" % (what, detail))


def query(sql):
    out = subprocess.run([os.environ.get("PSQL", "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
                         input="SET extra_float_digits = 3;\nSET client_min_messages = warning;\n" + sql,
                         capture_output=True, text=True, check=False)
    if out.returncode:
        sys.exit("psql: " + out.stderr)
    return [json.loads(line) for line in out.stdout.splitlines()]


def literal(value):
    return str(value) if not isinstance(value, str) else "'" + value.replace("'", "''") + "'"


def array(schools):
    return "ARRAY[" + ",".join(literal(nation.text(s)) for s in schools) + "]::sipp.school[]"


def arguments(options):
    return "".join(", %s => %s" % (k, v if k == "locked" else literal(v)) for k, v in options.items())


def plan_of(schools, options):
    return query("""WITH p AS MATERIALIZED (SELECT sipp.pairing_plan(%s%s) AS plan)
        SELECT to_jsonb(s) FROM p, LATERAL sipp.plan_summary(plan) s;
        """ % (array(schools), arguments(options)) + """WITH p AS MATERIALIZED (SELECT sipp.pairing_plan(%s%s) AS plan)
        SELECT jsonb_build_object('pairs', (SELECT jsonb_agg(x) FROM sipp.pairs(plan) x),
            'prices', (SELECT jsonb_agg(c) FROM sipp.certificate(plan) c)) FROM p;""" % (array(schools), arguments(options)))


def units_of(cost):
    return np.rint(1e5 * cost)


def certify(n, options, summary, pairs, prices, slack):
    """What is wrong with a plan or its prices; slack: units by which rounding may differ."""
    allowed = n.allowed(**options)
    cost = n.cost(**options)
    units = np.where(allowed, units_of(np.where(allowed, cost, 0)), np.inf)
    at = {i: k for k, i in enumerate(n.id)}
    supports = options.get("supports_per_partner", 1)
    price_of_empty = summary["unpaired_price"]
    wrong = []

    # the plan
    used, partners_of = set(), {}
    total = empty = 0
    for x in pairs:
        if x["partner"] is None or n.schools[at[x["partner"]]]["role"] not in nation.PARTNER or x["place"] is None:
            continue
        i = at[x["partner"]]
        if x["lead"] is None:
            continue
        j = at[x["lead"]]
        if (i, j) in used:
            wrong.append("a pair twice")
        used.add((i, j))
        partners_of[j] = partners_of.get(j, 0) + 1
        if not x["locked"]:
            if not allowed[i, j]:
                wrong.append("a pair that is not allowed")
            else:
                total += units[i, j]
    for j, k in partners_of.items():
        if k > n.schools[j]["capacity"]:
            wrong.append("a lead that is overfull")
    if not np.isfinite(total) or abs(total - summary["total_units"]) > slack:
        wrong.append("another total: %s, not %s" % (total, summary["total_units"]))

    # the prices
    u, v, w = {}, {}, {}
    value = 0
    locked = [x for x in pairs if x["locked"]]
    for c in prices:
        value += c["places"] * c["price"]
        if c["kind"] == "partner":
            u[at[c["partner"]]] = c["price"]
            if c["places"] != supports - sum(x["partner"] == c["partner"] for x in locked):
                wrong.append("places of a partner")
            empty += c["places"]
            if c["price"] > price_of_empty:
                wrong.append("a partner dearer than an empty place")
        elif c["kind"] == "lead":
            v[at[c["lead"]]] = c["price"]
            if c["places"] != n.schools[at[c["lead"]]]["capacity"] - sum(x["lead"] == c["lead"] for x in locked):
                wrong.append("capacity of a lead")
            if c["price"] > 0:
                wrong.append("a lead with a price above 0")
        else:
            w[at[c["partner"]], at[c["lead"]]] = c["price"]
            if c["price"] > 0:
                wrong.append("a pair with a price above 0")
    empty -= len(used) - len(locked)
    rows, columns = np.nonzero(allowed)
    for i, j in zip(rows, columns):
        if any(x["partner"] == n.id[i] and x["lead"] == n.id[j] for x in locked):
            continue
        if i not in u or j not in v:
            wrong.append("a school without a price")
        elif u[i] + v[j] + w.get((i, j), 0) > units[i, j] + (1 if slack else 0):
            wrong.append("prices above the cost of %s and %s" % (n.id[i], n.id[j]))
    worth = summary["total_units"] + price_of_empty * empty
    if options.get("mode", "optimal") == "optimal" and value != worth:
        wrong.append("prices worth %s, the plan %s" % (value, worth))
    if value > worth:
        wrong.append("prices worth more than the plan")
    return wrong


def near(a, b, tolerance):
    return (a is None and np.isnan(b)) or (a is not None and abs(a - b) <= tolerance * max(1, abs(b)))


def scores(seed, schools, n):
    """Every pair of schools, and the yardsticks."""
    scale = query("SELECT sipp.context_scale(%s);" % array(schools))[0]
    for name, (spreads, s_w, tenth, target) in n.scale.items():
        found = next(s for s in scale["sectors"] if s["sector"] == name)
        numbers = json.dumps(found)
        flat = [float(x) for x in flatten(found)]
        for what, value in [("s_v", spreads[0]), ("s_v", spreads[1]), ("s_W", s_w), ("d10", tenth), ("target", target)]:
            check("seed %d, %s: %s" % (seed, name, what), any(abs(x - value) <= 1e-11 * abs(value) for x in flat),
                  "%s in %s" % (value, numbers))
    rows = query("""CREATE TEMP TABLE s AS SELECT x AS school FROM unnest(%s) x;
        SELECT jsonb_build_array(r.partner, r.lead, r.eligible, r.cost, r.score, r.p_better, r.km, r.similarity, r.usable_gap,
                                r.complementarity, r.travel, r.losses)
        FROM (SELECT sipp.context_scale(array_agg(school)) AS scale FROM s) c, s p, s l,
             LATERAL sipp.pairing_score(p.school, l.school, scale) r WHERE p.school::jsonb->>'id' <> l.school::jsonb->>'id';"""
                 % array(schools))
    at = {i: k for k, i in enumerate(n.id)}
    allowed = n.allowed()
    bad = {}
    worst_sum = asymmetry = 0
    symmetric = {}
    for partner, lead, eligible, cost, score, p, km, similarity, gap, comp, travel, losses in rows:
        i, j = at[partner], at[lead]
        # tails of the gap are for integrate(); psi as it stands loses digits there
        sharp = 1e-9 if n.parts["gap"][i, j] > 1e-6 else 1e-3
        for what, mine, other, tolerance in [
                ("cost", cost, n.parts_cost[i, j], sharp), ("p_better", p, n.p_better[i, j], 1e-12), ("km", km, n.km[i, j], 1e-9),
                ("similarity", similarity, n.parts["similarity"][i, j], 1e-11), ("usable_gap", gap, n.parts["gap"][i, j], 1e-10),
                ("complementarity", comp, n.parts["complementarity"][i, j], 1e-9), ("travel", travel, n.parts["travel"][i, j], 1e-10)]:
            if what == "cost" and (np.isnan(other) or cost is None):
                continue
            if not near(mine, other, tolerance):
                bad.setdefault(what, []).append((partner, lead, mine, other))
        if eligible != bool(allowed[i, j]):
            bad.setdefault("eligible", []).append((partner, lead, eligible))
        if cost is not None:
            worst_sum = max(worst_sum, abs(sum(x for x in losses.values() if x is not None) - cost))
            if near(score, np.exp(-cost), 1e-12) is False:
                bad.setdefault("score", []).append((partner, lead, score))
        if similarity is not None:
            symmetric[i, j] = similarity
    for (i, j), x in symmetric.items():
        asymmetry = max(asymmetry, abs(x - symmetric.get((j, i), x)))
    for what in ["cost", "p_better", "km", "similarity", "usable_gap", "complementarity", "travel", "eligible", "score"]:
        check("seed %d: %s of %d pairs" % (seed, what, len(rows)), what not in bad, str(bad.get(what, [])[:3]))
    check("seed %d: losses add to the cost" % seed, worst_sum < 1e-12, str(worst_sum))
    check("seed %d: likeness is the same both ways" % seed, asymmetry == 0, str(asymmetry))
    check("seed %d: pairs of all schools" % seed, len(rows) == n.n * (n.n - 1))
    check("seed %d: some are allowed, most are not" % seed, 100 < allowed.sum() < len(rows) / 2, str(allowed.sum()))


def flatten(x):
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, list):
        return [z for y in x for z in flatten(y)]
    return [x] if isinstance(x, (int, float)) and not isinstance(x, bool) else []


def corruptions(n, options, summary, pairs, prices):
    """Plans and prices that are not what they claim."""
    paired = [k for k, x in enumerate(pairs) if x["lead"]]

    def altered(what, change):
        p, c = copy.deepcopy(pairs), copy.deepcopy(prices)
        s = dict(summary)
        change(p, c, s)
        check("corrupted: %s" % what, certify(n, options, s, p, c, 0) != [])

    def swap(p, _c, _s):
        a = paired[0]
        b = next(k for k in paired if p[k]["lead"] != p[a]["lead"] and p[k]["partner"] != p[a]["partner"])
        p[a]["lead"], p[b]["lead"] = p[b]["lead"], p[a]["lead"]

    def overfill(p, _c, _s):
        for k in paired[:8]:
            p[k]["lead"] = p[paired[0]]["lead"]

    def lose(p, _c, _s):
        p[paired[3]]["lead"] = None

    def price(kind, by):
        def change(_p, c, _s):
            next(x for x in c if x["kind"] == kind and x["places"] > 0)["price"] += by
        return change

    def forget(_p, c, _s):
        c.remove(next(x for x in c if x["kind"] == "lead"))

    def total(_p, _c, s):
        s["total_units"] -= 1

    altered("two leads swapped", swap)
    altered("a lead overfull", overfill)
    altered("a pair lost", lose)
    altered("a partner's price raised", price("partner", 1))
    altered("a partner's price lowered", price("partner", -1))
    altered("a lead's price raised", price("lead", 1))
    altered("a lead's price forgotten", forget)
    altered("a smaller total claimed", total)


def plans(seed, schools, n):
    pooled = nation.Nation(schools, pooled=True)
    for k, options in enumerate(OPTIONS):
        if seed > 2 and k % 4 != seed % 4 and not os.environ.get("SIPP_FULL"):
            continue
        which = pooled if options.get("sector") == "any" else n
        summary, found = plan_of(schools, options)
        wrong = certify(which, options, summary, found["pairs"], found["prices"], 0)
        check("seed %d: certificate of %s" % (seed, options or "the default"), wrong == [], str(wrong[:3]))
        check("seed %d: %s says certified" % (seed, options), summary["certified"])
        if seed == 1 and options in ({}, {"supports_per_partner": 2}):
            corruptions(which, options, summary, found["pairs"], found["prices"])
        if not options:
            keep = [x for x in found["pairs"] if x["lead"]][5:10]
            locked = dict(locked="ARRAY[%s]" % ",".join("[%s,%s]" % (literal(x["partner"]), literal(x["lead"])) for x in keep),
                          supports_per_partner=2)
            summary, found = plan_of(schools, locked)
            wrong = certify(which, dict(supports_per_partner=2), summary, found["pairs"], found["prices"], 0)
            check("seed %d: certificate with locked pairs" % seed, wrong == [], str(wrong[:3]))
            check("seed %d: locked pairs are kept" % seed, sum(bool(x["locked"]) for x in found["pairs"]) == 5)


def recoded(seed, schools):
    """Deciles recoded as vigintiles change no score; nor does the order of schools change the plan."""
    rows = [query("""SELECT jsonb_agg(jsonb_build_array(x.partner, x.lead, x.score, x.similarity) ORDER BY x.partner, x.place)
                     FROM sipp.pairs(sipp.pairing_plan(%s)) x;""" % array(s))[0] for s in (schools, nation.halved(schools))]
    check("seed %d: halved bands, the same pairs" % seed, [r[:2] for r in rows[0]] == [r[:2] for r in rows[1]])
    check("seed %d: halved bands, the same scores" % seed,
          all(a[k] == b[k] or abs(a[k] - b[k]) < 1e-12 for a, b in zip(*rows) for k in (2, 3)))
    shuffled = list(schools)
    np.random.default_rng(seed).shuffle(shuffled)
    a, b = (query("SELECT to_jsonb(md5(sipp.pairing_plan(%s)::text));" % array(s))[0] for s in (schools, shuffled))
    check("seed %d: shuffled schools, the identical plan" % seed, a == b)


def properties(seed, schools):
    """More room never makes a plan dearer, an exclusion never cheaper."""
    rng = np.random.default_rng(seed)

    def worth(changed):
        s = query("SELECT to_jsonb(s) FROM sipp.plan_summary(sipp.pairing_plan(%s, unpaired_cost => 3)) s;" % array(changed))[0]
        return s["total_units"] + s["unpaired_price"] * s["unpaired"]

    schools = schools[:120]
    base = worth(schools)
    for _ in range(3):
        more, fewer = copy.deepcopy(schools), copy.deepcopy(schools)
        for s in rng.choice(len(schools), 10, replace=False):
            more[s]["capacity"] += 1
            fewer[s]["excludes"] = sorted(set(fewer[s]["excludes"]) | {x["id"] for x in rng.choice(schools, 20)} - {fewer[s]["id"]})
        check("seed %d: more room" % seed, worth(more) <= base)
        check("seed %d: more exclusions" % seed, worth(fewer) >= base)


def integrate():
    """The usable gap against quadrature of E min(max(gap, 0), g)/g, in 40 digits."""
    mpmath.mp.dps = 40
    cases = [(0.4, 0.2, 0.5), (0.4, 0.5, 0.5), (-0.1, 0.5, 0.5), (-1, 0.2, 0.5), (-3, 0.2, 0.5), (0.25, 0.1, 0.5), (0.5, 0.3, 0.5),
             (2, 0.3, 0.5), (0.1, 1e-3, 0.5), (0.499, 1e-3, 0.5), (0.2, 5, 0.5), (-20, 5, 0.5), (0.3, 0.2, 1e-3), (0.3, 0.2, 100),
             (0, 0.2, 0.5), (-0.7, 0.1, 0.2), (1e-6, 1e-7, 1e-6)]
    published = {(0.4, 0.2, 0.5): 0.724, (0.4, 0.5, 0.5): 0.613, (-0.1, 0.5, 0.5): 0.25079}
    one = {"sector": "s", "context": [0.0], "context_names": ["x"], "capacity": 1}
    for m, s, g in cases + [(-0.2, 0, 0.5), (0, 0, 0.5), (0.2, 0, 0.5), (0.5, 0, 0.5), (0.9, 0, 0.5)]:
        side = s / 2 ** 0.5
        partner = dict(one, id="p", authority="a", role="partner", effect=0.0, effect_se=side)
        lead = dict(one, id="l", authority="b", role="lead", effect=m, effect_se=side)
        got = query("""SELECT jsonb_build_array(r.usable_gap, r.losses->'gap') FROM (SELECT %s AS a) x,
            LATERAL sipp.pairing_score(a[1], a[2], sipp.context_scale(a), target_gap => %r) r;""" % (array([partner, lead]), g))[0]
        if s == 0:
            want = mpmath.mpf(min(max(m, 0), g)) / g
        else:
            sd = mpmath.sqrt(2 * mpmath.mpf(side) ** 2)
            # integral of the survival function over (0, g)
            # in pieces that are not steep, also far out
            points = sorted({mpmath.mpf(g) * k / 20 for k in range(21)} | {min(max(mpmath.mpf(m) + k * sd, mpmath.mpf(0)), mpmath.mpf(g)) for k in (-8, -3, 0, 3, 8)})
            want = mpmath.quad(lambda x: mpmath.ncdf((m - x) / sd), points) / g
        # s is rounded on its way through two standard errors: tails feel that
        tolerance = 1e-12 * (1 + (m / s) ** 2 if s else 1)
        check("usable gap of m %s, s %s, g %s" % (m, s, g), abs(got[0] - want) <= tolerance * want or (want == 0 and got[0] == 0),
              "%s, not %s" % (got[0], mpmath.nstr(want, 15)))
        # without coordinates and subjects the weights .4 and .3 make 1
        loss = min(-mpmath.log(want), 20) * 3 / 7 if want > 0 else mpmath.mpf(60) / 7
        check("its loss", abs(got[1] - loss) <= 1e-11 * (1 + loss), "%s, not %s" % (got[1], loss))
        if (m, s, g) in published:
            check("published usable gap", abs(got[0] - published[m, s, g]) < 5e-4)


def main():
    integrate()
    for seed in SEEDS:
        schools = nation.make(seed)
        n = nation.Nation(schools)
        if seed <= 2 or os.environ.get("SIPP_FULL"):
            scores(seed, schools, n)
            recoded(seed, schools)
            properties(seed, schools)
        plans(seed, schools, n)
    print("%d passed, %d failed" % (count["passed"], count["failed"]))
    sys.exit(count["failed"] > 0)


main()
