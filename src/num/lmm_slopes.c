/*
 * lmm_slopes.c
 *		The random-slopes criterion as a function of Lambda, with exact first and
 *		second derivatives.
 *
 * Each unit's rows are rotated (never explicitly) so that the first r <= q of
 * them span Z_j, Z_j = Q_j R_j.  Those become r rows R_j of random and F_j =
 * Q_j'[X y] of fixed design with covariance E_j = I + R_j Psi R_j', Psi =
 * Lambda Lambda'; the others do not feel the random effects, and only their
 * cross-products, summed over units, count:
 *
 *		A = sum_j ([X y]'[X y] - F_j'F_j) + sum_j F_j' E_j^-1 F_j,
 *		deviance = sum_j log|E_j| [+ log|A_xx|] + df (1 + log(2 pi r2 / df)).
 *
 * Nothing cancels, however large Lambda is.  With P = R'E^-1 R, Q = R'E^-1 F_x,
 * s = R'E^-1 (F_y - F_x b), U = Q A_xx^-1 Q', the derivative along a symmetric
 * change d of Psi is the inner product of d and
 *
 *		G = sum_j (P - [REML: U] - s s' / sigma2),
 *
 * and the second derivative along d and e is
 *
 *		sum_j tr(d P e (-P + [REML: 2 U] + 2 s s' / sigma2))
 *		- [REML: tr(A^-1 A_d A^-1 A_e)] - 2 a_d' A^-1 a_e / sigma2 - df rho_d rho_e,
 *
 * A_d = sum Q'dQ, a_d = sum Q'd s, rho_d = -sum s'd s / r2.  Random terms are
 * scaled to unit standard deviation, so that Lambda is of one order throughout.
 */
#include "lmm_internal.h"

#include <math.h>
#include <string.h>

#define MAXQ LMM_MAX_RANDOM
#define PAIR(a, b) ((a) <= (b) ? (b) * ((b) + 1) / 2 + (a) : (a) * ((a) + 1) / 2 + (b))

/* One unit's R and F; returns its rank. */
static int
reduce_unit(const LmmProblem *prob, const LmmWork *w, size_t j, double *R, double *F)
{
	int			q = w->q;
	int			k = w->k;
	size_t		p1 = (size_t) w->p + 1;
	size_t		n1 = (size_t) k + 1;
	const double *m = prob->mean + j * p1;
	const double *zs = prob->zs + j * (size_t) (q - 1) * p1;
	double		n = prob->n[j];
	double		root = sqrt(n);
	double		S[MAXQ * MAXQ] = {0};
	double		L[MAXQ * MAXQ];
	double		floor[MAXQ] = {0};
	bool		aliased[MAXQ];
	int			s = q - 1;
	int			rank = 1;

	/* the unit's mean, weighted by the root of n */
	memset(R, 0, sizeof(double) * (size_t) (q * q));
	for (int a = 0; a < q; a++)
		R[a] = root * m[prob->zcol[a]] / w->zscale[a];
	F[k] = m[w->p];
	for (int i = 0; i < k; i++)
	{
		F[i] = root * m[w->keep[i]];
		F[k] -= m[w->keep[i]] * w->ref[i];
	}
	F[k] *= root;

	/* the slopes within the unit; those that do not vary there have no row */
	for (int a = 0; a < s; a++)
	{
		for (int b = 0; b < s; b++)
			S[a * s + b] = zs[(size_t) a * p1 + (size_t) prob->zcol[b + 1]] /
				(w->zscale[a + 1] * w->zscale[b + 1]);
		floor[a] = 1e-18 * n;
	}
	linalg_chol_alias(s, S, 1e-12, floor, L, aliased, NULL);
	for (int a = 0; a < s; a++)
	{
		const double *row = zs + (size_t) a * p1;
		double	   *Fa = F + (size_t) rank * n1;

		if (aliased[a])
			continue;
		Fa[k] = row[w->p];
		for (int i = 0; i < k; i++)
		{
			Fa[i] = row[w->keep[i]];
			Fa[k] -= Fa[i] * w->ref[i];
		}
		for (size_t i = 0; i < n1; i++)
			Fa[i] /= w->zscale[a + 1];
		for (int b = 0, r = 1; b < a; b++)
		{
			if (aliased[b])
				continue;
			for (size_t i = 0; i < n1; i++)
				Fa[i] -= L[a * s + b] * F[(size_t) r * n1 + i];
			r++;
		}
		for (size_t i = 0; i < n1; i++)
			Fa[i] /= L[a * s + a];
		for (int b = a; b < s; b++)
			R[rank * q + b + 1] = L[b * s + a];
		rank++;
	}
	return rank;
}

