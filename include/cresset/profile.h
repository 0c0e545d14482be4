/*
 * cresset/profile.h - one profile in memory, in pprof's shape.
 *
 * A profile is a set of tables that name each other by id, as in pprof's profile.proto
 * (github.com/google/pprof): strings, mappings, functions, locations (each with its lines), stacks,
 * label sets and samples. Every table interns: adding the same entry twice gives the same id, and
 * adding the same (stack, labels) again adds to the values. So a writer is a loop over tables, and
 * merging two profiles is adding the one to the other.
 *
 * Addresses are normalised. A location in a file mapping has the ELF's own virtual address, not the
 * run-time one, and the mapping is the ELF segment; all processes that run one binary share its
 * locations. Addresses of callers point into the call instruction (return address - 1).
 *
 * A profile is first filled without symbols: locations have no lines. The symbolizer then gives
 * each location its lines, once. A profile is owned by one thread at a time.
 *
 * Pointers returned by accessors are valid until the next call that adds to the profile.
 */
#ifndef CRESSET_PROFILE_H
#define CRESSET_PROFILE_H

#include <cresset/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a sample's value means, e.g. {"cpu", "nanoseconds"}. String ids. */
struct cresset_value_type {
	uint32_t type;
	uint32_t unit;
};

enum cresset_mapping_kind {
	CRESSET_MAPPING_FILE = 0,   /* an ELF file; addresses are the ELF's virtual addresses */
	CRESSET_MAPPING_KERNEL = 1, /* kernel text, modules, BPF programs; run-time addresses */
	CRESSET_MAPPING_VDSO = 2,   /* addresses are offsets into the vdso image */
	CRESSET_MAPPING_ANON =
		3, /* anonymous executable memory (JIT); run-time addresses, pid set */
	CRESSET_MAPPING_OTHER = 4, /* not in any known mapping; run-time addresses, pid set */
};

enum {
	CRESSET_MAPPING_HAS_FUNCTIONS = 1u << 0,
	CRESSET_MAPPING_HAS_FILENAMES = 1u << 1,
	CRESSET_MAPPING_HAS_LINES = 1u << 2,
	CRESSET_MAPPING_HAS_INLINES = 1u << 3,
};

/*
 * Interned by everything but flags. `file` is the path as the process saw it ("[kernel.kallsyms]",
 * "[vdso]", "//anon" for the others), `build_id` is lower-case hex; both string ids. `pid` is 0
 * unless the addresses mean something in one process only.
 */
struct cresset_mapping {
	uint64_t start;
	uint64_t limit; /* first address past the end */
	uint64_t offset;
	uint32_t file;
	uint32_t build_id;
	uint32_t pid;
	uint8_t kind;  /* enum cresset_mapping_kind */
	uint8_t flags; /* CRESSET_MAPPING_HAS_*; what the symbolizer found */
	uint16_t pad;
};

/* String ids. `system_name` is the name as the linker has it (mangled), `name` the one to show. */
struct cresset_function {
	uint32_t name;
	uint32_t system_name;
	uint32_t filename;
	uint32_t start_line; /* 0: unknown */
};

/* A function and the line in it, 0 where unknown. */
struct cresset_line {
	uint32_t function;
	uint32_t line;
	uint32_t column;
};

enum {
	CRESSET_LOCATION_KERNEL = 1u << 0,
	CRESSET_LOCATION_JIT = 1u << 1,
	CRESSET_LOCATION_ERROR = 1u << 2, /* a visible "[error: reason]" or other frame of ours */
	CRESSET_LOCATION_RESOLVED = 1u << 3, /* the symbolizer has looked: no lines means no name */
	CRESSET_LOCATION_INLINED = 1u
				   << 4, /* of a reader: the frame's own text says it was inlined */
	CRESSET_LOCATION_FALLBACK =
		1u << 5, /* found by a guess (a frame pointer) for want of an unwind table */
};

