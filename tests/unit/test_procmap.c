// SPDX-License-Identifier: Apache-2.0
/*
 * procmap: what comes of side-band events, scan records and /proc text, without a kernel that sends
 * them. This test program itself is the binary that imaginary processes (whose pids no process can
 * have) have mapped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include "maps.h"
#include "procmap_inside.h"
#include "support/alloc_fail.h"
#include "support/fixture.h"
#include "vmascan.h"

enum { PARENT = (1 << 30) + 1, CHILD, GRANDCHILD };
static const uint64_t BASE = 0x7f1200000000;

struct env {
	struct procmap pm;
	struct cresset_profile *p;
	char exe[1024];
	struct elfhead elf;
	uint64_t clock;
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	ssize_t n = readlink("/proc/self/exe", e->exe, sizeof(e->exe) - 1);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(n > 0 && fd >= 0);
	assert_int_equal(elfhead_read(fd, &e->elf), 0);
	close(fd);
	assert_int_equal(procmap_init(&e->pm), 0);
	assert_int_equal(cresset_profile_new(&e->p), 0);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	cresset_profile_free(e->p);
	proctab_release(&e->pm.table);
	dso_table_release(&e->pm.dsos);
	perfmaps_release(&e->pm.perfmaps);
	free(e);
	return 0;
}

static void feed(struct env *e, struct sideband_event event)
{
	event.time_ns = ++e->clock;
	if (!event.tid)
		event.tid = event.pid;
	event.text_len = event.text ? strlen(event.text) : 0;
	assert_int_equal(procmap_feed(&e->pm, &event), 0);
}

static void feed_fork(struct env *e, uint32_t pid, uint32_t ppid)
{
	feed(e, (struct sideband_event){.type = SIDEBAND_FORK, .pid = pid, .ppid = ppid});
}

static void feed_exec(struct env *e, uint32_t pid, const char *comm)
{
	feed(e, (struct sideband_event){
			.type = SIDEBAND_COMM, .pid = pid, .exec = true, .text = comm});
}

static void feed_map(struct env *e, uint32_t pid, const char *path, uint64_t start, uint64_t pages)
{
	feed(e, (struct sideband_event){.type = SIDEBAND_MMAP,
					.pid = pid,
					.start = start,
					.end = start + pages * 4096,
					.text = path});
}

/* The executable segment of this program, as the loader would map it. */
static void feed_self(struct env *e, uint32_t pid, uint64_t start)
{
	const struct elfhead_load *l = &e->elf.loads[0];
	uint64_t page = l->offset & ~UINT64_C(4095);
	struct sideband_event event = {.type = SIDEBAND_MMAP,
				       .pid = pid,
				       .start = start,
				       .end = (start + l->offset - page + l->filesz + 4095) &
					      ~UINT64_C(4095),
				       .pgoff = page,
				       .text = e->exe};

	/* Tests are linked with --build-id, the compiler's default here. */
	assert_int_equal(e->elf.build_id_size, 20);
	event.build_id_size = 20;
	memcpy(event.build_id, e->elf.build_id, 20);
	feed(e, event);
}

static uint32_t locate_flags(struct env *e, uint32_t pid, uint32_t exec_id, uint64_t address,
			     uint32_t flags)
{
	uint32_t id;

	assert_int_equal(procmap_location(&e->pm, e->p, pid, exec_id, address, flags, &id), 0);
	return id;
}

static uint32_t locate(struct env *e, uint32_t pid, uint32_t exec_id, uint64_t address)
{
	return locate_flags(e, pid, exec_id, address, 0);
}

static const struct cresset_mapping *mapping_of(struct env *e, uint32_t location)
{
	return cresset_profile_mapping(e->p, cresset_profile_location(e->p, location)->mapping);
}

static const char *file_of(struct env *e, uint32_t location)
{
	return cresset_profile_string(e->p, mapping_of(e, location)->file);
}