/* Is anything of the outcome left beyond every unit's own regression on Z and X? */
static LmmStatus
residual_left(const LmmProblem *prob, LmmWork *w, double free_rows)
{
	int			k = w->k;
	int			n1 = k + 1;
	size_t		p1 = (size_t) w->p + 1;
	double		left = w->within[(size_t) n1 * n1 - 1];
	double	   *z = w->delta;
	double	   *floor = w->v;
	bool	   *out = (bool *) w->v1;
	int			rank;

	for (int i = 0; i < k; i++)
	{
		size_t		c = (size_t) w->keep[i];

		/* the random columns themselves are gone but for roundoff */
		floor[i] = 1e-13 * w->total[c * p1 + c];
		memcpy(w->S + (size_t) i * k, w->within + (size_t) i * n1, sizeof(double) * (size_t) k);
	}
	rank = linalg_chol_alias(k, w->S, LINALG_ALIAS_TOLERANCE, floor, w->L, out, w->interrupt);
	for (int i = 0; i < k; i++)
	{
		const double *Li = w->L + (size_t) i * k;

		z[i] = out[i] ? 0 : (w->within[(size_t) i * n1 + k] - linalg_dot(i, Li, z)) / Li[i];
		left -= z[i] * z[i];
	}
	if (free_rows <= rank)
		return LMM_SATURATED;
	return left > 1e-12 * prob->within[p1 * p1 - 1] ? LMM_OK : LMM_NO_RESIDUAL;
}

/* Reduce all units; the reference of the outcome stays what it is. */
LmmStatus
lmm_slopes_build(const LmmProblem *prob, LmmWork *w, LmmFit *fit)
{
	size_t		p1 = (size_t) w->p + 1;
	size_t		n1 = (size_t) w->k + 1;
	size_t		qq = (size_t) w->q * (size_t) w->q;
	double		sum_n = w->total[0];

	fit->free_rows = w->rows;
	w->zscale[0] = 1;
	for (int a = 1; a < w->q; a++)
	{
		size_t		c = (size_t) prob->zcol[a];

		w->zscale[a] = sqrt(w->total[c * p1 + c] / sum_n);
		w->zconstant[a] = !(w->zscale[a] > 0);
		if (w->zconstant[a])
			w->zscale[a] = 1;
	}
	lmm_rebase_within(prob, w);
	for (size_t j = 0; j < (size_t) w->J; j++)
	{
		double	   *F = w->F + j * (size_t) w->q * n1;

		w->unit_rank[j] = reduce_unit(prob, w, j, w->R + j * qq, F);
		fit->free_rows -= w->unit_rank[j];
		for (int r = 1; r < w->unit_rank[j]; r++)
			for (size_t a = 0; a < n1; a++)
				for (size_t b = 0; b <= a; b++)
					w->within[a * n1 + b] -= F[(size_t) r * n1 + a] * F[(size_t) r * n1 + b];
		lmm_tick(w, (double) (qq * n1 + (size_t) w->q * n1 * n1));
	}
	for (size_t a = 0; a < n1; a++)
		for (size_t b = 0; b < a; b++)
			w->within[b * n1 + a] = w->within[a * n1 + b];
	return residual_left(prob, w, fit->free_rows);
}

/* Take the solution of the last evaluation as the reference, in place. */
void
lmm_slopes_rebase(LmmWork *w)
{
	int			k = w->k;
	size_t		n1 = (size_t) k + 1;
	double	   *yy = &w->within[n1 * n1 - 1];

	for (size_t j = 0; j < (size_t) w->J; j++)
		for (int r = 0; r < w->unit_rank[j]; r++)
		{
			double	   *F = w->F + (j * (size_t) w->q + (size_t) r) * n1;

			F[k] -= linalg_dot(k, F, w->delta);
		}
	lmm_tick(w, 2.0 * w->J * w->q * k);
	for (int i = 0; i < k; i++)
	{
		double	   *xy = &w->within[(size_t) i * n1 + (size_t) k];
		double		moved = *xy - linalg_dot(k, w->within + (size_t) i * n1, w->delta);

		*yy -= w->delta[i] * (*xy + moved);
		*xy = w->within[(size_t) k * n1 + (size_t) i] = moved;
	}
	for (int i = 0; i < k; i++)
	{
		w->ref[i] += w->delta[i];
		w->delta[i] = 0;
	}
}

