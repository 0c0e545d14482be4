// SPDX-License-Identifier: Apache-2.0
/*
 * A side-band ring with any bytes, and the process map that follows what it says. The first 8 bytes
 * place tail and head, so that records cross the end of the ring. Then each process that was named
 * is asked about.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "procmap_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_alive(void *arg, uint32_t pid)
{
	return pid % 2;
}

enum { MAX_RECORDS = 200, MAX_LOCATIONS = 50 };

static void follow(struct procmap *pm, struct sideband_ring *ring)
{
	for (int i = 0; i < MAX_RECORDS; i++) {
		struct sideband_event e;
		const void *record;
		uint64_t time_ns;
		size_t n;

		if (sideband_ring_peek(ring, &record, &n, &time_ns) <= 0)
			return;
		ring->tail += n;
		if (sideband_decode(record, n, &e))
			continue;
		if (e.type == SIDEBAND_MMAP || e.type == SIDEBAND_COMM) {
			if (strlen(e.text) != e.text_len)
				abort();
		}
		procmap_feed(pm, &e);
	}
}

static void ask(struct procmap *pm, struct cresset_profile *p)
{
	int left = MAX_LOCATIONS;

	/* What is wild here must not send us to files and processes of the host. */
	pm->rescans_left = 0;
	for (size_t i = 1; i < pm->dsos.dsos.n; i++) {
		struct dso *d = dso_table_get(&pm->dsos, (uint32_t)i);

		if (d->kind == DSO_FILE)
			d->state = DSO_UNREADABLE;
	}
	for (size_t i = 0; i < pm->table.processes.n && left; i++) {
		struct process *process = *(struct process **)vec_at(&pm->table.processes, i);
		size_t n;
		const struct addrspace_range *r = addrspace_all(&process->newest->space, &n);

		for (size_t j = 0; j < n && left; j++, left--) {
			uint32_t location;
			uint64_t last = r[j].end - 1;

			if (r[j].start > last || (j && r[j - 1].end > r[j].start))
				abort();
			procmap_location(pm, p, process->pid, process->newest->exec_id, last, 0,
					 &location);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sideband_ring ring = {.size = 4096};
	struct cresset_profile *p = NULL;
	struct procmap pm;
	unsigned char *bytes = calloc(1, 4096);
	uint32_t place[2];

	ring.buffer = malloc(SIDEBAND_RECORD_MAX);
	if (size < sizeof(place) || !bytes || !ring.buffer)
		goto out;
	memcpy(place, data, sizeof(place));
	data += sizeof(place), size -= sizeof(place);
	if (size > 4096)
		size = 4096;
	for (size_t i = 0; i < size; i++)
		bytes[(place[0] + i) % 4096] = data[i];
	ring.data = bytes;
	ring.tail = place[0];
	ring.head = (uint64_t)place[0] + (place[1] ? place[1] : size);
	if (procmap_init(&pm))
		goto out;
	follow(&pm, &ring);
	if (!cresset_profile_new(&p))
		ask(&pm, p);
	for (int i = 0; i < 3; i++)
		proctab_expire(&pm.table, is_alive, NULL);
	cresset_profile_free(p);
	proctab_release(&pm.table);
	dso_table_release(&pm.dsos);
	perfmaps_release(&pm.perfmaps);
out:
	free(bytes);
	free(ring.buffer);
	return 0;
}
