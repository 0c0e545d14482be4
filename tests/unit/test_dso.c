// SPDX-License-Identifier: Apache-2.0
/*
 * dso and elfhead: binaries made by the compiler, then replaced, deleted, damaged and exchanged for
 * things that are no files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "dso.h"
#include "support/alloc_fail.h"
#include "support/fixture.h"

/* No process has this pid: pid_max is at most 2^22. */
static const struct dso_place gone = {.pid = 1u << 30, .start = 0x1000, .end = 0x2000};

struct env {
	struct fixture f;
	struct dso_table t;
};

static int setup(void **state)
{
	static const char source[] = "int work(int x)\n{\n\treturn x * 3;\n}\n"
				     "int main(void)\n{\n\treturn work(0);\n}\n";
	struct env *e = malloc(sizeof(*e));

	fixture_init(&e->f);
	fixture_write(&e->f, "a.c", source, sizeof(source) - 1);
	fixture_run(&e->f, "cc -O1 -Wl,--build-id=sha1 -o a a.c");
	fixture_run(&e->f, "cc -O2 -g -Wl,--build-id=sha1 -o other a.c");
	fixture_run(&e->f, "cc -O1 -no-pie -Wl,--build-id=none -o noid a.c");
	assert_int_equal(dso_table_init(&e->t, 4), 0);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	dso_table_release(&e->t);
	fixture_release(&e->f);
	free(e);
	return 0;
}

static void read_elf(const char *path, struct elfhead *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(elfhead_read(fd, ret), 0);
	close(fd);
}

static struct dso *add(struct env *e, const struct dso_identity *identity)
{
	uint32_t id;

	assert_int_equal(dso_table_add(&e->t, identity, &id), 0);
	assert_non_null(dso_table_get(&e->t, id));
	return dso_table_get(&e->t, id);
}

static struct dso *add_by_build_id(struct env *e, const char *name)
{
	struct elfhead elf;
	struct dso_identity identity = {.path = fixture_path(&e->f, name)};

	read_elf(identity.path, &elf);
	identity.build_id = elf.build_id;
	identity.build_id_size = elf.build_id_size;
	return add(e, &identity);
}

static struct dso *add_by_inode(struct env *e, const char *name)
{
	struct dso_identity identity = {.path = fixture_path(&e->f, name)};
	struct stat st;

	assert_int_equal(stat(identity.path, &st), 0);
	identity.dev = st.st_dev;
	identity.ino = st.st_ino;
	return add(e, &identity);
}

static void head_is_what_readelf_says(void **state)
{
	struct env *e = *state;
	struct elfhead elf;
	char line[200], hex[2 * ELFHEAD_BUILD_ID_BYTES + 1] = "";
	unsigned long offset, vaddr, filesz, memsz;
	FILE *f;

	read_elf(fixture_path(&e->f, "a"), &elf);
	for (size_t i = 0; i < elf.build_id_size; i++)
		sprintf(hex + 2 * i, "%02x", elf.build_id[i]);
	fixture_run(&e->f, "readelf -n a | sed -n 's/.*Build ID: //p' > id");
	f = fopen(fixture_path(&e->f, "id"), "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%199s", line), 1);
	fclose(f);
	assert_string_equal(hex, line);

	fixture_run(&e->f, "readelf -lW a | awk '$1==\"LOAD\" && /R E/ {print $2,$3,$5,$6}' > x");
	f = fopen(fixture_path(&e->f, "x"), "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lx %lx %lx %lx", &offset, &vaddr, &filesz, &memsz), 4);
	fclose(f);
	assert_true(elf.n_loads >= 2);
	assert_true(elf.loads[0].executable);
	assert_int_equal(elf.loads[0].offset, offset);
	assert_int_equal(elf.loads[0].vaddr, vaddr);
	assert_int_equal(elf.loads[0].filesz, filesz);
	assert_int_equal(elf.loads[0].memsz, memsz);
	assert_int_equal(elfhead_find(&elf, offset), 0);
	assert_int_equal(elfhead_find(&elf, offset + filesz - 1), 0);
	/* The rest of its last page is also mapped; far beyond there is nothing. */
	assert_int_equal(elfhead_find(&elf, offset + filesz), 0);
	assert_int_equal(elfhead_find(&elf, UINT64_C(1) << 40), -1);
	assert_int_equal(elfhead_find(&elf, UINT64_MAX), -1);

	/* As the loader maps it: whole pages, which have the ends of other segments in them. */
	assert_int_equal(elfhead_find_code(&elf, offset & ~4095ul, filesz + 4096), 0);
	assert_int_equal(elfhead_find_code(&elf, 0, UINT64_MAX), 0);
	assert_int_equal(elfhead_find_code(&elf, offset + filesz - 1, UINT64_MAX), 0);
	assert_int_equal(elfhead_find_code(&elf, offset + filesz, UINT64_MAX), -1);
	assert_int_equal(elfhead_find_code(&elf, offset, 0), -1);
	assert_int_equal(elfhead_find_address(&elf, vaddr), 0);
	assert_int_equal(elfhead_find_address(&elf, vaddr + memsz - 1), 0);
	assert_int_equal(elfhead_find_address(&elf, elf.loads[1].vaddr), 1);
	assert_int_equal(elfhead_find_address(&elf, UINT64_C(1) << 40), -1);
	assert_int_equal(elfhead_find_address(&elf, UINT64_MAX), -1);
}

