// SPDX-License-Identifier: Apache-2.0
/*
 * vmascan.c - loads procmap.bpf.c, reads its two iterators to the end, unloads it.
 *
 * A read(2) of an iterator gives whole records up to the buffer's size, or part of one at its end:
 * the rest is moved to the front and the next read appends. The program is loaded for the scan only
 * (some 10 ms), so that it costs no memory afterwards.
 */
#include "vmascan.h"

#include <errno.h>
#include <stdarg.h>
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

static int say_nothing(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

/* A library does not print: what libbpf would say is in errno, about. */
static struct procmap_bpf *load(const char *btf)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = btf);
	libbpf_print_fn_t print = libbpf_set_print(say_nothing);
	struct procmap_bpf *skel = procmap_bpf__open_opts(&opts);
	int r = skel ? procmap_bpf__load(skel) : -errno;

	libbpf_set_print(print);
	if (!r)
		return skel;
	procmap_bpf__destroy(skel);
	errno = -r;
	return NULL;
}

struct btfsubset_bytes vmascan_object(void)
{
	struct btfsubset_bytes object;

	object.data = procmap_bpf__elf_bytes(&object.size);
	return object;
}

int vmascan_run(vmascan_fn fn, void *arg, const char *btf, struct cresset_error *err)
{
	struct procmap_bpf *skel = load(btf);
	int r;

	if (!skel)
		return cresset_error_set(err, errno ? -errno : -EINVAL,
					 "cannot load the process iterators: %s", strerror(errno));
	r = procmap_bpf__attach(skel);
	if (r) {
		cresset_error_set(err, r, "cannot attach the process iterators: %s", strerror(-r));
	} else {
		r = read_iterator(bpf_link__fd(skel->links.scan_tasks), fn, arg);
		if (!r)
			r = read_iterator(bpf_link__fd(skel->links.scan_vmas), fn, arg);
		if (r)
			cresset_error_set(err, r, "cannot read the process iterators: %s",
					  strerror(r < 0 ? -r : 0));
	}
	procmap_bpf__destroy(skel);
	return r;
}
