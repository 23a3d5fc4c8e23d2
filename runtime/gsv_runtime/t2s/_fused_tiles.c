/* Products of many rows at 8 or 4 bits by the tiles of AMX, which multiply 16 rows by 16 outputs at once.

   The sums are those of _fused_products.c, bit for bit: integers within a block, then blocks in their order. */

#include "_fused.h"

#if LANES == 16 && defined(__linux__) && __GNUC__ >= 11
#pragma GCC target("amx-tile,amx-int8")
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REQUEST_PERMISSION 0x1023 /* ARCH_REQ_XCOMP_PERM: Linux saves tiles only of processes that have asked */
#define TILE_DATA 18
#define AMX_TILE_BIT (1u << 24)
#define AMX_INT8_BIT (1u << 25)

/* Tiles 0 and 3 are sums, 1 and 4 activations of a block, 2 and 5 its weights: two blocks are under way at once. */
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} SHAPES __attribute__((aligned(64))) = {
    .palette = 1,
    .row_bytes = {4 * LANES, BLOCK, 4 * LANES, 4 * LANES, BLOCK, 4 * LANES},
    .rows = {TILE_ROWS, TILE_ROWS, BLOCK / 4, TILE_ROWS, TILE_ROWS, BLOCK / 4},
};

int tiles_open(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & AMX_TILE_BIT) || !(d & AMX_INT8_BIT))
        return 0;
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

void tiles_begin(void) { _tile_loadconfig(&SHAPES); }

void tiles_end(void) { _tile_release(); }

static const uint8_t *unpacked_block(const uint8_t *block, int kind, uint8_t *room) {
    if (kind == INT8)
        return block;
    const __m512i low = _mm512_set1_epi8(15);
    for (int part = 0; part < 4; part++) {
        const __m512i both = _mm512_loadu_si512(block + part * 64);
        _mm512_store_si512(room + part * 64, _mm512_and_si512(both, low));
        _mm512_store_si512(room + (part + 4) * 64, _mm512_and_si512(_mm512_srli_epi16(both, 4), low));
    }
    __asm__ volatile("" ::: "memory"); /* the compiler does not know that a tile is loaded from here */
    return room;
}

void tile_product(const struct linear *linear, const struct rounded *rounded, int row, int panel, float *out) {
    const int blocks = linear->inputs / BLOCK;
    const size_t block_bytes = linear->kind == INT8 ? BLOCK * LANES : BLOCK * LANES / 2;
    const uint8_t *weights = (const uint8_t *)linear->weights + (size_t)panel * blocks * block_bytes;
    const float *scales = linear->scales + (size_t)panel * blocks * LANES;
    const int8_t *values = rounded->values + (size_t)row * linear->inputs;
    const float *row_scales = rounded->scales + (size_t)row * blocks;
    const int32_t *row_zeros = rounded->zeros + (size_t)row * blocks;
    int32_t whole[2][TILE_ROWS * LANES] __attribute__((aligned(64)));
    uint8_t room[2][BLOCK * LANES] __attribute__((aligned(64)));
    __m512 sums[TILE_ROWS];
    for (int m = 0; m < TILE_ROWS; m++)
        sums[m] = _mm512_setzero_ps();
    for (int b = 0; b <= blocks; b++) {
        if (b < blocks) {
            const uint8_t *block = unpacked_block(weights + b * block_bytes, linear->kind, room[b & 1]);
            if (b & 1) {
                _tile_zero(3);
                _tile_loadd(4, values + b * BLOCK, linear->inputs);
                _tile_loadd(5, block, 4 * LANES);
                _tile_dpbsud(3, 4, 5);
                _tile_stored(3, whole[1], 4 * LANES);
            } else {
                _tile_zero(0);
                _tile_loadd(1, values + b * BLOCK, linear->inputs);
                _tile_loadd(2, block, 4 * LANES);
                _tile_dpbsud(0, 1, 2);
                _tile_stored(0, whole[0], 4 * LANES);
            }
        }
        if (b > 0) { /* the block before, while this one is multiplied */
            const int done = b - 1;
            const __m512 scale = _mm512_loadu_ps(scales + (size_t)done * LANES);
#pragma GCC unroll 16
            for (int m = 0; m < TILE_ROWS; m++) {
                const __m512i found = _mm512_add_epi32(_mm512_load_si512(whole[done & 1] + m * LANES),
                                                       _mm512_set1_epi32(row_zeros[(size_t)m * blocks + done]));
                const __m512 both = _mm512_mul_ps(scale, _mm512_set1_ps(row_scales[(size_t)m * blocks + done]));
                sums[m] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(found), both, sums[m]);
            }
        }
    }
    const __m512 bias = _mm512_loadu_ps(linear->bias + panel * LANES);
#pragma GCC unroll 16
    for (int m = 0; m < TILE_ROWS; m++) {
        __m512 sum = _mm512_add_ps(sums[m], bias);
        if (linear->rectified)
            sum = _mm512_max_ps(sum, _mm512_setzero_ps());
        _mm512_storeu_ps(out + (size_t)m * linear->outputs + panel * LANES, sum);
    }
}

#else /* a compiler that does not know tiles, or CPUs that have none */

int tiles_open(void) { return 0; }
void tiles_begin(void) {}
void tiles_end(void) {}
void tile_product(const struct linear *linear, const struct rounded *rounded, int row, int panel, float *out) {
    (void)linear, (void)rounded, (void)row, (void)panel, (void)out;
}

#endif
