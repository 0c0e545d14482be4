// SPDX-License-Identifier: Apache-2.0
/* Labels of processes: from files of a made-up /proc, and from real processes. */
#include "agent/environ.h"
#include "agent/label_rules.h"
#include "agent/label_text.h"
#include "agent/labels.h"
#include "agent/procinfo.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "support/fixture.h"

#define ID "4f1c5d3fa3b2e49d8a0c7e6b5a493827160f5e4d3c2b1a09f8e7d6c5b4a39281"

static struct agent_config *config_of(const char *labels)
{
	static struct agent_complaints c;
	struct agent_config *config = NULL;
	char text[4000];

	memset(&c, 0, sizeof(c));
	snprintf(text, sizeof(text), "[labels]\n%s", labels);
	if (agent_config_parse(text, strlen(text), "F", &config, &c) != 0)
		fail_msg("%s", c.list[0].text);
	return config;
}

static struct agent_labels *labels_new(const struct fixture *f, const char *text)
{
	struct agent_config *config = config_of(text);
	struct agent_labels_options o = {.proc = f ? f->dir : NULL, .host = "box"};
	struct agent_labels *l = NULL;

	assert_int_equal(agent_labels_new(&config->labels, &o, &l, NULL), 0);
	agent_config_free(config);
	return l;
}

/* A process of the made-up /proc; NULL: no such file. */
static void process(const struct fixture *f, uint32_t pid, const char *comm, const char *exe,
		    const char *cgroup, const char *variables, size_t variables_n)
{
	char name[64], text[400];

	fixture_run(f, "rm -rf %u && mkdir %u", pid, pid);
	snprintf(name, sizeof(name), "%u/stat", pid);
	snprintf(text, sizeof(text),
		 "%u (%s) S 1 1 1 0 -1 %u 1 0 0 0 1 2 0 0 20 0 1 0 777 1000 10\n", pid, comm,
		 exe ? 0x00400040u : 0x00208040u);
	fixture_write(f, name, text, strlen(text));
	snprintf(name, sizeof(name), "%u/cgroup", pid);
	if (cgroup)
		fixture_write(f, name, cgroup, strlen(cgroup));
	snprintf(name, sizeof(name), "%u/environ", pid);
	if (variables)
		fixture_write(f, name, variables, variables_n);
	if (exe)
		fixture_run(f, "ln -s '%s' %u/exe", exe, pid);
}

#define ENVIRON(text) text, sizeof(text)

/* "name=value " of all labels. */
static const char *text_of(const struct agent_labels *l, uint32_t set)
{
	static char text[8000];
	const char *name, *value;
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; agent_labels_at(l, set, i, &name, &value); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%s", i ? " " : "", name,
				      value);
	return text;
}

static void has(struct agent_labels *l, uint32_t pid, const char *comm, const char *wanted)
{
	uint32_t set = agent_labels_of(l, pid, 1, comm);

	assert_string_equal(text_of(l, set), wanted);
}

static uint64_t cause(const struct agent_labels *l, enum agent_labels_cause which)
{
	struct agent_labels_stats stats;

	agent_labels_get_stats(l, &stats);
	return stats.causes[which];
}

static void test_processes(void **state)
{
	struct agent_labels *l;
	struct fixture f;

	fixture_init(&f);
	process(&f, 10, "nginx", "/usr/sbin/nginx", "0::/system.slice/nginx.service\n", "", 0);
	process(&f, 11, "worker", "/opt/api (deleted)", "0::/docker/" ID "\n",
		ENVIRON("A=1\0OTEL_SERVICE_NAME=checkout\0"));
	process(&f, 12, "kworker/u8:3-ev", NULL, "0::/\n", NULL, 0);
	process(&f, 13, "java", "/usr/lib/jvm/bin/java", "0::/user.slice/session-1.scope\n",
		ENVIRON("OTEL_RESOURCE_ATTRIBUTES=service.name=sh%6fp,service.namespace=eu,"
			"deployment.environment=a%2Cb\0APP_ENV=x\0"));
	process(&f, 14, "a) S (b", "/bin/a b", "0::/lxc.payload.web\n", "", 0);
	l = labels_new(&f, "static = region=eu\nenv = APP_ENV\n");

	has(l, 10, "nginx",
	    "cgroup=/system.slice/nginx.service comm=nginx exe=nginx host=box region=eu "
	    "service=nginx slice=system.slice unit=nginx.service");
	has(l, 11, "renamed",
	    "cgroup=/docker/" ID " comm=renamed container_id=" ID
	    " exe=api host=box region=eu service=checkout");
	has(l, 12, "kworker/u8:3", "comm=kworker host=box region=eu service=kernel");
	has(l, 13, "java",
	    "app_env=x cgroup=/user.slice/session-1.scope comm=java deployment_environment=a,b "
	    "exe=java host=box region=eu service=shop service_namespace=eu slice=user.slice "
	    "unit=session-1.scope");
	has(l, 14, NULL,
	    "cgroup=/lxc.payload.web comm=a) S (b container=web exe=a b host=box region=eu "
	    "service=web");
	has(l, 99, "gone", "comm=gone host=box region=eu service=gone");
	has(l, 98, NULL, "host=box region=eu service=unknown");
	has(l, 0, NULL, "comm=swapper host=box region=eu service=kernel");
	assert_int_equal(cause(l, AGENT_LABELS_gone), 2);
	assert_string_equal(agent_labels_get(l, 0, "host"), "");
	assert_string_equal(agent_labels_get(l, 12345, "host"), "");
	agent_labels_free(l);
	agent_labels_free(NULL);
	fixture_release(&f);
}

