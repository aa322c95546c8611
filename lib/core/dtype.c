/* Element types: the table of their facts, PyTorch's promotion, half-precision conversion. */
#include "core/dtype.h"
#include <string.h>

static const struct {
    const char *name;
    uint8_t size;
    bool is_float, is_int;
} facts[DTYPE_COUNT] = {
    [F32] = {"f32", 4, true, false},    [F64] = {"f64", 8, true, false}, [F16] = {"f16", 2, true, false},
    [BF16] = {"bf16", 2, true, false},  [I8] = {"i8", 1, false, true},   [U8] = {"u8", 1, false, true},
    [I16] = {"i16", 2, false, true},    [I32] = {"i32", 4, false, true}, [I64] = {"i64", 8, false, true},
    [BOOL] = {"bool", 1, false, false},
};

size_t dtype_size(DType t) {
    return facts[t].size;
}

const char *dtype_name(DType t) {
    return facts[t].name;
}

bool dtype_is_float(DType t) {
    return facts[t].is_float;
}

bool dtype_is_int(DType t) {
    return facts[t].is_int;
}

bool dtype_parse(const char *name, DType *out) {
    static const struct {
        const char *name;
        DType dtype;
    } torch_names[] = {
        {"float32", F32}, {"float", F32},     {"float64", F64}, {"double", F64}, {"float16", F16},
        {"half", F16},    {"bfloat16", BF16}, {"int8", I8},     {"uint8", U8},   {"byte", U8},
        {"int16", I16},   {"short", I16},     {"int32", I32},   {"int", I32},    {"int64", I64},
        {"long", I64},    {"boolean", BOOL},
    };
    for (int t = 0; t < DTYPE_COUNT; t++) {
        if (strcmp(name, facts[t].name) == 0) {
            *out = (DType)t;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof torch_names / sizeof *torch_names; i++) {
        if (strcmp(name, torch_names[i].name) == 0) {
            *out = torch_names[i].dtype;
            return true;
        }
    }
    return false;
}

DType dtype_promote(DType a, DType b) {
    if (a == b) return a;
    if (a == BOOL) return b;
    if (b == BOOL) return a;
    if (dtype_is_float(a) != dtype_is_float(b)) return dtype_is_float(a) ? a : b;
    if (dtype_is_float(a)) {
        if (a == F64 || b == F64) return F64;
        return F32; /* f16 with bf16 has no common half type: f32, as in PyTorch */
    }
    /* U8 with a signed type needs the next signed type that holds both. */
    if (a == U8 || b == U8) {
        DType other = a == U8 ? b : a;
        return other == I8 ? I16 : other;
    }
    return dtype_size(a) > dtype_size(b) ? a : b;
}

bool dtype_can_cast(DType from, DType to) {
    return dtype_is_float(to) || (dtype_is_int(to) && !dtype_is_float(from)) || from == BOOL;
}

float f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 0x3ff, bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000 | fraction << 13;
    } else if (exponent) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else {
        /* Subnormal: fraction * 2^-24 is exact in f32. */
        float f = (float)fraction * 0x1p-24f;
        memcpy(&bits, &f, 4);
        bits |= sign;
    }
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

uint16_t f32_to_f16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) return sign | 0x7e00;
    if (bits >= 0x477ff000) return sign | 0x7c00; /* rounds to 65536 or more */
    if (bits < 0x38800000) {                      /* below 2^-14: subnormal; adding 0.5 rounds at 2^-24 */
        float magnitude;
        memcpy(&magnitude, &bits, 4);
        magnitude += 0.5f;
        memcpy(&bits, &magnitude, 4);
        return sign | (uint16_t)(bits - 0x3f000000);
    }
    bits += 0xfff + (bits >> 13 & 1);
    return sign | (uint16_t)((bits - 0x38000000) >> 13);
}

float bf16_to_f32(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

uint16_t f32_to_bf16(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
