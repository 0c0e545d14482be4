// SPDX-License-Identifier: Apache-2.0
/*
 * waits.c - threads that wait in known ways and measure it themselves; waits_fp is the same with
 * frame pointers.
 *
 *     waits SECONDS TRUTH KIND…       (all kinds if none is named)
 *
 * Each kind has a thread of its name that waits again and again below its own functions,
 * KIND_outer;KIND_middle;KIND_wait;…, and times every wait: by CLOCK_MONOTONIC, less the time that
 * it had a CPU in the meantime. That is perf's task clock, from one switch to the next;
 * CLOCK_THREAD_CPUTIME_ID leaves out interrupts and what the host took of a virtual CPU, several
 * percent of a thread that writes to a disk. How much of the wait it was runnable is the kernel's
 * own run_delay (/proc/thread-self/schedstat). At the end TRUTH has for each kind:
 *
 *     KIND tid count off_ns runnable_ns wall_ns charged_ns outer_ns switches cpu_ns
 *
 * off_ns: blocked and runnable below KIND_wait; runnable_ns: of that; switches: how often it left
 * its CPU there. wall_ns, charged_ns and cpu_ns are of the whole thread between its first and its
 * last measurement: charged_ns by CLOCK_THREAD_CPUTIME_ID, cpu_ns by the task clock. outer_ns is
 * from before it was created until it had been joined. The measurements are below KIND_wait too.
 *
 * It begins with a sleep of SETTLE_MS, so that profilers know the program when it matters.
 *
 * Kinds: sleep (to absolute times), semaphore, pipe, poll and condition (woken by the thread
 * `waker`), fsync, migrate (pinned to another CPU before each wait), moved (moved to another CPU
 * during it), never (all the time asleep: it is told of at the end only), spin0 to spin3 (never
 * block, but there are more of them than CPUs), still (never switches if its CPU is free).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "work.h"

#define HARD	 NOINLINE
#define NS_OF_MS UINT64_C(1000000)

struct kind {
	const char *name;
	void (*run)(struct kind *k);
	bool wanted;
	pthread_t thread;
	atomic_int tid;
	int schedstat, task_clock;
	uint64_t count, switches, off_ns, runnable_ns, wall_ns, charged_ns, cpu_ns;
	uint64_t begin_ns, begin_charged_ns, begin_cpu_ns, born_ns, outer_ns;
};

enum { SETTLE_MS = 400 };

struct moment {
	uint64_t wall_ns, cpu_ns, delay_ns, switches;
};

static atomic_bool over;
static const char *folder_file;
static const char blocks[1 << 20];
static int pipe_ends[2], poll_ends[2], file = -1, n_cpus;
static sem_t semaphore, none;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static unsigned long turns;
static atomic_int moved_tid;

static uint64_t run_delay_ns(const struct kind *k)
{
	unsigned long long ran, delay = 0;
	char text[96];
	ssize_t n = pread(k->schedstat, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%llu %llu", &ran, &delay) != 2)
		return 0;
	return delay;
}

static uint64_t switches(void)
{
	struct rusage u;

	return getrusage(RUSAGE_THREAD, &u) ? 0 : (uint64_t)(u.ru_nvcsw + u.ru_nivcsw);
}

static int task_clock_open(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_TASK_CLOCK};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t task_clock_ns(const struct kind *k)
{
	uint64_t ns = 0;

	return read(k->task_clock, &ns, sizeof(ns)) == (ssize_t)sizeof(ns) ? ns : 0;
}

/* The delay first and last: reading it is no part of the wait. */
static void begin(const struct kind *k, struct moment *m)
{
	m->delay_ns = run_delay_ns(k);
	m->switches = switches();
	m->wall_ns = work_clock_ns(CLOCK_MONOTONIC);
	m->cpu_ns = task_clock_ns(k);
}

static void end(struct kind *k, const struct moment *m)
{
	uint64_t cpu = task_clock_ns(k) - m->cpu_ns;
	uint64_t wall = work_clock_ns(CLOCK_MONOTONIC) - m->wall_ns;

	k->off_ns += wall > cpu ? wall - cpu : 0;
	k->switches += switches() - m->switches;
	k->runnable_ns += run_delay_ns(k) - m->delay_ns;
	k->count++;
}

static void sleep_to(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / 1000000000),
			     .tv_nsec = (long)(ns % 1000000000)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void pin_to(int tid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(tid, sizeof(set), &set);
}

/*
 * The three functions of a kind. Locals of a variable size and calls that are not in tail position
 * keep a frame pointer honest in waits_fp, and its lack noticed in waits.
 */
