// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel has mapped, looked up in trees of mappings built here as the kernel builds them:
 * of one to three levels, at every boundary; nodes that were taken out, files that are others by
 * now, and random nodes, from which nothing may come and nothing may break.
 */
#include "unwind_vma.h"
#include "walk_world.h"

int cresset_walk_vma(__u32 slot_id, __u64 address);

enum {
	LEAF_SLOTS = 16,
	INNER_SLOTS = 10,
	MAX_VMAS = 700,
	MAX_NODES = 128,
	DEV = (8 << 20) + 1,
	INO = 4711,
	SIZE = 123456,
	PAGE = 4096,
	READ = 1,
	EXEC = 4,
};

static const __u64 MTIME = 1700000000, CODE_AT = 0x3000, SHIFT = 0x1000;

struct node {
	_Alignas(256) unsigned char bytes[256];
};

/* All of the kernel's memory. */
static struct kernel {
	struct node nodes[MAX_NODES];
	size_t n_nodes;
	struct mm_struct___vma mm, other;
	struct super_block___vma sb;
	struct inode___vma inode;
	struct file___vma file;
	struct vm_area_struct___vma vmas[MAX_VMAS];
} kernel;

static __u64 entry_of(const struct node *n, int type)
{
	return (__u64)(uintptr_t)n | (__u64)type << 3 | 2;
}

/* A node over entries that end at ends[]; gaps are entries of 0. */
static struct node *make_node(int type, const __u64 *entries, const __u64 *ends, size_t n,
			      __u64 max)
{
	struct node *node = &kernel.nodes[kernel.n_nodes++];
	struct maple_arange_64___vma *inner = (void *)node;
	struct maple_range_64___vma *leaf = (void *)node;
	bool is_inner = type == maple_arange_64___vma;
	size_t pivots = is_inner ? INNER_SLOTS - 1 : LEAF_SLOTS - 1;

	assert_true(kernel.n_nodes <= MAX_NODES && n && n <= pivots + 1);
	memset(node, 0, sizeof(*node));
	for (size_t i = 0; i < n; i++) {
		if (i < pivots && ends[i] != max)
			(is_inner ? inner->pivot : leaf->pivot)[i] = ends[i];
		(is_inner ? inner->slot : leaf->slot)[i] = (void *)entries[i];
	}
	/* The byte that says how many there are shares its place with the last slot. */
	if (is_inner)
		inner->meta.end = (unsigned char)(n - 1);
	else if (n < LEAF_SLOTS)
		leaf->meta.end = (unsigned char)(n - 1);
	return node;
}

/* One level of the tree over the level below it; returns how many entries it has. */
static size_t make_level(int type, __u64 *entries, __u64 *ends, size_t n, size_t per_node)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i += per_node, out++) {
		size_t m = n - i < per_node ? n - i : per_node;
		__u64 max = ends[i + m - 1];

		entries[out] = entry_of(make_node(type, entries + i, ends + i, m, max), type);
		ends[out] = max;
	}
	return out;
}

/* n mappings of two pages, with a page between them, all of the file; per node as many entries. */
static void make_tree(size_t n, size_t per_leaf, size_t per_inner)
{
	static __u64 entries[2 * MAX_VMAS + 1], ends[2 * MAX_VMAS + 1];
	size_t k = 0;

	kernel.n_nodes = 0;
	for (size_t i = 0; i < n; i++) {
		struct vm_area_struct___vma *v = &kernel.vmas[i];

		v->vm_start = TEXT + 3 * PAGE * i;
		v->vm_end = v->vm_start + 2 * PAGE;
		v->vm_mm = &kernel.mm;
		v->vm_flags = READ | EXEC;
		v->vm_pgoff = CODE_AT / PAGE;
		v->vm_file = &kernel.file;
		entries[k] = 0;
		ends[k++] = v->vm_start - 1;
		entries[k] = (__u64)(uintptr_t)v;
		ends[k++] = v->vm_end - 1;
	}
	entries[k] = 0;
	ends[k++] = ~0ull;
	k = make_level(maple_leaf_64___vma, entries, ends, k, per_leaf);
	while (k > 1)
		k = make_level(maple_arange_64___vma, entries, ends, k, per_inner);
	kernel.mm.mm_mt.ma_root = (void *)entries[0];
}

static const struct cresset_unwind_file_key KEY = {.ino = INO, .dev = DEV};

static void know_file(void)
{
	struct cresset_unwind_file file = {.size = SIZE,
					   .mtime_sec = (__s64)MTIME,
					   .mtime_nsec = 5,
					   .dso = DSO,
					   .code_start = CODE_AT,
					   .code_end = CODE_AT + 2 * PAGE,
					   .shift = SHIFT};

	assert_int_equal(world->mem->ops->set_file(world->mem, &KEY, &file), 0);
}