static void no_build_id_is_none(void **state)
{
	struct env *e = *state;
	struct elfhead elf;

	read_elf(fixture_path(&e->f, "noid"), &elf);
	assert_int_equal(elf.build_id_size, 0);
}

/* Cut anywhere and damaged anywhere: an answer, and never one with a segment past 2^64. */
static void damaged_heads(void **state)
{
	struct env *e = *state;
	unsigned char data[2048];
	FILE *f = fopen(fixture_path(&e->f, "a"), "re");
	size_t n;
	int fd;

	assert_non_null(f);
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	assert_int_equal(n, sizeof(data));
	fd = open(fixture_path(&e->f, "damaged"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (size_t i = 0; i < 1024; i++) {
		struct elfhead elf;
		unsigned char saved = data[i];
		int r;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, data, i, 0), i);
		r = elfhead_read(fd, &elf);
		assert_true(i >= 64 || r == -ENOEXEC);
		data[i] = 0xff;
		assert_int_equal(pwrite(fd, data, n, 0), n);
		r = elfhead_read(fd, &elf);
		data[i] = saved;
		assert_true(r == 0 || r == -ENOEXEC || r == -EINVAL);
		for (size_t j = 0; !r && j < elf.n_loads; j++) {
			assert_true(elf.loads[j].offset + elf.loads[j].filesz >=
				    elf.loads[j].offset);
			assert_true(elf.loads[j].vaddr + elf.loads[j].memsz >= elf.loads[j].vaddr);
		}
	}
	close(fd);
}

static void damaged_notes(void **state)
{
	/* namesz 4, descsz 4, type 3, "GNU", "abcd" */
	unsigned char note[] = {4, 0, 0,   0,	4,   0, 0,   0,	  3,   0,
				0, 0, 'G', 'N', 'U', 0, 'a', 'b', 'c', 'd'};
	uint8_t id[8];

	assert_int_equal(elfhead_build_id(note, sizeof(note), 4, id, sizeof(id)), 4);
	assert_memory_equal(id, "abcd", 4);
	assert_int_equal(elfhead_build_id(note, sizeof(note), 4, id, 3), 0);
	for (size_t n = 0; n < sizeof(note); n++)
		assert_int_equal(elfhead_build_id(note, n, 4, id, sizeof(id)), 0);
	for (size_t i = 0; i < 12; i++) {
		unsigned char saved = note[i];

		note[i] = 0xff;
		assert_int_equal(elfhead_build_id(note, sizeof(note), 4, id, sizeof(id)), 0);
		note[i] = saved;
	}
}

static void equal_identities_are_one(void **state)
{
	struct env *e = *state;
	struct dso_identity anon = {.path = "", .dev = 5, .ino = 6};
	struct dso_identity path = {.path = "/usr/bin/x", .dev = 5, .ino = 6};
	struct dso *d = add(e, &path);

	assert_ptr_equal(add(e, &path), d);
	path.ino = 7;
	assert_ptr_not_equal(add(e, &path), d);
	d = add(e, &anon);
	assert_int_equal(d->kind, DSO_ANON);
	assert_string_equal(d->path, "//anon");
	anon.ino = 99;
	assert_ptr_equal(add(e, &anon), d);
	anon.path = "[vdso]";
	assert_int_equal(add(e, &anon)->kind, DSO_VDSO);
	anon.path = "[anon:some heap]";
	assert_int_equal(add(e, &anon)->kind, DSO_ANON);
	path.path = "/usr/bin/y (deleted)";
	assert_string_equal(add(e, &path)->path, "/usr/bin/y");
	assert_null(dso_table_get(&e->t, 0));
	assert_null(dso_table_get(&e->t, 1000));
}

