/* Random bits and what is made of them: C that is OpenCL C as well, so that both give the same numbers to the
 * last bit. For that it keeps to what IEEE rounds the same everywhere (+ - * sqrt and, in double, /), in an
 * order that compilers may not change and without fused operations (both are built with contraction off), and
 * never calls exp, log or sin of the platform. OpenCL's float sqrt needs
 * -cl-fp32-correctly-rounded-divide-sqrt.
 *
 * Normal numbers come in pairs by Box and Muller's method and not from the inverse distribution: a logarithm,
 * a root, a sine and a cosine for two numbers are straight lines of arithmetic that vectorise, where the
 * inverse needs a table or the cost of both its branches. Floats reach 6.66 standard deviations,
 * doubles 8.57.
 *
 * The includer defines: word, dword (unsigned of 32 and 64 bits), AS_WORD(float), AS_FLOAT(word), and with
 * RANDOM_F64 also AS_DWORD(double) and AS_DOUBLE(dword). */

/* Philox 4x32's multipliers and the steps of its keys (Salmon et al. 2011). */
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_K0 0x9E3779B9u
#define PHILOX_K1 0xBB67AE85u

/* Ten rounds: x is the counter and becomes the random block. */
static inline void philox_rounds(word x[4], word k0, word k1) {
    for (int i = 0; i < 10; i++) {
        dword a = (dword)PHILOX_M0 * x[0], b = (dword)PHILOX_M1 * x[2];
        word x1 = x[1], x3 = x[3];
        x[0] = (word)(b >> 32) ^ x1 ^ k0;
        x[1] = (word)b;
        x[2] = (word)(a >> 32) ^ x3 ^ k1;
        x[3] = (word)a;
        k0 += PHILOX_K0;
        k1 += PHILOX_K1;
    }
}

/* --- float: one word a number --------------------------------------------------------------------------- */

/* [0, 1): the 32 - drop upper bits; drop 8 fills a float's 24, 21 a half's 11, 24 a brain float's 8, so that
 * no rounding can reach 1. scale: 2^(drop - 32). */
static inline float uniform_f32(word w, int drop, float scale) {
    return (float)(int)(w >> drop) * scale;
}

/* (0, 1]: never 0, for logarithms. */
static inline float open_f32(word w) {
    return ((float)(int)(w >> 1) + 0.5f) * 0x1p-31f;
}

/* The natural logarithm of 2^-126 <= x < inf, at most 1 ulp off. Source: Cephes, logf. */
static inline float log_f32(float x) {
    word bits = AS_WORD(x);
    int e = (int)(bits - 0x3f3504f3u) >> 23; /* x = 2^e * (1 + f), sqrt(1/2) <= 1 + f < sqrt(2) */
    float f = AS_FLOAT(bits - ((word)e << 23)) - 1.0f, n = (float)e, z = f * f;
    float y = 7.0376836292e-2f;
    y = y * f - 1.1514610310e-1f;
    y = y * f + 1.1676998740e-1f;
    y = y * f - 1.2420140846e-1f;
    y = y * f + 1.4249322787e-1f;
    y = y * f - 1.6668057665e-1f;
    y = y * f + 2.0000714765e-1f;
    y = y * f - 2.4999993993e-1f;
    y = y * f + 3.3333331174e-1f;
    y = y * f * z + n * -2.12194440e-4f - 0.5f * z;
    return f + y + n * 0.693359375f;
}

/* Two independent standard normal numbers: radius sqrt(-2 log u), angle 2 pi v. v's quadrant is taken off as
 * an integer, exactly; sine and cosine of the rest are Cephes' sinf and cosf. */
static inline void normal_f32(word a, word b, float *first, float *second) {
    float radius = SQRT_F32(-2.0f * log_f32(open_f32(a)));
    word shifted = b + 0x20000000u, quadrant = shifted >> 30;
    float t = (float)((int)(shifted & 0x3fffffffu) - 0x20000000) * 1.4629180792671596e-9f; /* pi / 2^31 */
    float z = t * t;
    float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * t + t;
    float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z -
              0.5f * z + 1.0f;
    word swap = quadrant & 1;
    float sine = swap ? c : s, cosine = swap ? s : c;
    *first = radius * AS_FLOAT(AS_WORD(sine) ^ (quadrant >> 1) << 31);
    *second = radius * AS_FLOAT(AS_WORD(cosine) ^ ((quadrant + 1) >> 1) << 31);
}

