// SPDX-License-Identifier: Apache-2.0
/* A sink that keeps everything in memory, to be read by cresset_sink_data(). */
#include "formats/sink.h"

#include "core/vec.h"

#include <errno.h>

struct sink_memory {
	struct cresset_sink sink;
	struct vec bytes;
};

static int memory_write(struct cresset_sink *s, const void *data, size_t size)
{
	struct sink_memory *m = (struct sink_memory *)s;

	return vec_push(&m->bytes, data, size) ? 0 : -ENOMEM;
}

static void memory_abort(struct cresset_sink *s)
{
	vec_release(&((struct sink_memory *)s)->bytes);
}

static int memory_close(struct cresset_sink *s, int r)
{
	memory_abort(s);
	return 0;
}

static const void *memory_data(const struct cresset_sink *s, size_t *ret_size)
{
	const struct sink_memory *m = (const struct sink_memory *)s;

	*ret_size = m->bytes.n;
	return m->bytes.n ? m->bytes.data : "";
}

int cresset_sink_memory(struct cresset_sink **ret)
{
	static const struct sink_ops ops = {
		.write = memory_write,
		.close = memory_close,
		.abort = memory_abort,
		.data = memory_data,
	};
	int r = sink_new(&ops, sizeof(struct sink_memory), ret);

	if (r == 0)
		vec_init(&((struct sink_memory *)*ret)->bytes, 1);
	return r;
}
