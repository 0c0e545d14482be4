// SPDX-License-Identifier: Apache-2.0
/*
 * Unwind tables brought to the kernel while processes live: stacks of code without frame pointers
 * are whole after exec, fork, dlopen, exit of the first thread, in other namespaces, from files
 * that are gone; and the memory stays below its budget. Whether they are right is for live_oracle.
 *
 * Each program has a known number of user frames. What is asserted is counted from the first whole
 * stack of a process on: how soon that comes depends on how busy the machine is.
 */
#include <dirent.h>
#include <elf.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "recording.h"
#include "support/fixture.h"

static struct fixture dir;
static volatile pid_t *shared_pid; /* with children: [0] a pid, [1] how many are ready */

/* A program of tests/workloads, in one of a few buffers that are used in turn. */
static const char *workload(const char *name)
{
	static char paths[4][512];
	static unsigned int next;
	const char *folder = getenv("WORKLOADS");
	char *path = paths[next++ % 4];

	if (!folder)
		folder = access("/workloads", X_OK) ? TEST_BUILD_DIR "/tests/workloads"
						    : "/workloads";
	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	if (access(path, R_OK))
		fail_msg("no %s", path);
	return path;
}

static int input = -1; /* of the program started last */

static pid_t run(char *const *argv)
{
	int ends[2];
	pid_t pid;

	if (input >= 0)
		close(input);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(ends[0], STDIN_FILENO);
		execv(argv[0], argv);
		_exit(127);
	}
	close(ends[0]);
	input = ends[1];
	return pid;
}

static pid_t start(const char *program, const char *what)
{
	char *argv[] = {(char *)program, (char *)what, NULL};

	return run(argv);
}

struct counts {
	uint64_t all;	/* samples with a user frame */
	uint64_t whole; /* … of which the walk came to the end, by tables only */
	size_t min_frames, max_frames;
};

/* User samples of a process in the profile that the session is filling. */
static struct counts count(const struct session *s, int64_t pid)
{
	const struct cresset_profile *p = s->profile;
	struct counts c = {.min_frames = SIZE_MAX};

	for (size_t i = 0; i < cresset_profile_n_samples(p); i++) {
		const struct cresset_sample *sample = cresset_profile_sample(p, i);
		const struct cresset_label *l =
			cresset_profile_find_label(p, sample->labels, "pid");
		uint64_t n = (uint64_t)cresset_profile_values(p, i)[0];
		bool clean = true;
		size_t n_ids, user = 0;
		const uint32_t *ids = cresset_profile_stack(p, sample->stack, &n_ids);

		for (size_t j = 0; j < n_ids; j++) {
			uint32_t flags = cresset_profile_location(p, ids[j])->flags;

			clean &= !(flags & (CRESSET_LOCATION_ERROR | CRESSET_LOCATION_FALLBACK));
			user += !(flags & (CRESSET_LOCATION_ERROR | CRESSET_LOCATION_KERNEL));
		}
		if (l->num != pid || !user)
			continue;
		c.all += n;
		if (!clean)
			continue;
		c.whole += n;
		c.min_frames = user < c.min_frames ? user : c.min_frames;
		c.max_frames = user > c.max_frames ? user : c.max_frames;
	}
	return c;
}

enum { FIRST = 20, WANTED = 150 };

/*
 * Polls until whole stacks come, and says what share of the next ones is whole, in percent; of all
 * of those the frames are counted.
 */
static unsigned int share(struct session *s, int64_t pid, struct counts *ret)
{
	struct counts first = {0}, now = {0};

	for (int i = 0; i < MAX_POLLS; i++) {
		assert_true(session_poll(s, 20) >= 0);
		check_sums(s);
		now = count(s, pid);
		if (first.whole < FIRST)
			first = now;
		else if (now.all >= first.all + WANTED)
			break;
	}
	*ret = now;
	if (now.all <= first.all)
		return 0;
	return (unsigned int)((now.whole - first.whole) * 100 / (now.all - first.all));
}

static struct session *begin_pid(pid_t pid)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	uint32_t pids[1] = {(uint32_t)pid};

	options.freq_hz = 499;
	options.pids = pids;
	options.n_pids = 1;
	return begin(&options, NULL);
}

static struct session *begin_all(void)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;

	options.freq_hz = 499;
	return begin(&options, NULL);
}

