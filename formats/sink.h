// SPDX-License-Identifier: Apache-2.0
/*
 * sink - the inside of struct cresset_sink, for the files that make one.
 *
 * A sink is this struct at the start of its own, with four operations. sink.c does for all of them
 * what must be alike: it collects small writes in one buffer of SINK_BUFFER bytes, keeps the first
 * error, and after an error drops what follows. So an operation sees few large writes, is never
 * called again once it failed, and is always given one of close or abort, which frees its own
 * things but not the sink itself.
 */
#ifndef FORMATS_SINK_H
#define FORMATS_SINK_H

#include <cresset/sink.h>

enum { SINK_BUFFER = 64 << 10 };

struct sink_ops {
	int (*write)(struct cresset_sink *s, const void *data, size_t size);
	/* Writes out what it still holds; r is the error so far (0: none). Returns its own error.
	 */
	int (*close)(struct cresset_sink *s, int r);
	void (*abort)(struct cresset_sink *s);
	/* NULL if what was written cannot be seen. */
	const void *(*data)(const struct cresset_sink *s, size_t *ret_size);
};

struct cresset_sink {
	const struct sink_ops *ops;
	int error;
	size_t used;
	char *buffer;
};

/* Zeroed memory of size bytes that starts with a sink. */
int sink_new(const struct sink_ops *ops, size_t size, struct cresset_sink **ret);
/* Frees a sink that nobody has seen yet; no operation is called. */
void sink_free(struct cresset_sink *s);
/* Writes all of data to a descriptor. */
int sink_write_fd(int fd, const void *data, size_t size);

#endif
