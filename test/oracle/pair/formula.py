"""Yardsticks and pairs' scores from the formulas, one pair at a time.

None is what is not known.  The usable gap is taken from its closed form in as many digits
as it takes.
"""

import functools
import math

import mpmath
import numpy as np
from scipy.special import erfcx, ndtr

EARTH = 6371.0088
PARTS = ["similarity", "gap", "complementarity", "travel"]
WEIGHTS = {"similarity": 0.4, "gap": 0.3, "complementarity": 0.15, "travel": 0.15}
PARTNERS = ("partner", "coasting", "either")
LEADS = ("lead", "either")
MIN_SIMILARITY = 0.2


def rescaled(s):
    """A school whose shares add to 1, unless one is not known."""
    p = s.get("deprivation")
    if not p or None in p or abs(sum(p) - 1) <= 1e-6:
        return s
    return dict(s, deprivation=[x / sum(p) for x in p])


def wasserstein(f, g):
    """Integral of |F - G| over (0, 1): on a band both are straight lines."""
    area = a = 0.0
    for x, y in zip(f, g):
        b = a + x - y
        if abs(b) < 1e-14:
            b = 0.0
        if a * b >= 0:
            area += (abs(a) + abs(b)) / 2
        else:
            area += (a * a + b * b) / (2 * (abs(a) + abs(b)))
        a = b
    return area / len(f)


@functools.lru_cache(maxsize=None)
def usable(m, s, g):
    """B and -ln B: E min(max(gap, 0), g)/g of a normal gap."""
    if s == 0:
        if g == 0:
            b = 1.0 if m > 0 else 0.0
        else:
            b = min(max(m, 0.0), g) / g
        return b, (-math.log(b) if b > 0 else math.inf)
    if g == 0:
        b = mpmath.ncdf(mpmath.mpf(m) / s)
        return float(b), float(-mpmath.log(b))
    if -5 < m / s < 8 and 0.1 < g / s < 30 and m < g / 2:
        b = s / g * (psi(m / s) - psi((m - g) / s))
        return b, -math.log(b)
    # what cancels loses about as many digits as the square of how far out it is, and as it is small
    digits = 40 + int(3 * math.log10(1 + abs(m / s) + g / s) + max(0, -math.log10(g / s))) * 2
    with mpmath.workdps(digits):
        # B(m) = 1 - B(g - m): the tail is where nothing is next to 1
        low = mpmath.mpf(m) <= mpmath.mpf(g) / 2
        t = mpmath.mpf(m) if low else mpmath.mpf(g) - m
        a, b = t / s, (t - g) / mpmath.mpf(s)
        if a < -10000:
            return 0.0, math.inf
        value = mpmath.mpf(s) / g * (wide_psi(a) - wide_psi(b))
        value = value if low else 1 - value
        return float(value), float(-mpmath.log(value))


def psi(x):
    """x Phi(x) + phi(x), in double; below 0 through the scaled error function."""
    if x > 0:
        return x + psi(-x)
    density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return density * (1 + x * math.sqrt(math.pi / 2) * erfcx(-x / math.sqrt(2)))


def wide_psi(x):
    return x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2 + mpmath.npdf(x)


def p_above(m, s):
    """P(gap > 0); a certainty without a standard error, but a half of no gap."""
    if s == 0:
        return 0.5 if m == 0 else float(m > 0)
    return float(ndtr(m / s))


def great_circle(a, b):
    x, y = math.radians(a["lat"]), math.radians(b["lat"])
    h = math.sin((x - y) / 2) ** 2 + math.cos(x) * math.cos(y) * math.sin(math.radians(a["lon"] - b["lon"]) / 2) ** 2
    return 2 * EARTH * math.asin(min(1, math.sqrt(h)))


def school_sd(pairs):
    """Square root of the variance of effects and the mean of their squared errors."""
    known = [(e, se) for e, se in pairs if e is not None and se is not None]
    if len(known) < 2:
        return None
    return math.sqrt(np.var([e for e, _ in known], ddof=1) + np.mean([se ** 2 for _, se in known]))


