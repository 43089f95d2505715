"""Random designs against 50-digit arithmetic from the raw rows.

Nothing here shares a formula with the C code: rows are never centred, V_j^-1 is
the Woodbury identity on raw sums, derivatives are numerical at 50 digits, the
effects and their variances come out of the inverse of Henderson's mixed model
equations, and degrees of freedom are differentiated by (var(u), sigma2).
"""
import os
import random

from mpmath import mp, mpf

from common import DIR, check, close, finish, run_fit

mp.dps = 50
CHISQ = mp.findroot(lambda x: mp.erfc(mp.sqrt(x / 2)) - mpf(1) / 20, mpf("3.84"))
TOL = 1e-10


class Design:
    """Rows of doubles, and the criterion on them."""

    def __init__(self, name, rows, reml):
        self.name = name
        self.reml = reml
        self.path = os.path.join(DIR, name + ".txt")
        self.p = len(rows[0]) - 2
        with open(self.path, "w") as f:
            f.write("%d %d 0\n" % (len(rows), self.p - 1))
            for r in rows:
                f.write("%d %s\n" % (r[0], " ".join(repr(float(v)) for v in r[1:])))
        self.N = len(rows)
        self.J = 1 + max(r[0] for r in rows)
        self.units = [[] for _ in range(self.J)]
        for unit, w, y, *x in rows:
            self.units[unit].append((mpf(w), [mpf(1)] + [mpf(v) for v in x] + [mpf(y)]))
        self.df = self.N - (self.p if reml else 0)
        p1 = self.p + 1
        self.sums = []
        self.total = mp.matrix(p1, p1)
        self.log_w = mpf(0)
        for unit in self.units:
            n = sum(w for w, _ in unit)
            s = [sum(w * a[i] for w, a in unit) for i in range(p1)]
            self.sums.append((n, s))
            for w, a in unit:
                self.log_w += mp.log(w)
                for i in range(p1):
                    for j in range(p1):
                        self.total[i, j] += w * a[i] * a[j]

    def pieces(self, lam):
        """Sum of log|V_j|, the inverse-weighted cross-products, and their solution."""
        p = self.p
        A = self.total.copy()
        h = mpf(0)
        for n, s in self.sums:
            f = lam / (1 + lam * n)
            h += mp.log(1 + lam * n)
            for i in range(p + 1):
                for j in range(i + 1):
                    A[i, j] -= f * s[i] * s[j]
        for i in range(p + 1):
            for j in range(i):
                A[j, i] = A[i, j]
        Ax = A[:p, :p]
        b = mp.lu_solve(Ax, A[:p, p])
        r2 = A[p, p] - sum(A[i, p] * b[i] for i in range(p))
        if self.reml:
            h += mp.log(mp.det(Ax))
        return h, Ax, b, r2

    def profiled(self, lam):
        h, _, _, r2 = self.pieces(lam)
        return h + self.df * (1 + mp.log(2 * mp.pi * r2 / self.df)) - self.log_w

    def full(self, s, sigma2):
        h, _, _, r2 = self.pieces(s / sigma2)
        return h + self.df * mp.log(2 * mp.pi * sigma2) + r2 / sigma2 - self.log_w

    def slope(self, lam):
        step = lam * mpf(10) ** -17 if lam else mpf(10) ** -25 / self.total[0, 0]
        return (self.profiled(lam + step) - self.profiled(lam - step)) / (2 * step)

    def optimum(self):
        """The deepest minimum over lambda >= 0: scan, bisection, secant."""
        scale = self.J / self.total[0, 0]
        grid = [mpf(0)] + [scale * mpf(10) ** (mpf(e) / 2) for e in range(-14, 17)]
        slopes = [self.slope(g) for g in grid]
        minima = [mpf(0)] if slopes[0] >= 0 else []
        for i in range(1, len(grid)):
            if slopes[i - 1] < 0 <= slopes[i]:
                a, b = max(grid[i - 1], grid[i] / 10**8), grid[i]
                for _ in range(12):
                    m = mp.sqrt(a * b)
                    a, b = (m, b) if self.slope(m) < 0 else (a, m)
                t = mp.findroot(lambda x: self.slope(mp.exp(x)) * mp.exp(x), (mp.log(a), mp.log(b)),
                                solver="illinois", tol=1e-40, maxsteps=60)
                minima.append(mp.exp(t))
        return min(minima, key=self.profiled), len(minima)