static void service_is(const struct fixture *f, uint32_t pid, const char *rules, const char *wanted)
{
	char text[300];
	struct agent_labels *l;

	snprintf(text, sizeof(text), "service = %s\n", rules);
	l = labels_new(f, text);
	assert_string_equal(agent_labels_get(l, agent_labels_of(l, pid, 1, "c"), "service"),
			    wanted);
	agent_labels_free(l);
}

static void test_service(void **state)
{
	struct fixture f;

	fixture_init(&f);
	process(&f, 10, "c", "/bin/prog", "0::/s.slice/db@1.service\n",
		ENVIRON("NAME=one\0EMPTY=\0OTEL_SERVICE_NAME=\0"
			"OTEL_RESOURCE_ATTRIBUTES=service.name=attr\0"));
	process(&f, 11, "c", "/bin/prog",
		"0::/kubepods/podf81d4fae-7dec-11d0-a765-00a0c91e6bf6/" ID,
		ENVIRON("OTEL_SERVICE_NAME=first\0OTEL_RESOURCE_ATTRIBUTES=service.name=attr\0"));
	process(&f, 12, "c", "/bin/prog", "0::/user.slice/user@1000.service/init.scope\n", "", 0);
	service_is(&f, 10, "otel unit", "attr");
	service_is(&f, 10, "unit otel", "db@1");
	service_is(&f, 10, "env:NAME", "one");
	service_is(&f, 10, "env:EMPTY env:MISSING exe", "prog");
	service_is(&f, 10, "container container_id pod_uid comm", "c");
	service_is(&f, 10, "slice", "s.slice");
	service_is(&f, 10, "cgroup", "/s.slice/db@1.service");
	service_is(&f, 10, "text:fixed", "fixed");
	service_is(&f, 10, "env:MISSING", "c");
	service_is(&f, 11, "otel", "first");
	service_is(&f, 11, "container container_id", "4f1c5d3fa3b2");
	service_is(&f, 11, "pod_uid", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
	service_is(&f, 12, "unit exe", "prog");
	fixture_release(&f);
}

static void test_rules(void **state)
{
	struct agent_labels *l;
	struct fixture f;

	fixture_init(&f);
	process(&f, 10, "nginx", "/usr/sbin/nginx", "0::/system.slice/nginx.service\n",
		ENVIRON("POD_A=x\0POD_B=y\0"));
	l = labels_new(&f, "env = POD_A POD_B\ndrop = cgroup|exe=[a-n]ginx\n"
			   "rename = pod_(.) k8s_\\1\nrename = slice unit\n"
			   "keep = k8s_a|region\nkeep = unit=.*\nkeep = comm=ginx\n"
			   "drop = service|host\n");
	/* slice is called unit, would be a second one, and keeps its old name; comm's keep does not
	 * fit the whole value. */
	has(l, 10, "nginx", "host=box k8s_a=x service=nginx slice=system.slice unit=nginx.service");
	agent_labels_free(l);
	fixture_release(&f);
}

static void test_cache(void **state)
{
	struct agent_labels_stats stats;
	struct agent_labels *l;
	struct fixture f;
	uint32_t set, other;

	fixture_init(&f);
	process(&f, 10, "a", "/bin/a", "0::/x.service\n", "", 0);
	process(&f, 11, "a", "/bin/a", "0::/x.service\n", "", 0);
	l = labels_new(&f, "");
	set = agent_labels_of(l, 10, 1, "a");
	assert_int_equal(agent_labels_of(l, 10, 1, "a"), set);
	assert_int_equal(agent_labels_of(l, 11, 1, "a"), set);
	agent_labels_get_stats(l, &stats);
	assert_int_equal(stats.reads, 2);
	assert_int_equal(stats.sets, 1);
	assert_int_equal(stats.processes, 2);

	/* A new name, or a new program: read again. */
	other = agent_labels_of(l, 10, 1, "b");
	assert_int_not_equal(other, set);
	assert_int_not_equal(agent_labels_of(l, 10, 2, "c"), other);
	agent_labels_get_stats(l, &stats);
	assert_int_equal(stats.reads, 4);

	/* Moved to another cgroup: seen some windows later, not at once. */
	fixture_write(&f, "11/cgroup", "0::/y.service\n", 14);
	assert_string_equal(agent_labels_get(l, agent_labels_of(l, 11, 1, "a"), "unit"),
			    "x.service");
	for (int i = 0; i < 6; i++)
		agent_labels_expire(l);
	assert_string_equal(agent_labels_get(l, agent_labels_of(l, 11, 1, "a"), "unit"),
			    "y.service");

	/* Gone: it keeps what was known of it while it is asked for, then it is forgotten. */
	fixture_run(&f, "rm -rf 11");
	for (int i = 0; i < 50; i++) {
		agent_labels_expire(l);
		set = agent_labels_of(l, 11, 1, "a");
	}
	assert_string_equal(agent_labels_get(l, set, "unit"), "y.service");
	agent_labels_get_stats(l, &stats);
	assert_int_equal(stats.processes, 1);
	assert_int_equal(stats.sets, 1);
	assert_true(stats.expired_processes >= 2 && stats.expired_sets >= 2);
	for (int i = 0; i < 50; i++)
		agent_labels_expire(l);
	agent_labels_get_stats(l, &stats);
	assert_int_equal(stats.processes, 0);
	assert_int_equal(stats.sets, 0);
	has(l, 11, "a", "comm=a host=box service=a");
	agent_labels_free(l);
	fixture_release(&f);
}

/* More sets than there may be fold into one; places come free again. */
static void test_overflow(void **state)
{
	struct agent_labels *l = labels_new(NULL, "max_series = 3\n");
	struct agent_labels_stats stats;
	uint32_t set = 0;
	char comm[16];

	for (int i = 0; i < 10; i++) {
		snprintf(comm, sizeof(comm), "p%d", i);
		set = agent_labels_of(l, 4000000000u + (uint32_t)i, 1, comm);
	}
	assert_int_equal(set, AGENT_LABELS_OVERFLOW);
	assert_string_equal(text_of(l, set), "host=box overflow=true service=overflow");
	agent_labels_get_stats(l, &stats);
	assert_int_equal(stats.sets, 3);
	assert_int_equal(stats.overflowed, 7);
	for (int i = 0; i < 40; i++)
		agent_labels_expire(l);
	set = agent_labels_of(l, 4000000009u, 1, "p9");
	assert_string_equal(agent_labels_get(l, set, "comm"), "p9");
	agent_labels_free(l);
}

/* Memory is bounded, whatever comes. */
static void test_memory(void **state)
{
	struct agent_config *config = config_of("max_series = 100000\n");
	struct agent_labels_options o = {.host = "box", .max_memory = 256 << 10};
	struct agent_labels_stats stats;
	struct agent_labels *l = NULL;

	assert_int_equal(agent_labels_new(&config->labels, &o, &l, NULL), 0);
	agent_config_free(config);
	for (uint32_t i = 0; i < 20000; i++) {
		char comm[16];

		snprintf(comm, sizeof(comm), "p%u", i);
		assert_true(agent_labels_of(l, 4000000000u + i, i, comm) > 0);
	}
	agent_labels_get_stats(l, &stats);
	assert_true(stats.overflowed > 10000);
	assert_true(stats.memory_bytes < (256 << 10) + PROCINFO_ENVIRON_MAX + (160 << 10));
	agent_labels_free(l);
}

static void test_hostile(void **state)
{
	size_t n = PROCINFO_ENVIRON_MAX + 1000;
	char *large = malloc(n);
	struct agent_labels *l;
	struct fixture f;

	fixture_init(&f);
	memset(large, 'x', n);
	memcpy(large, "FOO=yes\0BAR=", 12);
	process(&f, 10, "x", "/bin/\n\x01\xff[b]\"", "0::/a\x1b[31m.service\n", large, n);
	process(&f, 11, "x", "/bin/x", NULL,
		ENVIRON("FOO=\xe2\x80\xae"
			"a\n\tb\xc3(\xed\xa0\x80\0FOO=second\0BAR\0=\0"));
	process(&f, 12, "x", "/bin/x", NULL,
		ENVIRON("OTEL_RESOURCE_ATTRIBUTES=a=b,service.name\0"));
	memset(large, 'y', 2000);
	memcpy(large, "FOO=", 4);
	large[2000] = '\0';
	process(&f, 13, "x", "/bin/x", NULL, large, 2001);
	process(&f, 14, "x", "/bin/x", NULL, NULL, 0);
	fixture_write(&f, "14/stat", "no such format", 14);
	l = labels_new(&f, "env = FOO BAR\nservice = exe\n");
	has(l, 10, "\x1b]0;x\x07",
	    "cgroup=/a?[31m.service comm=?]0;x? exe= ??[b]\" foo=yes host=box service= ??[b]\" "
	    "unit=a?[31m.service");
	has(l, 11, "x", "comm=x exe=x foo=?a  b?(??? host=box service=x");
	has(l, 12, "x", "comm=x exe=x host=box service=x");
	assert_int_equal(strlen(agent_labels_get(l, agent_labels_of(l, 13, 1, "x"), "foo")),
			 LABEL_VALUE_MAX);
	has(l, 14, "x", "comm=x host=box service=x");
	assert_int_equal(cause(l, AGENT_LABELS_environ_cut), 1);
	assert_int_equal(cause(l, AGENT_LABELS_otel_malformed), 1);
	assert_int_equal(cause(l, AGENT_LABELS_value_cut), 1);
	assert_int_equal(cause(l, AGENT_LABELS_failed), 1);
	for (int i = 0; i < AGENT_LABELS_N_CAUSES; i++)
		assert_true(*agent_labels_cause_name((enum agent_labels_cause)i) &&
			    *agent_labels_cause_help((enum agent_labels_cause)i));
	agent_labels_free(l);
	fixture_release(&f);
	free(large);
}

static void test_values(void **state)
{
	char value[LABEL_VALUE_MAX + 1], text[600];

	assert_true(label_value_from(value, "h\xc3\xa4 \xf0\x9f\x94\xa5", 8));
	assert_string_equal(value, "h\xc3\xa4 \xf0\x9f\x94\xa5");
	/* Cut between characters, not within one. */
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	assert_false(label_value_from(value, text, sizeof(text)));
	assert_int_equal(strlen(value), LABEL_VALUE_MAX - 1);
	assert_true(label_value_from(value, "a\0b", 3));
	assert_string_equal(value, "a?b");
	assert_true(label_value_from(value, "\xf4\x90\x80\x80\xc0\x80\xe2\x82", 8));
	assert_string_equal(value, "????????");
	assert_false(label_name_valid(""));
	assert_false(label_name_valid("1a"));
	assert_false(label_name_valid("a-b"));
	assert_true(label_name_valid("a_1"));
}

static int join(void *arg, const char *key, size_t key_n, const char *value, size_t value_n)
{
	char *text = arg;

	sprintf(text + strlen(text), "%.*s=%.*s;", (int)key_n, key, (int)value_n, value);
	return 0;
}

static void test_otel(void **state)
{
	static const struct {
		const char *text, *wanted; /* NULL: malformed */
	} cases[] = {
		{"a=b", "a=b;"},
		{" a = b , c=d ,", "a=b;c=d;"},
		{"a=b=c", "a=b=c;"},
		{"a=%2C%3D%20%e4%bD", "a=,= \xe4\xbd;"},
		{"%61=b", "a=b;"},
		{"a=", "a=;"},
		{"", ""},
		{",,", ""},
		{"a", NULL},
		{"=b", NULL},
		{"a=b,c", NULL},
		{"a=%2", NULL},
		{"a=%", NULL},
		{"a=%zz", NULL},
		{"a=b,c=%4g", NULL},
	};
	char *large = calloc(1, 70000);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[200] = "";
		int r = otel_attributes_each(cases[i].text, strlen(cases[i].text), join, text);

		assert_int_equal(r, cases[i].wanted ? 0 : -EINVAL);
		assert_string_equal(text, cases[i].wanted ? cases[i].wanted : "");
	}
	assert_int_equal(otel_attributes_each(large, 70000, join, NULL), -E2BIG);
	free(large);
}

