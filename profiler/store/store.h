// SPDX-License-Identifier: Apache-2.0
/*
 * store - profiles kept for days, one window after the other, and merged again for any range.
 *
 * What is stored is a row: at this time (a window's start) the series (a set of labels) spent this
 * much (a value) of this type (e.g. cpu in nanoseconds) in this stack. A query names types, a range
 * and a condition on labels, and gets one profile with the rows summed by stack, with names: the
 * store needs no binary and no symbolizer. That is what it trades away, too: of a location that has
 * a name the address is not kept, so that one line of code is one frame whatever instruction a
 * sample hit, and stats and comments of the window are not kept.
 *
 * Kinds of stores are rows of STORES. "embedded" is a directory (see README.md): one writer, and
 * any number of readers in other processes at the same time, none of which ever waits for another.
 * A struct store itself is used by one thread at a time: a thread that queries while another one
 * appends opens its own (read_only), which costs about a millisecond.
 *
 * Time is in nanoseconds since the epoch. A window belongs to the range that its start falls into,
 * from <= start < to. Compaction merges windows of one minute; so a minute is the resolution of
 * what is older than some minutes, and totals never change.
 *
 * Nothing here prints. Errors leave one line in struct cresset_error: what, on which object,
 * remedy.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "core/vec.h"

#include <cresset/profile.h>
#include <cresset/types.h>

#define STORES(X) X(embedded)

#define STORE_DEFAULT_PATH	    "/var/lib/cresset"
#define STORE_DEFAULT_MAX_BYTES	    (UINT64_C(2) << 30)
#define STORE_DEFAULT_MAX_AGE_NS    (INT64_C(7) * 86400 * 1000000000)
#define STORE_MIN_MAX_BYTES	    (UINT64_C(8) << 20)
#define STORE_DEFAULT_RESOLUTION_NS (INT64_C(60) * 1000000000)

enum { STORE_MAX_TYPES = 16, STORE_MAX_LABELS = 64, STORE_MAX_LABEL_BYTES = 4096 };

struct store;
struct match;

struct store_options {
	bool read_only;	       /* for queries: needs no right to write, and takes no lock */
	uint64_t max_bytes;    /* on disk, all in; 0: the default; at least STORE_MIN_MAX_BYTES */
	int64_t max_age_ns;    /* 0: the default */
	int64_t resolution_ns; /* of what has been compacted; 0: a minute */
	/* Of a writer's dictionary, which is begun anew past it (to be stored again), and of the
	 * answer to a query, which fails past it. 0: 96 MiB, and 1 GiB. */
	uint64_t max_memory;
};

/*
 * path is a directory, which a writer creates (mode 0750; its parents must exist), or "KIND:…" for
 * a store of another kind. A writer removes what a crash left behind. Fails with
 *
 *     -EBUSY           another writer has it (err names its pid)
 *     -EPROTO          it was written by a newer version
 *     -ENOENT          read_only, and there is no store
 *     -EROFS, -EACCES  it may not be written to
 *     -EBADMSG         its catalogue is damaged, or it is something else's directory
 */
int store_open(const char *path, const struct store_options *options, struct store **ret,
	       struct cresset_error *err);
void store_close(struct store *s);

/*
 * One window; its start and length are p's time_ns and duration_ns. p has names; it has at most
 * STORE_MAX_TYPES value types, each of which is stored as a type of its own (values of 0 take no
 * room; types that are sums of others should be left out: store_query_event() adds them up). Every
 * label set is a series; labels are to be few and of low cardinality (service, host, comm, …; no
 * tid). On disk, and found by queries, when it returns 0; if it fails nothing has changed, and it
 * may be tried again. -ENOSPC: the disk is full; -EINVAL: a negative time or value.
 */
int store_append(struct store *s, const struct cresset_profile *p, struct cresset_error *err);

/* A value's type and unit, e.g. {"cpu", "nanoseconds"}. */
struct store_type {
	const char *type;
	const char *unit;
	/* Of a query: samples of this type get the label state=…, and stand apart from those of
	 * other states; NULL: no such label. */
	const char *state;
};

struct store_query {
	int64_t from_ns, to_ns;		/* to is not in it; both 0: everything */
	const struct match *match;	/* NULL: every series */
	const struct store_type *types; /* value types of the result, in this order */
	size_t n_types;			/* 0: all that the store has */
	const char *sum; /* one more value, last and default: the sum of all; NULL: none */
	const char *const *keep_labels; /* samples keep these labels of their series … */
	size_t n_keep_labels;		/* … none: samples have no labels */
};

/* How complete an answer is. */
struct store_result {
	uint64_t windows;	 /* windows summed */
	uint64_t segments;	 /* files looked into */
	uint64_t rows;		 /* rows summed */
	uint64_t damaged;	 /* files that are damaged or missing, wholly or in part … */
	char damaged_name[128];	 /* … the first of them */
	uint64_t stacks_missing; /* stacks whose frames are damaged: one "[error: …]" frame instead
				  */
	/* Parts of the dictionaries that are damaged: names are "[damaged]", series have no labels
	 * and match as such, and rows whose type is not known any more are left out. */
	uint64_t names_damaged;
	int64_t first_ns, last_ns; /* start of the first window, end of the last; 0: no window */
};

/*
 * A profile with exactly these value types (all 0 where nothing was found), time_ns first_ns, and
 * duration_ns up to last_ns. Finding nothing is no error. -E2BIG: the answer does not fit into
 * memory's bound (fewer labels, or a narrower match). ret_result may be NULL.
 */
