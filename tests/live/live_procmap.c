// SPDX-License-Identifier: Apache-2.0
/*
 * The process map on a real kernel. This program starts itself again as children in all the ways
 * that make binaries hard to find (gone processes, deleted files, memfd, other mounts, lost
 * records); each child says where its function `landmark` is, and the parent must find that
 * function's own address.
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
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "procmap_inside.h"

enum { SKIPPED = 77, SHORT_LIVES = 40 };

struct env {
	struct procmap *pm;
	struct cresset_profile *p;
	uint32_t exec_id; /* of this process */
};

struct child {
	pid_t pid;
	uint64_t landmark;
	int hold; /* closing it ends the child */
};

__attribute__((noinline)) static void landmark(void)
{
	__asm__ volatile("");
}

static int take_first(struct dl_phdr_info *info, size_t size, void *arg)
{
	*(uint64_t *)arg = info->dlpi_addr;
	return 1;
}

/* The ELF's own address of landmark(). */
static uint64_t landmark_vaddr(void)
{
	uint64_t bias = 0;

	dl_iterate_phdr(take_first, &bias);
	return (uintptr_t)landmark - bias;
}

/* ---- Children. */

static int child_main(const char *how)
{
	uint64_t at = (uintptr_t)landmark;
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	landmark();
	if (!strcmp(how, "jit")) {
		void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		at = (uintptr_t)code;
	}
	if (write(STDOUT_FILENO, &at, sizeof(at)) != sizeof(at))
		return 1;
	return read(STDIN_FILENO, &c, 1) ? 1 : 0;
}

struct start {
	int exe; /* to execute */
	const char *how;
	bool own_mounts; /* hides /tmp from the rest of the system, and the binary with it */
};

