// SPDX-License-Identifier: Apache-2.0
/*
 * See kernelbtf.h. The kernel's BTF can be mapped since Linux 6.16 and has to be read before; the
 * result is a file in memory, which libbpf opens by its name in /proc/self/fd.
 */
#include "kernelbtf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libelf.h>

#include "pread_exact.h"

enum { MAX_BTF_BYTES = 64 << 20 };

struct whole {
	struct btfsubset_bytes bytes;
	void *mapped; /* NULL: read */
	void *read;
};

static int whole_read(struct whole *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size <= 0 || st.st_size > MAX_BTF_BYTES)
		return -EFBIG;
	w->bytes.size = (size_t)st.st_size;
	w->mapped = mmap(NULL, w->bytes.size, PROT_READ, MAP_PRIVATE, fd, 0);
	w->bytes.data = w->mapped;
	if (w->mapped != MAP_FAILED)
		return 0;
	w->mapped = NULL;
	w->read = malloc(w->bytes.size);
	w->bytes.data = w->read;
	return w->read ? pread_exact(fd, w->read, w->bytes.size, 0) : -ENOMEM;
}

static void whole_release(struct whole *w)
{
	if (w->mapped)
		munmap(w->mapped, w->bytes.size);
	free(w->read);
}

/* The section .BTF of an object. */
static int object_btf(const struct btfsubset_bytes *object, struct btfsubset_bytes *ret)
{
	/* libelf wants to write to what it reads, and does not. */
	Elf *elf = elf_memory((char *)(uintptr_t)object->data, object->size);
	Elf_Scn *section = NULL;
	size_t names;
	int r = -ENOENT;

	if (!elf || elf_getshdrstrndx(elf, &names)) {
		elf_end(elf);
		return -ENOEXEC;
	}
	while ((section = elf_nextscn(elf, section))) {
		Elf64_Shdr *h = elf64_getshdr(section);
		const char *name = h ? elf_strptr(elf, names, h->sh_name) : NULL;

		if (!name || strcmp(name, ".BTF") != 0)
			continue;
		r = -ENOEXEC;
		if (h->sh_offset <= object->size && h->sh_size <= object->size - h->sh_offset) {
			ret->data = (const char *)object->data + h->sh_offset;
			ret->size = h->sh_size;
			r = 0;
		}
		break;
	}
	elf_end(elf);
	return r;
}

static int file_write(struct kernelbtf *k, const struct vec *bytes)
{
	ssize_t n;

	k->fd = memfd_create("kernel BTF", MFD_CLOEXEC);
	if (k->fd < 0)
		return -errno;
	snprintf(k->path, sizeof(k->path), "/proc/self/fd/%d", k->fd);
	n = write(k->fd, bytes->data, bytes->n);
	if (n < 0)
		return -errno;
	if ((size_t)n != bytes->n)
		return -ENOSPC;
	/* libbpf would not go on without it. */
	return access(k->path, R_OK) ? -errno : 0;
}

static int file_make(struct kernelbtf *k, const struct btfsubset_bytes *wanted)
{
	struct whole all = {.mapped = NULL};
	int fd = open(KERNELBTF_PATH, O_RDONLY | O_CLOEXEC), r;
	struct vec bytes;

	if (fd < 0)
		return -errno;
	vec_init(&bytes, 1);
	r = whole_read(&all, fd);
	if (!r)
		r = btfsubset_make(&all.bytes, wanted, &bytes);
	if (!r)
		r = file_write(k, &bytes);
	vec_release(&bytes);
	whole_release(&all);
	close(fd);
	return r;
}

int kernelbtf_init(struct kernelbtf *ret, const struct btfsubset_bytes *object)
{
	struct btfsubset_bytes wanted;
	int r;

	*ret = (struct kernelbtf){.fd = -1};
	elf_version(EV_CURRENT);
	r = object_btf(object, &wanted);
	if (!r)
		r = file_make(ret, &wanted);
	if (r)
		kernelbtf_release(ret);
	return r;
}

void kernelbtf_release(struct kernelbtf *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}
