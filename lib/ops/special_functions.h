/* Special functions of the op table, as ops/scalar_functions.h: C that is OpenCL C as well, once a floating
 * type. Bessel's are in bessel_functions.h, the incomplete gamma functions in gamma_functions.h. All of it
 * is arithmetic over exp, log, pow, sqrt, erf and erfc, so that every device gives the same values to a few
 * units in the last place; tests/golden/special.py holds it against PyTorch and mpmath. */

/* a[0] + a[1] x + ..., highest coefficient first. */
#define POLY_4(x, a, b, c, d)          (((K(a) * (x) + K(b)) * (x) + K(c)) * (x) + K(d))
#define POLY_5(x, a, b, c, d, e)       (POLY_4(x, a, b, c, d) * (x) + K(e))
#define POLY_6(x, a, b, c, d, e, f)    (POLY_5(x, a, b, c, d, e) * (x) + K(f))
#define POLY_7(x, a, b, c, d, e, f, g) (POLY_6(x, a, b, c, d, e, f) * (x) + K(g))
/* A polynomial of higher degree goes on from its upper part. */
#define MORE_4(y, x, a, b, c, d)    (((((y) * (x) + K(a)) * (x) + K(b)) * (x) + K(c)) * (x) + K(d))
#define MORE_5(y, x, a, b, c, d, e) (MORE_4(y, x, a, b, c, d) * (x) + K(e))

/* sin(pi x), exactly 0 at integers: the argument is reduced before it is multiplied. */
static inline T FN(sin_pi)(T x) {
    const T whole = rint(x), s = sin(K(3.14159265358979323846) * (x - whole));
    return whole != 2 * rint(whole / 2) ? -s : s;
}

static inline T FN(sinc)(T x) {
    return x == 0 ? 1 : FN(sin_pi)(x) / (K(3.14159265358979323846) * x);
}

/* --- the gamma function and its derivatives
 * ----------------------------------------------------------------- */

/* log(gamma(2 + x)) for x from -1 to 1/2: over its roots, a polynomial that interpolates it at Chebyshev's
 * points (computed in 60 digits). `next` is 1 + x. */
static inline T FN(lgamma2p)(T x, T next) {
    T y = POLY_4(x, -1.5069416728386754e-07, -5.929080536705197e-07, -8.66945987804204e-07,
                 -1.7898878266475367e-07);
    y = MORE_5(y, x, 7.051540265756957e-07, 7.739811734147986e-07, -3.0047995251347475e-07,
               1.4425579993472215e-08, -9.403407544212204e-07);
    y = MORE_5(y, x, 1.911608575161866e-06, -3.801597688095123e-06, 8.207856505261183e-06,
               -1.7671676469105627e-05, 3.816980476924877e-05);
    y = MORE_5(y, x, -8.30939198651485e-05, 0.000182552637680546, -0.0004057074808388794,
               0.0009153769193331747, -0.002108130830829956);
    y = MORE_5(y, x, 0.004998641164825213, -0.01238419219342549, 0.03296500062115426, -0.10031730167435364,
               0.42278433509846713);
    return x * next * y;
}

/* log(gamma(1 + x)) for x from -1/2 to 3/2. */
static inline T FN(lgamma1p)(T x) {
    return x < 0 ? FN(lgamma2p)(x, 1 + x) - log1p(x) : FN(lgamma2p)(x - 1, x);
}

/* log(gamma(x)) - (x - 1/2) (log(x) - 1) for x from 8. Source:
 * fdlibm, e_lgamma_r.c. */
static inline T FN(stirling)(T x) {
    const T z = 1 / x, y = z * z;
    return K(4.18938533204672725052e-01) +
           z * POLY_6(y, -1.63092934096575273989e-03, 8.36339918996282139126e-04, -5.95187557450339963135e-04,
                      7.93650558643019558500e-04, -2.77777777728775536470e-03, 8.33333333333329678849e-02);
}

