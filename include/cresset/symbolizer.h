/*
 * cresset/symbolizer.h - addresses to functions, inlined calls, files and lines.
 *
 * A symbolizer looks at each unresolved location of a profile once and sets its lines. It keeps
 * what it learned of a binary, by build-id (else by device, inode and mtime), so one symbolizer
 * serves many profiles. It never guesses: a symbol with a size owns nothing past its end, and an
 * address that nothing owns keeps no lines (it is shown as "[binary+0xaddress]").
 *
 * Origins, best first: ELF .symtab/.dynsym and DWARF of the binary, of its separate debug file
 * (build-id directory, .gnu_debuglink), .gnu_debugdata, debuginfod if asked for; kallsyms for the
 * kernel, the vdso image, /tmp/perf-PID.map for JIT code.
 */
#ifndef CRESSET_SYMBOLIZER_H
#define CRESSET_SYMBOLIZER_H

#include <cresset/profile.h>
#include <cresset/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cresset_open_what {
	CRESSET_OPEN_BINARY,   /* the ELF file of a mapping */
	CRESSET_OPEN_PERF_MAP, /* the perf map of the process that owns an ANON mapping */
};

/*
 * Gives a descriptor for what a mapping refers to (the symbolizer closes it), or -errno. The
 * default opens the mapping's path; a recorder knows better ways (/proc/PID/map_files, deleted
 * files, other mount namespaces, processes that are gone).
 */
typedef int (*cresset_open_fn)(void *arg, const struct cresset_profile *p, uint32_t mapping,
			       enum cresset_open_what what);

/* What the kernel calls an address. */
enum { CRESSET_KERNEL_NAMES_MAX = 64, CRESSET_KERNEL_NAME_BYTES = 512 };
struct cresset_kernel_name {
	char name[CRESSET_KERNEL_NAME_BYTES]; /* "": nothing that it knows is there */
	char module[64];		      /* "[mod]", "[bpf]"; "": the kernel itself */
};

/*
 * Gives the names of at most CRESSET_KERNEL_NAMES_MAX addresses of the kernel that runs, or -errno:
 * then its list is read. See cresset_kernel_names_find() of <cresset/recorder.h>.
 */
typedef int (*cresset_kernel_names_fn)(void *arg, const uint64_t *addresses, size_t n,
				       struct cresset_kernel_name *ret);

struct cresset_symbolizer_options {
	size_t size;
	bool no_inlines;	/* only the function that has the code */
	bool no_lines;		/* no DWARF at all: names only */
	bool no_demangle;	/* name == system_name */
	bool debuginfod;	/* ask $DEBUGINFOD_URLS for what is not on this host */
	const char *debug_dirs; /* ':' separated; NULL: /usr/lib/debug */
	const char *kallsyms;	/* NULL: /proc/kallsyms */
	cresset_open_fn open;	/* NULL: by path */
	void *open_arg;
	uint64_t max_bytes;		      /* of indexes kept; 0: 256 MiB */
	unsigned int max_files;		      /* that they may hold open; 0: 384 */
	cresset_kernel_names_fn kernel_names; /* asked before the list is read; may be NULL */
	void *kernel_names_arg;
};
#define CRESSET_SYMBOLIZER_OPTIONS_INIT                                                            \
	{                                                                                          \
		.size = sizeof(struct cresset_symbolizer_options)                                  \
	}

/* Which locations to resolve. */
enum {
	/*
	 * What only this moment of this host can name: kernel, BPF, vdso, JIT, and files that their
	 * path does not lead to (deleted, replaced, memfd, in another mount namespace).
	 */
	CRESSET_RESOLVE_EPHEMERAL = 1u << 0,
	/* What files can name later as well. */
	CRESSET_RESOLVE_FILES = 1u << 1,
	CRESSET_RESOLVE_ALL = 3u,
};

/* Sums over the life of the symbolizer. */
struct cresset_symbolizer_stats {
	uint64_t locations;	    /* looked at */
	uint64_t named;		    /* got at least a function */
	uint64_t with_line;	    /* got a file and line */
	uint64_t inlined;	    /* inlined frames added */
	uint64_t binaries;	    /* indexed */
	uint64_t binaries_missing;  /* could not be opened, or are not what was mapped */
	uint64_t binaries_damaged;  /* not (fully) readable as ELF or DWARF */
	uint64_t debuginfod_hits;   /* debug files fetched */
	uint64_t debuginfod_misses; /* asked for and not had */
	uint64_t evicted;	    /* indexes dropped for max_bytes … */
	uint64_t evicted_files;	    /* … and for max_files */
	uint64_t bytes, files;	    /* of those that are kept now */
};

CRESSET_API int cresset_symbolizer_new(const struct cresset_symbolizer_options *options,
				       struct cresset_symbolizer **ret);
CRESSET_API void cresset_symbolizer_free(struct cresset_symbolizer *s);
/* Replaces the opener; it belongs to one recording while the symbolizer outlives it. */
CRESSET_API void cresset_symbolizer_set_open(struct cresset_symbolizer *s, cresset_open_fn open,
					     void *arg);
/*
 * Resolves locations of p that have no lines and are not marked resolved. What cannot be named is
 * no error; -ENOMEM is. Marks every location it looked at CRESSET_LOCATION_RESOLVED and sets the
 * mappings' HAS_* flags.
 */
CRESSET_API int cresset_symbolizer_resolve(struct cresset_symbolizer *s, struct cresset_profile *p,
					   unsigned int what);
CRESSET_API void cresset_symbolizer_get_stats(const struct cresset_symbolizer *s,
					      struct cresset_symbolizer_stats *ret);

#ifdef __cplusplus
}
#endif
#endif
