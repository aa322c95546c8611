/* The collector's pacing. Lua sees a tensor as a small userdata and would let gigabytes pile up, so
 * allocation drives full collections: after so many bytes or handles made since the last one, in proportion
 * to what is live. In between, collections of young objects alone hand the blocks of dead results to the next
 * ones while the processor's caches still hold them. */
#include "bind/state.h"

/* A collection costs about as much as a few thousand small ops, so it runs at most once per that many handles
 * and at most once per 8 MB (what a cache holds is written faster than fresh memory); beyond these floors
 * garbage may reach a quarter of the live bytes (the peak stays under 1.3 times the live memory) and the
 * number of live handles. It costs in proportion to the user's Lua objects too (25 ms for a million tables),
 * so twice their bytes may pass, and a handle for each KB of them. */
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

void pace_collector(lua_State *L, Ctx *c) {
    Memory *m = &c->mem;
    int64_t garbage_allowed = (m->live_bytes + m->device_bytes - m->bytes_since_gc) / 4;
    int64_t handles_allowed = m->tensors - m->tensors_since_gc;
    if (garbage_allowed < BYTES_FLOOR) garbage_allowed = BYTES_FLOOR;
    if (handles_allowed < HANDLES_FLOOR) handles_allowed = HANDLES_FLOOR;
    if (garbage_allowed < 2 * m->lua_bytes) garbage_allowed = 2 * m->lua_bytes;
    if (handles_allowed < m->lua_bytes / 1024) handles_allowed = m->lua_bytes / 1024;
    if (m->bytes_since_gc >= garbage_allowed || m->tensors_since_gc >= handles_allowed) {
        m->bytes_since_gc = m->tensors_since_gc = 0;
        m->young_collection_at = YOUNG_BYTES;
        lua_gc(L, LUA_GCCOLLECT);
        m->lua_bytes = (int64_t)lua_gc(L, LUA_GCCOUNT) * 1024;
        memory_settle(c);
    } else if (m->bytes_since_gc >= m->young_collection_at) {
        m->young_collection_at = m->bytes_since_gc + YOUNG_BYTES;
        lua_gc(L, LUA_GCSTEP, 0);
    }
}
