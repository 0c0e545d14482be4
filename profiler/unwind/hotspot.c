// SPDX-License-Identifier: Apache-2.0
/* See hotspot.h. */
#include "unwind/hotspot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/vec.h"
#include "unwind/remote_reader.h"

enum {
	MAX_FILES = 1 << 16, /* known by name; then all are asked anew */
	MAX_VIEWS = 4096,
	RUNS = 8,
	RUN_BYTES = REMOTE_RUN_LINES * REMOTE_LINE_BYTES,
};

/* A file that has been asked. */
struct known {
	uint64_t digest;
	struct hotspot_library *library; /* NULL: it is not HotSpot's */
	bool has_layout;
	struct hotspot_layout layout;
};

struct candidate {
	uint32_t binary;
	uint64_t bias;
};

struct vm {
	uint32_t pid;
	struct cresset_unwind_jvm jvm;
};

/* Memory of the process at hand. */
struct run {
	uint64_t address;
	size_t bytes;
	uint8_t data[RUN_BYTES];
};

struct hotspot {
	struct hotspot_options options;
	struct remote_reader *reader;
	struct run runs[RUNS];
	size_t next_run;
	struct vec known; /* struct known * */
	struct hash index;
	struct vec candidates;
	bool generates; /* the process at hand has code that is no file's */
	struct vec vms;
	struct hotspot_stats stats;
};

