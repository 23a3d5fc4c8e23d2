/* T2S on a CPU with AVX-512 or AVX2: all layers of a step in one call, between two meetings of its threads a product.

   The library is opened by fused_library.py; nothing in it knows of Python. */

#include <stdlib.h>
#include <string.h>

#include "_fused.h"

#define ALIGNMENT 64

struct thread_memory {
    float *x;      /* [M][hidden]: every thread has its own, and so need not wait for a norm */
    float *scores; /* [QUERIES][rows] */
    struct rounded rounded;
};

struct engine {
    struct network network;
    struct team *team;
    int by_tiles; /* whether there are tiles */
    int room;     /* rows that the memory below is for */
    struct thread_memory *own;
    float *qkv, *attended, *expanded, *change;
    /* of the call that is running */
    int rows, scored_from;
    const float *input;
    const int32_t *slots, *places, *visible;
    float *logits;
};

static void *reserve(size_t bytes) {
    void *memory = NULL;
    return posix_memalign(&memory, ALIGNMENT, bytes) ? NULL : memory;
}

static void give_back(struct engine *engine) {
    for (int thread = 0; thread < team_size(engine->team); thread++) {
        struct thread_memory *own = &engine->own[thread];
        void *parts[] = {own->x, own->scores, own->rounded.values, own->rounded.scales, own->rounded.zeros};
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            free(parts[i]);
        memset(own, 0, sizeof *own);
    }
    free(engine->qkv), free(engine->attended), free(engine->expanded), free(engine->change);
    engine->qkv = engine->attended = engine->expanded = engine->change = NULL;
    engine->room = 0;
}

static int widest(const struct engine *engine) {
    const int wide = engine->network.layers[0].expand.outputs;
    return wide > engine->network.hidden ? wide : engine->network.hidden;
}

/* Have room for so many rows; whether there is. */
static int make_room(struct engine *engine, int rows) {
    if (rows <= engine->room)
        return 1;
    give_back(engine);
    const struct network *network = &engine->network;
    const size_t hidden = network->hidden, wide = widest(engine);
    int made = (engine->qkv = reserve(4 * rows * (size_t)network->layers[0].qkv.outputs)) != NULL;
    made &= (engine->attended = reserve(4 * rows * hidden)) != NULL;
    made &= (engine->expanded = reserve(4 * rows * wide)) != NULL;
    made &= (engine->change = reserve(4 * rows * hidden)) != NULL;
    for (int thread = 0; thread < team_size(engine->team); thread++) {
        struct thread_memory *own = &engine->own[thread];
        made &= (own->x = reserve(4 * rows * hidden)) != NULL;
        made &= (own->scores = reserve(4 * QUERIES * network->cache_rows)) != NULL;
        made &= (own->rounded.values = reserve(sizeof(activation) * rows * wide)) != NULL;
        made &= (own->rounded.scales = reserve(4 * rows * wide / BLOCK)) != NULL;
        made &= (own->rounded.zeros = reserve(4 * rows * wide / BLOCK)) != NULL;
        own->rounded.by_tiles = engine->by_tiles;
    }
    if (made)
        engine->room = rows;
    else
        give_back(engine);
    return made;
}

/* Rows from `row` on that attend to one slot, as many as may at once. */
static int of_one_slot(const struct engine *engine, int row) {
    int count = 1;
    while (count < QUERIES && row + count < engine->rows && engine->slots[row + count] == engine->slots[row])
        count++;
    return count;
}

/* Heads of a thread: write their keys and values of all rows, and attend from those after `first`. */
static void attend_heads(struct engine *engine, int layer, int first, int thread) {
    const struct network *network = &engine->network;
    const int size = network->head_dim, all = network->heads * size, threads = team_size(engine->team);
    const size_t width = network->layers[layer].qkv.outputs;
    for (int head = network->heads * thread / threads; head < network->heads * (thread + 1) / threads; head++) {
        for (int row = 0; row < engine->rows; row++) {
            const float *key = engine->qkv + row * width + all + head * size;
            remember(network, layer, head, engine->slots[row], engine->places[row], key, key + all);
        }
        for (int row = first, count; row < engine->rows; row += count) {
            count = of_one_slot(engine, row);
            attend(network, layer, head, engine->slots[row], engine->visible + row, count,
                   engine->qkv + row * width + head * size, width, engine->own[thread].scores,
                   engine->attended + (size_t)row * all + head * size, all);
        }
    }
}

static void forward(void *argument, int thread) {
    struct engine *engine = argument;
    const struct network *network = &engine->network;
    struct thread_memory *own = &engine->own[thread];
    const int hidden = network->hidden, threads = team_size(engine->team);
    const int all = network->heads * network->head_dim;
    memcpy(own->x, engine->input, 4 * (size_t)engine->rows * hidden);
    const int by_tiles = engine->by_tiles && engine->rows >= TILE_ROWS;
    if (by_tiles)
        tiles_begin();
    for (int index = 0; index < network->num_layers; index++) {
        const struct layer *layer = &network->layers[index];
        multiply(&layer->qkv, own->x, hidden, engine->rows, &own->rounded, engine->qkv, thread, threads);
        team_meet(engine->team);
        /* Nobody reads what the other rows of the last layer would become. */
        const int first = index == network->num_layers - 1 ? engine->scored_from : 0, rows = engine->rows - first;
        float *x = own->x + (size_t)first * hidden;
        attend_heads(engine, index, first, thread);
        team_meet(engine->team);
        multiply(&layer->attention_output, engine->attended + (size_t)first * all, all, rows, &own->rounded,
                 engine->change, thread, threads);
        team_meet(engine->team);
        add_and_norm(x, engine->change, &layer->attention_norm, rows, hidden);
        multiply(&layer->expand, x, hidden, rows, &own->rounded, engine->expanded, thread, threads);
        team_meet(engine->team);
        multiply(&layer->contract, engine->expanded, layer->expand.outputs, rows, &own->rounded, engine->change, thread,
                 threads);
        team_meet(engine->team);
        add_and_norm(x, engine->change, &layer->feed_forward_norm, rows, hidden);
    }
    multiply(&network->head, own->x + (size_t)engine->scored_from * hidden, hidden,
             engine->rows - engine->scored_from, &own->rounded, engine->logits, thread, threads);
    if (by_tiles)
        tiles_end();
}

/* Open an engine; what `network` points to must live as long. Null if there is no memory. */
EXPORTED struct engine *gsv_fused_open(const struct network *network, int threads) {
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->network = *network;
    engine->by_tiles = tiles_open();
    engine->team = team_open(threads);
    if (engine->team != NULL)
        engine->own = calloc(team_size(engine->team), sizeof *engine->own);
    if (engine->own == NULL) {
        if (engine->team != NULL)
            team_close(engine->team);
        free(engine);
        return NULL;
    }
    return engine;
}

EXPORTED int gsv_fused_run(struct engine *engine, int rows, int scored_from, const float *input, const int32_t *slots,
                           const int32_t *places, const int32_t *visible, float *logits) {
    if (!make_room(engine, rows))
        return -1;
    engine->rows = rows;
    engine->scored_from = scored_from;
    engine->input = input;
    engine->slots = slots;
    engine->places = places;
    engine->visible = visible;
    engine->logits = logits;
    team_run(engine->team, forward, engine);
    return 0;
}

EXPORTED void gsv_fused_close(struct engine *engine) {
    give_back(engine);
    team_close(engine->team);
    free(engine->own);
    free(engine);
}

/* SHA-256 of the sources that this was compiled from; setup.py gives it. */
EXPORTED const char *gsv_fused_sources(void) { return FUSED_SOURCES; }
