// SPDX-License-Identifier: Apache-2.0
/*
 * session_load.c - options become constants of the BPF programs, sizes of maps and entries in them.
 *
 * Sizes. One generation holds what is sampled between two drains, twice over, so that a late drain
 * loses nothing. The time between drains is chosen so that this is small: at most SAMPLES_A_DRAIN
 * samples, at most a second. There is room for as many stacks as samples, since both stacks of a
 * sample are hardly ever new; and for half as many deep ones, which is one for each sample between
 * two drains in time. That is 1.5 KiB a row, where one map for all would take 2 KiB.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "kernelbtf.h"
#include "kerneltext.h"
#include "load_failure.h"
#include "session.h"

enum {
	SAMPLES_A_DRAIN = 4096,
	MIN_DRAIN_MS = 20,
	MAX_DRAIN_MS = 1000,
	MIN_ROWS = 1024,
	MAX_ROWS = 1 << 16,
	MAX_FOLLOWED = 1 << 14,	     /* processes that live at once */
	LOG_BYTES = UINT32_MAX >> 8, /* as every kernel takes it; unwritten, it needs no memory */
	SWITCH_STACKS_HZ = 8192,     /* waits that are not like others, on each CPU */
	SCHED_EVENTS_BYTES = 1 << 20,
};

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

static void choose_limits(struct session *s)
{
	struct session_limits *l = &s->limits;
	uint64_t rate = (uint64_t)s->rate_hz * cpus_count(s->online, s->n_cpus);
	bool stacks_chosen = !l->max_stacks;
	uint64_t rows;

	if (s->source->switches)
		rate += (uint64_t)SWITCH_STACKS_HZ * cpus_count(s->online, s->n_cpus);
	if (!rate)
		rate = 1;
	if (!l->drain_ms)
		l->drain_ms = (unsigned int)clamp(SAMPLES_A_DRAIN * 1000 / rate, MIN_DRAIN_MS,
						  MAX_DRAIN_MS);
	rows = clamp(2 * rate * l->drain_ms / 1000, MIN_ROWS, MAX_ROWS);
	if (!l->max_samples)
		l->max_samples = (uint32_t)rows;
	if (!l->max_stacks)
		l->max_stacks = (uint32_t)rows;
	/* Threads hardly ever wait that deep. */
	if (!l->max_deep)
		l->max_deep = (l->max_stacks + 1) / (s->source->switches ? 4 : 2);
	/* Wakers have stacks of their own, and are rows of that map too. */
	if (s->options.waker_depth && stacks_chosen)
		l->max_stacks *= 2;
}

static int set_sizes(struct session *s)
{
	uint32_t n_slots = (uint32_t)(s->n_cpus * CRESSET_N_CONTEXTS);
	uint32_t n_pids = s->options.n_pids ? (uint32_t)s->options.n_pids : 1;
	uint32_t n_tids = s->options.n_tids ? (uint32_t)s->options.n_tids : 1;
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	uint32_t max_deep = s->limits.max_deep;
	int r = 0;

	if (s->options.n_pids && !s->options.no_inherit)
		n_pids += MAX_FOLLOWED;
	r |= bpf_map__set_max_entries(s->bpf->maps.slots, n_slots);
	r |= bpf_map__set_max_entries(s->bpf->maps.scratch, n_slots);
	r |= bpf_map__set_max_entries(s->bpf->maps.samples_0, s->limits.max_samples);
	r |= bpf_map__set_max_entries(s->bpf->maps.samples_1, s->limits.max_samples);
	r |= bpf_map__set_max_entries(s->bpf->maps.stacks_0, s->limits.max_stacks);
	r |= bpf_map__set_max_entries(s->bpf->maps.stacks_1, s->limits.max_stacks);
	r |= bpf_map__set_max_entries(s->bpf->maps.deep_stacks_0, max_deep);
	r |= bpf_map__set_max_entries(s->bpf->maps.deep_stacks_1, max_deep);
	r |= bpf_map__set_max_entries(s->bpf->maps.sched_events,
				      s->source->switches ? SCHED_EVENTS_BYTES : page);
	r |= bpf_map__set_max_entries(s->bpf->maps.target_pids, n_pids);
	r |= bpf_map__set_max_entries(s->bpf->maps.target_tids, n_tids);
	/* An unwinder that has tables says how large. */
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_rules, 1);
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_procs, 1);
	r |= bpf_map__set_max_entries(s->bpf->maps.unwind_misses, 1);
	return r ? -EINVAL : 0;
}

