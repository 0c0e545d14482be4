// SPDX-License-Identifier: Apache-2.0
/*
 * oddbin.c - code in files that cannot be opened by their name.
 *
 *     oddbin plain SECONDS            runs main;work_loop;odd_work
 *     oddbin deleted SECONDS          the same, from a copy of itself that is deleted
 *     oddbin replaced SECONDS         the same, from a copy whose place another file has taken
 *     oddbin memfd SECONDS            the same, from a memfd
 *     oddbin dlopen SECONDS PLUGIN    main;plugin_entry;plugin_inner, opened half a second later
 *     oddbin dlclose SECONDS PLUGIN   the same, unmapped before the end
 *
 * Prints "ready" when it runs what it was asked for.
 */
#include "work.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static NOINLINE void odd_work(void)
{
	WORK_SPIN(100);
}

static NOINLINE void work_loop(double seconds)
{
	uint64_t end = work_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);

	while (work_clock_ns(CLOCK_MONOTONIC) < end)
		odd_work();
	work_tick();
}

static NOINLINE int plugin_loop(double seconds, const char *path, int close_it)
{
	void (*entry)(uint64_t rounds);
	uint64_t end;
	void *lib;

	usleep(500000);
	lib = dlopen(path, RTLD_NOW);
	if (!lib) {
		fprintf(stderr, "oddbin: %s\n", dlerror());
		return 1;
	}
	*(void **)&entry = dlsym(lib, "plugin_entry");
	end = work_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	while (entry && work_clock_ns(CLOCK_MONOTONIC) < end)
		entry(100);
	if (close_it)
		dlclose(lib);
	return !entry;
}

static int copy_self(int out)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (in < 0 || fstat(in, &st))
		return -1;
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(out, in, NULL, (size_t)left);

		if (n <= 0)
			return -1;
		left -= n;
	}
	return close(in);
}

/* Runs "oddbin plain SECONDS" from a copy on disk; gone: what becomes of the copy's name. */
static int run_copy(char *seconds, int replace)
{
	char path[] = "/tmp/oddbin-XXXXXX", name[64];
	char *args[] = {"oddbin", replace ? "unreplace" : "undelete", seconds, path, NULL};
	int fd = mkstemp(path);

	if (fd < 0 || copy_self(fd) || fchmod(fd, 0755) || close(fd))
		return 1;
	snprintf(name, sizeof(name), "%s", path);
	execv(name, args);
	return 1;
}

static int run_memfd(char *seconds)
{
	char *args[] = {"oddbin", "plain", seconds, NULL};
	int fd = memfd_create("odd-memfd", MFD_CLOEXEC);

	if (fd < 0 || copy_self(fd))
		return 1;
	fexecve(fd, args, environ);
	return 1;
}

/* A file of the same name that is not what is mapped. */
static int put_other(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	if (fd < 0 || write(fd, "#!/bin/false\n", 13) != 13)
		return 1;
	return close(fd);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "plain";
	double seconds = work_seconds(argc, argv, 2);

	if (!strcmp(mode, "deleted") || !strcmp(mode, "replaced"))
		return run_copy(argv[2], mode[0] == 'r');
	if (!strcmp(mode, "memfd"))
		return run_memfd(argv[2]);
	if (argc > 3 && !strncmp(mode, "un", 2)) {
		unlink(argv[3]);
		if (mode[2] == 'r' && put_other(argv[3]))
			return 1;
	}
	printf("ready\n");
	fflush(stdout);
	if (argc > 3 && !strncmp(mode, "dl", 2))
		return plugin_loop(seconds, argv[3], !strcmp(mode, "dlclose"));
	work_loop(seconds);
	if (!strcmp(mode, "unreplace"))
		unlink(argv[3]);
	return 0;
}
