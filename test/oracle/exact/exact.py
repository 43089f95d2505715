"""Twenty random designs through SQL against 50-digit arithmetic on their rows.

Rows go into a table, cohorts, models and figures come out of sipp.  Every figure
must agree to 1e-10 of its own size, where it is a difference of larger things
(a coefficient, an effect, an end of its interval) to 1e-10 of its standard error
or of the standard deviation of schools.  To 1e-8 where mean/sd is 1e6: a cohort
stores means as doubles, and the one nearest to 1e6 is up to 6e-11 away.
"""
import json
import os
import subprocess
import sys

from mpmath import mp, mpf

from designs import designs
from truth import Truth, t_quantile, t_two_sided

TOL = mpf("1e-10")
TOL_MILLION = mpf("1e-8")
PG_CONFIG = os.environ.get("PG_CONFIG")
PSQL = "psql"
if PG_CONFIG:
    PSQL = os.path.join(subprocess.check_output([PG_CONFIG, "--bindir"], text=True).strip(), "psql")


def literal(s):
    return "'" + s.replace("'", "''") + "'"


def copy_field(v):
    if v is None:
        return "\\N"
    if isinstance(v, bool):
        return "t" if v else "f"
    if isinstance(v, float):
        return repr(v)
    return str(v).replace("\\", "\\\\").replace("\t", "\\t")


def script(d, reference):
    """SQL that loads one design and prints its figures as a line of JSON."""
    types = {"number": "float8", "flag": "boolean", "factor": "text"}
    columns = "".join(", %s %s" % (t, types[k]) for t, k in d["terms"])
    lines = ["CREATE TEMP TABLE pupil (school text, half int, w float8, y float8%s);" % columns, "COPY pupil FROM STDIN;"]
    for school, half, w, y, values in d["pupils"]:
        lines.append("\t".join(copy_field(v) for v in [school, half, w, y] + [values[t] for t, _ in d["terms"]]))
    lines.append("\\.")
    arguments = ", ".join((["w"] if d["weighted"] else []) + ["y"] + [t for t, _ in d["terms"]])
    aggregate = "sipp.%s(%s)" % ("weighted_cohort" if d["weighted"] else "cohort", arguments)
    if d["halves"]:
        source = "(SELECT school, half, %s AS c FROM pupil GROUP BY school, half) h" % aggregate
        aggregate = "sipp.merge(c)"
    else:
        source = "pupil"
    for f, level in reference.items():
        aggregate = "sipp.relevel(%s, %s, %s)" % (aggregate, literal(f), literal(level))
    if d["context"]:
        aggregate = "sipp.with_context(%s, %s)" % (aggregate, ", ".join(literal(c) for c in d["context"]))
    out = "school IN (%s)" % ", ".join(literal(s) for s in d["out"]) if d["out"] else "false"
    lines.append("CREATE TEMP TABLE c AS SELECT school, NOT (%s) AS fitted, %s AS c FROM %s GROUP BY school;"
                 % (out, aggregate, source))
    lines.append("CREATE TEMP TABLE m AS SELECT sipp.value_added%s(c) AS m FROM c WHERE fitted;" % ("_ml" if d["ml"] else ""))
    values = ", ".join(t for t, _ in d["terms"])
    predicted = "null"
    if not d["context"]:
        predicted = ("(SELECT json_agg(json_build_array(sipp.expected(m%s), sipp.expected_json(m, to_jsonb(q)), to_jsonb(q)))"
                     " FROM (SELECT * FROM pupil ORDER BY y LIMIT 3) q)" % (", " + values if values else ""))
    lines.append("""SELECT json_build_object('fit', sipp.fit_summary(m),
        'coefficients', (SELECT json_agg(k) FROM sipp.coefficients(m) k),
        'tests', (SELECT json_agg(t) FROM sipp.term_tests(m) t),
        'effects', (SELECT json_object_agg(school, e) FROM c, sipp.effect(c, m, fitted) e),
        'predicted', %s) FROM m;""" % predicted)
    lines.append("DROP TABLE pupil, c, m;")
    return lines


