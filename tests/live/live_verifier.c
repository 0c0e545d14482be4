// SPDX-License-Identifier: Apache-2.0
/*
 * What the verifier of this kernel makes of the programs: they load with every unwinder, and each
 * takes a tenth of its limit of a million instructions at most. The figures are printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "profiler/unwind/unwind.h"

#include "cresset_bpf.skel.h"

enum { LOG_BYTES = 1 << 16, MAX_INSNS = 100000, LOG_STATS = 4 };

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static unsigned long processed(const char *log)
{
	const char *line = strstr(log, "processed ");

	return line ? strtoul(line + strlen("processed "), NULL, 10) : 0;
}

static void load(enum cresset_unwinder_id unwinder)
{
	struct cresset_bpf *bpf = cresset_bpf__open();
	struct bpf_program *program;
	struct utsname host;
	char *logs[16];
	bool fits = true;
	size_t n = 0;

	assert_non_null(bpf);
	uname(&host);
	bpf->rodata->cresset_config.unwinder = unwinder;
	bpf_object__for_each_program(program, bpf->obj)
	{
		assert_true(n < sizeof(logs) / sizeof(logs[0]));
		logs[n] = calloc(1, LOG_BYTES);
		assert_non_null(logs[n]);
		bpf_program__set_log_level(program, LOG_STATS);
		bpf_program__set_log_buf(program, logs[n++], LOG_BYTES);
	}
	assert_int_equal(cresset_bpf__load(bpf), 0);
	n = 0;
	bpf_object__for_each_program(program, bpf->obj)
	{
		unsigned long insns = processed(logs[n]);

		print_message("%s, unwinder %s, %s: %lu instructions verified\n", host.release,
			      unwinder_at(unwinder)->name, bpf_program__name(program), insns);
		fits &= insns >= 1 && insns <= MAX_INSNS;
		free(logs[n++]);
	}
	cresset_bpf__destroy(bpf);
	assert_true(fits);
}

static void every_unwinder(void **state)
{
	for (int i = 0; i < CRESSET_N_UNWINDERS; i++)
		load((enum cresset_unwinder_id)i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_unwinder)};

	if (geteuid()) {
		printf("skipped: loading BPF programs needs root\n");
		return 77;
	}
	libbpf_set_print(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
