"""What PyTorch's public namespaces hold that Apsis lacks: python3 tests/golden/names.py [build/apsis]

Left out is what Apsis has no business with: complex, sparse, quantised, nested and named tensors, other devices, the
compiler, autocast, vendors' libraries, copies of views (NAME_copy), type checks of Python, and what PyTorch removed or
deprecates. Names of F and of linalg count for tensors where ap has them.
"""

import inspect
import re
import subprocess
import sys
import warnings

import torch

FOREIGN = re.compile("|".join([
    "sparse|coo|csr|csc|bsr|bsc|row_indices|col_indices|coalesce|^smm$|sspaddmm|saddmm|dsmm|hsmm|hspmm|spmm|dense",
    "^indices$|quanti|^q_|fbgemm|int_repr|qscheme|fake_|fused_moving|cudnn|mkldnn|miopen|cuda|ipu|xla|xpu|mps",
    "mtia|maia|vulkan|hpu|meta$|autocast|compile|script|^jit|trace_|import_ir|parse_|symint|^sym_|vmap|while_loop",
    "^cond$|fork|^wait$|unify|merge_type|complex|conj|^resolve_|is_neg|neg_view|^real$|^imag$|cfloat|cdouble",
    "chalf|nested|padded|storage|share|pin_memory|names?$|handle_torch|has_torch|boolean_dispatch|assert_int",
    "_with_indices|_copy$|^unsafe|native_|batch_norm_|rnn_|_cell|^gru$|^lstm$|grad_fn|typename|dlpack",
    "classproperty|thread_safe|_backward|_like_grad|^grouped_|^scaled_|module_load|get_file_path|is_anomaly",
    "set_anomaly|warn|deterministic|flush_denormal|inference|conv_tbc|hash_tensor|constrain_range|compiled_with",
    "^dequantize|choose_qparams|_fresh_|interop|empty_quant|init_num|from_file|from_numpy|numpy|^type$|data_ptr",
    "record_stream|reinforce|volatile|output_nr|as_subclass|^layout$|dim_order|grid_sampler|_generator|grad_dtype",
    "^apply_$|^map2?_$|__",
    # What raises in PyTorch: removed, or for sparse tensors alone.
    "^eig$|^lstsq$|^matrix_rank$|^solve$|^symeig$|^values$",
    # What PyTorch warns of, in favour of what is there: resize_, interpolate, set_default_dtype.
    "^resize$|^resize_as$|^upsample|^set_default_tensor_type$",
    # Devices are strings (x.device), memory is not pinned, and there is one process.
    "^get_device$|^get_device_module$|^is_pinned$|^is_distributed$|^prepare_multiprocessing_environment$",
    # Complex numbers are pairs of real ones already.
    "^view_as_real$",
    # The gradient of a slice, written as one; an import of typing; how PyTorch calls its kernels.
    "^slice_inverse$|^Optional$|^convolution$",
]))

# Names that Lua does not allow, or that are in another module here.
RENAMED = {"repeat": "repeat_", "load": "io.load", "save": "io.save"}


def public(module):
    for name in dir(module):
        value = getattr(module, name)
        if not name.startswith("_") and callable(value) and not inspect.isclass(value) and not FOREIGN.search(name):
            yield name


def lacking(apsis, module, names):
    """Those of the names that are neither in the module nor, for a method, a field of a tensor."""
    script = """
        local ap = require "apsis"
        local modules = {F = require "apsis.nn.functional", torch = ap, Tensor = ap.ones(2, 2)}
        local label = io.read()
        local from = modules[label] or ap[label]
        for name in io.lines() do
          local inner, rest = name:match "^(%w+)%.(%w+)$"
          local ok, value = pcall(function() return inner and ap[inner][rest] or from[name] or ap[name] end)
          if not ok or value == nil then print(name) end
        end"""
    asked = "\n".join([module, *(RENAMED.get(name, name) for name in names)]) + "\n"
    result = subprocess.run([apsis, "-e", script], input=asked, capture_output=True, text=True, check=True)
    return result.stdout.split()


def main():
    warnings.simplefilter("ignore")
    apsis = sys.argv[1] if len(sys.argv) > 1 else "build/apsis"
    for label, module in (("torch", torch), ("Tensor", torch.Tensor), ("linalg", torch.linalg), ("fft", torch.fft),
                          ("special", torch.special), ("F", torch.nn.functional)):
        names = sorted(set(public(module)))
        lacks = lacking(apsis, label, names)
        print(f"{label}: {len(names) - len(lacks)} of {len(names)}; lacks {' '.join(lacks) or 'none'}")


if __name__ == "__main__":
    main()
