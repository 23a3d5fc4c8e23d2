/* Two repairs of tritonserver, loaded into it by LD_PRELOAD (decision 20, gsv_runtime/server/preload.py).
 *
 * 1. Models run in processes of their own and share memory and locks with tritonserver. The Python backend's locks are
 *    robust: whoever takes one whose owner was killed gets it, and is told so by EOWNERDEAD. Boost turns that into an
 *    exception, which leaves a destructor, and tritonserver aborts. Here such a lock is made consistent and is simply
 *    taken; the dead model is noticed and loaded again elsewhere (gsv_runtime/server/model_reloader.py). Only calls from the
 *    backend's library are touched: others may want to know that an owner died.
 * 2. Triton's HTTP endpoint for streams deletes an error, then asks it for its code, and answers 400 to everything
 *    (http_server.cc, GenerateRequestClass::InferResponseComplete). Here the error that a thread deleted last is kept
 *    until the thread deletes another or ends, so that ServerBusy is 503 and VoiceNotFound 404.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char BACKEND[] = "libtriton_python";
static const char TAKEN_OVER[] = "gsv.preload lock of a dead process taken over\n";

#define EXPORTED __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)
/* The function of this name that would have been called without us. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int taken_over(int status, pthread_mutex_t *mutex, void *caller)
{
    Dl_info from;
    if (status != EOWNERDEAD || dladdr(caller, &from) == 0 || strstr(from.dli_fname, BACKEND) == NULL)
        return status;
    if (write(STDERR_FILENO, TAKEN_OVER, sizeof TAKEN_OVER - 1) < 0) {
        /* nobody to tell */
    }
    return pthread_mutex_consistent(mutex);
}

EXPORTED int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static __typeof__(&pthread_mutex_lock) next;
    if (next == NULL)
        next = NEXT(pthread_mutex_lock);
    return taken_over(next(mutex), mutex, CALLER);
}

EXPORTED int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
    static __typeof__(&pthread_mutex_timedlock) next;
    if (next == NULL)
        next = NEXT(pthread_mutex_timedlock);
    return taken_over(next(mutex, until), mutex, CALLER);
}

/* Waiting for a condition ends by taking the lock again. */
EXPORTED int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex)
{
    static __typeof__(&pthread_cond_wait) next;
    if (next == NULL)
        next = NEXT(pthread_cond_wait);
    return taken_over(next(condition, mutex), mutex, CALLER);
}

struct TRITONSERVER_Error;
void TRITONSERVER_ErrorDelete(struct TRITONSERVER_Error *error);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t last_deleted; /* of each thread */
static __typeof__(&TRITONSERVER_ErrorDelete) delete_error;

static void delete_kept(void *error)
{
    delete_error(error);
}

static void prepare(void)
{
    delete_error = NEXT(TRITONSERVER_ErrorDelete);
    pthread_key_create(&last_deleted, delete_kept);
}

EXPORTED void TRITONSERVER_ErrorDelete(struct TRITONSERVER_Error *error)
{
    pthread_once(&once, prepare);
    struct TRITONSERVER_Error *before = pthread_getspecific(last_deleted);
    pthread_setspecific(last_deleted, error);
    if (before != NULL)
        delete_error(before);
}
