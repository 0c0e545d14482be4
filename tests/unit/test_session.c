// SPDX-License-Identifier: Apache-2.0
/*
 * What a session checks before it needs any privilege, and the tables of sources and unwinders:
 * each has a row for each file of its folder, so a file whose line was forgotten shows here.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "session.h"

/* Files of a folder that end so, but for one. */
static int count_files(const char *folder, const char *begin, const char *end, const char *but)
{
	char path[512];
	struct dirent *e;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", TEST_SOURCE_DIR, folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		size_t length = strlen(e->d_name), tail = strlen(end);

		if (length > tail && !strcmp(e->d_name + length - tail, end) &&
		    !strncmp(e->d_name, begin, strlen(begin)) && strcmp(e->d_name, but))
			n++;
	}
	closedir(dir);
	return n;
}

static void source_table(void **state)
{
	assert_int_equal(count_files("profiler/sources", "", ".c", "sources.c"), CRESSET_N_SOURCES);
	/* All rows are of ticks (src_cpu) or of waits (src_off_cpu). */
	assert_int_equal(count_files("bpf", "src_", ".bpf.c", ""), 2);
	assert_null(source_at(CRESSET_N_SOURCES));
	assert_null(source_by_name("nonsense"));
	for (int i = 0; i < CRESSET_N_SOURCES; i++) {
		const struct source *source = source_at(i);

		assert_ptr_equal(source_by_name(source->name), source);
		assert_true(strlen(source->help) > 0);
		assert_in_range(source_n_values(source), 1, SOURCE_MAX_VALUES);
		assert_non_null(source->period_type.type);
	}
}

static void unwinder_table(void **state)
{
	assert_int_equal(count_files("bpf", "unw_", ".bpf.c", ""), CRESSET_N_UNWINDERS);
	assert_null(unwinder_at(CRESSET_N_UNWINDERS));
	for (int i = 0; i < CRESSET_N_UNWINDERS; i++) {
		const struct unwinder *unwinder = unwinder_at(i);

		/* The folder has also what they need beside them. */
		assert_int_equal(count_files("profiler/unwind", unwinder->name, ".c", ""), 1);
		assert_int_equal(unwinder_id(unwinder), i);
		assert_true(strlen(unwinder->help) > 0);
		/* A walk that was cut or could not begin is broken for all of them. */
		assert_non_null(unwinder->broken(CRESSET_STOP_DEPTH, CRESSET_MAX_FRAMES));
		assert_non_null(unwinder->broken(CRESSET_STOP_READ_FAULT, 3));
		assert_null(unwinder->broken(CRESSET_STOP_NO_USER, 0));
	}
	assert_non_null(unwind_stop_text(CRESSET_N_STOPS));
}

static void refuse(const struct cresset_recorder_options *options, int code, const char *text)
{
	struct cresset_recorder *recorder = NULL;
	struct cresset_error err = {""};

	assert_int_equal(cresset_recorder_new(options, &recorder, &err), code);
	assert_null(recorder);
	if (!strstr(err.text, text))
		fail_msg("'%s' does not say '%s'", err.text, text);
	assert_null(strchr(err.text, '\n'));
	assert_int_equal(cresset_recorder_new(options, &recorder, NULL), code);
}

static void refused_options(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	uint32_t one[1] = {1};

	options.size--;
	refuse(&options, -EINVAL, "unknown size");
	options.size++;
	options.user_only = options.kernel_only = true;
	refuse(&options, -EINVAL, "nothing is left");
	options.kernel_only = false;
	options.pids = one;
	options.n_pids = 1 << 20;
	refuse(&options, -EINVAL, "more than");
	options.n_pids = 0;
	options.unwind = (enum cresset_unwind)77;
	refuse(&options, -EINVAL, "no unwinder");
	options.unwind = CRESSET_UNWIND_AUTO;
	options.event = "nonsense";
	refuse(&options, -EINVAL, "no event 'nonsense'");
}

static struct targets targets;

