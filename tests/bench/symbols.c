// SPDX-License-Identifier: Apache-2.0
/*
 * bench_symbols - addr2line on cresset's own index, for tests/bench/symbols.sh and for curious
 * people.
 *
 *     bench_symbols [-m] [-q] ELF < addresses
 *
 * Reads hexadecimal addresses, one a line, and prints as llvm-symbolizer does: for each address its
 * frames, innermost first, as a line with the name and a line with file:line:column, then an empty
 * line. -m leaves names mangled; -q prints nothing but the figures at the end (on standard error):
 * CPU seconds, memory of the index, addresses named.
 */
#include "core/hash.h"
#include "core/vec.h"
#include "symbolize/demangle.h"
#include "symbolize/index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_FRAMES = 256, BUFFER = 1 << 18 };

static int open_index(const char *path, struct symbol_index **ret)
{
	struct symbol_index *x = NULL;
	struct elf_image *e = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = elf_image_open_fd(fd, &e);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = symbol_index_new(&x);
	if (r == 0)
		r = symbol_index_add_symbols(x, e);
	if (r == 0 || r == -ENOENT)
		r = symbol_index_add_dwarf(x, e, NULL);
	if (r == 0 || r == -ENODATA)
		r = symbol_index_seal(x);
	elf_image_free(e);
	if (r < 0)
		symbol_index_free(x);
	else
		*ret = x;
	return r;
}

/* Demangles each name once, as a symbolizer of profiles does: the index gives the same pointer. */
struct plain_names {
	struct vec names; /* struct plain_name; id 1 is [0] */
	struct hash index;
};

struct plain_name {
	const char *mangled;
	char *plain;
};

static bool same_name(const void *table, uint32_t id, const void *key)
{
	return ((struct plain_name *)vec_at(table, id - 1))->mangled == *(char *const *)key;
}

static const char *plain_name(struct plain_names *p, const char *mangled)
{
	struct plain_name new = {.mangled = mangled}, *n;
	uint64_t hash = hash_bytes(&mangled, sizeof(mangled), 0);
	uint32_t id = hash_find(&p->index, hash, same_name, &p->names, &mangled);

	if (!id) {
		new.plain = demangle(mangled);
		if (hash_reserve(&p->index) < 0 || !vec_push(&p->names, &new, 1)) {
			free(new.plain);
			return mangled;
		}
		id = (uint32_t)p->names.n;
		hash_insert(&p->index, hash, id);
	}
	n = vec_at(&p->names, id - 1);
	return n->plain ? n->plain : mangled;
}

static void plain_names_release(struct plain_names *p)
{
	for (size_t i = 0; i < p->names.n; i++)
		free(((struct plain_name *)vec_at(&p->names, i))->plain);
	vec_release(&p->names);
	hash_release(&p->index);
}

/* p is NULL: names stay mangled. */
static void print_frames(const struct symbol_frame *frames, size_t n, struct plain_names *p)
{
	if (!n)
		puts("??\n??:0:0");
	for (size_t i = 0; i < n; i++) {
		fputs_unlocked(p ? plain_name(p, frames[i].name) : frames[i].name, stdout);
		printf("\n%s:%u:%u\n", frames[i].filename[0] ? frames[i].filename : "??",
		       frames[i].line, frames[i].column);
	}
	putchar('\n');
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

struct question {
	uint64_t address;
	size_t order;	/* in the input */
	uint32_t first; /* of its frames */
	uint32_t n;
};

static int by_address(const void *pa, const void *pb)
{
	const struct question *a = pa, *b = pb;

	return a->address < b->address ? -1 : a->address > b->address;
}

static int by_order(const void *pa, const void *pb)
{
	const struct question *a = pa, *b = pb;

	return a->order < b->order ? -1 : a->order > b->order;
}

static bool read_questions(struct vec *questions)
{
	struct question q = {.order = 0};
	char line[64];

	for (; fgets(line, sizeof(line), stdin); q.order++) {
		q.address = strtoull(line, NULL, 16);
		if (!vec_push(questions, &q, 1))
			return false;
	}
	return true;
}

/* In the order of addresses, as the symbolizer goes through the locations of a profile. */
static bool answer(struct symbol_index *x, struct vec *questions, struct vec *frames)
{
	struct symbol_frame some[MAX_FRAMES];

	qsort(questions->data, questions->n, sizeof(struct question), by_address);
	for (size_t i = 0; i < questions->n; i++) {
		struct question *q = vec_at(questions, i);

		q->n = (uint32_t)symbol_index_lookup(x, q->address, some, MAX_FRAMES);
		q->first = (uint32_t)frames->n;
		if (!vec_push(frames, some, q->n))
			return false;
	}
	qsort(questions->data, questions->n, sizeof(struct question), by_order);
	return true;
}

static void print_answers(const struct vec *questions, const struct vec *frames, bool mangled)
{
	char *buffer = malloc(BUFFER); /* glibc does not take the size alone */
	struct plain_names plain;

	vec_init(&plain.names, sizeof(struct plain_name));
	hash_init(&plain.index);
	if (buffer)
		setvbuf(stdout, buffer, _IOFBF, BUFFER);
	for (size_t i = 0; i < questions->n; i++) {
		const struct question *q = vec_at(questions, i);

		print_frames(vec_at(frames, q->first), q->n, mangled ? NULL : &plain);
	}
	fflush(stdout);
	setvbuf(stdout, NULL, _IONBF, 0);
	free(buffer);
	plain_names_release(&plain);
}

static void print_figures(const struct symbol_index *x, const struct vec *questions)
{
	struct symbol_index_stats stats;
	size_t named = 0;

	for (size_t i = 0; i < questions->n; i++)
		named += ((const struct question *)vec_at(questions, i))->n > 0;
	symbol_index_get_stats(x, &stats);
	fprintf(stderr,
		"%zu addresses, %zu named, %.3f CPU s, index %zu KiB; "
		"%llu symbols, units: %llu with code, %llu read, %llu damaged, %llu split\n",
		questions->n, named, cpu_seconds(), symbol_index_bytes(x) / 1024,
		(unsigned long long)stats.symbols, (unsigned long long)stats.units,
		(unsigned long long)stats.units_read, (unsigned long long)stats.units_damaged,
		(unsigned long long)stats.units_split);
}

int main(int argc, char **argv)
{
	struct symbol_index *x = NULL;
	struct vec questions, frames;
	bool mangled = false, quiet = false;
	int c, r;

	while ((c = getopt(argc, argv, "mq")) != -1) {
		mangled = mangled || c == 'm';
		quiet = quiet || c == 'q';
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "usage: bench_symbols [-m] [-q] ELF < addresses\n");
		return 2;
	}
	vec_init(&questions, sizeof(struct question));
	vec_init(&frames, sizeof(struct symbol_frame));
	r = open_index(argv[optind], &x);
	if (r == 0 && (!read_questions(&questions) || !answer(x, &questions, &frames)))
		r = -ENOMEM;
	if (r < 0)
		fprintf(stderr, "bench_symbols: %s: %s\n", argv[optind], strerror(-r));
	else if (quiet)
		print_figures(x, &questions);
	else
		print_answers(&questions, &frames, mangled);
	vec_release(&questions);
	vec_release(&frames);
	symbol_index_free(x);
	return r < 0 || ferror(stdout);
}
