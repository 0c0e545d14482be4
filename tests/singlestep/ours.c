// SPDX-License-Identifier: Apache-2.0
/* See ours.h. */
#include "ours.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_tabmem.h"
#include "native.h"
#include "unwind/cfi_table.h"
#include "unwind/procpages.h"
#include "unwind/tables.h"
#include "unwind_walk.h"

enum { EXEC_ID_OF_ALL = 1, MAX_RANGES = 1024, MAX_BLOCKS = 65536, MAX_PIDS = 64 };

struct ours {
	struct tabmem *mem;
	struct tables tables;
	struct procpages pages;
	uint64_t clock_ns;
	struct native_task task;
	/* The last process mapped or walked. */
	pid_t pid;
	struct cresset_unwind_range ranges[MAX_RANGES];
	size_t n_ranges;
	pid_t known[MAX_PIDS];
	size_t n_known;
};

struct line {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	uint64_t inode;
	bool exec;
	char path[512];
};

int ours_new(struct ours **ret)
{
	struct ours *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	fake_reset();
	/*
	 * All that the process has mapped is published, so asking the kernel for what is missing
	 * finds nothing either. That search has its own test (test_bpf_vma).
	 */
	native_task_init(&o->task, 1, 1);
	o->task.task.mm = NULL;
	native_run(&o->task);
	cresset_config.unwinder = CRESSET_UNWINDER_native;
	o->mem = fake_tabmem_new();
	r = o->mem ? tables_init(&o->tables, o->mem, MAX_BLOCKS) : -ENOMEM;
	if (!r)
		r = procpages_init(&o->pages, o->mem);
	if (r) {
		free(o);
		return r;
	}
	*ret = o;
	return 0;
}

void ours_free(struct ours *o)
{
	if (!o)
		return;
	procpages_release(&o->pages);
	tables_release(&o->tables);
	fake_tabmem_free(o->mem);
	free(o);
}

static bool parse_line(const char *text, struct line *ret)
{
	char perms[5];
	int n = 0;

	memset(ret, 0, sizeof(*ret));
	if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %" SCNu64 " %n", &ret->start,
		   &ret->end, perms, &ret->offset, &ret->inode, &n) != 5)
		return false;
	ret->exec = perms[2] == 'x';
	snprintf(ret->path, sizeof(ret->path), "%s", text + n);
	ret->path[strcspn(ret->path, "\n")] = '\0';
	return true;
}

/* Run-time address - virtual address of the segment at this file offset. */
static int bias_of(int fd, const struct line *line, __u64 *ret)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh))
		return -ENOEXEC;
	for (size_t i = 0; i < eh.e_phnum; i++) {
		uint64_t low;

		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + i * sizeof(ph))) != sizeof(ph))
			return -ENOEXEC;
		low = ph.p_offset & ~4095ull;
		if (ph.p_type != PT_LOAD || !(ph.p_flags & PF_X) || line->offset < low ||
		    line->offset >= ph.p_offset + ph.p_filesz)
			continue;
		*ret = line->start - (line->offset - low) - (ph.p_vaddr & ~4095ull);
		return 0;
	}
	return -ENODATA;
}

static int load(struct ours *o, uint32_t id, int fd, const void *image, size_t size)
{
	struct cfi_table *table;
	int r;

	tables_begin(&o->tables, id);
	r = image ? cfi_table_compile_memory(image, size, &table)
		  : cfi_table_compile_fd(fd, &table);
	if (r) {
		tables_none(&o->tables, id);
		return 0;
	}
	r = tables_publish(&o->tables, id, table, o->clock_ns);
	cfi_table_free(table);
	return r;
}

static int add_file(struct ours *o, pid_t pid, const struct line *line,
		    struct cresset_unwind_range *range)
{
	struct tables_key key = {.segments = 0};
	char path[64];
	struct stat st;
	uint32_t id;
	bool new;
	int fd, r;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, line->start,
		 line->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) /* needs privileges, the path does not */
		fd = open(line->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	key.dev = st.st_dev;
	key.ino = st.st_ino;
	key.size = (uint64_t)st.st_size;
	key.mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
	r = bias_of(fd, line, &range->bias);
	if (!r)
		r = tables_add(&o->tables, &key, 0, &id, &new);
	if (!r && new)
		r = load(o, id, fd, NULL, 0);
	close(fd);
	if (!r)
		range->dso = (uint16_t)id;
	return r;
}

static int add_vdso(struct ours *o, pid_t pid, const struct line *line,
		    struct cresset_unwind_range *range)
{
	struct tables_key key = {.segments = 1};
	struct tracee t = {.tid = pid};
	size_t size = line->end - line->start;
	void *image = malloc(size);
	uint32_t id;
	bool new;
	int r;

	if (!image)
		return -ENOMEM;
	range->kind = CRESSET_RANGE_VDSO;
	range->bias = line->start;
	r = tracee_read(&t, line->start, image, size);
	if (!r)
		r = tables_add(&o->tables, &key, 0, &id, &new);
	if (!r && new)
		r = load(o, id, -1, image, size);
	free(image);
	if (!r)
		range->dso = (uint16_t)id;
	return r;
}

