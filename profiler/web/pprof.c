// SPDX-License-Identifier: Apache-2.0
/*
 * pprof - profiles of the next seconds, at the addresses where Go's net/http/pprof has them, so
 * that `go tool pprof http://127.0.0.1:4050/debug/pprof/profile?seconds=10` works as it does there.
 *
 * "match" narrows a capture to processes whose labels fit; seconds are 30 if not said, as in Go.
 */
#include "web/inside.h"

#include <cresset/format.h>

#include <errno.h>
#include <string.h>

static int capture(struct web *w, const struct target *t, const char *event, struct answer *reply,
		   struct cresset_error *err)
{
	const struct cresset_format *format = cresset_format_by_name("pprof");
	struct cresset_profile *p = NULL;
	struct match *match = NULL;
	struct cresset_sink *sink;
	unsigned int seconds;
	int r = target_uint(t, "seconds", 1, WEB_CAPTURE_MAX_S, WEB_CAPTURE_DEFAULT_S, &seconds,
			    err);

	r = r ?: match_new(target_get(t, "match"), &match, err);
	if (r == 0 && !w->backend.capture)
		r = cresset_error_set(err, -ENOENT, "nothing can be captured here");
	reply->type = "application/octet-stream";
	reply->attachment = true;
	answer_filename_add(reply, event, 32);
	answer_filename_add(reply, ".pb.gz", 8);
	/* Without a body nobody needs the work. */
	if (r == 0 && !reply->head)
		r = w->backend.capture(w->backend.arg, event, seconds, match, &p, err);
	match_free(match);
	if (r == 0 && p) {
		r = answer_sink(reply, &sink);
		r = r ?: format->write(p, sink, NULL, err);
	}
	cresset_profile_free(p);
	return r;
}

int handle_pprof_cpu(struct web *w, const struct target *t, struct answer *reply,
		     struct cresset_error *err)
{
	return capture(w, t, "cpu", reply, err);
}

int handle_pprof_offcpu(struct web *w, const struct target *t, struct answer *reply,
			struct cresset_error *err)
{
	return capture(w, t, "off-cpu", reply, err);
}

int handle_pprof_index(struct web *w, const struct target *t, struct answer *reply,
		       struct cresset_error *err)
{
	static const char text[] =
		"<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>cresset: "
		"pprof</title>\n<h1>cresset: pprof</h1>\n<ul>\n"
		"<li><a href=\"/debug/pprof/profile?seconds=10\">profile</a>: time on a CPU, "
		"?seconds=1 to 300 (30), &amp;match=comm=\"name\"\n"
		"<li><a href=\"/debug/pprof/offcpu?seconds=10\">offcpu</a>: time waiting, "
		"likewise\n</ul>\n<p>go tool pprof -http=: "
		"http://127.0.0.1:4050/debug/pprof/profile?seconds=10\n";

	reply->type = "text/html; charset=utf-8";
	reply->fixed = text;
	reply->fixed_size = strlen(text);
	return 0;
}
