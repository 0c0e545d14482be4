// SPDX-License-Identifier: Apache-2.0
/* cases - see cases.h. Each builder ends at its first failure and returns that. */
#include "support/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int string(struct cresset_profile *p, const char *s, uint32_t *ret)
{
	return cresset_profile_add_string(p, s, strlen(s), ret);
}

static int function(struct cresset_profile *p, const char *name, const char *system,
		    const char *file, uint32_t start, uint32_t *ret)
{
	struct cresset_function f = {.start_line = start};
	int r = string(p, name, &f.name);

	r = r ?: string(p, system, &f.system_name);
	r = r ?: string(p, file, &f.filename);
	return r ?: cresset_profile_add_function(p, &f, ret);
}

static int mapping(struct cresset_profile *p, struct cresset_mapping m, const char *file,
		   const char *build_id, uint32_t *ret)
{
	int r = string(p, file, &m.file);

	r = r ?: string(p, build_id, &m.build_id);
	return r ?: cresset_profile_add_mapping(p, &m, ret);
}

static int frame(struct cresset_profile *p, const char *name, uint32_t *ret)
{
	return cresset_profile_add_frame(p, name, strlen(name), 0, ret);
}

/* Samples of frames that are only names, separated by '|', root first. */
static int named_sample(struct cresset_profile *p, const char *stack, uint32_t labels,
			const int64_t *values)
{
	uint32_t ids[64], reversed[64], id;
	size_t n = 0;
	int r = 0;

	while (*stack && n < 64 && r == 0) {
		size_t len = strcspn(stack, "|");

		r = cresset_profile_add_frame(p, stack, len, 0, &ids[n++]);
		stack += len;
		stack += *stack == '|';
	}
	for (size_t i = 0; i < n; i++)
		reversed[i] = ids[n - 1 - i];
	r = r ?: cresset_profile_add_stack(p, reversed, n, &id);
	return r ?: cresset_profile_add_sample(p, id, labels, values);
}

static int count_sample(struct cresset_profile *p, const char *stack, int64_t count)
{
	return named_sample(p, stack, 0, &count);
}

static int string_label(struct cresset_profile *p, const char *key, const char *value,
			struct cresset_label *ret)
{
	*ret = (struct cresset_label){0};
	return string(p, key, &ret->key) ?: string(p, value, &ret->str);
}

static int number_label(struct cresset_profile *p, const char *key, int64_t value,
			struct cresset_label *ret)
{
	*ret = (struct cresset_label){.num = value};
	return string(p, key, &ret->key);
}

static int thread_labels(struct cresset_profile *p, const char *comm, const char *thread,
			 int64_t pid, int64_t tid, uint32_t *ret)
{
	struct cresset_label l[4];
	int r = string_label(p, "comm", comm, &l[0]);

	r = r ?: string_label(p, "thread", thread, &l[1]);
	r = r ?: number_label(p, "pid", pid, &l[2]);
	r = r ?: number_label(p, "tid", tid, &l[3]);
	return r ?: cresset_profile_add_labels(p, l, 4, ret);
}

static int build_names(struct cresset_profile *p)
{
	int r = cresset_profile_add_value_type(p, "samples", "count");

	r = r ?: count_sample(p, "main|parse|read", 12);
	r = r ?: count_sample(p, "main|parse", 3);
	r = r ?: count_sample(p, "main|work|work|work", 30);
	r = r ?: count_sample(p, "main|work|read", 5);
	return r ?: count_sample(p, "start_thread|poll", 50);
}

/* All that a recording has, symbolised. */
static int recorded_head(struct cresset_profile *p)
{
	int r = cresset_profile_add_value_type(p, "samples", "count");

	r = r ?: cresset_profile_add_value_type(p, "cpu", "nanoseconds");
	r = r ?: cresset_profile_set_period(p, "cpu", "nanoseconds", 10101010);
	r = r ?: cresset_profile_add_comment(p, "cresset record -p 4242 -d 10s");
	r = r ?: cresset_profile_add_comment(p, "cpu-clock at 99 Hz");
	r = r ?: cresset_profile_set_stat(p, "samples.taken", 100);
	r = r ?: cresset_profile_set_stat(p, "samples.written", 97);
	r = r ?: cresset_profile_set_stat(p, "samples.filtered", 1);
	r = r ?: cresset_profile_set_stat(p, "samples.lost.map_full", 2);
	cresset_profile_set_default_type(p, 1);
	cresset_profile_set_time(p, 1700000000123456789, 10000000000);
	return r;
}

