--- The processor, threads and clock: documentation of functions that lib/bind/system.c holds whole.

--- cpu_info: the processor, and what was chosen for it.
---@return table {model, isa, blis_version, blis_kernels, blis_chosen_by, threads}
--- isa: "base", "avx2" or "avx512", the instruction set of Apsis's own kernels. blis_kernels: the kernel set of BLIS
--- for large matrix products. blis_chosen_by: "blis"; "apsis" where BLIS does not know the processor and would take
--- its generic kernels; "user" where BLIS_ARCH_TYPE is set.
--- Example: ap.cpu_info().isa --> "avx512"

--- set_num_threads: how many threads one op may use. At first all processors, or what OMP_NUM_THREADS says.
---@param n integer at least 1, at most 4 for each processor
--- Source: torch.set_num_threads.  Example: ap.set_num_threads(1)

--- get_num_threads: how many threads one op may use.
---@return integer
--- Source: torch.get_num_threads.  Example: ap.get_num_threads() --> 2

--- clock: seconds from some fixed point, never set back.
---@return number
--- Example: local start = ap.clock(); work(); print(ap.clock() - start)

--- isatty: whether a file leads to a terminal.
---@param file file*
---@return boolean
--- Example: ap.isatty(io.stdout)

return {}
