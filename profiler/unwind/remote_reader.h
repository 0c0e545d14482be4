// SPDX-License-Identifier: Apache-2.0
/*
 * remote_reader - pages of another process's memory, if it has them at hand.
 *
 * Reading another's memory can wait for ever. A page that is not there is brought in by whoever is
 * responsible for it: a file system in user space, another process (userfaultfd: process_vm_readv()
 * of such a page does not return; measured on 6.18), a dead server. So first /proc/PID/pagemap is
 * asked which pages are present or swapped out, and only those are read: in all ordinary cases that
 * is quick, and pages are not made resident by being looked at. But the process may take a page
 * away between the question and the reading, and a hostile one will. So everything that touches a
 * process happens on a thread of our own, for which the caller waits a bounded time. A thread that
 * hangs is left behind, its process is not read again for a while, and when too many hang nothing
 * more is read until one comes back. A kill ends the waits of process_vm_readv(), so a thread that
 * hangs does not keep the recorder from exiting.
 *
 * What it costs is two switches of threads a read, so a few pages are read at a time.
 */
#ifndef UNWIND_REMOTE_READER_H
#define UNWIND_REMOTE_READER_H

#include <stddef.h>
#include <stdint.h>

enum {
	REMOTE_LINE_BYTES = 4096,
	REMOTE_RUN_LINES = 4, /* at most read at once */
	REMOTE_MAX_HANGING = 4,
	REMOTE_TIMEOUT_MS = 200, /* for all reads of a walk */
	REMOTE_SLOW_MS = 20,	 /* walks that waited so long count as slow */
	REMOTE_REST_S = 10,
};

struct remote_reader;

/* Whose memory; any thread of the process will do, but its first may have ended. */
struct remote_place {
	uint32_t pid;
	uint32_t tid;
	uint32_t exec_id;
};

int remote_reader_new(struct remote_reader **ret);
void remote_reader_free(struct remote_reader *r);
/*
 * Before the reads of one walk. -EAGAIN: the slow walks of this process took REMOTE_TIMEOUT_MS, the
 * last one less than REMOTE_REST_S ago, so it is left alone.
 */
int remote_reader_begin(struct remote_reader *r, const struct remote_place *place);
/*
 * Up to n (of REMOTE_RUN_LINES) lines from an address on that is a multiple of REMOTE_LINE_BYTES,
 * and of user memory. Returns the number of lines read, up to the first that is not there. -ESRCH:
 * the process is gone; -EPERM; -ETIMEDOUT: it did not answer; -EAGAIN: too many do not; -ENOMEM,
 * -EMFILE and the like: it could not be asked.
 */
int remote_reader_read(struct remote_reader *r, uint64_t address, size_t n, void *ret_lines);
/* After them. */
void remote_reader_end(struct remote_reader *r);

#endif
