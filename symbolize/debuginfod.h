// SPDX-License-Identifier: Apache-2.0
/*
 * debuginfod - debug files from the servers that $DEBUGINFOD_URLS names.
 *
 * The client is elfutils' libdebuginfod, loaded when it is first needed: it brings libcurl and TLS
 * along, which nobody who stays on this host should pay for. It caches what it fetched in the
 * user's cache directory and obeys its own DEBUGINFOD_* variables.
 *
 * A profiler must not hang on the network. A server that gives nothing for DEBUGINFOD_TIMEOUT
 * seconds (5 if that is not set) is given up, and after that, or after any answer but "found" and
 * "no such file", no server is asked again by this resolver.
 */
#ifndef SYMBOLIZE_DEBUGINFOD_H
#define SYMBOLIZE_DEBUGINFOD_H

struct debuginfod;

enum debuginfod_what {
	DEBUGINFOD_DEBUGINFO,
	DEBUGINFOD_EXECUTABLE,
};

int debuginfod_new(struct debuginfod **ret);
void debuginfod_free(struct debuginfod *d);
/*
 * A descriptor, which the caller closes. -ENOENT: no server has it, or none is configured;
 * -EHOSTDOWN: given up; -ENOSYS: libdebuginfod is not installed; -EINVAL: no build-id.
 */
int debuginfod_fetch(struct debuginfod *d, const char *build_id, enum debuginfod_what what);

#endif
