// SPDX-License-Identifier: Apache-2.0
/*
 * elf_image - see elf_image.h. Opening, headers, notes and links; contents are in elf_view.c.
 *
 * libelf is used for what it is good at, the header tables with their extended numbering, and let
 * go again: everything it says is copied to tables of our own, so no later call depends on it.
 * Formats: ELF gABI; notes and .gnu_debuglink: the GDB manual, "Separate Debug Files";
 * .gnu_debugaltlink: DWARF 5, 7.3.6, as dwz writes it.
 */
#include "elf_image.h"

#include "openfile.h"

#include "core/arena.h"
#include "core/vec.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_SECTIONS = 1 << 20, MAX_SEGMENTS = 4096, MAX_NOTES = 64 << 10, MAX_BUILD_ID = 64 };

struct elf_image {
	unsigned int refs;
	int fd; /* -1: in memory */
	uint8_t *memory;
	uint64_t size; /* of the file */
	unsigned int machine;
	unsigned int type;
	bool is_64bit;
	char build_id[2 * MAX_BUILD_ID + 1];
	struct vec segments; /* struct elf_segment */
	struct vec sections; /* struct elf_section */
	struct vec kept;     /* struct kept: contents handed out whole */
	struct arena names;
};

struct kept {
	const struct elf_section *section;
	uint8_t *data;
	size_t size;
};

int elf_image_pread(const struct elf_image *e, uint64_t offset, void *buf, size_t size)
{
	ssize_t done;

	if (offset > e->size || size > e->size - offset)
		return -EIO;
	if (e->fd < 0) {
		if (size)
			memcpy(buf, e->memory + offset, size);
		return 0;
	}
	done = openfile_read(e->fd, buf, size, offset);
	return done < 0 ? (int)done : (size_t)done < size ? -EIO : 0;
}

static int image_add_section(struct elf_image *e, Elf *elf, size_t shstrndx, Elf_Scn *scn)
{
	struct elf_section s;
	const char *name;
	GElf_Shdr sh;

	if (!gelf_getshdr(scn, &sh))
		return 0;
	name = elf_strptr(elf, shstrndx, sh.sh_name);
	s = (struct elf_section){
		.name = arena_strndup(&e->names, name ? name : "", name ? strnlen(name, 256) : 0),
		.addr = sh.sh_addr,
		.offset = sh.sh_offset,
		.size = sh.sh_size,
		.flags = sh.sh_flags,
		.entsize = sh.sh_entsize,
		.type = sh.sh_type,
		.link = sh.sh_link,
		.info = sh.sh_info,
	};
	return s.name && vec_push(&e->sections, &s, 1) ? 0 : -ENOMEM;
}

static int image_add_sections(struct elf_image *e, Elf *elf)
{
	const struct elf_section null = {.name = ""};
	size_t shstrndx, n;
	Elf_Scn *scn = NULL;

	/* Without a usable section table the segments are still good for something. */
	if (elf_getshdrstrndx(elf, &shstrndx) < 0 || elf_getshdrnum(elf, &n) < 0 ||
	    n > MAX_SECTIONS)
		return 0;
	if (!vec_push(&e->sections, &null, 1))
		return -ENOMEM;
	while ((scn = elf_nextscn(elf, scn))) {
		int r;

		/* A header that cannot be read keeps its number, so that links stay right. */
		while (e->sections.n < elf_ndxscn(scn))
			if (!vec_push(&e->sections, &null, 1))
				return -ENOMEM;
		r = image_add_section(e, elf, shstrndx, scn);
		if (r < 0)
			return r;
	}
	return 0;
}

static void image_find_build_id(struct elf_image *e, const uint8_t *note, size_t size, size_t align)
{
	static const char hex[] = "0123456789abcdef";

	while (size >= 12) {
		uint32_t head[3]; /* name size, contents size, type */
		size_t name_size, data_size;

		memcpy(head, note, sizeof(head));
		note += 12, size -= 12;
		name_size = ((size_t)head[0] + align - 1) & ~(align - 1);
		data_size = ((size_t)head[1] + align - 1) & ~(align - 1);
		if (name_size > size || head[1] > size - name_size)
			return;
		if (head[2] == NT_GNU_BUILD_ID && head[0] == 4 && memcmp(note, "GNU", 4) == 0 &&
		    head[1] > 0 && head[1] <= MAX_BUILD_ID) {
			for (size_t i = 0; i < head[1]; i++) {
				e->build_id[2 * i] = hex[note[name_size + i] >> 4];
				e->build_id[2 * i + 1] = hex[note[name_size + i] & 15];
			}
			e->build_id[2 * (size_t)head[1]] = '\0';
			return;
		}
		if (data_size > size - name_size)
			return;
		note += name_size + data_size, size -= name_size + data_size;
	}
}

