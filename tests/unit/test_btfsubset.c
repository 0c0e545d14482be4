// SPDX-License-Identifier: Apache-2.0
/*
 * btfsubset: what is in a subset is what libbpf reads in the whole, on a BTF made here and on that
 * of the kernel that runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include <bpf/btf.h>

#include "btfsubset.h"
#include "support/alloc_fail.h"

static struct btfsubset_bytes bytes_of(const struct btf *btf)
{
	struct btfsubset_bytes bytes;
	uint32_t size;

	bytes.data = btf__raw_data(btf, &size);
	bytes.size = size;
	return bytes;
}

static int subset(const struct btf *all, const struct btf *wanted, struct btf **ret)
{
	struct btfsubset_bytes from = bytes_of(all), by = bytes_of(wanted);
	struct vec bytes;
	int r;

	vec_init(&bytes, 1);
	r = btfsubset_make(&from, &by, &bytes);
	if (!r) {
		*ret = btf__new(bytes.data, (uint32_t)bytes.n);
		if (!*ret)
			r = -errno;
	}
	vec_release(&bytes);
	return r;
}

static struct btf *names(const char *const *list)
{
	struct btf *btf = btf__new_empty();

	for (; *list; list++)
		assert_true(btf__add_struct(btf, *list, 0) > 0);
	return btf;
}

/* A list, its parts, and what nobody asks for; types refer to ones that come later. */
static struct btf *make_all(void)
{
	struct btf *btf = btf__new_empty();
	int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED), pointer, array, member;

	btf__add_struct(btf, "unrelated", 8);
	btf__add_field(btf, "number", number, 0, 0);
	/* struct list { const struct part part; struct list *next; int flag : 3; int many[5]; } */
	btf__add_struct(btf, "list", 48);
	member = (int)btf__type_cnt(btf) - 1;
	btf__add_field(btf, "part", member + 1, 0, 0);
	btf__add_field(btf, "next", member + 2, 64, 0);
	btf__add_field(btf, "flag", number, 128, 3);
	btf__add_field(btf, "many", member + 3, 160, 0);
	btf__add_const(btf, member + 4);
	pointer = btf__add_ptr(btf, member);
	array = btf__add_array(btf, number, number, 5);
	btf__add_typedef(btf, "part_t", member + 5);
	btf__add_struct(btf, "part", 8);
	btf__add_field(btf, "kind", member + 6, 0, 0);
	btf__add_enum(btf, "kind", 4);
	btf__add_enum_value(btf, "ONE", 1);
	assert_int_equal(pointer, member + 2);
	assert_int_equal(array, member + 3);
	/* Two more of the name; one is a flavour. */
	btf__add_union(btf, "list", 8);
	btf__add_struct(btf, "list___old", 4);
	btf__add_var(btf, "variable", BTF_VAR_STATIC, number);
	return btf;
}

static const struct btf_member *member_of(const struct btf *btf, const char *type, int i)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);

	assert_true(id > 0);
	assert_true(i < btf_vlen(btf__type_by_id(btf, (uint32_t)id)));
	return btf_members(btf__type_by_id(btf, (uint32_t)id)) + i;
}

static void has_what_was_asked_for(void **state)
{
	struct btf *all = make_all(),
		   *wanted = names((const char *[]){"list___mine", "none", NULL});
	const struct btf_type *t;
	const struct btf_member *m;
	struct btf *got = NULL;

	assert_int_equal(subset(all, wanted, &got), 0);
	assert_true(btf__find_by_name_kind(got, "unrelated", BTF_KIND_STRUCT) < 0);
	assert_true(btf__find_by_name_kind(got, "variable", BTF_KIND_VAR) < 0);
	assert_true(btf__find_by_name_kind(got, "list", BTF_KIND_UNION) > 0);
	assert_true(btf__find_by_name_kind(got, "list___old", BTF_KIND_STRUCT) > 0);
	m = member_of(got, "list", 0);
	assert_int_equal(btf__resolve_type(got, m->type),
			 btf__find_by_name_kind(got, "part", BTF_KIND_STRUCT));
	t = btf__type_by_id(got, member_of(got, "list", 1)->type);
	assert_true(btf_is_ptr(t));
	assert_int_equal(t->type, 0);
	m = member_of(got, "list", 2);
	assert_int_equal(BTF_MEMBER_BITFIELD_SIZE(m->offset), 3);
	assert_int_equal(BTF_MEMBER_BIT_OFFSET(m->offset), 128);
	t = btf__type_by_id(got, member_of(got, "list", 3)->type);
	assert_true(btf_is_array(t));
	assert_int_equal(btf_array(t)->nelems, 5);
	assert_true(btf_is_int(btf__type_by_id(got, btf_array(t)->type)));
	t = btf__type_by_id(got, member_of(got, "part", 0)->type);
	assert_true(btf_is_enum(t));
	assert_string_equal(btf__name_by_offset(got, btf_enum(t)->name_off), "ONE");
	btf__free(got);
	btf__free(wanted);
	btf__free(all);
}

