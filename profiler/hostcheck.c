// SPDX-License-Identifier: Apache-2.0
/*
 * One function a check. The kernel's text files are read with one small bounded read each; what
 * cannot be read is a finding like any other.
 */
#include "hostcheck.h"

#include "readfile.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

static void __attribute__((format(printf, 3, 4)))
found(struct check_result *r, enum check_level level, const char *fmt, ...)
{
	va_list args;

	r->level = level;
	va_start(args, fmt);
	vsnprintf(r->detail, sizeof(r->detail), fmt, args);
	va_end(args);
}

static void remedy(struct check_result *r, const char *text)
{
	snprintf(r->remedy, sizeof(r->remedy), "%s", text);
}

/* The first bytes of a file as text, without its last newline. -errno. */
static int read_text(const char *path, char *buf, size_t size)
{
	ssize_t n = readfile_at(AT_FDCWD, path, buf, size - 1);

	if (n < 0)
		return (int)n;
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return 0;
}

static int read_number(const char *path, long long *ret)
{
	char text[64], *end;
	int r = read_text(path, text, sizeof(text));

	if (r < 0)
		return r;
	*ret = strtoll(text, &end, 10);
	return end == text ? -EINVAL : 0;
}

static uint64_t effective_caps(void)
{
	char status[4096];
	const char *line;

	if (read_text("/proc/self/status", status, sizeof(status)) < 0)
		return 0;
	line = strstr(status, "\nCapEff:");
	return line ? strtoull(line + 8, NULL, 16) : 0;
}

static bool has_cap(uint64_t caps, int cap)
{
	return caps >> cap & 1;
}

static void check_kernel(struct check_result *r)
{
	struct utsname u;

	if (uname(&u) < 0)
		found(r, CHECK_WARN, "unknown: %s", strerror(errno));
	else
		found(r, CHECK_OK, "%.60s %.60s %.20s", u.sysname, u.release, u.machine);
}

/* Missing capabilities from a list, as "cap_a,cap_b". */
static const char *missing_caps(uint64_t caps, char *buf, size_t size)
{
	static const struct {
		int cap;
		const char *name;
	} wanted[] = {
		{CAP_SYS_PTRACE, "cap_sys_ptrace"},
		{CAP_SYSLOG, "cap_syslog"},
		{CAP_DAC_READ_SEARCH, "cap_dac_read_search"},
		{CAP_CHECKPOINT_RESTORE, "cap_checkpoint_restore"},
	};
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]) && used < size; i++) {
		if (!has_cap(caps, wanted[i].cap))
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? "," : "",
						 wanted[i].name);
	}
	return buf;
}

static void check_capabilities(struct check_result *r)
{
	uint64_t caps = effective_caps();
	bool admin = has_cap(caps, CAP_SYS_ADMIN);
	char missing[128];

	if (!admin && !(has_cap(caps, CAP_BPF) && has_cap(caps, CAP_PERFMON))) {
		found(r, CHECK_FAIL, "CAP_BPF and CAP_PERFMON are not both effective");
		remedy(r, "run as root, or: setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_syslog,"
			  "cap_dac_read_search,cap_checkpoint_restore+ep cresset");
		return;
	}
	missing_caps(caps, missing, sizeof(missing));
	if (*missing && !admin) {
		found(r, CHECK_WARN, "without %s some names of other users' processes are missing",
		      missing);
		remedy(r, "add them with setcap, or run as root");
	} else {
		found(r, CHECK_OK, "%s", admin ? "CAP_SYS_ADMIN" : "CAP_BPF, CAP_PERFMON");
	}
}

static void check_userns(struct check_result *r)
{
	char map[128];
	unsigned long long inside, outside, count;

	if (read_text("/proc/self/uid_map", map, sizeof(map)) < 0 ||
	    sscanf(map, "%llu %llu %llu", &inside, &outside, &count) != 3) {
		found(r, CHECK_OK, "unknown");
	} else if (inside == 0 && outside == 0 && count >= UINT32_MAX) {
		found(r, CHECK_OK, "the initial one");
	} else {
		found(r, CHECK_FAIL, "inside a user namespace, where BPF cannot be loaded");
		remedy(r, "run in the initial user namespace, e.g. in a privileged container");
	}
}

static void check_paranoid(struct check_result *r)
{
	long long value;

	if (read_number("/proc/sys/kernel/perf_event_paranoid", &value) < 0) {
		found(r, CHECK_FAIL, "not readable");
		remedy(r, "needs a kernel with CONFIG_PERF_EVENTS=y, and /proc");
		return;
	}
	found(r, CHECK_OK, "%lld (of no matter with CAP_PERFMON)", value);
}

static void check_sample_rate(struct check_result *r)
{
	long long value;

	if (read_number("/proc/sys/kernel/perf_event_max_sample_rate", &value) < 0) {
		found(r, CHECK_WARN, "not readable");
	} else if (value < 99) {
		found(r, CHECK_WARN, "%lld: sampling is slower than the default of 99 Hz", value);
		remedy(r, "sysctl kernel.perf_event_max_sample_rate=100000");
	} else {
		found(r, CHECK_OK, "%lld", value);
	}
}

static void check_max_stack(struct check_result *r)
{
	long long value;

	if (read_number("/proc/sys/kernel/perf_event_max_stack", &value) < 0) {
		found(r, CHECK_WARN, "not readable");
	} else if (value < 127) {
		found(r, CHECK_WARN, "%lld: deeper stacks are cut", value);
		remedy(r, "sysctl kernel.perf_event_max_stack=127");
	} else {
		found(r, CHECK_OK, "%lld", value);
	}
}

