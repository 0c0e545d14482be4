// SPDX-License-Identifier: Apache-2.0
/* waits.c, built with frame pointers in leaf functions too. */
#include "waits.c"
