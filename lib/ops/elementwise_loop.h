/* What the elementwise ops and the copies share: the loop, and operands made ready for it. Private to
 * ops/elementwise.c and ops/copy.c. */
#ifndef APSIS_OPS_ELEMENTWISE_LOOP_H
#define APSIS_OPS_ELEMENTWISE_LOOP_H

#include "ops/elementwise.h"

enum { ELEMENTWISE_CHUNK = 1024 };

/* What elements of a dtype are computed in. */
Compute compute_of(DType t);
DType dtype_of_compute(Compute k);

/* Runs the op (-1: a copy) over operands of one shape; t[0] is the result. On a device, operands that lie on
 * the CPU are numbers. */
bool elementwise_loop(Ctx *c, int operands, const Tensor *const *t, Compute compute, int op, const double *p);
/* The op over n elements, at most ELEMENTWISE_CHUNK, that lie dense and in the compute dtype. */
void elementwise_chunk(ElementwiseOp op, Compute compute, int64_t n, char *y, int inputs,
                       const char *const *in, const double *p);

/* A number as a 0-dim tensor whose storage lives in `room`. */
typedef struct NumberRoom {
    Storage storage;
    union {
        double f;
        int64_t i;
    } value;
} NumberRoom;
void number_tensor(Tensor *t, NumberRoom *room, const Operand *o);

/* An input of an in-place op that overlaps the output in another order must be copied first: *input then
 * points to `copy`, which must be released (it holds nothing otherwise). */
bool unalias(Ctx *c, Tensor *copy, const Tensor **input, const Tensor *dst);

#endif
