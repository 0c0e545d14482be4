// SPDX-License-Identifier: Apache-2.0
/*
 * walk_unw.c - libunwind's view: remote unwinding with accessors that read the snapshot.
 *
 * Finding a file's unwind table is what libunwind-ptrace does for a process: it maps the files that
 * /proc/PID/maps names. It hands its own argument to the memory accessor while it reads these
 * tables, so the snapshot of the walk in progress cannot come with the argument: it is kept in a
 * variable of the thread for the time of a walk.
 */
#include "oracle/walk.h"

#include <errno.h>
#include <libunwind-ptrace.h>
#include <libunwind.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

struct oracle_unw {
	unw_addr_space_t space;
	unw_accessors_t accessors;
	void *tables; /* of libunwind-ptrace */
	pid_t pid;
	const struct snapshot *snap;
};

static _Thread_local const struct oracle_unw *walking;

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *ret, int need,
			  void *arg)
{
	return _UPT_find_proc_info(as, ip, ret, need, walking->tables);
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *info, void *arg)
{
	_UPT_put_unwind_info(as, info, walking->tables);
}

static int no_dynamic_info(unw_addr_space_t as, unw_word_t *ret, void *arg)
{
	return -UNW_ENOINFO;
}

static int access_memory(unw_addr_space_t as, unw_word_t address, unw_word_t *value, int write,
			 void *arg)
{
	const struct snapshot *snap = walking->snap;
	uint64_t at = address - snap->registers[SNAPSHOT_SP];
	struct iovec local = {value, sizeof(*value)}, remote = {(void *)address, sizeof(*value)};

	if (write)
		return -UNW_EINVAL;
	if (at < snap->stack_bytes && snap->stack_bytes - at >= sizeof(*value)) {
		memcpy(value, snap->stack + at, sizeof(*value));
		return 0;
	}
	return process_vm_readv(walking->pid, &local, 1, &remote, 1, 0) == (ssize_t)sizeof(*value)
		       ? 0
		       : -UNW_EINVAL;
}

static int access_register(unw_addr_space_t as, unw_regnum_t n, unw_word_t *value, int write,
			   void *arg)
{
	if (write || n < 0 || n >= SNAPSHOT_REGISTERS)
		return -UNW_EBADREG;
	*value = walking->snap->registers[n];
	return 0;
}

static int no_fp_register(unw_addr_space_t as, unw_regnum_t n, unw_fpreg_t *value, int write,
			  void *arg)
{
	return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t as, unw_cursor_t *cursor, void *arg)
{
	return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t as, unw_word_t address, char *name, size_t size,
		   unw_word_t *offset, void *arg)
{
	return -UNW_ENOINFO;
}

int oracle_unw_new(pid_t pid, struct oracle_unw **ret)
{
	struct oracle_unw *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->pid = pid;
	u->accessors = (unw_accessors_t){
		.find_proc_info = find_proc_info,
		.put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = no_dynamic_info,
		.access_mem = access_memory,
		.access_reg = access_register,
		.access_fpreg = no_fp_register,
		.resume = no_resume,
		.get_proc_name = no_name,
	};
	u->tables = _UPT_create(pid);
	u->space = unw_create_addr_space(&u->accessors, 0);
	if (!u->tables || !u->space) {
		oracle_unw_free(u);
		return -ENOMEM;
	}
	unw_set_caching_policy(u->space, UNW_CACHE_PER_THREAD);
	*ret = u;
	return 0;
}

void oracle_unw_free(struct oracle_unw *u)
{
	if (!u)
		return;
	if (u->space)
		unw_destroy_addr_space(u->space);
	if (u->tables)
		_UPT_destroy(u->tables);
	free(u);
}

void oracle_unw_walk(struct oracle_unw *u, const struct snapshot *snap, struct oracle_stack *ret)
{
	unw_cursor_t cursor;
	unw_word_t ip;
	int r;

	ret->n = 0;
	ret->bottom = false;
	u->snap = snap;
	walking = u;
	r = unw_init_remote(&cursor, u->space, u);
	while (!r && ret->n < ORACLE_MAX_FRAMES) {
		if (unw_get_reg(&cursor, UNW_REG_IP, &ip) || !ip)
			break;
		ret->pcs[ret->n++] = ip;
		r = unw_step(&cursor);
		ret->bottom = r == 0;
		r = r > 0 ? 0 : -1;
	}
	walking = NULL;
}
