// SPDX-License-Identifier: Apache-2.0
/*
 * The recorder on the real kernel: the accounting adds up, each kind of target gets its samples and
 * nobody else's, switching generations loses nothing, and full maps are counted by cause. Which
 * functions the samples show is for tests/e2e.
 */
#include <mntent.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "recording.h"

static void everything(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	pid_t a = child_of(spin, NULL), b = child_of(spin_with_system_calls, NULL);
	struct cresset_profile *p;
	struct session *s;

	options.freq_hz = 999;
	s = begin(&options, NULL);
	record(s, 1000);
	p = end(s);
	assert_true(count_label(p, "pid", a) > 0);
	assert_true(count_label(p, "pid", b) > 0);
	assert_int_equal(stat_of(p, "samples.filtered"), 0);
	assert_int_equal(cresset_profile_period(p), 1000000000 / 999);
	assert_true(cresset_profile_duration_ns(p) > 0);
	assert_true(cresset_profile_n_comments(p) == 1);
	cresset_profile_free(p);
	reap(a);
	reap(b);
}

static void one_process(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	pid_t a = child_of(spin, NULL), b = child_of(spin, NULL);
	uint32_t pids[1] = {(uint32_t)a};
	struct cresset_profile *p;
	struct session *s;

	options.freq_hz = 999;
	options.pids = pids;
	options.n_pids = 1;
	s = begin(&options, NULL);
	record(s, 300);
	p = end(s);
	assert_int_equal(count_label(p, "pid", a), total(p));
	assert_true(stat_of(p, "samples.filtered") > 0);
	cresset_profile_free(p);
	reap(a);
	reap(b);
}

/* On SIGUSR1 forks a child that spins; its pid goes to the shared page. */
static volatile pid_t *shared;

static void on_signal(int signal)
{
}

static void fork_on_signal(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	signal(SIGUSR1, on_signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
	shared[0] = 1;
	sigwaitinfo(&set, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	shared[1] = child_of(spin, NULL);
	burn_for_ever();
}

static void children(void **state)
{
	for (int inherit = 0; inherit < 2; inherit++) {
		struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
		struct cresset_profile *p;
		uint64_t of_child;
		struct session *s;
		uint32_t pids[1];
		pid_t parent;

		shared[0] = shared[1] = 0;
		parent = child_of(fork_on_signal, NULL);
		while (!shared[0])
			usleep(1000);
		pids[0] = (uint32_t)parent;
		options.freq_hz = 999;
		options.pids = pids;
		options.n_pids = 1;
		options.no_inherit = !inherit;
		s = begin(&options, NULL);
		kill(parent, SIGUSR1);
		record(s, 400);
		p = end(s);
		of_child = count_label(p, "pid", shared[1]);
		assert_int_equal(count_label(p, "pid", parent) + of_child, total(p));
		if (inherit)
			assert_true(of_child > 0);
		else
			assert_int_equal(of_child, 0);
		cresset_profile_free(p);
		kill(shared[1], SIGKILL);
		reap(parent);
	}
}

static void two_threads(void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, burn_thread, (void *)&shared[0]))
		_exit(1);
	burn_for_ever();
}

static void one_thread(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct cresset_profile *p;
	struct session *s;
	uint32_t tids[1];
	pid_t pid;

	shared[0] = 0;
	pid = child_of(two_threads, NULL);
	while (!shared[0])
		usleep(1000);
	tids[0] = (uint32_t)shared[0];
	assert_int_not_equal(tids[0], pid);
	options.freq_hz = 999;
	options.tids = tids;
	options.n_tids = 1;
	s = begin(&options, NULL);
	record(s, 300);
	p = end(s);
	assert_int_equal(count_label(p, "tid", shared[0]), total(p));
	assert_int_equal(count_label(p, "pid", pid), total(p));
	cresset_profile_free(p);
	reap(pid);
}

/* The first cgroup v2 mount; false if there is none. */
static bool cgroup_mount(char *path, size_t size)
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	struct mntent *m;
	bool found = false;

	while (f && !found && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "cgroup2")) {
			snprintf(path, size, "%s", m->mnt_dir);
			found = true;
		}
	if (f)
		endmntent(f);
	return found;
}