/* Lines are innermost inlined callee first; the last one is the function that has the code. */
struct cresset_location {
	uint64_t address;
	uint32_t mapping; /* 0: none, the location is only its lines */
	uint32_t n_lines;
	uint32_t flags; /* CRESSET_LOCATION_* */
	uint32_t pad;
};

/* key and str, or key and num (with its unit, 0: none). String ids. */
struct cresset_label {
	uint32_t key;
	uint32_t str; /* 0: the value is num */
	int64_t num;
	uint32_t unit;
	uint32_t pad;
};

/*
 * Label keys of what the recorder writes. Every sample has the first four. Samples of waiting (the
 * events off-cpu, wall and runqueue) also say in which state the thread was, and how it waited.
 */
#define CRESSET_LABEL_COMM   "comm"   /* of the process */
#define CRESSET_LABEL_THREAD "thread" /* the thread's own name */
#define CRESSET_LABEL_PID    "pid"    /* num */
#define CRESSET_LABEL_TID    "tid"    /* num */
#define CRESSET_LABEL_STATE  "state"  /* "blocked", "runnable"; none: on a CPU */
/* blocked: "interruptible", "uninterruptible", "io", "stopped", "idle" (a kernel thread's);
 * runnable: "preempted", "woken", "new". */
#define CRESSET_LABEL_WAIT   "wait"
#define CRESSET_LABEL_IDLE   "idle" /* name of the rule by which this wait is benign */

#define CRESSET_STATE_BLOCKED  "blocked"
#define CRESSET_STATE_RUNNABLE "runnable"

struct cresset_sample {
	uint32_t stack;
	uint32_t labels; /* label set; 0: none */
};

/*
 * A named number about the recording itself. Names are dotted, the recorder's are
 *     samples.taken, samples.written, samples.filtered, samples.lost.CAUSE,
 *     stacks.user, stacks.user_complete         samples with a user stack; those that are whole
 *     stacks.user_clean                         … and have no frame that was found by a fallback
 *     unwind.…                                  how user stacks were found, see the recorder's
 *     frames.total, frames.named                weighted by samples
 * and samples.taken = samples.written + samples.filtered + the sum of samples.lost.*.
 */
struct cresset_stat {
	uint32_t name;
	uint32_t pad;
	uint64_t value;
};

CRESSET_API int cresset_profile_new(struct cresset_profile **ret);
CRESSET_API void cresset_profile_free(struct cresset_profile *p);
/* Memory that it takes now. */
CRESSET_API size_t cresset_profile_bytes(const struct cresset_profile *p);

/* ---- Filling. All intern and return the entry's id; -ENOMEM, -E2BIG past 2^31 entries, and
 * ---- -EINVAL for an id that does not exist. */

/* Any bytes without NUL. A string is cut at the first NUL or at len. */
CRESSET_API int cresset_profile_add_string(struct cresset_profile *p, const char *s, size_t len,
					   uint32_t *ret_id);
/* Value types are positions, 0 upwards, not ids. -EBUSY once there are samples. 16 at most. */
CRESSET_API int cresset_profile_add_value_type(struct cresset_profile *p, const char *type,
					       const char *unit);
CRESSET_API int cresset_profile_add_mapping(struct cresset_profile *p,
					    const struct cresset_mapping *m, uint32_t *ret_id);
CRESSET_API int cresset_profile_add_function(struct cresset_profile *p,
					     const struct cresset_function *f, uint32_t *ret_id);
/* Interned by mapping, address, flags and the lines given here (n_lines of them; may be none). */
CRESSET_API int cresset_profile_add_location(struct cresset_profile *p,
					     const struct cresset_location *loc,
					     const struct cresset_line *lines, uint32_t *ret_id);
/* Shorthand: a location that is only a name. */
CRESSET_API int cresset_profile_add_frame(struct cresset_profile *p, const char *name, size_t len,
					  uint32_t flags, uint32_t *ret_id);
