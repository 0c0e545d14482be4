// SPDX-License-Identifier: Apache-2.0
/* The agent's configuration: what is taken, what is refused with which line and remedy, reload, and
 * that the shipped sample says all there is. */
#include "agent/config.h"
#include "export/export.h"

#include <cresset/sink.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/alloc_fail.h"
#include "support/fixture.h"

#define SECRET "s3cr3t"

static struct agent_complaints *complaints(void)
{
	static struct agent_complaints c;

	memset(&c, 0, sizeof(c));
	return &c;
}

static struct agent_config *taken(const char *text)
{
	struct agent_complaints *c = complaints();
	struct agent_config *config = NULL;
	int r = agent_config_parse(text, strlen(text), "F", &config, c);

	if (r != 0)
		print_error("%s\n", c->n ? c->list[0].text : "no complaint");
	assert_int_equal(r, 0);
	return config;
}

/* Each refusal must begin with file and line and have the remedy in it. */
static void refused(const char *text, const char *where, const char *remedy)
{
	struct agent_complaints *c = complaints();
	struct agent_config *config = NULL;

	assert_int_equal(agent_config_parse(text, strlen(text), "F", &config, c), -EINVAL);
	assert_null(config);
	assert_int_equal(c->n, 1);
	if (strncmp(c->list[0].text, where, strlen(where)) != 0 ||
	    !strstr(c->list[0].text, remedy)) {
		print_error("got: %s\nwanted: %s … %s\n", c->list[0].text, where, remedy);
		fail();
	}
	assert_null(strstr(c->list[0].text, SECRET));
}

static void test_defaults(void **state)
{
	struct agent_complaints *c = complaints();
	struct agent_config *config = NULL;

	assert_int_equal(agent_config_load(NULL, &config, c), 0);
	assert_int_equal(c->n, 0);
	assert_true(config->agent.cpu && config->agent.off_cpu);
	assert_int_equal(config->agent.freq_hz, 19);
	assert_int_equal(config->agent.window_ns, 10000000000);
	assert_int_equal(config->agent.unwind, CRESSET_UNWIND_AUTO);
	assert_int_equal(config->agent.min_wait_ns, 0);
	assert_true(config->agent.cpu_budget > 0.0049 && config->agent.cpu_budget < 0.0051);
	assert_true(config->agent.seccomp && config->agent.inlines && config->agent.lines);
	assert_false(config->agent.debuginfod);
	assert_null(config->agent.user);
	assert_string_equal(config->store.path, "/var/lib/cresset");
	assert_int_equal(config->store.max_bytes, UINT64_C(2) << 30);
	assert_int_equal(config->store.max_age_ns, UINT64_C(7) * 86400 * 1000000000);
	assert_string_equal(config->http.listen, "127.0.0.1:4050");
	assert_int_equal(config->labels.service.n, 5);
	assert_int_equal(config->uploads.n, 0);
	agent_config_free(config);
}

static void test_values(void **state)
{
	struct agent_config *c = taken("\xef\xbb\xbf[agent]\r\n"
				       "  events = off-cpu\r\n"
				       "freq=49\n"
				       "; a comment\n"
				       "window = 1m\n"
				       "overhead_budget = 1.5 %\n"
				       "inlines = off\n"
				       "user = cresset\n"
				       "[labels]\n"
				       "static = region=eu=west\n"
				       "static = team=a b\n"
				       "env = A_B, C=cee\n"
				       "env = D\n"
				       "service = env:X exe\n"
				       "drop = a.*\n"
				       "keep = b|c=[0-9]{1,3}\n"
				       "[upload  x.y ]\n"
				       "url = http://h:4040\n"
				       "header = A: 1\n"
				       "header = B: 2\n");

	assert_true(!c->agent.cpu && c->agent.off_cpu);
	assert_int_equal(c->agent.freq_hz, 49);
	assert_int_equal(c->agent.window_ns, 60000000000);
	assert_true(c->agent.overhead_budget > 0.0149 && c->agent.overhead_budget < 0.0151);
	assert_false(c->agent.inlines);
	assert_string_equal(c->agent.user, "cresset");
	assert_int_equal(c->labels.statics.n, 2);
	assert_string_equal(*(char **)vec_at(&c->labels.statics, 0), "region=eu=west");
	assert_int_equal(c->labels.env.n, 3);
	assert_string_equal(*(char **)vec_at(&c->labels.env, 1), "C=cee");
	assert_int_equal(c->labels.service.n, 2); /* the default is gone */
	assert_string_equal(*(char **)vec_at(&c->labels.rules, 0), "drop a.*");
	assert_string_equal(*(char **)vec_at(&c->labels.rules, 1), "keep b|c=[0-9]{1,3}");
	assert_int_equal(c->uploads.n, 1);
	assert_string_equal(export_config_name(*(struct export_config **)vec_at(&c->uploads, 0)),
			    "x.y");
	agent_config_free(c);
	agent_config_free(NULL);
}