int hotspot_new(const struct hotspot_options *options, struct hotspot **ret)
{
	struct hotspot *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->options = *options;
	vec_init(&h->known, sizeof(struct known *));
	vec_init(&h->candidates, sizeof(struct candidate));
	vec_init(&h->vms, sizeof(struct vm));
	hash_init(&h->index);
	r = remote_reader_new(&h->reader);
	if (r) {
		hotspot_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

static void forget_files(struct hotspot *h)
{
	for (size_t i = 0; i < h->known.n; i++) {
		struct known *k = *(struct known **)vec_at(&h->known, i);

		hotspot_library_free(k->library);
		free(k);
	}
	h->known.n = 0;
	hash_release(&h->index);
	hash_init(&h->index);
}

void hotspot_free(struct hotspot *h)
{
	if (!h)
		return;
	forget_files(h);
	remote_reader_free(h->reader);
	vec_release(&h->known);
	vec_release(&h->candidates);
	vec_release(&h->vms);
	hash_release(&h->index);
	free(h);
}

/* ---- Files. */

static bool digest_equal(const void *table, uint32_t id, const void *key)
{
	const struct hotspot *h = table;
	const struct known *k = *(struct known **)vec_at(&h->known, id - 1);

	return k->digest == *(const uint64_t *)key;
}

static uint64_t digest_of(const struct procmap_binary *b)
{
	const uint64_t identity[] = {b->segments, b->dev, b->ino, b->size, b->mtime_ns};

	if (b->build_id_size)
		return hash_bytes(b->build_id, b->build_id_size, b->segments);
	return hash_bytes(identity, sizeof(identity), 0);
}

/* What is known of a file, after asking it. NULL: nothing, or no memory. */
static struct known *ask(struct hotspot *h, struct procmap *pm, uint32_t binary)
{
	struct procmap_binary b;
	struct known *k;
	uint64_t digest;
	uint32_t id;
	int fd;

	if (!procmap_get_binary(pm, binary, &b))
		return NULL;
	digest = digest_of(&b);
	id = hash_find(&h->index, digest, digest_equal, h, &digest);
	if (id)
		return *(struct known **)vec_at(&h->known, id - 1);
	if (h->known.n >= MAX_FILES)
		forget_files(h);
	if (hash_reserve(&h->index))
		return NULL;
	k = calloc(1, sizeof(*k));
	if (!k || !vec_push(&h->known, &k, 1)) {
		free(k);
		return NULL;
	}
	k->digest = digest;
	hash_insert(&h->index, digest, (uint32_t)h->known.n);
	fd = procmap_open_binary(pm, binary);
	if (fd >= 0 && !hotspot_library_open(fd, &k->library))
		h->stats.libraries++;
	return k;
}

/* ---- Memory. */

/* The run that has this address, read if need be; NULL: it cannot be had. */
static struct run *run_at(struct hotspot *h, uint64_t address)
{
	uint64_t start = address / REMOTE_LINE_BYTES * REMOTE_LINE_BYTES;
	struct run *run;
	int n;

	for (int i = 0; i < RUNS; i++)
		if (address - h->runs[i].address < h->runs[i].bytes)
			return &h->runs[i];
	run = &h->runs[h->next_run++ % RUNS];
	run->bytes = 0;
	n = remote_reader_read(h->reader, start, REMOTE_RUN_LINES, run->data);
	if (n <= 0)
		return NULL;
	run->address = start;
	run->bytes = (size_t)n * REMOTE_LINE_BYTES;
	return run;
}

static int read_memory(void *arg, uint64_t address, void *buf, size_t size)
{
	struct hotspot *h = arg;
	char *to = buf;

	while (size) {
		struct run *run;
		size_t at, n;

		if (address >= UINT64_C(1) << 47)
			return -EFAULT;
		run = run_at(h, address);
		if (!run)
			return -EFAULT;
		at = (size_t)(address - run->address);
		n = run->bytes - at < size ? run->bytes - at : size;
		memcpy(to, run->data + at, n);
		to += n;
		address += n;
		size -= n;
	}
	return 0;
}

static int read_vm(struct hotspot *h, struct known *k, uint64_t bias, uint32_t pid,
		   uint32_t exec_id, struct cresset_unwind_jvm *ret)
{
	const struct remote_place place = {.pid = pid, .tid = pid, .exec_id = exec_id};
	const struct hotspot_memory memory = {.read = read_memory, .arg = h};
	int r = remote_reader_begin(h->reader, &place);

	if (r)
		return r;
	for (int i = 0; i < RUNS; i++)
		h->runs[i].bytes = 0;
	if (!k->has_layout)
		r = hotspot_layout_read(k->library, &memory, bias, &k->layout);
	if (!r) {
		k->has_layout = true;
		r = hotspot_vm_read(k->library, &k->layout, &memory, bias, ret);
	}
	remote_reader_end(h->reader);
	return r;
}

/* ---- Processes. */

static struct vm *find_vm(const struct hotspot *h, uint32_t pid)
{
	for (size_t i = 0; i < h->vms.n; i++) {
		struct vm *vm = vec_at(&h->vms, i);

		if (vm->pid == pid)
			return vm;
	}
	return NULL;
}

const struct cresset_unwind_jvm *hotspot_find(const struct hotspot *h, uint32_t pid)
{
	const struct vm *vm = find_vm(h, pid);

	return vm ? &vm->jvm : NULL;
}

void hotspot_begin(struct hotspot *h)
{
	if (!h)
		return;
	h->candidates.n = 0;
	h->generates = false;
}

int hotspot_view(struct hotspot *h, const struct procmap_view *view)
{
	const struct candidate c = {.binary = view->binary, .bias = view->bias};

	if (!h)
		return 0;
	if (view->kind == PROCMAP_VIEW_CODE)
		h->generates = true;
	if (view->kind != PROCMAP_VIEW_ELF || h->candidates.n >= MAX_VIEWS)
		return 0;
	return vec_push(&h->candidates, &c, 1) ? 0 : -ENOMEM;
}

/* Notes a record and brings it to the kernel. */
static int put(struct hotspot *h, uint32_t pid, const struct cresset_unwind_jvm *jvm)
{
	struct vm *vm = find_vm(h, pid);
	int r;

	if (vm && memcmp(&vm->jvm, jvm, sizeof(*jvm)) == 0)
		return 0;
	if (!vm)
		vm = vec_push(&h->vms, NULL, 1);
	if (!vm)
		return -ENOMEM;
	vm->pid = pid;
	vm->jvm = *jvm;
	r = h->options.set(h->options.arg, pid, jvm);
	if (r)
		h->stats.failed++;
	return r == -ENOMEM ? r : 0;
}

int hotspot_end(struct hotspot *h, struct procmap *pm, uint32_t pid, uint32_t exec_id)
{
	struct cresset_unwind_jvm jvm;
	const struct vm *vm = h ? find_vm(h, pid) : NULL;
	int r;

	if (!h || !h->generates)
		return 0;
	if (vm && vm->jvm.exec_id == exec_id && !(vm->jvm.flags & CRESSET_JVM_INCOMPLETE))
		return 0;
	for (size_t i = 0; i < h->candidates.n; i++) {
		const struct candidate *c = vec_at(&h->candidates, i);
		struct known *k = ask(h, pm, c->binary);

		if (!k || !k->library)
			continue;
		memset(&jvm, 0, sizeof(jvm));
		r = read_vm(h, k, c->bias, pid, exec_id, &jvm);
		if (r == -EAGAIN)
			jvm.flags = CRESSET_JVM_INCOMPLETE;
		else if (r) {
			h->stats.failed++;
			return r == -ENOMEM ? r : 0;
		}
		jvm.exec_id = exec_id;
		return put(h, pid, &jvm);
	}
	return 0;
}

void hotspot_remove(struct hotspot *h, uint32_t pid)
{
	struct vm *vm = h ? find_vm(h, pid) : NULL;

	if (!vm)
		return;
	h->options.set(h->options.arg, pid, NULL);
	*vm = *(struct vm *)vec_at(&h->vms, h->vms.n - 1);
	h->vms.n--;
}

void hotspot_get_stats(const struct hotspot *h, struct hotspot_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!h)
		return;
	*ret = h->stats;
	ret->vms = h->vms.n;
	for (size_t i = 0; i < h->vms.n; i++)
		ret->complete += !(((const struct vm *)vec_at(&h->vms, i))->jvm.flags &
				   CRESSET_JVM_INCOMPLETE);
}