static int image_read_notes(struct elf_image *e, uint64_t offset, uint64_t size, uint64_t align)
{
	uint8_t *note;

	if (e->build_id[0] || size < 12 || size > MAX_NOTES)
		return 0;
	note = malloc(size);
	if (!note)
		return -ENOMEM;
	if (elf_image_pread(e, offset, note, size) == 0)
		image_find_build_id(e, note, size, align == 8 ? 8 : 4);
	free(note);
	return 0;
}

static int image_add_segments(struct elf_image *e, Elf *elf)
{
	size_t n;

	if (elf_getphdrnum(elf, &n) < 0 || n > MAX_SEGMENTS)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct elf_segment s;
		GElf_Phdr ph;
		int r;

		if (!gelf_getphdr(elf, (int)i, &ph))
			continue;
		r = ph.p_type == PT_NOTE ? image_read_notes(e, ph.p_offset, ph.p_filesz, ph.p_align)
					 : 0;
		if (r < 0)
			return r;
		if (ph.p_type != PT_LOAD)
			continue;
		s = (struct elf_segment){.vaddr = ph.p_vaddr,
					 .memsz = ph.p_memsz,
					 .offset = ph.p_offset,
					 .filesz = ph.p_filesz,
					 .flags = ph.p_flags};
		if (!vec_push(&e->segments, &s, 1))
			return -ENOMEM;
	}
	return 0;
}

static int image_read_headers(struct elf_image *e, Elf *elf)
{
	const struct elf_section *s;
	GElf_Ehdr eh;
	size_t n;
	int r;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh) ||
	    eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	e->machine = eh.e_machine;
	e->type = eh.e_type;
	e->is_64bit = eh.e_ident[EI_CLASS] == ELFCLASS64;
	r = image_add_sections(e, elf);
	if (r < 0)
		return r;
	/* Sections first: objcopy leaves debug files with segments that point at other bytes. */
	s = elf_image_sections(e, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		if (s[i].type == SHT_NOTE)
			r = image_read_notes(e, s[i].offset, s[i].size, 4);
	return r < 0 ? r : image_add_segments(e, elf);
}

static int image_open(struct elf_image *e)
{
	Elf *elf;
	int r;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	elf = e->fd >= 0 ? elf_begin(e->fd, ELF_C_READ, NULL)
			 : elf_memory((char *)e->memory, e->size);
	if (!elf)
		return -ENOEXEC;
	r = image_read_headers(e, elf);
	elf_end(elf);
	return r;
}

static struct elf_image *image_alloc(void)
{
	struct elf_image *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->refs = 1;
	e->fd = -1;
	vec_init(&e->segments, sizeof(struct elf_segment));
	vec_init(&e->sections, sizeof(struct elf_section));
	vec_init(&e->kept, sizeof(struct kept));
	arena_init(&e->names);
	return e;
}

