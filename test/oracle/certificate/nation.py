"""A nation's schools and what pairs of them are worth, from the formulas alone.

Numbers not known are NaN, words not known None.  Matrices are partner by lead, over all
schools.
"""

import json

import numpy as np
from scipy.special import ndtr

EARTH = 6371.0088
WEIGHTS = {"similarity": 0.4, "gap": 0.3, "complementarity": 0.15, "travel": 0.15}
PARTNER = ("partner", "coasting", "either")
LEAD = ("lead", "either")


def make(seed, n=300):
    """Random schools: two sectors, clusters, exclusions, and something missing everywhere."""
    rng = np.random.default_rng(seed)
    schools = []
    for i in range(n):
        def maybe(value, chance):
            return None if rng.random() < chance else value

        advantage = rng.normal()
        share = np.exp(-0.5 * ((np.arange(10) - 4.5 - 2 * advantage) / 2.5) ** 2) * rng.gamma(2, size=10)
        share = share / share.sum()
        share[np.argmax(share)] += 1 - share.sum()
        effect = rng.normal(0, 0.4)
        schools.append({
            "id": "school %d" % ((i * 7919) % n),
            "sector": maybe("secondary" if i % 3 else "special", 0.02),
            "authority": maybe("authority %d" % rng.integers(12), 0.02),
            "cluster": maybe("trust %d" % rng.integers(25), 0.6),
            "role": str(rng.choice(["partner", "coasting", "lead", "either", "none"], p=[0.35, 0.1, 0.35, 0.1, 0.1])),
            "effect": maybe(effect, 0.03),
            "effect_se": maybe(float(rng.uniform(0.05, 0.3)), 0.01),
            "context": [float(rng.normal()) if rng.random() > 0.05 else None,
                        float(np.round(advantage + rng.normal(), 1)) if rng.random() > 0.05 else None, 3.0],
            "context_names": ["size", "needs", "same everywhere"],
            "deprivation": maybe([float(x) for x in share], 0.02),
            "subjects": [float(effect + rng.normal(0, 0.3)) if rng.random() > 0.1 else None for _ in range(3)],
            "subjects_se": [float(rng.uniform(0.1, 0.3)) for _ in range(3)],
            "subject_names": ["maths", "reading", "science"],
            "lat": float(55 + 4 * rng.random()), "lon": float(-6 + 4 * rng.random()),
            "capacity": int(rng.integers(0, 4)),
            "excludes": ["school %d" % rng.integers(n) for _ in range(rng.integers(3))],
        })
        school = schools[-1]
        school["excludes"] = sorted(set(school["excludes"]) - {school["id"]})
        if rng.random() < 0.05:
            school["lat"] = school["lon"] = None
    # some differ in nothing but name, room and exclusions: ties
    for i in range(0, 60, 2):
        for field in set(schools[i]) - {"id", "capacity", "excludes"}:
            schools[i + 1][field] = schools[i][field]
    return schools


def text(school):
    """The text form of sipp.school."""
    known = {k: v for k, v in school.items() if v is not None and v != []}
    return json.dumps(dict(version=1, **known))


def halved(schools):
    """The same schools with every band of the profile cut in two equal halves."""
    return [dict(s, deprivation=None if s["deprivation"] is None else [x / 2 for x in s["deprivation"] for _ in (0, 1)])
            for s in schools]


def wasserstein(f, g):
    """Integral of |F - G| over (0, 1), both linear between the given edges (the last axis)."""
    d = np.pad(f - g, [(0, 0)] * (np.ndim(f - g) - 1) + [(1, 1)])
    a, b = d[..., :-1], d[..., 1:]
    # where the sign changes the two triangles meet at a/(a - b) of the band
    cross = a * b < 0
    at = np.where(cross, a / np.where(cross, a - b, 1), 0)
    area = np.where(cross, (np.abs(a) * at + np.abs(b) * (1 - at)) / 2, (np.abs(a) + np.abs(b)) / 2)
    return area.mean(axis=-1)


def column(schools, field):
    return np.array([np.nan if s[field] is None else s[field] for s in schools], dtype=float)


