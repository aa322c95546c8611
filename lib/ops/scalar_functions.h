/* Scalar helpers of the op table: plain C that is OpenCL C as well. Included once a type, with T the element
 * type, FN(f) its name for that type, K(c) a constant of it, FLOATING_TYPE 1 or 0. */

#if FLOATING_TYPE

/* Python's floor division: the quotient that goes with a remainder of b's sign. */
static inline T FN(floor_divide)(T a, T b) {
    T r = fmod(a, b), q = (a - r) / b;
    if (b == 0) return a / b;
    if (r != 0 && (b < 0) != (r < 0)) q -= 1;
    if (q == 0) return copysign(K(0), a / b);
    T whole = floor(q);
    return q - whole > K(0.5) ? whole + 1 : whole;
}

static inline T FN(remainder)(T a, T b) {
    T r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static inline T FN(silu_grad)(T g, T x) {
    T s = 1 / (1 + exp(-x));
    return g * s * (1 + x * (1 - s));
}

/* d/dx x * Phi(x) = Phi(x) + x * phi(x) */
static inline T FN(gelu_grad)(T g, T x) {
    T distribution = K(0.5) * (1 + erf(x * K(0.70710678118654752440)));
    T density = K(0.39894228040143267794) * exp(K(-0.5) * x * x);
    return g * (distribution + x * density);
}

static inline T FN(gelu_tanh_grad)(T g, T x) {
    T t = tanh(K(0.79788456080286535588) * (x + K(0.044715) * x * x * x));
    T inner = K(0.79788456080286535588) * (1 + K(3) * K(0.044715) * x * x);
    return g * K(0.5) * (1 + t + x * (1 - t * t) * inner);
}

#else

/* Division by zero is refused before the kernel runs; -1 is apart because the least integer has no negative.
 */
static inline T FN(floor_divide)(T a, T b) {
    if (b == 0) return 0;
    if (b == -1) return -a;
    T q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static inline T FN(remainder)(T a, T b) {
    if (b == 0 || b == -1) return 0;
    T r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static inline T FN(fmod)(T a, T b) {
    return b == 0 || b == -1 ? 0 : a % b;
}

/* a^b by squaring, modulo 2^64; negative exponents are refused before the kernel runs. */
static inline T FN(pow)(T a, T b) {
    T result = 1;
    for (; b > 0; b >>= 1) {
        if (b & 1) result *= a;
        a *= a;
    }
    return result;
}

#endif
