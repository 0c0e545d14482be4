// SPDX-License-Identifier: Apache-2.0
/*
 * store_driver - fills a store with windows of known content, for scripts; as an agent would, but
 * in no time and without BPF.
 *
 *     store_driver FOLDER START STEP N [PAUSE_MS]   N windows of STEP seconds from START (epoch)
 * on, each followed by housekeeping at its end
 *
 * Prints the number of a window when it is on disk.
 */
#include "support/store_fill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

static int add_window(struct store *s, const struct store_fill *f, uint32_t i,
		      struct cresset_error *err)
{
	struct cresset_profile *p = NULL;
	int r = store_fill_window(f, i, &p);

	r = r ?: store_append(s, p, err);
	cresset_profile_free(p);
	while (r >= 0) {
		r = store_maintain(s, f->start_ns + f->step_ns * (i + 1), err);
		if (r == 0)
			break;
	}
	return r;
}

int main(int argc, char **argv)
{
	struct store_options o = {.max_age_ns = 3650 * 86400 * SECOND_NS};
	struct store_fill f = STORE_FILL_INIT;
	struct cresset_error err = {.text = ""};
	long pause_ms = argc > 5 ? atol(argv[5]) : 0;
	struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000};
	struct store *s = NULL;
	int r;

	if (argc < 5) {
		fprintf(stderr, "usage: store_driver FOLDER START STEP N [PAUSE_MS]\n");
		return 2;
	}
	f.start_ns = atoll(argv[2]) * SECOND_NS;
	f.step_ns = atoll(argv[3]) * SECOND_NS;
	r = store_open(argv[1], &o, &s, &err);
	for (uint32_t i = 0; r == 0 && i < (uint32_t)atol(argv[4]); i++) {
		r = add_window(s, &f, i, &err);
		if (r == 0)
			printf("%u\n", i);
		fflush(stdout);
		nanosleep(&pause, NULL);
	}
	store_close(s);
	if (r < 0)
		fprintf(stderr, "store_driver: %s\n", err.text[0] ? err.text : strerror(-r));
	return r < 0;
}
