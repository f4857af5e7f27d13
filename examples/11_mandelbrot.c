/* 11_mandelbrot - a picture of the Mandelbrot set, as a PPM file.

   Shows: wpool_for over the rows of a picture. Rows through the set take many times longer than
   others, and nobody needs to know which: whoever has nothing to do takes half of what somebody
   else has left. The calling thread takes part, so N workers compute with N + 1 threads, and none
   (-j 0, WPOOL_INLINE) with one.
   Usage: 11_mandelbrot [-j WORKERS] [-s SIZE] [-i ITERATIONS] [FILE]
   Build: cc -std=c11 -O2 -I.. 11_mandelbrot.c -o 11_mandelbrot -pthread
*/
#define WPOOL_IMPLEMENTATION
#include "wpool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORKERS = 1024, MAX_SIZE = 20000, MAX_ITERATIONS = 1000000 };

struct picture {
    size_t width, height;
    long iterations;
    unsigned char *pixels; /* red, green, blue; each row is written by one thread only */
};

/* How many steps it takes a point to leave the circle of radius 2; iterations: it never did. */
static long steps(double x, double y, long iterations) {
    double re = 0, im = 0;
    for (long step = 0; step < iterations; step++) {
        double re2 = re * re, im2 = im * im;
        if (re2 + im2 > 4) return step;
        im = 2 * re * im + y;
        re = re2 - im2 + x;
    }
    return iterations;
}

static void paint(unsigned char *pixel, long step, long iterations) {
    bool is_inside = step == iterations;
    pixel[0] = (unsigned char)(is_inside ? 0 : step * 9 % 256);
    pixel[1] = (unsigned char)(is_inside ? 0 : step * 5 % 256);
    pixel[2] = (unsigned char)(is_inside ? 0 : 64 + step * 3 % 192);
}

/* The rows [begin, end). The y of a row is that of its mirror image, but for the sign, to the last
   bit: so are the colours. */
static int compute_rows(size_t begin, size_t end, void *arg, wpool_job *job) {
    const struct picture *p = (const struct picture *)arg;
    double height = (double)p->height, width = (double)p->width;
    (void)job;
    for (size_t row = begin; row < end; row++) {
        double y = ((double)(2 * row + 1) - height) / height * 1.25;
        for (size_t column = 0; column < p->width; column++) {
            double x = ((double)(2 * column + 1) - width) / width * 1.5 - 0.75;
            paint(p->pixels + 3 * (row * p->width + column), steps(x, y, p->iterations),
                  p->iterations);
        }
    }
    return 0;
}

static wpool_status compute(struct picture *picture, unsigned workers) {
    const wpool_config config = {
        .name = "mandelbrot", .workers = workers, .max_workers = workers ? 0 : WPOOL_INLINE};
    wpool *pool;
    wpool_status status = wpool_create(&pool, &config);
    if (status != WPOOL_OK) return status;
    /* A row at a time: rows are large, and far from equal. */
    status = wpool_for(pool, 0, picture->height, 1, compute_rows, picture);
    wpool_destroy(pool);
    return status;
}

static int complain(const char *what, const char *why) {
    fprintf(stderr, "11_mandelbrot: %s: %s\n", what, why);
    return 1;
}

static int save(const struct picture *picture, const char *name) {
    size_t size = 3 * picture->width * picture->height;
    bool is_stdout = strcmp(name, "-") == 0;
    FILE *file = is_stdout ? stdout : fopen(name, "wb");
    if (!file) return complain(name, strerror(errno));
    bool fine = fprintf(file, "P6\n%zu %zu\n255\n", picture->width, picture->height) > 0 &&
                fwrite(picture->pixels, 1, size, file) == size;
    fine = fflush(file) == 0 && fine;
    int error = errno;
    if (!is_stdout && fclose(file) != 0 && fine) return complain(name, strerror(errno));
    return fine ? 0 : complain(name, strerror(error));
}

static double seconds_now(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run(struct picture *picture, unsigned workers, const char *name) {
    double began = seconds_now();
    picture->pixels = (unsigned char *)calloc(picture->width * picture->height, 3);
    if (!picture->pixels) return complain("picture", strerror(ENOMEM));
    wpool_status status = compute(picture, workers);
    fprintf(stderr, "%zu x %zu, %ld iterations, %.3f s\n", picture->width, picture->height,
            picture->iterations, seconds_now() - began);
    int error = status == WPOOL_OK ? 0 : complain("cannot compute", wpool_strerror(status));
    if (!error && name) error = save(picture, name);
    free(picture->pixels);
    return error;
}

static int usage(void) {
    fputs(
        "usage: 11_mandelbrot [-j WORKERS] [-s SIZE] [-i ITERATIONS] [FILE]\n"
        "Computes the Mandelbrot set, and writes it to FILE (-: standard output; none: nowhere).\n"
        "  -j WORKERS     threads besides the calling one (one less than there are processors)\n"
        "  -s SIZE        height of the picture; the width is 6/5 of it (400)\n"
        "  -i ITERATIONS  steps after which a point counts as inside (500)\n",
        stderr);
    return 2;
}

static bool read_number(const char *text, long min, long max, long *number) {
    char *end;
    *number = strtol(text, &end, 10);
    return end != text && !*end && *number >= min && *number <= max;
}

int main(int argc, char **argv) {
    long workers = (long)wpool_cpus() - 1, size = 400, iterations = 500;
    bool fine = true;
    int option;
    while ((option = getopt(argc, argv, "j:s:i:")) != -1) {
        if (option == 'j') fine = fine && read_number(optarg, 0, MAX_WORKERS, &workers);
        if (option == 's') fine = fine && read_number(optarg, 1, MAX_SIZE, &size);
        if (option == 'i') fine = fine && read_number(optarg, 1, MAX_ITERATIONS, &iterations);
        fine = fine && option != '?';
    }
    if (!fine || argc - optind > 1) return usage();

    struct picture picture = {.height = (size_t)size, .iterations = iterations};
    picture.width = (picture.height * 6 + 4) / 5;
    return run(&picture, (unsigned)workers, optind < argc ? argv[optind] : NULL);
}
