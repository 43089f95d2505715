"""Distributions of room virtual against scipy: p values, flip risks, verdicts, the
exact test of shares.  Draws once more, with numpy's Philox and by the words at the
head of src/virtual/draw.c.  Figures come from the tables that the SQL files have made.
"""
import csv
import io
import os
import subprocess
import uuid

import numpy as np
from scipy import stats

TOL = 1e-12


def query(sql):
    out = subprocess.run([os.environ.get("PSQL", "psql"), "-Xq", "--csv", "-v", "ON_ERROR_STOP=1", "-c", sql],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    return list(csv.DictReader(io.StringIO(out)))


def number(s):
    return None if s == "" else float(s)


def agree(what, pairs, tol=TOL, negative=False):
    """pairs of (ours, scipy's); a probability is compared relative to itself"""
    worst = 0.0
    for ours, theirs in pairs:
        if ours is None or theirs is None:
            worst = max(worst, 0.0 if ours is theirs else float("inf"))
        elif ours != theirs:
            worst = max(worst, abs(ours - theirs) / max(abs(theirs), 1e-300))
    ok = len(pairs) > 0 and (worst > tol if negative else worst <= tol)
    print("%s %s%s: %d compared, worst %.1e, %s %g" % ("ok    " if ok else "FAILED", "negative control, " if negative else "",
                                                     what, len(pairs), worst, "more than" if negative else "allowed", tol))


def two_sided(z):
    return None if z is None else 2 * stats.norm.sf(abs(z))


def flip(z, noise):
    """P(|z + noise N| is on the other side of 1.96 than |z|)"""
    if z is None or noise is None:
        return None
    if noise == 0:
        return 0.0
    near, far = (1.96 - abs(z)) / noise, (-1.96 - abs(z)) / noise
    if abs(z) > 1.96:
        return stats.norm.cdf(near) - stats.norm.cdf(far)
    return stats.norm.sf(near) + stats.norm.cdf(far)


def benchmarks():
    rows = [{k: number(v) for k, v in r.items()} for r in
            query("SELECT z, p_value, std_error, draw_se, flip_risk FROM virtual_oracle.school_ours")]
    agree("p_value of virtual_school", [(r["p_value"], two_sided(r["z"])) for r in rows])
    # far out in the tail its relative error is that of the square of the bound
    agree("flip_risk of virtual_school",
          [(r["flip_risk"], flip(r["z"], None if r["z"] is None else r["draw_se"] / r["std_error"])) for r in rows], tol=1e-11)
    agree("flip_risk with draw_se for noise", [(r["flip_risk"], flip(r["z"], r["draw_se"])) for r in rows], negative=True)


def verdicts():
    rows = query("""SELECT d.*, v.* FROM (
            SELECT difference, std_error, school_variance, CASE WHEN n % 5 > 0 THEN draw_se END AS draw_se
            FROM (SELECT *, row_number() OVER () AS n FROM virtual_oracle.school_ours) s, (VALUES (0::float8), (400), (2500), (1e5), (NULL)) t (school_variance)
            UNION ALL VALUES (1e-3, 1e-4, 0, 2e-5), (0, 1, 1, 1), (-5, 1, 3, 0), (1.96, 1, 0, .1), (-1.96, 1, 0, .1),
                             (1.9600001, 1, 0, .1), (30, 1, .5, 1), (NULL, 1, 1, 1), (1, NULL, 1, 1)
        ) d, LATERAL sipp.verdict(difference, std_error, school_variance, draw_se) v""")
    z, p, risk, words = [], [], [], []
    for r in rows:
        d, se, var, draw = (number(r[k]) for k in ("difference", "std_error", "school_variance", "draw_se"))
        known = None not in (d, se, var) and (se > 0 or var > 0)
        sd = np.hypot(se, np.sqrt(var)) if known else None
        want = d / sd if known else None
        z.append((number(r["z_schools"]), want))
        p.append((number(r["p_value"]), two_sided(want)))
        risk.append((number(r["flip_risk"]), flip(want, draw / sd) if known and draw is not None else None))
        word = "" if want is None else "as expected" if abs(want) <= 1.96 else "higher" if want > 0 else "lower"
        words.append((float(r["verdict"] != word), 0.0))
    agree("z_schools of verdict", z)
    # as above
    agree("p_value of verdict", p, tol=1e-11)
    agree("flip_risk of verdict", risk, tol=1e-11)
    agree("the word of verdict", words, tol=0)


def share_p(cells, successes):
    """cells: (pupils, their successes, pool, ones of the pool); given how many of a cell succeed,
    those of the unit are hypergeometric, and what is no more probable counts"""
    dist = np.ones(1)
    for n, own, pool, ones in cells:
        dist = np.convolve(dist, stats.hypergeom.pmf(np.arange(n + 1), n + pool, own + ones, n))
    return min(1.0, dist[dist <= dist[successes] * (1 + 1e-7)].sum())


def shares():
    # a cell of a school: its pupils who have the same pool
    rows = query("""
        WITH p AS MATERIALIZED (
            SELECT school, authority, literacy, dense_rank() OVER (ORDER BY sex, stage, simd_quintile, crowd) AS cell
            FROM virtual_oracle.nested
        ), g AS (SELECT school, authority, cell, count(*) AS n, sum(literacy::int) AS successes FROM p GROUP BY school, authority, cell)
        SELECT g.*, count(q.literacy) AS pool, coalesce(sum(q.literacy::int), 0) AS ones,
               (SELECT count(*) FROM p WHERE p.cell = g.cell) AS total
        FROM g LEFT JOIN p q ON q.cell = g.cell AND q.school <> g.school AND q.authority <> g.authority
        GROUP BY g.school, g.authority, g.cell, g.n, g.successes""")
    want = {}
    for r in rows:
        want.setdefault(r["school"], []).append({k: int(r[k]) for k in ("n", "successes", "pool", "ones", "total")})
    for overload, outcome in (("boolean", "literacy"), ("0 and 1", "literacy::int::float8")):
        ours = query("""
            SELECT school, b.* FROM (
                SELECT school, sipp.virtual_school_share(y, peer) AS v FROM (
                    SELECT school, y, sipp.comparator(y, school, authority) OVER (PARTITION BY sex, stage, simd_quintile, crowd) AS peer
                    FROM (SELECT *, %s AS y FROM virtual_oracle.nested OFFSET 0) s) p
                GROUP BY school) s, LATERAL (SELECT (s.v).*) b""" % outcome)
        figures = {k: [] for k in ("pupils", "matched", "unmatched", "actual", "virtual", "successes", "expected", "p_value", "dropped")}
        wrong = []
        for r in ours:
            cells = want[r["school"]]
            matched = [c for c in cells if c["pool"] > 0]
            n = sum(c["n"] for c in matched)
            successes = sum(c["successes"] for c in matched)
            expected = sum(c["n"] * c["ones"] / c["pool"] for c in matched)
            truth = dict(pupils=sum(c["n"] for c in cells), matched=n, unmatched=sum(c["n"] for c in cells) - n,
                         actual=successes / n if n else None, virtual=expected / n if n else None, successes=successes if n else None,
                         expected=expected if n else None, dropped=0,
                         p_value=share_p([(c["n"], c["successes"], c["pool"], c["ones"]) for c in matched], successes) if n else None)
            for k in figures:
                figures[k].append((number(r[k]), truth[k]))
            if n:
                wrong.append((number(r["p_value"]), share_p([(n, successes, sum(c["pool"] for c in matched), sum(c["ones"] for c in matched))], successes)))
        for k, pairs in figures.items():
            # a convolution of hundreds of cells rounds as often
            agree("%s of virtual_school_share, %s" % (k, overload), pairs, tol=1e-10 if k == "p_value" else TOL)
        agree("p_value of one cell of all, %s" % overload, wrong, negative=True)


M64 = (1 << 64) - 1


def siphash24(data, k0, k1):
    """SipHash-2-4 (Aumasson and Bernstein 2012)"""
    def rotate(x, b):
        return ((x << b) | (x >> (64 - b))) & M64

    def rounds(v, n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & M64
            v[2] = (v[2] + v[3]) & M64
            v[1] = rotate(v[1], 13) ^ v[0]
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[1]) & M64
            v[0] = (v[0] + v[3]) & M64
            v[1] = rotate(v[1], 17) ^ v[2]
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = rotate(v[2], 32)

    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]
    end = len(data) - len(data) % 8
    words = [int.from_bytes(data[i:i + 8], "little") for i in range(0, end, 8)]
    words.append(int.from_bytes(data[end:] + bytes(7 - len(data) % 8) + bytes([len(data) & 255]), "little"))
    for m in words:
        v[3] ^= m
        rounds(v, 2)
        v[0] ^= m
    v[2] ^= 255
    rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


