/* Bindings of random numbers and of the generator behind them. */
#include "ops/random.h"
#include "bind/creation.h"
#include "ops/ops.h"

/* --- tensors from nothing
 * -------------------------------------------------------------------------------------- */

typedef bool Fill(Ctx *c, Tensor *t, double a, double b, const char *op);

static int create(lua_State *L, Fill *fill) {
    int64_t size[MAX_DIMS];
    CreationOptions o = take_options(L, 1, default_dtype(L), default_device(L));
    int ndim = check_shape(L, 1, size);
    Tensor *t = new_tensor(L);
    return finish_creation(L, t, o, new_here(L, t, o, ndim, size) && fill(ctx(L), t, 0, 1, op_name(L)));
}

static int create_like(lua_State *L, Fill *fill) {
    const Tensor *x = check_tensor(L, 1);
    CreationOptions o = take_options(L, 2, (DType)x->dtype, x->device);
    Tensor *t = new_tensor(L);
    return finish_creation(L, t, o, new_here(L, t, o, x->ndim, x->size) && fill(ctx(L), t, 0, 1, op_name(L)));
}

static int l_rand(lua_State *L) {
    return create(L, op_uniform_);
}
static int l_randn(lua_State *L) {
    return create(L, op_normal_);
}
static int l_rand_like(lua_State *L) {
    return create_like(L, op_uniform_);
}
static int l_randn_like(lua_State *L) {
    return create_like(L, op_normal_);
}

/* The range at `arg`: low, high, or high alone for 1..high. Returns the position after it. */
static int check_range(lua_State *L, int arg, int64_t *low, int64_t *high) {
    bool both = lua_type(L, arg + 1) == LUA_TNUMBER;
    *low = both ? check_int(L, arg) : 1;
    *high = check_int(L, both ? arg + 1 : arg);
    return both ? arg + 2 : arg + 1;
}

/* randint(low, high, {sizes}), randint(high, {sizes}): both ends included, as math.random */
static int l_randint(lua_State *L) {
    int64_t low, high, size[MAX_DIMS];
    CreationOptions o = take_options(L, 3, I64, default_device(L));
    int at = check_range(L, 1, &low, &high);
    if (!lua_istable(L, at)) bad_argument(L, at, "a shape as a table");
    int ndim = check_shape(L, at, size);
    Tensor *t = new_tensor(L);
    return finish_creation(L, t, o,
                           new_here(L, t, o, ndim, size) && op_randint_(ctx(L), t, low, high, op_name(L)));
}

static int l_randint_like(lua_State *L) {
    int64_t low, high;
    const Tensor *x = check_tensor(L, 1);
    CreationOptions o = take_options(L, 3, (DType)x->dtype, x->device);
    check_range(L, 2, &low, &high);
    Tensor *t = new_tensor(L);
    return finish_creation(
        L, t, o, new_here(L, t, o, x->ndim, x->size) && op_randint_(ctx(L), t, low, high, op_name(L)));
}

static int l_randperm(lua_State *L) {
    CreationOptions o = take_options(L, 2, I64, default_device(L));
    int64_t n = check_int(L, 1);
    Tensor *t = new_tensor(L), order;
    if (o.device == CPU) return finish_creation(L, t, o, op_randperm(ctx(L), t, n, o.dtype));
    if (!op_randperm(ctx(L), &order, n, o.dtype)) return raise_error(L);
    bool ok = op_to(ctx(L), t, &order, o.device, o.dtype);
    tensor_release(&order);
    return finish_creation(L, t, o, ok);
}

/* permutation(n, seed, stream): randperm as a pure function of its arguments; the generator stays where it
 * is. The upper half of the counters is its own: no draw under the same seed gets there. */
static int l_permutation(lua_State *L) {
    int64_t n = check_int(L, 1);
    const Rng own = {.seed = (uint64_t)check_int(L, 2),
                     .offset = UINT64_C(1) << 63 | (uint64_t)opt_int(L, 3, 0) << 36};
    Tensor *t = new_tensor(L);
    Ctx *c = ctx(L);
    Rng saved = c->rng;
    c->rng = own;
    bool ok = op_randperm(c, t, n, I64);
    c->rng = saved;
    return result(L, ok);
}

/* --- in place
 * ---------------------------------------------------------------------------------------------------- */

static int in_place(lua_State *L, bool ok) {
    if (!ok) return raise_error(L);
    lua_pushvalue(L, 1);
    return 1;
}

static int l_uniform_(lua_State *L) {
    options(L, 2, "from", "to", NULL);
    Tensor *t = check_tensor(L, 1);
    return in_place(L, op_uniform_(ctx(L), t, opt_number(L, 2, 0), opt_number(L, 3, 1), op_name(L)));
}

static int l_normal_(lua_State *L) {
    options(L, 2, "mean", "std", NULL);
    Tensor *t = check_tensor(L, 1);
    return in_place(L, op_normal_(ctx(L), t, opt_number(L, 2, 0), opt_number(L, 3, 1), op_name(L)));
}

