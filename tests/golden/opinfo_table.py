"""How an op of PyTorch's sample database (OpInfo) is called in Apsis: the one place that says it.

A line of TABLE:  torch_op  parameters...  [= apsis_name(order...)]  [-> outputs...]

The parameters are those of PyTorch's function, in its order. What may stand after a colon:
  d  a dimension or dimensions: Apsis counts from 1            i  positions, classes, ids: Apsis counts from 1
  p  positions that may not count from the end
  s  a shape                                                   -  says nothing to Apsis: left out
  !  Apsis has no such parameter: samples that use it are left out
  x  its gradient is not compared: PyTorch gives one to the triangle that is not read, too
  n  Apsis takes numbers only: samples with a tensor are left out
apsis_name is looked up in `ap` (F.x and linalg.x in those modules); without one it is torch_op's last part, in F for
nn.functional. The order is that of Apsis's parameters where it is another one; =name there goes into a last table.
Outputs: v a value (the default for all), i positions, - left out.

CUSTOM holds the few whose arguments need more than that: f(sample) -> (list of arguments, outputs or None)."""

import torch

FAMILIES = {
    "elementwise": """
abs x
acos x
acosh x
asin x
asinh x
atan x
atanh x
ceil x
cos x
cosh x
erf x
erfc x
erfinv x
exp x
exp2 x
expm1 x
floor x
frac x
log x
log10 x
log1p x
log2 x
neg x
positive x
reciprocal x
rsqrt x
sigmoid x
sign x
sgn x
sin x
sinc x
sinh x
sqrt x
square x
tan x
tanh x
trunc x
round x decimals
round.decimals_0 x decimals = round
round.decimals_3 x decimals = round
round.decimals_neg_3 x decimals = round
deg2rad x
rad2deg x
digamma x
lgamma x
i0 x
logit x eps
nan_to_num x nan posinf neginf
signbit x
isfinite x
isinf x
isnan x
isposinf x
isneginf x
isreal x
logical_not x
bitwise_not x
special.i0e x
special.i1 x
special.i1e x
special.ndtr x
special.ndtri x
special.log_ndtr x
special.entr x
special.erfcx x
special.modified_bessel_i0 x = special.modified_bessel_i0
special.modified_bessel_i1 x = special.modified_bessel_i1
special.modified_bessel_k0 x
special.modified_bessel_k1 x
special.scaled_modified_bessel_k0 x
special.scaled_modified_bessel_k1 x
frexp x
special.spherical_bessel_j0 x
special.xlog1py a b
special.zeta a b
polygamma.polygamma_n_0 x n = polygamma(n x)
polygamma.polygamma_n_1 x n = polygamma(n x)
polygamma.polygamma_n_2 x n = polygamma(n x)
polygamma.polygamma_n_3 x n = polygamma(n x)
polygamma.polygamma_n_4 x n = polygamma(n x)
special.polygamma.special_polygamma_n_0 x n = polygamma(n x)
mvlgamma.mvlgamma_p_1 x p = mvlgamma
mvlgamma.mvlgamma_p_3 x p = mvlgamma
mvlgamma.mvlgamma_p_5 x p = mvlgamma
igamma a b
igammac a b
special.chebyshev_polynomial_t x n
special.chebyshev_polynomial_u x n
special.chebyshev_polynomial_v x n
special.chebyshev_polynomial_w x n
special.shifted_chebyshev_polynomial_t x n
special.shifted_chebyshev_polynomial_u x n
special.shifted_chebyshev_polynomial_v x n
special.shifted_chebyshev_polynomial_w x n
special.hermite_polynomial_h x n
special.hermite_polynomial_he x n
special.laguerre_polynomial_l x n
special.legendre_polynomial_p x n
add a b alpha
sub a b alpha
rsub a b alpha = sub(b a alpha)
mul a b
div.no_rounding_mode a b rounding_mode:! = div
div.trunc_rounding a b rounding_mode = div(a b =rounding_mode)
div.floor_rounding a b rounding_mode = div(a b =rounding_mode)
true_divide a b = div
floor_divide a b
remainder a b
fmod a b
pow a b
float_power a b
maximum a b
minimum a b
max.binary a b = max
min.binary a b = min
fmax a b
fmin a b
atan2 a b
hypot a b
xlogy a b
copysign a b
nextafter a b
heaviside a b
ldexp a b
gcd a b
lcm a b
logaddexp a b
logaddexp2 a b
isclose a b rtol atol equal_nan
allclose a b rtol atol equal_nan
equal a b
eq a b
ne a b
lt a b
le a b
gt a b
ge a b
logical_and a b
logical_or a b
logical_xor a b
bitwise_and a b
bitwise_or a b
bitwise_xor a b
bitwise_left_shift a b
bitwise_right_shift a b
clamp x min max
clamp_min x min
clamp_max x max
lerp a b weight
addcmul x a b value = addcmul(x a b =value)
addcdiv x a b value = addcdiv(x a b =value)
__radd__ a b = add(b a)
__rmul__ a b = mul(b a)
__rsub__ a b = sub(b a)
__rdiv__ a b = div(b a)
__rpow__ a b = pow(b a)
__rmod__ a b = remainder(b a)
__rand__ a b = bitwise_and(b a)
__ror__ a b = bitwise_or(b a)
__rxor__ a b = bitwise_xor(b a)
""",
    "reduce": """
sum x dim:d keepdim dtype
mean x dim:d keepdim dtype
prod x dim:d keepdim dtype
nansum x dim:d keepdim dtype
nanmean x dim:d keepdim dtype
amax x dim:d keepdim
amin x dim:d keepdim
aminmax x dim:d keepdim = aminmax(x =dim =keepdim)
all x dim:d keepdim
any x dim:d keepdim
argmax x dim:d keepdim -> i
argmin x dim:d keepdim -> i
count_nonzero x dim:d
logsumexp x dim:d keepdim
max.reduction_with_dim x dim:d keepdim = max -> v i
max.reduction_no_dim x = max
min.reduction_with_dim x dim:d keepdim = min -> v i
min.reduction_no_dim x = min
median x dim:d keepdim -> v i
nanmedian x dim:d keepdim -> v i
mode x dim:d keepdim -> v i
kthvalue x k dim:d keepdim -> v i
quantile x q dim:d keepdim interpolation
nanquantile x q dim:d keepdim interpolation
cumsum x dim:d dtype:!
cumprod x dim:d dtype:!
cummax x dim:d -> v i
cummin x dim:d -> v i
logcumsumexp x dim:d
sort x dim:d descending stable:- -> v i
argsort x dim:d descending stable:- -> i
msort x
topk x k dim:d largest sorted:! -> v i
norm x p dim:d keepdim dtype:!
norm.fro x p dim:d keepdim dtype:! = norm
norm.inf x p dim:d keepdim dtype:! = norm
linalg.vector_norm x ord dim:d keepdim dtype:!
sum_to_size x size:s
histc x bins min max
bincount x:i weights minlength
diff x n dim:d prepend append
trapz y x dim:d
trapezoid y x dim:d
cumulative_trapezoid y x dim:d
cov x correction fweights aweights
corrcoef x
renorm x p dim:d maxnorm
dist a b p
nn.functional.pdist x p = pdist
gradient x spacing dim:d edge_order = gradient(x =spacing =dim =edge_order)
histogram x bins range weight density = histogram(x bins =range =weight =density)
histogramdd x bins range weight density = histogramdd(x bins =range =weight =density)
norm.nuc x p dim:d keepdim dtype:! = linalg.matrix_norm
""",
    "shape": """
view x shape:s
view_copy x shape:s = view
reshape x shape:s
ravel x
flatten x start_dim:d end_dim:d
unflatten x dim:d sizes:s
squeeze x dim:d
squeeze.multiple x dim:d = squeeze
squeeze_copy x dim:d = squeeze
unsqueeze x dim:d
unsqueeze_copy x dim:d = unsqueeze
transpose x dim0:d dim1:d
transpose_copy x dim0:d dim1:d = transpose
t x
t_copy x = t
T x = t
permute x dims:d
permute_copy x dims:d = permute
movedim x source:d destination:d
expand x shape:s
expand_copy x shape:s = expand
expand_as x other
broadcast_to x shape:s
view_as x other
reshape_as x other
select x dim:d index:i
narrow x dim:d start:i length
narrow_copy x dim:d start:i length = narrow
unfold x dim:d size step
unfold_copy x dim:d size step = unfold
diagonal x offset dim1:d dim2:d
diagonal_copy x offset dim1:d dim2:d = diagonal
linalg.diagonal x offset dim1:d dim2:d
diag x diagonal
diag_embed x offset dim1:d dim2:d
diagflat x offset
block_diag ...
trace x
contiguous x
clone x
alias_copy x = clone
roll x shifts dims:d
flip x dims:d
fliplr x
flipud x
rot90 x k dims:d
tile x dims:s
repeat x repeats:s = repeat_
repeat_interleave x repeats dim:d output_size:-
tril x diagonal
triu x diagonal
cat tensors dim:d
stack tensors dim:d
hstack tensors
vstack tensors
dstack tensors
column_stack tensors
chunk x chunks dim:d
unsafe_chunk x chunks dim:d = chunk
split x size dim:d
split.list_args x size dim:d = split
split_with_sizes x size dim:d = split
split_with_sizes_copy x size dim:d = split
unsafe_split x size dim:d = split
unbind x dim:d
unbind_copy x dim:d = unbind
tensor_split x parts dim:d
hsplit x parts
vsplit x parts
dsplit x parts
select_scatter x src dim:d index:i
diagonal_scatter x src offset dim1:d dim2:d
atleast_1d ...
atleast_2d ...
atleast_3d ...
meshgrid.variadic_tensors ... indexing = meshgrid(... =indexing)
meshgrid.list_of_tensors tensors indexing = meshgrid(tensors =indexing)
broadcast_tensors ...
cartesian_prod ...
combinations x r with_replacement
zeros_like x
ones_like x
full_like x value
fill x value
nn.functional.pad.constant x pad mode value = F.pad
nn.functional.pad.reflect x pad mode value = F.pad
nn.functional.pad.replicate x pad mode value = F.pad
nn.functional.pad.replicate_negative x pad mode value = F.pad
nn.functional.pad.circular x pad mode value = F.pad
constant_pad_nd x pad value
nn.functional.unfold x kernel_size dilation padding stride
nn.functional.pixel_shuffle x upscale_factor
nn.functional.pixel_unshuffle x downscale_factor
nn.functional.channel_shuffle x groups
""",
    "index": """
gather x dim:d index:i sparse_grad:!
index_select x dim:d index:i
index_add x dim:d index:i source alpha
index_copy x dim:d index:i source
index_fill x dim:d index:i value
index_put x items:i values accumulate
index_reduce.mean x dim:d index:i source reduce include_self = index_reduce
index_reduce.prod x dim:d index:i source reduce include_self = index_reduce
index_reduce.amin x dim:d index:i source reduce include_self = index_reduce
index_reduce.amax x dim:d index:i source reduce include_self = index_reduce
take x index:i
put x index:i source accumulate
take_along_dim x index:p dim:d
scatter x dim:d index:i src reduce:!
scatter_add x dim:d index:i src
scatter_reduce.sum x dim:d index:i src reduce include_self = scatter_reduce
scatter_reduce.prod x dim:d index:i src reduce include_self = scatter_reduce
scatter_reduce.mean x dim:d index:i src reduce include_self = scatter_reduce
scatter_reduce.amin x dim:d index:i src reduce include_self = scatter_reduce
scatter_reduce.amax x dim:d index:i src reduce include_self = scatter_reduce
masked_fill x mask value
masked_select x mask
masked_scatter x mask source
where a condition b = where(condition a b)
nonzero x as_tuple:! -> i
argwhere x -> i
nonzero_static x size fill_value -> i
unravel_index index:i shape:s -> i
searchsorted sorted values out_int32:! right side sorter:! -> i
bucketize values boundaries out_int32:! right -> i
isin x test assume_unique:- invert
nn.functional.embedding weight index:i padding_idx:i max_norm:! norm_type:! scale_grad_by_freq:! sparse:! = F.embedding(index weight padding_idx)
nn.functional.one_hot x:i num_classes
""",
    "nn": """
nn.functional.linear x weight bias
nn.functional.bilinear a b weight bias
nn.functional.conv1d x weight bias stride padding dilation groups
nn.functional.conv2d x weight bias stride padding dilation groups
nn.functional.conv3d x weight bias stride padding dilation groups
nn.functional.conv_transpose1d x weight bias stride padding output_padding groups dilation
nn.functional.conv_transpose2d x weight bias stride padding output_padding groups dilation
nn.functional.conv_transpose3d x weight bias stride padding output_padding groups dilation
nn.functional.max_pool1d x kernel_size stride padding dilation ceil_mode return_indices -> v i
nn.functional.max_pool2d x kernel_size stride padding dilation ceil_mode return_indices -> v i
nn.functional.max_pool3d x kernel_size stride padding dilation ceil_mode return_indices -> v i
nn.functional.avg_pool1d x kernel_size stride padding ceil_mode count_include_pad
nn.functional.avg_pool2d x kernel_size stride padding ceil_mode count_include_pad divisor_override
nn.functional.avg_pool3d x kernel_size stride padding ceil_mode count_include_pad divisor_override
nn.functional.adaptive_avg_pool1d x output_size
nn.functional.adaptive_avg_pool2d x output_size
nn.functional.adaptive_max_pool1d x output_size return_indices -> v i
nn.functional.adaptive_max_pool2d x output_size return_indices -> v i
nn.functional.adaptive_avg_pool3d x output_size
nn.functional.adaptive_max_pool3d x output_size return_indices -> v i
nn.functional.max_unpool1d x indices:i kernel_size stride padding output_size
nn.functional.max_unpool2d x indices:i kernel_size stride padding output_size
nn.functional.max_unpool3d x indices:i kernel_size stride padding output_size
nn.functional.grid_sample x grid mode padding_mode align_corners
nn.functional.ctc_loss log_probs targets:i input_lengths target_lengths blank:i reduction zero_infinity
nn.functional.embedding_bag weight ids:i offsets:i max_norm:! norm_type:! scale_grad_by_freq:! mode sparse:! per_sample_weights include_last_offset padding_idx:i = F.embedding_bag(ids weight offsets mode per_sample_weights include_last_offset padding_idx)
nn.functional.interpolate.nearest x size scale_factor mode align_corners recompute_scale_factor:! = F.interpolate
nn.functional.interpolate.linear x size scale_factor mode align_corners recompute_scale_factor:! = F.interpolate
nn.functional.interpolate.bilinear x size scale_factor mode align_corners recompute_scale_factor:! = F.interpolate
nn.functional.relu x inplace:-
nn.functional.relu6 x inplace:-
nn.functional.leaky_relu x negative_slope inplace:-
nn.functional.elu x alpha inplace:-
nn.functional.celu x alpha inplace:-
nn.functional.selu x inplace:-
nn.functional.silu x inplace:-
nn.functional.mish x inplace:-
nn.functional.gelu x approximate
nn.functional.glu x dim:d
nn.functional.prelu x weight
nn.functional.hardtanh x min_val max_val inplace:-
nn.functional.hardsigmoid x inplace:-
nn.functional.hardswish x inplace:-
nn.functional.hardshrink x lambd
nn.functional.softshrink x lambd
nn.functional.tanhshrink x
nn.functional.threshold x threshold value inplace:-
nn.functional.softplus x beta threshold
nn.functional.softsign x
nn.functional.logsigmoid x
softmax x dim:d dtype = F.softmax
softmax.with_dtype x dim:d dtype = F.softmax
log_softmax x dim:d dtype = F.log_softmax
log_softmax.with_dtype x dim:d dtype = F.log_softmax
nn.functional.softmin x dim:d dtype
nn.functional.softmin.with_dtype x dim:d dtype = F.softmin
nn.functional.batch_norm x running_mean running_var weight bias training momentum eps
nn.functional.instance_norm x running_mean running_var weight bias use_input_stats momentum eps
nn.functional.layer_norm x normalized_shape:s weight bias eps
nn.functional.group_norm x num_groups weight bias eps
nn.functional.rms_norm x normalized_shape:s weight eps
nn.functional.local_response_norm x size alpha beta k
nn.functional.normalize x p dim:d eps
nn.functional.cosine_similarity x1 x2 dim:d eps
nn.functional.pairwise_distance x1 x2 p eps keepdim
nn.functional.mse_loss x target size_average:! reduce:! reduction weight:!
nn.functional.l1_loss x target size_average:! reduce:! reduction weight:!
nn.functional.smooth_l1_loss x target size_average:! reduce:! reduction beta
nn.functional.huber_loss x target reduction delta weight:! = F.huber_loss(x target reduction delta)
nn.functional.kl_div x target size_average:! reduce:! reduction log_target
nn.functional.cross_entropy x target:i weight size_average:! ignore_index:i reduce:! reduction label_smoothing
nn.functional.nll_loss x target:i weight size_average:! ignore_index:i reduce:! reduction
nn.functional.binary_cross_entropy x target weight size_average:! reduce:! reduction
nn.functional.binary_cross_entropy_with_logits x target weight size_average:! reduce:! reduction pos_weight = F.binary_cross_entropy_with_logits(x target weight pos_weight reduction)
nn.functional.gaussian_nll_loss x target var full eps reduction
nn.functional.poisson_nll_loss x target log_input full size_average:! eps reduce:! reduction
nn.functional.hinge_embedding_loss x target margin size_average:! reduce:! reduction
nn.functional.margin_ranking_loss x1 x2 target margin size_average:! reduce:! reduction
nn.functional.cosine_embedding_loss x1 x2 target margin size_average:! reduce:! reduction
nn.functional.soft_margin_loss x target size_average:! reduce:! reduction
nn.functional.triplet_margin_loss a p n margin p2 eps swap size_average:! reduce:! reduction
nn.functional.triplet_margin_with_distance_loss a p n distance_function margin swap reduction
nn.functional.multi_margin_loss x target:i p margin weight size_average:! reduce:! reduction
nn.functional.multilabel_margin_loss x target:i size_average:! reduce:! reduction
nn.functional.multilabel_soft_margin_loss x target weight size_average:! reduce:! reduction
nn.functional.linear_cross_entropy x linear_weight target:i linear_bias weight reduction ignore_index:i label_smoothing options:- = F.linear_cross_entropy(x linear_weight target linear_bias weight ignore_index reduction label_smoothing)
nn.functional.scaled_dot_product_attention query key value attn_mask dropout_p is_causal scale enable_gqa:!
""",
    "fft": """
fft.fft x n dim:d norm
fft.ifft x n dim:d norm
fft.rfft x n dim:d norm
fft.irfft x n dim:d norm
fft.hfft x n dim:d norm
fft.ihfft x n dim:d norm
fft.fft2 x s:s dim:d norm
fft.ifft2 x s:s dim:d norm
fft.rfft2 x s:s dim:d norm
fft.irfft2 x s:s dim:d norm
fft.fftn x s:s dim:d norm
fft.ifftn x s:s dim:d norm
fft.rfftn x s:s dim:d norm
fft.irfftn x s:s dim:d norm
fft.hfft2 x s:s dim:d norm
fft.ihfft2 x s:s dim:d norm
fft.hfftn x s:s dim:d norm
fft.ihfftn x s:s dim:d norm
fft.fftshift x dim:d
fft.ifftshift x dim:d
stft x n_fft hop_length win_length window center pad_mode normalized onesided return_complex:-
istft x n_fft hop_length win_length window center normalized onesided length return_complex:!
complex real imag
polar abs angle
real x
imag x
conj x
angle x = carg
""",
    "matrix": """
matmul a b
__rmatmul__ a b = matmul(b a)
mm a b
bmm a b
mv a b
dot a b
vdot a b = dot
inner a b
outer a b
addmm x a b beta alpha out_dtype:! = addmm(x a b =beta =alpha)
addmm.decomposed x a b beta alpha = addmm(x a b =beta =alpha)
addmv x a b beta alpha = addmv(x a b =beta =alpha)
addbmm x a b beta alpha = addbmm(x a b =beta =alpha)
baddbmm x a b beta alpha = baddbmm(x a b =beta =alpha)
addr x a b beta alpha = addr(x a b =beta =alpha)
kron a b
cross a b dim:d
linalg.cross a b dim:d
cdist a b p compute_mode:-
linalg.vecdot a b dim:d
linalg.multi_dot tensors
linalg.vander x N
matrix_exp x
linalg.det x
linalg.slogdet x
linalg.inv x
linalg.pinv x rtol = linalg.pinv(x =rtol)
linalg.cholesky x upper = linalg.cholesky(x =upper)
linalg.inv_ex x check_errors:-
linalg.cholesky_ex x upper check_errors:-
linalg.solve_ex a b left check_errors:- = linalg.solve_ex(a b =left)
cholesky_inverse x:x upper = cholesky_inverse(x =upper)
cholesky_solve b l:x upper = cholesky_solve(b l =upper)
linalg.eigh x UPLO = linalg.eigh(x =UPLO) -> v -
linalg.qr x mode
linalg.svd x full_matrices = linalg.svd(x =full_matrices) -> - v -
geqrf x
triangular_solve b a upper transpose unitriangular -> v -
linalg.ldl_factor x hermitian:-
linalg.ldl_factor_ex x hermitian:- check_errors:-
linalg.matrix_sqrth x
linalg.lstsq a b rcond:- driver:- -> v - - -
pinverse x rcond
linalg.solve a b left = linalg.solve(a b =left)
linalg.householder_product a tau
ormqr a tau b left transpose
linalg.solve_triangular a b upper left unitriangular = linalg.solve_triangular(a b =upper =left =unitriangular)
linalg.matrix_power x n
linalg.matrix_norm x ord dim:d keepdim dtype:!
linalg.norm x ord dim:d keepdim dtype:!
linalg.norm.subgradients_at_zero x ord dim:d keepdim dtype:! = linalg.norm
linalg.matrix_rank x atol rtol hermitian = linalg.matrix_rank(x =atol =rtol =hermitian)
linalg.cond x p
linalg.eigvalsh x UPLO
linalg.svdvals x
linalg.tensorinv x ind
linalg.tensorsolve a b dims:d
logdet x
linalg.pinv.hermitian x hermitian = linalg.pinv(x =hermitian)
linalg.matrix_rank.hermitian x hermitian = linalg.matrix_rank(x =hermitian)
""",
}

