// SPDX-License-Identifier: Apache-2.0
/*
 * Stacks of threads that sleep, walked from outside (profiler/unwind/remote.h): the functions are
 * those that the program is known to sleep in, and every frame is libunwind's, by which the same
 * thread is walked through ptrace. Registers come from ptrace; then the thread is let go, sleeps
 * on, and is walked as the recorder does it. And what processes may do that do not want to be read.
 */
#include <dirent.h>
#include <elf.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <time.h>

#ifdef WITH_LIBUNWIND
#include <libunwind-ptrace.h>
#endif

#include "recording.h"
#include "unwind/remote.h"

/* Linux 6.4 */
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif

enum { MAX_THREADS = 16, SERVINGS = 400 };

struct sleeper {
	uint32_t tid;
	char name[16];
	struct cresset_registers registers;
	uint64_t theirs[CRESSET_MAX_FRAMES]; /* addresses in files */
	size_t n_theirs;
};

struct program {
	pid_t pid;
	int output;
	const char *path;
	struct sleeper sleepers[MAX_THREADS];
	size_t n;
};

static const char *workload(const char *name)
{
	static char path[512];
	const char *folder = getenv("WORKLOADS");

	if (!folder)
		folder = access("/workloads", X_OK) ? TEST_BUILD_DIR "/tests/workloads"
						    : "/workloads";
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (access(path, R_OK))
		fail_msg("no %s", path);
	return path;
}

/* ---- Threads that sleep. */

static bool read_line(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(to, (int)size, f);

	if (f)
		fclose(f);
	to[ok ? strcspn(to, "\n") : 0] = '\0';
	return ok;
}

/* In the kernel, waiting for something: state S, and by now a second time. */
static bool is_asleep(pid_t pid, uint32_t tid)
{
	char path[64], line[512], *state;

	snprintf(path, sizeof(path), "/proc/%d/task/%u/stat", pid, tid);
	state = read_line(path, line, sizeof(line)) ? strrchr(line, ')') : NULL;
	return state && state[2] == 'S';
}

static void find_sleepers(struct program *p, size_t want)
{
	char path[300], name[16];
	struct dirent *e;
	DIR *dir;

	p->n = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", p->pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		uint32_t tid = (uint32_t)atoi(e->d_name);

		snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", p->pid, e->d_name);
		if (!tid || tid == (uint32_t)p->pid || !read_line(path, name, sizeof(name)) ||
		    !strncmp(name, "asleep", 6) || !is_asleep(p->pid, tid))
			continue;
		assert_true(p->n < MAX_THREADS);
		p->sleepers[p->n].tid = tid;
		strcpy(p->sleepers[p->n++].name, name);
	}
	closedir(dir);
	if (p->n > want)
		fail_msg("%zu threads sleep", p->n);
}

static void start(struct program *p, const char *name, char *const *kinds)
{
	char *argv[MAX_THREADS] = {(char *)workload(name)}, c;
	size_t n = 0;
	int ends[2];

	while (kinds[n])
		n++;
	memcpy(argv + 1, kinds, n * sizeof(*kinds));
	memset(p, 0, sizeof(*p));
	p->path = argv[0];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (!p->pid) {
		dup2(ends[1], STDOUT_FILENO);
		execv(argv[0], argv);
		_exit(127);
	}
	close(ends[1]);
	p->output = ends[0];
	assert_int_equal(read(p->output, &c, 1), 1);
	for (int tries = 0; p->n < n; tries++) {
		usleep(10000);
		find_sleepers(p, n);
		if (tries == 1000)
			fail_msg("only %zu threads sleep", p->n);
	}
}

static void finish(struct program *p)
{
	close(p->output);
	reap(p->pid);
}

static struct sleeper *sleeper_of(struct program *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->sleepers[i].name, name))
			return &p->sleepers[i];
	fail_msg("no thread %s", name);
	return NULL;
}

