/*
 * linalg.h
 *		Small dense linear algebra on symmetric positive matrices.
 *
 * Plain C, no PostgreSQL, no allocation.  Matrices are full, row by row, of the
 * stated order; of a symmetric input only the lower triangle is read.
 */
#ifndef SIPP_LINALG_H
#define SIPP_LINALG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Cubic work on hundreds of columns takes seconds: the functions that do it call
 * `interrupt` (which may longjmp, and may be NULL) once a row, from order
 * LINALG_LARGE on.
 */
#define LINALG_LARGE 100
typedef void (*linalg_interrupt) (void);

/* A column is aliased below this share of its own sum of squares, as R's lm. */
#define LINALG_ALIAS_TOLERANCE 1e-10

extern double linalg_dot(int n, const double *x, const double *y);

/* Factor A = L L'; false unless A is positive definite.  L may be A. */
extern bool linalg_chol(int n, const double *A, double *L);
extern bool linalg_chol_large(int n, const double *A, double *L, linalg_interrupt interrupt);

/*
 * The same from left to right, leaving out each column whose residual is at
 * most tol of its own diagonal, or whose diagonal is at most floor[i] (NULL:
 * 0).  A column left out is zero in L; its row holds its products with the
 * columns before it (A is still L L' up to the tolerance), or zeros where it is
 * below the floor.  Returns the rank.
 */
extern int	linalg_chol_alias(int n, const double *A, double tol,
							  const double *floor, double *L, bool *aliased,
							  linalg_interrupt interrupt);

/* x := L^-1 x and x := L'^-1 x. */
extern void linalg_solve_lower(int n, const double *L, double *x);
extern void linalg_solve_upper(int n, const double *L, double *x);

/* X = L^-1, lower; X must not be L. */
extern void linalg_invert_lower(int n, const double *L, double *X, linalg_interrupt interrupt);

/* Ainv = (L L')^-1, full and symmetric, through scratch[n][n]; three distinct matrices. */
extern void linalg_chol_inverse(int n, const double *L, double *Ainv, double *scratch,
								linalg_interrupt interrupt);

/* B := L^-1 B L'^-1 for symmetric full B. */
extern void linalg_whiten(int n, const double *L, double *B, linalg_interrupt interrupt);

/*
 * Eigenvalues (ascending) and vectors (rows of vec) of a symmetric matrix, by
 * cyclic Jacobi rotations.  A is destroyed.
 */
extern void linalg_eigen(int n, double *A, double *value, double *vec);

#endif							/* SIPP_LINALG_H */
