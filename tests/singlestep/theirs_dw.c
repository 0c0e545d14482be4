// SPDX-License-Identifier: Apache-2.0
/*
 * theirs_dw.c - libdw, on the stopped thread. It is only asked where libunwind and we disagree, so
 * it looks at the process anew each time.
 */
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "theirs.h"

enum { RA_COLUMN = 16 };

struct theirs_dw {
	Dwfl *dwfl;
	pid_t pid;
	char *debug_path;
	Dwfl_Callbacks callbacks;
};

int theirs_dw_new(struct theirs_dw **ret)
{
	struct theirs_dw *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	/* Nowhere: separate debug files would bring tables that we do not read either. */
	d->debug_path = strdup("");
	d->callbacks.find_elf = dwfl_linux_proc_find_elf;
	d->callbacks.find_debuginfo = dwfl_standard_find_debuginfo;
	d->callbacks.debuginfo_path = &d->debug_path;
	*ret = d;
	return 0;
}

void theirs_dw_flush(struct theirs_dw *d)
{
	if (d->dwfl)
		dwfl_end(d->dwfl);
	d->dwfl = NULL;
}

void theirs_dw_free(struct theirs_dw *d)
{
	if (!d)
		return;
	theirs_dw_flush(d);
	free(d->debug_path);
	free(d);
}

static int attach(struct theirs_dw *d, const struct tracee *t)
{
	if (d->dwfl && d->pid == t->pid)
		return 0;
	theirs_dw_flush(d);
	d->dwfl = dwfl_begin(&d->callbacks);
	if (!d->dwfl)
		return -ENOMEM;
	d->pid = t->pid;
	if (dwfl_linux_proc_report(d->dwfl, t->pid) || dwfl_report_end(d->dwfl, NULL, NULL) ||
	    dwfl_linux_proc_attach(d->dwfl, t->pid, true)) {
		theirs_dw_flush(d);
		return -ESRCH;
	}
	return 0;
}

enum described theirs_dw_describes(struct theirs_dw *d, const struct tracee *t, uint64_t address)
{
	enum described described = DESCRIBED;
	Dwarf_Op memory[3], *ops;
	Dwarf_Addr bias = 0;
	Dwfl_Module *module;
	Dwarf_Frame *row;
	Dwarf_CFI *cfi;
	size_t n_ops;

	if (attach(d, t))
		return DESCRIBED_NOT;
	module = dwfl_addrmodule(d->dwfl, address);
	cfi = module ? dwfl_module_eh_cfi(module, &bias) : NULL;
	if (!cfi || dwarf_cfi_addrframe(cfi, address - bias, &row))
		return DESCRIBED_NOT;
	/* "Undefined" is told from "same value" by the pointer. */
	if (!dwarf_frame_register(row, RA_COLUMN, memory, &ops, &n_ops) && !n_ops && ops == memory)
		described = DESCRIBED_END;
	free(row);
	return described;
}

static int frame(Dwfl_Frame *state, void *arg)
{
	struct theirs_stack *ret = arg;
	Dwarf_Addr pc;

	if (!dwfl_frame_pc(state, &pc, NULL))
		return DWARF_CB_ABORT;
	ret->ips[ret->n++] = pc;
	return ret->n < THEIRS_MAX_FRAMES ? DWARF_CB_OK : DWARF_CB_ABORT;
}

void theirs_dw_walk(struct theirs_dw *d, const struct tracee *t, struct theirs_stack *ret)
{
	ret->n = 0;
	ret->whole = false;
	if (!attach(d, t))
		ret->whole = dwfl_getthread_frames(d->dwfl, t->tid, frame, ret) == 0;
}
