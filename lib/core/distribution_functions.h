/* Draws whose number of random blocks is not known beforehand: gamma, Poisson, binomial. As
 * core/random_functions.h, which comes first (with RANDOM_F64), this is C and OpenCL C alike and gives the
 * same numbers to the last bit.
 *
 * Element i of a draw takes the blocks of one counter, a stream for each attempt, from stream 1 on: ordinary
 * draws use stream 0. */

/* More attempts than any of the methods below ever needs: each accepts with a probability above 1/2. */
enum { MOST_ATTEMPTS = 200 };

static inline void distribution_block(word w[4], dword seed, dword counter, word stream) {
    w[0] = (word)counter;
    w[1] = (word)(counter >> 32);
    w[2] = stream;
    w[3] = 0;
    philox_rounds(w, (word)seed, (word)(seed >> 32));
}

/* e^x, at most 1 ulp off; 0 below -700, no more than e^700. Source: Cephes, exp. */
static inline double exp_f64(double x) {
    if (x < -700.0) return 0.0;
    if (x > 700.0) x = 700.0;
    const int n = (int)(x * 1.44269504088896340736 + (x < 0.0 ? -0.5 : 0.5));
    const double r = x - (double)n * 6.93145751953125e-1 - (double)n * 1.42860682030941723212e-6, z = r * r;
    double p = 1.26177193074810590878e-4;
    p = p * z + 3.02994407707441961300e-2;
    p = (p * z + 9.99999999999999999910e-1) * r;
    double q = 3.00198505138664455042e-6;
    q = q * z + 2.52448340349684104192e-3;
    q = q * z + 2.27265548208155028766e-1;
    q = q * z + 2.00000000000000000009;
    return (1.0 + 2.0 * (p / (q - p))) * AS_DOUBLE((dword)(n + 1023) << 52);
}

/* What Stirling's formula lacks: log k! - ((k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2). */
static inline double stirling_rest(double k) {
    const double n = k + 1.0;
    if (k >= 10.0) {
        const double z = 1.0 / (n * n);
        return (1.0 / 12.0 - (1.0 / 360.0 - z / 1260.0) * z) / n;
    }
    double factorial = 1.0;
    for (int i = 2; i <= (int)k; i++) factorial *= (double)i;
    return log_f64(factorial) - ((k + 0.5) * log_f64(n) - n + 0.91893853320467274178);
}

/* Gamma of the given shape and scale 1. Source: Marsaglia and Tsang, "A simple method for generating gamma
 * variables", 2000; below 1 by gamma(a) = gamma(a + 1) u^(1/a). */
static inline double gamma_f64(double shape, dword seed, dword counter) {
    if (!(shape > 0.0)) return shape == 0.0 ? 0.0 : AS_DOUBLE(0x7ff8000000000000ul);
    if (shape > 1e300) return shape;
    const double d = (shape < 1.0 ? shape + 1.0 : shape) - 1.0 / 3.0, c = 1.0 / SQRT_F64(9.0 * d);
    word w[4];
    for (word attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        double x, unused;
        distribution_block(w, seed, counter, 1 + 2 * attempt);
        normal_f64(w, &x, &unused);
        double v = 1.0 + c * x;
        if (v <= 0.0) continue;
        v = v * v * v;
        distribution_block(w, seed, counter, 2 + 2 * attempt);
        const double u = open_f64(w[0], w[1]), z = x * x;
        if (u >= 1.0 - 0.0331 * z * z && log_f64(u) >= 0.5 * z + d * (1.0 - v + log_f64(v))) continue;
        return d * v * (shape < 1.0 ? exp_f64(log_f64(open_f64(w[2], w[3])) / shape) : 1.0);
    }
    return d;
}

/* Poisson of a rate from 0: by adding probabilities up below 10, else by transformed rejection. Source:
 * Hörmann, "The transformed rejection method for generating Poisson random variables", 1993 (PTRS). Beyond
 * 1e9 the normal distribution is within 1e-5 of it, and the rejection's logarithms cancel. */
