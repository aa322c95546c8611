/* The choice of the indexing kernels for this machine. */
#include "cpu/isa.h"
#include "cpu/kernels_index.h"

ISA_DECLARE(IndexKernels, index_kernels);
const IndexKernels *cpu_index_kernels(void) {
    return ISA_SELECT(index_kernels);
}