int elf_image_open_fd(int fd, struct elf_image **ret)
{
	struct elf_image *e;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	e = image_alloc();
	if (!e)
		return -ENOMEM;
	e->fd = fd;
	e->size = (uint64_t)st.st_size;
	r = image_open(e);
	if (r < 0) {
		e->fd = -1; /* stays the caller's */
		elf_image_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

int elf_image_open_memory(void *data, size_t size, struct elf_image **ret)
{
	struct elf_image *e = image_alloc();
	int r;

	if (!e)
		return -ENOMEM;
	e->memory = data;
	e->size = size;
	r = size ? image_open(e) : -ENOEXEC;
	if (r < 0) {
		e->memory = NULL;
		elf_image_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

struct elf_image *elf_image_ref(struct elf_image *e)
{
	e->refs++;
	return e;
}

void elf_image_free(struct elf_image *e)
{
	if (!e || --e->refs)
		return;
	for (size_t i = 0; i < e->kept.n; i++)
		free(((struct kept *)vec_at(&e->kept, i))->data);
	vec_release(&e->kept);
	vec_release(&e->segments);
	vec_release(&e->sections);
	arena_release(&e->names);
	free(e->memory);
	if (e->fd >= 0)
		close(e->fd);
	free(e);
}

const char *elf_image_build_id(const struct elf_image *e)
{
	return e->build_id;
}

unsigned int elf_image_machine(const struct elf_image *e)
{
	return e->machine;
}

unsigned int elf_image_type(const struct elf_image *e)
{
	return e->type;
}

bool elf_image_is_64bit(const struct elf_image *e)
{
	return e->is_64bit;
}

const struct elf_segment *elf_image_segments(const struct elf_image *e, size_t *ret_n)
{
	*ret_n = e->segments.n;
	return e->segments.data;
}

const struct elf_section *elf_image_sections(const struct elf_image *e, size_t *ret_n)
{
	*ret_n = e->sections.n;
	return e->sections.data;
}

const struct elf_section *elf_image_find(const struct elf_image *e, const char *name)
{
	size_t n;
	const struct elf_section *s = elf_image_sections(e, &n), *old = NULL;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(s[i].name, name) == 0)
			return &s[i];
		if (!old && strncmp(name, ".debug_", 7) == 0 &&
		    strncmp(s[i].name, ".zdebug_", 8) == 0 && !strcmp(s[i].name + 8, name + 7))
			old = &s[i];
	}
	return old;
}

static bool has_contents(const struct elf_section *s)
{
	return s && s->type != SHT_NOBITS && s->type != SHT_NULL && s->size;
}

bool elf_image_has_symtab(const struct elf_image *e)
{
	size_t n;
	const struct elf_section *s = elf_image_sections(e, &n);

	for (size_t i = 0; i < n; i++)
		if (s[i].type == SHT_SYMTAB && s[i].size)
			return true;
	return false;
}

bool elf_image_has_dwarf(const struct elf_image *e)
{
	return has_contents(elf_image_find(e, ".debug_info"));
}

int elf_image_section(struct elf_image *e, const char *name, const uint8_t **ret_data,
		      size_t *ret_size)
{
	struct kept k = {.section = elf_image_find(e, name)};
	int r;

	if (!has_contents(k.section))
		return -ENOENT;
	for (size_t i = 0; i < e->kept.n; i++) {
		const struct kept *old = vec_at(&e->kept, i);

		if (old->section == k.section) {
			*ret_data = old->data;
			*ret_size = old->size;
			return 0;
		}
	}
	r = elf_image_read(e, k.section, &k.data, &k.size);
	if (r < 0)
		return r;
	if (!vec_push(&e->kept, &k, 1)) {
		free(k.data);
		return -ENOMEM;
	}
	*ret_data = k.data;
	*ret_size = k.size;
	return 0;
}

int elf_image_debuglink(struct elf_image *e, const char **ret_name, uint32_t *ret_crc)
{
	const uint8_t *data;
	size_t size, len;
	int r = elf_image_section(e, ".gnu_debuglink", &data, &size);

	if (r < 0)
		return r;
	len = strnlen((const char *)data, size);
	if (!len || memchr(data, '/', len) || ((len + 4) & ~(size_t)3) + 4 > size)
		return -ENOENT;
	*ret_name = (const char *)data;
	memcpy(ret_crc, data + ((len + 4) & ~(size_t)3), 4);
	return 0;
}

int elf_image_debugaltlink(struct elf_image *e, const char **ret_path, const char **ret_build_id)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *data;
	size_t size, len;
	char *hex;
	int r = elf_image_section(e, ".gnu_debugaltlink", &data, &size);

	if (r < 0)
		return r;
	len = strnlen((const char *)data, size);
	if (!len || len == size || size - len - 1 > MAX_BUILD_ID)
		return -ENOENT;
	hex = arena_alloc(&e->names, 2 * (size - len - 1) + 1, 1);
	if (!hex)
		return -ENOMEM;
	*ret_build_id = hex;
	for (size_t i = len + 1; i < size; i++) {
		*hex++ = digits[data[i] >> 4];
		*hex++ = digits[data[i] & 15];
	}
	*hex = '\0';
	*ret_path = (const char *)data;
	return 0;
}
