// SPDX-License-Identifier: Apache-2.0
/*
 * append - a window becomes a segment. First the file, complete and synced under its name, then one
 * transaction with what is new in the dictionary and the segment's row. Whatever fails before the
 * commit, the file goes again and the dictionary in memory is loaded anew by the next append.
 */
#include <errno.h>
#include <unistd.h>

#include "store/embedded.h"
#include "store/window.h"

#define DAY_NS (INT64_C(86400) * 1000000000)

/* Appends between two looks at how many bytes the dictionary has. */
enum { DICT_CHECK = 16 };

/* A dictionary may have an eighth of the store, so that dropping the old ones makes room. */
static int is_too_large(struct embedded *e, bool *ret, struct cresset_error *err)
{
	uint64_t bytes = 0;
	int r;

	*ret = e->dict && dict_writer_is_full(e->dict);
	if (!*ret && e->dict && e->options.max_memory &&
	    dict_writer_memory(e->dict) > e->options.max_memory) {
		e->counts.dicts_cut++;
		*ret = true;
	}
	if (*ret || ++e->dict_checked < DICT_CHECK)
		return 0;
	e->dict_checked = 0;
	r = catalog_dict_bytes(e->catalog, e->dict_number, &bytes, err);
	*ret = bytes > e->options.max_bytes / 8;
	return r;
}

/* Has the dictionary to be used for this day's windows in e->dict. */
static int choose_dict(struct embedded *e, uint64_t day, struct cresset_error *err)
{
	bool large = false;
	int r = 0;

	if (e->dict_number)
		r = is_too_large(e, &large, err);
	if (r < 0)
		return r;
	/* A window that comes late stays in the newer dictionary; a clock set back by more does
	 * not. */
	if (!e->dict_number || large || day > e->dict_day || day + 1 < e->dict_day) {
		dict_writer_free(e->dict);
		e->dict = NULL;
		e->dict_number++;
		e->dict_day = day;
		e->dict_checked = 0;
	}
	if (e->dict)
		return 0;
	r = dict_writer_load(e->catalog, e->dict_number, &e->dict, err);
	if (r == -EBADMSG) {
		e->dict_number++;
		r = dict_writer_load(e->catalog, e->dict_number, &e->dict, err);
	}
	return r;
}

static int write_file(struct embedded *e, const struct cresset_profile *p, const struct window *w,
		      struct catalog_segment *segment, struct cresset_error *err)
{
	struct segment_window span = {
		.start_ns = segment->from_ns, .end_ns = segment->to_ns, .count = 1};
	struct segment_writer writer;
	int fd, r = embedded_create(e, segment->id, &fd, err);

	if (r < 0)
		return r;
	r = segment_writer_init(&writer, fd, e->dict_number);
	if (r == 0 && !vec_push(&writer.windows, &span, 1))
		r = -ENOMEM;
	r = r ?: window_write(w, &writer);
	r = r ?: segment_writer_finish(&writer, &segment->bytes);
	segment->rows = writer.n_rows;
	segment_writer_release(&writer);
	close(fd);
	return r < 0 ? embedded_error(e, r, "write to", err) : 0;
}

static int add_types(struct embedded *e, const struct cresset_profile *p, struct cresset_error *err)
{
	int r = 0;

	for (size_t i = 0; i < cresset_profile_n_value_types(p) && r == 0; i++) {
		struct cresset_value_type t = cresset_profile_value_type(p, i);

		r = catalog_add_type(e->catalog, cresset_profile_string(p, t.type),
				     cresset_profile_string(p, t.unit), err);
	}
	return r;
}

static int commit(struct embedded *e, const struct cresset_profile *p,
		  const struct catalog_segment *segment, struct cresset_error *err)
{
	int r = catalog_begin(e->catalog, err);

	r = r ?: dict_writer_flush(e->dict, e->catalog, err);
	r = r ?: add_types(e, p, err);
	r = r ?: catalog_add(e->catalog, segment, err);
	r = r ?: catalog_set_number(e->catalog, "next_segment", segment->id + 1, err);
	r = r ?: catalog_set_number(e->catalog, "next_seq", segment->seq + 1, err);
	r = r ?: catalog_set_number(e->catalog, "dict", e->dict_number, err);
	r = r ?: catalog_set_number(e->catalog, "dict_day", e->dict_day, err);
	r = r ?: catalog_commit(e->catalog, err);
	if (r < 0)
		catalog_rollback(e->catalog);
	return r;
}

static int store_window(struct embedded *e, const struct cresset_profile *p, const struct window *w,
			struct cresset_error *err)
{
	struct catalog_segment s = {
		.id = e->next_segment,
		.seq = e->next_seq,
		.from_ns = cresset_profile_time_ns(p),
		.last_ns = cresset_profile_time_ns(p),
		.windows = 1,
		.dict = e->dict_number,
		.level = LEVEL_WINDOW,
	};
	char name[EMBEDDED_NAME];
	int r;

	s.to_ns = s.from_ns + cresset_profile_duration_ns(p);
	embedded_name(s.from_ns, s.level, s.id, name);
	r = write_file(e, p, w, &s, err);
	r = r ?: embedded_publish(e, s.id, name, err);
	if (r == 0) {
		r = commit(e, p, &s, err);
		/* After an I/O error nobody knows whether the log has it: the next writer does. */
		if (r < 0 && r != -EIO)
			embedded_discard(e, s.id, name);
	} else {
		embedded_discard(e, s.id, name);
	}
	/* The name of a file that may be left over is not used again. */
	e->next_segment++;
	if (r == 0)
		e->next_seq++;
	return r;
}

static int check_times(const struct cresset_profile *p, struct cresset_error *err)
{
	int64_t end, start = cresset_profile_time_ns(p), length = cresset_profile_duration_ns(p);

	if (start < 0 || length < 0 || __builtin_add_overflow(start, length, &end) ||
	    end > INT64_MAX - DAY_NS)
		return cresset_error_set(err, -EINVAL,
					 "a window's start or length cannot be stored");
	return 0;
}

int embedded_append(struct store *s, const struct cresset_profile *p, struct cresset_error *err)
{
	struct embedded *e = embedded_of(s);
	struct window w;
	int r;

	if (e->read_only)
		return cresset_error_set(err, -EROFS, "the store %s was opened for reading",
					 e->path);
	window_init(&w);
	r = check_times(p, err);
	r = r ?: choose_dict(e, (uint64_t)(cresset_profile_time_ns(p) / DAY_NS), err);
	r = r ?: window_build(&w, p, e->dict, err);
	r = r ?: store_window(e, p, &w, err);
	if (r < 0) {
		dict_writer_free(e->dict);
		e->dict = NULL;
		e->counts.append_errors++;
	} else {
		e->counts.appended++;
		e->counts.labels_dropped += w.labels_dropped;
	}
	window_release(&w);
	return r;
}
