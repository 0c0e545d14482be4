// SPDX-License-Identifier: Apache-2.0
/*
 * bench_oracle [-j JOBS] [FILE|DIRECTORY]... - our unwind tables of every ELF file there against
 * libdw's (support/cfi_oracle.h). Prints what came of the rows by class, every file with a
 * disagreement, and the cost of compiling. Exit status 1 if there is a disagreement, or if 0.05 %
 * of the rows or more are unsupported. Default: /usr, two jobs. Files are taken once per inode.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/cfi_oracle.h"

enum { MAX_FILES = 1 << 18, MAX_JOBS = 16 };

struct file {
	char *path;
	dev_t dev;
	ino_t ino;
	off_t size;
};

struct list {
	struct file files[MAX_FILES];
	size_t n;
};

enum outcome { COMPARED, NO_CFI, OTHER_MACHINE, NOT_LOADED, NOT_WALKED, FAILED, N_OUTCOMES };

static const char *const outcomes[] = {
	[COMPARED] = "compared",
	[NO_CFI] = "without unwind information",
	[OTHER_MACHINE] = "of other machines",
	[NOT_LOADED] = "not programs or shared objects (relocatable, core)",
	[NOT_WALKED] = "not walked by libdw",
	[FAILED] = "failed",
};

/* Shared between the jobs. */
struct shared {
	atomic_size_t next;
	struct {
		struct cfi_oracle_report sum;
		size_t outcomes[N_OUTCOMES];
		size_t rules;
	} jobs[MAX_JOBS];
};

static struct list *list; /* nftw() has no argument to hand on */

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct file *f = &list->files[list->n];
	char magic[SELFMAG];
	ssize_t n;
	int fd;

	if (type != FTW_F || !S_ISREG(st->st_mode) || st->st_size < 64 || list->n == MAX_FILES)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, magic, sizeof(magic));
	close(fd);
	if (n != SELFMAG || memcmp(magic, ELFMAG, SELFMAG))
		return 0;
	f->path = strdup(path);
	if (!f->path)
		return -1;
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->size = st->st_size;
	list->n++;
	return 0;
}

