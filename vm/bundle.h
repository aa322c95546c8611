/* The standard library and the OpenCL kernels, embedded at build time, looked up by name. */
#ifndef APSIS_VM_BUNDLE_H
#define APSIS_VM_BUNDLE_H

#include <stddef.h>
#include <lua.h>

typedef struct BundleFile {
    const char *name; /* its path in the tree: "stdlib/nn/init.lua" */
    const char *data;
    size_t size;
    const char *code; /* what Lua compiled of a module at build time; NULL where nothing was */
    size_t code_size;
} BundleFile;

/* Generated (build/bundle_data.c), sorted by name. */
extern const BundleFile bundle_files[];
extern const size_t bundle_count;
/* The lua_ident of the Lua that compiled `code`: another release may number its instructions anew. */
extern const char bundle_lua[];

/* NULL where there is no such file. */
const BundleFile *bundle_find(const char *name);
/* A package searcher: apsis.nn is stdlib/nn/init.lua or stdlib/nn.lua of the bundle, or of the folder that
 * the environment variable APSIS_PATH names. */
int bundle_searcher(lua_State *L);

#endif
