/* Names that the fragments of README.md may use without a declaration. */
#include "wpool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fn(void *arg, wpool_job *job);
static wpool *pool;
static wpool_job *job;
static wpool_id id;
static wpool_config config;
static wpool_options options;
static wpool_result result;
static wpool_status status;
static void *arg;
