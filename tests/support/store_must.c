// SPDX-License-Identifier: Apache-2.0
/* See store_must.h. */
#include "support/store_must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

void store_must_append(struct store *s, const struct store_fill *f, uint32_t first, uint32_t last)
{
	struct cresset_error err = {.text = ""};

	for (uint32_t i = first; i < last; i++) {
		struct cresset_profile *p;

		assert_int_equal(store_fill_window(f, i, &p), 0);
		if (store_append(s, p, &err) < 0)
			fail_msg("append %u: %s", i, err.text);
		cresset_profile_free(p);
	}
}

void store_must_maintain(struct store *s, int64_t now_ns)
{
	struct cresset_error err = {.text = ""};
	int r;

	while ((r = store_maintain(s, now_ns, &err)) > 0)
		;
	if (r < 0)
		fail_msg("maintain: %s", err.text);
}
