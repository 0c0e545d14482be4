// SPDX-License-Identifier: Apache-2.0
/*
 * elf_image - one ELF file, opened to be read piece by piece.
 *
 * The file is hostile and may be cut off while we read it. So it is never mapped (no SIGBUS):
 * libelf reads the headers once, they are checked and copied, and contents come by pread() into
 * memory of our own. What is reached through an elf_view is read in pages when it is first needed,
 * so a file with a gigabyte of debug information costs what is looked at; the pages can be dropped
 * again. Little-endian files only (x86-64, aarch64, and their 32-bit kin).
 *
 * An image is counted: elf_image_free() gives one reference back. An index that still reads from an
 * image keeps its own reference, so the opener may always free its image when it is done with it.
 *
 * (Not named elf.h: a directory on the include path with a file of that name hides <elf.h>.)
 */
#ifndef SYMBOLIZE_ELF_IMAGE_H
#define SYMBOLIZE_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_image;

struct elf_segment { /* a PT_LOAD */
	uint64_t vaddr;
	uint64_t memsz;
	uint64_t offset;
	uint64_t filesz;
	uint32_t flags; /* PF_X, PF_W, PF_R */
};

struct elf_section {
	const char *name; /* belongs to the image */
	uint64_t addr;
	uint64_t offset;
	uint64_t size;
	uint64_t flags; /* SHF_* */
	uint64_t entsize;
	uint32_t type; /* SHT_* */
	uint32_t link;
	uint32_t info;
};

/*
 * Takes the descriptor of a regular file over on success. -ENOEXEC: not an ELF file that we read;
 * -EINVAL: not a regular file; -ENOMEM.
 */
int elf_image_open_fd(int fd, struct elf_image **ret);
/* Takes over malloc()ed data on success: a vdso, a decompressed .gnu_debugdata. */
int elf_image_open_memory(void *data, size_t size, struct elf_image **ret);
struct elf_image *elf_image_ref(struct elf_image *e);
/* NULL is allowed. */
void elf_image_free(struct elf_image *e);

/* Lower-case hex of NT_GNU_BUILD_ID, "" if there is none. */
const char *elf_image_build_id(const struct elf_image *e);
unsigned int elf_image_machine(const struct elf_image *e); /* EM_* */
unsigned int elf_image_type(const struct elf_image *e);	   /* ET_* */
bool elf_image_is_64bit(const struct elf_image *e);
/* There is a .symtab with contents; .debug_info with contents. */
bool elf_image_has_symtab(const struct elf_image *e);
bool elf_image_has_dwarf(const struct elf_image *e);
const struct elf_segment *elf_image_segments(const struct elf_image *e, size_t *ret_n);
const struct elf_section *elf_image_sections(const struct elf_image *e, size_t *ret_n);
/* The first section of that name (".zdebug_x" stands for ".debug_x"), or NULL. */
const struct elf_section *elf_image_find(const struct elf_image *e, const char *name);

/*
 * A section's contents, decompressed, whole; kept by the image until it is freed. -ENOENT: no such
 * section, or without contents; -EIO: past the end of the file; -EBADMSG: damaged compression;
 * -EFBIG; -ENOMEM.
 */
int elf_image_section(struct elf_image *e, const char *name, const uint8_t **ret_data,
		      size_t *ret_size);
/* The same into memory of the caller's, one more zero byte behind it. */
int elf_image_read(struct elf_image *e, const struct elf_section *s, uint8_t **ret_data,
		   size_t *ret_size);
/* Bytes of the file as they stand: 0, -EIO past its end, or -errno. */
int elf_image_pread(const struct elf_image *e, uint64_t offset, void *buf, size_t size);
/* .gnu_debuglink; -ENOENT. The name belongs to the image and has no '/'. */
int elf_image_debuglink(struct elf_image *e, const char **ret_name, uint32_t *ret_crc);
/* .gnu_debugaltlink (dwz): a path, and the wanted build-id in hex. -ENOENT. */
int elf_image_debugaltlink(struct elf_image *e, const char **ret_path, const char **ret_build_id);

/*
 * Contents that are read page by page. data[a … b) may be read after elf_view_need(v, a, b - a) was
 * true, until the next elf_view_drop(). An absent section is an empty view.
 */
struct elf_view {
	const uint8_t *data;
	size_t size;
	size_t resident;     /* bytes that are here and can be dropped */
	struct elf_image *e; /* NULL: everything is here */
	uint64_t offset;     /* of data[0] in the file */
	uint64_t *pages;     /* bit i: page i is here */
	void *owned;	     /* malloc()ed contents (of a compressed section) */
	size_t reserved;     /* bytes of address space, 0: not ours */
};

/* -EBADMSG, -EIO, -EFBIG, -ENOMEM as elf_image_section(). The image must outlive the view. */
int elf_view_init(struct elf_view *v, struct elf_image *e, const char *name);
void elf_view_release(struct elf_view *v);
bool elf_view_load(struct elf_view *v, size_t at, size_t size);
/* Forgets every page that can be read again. */
void elf_view_drop(struct elf_view *v);

/* False past the end, and where the file cannot be read any more. */
static inline bool elf_view_need(struct elf_view *v, uint64_t at, uint64_t size)
{
	if (at > v->size || size > v->size - at)
		return false;
	return !v->e || elf_view_load(v, at, size);
}

/* The NUL-terminated string at `at` and its length; NULL if it does not end in time. */
const char *elf_view_string(struct elf_view *v, uint64_t at, size_t *ret_len);

#endif
