// SPDX-License-Identifier: Apache-2.0
/*
 * inside.h - what the files of this folder share: the configuration's fields, a request, a target.
 *
 * The way of a profile: split (slice.c) → encode (one target's file) → request → queue → transfer
 * (libcurl) → reply, judged (reply.c) → done, dropped, or to be tried again, in between from the
 * spool. A request is complete: body, and the part of the URL that depends on the profile. What may
 * change between two tries (address, credentials) is of the configuration and added when it leaves.
 */
#ifndef EXPORT_INSIDE_H
#define EXPORT_INSIDE_H

#include "export/export.h"

#include "core/vec.h"

enum { EXPORT_ID_SIZE = 37, EXPORT_NAME_MAX = 64 };

struct export_config {
	char *name;
	const struct export_target *target; /* known after export_config_check() */
	char *type;
	char *url;	    /* without the path template; no '/' at its end */
	char *path;	    /* NULL: the target's own */
	char *method;	    /* http: "POST" or "PUT" */
	struct vec headers; /* char *: "Name: value" */
	char *headers_file;
	char *bearer_file, *bearer_env;
	char *user, *password_file, *password_env;
	char *tenant;
	char *proxy, *proxy_auth_file;
	char *ca, *cert, *key;
	char *insecure; /* "yes" */
	char *aws_region;
	char *spool;
	uint64_t timeout_ns, max_age_ns, retry_min_ns, retry_max_ns;
	uint64_t spool_max_bytes, queue_max_bytes;
};

/* ---- Requests. */

enum { EXPORT_GZIP = 1u << 0 }; /* the body is gzipped as a whole */

struct export_request {
	struct export_request *next; /* in the queue */
	uint64_t seq;		     /* order of pushes; of one exporter */
	int64_t time_ns;	     /* end of the profile, CLOCK_REALTIME: for max_age */
	char id[EXPORT_ID_SIZE];     /* a UUID */
	unsigned int flags;
	char *suffix; /* of the URL, behind the endpoint; "" mostly */
	void *body;
	size_t bytes;	  /* of the body */
	size_t raw_bytes; /* of what the server unpacks from it: for its limits */
};

/* With a new random id. */
int export_request_new(struct export_request **ret);
void export_request_free(struct export_request *r);
/* Memory that a request takes, for the queue's bound. */
size_t export_request_memory(const struct export_request *r);
/* Takes a vec of bytes over as the body. */
void export_request_take(struct export_request *r, struct vec *bytes);
/* -EIO: the kernel gives no random bytes. */
int export_uuid(char ret[EXPORT_ID_SIZE]);

/* ---- Targets. */

struct export_input {
	const struct export_config *config;
	const struct cresset_profile *profile;
	const struct export_label *labels;
	size_t n_labels;
	unsigned int *labels_cut; /* how many the server's limits left out */
};

struct export_target {
	const char *name;
	const char *help;
	const char *path; /* the endpoint, behind the URL; "" where suffix is all of it */
	const char *content_type;
	const char *header; /* one of the protocol's own, or NULL */
	const char *method;
	bool grpc;
	bool sigv4;
	size_t max_samples; /* 0: no limit */
	size_t max_raw_bytes;
	unsigned int max_age_s; /* the server refuses older ones; default of the configuration */
	/* Fills body, raw_bytes, suffix and flags of a new request. */
	int (*encode)(const struct export_input *in, struct export_request *r,
		      struct cresset_error *err);
};

const struct export_target *export_target_by_name(const char *name);
/* By what is plain from a URL: the endpoint's path or the server's usual port. NULL: it is not. */
const struct export_target *export_target_by_url(const char *url);

/*
 * Encodes a profile as however many requests the target's limits ask for; they are appended as a
 * list. On failure what was made is freed; -E2BIG: one sample alone is too large.
 */
int export_encode(const struct export_input *in, struct export_request **ret,
		  struct cresset_error *err);

/* ---- Bytes that several targets need. */

/* pprof, gzipped, appended to out; raw: its size unpacked. */
int export_pprof(const struct cresset_profile *p, struct vec *out, size_t *ret_raw,
		 struct cresset_error *err);
/* "process_cpu", "off_cpu", …: the name that servers have for the kind of profile. */
void export_profile_name(const struct cresset_profile *p, char *buf, size_t size);

/* Samples [first … first + n) of p, with all they refer to; stats and comments go with the first.
 */
int export_slice(const struct cresset_profile *p, size_t first, size_t n,
		 struct cresset_profile **ret);

int64_t export_realtime_ns(void);
/* A clock that nobody sets, and that goes on in suspend. */
int64_t export_boottime_ns(void);
uint64_t export_monotonic_ns(void);

#endif