struct recorded {
	uint32_t library, program, kernel, vdso, jit;
	uint32_t main_line, inlined, libc, unnamed, syscall, vdso_time, jit_code, jit_bare, error;
};

static int recorded_mappings(struct cresset_profile *p, struct recorded *d)
{
	const uint8_t all = CRESSET_MAPPING_HAS_FUNCTIONS | CRESSET_MAPPING_HAS_FILENAMES |
			    CRESSET_MAPPING_HAS_LINES | CRESSET_MAPPING_HAS_INLINES;
	int r = mapping(p,
			(struct cresset_mapping){.start = 0x26000,
						 .limit = 0x17b000,
						 .offset = 0x26000,
						 .flags = CRESSET_MAPPING_HAS_FUNCTIONS},
			"/usr/lib/x86_64-linux-gnu/libc.so.6",
			"58254ca972fe22a6927d3b2a0fa0aa9fe3a0d53c", &d->library);

	r = r
		    ?: mapping(p,
			       (struct cresset_mapping){.start = 0x1000,
							.limit = 0x5000,
							.offset = 0x1000,
							.flags = all},
			       "/home/user/bin/server", "00112233445566778899aabbccddeeff00112233",
			       &d->program);
	r = r
		    ?: mapping(p,
			       (struct cresset_mapping){.kind = CRESSET_MAPPING_KERNEL,
							.flags = CRESSET_MAPPING_HAS_FUNCTIONS},
			       "[kernel.kallsyms]", "", &d->kernel);
	r = r
		    ?: mapping(p,
			       (struct cresset_mapping){.limit = 0x2000,
							.kind = CRESSET_MAPPING_VDSO},
			       "[vdso]", "", &d->vdso);
	return r
		       ?: mapping(p,
				  (struct cresset_mapping){.start = 0x7f0000000000,
							   .limit = 0x7f0000010000,
							   .pid = 4242,
							   .kind = CRESSET_MAPPING_ANON},
				  "//anon", "", &d->jit);
}

static int location(struct cresset_profile *p, uint32_t map, uint64_t address, uint32_t flags,
		    const struct cresset_line *lines, uint32_t n_lines, uint32_t *ret)
{
	struct cresset_location loc = {.address = address,
				       .mapping = map,
				       .flags = flags | CRESSET_LOCATION_RESOLVED,
				       .n_lines = n_lines};

	return cresset_profile_add_location(p, &loc, lines, ret);
}

static int recorded_locations(struct cresset_profile *p, struct recorded *d)
{
	struct cresset_line main_line = {.line = 40, .column = 9}, libc = {0}, call = {0};
	struct cresset_line chain[3] = {{.line = 7}, {.line = 21}, {.line = 55}}, jit = {0};
	int r = function(p, "main", "main", "/src/server.cc", 30, &main_line.function);

	r = r
		    ?: function(p, "clamp<int>(int, int)", "_Z5clampIiET_S0_S0_", "/src/util.h", 5,
				&chain[0].function);
	r = r
		    ?: function(p, "std::sort<int*>(int*, int*)", "_ZSt4sortIPiEvT_S1_",
				"/src/sort.h", 20, &chain[1].function);
	r = r
		    ?: function(p, "Server::handle(std::string const&)", "_ZN6Server6handleERKSs",
				"/src/server.cc", 50, &chain[2].function);
	r = r
		    ?: function(p, "__libc_start_call_main", "__libc_start_call_main", "", 0,
				&libc.function);
	r = r ?: function(p, "do_syscall_64", "do_syscall_64", "", 0, &call.function);
	r = r ?: function(p, "LazyCompile:*render /app/index.js:1", "", "", 0, &jit.function);
	r = r ?: location(p, d->program, 0x1234, 0, &main_line, 1, &d->main_line);
	r = r ?: location(p, d->program, 0x2345, 0, chain, 3, &d->inlined);
	r = r ?: location(p, d->library, 0x271c9, 0, &libc, 1, &d->libc);
	r = r ?: location(p, d->library, 0x29d90, 0, NULL, 0, &d->unnamed);
	r = r
		    ?: location(p, d->kernel, 0xffffffff81a00080, CRESSET_LOCATION_KERNEL, &call, 1,
				&d->syscall);
	r = r ?: location(p, d->vdso, 0x730, 0, NULL, 0, &d->vdso_time);
	r = r ?: location(p, d->jit, 0x7f0000001000, CRESSET_LOCATION_JIT, &jit, 1, &d->jit_code);
	r = r ?: location(p, d->jit, 0x7f0000002000, CRESSET_LOCATION_JIT, NULL, 0, &d->jit_bare);
	return r
		       ?: cresset_profile_add_frame(p, "[error: bad frame pointer]", 26,
						    CRESSET_LOCATION_ERROR, &d->error);
}

