// SPDX-License-Identifier: Apache-2.0
/*
 * config - what the agent's configuration file says, with a default for everything.
 *
 * The file is INI. Every key is a row of one table (config_keys.c): where it stands, what it takes,
 * where the value goes, and whether a running agent can take a new value over. So reading,
 * printing, comparing, the manual and the shipped sample cannot differ. [upload NAME] sections are
 * the export module's, which has such a table of its own.
 *
 *     agent_config_load("/etc/cresset/cresset.conf", &c, &complaints);   // NULL: all defaults
 *     for (i = 0; i < complaints.n; i++)
 *             say(complaints.list[i].text);                 // "FILE:LINE: what, and what to write"
 *
 * A file is believed nothing: its size, its lines and their number are bounded, a NUL byte, a key
 * twice or a section twice is an error, and all errors of a file are told, not only the first. No
 * complaint repeats the value of a key that could be a secret.
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "core/vec.h"

#include <cresset/recorder.h>
#include <cresset/types.h>

#define AGENT_CONFIG_DEFAULT_PATH "/etc/cresset/cresset.conf"

enum {
	AGENT_CONFIG_MAX_BYTES = 1 << 20,
	AGENT_CONFIG_MAX_LINE = 2000, /* bytes, without the newline */
	AGENT_CONFIG_MAX_LIST = 256,  /* values of one key */
	AGENT_CONFIG_MAX_UPLOADS = 32,
	AGENT_CONFIG_MAX_COMPLAINTS = 24,
};

/* ---- The values. Texts and lists belong to the config; NULL is "not set". */

struct agent_recording {
	bool cpu, off_cpu; /* events; at least one */
	unsigned int freq_hz;
	uint64_t window_ns;
	enum cresset_unwind unwind;
	uint64_t min_wait_ns; /* 0: all waits */
	uint64_t max_memory_bytes;
	double cpu_budget;	/* CPUs for each CPU there is: 0.005 is half a percent … */
	double overhead_budget; /* … of which following switches in the kernel may cost this */
	bool inlines, lines, debuginfod;
	char *user; /* to run as when started by root */
	bool seccomp;
};

struct agent_store_config {
	char *path;
	uint64_t max_bytes, max_age_ns;
	char *spool; /* where uploads spool, each in a folder of its name; NULL: PATH/spool */
};

struct agent_http_config {
	char *listen; /* HOST:PORT, [ADDRESS]:PORT or "no" */
	char *user, *password_file, *bearer_file;
	char *tls_cert, *tls_key;
};

/* Lists are vecs of char *; what is in them is what labels.h takes. */
struct agent_labels_config {
	struct vec statics; /* KEY=VALUE */
	struct vec env;	    /* VARIABLE or VARIABLE=LABEL */
	struct vec otel;    /* resource attributes */
	struct vec service; /* rules in their order */
	struct vec rules;   /* "keep …", "drop …", "rename …" in the order of the file */
	unsigned int max_series;
};

struct agent_config {
	struct agent_recording agent;
	struct agent_store_config store;
	struct agent_http_config http;
	struct agent_labels_config labels;
	struct vec uploads; /* struct export_config *, checked */
};

/* ---- What is wrong with a file. */

struct agent_complaint {
	unsigned int line; /* 0: of the whole */
	bool warning;	   /* the file can be used all the same */
	char text[600];	   /* one line: FILE:LINE: what, and what to write instead */
};

struct agent_complaints {
	struct agent_complaint list[AGENT_CONFIG_MAX_COMPLAINTS];
	size_t n;
	size_t left_out; /* more than the list holds */
	size_t errors;	 /* of all, those that are no warnings */
};

/*
 * From a file; path NULL: the defaults. Complaints are added to those that are there. 0 (with
 * warnings, perhaps), -EINVAL, -EFBIG, -ENOMEM or what open() and read() say; in any case but 0
 * there is at least one complaint.
 */
int agent_config_load(const char *path, struct agent_config **ret,
		      struct agent_complaints *complaints);
/* Of text[0 … size), called `name` in complaints, without a look at other files: uploads are not
 * yet checked as a whole. */
int agent_config_parse(const char *text, size_t size, const char *name, struct agent_config **ret,
		       struct agent_complaints *complaints);
/* What depends on several keys, on files and on the environment; agent_config_load() does it. */
int agent_config_check(struct agent_config *c, const char *name,
		       struct agent_complaints *complaints);
void agent_config_free(struct agent_config *c);

/* The configuration in force, as a file that can be read again but for headers with secrets. */
int agent_config_print(const struct agent_config *c, struct cresset_sink *sink);

/* One [upload] section of it. */
struct export_config;
void agent_config_print_upload(const struct export_config *u, struct cresset_sink *sink);
/* Of what agent_config_print() prints: two configurations are the same where this is. */
int agent_config_digest(const struct agent_config *c, uint64_t *ret);
uint64_t agent_config_digest_text(const void *text, size_t size);

/* ---- Reload. */

enum agent_change {
	AGENT_CHANGE_LABELS = 1,   /* live: a new agent_labels */
	AGENT_CHANGE_UPLOADS = 2,  /* live: exporters whose config is not export_config_equal() */
	AGENT_CHANGE_STORE = 4,	   /* live: max_bytes and max_age; close and open the store */
	AGENT_CHANGE_RECORDER = 8, /* the recorder must be made anew */
	AGENT_CHANGE_HTTP = 16,	   /* the HTTP server must be made anew */
	AGENT_CHANGE_PROCESS = 32, /* takes effect when the agent is started anew only */
	AGENT_CHANGE_NAMES = 64,   /* live: a new symbolizer */
};

/* Called for each key that differs; upload sections: key is NULL. */
typedef void (*agent_change_fn)(void *arg, const char *section, const char *key,
				enum agent_change change);
/* All of enum agent_change that differ, or'ed. fn may be NULL. */
unsigned int agent_config_diff(const struct agent_config *old, const struct agent_config *new,
			       agent_change_fn fn, void *arg);
/*
 * What of `changes` (or'ed) differs stays as it is in old: next gets it, and old the other. Uploads
 * are left alone. fn gets a key's line as it is in force.
 */
void agent_config_keep(struct agent_config *next, struct agent_config *old, unsigned int changes,
		       void (*fn)(void *arg, const char *section, const char *line), void *arg);
/* "takes effect now", "restarts sampling", …: for the log. */
const char *agent_change_text(enum agent_change change);

/* ---- The keys, for --help, the manual, and the test of the sample file. */

struct agent_key {
	const char *section; /* "agent", … or "upload NAME" */
	const char *name;
	const char *arg; /* "TIME", "yes|no", … */
	const char *help;
	const char *standard; /* the default as it would be written, "" for none */
	bool many;	      /* may be set more than once */
};
/* The i-th key, upload's behind the others; false past the end. */
bool agent_key_at(size_t i, struct agent_key *ret);

#endif