static int open_targets(const uint32_t *pids, size_t n_pids, const uint32_t *tids, size_t n_tids,
			const char *cgroup, struct cresset_error *err)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	int r;

	options.pids = pids;
	options.n_pids = n_pids;
	options.tids = tids;
	options.n_tids = n_tids;
	options.cgroup = cgroup;
	targets_init(&targets);
	r = targets_open(&targets, &options, err);
	if (r)
		targets_release(&targets);
	return r;
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	alarm(60);
	for (;;)
		pause();
}

static void living_targets(void **state)
{
	pid_t a = sleeper(), b = sleeper();
	uint32_t pids[2] = {(uint32_t)a, (uint32_t)b}, tids[1] = {(uint32_t)a};
	struct cresset_error err;

	if (open_targets(pids, 2, tids, 1, NULL, &err) == -EXDEV) {
		print_message("skipped: %s\n", err.text);
		kill(a, SIGKILL);
		kill(b, SIGKILL);
		skip();
	}
	assert_true(targets_live(&targets));
	kill(a, SIGKILL);
	waitpid(a, NULL, 0);
	assert_true(targets_live(&targets));
	assert_int_equal(targets.pids[0].fd, -1);
	assert_int_equal(targets.tids[0], -1);
	kill(b, SIGKILL);
	waitpid(b, NULL, 0);
	assert_false(targets_live(&targets));
	assert_false(targets_live(&targets));
	targets_release(&targets);
	/* Everything, and cgroups, never end. */
	assert_int_equal(open_targets(NULL, 0, NULL, 0, NULL, &err), 0);
	assert_true(targets_live(&targets));
	targets_release(&targets);
}

/* Tells its tid, and ends when that is taken away. */
static void *wait_to_end(void *arg)
{
	volatile uint32_t *tid = arg;

	*tid = (uint32_t)syscall(SYS_gettid);
	while (*tid)
		usleep(1000);
	return NULL;
}

static void wrong_targets(void **state)
{
	uint32_t self[1] = {(uint32_t)getpid()}, nobody[2] = {self[0], 1u << 30}, zero[1] = {0};
	static volatile uint32_t tid;
	struct cresset_error err;
	pthread_t thread;

	if (open_targets(self, 1, NULL, 0, NULL, &err) == -EXDEV) {
		print_message("skipped: %s\n", err.text);
		skip();
	}
	targets_release(&targets);
	assert_int_equal(open_targets(nobody, 2, NULL, 0, NULL, &err), -ESRCH);
	assert_non_null(strstr(err.text, "no process 1073741824"));
	/* A thread that leads no process is told from nothing at all. */
	assert_int_equal(pthread_create(&thread, NULL, wait_to_end, (void *)&tid), 0);
	while (!tid)
		usleep(1000);
	assert_int_equal(open_targets((const uint32_t *)&tid, 1, NULL, 0, NULL, &err), -ESRCH);
	assert_non_null(strstr(err.text, "is a thread"));
	assert_int_equal(open_targets(NULL, 0, (const uint32_t *)&tid, 1, NULL, &err), 0);
	assert_true(targets_live(&targets));
	tid = 0;
	pthread_join(thread, NULL);
	while (targets_live(&targets))
		usleep(1000);
	targets_release(&targets);
	assert_int_equal(open_targets(zero, 1, NULL, 0, NULL, &err), -ESRCH);
	assert_int_equal(open_targets(NULL, 0, nobody, 2, NULL, &err), -ESRCH);
	assert_non_null(strstr(err.text, "no thread 1073741824"));
	assert_int_equal(open_targets(NULL, 0, NULL, 0, "/proc/self/exe", &err), -ENOTDIR);
	assert_int_equal(open_targets(NULL, 0, NULL, 0, "/proc/self", &err), -EINVAL);
	assert_non_null(strstr(err.text, "/proc/self is no cgroup v2 directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source_table),	   cmocka_unit_test(unwinder_table),
		cmocka_unit_test(refused_options), cmocka_unit_test(living_targets),
		cmocka_unit_test(wrong_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