static void a_dead_process_is_named_by_build_id(void **state)
{
	struct env *e = *state;
	struct dso *d = add_by_build_id(e, "a");
	int fd;

	assert_int_equal(dso_resolve(&e->t, d, &gone, 1), 0);
	assert_int_equal(d->state, DSO_READY);
	assert_memory_equal(dso_elf(d)->build_id, d->build_id, d->build_id_size);
	/* Kept open: the name may go now. */
	fixture_run(&e->f, "rm a");
	fd = dso_open(&e->t, d);
	assert_true(fd >= 0);
	close(fd);
}

static void one_file_is_opened_once(void **state)
{
	struct env *e = *state;
	struct dso *by_id = add_by_build_id(e, "a"), *by_inode = add_by_inode(e, "a");

	assert_ptr_not_equal(by_id, by_inode);
	assert_int_equal(dso_resolve(&e->t, by_id, &gone, 1), 0);
	assert_int_equal(dso_resolve(&e->t, by_inode, &gone, 1), 0);
	assert_int_equal(by_inode->state, DSO_READY);
	assert_ptr_equal(dso_elf(by_id), dso_elf(by_inode));
	assert_int_equal(e->t.n_open, 1);
	assert_int_equal(e->t.stats.opened, 1);
}

static void a_replaced_file_is_refused(void **state)
{
	struct env *e = *state;
	struct dso *by_id = add_by_build_id(e, "a"), *by_inode = add_by_inode(e, "a");

	fixture_run(&e->f, "mv a kept && cp other a");
	assert_int_equal(dso_resolve(&e->t, by_id, &gone, 1), 0);
	assert_int_equal(dso_resolve(&e->t, by_inode, &gone, 1), 0);
	assert_int_equal(by_id->state, DSO_UNREADABLE);
	assert_int_equal(by_inode->state, DSO_UNREADABLE);
	assert_null(dso_elf(by_id));
	assert_int_equal(e->t.stats.mismatched, 2);
	assert_int_equal(e->t.stats.unreadable, 2);
	assert_int_equal(dso_open(&e->t, by_id), -ENOENT);
	/* Back in its place: found, but not before another drain. */
	fixture_run(&e->f, "mv -f kept a");
	assert_int_equal(dso_resolve(&e->t, by_id, &gone, 1), 0);
	assert_int_equal(by_id->state, DSO_UNREADABLE);
	assert_int_equal(dso_resolve(&e->t, by_id, &gone, 2), 0);
	assert_int_equal(by_id->state, DSO_READY);
	assert_int_equal(e->t.stats.unreadable, 2);
}

/* The same inode, but not what it was when it was mapped. */
static void a_file_written_over_is_refused(void **state)
{
	struct env *e = *state;
	struct dso *by_inode = add_by_inode(e, "a"), *untouched = add_by_inode(e, "other");

	usleep(50000); /* file times go by ticks */
	fixture_run(&e->f, "cat other > a");
	assert_int_equal(dso_resolve(&e->t, by_inode, &gone, 1), 0);
	assert_int_equal(by_inode->state, DSO_UNREADABLE);
	assert_int_equal(e->t.stats.mismatched, 1);
	assert_int_equal(dso_resolve(&e->t, untouched, &gone, 1), 0);
	assert_int_equal(untouched->state, DSO_READY);
}

static void what_is_no_binary(void **state)
{
	struct env *e = *state;
	struct dso_identity identity = {.path = fixture_path(&e->f, "fifo")};
	struct dso *d;

	/* A pipe without a writer would hang whoever opens it. */
	fixture_run(&e->f, "mkfifo fifo");
	identity.dev = identity.ino = 1;
	d = add(e, &identity);
	assert_int_equal(dso_resolve(&e->t, d, &gone, 1), 0);
	assert_int_equal(d->state, DSO_UNREADABLE);
	identity.path = "/dev/null";
	d = add(e, &identity);
	assert_int_equal(dso_resolve(&e->t, d, &gone, 1), 0);
	assert_int_equal(d->state, DSO_UNREADABLE);
	d = add_by_inode(e, "a.c");
	assert_int_equal(dso_resolve(&e->t, d, &gone, 1), 0);
	assert_int_equal(d->state, DSO_NOT_ELF);
	assert_int_equal(e->t.n_open, 0);
}

