/* The tape: how a call of an op is recorded, and the nodes that stdlib/autograd.lua walks.
 *
 * A node is a userdata. Its C part describes the call; its user values hold the arguments that the gradient
 * rules read, the edges (where gradients flow on to: the node of an input, or the input itself if it is a
 * leaf), and the output where a rule reads it. Tensors that no rule reads are kept as shapes only. */
#include "bind/state.h"
#include <stdlib.h>
#include <string.h>

/* One differentiable input: tensor argument `arg`, or item `item` (from 1) of the list at `arg`. */
typedef struct Edge {
    uint8_t arg, slot; /* slot: which output of the input's node it is */
    uint8_t dtype, ndim;
    uint16_t item;
    Device device;
    int64_t size[MAX_DIMS];
} Edge;

typedef struct ArgInfo {
    enum { VALUE, KEPT_TENSOR, SHAPE_ONLY } kind;
    uint32_t version;
    uint16_t reshaped;
    Edge shape; /* of a SHAPE_ONLY tensor: dtype, device, ndim, size */
} ArgInfo;

typedef struct Node {
    const OpState *op; /* lives as long as the state */
    uint64_t sequence, visit;
    uint8_t args, edges;
    uint8_t outputs;
    bool keeps; /* holds tensors that backward frees */
    bool keeps_output;
    bool released;
    bool custom;             /* its rule is a user value of its own */
    uint32_t output_version; /* of several outputs: the sum; no summand ever falls */
    uint32_t output_reshaped;
    ArgInfo *info; /* args of them, then edges: inside this block */
    Edge *edge;
} Node;

enum { MAX_ARGS = 24, MAX_EDGES = 255 };

static Node *to_node(lua_State *L, int index) {
    void *p = lua_touserdata(L, index);
    if (!p || !lua_getmetatable(L, index)) return NULL;
    bool same = lua_topointer(L, -1) == bind_state(L)->node_meta_pointer;
    lua_pop(L, 1);
    return same ? p : NULL;
}

static Node *check_node(lua_State *L, int index) {
    Node *n = to_node(L, index);
    if (!n) bad_argument(L, index, "a node of the tape");
    return n;
}

/* Where the user values lie: arguments, edges, the output, the rule of a custom node. */
static inline int value_of_edge(const Node *n, int e) {
    return n->args + 1 + e;
}
static inline int value_of_output(const Node *n) {
    return n->args + n->edges + 1;
}
static inline int value_of_custom(const Node *n) {
    return n->args + n->edges + 2;
}

/* --- recording
 * ------------------------------------------------------------------------------------------------------ */

/* A table whose first item is a tensor: cat and stack take such lists. */
static bool is_tensor_list(lua_State *L, int arg) {
    if (lua_type(L, arg) != LUA_TTABLE) return false;
    bool is = lua_rawgeti(L, arg, 1) == LUA_TUSERDATA && to_tensor(L, -1);
    lua_pop(L, 1);
    return is;
}

static void fill_edge(Edge *e, int arg, int item, const Tensor *t) {
    e->arg = (uint8_t)arg;
    e->item = (uint16_t)item;
    e->slot = t->out_slot;
    e->dtype = t->dtype;
    e->device = t->device;
    e->ndim = (uint8_t)t->ndim;
    memcpy(e->size, t->size, sizeof *t->size * (size_t)t->ndim);
}

/* Pushes what gradients of the tensor at `index` flow to. */
static void push_target(lua_State *L, int index, const Tensor *t) {
    if (t->has_node)
        lua_getiuservalue(L, index, TENSOR_NODE);
    else
        lua_pushvalue(L, index);
}

/* Does argument `arg` of this op have a gradient rule? */
static inline bool has_rule(const OpState *op, int arg) {
    return op->joint || (arg <= op->rules && op->has_rule >> arg & 1);
}

/* Counts the edges of a call: inputs that want a gradient and whose argument has a rule. */
static int count_edges(lua_State *L, const OpState *op, int args) {
    int edges = 0;
    for (int i = 1; i <= args; i++) {
        if (!has_rule(op, i)) continue;
        const Tensor *t = to_tensor(L, i);
        if (t) {
            edges += t->requires_grad;
        } else if (is_tensor_list(L, i)) {
            for (lua_Integer k = 1, n = (lua_Integer)lua_rawlen(L, i); k <= n; k++) {
                lua_rawgeti(L, i, k);
                t = to_tensor(L, -1);
                edges += t && t->requires_grad;
                lua_pop(L, 1);
            }
        }
    }
    return edges;
}

