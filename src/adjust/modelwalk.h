/*
 * modelwalk.h
 *		What model.c and modelio.c share.
 */
#ifndef SIPP_MODELWALK_H
#define SIPP_MODELWALK_H

#include "adjust/adjust.h"
#include "cohort/term_io.h"

#define MODEL_VERSION 1
#define MODEL_MAX_NOTICE 4000	/* characters: bytes change with the encoding */

extern SippModel *model_receive(const char *data, size_t len);
extern void model_mirror(SippModel *m);
extern void model_write(CodecMode mode, StringInfo buf, SippModel *m);

#endif							/* SIPP_MODELWALK_H */
