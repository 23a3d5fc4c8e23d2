/* T2S on a CPU with AVX-512 or AVX2: what the parts of the fused engine share. See fused_engine.py for the whole.

   Axis letters: M rows of a call, K inputs and N outputs of a product. */

#ifndef GSV_FUSED_H
#define GSV_FUSED_H

#include <stddef.h>

#include "_fused_lanes.h"

/* A panel has LANES outputs. A group of panels is the least that a thread takes. */
#define GROUP 64
#define PANELS (GROUP / LANES)
#define BLOCK 32           /* inputs that share a scale */
#define TILE_ROWS 16       /* of activations that a tile of AMX holds */
#define QUERIES (LANES / 4) /* of one slot that attend together, as many as registers hold */
#define NORM_EPSILON 1e-5f

enum { FLOAT32, HALF, INT8, INT4 };

/* A product, its weights in panels of L = LANES outputs: [N/L][K][L], or at 8 bits [N/L][K/32][8][L][4]. */
struct linear {
    int32_t kind, inputs, outputs; /* outputs are padded to whole groups */
    int32_t rectified;             /* whether negative results become 0 */
    const void *weights;
    const float *scales; /* [N/L][K/32][L]; null in floating point */
    const float *bias;   /* [N] */
};

struct norm {
    const float *gain, *bias;
};

struct layer {
    struct linear qkv, attention_output, expand, contract;
    struct norm attention_norm, feed_forward_norm;
};

struct network {
    int32_t num_layers, hidden, heads, head_dim, half_cache; /* heads x head_dim: the width of attention */
    int64_t slots, cache_rows; /* rows are a multiple of LANES */
    const struct layer *layers;
    struct linear head;
    void *keys;   /* [layers][slots][heads][rows/L][head_dim][L] */
    void *values; /* [layers][slots][heads][rows][head_dim] */
};

/* A matrix of activations, at 8 bits too where a product wants them so. */
struct rounded {
    activation *values; /* [M][K] */
    float *scales;      /* [M][K/32] */
    int32_t *zeros;     /* [M][K/32]: what a block's sum is too large by, since weights are stored from 0 on; negative */
    int by_tiles;   /* whether this CPU multiplies many rows by tiles */
};

struct team; /* of threads */
typedef void (*job)(void *argument, int thread);

#define HIDDEN __attribute__((visibility("hidden")))
#define EXPORTED __attribute__((visibility("default")))

HIDDEN struct team *team_open(int size);
HIDDEN void team_run(struct team *team, job work, void *argument);
HIDDEN void team_meet(struct team *team); /* every thread waits for all others */
HIDDEN void team_close(struct team *team);
HIDDEN int team_size(const struct team *team);

/* Outputs that thread `thread` of `threads` makes of `x`, into [M][N] `out`. Rows of x are `width` apart, and their
   first K are read. `rounded` has room for them. */
HIDDEN void multiply(const struct linear *linear, const float *x, size_t width, int rows, struct rounded *rounded,
                     float *out, int thread, int threads);

/* Products by tiles (_fused_tiles.c): whether there are any here; before and after the products of a thread; outputs of
   one panel for 16 rows. */
HIDDEN int tiles_open(void);
HIDDEN void tiles_begin(void);
HIDDEN void tiles_end(void);
HIDDEN void tile_product(const struct linear *linear, const struct rounded *rounded, int row, int panel, float *out);

/* Write a head's key and value of one row of a slot. */
HIDDEN void remember(const struct network *network, int layer, int head, int64_t slot, int64_t row, const float *key,
                     const float *value);

/* Attend from `count` queries, at most QUERIES, to the first `visible` rows of a slot. Queries are `width` apart, results
   `out_width`; `scores` has room for all rows of the cache, once a query. */
HIDDEN void attend(const struct network *network, int layer, int head, int64_t slot, const int32_t *visible, int count,
                   const float *queries, size_t width, float *scores, float *out, size_t out_width);

/* x becomes the normalised sum of x and change, [M][hidden]. */
HIDDEN void add_and_norm(float *x, const float *change, const struct norm *norm, int rows, int hidden);

struct engine; /* of the whole (_fused.c) */

/* Put rows through all layers; 0, or -1 where memory ran out.

   `input` is [M][hidden]; each row is written to place `places` of slot `slots`, and sees that slot's first `visible`.
   `logits` gets [M - scored_from][vocabulary, padded]. */
EXPORTED int gsv_fused_run(struct engine *engine, int rows, int scored_from, const float *input, const int32_t *slots,
                           const int32_t *places, const int32_t *visible, float *logits);

#endif
