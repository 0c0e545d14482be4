// SPDX-License-Identifier: Apache-2.0
/*
 * procmap.c - from (pid, exec id, address) to a location of the profile.
 *
 * The way of an address: image of the process, range in its address space, binary of the range,
 * file offset, segment of the ELF file, the ELF's own address. Where the binary cannot be read the
 * file offset is the address, in a mapping that says so (start == offset): the opener gives no file
 * for such a mapping, so that no symbol of a wrong address is shown.
 *
 * Mapping ids are cached in the binary for the profile in use (`epoch`); the rest is interned by
 * the profile anyway.
 */
#include "procmap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procmap_inside.h"

enum {
	PAGE_BYTES = 4096,
	SWEEP_MIN = 1024,
	RESCANS_PER_DRAIN = 64,
	STAT_BYTES = 512,
};

static const uint64_t KERNEL_START = 0xffff800000000000u;
static const uint64_t VSYSCALL_START = 0xffffffffff600000u;
static const uint64_t USER_LIMIT = UINT64_C(1) << 56;

int procmap_init(struct procmap *pm)
{
	memset(pm, 0, sizeof(*pm));
	proctab_init(&pm->table);
	perfmaps_init(&pm->perfmaps);
	pm->epoch = 1;
	pm->sweep_at = SWEEP_MIN;
	pm->rescans_left = RESCANS_PER_DRAIN;
	return dso_table_init(&pm->dsos, 0);
}

int procmap_new(struct procmap **ret, bool prompt, struct cresset_error *err)
{
	struct procmap *pm = malloc(sizeof(*pm));
	int r;

	if (!pm)
		return cresset_error_set(err, -ENOMEM, "out of memory");
	r = procmap_init(pm);
	if (r)
		cresset_error_set(err, r, "out of memory");
	else
		r = sideband_new(&pm->sideband, prompt, err);
	if (r) {
		procmap_free(pm);
		return r;
	}
	*ret = pm;
	return 0;
}

void procmap_free(struct procmap *pm)
{
	if (!pm)
		return;
	sideband_free(pm->sideband);
	proctab_release(&pm->table);
	dso_table_release(&pm->dsos);
	perfmaps_release(&pm->perfmaps);
	free(pm);
}

int procmap_fd(const struct procmap *pm)
{
	return sideband_fd(pm->sideband);
}

int procmap_cpu_online(struct procmap *pm, int cpu)
{
	return sideband_cpu_online(pm->sideband, cpu, NULL);
}

void procmap_cpu_offline(struct procmap *pm, int cpu)
{
	sideband_cpu_offline(pm->sideband, cpu);
}

void procmap_forget_profile(struct procmap *pm)
{
	pm->profile = NULL;
	pm->epoch++;
	pm->kernel_mapping = 0;
}

static void use_profile(struct procmap *pm, const struct cresset_profile *p)
{
	if (pm->profile == p)
		return;
	if (pm->profile)
		procmap_forget_profile(pm);
	pm->profile = p;
}

/* ---- Mappings and locations. */

static int add_mapping(struct cresset_profile *p, struct cresset_mapping *m, const char *file,
		       const uint8_t *build_id, size_t build_id_size, uint32_t *ret)
{
	char hex[2 * ELFHEAD_BUILD_ID_BYTES + 1];
	int r = cresset_profile_add_string(p, file, strlen(file), &m->file);

	for (size_t i = 0; i < build_id_size; i++)
		snprintf(hex + 2 * i, 3, "%02x", build_id[i]);
	if (!r)
		r = cresset_profile_add_string(p, hex, 2 * build_id_size, &m->build_id);
	return r ? r : cresset_profile_add_mapping(p, m, ret);
}

static int add_location(struct cresset_profile *p, uint32_t mapping, uint64_t address,
			uint32_t flags, uint32_t *ret)
{
	struct cresset_location loc = {.address = address, .mapping = mapping, .flags = flags};

	return cresset_profile_add_location(p, &loc, NULL, ret);
}

