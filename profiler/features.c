// SPDX-License-Identifier: Apache-2.0
/*
 * The probes. They leave nothing behind: every program, map and event is closed at once, and none
 * is attached to anything.
 *
 * tp_btf, iter and fentry are one program type to the kernel (TRACING), but some builds refuse only
 * the last of them, so a probe by program type alone would be wrong in both directions.
 */
#include "feature.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cresset/recorder.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int close_result(int fd)
{
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* ---- BPF programs: "return 0". */

static int load(enum bpf_prog_type type, enum bpf_attach_type attach, const char *btf_name)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);

	if (btf_name) {
		int id = libbpf_find_vmlinux_btf_id(btf_name, attach);

		if (id < 0)
			return id;
		opts.attach_btf_id = (__u32)id;
	}
	return close_result(bpf_prog_load(type, "cresset_probe", "GPL", insns,
					  sizeof(insns) / sizeof(insns[0]), &opts));
}

static int probe_perf_event(char detail[FEATURE_TEXT])
{
	return load(BPF_PROG_TYPE_PERF_EVENT, 0, NULL);
}

static int probe_tp_btf(char detail[FEATURE_TEXT])
{
	return load(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "sched_switch");
}

static int probe_raw_tp(char detail[FEATURE_TEXT])
{
	return load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, NULL);
}

static int probe_kernel_names(char detail[FEATURE_TEXT])
{
	struct cresset_kernel_names *names;
	int r = cresset_kernel_names_new(&names);

	if (r == 0)
		cresset_kernel_names_free(names);
	return r;
}

static int probe_iter(char detail[FEATURE_TEXT])
{
	return load(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "task_vma");
}

static int probe_helpers(char detail[FEATURE_TEXT])
{
	static const struct {
		enum bpf_func_id id;
		const char *name;
	} helpers[] = {
		{BPF_FUNC_get_stack, "bpf_get_stack"},
		{BPF_FUNC_probe_read_user, "bpf_probe_read_user"},
		{BPF_FUNC_get_current_task_btf, "bpf_get_current_task_btf"},
		{BPF_FUNC_task_pt_regs, "bpf_task_pt_regs"},
		{BPF_FUNC_get_current_cgroup_id, "bpf_get_current_cgroup_id"},
		{BPF_FUNC_current_task_under_cgroup, "bpf_current_task_under_cgroup"},
	};

	/* libbpf takes any other failure of its test program for "has the helper". */
	int r = probe_perf_event(detail);

	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]) && r == 0; i++) {
		int known = libbpf_probe_bpf_helper(BPF_PROG_TYPE_PERF_EVENT, helpers[i].id, NULL);

		if (known == 1)
			continue;
		snprintf(detail, FEATURE_TEXT, "%s", helpers[i].name);
		r = known < 0 ? known : -EOPNOTSUPP;
	}
	return r;
}

/* ---- BPF maps. */

static int probe_batch(char detail[FEATURE_TEXT])
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	__u64 key = 1, value = 2, keys[4], values[4];
	__u32 count = 4, next = 0;
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "cresset_probe", sizeof(key), sizeof(value), 16,
				NULL);
	int r;

	if (fd < 0)
		return fd;
	r = bpf_map_update_elem(fd, &key, &value, BPF_ANY);
	if (r == 0)
		r = bpf_map_lookup_and_delete_batch(fd, NULL, &next, keys, values, &count, &opts);
	close(fd);
	/* -ENOENT says that these were the last ones. */
	if (r == -ENOENT)
		r = 0;
	return r == 0 && count != 1 ? -EOPNOTSUPP : r;
}

static int probe_mmapable(char detail[FEATURE_TEXT])
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "cresset_probe", 4, 64, 1, &opts);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at;
	int r = 0;

	if (fd < 0)
		return fd;
	at = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		r = -errno;
	else
		munmap(at, page);
	close(fd);
	return r;
}

/* ---- perf events. */

