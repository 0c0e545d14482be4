// SPDX-License-Identifier: Apache-2.0
/* mark.h - tells the stepper to begin or end; without one, a breakpoint that nobody waits for. */
#ifndef CORPUS_MARK_H
#define CORPUS_MARK_H

#define MARK() __asm__ volatile("int3")

#define NOINLINE __attribute__((noinline))

#endif
