// SPDX-License-Identifier: Apache-2.0
/* store_must.h - what a test does with a store on its way to what it tests: it fails if that fails.
 */
#ifndef TESTS_SUPPORT_STORE_MUST_H
#define TESTS_SUPPORT_STORE_MUST_H

#include "support/store_fill.h"

/* The windows first … last - 1. */
void store_must_append(struct store *s, const struct store_fill *f, uint32_t first, uint32_t last);
/* All that there is to do. */
void store_must_maintain(struct store *s, int64_t now_ns);

#endif
