/* H_1 ... H_k = 1 - V^T T V, where the inverse of T is the upper triangle of V V^T with its diagonal halved.
 * Source: Joffrain and others, "Accumulating Householder transformations, revisited", 2006. */
#include "cpu/reflect.h"
#include "cpu/factor.h"

static int64_t part(DType t, int64_t count) {
    return ctx_scratch_part(count * (int64_t)dtype_size(t));
}

int64_t cpu_reflect_scratch(DType t, int64_t rows) {
    return part(t, REFLECTORS * REFLECTORS) + part(t, REFLECTORS * rows) +
           part(t, cpu_factor_scratch(REFLECTORS, rows));
}

/* V V^T becomes minus the inverse of T, and of its transpose in the lower triangle. */
#define NEGATED_INVERSE(T, suffix)                                                                           \
    static void negated_inverse_##suffix(int64_t n, T *gram) {                                               \
        for (int64_t i = 0; i < n * n; i++) gram[i] = -gram[i];                                              \
        for (int64_t i = 0; i < n * n; i += n + 1) gram[i] = gram[i] == 0 ? -1 : gram[i] / 2;                \
    }
NEGATED_INVERSE(float, f32)
NEGATED_INVERSE(double, f64)
#undef NEGATED_INVERSE

void cpu_reflect_rows(const Ctx *c, DType t, int64_t count, int64_t rows, int64_t width, const void *v,
                      int64_t ldv, void *z, int64_t ldz, bool backward, void *scratch, int threads) {
    char *gram = scratch, *sides = gram + part(t, REFLECTORS * REFLECTORS),
         *triangular = sides + part(t, REFLECTORS * rows);
    const Matrix by_row = {(void *)v, ldv, 1}, by_column = {(void *)v, 1, ldv};
    if (rows == 0 || count == 0) return;
    cpu_gemm(c, t, count, count, width, by_row, by_column, 0, (Matrix){gram, count, 1}, threads);
    if (t == F64)
        negated_inverse_f64(count, (double *)gram);
    else
        negated_inverse_f32(count, (float *)gram);
    cpu_gemm(c, t, count, rows, width, by_row, (Matrix){z, 1, ldz}, 0, (Matrix){sides, rows, 1}, threads);
    const Matrix inverse = backward ? (Matrix){gram, count, 1} : (Matrix){gram, 1, count};
    cpu_solve_triangular(c, t, count, rows, inverse, backward, false, sides, rows, triangular, threads);
    cpu_gemm(c, t, rows, width, count, (Matrix){sides, 1, rows}, by_row, 1, (Matrix){z, ldz, 1}, threads);
}
