/* 20_polite - a client that does not ask more often than it may, and asks again when that helps.

   Shows: config.rate, config.retry with exponential backoff, jitter and a predicate. A server that
   is busy (503) or cannot be reached may answer later; a page that is not there (404) will not be
   there then either. A job that waits for its next try occupies no worker, and each try counts as a
   request. The server is a thread of this program; it counts what it gets.
   Build: cc -std=c11 -I.. 20_polite.c -o 20_polite -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PAGES = 60,
    MISSING = 10, /* every tenth page is not there */
    BUSY = 3,     /* every third request finds the server busy */
    WORKERS = 4,
    RATE = 40, /* requests per second */
    BURST = 5,
    TEXT = 200,
    MOST_REQUESTS = 1000
};

static int wrong;

static void expect(bool holds, const char *promise) {
    if (holds) return;
    fprintf(stderr, "not as promised: %s\n", promise);
    wrong = 1;
}

static void insist(bool holds, const char *what) {
    if (holds) return;
    perror(what);
    exit(1);
}

/* ---- both ends ---- */

static bool write_text(int end, const char *text) {
    return write(end, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Up to an empty line. */
static bool read_text(int end, char text[TEXT]) {
    size_t size = 0;
    ssize_t got = 0;
    do {
        text[size += (size_t)got] = '\0';
        if (strstr(text, "\r\n\r\n")) return true;
        got = read(end, text + size, TEXT - 1 - size);
    } while (got > 0);
    return false;
}

/* A socket on a port of this machine that is free. */
static int bind_socket(struct sockaddr_in *address) {
    socklen_t size = sizeof *address;
    int end = socket(AF_INET, SOCK_STREAM, 0);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    insist(end >= 0 && bind(end, (struct sockaddr *)address, size) == 0, "bind");
    insist(getsockname(end, (struct sockaddr *)address, &size) == 0, "getsockname");
    return end;
}

/* ---- the server ---- */

struct server {
    struct sockaddr_in address;
    pthread_t thread;
    int listener;
    double arrivals[MOST_REQUESTS]; /* in seconds */
    unsigned requests, busy, missing;
};

static const char *answer(struct server *server, unsigned page) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    insist(server->requests < MOST_REQUESTS, "requests");
    server->arrivals[server->requests++] = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    if (server->requests % BUSY == 0) {
        server->busy++;
        return "HTTP/1.0 503 Service Unavailable\r\n\r\n";
    }
    if (page < PAGES && page % MISSING != 0) return "HTTP/1.0 200 OK\r\n\r\n";
    server->missing++;
    return "HTTP/1.0 404 Not Found\r\n\r\n";
}

static void *serve(void *arg) {
    struct server *server = (struct server *)arg;
    char request[TEXT];
    unsigned page;
    bool is_open = true;
    while (is_open) {
        int end = accept(server->listener, NULL, NULL);
        insist(end >= 0, "accept");
        is_open = read_text(end, request) && sscanf(request, "GET /%u ", &page) == 1;
        if (is_open) write_text(end, answer(server, page));
        close(end);
    }
    return NULL;
}

static void open_server(struct server *server) {
    server->listener = bind_socket(&server->address);
    insist(listen(server->listener, PAGES) == 0, "listen");
    insist(pthread_create(&server->thread, NULL, serve, server) == 0, "pthread_create");
}

/* A connection without a request is the end. */
static void close_server(struct server *server) {
    int end = socket(AF_INET, SOCK_STREAM, 0);
    insist(connect(end, (struct sockaddr *)&server->address, sizeof server->address) == 0, "end");
    close(end);
    pthread_join(server->thread, NULL);
    close(server->listener);
}

static unsigned most_in_a_second(const struct server *server) {
    unsigned most = 0;
    for (unsigned first = 0, i = 0; i < server->requests; i++) {
        while (server->arrivals[i] - server->arrivals[first] > 1)
            first++;
        if (i - first + 1 > most) most = i - first + 1;
    }
    return most;
}

/* ---- the client ---- */

struct page {
    const struct sockaddr_in *host;
    unsigned number;
};

/* 0, what HTTP calls the error, or errno. */
static int fetch(void *arg, wpool_job *job) {
    const struct page *page = (const struct page *)arg;
    char text[TEXT];
    int error = EPROTO, end = socket(AF_INET, SOCK_STREAM, 0);
    (void)job;
    if (end < 0) return errno;
    snprintf(text, sizeof text, "GET /%u HTTP/1.0\r\n\r\n", page->number);
    if (connect(end, (const struct sockaddr *)page->host, sizeof *page->host) != 0)
        error = errno;
    else if (write_text(end, text) && read_text(end, text))
        sscanf(text, "HTTP/1.0 %d", &error);
    close(end);
    return error == 200 ? 0 : error;
}

static bool may_pass(int error, void *arg) {
    (void)arg;
    return error == 503 || error == ECONNREFUSED;
}

int main(void) {
    static struct server server;
    struct sockaddr_in nobody;
    struct page pages[PAGES + 1];
    const wpool_config config = {.name = "polite",
                                 .workers = WORKERS,
                                 .results = true,
                                 .rate = {.per_second = RATE, .burst = BURST},
                                 .retry = {.attempts = 12,
                                           .delay = WPOOL_MS(20),
                                           .max_delay = WPOOL_MS(200),
                                           .jitter = 0.5,
                                           .when = may_pass}};
    wpool_stats_snapshot stats;
    wpool_result result;
    wpool *pool;
    unsigned fetched = 0, missing = 0, given_up = 0, tries = 0, refused = 0;

    signal(SIGPIPE, SIG_IGN);
    open_server(&server);
    int closed = bind_socket(&nobody); /* nobody listens there */
    if (wpool_create(&pool, &config) != WPOOL_OK) return 1;
    for (unsigned i = 0; i <= PAGES; i++) {
        pages[i] = (struct page){i < PAGES ? &server.address : &nobody, i};
        if (wpool_submit(pool, fetch, &pages[i], NULL) != WPOOL_OK) return 1;
    }
    wpool_close(pool); /* what is to be tried again still is */
    while (wpool_take(pool, WPOOL_FOREVER, &result) == WPOOL_OK) {
        fetched += result.error == 0;
        missing += result.error == 404;
        given_up += may_pass(result.error, NULL);
        tries += result.attempts;
        if (result.error == ECONNREFUSED) refused += result.attempts;
    }
    wpool_stats(pool, &stats);
    wpool_destroy(pool);
    close_server(&server);
    close(closed);

    const unsigned most = most_in_a_second(&server);
    printf("pages: %u fetched, %u not there, %u given up\n", fetched, missing, given_up);
    printf("client: %u tries, %u of them again, %u refused\n", tries, (unsigned)stats.retries,
           refused);
    printf("server: %u requests, %u found it busy, at most %u in a second (%d + %d are allowed)\n",
           server.requests, server.busy, most, RATE, BURST);
    expect(fetched + missing + given_up == PAGES + 1, "each page ends in one of three ways");
    expect(tries == PAGES + 1 + stats.retries, "a retry is one try more");
    expect(tries == server.requests + refused, "each try is a request");
    expect(missing == server.missing, "a page that is not there is not asked for again");
    /* Those that started before that second may have been on their way. */
    expect(most <= RATE + BURST + WORKERS, "no more than is allowed");
    return wrong;
}