static int by_inode(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* Large ones first, so that the jobs end together. */
static int by_size(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return by_inode(a, b);
}

static void sort_list(void)
{
	size_t n = 0;

	qsort(list->files, list->n, sizeof(list->files[0]), by_inode);
	for (size_t i = 0; i < list->n; i++)
		if (!n || list->files[i].ino != list->files[n - 1].ino ||
		    list->files[i].dev != list->files[n - 1].dev)
			list->files[n++] = list->files[i];
	list->n = n;
	qsort(list->files, n, sizeof(list->files[0]), by_size);
}

static enum outcome outcome_of(const struct cfi_oracle_report *r)
{
	switch (r->error) {
	case 0:
		return r->skipped ? NOT_WALKED : COMPARED;
	case -ENODATA:
		return NO_CFI;
	case -ENOTSUP:
		return OTHER_MACHINE;
	case -ENOEXEC:
		return NOT_LOADED;
	default:
		return FAILED;
	}
}

static void say(const char *path, const struct cfi_oracle_report *r, enum outcome outcome)
{
	if (outcome == FAILED || outcome == NOT_WALKED)
		printf("%s: %s: %s\n", path, outcomes[outcome],
		       r->error ? strerror(-r->error) : "no section it can walk");
	if (cfi_oracle_wrong(r))
		printf("%s: %zu rows differ, the first at %#llx: %s\n", path, cfi_oracle_wrong(r),
		       (unsigned long long)r->first_pc, cfi_oracle_text(r->first_class));
	if (cfi_oracle_unsupported(r))
		printf("%s: %zu of %zu rows unsupported, the first at %#llx\n", path,
		       cfi_oracle_unsupported(r), r->n_rows, (unsigned long long)r->first_pc);
	fflush(stdout);
}

static void work(struct shared *shared, size_t job)
{
	struct cfi_rules *rules;

	if (cfi_rules_new(&rules))
		exit(1);
	for (;;) {
		size_t i = atomic_fetch_add(&shared->next, 1);
		struct cfi_oracle_report r;
		enum outcome outcome;

		if (i >= list->n)
			break;
		cfi_oracle_file(list->files[i].path, rules, &r);
		outcome = outcome_of(&r);
		shared->jobs[job].outcomes[outcome]++;
		cfi_oracle_add(&shared->jobs[job].sum, &r);
		say(list->files[i].path, &r, outcome);
	}
	shared->jobs[job].rules = cfi_rules_count(rules);
	cfi_rules_free(rules);
}

static int print(const struct shared *shared, size_t n_jobs, double elapsed)
{
	size_t totals[N_OUTCOMES] = {0}, wrong, unsupported, rules = 0;
	struct cfi_oracle_report sum = {0};

	for (size_t i = 0; i < n_jobs; i++) {
		cfi_oracle_add(&sum, &shared->jobs[i].sum);
		rules = shared->jobs[i].rules > rules ? shared->jobs[i].rules : rules;
		for (int k = 0; k < N_OUTCOMES; k++)
			totals[k] += shared->jobs[i].outcomes[k];
	}
	for (int k = 0; k < N_OUTCOMES; k++)
		printf("%10zu files %s\n", totals[k], outcomes[k]);
	printf("%10zu FDEs, of them %zu of no code\n", sum.n_fdes, sum.n_fdes_no_code);
	printf("%10zu rows of libdw\n", sum.n_rows);
	for (int i = 0; i < CFI_ORACLE_N_CLASSES; i++)
		printf("%10zu %s\n", sum.classes[i], cfi_oracle_text((enum cfi_oracle_class)i));
	wrong = cfi_oracle_wrong(&sum);
	unsupported = cfi_oracle_unsupported(&sum);
	printf("%10zu different, %zu unsupported (%.4f %% of the rows)\n", wrong, unsupported,
	       sum.n_rows ? 100.0 * (double)unsupported / (double)sum.n_rows : 0);
	printf("%10zu rows in our tables (%zu before merging), %zu different rules%s\n",
	       sum.n_table_rows, sum.n_table_rows_raw, rules,
	       n_jobs > 1 ? " in one job (-j 1: in all)" : "");
	printf("%10.2f s of CPU time to compile: %.1f M rows/s (%.1f M/s before merging); %.0f s in all\n",
	       sum.compile_seconds, (double)sum.n_table_rows / sum.compile_seconds / 1e6,
	       (double)sum.n_table_rows_raw / sum.compile_seconds / 1e6, elapsed);
	return wrong || !sum.n_rows || unsupported * 2000 >= sum.n_rows || totals[FAILED];
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void run_jobs(struct shared *shared, size_t n_jobs)
{
	pid_t pids[MAX_JOBS];
	int status;

	for (size_t i = 0; i < n_jobs; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			work(shared, i);
			_exit(0);
		}
	}
	for (size_t i = 0; i < n_jobs; i++) {
		if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || status) {
			fprintf(stderr, "bench_oracle: a job failed\n");
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double start = now();
	size_t n_jobs = 2;
	int opt;

	list = calloc(1, sizeof(*list));
	if (shared == MAP_FAILED || !list)
		return 1;
	while ((opt = getopt(argc, argv, "j:")) != -1) {
		if (opt != 'j')
			return 2;
		n_jobs = (size_t)strtoul(optarg, NULL, 10);
	}
	if (n_jobs < 1 || n_jobs > MAX_JOBS)
		return 2;
	if (optind == argc)
		nftw("/usr", visit, 32, FTW_PHYS);
	for (int i = optind; i < argc; i++) {
		char *path = realpath(argv[i], NULL);

		if (!path || nftw(path, visit, 32, FTW_PHYS)) {
			fprintf(stderr, "bench_oracle: %s: %s\n", argv[i], strerror(errno));
			return 2;
		}
		free(path);
	}
	sort_list();
	fflush(stdout);
	run_jobs(shared, n_jobs);
	return print(shared, n_jobs, now() - start);
}
