/* The queues of queues.cc, for C. */
#ifndef PEER_QUEUES_CC_H
#define PEER_QUEUES_CC_H

#include "queues.h"

#if defined(HAVE_CXX) && __has_include(<concurrentqueue/concurrentqueue.h>)
#define HAVE_MOODYCAMEL 1
#define MOODYCAMEL_ABSENT NULL
#else
#define MOODYCAMEL_ABSENT "not installed (g++, libconcurrentqueue-dev)"
#endif

#if defined(HAVE_CXX) && __has_include(<boost/lockfree/queue.hpp>)
#define HAVE_BOOST 1
#define BOOST_ABSENT NULL
#else
#define BOOST_ABSENT "not installed (g++, libboost-dev)"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* moodycamel's concurrentqueue, which has no bound: plain, with a token for each thread, and with
   tokens and QUEUE_BATCH values at once; boost's queue with as many nodes as ours has places */
extern const queue_peer peer_moodycamel, peer_moodycamel_tokens, peer_moodycamel_bulk, peer_boost;

#ifdef __cplusplus
}
#endif

#endif /* PEER_QUEUES_CC_H */
