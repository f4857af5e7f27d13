/* THREADS threads each take the lock once and add to a plain counter; with TRY one only tries. With
   DRIVE, as inline pools do: who does not get the lock announces itself, looks whether it is free, and
   sleeps; who releases it looks for such waiters. */

#ifndef THREADS
#define THREADS 2
#endif
#ifndef TRY
#define TRY 0
#endif
#ifndef DRIVE
#define DRIVE 0
#endif

#include "model.h"

#include "wpool.h"

static wpool__lock lock;
static wpool__event drive;
static wpool__lot lot;
static int counter;
static int tried; /* plain: of thread 0 */

static void drive_once(void) {
    while (!wpool__lock_try(&lock)) {
        uint32_t epoch = wpool__event_announce(&drive);
        if (wpool__lock_is_free(&lock)) continue;
        wpool__event_sleep(&lot, &drive, epoch, WPOOL__NEVER);
    }
}

static void user(int index) {
    if (DRIVE) {
        drive_once();
    } else if (TRY && index == 0) {
        if (!wpool__lock_try(&lock)) return;
        tried = 1;
    } else {
        wpool__lock_take(&lot, &lock);
    }
    counter++;
    wpool__lock_release(&lot, &lock);
    if (DRIVE && wpool__event_has_waiters(&drive)) wpool__event_notify_all(&lot, &drive);
}
MODEL_THREAD(user)

int main(void) {
    pthread_t users[THREADS];
    for (int i = 0; i < THREADS; i++)
        MODEL_START(&users[i], user, i);
    for (int i = 0; i < THREADS; i++)
        MODEL_JOIN(users[i]);
    WPOOL_ASSERT(counter == THREADS - (TRY && !tried));
    return 0;
}