static void assert_self(struct env *e, uint32_t location, uint64_t vaddr)
{
	const struct cresset_mapping *m = mapping_of(e, location);
	const struct elfhead_load *l = &e->elf.loads[0];

	assert_int_equal(cresset_profile_location(e->p, location)->address, vaddr);
	assert_int_equal(m->kind, CRESSET_MAPPING_FILE);
	assert_int_equal(m->start, l->vaddr);
	assert_int_equal(m->limit, l->vaddr + l->memsz);
	assert_int_equal(m->offset, l->offset);
	assert_int_equal(m->pid, 0);
	assert_string_equal(file_of(e, location), e->exe);
	assert_int_equal(strlen(cresset_profile_string(e->p, m->build_id)), 40);
}

static void a_dead_process_keeps_its_names(void **state)
{
	struct env *e = *state;
	const struct elfhead_load *l = &e->elf.loads[0];
	uint64_t in_page = l->offset & 4095;
	struct procmap_stats stats;
	uint32_t a, b;

	feed_fork(e, PARENT, 1);
	feed_exec(e, PARENT, "first");
	feed_self(e, PARENT, BASE);
	feed_fork(e, CHILD, PARENT);
	feed(e, (struct sideband_event){.type = SIDEBAND_EXIT, .pid = CHILD});
	feed(e, (struct sideband_event){.type = SIDEBAND_EXIT, .pid = PARENT});
	a = locate(e, PARENT, 5, BASE + in_page + 100);
	assert_self(e, a, l->vaddr + 100);
	b = locate(e, CHILD, 5, BASE + in_page + 100);
	assert_int_equal(a, b);
	assert_self(e, locate(e, CHILD, 5, BASE + in_page + l->filesz - 1),
		    l->vaddr + l->filesz - 1);
	assert_string_equal(procmap_comm(&e->pm, CHILD, 5), "first");
	assert_int_equal(cresset_profile_n_mappings(e->p), 1);
	procmap_get_stats(&e->pm, &stats);
	assert_int_equal(stats.addresses, 3);
	assert_int_equal(stats.addresses_unknown, 0);
	assert_int_equal(stats.processes, 2);
	assert_int_equal(stats.binaries_opened, 1);
}

/* Makes the exec id of a process known, as the scan does. */
static void scan_process(struct env *e, uint32_t pid, uint32_t exec_id, const char *comm)
{
	struct procmap_record record = {
		.kind = PROCMAP_PROCESS, .pid = pid, .exec_id = exec_id, .time_ns = ++e->clock};

	strcpy(record.comm, comm);
	assert_int_equal(procmap_feed_scan(&e->pm, &record, ""), 0);
}

static void images_are_told_apart_by_exec_id(void **state)
{
	struct env *e = *state;

	scan_process(e, PARENT, 41, "shell");
	feed_map(e, PARENT, "/before", BASE, 16);
	feed_fork(e, CHILD, PARENT);
	feed_exec(e, CHILD, "tool");
	feed_map(e, CHILD, "/after", BASE, 16);
	assert_string_equal(file_of(e, locate(e, PARENT, 41, BASE)), "/before");
	assert_string_equal(file_of(e, locate(e, CHILD, 41, BASE)), "/before");
	assert_string_equal(file_of(e, locate(e, CHILD, 42, BASE)), "/after");
	assert_string_equal(procmap_comm(&e->pm, CHILD, 41), "shell");
	assert_string_equal(procmap_comm(&e->pm, CHILD, 42), "tool");
	/* An id that was never seen: the newest image. */
	assert_string_equal(file_of(e, locate(e, CHILD, 7, BASE)), "/after");
	/* A renamed leader, and a renamed thread. */
	feed(e, (struct sideband_event){.type = SIDEBAND_COMM, .pid = CHILD, .text = "new name"});
	feed(e, (struct sideband_event){
			.type = SIDEBAND_COMM, .pid = CHILD, .tid = CHILD + 50, .text = "thread"});
	assert_string_equal(procmap_comm(&e->pm, CHILD, 42), "new name");
	assert_null(procmap_comm(&e->pm, GRANDCHILD, 1));
}

