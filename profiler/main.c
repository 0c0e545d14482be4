// SPDX-License-Identifier: Apache-2.0
/*
 * cresset - the program: finds the command and runs it. Everything else is in cmd_<name>.c.
 *
 * Two commands are not in the table: __man and __completion write the man page and the bash
 * completion while cresset is built.
 */
#include "command.h"
#include "help.h"
#include "manpage.h"
#include "suggest.h"
#include "term.h"

#include "export/export.h"

#include <bpf/libbpf.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <libdeflate.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

static int flushed(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : EXIT_FAILED;
}

static int version(void)
{
	void *debuginfod = dlopen("libdebuginfod.so.1", RTLD_LAZY | RTLD_LOCAL);

	printf("cresset %s (%s)\n", cresset_version(), cresset_revision());
	printf("with: libbpf %u.%u, zstd %s, liblzma %s, libdeflate %s, demangling of C++ and Rust\n",
	       libbpf_major_version(), libbpf_minor_version(), ZSTD_versionString(),
	       lzma_version_string(), LIBDEFLATE_VERSION_STRING);
	printf("uploads: libcurl %s, OTLP profiles of opentelemetry-proto " EXPORT_OTLP_VERSION
	       "\n",
	       curl_version_info(CURLVERSION_NOW)->version);
	printf("at run time: debuginfod %s\n",
	       debuginfod ? "found" : "not found (apt-get install libdebuginfod1)");
	if (debuginfod)
		dlclose(debuginfod);
	return flushed();
}

static int unknown_command(const char *name)
{
	char text[256];
	struct suggestion s;
	const struct command *c;

	suggestion_init(&s, name);
	suggestion_try(&s, "help");
	for (size_t i = 0; (c = command_at(i)); i++)
		suggestion_try(&s, c->name);
	snprintf(text, sizeof(text), "unknown command '%.80s'%s%s%s", name,
		 s.best ? " (did you mean '" : "", s.best ? s.best : "", s.best ? "'?)" : "");
	return say_usage(NULL, text);
}

static int help(char *const *args, size_t n)
{
	const struct command *c;

	if (!n || args[0][0] == '-')
		return help_show(NULL);
	c = command_by_name(args[0]);
	return c ? help_show(c) : unknown_command(args[0]);
}

/* What is no command of the table. -1: nothing of these. */
static int run_builtin(const char *name, char *const *args, size_t n)
{
	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
		return help(args, n);
	if (!strcmp(name, "--version") || !strcmp(name, "-V") || !strcmp(name, "version"))
		return version();
	if (!strcmp(name, "__man")) {
		manpage_print(stdout);
		return flushed();
	}
	if (!strcmp(name, "__completion")) {
		completion_print(stdout);
		return flushed();
	}
	return -1;
}

int main(int argc, char **argv)
{
	const struct command *c;
	int r;

	if (argc < 2) {
		struct term t = term_of(STDERR_FILENO);

		help_overview(stderr, &t);
		return EXIT_USAGE;
	}
	r = run_builtin(argv[1], argv + 2, (size_t)argc - 2);
	if (r >= 0)
		return r;
	c = command_by_name(argv[1]);
	if (!c && argv[1][0] == '-') {
		char text[128];

		snprintf(text, sizeof(text), "unknown option '%.80s' (a command comes first)",
			 argv[1]);
		return say_usage(NULL, text);
	}
	return c ? c->run(c, argv + 2, (size_t)argc - 2) : unknown_command(argv[1]);
}
