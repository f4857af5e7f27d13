// moodycamel's and boost's queues for queue.c, as far as they are installed.
#define HAVE_CXX 1
#include "queues_cc.h"

#ifdef HAVE_MOODYCAMEL
#include <concurrentqueue/concurrentqueue.h>

namespace {

using unbounded = moodycamel::ConcurrentQueue<void *>;

unbounded *moody(void *queue) { return static_cast<unbounded *>(queue); }

void *moody_create() { return new unbounded(QUEUE_CAPACITY); }

void moody_destroy(void *queue) { delete moody(queue); }

size_t moody_put(void *queue, void *const *values, size_t) {
    return moody(queue)->enqueue(*values);
}

size_t moody_take(void *queue, void **values, size_t) { return moody(queue)->try_dequeue(*values); }

QUEUE_LOOPS(moody, moody_put, moody_take, 1)

// What a thread needs: a token to put or one to take.
struct side {
    unbounded *queue;
    moodycamel::ProducerToken *producer;
    moodycamel::ConsumerToken *consumer;
};

size_t token_put(void *thread, void *const *values, size_t) {
    side *self = static_cast<side *>(thread);
    return self->queue->enqueue(*self->producer, *values);
}

size_t token_take(void *thread, void **values, size_t) {
    side *self = static_cast<side *>(thread);
    return self->queue->try_dequeue(*self->consumer, *values);
}

size_t bulk_put(void *thread, void *const *values, size_t n) {
    side *self = static_cast<side *>(thread);
    return self->queue->enqueue_bulk(*self->producer, values, n) ? n : 0;
}

size_t bulk_take(void *thread, void **values, size_t n) {
    side *self = static_cast<side *>(thread);
    return self->queue->try_dequeue_bulk(*self->consumer, values, n);
}

// Calls work with what a thread needs.
template <class Work> auto with_producer(void *queue, Work work) {
    moodycamel::ProducerToken token(*moody(queue));
    side self = {moody(queue), &token, nullptr};
    return work(&self);
}

template <class Work> auto with_consumer(void *queue, Work work) {
    moodycamel::ConsumerToken token(*moody(queue));
    side self = {moody(queue), nullptr, &token};
    return work(&self);
}

template <class Work> auto with_both(void *queue, Work work) {
    moodycamel::ProducerToken producer(*moody(queue));
    moodycamel::ConsumerToken consumer(*moody(queue));
    side self = {moody(queue), &producer, &consumer};
    return work(&self);
}

// The loops with tokens.
template <queue_put_fn *put, queue_take_fn *take, size_t batch> struct with_tokens {
    static void pairs(void *queue, size_t count) {
        with_both(queue, [=](side *self) { queue_pairs(self, count, batch, put, take); });
    }

    static void produce(void *queue, size_t first, size_t count) {
        with_producer(queue, [=](side *self) { queue_produce(self, first, count, batch, put); });
    }

    static uint64_t consume(void *queue, size_t count) {
        return with_consumer(queue,
                             [=](side *self) { return queue_consume(self, count, batch, take); });
    }
};

using tokens = with_tokens<token_put, token_take, 1>;
using bulk = with_tokens<bulk_put, bulk_take, QUEUE_BATCH>;

}  // namespace

const queue_peer peer_moodycamel = {moody_create, moody_destroy, moody_pairs, moody_produce,
                                    moody_consume};
const queue_peer peer_moodycamel_tokens = {moody_create, moody_destroy, tokens::pairs,
                                           tokens::produce, tokens::consume};
const queue_peer peer_moodycamel_bulk = {moody_create, moody_destroy, bulk::pairs, bulk::produce,
                                         bulk::consume};
#endif

#ifdef HAVE_BOOST
#include <boost/lockfree/queue.hpp>

namespace {

using nodes = boost::lockfree::queue<void *>;

void *boost_create() { return new nodes(QUEUE_CAPACITY); }

void boost_destroy(void *queue) { delete static_cast<nodes *>(queue); }

size_t boost_put(void *queue, void *const *values, size_t) {
    return static_cast<nodes *>(queue)->bounded_push(*values);
}

size_t boost_take(void *queue, void **values, size_t) {
    return static_cast<nodes *>(queue)->pop(*values);
}

QUEUE_LOOPS(boost, boost_put, boost_take, 1)

}  // namespace

const queue_peer peer_boost = {boost_create, boost_destroy, boost_pairs, boost_produce,
                               boost_consume};
#endif
