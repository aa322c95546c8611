--- The processor, threads and clock: documentation of functions that lib/bind/system.c holds whole.

--- cpu_info: the processor, and what was chosen for it.
---@return table {model, isa, blis_version, blis_kernels, blis_chosen_by, threads}
--- isa: "base", "avx2" or "avx512", the instruction set of Apsis's own kernels. blis_kernels: the kernel set of BLIS
--- for large matrix products. blis_chosen_by: "blis"; "apsis" where BLIS does not know the processor and would take
--- its generic kernels; "user" where BLIS_ARCH_TYPE is set.
--- Example: print(ap.cpu_info().isa)

--- set_num_threads: how many threads one op may use. At first all processors, or what OMP_NUM_THREADS says.
---@param n integer at least 1, at most 4 for each processor
--- Source: torch.set_num_threads.  Example: ap.set_num_threads(1)

--- get_num_threads: how many threads one op may use.
---@return integer
--- Source: torch.get_num_threads.  Example: ap.get_num_threads()

--- memory: what the tensors of this program take on the host.
---@return table {live =, cached =, peak =, tensors =}: bytes in use, kept for reuse and in use at most; tensors alive

--- empty_cache: gives memory that freed tensors had back to the system and to the devices, after a full collection of
--- Lua's garbage. Up to 1 GB, or a quarter of a GPU's memory, is kept otherwise, so that a loop need not ask for it
--- anew; the prompt gives back all but 64 MB before it waits for a line.
---@param keep integer|nil bytes that may stay on the host and on each device; default 0
---@return integer bytes how many were given back
--- Source: torch.cuda.empty_cache.  Example: ap.empty_cache()

--- set_memory_limit: the most bytes that tensors may take on the host: an op that needs more raises "out of memory" and
--- changes nothing, where the system might end the program. A limit that a host program set (apsis.h) stays beside it.
---@param bytes integer 0, the default: no limit but the machine's
--- Example: ap.set_memory_limit(8 << 30) -- 8 GiB

--- synchronize: waits until a device has done all that was asked of it. Errors that a kernel found show here.
---@param device string|nil default: all devices
--- Source: torch.cuda.synchronize.  Example: ap.synchronize()

--- cl.is_available: whether there is an OpenCL device.
---@return boolean
---@return string|nil why there is none
--- Source: torch.cuda.is_available.

--- cl.devices: the OpenCL devices.
---@return table[] as cl.info gives them; empty where there is none

--- cl.info: the properties of an OpenCL device.
---@param device string|integer|nil "cl:2" or 2; default: the first
---@return table {device =, name =, vendor =, platform =, version =, driver =, type = "gpu", "cpu" or "accelerator",
---        extensions =, fp64 =, fp16 =, unified_memory =, compute_units =, clock_mhz =, max_work_group =,
---        local_memory =, global_memory =, max_allocation =}: bytes

--- cl.memory: what the tensors of this program take on an OpenCL device.
---@param device string|integer|nil
---@return table {live =, cached =, peak =}: bytes

--- clock: seconds from some fixed point, never set back.
---@return number
--- Example: local start = ap.clock(); work(); print(ap.clock() - start)

--- isatty: whether a file leads to a terminal.
---@param file file*
---@return boolean
--- Example: ap.isatty(io.stdout)

--- set_float32_matmul_precision: whether f32 products may give up accuracy for speed, on devices that gain by it.
---@param precision string "highest" (the default): full f32; "high" or "medium": NVIDIA's tensor cores may round the
--- factors to tf32 (10 bits of fraction; sums stay f32). The CPU and other devices compute in full f32 always.
--- Source: torch.set_float32_matmul_precision.  Example: ap.set_float32_matmul_precision("high")

--- get_float32_matmul_precision: "highest" or "high".
---@return string
--- Source: torch.get_float32_matmul_precision.

--- cl.is_available: whether there is an OpenCL device.
---@return boolean
---@return string? what is missing, where there is none
--- Example: ap.cl.is_available() --> true

--- cl.devices: the OpenCL devices, GPUs first: device i is "cl:i". "cl" is the first one, or what the environment's
--- APSIS_CL_DEVICE names (a number, or a part of a device's or platform's name).
---@return table[] infos as cl.info gives them
--- Example: for _, d in ipairs(ap.cl.devices()) do print(d.device, d.name) end

--- cl.opened: the numbers of the devices that this program has used so far.
---@return integer[]
--- Example: for _, i in ipairs(ap.cl.opened()) do print(ap.cl.memory(i).live) end

--- cl.info: what a device is.
---@param device string|integer|nil "cl:2" or 2; nil: "cl". It is opened.
---@return table {device, name, vendor, platform, version, driver, type ("gpu", "cpu", "accelerator"), extensions, fp64,
--- fp16, tensor_cores, unified_memory (booleans), compute_units, clock_mhz, max_work_group, and in bytes: local_memory,
--- global_memory, max_allocation}
--- Errors: there is no such device.  Example: ap.cl.info().fp64

--- cl.memory: the account of this instance's tensors on a device, in bytes.
---@param device string|integer|nil as for cl.info
---@return table {live (held by tensors), cached (freed, kept for reuse), peak (the most that was live)}
--- Example: ap.cl.memory().live

--- synchronize: waits until devices have done all that they were given; ops on devices return before that.
---@param device string|nil nil: every device
--- Errors: what went wrong on the device since, such as an index out of range in a kernel.
--- Source: torch.cuda.synchronize.  Example: ap.synchronize()

return {}
