/* Included after all other headers by kernels_ files whose sums of products may use the fused instruction:
 * nobody compares their last bits with another device's. */
#ifndef APSIS_CPU_FUSED_H
#define APSIS_CPU_FUSED_H

#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

#endif