def extreme(sample):
    """At poles, at infinity and far out: there PyTorch's special functions give nan, or digits that are not right."""
    for t in (sample.input, *sample.args):
        if isinstance(t, torch.Tensor) and t.numel():
            near_pole = (t <= 0) & (t == t.round())
            if bool((near_pole | (t.abs() > 100) | t.isnan()).any()):
                return True
    return False


def far(sample):
    """Infinities, and degrees and arguments at which PyTorch's recurrences overflow to nan or its degrees to 0."""
    return any(isinstance(t, torch.Tensor) and t.numel() and bool((t.abs() > 100).any() or t.isnan().any())
               for t in (sample.input, *sample.args))


# Samples that Apsis refuses on purpose: op -> (which, why). bessel_j0 to y1 and airy_ai are not here at all: PyTorch's
# own are off by up to 1e-8 (tests/special_test.lua holds Apsis's against 50 digits).
REFUSED = {
    "logit": (lambda sample: (sample.kwargs.get("eps") or sample.args and sample.args[0] or 0) > 0.5,
              "limits that cross"),
    "nextafter": (lambda sample: bool((sample.input == sample.args[0]).any()), "its gradient at equal numbers"),
    "diff": (lambda sample: sample.kwargs.get("n") == 0 or 0 in sample.args[:1], "no difference of a longer tensor"),
    "aminmax": (lambda sample: sample.input.numel() == 0, "nothing to compare"),
    "index_reduce.mean": (lambda sample: sample.input.ndim == 0, "positions in a 0-dim tensor"),
    "index_reduce.prod": (lambda sample: sample.input.ndim == 0, "positions in a 0-dim tensor"),
    "index_reduce.amin": (lambda sample: sample.input.ndim == 0, "positions in a 0-dim tensor"),
    "index_reduce.amax": (lambda sample: sample.input.ndim == 0, "positions in a 0-dim tensor"),
    "complex": (lambda sample: sample.input.shape != sample.args[0].shape, "parts that broadcast"),
    "polar": (lambda sample: sample.input.shape != sample.args[0].shape or bool((sample.input < 0).any()),
              "parts that broadcast; absolute values below 0"),
    **{op: (lambda sample: extreme(sample), "PyTorch's own formula loses digits there")
       for op in ("i0", "special.i1", "special.i0e", "special.i1e", "digamma", "special.log_ndtr", "special.zeta",
                  *(f"polygamma.polygamma_n_{n}" for n in range(5)), "special.polygamma.special_polygamma_n_0")},
    **{"special." + op: (far, "overflows in PyTorch")
       for op in ("modified_bessel_i0", "modified_bessel_i1", "hermite_polynomial_h", "hermite_polynomial_he",
                  "laguerre_polynomial_l", "legendre_polynomial_p",
                  *(kind + "chebyshev_polynomial_" + letter for kind in ("", "shifted_") for letter in "tuvw"))},
    "unravel_index": (lambda sample: any(n > 2 ** 62 for n in [*(sample.kwargs.get("shape") or sample.args[0])]),
                      "positions from 1 that no integer holds"),
    "nn.functional.batch_norm": (lambda sample: sample.input.ndim < 2, "a batch without channels"),
}

