--- Apsis: tensors, autograd, layers and training for Lua.
--
-- `local ap = require "apsis"` gives the core functions (ap.tensor, ap.matmul, ...) and, loaded when first used,
-- the libraries ap.nn, ap.optim, ap.data, ap.io, ap.train, ap.plot, ap.help, ap.jupyter and ap.autograd.

local core = require "apsis.core"

-- Rules, docs and composites of the ops, one file a family.
for _, family in ipairs {"elementwise", "bessel", "polynomials", "special", "activation", "arithmetic", "shape",
                         "reshape_in_place", "join", "reduce", "order", "index", "rearrange", "search", "statistics",
                         "matmul", "linalg", "decompositions", "conv", "pool", "norm", "loss", "random", "fft",
                         "creation", "alias"} do
  require("apsis.ops." .. family)
end

-- Families without rules are read when one of their functions is first called: the program starts sooner.
local later = {
  einsum = {"einsum"},
  distributions = {"cauchy_", "log_normal_", "geometric_", "standard_gamma", "gamma_", "dirichlet", "poisson",
    "binomial", "normal"},
  stacking = {"atleast_1d", "atleast_2d", "atleast_3d", "hstack", "vstack", "row_stack", "dstack", "column_stack",
    "tensor_split", "hsplit", "vsplit", "dsplit", "broadcast_tensors", "meshgrid", "cartesian_prod", "combinations",
    "block_diag", "broadcast_shapes"},
  placing = {"select_scatter", "slice_scatter", "diagonal_scatter", "as_strided_scatter", "diag_embed", "diag",
    "diagflat", "rot90", "narrow_copy", "index_reduce", "index_reduce_", "unravel_index", "fill_diagonal_",
    "segment_reduce"},
  losses = {"cosine_embedding_loss", "cosine_similarity", "gaussian_nll_loss", "hinge_embedding_loss", "kl_div",
    "margin_ranking_loss", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
    "pairwise_distance", "poisson_nll_loss", "soft_margin_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss"},
  channels = {"adaptive_avg_pool1d", "adaptive_max_pool1d", "adaptive_max_pool2d", "alpha_dropout",
    "alpha_dropout_", "channel_shuffle", "dropout1d", "dropout2d", "dropout3d", "dropout_", "feature_alpha_dropout",
    "feature_alpha_dropout_", "feature_dropout", "feature_dropout_", "gumbel_softmax", "local_response_norm",
    "lp_pool1d", "lp_pool2d", "lp_pool3d", "pixel_shuffle", "pixel_unshuffle"},
  volumes = {"adaptive_avg_pool3d", "adaptive_max_pool3d", "avg_pool3d", "conv3d", "conv_transpose3d", "max_pool3d",
    "max_unpool1d", "max_unpool2d", "max_unpool3d"},
  sampling = {"affine_grid", "grid_sample"},
  sequences = {"ctc_loss", "embedding_bag"},
  packed_factors = {"geqrf", "lobpcg", "lu", "triangular_solve"},
  matrix_functions = {"chain_matmul", "cross", "matrix_exp", "matrix_power", "nuclear_norm", "frobenius_norm", "orgqr",
    "ormqr", "svd_lowrank", "pca_lowrank"},
  products = {"addbmm", "addmm", "addmv", "addr", "baddbmm", "cdist", "ger", "inner", "kron", "tensordot", "trace",
    "vdot", "pdist", "bilinear", "addbmm_", "addmm_", "addmv_", "addr_", "baddbmm_"},
  signal = {"stft", "istft", "hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"},
}
for family, names in pairs(later) do
  for _, name in ipairs(names) do
    core.define(name, function(...)
      require("apsis.ops." .. family) -- defines them all anew
      return core[name](...)
    end)
  end
end
require "apsis.tensor"
local autograd = require "apsis.autograd"

core.no_grad, core.enable_grad = autograd.no_grad, autograd.enable_grad

--- See stdlib/print.lua, which is loaded when something prints.
function core.set_printoptions(options) require("apsis.print").set_printoptions(options) end

local libraries = {nn = true, optim = true, data = true, io = true, train = true, plot = true, help = true,
  jupyter = true, autograd = true}

return setmetatable(core.define_module(core), {
  __names = {libraries}, -- for completion
  __index = function(ap, name)
    if not libraries[name] then return nil end
    local library = require("apsis." .. name)
    rawset(ap, name, library)
    return library
  end,
})
