// SPDX-License-Identifier: Apache-2.0
/*
 * procmap.h - which binary was mapped where, in every process, while it was.
 *
 * A sample has a pid, an exec id and run-time addresses. The process map turns an address into a
 * location of the profile: the binary's own virtual address in a mapping that all processes share.
 * It knows address spaces from one scan at the start (BPF iterators, so that even processes whose
 * /proc is closed to us are seen) and from then on from perf's side-band records (fork, exec, mmap,
 * comm, exit). So a process may be long gone when its samples are drained.
 *
 * The order of calls, all from one thread:
 *     procmap_new       rings open: nothing is missed from here on
 *     procmap_scan      everything that was there before
 *     each drain:
 *         (switch the samples generation)
 *         procmap_poll      side-band up to now, in the order of time over all CPUs
 *         procmap_location  for each address
 *         procmap_expire    forgets processes that ended before the last drain but one
 *     procmap_forget_profile   whenever another profile is filled from here on
 *     procmap_open      the symbolizer's opener (also long after a process has gone)
 *     procmap_free
 *
 * exec_id is the low half of task_struct.self_exec_id: it grows with every exec, so the images that
 * one pid had before and after an exec are told apart.
 */
#ifndef PROFILER_PROCMAP_H
#define PROFILER_PROCMAP_H

#include <cresset/profile.h>
#include <cresset/symbolizer.h>
#include <cresset/types.h>

#include "core/vec.h"

struct procmap;

/* Sums since procmap_new, but for those that say "now". */
struct procmap_stats {
	uint64_t processes;	     /* known now (also those that ended and are not expired yet) */
	uint64_t ranges;	     /* executable mappings of all of them now */
	uint64_t binaries;	     /* distinct files named by them now */
	uint64_t memory_bytes;	     /* of all tables now, about */
	uint64_t ring_bytes;	     /* side-band buffers, kernel memory, now */
	uint64_t fds;		     /* kept open for binaries now */
	uint64_t scan_ns;	     /* the start-up scan took */
	uint64_t scanned_by_text;    /* 1: the scan read /proc as BPF iterators were refused */
	uint64_t sideband_records;   /* read */
	uint64_t sideband_lost;	     /* the kernel had no room for */
	uint64_t sideband_malformed; /* refused */
	uint64_t rescans;	  /* /proc/PID/maps read because an address or exec was unknown */
	uint64_t rescans_failed;  /* unreadable (gone or not allowed) */
	uint64_t binaries_opened; /* read as ELF */
	uint64_t binaries_unreadable; /* gone, not allowed or damaged: addresses are file offsets */
	uint64_t binaries_mismatched; /* the path has another file by now: refused */
	uint64_t addresses;	      /* asked for */
	uint64_t addresses_by_offset; /* of those: in a binary that could not be read */
	uint64_t addresses_unknown;   /* of those: in no mapping that is known */
	uint64_t dropped;	      /* ranges, images, binaries not kept for a limit */
};

/* Opens a side-band ring on each online CPU. prompt: procmap_fd() is readable after any record. */
int procmap_new(struct procmap **ret, bool prompt, struct cresset_error *err);
void procmap_free(struct procmap *pm);
/* Mappings, comm and exec id of every process that lives. */
int procmap_scan(struct procmap *pm, struct cresset_error *err);
/* Reads the rings. 0 or -ENOMEM. */
int procmap_poll(struct procmap *pm);
/* Readable (poll, epoll) when a ring is half full: then procmap_poll, or records will be lost. */
int procmap_fd(const struct procmap *pm);
int procmap_cpu_online(struct procmap *pm, int cpu);
void procmap_cpu_offline(struct procmap *pm, int cpu);

/*
 * A user address to a location id of p; flags are CRESSET_LOCATION_* to add. Whatever the address,
 * there is an answer ("[unknown]" at worst); fails with -ENOMEM (or -E2BIG: p is full) only. If no
 * image of the process has that exec_id the newest one is taken.
 */
int procmap_location(struct procmap *pm, struct cresset_profile *p, uint32_t pid, uint32_t exec_id,
		     uint64_t address, uint32_t flags, uint32_t *ret_location);
/* An address of a binary's own (procmap_view()), which must be pinned. */
int procmap_binary_location(struct procmap *pm, struct cresset_profile *p, uint32_t binary,
			    uint64_t address, uint32_t flags, uint32_t *ret_location);