static Node *new_node(lua_State *L, const OpState *op, int args, int edges) {
    BindState *b = bind_state(L);
    size_t bytes = sizeof(Node) + (size_t)args * sizeof(ArgInfo) + (size_t)edges * sizeof(Edge);
    Node *n = lua_newuserdatauv(L, bytes, args + edges + 2);
    *n = (Node){.op = op, .args = (uint8_t)args, .edges = (uint8_t)edges};
    n->sequence = ++b->sequence;
    n->info = (ArgInfo *)(n + 1);
    n->edge = (Edge *)(n->info + args);
    lua_rawgeti(L, LUA_REGISTRYINDEX, b->node_meta);
    lua_setmetatable(L, -2);
    return n;
}

/* Adds an edge to the tensor at stack index `index`, and what its rule reads to `keep`. */
static void add_edge(lua_State *L, Node *n, int node, int *e, int arg, int item, int index) {
    const Tensor *t = to_tensor(L, index);
    if (!t || !t->requires_grad) return;
    fill_edge(&n->edge[*e], arg, item, t);
    push_target(L, index, t);
    lua_setiuservalue(L, node, value_of_edge(n, (*e)++));
}

static void push_shape_only(lua_State *L, const Edge *shape) {
    Tensor *t = new_tensor(L);
    t->ndim = (int8_t)shape->ndim;
    t->dtype = shape->dtype;
    t->device = shape->device;
    memcpy(t->size, shape->size, sizeof *t->size * shape->ndim);
    contiguous_strides(t->ndim, t->size, t->stride);
}

/* Pushes the list at `arg` with its tensors as shapes only. */
static void push_shapes_only(lua_State *L, int arg) {
    lua_Integer count = (lua_Integer)lua_rawlen(L, arg);
    lua_createtable(L, (int)count, 0);
    for (lua_Integer k = 1; k <= count; k++) {
        Edge shape;
        lua_rawgeti(L, arg, k);
        const Tensor *t = to_tensor(L, -1);
        if (t) {
            fill_edge(&shape, arg, 0, t);
            push_shape_only(L, &shape);
            lua_rawseti(L, -3, k);
        }
        lua_pop(L, 1);
    }
}

/* Pushes a node for the call whose arguments stand at 1..args; `keep_output` tells whether a rule reads the
 * result. */
static Node *record(lua_State *L, const OpState *op, int args, int edges, bool *keep_output) {
    if (args > MAX_ARGS || edges > MAX_EDGES)
        raise(L, "%s: at most %d arguments and %d tensors can be recorded", op->name, MAX_ARGS, MAX_EDGES);
    Node *n = new_node(L, op, args, edges);
    int node = lua_gettop(L), e = 0;
    uint16_t keep = op->keep[0];
    for (int i = 1; i <= args; i++) {
        if (!has_rule(op, i)) continue;
        int before = e;
        if (is_tensor_list(L, i)) {
            for (lua_Integer k = 1, count = (lua_Integer)lua_rawlen(L, i); k <= count; k++) {
                lua_rawgeti(L, i, k);
                add_edge(L, n, node, &e, i, (int)k, lua_gettop(L));
                lua_pop(L, 1);
            }
        } else {
            add_edge(L, n, node, &e, i, 0, i);
        }
        if (e > before && !op->joint) keep |= op->keep[i];
    }
    for (int i = 1; i <= args; i++) {
        const Tensor *t = to_tensor(L, i);
        ArgInfo *info = &n->info[i - 1];
        info->kind = VALUE;
        if (t && !(keep >> i & 1)) {
            info->kind = SHAPE_ONLY;
            fill_edge(&info->shape, i, 0, t);
            continue;
        }
        if (!t && !(keep >> i & 1) && is_tensor_list(L, i)) {
            push_shapes_only(L, i);
            lua_setiuservalue(L, node, i);
            continue;
        }
        if (t) {
            info->kind = KEPT_TENSOR;
            info->version = t->storage->version;
            info->reshaped = t->reshaped;
            n->keeps = true;
        }
        lua_pushvalue(L, i);
        lua_setiuservalue(L, node, i);
    }
    *keep_output = keep & KEEP_OUTPUT;
    return n;
}