static int recorded_sample(struct cresset_profile *p, const uint32_t *ids, size_t n,
			   uint32_t labels, int64_t count)
{
	const int64_t values[] = {count, count * 10101010};
	uint32_t stack;

	return cresset_profile_add_stack(p, ids, n, &stack)
		       ?: cresset_profile_add_sample(p, stack, labels, values);
}

static int build_recorded(struct cresset_profile *p)
{
	uint32_t main_labels, worker_labels;
	struct recorded d;
	int r = recorded_head(p);

	r = r ?: recorded_mappings(p, &d);
	r = r ?: recorded_locations(p, &d);
	r = r ?: thread_labels(p, "server", "server", 4242, 4242, &main_labels);
	r = r ?: thread_labels(p, "server", "worker #1", 4242, 4250, &worker_labels);
	if (r < 0)
		return r;
	r = recorded_sample(p, (uint32_t[]){d.inlined, d.main_line, d.libc}, 3, main_labels, 60);
	r = r
		    ?: recorded_sample(p, (uint32_t[]){d.unnamed, d.inlined, d.main_line, d.libc},
				       4, main_labels, 20);
	r = r
		    ?: recorded_sample(p, (uint32_t[]){d.syscall, d.unnamed, d.main_line, d.libc},
				       4, main_labels, 8);
	r = r ?: recorded_sample(p, (uint32_t[]){d.inlined, d.error}, 2, worker_labels, 4);
	r = r
		    ?: recorded_sample(p, (uint32_t[]){d.jit_code, d.jit_bare, d.main_line}, 3,
				       worker_labels, 3);
	r = r
		    ?: recorded_sample(p, (uint32_t[]){d.vdso_time, d.main_line, d.libc}, 3,
				       worker_labels, 1);
	return r ?: recorded_sample(p, (uint32_t[]){d.syscall}, 1, 0, 1);
}

/* The same before symbolising: only addresses. */
static int build_raw(struct cresset_profile *p)
{
	uint32_t labels, a, b;
	struct recorded d;
	struct cresset_location loc = {0};
	int r = recorded_head(p);

	r = r ?: recorded_mappings(p, &d);
	r = r ?: thread_labels(p, "server", "server", 4242, 4242, &labels);
	loc.mapping = r ? 0 : d.program;
	loc.address = 0x1234;
	r = r ?: cresset_profile_add_location(p, &loc, NULL, &a);
	loc.mapping = r ? 0 : d.kernel;
	loc.address = 0xffffffff81a00080;
	loc.flags = CRESSET_LOCATION_KERNEL;
	r = r ?: cresset_profile_add_location(p, &loc, NULL, &b);
	r = r ?: recorded_sample(p, (uint32_t[]){b, a}, 2, labels, 9);
	return r ?: recorded_sample(p, (uint32_t[]){a}, 1, labels, 88);
}

