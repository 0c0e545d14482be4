// SPDX-License-Identifier: Apache-2.0
/* sink - what all sinks share: the buffer, the first error, and printf. See sink.h. */
#include "formats/sink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sink_new(const struct sink_ops *ops, size_t size, struct cresset_sink **ret)
{
	struct cresset_sink *s = calloc(1, size);

	if (!s)
		return -ENOMEM;
	s->buffer = malloc(SINK_BUFFER);
	if (!s->buffer) {
		free(s);
		return -ENOMEM;
	}
	s->ops = ops;
	*ret = s;
	return 0;
}

void sink_free(struct cresset_sink *s)
{
	free(s->buffer);
	free(s);
}

int sink_write_fd(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* No file does this, but a loop must end. */
		if (n == 0)
			return -EIO;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int sink_flush(struct cresset_sink *s)
{
	if (s->used && !s->error)
		s->error = s->ops->write(s, s->buffer, s->used);
	s->used = 0;
	return s->error;
}

int cresset_sink_write(struct cresset_sink *s, const void *data, size_t size)
{
	if (s->error || !size)
		return s->error;
	if (size > SINK_BUFFER - s->used && sink_flush(s) < 0)
		return s->error;
	if (size >= SINK_BUFFER) {
		s->error = s->ops->write(s, data, size);
		return s->error;
	}
	memcpy(s->buffer + s->used, data, size);
	s->used += size;
	return 0;
}

int cresset_sink_puts(struct cresset_sink *s, const char *text)
{
	return cresset_sink_write(s, text, strlen(text));
}

int cresset_sink_printf(struct cresset_sink *s, const char *fmt, ...)
{
	char text[512], *large = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(text))
		return cresset_sink_write(s, text, (size_t)n);
	va_start(args, fmt);
	n = n < 0 ? -1 : vasprintf(&large, fmt, args);
	va_end(args);
	if (n < 0) {
		if (!s->error)
			s->error = -ENOMEM;
		return s->error;
	}
	cresset_sink_write(s, large, (size_t)n);
	free(large);
	return s->error;
}

int cresset_sink_error(const struct cresset_sink *s)
{
	return s->error;
}

const void *cresset_sink_data(const struct cresset_sink *s, size_t *ret_size)
{
	/* Only the place of the bytes changes, not what the sink holds. */
	struct cresset_sink *flushed = (struct cresset_sink *)s;

	*ret_size = 0;
	if (!s->ops->data)
		return NULL;
	sink_flush(flushed);
	return s->ops->data(s, ret_size);
}

int cresset_sink_close(struct cresset_sink *s)
{
	int r, closed;

	if (!s)
		return 0;
	r = sink_flush(s);
	closed = s->ops->close(s, r);
	sink_free(s);
	return r < 0 ? r : closed;
}

void cresset_sink_abort(struct cresset_sink *s)
{
	if (!s)
		return;
	s->ops->abort(s);
	sink_free(s);
}

int cresset_sink_finish(struct cresset_sink *s, int r)
{
	int error = s ? s->error : 0;

	if (r == 0 && error == 0)
		return cresset_sink_close(s);
	cresset_sink_abort(s);
	return error < 0 ? error : r;
}
