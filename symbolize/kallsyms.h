// SPDX-License-Identifier: Apache-2.0
/*
 * kallsyms - the kernel's own list of names: its text, modules, BPF programs and trampolines.
 *
 * A line is "address type name [\tmodule]" (Linux, kernel/kallsyms.c). There are no sizes: a symbol
 * owns what follows it up to the next address in the list, of whatever type, so data symbols and
 * the end marks of text (_etext, _einittext) are kept as bounds that own nothing. The last symbol
 * of a module has no such bound; it owns KALLSYMS_TAIL_BYTES at most, since what lies behind may be
 * somebody else's. Of several names for one address the first is taken, as the kernel itself does
 * when it prints a stack. Without CAP_SYSLOG every address reads as zero: that is -EACCES.
 */
#ifndef SYMBOLIZE_KALLSYMS_H
#define SYMBOLIZE_KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KALLSYMS_MAX_BYTES  (64u << 20)
#define KALLSYMS_TAIL_BYTES (64u << 10)

struct kallsyms;

/* -EACCES: the addresses are hidden. -EFBIG, -ENOMEM, or that of open() and read(). */
int kallsyms_load(const char *path, struct kallsyms **ret);
int kallsyms_parse(const char *text, size_t size, struct kallsyms **ret);
void kallsyms_free(struct kallsyms *k);

struct kallsym {
	const char *name;   /* belongs to the list */
	const char *module; /* "[mod]", "[bpf]"; "" for the kernel itself */
};

bool kallsyms_lookup(const struct kallsyms *k, uint64_t address, struct kallsym *ret);
/*
 * The build-id of the kernel that runs, in hex. A list of names is worth something only for
 * addresses of the same kernel. -ENOENT: it has none.
 */
#define KALLSYMS_BUILD_ID_BYTES 129
int kallsyms_build_id(char ret[KALLSYMS_BUILD_ID_BYTES]);
/* Number of symbols that own something, and the memory used. */
size_t kallsyms_count(const struct kallsyms *k);
size_t kallsyms_bytes(const struct kallsyms *k);

#endif
