// SPDX-License-Identifier: Apache-2.0
/*
 * procmap_feed.c - what the process map learns: from the scan, the side-band, and the text of
 * /proc.
 *
 * /proc is read again only for a living process with an address that nothing explains or an exec id
 * that was not seen coming: after lost records, or for mappings made by a process that shares
 * memory with this one. Wild addresses (a broken stack walk) look the same, so each fruitless
 * reading doubles the wait until the next one of that process, and a drain reads at most
 * RESCANS_PER_DRAIN.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/sysmacros.h>

#include "maps.h"
#include "procmap_inside.h"
#include "vmascan.h"

enum { RESCAN_MAX_WAIT = 64 };

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The range of a mapping; *ret_joinable for addrspace_add(). -E2BIG: too many binaries. */
static int to_range(struct procmap *pm, const struct procmap_mapping *m,
		    struct addrspace_range *ret, bool *ret_joinable)
{
	uint32_t dso;
	int r = dso_table_add(&pm->dsos, &m->identity, &dso);

	if (r)
		return r;
	*ret = (struct addrspace_range){
		.start = m->start, .end = m->end, .pgoff = m->pgoff, .dso = dso};
	*ret_joinable = dso_table_get(&pm->dsos, dso)->kind == DSO_ANON;
	if (*ret_joinable)
		ret->pgoff = 0;
	return 0;
}

/* ---- Side-band. */

static int feed_mmap(struct procmap *pm, const struct sideband_event *e)
{
	struct procmap_mapping m = {
		.start = e->start,
		.end = e->end,
		.pgoff = e->pgoff,
		.identity = {.path = e->text,
			     .dev = makedev(e->dev_major, e->dev_minor),
			     .ino = e->ino,
			     .build_id = e->build_id,
			     .build_id_size = e->build_id_size},
	};
	struct addrspace_range range;
	bool joinable;
	int r = to_range(pm, &m, &range, &joinable);

	if (r == -E2BIG) {
		pm->table.dropped++;
		return 0;
	}
	return r ? r : proctab_mmap(&pm->table, e->pid, &range, joinable, e->time_ns);
}

int procmap_feed(void *procmap, const struct sideband_event *e)
{
	struct procmap *pm = procmap;

	switch (e->type) {
	case SIDEBAND_MMAP:
		return feed_mmap(pm, e);
	case SIDEBAND_COMM:
		if (e->tid != e->pid)
			return 0;
		return e->exec ? proctab_exec(&pm->table, e->pid, e->text, e->time_ns)
			       : proctab_comm(&pm->table, e->pid, e->text, e->time_ns);
	case SIDEBAND_FORK:
		return proctab_fork(&pm->table, e->pid, e->ppid, e->time_ns);
	case SIDEBAND_EXIT:
		return e->tid == e->pid ? proctab_exit(&pm->table, e->pid, e->time_ns) : 0;
	case SIDEBAND_LOST:
		pm->lost += e->lost;
		return 0;
	case SIDEBAND_OTHER:
		return 0;
	}
	return 0;
}

int procmap_poll(struct procmap *pm)
{
	pm->last_image = NULL;
	return pm->sideband ? sideband_poll(pm->sideband, procmap_feed, pm) : 0;
}

/* ---- Scan. */

int procmap_feed_scan(void *procmap, const struct procmap_record *rec, const char *path)
{
	struct procmap *pm = procmap;
	struct procmap_mapping m = {
		.start = rec->start,
		.end = rec->end,
		.pgoff = rec->pgoff,
		.identity = {.path = rec->flags & PROCMAP_VDSO ? "[vdso]" : path,
			     .dev = makedev(rec->dev_major, rec->dev_minor),
			     .ino = rec->ino},
	};
	struct addrspace_range range;
	struct process *p;
	bool joinable;
	int r = proctab_seen(&pm->table, rec->pid, rec->exec_id, true, rec->time_ns, &p);

	if (r || !p)
		return r;
	image_set_comm(p->newest, rec->comm);
	if (rec->kind == PROCMAP_PROCESS) {
		p->ppid = rec->ppid;
		p->running = rec->flags & PROCMAP_RUNNING;
		return 0;
	}
	/* The image's time stays that of the process: what was mapped since comes again, no harm.
	 */
	r = to_range(pm, &m, &range, &joinable);
	if (r == -E2BIG) {
		pm->table.dropped++;
		return 0;
	}
	return r ? r : proctab_add_range(&pm->table, p->newest, &range, joinable);
}

