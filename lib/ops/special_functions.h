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

/* log(gamma(1 + x)) for x from -0.1 to 1, by polynomials around its roots 0 and 1 and its minimum. Source:
 * fdlibm, e_lgamma_r.c. */
static inline T FN(lgamma1p)(T x) {
    if (x >= K(0.7316)) {
        const T y = 1 - x, z = y * y;
        const T even =
            POLY_6(z, 2.52144565451257326939e-05, 2.20862790713908385557e-04, 1.19270763183362067845e-03,
                   7.38555086081402883957e-03, 6.73523010531292681824e-02, 7.72156649015328655494e-02);
        const T odd =
            z * POLY_6(z, 4.48640949618915160150e-05, 1.08011567247583939954e-04, 5.10069792153511336608e-04,
                       2.89051383673415629091e-03, 2.05808084325167332806e-02, 3.22467033424113591611e-01);
        return y * even + odd - K(0.5) * y;
    }
    if (x >= K(0.23)) {
        const T lowest = K(1.46163214496836224576);
        const T y = x - (lowest - 1), z = y * y, w = z * y;
        const T one =
            POLY_5(w, 3.15632070903625950361e-04, -1.40346469989232843813e-03, 6.10053870246291332635e-03,
                   -3.27885410759859649565e-02, 4.83836122723810047042e-01);
        const T two =
            POLY_5(w, -3.12754168375120860518e-04, 8.81081882437654011382e-04, -3.68452016781138256760e-03,
                   1.79706750811820387126e-02, -1.47587722994593911752e-01);
        const T three =
            POLY_5(w, 3.35529192635519073543e-04, -5.38595305356740546715e-04, 2.25964780900612472250e-03,
                   -1.03142241298341437450e-02, 6.46249402391333854778e-02);
        return K(-1.21486290535849611461e-01) + (z * one + w * (two + y * three));
    }
    const T p =
        x * POLY_6(x, 1.33810918536787660377e-02, 2.28963728064692451092e-01, 9.77717527963372745603e-01,
                   1.45492250137234768737e+00, 6.32827064025093366517e-01, -7.72156649015328655494e-02);
    const T q = POLY_6(x, 3.21709242282423911810e-03, 1.04222645593369134254e-01, 7.69285150456672783825e-01,
                       2.12848976379893395361e+00, 2.45597793713041134822e+00, 1);
    return p / q - K(0.5) * x;
}

/* log(gamma(x)) - (x - 1/2) (log(x) - 1) for x from 8. Source: as above. */
static inline T FN(stirling)(T x) {
    const T z = 1 / x, y = z * z;
    return K(4.18938533204672725052e-01) +
           z * POLY_6(y, -1.63092934096575273989e-03, 8.36339918996282139126e-04, -5.95187557450339963135e-04,
                      7.93650558643019558500e-04, -2.77777777728775536470e-03, 8.33333333333329678849e-02);
}

static inline T FN(lgamma_positive)(T x) {
    if (x <= K(0.9)) return FN(lgamma1p)(x) - log(x);
    if (x < 2) return FN(lgamma1p)(x - 1);
    if (x < 8) {
        const int whole = (int)x;
        const T y = x - whole;
        const T p =
            y * POLY_7(y, 3.19475326584100867617e-05, 1.84028451407337715652e-03, 2.66422703033638609560e-02,
                       1.46350472652464452805e-01, 3.25778796408930981787e-01, 2.14982415960608852501e-01,
                       -7.72156649015328655494e-02);
        const T q =
            POLY_7(y, 7.32668430744625636189e-06, 7.77942496381893596434e-04, 1.86459191715652901344e-02,
                   1.71933865632803078993e-01, 7.21935547567138069525e-01, 1.39200533467621045958e+00, 1);
        T product = 1;
        for (int k = 2; k < whole; k++) product *= y + k;
        return K(0.5) * y + p / q + log(product);
    }
    return x > K(1e17) ? x * (log(x) - 1) : (x - K(0.5)) * (log(x) - 1) + FN(stirling)(x);
}

/* log |gamma(x)|. Near the roots on the negative side only the absolute error is small. */
static inline T FN(lgamma)(T x) {
    if (x > 0) return x == INFINITY ? x : FN(lgamma_positive)(x);
    if (x != x) return x;
    const T s = FN(sin_pi)(x);
    if (x == -INFINITY || s == 0) return INFINITY;
    /* gamma(x) gamma(-x) = -pi / (x sin(pi x)) */
    return log(K(3.14159265358979323846) / fabs(s * x)) - FN(lgamma_positive)(-x);
}

/* d/dx log gamma(x): upwards to 10 by digamma(x) = digamma(x + 1) - 1 / x, then the asymptotic series. */
static inline T FN(digamma)(T x) {
    if (x == 0) return copysign(K(INFINITY), -x);
    T reflected = 0, y = x;
    if (x < 0) {
        const T rest = x - rint(x);
        if (rest == 0) return K(NAN);
        reflected = K(3.14159265358979323846) / tan(K(3.14159265358979323846) * rest);
        y = 1 - x;
    }
    T sum = 0;
    for (int k = 0; k < 10 && y < 10; k++) {
        sum -= 1 / y;
        y += 1;
    }
    const T w = 1 / (y * y);
    const T series =
        w * POLY_7(w, 8.33333333333333333333e-2, -2.10927960927960927961e-2, 7.57575757575757575758e-3,
                   -4.16666666666666666667e-3, 3.96825396825396825397e-3, -8.33333333333333333333e-3,
                   8.33333333333333333333e-2);
    return (log(y) - K(0.5) / y - series + sum) - reflected;
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

/* exp(x^2) erfc(x): directly up to 4, then by the continued fraction. */
static inline T FN(erfcx)(T x) {
    if (x < -27) return K(INFINITY);
    if (x < 4) return FN(exp_square)(x) * erfc(x);
    if (x == INFINITY) return 0;
    T f = x;
    for (int k = 24; k > 0; k--) f = x + K(0.5) * k / f;
    return K(0.56418958354775628695) / f;
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
    if (x > -1) return K(0.5) * erfc(x * K(-0.70710678118654752440));
    if (x < -40) return 0;
    return K(0.5) * FN(erfcx)(x * K(-0.70710678118654752440)) * FN(exp_half_square)(x);
}

static inline T FN(log_ndtr)(T x) {
    const T z = x * K(-0.70710678118654752440);
    return x < -1 ? log(K(0.5) * FN(erfcx)(z)) - K(0.5) * x * x : log1p(-FN(ndtr)(-x));
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