/* Names that mean something else to a format, or are no text at all. */
static int build_hostile(struct cresset_profile *p)
{
	char *large = malloc(5001);
	uint32_t labels;
	int r = cresset_profile_add_value_type(p, "samples", "count");

	if (!large)
		return -1;
	memset(large, 'x', 5000);
	large[5000] = '\0';
	r = r ?: thread_labels(p, "evil;comm 7", "#thread\n", 1, 2, &labels);
	r = r ?: named_sample(p, "a;b|c", labels, &(int64_t){1});
	r = r ?: count_sample(p, "#not a comment|leaf", 2);
	r = r ?: count_sample(p, "operator 12", 3);
	r = r ?: count_sample(p, "ratio 1.5", 4);
	r = r ?: count_sample(p, "ratio 1.", 5);
	r = r ?: count_sample(p, "line\nbreak\tand\x7f\x01|bell\a", 6);
	r = r ?: count_sample(p, "bad \xff\xc0\x80 \xed\xa0\x80 utf8|\xe2\x82", 7);
	r = r ?: count_sample(p, "na\xc3\xafve \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x94\xa5", 8);
	r = r ?: count_sample(p, "<script>alert(\"x\")</script>|&amp;|]]>", 9);
	r = r ?: count_sample(p, "c1 \xc2\x85 next line", 10);
	r = r ?: count_sample(p, large, 11);
	r = r ?: count_sample(p, "a", 12);
	r = r ?: count_sample(p, "a (b)", 13);
	r = r ?: count_sample(p, "a 1x", 14);
	r = r ?: count_sample(p, "a|b", 15);
	r = r ?: count_sample(p, "a!|b", 16);
	r = r ?: count_sample(p, "12", 17);
	r = r ?: cresset_profile_add_comment(p, "two\nlines \xff <b>");
	r = r ?: cresset_profile_set_stat(p, "odd name", UINT64_MAX);
	free(large);
	return r;
}

static int build_empty(struct cresset_profile *p)
{
	int r = cresset_profile_add_value_type(p, "samples", "count");

	cresset_profile_set_time(p, 1700000000000000000, 1000000000);
	return r;
}

/* Not even a value type. */
static int build_nothing(struct cresset_profile *p)
{
	return 0;
}

/* Deeper than any screen, with recursion. */
static int build_deep(struct cresset_profile *p)
{
	enum { DEPTH = 600 };
	uint32_t ids[DEPTH], stack;
	int r = cresset_profile_add_value_type(p, "samples", "count");

	for (int i = 0; i < DEPTH && r == 0; i++) {
		char name[32];

		snprintf(name, sizeof(name), "level_%d", i < DEPTH / 2 ? i : i % 7);
		r = frame(p, name, &ids[DEPTH - 1 - i]);
	}
	r = r ?: cresset_profile_add_stack(p, ids, DEPTH, &stack);
	r = r ?: cresset_profile_add_sample(p, stack, 0, &(int64_t){2});
	return r ?: count_sample(p, "level_0", 1);
}

/* The difference of two profiles, and sums that are too large. */
static int build_extreme(struct cresset_profile *p)
{
	int r = cresset_profile_add_value_type(p, "samples", "count");

	r = r ?: count_sample(p, "less", -5);
	r = r ?: count_sample(p, "same", 0);
	r = r ?: count_sample(p, "more", 5);
	r = r ?: count_sample(p, "much", INT64_MAX);
	r = r ?: count_sample(p, "much", 1);
	return r ?: count_sample(p, "", 3);
}

/* What a thread of the cases of time by state was doing: NULL: on a CPU. */
struct doing {
	const char *state, *wait, *idle;
};

static int state_labels(struct cresset_profile *p, const char *thread, int64_t tid,
			struct doing what, uint32_t *ret)
{
	struct cresset_label l[7];
	size_t n = 4;
	int r = string_label(p, CRESSET_LABEL_COMM, "server", &l[0]);

	r = r ?: string_label(p, CRESSET_LABEL_THREAD, thread, &l[1]);
	r = r ?: number_label(p, CRESSET_LABEL_PID, 4242, &l[2]);
	r = r ?: number_label(p, CRESSET_LABEL_TID, tid, &l[3]);
	if (r == 0 && what.state)
		r = string_label(p, CRESSET_LABEL_STATE, what.state, &l[n++]);
	if (r == 0 && what.wait)
		r = string_label(p, CRESSET_LABEL_WAIT, what.wait, &l[n++]);
	if (r == 0 && what.idle)
		r = string_label(p, CRESSET_LABEL_IDLE, what.idle, &l[n++]);
	return r ?: cresset_profile_add_labels(p, l, n, ret);
}

/* Frames of the kernel and of wakers that the cases of time by state share. */
struct waits {
	struct recorded d;
	uint32_t futex, poll, schedule, preempt, separator, wake, waker;
};

static int named(struct cresset_profile *p, const char *name, uint32_t flags, uint32_t *ret)
{
	return cresset_profile_add_frame(p, name, strlen(name), flags, ret);
}