static int open_event(struct perf_event_attr *attr)
{
	int fd = (int)syscall(SYS_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int probe_clock(char detail[FEATURE_TEXT])
{
	struct perf_event_attr attr = {.size = sizeof(attr),
				       .type = PERF_TYPE_SOFTWARE,
				       .config = PERF_COUNT_SW_CPU_CLOCK,
				       .freq = 1,
				       .sample_freq = 99,
				       .exclude_idle = 1,
				       .disabled = 1};

	return close_result(open_event(&attr));
}

static int probe_cycles(char detail[FEATURE_TEXT])
{
	struct perf_event_attr attr = {.size = sizeof(attr),
				       .type = PERF_TYPE_HARDWARE,
				       .config = PERF_COUNT_HW_CPU_CYCLES,
				       .freq = 1,
				       .sample_freq = 99,
				       .disabled = 1};

	return close_result(open_event(&attr));
}

static int probe_sideband(char detail[FEATURE_TEXT])
{
	struct perf_event_attr attr = {.size = sizeof(attr),
				       .type = PERF_TYPE_SOFTWARE,
				       .config = PERF_COUNT_SW_DUMMY,
				       .sample_id_all = 1,
				       .use_clockid = 1,
				       .clockid = CLOCK_MONOTONIC,
				       .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
				       .mmap = 1,
				       .mmap2 = 1,
				       .comm = 1,
				       .comm_exec = 1,
				       .task = 1,
				       .disabled = 1};
	size_t bytes = 65 * (size_t)sysconf(_SC_PAGESIZE);
	int fd = open_event(&attr), r = 0;
	void *at;

	if (fd < 0)
		return fd;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		r = -errno;
	else
		munmap(at, bytes);
	close(fd);
	return r;
}

/* ---- The rest. */

static int probe_btf(char detail[FEATURE_TEXT])
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct stat st;

	if (!btf)
		return -errno;
	if (stat("/sys/kernel/btf/vmlinux", &st) == 0)
		snprintf(detail, FEATURE_TEXT, "%.1f MB, %u types", (double)st.st_size / 1e6,
			 btf__type_cnt(btf));
	btf__free(btf);
	return 0;
}

static const struct feature table[] = {
	{"btf", true, "types of the running kernel",
	 "needs a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions have it", probe_btf},
	{"perf-cpu-clock", true, "the sampling clock",
	 "needs CAP_PERFMON or root, and kernel.perf_event_max_sample_rate of 99 at least",
	 probe_clock},
	{"perf-cycles", false, "hardware cycle counter",
	 "none in this machine: the cpu-clock is used, which cannot see into code that runs with "
	 "interrupts off",
	 probe_cycles},
	{"perf-sideband", true, "exec, mmap and exit of processes",
	 "needs CAP_PERFMON or root, and kernel.perf_event_mlock_kb of 260 at least",
	 probe_sideband},
	{"bpf-perf-event", true, "the program that takes samples",
	 "needs CAP_BPF and CAP_PERFMON, or root; not inside a user namespace", probe_perf_event},
	{"bpf-iter", true, "reading all process mappings at the start",
	 "needs CAP_BPF and CAP_PERFMON, or root, and a kernel with BTF", probe_iter},
	{"bpf-raw-tp", true, "following forks and exits", "needs CAP_BPF and CAP_PERFMON, or root",
	 probe_raw_tp},
	{"bpf-tp-btf", true, "following context switches",
	 "needs CAP_BPF and CAP_PERFMON, or root, and a kernel with BTF", probe_tp_btf},
	{"bpf-kernel-names", false, "names of kernel functions",
	 "they are read from /proc/kallsyms instead, which takes 0.1 s and CAP_SYSLOG",
	 probe_kernel_names},
	{"bpf-helpers", true, "stacks, registers and cgroups in BPF", "needs Linux 6.1 or newer",
	 probe_helpers},
	{"bpf-batch", true, "draining maps in batches", "needs Linux 6.1 or newer", probe_batch},
	{"bpf-mmap", true, "reading counters without system calls", "needs Linux 6.1 or newer",
	 probe_mmapable},
};

#define N_FEATURES (sizeof(table) / sizeof(table[0]))

struct features {
	struct {
		bool probed;
		int result;
		char detail[FEATURE_TEXT];
	} rows[N_FEATURES];
};

static int no_log(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

int features_new(struct features **ret)
{
	struct features *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*ret = f;
	return 0;
}

void features_free(struct features *f)
{
	free(f);
}

const struct feature *feature_at(size_t i)
{
	return i < N_FEATURES ? &table[i] : NULL;
}

int features_probe(struct features *f, size_t i, const char **ret_detail)
{
	if (i >= N_FEATURES)
		return -EINVAL;
	if (!f->rows[i].probed) {
		/* A probe that fails is an answer: libbpf must not print it as an error. */
		libbpf_print_fn_t old = libbpf_set_print(no_log);

		f->rows[i].result = table[i].probe(f->rows[i].detail);
		f->rows[i].probed = true;
		libbpf_set_print(old);
	}
	if (ret_detail)
		*ret_detail = f->rows[i].detail;
	return f->rows[i].result;
}
