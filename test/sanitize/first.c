/*
 * first.c
 *		Starts AddressSanitizer before any other library's constructor.
 *
 * Preloaded into a program that was not built for it, it would start at the first
 * malloc(), which may come from within a locale function of the C library, and
 * deadlock there.  Linked with -z initfirst.
 */
#include <stdlib.h>

static void __attribute__((constructor))
first(void)
{
	free(malloc(1));
}