class Stream:
    """A pupil's numbers: src/num/random.h"""

    def __init__(self, seed, id_):
        seed &= M64
        if isinstance(id_, int):
            kind, words = 1, (id_ & M64, 0)
        elif isinstance(id_, uuid.UUID):
            kind, words = 2, (id_.int >> 64, id_.int & M64)
        else:
            data = id_.encode()
            kind, words = 3, (len(data), siphash24(data, seed, 0))
        self.bits = np.random.Philox(counter=np.array([0, words[0], words[1], 0], dtype=np.uint64),
                                     key=np.array([seed, kind], dtype=np.uint64))

    def below(self, n):
        """Lemire 2019"""
        while True:
            product = int(self.bits.random_raw()) * n
            if product & M64 >= (1 << 64) % n:
                return product >> 64


def draw(rows, me, k, seed):
    """rows: [(id, unit, leave)] of the cell, in the order of ids"""
    _, unit, leave = me
    eligible = [r for r in rows if r[1] != unit and r[2] != leave]
    ranks = rows
    if len(eligible) * 4 < len(rows):
        by_unit = [r for r in rows if r[1] != unit]
        by_leave = [r for r in rows if r[2] != leave]
        ranks = by_leave if len(by_leave) < len(by_unit) else by_unit
        if len(eligible) * 4 < len(ranks):
            ranks = eligible
    k = min(k, len(eligible))
    stream, picks = Stream(seed, me[0]), []
    while len(picks) < min(k, len(eligible) // 2):
        r = ranks[stream.below(len(ranks))]
        if r[1] != unit and r[2] != leave and r not in picks:
            picks.append(r)
    rest = [r for r in eligible if r not in picks]
    j = 0
    while len(picks) < k:
        other = j + stream.below(len(rest) - j)
        rest[j], rest[other] = rest[other], rest[j]
        picks.append(rest[j])
        j += 1
    return [r[0] for r in picks]


def draws():
    kinds = (("numbers", "id", int, lambda x: x), ("texts", "'pupil é ' || id", str, lambda x: x.encode()),
             ("uuids", "md5(id::text)::uuid", uuid.UUID, lambda x: x.bytes))
    for kind, id_, read, order in kinds:
        rows = query("SELECT design, %s AS id, unit, leave, k, seed, array_to_string(%s, ',') AS picks FROM virtual_oracle.lot" % (id_, kind))
        designs = {}
        for r in rows:
            designs.setdefault(r["design"], []).append(r)
        for name, members in designs.items():
            cell = sorted([(read(r["id"]), r["unit"], r["leave"]) for r in members], key=lambda r: order(r[0]))
            pairs, other = [], []
            for r in members:
                me = (read(r["id"]), r["unit"], r["leave"])
                picks = [read(x) for x in r["picks"].split(",")] if r["picks"] else []
                pairs.append((float(picks != draw(cell, me, int(r["k"]), int(r["seed"]))), 0.0))
                other.append((float(picks != draw(cell, me, int(r["k"]), int(r["seed"]) ^ 1)), 0.0))
            agree("draw of %s, %s" % (kind, name), pairs, tol=0)
        agree("draw of %s with another seed" % kind, other, tol=0, negative=True)


benchmarks()
verdicts()
shares()
draws()