def diff2(f, x, y, hx, hy):
    """Second derivatives of f(x, y) by central differences at 50 digits."""
    c = f(x, y)
    xx = (f(x + hx, y) - 2 * c + f(x - hx, y)) / hx**2
    yy = (f(x, y + hy) - 2 * c + f(x, y - hy)) / hy**2
    xy = (f(x + hx, y + hy) - f(x + hx, y - hy) - f(x - hx, y + hy) + f(x - hx, y - hy)) / (4 * hx * hy)
    return mp.matrix([[xx, xy], [xy, yy]])


def crossing(f, inside, outside):
    """Root of f between a point inside an interval and one outside, in logarithms."""
    a, b = mp.log(inside), mp.log(outside)
    for _ in range(14):
        m = (a + b) / 2
        a, b = (m, b) if f(mp.exp(m)) < 0 else (a, m)
    return mp.exp(mp.findroot(lambda x: f(mp.exp(x)), (a, b), solver="illinois", tol=1e-40, maxsteps=60))


def compare(d, intervals):
    """All figures of one random-intercept design."""
    name, p = d.name, d.p
    fit = run_fit(d.path, *([] if d.reml else ["ml"]), "effects")
    if not check(fit["status"] == [0], "%s: status %s" % (name, fit["status"])):
        return
    lam, optima = d.optimum()
    h, Ax, b, r2 = d.pieces(lam)
    sigma2 = r2 / d.df
    s = lam * sigma2
    V = sigma2 * Ax**-1
    check(fit["singular"] == [float(lam == 0)], "%s: singular %s, lambda %s" % (name, fit["singular"], mp.nstr(lam)))
    check(fit["optima"] == [float(optima)], "%s: optima %s, not %d" % (name, fit["optima"], optima))
    # close to the boundary D is a difference of nearly equal things; its scale is what one unit's data say
    floor = sigma2 * d.J / d.total[0, 0] / 1000
    close(fit["D"][0], s, TOL, name + ": D", scale=max(s, floor), kind="D")
    close(fit["sigma2"][0], sigma2, TOL, name + ": sigma2", kind="sigma2")
    close(fit["deviance"][0], d.profiled(lam), TOL, name + ": deviance", kind="deviance")
    close(fit["null_deviance"][0], d.profiled(mpf(0)), TOL, name + ": null deviance", kind="deviance")
    for i in range(p):
        se = mp.sqrt(V[i, i])
        close(fit["b"][i], b[i], TOL, "%s: b%d" % (name, i), scale=max(abs(b[i]), se), kind="b")
        close(fit["se"][i], se, TOL, "%s: se%d" % (name, i), kind="se")

    # degrees of freedom, by derivatives in the variances themselves
    if lam > 0:
        hs, hv = s * mpf(10) ** -12, sigma2 * mpf(10) ** -12
        H = diff2(d.full, s, sigma2, hs, hv)
        A = 2 * H**-1

        def variances(vs, ve):
            _, M, _, _ = d.pieces(vs / ve)
            inv = ve * M**-1
            return [inv[i, i] for i in range(p)]

        up_s, dn_s = variances(s + hs, sigma2), variances(s - hs, sigma2)
        up_v, dn_v = variances(s, sigma2 + hv), variances(s, sigma2 - hv)
        for i in range(p):
            g = mp.matrix([(up_s[i] - dn_s[i]) / (2 * hs), (up_v[i] - dn_v[i]) / (2 * hv)])
            want = 2 * V[i, i] ** 2 / (g.T * A * g)[0]
            close(fit["df"][i], want, 1e-8, "%s: df%d" % (name, i), kind="df")
    else:
        check(all(v == d.N - p for v in fit["df"]), name + ": df of a singular fit")

    # effects: Henderson's equations; the last J rows of the inverse are u
    if lam > 0:
        size = p + d.J
        C = mp.matrix(size, size)
        rhs = mp.matrix(size, 1)
        for i in range(p):
            rhs[i] = d.total[i, p]
            for j in range(p):
                C[i, j] = d.total[i, j]
        for j, (n, sums) in enumerate(d.sums):
            C[p + j, p + j] = n + 1 / lam
            rhs[p + j] = sums[p]
            for i in range(p):
                C[i, p + j] = C[p + j, i] = sums[i]
        # invert the Schur complement of the diagonal block only
        S = C[:p, :p].copy()
        t = rhs[:p, 0].copy() if p > 1 else mp.matrix([rhs[0]])
        for j in range(d.J):
            for i in range(p):
                t[i] -= C[i, p + j] * rhs[p + j] / C[p + j, p + j]
                for l in range(p):
                    S[i, l] -= C[i, p + j] * C[l, p + j] / C[p + j, p + j]
        Sinv = S**-1
        beta = Sinv * t
        for j, (n, sums) in enumerate(d.sums):
            diagonal = n + 1 / lam
            f = mp.matrix([sums[i] / diagonal for i in range(p)])
            u = rhs[p + j] / diagonal - (f.T * beta)[0]
            conditional = sigma2 / diagonal
            extra = sigma2 * (f.T * Sinv * f)[0]
            known = s - conditional
            scale = mp.sqrt(max(s, floor))
            for inside, key in ((True, "effect"), (False, "outside")):
                got = fit[key][j]
                what = "%s: unit %d %s" % (name, j, key)
                close(got[0], u, TOL, what, scale=scale, kind="u")
                close(got[1], conditional, TOL, what + " conditional", scale=max(s, floor), kind="conditional variance")
                close(got[2], conditional + extra, TOL, what + " comparative", scale=max(s, floor), kind="comparative variance")
                close(got[3], known - extra if inside else known + extra, TOL, what + " diagnostic", scale=max(s, floor),
                      kind="diagnostic variance")
    else:
        check(all(e[0] == e[1] == e[2] == 0 for e in fit["effect"].values()), name + ": effects of a singular fit")

    if not intervals:
        return
    target = d.profiled(lam) + CHISQ
    top = max(lam, d.J / d.total[0, 0])
    hi = top
    while d.profiled(hi) < target:
        hi *= 8
    end = crossing(lambda l: d.profiled(l) - target, top if d.profiled(top) < target else top / 10**6, hi)
    close(fit["icc_hi"][0], end / (1 + end), TOL, name + ": icc_hi", kind="intervals")
    at_zero = d.profiled(mpf(0)) <= target
    if at_zero:
        check(fit["icc_lo"] == [0] and fit["var_lo"] == [0], name + ": intervals start at 0")
    else:
        lo = crossing(lambda l: d.profiled(l) - target, lam, lam / 10**6)
        close(fit["icc_lo"][0], lo / (1 + lo), TOL, name + ": icc_lo", kind="intervals")

    # var(u): the criterion minimised over sigma2 at a fixed s, by Newton's method on differences
    state = [mp.log(sigma2)]

    def above(ls):
        step = mpf(10) ** -14
        for _ in range(60):
            f = [d.full(mp.exp(ls), mp.exp(state[0] + k * step)) for k in (-1, 0, 1)]
            slope, bend = (f[2] - f[0]) / (2 * step), (f[2] - 2 * f[1] + f[0]) / step**2
            move = max(min(-slope / abs(bend), mpf(1) / 2), -mpf(1) / 2)
            state[0] += move
            if abs(move) < mpf(10) ** -18:
                return f[1] - target
        raise SystemExit("the inner minimum was not found")

    for key in ("var_hi",) + (() if at_zero else ("var_lo",)):
        # the root is unique on each side of the estimate: look for it near the answer
        a, b = (mp.log(mpf(fit[key][0]) * mpf(f)) for f in ("0.98", "1.02"))
        if check(above(a) * above(b) < 0, "%s: %s is near its root" % (name, key)):
            want = mp.exp(mp.findroot(above, (a, b), solver="illinois", tol=1e-30, maxsteps=40))
            check((want > s) == (key == "var_hi"), name + ": side of " + key)
            close(fit[key][0], want, TOL, name + ": " + key, kind="intervals")


