// SPDX-License-Identifier: Apache-2.0
/*
 * walk_dw.c - libdw's view. dwfl takes a "thread" from callbacks: its registers, and memory by the
 * word. Ours is the snapshot. No debug files are looked for: names come from the symbol tables, and
 * whatever has .eh_frame has it in the file itself.
 */
#include "oracle/walk.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

struct oracle_dw {
	Dwfl *dwfl;
	Dwfl_Callbacks callbacks;
	pid_t pid;
	const struct snapshot *snap;
	bool read_failed;
	struct vec maps; /* struct file_map */
};

/* Where a part of a file is mapped: libdw knows one place of a file, but there may be two. */
struct file_map {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	char name[64];
};

static int no_debug_file(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
			 const char *file, const char *debuglink, GElf_Word crc, char **ret_path)
{
	return -1;
}

static pid_t next_thread(Dwfl *dwfl, void *arg, void **ret_thread_arg)
{
	struct oracle_dw *d = arg;

	if (*ret_thread_arg)
		return 0;
	*ret_thread_arg = d;
	return (pid_t)d->snap->tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **ret_thread_arg)
{
	*ret_thread_arg = arg;
	return true;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret, void *arg)
{
	struct oracle_dw *d = arg;
	uint64_t at = address - d->snap->registers[SNAPSHOT_SP];
	struct iovec local = {ret, sizeof(*ret)}, remote = {(void *)address, sizeof(*ret)};

	if (at < d->snap->stack_bytes && d->snap->stack_bytes - at >= sizeof(*ret)) {
		memcpy(ret, d->snap->stack + at, sizeof(*ret));
		return true;
	}
	/* Code and constants have not changed since; anything else has. */
	if (dwfl_addrmodule(dwfl, address) &&
	    process_vm_readv(d->pid, &local, 1, &remote, 1, 0) == (ssize_t)sizeof(*ret))
		return true;
	d->read_failed = true;
	return false;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	struct oracle_dw *d = arg;

	dwfl_thread_state_register_pc(thread, d->snap->registers[SNAPSHOT_IP]);
	return dwfl_thread_state_registers(thread, 0, SNAPSHOT_REGISTERS, d->snap->registers);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = memory_read,
	.set_initial_registers = set_registers,
};

static int read_maps(struct oracle_dw *d)
{
	char path[64], line[4352];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", d->pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		const char *slash = strrchr(line, '/');
		struct file_map map;

		if (!slash || sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &map.start,
				     &map.end, &map.offset) != 3)
			continue;
		snprintf(map.name, sizeof(map.name), "%.*s", (int)strcspn(slash + 1, "\n"),
			 slash + 1);
		if (!vec_push(&d->maps, &map, 1))
			break;
	}
	fclose(f);
	return 0;
}

int oracle_dw_new(pid_t pid, struct oracle_dw **ret)
{
	struct oracle_dw *d = calloc(1, sizeof(*d));
	int r = -ENOMEM;

	if (!d)
		return r;
	vec_init(&d->maps, sizeof(struct file_map));
	d->pid = pid;
	d->callbacks.find_elf = dwfl_linux_proc_find_elf;
	d->callbacks.find_debuginfo = no_debug_file;
	d->dwfl = dwfl_begin(&d->callbacks);
	if (!d->dwfl)
		goto fail;
	r = dwfl_linux_proc_report(d->dwfl, pid);
	if (r > 0)
		r = -r;
	if (r || dwfl_report_end(d->dwfl, NULL, NULL) ||
	    !dwfl_attach_state(d->dwfl, NULL, pid, &thread_callbacks, d)) {
		r = r < 0 ? r : -ESRCH;
		goto fail;
	}
	r = read_maps(d);
	if (r)
		goto fail;
	*ret = d;
	return 0;
fail:
	oracle_dw_free(d);
	return r;
}

void oracle_dw_free(struct oracle_dw *d)
{
	if (!d)
		return;
	if (d->dwfl)
		dwfl_end(d->dwfl);
	vec_release(&d->maps);
	free(d);
}

static int take_frame(Dwfl_Frame *frame, void *arg)
{
	struct oracle_stack *s = arg;
	Dwarf_Addr pc;

	if (s->n == ORACLE_MAX_FRAMES || !dwfl_frame_pc(frame, &pc, NULL))
		return DWARF_CB_ABORT;
	s->pcs[s->n++] = pc;
	return DWARF_CB_OK;
}

void oracle_dw_walk(struct oracle_dw *d, const struct snapshot *snap, struct oracle_stack *ret)
{
	int r;

	ret->n = 0;
	d->snap = snap;
	d->read_failed = false;
	r = dwfl_getthread_frames(d->dwfl, (pid_t)snap->tid, take_frame, ret);
	/* To libdw a return address that could not be read is the same as one that is undefined. */
	ret->bottom = r == 0 && !d->read_failed;
}

/* The virtual address that a file's own segments give to an offset. */
static bool offset_to_address(Elf *elf, uint64_t offset, uint64_t *ret)
{
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_LOAD)
			continue;
		if (offset >= ph.p_offset && offset - ph.p_offset < ph.p_filesz) {
			*ret = ph.p_vaddr + offset - ph.p_offset;
			return true;
		}
	}
	return false;
}

bool oracle_dw_locate(struct oracle_dw *d, uint64_t pc, const char **ret_file,
		      uint64_t *ret_address)
{
	Dwfl_Module *mod = dwfl_addrmodule(d->dwfl, pc);
	GElf_Addr bias;
	Elf *elf = mod ? dwfl_module_getelf(mod, &bias) : NULL;

	if (!elf)
		return false;
	for (size_t i = 0; i < d->maps.n; i++) {
		const struct file_map *map = vec_at(&d->maps, i);

		if (pc < map->start || pc >= map->end)
			continue;
		*ret_file = map->name;
		return offset_to_address(elf, pc - map->start + map->offset, ret_address);
	}
	*ret_file = "[vdso]";
	*ret_address = pc - bias;
	return true;
}

const char *oracle_dw_name(struct oracle_dw *d, uint64_t pc)
{
	Dwfl_Module *mod = dwfl_addrmodule(d->dwfl, pc);
	const char *name = mod ? dwfl_module_addrname(mod, pc) : NULL;

	return name ? name : "?";
}
