// SPDX-License-Identifier: Apache-2.0
/*
 * hotspot_vm - what a HotSpot Java VM says of itself to those who look at it from outside.
 *
 * libjvm.so exports tables for debuggers ("vmStructs"): for each type its size, for each field its
 * type and offset, or its address if it is static. They are the same in all versions while what
 * they describe changes with each, so everything is gone by names of fields, never by versions.
 * What varies is said where it is read: hotspot_layout_read().
 *
 * The tables are read once for a build of libjvm. Pointers in them come from the process's memory,
 * as they are relocated; the names from the file, as no process need have those pages. Then, for
 * each process, the code heaps and the interpreter are looked up (hotspot_vm_read()), which take
 * some 30 pages of its memory.
 *
 * Source: the headers of OpenJDK's serviceability agent (vmStructs.hpp, the exported gHotSpotVM*
 * symbols), and the layouts as the tables of JDK 17 and 25 print them.
 *
 * File and process are hostile: all counts are bounded, all offsets checked. What is wrong all the
 * same misleads the walks of that process only.
 */
#ifndef UNWIND_HOTSPOT_VM_H
#define UNWIND_HOTSPOT_VM_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/unwind.h"

/* Reads memory of a process, all of it or -errno. */
typedef int (*hotspot_read_fn)(void *arg, uint64_t address, void *buf, size_t size);

struct hotspot_memory {
	hotspot_read_fn read;
	void *arg;
};

/* Virtual addresses of a build's exported tables, and its read-only parts. */
struct hotspot_library;

/* Takes the descriptor in any case. -ENOENT: no HotSpot; or why the file cannot be read. */
int hotspot_library_open(int fd, struct hotspot_library **ret);
void hotspot_library_free(struct hotspot_library *lib);

/* Of a build. */
struct hotspot_layout {
	struct cresset_unwind_jvm jvm; /* offsets and flags; no heaps */
	/* Virtual addresses of static fields: pointers to the list of heaps, to the interpreter. */
	uint64_t heaps;
	uint64_t interpreter;
	/* Offsets. */
	uint64_t list_length, list_data;		  /* GrowableArray */
	uint64_t memory, segmap, segment_shift;		  /* CodeHeap */
	uint64_t space_low, space_high;			  /* VirtualSpace: low, reserved end */
	uint64_t stubs_buffer, stubs_limit, stubs_end;	  /* StubQueue */
	uint64_t stub_size, stub_description, stub_bytes; /* InterpreterCodelet */
};

/*
 * bias: run-time address - virtual address. -EAGAIN: the library has only just been mapped;
 * -EINVAL: tables that make no sense, or of a VM that is made otherwise; or the error of a read.
 */
int hotspot_layout_read(struct hotspot_library *lib, const struct hotspot_memory *memory,
			uint64_t bias, struct hotspot_layout *ret);
/*
 * Heaps and interpreter. Of a VM that is being started what is there by now, with
 * CRESSET_JVM_INCOMPLETE. exec_id is the caller's to set.
 */
int hotspot_vm_read(struct hotspot_library *lib, const struct hotspot_layout *layout,
		    const struct hotspot_memory *memory, uint64_t bias,
		    struct cresset_unwind_jvm *ret);

#endif
