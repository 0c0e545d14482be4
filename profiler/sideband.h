// SPDX-License-Identifier: Apache-2.0
/*
 * sideband - fork, exec, mmap, comm and exit of all processes, from perf's ring buffers.
 *
 * One "dummy" software event on each CPU makes the kernel write a record into that CPU's ring for
 * each change (perf_event_open(2): PERF_RECORD_MMAP2, COMM, FORK, EXIT, LOST). Each record ends
 * with its time (sample_id_all, CLOCK_MONOTONIC, the clock of BPF). A process moves between CPUs,
 * so the rings are merged by time; sideband_poll() hands on the records up to the moment it was
 * called and leaves later ones for the next call, so that no ring is ahead of another.
 *
 * The rings are written by the kernel, but their text is chosen by processes, and a reader that is
 * too slow finds LOST records. Every size is checked; a ring whose bytes make no sense is skipped
 * to its head and counted.
 */
#ifndef PROFILER_SIDEBAND_H
#define PROFILER_SIDEBAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cresset/types.h>

enum sideband_type {
	SIDEBAND_OTHER, /* nothing of interest */
	SIDEBAND_MMAP,
	SIDEBAND_COMM,
	SIDEBAND_FORK,
	SIDEBAND_EXIT,
	SIDEBAND_LOST,
};

enum { SIDEBAND_BUILD_ID_BYTES = 20, SIDEBAND_COMM_BYTES = 16 };

/* text points into the record: valid in the callback only; NUL-terminated at text_len. */
struct sideband_event {
	enum sideband_type type;
	uint64_t time_ns;
	uint32_t pid;
	uint32_t tid;
	uint32_t ppid;	  /* FORK, EXIT */
	bool exec;	  /* COMM: of an exec */
	const char *text; /* COMM: the name; MMAP: the path */
	size_t text_len;
	uint64_t start, end, pgoff;    /* MMAP */
	uint32_t dev_major, dev_minor; /* MMAP without build_id */
	uint64_t ino;
	uint8_t build_id[SIDEBAND_BUILD_ID_BYTES];
	size_t build_id_size; /* MMAP; 0: dev and ino instead */
	uint64_t lost;	      /* LOST: number of records */
};

struct sideband_stats {
	uint64_t records;
	uint64_t lost;
	uint64_t malformed;
	uint64_t ring_bytes; /* now */
};

struct sideband;

/* Rings on all online CPUs. prompt: every record makes the descriptor readable. */
int sideband_new(struct sideband **ret, bool prompt, struct cresset_error *err);
void sideband_free(struct sideband *s);
int sideband_cpu_online(struct sideband *s, int cpu, struct cresset_error *err);
/* The ring is closed once the next sideband_poll() has read it to its end. */
void sideband_cpu_offline(struct sideband *s, int cpu);
/* Readable when a ring is half full, or prompt. */
int sideband_fd(const struct sideband *s);
typedef int (*sideband_fn)(void *arg, const struct sideband_event *e);
/* Stops when fn returns non-zero, and returns that. */
int sideband_poll(struct sideband *s, sideband_fn fn, void *arg);
void sideband_get_stats(const struct sideband *s, struct sideband_stats *ret);

/* ---- The inside, for tests. */

/* One record with its header; -EBADMSG if it is not whole. */
int sideband_decode(const void *record, size_t size, struct sideband_event *ret);

/* A reader of one ring: size (a power of two) bytes of data, of which [tail, head) are to be read.
 */
struct sideband_ring {
	const unsigned char *data;
	uint64_t size;
	uint64_t tail;
	uint64_t head;
	unsigned char
		*buffer; /* SIDEBAND_RECORD_MAX bytes: a record that wraps is put together here */
};

enum { SIDEBAND_RECORD_MAX = 65536 };

/*
 * The next record, in the ring or in ring->buffer, and its time; the tail stays. 1 if there is one,
 * 0 if not, -EBADMSG if there cannot be one.
 */
int sideband_ring_peek(const struct sideband_ring *ring, const void **ret_record, size_t *ret_size,
		       uint64_t *ret_time_ns);

#endif