static void test_stat(void **state)
{
	struct procinfo_stat s;
	static const char good[] =
		"7 (a b) R) R 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 123456 9 9";

	assert_int_equal(procinfo_parse_stat(good, sizeof(good) - 1, &s), 0);
	assert_string_equal(s.comm, "a b) R");
	assert_int_equal(s.start_ticks, 123456);
	assert_false(s.kernel);
	for (size_t n = 0; n < sizeof(good) - sizeof("123456 9 9"); n++)
		assert_int_equal(procinfo_parse_stat(good, n, &s), -EINVAL);
	assert_int_equal(procinfo_parse_stat(")(", 2, &s), -EINVAL);
}

/* A real process with an environment, in a cgroup of its own where that can be made. */
static void test_live(void **state)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct agent_labels *l = labels_new(NULL, "env = LABELS_TEST\n");
	char group[200] = "", path[300], text[32];
	const char *unit = "";
	uint32_t set;
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	for (size_t i = 0; i < 2 && !*unit; i++) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", roots[i]);
		snprintf(group, sizeof(group), "%s/cresset-labels-%d.service", roots[i], getpid());
		if (access(path, W_OK) == 0 && mkdir(group, 0755) == 0)
			unit = strrchr(group, '/') + 1;
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (*unit) {
			FILE *procs;

			snprintf(path, sizeof(path), "%s/cgroup.procs", group);
			procs = fopen(path, "we");
			if (!procs || fprintf(procs, "%d\n", getpid()) < 0 || fclose(procs) != 0)
				_exit(1);
		}
		dup2(ready[1], 1);
		execle("/bin/sh", "sh", "-c", "echo; exec sleep 30", (char *)NULL,
		       (char *const[]){"LABELS_TEST=live", "OTEL_SERVICE_NAME=shop",
				       "PATH=/usr/bin:/bin", NULL});
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	/* Until the shell has become sleep. */
	for (int i = 0; i < 1000; i++) {
		set = agent_labels_of(l, (uint32_t)pid, (uint32_t)i, NULL);
		if (!strcmp(agent_labels_get(l, set, "comm"), "sleep"))
			break;
		usleep(10000);
	}
	snprintf(text, sizeof(text), "%s", agent_labels_get(l, set, "exe"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (*unit)
		rmdir(group);
	else
		print_message("no cgroup could be made: the unit was not looked at\n");
	assert_string_equal(agent_labels_get(l, set, "labels_test"), "live");
	assert_string_equal(agent_labels_get(l, set, "service"), "shop");
	assert_true(*text);
	if (*unit)
		assert_string_equal(agent_labels_get(l, set, "unit"), unit);
	close(ready[0]);
	close(ready[1]);
	agent_labels_free(l);
}

/* PID 1 may be unreadable, and is another user's when the test is not run by root. */
static void test_init(void **state)
{
	struct agent_labels *l = labels_new(NULL, "");
	uint32_t set = agent_labels_of(l, 1, 0, NULL);

	assert_true(*agent_labels_get(l, set, "comm") && *agent_labels_get(l, set, "service"));
	if (access("/proc/1/environ", R_OK) < 0)
		assert_true(cause(l, AGENT_LABELS_environ_denied) +
				    cause(l, AGENT_LABELS_exe_denied) >
			    0);
	agent_labels_free(l);
}

static void test_allocations(void **state)
{
	struct agent_config *config =
		config_of("static = a=b\nenv = X\nkeep = .*\nservice = env:Y\n");
	bool through = false;
	struct fixture f;

	fixture_init(&f);
	process(&f, 10, "x", "/bin/x", "0::/docker/" ID "\n",
		ENVIRON("OTEL_RESOURCE_ATTRIBUTES=a=b\0"));
	for (unsigned int n = 1; !through && alloc_fail_next(&n, 1000);) {
		struct agent_labels_options o = {.proc = f.dir, .host = "box"};
		struct agent_labels *l = NULL;
		struct cresset_error err;
		int r = agent_labels_new(&config->labels, &o, &l, &err);

		if (r == 0) {
			uint32_t set = agent_labels_of(l, 10, 1, "x");

			/* It degrades, and never fails. */
			assert_string_equal(agent_labels_get(l, set, "host"), "box");
			agent_labels_expire(l);
		}
		through = !alloc_fail_end();
		if (r < 0)
			assert_int_equal(r, -ENOMEM);
		agent_labels_free(l);
	}
	assert_true(through);
	agent_config_free(config);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processes),   cmocka_unit_test(test_service),
		cmocka_unit_test(test_rules),	    cmocka_unit_test(test_cache),
		cmocka_unit_test(test_overflow),    cmocka_unit_test(test_memory),
		cmocka_unit_test(test_hostile),	    cmocka_unit_test(test_values),
		cmocka_unit_test(test_otel),	    cmocka_unit_test(test_stat),
		cmocka_unit_test(test_live),	    cmocka_unit_test(test_init),
		cmocka_unit_test(test_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
