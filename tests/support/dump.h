// SPDX-License-Identifier: Apache-2.0
/* dump.h - a profile as text, table by table: all that it holds, so that equal text is equal. */
#ifndef TESTS_SUPPORT_DUMP_H
#define TESTS_SUPPORT_DUMP_H

#include <cresset/profile.h>

/* malloc'ed; aborts when memory is out. Control characters are written as \xNN. */
char *dump_profile(const struct cresset_profile *p);

#endif