/* A sample in the middle of an exec has the new id and the old address. */
static void an_exec_under_way(void **state)
{
	struct env *e = *state;

	scan_process(e, PARENT, 1, "shell");
	feed_map(e, PARENT, "/before", BASE, 16);
	feed_exec(e, PARENT, "tool");
	feed_map(e, PARENT, "/after", BASE + 0x100000, 16);
	assert_string_equal(file_of(e, locate(e, PARENT, 2, BASE)), "/before");
	assert_string_equal(file_of(e, locate(e, PARENT, 2, BASE + 0x100000)), "/after");
	/* The image before that is too old, and so is another process by the same pid. */
	feed_exec(e, PARENT, "again");
	assert_string_equal(file_of(e, locate(e, PARENT, 3, BASE)), "[unknown]");
	feed_map(e, PARENT, "/third", BASE, 16);
	feed(e, (struct sideband_event){.type = SIDEBAND_EXIT, .pid = PARENT});
	feed_fork(e, PARENT, CHILD);
	assert_string_equal(file_of(e, locate(e, PARENT, 9, BASE)), "[unknown]");
}

static void a_child_changes_without_its_parent(void **state)
{
	struct env *e = *state;

	scan_process(e, PARENT, 1, "p");
	feed_map(e, PARENT, "/shared", BASE, 16);
	feed_fork(e, CHILD, PARENT);
	feed_map(e, CHILD, "/own", BASE + 4096, 1);
	feed_map(e, PARENT, "/late", BASE + 2 * 4096, 1);
	assert_string_equal(file_of(e, locate(e, PARENT, 1, BASE + 4096)), "/shared");
	assert_string_equal(file_of(e, locate(e, CHILD, 1, BASE + 4096)), "/own");
	assert_string_equal(file_of(e, locate(e, CHILD, 1, BASE + 2 * 4096)), "/shared");
	assert_string_equal(file_of(e, locate(e, PARENT, 1, BASE + 2 * 4096)), "/late");
	/* A thread is no process. */
	feed(e, (struct sideband_event){
			.type = SIDEBAND_FORK, .pid = CHILD, .ppid = CHILD, .tid = CHILD + 9});
	assert_string_equal(file_of(e, locate(e, CHILD, 1, BASE + 4096)), "/own");
	/* Its end is not that of the process. */
	feed(e, (struct sideband_event){.type = SIDEBAND_EXIT, .pid = CHILD, .tid = CHILD + 9});
	for (int i = 0; i < 4; i++)
		procmap_expire(&e->pm);
	assert_string_equal(file_of(e, locate(e, CHILD, 1, BASE + 4096)), "/own");
}

static void what_the_scan_saw_is_not_applied_again(void **state)
{
	struct env *e = *state;
	struct procmap_record record = {.kind = PROCMAP_MAPPING,
					.pid = PARENT,
					.exec_id = 3,
					.time_ns = 1000,
					.start = BASE,
					.end = BASE + 4096,
					.ino = 5,
					.comm = "now"};

	assert_int_equal(procmap_feed_scan(&e->pm, &record, "/scanned"), 0);
	/* These happened before the scan looked. */
	feed_exec(e, PARENT, "then");
	feed_map(e, PARENT, "/old", BASE, 1);
	feed_fork(e, PARENT, 1);
	feed(e, (struct sideband_event){.type = SIDEBAND_EXIT, .pid = PARENT});
	assert_string_equal(file_of(e, locate(e, PARENT, 3, BASE)), "/scanned");
	assert_string_equal(procmap_comm(&e->pm, PARENT, 3), "now");
	/* And this after. */
	e->clock = 1000;
	feed_exec(e, PARENT, "later");
	assert_string_equal(procmap_comm(&e->pm, PARENT, 4), "later");
	assert_string_equal(procmap_comm(&e->pm, PARENT, 3), "now");
}

