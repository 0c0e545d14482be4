// SPDX-License-Identifier: Apache-2.0
/*
 * Profiles one process for some seconds and writes a flame graph. Needs root (or CAP_BPF and
 * CAP_PERFMON).
 *
 *     sudo ./record_svg PID SECONDS flame.svg
 */
#include <cresset/cresset.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int write_svg(struct cresset_recorder *recorder, struct cresset_profile *profile,
		     const char *path, struct cresset_error *err)
{
	struct cresset_symbolizer_options options = CRESSET_SYMBOLIZER_OPTIONS_INIT;
	struct cresset_kernel_names *names = NULL;
	struct cresset_symbolizer *symbolizer;
	int r;

	options.open = cresset_recorder_open;
	options.open_arg = recorder;
	/* Else the kernel's whole list of names is read. */
	if (cresset_kernel_names_new(&names) == 0) {
		options.kernel_names = cresset_kernel_names_find;
		options.kernel_names_arg = names;
	}
	r = cresset_symbolizer_new(&options, &symbolizer);
	if (r == 0) {
		r = cresset_symbolizer_resolve(symbolizer, profile, CRESSET_RESOLVE_ALL);
		cresset_symbolizer_free(symbolizer);
	}
	cresset_kernel_names_free(names);
	if (r == 0)
		r = cresset_profile_settle(profile);
	return r ? r
		 : cresset_format_write_file(cresset_format_by_name("svg"), profile, path, NULL,
					     err);
}

int main(int argc, char **argv)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	struct cresset_error err = {.text = "wrong arguments"};
	struct cresset_recorder *recorder = NULL;
	struct cresset_profile *profile = NULL;
	uint32_t pid = argc == 4 ? (uint32_t)atoi(argv[1]) : 0;
	int r = argc == 4 ? 0 : -1;

	options.pids = &pid;
	options.n_pids = 1;
	if (r == 0)
		r = cresset_recorder_new(&options, &recorder, &err);
	if (r == 0)
		r = cresset_recorder_start(recorder, &err);
	for (time_t end = time(NULL) + (r == 0 ? atoi(argv[2]) : 0); r == 0 && time(NULL) < end;)
		if (cresset_recorder_poll(recorder, 100) <= 0)
			break; /* the process has ended */
	if (r == 0)
		r = cresset_recorder_stop(recorder, &profile, &err);
	if (r == 0)
		r = write_svg(recorder, profile, argv[3], &err);
	if (r != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	cresset_profile_free(profile);
	cresset_recorder_free(recorder);
	return r != 0;
}
