/* SPDX-License-Identifier: Apache-2.0 */
/* asleep.c with frame pointers, down to the system call. */
#define WITHOUT_LIBC
#include "asleep.c"
