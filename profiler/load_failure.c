// SPDX-License-Identifier: Apache-2.0
/* load_failure - see load_failure.h. */
#include "load_failure.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEEDS_RIGHTS "needs CAP_BPF and CAP_PERFMON; try sudo, or 'cresset doctor'"

bool load_failure_has_rights(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint64_t caps;

	/* libcresset does not need libcap for this. */
	if (syscall(SYS_capget, &head, data))
		return true;
	caps = data[0].effective | (uint64_t)data[1].effective << 32;
	return caps >> CAP_SYS_ADMIN & 1 || (caps >> CAP_BPF & 1 && caps >> CAP_PERFMON & 1);
}

/* The last line of a verifier log that says something. */
static const char *last_words(char *log)
{
	char *end = log + strlen(log), *line;

	for (;;) {
		while (end > log && end[-1] == '\n')
			*--end = '\0';
		line = strrchr(log, '\n');
		line = line ? line + 1 : log;
		if (line == log || strncmp(line, "processed ", 10))
			return line;
		end = line;
		*end = '\0';
	}
}

static const char *remedy_of(int code, bool has_rights, bool looked)
{
	switch (code) {
	case -EPERM:
	case -EACCES:
		if (!has_rights)
			return NEEDS_RIGHTS;
		if (!looked)
			return "root of a user namespace may not, nor anybody where the kernel is "
			       "locked down; try 'cresset doctor'";
		break;
	case -EMFILE:
	case -ENFILE:
		return "raise 'ulimit -n'";
	case -ENOMEM:
		return "the maps need memory that this memory cgroup does not have; lower the "
		       "frequency";
	}
	if (looked)
		return "Linux 6.1 or later is needed; if this is one, please report this line and "
		       "what 'uname -r' says";
	return "Linux 6.1 or later is needed; try 'cresset doctor'";
}

int load_failure_describe(int code, bool has_rights, char *log, struct cresset_error *err)
{
	const char *words = last_words(log);

	return cresset_error_set(err, code, "cannot load the BPF programs: %s%s%.200s (%s)",
				 strerror(-code), *words ? ": " : "", words,
				 remedy_of(code, has_rights, *words));
}