/* ---- The same by ptrace and libunwind. */

/* The address that a file has for a run-time one, as frames of ours have it; 0: no file's. */
static uint64_t file_address(pid_t pid, uint64_t ip)
{
	char maps[64], line[600], path[512];
	uint64_t start_, end_, offset, ret = 0;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	FILE *f, *elf;

	snprintf(maps, sizeof(maps), "/proc/%d/maps", pid);
	f = fopen(maps, "re");
	assert_non_null(f);
	while (!ret && fgets(line, sizeof(line), f)) {
		path[0] = '\0';
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %511s", &start_,
			   &end_, &offset, path) < 3 ||
		    ip < start_ || ip >= end_)
			continue;
		if (path[0] == '[')
			ret = ip - start_;
		elf = path[0] == '/' ? fopen(path, "re") : NULL;
		if (!elf)
			break;
		if (fread(&eh, sizeof(eh), 1, elf) != 1)
			eh.e_phnum = 0;
		for (int i = 0; i < eh.e_phnum; i++) {
			fseek(elf, (long)(eh.e_phoff + (size_t)i * sizeof(ph)), SEEK_SET);
			if (fread(&ph, sizeof(ph), 1, elf) != 1 || ph.p_type != PT_LOAD ||
			    !(ph.p_flags & PF_X))
				continue;
			if (ip - start_ + offset - ph.p_offset < ph.p_filesz)
				ret = ip - start_ + offset - ph.p_offset + ph.p_vaddr;
		}
		fclose(elf);
	}
	fclose(f);
	return ret;
}

#ifdef WITH_LIBUNWIND
static void walk_theirs(pid_t pid, struct sleeper *s)
{
	unw_addr_space_t space = unw_create_addr_space(&_UPT_accessors, 0);
	void *upt = _UPT_create((pid_t)s->tid);
	unw_cursor_t cursor;
	unw_word_t ip;

	assert_non_null(space);
	assert_non_null(upt);
	assert_int_equal(unw_init_remote(&cursor, space, upt), 0);
	do {
		if (unw_get_reg(&cursor, UNW_REG_IP, &ip) || !ip)
			break;
		s->theirs[s->n_theirs++] = file_address(pid, ip);
	} while (unw_step(&cursor) > 0 && s->n_theirs < CRESSET_MAX_FRAMES);
	_UPT_destroy(upt);
	unw_destroy_addr_space(space);
}
#else
static void walk_theirs(pid_t pid, struct sleeper *s)
{
}
#endif

static void take_registers(struct cresset_registers *r, const struct user_regs_struct *u)
{
	const uint64_t general[CRESSET_N_GENERAL] = {u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi,
						     0,	     0,	     u->r8,  u->r9,  u->r10, u->r11,
						     u->r12, u->r13, u->r14, u->r15};

	*r = (struct cresset_registers){.ip = u->rip, .sp = u->rsp, .fp = u->rbp};
	memcpy(r->general, general, sizeof(general));
}

/* Stops it, takes its registers and libunwind's stack of it, and lets it sleep on. */
static void look_at(pid_t pid, struct sleeper *s)
{
	struct user_regs_struct u;
	pid_t tid = (pid_t)s->tid;
	int status;

	assert_int_equal(ptrace(PTRACE_SEIZE, tid, NULL, NULL), 0);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, tid, NULL, NULL), 0);
	assert_int_equal(waitpid(tid, &status, __WALL), tid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_GETREGS, tid, NULL, &u), 0);
	take_registers(&s->registers, &u);
	walk_theirs(pid, s);
	assert_int_equal(ptrace(PTRACE_DETACH, tid, NULL, NULL), 0);
	for (int tries = 0; !is_asleep(pid, s->tid); tries++) {
		usleep(1000);
		assert_true(tries < 10000);
	}
}

/* ---- Ours. */

