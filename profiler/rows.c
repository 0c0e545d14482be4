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
#include "switches.h"
#include "wakers.h"

#define ROWS_SEPARATOR "--"
#define ROWS_INTERRUPT "[interrupt]"

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

/* The frames of one stack, kernel or user, and what is to be known of them. */
struct row_stack {
	const uint64_t *frames;
	size_t n;
	size_t skipped; /* of the kernel's limit */
	uint16_t flags; /* CRESSET_SAMPLE_* */
	bool called;	/* the leaf has a return address like all others */
};

static int push_kernel(struct rows *rows, const struct row_stack *stack)
{
	uint32_t location = 0;
	int r = 0;

	if (stack->flags & CRESSET_SAMPLE_KERNEL_FAILED)
		return push_error(rows, "no kernel stack", CRESSET_LOCATION_KERNEL);
	for (size_t i = 0; !r && i < stack->n; i++) {
		uint64_t address = stack->frames[i] - (i > 0 || stack->called);

		r = procmap_kernel_location(rows->procmap, rows->profile, address, &location);
		r = push_location(rows, r, location);
	}
	if (!r && stack->n && stack->n + stack->skipped >= rows->kernel_limit)
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

static int push_user(struct rows *rows, const struct cresset_sample_key *key,
		     const struct row_stack *stack)
{
	bool after = stack->flags & CRESSET_SAMPLE_LEAF_AFTER;
	const char *broken;
	uint32_t location = 0;
	int r = 0;

	for (size_t i = 0; !r && i < stack->n; i++) {
		bool native = rows->unwinder->location;
		uint64_t frame = stack->frames[i];
		uint64_t address = native ? frame & CRESSET_FRAME_ADDRESS : frame;
		uint32_t flags = native ? fallback_flag(rows, frame, location) : 0;

		if (i ? !(native && frame & CRESSET_FRAME_EXACT) : after)
			address--;
		r = add_frame(rows, key, frame, address, flags, &location);
		r = push_location(rows, r, location);
	}
	broken = rows->unwinder->broken(stack->flags & CRESSET_SAMPLE_STOP, stack->n);
	if (!r && broken)
		r = push_error(rows, broken, 0);
	return r;
}

static int add_string(struct rows *rows, const char *s, size_t size, uint32_t *ret)
{
	return cresset_profile_add_string(rows->profile, s, strnlen(s, size), ret);
}

enum { MAX_LABELS = 6, LABEL_BYTES = 32 };

static int add_text_label(struct rows *rows, struct cresset_label *labels, size_t *n,
			  const char *key, const char *text, size_t size)
{
	struct cresset_label label = {.key = 0};
	int r = add_string(rows, key, LABEL_BYTES, &label.key);

	if (!r)
		r = add_string(rows, text, size, &label.str);
	if (!r)
		labels[(*n)++] = label;
	return r;
}

static int add_number_label(struct rows *rows, struct cresset_label *labels, size_t *n,
			    const char *key, uint32_t number)
{
	struct cresset_label label = {.num = number};
	int r = add_string(rows, key, LABEL_BYTES, &label.key);

	if (!r)
		labels[(*n)++] = label;
	return r;
}

int rows_labels(struct rows *rows, const struct cresset_sample_key *key,
		const struct source_sample *sample, uint32_t *ret)
{
	const char *comm = procmap_comm(rows->procmap, key->pid, key->exec_id);
	struct cresset_label labels[MAX_LABELS];
	size_t n = 0;
	int r;

	/* A process that was never seen is named by this thread. */
	r = add_text_label(rows, labels, &n, CRESSET_LABEL_COMM, comm ? comm : key->comm,
			   sizeof(key->comm));
	if (!r)
		r = add_text_label(rows, labels, &n, CRESSET_LABEL_THREAD, key->comm,
				   sizeof(key->comm));
	if (!r)
		r = add_number_label(rows, labels, &n, CRESSET_LABEL_PID, key->pid);
	if (!r)
		r = add_number_label(rows, labels, &n, CRESSET_LABEL_TID, key->tid);
	if (!r && sample && sample->state)
		r = add_text_label(rows, labels, &n, CRESSET_LABEL_STATE, sample->state,
				   LABEL_BYTES);
	if (!r && sample && sample->wait)
		r = add_text_label(rows, labels, &n, CRESSET_LABEL_WAIT, sample->wait, LABEL_BYTES);
	return r ? r : cresset_profile_add_labels(rows->profile, labels, n, ret);
}

/* A stack of this drain, or of an earlier one whose wait is over now. NULL: it is not known. */
static const uint64_t *find_frames(const struct rows *rows, const struct drain *drain, uint64_t id,
				   size_t *ret_n)
{
	const uint64_t *frames = drain_frames(drain, id, ret_n);

	return frames || !rows->switches ? frames : kept_find(&rows->switches->kept, id, ret_n);
}

static int find_kernel(const struct rows *rows, const struct drain *drain, uint64_t id,
		       struct row_stack *stack)
{
	if (id)
		stack->frames = find_frames(rows, drain, id, &stack->n);
	return id && !stack->frames ? -ENODATA : 0;
}

static int find_user(const struct rows *rows, const struct drain *drain,
		     const struct cresset_sample_key *key, struct row_stack *ret)
{
	uint16_t flags;

	*ret = (struct row_stack){.flags = key->flags};
	if (!key->user_stack)
		return 0;
	if (key->flags & CRESSET_SAMPLE_TICKET && rows->switches) {
		ret->frames =
			tickets_frames(&rows->switches->tickets, key->user_stack, &ret->n, &flags);
		ret->flags = flags;
		return 0;
	}
	ret->frames = find_frames(rows, drain, key->user_stack, &ret->n);
	return ret->frames ? 0 : -ENODATA;
}

/* `bare` is the stack without wakers: whoever ended the time blocked has no part in what came then.
 */
static int add_samples(struct rows *rows, const struct drain_row *row, uint32_t stack,
		       uint32_t bare)
{
	struct source_sample samples[SOURCE_MAX_SAMPLES];
	uint32_t labels = 0;
	size_t n;
	int r = 0;

	n = rows->source->samples(rows->session, &row->key, &row->count, samples);
	for (size_t i = 0; !r && i < n; i++) {
		r = rows_labels(rows, &row->key, &samples[i], &labels);
		if (!r)
			r = cresset_profile_add_sample(rows->profile,
						       samples[i].bare ? bare : stack, labels,
						       samples[i].values);
	}
	return r;
}

static int push_name(struct rows *rows, const char *name, size_t size, uint32_t flags)
{
	uint32_t location = 0;
	int r = cresset_profile_add_frame(rows->profile, name, strnlen(name, size), flags,
					  &location);

	return push_location(rows, r, location);
}

/* From the wake-up call to the waker's root, and its name. */
static int push_waker(struct rows *rows, const struct drain *drain, const struct waker *waker)
{
	struct cresset_sample_key key = {.pid = waker->pid,
					 .exec_id = waker->exec_id,
					 .flags = waker->flags,
					 .user_stack = waker->user_stack};
	struct row_stack kernel = {
		.flags = waker->flags, .skipped = waker->kernel_skipped, .called = true};
	struct row_stack user;
	int r = find_kernel(rows, drain, waker->kernel_stack, &kernel);

	if (!r)
		r = find_user(rows, drain, &key, &user);
	if (r)
		return r;
	r = push_kernel(rows, &kernel);
	if (!r)
		r = push_user(rows, &key, &user);
	if (!r && waker->flags & CRESSET_SAMPLE_WAKER_IRQ)
		return push_name(rows, ROWS_INTERRUPT, sizeof(ROWS_INTERRUPT),
				 CRESSET_LOCATION_KERNEL);
	return r ? r : push_name(rows, waker->comm, sizeof(waker->comm), 0);
}

static void reverse(uint32_t *words, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint32_t word = words[i];

		words[i] = words[n - 1 - i];
		words[n - 1 - i] = word;
	}
}

