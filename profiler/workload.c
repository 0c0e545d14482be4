// SPDX-License-Identifier: Apache-2.0
/*
 * See workload.h. Between fork and exec the child calls only what is safe to call there: the
 * program has threads.
 */
#include "workload.h"

#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static _Noreturn void run_child(char *const *argv, int hold_fd, int error_fd,
				const struct interrupt *interrupt)
{
	const char *base = strrchr(argv[0], '/');
	ssize_t n;
	char go;
	int err;

	do {
		n = read(hold_fd, &go, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(127);
	interrupt_restore(interrupt);
	/* The first samples fall into exec itself: they belong to the command too. */
	prctl(PR_SET_NAME, base ? base + 1 : argv[0]);
	execvp(argv[0], argv);
	err = errno;
	if (write(error_fd, &err, sizeof(err)) != sizeof(err))
		_exit(127);
	_exit(err == ENOENT ? 127 : 126);
}

int workload_start(struct workload *w, char *const *argv, const struct interrupt *interrupt)
{
	int hold[2], report[2], r;

	*w = (struct workload){.hold_fd = -1, .error_fd = -1};
	if (pipe2(hold, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(report, O_CLOEXEC) < 0) {
		r = -errno;
		close(hold[0]);
		close(hold[1]);
		return r;
	}
	w->pid = fork();
	if (w->pid == 0) {
		close(hold[1]);
		close(report[0]);
		run_child(argv, hold[0], report[1], interrupt);
	}
	r = w->pid < 0 ? -errno : 0;
	close(hold[0]);
	close(report[1]);
	w->hold_fd = hold[1];
	w->error_fd = report[0];
	if (r < 0) {
		w->pid = 0;
		workload_release_fds(w);
	}
	return r;
}

int workload_release(struct workload *w)
{
	int err = 0;
	ssize_t n;

	if (write(w->hold_fd, "", 1) != 1)
		return -errno;
	close_fd(&w->hold_fd);
	do {
		n = read(w->error_fd, &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	close_fd(&w->error_fd);
	if (n != sizeof(err) || err <= 0)
		return 0;
	workload_wait(w);
	return -err;
}

bool workload_ended(struct workload *w)
{
	if (w->pid > 0 && !w->ended && waitpid(w->pid, &w->status, WNOHANG) == w->pid)
		w->ended = true;
	return w->ended;
}

void workload_wait(struct workload *w)
{
	while (w->pid > 0 && !w->ended) {
		pid_t r = waitpid(w->pid, &w->status, 0);

		if (r == w->pid || (r < 0 && errno != EINTR))
			w->ended = true;
	}
}

int workload_exit_code(const struct workload *w)
{
	if (WIFSIGNALED(w->status))
		return 128 + WTERMSIG(w->status);
	return WEXITSTATUS(w->status);
}

void workload_release_fds(struct workload *w)
{
	bool held = w->hold_fd >= 0;

	close_fd(&w->hold_fd);
	close_fd(&w->error_fd);
	if (held)
		workload_wait(w);
}