def make(rng, J, p, sizes, sd_u, weights=False, scales=(), context=False, slope_sd=0.0):
    """Rows (unit, w, y, x..); scales: (mean, sd) of each covariate."""
    rows = []
    for j in range(J):
        u = rng.gauss(0, sd_u)
        v = rng.gauss(0, slope_sd) if slope_sd else 0.0
        shift = [rng.gauss(0, 0.7) for _ in range(p - 1)]
        level = rng.gauss(0, 1)
        for _ in range(rng.choice(sizes)):
            z = [shift[k] + rng.gauss(0, 1) for k in range(p - 1)]
            if context and p > 1:
                z[-1] = level
            y = 2 + u + sum((1 - 0.4 * k) * z[k] for k in range(p - 1)) + rng.gauss(0, 1)
            if slope_sd:
                y += v * z[0]
            w = rng.choice([0.25, 1.0, 3.7]) * rng.uniform(0.5, 2) if weights else 1.0
            x = [scales[k][0] + scales[k][1] * z[k] if k < len(scales) else z[k] for k in range(p - 1)]
            rows.append((j, w, y, *x))
    return rows


rng = random.Random(20)
small, mixed, equal = [1, 2, 3, 4], [1, 3, 8, 15], [6]
designs = [
    (make(rng, 12, 1, mixed, 0.5), True), (make(rng, 12, 2, mixed, 0.5), False),
    (make(rng, 6, 3, mixed, 1.0), True), (make(rng, 25, 4, small, 0.7), True),
    (make(rng, 25, 4, small, 0.7), False), (make(rng, 15, 2, equal, 0.4), True),
    (make(rng, 15, 5, mixed, 0.3, weights=True), True), (make(rng, 15, 3, mixed, 0.6, weights=True), False),
    (make(rng, 10, 3, mixed, 100.0), True), (make(rng, 10, 3, mixed, 1000.0), False),
    (make(rng, 20, 3, mixed, 0.0), True), (make(rng, 20, 2, small, 0.05), False),
    (make(rng, 14, 3, mixed, 0.5, scales=((2024.0, 1.0), (1e6, 1.0))), True),
    (make(rng, 14, 3, mixed, 0.5, scales=((-3e3, 1e-3), (5.0, 1e6))), False),
    (make(rng, 12, 3, mixed, 0.6, context=True), True), (make(rng, 5, 2, [4, 9], 0.8, context=True), True),
    (make(rng, 4, 1, [30, 3], 0.3), False), (make(rng, 2, 1, [10], 2.0), True),
    (make(rng, 30, 6, [1, 2, 20], 0.4, weights=True, context=True), True),
]