static int add_line(struct ours *o, pid_t pid, const struct line *line)
{
	struct cresset_unwind_range *range = &o->ranges[o->n_ranges];

	/* The legacy vsyscall page is no mapping of the process. */
	if (!line->exec || line->start >= CRESSET_USER_LIMIT || o->n_ranges == MAX_RANGES)
		return 0;
	o->n_ranges++;
	*range = (struct cresset_unwind_range){.start = line->start,
					       .pages = (uint32_t)((line->end - line->start) >> 12),
					       .kind = CRESSET_RANGE_FILE};
	if (!strcmp(line->path, "[vdso]"))
		return add_vdso(o, pid, line, range);
	if (line->inode)
		return add_file(o, pid, line, range);
	range->kind = CRESSET_RANGE_ANON;
	return 0;
}

int ours_map(struct ours *o, pid_t pid)
{
	char path[64], text[1024];
	struct line line;
	FILE *f;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	o->pid = pid;
	o->n_ranges = 0;
	while (!r && fgets(text, sizeof(text), f))
		if (parse_line(text, &line))
			r = add_line(o, pid, &line);
	fclose(f);
	if (!r)
		r = procpages_publish(&o->pages, (uint32_t)pid, EXEC_ID_OF_ALL, o->ranges,
				      o->n_ranges, true);
	if (!r && !ours_knows(o, pid) && o->n_known < MAX_PIDS)
		o->known[o->n_known++] = pid;
	return r;
}

bool ours_knows(const struct ours *o, pid_t pid)
{
	for (size_t i = 0; i < o->n_known; i++)
		if (o->known[i] == pid)
			return true;
	return false;
}

void ours_forget(struct ours *o, pid_t pid)
{
	for (size_t i = 0; i < o->n_known; i++)
		if (o->known[i] == pid)
			o->known[i] = o->known[--o->n_known];
	procpages_remove(&o->pages, (uint32_t)pid);
	if (o->pid == pid)
		o->pid = 0;
}

static long read_user(void *arg, void *to, uint32_t size, uint64_t from)
{
	return tracee_read(arg, from, to, size);
}

static void take_registers(struct cresset_registers *r, const struct user_regs_struct *u)
{
	const struct cresset_event_regs e = {.r15 = u->r15,
					     .r14 = u->r14,
					     .r13 = u->r13,
					     .r12 = u->r12,
					     .bp = u->rbp,
					     .bx = u->rbx,
					     .r11 = u->r11,
					     .r10 = u->r10,
					     .r9 = u->r9,
					     .r8 = u->r8,
					     .ax = u->rax,
					     .cx = u->rcx,
					     .dx = u->rdx,
					     .si = u->rsi,
					     .di = u->rdi};

	memset(r, 0, sizeof(*r));
	CRESSET_GENERAL_TAKE(r->general, &e);
	r->ip = u->rip;
	r->sp = u->rsp;
	r->fp = u->rbp;
}

/* A frame names a file; which of the process's ranges has it there? */
static uint64_t address_of(const struct ours *o, uint64_t frame)
{
	uint64_t address = frame & CRESSET_FRAME_ADDRESS;
	uint32_t dso = CRESSET_FRAME_DSO(frame);

	for (size_t i = 0; dso && i < o->n_ranges; i++) {
		const struct cresset_unwind_range *range = &o->ranges[i];
		uint64_t end = range->start + ((uint64_t)range->pages << 12);
		uint64_t ip = address + range->bias;

		/* A return address may be the first byte behind its range. */
		if (range->dso == dso && ip >= range->start && ip <= end)
			return ip;
	}
	return address;
}

static const struct cresset_unwind_range *range_of(const struct ours *o, uint64_t address)
{
	for (size_t i = 0; i < o->n_ranges; i++)
		if (address - o->ranges[i].start < (uint64_t)o->ranges[i].pages << 12)
			return &o->ranges[i];
	return NULL;
}

bool ours_is_code(const struct ours *o, uint64_t address)
{
	return range_of(o, address);
}

bool ours_is_vdso(const struct ours *o, uint64_t address)
{
	const struct cresset_unwind_range *range = range_of(o, address);

	return range && range->kind == CRESSET_RANGE_VDSO;
}

void ours_walk(struct ours *o, const struct tracee *t, struct ours_stack *ret)
{
	__u32 slot_id = cresset_slot_id(CRESSET_CONTEXT_PERF);
	struct cresset_scratch *s = cresset_scratch(slot_id);

	/* A thread of another process than the last one: its ranges are asked for. */
	if (o->pid != t->pid)
		ours_map(o, t->pid);
	fake_cpu.read_user = read_user;
	fake_cpu.read_arg = (void *)(uintptr_t)t;
	s->key.pid = (__u32)t->pid;
	s->key.exec_id = EXEC_ID_OF_ALL;
	take_registers(&s->registers, &t->regs);
	ret->stop = (enum cresset_stop)cresset_unwind_native(slot_id);
	ret->reason = (enum cresset_stop)s->walk.reason;
	ret->n = s->user.n;
	ret->n_fallback = 0;
	for (size_t i = 0; i < ret->n; i++) {
		uint64_t frame = s->user.frames[i];

		ret->fallback[i] = frame & CRESSET_FRAME_FALLBACK;
		ret->exact[i] = !i || frame & CRESSET_FRAME_EXACT;
		ret->n_fallback += ret->fallback[i];
		ret->ips[i] = address_of(o, frame);
	}
}