/* `limit` is the first address past the end, and has to be past every address. */
static uint64_t limit_of(uint64_t address)
{
	uint64_t limit = (address | (PAGE_BYTES - 1)) + 1;

	return limit ? limit : UINT64_MAX;
}

int procmap_kernel_location(struct procmap *pm, struct cresset_profile *p, uint64_t address,
			    uint32_t *ret_location)
{
	struct cresset_mapping m = {
		.start = KERNEL_START, .limit = UINT64_MAX, .kind = CRESSET_MAPPING_KERNEL};
	int r;

	use_profile(pm, p);
	if (!pm->kernel_mapping) {
		r = add_mapping(p, &m, "[kernel.kallsyms]", NULL, 0, &pm->kernel_mapping);
		if (r)
			return r;
	}
	return add_location(p, pm->kernel_mapping, address, CRESSET_LOCATION_KERNEL, ret_location);
}

static int unknown_location(struct procmap *pm, struct cresset_profile *p, struct image *image,
			    uint32_t pid, uint64_t address, uint32_t flags, uint32_t *ret)
{
	struct cresset_mapping m = {.kind = CRESSET_MAPPING_OTHER};
	uint32_t mapping;
	int r;

	if (address >= VSYSCALL_START && address < VSYSCALL_START + PAGE_BYTES) {
		m.start = VSYSCALL_START;
		m.limit = VSYSCALL_START + PAGE_BYTES;
		r = add_mapping(p, &m, "[vsyscall]", NULL, 0, &mapping);
		return r ? r : add_location(p, mapping, address, flags, ret);
	}
	pm->stats.addresses_unknown++;
	if (image && image->unknown_epoch == pm->epoch)
		return add_location(p, image->unknown_mapping, address, flags, ret);
	m.limit = UINT64_MAX;
	m.pid = pid;
	r = add_mapping(p, &m, "[unknown]", NULL, 0, &mapping);
	if (r)
		return r;
	if (image) {
		image->unknown_epoch = pm->epoch;
		image->unknown_mapping = mapping;
	}
	return add_location(p, mapping, address, flags, ret);
}

/* The address in generated code of one process. */
static int anon_location(struct procmap *pm, struct cresset_profile *p, uint32_t pid,
			 const struct addrspace_range *range, const struct dso *d, uint64_t address,
			 uint32_t flags, uint32_t *ret)
{
	struct cresset_mapping m = {.start = range->start,
				    .limit = range->end,
				    .pid = pid,
				    .kind = CRESSET_MAPPING_ANON};
	uint32_t mapping;
	int r = add_mapping(p, &m, d->path, NULL, 0, &mapping);

	perfmaps_note(&pm->perfmaps, pid, pm->table.drain);
	return r ? r : add_location(p, mapping, address, flags | CRESSET_LOCATION_JIT, ret);
}

static int vdso_location(struct cresset_profile *p, uint64_t size, const struct dso *d,
			 uint64_t offset, uint32_t flags, uint32_t *ret)
{
	struct cresset_mapping m = {.limit = size, .kind = CRESSET_MAPPING_VDSO};
	uint32_t mapping;
	int r = add_mapping(p, &m, d->path, NULL, 0, &mapping);

	return r ? r : add_location(p, mapping, offset, flags, ret);
}

/* The binary cannot be read: by file offset. */
static int offset_location(struct procmap *pm, struct cresset_profile *p,
			   const struct addrspace_range *range, const struct dso *d,
			   uint64_t offset, uint32_t flags, uint32_t *ret)
{
	struct cresset_mapping m = {.start = range->pgoff,
				    .limit = range->pgoff + (range->end - range->start),
				    .offset = range->pgoff,
				    .kind = CRESSET_MAPPING_FILE};
	uint32_t mapping;
	int r;

	if (m.limit <= m.start)
		m.limit = UINT64_MAX;
	pm->stats.addresses_by_offset++;
	r = add_mapping(p, &m, d->path, d->build_id, d->build_id_size, &mapping);
	return r ? r : add_location(p, mapping, offset, flags, ret);
}