# near-singular: shrink the differences between units until the slope at 0 all but vanishes
rows = make(rng, 16, 2, mixed, 0.5)


def shrunk(f):
    means = {}
    for j, _, y, _ in rows:
        means.setdefault(j, []).append(y)
    return [(j, w, y - (1 - f) * sum(means[j]) / len(means[j]), x) for j, w, y, x in rows]


lo, hi = 0.0, 1.0
for _ in range(24):
    mid = (lo + hi) / 2
    lo, hi = (mid, hi) if Design("shrunk", shrunk(mid), True).slope(mpf(0)) >= 0 else (lo, mid)
designs.append((shrunk(hi), True))

for i, (rows_i, reml) in enumerate(designs):
    compare(Design("truth-%02d" % (i + 1), rows_i, reml), intervals=i in (0, 1, 3, 6, 8, 10, 11, 13, 16))


# ------------------------------------------------------------------ random slopes


class Slopes(Design):
    """Random terms 1, x_1 .. x_{q-1}; theta is Lambda by columns, at the raw origin, rank of them."""

    def __init__(self, name, rows, reml, q):
        super().__init__(name, rows, reml)
        self.q = q
        self.rank = q
        p1 = self.p + 1
        self.cross = []
        for unit in self.units:
            M = mp.matrix(q, p1)
            for w, a in unit:
                for i in range(q):
                    for j in range(p1):
                        M[i, j] += w * a[i] * a[j]
            self.cross.append(M)

    def at(self, theta):
        q, p = self.q, self.p
        L = mp.matrix(q, q)
        for t, (i, j) in zip(theta, self.places()):
            L[i, j] = t
        return self.at_psi(L * L.T, L)

    def places(self):
        return [(i, j) for j in range(self.rank) for i in range(j, self.q)]

    def at_psi(self, psi, L=None):
        """The pieces, by the form of the Woodbury identity that needs no inverse of Psi."""
        q, p = self.q, self.p
        A = self.total.copy()
        h = mpf(0)
        for M in self.cross:
            K = mp.eye(q) + psi * M[:, :q]
            A -= M.T * (K**-1 * psi) * M
            h += mp.log(mp.det(K))
        Ax = A[:p, :p]
        b = mp.lu_solve(Ax, A[:p, p])
        r2 = A[p, p] - sum(A[i, p] * b[i] for i in range(p))
        if self.reml:
            h += mp.log(mp.det(Ax))
        return h, Ax, b, r2, L

    def deviance(self, theta, sigma2=None):
        h, _, _, r2, _ = self.at(theta)
        if sigma2 is None:
            sigma2 = r2 / self.df
        return h + self.df * mp.log(2 * mp.pi * sigma2) + r2 / sigma2 - self.log_w

    def dense(self, theta):
        """The same criterion with every V_j written out."""
        _, _, _, _, L = self.at(theta)
        p, q = self.p, self.q
        A = mp.matrix(p + 1, p + 1)
        h = mpf(0)
        for unit in self.units:
            a = mp.matrix([x for _, x in unit])
            Z = a[:, :q]
            V = Z * L * L.T * Z.T + mp.diag([1 / w for w, _ in unit])
            h += mp.log(mp.det(V))
            A += a.T * V**-1 * a
        b = mp.lu_solve(A[:p, :p], A[:p, p])
        r2 = A[p, p] - sum(A[i, p] * b[i] for i in range(p))
        if self.reml:
            h += mp.log(mp.det(A[:p, :p]))
        return h + self.df * (1 + mp.log(2 * mp.pi * r2 / self.df))


