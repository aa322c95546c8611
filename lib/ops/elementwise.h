/* The elementwise ops of elementwise.def: dtype rules, broadcasting, in-place forms; and conversion between
 * dtypes, which runs through the same loop. */
#ifndef APSIS_OPS_ELEMENTWISE_H
#define APSIS_OPS_ELEMENTWISE_H

#include "core/tensor.h"
#include "cpu/kernels_elementwise.h"

typedef enum { FLOATING, NUMERIC, ARITHMETIC, PREDICATE, BITWISE } Rule;

typedef struct ElementwiseInfo {
    const char *name;
    Rule rule;
    int arity;  /* tensors: 1 to MOST_OPERANDS */
    int params; /* numbers after them: 0 to 2 */
    struct {
        const char *name;
        double otherwise;
    } param[2];
} ElementwiseInfo;

extern const ElementwiseInfo elementwise_info[EW_COUNT];

/* An argument of an op of several: a tensor, or a Lua number, which never widens a tensor of its own kind. */
typedef struct Operand {
    const Tensor *tensor; /* NULL: a number */
    double number;
    int64_t integer; /* its exact value where is_integer */
    bool is_integer, is_boolean;
} Operand;

/* out = op(a, b; p). For a unary op, b is NULL. in_place: out is a's tensor and keeps its dtype and shape. */
bool op_elementwise(Ctx *c, Tensor *out, ElementwiseOp op, const Operand *a, const Operand *b,
                    const double *p, bool in_place);
/* The same for an op of any arity. */
bool op_elementwise_of(Ctx *c, Tensor *out, ElementwiseOp op, const Operand *const *operands, const double *p,
                       bool in_place);
/* The same over tensors, for other ops in C. */
bool op_unary(Ctx *c, Tensor *out, ElementwiseOp op, const Tensor *x);
bool op_binary(Ctx *c, Tensor *out, ElementwiseOp op, const Tensor *a, const Tensor *b);

/* The dtype of a result computed from these operands together, by PyTorch's rules for tensors, 0-dim tensors
 * and numbers. */
DType operands_dtype(const Ctx *c, int n, const Operand *const *operands);

#endif