/* The file's own address, in that segment. */
static int elf_location(struct procmap *pm, struct cresset_profile *p, struct dso *d, int segment,
			uint64_t address, uint32_t flags, uint32_t *ret)
{
	const struct elfhead *elf = dso_elf(d);
	const struct elfhead_load *load = &elf->loads[segment];
	struct cresset_mapping m = {.start = load->vaddr,
				    .limit = load->vaddr + load->memsz,
				    .offset = load->offset,
				    .kind = CRESSET_MAPPING_FILE};
	uint32_t mapping = d->mapping;
	bool usual = address >= m.start && address < m.limit;
	int r;

	if (!usual) { /* in the rest of the segment's first or last page */
		m.start = address < m.start ? address & ~(uint64_t)(PAGE_BYTES - 1) : m.start;
		m.limit = address >= m.limit ? limit_of(address) : m.limit;
	}
	if (!usual || d->mapping_epoch != pm->epoch || d->mapping_segment != segment) {
		r = add_mapping(p, &m, d->path, elf->build_id, elf->build_id_size, &mapping);
		if (r)
			return r;
	}
	if (usual) {
		d->mapping_epoch = pm->epoch;
		d->mapping_segment = segment;
		d->mapping = mapping;
	}
	return add_location(p, mapping, address, flags, ret);
}

static int range_location(struct procmap *pm, struct cresset_profile *p,
			  const struct process *process, const struct addrspace_range *range,
			  uint64_t address, uint32_t flags, uint32_t *ret)
{
	struct dso *d = dso_table_get(&pm->dsos, range->dso);
	struct dso_place place = {.pid = process->pid,
				  .ppid = process->ppid,
				  .start = range->start,
				  .end = range->end};
	uint64_t offset = address - range->start + range->pgoff;
	int segment, r;

	if (d->kind == DSO_VDSO)
		return vdso_location(p, range->end - range->start, d, address - range->start, flags,
				     ret);
	d->used_epoch = pm->epoch;
	r = dso_resolve(&pm->dsos, d, &place, pm->table.drain);
	if (r)
		return r;
	if (d->kind == DSO_ANON || d->state == DSO_NOT_ELF ||
	    (d->state == DSO_UNREADABLE && dso_is_pseudo(d)))
		return anon_location(pm, p, process->pid, range, d, address, flags, ret);
	segment = d->state == DSO_READY ? elfhead_find(dso_elf(d), offset) : -1;
	if (segment < 0)
		return offset_location(pm, p, range, d, offset, flags, ret);
	offset += dso_elf(d)->loads[segment].vaddr - dso_elf(d)->loads[segment].offset;
	return elf_location(pm, p, d, segment, offset, flags, ret);
}

int procmap_binary_location(struct procmap *pm, struct cresset_profile *p, uint32_t binary,
			    uint64_t address, uint32_t flags, uint32_t *ret_location)
{
	struct dso *d = dso_table_get(&pm->dsos, binary);
	struct cresset_mapping m = {.limit = UINT64_MAX, .kind = CRESSET_MAPPING_OTHER};
	uint32_t mapping;
	int segment, r;

	use_profile(pm, p);
	pm->stats.addresses++;
	if (d && d->kind == DSO_VDSO)
		return vdso_location(p, d->vdso_bytes, d, address, flags, ret_location);
	segment = d && dso_elf(d) ? elfhead_find_address(dso_elf(d), address) : -1;
	if (segment >= 0) {
		d->used_epoch = pm->epoch;
		return elf_location(pm, p, d, segment, address, flags, ret_location);
	}
	pm->stats.addresses_unknown++;
	r = add_mapping(p, &m, "[unknown]", NULL, 0, &mapping);
	return r ? r : add_location(p, mapping, address, flags, ret_location);
}

/* ---- Images. */

static struct image *find_image(struct procmap *pm, uint32_t pid, uint32_t exec_id)
{
	bool exact;
	struct process *p;

