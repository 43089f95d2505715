"""The draw, a second time: from the description in src/virtual/draw.c and
src/num/random.h, with numpy's Philox, whole numbers as long as it takes, and
sets in place of counts."""
import uuid

import numpy

MASK = (1 << 64) - 1
SPARSE = 4


def siphash24(data, k0, k1):
    """SipHash-2-4, word by word as in the paper."""
    def rotl(x, b):
        return ((x << b) | (x >> (64 - b))) & MASK

    def sip_round(a, b, c, d):
        a = (a + b) & MASK
        c = (c + d) & MASK
        b = rotl(b, 13) ^ a
        d = rotl(d, 16) ^ c
        a = rotl(a, 32)
        c = (c + b) & MASK
        a = (a + d) & MASK
        b = rotl(b, 17) ^ c
        d = rotl(d, 21) ^ a
        return a, b, rotl(c, 32), d

    v = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) % 256])
    for i in range(0, len(padded), 8):
        m = int.from_bytes(padded[i:i + 8], "little")
        a, b, c, d = v[0], v[1], v[2], v[3] ^ m
        a, b, c, d = sip_round(*sip_round(a, b, c, d))
        v = (a ^ m, b, c, d)
    v = (v[0], v[1], v[2] ^ 0xFF, v[3])
    for _ in range(4):
        v = sip_round(*v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


class Stream:
    """The random numbers of one pupil."""

    def __init__(self, pupil, seed):
        seed &= MASK
        if isinstance(pupil, uuid.UUID):
            kind, words = 2, (pupil.int >> 64, pupil.int & MASK)
        elif isinstance(pupil, str):
            utf8 = pupil.encode("utf-8")
            kind, words = 3, (len(utf8), siphash24(utf8, seed, 0))
        else:
            kind, words = 1, (pupil & MASK, 0)
        self.bits = numpy.random.Philox(
            counter=numpy.array([0, words[0], words[1], 0], dtype=numpy.uint64),
            key=numpy.array([seed, kind], dtype=numpy.uint64))
        self.words = []

    def next(self):
        if not self.words:
            self.words = [int(x) for x in self.bits.random_raw(32)][::-1]
        return self.words.pop()

    def below(self, n):
        """x * n / 2^64, drawing again what makes an interval too long."""
        while True:
            p = self.next() * n
            if (p & MASK) >= (1 << 64) % n:
                return p >> 64


def order(pupil):
    """By value, by bytes, by UTF-8."""
    if isinstance(pupil, uuid.UUID):
        return pupil.bytes
    return pupil.encode("utf-8") if isinstance(pupil, str) else pupil


def shares(a, b):
    """Do two rows (id, key, ...) share a key?  None is a key like any other."""
    return any(x == y for x, y in zip(a[1:], b[1:]))


class Cell:
    """A partition: rows (id, key, ...)."""

    def __init__(self, rows):
        self.rows = sorted(rows, key=lambda r: order(r[0]))
        self.rank = {r[0]: i for i, r in enumerate(self.rows)}
        self.pools = {}

    def pool(self, pupil):
        """Ranks of the eligible."""
        return self.pool_and_source(pupil)[0]

    def source(self, pupil):
        """The ranks that are drawn from, and a name for this case."""
        return self.pool_and_source(pupil)[1]

    def pool_and_source(self, pupil):
        """Both, once for all who have the same keys."""
        me = self.rows[self.rank[pupil]]
        if me[1:] not in self.pools:
            pool = [i for i, r in enumerate(self.rows) if not shares(me, r)]
            self.pools[me[1:]] = pool, self.find_source(me, pool)
        return self.pools[me[1:]]

    def find_source(self, me, pool):
        everyone = list(range(len(self.rows)))
        if SPARSE * len(pool) >= len(everyone):
            return everyone, "all"
        groups = [{i for i in everyone if self.rows[i][k] == me[k]} for k in range(1, len(me))]
        largest = max(groups, key=len)
        outside = [i for i in everyone if i not in largest]
        if SPARSE * len(pool) >= len(outside):
            return outside, "complement"
        return pool, "eligible"

    def draw(self, pupil, k, seed):
        """The picks of one pupil."""
        pool = self.pool(pupil)
        if not pool:
            return []
        source, _ = self.source(pupil)
        eligible = set(pool)
        stream = Stream(pupil, seed)
        picks = []
        while len(picks) < min(k, len(pool) // 2):
            r = source[stream.below(len(source))]
            if r in eligible and r not in picks:
                picks.append(r)
        rest = [r for r in pool if r not in picks]
        for j in range(min(k, len(pool)) - len(picks)):
            other = j + stream.below(len(rest) - j)
            rest[j], rest[other] = rest[other], rest[j]
            picks.append(rest[j])
        return [self.rows[r][0] for r in picks]
