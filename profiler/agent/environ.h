// SPDX-License-Identifier: Apache-2.0
/*
 * environ - the texts of /proc/PID/environ and of OTEL_RESOURCE_ATTRIBUTES.
 *
 * The environment is what the kernel gave the process at exec, NUL-separated. The attributes are
 * key1=value1,key2=value2 with "%XX" in keys and values, blanks around them ignored; a malformed
 * one makes the whole worth nothing, as the specification wants it (OpenTelemetry, "Resource SDK",
 * specifying resource information via an environment variable).
 */
#ifndef AGENT_ENVIRON_H
#define AGENT_ENVIRON_H

#include <stddef.h>

/* The value of a variable in text[0 … n), its first; NULL: it is not there, or has no end. */
const char *environ_find(const char *text, size_t n, const char *name, size_t *ret_n);

/* Called for each pair, decoded; both may hold any byte. Stops with what is not 0. */
typedef int (*otel_attribute_fn)(void *arg, const char *key, size_t key_n, const char *value,
				 size_t value_n);
/* 0, -EINVAL if it is malformed (before the first call), -E2BIG (past 64 KiB), -ENOMEM, or what
 * fn returned. */
int otel_attributes_each(const char *text, size_t n, otel_attribute_fn fn, void *arg);

#endif