/* Exponential of rate 1, never 0: log(1) is moved to half an epsilon, as in PyTorch. */
static inline float exponential_f32(word w) {
    float e = -log_f32(open_f32(w));
    return e > 0x1p-24f ? e : 0x1p-24f;
}

/* --- integers ---------------------------------------------------------------------------------------------
 * 0 .. range - 1 by the upper half of a product: off an even distribution by less than range / 2^32 of a
 * number's share with one word, which is used up to a range of 2^16, and range / 2^64 with two. */
static inline dword below_small(word w, word range) {
    return (dword)w * range >> 32;
}

/* range 0 stands for 2^64. */
static inline dword below_large(word high, word low, dword range) {
    dword x = (dword)high << 32 | low;
    if (range == 0) return x;
    dword a = range & 0xffffffffu, b = range >> 32;
    dword middle = high * a + (low * a >> 32), cross = low * b + (middle & 0xffffffffu);
    return high * b + (middle >> 32) + (cross >> 32);
}

#ifdef RANDOM_F64
/* --- double: two words a number ------------------------------------------------------------------------- */

/* An integer of 53 bits; each half converts exactly as a signed 32-bit integer. */
static inline double bits53(word high, word low) {
    return (double)(int)(high >> 5) * 67108864.0 + (double)(int)(low >> 6);
}

/* [0, 1) */
static inline double uniform_f64(word high, word low) {
    return bits53(high, low) * 0x1p-53;
}

/* (0, 1] */
static inline double open_f64(word high, word low) {
    return (bits53(high, low) + 0.5) * 0x1p-53;
}

/* The natural logarithm of a normal number, at most 1 ulp off. Source: fdlibm, e_log.c. */
static inline double log_f64(double x) {
    dword bits = AS_DWORD(x), offset = bits - 0x3fe6a09e667f3bcdul;
    /* The exponent as the upper word sees it: x = 2^e * (1 + f). */
    int e = (int)(word)(offset >> 32) >> 20;
    double f = AS_DOUBLE(bits - (offset & 0xfff0000000000000ul)) - 1.0, n = (double)e;
    double s = f / (2.0 + f), z = s * s, halved = 0.5 * f * f;
    double r = 1.479819860511658591e-01;
    r = r * z + 1.531383769920937332e-01;
    r = r * z + 1.818357216161805012e-01;
    r = r * z + 2.222219843214978396e-01;
    r = r * z + 2.857142874366239149e-01;
    r = r * z + 3.999999999940941908e-01;
    r = r * z + 6.666666666666735130e-01;
    return n * 6.93147180369123816490e-01 -
           (halved - (s * (halved + r * z) + n * 1.90821492927058770002e-10) - f);
}

/* As normal_f32, from a whole block. Sine and cosine are fdlibm's k_sin.c and k_cos.c. */
static inline void normal_f64(const word w[4], double *first, double *second) {
    double radius = SQRT_F64(-2.0 * log_f64(open_f64(w[0], w[1])));
    word shifted = w[2] + 0x20000000u, quadrant = shifted >> 30;
    double fraction = ((double)(int)(w[3] >> 1) + 0.5) * 0x1p-31;
    double t = ((double)((int)(shifted & 0x3fffffffu) - 0x20000000) + fraction) * 1.46291807926715968105e-09;
    double z = t * t;
    double s = 1.58969099521155010221e-10;
    s = s * z - 2.50507602534068634195e-08;
    s = s * z + 2.75573137070700676789e-06;
    s = s * z - 1.98412698298579493134e-04;
    s = s * z + 8.33333333332248946124e-03;
    s = s * z - 1.66666666666666324348e-01;
    s = s * z * t + t;
    double c = -1.13596475577881948265e-11;
    c = c * z + 2.08757232129817482790e-09;
    c = c * z - 2.75573143513906633035e-07;
    c = c * z + 2.48015872894767294178e-05;
    c = c * z - 1.38888888888741095749e-03;
    c = c * z + 4.16666666666666019037e-02;
    c = c * z * z - 0.5 * z + 1.0;
    word swap = quadrant & 1;
    double sine = swap ? c : s, cosine = swap ? s : c;
    *first = radius * AS_DOUBLE(AS_DWORD(sine) ^ (dword)(quadrant >> 1) << 63);
    *second = radius * AS_DOUBLE(AS_DWORD(cosine) ^ (dword)((quadrant + 1) >> 1) << 63);
}

static inline double exponential_f64(word high, word low) {
    double e = -log_f64(open_f64(high, low));
    return e > 0x1p-53 ? e : 0x1p-53;
}
#endif
