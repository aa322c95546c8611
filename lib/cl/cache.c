/* The disk cache of compiled programs. */
#include "cl/cache.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096 };
static const char MAGIC[8] = "apsiscl1";
static const uint64_t FNV_PRIME = 0x100000001b3, FNV_BASIS = 0xcbf29ce484222325,
                      OTHER_BASIS = 0x9e3779b97f4a7c15;

typedef struct Header {
    char magic[sizeof MAGIC];
    CacheKey key;
    uint64_t size, checksum; /* of the bytes that follow */
} Header;

/* FNV-1a */
static uint64_t hash_bytes(uint64_t h, const void *data, size_t size) {
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++) h = (h ^ p[i]) * FNV_PRIME;
    return h;
}

CacheKey cache_key(int count, const char *const *texts) {
    CacheKey key = {FNV_BASIS, OTHER_BASIS};
    for (int i = 0; i < count; i++) {
        size_t size = strlen(texts[i]) + 1; /* with its end, so that texts do not run together */
        key.a = hash_bytes(key.a, texts[i], size);
        key.b = hash_bytes(key.b, texts[i], size);
    }
    return key;
}

/* The folder, made where it is missing; false where there is no place for it. */
static bool folder(char path[PATH_ROOM]) {
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;
    if (base && *base == '/')
        n = snprintf(path, PATH_ROOM, "%s", base);
    else if (home && *home == '/')
        n = snprintf(path, PATH_ROOM, "%s/.cache", home);
    else
        return false;
    if (n < 0 || n + 64 > PATH_ROOM) return false;
    mkdir(path, 0700); /* where it exists, this fails, and that is fine */
    strcat(path, "/apsis");
    mkdir(path, 0700);
    return access(path, W_OK | X_OK) == 0;
}

static bool entry_path(char path[PATH_ROOM], CacheKey key) {
    if (!folder(path)) return false;
    size_t n = strlen(path);
    snprintf(path + n, PATH_ROOM - n, "/%016llx%016llx.clbin", (unsigned long long)key.a,
             (unsigned long long)key.b);
    return true;
}

static void *read_entry(FILE *f, CacheKey key, size_t *size) {
    Header h;
    struct stat st;
    if (fread(&h, sizeof h, 1, f) != 1 || fstat(fileno(f), &st) != 0) return NULL;
    if (memcmp(h.magic, MAGIC, sizeof MAGIC) != 0 || h.key.a != key.a || h.key.b != key.b || h.size == 0 ||
        h.size != (uint64_t)st.st_size - sizeof h)
        return NULL;
    void *data = malloc(h.size);
    if (data && fread(data, h.size, 1, f) == 1 && hash_bytes(FNV_BASIS, data, h.size) == h.checksum) {
        *size = h.size;
        return data;
    }
    free(data);
    return NULL;
}

void *cache_read(CacheKey key, size_t *size) {
    char path[PATH_ROOM];
    FILE *f = entry_path(path, key) ? fopen(path, "rb") : NULL;
    if (!f) return NULL;
    void *data = read_entry(f, key, size);
    fclose(f);
    if (!data) unlink(path);
    return data;
}

void cache_write(CacheKey key, const void *data, size_t size) {
    char path[PATH_ROOM], new[PATH_ROOM + 32];
    if (!entry_path(path, key)) return;
    Header h = {.key = key, .size = size, .checksum = hash_bytes(FNV_BASIS, data, size)};
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    snprintf(new, sizeof new, "%s.XXXXXX", path);
    int fd = mkstemp(new);
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!f) {
        if (fd >= 0) {
            close(fd);
            unlink(new);
        }
        return;
    }
    bool ok = fwrite(&h, sizeof h, 1, f) == 1 && fwrite(data, size, 1, f) == 1;
    ok = fclose(f) == 0 && ok;
    if (!ok || rename(new, path) != 0) unlink(new);
}

void cache_remove(CacheKey key) {
    char path[PATH_ROOM];
    if (entry_path(path, key)) unlink(path);
}
