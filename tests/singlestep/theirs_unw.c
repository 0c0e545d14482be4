// SPDX-License-Identifier: Apache-2.0
/*
 * theirs_unw.c - libunwind, remote. Tables are looked for by libunwind-ptrace; memory and registers
 * come from the tracee, as a system call for every word would take most of the time.
 */
#include <errno.h>
#include <libunwind-ptrace.h>
#include <stdlib.h>
#include <string.h>

#include "theirs.h"

enum { CACHE_ENTRIES = 1 << 12 };

struct theirs_unw {
	unw_addr_space_t space;
	void *upt;
	pid_t upt_pid;
};

/* libunwind-ptrace calls access_mem with an argument of its own, so that cannot say which. */
static _Thread_local const struct tracee *tracee;

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *info, int need,
			  void *arg)
{
	struct theirs_unw *u = arg;

	return _UPT_find_proc_info(as, ip, info, need, u->upt);
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *info, void *arg)
{
	struct theirs_unw *u = arg;

	_UPT_put_unwind_info(as, info, u->upt);
}

static int no_dyn_info(unw_addr_space_t as, unw_word_t *ret, void *arg)
{
	return -UNW_ENOINFO;
}

static int access_mem(unw_addr_space_t as, unw_word_t address, unw_word_t *value, int write,
		      void *arg)
{
	if (write)
		return -UNW_EINVAL;
	return tracee_read(tracee, address, value, sizeof(*value)) ? -UNW_EINVAL : 0;
}

static int access_reg(unw_addr_space_t as, unw_regnum_t reg, unw_word_t *value, int write,
		      void *arg)
{
	const struct user_regs_struct *r = &tracee->regs;
	const unw_word_t values[] = {
		[UNW_X86_64_RAX] = r->rax, [UNW_X86_64_RDX] = r->rdx, [UNW_X86_64_RCX] = r->rcx,
		[UNW_X86_64_RBX] = r->rbx, [UNW_X86_64_RSI] = r->rsi, [UNW_X86_64_RDI] = r->rdi,
		[UNW_X86_64_RBP] = r->rbp, [UNW_X86_64_RSP] = r->rsp, [UNW_X86_64_R8] = r->r8,
		[UNW_X86_64_R9] = r->r9,   [UNW_X86_64_R10] = r->r10, [UNW_X86_64_R11] = r->r11,
		[UNW_X86_64_R12] = r->r12, [UNW_X86_64_R13] = r->r13, [UNW_X86_64_R14] = r->r14,
		[UNW_X86_64_R15] = r->r15, [UNW_X86_64_RIP] = r->rip,
	};

	if (write || reg < 0 || (size_t)reg >= sizeof(values) / sizeof(values[0]))
		return -UNW_EBADREG;
	*value = values[reg];
	return 0;
}

static int no_fpreg(unw_addr_space_t as, unw_regnum_t reg, unw_fpreg_t *value, int write, void *arg)
{
	return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t as, unw_cursor_t *cursor, void *arg)
{
	return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t as, unw_word_t ip, char *to, size_t size, unw_word_t *offset,
		   void *arg)
{
	return -UNW_ENOINFO;
}

int theirs_unw_new(struct theirs_unw **ret)
{
	unw_accessors_t accessors = {
		.find_proc_info = find_proc_info,
		.put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = no_dyn_info,
		.access_mem = access_mem,
		.access_reg = access_reg,
		.access_fpreg = no_fpreg,
		.resume = no_resume,
		.get_proc_name = no_name,
	};
	struct theirs_unw *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->space = unw_create_addr_space(&accessors, 0);
	if (!u->space) {
		free(u);
		return -ENOMEM;
	}
	unw_set_caching_policy(u->space, UNW_CACHE_GLOBAL);
	unw_set_cache_size(u->space, CACHE_ENTRIES, 0);
	*ret = u;
	return 0;
}

void theirs_unw_free(struct theirs_unw *u)
{
	if (!u)
		return;
	if (u->upt)
		_UPT_destroy(u->upt);
	unw_destroy_addr_space(u->space);
	free(u);
}

void theirs_unw_flush(struct theirs_unw *u)
{
	if (u->upt)
		_UPT_destroy(u->upt);
	u->upt = NULL;
	unw_flush_cache(u->space, 0, 0);
}

void theirs_unw_walk(struct theirs_unw *u, const struct tracee *t, struct theirs_stack *ret)
{
	unw_cursor_t cursor;
	unw_word_t ip;
	int r = -UNW_EUNSPEC;

	ret->n = 0;
	ret->whole = false;
	if (u->upt && u->upt_pid != t->tid)
		theirs_unw_flush(u);
	if (!u->upt)
		u->upt = _UPT_create(t->tid);
	u->upt_pid = t->tid;
	tracee = t;
	if (!u->upt || unw_init_remote(&cursor, u->space, u))
		return;
	do {
		if (unw_get_reg(&cursor, UNW_REG_IP, &ip) || !ip)
			break;
		ret->ips[ret->n++] = ip;
		r = unw_step(&cursor);
	} while (r > 0 && ret->n < THEIRS_MAX_FRAMES);
	ret->whole = ret->n && ret->n < THEIRS_MAX_FRAMES && !r;
}
