/* Attention over a slot of the cache, and the normalisation after it.

   Keys lie in blocks of 16 rows with the rows innermost, so that 16 scores are made at once; values lie row by row. */

#include "_fused.h"

static __m512 exponential(__m512 x) { /* of numbers up to 0; relative error below 2e-7 */
    x = _mm512_max_ps(x, _mm512_set1_ps(-87.0f));
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504088896341f)), 0);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.0f / 5040);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 720));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 120));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 24));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 6));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(_mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f)), n);
}

static size_t head_of(const struct network *network, int layer, int head, int64_t slot) {
    const size_t size = (size_t)network->cache_rows * (network->hidden / network->heads);
    return (((size_t)layer * network->slots + slot) * network->heads + head) * size;
}

static __m512 cached(const void *cache, size_t at, int half) {
    if (half)
        return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)((const uint16_t *)cache + at)));
    return _mm512_loadu_ps((const float *)cache + at);
}

void remember(const struct network *network, int layer, int head, int64_t slot, int64_t row, const float *key,
              const float *value) {
    const int size = network->hidden / network->heads;
    const size_t base = head_of(network, layer, head, slot);
    const size_t keys = base + (size_t)(row / LANES) * size * LANES + row % LANES, values = base + (size_t)row * size;
    for (int d = 0; d < size; d++) {
        if (network->half_cache)
            ((uint16_t *)network->keys)[keys + (size_t)d * LANES] = _cvtss_sh(key[d], 0);
        else
            ((float *)network->keys)[keys + (size_t)d * LANES] = key[d];
    }
    for (int d = 0; d < size; d += LANES) {
        const __m512 lanes = _mm512_loadu_ps(value + d);
        if (network->half_cache)
            _mm256_storeu_si256((__m256i *)((uint16_t *)network->values + values + d), _mm512_cvtps_ph(lanes, 0));
        else
            _mm512_storeu_ps((float *)network->values + values + d, lanes);
    }
}

/* Scores of all visible rows; returns the largest. */
static float score(const struct network *network, size_t base, int64_t visible, const float *query, float *scores) {
    const int size = network->hidden / network->heads;
    const float scale = 1.0f / __builtin_sqrtf((float)size);
    __m512 best = _mm512_set1_ps(-__builtin_inff());
    for (int64_t row = 0; row < visible; row += LANES) {
        const size_t at = base + (size_t)row * size;
        __m512 even = _mm512_setzero_ps(), odd = even;
        for (int d = 0; d < size; d += 2) {
            const size_t lane = at + (size_t)d * LANES;
            even = _mm512_fmadd_ps(_mm512_set1_ps(query[d]), cached(network->keys, lane, network->half_cache), even);
            odd = _mm512_fmadd_ps(_mm512_set1_ps(query[d + 1]), cached(network->keys, lane + LANES, network->half_cache), odd);
        }
        const __m512 found = _mm512_mul_ps(_mm512_add_ps(even, odd), _mm512_set1_ps(scale));
        const __mmask16 real = visible - row >= LANES ? 0xffff : (__mmask16)((1u << (visible - row)) - 1);
        _mm512_storeu_ps(scores + row, _mm512_mask_blend_ps(real, _mm512_set1_ps(-__builtin_inff()), found));
        best = _mm512_mask_max_ps(best, real, best, found);
    }
    return _mm512_reduce_max_ps(best);
}

void attend(const struct network *network, int layer, int head, int64_t slot, int64_t visible, const float *query,
            float *scores, float *out) {
    const int size = network->hidden / network->heads;
    const size_t base = head_of(network, layer, head, slot);
    const __m512 best = _mm512_set1_ps(score(network, base, visible, query, scores));
    __m512 total = _mm512_setzero_ps();
    for (int64_t row = 0; row < visible; row += LANES) {
        const __m512 found = _mm512_loadu_ps(scores + row);
        const __mmask16 real = visible - row >= LANES ? 0xffff : (__mmask16)((1u << (visible - row)) - 1);
        const __m512 weight = _mm512_maskz_mov_ps(real, exponential(_mm512_sub_ps(found, best)));
        _mm512_storeu_ps(scores + row, weight);
        total = _mm512_add_ps(total, weight);
    }
    const __m512 share = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(total));
    for (int d = 0; d < size; d += LANES) {
        __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
        int64_t row = 0;
        for (; row + 4 <= visible; row += 4)
            for (int part = 0; part < 4; part++) {
                const __m512 value = cached(network->values, base + (size_t)(row + part) * size + d, network->half_cache);
                sums[part] = _mm512_fmadd_ps(_mm512_set1_ps(scores[row + part]), value, sums[part]);
            }
        for (; row < visible; row++) {
            const __m512 value = cached(network->values, base + (size_t)row * size + d, network->half_cache);
            sums[0] = _mm512_fmadd_ps(_mm512_set1_ps(scores[row]), value, sums[0]);
        }
        const __m512 sum = _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));
        _mm512_storeu_ps(out + d, _mm512_mul_ps(sum, share));
    }
}

void add_and_norm(float *x, const float *change, const struct norm *norm, int rows, int hidden) {
    for (int row = 0; row < rows; row++, x += hidden, change += hidden) {
        __m512 sum = _mm512_setzero_ps(), squares = sum;
        for (int i = 0; i < hidden; i += LANES) {
            const __m512 value = _mm512_add_ps(_mm512_loadu_ps(x + i), _mm512_loadu_ps(change + i));
            _mm512_storeu_ps(x + i, value);
            sum = _mm512_add_ps(sum, value);
        }
        const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / hidden);
        for (int i = 0; i < hidden; i += LANES) {
            const __m512 value = _mm512_sub_ps(_mm512_loadu_ps(x + i), mean);
            squares = _mm512_fmadd_ps(value, value, squares);
        }
        const __m512 scale = _mm512_set1_ps(1.0f / __builtin_sqrtf(_mm512_reduce_add_ps(squares) / hidden + NORM_EPSILON));
        for (int i = 0; i < hidden; i += LANES) {
            const __m512 value = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), mean), scale);
            _mm512_storeu_ps(x + i, _mm512_fmadd_ps(value, _mm512_loadu_ps(norm->gain + i), _mm512_loadu_ps(norm->bias + i)));
        }
    }
}
