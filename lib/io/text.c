/* Text of files: UTF-8, numbers, and pieces of it for messages. */
#include "io/text.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

/* Bytes of the sequence that `p` starts (2..4); 0 where it is none. Unicode 15, table 3-7: no overlong forms,
 * no surrogates, nothing above U+10FFFF. */
static int utf8_sequence(const uint8_t *p, int64_t room) {
    int n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > room) return 0;
    uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) return 0;
    for (int i = 2; i < n; i++)
        if (p[i] < 0x80 || p[i] > 0xbf) return 0;
    return n;
}

int64_t utf8_error(const char *text, int64_t length) {
    const uint8_t *p = (const uint8_t *)text;
    int64_t i = 0;
    while (i < length) {
        uint64_t eight;
        if (i + 8 <= length && (memcpy(&eight, p + i, 8), !(eight & 0x8080808080808080u))) {
            i += 8;
        } else if (p[i] < 0x80) {
            i++;
        } else {
            int n = utf8_sequence(p + i, length - i);
            if (n == 0) return i;
            i += n;
        }
    }
    return -1;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* What was read of a number: mantissa * 10^exponent, exact unless `dropped` says digits were left out. */
typedef struct Decimal {
    uint64_t mantissa;
    int64_t exponent;
    int digits; /* significant ones in the mantissa */
    bool dropped, negative, is_integer;
} Decimal;

/* 19 digits always fit in 64 bits. */
enum { MAX_DIGITS = 19, MAX_EXPONENT = 100000 };

static const char *read_digits(const char *p, Decimal *d, bool fraction) {
    for (; is_digit(*p); p++) {
        if (d->digits < MAX_DIGITS) {
            d->mantissa = d->mantissa * 10 + (uint64_t)(*p - '0');
            d->digits += d->mantissa != 0;
            d->exponent -= fraction;
        } else {
            d->dropped |= *p != '0';
            d->exponent += !fraction;
        }
    }
    return p;
}

/* The whole of begin..end as a decimal number; false where it is none. */
static bool read_decimal(const char *p, const char *end, Decimal *d) {
    *d = (Decimal){.negative = *p == '-', .is_integer = true};
    if (*p == '-' || *p == '+') p++;
    const char *digits = p;
    p = read_digits(p, d, false);
    int64_t count = p - digits;
    if (*p == '.') {
        d->is_integer = false;
        const char *fraction = p + 1;
        p = read_digits(fraction, d, true);
        count += p - fraction;
    }
    if (count == 0) return false;
    if (*p == 'e' || *p == 'E') {
        bool negative = p[1] == '-';
        d->is_integer = false;
        p += p[1] == '-' || p[1] == '+' ? 2 : 1;
        if (!is_digit(*p)) return false;
        int64_t exponent = 0;
        for (; is_digit(*p); p++)
            if (exponent < MAX_EXPONENT) exponent = exponent * 10 + (*p - '0');
        d->exponent += negative ? -exponent : exponent;
    }
    return p == end;
}

/* Correctly rounded by the C library, which must not read a comma as the point in some locales. */
static double slow_real(const char *begin) {
#ifdef __APPLE__
    return strtod_l(begin, NULL, NULL);
#else
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* glibc hands out a static object: cheap */
    if (c == (locale_t)0) return strtod(begin, NULL);
    double value = strtod_l(begin, NULL, c);
    freelocale(c);
    return value;
#endif
}

/* Clinger's fast path: both factors are exact doubles, so one rounding gives the right result. */
static double decimal_real(const Decimal *d, const char *begin) {
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    bool exact = !d->dropped && d->mantissa <= (uint64_t)1 << 53 && d->exponent >= -22 && d->exponent <= 22;
    if (!exact) return slow_real(begin);
    double m = (double)d->mantissa;
    m = d->exponent < 0 ? m / power[-d->exponent] : m * power[d->exponent];
    return d->negative ? -m : m;
}

static bool word_is(const char *begin, const char *end, const char *word) {
    size_t n = strlen(word);
    return (size_t)(end - begin) == n && strncasecmp(begin, word, n) == 0;
}

static NumberKind parse_word(const char *begin, const char *end, double *real) {
    bool negative = begin < end && *begin == '-';
    if (begin < end && (*begin == '-' || *begin == '+')) begin++;
    if (word_is(begin, end, "inf") || word_is(begin, end, "infinity"))
        *real = negative ? -INFINITY : INFINITY;
    else if (word_is(begin, end, "nan"))
        *real = NAN;
    else
        return NOT_A_NUMBER;
    return REAL;
}

NumberKind number_parse(const char *begin, const char *end, int64_t *integer, double *real) {
    Decimal d;
    if (begin == end) return NOT_A_NUMBER;
    if (!read_decimal(begin, end, &d)) return parse_word(begin, end, real);
    if (d.is_integer && !d.dropped && d.exponent == 0 && d.mantissa <= (uint64_t)INT64_MAX + d.negative) {
        *integer = d.negative ? (int64_t)(0 - d.mantissa) : (int64_t)d.mantissa;
        *real = d.negative ? -(double)d.mantissa : (double)d.mantissa;
        return INTEGER;
    }
    *real = decimal_real(&d, begin);
    return REAL;
}

const char *quote(char out[QUOTED_TEXT], const char *text, int64_t length) {
    enum { LONGEST = 4 /* an escape, or a character */, TAIL = 5 /* the end mark, the quote, the zero */ };
    const uint8_t *p = (const uint8_t *)text;
    int64_t i = 0;
    int at = 0;
    out[at++] = '\'';
    while (i < length && at + LONGEST + TAIL <= QUOTED_TEXT) {
        int n = p[i] < 0x80 ? p[i] >= 0x20 && p[i] != 0x7f : utf8_sequence(p + i, length - i);
        if (n == 0) at += snprintf(out + at, LONGEST + 1, "\\x%02x", p[i++]);
        for (; n > 0; n--) out[at++] = text[i++];
    }
    snprintf(out + at, TAIL, i < length ? "...'" : "'");
    return out;
}
