"""Against scipy's linear_sum_assignment and LEMON's network simplex, run live.

    peer.py scipy DRIVER DIR
    peer.py lemon DRIVER DIR LEMON_PEER

Totals must be equal as integers.  Capacities become columns of their own for
scipy, a place that may stay empty a dummy column at the price M; several places
of one partner are for LEMON, scipy cannot tell that a pair counts once.
"""
import os
import subprocess
import sys

FULL = bool(os.environ.get("SIPP_FULL"))
PEER, DRIVER, DIR = sys.argv[1:4]
FILE = os.path.join(DIR, "instance")

# kind, partners, leads, greatest places, greatest capacity, share of pairs, M outweighs all
SCIPY = [
    ("uniform", 50, 50, 1, 1, 1, 1), ("uniform", 500, 500, 1, 1, 1, 1), ("uniform", 1500, 1500, 1, 1, 1, 1),
    ("uniform", 300, 200, 1, 3, 1, 1), ("uniform", 300, 100, 1, 3, 1, 1), ("uniform", 400, 150, 1, 2, .1, 1),
    ("uniform", 400, 400, 1, 1, .05, 0), ("school", 50, 50, 1, 1, 1, 1), ("school", 400, 400, 1, 1, 1, 1),
    ("school", 1000, 1000, 1, 1, 1, 1), ("school", 700, 500, 1, 3, 1, 1), ("school", 600, 300, 1, 2, 1, 0),
    ("effect", 500, 500, 1, 1, 1, 1), ("effect", 600, 400, 1, 3, 1, 1), ("effect", 400, 400, 1, 2, 1, 0),
    ("ties", 300, 300, 1, 1, 1, 1), ("ties", 400, 200, 1, 3, .05, 1), ("ties", 300, 300, 1, 2, .02, 0),
    ("product", 200, 200, 1, 1, 1, 1), ("product", 200, 150, 1, 3, 1, 0),
]
LEMON = [
    ("uniform", 3000, 2000, 3, 4, .01, 1), ("uniform", 400, 400, 3, 3, 1, 1), ("uniform", 2000, 500, 2, 3, .05, 1),
    ("uniform", 2000, 2000, 3, 3, .02, 0), ("school", 500, 400, 3, 3, 1, 1), ("school", 600, 200, 2, 3, 1, 1),
    ("school", 500, 500, 3, 2, 1, 0), ("effect", 600, 500, 3, 3, 1, 1), ("effect", 500, 500, 2, 6, 1, 0),
    ("ties", 1000, 800, 3, 3, .02, 1), ("ties", 400, 400, 3, 3, 1, 1), ("product", 150, 150, 3, 3, 1, 1),
    ("uniform", 5000, 5000, 1, 2, .004, 1),
]
if FULL:
    LEMON += [("school", 2000, 1500, 3, 3, 1, 1), ("uniform", 20000, 10000, 2, 4, .001, 1)]


def ours(case, seed):
    """Cost and empty places, the same from both forms of costs, and the proof holds."""
    out = subprocess.run([DRIVER, case[0], str(seed), *(str(v) for v in case[1:]), FILE],
                         capture_output=True, text=True, check=True).stdout.splitlines()
    if len(out) != 2 or out[0] != out[1] or not out[0].endswith(" proven"):
        raise ValueError("%s: %s" % (case, out))
    cost, empty = out[0].split()[:2]
    return int(cost), int(empty)


def scipy_value(path):
    a = numpy.fromfile(path, dtype=numpy.int64)
    n, m, unpaired, pairs = (int(v) for v in a[:4])
    at = 4 + n
    capacity = a[at:at + m]
    start = a[at + m:at + m + n + 1]
    at += m + n + 1
    matrix = numpy.full((n, m), numpy.inf)
    matrix[numpy.repeat(numpy.arange(n), numpy.diff(start)), a[at:at + pairs]] = a[at + pairs:at + 2 * pairs]
    matrix = numpy.hstack([numpy.repeat(matrix, capacity, axis=1), numpy.full((n, n), float(unpaired))])
    assert unpaired * n < 2 ** 52
    row, column = linear_sum_assignment(matrix)
    return int(matrix[row, column].astype(numpy.int64).sum())


def lemon_value(path):
    return int(subprocess.run([sys.argv[4], path], capture_output=True, text=True, check=True).stdout)


if PEER == "scipy":
    import numpy
    from scipy.optimize import linear_sum_assignment

passed = failed = 0
for case in SCIPY if PEER == "scipy" else LEMON:
    for seed in range(1, 11 if FULL else 3):
        cost, empty = ours(case, seed)
        with open(FILE, "rb") as f:
            unpaired = int.from_bytes(f.read(24)[16:], sys.byteorder, signed=True)
        want = scipy_value(FILE) if PEER == "scipy" else lemon_value(FILE)
        if cost + unpaired * empty == want:
            passed += 1
        else:
            failed += 1
            print("FAILED %s, seed %d: %d, %s %d" % (case, seed, cost + unpaired * empty, PEER, want))
print("%s: %d passed, %d failed" % (PEER, passed, failed))
with open(os.path.join(DIR, "counts"), "a") as f:
    f.write("%d %d 0\n" % (passed, failed))
