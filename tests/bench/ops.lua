--- The ops of tests/bench/run ops and linalg on our side. Reads lines "NAME SIZE" and answers each with the seconds of
--- one call; with the arguments "list GROUP" it prints what there is. ops.py does the same on PyTorch.
local ap = require "apsis"

local SECONDS_A_RUN, RUNS, MOST_SECONDS = 0.004, 5, 0.1
local clock = os.getenv "BENCH_CLOCK" == "cpu" and os.clock or ap.clock
local SIDES = {[100] = {10, 10}, [10000] = {100, 100}, [10000000] = {2500, 4000}}
local SIZES = {"100", "10000", "10000000"}
-- n x n matrices; 100x8 is a batch of 100 such of 8 x 8.
local MATRIX_SIZES = {"4", "16", "64", "256", "512", "1000x4", "100x8", "100x16", "20x64"}

-- A matrix of n elements, other ones beside it, positions in its rows and along its first dimension.
local function operands(size)
  local n = math.tointeger(size)
  local rows, columns = table.unpack(SIDES[n])
  return {
    x = ap.randn(rows, columns), y = ap.randn(rows, columns), row = ap.randn(columns), flat = ap.randn(n),
    column = ap.randn(rows, 1), index = ap.randint(1, columns, {rows, columns}), rows = ap.randint(1, rows, {rows}),
    weight = ap.randn(1000, columns), ids = ap.randint(1, 1000, {rows}), positive = ap.rand(rows, columns) + 0.5,
    whole = ap.randint(1, 1000, {n}), ones = ap.ones(columns), mask = ap.randn(rows, columns):gt(0),
    wide = ap.randn(rows, 2 * columns), edges = ap.linspace(-2, 2, 64), cube = ap.randn(n // 10, 5, 2),
  }
end

-- Matrices, and those that are symmetric, positive definite, and tall.
local function matrices(size)
  local batch, n = size:match "^(%d+)x(%d+)$"
  local shape = batch and {math.tointeger(batch)} or {}
  n = math.tointeger(n or size)
  local function randn(rows, columns)
    local full = {table.unpack(shape)}
    table.move({rows, columns}, 1, 2, #full + 1, full)
    return ap.randn(full)
  end
  local a = randn(n, n)
  return {
    a = a, b = randn(n, 4), tall = randn(2 * n, n), sides = randn(2 * n, 4), symmetric = a + a:transpose(-2, -1),
    positive = a:matmul(a:transpose(-2, -1)) + n * ap.eye(n),
  }
end

-- In the order of ops.py, under the same names.
local OPS = {
  {"sum", function(o) return o.x:sum() end},
  {"sum_rows", function(o) return o.x:sum(2) end},
  {"sum_columns", function(o) return o.x:sum(1) end},
  {"sum_transposed", function(o) return o.x:t():sum(1) end},
  {"sum_strided", function(o) return o.wide:as_strided(o.x:size(), {2 * o.x:size(2), 2}):sum() end},
  {"sum_middle", function(o) return o.cube:sum(2) end},
  {"mean_rows", function(o) return o.x:mean(2) end},
  {"prod", function(o) return o.positive:prod() end},
  {"amax", function(o) return o.x:amax() end},
  {"amax_rows", function(o) return o.x:amax(2) end},
  {"max_rows", function(o) return o.x:max(2) end},
  {"max_columns", function(o) return o.x:max(1) end},
  {"argmax", function(o) return o.x:argmax() end},
  {"aminmax", function(o) return o.x:aminmax() end},
  {"any", function(o) return o.mask:any() end},
  {"all_rows", function(o) return o.mask:all(2) end},
  {"count_nonzero", function(o) return o.x:count_nonzero() end},
  {"var", function(o) return o.x:var() end},
  {"var_rows", function(o) return o.x:var(2) end},
  {"std_columns", function(o) return o.x:std(1) end},
  {"norm", function(o) return o.x:norm() end},
  {"norm_rows", function(o) return o.x:norm(2, 2) end},
  {"logsumexp_rows", function(o) return o.x:logsumexp(2) end},
  {"logsumexp_columns", function(o) return o.x:logsumexp(1) end},
  {"nansum", function(o) return o.x:nansum() end},
  {"cumsum", function(o) return o.flat:cumsum(1) end},
  {"cumsum_rows", function(o) return o.x:cumsum(2) end},
  {"cumsum_columns", function(o) return o.x:cumsum(1) end},
  {"cumprod_rows", function(o) return o.x:cumprod(2) end},
  {"cummax_rows", function(o) return o.x:cummax(2) end},
  {"cummax_columns", function(o) return o.x:cummax(1) end},
  {"logcumsumexp_rows", function(o) return o.x:logcumsumexp(2) end},
  {"sort", function(o) return o.flat:sort() end},
  {"sort_rows", function(o) return o.x:sort(2) end},
  {"sort_columns", function(o) return o.x:sort(1) end},
  {"argsort_rows", function(o) return o.x:argsort(2) end},
  {"topk", function(o) return o.flat:topk(10) end},
  {"topk_rows", function(o) return o.x:topk(5, 2) end},
  {"kthvalue_rows", function(o) return o.x:kthvalue(5, 2) end},
  {"median", function(o) return o.flat:median() end},
  {"median_rows", function(o) return o.x:median(2) end},
  {"mode_rows", function(o) return o.index:mode(2) end},
  {"quantile_rows", function(o) return o.x:quantile(0.3, 2) end},
  {"histc", function(o) return o.flat:histc(64, -2, 2) end},
  {"bincount", function(o) return o.whole:bincount() end},
  {"unique", function(o) return o.whole:unique() end},
  {"searchsorted", function(o) return ap.searchsorted(o.edges, o.flat) end},
  {"diff_rows", function(o) return o.x:diff() end},
  {"softmax", function(o) return o.x:softmax(2) end},
  {"softmax_columns", function(o) return o.x:softmax(1) end},
  {"log_softmax", function(o) return o.x:log_softmax(2) end},
  {"layer_norm", function(o) return ap.layer_norm(o.x, o.x:size(2), o.ones, o.row) end},
  {"cat", function(o) return ap.cat {o.x, o.y} end},
  {"cat_columns", function(o) return ap.cat({o.x, o.y}, 2) end},
  {"stack", function(o) return ap.stack({o.x, o.y}, 3) end},
  {"clone", function(o) return o.x:clone() end},
  {"transposed_copy", function(o) return o.x:t():contiguous() end},
  {"strided_copy", function(o) return o.wide:as_strided(o.x:size(), {2 * o.x:size(2), 2}):contiguous() end},
  {"expand_copy", function(o) return o.row:expand(o.x:size()):contiguous() end},
  {"add", function(o) return o.x + o.y end},
  {"add_transposed", function(o) return o.x:t() + o.y:t() end},
  {"add_mixed", function(o) return o.x:view(o.x:size(2), o.x:size(1)) + o.y:t() end},
  {"add_row", function(o) return o.x + o.row end},
  {"add_column", function(o) return o.x + o.column end},
  {"exp", function(o) return o.x:exp() end},
  {"exp_transposed", function(o) return o.x:t():exp() end},
  {"where", function(o) return ap.where(o.mask, o.x, o.y) end},
  {"masked_fill", function(o) return o.x:masked_fill(o.mask, 0) end},
  {"masked_select", function(o) return o.x:masked_select(o.mask) end},
  {"nonzero", function(o) return o.mask:nonzero() end},
  {"gather", function(o) return o.x:gather(2, o.index) end},
  {"scatter", function(o) return o.x:scatter(2, o.index, o.y) end},
  {"scatter_add", function(o) return o.x:scatter_add(2, o.index, o.y) end},
  {"index_select", function(o) return o.x:index_select(1, o.rows) end},
  {"index_add", function(o) return o.x:index_add(1, o.rows, o.y) end},
  {"index", function(o) return o.x[o.rows] end},
  {"embedding", function(o) return ap.embedding(o.ids, o.weight) end},
  {"flip", function(o) return o.x:flip(2) end},
  {"flip_rows", function(o) return o.x:flip(1) end},
  {"roll", function(o) return o.x:roll(3, 2) end},
  {"roll_flat", function(o) return o.flat:roll(3, 1) end},
  {"tril", function(o) return o.x:tril() end},
  {"repeat", function(o) return o.row:tile(o.x:size(1), 1) end},
  {"lgamma", function(o) return o.positive:lgamma() end},
  {"digamma", function(o) return o.positive:digamma() end},
}
local LINALG = {
  {"eigh", function(o) return ap.linalg.eigh(o.symmetric) end},
  {"eigvalsh", function(o) return ap.linalg.eigvalsh(o.symmetric) end},
  {"cholesky", function(o) return ap.linalg.cholesky(o.positive) end},
  {"inv", function(o) return ap.linalg.inv(o.a) end},
  {"det", function(o) return ap.linalg.det(o.a) end},
  {"slogdet", function(o) return ap.linalg.slogdet(o.a) end},
  {"solve", function(o) return ap.linalg.solve(o.a, o.b) end},
  {"lu_factor", function(o) return ap.linalg.lu_factor(o.a) end},
  {"qr", function(o) return ap.linalg.qr(o.a) end},
  {"svd", function(o) return ap.linalg.svd(o.a) end},
  {"svdvals", function(o) return ap.linalg.svdvals(o.a) end},
  {"eig", function(o) return ap.linalg.eig(o.a) end},
  {"lstsq", function(o) return ap.linalg.lstsq(o.tall, o.sides) end},
  {"solve_triangular", function(o) return ap.linalg.solve_triangular(o.positive, o.b, {upper = false}) end},
}
local GROUPS = {ops = {OPS, SIZES, operands}, linalg = {LINALG, MATRIX_SIZES, matrices}}

-- The least of several runs: what else the machine does only adds to a time.
local function measure(f, o)
  local n, spent, best, runs, total = 1, 0, math.huge, 0, 0
  while spent < SECONDS_A_RUN / 4 do
    local start = clock()
    for _ = 1, n do f(o) end
    spent = clock() - start
    n = n * 4
  end
  n = math.max(1, math.ceil(n / 4 * SECONDS_A_RUN / spent))
  while runs < RUNS and (runs < 2 or total < MOST_SECONDS) do
    local start = clock()
    for _ = 1, n do f(o) end
    spent = clock() - start
    runs, total, best = runs + 1, total + spent, math.min(best, spent / n)
  end
  return best
end

if arg[1] == "list" then
  local ops, sizes = table.unpack(GROUPS[arg[2]])
  for _, op in ipairs(ops) do
    for _, size in ipairs(sizes) do print(op[1], size) end
  end
  return
end
local by_name, made = {}, {}
for _, group in pairs(GROUPS) do
  for _, op in ipairs(group[1]) do by_name[op[1]] = {op[2], group[3]} end
end
for line in io.lines() do
  local name, size = line:match "(%S+)%s+(%S+)"
  local f, make = table.unpack(by_name[name])
  made[make] = made[make] or {}
  made[make][size] = made[make][size] or make(size)
  print(("%.6g"):format(measure(f, made[make][size])))
  io.stdout:flush()
end