static uint32_t exec_id_of(const struct session *s, pid_t pid)
{
	uint32_t exec_id = 0;

	/* Frame pointers need none. */
	if (!procmap_exec_id(s->procmap, (uint32_t)pid, &exec_id))
		print_message("  process %d is not known\n", pid);
	return exec_id;
}

static struct session *begin_on(pid_t pid, enum cresset_unwind unwind)
{
	struct cresset_recorder_options options = CRESSET_RECORDER_OPTIONS_INIT;
	uint32_t pids[1] = {(uint32_t)pid};

	options.unwind = unwind;
	options.pids = pids;
	options.n_pids = pid ? 1 : 0;
	return begin(&options, NULL);
}

static struct remote *remote_of(struct session *s)
{
	struct remote *r = NULL;

	assert_int_equal(s->unwinder->remote(s, &r), 0);
	assert_non_null(r);
	return r;
}

static struct remote_thread thread_of(const struct session *s, const struct program *p,
				      const struct sleeper *sleeper)
{
	return (struct remote_thread){.pid = (uint32_t)p->pid,
				      .tid = sleeper->tid,
				      .exec_id = exec_id_of(s, p->pid),
				      .registers = sleeper->registers};
}

static bool wants_tables(int stop, const uint64_t *frames, size_t n)
{
	if (stop == CRESSET_STOP_NOT_KNOWN || stop == CRESSET_STOP_NO_TABLE ||
	    stop == CRESSET_STOP_NOT_MAPPED || stop == CRESSET_STOP_EVICTED)
		return true;
	for (size_t i = 0; i < n; i++)
		if (frames[i] & CRESSET_FRAME_FALLBACK)
			return true;
	return false;
}

/* Walks, and serves the unwinder until nothing is missed any more. */
static int walk(struct session *s, const struct remote_thread *t, uint64_t *frames, size_t *n)
{
	struct remote *r = remote_of(s);
	int stop = -1;

	for (int i = 0; i < SERVINGS; i++) {
		stop = remote_walk(r, t, frames, n);
		assert_true(stop >= 0 && stop < CRESSET_N_STOPS);
		if (!wants_tables(stop, frames, *n))
			break;
		assert_true(session_poll(s, 10) >= 0);
	}
	return stop;
}

/* ---- Names. */

struct symbols {
	char *image;
	size_t size;
	const Elf64_Sym *table;
	const char *names;
	size_t n;
};

static void symbols_read(struct symbols *s, const char *path)
{
	const Elf64_Ehdr *eh;
	const Elf64_Shdr *sh;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && !fstat(fd, &st));
	s->size = (size_t)st.st_size;
	s->image = mmap(NULL, s->size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(s->image != MAP_FAILED);
	close(fd);
	eh = (const void *)s->image;
	sh = (const void *)(s->image + eh->e_shoff);
	for (int i = 0; i < eh->e_shnum; i++)
		if (sh[i].sh_type == SHT_SYMTAB) {
			s->table = (const void *)(s->image + sh[i].sh_offset);
			s->n = sh[i].sh_size / sizeof(*s->table);
			s->names = s->image + sh[sh[i].sh_link].sh_offset;
		}
	assert_non_null(s->table);
}

static const char *symbol_at(const struct symbols *s, uint64_t address)
{
	for (size_t i = 0; i < s->n; i++)
		if (ELF64_ST_TYPE(s->table[i].st_info) == STT_FUNC &&
		    address - s->table[i].st_value < s->table[i].st_size)
			return s->names + s->table[i].st_name;
	return "";
}

/* The names, leaf first, must be among the frames in this order, one right after the other. */
static void expect_names(const struct symbols *s, const uint64_t *frames, size_t n,
			 const char *const *names)
{
	size_t at = 0, i;

	for (i = 0; i < n && names[at]; i++) {
		uint64_t address = frames[i] & CRESSET_FRAME_ADDRESS;
		bool behind = i && !(frames[i] & CRESSET_FRAME_EXACT);

		if (!strcmp(symbol_at(s, address - behind), names[at]))
			at++;
		else if (at)
			break;
	}
	if (names[at])
		fail_msg("no %s after %zu frames of %zu", names[at], i, n);
}

