/* The incomplete gamma functions of the op table, as ops/special_functions.h, which comes first. */

/* m - log(1 + m): both cancel near 0, where log(1 + m) = 2 atanh(s). */
static inline T FN(minus_log1p)(T m) {
    const T s = m / (2 + m), z = s * s;
    return m * s -
           2 * s * z *
               MORE_4(POLY_7(z, K(1) / 23, K(1) / 21, K(1) / 19, K(1) / 17, K(1) / 15, K(1) / 13, K(1) / 11),
                      z, K(1) / 9, K(1) / 7, K(1) / 5, K(1) / 3);
}

/* x^a exp(-x) / gamma(a + 1) for x > 0. From a = 10 on by Stirling's formula, in which powers do not cancel.
 */
static inline T FN(gamma_term)(T a, T x) {
    if (a < 10) {
        const T gamma = exp(a < K(0.9) ? FN(lgamma1p)(a) : FN(lgamma_positive)(a + 1));
        return x > 1000 ? 0 : pow(x, a) * exp(-x) / gamma;
    }
    const T m = (x - a) / a, apart = fabs(m) < K(0.3) ? FN(minus_log1p)(m) : m - log(x / a);
    return exp(-a * apart) / (sqrt(a) * exp(K(0.5) + FN(stirling)(a)));
}

/* The sum of x^k / ((a + 1) ... (a + k)): P over gamma_term (DLMF 8.7.1). The loops need less than 150 turns.
 */
static inline T FN(gamma_series)(T a, T x) {
    T sum = 1, before = 0, term = 1;
    for (int k = 1; k < 300 && sum != before; k++) {
        before = sum;
        term *= x / (a + k);
        sum += term;
    }
    return sum;
}

/* The continued fraction of Q over a gamma_term (DLMF 8.9.2), by Lentz' method. */
static inline T FN(gamma_fraction)(T a, T x) {
    T b = x + 1 - a, c = K(1e30), d = 1 / b, h = d;
    for (int k = 1; k < 300; k++) {
        const T n = -k * (k - a), before = h;
        b += 2;
        d = n * d + b;
        c = b + n / c;
        if (d == 0) d = K(1e-30);
        if (c == 0) c = K(1e-30);
        d = 1 / d;
        h *= c * d;
        if (h == before) break;
    }
    return h;
}

/* Q for small x and a, where 1 - P would cancel: 1 - x^a / gamma(a + 1), and the alternating rest of P's
 * series (DLMF 8.7.3). */
static inline T FN(gamma_rest)(T a, T x) {
    const T power = a * log(x) - (a < K(0.9) ? FN(lgamma1p)(a) : FN(lgamma_positive)(a + 1));
    T sum = 0, term = 1, before = 1;
    for (int k = 1; k < 100 && sum != before; k++) {
        before = sum;
        term *= -x / k;
        sum += term / (a + k);
    }
    return -expm1(power) - a * exp(power) * sum;
}

