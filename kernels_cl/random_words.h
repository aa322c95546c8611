/* What core/random_functions.h asks its includer for, in OpenCL C (core/random_words.h has C's). Includes it.
 *   EXACT_SQRT  1: the device rounds sqrt of a float correctly */
#ifndef RANDOM_WORDS_H
#define RANDOM_WORDS_H

typedef uint word;
typedef ulong dword;
#define AS_WORD  as_uint
#define AS_FLOAT as_float
#if EXACT_SQRT || !defined(HAVE_FP64)
#define SQRT_F32 sqrt
#else
/* Rounding twice does no harm here: a double has more than 2 * 24 + 2 bits. */
#define SQRT_F32(v) ((float)sqrt((double)(v)))
#endif
#ifdef HAVE_FP64
#define AS_DWORD   as_ulong
#define AS_DOUBLE  as_double
#define SQRT_F64   sqrt
#define RANDOM_F64 1
#endif
#include "core/random_functions.h"

#endif
