// SPDX-License-Identifier: Apache-2.0
/*
 * fake_tabmem.h - the memory that the native walker walks by, of ordinary memory.
 *
 * profiler/unwind writes into it as into the kernel's; the walker, compiled for the host, reads it
 * through the fake maps. So tables go the whole way from an ELF file to a walked stack.
 */
#ifndef BPFNATIVE_FAKE_TABMEM_H
#define BPFNATIVE_FAKE_TABMEM_H

#include "unwind/tabmem.h"

enum { FAKE_TABMEM_CELLS = 1 << 20, FAKE_TABMEM_PAGES = 64 };

/* After fake_reset(), whose maps it becomes part of. NULL: out of memory. */
struct tabmem *fake_tabmem_new(void);
void fake_tabmem_free(struct tabmem *m);

#endif
