// SPDX-License-Identifier: Apache-2.0
/*
 * From what is heard of processes to what the walker finds: this test program itself is the binary
 * that imaginary processes have mapped, so its real unwind tables are what must be found.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cmocka.h>

#include "procmap_inside.h"
#include "support/tabmem_fake.h"
#include "unwind/follow.h"
#include "vmascan.h"

/* No process can have such pids. */
enum { PARENT = (1 << 30) + 1, CHILD, OTHER, EXEC_ID = 40 };

static const uint64_t BASE = 0x7f1200000000, VDSO = 0x7ffff7fc1000, JIT = 0x7f1300000000;

struct env {
	struct procmap pm;
	struct cresset_profile *profile;
	struct tabmem_fake *mem;
	struct follow *follow;
	char exe[1024];
	struct elfhead elf;
	volatile uint32_t epoch;
	uint64_t clock;
};

static void begin_with(struct env *e, bool everything, struct early *early)
{
	struct follow_options options = {
		.everything = everything, .max_blocks = 8192, .early = early, .epoch = &e->epoch};

	assert_int_equal(follow_new(&e->mem->m, &e->pm, &options, &e->follow), 0);
}

static void begin(struct env *e, bool everything)
{
	begin_with(e, everything, NULL);
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	ssize_t n = readlink("/proc/self/exe", e->exe, sizeof(e->exe) - 1);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(n > 0 && fd >= 0);
	assert_int_equal(elfhead_read(fd, &e->elf), 0);
	close(fd);
	assert_int_equal(procmap_init(&e->pm), 0);
	assert_int_equal(cresset_profile_new(&e->profile), 0);
	e->mem = fake_new(64, 4096, 16);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	follow_free(e->follow);
	cresset_profile_free(e->profile);
	proctab_release(&e->pm.table);
	dso_table_release(&e->pm.dsos);
	perfmaps_release(&e->pm.perfmaps);
	fake_free(e->mem);
	free(e);
	return 0;
}

static void feed(struct env *e, struct sideband_event event)
{
	event.time_ns = ++e->clock;
	event.tid = event.pid;
	event.text_len = event.text ? strlen(event.text) : 0;
	assert_int_equal(procmap_feed(&e->pm, &event), 0);
}

/* As the scan at the start tells of a process. */
static void feed_process(struct env *e, uint32_t pid)
{
	struct procmap_record record = {
		.kind = PROCMAP_PROCESS, .pid = pid, .exec_id = EXEC_ID, .time_ns = ++e->clock};

	assert_int_equal(procmap_feed_scan(&e->pm, &record, ""), 0);
}

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
				       .text = e->exe,
				       .build_id_size = 20};

	assert_int_equal(e->elf.build_id_size, 20);
	memcpy(event.build_id, e->elf.build_id, 20);
	feed(e, event);
}

static void feed_map(struct env *e, uint32_t pid, const char *path, uint64_t start, uint64_t size)
{
	feed(e, (struct sideband_event){.type = SIDEBAND_MMAP,
					.pid = pid,
					.start = start,
					.end = start + size,
					.text = path});
}

static void serve(struct env *e)
{
	unsigned int ms = 0;

	assert_int_equal(follow_serve(e->follow, 1000000000u + e->clock, &ms), 0);
	assert_in_range(ms, 1, 1000);
}

/* Until everything that was asked for is there. */
static void settle(struct env *e)
{
	for (int i = 0; i < 60000; i++) {
		serve(e);
		if (!follow_busy(e->follow))
			return;
		usleep(1000);
	}
	fail_msg("tables are not ready after a minute");
}

/* What the walker knows of a run-time address in our own text, mapped at start. */
static int walk_find(struct env *e, uint32_t pid, uint32_t exec_id, uint64_t address)
{
	const struct cresset_unwind_range *r = fake_range(e->mem, pid, exec_id, address);

	return r && r->dso ? fake_find(e->mem, r->dso, address - r->bias) : -3;
}

/* At every few bytes of our text the walker has the rule that the compiler made. */
static void check_self(struct env *e, uint32_t pid, uint32_t exec_id, uint64_t start)
{
	const struct elfhead_load *l = &e->elf.loads[0];
	uint64_t page = l->vaddr & ~UINT64_C(4095);
	int fd = open(e->exe, O_RDONLY | O_CLOEXEC);
	struct cfi_table *t;
	size_t found = 0;

	assert_int_equal(cfi_table_compile_fd(fd, &t), 0);
	close(fd);
	for (uint64_t vaddr = l->vaddr; vaddr < l->vaddr + l->filesz; vaddr += 13) {
		int rule = walk_find(e, pid, exec_id, start + vaddr - page);

		assert_true(rule >= 0);
		assert_memory_equal(&e->mem->m.rules[rule],
				    cfi_rules_get(t->rules, cfi_table_find(t, vaddr)),
				    sizeof(struct cresset_unwind_rule));
		found += rule >= CRESSET_N_NONE;
	}
	assert_true(found > l->filesz / 13 / 2);
	cfi_table_free(t);
}

