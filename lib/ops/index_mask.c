/* Choosing by masks: where, masked_fill, masked_select, masked_scatter, nonzero. */
#include "cpu/kernels_index.h"
#include "core/parallel.h"
#include "ops/index.h"
#include "cl/index.h"
#include "ops/index_loop.h"
#include "core/loop.h"
#include "ops/ops.h"
#include "ops/reduce.h"
#include <string.h>

bool operand_as(Ctx *c, Tensor *out, const Operand *o, DType dtype, Device device) {
    out->storage = NULL;
    if (o->tensor) {
        if (o->tensor->dtype != dtype) return op_to_dtype(c, out, o->tensor, dtype);
        tensor_alias(out, o->tensor);
        return true;
    }
    if (!tensor_new_on(c, out, device, dtype, 0, out->size)) return false;
    bool exact = o->is_integer || o->is_boolean;
    if (exact ? op_fill_int_(c, out, o->integer) : op_fill_(c, out, o->number)) return true;
    tensor_release(out);
    return false;
}

static bool require_mask(Ctx *c, const char *name, const Tensor *mask) {
    REQUIRE(c, mask->dtype == BOOL, "%s: expected a bool mask, got %s; compare first, as in mask:ne(0)", name,
            DTYPE(mask));
    return true;
}

/* --- where
 * ----------------------------------------------------------------------------------------------------- */

enum { OUT, MASK, YES, NO, SIDES };

static void choose_range(const Loop *l, Choose choose, char *const *base, int64_t bytes, int64_t begin,
                         int64_t end) {
    int64_t at[MAX_DIMS], offset[SIDES], inner = l->ndim - 1;
    while (begin < end) {
        for (int k = 0; k < SIDES; k++) offset[k] = loop_offset(l, k, begin, at);
        int64_t n = l->size[inner] - at[inner];
        if (n > end - begin) n = end - begin;
        choose(n, base[OUT] + offset[OUT] * bytes, l->stride[OUT][inner],
               (const uint8_t *)base[MASK] + offset[MASK], l->stride[MASK][inner],
               base[YES] + offset[YES] * bytes, l->stride[YES][inner], base[NO] + offset[NO] * bytes,
               l->stride[NO][inner]);
        begin += n;
    }
}

/* out = mask ? yes : no. All of out's shape, yes and no of its dtype. */
static bool choose(Ctx *c, const char *name, Tensor *out, const Tensor *mask, const Tensor *yes,
                   const Tensor *no) {
    enum { RANGE = 1 << 16 };
    const Tensor *const sides[SIDES] = {out, mask, yes, no};
    char *base[SIDES];
    Loop l;
    if (tensor_numel(out) == 0) return true;
    if (out->device != CPU) return cl_choose(c, name, out, mask, yes, no);
    loop_build(&l, SIDES, sides);
    for (int k = 0; k < SIDES; k++) base[k] = tensor_data(sides[k]);
    int64_t bytes = (int64_t)dtype_size((DType)out->dtype), ranges = (l.numel + RANGE - 1) / RANGE;
    Choose kernel = cpu_index_kernels()->choose[size_class((DType)out->dtype)];
    int threads = ctx_threads(c, l.numel);
    PARALLEL_FOR(threads, r, ranges, {
        int64_t begin = r * RANGE, end = begin + RANGE < l.numel ? begin + RANGE : l.numel;
        if (!ctx_stopping(c)) choose_range(&l, kernel, base, bytes, begin, end);
    });
    return ctx_stopping(c) ? ctx_interrupted(c) : true;
}

/* The shape that the three broadcast to. */
static bool shape_of_three(Ctx *c, const char *name, const Tensor *a, const Tensor *b, const Tensor *d,
                           Tensor *shape) {
    int ndim;
    int64_t size[MAX_DIMS];
    *shape = *a;
    const Tensor *const rest[] = {b, d};
    for (int i = 0; i < 2; i++) {
        if (!broadcast_shape(c, name, shape, rest[i], &ndim, size)) return false;
        shape->ndim = (int8_t)ndim;
        memcpy(shape->size, size, sizeof *size * (size_t)ndim);
    }
    return true;
}

