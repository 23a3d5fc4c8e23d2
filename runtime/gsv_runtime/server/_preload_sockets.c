/* Connections to tritonserver: clients that do not read, bodies that do not come, and bodies that unpack without end. */
#include "_preload.h"

#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define UNREAD_LIMIT_MS 60000 /* that sent bytes may lie unread before the kernel closes the connection */
#define BODY_LIMIT_S 30       /* that a client may be silent before its request is whole */
#define LOOK_EVERY_S 5
#define TRIM_EVERY 6 /* looks */
#define MOST_CONNECTIONS 65536

/* A connection of an HTTP client, by its file descriptor. */
static struct connection {
    int open;
    int answered_later; /* a request of it is whole, and at work */
    long depth;         /* of the JSON that has come */
    size_t unanswered;  /* bytes that have come since it was last written to */
    int has_asked;      /* whether it was ever written to */
    time_t read_s;
} connections[MOST_CONNECTIONS];

static __thread int last_read = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

long json_depth(long depth, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count && depth <= DEEPEST_JSON; i++) {
        if (bytes[i] == '[' || bytes[i] == '{')
            depth++;
        else if ((bytes[i] == ']' || bytes[i] == '}') && depth > 0)
            depth--;
    }
    return depth;
}

void connection_is_answered_later(void)
{
    if (last_read >= 0)
        connections[last_read].answered_later = 1;
}

static time_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static int is_http(int fd)
{
    const char *port = getenv("GSV_GUARDED_PORT");
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (port == NULL || getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&address)->sin_port) == atoi(port);
    return address.ss_family == AF_INET6 && ntohs(((struct sockaddr_in6 *)&address)->sin6_port) == atoi(port);
}

static void *close_silent(void *unused)
{
    for (int looks = 1;; looks++) {
        sleep(LOOK_EVERY_S);
        if (looks % TRIM_EVERY == 0)
            malloc_trim(0); /* a large request leaves much behind that is free and not given back */
        for (int fd = 0; fd < MOST_CONNECTIONS; fd++) {
            struct connection *at = &connections[fd];
            int waits = at->open && !at->answered_later && (at->unanswered > 0 || !at->has_asked);
            if (waits && now_s() - at->read_s > BODY_LIMIT_S)
                shutdown(fd, SHUT_RDWR);
        }
    }
    return unused;
}

static void start_looking(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, close_silent, NULL) == 0)
        pthread_detach(thread);
}

static int accepted(int fd)
{
    if (fd < 0)
        return fd;
    unsigned limit_ms = UNREAD_LIMIT_MS;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
    if (fd < MOST_CONNECTIONS) {
        connections[fd] = (struct connection){.open = is_http(fd), .read_s = now_s()};
        if (connections[fd].open)
            pthread_once(&once, start_looking);
    }
    return fd;
}

EXPORTED int accept(int listener, struct sockaddr *restrict address, socklen_t *restrict size)
{
    return accepted(NEXT(accept)(listener, address, size));
}

EXPORTED int accept4(int listener, struct sockaddr *restrict address, socklen_t *restrict size, int flags)
{
    return accepted(NEXT(accept4)(listener, address, size, flags));
}

static int is_watched(int fd)
{
    return fd >= 0 && fd < MOST_CONNECTIONS && connections[fd].open;
}

/* libevent reads by this; whoever sends too much or too deep is cut off before anything looks at it. */
EXPORTED ssize_t readv(int fd, const struct iovec *parts, int count)
{
    static __typeof__(&readv) next;
    if (next == NULL)
        next = NEXT(readv);
    ssize_t got = next(fd, parts, count);
    if (got <= 0 || !is_watched(fd))
        return got;
    struct connection *at = &connections[fd];
    last_read = fd;
    at->read_s = now_s();
    at->unanswered += (size_t)got;
    size_t left = (size_t)got;
    for (int part = 0; part < count && left > 0; part++) {
        size_t here = parts[part].iov_len < left ? parts[part].iov_len : left;
        at->depth = json_depth(at->depth, parts[part].iov_base, here);
        left -= here;
    }
    if (at->depth <= DEEPEST_JSON && at->unanswered <= MOST_BYTES + MOST_BYTES / 2)
        return got;
    shutdown(fd, SHUT_RDWR);
    errno = ECONNRESET;
    return -1;
}

/* And writes by this. */
EXPORTED ssize_t writev(int fd, const struct iovec *parts, int count)
{
    static __typeof__(&writev) next;
    if (next == NULL)
        next = NEXT(writev);
    if (is_watched(fd)) {
        struct connection *at = &connections[fd];
        at->answered_later = 0;
        at->has_asked = 1;
        at->depth = 0;
        at->unanswered = 0;
    }
    return next(fd, parts, count);
}

EXPORTED int close(int fd)
{
    static __typeof__(&close) next;
    if (next == NULL)
        next = NEXT(close);
    if (is_watched(fd))
        connections[fd].open = 0;
    return next(fd);
}

/* The beginning of zlib's z_stream, which is all that is looked at. */
struct z_stream {
    const unsigned char *next_in;
    unsigned avail_in;
    unsigned long total_in;
    unsigned char *next_out;
    unsigned avail_out;
    unsigned long total_out;
};
#define Z_STREAM_ERROR (-2) /* the one status at which Triton's reader gives up */
int inflate(struct z_stream *stream, int flush);

/* The function that a caller other than tritonserver means: of the library that it was linked with, as Python's is. */
static __typeof__(&inflate) meant_by(void *caller)
{
    Dl_info from;
    void *library = dladdr(caller, &from) == 0 ? NULL : dlopen(from.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    __typeof__(&inflate) found = library == NULL ? NULL : (__typeof__(&inflate))dlsym(library, "inflate");
    if (library != NULL)
        dlclose(library);
    return found == NULL || found == &inflate ? NEXT(inflate) : found;
}

EXPORTED int inflate(struct z_stream *stream, int flush)
{
    static __thread long depth;
    if (!from_server(CALLER))
        return meant_by(CALLER)(stream, flush);
    if (stream->total_out == 0)
        depth = 0;
    const unsigned char *unpacked = stream->next_out;
    int status = NEXT(inflate)(stream, flush);
    depth = json_depth(depth, unpacked, (size_t)(stream->next_out - unpacked));
    return stream->total_out > MOST_BYTES || depth > DEEPEST_JSON ? Z_STREAM_ERROR : status;
}