static int l_exponential_(lua_State *L) {
    Tensor *t = check_tensor(L, 1);
    return in_place(L, op_exponential_(ctx(L), t, opt_number(L, 2, 1)));
}

static int l_random_(lua_State *L) {
    int64_t low, high;
    Tensor *t = check_tensor(L, 1);
    check_range(L, 2, &low, &high);
    return in_place(L, op_randint_(ctx(L), t, low, high, op_name(L)));
}

/* bernoulli_(x, p): p a number (default 0.5) or a tensor of probabilities */
static int l_bernoulli_(lua_State *L) {
    Tensor *t = check_tensor(L, 1);
    const Tensor *p = to_tensor(L, 2);
    if (p) return in_place(L, op_bernoulli_each_(ctx(L), t, check_tensor(L, 2)));
    return in_place(L, op_bernoulli_(ctx(L), t, opt_number(L, 2, 0.5)));
}

/* bernoulli(p): 1 with the probability that stands in p */
static int l_bernoulli(lua_State *L) {
    const Tensor *p = check_tensor(L, 1);
    Tensor *t = new_tensor(L);
    if (!tensor_new_like(ctx(L), t, (DType)p->dtype, p)) return raise_error(L);
    return result(L, op_bernoulli_each_(ctx(L), t, p));
}

/* dropout_at(x, p, seed, offset): what stdlib/ops/random.lua calls dropout with a place in the generator's
 * sequence */
static int l_dropout_at(lua_State *L) {
    const Tensor *x = check_tensor(L, 1);
    double p = check_number(L, 2);
    uint64_t seed = (uint64_t)check_int(L, 3), offset = (uint64_t)check_int(L, 4);
    return result(L, op_dropout(ctx(L), new_tensor(L), x, p, seed, offset));
}

/* draw_each(which, a, b): "gamma", "poisson" or "binomial" numbers with parameters for each element */
static int l_draw_each(lua_State *L) {
    static const char *const which[] = {"gamma", "poisson", "binomial", NULL};
    int distribution = luaL_checkoption(L, 1, NULL, which);
    const Tensor *a = check_tensor(L, 2), *b = opt_tensor(L, 3);
    return result(L, op_draw_each(ctx(L), new_tensor(L), (DrawEach)distribution, a, b));
}

/* --- the generator
 * ----------------------------------------------------------------------------------------------- */

static int l_manual_seed(lua_State *L) {
    ctx(L)->rng = (Rng){.seed = (uint64_t)check_int(L, 1)};
    return 0;
}

static int l_initial_seed(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)ctx(L)->rng.seed);
    return 1;
}

/* get_rng_state() -> {seed, blocks used} */
static int l_get_rng_state(lua_State *L) {
    lua_createtable(L, 2, 0);
    lua_pushinteger(L, (lua_Integer)ctx(L)->rng.seed);
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, (lua_Integer)ctx(L)->rng.offset);
    lua_rawseti(L, -2, 2);
    return 1;
}

static int l_set_rng_state(lua_State *L) {
    int64_t state[2];
    if (!lua_istable(L, 1)) bad_argument(L, 1, "a state from get_rng_state");
    check_ints(L, 1, 2, state, 0);
    ctx(L)->rng = (Rng){.seed = (uint64_t)state[0], .offset = (uint64_t)state[1]};
    return 0;
}

/* take_random(n) -> seed, offset: takes the blocks of a draw of n elements */
static int l_take_random(lua_State *L) {
    int64_t n = check_int(L, 1);
    uint64_t offset = rng_take(&ctx(L)->rng, random_blocks(n));
    lua_pushinteger(L, (lua_Integer)ctx(L)->rng.seed);
    lua_pushinteger(L, (lua_Integer)offset);
    return 2;
}

void open_random(lua_State *L) {
    static const OpReg ops[] = {{"uniform_", l_uniform_, 3 | NAMED}, {"normal_", l_normal_, 3 | NAMED},
                                {"exponential_", l_exponential_, 2}, {"random_", l_random_, 3},
                                {"bernoulli_", l_bernoulli_, 2},     {"bernoulli", l_bernoulli, 1},
                                {"dropout_at", l_dropout_at, 4},     {0}};
    static const OpReg creators[] = {
        {"rand", l_rand, LIST_FROM(1) | NAMED}, {"randn", l_randn, LIST_FROM(1) | NAMED},
        {"rand_like", l_rand_like, 1 | NAMED},  {"randn_like", l_randn_like, 1 | NAMED},
        {"randint", l_randint, 3 | NAMED},      {"randint_like", l_randint_like, 3 | NAMED},
        {"randperm", l_randperm, 1 | NAMED},    {0}};
    register_creators(L, creators);
    static const OpReg functions[] = {
        {"permutation", l_permutation, 3},     {"draw_each", l_draw_each, 3},
        {"manual_seed", l_manual_seed, 1},     {"initial_seed", l_initial_seed, 0},
        {"get_rng_state", l_get_rng_state, 0}, {"set_rng_state", l_set_rng_state, 1},
        {"take_random", l_take_random, 1},     {0}};
    register_ops(L, ops);
    register_functions(L, functions);
}