	if (pm->last_image && pm->last_process->pid == pid && pm->last_exec_id == exec_id)
		return pm->last_image;
	p = proctab_find(&pm->table, pid);
	/* Unknown, or an exec that was not heard of. */
	if (!p || (p->newest->exec_known && (int32_t)(exec_id - p->newest->exec_id) > 0)) {
		procmap_rescan(pm, pid, exec_id);
		p = proctab_find(&pm->table, pid);
	}
	if (!p)
		return NULL;
	pm->last_process = p;
	pm->last_exec_id = exec_id;
	pm->last_image = process_image(p, exec_id, &exact);
	return pm->last_image;
}

/*
 * While an exec is under way in the kernel the exec id and the memory are the new image's, but the
 * user registers are still the old one's: its call of execve.
 */
static const struct addrspace_range *find_range(const struct image *image, uint64_t address)
{
	const struct addrspace_range *range;

	if (!image)
		return NULL;
	range = addrspace_find(&image->space, address);
	if (!range && image->by_exec && image->older)
		range = addrspace_find(&image->older->space, address);
	return range;
}

int procmap_location(struct procmap *pm, struct cresset_profile *p, uint32_t pid, uint32_t exec_id,
		     uint64_t address, uint32_t flags, uint32_t *ret_location)
{
	const struct addrspace_range *range;
	struct image *image;

	use_profile(pm, p);
	pm->stats.addresses++;
	image = find_image(pm, pid, exec_id);
	range = find_range(image, address);
	if (!range && image && address >= PAGE_BYTES && address < USER_LIMIT &&
	    procmap_rescan(pm, pid, exec_id)) {
		image = find_image(pm, pid, exec_id);
		range = find_range(image, address);
		if (range)
			image->rescan_wait = 0;
	}
	if (!range)
		return unknown_location(pm, p, image, pid, address, flags, ret_location);
	return range_location(pm, p, pm->last_process, range, address, flags, ret_location);
}

const char *procmap_comm(struct procmap *pm, uint32_t pid, uint32_t exec_id)
{
	struct image *image = find_image(pm, pid, exec_id);

	return image && image->comm[0] ? image->comm : NULL;
}

/* ---- Lifetimes. */

