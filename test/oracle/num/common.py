"""Running the driver, counting checks."""
import os
import subprocess
import sys

DRIVER = os.environ["LMM_DRIVER"]
DIR = os.environ["LMM_DIR"]

passed = 0
failed = 0
worst = {}


def check(ok, what):
    """One check; says what failed."""
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED", what)
    return ok


def close(got, want, tol, what, scale=None, kind=None):
    """got and want agree to tol relative to want (or to scale)."""
    size = abs(want) if scale is None else abs(scale)
    err = abs(got - want)
    rel = float(err / size) if size else (0.0 if err == 0 else float("inf"))
    if not rel <= tol:
        check(False, "%s: got %.17g, want %s, error %.3g, allowed %.3g" % (what, got, want, rel, tol))
        return
    check(True, what)
    if kind:
        worst[kind] = max(worst.get(kind, 0.0), rel)


def run_fit(path, *options):
    """The driver's figures as a dictionary of lists; effects by unit."""
    out = subprocess.run([DRIVER, "fit", path, *options], capture_output=True, text=True)
    if out.returncode or out.stderr:
        print(out.stderr, file=sys.stderr)
        raise SystemExit("driver failed on %s %s" % (path, " ".join(options)))
    fit = {"effect": {}, "outside": {}}
    for line in out.stdout.splitlines():
        key, *values = line.split()
        values = [float(v) for v in values]
        if key in ("effect", "outside"):
            fit[key][int(values[0])] = values[1:]
        else:
            fit[key] = values
    return fit


def run_dist(lines):
    """Values of distribution functions, one per line of input."""
    out = subprocess.run([DRIVER, "dist"], input="\n".join(lines) + "\n", capture_output=True, text=True)
    if out.returncode or out.stderr:
        print(out.stderr, file=sys.stderr)
        raise SystemExit("driver failed on distributions")
    return [float(v) for v in out.stdout.split()]


def finish(name, skipped=0):
    """Print and hand over the counts."""
    for kind in sorted(worst):
        print("  %s: largest relative difference %.2g" % (kind, worst[kind]))
    print("%s: %d passed, %d failed%s" % (name, passed, failed, ", %d skipped" % skipped if skipped else ""))
    with open(os.path.join(DIR, "counts"), "a") as f:
        f.write("%d %d %d\n" % (passed, failed, skipped))
