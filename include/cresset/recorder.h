/*
 * cresset/recorder.h - record a profile of running processes (Linux >= 6.1, BPF).
 *
 *     struct cresset_recorder_options opts = CRESSET_RECORDER_OPTIONS_INIT;
 *     opts.pids = &pid, opts.n_pids = 1;
 *     cresset_recorder_new(&opts, &rec, &err);     load BPF, nothing is sampled yet
 *     cresset_recorder_start(rec, &err);           attach
 *     while (…) cresset_recorder_poll(rec, 100);   drain; call at least once a second
 *     cresset_recorder_take(rec, &profile, &err);  every now and then: the profile since the last
 *     cresset_recorder_stop(rec, &profile, &err);  detach, last drain; the profile is yours
 *     … symbolize with cresset_recorder_open() as the opener, write …
 *     cresset_recorder_free(rec);
 *
 * Needs CAP_BPF and CAP_PERFMON; CAP_SYS_PTRACE to read other users' binaries; see cresset-doctor.
 */
#ifndef CRESSET_RECORDER_H
#define CRESSET_RECORDER_H

#include <cresset/profile.h>
#include <cresset/symbolizer.h>
#include <cresset/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How user stacks are found. */
enum cresset_unwind {
	CRESSET_UNWIND_AUTO, /* by unwind tables (.eh_frame), frame pointers where there are none */
	CRESSET_UNWIND_FP,   /* by frame pointers */
	CRESSET_UNWIND_DWARF, /* by unwind tables, and no guesses: generated code ends the stack */
};

/* Which part of waits is wanted. */
enum cresset_record_states {
	CRESSET_RECORD_WAITS,	 /* all of them */
	CRESSET_RECORD_BLOCKED,	 /* time blocked only */
	CRESSET_RECORD_RUNNABLE, /* time runnable only */
};

struct cresset_recorder_options {
	size_t size;
	const char *event; /* a source's name; NULL: "cpu" */
	/* Targets; none of them: all processes. */
	const uint32_t *pids; /* processes (tgid) */
	size_t n_pids;
	const uint32_t *tids; /* single threads */
	size_t n_tids;
	const char *cgroup;   /* a cgroup v2 directory, with all below it */
	bool no_inherit;      /* do not follow children that targets fork */
	bool user_only;	      /* no kernel frames, no samples without user frames … */
	bool kernel_only;     /* … and the reverse */
	unsigned int freq_hz; /* 0: 99; clamped to the kernel's limit */
	enum cresset_unwind unwind;
	uint64_t max_memory; /* bytes of unwind tables; 0: 128 MiB */
	/* Of the events off-cpu, wall and runqueue. */
	enum cresset_record_states states;
	uint64_t min_wait_ns; /* shorter waits are left out … */
	uint64_t max_wait_ns; /* … and longer ones; 0: no limit */
	/*
	 * CPUs that following switches may cost for each CPU there is, e.g. 0.01; more, and only
	 * some waits are recorded, with weights. 0: 0.01; negative: always all of them.
	 */
	double overhead_budget;
	/*
	 * Past the budget, waits that are longer than this are found all the same, and their stacks
	 * read from outside (some 25 µs each). Up to twice as long some still are left out. 0: 250
	 * ms.
	 */
	uint64_t long_wait_ns;
	/*
	 * Of the events off-cpu and wall: time blocked has who woke the thread, and who woke the
	 * waker before that, up to so many (8 at most). 0: nobody is asked for.
	 */
	unsigned int waker_depth;
	/* Binaries that are held open, for their names; the least used are closed. 0: a quarter of
	 * RLIMIT_NOFILE, and at most 256. */
	unsigned int max_files;
};
#define CRESSET_RECORDER_OPTIONS_INIT                                                              \
	{                                                                                          \
		.size = sizeof(struct cresset_recorder_options)                                    \
	}

/*
 * At any time: taken == counted + filtered + the sum of lost (by cause, also in the profile's
 * stats). A sample that is still in the kernel's maps has been counted by BPF, not yet written.
 */
struct cresset_recorder_stats {
	uint64_t taken;		      /* runs of the sampling program */
	uint64_t filtered;	      /* not the target */
	uint64_t counted;	      /* put in the samples map */
	uint64_t lost;		      /* sum of all causes */
	uint64_t written;	      /* drained into a profile */
	uint64_t kernel_memory_bytes; /* of BPF maps, a second ago at most */
	uint64_t bpf_run_ns;	      /* of sampling programs; 0 unless kernel.bpf_stats_enabled */
	uint64_t bpf_run_count;
	bool hardware;	      /* cycles of a hardware counter, not the cpu-clock */
	unsigned int freq_hz; /* in effect */

