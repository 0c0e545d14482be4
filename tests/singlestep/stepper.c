// SPDX-License-Identifier: Apache-2.0
/*
 * stepper.c - runs a program one instruction at a time, and compares stacks at each.
 *
 *     stepper [--first N] [--every K] [--steps N] [--from-start] [--verbose] PROGRAM [ARG…]
 *     stepper --long …                 compare at every instruction, without a limit
 *
 * At every instruction the native walker (compiled for the host, on tables compiled from the files
 * that the process has mapped) and libunwind say what the stack is. Where they differ, libdw is
 * asked too, and the difference is counted by class. A class in which we are alone fails the test.
 *
 * Programs say with an int3 where the interesting part begins and ends (corpus/mark.h). All their
 * threads and children are stepped. By default the first N instructions are compared one by one and
 * then every K-th, which is a prime, so that loops do not hide anything.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ours.h"
#include "theirs.h"

enum { MAX_THREADS = 64, SHOWN_A_CLASS = 2, SYS_MMAP = 9, SYS_MPROTECT, SYS_MUNMAP };
enum { SYS_MREMAP = 25, PROT_X = 4, MIN_COMPARED = 50, VDSO_EVERY = 7 };

/* Of a difference; those from OURS on are ours. */
#define CLASSES(X)                                                                                 \
	X(SAME, "equal")                                                                           \
	X(NO_CFI, "nothing describes the code of the last common frame")                           \
	X(UNSUPPORTED, "a rule that ours cannot follow (longjmp), which it says")                  \
	X(WRONG_CFI, "what describes the code is wrong there: ours stops and says so")             \
	X(THEY_LOST,                                                                               \
	  "they leave the code or stop short of the end; ours is whole, by tables alone")          \
	X(RESTORED, "they forget callers on which all agreed just before, in the same function")   \
	X(UNW_WRONG, "libunwind is alone: libdw says as we do")                                    \
	X(UNW_END, "equal frames, but libunwind does not see that it is the end")                  \
	X(OURS, "ours is alone: libunwind and libdw agree")                                        \
	X(OURS_END, "equal frames, but ours does not see that it is the end")                      \
	X(ALL_DIFFER, "three answers")

#define CLASS_ENUM(name, text) CLASS_##name,
#define CLASS_TEXT(name, text) text,
enum verdict { CLASSES(CLASS_ENUM) N_CLASSES };
static const char *const class_texts[N_CLASSES] = {CLASSES(CLASS_TEXT)};

struct options {
	uint64_t first;
	uint64_t every;
	uint64_t steps;
	bool from_start;
	bool verbose;
};

struct thread {
	pid_t tid;
	pid_t pid;
	bool remaps; /* in a system call that may change mappings */
};

struct stepper {
	struct options options;
	struct ours *ours;
	struct theirs_unw *unw;
	struct theirs_dw *dw;
	struct thread threads[MAX_THREADS];
	size_t n_threads;
	bool on;
	uint64_t steps;
	uint64_t compared;
	uint64_t frames;
	uint64_t deepest;
	uint64_t counts[N_CLASSES];
	uint64_t whole;
	uint64_t fallback;
	struct tracee tracee;
	struct ours_stack our_stack;
	struct theirs_stack unw_stack;
	struct theirs_stack dw_stack;
	struct ours_stack agreed; /* the last one on which all agreed, of any thread */
};

/* ---- Verdicts. */

static bool ours_whole(const struct ours_stack *o)
{
	return o->stop == CRESSET_STOP_WHOLE || o->stop == CRESSET_STOP_END;
}

/* The number of leading frames that are equal. */
static size_t common(const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b)
{
	size_t i = 0;

	while (i < n_a && i < n_b && a[i] == b[i])
		i++;
	return i;
}

static bool equal(const struct ours_stack *o, const struct theirs_stack *t)
{
	return o->n == t->n && common(o->ips, o->n, t->ips, t->n) == o->n;
}

static enum described described(struct stepper *s, size_t frame)
{
	const struct ours_stack *o = &s->our_stack;

	return theirs_dw_describes(s->dw, &s->tracee, o->ips[frame] - !o->exact[frame]);
}

/*
 * Behind the `at` frames that are as ours: does it go on where nothing describes the code, or to an
 * address outside code, or to an end that is none?
 */
