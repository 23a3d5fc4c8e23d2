/* Requests on their way into tritonserver, and what becomes of them when a model's process dies.
 *
 * 1. A request is refused before a model's memory is touched: as one of too many in flight
 *    (docs/triton-findings.md, finding 34), with a shape that would make the HTTP endpoint take terabytes (9), or with
 *    more bytes than any model takes.
 * 2. A process that dies leaves the requests that it was to answer later unanswered for ever (6). When the
 *    reloader has the dead model unloaded, they are ended here with an error, whoever their client is.
 */
#include "_preload.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

struct TRITONSERVER_Server;
struct TRITONSERVER_InferenceRequest;
struct TRITONSERVER_InferenceTrace;
struct TRITONSERVER_BufferAttributes;
struct TRITONBACKEND_Request;
struct TRITONBACKEND_Response;
struct TRITONBACKEND_ResponseFactory;
struct TRITONSERVER_InferenceResponse;
struct TRITONSERVER_ResponseAllocator;
typedef struct TRITONSERVER_Error Error;
typedef struct TRITONSERVER_InferenceRequest Request;
typedef struct TRITONBACKEND_ResponseFactory Factory;

/* Triton's own, as its headers declare them. */
Error *TRITONSERVER_ErrorNew(int code, const char *message);
void TRITONSERVER_ErrorDelete(Error *error);
Error *TRITONSERVER_InferenceRequestNew(Request **request, struct TRITONSERVER_Server *server, const char *model,
                                        int64_t version);
Error *TRITONSERVER_InferenceRequestDelete(Request *request);
Error *TRITONSERVER_InferenceRequestAddInput(Request *request, const char *name, int dtype, const int64_t *shape,
                                             uint64_t dims);
Error *TRITONSERVER_InferenceRequestAppendInputData(Request *request, const char *name, const void *base, size_t size,
                                                    int memory_type, int64_t memory_id);
Error *TRITONSERVER_BufferAttributesSetByteSize(struct TRITONSERVER_BufferAttributes *attributes, size_t size);
Error *TRITONSERVER_ServerInferAsync(struct TRITONSERVER_Server *server, Request *request,
                                     struct TRITONSERVER_InferenceTrace *trace);
Error *TRITONSERVER_ServerLoadModel(struct TRITONSERVER_Server *server, const char *model);
Error *TRITONSERVER_ServerUnloadModel(struct TRITONSERVER_Server *server, const char *model);
typedef void (*Complete)(struct TRITONSERVER_InferenceResponse *response, uint32_t flags, void *whose);
Error *TRITONSERVER_InferenceRequestSetResponseCallback(Request *request, struct TRITONSERVER_ResponseAllocator *allocator,
                                                        void *for_allocator, Complete complete, void *whose);
Error *TRITONSERVER_InferenceResponseDelete(struct TRITONSERVER_InferenceResponse *response);
Error *TRITONBACKEND_RequestRelease(struct TRITONBACKEND_Request *request, uint32_t flags);
Error *TRITONBACKEND_ResponseFactoryNew(Factory **factory, struct TRITONBACKEND_Request *request);
Error *TRITONBACKEND_ResponseFactoryDelete(Factory *factory);
Error *TRITONBACKEND_ResponseNewFromFactory(struct TRITONBACKEND_Response **response, Factory *factory);
Error *TRITONBACKEND_ResponseSend(struct TRITONBACKEND_Response *response, uint32_t flags, Error *error);

#define MOST_IN_FLIGHT 512                /* of clients; `tts` and `voices` answer at most 72 at once */
#define MOST_ELEMENTS ((int64_t)1 << 24)  /* of one input; the largest has a million, and a batch eight of them */
#define TOO_MANY_BYTES "InvalidRequest: the request has more than 64 MiB; send less at once"
#define FINAL 1                           /* flag of the last response */

/* Who waits for a request's responses. */
struct listener {
    Complete complete;
    void *whose;
    int ended; /* the last response has come */
    int kept;  /* was ended here: Triton may still have a response for it, so that it is never freed */
};

