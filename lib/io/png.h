/* Writing PNG images of 8 bits a channel. W3C's Portable Network Graphics (2003). */
#ifndef APSIS_IO_PNG_H
#define APSIS_IO_PNG_H

#include "io/buffer.h"

enum { PNG_MOST = 1 << 15 /* pixels in a row or column */ };

/* Appends the image of width x height pixels of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) bytes, row by
 * row from the top. Deflated with zlib, stored as they are in a build without it. */
bool png_encode(Buffer *to, int64_t width, int64_t height, int channels, const void *pixels);
/* Writes it to a file; as every file here, atomically. */
bool png_save(Ctx *c, const char *op, const char *path, int64_t width, int64_t height, int channels,
              const void *pixels);

#endif
