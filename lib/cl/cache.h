/* Compiled programs on disk: $XDG_CACHE_HOME/apsis or ~/.cache/apsis, one file a program. A cache that cannot
 * be read or written is as if it were empty. Files are written beside their name and renamed, so that
 * processes at once see whole files only; a damaged one is dropped. */
#ifndef APSIS_CL_CACHE_H
#define APSIS_CL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CacheKey {
    uint64_t a, b;
} CacheKey;

/* The key of texts joined: driver and device, source, flags. */
CacheKey cache_key(int count, const char *const *texts);
/* The entry's bytes (to be freed), NULL where there is none or it is damaged. */
void *cache_read(CacheKey key, size_t *size);
void cache_write(CacheKey key, const void *data, size_t size);
void cache_remove(CacheKey key);

#endif
