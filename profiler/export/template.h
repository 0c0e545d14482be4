// SPDX-License-Identifier: Apache-2.0
/*
 * template - a path with places for what is known of a profile: "/{service}/{date}/{id}.pb.gz".
 *
 *     {name} process_cpu, off_cpu, …      {date} 2026-11-23 (UTC)      {time} 20261123T104501Z
 *     {id}   the request's UUID           {anything else} the label of that name, "_" if there is
 * none
 *
 * A value is one piece of one folder's name: what is not plain is percent-encoded, '/' too, and a
 * value of only dots gets a '_', so that no label can leave its place in the path.
 */
#ifndef EXPORT_TEMPLATE_H
#define EXPORT_TEMPLATE_H

#include "export/inside.h"

/* The suffix is malloc'ed. */
int template_fill(const char *path, const struct export_input *in, const struct export_request *r,
		  char **ret);
/*
 * The encode() of targets that take gzipped pprof at a path of its own: the one configured, or else
 * `path`.
 */
int template_encode(const char *path, const struct export_input *in, struct export_request *r,
		    struct cresset_error *err);

#endif
