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
    const size_t size = (size_t)network->cache_rows * network->head_dim;
    return (((size_t)layer * network->slots + slot) * network->heads + head) * size;
}

static __m512 cached(const void *cache, size_t at, int half) {
    if (half)
        return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)((const uint16_t *)cache + at)));
    return _mm512_loadu_ps((const float *)cache + at);
}

void remember(const struct network *network, int layer, int head, int64_t slot, int64_t row, const float *key,
              const float *value) {
    const int size = network->head_dim;
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

/* Which of the 16 rows from `row` on are visible. */
static __mmask16 seen(int64_t visible, int64_t row) {
    const int64_t left = visible - row;
    return left >= LANES ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
}

/* Scores of the rows that any query sees; `best` gets the largest of each. Keys are read once for all queries. */
INLINE void score(const struct network *network, size_t base, const int32_t *visible, const int count,
                  const float *queries, size_t width, float *scores, float *best) {
    const int size = network->head_dim;
    const float scale = 1.0f / __builtin_sqrtf((float)size);
    int64_t most = 0;
    __m512 largest[QUERIES];
    UNROLL for (int q = 0; q < count; q++) {
        most = visible[q] > most ? visible[q] : most;
        largest[q] = _mm512_set1_ps(-__builtin_inff());
    }
    for (int64_t row = 0; row < most; row += LANES) {
        const size_t at = base + (size_t)row * size;
        __m512 even[QUERIES], odd[QUERIES];
        UNROLL for (int q = 0; q < count; q++) even[q] = odd[q] = _mm512_setzero_ps();
        for (int d = 0; d < size; d += 2) {
            const size_t lane = at + (size_t)d * LANES;
            const __m512 first = cached(network->keys, lane, network->half_cache);
            const __m512 second = cached(network->keys, lane + LANES, network->half_cache);
            UNROLL for (int q = 0; q < count; q++) {
                const float *query = queries + q * width + d;
                even[q] = _mm512_fmadd_ps(_mm512_set1_ps(query[0]), first, even[q]);
                odd[q] = _mm512_fmadd_ps(_mm512_set1_ps(query[1]), second, odd[q]);
            }
        }
        UNROLL for (int q = 0; q < count; q++) {
            const __m512 found = _mm512_mul_ps(_mm512_add_ps(even[q], odd[q]), _mm512_set1_ps(scale));
            const __mmask16 real = seen(visible[q], row);
            _mm512_storeu_ps(scores + q * network->cache_rows + row, found);
            largest[q] = _mm512_mask_max_ps(largest[q], real, largest[q], found);
        }
    }
    UNROLL for (int q = 0; q < count; q++) best[q] = _mm512_reduce_max_ps(largest[q]);
}

/* Scores to weights that add up to what is returned; those of rows that are not seen are 0. */
static float weigh(float *scores, int64_t visible, float best) {
    __m512 total = _mm512_setzero_ps();
    for (int64_t row = 0; row < visible; row += LANES) {
        const __m512 above = _mm512_sub_ps(_mm512_loadu_ps(scores + row), _mm512_set1_ps(best));
        const __m512 weight = _mm512_maskz_mov_ps(seen(visible, row), exponential(above));
        _mm512_storeu_ps(scores + row, weight);
        total = _mm512_add_ps(total, weight);
    }
    return _mm512_reduce_add_ps(total);
}

/* Sums of the values of 16 channels by weight: rows in fours, then the rest, whatever others see. */
INLINE void sum_values(const struct network *network, size_t base, const int32_t *visible, const int count,
                       const float *weights, const float *shares, float *out, size_t out_width) {
    const int size = network->head_dim;
    int64_t common = visible[0];
    UNROLL for (int q = 1; q < count; q++) common = visible[q] < common ? visible[q] : common;
    common -= common % 4;
    __m512 sums[QUERIES][4];
    UNROLL for (int q = 0; q < count; q++) {
        UNROLL for (int part = 0; part < 4; part++) sums[q][part] = _mm512_setzero_ps();
    }
    for (int64_t row = 0; row < common; row += 4) {
        UNROLL for (int part = 0; part < 4; part++) {
            const __m512 value = cached(network->values, base + (size_t)(row + part) * size, network->half_cache);
            UNROLL for (int q = 0; q < count; q++) {
                const float weight = weights[q * network->cache_rows + row + part];
                sums[q][part] = _mm512_fmadd_ps(_mm512_set1_ps(weight), value, sums[q][part]);
            }
        }
    }
    UNROLL for (int q = 0; q < count; q++) {
        const float *own = weights + q * network->cache_rows;
        const int64_t whole = visible[q] - visible[q] % 4;
        for (int64_t row = common; row < visible[q]; row++) {
            const __m512 value = cached(network->values, base + (size_t)row * size, network->half_cache);
            const int part = row < whole ? row % 4 : 0;
            sums[q][part] = _mm512_fmadd_ps(_mm512_set1_ps(own[row]), value, sums[q][part]);
        }
        const __m512 sum = _mm512_add_ps(_mm512_add_ps(sums[q][0], sums[q][1]), _mm512_add_ps(sums[q][2], sums[q][3]));
        _mm512_storeu_ps(out + q * out_width, _mm512_mul_ps(sum, _mm512_set1_ps(shares[q])));
    }
}

INLINE void attend_from(const struct network *network, size_t base, const int32_t *visible, const int count,
                        const float *queries, size_t width, float *scores, float *out, size_t out_width) {
    float best[QUERIES], shares[QUERIES];
    score(network, base, visible, count, queries, width, scores, best);
    for (int q = 0; q < count; q++)
        shares[q] = 1.0f / weigh(scores + q * network->cache_rows, visible[q], best[q]);
    for (int d = 0; d < network->head_dim; d += LANES)
        sum_values(network, base + d, visible, count, scores, shares, out + d, out_width);
}

void attend(const struct network *network, int layer, int head, int64_t slot, const int32_t *visible, int count,
            const float *queries, size_t width, float *scores, float *out, size_t out_width) {
    const size_t base = head_of(network, layer, head, slot);
    int q = 0;
    if (count == QUERIES) {
        attend_from(network, base, visible, QUERIES, queries, width, scores, out, out_width);
        q = QUERIES;
    }
    for (; q < count; q++)
        attend_from(network, base, visible + q, 1, queries + q * width, width, scores, out + q * out_width, out_width);
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
