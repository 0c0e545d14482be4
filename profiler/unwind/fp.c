// SPDX-License-Identifier: Apache-2.0
/*
 * fp.c - stacks by frame pointers (bpf/unw_fp.bpf.c).
 *
 * A walk that ends at a zero frame pointer has come to _start or a thread's first function, as the
 * ABI has them clear it. A zero at once, with nothing but the leaf, is no end: it is code that
 * keeps no frame pointers.
 */
#include "session.h"
#include "unwind/remote.h"

static const char *fp_broken(enum cresset_stop stop, size_t n)
{
	if (stop == CRESSET_STOP_NO_USER || (stop == CRESSET_STOP_END && n >= 2))
		return NULL;
	return unwind_stop_text(stop);
}

static int fp_remote(struct session *s, struct remote **ret)
{
	const struct remote_options options = {.unwinder = CRESSET_UNWINDER_fp};
	struct remote *remote = s->unwind;
	int r = remote ? 0 : remote_new(&options, &remote);

	if (r)
		return r;
	s->unwind = *ret = remote;
	return 0;
}

static void fp_release(struct session *s)
{
	remote_free(s->unwind);
	s->unwind = NULL;
}

const struct unwinder unwinder_fp = {
	.name = "fp",
	.help = "frame pointers (code built with -fno-omit-frame-pointer)",
	.broken = fp_broken,
	.remote = fp_remote,
	.release = fp_release,
};
