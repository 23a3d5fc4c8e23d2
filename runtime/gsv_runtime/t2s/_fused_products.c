/* Products of a few rows with a matrix that is read once: in float32, half precision that is widened, 8 or 4 bits.

   An output's sum has the same order whatever the number of rows, so that a row's result does not depend on the others.
   At 8 and 4 bits inputs are rounded row by row and block by block, as ONNX Runtime's MatMulNBits does. */

#include "_fused.h"

INLINE floats widened(const struct linear *linear, size_t at, int kind) {
    if (kind == HALF)
        return load_half((const uint16_t *)linear->weights + at);
    return load((const float *)linear->weights + at);
}

INLINE void keep(const struct linear *linear, floats sum, int panel, float *out) {
    sum = add(sum, load(linear->bias + panel * LANES));
    if (linear->rectified)
        sum = larger(sum, zeros());
    store(out + panel * LANES, sum);
}

/* Sums of each output that are added to in turn: a register's next sum waits for the one before. With few registers
   there is one, and more outputs at once instead. */
#define CHAINS (LANES / 8)

INLINE void float_tile(const int rows, const int panels, int kind, const struct linear *linear, const float *x,
                       size_t width, int panel, float *out) {
    const int inputs = linear->inputs, outputs = linear->outputs;
    const size_t stride = (size_t)inputs * LANES, base = panel * stride;
    floats sums[CHAINS][8][PANELS]; /* rows x panels of them */
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int n = 0; n < panels; n++) {
            UNROLL for (int c = 0; c < CHAINS; c++) sums[c][m][n] = zeros();
        }
    }
    for (int k = 0; k < inputs; k += CHAINS) {
        UNROLL for (int c = 0; c < CHAINS; c++) {
            floats weights[PANELS];
            UNROLL for (int n = 0; n < panels; n++)
                weights[n] = widened(linear, base + n * stride + (size_t)(k + c) * LANES, kind);
            UNROLL for (int m = 0; m < rows; m++) {
                const floats input = all(x[m * width + k + c]);
                UNROLL for (int n = 0; n < panels; n++)
                    sums[c][m][n] = times_add(input, weights[n], sums[c][m][n]);
            }
        }
    }
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int n = 0; n < panels; n++) {
            const floats sum = CHAINS == 2 ? add(sums[0][m][n], sums[CHAINS - 1][m][n]) : sums[0][m][n];
            keep(linear, sum, panel + n, out + (size_t)m * outputs);
        }
    }
}

/* Four inputs of a panel's outputs, as values from 0; at 4 bits two such groups share their bytes. */
INLINE ints unpacked(const uint8_t *block, int group, int kind) {
    if (kind == INT8)
        return load_bytes(block + group * 4 * LANES);
    const ints both = load_bytes(block + (group & 3) * 4 * LANES);
    return group < 4 ? low_halves(both) : high_halves(both);
}

/* Groups of a block, unrolled where there are registers for what the compiler then reads ahead. */
#if LANES == 16
#define GROUPS UNROLL
#else
#define GROUPS _Pragma("GCC unroll 1")
#endif

INLINE void bit_tile(const int rows, const int panels, int kind, const struct linear *linear,
                     const struct rounded *rounded, int row, int panel, float *out) {
    const int inputs = linear->inputs, outputs = linear->outputs, blocks = inputs / BLOCK;
    const size_t block_bytes = kind == INT8 ? BLOCK * LANES : BLOCK * LANES / 2;
    floats sums[8][PANELS];
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int n = 0; n < panels; n++) sums[m][n] = zeros();
    }
    for (int b = 0; b < blocks; b++) {
        UNROLL for (int n = 0; n < panels; n++) {
            const size_t at = (size_t)(panel + n) * blocks + b;
            const uint8_t *block = (const uint8_t *)linear->weights + at * block_bytes;
            const floats scale = load(linear->scales + at * LANES);
            ints whole[8];
            UNROLL for (int m = 0; m < rows; m++)
                whole[m] = all_ints(rounded->zeros[(size_t)(row + m) * blocks + b]);
            GROUPS for (int g = 0; g < 8; g++) {
                const ints weights = unpacked(block, g, kind);
                UNROLL for (int m = 0; m < rows; m++) {
                    const activation *four = rounded->values + (size_t)(row + m) * inputs + b * BLOCK + g * 4;
                    whole[m] = add_products(whole[m], weights, four);
                }
            }
            UNROLL for (int m = 0; m < rows; m++) {
                const floats both = times(scale, all(rounded->scales[(size_t)(row + m) * blocks + b]));
                sums[m][n] = times_add(as_floats(whole[m]), both, sums[m][n]);
            }
        }
    }
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int n = 0; n < panels; n++) keep(linear, sums[m][n], panel + n, out + (size_t)m * outputs);
    }
}