/* ---- The kernel's. */

static void same_members(const struct btf *a, const struct btf_type *x, const struct btf *b,
			 const struct btf_type *y)
{
	assert_int_equal(btf_vlen(x), btf_vlen(y));
	assert_int_equal(x->size, y->size);
	for (int i = 0; i < btf_vlen(x); i++) {
		const struct btf_member *m = btf_members(x) + i, *n = btf_members(y) + i;

		assert_string_equal(btf__name_by_offset(a, m->name_off),
				    btf__name_by_offset(b, n->name_off));
		assert_int_equal(m->offset, n->offset);
		if (btf__resolve_size(a, m->type) >= 0)
			assert_int_equal(btf__resolve_size(a, m->type),
					 btf__resolve_size(b, n->type));
	}
}

static void the_kernels_structs_are_the_same(void **state)
{
	static const char *const list[] = {"task_struct",    "mm_struct",   "vm_area_struct",
					   "file",	     "inode",	    "maple_range_64",
					   "bpf_iter__task", "super_block", NULL};
	struct btf *all = btf__load_vmlinux_btf(), *wanted, *got = NULL;

	if (!all) {
		print_message("skipped: no BTF of this kernel\n");
		skip();
	}
	wanted = names(list);
	assert_int_equal(subset(all, wanted, &got), 0);
	assert_true(btf__type_cnt(got) < 4000);
	for (size_t i = 0; list[i]; i++) {
		int x = btf__find_by_name_kind(all, list[i], BTF_KIND_STRUCT);
		int y = btf__find_by_name_kind(got, list[i], BTF_KIND_STRUCT);

		if (x < 0)
			continue;
		assert_true(y > 0);
		same_members(all, btf__type_by_id(all, (uint32_t)x), got,
			     btf__type_by_id(got, (uint32_t)y));
	}
	btf__free(got);
	btf__free(wanted);
	btf__free(all);
}

/* ---- What is none. */

static int subset_of_bytes(const void *data, size_t size)
{
	struct btfsubset_bytes from = {data, size};
	struct vec bytes;
	int r;

	vec_init(&bytes, 1);
	r = btfsubset_make(&from, &from, &bytes);
	vec_release(&bytes);
	return r;
}

static void damage_is_refused(void **state)
{
	struct btf *all = make_all();
	struct btfsubset_bytes whole = bytes_of(all);
	struct btf_header header;
	char *copy;

	assert_int_equal(subset_of_bytes("", 0), -EBADMSG);
	for (size_t size = 1; size < whole.size; size++) {
		copy = malloc(size);
		memcpy(copy, whole.data, size);
		assert_int_equal(subset_of_bytes(copy, size), -EBADMSG);
		free(copy);
	}
	copy = malloc(whole.size);
	memcpy(copy, whole.data, whole.size);
	memcpy(&header, copy, sizeof(header));
	/* A type that is cut, where all others are as short as can be. */
	header.type_len = sizeof(struct btf_type) + 1;
	memset(copy + header.hdr_len + header.type_off, 0, sizeof(struct btf_type));
	copy[header.hdr_len + header.type_off + 7] = BTF_KIND_CONST;
	memcpy(copy, &header, sizeof(header));
	assert_int_equal(subset_of_bytes(copy, whole.size), -EBADMSG);
	memcpy(copy, whole.data, whole.size);
	memcpy(&header, copy, sizeof(header));
	/* The first type: an int of an unknown kind, then one with a name outside. */
	copy[header.hdr_len + header.type_off + 7] = 31;
	assert_int_equal(subset_of_bytes(copy, whole.size), -ENOTSUP);
	memcpy(copy, whole.data, whole.size);
	memset(copy + header.hdr_len + header.type_off, 0xff, 4);
	assert_int_equal(subset_of_bytes(copy, whole.size), -EBADMSG);
	memcpy(copy, whole.data, whole.size);
	copy[0] = (char)0xeb;
	copy[1] = (char)0x9f;
	assert_int_equal(subset_of_bytes(copy, whole.size), -ENOTSUP);
	free(copy);
	btf__free(all);
}

static void memory_runs_out(void **state)
{
	struct btf *all = make_all(), *wanted = names((const char *[]){"list", NULL});
	struct btfsubset_bytes from = bytes_of(all), by = bytes_of(wanted);

	for (unsigned int n = 1; alloc_fail_next(&n, 1000);) {
		struct vec bytes;
		bool failed;
		int r;

		vec_init(&bytes, 1);
		r = btfsubset_make(&from, &by, &bytes);
		failed = alloc_fail_end();
		vec_release(&bytes);
		assert_int_equal(r, failed ? -ENOMEM : 0);
		if (!failed)
			break;
	}
	btf__free(wanted);
	btf__free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_what_was_asked_for),
		cmocka_unit_test(the_kernels_structs_are_the_same),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