/* Hangs the node at stack index `node` on the results, which stand at first..first+count-1. */
static void attach(lua_State *L, Node *n, int node, int first, int count, bool keep) {
    for (int i = 0; i < count; i++) {
        Tensor *t = to_tensor(L, first + i);
        if (!t || !dtype_is_float((DType)t->dtype)) continue;
        t->requires_grad = t->has_node = true;
        t->out_slot = (uint8_t)i;
        lua_pushvalue(L, node);
        lua_setiuservalue(L, first + i, TENSOR_NODE);
    }
    n->outputs = (uint8_t)count;
    if (!keep) return;
    n->keeps = true;
    for (int i = 0; i < count; i++) {
        const Tensor *t = to_tensor(L, first + i);
        n->output_version += t ? t->storage->version : 0;
        n->output_reshaped += t ? t->reshaped : 0;
    }
    if (count == 1) {
        lua_pushvalue(L, first);
    } else {
        lua_createtable(L, count, 0);
        for (int i = 0; i < count; i++) {
            lua_pushvalue(L, first + i);
            lua_rawseti(L, -2, i + 1);
        }
    }
    n->keeps_output = true;
    lua_setiuservalue(L, node, value_of_output(n));
}

/* An in-place op on its first argument: refuse what the tape cannot follow, before anything is written. */
static void check_in_place(lua_State *L, const OpState *op, const Tensor *x) {
    if (x->requires_grad && !x->has_node)
        raise(L, "%s: a leaf that requires a gradient cannot be changed in place; do it under ap.no_grad()",
              op->name);
    if (x->requires_grad && !op->rules)
        raise(L, "%s: has no gradient rule; use it under ap.no_grad() or on a detached tensor", op->name);
    if (x->is_view && op->rules && count_edges(L, op, lua_gettop(L)) > 0)
        raise(L,
              "%s: a view cannot be changed in place while gradients are recorded: change the whole tensor "
              "(t[key] = value does), or use %.*s without the _",
              op->name, (int)strlen(op->name) - 1, op->name);
}

/* Some argument wants a gradient, but nothing says what the op's gradient is: never drop it silently. */
static void refuse_unknown_gradient(lua_State *L, const OpState *op, int args, int results) {
    bool wanted = false, floating = false;
    for (int i = 1; i <= args; i++) {
        const Tensor *t = to_tensor(L, i);
        wanted |= t && t->requires_grad;
    }
    for (int i = 1; i <= results && wanted; i++) {
        const Tensor *t = to_tensor(L, args + i);
        floating |= t && dtype_is_float((DType)t->dtype);
    }
    if (floating)
        raise(L, "%s: has no gradient rule; use it under ap.no_grad() or on a detached tensor", op->name);
}

int op_call(lua_State *L) {
    const OpState *op = lua_touserdata(L, lua_upvalueindex(1));
    const Ctx *c = ctx(L);
    const int top = lua_gettop(L);
    if (has_out(L, top)) return call_running_with_out(L, false);
    check_argument_count(L, op, top);
    Tensor *changed = NULL;
    uint32_t version = 0;
    if (op->in_place) {
        changed = check_tensor(L, 1);
        if (c->grad_enabled) check_in_place(L, op, changed);
        version = changed->storage->version;
    }
    int results = op->call(L);
    if (changed) changed->storage->version++;
    if (!c->grad_enabled) return results;

    int args = lua_gettop(L) - results;
    if (!op->rules) {
        if (!op->documented) refuse_unknown_gradient(L, op, args, results);
        return results;
    }
    int edges = count_edges(L, op, args);
    if (edges == 0) return results;
    bool keep_output;
    Node *n = record(L, op, args, edges, &keep_output);
    if (changed) {
        /* What the rule reads of the old contents is gone: an older version makes backward say so. */
        for (int i = 0; i < args; i++) {
            const Tensor *t = n->info[i].kind == KEPT_TENSOR ? to_tensor(L, i + 1) : NULL;
            if (t && t->storage == changed->storage) n->info[i].version = version;
        }
    }
    attach(L, n, lua_gettop(L), args + 1, results, keep_output);
    lua_pop(L, 1);
    return results;
}