/* The binary is copied into a file system that only the child sees. */
static int enter_own_mounts(int exe)
{
	char buffer[65536];
	ssize_t n;
	int fd;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/tmp", "tmpfs", 0, NULL))
		return -1;
	fd = open("/tmp/hidden-binary", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	while ((n = read(exe, buffer, sizeof(buffer))) > 0) {
		if (write(fd, buffer, (size_t)n) != n)
			return -1;
	}
	close(fd);
	return open("/tmp/hidden-binary", O_RDONLY | O_CLOEXEC);
}

static void start_in_child(const struct start *start, int in, int out)
{
	char *argv[] = {(char *)"landmark", (char *)"--child", (char *)start->how, NULL};
	int exe = start->exe;

	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	if (start->own_mounts)
		exe = enter_own_mounts(exe);
	if (exe >= 0)
		fexecve(exe, argv, environ);
	_exit(1);
}

/* False if the child could not start. */
static bool start_child(const struct start *start, struct child *ret)
{
	int in[2], out[2];
	ssize_t n;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	ret->pid = fork();
	assert_true(ret->pid >= 0);
	if (!ret->pid)
		start_in_child(start, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	n = read(out[0], &ret->landmark, sizeof(ret->landmark));
	close(out[0]);
	ret->hold = in[1];
	return n == sizeof(ret->landmark);
}

static void end_child(struct child *c)
{
	close(c->hold);
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
}

static int open_self(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* A copy of this program, to be deleted by the caller; open for reading. */
static int copy_self(char *path)
{
	char buffer[65536];
	int from = open_self(), to;
	ssize_t n;

	to = mkstemp(path);
	assert_true(to >= 0);
	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		assert_int_equal(write(to, buffer, (size_t)n), n);
	assert_int_equal(fchmod(to, 0700), 0);
	close(to);
	close(from);
	to = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(to >= 0);
	return to;
}

/* ---- Set-up. */

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	struct cresset_error err;
	bool exact;

	assert_int_equal(procmap_new(&e->pm, false, &err), 0);
	assert_int_equal(procmap_scan(e->pm, &err), 0);
	assert_int_equal(cresset_profile_new(&e->p), 0);
	e->exec_id =
		process_image(proctab_find(&e->pm->table, (uint32_t)getpid()), 0, &exact)->exec_id;
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	cresset_profile_free(e->p);
	procmap_free(e->pm);
	free(e);
	return 0;
}

static const struct cresset_mapping *locate(struct env *e, const struct child *c, uint64_t *ret)
{
	const struct cresset_location *loc;
	uint32_t id;

	assert_int_equal(procmap_location(e->pm, e->p, (uint32_t)c->pid, e->exec_id + 1,
					  c->landmark, 0, &id),
			 0);
	loc = cresset_profile_location(e->p, id);
	*ret = loc->address;
	return cresset_profile_mapping(e->p, loc->mapping);
}

/* The landmark is found, in a binary that can be read again. */
static void assert_found(struct env *e, const struct child *c, const char *file)
{
	uint64_t address;
	const struct cresset_mapping *m = locate(e, c, &address);
	struct elfhead elf;
	uint32_t id;
	int fd;

	assert_int_equal(m->kind, CRESSET_MAPPING_FILE);
	assert_int_equal(address, landmark_vaddr());
	assert_true(m->start <= address && address < m->limit);
	assert_non_null(strstr(cresset_profile_string(e->p, m->file), file));
	assert_null(strstr(cresset_profile_string(e->p, m->file), "(deleted)"));
	assert_int_equal(cresset_profile_add_mapping(e->p, m, &id), 0);
	fd = procmap_open(e->pm, e->p, id, CRESSET_OPEN_BINARY);
	assert_true(fd >= 0);
	assert_int_equal(elfhead_read(fd, &elf), 0);
	close(fd);
}

/* ---- Tests. */

static void the_scan_sees_all(void **state)
{
	struct env *e = *state;
	struct child self = {.pid = getpid(), .landmark = (uintptr_t)landmark};
	struct procmap_stats stats;
	uint64_t address;
	uint32_t id;

	e->exec_id--; /* locate() adds one for the exec of a child */
	assert_found(e, &self, "live_procmap");
	self.landmark = (uintptr_t)getpid;
	locate(e, &self, &address);
	procmap_get_stats(e->pm, &stats);
	assert_int_equal(stats.scanned_by_text, 0);
	assert_int_equal(stats.addresses_unknown, 0);
	assert_true(stats.processes > 1 && stats.ranges > 3);
	/* Even the one whose /proc may be closed. */
	assert_non_null(procmap_comm(e->pm, 1, 0));
	assert_int_equal(procmap_kernel_location(e->pm, e->p, UINT64_MAX - 5, &id), 0);
	printf("scan: %.1f ms, %lu processes, %lu ranges\n", (double)stats.scan_ns / 1e6,
	       (unsigned long)stats.processes, (unsigned long)stats.ranges);
}

/* Children that are gone before anything is read of them. */
static void short_lives_keep_their_names(void **state)
{
	struct start start = {.exe = open_self(), .how = "wait"};
	struct env *e = *state;
	struct child c[SHORT_LIVES];
	struct procmap_stats stats;

	for (int i = 0; i < SHORT_LIVES; i++) {
		assert_true(start_child(&start, &c[i]));
		end_child(&c[i]);
	}
	close(start.exe);
	assert_int_equal(procmap_poll(e->pm), 0);
	for (int i = 0; i < SHORT_LIVES; i++) {
		assert_found(e, &c[i], "live_procmap");
		assert_non_null(procmap_comm(e->pm, (uint32_t)c[i].pid, e->exec_id + 1));
		assert_false(procmap_alive(e->pm, (uint32_t)c[i].pid));
	}
	procmap_get_stats(e->pm, &stats);
	assert_int_equal(stats.addresses, SHORT_LIVES);
	assert_int_equal(stats.rescans, 0);
	/* Two drains later they are forgotten. */
	procmap_expire(e->pm);
	assert_non_null(procmap_comm(e->pm, (uint32_t)c[0].pid, e->exec_id + 1));
	procmap_expire(e->pm);
	assert_null(proctab_find(&e->pm->table, (uint32_t)c[0].pid));
}

static void a_deleted_binary(void **state)
{
	char path[] = "/tmp/cresset-live-XXXXXX";
	struct start start = {.exe = copy_self(path), .how = "wait"};
	struct env *e = *state;
	struct child c;

	assert_true(start_child(&start, &c));
	close(start.exe);
	unlink(path);
	assert_int_equal(procmap_poll(e->pm), 0);
	assert_found(e, &c, path);
	end_child(&c);
	assert_int_equal(procmap_poll(e->pm), 0);
	assert_found(e, &c, path);
}

static void another_file_by_the_same_name(void **state)
{
	char path[] = "/tmp/cresset-live-XXXXXX";
	struct start start = {.exe = copy_self(path), .how = "wait"};
	struct env *e = *state;
	struct procmap_stats stats;
	uint64_t address;
	struct child c;
	int fd;

	assert_true(start_child(&start, &c));
	close(start.exe);
	end_child(&c);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(procmap_poll(e->pm), 0);
	assert_int_equal(locate(e, &c, &address)->kind, CRESSET_MAPPING_FILE);
	procmap_get_stats(e->pm, &stats);
	unlink(path);
	assert_int_equal(stats.addresses_by_offset, 1);
	assert_int_equal(stats.binaries_mismatched, 1);
}

static void a_memfd(void **state)
{
	struct start start = {.exe = memfd_create("landmark", MFD_CLOEXEC), .how = "wait"};
	char buffer[65536], link[64];
	struct env *e = *state;
	int from = open_self();
	struct child c;
	ssize_t n;

	assert_true(start.exe >= 0);
	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		assert_int_equal(write(start.exe, buffer, (size_t)n), n);
	close(from);
	/* A file that is open for writing is not executed. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", start.exe);
	from = start.exe;
	start.exe = open(link, O_RDONLY | O_CLOEXEC);
	close(from);
	assert_true(start_child(&start, &c));
	close(start.exe);
	assert_int_equal(procmap_poll(e->pm), 0);
	assert_found(e, &c, "/memfd:landmark");
	end_child(&c);
	assert_found(e, &c, "/memfd:landmark");
}

static void a_binary_in_other_mounts(void **state)
{
	struct start start = {.exe = open_self(), .how = "wait", .own_mounts = true};
	struct env *e = *state;
	struct child c;
	bool started = start_child(&start, &c);

	close(start.exe);
	if (!started) {
		end_child(&c);
		print_message("no mount namespaces here\n");
		skip();
	}
	assert_int_not_equal(access("/tmp/hidden-binary", F_OK), 0);
	assert_int_equal(procmap_poll(e->pm), 0);
	assert_found(e, &c, "/tmp/hidden-binary");
	end_child(&c);
	assert_found(e, &c, "/tmp/hidden-binary");
}

static void code_made_at_run_time(void **state)
{
	struct start start = {.exe = open_self(), .how = "jit"};
	struct env *e = *state;
	const struct cresset_mapping *m;
	uint64_t address;
	uint32_t id;
	char path[64];
	struct child c;
	int fd;

	assert_true(start_child(&start, &c));
	close(start.exe);
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)c.pid);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(procmap_poll(e->pm), 0);
	m = locate(e, &c, &address);
	assert_int_equal(m->kind, CRESSET_MAPPING_ANON);
	assert_int_equal(m->pid, c.pid);
	assert_int_equal(address, c.landmark);
	assert_int_equal(cresset_profile_add_mapping(e->p, m, &id), 0);
	end_child(&c);
	/* Open since the first sample. */
	unlink(path);
	fd = procmap_open(e->pm, e->p, id, CRESSET_OPEN_PERF_MAP);
	assert_true(fd >= 0);
	close(fd);
}

/* The rings overflow; a process that was started meanwhile is read from /proc. */
static void lost_records_are_made_up_for(void **state)
{
	struct start start = {.exe = open_self(), .how = "wait"};
	struct env *e = *state;
	struct procmap_stats stats;
	cpu_set_t cpus, one;
	struct child c;
	char comm[16];

	/* On one CPU: each has its ring. */
	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(prctl(PR_GET_NAME, comm), 0);
	for (int i = 0; i < 40000; i++)
		prctl(PR_SET_NAME, i % 2 ? "odd" : "even");
	assert_true(start_child(&start, &c));
	close(start.exe);
	prctl(PR_SET_NAME, comm);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	assert_int_equal(procmap_poll(e->pm), 0);
	assert_found(e, &c, "live_procmap");
	procmap_get_stats(e->pm, &stats);
	assert_true(stats.rescans >= 1);
	/* The kernel tells how many were lost with the next record that has room. */
	prctl(PR_SET_NAME, comm);
	end_child(&c);
	assert_int_equal(procmap_poll(e->pm), 0);
	procmap_get_stats(e->pm, &stats);
	assert_true(stats.sideband_lost > 0);
	assert_int_equal(stats.sideband_malformed, 0);
	procmap_expire(e->pm);
	procmap_expire(e->pm);
	procmap_expire(e->pm);
	assert_null(proctab_find(&e->pm->table, (uint32_t)c.pid));
	assert_non_null(proctab_find(&e->pm->table, (uint32_t)getpid()));
}

static void *end_when_closed(void *arg)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	_exit(0);
	return arg;
}

/* A process lives on in its threads when its leader has left, and so do its mappings. */
static void a_leader_that_left(void **state)
{
	struct env *e = *state;
	struct child c = {.landmark = (uintptr_t)landmark};
	siginfo_t info;
	int in[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	c.pid = fork();
	if (!c.pid) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], STDIN_FILENO);
		close(in[1]);
		if (pthread_create(&thread, NULL, end_when_closed, NULL))
			_exit(1);
		syscall(SYS_exit, 0); /* this thread alone, at once */
	}
	close(in[0]);
	/* The leader's end is there when its record is. */
	for (int i = 0; i < 2000; i++) {
		struct process *p = proctab_find(&e->pm->table, (uint32_t)c.pid);

		assert_int_equal(procmap_poll(e->pm), 0);
		if (p && p->newest->ended)
			break;
		usleep(1000);
	}
	assert_true(proctab_find(&e->pm->table, (uint32_t)c.pid)->newest->ended);
	assert_true(procmap_alive(e->pm, (uint32_t)c.pid));
	for (int i = 0; i < 5; i++)
		procmap_expire(e->pm);
	e->exec_id--;
	assert_found(e, &c, "live_procmap");
	close(in[1]);
	assert_int_equal(waitid(P_PID, (id_t)c.pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(procmap_alive(e->pm, (uint32_t)c.pid));
	assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
	for (int i = 0; i < 5; i++)
		procmap_expire(e->pm);
	assert_null(proctab_find(&e->pm->table, (uint32_t)c.pid));
}

static void cpus_come_and_go(void **state)
{
	struct env *e = *state;
	struct procmap_stats before, stats;

	procmap_get_stats(e->pm, &before);
	assert_int_equal(procmap_cpu_online(e->pm, 0), 0); /* is there already */
	procmap_get_stats(e->pm, &stats);
	assert_int_equal(stats.ring_bytes, before.ring_bytes);
	procmap_cpu_offline(e->pm, 0);
	assert_int_equal(procmap_poll(e->pm), 0);
	procmap_get_stats(e->pm, &stats);
	assert_true(stats.ring_bytes < before.ring_bytes);
	assert_int_equal(procmap_cpu_online(e->pm, 0), 0);
	assert_int_equal(procmap_poll(e->pm), 0);
	procmap_get_stats(e->pm, &stats);
	assert_int_equal(stats.ring_bytes, before.ring_bytes);
	assert_true(procmap_cpu_online(e->pm, 1 << 20) < 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_scan_sees_all, setup, teardown),
		cmocka_unit_test_setup_teardown(short_lives_keep_their_names, setup, teardown),
		cmocka_unit_test_setup_teardown(a_deleted_binary, setup, teardown),
		cmocka_unit_test_setup_teardown(another_file_by_the_same_name, setup, teardown),
		cmocka_unit_test_setup_teardown(a_memfd, setup, teardown),
		cmocka_unit_test_setup_teardown(a_binary_in_other_mounts, setup, teardown),
		cmocka_unit_test_setup_teardown(code_made_at_run_time, setup, teardown),
		cmocka_unit_test_setup_teardown(lost_records_are_made_up_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_leader_that_left, setup, teardown),
		cmocka_unit_test_setup_teardown(cpus_come_and_go, setup, teardown),
	};
	struct cresset_error err;
	struct procmap *pm;

	if (argc == 3 && !strcmp(argv[1], "--child"))
		return child_main(argv[2]);
	if (procmap_new(&pm, false, &err)) {
		printf("skipped: %s\n", err.text);
		return SKIPPED;
	}
	procmap_free(pm);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
