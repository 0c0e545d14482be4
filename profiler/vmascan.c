// SPDX-License-Identifier: Apache-2.0
/*
 * vmascan.c - loads procmap.bpf.c, reads its two iterators to the end, unloads it.
 *
 * A read(2) of an iterator gives whole records up to the buffer's size, or part of one at its end:
 * the rest is moved to the front and the next read appends. The program is loaded for the scan only
 * (6 ms), so that it costs no memory afterwards.
 */
#include "vmascan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "procmap_bpf.skel.h"

enum { SCAN_BUFFER_BYTES = 128 << 10 };

int vmascan_parse(const void *data, size_t size, vmascan_fn fn, void *arg, size_t *ret_used)
{
	size_t used = 0;
	int r = 0;

	while (!r && size - used >= sizeof(struct procmap_record)) {
		const char *at = (const char *)data + used;
		struct procmap_record record;
		const char *path = at + sizeof(record);

		memcpy(&record, at, sizeof(record));
		if (record.size < sizeof(record) + record.path_size ||
		    record.path_size > PROCMAP_PATH_BYTES ||
		    record.size > sizeof(record) + PROCMAP_PATH_BYTES + 8)
			return -EBADMSG;
		if (record.size > size - used)
			break;
		if (record.path_size && path[record.path_size - 1] != '\0')
			return -EBADMSG;
		record.comm[sizeof(record.comm) - 1] = '\0';
		r = fn(arg, &record, record.path_size ? path : "");
		used += record.size;
	}
	*ret_used = used;
	return r;
}

static int read_iterator(int link_fd, vmascan_fn fn, void *arg)
{
	size_t have = 0, used;
	char *buffer;
	int fd, r = 0;

	fd = bpf_iter_create(link_fd);
	if (fd < 0)
		return -errno;
	buffer = malloc(SCAN_BUFFER_BYTES);
	if (!buffer)
		r = -ENOMEM;
	while (!r) {
		ssize_t n = read(fd, buffer + have, SCAN_BUFFER_BYTES - have);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		have += (size_t)n;
		r = vmascan_parse(buffer, have, fn, arg, &used);
		if (!r) {
			memmove(buffer, buffer + used, have - used);
			have -= used;
		}
	}
	free(buffer);
	close(fd);
	return r;
}

int vmascan_run(vmascan_fn fn, void *arg, struct cresset_error *err)
{
	struct procmap_bpf *skel = procmap_bpf__open();
	int r = skel ? procmap_bpf__load(skel) : -ENOMEM;

	if (r)
		cresset_error_set(err, r, "cannot load the process iterators: %s", strerror(-r));
	if (!r) {
		r = procmap_bpf__attach(skel);
		if (r)
			cresset_error_set(err, r, "cannot attach the process iterators: %s",
					  strerror(-r));
	}
	if (!r) {
		r = read_iterator(skel->links.scan_tasks_fd, fn, arg);
		if (!r)
			r = read_iterator(skel->links.scan_vmas_fd, fn, arg);
		if (r)
			cresset_error_set(err, r, "cannot read the process iterators: %s",
					  strerror(r < 0 ? -r : 0));
	}
	procmap_bpf__destroy(skel);
	return r;
}
