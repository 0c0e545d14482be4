/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * native.h - BPF sources compiled for the host: what libbpf's headers give them in the kernel.
 *
 * Map definitions become plain objects whose addresses name the maps; the helpers have the kernel's
 * names, results and error numbers, and are whoever's who builds the sources: CRESSET_BPF_NATIVE is
 * the name of a header of his ("fake_helpers.h" of tests/bpfnative, "unwind/remote_helpers.h" of
 * the recorder), which also says where variables live that user space sets:
 *
 *   CRESSET_SET_AT_LOAD   before the load
 *   CRESSET_SET_ANY_TIME  at any time
 *   CRESSET_TEST_POINT()  where a test may let another CPU run
 */
#ifndef BPF_NATIVE_H
#define BPF_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#define SEC(name)
#define __uint(name, value)  int(*name)[value]
#define __type(name, value)  __typeof__(value) *name
#define __array(name, value) __typeof__(value) *name[]
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define __noinline     __attribute__((noinline))
#define barrier_var(v) __asm__ volatile("" : "+r"(v))
#define barrier()      __asm__ volatile("" ::: "memory")
#define CRESSET_RELOCATED

struct task_struct;

#include CRESSET_BPF_NATIVE

#endif
