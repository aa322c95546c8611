/* The collector's pacing. Lua sees a tensor as a small userdata and would let gigabytes pile up, so
 * allocation drives it. Collections of young objects hand the blocks of dead results to the next ones while
 * the processor's caches still hold them. What they leave behind is found by full collections: after so many
 * bytes or handles more than at the least since the last one, in proportion to that. */
#include "bind/state.h"

/* A full collection costs 0.1 ms at least, a few hundred small ops, so that many handles and 8 MB may always
 * come on top; beyond these floors garbage may reach a quarter of the live bytes (the peak stays under 1.3
 * times the live memory) and the number of live handles. It costs in proportion to the user's Lua objects too
 * (25 ms for a million tables), so twice their bytes may pass, and a handle for each KB of them. */
enum { HANDLES_FLOOR = 8192, BYTES_FLOOR = 8 << 20 };

/* A young collection costs 0.2 us and little for each object made since the last one: so few bytes that they
 * stay in the second cache. Sums of 10,000 f32 took 4.0 us with full collections alone, 2.2 us with these. */
enum { YOUNG_BYTES = 512 << 10 };

/* Of the incremental mode, in percent: a cycle starts when the heap has grown by half, and works twice as
 * fast as by default. */
enum { PAUSE = 150, STEP = 200 };

void pace_start(lua_State *L) {
#if LUA_VERSION_RELEASE_NUM >= 50403 /* which mended the generational mode; 0: its own pace */
    lua_gc(L, LUA_GCGEN, 0, 0);
#else
    lua_gc(L, LUA_GCINC, PAUSE, STEP, 0);
#endif
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t host_and_devices(const Memory *m) {
    return m->blocks.live_bytes + m->device_bytes;
}

/* There may be garbage worth a full collection. */
static bool has_grown(Memory *m) {
    const int64_t bytes = host_and_devices(m);
    if (bytes < m->least_bytes) m->least_bytes = bytes;
    if (m->tensors < m->least_tensors) m->least_tensors = m->tensors;
    const int64_t more_bytes = larger(larger(m->least_bytes / 4, BYTES_FLOOR), 2 * m->lua_bytes);
    const int64_t more_handles = larger(larger(m->least_tensors, HANDLES_FLOOR), m->lua_bytes / 1024);
    return bytes - m->least_bytes >= more_bytes || m->tensors - m->least_tensors >= more_handles;
}

static int64_t lua_bytes(lua_State *L) {
    return (int64_t)lua_gc(L, LUA_GCCOUNT) * 1024;
}

static void collect_young(lua_State *L) {
    lua_gc(L, LUA_GCSTEP, 0);
}

void pace_collect_all(lua_State *L) {
    Memory *m = &ctx(L)->mem;
    lua_gc(L, LUA_GCCOLLECT);
    m->least_bytes = host_and_devices(m);
    m->least_tensors = m->tensors;
    m->lua_bytes = lua_bytes(L);
}

void pace_collector(lua_State *L, Ctx *c) {
    Memory *m = &c->mem;
    if (has_grown(m)) {
        pace_collect_all(L);
    } else if (m->bytes_since_gc >= YOUNG_BYTES) {
        collect_young(L);
        /* Lua has no occasion for full collections of its own where it is told to run this often. */
        if (lua_bytes(L) > m->lua_bytes / 4 * 5) pace_collect_all(L);
    } else {
        return;
    }
    memory_settle(c);
}
