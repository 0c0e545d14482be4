// SPDX-License-Identifier: Apache-2.0
/*
 * kerneltext - where in the kernel's code a waker's stack begins, and where an interrupt came in.
 *
 * The kernel's own list of names says so (/proc/kallsyms). A function ends where the next name has
 * a higher address. Interrupts come in through a section of the kernel's text that is there for
 * this question (include/linux/interrupt.h: __irq_entry); soft ones, where they are called by a
 * task itself, by one function. Without CAP_SYSLOG all addresses read as zero: then nothing is
 * known.
 */
#ifndef PROFILER_KERNELTEXT_H
#define PROFILER_KERNELTEXT_H

#include <stdio.h>

#include "bpf/abi.h"

struct kerneltext {
	struct cresset_text waker_call;	   /* the function that calls the tracepoint sched_waking */
	struct cresset_text interrupts[2]; /* hard, soft */
};

/* From a list in the form of /proc/kallsyms. -EACCES: addresses are hidden. -ENOENT: not in it. */
int kerneltext_parse(FILE *list, struct kerneltext *ret);
/* Of the kernel that runs; or the error of opening the list. */
int kerneltext_read(struct kerneltext *ret);

#endif