static void targets_at_once(void **state)
{
	struct env *e = *state;

	feed_process(e, PARENT);
	feed_self(e, PARENT, BASE);
	feed_process(e, OTHER);
	feed_self(e, OTHER, BASE);
	begin(e, false);
	assert_int_equal(follow_process(e->follow, PARENT), 0);
	assert_int_equal(follow_all(e->follow), 0);
	assert_non_null(fake_range(e->mem, PARENT, EXEC_ID, BASE));
	assert_null(fake_range(e->mem, PARENT, EXEC_ID + 1, BASE));
	settle(e);
	check_self(e, PARENT, EXEC_ID, BASE);
	/* Not a target, so it changes unnoticed. */
	feed_map(e, OTHER, "//anon", JIT, 0x2000);
	settle(e);
	assert_null(fake_range(e->mem, OTHER, EXEC_ID, BASE));
}

static void everything_lazily(void **state)
{
	struct env *e = *state;
	const struct cresset_unwind_range *r;

	feed_process(e, PARENT);
	feed_self(e, PARENT, BASE);
	begin(e, true);
	assert_int_equal(follow_all(e->follow), 0);
	settle(e);
	r = fake_range(e->mem, PARENT, EXEC_ID, BASE);
	assert_non_null(r);
	assert_int_equal(e->mem->m.dsos[r->dso].state, CRESSET_DSO_WANTED);
	fake_miss(e->mem, PARENT, EXEC_ID, r->dso, 0);
	fake_miss(e->mem, OTHER, EXEC_ID, r->dso, 0);
	settle(e);
	check_self(e, PARENT, EXEC_ID, BASE);
	/* A process that begins now is published by itself. */
	feed_process(e, OTHER);
	feed_self(e, OTHER, BASE + 0x100000000);
	serve(e);
	check_self(e, OTHER, EXEC_ID, BASE + 0x100000000);
	assert_int_equal(fake_range(e->mem, OTHER, EXEC_ID, BASE + 0x100000000)->dso, r->dso);
}

static void fork_exec_exit(void **state)
{
	struct env *e = *state;

	feed_process(e, PARENT);
	feed_self(e, PARENT, BASE);
	begin(e, false);
	assert_int_equal(follow_process(e->follow, PARENT), 0);
	fake_fork(e->mem, PARENT, CHILD);
	feed(e, (struct sideband_event){.type = SIDEBAND_FORK, .pid = CHILD, .ppid = PARENT});
	settle(e);
	check_self(e, CHILD, EXEC_ID, BASE);
	feed(e, (struct sideband_event){
			.type = SIDEBAND_COMM, .pid = CHILD, .exec = true, .text = "new"});
	feed_self(e, CHILD, BASE + 0x200000000);
	settle(e);
	assert_int_equal(walk_find(e, CHILD, EXEC_ID + 1, BASE), -3);
	check_self(e, CHILD, EXEC_ID + 1, BASE + 0x200000000);
	check_self(e, PARENT, EXEC_ID, BASE);
	feed(e, (struct sideband_event){.type = SIDEBAND_EXIT, .pid = CHILD});
	settle(e);
	assert_null(fake_range(e->mem, CHILD, EXEC_ID + 1, BASE + 0x200000000));
	assert_non_null(fake_range(e->mem, PARENT, EXEC_ID, BASE));
}

static void what_is_missed_is_repaired(void **state)
{
	struct env *e = *state;

	feed_process(e, PARENT);
	feed_self(e, PARENT, BASE);
	feed_process(e, OTHER);
	feed_self(e, OTHER, BASE);
	begin(e, false);
	/* A walk comes to a process that nobody told of. */
	fake_miss(e->mem, OTHER, EXEC_ID, 0, BASE);
	settle(e);
	check_self(e, OTHER, EXEC_ID, BASE);
	/* From now on it is followed. */
	feed_map(e, OTHER, "//anon", JIT, 0x2000);
	serve(e);
	assert_int_equal(fake_range(e->mem, OTHER, EXEC_ID, JIT)->kind, CRESSET_RANGE_ANON);
	/* The kernel has lost its entry. */
	assert_int_equal(e->mem->m.ops->delete_proc(&e->mem->m, OTHER), 0);
	fake_miss(e->mem, OTHER, EXEC_ID, 0, BASE);
	serve(e);
	check_self(e, OTHER, EXEC_ID, BASE);
	/* Samples of an image that is no more, and of nobody. */
	fake_miss(e->mem, OTHER, EXEC_ID - 1, 0, BASE);
	fake_miss(e->mem, CHILD, 1, 0, BASE);
	fake_miss(e->mem, 0, 0, 0, 0);
	fake_miss(e->mem, OTHER, EXEC_ID, 60, 0);
	serve(e);
	check_self(e, OTHER, EXEC_ID, BASE);
}