/* A record that cannot be found ends the chain, visibly; the wait itself is known all the same. */
static int push_wakers(struct rows *rows, const struct drain *drain, uint64_t id)
{
	uint64_t ids[CRESSET_MAX_WAKERS];
	struct waker waker;
	size_t n = 0, n_ids;
	const uint64_t *words = find_frames(rows, drain, id, &n);
	int r = 0;

	n_ids = waker_ids(id, rows->waker_depth, words, n, ids);
	for (size_t i = 0; !r && (i < n_ids || !i); i++) {
		size_t before;

		words = n_ids ? find_frames(rows, drain, ids[i], &n) : NULL;
		r = push_name(rows, ROWS_SEPARATOR, sizeof(ROWS_SEPARATOR), 0);
		before = rows->n_locations;
		if (!r)
			r = waker_read(words, n, &waker) ? push_waker(rows, drain, &waker)
							 : -ENODATA;
		if (r != -ENODATA)
			continue;
		rows->wakers_lost++;
		rows->n_locations = before;
		r = push_error(rows, "waker not known", 0);
		break;
	}
	if (!r)
		reverse(rows->locations, rows->n_locations);
	return r;
}

static int write_row(struct rows *rows, const struct drain_row *row, const struct drain *drain)
{
	const struct cresset_sample_key *key = &row->key;
	struct row_stack kernel = {.flags = key->flags}, user;
	uint32_t stack = 0, bare;
	size_t n_wakers;
	int r;

	r = find_kernel(rows, drain, key->kernel_stack, &kernel);
	if (!r)
		r = find_user(rows, drain, key, &user);
	if (r)
		return r;
	rows->n_locations = 0;
	if (key->waker)
		r = push_wakers(rows, drain, key->waker);
	n_wakers = rows->n_locations;
	if (!r)
		r = push_kernel(rows, &kernel);
	if (!r)
		r = push_user(rows, key, &user);
	if (!r)
		r = cresset_profile_add_stack(rows->profile, rows->locations, rows->n_locations,
					      &stack);
	bare = stack;
	if (!r && n_wakers)
		r = cresset_profile_add_stack(rows->profile, rows->locations + n_wakers,
					      rows->n_locations - n_wakers, &bare);
	return r ? r : add_samples(rows, row, stack, bare);
}

int rows_write(struct rows *rows, const struct drain *drain)
{
	int failed = 0;

	for (size_t i = 0; i < drain->rows.n; i++) {
		const struct drain_row *row = vec_at(&drain->rows, i);
		int r = write_row(rows, row, drain);

		if (!r) {
			rows->written += row->count.n;
			continue;
		}
		rows->lost += row->count.n;
		if (r != -ENODATA)
			failed = r;
	}
	return failed;
}