/* From /proc/PID/stat (proc(5)): state is the 3rd field, num_threads the 20th. */
static bool stat_says_alive(const char *text)
{
	const char *at = strrchr(text, ')'); /* the comm may have any text but comes in () */
	char state;

	if (!at || at[1] != ' ' || !at[2])
		return false;
	state = at[2];
	if (state != 'Z' && state != 'X')
		return true;
	at += 2;
	for (int field = 3; field < 20 && at; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at && strtol(at, NULL, 10) > 1;
}

bool procmap_alive(struct procmap *pm, uint32_t pid)
{
	char path[32], text[STAT_BYTES];
	ssize_t n;
	int fd;

	(void)pm;
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT && errno != ESRCH &&
		       (!kill((pid_t)pid, 0) || errno == EPERM);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return stat_says_alive(text);
}

static bool is_alive(void *procmap, uint32_t pid)
{
	return procmap_alive(procmap, pid);
}

static void sweep_binaries(struct procmap *pm)
{
	for (size_t i = 0; i < pm->table.processes.n; i++) {
		struct process *p = *(struct process **)vec_at(&pm->table.processes, i);

		for (const struct image *m = p->newest; m; m = m->older) {
			size_t n;
			const struct addrspace_range *range = addrspace_all(&m->space, &n);

			for (size_t j = 0; j < n; j++)
				dso_table_get(&pm->dsos, range[j].dso)->marked = true;
		}
	}
	/* The profile before this one may still have to be symbolized. */
	dso_table_sweep(&pm->dsos, pm->epoch - 1);
	pm->sweep_at = pm->dsos.n * 2 > SWEEP_MIN ? pm->dsos.n * 2 : SWEEP_MIN;
}

void procmap_expire(struct procmap *pm)
{
	pm->last_image = NULL;
	pm->rescans_left = RESCANS_PER_DRAIN;
	if (pm->lost_checked != pm->lost) {
		pm->lost_checked = pm->lost;
		proctab_check(&pm->table, is_alive, pm);
	}
	proctab_expire(&pm->table, is_alive, pm);
	if (pm->dsos.n >= pm->sweep_at)
		sweep_binaries(pm);
}

/* ---- Opening. */

/* True if the mapping is one of the binary's segments (or its pages), not one by file offset. */
static bool is_segment(const struct cresset_mapping *m, const struct elfhead *elf)
{
	for (size_t i = 0; elf && i < elf->n_loads; i++) {
		const struct elfhead_load *l = &elf->loads[i];

		if (m->offset == l->offset && m->start <= l->vaddr &&
		    m->limit >= l->vaddr + l->memsz)
			return true;
	}
	return false;
}

static bool has_build_id(const struct elfhead *elf, const char *hex)
{
	if (strlen(hex) != 2 * elf->build_id_size)
		return false;
	for (size_t i = 0; i < elf->build_id_size; i++) {
		char byte[3];

		snprintf(byte, sizeof(byte), "%02x", elf->build_id[i]);
		if (memcmp(byte, hex + 2 * i, 2))
			return false;
	}
	return true;
}

static struct dso *find_binary(struct procmap *pm, const struct cresset_profile *p, uint32_t id,
			       const struct cresset_mapping *m)
{
	const char *path = cresset_profile_string(p, m->file);
	const char *build_id = cresset_profile_string(p, m->build_id);
	struct dso *best = NULL;

	for (size_t i = 1; i < pm->dsos.dsos.n; i++) {
		struct dso *d = dso_table_get(&pm->dsos, (uint32_t)i);

		if (!d || d->state != DSO_READY || strcmp(d->path, path) ||
		    !is_segment(m, dso_elf(d)) || !has_build_id(dso_elf(d), build_id))
			continue;
		if (p == pm->profile && d->mapping_epoch == pm->epoch && d->mapping == id)
			return d;
		if (!best || d->used_epoch >= best->used_epoch)
			best = d;
	}
	return best;
}

int procmap_open(void *procmap, const struct cresset_profile *p, uint32_t mapping,
		 enum cresset_open_what what)
{
	struct procmap *pm = procmap;
	const struct cresset_mapping *m = cresset_profile_mapping(p, mapping);
	struct dso *d;

	if (what == CRESSET_OPEN_PERF_MAP)
		return m->pid ? perfmaps_open(&pm->perfmaps, m->pid) : -ENOENT;
	if (m->kind != CRESSET_MAPPING_FILE)
		return -ENOENT;
	d = find_binary(pm, p, mapping, m);
	return d ? dso_open(&pm->dsos, d) : -ENOENT;
}

void procmap_limit_files(struct procmap *pm, size_t n)
{
	if (n)
		pm->dsos.max_open = n;
}

void procmap_get_files(const struct procmap *pm, uint64_t *ret_open, uint64_t *ret_closed)
{
	*ret_open = pm->dsos.n_open;
	*ret_closed = pm->dsos.stats.closed;
}

void procmap_get_stats(const struct procmap *pm, struct procmap_stats *ret)
{
	struct procmap_stats s = pm->stats;
	size_t ranges;

	s.processes = pm->table.processes.n;
	s.memory_bytes =
		sizeof(*pm) + proctab_memory(&pm->table, &ranges) + dso_table_memory(&pm->dsos);
	s.ranges = ranges;
	s.binaries = pm->dsos.n;
	s.fds = pm->dsos.n_open;
	if (pm->sideband) {
		struct sideband_stats sb;

		sideband_get_stats(pm->sideband, &sb);
		s.ring_bytes = sb.ring_bytes;
		s.sideband_records = sb.records;
		s.sideband_lost = sb.lost;
		s.sideband_malformed = sb.malformed;
	}
	s.binaries_opened = pm->dsos.stats.opened;
	s.binaries_unreadable = pm->dsos.stats.unreadable;
	s.binaries_mismatched = pm->dsos.stats.mismatched;
	s.dropped = pm->table.dropped;
	*ret = s;
}