#define CHAIN(name, wait)                                                                          \
	static HARD void name##_wait(struct kind *k)                                               \
	{                                                                                          \
		struct moment m;                                                                   \
                                                                                                   \
		begin(k, &m);                                                                      \
		wait;                                                                              \
		end(k, &m);                                                                        \
	}                                                                                          \
	static HARD void name##_middle(struct kind *k)                                             \
	{                                                                                          \
		volatile char room[k->count % 100 + 40];                                           \
                                                                                                   \
		room[0] = 1;                                                                       \
		name##_wait(k);                                                                    \
		(void)room[0];                                                                     \
	}                                                                                          \
	static HARD void name##_outer(struct kind *k)                                              \
	{                                                                                          \
		name##_middle(k);                                                                  \
		work_tick();                                                                       \
	}

CHAIN(sleep, sleep_to(work_clock_ns(CLOCK_MONOTONIC) + 7 * NS_OF_MS))
CHAIN(semaphore, sem_wait(&semaphore))
CHAIN(pipe, ({
	      char c;

	      if (read(pipe_ends[0], &c, 1) != 1)
		      work_tick();
      }))
CHAIN(poll, ({
	      struct pollfd p = {.fd = poll_ends[0], .events = POLLIN};

	      poll(&p, 1, 1000);
      }))
CHAIN(condition, ({
	      unsigned long turn;

	      pthread_mutex_lock(&mutex);
	      for (turn = turns; turn == turns && !over;)
		      pthread_cond_wait(&condition, &mutex);
	      pthread_mutex_unlock(&mutex);
      }))
CHAIN(fsync, ({
	      if (pwrite(file, blocks, sizeof(blocks), 0) > 0)
		      fsync(file);
      }))
CHAIN(migrate, sleep_to(work_clock_ns(CLOCK_MONOTONIC) + 3 * NS_OF_MS))
CHAIN(moved, sleep_to(work_clock_ns(CLOCK_MONOTONIC) + 5 * NS_OF_MS))
CHAIN(never, sem_wait(&none))
CHAIN(spin, WORK_SPIN(200))
CHAIN(still, WORK_SPIN(200))
CHAIN(waker, sleep_to(work_clock_ns(CLOCK_MONOTONIC) + 4 * NS_OF_MS))

static void run_sleep(struct kind *k)
{
	sleep_outer(k);
}
static void run_semaphore(struct kind *k)
{
	semaphore_outer(k);
}
static void run_pipe(struct kind *k)
{
	pipe_outer(k);
}
static void run_condition(struct kind *k)
{
	condition_outer(k);
}
static void run_fsync(struct kind *k)
{
	sleep_to(work_clock_ns(CLOCK_MONOTONIC) + 10 * NS_OF_MS);
	fsync_outer(k);
}
static void run_spin(struct kind *k)
{
	spin_outer(k);
}
static void run_still(struct kind *k)
{
	still_outer(k);
}

static void run_poll(struct kind *k)
{
	char c;

	poll_outer(k);
	if (read(poll_ends[0], &c, 1) != 1)
		work_tick();
}

static void run_migrate(struct kind *k)
{
	pin_to(0, (int)(k->count % (uint64_t)n_cpus));
	migrate_outer(k);
}

static void run_moved(struct kind *k)
{
	moved_tid = k->tid;
	moved_outer(k);
}

/* Nobody ever posts it, and main() leaves while it sleeps. */
static void run_never(struct kind *k)
{
	never_outer(k);
}

static void run_waker(struct kind *k)
{
	waker_outer(k);
	sem_post(&semaphore);
	if (write(pipe_ends[1], "x", 1) != 1 || write(poll_ends[1], "x", 1) != 1)
		work_tick();
	pthread_mutex_lock(&mutex);
	turns++;
	pthread_cond_signal(&condition);
	pthread_mutex_unlock(&mutex);
	if (moved_tid)
		pin_to(moved_tid, (int)(k->count % (uint64_t)n_cpus));
}

/* The waker is the last to end. */
static struct kind kinds[] = {
	{.name = "sleep", .run = run_sleep},
	{.name = "semaphore", .run = run_semaphore},
	{.name = "pipe", .run = run_pipe},
	{.name = "poll", .run = run_poll},
	{.name = "condition", .run = run_condition},
	{.name = "fsync", .run = run_fsync},
	{.name = "migrate", .run = run_migrate},
	{.name = "moved", .run = run_moved},
	{.name = "never", .run = run_never},
	{.name = "spin0", .run = run_spin},
	{.name = "spin1", .run = run_spin},
	{.name = "spin2", .run = run_spin},
	{.name = "spin3", .run = run_spin},
	{.name = "still", .run = run_still},
	{.name = "waker", .run = run_waker, .wanted = true},
};
enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]), WAKER = N_KINDS - 1 };

