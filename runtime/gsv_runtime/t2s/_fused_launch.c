/* Several steps with the draws of their tokens, without Python between them.

   A draw is that of sampling.py: the same operations in the same order, in float32, so that the same tokens come of the
   same logits. Only top_p is left to it. */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "_fused.h"

#define BLOCKED (-__builtin_inff())

/* Of S slots and n rows, those slots that take part; V tokens, with EOS last. See fused_launch.py. */
struct launch {
    int32_t steps, span, rows, vocabulary, width, hidden, least_tokens;
    float longest_s; /* no further step is begun that would end later */
    const float *embedding, *positions; /* [V][hidden], [..][hidden] */
    const float *noise;                 /* [steps][S][V] */
    const int32_t *slots, *limits, *top_k;                  /* [n] */
    int32_t *tokens, *token_positions, *places, *generated; /* [n], moved on */
    const float *temperature, *penalty;                     /* [n] */
    uint8_t *present;                                       /* [n][V], moved on */
    int64_t *drawn;                                         /* [steps][S] */
    uint8_t *active, *ended, *finite;                       /* [steps][S]; zeros come in */
};

/* Room for the rows of a step. */
struct room {
    float *x, *logits, *kept, *largest;
    int32_t *going, *slots, *places, *visible; /* `going`: rows that have not ended */
};

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

/* Put the root of a heap, its least number at the root, where it belongs. */
static void sink(float *heap, int size, float value) {
    int at = 0;
    for (int child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= value)
            break;
        heap[at] = heap[child];
    }
    heap[at] = value;
}

/* The k-th largest of `count` numbers; `heap` has room for k. */
static float kth_largest(const float *values, int count, int k, float *heap) {
    for (int i = 0; i < k; i++)
        heap[i] = BLOCKED;
    for (int i = 0; i < count; i++) {
        if (values[i] > heap[0])
            sink(heap, k, values[i]);
    }
    return heap[0];
}

static int is_finite(const float *values, int count) {
    int good = 1;
    for (int i = 0; i < count; i++)
        good &= __builtin_isfinite(values[i]);
    return good;
}

static int place_of_largest(const float *values, int count) {
    int best = 0;
    for (int i = 1; i < count; i++)
        best = values[i] > values[best] ? i : best;
    return best;
}

/* Draw the next token of a row; whether it has come to its end. */
static int draw(const struct launch *launch, int row, const float *noise, const float *logits, const struct room *room,
                int *token) {
    const int count = launch->vocabulary, eos = count - 1;
    const float penalty = launch->penalty[row], temperature = launch->temperature[row];
    const uint8_t *present = launch->present + (size_t)row * count;
    float *kept = room->kept;
    for (int i = 0; i < count; i++) {
        const float lessened = logits[i] < 0 ? logits[i] * penalty : logits[i] / penalty;
        kept[i] = present[i] ? lessened : logits[i];
    }
    if (launch->generated[row] < launch->least_tokens)
        kept[eos] = BLOCKED;
    const int likeliest = place_of_largest(kept, count);
    for (int i = 0; i < count; i++)
        kept[i] /= temperature;
    const float most = kept[likeliest];
    const int k = launch->top_k[row] < count ? launch->top_k[row] : count;
    const float least = kth_largest(kept, count, k, room->largest);
    for (int i = 0; i < count; i++)
        kept[i] = kept[i] < least ? BLOCKED : kept[i] - most + noise[i];
    *token = place_of_largest(kept, count);
    return *token == eos || likeliest == eos;
}

/* Rows that have not ended, ready for a step; how many. */
static int gather(const struct launch *launch, int going, struct room *room) {
    const int hidden = launch->hidden;
    for (int i = 0; i < going; i++) {
        const int row = room->going[i];
        const float *token = launch->embedding + (size_t)launch->tokens[row] * hidden;
        const float *position = launch->positions + (size_t)launch->token_positions[row] * hidden;
        for (int d = 0; d < hidden; d++)
            room->x[(size_t)i * hidden + d] = token[d] + position[d];
        room->slots[i] = launch->slots[row];
        room->places[i] = launch->places[row];
        room->visible[i] = launch->places[row] + 1;
    }
    return going;
}

/* Take what a row's step left; whether it goes on. */
static int take(const struct launch *launch, int step, int row, const float *logits, const struct room *room) {
    const int at = step * launch->span + launch->slots[row];
    launch->active[at] = 1;
    launch->finite[at] = is_finite(logits, launch->vocabulary);
    if (!launch->finite[at])
        return 0;
    int token;
    launch->ended[at] = draw(launch, row, launch->noise + (size_t)at * launch->vocabulary, logits, room, &token);
    launch->drawn[at] = launch->tokens[row] = token;
    launch->present[(size_t)row * launch->vocabulary + token] = 1;
    launch->token_positions[row]++;
    launch->places[row]++;
    return !launch->ended[at] && ++launch->generated[row] < launch->limits[row];
}

static void *piece_of(char **memory, size_t bytes) {
    char *piece = *memory;
    *memory += (bytes + 63) / 64 * 64;
    return piece;
}

/* Whether a step that takes as long as those before it ends in time. */
static int is_time(const struct launch *launch, int done, double passed_s) {
    return done == 0 || passed_s * (done + 1) <= (double)launch->longest_s * done;
}

/* Take steps until all rows have ended or time is up, at least one; how many, or -1 where memory ran out. */
EXPORTED int gsv_fused_launch(struct engine *engine, const struct launch *launch) {
    const size_t n = launch->rows, floats_of_row = launch->hidden + launch->width;
    char *const memory = malloc(4 * (n * (floats_of_row + 4) + 2 * (size_t)launch->vocabulary) + 64 * 8);
    if (memory == NULL)
        return -1;
    char *rest = memory;
    struct room room;
    room.x = piece_of(&rest, 4 * n * launch->hidden);
    room.logits = piece_of(&rest, 4 * n * launch->width);
    room.kept = piece_of(&rest, 4 * (size_t)launch->vocabulary);
    room.largest = piece_of(&rest, 4 * (size_t)launch->vocabulary);
    room.going = piece_of(&rest, 4 * n);
    room.slots = piece_of(&rest, 4 * n);
    room.places = piece_of(&rest, 4 * n);
    room.visible = piece_of(&rest, 4 * n);
    int going = launch->rows, done = 0;
    for (int row = 0; row < going; row++)
        room.going[row] = row;
    const double began_s = now_s();
    while (going > 0 && done < launch->steps && is_time(launch, done, now_s() - began_s)) {
        const int count = gather(launch, going, &room);
        if (gsv_fused_run(engine, count, 0, room.x, room.slots, room.places, room.visible, room.logits)) {
            done = -1;
            break;
        }
        going = 0;
        for (int i = 0; i < count; i++) {
            const int row = room.going[i];
            if (take(launch, done, row, room.logits + (size_t)i * launch->width, &room))
                room.going[going++] = row;
        }
        done++;
    }
    free(memory);
    return done;
}
