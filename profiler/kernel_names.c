// SPDX-License-Identifier: Apache-2.0
/*
 * kernel_names.c - asks the kernel for names of addresses, by a BPF program (kernel_names.bpf.c).
 *
 * The question and the answer are one page range that is shared with the program; a run of it is
 * one system call for up to 64 addresses.
 */
#include <bpf/bpf.h>
#include <cresset/recorder.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/types.h>

#include "bpf/abi_kernel_names.h"
#include "kernel_names_bpf.skel.h"

struct cresset_kernel_names {
	struct kernel_names_bpf *bpf;
	struct kernel_names *question;
};

_Static_assert((int)KERNEL_NAMES_ROWS == (int)CRESSET_KERNEL_NAMES_MAX, "one question");

static int map_question(struct cresset_kernel_names *k)
{
	void *p = mmap(NULL, sizeof(*k->question), PROT_READ | PROT_WRITE, MAP_SHARED,
		       k->bpf->maps.question.map_fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	k->question = p;
	return 0;
}

int cresset_kernel_names_new(struct cresset_kernel_names **ret)
{
	struct cresset_kernel_names *k = calloc(1, sizeof(*k));
	int r = -ENOMEM;

	if (k)
		k->bpf = kernel_names_bpf__open();
	if (k && k->bpf)
		r = kernel_names_bpf__load(k->bpf);
	if (!r)
		r = map_question(k);
	if (r) {
		cresset_kernel_names_free(k);
		return r;
	}
	*ret = k;
	return 0;
}

void cresset_kernel_names_free(struct cresset_kernel_names *k)
{
	if (!k)
		return;
	if (k->question)
		munmap(k->question, sizeof(*k->question));
	kernel_names_bpf__destroy(k->bpf);
	free(k);
}

/*
 * Programs and trampolines are in no module, and the kernel's list says "[bpf]" of them. They are
 * called bpf_prog_TAG or bpf_prog_TAG_name, with a tag of 16 digits, and bpf_trampoline_NUMBER.
 */
static bool is_of_bpf(const char *name)
{
	size_t digits;

	if (!strncmp(name, "bpf_trampoline_", 15))
		return name[15] >= '0' && name[15] <= '9';
	if (strncmp(name, "bpf_prog_", 9) != 0)
		return false;
	digits = strspn(name + 9, "0123456789abcdef");
	return digits == 16 && (name[25] == '\0' || name[25] == '_');
}

/* Where code ends: nothing is there, which some kernels have a name for. */
static bool is_end(const char *text)
{
	return !strcmp(text, "_etext") || !strcmp(text, "_einittext");
}

/* "name [module]"; -ENAMETOOLONG. */
static int take(const char *text, struct cresset_kernel_name *ret)
{
	const char *module = strchr(text, ' ');
	size_t n = module ? (size_t)(module - text) : strnlen(text, KERNEL_NAMES_BYTES);

	ret->name[0] = ret->module[0] = '\0';
	if (!strncmp(text, "0x", 2) || is_end(text))
		return 0;
	if (!n || n >= sizeof(ret->name) || (module && strlen(module + 1) >= sizeof(ret->module)))
		return -ENAMETOOLONG;
	memcpy(ret->name, text, n);
	ret->name[n] = '\0';
	if (module)
		strcpy(ret->module, module + 1);
	else if (is_of_bpf(ret->name))
		strcpy(ret->module, "[bpf]");
	return 0;
}

int cresset_kernel_names_find(void *kernel_names, const uint64_t *addresses, size_t n,
			      struct cresset_kernel_name *ret)
{
	struct cresset_kernel_names *k = kernel_names;
	struct kernel_names *q = k->question;
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int r;

	if (n > KERNEL_NAMES_ROWS)
		return -E2BIG;
	q->n = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		q->rows[i].address = addresses[i];
		q->rows[i].text[0] = '\0';
	}
	if (bpf_prog_test_run_opts(k->bpf->progs.kernel_names.prog_fd, &opts))
		return -errno;
	r = 0;
	for (size_t i = 0; i < n && !r; i++) {
		q->rows[i].text[KERNEL_NAMES_BYTES - 1] = '\0';
		r = take(q->rows[i].text, &ret[i]);
	}
	return r;
}
