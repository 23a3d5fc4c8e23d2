/* Threads that work on one job together and meet some hundred times in it.

   They spin while a job lasts, and for a while after it, because the next step comes soon; then they sleep. */

#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "_fused.h"

#define SPINS_OF_A_MEETING 2000  /* some 40 us; then another process has the core of who is late */
#define SPINS_OF_IDLENESS 6000   /* about 0.1 ms, as SPIN_US of session.py */

/* A count that threads wait for. */
struct signal {
    atomic_uint count;
    atomic_int sleepers;
};

struct team {
    int size, closing;
    pthread_t *threads;
    job work;
    void *argument;
    atomic_int arrived;
    struct signal meeting, number; /* how many meetings and jobs there were */
};

struct member {
    struct team *team;
    int index;
};

int team_size(const struct team *team) { return team->size; }

/* Wait until the count is no longer `seen`; spin at first, then sleep. */
static void await(struct signal *signal, unsigned seen, int most_spins) {
    for (int spins = 0; spins < most_spins; spins++) {
        if (atomic_load_explicit(&signal->count, memory_order_acquire) != seen)
            return;
        _mm_pause();
    }
    atomic_fetch_add(&signal->sleepers, 1);
    while (atomic_load(&signal->count) == seen) /* the kernel looks again before it lets us sleep */
        syscall(SYS_futex, &signal->count, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    atomic_fetch_sub(&signal->sleepers, 1);
}

static void advance(struct signal *signal) {
    atomic_fetch_add(&signal->count, 1);
    if (atomic_load(&signal->sleepers) > 0)
        syscall(SYS_futex, &signal->count, FUTEX_WAKE_PRIVATE, 1 << 20, NULL, NULL, 0);
}

void team_meet(struct team *team) {
    const unsigned seen = atomic_load_explicit(&team->meeting.count, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 < team->size) {
        await(&team->meeting, seen, SPINS_OF_A_MEETING);
        return;
    }
    atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
    advance(&team->meeting);
}

static void *serve(void *argument) {
    struct member member = *(struct member *)argument;
    free(argument);
    for (unsigned done = 0;; done++) {
        await(&member.team->number, done, SPINS_OF_IDLENESS);
        if (member.team->closing)
            return NULL;
        member.team->work(member.team->argument, member.index);
        team_meet(member.team);
    }
}

void team_run(struct team *team, job work, void *argument) {
    team->work = work;
    team->argument = argument;
    advance(&team->number);
    work(argument, 0);
    team_meet(team);
}

void team_close(struct team *team) {
    team->closing = 1;
    advance(&team->number);
    for (int index = 1; index < team->size; index++)
        pthread_join(team->threads[index], NULL);
    free(team->threads);
    free(team);
}

struct team *team_open(int size) {
    struct team *team = calloc(1, sizeof *team);
    if (team == NULL)
        return NULL;
    team->threads = calloc(size, sizeof *team->threads);
    for (team->size = 1; team->threads != NULL && team->size < size; team->size++) {
        struct member *member = malloc(sizeof *member);
        if (member == NULL)
            break;
        *member = (struct member){team, team->size};
        if (pthread_create(&team->threads[team->size], NULL, serve, member) != 0) {
            free(member);
            break; /* fewer threads do the same work */
        }
    }
    return team;
}