static inline double poisson_f64(double rate, dword seed, dword counter) {
    word w[4];
    if (!(rate >= 0.0)) return AS_DOUBLE(0x7ff8000000000000ul);
    distribution_block(w, seed, counter, 1);
    if (rate < 10.0) {
        const double u = uniform_f64(w[0], w[1]);
        double p = exp_f64(-rate), sum = p, k = 0.0;
        while (u >= sum && k < 200.0) {
            k += 1.0;
            p *= rate / k;
            sum += p;
        }
        return k;
    }
    if (rate > 1e9) {
        double x, unused;
        normal_f64(w, &x, &unused);
        const double y = rate + SQRT_F64(rate) * x;
        return floor(y + 0.5);
    }
    const double b = 0.931 + 2.53 * SQRT_F64(rate), a = -0.059 + 0.02483 * b, log_rate = log_f64(rate);
    const double inverse = 1.1239 + 1.1328 / (b - 3.4), accept = 0.9277 - 3.6224 / (b - 2.0);
    for (word attempt = 1; attempt < MOST_ATTEMPTS; attempt++) {
        distribution_block(w, seed, counter, attempt);
        const double u = open_f64(w[0], w[1]) - 0.5, v = open_f64(w[2], w[3]);
        const double us = 0.5 - (u < 0.0 ? -u : u);
        if (us <= 0.0) continue;
        const double k = floor((2.0 * a / us + b) * u + rate + 0.43);
        if (us >= 0.07 && v <= accept) return k;
        if (k < 0.0 || (us < 0.013 && v > us)) continue;
        const double log_factorial =
            (k + 0.5) * log_f64(k + 1.0) - (k + 1.0) + 0.91893853320467274178 + stirling_rest(k);
        if (log_f64(v * inverse / (a / (us * us) + b)) <= k * log_rate - rate - log_factorial) return k;
    }
    return floor(rate);
}

/* Binomial of `count` tries with probability p <= 1/2: by adding probabilities up where fewer than 10 are
 * expected, else by transformed rejection. Source: Hörmann, "The generation of binomial random variates",
 * 1993 (BTRS). */
static inline double binomial_low(double count, double p, dword seed, dword counter) {
    word w[4];
    const double q = 1.0 - p, odds = p / q;
    if (count * p < 10.0) {
        distribution_block(w, seed, counter, 1);
        double u = uniform_f64(w[0], w[1]), chance = exp_f64(count * log_f64(q)), k = 0.0;
        while (u >= chance && k < count && k < 200.0) {
            u -= chance;
            k += 1.0;
            chance *= (count - k + 1.0) / k * odds;
        }
        return k;
    }
    const double spread = SQRT_F64(count * p * q), b = 1.15 + 2.53 * spread;
    const double a = -0.0873 + 0.0248 * b + 0.01 * p, centre = count * p + 0.5, accept = 0.92 - 4.2 / b;
    const double alpha = (2.83 + 5.1 / b) * spread, mode = floor((count + 1.0) * p);
    const double at_mode = (mode + 0.5) * log_f64((mode + 1.0) / (odds * (count - mode + 1.0))) +
                           stirling_rest(mode) + stirling_rest(count - mode);
    for (word attempt = 1; attempt < MOST_ATTEMPTS; attempt++) {
        distribution_block(w, seed, counter, attempt);
        const double u = open_f64(w[0], w[1]) - 0.5, v = open_f64(w[2], w[3]);
        const double us = 0.5 - (u < 0.0 ? -u : u);
        if (us <= 0.0) continue;
        const double k = floor((2.0 * a / us + b) * u + centre);
        if (k < 0.0 || k > count) continue;
        if (us >= 0.07 && v <= accept) return k;
        const double limit = at_mode + (count + 1.0) * log_f64((count - mode + 1.0) / (count - k + 1.0)) +
                             (k + 0.5) * log_f64(odds * (count - k + 1.0) / (k + 1.0)) - stirling_rest(k) -
                             stirling_rest(count - k);
        if (log_f64(v * alpha / (a / (us * us) + b)) <= limit) return k;
    }
    return mode;
}
static inline double binomial_f64(double count, double p, dword seed, dword counter) {
    if (!(count >= 0.0 && p >= 0.0 && p <= 1.0)) return AS_DOUBLE(0x7ff8000000000000ul);
    if (p == 0.0 || p == 1.0 || count == 0.0) return p == 0.0 ? 0.0 : count;
    return p <= 0.5 ? binomial_low(count, p, seed, counter)
                    : count - binomial_low(count, 1.0 - p, seed, counter);
}
