/* Feeds the readers of lib/io with bytes: a libFuzzer target, and a program of its own where there is no
 * libFuzzer.
 *
 *   make SANITIZE=address,undefined fuzz
 *   build-address-undefined/fuzz_io FILE...             reads each file as every format, with all memory
 * limits build-address-undefined/fuzz_io -n 100000 FILE...   and so many damaged copies of them
 *
 * With clang: clang -fsanitize=fuzzer,address -DLIBFUZZER -Ilib tests/fuzz/io.c build/libapsis.a ... */
#include "io/csv.h"
#include "io/idx.h"
#include "io/json.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a file of a few KB may make us allocate: an honest reader needs far less. */
static int64_t limit = 256 << 20;

static void read_safetensors(Ctx *c, const char *path) {
    Safetensors s;
    Tensor t;
    if (!safetensors_open(c, &s, "fuzz", path)) return;
    for (int64_t i = 0; i < safetensors_count(&s); i++)
        if (safetensors_read(&s, i, &t)) tensor_release(&t);
    safetensors_close(&s);
}

static void read_npz(Ctx *c, const char *path) {
    Zip z;
    Tensor t;
    if (!zip_open(c, &z, "fuzz", path)) return;
    for (int64_t i = 0; i < zip_count(&z); i++)
        if (npz_read(&z, i, &t)) tensor_release(&t);
    zip_close(&z);
}

static void store_columns(Csv *csv) {
    for (int64_t i = 0; i < csv->columns; i++) {
        Tensor t;
        const CsvColumn *column = csv_column(csv, i);
        if (column->kind == CSV_TEXT) continue;
        if (!tensor_new(csv->file.ctx, &t, column->kind == CSV_REAL ? F16 : I64, 1, &csv->rows)) return;
        csv_store(csv, i, &t, 0);
        tensor_release(&t);
    }
}

static void read_csv(Ctx *c, const char *path) {
    static const char *const words[] = {"", "NA"};
    static const CsvMissing missing = {.words = words, .count = 2, .kind = CSV_REAL};
    Csv csv;
    int64_t length;
    if (!csv_open(c, &csv, "fuzz", path, ',', CSV_HEADER_AUTO)) return;
    for (int64_t i = 0; i < csv.columns; i++) csv_column(&csv, i)->wanted = true;
    if (csv_parse(&csv, &missing)) store_columns(&csv);
    csv_rewind(&csv, csv.header);
    while (csv_next_row(&csv))
        for (int64_t i = 0; i < csv.columns; i++) csv_text(&csv, i, &length);
    csv_close(&csv);
}

static void read_json(Ctx *c, const uint8_t *data, size_t size) {
    JsonReader r;
    char *text = malloc(size + 1);
    if (!text) return;
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    if (json_begin(c, &r, text, (int64_t)size))
        while (json_next(&r) > JSON_END) continue;
    json_free(&r);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    Tensor t;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    Ctx *c = ctx_new();
    if (fd < 0 || !c || write(fd, data, size) != (ssize_t)size) abort();
    c->mem.limit_bytes = limit;
    c->threads = 1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_safetensors(c, path);
    read_npz(c, path);
    read_csv(c, path);
    read_json(c, data, size);
    if (npy_read(c, &t, "fuzz", path)) tensor_release(&t);
    if (idx_read(c, &t, "fuzz", path)) tensor_release(&t);
    if (c->mem.blocks.live_bytes != 0) abort(); /* a reader left something behind */
    close(fd);
    ctx_free(c);
    return 0;
}

#ifndef LIBFUZZER
static uint64_t state = 88172645463325252u;

static uint64_t random_below(uint64_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

/* Changes, inserts, removes or copies a few bytes; returns the new size, at most `room`. */
static size_t damage(uint8_t *data, size_t size, size_t room) {
    static const char pieces[][20] = {"\"",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      ",",
                                      ":",
                                      "-1",
                                      "0",
                                      "9223372036854775807",
                                      "\\u",
                                      "1e9",
                                      "\xff\xff\xff\xff",
                                      "\n",
                                      "'"};
    for (uint64_t n = 1 + random_below(4); n > 0 && size > 0; n--) {
        size_t at = random_below(size), length = 1 + random_below(8);
        const char *piece = pieces[random_below(sizeof pieces / sizeof *pieces)];
        size_t inserted = strnlen(piece, sizeof *pieces);
        switch (random_below(5)) {
        case 0:
            data[at] = (uint8_t)random_below(256);
            break;
        case 1:
            data[at] ^= (uint8_t)(1u << random_below(8));
            break;
        case 2:
            if (length > size - at) length = size - at;
            memmove(data + at, data + at + length, size - at - length);
            size -= length;
            break;
        case 3:
            if (size + inserted > room) break;
            memmove(data + at + inserted, data + at, size - at);
            memcpy(data + at, piece, inserted);
            size += inserted;
            break;
        default:
            size = at;
        }
    }
    return size;
}

static uint8_t *read_file(const char *path, size_t *size, size_t extra) {
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    *size = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = malloc(*size + extra);
    if (!data || fread(data, 1, *size, f) != *size) {
        perror(path);
        exit(1);
    }
    fclose(f);
    return data;
}

/* Every allocation fails once: that of the limit's size class and those after it. */
static void starve(const uint8_t *data, size_t size) {
    enum { STEP = 64, MOST = 128 << 10 };
    int64_t usual = limit;
    for (limit = STEP; limit < MOST; limit += STEP) LLVMFuzzerTestOneInput(data, size);
    limit = usual;
}

int main(int argc, char **argv) {
    enum { EXTRA = 256 };
    long copies = 0;
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "-n") == 0) {
        copies = atol(argv[2]);
        first = 3;
    }
    for (int i = first; i < argc; i++) {
        size_t size;
        uint8_t *data = read_file(argv[i], &size, EXTRA), *copy = malloc(size + EXTRA);
        if (!copy) return 1;
        LLVMFuzzerTestOneInput(data, size);
        starve(data, size);
        for (long n = 0; n < copies; n++) {
            memcpy(copy, data, size);
            LLVMFuzzerTestOneInput(copy, damage(copy, size, size + EXTRA));
        }
        printf("%s: %ld damaged copies\n", argv[i], copies);
        free(copy);
        free(data);
    }
    return 0;
}
#endif