static void ended_images_last_two_drains(void **state)
{
	struct env *e = *state;
	struct procmap_stats stats;

	scan_process(e, PARENT, 1, "one");
	feed_map(e, PARENT, "/one", BASE, 1);
	feed_exec(e, PARENT, "two");
	feed_map(e, PARENT, "/two", BASE, 1);
	feed(e, (struct sideband_event){.type = SIDEBAND_EXIT, .pid = PARENT});
	procmap_expire(&e->pm);
	assert_string_equal(file_of(e, locate(e, PARENT, 1, BASE)), "/one");
	assert_string_equal(file_of(e, locate(e, PARENT, 2, BASE)), "/two");
	procmap_expire(&e->pm);
	procmap_get_stats(&e->pm, &stats);
	assert_int_equal(stats.processes, 0);
	assert_int_equal(stats.ranges, 0);
	/* The pid comes back as something else. */
	feed_fork(e, PARENT, 1);
	feed_map(e, PARENT, "/three", BASE, 1);
	assert_string_equal(file_of(e, locate(e, PARENT, 1, BASE)), "/three");
}

static void many_execs_are_bounded(void **state)
{
	struct env *e = *state;

	scan_process(e, PARENT, 0, "x");
	for (int i = 0; i < 1000; i++)
		feed_exec(e, PARENT, "again");
	assert_int_equal(proctab_find(&e->pm.table, PARENT)->n_images, PROCTAB_MAX_IMAGES);
	assert_int_equal(e->pm.table.dropped, 1000 + 1 - PROCTAB_MAX_IMAGES);
	assert_int_equal(proctab_find(&e->pm.table, PARENT)->newest->exec_id, 1000);
}

static void a_binary_that_is_gone(void **state)
{
	struct env *e = *state;
	struct procmap_stats stats;
	uint32_t id;

	feed(e, (struct sideband_event){.type = SIDEBAND_MMAP,
					.pid = PARENT,
					.start = BASE,
					.end = BASE + 0x3000,
					.pgoff = 0x5000,
					.ino = 77,
					.text = "/no/such/binary (deleted)"});
	id = locate(e, PARENT, 0, BASE + 0x123);
	assert_int_equal(cresset_profile_location(e->p, id)->address, 0x5123);
	assert_int_equal(mapping_of(e, id)->kind, CRESSET_MAPPING_FILE);
	assert_int_equal(mapping_of(e, id)->start, 0x5000);
	assert_int_equal(mapping_of(e, id)->limit, 0x8000);
	assert_int_equal(mapping_of(e, id)->offset, 0x5000);
	assert_string_equal(file_of(e, id), "/no/such/binary");
	assert_int_equal(procmap_open(&e->pm, e->p, cresset_profile_location(e->p, id)->mapping,
				      CRESSET_OPEN_BINARY),
			 -ENOENT);
	procmap_get_stats(&e->pm, &stats);
	assert_int_equal(stats.addresses_by_offset, 1);
	assert_int_equal(stats.binaries_unreadable, 1);
}

static void memory_that_is_no_binary(void **state)
{
	struct env *e = *state;
	uint32_t id;

	feed_map(e, PARENT, "//anon", BASE, 2);
	feed_map(e, PARENT, "//anon", BASE + 2 * 4096, 2);
	feed_map(e, PARENT, "[vdso]", BASE + 0x10000, 2);
	feed_map(e, PARENT, "/memfd:jit (deleted)", BASE + 0x20000, 1);

	id = locate(e, PARENT, 0, BASE + 3 * 4096);
	assert_int_equal(mapping_of(e, id)->kind, CRESSET_MAPPING_ANON);
	assert_int_equal(mapping_of(e, id)->start, BASE);
	assert_int_equal(mapping_of(e, id)->limit, BASE + 4 * 4096);
	assert_int_equal(mapping_of(e, id)->pid, PARENT);
	assert_string_equal(file_of(e, id), "//anon");
	assert_int_equal(cresset_profile_location(e->p, id)->address, BASE + 3 * 4096);
	assert_int_equal(cresset_profile_location(e->p, id)->flags, CRESSET_LOCATION_JIT);

	id = locate(e, PARENT, 0, BASE + 0x10000 + 0x678);
	assert_int_equal(mapping_of(e, id)->kind, CRESSET_MAPPING_VDSO);
	assert_int_equal(mapping_of(e, id)->start, 0);
	assert_int_equal(mapping_of(e, id)->limit, 0x2000);
	assert_string_equal(file_of(e, id), "[vdso]");
	assert_int_equal(cresset_profile_location(e->p, id)->address, 0x678);

	id = locate(e, PARENT, 0, BASE + 0x20000);
	assert_int_equal(mapping_of(e, id)->kind, CRESSET_MAPPING_ANON);
	assert_string_equal(file_of(e, id), "/memfd:jit");

	id = locate(e, PARENT, 0, 0xffffffffff600400);
	assert_int_equal(mapping_of(e, id)->kind, CRESSET_MAPPING_OTHER);
	assert_string_equal(file_of(e, id), "[vsyscall]");
}

