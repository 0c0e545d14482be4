// SPDX-License-Identifier: Apache-2.0
/*
 * The recorder under what the agent keeps: another user, its list of capabilities, the system call
 * filter. Other users' processes, one of them started later, must be seen, named and labelled as if
 * root looked; and with a capability less, what that one is for must fail.
 *
 * The filter's file is compiled in: sanitizers do not go with it, but a child that ends without a
 * report does.
 */
#include "agent/labels.h"
#include "agent/privilege.h"
#include "agent/seccomp.c"

#include <cresset/symbolizer.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/stat.h>

#include "recording.h"
#include "support/fixture.h"

#define SOMEBODY 1000

static struct fixture fixture;

/* This program, with another build-id: what is known of the one is not known of the other. */
static void copy_program(const char *to)
{
	static const char note[] = "\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU";
	FILE *in = fopen("/proc/self/exe", "re"), *out = fopen(to, "we");
	size_t size = 64 << 20, n;
	char *data = malloc(size), *id;

	assert_true(in && out && data);
	n = fread(data, 1, size, in);
	id = memmem(data, n, note, sizeof(note));
	assert_non_null(id);
	id[sizeof(note)] ^= 1;
	assert_int_equal(fwrite(data, 1, n, out), n);
	assert_int_equal(fclose(out) + fclose(in), 0);
	free(data);
}

/* The program of a user who lets nobody else read it. */
static pid_t start_private(void)
{
	const char *path = fixture_path(&fixture, "mine/burner");
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setgid(SOMEBODY) < 0 || setuid(SOMEBODY) < 0)
		_exit(1);
	execle(path, path, "spin", (char *)NULL,
	       (char *const[]){"OTEL_SERVICE_NAME=private", NULL});
	_exit(1);
}

/* ---- In the child: its exit status says what it found. */

enum {
	FOUND_LABEL = 1,   /* the service from the environment */
	FOUND_NAME = 2,	   /* a function of the private program */
	FOUND_KERNEL = 4,  /* a function of the kernel */
	FOUND_SAMPLES = 8, /* of the private program */
	FOUND_EXE = 16,	   /* what the process's exe link says */
	FOUND_ALL = 31,
	FAILED = 64,
};

static int see_names(struct cresset_recorder *s, struct cresset_profile *p)
{
	struct cresset_symbolizer_options o = CRESSET_SYMBOLIZER_OPTIONS_INIT;
	struct cresset_symbolizer *sym = NULL;
	int found = 0;

	o.no_lines = o.no_inlines = true;
	o.open = cresset_recorder_open;
	o.open_arg = s;
	if (cresset_symbolizer_new(&o, &sym) || cresset_symbolizer_resolve(sym, p, 3))
		return 0;
	for (uint32_t i = 1; i <= cresset_profile_n_locations(p); i++) {
		const struct cresset_location *l = cresset_profile_location(p, i);
		const struct cresset_mapping *m = cresset_profile_mapping(p, l->mapping);
		const struct cresset_line *lines = cresset_profile_lines(p, i);
		const struct cresset_function *f;

		if (!l->n_lines)
			continue;
		f = cresset_profile_function(p, lines[l->n_lines - 1].function);
		if (l->mapping && m->kind == CRESSET_MAPPING_KERNEL)
			found |= FOUND_KERNEL;
		else if (!strncmp(cresset_profile_string(p, f->name), "burn", 4))
			found |= FOUND_NAME;
	}
	cresset_symbolizer_free(sym);
	return found;
}

static int see_label(pid_t pid)
{
	struct agent_complaints complaints = {.n = 0};
	struct agent_config *config = NULL;
	struct agent_labels *l = NULL;
	uint32_t set;
	int found = 0;

	if (agent_config_load(NULL, &config, &complaints) ||
	    agent_labels_new(&config->labels, NULL, &l, &error))
		return 0;
	set = agent_labels_of(l, (uint32_t)pid, 1, NULL);
	if (!strcmp(agent_labels_get(l, set, "service"), "private"))
		found |= FOUND_LABEL;
	if (!strcmp(agent_labels_get(l, set, "exe"), "burner"))
		found |= FOUND_EXE;
	agent_labels_free(l);
	agent_config_free(config);
	return found;
}

/* Below 2 everybody sees the kernel's addresses; above, CAP_PERFMON is not enough. */
static int perf_paranoid(void)
{
	FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int paranoid = 2;

	if (file && fscanf(file, "%d", &paranoid) != 1)
		paranoid = 2;
	if (file)
		fclose(file);
	return paranoid;
}

static void keep_only(cap_value_t without)
{
	cap_t caps = cap_get_proc();

	cap_set_flag(caps, CAP_PERMITTED, 1, &without, CAP_CLEAR);
	cap_set_flag(caps, CAP_EFFECTIVE, 1, &without, CAP_CLEAR);
	if (cap_set_proc(caps) < 0)
		_exit(FAILED);
	cap_free(caps);
}

