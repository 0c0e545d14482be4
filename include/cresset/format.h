/*
 * cresset/format.h - the file formats: profiles out, and for some of them in.
 *
 * A format is a row in one table (formats/formats.c). Writers see the profile as const and may be
 * called any number of times; they are deterministic: the same profile gives the same bytes.
 */
#ifndef CRESSET_FORMAT_H
#define CRESSET_FORMAT_H

#include <cresset/profile.h>
#include <cresset/sink.h>
#include <cresset/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cresset_format_options {
	size_t size;
	const char *title;    /* SVG; NULL: made from the profile */
	double min_width;     /* SVG: narrower frames are merged, in percent of the whole */
	bool pid_roots;	      /* folded, SVG: the root is comm-pid … */
	bool tid_roots;	      /* … or comm-pid/tid */
	int value_index;      /* folded, SVG, top: which value; -1: the profile's default one */
	unsigned int top;     /* top: number of rows; 0: all */
	bool color;	      /* top: for a terminal that shows colours */
	unsigned int columns; /* top: width of the terminal; 0: not one */
	bool hide_idle;	      /* folded, SVG, top: without samples that have the label "idle" */
	/*
	 * Formats with CRESSET_FORMAT_DIFF show what changed since this profile, in the value of
	 * the same type. NULL: there is none.
	 */
	const struct cresset_profile *base;
	bool normalize; /* scale base to the same total */
};
#define CRESSET_FORMAT_OPTIONS_INIT                                                                \
	{                                                                                          \
		.size = sizeof(struct cresset_format_options), .min_width = 0.1,                   \
		.value_index = -1, .top = 30                                                       \
	}

enum {
	CRESSET_FORMAT_BINARY = 1u << 0, /* not for a terminal */
	CRESSET_FORMAT_RAW = 1u << 1,	 /* keeps addresses: can be written before symbolising */
	CRESSET_FORMAT_DIFF = 1u << 2,	 /* can show two profiles, see options.base */
};

struct cresset_format {
	const char *name;	/* "pprof" */
	const char *extensions; /* ".pb.gz .pprof": the first is the usual one; "" for none */
	const char *help;	/* half a line */
	unsigned int flags;	/* CRESSET_FORMAT_* */
	/* NULL: cannot write. options may be NULL. */
	int (*write)(const struct cresset_profile *p, struct cresset_sink *sink,
		     const struct cresset_format_options *options, struct cresset_error *err);
	/*
	 * NULL: cannot read. data is the whole file, hostile; p is a new profile. On failure p is
	 * to be freed by the caller and err says what is wrong and where.
	 */
	int (*read)(const void *data, size_t size, struct cresset_profile *p,
		    struct cresset_error *err);
	/* True if data begins as this format does. NULL if there is no read. */
	bool (*sniff)(const void *data, size_t size);
};

/* The i-th format, NULL past the end. */
CRESSET_API const struct cresset_format *cresset_format_at(size_t i);
CRESSET_API const struct cresset_format *cresset_format_by_name(const char *name);
/* By the longest extension that path ends in; NULL if none. */
CRESSET_API const struct cresset_format *cresset_format_by_path(const char *path);

/* Writes to a file (see cresset_sink_file), or to standard output if path is "-". */
CRESSET_API int cresset_format_write_file(const struct cresset_format *format,
					  const struct cresset_profile *p, const char *path,
					  const struct cresset_format_options *options,
					  struct cresset_error *err);
/* Reads a whole file ("-": standard input), of at most 4 GiB, in whichever format it is. */
CRESSET_API int cresset_format_read_file(const char *path, struct cresset_profile **ret,
					 const struct cresset_format **ret_format,
					 struct cresset_error *err);

#ifdef __cplusplus
}
#endif
#endif
