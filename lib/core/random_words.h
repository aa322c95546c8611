/* What core/random_functions.h asks its includer for, in C (kernels_cl/random_words.h has OpenCL's). Includes
 * it. */
#ifndef APSIS_CORE_RANDOM_WORDS_H
#define APSIS_CORE_RANDOM_WORDS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t word;
typedef uint64_t dword;

static inline word as_word(float x) {
    word w;
    memcpy(&w, &x, sizeof w);
    return w;
}
static inline float as_float(word w) {
    float x;
    memcpy(&x, &w, sizeof x);
    return x;
}
static inline dword as_dword(double x) {
    dword w;
    memcpy(&w, &x, sizeof w);
    return w;
}
static inline double as_double(dword w) {
    double x;
    memcpy(&x, &w, sizeof x);
    return x;
}

#define AS_WORD    as_word
#define AS_FLOAT   as_float
#define AS_DWORD   as_dword
#define AS_DOUBLE  as_double
#define SQRT_F32   sqrtf
#define SQRT_F64   sqrt
#define RANDOM_F64 1
#include "core/random_functions.h"

#endif