	/* With unwind tables; else 0. */
	uint64_t frames_table;	     /* user frames found by them */
	uint64_t frames_jit;	     /* … by frame pointers, in generated code */
	uint64_t frames_fallback;    /* … by frame pointers for want of a table or rule */
	uint64_t stacks_fallback;    /* stacks with one of the last kind */
	uint64_t tables_loaded;	     /* files whose tables were loaded, all in all */
	uint64_t tables_ready;	     /* now */
	uint64_t tables_pending;     /* asked for and not there yet */
	uint64_t table_rows;	     /* now */
	uint64_t tables_evicted;     /* for want of memory */
	uint64_t tables_refused;     /* not loaded for want of memory */
	uint64_t table_memory_bytes; /* of all that is made for unwinding, kept below max_memory */
	uint64_t compile_ns;	     /* CPU time of making tables … */
	uint64_t compiled_rows;	     /* … out of this many rows of unwind information */

	uint64_t files_open;   /* binaries that are held open … */
	uint64_t files_closed; /* … and that were closed for max_files */

	uint64_t verified_insns; /* by the kernel's verifier, of the program with most */
};

CRESSET_API int cresset_recorder_new(const struct cresset_recorder_options *options,
				     struct cresset_recorder **ret, struct cresset_error *err);
CRESSET_API void cresset_recorder_free(struct cresset_recorder *r);
CRESSET_API int cresset_recorder_start(struct cresset_recorder *r, struct cresset_error *err);
/*
 * Waits at most timeout_ms (0: not at all), drains what is due and follows processes and CPUs.
 * Returns 1 while targets live, 0 once every target process has exited, or -errno.
 */
CRESSET_API int cresset_recorder_poll(struct cresset_recorder *r, int timeout_ms);
/*
 * cresset_recorder_poll() also returns when this descriptor becomes readable (an eventfd, a
 * signalfd, …): so who waits by it can be woken, and need not ask for short times. It stays the
 * caller's, who reads it; -1: none, as at first.
 */
CRESSET_API void cresset_recorder_watch(struct cresset_recorder *r, int fd);
/*
 * Ends a window and begins the next: the profile of the time since the start, or since the last
 * time, with the stats of that time (sums of unwind tables are of all time). What threads wait for
 * at that moment is counted up to it. Recording goes on meanwhile, so what happens while the window
 * is being drained is in the one or the other, never in both. The profile is the caller's; if it
 * fails, what was in it is lost, and the next window begins all the same (unless -EINVAL: it has
 * not been started, or -ENOMEM at once: the window goes on).
 */
CRESSET_API int cresset_recorder_take(struct cresset_recorder *r, struct cresset_profile **ret,
				      struct cresset_error *err);
/* Another frequency of samples, from now on; best right after cresset_recorder_take(). */
CRESSET_API int cresset_recorder_set_freq(struct cresset_recorder *r, unsigned int freq_hz,
					  struct cresset_error *err);
/* Memory of the window that is being filled, as of the last poll. */
CRESSET_API size_t cresset_recorder_window_bytes(const struct cresset_recorder *r);
/* Detaches, drains, and hands over the profile of the last window. Call once. */
CRESSET_API int cresset_recorder_stop(struct cresset_recorder *r, struct cresset_profile **ret,
				      struct cresset_error *err);
CRESSET_API void cresset_recorder_get_stats(const struct cresset_recorder *r,
					    struct cresset_recorder_stats *ret);
/* An opener for the symbolizer; arg is the recorder, which must live until resolving is done. */
CRESSET_API int cresset_recorder_open(void *arg, const struct cresset_profile *p, uint32_t mapping,
				      enum cresset_open_what what);

/*
 * Names of kernel addresses from the kernel itself, a microsecond each: for the symbolizer's
 * options kernel_names (cresset_kernel_names_find) and kernel_names_arg (what _new gave). Not by
 * several threads at once. -EPERM and the like: without it the kernel's list is read.
 */
struct cresset_kernel_names;
CRESSET_API int cresset_kernel_names_new(struct cresset_kernel_names **ret);
CRESSET_API void cresset_kernel_names_free(struct cresset_kernel_names *k);
/* A cresset_kernel_names_fn. */
CRESSET_API int cresset_kernel_names_find(void *kernel_names, const uint64_t *addresses, size_t n,
					  struct cresset_kernel_name *ret);

#ifdef __cplusplus
}
#endif
#endif