static int set_up_kernel(void **state)
{
	int r = set_up(state);

	memset(&kernel, 0, sizeof(kernel));
	kernel.sb.s_dev = DEV;
	kernel.inode = (struct inode___vma){.i_sb = &kernel.sb,
					    .i_ino = INO,
					    .i_size = SIZE,
					    .i_mtime_sec = (__s64)MTIME,
					    .i_mtime_nsec = 5};
	kernel.file.f_inode = &kernel.inode;
	fake_cpu.kernel_memory = &kernel;
	fake_cpu.kernel_size = sizeof(kernel);
	world->task.task.mm = (struct mm_struct *)&kernel.mm;
	make_tree(1, LEAF_SLOTS, INNER_SLOTS);
	know_file();
	return r;
}

#define KERNEL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_kernel, tear_down)

static int find(__u64 address)
{
	cresset_scratch(0)->walk.bytes = 0;
	return cresset_walk_vma(0, address);
}

static void check_tree(size_t n)
{
	const struct cresset_walk *w = &cresset_scratch(0)->walk;

	for (size_t i = 0; i < n; i++) {
		__u64 start = TEXT + 3 * PAGE * i, end = start + 2 * PAGE;
		const __u64 inside[] = {start, start + 1, start + PAGE, end - 1};

		assert_int_equal(find(start - 1), -1);
		assert_int_equal(find(end), -1);
		for (size_t j = 0; j < sizeof(inside) / sizeof(inside[0]); j++) {
			assert_int_equal(find(inside[j]), DSO);
			assert_int_equal(w->start, start);
			assert_int_equal(w->bytes, 2 * PAGE);
			assert_int_equal(w->kind, CRESSET_RANGE_FILE);
			/* Its code's first byte is at offset CODE_AT, so at this address. */
			assert_int_equal(start - w->bias, CODE_AT - SHIFT);
		}
	}
	assert_int_equal(find(0), -1);
	assert_int_equal(find(~0ull), -1);
}

static void trees_of_all_shapes(void **state)
{
	static const size_t sizes[] = {1, 2, 5, 7, 8, 20, 75, 76, 300, MAX_VMAS};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_tree(sizes[i], LEAF_SLOTS, INNER_SLOTS);
		check_tree(sizes[i]);
	}
	/* Nodes with room left. */
	for (size_t per = 2; per < INNER_SLOTS; per++) {
		make_tree(30, per + 1, per);
		check_tree(30);
	}
}

static void what_is_no_code_of_ours(void **state)
{
	struct vm_area_struct___vma *v = &kernel.vmas[0];

	assert_int_equal(find(TEXT), DSO);
	v->vm_flags = READ;
	assert_int_equal(find(TEXT), -1);
	v->vm_flags = READ | EXEC;
	v->vm_mm = &kernel.other;
	assert_int_equal(find(TEXT), -1);
	v->vm_mm = &kernel.mm;
	/* It has been moved since the node was read. */
	v->vm_start += PAGE;
	assert_int_equal(find(TEXT), -1);
	v->vm_start -= PAGE;
	/* Data of the file that somebody made executable. */
	v->vm_pgoff = (CODE_AT + 2 * PAGE) / PAGE;
	assert_int_equal(find(TEXT), -1);
	v->vm_pgoff = CODE_AT / PAGE;
	assert_int_equal(find(TEXT), DSO);
	world->task.task.mm = NULL;
	assert_int_equal(find(TEXT), -1);
}

static void another_file_by_now(void **state)
{
	kernel.inode.i_mtime_nsec++;
	assert_int_equal(find(TEXT), -1);
	kernel.inode.i_mtime_nsec--;
	kernel.inode.i_mtime_sec++;
	assert_int_equal(find(TEXT), -1);
	kernel.inode.i_mtime_sec--;
	kernel.inode.i_size++;
	assert_int_equal(find(TEXT), -1);
	kernel.inode.i_size--;
	kernel.inode.i_ino++;
	assert_int_equal(find(TEXT), -1);
	kernel.inode.i_ino--;
	kernel.sb.s_dev++;
	assert_int_equal(find(TEXT), -1);
	kernel.sb.s_dev--;
	assert_int_equal(find(TEXT), DSO);
	assert_int_equal(world->mem->ops->delete_file(world->mem, &KEY), 0);
	assert_int_equal(find(TEXT), -1);
}

