#include "bind/bind.h"

void open_matmul(lua_State *L) {
    (void)L;
}