static void stop(struct session *s)
{
	cresset_profile_free(end(s));
}

static void expect_whole(struct session *s, int64_t pid)
{
	struct counts c;
	unsigned int percent = share(s, pid, &c);

	print_message("  %u %% whole of %llu, %zu to %zu frames\n", percent,
		      (unsigned long long)c.all, c.min_frames, c.max_frames);
	assert_in_range(percent, 98, 100);
	/* leaf to chain, spin or its like, main, two of libc's, _start; at the start of a program
	 * less.
	 */
	assert_in_range(c.max_frames, 9, 11);
	assert_true(c.min_frames >= 1);
}

static void running_before(void **state)
{
	pid_t a = start(workload("nofp"), "spin"), b = start(workload("nofp_static"), "spin");
	struct session *s;

	usleep(100000);
	s = begin_pid(a);
	expect_whole(s, a);
	stop(s);
	s = begin_all();
	expect_whole(s, b);
	expect_whole(s, a);
	stop(s);
	reap(a);
	reap(b);
}

static void exec_and_fork(void **state)
{
	static const char *const kinds[] = {"exec", "fork"};

	for (int i = 0; i < 4; i++) {
		pid_t pid = start(workload("nofp"), kinds[i % 2]), child = pid;
		char path[64];
		struct session *s = i < 2 ? begin_pid(pid) : begin_all();
		FILE *f;

		assert_int_equal(write(input, "x", 1), 1);
		for (int tries = 0; i % 2 && tries < 500; tries++) {
			assert_true(session_poll(s, 10) >= 0);
			snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
			f = fopen(path, "r");
			if (f && fscanf(f, "%d", &child) == 1)
				tries = 500;
			if (f)
				fclose(f);
		}
		assert_true(i % 2 == 0 || child != pid);
		expect_whole(s, child);
		stop(s);
		kill(child, SIGKILL);
		reap(pid);
	}
}

static void first_thread_gone(void **state)
{
	pid_t pid = start(workload("nofp"), "threads");
	struct session *s;
	struct counts c;

	usleep(100000);
	s = begin_all();
	assert_in_range(share(s, pid, &c), 98, 100);
	assert_in_range(c.max_frames, 8, 9);
	stop(s);
	/* And for a process that is heard of only now. */
	s = begin_pid(pid);
	assert_in_range(share(s, pid, &c), 98, 100);
	stop(s);
	reap(pid);
}

/* Two libraries in turn, mostly at the same address. */
static void libraries_come_and_go(void **state)
{
	char *argv[] = {(char *)workload("nofp"), (char *)"dlopen", (char *)workload("nofp_a.so"),
			(char *)workload("nofp_b.so"), NULL};
	pid_t pid = run(argv);
	struct session *s;
	struct counts c;
	unsigned int percent;

	usleep(50000);
	s = begin_pid(pid);
	percent = share(s, pid, &c);
	print_message("  %u %% whole of %llu, %zu to %zu frames\n", percent,
		      (unsigned long long)c.all, c.min_frames, c.max_frames);
	/* Right after a mapping nothing is known of it. */
	assert_in_range(percent, 50, 100);
	stop(s);
	reap(pid);
}

static void files_that_are_gone(void **state)
{
	pid_t a, b;
	struct session *s;
	int fd;

	fixture_run(&dir, "cp %s gone", workload("nofp"));
	a = start(fixture_path(&dir, "gone"), "spin");
	usleep(100000);
	fixture_run(&dir, "rm gone");
	s = begin_pid(a);
	expect_whole(s, a);
	stop(s);
	reap(a);

	fd = memfd_create("program", MFD_CLOEXEC);
	fixture_run(&dir, "cat %s > /proc/%d/fd/%d", workload("nofp"), getpid(), fd);
	b = fork();
	if (!b) {
		char *argv[] = {(char *)"program", (char *)"spin", NULL};

		fexecve(fd, argv, environ);
		_exit(127);
	}
	close(fd);
	s = begin_pid(b);
	expect_whole(s, b);
	stop(s);
	reap(b);
}

static void copy_to(int from, const char *path)
{
	int to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	char buffer[65536];
	ssize_t n;

	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)n) != n)
			_exit(1);
	close(to);
	close(from);
}