static void every_address_has_an_answer(void **state)
{
	static const uint64_t odd[] = {0,	  1, 4095, 4096, 0x7fffffffffff, UINT64_C(1) << 63,
				       UINT64_MAX};
	struct env *e = *state;
	struct procmap_stats stats;

	scan_process(e, PARENT, 1, "x");
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		uint32_t id = locate_flags(e, PARENT, 1, odd[i], CRESSET_LOCATION_ERROR);

		assert_int_equal(mapping_of(e, id)->kind, CRESSET_MAPPING_OTHER);
		assert_int_equal(mapping_of(e, id)->pid, PARENT);
		assert_string_equal(file_of(e, id), "[unknown]");
		assert_int_equal(cresset_profile_location(e->p, id)->address, odd[i]);
		assert_int_equal(cresset_profile_location(e->p, id)->flags, CRESSET_LOCATION_ERROR);
	}
	/* A process that nothing was heard of. */
	assert_string_equal(file_of(e, locate(e, CHILD, 1, BASE)), "[unknown]");
	procmap_get_stats(&e->pm, &stats);
	assert_int_equal(stats.addresses_unknown, 8);
	/* One reading of /proc for each, and none again in this drain. */
	assert_int_equal(stats.rescans, 2);
	assert_int_equal(stats.rescans_failed, 2);
	locate(e, CHILD, 1, BASE + 1);
	procmap_get_stats(&e->pm, &stats);
	assert_int_equal(stats.rescans, 2);
}

static void kernel_addresses(void **state)
{
	struct env *e = *state;
	uint32_t a, b;

	assert_int_equal(procmap_kernel_location(&e->pm, e->p, 0xffffffff81000000, &a), 0);
	assert_int_equal(procmap_kernel_location(&e->pm, e->p, 0xffffffff81000000, &b), 0);
	assert_int_equal(a, b);
	assert_int_equal(mapping_of(e, a)->kind, CRESSET_MAPPING_KERNEL);
	assert_string_equal(file_of(e, a), "[kernel.kallsyms]");
	assert_true(mapping_of(e, a)->start <= 0xffffffff81000000);
	assert_int_equal(mapping_of(e, a)->limit, UINT64_MAX);
	assert_int_equal(cresset_profile_location(e->p, a)->flags, CRESSET_LOCATION_KERNEL);
}

static void another_profile_gets_its_own_ids(void **state)
{
	struct env *e = *state;
	const struct elfhead_load *l = &e->elf.loads[0];
	uint64_t address = BASE + (l->offset & 4095);
	struct cresset_mapping other;
	uint32_t id;
	int fd;

	feed_self(e, PARENT, BASE);
	locate(e, PARENT, 0, UINT64_C(1) << 40);
	locate(e, PARENT, 0, address);
	assert_int_equal(procmap_kernel_location(&e->pm, e->p, UINT64_MAX, &id), 0);
	cresset_profile_free(e->p);
	assert_int_equal(cresset_profile_new(&e->p), 0);
	procmap_forget_profile(&e->pm);
	id = locate(e, PARENT, 0, address);
	assert_self(e, id, l->vaddr);
	fd = procmap_open(&e->pm, e->p, cresset_profile_location(e->p, id)->mapping,
			  CRESSET_OPEN_BINARY);
	assert_true(fd >= 0);
	close(fd);
	/* The same file and build-id, but addresses that are not the binary's. */
	other = *mapping_of(e, id);
	other.start = other.offset = l->offset + 4096;
	assert_int_equal(cresset_profile_add_mapping(e->p, &other, &id), 0);
	assert_int_equal(procmap_open(&e->pm, e->p, id, CRESSET_OPEN_BINARY), -ENOENT);
	assert_int_equal(procmap_open(&e->pm, e->p, 99, CRESSET_OPEN_BINARY), -ENOENT);
	assert_string_equal(file_of(e, locate(e, PARENT, 0, UINT64_C(1) << 40)), "[unknown]");
}

