/* The vector registers of the instruction set that a kernels_ file is compiled for, where it names vectors
 * itself. */
#ifndef APSIS_CPU_VECTOR_H
#define APSIS_CPU_VECTOR_H

#if defined(__AVX512F__)
#define VECTOR    64 /* bytes of a register */
#define REGISTERS 32
#elif defined(__AVX__)
#define VECTOR    32
#define REGISTERS 16
#elif defined(__aarch64__)
#define VECTOR    16
#define REGISTERS 32
#else
#define VECTOR    16
#define REGISTERS 16
#endif

#endif