/* An interrupt must be told from the task in which it happens. */
static int set_wakers(struct session *s, struct cresset_error *err)
{
	struct cresset_config *config = &s->bpf->rodata->cresset_config;
	struct kerneltext text;
	int r;

	if (!s->options.waker_depth)
		return 0;
	r = kerneltext_read(&text);
	if (r)
		return cresset_error_set(err, r,
					 "cannot tell wakers from interrupts: /proc/kallsyms: %s%s",
					 strerror(-r),
					 r == -EACCES ? " (needs CAP_SYSLOG, or "
							"kernel.kptr_restrict=0)"
						      : "");
	config->waker_depth = (uint8_t)s->options.waker_depth;
	config->waker_call = text.waker_call;
	memcpy(config->interrupts, text.interrupts, sizeof(config->interrupts));
	return 0;
}

static void set_config(struct session *s)
{
	struct cresset_config *config = &s->bpf->rodata->cresset_config;
	bool inherit = s->options.n_pids && !s->options.no_inherit;

	/* Without randomness the seed is constant: a weaker defence, not a failure. */
	if (getrandom(&config->hash_seed, sizeof(config->hash_seed), GRND_NONBLOCK) !=
	    sizeof(config->hash_seed))
		config->hash_seed = 0x5bd1e9955bd1e995;
	config->unwinder = unwinder_id(s->unwinder);
	config->by_pid = s->options.n_pids > 0;
	config->by_tid = s->options.n_tids > 0;
	config->by_cgroup = s->options.cgroup != NULL;
	config->user_only = s->options.user_only;
	config->kernel_only = s->options.kernel_only;
	config->blocked = s->source->blocked && s->options.states != CRESSET_RECORD_RUNNABLE;
	config->runnable = s->source->runnable && s->options.states != CRESSET_RECORD_BLOCKED;
	config->min_wait_ns = s->options.min_wait_ns;
	config->max_wait_ns = s->options.max_wait_ns;
	config->cgroup_id = s->targets.cgroup_id;
	bpf_program__set_autoload(s->bpf->progs.cresset_unwind_fork, false);
	bpf_program__set_autoload(s->bpf->progs.cresset_unwind_free, false);
	bpf_program__set_autoload(s->bpf->progs.cresset_cpu, s->source->ticks);
	bpf_program__set_autoload(s->bpf->progs.cresset_switch, s->source->switches);
	bpf_program__set_autoload(s->bpf->progs.cresset_waking, s->source->switches);
	bpf_program__set_autoload(s->bpf->progs.cresset_wakeup_new, s->source->switches);
	bpf_program__set_autoload(s->bpf->progs.cresset_exit, s->source->switches);
	bpf_program__set_autoload(s->bpf->progs.cresset_scan, s->source->switches);
	bpf_map__set_autocreate(s->bpf->maps.threads, s->source->switches);
	bpf_map__set_autocreate(s->bpf->maps.sched_events, s->source->switches);
	bpf_program__set_autoload(s->bpf->progs.cresset_fork, inherit);
	bpf_program__set_autoload(s->bpf->progs.cresset_free, inherit);
}

static int add_targets(int fd, const uint32_t *ids, size_t n)
{
	struct cresset_target target = {.start_ns = 0};

	for (size_t i = 0; i < n; i++)
		if (bpf_map_update_elem(fd, &ids[i], &target, BPF_ANY))
			return -errno;
	return 0;
}

static int set_targets(struct session *s, struct cresset_error *err)
{
	const struct cresset_recorder_options *o = &s->options;
	uint32_t zero = 0;
	int r;

	r = add_targets(bpf_map__fd(s->bpf->maps.target_pids), o->pids, o->n_pids);
	if (!r)
		r = add_targets(bpf_map__fd(s->bpf->maps.target_tids), o->tids, o->n_tids);
	if (!r && o->cgroup &&
	    bpf_map_update_elem(bpf_map__fd(s->bpf->maps.target_cgroup), &zero, &s->targets.cgroup,
				BPF_ANY))
		r = -errno;
	if (r)
		return cresset_error_set(err, r, "cannot tell BPF the targets: %s", strerror(-r));
	return 0;
}