/* Location ids, leaf first. n = 0 is a stack too (id 0). */
CRESSET_API int cresset_profile_add_stack(struct cresset_profile *p, const uint32_t *locations,
					  size_t n, uint32_t *ret_id);
/* In the order given; keys should not repeat. n = 0 gives id 0. */
CRESSET_API int cresset_profile_add_labels(struct cresset_profile *p,
					   const struct cresset_label *labels, size_t n,
					   uint32_t *ret_id);
/* Adds values[0 … number of value types) to the sample of this stack and label set; sums saturate.
 */
CRESSET_API int cresset_profile_add_sample(struct cresset_profile *p, uint32_t stack,
					   uint32_t labels, const int64_t *values);
/* Replaces the values of sample i (0 … n_samples - 1). -EINVAL: there is none. */
CRESSET_API int cresset_profile_set_values(struct cresset_profile *p, size_t i,
					   const int64_t *values);
/*
 * Replaces the label sets of all samples: sample i gets labels[i]. Samples that are then equal
 * become one, with the sum of their values, in the place of the first. -EINVAL for a set that does
 * not exist; nothing is changed on failure.
 */
CRESSET_API int cresset_profile_relabel(struct cresset_profile *p, const uint32_t *labels);
/* Adds everything of src to p. The value types must be equal (taken over if p has none). */
CRESSET_API int cresset_profile_merge(struct cresset_profile *p, const struct cresset_profile *src);

/* ---- What is true of the whole. */

CRESSET_API void cresset_profile_set_default_type(struct cresset_profile *p, size_t index);
CRESSET_API int cresset_profile_set_period(struct cresset_profile *p, const char *type,
					   const char *unit, int64_t period);
/* Wall-clock start in ns since the epoch, and length in ns. */
CRESSET_API void cresset_profile_set_time(struct cresset_profile *p, int64_t time_ns,
					  int64_t duration_ns);
CRESSET_API int cresset_profile_add_comment(struct cresset_profile *p, const char *text);
/* Sets (or overwrites) a stat; they keep the order of their first setting. */
CRESSET_API int cresset_profile_set_stat(struct cresset_profile *p, const char *name,
					 uint64_t value);

/* ---- What the symbolizer does. */

/* Replaces a location's lines and ORs flags in. The location's identity for interning is unchanged.
 */
CRESSET_API int cresset_profile_set_lines(struct cresset_profile *p, uint32_t location,
					  const struct cresset_line *lines, size_t n,
					  uint32_t flags);
CRESSET_API int cresset_profile_set_mapping_flags(struct cresset_profile *p, uint32_t mapping,
						  uint8_t flags);

/*
 * To be called once after resolving. A user stack that the walker could not prove whole ends, at
 * its root, in an ERROR location ("[error: reason]"). Where one of the three frames next to it is a
 * function that stacks begin with (main, _start, start_thread, clone, …) the stack is whole after
 * all and the ERROR location is cut off. Then sets the stats stacks.user, stacks.user_complete,
 * stacks.user_clean, frames.total and frames.named (by the samples' first value if it is a count,
 * else by the default one).
 */
CRESSET_API int cresset_profile_settle(struct cresset_profile *p);

/* ---- Reading. Ids run from 1 to the count; value types, comments, stats and samples from 0 to
 * ---- count - 1. An id out of range gives the empty entry, never a crash. */

CRESSET_API const char *cresset_profile_string(const struct cresset_profile *p, uint32_t id);
CRESSET_API uint32_t cresset_profile_n_strings(const struct cresset_profile *p);
CRESSET_API uint32_t cresset_profile_n_mappings(const struct cresset_profile *p);
CRESSET_API uint32_t cresset_profile_n_functions(const struct cresset_profile *p);
CRESSET_API uint32_t cresset_profile_n_locations(const struct cresset_profile *p);
CRESSET_API uint32_t cresset_profile_n_stacks(const struct cresset_profile *p);
CRESSET_API uint32_t cresset_profile_n_label_sets(const struct cresset_profile *p);
CRESSET_API const struct cresset_mapping *cresset_profile_mapping(const struct cresset_profile *p,
								  uint32_t id);
