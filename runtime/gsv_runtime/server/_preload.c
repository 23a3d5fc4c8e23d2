/* Locks and errors of tritonserver.
 *
 * 1. Models run in processes of their own and share memory and locks with tritonserver. The Python backend's locks are
 *    robust: whoever takes one whose owner was killed gets it, and is told so by EOWNERDEAD. Boost turns that into an
 *    exception, which leaves a destructor, and tritonserver aborts. Here such a lock is made consistent and is simply
 *    taken; the dead model is noticed and loaded again elsewhere (gsv_runtime/server/model_reloader.py). Only calls from the
 *    backend's library are touched: others may want to know that an owner died.
 * 2. Triton's HTTP endpoint for streams deletes an error, then asks it for its code, and answers 400 to everything
 *    (http_server.cc, GenerateRequestClass::InferResponseComplete). Here the error that a thread deleted last is kept
 *    until the thread deletes another or ends, so that ServerBusy is 503 and VoiceNotFound 404.
 *    It also takes the blame (500, 501) for bodies that are no JSON, for values of another type than their input, and
 *    for `infer` on a model that streams. Here such an error is the client's, 400, and says what to do.
 * 3. Models run in a Python that takes no notice of the locale, and so reads paths as ASCII. Here it is UTF-8.
 */
#include "_preload.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char MODELS_PROGRAM[] = "triton_python_ba"; /* "triton_python_backend_stub", as far as the kernel keeps it */
static const char TAKEN_OVER[] = "gsv.preload lock of a dead process taken over\n";

__attribute__((constructor)) static void read_paths_as_utf8(void)
{
    if (strncmp(program_invocation_short_name, MODELS_PROGRAM, sizeof MODELS_PROGRAM - 1) == 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static int taken_over(int status, pthread_mutex_t *mutex, void *caller)
{
    if (status != EOWNERDEAD || !from_backend(caller))
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

struct TRITONSERVER_Error *TRITONSERVER_ErrorNew(enum code code, const char *message);

/* What Triton says of a client's mistake, with which code, and what is said instead; %s is Triton's own message. */
static const struct {
    enum code code;
    const char *said, *instead;
} MISTAKES[] = {
    {INTERNAL, "failed to parse the request JSON buffer", "InvalidRequest: the body is no JSON object; %s"},
    {INTERNAL, "attempt to access JSON non-",
     "InvalidRequest: a value in the body is not of its input's type, see docs/wire.md; %s"},
    {INTERNAL, "attempt to get members for non-object", "InvalidRequest: the body is no JSON object; %s"},
    {INTERNAL, "attempt to access non-existing", "InvalidRequest: something is missing in the body, see docs/wire.md; %s"},
    {INTERNAL, "Shape does not match true shape", "InvalidRequest: an input has more or fewer values than its shape; %s"},
    {UNSUPPORTED, "HTTP end point doesn't support models with decoupled",
     "InvalidRequest: this model answers with a stream; post to generate_stream, or to generate with streaming=off (%s)"},
    {INTERNAL, "generate expects model to produce exactly 1",
     "InvalidRequest: this text makes several responses; send streaming=off, or post to generate_stream (%s)"},
};

/* Mistakes are found by the program itself; its libraries say the same of other things. */
static int is_of_program(void *caller)
{
    Dl_info from;
    return dladdr(caller, &from) != 0 && strstr(from.dli_fname, ".so") == NULL;
}

EXPORTED struct TRITONSERVER_Error *TRITONSERVER_ErrorNew(enum code code, const char *message)
{
    static __typeof__(&TRITONSERVER_ErrorNew) next;
    if (next == NULL)
        next = NEXT(TRITONSERVER_ErrorNew);
    if (message == NULL || !is_of_program(CALLER))
        return next(code, message);
    for (size_t i = 0; i < sizeof MISTAKES / sizeof MISTAKES[0]; i++) {
        if (code == MISTAKES[i].code && strstr(message, MISTAKES[i].said) != NULL) {
            char told[512];
            snprintf(told, sizeof told, MISTAKES[i].instead, message);
            return next(INVALID_ARG, told);
        }
    }
    return next(code, message);
}
