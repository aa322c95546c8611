/* What Lua's own library lacks of the system: a clock that only goes forward, what processor this is and how
 * many of its threads one op may use. */
#include "bind/bind.h"
#include "cpu/blas.h"
#include "cpu/isa.h"
#include <time.h>

/* clock() -> seconds from some fixed point, not moved by changes of the date */
static int l_clock(lua_State *L) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) raise(L, "clock: the system has no monotonic clock");
    lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
    return 1;
}

static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* cpu_info() -> {model =, isa =, blis_version =, blis_kernels =, blis_chosen_by =, threads =}. isa: the
 * instruction set of Apsis' own kernels; blis_chosen_by: "blis", "apsis" where BLIS would have fallen back
 * to its generic kernels, or "user" where BLIS_ARCH_TYPE is set */
static int l_cpu_info(lua_State *L) {
    lua_createtable(L, 0, 6);
    set_text(L, "model", cpu_model((char[CPU_MODEL_TEXT]){0}));
    set_text(L, "isa", cpu_isa_name());
    set_text(L, "blis_version", cpu_blas_version());
    set_text(L, "blis_kernels", cpu_blas_kernels());
    set_text(L, "blis_chosen_by", cpu_blas_chosen_by());
    lua_pushinteger(L, ctx(L)->threads);
    lua_setfield(L, -2, "threads");
    return 1;
}

/* set_num_threads(n): threads that one op may use */
static int l_set_num_threads(lua_State *L) {
    int64_t n = check_int(L, 1);
    int most = ctx_most_threads();
    if (n < 1 || n > most)
        raise(L, "set_num_threads: expected 1..%d threads on this machine, got %lld", most, (long long)n);
    ctx(L)->threads = (int)n;
    return 0;
}

static int l_get_num_threads(lua_State *L) {
    lua_pushinteger(L, ctx(L)->threads);
    return 1;
}

/* source(path) -> the text of a bundled file by its path in the tree ("stdlib/ops/reduce.lua"), nil where
 * there is none
 */
static int l_source(lua_State *L) {
    const char *(*source)(const char *) = ctx(L)->source;
    const char *text = source ? source(check_string(L, 1)) : NULL;
    lua_pushstring(L, text);
    return 1;
}

/* sources() -> the paths of all bundled files */
static int l_sources(lua_State *L) {
    const char *(*name)(size_t) = ctx(L)->source_name, *text;
    lua_newtable(L);
    for (size_t i = 0; name && (text = name(i)); i++) {
        lua_pushstring(L, text);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

void open_system(lua_State *L) {
    static const OpReg functions[] = {{"clock", l_clock, 0},
                                      {"cpu_info", l_cpu_info, 0},
                                      {"source", l_source, 1},
                                      {"sources", l_sources, 0},
                                      {"set_num_threads", l_set_num_threads, 1},
                                      {"get_num_threads", l_get_num_threads, 0},
                                      {0}};
    register_functions(L, functions);
}
