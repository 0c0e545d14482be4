// SPDX-License-Identifier: Apache-2.0
/* maintain - what of housekeeping can be tested without waiting. */
#ifndef STORE_MAINTAIN_H
#define STORE_MAINTAIN_H

#include "store/embedded.h"

#define CLOCK_JUMP_NS	    (INT64_C(600) * 1000000000)
#define CLOCK_DISTRUST_NS   (INT64_C(3600) * 1000000000)
/* Between the newest window and the first look. */
#define CLOCK_FIRST_JUMP_NS (INT64_C(86400) * 1000000000)

/* False while what the wall clock says is not to be trusted. boot_ns: a clock that nobody sets. */
bool clock_guard_trusts(struct clock_guard *g, int64_t now_ns, int64_t boot_ns);

#endif
