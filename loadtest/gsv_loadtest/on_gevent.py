"""Makes this process cooperative: import it before anything that opens a connection, then keep importing as usual.

Locust runs its users as gevent greenlets in one thread. Python's sockets, threads and queues follow when `locust` is
imported, which patches them. gRPC's core does not: it is C, and waits outside Python, so that without its own switch
one unary call holds up every user, which flatters latencies, and a stream deadlocks (docs/triton-findings.md,
finding 17). With `init_gevent` the same calls yield to the other greenlets, and the client's reader thread is a
greenlet too.
"""

import locust  # noqa: F401, I001 - patches the standard library
import grpc.experimental.gevent

grpc.experimental.gevent.init_gevent()