static atomic_int running;

static void *start(void *arg)
{
	struct kind *k = arg;
	bool waker = k == &kinds[WAKER];

	prctl(PR_SET_NAME, k->name);
	prctl(PR_SET_TIMERSLACK, 1);
	k->tid = (int)syscall(SYS_gettid);
	k->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	k->task_clock = task_clock_open();
	if (k->schedstat < 0 || k->task_clock < 0) {
		fprintf(stderr, "waits: no schedstat, or no task clock\n");
		exit(1);
	}
	k->begin_ns = work_clock_ns(CLOCK_MONOTONIC);
	k->begin_charged_ns = work_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	k->begin_cpu_ns = task_clock_ns(k);
	while (waker ? running > 0 : !over)
		k->run(k);
	k->cpu_ns = task_clock_ns(k) - k->begin_cpu_ns;
	k->charged_ns = work_clock_ns(CLOCK_THREAD_CPUTIME_ID) - k->begin_charged_ns;
	k->wall_ns = work_clock_ns(CLOCK_MONOTONIC) - k->begin_ns;
	if (!waker)
		running--;
	return NULL;
}

static int begin_kind(struct kind *k)
{
	/* One that never ends is not waited for. */
	bool counted = k->run != run_never && k != &kinds[WAKER];

	if (!k->wanted)
		return 0;
	running += counted;
	k->born_ns = work_clock_ns(CLOCK_MONOTONIC);
	return pthread_create(&k->thread, NULL, start, k);
}

static int write_truth(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -1;
	for (int i = 0; i < N_KINDS; i++) {
		const struct kind *k = &kinds[i];

		if (k->wanted && k->run == run_never)
			fprintf(f, "%s %d 0 0 0 %" PRIu64 " 0 %" PRIu64 " 0 0\n", k->name, k->tid,
				work_clock_ns(CLOCK_MONOTONIC) - k->begin_ns,
				work_clock_ns(CLOCK_MONOTONIC) - k->born_ns);
		else if (k->wanted)
			fprintf(f,
				"%s %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
				" %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
				k->name, k->tid, k->count, k->off_ns, k->runnable_ns, k->wall_ns,
				k->charged_ns, k->outer_ns, k->switches, k->cpu_ns);
	}
	return fclose(f);
}

static int choose(int argc, char **argv)
{
	for (int i = 0; argc <= 3 && i < N_KINDS; i++)
		kinds[i].wanted = true;
	for (int a = 3; a < argc; a++) {
		int i = 0;

		while (i < N_KINDS && strcmp(kinds[i].name, argv[a]) != 0)
			i++;
		if (i == N_KINDS)
			return -1;
		kinds[i].wanted = true;
	}
	return 0;
}

int main(int argc, char **argv)
{
	double seconds = work_seconds(argc, argv, 1);
	char path[512];

	if (argc < 3 || choose(argc, argv)) {
		fprintf(stderr, "usage: waits SECONDS TRUTH KIND...\n");
		return 2;
	}
	folder_file = argv[2];
	snprintf(path, sizeof(path), "%s.data", folder_file);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	n_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (file < 0 || pipe(pipe_ends) || pipe(poll_ends) || sem_init(&semaphore, 0, 0) ||
	    sem_init(&none, 0, 0))
		return 1;
	unlink(path);
	/* The first task clock of a machine waits for its CPUs to take notice; it is not a
	 * thread's. */
	if (task_clock_open() < 0) {
		perror("waits: no task clock");
		return 1;
	}
	sleep_to(work_clock_ns(CLOCK_MONOTONIC) + SETTLE_MS * NS_OF_MS);
	for (int i = 0; i < N_KINDS; i++)
		if (begin_kind(&kinds[i]))
			return 1;
	sleep_to(work_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9));
	over = true;
	for (int i = 0; i < N_KINDS; i++)
		if (kinds[i].wanted && kinds[i].run != run_never) {
			pthread_join(kinds[i].thread, NULL);
			kinds[i].outer_ns = work_clock_ns(CLOCK_MONOTONIC) - kinds[i].born_ns;
		}
	return write_truth(folder_file) ? 1 : 0;
}