def derivatives(f, x, step):
    """Gradient and Hessian by central differences."""
    n = len(x)
    c = f(x)

    def shifted(*moves):
        y = list(x)
        for i, s in moves:
            y[i] += s * step[i]
        return f(y)

    up = [shifted((i, 1)) for i in range(n)]
    dn = [shifted((i, -1)) for i in range(n)]
    g = mp.matrix([(up[i] - dn[i]) / (2 * step[i]) for i in range(n)])
    H = mp.matrix(n, n)
    for i in range(n):
        H[i, i] = (up[i] - 2 * c + dn[i]) / step[i] ** 2
        for j in range(i):
            both = shifted((i, 1), (j, 1)) - up[i] - up[j] + 2 * c - dn[i] - dn[j] + shifted((i, -1), (j, -1))
            H[i, j] = H[j, i] = both / (2 * step[i] * step[j])
    return g, H


def compare_slopes(d, rank, df=False):
    name, p, q = d.name, d.p, d.q
    fit = run_fit(d.path, *([] if d.reml else ["ml"]), "slopes", ",".join(str(i) for i in range(1, q)), "effects")
    if not check(fit["status"] == [0], "%s: status" % name):
        return
    D = mp.matrix(q, q)
    for i in range(q):
        for j in range(q):
            D[i, j] = mpf(fit["D"][i * q + j]) / mpf(fit["sigma2"][0])
    d.rank = q if not fit["singular"][0] else sum(fit["Lambda"][i * q + i] > 0 for i in range(q))
    check(d.rank == rank, "%s: rank %d of Lambda" % (name, d.rank))
    L = mp.matrix(q, q)
    for i, j in sorted(d.places(), key=lambda ij: ij[1]):
        rest = D[i, j] - sum(L[i, k] * L[j, k] for k in range(j))
        L[i, j] = mp.sqrt(rest) if i == j else rest / L[j, j]
    theta = [L[i, j] for i, j in d.places()]
    step = [(abs(t) + mpf("0.01")) * mpf(10) ** -14 for t in theta]
    g, H = derivatives(d.deviance, theta, step)
    check(all(e > 0 for e in mp.eigsy(H, eigvals_only=True)), name + ": a minimum")
    # Newton from the C answer, which is within 1e-8 of the root: squares to 1e-16
    delta = mp.lu_solve(H, -g)
    theta = [t + s for t, s in zip(theta, delta)]
    h, Ax, b, r2, L = d.at(theta)
    check(abs(d.dense(theta) - d.deviance(theta)) < mpf(10) ** -30, name + ": both forms of the truth agree")
    if d.rank < q:
        # on the boundary: a random term of its own makes it worse
        psi = L * L.T
        psi[q - 1, q - 1] += mpf(10) ** -20
        h1, _, _, r1, _ = d.at_psi(psi)
        check(h1 + d.df * mp.log(r1) > h + d.df * mp.log(r2), name + ": the boundary is a minimum")
    sigma2 = r2 / d.df
    D = sigma2 * (L * L.T)
    for i in range(q):
        for j in range(q):
            close(fit["D"][i * q + j], D[i, j], TOL, "%s: D%d%d" % (name, i, j), scale=mp.sqrt(D[i, i] * D[j, j]), kind="D, slopes")
    close(fit["sigma2"][0], sigma2, TOL, name + ": sigma2", kind="sigma2, slopes")
    close(fit["deviance"][0], d.deviance(theta), TOL, name + ": deviance", kind="deviance, slopes")
    V = sigma2 * Ax**-1
    for i in range(p):
        se = mp.sqrt(V[i, i])
        close(fit["b"][i], b[i], TOL, "%s: b%d" % (name, i), scale=max(abs(b[i]), se), kind="b, slopes")
        close(fit["se"][i], se, TOL, "%s: se%d" % (name, i), kind="se, slopes")

    # effects from the posterior precision Z'WZ / sigma2 + D^-1, multiplied through by D
    for j, M in enumerate(d.cross):
        P = (D * M[:, :q] / sigma2 + mp.eye(q)) ** -1 * D
        B = P * M[:, :p] / sigma2
        u = P * M[:, p] / sigma2 - B * b
        extra = B * V * B.T
        for inside, key in ((True, "effect"), (False, "outside")):
            got = fit[key][j]
            what = "%s: unit %d %s" % (name, j, key)
            for a in range(q):
                close(got[a], u[a], TOL, what, scale=mp.sqrt(D[a, a]), kind="u, slopes")
                for c in range(q):
                    at = q + a * q + c
                    size = mp.sqrt(D[a, a] * D[c, c])
                    close(got[at], P[a, c], TOL, what + " conditional", scale=size, kind="variances of u, slopes")
                    close(got[at + q * q], P[a, c] + extra[a, c], TOL, what + " comparative", scale=size,
                          kind="variances of u, slopes")
                    want = D[a, c] - P[a, c] + (-extra[a, c] if inside else extra[a, c])
                    close(got[at + 2 * q * q], want, TOL, what + " diagnostic", scale=size, kind="variances of u, slopes")

    if df:
        x = theta + [sigma2]
        step = [(abs(t) + mpf("0.01")) * mpf(10) ** -12 for t in x]
        _, H = derivatives(lambda v: d.deviance(v[:-1], v[-1]), x, step)
        A = 2 * H**-1

        def variances(v):
            _, M, _, _, _ = d.at(v[:-1])
            inv = v[-1] * M**-1
            return [inv[i, i] for i in range(p)]

        gs = []
        for i in range(len(x)):
            up, dn = list(x), list(x)
            up[i] += step[i]
            dn[i] -= step[i]
            gs.append([(a - c) / (2 * step[i]) for a, c in zip(variances(up), variances(dn))])
        for i in range(p):
            g = mp.matrix([row[i] for row in gs])
            close(fit["df"][i], 2 * V[i, i] ** 2 / (g.T * A * g)[0], 1e-7, "%s: df%d" % (name, i), kind="df, slopes")


