// SPDX-License-Identifier: Apache-2.0
/*
 * interrupt - what Ctrl-C does to a recording.
 *
 * The first SIGINT, SIGTERM or SIGHUP asks for an early end: the caller sees interrupt_asked() and
 * writes what it has. A second one ends the program at once with 128 + signal, after removing the
 * output that is just being written and ending the command that was started.
 *
 * The signals are blocked and read by a thread of its own, so that the second one works in the
 * middle of a long library call, without a handler, and without a global variable that such a
 * handler would need. Make it before any other thread, so that they inherit the mask.
 */
#ifndef PROFILER_INTERRUPT_H
#define PROFILER_INTERRUPT_H

#include <stdbool.h>
#include <sys/types.h>

struct interrupt;

/* Also ignores SIGPIPE: a closed pipe is a write error of one output, not the end of the others. */
int interrupt_new(struct interrupt **ret);
/* The previous signal mask and actions are set again. */
void interrupt_free(struct interrupt *i);
/* How often a signal has asked to stop; *ret_signal (may be NULL) is the last one. */
bool interrupt_asked(const struct interrupt *i, int *ret_signal);
/* The process to send SIGTERM on the second signal, and on a first SIGTERM or SIGHUP; 0: none. */
void interrupt_guard_child(struct interrupt *i, pid_t pid);
/* In a forked child, before exec: the signals as they were for the program. */
void interrupt_restore(const struct interrupt *i);

#endif