static void a_deleted_file_is_found_while_mapped(void **state)
{
	struct env *e = *state;
	struct dso_place place = {.pid = (uint32_t)getpid()};
	struct dso_identity identity;
	char path[128], link[80];
	struct stat st;
	struct dso *d;
	void *at;
	int fd;

	fd = open(fixture_path(&e->f, "a"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	close(fd);
	fixture_run(&e->f, "rm a");
	place.start = (uintptr_t)at;
	place.end = place.start + 4096;
	snprintf(path, sizeof(path), "%s (deleted)", fixture_path(&e->f, "a"));
	identity = (struct dso_identity){.path = path, .dev = st.st_dev, .ino = st.st_ino};
	d = add(e, &identity);
	assert_int_equal(dso_resolve(&e->t, d, &place, 1), 0);
	snprintf(link, sizeof(link), "/proc/self/map_files/%lx-%lx", (unsigned long)place.start,
		 (unsigned long)place.end);
	fd = open(link, O_RDONLY | O_CLOEXEC);
	/* The kernel may keep these links for the privileged. */
	assert_int_equal(d->state, fd >= 0 ? DSO_READY : DSO_UNREADABLE);
	assert_string_equal(d->path, fixture_path(&e->f, "a"));
	if (fd >= 0)
		close(fd);
	munmap(at, 4096);
}

/* More binaries than descriptors: all can be opened, again and again. */
static void descriptors_are_limited(void **state)
{
	struct env *e = *state;
	struct dso *d[8];

	for (int i = 0; i < 8; i++) {
		char name[16];

		snprintf(name, sizeof(name), "copy%d", i);
		fixture_run(&e->f, "cp a %s", name);
		d[i] = add_by_build_id(e, name);
		assert_int_equal(dso_resolve(&e->t, d[i], &gone, 1), 0);
		assert_int_equal(d[i]->state, DSO_READY);
		assert_true(e->t.n_open <= 4);
	}
	for (int i = 0; i < 16; i++) {
		int fd = dso_open(&e->t, d[i % 8]);

		assert_true(fd >= 0);
		close(fd);
		assert_true(e->t.n_open <= 4);
	}
	/* Closed, and another file by that name since: not that one. */
	fixture_run(&e->f, "cp --remove-destination other copy0");
	assert_int_equal(dso_open(&e->t, d[0]), -ESTALE);
}

static void sweeping_keeps_what_is_used(void **state)
{
	struct env *e = *state;
	struct dso_identity identity = {.path = "/one", .ino = 1};
	uint32_t one, two, three, again;

	assert_int_equal(dso_table_add(&e->t, &identity, &one), 0);
	identity.path = "/two";
	assert_int_equal(dso_table_add(&e->t, &identity, &two), 0);
	identity.path = "/three";
	assert_int_equal(dso_table_add(&e->t, &identity, &three), 0);
	dso_table_get(&e->t, one)->marked = true;
	dso_table_get(&e->t, three)->used_epoch = 5;
	dso_table_sweep(&e->t, 5);
	assert_non_null(dso_table_get(&e->t, one));
	assert_null(dso_table_get(&e->t, two));
	assert_non_null(dso_table_get(&e->t, three));
	assert_int_equal(e->t.n, 2);
	/* Still found, and the free id is used again. */
	assert_int_equal(dso_table_add(&e->t, &identity, &again), 0);
	assert_int_equal(again, three);
	identity.path = "/four";
	assert_int_equal(dso_table_add(&e->t, &identity, &again), 0);
	assert_int_equal(again, two);
	dso_table_sweep(&e->t, 6);
	assert_int_equal(e->t.n, 0);
}

static void failed_allocations(void **state)
{
	struct env *e = *state;
	struct dso_identity identity = {.path = fixture_path(&e->f, "a")};
	struct elfhead elf;

	read_elf(identity.path, &elf);
	identity.build_id = elf.build_id;
	identity.build_id_size = elf.build_id_size;
	for (unsigned int n = 1; alloc_fail_next(&n, 100);) {
		struct dso_table t;
		uint32_t id;
		int r = dso_table_init(&t, 4);

		if (!r)
			r = dso_table_add(&t, &identity, &id);
		if (!r)
			r = dso_resolve(&t, dso_table_get(&t, id), &gone, 1);
		dso_table_release(&t);
		if (!alloc_fail_end()) {
			assert_int_equal(r, 0);
			return;
		}
		assert_int_equal(r, -ENOMEM);
	}
	fail();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(head_is_what_readelf_says),
		T(no_build_id_is_none),
		T(damaged_heads),
		cmocka_unit_test(damaged_notes),
		T(equal_identities_are_one),
		T(a_dead_process_is_named_by_build_id),
		T(one_file_is_opened_once),
		T(a_replaced_file_is_refused),
		T(a_file_written_over_is_refused),
		T(what_is_no_binary),
		T(a_deleted_file_is_found_while_mapped),
		T(descriptors_are_limited),
		T(sweeping_keeps_what_is_used),
		T(failed_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