def ask_sipp(scripts):
    head = ["SET client_min_messages = warning;", "SET client_encoding = 'UTF8';"]
    done = subprocess.run([PSQL, "-XqtA", "-v", "ON_ERROR_STOP=1", "-f", "-"], input="\n".join(sum(scripts, head)) + "\n",
                          stdout=subprocess.PIPE, encoding="utf-8")
    if done.returncode:
        print("FAILED: psql")
        return []
    # a JSON document may have line ends between its parts
    decoder, text, answers = json.JSONDecoder(), done.stdout.strip(), []
    while text:
        answer, end = decoder.raw_decode(text)
        answers.append(answer)
        text = text[end:].strip()
    return answers


class Design:
    """Counts of one design."""

    def __init__(self, tol):
        self.tol = tol
        self.passed = self.failed = 0
        self.worst = {}

    def check(self, ok, what):
        self.passed += bool(ok)
        self.failed += not ok
        if not ok:
            print("FAILED   %s" % what)

    def close(self, what, kind, got, want, scale=None):
        if got is None or want is None:
            self.check(got is None and want is None, "%s: got %s, want %s" % (what, got, want))
            return
        size = abs(want) if scale is None else max(abs(want), abs(scale))
        error = abs(mpf(got) - want) / size if size else abs(mpf(got))
        self.worst[kind] = max(self.worst.get(kind, mpf(0)), error)
        self.check(error <= self.tol, "%s: got %r, want %s, error %s" % (what, got, mp.nstr(want, 17), mp.nstr(error, 3)))


