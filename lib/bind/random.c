#include "bind/bind.h"

void open_random(lua_State *L) {
    (void)L;
}