static int wait_frames(struct cresset_profile *p, struct waits *w)
{
	int r = recorded_mappings(p, &w->d);

	r = r ?: recorded_locations(p, &w->d);
	r = r ?: named(p, "futex_wait", CRESSET_LOCATION_KERNEL, &w->futex);
	r = r ?: named(p, "ep_poll", CRESSET_LOCATION_KERNEL, &w->poll);
	r = r ?: named(p, "schedule", CRESSET_LOCATION_KERNEL, &w->schedule);
	r = r ?: named(p, "preempt_schedule_irq", CRESSET_LOCATION_KERNEL, &w->preempt);
	r = r ?: named(p, "--", 0, &w->separator);
	r = r ?: named(p, "try_to_wake_up", CRESSET_LOCATION_KERNEL, &w->wake);
	return r ?: named(p, "waker server", 0, &w->waker);
}

static int state_sample(struct cresset_profile *p, const uint32_t *ids, size_t n,
			const char *thread, int64_t tid, struct doing what, const int64_t *values)
{
	uint32_t stack, labels;

	return state_labels(p, thread, tid, what, &labels)
		       ?: cresset_profile_add_stack(p, ids, n, &stack)
		       ?: cresset_profile_add_sample(p, stack, labels, values);
}

static int wall_head(struct cresset_profile *p)
{
	static const char *const types[] = {"cpu", "runnable", "blocked", "wall"};
	int r = 0;

	for (size_t i = 0; i < 4 && r == 0; i++)
		r = cresset_profile_add_value_type(p, types[i], "nanoseconds");
	r = r ?: cresset_profile_set_period(p, "cpu", "nanoseconds", 10101010);
	r = r ?: cresset_profile_set_stat(p, "samples.taken", 120);
	cresset_profile_set_default_type(p, 3);
	cresset_profile_set_time(p, 1700000000123456789, 10000000000);
	return r;
}

#define STACK(...) (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4

/* Where two threads were for ten seconds each: 3.0 on a CPU, 0.6 runnable, 16.4 blocked, of which
 * 9.0 idle. */
static int build_wall(struct cresset_profile *p)
{
	const struct doing cpu = {0}, woken = {"runnable", "woken", NULL},
			   preempted = {"runnable", "preempted", NULL},
			   locked = {"blocked", "interruptible", NULL},
			   io = {"blocked", "io", NULL},
			   idle = {"blocked", "interruptible", "epoll"};
	struct waits w = {0};
	int r = wall_head(p);

	r = r ?: wait_frames(p, &w);
	r = r
		    ?: state_sample(p, STACK(w.d.inlined, w.d.main_line, w.d.libc), "server", 4242,
				    cpu, (int64_t[]){600000000, 0, 0, 600000000});
	r = r
		    ?: state_sample(p, STACK(w.preempt, w.d.inlined, w.d.main_line, w.d.libc),
				    "server", 4242, preempted,
				    (int64_t[]){0, 300000000, 0, 300000000});
	r = r
		    ?: state_sample(
			       p, STACK(w.schedule, w.poll, w.d.syscall, w.d.main_line, w.d.libc),
			       "server", 4242, idle, (int64_t[]){0, 0, 9000000000, 9000000000});
	r = r
		    ?: state_sample(p,
				    STACK(w.schedule, w.poll, w.d.syscall, w.d.main_line, w.d.libc),
				    "server", 4242, woken, (int64_t[]){0, 100000000, 0, 100000000});
	r = r
		    ?: state_sample(p, STACK(w.d.syscall, w.d.unnamed, w.d.inlined), "worker #1",
				    4250, cpu, (int64_t[]){2400000000, 0, 0, 2400000000});
	r = r
		    ?: state_sample(
			       p, STACK(w.schedule, w.futex, w.d.syscall, w.d.unnamed, w.d.inlined),
			       "worker #1", 4250, locked,
			       (int64_t[]){0, 0, 6400000000, 6400000000});
	r = r
		    ?: state_sample(
			       p, STACK(w.schedule, w.futex, w.d.syscall, w.d.unnamed, w.d.inlined),
			       "worker #1", 4250, woken, (int64_t[]){0, 200000000, 0, 200000000});
	return r
		       ?: state_sample(p, STACK(w.schedule, w.d.syscall, w.d.unnamed, w.d.inlined),
				       "worker #1", 4250, io,
				       (int64_t[]){0, 0, 1000000000, 1000000000});
}