static bool strays(struct stepper *s, const struct theirs_stack *t, size_t at)
{
	enum described last = described(s, at - 1);

	if (last == DESCRIBED_NOT)
		return true;
	if (at < t->n)
		return !ours_is_code(s->ours, t->ips[at]);
	return !t->whole || last != DESCRIBED_END;
}

/*
 * Has the last instruction changed nothing about the callers? Realigned frames end in leave; lea
 * -8(%r10),%rsp; ret and compilers do not say that the leave has restored the frame pointer.
 */
static bool callers_as_before(const struct stepper *s)
{
	const struct ours_stack *o = &s->our_stack, *a = &s->agreed;

	return ours_whole(o) && !o->reason && o->n == a->n && o->n > 1 &&
	       o->ips[0] - a->ips[0] < 16 &&
	       common(o->ips + 1, o->n - 1, a->ips + 1, a->n - 1) == o->n - 1;
}

static enum verdict judge(struct stepper *s)
{
	const struct ours_stack *o = &s->our_stack;
	const struct theirs_stack *u = &s->unw_stack, *d = &s->dw_stack;
	size_t at_u = common(o->ips, o->n, u->ips, u->n), at_d, at;

	if (equal(o, u) && (o->stop == CRESSET_STOP_DEPTH || ours_whole(o) == u->whole))
		return CLASS_SAME;
	theirs_dw_walk(s->dw, &s->tracee, &s->dw_stack);
	if (equal(o, d) && ours_whole(o) == d->whole)
		return CLASS_UNW_WRONG;
	at_d = common(o->ips, o->n, d->ips, d->n);
	at = at_d > at_u ? at_d : at_u;
	if (described(s, at - 1) == DESCRIBED_NOT)
		return CLASS_NO_CFI;
	if (o->stop == CRESSET_STOP_UNSUPPORTED || o->reason == CRESSET_STOP_UNSUPPORTED)
		return CLASS_UNSUPPORTED;
	if (equal(o, u) && ours_whole(o))
		return CLASS_UNW_END;
	if (strays(s, u, at_u) && strays(s, d, at_d)) {
		if (o->reason == CRESSET_STOP_NO_INFO)
			return CLASS_NO_CFI;
		if (!o->reason)
			return ours_whole(o) ? CLASS_THEY_LOST : CLASS_WRONG_CFI;
	}
	if (equal(o, u))
		return CLASS_OURS_END;
	if (callers_as_before(s))
		return CLASS_RESTORED;
	return common(u->ips, u->n, d->ips, d->n) > at_u ? CLASS_OURS : CLASS_ALL_DIFFER;
}

/* ---- Showing. */

static void show_ip(pid_t pid, uint64_t ip)
{
	char path[64], text[512], file[400];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	printf(" %#" PRIx64, ip);
	while (f && fgets(text, sizeof(text), f)) {
		uint64_t start, end, offset;

		file[0] = '\0';
		if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %399s", &start,
			   &end, &offset, file) >= 3 &&
		    ip >= start && ip < end)
			printf("=%s+%#" PRIx64, strrchr(file, '/') ? strrchr(file, '/') + 1 : file,
			       ip - start + offset);
	}
	if (f)
		fclose(f);
}

static void show_stack(pid_t pid, const char *who, const uint64_t *ips, size_t n, const char *end)
{
	printf("    %-10s", who);
	for (size_t i = 0; i < n && i < 12; i++)
		show_ip(pid, ips[i]);
	printf(" (%zu frames, %s)\n", n, end);
}

static void show(struct stepper *s, enum verdict verdict)
{
	pid_t pid = s->tracee.pid;
	char end[64];

	printf("  %s; instruction %" PRIu64 "\n", class_texts[verdict], s->steps);
	snprintf(end, sizeof(end), "stop %d, %zu by fallback for %d", s->our_stack.stop,
		 s->our_stack.n_fallback, s->our_stack.reason);
	show_stack(pid, "ours", s->our_stack.ips, s->our_stack.n, end);
	show_stack(pid, "libunwind", s->unw_stack.ips, s->unw_stack.n,
		   s->unw_stack.whole ? "whole" : "broken");
	show_stack(pid, "libdw", s->dw_stack.ips, s->dw_stack.n,
		   s->dw_stack.whole ? "whole" : "broken");
}