static void kinds_of_memory(void **state)
{
	struct env *e = *state;
	const struct cresset_unwind_range *r;
	feed_process(e, PARENT);
	feed_map(e, PARENT, "//anon", JIT, 0x1000);
	feed_map(e, PARENT, "/does/not/exist", JIT + 0x10000, 0x1000);
	feed_map(e, PARENT, "/memfd:code", JIT + 0x20000, 0x1000);
	feed_map(e, PARENT, "[vdso]", VDSO, 0x2000);
	begin(e, false);
	assert_int_equal(follow_process(e->follow, PARENT), 0);
	settle(e);
	assert_int_equal(fake_range(e->mem, PARENT, EXEC_ID, JIT)->kind, CRESSET_RANGE_ANON);
	r = fake_range(e->mem, PARENT, EXEC_ID, JIT + 0x10000);
	assert_int_equal(r->kind, CRESSET_RANGE_FILE);
	assert_int_equal(r->dso, 0);
	assert_int_equal(fake_range(e->mem, PARENT, EXEC_ID, JIT + 0x20000)->kind,
			 CRESSET_RANGE_ANON);
	r = fake_range(e->mem, PARENT, EXEC_ID, VDSO);
	assert_int_equal(r->kind, CRESSET_RANGE_VDSO);
	if (getauxval(AT_SYSINFO_EHDR)) {
		size_t rules = 0;

		assert_int_equal(e->mem->m.dsos[r->dso].state, CRESSET_DSO_READY);
		for (uint64_t at = 0; at < 0x2000; at++)
			rules += walk_find(e, PARENT, EXEC_ID, VDSO + at) >= CRESSET_N_NONE;
		assert_true(rules > 100);
	}
}

/* Compiled before there was anything to publish it in: there before anybody asks. */
static void tables_made_early(void **state)
{
	struct env *e = *state;
	struct procmap_record running = {.kind = PROCMAP_PROCESS,
					 .pid = PARENT,
					 .exec_id = EXEC_ID,
					 .flags = PROCMAP_RUNNING};
	struct early *early;
	uint32_t dso;

	assert_int_equal(early_new(&early), 0);
	/* One runs and one sleeps; what the second one has is the first one's all the same. */
	running.time_ns = ++e->clock;
	assert_int_equal(procmap_feed_scan(&e->pm, &running, ""), 0);
	feed_self(e, PARENT, BASE);
	feed_process(e, OTHER);
	feed_map(e, OTHER, "/does/not/exist", JIT, 0x1000);
	assert_int_equal(early_add_running(early, &e->pm), 0);
	assert_int_equal(early_pending(early), 1);
	/* Once is enough, whoever has it. */
	assert_int_equal(early_add(early, &e->pm, PARENT), 0);
	assert_int_equal(early_add(early, &e->pm, OTHER), 0);
	assert_int_equal(early_add(early, &e->pm, CHILD), 0);
	assert_int_equal(early_pending(early), 1);
	begin_with(e, true, early);
	assert_int_equal(follow_await(e->follow, 60000), 0);
	assert_int_equal(early_pending(early), 0);
	assert_int_equal(follow_all(e->follow), 0);
	serve(e);
	check_self(e, PARENT, EXEC_ID, BASE);
	/* The kernel can tell it by its inode. */
	dso = fake_range(e->mem, PARENT, EXEC_ID, BASE)->dso;
	assert_int_equal(e->mem->n_files, 1);
	assert_int_equal(e->mem->files[0].dso, dso);
	assert_int_equal(e->mem->prepared, 1);
	follow_free(e->follow);
	e->follow = NULL;
	early_free(early);
}

/* What is begun early and not finished in time is published when it is. */
static void early_but_slow(void **state)
{
	struct env *e = *state;
	struct early *early;

	assert_int_equal(early_new(&early), 0);
	feed_process(e, PARENT);
	feed_self(e, PARENT, BASE);
	assert_int_equal(early_add(early, &e->pm, PARENT), 0);
	begin_with(e, false, early);
	assert_int_equal(follow_process(e->follow, PARENT), 0);
	assert_int_equal(follow_await(e->follow, 0), 0);
	settle(e);
	assert_int_equal(early_pending(early), 0);
	check_self(e, PARENT, EXEC_ID, BASE);
	follow_free(e->follow);
	e->follow = NULL;
	early_free(early);
}

