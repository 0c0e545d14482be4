// SPDX-License-Identifier: Apache-2.0
/* second - a second thread for work that can be shared, where there is a CPU for it. */
#ifndef STORE_SECOND_H
#define STORE_SECOND_H

#include <pthread.h>
#include <stdbool.h>

/*
 * Runs run(arg) on a thread that gets no signals; the caller joins it. False: there is no thread,
 * or no second CPU that this one may use, and the caller does all of the work.
 */
bool second_start(pthread_t *ret, void *(*run)(void *arg), void *arg);

#endif
