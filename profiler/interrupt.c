// SPDX-License-Identifier: Apache-2.0
/*
 * The thread sleeps in poll() on a signalfd and on an eventfd that interrupt_free() rings.
 *
 * Which file is half written only the sink knows, deep inside the library. But every sink has its
 * temporary file open, so the program's own descriptors tell: a link to ".NAME.<12 hex>.tmp" (see
 * formats/sink_file.c) is one of ours to remove, wherever it is.
 */
#include "interrupt.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};
#define N_STOP (sizeof(stop_signals) / sizeof(stop_signals[0]))

struct interrupt {
	atomic_uint asked;
	atomic_int signal;
	int signal_fd;
	int quit_fd;
	bool running;
	pthread_t thread;
	pthread_mutex_t lock;
	pid_t child;
	sigset_t old_mask;
	struct sigaction old_stop[N_STOP];
	struct sigaction old_pipe;
};

static bool is_temporary(const char *path)
{
	const char *slash = strrchr(path, '/'), *hex;
	size_t n = strlen(path);

	if (!slash || slash[1] != '.' || strlen(slash) < 20 || strcmp(path + n - 4, ".tmp") != 0)
		return false;
	hex = path + n - 16;
	for (int k = 0; k < 12; k++) {
		if (!isxdigit((unsigned char)hex[k]))
			return false;
	}
	return hex[-1] == '.';
}

static void remove_temporaries(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char path[PATH_MAX];

	while (dir && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, path, sizeof(path) - 1);

		if (n <= 0)
			continue;
		path[n] = '\0';
		if (is_temporary(path))
			unlink(path);
	}
}

static void quit_now(struct interrupt *i, int sig)
{
	remove_temporaries();
	pthread_mutex_lock(&i->lock);
	if (i->child > 0)
		kill(i->child, SIGTERM);
	_exit(128 + sig);
}

static void stop_once(struct interrupt *i, int sig)
{
	atomic_store(&i->signal, sig);
	if (atomic_fetch_add(&i->asked, 1) > 0)
		quit_now(i, sig);
	/* Ctrl-C reaches the command by itself, through the terminal; the others only come here. */
	if (sig == SIGINT)
		return;
	pthread_mutex_lock(&i->lock);
	if (i->child > 0)
		kill(i->child, SIGTERM);
	pthread_mutex_unlock(&i->lock);
}

static void *watch(void *arg)
{
	struct interrupt *i = arg;
	struct pollfd fds[] = {{.fd = i->signal_fd, .events = POLLIN},
			       {.fd = i->quit_fd, .events = POLLIN}};
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents && read(i->signal_fd, &info, sizeof(info)) == sizeof(info))
			stop_once(i, (int)info.ssi_signo);
	}
}

static void set_actions(struct interrupt *i)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL}, ign = {.sa_handler = SIG_IGN};

	for (size_t s = 0; s < N_STOP; s++) {
		sigaction(stop_signals[s], NULL, &i->old_stop[s]);
		/* A shell starts background jobs with SIGINT ignored; `kill -INT` must still stop
		 * a recording. nohup's SIGHUP stays ignored: that is a wish. */
		if (stop_signals[s] != SIGHUP)
			sigaction(stop_signals[s], &dfl, NULL);
	}
	sigaction(SIGPIPE, &ign, &i->old_pipe);
}

int interrupt_new(struct interrupt **ret)
{
	struct interrupt *i = calloc(1, sizeof(*i));
	sigset_t set;
	int r;

	if (!i)
		return -ENOMEM;
	i->quit_fd = -1;
	pthread_mutex_init(&i->lock, NULL);
	sigemptyset(&set);
	for (size_t s = 0; s < N_STOP; s++)
		sigaddset(&set, stop_signals[s]);
	pthread_sigmask(SIG_BLOCK, &set, &i->old_mask);
	set_actions(i);
	i->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (i->signal_fd >= 0)
		i->quit_fd = eventfd(0, EFD_CLOEXEC);
	r = i->quit_fd < 0 ? -errno : -pthread_create(&i->thread, NULL, watch, i);
	if (r < 0) {
		interrupt_free(i);
		return r;
	}
	i->running = true;
	*ret = i;
	return 0;
}

void interrupt_restore(const struct interrupt *i)
{
	for (size_t s = 0; s < N_STOP; s++)
		sigaction(stop_signals[s], &i->old_stop[s], NULL);
	sigaction(SIGPIPE, &i->old_pipe, NULL);
	pthread_sigmask(SIG_SETMASK, &i->old_mask, NULL);
}

void interrupt_free(struct interrupt *i)
{
	const uint64_t one = 1;

	if (!i)
		return;
	if (i->running && write(i->quit_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(i->thread, NULL);
	if (i->signal_fd >= 0)
		close(i->signal_fd);
	if (i->quit_fd >= 0)
		close(i->quit_fd);
	interrupt_restore(i);
	pthread_mutex_destroy(&i->lock);
	free(i);
}

bool interrupt_asked(const struct interrupt *i, int *ret_signal)
{
	if (ret_signal)
		*ret_signal = atomic_load(&i->signal);
	return atomic_load(&i->asked) > 0;
}

void interrupt_guard_child(struct interrupt *i, pid_t pid)
{
	pthread_mutex_lock(&i->lock);
	i->child = pid;
	pthread_mutex_unlock(&i->lock);
}
