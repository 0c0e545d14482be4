// SPDX-License-Identifier: Apache-2.0
/* See wakers.h. */
#include "wakers.h"

#include <string.h>

bool waker_read(const uint64_t *words, size_t n, struct waker *ret)
{
	if (!words || n != CRESSET_WAKER_WORDS)
		return false;
	*ret = (struct waker){
		.kernel_stack = words[CRESSET_WAKER_KERNEL],
		.user_stack = words[CRESSET_WAKER_USER],
		.pid = (uint32_t)words[CRESSET_WAKER_TASK],
		.exec_id = (uint32_t)(words[CRESSET_WAKER_TASK] >> 32),
		.flags = (uint16_t)words[CRESSET_WAKER_FLAGS],
		.kernel_skipped =
			(uint32_t)(words[CRESSET_WAKER_FLAGS] >> CRESSET_WAKER_SKIP_SHIFT),
	};
	memcpy(ret->comm, &words[CRESSET_WAKER_COMM], sizeof(ret->comm));
	return true;
}

size_t waker_ids(uint64_t id, unsigned int depth, const uint64_t *words, size_t n, uint64_t *ret)
{
	if (depth <= 1) {
		ret[0] = id;
		return 1;
	}
	if (!words)
		return 0;
	if (n > CRESSET_MAX_WAKERS)
		n = CRESSET_MAX_WAKERS;
	memcpy(ret, words, n * sizeof(*ret));
	return n;
}

void wakers_touch(struct kept *kept, uint64_t id, unsigned int depth)
{
	uint64_t ids[CRESSET_MAX_WAKERS];
	size_t n = 0;
	const uint64_t *words = kept_find(kept, id, &n);
	size_t n_ids = waker_ids(id, depth, words, n, ids);

	for (size_t i = 0; i < n_ids; i++) {
		struct waker waker;

		words = kept_find(kept, ids[i], &n);
		if (!waker_read(words, n, &waker))
			continue;
		kept_touch(kept, waker.kernel_stack);
		kept_touch(kept, waker.user_stack);
	}
}