/* Frames by file give the location that the run-time address gives. */
static void locations(void **state)
{
	struct env *e = *state;
	const struct elfhead_load *l = &e->elf.loads[0];
	uint64_t page = l->vaddr & ~UINT64_C(4095);
	const struct cresset_unwind_range *r;
	uint32_t a, b;

	feed_process(e, PARENT);
	feed_self(e, PARENT, BASE);
	feed_map(e, PARENT, "[vdso]", VDSO, 0x2000);
	begin(e, false);
	assert_int_equal(follow_process(e->follow, PARENT), 0);
	for (uint64_t vaddr = page; vaddr < l->vaddr + l->filesz; vaddr += 101) {
		r = fake_range(e->mem, PARENT, EXEC_ID, BASE + vaddr - page);
		assert_int_equal(BASE + vaddr - page - r->bias, vaddr);
		assert_int_equal(follow_location(e->follow, e->profile, r->dso, vaddr, 0, &a), 0);
		assert_int_equal(procmap_location(&e->pm, e->profile, PARENT, EXEC_ID,
						  BASE + vaddr - page, 0, &b),
				 0);
		assert_int_equal(a, b);
	}
	r = fake_range(e->mem, PARENT, EXEC_ID, VDSO);
	assert_int_equal(follow_location(e->follow, e->profile, r->dso, 0x123, 0, &a), 0);
	assert_int_equal(procmap_location(&e->pm, e->profile, PARENT, EXEC_ID, VDSO + 0x123, 0, &b),
			 0);
	assert_int_equal(a, b);
	/* Addresses and files that there are not. */
	assert_int_equal(follow_location(e->follow, e->profile, 1, UINT64_MAX >> 16, 0, &a), 0);
	assert_int_equal(follow_location(e->follow, e->profile, 63, 0, 0, &b), 0);
	assert_int_not_equal(a, 0);
	assert_int_not_equal(b, 0);
}

/* A small ELF file that nobody has had before: its build-id is its number. */
static void write_elf(const char *path, uint32_t number)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segments[2];
		Elf64_Nhdr note;
		char name[4];
		uint32_t id[2];
	} file = {.name = "GNU", .id = {number, 0}};
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	memcpy(file.header.e_ident, ELFMAG, SELFMAG);
	file.header.e_ident[EI_CLASS] = ELFCLASS64;
	file.header.e_ident[EI_DATA] = ELFDATA2LSB;
	file.header.e_ident[EI_VERSION] = EV_CURRENT;
	file.header.e_type = ET_DYN;
	file.header.e_machine = EM_X86_64;
	file.header.e_version = EV_CURRENT;
	file.header.e_ehsize = sizeof(file.header);
	file.header.e_phoff = offsetof(__typeof__(file), segments);
	file.header.e_phentsize = sizeof(file.segments[0]);
	file.header.e_phnum = 2;
	file.segments[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = 4096, .p_memsz = 4096};
	file.segments[1] = (Elf64_Phdr){.p_type = PT_NOTE,
					.p_offset = offsetof(__typeof__(file), note),
					.p_filesz = sizeof(file) - offsetof(__typeof__(file), note),
					.p_align = 4};
	file.note = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 8, .n_type = NT_GNU_BUILD_ID};
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &file, sizeof(file)), sizeof(file));
	close(fd);
}

static void ids_of_forgotten_files(void **state)
{
	enum { LIVES = 300 };
	struct env *e = *state;
	struct follow_stats stats;
	char path[2048];

	feed_process(e, PARENT);
	begin(e, true);
	for (uint32_t i = 0; i < LIVES; i++) {
		struct sideband_event map = {.type = SIDEBAND_MMAP,
					     .pid = PARENT,
					     .start = BASE,
					     .end = BASE + 4096,
					     .text = path,
					     .build_id_size = 8};

		/* Each is mapped over the last one. */
		snprintf(path, sizeof(path), "%s/follow-%d-%u", TEST_BUILD_DIR, getpid(), i);
		write_elf(path, i + 1);
		memcpy(map.build_id, &(uint64_t){i + 1}, 8);
		feed(e, map);
		serve(e);
		unlink(path);
		assert_true(fake_range(e->mem, PARENT, EXEC_ID, BASE)->dso != 0);
		procmap_expire(&e->pm);
		assert_int_equal(follow_drained(e->follow), 0);
	}
	follow_get_stats(e->follow, &stats);
	assert_in_range(stats.tables.files, 1, 63);
	assert_int_equal(stats.tables.ids_full, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(targets_at_once),	      TEST(everything_lazily),
		TEST(fork_exec_exit),	      TEST(what_is_missed_is_repaired),
		TEST(kinds_of_memory),	      TEST(locations),
		TEST(ids_of_forgotten_files), TEST(tables_made_early),
		TEST(early_but_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
