// libevent 2.1. <sys/types.h> comes first, or _GNU_SOURCE inside libevent's headers gives a second fd_set.
#include <sys/types.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <event2/http.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
