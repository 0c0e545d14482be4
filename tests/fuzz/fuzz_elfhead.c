// SPDX-License-Identifier: Apache-2.0
/* The head of an ELF file with any bytes: segments are sound, and every offset has an answer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "elfhead.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct elfhead *e)
{
	if (!e->n_loads || e->n_loads > ELFHEAD_MAX_LOADS ||
	    e->build_id_size > ELFHEAD_BUILD_ID_BYTES)
		abort();
	for (size_t i = 0; i < e->n_loads; i++) {
		const struct elfhead_load *l = &e->loads[i];
		int at;

		if (l->offset + l->filesz < l->offset || l->vaddr + l->memsz < l->vaddr ||
		    l->memsz < l->filesz || (i && l->executable && !e->loads[i - 1].executable))
			abort();
		at = elfhead_find(e, l->offset);
		if (at < 0 || (size_t)at > i)
			abort();
		elfhead_find(e, l->offset - 1);
		elfhead_find(e, l->offset + l->filesz);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	struct elfhead e;

	if (fd < 0)
		return 0;
	if (write(fd, data, size) == (ssize_t)size && !elfhead_read(fd, &e))
		check(&e);
	close(fd);
	return 0;
}