static void memory_of_no_file(void **state)
{
	const struct cresset_unwind_file_key none = {.ino = 0};
	const struct cresset_unwind_file vdso = {.dso = DSO + 1};
	const struct cresset_walk *w = &cresset_scratch(0)->walk;

	kernel.vmas[0].vm_file = NULL;
	assert_int_equal(find(TEXT), 0);
	assert_int_equal(w->kind, CRESSET_RANGE_ANON);
	kernel.mm.context.vdso = (void *)TEXT;
	/* Of which nothing is known yet. */
	assert_int_equal(find(TEXT), -1);
	assert_int_equal(world->mem->ops->set_file(world->mem, &none, &vdso), 0);
	assert_int_equal(find(TEXT + 5), DSO + 1);
	assert_int_equal(w->kind, CRESSET_RANGE_VDSO);
	assert_int_equal(w->bias, TEXT);
}

static void trees_in_change(void **state)
{
	struct node *root;

	make_tree(30, LEAF_SLOTS, INNER_SLOTS);
	root = &kernel.nodes[kernel.n_nodes - 1];
	assert_int_equal(find(TEXT), DSO);
	/* Taken out: the parent of a node is the node. */
	((struct maple_arange_64___vma *)root)->parent = root;
	assert_int_equal(find(TEXT), -1);
	((struct maple_arange_64___vma *)root)->parent = NULL;
	/* Roots that are none, types that there are not, a way in circles. */
	kernel.mm.mm_mt.ma_root = NULL;
	assert_int_equal(find(TEXT), -1);
	kernel.mm.mm_mt.ma_root = &kernel.vmas[0];
	assert_int_equal(find(TEXT), -1);
	for (int type = 4; type < 16; type++) {
		kernel.mm.mm_mt.ma_root = (void *)entry_of(root, type);
		assert_int_equal(find(TEXT), -1);
	}
	kernel.mm.mm_mt.ma_root = (void *)entry_of(root, maple_arange_64___vma);
	for (size_t i = 0; i < INNER_SLOTS; i++)
		((struct maple_arange_64___vma *)root)->slot[i] = kernel.mm.mm_mt.ma_root;
	assert_int_equal(find(TEXT), -1);
}

static void random_nodes(void **state)
{
	unsigned int seed = 1, found = 0;

	for (int round = 0; round < 20000; round++) {
		make_tree(40, LEAF_SLOTS, INNER_SLOTS);
		for (int i = rand_r(&seed) % 8; i >= 0; i--) {
			size_t at = (size_t)rand_r(&seed) % (kernel.n_nodes * sizeof(struct node));

			kernel.nodes[at / 256].bytes[at % 256] = (unsigned char)rand_r(&seed);
		}
		for (int i = 0; i < 4; i++) {
			__u64 address = TEXT + (__u64)rand_r(&seed) % (40 * 3 * PAGE);

			if (find(address) < 0)
				continue;
			/* Whatever the way, it is a mapping that has the address. */
			found++;
			assert_true((address - TEXT) % (3 * PAGE) < 2 * PAGE);
			assert_true(address - cresset_scratch(0)->walk.start < 2 * PAGE);
		}
	}
	assert_true(found > 1000);
}

/* The process is not known, so all of the stack is found by its mappings. */
static void a_new_process(void **state)
{
	const struct cresset_unwind_file file = {.size = SIZE,
						 .mtime_sec = (__s64)MTIME,
						 .mtime_nsec = 5,
						 .dso = DSO,
						 .code_end = TEXT_BYTES,
						 .shift = -(__u64)VADDR};
	struct cresset_unwind_miss miss;
	int stop;

	kernel.vmas[0].vm_end = TEXT + TEXT_BYTES;
	((struct maple_range_64___vma *)&kernel.nodes[0])->pivot[1] = TEXT + TEXT_BYTES - 1;
	kernel.vmas[0].vm_pgoff = 0;
	assert_int_equal(world->mem->ops->set_file(world->mem, &KEY, &file), 0);
	assert_int_equal(world->mem->ops->delete_proc(world->mem, PID), 0);
	world->registers.sp = at(10);
	world->stack[10] = in(R_SP32, 16);
	world->stack[10 + 4] = in(R_END, 16);
	check(in(R_FRAMELESS, 3), CRESSET_STOP_WHOLE, frame(in(R_FRAMELESS, 3)),
	      frame(in(R_SP32, 16)), frame(in(R_END, 16)));
	/* User space is told once. */
	assert_int_equal(misses(&miss), 1);
	assert_int_equal(miss.dso, 0);
	assert_int_equal(miss.pid, PID);
	/* And where nothing is mapped the process is not known. */
	world->registers.sp = at(100);
	walk(JIT, &stop);
	assert_int_equal(stop, CRESSET_STOP_NOT_KNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KERNEL_TEST(trees_of_all_shapes), KERNEL_TEST(what_is_no_code_of_ours),
		KERNEL_TEST(another_file_by_now), KERNEL_TEST(memory_of_no_file),
		KERNEL_TEST(trees_in_change),	  KERNEL_TEST(random_nodes),
		KERNEL_TEST(a_new_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