CUSTOM = {}


class Dim(int):
    """A dimension, converted when written."""


class Pos:
    """A position or a tensor of them, converted when written."""

    def __init__(self, value):
        self.value = value


class Named(dict):
    """A last table of arguments by name."""


def custom(family, *names, apsis):
    def add(f):
        for name in names:
            CUSTOM[name] = (family, apsis, f)
        return f
    return add


def moments(sample, at=0):
    """std, var and their pairs: PyTorch's unbiased, Apsis's correction."""
    given = dict(sample.kwargs)
    args = list(sample.args)
    if args and isinstance(args[0], bool):
        given["unbiased"] = args.pop(0)
    for name, value in zip(("dim", "unbiased", "keepdim"), args):
        given[name] = value
    correction = given.get("correction")
    if given.get("unbiased") is not None:
        correction = 1 if given["unbiased"] else 0
    dim = given.get("dim")
    if dim is not None:
        dim = [Dim(d) for d in dim] if isinstance(dim, (tuple, list)) else Dim(dim)
    return [sample.input, dim, correction, given.get("keepdim")], None


for name in ("std", "var", "std_mean", "var_mean"):
    custom("reduce", name, name + ".unbiased", apsis=name)(moments)


@custom("reduce", "unique", apsis="unique")
def unique(sample):
    given = sample.kwargs
    dim = given.get("dim")
    flags = [True, given.get("return_inverse", False), given.get("return_counts", False)]
    outputs = [kind for kind, wanted in zip("viv", flags) if wanted]
    return [sample.input, True, flags[1], flags[2], None if dim is None else Dim(dim)], outputs


