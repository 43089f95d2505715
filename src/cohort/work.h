/*
 * work.h
 *		The cohort as an aggregate state: flat, with room to grow, updated in place.
 *
 * One datum:
 *
 *	header | shape (codec bytes of the terms, without dictionaries) |
 *	shift[nnum], sum[nnum], cross[nnum triangle] |
 *	factor[nfactor] | per factor: level[cap], hash[nhash], level sums[cap][nnum] |
 *	cells of each pair of factors [cap_f][cap_g] | strings
 *
 * Sums are about a fixed shift and not about the running mean, which spares a
 * division per value.  The shift is the first row; whenever the weight (without
 * weights the number of rows) passes a power of two it moves to the mean, so that a
 * first row far from the rest (a missing value coded as 0, say) costs no digits.  A row
 * that outweighs all before it becomes the shift, for the same reason: sums about
 * the shift are then never more than a few times the centred ones.
 */
#ifndef SIPP_WORK_H
#define SIPP_WORK_H

#include "cohort/cohort.h"

#define WORK_FORM 0x81			/* first payload byte; a packed cohort starts with its
								 * version */

typedef struct WorkLevel
{
	uint32		hash;
	int32		off;			/* of the label, in the strings */
	int32		len;
	int32		pad;
	int64		rows;
	double		weight;
	double		rank;			/* declared order of an enum's label, else 0 */
} WorkLevel;

typedef struct WorkFactor
{
	int32		nlevel;
	int32		cap;
	int32		nhash;			/* a power of two, at least 2 cap */
	int32		level_off;		/* WorkLevel[cap] */
	int32		hash_off;		/* uint16[nhash], level + 1 or 0 */
	int32		sum_off;		/* double[cap][nnum] */
} WorkFactor;

typedef struct Work
{
	int32		vl_len_;
	uint8		form;			/* WORK_FORM */
	bool		weighted;
	bool		shapeless;		/* only rows that did not tell the terms */
	bool		fractional;		/* a weight is not a whole number */
	int32		nnum;			/* the outcome included */
	int32		nfactor;
	int32		shape_off;
	int32		shape_len;
	int32		num_off;		/* shift, sum, cross */
	int32		factor_off;
	int32		cell_off;		/* the blocks by SIPP_PAIR */
	int32		str_off;
	int32		str_used;
	int32		str_cap;
	int64		rows;
	int64		dropped;
	double		weight;
	double		sum_log_w;
} Work;

/* One row's value of a factor; hash is work_hash of the label. */
typedef struct WorkLabel
{
	const char *str;
	int			len;
	uint32		hash;
	double		rank;
} WorkLabel;

extern Work *work_make(int nterm, const SippTerm *terms, bool weighted);
extern Work *work_add_row(Work *w, const double *x, const WorkLabel *labels,
						  double weight, int64 rows);
extern Cohort *work_unpack(struct varlena *datum);
extern SippTerm *work_terms(const Work *w, int *nterm);

/* A hash of a label: multiplicative, eight bytes at a time. */
static inline uint32
work_hash(const char *s, int len)
{
	uint64		h = UINT64CONST(0x9E3779B97F4A7C15) ^ (uint64) len;
	uint64		v;

	while (len >= 8)
	{
		memcpy(&v, s, 8);
		h = (h ^ v) * UINT64CONST(0xD6E8FEB86659FD93);
		h ^= h >> 32;
		s += 8;
		len -= 8;
	}
	v = 0;
	for (int i = 0; i < len; i++)
		v = (v << 8) | (uint8) s[i];
	h = (h ^ v) * UINT64CONST(0xD6E8FEB86659FD93);
	return (uint32) (h >> 32);
}

#endif							/* SIPP_WORK_H */