static void expect_same(const struct sleeper *s, const uint64_t *frames, size_t n)
{
	for (size_t i = 0; i < n && i < s->n_theirs; i++)
		if ((frames[i] & CRESSET_FRAME_ADDRESS) != s->theirs[i])
			fail_msg("%s: frame %zu: %llx, theirs %llx", s->name, i,
				 (unsigned long long)frames[i], (unsigned long long)s->theirs[i]);
#ifdef WITH_LIBUNWIND
	assert_int_equal(n, s->n_theirs);
#endif
}

static void expect_asleep(struct session *session, struct program *p, const struct symbols *symbols,
			  const char *name, const char *waits)
{
	const char *const names[] = {waits, "inner", "middle", "outer", "start", NULL};
	struct sleeper *s = sleeper_of(p, name);
	struct remote_thread t = thread_of(session, p, s);
	uint64_t frames[CRESSET_MAX_FRAMES];
	size_t n = 0;
	int stop = walk(session, &t, frames, &n);

	print_message("  %s: %zu frames, theirs %zu, stop %d\n", name, n, s->n_theirs, stop);
	assert_int_equal(stop, CRESSET_STOP_WHOLE);
	for (size_t i = 0; i < n; i++)
		assert_false(frames[i] & CRESSET_FRAME_FALLBACK);
	expect_same(s, frames, n);
	expect_names(symbols, frames, n, names);
}

static char *const all_kinds[] = {"nanosleep", "futex", "read",	 "poll", "handler",
				  "altstack",  "deep",	"large", NULL};

static void expect_all(struct session *session, struct program *p)
{
	struct symbols symbols = {.n = 0};

	symbols_read(&symbols, p->path);
	for (size_t i = 0; all_kinds[i]; i++) {
		char waits[32];

		snprintf(waits, sizeof(waits), "wait_%s", all_kinds[i]);
		expect_asleep(session, p, &symbols, all_kinds[i], waits);
	}
	munmap(symbols.image, symbols.size);
}

static void by_tables(void **state)
{
	struct session *s;
	struct program p;

	start(&p, "asleep", all_kinds);
	for (size_t i = 0; i < p.n; i++)
		look_at(p.pid, &p.sleepers[i]);
	s = begin_on(p.pid, CRESSET_UNWIND_AUTO);
	expect_all(s, &p);
	cresset_profile_free(end(s));
	finish(&p);
}

/* System-wide nothing is loaded until somebody misses it; here nobody but we do. */
static void misses_are_served(void **state)
{
	struct remote_stats stats;
	struct session *s;
	struct program p;

	start(&p, "asleep", all_kinds);
	for (size_t i = 0; i < p.n; i++)
		look_at(p.pid, &p.sleepers[i]);
	s = begin_on(0, CRESSET_UNWIND_DWARF);
	expect_all(s, &p);
	remote_get_stats(remote_of(s), &stats);
	assert_true(stats.misses > 0);
	assert_true(stats.frames > 0);
	assert_int_equal(stats.fallback, 0);
	cresset_profile_free(end(s));
	finish(&p);
}