/* Temme's coefficients, series in e: c_0(e) + c_1(e) / a + ... (DLMF 8.12). */
static inline T FN(temme_0)(T e) {
    T y = POLY_5(e, 9.14769958223679e-10, -4.382036018453353e-09, 1.0261809784240309e-08,
                 6.707853543401498e-09, -1.7665952736826078e-07);
    y = MORE_5(y, e, 8.296711340953087e-07, -1.85406221071516e-06, -2.185448510679992e-06,
               3.919263178522438e-05, -0.0001787551440329218);
    y = MORE_5(y, e, 0.0003527336860670194, 0.0011574074074074073, -0.014814814814814815, 0.08333333333333333,
               -0.3333333333333333);
    return y;
}
static inline T FN(temme_1)(T e) {
    T y = POLY_4(e, 1.1951628599778148e-08, -5.752545603517705e-08, 1.378633446915721e-07,
                 4.647127802807434e-09);
    y = MORE_4(y, e, -1.6120900894563446e-06, 7.64916091608111e-06, -1.8098550334489977e-05,
               -4.018775720164609e-07);
    y = MORE_5(y, e, 0.00020576131687242798, -0.0009902263374485596, 0.0026455026455026454,
               -0.003472222222222222, -0.001851851851851852);
    return y;
}
static inline T FN(temme_2)(T e) {
    T y = POLY_4(e, -1.409252991086752e-08, -2.0477098421990866e-10, 1.4280614206064242e-07,
                 -6.298992138380055e-07);
    y = MORE_4(y, e, 1.3721957309062934e-06, 3.423578734096138e-08, -1.2760635188618728e-05,
               5.2923448829120125e-05);
    y = MORE_5(y, e, -0.0001073665322636516, 2.0093878600823047e-06, 0.0007716049382716049,
               -0.0026813271604938273, 0.004133597883597883);
    return y;
}
static inline T FN(temme_3)(T e) {
    T y = POLY_6(e, -1.6958404091930278e-07, -2.7861080291528143e-11, 1.4230900732435883e-06,
                 -5.6749528269915965e-06, 1.1082654115347302e-05, -2.396505113867297e-07);
    y = MORE_5(y, e, -7.561801671883977e-05, 0.00026772063206283885, -0.0004691894943952557,
               0.00022947209362139917, 0.0006494341563786008);
    return y;
}
static inline T FN(temme_4)(T e) {
    T y = POLY_4(e, -1.6954149536558305e-06, 2.507497226237533e-10, 1.1375726970678419e-05,
                 -3.968365047179435e-05);
    y = MORE_5(y, e, 6.641498215465122e-05, -1.4638452578843418e-06, -0.0002990724803031902,
               0.0007840392217200666, -0.0008618882909167117);
    return y;
}
static inline T FN(temme_5)(T e) {
    T y = POLY_4(e, 8.018470256334202e-06, -1.3594048189768693e-05, 1.419062920643967e-07,
                 6.797780477937208e-05);
    y = MORE_4(y, e, -0.00019932570516188847, 0.0002772753244959392, -6.972813758365857e-05,
               -0.00033679855336635813);
    return y;
}
static inline T FN(temme_6)(T e) {
    return POLY_6(e, 5.61168275310625e-05, -8.153969367561969e-05, 7.902353232660328e-07,
                  0.0002708782096718045, -0.0005921664373536939, 0.0005313079364639922);
}
static inline T FN(temme_7)(T e) {
    return POLY_4(e, 0.0002812695154763237, -0.00033493161081142234, 5.171790908260592e-05,
                  0.00034436760689237765);
}

/* Uniformly in x for a from 50 on and x within 30 % of it. Source: Temme, "The asymptotic expansion of the
 * incomplete gamma functions", 1979. */
static inline T FN(gamma_uniform)(T a, T x, int upper) {
    const T m = (x - a) / a, apart = FN(minus_log1p)(m), z = copysign(sqrt(a * apart), m), w = 1 / a;
    const T e = copysign(sqrt(2 * apart), m);
    T sum = K(-0.0006526239185953094);
    sum = sum * w + FN(temme_7)(e);
    sum = sum * w + FN(temme_6)(e);
    sum = sum * w + FN(temme_5)(e);
    sum = sum * w + FN(temme_4)(e);
    sum = sum * w + FN(temme_3)(e);
    sum = sum * w + FN(temme_2)(e);
    sum = sum * w + FN(temme_1)(e);
    sum = sum * w + FN(temme_0)(e);
    const T rest = exp(-a * apart) * sum / sqrt(K(6.28318530717958647693) * a);
    return upper ? K(0.5) * erfc(z) + rest : K(0.5) * erfc(-z) - rest;
}

/* Q(a, x) where `upper`, else P(a, x): whichever is smaller is computed, the other one is 1 less it. */
static inline T FN(incomplete_gamma)(T a, T x, int upper) {
    if (!(a >= 0 && x >= 0) || (a == 0 && x == 0) || (a == INFINITY && x == INFINITY)) return K(NAN);
    if (a == 0 || x == INFINITY) return !upper;
    if (x == 0 || a == INFINITY) return upper;
    if (a > 50 && fabs(x - a) < K(0.3) * a) return FN(gamma_uniform)(a, x, upper);
    if (upper && x <= K(1.5) && a < (x < K(0.5) ? K(-0.4) / log(x) : K(1.1) * x)) return FN(gamma_rest)(a, x);
    const int is_upper = x > K(1.5) && x > a;
    const T term = FN(gamma_term)(a, x);
    if (term == 0) return is_upper != upper;
    const T y = is_upper ? a * term * FN(gamma_fraction)(a, x) : term * FN(gamma_series)(a, x);
    return is_upper == upper ? y : 1 - y;
}
