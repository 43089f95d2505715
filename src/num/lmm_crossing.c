/*
 * lmm_crossing.c
 *		Ends of profile-likelihood intervals.
 */
#include "lmm_internal.h"

#include <math.h>

/*
 * Where the function crosses zero, going from x in the direction of step (the
 * inside of the interval has negative values; if x lies outside, back first).
 * False if there is no crossing within reach.
 */
bool
lmm_find_crossing(LmmCrossing *c, double x, double step, double *root)
{
	double		in = x;
	double		out;
	double		f;
	double		slope;
	bool		found = false;

	if (!c->at(c, x, &f, &slope))
		return false;
	if (f > 0)
	{
		for (int i = 0; i < 60 && !found; i++)
		{
			x -= step * (1 + i / 4);
			if (!c->at(c, x, &f, &slope))
				return false;
			found = f <= 0;
		}
		in = x;
		out = in + step * 16;
	}
	else
	{
		for (int i = 0; i < 60 && !found; i++)
		{
			in = x;
			x += step;
			step *= 1.3;
			if (fabs(x) > 300 || !c->at(c, x, &f, &slope))
				return false;
			found = f > 0;
		}
		out = x;
	}
	if (!found)
		return false;

	for (int i = 0; i < 100; i++)
	{
		double		next = x - f / slope;

		if (!(next > fmin(in, out) && next < fmax(in, out)))
			next = (in + out) / 2;
		if (fabs(next - x) < c->precision * fmax(1, fabs(x)))
			break;
		x = next;
		if (!c->at(c, x, &f, &slope))
			return false;
		if (f > 0)
			out = x;
		else
			in = x;
	}
	*root = x;
	return true;
}
