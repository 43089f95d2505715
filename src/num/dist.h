/*
 * dist.h
 *		Distribution functions: normal, Student t, chi-square.
 *
 * Plain C, no PostgreSQL.  Every function returns NaN for arguments outside its
 * domain and never loops without bound.
 */
#ifndef SIPP_DIST_H
#define SIPP_DIST_H

extern double dist_norm_cdf(double x);
extern double dist_norm_sf(double x);	/* 1 - cdf, without cancellation */
extern double dist_norm_quantile(double p);
extern double dist_t_cdf(double t, double df);	/* df > 0, may be fractional or infinite */
extern double dist_t_two_sided(double t, double df);	/* P(|T| > |t|) */
extern double dist_t_quantile(double p, double df);
extern double dist_chisq_sf(double x, double df);	/* P(X > x) */
extern double dist_chisq_quantile(double p, double df);
extern double dist_beta_inc(double x, double a, double b);	/* regularised I_x(a,b) */
extern double dist_gamma_q(double a, double x); /* regularised upper Q(a,x) */

#endif							/* SIPP_DIST_H */
