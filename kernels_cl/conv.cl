/* What turns convolutions into matrix products (lib/cl/conv.c): im2col, and back. Arrays are contiguous.
 *   X           dtype: f32 or f64
 *   TRANSPOSED  of im2col, 1: a row for each position, columns for taps; 0: a row for each tap */
#include "common.h"

typedef X T;

/* As in core/conv_shape.h; window: the kernel, which is a keyword here. */
typedef struct Shape {
    long n, c, o, groups;
    long in[2], out[2], window[2], stride[2], dilation[2], before[2];
} Shape;

#ifdef KERNEL_im2col
/* cols (images, c * kh * kw, oh * ow), or TRANSPOSED (images, groups, oh * ow, c / groups * kh * kw): for each
 * tap and position the input that it multiplies, from `images` images of x (c, h, w) onwards. */
__kernel void im2col(TENSOR(T, cols), TENSOR(const T, x), const long images, const Shape s) {
    const long id = (long)get_global_id(0);
    const long positions = s.out[0] * s.out[1], taps = s.window[0] * s.window[1];
    const long each = s.c * taps * positions;
    if (id >= images * each) return;
    const long image = id / each;
    long rest = id - image * each, channel, tap, position;
#if TRANSPOSED
    const long depth = s.c / s.groups * taps, group = rest / (positions * depth);
    rest -= group * positions * depth;
    position = rest / depth;
    rest -= position * depth;
    channel = group * (s.c / s.groups) + rest / taps;
    tap = rest % taps;
#else
    position = rest % positions;
    rest /= positions;
    channel = rest / taps;
    tap = rest % taps;
#endif
    const long row = position / s.out[1] * s.stride[0] - s.before[0] + tap / s.window[1] * s.dilation[0];
    const long col = position % s.out[1] * s.stride[1] - s.before[1] + tap % s.window[1] * s.dilation[1];
    T value = 0;
    if (row >= 0 && row < s.in[0] && col >= 0 && col < s.in[1])
        value = AT(x, ((image * s.c + channel) * s.in[0] + row) * s.in[1] + col);
    AT(cols, id) = value;
}
#endif

#ifdef KERNEL_col2im
/* x (images, c, h, w): each element is the sum of the cols (images, c * kh * kw, oh * ow) that im2col took from
 * it. A work-item gathers one element, so there is nothing to race for. */
__kernel void col2im(TENSOR(T, x), TENSOR(const T, cols), const long images, const Shape s) {
    const long id = (long)get_global_id(0);
    if (id >= images * s.c * s.in[0] * s.in[1]) return;
    const long positions = s.out[0] * s.out[1], taps = s.window[0] * s.window[1];
    const long plane = id / (s.in[0] * s.in[1]), at = id - plane * s.in[0] * s.in[1];
    const long row = at / s.in[1] + s.before[0], col = at % s.in[1] + s.before[1];
    T sum = 0;
    for (long a = 0; a < s.window[0]; a++) {
        const long down = row - a * s.dilation[0], i = down / s.stride[0];
        if (down < 0 || i * s.stride[0] != down || i >= s.out[0]) continue;
        for (long b = 0; b < s.window[1]; b++) {
            const long across = col - b * s.dilation[1], j = across / s.stride[1];
            if (across < 0 || j * s.stride[1] != across || j >= s.out[1]) continue;
            sum += AT(cols, (plane * taps + a * s.window[1] + b) * positions + i * s.out[1] + j);
        }
    }
    AT(x, id) = sum;
}
#endif