compare_slopes(Slopes("slopes-1", make(rng, 15, 3, [4, 7, 9], 0.6, slope_sd=0.5), True, 2), 2, df=True)
compare_slopes(Slopes("slopes-2", make(rng, 15, 3, [1, 2, 7, 9], 0.6, slope_sd=0.5, weights=True), False, 2), 1)
compare_slopes(Slopes("slopes-6", make(rng, 20, 3, [2, 7, 9], 0.9, slope_sd=0.8, weights=True), False, 2), 2, df=True)
compare_slopes(Slopes("slopes-3", make(rng, 12, 3, [5, 9], 50.0, slope_sd=30.0), True, 2), 2)
compare_slopes(Slopes("slopes-4", make(rng, 15, 3, [4, 7, 9], 0.6, slope_sd=0.5, scales=((30.0, 1e3), (0.1, 1e-3))), True, 2), 2)

# three random terms
for name, seed, last, rank in (("slopes-5", 1, 0.9, 3), ("slopes-7", 2, 0.0, 2)):
    rng = random.Random(seed)
    rows = []
    for j in range(14):
        u = [rng.gauss(0, 0.8), rng.gauss(0, 0.6), rng.gauss(0, last)]
        for _ in range(rng.choice([2, 6, 9])):
            x1, x2 = rng.gauss(0, 1), rng.gauss(1, 1)
            rows.append((j, 1.0, 1 + u[0] + (0.5 + u[1]) * x1 + (u[2] + u[0]) * x2 + rng.gauss(0, 1), x1, x2))
    compare_slopes(Slopes(name, rows, True, 3), rank)
finish("50-digit truth")
