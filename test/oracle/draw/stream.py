"""src/num/random.c, built alone: against numpy live, published vectors, and the
Python of model.py."""
import ctypes
import random
import uuid

import numpy

from common import DIR, check
from model import MASK, Stream, siphash24

# Random123, kat_vectors: counter, key, result of philox4x64 with 10 rounds
PHILOX = """
0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000
16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b
ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff
87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0
243f6a8885a308d3 13198a2e03707344 a4093822299f31d0 082efa98ec4e6c89 452821e638d01377 be5466cf34e90c6c
a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6
"""

# SipHash-2-4 of 0, 1, ... 15 bytes 00 01 02 ... under the key 00 01 ... 0f, least
# significant byte first: the reference implementation's vectors; the last is
# the example worked out in appendix A of the paper
SIPHASH = """
310e0edd47db6f72 fd67dc93c539f874 5a4fa9d909806c0d 2d7efbd796666785
b7877127e09427cf 8da699cd64557618 cee3fe586e46c9cb 37d1018bf50002ab
6224939a79f5f593 b0e4a90bdf82009e f3b9dd94c5bb5d7a a7ad6b22462fb3f4
fbe50e86bc8f1e75 903d84c02756ea14 eef27a8e90ca23f7 e545be4961ca29a1
"""


class RandomStream(ctypes.Structure):
    _fields_ = [("key", ctypes.c_uint64 * 2), ("counter", ctypes.c_uint64 * 4),
                ("out", ctypes.c_uint64 * 4), ("used", ctypes.c_int)]


class Library:
    """random.c as a shared library."""

    def __init__(self, way):
        self.c = ctypes.CDLL("%s/%s.so" % (DIR, way))
        self.c.siphash24.restype = ctypes.c_uint64
        self.c.siphash24.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_uint64]
        self.c.random_next.restype = ctypes.c_uint64
        self.c.random_next.argtypes = [ctypes.POINTER(RandomStream)]
        self.c.random_below.restype = ctypes.c_uint64
        self.c.random_below.argtypes = [ctypes.POINTER(RandomStream), ctypes.c_uint64]
        self.c.random_stream_int.argtypes = [ctypes.POINTER(RandomStream), ctypes.c_uint64, ctypes.c_int64]
        self.c.random_stream_uuid.argtypes = [ctypes.POINTER(RandomStream), ctypes.c_uint64, ctypes.c_char_p]
        self.c.random_stream_text.argtypes = [ctypes.POINTER(RandomStream), ctypes.c_uint64,
                                              ctypes.c_char_p, ctypes.c_size_t]

    def block(self, counter, key):
        out = (ctypes.c_uint64 * 4)()
        self.c.philox4x64((ctypes.c_uint64 * 4)(*counter), (ctypes.c_uint64 * 2)(*key), out)
        return list(out)

    def stream(self, pupil, seed):
        s = RandomStream()
        seed &= MASK
        if isinstance(pupil, uuid.UUID):
            self.c.random_stream_uuid(s, seed, pupil.bytes)
        elif isinstance(pupil, str):
            b = pupil.encode("utf-8")
            self.c.random_stream_text(s, seed, b, len(b))
        else:
            self.c.random_stream_int(s, seed, pupil)
        return s


