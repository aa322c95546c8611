#include "bind/bind.h"

void open_conv(lua_State *L) {
    (void)L;
}