/* out, made here unless it exists already, = mask ? yes : no, broadcast. */
static bool choose_broadcast(Ctx *c, const char *name, Tensor *out, bool exists, const Tensor *mask,
                             const Tensor *yes, const Tensor *no) {
    Tensor shape, wide[3] = {{0}, {0}, {0}};
    const Tensor *const from[3] = {mask, yes, no};
    if (exists)
        shape = *out;
    else if (!shape_of_three(c, name, mask, yes, no, &shape) ||
             !tensor_new_on(c, out, yes->device, (DType)yes->dtype, shape.ndim, shape.size))
        return false;
    bool ok = true;
    for (int i = 0; i < 3 && ok; i++) ok = tensor_expand(c, &wide[i], from[i], shape.ndim, shape.size, name);
    ok = ok && choose(c, name, out, &wide[0], &wide[1], &wide[2]);
    for (int i = 0; i < 3; i++) tensor_release(&wide[i]);
    if (!ok && !exists) tensor_release(out);
    return ok;
}

bool op_where(Ctx *c, Tensor *out, const Tensor *condition, const Operand *a, const Operand *b) {
    const Operand *const operands[] = {a, b};
    out->storage = NULL;
    REQUIRE(c, condition->dtype == BOOL,
            "where: expected a bool condition, got %s; compare first, as in x:ne(0)", DTYPE(condition));
    for (int i = 0; i < 2; i++)
        if (operands[i]->tensor && !require_same_device(c, "where", condition, operands[i]->tensor))
            return false;
    DType dtype = operands_dtype(c, 2, operands);
    Tensor yes, no;
    if (!operand_as(c, &yes, a, dtype, condition->device)) return false;
    bool ok = operand_as(c, &no, b, dtype, condition->device);
    if (ok) {
        ok = choose_broadcast(c, "where", out, false, condition, &yes, &no);
        tensor_release(&no);
    }
    tensor_release(&yes);
    return ok;
}

/* --- masked_fill
 * ----------------------------------------------------------------------------------------------- */

static bool fill_value(Ctx *c, const char *name, Tensor *out, const Tensor *x, const Operand *value) {
    const Tensor *t = value->tensor;
    REQUIRE(c, !t || t->ndim == 0, "%s: expected a number or a 0-dim tensor as the value, got (%s)", name,
            t ? SHAPE(t) : "");
    bool floating = t ? dtype_is_float((DType)t->dtype) : !value->is_integer && !value->is_boolean;
    REQUIRE(c,
            !floating || dtype_is_float((DType)x->dtype) ||
                (!t && value->number == (double)(int64_t)value->number),
            "%s: a floating value does not fit the %s tensor", name, DTYPE(x));
    if (t && !require_same_device(c, name, x, t)) return false;
    return operand_as(c, out, value, (DType)x->dtype, x->device);
}

bool op_masked_fill(Ctx *c, Tensor *out, const Tensor *x, const Tensor *mask, const Operand *value) {
    static const char name[] = "masked_fill";
    Tensor v;
    out->storage = NULL;
    if (!require_mask(c, name, mask) || !require_same_device(c, name, x, mask) ||
        !fill_value(c, name, &v, x, value))
        return false;
    bool ok = choose_broadcast(c, name, out, false, mask, &v, x);
    tensor_release(&v);
    return ok;
}

bool op_masked_fill_(Ctx *c, const char *name, Tensor *x, const Tensor *mask, const Operand *value) {
    Tensor v, copy;
    const Tensor *m = mask;
    if (!require_mask(c, name, mask) || !require_same_device(c, name, x, mask) ||
        !require_writable(c, name, x) || !fill_value(c, name, &v, x, value))
        return false;
    bool ok = index_unalias(c, &copy, &m, x);
    if (ok) {
        ok = choose_broadcast(c, name, x, true, m, &v, x);
        tensor_release(&copy);
    }
    tensor_release(&v);
    return ok;
}

/* --- elements where a mask is true
 * ------------------------------------------------------------------------------------------ */

int64_t count_true(const Tensor *flags) {
    const uint8_t *flag = tensor_data(flags);
    int64_t count = 0;
    for (int64_t i = 0, n = tensor_numel(flags); i < n; i++) count += flag[i] != 0;
    return count;
}

/* The same on any device. */
static bool count_flags(Ctx *c, const char *name, const Tensor *flags, int64_t *count) {
    Tensor sum;
    if (flags->device == CPU) {
        *count = count_true(flags);
        return true;
    }
    if (!op_reduce(c, &sum, flags, REDUCE_sum, name, reduce_all(flags), false)) return false;
    bool ok = index_number(c, &sum, count);
    tensor_release(&sum);
    return ok;
}