/* C with E = I + (R Lambda)(R Lambda)' = C C', and K = C^-1 F, of unit j. */
static bool
whiten_unit(LmmWork *w, size_t j, const double *Lambda, double *C)
{
	int			q = w->q;
	int			r = w->unit_rank[j];
	size_t		n1 = (size_t) w->k + 1;
	const double *R = w->R + j * (size_t) (q * q);
	const double *F = w->F + j * (size_t) q * n1;
	double		H[MAXQ * MAXQ];

	for (int i = 0; i < r; i++)
		for (int c = 0; c < q; c++)
		{
			H[i * q + c] = 0;
			for (int a = c; a < q; a++)
				H[i * q + c] += R[i * q + a] * Lambda[a * q + c];
		}
	for (int i = 0; i < r; i++)
		for (int l = 0; l <= i; l++)
			C[i * r + l] = (i == l) + linalg_dot(q, H + i * q, H + l * q);
	if (!linalg_chol(r, C, C))
		return false;
	for (int i = 0; i < r; i++)
	{
		double	   *restrict Ki = w->K + (size_t) i * n1;

		memcpy(Ki, F + (size_t) i * n1, sizeof(double) * n1);
		for (int l = 0; l < i; l++)
		{
			const double *restrict Kl = w->K + (size_t) l * n1;

			for (size_t c = 0; c < n1; c++)
				Ki[c] -= C[i * r + l] * Kl[c];
		}
		for (size_t c = 0; c < n1; c++)
			Ki[c] /= C[i * r + i];
	}
	return true;
}

/* First pass: A, its factor, the solution and the deviance. */
static bool
sum_units(LmmWork *w, const double *Lambda, LmmSlopesPoint *pt)
{
	int			k = w->k;
	size_t		n1 = (size_t) k + 1;
	double		C[MAXQ * MAXQ];
	double		h = 0;

	memcpy(w->A, w->within, sizeof(double) * n1 * n1);
	for (size_t j = 0; j < (size_t) w->J; j++)
	{
		int			r = w->unit_rank[j];

		if (!whiten_unit(w, j, Lambda, C))
			return false;
		for (int i = 0; i < r; i++)
		{
			const double *restrict Ki = w->K + (size_t) i * n1;

			h += 2 * log(C[i * r + i]);
			for (size_t a = 0; a < n1; a++)
			{
				double	   *restrict row = w->A + a * n1;

				for (size_t b = 0; b <= a; b++)
					row[b] += Ki[a] * Ki[b];
			}
		}
		lmm_tick(w, (double) n1 * w->q * (w->q + (double) n1) + 200);
	}

	for (int i = 0; i < k; i++)
	{
		memcpy(w->S + (size_t) i * k, w->A + (size_t) i * n1, sizeof(double) * (size_t) k);
		w->delta[i] = w->A[(size_t) k * n1 + (size_t) i];
	}
	if (!linalg_chol_large(k, w->S, w->L, w->interrupt))
		return false;
	linalg_solve_lower(k, w->L, w->delta);
	pt->r2 = w->A[n1 * n1 - 1] - linalg_dot(k, w->delta, w->delta);
	if (!(pt->r2 > 0))
		return false;
	linalg_solve_upper(k, w->L, w->delta);
	if (w->reml)
		for (int i = 0; i < k; i++)
			h += 2 * log(w->L[(size_t) i * k + i]);
	pt->sigma2 = pt->variance > 0 ? pt->variance / (Lambda[0] * Lambda[0]) : pt->r2 / w->df;
	pt->deviance = h + w->df * (LMM_LOG_2PI + log(pt->sigma2)) + pt->r2 / pt->sigma2 - w->sum_log_w;
	return isfinite(pt->deviance);
}

/* Sums over units that the derivatives need. */
typedef struct Sums
{
	double		G[MAXQ * MAXQ];
	double		ss[MAXQ * MAXQ];
	double		T[MAXQ * MAXQ * MAXQ * MAXQ];	/* P_bc Y_da at [a][b][c][d] */
} Sums;