static void join_cgroup(const char *directory, pid_t pid)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fprintf(f, "%d", pid) > 0);
	assert_int_equal(fclose(f), 0);
}

static void one_cgroup(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	char mount[256], outer[300], inner[310];
	pid_t in, below, out;
	struct cresset_profile *p;
	struct session *s;

	if (!cgroup_mount(mount, sizeof(mount))) {
		print_message("skipped: no cgroup v2 mount\n");
		skip();
	}
	snprintf(outer, sizeof(outer), "%s/cresset-test-%d", mount, getpid());
	snprintf(inner, sizeof(inner), "%s/inner", outer);
	if (mkdir(outer, 0755) || mkdir(inner, 0755)) {
		print_message("skipped: cannot make %s: %s\n", outer, strerror(errno));
		skip();
	}
	in = child_of(spin, NULL);
	below = child_of(spin, NULL);
	out = child_of(spin, NULL);
	join_cgroup(outer, in);
	join_cgroup(inner, below);
	options.freq_hz = 999;
	options.cgroup = outer;
	s = begin(&options, NULL);
	record(s, 600);
	p = end(s);
	assert_true(count_label(p, "pid", in) > 0);
	assert_true(count_label(p, "pid", below) > 0);
	assert_int_equal(count_label(p, "pid", out), 0);
	assert_int_equal(count_label(p, "pid", in) + count_label(p, "pid", below), total(p));
	cresset_profile_free(p);
	reap(in);
	reap(below);
	reap(out);
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(rmdir(outer), 0);
}

/* Hundreds of switches while all CPUs sample. */
static void switches_lose_nothing(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct session_limits limits = {.drain_ms = 1};
	pid_t children_of[4];
	struct cresset_profile *p;
	struct session *s;

	for (int i = 0; i < 4; i++)
		children_of[i] = child_of(i & 1 ? spin_with_system_calls : spin, NULL);
	options.freq_hz = 4999;
	limits.max_samples = limits.max_stacks = 1 << 14;
	s = begin(&options, &limits);
	record(s, 10000);
	p = end(s);
	assert_int_equal(sum_of_losses(p), 0);
	for (int i = 0; i < 4; i++) {
		assert_true(count_label(p, "pid", children_of[i]) > 0);
		reap(children_of[i]);
	}
	cresset_profile_free(p);
}

static void many_threads(void *arg)
{
	static volatile pid_t tids[32];
	pthread_t thread;

	for (int i = 0; i < 32; i++)
		if (pthread_create(&thread, NULL, burn_thread, (void *)&tids[i]))
			_exit(1);
	burn_for_ever();
}

static void full_map(struct session_limits limits, const char *cause)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	pid_t pid = child_of(many_threads, NULL);
	struct cresset_recorder_stats stats;
	struct cresset_profile *p;
	struct session *s;
	char name[64];

	options.freq_hz = 999;
	s = begin(&options, &limits);
	for (int i = 0; i < MAX_POLLS; i++) {
		assert_true(session_poll(s, 10) >= 0);
		check_sums(s);
		session_get_stats(s, &stats);
		if (stats.lost > 100)
			break;
	}
	p = end(s);
	snprintf(name, sizeof(name), "samples.lost.%s", cause);
	assert_true(stat_of(p, name) > 100);
	assert_true(total(p) > 0);
	cresset_profile_free(p);
	reap(pid);
}

static void samples_map_full(void **state)
{
	full_map((struct session_limits){.max_samples = 4, .drain_ms = 500}, "samples_full");
}

static void stacks_map_full(void **state)
{
	full_map((struct session_limits){.max_stacks = 2, .drain_ms = 500}, "stacks_full");
}