def codes(schools, field):
    names = sorted({s[field] for s in schools} - {None})
    return np.array([-1 if s[field] is None else names.index(s[field]) for s in schools])


def psi_difference(m, s, g):
    """Usable gap, s > 0: (s/g)(psi(m/s) - psi((m - g)/s))."""
    def psi(x):
        return x * ndtr(x) + np.exp(-x * x / 2) / np.sqrt(2 * np.pi)

    # by symmetry from the side where nothing cancels
    low = m <= g / 2
    t = np.where(low, m, g - m)
    b = s / g * (psi(t / s) - psi((t - g) / s))
    return np.where(low, b, 1 - b)


def spread_of_effects(effect, se):
    both = ~np.isnan(effect) & ~np.isnan(se)
    return np.sqrt(np.var(effect[both], ddof=1) + np.mean(se[both] ** 2))


class Nation:
    """All pairs' parts, losses and costs; which are allowed under some options."""

    def __init__(self, schools, pooled=False):
        self.schools = schools
        self.id = [s["id"] for s in schools]
        self.n = n = len(schools)
        self.sector = np.zeros(n, int) if pooled else codes(schools, "sector")
        self.pooled = pooled
        context = np.array([[np.nan if x is None else x for x in s["context"]] for s in schools])
        bands = len(next(s["deprivation"] for s in schools if s["deprivation"]))
        cumulated = np.array([np.full(bands - 1, np.nan) if s["deprivation"] is None
                              else np.cumsum(s["deprivation"])[:-1] for s in schools])
        self.complete = ~np.isnan(context).any(axis=1) & ~np.isnan(cumulated).any(axis=1)
        self.placed = ~np.isnan(context).all(axis=1) & ~np.isnan(cumulated).any(axis=1)
        self.effect, self.se = column(schools, "effect"), column(schools, "effect_se")
        subject = np.array([[np.nan if x is None else x for x in s["subjects"]] for s in schools])
        subject_se = np.array([s["subjects_se"] for s in schools])

        d2 = np.full((n, n), np.nan)
        tenth, target = np.full(n, np.nan), np.full(n, np.nan)
        subject_target = np.full((n, subject.shape[1]), np.nan)
        self.scale = {}
        for k in sorted(set(self.sector) - {-1}):
            all_of = np.flatnonzero(self.sector == k)
            own = all_of[self.complete[all_of]]
            weight = 1 / (context.shape[1] + 1)
            # over what both have, stretched to the weight of all that varies
            some = all_of[self.placed[all_of]]
            whole = self.complete[some]
            sub, common = np.zeros((len(some), len(some))), np.full((len(some), len(some)), weight)
            every = weight
            spreads = []
            for v in range(context.shape[1]):
                x = context[own, v]
                q = np.percentile(x, [25, 75])
                s = (q[1] - q[0]) / 1.349 or np.std(x, ddof=1)
                spreads.append(s)
                if s > 0:
                    x = context[some, v]
                    both = ~np.isnan(x)[:, None] & ~np.isnan(x)[None, :]
                    sub += np.where(both, weight * ((x[:, None] - x[None, :]) / s) ** 2, 0)
                    common += weight * both
                    every += weight
            mean = cumulated[own].mean(axis=0)
            s_w = np.median(wasserstein(cumulated[own], mean)) / 0.6745
            sub += weight * (wasserstein(cumulated[some][:, None], cumulated[some][None, :]) / s_w) ** 2
            near = np.sort(np.where(np.eye(len(own), dtype=bool), np.inf, sub[np.ix_(whole, whole)]), axis=1)
            tenth[all_of] = np.median(np.sqrt(near[:, min(10, len(own) - 1) - 1]))
            d2[np.ix_(some, some)] = sub * (every / common)
            target[all_of] = spread_of_effects(self.effect[all_of], self.se[all_of])
            for t in range(subject.shape[1]):
                subject_target[all_of, t] = spread_of_effects(subject[all_of, t], subject_se[all_of, t])
            name = None if pooled else next(s["sector"] for s, c in zip(schools, self.sector) if c == k)
            self.scale[name] = (spreads, s_w, tenth[all_of[0]], target[all_of[0]])

        self.m = self.effect[None, :] - self.effect[:, None]
        self.s = np.sqrt(self.se[None, :] ** 2 + self.se[:, None] ** 2)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.p_better = ndtr(self.m / self.s)
            parts = {"similarity": 2 ** -(d2 / tenth[:, None] ** 2),
                     "gap": psi_difference(self.m, self.s, target[:, None])}
        met, need = np.zeros((n, n)), np.zeros((n, n))
        for t in range(subject.shape[1]):
            y, e = subject[:, t], subject_se[:, t]
            known = ~np.isnan(y)
            needy = known & ~np.isnan(subject_target[:, t])
            want = np.where(needy, np.maximum(0, -np.nan_to_num(y)), 0)[:, None] * known[None, :]
            gap = psi_difference(np.nan_to_num(y[None, :] - y[:, None]), np.sqrt(e[None, :] ** 2 + e[:, None] ** 2),
                                 np.where(np.isnan(subject_target[:, t]), 1, subject_target[:, t])[:, None])
            need += want
            met += want * gap
        with np.errstate(invalid="ignore", divide="ignore"):
            parts["complementarity"] = np.where(need > 0, met / need, np.nan)
        lat, lon = np.radians(column(schools, "lat")), np.radians(column(schools, "lon"))
        h = (np.sin((lat[:, None] - lat[None, :]) / 2) ** 2 +
             np.cos(lat)[:, None] * np.cos(lat)[None, :] * np.sin((lon[:, None] - lon[None, :]) / 2) ** 2)
        self.km = 2 * EARTH * np.arcsin(np.sqrt(h))
        parts["travel"] = 1 / (1 + np.exp((self.km - 60) / 12))
        self.parts = parts
        there = {k: ~np.isnan(v) for k, v in parts.items()}
        total = sum(WEIGHTS[k] * there[k] for k in parts)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.losses = {k: np.where(there[k], WEIGHTS[k] / total * np.minimum(-np.log(v), 20), np.nan)
                           for k, v in parts.items()}
        self.parts_cost = sum(np.nan_to_num(v) for v in self.losses.values())
        self.parts_cost[~there["similarity"] | ~there["gap"]] = np.nan

    def cost(self, authority="different", same_authority_cost=0.1, **_):
        if authority != "prefer":
            return self.parts_cost
        a = codes(self.schools, "authority")
        return self.parts_cost + same_authority_cost * ((a[:, None] == a[None, :]) & (a[:, None] >= 0))

    def allowed(self, authority="different", max_km=None, min_p_better=0.8, min_similarity=0.2, min_score=0, **_):
        """Pairs that no rule forbids."""
        role = [s["role"] for s in self.schools]
        fit = self.placed & ~np.isnan(self.effect) & ~np.isnan(self.se)
        room = np.array([s["capacity"] > 0 for s in self.schools])
        ok = np.outer(fit & np.isin(role, PARTNER), fit & room & np.isin(role, LEAD)) & ~np.eye(self.n, dtype=bool)
        ok &= (self.sector[:, None] == self.sector[None, :]) & (self.sector[:, None] >= 0)
        a, c = codes(self.schools, "authority"), codes(self.schools, "cluster")
        if authority == "different":
            ok &= (a[:, None] != a[None, :]) & (a[:, None] >= 0) & (a[None, :] >= 0)
        ok &= ~((c[:, None] == c[None, :]) & (c[:, None] >= 0))
        at = {i: k for k, i in enumerate(self.id)}
        for k, s in enumerate(self.schools):
            for other in s["excludes"]:
                if other in at:
                    ok[k, at[other]] = ok[at[other], k] = False
        with np.errstate(invalid="ignore"):
            if max_km is not None:
                ok &= self.km <= max_km
            ok &= self.p_better >= min_p_better
            ok &= self.parts["similarity"] >= min_similarity
            ok &= np.exp(-self.parts_cost) >= min_score
        return ok & ~np.isnan(self.parts_cost)
