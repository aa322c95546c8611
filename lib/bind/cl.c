/* OpenCL devices for Lua: core.cl and synchronize. */
#include "cl/device.h"
#include "bind/bind.h"

static void set_integer(lua_State *L, const char *name, int64_t value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void set_string(lua_State *L, const char *name, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, bool value) {
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

static void push_info(lua_State *L, Device device) {
    const ClDeviceInfo *info = cl_describe(device);
    lua_createtable(L, 0, 16);
    set_string(L, "device", device_name((char[DEVICE_TEXT]){0}, device));
    set_string(L, "name", info->name);
    set_string(L, "vendor", info->vendor);
    set_string(L, "platform", info->platform);
    set_string(L, "version", info->version);
    set_string(L, "driver", info->driver);
    set_string(L, "type", info->is_gpu ? "gpu" : info->is_cpu ? "cpu" : "accelerator");
    set_string(L, "extensions", info->extensions ? info->extensions : "");
    set_boolean(L, "fp64", info->fp64);
    set_boolean(L, "fp16", info->fp16);
    set_boolean(L, "tensor_cores", info->tensor_cores);
    set_boolean(L, "unified_memory", info->unified_memory);
    set_integer(L, "compute_units", info->compute_units);
    set_integer(L, "clock_mhz", info->clock_mhz);
    set_integer(L, "max_work_group", info->max_work_group);
    set_integer(L, "local_memory", info->local_memory);
    set_integer(L, "global_memory", info->global_memory);
    set_integer(L, "max_allocation", info->max_allocation);
}

/* devices() -> list of info tables; empty where there is no OpenCL */
static int l_devices(lua_State *L) {
    int n = cl_device_count(NULL);
    lua_createtable(L, n, 0);
    for (int i = 1; i <= n; i++) {
        push_info(L, (Device)i);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

/* A device given as "cl:2" or 2; the default one for nothing. Opens it. */
static Device check_cl_device(lua_State *L, int arg) {
    Device device;
    if (lua_isnoneornil(L, arg) || lua_isinteger(L, arg)) {
        int64_t number = opt_int(L, arg, 0);
        if (number < 0 || number > INT16_MAX || (number == 0 && !lua_isnoneornil(L, arg)))
            raise(L, "%s: no device %lld: devices count from 1", op_name(L), (long long)number);
        if (!cl_open(ctx(L), op_name(L), (Device)number, &device)) raise_error(L);
        return device;
    }
    device = opt_device(L, arg, CPU);
    if (device == CPU) raise(L, "%s: expected an OpenCL device ('cl', 'cl:2'), got 'cpu'", op_name(L));
    return device;
}

/* info(device) -> {name =, vendor =, fp64 =, global_memory =, ...} */
static int l_info(lua_State *L) {
    push_info(L, check_cl_device(L, 1));
    return 1;
}

/* memory(device) -> {live =, cached =, peak =}: bytes of this instance's tensors there */
static int l_memory(lua_State *L) {
    const Blocks *b = cl_memory(ctx(L), check_cl_device(L, 1)); /* the check opened it */
    lua_createtable(L, 0, 3);
    set_integer(L, "live", b->live_bytes);
    set_integer(L, "cached", b->cached_bytes);
    set_integer(L, "peak", b->peak_bytes);
    return 1;
}

/* opened() -> the numbers of the devices that this instance has used */
static int l_opened(lua_State *L) {
    lua_newtable(L);
    for (int i = 1; i <= CL_MAX_DEVICES; i++) {
        if (!cl_is_open(ctx(L), (Device)i)) continue;
        lua_pushinteger(L, i);
        lua_rawseti(L, -2, luaL_len(L, -2) + 1);
    }
    return 1;
}

/* is_available() -> true, or false and why not */
static int l_is_available(lua_State *L) {
    const char *why = NULL;
    bool any = cl_device_count(&why) > 0;
    lua_pushboolean(L, any);
    if (any) return 1;
    lua_pushstring(L, why);
    return 2;
}

/* synchronize(device): waits for all that was launched there (nothing: on every device) */
static int l_synchronize(lua_State *L) {
    Device device = lua_isnoneornil(L, 1) ? CPU : opt_device(L, 1, CPU);
    bool cpu_alone = !lua_isnoneornil(L, 1) && device == CPU;
    if (!cpu_alone && !cl_synchronize(ctx(L), device)) return raise_error(L);
    return 0;
}

void open_cl(lua_State *L) {
    static const OpReg functions[] = {{"devices", l_devices, 0},
                                      {"info", l_info, 1},
                                      {"memory", l_memory, 1},
                                      {"opened", l_opened, 0},
                                      {"is_available", l_is_available, 0},
                                      {0}};
    static const OpReg global[] = {{"synchronize", l_synchronize, 1}, {0}};
    register_functions(L, global);
    register_module(L, "cl", functions);
}
