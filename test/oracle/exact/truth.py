"""The same figures by 50-digit arithmetic on the rows.

Nothing of sipp's formulas: rows are not centred, V_j is inverted by Sherman and
Morrison on raw sums (and once, row by row, to check that), derivatives are
differences at 50 digits, the effects are read off the marginal distribution.
"""
from mpmath import mp, mpf

mp.dps = 50


def dot(a, b):
    return sum((x * y for x, y in zip(a, b)), mpf(0))


class Truth:
    def __init__(self, d):
        self.reml = not d["ml"]
        fitted = [p for p in d["pupils"] if p[0] not in d["out"]]
        complete = [p for p in fitted if self.is_complete(p)]
        self.dropped = len(fitted) - len(complete)
        self.label_columns(d, complete)
        self.by_school(d)
        fit = [s for s in self.school if s not in d["out"]]
        self.fit_schools = fit
        self.N = sum(len(self.school[s]) for s in fit)
        self.J = len(fit)
        self.log_w = sum(mp.log(w) for s in fit for w, _, _ in self.school[s])
        self.find_aliased(fit)
        self.rank = len(self.kept)
        self.df = self.N - (self.rank if self.reml else 0)
        self.weight = sum(w for s in fit for w, _, _ in self.school[s])
        self.y_mean = sum(w * y for s in fit for w, _, y in self.school[s]) / self.weight
        self.sums = {}
        for s, rows in self.school.items():
            a = [(w, [x[k] for k in self.kept] + [y]) for w, x, y in rows]
            m = range(self.rank + 1)
            self.sums[s] = (sum(w for w, _ in a), [sum(w * v[i] for w, v in a) for i in m],
                            [[sum(w * v[i] * v[k] for w, v in a) for k in m] for i in m])

    @staticmethod
    def is_complete(p):
        return p[3] is not None and None not in p[4].values()

    def label_columns(self, d, complete):
        """(term, level, function of a pupil's values and of its school's means)."""
        self.columns = [("(Intercept)", None)]
        self.getters = [lambda v, m: mpf(1)]
        own = []
        for t, kind in d["terms"]:
            if kind == "factor":
                present = sorted({p[4][t] for p in complete}, key=lambda s: s.encode())
                reference = present[d["relevel"].get(t, 0)]
                for level in present:
                    if level != reference:
                        own.append((t, level, lambda v, t=t, l=level: mpf(v[t] == l)))
            else:
                own.append((t, None, lambda v, t=t: mpf(v[t])))
        for t, level, get in own:
            self.columns.append((t, level))
            self.getters.append(lambda v, m, get=get: get(v))
        self.context = []
        for c in d["context"]:
            for i, (t, level, get) in enumerate(own):
                if t == c:
                    self.context.append(len(self.columns))
                    self.columns.append((t + "_mean", level))
                    self.getters.append(lambda v, m, i=i: m[i])
        self.own = [get for _, _, get in own]

    def by_school(self, d):
        """Each school's complete rows (w, x, y), with its own means of the covariates."""
        groups = {}
        self.dropped_of = {}
        for p in d["pupils"]:
            self.dropped_of.setdefault(p[0], 0)
            groups.setdefault(p[0], [])
            if self.is_complete(p):
                groups[p[0]].append((mpf(p[2]), p[4], mpf(p[3])))
            else:
                self.dropped_of[p[0]] += 1
        self.school = {}
        for s, rows in groups.items():
            total = sum(w for w, _, _ in rows)
            means = [sum(w * get(v) for w, v, _ in rows) / total for get in self.own]
            self.school[s] = [(w, [g(v, means) for g in self.getters], y) for w, v, y in rows]

    def find_aliased(self, fit):
        """Gram and Schmidt on the rows, left to right; and the columns that no school varies in."""
        rows = [r for s in fit for r in self.school[s]]
        root = [mp.sqrt(w) for w, _, _ in rows]
        basis = []
        self.kept = []
        for k in range(len(self.columns)):
            v = [r * x[k] for r, (_, x, _) in zip(root, rows)]
            size = dot(v, v)
            for q in basis:
                c = dot(q, v)
                v = [a - c * b for a, b in zip(v, q)]
            rest = dot(v, v)
            # redundant columns of these designs leave about 1e-100 or, 0.1 being rounded alike in all rows, 0
            if rest > size * mpf(10) ** -30:
                length = mp.sqrt(rest)
                basis.append([a / length for a in v])
                self.kept.append(k)
        self.between = sum(all(len({r[1][k] for r in self.school[s]}) <= 1 for s in fit) for k in self.kept)

    # ---- the criterion

    def pieces(self, lam):
        """log|V| part, X'V^-1 X and X'V^-1 y in units of sigma2, the solution and its residual sum of squares."""
        p = self.rank
        A = mp.matrix(p + 1, p + 1)
        h = mpf(0)
        for s in self.fit_schools:
            n, one, cross = self.sums[s]
            f = lam / (1 + lam * n)
            h += mp.log(1 + lam * n)
            for i in range(p + 1):
                for k in range(i + 1):
                    A[i, k] += cross[i][k] - f * one[i] * one[k]
        for i in range(p + 1):
            for k in range(i):
                A[k, i] = A[i, k]
        M = A[:p, :p]
        b = mp.lu_solve(M, A[:p, p])
        r2 = A[p, p] - sum(A[i, p] * b[i] for i in range(p))
        if self.reml:
            h += mp.log(mp.det(M))
        return h, M, b, r2

    def deviance(self, tau, sigma2):
        """-2 log (restricted) likelihood at school variance tau, pupil variance sigma2."""
        h, _, _, r2 = self.pieces(tau / sigma2)
        return h + self.df * mp.log(2 * mp.pi * sigma2) + r2 / sigma2 - self.log_w

    def profiled(self, lam):
        h, _, _, r2 = self.pieces(lam)
        return h + self.df * (1 + mp.log(2 * mp.pi * r2 / self.df)) - self.log_w

    def dense(self, lam):
        """The same with V_j written out row by row."""
        p = self.rank
        A = mp.matrix(p + 1, p + 1)
        h = mpf(0)
        for s in self.fit_schools:
            rows = self.school[s]
            a = mp.matrix([[x[k] for k in self.kept] + [y] for _, x, y in rows])
            V = mp.matrix(len(rows), len(rows))
            for i in range(len(rows)):
                for k in range(len(rows)):
                    V[i, k] = lam
                V[i, i] += 1 / rows[i][0]
            h += mp.log(mp.det(V))
            A += a.T * V**-1 * a
        b = mp.lu_solve(A[:p, :p], A[:p, p])
        r2 = A[p, p] - sum(A[i, p] * b[i] for i in range(p))
        if self.reml:
            h += mp.log(mp.det(A[:p, :p]))
        return h + self.df * (1 + mp.log(2 * mp.pi * r2 / self.df))

    def fit(self):
        """Minimum over lam >= 0: a scan, then golden section, then Newton on differences."""
        scale = self.J / self.weight
        grid = [mpf(0)] + [scale * mpf(2) ** e for e in range(-24, 25, 2)]
        values = [self.profiled(g) for g in grid]
        i = values.index(min(values))
        if i <= 1 and self.profiled(scale * mpf(10) ** -20) >= values[0]:
            lam = mpf(0)
        else:
            lo, hi = mp.log(grid[max(i - 1, 1)]), mp.log(grid[min(i + 1, len(grid) - 1)])
            f = lambda t: self.profiled(mp.exp(t))
            ratio = (mp.sqrt(5) - 1) / 2
            a, b = hi - ratio * (hi - lo), lo + ratio * (hi - lo)
            fa, fb = f(a), f(b)
            for _ in range(14):
                if fa < fb:
                    hi, b, fb = b, a, fa
                    a = hi - ratio * (hi - lo)
                    fa = f(a)
                else:
                    lo, a, fa = a, b, fb
                    b = lo + ratio * (hi - lo)
                    fb = f(b)
            t = (lo + hi) / 2
            step = mpf(10) ** -13
            for _ in range(20):
                below, here, above = f(t - step), f(t), f(t + step)
                move = (above - below) / 2 * step / (above - 2 * here + below)
                t -= move
                if abs(move) < mpf(10) ** -20:
                    break
            else:
                raise SystemExit("no convergence")
            lam = mp.exp(t)
        h, M, b, r2 = self.pieces(lam)
        self.lam, self.b = lam, list(b)
        self.sigma2 = r2 / self.df
        self.tau = lam * self.sigma2
        self.V = self.sigma2 * M**-1
        self.dev = self.profiled(lam)
        if abs(self.dense(lam) - self.dev) > mpf(10) ** -30:
            raise SystemExit("the two forms of the criterion disagree")

    # ---- what is read from it

    def satterthwaite(self):
        """2 V_k^2 / var(V_k), by differences in both variances; rows - rank at the boundary."""
        if self.lam == 0:
            return [mpf(self.N - self.rank)] * self.rank
        s, v = self.tau, self.sigma2
        hs, hv = s * mpf(10) ** -12, v * mpf(10) ** -12
        f = self.deviance
        c = f(s, v)
        ss = (f(s + hs, v) - 2 * c + f(s - hs, v)) / hs**2
        vv = (f(s, v + hv) - 2 * c + f(s, v - hv)) / hv**2
        sv = (f(s + hs, v + hv) - f(s + hs, v - hv) - f(s - hs, v + hv) + f(s - hs, v - hv)) / (4 * hs * hv)
        cov = 2 * mp.matrix([[ss, sv], [sv, vv]]) ** -1

        def variances(a, e):
            inverse = e * self.pieces(a / e)[1] ** -1
            return [inverse[i, i] for i in range(self.rank)]

        ds = [(a - b) / (2 * hs) for a, b in zip(variances(s + hs, v), variances(s - hs, v))]
        dv = [(a - b) / (2 * hv) for a, b in zip(variances(s, v + hv), variances(s, v - hv))]
        return [2 * self.V[i, i] ** 2 / (ds[i] ** 2 * cov[0, 0] + 2 * ds[i] * dv[i] * cov[0, 1] + dv[i] ** 2 * cov[1, 1])
                for i in range(self.rank)]

    def wald(self, columns):
        """(df, chi2, p) of the kept ones among these columns."""
        i = [self.kept.index(k) for k in columns if k in self.kept]
        if not i:
            return 0, None, None
        C = mp.matrix([[self.V[a, b] for b in i] for a in i])
        v = mp.matrix([self.b[a] for a in i])
        chi2 = (v.T * C**-1 * v)[0]
        return len(i), chi2, mp.gammainc(mpf(len(i)) / 2, chi2 / 2, mp.inf, regularized=True)

    def effect(self, s, inside):
        """One school's figures, from the joint normal distribution of u and its mean residual."""
        n, one, _ = self.sums[s]
        p = self.rank
        mean = [v / n for v in one]
        expected = sum(mean[k] * self.b[k] for k in range(p))
        raw = mean[p] - expected
        # cov(u, ybar) / var(ybar)
        R = self.tau / (self.tau + self.sigma2 / n)
        x = mp.matrix(mean[:p])
        extra = R**2 * (x.T * self.V * x)[0]
        conditional = self.tau - R * self.tau
        known = R * self.tau
        rows = self.school[s]
        sd = None
        if len(rows) > 1:
            e = [(w, y - sum(x_[k] * b for k, b in zip(self.kept, self.b))) for w, x_, y in rows]
            centre = sum(w * v for w, v in e) / n
            sd = mp.sqrt(sum(w * (v - centre) ** 2 for w, v in e) / (len(rows) - 1))
        return dict(pupils=len(rows), dropped=self.dropped_of[s], attainment=mean[p], expected=expected, raw_effect=raw,
                    effect=R * raw, reliability=R, std_error=mp.sqrt(conditional + extra), conditional_se=mp.sqrt(conditional),
                    diagnostic_se=mp.sqrt(max(known - extra if inside else known + extra, 0)),
                    adjusted_attainment=self.y_mean + R * raw, residual_sd=sd)

    def predict(self, values):
        x = [g(values, None) for g in self.getters]
        return sum(x[k] * b for k, b in zip(self.kept, self.b))

    # ---- profile intervals

    CHISQ = mp.findroot(lambda x: mp.erfc(mp.sqrt(x / 2)) - mpf(1) / 20, mpf("3.84"))

    def icc_interval(self):
        above = lambda l: self.profiled(l) - self.dev - self.CHISQ
        top = max(self.lam, self.J / self.weight)
        hi = self.crossing(above, self.lam if self.lam > 0 else mpf(10) ** -6 * top, top, 4)
        if above(mpf(0)) <= 0:
            return mpf(0), hi / (1 + hi)
        lo = self.crossing(above, self.lam, self.lam, mpf(1) / 4)
        return lo / (1 + lo), hi / (1 + hi)

    def variance_interval(self):
        """Of tau: sigma2 is fitted anew at each."""
        at = [mp.log(self.sigma2)]

        def above(tau):
            step = mpf(10) ** -14
            for _ in range(80):
                f = [self.deviance(tau, mp.exp(at[0] + k * step)) for k in (-1, 0, 1)]
                bend = abs(f[2] - 2 * f[1] + f[0]) / step**2
                move = max(min((f[0] - f[2]) / (2 * step) / bend, mpf(1) / 2), -mpf(1) / 2)
                at[0] += move
                if abs(move) < mpf(10) ** -18:
                    return f[1] - self.dev - self.CHISQ
            raise SystemExit("no convergence")

        start = max(self.tau, self.sigma2 * self.J / self.weight)
        hi = self.crossing(above, self.tau if self.tau > 0 else start / 10**6, start, 4)
        if above(mpf(0)) <= 0:
            return mpf(0), hi
        at[0] = mp.log(self.sigma2)
        return self.crossing(above, self.tau, self.tau, mpf(1) / 4), hi

    @staticmethod
    def crossing(above, inside, start, factor):
        """Root of above between a point where it is negative and one found by steps of factor."""
        outside = start * factor
        while above(outside) < 0:
            inside, outside = outside, outside * factor
        return mp.exp(mp.findroot(lambda t: above(mp.exp(t)), (mp.log(inside), mp.log(outside)), solver="anderson",
                                  tol=1e-36, maxsteps=100))


def t_two_sided(t, df):
    return mp.betainc(df / 2, mpf(1) / 2, 0, df / (df + t * t), regularized=True)


def t_quantile(df):
    """97.5%."""
    start = mpf("1.96") + mpf("2.4") / df if df > 2 else mpf(5)
    return mp.findroot(lambda q: t_two_sided(q, df) - mpf(1) / 20, start, tol=1e-24)
