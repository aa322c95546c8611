#include "bind/bind.h"

void open_io(lua_State *L) {
    (void)L;
}
