"""Random designs: rows of pupils, and what is asked of sipp about them.

A design is a dictionary:

    name        what is special about it
    terms       [(name, kind)], kind "number", "flag" (boolean) or "factor" (text)
    pupils      [(school, half, weight, y, {term: value})]; None is NULL
    weighted, ml, context (names), relevel ({factor: level}), halves (cohorts of
    half schools, merged), outside (schools that are not fitted)
"""
import random


def design(seed, name, schools=10, sizes=(3, 6, 9, 14), sd=0.6, numbers=2, scale=(), factors=0, levels=4, flag=False,
           alias=None, missing=0.0, between=False, **options):
    """One design.  scale: (mean, sd) of the first numbers; alias: what makes a column redundant."""
    rng = random.Random(seed)
    terms = [("x%d" % (k + 1), "number") for k in range(numbers)]
    if flag:
        terms.append(("b", "flag"))
    labels = {}
    for k in range(factors):
        f = "f%d" % (k + 1)
        terms.append((f, "factor"))
        # bytes decide the order: upper case before lower case before accents
        labels[f] = rng.sample(["Zeta", "alpha", "beta", "\u00e9t\u00e9", "B", "10", "9", "omega ", "\u03c9", "a,\"b"], levels)
    if between:
        terms.append(("s", "number"))
    if alias == "sum":
        terms.append(("z", "number"))
    elif alias == "coarse":
        # known from f1: every level of it but the reference is redundant
        terms.append(("g", "factor"))
    elif alias == "constant":
        terms.insert(0, ("c", "number"))

    pupils = []
    for j in range(schools + options.get("outside", 0)):
        u = rng.gauss(0, sd)
        shift = [rng.gauss(0, 0.7) for _ in range(numbers)]
        s = rng.gauss(0, 1)
        # no school has all levels of a factor
        own = {f: rng.sample(v, max(2, len(v) - 1 - rng.randrange(2))) for f, v in labels.items()}
        for i in range(rng.choice(sizes)):
            z = [m + rng.gauss(0, 1) for m in shift]
            values = {}
            for k in range(numbers):
                m, d = scale[k] if k < len(scale) else (0.0, 1.0)
                values["x%d" % (k + 1)] = m + d * z[k]
            if alias == "sum":
                # small integers, so that the sum is exact
                for k in range(numbers):
                    values["x%d" % (k + 1)] = float(round(4 * z[k]))
                values["z"] = 3.0 * values["x1"] - sum(values["x%d" % (k + 1)] for k in range(1, numbers)) + 7
            y = 3 + u + sum((1 - 0.4 * k) * z[k] for k in range(numbers)) + rng.gauss(0, 1)
            for f in own:
                values[f] = rng.choice(own[f])
                y += 0.5 * labels[f].index(values[f])
            if alias == "coarse":
                values["g"] = "low" if labels["f1"].index(values["f1"]) < 2 else "high"
            if alias == "constant":
                values["c"] = 0.1
            if flag:
                values["b"] = rng.random() < 0.4
                y -= 0.8 * values["b"]
            if between:
                values["s"] = s
                y += 0.3 * s
            weight = rng.choice([0.25, 1.0, 3.7]) * rng.uniform(0.5, 2) if options.get("weighted") else 1.0
            y = options.get("outcome", (0.0, 1.0))[0] + options.get("outcome", (0.0, 1.0))[1] * y
            if rng.random() < missing:
                y = None
            elif rng.random() < missing:
                values[rng.choice([t for t, _ in terms])] = None
            pupils.append(("school %d" % j, i % 2, weight, y, values))
    rng.shuffle(pupils)
    d = dict(name=name, terms=terms, pupils=pupils, weighted=False, ml=False, context=(), relevel={}, halves=False, outside=0)
    d.update({k: v for k, v in options.items() if k != "outcome"})
    d["million"] = any(abs(m) >= 1e6 * sd for m, sd in scale)
    d["out"] = {"school %d" % j for j in range(schools, schools + d["outside"])}
    return d


def designs():
    million = ((1e6, 1.0), (-3e6, 3.0))
    return [
        design(1, "no covariates", numbers=0, sizes=(1, 4, 9), outside=1),
        design(2, "two numbers", outside=1),
        design(3, "two numbers, ML", ml=True, halves=True, outside=1),
        design(4, "mean/sd 1e6", scale=million, outside=1),
        design(5, "mean/sd 1e6, ML, NULLs, outcome too", scale=million, ml=True, missing=0.1, outcome=(1e6, 1.0)),
        design(6, "a factor", factors=1, outside=1),
        design(7, "two factors, a flag, NULLs", factors=2, flag=True, missing=0.08, schools=14),
        design(8, "two factors alone, ML, halves", numbers=0, factors=2, ml=True, halves=True, schools=14),
        design(9, "weights", weighted=True, outside=1),
        design(10, "weights, a factor, ML, NULLs", weighted=True, ml=True, factors=1, missing=0.1),
        design(11, "context of a number", context=("x1",), schools=14, outside=1),
        design(12, "context of a number and a factor", context=("x2", "f1"), factors=1, levels=3, schools=18, outside=1),
        design(13, "context, weights, a flag, ML, halves", context=("x1", "b"), flag=True, weighted=True, ml=True, halves=True,
               schools=14),
        design(14, "a sum aliased", numbers=3, alias="sum", outside=1),
        design(15, "a coarser factor aliased, between", factors=1, alias="coarse", between=True, schools=14, outside=1),
        design(16, "a constant aliased, weights", alias="constant", weighted=True, factors=1, levels=3),
        design(17, "five schools, between", schools=5, numbers=1, between=True, sizes=(4, 9), outside=1),
        design(18, "large differences, outcome in thousands", sd=50.0, outcome=(2e5, 1e3), relevel={"f1": 2}, factors=1),
        design(19, "no difference between schools", sd=0.0, schools=8, sizes=(3, 5), numbers=1, outside=1),
        design(20, "everything: ML, mean/sd 1e6, weights, context, factors, NULLs", ml=True, scale=million, weighted=True,
               context=("x1", "f1"), factors=2, levels=3, flag=True, between=True, missing=0.05, schools=24, outside=1,
               relevel={"f2": 1}),
    ]
