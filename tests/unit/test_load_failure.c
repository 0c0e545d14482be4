// SPDX-License-Identifier: Apache-2.0
/*
 * Why the kernel did not take the programs, as the user reads it: the verifier's words where it has
 * said any, whoever asked, and a remedy that fits.
 */
#include "load_failure.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LOG                                                                                        \
	"func#0 @0\n0: R1=ctx() R10=fp0\n; if (n > 3)\n7: (79) r2 = *(u64 *)(r1 +0)\n"             \
	"R1 invalid mem access 'scalar'\n"                                                         \
	"processed 8 insns (limit 1000000) max_states_per_insn 0 total_states 0\n\n"

/* Valid until the next call. */
static const char *said(int code, bool has_rights, const char *log)
{
	static struct cresset_error err;
	char copy[1024];

	snprintf(copy, sizeof(copy), "%s", log);
	assert_int_equal(load_failure_describe(code, has_rights, copy, &err), code);
	assert_null(strchr(err.text, '\n'));
	return err.text;
}

static void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not said: %s\nbut: %s", part, text);
}

static void test_no_rights(void **state)
{
	const char *text = said(-EPERM, false, "");

	assert_string_equal(text,
			    "cannot load the BPF programs: Operation not permitted (needs CAP_BPF "
			    "and CAP_PERFMON; try sudo, or 'cresset doctor')");
	assert_says(said(-EACCES, false, ""), "needs CAP_BPF and CAP_PERFMON");
	/* With few rights the verifier is stricter; what it said is not kept from the user. */
	text = said(-EACCES, false, LOG);
	assert_says(text, "Permission denied: R1 invalid mem access 'scalar' (needs CAP_BPF");
}

static void test_all_rights(void **state)
{
	/* Whoever it is: also not root, with capabilities. */
	const char *text = said(-EACCES, true, LOG);

	assert_says(text, "Permission denied: R1 invalid mem access 'scalar' (Linux 6.1");
	assert_says(text, "please report");
	assert_null(strstr(text, "sudo"));
	text = said(-EPERM, true, "");
	assert_says(text, "user namespace");
	assert_says(text, "locked down");
	assert_says(text, "cresset doctor");
}

static void test_other_causes(void **state)
{
	assert_says(said(-EMFILE, true, ""), "ulimit -n");
	assert_says(said(-ENOMEM, true, ""), "memory cgroup");
	assert_says(said(-EINVAL, true, LOG), "Invalid argument: R1 invalid mem access");
	assert_says(said(-EINVAL, true, ""), "Invalid argument (Linux 6.1 or later is needed");
	assert_says(said(-ESRCH, false, ""), "try 'cresset doctor'");
}

static void test_odd_logs(void **state)
{
	char text[600];

	assert_says(said(-EINVAL, true, "\n\n"), "Invalid argument (Linux");
	assert_says(said(-EINVAL, true, "processed 8 insns"), ": processed 8 insns (");
	assert_says(said(-EINVAL, true, "one\nprocessed 1\nprocessed 2\n"), ": one (");
	/* The remedy is there, however much the verifier has to say. */
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_says(said(-EINVAL, true, text), "please report");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_rights),
		cmocka_unit_test(test_all_rights),
		cmocka_unit_test(test_other_causes),
		cmocka_unit_test(test_odd_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