/* Below 8 from log(gamma(2 + y)), where y is x less a whole number, by the factors between. Without branches,
 * so that compilers vectorise it. */
static inline T FN(lgamma_positive)(T x) {
    const T whole = x >= 1 && x < 2 ? 2 : rint(x), y = x - whole;
    T product = whole > 2 ? y + 2 : 1;
    product *= whole > 3 ? y + 3 : 1;
    product *= whole > 4 ? y + 4 : 1;
    product *= whole > 5 ? y + 5 : 1;
    product *= whole > 6 ? y + 6 : 1;
    product *= whole > 7 ? y + 7 : 1;
    const T factor = whole >= 2 ? product : whole == 1 ? x : x * (1 + x);
    const T logarithm = log(x >= 8 ? x : factor);
    const T near = FN(lgamma2p)(y, whole == 2 ? x - 1 : 1 + y) + (whole >= 2 ? logarithm : -logarithm);
    return x >= 8 ? (x - K(0.5)) * (logarithm - 1) + FN(stirling)(x) : near;
}

/* log |gamma(x)|. Near the roots on the negative side only the absolute error is small. */
static inline T FN(lgamma)(T x) {
    /* gamma(x) gamma(1 - x) = pi / sin(pi x) */
    const T s = fabs(FN(sin_pi)(x)), above = FN(lgamma_positive)(x > 0 ? x : 1 - x);
    const T y = x > 0 ? above : -log(s * K(0.31830988618379067154)) - above;
    return x <= 0 && (s == 0 || x == -INFINITY) ? INFINITY : y;
}

/* d/dx log gamma(x): upwards by digamma(x) = digamma(x + 1) - 1 / x from below 10, then the asymptotic
 * series. Without branches. */
static inline T FN(digamma)(T x) {
    const T rest = x - rint(x), y = x < 0 ? 1 - x : x;
    const T reflected = x < 0 ? K(3.14159265358979323846) / tan(K(3.14159265358979323846) * rest) : 0;
    /* the sum of 1 / (y + k) for k = 0..9, two terms a step: k and 9 - k */
    const T square = y * (y + 9);
    T over = 0, under = 1;
    for (int k = 0; k < 5; k++) {
        const T product = square + k * (9 - k);
        over = over * product + under;
        under *= product;
    }
    const T sum = y < 10 ? (2 * y + 9) * over / under : 0, z = y < 10 ? y + 10 : y, w = 1 / (z * z);
    const T series =
        w * POLY_7(w, 8.33333333333333333333e-2, -2.10927960927960927961e-2, 7.57575757575757575758e-3,
                   -4.16666666666666666667e-3, 3.96825396825396825397e-3, -8.33333333333333333333e-3,
                   8.33333333333333333333e-2);
    const T value = (log(z) - K(0.5) / z - series - sum) - reflected;
    const T pole = x == 0 ? copysign(K(INFINITY), -x) : K(NAN);
    return x <= 0 && rest == 0 ? pole : value;
}

/* The sum of (q + k)^-s over k = 0, 1, ... for s > 1, q > 0: ten terms, and Euler and Maclaurin's formula for
 * the rest, whose coefficients are B(2k) / (2k)!. */
