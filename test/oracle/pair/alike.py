"""sipp.similar_schools against looking at every pair, by each metric.

Mahalanobis distances: scipy's, with the covariance pooled within sectors.  Those of
ranks: Rosenbaum's smahal as his R package DOS2 has it (average ranks, covariances
rescaled to the variance of 1..n, a generalised inverse).
"""

import json
import random

import numpy as np
from scipy.spatial.distance import mahalanobis
from scipy.stats import rankdata

import wild
from common import FULL, array, check, key, literal, near, query
from formula import Nation
from scores import weights_of

SEEDS = range(1, 3001 if FULL else 401)


def position(profile):
    """Mean position of a profile."""
    return sum(x * (k + 0.5) for k, x in enumerate(profile)) / len(profile)


def columns(n, own):
    x = [list(n.schools[k].get("context") or []) + ([position(n.schools[k]["deprivation"])] if n.bands else []) for k in own]
    return np.array(x, dtype=float).reshape(len(own), -1)


def keep_independent(z):
    """Columns that are not constant and do not follow from those before them."""
    kept = []
    for v in range(z.shape[1]):
        own = z[:, v]
        if np.ptp(own) <= 1e-9:
            continue
        rest = own - z[:, kept] @ np.linalg.lstsq(z[:, kept], own, rcond=None)[0] if kept else own
        if np.linalg.norm(rest) > 1e-6 * np.linalg.norm(own):
            kept.append(v)
    return kept


def smahal(x):
    """DOS2's rank-based distances of all rows, squared."""
    r = np.apply_along_axis(rankdata, 0, x)
    cv = np.cov(r, rowvar=False).reshape(x.shape[1], -1)
    ratio = np.sqrt(np.var(np.arange(1, len(x) + 1), ddof=1) / np.diag(cv))
    cv = np.diag(ratio) @ cv @ np.diag(ratio)
    icov = np.linalg.pinv(cv)
    d = r[:, None, :] - r[None, :, :]
    return np.einsum("ijk,kl,ijl->ij", d, icov, d)


def root(a):
    """Symmetric root of a positive matrix."""
    value, vector = np.linalg.eigh(a)
    return vector @ np.diag(np.sqrt(value)) @ vector.T


def distances(n, metric):
    """{(i, j): (distance, shares by name or None)} within sectors, and d10 by sector."""
    units = {name: [k for k in n.members(name) if n.comparable(y, k)] if metric == "weighted" else y.own for name, y in n.yard.items()}
    units = {name: own for name, own in units.items() if own}
    names = n.variables + (["deprivation"] if n.bands else [])
    out, tenth = {}, {}
    if metric == "weighted":
        for name, own in units.items():
            y = n.yard[name]
            for i in own:
                for j in own:
                    if i != j and n.distance(y, i, j) is not None:
                        out[i, j] = n.distance(y, i, j), n.shares(y, i, j)
            tenth[name] = y.tenth
        return out, tenth
    centred, factor, raw = [], {}, {}
    for name, own in units.items():
        x = columns(n, own)
        if metric == "rank_mahalanobis":
            x = np.apply_along_axis(rankdata, 0, np.round(x, 12))
            x = x / np.sqrt(len(own) * (len(own) + 1) / 12)
        raw[name] = x
        centred.append(x - x.mean(axis=0))
    z = np.vstack(centred) if centred else np.zeros((0, len(names)))
    kept = keep_independent(z) if len(z) else []
    df = max(len(z) - len(units), 1)
    cov = (z[:, kept].T @ z[:, kept] / df).reshape(len(kept), len(kept))
    sd = np.sqrt(np.diag(cov))
    if metric == "rank_mahalanobis":
        # of ranks, the rescaled covariance: correlations, in units of ranks without ties
        inverse, mix = np.linalg.inv(cov / np.outer(sd, sd)), None
        scale = np.ones(len(kept))
    else:
        inverse, scale = np.linalg.inv(cov), sd
    mix = root(inverse * np.outer(scale, scale)) / scale if len(kept) else np.zeros((0, 0))
    for name, own in units.items():
        x = raw[name][:, kept]
        for a, i in enumerate(own):
            for b, j in enumerate(own):
                if i != j:
                    d = mahalanobis(x[a], x[b], inverse) if kept else 0.0
                    t = (mix @ (x[a] - x[b])) ** 2 if kept else []
                    out[i, j] = d, dict(dict.fromkeys(names, 0.0), **{names[v]: s for v, s in zip(kept, t)})
        near_by = [sorted(out[i, j][0] for j in own if j != i)[min(10, len(own) - 1) - 1] for i in own if len(own) > 1]
        tenth[name] = float(np.median(near_by)) if near_by else None
    return out, tenth


