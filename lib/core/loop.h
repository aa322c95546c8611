/* The iteration that elementwise ops and copies share: operands of one broadcast shape, with dimensions
 * dropped, sorted and merged so that the rest is as few and as long runs as their strides allow. */
#ifndef APSIS_CORE_LOOP_H
#define APSIS_CORE_LOOP_H

#include "core/tensor.h"

enum { LOOP_OPERANDS = 4 };

typedef struct Loop {
    int operands, ndim; /* ndim is at least 1 */
    int64_t numel;
    int64_t size[MAX_DIMS];                  /* the last is the inner run */
    int64_t stride[LOOP_OPERANDS][MAX_DIMS]; /* in elements */
} Loop;

/* Operand 0 is the result and gives the order of the dimensions; all have its shape (expanded with strides of
 * 0). */
void loop_build(Loop *l, int operands, const Tensor *const *t);
/* The operand steps through memory element by element over the whole loop. */
bool loop_is_linear(const Loop *l, int operand);
/* The operand is one element, repeated. */
bool loop_is_constant(const Loop *l, int operand);
/* The operand is one inner run, repeated. */
bool loop_repeats_rows(const Loop *l, int operand);
/* Splits a flat position into coordinates; returns the operand's offset there. */
int64_t loop_offset(const Loop *l, int operand, int64_t position, int64_t *coordinate);

#endif