/* A program that exists only in a mount namespace of its own, as process 1 of a pid namespace. */
static void enter_namespaces(void *arg)
{
	char *argv[] = {(char *)"/tmp/program", (char *)"spin", NULL};
	pid_t child;
	int fd;

	if (unshare(CLONE_NEWNS | CLONE_NEWPID))
		_exit(77);
	child = fork();
	if (child) {
		shared_pid[0] = child;
		waitpid(child, NULL, 0);
		_exit(0);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(workload("nofp"), O_RDONLY | O_CLOEXEC);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/tmp", "tmpfs", 0, NULL) || fd < 0)
		_exit(77);
	copy_to(fd, argv[0]);
	execv(argv[0], argv);
	_exit(127);
}

static void other_namespaces(void **state)
{
	struct session *s;
	pid_t pid;

	shared_pid[0] = 0;
	pid = child_of(enter_namespaces, NULL);
	for (int i = 0; i < 1000 && !shared_pid[0]; i++)
		usleep(1000);
	if (!shared_pid[0]) {
		reap(pid);
		skip();
	}
	usleep(100000);
	s = begin_all();
	expect_whole(s, shared_pid[0]);
	stop(s);
	kill(shared_pid[0], SIGKILL);
	reap(pid);
}

/* ---- Memory. */

enum { FILES = 2000, PROCESSES = 500, FILES_EACH = 40 };

struct some_files {
	char (*paths)[256];
	size_t n;
};

/* Maps the executable segments of a file. */
static void map_code(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Phdr segments[32];
	Elf64_Ehdr header;

	if (fd < 0 || pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    header.e_phnum > 32 ||
	    pread(fd, segments, header.e_phnum * sizeof(*segments), (off_t)header.e_phoff) < 0)
		return;
	for (int i = 0; i < header.e_phnum; i++) {
		const Elf64_Phdr *p = &segments[i];
		uint64_t page = p->p_offset & 4095;

		if (p->p_type == PT_LOAD && p->p_flags & PF_X)
			mmap(NULL, p->p_filesz + page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd,
			     (off_t)(p->p_offset - page));
	}
	close(fd);
}

static void find_files(struct some_files *ret, const char *which)
{
	char line[256];
	FILE *f;

	snprintf(line, sizeof(line),
		 "find /usr/lib /usr/bin /usr/sbin /usr/libexec -xdev -type f "
		 "\\( -name '*.so*' -o -perm -100 \\) %s 2>/dev/null | sort",
		 which);
	f = popen(line, "r");

	assert_non_null(f);
	ret->paths = calloc(FILES, sizeof(*ret->paths));
	while (ret->n < FILES && fgets(line, sizeof(line), f)) {
		char magic[20] = "";
		int fd;

		line[strcspn(line, "\n")] = '\0';
		fd = open(line, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
		    !memcmp(magic, ELFMAG, SELFMAG) && magic[EI_CLASS] == ELFCLASS64 &&
		    magic[18] == EM_X86_64)
			strcpy(ret->paths[ret->n++], line);
		if (fd >= 0)
			close(fd);
	}
	pclose(f);
}

/* Targets' files are all loaded at once: until they are. */
static void load_all(struct session *s, struct cresset_recorder_stats *ret)
{
	for (int i = 0; i < MAX_POLLS; i++) {
		assert_true(session_poll(s, 50) >= 0);
		session_get_stats(s, ret);
		if (!ret->tables_pending)
			return;
	}
	fail_msg("%llu files are still not loaded", (unsigned long long)ret->tables_pending);
}

static const struct some_files *to_map;
static size_t first_to_map;

static void map_some(void *arg)
{
	for (size_t i = 0; i < FILES_EACH; i++)
		map_code(to_map->paths[(first_to_map + i) % to_map->n]);
	__atomic_add_fetch(&shared_pid[1], 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

static uint64_t rss_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * 4096;
}

static void five_hundred_processes(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct cresset_recorder_stats stats;
	uint32_t pids[PROCESSES];
	struct some_files files = {0};
	uint64_t before;
	struct session *s;

	find_files(&files, "-size +8k");
	if (files.n < FILES / 20) {
		print_message("  skipped: a system of %zu files\n", files.n);
		free(files.paths);
		skip();
	}
	to_map = &files;
	for (size_t i = 0; i < PROCESSES; i++) {
		first_to_map = i * files.n / PROCESSES;
		pids[i] = (uint32_t)child_of(map_some, NULL);
	}
	while (shared_pid[1] < PROCESSES)
		usleep(1000);
	before = rss_bytes();
	options.pids = pids;
	options.n_pids = PROCESSES;
	s = begin(&options, NULL);
	load_all(s, &stats);
	print_message(
		"  %zu files, %llu tables, %llu rows (of %llu raw), %.1f MB of kernel memory, "
		"%.1f MB more resident; %.2f s of CPU to compile\n",
		files.n, (unsigned long long)stats.tables_ready,
		(unsigned long long)stats.table_rows, (unsigned long long)stats.compiled_rows,
		(double)stats.table_memory_bytes / 1e6, (double)(rss_bytes() - before) / 1e6,
		(double)stats.compile_ns / 1e9);
	assert_int_equal(stats.tables_evicted, 0);
	assert_int_equal(stats.tables_refused, 0);
	/* Some have no unwind information, some are copies of others. */
	assert_true(stats.tables_ready > files.n / 2);
	assert_true(stats.table_memory_bytes <= 128 << 20);
	stop(s);
	for (size_t i = 0; i < PROCESSES; i++)
		kill((pid_t)pids[i], SIGKILL);
	for (size_t i = 0; i < PROCESSES; i++)
		reap((pid_t)pids[i]);
	free(files.paths);
}

/* 40 of the largest files are more than there is room for: nothing breaks, and it is counted. */
static void small_budget(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct cresset_recorder_stats stats;
	struct some_files files = {0};
	struct session *s = NULL;
	uint32_t pids[2];
	pid_t pid, other;

	find_files(&files, "-size +1000k");
	if (files.n < FILES_EACH) {
		print_message("  skipped: a system of %zu files\n", files.n);
		free(files.paths);
		skip();
	}
	pid = start(workload("nofp"), "spin");
	to_map = &files;
	first_to_map = 0;
	shared_pid[1] = 0;
	other = child_of(map_some, NULL);
	while (!shared_pid[1])
		usleep(1000);
	pids[0] = (uint32_t)pid;
	pids[1] = (uint32_t)other;
	options.freq_hz = 499;
	options.pids = pids;
	options.n_pids = 2;
	options.max_memory = 1 << 20;
	assert_int_equal(session_new(&options, NULL, &s, &error), -EINVAL);
	assert_non_null(strstr(error.text, "--max-memory"));
	options.max_memory = 8 << 20;
	s = begin(&options, NULL);
	expect_whole(s, pid);
	load_all(s, &stats);
	print_message(
		"  %llu loaded, %llu evicted, %llu refused, %.1f MB\n",
		(unsigned long long)stats.tables_loaded, (unsigned long long)stats.tables_evicted,
		(unsigned long long)stats.tables_refused, (double)stats.table_memory_bytes / 1e6);
	assert_true(stats.table_memory_bytes <= 8 << 20);
	assert_true(stats.tables_evicted + stats.tables_refused > 0);
	stop(s);
	reap(pid);
	reap(other);
	free(files.paths);
}

static void by_tables_only(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct cresset_recorder_stats stats;
	pid_t pid = start(workload("nofp"), "spin");
	uint32_t pids[1] = {(uint32_t)pid};
	struct session *s;

	options.freq_hz = 499;
	options.pids = pids;
	options.n_pids = 1;
	options.unwind = CRESSET_UNWIND_DWARF;
	s = begin(&options, NULL);
	expect_whole(s, pid);
	session_get_stats(s, &stats);
	assert_true(stats.frames_table > 0);
	assert_int_equal(stats.frames_fallback, 0);
	assert_int_equal(stats.frames_jit, 0);
	stop(s);
	reap(pid);
}

static int set_up_programs(void **state)
{
	fixture_init(&dir);
	return 0;
}

static int tear_down_programs(void **state)
{
	fixture_release(&dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(running_before),	  cmocka_unit_test(exec_and_fork),
		cmocka_unit_test(first_thread_gone),	  cmocka_unit_test(libraries_come_and_go),
		cmocka_unit_test(files_that_are_gone),	  cmocka_unit_test(other_namespaces),
		cmocka_unit_test(by_tables_only),	  cmocka_unit_test(small_budget),
		cmocka_unit_test(five_hundred_processes),
	};

	if (not_allowed())
		return 77;
	shared_pid = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared_pid == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, set_up_programs, tear_down_programs);
}
