// SPDX-License-Identifier: Apache-2.0
/*
 * cresset doctor - can this host be profiled, and what would make it better?
 *
 * Three parts: what the host says of itself (hostcheck), what the kernel can do (features, each
 * tried), and the proof: a recorder of all processes is loaded, attached and stopped. The exit code
 * is 0 only if nothing that `record -a` needs is missing.
 */
#include "command.h"
#include "feature.h"
#include "hostcheck.h"
#include "summary.h"
#include "term.h"

#include <cresset/recorder.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct doctor {
	struct term term;
	size_t failed, warned;
};

static const struct option_row rows[] = {
	{.kind = OPTION_GROUP, .name = "Options"},
	{.kind = OPTION_END},
};

static void print_line(struct doctor *d, const char *name, const struct check_result *r)
{
	static const struct {
		const char *word, *code;
	} levels[] = {[CHECK_OK] = {"ok", "32"},
		      [CHECK_WARN] = {"warn", "33"},
		      [CHECK_FAIL] = {"FAIL", "31"}};
	char on[16], off[16];

	d->warned += r->level == CHECK_WARN;
	d->failed += r->level == CHECK_FAIL;
	printf("%s%-4s%s %s:%s%s", term_sgr(&d->term, levels[r->level].code, on),
	       levels[r->level].word, term_sgr(&d->term, "0", off), name, *r->detail ? " " : "",
	       r->detail);
	if (r->level != CHECK_OK && *r->remedy)
		printf(" (%s)", r->remedy);
	putchar('\n');
}

static void check_features(struct doctor *d, struct features *features)
{
	const struct feature *f;

	for (size_t i = 0; (f = feature_at(i)); i++) {
		struct check_result r = {.level = CHECK_OK};
		const char *detail;
		int code = features_probe(features, i, &detail);
		const char *comma = *detail ? ": " : "";

		if (code == 0) {
			snprintf(r.detail, sizeof(r.detail), "%s%s%s", f->what, comma, detail);
		} else {
			r.level = f->required ? CHECK_FAIL : CHECK_WARN;
			snprintf(r.detail, sizeof(r.detail), "%s%s%s: %s", f->what, comma, detail,
				 strerror(-code));
			/* What was not allowed says nothing about what the kernel can do. */
			snprintf(r.remedy, sizeof(r.remedy), "%s",
				 code == -EPERM || code == -EACCES
					 ? "needs CAP_BPF and CAP_PERFMON; try sudo"
					 : f->remedy);
		}
		print_line(d, f->name, &r);
	}
}

/* The proof of the pudding. */
static void check_recorder(struct doctor *d, const char *name, const char *event)
{
	struct cresset_recorder_options ro = CRESSET_RECORDER_OPTIONS_INIT;
	struct cresset_recorder_stats stats = {0};
	struct cresset_error err = {.text = ""};
	struct cresset_recorder *recorder = NULL;
	struct cresset_profile *profile = NULL;
	struct check_result result = {.level = CHECK_OK};
	char memory[32];
	int r;

	ro.event = event;
	r = cresset_recorder_new(&ro, &recorder, &err);
	if (r == 0)
		r = cresset_recorder_start(recorder, &err);
	if (r == 0) {
		r = cresset_recorder_poll(recorder, 100);
		cresset_recorder_get_stats(recorder, &stats);
		if (r >= 0)
			r = cresset_recorder_stop(recorder, &profile, &err);
	}
	if (r < 0) {
		result.level = CHECK_FAIL;
		snprintf(result.detail, sizeof(result.detail), "%.190s",
			 err.text[0] ? err.text : strerror(-r));
	} else {
		snprintf(result.detail, sizeof(result.detail),
			 "loaded and attached; %s, %s of kernel maps, %llu instructions verified",
			 stats.hardware ? "hardware cycles" : "cpu-clock",
			 summary_bytes(stats.kernel_memory_bytes, memory, sizeof(memory)),
			 (unsigned long long)stats.verified_insns);
	}
	print_line(d, name, &result);
	cresset_profile_free(profile);
	cresset_recorder_free(recorder);
}

static int diagnose(const struct command *self)
{
	struct doctor d = {.term = term_of(STDOUT_FILENO)};
	struct features *features;
	const struct hostcheck *check;
	int r = features_new(&features);

	if (r < 0) {
		say_error(self, "%s", strerror(-r));
		return EXIT_FAILED;
	}
	for (size_t i = 0; (check = hostcheck_at(i)); i++) {
		struct check_result result = {.level = CHECK_OK};

		check->run(&result);
		print_line(&d, check->name, &result);
	}
	check_features(&d, features);
	features_free(features);
	check_recorder(&d, "record", "cpu");
	check_recorder(&d, "record-wall", "wall");
	if (d.failed)
		printf("\n'cresset record -a' does not work here: see the %zu FAIL line%s.\n",
		       d.failed, d.failed == 1 ? "" : "s");
	else
		printf("\n'cresset record -a' works here%s.\n",
		       d.warned ? "; the warnings say what could be better" : "");
	return d.failed ? EXIT_FAILED : 0;
}

static int run(const struct command *self, char *const *args, size_t n)
{
	struct vec words;
	int code;

	if (command_begin(self, OPTION_WORDS_MIXED, args, n, NULL, &words, &code))
		code = words.n ? say_usage(self, "takes no arguments") : diagnose(self);
	command_end(self, NULL, &words);
	return code;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "check whether this host can be profiled",
	.words = "",
	.description =
		"Checks privileges, kernel settings and features, each by trying it, and prints one "
		"line each: ok, warn (works, but could be better) or FAIL, with the remedy. The exit "
		"code is 0 only if 'cresset record -a' would work.",
	.options = rows,
	.examples = (const struct command_example[]){{"what is wrong here?", "sudo cresset doctor"},
						     {"only what needs attention",
						      "sudo cresset doctor | grep -v ^ok"},
						     {0}},
	.run = run,
};
