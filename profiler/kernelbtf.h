// SPDX-License-Identifier: Apache-2.0
/*
 * kernelbtf - what the BPF object of a session asks the kernel's BTF for, as a file for libbpf.
 *
 * Reading all of it and searching it for each struct took 35 ms, all in the way of the first
 * sample. See btfsubset.h.
 */
#ifndef PROFILER_KERNELBTF_H
#define PROFILER_KERNELBTF_H

#include "btfsubset.h"

#define KERNELBTF_PATH "/sys/kernel/btf/vmlinux"

struct kernelbtf {
	int fd; /* -1: none */
	char path[32];
};

/* The object is an ELF file. On failure `ret` has no path, and libbpf finds its own way. */
int kernelbtf_init(struct kernelbtf *ret, const struct btfsubset_bytes *object);
void kernelbtf_release(struct kernelbtf *k);

/* For bpf_object_open_opts.btf_custom_path; NULL if there is none. */
static inline const char *kernelbtf_path(const struct kernelbtf *k)
{
	return k->fd >= 0 ? k->path : NULL;
}

#endif
