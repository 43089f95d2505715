"""Small nations in which anything can be missing, the same or tied."""

import random

NAMES = ["a", "B", "b", "Z", "ä", "school 10", "school 9", "école", "中学", "𝒳", "it's", "x\"y", "-", "é"]


def nation(seed, size=None, tidy=False):
    """Schools as arguments of sipp.school; tidy: little is missing, so that much can be paired."""
    rng = random.Random(seed)
    alike = 0.85 if rng.random() < 0.08 else 0.12
    n = size or (rng.randint(2, 9) if alike < 0.5 else 14)
    rare = 0.02 if tidy else 0.12

    def maybe(value, chance=rare):
        return None if rng.random() < chance else value

    nvar = rng.choice([0, 1, 2, 3])
    nband = rng.choice([0, 2, 5, 10]) if nvar else rng.choice([2, 5])
    nsubject = rng.choice([0, 1, 3])
    coarse = rng.random() < 0.4
    flat = [rng.random() < 0.15 for _ in range(nvar)]
    sectors = rng.choice([["s"], ["s"], ["s", "t"]])
    authorities = ["A%d" % k for k in range(rng.choice([2, 3, 6]))]
    names = (rng.sample(NAMES, min(n, len(NAMES))) + ["school %d" % k for k in range(100, 100 + n)])[:n]
    sure = rng.random() < 0.1

    def number(sd):
        return float(rng.choice([-1, 0, 0.5, 1])) * sd if coarse else round(rng.gauss(0, sd), 6)

    def profile():
        cut = [rng.randint(0, 4) if coarse else rng.gammavariate(1, 1) for _ in range(nband)]
        cut[rng.randrange(nband)] += 1
        share = [c / sum(cut) for c in cut]
        share[share.index(max(share))] += 1 - sum(share)
        if rng.random() < 0.2:
            # as it is published
            share = [round(x, 3) for x in share]
        return [maybe(x, rare / 6) for x in share]

    schools = []
    for i in range(n):
        if schools and rng.random() < alike:
            # the same as another in all that is measured
            s = dict(rng.choice(schools), id=names[i], authority=maybe(rng.choice(authorities)), excludes=None)
            schools.append(s)
            continue
        s = {
            "id": names[i],
            "sector": maybe(rng.choice(sectors)),
            "authority": maybe(rng.choice(authorities)),
            "cluster": maybe("C%d" % rng.randrange(8), 0.5),
            "role": rng.choice(["partner", "partner", "coasting", "lead", "lead", "lead", "either", "either"] +
                               ([] if tidy else ["none", None])),
            "consent": rng.random() > rare / 2,
            "effect": maybe(number(0.4)),
            "effect_se": maybe(0.0 if sure else abs(number(0.15))),
            "context": maybe([3.25 if flat[v] and rng.random() > rare else maybe(number(1), rare) for v in range(nvar)]) if nvar else None,
            "deprivation": maybe(profile()) if nband else None,
            "capacity": rng.choice([0, 1, 1, 1, 2, 3] if tidy else [0, 1, 2]),
            "excludes": rng.sample(names + ["nobody"], rng.choice([0, 0, 1, 2])),
        }
        if nvar and s["context"] is None:
            pass
        elif nvar == 2:
            s["context_names"] = ["fsm", "roll"]
        if nsubject:
            s["subjects"] = maybe([maybe(number(0.4)) for _ in range(nsubject)])
            if s["subjects"] is not None:
                s["subjects_se"] = [maybe(abs(number(0.2))) for _ in range(nsubject)]
                if nsubject == 3:
                    s["subject_names"] = ["maths", "art", "Gàidhlig"]
        if rng.random() > rare:
            s["lat"], s["lon"] = round(55 + 4 * rng.random(), 4), round(-6 + 5 * rng.random(), 4)
        s["excludes"] = sorted(set(s["excludes"]) - {s["id"]}) or None
        schools.append(s)
    for s in schools:
        if s.get("excludes"):
            s["excludes"] = [x for x in s["excludes"] if x != s["id"]] or None
    return schools


def options(seed, plan=False):
    """Options of sipp.pairing_plan or, without its own, of sipp.pairing_score."""
    rng = random.Random(seed * 7 + 3)
    o = {}
    easy = plan and rng.random() < 0.6

    def sometimes(name, value, chance=0.3):
        if rng.random() < chance:
            o[name] = value

    sometimes("weights", rng.choice([{"travel": 0}, {"similarity": 1, "gap": 0}, {"gap": 3, "complementarity": 2},
                                     {"similarity": 0, "gap": 0, "complementarity": 0}]))
    sometimes("authority", rng.choice(["prefer", "any", "different"]), 0.6)
    sometimes("same_authority_cost", rng.choice([0.0, 0.05, 1.5]))
    sometimes("max_km", rng.choice([60.0, 150.0, 300.0]))
    sometimes("min_p_better", rng.choice([0.0, 0.3, 0.6, 0.95]), 0.7)
    sometimes("min_similarity", rng.choice([0.0, 0.0, 0.0, 0.07, 0.31, 0.61]), 0.8)
    sometimes("min_score", rng.choice([0.04, 0.13, 0.41]))
    sometimes("target_gap", rng.choice([0.05, 0.5, 3.0]))
    sometimes("half_km", rng.choice([5.0, 100.0]))
    sometimes("spread_km", rng.choice([1.0, 50.0]))
    if easy:
        # little is forbidden, so that there is much to choose from
        for name in ("max_km", "min_similarity", "min_score"):
            o.pop(name, None)
        o["min_similarity"] = 0.0
        o["authority"] = rng.choice(["any", "any", "prefer"])
        o["min_p_better"] = rng.choice([0.0, 0.2])
    if plan:
        sometimes("sector", "any", 0.8 if easy else 0.3)
        sometimes("unpaired_cost", rng.choice([0.3, 0.8, 1.5, 4.0]))
        sometimes("supports_per_partner", rng.choice([2, 3]))
    return o