static void by_frame_pointers(void **state)
{
	static char *const kinds[] = {"nanosleep", "large", NULL};
	const char *const names[] = {"wait_nanosleep", "inner", "middle", "outer", "start", NULL};
	const char *const large[] = {"wait_nanosleep", "wait_large", "inner", "middle",
				     "outer",	       "start",	     NULL};
	struct symbols symbols = {.n = 0};
	uint64_t frames[CRESSET_MAX_FRAMES];
	struct session *s;
	struct program p;
	size_t n = 0;

	start(&p, "asleep_fp", kinds);
	symbols_read(&symbols, p.path);
	s = begin_on(p.pid, CRESSET_UNWIND_FP);
	for (size_t i = 0; i < p.n; i++) {
		struct remote_thread t;
		int stop;

		look_at(p.pid, &p.sleepers[i]);
		t = thread_of(s, &p, &p.sleepers[i]);
		stop = remote_walk(remote_of(s), &t, frames, &n);
		print_message("  %s: %zu frames, stop %d\n", p.sleepers[i].name, n, stop);
		assert_true(stop >= 0);
		/* Run-time addresses: no file is named. */
		for (size_t j = 0; j < n; j++) {
			assert_int_equal(CRESSET_FRAME_DSO(frames[j]), 0);
			frames[j] = file_address(p.pid, frames[j]);
		}
		expect_names(&symbols, frames, n,
			     strcmp(p.sleepers[i].name, "large") ? names : large);
	}
	munmap(symbols.image, symbols.size);
	cresset_profile_free(end(s));
	finish(&p);
}

/* ---- Those that do not want to be read. */

static struct remote *frame_pointers(void)
{
	const struct remote_options options = {.unwinder = CRESSET_UNWINDER_fp};
	struct remote *r = NULL;

	assert_int_equal(remote_new(&options, &r), 0);
	return r;
}

struct hostile {
	uint64_t looped; /* frames that lead back to themselves */
	uint64_t closed; /* PROT_NONE */
	uint64_t untouched;
	uint64_t last;	   /* a page with nothing behind it, where its frame leads to */
	uint64_t faulting; /* nobody answers its page faults; 0: not to be had */
	uint64_t hanging;  /* … though its pages look as if they were swapped out */
};

static uint64_t *map(int protection)
{
	uint64_t *p = mmap(NULL, 4 * 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	return p;
}

/* A page fault there waits for us; with markers left by write protection it looks swapped out. */
static uint64_t map_faulting(bool marked)
{
	uint64_t start_ = (uint64_t)(uintptr_t)map(PROT_READ | PROT_WRITE);
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {.range = {start_, 4 * 4096},
				      .mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_writeprotect protect = {.range = {start_, 4 * 4096},
					      .mode = UFFDIO_WRITEPROTECT_MODE_WP};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (marked) {
		api.features = UFFD_FEATURE_WP_UNPOPULATED;
		reg.mode |= UFFDIO_REGISTER_MODE_WP;
	}
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg) ||
	    (marked && ioctl(fd, UFFDIO_WRITEPROTECT, &protect)))
		return 0;
	return start_;
}