def test_philox(lib, way):
    words = [int(x, 16) for x in PHILOX.split()]
    for i in range(0, len(words), 10):
        got = lib.block(words[i:i + 4], words[i + 4:i + 6])
        check(got == words[i + 6:i + 10], "%s: philox4x64, known answer %d" % (way, i // 10 + 1))

    # numpy counts up before it makes a block
    rng = random.Random(1)
    wrong = 0
    for _ in range(4000):
        bits = rng.choice([1, 20, 64])
        counter = rng.getrandbits(4 * 64) & ((1 << rng.choice([1, 64, 128, 256])) - 1)
        key = [rng.getrandbits(bits), rng.getrandbits(64)]
        peer = numpy.random.Philox(counter=counter, key=key[0] | key[1] << 64)
        following = (counter + 1) % (1 << 256)
        got = lib.block([following >> 64 * j & MASK for j in range(4)], key)
        wrong += got != [int(x) for x in peer.random_raw(4)]
    check(wrong == 0, "%s: %d of 4000 random blocks differ from numpy's" % (way, wrong))


def test_siphash(lib, way):
    vectors = [int.from_bytes(bytes.fromhex(x), "little") for x in SIPHASH.split()]
    k0, k1 = 0x0706050403020100, 0x0F0E0D0C0B0A0908
    for n, want in enumerate(vectors):
        check(lib.c.siphash24(bytes(range(n)), n, k0, k1) == want, "%s: siphash of %d bytes" % (way, n))
    check(vectors[15] == 0xA129CA6149BE45E5, "the paper's example")
    rng = random.Random(2)
    wrong = 0
    for n in list(range(300)) * 3 + [10000]:
        data = bytes(rng.getrandbits(8) for _ in range(n))
        k = rng.getrandbits(64), rng.getrandbits(64)
        wrong += lib.c.siphash24(data, n, *k) != siphash24(data, *k)
    check(wrong == 0, "%s: %d siphashes differ from Python's" % (way, wrong))


def test_streams(lib, way):
    """All three kinds of ids, long enough for many blocks."""
    rng = random.Random(3)
    ids = [0, -1, 1, 2**63 - 1, -2**63, "", "a", "été", "\U0001F3EB" * 50, uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)]
    ids += [rng.randrange(-2**63, 2**63) for _ in range(60)]
    ids += [uuid.UUID(int=rng.getrandbits(128)) for _ in range(60)]
    ids += ["".join(chr(rng.randrange(32, 0x3000)) for _ in range(rng.randrange(40))) for _ in range(60)]
    wrong = 0
    for pupil in ids:
        seed = rng.choice([0, 1, -1, 2**63 - 1, -2**63, rng.randrange(-2**63, 2**63)])
        got = lib.stream(pupil, seed)
        want = Stream(pupil, seed)
        wrong += any(lib.c.random_next(got) != want.next() for _ in range(41))
    check(wrong == 0, "%s: %d streams differ from numpy's" % (way, wrong))
    firsts = {lib.c.random_next(lib.stream(p, 5)) for p in list(range(1000)) + [str(i) for i in range(1000)]
              + [uuid.UUID(int=i) for i in range(1000)]}
    check(len(firsts) == 3000, "%s: streams of different ids coincide" % way)


def test_below(lib, way):
    rng = random.Random(4)
    bounds = [1, 2, 3, 5, 10, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1, 2**63, 2**63 + 1,
              2**64 // 3, 2**64 // 3 + 1, 2**64 - 2, 2**64 - 1]
    bounds += [rng.randrange(1, 2**rng.randrange(1, 65)) for _ in range(100)]
    for n in bounds:
        got, want = lib.stream(n % 2**63, 6), Stream(n % 2**63, 6)
        ok = all(lib.c.random_below(got, n) == want.below(n) for _ in range(60))
        check(ok, "%s: integers below %d" % (way, n))

    # numpy's own bounded integers are Lemire's with a 64-bit product above 2^32
    wrong = 0
    for n in [n for n in bounds if 2**32 < n < 2**64 - 1]:
        s = lib.stream(1, 7)
        peer = numpy.random.Generator(numpy.random.Philox(
            counter=numpy.array([0, 1, 0, 0], dtype=numpy.uint64), key=numpy.array([7, 1], dtype=numpy.uint64)))
        want = peer.integers(0, n, size=60, dtype=numpy.uint64)
        wrong += any(lib.c.random_below(s, n) != int(w) for w in want)
    check(wrong == 0, "%s: numpy's Generator.integers differs for %d bounds" % (way, wrong))

    # what rejection is for: below 2/3 * 2^64 even numbers would be twice as many
    n = 2**65 // 3 + 1
    s, biased = lib.stream(2, 8), lib.stream(2, 8)
    even = sum(lib.c.random_below(s, n) % 2 == 0 for _ in range(20000))
    check(abs(even - 10000) < 300, "%s: %d of 20000 are even" % (way, even))
    even = sum((lib.c.random_next(biased) * n >> 64) % 2 == 0 for _ in range(20000))
    check(even > 13000, "%s: without rejection %d of 20000 are even" % (way, even))


def test_uniform_bits(lib, way):
    """Every bit of every word of a block is one half of the time."""
    ones = numpy.zeros((4, 64))
    for pupil in range(4000):
        s = lib.stream(pupil, 0)
        for w in range(4):
            x = lib.c.random_next(s)
            ones[w] += [x >> b & 1 for b in range(64)]
    chi2 = float(((ones - 2000) ** 2).sum() / 1000)
    check(150 < chi2 < 380, "%s: chi-square of 256 bits over pupils is %.1f" % (way, chi2))


def run():
    for way in ("DEFAULT", "NO_INT128"):
        lib = Library(way)
        test_philox(lib, way)
        test_siphash(lib, way)
        test_streams(lib, way)
        test_below(lib, way)
    test_uniform_bits(Library("DEFAULT"), "DEFAULT")