CRESSET_API const struct cresset_function *cresset_profile_function(const struct cresset_profile *p,
								    uint32_t id);
CRESSET_API const struct cresset_location *cresset_profile_location(const struct cresset_profile *p,
								    uint32_t id);
/* The location's n_lines lines. */
CRESSET_API const struct cresset_line *cresset_profile_lines(const struct cresset_profile *p,
							     uint32_t location);
CRESSET_API const uint32_t *cresset_profile_stack(const struct cresset_profile *p, uint32_t id,
						  size_t *ret_n);
CRESSET_API const struct cresset_label *cresset_profile_labels(const struct cresset_profile *p,
							       uint32_t id, size_t *ret_n);
CRESSET_API size_t cresset_profile_n_value_types(const struct cresset_profile *p);
CRESSET_API struct cresset_value_type cresset_profile_value_type(const struct cresset_profile *p,
								 size_t i);
CRESSET_API size_t cresset_profile_default_type(const struct cresset_profile *p);
CRESSET_API struct cresset_value_type cresset_profile_period_type(const struct cresset_profile *p);
CRESSET_API int64_t cresset_profile_period(const struct cresset_profile *p);
CRESSET_API int64_t cresset_profile_time_ns(const struct cresset_profile *p);
CRESSET_API int64_t cresset_profile_duration_ns(const struct cresset_profile *p);
CRESSET_API size_t cresset_profile_n_comments(const struct cresset_profile *p);
CRESSET_API const char *cresset_profile_comment(const struct cresset_profile *p, size_t i);
CRESSET_API size_t cresset_profile_n_stats(const struct cresset_profile *p);
CRESSET_API struct cresset_stat cresset_profile_stat(const struct cresset_profile *p, size_t i);
CRESSET_API size_t cresset_profile_n_samples(const struct cresset_profile *p);
CRESSET_API const struct cresset_sample *cresset_profile_sample(const struct cresset_profile *p,
								size_t i);
/* As many values as there are value types. */
CRESSET_API const int64_t *cresset_profile_values(const struct cresset_profile *p, size_t i);
/* Sum of one value over all samples, saturating. */
CRESSET_API int64_t cresset_profile_total(const struct cresset_profile *p, size_t value_index);
/* The label of that key in a label set, or NULL. */
CRESSET_API const struct cresset_label *
cresset_profile_find_label(const struct cresset_profile *p, uint32_t labels, const char *key);

/* ---- Stacks as a person reads them: inlined calls are frames too. */

enum cresset_frame_kind {
	CRESSET_FRAME_USER = 0,
	CRESSET_FRAME_KERNEL = 1,
	CRESSET_FRAME_INLINED = 2,
	CRESSET_FRAME_JIT = 3,
	CRESSET_FRAME_ERROR = 4,
};

struct cresset_frame {
	uint32_t name; /* string id of the text to show; 0 only for a location without lines … */
	uint32_t location; /* … whose text cresset_profile_location_text() makes */
	uint32_t function; /* 0: none */
	uint32_t line;
	uint32_t kind; /* enum cresset_frame_kind */
};

/*
 * Expands a stack to frames, root first. Writes at most max of them and returns how many there are
 * (call again with more room if that is > max). A root-first view of the first max frames is kept
 * when there is not enough room.
 */
CRESSET_API size_t cresset_profile_frames(const struct cresset_profile *p, uint32_t stack,
					  struct cresset_frame *frames, size_t max);
/* Text of a location that has no lines: "[libc.so.6+0x29d90]". Always NUL-terminated. */
CRESSET_API void cresset_profile_location_text(const struct cresset_profile *p, uint32_t location,
					       char *buf, size_t size);

#ifdef __cplusplus
}
#endif
#endif