static void test_refused(void **state)
{
	refused("[agent]\nfrek = 19\n", "F:2: ", "did you mean 'freq'");
	refused("\n[agnt]\nfreq = 19\n", "F:2: ", "did you mean [agent]");
	refused("[nothing like it]\nx = " SECRET "\n", "F:1: ", "upload NAME");
	refused("[agent]\nmax_bytes = 1G\n", "F:2: ", "[store] has");
	refused("freq = 19\n", "F:1: ", "[agent] comes first");
	refused("[agent]\nfreq\n", "F:2: ", "key = value");
	refused("[agent]\n= 3\n", "F:2: ", "key = value");
	refused("[agent\nfreq = 19\n", "F:1: ", "like [agent]");
	refused("[agent] freq = 3\n", "F:1: ", "alone on its line");
	refused("[agent]\nfreq = 19\n\nfreq = 20\n", "F:4: ", "in line 2");
	refused("[agent]\n[store]\n[agent]\nfreq = 20\n", "F:3: ", "in line 1");
	refused("[agent]\nfreq = 0\n", "F:2: ", "1 to 1000");
	refused("[agent]\nfreq = 19.5\n", "F:2: ", "whole number");
	refused("[agent]\nfreq = 0x13\n", "F:2: ", "whole number");
	refused("[agent]\nfreq =\n", "F:2: ", "whole number");
	refused("[agent]\nwindow = 10\n[agent ]\n", "F:3: ", "in line 1");
	refused("[agent]\nwindow = 10ms\n", "F:2: ", "1s to 600s");
	refused("[agent]\nwindow = soon\n", "F:2: ", "a time like 10s");
	refused("[agent]\nunwind = magic\n", "F:2: ", "auto, fp or dwarf");
	refused("[agent]\nevents = wall\n", "F:2: ", "cpu and off-cpu");
	refused("[agent]\nevents = ,\n", "F:2: ", "cpu, off-cpu, or both");
	refused("[agent]\ncpu_budget = 101\n", "F:2: ", "0.01 to 100");
	refused("[agent]\ncpu_budget = nan\n", "F:2: ", "a percentage");
	refused("[agent]\nmax_memory = 1M\n", "F:2: ", "at least 64M");
	refused("[agent]\nlines = perhaps\n", "F:2: ", "yes or no");
	refused("[agent]\nuser = -x\n", "F:2: ", "user's name");
	refused("[store]\npath = store\n", "F:2: ", "begins with '/'");
	refused("[store]\nmax_bytes = many\n", "F:2: ", "64M");
	refused("[http]\nlisten = 4050\n", "F:2: ", "127.0.0.1:4050");
	refused("[http]\nlisten = ::1:4050\n", "F:2: ", "[::1]:4050");
	refused("[http]\nlisten = localhost:99999\n", "F:2: ", "127.0.0.1:4050");
	refused("[labels]\nstatic = region\n", "F:2: ", "region=eu");
	refused("[labels]\nstatic = service=x\n", "F:2: ", "cresset sets itself");
	refused("[labels]\nstatic = 9x=y\n", "F:2: ", "no name of a label");
	refused("[labels]\nenv = A-B\n", "F:2: ", "environment variable");
	refused("[labels]\nenv = COMM\n", "F:2: ", "cresset sets itself");
	refused("[labels]\notel = a b{}\n", "F:2: ", "service.namespace");
	refused("[labels]\nservice = unti\n", "F:2: ", "did you mean 'unit'");
	refused("[labels]\nservice = env:\n", "F:2: ", "needs 1 to");
	refused("[labels]\nkeep = (\n", "F:2: ", "regular expression");
	refused("[labels]\nkeep = a)|(b\n", "F:2: ", "regular expression");
	refused("[labels]\ndrop = (a)\\1\n", "F:2: ", "back-references");
	refused("[labels]\ndrop = ((a{9}){9}){9}\n", "F:2: ", "repetitions");
	refused("[labels]\ndrop = (abc+)++++++++\n", "F:2: ", "repetitions");
	refused("[labels]\ndrop = a{2}{9223372036854775808}\n", "F:2: ", "repetitions");
	refused("[labels]\nrename = a\n", "F:2: ", "cannot be a label's name");
	refused("[labels]\nrename = (a) b\\2\n", "F:2: ", "no group");
	refused("[labels]\nrename = a service\n", "F:2: ", "not to be taken");
	refused("[upload]\nurl = x\n", "F:1: ", "[upload central]");
	refused("[upload a/b]\nurl = x\n", "F:1: ", "[upload central]");
	refused("[upload a]\nbearer_fil = " SECRET "\n", "F:2: ", "did you mean 'bearer_file'");
	refused("[upload a]\nurl = http://u:" SECRET "@h\n", "F:2: ", "password_file");
	refused("[upload a]\nurl = http://h\n[upload a]\nurl = http://i\n", "F:3: ", "in line 1");
}