/* --- reading a node
 * ----------------------------------------------------------------------------------------------------- */

static void require_unchanged(lua_State *L, const Node *n, const Tensor *t, uint32_t version,
                              uint16_t reshaped, const char *what) {
    if (t->reshaped != reshaped)
        raise(L,
              "backward: %s of %s has another shape now, (%s): it was changed in place after %s used it; use "
              "the op without _, or clone it before",
              what, n->op->name, SHAPE(t), n->op->name);
    if (t->storage && t->storage->version != version)
        raise(L,
              "backward: %s of %s (%s) was changed in place after %s used it (version %u, expected %u); "
              "use the op without _, or clone it before",
              what, n->op->name, SHAPE(t), n->op->name, (unsigned)t->storage->version, (unsigned)version);
}

/* The outputs of the node, in a table on top of the stack, are what they were. */
static void require_outputs_unchanged(lua_State *L, const Node *n) {
    uint32_t version = 0, reshaped = 0;
    for (int i = 1; i <= n->outputs; i++) {
        lua_rawgeti(L, -1, i);
        const Tensor *t = to_tensor(L, -1);
        version += t ? t->storage->version : 0;
        reshaped += t ? t->reshaped : 0;
        lua_pop(L, 1);
    }
    if (version != n->output_version || reshaped != n->output_reshaped)
        raise(L,
              "backward: a result of %s was changed in place after it; use the op without _, or clone it "
              "before",
              n->op->name);
}

/* Pushes the output (nil if not kept) and all arguments as a rule sees them. Returns how many. */
static int push_saved(lua_State *L, int node, const Node *n) {
    luaL_checkstack(L, n->args + 4, "backward");
    if (n->keeps_output) {
        lua_getiuservalue(L, node, value_of_output(n));
        const Tensor *y = to_tensor(L, -1);
        if (y)
            require_unchanged(L, n, y, n->output_version, (uint16_t)n->output_reshaped, "the result");
        else
            require_outputs_unchanged(L, n);
    } else {
        lua_pushnil(L);
    }
    for (int i = 0; i < n->args; i++) {
        const ArgInfo *info = &n->info[i];
        if (info->kind == SHAPE_ONLY) {
            push_shape_only(L, &info->shape);
            continue;
        }
        lua_getiuservalue(L, node, i + 1);
        if (info->kind == KEPT_TENSOR)
            require_unchanged(L, n, to_tensor(L, -1), info->version, info->reshaped, "an argument");
    }
    return n->args + 1;
}

/* node_rule(node, arg, g) -> what the rule of argument `arg` gives; arg 0: the joint rule's gradients as a
 * table. */
static int l_node_rule(lua_State *L) {
    Node *n = check_node(L, 1);
    int arg = (int)check_int(L, 2), pushed = 2;
    if (n->custom) {
        lua_getiuservalue(L, 1, value_of_custom(n));
    } else {
        lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->ops);
        lua_getfield(L, -1, n->op->name);
        lua_getiuservalue(L, -1, 1);
        lua_rawgeti(L, -1, arg ? arg : 1);
    }
    if (arg == 0) {
        lua_createtable(L, n->args, 0);
        for (int e = 0; e < n->edges; e++) {
            lua_pushboolean(L, true);
            lua_rawseti(L, -2, n->edge[e].arg);
        }
        pushed++;
    }
    lua_pushvalue(L, 3);
    pushed += push_saved(L, 1, n);
    int base = lua_gettop(L) - pushed + 1;
    lua_call(L, pushed - 1, arg == 0 ? LUA_MULTRET : 1);
    if (arg == 0) {
        int count = lua_gettop(L) - base + 1;
        lua_createtable(L, count, 0);
        for (int i = 0; i < count; i++) {
            lua_pushvalue(L, base + i);
            lua_rawseti(L, -2, i + 1);
        }
    }
    return 1;
}

/* node_info(node) -> edges, joint, outputs; an error for a node that backward freed: it has no edges left */
static int l_node_info(lua_State *L) {
    const Node *n = check_node(L, 1);
    if (n->released)
        raise(L,
              "backward: a second time through a graph that an earlier backward freed (at %s); pass "
              "retain_graph = true to the earlier one",
              n->op->name);
    lua_pushinteger(L, n->edges);
    lua_pushboolean(L, n->op->joint);
    lua_pushinteger(L, n->outputs);
    return 3;
}

