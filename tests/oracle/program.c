// SPDX-License-Identifier: Apache-2.0
#include "oracle/program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

/* Types that the skeleton names. */
#include "bpf/unwind.h"
#include "oracle_bpf.skel.h"

/* These are written by a run, and must not be by two programs that count for different owners. */
static bool is_private(const struct oracle_program *p, const struct bpf_map *map)
{
	return map == p->bpf->maps.slots || map == p->bpf->maps.scratch ||
	       map == p->bpf->maps.oracle_records || bpf_map__is_internal(map);
}

/*
 * Takes the session's maps over by name. What the session has not (its ring buffer) stays new.
 * bpf_object__find_map_by_name finds internal maps too, so those are left out first.
 */
static int share_maps(struct oracle_program *p, const struct session *s)
{
	struct bpf_map *map, *theirs;

	bpf_object__for_each_map(map, p->bpf->obj)
	{
		theirs = bpf_object__find_map_by_name(s->bpf->obj, bpf_map__name(map));
		if (!theirs)
			continue;
		if (is_private(p, map)) {
			if (!bpf_map__is_internal(map) &&
			    bpf_map__set_max_entries(map, bpf_map__max_entries(theirs)))
				return -EINVAL;
		} else if (bpf_map__reuse_fd(map, bpf_map__fd(theirs))) {
			return -errno;
		}
	}
	return 0;
}

static int take_record(void *arg, void *data, size_t size)
{
	struct oracle_program *p = arg;
	struct oracle_record r;

	if (size < sizeof(r))
		return -EBADMSG;
	memcpy(&r, data, sizeof(r));
	if (r.n > ORACLE_RECORD_FRAMES)
		return -EBADMSG;
	return vec_push(&p->records, &r, 1) ? 0 : -ENOMEM;
}

int oracle_program_load(struct oracle_program *p, const struct session *s)
{
	struct bpf_program *program;
	int r = -ENOMEM;

	memset(p, 0, sizeof(*p));
	vec_init(&p->records, sizeof(struct oracle_record));
	p->bpf = oracle_bpf__open();
	if (!p->bpf)
		return -errno;
	p->bpf->rodata->cresset_config = s->bpf->rodata->cresset_config;
	/* Following forks and processes is the session's work. */
	bpf_object__for_each_program(program, p->bpf->obj)
		bpf_program__set_autoload(program, program == p->bpf->progs.cresset_cpu);
	r = share_maps(p, s);
	r = r ?: oracle_bpf__load(p->bpf);
	if (r)
		goto fail;
	p->fd = bpf_program__fd(p->bpf->progs.cresset_cpu);
	p->ring = ring_buffer__new(bpf_map__fd(p->bpf->maps.oracle_records), take_record, p, NULL);
	if (p->ring)
		return 0;
	r = -errno;
fail:
	oracle_program_release(p);
	return r;
}

int oracle_program_read(struct oracle_program *p)
{
	int n = ring_buffer__consume(p->ring);

	return n < 0 ? n : 0;
}

uint64_t oracle_program_dropped(const struct oracle_program *p)
{
	return p->bpf->bss->oracle_dropped;
}

void oracle_program_release(struct oracle_program *p)
{
	ring_buffer__free(p->ring);
	oracle_bpf__destroy(p->bpf);
	vec_release(&p->records);
	p->ring = NULL;
	p->bpf = NULL;
}