static int map_slots(struct session *s, struct cresset_error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = s->n_cpus * CRESSET_N_CONTEXTS;
	void *p;

	s->slots_bytes = (n * sizeof(struct cresset_slot) + page - 1) / page * page;
	p = mmap(NULL, s->slots_bytes, PROT_READ, MAP_SHARED, bpf_map__fd(s->bpf->maps.slots), 0);
	if (p == MAP_FAILED)
		return cresset_error_set(err, -errno, "cannot map the BPF counters: %s",
					 strerror(errno));
	s->slots = p;
	s->drain.slots = p;
	s->drain.n_slots = n;
	s->drain.samples_fds[0] = bpf_map__fd(s->bpf->maps.samples_0);
	s->drain.samples_fds[1] = bpf_map__fd(s->bpf->maps.samples_1);
	s->drain.stacks_fds[0] = bpf_map__fd(s->bpf->maps.stacks_0);
	s->drain.stacks_fds[1] = bpf_map__fd(s->bpf->maps.stacks_1);
	s->drain.deep_stacks_fds[0] = bpf_map__fd(s->bpf->maps.deep_stacks_0);
	s->drain.deep_stacks_fds[1] = bpf_map__fd(s->bpf->maps.deep_stacks_1);
	s->drain.generation = &s->bpf->bss->cresset_generation;
	return 0;
}

/* libbpf writes to standard error unless told what else to do; a library has no business there. */
static int say_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static uint64_t most_verified(const struct bpf_object *object)
{
	struct bpf_program *program;
	uint64_t most = 0;

	bpf_object__for_each_program(program, object)
	{
		struct bpf_prog_info info = {.type = 0};
		__u32 size = sizeof(info);
		int fd = bpf_program__fd(program);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) &&
		    info.verified_insns > most)
			most = info.verified_insns;
	}
	return most;
}

/* The types are read at the load. */
static int open_and_load(struct session *s, const struct kernelbtf *types, char *log,
			 struct cresset_error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log, .kernel_log_size = LOG_BYTES,
		    .btf_custom_path = kernelbtf_path(types));
	int r;

	s->bpf = cresset_bpf__open_opts(&opts);
	if (!s->bpf)
		return load_failure_describe(-errno, load_failure_has_rights(), log, err);
	set_config(s);
	r = set_sizes(s);
	if (r)
		return load_failure_describe(r, load_failure_has_rights(), log, err);
	r = set_wakers(s, err);
	if (r)
		return r;
	r = s->unwinder->configure ? s->unwinder->configure(s, err) : 0;
	if (r)
		return r;
	r = cresset_bpf__load(s->bpf);
	if (r)
		return load_failure_describe(r, load_failure_has_rights(), log, err);
	s->verified_insns = most_verified(s->bpf->obj);
	return 0;
}

int session_load(struct session *s, struct cresset_error *err)
{
	struct btfsubset_bytes object;
	struct kernelbtf types;
	libbpf_print_fn_t print;
	char *log;
	int r;

	if (access(KERNELBTF_PATH, R_OK))
		return cresset_error_set(err, -errno,
					 "cannot read " KERNELBTF_PATH ": %s (needs a kernel "
					 "with CONFIG_DEBUG_INFO_BTF=y, and /sys mounted)",
					 strerror(errno));
	log = calloc(1, LOG_BYTES);
	if (!log)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	choose_limits(s);
	/* If that cannot be, libbpf goes through all types itself. */
	object.data = cresset_bpf__elf_bytes(&object.size);
	kernelbtf_init(&types, &object);
	print = libbpf_set_print(say_nothing);
	r = open_and_load(s, &types, log, err);
	libbpf_set_print(print);
	kernelbtf_release(&types);
	free(log);
	if (!r)
		r = set_targets(s, err);
	return r ? r : map_slots(s, err);
}