#define LEAST_ROUNDED 1e-30f /* less is nothing; 127 / x has to be a number */

static void round_rows(const float *x, size_t width, int rows, int inputs, int zero, struct rounded *rounded) {
    const int blocks = inputs / BLOCK;
    for (size_t at = 0; at < (size_t)rows * blocks; at++) {
        const float *block = x + at / blocks * width + at % blocks * BLOCK;
        floats parts[BLOCK / LANES], most = zeros(), odd = zeros();
        UNROLL for (int part = 0; part < BLOCK / LANES; part++) {
            parts[part] = load(block + part * LANES);
            most = larger(most, size_of(parts[part]));
            odd = add(odd, subtract(parts[part], parts[part])); /* 0, or no number where one is not finite */
        }
        const float largest = largest_of(most);
        const floats inverse = all(largest > LEAST_ROUNDED ? 127.0f / largest : 0.0f);
        ints sum = all_ints(0);
        UNROLL for (int part = 0; part < BLOCK / LANES; part++) {
            const ints values = nearest(larger(times(parts[part], inverse), all(-127.0f)));
            store_rounded(rounded->values + at * BLOCK + part * LANES, values);
            sum = add_ints(sum, values);
        }
        rounded->scales[at] = largest / 127.0f + sum_of(odd); /* so that whoever reads the answer is told */
        rounded->zeros[at] = -zero * sum_of_ints(sum);
    }
}

/* Of so many panels in floating point, those at 8 bits: with few registers one, whose sums stay in them. */
#define BIT_PANELS(wide) (LANES == 16 ? (wide) : 1)

/* One group of panels, all rows; by tiles, then in ever fewer, as many sums as registers hold. */
INLINE void group_of_panels(const struct linear *linear, const float *x, size_t width, int rows,
                            const struct rounded *rounded, int panel, float *out, int kind) {
#define TILES(size, wide)                                                                                              \
    for (; rows - m >= size; m += size) {                                                                              \
        float *const rows_out = out + (size_t)m * linear->outputs;                                                     \
        if (kind <= HALF)                                                                                              \
            for (int n = 0; n < PANELS; n += wide)                                                                     \
                float_tile(size, wide, kind, linear, x + m * width, width, panel + n, rows_out);                       \
        else                                                                                                           \
            for (int n = 0; n < PANELS; n += BIT_PANELS(wide))                                                         \
                bit_tile(size, BIT_PANELS(wide), kind, linear, rounded, m, panel + n, rows_out);                       \
    }
    int m = 0;
    if (kind > HALF && rounded->by_tiles) {
        for (; rows - m >= TILE_ROWS; m += TILE_ROWS) {
            for (int n = 0; n < PANELS; n++)
                tile_product(linear, rounded, m, panel + n, out + (size_t)m * linear->outputs);
        }
    }
#if LANES == 16
    TILES(8, 1)
    TILES(4, 2)
    TILES(2, 4)
    TILES(1, 4)
#else
    TILES(6, 2)
    TILES(4, 2)
    TILES(2, 4)
    TILES(1, 8)
#endif
#undef TILES
}

void multiply(const struct linear *linear, const float *x, size_t width, int rows, struct rounded *rounded, float *out,
              int thread, int threads) {
    const int groups = linear->outputs / (LANES * PANELS);
    if (linear->kind > HALF)
        round_rows(x, width, rows, linear->inputs, linear->kind == INT8 ? 128 : 8, rounded);
    for (int group = groups * thread / threads; group < groups * (thread + 1) / threads; group++) {
        const int panel = group * PANELS;
        switch (linear->kind) {
        case FLOAT32: group_of_panels(linear, x, width, rows, rounded, panel, out, FLOAT32); break;
        case HALF: group_of_panels(linear, x, width, rows, rounded, panel, out, HALF); break;
        case INT8: group_of_panels(linear, x, width, rows, rounded, panel, out, INT8); break;
        default: group_of_panels(linear, x, width, rows, rounded, panel, out, INT4);
        }
    }
}
