/* Attention over a slot of the cache, and the normalisation after it.

   Keys lie in blocks of LANES rows with the rows innermost, so that as many scores are made at once; values lie row by row. */

#include "_fused.h"

static floats exponential(floats x) { /* of numbers up to 0; relative error below 2e-7 */
    x = larger(x, all(-87.0f));
    const floats n = whole(times(x, all(1.44269504088896341f)));
    floats r = add_less(n, all(0.693359375f), x);
    r = add_less(n, all(-2.12194440e-4f), r);
    floats p = all(1.0f / 5040);
    p = times_add(p, r, all(1.0f / 720));
    p = times_add(p, r, all(1.0f / 120));
    p = times_add(p, r, all(1.0f / 24));
    p = times_add(p, r, all(1.0f / 6));
    p = times_add(p, r, all(0.5f));
    p = times_add(p, r, all(1.0f));
    return scaled(times_add(p, r, all(1.0f)), n);
}

static size_t head_of(const struct network *network, int layer, int head, int64_t slot) {
    const size_t size = (size_t)network->cache_rows * network->head_dim;
    return (((size_t)layer * network->slots + slot) * network->heads + head) * size;
}

static floats cached(const void *cache, size_t at, int half) {
    if (half)
        return load_half((const uint16_t *)cache + at);
    return load((const float *)cache + at);
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
        const floats lanes = load(value + d);
        if (network->half_cache)
            store_half((uint16_t *)network->values + values + d, lanes);
        else
            store((float *)network->values + values + d, lanes);
    }
}

/* Scores of the rows that any query sees; `best` gets the largest of each. Keys are read once for all queries. */
INLINE void score(const struct network *network, size_t base, const int32_t *visible, const int count,
                  const float *queries, size_t width, float *scores, float *best) {
    const int size = network->head_dim;
    const float scale = 1.0f / __builtin_sqrtf((float)size);
    int64_t most = 0;
    floats largest[QUERIES];
    UNROLL for (int q = 0; q < count; q++) {
        most = visible[q] > most ? visible[q] : most;
        largest[q] = all(-__builtin_inff());
    }
    for (int64_t row = 0; row < most; row += LANES) {
        const size_t at = base + (size_t)row * size;
        floats even[QUERIES], odd[QUERIES];
        UNROLL for (int q = 0; q < count; q++) even[q] = odd[q] = zeros();
        for (int d = 0; d < size; d += 2) {
            const size_t lane = at + (size_t)d * LANES;
            const floats first = cached(network->keys, lane, network->half_cache);
            const floats second = cached(network->keys, lane + LANES, network->half_cache);
            UNROLL for (int q = 0; q < count; q++) {
                const float *query = queries + q * width + d;
                even[q] = times_add(all(query[0]), first, even[q]);
                odd[q] = times_add(all(query[1]), second, odd[q]);
            }
        }
        UNROLL for (int q = 0; q < count; q++) {
            const floats found = times(add(even[q], odd[q]), all(scale));
            const mask real = first(visible[q] - row);
            store(scores + q * network->cache_rows + row, found);
            largest[q] = larger_where(real, largest[q], found);
        }
    }
    UNROLL for (int q = 0; q < count; q++) best[q] = largest_of(largest[q]);
}

/* Scores to weights that add up to what is returned; those of rows that are not seen are 0. */
static float weigh(float *scores, int64_t visible, float best) {
    floats total = zeros();
    for (int64_t row = 0; row < visible; row += LANES) {
        const floats above = subtract(load(scores + row), all(best));
        const floats weight = only(first(visible - row), exponential(above));
        store(scores + row, weight);
        total = add(total, weight);
    }
    return sum_of(total);
}

/* Sums of the values of LANES channels by weight: rows in fours, then the rest, whatever others see. */
INLINE void sum_values(const struct network *network, size_t base, const int32_t *visible, const int count,
                       const float *weights, const float *shares, float *out, size_t out_width) {
    const int size = network->head_dim;
    int64_t common = visible[0];
    UNROLL for (int q = 1; q < count; q++) common = visible[q] < common ? visible[q] : common;
    common -= common % 4;
    floats sums[QUERIES][4];
    UNROLL for (int q = 0; q < count; q++) {
        UNROLL for (int part = 0; part < 4; part++) sums[q][part] = zeros();
    }
    for (int64_t row = 0; row < common; row += 4) {
        UNROLL for (int part = 0; part < 4; part++) {
            const floats value = cached(network->values, base + (size_t)(row + part) * size, network->half_cache);
            UNROLL for (int q = 0; q < count; q++) {
                const float weight = weights[q * network->cache_rows + row + part];
                sums[q][part] = times_add(all(weight), value, sums[q][part]);
            }
        }
    }
    UNROLL for (int q = 0; q < count; q++) {
        const float *own = weights + q * network->cache_rows;
        const int64_t whole = visible[q] - visible[q] % 4;
        for (int64_t row = common; row < visible[q]; row++) {
            const floats value = cached(network->values, base + (size_t)row * size, network->half_cache);
            const int part = row < whole ? row % 4 : 0;
            sums[q][part] = times_add(all(own[row]), value, sums[q][part]);
        }
        const floats sum = add(add(sums[q][0], sums[q][1]), add(sums[q][2], sums[q][3]));
        store(out + q * out_width, times(sum, all(shares[q])));
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
        floats sum = zeros(), squares = sum;
        for (int i = 0; i < hidden; i += LANES) {
            const floats value = add(load(x + i), load(change + i));
            store(x + i, value);
            sum = add(sum, value);
        }
        const floats mean = all(sum_of(sum) / hidden);
        for (int i = 0; i < hidden; i += LANES) {
            const floats value = subtract(load(x + i), mean);
            squares = times_add(value, value, squares);
        }
        const floats scale = all(1.0f / __builtin_sqrtf(sum_of(squares) / hidden + NORM_EPSILON));
        for (int i = 0; i < hidden; i += LANES) {
            const floats value = times(subtract(load(x + i), mean), scale);
            store(x + i, times_add(value, load(norm->gain + i), load(norm->bias + i)));
        }
    }
}
