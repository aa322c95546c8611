/* Which of the compiled instruction sets runs here. Files kernels_*.c are compiled once a set, with ISA
 * defined. */
#ifndef APSIS_CPU_ISA_H
#define APSIS_CPU_ISA_H

typedef enum { ISA_BASE, ISA_AVX2, ISA_AVX512 } CpuIsa;

/* The best compiled set that this CPU and operating system run; APSIS_ISA=base|avx2|avx512 lowers it (for
 * tests). */
CpuIsa cpu_isa(void);
/* "base", "avx2", "avx512" */
const char *cpu_isa_name(void);
enum { CPU_MODEL_TEXT = 49 };
/* The processor's name for itself; "unknown" where it has none. Writes into `text` and returns it. */
const char *cpu_model(char text[CPU_MODEL_TEXT]);

/* f_base, f_avx2 or f_avx512, inside a kernels_ file. */
#define ISA_PASTE2(f, isa) f##_##isa
#define ISA_PASTE(f, isa)  ISA_PASTE2(f, isa)
#define ISA_NAME(f)        ISA_PASTE(f, ISA)

/* Declares the tables that a kernels_ file exports; ISA_SELECT gives the address of the one that runs here.
 */
#ifdef __x86_64__
#define ISA_DECLARE(type, table) extern const type table##_base, table##_avx2, table##_avx512
#define ISA_SELECT(table)                                                                                    \
    (cpu_isa() == ISA_AVX512 ? &table##_avx512 : cpu_isa() == ISA_AVX2 ? &table##_avx2 : &table##_base)
#else
#define ISA_DECLARE(type, table) extern const type table##_base
#define ISA_SELECT(table)        (&table##_base)
#endif

#endif
