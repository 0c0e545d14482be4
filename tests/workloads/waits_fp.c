// SPDX-License-Identifier: Apache-2.0
/* waits.c with frame pointers, down to the system call. */
#include "waits.c"
