/* npy (one array) and npz (a zip of them), NumPy's formats:
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef APSIS_IO_NPY_H
#define APSIS_IO_NPY_H

#include "io/source.h"
#include "io/writer.h"
#include "io/zip.h"

/* Reads a file as a tensor; Fortran order gives a tensor with such strides, without a copy. u16 and u32
 * become i32 and i64, u64 i64 where it fits. Objects, strings, complex numbers and records are refused. */
bool npy_read(Ctx *c, Tensor *out, const char *op, const char *path);
/* Writes one, atomically. bf16 has no npy dtype: false. */
bool npy_save(Ctx *c, const char *op, const char *path, const Tensor *t);

/* Reads entry i of a zip file, which must be an npy file. */
bool npz_read(const Zip *z, int64_t i, Tensor *out);

typedef struct NpzItem {
    const char *name; /* without .npy */
    int64_t length;
    const Tensor *tensor; /* on the CPU, any strides */
} NpzItem;
/* Writes a zip file without compression, atomically, like numpy.savez. */
bool npz_save(Ctx *c, const char *op, const char *path, const NpzItem *items, int64_t n);

#endif