def conditioned(n):
    """Is there a covariance to speak of?  Otherwise what follows from what is a matter of rounding."""
    z = [columns(n, y.own) for y in n.yard.values() if y.own]
    if not z:
        return True
    z = np.vstack([x - x.mean(axis=0) for x in z])
    kept = keep_independent(z)
    return len(z) - len(n.yard) > len(kept) and (not kept or np.linalg.cond(np.corrcoef(z[:, kept].T).reshape(len(kept), -1)) < 1e6)


def lonely(n, i, authority, metric, lacking):
    """Why a school has no neighbours."""
    s = n.schools[i]
    why = n.missing(s)
    if not n.pooled and s.get("sector") is None:
        why.append("no sector")
    if authority != "any" and s.get("authority") is None:
        why.append("no authority")
    if why:
        return "; ".join(why)
    y = n.yard[None if n.pooled else s["sector"]]
    if not n.complete[i] and (metric != "weighted" or not n.comparable(y, i)):
        names = n.without(i, i)
        return "context: %s %s NULL; %s" % (", ".join(names), "are" if len(names) > 1 else "is",
                                            "nothing that it has can be measured by schools with complete context" if metric == "weighted" else
                                            "metric => 'weighted' compares what both schools have")
    return "no other school%s %s%s" % ("" if n.pooled else " of its sector",
                                       "that it can be compared with" if lacking else "with complete context",
                                       "" if authority == "any" else " in another authority")


def wrong_with(n, k, authority, metric, rows):
    found = []
    # does anybody lack something whom others are compared with, or might have been but for that?
    lacking = metric == "weighted" and any(
        not n.complete[i] and n.placed[i] and (n.pooled or s.get("sector") is not None) and
        len(n.yard[None if n.pooled else s["sector"]].own) > 1 for i, s in enumerate(n.schools))
    d, tenth = distances(n, metric)
    loose = 1e-11 if metric == "weighted" else 1e-8

    def area(i):
        return None if n.pooled else n.schools[i].get("sector")

    def may(i, j):
        a, b = n.schools[i].get("authority"), n.schools[j].get("authority")
        return authority == "any" or (a is not None and b is not None and a != b)

    theirs = {}
    for r in rows:
        theirs.setdefault(r["school"], []).append(r)
    if sorted(theirs, key=key) != [s["id"] for s in n.schools]:
        return ["schools %s" % list(theirs)]
    if [r["school"] for r in rows] != sorted((r["school"] for r in rows), key=key):
        found.append("rows not by school")
    for i, s in enumerate(n.schools):
        mine = theirs[s["id"]]
        who = sorted((d[i, j][0], j) for j in range(len(n.schools)) if (i, j) in d and may(i, j))
        if not who:
            why = lonely(n, i, authority, metric, lacking)
            if len(mine) != 1 or mine[0]["reason"] != why or mine[0]["neighbour"] is not None:
                found.append("%s has %s, not %s" % (s["id"], mine, why))
            continue
        if len(mine) != min(k, len(who)) or [r["rank"] for r in mine] != list(range(1, len(mine) + 1)):
            found.append("%s has %d neighbours of %d" % (s["id"], len(mine), len(who)))
            continue
        for r, (least, _) in zip(mine, who):
            j = n.at[r["neighbour"]]
            true, shares = d.get((i, j), (None, None))
            if true is None or not may(i, j):
                found.append("%s of %s is none" % (r["neighbour"], s["id"]))
                continue
            if abs(r["distance"] - true) > loose * max(1, true) or abs(true - least) > loose * max(1, true):
                found.append("%s: distance of %s %s, not %s; the %d-th has %s" % (s["id"], r["neighbour"], r["distance"], true, r["rank"], least))
            t = tenth[area(i)]
            like = (1.0 if true <= 1e-9 else 0.0) if t <= 1e-9 else 2 ** -(true / t) ** 2
            if abs(r["similarity"] - like) > 1e3 * loose:
                found.append("similarity of %s and %s %s, not %s" % (s["id"], r["neighbour"], r["similarity"], like))
            if r["mutual"] != any(x["neighbour"] == s["id"] for x in theirs[r["neighbour"]]):
                found.append("%s and %s mutual" % (s["id"], r["neighbour"]))
            without = n.without(i, j) if n.variables else []
            if r["reason"] != ("compared without " + ", ".join(without) if without else None):
                found.append("reason of %s and %s %s, not %s" % (s["id"], r["neighbour"], r["reason"], without))
            if (r["contributions"] is None) != (r["distance"] == 0):
                found.append("contributions where there is no distance")
            elif r["contributions"] and true > 1e-6:
                total = sum(shares.values())
                if abs(sum(r["contributions"].values()) - 1) > 1e-12 or sorted(r["contributions"]) != sorted(shares) or any(
                        abs(r["contributions"][v] - x / total) > 1e3 * loose for v, x in shares.items()):
                    found.append("contributions of %s and %s %s, not %s" % (s["id"], r["neighbour"], r["contributions"], shares))
        for a, b in zip(mine, mine[1:]):
            if a["distance"] > b["distance"] or a["distance"] == b["distance"] and key(a["neighbour"]) > key(b["neighbour"]):
                found.append("order of %s and %s for %s" % (a["neighbour"], b["neighbour"], s["id"]))
    return found