static void test_bytes(void **state)
{
	struct agent_complaints *c = complaints();
	struct agent_config *config = NULL;
	char *text = malloc(AGENT_CONFIG_MAX_BYTES + 1);

	assert_int_equal(agent_config_parse("[agent]\nfreq = 1\0009\n", 19, "F", &config, c),
			 -EINVAL);
	assert_non_null(strstr(c->list[0].text, "F:2: a NUL byte"));

	memset(text, 'x', AGENT_CONFIG_MAX_BYTES + 1);
	c = complaints();
	assert_int_equal(agent_config_parse(text, AGENT_CONFIG_MAX_BYTES + 1, "F", &config, c),
			 -EFBIG);
	assert_non_null(strstr(c->list[0].text, "larger than"));
	c = complaints();
	assert_int_equal(agent_config_parse(text, 3000, "F", &config, c), -EINVAL);
	assert_non_null(strstr(c->list[0].text, "F:1: longer than"));

	/* The longest line that is taken is taken whole. */
	memcpy(text, "[store]\npath = /", 16);
	memset(text + 16, 'p', 1000 - 1);
	text[16 + 999] = '\n';
	c = complaints();
	assert_int_equal(agent_config_parse(text, 16 + 1000, "F", &config, c), 0);
	assert_int_equal(strlen(config->store.path), 1000);
	agent_config_free(config);
	free(text);
}

/* All errors are told, with their lines; more than there is room for are counted. */
static void test_all_errors(void **state)
{
	struct agent_complaints *c = complaints();
	struct agent_config *config = NULL;
	char text[4096] = "[agent]\n";

	assert_int_equal(agent_config_parse("[agent]\nfreq = x\nwindow = y\n[what]\nz\n[store]\n"
					    "path = z\n",
					    53, "F", &config, c),
			 -EINVAL);
	assert_int_equal(c->n, 4);
	assert_int_equal(c->list[0].line, 2);
	assert_int_equal(c->list[1].line, 3);
	assert_int_equal(c->list[2].line, 4);
	assert_int_equal(c->list[3].line, 7);

	for (int i = 0; i < 100; i++)
		strcat(text, "nonsense\n");
	c = complaints();
	assert_int_equal(agent_config_parse(text, strlen(text), "F", &config, c), -EINVAL);
	assert_int_equal(c->n, AGENT_CONFIG_MAX_COMPLAINTS);
	assert_int_equal(c->n + c->left_out, 100);
	assert_int_equal(c->errors, 100);
}

static int load(const char *text, struct agent_config **ret, struct agent_complaints *c)
{
	struct fixture f;
	int r;

	fixture_init(&f);
	fixture_write(&f, "conf", text, strlen(text));
	r = agent_config_load(fixture_path(&f, "conf"), ret, c);
	fixture_release(&f);
	return r;
}

static void test_whole(void **state)
{
	static const char *const cases[][2] = {
		{"[http]\nuser = me\n", "go together"},
		{"[http]\ntls_cert = /dev/null\n", "go together"},
		{"[http]\nuser = me\npassword_file = /dev/null\nbearer_file = /dev/null\n",
		 "not both"},
		{"[http]\nbearer_file = /nowhere\n", "cannot read /nowhere"},
		{"[upload a]\ntype = otlp\n", "[upload a]: url is missing"},
		{"[upload a]\nurl = http://h:4040\nbearer_file = /nowhere\n", "/nowhere"},
	};
	struct agent_config *config = NULL;
	struct agent_complaints *c = complaints();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		c = complaints();
		assert_int_equal(load(cases[i][0], &config, c), -EINVAL);
		assert_int_equal(c->n, 1);
		assert_non_null(strstr(c->list[0].text, cases[i][1]));
	}
	c = complaints();
	assert_int_equal(load("[http]\nlisten = 0.0.0.0:4050\n", &config, c), 0);
	assert_int_equal(c->n, 1);
	assert_true(c->list[0].warning);
	assert_int_equal(c->errors, 0);
	agent_config_free(config);

	c = complaints();
	assert_int_equal(agent_config_load("/nowhere", &config, c), -ENOENT);
	assert_non_null(strstr(c->list[0].text, "/nowhere: cannot read it: No such file"));
	c = complaints();
	assert_int_equal(agent_config_load("/", &config, c), -EISDIR);
}