/* What the child is told. */
static struct {
	cap_value_t without;  /* -1: nothing is missing */
	int started, go, pid; /* pipes: it records; the other program runs, with its pid */
} task;

static int records(void)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct cresset_profile *p = NULL;
	struct cresset_recorder *s = NULL;
	int found = 0;
	pid_t pid;

	if (privilege_drop("nobody", &error) < 0)
		return FAILED;
	if (task.without >= 0)
		keep_only(task.without);
	/* The larger one: with all. */
	options.event = task.without < 0 ? "wall" : "cpu";
	options.freq_hz = 199;
	if (cresset_recorder_new(&options, &s, &error) || cresset_recorder_start(s, &error) ||
	    load_filter(&error) < 0 || write(task.started, "", 1) != 1 ||
	    read(task.go, &pid, sizeof(pid)) != sizeof(pid)) {
		printf("%s\n", error.text);
		fflush(stdout);
		return FAILED;
	}
	for (int i = 0; i < 75; i++)
		if (cresset_recorder_poll(s, 20) < 0)
			return FAILED;
	found |= see_label(pid);
	if (cresset_recorder_stop(s, &p, &error))
		return FAILED;
	for (size_t i = 0; i < cresset_profile_n_samples(p) && !(found & FOUND_SAMPLES); i++) {
		const struct cresset_label *l =
			cresset_profile_find_label(p, cresset_profile_sample(p, i)->labels, "pid");

		found |= l && l->num == pid ? FOUND_SAMPLES : 0;
	}
	return found | see_names(s, p);
}

static int found_without(cap_value_t without)
{
	int started[2], go[2], status;
	pid_t child, private;
	char byte;

	assert_int_equal(pipe2(started, O_CLOEXEC) + pipe2(go, O_CLOEXEC), 0);
	task.without = without;
	task.started = started[1];
	task.go = go[0];
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(started[0]);
		close(go[1]);
		_exit(records());
	}
	close(started[1]);
	close(go[0]);
	/* Nothing to read: it failed before it recorded. */
	if (read(started[0], &byte, 1) == 1) {
		private = start_private();
		assert_int_equal(write(go[1], &private, sizeof(private)), sizeof(private));
		assert_int_equal(waitpid(child, &status, 0), child);
		reap(private);
	} else {
		assert_int_equal(waitpid(child, &status, 0), child);
	}
	close(started[0]);
	close(go[1]);
	if (!WIFEXITED(status))
		fail_msg("ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void all_of_them(void **state)
{
	assert_int_equal(found_without(-1), FOUND_ALL);
}

/*
 * Each is there for a reason. Without CAP_SYS_PTRACE newer kernels still let CAP_PERFMON read
 * memory, and a path in our own mount namespace can be opened: what is left is what only the link
 * tells.
 */
static void each_is_needed(void **state)
{
	static const struct {
		const char *name;
		cap_value_t cap;
		int must, must_not;
	} cases[] = {
		{"bpf", CAP_BPF, FAILED, FOUND_SAMPLES},
		{"perfmon", CAP_PERFMON, FAILED, FOUND_SAMPLES},
		{"sys_ptrace", CAP_SYS_PTRACE, FOUND_SAMPLES | FOUND_KERNEL, FOUND_EXE},
		{"dac_read_search", CAP_DAC_READ_SEARCH, FOUND_SAMPLES | FOUND_KERNEL | FOUND_EXE,
		 FOUND_LABEL | FOUND_NAME},
		{"syslog", CAP_SYSLOG, FOUND_ALL & ~FOUND_KERNEL, FOUND_KERNEL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int found = found_without(cases[i].cap);

		printf("without %s: %d\n", cases[i].name, found);
		if (cases[i].cap == CAP_SYSLOG && perf_paranoid() < 2)
			continue;
		assert_int_equal(found & cases[i].must, cases[i].must);
		assert_int_equal(found & cases[i].must_not, 0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_them),
		cmocka_unit_test(each_is_needed),
	};
	int r;

	/* The private program is this one. */
	if (argc > 1 && !strcmp(argv[1], "spin")) {
		alarm(CHILD_SECONDS);
		burn_for_ever();
	}
	if (geteuid() != 0 || !getpwnam("nobody")) {
		printf("skipped: not root, or no user 'nobody' to become\n");
		return 77;
	}
	if (perf_paranoid() > 2) {
		printf("skipped: kernel.perf_event_paranoid is above 2 (%s)\n",
		       privilege_check(&error) < 0 ? error.text : "");
		return 77;
	}
	if (not_allowed())
		return 77;
	fixture_init(&fixture);
	fixture_run(&fixture, "chmod 755 . && mkdir mine");
	copy_program(fixture_path(&fixture, "mine/burner"));
	fixture_run(&fixture, "chown -R %d:%d mine && chmod 700 mine mine/burner", SOMEBODY,
		    SOMEBODY);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fixture_release(&fixture);
	return r;
}
