// SPDX-License-Identifier: Apache-2.0
/*
 * embedded - a store in a folder:
 *
 *     catalog.db, -wal, -shm   what there is, and the dictionaries (catalog.h)
 *     segments/                rows (segment.h): NAME.seg, named for people; NAME.tmp: unfinished
 *     lock                     held by the writer
 *
 * Opening and closing, and the files of segments. Appending is in append.c, reading in scan.c and
 * query.c, housekeeping in maintain.c and compact.c.
 */
#include "store/embedded.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/compact.h"

static const char *const level_names[] = {
	[LEVEL_WINDOW] = "window",
	[LEVEL_MINUTE] = "minute",
	[LEVEL_HOUR] = "hour",
	[LEVEL_DAY] = "day",
};

void embedded_name(int64_t from_ns, uint32_t level, uint64_t id, char buf[EMBEDDED_NAME])
{
	time_t seconds = from_ns / 1000000000;
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(buf, EMBEDDED_NAME, "%s-%s-%016" PRIx64 ".seg", when,
		 level <= LEVEL_DAY ? level_names[level] : "unknown", id);
}

static void temporary_name(uint64_t id, char buf[EMBEDDED_NAME])
{
	snprintf(buf, EMBEDDED_NAME, "new-%016" PRIx64 ".tmp", id);
}

int embedded_error(const struct embedded *e, int r, const char *doing, struct cresset_error *err)
{
	if (r == -ENOMEM)
		return r;
	if (r == -ENOSPC || r == -EDQUOT)
		return cresset_error_set(
			err, -ENOSPC,
			"cannot %s the store %s: the disk is full (free some space, "
			"or lower max_bytes)",
			doing, e->path);
	if (r == -EACCES || r == -EPERM)
		return cresset_error_set(err, r, "cannot %s the store %s: %s (try sudo)", doing,
					 e->path, strerror(-r));
	return cresset_error_set(err, r, "cannot %s the store %s: %s", doing, e->path,
				 strerror(-r));
}