static void check_kptr(struct check_result *r)
{
	long long value;

	if (read_number("/proc/sys/kernel/kptr_restrict", &value) < 0) {
		found(r, CHECK_WARN, "not readable");
	} else if (value >= 2) {
		found(r, CHECK_WARN, "%lld: addresses in /proc/kallsyms are hidden", value);
		remedy(r, "sysctl kernel.kptr_restrict=1");
	} else {
		found(r, CHECK_OK, "%lld", value);
	}
}

static void check_unprivileged_bpf(struct check_result *r)
{
	long long value;

	if (read_number("/proc/sys/kernel/unprivileged_bpf_disabled", &value) < 0)
		found(r, CHECK_WARN, "not readable");
	else
		found(r, CHECK_OK, "%lld (of no matter with CAP_BPF)", value);
}

static void check_lockdown(struct check_result *r)
{
	char text[128];

	if (read_text("/sys/kernel/security/lockdown", text, sizeof(text)) < 0) {
		found(r, CHECK_OK, "none, or not readable");
	} else if (strstr(text, "[confidentiality]")) {
		found(r, CHECK_FAIL, "confidentiality: BPF may not read memory");
		remedy(r, "boot with lockdown=integrity or less");
	} else {
		found(r, CHECK_OK, "%s", text);
	}
}

/* Does any line begin with an address that is not 0? Per-CPU symbols at the start may well be 0. */
static bool has_address(const char *text)
{
	while (text && *text) {
		if (strtoull(text, NULL, 16))
			return true;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return false;
}

static void check_kallsyms(struct check_result *r)
{
	char text[4096];

	if (read_text("/proc/kallsyms", text, sizeof(text)) < 0) {
		found(r, CHECK_WARN, "not readable: --wakers cannot be used");
		remedy(r, "needs a kernel with CONFIG_KALLSYMS=y");
	} else if (!has_address(text)) {
		found(r, CHECK_WARN, "all addresses are 0: --wakers cannot be used");
		remedy(r, "needs CAP_SYSLOG, or root");
	} else {
		found(r, CHECK_OK, "readable, with addresses");
	}
}

static void check_tracefs(struct check_result *r)
{
	if (access("/sys/kernel/tracing/events", R_OK | X_OK) == 0)
		found(r, CHECK_OK, "mounted");
	else
		found(r, CHECK_OK, "not mounted (not needed)");
}

static void check_cgroup(struct check_result *r)
{
	if (access("/sys/fs/cgroup/cgroup.controllers", R_OK) == 0)
		found(r, CHECK_OK, "v2 at /sys/fs/cgroup");
	else if (access("/sys/fs/cgroup/unified/cgroup.procs", R_OK) == 0)
		found(r, CHECK_OK, "v2 at /sys/fs/cgroup/unified");
	else {
		found(r, CHECK_WARN, "no v2 hierarchy found: --cgroup cannot be used");
		remedy(r, "mount -t cgroup2 none DIR");
	}
}

static void check_map_files(struct check_result *r)
{
	DIR *dir = opendir("/proc/self/map_files");
	struct dirent *entry;
	int fd = -1, err = dir ? ENOENT : errno;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
		err = errno;
		if (fd < 0)
			break;
	}
	if (dir)
		closedir(dir);
	if (fd >= 0) {
		close(fd);
		found(r, CHECK_OK, "can be opened");
		return;
	}
	found(r, CHECK_WARN, "%s: replaced and deleted binaries have no names", strerror(err));
	remedy(r, "needs CAP_CHECKPOINT_RESTORE, or root");
}

static void check_debuginfod(struct check_result *r)
{
	void *library = dlopen("libdebuginfod.so.1", RTLD_LAZY | RTLD_LOCAL);
	const char *urls = getenv("DEBUGINFOD_URLS");

	if (!library) {
		found(r, CHECK_WARN, "libdebuginfod.so.1 is missing: --debuginfod cannot be used");
		remedy(r, "apt-get install libdebuginfod1");
		return;
	}
	dlclose(library);
	found(r, CHECK_OK, "library found; DEBUGINFOD_URLS is %.100s",
	      urls && *urls ? urls : "not set");
}

static void check_files(struct check_result *r)
{
	struct rlimit limit;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	/* Two events a CPU, and binaries kept open for their names. */
	unsigned long long wanted = 2ull * (unsigned long long)(cpus > 0 ? cpus : 1) + 256;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		found(r, CHECK_WARN, "unknown: %s", strerror(errno));
	} else if (limit.rlim_cur < wanted) {
		found(r, CHECK_WARN, "%llu, some %llu may be needed",
		      (unsigned long long)limit.rlim_cur, wanted);
		remedy(r, "ulimit -n 4096");
	} else {
		found(r, CHECK_OK, "%llu", (unsigned long long)limit.rlim_cur);
	}
}

static const struct hostcheck checks[] = {
	{"kernel", check_kernel},
	{"capabilities", check_capabilities},
	{"user-namespace", check_userns},
	{"lockdown", check_lockdown},
	{"perf_event_paranoid", check_paranoid},
	{"perf_event_max_sample_rate", check_sample_rate},
	{"perf_event_max_stack", check_max_stack},
	{"kptr_restrict", check_kptr},
	{"unprivileged_bpf_disabled", check_unprivileged_bpf},
	{"kallsyms", check_kallsyms},
	{"map_files", check_map_files},
	{"cgroup", check_cgroup},
	{"tracefs", check_tracefs},
	{"open-files", check_files},
	{"debuginfod", check_debuginfod},
};

const struct hostcheck *hostcheck_at(size_t i)
{
	return i < sizeof(checks) / sizeof(checks[0]) ? &checks[i] : NULL;
}
