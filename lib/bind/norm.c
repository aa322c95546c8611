#include "bind/bind.h"

void open_norm(lua_State *L) {
    (void)L;
}