/* ---- Text. */

struct reading {
	struct procmap *pm;
	struct image *image;
};

static int feed_text(void *arg, const struct maps_entry *e)
{
	struct reading *reading = arg;
	struct procmap *pm = reading->pm;
	struct procmap_mapping m = {
		.start = e->start,
		.end = e->end,
		.pgoff = e->pgoff,
		.identity = {.path = e->path,
			     .dev = makedev(e->dev_major, e->dev_minor),
			     .ino = e->ino},
	};
	struct addrspace_range range;
	bool joinable;
	int r = to_range(pm, &m, &range, &joinable);

	if (r == -E2BIG) {
		pm->table.dropped++;
		return 0;
	}
	return r ? r : proctab_add_range(&pm->table, reading->image, &range, joinable);
}

static void read_comm(uint32_t pid, struct image *image)
{
	char path[32], comm[PROCTAB_COMM_BYTES + 1];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, comm, sizeof(comm) - 1);
	close(fd);
	if (n <= 0)
		return;
	if (comm[n - 1] == '\n')
		n--;
	comm[n] = '\0';
	image_set_comm(image, comm);
}

/* 0, -ENOMEM, or why /proc cannot be read. */
static int read_process(struct procmap *pm, uint32_t pid, struct image *image)
{
	struct reading reading = {.pm = pm, .image = image};

	if (!image->comm[0])
		read_comm(pid, image);
	return maps_read(pid, feed_text, &reading, NULL);
}

/* Without BPF: the same by text. What cannot be read is left out, as its pid is unknown then. */
static int scan_text(struct procmap *pm)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int r = dir ? 0 : -errno;

	while (!r && (entry = readdir(dir))) {
		uint64_t time_ns = now_ns();
		struct process *p;
		char *end;
		unsigned long pid = strtoul(entry->d_name, &end, 10);

		if (*end || !pid || pid > UINT32_MAX)
			continue;
		r = proctab_seen(&pm->table, (uint32_t)pid, 0, false, time_ns, &p);
		if (!r && p && read_process(pm, (uint32_t)pid, p->newest) == -ENOMEM)
			r = -ENOMEM;
	}
	if (dir)
		closedir(dir);
	return r;
}

int procmap_scan(struct procmap *pm, struct cresset_error *err)
{
	uint64_t start_ns = now_ns();
	struct cresset_error why;
	int r = vmascan_run(procmap_feed_scan, pm, &why);

	if (r && r != -ENOMEM) {
		r = scan_text(pm);
		pm->stats.scanned_by_text = r == 0;
	}
	pm->last_image = NULL;
	pm->stats.scan_ns += now_ns() - start_ns;
	if (r)
		return cresset_error_set(err, r, "cannot list the running processes: %s",
					 strerror(-r));
	return 0;
}

/* ---- Again. */

static bool may_rescan(const struct procmap *pm, const struct image *image)
{
	if (image->ended)
		return false;
	return image->rescan_lost != pm->lost || pm->table.drain >= image->rescan_drain;
}

bool procmap_rescan(struct procmap *pm, uint32_t pid, uint32_t exec_id)
{
	struct process *p = proctab_find(&pm->table, pid);
	uint64_t time_ns = now_ns();
	struct image *image;
	int r;

	if (!pid || !pm->rescans_left || (p && !may_rescan(pm, p->newest)))
		return false;
	pm->rescans_left--;
	pm->stats.rescans++;
	pm->last_image = NULL;
	/* A sample of an older image does not tell of a new one. */
	if (p && p->newest->exec_known && (int32_t)(exec_id - p->newest->exec_id) < 0)
		exec_id = p->newest->exec_id;
	if (proctab_seen(&pm->table, pid, exec_id, true, time_ns, &p) || !p)
		return false;
	image = p->newest;
	r = read_process(pm, pid, image);
	image->rescan_lost = pm->lost;
	image->rescan_wait = image->rescan_wait ? image->rescan_wait * 2 : 1;
	if (image->rescan_wait > RESCAN_MAX_WAIT)
		image->rescan_wait = RESCAN_MAX_WAIT;
	image->rescan_drain = pm->table.drain + image->rescan_wait;
	if (!r)
		return true;
	pm->stats.rescans_failed++;
	if (r == -ENOENT || r == -ESRCH)
		proctab_exit(&pm->table, pid, UINT64_MAX);
	return false;
}