int embedded_create(struct embedded *e, uint64_t id, int *ret_fd, struct cresset_error *err)
{
	char name[EMBEDDED_NAME];
	int fd;

	temporary_name(id, name);
	unlinkat(e->segments_fd, name, 0);
	fd = openat(e->segments_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return embedded_error(e, -errno, "write to", err);
	*ret_fd = fd;
	return 0;
}

int embedded_publish(struct embedded *e, uint64_t id, const char *name, struct cresset_error *err)
{
	char temporary[EMBEDDED_NAME];

	temporary_name(id, temporary);
	if (renameat(e->segments_fd, temporary, e->segments_fd, name) < 0 ||
	    fsync(e->segments_fd) < 0)
		return embedded_error(e, -errno, "write to", err);
	return 0;
}

void embedded_discard(struct embedded *e, uint64_t id, const char *name)
{
	char temporary[EMBEDDED_NAME];

	temporary_name(id, temporary);
	unlinkat(e->segments_fd, temporary, 0);
	if (name)
		unlinkat(e->segments_fd, name, 0);
}

/* ---- Opening. */

static int take_lock(struct embedded *e, struct cresset_error *err)
{
	char path[4096], pid[32] = "";
	ssize_t n;

	snprintf(path, sizeof(path), "%s/lock", e->path);
	e->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (e->lock_fd < 0)
		return embedded_error(e, -errno, "write to", err);
	if (flock(e->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return embedded_error(e, -errno, "lock", err);
		n = pread(e->lock_fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
		return cresset_error_set(
			err, -EBUSY,
			"the store %s has a writer already%s%s%s (end it, or choose "
			"another folder)",
			e->path, pid[0] ? " (pid " : "", pid, pid[0] ? ")" : "");
	}
	n = snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(e->lock_fd, 0) < 0 || pwrite(e->lock_fd, pid, (size_t)n, 0) != n) {
		/* Only a courtesy to whoever comes next: a full disk is met soon enough. */
	}
	return 0;
}

static int make_folders(struct embedded *e, struct cresset_error *err)
{
	char path[4096];

	if (mkdir(e->path, 0750) < 0 && errno != EEXIST) {
		int r = -errno;

		return r == -ENOENT ? cresset_error_set(err, r,
							"cannot make the store %s: the folder it "
							"is to be in does not exist",
							e->path)
				    : embedded_error(e, r, "make", err);
	}
	snprintf(path, sizeof(path), "%s/segments", e->path);
	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return embedded_error(e, -errno, "write to", err);
	return 0;
}

static int open_folder(struct embedded *e, struct cresset_error *err)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/segments", e->path);
	e->segments_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return e->segments_fd < 0 ? embedded_error(e, -errno, "open", err) : 0;
}

/* The id in a segment's name; false for files that are not ours. */
static bool parse_name(const char *name, uint64_t *ret_id, bool *ret_temporary)
{
	size_t n = strlen(name);
	char *end;

	if (n < 4 + 16)
		return false;
	*ret_temporary = !strcmp(name + n - 4, ".tmp");
	if (!*ret_temporary && strcmp(name + n - 4, ".seg") != 0)
		return false;
	*ret_id = strtoull(name + n - 4 - 16, &end, 16);
	return end == name + n - 4;
}

/* What a crash left behind: files without a row. */
static int remove_orphans(struct embedded *e, struct cresset_error *err)
{
	int fd = openat(e->segments_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return embedded_error(e, -errno, "read", err);
	}
	while (r >= 0 && (entry = readdir(folder))) {
		bool temporary;
		uint64_t id;

		if (!parse_name(entry->d_name, &id, &temporary))
			continue;
		r = temporary ? 0 : catalog_has(e->catalog, id, err);
		if (r == 0)
			unlinkat(e->segments_fd, entry->d_name, 0);
	}
	closedir(folder);
	return r < 0 ? r : 0;
}

static int load_numbers(struct embedded *e, struct cresset_error *err)
{
	uint64_t dict = 0;
	int r = catalog_number(e->catalog, "next_segment", &e->next_segment, err);

	r = r ?: catalog_number(e->catalog, "next_seq", &e->next_seq, err);
	r = r ?: catalog_number(e->catalog, "dict", &dict, err);
	r = r ?: catalog_number(e->catalog, "dict_day", &e->dict_day, err);
	e->dict_number = (uint32_t)dict;
	return r;
}

static int open_all(struct embedded *e, struct cresset_error *err)
{
	int r = 0;

	if (!e->read_only) {
		r = make_folders(e, err);
		r = r ?: take_lock(e, err);
	}
	r = r ?: catalog_open(e->path, e->read_only, &e->catalog, err);
	r = r ?: open_folder(e, err);
	r = r ?: load_numbers(e, err);
	if (r == 0 && !e->read_only)
		r = remove_orphans(e, err);
	return r;
}

static void embedded_close(struct store *s)
{
	struct embedded *e = embedded_of(s);

	compaction_free(e->compaction);
	dict_writer_free(e->dict);
	catalog_close(e->catalog);
	if (e->segments_fd >= 0)
		close(e->segments_fd);
	if (e->lock_fd >= 0)
		close(e->lock_fd);
	free(e->path);
	free(e);
}

static int embedded_open(const char *path, const struct store_options *options, struct store **ret,
			 struct cresset_error *err)
{
	struct embedded *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->segments_fd = e->lock_fd = -1;
	e->options = *options;
	e->read_only = options->read_only;
	e->path = strdup(path);
	if (!e->path)
		r = -ENOMEM;
	else if (strlen(path) > 4000)
		r = cresset_error_set(err, -ENAMETOOLONG, "the store's path is too long");
	else
		r = open_all(e, err);
	if (r < 0) {
		embedded_close(&e->store);
		return r;
	}
	*ret = &e->store;
	return 0;
}

int embedded_drop(struct embedded *e, const struct catalog_segment *segments, size_t n,
		  struct cresset_error *err)
{
	int r = catalog_begin(e->catalog, err);

	for (size_t i = 0; i < n && r == 0; i++)
		r = catalog_remove(e->catalog, segments[i].id, err);
	r = r ?: catalog_commit(e->catalog, err);
	if (r < 0) {
		catalog_rollback(e->catalog);
		return r;
	}
	for (size_t i = 0; i < n; i++) {
		char name[EMBEDDED_NAME];

		embedded_name(segments[i].from_ns, segments[i].level, segments[i].id, name);
		unlinkat(e->segments_fd, name, 0);
	}
	return 0;
}

/* ---- What needs the catalogue alone. */

static int embedded_types(struct store *s, int (*fn)(void *arg, const struct store_type *type),
			  void *arg, struct cresset_error *err)
{
	return catalog_types(embedded_of(s)->catalog, fn, arg, err);
}

static int compare_times(const void *a, const void *b)
{
	const struct catalog_segment *x = a, *y = b;

	return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

static int embedded_ranges(struct store *s, int64_t from_ns, int64_t to_ns, int64_t gap_ns,
			   int (*fn)(void *arg, const struct store_range *range), void *arg,
			   struct cresset_error *err)
{
	struct store_range range = {.windows = 0};
	struct vec segments;
	int r;

	vec_init(&segments, sizeof(struct catalog_segment));
	r = catalog_segments(embedded_of(s)->catalog, from_ns, to_ns, &segments, err);
	if (segments.n)
		qsort(segments.data, segments.n, sizeof(struct catalog_segment), compare_times);
	for (size_t i = 0; i < segments.n && r == 0; i++) {
		const struct catalog_segment *seg = vec_at(&segments, i);

		if (range.windows && seg->from_ns - range.to_ns > gap_ns) {
			r = fn(arg, &range);
			range = (struct store_range){.windows = 0};
		}
		if (!range.windows) {
			range.from_ns = seg->from_ns;
			range.to_ns = seg->to_ns;
		}
		if (seg->to_ns > range.to_ns)
			range.to_ns = seg->to_ns;
		range.windows += seg->windows;
		range.rows += seg->rows;
		range.bytes += seg->bytes;
	}
	if (r == 0 && range.windows)
		r = fn(arg, &range);
	vec_release(&segments);
	return r;
}

static int embedded_stats(struct store *s, struct store_stats *ret, struct cresset_error *err)
{
	struct embedded *e = embedded_of(s);
	struct store_stats stats = e->counts;
	int r = catalog_stats(e->catalog, &stats, err);

	if (r < 0)
		return r;
	if (e->dict) {
		stats.series = dict_writer_count(e->dict, DICT_SERIES);
		stats.stacks = dict_writer_count(e->dict, DICT_STACK);
		stats.memory_bytes = dict_writer_memory(e->dict);
	}
	*ret = stats;
	return 0;
}

const struct store_kind store_embedded = {
	.name = "embedded",
	.help = "a folder on this host: columnar segments, and a catalogue in SQLite",
	.open = embedded_open,
	.close = embedded_close,
	.append = embedded_append,
	.query = embedded_query,
	.top = embedded_top,
	.series = embedded_series,
	.types = embedded_types,
	.ranges = embedded_ranges,
	.maintain = embedded_maintain,
	.stats = embedded_stats,
};