def run():
    wrong = {m: [] for m in ("weighted", "mahalanobis", "rank_mahalanobis")}
    count = dict.fromkeys(wrong, 0)
    cases, statements = [], []
    for seed in SEEDS:
        rng = random.Random(seed)
        schools = wild.nation(seed + 90000, size=rng.choice([None, None, 12, 16]))
        pooled, authority, k = rng.random() < 0.4, rng.choice(["any", "different"]), rng.choice([1, 2, 3, 10])
        for metric in wrong:
            w = weights_of(Nation(schools), seed) if metric == "weighted" else None
            n = Nation(schools, w, pooled)
            if metric != "weighted" and not conditioned(n):
                continue
            cases.append((seed, n, k, authority, metric))
            statements.append("SELECT jsonb_agg(r) FROM sipp.similar_schools(%s, %d, %s, %s, %s, %s) r" % (
                array(schools), k, literal(w), literal(authority), literal("any" if pooled else "same"), literal(metric)))
    for (seed, n, k, authority, metric), rows in zip(cases, query(statements)):
        count[metric] += 1
        wrong[metric] += ["seed %d: %s" % (seed, x) for x in wrong_with(n, k, authority, metric, rows)]
    for metric, found in wrong.items():
        check(found, "neighbours by %s in %d nations" % (metric, count[metric]))
    # one sector, no ties of design: Rosenbaum's to the letter
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = np.round(rng.normal(size=(30, 3)) @ rng.normal(size=(3, 3)), 1 if seed % 2 else 6)
        schools = [{"id": "%02d" % i, "sector": "s", "role": "none", "context": [float(v) for v in row]} for i, row in enumerate(x)]
        d2 = smahal(x)
        for r in query(["SELECT jsonb_agg(r) FROM sipp.similar_schools(%s, 29, metric => 'rank_mahalanobis') r" % array(schools)])[0]:
            want = d2[int(r["school"]), int(r["neighbour"])]
            if not near(r["distance"] ** 2, want, 1e-9):
                found.append("%d: %s, not %s" % (seed, r["distance"] ** 2, want))
    check(found, "ranks of one sector as Rosenbaum's smahal")