/* What the derivatives need of one unit; its whitened Q is in LmmWork.Q, [q][k]. */
typedef struct UnitTerms
{
	double		CR[MAXQ * MAXQ];	/* [r][q] C^-1 R */
	double		s[MAXQ];		/* [q] CR' times the residuals */
	double		P[MAXQ * MAXQ]; /* [q][q] CR' CR */
	double		Y[MAXQ * MAXQ]; /* [q][q] -P + 2 Q'Q (under REML) + 2 s s' / sigma2 */
} UnitTerms;

/* Fill CR, s and the whitened Q of unit j; C: [r][r] its factor. */
static void
unit_terms(LmmWork *w, size_t j, const double *C, UnitTerms *t)
{
	int			q = w->q;
	int			k = w->k;
	int			r = w->unit_rank[j];
	size_t		n1 = (size_t) k + 1;
	const double *R = w->R + j * (size_t) (q * q);

	memset(t->s, 0, sizeof(t->s));
	memset(w->Q, 0, sizeof(double) * (size_t) q * (size_t) k);
	for (int i = 0; i < r; i++)
	{
		const double *Ki = w->K + (size_t) i * n1;
		double		residual;

		for (int a = 0; a < q; a++)
		{
			double		v = R[i * q + a];

			for (int l = 0; l < i; l++)
				v -= C[i * r + l] * t->CR[l * q + a];
			t->CR[i * q + a] = v / C[i * r + i];
		}
		residual = Ki[k] - linalg_dot(k, Ki, w->delta);
		for (int a = 0; a < q; a++)
		{
			double		f = t->CR[i * q + a];
			double	   *restrict Qa = w->Q + (size_t) a * k;

			t->s[a] += f * residual;
			for (int c = 0; c < k; c++)
				Qa[c] += f * Ki[c];
		}
	}
	for (int a = 0; a < q; a++)
		linalg_solve_lower(k, w->L, w->Q + (size_t) a * k);
}

/* Add one unit's part in the sums of second derivatives. */
static void
add_second_order(LmmWork *w, const UnitTerms *t, Sums *sum)
{
	int			q = w->q;
	int			k = w->k;
	double	   *T = sum->T;

	for (int a = 0; a < q; a++)
		for (int b = 0; b < q; b++)
			for (int c = 0; c < q; c++)
				for (int d = 0; d < q; d++)
					*T++ += t->P[b * q + c] * t->Y[d * q + a];
	for (int a = 0; a < q; a++)
	{
		const double *Qa = w->Q + (size_t) a * k;

		for (int b = 0; b < q; b++)
		{
			double	   *restrict os = w->outer_s + (size_t) (a * q + b) * k;

			for (int c = 0; c < k; c++)
				os[c] += Qa[c] * t->s[b];
		}
		for (int b = a; b < q; b++)
		{
			const double *Qb = w->Q + (size_t) b * k;
			double	   *O = w->outer + (size_t) PAIR(a, b) * k * k;

			for (int c = 0; c < k; c++)
				for (int d = 0; d <= c; d++)
					O[c * k + d] += a == b ? Qa[c] * Qa[d] : Qa[c] * Qb[d] + Qb[c] * Qa[d];
		}
	}
}

/* Add one unit's part in the sums of the derivatives, in the second pass over units. */
static void
differentiate_unit(LmmWork *w, size_t j, const double *C, double sigma2, int order, Sums *sum)
{
	int			q = w->q;
	int			k = w->k;
	int			r = w->unit_rank[j];
	UnitTerms	t;

	unit_terms(w, j, C, &t);
	for (int a = 0; a < q; a++)
		for (int b = 0; b <= a; b++)
		{
			double		U = w->reml ? linalg_dot(k, w->Q + (size_t) a * k, w->Q + (size_t) b * k) : 0;
			double		ss = t.s[a] * t.s[b];
			double		p = 0;

			for (int i = 0; i < r; i++)
				p += t.CR[i * q + a] * t.CR[i * q + b];
			t.P[a * q + b] = t.P[b * q + a] = p;
			t.Y[a * q + b] = t.Y[b * q + a] = -p + 2 * U + 2 * ss / sigma2;
			sum->G[a * q + b] += p - U - ss / sigma2;
			sum->ss[a * q + b] += ss;
		}
	if (order >= 2)
		add_second_order(w, &t, sum);
}

/*
 * From derivatives by Psi to those by theta: changing Lambda[i][c] changes Psi
 * by d = e_i l' + l e_i', l being column c of Lambda; two changes in the same
 * column also have a second-order term e_i e_i'' + e_i'' e_i.
 */
