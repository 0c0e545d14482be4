// SPDX-License-Identifier: Apache-2.0
/*
 * btfsubset - the few types of a BTF that a BPF object asks for, as a BTF of its own.
 *
 * libbpf relocates an object's accesses to kernel structs (CO-RE) by searching all types of the
 * kernel, 126,000 on Linux 6.18, once for each struct that the object names. In a BTF that has only
 * those, it finds them at once. What bpftool calls min_core_btf is the same for a kernel that is
 * known when a program is built; this is made for the kernel that runs.
 *
 * Kept are structs, unions and enums whose name, up to a "___", is that of one in the object, and
 * all that they contain. Pointers become pointers to void: what is behind one is another access,
 * with a name of its own. The format is Documentation/bpf/btf.rst of Linux.
 */
#ifndef PROFILER_BTFSUBSET_H
#define PROFILER_BTFSUBSET_H

#include <stddef.h>
#include <stdint.h>

#include "core/vec.h"

struct btfsubset_bytes {
	const void *data;
	size_t size;
};

/*
 * Appends the BTF to `ret`, a vec of bytes. -EBADMSG: not a BTF; -ENOTSUP: of another byte order,
 * or with kinds of types that are not known here; -EFBIG; -ENOMEM.
 */
int btfsubset_make(const struct btfsubset_bytes *all, const struct btfsubset_bytes *wanted,
		   struct vec *ret);

#endif