static void compare(struct stepper *s)
{
	enum verdict verdict;

	ours_walk(s->ours, &s->tracee, &s->our_stack);
	theirs_unw_walk(s->unw, &s->tracee, &s->unw_stack);
	s->dw_stack.n = 0;
	verdict = judge(s);
	if (verdict == CLASS_SAME)
		s->agreed = s->our_stack;
	s->compared++;
	s->whole += ours_whole(&s->our_stack) || s->our_stack.stop == CRESSET_STOP_DEPTH;
	s->fallback += s->our_stack.n_fallback > 0;
	s->frames += s->our_stack.n;
	if (s->our_stack.n > s->deepest)
		s->deepest = s->our_stack.n;
	if (verdict != CLASS_SAME &&
	    s->counts[verdict] <
		    (s->options.verbose || verdict >= CLASS_OURS ? 1 : 0) * SHOWN_A_CLASS)
		show(s, verdict);
	s->counts[verdict]++;
}

/* ---- Stepping. */

static pid_t process_of(pid_t tid)
{
	char path[64], text[128];
	int pid = tid;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	while (f && fgets(text, sizeof(text), f))
		if (sscanf(text, "Tgid: %d", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid;
}

static struct thread *thread_of(struct stepper *s, pid_t tid)
{
	for (size_t i = 0; i < s->n_threads; i++)
		if (s->threads[i].tid == tid)
			return &s->threads[i];
	if (s->n_threads == MAX_THREADS)
		return NULL;
	s->threads[s->n_threads] = (struct thread){.tid = tid, .pid = process_of(tid)};
	return &s->threads[s->n_threads++];
}

static void thread_gone(struct stepper *s, pid_t tid)
{
	for (size_t i = 0; i < s->n_threads; i++)
		if (s->threads[i].tid == tid)
			s->threads[i] = s->threads[--s->n_threads];
	if (ours_knows(s->ours, tid))
		ours_forget(s->ours, tid);
}

static int mappings_changed(struct stepper *s, pid_t pid)
{
	theirs_unw_flush(s->unw);
	theirs_dw_flush(s->dw);
	return ours_map(s->ours, pid);
}

/* Is the next instruction a system call after which code may lie elsewhere? */
static bool will_remap(const struct tracee *t)
{
	const struct user_regs_struct *r = &t->regs;
	uint16_t code;

	if (tracee_read(t, r->rip, &code, sizeof(code)) || code != 0x050f)
		return false;
	return ((r->rax == SYS_MMAP || r->rax == SYS_MPROTECT) && r->rdx & PROT_X) ||
	       r->rax == SYS_MUNMAP || r->rax == SYS_MREMAP;
}

static int at_instruction(struct stepper *s, struct thread *t)
{
	int r = tracee_take(&s->tracee, t->pid, t->tid);

	if (r)
		return r == -ESRCH ? 0 : r; /* it is being killed */
	if (t->remaps || !ours_knows(s->ours, t->pid))
		r = mappings_changed(s, t->pid);
	if (r)
		return r;
	t->remaps = will_remap(&s->tracee);
	s->steps++;
	/* Reading the clock starts anew after each tick, so it must not take longer than a tick. */
	if (ours_is_vdso(s->ours, s->tracee.regs.rip) && s->steps % VDSO_EVERY)
		return 0;
	if (s->steps <= s->options.first || s->steps % s->options.every == 0)
		compare(s);
	return 0;
}

/* A stop of a thread. Returns the signal to hand on. */
static int at_stop(struct stepper *s, struct thread *t, int status, int *ret_error)
{
	int signal = WSTOPSIG(status);
	siginfo_t info;

	if (status >> 16) {
		if (status >> 16 == PTRACE_EVENT_EXEC && ours_knows(s->ours, t->pid))
			ours_forget(s->ours, t->pid);
		return 0;
	}
	if (signal == SIGSTOP) /* how a new thread begins */
		return 0;
	if (signal != SIGTRAP)
		return signal;
	if (!ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info) && info.si_code == SI_KERNEL) {
		s->on = !s->on;
		return 0;
	}
	if (s->on)
		*ret_error = at_instruction(s, t);
	return 0;
}

/* Until the program ends. Its exit status, or -errno. */
static int run(struct stepper *s, pid_t child)
{
	int status, error = 0, exit_status = -ECHILD;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		struct thread *t;
		int signal;

		if (!WIFSTOPPED(status)) {
			thread_gone(s, tid);
			if (tid != child)
				continue;
			exit_status =
				WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			break;
		}
		t = thread_of(s, tid);
		if (!t)
			return -E2BIG;
		signal = at_stop(s, t, status, &error);
		if (error)
			return error;
		if (s->steps >= s->options.steps)
			return 0;
		ptrace(s->on ? PTRACE_SINGLESTEP : PTRACE_CONT, tid, NULL,
		       (void *)(uintptr_t)signal);
	}
	return exit_status;
}

