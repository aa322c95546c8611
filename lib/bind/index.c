#include "bind/bind.h"

void open_index(lua_State *L) {
    (void)L;
}