static inline T FN(zeta_positive)(T s, T q) {
    T sum = 0, w = q;
    for (int k = 0; k < 10; k++) {
        sum += pow(w, -s);
        w += 1;
    }
    const T b = pow(w, -s), v = 1 / (w * w);
    if (b == 0) return sum;
#define NEXT(k, rest) (rest) * ((s + (2 * (k)-1)) * (s + 2 * (k)) * v)
    T tail = K(-1.39544646858125233407e-19);
    tail = K(5.50900282836022951520e-18) + NEXT(11, tail);
    tail = K(-2.17486869855806187304e-16) + NEXT(10, tail);
    tail = K(8.58606205627784456413e-15) + NEXT(9, tail);
    tail = K(-3.38968029632258286683e-13) + NEXT(8, tail);
    tail = K(1.33825365306846788328e-11) + NEXT(7, tail);
    tail = K(-5.28419013868749318484e-10) + NEXT(6, tail);
    tail = K(2.08767569878680989792e-8) + NEXT(5, tail);
    tail = K(-8.26719576719576719577e-7) + NEXT(4, tail);
    tail = K(3.30687830687830687831e-5) + NEXT(3, tail);
    tail = K(-1.38888888888888888889e-3) + NEXT(2, tail);
    tail = K(8.33333333333333333333e-2) + NEXT(1, tail);
#undef NEXT
    return sum + (b * w / (s - 1) + K(0.5) * b + s * b / w * tail);
}

/* Hurwitz' zeta function. Below q = 0 the powers are real for whole s only; there the sum falls into the
 * terms on both sides of zero. */
static inline T FN(zeta)(T s, T q) {
    if (s == 1) return K(INFINITY);
    if (!(s > 1) || q != q) return K(NAN);
    if (q > 0) return FN(zeta_positive)(s, q);
    const T whole = floor(q), rest = q - whole;
    if (rest == 0 || whole == -INFINITY) return K(INFINITY);
    if (s != floor(s)) return K(NAN);
    const T below = FN(zeta_positive)(s, 1 - rest) - FN(zeta_positive)(s, 1 - rest - whole);
    return FN(zeta_positive)(s, rest) + (s == 2 * floor(s / 2) ? below : -below);
}

/* --- the normal distribution and the error function
 * --------------------------------------------------------- */

/* exp(x^2), the square taken in two parts so that its rounding is not magnified. */
static inline T FN(exp_square)(T x) {
    const T high = K(SPLITTER) * x - (K(SPLITTER) * x - x);
    return exp(high * high) * exp((x - high) * (x + high));
}

/* exp(x^2) erfc(x): directly up to 4; above, sqrt(pi) x times it as a polynomial in 1 / x^2, which
 * interpolates it at Chebyshev's points (computed in 60 digits). Without branches. */
static inline T FN(erfcx)(T x) {
    const T z = 1 / (x * x);
    T y = POLY_5(z, 124956731.23593348, -70751730.08672003, 19353168.895223595, -3506928.947098753,
                 495943.15951242734);
    y = MORE_5(y, z, -62310.85062377134, 7786.174619718648, -1053.1570566524629, 162.38527287466977,
               -29.530889037058596);
    y = MORE_5(y, z, 6.5624976492784475, -1.874999990695462, 0.7499999999805639, -0.49999999999998385, 1.0);
    const T direct = FN(exp_square)(x) * erfc(x), far = K(0.56418958354775628695) / x * y;
    return x < -27 ? K(INFINITY) : x < 4 ? direct : far;
}

/* x for which the normal distribution function is 1/2 + h, over h = -0.37 .. 0.37; and its negative for a
 * probability p up to 0.14. Source: Cephes, ndtri.c. */