/* node_edge(node, k) -> target (a node, or a leaf tensor), slot from 1, argument, item of its list (0: not a
 * list) */
static int l_node_edge(lua_State *L) {
    const Node *n = check_node(L, 1);
    int k = (int)check_int(L, 2);
    const Edge *e = &n->edge[k - 1];
    lua_getiuservalue(L, 1, value_of_edge(n, k - 1));
    lua_pushinteger(L, e->slot + 1);
    lua_pushinteger(L, e->arg);
    lua_pushinteger(L, e->item);
    return 4;
}

/* node_fit(node, k, d) -> d summed to the shape, in the dtype and on the device of the input at edge k */
static int l_node_fit(lua_State *L) {
    const Node *n = check_node(L, 1);
    const Edge *e = &n->edge[check_int(L, 2) - 1];
    const Tensor *d = to_tensor(L, 3);
    if (!d)
        raise(L, "backward: the gradient rule of %s gave a %s for argument %d, expected a tensor",
              n->op->name, luaL_typename(L, 3), e->arg);
    bool same = d->ndim == e->ndim && memcmp(d->size, e->size, sizeof *d->size * e->ndim) == 0;
    lua_settop(L, 3);
    if (!same) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->core);
        lua_getfield(L, -1, "sum_to_size");
        lua_pushvalue(L, 3);
        lua_createtable(L, e->ndim, 0);
        for (int i = 0; i < e->ndim; i++) {
            lua_pushinteger(L, e->size[i]);
            lua_rawseti(L, -2, i + 1);
        }
        lua_call(L, 2, 1);
        lua_replace(L, 3);
        lua_settop(L, 3);
    }
    if (d->dtype != e->dtype || d->device != e->device) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, bind_state(L)->core);
        lua_getfield(L, -1, "to");
        lua_pushvalue(L, 3);
        lua_pushstring(L, dtype_name((DType)e->dtype));
        lua_pushstring(L, device_name((char[DEVICE_TEXT]){0}, e->device));
        lua_call(L, 3, 1);
    }
    return 1;
}

/* node_release(node): frees what it keeps; a node that keeps nothing stays usable. */
static int l_node_release(lua_State *L) {
    Node *n = check_node(L, 1);
    if (!n->keeps) return 0;
    n->released = true;
    for (int i = 1; i <= value_of_output(n); i++) {
        lua_pushnil(L);
        lua_setiuservalue(L, 1, i);
    }
    n->edges = 0;
    return 0;
}

