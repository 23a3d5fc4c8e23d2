/* Products of a few rows with a matrix that is read once: in float32, half precision that is widened, 8 or 4 bits.

   An output's sum has the same order whatever the number of rows, so that a row's result does not depend on the others.
   At 8 and 4 bits inputs are rounded row by row and block by block, as ONNX Runtime's MatMulNBits does. */

#include "_fused.h"

INLINE __m512 widened(const struct linear *linear, size_t at, int kind) {
    if (kind == HALF)
        return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)((const uint16_t *)linear->weights + at)));
    return _mm512_loadu_ps((const float *)linear->weights + at);
}

INLINE void keep(const struct linear *linear, __m512 sum, int panel, float *out) {
    sum = _mm512_add_ps(sum, _mm512_loadu_ps(linear->bias + panel * LANES));
    if (linear->rectified)
        sum = _mm512_max_ps(sum, _mm512_setzero_ps());
    _mm512_storeu_ps(out + panel * LANES, sum);
}

INLINE void float_tile(const int rows, const int panels, int kind, const struct linear *linear, const float *x,
                       size_t width, int panel, float *out) {
    const int inputs = linear->inputs, outputs = linear->outputs;
    const size_t stride = (size_t)inputs * LANES, base = panel * stride;
    __m512 even[8][PANELS], odd[8][PANELS]; /* rows x panels of them */
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int n = 0; n < panels; n++) even[m][n] = odd[m][n] = _mm512_setzero_ps();
    }
    for (int k = 0; k < inputs; k += 2) {
        UNROLL for (int n = 0; n < panels; n++) {
            const size_t at = base + n * stride + (size_t)k * LANES;
            const __m512 first = widened(linear, at, kind), second = widened(linear, at + LANES, kind);
            UNROLL for (int m = 0; m < rows; m++) {
                const float *row = x + m * width + k;
                even[m][n] = _mm512_fmadd_ps(_mm512_set1_ps(row[0]), first, even[m][n]);
                odd[m][n] = _mm512_fmadd_ps(_mm512_set1_ps(row[1]), second, odd[m][n]);
            }
        }
    }
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int n = 0; n < panels; n++)
            keep(linear, _mm512_add_ps(even[m][n], odd[m][n]), panel + n, out + (size_t)m * outputs);
    }
}

/* Four inputs of 16 outputs, as values from 0; at 4 bits two such groups share 64 bytes. */
INLINE __m512i unpacked(const uint8_t *block, int group, int kind) {
    if (kind == INT8)
        return _mm512_loadu_si512(block + group * 64);
    const __m512i both = _mm512_loadu_si512(block + (group & 3) * 64);
    return _mm512_and_si512(group < 4 ? both : _mm512_srli_epi16(both, 4), _mm512_set1_epi8(15));
}

INLINE void bit_tile(const int rows, const int panels, int kind, const struct linear *linear,
                     const struct rounded *rounded, int row, int panel, float *out) {
    const int inputs = linear->inputs, outputs = linear->outputs, blocks = inputs / BLOCK;
    const size_t block_bytes = kind == INT8 ? 512 : 256;
    __m512 sums[8][PANELS];
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int n = 0; n < panels; n++) sums[m][n] = _mm512_setzero_ps();
    }
    for (int b = 0; b < blocks; b++) {
        UNROLL for (int n = 0; n < panels; n++) {
            const size_t at = (size_t)(panel + n) * blocks + b;
            const uint8_t *block = (const uint8_t *)linear->weights + at * block_bytes;
            const __m512 scale = _mm512_loadu_ps(linear->scales + at * LANES);
            __m512i whole[8];
            UNROLL for (int m = 0; m < rows; m++)
                whole[m] = _mm512_set1_epi32(rounded->zeros[(size_t)(row + m) * blocks + b]);
            UNROLL for (int g = 0; g < 8; g++) {
                const __m512i weights = unpacked(block, g, kind);
                UNROLL for (int m = 0; m < rows; m++) {
                    const int8_t *four = rounded->values + (size_t)(row + m) * inputs + b * BLOCK + g * 4;
                    whole[m] = _mm512_dpbusd_epi32(whole[m], weights, _mm512_set1_epi32(*(const int32_t *)four));
                }
            }
            UNROLL for (int m = 0; m < rows; m++) {
                const __m512 both = _mm512_mul_ps(scale, _mm512_set1_ps(rounded->scales[(size_t)(row + m) * blocks + b]));
                sums[m][n] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[m]), both, sums[m][n]);
            }
        }
    }
    UNROLL for (int m = 0; m < rows; m++) {
        UNROLL for (int n = 0; n < panels; n++) keep(linear, sums[m][n], panel + n, out + (size_t)m * outputs);
    }
}

static void round_rows(const float *x, size_t width, int rows, int inputs, int zero, struct rounded *rounded) {
    const int blocks = inputs / BLOCK;
    for (size_t at = 0; at < (size_t)rows * blocks; at++) {
        const float *block = x + at / blocks * width + at % blocks * BLOCK;
        const __m512 low = _mm512_loadu_ps(block), high = _mm512_loadu_ps(block + LANES);
        const float largest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
        const __m512 inverse = _mm512_set1_ps(largest > 0 ? 127.0f / largest : 0.0f);
        const __m512i first = _mm512_cvtps_epi32(_mm512_mul_ps(low, inverse));
        const __m512i second = _mm512_cvtps_epi32(_mm512_mul_ps(high, inverse));
        _mm_storeu_si128((__m128i *)(rounded->values + at * BLOCK), _mm512_cvtsepi32_epi8(first));
        _mm_storeu_si128((__m128i *)(rounded->values + at * BLOCK + LANES), _mm512_cvtsepi32_epi8(second));
        rounded->scales[at] = largest / 127.0f;
        rounded->zeros[at] = -zero * _mm512_reduce_add_epi32(_mm512_add_epi32(first, second));
    }
}

/* One group of panels, all rows; by tiles, then in eights, fours, twos and ones, as many sums as registers hold. */
INLINE void group_of_panels(const struct linear *linear, const float *x, size_t width, int rows,
                            const struct rounded *rounded, int panel, float *out, int kind) {
#define TILES(size, wide)                                                                                              \
    for (; rows - m >= size; m += size) {                                                                              \
        for (int n = 0; n < PANELS; n += wide) {                                                                       \
            if (kind <= HALF)                                                                                          \
                float_tile(size, wide, kind, linear, x + m * width, width, panel + n,                                  \
                           out + (size_t)m * linear->outputs);                                                         \
            else                                                                                                       \
                bit_tile(size, wide, kind, linear, rounded, m, panel + n, out + (size_t)m * linear->outputs);          \
        }                                                                                                              \
    }
    int m = 0;
    if (kind > HALF && rounded->by_tiles) {
        for (; rows - m >= TILE_ROWS; m += TILE_ROWS) {
            for (int n = 0; n < PANELS; n++)
                tile_product(linear, rounded, m, panel + n, out + (size_t)m * linear->outputs);
        }
    }
    TILES(8, 1)
    TILES(4, 2)
    TILES(2, 4)
    TILES(1, 4)
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
