/* What Lua's own library lacks of the system: a clock that only goes forward, and whether a file is a
 * terminal. */
#include "bind/bind.h"
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* clock() -> seconds from some fixed point, not moved by changes of the date */
static int l_clock(lua_State *L) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) raise(L, "clock: the system has no monotonic clock");
    lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
    return 1;
}

/* isatty(file) -> whether a file of the io library leads to a terminal; false for anything else */
static int l_isatty(lua_State *L) {
    const luaL_Stream *stream = luaL_testudata(L, 1, LUA_FILEHANDLE);
    lua_pushboolean(L, stream && stream->closef && isatty(fileno(stream->f)));
    return 1;
}

void open_system(lua_State *L) {
    static const luaL_Reg functions[] = {{"clock", l_clock}, {"isatty", l_isatty}, {NULL, NULL}};
    register_functions(L, functions);
}
