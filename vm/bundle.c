/* Looks up embedded files, and finds the modules apsis, apsis.nn, ... among them. */
#include "bundle.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *name, const void *file) {
    return strcmp(name, ((const BundleFile *)file)->name);
}

const BundleFile *bundle_find(const char *name) {
    return bsearch(name, bundle_files, bundle_count, sizeof *bundle_files, by_name);
}

/* Reads all of an open file as one string; false on a read error. */
static int push_file(lua_State *L, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    size_t n;
    do {
        /* Growing the buffer may raise an error while f is open: only where memory is out. */
        char *room = luaL_prepbuffer(&b);
        n = fread(room, 1, LUAL_BUFFERSIZE, f);
        luaL_addsize(&b, n);
    } while (n > 0);
    int failed = ferror(f);
    fclose(f);
    luaL_pushresult(&b);
    return !failed;
}

/* Pushes the module as it was compiled at build time; 0 where this Lua cannot run that. */
static int load_code(lua_State *L, const BundleFile *file, const char *chunk) {
    if (!file->code || strcmp(lua_ident, bundle_lua) != 0) return 0;
    if (luaL_loadbufferx(L, file->code, file->code_size, chunk, "b") == LUA_OK) return 1;
    lua_pop(L, 1);
    return 0;
}

/* Loads one candidate, pushing the chunk; 0 where there is no such file. The name apsis/... tells errors
 * which frames are the library's. */
static int load_candidate(lua_State *L, const char *tree, const char *relative) {
    const char *data, *chunk = lua_pushfstring(L, "=apsis/%s", relative);
    int loaded = 0;
    size_t size;
    if (tree) {
        if (!push_file(L, lua_pushfstring(L, "%s/%s", tree, relative))) return 0;
        data = lua_tolstring(L, -1, &size);
    } else {
        const BundleFile *file = bundle_find(lua_pushfstring(L, "stdlib/%s", relative));
        if (!file) return 0;
        data = file->data;
        size = file->size;
        loaded = load_code(L, file, chunk);
    }
    if (!loaded && luaL_loadbufferx(L, data, size, chunk, "t") != LUA_OK) return lua_error(L);
    lua_pushstring(L, chunk + 1);
    return 1;
}

int bundle_searcher(lua_State *L) {
    static const char root[] = "apsis";
    const char *name = luaL_checkstring(L, 1);
    if (strncmp(name, root, sizeof root - 1) != 0) return 0;
    const char *rest = name + sizeof root - 1;
    if (*rest != '\0' && *rest != '.') return 0;
    const char *tree = getenv("APSIS_PATH");
    if (tree && !*tree) tree = NULL;
    const char *path = *rest ? luaL_gsub(L, rest + 1, ".", "/") : "";
    const char *init = lua_pushfstring(L, *path ? "%s/init.lua" : "%sinit.lua", path);
    if (load_candidate(L, tree, init)) return 2;
    if (*path && load_candidate(L, tree, lua_pushfstring(L, "%s.lua", path))) return 2;
    lua_pushfstring(L, "no module '%s' in %s", name, tree ? tree : "the standard library");
    return 1;
}
