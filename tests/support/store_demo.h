// SPDX-License-Identifier: Apache-2.0
/*
 * store_demo.h - windows that look like a small machine's: services with names, call trees of
 * kernel and user frames, time on CPUs, runnable and blocked. And one whose every text is an attack
 * on whatever shows it.
 */
#ifndef TESTS_SUPPORT_STORE_DEMO_H
#define TESTS_SUPPORT_STORE_DEMO_H

#include "store/store.h"

/* Window i of 10 s that begins at start_ns. */
int store_demo_window(uint32_t i, int64_t start_ns, struct cresset_profile **ret);
/* Quotes, newlines, HTML, script ends, control characters and broken UTF-8 as service, command and
 * function names. */
int store_demo_hostile(int64_t start_ns, struct cresset_profile **ret);

#define STORE_DEMO_HOSTILE                                                                         \
	"</script><script>window.hit=1</script>\"'\n\\ \xff<img src=x onerror=hit()>&amp;"

#endif
