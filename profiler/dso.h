// SPDX-License-Identifier: Apache-2.0
/*
 * dso - the binaries that address spaces name: identity first, the file when a sample needs it.
 *
 * A range says what is mapped by path and either device and inode (the scan, /proc) or build-id
 * (the side-band). Equal sayings are one dso, whatever the process. At its first sample the dso is
 * "resolved": the file is looked for where the process has or had it, and must be the one that was
 * mapped: same build-id, or else same inode, unchanged since. Nothing else is ever read as that
 * binary.
 *
 * Files found are shared by device, inode, mtime and size (the same libc known once by inode and
 * once by build-id is one file) and stay open, so that the symbolizer can read them when process
 * and name are gone; the least used are closed beyond a limit and opened again by name.
 *
 * Ids are 1 and up and are used again after dso_table_sweep() dropped a binary that no range and no
 * recent profile names.
 */
#ifndef PROFILER_DSO_H
#define PROFILER_DSO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/hash.h"
#include "core/vec.h"

#include "elfhead.h"

enum { DSO_BUILD_ID_BYTES = 20, DSO_MAX = 65536 };

enum dso_kind {
	DSO_FILE,
	DSO_ANON, /* anonymous memory, by whatever name */
	DSO_VDSO,
	DSO_VSYSCALL,
};

struct dso_identity {
	const char *path; /* as the kernel gave it, " (deleted)" and all; "": anonymous */
	uint64_t dev;	  /* makedev(3); 0 with ino 0: unknown */
	uint64_t ino;
	const uint8_t *build_id;
	size_t build_id_size; /* 0: unknown; at most DSO_BUILD_ID_BYTES */
};

enum dso_state {
	DSO_NEW,	/* not looked for yet */
	DSO_READY,	/* elf is there */
	DSO_NOT_ELF,	/* readable, and no ELF file: code that someone made at run time */
	DSO_UNREADABLE, /* gone or not allowed; tried again at another drain */
};

/* Where a process has (had) the binary. */
struct dso_place {
	uint32_t pid;
	uint32_t ppid;
	uint64_t start;
	uint64_t end;
};

struct dso_file;

struct dso {
	char *raw_path; /* of the identity */
	char *path;	/* without " (deleted)" */
	uint64_t dev;
	uint64_t ino;
	uint8_t build_id[DSO_BUILD_ID_BYTES];
	size_t build_id_size;
	struct timespec seen; /* when it was first heard of; CLOCK_REALTIME */
	enum dso_kind kind;
	enum dso_state state;
	uint64_t tried_drain; /* when UNREADABLE */
	struct dso_file *file;
	struct dso_place place;
	bool marked;
	unsigned int pins;   /* the owner's: not to be dropped */
	uint64_t vdso_bytes; /* the owner's, of a VDSO */
	/* The owner's cache: the mapping id of a segment in the profile of an epoch. */
	uint64_t used_epoch;
	uint64_t mapping_epoch;
	int mapping_segment;
	uint32_t mapping;
};

struct dso_stats {
	uint64_t opened;
	uint64_t unreadable;
	uint64_t mismatched;
	uint64_t closed; /* for want of descriptors */
};

struct dso_table {
	struct vec dsos; /* struct dso *; NULL: free; [0] is never used */
	struct hash index;
	struct vec files; /* struct dso_file * */
	size_t n;
	size_t first_free;
	size_t n_open;
	size_t max_open;
	uint64_t clock; /* of use, for closing the least used */
	struct dso_stats stats;
};

/* max_open: descriptors kept; 0: a quarter of RLIMIT_NOFILE and at most 256. */
int dso_table_init(struct dso_table *t, size_t max_open);
void dso_table_release(struct dso_table *t);
/* The id of an identity. -ENOMEM, -E2BIG at DSO_MAX. */
int dso_table_add(struct dso_table *t, const struct dso_identity *identity, uint32_t *ret_id);
/* NULL for an id that does not exist. */
struct dso *dso_table_get(const struct dso_table *t, uint32_t id);
/*
 * Finds the file, if it has not been. A dso that was UNREADABLE is tried again when `drain` has
 * changed. -ENOMEM only; the outcome is dso->state.
 */
int dso_resolve(struct dso_table *t, struct dso *d, const struct dso_place *place, uint64_t drain);
/* The file's segments and build-id; NULL unless READY. */
const struct elfhead *dso_elf(const struct dso *d);
/* Memory of a file that was never a file on a disk. */
bool dso_is_pseudo(const struct dso *d);
/* A descriptor of the caller's own for a binary's file, or -errno. */
int dso_open(struct dso_table *t, struct dso *d);
/* What its file was by stat(2) when it was found; false unless READY. */
struct dso_file_id {
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	uint64_t mtime_ns;
};
bool dso_file_id(const struct dso *d, struct dso_file_id *ret);
/* Drops what is not marked or pinned and was last used before min_epoch, and unmarks the rest. */
void dso_table_sweep(struct dso_table *t, uint64_t min_epoch);
size_t dso_table_memory(const struct dso_table *t);

#endif