int store_query(struct store *s, const struct store_query *q, struct cresset_profile **ret,
		struct store_result *ret_result, struct cresset_error *err);

/*
 * The sums of q's types by the values of one label: for "--by" and lists of services.
 * The callback gets the rows in falling order of their sum over all types, then by text; value is
 * "" for series that have no such label. A callback that does not return 0 ends it with that.
 */
typedef int (*store_top_fn)(void *arg, const char *value, const int64_t *sums, size_t n_types);
int store_top(struct store *s, const struct store_query *q, const char *label, store_top_fn fn,
	      void *arg, struct store_result *ret_result, struct cresset_error *err);

/*
 * The series that have a row in q's range and match (types do not matter). Labels are in the order
 * of their keys; texts live until the callback returns.
 */
struct store_label {
	const char *key;
	const char *value; /* of a number: its decimal text (with its unit behind a blank) */
};
typedef int (*store_series_fn)(void *arg, const struct store_label *labels, size_t n);
int store_series(struct store *s, const struct store_query *q, store_series_fn fn, void *arg,
		 struct store_result *ret_result, struct cresset_error *err);

/* Names of labels, and values of one label, of the same series: each once, sorted by bytes. */
typedef int (*store_text_fn)(void *arg, const char *text);
int store_labels(struct store *s, const struct store_query *q, store_text_fn fn, void *arg,
		 struct cresset_error *err);
int store_values(struct store *s, const struct store_query *q, const char *label, store_text_fn fn,
		 void *arg, struct cresset_error *err);

/* Types that were ever stored, sorted by type, then unit. */
int store_types(struct store *s, int (*fn)(void *arg, const struct store_type *type), void *arg,
		struct cresset_error *err);

/* Stretches of time without a gap of more than gap_ns (0: five minutes) between windows. */
struct store_range {
	int64_t from_ns, to_ns;
	uint64_t windows, rows, bytes;
};
int store_ranges(struct store *s, int64_t from_ns, int64_t to_ns, int64_t gap_ns,
		 int (*fn)(void *arg, const struct store_range *range), void *arg,
		 struct cresset_error *err);

/*
 * A slice of housekeeping (some 50 ms of work): windows into minutes, minutes into hours, hours
 * into days; what is too old or too much goes. Returns 1 if there is more to do at once, 0 if not
 * before the next window, or -errno. To be called after each append, from the writer's thread.
 * When the clock jumps, nothing is taken for too old during the hour that follows.
 */
int store_maintain(struct store *s, int64_t now_ns, struct cresset_error *err);

/* For metrics. Counts since it was opened are of this struct store, the others of the store. */
struct store_stats {
	uint64_t bytes; /* on disk: segments, catalogue, its log */
	uint64_t segment_bytes;
	uint64_t segments;
	uint64_t windows;
	uint64_t rows;
	uint64_t series;	/* of the dictionary in use */
	uint64_t stacks;	/* of the dictionary in use */
	uint64_t damaged;	/* segments found to be damaged or missing */
	uint64_t appended;	/* windows, since it was opened */
	uint64_t append_errors; /* … that could not be stored */
	uint64_t compacted;	/* segments made of others, since it was opened */
	uint64_t expired;	/* segments removed for age or size, since it was opened */
	uint64_t expired_windows;
	uint64_t memory_bytes;	 /* of the dictionary in use */
	uint64_t dicts_cut;	 /* dictionaries begun anew for max_memory, since it was opened */
	uint64_t labels_dropped; /* labels past STORE_MAX_LABELS, or cut to STORE_MAX_LABEL_BYTES */
	int64_t first_ns, last_ns; /* start of the first window, end of the last; 0: none */
};
int store_stats(struct store *s, struct store_stats *ret, struct cresset_error *err);

/* ---- Kinds. Every member has the meaning of the function of its name. */
struct store_kind {
	const char *name;
	const char *help;
	int (*open)(const char *path, const struct store_options *options, struct store **ret,
		    struct cresset_error *err);
	void (*close)(struct store *s);
	int (*append)(struct store *s, const struct cresset_profile *p, struct cresset_error *err);
	int (*query)(struct store *s, const struct store_query *q, struct cresset_profile **ret,
		     struct store_result *ret_result, struct cresset_error *err);
	int (*top)(struct store *s, const struct store_query *q, const char *label, store_top_fn fn,
		   void *arg, struct store_result *ret_result, struct cresset_error *err);
	int (*series)(struct store *s, const struct store_query *q, store_series_fn fn, void *arg,
		      struct store_result *ret_result, struct cresset_error *err);
	int (*types)(struct store *s, int (*fn)(void *arg, const struct store_type *type),
		     void *arg, struct cresset_error *err);
	int (*ranges)(struct store *s, int64_t from_ns, int64_t to_ns, int64_t gap_ns,
		      int (*fn)(void *arg, const struct store_range *range), void *arg,
		      struct cresset_error *err);
	int (*maintain)(struct store *s, int64_t now_ns, struct cresset_error *err);
	int (*stats)(struct store *s, struct store_stats *ret, struct cresset_error *err);
};

/* What every kind's own struct begins with. */
struct store {
	const struct store_kind *kind;
};

/* The i-th kind, NULL past the end. */
const struct store_kind *store_kind_at(size_t i);

#endif