@custom("reduce", "unique_consecutive", apsis="unique_consecutive")
def unique_consecutive(sample):
    arguments, outputs = unique(sample)
    del arguments[1]
    return arguments, outputs


@custom("matrix", "tensordot", apsis="tensordot")
def tensordot(sample):
    dims = sample.kwargs.get("dims", 2)
    if not isinstance(dims, int):
        dims = [[Dim(d) for d in each] for each in dims]
    return [sample.input, sample.args[0], dims], None


def pivoted(outputs):
    """Apsis has no LU without pivoting."""
    def f(sample):
        return (None, None) if not sample.kwargs.get("pivot", True) else ([sample.input], outputs)
    return f


custom("matrix", "linalg.lu", apsis="linalg.lu")(pivoted(["v", "v", "v"]))
custom("matrix", "linalg.lu_factor", apsis="linalg.lu_factor")(pivoted(["v", "-"]))
custom("matrix", "linalg.lu_factor_ex", apsis="linalg.lu_factor_ex")(pivoted(["v", "-", "v"]))


@custom("matrix", "einsum", apsis="einsum")
def einsum(sample):
    return [sample.args[0], *sample.input], None


@custom("shape", "linspace", apsis="linspace")
def linspace(sample):
    if isinstance(sample.input, complex) or sample.kwargs.get("dtype", torch.float64) != torch.float64:
        return None, None
    return [sample.input, *sample.args, Named(dtype="f64")], None