static int newest_first(const void *a, const void *b) {
    uint64_t x = (*(Node *const *)a)->sequence, y = (*(Node *const *)b)->sequence;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* node_graph({node, ...}) -> all nodes reachable from them, newest first. An input is always older than what
 * was computed from it, so this is a reverse topological order. */
static int l_node_graph(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    uint64_t visit = ++bind_state(L)->visit;
    lua_settop(L, 1);
    lua_newtable(L); /* 2: node address -> node; 3: the work list */
    lua_newtable(L);
    lua_Integer found = 0;
    for (lua_Integer i = 1, roots = (lua_Integer)lua_rawlen(L, 1); i <= roots; i++) {
        lua_rawgeti(L, 1, i);
        Node *n = to_node(L, -1);
        if (n && n->visit != visit) {
            n->visit = visit;
            lua_rawseti(L, 3, ++found);
        } else {
            lua_pop(L, 1);
        }
    }
    for (lua_Integer i = 1; i <= found; i++) {
        lua_rawgeti(L, 3, i);
        Node *n = to_node(L, -1);
        for (int e = 0; e < n->edges; e++) {
            lua_getiuservalue(L, -1, value_of_edge(n, e));
            Node *to = to_node(L, -1);
            if (to && to->visit != visit) {
                to->visit = visit;
                lua_rawseti(L, 3, ++found);
            } else {
                lua_pop(L, 1);
            }
        }
        lua_pop(L, 1);
    }
    Node **order = lua_newuserdatauv(L, (size_t)(found ? found : 1) * sizeof *order, 0);
    for (lua_Integer i = 1; i <= found; i++) {
        lua_rawgeti(L, 3, i);
        order[i - 1] = to_node(L, -1);
        lua_rawsetp(L, 2, order[i - 1]);
    }
    qsort(order, (size_t)found, sizeof *order, newest_first);
    for (lua_Integer i = 1; i <= found; i++) {
        lua_rawgetp(L, 2, order[i - 1]);
        lua_rawseti(L, 3, i);
    }
    lua_pushvalue(L, 3);
    return 1;
}

/* node_of(tensor) -> its node and slot (from 1), or nil for a leaf */
static int l_node_of(lua_State *L) {
    const Tensor *t = check_tensor(L, 1);
    if (!t->has_node) return 0;
    lua_getiuservalue(L, 1, TENSOR_NODE);
    lua_pushinteger(L, t->out_slot + 1);
    return 2;
}

/* node_custom(name, inputs, outputs, backward): hangs a node on the outputs, whose gradients come from
 * backward(needs, g, nil, input...) as from a joint rule. No-op where no input wants a gradient. */
static int l_node_custom(lua_State *L) {
    static const OpState custom = {.name = "a custom function", .joint = true, .rules = 1};
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    int inputs = (int)lua_rawlen(L, 1), outputs = (int)lua_rawlen(L, 2), edges = 0;
    if (inputs > MAX_ARGS) raise(L, "Function: at most %d inputs, got %d", MAX_ARGS, inputs);
    for (int i = 1; i <= inputs; i++) {
        lua_rawgeti(L, 1, i);
        const Tensor *t = to_tensor(L, -1);
        edges += t && t->requires_grad;
        lua_pop(L, 1);
    }
    if (!edges || !ctx(L)->grad_enabled) return 0;
    Node *n = new_node(L, &custom, inputs, edges);
    int node = lua_gettop(L);
    n->custom = n->keeps = true;
    for (int i = 1, e = 0; i <= inputs; i++) {
        lua_rawgeti(L, 1, i);
        const Tensor *t = to_tensor(L, -1);
        n->info[i - 1].kind = VALUE;
        if (t) {
            n->info[i - 1].kind = SHAPE_ONLY;
            fill_edge(&n->info[i - 1].shape, i, 0, t);
        }
        if (t && t->requires_grad) {
            fill_edge(&n->edge[e], i, 0, t);
            push_target(L, lua_gettop(L), t);
            lua_setiuservalue(L, node, value_of_edge(n, e++));
        }
        if (!t) {
            lua_pushvalue(L, -1);
            lua_setiuservalue(L, node, i);
        }
        lua_pop(L, 1);
    }
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, node, value_of_custom(n));
    int first = lua_gettop(L) + 1;
    luaL_checkstack(L, outputs, "Function");
    for (int i = 1; i <= outputs; i++) lua_rawgeti(L, 2, i);
    attach(L, n, node, first, outputs, false);
    return 0;
}

static int l_set_grad_enabled(lua_State *L) {
    if (!lua_isboolean(L, 1)) bad_argument(L, 1, "true or false");
    lua_pushboolean(L, ctx(L)->grad_enabled);
    ctx(L)->grad_enabled = lua_toboolean(L, 1);
    return 1;
}

static int l_is_grad_enabled(lua_State *L) {
    lua_pushboolean(L, ctx(L)->grad_enabled);
    return 1;
}

static int node_tostring(lua_State *L) {
    lua_pushfstring(L, "<%s>", check_node(L, 1)->op->name);
    return 1;
}

void open_tape(lua_State *L) {
    BindState *b = bind_state(L);
    lua_newtable(L);
    b->node_meta_pointer = lua_topointer(L, -1);
    new_op_state(L, &(OpReg){"node", NULL, 0});
    lua_pushcclosure(L, node_tostring, 1);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "node");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    b->node_meta = luaL_ref(L, LUA_REGISTRYINDEX);
    static const OpReg functions[] = {{"set_grad_enabled", l_set_grad_enabled, 1},
                                      {"is_grad_enabled", l_is_grad_enabled, 0},
                                      {"node_rule", l_node_rule, 3},
                                      {"node_info", l_node_info, 1},
                                      {"node_edge", l_node_edge, 2},
                                      {"node_fit", l_node_fit, 3},
                                      {"node_release", l_node_release, 1},
                                      {"node_graph", l_node_graph, 1},
                                      {"node_of", l_node_of, 1},
                                      {"node_custom", l_node_custom, 3},
                                      {0}};
    register_functions(L, functions);
}