static inline T FN(ndtri_centre)(T h) {
    const T z = h * h;
    const T p = POLY_5(z, -5.99633501014107895267e1, 9.80010754185999661536e1, -5.66762857469070293439e1,
                       1.39312609387279679503e1, -1.23916583867381258016e0);
    const T q =
        MORE_5(POLY_4(z, 1, 1.95448858338141759834e0, 4.67627912898881538453e0, 8.63602421390890590575e1), z,
               -2.25462687854119370527e2, 2.00260212380060660359e2, -8.20372256168333339912e1,
               1.59056225126211695515e1, -1.18331621121330003142e0);
    return (h + h * (z * p / q)) * K(2.50662827463100050242e0);
}
static inline T FN(ndtri_tail)(T p) {
    const T x = sqrt(-2 * log(p)), z = 1 / x;
    T n, d;
    if (x < 8) {
        n = MORE_5(POLY_4(z, 4.05544892305962419923e0, 3.15251094599893866154e1, 5.71628192246421288162e1,
                          4.40805073893200834700e1),
                   z, 1.46849561928858024014e1, 2.18663306850790267539e0, -1.40256079171354495875e-1,
                   -3.50424626827848203418e-2, -8.57456785154685413611e-4);
        d = MORE_5(POLY_4(z, 1, 1.57799883256466749731e1, 4.53907635128879210584e1, 4.13172038254672030440e1),
                   z, 1.50425385692907503408e1, 2.50464946208309415979e0, -1.42182922854787788574e-1,
                   -3.80806407691578277194e-2, -9.33259480895457427372e-4);
    } else {
        n = MORE_5(POLY_4(z, 3.23774891776946035970e0, 6.91522889068984211695e0, 3.93881025292474443415e0,
                          1.33303460815807542389e0),
                   z, 2.01485389549179081538e-1, 1.23716634817820021358e-2, 3.01581553508235416007e-4,
                   2.65806974686737550832e-6, 6.23974539184983293730e-9);
        d = MORE_5(POLY_4(z, 1, 6.02427039364742014255e0, 3.67983563856160859403e0, 1.37702099489081330271e0),
                   z, 2.16236993594496635890e-1, 1.34204006088543189037e-2, 3.28014464682127739104e-4,
                   2.89247864745380683936e-6, 6.79019408009981274425e-9);
    }
    return x - log(x) / x - z * n / d;
}

/* The inverse of ndtr. */
static inline T FN(ndtri)(T p) {
    const T edge = K(0.13533528323661269189), upper = 1 - p; /* e^-2 */
    if (!(p > 0 && p < 1)) return p == 0 ? -K(INFINITY) : p == 1 ? K(INFINITY) : K(NAN);
    if (p <= edge) return -FN(ndtri_tail)(p);
    return upper <= edge ? FN(ndtri_tail)(upper) : FN(ndtri_centre)(p - K(0.5));
}

static inline T FN(erfinv)(T y) {
    const T size = fabs(y), p = K(0.5) * (1 - size);
    if (!(size < 1)) return size == 1 ? copysign(K(INFINITY), y) : K(NAN);
    const T x = p > K(0.13533528323661269189) ? FN(ndtri_centre)(K(0.5) * size) : FN(ndtri_tail)(p);
    return copysign(x * K(0.70710678118654752440), y);
}

/* exp(-x^2 / 2), likewise. */
static inline T FN(exp_half_square)(T x) {
    const T high = K(SPLITTER) * x - (K(SPLITTER) * x - x);
    return exp(K(-0.5) * high * high) * exp(K(-0.5) * (x - high) * (x + high));
}

/* The normal distribution function. */
static inline T FN(ndtr)(T x) {
    const T z = x * K(-0.70710678118654752440);
    const T tail = K(0.5) * FN(erfcx)(z) * FN(exp_half_square)(x);
    return x > -1 ? K(0.5) * erfc(z) : x < -40 ? 0 : tail;
}

static inline T FN(log_ndtr)(T x) {
    const T z = x * K(-0.70710678118654752440);
    const T low = log(K(0.5) * FN(erfcx)(z)) - K(0.5) * x * x, high = log1p(-FN(ndtr)(-x));
    return x < -1 ? low : high;
}

/* --- sums of exponentials ---------------------------------------------------------------------------------
 */

static inline T FN(logaddexp)(T a, T b) {
    const T larger = a > b || a != a ? a : b;
    return a == b ? a + K(0.69314718055994530942) : larger + log1p(exp(-fabs(a - b)));
}
static inline T FN(logaddexp2)(T a, T b) {
    const T larger = a > b || a != a ? a : b;
    return a == b ? a + 1 : larger + log1p(exp2(-fabs(a - b))) * K(1.44269504088896340736);
}