bool op_masked_select(Ctx *c, Tensor *out, const Tensor *x, const Tensor *mask) {
    static const char name[] = "masked_select";
    int ndim;
    int64_t size[MAX_DIMS];
    Tensor wide, flags;
    out->storage = NULL;
    if (!require_mask(c, name, mask) || !require_same_device(c, name, x, mask) ||
        !broadcast_shape(c, name, x, mask, &ndim, size) || !tensor_expand(c, &wide, x, ndim, size, name))
        return false;
    bool ok = tensor_expand(c, &flags, mask, ndim, size, name);
    if (ok) {
        const Tensor from = index_at_least_1d(&wide), at = index_at_least_1d(&flags), *const item[] = {&at};
        ok = op_index(c, name, out, &from, 1, item);
        tensor_release(&flags);
    }
    tensor_release(&wide);
    return ok;
}

bool op_masked_scatter_(Ctx *c, const char *name, Tensor *x, const Tensor *mask, const Tensor *src) {
    Tensor flags, wide, values;
    if (!require_mask(c, name, mask) || !require_same_device(c, name, x, mask) ||
        !require_same_device(c, name, x, src))
        return false;
    REQUIRE(c, x->dtype == src->dtype, "%s: the source is %s and the target %s; convert it: src:to(\"%s\")",
            name, DTYPE(src), DTYPE(x), DTYPE(x));
    if (!tensor_expand(c, &wide, mask, x->ndim, x->size, name)) return false;
    bool ok = op_contiguous(c, &flags, &wide, BOOL);
    tensor_release(&wide);
    if (!ok) return false;
    int64_t count, n = tensor_numel(src);
    ok = count_flags(c, name, &flags, &count);
    ok = ok &&
         (count <= n || ctx_fail(c, "%s: the mask is true in %lld places, the source (%s) has %lld elements",
                                 name, (long long)count, SHAPE(src), (long long)n));
    if (ok) ok = op_reshape(c, &values, src, 1, &n);
    if (ok) {
        Tensor to = index_at_least_1d(x), at = index_at_least_1d(&flags);
        const Tensor *const item[] = {&at};
        values.size[0] = count;
        ok = op_index_put_(c, name, &to, 1, item, &values, false);
        tensor_release(&values);
    }
    tensor_release(&flags);
    return ok;
}

/* The columns (from 1) of a row's elements that are true; returns how many. Branch-free, so it writes one
 * more.
 */
static int64_t true_columns(int64_t *to, const uint8_t *flag, int64_t n) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        to[count] = i + 1;
        count += flag[i] != 0;
    }
    return count;
}

/* Writes the positions of all true elements, row by row; column is room for one row's. */
static void write_positions(int64_t *to, const Tensor *flags, int64_t *column) {
    const uint8_t *flag = tensor_data(flags);
    int last = flags->ndim - 1;
    int64_t at[MAX_DIMS], n = tensor_numel(flags), row = flags->size[last];
    for (int d = 0; d < last; d++) at[d] = 1;
    for (int64_t i = 0; i < n; i += row) {
        int64_t count = true_columns(column, flag + i, row);
        for (int64_t k = 0; k < count; k++) {
            for (int d = 0; d < last; d++) *to++ = at[d];
            *to++ = column[k];
        }
        for (int d = last - 1; d >= 0; d--) {
            if (++at[d] <= flags->size[d]) break;
            at[d] = 1;
        }
    }
}

/* Makes `out` (N, ndim): the positions of the true flags, which are contiguous. */
static bool list_positions(Ctx *c, Tensor *out, const Tensor *flags) {
    if (!tensor_new(c, out, I64, 2, (int64_t[]){count_true(flags), flags->ndim})) return false;
    if (flags->ndim == 0 || tensor_numel(flags) == 0) return true;
    int64_t *column = ctx_scratch(c, (flags->size[flags->ndim - 1] + 1) * (int64_t)sizeof *column);
    if (!column) {
        tensor_release(out);
        return false;
    }
    write_positions(tensor_data(out), flags, column);
    ctx_scratch_free(c, column);
    return true;
}

bool op_nonzero(Ctx *c, Tensor *out, const Tensor *x) {
    Tensor flags;
    out->storage = NULL;
    if (!op_contiguous(c, &flags, x, BOOL)) return false;
    bool ok = x->device == CPU ? list_positions(c, out, &flags)
                               : cl_true_places(c, "nonzero", out, &flags, NULL, 0);
    tensor_release(&flags);
    return ok;
}
