/* What the parts of the library share that is loaded into tritonserver by LD_PRELOAD (decision 20, preload.py). */
#ifndef GSV_PRELOAD_H
#define GSV_PRELOAD_H

#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)
/* The function of this name that would have been called without us. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Whether code of the Python backend's library has called. */
static inline int from_backend(void *caller)
{
    Dl_info from;
    return dladdr(caller, &from) != 0 && strstr(from.dli_fname, "libtriton_python") != NULL;
}

/* Whether tritonserver's own code has called, which serves HTTP and gRPC. */
static inline int from_server(void *caller)
{
    Dl_info from;
    const char *name = dladdr(caller, &from) == 0 ? NULL : strrchr(from.dli_fname, '/');
    return name != NULL && strcmp(name, "/tritonserver") == 0;
}

struct TRITONSERVER_Error;
enum code { INTERNAL = 1, INVALID_ARG = 3, UNAVAILABLE = 4, UNSUPPORTED = 5 }; /* of TRITONSERVER_Error_Code */

#define MOST_BYTES ((size_t)64 << 20) /* of one input, or of one request over HTTP; a reference has at most 32 MiB */
#define DEEPEST_JSON 4096             /* brackets; the parser of JSON takes about 100 bytes of stack for each */

/* Count how deep `bytes` go, from `depth` on; more than DEEPEST_JSON if they go too deep. */
long json_depth(long depth, const unsigned char *bytes, size_t count);
/* Take note that the connection that this thread has read from last waits for an answer. */
void connection_is_answered_later(void);

#endif
