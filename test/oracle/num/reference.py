"""The table of reference values, by 50-digit arithmetic on the data sets' doubles."""
import math
import os

from common import DIR, check, close, finish, run_fit

TOL = 1e-10

# name, driver options: theta, D, sigma2, deviance
TABLE = {
    ("exam", ""): (.407225646430739, .0938389875848671, .565865310302072, 9368.76528732895),
    ("exam", "ml"): (.403546729589728, .0921292731090978, .565731004374107, 9357.24320059104),
    ("scotssec", ""): (.0861375687698885, .0324376866905190, 4.37184398733544, 14854.0898284848),
    ("scotssec", "ml"): (.0815062058608980, .0290188557296532, 4.36816393871424, 14827.1426475962),
    ("chem97", ""): (.478419031110887, 1.17975689946464, 5.15437048486367, 141698.628758490),
    ("chem97", "ml"): (.478233792577503, 1.17881172417834, 5.15423155363573, 141686.992590847),
}
FIXED = {
    "exam": ([.00232282316100539, .563306914153656], [.0403543578652806, .0124679612472977]),
    "scotssec": ([5.73041560588636, .158612955219609, .0320948335231444, .135603356224491],
                 [.0712129323530939, .00277155569386008, .00336184263834721, .0718665096352375]),
    "chem97": ([5.62766767851527, 2.47228235707310], [.0280669889558022, .0168943943535321]),
}
# Exam, schools 1 to 5, REML
EFFECT = [.374355711552, .503036601318, .504939253619, .0182233791059, .241148090079]
RELIABILITY = [.923697841163, .901193581448, .896085561924, .92908196468, .853030772562]
CONDITIONAL = [.084617476539, .0962906759961, .0987482944892, .0815774272452, .117436976753]
COMPARATIVE = [.0924898048175, .103037639261, .105333568389, .0897904898631, .122403708143]
DIAGNOSTIC = [.292035312231, .288482638092, .287652267426, .292876519228, .280813674556]

for (name, ml), (theta, d, sigma2, deviance) in TABLE.items():
    fit = run_fit(os.path.join(DIR, name + ".txt"), *ml.split(), "effects")
    label = "%s %s" % (name, ml or "reml")
    check(fit["status"] == [0] and fit["singular"] == [0] and fit["optima"] == [1], label + ": status")
    close(fit["Lambda"][0], theta, TOL, label + ": theta", kind="theta")
    close(fit["D"][0], d, TOL, label + ": D", kind="D")
    close(fit["sigma2"][0], sigma2, TOL, label + ": sigma2", kind="sigma2")
    close(fit["deviance"][0], deviance, TOL, label + ": deviance", kind="deviance")
    if not ml:
        for i, (b, se) in enumerate(zip(*FIXED[name])):
            close(fit["b"][i], b, TOL, "%s: b%d" % (label, i), kind="b")
            close(fit["se"][i], se, TOL, "%s: se%d" % (label, i), kind="se")
    if (name, ml) == ("exam", ""):
        for j in range(5):
            u, cond, comp, diag = fit["effect"][j]
            # the references carry 12 digits
            close(u, EFFECT[j], TOL, "effect of school %d" % (j + 1), kind="effects")
            close(1 - cond / fit["D"][0], RELIABILITY[j], TOL, "reliability of school %d" % (j + 1), kind="reliability")
            for value, want, what in ((cond, CONDITIONAL[j], "conditional"), (comp, COMPARATIVE[j], "comparative"),
                                      (diag, DIAGNOSTIC[j], "diagnostic")):
                close(math.sqrt(value), want, TOL, "%s SE of school %d" % (what, j + 1), kind="SEs of effects")

fit = run_fit(os.path.join(DIR, "exam.txt"), "slopes", "1")
check(fit["status"] == [0] and fit["singular"] == [0], "random slope: status")
for key, want in (("b", [-.0116493228515, .556534713816]), ("se", [.0401112668581, .0201139527734]),
                  ("D", [.0921183553576, .0183417989823, .0183417989823, .0149671333842]),
                  ("sigma2", [.553641396009]), ("deviance", [9327.60034513])):
    for i, value in enumerate(want):
        # so many digits are given; the smallest b has the fewest
        close(fit[key][i], value, TOL, "random slope: %s %d" % (key, i), kind="random slope")
finish("reference table")
