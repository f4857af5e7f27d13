/* 04_embedded - keep the job inside your own struct: submitting allocates nothing and cannot fail
   for lack of memory, and the result is where the work is.

   Shows: wpool_job_init, wpool_submit_job, wpool_job_wait, wpool_job_result, and finding the
   struct around a job.
   Build: cc -std=c11 -I.. 04_embedded.c -o 04_embedded -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

struct text {
    const char *content;
    unsigned checksum;
    wpool_job job; /* must stay where it is until the job has finished */
};

/* The job knows its argument; it can also be found from the job alone. */
static int add_up(void *arg, wpool_job *job) {
    struct text *text = CONTAINER_OF(job, struct text, job);
    (void)arg;
    text->checksum = 0;
    for (const char *c = text->content; *c; c++)
        text->checksum += (unsigned char)*c;
    return text->checksum == 0; /* an empty text is an error */
}

int main(void) {
    struct text texts[] = {{.content = "abc"}, {.content = "worker"}, {.content = ""}};
    const size_t count = sizeof texts / sizeof texts[0];
    wpool_result result;
    wpool *pool;
    int wrong = 0;

    if (wpool_create(&pool, NULL) != WPOOL_OK) return 1;

    for (size_t i = 0; i < count; i++) {
        wpool_job_init(&texts[i].job, add_up, &texts[i]);
        if (wpool_submit_job(pool, &texts[i].job, NULL) != WPOOL_OK) return 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (wpool_job_wait(&texts[i].job, WPOOL_FOREVER) != WPOOL_OK) return 1;
        /* Finished: the struct is ours again, with the error code in the job. */
        printf("\"%s\": checksum %u, error %d\n", texts[i].content, texts[i].checksum,
               texts[i].job.error);
        wrong |= texts[i].job.error != (texts[i].content[0] == '\0');
    }
    wrong |= texts[0].checksum != 'a' + 'b' + 'c';

    /* A finished job can be handed in again. */
    texts[2].content = "no longer empty";
    if (wpool_submit_job(pool, &texts[2].job, NULL) != WPOOL_OK) return 1;
    if (wpool_job_wait(&texts[2].job, WPOOL_FOREVER) != WPOOL_OK) return 1;
    if (wpool_job_result(&texts[2].job, &result) != WPOOL_OK) return 1;
    printf("\"%s\": checksum %u, attempts %u\n", texts[2].content, texts[2].checksum,
           result.attempts);
    wrong |= result.state != WPOOL_STATE_SUCCEEDED || result.arg != &texts[2];

    wpool_destroy(pool);
    return wrong;
}