static pid_t start(char **argv)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/* The same addresses each time: what fails once can be looked at again. */
	personality(ADDR_NO_RANDOMIZE);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execv(argv[0], argv);
	_exit(127);
}

static int trace(struct stepper *s, char **argv)
{
	pid_t child = start(argv);
	int status, r;

	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -errno;
	if (!WIFSTOPPED(status))
		return -ENOEXEC;
	if (ptrace(PTRACE_SETOPTIONS, child, NULL,
		   PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			   PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC))
		return -errno;
	s->on = s->options.from_start;
	thread_of(s, child);
	ptrace(s->on ? PTRACE_SINGLESTEP : PTRACE_CONT, child, NULL, NULL);
	r = run(s, child);
	for (size_t i = 0; i < s->n_threads; i++)
		kill(s->threads[i].pid, SIGKILL);
	return r;
}

static int report(const struct stepper *s, const char *program, int exit_status)
{
	uint64_t ours =
		s->counts[CLASS_OURS] + s->counts[CLASS_OURS_END] + s->counts[CLASS_ALL_DIFFER];

	printf("%s: %" PRIu64 " instructions, %" PRIu64 " compared, %.1f frames (at most %" PRIu64
	       ")\n",
	       program, s->steps, s->compared,
	       s->compared ? (double)s->frames / (double)s->compared : 0, s->deepest);
	printf("  %9" PRIu64 "  of ours whole or cut at the limit, %" PRIu64 " with a fallback\n",
	       s->whole, s->fallback);
	for (int i = 0; i < N_CLASSES; i++)
		if (s->counts[i])
			printf("  %9" PRIu64 "  %s\n", s->counts[i], class_texts[i]);
	if (exit_status)
		printf("  the program failed: %d\n", exit_status);
	if (s->compared < MIN_COMPARED)
		printf("  too little was compared\n");
	return ours || exit_status || s->compared < MIN_COMPARED;
}

static int parse(int argc, char **argv, struct options *o)
{
	int i;

	*o = (struct options){.first = 3000, .every = 97, .steps = 200000};
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--long"))
			*o = (struct options){.first = UINT64_MAX,
					      .every = 1,
					      .steps = UINT64_MAX,
					      .from_start = o->from_start};
		else if (!strcmp(argv[i], "--from-start"))
			o->from_start = true;
		else if (!strcmp(argv[i], "--verbose"))
			o->verbose = true;
		else if (i + 1 < argc && !strcmp(argv[i], "--first"))
			o->first = strtoull(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "--every"))
			o->every = strtoull(argv[++i], NULL, 0);
		else if (i + 1 < argc && !strcmp(argv[i], "--steps"))
			o->steps = strtoull(argv[++i], NULL, 0);
		else
			return -EINVAL;
	}
	return i < argc && o->every ? i : -EINVAL;
}

int main(int argc, char **argv)
{
	struct stepper *s = calloc(1, sizeof(*s));
	int i, r, failed;

	if (!s)
		return 1;
	i = parse(argc, argv, &s->options);
	if (i < 0) {
		fprintf(stderr, "usage: stepper [--long] [--first N] [--every K] [--steps N] "
				"[--from-start] [--verbose] PROGRAM [ARG...]\n");
		free(s);
		return 2;
	}
	r = ours_new(&s->ours);
	if (!r)
		r = theirs_unw_new(&s->unw);
	if (!r)
		r = theirs_dw_new(&s->dw);
	if (!r)
		r = trace(s, argv + i);
	failed = report(s, argv[i], r);
	theirs_dw_free(s->dw);
	theirs_unw_free(s->unw);
	ours_free(s->ours);
	free(s);
	return failed;
}