static void
chain(LmmWork *w, const double *Lambda, const Sums *sum, int order, LmmSlopesPoint *pt)
{
	int			q = w->q;
	size_t		k = (size_t) w->k;
	int			params = w->params;
	int			row[LMM_MAX_PARAMS];
	int			col[LMM_MAX_PARAMS];
	double		d[LMM_MAX_PARAMS][MAXQ * MAXQ];

	for (int i = 0, t = 0; i < q; i++)
		for (int c = 0; c <= i; c++, t++)
		{
			row[t] = i;
			col[t] = c;
			memset(d[t], 0, sizeof(d[t]));
			pt->gradient[t] = 0;
			pt->rho[t] = 0;
			for (int a = 0; a < q; a++)
			{
				d[t][i * q + a] += Lambda[a * q + c];
				d[t][a * q + i] += Lambda[a * q + c];
				pt->gradient[t] += 2 * sum->G[i * q + a] * Lambda[a * q + c];
				pt->rho[t] -= 2 * sum->ss[i * q + a] * Lambda[a * q + c] / pt->r2;
			}
		}
	if (order < 2)
		return;

	for (int t = 0; t < params; t++)
	{
		double	   *dA = w->dA + (size_t) t * k * k;
		double	   *alpha = w->alpha + (size_t) t * k;

		memset(dA, 0, sizeof(double) * k * k);
		memset(alpha, 0, sizeof(double) * k);
		for (int a = 0; a < q; a++)
			for (int b = 0; b < q; b++)
			{
				double		f = d[t][a * q + b];

				if (f == 0)
					continue;
				for (size_t c = 0; c < k; c++)
					alpha[c] += f * w->outer_s[(size_t) (a * q + b) * k + c];
				if (a <= b)
					for (size_t c = 0; c < k; c++)
						for (size_t e = 0; e <= c; e++)
							dA[c * k + e] += f * w->outer[(size_t) PAIR(a, b) * k * k + c * k + e];
			}
		for (size_t c = 0; c < k; c++)
			for (size_t e = 0; e < c; e++)
				dA[e * k + c] = dA[c * k + e];
	}

	for (int t = 0; t < params; t++)
		for (int u = 0; u <= t; u++)
		{
			const double *T = sum->T;
			double		h = pt->variance > 0 ? 0 : -w->df * pt->rho[t] * pt->rho[u];

			for (int ab = 0; ab < q * q; ab++)
				for (int cd = 0; cd < q * q; cd++)
					h += d[t][ab] * d[u][cd] * *T++;
			if (w->reml)
				h -= linalg_dot((int) (k * k), w->dA + (size_t) t * k * k, w->dA + (size_t) u * k * k);
			h -= 2 * linalg_dot((int) k, w->alpha + (size_t) t * k, w->alpha + (size_t) u * k) / pt->sigma2;
			if (col[t] == col[u])
				h += 2 * sum->G[row[t] * q + row[u]];
			pt->H[t * params + u] = pt->H[u * params + t] = h;
		}
}

/*
 * With D[0] held at v, sigma2 is v / theta_0^2 in place of r2 / df: what follows
 * from sigma2 moving with theta_0, given the derivatives at a fixed sigma2.
 */
static void
hold_variance(const LmmWork *w, int order, LmmSlopesPoint *pt)
{
	double		s = pt->sigma2;
	double		s1 = -2 * s / pt->theta[0];
	double		s2 = 6 * s / (pt->theta[0] * pt->theta[0]);
	double		by_s = (w->df - pt->r2 / s) / s;
	double		by_ss = (2 * pt->r2 / s - w->df) / (s * s);

	pt->gradient[0] += by_s * s1;
	if (order < 2)
		return;
	pt->H[0] += by_ss * s1 * s1 + by_s * s2;
	for (int t = 0; t < w->params; t++)
	{
		double		cross = -pt->r2 * pt->rho[t] / (s * s) * s1;

		pt->H[t] += cross;
		pt->H[t * w->params] += cross;
	}
}

/*
 * The criterion at pt->theta, with derivatives up to `order` (0..2).  Leaves L
 * and delta of this point in the workspace, and dA from order 2.  False if the
 * point cannot be evaluated in floating point.
 */