static void be_hostile(void *arg)
{
	struct hostile *h = arg;
	uint64_t *p = map(PROT_READ | PROT_WRITE);

	/* fp at p[2]: its caller's is p[2] itself, or below. */
	p[2] = (uint64_t)(uintptr_t)&p[2];
	p[3] = 0x401000;
	h->looped = (uint64_t)(uintptr_t)&p[2];
	h->closed = (uint64_t)(uintptr_t)map(PROT_NONE);
	h->untouched = (uint64_t)(uintptr_t)map(PROT_READ | PROT_WRITE);
	p = map(PROT_READ | PROT_WRITE);
	munmap(p + 512, 3 * 4096);
	p[0] = (uint64_t)(uintptr_t)(p + 512);
	p[1] = 0x401000;
	h->last = (uint64_t)(uintptr_t)p;
	h->hanging = map_faulting(true);
	__atomic_store_n(&h->faulting, map_faulting(false) + 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static int walk_at(struct remote *r, pid_t pid, uint64_t sp, uint64_t fp, size_t *ret_n)
{
	const struct remote_thread t = {.pid = (uint32_t)pid,
					.tid = (uint32_t)pid,
					.registers = {.ip = 0x401000, .sp = sp, .fp = fp}};
	uint64_t frames[CRESSET_MAX_FRAMES];

	*ret_n = 0;
	return remote_walk(r, &t, frames, ret_n);
}

static void expect_stop(struct remote *r, pid_t pid, uint64_t address, int want)
{
	size_t n;

	assert_int_equal(walk_at(r, pid, address, address, &n), want);
	assert_true(n >= 1);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void hostile_memory(void **state)
{
	struct hostile *h =
		mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = child_of(be_hostile, h);
	struct remote *r = frame_pointers();
	struct remote_stats stats;
	uint64_t begin_ms;
	size_t n;

	for (int i = 0; !__atomic_load_n(&h->faulting, __ATOMIC_ACQUIRE); i++) {
		usleep(1000);
		assert_true(i < 10000);
	}
	h->faulting--;
	expect_stop(r, pid, h->looped, CRESSET_STOP_NOT_GROWING);
	expect_stop(r, pid, h->closed, CRESSET_STOP_READ_FAULT);
	expect_stop(r, pid, h->untouched, CRESSET_STOP_READ_FAULT);
	expect_stop(r, pid, h->last, CRESSET_STOP_READ_FAULT);
	expect_stop(r, pid, 0x8000, CRESSET_STOP_READ_FAULT);
	expect_stop(r, pid, ~UINT64_C(7), CRESSET_STOP_READ_FAULT);
	expect_stop(r, pid, (UINT64_C(1) << 47) - 8, CRESSET_STOP_READ_FAULT);
	expect_stop(r, pid, h->looped + 1, CRESSET_STOP_MISALIGNED);
	if (h->faulting)
		expect_stop(r, pid, h->faulting, CRESSET_STOP_READ_FAULT);
	else
		print_message("  no userfaultfd here\n");
	remote_get_stats(r, &stats);
	assert_int_equal(stats.slow + stats.gone + stats.refused, 0);
	if (h->hanging) {
		begin_ms = now_ms();
		assert_int_equal(walk_at(r, pid, h->hanging, h->hanging, &n), -ETIMEDOUT);
		print_message("  gave up after %llu ms\n",
			      (unsigned long long)(now_ms() - begin_ms));
		/* Left alone now, wherever; others are not. */
		assert_int_equal(walk_at(r, pid, h->looped, h->looped, &n), -EAGAIN);
		assert_true(walk_at(r, getpid(), h->looped, h->looped, &n) >= 0);
		remote_get_stats(r, &stats);
		assert_int_equal(stats.slow, 2);
	} else {
		print_message("  no way to make a read hang here\n");
	}
	/* While one still hangs. */
	remote_free(r);
	reap(pid);
	munmap(h, sizeof(*h));
}

static void gone_or_not_ours(void **state)
{
	pid_t pid = child_of(spin, NULL), child;
	struct remote *r = frame_pointers();
	uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0) & ~UINT64_C(15);
	int status;
	size_t n;

	assert_true(walk_at(r, pid, here, here, &n) >= 0);
	/* Without privileges: another's memory is not ours to read. */
	child = fork();
	if (!child) {
		struct remote *own = frame_pointers();

		if (setresuid(65534, 65534, 65534))
			_exit(2);
		_exit(walk_at(own, pid, here, here, &n) == -EPERM ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* Ended, but not yet gone; then gone. */
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
	assert_int_equal(walk_at(r, pid, here, here, &n), -ESRCH);
	reap(pid);
	assert_int_equal(walk_at(r, pid, here, here, &n), -ESRCH);
	remote_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_tables),	     cmocka_unit_test(misses_are_served),
		cmocka_unit_test(by_frame_pointers), cmocka_unit_test(hostile_memory),
		cmocka_unit_test(gone_or_not_ours),
	};

#ifndef __x86_64__
	printf("skipped: takes the registers of x86-64\n");
	return 77;
#endif
	if (not_allowed())
		return 77;
#ifndef WITH_LIBUNWIND
	printf("without libunwind: only names are compared\n");
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