class Yard:
    """One sector's yardsticks."""


class Nation:
    def __init__(self, schools, context_weights=None, pooled=False):
        self.schools = sorted(map(rescaled, schools), key=lambda s: s["id"].encode())
        self.at = {s["id"]: k for k, s in enumerate(self.schools)}
        self.pooled = pooled
        some = next((s for s in self.schools if s.get("context")), {})
        self.variables = some.get("context_names") or ["x%d" % (v + 1) for v in range(len(some.get("context") or []))]
        self.bands = max(len(s.get("deprivation") or []) for s in self.schools)
        some = next((s for s in self.schools if s.get("subjects")), {})
        self.subjects = some.get("subject_names") or ["s%d" % (t + 1) for t in range(len(some.get("subjects") or []))]
        given = context_weights or {}
        names = self.variables + (["deprivation"] if self.bands else [])
        total = sum(given.get(v, 1) for v in names)
        self.weight = {v: given.get(v, 1) / total for v in names}
        self.placed = [not self.missing(s) for s in self.schools]
        self.complete = [ok and None not in (s.get("context") or []) for ok, s in zip(self.placed, self.schools)]
        self.yard = {}
        for name in [None] if pooled else sorted({s["sector"] for s in self.schools if s.get("sector") is not None}):
            self.measure(name)

    def missing(self, s):
        """What likeness needs and the school does not have."""
        found = []
        if not s.get("context") and (self.variables or not self.bands):
            found.append("no context")
        if s.get("context") and all(x is None for x in s["context"]):
            found.append("context: every value is NULL")
        if self.bands and not s.get("deprivation"):
            found.append("no deprivation profile")
        unknown = [b + 1 for b, x in enumerate(s.get("deprivation") or []) if x is None]
        if len(unknown) == 1:
            found.append("deprivation[%d] is NULL" % unknown[0])
        elif unknown:
            found.append("deprivation[%d] and %d more are NULL" % (unknown[0], len(unknown) - 1))
        return found

    def lacks(self, s):
        """All that keeps it out of pairs, of its own data."""
        found = []
        if s["role"] == "none":
            found.append("takes no part (role none)")
        elif s["role"] is None:
            found.append("role not known")
        elif s.get("consent") is False:
            found.append("no consent")
        if s.get("effect") is None:
            found.append("no effect")
        elif s.get("effect_se") is None:
            found.append("no standard error of the effect")
        return found + self.missing(s)

    def out(self, s):
        """The same in words, None if there is nothing."""
        return "; ".join(self.lacks(s)) or None

    def without(self, i, j):
        """Circumstances of which one of two schools lacks the number."""
        return [name for v, name in enumerate(self.variables)
                if None in (self.schools[i]["context"][v], self.schools[j]["context"][v])]

    def members(self, name):
        return [k for k, s in enumerate(self.schools) if self.pooled or s.get("sector") == name]

    def measure(self, name):
        y = self.yard[name] = Yard()
        every = self.members(name)
        own = [k for k in every if self.complete[k]]
        y.own = own
        y.spread = []
        for v in range(len(self.variables)):
            x = [self.schools[k]["context"][v] for k in own]
            s = 0.0
            if len(x) > 1:
                q = np.percentile(x, [25, 75])
                s = (q[1] - q[0]) / 1.349
                if s <= 1e-12 * max(map(abs, q)):
                    s = np.std(x, ddof=1)
                    s = s if s > 1e-12 * max(map(abs, x)) else 0.0
            y.spread.append(float(s))
        y.profile = None
        if self.bands:
            y.profile = 0.0
            if own:
                mean = np.mean([self.schools[k]["deprivation"] for k in own], axis=0)
                w = [wasserstein(self.schools[k]["deprivation"], mean) for k in own]
                s = float(np.median(w)) / 0.6745
                y.profile = s if s > 1e-12 else math.sqrt(np.mean(np.square(w)))
                y.profile = y.profile if y.profile > 1e-12 else 0.0
        y.tenth = None
        if len(own) > 1:
            nearest = [sorted(self.distance(y, i, j) for j in own if j != i)[min(10, len(own) - 1) - 1] for i in own]
            y.tenth = float(np.median(nearest))
        y.target = school_sd([(self.schools[k].get("effect"), self.schools[k].get("effect_se")) for k in every])
        y.subject_target = [school_sd([self.subject(self.schools[k], t) for k in every]) for t in range(len(self.subjects))]

    def subject(self, s, t):
        if not s.get("subjects"):
            return None, None
        return s["subjects"][t], s["subjects_se"][t]

    def shares(self, y, i, j):
        """Each variable's part of the squared distance, over what both have; None: nothing tells them apart."""
        a, b = self.schools[i], self.schools[j]
        out, every, common = {}, 0.0, 0.0
        for v, name in enumerate(self.variables):
            w = self.weight[name] if y.spread[v] > 0 else 0.0
            every += w
            if None in (a["context"][v], b["context"][v]):
                continue
            common += w
            out[name] = w * ((a["context"][v] - b["context"][v]) / y.spread[v]) ** 2 if w > 0 else 0.0
        if self.bands:
            w = self.weight["deprivation"] if y.profile > 0 else 0.0
            every, common = every + w, common + w
            out["deprivation"] = w * (wasserstein(a["deprivation"], b["deprivation"]) / y.profile) ** 2 if w > 0 else 0.0
        if common == 0 and every > 0:
            return None
        return {k: x * (every / common if common > 0 else 1) for k, x in out.items()}

    def distance(self, y, i, j):
        parts = self.shares(y, i, j)
        return None if parts is None else math.sqrt(sum(parts.values()))

    def comparable(self, y, k):
        """Has a school a place under these yardsticks?  One that lacks something needs those of two others."""
        return self.placed[k] and (self.complete[k] or len(y.own) > 1) and self.shares(y, k, k) is not None

    def yard_of(self, i, j):
        """The yardsticks that both are under."""
        a, b = self.schools[i], self.schools[j]
        if self.pooled:
            return self.yard[None]
        return self.yard.get(a.get("sector")) if a.get("sector") is not None and a.get("sector") == b.get("sector") else None

    def pair(self, i, j, weights=None, authority="different", same_authority_cost=0.1, max_km=None, min_p_better=0.8,
             min_similarity=MIN_SIMILARITY, min_score=0.0, target_gap=None, half_km=60.0, spread_km=12.0, **_):
        """Everything about partner i and lead j; broken: rules by number, with their words."""
        a, b = self.schools[i], self.schools[j]
        y = self.yard_of(i, j)
        own = self.yard.get(None if self.pooled else a.get("sector"))
        known = None not in (a.get("effect"), b.get("effect"), a.get("effect_se"), b.get("effect_se"))
        x = {"km": None, "p": None, "part": dict.fromkeys(PARTS), "teach": None}
        loss = {}

        if None not in (a.get("lat"), b.get("lat")):
            x["km"] = great_circle(a, b)
            t = (x["km"] - half_km) / spread_km
            loss["travel"] = math.log1p(math.exp(t)) if t < 30 else t + math.log1p(math.exp(-t))
            x["part"]["travel"] = math.exp(-loss["travel"])
        d = None
        if y and y.tenth is not None and self.comparable(y, i) and self.comparable(y, j):
            d = self.distance(y, i, j)
        if d is not None:
            if d == 0:
                loss["similarity"] = 0.0
            elif y.tenth == 0:
                loss["similarity"] = math.inf
            else:
                loss["similarity"] = (d / y.tenth) ** 2 * math.log(2)
            x["part"]["similarity"] = math.exp(-loss["similarity"])
        g = target_gap if target_gap is not None else own.target if own else None
        if known:
            m, s = b["effect"] - a["effect"], math.hypot(a["effect_se"], b["effect_se"])
            x["p"] = p_above(m, s)
            if g is not None:
                x["part"]["gap"], loss["gap"] = usable(m, s, g)
        if a.get("subjects") and b.get("subjects"):
            need = met = 0.0
            x["teach"] = []
            for t, name in enumerate(self.subjects):
                (ya, sa), (yb, sb) = self.subject(a, t), self.subject(b, t)
                if None in (ya, sa, yb, sb):
                    continue
                if p_above(ya - yb, math.hypot(sa, sb)) >= 0.8:
                    x["teach"].append(name)
                target = own.subject_target[t] if own else None
                if ya < 0 and target is not None:
                    need -= ya
                    met -= ya * usable(yb - ya, math.hypot(sa, sb), target)[0]
            if need > 0:
                x["part"]["complementarity"] = met / need
                loss["complementarity"] = -math.log(met / need) if met > 0 else math.inf

        # a part that is not there leaves its weight to the others
        w = dict(WEIGHTS, **(weights or {}))
        optional = [k for k in ("complementarity", "travel") if k not in loss]
        there = sum(w[k] for k in PARTS if k not in optional)
        x["loss"] = {k: (w[k] / there if there > 0 else 0.0) * min(v, 20.0) for k, v in loss.items()}
        x["flags"] = [k + " missing" if x["part"][k] is None else k + " capped" for k in PARTS
                      if x["part"][k] is None or loss[k] > 20]
        if d is not None and self.without(i, j):
            x["flags"].append("similarity without " + ", ".join(self.without(i, j)))
        same = a.get("authority") is not None and a.get("authority") == b.get("authority")
        extra = same_authority_cost if authority == "prefer" and same else 0.0
        x["cost"] = x["score"] = None
        if "similarity" in loss and "gap" in loss and there > 0:
            x["cost"] = sum(x["loss"].values()) + extra
            x["score"] = math.exp(-sum(x["loss"].values()))
        if extra > 0:
            x["loss"]["same_authority"] = extra

        broken = x["broken"] = {}
        if i == j:
            broken["self"] = "one and the same school"
        if self.out(a) or a["role"] not in PARTNERS:
            broken["partner"] = "partner: " + (self.out(a) or "role is " + a["role"])
        full = "capacity is 0" if b["role"] in LEADS and b.get("capacity", 1) == 0 else None
        if self.out(b) or full or b["role"] not in LEADS:
            broken["lead"] = "lead: " + ("; ".join(filter(None, [self.out(b), full])) or "role is " + b["role"])
        if not self.pooled:
            if None in (a.get("sector"), b.get("sector")):
                broken["sector"] = "sector not known"
            elif a["sector"] != b["sector"]:
                broken["sector"] = "different sectors"
        if b["id"] in (a.get("excludes") or []) or a["id"] in (b.get("excludes") or []):
            broken["excluded"] = "excluded by one of the two"
        if a.get("cluster") is not None and a.get("cluster") == b.get("cluster"):
            broken["cluster"] = "same cluster"
        if authority == "different":
            if None in (a.get("authority"), b.get("authority")):
                broken["authority"] = "authority not known"
            elif same:
                broken["authority"] = "same authority"
        if max_km is not None and (x["km"] is None or x["km"] > max_km):
            broken["km"] = "distance not known" if x["km"] is None else "too far apart"
        if known and x["p"] < min_p_better:
            broken["p"] = "lead not likely enough to be better"
        if x["part"]["similarity"] is None or x["part"]["similarity"] < min_similarity:
            broken["similarity"] = "similarity not known" if x["part"]["similarity"] is None else "not similar enough"
        if x["part"]["gap"] is None:
            broken["score"] = "usable gap not known"
        elif there == 0:
            broken["score"] = "no part that has a weight is known"
        elif x["score"] is not None and x["score"] < min_score:
            broken["score"] = "score too low"
        # a cost that counts; plans.py puts the exact one in its place
        x["units"] = None if broken or x["cost"] is None else x["cost"]
        return x
