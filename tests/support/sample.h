// SPDX-License-Identifier: Apache-2.0
/*
 * sample.h - one small program in all the shapes that binaries come in.
 *
 *     full          with symbols and DWARF       full.debug    its separate debug file
 *     stripped      full without either          mini          stripped, with .gnu_debugdata
 *     noid          without a build-id           noid_stripped …, with a .gnu_debuglink
 *     dbg/          a debug directory with full.debug under its build-id
 *
 * Functions: outer() (in .dynsym too) has inner() inlined; hidden() is only in .symtab and DWARF;
 * mangled() is linked as _ZN2ns7mangledEi; tight is one byte of assembly with 63 that are nobody's
 * behind it.
 */
#ifndef TESTS_SAMPLE_H
#define TESTS_SAMPLE_H

#include "support/fixture.h"

#define SAMPLE_INNER_LINE      4 /* and the next one */
#define SAMPLE_OUTER_CALL_LINE 9
#define SAMPLE_OUTER_LINE      7
#define SAMPLE_HIDDEN_LINE     12

/* False, with the reason printed, where there is no compiler. */
bool sample_build(struct fixture *f);
/* Of full and stripped, in hex. */
const char *sample_build_id(const struct fixture *f, const char *binary);

#endif