static int off_cpu_head(struct cresset_profile *p)
{
	int r = cresset_profile_add_value_type(p, "off_cpu_events", "count");

	r = r ?: cresset_profile_add_value_type(p, "blocked", "nanoseconds");
	r = r ?: cresset_profile_add_value_type(p, "runnable", "nanoseconds");
	r = r ?: cresset_profile_add_value_type(p, "off_cpu", "nanoseconds");
	cresset_profile_set_default_type(p, 3);
	cresset_profile_set_time(p, 1700000000123456789, 10000000000);
	return r;
}

static int build_off_cpu(struct cresset_profile *p)
{
	const struct doing woken = {"runnable", "woken", NULL},
			   locked = {"blocked", "interruptible", NULL},
			   idle = {"blocked", "interruptible", "epoll"},
			   kernel = {"blocked", "idle", "kernel thread"};
	struct waits w = {0};
	int r = off_cpu_head(p);

	r = r ?: wait_frames(p, &w);
	r = r
		    ?: state_sample(
			       p, STACK(w.schedule, w.poll, w.d.syscall, w.d.main_line, w.d.libc),
			       "server", 4242, idle, (int64_t[]){90, 9000000000, 0, 9000000000});
	r = r
		    ?: state_sample(
			       p, STACK(w.schedule, w.futex, w.d.syscall, w.d.unnamed, w.d.inlined),
			       "worker #1", 4250, locked,
			       (int64_t[]){40, 6400000000, 0, 6400000000});
	r = r
		    ?: state_sample(
			       p, STACK(w.schedule, w.futex, w.d.syscall, w.d.unnamed, w.d.inlined),
			       "worker #1", 4250, woken, (int64_t[]){40, 0, 200000000, 200000000});
	/* A stack that could not be taken. */
	return r
		       ?: state_sample(p, NULL, 0, "worker #2", 4251, kernel,
				       (int64_t[]){1, 1500000000, 0, 1500000000});
}

/* Who woke whom; the second hop of a chain, and a waker whose stack is not whole. */
static int build_wakers(struct cresset_profile *p)
{
	const struct doing woken = {"runnable", "woken", NULL},
			   locked = {"blocked", "interruptible", NULL};
	struct waits w = {0};
	int r = off_cpu_head(p);

	r = r ?: wait_frames(p, &w);
	r = r
		    ?: state_sample(p,
				    STACK(w.waker, w.d.libc, w.d.main_line, w.wake, w.separator,
					  w.schedule, w.futex, w.d.unnamed, w.d.inlined),
				    "worker #1", 4250, locked,
				    (int64_t[]){40, 6400000000, 0, 6400000000});
	r = r
		    ?: state_sample(p,
				    STACK(w.waker, w.d.libc, w.d.main_line, w.wake, w.separator,
					  w.schedule, w.futex, w.d.unnamed, w.d.inlined),
				    "worker #1", 4250, woken,
				    (int64_t[]){40, 0, 200000000, 200000000});
	return r
		       ?: state_sample(p,
				       STACK(w.waker, w.d.error, w.separator, w.waker, w.wake,
					     w.separator, w.schedule, w.futex, w.d.unnamed,
					     w.d.inlined),
				       "worker #2", 4251, locked,
				       (int64_t[]){3, 900000000, 0, 900000000});
}

static const struct test_case cases[] = {
	{.name = "names", .build = build_names},
	{.name = "recorded", .build = build_recorded},
	{.name = "raw", .build = build_raw},
	{.name = "hostile", .build = build_hostile},
	{.name = "empty", .build = build_empty},
	{.name = "nothing", .build = build_nothing},
	{.name = "deep", .build = build_deep},
	{.name = "wall", .build = build_wall},
	{.name = "off_cpu", .build = build_off_cpu},
	{.name = "wakers", .build = build_wakers},
	{.name = "extreme", .build = build_extreme, .odd = true},
};

const struct test_case *test_case_at(size_t i)
{
	return i < sizeof(cases) / sizeof(cases[0]) ? &cases[i] : NULL;
}

struct cresset_profile *test_case_profile(const char *name)
{
	const struct test_case *c;
	struct cresset_profile *p;

	for (size_t i = 0; (c = test_case_at(i)); i++)
		if (strcmp(c->name, name) == 0 && cresset_profile_new(&p) == 0 && c->build(p) == 0)
			return p;
	fprintf(stderr, "no test case %s\n", name);
	abort();
}