static void frames_of_one_side(void **state)
{
	for (int user = 0; user < 2; user++) {
		struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
		pid_t pid = child_of(spin_with_system_calls, NULL);
		uint32_t pids[1] = {(uint32_t)pid};
		struct cresset_profile *p;
		struct session *s;

		options.freq_hz = 999;
		options.pids = pids;
		options.n_pids = 1;
		options.user_only = user;
		options.kernel_only = !user;
		s = begin(&options, NULL);
		record(s, 100);
		p = end(s);
		for (uint32_t id = 1; id <= cresset_profile_n_locations(p); id++) {
			const struct cresset_location *l = cresset_profile_location(p, id);

			assert_int_equal(!(l->flags & CRESSET_LOCATION_KERNEL), user);
		}
		cresset_profile_free(p);
		reap(pid);
	}
}

static void ends_with_its_targets(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	pid_t a = child_of(spin, NULL), b = child_of(spin, NULL);
	uint32_t pids[2] = {(uint32_t)a, (uint32_t)b}, tids[1];
	struct session *s;

	options.freq_hz = 99;
	options.pids = pids;
	options.n_pids = 2;
	s = begin(&options, NULL);
	assert_int_equal(session_poll(s, 0), 1);
	reap(a);
	assert_int_equal(session_poll(s, 0), 1);
	reap(b);
	assert_int_equal(session_poll(s, 0), 0);
	cresset_profile_free(end(s));

	a = child_of(spin, NULL);
	tids[0] = (uint32_t)a;
	options.n_pids = 0;
	options.tids = tids;
	options.n_tids = 1;
	s = begin(&options, NULL);
	assert_int_equal(session_poll(s, 0), 1);
	reap(a);
	assert_int_equal(session_poll(s, 0), 0);
	cresset_profile_free(end(s));
}

/* Long before its time, and before anything is due. */
static void returns_when_called_for(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct session_limits limits = {.drain_ms = 600000};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pid_t pid = child_of(spin, NULL);
	uint32_t pids[1] = {(uint32_t)pid};
	struct session *s;
	eventfd_t n;

	assert_true(fd >= 0);
	options.freq_hz = 99;
	options.pids = pids;
	options.n_pids = 1;
	s = begin(&options, &limits);
	s->watch_fd = fd;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(eventfd_write(fd, 1), 0);
		/* Without it, the test runs into its timeout. */
		assert_int_equal(session_poll(s, 600000), 1);
		assert_int_equal(eventfd_read(fd, &n), 0);
	}
	s->watch_fd = -1;
	assert_int_equal(eventfd_write(fd, 1), 0);
	assert_int_equal(session_poll(s, 1), 1);
	cresset_profile_free(end(s));
	reap(pid);
	close(fd);
}

static void refused(const struct cresset_recorder_options *options, int code, const char *text)
{
	struct session *s = NULL;

	error.text[0] = '\0';
	assert_int_equal(session_new(options, NULL, &s, &error), code);
	assert_null(s);
	if (!strstr(error.text, text))
		fail_msg("'%s' does not say '%s'", error.text, text);
	assert_null(strchr(error.text, '\n'));
}

static void wrong_targets(void **state)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	uint32_t nobody[1] = {1u << 30};

	options.pids = options.tids = nobody;
	options.n_pids = 1;
	refused(&options, -ESRCH, "no process 1073741824");
	options.n_pids = 0;
	options.n_tids = 1;
	refused(&options, -ESRCH, "no thread 1073741824");
	options.n_tids = 0;
	options.cgroup = "/nowhere/at/all";
	refused(&options, -ENOENT, "/nowhere/at/all");
	options.cgroup = "/proc";
	refused(&options, -EINVAL, "no cgroup v2 directory");
	options.cgroup = NULL;
	options.event = "nonsense";
	refused(&options, -EINVAL, "no event 'nonsense'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything),	      cmocka_unit_test(one_process),
		cmocka_unit_test(children),	      cmocka_unit_test(one_thread),
		cmocka_unit_test(one_cgroup),	      cmocka_unit_test(switches_lose_nothing),
		cmocka_unit_test(samples_map_full),   cmocka_unit_test(stacks_map_full),
		cmocka_unit_test(frames_of_one_side), cmocka_unit_test(ends_with_its_targets),
		cmocka_unit_test(wrong_targets),      cmocka_unit_test(returns_when_called_for),
	};

	if (not_allowed())
		return 77;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
