/*
 * dd.h
 *		Double-double arithmetic: a number as the unevaluated sum of two doubles,
 *		some 106 bits.
 *
 * A pool is a cell minus those who share a key with the pupil, so its sums are
 * differences of larger sums.  In double a pool of two in a cell of a million
 * would lose what it is made of; in double-double it keeps all digits of a
 * double, and the figures do not depend on the order of rows.
 *
 * Sources: Knuth, TAOCP 2, 4.2.2 (two-sum); Dekker (1971), Numerische Mathematik
 * 18 (product, normalisation).  Exact only without fused or re-associated
 * operations, and with results of a double's precision: the Makefile sets
 * -ffp-contract=off, and this header does not compile with what undoes the rest.
 * Splitting a factor overflows beyond 2^996; the rooms' limit on outcomes,
 * 1e50, is far below.
 */
#ifndef SIPP_DD_H
#define SIPP_DD_H

#include <float.h>

/*
 * The rounding errors that are computed below are zero in exact arithmetic, and a
 * compiler that may re-associate takes them to be zero.  With x87's registers of
 * 64 bits they are those of another rounding.  Nothing would fail then: figures
 * would lose half of their digits.
 */
#if defined(__FAST_MATH__)
#error "sipp cannot be compiled with -ffast-math or -Ofast: its sums need each rounding error as written; take the option out of CFLAGS and COPT"
#endif
#if defined(__ASSOCIATIVE_MATH__) || defined(__UNSAFE_MATH_OPTIMIZATIONS__)
#error "sipp cannot be compiled with -fassociative-math or -funsafe-math-optimizations: its sums need each rounding error as written; take the option out of CFLAGS and COPT"
#endif
#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "sipp cannot be compiled with -ffinite-math-only: it checks for NaN and infinity; take the option out of CFLAGS and COPT"
#endif
#if FLT_EVAL_METHOD != 0
#error "sipp needs double arithmetic of double precision: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

/* clang does not say that -fassociative-math is on, but can be told not to heed it */
#if defined(__clang__) && __clang_major__ >= 12
#pragma clang fp reassociate(off) contract(off)
#endif

typedef struct Dd
{
	double		hi;
	double		lo;				/* |lo| <= half a unit in the last place of hi */
} Dd;

static inline Dd
dd_make(double x)
{
	Dd			r = {x, 0};

	return r;
}

/* a + b, exactly */
static inline Dd
dd_two_sum(double a, double b)
{
	Dd			r;
	double		bb;

	r.hi = a + b;
	bb = r.hi - a;
	r.lo = (a - (r.hi - bb)) + (b - bb);
	return r;
}

/* the same where |a| >= |b| or a = 0 */
static inline Dd
dd_quick_two_sum(double a, double b)
{
	Dd			r;

	r.hi = a + b;
	r.lo = b - (r.hi - a);
	return r;
}

/* a * b, exactly */
static inline Dd
dd_two_prod(double a, double b)
{
	Dd			r;
	double		t;
	double		ah,
				al,
				bh,
				bl;

	t = 134217729.0 * a;		/* 2^27 + 1 */
	ah = t - (t - a);
	al = a - ah;
	t = 134217729.0 * b;
	bh = t - (t - b);
	bl = b - bh;
	r.hi = a * b;
	r.lo = ((ah * bh - r.hi) + ah * bl + al * bh) + al * bl;
	return r;
}

static inline Dd
dd_add(Dd a, Dd b)
{
	Dd			s = dd_two_sum(a.hi, b.hi);
	Dd			t = dd_two_sum(a.lo, b.lo);

	s.lo += t.hi;
	s = dd_quick_two_sum(s.hi, s.lo);
	s.lo += t.lo;
	return dd_quick_two_sum(s.hi, s.lo);
}

static inline Dd
dd_neg(Dd a)
{
	Dd			r = {-a.hi, -a.lo};

	return r;
}

static inline Dd
dd_sub(Dd a, Dd b)
{
	return dd_add(a, dd_neg(b));
}

static inline Dd
dd_mul(Dd a, Dd b)
{
	Dd			p = dd_two_prod(a.hi, b.hi);

	p.lo += a.hi * b.lo + a.lo * b.hi;
	return dd_quick_two_sum(p.hi, p.lo);
}

static inline Dd
dd_div(Dd a, double b)
{
	double		q1 = a.hi / b;
	Dd			r = dd_sub(a, dd_two_prod(q1, b));
	double		q2 = r.hi / b;

	r = dd_sub(r, dd_two_prod(q2, b));
	r = dd_add(dd_quick_two_sum(q1, q2), dd_make(r.hi / b));
	return r;
}

static inline double
dd_value(Dd a)
{
	return a.hi + a.lo;
}

/*
 * A sum of many terms with some 424 bits, whatever cancels: each part takes the
 * rounding errors of the one before (Ogita, Rump and Oishi 2005, "Accurate sum and dot
 * product", SIAM J. Sci. Comput. 26(6), their K-fold summation with K = 8).  So numbers up
 * to 1e100, squares of outcomes, can be taken out of a sum again and leave what was
 * beside them.  Most terms come to rest in the first parts, which makes it cheap.
 */
#define WIDE_PARTS 8

typedef struct Wide
{
	double		part[WIDE_PARTS];
} Wide;

static inline void
wide_add(Wide *w, double x)
{
	int			i;

	for (i = 0; i < WIDE_PARTS - 1 && x != 0; i++)
	{
		Dd			s = dd_two_sum(w->part[i], x);

		w->part[i] = s.hi;
		x = s.lo;
	}
	w->part[i] += x;
}

static inline void
wide_add_dd(Wide *w, Dd x)
{
	wide_add(w, x.hi);
	wide_add(w, x.lo);
}

/* a + sign * b, sign being 1 or -1 */
static inline void
wide_add_wide(Wide *a, const Wide *b, double sign)
{
	int			i;

	for (i = 0; i < WIDE_PARTS; i++)
		wide_add(a, sign * b->part[i]);
}

/*
 * The sum as a double-double.  Parts may cancel each other: sweeps that keep every
 * bit bring what is left together first.
 */
static inline Dd
wide_value(const Wide *w)
{
	Wide		v = *w;
	Dd			r = {0, 0};
	int			n = WIDE_PARTS;
	int			sweep;
	int			i;

	while (n > 0 && v.part[n - 1] == 0)
		n--;
	for (sweep = 1; sweep < n; sweep++)
		for (i = n - 1; i > 0; i--)
		{
			Dd			s = dd_two_sum(v.part[i - 1], v.part[i]);

			v.part[i - 1] = s.hi;
			v.part[i] = s.lo;
		}
	for (i = n - 1; i >= 0; i--)
		r = dd_add(r, dd_make(v.part[i]));
	return r;
}

#endif							/* SIPP_DD_H */
