// SPDX-License-Identifier: Apache-2.0
/*
 * See rows.h. Addresses of callers are return addresses: one less is in the call instruction. A
 * leaf is exact, unless the thread is in a system call: then its address is behind the instruction
 * too.
 */
#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/unwind.h"

static int push_location(struct rows *rows, int r, uint32_t location)
{
	if (r)
		return r;
	rows->locations[rows->n_locations++] = location;
	return 0;
}

static int push_error(struct rows *rows, const char *reason, uint32_t flags)
{
	char text[96];
	uint32_t location = 0;
	int n = snprintf(text, sizeof(text), "[error: %s]", reason), r;

	r = cresset_profile_add_frame(rows->profile, text, (size_t)n,
				      CRESSET_LOCATION_ERROR | flags, &location);
	return push_location(rows, r, location);
}

static int push_kernel(struct rows *rows, const struct drain_row *row, const uint64_t *frames,
		       size_t n)
{
	uint32_t location = 0;
	int r = 0;

	if (row->key.flags & CRESSET_SAMPLE_KERNEL_FAILED)
		return push_error(rows, "no kernel stack", CRESSET_LOCATION_KERNEL);
	for (size_t i = 0; !r && i < n; i++) {
		uint64_t address = frames[i] - (i > 0);

		r = procmap_kernel_location(rows->procmap, rows->profile, address, &location);
		r = push_location(rows, r, location);
	}
	if (!r && n && n >= rows->kernel_limit)
		r = push_error(rows, "kernel stack too deep", CRESSET_LOCATION_KERNEL);
	return r;
}

/* Frames of a walk by tables name the file, others are where the process has it. */
static int add_frame(struct rows *rows, const struct cresset_sample_key *key, uint64_t frame,
		     uint64_t address, uint32_t flags, uint32_t *ret)
{
	if (rows->unwinder->location && CRESSET_FRAME_DSO(frame))
		return rows->unwinder->location(rows->session, rows->profile, frame, address, flags,
						ret);
	return procmap_location(rows->procmap, rows->profile, key->pid, key->exec_id, address,
				flags, ret);
}

/*
 * The caller of generated code is always found by its frame pointer: that is no fallback. So what
 * counts is what the frame before is.
 */
static uint32_t fallback_flag(const struct rows *rows, uint64_t frame, uint32_t callee)
{
	const struct cresset_location *loc = cresset_profile_location(rows->profile, callee);

	if (!(frame & CRESSET_FRAME_FALLBACK) || loc->flags & CRESSET_LOCATION_JIT)
		return 0;
	return CRESSET_LOCATION_FALLBACK;
}

static int push_user(struct rows *rows, const struct drain_row *row, const uint64_t *frames,
		     size_t n)
{
	bool after = row->key.flags & CRESSET_SAMPLE_LEAF_AFTER;
	const char *broken;
	uint32_t location = 0;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		bool native = rows->unwinder->location;
		uint64_t frame = frames[i];
		uint64_t address = native ? frame & CRESSET_FRAME_ADDRESS : frame;
		uint32_t flags = native ? fallback_flag(rows, frame, location) : 0;

		if (i ? !(native && frame & CRESSET_FRAME_EXACT) : after)
			address--;
		r = add_frame(rows, &row->key, frame, address, flags, &location);
		r = push_location(rows, r, location);
	}
	broken = rows->unwinder->broken(row->key.flags & CRESSET_SAMPLE_STOP, n);
	if (!r && broken)
		r = push_error(rows, broken, 0);
	return r;
}

static int add_string(struct rows *rows, const char *s, size_t size, uint32_t *ret)
{
	return cresset_profile_add_string(rows->profile, s, strnlen(s, size), ret);
}

static int add_labels(struct rows *rows, const struct cresset_sample_key *key, uint32_t *ret)
{
	static const char *const keys[] = {"comm", "thread", "pid", "tid"};
	struct cresset_label labels[4];
	const char *comm = procmap_comm(rows->procmap, key->pid, key->exec_id);
	int r = 0;

	memset(labels, 0, sizeof(labels));
	for (size_t i = 0; !r && i < 4; i++)
		r = add_string(rows, keys[i], 16, &labels[i].key);
	/* A process that was never seen is named by this thread. */
	if (!r)
		r = add_string(rows, comm ? comm : key->comm, sizeof(key->comm), &labels[0].str);
	if (!r)
		r = add_string(rows, key->comm, sizeof(key->comm), &labels[1].str);
	labels[2].num = key->pid;
	labels[3].num = key->tid;
	return r ? r : cresset_profile_add_labels(rows->profile, labels, 4, ret);
}

static int write_row(struct rows *rows, const struct drain_row *row, const struct drain *drain)
{
	const struct cresset_sample_key *key = &row->key;
	const uint64_t *kernel = NULL, *user = NULL;
	size_t n_kernel = 0, n_user = 0;
	int64_t values[SOURCE_MAX_VALUES];
	uint32_t stack = 0, labels = 0;
	int r;

	if (key->kernel_stack && !(kernel = drain_frames(drain, key->kernel_stack, &n_kernel)))
		return -ENODATA;
	if (key->user_stack && !(user = drain_frames(drain, key->user_stack, &n_user)))
		return -ENODATA;
	rows->n_locations = 0;
	r = push_kernel(rows, row, kernel, n_kernel);
	if (!r)
		r = push_user(rows, row, user, n_user);
	if (!r)
		r = cresset_profile_add_stack(rows->profile, rows->locations, rows->n_locations,
					      &stack);
	if (!r)
		r = add_labels(rows, key, &labels);
	if (r)
		return r;
	rows->source->values(rows->session, key, row->count, values);
	return cresset_profile_add_sample(rows->profile, stack, labels, values);
}

int rows_write(struct rows *rows, const struct drain *drain)
{
	int failed = 0;

	for (size_t i = 0; i < drain->rows.n; i++) {
		const struct drain_row *row = vec_at(&drain->rows, i);
		int r = write_row(rows, row, drain);

		if (!r) {
			rows->written += row->count;
			continue;
		}
		rows->lost += row->count;
		if (r != -ENODATA)
			failed = r;
	}
	return failed;
}
