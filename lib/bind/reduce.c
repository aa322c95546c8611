#include "bind/bind.h"

void open_reduce(lua_State *L) {
    (void)L;
}