/* A request from its making to its release, or what answers it after that. */
struct entry {
    struct entry *next;
    const void *key;     /* the request, or the factory of its responses that the backend has */
    const void *request; /* of an answer */
    Factory *ours;       /* one that lives as long as the backend's */
    struct listener *listener;
    int released;        /* the model has taken it and answers later: nothing in Triton answers in its place */
    size_t bytes;
    int of_client;
    char model[64];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *requests, *answers;
static int in_flight; /* entries of clients */

static struct entry **find(struct entry **list, const void *key)
{
    while (*list != NULL && (*list)->key != key)
        list = &(*list)->next;
    return list;
}

static struct entry *take_out(struct entry **list, const void *key)
{
    pthread_mutex_lock(&lock);
    struct entry **place = find(list, key), *found = *place;
    if (found != NULL) {
        *place = found->next;
        in_flight -= found->of_client;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

static void put_in(struct entry **list, struct entry values)
{
    struct entry *entry = malloc(sizeof *entry);
    if (entry == NULL)
        return;
    *entry = values;
    pthread_mutex_lock(&lock);
    entry->next = *list;
    *list = entry;
    in_flight += entry->of_client;
    pthread_mutex_unlock(&lock);
}

static Error *refusal(int code, const char *message)
{
    return NEXT(TRITONSERVER_ErrorNew)(code, message);
}

EXPORTED Error *TRITONSERVER_InferenceRequestNew(Request **request, struct TRITONSERVER_Server *server,
                                                 const char *model, int64_t version)
{
    int of_client = !from_backend(CALLER);
    if (of_client && __atomic_load_n(&in_flight, __ATOMIC_RELAXED) >= MOST_IN_FLIGHT)
        return refusal(UNAVAILABLE, "ServerBusy: too many requests are in flight; retry after 1.0 s");
    Error *error = NEXT(TRITONSERVER_InferenceRequestNew)(request, server, model, version);
    if (error == NULL) {
        struct entry values = {.key = *request, .of_client = of_client};
        snprintf(values.model, sizeof values.model, "%s", model);
        put_in(&requests, values);
    }
    return error;
}

EXPORTED Error *TRITONSERVER_InferenceRequestDelete(Request *request)
{
    free(take_out(&requests, request));
    return NEXT(TRITONSERVER_InferenceRequestDelete)(request);
}

EXPORTED Error *TRITONSERVER_InferenceRequestAddInput(Request *request, const char *name, int dtype,
                                                      const int64_t *shape, uint64_t dims)
{
    int64_t elements = 1;
    for (uint64_t axis = 0; axis < dims; axis++) {
        if (shape[axis] < 0 || shape[axis] > MOST_ELEMENTS || (elements *= shape[axis]) > MOST_ELEMENTS)
            return refusal(INVALID_ARG, "InvalidRequest: an input has more than 16777216 elements; send less at once");
    }
    return NEXT(TRITONSERVER_InferenceRequestAddInput)(request, name, dtype, shape, dims);
}

EXPORTED Error *TRITONSERVER_InferenceRequestAppendInputData(Request *request, const char *name, const void *base,
                                                             size_t size, int memory_type, int64_t memory_id)
{
    pthread_mutex_lock(&lock);
    struct entry *entry = *find(&requests, request);
    int too_many = size > MOST_BYTES || (entry != NULL && (entry->bytes += size) > MOST_BYTES);
    int of_client = entry != NULL && entry->of_client;
    pthread_mutex_unlock(&lock);
    if (too_many && of_client)
        return refusal(INVALID_ARG, TOO_MANY_BYTES);
    return NEXT(TRITONSERVER_InferenceRequestAppendInputData)(request, name, base, size, memory_type, memory_id);
}

/* gRPC says by this how large an input is that it appends next. */
EXPORTED Error *TRITONSERVER_BufferAttributesSetByteSize(struct TRITONSERVER_BufferAttributes *attributes, size_t size)
{
    if (size > MOST_BYTES && from_server(CALLER))
        return refusal(INVALID_ARG, TOO_MANY_BYTES);
    return NEXT(TRITONSERVER_BufferAttributesSetByteSize)(attributes, size);
}

EXPORTED Error *TRITONSERVER_ServerInferAsync(struct TRITONSERVER_Server *server, Request *request,
                                              struct TRITONSERVER_InferenceTrace *trace)
{
    connection_is_answered_later();
    return NEXT(TRITONSERVER_ServerInferAsync)(server, request, trace);
}

EXPORTED Error *TRITONSERVER_ServerLoadModel(struct TRITONSERVER_Server *server, const char *model)
{
    connection_is_answered_later();
    return NEXT(TRITONSERVER_ServerLoadModel)(server, model);
}

EXPORTED Error *TRITONBACKEND_ResponseFactoryNew(Factory **factory, struct TRITONBACKEND_Request *request)
{
    static __typeof__(&TRITONBACKEND_ResponseFactoryNew) next;
    if (next == NULL)
        next = NEXT(TRITONBACKEND_ResponseFactoryNew);
    Error *error = next(factory, request);
    if (error != NULL)
        return error;
    struct entry answer = {0};
    pthread_mutex_lock(&lock);
    struct entry *entry = *find(&requests, request);
    if (entry != NULL) {
        answer = *entry;
        in_flight -= answer.of_client; /* its answer counts now: gRPC keeps a request until its client has read that */
        entry->of_client = 0;
    }
    pthread_mutex_unlock(&lock);
    Error *failed = answer.listener == NULL ? NULL : next(&answer.ours, request);
    if (failed != NULL)
        NEXT(TRITONSERVER_ErrorDelete)(failed);
    else if (answer.listener != NULL) {
        answer.key = *factory;
        answer.request = request;
        put_in(&answers, answer);
    }
    return NULL;
}

EXPORTED Error *TRITONBACKEND_RequestRelease(struct TRITONBACKEND_Request *request, uint32_t flags)
{
    pthread_mutex_lock(&lock);
    for (struct entry *entry = answers; entry != NULL; entry = entry->next)
        entry->released |= entry->request == request;
    pthread_mutex_unlock(&lock);
    return NEXT(TRITONBACKEND_RequestRelease)(request, flags);
}

/* Take note that the last response has come: what would answer the request is no more to be ended here. */
static void forget_answer_for(struct listener *listener)
{
    pthread_mutex_lock(&lock);
    struct entry **place = &answers, *found;
    while (*place != NULL && (*place)->listener != listener)
        place = &(*place)->next;
    if ((found = *place) != NULL) {
        *place = found->next;
        in_flight -= found->of_client;
    }
    pthread_mutex_unlock(&lock);
    if (found != NULL)
        NEXT(TRITONBACKEND_ResponseFactoryDelete)(found->ours);
    free(found);
}

static void responded(struct TRITONSERVER_InferenceResponse *response, uint32_t flags, void *whose)
{
    struct listener *listener = whose;
    int is_last = (flags & FINAL) != 0;
    if (is_last ? __atomic_exchange_n(&listener->ended, 1, __ATOMIC_ACQ_REL)
                : __atomic_load_n(&listener->ended, __ATOMIC_ACQUIRE)) {
        if (response != NULL) /* comes after the end */
            NEXT(TRITONSERVER_InferenceResponseDelete)(response);
        return;
    }
    if (is_last)
        forget_answer_for(listener);
    listener->complete(response, flags, listener->whose);
    if (is_last && !listener->kept)
        free(listener);
}

EXPORTED Error *TRITONSERVER_InferenceRequestSetResponseCallback(Request *request,
                                                                 struct TRITONSERVER_ResponseAllocator *allocator,
                                                                 void *for_allocator, Complete complete, void *whose)
{
    struct listener *listener = malloc(sizeof *listener);
    if (listener == NULL)
        return refusal(UNAVAILABLE, "ServerBusy: no memory is left; retry after 1.0 s");
    *listener = (struct listener){.complete = complete, .whose = whose};
    Error *error = NEXT(TRITONSERVER_InferenceRequestSetResponseCallback)(request, allocator, for_allocator, responded,
                                                                          listener);
    if (error != NULL) {
        free(listener);
        return error;
    }
    pthread_mutex_lock(&lock);
    struct entry *entry = *find(&requests, request);
    if (entry != NULL)
        entry->listener = listener;
    pthread_mutex_unlock(&lock);
    return NULL;
}

EXPORTED Error *TRITONBACKEND_ResponseFactoryDelete(Factory *factory)
{
    static __typeof__(&TRITONBACKEND_ResponseFactoryDelete) next;
    if (next == NULL)
        next = NEXT(TRITONBACKEND_ResponseFactoryDelete);
    struct entry *entry = take_out(&answers, factory);
    if (entry != NULL)
        next(entry->ours);
    free(entry);
    return next(factory);
}

/* Whether a process of some model has died and has not been buried. */
static int a_child_has_died(void)
{
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

static void end_with_an_error(struct entry *entry)
{
    char message[160];
    snprintf(message, sizeof message, "InternalError: the process of stage %s has died; it is started again; try again",
             entry->model);
    struct TRITONBACKEND_Response *response = NULL;
    Error *error = NEXT(TRITONSERVER_ErrorNew)(INTERNAL, message);
    Error *failed = NEXT(TRITONBACKEND_ResponseNewFromFactory)(&response, entry->ours);
    if (failed == NULL)
        failed = NEXT(TRITONBACKEND_ResponseSend)(response, FINAL, error);
    if (failed != NULL)
        NEXT(TRITONSERVER_ErrorDelete)(failed);
    NEXT(TRITONSERVER_ErrorDelete)(error);
    NEXT(TRITONBACKEND_ResponseFactoryDelete)(entry->ours);
}

static void end_answers_of(const char *model)
{
    struct entry *ended = NULL;
    pthread_mutex_lock(&lock);
    for (struct entry **place = &answers, *entry; (entry = *place) != NULL;) {
        if (!entry->released || strcmp(entry->model, model) != 0) {
            place = &entry->next;
            continue;
        }
        *place = entry->next;
        in_flight -= entry->of_client;
        entry->listener->kept = 1;
        entry->next = ended;
        ended = entry;
    }
    pthread_mutex_unlock(&lock);
    for (struct entry *entry; (entry = ended) != NULL; free(entry)) {
        ended = entry->next;
        end_with_an_error(entry);
    }
}

EXPORTED Error *TRITONSERVER_ServerUnloadModel(struct TRITONSERVER_Server *server, const char *model)
{
    connection_is_answered_later();
    if (a_child_has_died())
        end_answers_of(model);
    return NEXT(TRITONSERVER_ServerUnloadModel)(server, model);
}
