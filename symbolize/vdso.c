// SPDX-License-Identifier: Apache-2.0
/*
 * vdso - see vdso.h. The size of the image stands nowhere; it ends where the last of its segments
 * and its section headers end. The image comes from the kernel, yet the sum is bounded: a mistake
 * here would read past the mapping.
 */
#include "vdso.h"

#include "elf_image.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

size_t vdso_image_size(const void *header, size_t max)
{
	Elf64_Ehdr eh;
	uint64_t end;

	memcpy(&eh, header, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_phentsize != sizeof(Elf64_Phdr) || eh.e_phoff > max ||
	    eh.e_phnum * sizeof(Elf64_Phdr) > max - eh.e_phoff)
		return 0;
	end = eh.e_phoff + eh.e_phnum * sizeof(Elf64_Phdr);
	if (eh.e_shoff) {
		uint64_t size = (uint64_t)eh.e_shnum * eh.e_shentsize;

		if (eh.e_shoff > max || size > max - eh.e_shoff)
			return 0;
		if (eh.e_shoff + size > end)
			end = eh.e_shoff + size;
	}
	for (unsigned int i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, (const char *)header + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD)
			continue;
		if (ph.p_offset > max || ph.p_filesz > max - ph.p_offset)
			return 0;
		if (ph.p_offset + ph.p_filesz > end)
			end = ph.p_offset + ph.p_filesz;
	}
	return end;
}

int vdso_open(struct elf_image **ret)
{
	const void *header = (const void *)getauxval(AT_SYSINFO_EHDR);
	size_t size;
	void *copy;
	int r;

	if (!header)
		return -ENOENT;
	size = vdso_image_size(header, VDSO_MAX_BYTES);
	if (!size)
		return -ENOEXEC;
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, header, size);
	r = elf_image_open_memory(copy, size, ret);
	if (r < 0)
		free(copy);
	return r;
}