@custom("shape", "logspace", apsis="logspace")
def logspace(sample):
    return linspace(sample)


@custom("shape", "tril_indices", apsis="tril_indices")
def tril_indices(sample):
    return [sample.input, *sample.args], ["i"]


custom("shape", "triu_indices", apsis="triu_indices")(tril_indices)


@custom("shape", "slice_scatter", apsis="slice_scatter")
def slice_scatter(sample):
    """Positions from 1, the end included."""
    dim, start, end, step = [*sample.args[1:], *(None,) * 4][:4]
    start, size = start or 0, sample.input.shape[dim or 0]
    if start < 0:
        start += size
    return [sample.input, sample.args[0], Dim(dim or 0), start + 1, size if end is None else min(end, size), step], None


@custom("shape", "eye", apsis="eye")
def eye(sample):
    return [sample.input, *sample.args, Named(dtype="f64")], None


@custom("shape", "as_strided", "as_strided_copy", apsis="as_strided")
def as_strided(sample):
    size, stride, *offset = [*sample.args, *(sample.kwargs.get(k) for k in ("size", "stride") if k in sample.kwargs)]
    offset = offset[0] if offset else sample.kwargs.get("storage_offset", 0)
    return [sample.input, size, stride, Pos(offset)], None


@custom("index", "__getitem__", apsis="getitem")
def getitem(sample):
    """Integers and ranges; keys with tensors go through `index`."""
    key = sample.args[0]
    if isinstance(key, slice) or isinstance(key, int):
        key = (key,)
    if not isinstance(key, tuple) or not all(isinstance(item, (slice, int)) for item in key):
        return None, None
    items = []
    for item in key:
        if isinstance(item, int):
            items.append(Pos(item))
        elif item == slice(None):
            items.append([])
        else:
            items.append([item.start + 1, item.stop] if item.step is None else [item.start + 1, item.stop, item.step])
    return [sample.input, *items], None


def parse():
    """{torch op: (family, apsis name, parameters [(name, kind)], order [names], outputs or None)}"""
    table = {}
    for family, text in FAMILIES.items():
        for line in text.strip().splitlines():
            left, _, outputs = line.partition("->")
            left, _, right = left.partition(" = ")
            op, *parameters = left.split()
            parameters = [tuple(p.split(":")) if ":" in p else (p, "") for p in parameters]
            name, _, order = right.strip().partition("(")
            if not name:
                name = op.rsplit(".", 1)[-1]
                module = op.partition(".")[0]
                name = {"nn": "F.", "linalg": "linalg.", "fft": "fft."}.get(module, "") + name
            order = order.rstrip(")").split() or [p for p, kind in parameters if kind not in ("-", "!")]
            assert op not in table, op
            table[op] = (family, name, parameters, order, outputs.split() or None)
    return table