int procmap_kernel_location(struct procmap *pm, struct cresset_profile *p, uint64_t address,
			    uint32_t *ret_location);
/*
 * Mapping ids are cached for the profile last used; a different pointer resets them by itself. Call
 * this when a profile was freed, as the next one may get its address.
 */
void procmap_forget_profile(struct procmap *pm);

/* ---- For an unwinder that has to know beforehand what a process has mapped. */

enum procmap_view_kind {
	PROCMAP_VIEW_ELF, /* run-time address - bias: an address of the binary's own */
	PROCMAP_VIEW_VDSO,
	PROCMAP_VIEW_CODE,	 /* generated at run time: no binary */
	PROCMAP_VIEW_UNREADABLE, /* a file that cannot be had */
};

struct procmap_view {
	uint64_t start;
	uint64_t end;
	uint64_t bias;
	uint32_t binary; /* 0: none */
	enum procmap_view_kind kind;
};

/* What a binary is known by. */
struct procmap_binary {
	const uint8_t *build_id; /* valid until the next call */
	size_t build_id_size;	 /* 0: none */
	uint64_t segments;	 /* digest of its segments */
	uint64_t dev, ino, size, mtime_ns;
	/* As the kernel said what was mapped, where it did (a file system may tell stat(2) others).
	 */
	uint64_t mapped_dev, mapped_ino;
	/* Its code by offsets in the file, and offset - address; no bytes: not in one piece. */
	uint64_t code_start, code_bytes, code_shift;
};

typedef int (*procmap_view_fn)(void *arg, const struct procmap_view *view);
/*
 * The executable ranges of what the process runs now, in order; binaries not seen before are looked
 * for. -ESRCH: the process is not known, has ended, or does not run the image of that exec id.
 */
int procmap_view(struct procmap *pm, uint32_t pid, uint32_t exec_id, procmap_view_fn fn, void *arg);
/* Of what the process runs now; false if it is not known. */
bool procmap_exec_id(const struct procmap *pm, uint32_t pid, uint32_t *ret_exec_id);
/*
 * A walk in the process came to these addresses: if nothing is known there its mappings are read
 * again (if that is allowed by now).
 */
void procmap_missed(struct procmap *pm, uint32_t pid, uint32_t exec_id, uint64_t start,
		    uint64_t end);
/* False for an id that does not exist, or is no ELF file. */
bool procmap_get_binary(const struct procmap *pm, uint32_t binary, struct procmap_binary *ret);
bool procmap_is_vdso(const struct procmap *pm, uint32_t binary);
/* A descriptor of the caller's own, or -errno. */
int procmap_open_binary(struct procmap *pm, uint32_t binary);
/* A binary that is pinned (once or more often) keeps its id. */
void procmap_pin(struct procmap *pm, uint32_t binary);
void procmap_unpin(struct procmap *pm, uint32_t binary);
/* From here on changes of processes are noted. */
void procmap_watch(struct procmap *pm);
struct procmap_change {
	uint32_t pid;
	uint32_t ppid;
	bool ended;   /* or it is gone altogether */
	bool forked;  /* runs what its parent ran */
	bool running; /* was on a CPU, or waited for one, when the scan saw it */
};
/*
 * Processes that began, ended, ran another program or mapped something since the last call, each
 * once. Appends struct procmap_change. -ENOMEM.
 */
int procmap_take_changes(struct procmap *pm, struct vec *changes);
/* The same of every process that lives. */
int procmap_list(struct procmap *pm, struct vec *changes);

/* The process's (its leader's) comm, NULL if unknown; valid until the next call. */
const char *procmap_comm(struct procmap *pm, uint32_t pid, uint32_t exec_id);
/* True while any thread of the process lives (a zombie does not). */
bool procmap_alive(struct procmap *pm, uint32_t pid);
/* A cresset_open_fn; the first argument is the struct procmap. */
int procmap_open(void *procmap, const struct cresset_profile *p, uint32_t mapping,
		 enum cresset_open_what what);
/* Once per drain. */
void procmap_expire(struct procmap *pm);
/* Descriptors of binaries that are kept at most; 0: as it is. */
void procmap_limit_files(struct procmap *pm, size_t n);
/* Binaries that are open, and that were closed for that limit. */
void procmap_get_files(const struct procmap *pm, uint64_t *ret_open, uint64_t *ret_closed);
void procmap_get_stats(const struct procmap *pm, struct procmap_stats *ret);

#endif