bool
lmm_slopes_at(LmmWork *w, int order, LmmSlopesPoint *pt)
{
	int			q = w->q;
	size_t		k = (size_t) w->k;
	double		Lambda[MAXQ * MAXQ] = {0};
	double		C[MAXQ * MAXQ];
	double		check = 0;
	Sums		sum;

	for (int i = 0, t = 0; i < q; i++)
		for (int c = 0; c <= i; c++, t++)
			Lambda[i * q + c] = pt->theta[t];
	if (!sum_units(w, Lambda, pt))
		return false;
	if (order == 0)
		return true;

	memset(&sum, 0, sizeof(sum));
	if (order == 2)
	{
		memset(w->outer, 0, sizeof(double) * (size_t) w->params * k * k);
		memset(w->outer_s, 0, sizeof(double) * (size_t) (q * q) * k);
	}
	for (size_t j = 0; j < (size_t) w->J; j++)
	{
		if (!whiten_unit(w, j, Lambda, C))
			return false;
		differentiate_unit(w, j, C, pt->sigma2, order, &sum);
		lmm_tick(w, (double) q * (double) k * (3 * q + (1 + (order > 1) * q) * (double) k) + 500);
	}
	for (int a = 0; a < q; a++)
		for (int b = 0; b < a; b++)
		{
			sum.G[b * q + a] = sum.G[a * q + b];
			sum.ss[b * q + a] = sum.ss[a * q + b];
		}
	chain(w, Lambda, &sum, order, pt);
	if (pt->variance > 0)
		hold_variance(w, order, pt);
	for (int t = 0; t < w->params; t++)
		check += fabs(pt->gradient[t]) + (order > 1 ? fabs(pt->H[t * w->params + t]) : 0);
	return isfinite(check);
}

/*
 * Covariance of (theta, sigma2): twice the inverse of the second derivatives of
 * the criterion not profiled over sigma2.  Directions without curvature (as
 * where two slopes are collinear) are left out.
 */
static void
store_covariance(LmmWork *w, const LmmSlopesPoint *pt)
{
	int			params = w->params;
	int			n = params + 1;
	double		H[(LMM_MAX_PARAMS + 1) * (LMM_MAX_PARAMS + 1)];
	double		vec[(LMM_MAX_PARAMS + 1) * (LMM_MAX_PARAMS + 1)];
	double		value[LMM_MAX_PARAMS + 1];
	double		scale[LMM_MAX_PARAMS + 1];

	for (int t = 0; t < params; t++)
	{
		for (int u = 0; u < params; u++)
			H[t * n + u] = pt->H[t * params + u] + w->df * pt->rho[t] * pt->rho[u];
		H[t * n + params] = H[params * n + t] = -w->df * pt->rho[t] / pt->sigma2;
	}
	H[n * n - 1] = w->df / (pt->sigma2 * pt->sigma2);
	for (int t = 0; t < n; t++)
		scale[t] = H[t * n + t] > 0 ? 1 / sqrt(H[t * n + t]) : 0;
	for (int t = 0; t < n; t++)
		for (int u = 0; u < n; u++)
			H[t * n + u] *= scale[t] * scale[u];
	linalg_eigen(n, H, value, vec);
	for (int t = 0; t < n; t++)
		for (int u = 0; u < n; u++)
		{
			double		v = 0;

			for (int e = 0; e < n; e++)
				if (value[e] > 1e-9)
					v += vec[e * n + t] * vec[e * n + u] / value[e];
			w->cov[t * n + u] = 2 * v * scale[t] * scale[u];
		}
}

/* Results at a point evaluated to order 2. */
void
lmm_slopes_store(LmmWork *w, LmmFit *fit, const LmmSlopesPoint *pt)
{
	int			q = w->q;

	memset(fit->Lambda, 0, sizeof(fit->Lambda));
	for (int i = 0, t = 0; i < q; i++)
		for (int c = 0; c <= i; c++, t++)
			fit->Lambda[i * q + c] = pt->theta[t] / w->zscale[i];
	for (int c = 0; c < q; c++)
		if (fit->Lambda[c * q + c] < 0)
			for (int i = c; i < q; i++)
				fit->Lambda[i * q + c] = -fit->Lambda[i * q + c];
	for (int i = 0; i < q; i++)
		for (int j = 0; j < q; j++)
			fit->D[i * q + j] = pt->sigma2 *
				linalg_dot(q, fit->Lambda + i * q, fit->Lambda + j * q);
	fit->deviance = pt->deviance;
	store_covariance(w, pt);
	lmm_finish(w, fit, pt->sigma2);
}
