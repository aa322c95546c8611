/* Orthogonal polynomials of the op table, as ops/special_functions.h: by their recurrences (DLMF 18.9). The
 * degree n is truncated; below 0 they are 0, as in PyTorch. */

/* Past this degree, Legendre's and Laguerre's recurrences would take too long: nan. */
#define MOST_DEGREE 16384

/* From a degree on, Chebyshev's polynomials in closed form, x = cos(angle) or cosh(angle). */
#define CLOSED_DEGREE 64

static inline int FN(is_odd)(T n) {
    return n != 2 * floor(n / 2);
}

/* inf with the sign of a polynomial far out, where its terms overflowed to nan. */
static inline T FN(overflowed)(T y, T x, T n) {
    if (y == y || x != x) return y;
    return x < 0 && FN(is_odd)(n) ? -K(INFINITY) : K(INFINITY);
}

/* p_(k+1) = 2 x p_k - p_(k-1) from 1 and `first`. */
static inline T FN(chebyshev)(T x, T n, T first) {
    T before = 1, y = first;
    if (n == 0) return 1;
    for (int k = 1; k < (int)n; k++) {
        const T next = 2 * x * y - before;
        before = y;
        y = next;
    }
    return FN(overflowed)(y, x, n);
}

static inline T FN(chebyshev_t)(T x, T degree) {
    const T n = trunc(degree);
    if (n < 0) return 0;
    if (n != n || x != x) return K(NAN);
    if (n <= CLOSED_DEGREE) return FN(chebyshev)(x, n, x);
    if (fabs(x) <= 1) return cos(n * acos(x));
    const T y = cosh(n * acosh(fabs(x)));
    return x < 0 && FN(is_odd)(n) ? -y : y;
}

static inline T FN(chebyshev_u)(T x, T degree) {
    const T n = trunc(degree), size = fabs(x);
    if (n < 0) return 0;
    if (n != n || x != x) return K(NAN);
    if (n <= CLOSED_DEGREE) return FN(chebyshev)(x, n, 2 * x);
    const T angle = size <= 1 ? acos(size) : acosh(size), m = n + 1;
    const T y = size == 1          ? m
                : size < 1         ? sin(m * angle) / sin(angle)
                : size == INFINITY ? size
                                   : sinh(m * angle) / sinh(angle);
    return x < 0 && FN(is_odd)(n) ? -y : y;
}

/* V and W of |x|: cos and sin of (n + 1/2) angle over those of angle / 2. */
static inline T FN(chebyshev_half)(T size, T n, int is_w) {
    const T m = n + K(0.5);
    if (size == INFINITY) return size;
    if (size == 1) return is_w ? 2 * n + 1 : 1;
    const T angle = size < 1 ? acos(size) : acosh(size), middle = K(0.5) * angle;
    if (is_w) return size < 1 ? sin(m * angle) / sin(middle) : sinh(m * angle) / sinh(middle);
    return size < 1 ? cos(m * angle) / cos(middle) : cosh(m * angle) / cosh(middle);
}
/* V(-x) = (-1)^n W(x) */
static inline T FN(chebyshev_v)(T x, T degree) {
    const T n = trunc(degree);
    if (n < 0) return 0;
    if (n != n || x != x) return K(NAN);
    if (n <= CLOSED_DEGREE) return FN(chebyshev)(x, n, 2 * x - 1);
    const T y = FN(chebyshev_half)(fabs(x), n, x < 0);
    return x < 0 && FN(is_odd)(n) ? -y : y;
}
static inline T FN(chebyshev_w)(T x, T degree) {
    const T n = trunc(degree);
    if (n < 0) return 0;
    if (n != n || x != x) return K(NAN);
    if (n <= CLOSED_DEGREE) return FN(chebyshev)(x, n, 2 * x + 1);
    const T y = FN(chebyshev_half)(fabs(x), n, !(x < 0));
    return x < 0 && FN(is_odd)(n) ? -y : y;
}

/* H_(k+1) = 2 x H_k - 2 k H_(k-1) with scale 2, He_(k+1) = x He_k - k He_(k-1) with scale 1. */
static inline T FN(hermite)(T x, T degree, T scale) {
    const T n = trunc(degree);
    if (n < 0) return 0;
    if (n != n || x != x || n > MOST_DEGREE) return K(NAN);
    T before = 1, y = scale * x;
    if (n == 0) return 1;
    for (int k = 1; k < (int)n && y == y; k++) {
        const T next = scale * (x * y - k * before);
        before = y;
        y = next;
    }
    return fabs(x) > 2 * n ? FN(overflowed)(y, x, n) : y;
}

/* By differences: x would be lost beside 2 k + 1. */
static inline T FN(laguerre_l)(T x, T degree) {
    const T n = trunc(degree);
    if (n < 0) return 0;
    if (n != n || x != x || n > MOST_DEGREE) return K(NAN);
    T step = -x, y = 1 - x;
    if (n == 0) return 1;
    for (int k = 1; k < (int)n; k++) {
        step = (k * step - x * y) / (k + 1);
        y += step;
    }
    return FN(overflowed)(y, -x, n);
}

static inline T FN(legendre_p)(T x, T degree) {
    const T n = trunc(degree);
    if (n < 0) return 0;
    if (n != n || x != x || n > MOST_DEGREE) return K(NAN);
    T before = 1, y = x;
    if (n == 0) return 1;
    for (int k = 1; k < (int)n; k++) {
        const T next = ((2 * k + 1) * x * y - k * before) / (k + 1);
        before = y;
        y = next;
    }
    return FN(overflowed)(y, x, n);
}
