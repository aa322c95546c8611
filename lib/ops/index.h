/* Indexing ops. Dimensions are 0-based here; positions inside tensors count from 1, as the user sees them,
 * and are i64 or i32. `name` is the op's name for messages. Functions that end in _ change x in place. */
#ifndef APSIS_OPS_INDEX_H
#define APSIS_OPS_INDEX_H

#include "cpu/kernels_index.h"
#include "ops/elementwise.h"

/* --- positions along one dimension (ops/index.c) ---------------------------------------------------------
 */
/* out[i][j] = x[i][index[i][j]] for dim 1, likewise elsewhere; out has index's shape. */
bool op_gather(Ctx *c, Tensor *out, const Tensor *x, int dim, const Tensor *index);
/* gather whose index and x broadcast to each other outside dim. */
bool op_take_along_dim(Ctx *c, Tensor *out, const Tensor *x, const Tensor *index, int dim);
/* The slices of x at index's positions (N) along dim. */
bool op_index_select(Ctx *c, Tensor *out, const Tensor *x, int dim, const Tensor *index);
/* out[...] = weight[index[...]]: index (*), weight (V, D), out (*, D). */
bool op_embedding(Ctx *c, Tensor *out, const Tensor *index, const Tensor *weight);
/* Its gradient (V, D): the sum of g's rows (*, D) at each id; rows of padding (1-based; 0: none) are left
 * out.
 */
bool op_embedding_backward(Ctx *c, Tensor *out, const Tensor *g, const Tensor *index, int64_t rows,
                           int64_t padding);
/* Elements of x, flattened; positions may be negative. */
bool op_take(Ctx *c, const char *name, Tensor *out, const Tensor *x, const Tensor *index);

/* --- writes along one dimension (ops/index_write.c) ------------------------------------------------------
 */
/* x[i][index[i][j]] op= src[i][j]. */
bool op_scatter_(Ctx *c, const char *name, Tensor *x, int dim, const Tensor *index, const Tensor *src,
                 WriteOp op);
/* The slices of x at index's positions op= those of src. */
bool op_index_write_(Ctx *c, const char *name, Tensor *x, int dim, const Tensor *index, const Tensor *src,
                     WriteOp op);
/* x[i][index[i][j]] = x[i][index[i][j]] and all src[i][j] that go there, reduced: their sum, product or mean,
 * the largest or smallest; without x's own element unless include_self. */
typedef enum { SCATTER_SUM, SCATTER_PROD, SCATTER_MEAN, SCATTER_AMAX, SCATTER_AMIN } ScatterReduce;
bool op_scatter_reduce_(Ctx *c, const char *name, Tensor *x, int dim, const Tensor *index, const Tensor *src,
                        ScatterReduce how, bool include_self);
/* Elements of x, flattened, = (or +=) those of src (as many as positions, or broadcast to their shape);
 * positions may be negative. */
bool op_put_(Ctx *c, const char *name, Tensor *x, const Tensor *index, const Tensor *src, bool accumulate);

/* --- t[key] with tensors in the key (ops/index_key.c) ----------------------------------------------------
 */
/* One item a dimension (a mask: as many as it has); NULL keeps a dimension whole. Dimensions past the list
 * are kept. Positions may be negative. */
bool op_index(Ctx *c, const char *name, Tensor *out, const Tensor *x, int items, const Tensor *const *item);
bool op_index_put_(Ctx *c, const char *name, Tensor *x, int items, const Tensor *const *item,
                   const Tensor *value, bool accumulate);

/* --- masks (ops/index_mask.c) ------------------------------------------------------------------------------
 */
/* condition ? a : b, broadcast and promoted. */
bool op_where(Ctx *c, Tensor *out, const Tensor *condition, const Operand *a, const Operand *b);
/* x where the mask is false, else value (0-dim, or a number); x's dtype. */
bool op_masked_fill(Ctx *c, Tensor *out, const Tensor *x, const Tensor *mask, const Operand *value);
bool op_masked_fill_(Ctx *c, const char *name, Tensor *x, const Tensor *mask, const Operand *value);
/* The elements where the mask is true, in order, (N); x and mask broadcast. */
bool op_masked_select(Ctx *c, Tensor *out, const Tensor *x, const Tensor *mask);
/* The places where the mask (which broadcasts to x) is true take src's elements in order. */
bool op_masked_scatter_(Ctx *c, const char *name, Tensor *x, const Tensor *mask, const Tensor *src);
/* The positions (N, ndim) of x's elements that are not zero, in order. */
bool op_nonzero(Ctx *c, Tensor *out, const Tensor *x);

/* How many elements of a contiguous mask on the CPU are true. */
int64_t count_true(const Tensor *flags);

/* --- shared with other ops in C ---------------------------------------------------------------------------
 */
/* A number or tensor as a tensor of that dtype: 0-dim for a number, x itself (another handle) where nothing
 * changes. */
bool operand_as(Ctx *c, Tensor *out, const Operand *o, DType dtype, Device device);

#endif
