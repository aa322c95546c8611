/* The choice of instruction set, made once a process. */
#include "cpu/isa.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

static const char *const names[] = {"base", "avx2", "avx512"};

static CpuIsa best(void) {
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("fma"))
        return ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return ISA_AVX2;
#endif
    return ISA_BASE;
}

CpuIsa cpu_isa(void) {
    static atomic_int chosen = -1; /* two threads may both choose: they choose the same */
    int isa = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (isa >= 0) return (CpuIsa)isa;
    isa = best();
    const char *wish = getenv("APSIS_ISA");
    for (int i = 0; wish && i < isa; i++)
        if (strcmp(wish, names[i]) == 0) isa = i;
    atomic_store_explicit(&chosen, isa, memory_order_relaxed);
    return (CpuIsa)isa;
}

const char *cpu_isa_name(void) {
    return names[cpu_isa()];
}

const char *cpu_model(char text[CPU_MODEL_TEXT]) {
    strcpy(text, "unknown");
#ifdef __x86_64__
    unsigned name[12];
    bool there = true;
    for (unsigned i = 0; i < 3; i++)
        there = there && __get_cpuid(0x80000002u + i, &name[4 * i], &name[4 * i + 1], &name[4 * i + 2],
                                     &name[4 * i + 3]);
    if (there) {
        memcpy(text, name, sizeof name);
        text[sizeof name] = '\0';
        for (size_t n = strlen(text); n > 0 && text[n - 1] == ' '; n--) text[n - 1] = '\0';
    }
#endif
    return text;
}