def compare(d, truth, got):
    c = Design(TOL_MILLION if d["million"] else TOL)
    fit = got["fit"]
    truth.fit()
    singular = truth.lam == 0

    for key, want in (("schools", truth.J), ("pupils", truth.N), ("dropped", truth.dropped), ("empty_schools", 0),
                      ("method", "REML" if truth.reml else "ML"), ("singular", singular)):
        c.check(fit[key] == want, "%s: got %s, want %s" % (key, fit[key], want))
    c.close("school_variance", "variances", fit["school_variance"], truth.tau)
    c.close("pupil_variance", "variances", fit["pupil_variance"], truth.sigma2)
    c.close("icc", "variances", fit["icc"], truth.tau / (truth.tau + truth.sigma2))
    c.close("deviance", "deviance", fit["deviance"], truth.dev)
    c.close("log_likelihood", "deviance", fit["log_likelihood"], -truth.dev / 2)
    c.close("aic", "deviance", fit["aic"], None if truth.reml else truth.dev + 2 * (truth.rank + 2))
    lr = truth.profiled(mpf(0)) - truth.dev
    c.close("lr_chi2", "likelihood ratio", fit["lr_chi2"], lr, scale=1)
    c.close("lr_p_value", "likelihood ratio", fit["lr_p_value"], mpf(1) if lr == 0 else mp.erfc(mp.sqrt(lr / 2)) / 2)
    for name, interval in (("school_variance", truth.variance_interval()), ("icc", truth.icc_interval())):
        for side, want in zip(("low", "high"), interval):
            c.close("%s_%s" % (name, side), "profile intervals", fit["%s_%s" % (name, side)], want)
    c.close("within_between_p", "joint tests", fit["within_between_p"], truth.wald(truth.context)[2])

    dfs = truth.satterthwaite()
    c.check([(r["term"], r["level"]) for r in got["coefficients"]] == truth.columns, "terms and levels of the coefficients")
    for k, row in enumerate(got["coefficients"]):
        what = "coefficient %s %s: " % (row["term"], row["level"] or "")
        if k not in truth.kept:
            c.check(all(row[f] is None for f in ("estimate", "std_error", "df", "t", "p_value", "ci_low", "ci_high")),
                    what + "aliased, but %s" % row)
            continue
        i = truth.kept.index(k)
        b, se, df = truth.b[i], mp.sqrt(truth.V[i, i]), dfs[i]
        q = t_quantile(df)
        c.close(what + "estimate", "coefficients", row["estimate"], b, scale=se)
        c.close(what + "std_error", "standard errors", row["std_error"], se)
        c.close(what + "df", "degrees of freedom", row["df"], df)
        c.close(what + "t", "coefficients", row["t"], b / se, scale=1)
        c.close(what + "p_value", "p values", row["p_value"], t_two_sided(b / se, df))
        c.close(what + "ci_low", "intervals", row["ci_low"], b - q * se, scale=se)
        c.close(what + "ci_high", "intervals", row["ci_high"], b + q * se, scale=se)

    tests = {r["term"]: r for r in got["tests"] or []}
    for term in {t for t, _ in truth.columns[1:]}:
        df, chi2, p = truth.wald([k for k, (t, _) in enumerate(truth.columns) if t == term])
        row = tests.pop(term, None)
        c.check(row is not None and row["df"] == df, "test of %s: %s" % (term, row))
        if row is not None:
            c.close("chi2 of " + term, "joint tests", row["chi2"], chi2)
            c.close("p value of " + term, "joint tests", row["p_value"], p)
    c.check(not tests, "tests of other terms: %s" % list(tests))

    degrees = mpf(truth.J - truth.between)
    q = t_quantile(degrees)
    unit = mp.sqrt(truth.tau) or mpf(1)
    c.check(set(got["effects"]) == set(truth.school), "schools")
    for s, row in got["effects"].items():
        want = truth.effect(s, s not in d["out"])
        for key in ("pupils", "dropped"):
            c.check(row[key] == want[key], "%s %s: got %s, want %s" % (s, key, row[key], want[key]))
        for key in ("attainment", "expected", "adjusted_attainment", "residual_sd", "reliability"):
            c.close("%s %s" % (s, key), key.replace("_", " "), row[key], want[key])
        for key in ("raw_effect", "effect"):
            c.close("%s %s" % (s, key), "effects", row[key], want[key], scale=unit)
        for key in ("std_error", "conditional_se", "diagnostic_se"):
            if singular:
                c.check(row[key] is None and want[key] == 0, "%s: a false zero is not reported: %s" % (s, key))
            else:
                c.close("%s %s" % (s, key), "standard errors of effects", row[key], want[key])
        if singular:
            c.check(row["ci_low"] is None and row["ci_high"] is None and row["p_above"] is None and "singular" in row["reason"],
                    "%s: no interval in a singular fit: %s" % (s, row))
            continue
        why = "a single row has no residual_sd" if want["residual_sd"] is None else None
        c.check(row["reason"] == why, "%s: %s" % (s, row["reason"]))
        c.close("%s ci_low" % s, "effects", row["ci_low"], want["effect"] - q * want["std_error"], scale=unit)
        c.close("%s ci_high" % s, "effects", row["ci_high"], want["effect"] + q * want["std_error"], scale=unit)
        tail = t_two_sided(want["effect"] / want["std_error"], degrees) / 2
        c.close("%s p_above" % s, "p values", row["p_above"], 1 - tail if want["effect"] > 0 else tail)

    for by_order, by_name, pupil in got["predicted"] or []:
        values = {t: pupil[t] for t, _ in d["terms"]}
        want = None if None in values.values() else truth.predict(values)
        c.close("expected of a pupil", "expected", by_order, want)
        if want is not None:
            c.close("expected_json of a pupil", "expected", by_name, want)
    return c


def main():
    todo = designs()
    truths = [Truth(d) for d in todo]
    scripts = []
    for d in todo:
        fitted = [p for p in d["pupils"] if p[0] not in d["out"] and Truth.is_complete(p)]
        levels = {f: sorted({p[4][f] for p in fitted}, key=lambda s: s.encode())[i] for f, i in d["relevel"].items()}
        scripts.append(script(d, levels))
    answers = ask_sipp(scripts)
    passed = failed = 0
    worst = {}
    if len(answers) != len(todo):
        print("FAILED: %d answers to %d designs" % (len(answers), len(todo)))
        failed += 1
    for d, truth, got in zip(todo, truths, answers):
        c = compare(d, truth, got)
        largest = max(c.worst, key=c.worst.get)
        print("%s %s: %d figures, largest relative error %s (%s), allowed %s"
              % ("FAILED" if c.failed else "ok    ", d["name"], c.passed + c.failed, mp.nstr(c.worst[largest], 2), largest,
                 mp.nstr(c.tol, 2)), flush=True)
        passed += c.passed
        failed += c.failed
        for kind, error in c.worst.items():
            worst[kind] = max(worst.get(kind, mpf(0)), error)
    for kind in sorted(worst):
        print("  %s: largest relative error %s" % (kind, mp.nstr(worst[kind], 2)))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


main()