static void an_unknown_process_is_read_from_proc(void **state)
{
	struct env *e = *state;
	uint32_t id = locate(e, (uint32_t)getpid(), 9, (uintptr_t)&setup);
	char comm[64] = "";
	FILE *f = fopen("/proc/self/comm", "re");

	assert_int_equal(mapping_of(e, id)->kind, CRESSET_MAPPING_FILE);
	assert_string_equal(file_of(e, id), e->exe);
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%63s", comm), 1);
	fclose(f);
	assert_string_equal(procmap_comm(&e->pm, (uint32_t)getpid(), 9), comm);
}

static void zombies_are_not_alive(void **state)
{
	struct env *e = *state;
	siginfo_t info;
	pid_t pid;

	assert_true(procmap_alive(&e->pm, (uint32_t)getpid()));
	assert_false(procmap_alive(&e->pm, PARENT));
	pid = fork();
	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(procmap_alive(&e->pm, (uint32_t)pid));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void perf_maps(void **state)
{
	struct env *e = *state;
	uint32_t inner, uid, id;
	char path[64];
	int fd;

	assert_int_equal(perfmaps_parse_status("Name:\tx\nUid:\t1\t1000\t3\t4\nNSpid:\t77\t5\t1\n",
					       &inner, &uid),
			 0);
	assert_int_equal(inner, 1);
	assert_int_equal(uid, 1000);
	assert_int_equal(perfmaps_parse_status("Name:\tNSpid:\t3\nUid:\t0\t0\n", &inner, &uid),
			 -EINVAL);
	assert_int_equal(perfmaps_parse_status("", &inner, &uid), -EINVAL);

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	unlink(path);
	feed_map(e, (uint32_t)getpid(), "//anon", BASE, 1);
	id = locate(e, (uint32_t)getpid(), 0, BASE);
	id = cresset_profile_location(e->p, id)->mapping;
	assert_int_equal(procmap_open(&e->pm, e->p, id, CRESSET_OPEN_BINARY), -ENOENT);
	assert_int_equal(procmap_open(&e->pm, e->p, id, CRESSET_OPEN_PERF_MAP), -ENOENT);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_true(procmap_open(&e->pm, e->p, id, CRESSET_OPEN_PERF_MAP) < 0);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	fd = procmap_open(&e->pm, e->p, id, CRESSET_OPEN_PERF_MAP);
	unlink(path);
	assert_true(fd >= 0);
	close(fd);
}

static int count_entry(void *arg, const struct maps_entry *entry)
{
	struct maps_entry *last = arg;

	*last = *entry;
	return 0;
}

static void maps_text(void **state)
{
	static const char text[] =
		"00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/a b\\012c (deleted)\n"
		"00651000-00652000 r--p 00051000 08:02 173521      /usr/bin/x\n"
		"nonsense\n"
		"5-4 r-xp 00000000 00:00 0\n"
		"7ffd-7ffe r-xq 00000000 00:00 0 \n";
	static struct maps_entry last;
	size_t malformed;

	assert_int_equal(maps_each(text, sizeof(text) - 1, count_entry, &last, &malformed), 0);
	assert_int_equal(malformed, 3);
	assert_int_equal(last.start, 0x400000);
	assert_int_equal(last.end, 0x452000);
	assert_int_equal(last.pgoff, 0x1000);
	assert_int_equal(last.dev_major, 8);
	assert_int_equal(last.dev_minor, 2);
	assert_int_equal(last.ino, 173521);
	assert_string_equal(last.path, "/usr/bin/a b\nc (deleted)");
	assert_int_equal(maps_parse("1-2 r-xp 0 0:0 0", 16, &last), 0);
	assert_string_equal(last.path, "");
	assert_int_equal(maps_read(PARENT, count_entry, &last, NULL), -ENOENT);
}

static int count_record(void *arg, const struct procmap_record *record, const char *path)
{
	*(size_t *)arg += 1;
	assert_string_equal(path, record->path_size ? "/abc" : "");
	return 0;
}

static void scan_records(void **state)
{
	struct {
		struct procmap_record a;
		struct procmap_record b;
		char path[8];
	} data = {.a = {.size = sizeof(data.a), .kind = PROCMAP_PROCESS},
		  .b = {.size = sizeof(data.b) + 8, .kind = PROCMAP_MAPPING, .path_size = 5},
		  .path = "/abc"};
	size_t used, n = 0;

	assert_int_equal(vmascan_parse(&data, sizeof(data), count_record, &n, &used), 0);
	assert_int_equal(used, sizeof(data));
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(vmascan_parse(&data, sizeof(data) - 1, count_record, &n, &used), 0);
	assert_int_equal(used, sizeof(data.a));
	assert_int_equal(n, 1);
	data.b.path_size = 4; /* no NUL at its end */
	assert_int_equal(vmascan_parse(&data, sizeof(data), count_record, &n, &used), -EBADMSG);
	data.b.path_size = 100;
	assert_int_equal(vmascan_parse(&data, sizeof(data), count_record, &n, &used), -EBADMSG);
	data.a.size = 0;
	assert_int_equal(vmascan_parse(&data, sizeof(data), count_record, &n, &used), -EBADMSG);
}

static void failed_allocations(void **state)
{
	struct env *e = *state;

	for (unsigned int n = 1; alloc_fail_next(&n, 200);) {
		struct sideband_event map = {.type = SIDEBAND_MMAP,
					     .pid = PARENT,
					     .tid = PARENT,
					     .start = BASE,
					     .end = BASE + 4096,
					     .text = e->exe,
					     .build_id_size = 20,
					     .time_ns = 1};
		struct sideband_event fork_event = {
			.type = SIDEBAND_FORK, .pid = CHILD, .ppid = PARENT, .time_ns = 2};
		struct sideband_event exec = {.type = SIDEBAND_COMM,
					      .pid = CHILD,
					      .tid = CHILD,
					      .exec = true,
					      .text = "x",
					      .time_ns = 3};
		struct procmap *pm = malloc(sizeof(*pm));
		uint32_t id;
		int r;

		if (!pm) {
			assert_true(alloc_fail_end());
			continue;
		}
		r = procmap_init(pm);
		memcpy(map.build_id, e->elf.build_id, 20);
		r = r ? r : procmap_feed(pm, &map);
		r = r ? r : procmap_feed(pm, &fork_event);
		r = r ? r : procmap_feed(pm, &exec);
		map.pid = map.tid = CHILD;
		map.time_ns = 4;
		r = r ? r : procmap_feed(pm, &map);
		r = r ? r : procmap_location(pm, e->p, PARENT, 0, BASE, 0, &id);
		procmap_free(pm);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			return;
		}
		assert_int_equal(r, -ENOMEM);
	}
	fail();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_dead_process_keeps_its_names),
		T(images_are_told_apart_by_exec_id),
		T(an_exec_under_way),
		T(a_child_changes_without_its_parent),
		T(what_the_scan_saw_is_not_applied_again),
		T(ended_images_last_two_drains),
		T(many_execs_are_bounded),
		T(a_binary_that_is_gone),
		T(memory_that_is_no_binary),
		T(every_address_has_an_answer),
		T(kernel_addresses),
		T(another_profile_gets_its_own_ids),
		T(an_unknown_process_is_read_from_proc),
		T(zombies_are_not_alive),
		T(perf_maps),
		cmocka_unit_test(maps_text),
		cmocka_unit_test(scan_records),
		T(failed_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