static char *printed(const struct agent_config *c)
{
	struct cresset_sink *sink = NULL;
	const char *text;
	char *copy;
	size_t n;

	assert_int_equal(cresset_sink_memory(&sink), 0);
	assert_int_equal(agent_config_print(c, sink), 0);
	text = cresset_sink_data(sink, &n);
	copy = strndup(text, n);
	assert_int_equal(cresset_sink_close(sink), 0);
	return copy;
}

/* What is printed can be read and is the same, and shows no secret. */
static void test_print(void **state)
{
	struct agent_config *a = taken("[agent]\nevents = cpu\nmin_wait = 1500us\nuser = cresset\n"
				       "unwind = fp\ncpu_budget = 0.25\nmax_memory = 65M\n"
				       "[labels]\nstatic = a=b c\nenv = X Y=why\nservice = exe\n"
				       "drop = q\nkeep = r.*\nrename = (a)b c\\1\n"
				       "[http]\nlisten = no\n");
	struct agent_config *b, *with;
	char *text = printed(a), *again;

	b = taken(text);
	again = printed(b);
	assert_string_equal(text, again);
	assert_non_null(strstr(text, "min_wait = 1500us\n"));
	assert_non_null(strstr(text, "max_age = 7d\n"));
	assert_non_null(strstr(text, "max_memory = 65M\n"));
	free(text);
	free(again);

	with = taken("[upload a]\nurl = http://h:4040\nheader = X-Key: " SECRET "\n");
	text = printed(with);
	assert_non_null(strstr(text, "[upload a]\n"));
	assert_null(strstr(text, SECRET));
	free(text);
	agent_config_free(a);
	agent_config_free(b);
	agent_config_free(with);
}

static void note_change(void *arg, const char *section, const char *key, enum agent_change change)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s.%s %s; ", section, key ? key : "*",
		agent_change_text(change));
}

static void test_diff(void **state)
{
	struct agent_config *a = taken("[upload x]\nurl = http://h:4040\n"
				       "[upload y]\nurl = http://h:4040\n");
	struct agent_config *b = taken("[agent]\nfreq = 99\nuser = nobody\n[store]\nmax_age = 1d\n"
				       "[http]\nlisten = no\n[labels]\ndrop = a\n"
				       "[upload x]\nurl = http://h:4041\n"
				       "[upload z]\nurl = http://h:4040\n");
	char text[2000] = "";

	assert_int_equal(agent_config_diff(a, a, note_change, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(agent_config_diff(a, b, note_change, text),
			 AGENT_CHANGE_LABELS | AGENT_CHANGE_UPLOADS | AGENT_CHANGE_STORE |
				 AGENT_CHANGE_RECORDER | AGENT_CHANGE_HTTP | AGENT_CHANGE_PROCESS);
	assert_string_equal(text, "agent.freq starts sampling anew; "
				  "agent.user takes effect when the agent is started anew; "
				  "store.max_age takes effect now; "
				  "http.listen starts the HTTP server anew; "
				  "labels.keep, drop, rename takes effect now; "
				  "upload x.* takes effect now; "
				  "upload y.* takes effect now; "
				  "upload z.* takes effect now; ");
	assert_int_equal(agent_config_diff(a, b, NULL, NULL), 63);
	agent_config_free(a);
	agent_config_free(b);
}

static void note_kept(void *arg, const char *section, const char *line)
{
	char *text = arg;

	snprintf(text + strlen(text), 1000 - strlen(text), "[%s] %s; ", section, line);
}

static uint64_t digest_of(const struct agent_config *c)
{
	uint64_t digest = 0;

	assert_int_equal(agent_config_digest(c, &digest), 0);
	return digest;
}

/* What was refused stays, with its values and its digest; the rest is the new one's. */
static void test_kept(void **state)
{
	const char *next_text = "[agent]\nfreq = 49\nevents = cpu\nmin_wait = 2ms\nwindow = 5s\n"
				"unwind = fp\ninlines = no\noverhead_budget = 0.2\n"
				"[store]\nmax_age = 3d\n[http]\nlisten = [::1]:80\n"
				"[labels]\nstatic = a=b\nkeep = service\ndrop = x\n";
	struct agent_config *old = taken("[http]\nuser = u\npassword_file = /p\n");
	struct agent_config *next = taken(next_text), *also = taken(next_text);
	const unsigned int refused = AGENT_CHANGE_RECORDER | AGENT_CHANGE_HTTP;
	uint64_t before = digest_of(old);
	char text[1000] = "";

	assert_true(digest_of(next) == digest_of(also) && digest_of(next) != before);
	agent_config_keep(next, old, refused, note_kept, text);
	assert_string_equal(text, "[agent] events = cpu off-cpu; [agent] freq = 19; "
				  "[agent] window = 10s; [agent] unwind = auto; "
				  "[agent] min_wait is not set; [agent] overhead_budget = 0.5; "
				  "[http] listen = 127.0.0.1:4050; [http] user = u; "
				  "[http] password_file = /p; ");
	assert_int_equal(next->agent.freq_hz, 19);
	assert_true(next->agent.off_cpu && !next->agent.inlines);
	assert_string_equal(next->http.listen, "127.0.0.1:4050");
	assert_string_equal(old->http.listen, "[::1]:80");
	assert_int_equal(agent_config_diff(next, also, NULL, NULL), refused);
	assert_true(digest_of(next) != digest_of(also) && digest_of(next) != before);
	agent_config_free(old);
	agent_config_free(next);

	/* All of it: the old one again. Lists are moved, the one of three keys once. */
	old = taken("[http]\nuser = u\npassword_file = /p\n");
	next = taken(next_text);
	agent_config_keep(next, old, ~0u, note_kept, text);
	assert_true(digest_of(next) == before);
	assert_true(digest_of(old) == digest_of(also));
	agent_config_free(old);
	agent_config_free(next);
	agent_config_free(also);
}

static char *read_sample(void)
{
	FILE *file = fopen(TEST_SOURCE_DIR "/examples/agent/cresset.conf", "re");
	char *text = calloc(1, 1 << 16);

	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 16) - 1, file) > 1000);
	fclose(file);
	return text;
}

/* "#key = value" becomes a setting. */
static void uncomment(char *text)
{
	for (char *s = text; *s; s = s + strcspn(s, "\n") + 1) {
		size_t n = s[0] == '#' ? strspn(s + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;

		if ((n && s[n + 1] == ' ' && s[n + 2] == '=') || (s[0] == '#' && s[1] == '['))
			s[0] = ' ';
		if (!strchr(s, '\n'))
			break;
	}
}

static bool sample_has(const char *sample, const char *section, const char *line)
{
	char head[80];
	const char *from, *to, *at;

	snprintf(head, sizeof(head), "\n%s[%.6s", strncmp(section, "upload", 6) ? "" : " ",
		 section);
	from = strstr(sample, head);
	assert_non_null(from);
	to = strstr(from + 2, "\n[");
	at = strstr(from, line);
	return at && (!to || at < to);
}

/* The shipped sample changes nothing, names every key with its default, and every line of it can be
 * used. */
static void test_sample(void **state)
{
	char *sample = read_sample();
	struct agent_config *as_shipped = taken(sample), *all, *defaults = NULL;
	struct agent_key key;
	size_t n = 0;

	assert_int_equal(agent_config_load(NULL, &defaults, complaints()), 0);
	assert_int_equal(agent_config_diff(defaults, as_shipped, NULL, NULL), 0);
	uncomment(sample);
	all = taken(sample);
	for (; agent_key_at(n, &key); n++) {
		char line[300];

		snprintf(line, sizeof(line), "\n %s = %s%s", key.name, key.standard,
			 *key.standard ? "\n" : "");
		if (!sample_has(sample, key.section, line)) {
			print_error("[%s] of the sample has no line '%s'\n", key.section, line);
			fail();
		}
		assert_true(*key.help && *key.arg);
	}
	assert_true(n > 50);
	free(sample);
	agent_config_free(as_shipped);
	agent_config_free(all);
	agent_config_free(defaults);
}

static void test_allocations(void **state)
{
	char *sample = read_sample();
	bool through = false;

	uncomment(sample);
	for (unsigned int n = 1; !through && alloc_fail_next(&n, 10000);) {
		struct agent_complaints *c = complaints();
		struct agent_config *config = NULL;
		int r = agent_config_parse(sample, strlen(sample), "F", &config, c);

		through = !alloc_fail_end();
		assert_int_equal(r, through ? 0 : -ENOMEM);
		assert_int_equal(c->n > 0, !through);
		agent_config_free(config);
	}
	assert_true(through);
	free(sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_all_errors), cmocka_unit_test(test_whole),
		cmocka_unit_test(test_print),	   cmocka_unit_test(test_diff),
		cmocka_unit_test(test_sample),	   cmocka_unit_test(test_allocations),
		cmocka_unit_test(test_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
